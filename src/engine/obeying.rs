//! What follows from a command: whether it stands on the forge as it came in, who typed it, may they, and what is done.

use super::inbox::{commands, is_tracking};
use super::rights::{Rights, rights};
use super::words::{self, Word};
use super::{Engine, cleanup, filing};
use crate::command::{self, Command, Complaint, ItemRef, Items, Verify};
use crate::plan;
use crate::record;
use crate::render;
use crate::render::comment::Heard;
use crate::store::{NewCommand, NoteKind, Run, RunOptions, RunState, StoredCommand};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many runs does `/status` show; of the others it says how many they are.
const MOST_SHOWN: usize = 20;

/// So long the forge is asked for the comment of one command, while others wait.
pub const ASKED: Duration = Duration::from_secs(30);

/// Deals with one command. Done again after an interruption, it changes nothing more.
pub async fn deal_with(engine: &Arc<Engine>, stored: &StoredCommand) -> anyhow::Result<()> {
    let typed = &stored.command;
    let store = &engine.store;
    if store.said_nothing(&typed.repository, typed.comment).await? {
        tracing::warn!(command = stored.id, account = %typed.account, comment = typed.comment, "the comment held no command when it was written: nothing is done");
        return changed(engine, stored).await;
    }
    match standing(engine, typed).await? {
        Standing::AsTyped => engine
            .limits()
            .count(&typed.account, stored.id, Instant::now()),
        Standing::Changed => {
            tracing::info!(command = stored.id, account = %typed.account, "edited before it was dealt with");
            return changed(engine, stored).await;
        }
        Standing::Nowhere => {
            tracing::warn!(command = stored.id, account = %typed.account, comment = typed.comment, "the forge has no such comment of this account: nothing is done");
            // There may be one later, and that is heard.
            return Ok(engine.store.command_never_typed(stored).await?);
        }
    }
    let rights = rights(engine, &typed.account).await?;
    if rights.any() {
        let here = is_tracking(engine, &typed.repository, typed.issue);
        match understand(typed) {
            None => {}
            Some(Err(complaint)) => {
                react(engine, typed, "confused").await;
                let text = render::comment::complaint(&typed.line, &complaint);
                engine.reporter.answer(stored, &text).await?;
            }
            Some(Ok(command)) => {
                react(engine, typed, "eyes").await;
                obey(engine, stored, command, here, &rights).await?;
            }
        }
    } else {
        tracing::info!(command = stored.id, account = %typed.account, "turned away");
        react(engine, typed, "-1").await;
        if !engine.store.was_turned_away(&typed.account).await? {
            let text = render::comment::turned_away(&typed.account, &engine.config.tracking);
            engine.reporter.answer(stored, &text).await?;
            engine.store.turn_away(&typed.account).await?;
        }
    }
    engine.store.command_handled(stored.id).await?;
    Ok(())
}

/// What its comment was when it was written, and whose words it is now, nobody knows. Who may command is told.
async fn changed(engine: &Engine, stored: &StoredCommand) -> anyhow::Result<()> {
    let typed = &stored.command;
    if rights(engine, &typed.account).await?.any() {
        react(engine, typed, "confused").await;
        let text = render::comment::edited_since(&typed.line);
        engine.reporter.answer(stored, &text).await?;
    }
    Ok(engine.store.command_not_given(stored.id).await?)
}

/// What the forge says of the comment in which a command came in.
enum Standing {
    AsTyped,
    /// It was edited since.
    Changed,
    /// There is none there, or it is somebody else's.
    Nowhere,
}

/// Whether the forge knows a comment as it came in. Who knows the webhook's secret, such as every admin of a repository that delivers, can
/// sign anything in anybody's name: a delivery tells where to look, and not what was typed.
async fn standing(engine: &Engine, typed: &NewCommand) -> anyhow::Result<Standing> {
    let gavel = &engine.config.forge.account;
    let repository = typed.repository.parse()?;
    let asked = engine.world.forge.comment(&repository, typed.comment);
    let comment = match tokio::time::timeout(ASKED, asked).await? {
        Ok(seen) => seen.value,
        Err(error) if error.is_not_found() => return Ok(Standing::Nowhere),
        Err(error) => return Err(error.into()),
    };
    if gavel.is(&comment.user.login) {
        // Given on Gavel's own machine, which stands there in Gavel's words.
        let said = engine.store.slot_of(typed.comment).await?;
        let by_hand = render::comment::by_hand(&typed.line, &typed.account);
        return Ok(match said {
            Some(slot) if slot.body.ends_with(&format!("\n{by_hand}")) => Standing::AsTyped,
            _ => Standing::Nowhere,
        });
    }
    let place = match comment.issue_url.as_str() {
        "" => &comment.pull_request_url,
        url => url,
    };
    let is_here = place.is_empty() || place.ends_with(&format!("/{}", typed.issue));
    if !comment.user.login.eq_ignore_ascii_case(&typed.account) || !is_here {
        return Ok(Standing::Nowhere);
    }
    let body = engine.world.redactor.text(&comment.body);
    let mut found = commands(&body).into_iter();
    let says_so = found.any(|found| found.position == typed.position && found.line == typed.line);
    Ok(match says_so && comment.updated_at == comment.created_at {
        true => Standing::AsTyped,
        false => Standing::Changed,
    })
}

/// What the line says. Which of its comment's commands it was is on record: the eleventh is none, whatever it says.
fn understand(typed: &NewCommand) -> Option<Result<Command, Complaint>> {
    if typed.position >= command::MOST_COMMANDS {
        return Some(Err(Complaint::TooMany));
    }
    let found = commands(&typed.line);
    found.into_iter().next().map(|found| found.what)
}

/// A sign at the comment. Where it cannot be given, the comment is gone or nobody may react there: the command stands all the same.
async fn react(engine: &Engine, typed: &NewCommand, reaction: &str) {
    let given = async {
        let repository = typed.repository.parse()?;
        engine
            .world
            .forge
            .react(&repository, typed.comment, reaction)
            .await?;
        anyhow::Ok(())
    };
    if let Err(error) = given.await {
        tracing::warn!(
            comment = typed.comment,
            reaction,
            error = format!("{error:#}"),
            "a reaction could not be given"
        );
    }
}

async fn obey(
    engine: &Arc<Engine>,
    stored: &StoredCommand,
    command: Command,
    here: bool,
    rights: &Rights,
) -> anyhow::Result<()> {
    match command {
        Command::Help => {
            engine
                .reporter
                .answer(stored, &render::comment::help(plan::ITEMS))
                .await
        }
        Command::Status => {
            let (open, more) = record::open_runs(&engine.store, &engine.config, MOST_SHOWN).await?;
            let pause = engine.store.paused().await?;
            engine
                .reporter
                .answer(
                    stored,
                    &render::comment::status(&open, more, pause.as_ref()),
                )
                .await
        }
        _ if !here => {
            let text =
                render::comment::elsewhere(&engine.config.tracking, &engine.config.forge.url);
            engine.reporter.answer(stored, &text).await
        }
        Command::Verify(_)
        | Command::Cancel
        | Command::Pause
        | Command::Resume
        | Command::Cleanup
        | Command::File(_)
            if !rights.commands =>
        {
            engine
                .reporter
                .answer(stored, &render::comment::adversaries_only())
                .await
        }
        Command::Accept { item, head } => {
            let heard = words::hear(engine, stored, &item, Word::Accept(&head)).await?;
            answer_word(engine, stored, &item, "accepted", heard).await
        }
        Command::Dispute { item, reason } => {
            let heard = words::hear(engine, stored, &item, Word::Dispute(&reason)).await?;
            answer_word(engine, stored, &item, "disputed", heard).await
        }
        Command::Withdraw { item } => {
            let heard = words::hear(engine, stored, &item, Word::Withdraw).await?;
            answer_word(engine, stored, &item, "", heard).await
        }
        Command::File(named) => {
            let filings = filing::file(engine, &named).await?;
            engine
                .reporter
                .answer(stored, &render::comment::filings(filings.as_deref()))
                .await
        }
        Command::Decision(text) => {
            words::note(engine, stored, NoteKind::Decision, &text).await?;
            engine
                .reporter
                .answer(stored, &render::comment::noted(NoteKind::Decision))
                .await
        }
        Command::Idea(text) => {
            words::note(engine, stored, NoteKind::Idea, &text).await?;
            engine
                .reporter
                .answer(stored, &render::comment::noted(NoteKind::Idea))
                .await
        }
        Command::Cancel => {
            let store = &engine.store;
            let open = store.open_runs().await?;
            if let Some(run) = open.first() {
                let account = &stored.command.account;
                store.cancel_run(run.id, stored.id, account).await?;
                engine.runs.notify_waiters();
            }
            // It may have been done before, and not been told.
            let cancelled = store.run_cancelled_by(stored.id).await?;
            engine
                .reporter
                .answer(stored, &render::comment::cancelled(cancelled, &open))
                .await
        }
        Command::Pause => {
            // None where it was ended before this was dealt with again.
            if let Some(pause) = engine.store.pause(stored.id).await? {
                let open = engine.store.open_runs().await?;
                engine
                    .reporter
                    .answer(stored, &render::comment::paused(&pause, &open))
                    .await?;
            }
            Ok(())
        }
        Command::Resume => {
            let ended = engine.store.resume(stored.id).await?;
            let open = engine.store.open_runs().await?;
            let text = render::comment::resumed(ended.as_ref(), &open);
            engine.reporter.answer(stored, &text).await?;
            engine.runs.notify_waiters();
            Ok(())
        }
        Command::Cleanup => {
            let open = engine.store.open_runs().await?;
            let pause = engine.store.paused().await?;
            // One that waits for the end of a pause has opened nothing.
            let at_work = |run: &&Run| run.state != RunState::Queued || pause.is_none();
            let text = match open.first().filter(at_work) {
                Some(run) => render::comment::cleanup_later(run.id),
                None => render::comment::cleaned(&cleanup::everything(engine).await?),
            };
            engine.reporter.answer(stored, &text).await
        }
        Command::Report => {
            let latest = record::latest_finished(&engine.store, &engine.config).await?;
            engine
                .reporter
                .answer(stored, &render::comment::report_again(latest.as_ref()))
                .await
        }
        Command::Verify(Verify {
            items,
            keep,
            force,
            dry_run,
        }) => {
            let named: Vec<String> = match items {
                Items::All => plan::ids().iter().map(ToString::to_string).collect(),
                Items::Some(named) => named.iter().map(ToString::to_string).collect(),
            };
            if dry_run {
                let mut planned = Vec::new();
                for item in plan::with_prerequisites(&named) {
                    let seconds = engine.store.usual_seconds(item.id).await?;
                    planned.push(render::comment::Planned { item, seconds });
                }
                let text =
                    render::comment::dry_run(&planned, &plan::guardrails::sandbox(&engine.config));
                return engine.reporter.answer(stored, &text).await;
            }
            let items: Vec<&str> = plan::with_prerequisites(&named)
                .iter()
                .map(|item| item.id)
                .collect();
            let nonce = format!("{:08x}", rand::random::<u32>());
            let run = engine
                .store
                .queue_run(
                    stored.id,
                    &stored.command.account,
                    &items,
                    RunOptions { keep, force },
                    &nonce,
                )
                .await?;
            tracing::info!(run, ?items, account = %stored.command.account, "queued");
            super::progress::show(engine, run, None).await?;
            if let Some(pause) = engine.store.paused().await? {
                engine
                    .reporter
                    .answer(stored, &render::comment::waits(run, &pause))
                    .await?;
            }
            engine.runs.notify_waiters();
            Ok(())
        }
    }
}

async fn answer_word(
    engine: &Engine,
    stored: &StoredCommand,
    item: &ItemRef,
    done: &str,
    heard: Heard,
) -> anyhow::Result<()> {
    let accused = matches!(
        heard,
        Heard::OwnRun { .. }
            | Heard::NobodysRun { .. }
            | Heard::OtherHead { .. }
            | Heard::NoAdversary
    );
    if accused {
        react(engine, &stored.command, "confused").await;
    }
    engine
        .reporter
        .answer(stored, &render::comment::heard(item.as_str(), done, &heard))
        .await
}
