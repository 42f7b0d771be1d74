//! Which runs are old, and what is forgotten of them.

use super::*;

/// A run with one attempt that has facts and was judged, which ended on this day.
async fn ended(store: &Store, comment: u64, day: &str) -> (u64, u64) {
    let run = queued(store, comment).await;
    let attempt = store.open_attempt(run, "V1").await.unwrap().id;
    for label in ["version.forge", "one", "two"] {
        store.begin_step(attempt, label).await.unwrap();
        store.record_fact(attempt, sighting(label)).await.unwrap();
    }
    store.attempt_judged(attempt, &[]).await.unwrap();
    store.run_state(run, RunState::Finished).await.unwrap();
    let done = sqlx::query("update runs set ended = ? where id = ?")
        .bind(day)
        .bind(signed(run))
        .execute(&store.writer);
    done.await.unwrap();
    (run, attempt)
}

#[tokio::test]
async fn a_run_is_put_away_once_it_is_old_and_over_in_every_way() {
    let file = File::new();
    let store = file.open().await;
    let before: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let old = async || store.runs_to_put_away(before).await.unwrap();
    let (fits, first) = ended(&store, 1, "2026-05-31T23:59:59Z").await;
    // Where an attempt's text of a time sorts behind the other's, it is the earlier one all the same.
    let (other, second) = ended(&store, 2, "2026-05-31T23:59:59.5Z").await;
    ended(&store, 3, "2026-06-01T00:00:01Z").await;
    let (open, third) = ended(&store, 4, "2026-01-01T00:00:00Z").await;
    let (untold, _) = ended(&store, 5, "2026-01-01T00:00:00Z").await;
    let running = queued(&store, 6).await;
    store.open_attempt(running, "V1").await.unwrap();
    let left = (ResourceKind::Pull, MIRROR, "gavel-green");
    let left = store
        .intend(open, third, left.0, left.1, left.2, "green")
        .await;
    let left = left.unwrap();
    store.say_more(untold).await.unwrap();
    assert_eq!(old().await, [fits, other]);

    let head = store.facts(first).await.unwrap().pop().unwrap().digest;
    store.put_away(&[(first, head.clone())]).await.unwrap();
    assert_eq!(old().await, [other]);
    assert_eq!(store.runs_put_away().await.unwrap(), [fits]);
    let labels = async |attempt| {
        let facts = store.facts_of(attempt, "").await.unwrap();
        facts.into_iter().map(|fact| fact.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(first).await, ["version.forge"]);
    assert_eq!(labels(second).await, ["version.forge", "one", "two"]);
    let gone = store.facts(first).await;
    assert!(
        matches!(gone, Err(StoreError::PutAway(it)) if it == first),
        "{gone:?}"
    );
    let attempt = store.attempts(fits).await.unwrap().remove(0);
    assert_eq!(attempt.sealed, Some(head));
    assert_eq!(attempt.verdict, Some(worst([])));

    // What was left is closed, what was untold is told.
    store.resource_gone(left, "closed").await.unwrap();
    let (_, changes) = store.untold().await.unwrap().remove(0);
    store.told(untold, changes).await.unwrap();
    assert_eq!(old().await, [other, open, untold]);
}
