//! How a question to Drone can fail, which failures pass by themselves, and what to do about the others.

use reqwest::StatusCode;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {tried} at {url}: {kind}")]
pub struct DroneError {
    pub tried: String,
    pub url: String,
    pub kind: Kind,
    pub(super) retry_after: Option<Duration>,
}

/// What happened instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Unreachable(String),
    Timeout(Duration),
    Status(u16, String),
    /// No JSON, or JSON of another shape.
    NotJson(String),
    TooLarge(String),
}

impl DroneError {
    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match &self.kind {
            Kind::Unreachable(_) | Kind::Timeout(_) | Kind::NotJson(_) => true,
            Kind::Status(code, _) => matches!(code, 408 | 425 | 429 | 500..),
            Kind::TooLarge(_) => false,
        }
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self.kind, Kind::Status(404, _))
    }

    /// Drone does not know the token, or its account may not see this.
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Status(401 | 403, _))
    }
}

impl Kind {
    /// Completes "Drone at … ".
    pub(super) fn in_short(&self) -> String {
        match self {
            Kind::Unreachable(why) => format!("does not answer ({why})"),
            Kind::Timeout(limit) => format!("does not answer within {limit:?}"),
            Kind::Status(code, _) => format!("answers {code}"),
            Kind::NotJson(_) => "answers something that is not understood".into(),
            Kind::TooLarge(_) => "answers too much".into(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Unreachable(why) => write!(f, "Drone is unreachable: {why}"),
            Kind::Timeout(limit) => write!(f, "Drone did not answer within {limit:?}"),
            Kind::Status(code @ (401 | 403), message) => {
                write!(
                    f,
                    "Drone answered {code} ({message}); does the token belong to an account that may read this repository?"
                )
            }
            Kind::Status(404, message) => {
                write!(
                    f,
                    "Drone answered 404 ({message}); there is no such thing, or the token's account may not see it"
                )
            }
            Kind::Status(code, message) => write!(f, "Drone answered {code} ({message})"),
            Kind::NotJson(why) => write!(f, "the answer is not what Drone answers: {why}"),
            Kind::TooLarge(what) => write!(f, "{what}"),
        }
    }
}

/// Drone says why in `{"message": …}`; a proxy in front of it says something else.
pub(super) fn message_of(status: StatusCode, body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok();
    match said.as_ref().and_then(|said| said["message"].as_str()) {
        Some(message) if !message.is_empty() => message.chars().take(300).collect(),
        _ => status
            .canonical_reason()
            .unwrap_or("no reason given")
            .into(),
    }
}
