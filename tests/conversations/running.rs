//! A run while it goes on: what is said about it, there and in its pull requests, and how it is ended.

use crate::lab::{Lab, MIRROR, TRACKING};
use insta::assert_snapshot;

/// The first pull request that Gavel opens and introduces.
async fn introduced(lab: &Lab) -> (u64, String) {
    lab.until("an introduced pull request", async || {
        let (number, _) = *lab.pulls().await.first()?;
        let mut comments = lab.comments(MIRROR, number).await;
        comments.retain(|comment| comment.slot.starts_with("opened-"));
        Some((number, comments.pop()?.text))
    })
    .await
}

#[tokio::test]
async fn a_run_is_asked_about_and_cancelled() {
    let lab = Lab::start().await;
    let asked = lab.say("maintainer", "/verify v1,v2").await;
    let (pull, introduction) = introduced(&lab).await;
    assert_eq!(lab.reactions(asked).await, ["gavel: eyes"]);
    assert_snapshot!(introduction, @"🔬 This pull request belongs to [verification run 1](http://gavel/runs/1): V1, known green. It is closed when that is done. Please do not merge it.");
    assert_snapshot!(lab.talk("/status").await, @"- [Run 1](http://forge/maintainers/verification/issues/1#issuecomment-N) is running, asked for by `maintainer`: V1, V2");

    // In a pull request of the run, questions are answered and orders are not taken.
    let status = lab.say_in(MIRROR, pull, "maintainer", "/status").await;
    assert_snapshot!(lab.answers(MIRROR, pull, status, 1).await[0], @"- [Run 1](http://forge/maintainers/verification/issues/1#issuecomment-N) is running, asked for by `maintainer`: V1, V2");
    let order = lab.say_in(MIRROR, pull, "maintainer", "/verify V1").await;
    assert_snapshot!(lab.answers(MIRROR, pull, order, 1).await[0], @"That belongs on the [tracking issue](http://forge/maintainers/verification/issues/1). Here I answer `/status` and `/help`.");

    // A second run waits for the first.
    lab.say("maintainer", "/verify V1").await;
    let waiting = lab.slot("run-2", "Run 2").await;
    assert_snapshot!(waiting, @"
    ### 🕓 Run 2 is queued

    | | Item | Now |
    |:-:|---|---|
    |  | **V1** `!testme` on a recipe pull request is the real gate | waiting |


    <sub>Asked for by `maintainer` at HH:MM UTC · [everything that was seen](http://gavel/runs/2)</sub>
    ");

    assert_snapshot!(lab.talk("/cancel").await, @"Run 1 is being cancelled. What it opened is closed; nothing is judged any more.");
    let run = lab.ended(1).await;
    assert_eq!(
        (&run["state"], &run["verdict"]),
        (&"cancelled".into(), &"INCONCLUSIVE".into()),
        "{run:#}"
    );
    assert_snapshot!(lab.slot("run-1", "was cancelled").await, @"
    ### 🚫 Run 1 was cancelled by `maintainer`

    | | Item | Verdict |
    |:-:|---|---|
    | 🚫 | **V1** `!testme` on a recipe pull request is the real gate | not verified |
    | 🚫 | **V2** `testme-on-pr.sh` reads the verdict correctly | not verified |
    | ✅ | Guardrails, held over the whole run | [**PASS**](http://gavel/runs/1/G/1) |

    [The report](http://forge/maintainers/verification/issues/1#issuecomment-N) · N s

    <sub>Asked for by `maintainer` at HH:MM UTC · [everything that was seen](http://gavel/runs/1)</sub>
    ");
    let report = lab.slot("run-1-report", "cancelled").await;
    assert!(report.contains("before anything was judged"), "{report}");
    let closing = lab.comments(MIRROR, pull).await.pop().unwrap();
    assert_eq!(
        (closing.by.as_str(), closing.slot.split('-').next()),
        ("gavel", Some("closed"))
    );
    assert_snapshot!(closing.text, @"Done: [verification run 1](http://gavel/runs/1) no longer needs this pull request. Closed, not merged; its branch is deleted.");

    // The next one begins by itself, and is cancelled as well.
    lab.until("the second run", async || {
        (lab.run(2).await["state"] == "running").then_some(())
    })
    .await;
    lab.talk("/cancel").await;
    assert_eq!(lab.ended(2).await["state"], "cancelled");
    lab.assert_clean().await;
    assert_eq!(
        lab.run(1).await["items"]["V2"]["attempts"],
        0,
        "V2 was begun after all"
    );
}

#[tokio::test]
async fn a_run_from_the_command_to_the_report() {
    let lab = Lab::start().await;
    let asked = lab
        .say("maintainer", "Once more, please.\n\n/verify V1")
        .await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    lab.until("both reactions", async || {
        (lab.reactions(asked).await == ["gavel: eyes", "gavel: hooray"]).then_some(())
    })
    .await;
    assert_snapshot!(lab.slot("run-1", "✅ Run 1").await, @"
    ### ✅ Run 1: PASS

    | | Item | Verdict |
    |:-:|---|---|
    | ✅ | **V1** `!testme` on a recipe pull request is the real gate | [**PASS**](http://forge/maintainers/verification/issues/1#issuecomment-N) in N s |
    | ✅ | Guardrails, held over the whole run | [**PASS**](http://gavel/runs/1/G/1) |

    [The report](http://forge/maintainers/verification/issues/1#issuecomment-N) · N s

    <sub>Asked for by `maintainer` at HH:MM UTC · [everything that was seen](http://gavel/runs/1)</sub>
    ");
    let slots: Vec<_> = lab.said().await.into_iter().map(|said| said.slot).collect();
    assert_eq!(slots, ["run-1", "run-1-V1-1", "run-1-report"]);
    lab.assert_clean().await;

    let report = lab.slot("run-1-report", "REVIEW-5").await;
    let again = lab.say("maintainer", "/report").await;
    assert_eq!(lab.answers(TRACKING, 1, again, 1).await, [report]);
}

/// Its quiet windows alone take longer than this deadline.
#[tokio::test]
async fn a_run_ends_at_its_deadline() {
    let mut lab = Lab::without_gavel().await;
    lab.configure("patience.run", "\"3s\"");
    lab.start_gavel(&[]).await;
    lab.say("maintainer", "/verify V1").await;
    let run = lab.ended(1).await;
    assert_eq!(
        (&run["state"], &run["verdict"]),
        (&"overdue".into(), &"INCONCLUSIVE".into()),
        "{run:#}"
    );
    let progress = lab.slot("run-1", "ended at its deadline").await;
    assert_snapshot!(progress.lines().next().unwrap(), @"### 🚫 Run 1 was ended at its deadline (`patience.run`)");
    assert_snapshot!(lab.slot("run-1-report", "ended at its deadline").await, @"🚫 Run 1 was ended at its deadline (`patience.run`) before anything was judged. What it had opened is closed.");
    let page = String::from_utf8(lab.file("/runs/1").await).unwrap();
    assert!(page.contains("ended at its deadline"), "{page}");
    // The next one has its own.
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(2).await["state"], "overdue");
    lab.assert_clean().await;
}
