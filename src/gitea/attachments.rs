//! Files at comments.

use super::transport::{Body, Call};
use super::{Gitea, GiteaError, Seen, path};
use crate::config::Repository;
use reqwest::Method;
use serde::Deserialize;

/// A file at a comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attachment {
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Where it can be fetched.
    pub browser_download_url: String,
}

impl Gitea {
    /// The files at a comment.
    pub async fn attachments(
        &self,
        repository: &Repository,
        comment: u64,
    ) -> Result<Seen<Vec<Attachment>>, GiteaError> {
        // The API gives the whole list, and knows no pages of it.
        let doing = format!("list the files at comment {comment} of {repository}");
        self.whole_list(doing, assets(repository, comment)).await
    }

    /// Puts a file at a comment of its own. Needs write access. Sent once: see [`GiteaError::outcome`].
    pub async fn attach(
        &self,
        repository: &Repository,
        comment: u64,
        name: &str,
        content: Vec<u8>,
    ) -> Result<Attachment, GiteaError> {
        let doing = format!("attach `{name}` to comment {comment} of {repository}");
        let call = Call {
            body: Some(Body::File {
                field: "attachment",
                name: name.to_owned(),
                content,
            }),
            ..Call::new(doing, Method::POST, assets(repository, comment))
        };
        let answer = self.transport.once(&call).await?;
        self.seen(&call, answer).map(|seen| seen.value)
    }
}

fn assets(repository: &Repository, comment: u64) -> String {
    format!(
        "{}/issues/comments/{comment}/assets",
        path::repository(repository)
    )
}
