//! Takes the facts of old runs out of the database, once they stand somewhere else.

use super::{Result, Store, signed, unsigned};
use crate::evidence::Digest;
use jiff::Timestamp;
use sqlx::Row;

impl Store {
    /// Runs that ended before then, left nothing open, of which everything is said, and whose facts are here; oldest first.
    pub async fn runs_to_put_away(&self, before: Timestamp) -> Result<Vec<u64>> {
        let rows = sqlx::query(
            "select id from runs where state = 'finished' and julianday(ended) < julianday(?)
             and id in (select run from attempts where sealed is null)
             and id not in (select run from resources where ended is null)
             and id not in (select run from untold)
             order by id",
        )
        .bind(before.to_string())
        .fetch_all(&self.pool)
        .await?;
        let ids = rows.iter().map(|row| unsigned(row.get("id")));
        Ok(ids.collect())
    }

    /// Runs whose facts stand in their bundles alone.
    pub async fn runs_put_away(&self) -> Result<Vec<u64>> {
        let rows =
            sqlx::query("select distinct run from attempts where sealed is not null order by run")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.iter().map(|row| unsigned(row.get("run"))).collect())
    }

    /// Forgets the journal and the facts of attempts, of each of which is said where its chain ends. What versions they saw stays: later runs
    /// compare theirs with it.
    pub async fn put_away(&self, attempts: &[(u64, Digest)]) -> Result<()> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        for (attempt, head) in attempts {
            for statement in [
                "delete from facts where attempt = ? and label not glob 'version.*'",
                "delete from steps where attempt = ?",
                "delete from troubles where attempt = ?",
            ] {
                sqlx::query(statement)
                    .bind(signed(*attempt))
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query("update attempts set sealed = ? where id = ?")
                .bind(head.as_str())
                .bind(signed(*attempt))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
