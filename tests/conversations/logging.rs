//! What Gavel's log looks like to a program.

use crate::lab::Lab;
use serde_json::Value;
use std::process::Command;

/// Its quiet windows alone take longer than this run may.
#[tokio::test]
async fn each_line_is_an_object_and_says_which_attempt_it_is_about() {
    let mut lab = Lab::without_gavel().await;
    lab.configure("patience.run", "\"3s\"");
    lab.start_gavel(&[("GAVEL_LOG_FORMAT", "json")]).await;
    lab.say("maintainer", "/verify V1").await;
    lab.ended(1).await;
    lab.gavel().stop();
    let log = std::fs::read_to_string(lab.path("logs/gavel.log")).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "target"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
        assert!(line["fields"]["message"].is_string(), "{line}");
    }
    let attempt = serde_json::json!({ "name": "attempt", "run": 1, "item": "V1", "attempt": 1 });
    let of_it = |message: &str| {
        let mut of_it = lines.iter().filter(|line| line["span"] == attempt);
        of_it.any(|line| line["fields"]["message"] == message)
    };
    assert!(of_it("it begins"), "{log}");
    let last = lines.last().unwrap();
    assert_eq!(last["fields"]["message"], "stopped", "{log}");
    assert!(last["span"].is_null(), "{last}");
}

#[tokio::test]
async fn a_form_that_is_not_known_is_refused() {
    let lab = Lab::without_gavel().await;
    let refused = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .args(["serve", "--config"])
        .arg(lab.path("gavel.toml"))
        .env_clear()
        .env("GAVEL_LOG_FORMAT", "xml")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        complaint,
        "gavel: the environment asks for a log in the form \"xml\", which is not known; set GAVEL_LOG_FORMAT to text or json, or remove it\n"
    );
}
