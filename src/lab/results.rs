//! Serves what builds wrote down: `/results/<build>/results.json`.

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
            .with_state(folder),
    )
}

async fn results(State(folder): State<PathBuf>, Path(build): Path<u64>) -> Response {
    match tokio::fs::read(folder.join(build.to_string()).join("results.json")).await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "This build has no results.").into_response(),
    }
}
