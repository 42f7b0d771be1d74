//! At the start and every minute: finds out whether commands can be stored, reads the tracking issue's comments, for those whose webhook
//! was lost, and tells the log where Gavel is not well.

use super::inbox::{Comment, Inbox};
use super::{Engine, keeping, vitals};
use crate::gitea::MARGIN;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);

pub async fn work(engine: Arc<Engine>) {
    loop {
        // What it finds out, the store remembers and the log tells.
        let _ = engine.store.probe().await;
        let read = tokio::select! {
            read = read(&engine) => read,
            () = engine.shutdown.cancelled() => return,
        };
        engine.memory.caught_up(&read);
        match read {
            Ok(()) => tracing::debug!("caught up with the tracking issue"),
            Err(error) => {
                tracing::warn!(%error, "the catch-up read failed; the next one is in a minute");
            }
        }
        if let Err(error) = vitals::look(&engine).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "how Gavel is could not be looked up"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.shutdown.cancelled() => return,
        }
    }
}

async fn read(engine: &Engine) -> anyhow::Result<()> {
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let cursor = engine.store.cursor(&repository, tracking.issue).await?;
    // Only times of the forge's own are told to it; but one whose clock was ahead for a moment would be asked for nothing until then.
    let since = cursor
        .and_then(|(newest, updated)| (newest > 0).then(|| updated.min(Timestamp::now()) - MARGIN));
    let mut comments = engine
        .world
        .forge
        .comments(&tracking.repository, tracking.issue, since)
        .await?
        .value;
    comments.sort_by_key(|comment| comment.id);
    let Some(newest) = comments.last() else {
        if cursor.is_none() {
            engine
                .store
                .advance_cursor(&repository, tracking.issue, 0, Timestamp::UNIX_EPOCH)
                .await?;
        }
        return Ok(());
    };
    let updated = newest.updated_at.map(|at| at.min(Timestamp::now()));
    let newest = (newest.id, updated);
    if cursor.is_some() {
        keeping::some(engine, &comments).await?;
    }
    if let Some((known, _)) = cursor {
        for comment in comments {
            // An edited comment is never executed: who typed what it says now is not known.
            if comment.id > known && comment.updated_at == comment.created_at {
                let id = comment.id;
                let author = &comment.user.login;
                if !engine.is_ours(author) {
                    engine.store.disown(&repository, id, author).await?;
                }
                let commands = Inbox(engine)
                    .take(&Comment {
                        repository: repository.clone(),
                        issue: tracking.issue,
                        id: comment.id,
                        account: comment.user.login,
                        body: comment.body,
                    })
                    .await?;
                if commands > 0 {
                    tracing::info!(
                        comment = id,
                        commands,
                        "found by reading the issue, before any webhook told of it"
                    );
                    engine.memory.read(commands);
                }
            }
        }
    }
    // Before the first read ever, what stands there was not typed to this Gavel.
    let (known, known_at) = cursor.unzip();
    let known = known.unwrap_or_default();
    engine
        .store
        .advance_cursor(
            &repository,
            tracking.issue,
            known.max(newest.0),
            newest.1.or(known_at).unwrap_or(Timestamp::UNIX_EPOCH),
        )
        .await?;
    Ok(())
}
