//! What follows when the whole plan has passed against one set of versions, and never otherwise: the label, the configured command.

use super::Engine;
use crate::host::process::{self, Exit};
use crate::record::RunRecord;
use crate::render;
use crate::verdict::Verdict;

/// Acts on a run that verified everything, once. A restart in the middle is told, and nothing is done twice.
pub async fn act(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    let Some(verified) = &engine.config.verified else {
        return Ok(());
    };
    let slot = format!("run-{}-verified", record.run.id);
    if !record.is_verified() || engine.store.slot(&slot).await?.is_some() {
        return Ok(());
    }
    let tracking = &engine.config.tracking;
    let repository = tracking.repository.to_string();
    let say = async |done: &[String]| {
        let text = render::comment::verified(record, done);
        engine
            .reporter
            .say(&slot, &repository, tracking.issue, &text)
            .await
    };
    // First on record: the command may be one that must not run twice.
    say(&["what follows was begun".into()]).await?;
    let mut done = Vec::new();
    if let Some(label) = &verified.label {
        let forge = &engine.world.forge;
        done.push(
            match forge
                .label(&tracking.repository, tracking.issue, label)
                .await
            {
                Ok(()) => format!("this issue is labelled `{label}`"),
                Err(error) => {
                    format!("the label `{label}` could not be put on this issue: {error}")
                }
            },
        );
    }
    if let Some(command) = &verified.command {
        let mut process = process::Command::new(&command.program)
            .args(&command.arguments)
            .time_limit(command.time_limit)
            .cancelled_by(engine.shutdown.clone());
        for (name, value) in &command.environment {
            process = process.env(name, value);
        }
        for (name, value) in &command.secrets {
            process = process.secret_env(name, value);
        }
        let ran = process::run(process).await;
        let shown = command.line(&[]).join(" ");
        done.push(match ran.exit {
            Exit::Exited(0) => format!("`{shown}` ran and ended well"),
            exit => {
                let words = engine.world.redactor.text(&ran.stderr.text).into_owned();
                let last = words.lines().last().unwrap_or("it said nothing").to_owned();
                let ended = match exit {
                    Exit::Exited(code) => format!("ended with exit code {code}"),
                    Exit::Signalled(signal) => format!("was ended by signal {signal}"),
                    Exit::TimedOut => "was ended when its time was over".into(),
                    Exit::Cancelled => "was ended, since Gavel stops".into(),
                    Exit::CouldNotStart(why) => format!("could not be started: {why}"),
                };
                format!("`{shown}` {ended}: {last}")
            }
        });
    }
    tracing::info!(run = record.run.id, ?done, "everything is verified");
    say(&done).await?;
    Ok(())
}

/// The label stands for what holds now: it goes while an item of the run that earned it is disputed, and when a later run finds what does
/// not hold. That it went is said.
pub async fn keep_label(engine: &Engine, record: &RunRecord) {
    let verified = engine.config.verified.as_ref();
    let Some(label) = verified.and_then(|it| it.label.as_ref()) else {
        return;
    };
    if let Err(error) = put_right(engine, record, label).await {
        tracing::warn!(
            run = record.run.id,
            error = format!("{error:#}"),
            "the label could not be put right"
        );
    }
}

async fn put_right(engine: &Engine, record: &RunRecord, label: &str) -> anyhow::Result<()> {
    let id = record.run.id;
    let earned = engine.store.slot(&format!("run-{id}-verified")).await?;
    let (forge, tracking) = (&engine.world.forge, &engine.config.tracking);
    let (repository, issue) = (&tracking.repository, tracking.issue);
    if record.is_verified() && earned.is_some() {
        if !has_failed_since(engine, id).await? {
            forge.label(repository, issue, label).await?;
        }
        return Ok(());
    }
    let goes = earned.is_some() || record.verdict() == Verdict::Fail;
    if goes && forge.unlabel(repository, issue, label).await? {
        let text = render::comment::unlabelled(record, label);
        let slot = format!("run-{id}-unlabelled");
        let repository = repository.to_string();
        engine
            .reporter
            .say(&slot, &repository, issue, &text)
            .await?;
    }
    Ok(())
}

/// No run has a number near this; the database knows no larger one.
const NO_END: u64 = i64::MAX as u64;

/// Whether what later runs found last does not hold: a word on an earlier one changes nothing about that.
async fn has_failed_since(engine: &Engine, run: u64) -> anyhow::Result<bool> {
    let later = engine.store.judged_between(run, NO_END, 1).await?;
    Ok(later
        .iter()
        .any(|attempt| attempt.verdict == Some(Verdict::Fail)))
}
