//! Whether a file is a database of Gavel's, whole, and in a form that this version knows. Nothing is written before that is known.

use super::error::{Result, StoreError, Trouble};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool};
use sqlx::{Connection, Row};
use std::path::Path;
use std::time::{Duration, Instant};

/// The forms that the database has had, each made of the one before.
pub(super) static FORMS: Migrator = sqlx::migrate!("src/store/migrations");

/// So long a start looks for damage. A database that is too large for it is opened as far as it was looked at: one that is damaged
/// further on says so when that is read, and a backup is always looked at whole.
const PATIENCE: Duration = Duration::from_secs(20);
/// Steps of SQLite's between two looks at the clock.
const STEPS: i32 = 1000;
/// As much damage is named.
const MOST: u32 = 5;

/// What looking at a whole file came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Whole,
    /// In SQLite's words.
    Damaged(String),
    /// The time was up.
    Unfinished,
}

/// Refuses a file that is none of Gavel's or damaged; answers whether all of it was looked at. One that is empty or not there is to become
/// one.
pub(super) async fn inspect(path: &Path, options: &SqliteConnectOptions) -> Result<Checked> {
    let unusable = |error: sqlx::Error| unusable(path, error);
    let mut connection = SqliteConnection::connect_with(options)
        .await
        .map_err(unusable)?;
    let tables = "select name from sqlite_schema where type = 'table' order by name = '_sqlx_migrations' desc, name limit 1";
    let first = sqlx::query(tables)
        .fetch_optional(&mut connection)
        .await
        .map_err(unusable)?
        .map(|row| row.get::<String, _>("name"));
    match first {
        Some(table) if table != "_sqlx_migrations" => {
            let path = path.into();
            return Err(StoreError::Foreign { path, table });
        }
        _ => {}
    }
    let checked = check(&mut connection, Some(PATIENCE))
        .await
        .map_err(unusable)?;
    match &checked {
        Checked::Whole => {}
        Checked::Unfinished => tracing::warn!(
            database = %path.display(),
            "the database is too large to look for damage in all of it at a start; `gavel backup` does"
        ),
        Checked::Damaged(what) => {
            let (path, what) = (path.into(), what.clone());
            return Err(StoreError::Broken { path, what });
        }
    }
    connection.close().await.map_err(unusable)?;
    Ok(checked)
}

/// Looks for damage in the whole file, at most so long.
pub(super) async fn check(
    connection: &mut SqliteConnection,
    limit: Option<Duration>,
) -> Result<Checked, sqlx::Error> {
    if let Some(limit) = limit {
        let until = Instant::now() + limit;
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || Instant::now() < until);
    }
    // The pragma's argument cannot be bound.
    let looked = sqlx::query(sqlx::AssertSqlSafe(format!("pragma quick_check({MOST})")))
        .fetch_all(&mut *connection)
        .await;
    connection.lock_handle().await?.remove_progress_handler();
    match looked {
        Ok(rows) => {
            let said: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            Ok(match &said[..] {
                [ok] if ok == "ok" => Checked::Whole,
                said => Checked::Damaged(said.join("; ").replace('\n', " ")),
            })
        }
        Err(error) => match Trouble::of(&error) {
            Some(Trouble::Interrupted) => Ok(Checked::Unfinished),
            Some(Trouble::Damaged) => Ok(Checked::Damaged(error.to_string())),
            _ => Err(error),
        },
    }
}

/// Brings the database to this version's form.
pub(super) async fn migrate(path: &Path, pool: &SqlitePool) -> Result<()> {
    let known = FORMS.iter().map(|form| form.version).max();
    FORMS.run(pool).await.map_err(|source| {
        let path = path.into();
        match source {
            MigrateError::VersionMissing(form) => StoreError::Newer {
                path,
                form,
                known: known.unwrap_or_default(),
            },
            MigrateError::VersionMismatch(form) => StoreError::Altered { path, form },
            cause => StoreError::Migrate { path, cause },
        }
    })
}

/// An error of opening, with the file that it is about.
pub(super) fn unusable(path: &Path, error: sqlx::Error) -> StoreError {
    let path = path.into();
    match Trouble::of(&error) {
        Some(Trouble::NoDatabase) => StoreError::NoDatabase { path },
        Some(Trouble::Damaged) => StoreError::Broken {
            path,
            what: error.to_string(),
        },
        _ => StoreError::Open {
            path,
            cause: error.to_string(),
        },
    }
}
