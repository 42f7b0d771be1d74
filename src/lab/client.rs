//! The lab's own client to the forge's API: what an operator, the bridge or a visitor would send, and nothing clever.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{method} {url}: no answer: {cause}")]
    Unreachable {
        method: Method,
        url: String,
        cause: reqwest::Error,
    },
    #[error("{method} {url}: answered {status}: {text}")]
    Refused {
        method: Method,
        url: String,
        status: StatusCode,
        text: String,
    },
    #[error("{method} {url}: answered {status} with something that is not JSON: {text}")]
    NotJson {
        method: Method,
        url: String,
        status: StatusCode,
        text: String,
    },
}

#[derive(Clone)]
enum Credential {
    None,
    Token(String),
    Password(String, String),
}

/// One account's view of one HTTP API.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    scheme: &'static str,
    credential: Credential,
}

/// One for all of a process: making one reads every certificate of the system, which takes longer than most of what the lab's programs do.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client with these settings can always be built")
});

impl Api {
    /// The forge's API, without an account.
    pub fn forge(url: &str) -> Api {
        Api::at(format!("{}/api/v1", url.trim_end_matches('/')), "token")
    }

    /// Any other HTTP service; a token is sent as `Bearer`.
    pub fn service(url: &str) -> Api {
        Api::at(url.trim_end_matches('/').to_owned(), "Bearer")
    }

    fn at(base: String, scheme: &'static str) -> Api {
        Api {
            http: CLIENT.clone(),
            base,
            scheme,
            credential: Credential::None,
        }
    }

    pub fn with_token(&self, token: &str) -> Api {
        Api {
            credential: Credential::Token(token.to_owned()),
            ..self.clone()
        }
    }

    pub fn with_password(&self, login: &str, password: &str) -> Api {
        Api {
            credential: Credential::Password(login.to_owned(), password.to_owned()),
            ..self.clone()
        }
    }

    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value, ApiError> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Result<Value, ApiError> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Result<Value, ApiError> {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::DELETE, path, None).await
    }

    /// The answer's status alone: for questions that are answered by 204 or 404.
    pub async fn status(&self, path: &str) -> Result<StatusCode, ApiError> {
        Ok(self.exchange(&Method::GET, path, None).await?.0)
    }

    /// The answer's text, whatever its type: for pages and reports.
    pub async fn text(&self, path: &str) -> Result<String, ApiError> {
        let (status, text) = self.exchange(&Method::GET, path, None).await?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(self.refused(Method::GET, path, status, text))
        }
    }

    /// The answer as it is, whatever its type: for files.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, ApiError> {
        let (status, bytes) = self.answer(&Method::GET, path, None).await?;
        if status.is_success() {
            Ok(bytes)
        } else {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Err(self.refused(Method::GET, path, status, text))
        }
    }

    /// Every element of a list that is answered in pages of `limit`.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, ApiError> {
        const LIMIT: usize = 50;
        const MOST_PAGES: usize = 200;
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let answer = self
                .get(&format!("{path}{joint}page={page}&limit={LIMIT}"))
                .await?;
            let Value::Array(part) = answer else { break };
            let full = part.len() >= LIMIT;
            all.extend(part);
            if !full {
                break;
            }
        }
        Ok(all)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ApiError> {
        let (status, text) = self.exchange(&method, path, body).await?;
        if !status.is_success() {
            return Err(self.refused(method, path, status, text));
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| ApiError::NotJson {
            method,
            url: self.url(path),
            status,
            text: short(&text),
        })
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, String), ApiError> {
        let (status, bytes) = self.answer(method, path, body).await?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn answer(
        &self,
        method: &Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let url = self.url(path);
        let mut request = self.http.request(method.clone(), &url);
        request = match &self.credential {
            Credential::None => request,
            Credential::Token(token) => {
                request.header("Authorization", format!("{} {token}", self.scheme))
            }
            Credential::Password(login, password) => request.basic_auth(login, Some(password)),
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        let unreachable = |cause| ApiError::Unreachable {
            method: method.clone(),
            url: url.clone(),
            cause,
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        Ok((status, answer.bytes().await.map_err(unreachable)?.into()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn refused(&self, method: Method, path: &str, status: StatusCode, text: String) -> ApiError {
        ApiError::Refused {
            method,
            url: self.url(path),
            status,
            text: short(&text),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}
