//! Webhooks of a repository.

use super::{Gitea, GiteaError, Hook, Seen, path};
use crate::config::Repository;

impl Gitea {
    /// To see them, the account must be the repository's admin.
    pub async fn hooks(&self, repository: &Repository) -> Result<Seen<Vec<Hook>>, GiteaError> {
        let path = format!("{}/hooks", path::repository(repository));
        self.paged_list(format!("list the webhooks of {repository}"), path)
            .await
    }
}
