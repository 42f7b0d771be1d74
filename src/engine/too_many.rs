//! What becomes of commands beyond an account's limit: nothing is done for them, and the account is told so once.

use super::Engine;
use super::limits::{MOST, Over, WITHIN};
use super::rights::rights;
use crate::render;
use crate::store::StoredCommand;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Marks these as dealt with, all in one write: of somebody who types faster than this, there are very many.
///
/// # Errors
/// Where the forge or the store does not answer; then all of it is to be done again, and nobody is told twice.
pub async fn turn_down(engine: &Engine, over: &[(&StoredCommand, Over)]) -> anyhow::Result<()> {
    let mut beyond = Vec::new();
    let newest = newest_on_the_forge(engine, over).await?;
    let mut told = BTreeSet::new();
    for (stored, over) in over {
        let typed = &stored.command;
        if newest.is_none_or(|newest| typed.comment > newest) {
            tracing::warn!(command = stored.id, account = %typed.account, comment = typed.comment, "one of too many, in a comment that the forge does not have: nothing is done");
            engine.store.command_never_typed(stored).await?;
            continue;
        }
        tracing::warn!(command = stored.id, account = %typed.account, "one of too many: nothing is done");
        if !over.is_told && told.insert(typed.account.to_lowercase()) {
            if rights(engine, &typed.account).await?.any() {
                let text = render::comment::too_many(&typed.account, MOST, WITHIN, over.wait);
                engine.reporter.answer(stored, &text).await?;
            }
            engine.limits().told(&typed.account);
        }
        beyond.push(stored.id);
    }
    Ok(engine.store.commands_handled(&beyond).await?)
}

/// The newest of the comments that these were told of and that the forge has. The forge counts comments up: none with a number up to there is
/// one to come, to which nobody may make Gavel deaf. So one question is enough for all who really typed.
async fn newest_on_the_forge(
    engine: &Engine,
    over: &[(&StoredCommand, Over)],
) -> anyhow::Result<Option<u64>> {
    let places = over.iter().map(|(stored, _)| &stored.command);
    let places: BTreeSet<_> = places
        .map(|typed| Reverse((typed.comment, typed.repository.as_str())))
        .collect();
    for Reverse((comment, repository)) in places {
        match engine
            .world
            .forge
            .comment(&repository.parse()?, comment)
            .await
        {
            Ok(_) => return Ok(Some(comment)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
