//! What people say of what was judged, and what they decided on the way. Where each stands, its command knows.

use super::{Result, Store, StoreError, now, signed, time, unsigned};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// What somebody said of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordKind {
    Accepted,
    Disputed,
}

impl WordKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Disputed => "disputed",
        }
    }
}

/// A word on an attempt that stands: neither taken back nor followed by another one of the same account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub kind: WordKind,
    pub account: String,
    /// Of an acceptance: the end of the chain, as it was quoted.
    pub head: String,
    /// Of a dispute.
    pub reason: String,
    pub said: Said,
}

/// Where and when something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// `owner/name`.
    pub repository: String,
    pub issue: u64,
    pub comment: u64,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    Decision,
    Idea,
}

impl NoteKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Idea => "idea",
        }
    }
}

/// A decision or an idea that somebody recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub kind: NoteKind,
    pub account: String,
    pub text: String,
    pub said: Said,
}

impl Store {
    /// Puts a word on record; what its account said of the attempt before stands no more. The same command again is the same word.
    pub async fn say_word(
        &self,
        command: u64,
        attempt: u64,
        kind: WordKind,
        account: &str,
        head: &str,
        reason: &str,
    ) -> Result<()> {
        let mut transaction = self.writer.begin().await?;
        sqlx::query(
            "update words set withdrawn = ? where attempt = ? and account = ? and withdrawn is null and command <> ?",
        )
        .bind(now())
        .bind(signed(attempt))
        .bind(account)
        .bind(signed(command))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "insert into words (command, attempt, kind, account, head, reason) values (?, ?, ?, ?, ?, ?)
             on conflict (command) do nothing",
        )
        .bind(signed(command))
        .bind(signed(attempt))
        .bind(kind.word())
        .bind(account)
        .bind(head)
        .bind(reason)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes back what an account said of an attempt. Answers whether there was anything.
    pub async fn withdraw_words(&self, attempt: u64, account: &str) -> Result<bool> {
        let done = sqlx::query(
            "update words set withdrawn = ? where attempt = ? and account = ? and withdrawn is null",
        )
        .bind(now())
        .bind(signed(attempt))
        .bind(account)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The words on an attempt that stand, oldest first.
    pub async fn words(&self, attempt: u64) -> Result<Vec<Word>> {
        sqlx::query(
            "select words.*, repository, issue, comment, received from words
             join commands on commands.id = words.command
             where attempt = ? and withdrawn is null order by words.id",
        )
        .bind(signed(attempt))
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(word)
        .collect()
    }

    /// Records a decision or an idea. The same command again is the same note.
    pub async fn note(&self, command: u64, kind: NoteKind, text: &str) -> Result<()> {
        sqlx::query(
            "insert into notes (command, kind, text) values (?, ?, ?) on conflict (command) do nothing",
        )
        .bind(signed(command))
        .bind(kind.word())
        .bind(text)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Every decision and idea, oldest first.
    pub async fn notes(&self) -> Result<Vec<Note>> {
        sqlx::query(
            "select notes.*, account, repository, issue, comment, received from notes
             join commands on commands.id = notes.command order by notes.id",
        )
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(note)
        .collect()
    }
}

fn said(row: &SqliteRow) -> Result<Said> {
    Ok(Said {
        repository: row.get("repository"),
        issue: unsigned(row.get("issue")),
        comment: unsigned(row.get("comment")),
        at: time(row.get("received"))?,
    })
}

fn word(row: &SqliteRow) -> Result<Word> {
    let kinds = [WordKind::Accepted, WordKind::Disputed];
    Ok(Word {
        kind: kind(row, kinds, WordKind::word)?,
        account: row.get("account"),
        head: row.get("head"),
        reason: row.get("reason"),
        said: said(row)?,
    })
}

fn note(row: &SqliteRow) -> Result<Note> {
    let kinds = [NoteKind::Decision, NoteKind::Idea];
    Ok(Note {
        kind: kind(row, kinds, NoteKind::word)?,
        account: row.get("account"),
        text: row.get("text"),
        said: said(row)?,
    })
}

fn kind<T: Copy>(row: &SqliteRow, kinds: [T; 2], word: fn(T) -> &'static str) -> Result<T> {
    let text: &str = row.get("kind");
    let known = kinds.into_iter().find(|kind| word(*kind) == text);
    known.ok_or_else(|| StoreError::Form {
        what: "a kind of word",
        detail: format!("`{text}`"),
    })
}
