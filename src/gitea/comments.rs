//! Comments of issues and pull requests, and the reactions to them.

use super::{Comment, Gitea, GiteaError, Seen, User, model::or_default, path};
use crate::config::Repository;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

/// So much earlier than a time is to be asked for what was updated since: the forge's times are whole seconds, and its clock is not ours.
pub const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// One account's reaction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reaction {
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    /// Such as `eyes`.
    pub content: String,
}

impl Gitea {
    /// The comments of an issue or a pull request, by id. With `since`, those that were *updated* then or later.
    pub async fn comments(
        &self,
        repository: &Repository,
        number: u64,
        since: Option<Timestamp>,
    ) -> Result<Seen<Vec<Comment>>, GiteaError> {
        // The API gives the whole list whatever `page` and `limit` say.
        let all = format!("{}/issues/{number}/comments", path::repository(repository));
        let path = match since {
            Some(since) => path::with_query(&all, &[("since", &format!("{since:.0}"))]),
            None => all,
        };
        let mut seen: Seen<Vec<Comment>> = self
            .whole_list(format!("list the comments of {repository}#{number}"), path)
            .await?;
        seen.value.sort_by_key(|comment| comment.id);
        Ok(seen)
    }

    pub async fn comment(
        &self,
        repository: &Repository,
        id: u64,
    ) -> Result<Seen<Comment>, GiteaError> {
        self.read(
            format!("read comment {id} of {repository}"),
            comment_path(repository, id),
        )
        .await
    }

    /// Sent once: see [`GiteaError::outcome`].
    pub async fn create_comment(
        &self,
        repository: &Repository,
        number: u64,
        body: &str,
    ) -> Result<Comment, GiteaError> {
        let path = format!("{}/issues/{number}/comments", path::repository(repository));
        self.create(
            format!("comment on {repository}#{number}"),
            path,
            json!({ "body": body }),
        )
        .await
    }

    pub async fn edit_comment(
        &self,
        repository: &Repository,
        id: u64,
        body: &str,
    ) -> Result<Comment, GiteaError> {
        self.set(
            format!("edit comment {id} of {repository}"),
            Method::PATCH,
            comment_path(repository, id),
            json!({ "body": body }),
        )
        .await
    }

    /// `false` when there was no such comment (any more).
    pub async fn delete_comment(
        &self,
        repository: &Repository,
        id: u64,
    ) -> Result<bool, GiteaError> {
        self.delete(
            format!("delete comment {id} of {repository}"),
            comment_path(repository, id),
        )
        .await
    }

    /// Adding it again changes nothing.
    pub async fn react(
        &self,
        repository: &Repository,
        comment: u64,
        reaction: &str,
    ) -> Result<Reaction, GiteaError> {
        let path = format!("{}/reactions", comment_path(repository, comment));
        self.set(
            format!("react to comment {comment} of {repository}"),
            Method::POST,
            path,
            json!({ "content": reaction }),
        )
        .await
    }
}

fn comment_path(repository: &Repository, id: u64) -> String {
    format!("{}/issues/comments/{id}", path::repository(repository))
}
