//! All of the plan in one conversation, and what follows when it has passed. It takes longest, and its name has it begin first.

use crate::asking_again::Auditor;
use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// Every item, one after another, while other tests keep the machine busy.
const LONG: Duration = Duration::from_secs(600);

async fn labels(lab: &Lab) -> Vec<String> {
    let issue = lab.get(&format!("repos/{TRACKING}/issues/1")).await;
    let labels = issue["labels"].as_array().cloned().unwrap_or_default();
    let name = |label: &Value| label["name"].as_str().unwrap().to_owned();
    labels.iter().map(name).collect()
}

#[tokio::test]
async fn a_plan_that_has_passed_is_labelled_and_followed_by_what_is_configured() {
    let lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");
    // A part of the plan is not the plan.
    assert_eq!(labels(&lab).await, [""; 0]);
    assert!(!lab.path("crontab").exists());

    lab.say("maintainer", "/verify all").await;
    let run = lab.ended_within(2, LONG).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    let items = run["items"].as_object().unwrap();
    for (item, told) in items {
        assert_eq!(told["attempts"], 1, "{item}: {run:#}");
    }
    assert_eq!(labels(&lab).await, ["verified"]);
    let crontab = std::fs::read_to_string(lab.path("crontab")).unwrap();
    assert!(crontab.starts_with("0 3 * * 6 "), "{crontab}");
    assert_eq!(crontab.lines().count(), 1, "{crontab}");
    assert!(lab.path("watchdog").exists());
    let said = lab.slot("run-2-verified", "ended well").await;
    assert_snapshot!(said, @"
    🎉 **Verified.** In [run 2](http://forge/maintainers/verification/issues/1#issuecomment-N) everything passed, against one set of versions.

    - this issue is labelled `verified`
    - `DIR/bin/on-verified 0 3 * * 6 DIR/bin/launch-upgrader.sh start` ran and ended well
    ");
    let report = lab.slot("run-2-report", "### Before this run").await;
    let before = report.find("- **V1**: ✅ [PASS]").map(|at| &report[at..]);
    let before = before.and_then(|before| before.lines().next());
    assert_snapshot!(before.unwrap_or(&report), @"- **V1**: ✅ [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) in run 1");
    lab.say("adversary", "/dispute V4 its build ran another commit")
        .await;
    let said = lab.slot("run-2-unlabelled", "is off").await;
    assert_snapshot!(said, @"🏷️ The label `verified` is off this issue: [run 2](http://forge/maintainers/verification/issues/1#issuecomment-N) is disputed, so that it verifies nothing while that stands.");
    assert_eq!(labels(&lab).await, [""; 0]);
    lab.say("adversary", "/withdraw V4").await;
    lab.until("the label is back", async || {
        (labels(&lab).await == ["verified"]).then_some(())
    })
    .await;
    lab.assert_clean().await;
    let mut auditor = Auditor::of(&lab, 2).await;
    auditor.agrees();
    let tags = lab.configured("registry", "url") + "/v2/lab/plain/manifests/1.4.0";
    lab.do_at(Method::DELETE, &tags).await;
    assert_snapshot!(auditor.news(), @"tags of lab/plain: gone: 1.4.0. No longer supports V3.3, V8.1, V8.3, V8.4, V8.5");
    // What is said of a later run speaks against the label too.
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(3).await["verdict"], "PASS");
    assert_eq!(labels(&lab).await, ["verified"]);
    lab.say("adversary", "/dispute V1 its build ran another commit")
        .await;
    lab.slot("run-3-unlabelled", "is disputed").await;
    assert_eq!(labels(&lab).await, [""; 0]);
    lab.say("adversary", "/withdraw V1").await;
    lab.until("the label is back", async || {
        (labels(&lab).await == ["verified"]).then_some(())
    })
    .await;
    // Gavel goes on after trouble of its own; in a healthy world it has none.
    let log = std::fs::read_to_string(lab.path("logs/gavel.log")).unwrap();
    let mut lines = log.lines();
    assert_eq!(lines.find(|line| line.contains(" ERROR ")), None);
}
