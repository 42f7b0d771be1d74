//! Comments in: all that wait at the moment are written at once, so that they share the disk's answer, and each is told of it after that.

use super::{NewCommand, Result, Store, now, signed};
use sqlx::{QueryBuilder, Row};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// So many rows are written by one statement: SQLite binds 32766 values at most.
const AT_ONCE: usize = 500;

/// Comments that wait to be written.
#[derive(Default)]
pub(super) struct Hearing {
    waiting: Mutex<Vec<Said>>,
    /// Whoever has it writes for all.
    turn: tokio::sync::Mutex<()>,
}

/// A comment with its commands, and who waits for what came of it.
struct Said {
    repository: String,
    comment: u64,
    commands: Vec<NewCommand>,
    told: oneshot::Sender<Result<Heard>>,
}

/// How many commands were new; none where the comment was heard before.
type Heard = Option<u64>;

impl Hearing {
    fn waits(&self, said: Said) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(said);
    }

    fn take(&self) -> Vec<Said> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}

impl Store {
    /// Puts on record that a comment was heard, and that it held no command then. Answers whether it was not heard before.
    pub async fn hear_nothing(&self, repository: &str, comment: u64) -> Result<bool> {
        let put = "insert into heard (repository, comment) values (?, ?) on conflict do nothing";
        let mut transaction = self.writer.begin().await?;
        let mut is_new = false;
        // No comment has a number below 1: there stands what held no command.
        for comment in [-signed(comment), signed(comment)] {
            let put = sqlx::query(put).bind(repository).bind(comment);
            is_new = put.execute(&mut *transaction).await?.rows_affected() > 0;
        }
        transaction.commit().await?;
        Ok(is_new)
    }

    /// Whether a comment is known to have held no command when it was told of, and to stand on the forge.
    pub async fn said_nothing(&self, repository: &str, comment: u64) -> Result<bool> {
        Ok(
            sqlx::query("select 1 from heard where repository = ? and comment = ?")
                .bind(repository)
                .bind(-signed(comment))
                .fetch_optional(&self.pool)
                .await?
                .is_some(),
        )
    }

    /// Puts all commands of a comment on record, in one write. A comment is heard once: what it says later changes nothing. Answers
    /// how many commands were new. When this returns, they are on the disk.
    pub async fn hear(
        &self,
        repository: &str,
        comment: u64,
        commands: &[NewCommand],
    ) -> Result<u64> {
        loop {
            let (told, mut heard) = oneshot::channel();
            self.hearing.waits(Said {
                repository: repository.to_owned(),
                comment,
                commands: commands.to_vec(),
                told,
            });
            // Whoever had the turn may have written this along, or was ended before it could: then it waits anew.
            tokio::select! {
                biased;
                written = &mut heard => {
                    if let Ok(written) = written {
                        return self.known(written);
                    }
                }
                turn = self.hearing.turn.lock() => {
                    self.write(self.hearing.take()).await;
                    drop(turn);
                    if let Ok(written) = heard.try_recv() {
                        return self.known(written);
                    }
                }
            }
        }
    }

    fn known(&self, written: Result<Heard>) -> Result<u64> {
        match written {
            // Nothing was written, which tells nothing of the disk.
            Ok(None) => Ok(0),
            Ok(Some(new)) => self.noted(Ok(new)),
            Err(error) => self.noted(Err(error)),
        }
    }

    async fn write(&self, all: Vec<Said>) {
        if all.is_empty() {
            return;
        }
        // Who does not wait any more delivers it again.
        match self.put(&all).await {
            Ok(heard) => {
                for (said, heard) in all.into_iter().zip(heard) {
                    let _ = said.told.send(Ok(heard));
                }
            }
            // What one cannot be stored for is none of the others' business.
            Err(_) if all.len() > 1 => {
                for said in all {
                    let heard = self.put(std::slice::from_ref(&said)).await;
                    let _ = said
                        .told
                        .send(heard.map(|heard| heard.into_iter().next().flatten()));
                }
            }
            Err(error) => {
                if let Some(said) = all.into_iter().next() {
                    let _ = said.told.send(Err(error));
                }
            }
        }
    }

    /// All of it, or nothing; synced when this returns. SQLite works in a thread of its own, and each statement goes there and back, so that
    /// there are few of them.
    async fn put(&self, all: &[Said]) -> Result<Vec<Heard>> {
        let mut transaction = self.writer.begin().await?;
        let mut new = HashSet::new();
        for some in all.chunks(AT_ONCE) {
            let mut insert = QueryBuilder::new("insert into heard (repository, comment) ");
            insert.push_values(some, |mut row, said| {
                row.push_bind(&said.repository)
                    .push_bind(signed(said.comment));
            });
            insert.push(" on conflict do nothing returning repository, comment");
            for row in insert.build().fetch_all(&mut *transaction).await? {
                new.insert((row.get::<String, _>(0), row.get::<i64, _>(1)));
            }
        }
        let mut commands = Vec::new();
        let mut heard = Vec::with_capacity(all.len());
        for said in all {
            // Whoever is delivered twice at once is new the first time.
            let is_new = new.remove(&(said.repository.clone(), signed(said.comment)));
            heard.push(is_new.then_some(said.commands.len() as u64));
            if is_new {
                commands.extend(&said.commands);
            }
        }
        let received = now();
        for some in commands.chunks(AT_ONCE) {
            let mut insert = QueryBuilder::new(
                "insert into commands (repository, issue, comment, position, account, line, received) ",
            );
            insert.push_values(some, |mut row, command: &&NewCommand| {
                row.push_bind(&command.repository)
                    .push_bind(signed(command.issue))
                    .push_bind(signed(command.comment))
                    .push_bind(signed(command.position as u64))
                    .push_bind(&command.account)
                    .push_bind(&command.line)
                    .push_bind(&received);
            });
            insert.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(heard)
    }
}
