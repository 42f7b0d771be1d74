//! A webhook delivery: whether it is authentic, and what it says. Pure.

use crate::config::Repository;
use crate::engine::Comment;
use crate::plan::bench::Event;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::Sha256;

/// Why a delivery is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("the delivery has no X-Gitea-Signature; set the webhook's secret")]
    Unsigned,
    #[error("the signature does not fit the body; set the webhook's secret to Gavel's")]
    WrongSignature,
    #[error("the body is not application/json; set the webhook's content type to it")]
    ContentType,
    #[error("the body is not JSON")]
    NotJson,
    #[error("the delivery has no X-Gitea-Event")]
    NoEvent,
    #[error("the body does not fit the event that the header names")]
    Misfit,
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    #[error("the body broke off")]
    Cut,
    #[error("the command could not be stored; deliver it again")]
    NotStored,
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unsigned | Self::WrongSignature => StatusCode::UNAUTHORIZED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotJson | Self::NoEvent | Self::Misfit | Self::Cut => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotStored => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether a signature was looked at before. A forge whose webhook has no secret sends an empty one, which is a wrong one.
    pub fn is_of_signed(self) -> bool {
        !matches!(self, Self::Unsigned | Self::TooLarge | Self::Cut)
    }

    /// Its name in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong_signature",
            Self::ContentType => "content_type",
            Self::NotJson => "not_json",
            Self::NoEvent => "no_event",
            Self::Misfit => "misfit",
            Self::TooLarge => "too_large",
            Self::Cut => "cut",
            Self::NotStored => "not_stored",
        }
    }
}

/// What a delivery says.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Somebody wrote a comment.
    Comment(Comment),
    /// Somebody edited or deleted a comment.
    Touched {
        event: Event,
        comment: u64,
        /// Who did that.
        by: String,
    },
    /// Something else happened.
    Event(Event),
    /// An event that Gavel does not know; nothing is wrong with it.
    Unknown,
}

impl Delivery {
    /// The repository that it is from, as `owner/name`.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Comment(comment) => Some(&comment.repository),
            Self::Touched { event, .. } | Self::Event(event) => Some(&event.repository),
            Self::Unknown => None,
        }
    }
}

/// Reads a delivery. The signature is checked first, over the raw body, in constant time, against each of the secrets; nothing unauthentic
/// is parsed.
pub fn read(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
) -> Result<Delivery, Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = header("x-gitea-signature").ok_or(Refusal::Unsigned)?;
    verify(signature, body, secrets)?;
    if !header("content-type").is_some_and(is_json) {
        return Err(Refusal::ContentType);
    }
    let Some(event) = header("x-gitea-event") else {
        fit::<IgnoredAny>(body)?;
        return Err(Refusal::NoEvent);
    };
    let event_of = |repository: String| {
        Delivery::Event(Event {
            repository,
            kind: event.to_owned(),
        })
    };
    Ok(match event {
        "issue_comment" => {
            let said: IssueComment = fit(body)?;
            let repository = known(&said.repository)?;
            if said.action == "created" {
                Delivery::Comment(Comment {
                    repository,
                    issue: said.issue.number,
                    id: said.comment.id,
                    account: said.comment.user.login,
                    body: said.comment.body,
                })
            } else {
                Delivery::Touched {
                    event: Event {
                        repository,
                        kind: event.to_owned(),
                    },
                    comment: said.comment.id,
                    by: said.sender.login,
                }
            }
        }
        "issues" => event_of(known(&fit::<Issues>(body)?.repository)?),
        "pull_request" => event_of(known(&fit::<PullRequest>(body)?.repository)?),
        "push" => event_of(known(&fit::<Push>(body)?.repository)?),
        "status" => event_of(known(&fit::<Status>(body)?.repository)?),
        _ => {
            fit::<IgnoredAny>(body)?;
            Delivery::Unknown
        }
    })
}

fn verify(signature: &str, body: &[u8], secrets: &[SecretString]) -> Result<(), Refusal> {
    let signature = hex::decode(signature).map_err(|_| Refusal::WrongSignature)?;
    // All are tried, so that the time does not tell which one fits.
    let fitting = secrets
        .iter()
        .filter(|secret| fits(&signature, body, secret));
    match fitting.count() {
        0 => Err(Refusal::WrongSignature),
        _ => Ok(()),
    }
}

fn fits(signature: &[u8], body: &[u8], secret: &SecretString) -> bool {
    // HMAC takes keys of every length.
    Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

fn is_json(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads of a body what an event must have, and passes over the rest of it. Whether what does not fit is JSON at all is looked at only then.
fn fit<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| {
        let json = serde_json::from_slice::<IgnoredAny>(body);
        json.map_or(Refusal::NotJson, |_| Refusal::Misfit)
    })
}

fn known(repository: &RepositoryName) -> Result<String, Refusal> {
    repository
        .full_name
        .parse::<Repository>()
        .map(|repository| repository.to_string())
        .map_err(|_| Refusal::Misfit)
}

// What of each event's body must be there, as the forge documents it in its API's structs.

/// Who did what is delivered; empty where the forge does not say.
#[derive(Default, Deserialize)]
struct Sender {
    #[serde(default)]
    login: String,
}

#[derive(Deserialize)]
struct IssueComment {
    action: String,
    issue: Numbered,
    comment: CommentBody,
    repository: RepositoryName,
    #[serde(default)]
    sender: Sender,
}

#[derive(Deserialize)]
struct CommentBody {
    id: u64,
    body: String,
    user: Login,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the body of this event has them")]
struct Issues {
    action: String,
    issue: Numbered,
    repository: RepositoryName,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the body of this event has them")]
struct PullRequest {
    action: String,
    pull_request: Numbered,
    repository: RepositoryName,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the body of this event has them")]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
    repository: RepositoryName,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the body of this event has them")]
struct Status {
    sha: String,
    context: String,
    state: String,
    repository: RepositoryName,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

#[derive(Deserialize)]
struct RepositoryName {
    full_name: String,
}
