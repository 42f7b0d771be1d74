//! `GET /metrics`: what became of deliveries, and how Gavel is, for Prometheus.

use super::Shared;
use crate::engine::vitals::{self, Signs};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What became of deliveries.
#[derive(Default)]
pub struct Deliveries(Family<Outcome, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Deliveries {
    pub fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&Outcome { outcome }).inc();
    }
}

/// Every number is as it is at the moment of the question.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mut registry = Registry::default();
    registry.register(
        "gavel_deliveries",
        "Webhook deliveries, by what became of them",
        shared.deliveries.0.clone(),
    );
    match vitals::signs(&shared.engine).await {
        Ok(signs) => register(&mut registry, &signs),
        Err(error) => tracing::error!(
            error = format!("{error:#}"),
            "how Gavel is could not be looked up for /metrics"
        ),
    }
    let storable = shared.engine.store.trouble().is_none();
    registry.register(
        "gavel_storable",
        "1 while commands can be stored, as /readyz says",
        ConstGauge::new(i64::from(storable)),
    );
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn register(registry: &mut Registry, signs: &Signs) {
    let counts = &signs.counts;
    let seconds = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_second);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    for (name, help, value) in [
        (
            "gavel_commands_waiting",
            "Commands that are stored and not dealt with",
            number(counts.commands_waiting),
        ),
        (
            "gavel_runs_queued",
            "Runs that wait for their turn",
            number(counts.runs_queued),
        ),
        (
            "gavel_run",
            "The run that is under way, 0 for none",
            number(counts.run.unwrap_or_default()),
        ),
        (
            "gavel_run_started_timestamp_seconds",
            "When the run that is under way started, 0 for none",
            seconds(counts.run_started),
        ),
        (
            "gavel_run_step_timestamp_seconds",
            "When the run that is under way began its newest step, 0 for none",
            seconds(counts.step_begun),
        ),
        (
            "gavel_run_stuck",
            "1 while a step has taken longer than any wait that is configured",
            i64::from(signs.run_stuck),
        ),
        (
            "gavel_resources_open",
            "What runs that are over opened and could not close yet, but what is to be kept",
            number(counts.resources_open),
        ),
        (
            "gavel_comments_unwritten",
            "Comments that stand in the store, and not yet on the forge",
            number(counts.comments_unwritten),
        ),
        (
            "gavel_webhook_silent",
            "1 while the forge does not deliver what Gavel itself wrote on the tracking issue",
            i64::from(signs.webhook_silent),
        ),
        (
            "gavel_webhook_last_delivery_timestamp_seconds",
            "When the tracking repository last delivered since Gavel started, 0 for never",
            seconds(signs.last_delivery),
        ),
        (
            "gavel_catch_up_timestamp_seconds",
            "When reading the tracking issue last succeeded since Gavel started, 0 for never",
            seconds(signs.caught_up),
        ),
    ] {
        registry.register(name, help, ConstGauge::new(value));
    }
    registry.register(
        "gavel_commands_read",
        "Commands that reading the issue found before a webhook told of them",
        ConstCounter::new(signs.commands_read),
    );
}
