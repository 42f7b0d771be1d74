//! The webhook's intake: what is authentic is taken, a command is stored before it is acknowledged, everything else only wakes.

use super::delivery::{self, Delivery, Refusal};
use super::{BODY_LIMIT, Shared};
use crate::engine::Inbox;
use crate::plan::bench::Event;
use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For as long as this the webhook's earlier secret is taken after an exchange: deliveries are under way, and nobody can change it here and on
/// the forge at one instant.
const GRACE: Duration = Duration::from_secs(600);

/// `POST /hooks/gitea`.
pub async fn take(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let headers = std::mem::take(request.headers_mut());
    let taken = match whole(request).await {
        Ok(body) => taken(&shared, &headers, &body).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok((status, outcome)) => {
            shared.deliveries.count(outcome);
            (status, format!("{outcome}\n")).into_response()
        }
        Err(refusal) => {
            shared.deliveries.count(refusal.word());
            match refusal.is_of_signed() {
                true => shared.engine.heard.refused(refusal.word()),
                false => shared.engine.heard.unread(refusal.word()),
            }
            tracing::warn!(
                refusal = refusal.word(),
                "a delivery was refused: {refusal}"
            );
            let mut answer = (refusal.status(), format!("{refusal}\n")).into_response();
            if refusal == Refusal::TooLarge {
                // What was not read ends the connection. Who is not told delivers the next one on it, and that one is lost.
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            answer
        }
    }
}

/// The body. One that says beforehand that it is too large is not read at all.
async fn whole(request: Request) -> Result<Bytes, Refusal> {
    if request.body().size_hint().lower() > BODY_LIMIT as u64 {
        return Err(Refusal::TooLarge);
    }
    match Bytes::from_request(request, &()).await {
        Ok(body) => Ok(body),
        Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
            Err(Refusal::TooLarge)
        }
        Err(_) => Err(Refusal::Cut),
    }
}

async fn taken(
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(StatusCode, &'static str), Refusal> {
    let engine = &shared.engine;
    let secret = &engine.config.forge.webhook_secret;
    let secrets = secret.within(GRACE, Instant::now());
    let delivery = delivery::read(headers, body, &secrets)?;
    if let Some(repository) = delivery.repository() {
        engine.heard.taken(repository);
    }
    match delivery {
        Delivery::Comment(comment) => {
            let commands = Inbox(engine).told(&comment).await.map_err(|error| {
                tracing::error!(%error, "a command could not be stored");
                Refusal::NotStored
            })?;
            engine.wake(Event {
                repository: comment.repository,
                kind: "issue_comment".into(),
            });
            let outcome = if commands > 0 { "command" } else { "comment" };
            Ok((StatusCode::OK, outcome))
        }
        Delivery::Touched { event, comment, by } => {
            if !engine.config.forge.account.is(&by) {
                engine.touch(comment);
            }
            engine.wake(event);
            Ok((StatusCode::OK, "event"))
        }
        Delivery::Event(event) => {
            engine.wake(event);
            Ok((StatusCode::OK, "event"))
        }
        Delivery::Unknown => {
            tracing::info!("a delivery of an unknown event was ignored");
            Ok((StatusCode::ACCEPTED, "ignored"))
        }
    }
}
