//! Pushes by git itself, each followed by a look at what the forge remembers of it.

use super::talk::Who::User;
use super::talk::{Talk, step};
use reqwest::Method;
use std::path::Path;
use std::process::Command;

fn git(at: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(at).args(args);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Some One");
        command.env(format!("GIT_{role}_EMAIL"), "contract-feeder@example.org");
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `known`: how many acts of the account are remembered already.
pub async fn push(talk: &mut Talk, forge: &str, known: usize) {
    let dir = tempfile::tempdir().unwrap();
    let account = "http://contract-feeder:contract-password@";
    let url = format!(
        "{}/contract-feeder/feed.git",
        forge.replace("http://", account)
    );
    git(dir.path(), &["clone", "-q", &url, "work"]);
    let work = dir.path().join("work");
    let old = git(&work, &["rev-parse", "HEAD"]);
    for number in 1..=7 {
        let message = format!("Commit {number}");
        git(&work, &["commit", "-q", "--allow-empty", "-m", &message]);
    }
    let back = format!("{old}:refs/heads/by-git");
    let pushes: [(&'static str, &[&str], usize); 7] = [
        ("feed-of-git-new-branch", &["HEAD:refs/heads/by-git"], 2),
        ("feed-of-git-nothing", &["HEAD:refs/heads/by-git"], 0),
        ("feed-of-git-set-back", &["--force", &back], 1),
        (
            "feed-of-git-same-commits-again",
            &["HEAD:refs/heads/by-git"],
            1,
        ),
        ("feed-of-git-tag", &["HEAD:refs/tags/v1"], 1),
        ("feed-of-git-deleted-tag", &[":refs/tags/v1"], 1),
        ("feed-of-git-deleted-branch", &[":refs/heads/by-git"], 1),
    ];
    let mut count = known;
    for (name, what, acts) in pushes {
        git(&work, &[&["push", "-q", "origin"], what].concat());
        count += acts;
        let feed = "/users/contract-feeder/activities/feeds?only-performed-by=true&limit=50";
        let look = step(name, User("contract-feeder"), Method::GET, feed);
        talk.say(look.until(count)).await;
    }
}
