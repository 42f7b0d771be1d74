//! The journal of an attempt: steps begun, and the facts that ended them; and the clauses that the facts led to.

use super::{Result, Store, StoreError, json, now, signed, to_json};
use crate::evidence::{Fact, Sighting};
use crate::verdict::Clause;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl Store {
    /// Marks a step as begun. Answers whether it had been begun before.
    pub async fn begin_step(&self, attempt: u64, label: &str) -> Result<bool> {
        let done = sqlx::query("insert into steps values (?, ?, ?) on conflict do nothing")
            .bind(signed(attempt))
            .bind(label)
            .bind(now())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 0)
    }

    /// When and how forge and Drone did not answer while an attempt was under way, as it was last kept.
    pub async fn troubles(&self, attempt: u64) -> Result<Vec<String>> {
        sqlx::query("select told from troubles where attempt = ?")
            .bind(signed(attempt))
            .fetch_optional(&self.pool)
            .await?
            .map_or(Ok(Vec::new()), |row| json("troubles", row.get("told")))
    }

    /// Keeps that.
    pub async fn keep_troubles(&self, attempt: u64, told: &[String]) -> Result<()> {
        let keep = "insert into troubles values (?1, ?2) on conflict do update set told = ?2";
        sqlx::query(keep)
            .bind(signed(attempt))
            .bind(to_json(&told)?)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Ends a step with what it saw, at the end of the attempt's chain.
    pub async fn record_fact(&self, attempt: u64, sighting: Sighting) -> Result<Fact> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let last =
            sqlx::query("select fact from facts where attempt = ? order by number desc limit 1")
                .bind(signed(attempt))
                .fetch_optional(&mut *transaction)
                .await?
                .map(|row| json::<Fact>("a fact", row.get("fact")))
                .transpose()?;
        let fact = Fact::chain(sighting, last.as_ref());
        sqlx::query("insert into facts values (?, ?, ?, ?)")
            .bind(signed(attempt))
            .bind(fact.number)
            .bind(&fact.label)
            .bind(to_json(&fact)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(fact)
    }

    /// Every fact of an attempt, in the order of the chain.
    ///
    /// # Errors
    /// Where they were put away, which may happen between two looks at a run.
    pub async fn facts(&self, attempt: u64) -> Result<Vec<Fact>> {
        let rows = sqlx::query(
            "select sealed, fact from attempts left join facts on facts.attempt = attempts.id
             where attempts.id = ? order by number",
        )
        .bind(signed(attempt))
        .fetch_all(&self.pool)
        .await?;
        let is_sealed = |row: &SqliteRow| row.get::<Option<String>, _>("sealed").is_some();
        if rows.iter().any(is_sealed) {
            return Err(StoreError::PutAway(attempt));
        }
        let facts = rows
            .iter()
            .filter_map(|row| row.get::<Option<String>, _>("fact"));
        facts.map(|fact| json("a fact", &fact)).collect()
    }

    /// The facts of an attempt whose labels begin so, in the order of the chain.
    pub async fn facts_of(&self, attempt: u64, label: &str) -> Result<Vec<Fact>> {
        sqlx::query(
            "select fact from facts where attempt = ?1 and substr(label, 1, length(?2)) = ?2 order by number",
        )
        .bind(signed(attempt))
        .bind(label)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| json("a fact", row.get("fact")))
        .collect()
    }

    /// The fact that ended a step, if it has ended.
    pub async fn fact(&self, attempt: u64, label: &str) -> Result<Option<Fact>> {
        sqlx::query("select fact from facts where attempt = ? and label = ?")
            .bind(signed(attempt))
            .bind(label)
            .fetch_optional(&self.pool)
            .await?
            .map(|row| json("a fact", row.get("fact")))
            .transpose()
    }

    /// The clauses of a judged attempt, in the order of the plan.
    pub async fn clauses(&self, attempt: u64) -> Result<Vec<Clause>> {
        sqlx::query("select clause from clauses where attempt = ? order by ordinal")
            .bind(signed(attempt))
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| json("a clause", row.get("clause")))
            .collect()
    }
}
