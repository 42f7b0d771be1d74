//! Drone's API: who may ask, how a build is created, what is answered.

use super::Shared;
use super::model::{self, Build, Stage};
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Build ids count on over all repositories of a server; this one has seen others before.
const FIRST_ID: i64 = 41;

type World = State<Arc<Shared>>;

pub fn routes(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    // The repository is public: everybody may read, also with a token that nobody has.
    let open = Router::new()
        .route(
            "/version",
            get(|| async { Json(json!({ "version": "2.0.4" })) }),
        )
        .route("/api/repos/{owner}/{name}", get(repository))
        .route("/api/repos/{owner}/{name}/builds", get(list))
        .route("/api/repos/{owner}/{name}/builds/latest", get(latest))
        .route("/api/repos/{owner}/{name}/builds/{number}", get(find))
        .route(
            "/api/repos/{owner}/{name}/builds/{number}/logs/{stage}/{step}",
            get(log),
        );
    let guarded = Router::new()
        .route("/api/user", get(user))
        .route(
            "/api/repos/{owner}/{name}/builds",
            post(create).delete(purge),
        )
        .route("/api/repos/{owner}/{name}/builds/{number}", delete(cancel))
        .route(
            "/api/repos/{owner}/{name}/builds/{number}/logs/{stage}/{step}",
            delete(forget_log),
        )
        .layer(middleware::from_fn_with_state(shared.clone(), signed_in));
    open.merge(guarded)
        .layer(middleware::from_fn_with_state(shared, unknown_to_strangers))
}

struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "Not Found".to_owned())
}

/// What Drone answers where a row is not in its database.
fn no_row() -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        "sql: no rows in result set".to_owned(),
    )
}

/// `strconv.ParseInt`'s own words.
fn number(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| {
        Refusal(
            StatusCode::BAD_REQUEST,
            format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"),
        )
    })
}

fn has_token(shared: &Shared, request: &Request) -> bool {
    let expected = format!("Bearer {}", shared.settings.token);
    let by_header = request
        .headers()
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == expected.as_bytes());
    let by_query = || {
        let mut pairs = request.uri().query().unwrap_or_default().split('&');
        pairs.any(|pair| pair.strip_prefix("access_token=") == Some(shared.settings.token.as_str()))
    };
    by_header || by_query()
}

async fn signed_in(State(shared): World, request: Request, next: Next) -> Response {
    if has_token(&shared, &request) {
        next.run(request).await
    } else {
        unauthorized()
    }
}

/// Who is not signed in does not learn which repositories there are.
async fn unknown_to_strangers(State(shared): World, request: Request, next: Next) -> Response {
    let mut parts = request.uri().path().splitn(6, '/').skip(1);
    let named = parts.next() == Some("api") && parts.next() == Some("repos");
    let known = format!(
        "{}/{}",
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default()
    ) == shared.settings.repository;
    if named && !known && !has_token(&shared, &request) {
        return unauthorized();
    }
    next.run(request).await
}

fn unauthorized() -> Response {
    Refusal(StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()).into_response()
}

fn known(shared: &Shared, owner: &str, name: &str) -> Result<(), Refusal> {
    if shared.settings.repository == format!("{owner}/{name}") {
        Ok(())
    } else {
        Err(not_found())
    }
}

async fn user() -> Json<Value> {
    Json(
        json!({ "id": 1, "login": "bridge", "email": "bridge@lab.invalid", "machine": true, "admin": true, "active": true, "avatar": "",
        "syncing": false, "synced": 0, "created": 0, "updated": 0, "last_login": 0 }),
    )
}

async fn repository(
    State(shared): World,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    known(&shared, &owner, &name)?;
    let counter = shared.counter.load(Ordering::Relaxed);
    let slug = format!("{owner}/{name}");
    Ok(Json(
        json!({ "id": 1, "uid": "1", "user_id": 1, "namespace": owner, "name": name, "slug": slug, "scm": "git",
        "git_http_url": format!("{}/{slug}.git", shared.settings.forge_url), "git_ssh_url": "", "link": format!("{}/{slug}", shared.settings.forge_url),
        "default_branch": "main", "private": false, "visibility": "public", "active": true, "config_path": ".drone.yml", "trusted": false,
        "protected": false, "ignore_forks": false, "ignore_pull_requests": false, "auto_cancel_pull_requests": false, "auto_cancel_pushes": false,
        "timeout": shared.settings.limit.as_secs() / 60, "counter": counter, "synced": 0, "created": 0, "updated": 0, "version": 1 }),
    ))
}

/// Newest first; `per_page` outside 1..=100 counts as 25, as Drone has it.
async fn list(
    State(shared): World,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Vec<Build>>, Refusal> {
    known(&shared, &owner, &name)?;
    let whole = |key: &str| {
        query
            .get(key)
            .and_then(|text| text.parse::<usize>().ok())
            .unwrap_or(0)
    };
    let limit = Some(whole("per_page"))
        .filter(|limit| (1..=100).contains(limit))
        .unwrap_or(25);
    let offset = whole("page").saturating_sub(1) * limit;
    let branch = query
        .get("branch")
        .filter(|branch| !branch.is_empty())
        .map(|branch| format!("refs/heads/{branch}"));
    let builds = shared.builds();
    let matching = builds.iter().rev().filter(|build| {
        branch
            .as_ref()
            .is_none_or(|wanted| build.git_ref == *wanted)
    });
    Ok(Json(
        matching
            .skip(offset)
            .take(limit)
            .map(Build::summary)
            .collect(),
    ))
}

async fn latest(
    State(shared): World,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Build>, Refusal> {
    known(&shared, &owner, &name)?;
    let wanted = format!(
        "refs/heads/{}",
        query.get("branch").map_or("main", String::as_str)
    );
    shared
        .builds()
        .iter()
        .rev()
        .find(|build| build.git_ref == wanted)
        .cloned()
        .map(Json)
        .ok_or_else(no_row)
}

async fn find(
    State(shared): World,
    Path((owner, name, text)): Path<(String, String, String)>,
) -> Result<Json<Build>, Refusal> {
    known(&shared, &owner, &name)?;
    let number = number(&text)?;
    shared
        .builds()
        .iter()
        .find(|build| build.number == number)
        .cloned()
        .map(Json)
        .ok_or_else(no_row)
}

async fn log(
    State(shared): World,
    Path((owner, name, build, stage, step)): Path<(String, String, String, String, String)>,
) -> Result<Json<Vec<model::Line>>, Refusal> {
    known(&shared, &owner, &name)?;
    let (build, stage, step) = (number(&build)?, number(&stage)?, number(&step)?);
    let builds = shared.builds();
    let stages = builds
        .iter()
        .find(|candidate| candidate.number == build)
        .map(|build| &build.stages)
        .ok_or_else(no_row)?;
    let steps = stages
        .iter()
        .find(|candidate| candidate.number == stage)
        .map(|stage| &stage.steps)
        .ok_or_else(no_row)?;
    steps
        .iter()
        .find(|candidate| candidate.number == step)
        .filter(|step| !step.is_forgotten)
        .map(|step| Json(step.log.clone()))
        .ok_or_else(no_row)
}

/// Removes one step's log; Drone tells no difference between one that is gone and one that was never there.
async fn forget_log(
    State(shared): World,
    Path((owner, name, build, stage, step)): Path<(String, String, String, String, String)>,
) -> Result<StatusCode, Refusal> {
    known(&shared, &owner, &name)?;
    let (build, stage, step) = (number(&build)?, number(&stage)?, number(&step)?);
    let forgotten = shared.change(build, |build| {
        let stage = build.stages.iter_mut().find(|it| it.number == stage)?;
        let step = stage.steps.iter_mut().find(|it| it.number == step)?;
        step.is_forgotten = true;
        Some(())
    });
    forgotten.flatten().ok_or_else(no_row)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the builds before a number, but for those that have not ended.
async fn purge(
    State(shared): World,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<StatusCode, Refusal> {
    known(&shared, &owner, &name)?;
    let before = number(query.get("before").map_or("", String::as_str))?;
    let mut builds = shared.builds();
    builds.retain(|build| build.number >= before || !build.is_done());
    Ok(StatusCode::NO_CONTENT)
}

/// Creates a `custom` build: every parameter but `branch`, `commit` and `access_token` reaches the build.
async fn create(
    State(shared): World,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Build>, Refusal> {
    known(&shared, &owner, &name)?;
    let branch = query
        .get("branch")
        .filter(|branch| !branch.is_empty())
        .cloned()
        .unwrap_or_else(|| "main".to_owned());
    let slug = &shared.settings.repository;
    let head = shared
        .forge
        .get(&format!("/repos/{slug}/branches/{branch}"))
        .await
        .map_err(|error| {
            tracing::warn!("drone: no commit for {branch}: {error}");
            not_found()
        })?;
    let commit = &head["commit"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let params = query
        .iter()
        .filter(|(key, _)| !["access_token", "commit", "branch"].contains(&key.as_str()));

    let now = model::now();
    let mut builds = shared.builds();
    let number = shared.counter.fetch_add(1, Ordering::Relaxed) + 1;
    let mut build = Build {
        id: FIRST_ID + number,
        repo_id: 1,
        trigger: "bridge".to_owned(),
        number,
        status: model::PENDING.to_owned(),
        event: "custom".to_owned(),
        link: format!(
            "{}/{slug}/commit/{}",
            shared.settings.forge_url,
            text(&commit["id"])
        ),
        timestamp: now,
        message: text(&commit["message"]),
        before: text(&commit["id"]),
        after: text(&commit["id"]),
        git_ref: format!("refs/heads/{branch}"),
        source: branch.clone(),
        target: branch,
        author_login: text(&commit["author"]["username"]),
        author_name: text(&commit["author"]["name"]),
        author_email: text(&commit["author"]["email"]),
        sender: "bridge".to_owned(),
        params: params
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        created: now,
        updated: now,
        version: 1,
        ..Build::default()
    };
    build.stages = vec![Stage::queued(&build)];
    builds.push(build.clone());
    drop(builds);
    tracing::info!("drone: build {number} queued: {:?}", build.params);
    shared.changed.notify_waiters();
    Ok(Json(build.summary()))
}

async fn cancel(
    State(shared): World,
    Path((owner, name, text)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    known(&shared, &owner, &name)?;
    let number = number(&text)?;
    let found = shared.change(number, |build| {
        if !build.is_done() {
            build.status = model::KILLED.to_owned();
            build.finished = model::now();
        }
    });
    found.ok_or_else(no_row)?;
    shared.changed.notify_waiters();
    Ok(StatusCode::NO_CONTENT)
}
