//! The Adversary accepts, disputes and takes back; people decide and have ideas.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;

/// Says something as somebody, and answers Gavel's answer.
async fn talk(lab: &Lab, who: &str, text: &str) -> String {
    let said = lab.say(who, text).await;
    let answers = lab.answers(TRACKING, 1, said, 1).await;
    answers[0].clone()
}

/// The row of an item in the report, once it holds this.
async fn row(lab: &Lab, holds: &str) -> String {
    let report = lab.slot("run-1-report", holds).await;
    let mut rows = report.lines().filter(|line| line.contains("**V1**"));
    rows.next().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_judged_is_accepted_by_who_checked_it_and_counts_no_more_where_it_is_disputed() {
    let mut lab = Lab::without_gavel().await;
    lab.configure("adversaries", "[\"adversary\", \"maintainer\"]");
    lab.start_gavel(&[]).await;
    assert_snapshot!(talk(&lab, "adversary", "/accept V1 0123456789ab").await, @"V1 has not been judged yet: there is nothing to say of it.");
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");
    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence: serde_json::Value = serde_json::from_slice(&evidence).unwrap();
    let head = evidence["attempts"][0]["chain_head"].as_str().unwrap();
    let accept = format!("/accept V1 `{}`", &head[..12]);

    // A quotation is of what was checked, and by somebody else than who asked for it.
    let other = talk(&lab, "adversary", "/accept V1 0123456789ab").await;
    assert_snapshot!(other, @"The latest attempt of V1, in run 1, is sealed by `DIGEST`, and not by what you quote. Nothing is accepted: check that one.");
    assert_snapshot!(talk(&lab, "maintainer", &accept).await, @"You asked for run 1 yourself, and nobody accepts a run of their own. Somebody else has to check V1.");
    assert_snapshot!(row(&lab, "silent").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | silent |");

    assert_snapshot!(talk(&lab, "adversary", &accept).await, @"**V1** of run 1 is accepted. The report says so.");
    assert_snapshot!(row(&lab, "🤝").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | 🤝 [accepted](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary` |");
    lab.slot("run-1-report", "Cold-verified").await;
    // The same account's later word is the one that stands.
    assert_snapshot!(talk(&lab, "adversary", "/dispute V1 build 1 ran @another <b>commit</b>").await, @"**V1** of run 1 is disputed. The report says so.");
    assert_snapshot!(row(&lab, "✋").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | ✋ [disputed](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`: build 1 ran @‍another &lt;b>commit&lt;/b> |");
    assert_eq!(lab.run(1).await["verdict"], "INCONCLUSIVE");
    assert_snapshot!(talk(&lab, "adversary", "/withdraw v1").await, @"What you said of **V1** of run 1 is taken back. The report says so.");
    assert_snapshot!(row(&lab, "silent").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | silent |");
    assert_eq!(lab.run(1).await["verdict"], "PASS");
    assert_snapshot!(talk(&lab, "adversary", "/withdraw V1").await, @"Nothing that you said of the latest attempt of V1 stands.");
}

#[tokio::test]
async fn decisions_and_ideas_are_in_the_report_and_in_the_bundle() {
    let lab = Lab::start().await;
    assert_snapshot!(talk(&lab, "maintainer", "/accept V1 0123456789ab").await, @"Only those whom this installation names as adversaries (`commanders.adversaries`) accept and dispute. `/decision` and `/idea` are for everybody who may give me commands.");
    assert_snapshot!(talk(&lab, "maintainer", "/decision Merge by hand, always").await, @"The decision is on record: reports show it, and each bundle holds it.");
    assert_snapshot!(talk(&lab, "adversary", "/idea Ask @somebody | <b>twice</b>").await, @"The idea is on record: reports show it, and each bundle holds it.");
    lab.say("maintainer", "/verify V1").await;
    lab.ended(1).await;
    let report = lab.slot("run-1-report", "Decisions").await;
    let noted = &report[report.find("### Decisions").unwrap()..];
    assert_snapshot!(noted.lines().take(7).collect::<Vec<_>>().join("\n"), @"
    ### Decisions

    - Merge by hand, always (`maintainer`, [YYYY-MM-DD HH:MM UTC](http://forge/maintainers/verification/issues/1#issuecomment-N))

    ### Ideas

    - Ask @‍somebody &#124; &lt;b>twice&lt;/b> (`adversary`, [YYYY-MM-DD HH:MM UTC](http://forge/maintainers/verification/issues/1#issuecomment-N))
    ");
    let bundle = lab.path("bundle.tar.gz");
    std::fs::write(&bundle, lab.file("/runs/1/bundle.tar.gz").await).unwrap();
    let unpacked = std::process::Command::new("tar")
        .arg("xzOf")
        .arg(&bundle)
        .arg("DECISIONS.md")
        .output()
        .unwrap();
    let decisions = String::from_utf8(unpacked.stdout).unwrap();
    assert!(
        decisions.starts_with("# Decisions\n\n- Merge by hand, always ("),
        "{decisions}"
    );
}
