//! What a database is like, by reads alone, also while somebody writes to it: for who wants to know before a start what a start would say.

use super::error::{Result, StoreError};
use super::opening::{self, Checked, FORMS};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};
use std::path::Path;
use std::time::Duration;

/// A database that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The form that it is in, and the one that a start brings it to.
    pub form: i64,
    pub newest: i64,
    /// Whether all of it was looked at for damage before the time was up.
    pub whole: bool,
}

/// Looks at a database; `None` where there is none yet. What a start would refuse is refused in the same words.
pub async fn examine(path: &Path) -> Result<Option<Examined>> {
    if !path.exists() {
        return Ok(None);
    }
    // Where nothing waits in the log, the file alone is the whole: read as one that nobody writes, no file is made beside it, which the
    // next start might not be allowed to write.
    let log = path.with_extension("sqlite-wal");
    let settled = log.metadata().map_or(true, |log| log.len() == 0);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(settled)
        .busy_timeout(Duration::from_secs(10));
    let whole = opening::inspect(path, &options).await? == Checked::Whole;
    let unusable = |error: sqlx::Error| opening::unusable(path, error);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(unusable)?;
    let rows = sqlx::query("select version, checksum from _sqlx_migrations order by version")
        .fetch_all(&mut connection)
        .await;
    connection.close().await.map_err(unusable)?;
    let newest = FORMS.iter().map(|form| form.version).max().unwrap_or(0);
    let mut form = 0;
    // One without tables is to become one.
    for row in rows.unwrap_or_default() {
        form = row.get("version");
        match FORMS.iter().find(|known| known.version == form) {
            None => {
                let (path, known) = (path.into(), newest);
                return Err(StoreError::Newer { path, form, known });
            }
            Some(known) if *known.checksum != *row.get::<Vec<u8>, _>("checksum") => {
                let path = path.into();
                return Err(StoreError::Altered { path, form });
            }
            Some(_) => {}
        }
    }
    Ok(Some(Examined {
        form,
        newest,
        whole,
    }))
}
