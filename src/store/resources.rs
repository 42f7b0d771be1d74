//! What verification makes in the world: on record before it exists, until it is gone.

use super::{Result, Store, StoreError, now, signed, unsigned};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Branch,
    Pull,
}

impl ResourceKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Pull => "pull",
        }
    }

    fn from_word(word: &str) -> Result<Self> {
        match word {
            "branch" => Ok(Self::Branch),
            "pull" => Ok(Self::Pull),
            other => Err(StoreError::Form {
                what: "a kind of resource",
                detail: format!("`{other}`"),
            }),
        }
    }
}

/// One thing that verification made, or was about to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub id: u64,
    pub run: u64,
    pub kind: ResourceKind,
    /// `owner/name`.
    pub repository: String,
    /// The branch; of a pull request, its head branch, by which it is found again.
    pub name: String,
    /// Of a pull request, once it is known.
    pub number: Option<u64>,
    pub purpose: String,
    /// How it ended: `closed`, `merged`, `deleted`, `never made`.
    pub ended: Option<String>,
}

impl Store {
    /// Puts on record that something is about to be made. The same intent again is the same resource.
    pub async fn intend(
        &self,
        run: u64,
        attempt: u64,
        kind: ResourceKind,
        repository: &str,
        name: &str,
        purpose: &str,
    ) -> Result<u64> {
        let row = sqlx::query(
            "insert into resources (run, attempt, kind, repository, name, purpose, intended)
             values (?, ?, ?, ?, ?, ?, ?)
             on conflict (kind, repository, name) do update set purpose = purpose returning id",
        )
        .bind(signed(run))
        .bind(signed(attempt))
        .bind(kind.word())
        .bind(repository)
        .bind(name)
        .bind(purpose)
        .bind(now())
        .fetch_one(&self.pool)
        .await?;
        Ok(unsigned(row.get("id")))
    }

    /// Remembers the number that the forge gave to a pull request.
    pub async fn resource_made(&self, id: u64, number: u64) -> Result<()> {
        sqlx::query("update resources set number = ? where id = ?")
            .bind(signed(number))
            .bind(signed(id))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Remembers that a resource is gone, and how it ended.
    pub async fn resource_gone(&self, id: u64, ended: &str) -> Result<()> {
        sqlx::query("update resources set gone = ?, ended = ? where id = ?")
            .bind(now())
            .bind(ended)
            .bind(signed(id))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Everything that a run made or was about to make, in that order.
    pub async fn resources(&self, run: u64) -> Result<Vec<Resource>> {
        sqlx::query("select * from resources where run = ? order by id")
            .bind(signed(run))
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(resource)
            .collect()
    }

    /// The run that a pull request belongs to, if verification opened it.
    pub async fn run_of_pull(&self, repository: &str, number: u64) -> Result<Option<u64>> {
        Ok(sqlx::query(
            "select run from resources where kind = 'pull' and repository = ? and number = ?",
        )
        .bind(repository)
        .bind(signed(number))
        .fetch_optional(&self.pool)
        .await?
        .map(|row| unsigned(row.get("run"))))
    }
}

fn resource(row: &SqliteRow) -> Result<Resource> {
    Ok(Resource {
        id: unsigned(row.get("id")),
        run: unsigned(row.get("run")),
        kind: ResourceKind::from_word(row.get("kind"))?,
        repository: row.get("repository"),
        name: row.get("name"),
        number: row.get::<Option<i64>, _>("number").map(unsigned),
        purpose: row.get("purpose"),
        ended: row.get("ended"),
    })
}
