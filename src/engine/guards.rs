//! Watches the guardrails over a run: from before its first item until after its cleanup, in an attempt of their own.

use super::Engine;
use super::runner::bench;
use crate::host::swarm::Watching;
use crate::plan::bench::Stop;
use crate::plan::{self, beside, guardrails};
use crate::store::{Attempt, AttemptState, Run};
use std::sync::Arc;

/// Who listens to deploys while a run is under way.
pub struct Guard(Option<Watching>);

/// Takes the first look. Taken up after a restart, it goes on with what was seen before.
pub async fn open(engine: &Arc<Engine>, run: &Run) -> anyhow::Result<Guard> {
    let attempt = match watching(engine, run).await? {
        Some(attempt) => attempt,
        None => {
            engine
                .store
                .open_attempt(run.id, guardrails::ITEM.id)
                .await?
        }
    };
    let bench = bench(engine, run, &attempt, &engine.shutdown);
    let guard = match bench.watch_deploys("watched").await {
        Ok(watching) => Guard(watching),
        Err(Stop::Broken(why)) => anyhow::bail!(why),
        Err(_) => Guard(None),
    };
    match bench.play_part(guardrails::open(&bench)).await {
        // What could not be seen now makes the guardrail inconclusive in the end.
        Ok(()) | Err(Stop::Unseen(_) | Stop::Cancelled | Stop::Lost(_)) => Ok(guard),
        Err(Stop::Broken(why)) => anyhow::bail!(why),
    }
}

/// Puts on record what the flow made and no scenario looked for, also where the run did not come to its end. Where the forge does not tell
/// it, what is on record is closed all the same.
pub async fn adopt(engine: &Arc<Engine>, run: &Run) -> anyhow::Result<()> {
    let Some(attempt) = watching(engine, run).await? else {
        return Ok(());
    };
    let bench = bench(engine, run, &attempt, &engine.shutdown);
    let adopted = async {
        let watched = bench.recalled("watched").await?;
        beside::adopt(&bench, &watched).await
    };
    match adopted.await {
        Ok(()) | Err(Stop::Unseen(_) | Stop::Cancelled | Stop::Lost(_)) => Ok(()),
        // Cancelled before it was looked at what is watched: then nothing was done either.
        Err(Stop::Broken(why)) => {
            tracing::warn!(run = run.id, %why, "what else the flow opened could not be looked for");
            Ok(())
        }
    }
}

/// Takes the last look and judges. A run that was cancelled before its first item has nothing to judge.
pub async fn close(engine: &Arc<Engine>, run: &Run, guard: Option<Guard>) -> anyhow::Result<()> {
    let Some(attempt) = watching(engine, run).await? else {
        return Ok(());
    };
    let bench = bench(engine, run, &attempt, &engine.shutdown);
    let ended = async {
        let watching = match guard {
            Some(guard) => guard.0,
            // Taken up after a restart that came between the last item and here.
            None => bench.watch_deploys("watched").await?,
        };
        // First: it does not depend on whether everything else can be seen.
        let deploys = bench
            .see_deploys(guardrails::machine::DEPLOYS, watching.as_ref())
            .await;
        match deploys {
            Ok(()) | Err(Stop::Unseen(_)) => bench.play(&guardrails::ITEM).await,
            Err(stop) => Err(stop),
        }
    };
    match ended.await {
        Ok(()) | Err(Stop::Unseen(_) | Stop::Lost(_)) => {}
        // Gavel ends; the next start goes on from here.
        Err(Stop::Cancelled) => return Ok(()),
        Err(Stop::Broken(why)) => anyhow::bail!(why),
    }
    let facts = engine.store.facts(attempt.id).await?;
    let clauses = plan::judge(&guardrails::ITEM, &facts);
    engine.store.attempt_judged(attempt.id, &clauses).await?;
    Ok(())
}

/// The attempt that is watching.
async fn watching(engine: &Engine, run: &Run) -> anyhow::Result<Option<Attempt>> {
    let attempts = engine.store.attempts(run.id).await?;
    Ok(attempts.into_iter().find(|attempt| {
        attempt.item == guardrails::ITEM.id && attempt.state == AttemptState::Running
    }))
}
