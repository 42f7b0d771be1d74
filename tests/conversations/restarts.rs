//! Gavel ends, in good order or not, and comes back: nothing is lost, nothing is done twice.

use crate::lab::{Lab, TRACKING};
use reqwest::Method;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn what_was_typed_while_gavel_was_away_is_read_when_it_is_back() {
    let mut lab = Lab::start().await;
    assert!(lab.talk("/status").await.starts_with("Nothing is running."));
    lab.gavel().stop();

    // Nobody takes these deliveries, and the forge does not repeat them.
    let edited = lab.say("maintainer", "Good evening").await;
    lab.until("an edit that shows", async || {
        let now = lab.edit("maintainer", edited, "/verify V1").await;
        (now["updated_at"] != now["created_at"]).then_some(())
    })
    .await;
    lab.say("flow", "/verify V1").await;
    let dry = lab.say("maintainer", "/verify V1 dry-run").await;
    let help = lab.say("maintainer", "/help").await;
    lab.start_gavel(&[]).await;
    let answers = lab.answers(TRACKING, 1, edited, 2).await;
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(
        answers[0].starts_with("This would be verified"),
        "{answers:?}"
    );
    assert!(answers[1].starts_with("| Command |"), "{answers:?}");
    for comment in [dry, help] {
        assert_eq!(lab.reactions(comment).await, ["gavel: eyes"]);
    }

    // Read again at the next start, they are known.
    lab.gavel().stop();
    lab.start_gavel(&[]).await;
    let last = lab.talk("/status").await;
    assert!(last.starts_with("Nothing is running."), "{last}");
    assert_eq!(lab.answers(TRACKING, 1, edited, 3).await.len(), 3);
    assert!(lab.run(1).await.is_null(), "a run was started");
}

/// A forge whose clock was ahead for a moment has told of a time that is still to come.
#[tokio::test]
async fn a_time_to_come_hides_nothing_from_the_catch_up_read() {
    let mut lab = Lab::start().await;
    lab.talk("/status").await;
    lab.gavel().stop();
    let ahead = "update cursors set comment = 1, updated = '2999-01-01T00:00:00Z'";
    sqlx::query(ahead)
        .execute(&mut lab.database().await)
        .await
        .unwrap();
    let help = lab.say("maintainer", "/help").await;
    lab.start_gavel(&[]).await;
    assert_eq!(lab.reactions(help).await, ["gavel: eyes"]);
    lab.gavel().stop();
    let read = sqlx::query_scalar("select updated < '2999' from cursors");
    let read: bool = read.fetch_one(&mut lab.database().await).await.unwrap();
    assert!(read, "it is kept");
}

/// Whoever knows the webhook's secret can tell of a comment otherwise than it stands: then nobody knows what was typed, and its author is told.
#[tokio::test]
async fn a_command_of_which_something_else_was_told_is_not_passed_over() {
    let mut lab = Lab::start().await;
    lab.talk("/status").await;
    lab.gavel().stop();
    let typed = lab.say("maintainer", "/help").await;
    let mut database = lab.database().await;
    let command =
        "insert into commands (repository, issue, comment, position, account, line, received)
                   values (?, 1, ?, 0, 'maintainer', '/help', '2026-01-02T03:04:05Z')";
    let typed_ = i64::try_from(typed).unwrap();
    let put = sqlx::query(command).bind(TRACKING).bind(typed_);
    put.execute(&mut database).await.unwrap();
    for heard in [typed_, -typed_] {
        let put = sqlx::query("insert into heard values (?, ?)")
            .bind(TRACKING)
            .bind(heard);
        put.execute(&mut database).await.unwrap();
    }
    lab.start_gavel(&[]).await;
    let answers = lab.answers(TRACKING, 1, typed, 1).await;
    assert!(
        answers[0].contains("was edited before I came to it"),
        "{answers:?}"
    );
    assert_eq!(lab.reactions(typed).await, ["gavel: confused"]);
}

/// A request that does not end keeps Gavel from nothing, not from ending either.
#[tokio::test]
async fn whoever_does_not_end_a_request_does_not_keep_gavel() {
    let mut lab = Lab::start().await;
    let address = lab.place("gavel_url").strip_prefix("http://").unwrap();
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"POST /hooks/gitea HTTP/1.1\r\nhost: ga")
        .await
        .unwrap();
    // It was read: what came after it is answered.
    lab.talk("/status").await;
    lab.gavel().stop();
    assert_eq!(client.read(&mut [0]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn what_was_said_before_gavel_ever_came_was_not_said_to_it() {
    let mut lab = Lab::without_gavel().await;
    lab.say("maintainer", "/help").await;
    lab.start_gavel(&[]).await;
    // Its first look must be over before it is spoken to again.
    lab.until("the first look at the tracking issue", async || {
        let log = std::fs::read_to_string(lab.path("logs/gavel.log")).ok()?;
        log.contains("caught up").then_some(())
    })
    .await;
    lab.talk("/status").await;
    assert_eq!(lab.said().await.len(), 1);
}

#[tokio::test]
async fn killed_in_the_middle_of_a_run_gavel_goes_on() {
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    // Killed when the first pull request is there, again when its build runs, and again when the item is being judged or later.
    lab.until("a pull request", async || {
        lab.pulls().await.first().copied()
    })
    .await;
    lab.gavel().kill();
    let deploys = lab.path("deploys");
    let listening = || {
        let mut lines = crate::process::running(&deploys);
        lines.retain(|line| line.contains(" events "));
        lines
    };
    let left = listening();
    assert!(!left.is_empty(), "Gavel listens for deploys");
    lab.start_gavel(&[]).await;
    let now = listening();
    assert!(now.iter().all(|line| !left.contains(line)), "{now:?}");
    lab.until("a build of it", async || {
        let statuses = lab.statuses(lab.pulls().await.last()?.0).await;
        (!statuses.is_empty()).then_some(())
    })
    .await;
    lab.gavel().kill();
    lab.start_gavel(&[]).await;
    lab.slot("run-1-V1-", "PASS").await;
    lab.gavel().kill();
    lab.start_gavel(&[]).await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    lab.slot("run-1-report", "REVIEW-5").await;
    lab.slot("run-1", "✅ Run 1").await;
    lab.assert_clean().await;
}

#[tokio::test]
async fn stopped_in_the_middle_of_a_run_gavel_ends_at_once_and_goes_on_later() {
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    lab.until("a pull request", async || {
        lab.pulls().await.first().copied()
    })
    .await;
    let asked = std::time::Instant::now();
    lab.gavel().stop();
    assert!(asked.elapsed().as_secs() < 10, "{:?}", asked.elapsed());
    lab.start_gavel(&[]).await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    lab.assert_clean().await;
}

/// The small process of the command of a step, once it runs.
async fn command(lab: &Lab, step: &str) -> i32 {
    lab.until("a command of the flow", async || {
        let spools = std::fs::read_dir(lab.path("gavel-data/spool")).ok()?;
        let of_step = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(step);
        let spools = spools.flatten().filter(|spool| of_step(&spool.file_name()));
        let pids = spools.filter_map(|spool| {
            let text = std::fs::read_to_string(spool.path().join("pid")).ok()?;
            text.parse().ok()
        });
        pids.last()
    })
    .await
}

/// What has ended, and only nobody has asked how, has no program any more.
fn is_running(pid: i32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// A command of the flow is no child of Gavel's that dies with it: it is found again, and not begun anew.
#[tokio::test]
async fn a_command_of_the_flow_outlives_gavel() {
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V2").await;
    // Both wait for a whole build.
    for (step, kill) in [(".green%2Etold", true), (".red%2Etold", false)] {
        let pid = command(&lab, step).await;
        match kill {
            true => lab.gavel().kill(),
            false => lab.gavel().stop(),
        }
        assert!(is_running(pid), "it went with Gavel");
        lab.start_gavel(&[]).await;
        lab.until("the command's end", async || {
            (!is_running(pid)).then_some(())
        })
        .await;
    }
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    assert_eq!(run["items"]["V2"]["attempts"], 1, "{run:#}");
    assert_eq!(
        std::fs::read_dir(lab.path("gavel-data/spool"))
            .unwrap()
            .count(),
        0
    );
    lab.assert_clean().await;
}

/// What a database that takes nothing for a while interrupts is gone on with: a command that was begun is not begun again.
#[tokio::test]
async fn a_command_is_run_once_although_its_end_cannot_be_stored() {
    use sqlx::Connection;
    let lab = Lab::start().await;
    lab.say("maintainer", "/verify V2").await;
    let pid = command(&lab, ".green%2Etold").await;
    let mut others = lab.database().await;
    let held = others.begin_with("begin immediate").await.unwrap();
    lab.until("the trouble", async || {
        let log = std::fs::read_to_string(lab.path("logs/gavel.log")).ok()?;
        log.contains("the run cannot go on now").then_some(())
    })
    .await;
    assert_eq!(command(&lab, ".green%2Etold").await, pid);
    held.rollback().await.unwrap();
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    assert_eq!(run["items"]["V2"]["attempts"], 1, "{run:#}");
    lab.assert_clean().await;
}

/// What somebody else ends cannot be taken up: the item is begun anew, and what was left of the command is ended first.
#[tokio::test]
async fn a_command_that_somebody_ended_is_begun_anew() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V2").await;
    let pid = command(&lab, ".green%2Etold").await;
    lab.gavel().kill();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    lab.start_gavel(&[]).await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    assert_eq!(run["items"]["V2"]["attempts"], 2, "{run:#}");
    lab.assert_clean().await;
}

#[tokio::test]
async fn a_command_ends_with_the_run_that_is_cancelled() {
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V2").await;
    let pid = command(&lab, ".green%2Etold").await;
    // Also where Gavel was not there when it was asked to.
    lab.gavel().kill();
    lab.say("maintainer", "/cancel").await;
    lab.start_gavel(&[]).await;
    let run = lab.ended(1).await;
    assert_eq!(run["state"], "cancelled", "{run:#}");
    assert!(!is_running(pid));
    lab.assert_clean().await;
}

/// Its command had moved `main` of the mirror, and the run was cancelled before anybody had looked where to: the forge tells who pushed it.
#[tokio::test]
async fn a_branch_is_put_back_where_the_run_was_cancelled_before_it_looked() {
    const MOVED: &str = "recipe-maintainers/sandbox-upgrade";
    for (by, typed, is_put_back) in [
        // What is cut short leaves nothing that anybody wanted to look at.
        ("flow", "/verify V3 force keep", true),
        ("gavel", "/verify V3 force", true),
        ("admin", "/verify V3 force", false),
    ] {
        let mut lab = Lab::without_gavel().await;
        let at = lab.path("waits");
        std::fs::write(&at, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
        lab.configure("flow.recipe_upgrade.command", &format!("[{at:?}]"));
        lab.start_gavel(&[]).await;
        let head = async || {
            let main = lab.get(&format!("repos/{MOVED}/branches/main")).await;
            main["commit"]["id"].as_str().unwrap().to_owned()
        };
        let was = head().await;
        lab.say("maintainer", typed).await;
        let pid = command(&lab, ".run").await;
        let file = json!({ "branch": "main", "content": "", "message": "Move on" });
        let path = format!("repos/{MOVED}/contents/new");
        lab.ask(by, Method::POST, &path, Some(file)).await;
        let moved = head().await;
        assert_ne!(moved, was);
        lab.say("maintainer", "/cancel").await;
        let run = lab.ended(1).await;
        assert_eq!(run["state"], "cancelled", "{run:#}");
        assert!(!is_running(pid));
        let expected = if is_put_back { &was } else { &moved };
        assert_eq!(&head().await, expected, "{by}");
    }
}
