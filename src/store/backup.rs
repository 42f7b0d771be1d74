//! A copy of the database while others go on writing to it: all that was stored when it began, and nothing by halves.

use super::opening::{self, Checked};
use super::{now, unsigned};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no backup. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} is there already, and a backup overwrites nothing. Name a file that is not there")]
    Exists(PathBuf),
    #[error("there is no database {0}. Check `server.data`: Gavel makes one at its first start")]
    Nothing(PathBuf),
    #[error(
        "writing the backup {path} failed: {cause}. Check that its folder exists and may be written"
    )]
    File { path: PathBuf, cause: io::Error },
    #[error(
        "copying the database {from} to {to} failed: {cause}. Check that there is as much room as the database takes"
    )]
    Copy {
        from: PathBuf,
        to: PathBuf,
        cause: sqlx::Error,
    },
    #[error(
        "the database {from} was copied, and its copy is damaged: {what}. Check the disks of both; the last good backup is worth keeping"
    )]
    Damaged { from: PathBuf, what: String },
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub commands: u64,
    pub runs: u64,
    /// Of the file.
    pub bytes: u64,
}

/// Copies the database `from` into a new file `to`, which its owner alone may read, is looked at whole and is on the disk when this
/// returns. Whoever writes to the database goes on doing so; what is written meanwhile is not in the copy.
///
/// By `VACUUM INTO`: <https://www.sqlite.org/lang_vacuum.html#vacuuminto>.
pub async fn backup(from: &Path, to: &Path) -> Result<Backup, BackupError> {
    if !from.exists() {
        return Err(BackupError::Nothing(from.into()));
    }
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.into()));
    }
    let file = |cause| BackupError::File {
        path: to.into(),
        cause,
    };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::path::absolute(folder.unwrap_or(Path::new("."))).map_err(file)?;
    // Under a name of its own until it is whole: no half a backup is taken for one. Its mode is 0600.
    let beside = tempfile::Builder::new()
        .prefix(".gavel-backup-")
        .tempfile_in(&folder)
        .map_err(file)?;
    let copied = copy(from, beside.path()).await;
    let backup = copied.map_err(|cause| BackupError::Copy {
        from: from.into(),
        to: to.into(),
        cause,
    })?;
    let backup = backup.map_err(|what| BackupError::Damaged {
        from: from.into(),
        what,
    })?;
    beside.as_file().sync_all().map_err(file)?;
    let kept = beside.persist_noclobber(to).map_err(|error| {
        match error.error.kind() == io::ErrorKind::AlreadyExists {
            true => BackupError::Exists(to.into()),
            false => file(error.error),
        }
    })?;
    let bytes = kept.metadata().map_err(file)?.len();
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(file)?;
    Ok(Backup { bytes, ..backup })
}

/// Copies into an empty file, and looks at what came to stand there. The inner error is what is damaged.
async fn copy(from: &Path, to: &Path) -> Result<Result<Backup, String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().busy_timeout(Duration::from_secs(10));
    let reading = options.clone().filename(from).read_only(true);
    let mut original = SqliteConnection::connect_with(&reading).await?;
    sqlx::query("vacuum into ?")
        .bind(to.to_string_lossy().as_ref())
        .execute(&mut original)
        .await?;
    original.close().await?;

    let mut copy = SqliteConnection::connect_with(&options.filename(to)).await?;
    // A database that an older Gavel still writes to has no such table, and tells a later start nothing.
    let marks = "select 1 from sqlite_schema where name = 'copies'";
    if sqlx::query(marks)
        .fetch_optional(&mut copy)
        .await?
        .is_some()
    {
        let mut mark = copy.begin().await?;
        sqlx::query("delete from copies")
            .execute(&mut *mark)
            .await?;
        sqlx::query("insert into copies (made) values (?)")
            .bind(now())
            .execute(&mut *mark)
            .await?;
        mark.commit().await?;
    }
    let checked = opening::check(&mut copy, None).await?;
    let counts =
        "select (select count(*) from commands) as commands, (select count(*) from runs) as runs";
    let counts = sqlx::query(counts).fetch_one(&mut copy).await?;
    copy.close().await?;
    Ok(match checked {
        Checked::Damaged(what) => Err(what),
        Checked::Whole | Checked::Unfinished => Ok(Backup {
            commands: unsigned(counts.get("commands")),
            runs: unsigned(counts.get("runs")),
            bytes: 0,
        }),
    })
}
