//! The small process that runs a command of the flow, as Gavel starts it: what it is told by standard input, and what it leaves.

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// How `program` ended where each process may have so many bytes, from what was written down of it.
fn run(program: &str, arguments: &[&str], memory: u64) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<Value> = arguments
        .iter()
        .map(|argument| json!({ "Unix": argument.as_bytes() }))
        .collect();
    let order = json!({
        "program": program,
        "arguments": arguments,
        "environment": { "PATH": { "Unix": std::env::var("PATH").unwrap().as_bytes() } },
        "time_limit": { "secs": 20, "nanos": 0 },
        "memory": memory,
        "secrets": [],
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .arg("exec")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(order.to_string().as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let end = std::fs::read(folder.path().join("end.json")).unwrap();
    serde_json::from_slice(&end).unwrap()
}

/// Reads a block of this many MiB at once.
fn takes(mebibytes: u32) -> [String; 4] {
    let block = format!("bs={mebibytes}M");
    ["if=/dev/zero", "of=/dev/null", "count=1", &block].map(str::to_owned)
}

#[test]
fn a_command_that_takes_more_memory_than_it_may_ends_with_an_error_that_says_so() {
    const LIMIT: u64 = 256 << 20;
    let told = |mebibytes| {
        let arguments = takes(mebibytes);
        run("dd", &arguments.each_ref().map(String::as_str), LIMIT)
    };
    let within = told(64);
    assert_eq!(within["exit"], json!({ "Exited": 0 }), "{within:#}");
    let beyond = told(512);
    assert_eq!(beyond["exit"], json!({ "Exited": 1 }), "{beyond:#}");
    let words = beyond["stderr"]["text"].as_str().unwrap();
    assert!(words.contains("memory exhausted"), "{words}");
}

#[test]
fn what_a_command_starts_has_its_limit_too() {
    // The soft one and the hard one, in KiB.
    let script = "ulimit -S -d; sh -c 'ulimit -S -d; ulimit -H -d'";
    let ran = run("sh", &["-c", script], 256 << 20);
    let limits = ran["stdout"]["text"].as_str().unwrap();
    assert_eq!(limits, "262144\n262144\n262144\n", "{ran:#}");
}
