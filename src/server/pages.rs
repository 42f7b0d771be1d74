//! Pages for people and JSON for programs, all read-only.

use super::Shared;
use crate::record::{ItemRecord, RunRecord};
use crate::render;
use crate::store::{CutShort, RunState};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// An error of a handler, as a page says it.
pub struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::error!(error = format!("{:#}", self.0), "a page could not be made");
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "This page could not be made; the log says why.\n",
        )
            .into_response()
    }
}

type Answer = Result<Response, Failed>;

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response()
}

/// `GET /`: the latest runs.
pub async fn index(State(shared): State<Arc<Shared>>) -> Answer {
    let records = shared.engine.outlines(50).await?;
    Ok(Html(render::page::index(&records)).into_response())
}

/// `GET /runs/{n}` as a page, `GET /runs/{n}.json` for programs; `latest` is the newest.
pub async fn run(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let (name, as_json) = match name.strip_suffix(".json") {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    let Some(record) = find(&shared, name).await? else {
        return Ok(nothing_here());
    };
    Ok(if as_json {
        Json(summary(&record)).into_response()
    } else {
        Html(render::page::run(&record)).into_response()
    })
}

/// `GET /runs/{n}/REVIEW-5.md`, `GET /runs/{n}/evidence.json` and `GET /runs/{n}/bundle.tar.gz`.
pub async fn of_run(
    State(shared): State<Arc<Shared>>,
    Path((name, page)): Path<(String, String)>,
) -> Answer {
    let Some(record) = find(&shared, &name).await? else {
        return Ok(nothing_here());
    };
    Ok(match page.as_str() {
        "REVIEW-5.md" => (
            [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")],
            render::comment::report(&record) + "\n",
        )
            .into_response(),
        "evidence.json" => Json(shared.engine.evidence(&record).await?).into_response(),
        "bundle.tar.gz" => (
            [(header::CONTENT_TYPE, "application/gzip")],
            shared.engine.bundle(&record).await?,
        )
            .into_response(),
        _ => nothing_here(),
    })
}

/// `GET /signing.pub`: the key that vouches for bundles, in PEM.
pub async fn key(State(shared): State<Arc<Shared>>) -> Answer {
    let pem = shared.engine.key.public().pem()?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

/// `GET /runs/{n}/{item}/{attempt}`: every fact of one attempt.
pub async fn attempt(
    State(shared): State<Arc<Shared>>,
    Path((name, item, ordinal)): Path<(String, String, String)>,
) -> Answer {
    let Some(record) = find(&shared, &name).await? else {
        return Ok(nothing_here());
    };
    let Some(item) = record.item(&item) else {
        return Ok(nothing_here());
    };
    let Some(attempt) = item
        .attempts
        .iter()
        .find(|attempt| attempt.ordinal.to_string() == ordinal)
    else {
        return Ok(nothing_here());
    };
    let facts = shared.engine.facts(attempt).await?;
    let clauses = shared.engine.store.clauses(attempt.id).await?;
    let page = render::page::attempt(&record, item.item, attempt, &clauses, &facts);
    Ok(Html(page).into_response())
}

async fn find(shared: &Shared, name: &str) -> anyhow::Result<Option<RunRecord>> {
    let engine = &shared.engine;
    let latest = engine.store.latest_runs(1).await?;
    let id = match name {
        "latest" => latest.first().map(|run| run.id),
        number => number.parse().ok(),
    };
    match id {
        Some(id) if engine.store.run(id).await?.is_some() => Ok(Some(engine.record(id).await?)),
        _ => Ok(None),
    }
}

/// A run in short, for programs.
fn summary(record: &RunRecord) -> Value {
    let mut items = Map::new();
    for item in &record.items {
        let judged = item.latest.as_ref();
        let clauses = clauses(item);
        items.insert(
            item.item.id.into(),
            json!({
                "verdict": judged.map(|judged| judged.verdict.word()),
                "seconds": judged.map(|judged| round(judged.seconds())),
                "attempts": item.attempts.len(),
                "clauses": clauses,
            }),
        );
    }
    let findings: Vec<Value> = record
        .findings()
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id,
                "clause": finding.clause.id,
                "title": finding.clause.seen,
            })
        })
        .collect();
    let run = &record.run;
    let ended = run.state == RunState::Finished;
    json!({
        "run": run.id,
        "state": match &run.cut_short {
            Some(CutShort::Cancelled { .. }) if ended => "cancelled",
            Some(CutShort::Overdue) if ended => "overdue",
            _ => run.state.word(),
        },
        "verdict": ended.then(|| record.verdict().word()),
        "items": items,
        "guardrails": record.guardrails.as_ref().map(clauses).unwrap_or_default(),
        "findings": findings,
        "tracking_issue": record.tracking_issue,
        "progress_comment": record.progress_comment,
        "report_comment": record.report_comment,
        "seconds": round(record.seconds()),
    })
}

/// The verdict of each clause; empty before there is one.
fn clauses(item: &ItemRecord) -> Map<String, Value> {
    let judged = item.latest.iter().flat_map(|judged| &judged.clauses);
    judged
        .map(|clause| (clause.id.clone(), clause.verdict.word().into()))
        .collect()
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
