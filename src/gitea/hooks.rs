//! Webhooks of a repository. All of it needs the repository's admin; a secret is never shown again.

use super::paging::Listed;
use super::{Gitea, GiteaError, Seen, model::or_default, path};
use crate::config::Repository;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

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

/// A webhook as it should be.
#[derive(Debug, Clone, Copy)]
pub struct WantedHook<'a> {
    pub url: &'a Url,
    pub secret: &'a SecretString,
    pub events: &'a [&'a str],
}

impl WantedHook<'_> {
    fn body(&self) -> Value {
        json!({
            "type": "gitea",
            "active": true,
            "branch_filter": "*",
            "events": self.events,
            "config": {
                "url": self.url,
                "content_type": "json",
                "secret": self.secret.expose_secret(),
            },
        })
    }
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

    /// Sent once: see [`GiteaError::outcome`].
    pub async fn create_hook(
        &self,
        repository: &Repository,
        wanted: WantedHook<'_>,
    ) -> Result<Hook, GiteaError> {
        self.create(
            format!("add a webhook to {repository}"),
            format!("{}/hooks", path::repository(repository)),
            wanted.body(),
        )
        .await
    }

    /// Makes a webhook what it should be.
    pub async fn mend_hook(
        &self,
        repository: &Repository,
        hook: u64,
        wanted: WantedHook<'_>,
    ) -> Result<Hook, GiteaError> {
        self.set(
            format!("mend webhook {hook} of {repository}"),
            Method::PATCH,
            format!("{}/hooks/{hook}", path::repository(repository)),
            wanted.body(),
        )
        .await
    }
}
