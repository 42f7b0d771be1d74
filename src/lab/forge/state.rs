//! What the forge knows: accounts, repositories, issues, pull requests, statuses and webhooks. In memory; git itself is on disk.

use super::activity::Act;
use super::attachments::Attachment;
use super::deliver::HookQueue;
use super::mentions::Mention;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepoId(pub i64);

/// A point in time in whole seconds, as the API shows it.
pub type Seconds = i64;

pub fn now() -> Seconds {
    Timestamp::now().as_second()
}

/// `2026-01-02T03:04:05Z`.
pub fn rfc3339(at: Seconds) -> String {
    Timestamp::from_second(at).map_or_else(|_| "0001-01-01T00:00:00Z".into(), |t| t.to_string())
}

/// A person or an organisation: they share names and ids.
pub struct User {
    pub id: UserId,
    pub login: String,
    pub full_name: String,
    pub email: String,
    pub description: String,
    /// Nobody can sign in as an organisation.
    pub password: Option<String>,
    pub admin: bool,
    pub organisation: bool,
    pub created: Seconds,
    /// Of an organisation: members who let themselves be seen by strangers.
    pub public_members: BTreeSet<UserId>,
}

pub struct Token {
    pub id: i64,
    pub user: UserId,
    pub name: String,
    pub secret: String,
    pub scopes: Vec<String>,
}

/// What somebody may do with a repository, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    None,
    Read,
    Write,
    Admin,
    Owner,
}

impl Access {
    pub fn word(self) -> &'static str {
        match self {
            Access::None => "none",
            Access::Read => "read",
            Access::Write => "write",
            Access::Admin => "admin",
            Access::Owner => "owner",
        }
    }

    pub fn from_word(word: &str) -> Option<Access> {
        Some(match word {
            "none" => Access::None,
            "read" => Access::Read,
            "write" => Access::Write,
            "admin" => Access::Admin,
            "owner" => Access::Owner,
            _ => return None,
        })
    }
}

/// A part of a repository that a team can be given rights to one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Code,
    Issues,
    Pulls,
}

impl Unit {
    pub fn key(self) -> &'static str {
        match self {
            Unit::Code => "repo.code",
            Unit::Issues => "repo.issues",
            Unit::Pulls => "repo.pulls",
        }
    }
}

pub struct Team {
    pub id: i64,
    pub organisation: UserId,
    pub name: String,
    pub description: String,
    /// `Access::None` where the rights are given unit by unit.
    pub access: Access,
    pub units: Vec<(String, Access)>,
    pub all_repositories: bool,
    pub may_create: bool,
    pub members: BTreeSet<UserId>,
    pub repositories: BTreeSet<RepoId>,
}

pub struct Repo {
    pub id: RepoId,
    pub owner: UserId,
    /// Who made it watches it.
    pub creator: Option<UserId>,
    pub name: String,
    pub description: String,
    pub private: bool,
    pub empty: bool,
    pub default_branch: String,
    pub created: Seconds,
    pub updated: Seconds,
    /// The switches that PATCH can turn, under their names in the API.
    pub switches: BTreeMap<String, Value>,
    pub collaborators: Vec<(UserId, Access)>,
    pub labels: Vec<Label>,
    pub issues: BTreeMap<i64, Issue>,
    pub statuses: Vec<Status>,
    pub hooks: Vec<Hook>,
    /// Held by whoever moves a branch.
    pub moving: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone)]
pub struct Label {
    pub id: i64,
    pub name: String,
    pub color: String,
    pub description: String,
}

#[derive(Clone)]
pub struct Reaction {
    pub user: UserId,
    pub content: String,
    pub created: Seconds,
}

/// An issue; a pull request is an issue with a `pull`.
pub struct Issue {
    pub id: i64,
    pub number: i64,
    pub poster: UserId,
    pub title: String,
    pub body: String,
    pub open: bool,
    pub created: Seconds,
    pub updated: Seconds,
    pub closed: Option<Seconds>,
    pub labels: Vec<i64>,
    pub reactions: Vec<Reaction>,
    pub timeline: Vec<Entry>,
    pub pull: Option<Pull>,
}

impl Issue {
    pub fn comments(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.timeline.iter().filter(|e| e.kind == "comment")
    }
}

/// One entry of an issue's timeline. Comments and events share their ids.
pub struct Entry {
    pub id: i64,
    /// As the API names it: `comment`, `close`, `reopen`, `label`, `pull_push`, `merge_pull`, …
    pub kind: &'static str,
    pub poster: UserId,
    pub body: String,
    pub created: Seconds,
    pub updated: Seconds,
    pub reactions: Vec<Reaction>,
    /// Where this was named; `None` of all other entries.
    pub mention: Option<Mention>,
}

#[derive(Clone)]
pub struct Pull {
    pub id: i64,
    pub head: String,
    pub base: String,
    /// The tip of the head branch, while it exists; also of a closed pull request.
    pub head_sha: String,
    /// Where `refs/pull/N/head` stands: it follows the branch while the pull request is open.
    pub ref_sha: String,
    /// The tip of the base branch, while it exists.
    pub base_sha: String,
    pub merge_base: String,
    pub head_gone: bool,
    pub mergeable: bool,
    pub additions: i64,
    pub deletions: i64,
    pub changed_files: i64,
    pub merged: Option<Merged>,
}

#[derive(Clone)]
pub struct Merged {
    pub at: Seconds,
    pub by: UserId,
    pub sha: String,
}

pub struct Status {
    pub id: i64,
    pub sha: String,
    pub state: String,
    pub context: String,
    pub description: String,
    pub target_url: String,
    pub creator: UserId,
    pub created: Seconds,
}

pub struct Hook {
    pub id: i64,
    pub kind: String,
    pub url: String,
    pub content_type: String,
    pub secret: String,
    pub events: BTreeSet<&'static str>,
    pub active: bool,
    pub branch_filter: String,
    pub authorization: String,
    pub created: Seconds,
    pub updated: Seconds,
    pub queue: HookQueue,
}

/// Where the next id of each kind comes from.
#[derive(Default)]
pub struct Ids(BTreeMap<&'static str, i64>);

impl Ids {
    pub fn next(&mut self, of: &'static str) -> i64 {
        let id = self.0.entry(of).or_insert(0);
        *id += 1;
        *id
    }
}

#[derive(Default)]
pub struct World {
    pub ids: Ids,
    pub users: BTreeMap<UserId, User>,
    pub tokens: Vec<Token>,
    pub teams: Vec<Team>,
    pub repos: BTreeMap<RepoId, Repo>,
    /// Oldest first.
    pub acts: Vec<Act>,
    /// Oldest first.
    pub attachments: Vec<Attachment>,
}

impl World {
    pub fn user_named(&self, login: &str) -> Option<&User> {
        self.users
            .values()
            .find(|u| u.login.eq_ignore_ascii_case(login))
    }

    pub fn user(&self, id: UserId) -> &User {
        // Accounts are never deleted, so an id that was handed out stays good.
        &self.users[&id]
    }

    pub fn repo_named(&self, owner: &str, name: &str) -> Option<&Repo> {
        let owner = self.user_named(owner)?.id;
        self.repos
            .values()
            .find(|r| r.owner == owner && r.name.eq_ignore_ascii_case(name))
    }

    pub fn add_user(
        &mut self,
        login: &str,
        email: &str,
        password: Option<&str>,
        admin: bool,
    ) -> UserId {
        let id = UserId(self.ids.next("user"));
        self.users.insert(
            id,
            User {
                id,
                login: login.into(),
                full_name: String::new(),
                email: email.into(),
                description: String::new(),
                password: password.map(Into::into),
                admin,
                organisation: password.is_none(),
                created: now(),
                public_members: BTreeSet::new(),
            },
        );
        id
    }

    pub fn teams_of(&self, organisation: UserId, user: UserId) -> impl Iterator<Item = &Team> {
        self.teams
            .iter()
            .filter(move |t| t.organisation == organisation && t.members.contains(&user))
    }

    pub fn is_member(&self, organisation: UserId, user: UserId) -> bool {
        self.teams_of(organisation, user).next().is_some()
    }

    pub fn is_owner(&self, organisation: UserId, user: UserId) -> bool {
        self.teams_of(organisation, user)
            .any(|t| t.access == Access::Owner)
    }

    /// The mode that the permission endpoint tells: teams count only where they have one mode for everything.
    pub fn mode(&self, repo: &Repo, user: Option<UserId>) -> Access {
        let open = if repo.private {
            Access::None
        } else {
            Access::Read
        };
        let Some(user) = user else { return open };
        if self.user(user).admin || repo.owner == user {
            return Access::Owner;
        }
        let given = repo
            .collaborators
            .iter()
            .filter(|(u, _)| *u == user)
            .map(|(_, a)| *a);
        let teams = self
            .teams_of(repo.owner, user)
            .filter(|t| reaches(t, repo))
            .map(|t| t.access);
        given.chain(teams).fold(open, Access::max)
    }

    /// What `user` may do with one part of a repository.
    pub fn access(&self, repo: &Repo, user: Option<UserId>, unit: Unit) -> Access {
        let mode = self.mode(repo, user);
        let Some(user) = user else { return mode };
        self.teams_of(repo.owner, user)
            .filter(|t| reaches(t, repo))
            .flat_map(|t| {
                t.units
                    .iter()
                    .filter(|(key, _)| key == unit.key())
                    .map(|(_, a)| *a)
            })
            .fold(mode, Access::max)
    }
}

fn reaches(team: &Team, repo: &Repo) -> bool {
    team.access == Access::Owner || team.all_repositories || team.repositories.contains(&repo.id)
}
