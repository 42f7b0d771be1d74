//! The Adversary accepts, disputes and takes back; people decide and have ideas.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use reqwest::Method;

/// Says something as somebody, and answers Gavel's answer.
async fn talk(lab: &Lab, who: &str, text: &str) -> String {
    let said = lab.say(who, text).await;
    let answers = lab.answers(TRACKING, 1, said, 1).await;
    answers[0].clone()
}

/// What an adversary types who has checked what run 1 came to in an item.
pub async fn accept(lab: &Lab, item: &str) -> String {
    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence: serde_json::Value = serde_json::from_slice(&evidence).unwrap();
    let mut attempts = evidence["attempts"].as_array().unwrap().iter();
    let attempt = attempts.find(|attempt| attempt["item"] == item).unwrap();
    let head = attempt["chain_head"].as_str().unwrap();
    format!("/accept {item} `{head}`")
}

/// What programs read of a slot's comment.
async fn block(lab: &Lab, slot: &str) -> serde_json::Value {
    let said = lab.said().await;
    let comment = said.iter().find(|it| it.slot == slot).unwrap().id;
    let path = format!("repos/{TRACKING}/issues/comments/{comment}");
    let body = lab.get(&path).await["body"].as_str().unwrap().to_owned();
    let line = body.lines().nth(1).unwrap();
    let block = line.strip_prefix("<!-- gavel-verdicts/1 ").unwrap();
    serde_json::from_str(block.strip_suffix(" -->").unwrap()).unwrap()
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
    assert_snapshot!(talk(&lab, "adversary", "/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef").await, @"V1 has not been judged yet: there is nothing to say of it.");
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");
    let accept = self::accept(&lab, "V1").await;

    // A quotation is of what was checked, and by somebody else than who asked for it.
    let other = talk(
        &lab,
        "adversary",
        "/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    )
    .await;
    assert_snapshot!(other, @"The latest attempt of V1, in run 1, is sealed by `DIGEST…`, and not by what you quote. Nothing is accepted: check that one.");
    assert_snapshot!(talk(&lab, "maintainer", &accept).await, @"You asked for run 1 yourself, and nobody accepts a run of their own. Somebody else has to check V1.");
    assert_snapshot!(row(&lab, "silent").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | silent |");

    assert_snapshot!(talk(&lab, "adversary", &accept).await, @"**V1** of run 1 is accepted. The report says so.");
    assert_snapshot!(row(&lab, "🤝").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | 🤝 [accepted](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`, quoting `DIGEST…` |");
    let verdict = lab.slot("run-1-V1-1", "🤝").await;
    assert_snapshot!(verdict.lines().find(|line| line.contains("🤝")).unwrap(), @"🤝 [accepted](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`, quoting `DIGEST…`");
    let report = lab.slot("run-1-report", "🤝").await;
    assert!(!report.contains("Cold-verified"), "{report}");
    // What has to hold over the whole run is for somebody to check, too.
    let guardrails = self::accept(&lab, "G").await;
    assert_snapshot!(talk(&lab, "adversary", &guardrails).await, @"**G** of run 1 is accepted. The report says so.");
    let report = lab.slot("run-1-report", "Cold-verified").await;
    assert_snapshot!(report.lines().find(|line| line.contains("**G**")).unwrap(), @"| ✅ | **G** Guardrails, held over the whole run | [PASS](http://gavel/runs/1/G/1) | | 🤝 [accepted](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`, quoting `DIGEST…` |");
    // The same account's later word is the one that stands.
    assert_snapshot!(talk(&lab, "adversary", "/dispute V1 build 1 ran @another <b>commit</b>").await, @"**V1** of run 1 is disputed. The report says so.");
    assert_snapshot!(row(&lab, "✋").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | ✋ [disputed](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`: build 1 ran @‍another &lt;b>commit&lt;/b> |");
    assert_eq!(lab.run(1).await["verdict"], "INCONCLUSIVE");
    // Programs read the same.
    for slot in ["run-1-V1-1", "run-1-report"] {
        lab.slot(slot, "✋").await;
        let block = block(&lab, slot).await;
        assert_eq!(block["verdict"], "INCONCLUSIVE", "{slot}");
        let item = &block["items"][0];
        assert_eq!(item["verdict"], "PASS", "{slot}");
        let word = &item["words"][0];
        assert_eq!(
            (&word["word"], &word["account"], &word["anchor"]),
            (&"disputed".into(), &"adversary".into(), &"stands".into()),
            "{slot}"
        );
    }
    assert_snapshot!(talk(&lab, "adversary", "/withdraw v1").await, @"What you said of **V1** of run 1 is taken back. The report says so.");
    assert_snapshot!(row(&lab, "silent").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | silent |");
    assert_eq!(lab.run(1).await["verdict"], "PASS");
    assert_snapshot!(talk(&lab, "adversary", "/withdraw V1").await, @"Nothing that you said of the latest attempt of V1 stands.");
}

#[tokio::test]
async fn decisions_and_ideas_are_in_the_report_and_in_the_bundle() {
    let lab = Lab::start().await;
    assert_snapshot!(talk(&lab, "maintainer", "/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef").await, @"Only those whom this installation names as adversaries (`commanders.adversaries`) accept and dispute. `/decision` and `/idea` are for everybody who may give me commands.");
    assert_snapshot!(talk(&lab, "maintainer", "/decision Merge by hand, always").await, @"The decision is on record: the latest report shows it, and so will the bundle of each run that is still to end.");
    assert_snapshot!(talk(&lab, "adversary", "/idea Ask @somebody | <b>twice</b>").await, @"The idea is on record: the latest report shows it, and so will the bundle of each run that is still to end.");
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

/// Who reads the report cold has to find in the Adversary's own comment what the report says of it.
#[tokio::test]
async fn an_acceptance_goes_with_the_comment_that_holds_it_and_a_dispute_stays() {
    let mut lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    lab.ended(1).await;
    let typed = [accept(&lab, "V1").await, accept(&lab, "G").await].join("\n");
    let accepted = lab.say("adversary", &typed).await;
    lab.slot("run-1-report", "Cold-verified").await;
    // Who may write to the repository edits and deletes everybody's comments.
    let first = typed.lines().next().unwrap();
    lab.edit(
        "maintainer",
        accepted,
        &format!("{first}\nI never looked at G"),
    )
    .await;
    assert_snapshot!(lab.slot("word-2-1", "adversary").await, @"⚠️ [The comment](http://forge/maintainers/verification/issues/1#issuecomment-N) in which `adversary` accepted **G** of run 1 was edited, and does not say so any more. The acceptance does not count: whoever checked it accepts it anew.");
    let since = async |told: bool| {
        lab.until("a report that says what became of it", async || {
            let said = lab.said().await;
            let report = said.into_iter().find(|it| it.slot == "run-1-report")?;
            let is_told = report.text.contains("it does not count");
            (is_told == told && report.text.contains("Cold-verified") != told).then_some(())
        })
        .await
    };
    since(true).await;
    let report = block(&lab, "run-1-report").await;
    let anchor = |item: usize| report["items"][item]["words"][0]["anchor"].clone();
    assert_eq!((anchor(0), anchor(1)), ("stands".into(), "edited".into()));
    lab.edit("maintainer", accepted, &typed).await;
    assert_snapshot!(lab.slot("word-2-2", "adversary").await, @"[The comment](http://forge/maintainers/verification/issues/1#issuecomment-N) in which `adversary` accepted **G** of run 1 says so again.");
    since(false).await;

    let path = |comment: u64| format!("repos/{TRACKING}/issues/comments/{comment}");
    lab.ask("maintainer", Method::DELETE, &path(accepted), None)
        .await;
    for word in ["word-1-1", "word-2-3"] {
        lab.slot(word, "was deleted").await;
    }
    since(true).await;
    assert_snapshot!(row(&lab, "since").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | 🤝 [accepted](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`, quoting `DIGEST…`, in a comment that was deleted since: it does not count |");

    let disputed = lab
        .say("adversary", "/dispute V1 build 1 is not mine")
        .await;
    row(&lab, "✋").await;
    let progress = lab.slot("run-1", "INCONCLUSIVE").await;
    assert!(progress.contains(", disputed"), "{progress}");
    lab.gavel().stop();
    lab.ask("maintainer", Method::DELETE, &path(disputed), None)
        .await;
    lab.start_gavel(&[]).await;
    assert_snapshot!(lab.slot("word-3-1", "adversary").await, @"⚠️ [The comment](http://forge/maintainers/verification/issues/1#issuecomment-N) in which `adversary` disputed **V1** of run 1 was deleted. The dispute counts all the same, until V1 is verified again or `adversary` takes it back by `/withdraw V1`. Its reason was: build 1 is not mine");
    assert_snapshot!(row(&lab, "counts all the same").await, @"| ✅ | **V1** `!testme` on a recipe pull request is the real gate | [PASS](http://forge/maintainers/verification/issues/1#issuecomment-N) | N s | ✋ [disputed](http://forge/maintainers/verification/issues/1#issuecomment-N) by `adversary`: build 1 is not mine, in a comment that was deleted since: it counts all the same |");
    assert_eq!(lab.run(1).await["verdict"], "INCONCLUSIVE");
}

/// Every run has guardrails of its own, and a run that ended before it judged anything speaks of nothing.
#[tokio::test]
async fn guardrails_are_accepted_and_disputed_where_they_were_held() {
    let lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    lab.ended(1).await;
    let typed = accept(&lab, "G").await;
    lab.say("maintainer", "/verify V1").await;
    lab.talk("/cancel").await;
    lab.ended(2).await;
    assert_snapshot!(talk(&lab, "adversary", &typed).await, @"**G** of run 1 is accepted. The report says so.");
    assert_snapshot!(talk(&lab, "adversary", "/dispute G who looked?").await, @"**G** of run 1 is disputed. The report says so.");
    lab.slot("run-1-report", "who looked?").await;
    assert_snapshot!(talk(&lab, "adversary", "/withdraw G").await, @"What you said of **G** of run 1 is taken back. The report says so.");
    // What is decided after a run has ended stands in its report too.
    talk(&lab, "maintainer", "/decision Merge by hand").await;
    lab.slot("run-1-report", "Merge by hand").await;
}
