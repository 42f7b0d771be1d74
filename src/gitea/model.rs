//! What the forge answers, as far as Gavel reads it. Tolerant: what is missing or `null` in some version is empty here,
//! and only what identifies a thing must be there.

use super::paging::Listed;
use crate::config::Repository;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use std::fmt;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct User {
    #[serde(default)]
    pub id: i64,
    /// Empty where the forge names nobody; no account has an empty login.
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    #[serde(default, deserialize_with = "or_default")]
    pub is_admin: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    pub id: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    /// Empty on a pull request.
    #[serde(default, deserialize_with = "or_default")]
    pub issue_url: String,
    /// Empty on an issue.
    #[serde(default, deserialize_with = "or_default")]
    pub pull_request_url: String,
    /// Whole seconds, as all times of the forge: ids order.
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    /// An edit can leave it where it was.
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    pub state: State,
    #[serde(default, deserialize_with = "or_default")]
    pub merged: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub merge_commit_sha: String,
    #[serde(default, deserialize_with = "or_default")]
    pub user: User,
    #[serde(default, deserialize_with = "or_default")]
    pub html_url: String,
    pub head: Side,
    pub base: Side,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub closed_at: Option<Timestamp>,
}

/// One of the two ends of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Side {
    /// The branch as it was named when the pull request was opened.
    #[serde(default, deserialize_with = "or_default")]
    pub label: String,
    /// The branch, or `refs/pull/{number}/head` once the branch is gone.
    #[serde(default, deserialize_with = "or_default", rename = "ref")]
    pub reference: String,
    #[serde(default, deserialize_with = "or_default")]
    pub sha: String,
    /// `None` once the repository is gone.
    #[serde(default)]
    pub repo: Option<RepositoryName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RepositoryName {
    pub full_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub id: u64,
    /// Gitea calls it `status` here, and `state` in webhooks and elsewhere.
    #[serde(alias = "status")]
    pub state: StatusState,
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    #[serde(default, deserialize_with = "or_default")]
    pub target_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub creator: User,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusState {
    Pending,
    Success,
    Failure,
    Error,
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Branch {
    pub name: String,
    pub commit: BranchCommit,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BranchCommit {
    /// The full hash.
    #[serde(rename = "id")]
    pub sha: String,
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    pub id: u64,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    pub version: String,
}

/// What a user may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    Owner,
    Admin,
    Write,
    Read,
    None,
    /// One that this client does not know, and trusts with nothing.
    #[serde(other)]
    Unknown,
}

impl Permission {
    pub fn is_admin(self) -> bool {
        matches!(self, Permission::Owner | Permission::Admin)
    }

    pub fn can_write(self) -> bool {
        matches!(
            self,
            Permission::Owner | Permission::Admin | Permission::Write
        )
    }
}

impl Pull {
    /// The branch that it was opened from, also after the branch is gone.
    pub fn head_branch(&self) -> &str {
        if self.head.reference.starts_with("refs/pull/") {
            &self.head.label
        } else {
            &self.head.reference
        }
    }

    /// Whether it was opened from a branch of `repository` itself, not of a fork.
    pub fn is_from(&self, repository: &Repository) -> bool {
        let name = self
            .head
            .repo
            .as_ref()
            .and_then(|repo| repo.full_name.parse::<Repository>().ok());
        name.as_ref() == Some(repository)
    }
}

impl StatusState {
    pub fn as_str(&self) -> &str {
        match self {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
            StatusState::Error => "error",
            StatusState::Other(text) => text,
        }
    }
}

impl fmt::Display for StatusState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for StatusState {
    fn from(text: String) -> StatusState {
        match text.as_str() {
            "pending" => StatusState::Pending,
            "success" => StatusState::Success,
            "failure" => StatusState::Failure,
            "error" => StatusState::Error,
            _ => StatusState::Other(text),
        }
    }
}

impl<'de> Deserialize<'de> for StatusState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StatusState, D::Error> {
        String::deserialize(deserializer).map(StatusState::from)
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        Ok(match String::deserialize(deserializer)? {
            text if text == "open" => State::Open,
            text if text == "closed" => State::Closed,
            text => State::Other(text),
        })
    }
}

impl Listed for Pull {
    type Id = u64;

    fn id(&self) -> u64 {
        self.number
    }
}

macro_rules! listed_by_id {
    ($($name:ident),*) => {$(
        impl Listed for $name {
            type Id = u64;

            fn id(&self) -> u64 {
                self.id
            }
        }
    )*};
}

/// A file that a pull request changes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    pub filename: String,
}

impl Listed for ChangedFile {
    type Id = String;

    fn id(&self) -> String {
        self.filename.clone()
    }
}

impl Listed for RepositoryName {
    type Id = String;

    fn id(&self) -> String {
        self.full_name.clone()
    }
}

impl Listed for Branch {
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }
}

/// One thing that happened to an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TimelineEntry {
    pub id: u64,
}

listed_by_id!(Status, Team, TimelineEntry);

/// `null` is the empty value.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A time, or `None` for what is none.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}
