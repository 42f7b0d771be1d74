//! The box while verification goes on: what cannot be asked there, and what is left there when Gavel dies.

use crate::lab::{Lab, MIRROR};
use insta::assert_snapshot;
use std::process::Command;

const SESSION: &str = "cc-ci-upgrader";

/// The lab's tmux sessions, by name.
fn sessions(lab: &Lab) -> Vec<String> {
    let settings = std::fs::read_to_string(lab.path("gavel.toml")).unwrap();
    let (_, place) = settings.split_once("TMUX_TMPDIR = \"").unwrap();
    let place = place.split('"').next().unwrap();
    let listed = Command::new("tmux")
        .args(["-f", "/dev/null", "list-sessions", "-F", "#{session_name}"])
        .env("TMUX_TMPDIR", place)
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    names.lines().map(str::to_owned).collect()
}

/// What V9 says of a box where one key of `[host]` is this.
async fn cleaned_up_with(key: &str, value: &str) -> String {
    let mut lab = Lab::without_gavel().await;
    lab.configure(&format!("host.{key}"), value);
    lab.start_gavel(&[]).await;
    lab.say("maintainer", "/verify V9").await;
    lab.ended(1).await;
    lab.clauses(1, "V9").await
}

#[tokio::test]
async fn a_crontab_that_cannot_be_read() {
    assert_snapshot!(cleaned_up_with("crontab", "[\"ls\", \"/no/crontab\"]").await, @"
    V9.1 PASS: 0 pull requests, all closed, none merged
    V9.2 PASS: 0 branches, none of them left as it was made
    V9.3 PASS: nothing was tested, and nothing is deployed
    V9.4 PASS: no session `cc-ci-upgrader` was launched, and none is there
    V9.5 INCONCLUSIVE: `open.crontab` could not be observed: `ls /no/crontab` failed (exit code 2): ls: cannot access '/no/crontab': No such file or directory
    ");
}

#[tokio::test]
async fn a_box_without_tmux() {
    assert_snapshot!(cleaned_up_with("tmux", "[\"no-such-tmux\"]").await, @"
    V9.1 PASS: 0 pull requests, all closed, none merged
    V9.2 PASS: 0 branches, none of them left as it was made
    V9.3 PASS: nothing was tested, and nothing is deployed
    V9.4 INCONCLUSIVE: `open.sessions` could not be observed: `no-such-tmux -u list-panes -a -F '#{session_id} #{session_created} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_name}'` could not be run: no-such-tmux could not be started: No such file or directory (os error 2). Install it, or name it under `host` in gavel.toml
    V9.5 INCONCLUSIVE: `open.sessions` could not be observed: `no-such-tmux -u list-panes -a -F '#{session_id} #{session_created} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_name}'` could not be run: no-such-tmux could not be started: No such file or directory (os error 2). Install it, or name it under `host` in gavel.toml
    ");
}

#[tokio::test]
async fn killed_while_the_weekly_run_is_at_work() {
    let mut lab = Lab::start().await;
    let others = sessions(&lab);
    lab.say("maintainer", "/verify V8a").await;
    lab.until("the session", async || {
        let there = sessions(&lab).iter().any(|name| name == SESSION);
        there.then_some(())
    })
    .await;
    lab.gavel().kill();
    assert!(sessions(&lab).iter().any(|name| name == SESSION));
    // It goes on, and is told to stop in the middle of it: what it launched before is not forgotten.
    lab.start_gavel(&[]).await;
    assert!(
        lab.talk("/cancel")
            .await
            .starts_with("Run 1 is being cancelled")
    );
    lab.ended(1).await;
    assert_eq!(sessions(&lab), others);
    let branches = lab.get(&format!("repos/{MIRROR}/branches")).await;
    assert_eq!(branches.as_array().unwrap().len(), 3, "{branches:#}");
}
