//! Drives the one active run: its items in the plan's order, attempt by attempt, until everything is judged, closed and told.

use super::journal::Journal;
use super::{
    Engine, bundles, cleanup, filing, guards, progress, report, restored, verdicts, verified, words,
};
use crate::plan::bench::{Bench, Stop};
use crate::plan::{self, Item, guardrails};
use crate::store::{Attempt, AttemptState, Run, RunState};
use crate::verdict::Verdict;
use anyhow::Context;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// How often an item is begun anew when an attempt was interrupted where it cannot be resumed.
const ATTEMPTS: usize = 5;

/// Of so many runs the last words are tried again at a time.
const PARTED_AT_ONCE: u32 = 16;

/// Why an attempt was lost that was under way when its run was cancelled, or came to its deadline.
const ENDED_EARLY: &str = "its run was ended early";

/// Drives runs, oldest first, until the shutdown.
pub async fn work(engine: Arc<Engine>) {
    loop {
        let restored = tokio::select! {
            restored = restored::take_up(&engine) => restored,
            () = engine.shutdown.cancelled() => return,
        };
        let Err(error) = restored else {
            break;
        };
        tracing::error!(
            error = format!("{error:#}"),
            "what was under way when the backup was made cannot be taken up now; it is tried again"
        );
        if !engine.rest().await {
            return;
        }
    }
    loop {
        let taken_up = tokio::select! {
            taken_up = take_up(&engine) => taken_up,
            () = engine.shutdown.cancelled() => return,
        };
        let is_parted = taken_up.is_ok();
        if let Err(error) = taken_up {
            tracing::warn!(
                error = format!("{error:#}"),
                "the last words about a run could not be said; it is tried again"
            );
            if !engine.rest().await {
                return;
            }
        }
        let queued = engine.runs.notified();
        tokio::pin!(queued);
        // From here on a bell is heard, also one that rings before the wait below.
        queued.as_mut().enable();
        let driven = match next(&engine).await {
            Ok(next) => match next {
                Some(run) => tokio::select! {
                    driven = drive(&engine, run) => driven,
                    () = too_long(&engine) => return,
                },
                // What could not be said is tried again, and waits for no other run.
                None if !is_parted => Ok(()),
                None => {
                    tokio::select! {
                        () = queued => {}
                        () = engine.shutdown.cancelled() => return,
                    }
                    Ok(())
                }
            },
            Err(error) => Err(error),
        };
        if engine.shutdown.is_cancelled() {
            return;
        }
        if let Err(error) = driven {
            tracing::error!(
                error = format!("{error:#}"),
                "the run cannot go on now; it is tried again"
            );
            if !engine.rest().await {
                return;
            }
        }
    }
}

/// The run to drive now. During a pause none starts; what was begun goes on to its end, since a run that stands still keeps its pull requests
/// open and its facts grow old, and one that is cancelled is ended.
async fn next(engine: &Engine) -> anyhow::Result<Option<Run>> {
    let open = engine.store.open_runs().await?;
    let Some(run) = open.into_iter().next() else {
        return Ok(None);
    };
    if run.state == RunState::Queued
        && run.cut_short.is_none()
        && let Some(pause) = engine.store.paused().await?
    {
        tracing::info!(run = run.id, by = %pause.account, "paused: a run waits");
        return Ok(None);
    }
    Ok(Some(run))
}

/// Gavel may have ended between a run's end and the last words about it, or these could not be said. One of which they cannot be said
/// keeps nobody from the others.
async fn take_up(engine: &Arc<Engine>) -> anyhow::Result<()> {
    let mut said = Ok(());
    for run in engine.store.unparted_runs(PARTED_AT_ONCE).await? {
        let parted = part(engine, run).await;
        said = said.and(parted.with_context(|| format!("run {run}")));
    }
    said
}

/// Ends a little after the shutdown: what does not heed it by then waits for a server that does not answer. What is under way is
/// taken up from the journal at the next start.
async fn too_long(engine: &Engine) {
    const GRACE: Duration = Duration::from_secs(5);
    engine.shutdown.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// A run from wherever it is to its end; returns early at the shutdown.
async fn drive(engine: &Arc<Engine>, run: Run) -> anyhow::Result<()> {
    let id = run.id;
    let mut guard = None;
    if matches!(run.state, RunState::Queued | RunState::Running) {
        if run.cut_short.is_none() {
            tracing::info!(run = id, "running");
            engine.store.run_state(id, RunState::Running).await?;
            progress::show(engine, id, None).await?;
            if run.items != [plan::CLEANUP] {
                cleanup::close_kept(engine).await?;
                // What could not be closed when its run ended may be by now.
                cleanup::sweep(engine).await?;
            }
            let (cancelled, _watching) = watch_for_end(engine, id);
            guard = Some(guards::open(engine, &run).await?);
            let items: Vec<&Item> = run.items.iter().filter_map(|id| plan::item(id)).collect();
            for item in items {
                if !verify(engine, &run, item, &cancelled).await? {
                    break;
                }
            }
            if engine.shutdown.is_cancelled() {
                return Ok(());
            }
        }
        give_up_attempts(engine, id).await?;
        end_commands(engine, &format!("run{id}-")).await?;
        engine.store.run_state(id, RunState::Cleaning).await?;
    }
    progress::show(engine, id, Some("closing what was opened")).await?;
    guards::adopt(engine, &run).await?;
    let run = engine.store.run(id).await?.unwrap_or(run);
    if run.options.keep && run.cut_short.is_none() {
        tracing::info!(run = id, "kept as it is, as it was asked for");
    } else {
        if run.options.keep {
            // What was to be looked at never came to be. What cannot be closed now is tried again like any other litter.
            engine.store.keep_no_longer(id).await?;
        }
        cleanup::clean(engine, &run).await?;
    }
    guards::close(engine, &run, guard).await?;
    if engine.shutdown.is_cancelled() {
        return Ok(());
    }
    finish(engine, id).await
}

/// No attempt outlives its run's cancellation, not even one that a crash interrupted.
async fn give_up_attempts(engine: &Engine, run: u64) -> anyhow::Result<()> {
    for attempt in engine.store.attempts(run).await? {
        if attempt.state == AttemptState::Running && attempt.item != guardrails::ITEM.id {
            engine.store.attempt_lost(attempt.id, ENDED_EARLY).await?;
        }
    }
    Ok(())
}

/// One item of a run. Answers whether the run goes on.
async fn verify(
    engine: &Arc<Engine>,
    run: &Run,
    item: &'static Item,
    cancelled: &CancellationToken,
) -> anyhow::Result<bool> {
    let attempts = engine.store.attempts(run.id).await?;
    let of_item = attempts.iter().filter(|attempt| attempt.item == item.id);
    if let Some(judged) = of_item
        .clone()
        .find(|attempt| attempt.state == AttemptState::Judged)
    {
        // It may have been judged and not told, if Gavel ended between the two.
        tell(engine, run, judged).await?;
        return Ok(true);
    }
    let kept = run.options.keep && item.id == plan::CLEANUP;
    let not_now = match failed_need(item, &attempts) {
        _ if kept => Some("not attempted: what was opened is kept, as it was asked for".to_owned()),
        _ if run.options.force => None,
        why => why,
    };
    if let Some(why) = not_now {
        let attempt = engine.store.open_attempt(run.id, item.id).await?;
        let clauses = plan::not_attempted(item, &why);
        engine.store.attempt_judged(attempt.id, &clauses).await?;
        tell(engine, run, &attempt).await?;
        return Ok(true);
    }
    let mut unfinished = of_item
        .clone()
        .find(|attempt| attempt.state == AttemptState::Running)
        .cloned();
    let mut tried = of_item.count();
    loop {
        let attempt = match unfinished.take() {
            Some(attempt) => attempt,
            None => {
                tried += 1;
                engine.store.open_attempt(run.id, item.id).await?
            }
        };
        // Each line of the log says which attempt it is about.
        let about = tracing::info_span!(
            "attempt",
            run = run.id,
            item = item.id,
            attempt = attempt.ordinal
        );
        let is_last = tried >= ATTEMPTS;
        let came_to = play(engine, run, item, &attempt, is_last, cancelled);
        match came_to.instrument(about).await? {
            Played::Judged => return Ok(true),
            Played::Ended => return Ok(false),
            Played::Lost => {}
        }
    }
}

/// What came of one attempt.
enum Played {
    Judged,
    /// Its run does not go on, or not now.
    Ended,
    /// Another one begins.
    Lost,
}

/// One attempt, from wherever it is to its verdict.
async fn play(
    engine: &Arc<Engine>,
    run: &Run,
    item: &'static Item,
    attempt: &Attempt,
    is_last: bool,
    cancelled: &CancellationToken,
) -> anyhow::Result<Played> {
    tracing::info!("it begins");
    let bench = bench(engine, run, attempt, cancelled);
    let ended = bench.play(item).await;
    // Where the attempt is gone on with, its commands are waited for again: begun anew, they would do everything twice.
    let goes_on = engine.shutdown.is_cancelled() || matches!(ended, Err(Stop::Broken(_)));
    if !goes_on {
        end_commands(engine, &name(run, attempt)).await?;
    }
    match ended {
        Ok(()) | Err(Stop::Unseen(_)) => {}
        Err(Stop::Cancelled) if engine.shutdown.is_cancelled() => return Ok(Played::Ended),
        Err(Stop::Cancelled) => {
            engine.store.attempt_lost(attempt.id, ENDED_EARLY).await?;
            return Ok(Played::Ended);
        }
        Err(Stop::Lost(why)) if !is_last => {
            tracing::warn!(%why, "the attempt is given up; a new one begins");
            engine.store.attempt_lost(attempt.id, &why).await?;
            cleanup::clean(engine, run).await?;
            return Ok(Played::Lost);
        }
        // Judged by what it saw: what is missing is INCONCLUSIVE.
        Err(Stop::Lost(why)) => tracing::warn!(%why, "interrupted too often"),
        Err(Stop::Broken(why)) => anyhow::bail!(why),
    }
    let facts = engine.store.facts(attempt.id).await?;
    let clauses = plan::judge(item, &facts);
    engine.store.attempt_judged(attempt.id, &clauses).await?;
    tell(engine, run, attempt).await?;
    Ok(Played::Judged)
}

/// The tools of one attempt.
pub(super) fn bench(
    engine: &Arc<Engine>,
    run: &Run,
    attempt: &Attempt,
    cancelled: &CancellationToken,
) -> Bench {
    let journal = Journal {
        engine: engine.clone(),
        run: run.clone(),
        attempt: attempt.clone(),
        cancelled: cancelled.clone(),
    };
    Bench::new(engine.world.clone(), Arc::new(journal), name(run, attempt))
}

/// What an attempt is called in everything that it makes.
fn name(run: &Run, attempt: &Attempt) -> String {
    format!(
        "run{}-{}-{}-{}",
        run.id, attempt.item, attempt.ordinal, run.nonce
    )
}

/// Ends what the attempts whose names begin so left running of the flow's commands.
async fn end_commands(engine: &Engine, attempts: &str) -> anyhow::Result<()> {
    let ended = engine.world.spools.clear(attempts).await;
    ended.context("ending the commands that an attempt left running failed")
}

/// Why an item is not attempted: something that it needs did not pass.
fn failed_need(item: &Item, attempts: &[Attempt]) -> Option<String> {
    let verdicts: HashMap<&str, Verdict> = attempts
        .iter()
        .filter_map(|attempt| Some((attempt.item.as_str(), attempt.verdict?)))
        .collect();
    item.needs.iter().find_map(|need| match verdicts.get(need) {
        Some(Verdict::Pass) => None,
        Some(other) => Some(format!("not attempted: {need} is {other}")),
        None => Some(format!("not attempted: {need} has no verdict")),
    })
}

/// Posts an item's verdict comment.
async fn tell(engine: &Arc<Engine>, run: &Run, attempt: &Attempt) -> anyhow::Result<()> {
    let record = engine.record(run.id).await?;
    if let Some(item) = record.item(&attempt.item)
        && let Some(latest) = &item.latest
    {
        tracing::info!(run = run.id, item = %attempt.item, verdict = %latest.verdict, "judged");
        verdicts::tell(engine, &record, item).await?;
    }
    progress::show(engine, run.id, None).await?;
    Ok(())
}

/// Report, last state of the progress comment, reaction, end.
async fn finish(engine: &Arc<Engine>, id: u64) -> anyhow::Result<()> {
    let record = engine.record(id).await?;
    engine.store.run_verdict(id, record.verdict()).await?;
    report::tell(engine, id).await?;
    let record = engine.record(id).await?;
    verified::act(engine, &record).await?;
    if !record.is_verified() {
        verified::drop_label(engine).await;
    }
    engine.store.run_state(id, RunState::Finished).await?;
    tracing::info!(run = id, verdict = %record.verdict(), "finished");
    part(engine, id).await
}

/// The last things that are said of a run that is over. Said again, they change nothing. What can be missing without harm is tried again
/// with the next run, or at the next start.
async fn part(engine: &Arc<Engine>, id: u64) -> anyhow::Result<()> {
    progress::show(engine, id, None).await?;
    let record = engine.record(id).await?;
    bundles::keep(engine, &record).await?;
    let mut is_whole = true;
    if let Err(error) = bundles::attach(engine, &record).await {
        is_whole = false;
        tracing::warn!(
            run = id,
            error = format!("{error:#}"),
            "the bundle could not be attached to the report"
        );
    }
    if let Err(error) = filing::follow(engine, &record).await {
        is_whole = false;
        tracing::warn!(
            run = id,
            error = format!("{error:#}"),
            "what the run came to could not be said where findings are filed"
        );
    }
    // What people said of it meanwhile.
    words::tell(engine).await?;
    report::tell(engine, id).await?;
    if let Some(command) = engine.store.command(record.run.command).await? {
        let passed = record.verdict() == Verdict::Pass;
        let reaction = if passed { "hooray" } else { "confused" };
        let repository = command.command.repository.parse()?;
        let reacted = engine
            .world
            .forge
            .react(&repository, command.command.comment, reaction)
            .await;
        if let Err(error) = reacted {
            tracing::warn!(run = id, %error, "the reaction at the end could not be given");
        }
    }
    engine
        .parted
        .send_modify(|parted| *parted = id.max(*parted));
    if is_whole {
        engine.store.run_parted(id).await?;
    }
    Ok(())
}

/// A token that is cancelled when the run is or has come to its deadline, or at the shutdown.
fn watch_for_end(engine: &Arc<Engine>, run: u64) -> (CancellationToken, DropGuard) {
    let cancelled = engine.shutdown.child_token();
    let over = CancellationToken::new();
    let (watcher, token, end) = (engine.clone(), cancelled.clone(), over.clone());
    tokio::spawn(async move {
        loop {
            let rung = watcher.runs.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let mut next_look = Duration::from_secs(30);
            if let Ok(Some(run)) = watcher.store.run(run).await {
                if run.cut_short.is_some() {
                    token.cancel();
                    return;
                }
                let limit = watcher.config.patience.run;
                let left = time_left(&run, limit, Timestamp::now());
                if left.is_zero() {
                    tracing::error!(
                        run = run.id,
                        "the run is ended: it has taken {limit:?}, which is `patience.run`"
                    );
                    match watcher.store.end_overdue_run(run.id).await {
                        Ok(()) => {
                            token.cancel();
                            return;
                        }
                        Err(error) => tracing::error!(
                            run = run.id,
                            %error,
                            "that its deadline is over could not be stored; it is tried again"
                        ),
                    }
                } else {
                    next_look = next_look.min(left);
                }
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(next_look) => {}
                () = end.cancelled() => return,
                () = token.cancelled() => return,
            }
        }
    });
    (cancelled, over.drop_guard())
}

/// How long a run may still take; nothing, once its deadline is over. A clock that was set back gives it no more than the whole limit.
fn time_left(run: &Run, limit: Duration, now: Timestamp) -> Duration {
    let Some(started) = run.started else {
        return limit;
    };
    let taken = Duration::try_from(now.duration_since(started)).unwrap_or_default();
    limit.saturating_sub(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunOptions;

    #[test]
    fn a_run_has_its_whole_limit_from_its_start() {
        let start: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a time");
        let mut run = Run {
            id: 1,
            command: 1,
            account: "maintainer".into(),
            items: vec!["V1".into()],
            options: RunOptions::default(),
            nonce: "abcd".into(),
            state: RunState::Queued,
            cut_short: None,
            verdict: None,
            queued: start,
            started: None,
            ended: None,
        };
        let hour = Duration::from_secs(3600);
        let left = |run: &Run, after: i64| {
            time_left(run, hour, start + jiff::SignedDuration::from_secs(after))
        };
        assert_eq!(left(&run, 9999), hour, "it has not started");
        run.started = Some(start);
        for (after, expected) in [(0, 3600), (3599, 1), (3600, 0), (9999, 0), (-60, 3600)] {
            assert_eq!(left(&run, after).as_secs(), expected, "after {after} s");
        }
    }
}
