//! Issues of a repository.

use super::paging::Listed;
use super::{Gitea, GiteaError, Seen, User, model::or_default, path};
use crate::config::Repository;
use serde::Deserialize;
use serde_json::{Value, json};

/// An issue, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct Issue {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// There where it is a pull request, which the API calls an issue, too.
    #[serde(default)]
    pub pull_request: Option<Value>,
}

impl Issue {
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }
}

impl Listed for Issue {
    type Id = u64;

    fn id(&self) -> u64 {
        self.number
    }
}

impl Gitea {
    /// The open issues of a repository, pull requests left out.
    pub async fn open_issues(
        &self,
        repository: &Repository,
    ) -> Result<Seen<Vec<Issue>>, GiteaError> {
        let all = format!("{}/issues", path::repository(repository));
        let path = path::with_query(&all, &[("state", "open"), ("type", "issues")]);
        self.paged_list(format!("list the open issues of {repository}"), path)
            .await
    }

    pub async fn issue(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Seen<Issue>, GiteaError> {
        self.read(
            format!("read {repository}#{number}"),
            format!("{}/issues/{number}", path::repository(repository)),
        )
        .await
    }

    /// Sent once: see [`GiteaError::outcome`].
    pub async fn create_issue(
        &self,
        repository: &Repository,
        title: &str,
        body: &str,
    ) -> Result<Issue, GiteaError> {
        self.create(
            format!("open an issue in {repository}"),
            format!("{}/issues", path::repository(repository)),
            json!({ "title": title, "body": body }),
        )
        .await
    }
}
