//! One client for both servers: as many connections as it is told, kept open, each with one delivery under way at a time.

use crate::deliveries::{Deliveries, Delivery, LINE};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came of a load.
#[derive(Default)]
pub struct Outcome {
    /// How long each acknowledged delivery took, shortest first.
    pub took: Vec<Duration>,
    /// The comments whose commands were acknowledged.
    pub acknowledged: Vec<u64>,
    /// Answers that were no acknowledgement, and connections that broke.
    pub refused: u64,
    pub broken: u64,
    pub lasted: Duration,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.lasted.as_secs_f64()
    }

    /// The time within which this part of the deliveries was acknowledged, in milliseconds.
    pub fn percentile(&self, part: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let at = (part * last as f64).round() as usize;
        self.took
            .get(at)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }

    /// Adds another one of the same load.
    pub fn add(&mut self, other: Outcome) {
        self.took.extend(other.took);
        self.took.sort_unstable();
        self.acknowledged.extend(other.acknowledged);
        self.refused += other.refused;
        self.broken += other.broken;
        self.lasted += other.lasted;
    }
}

/// An open connection.
pub struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| format!("connecting to {address}: {error}"))?;
        // Otherwise a body waits for the acknowledgement of its head.
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        // It ends with the sender.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    pub async fn deliver(&mut self, delivery: &Delivery) -> Result<StatusCode, hyper::Error> {
        self.0.ready().await?;
        let request = Request::post("/hooks/gitea")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("x-gitea-event", delivery.event)
            .header("x-gitea-signature", &delivery.signature)
            .body(Full::new(Bytes::copy_from_slice(&delivery.body)))
            .expect("these headers are plain");
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        Ok(status)
    }
}

/// So many commands a second are signed before the load begins, so that the client takes less of the cores that both servers need; those
/// beyond them as they are delivered.
const READY: u64 = 10_000;

/// Delivers on so many connections for so long; every second delivery is a command. `next` gives each its number, and so each comment its id.
pub async fn load(
    address: SocketAddr,
    connections: usize,
    lasts: Duration,
    deliveries: &Arc<Deliveries>,
    next: &Arc<AtomicU64>,
) -> Outcome {
    let first = next.load(Ordering::Relaxed).next_multiple_of(2);
    let commands = (0..READY * lasts.as_secs()).map(|command| first + 2 * command);
    let ready: Arc<Vec<Delivery>> = Arc::new(
        commands
            .map(|number| deliveries.said(number, LINE))
            .collect(),
    );
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..connections {
        let (deliveries, next, ready) = (deliveries.clone(), next.clone(), ready.clone());
        running.spawn(async move {
            let mut outcome = Outcome::default();
            let Ok(mut connection) = Connection::open(address).await else {
                outcome.broken += 1;
                return outcome;
            };
            while begun.elapsed() < lasts {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let is_command = number.is_multiple_of(2);
                let signed;
                let delivery = if !is_command {
                    deliveries.other(number / 2)
                } else if let Some(ready) = ready.get(((number - first) / 2) as usize) {
                    ready
                } else {
                    signed = deliveries.said(number, LINE);
                    &signed
                };
                let sent = Instant::now();
                match connection.deliver(delivery).await {
                    Ok(StatusCode::OK) => {
                        outcome.took.push(sent.elapsed());
                        outcome.acknowledged.extend(is_command.then_some(number));
                    }
                    Ok(_) => outcome.refused += 1,
                    Err(_) => {
                        outcome.broken += 1;
                        break;
                    }
                }
            }
            outcome
        });
    }
    let mut all = Outcome::default();
    while let Some(ended) = running.join_next().await {
        all.add(ended.unwrap_or_default());
    }
    all.lasted = begun.elapsed();
    all
}
