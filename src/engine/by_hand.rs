//! A command that is given on the machine itself, by who runs the program and not by a comment of theirs. It is somebody's all the same:
//! nobody accepts a run of their own.

use super::{Engine, inbox, rights};
use crate::command::Command;
use crate::render;
use crate::store::NewCommand;
use crate::verdict::Verdict;
use anyhow::Context;
use std::sync::Arc;

/// A verification that has come to its end.
pub struct Verified {
    /// As a person reads it on a terminal.
    pub text: String,
    pub passed: bool,
    /// `REVIEW-5.md`
    pub report: String,
    /// The evidence bundle.
    pub bundle: Vec<u8>,
}

/// Asks for a verification as a comment of this account on the tracking issue would, and waits until all has been said of it. The issue
/// shows a comment of Gavel's own in that one's place, which names the account. None where Gavel was told to end before that; it goes on at the next start.
pub async fn verify(
    engine: &Arc<Engine>,
    line: &str,
    account: &str,
) -> anyhow::Result<Option<Verified>> {
    if let Some(pause) = engine.store.paused().await? {
        anyhow::bail!(
            "Gavel is paused by {} since {}: `/resume` on the tracking issue goes on. Nothing was started",
            pause.account,
            pause.since
        );
    }
    let mut parted = engine.parted.subscribe();
    let Some(run) = ask(engine, line, account).await? else {
        return Ok(None);
    };
    tokio::select! {
        parted = parted.wait_for(|parted| *parted >= run) => { parted.context("the engine ended unexpectedly")?; }
        () = engine.shutdown.cancelled() => return Ok(None),
    }
    let record = engine.record(run).await?;
    Ok(Some(Verified {
        text: render::terminal(&record),
        passed: record.verdict() == Verdict::Pass,
        report: render::comment::report(&record) + "\n",
        bundle: engine.bundle(&record).await?,
    }))
}

/// Puts the command on record as any other, and answers the run that was queued for it.
async fn ask(engine: &Arc<Engine>, line: &str, account: &str) -> anyhow::Result<Option<u64>> {
    let found = inbox::commands(line).into_iter().next();
    match found.map(|found| found.what) {
        Some(Ok(Command::Verify(verify))) if !verify.dry_run => {}
        Some(Err(complaint)) => anyhow::bail!("{complaint}"),
        _ => anyhow::bail!("`{line}` asks for no verification"),
    }
    let may = rights::may_command(engine, account).await;
    let may = may.with_context(|| {
        format!("whether `{account}` may give commands could not be asked: nothing was started")
    })?;
    anyhow::ensure!(
        may,
        "`--as {account}` was refused, and nothing was started: this account may not give commands here. Name the one for which you ask, which `commanders` in the configuration lets command"
    );
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let slot = format!("by-hand-{:08x}", rand::random::<u32>());
    engine
        .reporter
        .say(
            &slot,
            &repository,
            tracking.issue,
            &render::comment::by_hand(line, account),
        )
        .await?;
    let patience = engine.config.patience.outage;
    engine.reporter.written(&slot, patience).await?;
    let comment = engine.store.slot(&slot).await?;
    let comment = comment.and_then(|slot| slot.comment).with_context(|| {
        format!(
            "the forge took no comment on {repository}#{}: nothing was started",
            tracking.issue
        )
    })?;
    let command = NewCommand {
        repository: repository.clone(),
        issue: tracking.issue,
        comment,
        position: 0,
        account: account.to_owned(),
        line: line.to_owned(),
    };
    engine.store.hear(&repository, comment, &[command]).await?;
    engine.commands.notify_one();
    loop {
        let queued = engine.runs.notified();
        tokio::pin!(queued);
        queued.as_mut().enable();
        if let Some(run) = engine.store.run_of_comment(&repository, comment).await? {
            return Ok(Some(run));
        }
        tokio::select! {
            () = queued => {}
            () = engine.shutdown.cancelled() => return Ok(None),
        }
    }
}
