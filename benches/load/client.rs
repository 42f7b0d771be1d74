//! One client for both servers: as many connections as it is told, kept open, each with one delivery under way at a time. It shares the
//! cores with them, so it writes what was made before, and reads of an answer no more than it must.

use crate::deliveries::{Deliveries, Delivery, LINE};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// An open connection, and what was read from it.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| format!("connecting to {address}: {error}"))?;
        // Otherwise a body waits for the acknowledgement of its head.
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let read = Vec::with_capacity(4096);
        Ok(Self { stream, read })
    }

    /// Answers the status, once all of the answer was read.
    pub async fn deliver(&mut self, delivery: &Delivery) -> Result<u16, String> {
        let sent = self.stream.write_all(delivery.request()).await;
        sent.map_err(|error| format!("sending: {error}"))?;
        loop {
            if let Some((status, length)) = answer(&self.read)? {
                self.read.drain(..length);
                return Ok(status);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) => return Err("the connection was closed".into()),
                Ok(_) => {}
                Err(error) => return Err(format!("reading: {error}")),
            }
        }
    }
}

/// The status of the answer that stands first, and how many bytes it takes; none while it is not whole.
fn answer(read: &[u8]) -> Result<Option<(u16, usize)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(read);
    let parsed = parsed.map_err(|error| format!("the answer is none: {error}"))?;
    let httparse::Status::Complete(head) = parsed else {
        return Ok(None);
    };
    let mut headers = answer.headers.iter();
    let length = headers.find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    let length: usize = length.ok_or("the answer does not say how long it is")?;
    let whole = head + length;
    Ok((read.len() >= whole).then_some((answer.code.unwrap_or_default(), whole)))
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
                    Ok(200) => {
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
