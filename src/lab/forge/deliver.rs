//! Webhook deliveries: one bounded queue and one worker a hook, in order, five seconds each, never twice by themselves.

use super::answer::go_json;
use super::state::Hook;
use super::state::{Seconds, now};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const QUEUE: usize = 512;
const LOG: usize = 200;
const PATIENCE: Duration = Duration::from_secs(5);

/// One event on its way to one hook.
#[derive(Clone)]
pub struct Delivery {
    pub uuid: String,
    pub event_type: String,
    pub url: String,
    pub body: String,
    content_type: String,
    secret: String,
    authorization: String,
}

#[derive(Clone)]
pub struct Logged {
    pub delivery: Delivery,
    pub at: Seconds,
    /// The answer's status, or what went wrong.
    pub outcome: Result<u16, String>,
}

#[derive(Clone)]
pub struct HookQueue {
    sender: mpsc::Sender<Delivery>,
    log: Arc<Mutex<VecDeque<Logged>>>,
}

impl HookQueue {
    /// Starts the worker; it ends with `stop`, or when the last handle is gone.
    pub fn start(client: reqwest::Client, stop: CancellationToken) -> HookQueue {
        let (sender, mut receiver) = mpsc::channel::<Delivery>(QUEUE);
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let written = log.clone();
        tokio::spawn(async move {
            let work = async {
                while let Some(delivery) = receiver.recv().await {
                    let outcome = send(&client, &delivery).await;
                    if let Err(error) = &outcome {
                        tracing::debug!(
                            "webhook {} to {}: {error}",
                            delivery.event_type,
                            delivery.url
                        );
                    }
                    note(
                        &written,
                        Logged {
                            delivery,
                            at: now(),
                            outcome,
                        },
                    );
                }
            };
            stop.run_until_cancelled(work).await;
        });
        HookQueue { sender, log }
    }

    fn put(&self, delivery: Delivery) {
        if let Err(mpsc::error::TrySendError::Full(delivery)) = self.sender.try_send(delivery) {
            note(
                &self.log,
                Logged {
                    delivery,
                    at: now(),
                    outcome: Err(format!("not sent: {QUEUE} deliveries were waiting already")),
                },
            );
        }
    }

    /// What was delivered, newest first.
    pub fn log(&self) -> Vec<Logged> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .cloned()
            .collect()
    }

    /// Sends an old delivery again, under its old id.
    pub fn again(&self, uuid: &str) -> bool {
        let found = self.log().into_iter().find(|l| l.delivery.uuid == uuid);
        found.map(|l| self.put(l.delivery)).is_some()
    }
}

fn note(log: &Mutex<VecDeque<Logged>>, entry: Logged) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == LOG {
        log.pop_front();
    }
    log.push_back(entry);
}

/// The coarse event under which a fine one is delivered.
pub fn event_of(event_type: &str) -> &str {
    match event_type {
        "issue_assign" | "issue_label" | "issue_milestone" => "issues",
        "pull_request_assign"
        | "pull_request_label"
        | "pull_request_milestone"
        | "pull_request_sync" => "pull_request",
        "pull_request_comment" => "issue_comment",
        other => other,
    }
}

impl Hook {
    /// Queues an event, if this hook wants it.
    pub fn offer(&self, event_type: &str, payload: &Value) {
        if !self.active || !self.events.contains(event_type) {
            return;
        }
        // A JSON value always prints.
        let body = go_json(serde_json::to_string_pretty(payload).unwrap_or_default());
        self.queue.put(Delivery {
            uuid: uuid(),
            event_type: event_type.into(),
            url: self.url.clone(),
            body,
            content_type: self.content_type.clone(),
            secret: self.secret.clone(),
            authorization: self.authorization.clone(),
        });
    }
}

pub fn uuid() -> String {
    let mut b: [u8; 16] = rand::random();
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let hex = hex::encode(b);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

async fn send(client: &reqwest::Client, delivery: &Delivery) -> Result<u16, String> {
    let headers =
        headers(delivery).map_err(|error| format!("a header could not be written: {error}"))?;
    let request = client
        .post(&delivery.url)
        .timeout(PATIENCE)
        .headers(headers);
    let request = if delivery.content_type == "form" {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &delivery.body)
            .finish();
        request
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
    } else {
        request
            .header("Content-Type", "application/json")
            .body(delivery.body.clone())
    };
    let response = request.send().await.map_err(|error| format!("{error:#}"))?;
    let status = response.status().as_u16();
    // Read to the end, so that the connection can be used again.
    response
        .bytes()
        .await
        .map_err(|error| format!("reading the answer {status}: {error}"))?;
    Ok(status)
}

fn headers(delivery: &Delivery) -> Result<HeaderMap, reqwest::header::InvalidHeaderValue> {
    let (mut sha1, mut sha256) = (String::new(), String::new());
    if !delivery.secret.is_empty() {
        // HMAC takes keys of any length.
        if let (Ok(mut one), Ok(mut two)) = (
            Hmac::<Sha1>::new_from_slice(delivery.secret.as_bytes()),
            Hmac::<Sha256>::new_from_slice(delivery.secret.as_bytes()),
        ) {
            one.update(delivery.body.as_bytes());
            two.update(delivery.body.as_bytes());
            sha1 = hex::encode(one.finalize().into_bytes());
            sha256 = hex::encode(two.finalize().into_bytes());
        }
    }
    let event = event_of(&delivery.event_type).to_string();
    let mut headers = HeaderMap::new();
    let mut add =
        |name: &'static str, value: &str| -> Result<(), reqwest::header::InvalidHeaderValue> {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            Ok(())
        };
    add("user-agent", "Go-http-client/1.1")?;
    add("x-gitea-delivery", &delivery.uuid)?;
    add("x-gitea-event", &event)?;
    add("x-gitea-event-type", &delivery.event_type)?;
    add("x-gitea-signature", &sha256)?;
    add("x-gitea-hook-installation-target-type", "repository")?;
    add("x-gogs-delivery", &delivery.uuid)?;
    add("x-gogs-event", &event)?;
    add("x-gogs-event-type", &delivery.event_type)?;
    add("x-gogs-signature", &sha256)?;
    add("x-hub-signature", &format!("sha1={sha1}"))?;
    add("x-hub-signature-256", &format!("sha256={sha256}"))?;
    add("x-github-delivery", &delivery.uuid)?;
    add("x-github-event", &event)?;
    add("x-github-event-type", &delivery.event_type)?;
    add("x-github-hook-installation-target-type", "repository")?;
    if !delivery.authorization.is_empty() {
        add("authorization", &delivery.authorization)?;
    }
    Ok(headers)
}
