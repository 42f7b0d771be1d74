//! Commands that were typed, exactly once each; how far the catch-up read has come; who was turned away.

use super::words::Said;
use super::{Result, Store, now, signed, time, unsigned};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

/// A command as it came in, from a webhook or from the catch-up read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// `owner/name`.
    pub repository: String,
    /// Number of the issue or pull request.
    pub issue: u64,
    /// Id of the comment.
    pub comment: u64,
    /// The how-manieth command of its comment, from 0.
    pub position: usize,
    /// Who wrote the comment.
    pub account: String,
    /// The line, as it was typed.
    pub line: String,
}

/// A command on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCommand {
    pub id: u64,
    pub command: NewCommand,
    pub received: Timestamp,
}

impl StoredCommand {
    /// Where and when it was typed.
    pub fn said(&self) -> Said {
        let typed = &self.command;
        Said {
            repository: typed.repository.clone(),
            issue: typed.issue,
            comment: typed.comment,
            at: self.received,
        }
    }
}

impl Store {
    /// The oldest commands that nobody has dealt with, at most `limit`.
    pub async fn waiting_commands(&self, limit: u32) -> Result<Vec<StoredCommand>> {
        sqlx::query("select * from commands where handled is null order by id limit ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(stored)
            .collect()
    }

    /// The command with this id.
    pub async fn command(&self, id: u64) -> Result<Option<StoredCommand>> {
        sqlx::query("select * from commands where id = ?")
            .bind(signed(id))
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(stored)
            .transpose()
    }

    /// Commands that were dealt with since then, oldest first: which, whose, and when. Those that their accounts did not give are not among
    /// them.
    pub async fn dealt_with_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(u64, String, Timestamp)>> {
        sqlx::query(
            "select id, account, handled from commands
             where comment > 0 and given and julianday(handled) > julianday(?) order by id",
        )
        .bind(since.to_string())
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| {
            let account = row.get("account");
            Ok((unsigned(row.get("id")), account, time(row.get("handled"))?))
        })
        .collect()
    }

    /// Marks a command as dealt with.
    pub async fn command_handled(&self, id: u64) -> Result<()> {
        sqlx::query("update commands set handled = ? where id = ?")
            .bind(now())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Marks a command as dealt with that its account did not give as it is on record.
    pub async fn command_not_given(&self, id: u64) -> Result<()> {
        sqlx::query("update commands set handled = ?, given = 0 where id = ?")
            .bind(now())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Marks commands as dealt with, in one write.
    pub async fn commands_handled(&self, ids: &[u64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut update = QueryBuilder::new("update commands set handled = ");
        update.push_bind(now()).push(" where id in (");
        let mut list = update.separated(", ");
        for id in ids {
            list.push_bind(signed(*id));
        }
        update.push(")");
        update.build().execute(&self.writer).await?;
        Ok(())
    }

    /// Marks a command as dealt with of which the forge has no comment: if one comes to have its id, that is heard.
    pub async fn command_never_typed(&self, stored: &StoredCommand) -> Result<()> {
        let typed = &stored.command;
        let mut transaction = self.writer.begin().await?;
        let mut update = apart(&typed.repository, typed.comment);
        update.push(" and id = ").push_bind(signed(stored.id));
        update.build().execute(&mut *transaction).await?;
        sqlx::query("update commands set handled = ? where id = ? and handled is null")
            .bind(now())
            .bind(signed(stored.id))
            .execute(&mut *transaction)
            .await?;
        forget(&mut transaction, &typed.repository, typed.comment).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Marks commands as dealt with that were told of a comment in another name than its author's: what that says is heard.
    pub async fn disown(&self, repository: &str, comment: u64, author: &str) -> Result<()> {
        let mut transaction = self.writer.begin().await?;
        let mut update = apart(repository, comment);
        update.push(" and account <> ").push_bind(author);
        update.push(" collate nocase");
        let others = update.build().execute(&mut *transaction).await?;
        if others.rows_affected() > 0 {
            forget(&mut transaction, repository, comment).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Up to which comment an issue has been read, and when that comment was updated; `None` before the first read.
    pub async fn cursor(&self, repository: &str, issue: u64) -> Result<Option<(u64, Timestamp)>> {
        sqlx::query("select comment, updated from cursors where repository = ? and issue = ?")
            .bind(repository)
            .bind(signed(issue))
            .fetch_optional(&self.pool)
            .await?
            .map(|row| Ok((unsigned(row.get("comment")), time(row.get("updated"))?)))
            .transpose()
    }

    /// Remembers up to which comment an issue has been read.
    pub async fn advance_cursor(
        &self,
        repository: &str,
        issue: u64,
        comment: u64,
        updated: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "insert into cursors values (?1, ?2, ?3, ?4)
             on conflict (repository, issue) do update set comment = ?3, updated = ?4",
        )
        .bind(repository)
        .bind(signed(issue))
        .bind(signed(comment))
        .bind(updated.to_string())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Whether an account has been told that it may not command.
    pub async fn was_turned_away(&self, account: &str) -> Result<bool> {
        Ok(sqlx::query("select 1 from turned_away where account = ?")
            .bind(account)
            .fetch_optional(&self.pool)
            .await?
            .is_some())
    }

    /// Remembers that an account has been told that it may not command.
    pub async fn turn_away(&self, account: &str) -> Result<()> {
        sqlx::query("insert into turned_away values (?, ?) on conflict do nothing")
            .bind(account)
            .bind(now())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// Takes commands from the comment that they were told of, and marks them as dealt with. No comment has a number below 1. What followed from
/// a command keeps it where it was typed.
fn apart(repository: &str, comment: u64) -> QueryBuilder<Sqlite> {
    let mut update = QueryBuilder::new("update commands set handled = coalesce(handled, ");
    update.push_bind(now());
    update.push("), comment = -id where repository = ");
    update.push_bind(repository.to_owned());
    update.push(" and comment = ").push_bind(signed(comment));
    for trace in ["runs", "words", "notes", "pauses"] {
        update.push(" and not exists (select 1 from ");
        update.push(trace).push(" where command = commands.id)");
    }
    update.push(" and not exists (select 1 from pauses where resumed = commands.id)");
    update.push(" and not exists (select 1 from comments where slot = 'answer-' || commands.id)");
    update
}

/// A comment of which no command is on record was not heard, unless it is known to have held none.
async fn forget(
    transaction: &mut Transaction<'_, Sqlite>,
    repository: &str,
    comment: u64,
) -> Result<()> {
    sqlx::query(
        "delete from heard where repository = ?1 and comment = ?2 and not exists
         (select 1 from commands where repository = ?1 and comment = ?2)
         and not exists (select 1 from heard where repository = ?1 and comment = -?2)",
    )
    .bind(repository)
    .bind(signed(comment))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn stored(row: &SqliteRow) -> Result<StoredCommand> {
    Ok(StoredCommand {
        id: unsigned(row.get("id")),
        command: NewCommand {
            repository: row.get("repository"),
            issue: unsigned(row.get("issue")),
            comment: unsigned(row.get("comment")),
            position: usize::try_from(row.get::<i64, _>("position")).unwrap_or_default(),
            account: row.get("account"),
            line: row.get("line"),
        },
        received: time(row.get("received"))?,
    })
}
