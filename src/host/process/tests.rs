//! Real programs that do what programs should not.

use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use tokio::net::unix::pipe;

/// Far more than any of these need; reached, the test has failed.
const LONG: Duration = Duration::from_secs(20);

/// A shell script in a folder of its own, which is where it runs.
fn script(lines: &str) -> (TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.sh");
    let start = format!("#!/bin/sh\ncd {}\n{lines}\n", folder.path().display());
    std::fs::write(&path, start).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Through the interpreter: a file just written may still be open for writing in a process that another test forks.
    let command = Command::new("/bin/sh").args([path]).time_limit(LONG);
    (folder, command)
}

/// A named pipe `alive`. Its other end is closed when nobody in the script is alive any more.
fn alive(folder: &TempDir) -> pipe::Receiver {
    let path = folder.path().join("alive");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    pipe::OpenOptions::new().open_receiver(path).unwrap()
}

async fn nobody_is(mut alive: pipe::Receiver) {
    let mut rest = Vec::new();
    timeout(LONG, alive.read_to_end(&mut rest))
        .await
        .expect("somebody is alive")
        .unwrap();
}

/// Until somebody has opened the pipe and written to it.
async fn somebody_is(alive: &mut pipe::Receiver) {
    let mut byte = [0];
    loop {
        timeout(LONG, alive.readable())
            .await
            .expect("nobody is alive")
            .unwrap();
        match alive.try_read(&mut byte) {
            Ok(1) => return,
            // Nobody has opened it yet.
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn what_it_says_and_how_it_ends() {
    let (_folder, command) = script("echo out; echo err >&2; exit 3");
    let outcome = run(command).await;
    assert_eq!(outcome.exit, Exit::Exited(3));
    assert_eq!(
        outcome.stdout,
        Bounded {
            text: "out\n".into(),
            bytes_total: 4,
            truncated: false
        }
    );
    assert_eq!(outcome.stderr.text, "err\n");

    let (_folder, command) = script("kill -9 $$");
    assert_eq!(run(command).await.exit, Exit::Signalled(9));
}

#[tokio::test]
async fn one_that_says_nothing() {
    let outcome = run(Command::new("true")).await;
    assert_eq!(
        (outcome.exit, outcome.stdout, outcome.stderr),
        (Exit::Exited(0), Bounded::default(), Bounded::default())
    );
}

#[tokio::test]
async fn one_that_says_garbage() {
    let (_folder, command) = script(r"printf 'a\377\376\000b'");
    let outcome = run(command).await;
    assert_eq!(
        outcome.stdout,
        Bounded {
            text: "a\u{fffd}\u{fffd}\0b".into(),
            bytes_total: 5,
            truncated: false
        }
    );
}

#[tokio::test]
async fn one_that_says_far_too_much() {
    let (_folder, command) =
        script("head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2; echo done >&2");
    let outcome = run(command).await;
    assert_eq!(outcome.exit, Exit::Exited(0));
    assert_eq!(
        (
            outcome.stdout.bytes_total,
            outcome.stdout.text.len(),
            outcome.stdout.truncated
        ),
        (100_000_000, OUTPUT_LIMIT, true)
    );
    assert_eq!(outcome.stderr.bytes_total, 100_000_005);
}

#[tokio::test]
async fn one_that_cannot_be_started() {
    let outcome = run(Command::new("/nowhere/testme-on-pr.sh")).await;
    let Exit::CouldNotStart(why) = outcome.exit else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        why,
        "/nowhere/testme-on-pr.sh could not be started: No such file or directory (os error 2)"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.txt");
    std::fs::write(&path, "not a program").unwrap();
    assert!(matches!(
        run(Command::new(path)).await.exit,
        Exit::CouldNotStart(_)
    ));
}

#[tokio::test]
async fn one_that_never_ends() {
    let (folder, command) =
        script("exec 3>alive; trap 'echo bye; exit 0' TERM; echo begun; sleep 1000");
    let alive = alive(&folder);
    let outcome = run(command.time_limit(Duration::from_millis(1500))).await;
    assert_eq!(outcome.exit, Exit::TimedOut);
    assert_eq!(
        outcome.stdout.text, "begun\nbye\n",
        "it is asked before it is killed"
    );
    nobody_is(alive).await;
}

#[tokio::test]
async fn one_that_does_not_listen() {
    let (folder, command) = script("exec 3>alive; trap '' TERM; while true; do sleep 1000; done");
    let alive = alive(&folder);
    let outcome = run(command.time_limit(Duration::from_millis(300))).await;
    assert_eq!(outcome.exit, Exit::TimedOut);
    nobody_is(alive).await;
}

#[tokio::test]
async fn one_that_leaves_a_process_behind() {
    let (folder, command) = script("exec 3>alive; sleep 1000 & echo VERDICT=GREEN");
    let alive = alive(&folder);
    let outcome = run(command).await;
    assert_eq!(outcome.exit, Exit::Exited(0));
    assert_eq!(outcome.stdout.text, "VERDICT=GREEN\n");
    assert!(outcome.took < LONG);
    nobody_is(alive).await;
}

#[tokio::test]
async fn one_that_lets_a_process_escape_with_its_pipe() {
    let (_folder, command) = script(
        "mkfifo up; setsid sh -c 'echo >up; exec sleep 3' & read up <up; echo VERDICT=GREEN",
    );
    let outcome = run(command).await;
    assert_eq!(outcome.exit, Exit::Exited(0));
    assert_eq!(outcome.stdout.text, "VERDICT=GREEN\n");
    assert!(outcome.took < LONG);
}

#[tokio::test]
async fn one_that_is_not_wanted_any_more() {
    let (folder, command) = script("exec 3>alive; echo >&3; sleep 1000");
    let mut alive = alive(&folder);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(run(command.cancelled_by(cancel.clone())));
    somebody_is(&mut alive).await;
    cancel.cancel();
    assert_eq!(running.await.unwrap().exit, Exit::Cancelled);
    nobody_is(alive).await;
}

#[tokio::test]
async fn one_that_is_forgotten() {
    let (folder, command) = script("trap '' TERM; exec 3>alive; echo >&3; sleep 1000");
    let mut alive = alive(&folder);
    let running = tokio::spawn(run(command));
    somebody_is(&mut alive).await;
    running.abort();
    nobody_is(alive).await;
}

#[tokio::test]
async fn nothing_of_the_environment_gets_through() {
    let command = Command::new("env")
        .env("POST", "1")
        .secret_env("FORGE_TOKEN", &"s3cret".into());
    let shown = format!("{command:?}");
    assert!(shown.contains("FORGE_TOKEN") && !shown.contains("s3cret"));
    let outcome = run(command).await;
    let mut names: Vec<_> = outcome
        .stdout
        .text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    names.retain(|name| !INHERITED.contains(name));
    names.sort_unstable();
    assert_eq!(names, ["FORGE_TOKEN", "POST"]);
}
