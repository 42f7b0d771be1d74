//! Goes on from a backup. What happened after it was made is not on record: what was under way begins anew, under names that nobody has
//! used, and what the lost attempts opened is looked for by their names.

use super::{Engine, bundles, cleanup};
use crate::config::Repository;
use crate::plan::guardrails;
use crate::render;
use crate::store::{Attempt, AttemptState, ResourceKind, Run, RunState};
use anyhow::Context;
use jiff::Timestamp;

/// The names of Gavel's branches begin so.
const OURS: &str = "gavel/run";

/// Takes up what a backup knows, where the database is one that nobody went on from. Done again after an interruption, it changes nothing
/// more.
pub async fn take_up(engine: &Engine) -> anyhow::Result<()> {
    let Some(made) = engine.store.copied().await? else {
        return Ok(());
    };
    tracing::warn!(%made, "the database is a backup: what was under way begins anew");
    put_bundles_aside(engine, made)
        .await
        .context("putting the bundles of lost runs aside failed")?;
    let commands = engine.world.spools.clear("").await;
    commands.context("ending the commands that lost attempts left running failed")?;
    let open = engine.store.open_runs().await?;
    for run in &open {
        give_up(engine, run, made).await?;
    }
    let strangers = adopt(engine, &open, made).await?;
    for run in &open {
        if run.state != RunState::Cleaning {
            cleanup::clean(engine, run).await?;
            let nonce = format!("{:08x}", rand::random::<u32>());
            engine.store.rename_run(run.id, &nonce).await?;
        }
    }
    let begun = open.iter().filter(|run| run.state == RunState::Running);
    let begun: Vec<u64> = begun.map(|run| run.id).collect();
    let tracking = &engine.config.tracking;
    engine
        .reporter
        .say(
            &format!("restored-{}", made.as_second()),
            &tracking.repository.to_string(),
            tracking.issue,
            &render::comment::restored(made, &begun, &strangers),
        )
        .await?;
    engine.store.copy_taken_up().await?;
    Ok(())
}

/// How far an item came, and what was done for it, nobody knows: nothing of the attempt is judged. The guardrails go on: what they need was
/// seen before the run, and what is seen at its end is in histories.
async fn give_up(engine: &Engine, run: &Run, made: Timestamp) -> anyhow::Result<()> {
    for attempt in engine.store.attempts(run.id).await? {
        if attempt.state == AttemptState::Running && attempt.item != guardrails::ITEM.id {
            engine
                .store
                .attempt_lost(attempt.id, &lost_why(made))
                .await?;
        }
    }
    Ok(())
}

/// Puts on record what runs opened after the backup was made. Answers the branches of runs that are not on record at all, which stay: another
/// Gavel of the same account may have made them.
async fn adopt(engine: &Engine, open: &[Run], made: Timestamp) -> anyhow::Result<Vec<String>> {
    let (store, forge) = (&engine.store, &engine.world.forge);
    let mut strangers = Vec::new();
    for name in guardrails::sandbox(&engine.config) {
        let repository: Repository = name.parse()?;
        let branches = match forge.branches(&repository).await {
            Ok(branches) => branches.value,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        for branch in branches {
            if !branch.name.starts_with(OURS) {
                continue;
            }
            let Some(run) = open.iter().find(|run| made_by(&branch.name, run)) else {
                if !store.is_made(&name, &branch.name).await? {
                    strangers.push(format!("{name}: {}", branch.name));
                }
                continue;
            };
            let attempt = lost_attempt(engine, run, &branch.name, made).await?;
            let purpose = "opened after the backup";
            let intend = async |kind| {
                let intent = store.intend(run.id, attempt.id, kind, &name, &branch.name, purpose);
                intent.await
            };
            intend(ResourceKind::Branch).await?;
            for pull in forge.pulls_from(&repository, &branch.name).await?.value {
                let resource = intend(ResourceKind::Pull).await?;
                store.resource_made(resource, pull.number).await?;
            }
        }
    }
    Ok(strangers)
}

/// The attempt that a branch is put down to; one of which nothing is on record, where the run began after the backup.
async fn lost_attempt(
    engine: &Engine,
    run: &Run,
    branch: &str,
    made: Timestamp,
) -> anyhow::Result<Attempt> {
    let mut attempts = engine.store.attempts(run.id).await?;
    attempts.retain(|attempt| attempt.item != guardrails::ITEM.id);
    if let Some(latest) = attempts.pop() {
        return Ok(latest);
    }
    let named = branch.strip_prefix(&format!("{OURS}{}-", run.id));
    let named = named.and_then(|rest| rest.split('-').next());
    let item = run.items.iter().find(|item| Some(item.as_str()) == named);
    let item = item.or(run.items.first());
    let item = item.context("a run without items opened a branch")?;
    let attempt = engine.store.open_attempt(run.id, item).await?;
    engine
        .store
        .attempt_lost(attempt.id, &lost_why(made))
        .await?;
    Ok(attempt)
}

fn lost_why(made: Timestamp) -> String {
    format!("Gavel was restored from a backup of {made}")
}

/// Whether a branch carries the name that a run gives to its things.
fn made_by(branch: &str, run: &Run) -> bool {
    branch.starts_with(&format!("{OURS}{}-", run.id))
        && branch.contains(&format!("-{}-", run.nonce))
}

/// A run that is judged again, or whose number is given again, must not be found with a bundle of its lost life. That is kept beside: people
/// may have its digest.
async fn put_bundles_aside(engine: &Engine, made: Timestamp) -> anyhow::Result<()> {
    let mut entries = match tokio::fs::read_dir(engine.config.server.bundles()).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(bundles::run_of) else {
            continue;
        };
        let run = engine.store.run(id).await?;
        if run.is_none_or(|run| run.state != RunState::Finished) {
            let aside = format!("run-{id}-lost-{}.tar.gz", made.as_second());
            tokio::fs::rename(entry.path(), entry.path().with_file_name(aside)).await?;
        }
    }
    Ok(())
}
