//! The database is lost and a backup of it restored, while a run is under way.

use crate::lab::{Lab, TRACKING};
use crate::mask::mask;
use insta::assert_snapshot;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn backup(lab: &Lab, to: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command.arg("backup").arg(to);
    command.arg("--config").arg(lab.path("gavel.toml"));
    command.output().unwrap()
}

/// What a start says that ends by itself, since nobody is to be verified for.
fn start(lab: &Lab) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command.args(["verify", "V1", "--as", "nobody", "--config"]);
    let ended = command.arg(lab.path("gavel.toml")).output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    let last = said.lines().last().unwrap_or_default();
    last.replace(lab.path("").to_str().unwrap(), "DIR/")
}

/// Everything since the backup is lost.
async fn lose_and_restore(lab: &mut Lab, kept: &Path) {
    lab.gavel().kill();
    let database = lab
        .path(&lab.configured("server", "data"))
        .join("gavel.sqlite");
    for ending in ["", "-wal", "-shm"] {
        let lost = format!("{}{ending}", database.display());
        let _ = std::fs::remove_file(lost);
    }
    // Without one it does not begin as if there had been none, nor with one that a disk emptied.
    let lost = "gavel: there is no database DIR/gavel-data/gavel.sqlite, but beside its place is DIR/gavel-data/signing.pem, which only an installation with a database has: it was lost, or its disk is not mounted. Mount it, or restore a backup, as deploy/OPERATIONS.md says; or, to begin anew, move aside what is there";
    assert_eq!(start(lab), lost);
    std::fs::write(&database, "").unwrap();
    let empty = start(lab);
    assert!(
        empty.contains("gavel.sqlite is empty: the file has 0 bytes"),
        "{empty}"
    );
    std::fs::copy(kept, &database).unwrap();
    lab.start_gavel(&[]).await;
}

#[tokio::test]
async fn a_run_begins_anew_from_a_backup_and_nothing_typed_before_is_lost() {
    let mut lab = Lab::start().await;
    let data = lab.path(&lab.configured("server", "data"));
    let mode = data.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    lab.say("maintainer", "/verify V1").await;
    let decided = lab.talk("/decision Restores are drilled").await;
    lab.until("a pull request", async || {
        lab.pulls().await.first().copied()
    })
    .await;
    let kept = lab.path("gavel.backup");
    let made = backup(&lab, &kept);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    let counts = said.find(" bytes").unwrap();
    let digits = said[..counts].rfind(' ').unwrap();
    let said = format!("{} N{}", &said[..digits], &said[counts..]);
    let said = said.replace(lab.path("").to_str().unwrap(), "DIR/");
    assert_snapshot!(mask(&said), @"
    DIR/gavel.backup is on the disk, and was looked at whole: N bytes, commands: 2, runs: 1.
    A restore needs these as well, which are not in it:
      DIR/gavel-data/signing.pem   the key that signs bundles, by which this installation is known
      DIR/gavel-data/bundles   the bundles as they were sealed, which alone hold the facts of old runs
      DIR/gavel.toml   the configuration, and the files with tokens that it names
    ");
    let again = backup(&lab, &kept);
    assert!(!again.status.success() && again.stdout.is_empty());

    // All of this is lost: another command, and how far the run came.
    let typed = lab.say("maintainer", "/idea Back up more often").await;
    lab.answers(TRACKING, 1, typed, 1).await;
    lab.until("a build", async || {
        let statuses = lab.statuses(lab.pulls().await.last()?.0).await;
        (!statuses.is_empty()).then_some(())
    })
    .await;
    lose_and_restore(&mut lab, &kept).await;
    let restored = lab.slot("restored-", "from a backup").await;
    let (_, restored) = restored.split_once(" UTC. ").unwrap();
    assert_snapshot!(restored, @"What happened after it I do not remember; commands that were typed here since are read again. Run 1 was under way then: what was not judged yet begins anew.");
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    assert_eq!(run["items"]["V1"]["attempts"], 2, "{run:#}");
    lab.slot("run-1", "✅ Run 1").await;
    lab.slot("run-1-report", "REVIEW-5").await;
    // What was typed before the backup is known, and what was typed after it is read again; neither is answered twice.
    let ideas = lab.answers(TRACKING, 1, typed, 1).await;
    assert_eq!(ideas.len(), 1, "{ideas:?}");
    let answers = lab.answers(TRACKING, 1, 0, 2).await;
    assert!(
        answers.len() == 2 && answers.contains(&decided),
        "{answers:?}"
    );
    assert!(lab.talk("/status").await.starts_with("Nothing is running."));
    // What the lost Gavel had written since the backup, nobody has tampered with.
    let said = lab.said().await;
    assert!(
        said.iter().all(|it| !it.slot.starts_with("tampered-")),
        "{said:?}"
    );
    lab.assert_clean().await;
}

#[tokio::test]
async fn what_a_run_opened_that_was_only_queued_at_the_backup_is_closed() {
    let mut lab = Lab::start().await;
    lab.talk("/pause").await;
    lab.talk("/verify V1").await;
    let kept = lab.path("gavel.backup");
    assert!(backup(&lab, &kept).status.success());
    lab.say("maintainer", "/resume").await;
    lab.until("a pull request", async || {
        lab.pulls().await.first().copied()
    })
    .await;
    lose_and_restore(&mut lab, &kept).await;

    // It goes on with the `/resume` that is read again.
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    assert_eq!(run["items"]["V1"]["attempts"], 2, "{run:#}");
    lab.slot("run-1-report", "REVIEW-5").await;
    lab.assert_clean().await;
}
