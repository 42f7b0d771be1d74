//! Pull requests: opened, found, read, closed. Never merged.

use super::{ChangedFile, Gitea, GiteaError, Pull, Seen, TimelineEntry, path};
use crate::config::Repository;
use reqwest::Method;
use serde_json::json;

impl Gitea {
    pub async fn pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Seen<Pull>, GiteaError> {
        self.read(
            format!("read pull request {repository}#{number}"),
            pull_path(repository, number),
        )
        .await
    }

    /// All pull requests of a repository, open or not.
    pub async fn pulls(&self, repository: &Repository) -> Result<Seen<Vec<Pull>>, GiteaError> {
        let path = path::with_query(
            &format!("{}/pulls", path::repository(repository)),
            &[("state", "all")],
        );
        self.paged_list(format!("list the pull requests of {repository}"), path)
            .await
    }

    /// The files that a pull request changes.
    pub async fn pull_files(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Seen<Vec<ChangedFile>>, GiteaError> {
        self.paged_list(
            format!("list the files of pull request {repository}#{number}"),
            format!("{}/files", pull_path(repository, number)),
        )
        .await
    }

    /// Everything that happened to an issue or pull request.
    pub async fn timeline(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Seen<Vec<TimelineEntry>>, GiteaError> {
        self.paged_list(
            format!("list what happened to {repository}#{number}"),
            format!("{}/issues/{number}/timeline", path::repository(repository)),
        )
        .await
    }

    /// The pull requests opened from a branch of the repository itself, open or not, also when the branch is gone.
    pub async fn pulls_from(
        &self,
        repository: &Repository,
        branch: &str,
    ) -> Result<Seen<Vec<Pull>>, GiteaError> {
        let mut seen = self.pulls(repository).await?;
        seen.value
            .retain(|pull| pull.head_branch() == branch && pull.is_from(repository));
        Ok(seen)
    }

    /// Sent once: see [`GiteaError::outcome`]. A second one for the same branches is a conflict.
    pub async fn create_pull(
        &self,
        repository: &Repository,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
    ) -> Result<Pull, GiteaError> {
        let path = format!("{}/pulls", path::repository(repository));
        let doing = format!("open a pull request in {repository} from {head} to {base}");
        self.create(
            doing,
            path,
            json!({ "head": head, "base": base, "title": title, "body": body }),
        )
        .await
    }

    pub async fn close_pull(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Pull, GiteaError> {
        let doing = format!("close pull request {repository}#{number}");
        self.set(
            doing,
            Method::PATCH,
            pull_path(repository, number),
            json!({ "state": "closed" }),
        )
        .await
    }
}

fn pull_path(repository: &Repository, number: u64) -> String {
    format!("{}/pulls/{number}", path::repository(repository))
}
