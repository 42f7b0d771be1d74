//! What can go wrong between Gavel and the forge, and what it means to the caller.

use super::transport::Answer;
use reqwest::StatusCode;
use serde_json::Value;
use std::{fmt, time::Duration};

/// Why the forge was not asked, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GiteaError(Box<Details>);

#[derive(Debug)]
struct Details {
    /// Fits after "cannot".
    doing: String,
    /// Method and URL.
    asked: String,
    failure: Failure,
    attempts: u32,
    waited: Duration,
}

/// Whether what failed may have happened nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did not happen: the forge refused it, or was never reached.
    NotDone,
    /// It may have happened: look before it is repeated.
    Unknown,
}

/// How one request failed.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// No connection came about: the request was not sent.
    NoConnection(String),
    TimedOut(Duration),
    /// The connection broke while the request was on its way, or its answer.
    Cut(String),
    /// The forge answered, and refused.
    Refused {
        status: StatusCode,
        message: String,
        body: Value,
        retry_after: Option<Duration>,
        redirected: bool,
    },
    /// Something answered that is not the forge's API.
    NotTheApi {
        status: StatusCode,
        start: String,
    },
    /// The answer was sent elsewhere than to the forge.
    Redirected(String),
    TooLarge(usize),
    TooManyPages(usize),
    /// JSON, but not what the API documents.
    Misshapen(String),
    /// The request cannot be built.
    Unsayable(String),
}

impl Failure {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Failure::NoConnection(_)
            | Failure::TimedOut(_)
            | Failure::Cut(_)
            | Failure::NotTheApi { .. } => true,
            Failure::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            Failure::Redirected(_)
            | Failure::TooLarge(_)
            | Failure::TooManyPages(_)
            | Failure::Misshapen(_)
            | Failure::Unsayable(_) => false,
        }
    }

    pub fn outcome(&self) -> Outcome {
        match self {
            Failure::NoConnection(_) | Failure::Unsayable(_) => Outcome::NotDone,
            Failure::Refused { status, .. } | Failure::NotTheApi { status, .. }
                if status.is_client_error() =>
            {
                Outcome::NotDone
            }
            _ => Outcome::Unknown,
        }
    }

    /// How long the forge asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn status(&self) -> Option<StatusCode> {
        match self {
            Failure::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    fn mend(&self) -> &'static str {
        match self {
            Failure::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                "Check the account's token file"
            }
            Failure::Refused { status, .. } if *status == StatusCode::FORBIDDEN => {
                "Give the account the right it lacks"
            }
            Failure::Refused { status, .. } if *status == StatusCode::NOT_FOUND => {
                "Check the names, and that the account may see it"
            }
            Failure::Refused { status, .. } if status.is_client_error() => {
                "The forge's words say why"
            }
            Failure::Redirected(_) => "Set `forge.url` to the address that the forge calls its own",
            Failure::TooLarge(_) | Failure::TooManyPages(_) => "Use a repository with less in it",
            Failure::Misshapen(_) => "Check that the forge is Gitea 1.22 or newer, or Forgejo",
            Failure::Unsayable(_) => "Use another name",
            _ => "Check that the forge is up, and its log",
        }
    }
}

impl GiteaError {
    pub(super) fn new(
        doing: &str,
        asked: String,
        failure: Failure,
        attempts: u32,
        waited: Duration,
    ) -> GiteaError {
        GiteaError(Box::new(Details {
            doing: doing.to_owned(),
            asked,
            failure,
            attempts,
            waited,
        }))
    }

    /// Method and URL of what was asked.
    pub fn asked(&self) -> &str {
        &self.0.asked
    }

    /// The forge did not answer, or not as itself; the outage's patience is used up, where there was any.
    pub fn is_transient(&self) -> bool {
        self.0.failure.is_transient()
    }

    /// Fits after "waiting for the forge".
    pub(super) fn in_short(&self) -> String {
        format!("to {}: {}", self.0.doing, self.0.failure)
    }

    /// How long the forge asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.failure.retry_after()
    }

    pub fn is_not_found(&self) -> bool {
        self.0.failure.status() == Some(StatusCode::NOT_FOUND)
    }

    /// The forge does not understand what it is asked, or does not know what it is about.
    pub fn is_bad_request(&self) -> bool {
        self.0.failure.status() == Some(StatusCode::BAD_REQUEST)
    }

    /// The forge wants to know who asks, or does not know the token.
    pub fn is_unauthorized(&self) -> bool {
        self.0.failure.status() == Some(StatusCode::UNAUTHORIZED)
    }

    /// The account's rights do not suffice.
    pub fn is_forbidden(&self) -> bool {
        self.0.failure.status() == Some(StatusCode::FORBIDDEN)
    }

    /// What happened instead of an answer, without what was asked.
    pub fn happened(&self) -> String {
        self.0.failure.to_string()
    }

    /// The forge's words where the token lacks a scope that is needed; the account itself may have every right.
    pub fn lacking_scope(&self) -> Option<&str> {
        match &self.0.failure {
            Failure::Refused {
                status, message, ..
            } if *status == StatusCode::FORBIDDEN && message.contains("required scope") => {
                Some(message)
            }
            _ => None,
        }
    }

    /// Whether what was asked for may have happened nevertheless.
    pub fn outcome(&self) -> Outcome {
        self.0.failure.outcome()
    }

    /// The forge's own "there is no such thing", as an answer.
    pub(super) fn not_found_answer(&self) -> Option<Answer> {
        match &self.0.failure {
            Failure::Refused {
                status,
                body,
                redirected,
                ..
            } if *status == StatusCode::NOT_FOUND => Some(Answer {
                body: body.clone(),
                total: None,
                redirected: *redirected,
                date: None,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}: {}", self.doing, self.asked, self.failure)?;
        if self.attempts > 1 {
            write!(f, " (tried {} times in {:.0?})", self.attempts, self.waited)?;
        }
        write!(f, ". {}.", self.failure.mend())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoConnection(why) => write!(f, "no connection: {why}"),
            Failure::TimedOut(limit) => write!(f, "no answer within {limit:?}"),
            Failure::Cut(why) => write!(f, "the connection broke: {why}"),
            Failure::Refused {
                status, message, ..
            } if message.is_empty() => write!(f, "the forge answered {status}"),
            Failure::Refused {
                status, message, ..
            } => write!(f, "the forge answered {status}: {message}"),
            Failure::NotTheApi { status, start } => {
                write!(f, "{status}, but not from the forge's API: {start:?}")
            }
            Failure::Redirected(to) => write!(f, "the forge sent the request on to {to}"),
            Failure::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes"),
            Failure::TooManyPages(limit) => write!(f, "the list does not end after {limit} pages"),
            Failure::Misshapen(why) => write!(f, "the answer is not what the API documents: {why}"),
            Failure::Unsayable(why) => write!(f, "the request cannot be made: {why}"),
        }
    }
}
