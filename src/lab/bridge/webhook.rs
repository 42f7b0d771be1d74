//! How triggers arrive where the forge tells about them: signed deliveries of `issue_comment`.

use super::Candidate;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::mpsc;

#[derive(Clone)]
pub struct Intake {
    pub secret: String,
    pub sender: mpsc::Sender<Candidate>,
}

pub fn routes(intake: Intake) -> Router {
    Router::new()
        .route("/hooks/gitea", post(delivery))
        .layer(DefaultBodyLimit::max(1 << 20))
        .with_state(intake)
}

async fn delivery(State(intake): State<Intake>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    if !signed(&intake.secret, &body, header("X-Gitea-Signature")) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    if header("X-Gitea-Event") != "issue_comment" || event["action"].as_str() != Some("created") {
        return StatusCode::ACCEPTED;
    }
    let on_open_pull = !event["issue"]["pull_request"].is_null()
        && event["issue"]["state"].as_str() == Some("open");
    let repository = event["repository"]["full_name"].as_str();
    let number = event["issue"]["number"].as_i64();
    if let (true, Some(repository), Some(number)) = (on_open_pull, repository, number)
        && let Some(candidate) = super::look::candidate(repository, number, &event["comment"])
        && intake.sender.try_send(candidate).is_err()
    {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::ACCEPTED
}

/// The bare hex HMAC-SHA256 of the body.
fn signed(secret: &str, body: &[u8], signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    hex::decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s").unwrap();
        mac.update(body.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    async fn deliver(body: &str, signature: &str) -> (StatusCode, Option<Candidate>) {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut headers = HeaderMap::new();
        headers.insert("X-Gitea-Event", "issue_comment".parse().unwrap());
        headers.insert("X-Gitea-Signature", signature.parse().unwrap());
        let status = delivery(
            State(Intake {
                secret: "s".to_owned(),
                sender,
            }),
            headers,
            Bytes::from(body.to_owned()),
        )
        .await;
        (status, receiver.try_recv().ok())
    }

    const CREATED: &str = r#"{"action":"created","repository":{"full_name":"o/r"},
        "issue":{"number":3,"state":"open","pull_request":{"merged":false}},"comment":{"id":7,"user":{"login":"gavel"},"body":"!testme"}}"#;

    #[tokio::test]
    async fn a_signed_comment_on_an_open_pull_request_is_taken() {
        let (status, candidate) = deliver(CREATED, &sign(CREATED)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(candidate.unwrap().comment, 7);
    }

    #[tokio::test]
    async fn an_unsigned_one_is_not() {
        for signature in ["", "00", "zz"] {
            let (status, candidate) = deliver(CREATED, signature).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert!(candidate.is_none());
        }
    }

    #[tokio::test]
    async fn edits_closed_pull_requests_and_issues_are_left_alone() {
        for (from, to) in [
            ("created", "edited"),
            ("\"open\"", "\"closed\""),
            (r#"{"merged":false}"#, "null"),
        ] {
            let body = CREATED.replace(from, to);
            let (status, candidate) = deliver(&body, &sign(&body)).await;
            assert_eq!(status, StatusCode::ACCEPTED);
            assert!(candidate.is_none(), "{to}");
        }
    }
}
