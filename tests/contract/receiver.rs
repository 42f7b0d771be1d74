//! A server on loopback that takes webhook deliveries and lets a test wait for them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// A delivery as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The forge's address at that time, since the body must stay byte for byte what was signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub forge: String,
    pub headers: BTreeMap<String, String>,
    pub raw_body: String,
}

impl Delivery {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    pub fn body(&self) -> Value {
        serde_json::from_str(&self.raw_body).unwrap_or_default()
    }

    /// What it tells, as far as deliveries are compared: finer event, and action, state or branch.
    pub fn kind(&self) -> String {
        let body = self.body();
        let event = self.header("X-Gitea-Event-Type");
        let finer = ["action", "state", "ref"].map(|key| body[key].as_str());
        match finer.into_iter().flatten().next() {
            Some(finer) => format!("{event}-{}", finer.trim_start_matches("refs/heads/")),
            None => event.to_owned(),
        }
    }

    /// Deliveries arrive in no certain order; of one kind, the first is the one about the lowest number and comment.
    pub fn order(&self) -> (u64, u64) {
        let body = self.body();
        let number = body["number"].as_u64().or(body["issue"]["number"].as_u64());
        (
            number.unwrap_or(0),
            body["comment"]["id"].as_u64().unwrap_or(0),
        )
    }

    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(self.raw_body.as_bytes());
        hex::decode(self.header("X-Gitea-Signature"))
            .is_ok_and(|said| mac.verify_slice(&said).is_ok())
    }
}

pub struct Receiver {
    pub url: String,
    inbox: Arc<Inbox>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

impl Receiver {
    pub async fn start() -> Self {
        let inbox = Arc::new(Inbox::default());
        let take = async |State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes| {
            let headers = headers
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        value.to_str().unwrap_or_default().to_owned(),
                    )
                })
                .collect();
            let raw_body = String::from_utf8_lossy(&body).into_owned();
            inbox.deliveries.lock().unwrap().push(Delivery {
                forge: String::new(),
                headers,
                raw_body,
            });
            inbox.arrived.notify_waiters();
        };
        let app = Router::new().fallback(take).with_state(inbox.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, inbox, server }
    }

    /// The deliveries so far, once one of each of `kinds` is among them.
    pub async fn wait_for(&self, kinds: &[&str]) -> Vec<Delivery> {
        let all_here = async {
            loop {
                let arrived = self.inbox.arrived.notified();
                let deliveries = self.inbox.deliveries.lock().unwrap().clone();
                let missing = kinds
                    .iter()
                    .any(|kind| deliveries.iter().all(|delivery| delivery.kind() != *kind));
                if !missing {
                    return deliveries;
                }
                arrived.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), all_here).await {
            Ok(deliveries) => deliveries,
            Err(_) => {
                let deliveries = self.inbox.deliveries.lock().unwrap();
                let here: Vec<String> = deliveries.iter().map(Delivery::kind).collect();
                panic!("waited for deliveries of {kinds:?}, only these came: {here:?}");
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}
