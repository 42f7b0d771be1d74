//! Commands that start nothing, what is none, and who is heard.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;

#[tokio::test]
async fn what_gavel_answers_when_nothing_runs() {
    let lab = Lab::start().await;
    assert_snapshot!(lab.talk("/help").await, @"
    | Command | What it does |
    |---|---|
    | `/verify V1`, `/verify V1-V9`, `/verify all` | verifies these items and what they need; `keep` leaves what was opened, `force` goes on after a failed prerequisite, `dry-run` only tells what would be done |
    | `/status` | tells what is running |
    | `/cancel` | ends the run and closes what it opened |
    | `/pause`, `/resume` | lets no run start until then; what is asked for meanwhile waits in line, what is running goes on to its end |
    | `/report` | posts the latest report again |
    | `/cleanup` | closes what earlier runs left, also what they were asked to keep |
    | `/accept V4 DIGEST`, `/dispute V4 why`, `/withdraw V4` | for adversaries: says of the latest attempt that you checked it, quoting the digest that seals it, or that you do not believe it; takes that back |
    | `/file F2`, `/file all` | opens issues for findings of the latest report |
    | `/decision text`, `/idea text` | records it, for reports and bundles |
    | `/help` | this |

    | Item | What is verified |
    |---|---|
    | V1 | `!testme` on a recipe pull request is the real gate |
    | V2 | `testme-on-pr.sh` reads the verdict correctly |
    | V3 | `/recipe-upgrade` is green end to end |
    | V4 | A regression gets three runs |
    | V5 | A stale test is told of, and not edited |
    | V6 | `--with-tests` updates a stale test by pull request |
    | V7 | The mirror is reconciled |
    | V8 | `/upgrade-all` in default mode |
    | V8a | The `cc-ci-upgrader` agent |
    | V9 | Cleanup |

    <sub>A command stands at the start of a line. An edited comment is not executed: write a new one.</sub>
    ");
    assert_snapshot!(lab.talk("/status").await, @"Nothing is running. `/verify all` starts a run, `/help` tells what else there is.");
    assert_snapshot!(lab.talk("/cancel").await, @"Nothing is running that could be cancelled.");
    assert_snapshot!(lab.talk("/report").await, @"There is no report yet: no run has ended. `/verify all` starts one.");
    assert_snapshot!(lab.talk("/verify v2 dry-run").await, @"
    This would be verified, in this order. Nothing was started.

    | Item | What it does | Time |
    |---|---|---|
    | **V1** `!testme` on a recipe pull request is the real gate | Opens a known-green and a known-red pull request in the mirror, types every good and bad trigger there, also in the outsider's name, and waits for the builds | not timed yet |
    | **V2** `testme-on-pr.sh` reads the verdict correctly | Opens a known-green and a known-red pull request in the mirror, runs the helper on them with `POST=0` and `POST=1`, and waits for the builds | not timed yet |

    How long it takes is not known: nothing of it has been run here. It would touch `coop-cloud/custom-html-tiny`, `coop-cloud/sandbox-current`, `coop-cloud/sandbox-persistent`, `coop-cloud/sandbox-reconcile`, `coop-cloud/sandbox-repairable`, `coop-cloud/sandbox-stale`, `coop-cloud/sandbox-upgrade`, `recipe-maintainers/cc-ci`, `recipe-maintainers/custom-html-tiny`, `recipe-maintainers/sandbox-current`, `recipe-maintainers/sandbox-persistent`, `recipe-maintainers/sandbox-reconcile`, `recipe-maintainers/sandbox-repairable`, `recipe-maintainers/sandbox-stale`, `recipe-maintainers/sandbox-upgrade`, close what it opens, and merge nothing.
    ");
    assert!(lab.run(1).await.is_null(), "a run was started");
    assert!(lab.pulls().await.is_empty());
}

#[tokio::test]
async fn what_gavel_answers_to_a_slip() {
    let lab = Lab::start().await;
    assert_snapshot!(lab.talk("/verify V77").await, @"
    `V77` is not an item of the plan. Known are `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.

    <sub>You wrote `/verify V77`.</sub>
    ");
    assert_snapshot!(lab.talk("/verify").await, @"
    `/verify` expects items, such as `/verify V1`, `/verify V1-V2` or `/verify all`.

    <sub>You wrote `/verify`.</sub>
    ");
    assert_snapshot!(lab.talk("/verify V2-V1").await, @"
    `V2-V1` runs backwards: the plan's order is `V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`.

    <sub>You wrote `/verify V2-V1`.</sub>
    ");
    assert_snapshot!(lab.talk("/status please").await, @"
    `/status` stands alone, `please` was not expected.

    <sub>You wrote `/status please`.</sub>
    ");
    let slip = lab.say("maintainer", "/verfy V1").await;
    assert_snapshot!(lab.answers(TRACKING, 1, slip, 1).await[0], @"
    `/verfy` is not a command. Did you mean `/verify`?

    <sub>You wrote `/verfy V1`.</sub>
    ");
    assert_eq!(lab.reactions(slip).await, ["gavel: confused"]);
    assert!(lab.run(1).await.is_null(), "a run was started");
}

#[tokio::test]
async fn eleven_commands_are_one_too_many() {
    let lab = Lab::start().await;
    let said = lab.say("maintainer", &"/status\n".repeat(11)).await;
    let answers = lab.answers(TRACKING, 1, said, 11).await;
    assert_eq!(answers.len(), 11);
    assert!(answers[..10].iter().all(|answer| *answer == answers[0]));
    assert!(
        answers[0].starts_with("Nothing is running."),
        "{}",
        answers[0]
    );
    assert_snapshot!(answers[10], @"
    A comment may hold 10 commands; those after them were not read.

    <sub>You wrote `/status`.</sub>
    ");
}

#[tokio::test]
async fn what_is_no_command_gets_nothing() {
    let lab = Lab::start().await;
    for text in [
        "```\n/verify V1\n```",
        "> /verify V1",
        "    /verify V1",
        "Type `/verify V1` to start.",
        "- /verify V1",
        "/usr/bin/gavel is the program",
        "Hello!",
    ] {
        lab.say("maintainer", text).await;
    }
    // The flow and the gate may write here as anybody may, and are not heard.
    for account in ["flow", "bridge"] {
        lab.say(account, "/verify V1").await;
    }
    // Gavel's own words are none either.
    lab.say("gavel", "/verify V1").await;
    let edited = lab.say("maintainer", "I forgot the command").await;
    lab.edit("maintainer", edited, "/verify V1").await;
    // Commands are dealt with in order: after this answer, all of the above had its chance.
    let asked = lab.say("maintainer", "/status").await;
    let answers = lab.answers(TRACKING, 1, 0, 1).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].starts_with("Nothing is running."), "{answers:?}");
    assert_eq!(lab.reactions(asked).await, ["gavel: eyes"]);
    assert!(lab.run(1).await.is_null(), "a run was started");
}

#[tokio::test]
async fn a_stranger_is_turned_away_politely_and_once() {
    let lab = Lab::start().await;
    let first = lab.say("outsider", "/verify V1").await;
    assert_snapshot!(lab.answers(TRACKING, 1, first, 1).await[0], @"Sorry, `outsider`: only those whom this installation names, or who can write to maintainers/verification, may give me commands. Nothing was started. I will not answer further commands of yours here.");
    assert_eq!(lab.reactions(first).await, ["gavel: -1"]);
    let second = lab.say("outsider", "/verify V1\n\n/cancel").await;
    assert_eq!(lab.reactions(second).await, ["gavel: -1"]);
    // Another stranger has not been told yet; the maintainer is heard as ever.
    let other = lab.say("builder", "/status").await;
    assert_eq!(lab.answers(TRACKING, 1, second, 1).await.len(), 1);
    assert_eq!(lab.reactions(other).await, ["gavel: -1"]);
    let status = lab.talk("/status").await;
    assert!(status.starts_with("Nothing is running."), "{status}");
    assert_eq!(lab.answers(TRACKING, 1, 0, 3).await.len(), 3);
    assert!(lab.run(1).await.is_null(), "a run was started");
}
