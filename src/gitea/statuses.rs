//! Commit statuses.

use super::{Gitea, GiteaError, Seen, Status, path};
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
}
