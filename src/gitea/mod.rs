//! The forge: a typed client for the part of Gitea's API that Gavel uses (1.22 and newer, and Forgejo).
//!
//! No call here merges anything, and none ever may.

mod activity;
mod attachments;
mod comments;
mod error;
mod hooks;
mod issues;
mod labels;
mod model;
mod once;
mod paging;
mod path;
mod people;
mod pulls;
mod repositories;
mod statuses;
mod token;
mod transport;
mod trouble;

#[cfg(test)]
pub mod tests;

pub use comments::MARGIN;
pub use error::{GiteaError, Outcome};
pub use hooks::{Hook, WantedHook};
pub use issues::Issue;
pub use model::*;
pub use once::{Asked, Earlier};
pub use people::Membership;
pub use repositories::{About, NewFile};
pub use token::Scopes;

use crate::config::Account;
use crate::secret::Secret;
use jiff::Timestamp;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use transport::{Answer, Body, Call, Expects, Transport};
use url::Url;

/// How long the client is patient.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one request, its whole answer included.
    pub request: Duration,
    /// For one question: how long it is asked again while the forge does not answer.
    pub outage: Duration,
}

/// The forge, as one account sees it. Clones are the same client.
#[derive(Clone)]
pub struct Gitea {
    transport: Arc<Transport>,
}

/// What a read gave: the value, and the answer it was read from, for the evidence.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    pub value: T,
    /// As it came, all pages one after another; `null` where the answer has no body.
    pub answer: Value,
    /// Method and URL: the question, which can be asked again.
    pub asked: String,
}

impl<T> Seen<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        Seen {
            value: change(self.value),
            answer: self.answer,
            asked: self.asked,
        }
    }
}

impl Gitea {
    /// A client for the forge at `url` that acts as the account of `token`; without one it acts as anybody.
    pub fn new(url: &Url, token: Option<&Secret>, limits: Limits) -> Result<Gitea, GiteaError> {
        Ok(Gitea {
            transport: Arc::new(Transport::new(url, token, limits)?),
        })
    }

    /// What is being waited for, and since when, while the forge does not answer; `None` while all is well.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.transport.trouble()
    }

    /// The version of the server.
    pub async fn version(&self) -> Result<Seen<Version>, GiteaError> {
        self.read("ask for the forge's version", "version".into())
            .await
    }

    /// What time it is by the forge's clock, in whole seconds: the `Date` of an answer. `None` where it has none.
    pub async fn clock(&self) -> Result<Option<Timestamp>, GiteaError> {
        let call = Call::new("ask what time it is", Method::GET, "version".into());
        Ok(self.transport.repeat(&call).await?.date)
    }

    /// A read, repeated while the forge does not answer.
    async fn read<T: DeserializeOwned>(
        &self,
        doing: impl Into<String>,
        path: String,
    ) -> Result<Seen<T>, GiteaError> {
        let call = Call::new(doing, Method::GET, path);
        let answer = self.transport.repeat(&call).await?;
        self.seen(&call, answer)
    }

    /// A question that is answered by 204 or 404.
    async fn ask(
        &self,
        doing: impl Into<String>,
        path: String,
    ) -> Result<(Seen<bool>, Answer), GiteaError> {
        let call = Call {
            expects: Expects::Nothing,
            ..Call::new(doing, Method::GET, path)
        };
        let asked = self.transport.asked(&call);
        match self.transport.repeat(&call).await {
            Ok(answer) => Ok((
                Seen {
                    value: true,
                    answer: Value::Null,
                    asked,
                },
                answer,
            )),
            Err(error) => match error.not_found_answer() {
                Some(answer) => Ok((
                    Seen {
                        value: false,
                        answer: answer.body.clone(),
                        asked,
                    },
                    answer,
                )),
                None => Err(error),
            },
        }
    }

    /// A write that may be done twice, repeated while the forge does not answer.
    async fn set<T: DeserializeOwned>(
        &self,
        doing: impl Into<String>,
        method: Method,
        path: String,
        body: Value,
    ) -> Result<T, GiteaError> {
        let call = Call {
            body: Some(Body::Json(body)),
            ..Call::new(doing, method, path)
        };
        let answer = self.transport.repeat(&call).await?;
        self.seen(&call, answer).map(|seen| seen.value)
    }

    /// Makes something, and tries only once: [`GiteaError::outcome`] says whether it may exist nevertheless.
    async fn create<T: DeserializeOwned>(
        &self,
        doing: impl Into<String>,
        path: String,
        body: Value,
    ) -> Result<T, GiteaError> {
        let call = Call {
            body: Some(Body::Json(body)),
            ..Call::new(doing, Method::POST, path)
        };
        let answer = self.transport.once(&call).await?;
        self.seen(&call, answer).map(|seen| seen.value)
    }

    /// Removes something; `false` when it was not there (any more).
    async fn delete(&self, doing: impl Into<String>, path: String) -> Result<bool, GiteaError> {
        let call = Call {
            expects: Expects::Nothing,
            ..Call::new(doing, Method::DELETE, path)
        };
        match self.transport.repeat(&call).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn seen<T: DeserializeOwned>(
        &self,
        call: &Call,
        answer: Answer,
    ) -> Result<Seen<T>, GiteaError> {
        match T::deserialize(&answer.body) {
            Ok(value) => Ok(Seen {
                value,
                answer: answer.body,
                asked: self.transport.asked(call),
            }),
            Err(error) => Err(self.transport.misshapen(call, error)),
        }
    }
}

/// Whether a user, as an answer shows it, is this account.
impl PartialEq<Account> for User {
    fn eq(&self, account: &Account) -> bool {
        account.is(&self.login)
    }
}
