//! Keeps the database small: the facts of old runs leave it, where the sealed bundle holds each of them. Nothing that a report links goes: pages
//! are made of the bundle then.

use super::Engine;
use crate::bundle::{Evidence, JudgedAttempt};
use crate::host::durable;
use crate::instants::reach;
use crate::record::facts::{in_bundle, sealed};
use crate::record::latest_finished_id;
use crate::store::AttemptState;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3600);

/// At the start and every hour, until the shutdown.
pub async fn work(engine: Arc<Engine>) {
    loop {
        if let Err(error) = all(&engine).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "which runs are old, and whether their bundles are there, could not be seen"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.shutdown.cancelled() => return,
        }
    }
}

async fn all(engine: &Engine) -> anyhow::Result<()> {
    old_ones(engine).await?;
    tell_of_lost(engine).await
}

async fn old_ones(engine: &Engine) -> anyhow::Result<()> {
    let age = SignedDuration::try_from(engine.config.server.keep)?;
    let before = Timestamp::now().checked_sub(age)?;
    let (store, config) = (&engine.store, &engine.config);
    // What is asked for at any time must not depend on a file: the latest report, and the run that earned the label.
    let Some(latest) = latest_finished_id(store, config).await? else {
        return Ok(());
    };
    let verified = store.newest_verified().await?;
    let mut old = store.runs_to_put_away(before).await?;
    old.retain(|run| *run < latest && Some(*run) != verified);
    for run in old {
        if engine.shutdown.is_cancelled() {
            return Ok(());
        }
        match one(engine, run).await {
            Ok(()) => tracing::info!(run, "its facts stand in its bundle alone now"),
            Err(error) => tracing::warn!(
                run,
                error = format!("{error:#}"),
                "its facts stay in the database"
            ),
        }
    }
    Ok(())
}

/// Leaves everything as it is where the bundle on the disk does not hold exactly what the database does.
async fn one(engine: &Engine, run: u64) -> anyhow::Result<()> {
    let path = engine.config.server.bundle(run);
    let reading = path.clone();
    let evidence = tokio::task::spawn_blocking(move || on_the_disk(&reading)).await?;
    let evidence =
        evidence.with_context(|| format!("reading the bundle {} failed", path.display()))?;
    let mut heads = Vec::new();
    for attempt in engine.store.attempts(run).await? {
        ensure!(
            attempt.state != AttemptState::Running,
            "attempt {} at {} has not ended",
            attempt.ordinal,
            attempt.item
        );
        if attempt.sealed.is_some() {
            continue;
        }
        let facts = engine.store.facts(attempt.id).await?;
        ensure!(
            in_bundle(&evidence, &attempt.item, attempt.ordinal) == Some(&facts[..]),
            "{} does not hold the facts of attempt {} at {}",
            path.display(),
            attempt.ordinal,
            attempt.item
        );
        heads.push((attempt.id, JudgedAttempt::head(&facts)));
    }
    reach(|| "before putting facts away".into());
    engine.store.put_away(&heads).await?;
    Ok(())
}

/// Somebody may have put the file there just now.
fn on_the_disk(bundle: &Path) -> anyhow::Result<Evidence> {
    durable::sync(bundle)?;
    sealed(bundle)
}

/// Tells of each bundle that is the only place of facts, and is not there.
async fn tell_of_lost(engine: &Engine) -> anyhow::Result<()> {
    for run in engine.store.runs_put_away().await? {
        let path = engine.config.server.bundle(run);
        if !tokio::fs::try_exists(&path).await? {
            tracing::error!(
                run,
                "the bundle {} is not there, and nothing else holds the facts of its run: put it back from a backup",
                path.display()
            );
        }
    }
    Ok(())
}
