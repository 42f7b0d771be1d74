//! Each kind does to a little server's traffic what it says.

use super::clock::Clock;
use super::dice::{Dice, HOOKS, Kind, REQUESTS};
use super::hooks::Hooks;
use super::wire::Wire;
use crate::lab::http::{Bound, Serving};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use reqwest::{Client, Proxy, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const RATE: f64 = 0.15;
const PATH: &str = "/api/comments";

struct Server {
    url: String,
    /// What came: path with query, and body.
    came: mpsc::UnboundedReceiver<(String, String)>,
    _serving: Serving,
}

impl Server {
    async fn start() -> Server {
        let bound = Bound::new().await.unwrap();
        let (sender, came) = mpsc::unbounded_channel();
        let take =
            async |State(sender): State<mpsc::UnboundedSender<_>>, uri: Uri, body: String| {
                sender.send((uri.to_string(), body)).unwrap();
                let comments = json!([{ "id": 1, "created_at": "2026-01-01T00:00:00Z" }]);
                (
                    StatusCode::CREATED,
                    [("X-Total-Count", "1")],
                    comments.to_string(),
                )
            };
        Server {
            url: bound.url(),
            came,
            _serving: bound.serve(Router::new().fallback(take).with_state(sender)),
        }
    }

    fn came(&mut self) -> usize {
        std::iter::from_fn(|| self.came.try_recv().ok()).count()
    }
}

/// Seeds by which this happens to the first request.
fn seeds(kind: Option<Kind>) -> impl Iterator<Item = u64> {
    (0..).filter(move |seed| {
        let dice = Dice::new(*seed, RATE);
        dice.throw(&format!("POST {PATH}"), &REQUESTS).0 == kind
    })
}

async fn send(server: &Server, seed: u64) -> (reqwest::Result<Response>, Wire) {
    let wire = Wire::start(Arc::new(Dice::new(seed, RATE)), [].into()).await;
    let wire = wire.unwrap();
    let client = Client::builder()
        .proxy(Proxy::http(&wire.url).unwrap())
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let request = client.post(format!("{}{PATH}", server.url)).body("hello");
    (request.send().await, wire)
}

#[tokio::test]
async fn what_is_not_disturbed_comes_as_it_is() {
    let mut server = Server::start().await;
    let seed = seeds(None).next().unwrap();
    let (answer, _wire) = send(&server, seed).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["X-Total-Count"], "1");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body[0]["created_at"], "2026-01-01T00:00:00Z");
    let came = server.came.recv().await.unwrap();
    assert_eq!(came, (PATH.to_owned(), "hello".to_owned()));
}

#[tokio::test]
async fn a_server_error_comes_before_the_effect_or_after_it() {
    let mut server = Server::start().await;
    let mut effects = [false; 2];
    for seed in seeds(Some(Kind::ServerError)).take(8) {
        let (answer, _wire) = send(&server, seed).await;
        assert!(answer.unwrap().status().is_server_error());
        effects[server.came().min(1)] = true;
    }
    assert_eq!(effects, [true; 2]);
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_again_and_does_nothing() {
    let mut server = Server::start().await;
    let mut told = Vec::new();
    for seed in seeds(Some(Kind::TooManyRequests)).take(8) {
        let (answer, _wire) = send(&server, seed).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        told.push(answer.headers()["Retry-After"].to_str().unwrap().len());
    }
    assert_eq!(server.came(), 0);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, ["1".len(), "Thu, 01 Jan 2026 00:00:00 GMT".len()]);
}

#[tokio::test]
async fn a_lost_answer_is_silence_after_the_effect() {
    let mut server = Server::start().await;
    let seed = seeds(Some(Kind::AnswerLost)).next().unwrap();
    let (answer, _wire) = send(&server, seed).await;
    let error = answer.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(server.came(), 1);
}

#[tokio::test]
async fn a_cut_before_is_no_effect_and_no_answer() {
    let mut server = Server::start().await;
    let seed = seeds(Some(Kind::CutBefore)).next().unwrap();
    let (answer, _wire) = send(&server, seed).await;
    let error = answer.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(server.came(), 0);
}

#[tokio::test]
async fn a_cut_answer_begins_well_after_the_effect() {
    let mut server = Server::start().await;
    let seed = seeds(Some(Kind::CutAnswer)).next().unwrap();
    let (answer, _wire) = send(&server, seed).await;
    let mut answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(!answer.chunk().await.unwrap().unwrap().is_empty());
    let error = answer.chunk().await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
    assert_eq!(server.came(), 1);
}

#[tokio::test]
async fn a_slow_answer_is_whole() {
    let server = Server::start().await;
    let seed = seeds(Some(Kind::Slow)).next().unwrap();
    let began = Instant::now();
    let (answer, _wire) = send(&server, seed).await;
    let body: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(body[0]["id"], 1);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_clock_that_is_off_is_off_in_all_that_is_told_and_heard() {
    let mut server = Server::start().await;
    let name = server.url.trim_start_matches("http://").to_owned();
    let dice = Arc::new(Dice::new(1, 0.0));
    let wire = Wire::start(dice.clone(), [(name, Clock::ahead(600))].into()).await;
    let wire = wire.unwrap();
    let client = Client::builder()
        .proxy(Proxy::http(&wire.url).unwrap())
        .build()
        .unwrap();
    let url = format!("{}/comments?since=2026-01-01T00:10:00Z&page=2", server.url);
    let answer = client.get(url).send().await.unwrap();
    let date = answer.headers()["Date"].to_str().unwrap().to_owned();
    let date = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp();
    let ahead = date.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((590..=600).contains(&ahead), "{ahead}");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body[0]["created_at"], "2026-01-01T00:10:00Z");
    let (came, _) = server.came.recv().await.unwrap();
    assert_eq!(came, "/comments?since=2026-01-01T00%3A00%3A00Z&page=2");
    assert_eq!(dice.counted().1[&Kind::ClockOff], 1);
}

/// Delivers webhooks of these events, by a seed with which this happens to the first and nothing to the others; answers what arrived.
async fn deliver(kind: Option<Kind>, arrive: usize) -> Vec<String> {
    let kinds = |seed: u64| {
        let dice = Dice::new(seed, RATE);
        ["one", "two"].map(|event| dice.throw(&format!("hook {event}"), &HOOKS).0)
    };
    let seed = (0..).find(|seed| kinds(*seed) == [kind, None]).unwrap();
    let mut server = Server::start().await;
    let mut hooks = Hooks::start(Arc::new(Dice::new(seed, RATE))).await.unwrap();
    hooks.lead_to(&server.url);
    for event in ["one", "two"] {
        let mut headers = HeaderMap::new();
        headers.insert("x-gitea-event-type", event.parse().unwrap());
        let request = Client::new().post(&hooks.url).headers(headers).body(event);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
    let mut arrived = Vec::new();
    for _ in 0..arrive {
        arrived.push(server.came.recv().await.unwrap().1);
    }
    arrived
}

#[tokio::test]
async fn webhooks_are_lost_doubled_late_and_out_of_order() {
    assert_eq!(deliver(None, 2).await, ["one", "two"]);
    assert_eq!(deliver(Some(Kind::HookLost), 1).await, ["two"]);
    let doubled = deliver(Some(Kind::HookDoubled), 3).await;
    assert_eq!(doubled, ["one", "one", "two"]);
    let late = deliver(Some(Kind::HookLate), 2).await;
    assert_eq!(late, ["two", "one"]);
    let reordered = deliver(Some(Kind::HookReordered), 2).await;
    assert_eq!(reordered, ["two", "one"]);
}
