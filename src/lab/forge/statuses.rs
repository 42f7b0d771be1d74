//! Commit statuses: one by one, as a list, and combined.

use super::Shared;
use super::access::{Asker, seen, written};
use super::answer::{Answer, Body, No, Paging, counted, listed, query, reply};
use super::branches::opened;
use super::pushes::fire;
use super::state::{Repo, Status, Unit, now};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewStatus {
    state: String,
    target_url: String,
    description: String,
    context: String,
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, sha)): Path<(String, String, String)>,
    body: Body,
) -> Answer {
    let (id, git, user) = {
        let world = shared.world();
        let repo = written(&world, asker, &owner, &name, Unit::Code)?;
        (repo.id, shared.git(&world, repo), asker.signed_in()?)
    };
    let new: NewStatus = body.read()?;
    // Gitea neither checks the word of the state, nor finds a better answer for a commit that is not there.
    let sha = git
        .commit_named(&sha)
        .await?
        .ok_or_else(|| No::because(500, ""))?;
    let commit = git.commit(&sha).await?;
    let mut world = shared.world();
    let status = Status {
        id: world.ids.next("status"),
        sha,
        state: new.state,
        context: new.context,
        description: new.description,
        target_url: new.target_url,
        creator: user,
        created: now(),
    };
    let shape = shared
        .show(&world, Some(user))
        .status(world.repo(id)?, &status);
    let (status_id, at) = (status.id, super::state::rfc3339(status.created));
    let target = if status.target_url.is_empty() {
        format!("{}/", shared.url)
    } else {
        status.target_url.clone()
    };
    let mut payload = json!({
        "commit": Value::Null, "context": status.context, "created_at": at, "description": status.description, "id": status_id,
        "repository": Value::Null, "sender": Value::Null, "sha": status.sha, "state": status.state, "target_url": target,
        "updated_at": at,
    });
    world.repo_mut(id)?.statuses.push(status);
    let (repo, show) = (world.repo(id)?, shared.show(&world, None));
    payload["commit"] = show.payload_commit(repo, &commit, false);
    payload["repository"] = show.repo(repo, [true; 3]);
    payload["sender"] = show.user(user);
    fire(repo, "status", &payload);
    Ok(reply(201, &shape))
}

const STATES: [&str; 5] = ["pending", "success", "error", "failure", "warning"];

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Filter {
    sort: String,
    state: String,
}

/// Of a commit, a branch or a tag.
pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, which)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let sha = git
        .commit_named(&which)
        .await?
        .ok_or_else(|| nowhere(&which))?;
    let (filter, paging): (Filter, Paging) = (query(&uri), query(&uri));
    let world = shared.world();
    let repo = world.repo(id)?;
    // A word that is no state is no filter.
    let filters = STATES.contains(&filter.state.as_str());
    let fits = |s: &&Status| s.sha == sha && (!filters || s.state == filter.state);
    let mut picked: Vec<&Status> = repo.statuses.iter().filter(fits).collect();
    match filter.sort.as_str() {
        "oldest" => picked.sort_by_key(|s| s.created),
        "leastupdate" => picked.sort_by_key(|s| s.created),
        "leastindex" => picked.sort_by_key(|s| -s.id),
        "highestindex" => picked.sort_by_key(|s| s.id),
        // Newest second first; within one second it is the older that comes first, as in Gitea.
        _ => picked.sort_by_key(|s| (-s.created, s.id)),
    }
    let (total, show) = (picked.len(), shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(picked)
        .into_iter()
        .map(|s| show.status(repo, s))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

fn nowhere(which: &str) -> No {
    No::missing(
        "not found",
        format!("object does not exist [id: {which}, rel_path: ]"),
    )
}

/// The last status of each context of a commit, oldest first.
pub fn latest<'a>(repo: &'a Repo, sha: &str) -> Vec<&'a Status> {
    let mut last = BTreeMap::new();
    for status in repo.statuses.iter().filter(|s| s.sha == sha) {
        last.insert(status.context.as_str(), status);
    }
    let mut latest: Vec<&Status> = last.into_values().collect();
    latest.sort_by_key(|s| s.id);
    latest
}

/// The one word for several statuses.
pub fn combined_word(statuses: &[&Status]) -> &'static str {
    let any = |words: &[&str]| statuses.iter().any(|s| words.contains(&s.state.as_str()));
    if statuses.is_empty() {
        ""
    } else if any(&["error", "failure"]) {
        "failure"
    } else if any(&["pending"]) {
        "pending"
    } else {
        "success"
    }
}

pub async fn combined(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, which)): Path<(String, String, String)>,
    uri: Uri,
) -> Answer {
    {
        let world = shared.world();
        seen(&world, asker, &owner, &name)?;
    }
    let (id, git) = opened(&shared, asker, &owner, &name)?;
    let sha = git
        .commit_named(&which)
        .await?
        .ok_or_else(|| nowhere(&which))?;
    let paging: Paging = query(&uri);
    let world = shared.world();
    let (repo, show) = (world.repo(id)?, shared.show(&world, asker.user));
    let all = latest(repo, &sha);
    let total = all.len();
    // Pages are cut from the newest, each is shown from the oldest.
    let mut page = paging.cut(all.into_iter().rev().collect::<Vec<_>>());
    page.reverse();
    let url = format!(
        "{}/api/v1/repos/{}/commits/{sha}",
        shared.url,
        show.full_name(repo)
    );
    let statuses: Value = if page.is_empty() {
        Value::Null
    } else {
        page.iter().map(|s| show.status(repo, s)).collect()
    };
    let shape = json!({
        "state": combined_word(&page), "sha": sha, "total_count": page.len(), "statuses": statuses,
        "repository": show.repo_for(repo, asker.user), "commit_url": url, "url": format!("{url}/status"),
    });
    Ok(counted(total, &shape))
}
