//! What people say of what was judged, and what they decided on the way. Where each stands, its command knows.

use super::untold;
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

/// What became of the comment that holds a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It says what it said.
    Stands,
    /// It says something else.
    Edited,
    Deleted,
}

impl Anchor {
    pub fn word(self) -> &'static str {
        match self {
            Self::Stands => "stands",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
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
    pub anchor: Anchor,
}

/// A word that stands, and the command that it came in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchoredWord {
    pub id: u64,
    pub item: String,
    pub run: u64,
    pub attempt: u64,
    pub word: Word,
    /// The command, as it was typed.
    pub line: String,
    /// How often something became of its comment.
    pub changes: u64,
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

impl Said {
    /// The page of the comment on this forge.
    pub fn page(&self, forge: &str) -> String {
        format!(
            "{}/{}/issues/{}#issuecomment-{}",
            forge.trim_end_matches('/'),
            self.repository,
            self.issue,
            self.comment
        )
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
        untold::changed(&mut transaction, attempt).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes back what an account said of an attempt. Answers whether there was anything. The same command again takes back the same.
    pub async fn withdraw_words(&self, attempt: u64, account: &str, command: u64) -> Result<bool> {
        let mut transaction = self.writer.begin().await?;
        let done = sqlx::query(
            "update words set withdrawn = coalesce(withdrawn, ?1), withdrawn_by = ?2
             where attempt = ?3 and account = ?4 and (withdrawn is null or withdrawn_by = ?2)",
        )
        .bind(now())
        .bind(signed(command))
        .bind(signed(attempt))
        .bind(account)
        .execute(&mut *transaction)
        .await?;
        let any = done.rows_affected() > 0;
        if any {
            untold::changed(&mut transaction, attempt).await?;
        }
        transaction.commit().await?;
        Ok(any)
    }

    /// Puts on record what became of the comment that holds a word.
    pub async fn anchor_word(&self, word: &AnchoredWord, anchor: Anchor) -> Result<()> {
        let mut transaction = self.writer.begin().await?;
        sqlx::query("update words set anchor = ?, changes = changes + 1 where id = ?")
            .bind(anchor.word())
            .bind(signed(word.id))
            .execute(&mut *transaction)
            .await?;
        untold::changed(&mut transaction, word.attempt).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The words that stand and were said on an issue, oldest first.
    pub async fn words_on(&self, repository: &str, issue: u64) -> Result<Vec<AnchoredWord>> {
        sqlx::query(
            "select words.*, repository, issue, comment, received, line, item, run from words
             join commands on commands.id = words.command
             join attempts on attempts.id = words.attempt
             where repository = ? and issue = ? and withdrawn is null order by words.id",
        )
        .bind(repository)
        .bind(signed(issue))
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(AnchoredWord {
                id: unsigned(row.get("id")),
                item: row.get("item"),
                run: unsigned(row.get("run")),
                attempt: unsigned(row.get("attempt")),
                word: word(row)?,
                line: row.get("line"),
                changes: unsigned(row.get("changes")),
            })
        })
        .collect()
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
        kind: kind(row.get("kind"), kinds, WordKind::word)?,
        account: row.get("account"),
        head: row.get("head"),
        reason: row.get("reason"),
        said: said(row)?,
        anchor: kind(
            row.get("anchor"),
            [Anchor::Stands, Anchor::Edited, Anchor::Deleted],
            Anchor::word,
        )?,
    })
}

fn note(row: &SqliteRow) -> Result<Note> {
    let kinds = [NoteKind::Decision, NoteKind::Idea];
    Ok(Note {
        kind: kind(row.get("kind"), kinds, NoteKind::word)?,
        account: row.get("account"),
        text: row.get("text"),
        said: said(row)?,
    })
}

fn kind<T: Copy, const N: usize>(
    text: &str,
    kinds: [T; N],
    word: fn(T) -> &'static str,
) -> Result<T> {
    let known = kinds.into_iter().find(|kind| word(*kind) == text);
    known.ok_or_else(|| StoreError::Form {
        what: "a kind of word",
        detail: format!("`{text}`"),
    })
}
