//! Commit statuses.

use super::{CombinedStatus, Gitea, GiteaError, Seen, Status, path};
use crate::config::Repository;

impl Gitea {
    /// All statuses that a commit ever got, oldest first by id.
    pub async fn statuses(
        &self,
        repository: &Repository,
        sha: &str,
    ) -> Result<Seen<Vec<Status>>, GiteaError> {
        let path = format!(
            "{}/commits/{}/statuses",
            path::repository(repository),
            path::part(sha)
        );
        let mut seen: Seen<Vec<Status>> = self
            .paged_list(format!("list the statuses of {repository} at {sha}"), path)
            .await?;
        seen.value.sort_by_key(|status| status.id);
        Ok(seen)
    }

    /// What the forge shows beside a commit: the newest status of each context. Its list may be cut; [`Gitea::statuses`] is not.
    pub async fn combined_status(
        &self,
        repository: &Repository,
        sha: &str,
    ) -> Result<Seen<CombinedStatus>, GiteaError> {
        let path = format!(
            "{}/commits/{}/status",
            path::repository(repository),
            path::part(sha)
        );
        self.read(format!("read the status of {repository} at {sha}"), path)
            .await
    }
}
