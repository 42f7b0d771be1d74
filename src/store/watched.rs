//! Tells the lab of every write, whichever it is: SQLite calls before it commits one, and the pool takes the connection back after it.

use crate::instants::reach;
use sqlx::sqlite::{SqliteConnection, SqlitePoolOptions};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// What is written by one connection: the tables since its last commit, and what that one was called.
#[derive(Default)]
struct Writing {
    tables: BTreeSet<String>,
    committed: Option<String>,
}

/// Connections by the address of their handle.
type Connections = Arc<Mutex<HashMap<usize, Arc<Mutex<Writing>>>>>;

/// A pool whose connections tell when they write.
pub(super) fn pool(options: SqlitePoolOptions) -> SqlitePoolOptions {
    let connections = Connections::default();
    let known = connections.clone();
    options
        .after_connect(move |connection, _| {
            let connections = connections.clone();
            Box::pin(async move { listen(connection, &connections).await })
        })
        .after_release(move |connection, _| {
            let known = known.clone();
            Box::pin(async move {
                let handle = connection.lock_handle().await?.as_raw_handle().as_ptr() as usize;
                let writing = lock(&known).get(&handle).cloned();
                if let Some(name) = writing.and_then(|writing| lock(&writing).committed.take()) {
                    reach(|| format!("after storing {name}"));
                }
                Ok(true)
            })
        })
}

async fn listen(connection: &mut SqliteConnection, connections: &Connections) -> sqlx::Result<()> {
    let mut handle = connection.lock_handle().await?;
    let writing = Arc::new(Mutex::new(Writing::default()));
    lock(connections).insert(handle.as_raw_handle().as_ptr() as usize, writing.clone());
    let rows = writing.clone();
    handle.set_update_hook(move |update| {
        lock(&rows)
            .tables
            .insert(format!("{} {:?}", update.table, update.operation).to_lowercase());
    });
    handle.set_commit_hook(move || {
        let name = {
            let mut writing = lock(&writing);
            let tables: Vec<String> = std::mem::take(&mut writing.tables).into_iter().collect();
            let name = tables.join(", ");
            writing.committed = Some(name.clone());
            name
        };
        reach(|| format!("before storing {name}"));
        true
    });
    Ok(())
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
