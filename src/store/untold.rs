//! What the comments of runs do not say yet: of words that came after them, and of decisions.

use super::{Result, Store, signed, unsigned};
use sqlx::{Row, Sqlite, Transaction};

impl Store {
    /// A run's comments have to say more than they do.
    pub async fn say_more(&self, run: u64) -> Result<()> {
        sqlx::query(
            "insert into untold values (?, 1) on conflict (run) do update set changes = changes + 1",
        )
        .bind(signed(run))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The runs whose comments have to say what became of words, and how many changes there were.
    pub async fn untold(&self) -> Result<Vec<(u64, u64)>> {
        let rows = sqlx::query("select run, changes from untold order by run")
            .fetch_all(&self.pool)
            .await?;
        let pairs = rows
            .iter()
            .map(|row| (unsigned(row.get("run")), unsigned(row.get("changes"))));
        Ok(pairs.collect())
    }

    /// Remembers that a run's comments say what became of words, where there were no more changes than these.
    pub async fn told(&self, run: u64, changes: u64) -> Result<()> {
        sqlx::query("delete from untold where run = ? and changes = ?")
            .bind(signed(run))
            .bind(signed(changes))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// What the comments of an attempt's run say of words is not all any more.
pub async fn changed(transaction: &mut Transaction<'_, Sqlite>, attempt: u64) -> Result<()> {
    sqlx::query(
        "insert into untold select run, 1 from attempts where id = ?
         on conflict (run) do update set changes = changes + 1",
    )
    .bind(signed(attempt))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
