//! What the forge remembers of an account's acts: pushes, branches, pull requests, comments.

use super::{Gitea, GiteaError, Seen, error::Failure, path, transport::Call};
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Far beyond what an account does between two looks. More is an error, never cut.
const MOST_PAGES: usize = 400;

/// One act of an account, as far as paging needs it; the whole is in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Activity {
    pub id: u64,
    pub created: Timestamp,
}

impl Gitea {
    /// The id of the newest act of an account, 0 without any.
    pub async fn latest_act(&self, account: &str) -> Result<Seen<u64>, GiteaError> {
        // The newest second may hold several, in no order.
        let path = format!(
            "users/{}/activities/feeds?only-performed-by=true&page=1&limit=50",
            path::part(account)
        );
        let doing = format!("list what {account} did");
        let seen: Seen<Option<Vec<Activity>>> = self.read(doing, path).await?;
        let acts = seen.value.unwrap_or_default();
        Ok(Seen {
            value: acts.iter().map(|act| act.id).max().unwrap_or_default(),
            answer: seen.answer,
            asked: seen.asked,
        })
    }

    /// What an account itself did since the act `after` (0: ever), by id, of what this account may see. Gitea shows nothing of
    /// accounts that keep their activity private, nor of private repositories, to anybody but themselves and administrators;
    /// acts on what was deleted, a comment or a repository, go with it.
    pub async fn activity(
        &self,
        account: &str,
        after: u64,
    ) -> Result<Seen<Vec<Activity>>, GiteaError> {
        self.acts(
            account,
            |page| reaches_behind(page, after),
            |act| act.id > after,
        )
        .await
    }

    /// What an account itself did at this time or later, by the forge's clock; else like [`Gitea::activity`].
    pub async fn activity_since(
        &self,
        account: &str,
        since: Timestamp,
    ) -> Result<Seen<Vec<Activity>>, GiteaError> {
        let is_behind = |page: &[Activity]| page.last().is_some_and(|last| last.created < since);
        self.acts(account, is_behind, |act| act.created >= since)
            .await
    }

    /// What an account itself did, page by page until one tells that nothing behind it matters: those acts that matter, by id.
    async fn acts(
        &self,
        account: &str,
        is_last: impl Fn(&[Activity]) -> bool,
        matters: impl Fn(&Activity) -> bool,
    ) -> Result<Seen<Vec<Activity>>, GiteaError> {
        let doing = format!("list what {account} did");
        let whole = format!(
            "users/{}/activities/feeds?only-performed-by=true",
            path::part(account)
        );
        let asked = self
            .transport
            .asked(&Call::new(doing.as_str(), Method::GET, whole.clone()));
        let mut found = BTreeMap::new();
        for page in 1..=MOST_PAGES {
            let path = format!("{whole}&page={page}&limit=50");
            let seen: Seen<Option<Vec<Activity>>> = self.read(doing.as_str(), path).await?;
            let acts = seen.value.unwrap_or_default();
            let behind = is_last(&acts);
            let answers = match seen.answer {
                Value::Array(answers) => answers,
                _ => Vec::new(),
            };
            let before = found.len();
            for (act, answer) in acts.into_iter().zip(answers) {
                found.insert(act.id, (act, answer));
            }
            // A page with nothing new is the end: it is empty, or the server ignores `page`.
            if behind || found.len() == before {
                let told = found.into_values().filter(|(act, _)| matters(act));
                let (value, answer): (Vec<_>, Vec<_>) = told.unzip();
                return Ok(Seen {
                    value,
                    answer: Value::Array(answer),
                    asked,
                });
            }
        }
        let call = Call::new(doing, Method::GET, whole);
        Err(self
            .transport
            .error(&call, Failure::TooManyPages(MOST_PAGES)))
    }
}

/// Whether nothing behind this page can be newer than `after`. The forge sorts by whole seconds only, and within one of
/// them in no order: the page must be old throughout and end in an earlier second than it begins.
fn reaches_behind(page: &[Activity], after: u64) -> bool {
    let earlier = page
        .first()
        .zip(page.last())
        .is_some_and(|(first, last)| last.created < first.created);
    earlier && page.iter().all(|act| act.id <= after)
}
