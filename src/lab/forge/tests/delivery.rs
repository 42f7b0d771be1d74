//! Webhooks: what is sent, how it is signed, and what becomes of it when nobody answers.

use super::super::deliver::HookQueue;
use super::{REPO, Visit, password};
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Fine event, action.
    fn what(&self) -> (String, String) {
        (
            self.header("x-gitea-event-type").to_string(),
            self.json()["action"]
                .as_str()
                .unwrap_or_default()
                .to_string(),
        )
    }
}

/// Something that takes deliveries, and its address.
async fn receiver() -> (String, UnboundedReceiver<Received>) {
    let (sender, receiver) = unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        let sent = sender.send(Received { headers, body });
        async move { sent.map_or("nobody listens", |()| "ok") }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
    (url, receiver)
}

async fn next(receiver: &mut UnboundedReceiver<Received>) -> Received {
    let waited = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
    waited
        .expect("no delivery came within ten seconds")
        .unwrap()
}

async fn hook(visit: &Visit, url: &str, events: &[&str]) -> i64 {
    let config = json!({"url": url, "content_type": "json", "secret": "s3cret"});
    let body = json!({"type": "gitea", "active": true, "events": events, "config": config});
    let made = visit
        .done(201, "operator", "POST", &format!("{REPO}/hooks"), body)
        .await;
    assert_eq!(
        made["config"],
        json!({"content_type": "json", "url": url}),
        "the secret is not told"
    );
    made["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_delivery_is_signed_and_named() {
    let visit = Visit::start().await;
    let (url, mut inbox) = receiver().await;
    hook(&visit, &url, &["issue_comment"]).await;
    let number = visit.issue("maintainer", "Verify").await;
    visit.comment("outsider", number, "/verify <V1> & V2").await;
    let got = next(&mut inbox).await;
    assert_eq!(
        (
            got.header("x-gitea-event"),
            got.header("x-gitea-event-type")
        ),
        ("issue_comment", "issue_comment")
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(&got.body);
    let digest = hex::encode(mac.finalize().into_bytes());
    assert_eq!(got.header("x-gitea-signature"), digest);
    assert_eq!(
        got.header("x-hub-signature-256"),
        format!("sha256={digest}")
    );
    assert!(got.header("x-hub-signature").starts_with("sha1="));
    assert_eq!(
        (
            got.header("x-gitea-delivery").len(),
            got.header("x-gitea-delivery")
        ),
        (36, got.header("x-github-delivery"))
    );
    let payload = got.json();
    assert_eq!(
        (&payload["action"], &payload["is_pull"]),
        (&json!("created"), &json!(false))
    );
    assert_eq!(
        (&payload["comment"]["body"], &payload["sender"]["login"]),
        (&json!("/verify <V1> & V2"), &json!("outsider"))
    );
    assert!(!got.body.contains(&b'<'), "Go writes these as escapes");
}

#[tokio::test]
async fn each_event_comes_in_order_under_its_names() {
    let visit = Visit::start().await;
    let (url, mut inbox) = receiver().await;
    hook(
        &visit,
        &url,
        &[
            "issue_comment",
            "issues",
            "pull_request",
            "push",
            "status",
            "create",
            "delete",
        ],
    )
    .await;
    visit.issue("maintainer", "Verify").await;
    let sha = visit.write("gavel", "up-1", "x", "1").await["commit"]["sha"]
        .as_str()
        .unwrap()
        .to_string();
    visit.open_pull("gavel", "up-1").await;
    let comment = visit.comment("flow", 2, "!testme").await;
    visit
        .done(
            200,
            "flow",
            "PATCH",
            &format!("{REPO}/issues/comments/{}", comment["id"]),
            json!({"body": "!testme2"}),
        )
        .await;
    visit
        .done(
            201,
            "bridge",
            "POST",
            &format!("{REPO}/statuses/{sha}"),
            json!({"state": "pending", "context": "c"}),
        )
        .await;
    visit
        .done(
            201,
            "gavel",
            "POST",
            &format!("{REPO}/contents/y"),
            json!({"content": "YQ==", "branch": "up-1"}),
        )
        .await;
    visit
        .done(
            201,
            "gavel",
            "PATCH",
            &format!("{REPO}/pulls/2"),
            json!({"state": "closed"}),
        )
        .await;
    visit
        .done(
            204,
            "gavel",
            "DELETE",
            &format!("{REPO}/branches/up-1"),
            Value::Null,
        )
        .await;
    let expected = [
        ("issues", "opened"),
        ("create", ""),
        ("push", ""),
        ("pull_request", "opened"),
        ("pull_request_comment", "created"),
        ("pull_request_comment", "edited"),
        ("status", ""),
        ("push", ""),
        ("pull_request_sync", "synchronized"),
        ("pull_request", "closed"),
        ("delete", ""),
    ];
    for (event, action) in expected {
        let got = next(&mut inbox).await;
        assert_eq!(got.what(), (event.to_string(), action.to_string()));
        let payload = got.json();
        assert_eq!(payload["repository"]["full_name"], "recipes/tiny");
        match (event, action) {
            ("pull_request_comment", _) => {
                assert_eq!(
                    (got.header("x-gitea-event"), &payload["is_pull"]),
                    ("issue_comment", &json!(true))
                );
                assert_eq!(payload["pull_request"]["head"]["sha"], json!(sha));
            }
            ("pull_request_sync", _) => {
                assert_ne!(payload["pull_request"]["head"]["sha"], json!(sha))
            }
            ("status", _) => assert_eq!(
                (&payload["sha"], &payload["state"]),
                (&json!(sha), &json!("pending"))
            ),
            ("push", _) => assert_eq!(payload["commits"][0]["added"].as_array().unwrap().len(), 1),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_push_by_git_tells_of_the_branch_and_of_its_pull_request() {
    let visit = Visit::start().await;
    visit.write("gavel", "up-1", "x", "1").await;
    visit.open_pull("gavel", "up-1").await;
    let (url, mut inbox) = receiver().await;
    hook(&visit, &url, &["push", "pull_request"]).await;
    visit
        .git(
            visit.dir.path(),
            &["clone", "-q", "-b", "up-1", &visit.remote("flow"), "work"],
        )
        .await;
    let work = visit.dir.path().join("work");
    visit
        .git(&work, &["commit", "-q", "--amend", "-m", "other"])
        .await;
    let (pushed, said) = visit.git(&work, &["push", "-qf", "origin", "up-1"]).await;
    assert!(pushed, "{said}");
    let push = next(&mut inbox).await.json();
    assert_eq!(
        (
            &push["ref"],
            &push["pusher"]["login"],
            &push["commits"][0]["message"]
        ),
        (&json!("refs/heads/up-1"), &json!("flow"), &json!("other\n"))
    );
    let sync = next(&mut inbox).await;
    assert_eq!(
        sync.what(),
        ("pull_request_sync".into(), "synchronized".into())
    );
    assert_eq!(sync.json()["pull_request"]["head"]["sha"], push["after"]);
}

#[tokio::test]
async fn an_inactive_hook_and_other_events_stay_silent() {
    let visit = Visit::start().await;
    let (url, mut inbox) = receiver().await;
    let id = hook(&visit, &url, &["issues"]).await;
    let number = visit.issue("maintainer", "first").await;
    visit
        .comment(
            "maintainer",
            number,
            "not an issue event? it is: `issues` stands for all of its kind",
        )
        .await;
    assert_eq!(next(&mut inbox).await.what().0, "issues");
    assert_eq!(next(&mut inbox).await.what().0, "issue_comment");
    visit
        .done(
            200,
            "operator",
            "PATCH",
            &format!("{REPO}/hooks/{id}"),
            json!({"active": false, "events": ["issues"]}),
        )
        .await;
    visit.issue("maintainer", "unheard").await;
    visit
        .done(
            200,
            "operator",
            "PATCH",
            &format!("{REPO}/hooks/{id}"),
            json!({"active": true, "events": ["issues_only"]}),
        )
        .await;
    visit.comment("maintainer", number, "unheard").await;
    visit.issue("maintainer", "heard").await;
    assert_eq!(next(&mut inbox).await.json()["issue"]["title"], "heard");
}

#[tokio::test]
async fn a_failed_delivery_is_logged_and_sent_again_only_when_asked_under_its_id() {
    let visit = Visit::start().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let id = hook(&visit, &format!("http://{address}/hook"), &["issues"]).await;
    visit.issue("maintainer", "Verify").await;
    let page = format!("{}/recipes/tiny/settings/hooks/{id}", visit.forge.url());
    let log = visit.deliveries(id);
    let logged = async || loop {
        if let Some(first) = log.log().into_iter().next() {
            return first;
        }
        tokio::task::yield_now().await;
    };
    let failed = tokio::time::timeout(Duration::from_secs(10), logged())
        .await
        .unwrap();
    assert!(failed.outcome.is_err());
    let seen = visit
        .client
        .get(&page)
        .basic_auth("operator", Some(password("operator")))
        .send()
        .await
        .unwrap();
    assert!(seen.text().await.unwrap().contains(&failed.delivery.uuid));
    assert_eq!(
        visit
            .client
            .get(&page)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        401
    );
    // Now somebody listens there.
    let (sender, mut inbox) = unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        let _ = sender.send(Received { headers, body });
        async { "ok" }
    };
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
    let again = visit
        .client
        .post(format!("{page}/replay/{}", failed.delivery.uuid))
        .basic_auth("operator", Some(password("operator")));
    assert_eq!(again.send().await.unwrap().status().as_u16(), 303);
    assert_eq!(
        next(&mut inbox).await.header("x-gitea-delivery"),
        failed.delivery.uuid
    );
}

impl Visit {
    fn deliveries(&self, hook: i64) -> HookQueue {
        let world = self.forge.shared.world();
        let repo = world.repo_named("recipes", "tiny").unwrap();
        repo.hooks
            .iter()
            .find(|h| h.id == hook)
            .unwrap()
            .queue
            .clone()
    }
}
