//! V1, one change at a time: what is changed in the facts of a healthy lab, and the clauses that then must not pass.
//!
//! Build 1 is of the first trigger, build 2 of the control (both on the green pull request, 1), build 3 of the red one (2).

use super::facts::{Facts, check};
use crate::evidence::Question;
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// Nothing was started by a trigger, although it was waited for.
fn starts_nothing(facts: &mut Facts, name: &str) {
    facts.set(&format!("{name}.builds"), json!([]));
    facts.in_vain(&format!("{name}.builds"));
    let followed = [
        "build",
        "statuses",
        "comments",
        "results",
        "log",
        "after.builds",
        "after.statuses",
        "after.typed",
    ];
    for step in followed {
        facts.drop(&format!("{name}.{step}"));
    }
}

/// The first trigger starts nothing, and the scenario ends there.
fn deaf(facts: &mut Facts) {
    facts.stop_at("first.build");
    facts.set("first.builds", json!([]));
    facts.in_vain("first.builds");
}

/// A build that still ran when the patience was over, and nothing after it.
fn hangs(facts: &mut Facts, name: &str) {
    facts.put(&format!("{name}.build"), "/status", "running");
    facts.in_vain(&format!("{name}.build"));
    for step in ["statuses", "comments", "results", "log"] {
        facts.drop(&format!("{name}.{step}"));
    }
}

/// A result on the pull request that did not become right although it was waited for.
fn surfaces(facts: &mut Facts, change: impl Fn(&mut Facts)) {
    facts.in_vain("first.statuses");
    facts.in_vain("first.comments");
    change(facts);
}

/// The newest status of the first build, as it was read for its result.
fn status(facts: &mut Facts, key: &str, value: impl Into<Value>) {
    facts.in_vain("first.statuses");
    let Value::Array(list) = facts.answer("first.statuses") else {
        panic!("no list")
    };
    let newest = list.iter_mut().max_by_key(|one| one["id"].as_u64());
    newest.unwrap()[key] = value.into();
}

/// The page of a build, as it stands in the newest status of the first one.
fn page(facts: &mut Facts, change: impl Fn(&str) -> String) {
    let old = facts.answer("first.results")["build"].clone();
    assert_eq!(old, 1);
    let pages = facts.answer("expectations")["build_pages"].clone();
    let new = change(&format!("{}/1", pages.as_str().unwrap()));
    status(facts, "target_url", new);
}

fn comment(facts: &mut Facts, change: impl Fn(&str) -> String) {
    facts.in_vain("first.statuses");
    facts.result_comment("first.comments", change);
}

/// A comment that stands there after a step.
fn typed_too(facts: &mut Facts, name: &str, login: &str, body: &str) {
    facts.add(
        &format!("{name}.after.typed"),
        json!({ "id": 9000, "user": { "login": login }, "body": body }),
    );
}

/// A build that stands in line when the patience is over, and the builds before it.
fn queues(facts: &mut Facts, name: &str, before: Value) {
    hangs(facts, name);
    facts.put(&format!("{name}.build"), "/status", "pending");
    let mut queue = facts.fact(&format!("{name}.builds")).clone();
    queue.label = format!("{name}.queue");
    queue.answer = crate::evidence::Answer::Seen(before);
    facts.0.push(queue);
}

/// The first build was still told to run when the outsider's comment was typed.
fn first_runs_on(facts: &mut Facts) {
    facts.remove("first.after.statuses", |status| {
        status["status"] != "pending"
    });
}

/// A status that is there from one step on.
fn status_since(facts: &mut Facts, labels: &[&str], context: &str) {
    for name in labels {
        facts.add(
            &format!("{name}.after.statuses"),
            json!({ "id": 9000, "status": "failure", "context": context, "target_url": "", "creator": { "login": "bridge" } }),
        );
    }
}

#[test]
fn one_build_for_each_trigger() {
    check(
        "V1",
        &[
            (
                "nothing is started",
                deaf,
                "FAIL V1.1; BLOCKED V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "nothing is started, but it was not waited for as long as configured",
                |facts| {
                    deaf(facts);
                    facts.broken_off("first.builds");
                },
                "INCONCLUSIVE V1.1; BLOCKED V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "nothing is started, and the forge was down meanwhile",
                |facts| {
                    deaf(facts);
                    facts.set("calm", json!(["GET /: connection refused"]));
                },
                "INCONCLUSIVE V1.1; BLOCKED V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "nothing is started, and it is not known whether the forge answered all the time",
                |facts| {
                    deaf(facts);
                    facts.unseen("calm");
                },
                "INCONCLUSIVE V1.1; BLOCKED V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "the builds cannot be listed",
                |facts| {
                    facts.stop_at("first.build");
                    facts.unseen("first.builds");
                },
                "INCONCLUSIVE V1.1 V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "a short outage, and everything right in the end",
                |facts| facts.set("calm", json!(["GET /: connection refused"])),
                "PASS",
            ),
            (
                "the build is of another commit",
                |facts| {
                    facts.build(1, |build| build["params"]["REF"] = OTHER.into());
                    facts.put("first.results", "/ref", OTHER);
                },
                "FAIL V1.1",
            ),
            (
                "the build is of another pull request",
                |facts| {
                    facts.build(1, |build| build["params"]["PR"] = "12".into());
                    facts.put("first.results", "/pr", 12);
                },
                "FAIL V1.1",
            ),
            (
                "the build is of another recipe",
                |facts| {
                    facts.build(1, |build| build["params"]["RECIPE"] = "other".into());
                    facts.put("first.results", "/recipe", "other");
                },
                "FAIL V1.1",
            ),
            (
                "the red build has no parameters, so that nobody knows what it is of",
                |facts| {
                    facts.build(3, |build| build["params"] = Value::Null);
                    facts.in_vain("red.builds");
                },
                "FAIL V1.7",
            ),
            (
                "a second build of the first trigger",
                |facts| {
                    let second = facts.another_build("first.builds", 9);
                    facts.add("first.after.builds", second);
                },
                "FAIL V1.1",
            ),
            (
                "somebody starts the first one's build once more, in Drone's page",
                |facts| {
                    let mut second = facts.another_build("first.builds", 9);
                    second["trigger"] = "maintainer".into();
                    facts.add("first.after.builds", second);
                },
                "PASS",
            ),
            (
                "a second build of the first trigger, of which Drone does not tell for whom",
                |facts| {
                    let mut second = facts.another_build("first.builds", 9);
                    second["sender"] = "".into();
                    facts.add("first.after.builds", second);
                },
                "FAIL V1.1",
            ),
            (
                "a second build of the first trigger, of another commit",
                |facts| {
                    let mut second = facts.another_build("first.builds", 9);
                    second["params"]["REF"] = OTHER.into();
                    facts.add("first.after.builds", second);
                },
                "FAIL V1.1",
            ),
            (
                "a second build after the control: it may be a late one of what must not fire",
                |facts| {
                    let second = facts.another_build("control.builds", 9);
                    facts.add("control.after.builds", second);
                },
                "FAIL V1.1; INCONCLUSIVE V1.4 V1.5",
            ),
            (
                "a second build of the red pull request",
                |facts| {
                    let second = facts.another_build("red.builds", 9);
                    facts.add("red.after.builds", second);
                },
                "FAIL V1.1",
            ),
            (
                "a second build of the first trigger, during an outage: no outage starts builds",
                |facts| {
                    facts.set("calm", json!(["GET /: connection refused"]));
                    let second = facts.another_build("first.builds", 9);
                    facts.add("first.after.builds", second);
                },
                "FAIL V1.1",
            ),
            (
                "a second build, and somebody else typed the trigger too",
                |facts| {
                    let second = facts.another_build("first.builds", 9);
                    facts.add("first.after.builds", second);
                    typed_too(facts, "first", "maintainer", "!testme --quick");
                },
                "INCONCLUSIVE V1.1",
            ),
            (
                "a second build, and somebody else typed what is no trigger",
                |facts| {
                    let second = facts.another_build("first.builds", 9);
                    facts.add("first.after.builds", second);
                    typed_too(facts, "first", "maintainer", "!testme again?");
                },
                "FAIL V1.1",
            ),
            (
                "a build that was there has vanished",
                |facts| facts.set("red.after.builds", json!([])),
                "INCONCLUSIVE V1.1",
            ),
            (
                "somebody else's build has this pull request's number, in another recipe",
                |facts| {
                    let mut other = facts.another_build("first.builds", 9);
                    other["params"] = json!({ "RECIPE": "other", "REF": OTHER, "PR": "1" });
                    facts.add("first.after.builds", other);
                },
                "PASS",
            ),
            (
                "Gavel is no collaborator",
                |facts| facts.set("gavel.collaborator", false),
                "INCONCLUSIVE V1.1 V1.4 V1.5 V1.6 V1.7",
            ),
            (
                "the first trigger was typed by somebody else",
                |facts| facts.put("first.posted", "/user/login", "outsider"),
                "INCONCLUSIVE V1.1",
            ),
            (
                "not the trigger stands there",
                |facts| facts.put("first.posted", "/body", "!testme please"),
                "INCONCLUSIVE V1.1",
            ),
            (
                "the first trigger was typed on another pull request",
                |facts| {
                    let Question::Post { number, .. } = &mut facts.fact("first.posted").question
                    else {
                        panic!("no post")
                    };
                    *number = 12;
                },
                "INCONCLUSIVE V1.1",
            ),
            (
                "the first trigger may not have been typed",
                |facts| facts.unseen("first.posted"),
                "INCONCLUSIVE V1.1",
            ),
        ],
    );
}

#[test]
fn the_suite_is_run() {
    check(
        "V1",
        &[
            (
                "the build does not end",
                |facts| hangs(facts, "first"),
                "FAIL V1.2; BLOCKED V1.3",
            ),
            (
                "the build has not ended yet",
                |facts| {
                    hangs(facts, "first");
                    facts.broken_off("first.build");
                },
                "INCONCLUSIVE V1.2; BLOCKED V1.3",
            ),
            (
                "the build stands in line, behind others' builds",
                |facts| {
                    let line = json!([{ "number": 0, "status": "running" }, { "number": 1, "status": "pending" }]);
                    queues(facts, "first", line);
                },
                "INCONCLUSIVE V1.2; BLOCKED V1.3",
            ),
            (
                "the build stands in line, and nobody is before it",
                |facts| {
                    let line = json!([{ "number": 0, "status": "success" }, { "number": 1, "status": "pending" },
                        { "number": 2, "status": "pending" }]);
                    queues(facts, "first", line);
                },
                "FAIL V1.2; BLOCKED V1.3",
            ),
            (
                "the build stands in line, and it is not known behind what",
                |facts| {
                    hangs(facts, "first");
                    facts.put("first.build", "/status", "pending");
                },
                "INCONCLUSIVE V1.2; BLOCKED V1.3",
            ),
            (
                "the build that was followed is another one",
                |facts| facts.put("first.build", "/number", 9),
                "INCONCLUSIVE V1.2 V1.3",
            ),
            (
                "the results are of another build",
                |facts| facts.put("first.results", "/build", 12),
                "FAIL V1.2",
            ),
            (
                "the results are of another commit",
                |facts| facts.put("first.results", "/ref", OTHER),
                "FAIL V1.2",
            ),
            (
                "the results are of another recipe",
                |facts| facts.put("first.results", "/recipe", "other"),
                "FAIL V1.2",
            ),
            (
                "the results are of another pull request",
                |facts| facts.put("first.results", "/pr", 12),
                "FAIL V1.2",
            ),
            (
                "the results do not say of which pull request they are",
                |facts| facts.put("first.results", "/pr", Value::Null),
                "PASS",
            ),
            (
                "the results were asked of another build",
                |facts| facts.fact("first.results").question = Question::Results { build: 12 },
                "INCONCLUSIVE V1.2",
            ),
            (
                "there are no results",
                |facts| {
                    facts.set("first.results", Value::Null);
                    facts.in_vain("first.results");
                },
                "FAIL V1.2",
            ),
            (
                "there are no results yet",
                |facts| {
                    facts.set("first.results", Value::Null);
                    facts.broken_off("first.results");
                },
                "INCONCLUSIVE V1.2",
            ),
            (
                "the results were looked for once only",
                |facts| {
                    facts.set("first.results", Value::Null);
                    facts.fact("first.results").watch = None;
                },
                "INCONCLUSIVE V1.2",
            ),
            (
                "the results are no JSON",
                |facts| facts.set("first.results", "<html>"),
                "FAIL V1.2",
            ),
            (
                "a stage is missing",
                |facts| {
                    let stages = &mut facts.answer("first.results")["stages"];
                    stages.as_array_mut().unwrap().remove(1);
                },
                "FAIL V1.2",
            ),
            (
                "a stage is skipped",
                |facts| facts.put("first.results", "/stages/1/status", "skipped"),
                "FAIL V1.2",
            ),
            (
                "a stage failed, and the build is green",
                |facts| facts.put("first.results", "/stages/2/status", "failed"),
                "FAIL V1.2",
            ),
            (
                "there is a stage more than expected",
                |facts| {
                    let stages = &mut facts.answer("first.results")["stages"];
                    let more = json!({ "name": "lint", "status": "skipped", "tests": [] });
                    stages.as_array_mut().unwrap().push(more);
                },
                "PASS",
            ),
            (
                "there are no tests",
                |facts| {
                    for stage in 0..4 {
                        facts.put(
                            "first.results",
                            &format!("/stages/{stage}/tests"),
                            json!([]),
                        );
                    }
                },
                "FAIL V1.2",
            ),
            (
                "every test was skipped",
                |facts| {
                    for (stage, test) in [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1)] {
                        let test = format!("/stages/{stage}/tests/{test}/status");
                        facts.put("first.results", &test, "skipped");
                    }
                },
                "FAIL V1.2",
            ),
            (
                "one test was skipped",
                |facts| facts.put("first.results", "/stages/3/tests/0/status", "skipped"),
                "PASS",
            ),
            (
                "a test failed, and the build is green",
                |facts| facts.put("first.results", "/stages/3/tests/0/status", "failed"),
                "FAIL V1.2",
            ),
            (
                "a test could not be run, and the build is green",
                |facts| facts.put("first.results", "/stages/3/tests/0/status", "error"),
                "FAIL V1.2",
            ),
            (
                "the known-green head ends red, and the gate says so",
                |facts| {
                    facts.put("first.build", "/status", "failure");
                    facts.put("first.results", "/stages/3/status", "failed");
                    facts.put("first.results", "/stages/3/tests/0/status", "failed");
                    facts.end_status(1, |status| status["status"] = "failure".into());
                    comment(facts, |body| body.replace("passed", "failed"));
                },
                "FAIL V1.2",
            ),
            (
                "the known-green head's build was killed",
                |facts| {
                    facts.put("first.build", "/status", "killed");
                    facts.in_vain("first.statuses");
                },
                "FAIL V1.3; INCONCLUSIVE V1.2",
            ),
            (
                "the log does not show the real path",
                |facts| facts.put("first.log", "/text", "all tests passed"),
                "FAIL V1.2",
            ),
            (
                "the log does not show the real path, but a step's log is missing",
                |facts| {
                    facts.put("first.log", "/text", "all tests passed");
                    facts.put("first.log", "/missing", json!(["1/2"]));
                },
                "INCONCLUSIVE V1.2",
            ),
            (
                "the log does not show the real path, but it was too long to keep",
                |facts| {
                    facts.put("first.log", "/text", "all tests passed");
                    facts.put("first.log", "/cut", true);
                },
                "INCONCLUSIVE V1.2",
            ),
            (
                "the log shows the real path, and its end is missing",
                |facts| facts.put("first.log", "/cut", true),
                "PASS",
            ),
            (
                "the log is of another build",
                |facts| facts.fact("first.log").question = Question::BuildLog { number: 12 },
                "INCONCLUSIVE V1.2",
            ),
            (
                "no log pattern is configured",
                |facts| {
                    facts.put("expectations", "/log_pattern", "");
                    facts.unseen("first.log");
                },
                "PASS",
            ),
            (
                "the second build of the same head runs no tests",
                |facts| facts.put("control.results", "/stages", json!([])),
                "FAIL V1.2",
            ),
        ],
    );
}

#[test]
fn the_result_is_put_back() {
    check(
        "V1",
        &[
            (
                "the status stays pending",
                |facts| status(facts, "status", "pending"),
                "FAIL V1.3",
            ),
            (
                "the status is still pending, and was not waited for as long as configured",
                |facts| {
                    status(facts, "status", "pending");
                    facts.broken_off("first.statuses");
                },
                "INCONCLUSIVE V1.3",
            ),
            (
                "the status says failure of a green build",
                |facts| status(facts, "status", "failure"),
                "FAIL V1.3",
            ),
            (
                "the status says error of a green build",
                |facts| status(facts, "status", "error"),
                "FAIL V1.3",
            ),
            (
                "the status has a state that nobody knows",
                |facts| status(facts, "status", "green"),
                "FAIL V1.3",
            ),
            (
                "the status is by the flow",
                |facts| status(facts, "creator", json!({ "login": "flow" })),
                "FAIL V1.3",
            ),
            (
                "the status is by nobody",
                |facts| status(facts, "creator", Value::Null),
                "FAIL V1.3",
            ),
            (
                "the gate's account is written with a capital",
                |facts| status(facts, "creator", json!({ "login": "Bridge" })),
                "PASS",
            ),
            (
                "the status leads to a build with a longer number",
                |facts| page(facts, |page| format!("{page}2")),
                "FAIL V1.3",
            ),
            (
                "the status leads nowhere",
                |facts| status(facts, "target_url", ""),
                "FAIL V1.3",
            ),
            (
                "the status leads to another host",
                |facts| page(facts, |page| page.replace("127.0.0.1", "127.0.0.2")),
                "FAIL V1.3",
            ),
            (
                "the address in the status ends with a slash",
                |facts| page(facts, |page| format!("{page}/")),
                "PASS",
            ),
            (
                "the gate said failure of the same build before",
                |facts| {
                    surfaces(facts, |facts| {
                        let mut earlier = facts.answer("first.statuses")[0].clone();
                        earlier["id"] = 0.into();
                        earlier["status"] = "failure".into();
                        facts.add("first.statuses", earlier);
                    });
                },
                "FAIL V1.3",
            ),
            (
                "the result is wrong, and somebody else typed the trigger meanwhile",
                |facts| {
                    status(facts, "status", "failure");
                    facts.add(
                        "first.comments",
                        json!({ "id": 9000, "user": { "login": "maintainer" }, "body": "!testme" }),
                    );
                },
                "INCONCLUSIVE V1.3",
            ),
            (
                "an older status of the same context says something else",
                |facts| {
                    facts.add(
                        "first.statuses",
                        json!({ "id": 0, "status": "failure", "context": "cc-ci/testme", "target_url": "", "creator": { "login": "flow" } }),
                    );
                },
                "PASS",
            ),
            (
                "the flow said failure of the same build before",
                |facts| {
                    let mut earlier = facts.answer("first.statuses")[0].clone();
                    earlier["id"] = 0.into();
                    earlier["status"] = "failure".into();
                    earlier["creator"]["login"] = "flow".into();
                    facts.add("first.statuses", earlier);
                },
                "PASS",
            ),
            (
                "a newer status of the same context is by the flow",
                |facts| {
                    surfaces(facts, |facts| {
                        let mut newer = facts.answer("first.statuses")[0].clone();
                        newer["id"] = 9000.into();
                        newer["creator"]["login"] = "flow".into();
                        newer["status"] = "success".into();
                        facts.add("first.statuses", newer);
                    });
                },
                "FAIL V1.3",
            ),
            (
                "a newer status of another context says failure",
                |facts| {
                    facts.add(
                        "first.statuses",
                        json!({ "id": 9000, "status": "failure", "context": "lint", "target_url": "", "creator": { "login": "bridge" } }),
                    );
                },
                "PASS",
            ),
            (
                "there is a comment, and no status",
                |facts| facts.set("first.statuses", json!([])),
                "PASS",
            ),
            (
                "there is a comment, and the list of statuses is null",
                |facts| facts.set("first.statuses", Value::Null),
                "PASS",
            ),
            (
                "there is a status, and no comment",
                |facts| facts.set("first.comments", Value::Null),
                "PASS",
            ),
            (
                "there is neither",
                |facts| {
                    surfaces(facts, |facts| {
                        facts.set("first.statuses", json!([]));
                        facts.set("first.comments", json!([]));
                    });
                },
                "FAIL V1.3",
            ),
            (
                "the statuses are of another commit",
                |facts| {
                    let Question::Statuses { commit, .. } =
                        &mut facts.fact("first.statuses").question
                    else {
                        panic!("no statuses")
                    };
                    *commit = OTHER.into();
                },
                "INCONCLUSIVE V1.3",
            ),
            (
                "the comments are of another pull request",
                |facts| {
                    let Question::Comments { number, .. } =
                        &mut facts.fact("first.comments").question
                    else {
                        panic!("no comments")
                    };
                    *number = 12;
                },
                "INCONCLUSIVE V1.3",
            ),
            (
                "the comment says failed of a green build",
                |facts| comment(facts, |body| body.replace("passed", "failed")),
                "FAIL V1.3",
            ),
            (
                "the comment says passed and failed",
                |facts| comment(facts, |body| body.replace("passed", "passed, not failed")),
                "FAIL V1.3",
            ),
            (
                "the comment says neither",
                |facts| comment(facts, |body| body.replace("passed", "is done")),
                "FAIL V1.3",
            ),
            (
                "the comment says it where no reader sees it",
                |facts| comment(facts, |body| body.replace("passed", "<!-- passed -->")),
                "FAIL V1.3",
            ),
            (
                "the comment says failed where no reader sees it",
                |facts| comment(facts, |body| format!("{body}<!-- failed -->")),
                "PASS",
            ),
            (
                "the comment leads to a build with a longer number",
                |facts| comment(facts, |body| body.replace("/cc-ci/1)", "/cc-ci/12)")),
                "FAIL V1.3",
            ),
            (
                "the comment leads to a build with a longer name",
                |facts| comment(facts, |body| body.replace("/cc-ci/1)", "/cc-ci/1a)")),
                "FAIL V1.3",
            ),
            (
                "the comment leads there where no reader sees it",
                |facts| {
                    comment(facts, |body| {
                        let (before, link) = body.split_once("[build 1](").unwrap();
                        let (link, after) = link.split_once(')').unwrap();
                        format!("{before}build 1{after}<!-- {link} -->")
                    });
                },
                "FAIL V1.3",
            ),
            (
                "the comment is about the commit that the pull request is based on",
                |facts| {
                    let base = facts.answer("green")["base"]["sha"].clone();
                    let head = facts.answer("green")["head"]["sha"].clone();
                    let short = |commit: &Value| commit.as_str().unwrap()[..8].to_owned();
                    comment(facts, |body| body.replace(&short(&head), &short(&base)));
                },
                "FAIL V1.3",
            ),
            (
                "the comment names no commit",
                |facts| {
                    let head = facts.answer("green")["head"]["sha"].clone();
                    let short = head.as_str().unwrap()[..8].to_owned();
                    facts.result_comment("first.comments", |body| body.replace(&short, "the head"));
                },
                "PASS",
            ),
            (
                "a newer comment of the gate is about another build",
                |facts| {
                    surfaces(facts, |facts| {
                        facts.add(
                            "first.comments",
                            json!({ "id": 9000, "user": { "login": "bridge" }, "body": "<!-- cc-ci:testme --> build 12 failed" }),
                        );
                    });
                },
                "FAIL V1.3",
            ),
            (
                "the gate also says something that is no result",
                |facts| {
                    facts.add(
                        "first.comments",
                        json!({ "id": 9000, "user": { "login": "bridge" }, "body": "I failed to find a config" }),
                    );
                },
                "PASS",
            ),
            (
                "somebody else writes what looks like a result",
                |facts| {
                    facts.add(
                        "first.comments",
                        json!({ "id": 9000, "user": { "login": "flow" }, "body": "<!-- cc-ci:testme --> failed" }),
                    );
                },
                "PASS",
            ),
            (
                "result comments are not read here",
                |facts| {
                    facts.put("expectations", "/comment_success", "");
                    comment(facts, |body| body.replace("passed", "failed"));
                },
                "PASS",
            ),
            (
                "the second result of the same head is not told",
                |facts| {
                    facts.in_vain("control.statuses");
                    facts.remove("control.statuses", |status| {
                        status["target_url"].as_str().unwrap().ends_with("/2")
                    });
                },
                "FAIL V1.3",
            ),
            (
                "the red build's status says success",
                |facts| {
                    facts.in_vain("red.statuses");
                    facts.end_status(3, |status| status["status"] = "success".into());
                },
                "FAIL V1.3",
            ),
            (
                "the red build's status says error",
                |facts| facts.end_status(3, |status| status["status"] = "error".into()),
                "PASS",
            ),
        ],
    );
}

#[test]
fn the_outsider_is_turned_away() {
    check(
        "V1",
        &[
            (
                "the outsider is a collaborator",
                |facts| facts.set("outsider.collaborator", true),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the outsider is a member",
                |facts| facts.set("outsider.member", true),
                "INCONCLUSIVE V1.4",
            ),
            (
                "it is not known whether the outsider is a member",
                |facts| facts.unseen("outsider.member"),
                "INCONCLUSIVE V1.4",
            ),
            (
                "a build is started",
                |facts| {
                    let build = facts.another_build("first.builds", 9);
                    facts.add("outsider.after.builds", build);
                },
                "FAIL V1.4",
            ),
            (
                "a build is started, while the forge is in trouble: no outage lets outsiders in",
                |facts| {
                    let build = facts.another_build("first.builds", 9);
                    facts.add("outsider.after.builds", build);
                    facts.set("calm", json!(["GET /: connection refused"]));
                },
                "FAIL V1.4",
            ),
            (
                "a build is started, and somebody else typed the trigger too",
                |facts| {
                    let build = facts.another_build("first.builds", 9);
                    facts.add("outsider.after.builds", build);
                    typed_too(facts, "outsider", "flow", "!testme");
                },
                "INCONCLUSIVE V1.4",
            ),
            (
                "a build is started, of the base",
                |facts| {
                    let mut build = facts.another_build("first.builds", 9);
                    build["params"]["REF"] = OTHER.into();
                    facts.add("outsider.after.builds", build);
                },
                "FAIL V1.4",
            ),
            (
                "a build of another pull request is started",
                |facts| {
                    let mut build = facts.another_build("first.builds", 9);
                    build["params"] =
                        json!({ "RECIPE": "custom-html-tiny", "REF": OTHER, "PR": "12" });
                    facts.add("outsider.after.builds", build);
                },
                "PASS",
            ),
            (
                "a build that was there before the window",
                |facts| {
                    let build = facts.another_build("first.builds", 1);
                    facts.add("outsider.after.builds", build);
                },
                "PASS",
            ),
            (
                "a build is started, and ends while the bad triggers are watched",
                |facts| {
                    let build = facts.another_build("first.builds", 9);
                    facts.add("outsider.after.builds", build);
                    let page = facts.answer("expectations")["build_pages"].clone();
                    facts.add(
                        "bad.after.statuses",
                        json!({ "id": 9000, "status": "success", "context": "cc-ci/testme",
                            "target_url": format!("{}/9", page.as_str().unwrap()), "creator": { "login": "bridge" } }),
                    );
                },
                "FAIL V1.4",
            ),
            (
                "a status is written",
                |facts| status_since(facts, &["outsider", "bad"], "cc-ci/testme"),
                "FAIL V1.4",
            ),
            (
                "a status is taken away",
                |facts| {
                    for label in ["outsider.after.statuses", "bad.after.statuses"] {
                        facts.set(label, json!([]));
                    }
                },
                "FAIL V1.4",
            ),
            (
                "the gate writes a status of another context",
                |facts| status_since(facts, &["outsider", "bad"], "lint"),
                "FAIL V1.4",
            ),
            (
                "somebody writes a status of another context",
                |facts| {
                    for name in ["outsider", "bad"] {
                        facts.add(
                            &format!("{name}.after.statuses"),
                            json!({ "id": 9000, "status": "failure", "context": "lint", "target_url": "", "creator": { "login": "somebody" } }),
                        );
                    }
                },
                "PASS",
            ),
            (
                "the first build told nothing before the outsider's comment, and tells it then",
                |facts| facts.set("first.after.statuses", Value::Null),
                "PASS",
            ),
            (
                "the first build was told to run before the outsider's comment, and ends then",
                |facts| first_runs_on(facts),
                "PASS",
            ),
            (
                "the first build ends while the outsider is watched, and a status of another one is written",
                |facts| {
                    first_runs_on(facts);
                    status_since(facts, &["outsider", "bad"], "cc-ci/testme");
                },
                "FAIL V1.4",
            ),
            (
                "the quiet window was too short",
                |facts| facts.set("outsider.quiet", 599),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the outsider's comment may not be there",
                |facts| facts.unseen("outsider.posted.1"),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the second legal form was not tried",
                |facts| facts.drop("outsider.posted.2"),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the outsider's comment is by Gavel",
                |facts| facts.put("outsider.posted.1", "/user/login", "gavel"),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the outsider's comment is no trigger",
                |facts| facts.put("outsider.posted.1", "/body", "hello"),
                "INCONCLUSIVE V1.4",
            ),
            (
                "the builds after the window are not known",
                |facts| facts.unseen("outsider.after.builds"),
                "INCONCLUSIVE V1.4 V1.5",
            ),
            (
                "the control was typed before, not after",
                |facts| facts.put("control.posted", "/id", 1),
                "INCONCLUSIVE V1.4 V1.5",
            ),
            (
                "the control was typed by the outsider",
                |facts| facts.put("control.posted", "/user/login", "outsider"),
                "INCONCLUSIVE V1.1 V1.4 V1.5 V1.6",
            ),
        ],
    );
}

#[test]
fn bad_triggers_do_nothing() {
    check(
        "V1",
        &[
            (
                "a build is started",
                |facts| {
                    let build = facts.another_build("first.builds", 9);
                    facts.add("bad.after.builds", build);
                },
                "FAIL V1.5",
            ),
            (
                "a status is written",
                |facts| status_since(facts, &["bad"], "cc-ci/testme"),
                "FAIL V1.5",
            ),
            (
                "one of them was not typed",
                |facts| facts.drop("bad.posted.3"),
                "INCONCLUSIVE V1.5",
            ),
            (
                "one of them stands there as something else",
                |facts| facts.put("bad.posted.2", "/body", "quoted: !testme"),
                "INCONCLUSIVE V1.5",
            ),
            (
                "one of them was typed by somebody who may not",
                |facts| facts.put("bad.posted.1", "/user/login", "outsider"),
                "INCONCLUSIVE V1.5",
            ),
            (
                "none are configured",
                |facts| facts.put("expectations", "/bad_triggers", json!([])),
                "BLOCKED V1.5",
            ),
            (
                "the quiet window was too short",
                |facts| facts.set("bad.quiet", 599),
                "INCONCLUSIVE V1.5",
            ),
            (
                "the control was typed between them",
                |facts| {
                    let last = facts.answer("bad.posted.4")["id"].clone();
                    facts.put("control.posted", "/id", last);
                },
                "INCONCLUSIVE V1.5",
            ),
            (
                "the control starts nothing",
                |facts| starts_nothing(facts, "control"),
                "FAIL V1.6; INCONCLUSIVE V1.4 V1.5",
            ),
            (
                "the control starts nothing yet",
                |facts| {
                    starts_nothing(facts, "control");
                    facts.broken_off("control.builds");
                },
                "INCONCLUSIVE V1.4 V1.5 V1.6",
            ),
            (
                "the control was not typed",
                |facts| {
                    starts_nothing(facts, "control");
                    facts.unseen("control.posted");
                },
                "INCONCLUSIVE V1.1 V1.4 V1.5 V1.6",
            ),
        ],
    );
}

#[test]
fn the_gate_can_say_no() {
    check(
        "V1",
        &[
            (
                "the known-red head ends green, and the gate says so",
                |facts| {
                    facts.put("red.build", "/status", "success");
                    facts.put("red.results", "/stages/3/tests/0/status", "passed");
                    facts.end_status(3, |status| status["status"] = "success".into());
                    facts.result_comment("red.comments", |body| body.replace("failed", "passed"));
                },
                "FAIL V1.7",
            ),
            (
                "the known-red head ends green although a test failed",
                |facts| {
                    facts.put("red.build", "/status", "success");
                    facts.end_status(3, |status| status["status"] = "success".into());
                    facts.result_comment("red.comments", |body| body.replace("failed", "passed"));
                },
                "FAIL V1.7",
            ),
            (
                "it is red, but no test failed",
                |facts| facts.put("red.results", "/stages/3/tests/0/status", "passed"),
                "FAIL V1.7",
            ),
            (
                "it is red, but the test was skipped",
                |facts| facts.put("red.results", "/stages/3/tests/0/status", "skipped"),
                "FAIL V1.7",
            ),
            (
                "it is red, with the results of another build",
                |facts| facts.put("red.results", "/build", 12),
                "BLOCKED V1.7",
            ),
            (
                "it is red, without results",
                |facts| {
                    facts.set("red.results", Value::Null);
                    facts.in_vain("red.results");
                },
                "FAIL V1.7",
            ),
            (
                "its build does not end",
                |facts| hangs(facts, "red"),
                "FAIL V1.7; BLOCKED V1.3",
            ),
            (
                "its build has not ended yet",
                |facts| {
                    hangs(facts, "red");
                    facts.broken_off("red.build");
                },
                "INCONCLUSIVE V1.7; BLOCKED V1.3",
            ),
            (
                "its build is of the base",
                |facts| {
                    facts.build(3, |build| build["params"]["REF"] = OTHER.into());
                    facts.put("red.results", "/ref", OTHER);
                },
                "FAIL V1.1; BLOCKED V1.7",
            ),
            (
                "nothing is built for it, although the control fired",
                |facts| starts_nothing(facts, "red"),
                "FAIL V1.7",
            ),
            (
                "nothing is built for it yet",
                |facts| {
                    starts_nothing(facts, "red");
                    facts.broken_off("red.builds");
                },
                "INCONCLUSIVE V1.7",
            ),
            (
                "nothing is built for it, and for the control neither",
                |facts| {
                    starts_nothing(facts, "control");
                    starts_nothing(facts, "red");
                },
                "FAIL V1.6; INCONCLUSIVE V1.4 V1.5; BLOCKED V1.7",
            ),
            (
                "the trigger on it may not have been typed",
                |facts| facts.unseen("red.posted"),
                "INCONCLUSIVE V1.1 V1.7",
            ),
            (
                "the build that was followed is another one",
                |facts| facts.put("red.build", "/number", 9),
                "INCONCLUSIVE V1.3 V1.7",
            ),
            (
                "the red pull request could not be opened",
                |facts| {
                    facts.unseen("red");
                    facts.stop_at("control.posted");
                },
                "INCONCLUSIVE V1.1 V1.2 V1.3 V1.4 V1.5 V1.6 V1.7",
            ),
        ],
    );
}
