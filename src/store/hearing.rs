//! Comments in: all that wait at the moment are written at once, so that they share the disk's answer, and each is told of it after that.

use super::{NewCommand, Result, Store, now, signed};
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

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

    /// All of it, or nothing; synced when this returns.
    async fn put(&self, all: &[Said]) -> Result<Vec<Heard>> {
        let mut transaction = self.writer.begin().await?;
        let mut heard = Vec::with_capacity(all.len());
        for said in all {
            let new = sqlx::query("insert into heard values (?, ?) on conflict do nothing")
                .bind(&said.repository)
                .bind(signed(said.comment))
                .execute(&mut *transaction)
                .await?;
            if new.rows_affected() == 0 {
                heard.push(None);
                continue;
            }
            for command in &said.commands {
                sqlx::query(
                    "insert into commands (repository, issue, comment, position, account, line, received)
                     values (?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(&command.repository)
                .bind(signed(command.issue))
                .bind(signed(command.comment))
                .bind(signed(command.position as u64))
                .bind(&command.account)
                .bind(&command.line)
                .bind(now())
                .execute(&mut *transaction)
                .await?;
            }
            heard.push(Some(said.commands.len() as u64));
        }
        transaction.commit().await?;
        Ok(heard)
    }
}
