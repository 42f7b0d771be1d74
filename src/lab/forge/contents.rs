//! Files through the API: reading them, and committing to them without a work tree.

use super::Shared;
use super::access::Asker;
use super::answer::{Answer, No, query, reply};
use super::branches::opened;
use super::git::{Git, TreeEntry};
use super::history::Commit;
use super::show::escaped;
use super::state::RepoId;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct At {
    #[serde(rename = "ref")]
    reference: String,
}

/// A place in the history, and how links to it are written.
pub struct Place {
    /// As the asker named it.
    pub name: String,
    pub sha: String,
    /// `branch/NAME` or `commit/SHA`.
    pub link: String,
}

async fn place(git: &Git, wanted: &str, default: &str) -> Result<Option<Place>, No> {
    let name = if wanted.is_empty() { default } else { wanted };
    let Some(sha) = git.commit_named(name).await? else {
        return Ok(None);
    };
    let link = if git.branch(name).await?.is_some() {
        format!("branch/{name}")
    } else {
        format!("commit/{name}")
    };
    Ok(Some(Place {
        name: name.to_string(),
        sha,
        link,
    }))
}

pub fn file_shape(
    shared: &Shared,
    full_name: &str,
    place: &Place,
    entry: &TreeEntry,
    last: Option<&Commit>,
    content: Option<&[u8]>,
) -> Value {
    let (web, api) = (
        format!("{}/{full_name}", shared.url),
        format!("{}/api/v1/repos/{full_name}", shared.url),
    );
    let path = escaped(&entry.path);
    let kind = match (entry.kind.as_str(), entry.mode.as_str()) {
        ("tree", _) => "dir",
        (_, "120000") => "symlink",
        ("commit", _) => "submodule",
        _ => "file",
    };
    let own = format!("{api}/contents/{path}?ref={}", escaped(&place.name));
    // Of folders too, though a tree is no blob.
    let git_url = format!("{api}/git/blobs/{}", entry.sha);
    let html = format!("{web}/src/{}/{path}", place.link);
    let download = (kind != "dir").then(|| format!("{web}/raw/{}/{path}", place.link));
    json!({
        "name": entry.path.rsplit('/').next(), "path": entry.path, "sha": entry.sha,
        "last_commit_sha": last.map(|c| &c.sha), "last_committer_date": last.map(|c| &c.committer.date),
        "last_author_date": last.map(|c| &c.author.date), "type": kind, "size": entry.size,
        "encoding": content.map(|_| "base64"), "content": content.map(|c| BASE64_STANDARD.encode(c)), "target": null,
        "url": own, "html_url": html, "git_url": git_url, "download_url": download, "submodule_git_url": null,
        "_links": {"self": own, "git": git_url, "html": html},
    })
}

pub fn named(shared: &Shared, id: RepoId) -> Result<(String, String), No> {
    let world = shared.world();
    let repo = world.repo(id)?;
    Ok((
        shared.show(&world, None).full_name(repo),
        repo.default_branch.clone(),
    ))
}

pub async fn root(
    state: State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    get(state, asker, Path((owner, name, String::new())), uri).await
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, path)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let (full_name, default) = named(&shared, id)?;
    let at: At = query(&uri);
    let wanted = if at.reference.is_empty() {
        default.clone()
    } else {
        at.reference.clone()
    };
    let nowhere = || {
        No::missing(
            "not found",
            format!("object does not exist [id: {wanted}, rel_path: ]"),
        )
    };
    let place = place(&git, &at.reference, &default)
        .await?
        .ok_or_else(nowhere)?;
    let path = path.trim_matches('/');
    let here = if path.is_empty() {
        Vec::new()
    } else {
        git.tree(&place.sha, path, false).await?
    };
    let entries = match here.first() {
        None if path.is_empty() => git.tree(&place.sha, "", false).await?,
        None => {
            return Err(No::missing(
                "GetContentsOrList",
                format!("object does not exist [id: , rel_path: {path}]"),
            ));
        }
        Some(entry) if entry.kind == "blob" => {
            let content = git.blob(&entry.sha).await?;
            let last = git.log(&place.sha, 0, 1, path).await?;
            return Ok(reply(
                200,
                &file_shape(
                    &shared,
                    &full_name,
                    &place,
                    entry,
                    last.first(),
                    Some(&content),
                ),
            ));
        }
        Some(_) => git.tree(&place.sha, &format!("{path}/"), false).await?,
    };
    let mut shown = Vec::new();
    for entry in &entries {
        let last = git.log(&place.sha, 0, 1, &entry.path).await?;
        shown.push(file_shape(
            &shared,
            &full_name,
            &place,
            entry,
            last.first(),
            None,
        ));
    }
    Ok(reply(200, &json!(shown)))
}

pub async fn raw(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, path)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let (_, default) = named(&shared, id)?;
    let at: At = query(&uri);
    // Gitea falls back to the default branch where the reference means nothing.
    let place = match place(&git, &at.reference, &default).await? {
        Some(place) => place,
        None => place(&git, "", &default).await?.ok_or_else(No::not_found)?,
    };
    raw_file(&git, &place.sha, &path).await
}

/// A file's bytes as plain text.
pub async fn raw_file(git: &Git, sha: &str, path: &str) -> Answer {
    let entries = git.tree(sha, path, false).await?;
    let blob = entries
        .first()
        .filter(|e| e.kind == "blob")
        .ok_or_else(No::not_found)?;
    let content = git.blob(&blob.sha).await?;
    let kind = if content.contains(&0) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Content-Disposition"),
    ];
    Ok((StatusCode::OK, headers, content).into_response())
}
