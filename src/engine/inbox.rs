//! Commands in, exactly once each, from webhook and catch-up alike; who typed them, may they, and what follows.

use super::limits;
use super::rights::{Rights, rights};
use super::words::{self, Word};
use super::{Engine, cleanup, filing, too_many};
use crate::command::{self, Command, Complaint, ItemRef, Items, Verify};
use crate::gitea::GiteaError;
use crate::plan;
use crate::record;
use crate::render;
use crate::render::comment::Heard;
use crate::store::{NewCommand, NoteKind, Run, RunOptions, RunState, StoreError, StoredCommand};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::error::Elapsed;

/// As many runs does `/status` show; of the others it says how many they are.
const MOST_SHOWN: usize = 20;

/// As many commands are read at once.
const AT_ONCE: u32 = 256;

/// An answer of the forge that a delivery waits for comes within this time, or is not waited for.
const AT_ONCE_ANSWERED: Duration = Duration::from_secs(3);

/// While commands come in faster than anybody types, each of them waits so long before it is dealt with: a forge delivers once and does not
/// wait for long, and what is on record is safe.
const LET_IN: Duration = Duration::from_millis(20);

/// So long the forge is asked for the comment of one command, while others wait.
const ASKED: Duration = Duration::from_secs(30);

/// So often all others wait for a command of whose comment the forge, which answers otherwise, does not tell.
const MOST_TRIES: u32 = 3;

/// A command waits no longer than this, whatever became of whoever stored it.
const LONGEST: Duration = Duration::from_secs(60);

/// A comment as it came in.
#[derive(Debug, Clone)]
pub struct Comment {
    /// `owner/name`.
    pub repository: String,
    pub issue: u64,
    pub id: u64,
    pub account: String,
    pub body: String,
}

/// The commands of a text.
pub fn commands(text: &str) -> Vec<command::Found> {
    let names = command::Names {
        items: &plan::ids(),
        beside: &[plan::guardrails::ITEM.id],
    };
    command::parse(text, names)
}

/// The way in for comments.
pub struct Inbox<'a>(pub &'a Engine);

impl Inbox<'_> {
    /// Puts the commands of a comment on record of which a delivery tells. When this returns, they are safe.
    pub async fn told(&self, comment: &Comment) -> Result<u64, StoreError> {
        let engine = self.0;
        if engine.is_ours(&comment.account) || !self.is_heard(comment).await? {
            return Ok(0);
        }
        let is_tracking = is_tracking(engine, &comment.repository, comment.issue);
        let body = engine.world.redactor.text(&comment.body);
        match commands(&body).is_empty() {
            true if is_tracking => self.told_without_command(comment).await.map(|()| 0),
            true => Ok(0),
            false => self.take(comment).await,
        }
    }

    /// A comment without a command is on record as heard, so that it comes to say none within the second in which it was written, which its
    /// times do not tell. Who knows the webhook's secret can tell of any: what the forge does not say at once is not on record.
    async fn told_without_command(&self, comment: &Comment) -> Result<(), StoreError> {
        let engine = self.0;
        let tracking = &engine.config.tracking;
        let asked = engine.world.forge.comment(&tracking.repository, comment.id);
        let Ok(Ok(seen)) = tokio::time::timeout(AT_ONCE_ANSWERED, asked).await else {
            return Ok(());
        };
        let there = seen.value;
        let repository = tracking.repository.to_string();
        let account = &there.user.login;
        let is_here = there.issue_url.ends_with(&format!("/{}", tracking.issue));
        if !is_here || !account.eq_ignore_ascii_case(&comment.account) {
            return Ok(());
        }
        let body = engine.world.redactor.text(&there.body);
        let Some(found) = commands(&body).into_iter().next() else {
            engine.store.hear_nothing(&repository, comment.id).await?;
            return Ok(());
        };
        let Ok(may) = rights(engine, account).await else {
            return Ok(());
        };
        let is_new = engine.store.hear_nothing(&repository, comment.id).await?;
        if is_new && there.updated_at == there.created_at && may.any() {
            tracing::warn!(comment = comment.id, %account, "the comment was told of without a command, and holds one: nothing is done");
            let slot = format!("unclear-{}", comment.id);
            let text = render::comment::edited_since(&found.line);
            engine
                .reporter
                .say(&slot, &repository, tracking.issue, &text)
                .await?;
        }
        Ok(())
    }

    /// Puts the commands of a comment on record that stands on the forge, or so it is told: before they are obeyed, it is asked.
    pub async fn take(&self, comment: &Comment) -> Result<u64, StoreError> {
        let engine = self.0;
        if engine.is_ours(&comment.account) || !self.is_heard(comment).await? {
            return Ok(0);
        }
        // Whoever pastes a secret by mistake finds it nowhere else.
        let body = engine.world.redactor.text(&comment.body);
        let found = commands(&body);
        let commands: Vec<NewCommand> = found
            .into_iter()
            .map(|found| NewCommand {
                repository: comment.repository.clone(),
                issue: comment.issue,
                comment: comment.id,
                position: found.position,
                account: comment.account.clone(),
                line: found.line,
            })
            .collect();
        let taken = engine
            .store
            .hear(&comment.repository, comment.id, &commands)
            .await?;
        // Also for those that were on record already: whoever put them there may have gone away before it could ring.
        if !commands.is_empty() {
            engine.commands.notify_one();
        }
        Ok(taken)
    }

    /// Commands are heard on the tracking issue and on the pull requests that verification opened.
    async fn is_heard(&self, comment: &Comment) -> Result<bool, StoreError> {
        let engine = self.0;
        if is_tracking(engine, &comment.repository, comment.issue) {
            return Ok(true);
        }
        let run = engine
            .store
            .run_of_pull(&comment.repository, comment.issue)
            .await?;
        Ok(run.is_some())
    }
}

fn is_tracking(engine: &Engine, repository: &str, issue: u64) -> bool {
    let tracking = &engine.config.tracking;
    issue == tracking.issue
        && repository
            .parse()
            .is_ok_and(|repository: crate::config::Repository| repository == tracking.repository)
}

/// Deals with stored commands, oldest first, until the shutdown.
pub async fn work(engine: Arc<Engine>) {
    while let Err(error) = remember(&engine).await {
        tracing::error!(
            error = format!("{error:#}"),
            "how many commands were given lately could not be read; trying again"
        );
        if !engine.rest().await {
            return;
        }
    }
    let mut tries = HashMap::new();
    loop {
        match engine.store.waiting_commands(AT_ONCE).await {
            Ok(waiting) if waiting.is_empty() => {
                tokio::select! {
                    () = engine.commands.notified() => {}
                    () = tokio::time::sleep(LONGEST) => {}
                    () = engine.shutdown.cancelled() => return,
                }
            }
            Ok(waiting) => {
                if !deal_with(&engine, waiting, &mut tries).await {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "reading commands failed; trying again");
                if !engine.rest().await {
                    return;
                }
            }
        }
    }
}

/// Counts what was dealt with before the start, so that a restart makes no room for more.
async fn remember(engine: &Engine) -> anyhow::Result<()> {
    let (now, at) = (Timestamp::now(), Instant::now());
    let since = now.checked_sub(limits::WITHIN)?;
    let dealt_with = engine.store.dealt_with_since(since).await?;
    let mut limits = engine.limits();
    for (command, account, handled) in dealt_with {
        // Of a time to come is what was dealt with before the clock was set back.
        let Ok(age) = Duration::try_from(now.duration_since(handled)) else {
            continue;
        };
        // Those beyond it were too many, and count for nothing.
        let given = at.checked_sub(age).unwrap_or(at);
        if limits.over(&account, command, given).is_none() {
            limits.count(&account, command, given);
        }
    }
    Ok(())
}

async fn let_in(engine: &Engine) {
    let until = Instant::now() + LET_IN;
    while engine.store.is_crowded() && Instant::now() < until {
        tokio::time::sleep(LET_IN / 5).await;
    }
}

/// Deals with each of these. Answers whether Gavel goes on.
async fn deal_with(
    engine: &Arc<Engine>,
    mut waiting: Vec<StoredCommand>,
    tries: &mut HashMap<u64, u32>,
) -> bool {
    let is_passed =
        |tries: &HashMap<u64, u32>, id| tries.get(&id).is_some_and(|&tries| tries >= MOST_TRIES);
    tries.retain(|id, _| waiting.iter().any(|command| command.id == *id));
    waiting.sort_by_key(|command| is_passed(tries, command.id));
    let mut beyond = Vec::new();
    for command in &waiting {
        let account = &command.command.account;
        let over = engine.limits().over(account, command.id, Instant::now());
        if let Some(over) = over {
            beyond.push((command, over));
            continue;
        }
        let done = async {
            let_in(engine).await;
            handle(engine, command).await
        };
        let done = tokio::select! {
            done = done => done,
            () = engine.shutdown.cancelled() => return false,
        };
        if let Err(error) = done {
            tracing::warn!(command = command.id, %error, "a command could not be dealt with yet; it is tried again");
            if is_its_own(engine, &error).await {
                *tries.entry(command.id).or_default() += 1;
            }
            if !engine.rest().await {
                return false;
            }
            // What was typed after it comes after it.
            if !is_passed(tries, command.id) {
                return true;
            }
        }
    }
    if beyond.is_empty() {
        return true;
    }
    let done = tokio::select! {
        done = too_many::turn_down(engine, &beyond) => done,
        () = engine.shutdown.cancelled() => return false,
    };
    match done {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "commands that are too many could not be turned down yet; it is tried again");
            engine.rest().await
        }
    }
}

/// Whether this went wrong with one command only: the forge answers, but tells nothing of that comment.
async fn is_its_own(engine: &Engine, error: &anyhow::Error) -> bool {
    let is_of_the_forge = error.is::<GiteaError>() || error.is::<Elapsed>();
    let answers = async || {
        let asked = tokio::time::timeout(ASKED, engine.world.forge.version());
        matches!(asked.await, Ok(Ok(_)))
    };
    is_of_the_forge && answers().await
}

async fn handle(engine: &Arc<Engine>, stored: &StoredCommand) -> anyhow::Result<()> {
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
