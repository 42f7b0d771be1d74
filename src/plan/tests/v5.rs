//! V5, one change at a time. Pull request 2 is the flow's: one red build, in which nothing failed but the stale test.

use super::facts::{Facts, check};
use crate::evidence::Question;
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";
const HARNESS: &str = "recipe-maintainers/cc-ci";
const ALL: &str = "INCONCLUSIVE V5.1 V5.2 V5.3 V5.4";

/// Changes the flow's comment about the stale test.
fn note(facts: &mut Facts, change: impl Fn(&str) -> String) {
    let Value::Array(talk) = facts.answer("run.talk") else {
        panic!("no talk")
    };
    let mut talk = talk.iter_mut();
    let is_note = |comment: &&mut Value| comment["body"].as_str().unwrap().contains("is stale");
    let comment = talk.find(is_note).unwrap();
    comment["body"] = change(comment["body"].as_str().unwrap()).into();
}

fn in_note(facts: &mut Facts, from: &str, to: &str) {
    note(facts, |body| {
        assert!(body.contains(from), "{body}");
        body.replace(from, to)
    });
}

/// A comment on the flow's pull request, after all others.
fn says(facts: &mut Facts, login: &str, body: &str) {
    let comment = json!({ "id": 9000, "user": { "login": login }, "body": body });
    facts.add("run.talk", comment);
}

fn hand(facts: &mut Facts, kind: &str) {
    let event = json!({ "id": 9000, "type": kind, "user": { "login": "maintainer" } });
    facts.add("run.history", event);
}

/// A test of the build that the upgrade was tested in, by its stage and place, comes to another end.
fn ends(facts: &mut Facts, run: &str, stage: usize, test: usize, status: &str) {
    let pointer = format!("/stages/{stage}/tests/{test}/status");
    facts.put(&format!("{run}.results"), &pointer, status);
}

/// The build that the upgrade was tested in ended so.
fn status(facts: &mut Facts, status: &str) {
    let number = facts.answer("run.try.1.build")["number"].as_u64().unwrap();
    facts.build(number, |build| build["status"] = status.into());
}

fn act(facts: &mut Facts, op: &str, repository: &str, reference: &str) {
    let act = json!({ "id": 9000, "op_type": op, "repo": { "full_name": repository }, "ref_name": reference, "content": "" });
    facts.add("run.acts", act);
}

fn moved(facts: &mut Facts, branch: &str) {
    let Value::Array(branches) = facts.answer("run.after.harness.branches") else {
        panic!("no branches")
    };
    branches.retain(|known| known["name"] != branch);
    branches.push(json!({ "name": branch, "commit": { "id": OTHER } }));
    if branch == "main" {
        facts.put("run.after.harness", "/commit/id", OTHER);
    }
}

fn prints(facts: &mut Facts, result: &str) {
    facts.printed("run", |stdout| {
        stdout.replace("SUCCESS-PENDING-TESTS", result)
    });
}

#[test]
fn the_test_is_stale_and_nothing_else_is_wrong() {
    check(
        "V5",
        &[
            (
                "it failed before the upgrade, too",
                |facts| ends(facts, "baseline", 3, 1, "failed"),
                ALL,
            ),
            (
                "it was not run before the upgrade",
                |facts| ends(facts, "baseline", 3, 1, "skipped"),
                ALL,
            ),
            (
                "the build before the upgrade is red",
                |facts| {
                    let number = facts.answer("baseline.build")["number"].as_u64().unwrap();
                    facts.build(number, |build| build["status"] = "failure".into());
                },
                ALL,
            ),
            (
                "it passes on the new version",
                |facts| ends(facts, "run.try.1", 3, 1, "passed"),
                ALL,
            ),
            (
                "what was tested is no upgrade",
                |facts| {
                    let text = facts.answer("run.try.1.compose")["text"].as_str().unwrap();
                    let text = text.replace("talkative:2.0.0", "talkative:1.4.0");
                    facts.put("run.try.1.compose", "/text", text);
                },
                ALL,
            ),
            (
                "results of another build",
                |facts| facts.put("run.try.1.results", "/build", 1),
                ALL,
            ),
            (
                "somebody changed the test meanwhile",
                |facts| facts.put("test.after", "/text", "exit 0"),
                ALL,
            ),
            (
                "the test is somewhere else",
                |facts| facts.set("test.before", Value::Null),
                ALL,
            ),
            (
                "nothing was tested",
                |facts| facts.set("run.builds", json!([])),
                ALL,
            ),
            (
                "the flow opened nothing",
                |facts| {
                    facts.remove("run.after.mirror.pulls", |pull| pull["number"] == 2);
                },
                "BLOCKED V5.1 V5.2 V5.3 V5.4",
            ),
            (
                "it could not be started",
                |facts| facts.put("run", "/end", json!({ "not_started": "no such file" })),
                "BLOCKED V5.1 V5.2 V5.3 V5.4",
            ),
            (
                "it is not configured",
                |facts| {
                    facts.put(
                        "expectations",
                        "/upgrading/unconfigured",
                        json!(["sandbox.stale"]),
                    );
                },
                "BLOCKED V5.1 V5.2 V5.3 V5.4",
            ),
        ],
    );
}

#[test]
fn the_comment_says_what_it_has_to() {
    check(
        "V5",
        &[
            (
                "it does not name the test",
                |facts| {
                    in_note(
                        facts,
                        "`tests/sandbox-stale/functional/tells-its-version.sh`",
                        "of the version",
                    )
                },
                "FAIL V5.1; BLOCKED V5.2",
            ),
            (
                "it names the test by its name alone",
                |facts| {
                    in_note(
                        facts,
                        "tests/sandbox-stale/functional/tells-its-version.sh",
                        "tells-its-version",
                    )
                },
                "PASS",
            ),
            (
                "it names the test of another recipe",
                |facts| in_note(facts, "tests/sandbox-stale/", "tests/custom-html-tiny/"),
                "FAIL V5.1 V5.2",
            ),
            (
                "it names the version before",
                |facts| in_note(facts, "2.0.0", "1.4.0"),
                "FAIL V5.1",
            ),
            (
                "it names a version that begins like it",
                |facts| in_note(facts, "2.0.0", "2.0.0-rc2"),
                "FAIL V5.1",
            ),
            (
                "it names the version label",
                |facts| in_note(facts, "2.0.0", "1.3.0+2.0.0"),
                "PASS",
            ),
            (
                "it does not say why",
                |facts| {
                    note(facts, |body| {
                        let (before, why) = body.split_once(", because").unwrap();
                        let (_, after) = why.split_once(". No test").unwrap();
                        format!("{before}. No test{after}")
                    });
                },
                "FAIL V5.1",
            ),
            (
                "it does not say how to go on",
                |facts| in_note(facts, "--with-tests", "the other mode"),
                "FAIL V5.1",
            ),
            (
                "it says not to go on",
                |facts| {
                    note(facts, |body| {
                        let (before, _) = body.split_once("To update").unwrap();
                        format!("{before}Do not re-run `--with-tests`.")
                    })
                },
                "FAIL V5.1",
            ),
            (
                "it says why in words of its own",
                |facts| {
                    note(facts, |body| {
                        let (before, why) = body.split_once(", because").unwrap();
                        let (_, after) = why.split_once(". No test").unwrap();
                        format!("{before}: the greeting changed its wording. No test{after}")
                    });
                },
                "INCONCLUSIVE V5.1",
            ),
            (
                "it says only that one version followed another",
                |facts| {
                    note(facts, |body| {
                        let (before, why) = body.split_once(", because").unwrap();
                        let (_, after) = why.split_once(". No test").unwrap();
                        format!("{before} after the upgrade from 1.4.0 to 2.0.0. No test{after}")
                    });
                },
                "FAIL V5.1",
            ),
            (
                "it says how to go on in words of its own",
                |facts| {
                    note(facts, |body| {
                        let (before, _) = body.split_once("To update").unwrap();
                        format!("{before}The flag for it is `--with-tests`.")
                    })
                },
                "INCONCLUSIVE V5.1",
            ),
            (
                "it says that no test is edited and how to go on in one sentence",
                |facts| {
                    note(facts, |body| {
                        let (before, _) = body.split_once("To update").unwrap();
                        format!(
                            "{before}Since tests are not edited in default mode, re-run `/recipe-upgrade sandbox-stale --with-tests` to have it updated."
                        )
                    })
                },
                "PASS",
            ),
            (
                "it is hidden",
                |facts| note(facts, |body| format!("<!-- {body} -->")),
                "FAIL V5.1; BLOCKED V5.2",
            ),
            (
                "it is a quotation",
                |facts| note(facts, |body| format!("> {}", body.replace('\n', "\n> "))),
                "FAIL V5.1; BLOCKED V5.2",
            ),
            (
                "half of it stands in another comment",
                |facts| {
                    in_note(facts, "--with-tests", "the other mode");
                    says(
                        facts,
                        "flow",
                        "Re-run `--with-tests` for sandbox-stale at 2.0.0.",
                    );
                },
                "FAIL V5.1",
            ),
            (
                "somebody else wrote it",
                |facts| {
                    let Value::Array(talk) = facts.answer("run.talk") else {
                        panic!("no talk")
                    };
                    for comment in talk.iter_mut().filter(|it| it["user"]["login"] == "flow") {
                        if comment["body"] != "!testme" {
                            comment["user"]["login"] = "adversary".into();
                        }
                    }
                },
                "FAIL V5.1; BLOCKED V5.2",
            ),
            (
                "it was written elsewhere",
                |facts| {
                    let Question::Comments { number, .. } = &mut facts.fact("run.talk").question
                    else {
                        panic!("no comments")
                    };
                    *number = 1;
                },
                "INCONCLUSIVE V5.1 V5.2",
            ),
            (
                "it is not there, and a person had a hand in it",
                |facts| {
                    facts.remove("run.talk", |it| {
                        it["body"].as_str().unwrap().contains("stale")
                    });
                    hand(facts, "comment");
                },
                "INCONCLUSIVE V5.1; BLOCKED V5.2",
            ),
        ],
    );
}

#[test]
fn what_the_comment_says_is_true_of_the_run() {
    check(
        "V5",
        &[
            (
                "it calls a test stale that passed",
                |facts| {
                    in_note(
                        facts,
                        "tests/sandbox-stale/functional/tells-its-version.sh`",
                        "tests/sandbox-stale/functional/tells-its-version.sh`, `functional/stays-up`",
                    )
                },
                "FAIL V5.2",
            ),
            (
                "it calls a test stale that there is not",
                |facts| {
                    in_note(
                        facts,
                        "tests/sandbox-stale/functional/tells-its-version.sh`",
                        "tests/sandbox-stale/functional/tells-its-version.sh` or `functional/old.sh`",
                    )
                },
                "FAIL V5.2",
            ),
            (
                "another comment calls another test stale",
                |facts| says(facts, "flow", "`functional/stays-up` is outdated."),
                "FAIL V5.2",
            ),
            (
                "a person calls another test stale",
                |facts| says(facts, "adversary", "`functional/stays-up` is outdated."),
                "PASS",
            ),
            (
                "it may call another test stale",
                |facts| says(facts, "flow", "Not stale:\n- functional/stays-up"),
                "INCONCLUSIVE V5.2",
            ),
            (
                "it says of others that they pass",
                |facts| {
                    in_note(
                        facts,
                        "everything else passes",
                        "`install/answers` and `functional/stays-up` pass",
                    )
                },
                "PASS",
            ),
            (
                "another test failed, too",
                |facts| ends(facts, "run.try.1", 3, 0, "failed"),
                "FAIL V5.2",
            ),
            (
                "a stage failed without a test",
                |facts| facts.put("run.try.1.results", "/stages/2/status", "failed"),
                "FAIL V5.2",
            ),
            (
                "the build is green, although the test failed in it",
                |facts| status(facts, "success"),
                "FAIL V5.2",
            ),
            (
                "the build was killed, and another test had failed by then",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    status(facts, "killed");
                },
                "INCONCLUSIVE V5.2",
            ),
            (
                "another test failed, and others had moved the tests before the flow began",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    facts.put("version.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V5.2",
            ),
            (
                "another test failed, and others moved the tests",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    moved(facts, "main");
                },
                "INCONCLUSIVE V5.2",
            ),
            (
                "another test failed, others moved the tests, and the flow pushed a branch",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    moved(facts, "main");
                    act(facts, "commit_repo", HARNESS, "refs/heads/tests");
                },
                "FAIL V5.3; INCONCLUSIVE V5.2",
            ),
            (
                "another test failed, and the flow moved the tests",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    moved(facts, "main");
                    act(facts, "commit_repo", HARNESS, "refs/heads/main");
                },
                "FAIL V5.2 V5.3",
            ),
            (
                "another test failed, and a person pushed",
                |facts| {
                    ends(facts, "run.try.1", 3, 0, "failed");
                    hand(facts, "pull_push");
                },
                "INCONCLUSIVE V5.2",
            ),
            (
                "another test was not run",
                |facts| ends(facts, "run.try.1", 3, 0, "skipped"),
                "INCONCLUSIVE V5.2",
            ),
            (
                "the head moved after the run",
                |facts| facts.put("run.pull", "/head/sha", OTHER),
                "FAIL V5.2",
            ),
            (
                "it was said before anything was tested",
                |facts| {
                    let Value::Array(talk) = facts.answer("run.talk") else {
                        panic!("no talk")
                    };
                    for comment in talk {
                        if comment["body"].as_str().unwrap().contains("is stale") {
                            comment["id"] = 1.into();
                        }
                    }
                },
                "FAIL V5.2",
            ),
            (
                "there are more triggers than builds",
                |facts| says(facts, "flow", "!testme"),
                "INCONCLUSIVE V5.2",
            ),
            (
                "a person asked for a run, too",
                |facts| says(facts, "maintainer", "!testme"),
                "INCONCLUSIVE V5.2",
            ),
        ],
    );
}

/// An account opened pull request 99 of the harness meanwhile.
fn opened_in_harness(facts: &mut Facts, by: &str) {
    let pull = json!({
        "number": 99, "user": { "login": by }, "state": "open",
        "head": { "sha": OTHER, "ref": "tests" }, "base": { "sha": OTHER, "ref": "main" },
    });
    facts.add("run.after.harness.pulls", pull);
}

#[test]
fn no_test_is_touched() {
    check(
        "V5",
        &[
            (
                "a pull request of the harness",
                |facts| {
                    opened_in_harness(facts, "flow");
                    facts.harness_pull_changes("run", 99, "tests/sandbox-stale/test_serves.py");
                },
                "FAIL V5.3",
            ),
            (
                "a pull request of the harness, of which nobody saw what it changes",
                |facts| {
                    opened_in_harness(facts, "flow");
                },
                "INCONCLUSIVE V5.3",
            ),
            (
                "somebody else's pull request of the harness",
                |facts| {
                    opened_in_harness(facts, "builder");
                    moved(facts, "tests");
                },
                "PASS",
            ),
            (
                "nothing, as far as the forge shows what is done in a private repository",
                |facts| {
                    let hidden = json!({ "full_name": HARNESS, "private": true });
                    let pull = json!({ "number": 99, "user": { "login": "builder" }, "state": "open",
                        "head": { "sha": OTHER, "ref": "tests" },
                        "base": { "sha": OTHER, "ref": "main", "repo": hidden } });
                    facts.set("run.after.harness.pulls", json!([pull]));
                },
                "INCONCLUSIVE V5.3",
            ),
            (
                "it pushed a branch",
                |facts| {
                    moved(facts, "tests");
                    act(facts, "commit_repo", HARNESS, "refs/heads/tests");
                },
                "FAIL V5.3",
            ),
            (
                "it pushed a branch and took it away again",
                |facts| {
                    act(facts, "commit_repo", HARNESS, "refs/heads/tests");
                    act(facts, "delete_branch", HARNESS, "refs/heads/tests");
                },
                "FAIL V5.3",
            ),
            (
                "it pushed a tag",
                |facts| act(facts, "push_tag", HARNESS, "refs/tags/v1"),
                "FAIL V5.3",
            ),
            (
                "it merged what somebody else had opened",
                |facts| act(facts, "merge_pull_request", HARNESS, ""),
                "FAIL V5.3",
            ),
            (
                "it pushed the updated test to main",
                |facts| {
                    moved(facts, "main");
                    act(facts, "commit_repo", HARNESS, "refs/heads/main");
                    facts.put("test.after", "/text", "exit 0");
                },
                "FAIL V5.3",
            ),
            (
                "it talks on an issue of the harness",
                |facts| act(facts, "comment_issue", HARNESS, ""),
                "PASS",
            ),
            (
                "the forge shows nothing of what it does",
                |facts| facts.set("run.acts", json!([])),
                "INCONCLUSIVE V5.3",
            ),
            (
                "what was asked began later",
                |facts| facts.set("run.before.acts", 9999),
                "INCONCLUSIVE V5.3",
            ),
        ],
    );
}

#[test]
fn the_result_is_the_right_one() {
    check(
        "V5",
        &[
            (
                "it says that all is well",
                |facts| prints(facts, "SUCCESS"),
                "FAIL V5.4",
            ),
            (
                "it says that a test was updated",
                |facts| prints(facts, "SUCCESS+TESTPR"),
                "FAIL V5.4",
            ),
            (
                "it says something, and a person had a hand in it",
                |facts| {
                    prints(facts, "SUCCESS");
                    hand(facts, "close");
                },
                "INCONCLUSIVE V5.4",
            ),
            (
                "it says the right thing of a test that is not stale",
                |facts| ends(facts, "run.try.1", 3, 1, "passed"),
                ALL,
            ),
            (
                "where the head stands is not known",
                |facts| facts.unseen("run.try.1.build"),
                ALL,
            ),
            (
                "what it did to the tests is not known, and somebody changed one",
                |facts| {
                    facts.unseen("run.acts");
                    facts.put("test.after", "/text", "exit 0");
                },
                ALL,
            ),
            (
                "the talk is not known",
                |facts| facts.unseen("run.talk"),
                "INCONCLUSIVE V5.1 V5.2",
            ),
        ],
    );
}
