//! Comments that come at once: they share a write, and none depends on another.

use super::*;
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};

const MANY: u64 = 40;

/// Counts what the store commits from now on.
async fn commits(store: &Store) -> Arc<AtomicUsize> {
    let commits = Arc::new(AtomicUsize::new(0));
    for mut connection in store.connections().await {
        let commits = commits.clone();
        let mut handle = connection.lock_handle().await.unwrap();
        handle.set_commit_hook(move || {
            commits.fetch_add(1, Ordering::Relaxed);
            true
        });
    }
    commits
}

/// What came of each comment, all heard at once.
async fn heard(store: &Store, comments: impl Iterator<Item = u64>) -> Vec<Result<u64>> {
    let hear = async |comment| {
        let said = [command(comment, 0, "/status")];
        store.hear(ISSUE, comment, &said).await
    };
    join_all(comments.map(hear)).await
}

async fn on_record(store: &Store) -> usize {
    store.waiting_commands(1000).await.unwrap().len()
}

#[tokio::test]
async fn they_share_a_write() {
    let file = File::new();
    let store = file.open().await;
    let commits = commits(&store).await;
    // The second delivery of each is heard with the first, and is none.
    let all = heard(&store, (0..MANY).chain(0..MANY)).await;
    let new: u64 = all.into_iter().map(Result::unwrap).sum();
    assert_eq!(
        (new, on_record(&file.open().await).await),
        (MANY, MANY as usize)
    );
    // The first is written alone, while the others come.
    assert!(commits.load(Ordering::Relaxed) <= 3, "{commits:?}");
}

#[tokio::test]
async fn what_cannot_be_stored_takes_no_other_with_it() {
    let file = File::new();
    let store = file.open().await;
    let twice = [command(MANY, 0, "/status"), command(MANY, 0, "/status")];
    let (others, wrong) = tokio::join!(heard(&store, 0..MANY), store.hear(ISSUE, MANY, &twice));
    assert!(
        others
            .into_iter()
            .all(|heard| heard.is_ok_and(|new| new == 1))
    );
    assert!(matches!(wrong, Err(StoreError::Query(_))), "{wrong:?}");
    assert_eq!(on_record(&store).await, MANY as usize);
}

#[tokio::test]
async fn whoever_goes_away_while_writing_leaves_the_others_their_turn() {
    let file = File::new();
    let store = file.open().await;
    for comment in 0..5 {
        let said = [command(comment, 0, "/status")];
        let mut first = Box::pin(store.hear(ISSUE, comment, &said));
        let others = heard(&store, (0..MANY).map(|other| 100 * (comment + 1) + other));
        let mut others = Box::pin(others);
        // It has its turn and begins; the others wait behind it or are with it; then it is ended.
        tokio::select! {
            biased;
            _ = &mut first => {}
            _ = &mut others => {}
            () = tokio::task::yield_now() => {}
        }
        drop(first);
        assert!(
            others
                .await
                .into_iter()
                .all(|heard| heard.is_ok_and(|new| new == 1))
        );
    }
    assert!(on_record(&store).await >= 5 * MANY as usize);
}
