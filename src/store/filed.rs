//! Findings that were filed as issues.

use super::{Result, Store, signed, unsigned};
use sqlx::Row;

/// The issue of a clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    pub clause: String,
    /// `owner/name`.
    pub repository: String,
    /// None while it is not known whether the forge has taken it.
    pub issue: Option<u64>,
    /// The run in which it was found first.
    pub run: u64,
}

impl Store {
    /// Puts on record that a finding is about to be filed. One that is on record stays as it is. Answers whether it was.
    pub async fn file(&self, clause: &str, repository: &str, run: u64) -> Result<bool> {
        let filed = sqlx::query(
            "insert into filed (clause, repository, run) values (?, ?, ?) on conflict do nothing",
        )
        .bind(clause)
        .bind(repository)
        .bind(signed(run))
        .execute(&self.writer)
        .await?;
        Ok(filed.rows_affected() == 0)
    }

    /// The forge has it, under this number.
    pub async fn filed_as(&self, clause: &str, issue: u64) -> Result<()> {
        sqlx::query("update filed set issue = ? where clause = ?")
            .bind(signed(issue))
            .bind(clause)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Its issue is closed: the next time it is filed anew.
    pub async fn forget_filed(&self, clause: &str) -> Result<()> {
        sqlx::query("delete from filed where clause = ?")
            .bind(clause)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Every finding on file.
    pub async fn filed(&self) -> Result<Vec<Filed>> {
        Ok(sqlx::query("select * from filed order by clause")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| Filed {
                clause: row.get("clause"),
                repository: row.get("repository"),
                issue: row.get::<Option<i64>, _>("issue").map(unsigned),
                run: unsigned(row.get("run")),
            })
            .collect())
    }
}
