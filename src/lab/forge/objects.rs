//! References, commits, trees and blobs, to read.

use super::Shared;
use super::access::Asker;
use super::answer::paged_headers;
use super::answer::{Answer, No, Paging, counted, listed, query, reply};
use super::branches::opened;
use super::history::Commit;
use axum::extract::{Path, State};
use axum::http::Uri;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

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
