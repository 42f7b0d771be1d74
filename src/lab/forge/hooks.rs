//! Webhooks of a repository, for its administrators.

use super::Shared;
use super::access::{Asker, administered};
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply, required};
use super::deliver::HookQueue;
use super::state::{Hook, now};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type OwnerName = Path<(String, String)>;
type OwnerNameNumber = Path<(String, String, i64)>;

const KINDS: [&str; 10] = [
    "gitea",
    "gogs",
    "slack",
    "discord",
    "dingtalk",
    "telegram",
    "msteams",
    "feishu",
    "matrix",
    "packagist",
];

const PLAIN: [&str; 11] = [
    "create",
    "push",
    "delete",
    "fork",
    "repository",
    "wiki",
    "release",
    "package",
    "status",
    "workflow_run",
    "workflow_job",
];
const ISSUES: [(&str, &str); 5] = [
    ("issues", "issues_only"),
    ("issue_assign", "issue_assign"),
    ("issue_label", "issue_label"),
    ("issue_milestone", "issue_milestone"),
    ("issue_comment", "issue_comment"),
];
const PULLS: [(&str, &str); 8] = [
    ("pull_request", "pull_request_only"),
    ("pull_request_assign", "pull_request_assign"),
    ("pull_request_label", "pull_request_label"),
    ("pull_request_milestone", "pull_request_milestone"),
    ("pull_request_comment", "pull_request_comment"),
    ("pull_request_review", "pull_request_review"),
    ("pull_request_review_request", "pull_request_review_request"),
    ("pull_request_sync", "pull_request_sync"),
];

/// The fine events behind what was asked for: `issues` and `pull_request` stand for all of their kind. None: `push`.
fn events(asked: &[String]) -> BTreeSet<&'static str> {
    let has = |name: &str| asked.iter().any(|a| a.eq_ignore_ascii_case(name));
    if asked.is_empty() {
        return BTreeSet::from(["push"]);
    }
    let family = |all: &'static [(&'static str, &'static str)], word: &'static str| {
        let whole = has(word);
        all.iter()
            .filter(move |(_, own)| whole || has(own))
            .map(|(event, _)| *event)
            .collect::<Vec<_>>()
    };
    let plain = PLAIN.into_iter().filter(|event| has(event));
    plain
        .chain(family(&ISSUES, "issues"))
        .chain(family(&PULLS, "pull_request"))
        .collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewHook {
    #[serde(rename = "type")]
    kind: String,
    config: BTreeMap<String, String>,
    events: Vec<String>,
    active: bool,
    branch_filter: String,
    authorization_header: String,
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let id = administered(&world, asker, &owner, &name)?.id;
    let new: NewHook = body.read()?;
    required(&[("Type", &new.kind)])?;
    if !KINDS.contains(&new.kind.as_str()) {
        return Err(No::because(422, format!("Invalid hook type: {}", new.kind)));
    }
    let given = |option: &str| {
        new.config
            .get(option)
            .cloned()
            .ok_or_else(|| No::because(422, format!("Missing config option: {option}")))
    };
    let (url, content_type) = (given("url")?, given("content_type")?);
    if !matches!(content_type.as_str(), "json" | "form") {
        return Err(No::because(422, "Invalid content type"));
    }
    if reqwest::Url::parse(&url).map_or(true, |u| !matches!(u.scheme(), "http" | "https")) {
        return Err(No::because(422, "Invalid url"));
    }
    let at = now();
    let hook = Hook {
        id: world.ids.next("hook"),
        kind: new.kind.clone(),
        url,
        content_type,
        secret: new.config.get("secret").cloned().unwrap_or_default(),
        events: events(&new.events),
        active: new.active,
        branch_filter: new.branch_filter,
        authorization: new.authorization_header,
        created: at,
        updated: at,
        queue: HookQueue::start(shared.http.clone(), shared.stop.clone()),
    };
    let shape = shared.show(&world, asker.user).hook(&hook);
    world.repo_mut(id)?.hooks.push(hook);
    Ok(reply(201, &shape))
}

pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = administered(&world, asker, &owner, &name)?;
    let (paging, show): (Paging, _) = (query(&uri), shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(repo.hooks.iter().collect())
        .into_iter()
        .map(|h| show.hook(h))
        .collect();
    Ok(listed(
        &shared,
        &uri,
        &paging,
        repo.hooks.len(),
        &json!(page),
    ))
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let repo = administered(&world, asker, &owner, &name)?;
    let hook = repo
        .hooks
        .iter()
        .find(|h| h.id == id)
        .ok_or_else(No::not_found)?;
    Ok(reply(200, &shared.show(&world, asker.user).hook(hook)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct EditHook {
    config: BTreeMap<String, String>,
    events: Vec<String>,
    active: Option<bool>,
    branch_filter: String,
    authorization_header: String,
}

pub async fn edit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let repo = administered(&world, asker, &owner, &name)?.id;
    let edit: EditHook = body.read()?;
    let hook = world
        .repo_mut(repo)?
        .hooks
        .iter_mut()
        .find(|h| h.id == id)
        .ok_or_else(No::not_found)?;
    for (option, value) in edit.config {
        match option.as_str() {
            "url" => hook.url = value,
            "content_type" => hook.content_type = value,
            "secret" => hook.secret = value,
            _ => {}
        }
    }
    hook.events = events(&edit.events);
    hook.branch_filter = edit.branch_filter;
    hook.authorization = edit.authorization_header;
    hook.active = edit.active.unwrap_or(hook.active);
    hook.updated = now();
    let repo = world.repo(repo)?;
    let hook = repo
        .hooks
        .iter()
        .find(|h| h.id == id)
        .ok_or_else(No::not_found)?;
    Ok(reply(200, &shared.show(&world, asker.user).hook(hook)))
}

pub async fn delete(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
) -> Answer {
    let mut world = shared.world();
    let repo = administered(&world, asker, &owner, &name)?.id;
    let hooks = &mut world.repo_mut(repo)?.hooks;
    let at = hooks
        .iter()
        .position(|h| h.id == id)
        .ok_or_else(No::not_found)?;
    hooks.remove(at);
    Ok(empty(204))
}
