//! What Gavel asks of a forge about commands, over real HTTP: one comment, all comments of the tracking issue, reactions, new comments.

use crate::deliveries::{LINE, TRACKING, account};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Gavel's comments begin here: above all that people write.
const OWN: u64 = 1 << 40;
/// When everything was written; times of a forge are whole seconds, ids order.
const THEN: &str = "2026-01-02T03:04:05Z";
const LATER: &str = "2026-06-07T08:09:10Z";

#[derive(Default)]
struct Issue {
    /// What people wrote on the tracking issue, beside the load's commands.
    said: BTreeMap<u64, (String, &'static str)>,
    /// What Gavel wrote, from [`OWN`] on.
    answers: Vec<String>,
}

#[derive(Clone)]
pub struct Forge {
    issue: Arc<Mutex<Issue>>,
    answered: Arc<watch::Sender<usize>>,
    pub address: SocketAddr,
}

impl Forge {
    pub async fn start() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| format!("listening as the forge: {error}"))?;
        let forge = Self {
            issue: Arc::default(),
            answered: Arc::new(watch::Sender::new(0)),
            address: listener.local_addr().map_err(|error| error.to_string())?,
        };
        let repository = "/api/v1/repos/{owner}/{name}/issues";
        let router = Router::new()
            .route(&format!("{repository}/comments/{{id}}"), get(one))
            .route(&format!("{repository}/comments/{{id}}"), patch(edit))
            .route(
                &format!("{repository}/comments/{{id}}/reactions"),
                post(react),
            )
            .route(
                &format!("{repository}/{{number}}/comments"),
                get(all).post(write),
            )
            .with_state(forge.clone());
        // It lives as long as the benchmark.
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(forge)
    }

    /// Somebody comments: long before now, or just now.
    pub fn say(&self, comment: u64, text: &str, is_new: bool) {
        let when = if is_new { LATER } else { THEN };
        self.lock().said.insert(comment, (text.to_owned(), when));
    }

    /// Whatever Gavel wrote from the `first` comment on, as soon as one of those holds this.
    pub async fn answer(&self, first: usize, holds: &str) {
        let mut answered = self.answered.subscribe();
        let there = |issue: &Issue| {
            issue.answers[first.min(issue.answers.len())..]
                .iter()
                .any(|text| text.contains(holds))
        };
        while !there(&self.lock()) {
            // The sender is this forge's.
            let _ = answered.changed().await;
        }
    }

    pub fn answers(&self) -> usize {
        self.lock().answers.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Issue> {
        self.issue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn comment(id: u64, login: &str, body: &str, when: &str) -> Value {
    json!({
        "id": id, "body": body, "user": { "id": 3, "login": login }, "created_at": when, "updated_at": when,
        "html_url": format!("http://forge/{TRACKING}/issues/1#issuecomment-{id}"), "issue_url": format!("http://forge/{TRACKING}/issues/1"),
        "pull_request_url": "",
    })
}

async fn one(
    State(forge): State<Forge>,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Result<Json<Value>, StatusCode> {
    let issue = forge.lock();
    if let Some(answer) = id.checked_sub(OWN) {
        let body = usize::try_from(answer)
            .ok()
            .and_then(|at| issue.answers.get(at));
        return Ok(Json(comment(
            id,
            "gavel",
            body.ok_or(StatusCode::NOT_FOUND)?,
            LATER,
        )));
    }
    Ok(Json(match issue.said.get(&id) {
        Some((body, when)) => comment(id, &account(id), body, when),
        None => comment(id, &account(id), LINE, LATER),
    }))
}

async fn all(
    State(forge): State<Forge>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let issue = forge.lock();
    let since = query.get("since").map_or("", String::as_str);
    let said = issue
        .said
        .iter()
        .map(|(id, (body, when))| (*id, account(*id), body.as_str(), *when));
    let answers = issue
        .answers
        .iter()
        .zip(OWN..)
        .map(|(body, id)| (id, "gavel".to_owned(), body.as_str(), LATER));
    let all = said.chain(answers).filter(|(_, _, _, when)| *when >= since);
    Json(
        all.map(|(id, login, body, when)| comment(id, &login, body, when))
            .collect(),
    )
}

async fn write(State(forge): State<Forge>, Json(sent): Json<Value>) -> (StatusCode, Json<Value>) {
    let body = sent["body"].as_str().unwrap_or_default().to_owned();
    let id = {
        let mut issue = forge.lock();
        issue.answers.push(body.clone());
        OWN + issue.answers.len() as u64 - 1
    };
    forge.answered.send_modify(|answered| *answered += 1);
    (
        StatusCode::CREATED,
        Json(comment(id, "gavel", &body, LATER)),
    )
}

async fn edit(
    State(forge): State<Forge>,
    Path((_, _, id)): Path<(String, String, u64)>,
    Json(sent): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let body = sent["body"].as_str().unwrap_or_default().to_owned();
    let mut issue = forge.lock();
    let at = id.checked_sub(OWN).and_then(|at| usize::try_from(at).ok());
    let place = at
        .and_then(|at| issue.answers.get_mut(at))
        .ok_or(StatusCode::NOT_FOUND)?;
    place.clone_from(&body);
    Ok(Json(comment(id, "gavel", &body, LATER)))
}

async fn react(Json(sent): Json<Value>) -> (StatusCode, Json<Value>) {
    (
        StatusCode::CREATED,
        Json(
            json!({ "content": sent["content"], "user": { "id": 2, "login": "gavel" }, "created_at": LATER }),
        ),
    )
}
