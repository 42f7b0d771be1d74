//! Conversations with a small server that answers as a Drone does on its good and on its bad days.

use super::model::Status;
use super::*;
use crate::retry::tests::StandingClock;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const REPOSITORY: &str = "recipe-maintainers/cc-ci";
const BUILDS: &str = "/api/repos/recipe-maintainers/cc-ci/builds";

async fn server(app: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn drone(url: &Url, outage: Duration) -> Drone {
    let limits = Limits {
        request: Duration::from_secs(5),
        outage,
    };
    Drone::new(url, REPOSITORY, Some("drones-own-token".into()), limits).unwrap()
}

fn patient(url: &Url) -> Drone {
    drone(url, Duration::from_secs(20))
}

fn impatient(url: &Url) -> Drone {
    drone(url, Duration::ZERO)
}

/// A Drone with builds 1 to `count`, which takes no more than 25 on a page.
fn with_builds(count: u64) -> Router {
    let list = move |Query(query): Query<HashMap<String, u64>>| async move {
        let (page, size) = (query["page"], query["per_page"]);
        let newest = count.saturating_sub((page - 1) * size);
        let builds: Vec<_> = (1..=newest)
            .rev()
            .take(size as usize)
            .map(|n| json!({"number": n, "id": n + 100}))
            .collect();
        axum::Json(builds)
    };
    Router::new().route(BUILDS, get(list))
}

/// Gives each answer once, then the last one for ever.
fn in_turn(answers: Vec<Response>) -> Router {
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    Router::new().fallback(move || {
        let next = answers.lock().unwrap().next();
        async move { next.unwrap_or_else(|| axum::Json(json!({"number": 1})).into_response()) }
    })
}

#[tokio::test]
async fn lists_every_build_after_a_number() {
    let drone = impatient(&server(with_builds(60)).await);
    assert_eq!(drone.latest_number().await.unwrap().value, 60);
    let seen = drone.builds_after(3).await.unwrap();
    let numbers: Vec<u64> = seen.value.iter().map(|build| build.number).collect();
    assert_eq!(numbers, (4..=60).collect::<Vec<_>>());
    assert_eq!(seen.answer.as_array().unwrap().len(), 57);
    assert_eq!(
        seen.answer[0],
        json!({"number": 4, "id": 104}),
        "each as it came"
    );
    assert!(
        seen.asked.ends_with("/builds?page=1&per_page=25"),
        "{}",
        seen.asked
    );
    assert_eq!(drone.builds_after(60).await.unwrap().value, []);
    assert_eq!(drone.builds_after(0).await.unwrap().value.len(), 60);
}

#[tokio::test]
async fn a_server_that_ignores_pages_is_not_asked_for_ever() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let app = Router::new().route(
        BUILDS,
        get(async move || {
            count.fetch_add(1, Ordering::Relaxed);
            axum::Json(json!([{"number": 9}, {"number": 8}]))
        }),
    );
    let drone = impatient(&server(app).await);
    assert_eq!(drone.builds_after(2).await.unwrap().value.len(), 2);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn null_is_an_empty_list() {
    let drone = impatient(&server(Router::new().fallback(async || axum::Json(Value::Null))).await);
    assert_eq!(drone.latest_number().await.unwrap().value, 0);
    assert_eq!(drone.builds_after(0).await.unwrap().value, []);
    assert_eq!(drone.log(1, 1, 1).await.unwrap().value, []);
    assert!(matches!(
        drone.build(1).await.unwrap_err().kind,
        Kind::NotJson(_)
    ));
}

#[tokio::test]
async fn the_logs_of_all_steps_are_read_in_order() {
    let app = Router::new()
        .route(
            "/api/repos/recipe-maintainers/cc-ci/builds/4",
            get(async || {
                axum::Json(json!({"number": 4, "status": "failure", "stages": [
                    {"number": 1, "name": "suite", "steps": [{"number": 1, "name": "clone"}, {"number": 2}, {"number": 3}]},
                    {"number": 2, "steps": null}]}))
            }),
        )
        .route(
            "/api/repos/recipe-maintainers/cc-ci/builds/4/logs/1/{step}",
            get(async |Path(step): Path<u64>| match step {
                2 => (StatusCode::NOT_FOUND, axum::Json(json!({"message": "sql: no rows in result set"}))).into_response(),
                _ => axum::Json(json!([
                    {"pos": 0, "out": format!("step {step}\n"), "time": 0},
                    {"pos": 1, "out": "abra app deploy\n", "time": 2}]))
                .into_response(),
            }),
        );
    let seen = impatient(&server(app).await).whole_log(4).await.unwrap();
    assert_eq!(
        seen.value.text,
        "step 1\nabra app deploy\nstep 3\nabra app deploy\n"
    );
    assert_eq!(seen.value.missing, ["1/2"]);
    assert!(!seen.value.cut);
    assert_eq!(seen.answer[0]["name"], "clone");
    assert_eq!(seen.answer[1]["log"][1]["time"], 2);
}

#[tokio::test]
async fn the_token_is_sent_and_never_told() {
    let app =
        Router::new().fallback(
            async |headers: HeaderMap| match headers.get("authorization") {
                Some(value) if value == "Bearer drones-own-token" => {
                    axum::Json(json!({"number": 1})).into_response()
                }
                _ => (
                    StatusCode::UNAUTHORIZED,
                    axum::Json(json!({"message": "Unauthorized"})),
                )
                    .into_response(),
            },
        );
    let url = server(app).await;
    let seen = impatient(&url).build(1).await.unwrap();
    assert!(!format!("{seen:?}").contains("drones-own-token"));
    let limits = Limits {
        request: Duration::from_secs(5),
        outage: Duration::from_secs(20),
    };
    let token = Secret::from("wrong");
    let stranger = Drone::new(&url, REPOSITORY, Some(token.clone()), limits).unwrap();
    let error = stranger.build(1).await.unwrap_err();
    assert_eq!(error.kind, Kind::Status(401, "Unauthorized".into()));
    assert!(!error.is_transient());
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read build 1 at {url}api/repos/recipe-maintainers/cc-ci/builds/1: Drone answered 401 (Unauthorized); \
             does the token belong to an account that may read this repository?"
        )
    );
    token.exchange("drones-own-token".into(), std::time::Instant::now());
    stranger.build(1).await.unwrap();
}

#[tokio::test]
async fn what_passes_is_asked_again_and_told_meanwhile() {
    let app = in_turn(vec![
        (StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response(),
        "<html>maintenance</html>".into_response(),
        axum::Json(json!({"number": 1, "status": "running"})).into_response(),
    ]);
    let drone = patient(&server(app).await);
    let mut trouble = drone.trouble();
    let listener = tokio::spawn(async move {
        let mut told = Vec::new();
        while trouble.changed().await.is_ok() {
            told.push(trouble.borrow_and_update().clone());
        }
        told
    });
    assert_eq!(drone.build(1).await.unwrap().value.status, Status::Running);
    let base = drone.base.clone();
    drop(drone);
    let told = listener.await.unwrap();
    let first = told[0].as_deref().unwrap();
    assert!(
        first.starts_with(&format!("Drone at {base} answers 500, retrying since ")),
        "{first}"
    );
    assert!(first.ends_with(" UTC"), "{first}");
    assert!(told[1].as_deref().unwrap().contains("is not understood"));
    assert!(
        told.len() == 2 || told[2].is_none(),
        "taken back at the end"
    );
}

#[tokio::test]
async fn an_hour_without_drone_is_waited_for_and_told() {
    let _clock = StandingClock::new();
    let is_back = Arc::new(AtomicBool::new(false));
    let back = is_back.clone();
    let app = Router::new().fallback(async move || match back.load(Ordering::SeqCst) {
        true => axum::Json(json!({"number": 1, "status": "running"})).into_response(),
        false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    });
    let drone = Arc::new(drone(&server(app).await, Duration::from_secs(2 * 3600)));
    let mut trouble = drone.trouble();
    let asking = {
        let drone = drone.clone();
        tokio::spawn(async move { drone.build(1).await })
    };
    let (hour, step) = (Duration::from_secs(3600), Duration::from_secs(61));
    let began = tokio::time::Instant::now();
    while began.elapsed() < hour {
        // It has failed once more, and waits.
        trouble.changed().await.unwrap();
        let told = trouble.borrow_and_update().clone().unwrap();
        assert!(told.contains("answers 503, retrying since"), "{told}");
        is_back.store(began.elapsed() + step >= hour, Ordering::SeqCst);
        tokio::time::advance(step).await;
    }
    assert_eq!(asking.await.unwrap().unwrap().value.status, Status::Running);
    assert_eq!(*trouble.borrow(), None);
}

#[tokio::test]
async fn patience_ends() {
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
    };
    let drone = drone(&refused, Duration::from_millis(300));
    let error = drone.version().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable("connection refused".into()));
    assert!(error.is_transient());
    assert_eq!(*drone.trouble().borrow(), None);
}

#[tokio::test]
async fn a_slow_answer_is_a_timeout() {
    let app = Router::new().fallback(async || std::future::pending::<()>().await);
    let limits = Limits {
        request: Duration::from_millis(100),
        outage: Duration::ZERO,
    };
    let drone = Drone::new(&server(app).await, REPOSITORY, Some("t".into()), limits).unwrap();
    assert_eq!(
        drone.build(1).await.unwrap_err().kind,
        Kind::Timeout(limits.request)
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let app = Router::new().fallback(async || vec![b' '; BODY_LIMIT + 1]);
    let error = patient(&server(app).await).build(1).await.unwrap_err();
    assert!(matches!(error.kind, Kind::TooLarge(_)));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_redirect_is_followed_only_on_the_same_server() {
    let elsewhere = server(in_turn(vec![])).await;
    let app = Router::new()
        .route("/moved", get(async || axum::Json(json!({"number": 5}))))
        .route(
            "/api/repos/recipe-maintainers/cc-ci/builds/1",
            get(async || Redirect::to("/moved")),
        )
        .route(
            "/api/repos/recipe-maintainers/cc-ci/builds/2",
            get(async |State(to): State<String>| Redirect::to(&to)),
        )
        .with_state(elsewhere.to_string());
    let drone = impatient(&server(app).await);
    assert_eq!(drone.build(1).await.unwrap().value.number, 5);
    assert!(matches!(
        drone.build(2).await.unwrap_err().kind,
        Kind::Status(303, _)
    ));
}

#[test]
fn a_repository_has_an_owner_and_a_name() {
    let url = Url::parse("https://drone.example.org").unwrap();
    let limits = Limits {
        request: Duration::from_secs(1),
        outage: Duration::ZERO,
    };
    for wrong in ["", "cc-ci", "/cc-ci", "a/b/c", "a/"] {
        assert!(
            Drone::new(&url, wrong, Some("t".into()), limits).is_err(),
            "{wrong}"
        );
    }
    let mailto = Url::parse("mailto:drone@example.org").unwrap();
    assert!(Drone::new(&mailto, REPOSITORY, Some("t".into()), limits).is_err());
}

/// Answers what a real Drone answered, as recorded for the contract tests.
async fn as_recorded() -> Url {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/drone-2.0.4/api"
    );
    let mut answers = HashMap::new();
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    // In the order in which it was said: of one question, the last answer stays.
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let exchange: Value = serde_json::from_str(&text).unwrap();
        let (request, response) = (&exchange["request"], &exchange["response"]);
        if request["method"] == "GET" && request["who"] == "operator"
            || request["path"] == "/version"
        {
            let status = response["status"].as_u64().unwrap() as u16;
            let path = request["path"].as_str().unwrap().to_owned();
            answers.insert(path, (status, response["body"].clone()));
        }
    }
    server(
        Router::new().fallback(move |uri: axum::http::Uri| async move {
            let asked = uri.path_and_query().unwrap().as_str();
            let no_more = (200, json!([]));
            let (status, body) = answers.get(asked).cloned().unwrap_or(no_more);
            (StatusCode::from_u16(status).unwrap(), axum::Json(body))
        }),
    )
    .await
}

#[tokio::test]
async fn what_a_real_drone_answers_is_understood() {
    let drone = impatient(&as_recorded().await);
    assert_eq!(drone.version().await.unwrap().value.version, "2.0.4");
    assert_eq!(drone.latest_number().await.unwrap().value, 2);
    let both = drone.builds_after(0).await.unwrap();
    assert_eq!(
        both.value
            .iter()
            .map(|build| build.number)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    let failed = drone.build(2).await.unwrap().value;
    assert_eq!(
        (&failed.status, failed.event.as_str()),
        (&Status::Failure, "custom")
    );
    assert_eq!(failed.params["RECIPE"], "custom-html-tiny");
    assert_eq!(failed.reference, "refs/heads/main");
    assert!(failed.created <= failed.finished && failed.created > 0);
    let steps: Vec<_> = failed.stages[0]
        .steps
        .iter()
        .map(|step| (step.name.as_str(), &step.status))
        .collect();
    assert_eq!(
        steps,
        [("clone", &Status::Success), ("harness", &Status::Failure)]
    );
    assert!(
        drone.log(1, 1, 1).await.unwrap().value[1]
            .out
            .contains("abra app deploy")
    );
    assert!(drone.log(1, 1, 99).await.unwrap_err().is_not_found());
    assert!(drone.build(999).await.unwrap_err().is_not_found());
}
