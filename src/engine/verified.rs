//! What follows when the whole plan has passed against one set of versions, and never otherwise: the label, the configured command.

use super::Engine;
use crate::host::process::{self, Exit};
use crate::record::RunRecord;
use crate::render;
use crate::store::WordKind;
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
            process = process.secret_env(name, &value.now());
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

/// Takes the label off where it stands for what does not hold any more: while anything is disputed of the run that earned it, or of what
/// was judged since, and when a later run finds what does not hold. That it went is said.
pub async fn drop_label(engine: &Engine) {
    if let Err(error) = put_right(engine, false).await {
        tracing::warn!(
            error = format!("{error:#}"),
            "the label could not be put right"
        );
    }
}

/// Takes the label off or puts it back, after somebody disputed something or took that back.
pub async fn keep_label(engine: &Engine) -> anyhow::Result<()> {
    put_right(engine, true).await
}

async fn put_right(engine: &Engine, puts_back: bool) -> anyhow::Result<()> {
    let verified = engine.config.verified.as_ref();
    let Some(label) = verified.and_then(|it| it.label.as_ref()) else {
        return Ok(());
    };
    let earned = engine.store.newest_verified().await?;
    match against(engine, earned).await? {
        Some(run) => take_off(engine, label, run).await,
        None if puts_back && earned.is_some() => {
            let tracking = &engine.config.tracking;
            let forge = &engine.world.forge;
            Ok(forge
                .label(&tracking.repository, tracking.issue, label)
                .await?)
        }
        None => Ok(()),
    }
}

/// The run that speaks against the label which this run earned.
async fn against(engine: &Engine, earned: Option<u64>) -> anyhow::Result<Option<u64>> {
    if let Some(earned) = earned
        && !engine.record(earned).await?.is_verified()
    {
        return Ok(Some(earned));
    }
    let since = earned.unwrap_or_default();
    for attempt in engine.store.judged_between(since, NO_END, 1).await? {
        let words = engine.store.words(attempt.id).await?;
        let is_disputed = words.iter().any(|word| word.kind == WordKind::Disputed);
        if is_disputed || attempt.verdict == Some(Verdict::Fail) {
            return Ok(Some(attempt.run));
        }
    }
    Ok(None)
}

/// No run has a number near this; the database knows no larger one.
const NO_END: u64 = i64::MAX as u64;

async fn take_off(engine: &Engine, label: &str, run: u64) -> anyhow::Result<()> {
    let (forge, tracking) = (&engine.world.forge, &engine.config.tracking);
    let (repository, issue) = (&tracking.repository, tracking.issue);
    if !forge.unlabel(repository, issue, label).await? {
        return Ok(());
    }
    let record = engine.record(run).await?;
    let text = render::comment::unlabelled(&record, label);
    // Each time in a comment of its own: what was said the last time was followed by the label's return.
    let mut slot = format!("run-{run}-unlabelled");
    let mut times = 1;
    while engine.store.slot(&slot).await?.is_some() {
        times += 1;
        slot = format!("run-{run}-unlabelled-{times}");
    }
    let repository = repository.to_string();
    engine
        .reporter
        .say(&slot, &repository, issue, &text)
        .await?;
    Ok(())
}
