//! Everything that must outlive the process, in SQLite. No SQL type leaves this room.

mod backup;
mod commands;
mod comments;
mod copies;
mod counts;
mod error;
mod examine;
mod facts;
mod filed;
mod health;
mod hearing;
mod opening;
mod pauses;
mod putting_away;
mod resources;
mod runs;
mod untold;
#[cfg(feature = "lab")]
mod watched;
mod words;

pub use backup::backup;
pub use commands::{NewCommand, StoredCommand};
pub use comments::Slot;
pub use counts::Counts;
pub use examine::{Examined, examine};
pub use filed::Filed;
pub use opening::is_not_lost;
pub use pauses::Pause;
pub use resources::{Resource, ResourceKind};
pub use runs::{Attempt, AttemptState, CutShort, Run, RunOptions, RunState};
#[cfg(test)]
pub use words::Said;
pub use words::{Anchor, AnchoredWord, Note, NoteKind, Word, WordKind};

pub use error::{Result, StoreError};

use hearing::Hearing;
use jiff::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Connections that read.
const READERS: u32 = 3;

/// A handle on the database; clones share it.
#[derive(Clone)]
pub struct Store {
    /// Reads.
    pool: SqlitePool,
    /// The one connection that writes. Who has to wait does so here, in order and until it is free; SQLite would look again after ever
    /// longer pauses.
    writer: SqlitePool,
    /// Why commands cannot be stored.
    trouble: Arc<watch::Sender<Option<String>>>,
    hearing: Arc<Hearing>,
}

impl Store {
    /// Opens (and creates, where it is missing) the database file, in the form of this version. One that is empty, damaged, of another program,
    /// of a later form, or cannot be written is refused; one whose disk is full is opened, and says so.
    ///
    /// Writes are synced before they return: what is acknowledged after them survives a power cut.
    pub async fn open(path: &Path) -> Result<Self> {
        opening::make(path).await?;
        opening::keep_private(path);
        Self::open_with(path, SqliteConnectOptions::new().filename(path)).await
    }

    async fn open_with(path: &Path, options: SqliteConnectOptions) -> Result<Self> {
        let options = options
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        opening::inspect(path, &options).await?;
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let connect = async |connections| {
            // A connection to a file does not go away; to ask whether it is there takes a way to its thread and back.
            let pool = SqlitePoolOptions::new()
                .max_connections(connections)
                .test_before_acquire(false)
                // Of a transaction that SQLite ended by itself, as it does where the disk is full, the driver knows nothing.
                .before_acquire(|connection, _| {
                    let is_free = !connection.is_in_transaction();
                    Box::pin(async move { Ok(is_free) })
                });
            #[cfg(feature = "lab")]
            let pool = if crate::instants::are_wanted() {
                watched::pool(pool)
            } else {
                pool
            };
            let connected = pool.connect_with(options.clone()).await;
            connected.map_err(|error| opening::unusable(path, error))
        };
        let writer = connect(1).await?;
        opening::migrate(path, &writer).await?;
        let pool = connect(READERS).await?;
        let store = Self {
            pool,
            hearing: Arc::new(Hearing::begin(writer.clone())),
            writer,
            trouble: Arc::default(),
        };
        let opened = async {
            store.note_copied_since().await?;
            store.probe().await
        };
        match opened.await {
            Ok(()) | Err(StoreError::Full(_)) => Ok(store),
            Err(error) => Err(error),
        }
    }

    /// Ends all connections; what was written is in the file.
    pub async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
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
