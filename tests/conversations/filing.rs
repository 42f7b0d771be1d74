//! Findings become issues, one for each clause, and what later runs come to is said there.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use std::io::Write;

/// A run during which somebody writes into a skill, or nobody does.
async fn verify(lab: &Lab, run: u64, meddle: bool) {
    lab.say("maintainer", "/verify V1").await;
    let before = run as usize - 1;
    lab.until("a pull request of the run", async || {
        lab.pulls()
            .await
            .iter()
            .any(|(_, open)| *open)
            .then_some(())
    })
    .await;
    if meddle {
        let path = lab.path("skills/recipe-upgrade/SKILL.md");
        let mut skill = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(skill, "\nOnce more: {before}").unwrap();
    }
    let ended = lab.ended(run).await;
    let g6 = &ended["guardrails"]["G6"];
    assert_eq!(g6, if meddle { "FAIL" } else { "PASS" }, "{ended:#}");
}

#[tokio::test]
async fn a_finding_is_filed_once_and_followed() {
    let lab = Lab::start().await;
    assert_snapshot!(lab.talk("/file all").await, @"The latest report has no findings.");
    verify(&lab, 1, true).await;
    let filed = lab.talk("/file F1, F7").await;
    let number: u64 = filed
        .split("/issues/")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{filed}"));
    assert_snapshot!(filed.replace(&format!("/issues/{number}"), "/issues/N"), @"
    - F7: the latest report has no such finding
    - F1: [filed](http://forge/maintainers/verification/issues/N)
    ");
    let issue = lab.get(&format!("repos/{TRACKING}/issues/{number}")).await;
    assert_eq!(issue["user"]["login"], "gavel");
    let title = issue["title"]
        .as_str()
        .unwrap()
        .replace(lab.path("").to_str().unwrap(), "DIR/");
    assert_snapshot!(title, @"G6: DIR/skills/recipe-upgrade/SKILL.md changed while it was followed");
    let body = issue["body"].as_str().unwrap();
    for needed in [
        "G6",
        "**Expected:**",
        "**Evidence:**",
        "**Where a fix would go:**",
        "sealed by",
        "harness",
    ] {
        assert!(body.contains(needed), "{needed}: {body}");
    }

    verify(&lab, 2, true).await;
    assert_snapshot!(lab.talk("/file all").await.replace(&format!("/issues/{number}"), "/issues/N"), @"- F1: [is on file](http://forge/maintainers/verification/issues/N), and open");
    verify(&lab, 3, false).await;
    let told = lab
        .until("what two runs came to", async || {
            let told = lab.comments(TRACKING, number).await;
            (told.len() >= 2).then_some(told)
        })
        .await;
    let told: Vec<String> = told.into_iter().map(|comment| comment.text).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("❌ In [run 2]"), "{told:?}");
    assert!(told[1].starts_with("✅ In [run 3]"), "{told:?}");

    // Closed, it is opened anew the next time.
    lab.ask(
        "maintainer",
        reqwest::Method::PATCH,
        &format!("repos/{TRACKING}/issues/{number}"),
        Some(serde_json::json!({ "state": "closed" })),
    )
    .await;
    verify(&lab, 4, true).await;
    let again = lab.talk("/file F1").await;
    assert!(
        again.contains("[filed]") && !again.contains(&format!("/issues/{number})")),
        "{again}"
    );
}
