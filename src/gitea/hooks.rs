//! Webhooks of a repository. All of it needs the repository's admin; a secret is never shown again.

use super::paging::Listed;
use super::{Gitea, GiteaError, Seen, model::or_default, path};
use crate::config::Repository;
use serde::Deserialize;

/// A webhook, as its repository's admin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    pub id: u64,
    /// `gitea` delivers as the forge's own documentation says; others speak for chats.
    #[serde(default, deserialize_with = "or_default", rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub active: bool,
    /// Fine ones: who asks for `issues` gets all of its kind listed.
    #[serde(default, deserialize_with = "or_default")]
    pub events: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub config: HookConfig,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
    /// `json` or `form`.
    #[serde(default, deserialize_with = "or_default")]
    pub content_type: String,
}

impl Listed for Hook {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }
}

impl Gitea {
    /// All webhooks of a repository.
    pub async fn hooks(&self, repository: &Repository) -> Result<Seen<Vec<Hook>>, GiteaError> {
        self.paged_list(
            format!("list the webhooks of {repository}"),
            format!("{}/hooks", path::repository(repository)),
        )
        .await
    }
}
