//! What people say of what was judged: accepted, disputed, taken back; and what follows for report and label.

use super::{Engine, report, verdicts, verified};
use crate::command::ItemRef;
use crate::record;
use crate::render::comment::Heard;
use crate::store::{Attempt, RunState, StoredCommand, WordKind};
use std::sync::Arc;

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
    let Some(attempt) = engine.store.latest_judged(item.as_str()).await? else {
        return Ok(Heard::NotJudged);
    };
    let heard = say(engine, stored, &attempt, word).await?;
    if matches!(heard, Heard::Said { .. } | Heard::TakenBack { .. }) {
        tell_soon(engine);
    }
    Ok(heard)
}

async fn say(
    engine: &Engine,
    stored: &StoredCommand,
    attempt: &Attempt,
    word: Word<'_>,
) -> anyhow::Result<Heard> {
    let store = &engine.store;
    let account = &stored.command.account;
    let (kind, quoted, reason) = match word {
        Word::Accept(head) => {
            let run = store.run(attempt.run).await?;
            let asked_for_by = run.map(|run| run.account).unwrap_or_default();
            // Who asks for a run wants it to pass.
            if asked_for_by.eq_ignore_ascii_case(account) {
                return Ok(Heard::OwnRun { run: attempt.run });
            }
            // On Gavel's own machine runs were once asked for in nobody's name: it may have been anybody.
            if asked_for_by.is_empty() || engine.config.forge.account.is(&asked_for_by) {
                return Ok(Heard::NobodysRun { run: attempt.run });
            }
            let seals = record::head(store, attempt).await?;
            if !seals.as_str().starts_with(head) {
                return Ok(Heard::OtherHead {
                    run: attempt.run,
                    seals: seals.short().to_owned(),
                });
            }
            (WordKind::Accepted, head, "")
        }
        Word::Dispute(reason) => (WordKind::Disputed, "", reason),
        Word::Withdraw => {
            return Ok(match store.withdraw_words(attempt.id, account).await? {
                true => Heard::TakenBack { run: attempt.run },
                false => Heard::NothingSaid,
            });
        }
    };
    store
        .say_word(stored.id, attempt.id, kind, account, quoted, reason)
        .await?;
    Ok(Heard::Said { run: attempt.run })
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

/// Puts the comments of runs that have ended right where they do not say what became of words, and the label with them.
pub async fn tell(engine: &Engine) -> anyhow::Result<()> {
    let _telling = engine.telling_words.lock().await;
    for (run, changes) in engine.store.untold().await? {
        let record = engine.record(run).await?;
        // Until then the run itself has both to write.
        if record.run.state == RunState::Finished {
            verified::keep_label(engine, &record).await;
            for item in record.everything() {
                verdicts::tell(engine, &record, item).await?;
            }
            report::tell(engine, run).await?;
            engine.store.told(run, changes).await?;
        }
    }
    Ok(())
}
