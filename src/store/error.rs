//! What can be wrong with the database, and what to do about it.

use sqlx::migrate::MigrateError;
use std::path::PathBuf;

/// The database file, or what is written in it, is not usable. Each says its cause itself, and has no other beside it: who prints both
/// would say it twice.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "opening the database {path} failed: {cause}. Check that its folder exists, that Gavel may write there, and that the file is one of Gavel's"
    )]
    Open { path: PathBuf, cause: String },
    #[error(
        "the file {path} is no SQLite database. Restore a backup, or let `server.data` name another folder"
    )]
    NoDatabase { path: PathBuf },
    #[error(
        "the database {path} is not Gavel's: it holds the table `{table}`, and no form of Gavel's. Nothing was changed in it; let `server.data` name another folder"
    )]
    Foreign { path: PathBuf, table: String },
    #[error(
        "the database {path} is damaged: {what}. Keep the file to look at, and restore a backup; deploy/OPERATIONS.md says how"
    )]
    Broken { path: PathBuf, what: String },
    #[error(
        "the database {path} is empty: the file has 0 bytes, and Gavel never leaves one like that, so that its content was lost. Restore a backup, as deploy/OPERATIONS.md says; or, to begin anew, move it aside, with the signing key and the bundles"
    )]
    Empty { path: PathBuf },
    #[error(
        "there is no database {path}, but beside its place {beside}, which only an installation with a database has: it was lost, or its disk is not mounted. Mount it, or restore a backup, as deploy/OPERATIONS.md says; or, to begin anew, move aside what is there"
    )]
    Lost { path: PathBuf, beside: String },
    #[error(
        "bringing the database {path} to this version's form failed: {cause}. Check disk space and permissions; the file is as it was"
    )]
    Migrate { path: PathBuf, cause: MigrateError },
    #[error(
        "a newer Gavel wrote the database {path}: its form is {form}, and this one knows forms up to {known}. Run that one, or restore a backup from before"
    )]
    Newer {
        path: PathBuf,
        form: i64,
        known: i64,
    },
    #[error(
        "the database {path} was brought to form {form} otherwise than this Gavel does it, so that nobody knows what is in it. Run the build that wrote it, or restore a backup"
    )]
    Altered { path: PathBuf, form: i64 },
    #[error(
        "the disk of the database is full: {0}. Make room; Gavel goes on by itself when there is some"
    )]
    Full(sqlx::Error),
    #[error(
        "the database may not be written: {0}. Check that its disk is not mounted read-only, and that its files belong to Gavel's user"
    )]
    ReadOnly(sqlx::Error),
    #[error(
        "the disk of the database does not read or write: {0}. Check the disk and the system's log"
    )]
    Disk(sqlx::Error),
    #[error(
        "the database is damaged: {0}. Stop Gavel, keep the file to look at, and restore a backup; deploy/OPERATIONS.md says how"
    )]
    Damaged(sqlx::Error),
    #[error(
        "the database did not take or give what was asked ({0}). Check disk space and permissions"
    )]
    Query(sqlx::Error),
    #[error("the facts of attempt {0} were put into its run's bundle just now. Ask again")]
    PutAway(u64),
    #[error("the database holds {what} in a form that this version cannot read: {detail}")]
    Form { what: &'static str, detail: String },
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What SQLite says is wrong, by the primary part of its result code: <https://www.sqlite.org/rescode.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    ReadOnly,
    Interrupted,
    Disk,
    Damaged,
    Full,
    NoDatabase,
}

impl Trouble {
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
        Some(match code & 0xff {
            8 => Self::ReadOnly,
            9 => Self::Interrupted,
            10 => Self::Disk,
            11 => Self::Damaged,
            13 => Self::Full,
            26 => Self::NoDatabase,
            _ => return None,
        })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match Trouble::of(&error) {
            Some(Trouble::Full) => Self::Full(error),
            Some(Trouble::ReadOnly) => Self::ReadOnly(error),
            Some(Trouble::Disk) => Self::Disk(error),
            Some(Trouble::Damaged | Trouble::NoDatabase) => Self::Damaged(error),
            Some(Trouble::Interrupted) | None => Self::Query(error),
        }
    }
}
