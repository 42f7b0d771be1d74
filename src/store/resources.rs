//! What verification makes in the world: on record before it exists, until it is gone.

use super::{Result, Store, StoreError, json, now, signed, time, unsigned};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Branch,
    Pull,
    /// A branch that was there before, and is put back where it was.
    Moved,
    /// A tmux session that the flow's launcher starts.
    Session,
    /// What is deployed by builds and commands of an attempt.
    Deploys,
}

impl ResourceKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Pull => "pull",
            Self::Moved => "moved",
            Self::Session => "session",
            Self::Deploys => "deploys",
        }
    }

    fn from_word(word: &str) -> Result<Self> {
        match word {
            "branch" => Ok(Self::Branch),
            "pull" => Ok(Self::Pull),
            "moved" => Ok(Self::Moved),
            "session" => Ok(Self::Session),
            "deploys" => Ok(Self::Deploys),
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
    pub attempt: u64,
    pub kind: ResourceKind,
    /// `owner/name`.
    pub repository: String,
    /// The branch; of a pull request, its head branch, by which it is found again.
    pub name: String,
    /// Of a pull request, once it is known.
    pub number: Option<u64>,
    pub purpose: String,
    /// Of a branch that is moved: the commit that it is put back to.
    pub was: Option<String>,
    /// And the one that it was moved to, once that is known.
    pub moved_to: Option<String>,
    /// Of a session or of deploys: what tells them from others'.
    pub known: Option<Value>,
    /// When it was put on record.
    pub intended: Timestamp,
    /// How it ended: `closed`, `merged`, `deleted`, `put back`, `never made`.
    pub ended: Option<String>,
}

impl Store {
    /// Puts on record that something is about to be made. The same intent again, in the same attempt, is the same resource; one that was
    /// gone is there again.
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
             on conflict (run, attempt, kind, repository, name) do update set
                 number = iif(gone is null, number, null),
                 was = iif(gone is null, was, null), moved_to = iif(gone is null, moved_to, null),
                 known = iif(gone is null, known, null),
                 gone = null, ended = null
             returning id",
        )
        .bind(signed(run))
        .bind(signed(attempt))
        .bind(kind.word())
        .bind(repository)
        .bind(name)
        .bind(purpose)
        .bind(now())
        .fetch_one(&self.writer)
        .await?;
        Ok(unsigned(row.get("id")))
    }

    /// Remembers the number that the forge gave to a pull request.
    pub async fn resource_made(&self, id: u64, number: u64) -> Result<()> {
        sqlx::query("update resources set number = ? where id = ?")
            .bind(signed(number))
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Remembers where a branch is put back to; the first word of it stands, since what an attempt moved twice was somewhere before.
    pub async fn branch_was(&self, id: u64, was: &str) -> Result<()> {
        sqlx::query("update resources set was = coalesce(was, ?) where id = ?")
            .bind(was)
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Remembers where a branch was moved to.
    pub async fn branch_moved(&self, id: u64, to: &str) -> Result<()> {
        sqlx::query("update resources set moved_to = ? where id = ?")
            .bind(to)
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// What is known of a resource.
    pub async fn resource_known(&self, id: u64) -> Result<Option<Value>> {
        let row = sqlx::query("select known from resources where id = ?")
            .bind(signed(id))
            .fetch_one(&self.pool)
            .await?;
        known(&row)
    }

    /// Remembers what is known of a resource.
    pub async fn know_resource(&self, id: u64, known: &Value) -> Result<()> {
        sqlx::query("update resources set known = ? where id = ?")
            .bind(known.to_string())
            .bind(signed(id))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Remembers that a resource is gone, and how it ended.
    pub async fn resource_gone(&self, id: u64, ended: &str) -> Result<()> {
        sqlx::query("update resources set gone = ?, ended = ? where id = ?")
            .bind(now())
            .bind(ended)
            .bind(signed(id))
            .execute(&self.writer)
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

    /// Whether something of this name is on record and not gone.
    pub async fn is_made(&self, repository: &str, name: &str) -> Result<bool> {
        let row = sqlx::query(
            "select 1 from resources where repository = ? and name = ? and ended is null",
        )
        .bind(repository)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
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
        attempt: unsigned(row.get("attempt")),
        kind: ResourceKind::from_word(row.get("kind"))?,
        repository: row.get("repository"),
        name: row.get("name"),
        number: row.get::<Option<i64>, _>("number").map(unsigned),
        purpose: row.get("purpose"),
        was: row.get("was"),
        moved_to: row.get("moved_to"),
        known: known(row)?,
        intended: time(row.get("intended"))?,
        ended: row.get("ended"),
    })
}

fn known(row: &SqliteRow) -> Result<Option<Value>> {
    let text: Option<String> = row.get("known");
    text.map(|text| json("what is known of a resource", &text))
        .transpose()
}
