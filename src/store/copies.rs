//! What a Gavel has to know that goes on from a backup: when that was made, and that what was under way is to begin anew.

use super::{Result, Store, now, signed, time, time_or_none};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

/// So long after a restore the forge may know more of what Gavel wrote than Gavel does.
const DOUBT: SignedDuration = SignedDuration::from_hours(24);

impl Store {
    /// When the backup was made that this database is a copy of and nobody has gone on from yet.
    pub async fn copied(&self) -> Result<Option<Timestamp>> {
        sqlx::query("select made from copies where taken_up is null")
            .fetch_optional(&self.pool)
            .await?
            .map(|row| time(row.get("made")))
            .transpose()
    }

    /// How far the tracking issue had been read when the backup was made that this database is a copy of, in the forge's time.
    pub async fn copied_since(&self) -> Result<Option<Timestamp>> {
        let row = sqlx::query("select since from copies")
            .fetch_optional(&self.pool)
            .await?;
        row.map_or(Ok(None), |row| time_or_none(row.get("since")))
    }

    /// Puts that on record, before anybody reads on.
    pub(super) async fn note_copied_since(&self) -> Result<()> {
        let note = "update copies set since = (select min(updated) from cursors) where taken_up is null and since is null";
        sqlx::query(note).execute(&self.writer).await?;
        Ok(())
    }

    /// Somebody goes on from the backup.
    pub async fn copy_taken_up(&self) -> Result<()> {
        sqlx::query("update copies set taken_up = ?")
            .bind(now())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// When somebody went on from the backup that this database is a copy of; now, where that is still to be. What the forge was told before
    /// is not all on record.
    pub async fn taken_up(&self) -> Result<Option<Timestamp>> {
        let row = sqlx::query("select coalesce(taken_up, ?) as at from copies")
            .bind(now())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| time(row.get("at"))).transpose()
    }

    /// Whether what is not on record may have been written to the forge all the same.
    pub async fn in_doubt(&self) -> Result<bool> {
        let row = sqlx::query("select taken_up from copies")
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(false);
        };
        Ok(match row.get::<Option<String>, _>("taken_up") {
            Some(taken_up) => Timestamp::now() < time(&taken_up)? + DOUBT,
            None => true,
        })
    }

    /// Gives what a run makes from now on other names than before.
    pub async fn rename_run(&self, id: u64, nonce: &str) -> Result<()> {
        sqlx::query("update runs set nonce = ? where id = ?")
            .bind(nonce)
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
