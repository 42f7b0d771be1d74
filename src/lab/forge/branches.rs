//! Branches, references, commits, trees and blobs, to read; branches also to make and delete.

use super::Shared;
use super::access::{Asker, seen, written};
use super::answer::{Answer, Body, No, Paging, counted, empty, listed, query, reply, required};
use super::git::{Git, ZERO};
use super::history::Commit;
use super::pushes::Moved;
use super::state::{Access, RepoId, Unit};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

/// A repository that the asker can read, and its git.
pub fn opened(shared: &Shared, asker: Asker, owner: &str, name: &str) -> Result<(RepoId, Git), No> {
    let world = shared.world();
    let repo = seen(&world, asker, owner, name)?;
    Ok((repo.id, shared.git(&world, repo)))
}

fn branch_shape(
    shared: &Shared,
    asker: Asker,
    id: RepoId,
    name: &str,
    commit: &Commit,
) -> Result<Value, No> {
    let world = shared.world();
    let repo = world.repo(id)?;
    let may_push = world.access(repo, asker.user, Unit::Code) >= Access::Write;
    Ok(shared
        .show(&world, asker.user)
        .branch(repo, name, commit, may_push))
}

pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let paging: Paging = query(&uri);
    let all = git.references_by("-committerdate", "refs/heads/").await?;
    let total = all.len();
    if total == 0 {
        return Ok(counted(0, &Value::Null));
    }
    let mut page = Vec::new();
    for reference in paging.cut(all) {
        let commit = git.commit(&reference.sha).await?;
        page.push(branch_shape(
            &shared,
            asker,
            id,
            reference.name.trim_start_matches("refs/heads/"),
            &commit,
        )?);
    }
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, branch)): Path<(String, String, String)>,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let sha = git.branch(&branch).await?.ok_or_else(No::not_found)?;
    let commit = git.commit(&sha).await?;
    Ok(reply(
        200,
        &branch_shape(&shared, asker, id, &branch, &commit)?,
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewBranch {
    new_branch_name: String,
    old_branch_name: String,
    old_ref_name: String,
}

/// What git takes for the name of a branch, roughly.
pub fn is_branch_name(name: &str) -> bool {
    let bad =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.is_empty()
        && !name.contains(bad)
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Answer {
    let (id, git, default, user, moving) = {
        let world = shared.world();
        let repo = written(&world, asker, &owner, &name, Unit::Code)?;
        (
            repo.id,
            shared.git(&world, repo),
            repo.default_branch.clone(),
            asker.signed_in()?,
            repo.moving.clone(),
        )
    };
    let new: NewBranch = body.read()?;
    required(&[("BranchName", &new.new_branch_name)])?;
    if !is_branch_name(&new.new_branch_name) {
        return Err(No::because(422, "[BranchName]: GitRefName"));
    }
    let _held = moving.lock().await;
    let from = [new.old_ref_name, new.old_branch_name, default]
        .into_iter()
        .find(|n| !n.is_empty())
        .unwrap_or_default();
    let existing = git.references("refs/heads/").await?;
    let full = format!("refs/heads/{}", new.new_branch_name);
    let old = git.commit_named(&from).await?;
    let Some(sha) = old else {
        return Err(No::because(500, ""));
    };
    if existing.iter().any(|r| r.name == full) {
        return Err(No::because(409, "The branch already exists."));
    }
    let clash = |r: &str| {
        full.strip_prefix(r)
            .is_some_and(|rest| rest.starts_with('/'))
            || r.strip_prefix(&full)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    if existing.iter().any(|r| clash(&r.name)) {
        return Err(No::because(
            409,
            "The branch with the same name already exists.",
        ));
    }
    if !git.move_reference(&full, &sha, ZERO).await? {
        return Err(No::because(409, "The branch already exists."));
    }
    shared
        .follow(
            id,
            user,
            &[Moved {
                branch: new.new_branch_name.clone(),
                before: None,
                after: Some(sha.clone()),
                made: None,
            }],
        )
        .await?;
    let commit = git.commit(&sha).await?;
    Ok(reply(
        201,
        &branch_shape(&shared, asker, id, &new.new_branch_name, &commit)?,
    ))
}

pub async fn delete(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, branch)): Path<(String, String, String)>,
) -> Answer {
    let (id, git, default, user, moving) = {
        let world = shared.world();
        let repo = written(&world, asker, &owner, &name, Unit::Code)?;
        (
            repo.id,
            shared.git(&world, repo),
            repo.default_branch.clone(),
            asker.signed_in()?,
            repo.moving.clone(),
        )
    };
    if branch == default {
        return Err(No::because(403, "can not delete default branch"));
    }
    let _held = moving.lock().await;
    let Some(sha) = git.branch(&branch).await? else {
        // As Gitea answers for branches that were never there, too.
        return Ok(empty(204));
    };
    git.delete_reference(&format!("refs/heads/{branch}"))
        .await?;
    shared
        .follow(
            id,
            user,
            &[Moved {
                branch,
                before: Some(sha),
                after: None,
                made: None,
            }],
        )
        .await?;
    Ok(empty(204))
}
