//! Removes a comment that stands twice: one whose answer was lost was written once more, and came to stand there after all.

use super::marker::marker;
use crate::config::{Account, Repository};
use crate::gitea::{Comment, Gitea};
use crate::store::{Slot, Store};
use jiff::Timestamp;

/// Looks at a slot's issue, and removes what stands there besides its comment.
pub async fn remove_of(
    store: &Store,
    forge: &Gitea,
    account: &Account,
    slot: &Slot,
    since: Option<Timestamp>,
) -> anyhow::Result<()> {
    let place: Repository = slot.repository.parse()?;
    let there = forge.comments(&place, slot.issue, since).await?.value;
    remove(store, forge, account, std::slice::from_ref(slot), &there).await
}

/// Removes of these comments of one issue those that a slot has besides the one on record. Where that does not stand there, none is
/// removed.
pub async fn remove(
    store: &Store,
    forge: &Gitea,
    account: &Account,
    slots: &[Slot],
    there: &[Comment],
) -> anyhow::Result<()> {
    let installation = store.installation().await?;
    for slot in slots {
        let stands = there.iter().any(|comment| Some(comment.id) == slot.comment);
        let marker = marker(&installation, &slot.slot);
        let has = |comment: &&Comment| {
            account.is(&comment.user.login) && comment.body.starts_with(&marker)
        };
        for second in there.iter().filter(has).filter(|_| stands) {
            // One that another slot holds was written there by hand.
            if Some(second.id) == slot.comment || store.slot_of(second.id).await?.is_some() {
                continue;
            }
            let repository: Repository = slot.repository.parse()?;
            forge.delete_comment(&repository, second.id).await?;
            tracing::warn!(slot = %slot.slot, comment = second.id, "a comment stood twice: the second one is removed");
        }
    }
    Ok(())
}
