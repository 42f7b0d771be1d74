//! Serves what builds wrote down: `/results/<build>/results.json`; and what was verified outside of builds:
//! `/results/verify/<recipe head>-<tests head>.json`.

use super::http::{Bound, Serving};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::path::PathBuf;

pub fn serve(bound: Bound, folder: PathBuf) -> Serving {
    bound.serve(
        Router::new()
            .route("/results/{build}/results.json", get(results))
            .route("/results/verify/{run}", get(verified))
            .with_state(folder),
    )
}

async fn results(State(folder): State<PathBuf>, Path(build): Path<u64>) -> Response {
    let file = folder.join(build.to_string()).join("results.json");
    answer(&file, "This build has no results.").await
}

async fn verified(State(folder): State<PathBuf>, Path(run): Path<String>) -> Response {
    // Two commits, and nothing that could lead out of the folder.
    let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
    let heads = run.strip_suffix(".json").unwrap_or_default();
    if heads.is_empty() || !heads.chars().all(plain) {
        return (StatusCode::NOT_FOUND, "no such results").into_response();
    }
    answer(
        &folder.join("verify").join(run),
        "Nobody verified these two.",
    )
    .await
}

async fn answer(file: &std::path::Path, otherwise: &'static str) -> Response {
    match tokio::fs::read(file).await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, otherwise).into_response(),
    }
}
