//! Everything that must outlive the process, in SQLite. No SQL type leaves this room.

mod commands;
mod comments;
mod facts;
mod filed;
mod resources;
mod runs;
mod words;

pub use commands::{NewCommand, StoredCommand};
pub use comments::Slot;
pub use filed::Filed;
pub use resources::{Resource, ResourceKind};
pub use runs::{Attempt, AttemptState, Run, RunOptions, RunState};
pub use words::{Note, NoteKind, Said, Word, WordKind};

use jiff::Timestamp;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database file, or what is written in it, is not usable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "opening the database {path} failed: {source}. Check that its folder exists, that Gavel may write there, and that the file is one of Gavel's"
    )]
    Open { path: PathBuf, source: sqlx::Error },
    #[error(
        "bringing the database {path} to this version's form failed: {source}. Check disk space and permissions; the file is as it was"
    )]
    Migrate { path: PathBuf, source: MigrateError },
    #[error(
        "a newer Gavel wrote the database {path}. Run that one, or restore a backup from before"
    )]
    Newer { path: PathBuf },
    #[error(
        "the database did not take or give what was asked ({0}). Check disk space and permissions"
    )]
    Query(#[from] sqlx::Error),
    #[error("the database holds {what} in a form that this version cannot read: {detail}")]
    Form { what: &'static str, detail: String },
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A handle on the database; clones share it.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens (and creates, where it is missing) the database file, in the form of this version.
    ///
    /// Writes are synced before they return: what is acknowledged after them survives a power cut.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open {
                path: path.into(),
                source,
            })?;
        sqlx::migrate!("src/store/migrations")
            .run(&pool)
            .await
            .map_err(|source| match source {
                MigrateError::VersionMissing(_) => StoreError::Newer { path: path.into() },
                source => StoreError::Migrate {
                    path: path.into(),
                    source,
                },
            })?;
        Ok(Self { pool })
    }

    /// Ends all connections; what was written is in the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn now() -> String {
    Timestamp::now().to_string()
}

fn time(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|error| StoreError::Form {
        what: "a time",
        detail: format!("`{text}`: {error}"),
    })
}

fn time_or_none(text: Option<String>) -> Result<Option<Timestamp>> {
    text.as_deref().map(time).transpose()
}

fn json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Form {
        what,
        detail: error.to_string(),
    })
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Form {
        what: "something new",
        detail: error.to_string(),
    })
}

/// SQLite's integers are signed; ids of a forge fit.
fn unsigned(number: i64) -> u64 {
    number.unsigned_abs()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
