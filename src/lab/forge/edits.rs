//! Commits through the API: files created, changed and deleted without a work tree.

use super::Shared;
use super::access::Asker;
use super::access::seen;
use super::answer::{Answer, Body, No, reply, required};
use super::branches::is_branch_name;
use super::contents::{Place, file_shape, named};
use super::git::{Git, TreeEntry};
use super::history::{Change, Commit, NewCommit};
use super::pushes::Moved;
use super::show::{person, unsigned};
use super::state::{Access, RepoId, Unit, UserId, now};
use axum::extract::{Path, State};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Who {
    name: String,
    email: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct FileChange {
    message: String,
    branch: String,
    new_branch: String,
    author: Who,
    committer: Who,
    sha: String,
    content: String,
    from_path: String,
    files: Vec<Operation>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Operation {
    operation: String,
    path: String,
    content: String,
    sha: String,
    from_path: String,
}

#[derive(PartialEq)]
enum Verb {
    Create,
    Update,
    Delete,
    Many,
}

pub async fn create(
    state: State<Shared>,
    asker: Asker,
    path: Path<(String, String, String)>,
    body: Body,
) -> Answer {
    one(state, asker, path, body, Verb::Create).await
}

pub async fn update(
    state: State<Shared>,
    asker: Asker,
    path: Path<(String, String, String)>,
    body: Body,
) -> Answer {
    one(state, asker, path, body, Verb::Update).await
}

pub async fn delete(
    state: State<Shared>,
    asker: Asker,
    path: Path<(String, String, String)>,
    body: Body,
) -> Answer {
    one(state, asker, path, body, Verb::Delete).await
}

pub async fn many(
    state: State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Answer {
    one(
        state,
        asker,
        Path((owner, name, String::new())),
        body,
        Verb::Many,
    )
    .await
}

async fn one(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, path)): Path<(String, String, String)>,
    body: Body,
    verb: Verb,
) -> Answer {
    let (id, git, user, default, may_write, moving) = {
        let world = shared.world();
        let repo = seen(&world, asker, &owner, &name)?;
        let user = asker.signed_in()?;
        let may_write = world.access(repo, Some(user), Unit::Code) >= Access::Write;
        (
            repo.id,
            shared.git(&world, repo),
            user,
            repo.default_branch.clone(),
            may_write,
            repo.moving.clone(),
        )
    };
    let mut change: FileChange = body.read()?;
    if !may_write {
        return Err(No::because(
            403,
            "user should have a permission to write to the target branch",
        ));
    }
    let operation = match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Delete => "delete",
        Verb::Many => "",
    };
    if verb != Verb::Many {
        if verb != Verb::Create {
            required(&[("SHA", &change.sha)])?;
        }
        let (content, sha, from_path) = (
            change.content.clone(),
            change.sha.clone(),
            change.from_path.clone(),
        );
        change.files = vec![Operation {
            operation: operation.into(),
            path,
            content,
            sha,
            from_path,
        }];
    }
    if change.branch.is_empty() {
        change.branch = default;
    }
    let _held = moving.lock().await;
    let made = commit(&shared, id, &git, user, &change).await?;
    let (full_name, _) = named(&shared, id)?;
    let response = response(&shared, &full_name, &made, &change, &verb);
    shared.follow(id, user, &[made.moved]).await?;
    Ok(reply(
        if matches!(verb, Verb::Create | Verb::Many) {
            201
        } else {
            200
        },
        &response,
    ))
}

struct Made {
    commit: Commit,
    branch: String,
    moved: Moved,
}

async fn commit(
    shared: &Shared,
    id: RepoId,
    git: &Git,
    user: UserId,
    change: &FileChange,
) -> Result<Made, No> {
    let target = if change.new_branch.is_empty() {
        &change.branch
    } else {
        &change.new_branch
    };
    if !is_branch_name(target) {
        return Err(No::because(422, "[NewBranchName]: GitRefName"));
    }
    let heads = git.references("refs/heads/").await?;
    let tip = |branch: &str| {
        heads
            .iter()
            .find(|r| r.name.strip_prefix("refs/heads/") == Some(branch))
            .map(|r| r.sha.clone())
    };
    let parent = tip(&change.branch);
    if parent.is_none() && !heads.is_empty() {
        return Err(No::because(
            404,
            format!(
                "branch does not exist [repo_id: {} name: {}]",
                id.0, change.branch
            ),
        ));
    }
    if target != &change.branch && tip(target).is_some() {
        return Err(No::because(
            422,
            format!("branch already exists [name: {target}]"),
        ));
    }
    let changes = changes(git, parent.as_deref(), &change.files).await?;
    let (login, email) = {
        let world = shared.world();
        let user = world.user(user);
        (user.login.clone(), user.email.clone())
    };
    // One who is named stands in for one who is not.
    let given = |a: &Who, b: &Who| {
        let pick = |x: &str, y: &str, z: &str| {
            [x, y, z]
                .into_iter()
                .find(|s| !s.is_empty())
                .unwrap_or_default()
                .to_string()
        };
        (
            pick(&a.name, &b.name, &login),
            pick(&a.email, &b.email, &email),
        )
    };
    let (author, committer) = (
        given(&change.author, &change.committer),
        given(&change.committer, &change.author),
    );
    let message = if change.message.is_empty() {
        default_message(&change.files)
    } else {
        change.message.clone()
    };
    let parents: Vec<&str> = parent.as_deref().into_iter().collect();
    let reference = format!("refs/heads/{target}");
    let new = NewCommit {
        reference: &reference,
        parents: &parents,
        author: (&author.0, &author.1),
        committer: (&committer.0, &committer.1),
        at: now(),
        message: &message,
        changes: &changes,
    };
    let sha = git.make(&new).await?;
    let commit = git.commit(&sha).await?;
    let moved = Moved {
        branch: target.clone(),
        before: parent.filter(|_| *target == change.branch),
        after: Some(sha),
        made: Some(commit.clone()),
    };
    Ok(Made {
        commit,
        branch: target.clone(),
        moved,
    })
}

fn default_message(files: &[Operation]) -> String {
    let verb = |f: &Operation| match f.operation.as_str() {
        "create" => "Add",
        "delete" => "Delete",
        _ => "Update",
    };
    files
        .iter()
        .map(|f| format!("{} {}", verb(f), f.path))
        .collect::<Vec<_>>()
        .join("\n")
}

async fn changes(git: &Git, parent: Option<&str>, files: &[Operation]) -> Result<Vec<Change>, No> {
    let mut changes = Vec::new();
    for file in files {
        let bad = |part: &str| {
            part.is_empty() || part == "." || part == ".." || part.eq_ignore_ascii_case(".git")
        };
        if file.path.split('/').any(bad) {
            return Err(No::because(
                422,
                format!(
                    "path contains a malformed path component [path: {}]",
                    file.path
                ),
            ));
        }
        let look = if file.from_path.is_empty() {
            &file.path
        } else {
            &file.from_path
        };
        let here = match parent {
            Some(parent) => git.tree(parent, look, false).await?.into_iter().next(),
            None => None,
        };
        let content = || {
            BASE64_STANDARD
                .decode(&file.content)
                .map_err(|_| No::because(422, "illegal base64 data at input byte 0"))
        };
        match (file.operation.as_str(), here) {
            ("create", Some(_)) => {
                return Err(No::because(
                    422,
                    format!("repository file already exists [path: {}]", file.path),
                ));
            }
            ("create", None) | ("upload", None) => changes.push(Change {
                path: file.path.clone(),
                content: Some(content()?),
                executable: false,
            }),
            ("update" | "upload" | "delete", Some(old)) => {
                if !file.sha.is_empty() && file.sha != old.sha {
                    return Err(No::because(
                        422,
                        format!(
                            "sha does not match [given: {}, expected: {}]",
                            file.sha, old.sha
                        ),
                    ));
                }
                if old.path != file.path || file.operation == "delete" {
                    changes.push(Change {
                        path: old.path.clone(),
                        content: None,
                        executable: false,
                    });
                }
                if file.operation != "delete" {
                    changes.push(Change {
                        path: file.path.clone(),
                        content: Some(content()?),
                        executable: old.mode == "100755",
                    });
                }
            }
            ("update" | "delete", None) => {
                return Err(No::because(
                    404,
                    format!("repository file does not exist [path: {look}]"),
                ));
            }
            (other, _) => {
                return Err(No::because(
                    422,
                    format!(
                        "invalid file operation: {other} {}, supported operations are create, update, delete",
                        file.path
                    ),
                ));
            }
        }
    }
    Ok(changes)
}

fn response(
    shared: &Shared,
    full_name: &str,
    made: &Made,
    change: &FileChange,
    verb: &Verb,
) -> Value {
    let commit = &made.commit;
    let api = format!("{}/api/v1/repos/{full_name}", shared.url);
    let meta = |kind: &str, sha: &str| json!({"url": format!("{api}/git/{kind}/{sha}"), "sha": sha, "created": super::show::NEVER});
    let place = Place {
        name: made.branch.clone(),
        sha: commit.sha.clone(),
        link: format!("branch/{}", made.branch),
    };
    let mut files = Vec::new();
    for file in &change.files {
        let content = BASE64_STANDARD.decode(&file.content).unwrap_or_default();
        let shape = (file.operation != "delete").then(|| {
            let entry = blob_entry(&file.path, &content);
            file_shape(
                shared,
                full_name,
                &place,
                &entry,
                Some(commit),
                Some(&content),
            )
        });
        files.push(json!(shape));
    }
    let mut shape = match verb {
        Verb::Many => json!({"files": files}),
        _ => json!({"content": files.pop()}),
    };
    let mut told = meta("commits", &commit.sha);
    told["html_url"] = json!(format!("{}/{full_name}/commit/{}", shared.url, commit.sha));
    told["author"] = person(&commit.author);
    told["committer"] = person(&commit.committer);
    told["parents"] = commit.parents.iter().map(|p| meta("commits", p)).collect();
    told["message"] = json!(commit.message);
    told["tree"] = meta("trees", &commit.tree);
    shape["commit"] = told;
    shape["verification"] = unsigned();
    shape
}

/// A file as it stands in a tree that holds it; its digest is git's, taken here to save asking.
fn blob_entry(path: &str, content: &[u8]) -> TreeEntry {
    let digest = Sha1::new()
        .chain_update(format!("blob {}\0", content.len()))
        .chain_update(content)
        .finalize();
    TreeEntry {
        mode: "100644".into(),
        kind: "blob".into(),
        sha: hex::encode(digest),
        size: content.len() as i64,
        path: path.into(),
    }
}
