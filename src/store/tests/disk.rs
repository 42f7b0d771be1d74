//! What a disk can do to a database: it is full, it is read-only, it gives back something else. Nothing is acknowledged that is not stored,
//! and when the disk is well again, so is Gavel.

use super::*;
use std::process::Command;

/// A comment that takes a few pages.
fn long(comment: u64) -> [NewCommand; 1] {
    [command(comment, 0, &format!("/idea {}", "x".repeat(9000)))]
}

/// Comments are heard until one is not: how many were, and why that one was not.
async fn filled(store: &Store) -> (u64, StoreError) {
    for comment in 1..1000 {
        match store.hear(ISSUE, comment, &long(comment)).await {
            Ok(taken) => assert_eq!(taken, 1),
            Err(error) => return (comment - 1, error),
        }
    }
    panic!("a thousand comments had room");
}

/// The comments whose commands are on record, as another process reads them.
async fn on_record(file: &File) -> Vec<u64> {
    let options = SqliteConnectOptions::new().filename(file.path());
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let rows = sqlx::query("select comment from commands order by id");
    let rows = rows.fetch_all(&pool).await.unwrap();
    rows.iter()
        .map(|row| unsigned(sqlx::Row::get(row, 0)))
        .collect()
}

#[tokio::test]
async fn every_connection_syncs_what_it_writes() {
    let file = File::new();
    let store = file.open().await;
    let connections = store.connections().await;
    assert_eq!(connections.len(), 4);
    for mut connection in connections {
        for (pragma, value) in [
            ("pragma journal_mode", "wal"),
            // FULL, which in WAL syncs at each commit: https://www.sqlite.org/pragma.html#pragma_synchronous
            ("pragma synchronous", "2"),
            ("pragma foreign_keys", "1"),
        ] {
            let row = sqlx::query(pragma).fetch_one(&mut *connection).await;
            let row = row.unwrap();
            let said: String = sqlx::Row::try_get(&row, 0)
                .unwrap_or_else(|_| sqlx::Row::get::<i64, _>(&row, 0).to_string());
            assert_eq!(said, value, "{pragma}");
        }
    }
}

#[tokio::test]
async fn what_a_full_disk_does_not_take_is_not_acknowledged() {
    let file = File::new();
    let store = file.open().await;
    assert_eq!(store.trouble(), None);
    store.room(false).await;
    let (taken, error) = filled(&store).await;
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    insta::assert_snapshot!(store.trouble().unwrap(), @"the disk of the database is full: error returned from database: (code: 13) database or disk is full. Make room; Gavel goes on by itself when there is some");
    let acknowledged: Vec<u64> = (1..=taken).collect();
    assert_eq!(on_record(&file).await, acknowledged);
    // Whoever failed to write is not used again.
    store.room(false).await;
    assert!(matches!(store.probe().await, Err(StoreError::Full(_))));
    // What was heard before tells nothing of the disk.
    assert_eq!(store.hear(ISSUE, 1, &long(1)).await.unwrap(), 0);
    assert!(store.trouble().is_some());

    store.room(true).await;
    store.probe().await.unwrap();
    assert_eq!(store.trouble(), None, "found out without a command");
    let again = store.hear(ISSUE, taken + 1, &long(taken + 1)).await;
    assert_eq!(again.unwrap(), 1, "the comment was not taken for heard");
    assert_eq!(on_record(&file).await.len() as u64, taken + 1);
}

#[tokio::test]
async fn a_run_goes_on_when_there_is_room_again() {
    let file = File::new();
    let store = file.open().await;
    let run = queued(&store, 7).await;
    let attempt = store.open_attempt(run, "V1").await.unwrap().id;
    store.room(false).await;
    let mut recorded = Vec::new();
    let error = loop {
        let label = format!("{}.{}", "x".repeat(4000), recorded.len());
        match store.record_fact(attempt, sighting(&label)).await {
            Ok(fact) => recorded.push(fact),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    store.room(true).await;
    recorded.push(store.record_fact(attempt, sighting("more")).await.unwrap());
    assert_eq!(store.facts(attempt).await.unwrap(), recorded);
}

#[tokio::test]
async fn a_full_database_is_opened_and_says_so() {
    let file = File::new();
    let store = file.open().await;
    store.room(false).await;
    filled(&store).await;
    store.close().await;
    let full = SqliteConnectOptions::new().pragma("max_page_count", "1");
    let store = Store::open_with(&file.path(), full.filename(file.path())).await;
    assert!(store.unwrap().trouble().unwrap().contains("is full"));
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_acknowledges_nothing() {
    let file = File::new();
    let store = file.open().await;
    store.on_each("pragma query_only = on").await;
    let refused = store.hear(ISSUE, 1, &long(1)).await;
    assert!(
        matches!(refused, Err(StoreError::ReadOnly(_))),
        "{refused:?}"
    );
    insta::assert_snapshot!(store.trouble().unwrap(), @"the database may not be written: error returned from database: (code: 8) attempt to write a readonly database. Check that its disk is not mounted read-only, and that its files belong to Gavel's user");
    store.on_each("pragma query_only = off").await;
    assert_eq!(store.hear(ISSUE, 1, &long(1)).await.unwrap(), 1);
    assert_eq!((store.trouble(), on_record(&file).await), (None, vec![1]));
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_not_opened() {
    let file = File::new();
    file.open().await.close().await;
    let options = SqliteConnectOptions::new().filename(file.path());
    let opened = Store::open_with(&file.path(), options.read_only(true)).await;
    assert!(matches!(opened.err(), Some(StoreError::ReadOnly(_))));
}

/// A disk of its own, so small that it is soon full; gone with the test. None where this account may not mount one.
struct SmallDisk(File);

impl SmallDisk {
    fn mounted() -> Option<Self> {
        let disk = Self(File::new());
        let mounted = disk.mount("size=1m");
        if !mounted {
            eprintln!("not tried on a real full disk: mounting one is not allowed here");
        }
        mounted.then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]);
        let mounted = mount.arg(self.0.0.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.0.0.path())
            .output();
    }
}

#[tokio::test]
async fn a_real_disk_that_is_full_and_then_has_room() {
    let Some(disk) = SmallDisk::mounted() else {
        return;
    };
    let file = &disk.0;
    let store = file.open().await;
    let (taken, error) = filled(&store).await;
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(store.trouble().unwrap().contains("is full"));
    let acknowledged: Vec<u64> = (1..=taken).collect();
    assert_eq!(on_record(file).await, acknowledged);
    assert!(disk.mount("remount,size=8m"));
    store
        .hear(ISSUE, taken + 1, &long(taken + 1))
        .await
        .unwrap();
    assert_eq!(store.trouble(), None);
    store.close().await;
    assert_eq!(on_record(file).await.len() as u64, taken + 1);
}

#[tokio::test]
async fn damage_is_found_at_the_start_and_named() {
    let page = damaged().await;
    let (cut, _) = written().await;
    let open = std::fs::OpenOptions::new().write(true).open(cut.path());
    open.unwrap().set_len(9 * PAGE).unwrap();
    for file in [page, cut] {
        let before = std::fs::read(file.path()).unwrap();
        let told = told(&file).await;
        assert!(
            told.starts_with("the database /gavel.sqlite is damaged: ")
                && told.ends_with(". Keep the file to look at, and restore a backup; deploy/OPERATIONS.md says how"),
            "{told}"
        );
        assert!(
            std::fs::read(file.path()).unwrap() == before,
            "it was changed"
        );
    }
}

#[tokio::test]
async fn a_database_too_large_to_look_through_in_time_is_opened_all_the_same() {
    let (file, _) = written().await;
    let store = file.open().await;
    let mut connection = store.pool.acquire().await.unwrap();
    let checked = opening::check(&mut connection, Some(Duration::ZERO)).await;
    assert_eq!(checked.unwrap(), opening::Checked::Unfinished);
    // What follows on the same connection has all the time it needs.
    let checked = opening::check(&mut connection, None).await;
    assert_eq!(checked.unwrap(), opening::Checked::Whole);
}
