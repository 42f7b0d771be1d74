//! The way of webhooks to Gavel. The forge delivers here, is told at once that all is well, and tries nothing again: as a forge does whose
//! delivery a proxy took and lost.

use super::dice::{self, Dice, HOOKS, Kind};
use crate::lab::http::{Bound, Serving};
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rand::RngExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(10);
/// How much later one comes that is late.
const LATE: std::ops::Range<u64> = 300..4000;
/// One that is to come after the next comes by itself when there is no next one.
const NO_NEXT: Duration = Duration::from_secs(3);

struct Delivery {
    /// What happens to it.
    kind: Option<Kind>,
    /// By how much it is late, if it is.
    by: Duration,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Ends with its handle.
pub struct Hooks {
    pub url: String,
    /// What was delivered, until somebody passes it on.
    taken: Option<mpsc::UnboundedReceiver<Delivery>>,
    client: reqwest::Client,
    worker: Option<JoinHandle<()>>,
    _serving: Serving,
}

#[derive(Clone)]
struct Taken {
    dice: Arc<Dice>,
    sender: mpsc::UnboundedSender<Delivery>,
}

impl Hooks {
    pub async fn start(dice: Arc<Dice>) -> Result<Hooks> {
        let bound = Bound::new().await?;
        let url = bound.url();
        let (sender, receiver) = mpsc::unbounded_channel();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .context("making the client that passes webhooks on")?;
        let router = Router::new()
            .fallback(take)
            .with_state(Taken { dice, sender });
        Ok(Hooks {
            url,
            taken: Some(receiver),
            client,
            worker: None,
            _serving: bound.serve(router),
        })
    }

    /// Passes on to Gavel, which has this address, what was delivered and what will be.
    pub fn lead_to(&mut self, gavel: &str) {
        if let Some(taken) = self.taken.take() {
            let passed_on = pass_on(taken, self.client.clone(), gavel.to_owned());
            self.worker = Some(tokio::spawn(passed_on));
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abort();
        }
    }
}

async fn take(
    State(taken): State<Taken>,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let event = headers.get("x-gitea-event-type");
    let event = event
        .and_then(|event| event.to_str().ok())
        .unwrap_or_default();
    let (kind, mut chance) = taken.dice.throw(&dice::name_of("hook", event), &HOOKS);
    for name in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
        headers.remove(name);
    }
    let delivery = Delivery {
        kind,
        by: Duration::from_millis(chance.random_range(LATE)),
        path: uri.path().to_owned(),
        headers,
        body,
    };
    // Where nobody is there to pass it on any more, the lab ends.
    let _ = taken.sender.send(delivery);
    StatusCode::OK
}

async fn pass_on(
    mut taken: mpsc::UnboundedReceiver<Delivery>,
    client: reqwest::Client,
    gavel: String,
) {
    let send = async |delivery: &Delivery| {
        let request = client.post(format!("{gavel}{}", delivery.path));
        let request = request
            .headers(delivery.headers.clone())
            .body(delivery.body.clone());
        if let Err(error) = request.send().await {
            tracing::debug!("a webhook did not reach Gavel: {error}");
        }
    };
    let mut late = FuturesUnordered::new();
    let mut held: Option<Delivery> = None;
    loop {
        let delivery = tokio::select! {
            next = taken.recv() => match next {
                Some(delivery) => delivery,
                None => return,
            },
            Some(delivery) = late.next() => {
                send(&delivery).await;
                continue;
            }
            () = tokio::time::sleep(NO_NEXT), if held.is_some() => {
                if let Some(held) = held.take() {
                    send(&held).await;
                }
                continue;
            }
        };
        match delivery.kind {
            Some(Kind::HookLost) => continue,
            Some(Kind::HookLate) => {
                late.push(async move {
                    tokio::time::sleep(delivery.by).await;
                    delivery
                });
                continue;
            }
            Some(Kind::HookReordered) if held.is_none() => {
                held = Some(delivery);
                continue;
            }
            Some(Kind::HookDoubled) => send(&delivery).await,
            _ => {}
        }
        send(&delivery).await;
        if let Some(held) = held.take() {
            send(&held).await;
        }
    }
}
