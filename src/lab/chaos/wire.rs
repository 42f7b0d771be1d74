//! The wire between Gavel and the servers: an HTTP proxy, through which Gavel is led by its environment, and which disturbs what goes
//! through it. Addresses stay as they are. Programs of the flow are not given Gavel's environment, and go their own way.

use super::clock::Clock;
use super::dice::{self, Dice, Kind, REQUESTS};
use anyhow::{Context, Result};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// For a server's answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long nobody answers, whoever waits.
const SILENCE: Duration = Duration::from_secs(60);
/// How late an answer is that is slow; and between its two pieces.
const LATE: std::ops::Range<u64> = 50..500;
const BETWEEN_PIECES: Duration = Duration::from_millis(50);
const BODY_LIMIT: usize = 64 << 20;
/// What belongs to one connection, and not to what is said on it.
const OF_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("proxy-connection"),
];

/// The connection is to break here.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
pub struct Cut;

type Body = UnsyncBoxBody<Bytes, Cut>;

/// Ends with its handle.
pub struct Wire {
    pub url: String,
    task: JoinHandle<()>,
}

struct Way {
    dice: Arc<Dice>,
    /// By host and port.
    clocks: HashMap<String, Clock>,
    http: reqwest::Client,
}

impl Wire {
    /// `clocks` says by whose host and port the clock is off.
    pub async fn start(dice: Arc<Dice>, clocks: HashMap<String, Clock>) -> Result<Wire> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("binding a port on loopback")?;
        let port = listener.local_addr().context("asking for the bound port")?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("making the proxy's client")?;
        let way = Arc::new(Way { dice, clocks, http });
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let way = way.clone();
                let service = service_fn(move |request| {
                    let way = way.clone();
                    async move { way.carry(request).await }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    // It is to break now and then.
                    let _ = connection.await;
                });
            }
        });
        Ok(Wire {
            url: format!("http://{port}"),
            task,
        })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Way {
    async fn carry(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (head, body) = request.into_parts();
        let Some(server) = head.uri.authority().map(ToString::to_string) else {
            return Ok(plain(StatusCode::BAD_REQUEST, "this is a proxy"));
        };
        let clock = self.clocks.get(&server).copied();
        let clock = clock.unwrap_or_else(|| Clock::ahead(0));
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body.map_err(|_| Cut)?.to_bytes();
        let name = dice::name_of(head.method.as_str(), head.uri.path());
        let (kind, mut chance) = self.dice.throw(&name, &REQUESTS);
        tracing::debug!(seen = %head.uri, kind = kind.map_or("passes", Kind::word), "on the wire");
        let send = async || {
            let request = self
                .http
                .request(head.method.clone(), url(&head.uri, clock));
            let request = request.headers(passed_on(&head.headers)).body(body.clone());
            let answer = request.send().await.map_err(|_| Cut)?;
            let (status, headers) = (answer.status(), passed_on(answer.headers()));
            let mut body = answer.bytes().await.map_err(|_| Cut)?;
            let mut answer = Response::builder()
                .status(status)
                .body(())
                .map_err(|_| Cut)?;
            *answer.headers_mut() = headers;
            if !clock.is_right() {
                self.dice.count(Kind::ClockOff);
                date(answer.headers_mut(), clock);
                body = shifted(body, clock);
            }
            // Then half an answer can be told from a whole one.
            let length = HeaderValue::from(body.len());
            if status != StatusCode::NO_CONTENT {
                answer.headers_mut().insert(header::CONTENT_LENGTH, length);
            }
            Ok((answer, body))
        };
        match kind {
            None => send()
                .await
                .map(|(answer, body)| answer.map(|()| whole(body))),
            Some(Kind::ServerError) => {
                if chance.random_bool(0.5) {
                    send().await?;
                }
                Ok(server_error(&mut chance))
            }
            Some(Kind::TooManyRequests) => Ok(too_many(&mut chance, clock)),
            Some(Kind::AnswerLost) => {
                send().await?;
                tokio::time::sleep(SILENCE).await;
                Err(Cut)
            }
            Some(Kind::CutAnswer) => {
                let (answer, body) = send().await?;
                if body.is_empty() {
                    return Err(Cut);
                }
                Ok(answer.map(|()| in_pieces(body, true)))
            }
            Some(Kind::Slow) => {
                let (answer, body) = send().await?;
                tokio::time::sleep(Duration::from_millis(chance.random_range(LATE))).await;
                Ok(answer.map(|()| in_pieces(body, false)))
            }
            // What happens to webhooks does not happen here.
            Some(_) => Err(Cut),
        }
    }
}

/// Where a request goes, with the times in it by the server's own clock.
fn url(uri: &Uri, clock: Clock) -> String {
    let Some(query) = uri.query().filter(|_| !clock.is_right()) else {
        return uri.to_string();
    };
    let mut heard = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        heard.append_pair(&key, &clock.hear(&key, &value));
    }
    let whole = uri.to_string();
    let path = whole.split('?').next().unwrap_or_default();
    format!("{path}?{}", heard.finish())
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}

fn date(headers: &mut HeaderMap, clock: Clock) {
    if let Ok(date) = HeaderValue::from_str(&clock.date(clock.now())) {
        headers.insert(header::DATE, date);
    }
}

fn shifted(body: Bytes, clock: Clock) -> Bytes {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    clock.tell(&mut answer);
    answer.to_string().into()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(whole(text.into()));
    *answer.status_mut() = status;
    answer
}

fn server_error(chance: &mut StdRng) -> Response<Body> {
    let statuses = [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let status = statuses[chance.random_range(0..statuses.len())];
    plain(status, "<html><h1>Something is wrong</h1></html>")
}

fn too_many(chance: &mut StdRng, clock: Clock) -> Response<Body> {
    let mut answer = plain(StatusCode::TOO_MANY_REQUESTS, "slow down");
    date(answer.headers_mut(), clock);
    let after = match chance.random_bool(0.5) {
        true => "1".to_owned(),
        false => clock.date(clock.now() + jiff::SignedDuration::from_secs(1)),
    };
    if let Ok(after) = HeaderValue::from_str(&after) {
        answer.headers_mut().insert(header::RETRY_AFTER, after);
    }
    answer
}

fn whole(body: Bytes) -> Body {
    http_body_util::Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// In two pieces, the second of which may not come.
fn in_pieces(body: Bytes, cut: bool) -> Body {
    let middle = body.len() / 2;
    let pieces = [body.slice(..middle), body.slice(middle..)];
    let stream = futures_util::stream::unfold((0, pieces), move |(at, pieces)| async move {
        // What was sent before is then on its way.
        if at > 0 {
            tokio::time::sleep(BETWEEN_PIECES).await;
        }
        let piece = pieces.get(at)?.clone();
        let piece = match at == 1 && cut {
            true => Err(Cut),
            false => Ok(Frame::data(piece)),
        };
        Some((piece, (at + 1, pieces)))
    });
    StreamBody::new(stream).boxed_unsync()
}
