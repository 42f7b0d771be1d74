//! Whether runs may start, and who said otherwise. Who and when, the commands know.

use super::{Result, Store, now, signed, time};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// That no run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Who said so.
    pub account: String,
    pub since: Timestamp,
}

impl Store {
    /// Lets no run start any more. The same command again changes nothing, also when it was ended meanwhile; nor does one while there is a
    /// pause. Answers the one that stands.
    pub async fn pause(&self, command: u64) -> Result<Option<Pause>> {
        sqlx::query(
            "insert into pauses (command) select ? where not exists (select 1 from pauses where ended is null)
             on conflict (command) do nothing",
        )
        .bind(signed(command))
        .execute(&self.writer)
        .await?;
        self.paused().await
    }

    /// The pause that stands.
    pub async fn paused(&self) -> Result<Option<Pause>> {
        sqlx::query(
            "select account, received from pauses join commands on commands.id = command where ended is null",
        )
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(pause)
        .transpose()
    }

    /// Lets runs start again. Answers the pause that this command ended, also when it is dealt with again. It ends none that was asked for
    /// after it.
    pub async fn resume(&self, command: u64) -> Result<Option<Pause>> {
        sqlx::query(
            "update pauses set ended = ?1, resumed = ?2 where ended is null and command < ?2",
        )
        .bind(now())
        .bind(signed(command))
        .execute(&self.writer)
        .await?;
        sqlx::query(
            "select account, received from pauses join commands on commands.id = command where resumed = ?",
        )
        .bind(signed(command))
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(pause)
        .transpose()
    }
}

fn pause(row: &SqliteRow) -> Result<Pause> {
    Ok(Pause {
        account: row.get("account"),
        since: time(row.get("received"))?,
    })
}
