//! Holds Gavel's own comments to what it wrote: one that somebody edits or deletes is noticed, told on the tracking issue, and put right
//! from the store.

use super::{Engine, anchors, bundles, progress, report, seconds, words};
use crate::config::Repository;
use crate::evidence::Digest;
use crate::gitea::Comment;
use crate::record;
use crate::render;
use crate::store::{Anchor, RunState, Slot};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A deletion of which no webhook tells is noticed after so long.
const EVERY: Duration = Duration::from_secs(3600);
/// So often a comment is put right. What becomes of it after that is told, and left as it is: two programs that correct each other do not
/// end.
const MOST: u64 = 3;

/// Checks all comments at the start and every hour, and one that a webhook told of at once, until the shutdown. What people said of what was
/// judged is checked too, and told where it was not.
pub async fn work(engine: Arc<Engine>) {
    loop {
        let checked = tokio::select! {
            checked = all(&engine) => checked,
            () = engine.shutdown.cancelled() => return,
        };
        if let Err(error) = checked {
            tracing::warn!(
                error = format!("{error:#}"),
                "whether Gavel's comments stand as it wrote them could not be seen"
            );
        }
        words::tell_soon(&engine);
        let next = tokio::time::sleep(EVERY);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                () = engine.touched.bell.notified() => {}
                slots = engine.reporter.replaced() => {
                    for slot in slots {
                        let told = tokio::select! {
                            told = written_anew(&engine, &slot) => told,
                            () = engine.shutdown.cancelled() => return,
                        };
                        if let Err(error) = told {
                            let error = format!("{error:#}");
                            tracing::warn!(slot, error, "what leads to a comment that was written anew could not be put right");
                        }
                    }
                }
                () = engine.shutdown.cancelled() => return,
            }
            for comment in engine.touched.take() {
                let looked = tokio::select! {
                    looked = one(&engine, comment) => looked,
                    () = engine.shutdown.cancelled() => return,
                };
                if let Err(error) = looked {
                    tracing::warn!(
                        comment,
                        error = format!("{error:#}"),
                        "whether a comment stands as Gavel wrote it could not be seen"
                    );
                }
            }
        }
    }
}

/// Every comment that stands on the tracking issue.
async fn all(engine: &Engine) -> anyhow::Result<()> {
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let slots = engine
        .store
        .written_slots(&repository, tracking.issue)
        .await?;
    let words = engine.store.words_on(&repository, tracking.issue).await?;
    if slots.is_empty() && words.is_empty() {
        return Ok(());
    }
    let forge = &engine.world.forge;
    let there = forge
        .comments(&tracking.repository, tracking.issue, None)
        .await?;
    let account = &engine.config.forge.account;
    let removed = seconds::remove(&engine.store, forge, account, &slots, &there.value).await;
    if let Err(error) = removed {
        let error = format!("{error:#}");
        tracing::warn!(error, "a comment that stands twice could not be removed");
    }
    let mut in_doubt = words;
    in_doubt.retain(|word| {
        let stands = word.word.anchor == Anchor::Stands;
        let mut comments = there.value.iter();
        !stands || !comments.any(|comment| anchors::says(engine, word, comment))
    });
    anchors::check_each(engine, &in_doubt).await;
    let there: BTreeSet<(u64, Digest)> = there.value.iter().map(seen).collect();
    for slot in slots {
        let meant = slot.comment.map(|comment| (comment, text(&slot.body)));
        if meant.is_none_or(|meant| !there.contains(&meant))
            && let Err(error) = compare(engine, &slot.slot).await
        {
            tracing::warn!(
                slot = slot.slot,
                error = format!("{error:#}"),
                "whether this comment stands as Gavel wrote it could not be seen, or not be put right"
            );
        }
    }
    Ok(())
}

/// Has those of these comments looked at that are Gavel's, or hold a word on what was judged, and read otherwise. Who asks reads commands,
/// and waits for none of it.
pub async fn some(engine: &Engine, comments: &[Comment]) -> anyhow::Result<()> {
    if comments.is_empty() {
        return Ok(());
    }
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let words = engine.store.words_on(&repository, tracking.issue).await?;
    for comment in comments {
        let is_other = match engine.config.forge.account.is(&comment.user.login) {
            true => {
                let slot = engine.store.slot_of(comment.id).await?;
                slot.is_some_and(|slot| text(&slot.body) != text(&comment.body))
            }
            false => words
                .iter()
                .filter(|it| it.word.said.comment == comment.id)
                .any(|it| {
                    let stands = it.word.anchor == Anchor::Stands;
                    stands != anchors::says(engine, it, comment)
                }),
        };
        if is_other {
            engine.touch(comment.id);
        }
    }
    Ok(())
}

async fn one(engine: &Arc<Engine>, comment: u64) -> anyhow::Result<()> {
    if let Some(slot) = engine.store.slot_of(comment).await? {
        return compare(engine, &slot.slot).await;
    }
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let mut anchored = engine.store.words_on(&repository, tracking.issue).await?;
    anchored.retain(|it| it.word.said.comment == comment);
    if !anchored.is_empty() {
        anchors::check_each(engine, &anchored).await;
        words::tell_soon(engine);
    }
    Ok(())
}

fn seen(comment: &Comment) -> (u64, Digest) {
    (comment.id, text(&comment.body))
}

/// Of a text, however the forge ends its lines.
fn text(body: &str) -> Digest {
    Digest::of(body.replace("\r\n", "\n").trim_end())
}

/// Looks at a slot's comment once more, while nothing is being written there, and puts it right where it is another one.
async fn compare(engine: &Engine, name: &str) -> anyhow::Result<()> {
    let store = &engine.store;
    let Some(slot) = store.slot(name).await?.filter(|slot| slot.written) else {
        return Ok(());
    };
    let Some(comment) = slot.comment else {
        return Ok(());
    };
    let repository: Repository = slot.repository.parse()?;
    let there = match engine.world.forge.comment(&repository, comment).await {
        Ok(seen) => Some(seen.value),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let found = there.as_ref().map(|there| text(&there.body));
    let was = text(&slot.body);
    // Gavel may have written meanwhile.
    if found.as_ref() == Some(&was) || store.slot(name).await?.as_ref() != Some(&slot) {
        return Ok(());
    }
    let taken_up = store.taken_up().await?;
    if there.is_some_and(|there| there.updated_at.is_some() && there.updated_at <= taken_up) {
        tracing::info!(slot = %slot.slot, comment, "a comment is newer than the backup: it is written as it is on record");
        return Ok(engine.reporter.write_again(name).await?);
    }
    put_right(engine, &slot, comment, &was, found.as_ref()).await
}

async fn put_right(
    engine: &Engine,
    slot: &Slot,
    comment: u64,
    was: &Digest,
    found: Option<&Digest>,
) -> anyhow::Result<()> {
    let (store, reporter) = (&engine.store, &engine.reporter);
    let before = store.last_tampered(&slot.slot).await?;
    if before
        .is_some_and(|(times, last)| times > MOST && last.as_deref() == found.map(Digest::as_str))
    {
        // It is left alone, and was told of.
        return Ok(());
    }
    let times = store.tampered(&slot.slot, comment, was, found).await?;
    tracing::warn!(slot = %slot.slot, comment, times, "a comment does not stand as Gavel wrote it");
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    if times > MOST {
        let text = render::comment::left_tampered(slot, was, found, times);
        let said = format!("tampered-{}-on", slot.slot);
        reporter
            .say(&said, &repository, tracking.issue, &text)
            .await?;
        return Ok(());
    }
    let text = render::comment::tampered(slot, was, found, times == MOST);
    let said = format!("tampered-{}-{times}", slot.slot);
    reporter
        .say(&said, &repository, tracking.issue, &text)
        .await?;
    Ok(reporter.write_again(&slot.slot).await?)
}

/// A comment that was deleted has another address now, and has lost its files: what leads to it is said again, and the bundle put there.
async fn written_anew(engine: &Engine, slot: &str) -> anyhow::Result<()> {
    let Some(run) = record::run_of_slot(slot) else {
        return Ok(());
    };
    let patience = engine.config.patience.outage;
    engine.reporter.written(slot, patience).await?;
    let record = engine.record(run).await?;
    progress::show_again(engine, run).await?;
    if record.run.state == RunState::Finished {
        report::tell(engine, run).await?;
        bundles::attach(engine, &record).await?;
    }
    Ok(())
}
