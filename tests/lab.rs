//! The lab and Gavel together, as scripts use them: the healthy lab passes in both bridge modes, one fault of each part comes out as
//! declared, and the exit statuses are those that are documented.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

fn gavel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gavel"))
        .args(arguments)
        .output()
        .expect("the binary under test starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "no JSON on stdout ({error}); stderr: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn healthy(mode: &str) {
    let output = gavel(&[
        "lab", "demo", "--items", "V1 V2", "--bridge", mode, "--json",
    ]);
    let said = json(&output);
    assert_eq!(said["verdict"], "PASS", "{said:#}");
    for (item, clauses) in [("V1", 7), ("V2", 7)] {
        assert_eq!(said["items"][item]["attempts"], 1, "{said:#}");
        let passed = said["items"][item]["clauses"].as_object().map_or(0, |all| {
            all.values().filter(|verdict| *verdict == "PASS").count()
        });
        assert_eq!(passed, clauses, "{said:#}");
    }
    assert_eq!(said["findings"], serde_json::json!([]));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_healthy_lab_passes_where_the_bridge_polls() {
    healthy("poll");
}

#[test]
fn the_healthy_lab_passes_where_the_bridge_takes_webhooks() {
    healthy("webhook");
}

#[test]
fn a_broken_flow_exits_with_1_and_tells_the_finding() {
    let output = gavel(&[
        "lab",
        "demo",
        "--items",
        "V1",
        "--fault",
        "bridge-matches-prefix",
        "--json",
    ]);
    let said = json(&output);
    assert_eq!(said["verdict"], "FAIL", "{said:#}");
    assert_eq!(said["items"]["V1"]["clauses"]["V1.5"], "FAIL", "{said:#}");
    assert_eq!(said["findings"][0]["id"], "F1", "{said:#}");
    assert_eq!(said["findings"][0]["clause"], "V1.5", "{said:#}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn one_fault_of_each_part_comes_out_as_declared() {
    let output = gavel(&[
        "lab",
        "matrix",
        "--json",
        "--fault",
        "bridge-knows-members-only",
        "--fault",
        "drone-ignores-exit-codes",
        "--fault",
        "harness-stale-results",
        "--fault",
        "helper-red-as-green",
        "--fault",
        "gate-comments-helper-statuses",
    ]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_fault_that_does_not_exist_is_said_so_and_exits_with_2() {
    let output = gavel(&["lab", "demo", "--fault", "bridge-is-purple"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("bridge-is-purple") && said.contains("gavel lab faults"),
        "{said}"
    );
}

#[test]
fn a_lab_that_serves_ends_when_it_is_told_to_the_moment_it_is_ready() {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .args(["lab", "serve", "--no-bot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary under test starts");
    let mut stdout = BufReader::new(lab.stdout.take().expect("its output was asked for"));
    let mut ready = String::new();
    stdout
        .read_line(&mut ready)
        .expect("it says that it is ready");
    let ready: Value = serde_json::from_str(ready.trim_start_matches("ready ")).expect("as JSON");
    let folder = ready["dir"].as_str().expect("its folder").to_owned();
    let pid = Pid::from_child(&lab);
    kill_process(pid, Signal::TERM).expect("it is still there to be told");
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || ended.send(lab.wait()));
    let Ok(status) = wait.recv_timeout(Duration::from_secs(60)) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("the lab was told to end and did not");
    };
    assert_eq!(status.expect("it can be waited for").code(), Some(0));
    assert!(!std::path::Path::new(&folder).exists(), "{folder} was left");
}

/// The whole of it takes half an hour; here a few steps from all over a run, and two random instants.
#[test]
fn killed_and_started_again_gavel_comes_to_the_same() {
    let output = gavel(&[
        "lab", "crash", "--items", "V1", "--sample", "7", "--kills", "9", "--json",
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = json(&output);
    assert_eq!(told["kills"], 9, "{told} {errors}");
    for nought in [
        "lost",
        "doubled",
        "comments_doubled",
        "leaked",
        "wrong_verdicts",
        "failed",
    ] {
        assert_eq!(told[nought], 0, "{told} {errors}");
    }
    assert!(output.status.success(), "{errors}");
}

/// Forge and Drone fail in every way, and webhooks go astray, in one run; `gavel lab chaos` has more of them.
#[test]
fn disturbed_in_every_way_gavel_comes_to_the_same() {
    let output = gavel(&[
        "lab", "chaos", "--items", "V1", "--runs", "1", "--rate", "0.05", "--seed", "3", "--json",
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = json(&output);
    for kind in [
        "server-error",
        "too-many-requests",
        "answer-lost",
        "cut-before",
        "cut-answer",
        "slow",
        "clock-off",
    ] {
        assert!(told["faults"][kind].as_u64() > Some(0), "{told} {errors}");
    }
    for nought in [
        "verdicts_differ",
        "comments_doubled",
        "lost",
        "leaked",
        "failed",
    ] {
        assert_eq!(told[nought], 0, "{told} {errors}");
    }
    assert!(output.status.success(), "{errors}");
}
