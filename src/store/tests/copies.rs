//! Backups: made while others write, whole, nobody else's to read; and what a Gavel knows that goes on from one.

use super::*;
use std::os::unix::fs::PermissionsExt;
use tokio::sync::oneshot;

/// The names in a file's folder.
fn beside(file: &File) -> Vec<String> {
    let entries = std::fs::read_dir(file.0.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_backup_made_while_others_write_loses_nothing_that_was_acknowledged_before() {
    let (file, kept) = (File::new(), File::new());
    let store = file.open().await;
    let run = queued(&store, 1).await;
    let attempt = store.open_attempt(run, "V1").await.unwrap();
    store
        .record_fact(attempt.id, sighting("one"))
        .await
        .unwrap();
    for comment in 2..20 {
        let said = [command(comment, 0, "/status")];
        store.hear(ISSUE, comment, &said).await.unwrap();
    }
    let read: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    store.advance_cursor(ISSUE, 1, 19, read).await.unwrap();
    let before = store.waiting_commands(5000).await.unwrap();
    let (made, mut is_made) = oneshot::channel();
    let writing = async {
        let mut comment = 100;
        while is_made.try_recv().is_err() {
            let said = [command(comment, 0, "/status")];
            store.hear(ISSUE, comment, &said).await.unwrap();
            comment += 1;
        }
        comment - 100
    };
    let copying = async {
        let backup = backup(&file.path(), &kept.path()).await.unwrap();
        made.send(()).unwrap();
        backup
    };
    let (written, backup) = tokio::join!(writing, copying);
    assert!(written > 0, "nobody wrote meanwhile");
    assert_eq!(beside(&kept), ["gavel.sqlite"], "one file, whole");
    let metadata = std::fs::metadata(kept.path()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!((backup.runs, backup.bytes), (1, metadata.len()));

    let restored = kept.open().await;
    let there = restored.waiting_commands(5000).await.unwrap();
    assert_eq!(there[..before.len()], before);
    assert_eq!(there.len() as u64, backup.commands);
    assert_eq!(restored.facts(attempt.id).await.unwrap().len(), 1);
    assert_eq!(
        restored.installation().await.unwrap(),
        store.installation().await.unwrap()
    );
    // What it says from now on may stand there since then, however far it reads.
    restored
        .advance_cursor(ISSUE, 1, 20, read + SignedDuration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(restored.copied_since().await.unwrap(), Some(read));
    assert_eq!(kept.open().await.copied_since().await.unwrap(), Some(read));
    // It knows what it is, until somebody goes on from it; the original is none.
    assert!(restored.copied().await.unwrap().is_some());
    assert!(restored.in_doubt().await.unwrap());
    assert!(store.taken_up().await.unwrap().is_none(), "it is no copy");
    // Until it is taken up, all that the forge shows may be of before.
    let still = restored.taken_up().await.unwrap();
    restored.copy_taken_up().await.unwrap();
    assert!(still.is_some() && still <= restored.taken_up().await.unwrap());
    assert_eq!(restored.copied().await.unwrap(), None);
    assert!(restored.in_doubt().await.unwrap(), "for a day");
    assert_eq!(store.copied().await.unwrap(), None);
    assert!(!store.in_doubt().await.unwrap());
    let long_ago = "update copies set taken_up = '2026-01-01T00:00:00Z'";
    kept.raw(long_ago).await;
    assert!(!restored.in_doubt().await.unwrap());
    // A backup of what was restored is one of its own.
    let second = File::new();
    super::backup(&kept.path(), &second.path()).await.unwrap();
    assert!(second.open().await.copied().await.unwrap().is_some());
}

#[tokio::test]
async fn no_backup_is_better_than_a_bad_one() {
    let (file, to) = (File::new(), File::new());
    let told = async |from: &File, to: &File| {
        let error = backup(&from.path(), &to.path()).await.unwrap_err();
        let text = error.to_string();
        let text = text.replace(from.0.path().to_str().unwrap(), "FROM");
        text.replace(to.0.path().to_str().unwrap(), "TO")
    };
    insta::assert_snapshot!(told(&file, &to).await, @"there is no database FROM/gavel.sqlite. Check `server.data`: Gavel makes one at its first start");
    drop(file.open().await);
    std::fs::write(to.path(), "the last one").unwrap();
    insta::assert_snapshot!(told(&file, &to).await, @"TO/gavel.sqlite is there already, and a backup overwrites nothing. Name a file that is not there");
    assert_eq!(std::fs::read(to.path()).unwrap(), b"the last one");

    let file = damaged().await;
    let nothing = File::new();
    let error = told(&file, &nothing).await;
    assert!(
        error.starts_with("copying the database FROM/gavel.sqlite to TO/gavel.sqlite failed: ")
            && error.contains("malformed"),
        "{error}"
    );
    assert!(beside(&nothing).is_empty(), "something was left");
}
