//! Whose turn it is: commands on record are dealt with in the order in which they were typed, and none keeps the others waiting for long.

use super::{Engine, limits, obeying, too_many};
use crate::gitea::GiteaError;
use crate::store::StoredCommand;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::error::Elapsed;

/// As many commands are read at once.
const AT_ONCE: u32 = 256;

/// While commands come in faster than anybody types, each of them waits so long before it is dealt with: a forge delivers once and does not
/// wait for long, and what is on record is safe.
const LET_IN: Duration = Duration::from_millis(20);

/// So often all others wait for a command of whose comment the forge, which answers otherwise, does not tell.
const MOST_TRIES: u32 = 3;

/// A command waits no longer than this, whatever became of whoever stored it.
const LONGEST: Duration = Duration::from_secs(60);

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
            obeying::deal_with(engine, command).await
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
        // Where it refuses Gavel's token, it tells nothing of any.
        let asked = tokio::time::timeout(obeying::ASKED, engine.world.forge.whoami());
        matches!(asked.await, Ok(Ok(_)))
    };
    is_of_the_forge && answers().await
}
