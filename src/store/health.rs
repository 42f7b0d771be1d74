//! Whether the database takes what has to be stored before it is acknowledged.

use super::{Result, Store};

/// More than a comment with as many and as long commands as are read, in bytes: where this has room, that has.
const ROOM: u32 = 64 << 10;

impl Store {
    /// Why the last command could not be stored; none where it could.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// Finds out whether there is room for a comment's commands, by writing as much and taking it away again. Nothing but this tells it:
    /// free space may be kept for others or limited by quotas.
    pub async fn probe(&self) -> Result<()> {
        let done = async {
            let fill = "insert into room values (zeroblob(?))";
            sqlx::query(fill).bind(ROOM).execute(&self.writer).await?;
            sqlx::query("delete from room")
                .execute(&self.writer)
                .await?;
            Ok(())
        };
        let done = done.await;
        self.noted(done)
    }

    /// Remembers whether a write was taken. The log tells when that changes.
    pub(super) fn noted<T>(&self, written: Result<T>) -> Result<T> {
        let now = written.as_ref().err().map(ToString::to_string);
        self.trouble.send_if_modified(|before| {
            match (&before, &now) {
                (None, Some(why)) => tracing::error!(
                    why,
                    "commands cannot be stored: none is acknowledged until they can"
                ),
                (Some(_), None) => tracing::info!("commands can be stored again"),
                _ => {}
            }
            let changed = *before != now;
            *before = now;
            changed
        });
        written
    }
}
