//! The lab and Gavel together, as scripts use them: the healthy lab passes in both bridge modes, one fault of each part comes out as
//! declared, and the exit statuses are those that are documented.

use serde_json::Value;
use std::process::{Command, Output};

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
