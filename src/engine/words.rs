//! What people say of what was judged: accepted, disputed, taken back; and what follows for report and label.

use super::{Engine, progress, report, verdicts, verified};
use crate::command::ItemRef;
use crate::plan::guardrails;
use crate::record;
use crate::render::comment::Heard;
use crate::store::{Attempt, AttemptState, NoteKind, RunState, StoredCommand, WordKind};
use std::sync::Arc;

/// The guardrails of so many runs can be accepted.
const RUNS: u32 = 50;

/// What somebody says of an item's latest attempt.
pub enum Word<'a> {
    /// With the end of the chain, as it is quoted.
    Accept(&'a str),
    /// With the reason.
    Dispute(&'a str),
    Withdraw,
}

/// Puts a word on record where it stands. Answers what there is to say to it.
pub async fn hear(
    engine: &Arc<Engine>,
    stored: &StoredCommand,
    item: &ItemRef,
    word: Word<'_>,
) -> anyhow::Result<Heard> {
    let account = &stored.command.account;
    let adversaries = &engine.config.commanders.adversaries;
    if !adversaries.iter().any(|named| named.is(account)) {
        return Ok(Heard::NoAdversary);
    }
    let Some(attempt) = meant(engine, item.as_str(), account, stored.id, &word).await? else {
        return Ok(Heard::NotJudged);
    };
    let heard = say(engine, stored, &attempt, word).await?;
    if matches!(heard, Heard::Said { .. } | Heard::TakenBack { .. }) {
        tell_soon(engine);
    }
    Ok(heard)
}

/// The attempt that a word is about: the latest of its item. Every run has one of the guardrails, and no other takes its place: a digest
/// that is quoted says which is meant. What is taken back is what its account said last.
async fn meant(
    engine: &Engine,
    item: &str,
    account: &str,
    command: u64,
    word: &Word<'_>,
) -> anyhow::Result<Option<Attempt>> {
    let store = &engine.store;
    match word {
        Word::Accept(head) if item == guardrails::ITEM.id => {
            for attempt in store.latest_judged(item, RUNS).await? {
                if record::head(store, &attempt).await?.as_str() == *head {
                    return Ok(Some(attempt));
                }
            }
        }
        Word::Withdraw => {
            let said_of = store.latest_said_of(item, account, command).await?;
            if said_of.is_some() {
                return Ok(said_of);
            }
        }
        Word::Accept(_) | Word::Dispute(_) => {}
    }
    for attempt in store.latest_judged(item, RUNS).await? {
        // A run that was cancelled at once has guardrails and nothing that they were held for.
        let judged = |other: &Attempt| other.state == AttemptState::Judged;
        let beside = |other: &Attempt| judged(other) && other.item != guardrails::ITEM.id;
        if store.attempts(attempt.run).await?.iter().any(beside) {
            return Ok(Some(attempt));
        }
    }
    Ok(None)
}

async fn say(
    engine: &Engine,
    stored: &StoredCommand,
    attempt: &Attempt,
    word: Word<'_>,
) -> anyhow::Result<Heard> {
    let store = &engine.store;
    let account = &stored.command.account;
    let asked = store.run(attempt.run).await?;
    let is_over = asked
        .as_ref()
        .is_some_and(|run| run.state == RunState::Finished);
    let (kind, quoted, reason) = match word {
        Word::Accept(head) => {
            let asked_for_by = asked.map(|run| run.account).unwrap_or_default();
            // Who asks for a run wants it to pass.
            if asked_for_by.eq_ignore_ascii_case(account) {
                return Ok(Heard::OwnRun { run: attempt.run });
            }
            // On Gavel's own machine runs were once asked for in nobody's name: it may have been anybody.
            if asked_for_by.is_empty() || engine.config.forge.account.is(&asked_for_by) {
                return Ok(Heard::NobodysRun { run: attempt.run });
            }
            let seals = record::head(store, attempt).await?;
            if seals.as_str() != head {
                return Ok(Heard::OtherHead {
                    run: attempt.run,
                    seals: seals.short().to_owned(),
                });
            }
            (WordKind::Accepted, head, "")
        }
        Word::Dispute(reason) => (WordKind::Disputed, "", reason),
        Word::Withdraw => {
            return Ok(
                match store.withdraw_words(attempt.id, account, stored.id).await? {
                    true => Heard::TakenBack {
                        run: attempt.run,
                        is_over,
                    },
                    false => Heard::NothingSaid,
                },
            );
        }
    };
    store
        .say_word(stored.id, attempt.id, kind, account, quoted, reason)
        .await?;
    Ok(Heard::Said {
        run: attempt.run,
        is_over,
    })
}

/// Puts a decision or an idea on record, and has the latest report show it.
pub async fn note(
    engine: &Arc<Engine>,
    stored: &StoredCommand,
    kind: NoteKind,
    text: &str,
) -> anyhow::Result<()> {
    engine.store.note(stored.id, kind, text).await?;
    if let Some(latest) = record::latest_finished_id(&engine.store, &engine.config).await? {
        engine.store.say_more(latest).await?;
        tell_soon(engine);
    }
    Ok(())
}

/// Has said what became of words, soon: it waits for the forge, and whoever typed does not.
pub fn tell_soon(engine: &Arc<Engine>) {
    let engine = engine.clone();
    tokio::spawn(async move {
        tokio::select! {
            told = tell(&engine) => if let Err(error) = told {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "comments do not say yet what became of words; they will"
                );
            },
            () = engine.shutdown.cancelled() => {}
        }
    });
}

/// Puts the comments of runs right where they do not say what became of words, or what was decided; and the label with them. What could
/// not be said of one run is said later, and keeps no other from it.
pub async fn tell(engine: &Engine) -> anyhow::Result<()> {
    let _telling = engine.telling_words.lock().await;
    let untold = engine.store.untold().await?;
    if untold.is_empty() {
        return Ok(());
    }
    let labelled = verified::keep_label(engine).await;
    if let Err(error) = &labelled {
        tracing::warn!(
            error = format!("{error:#}"),
            "the label could not be put right; it is tried again"
        );
    }
    for (run, changes) in untold {
        match tell_run(engine, run).await {
            Ok(true) if labelled.is_ok() => engine.store.told(run, changes).await?,
            Ok(_) => {}
            Err(error) => tracing::warn!(
                run,
                error = format!("{error:#}"),
                "its comments do not say yet what became of words"
            ),
        }
    }
    Ok(())
}

/// Answers whether all of it is told: before its end a run has no report.
async fn tell_run(engine: &Engine, run: u64) -> anyhow::Result<bool> {
    let record = engine.record(run).await?;
    for item in record.everything() {
        verdicts::tell(engine, &record, item).await?;
    }
    progress::show_again(engine, run).await?;
    let is_over = record.run.state == RunState::Finished;
    if is_over {
        report::tell(engine, run).await?;
    }
    Ok(is_over)
}
