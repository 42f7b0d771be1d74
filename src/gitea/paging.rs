//! Reads lists to their end, whatever the server makes of `page` and `limit`.

use super::{Gitea, GiteaError, Seen, error::Failure, path, transport::Call};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::HashSet;

/// What is asked for; a server may give less.
const PAGE: &str = "50";
/// Far beyond any list that Gavel reads. A longer one is an error, never cut.
const MOST_PAGES: usize = 400;

/// What tells the elements of a list apart: one that comes twice, because the list moved between two pages, counts once.
pub trait Listed: DeserializeOwned {
    type Id: std::hash::Hash + Eq;

    fn id(&self) -> Self::Id;
}

impl Gitea {
    /// A list that the API gives in one piece. `null` is an empty one.
    pub(super) async fn whole_list<T: DeserializeOwned>(
        &self,
        doing: impl Into<String>,
        path: String,
    ) -> Result<Seen<Vec<T>>, GiteaError> {
        let seen: Seen<Option<Vec<T>>> = self.read(doing, path).await?;
        Ok(seen.map(Option::unwrap_or_default))
    }

    /// All pages of a list.
    pub(super) async fn paged_list<T: Listed>(
        &self,
        doing: impl Into<String>,
        path: String,
    ) -> Result<Seen<Vec<T>>, GiteaError> {
        let whole = Call::new(doing, Method::GET, path);
        let mut known = HashSet::new();
        let mut value = Vec::new();
        let mut answer = Vec::new();
        for page in 1..=MOST_PAGES {
            let path =
                path::with_query(&whole.path, &[("page", &page.to_string()), ("limit", PAGE)]);
            let call = Call::new(whole.doing.as_str(), Method::GET, path);
            let came = self.transport.repeat(&call).await?;
            let total = came.total;
            let elements: Vec<T> = Option::deserialize(&came.body)
                .map_err(|error| self.transport.misshapen(&call, error))?
                .unwrap_or_default();
            let before = value.len();
            for element in elements {
                if known.insert(element.id()) {
                    value.push(element);
                }
            }
            // An empty page is the end, and so is one that repeats the last: then the server ignores `page`.
            let ended = value.len() == before;
            if !ended && let Value::Array(elements) = came.body {
                answer.extend(elements);
            }
            // A short page is no end: the server may cap `limit` below what was asked for.
            if ended || total.is_some_and(|total| value.len() >= total) {
                return Ok(Seen {
                    value,
                    answer: Value::Array(answer),
                    asked: self.transport.asked(&whole),
                });
            }
        }
        Err(self
            .transport
            .error(&whole, Failure::TooManyPages(MOST_PAGES)))
    }
}
