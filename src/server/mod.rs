//! What Gavel answers over HTTP: the webhook's intake, pages for people, JSON for programs, health and metrics. Decides nothing.

mod delivery;
mod intake;
mod latest;
mod metrics;
mod pages;

use crate::engine::Engine;
use anyhow::Context;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use metrics::Deliveries;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutLayer;

/// The largest delivery that is taken.
pub const BODY_LIMIT: usize = 1 << 20;

/// No request takes longer; nothing here waits for anybody.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What the handlers share.
pub struct Shared {
    pub engine: Arc<Engine>,
    pub deliveries: Deliveries,
}

/// Serves until the shutdown, and lets what is under way end.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let shared = Arc::new(Shared {
        engine,
        deliveries: Deliveries::default(),
    });
    axum::serve(listener, router(shared))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("serving HTTP failed")
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/hooks/gitea", post(intake::take))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .route("/", get(pages::index))
        .route("/runs/{run}", get(pages::run))
        .route("/runs/{run}/{page}", get(pages::of_run))
        .route("/runs/{run}/{item}/{attempt}", get(pages::attempt))
        .route("/signing.pub", get(pages::key))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics))
        .route("/deliveries.json", get(latest::latest))
        .layer(middleware::map_response(harmless))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            REQUEST_LIMIT,
        ))
        .with_state(shared)
}

/// What is shown holds texts of others. Should one of them get through as HTML, it can run and fetch nothing all the same.
async fn harmless(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether what is delivered would be taken; why not, where it would not. `/healthz` tells only that Gavel is up: to start it anew mends
/// no disk.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    match shared.engine.store.trouble() {
        None => (StatusCode::OK, "ready\n".into()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests;
