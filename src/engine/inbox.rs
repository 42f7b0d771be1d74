//! Comments in: their commands are put on record, exactly once each, from webhook and catch-up alike.

use super::Engine;
use super::rights::rights;
use crate::command;
use crate::plan;
use crate::render;
use crate::store::{NewCommand, StoreError};
use std::time::Duration;

/// An answer of the forge that a delivery waits for comes within this time, or is not waited for.
const AT_ONCE_ANSWERED: Duration = Duration::from_secs(3);

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

pub fn is_tracking(engine: &Engine, repository: &str, issue: u64) -> bool {
    let tracking = &engine.config.tracking;
    issue == tracking.issue
        && repository
            .parse()
            .is_ok_and(|repository: crate::config::Repository| repository == tracking.repository)
}
