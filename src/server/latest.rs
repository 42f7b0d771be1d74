//! `GET /deliveries.json`: when each repository's webhook was last heard since the start, and what was refused last.

use super::Shared;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use std::sync::Arc;

pub async fn latest(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    Json(shared.engine.heard.told())
}
