//! A verification that is asked for on Gavel's own machine.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use std::process::{Command, Output};

fn verify(lab: &Lab, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gavel"))
        .arg("verify")
        .args(arguments)
        .arg("--config")
        .arg(lab.path("gavel.toml"))
        .env_clear()
        .env("HOME", lab.path("home"))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TZ", "UTC")
        .env("GAVEL_LOG", "warn")
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_as_on_the_issue_and_leaves_report_and_bundle() {
    let mut lab = Lab::without_gavel().await;
    lab.configure("adversaries", "[\"adversary\", \"maintainer\"]");
    let typo = verify(&lab, &["V11", "--as", "maintainer"]);
    assert_eq!(typo.status.code(), Some(2));
    let complaint = String::from_utf8(typo.stderr).unwrap();
    assert!(
        complaint.contains("`V11` is not an item of the plan"),
        "{complaint}"
    );
    // It has to be somebody's, and of one who may.
    let nobodys = verify(&lab, &["V1"]);
    assert_eq!(nobodys.status.code(), Some(2));
    for account in ["outsider", "gavel"] {
        let refused = verify(&lab, &["V1", "--as", account]);
        assert_eq!(refused.status.code(), Some(2));
        let complaint = String::from_utf8(refused.stderr).unwrap();
        let says = format!("`--as {account}` was refused, and nothing was started");
        assert!(complaint.contains(&says), "{complaint}");
    }
    assert_eq!(lab.said().await.len(), 0);

    let out = lab.path("out");
    let verified = verify(
        &lab,
        &["v1", "--as", "maintainer", "--out", out.to_str().unwrap()],
    );
    let said = String::from_utf8(verified.stdout).unwrap();
    let complained = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success(), "{said}{complained}");
    let lines: Vec<&str> = said.lines().collect();
    assert_snapshot!(lines[..4].join("\n"), @"
    V1   PASS          !testme on a recipe pull request is the real gate
    G    PASS          Guardrails, held over the whole run

    run 1: PASS
    ");
    assert!(lines[4].contains("#issuecomment-"), "{said}");
    let asked = lab.said().await;
    let asked = asked
        .iter()
        .find(|comment| comment.slot.starts_with("by-hand"));
    assert_snapshot!(asked.unwrap().text, @"⌨️ `/verify v1` was given on Gavel's own machine, by `gavel verify`, for `maintainer`: who asks for a run does not accept it.");
    lab.slot("run-1-report", "REVIEW-5").await;
    lab.assert_clean().await;
    assert!(out.join("REVIEW-5.md").exists());

    let audited = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .arg("audit")
        .arg(out.join("bundle.tar.gz"))
        .output()
        .unwrap();
    assert_eq!(audited.status.code(), Some(3), "{audited:?}");

    // Whose run it is does not accept it on the issue, whoever typed.
    lab.start_gavel(&[]).await;
    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence: serde_json::Value = serde_json::from_slice(&evidence).unwrap();
    assert_eq!(evidence["asked_for_by"], "maintainer");
    let head = evidence["attempts"][0]["chain_head"].as_str().unwrap();
    let accept = format!("/accept V1 `{head}`");
    let mut answers = Vec::new();
    for who in ["maintainer", "adversary"] {
        let said = lab.say(who, &accept).await;
        answers.extend(lab.answers(TRACKING, 1, said, 1).await);
    }
    assert_snapshot!(answers.join("\n"), @"
    You asked for run 1 yourself, and nobody accepts a run of their own. Somebody else has to check V1.
    **V1** of run 1 is accepted. The report says so.
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_gavel_is_up_already_the_issue_is_the_place_to_ask() {
    let lab = Lab::start().await;
    let refused = verify(&lab, &["V1", "--as", "maintainer"]);
    assert_eq!(refused.status.code(), Some(2));
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(complaint.contains("another Gavel works on"), "{complaint}");
    assert_eq!(lab.said().await.len(), 0);
}
