//! Sends requests: time-outs, limits, repeats, and the news about trouble.

use super::{
    GiteaError, Limits,
    error::Failure,
    trouble::{Desk, Wait},
};
use crate::instants::{reach, shape};
use crate::secret::Secret;
use crate::{http, retry};
use backon::BackoffBuilder;
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;
use tokio::{sync::watch, time::Instant};
use url::Url;

/// No answer that Gavel needs comes near this.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

pub struct Transport {
    client: Client,
    base: Url,
    token: Option<Secret>,
    limits: Limits,
    desk: Desk,
    began: Instant,
}

/// One request to the API.
pub struct Call {
    /// Fits after "cannot".
    pub doing: String,
    pub method: Method,
    /// Below `/api/v1/`, escaped, with its query.
    pub path: String,
    pub body: Option<Body>,
    pub expects: Expects,
}

/// What is sent along.
pub enum Body {
    Json(Value),
    /// One file, in a form of one field.
    File {
        field: &'static str,
        name: String,
        content: Vec<u8>,
    },
}

/// What a successful answer looks like. Anything else did not come from the API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    Json,
    /// 204.
    Nothing,
}

/// A successful answer.
pub struct Answer {
    /// `null` where there is none.
    pub body: Value,
    /// How long the whole list is, where the server says so.
    pub total: Option<usize>,
    /// The server sent the request on, to another path of its API.
    pub redirected: bool,
    /// When it was given, by the server's clock.
    pub date: Option<Timestamp>,
}

impl Call {
    pub fn new(doing: impl Into<String>, method: Method, path: String) -> Call {
        Call {
            doing: doing.into(),
            method,
            path,
            body: None,
            expects: Expects::Json,
        }
    }
}

impl Transport {
    pub fn new(url: &Url, token: Option<&Secret>, limits: Limits) -> Result<Transport, GiteaError> {
        let unsayable = |why: String| {
            let (base, failure) = (url.to_string(), Failure::Unsayable(why));
            GiteaError::new("use the token", base, failure, 0, Duration::ZERO)
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            authorization(token).map_err(unsayable)?;
        }
        let client = Client::builder()
            .default_headers(headers)
            .timeout(limits.request)
            .redirect(http::within_the_server())
            .user_agent(concat!("gavel/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unsayable(chain(&error)))?;
        Ok(Transport {
            client,
            base: url.clone(),
            token: token.cloned(),
            limits,
            desk: Desk::default(),
            began: Instant::now(),
        })
    }

    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.desk.subscribe()
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Since when requests are sent.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Tells that something waits for the forge since this went wrong, until what is given is dropped.
    pub fn waits(&self, error: &GiteaError) -> Wait<'_> {
        let wait = self.desk.wait();
        wait.say(error.in_short());
        wait
    }

    /// Method and URL of a call.
    pub fn asked(&self, call: &Call) -> String {
        format!(
            "{} {}/api/v1/{}",
            call.method,
            self.base.as_str().trim_end_matches('/'),
            call.path
        )
    }

    pub fn misshapen(&self, call: &Call, error: serde_json::Error) -> GiteaError {
        self.error(call, Failure::Misshapen(error.to_string()))
    }

    pub fn error(&self, call: &Call, failure: Failure) -> GiteaError {
        GiteaError::new(&call.doing, self.asked(call), failure, 1, Duration::ZERO)
    }

    /// Sends it one single time.
    pub async fn once(&self, call: &Call) -> Result<Answer, GiteaError> {
        self.attempt(call)
            .await
            .map_err(|failure| self.error(call, failure))
    }

    /// Sends it until there is an answer, or the patience for an outage is used up.
    pub async fn repeat(&self, call: &Call) -> Result<Answer, GiteaError> {
        let started = Instant::now();
        let give_up = started + self.limits.outage;
        let mut pauses = retry::pauses(self.limits.outage).build();
        let mut wait: Option<Wait> = None;
        for attempts in 1.. {
            let failure = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let left = give_up.saturating_duration_since(Instant::now());
            if !failure.is_transient() || left.is_zero() {
                return Err(GiteaError::new(
                    &call.doing,
                    self.asked(call),
                    failure,
                    attempts,
                    started.elapsed(),
                ));
            }
            let asked_to_wait = failure.retry_after().unwrap_or_default();
            let pause = pauses.next().unwrap_or_default();
            let pause = pause.max(asked_to_wait).min(left);
            tracing::warn!(asked = self.asked(call), %failure, ?pause, "the forge does not answer, asking again");
            wait.get_or_insert_with(|| self.desk.wait())
                .say(format!("to {}: {failure}", call.doing));
            tokio::time::sleep(pause).await;
        }
        unreachable!("the patience is used up before four billion attempts are")
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Failure> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = format!("{base}/api/v1/{}", call.path);
        let mut request = self.client.request(call.method.clone(), url);
        if let Some(token) = &self.token {
            let value = authorization(token).map_err(Failure::Unsayable)?;
            request = request.header(header::AUTHORIZATION, value);
        }
        request = match &call.body {
            None => request,
            Some(Body::Json(body)) => request.json(body),
            Some(Body::File {
                field,
                name,
                content,
            }) => {
                let part = Part::bytes(content.clone()).file_name(name.clone());
                request.multipart(Form::new().part(*field, part))
            }
        };
        let request = request
            .build()
            .map_err(|error| Failure::Unsayable(chain(&error)))?;
        let meant = format!(
            "{}/api/v1/{}",
            self.base.path().trim_end_matches('/'),
            call.path
        );
        if meant.split('?').next() != Some(request.url().path()) {
            // `.` and `..` would lead elsewhere, whatever they are escaped as.
            return Err(Failure::Unsayable(format!(
                "the path {meant} would be read as {}",
                request.url().path()
            )));
        }
        let url = request.url().clone();
        let changes = call.method != Method::GET;
        let name = || format!("{} {}", call.method, shape(&call.path));
        if changes {
            reach(|| format!("before {}", name()));
        }
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| self.failure(error))?;
        if changes {
            reach(|| format!("after {}", name()));
        }
        if response.status().is_redirection() {
            let to = response.headers().get(header::LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            return Err(Failure::Redirected(to.to_owned()));
        }
        let redirected = *response.url() != url;
        if redirected && (call.method != Method::GET || !self.is_own_api(response.url())) {
            return Err(Failure::Redirected(response.url().to_string()));
        }
        self.answer(call, response, redirected).await
    }

    async fn answer(
        &self,
        call: &Call,
        response: Response,
        redirected: bool,
    ) -> Result<Answer, Failure> {
        let status = response.status();
        let total = number(&response, "X-Total-Count");
        let retry_after = retry::after(response.headers());
        let date = retry::date(response.headers(), header::DATE);
        let bytes = self.body(response).await?;
        let body = if bytes.is_empty() {
            Some(Value::Null)
        } else {
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        match body {
            Some(body) if status.is_success() => {
                let as_expected = match call.expects {
                    Expects::Json => !bytes.is_empty(),
                    Expects::Nothing => status == StatusCode::NO_CONTENT,
                };
                if as_expected {
                    Ok(Answer {
                        body,
                        total,
                        redirected,
                        date,
                    })
                } else {
                    Err(Failure::NotTheApi {
                        status,
                        start: start(&bytes),
                    })
                }
            }
            Some(body) if status.is_client_error() || status.is_server_error() => {
                let message = body
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .trim()
                    .trim_end_matches('.')
                    .to_owned();
                Err(Failure::Refused {
                    status,
                    message,
                    body,
                    retry_after,
                    redirected,
                })
            }
            // A proxy tells this without JSON, and means it.
            None if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Refused {
                    status,
                    message: start(&bytes),
                    body: Value::Null,
                    retry_after,
                    redirected,
                })
            }
            // In particular a 404 in plain text, which a proxy answers while the forge is down: it proves no absence.
            _ => Err(Failure::NotTheApi {
                status,
                start: start(&bytes),
            }),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failure(error))?
        {
            if bytes.len() + chunk.len() > BODY_LIMIT {
                return Err(Failure::TooLarge(BODY_LIMIT));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Whether `url` still is below this forge's API.
    fn is_own_api(&self, url: &Url) -> bool {
        let below = format!("{}/api/v1/", self.base.path().trim_end_matches('/'));
        url.origin() == self.base.origin() && url.path().starts_with(&below)
    }

    fn failure(&self, error: reqwest::Error) -> Failure {
        // A time-out while connecting is one of the connection: nothing was sent.
        if error.is_connect() {
            Failure::NoConnection(chain(&error))
        } else if error.is_timeout() {
            Failure::TimedOut(self.limits.request)
        } else if error.is_redirect() {
            Failure::Redirected(chain(&error))
        } else if error.is_builder() {
            Failure::Unsayable(chain(&error))
        } else {
            Failure::Cut(chain(&error))
        }
    }
}

/// What the token is sent as; it may be another one each time.
fn authorization(token: &Secret) -> Result<HeaderValue, String> {
    let token = token.now();
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token is not one line of plain characters".to_owned());
    }
    let value = HeaderValue::from_str(&format!("token {token}"));
    let mut value = value.map_err(|error| chain(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The innermost cause, which says most, without the URL, which is told elsewhere.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn number(response: &Response, name: &str) -> Option<usize> {
    response
        .headers()
        .get(name)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// How a text that is not what it should be begins.
fn start(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(120)
        .collect()
}
