//! What people say of what was judged: accepted, disputed, taken back; and what follows for report and label.

use super::{Engine, report, verified};
use crate::command::ItemRef;
use crate::record::{self, RunRecord};
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
        tell_again(engine, attempt.run).await?;
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

/// Puts the report of a run that has ended right, and the label with it.
async fn tell_again(engine: &Arc<Engine>, run: u64) -> anyhow::Result<()> {
    let record = engine.record(run).await?;
    if record.run.state != RunState::Finished {
        return Ok(());
    }
    verified::keep_label(engine, &record).await;
    let engine = engine.clone();
    // It waits for the forge; whoever typed does not. At the next start it is told again.
    tokio::spawn(async move {
        if let Err(error) = told(&engine, &record).await {
            tracing::warn!(
                run,
                error = format!("{error:#}"),
                "the report could not be put right"
            );
        }
    });
    Ok(())
}

async fn told(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    tokio::select! {
        told = report::tell(engine, record) => told,
        () = engine.shutdown.cancelled() => Ok(()),
    }
}
