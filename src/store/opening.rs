//! Whether a file is a database of Gavel's, whole, and in a form that this version knows. Nothing is written before that is known.

use super::error::{Result, StoreError, Trouble};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Row};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
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

/// Refuses a place without a database where something stands that only an installation with one has: the log of a lost one, or one of
/// these files, or folders with something in them.
pub fn is_not_lost(path: &Path, left: &[PathBuf]) -> Result<()> {
    // What cannot be asked, opening it says better.
    if path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let log = beside(path, "-wal");
    let there: Vec<String> = left
        .iter()
        .chain([&log])
        .filter(|left| match left.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => left.symlink_metadata().is_ok(),
        })
        .map(|left| left.display().to_string())
        .collect();
    match &there[..] {
        [] => Ok(()),
        there => Err(StoreError::Lost {
            path: path.into(),
            beside: match there.len() {
                1 => format!("is {}", there.join("")),
                _ => format!("are {}", there.join(" and ")),
            },
        }),
    }
}

/// Makes a database where there is none, in this version's form, for its owner alone. It is made beside its place and stands there once
/// it is whole and on the disk: wherever that was cut off, the next start makes it anew, and an empty file is none of Gavel's.
pub(super) async fn make(path: &Path) -> Result<()> {
    if path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let failed = |error: io::Error| StoreError::Open {
        path: path.into(),
        cause: error.to_string(),
    };
    let new = beside(path, "-new");
    for left in [&new, &beside(&new, "-journal")] {
        match std::fs::remove_file(left) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(PRIVATE);
    let file = options.open(&new).map_err(failed)?;
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(SqliteConnectOptions::new().filename(&new))
        .await
        .map_err(|error| unusable(path, error))?;
    let made = migrate(path, &pool).await;
    pool.close().await;
    made?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    folder
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(())
}

/// Its owner alone reads and writes it. SQLite gives the files beside the database the mode that this one has.
const PRIVATE: u32 = 0o600;

/// Takes from others what they may do with a database that an older Gavel made.
pub(super) fn keep_private(path: &Path) {
    for file in [path.into(), beside(path, "-wal"), beside(path, "-shm")] {
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        if metadata.permissions().mode() & 0o077 == 0 {
            continue;
        }
        if let Err(error) = std::fs::set_permissions(&file, Permissions::from_mode(PRIVATE)) {
            tracing::warn!(
                %error,
                file = %file.display(),
                "others than Gavel's user may read the database; run `chmod 600` on it as its owner"
            );
        }
    }
}

/// The file whose name has this behind the database's.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Refuses a file that is empty, none of Gavel's or damaged; answers whether all of it was looked at.
pub(super) async fn inspect(path: &Path, options: &SqliteConnectOptions) -> Result<Checked> {
    if path
        .metadata()
        .is_ok_and(|it| it.is_file() && it.len() == 0)
    {
        return Err(StoreError::Empty { path: path.into() });
    }
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
