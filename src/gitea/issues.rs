//! Issues and their labels.

use super::{Gitea, GiteaError, Issue, Seen, model::or_default, paging::Listed, path};
use crate::config::Repository;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    pub id: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

impl Listed for Label {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }
}

impl Gitea {
    /// An issue, or the issue side of a pull request.
    pub async fn issue(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Seen<Issue>, GiteaError> {
        let path = format!("{}/issues/{number}", path::repository(repository));
        self.read(format!("read {repository}#{number}"), path).await
    }

    /// The labels that a repository has to give.
    pub async fn labels(&self, repository: &Repository) -> Result<Seen<Vec<Label>>, GiteaError> {
        let path = format!("{}/labels", path::repository(repository));
        self.paged_list(format!("list the labels of {repository}"), path)
            .await
    }

    /// Labels an issue or a pull request, by the labels' ids; gives all that it has now.
    pub async fn add_labels(
        &self,
        repository: &Repository,
        number: u64,
        labels: &[u64],
    ) -> Result<Vec<Label>, GiteaError> {
        let path = format!("{}/issues/{number}/labels", path::repository(repository));
        let all: Option<Vec<Label>> = self
            .set(
                format!("label {repository}#{number}"),
                Method::POST,
                path,
                json!({ "labels": labels }),
            )
            .await?;
        Ok(all.unwrap_or_default())
    }
}
