//! Branches, references, commits, trees and blobs, to read; branches also to make and delete.

use super::Shared;
use super::access::{Asker, seen, written};
use super::answer::{
    Answer, Body, No, Paging, counted, empty, listed, paged_headers, query, reply, required,
};
use super::git::{Git, ZERO};
use super::history::Commit;
use super::pushes::Moved;
use super::state::{Access, RepoId, Unit};
use axum::extract::{Path, State};
use axum::http::Uri;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
            }],
        )
        .await?;
    Ok(empty(204))
}

/// References: all of them, or those that begin with what the path says.
pub async fn references(
    State(shared): State<Shared>,
    asker: Asker,
    Path(path): Path<Vec<String>>,
) -> Answer {
    let [owner, name, rest @ ..] = path.as_slice() else {
        return Err(No::not_found());
    };
    let (id, git) = opened(&shared, asker, owner, name)?;
    let wanted = rest
        .first()
        .map(|r| format!("refs/{r}"))
        .unwrap_or_else(|| "refs/".into());
    let all: Vec<_> = git
        .references("refs/")
        .await?
        .into_iter()
        .filter(|r| r.name.starts_with(&wanted) && !r.name.starts_with("refs/pull/"))
        .collect();
    if all.is_empty() {
        return Err(No::not_found());
    }
    let world = shared.world();
    let api = format!(
        "{}/api/v1/repos/{}",
        shared.url,
        shared.show(&world, None).full_name(world.repo(id)?)
    );
    let shape = |r: &super::git::Reference| {
        json!({
            "ref": r.name, "url": format!("{api}/git/{}", r.name),
            "object": {"type": r.kind, "sha": r.sha, "url": format!("{api}/git/{}s/{}", r.kind, r.sha)},
        })
    };
    Ok(reply(200, &all.iter().map(shape).collect()))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Which {
    sha: String,
    path: String,
    stat: Option<String>,
    files: Option<String>,
    verification: Option<String>,
    recursive: String,
}

fn wanted(switch: &Option<String>) -> bool {
    !matches!(switch.as_deref(), Some("false" | "0"))
}

pub async fn commits(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let (which, paging): (Which, Paging) = (query(&uri), query(&uri));
    let (default, is_empty) = {
        let world = shared.world();
        let repo = world.repo(id)?;
        (repo.default_branch.clone(), repo.empty)
    };
    if is_empty {
        return Err(No::because(409, "Git Repository is empty."));
    }
    let name = if which.sha.is_empty() {
        &default
    } else {
        &which.sha
    };
    let Some(tip) = git.commit_named(name).await? else {
        return Ok(reply(404, &Value::Null));
    };
    let total = if which.path.is_empty() {
        git.count(&tip).await?
    } else {
        git.log(&tip, 0, i64::from(i32::MAX), &which.path)
            .await?
            .len()
    };
    let page = git
        .log(
            &tip,
            (paging.page() - 1) * paging.limit(),
            paging.limit(),
            &which.path,
        )
        .await?;
    let world = shared.world();
    let repo = world.repo(id)?;
    let show = shared.show(&world, asker.user);
    let shape = |c: &Commit| {
        show.commit(
            repo,
            c,
            wanted(&which.verification),
            wanted(&which.files),
            wanted(&which.stat),
        )
    };
    let mut response = listed(
        &shared,
        &uri,
        &paging,
        total,
        &page.iter().map(shape).collect(),
    );
    paged_headers(&paging, total, response.headers_mut());
    Ok(response)
}

pub async fn commit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, sha)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let which: Which = query(&uri);
    let gone = || No::nothing(format!("commit doesn't exist: {sha}"));
    let found = git.commit_named(&sha).await?.ok_or_else(gone)?;
    let commit = git.commit(&found).await?;
    let world = shared.world();
    let show = shared.show(&world, asker.user);
    Ok(reply(
        200,
        &show.commit(
            world.repo(id)?,
            &commit,
            wanted(&which.verification),
            wanted(&which.files),
            wanted(&which.stat),
        ),
    ))
}

pub async fn compare(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, range)): Path<(String, String, String)>,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let (base, head) = range
        .split_once("...")
        .or_else(|| range.split_once(".."))
        .ok_or_else(No::not_found)?;
    let (Some(base), Some(head)) = (git.commit_named(base).await?, git.commit_named(head).await?)
    else {
        return Err(No::not_found());
    };
    let commits = git
        .log(&format!("{base}..{head}"), 0, i64::from(i32::MAX), "")
        .await?;
    let world = shared.world();
    let (repo, show) = (world.repo(id)?, shared.show(&world, asker.user));
    let shown: Vec<Value> = commits
        .iter()
        .map(|c| show.commit(repo, c, true, true, true))
        .collect();
    Ok(reply(
        200,
        &json!({"total_commits": shown.len(), "commits": shown}),
    ))
}

pub async fn tree(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, sha)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let which: Which = query(&uri);
    let sha = git.commit_named(&sha).await?.ok_or_else(|| {
        No::because(
            400,
            format!("object does not exist [id: {sha}, rel_path: ]"),
        )
    })?;
    let entries = git
        .tree(&sha, "", matches!(which.recursive.as_str(), "true" | "1"))
        .await?;
    let world = shared.world();
    let api = format!(
        "{}/api/v1/repos/{}",
        shared.url,
        shared.show(&world, None).full_name(world.repo(id)?)
    );
    let shape = |e: &super::git::TreeEntry| {
        json!({
            "path": e.path, "mode": e.mode, "type": e.kind, "size": e.size, "sha": e.sha,
            "url": format!("{api}/git/{}s/{}", e.kind, e.sha),
        })
    };
    let shown: Vec<Value> = entries.iter().map(shape).collect();
    let total = shown.len();
    let url = format!("{api}/git/trees/{sha}");
    Ok(counted(
        total,
        &json!({"sha": sha, "url": url, "tree": shown, "truncated": false, "page": 1, "total_count": total}),
    ))
}

pub async fn blob(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    if !super::git::is_sha(&sha) {
        return Err(No::because(
            400,
            format!("object does not exist [id: {sha}, rel_path: ]"),
        ));
    }
    let gone = |_| {
        No::because(
            400,
            format!("object does not exist [id: {sha}, rel_path: ]"),
        )
    };
    let content = git.blob(&sha).await.map_err(gone)?;
    let world = shared.world();
    let url = format!(
        "{}/api/v1/repos/{}/git/blobs/{sha}",
        shared.url,
        shared.show(&world, None).full_name(world.repo(id)?)
    );
    Ok(reply(
        200,
        &json!({"content": BASE64_STANDARD.encode(&content), "encoding": "base64", "url": url, "sha": sha, "size": content.len()}),
    ))
}
