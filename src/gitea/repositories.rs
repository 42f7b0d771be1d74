//! Repositories: branches, files, and who may do what in them.

use super::{
    Branch, Gitea, GiteaError, Permission, RepositoryName, Seen,
    error::Failure,
    model::or_default,
    path,
    transport::{Body, Call, Expects},
};
use crate::config::Repository;
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Far beyond any repository of tests. A larger one is an error, never cut.
const MOST_TREE_PAGES: usize = 200;

/// A file to be added in a commit of its own.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// Below the top of the repository. Nothing may be there yet.
    pub path: &'a str,
    pub content: &'a [u8],
    /// The commit's.
    pub message: &'a str,
    /// What the commit is made on top of.
    pub branch: &'a str,
    /// A branch that is made for the commit.
    pub new_branch: &'a str,
}

#[derive(Deserialize)]
struct Written {
    commit: WrittenCommit,
}

#[derive(Deserialize)]
struct WrittenCommit {
    sha: String,
}

#[derive(Deserialize)]
struct UserPermission {
    permission: Permission,
}

/// A repository, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    /// That which is shown first, and to which pull requests lead.
    pub default_branch: String,
    /// It has no commit yet.
    #[serde(default, deserialize_with = "or_default")]
    pub empty: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub has_pull_requests: bool,
    /// What an account does there is shown to itself and to the forge's admins only.
    #[serde(default, deserialize_with = "or_default")]
    pub private: bool,
    /// A pull request whose commits reach its base becomes merged by itself.
    #[serde(default, deserialize_with = "or_default")]
    pub autodetect_manual_merge: bool,
    /// What whoever asks may do there.
    #[serde(default, deserialize_with = "or_default")]
    pub permissions: Rights,
}

/// What an account may do in a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Rights {
    #[serde(default)]
    pub admin: bool,
    #[serde(default)]
    pub push: bool,
    #[serde(default)]
    pub pull: bool,
}

/// What a commit has beyond another one.
#[derive(Deserialize)]
struct Beyond {
    total_commits: u64,
}

/// A file as the forge gives it; a folder has no content.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    sha: String,
    #[serde(default)]
    content: Option<String>,
}

/// One page of a tree.
#[derive(Deserialize)]
struct Tree {
    #[serde(default)]
    tree: Option<Vec<Entry>>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

impl Content {
    fn text(&self) -> Option<String> {
        let plain: String = self.content.as_ref()?.split_whitespace().collect();
        let bytes = STANDARD.decode(plain).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Gitea {
    pub async fn branch(
        &self,
        repository: &Repository,
        branch: &str,
    ) -> Result<Seen<Branch>, GiteaError> {
        self.read(
            format!("read branch {branch} of {repository}"),
            branch_path(repository, branch),
        )
        .await
    }

    /// The repositories that an account itself has, as far as this account may see them.
    pub async fn repositories_of(
        &self,
        owner: &str,
    ) -> Result<Seen<Vec<RepositoryName>>, GiteaError> {
        self.paged_list(
            format!("list the repositories of {owner}"),
            format!("users/{}/repos", path::part(owner)),
        )
        .await
    }

    /// What a repository is like, and what this account may do there.
    pub async fn about(&self, repository: &Repository) -> Result<Seen<About>, GiteaError> {
        self.read(
            format!("read what {repository} is like"),
            path::repository(repository),
        )
        .await
    }

    /// Makes a public repository of an organisation, with a first commit or without. Sent once: see [`GiteaError::outcome`].
    pub async fn create_repository(
        &self,
        repository: &Repository,
        filled: bool,
    ) -> Result<(), GiteaError> {
        let path = format!("orgs/{}/repos", path::part(repository.owner()));
        let wanted = json!({
            "name": repository.name(), "default_branch": "main", "private": false, "auto_init": filled,
        });
        let doing = format!("make the repository {repository}");
        self.create::<Value>(doing, path, wanted).await.map(drop)
    }

    /// Makes an account a collaborator with this access: `read`, `write` or `admin`. Needs the repository's admin.
    pub async fn let_in(
        &self,
        repository: &Repository,
        login: &str,
        access: &str,
    ) -> Result<(), GiteaError> {
        let path = format!(
            "{}/collaborators/{}",
            path::repository(repository),
            path::part(login)
        );
        let call = Call {
            body: Some(Body::Json(json!({ "permission": access }))),
            expects: Expects::Nothing,
            ..Call::new(format!("let {login} into {repository}"), Method::PUT, path)
        };
        self.transport.repeat(&call).await.map(drop)
    }

    /// Every branch of a repository.
    pub async fn branches(&self, repository: &Repository) -> Result<Seen<Vec<Branch>>, GiteaError> {
        self.paged_list(
            format!("list the branches of {repository}"),
            format!("{}/branches", path::repository(repository)),
        )
        .await
    }

    /// Whether a commit stands on another one: is the same, or has it among those before it. A repository without one of them answers
    /// that there is nothing. By `GET /repos/{owner}/{repo}/compare/{basehead}`, which lists what `older` has beyond `newer`.
    pub async fn stands_on(
        &self,
        repository: &Repository,
        newer: &str,
        older: &str,
    ) -> Result<bool, GiteaError> {
        let beyond: Seen<Beyond> = self
            .read(
                format!("compare {newer} of {repository} with {older}"),
                path::with_query(
                    &format!(
                        "{}/compare/{}...{}",
                        path::repository(repository),
                        path::part(newer),
                        path::part(older)
                    ),
                    &[("files", "false"), ("verification", "false")],
                ),
            )
            .await?;
        Ok(beyond.value.total_commits == 0)
    }

    /// The text of a file as it is at a commit or on a branch; `None` where there is no such file.
    pub async fn file(
        &self,
        repository: &Repository,
        file: &str,
        at: &str,
    ) -> Result<Seen<Option<String>>, GiteaError> {
        let path = path::with_query(
            &format!(
                "{}/contents/{}",
                path::repository(repository),
                path::rest(file)
            ),
            &[("ref", at)],
        );
        let doing = format!("read {file} of {repository} at {at}");
        let seen: Result<Seen<Content>, GiteaError> = self.read(doing, path).await;
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) if error.is_not_found() => {
                return Ok(Seen {
                    value: None,
                    answer: Value::Null,
                    asked: error.asked().to_owned(),
                });
            }
            Err(error) => return Err(error),
        };
        let text = seen.value.text();
        Ok(Seen {
            // What came is in base64, in which nobody would find a secret.
            answer: json!({ "sha": seen.value.sha, "text": text }),
            value: text,
            asked: seen.asked,
        })
    }

    /// Every file of a repository at a commit: its path, with mode and blob; `None` where the forge has no such commit (any more).
    pub async fn tree(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Seen<Option<BTreeMap<String, String>>>, GiteaError> {
        let doing = format!("list the files of {repository} at {commit}");
        let whole = format!(
            "{}/git/trees/{}",
            path::repository(repository),
            path::part(commit)
        );
        let call = Call::new(doing.as_str(), Method::GET, whole.clone());
        let asked = self.transport.asked(&call);
        let mut files = BTreeMap::new();
        for page in 1..=MOST_TREE_PAGES {
            let query = [("recursive", "true"), ("page", &page.to_string())];
            let path = path::with_query(&whole, &query);
            let seen: Result<Seen<Tree>, GiteaError> = self.read(doing.as_str(), path).await;
            let tree = match seen {
                Ok(seen) => seen.value,
                // Gitea says 400 of an object that it does not have.
                Err(error) if error.is_not_found() || error.is_bad_request() => {
                    let (value, answer) = (None, Value::Null);
                    return Ok(Seen {
                        value,
                        answer,
                        asked,
                    });
                }
                Err(error) => return Err(error),
            };
            let entries = tree.tree.unwrap_or_default();
            let ended = entries.is_empty() || !tree.truncated;
            let entries = entries.into_iter().filter(|entry| entry.kind != "tree");
            files.extend(entries.map(|entry| {
                let object = format!("{} {}", entry.mode, entry.sha);
                (entry.path, object)
            }));
            if ended {
                return Ok(Seen {
                    answer: json!(files),
                    value: Some(files),
                    asked,
                });
            }
        }
        let failure = Failure::TooManyPages(MOST_TREE_PAGES);
        Err(self.transport.error(&call, failure))
    }

    /// `false` when the forge says that there was no such branch; some say nothing of the kind.
    pub async fn delete_branch(
        &self,
        repository: &Repository,
        branch: &str,
    ) -> Result<bool, GiteaError> {
        self.delete(
            format!("delete branch {branch} of {repository}"),
            branch_path(repository, branch),
        )
        .await
    }

    /// Commits a new file on a new branch; gives the commit's hash. Sent once: see [`GiteaError::outcome`].
    /// A branch that exists already is refused (422).
    pub async fn create_file(
        &self,
        repository: &Repository,
        file: NewFile<'_>,
    ) -> Result<String, GiteaError> {
        self.write_file(repository, file, None).await
    }

    /// Commits a file to a branch, or to a new one that is made of it; gives the commit's hash. `replaces` is the blob that stands there
    /// now, of a file that exists. Sent once: see [`GiteaError::outcome`].
    pub async fn write_file(
        &self,
        repository: &Repository,
        file: NewFile<'_>,
        replaces: Option<&str>,
    ) -> Result<String, GiteaError> {
        let path = format!(
            "{}/contents/{}",
            path::repository(repository),
            path::rest(file.path)
        );
        let mut body = json!({
            "content": STANDARD.encode(file.content),
            "message": file.message,
            "branch": file.branch,
        });
        if file.new_branch != file.branch {
            body["new_branch"] = json!(file.new_branch);
        }
        let doing = format!(
            "commit {} to {} of {repository}",
            file.path, file.new_branch
        );
        let written: Written = match replaces {
            None => self.create(doing, path, body).await?,
            Some(blob) => {
                body["sha"] = json!(blob);
                self.set(doing, Method::PUT, path, body).await?
            }
        };
        Ok(written.commit.sha)
    }

    /// Whether the account stands in the repository's list of collaborators, with whatever right; teams do not count.
    pub async fn is_collaborator(
        &self,
        repository: &Repository,
        login: &str,
    ) -> Result<Seen<bool>, GiteaError> {
        let path = format!(
            "{}/collaborators/{}",
            path::repository(repository),
            path::part(login)
        );
        let (seen, _) = self
            .ask(
                format!("ask whether {login} is a collaborator of {repository}"),
                path,
            )
            .await?;
        Ok(seen)
    }

    /// What an account may do in the repository, teams included. To ask about another account, this one must be the repository's admin.
    pub async fn permission(
        &self,
        repository: &Repository,
        login: &str,
    ) -> Result<Seen<Permission>, GiteaError> {
        let path = format!(
            "{}/collaborators/{}/permission",
            path::repository(repository),
            path::part(login)
        );
        let seen: Seen<UserPermission> = self
            .read(format!("ask what {login} may do in {repository}"), path)
            .await?;
        Ok(seen.map(|user| user.permission))
    }
}

fn branch_path(repository: &Repository, branch: &str) -> String {
    format!(
        "{}/branches/{}",
        path::repository(repository),
        path::rest(branch)
    )
}
