//! The comments that Gavel keeps: one row a slot, with what was last meant to stand there.

use super::{Result, Store, now, signed, time_or_none, unsigned};
use crate::evidence::Digest;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A place for one comment of Gavel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name, such as `run-7-progress`.
    pub slot: String,
    /// `owner/name`.
    pub repository: String,
    pub issue: u64,
    /// The comment that fills it, once it is known.
    pub comment: Option<u64>,
    pub url: Option<String>,
    /// What should stand there.
    pub body: String,
    /// Whether the forge has it so.
    pub written: bool,
    /// How far its issue had been read when it was first meant, in the forge's time; none where that is not known.
    pub since: Option<Timestamp>,
}

impl Store {
    /// What tells this installation's comments from those of one that was there before it, with another database.
    pub async fn installation(&self) -> Result<String> {
        Ok(sqlx::query("select id from installation")
            .fetch_one(&self.pool)
            .await?
            .get("id"))
    }

    /// The newest run that has verified everything: a comment says what followed.
    pub async fn newest_verified(&self) -> Result<Option<u64>> {
        let slots = sqlx::query("select slot from comments where slot like 'run-%-verified'")
            .fetch_all(&self.pool)
            .await?;
        let runs = slots.iter().filter_map(|row| {
            let slot: &str = row.get("slot");
            slot.strip_prefix("run-")?
                .strip_suffix("-verified")?
                .parse()
                .ok()
        });
        Ok(runs.max())
    }

    /// Puts on record what should stand in a slot; the forge does not have it yet.
    pub async fn mean_comment(
        &self,
        slot: &str,
        repository: &str,
        issue: u64,
        body: &str,
    ) -> Result<()> {
        sqlx::query(
            "insert into comments (slot, repository, issue, body, digest, since)
             values (?1, ?2, ?3, ?4, ?5, (select updated from cursors where repository = ?2 and issue = ?3))
             on conflict (slot) do update set body = ?4, digest = ?5, written = null",
        )
        .bind(slot)
        .bind(repository)
        .bind(signed(issue))
        .bind(body)
        .bind(Digest::of(body).as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Remembers that the forge has a slot's comment as it was meant when `body` was sent.
    pub async fn comment_written(
        &self,
        slot: &str,
        comment: u64,
        url: &str,
        body: &str,
    ) -> Result<()> {
        sqlx::query(
            "update comments set comment = ?1, url = ?2,
             written = case when digest = ?3 then ?4 else written end where slot = ?5",
        )
        .bind(signed(comment))
        .bind(url)
        .bind(Digest::of(body).as_str())
        .bind(now())
        .bind(slot)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// One slot.
    pub async fn slot(&self, slot: &str) -> Result<Option<Slot>> {
        let row = sqlx::query("select * from comments where slot = ?")
            .bind(slot)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The slot that a comment fills.
    pub async fn slot_of(&self, comment: u64) -> Result<Option<Slot>> {
        let row = sqlx::query("select * from comments where comment = ?")
            .bind(signed(comment))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The slots of an issue whose comments the forge has as they were meant.
    pub async fn written_slots(&self, repository: &str, issue: u64) -> Result<Vec<Slot>> {
        let rows = sqlx::query(
            "select * from comments where repository = ? and issue = ? and written is not null",
        )
        .bind(repository)
        .bind(signed(issue))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The forge does not have a slot's comment as it was meant any more.
    pub async fn write_again(&self, slot: &str) -> Result<()> {
        sqlx::query("update comments set written = null where slot = ?")
            .bind(slot)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Remembers that a comment did not stand as it was written, by the digests of both texts. Answers how often that has happened to
    /// its slot.
    pub async fn tampered(
        &self,
        slot: &str,
        comment: u64,
        was: &Digest,
        found: Option<&Digest>,
    ) -> Result<u64> {
        sqlx::query("insert into tampered (slot, comment, was, found, at) values (?, ?, ?, ?, ?)")
            .bind(slot)
            .bind(signed(comment))
            .bind(was.as_str())
            .bind(found.map(Digest::as_str))
            .bind(now())
            .execute(&self.writer)
            .await?;
        let row = sqlx::query("select count(*) as times from tampered where slot = ?")
            .bind(slot)
            .fetch_one(&self.pool)
            .await?;
        Ok(unsigned(row.get("times")))
    }

    /// How often a slot's comment did not stand as it was written, and the digest of what was found last (none where it was deleted).
    pub async fn last_tampered(&self, slot: &str) -> Result<Option<(u64, Option<String>)>> {
        let row = sqlx::query(
            "select found, (select count(*) from tampered where slot = ?1) as times from tampered where slot = ?1
             order by id desc limit 1",
        )
        .bind(slot)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (unsigned(row.get("times")), row.get("found"))))
    }

    /// The slots whose comments the forge does not have as they were meant.
    pub async fn unwritten_slots(&self) -> Result<Vec<String>> {
        Ok(
            sqlx::query("select slot from comments where written is null order by rowid")
                .fetch_all(&self.pool)
                .await?
                .iter()
                .map(|row| row.get("slot"))
                .collect(),
        )
    }
}

fn read(row: &SqliteRow) -> Result<Slot> {
    Ok(Slot {
        slot: row.get("slot"),
        repository: row.get("repository"),
        issue: unsigned(row.get("issue")),
        comment: row.get::<Option<i64>, _>("comment").map(unsigned),
        url: row.get("url"),
        body: row.get("body"),
        written: row.get::<Option<String>, _>("written").is_some(),
        since: time_or_none(row.get("since"))?,
    })
}
