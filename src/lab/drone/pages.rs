//! Pages of builds, for people.

use super::Shared;
use super::model::{self, Build};
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

type World = State<Arc<Shared>>;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(builds))
        .route("/{owner}/{name}", get(builds_of))
        .route("/{owner}/{name}/{number}", get(build))
        .route("/{owner}/{name}/{number}/{stage}/{step}", get(step))
}

#[derive(Template)]
#[template(path = "lab/drone_builds.html")]
struct BuildsPage {
    repository: String,
    builds: Vec<Build>,
}

#[derive(Template)]
#[template(path = "lab/drone_build.html")]
struct BuildPage {
    repository: String,
    build: Build,
    /// Only this step, where one was asked for.
    only: Option<(i64, i64)>,
}

impl BuildPage {
    fn shows(&self, stage: &i64, step: &i64) -> bool {
        self.only.is_none_or(|only| only == (*stage, *step))
    }

    /// Still moving: the page then asks for itself again.
    fn moving(&self) -> bool {
        !self.build.is_done()
    }
}

/// `2025-06-01 12:00:07` in UTC, or a dash for what has not happened.
pub fn moment(seconds: &i64) -> String {
    match jiff::Timestamp::from_second(*seconds) {
        Ok(time) if *seconds > 0 => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        _ => "–".to_owned(),
    }
}

fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("rendering the page: {error}"),
        )
            .into_response(),
    }
}

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is no such build.").into_response()
}

async fn builds(State(shared): World) -> Response {
    let builds = shared
        .builds()
        .iter()
        .rev()
        .take(100)
        .map(Build::summary)
        .collect();
    show(&BuildsPage {
        repository: shared.settings.repository.clone(),
        builds,
    })
}

async fn builds_of(State(shared): World, Path((owner, name)): Path<(String, String)>) -> Response {
    if shared.settings.repository != format!("{owner}/{name}") {
        return nothing_here();
    }
    builds(State(shared)).await
}

async fn build(
    State(shared): World,
    Path((owner, name, number)): Path<(String, String, i64)>,
) -> Response {
    page(&shared, &owner, &name, number, None)
}

async fn step(
    State(shared): World,
    Path((owner, name, number, stage, step)): Path<(String, String, i64, i64, i64)>,
) -> Response {
    page(&shared, &owner, &name, number, Some((stage, step)))
}

fn page(
    shared: &Shared,
    owner: &str,
    name: &str,
    number: i64,
    only: Option<(i64, i64)>,
) -> Response {
    let repository = shared.settings.repository.clone();
    let found = shared
        .builds()
        .iter()
        .find(|build| build.number == number)
        .cloned();
    match found {
        Some(build) if repository == format!("{owner}/{name}") => show(&BuildPage {
            repository,
            build,
            only,
        }),
        _ => nothing_here(),
    }
}

/// A sign and a word for a status: colour alone tells too few people.
fn sign(status: &str) -> &'static str {
    match status {
        model::SUCCESS => "✅",
        model::FAILURE => "❌",
        model::ERROR | model::KILLED => "⛔",
        model::RUNNING => "⏳",
        model::SKIPPED => "⏭",
        _ => "🕓",
    }
}
