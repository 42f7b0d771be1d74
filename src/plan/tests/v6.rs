//! V6, one change at a time. Pull request 3 of the recipe is the flow's, and so is pull request 4 of the harness, which updates the stale
//! test; pull request 4 of the recipe is Gavel's, from the broken branch.

use super::facts::{Facts, check};
use crate::evidence::Question;
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";
const HARNESS: &str = "recipe-maintainers/cc-ci";
const MAIN: &str = "refs/heads/main";
const BRANCH: &str = "refs/heads/tests-sandbox-stale-1.3.0+2.0.0";
const FILE: &str = "tests/sandbox-stale/functional/tells-its-version.sh";
const BUILDER: &str = "after.clone./lab/loops/builder";
/// The case itself; what was merged is told apart from it.
const CASE: &str = "INCONCLUSIVE V6.1 V6.3 V6.4 V6.5 V6.7";
const WHOLE: &str = "BLOCKED V6.1 V6.2 V6.3 V6.4 V6.5 V6.6 V6.7";

fn list<'a>(facts: &'a mut Facts, label: &str) -> &'a mut Vec<Value> {
    match facts.answer(label) {
        Value::Array(list) => list,
        other => panic!("{label}: {other}"),
    }
}

fn act(facts: &mut Facts, op: &str, repository: &str, reference: &str) {
    let act = json!({ "id": 9000, "op_type": op, "repo": { "full_name": repository }, "ref_name": reference, "content": "" });
    facts.add("run.acts", act);
}

fn main_moved(facts: &mut Facts) {
    let branches = list(facts, "run.after.harness.branches");
    let main = branches.iter_mut().find(|it| it["name"] == "main").unwrap();
    main["commit"]["id"] = OTHER.into();
}

fn hand(facts: &mut Facts, label: &str) {
    let event = json!({ "id": 9000, "type": "pull_push", "user": { "login": "maintainer" } });
    facts.add(label, event);
}

/// A test comes to another end, by its stage and place.
fn ends(facts: &mut Facts, label: &str, stage: usize, test: usize, status: &str) {
    let pointer = format!("/stages/{stage}/tests/{test}/status");
    facts.put(label, &pointer, status);
}

/// What `verify-pr.sh` says of a run, in place of what it said.
fn says(facts: &mut Facts, run: &str, verdict: &str, code: i32) {
    facts.printed(run, |stdout| {
        let kept = stdout.lines().filter(|line| !line.starts_with("VERDICT="));
        let kept: Vec<_> = kept.collect();
        format!("{}\nVERDICT={verdict}\n", kept.join("\n"))
    });
    facts.put(run, "/end", json!({ "exited": code }));
}

fn prints(facts: &mut Facts, result: &str) {
    facts.printed("run", |stdout| {
        stdout.replace("RESULT: SUCCESS+TESTPR", &format!("RESULT: {result}"))
    });
}

/// Takes a text out of everything that was said in a place.
fn unsaid(facts: &mut Facts, label: &str, text: &str, instead: &str) {
    for comment in list(facts, label) {
        comment["body"] = comment["body"]
            .as_str()
            .unwrap()
            .replace(text, instead)
            .into();
    }
}

fn page(facts: &mut Facts, label: &str) -> String {
    facts.answer(label)["html_url"].as_str().unwrap().to_owned()
}

#[test]
fn it_is_about_a_stale_test() {
    check(
        "V6",
        &[
            (
                "the test passes on the new version",
                |facts| ends(facts, "run.try.1.results", 3, 1, "passed"),
                CASE,
            ),
            (
                "somebody changed the test meanwhile, and the flow pushed nothing",
                |facts| {
                    facts.put("test.after", "/text", "exit 0");
                    facts.remove("run.acts", |act| act["repo"]["full_name"] == HARNESS);
                },
                CASE,
            ),
            (
                "the flow opened nothing",
                |facts| {
                    facts.remove("run.after.mirror.pulls", |pull| pull["number"] == 3);
                },
                "BLOCKED V6.1 V6.3 V6.4 V6.5 V6.7",
            ),
            (
                "no script verifies",
                |facts| {
                    let missing = json!(["flow.verify_pr"]);
                    facts.put("expectations", "/upgrading/unconfigured", missing);
                },
                WHOLE,
            ),
            (
                "no clone is watched",
                |facts| {
                    let missing = json!(["host.clones"]);
                    facts.put("expectations", "/upgrading/unconfigured", missing);
                },
                WHOLE,
            ),
            (
                "there is no such recipe",
                |facts| {
                    let missing = json!(["sandbox.stale"]);
                    facts.put("expectations", "/upgrading/unconfigured", missing);
                },
                WHOLE,
            ),
        ],
    );
}

#[test]
fn one_pull_request_with_the_test_and_nothing_else() {
    check(
        "V6",
        &[
            (
                "none",
                |facts| {
                    let is_new = |pull: &Value| pull["number"] == 4;
                    facts.remove("run.after.harness.pulls", is_new);
                },
                "FAIL V6.1; BLOCKED V6.3 V6.4 V6.7",
            ),
            (
                "two",
                |facts| {
                    let mut other = list(facts, "run.after.harness.pulls")[0].clone();
                    other["number"] = 99.into();
                    other["user"]["login"] = "flow".into();
                    facts.add("run.after.harness.pulls", other);
                    facts.harness_pull_changes("run", 99, "tests/sandbox-stale/test_other.py");
                },
                "FAIL V6.1; BLOCKED V6.3 V6.4 V6.7",
            ),
            (
                "somebody else opens one, too",
                |facts| {
                    let mut other = list(facts, "run.after.harness.pulls")[0].clone();
                    other["number"] = 99.into();
                    other["user"]["login"] = "builder".into();
                    facts.add("run.after.harness.pulls", other);
                },
                "PASS",
            ),
            (
                "another file",
                |facts| facts.add("tests.files", json!({ "filename": "harness/run.sh" })),
                "FAIL V6.1",
            ),
            (
                "another file, and a person pushed",
                |facts| {
                    facts.add("tests.files", json!({ "filename": "harness/run.sh" }));
                    hand(facts, "tests.history");
                },
                "INCONCLUSIVE V6.1",
            ),
            (
                "the test under another name",
                |facts| {
                    facts.put("tests.files", "/0/filename", format!("{FILE}.old"));
                    list(facts, "tests.files")[0]["previous_filename"] = FILE.into();
                },
                "FAIL V6.1",
            ),
            (
                "nothing",
                |facts| facts.set("tests.files", json!([])),
                "FAIL V6.1",
            ),
            (
                "from a branch that was there before",
                |facts| {
                    let name = BRANCH.trim_start_matches("refs/heads/");
                    let branch = json!({ "name": name, "commit": { "id": OTHER } });
                    facts.add("run.before.harness.branches", branch);
                },
                "FAIL V6.1",
            ),
            (
                "to another branch",
                |facts| facts.put("tests.pull", "/base/ref", "next"),
                "FAIL V6.1",
            ),
            (
                "from another repository",
                |facts| facts.put("tests.pull", "/head/repo/full_name", "flow/cc-ci"),
                "FAIL V6.1",
            ),
            (
                "besides another branch",
                |facts| act(facts, "commit_repo", HARNESS, "refs/heads/tests-2"),
                "FAIL V6.1",
            ),
            (
                "besides a tag",
                |facts| act(facts, "push_tag", HARNESS, "refs/tags/v1"),
                "FAIL V6.1",
            ),
            (
                "closed again by a person",
                |facts| {
                    facts.put("tests.pull", "/state", "closed");
                    let event =
                        json!({ "id": 9000, "type": "close", "user": { "login": "maintainer" } });
                    facts.add("tests.history", event);
                },
                "INCONCLUSIVE V6.1",
            ),
            (
                "closed again by the flow",
                |facts| {
                    facts.put("tests.pull", "/state", "closed");
                    let event = json!({ "id": 9000, "type": "close", "user": { "login": "flow" } });
                    facts.add("tests.history", event);
                },
                "FAIL V6.1",
            ),
            (
                "what was looked at is another pull request",
                |facts| facts.put("tests.pull", "/user/login", "builder"),
                "INCONCLUSIVE V6.1 V6.3 V6.4 V6.7",
            ),
        ],
    );
}

#[test]
fn it_is_made_in_a_clone_of_its_own() {
    check(
        "V6",
        &[
            (
                "the flow pushes main",
                |facts| {
                    main_moved(facts);
                    act(facts, "commit_repo", HARNESS, MAIN);
                },
                "FAIL V6.2",
            ),
            (
                "the flow pushes main and puts it back",
                |facts| act(facts, "commit_repo", HARNESS, MAIN),
                "FAIL V6.2",
            ),
            ("somebody else pushes main", main_moved, "PASS"),
            (
                "the flow pushes main of another repository",
                |facts| act(facts, "commit_repo", "recipe-maintainers/other", MAIN),
                "PASS",
            ),
            (
                "a clone is at the flow's branch",
                |facts| facts.put(BUILDER, "/head", format!("ref: {BRANCH}")),
                "FAIL V6.2",
            ),
            (
                "a clone has the flow's branch",
                |facts| {
                    let head = facts.answer("tests.pull")["head"]["sha"].clone();
                    facts.answer(BUILDER)["refs"]["refs/heads/x"] = head;
                },
                "FAIL V6.2",
            ),
            (
                "a clone has a change of the test",
                |facts| facts.answer(BUILDER)["changed"][FILE] = " M 00".into(),
                "FAIL V6.2",
            ),
            (
                "a clone has fetched",
                |facts| {
                    let head = facts.answer("tests.pull")["head"]["sha"].clone();
                    facts.answer(BUILDER)["refs"]["refs/remotes/origin/x"] = head;
                },
                "INCONCLUSIVE V6.2",
            ),
            (
                "a clone has another branch",
                |facts| facts.answer(BUILDER)["refs"]["refs/heads/x"] = OTHER.into(),
                "INCONCLUSIVE V6.2",
            ),
            (
                "a clone has changed",
                |facts| facts.put(BUILDER, "/index", "00"),
                "INCONCLUSIVE V6.2",
            ),
            (
                "a clone could not be looked at",
                |facts| facts.unseen(BUILDER),
                "INCONCLUSIVE V6.2",
            ),
            (
                "a clone is none",
                |facts| facts.set(BUILDER, json!({})),
                "INCONCLUSIVE V6.2",
            ),
            (
                "a clone is at the flow's branch, and was none before",
                |facts| {
                    facts.set(&BUILDER.replace("after", "before"), json!({}));
                    facts.put(BUILDER, "/head", format!("ref: {BRANCH}"));
                },
                "INCONCLUSIVE V6.2",
            ),
            (
                "the forge shows nothing of what the flow does",
                |facts| facts.set("run.acts", json!([])),
                "INCONCLUSIVE V6.1 V6.2",
            ),
        ],
    );
}

#[test]
fn both_are_verified_together() {
    check(
        "V6",
        &[
            (
                "the flow did not",
                |facts| facts.set("run.verified", Value::Null),
                "FAIL V6.3",
            ),
            (
                "the flow did not, and a person pushed",
                |facts| {
                    facts.set("run.verified", Value::Null);
                    hand(facts, "tests.history");
                },
                "INCONCLUSIVE V6.3",
            ),
            (
                "of other heads",
                |facts| {
                    let Question::Verified { tests_head, .. } =
                        &mut facts.fact("run.verified").question
                    else {
                        panic!("no results")
                    };
                    *tests_head = OTHER.into();
                },
                "INCONCLUSIVE V6.3",
            ),
            (
                "another test was not run, and others moved the tests",
                |facts| {
                    ends(facts, "again.verified", 3, 0, "skipped");
                    facts.put("run.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V6.3",
            ),
            (
                "with other tests",
                |facts| facts.put("run.verified", "/tests", OTHER),
                "FAIL V6.3",
            ),
            (
                "with tests that are not told",
                |facts| facts.put("run.verified", "/tests", ""),
                "INCONCLUSIVE V6.3",
            ),
            (
                "of another commit",
                |facts| facts.put("run.verified", "/ref", OTHER),
                "FAIL V6.3",
            ),
            (
                "of another recipe",
                |facts| facts.put("run.verified", "/recipe", "sandbox-upgrade"),
                "FAIL V6.3",
            ),
            (
                "of another pull request",
                |facts| facts.put("run.verified", "/pr", 2),
                "FAIL V6.3",
            ),
            (
                "a test failed",
                |facts| ends(facts, "run.verified", 0, 0, "failed"),
                "FAIL V6.3",
            ),
            (
                "the changed test was not run",
                |facts| ends(facts, "run.verified", 3, 1, "skipped"),
                "FAIL V6.3",
            ),
            (
                "another test was not run",
                |facts| ends(facts, "again.verified", 3, 0, "skipped"),
                "FAIL V6.3",
            ),
            (
                "what is there is something else",
                |facts| facts.set("run.verified", "<html>"),
                "INCONCLUSIVE V6.3",
            ),
            (
                "run by Gavel it is red",
                |facts| says(facts, "again", "RED", 1),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it says green and ends red",
                |facts| says(facts, "again", "GREEN", 1),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it hangs",
                |facts| facts.put("again", "/end", "timed_out"),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it says that it tested something else",
                |facts| facts.printed("again", |text| text.replace("TESTS_HEAD=", "TESTS_HEAD=0")),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it leaves no results",
                |facts| facts.set("again.verified", Value::Null),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it deploys nothing",
                |facts| facts.put("again.deploys", "/events", json!([])),
                "FAIL V6.3",
            ),
            (
                "run by Gavel it removes what stands, and deploys nothing",
                |facts| {
                    let events = facts.answer("again.deploys")["events"].as_array_mut();
                    events.unwrap().retain(|event| event["action"] != "create");
                },
                "FAIL V6.3",
            ),
            (
                "run by Gavel it deploys another recipe",
                |facts| {
                    for event in facts.answer("again.deploys")["events"]
                        .as_array_mut()
                        .unwrap()
                    {
                        event["name"] = "ci-other-1_app".into();
                    }
                },
                "FAIL V6.3",
            ),
            (
                "nobody saw what it deployed",
                |facts| {
                    let gap = json!({ "from": "2026-06-01T00:00:00Z", "until": "2026-06-01T00:00:01Z", "why": "docker was away" });
                    facts.put("again.deploys", "/events", json!([]));
                    facts.put("again.deploys", "/gaps", json!([gap]));
                },
                "INCONCLUSIVE V6.3",
            ),
            (
                "it cannot be started",
                |facts| {
                    facts.put("again", "/end", json!({ "not_started": "no such file" }));
                },
                "BLOCKED V6.3",
            ),
            (
                "it was run on something else",
                |facts| {
                    let Question::Run { command, .. } = &mut facts.fact("again").question else {
                        panic!("no run")
                    };
                    *command.last_mut().unwrap() = "main".into();
                },
                "INCONCLUSIVE V6.3",
            ),
        ],
    );
}

#[test]
fn the_two_name_each_other() {
    check(
        "V6",
        &[
            (
                "the recipe's does not",
                |facts| {
                    let page = page(facts, "tests.pull");
                    unsaid(facts, "run.talk", &page, "#4");
                },
                "FAIL V6.4",
            ),
            (
                "the recipe's names another one",
                |facts| {
                    let page = page(facts, "tests.pull");
                    unsaid(facts, "run.talk", &page, &format!("{page}3"));
                },
                "FAIL V6.4",
            ),
            (
                "the recipe's names it in short",
                |facts| {
                    let page = page(facts, "tests.pull");
                    unsaid(facts, "run.talk", &page, "recipe-maintainers/cc-ci#4");
                },
                "PASS",
            ),
            (
                "the recipe's names another one in short",
                |facts| {
                    let page = page(facts, "tests.pull");
                    let others = "recipe-maintainers/cc-ci#44 and my-recipe-maintainers/cc-ci#4";
                    unsaid(facts, "run.talk", &page, others);
                },
                "FAIL V6.4",
            ),
            (
                "somebody else does it for the recipe's",
                |facts| {
                    let page = page(facts, "tests.pull");
                    unsaid(facts, "run.talk", &page, "another one");
                    let comment =
                        json!({ "id": 9000, "user": { "login": "adversary" }, "body": page });
                    facts.add("run.talk", comment);
                },
                "FAIL V6.4",
            ),
            (
                "the recipe's names it where nobody sees it",
                |facts| {
                    let page = page(facts, "tests.pull");
                    unsaid(facts, "run.talk", &page, &format!("<!-- {page} -->"));
                },
                "FAIL V6.4",
            ),
            (
                "the test's says it in its text alone",
                |facts| facts.set("tests.talk", json!([])),
                "PASS",
            ),
            (
                "the test's does not",
                |facts| {
                    facts.set("tests.talk", json!([]));
                    facts.put("tests.pull", "/body", "");
                },
                "FAIL V6.4",
            ),
            (
                "the test's does not, and a person had a hand in it",
                |facts| {
                    facts.set("tests.talk", json!([]));
                    facts.put("tests.pull", "/body", "");
                    hand(facts, "run.history");
                },
                "INCONCLUSIVE V6.4",
            ),
        ],
    );
}

#[test]
fn the_result_is_told_and_nothing_is_merged() {
    check(
        "V6",
        &[
            (
                "it forgets the test",
                |facts| prints(facts, "SUCCESS"),
                "FAIL V6.5",
            ),
            (
                "it says that a test is stale",
                |facts| prints(facts, "SUCCESS-PENDING-TESTS"),
                "FAIL V6.5",
            ),
            (
                "the flow merges the test",
                |facts| {
                    let pulls = list(facts, "run.after.harness.pulls");
                    let pull = pulls.iter_mut().find(|it| it["number"] == 4).unwrap();
                    pull["merged"] = true.into();
                    pull["merged_by"] = json!({ "login": "flow" });
                    main_moved(facts);
                    act(facts, "merge_pull_request", HARNESS, "");
                },
                "FAIL V6.2 V6.6",
            ),
            (
                "the flow merges the test, and the forge has not noticed yet",
                |facts| {
                    facts.put("tests.pull", concat!("/", "merged"), true);
                    let by = json!({ "login": "flow" });
                    facts.put("tests.pull", concat!("/", "merged_by"), by);
                    main_moved(facts);
                },
                "FAIL V6.2",
            ),
            (
                "a person merges the test after the run, and main moves",
                |facts| {
                    facts.put("tests.pull", concat!("/", "merged"), true);
                    let by = json!({ "login": "maintainer" });
                    facts.put("tests.pull", concat!("/", "merged_by"), by);
                    main_moved(facts);
                },
                "PASS",
            ),
            (
                "main followed upstream, and the forge takes somebody's old pull request for merged by the flow",
                |facts| {
                    let repository = json!({ "full_name": "recipe-maintainers/sandbox-stale", "autodetect_manual_merge": true });
                    let mut old = json!({
                        "number": 0, "user": { "login": "maintainer" }, "state": "open",
                        "head": { "sha": OTHER, "ref": "fix" },
                        "base": { "sha": OTHER, "ref": "main", "repo": repository },
                    });
                    facts.add("run.before.mirror.pulls", old.clone());
                    old["state"] = "closed".into();
                    old["merged"] = true.into();
                    old["merged_by"] = json!({ "login": "flow" });
                    facts.add("run.after.mirror.pulls", old);
                },
                "INCONCLUSIVE V6.6",
            ),
            (
                "a person merges the test",
                |facts| {
                    let pulls = list(facts, "run.after.harness.pulls");
                    let pull = pulls.iter_mut().find(|it| it["number"] == 4).unwrap();
                    pull["merged"] = true.into();
                    pull["merged_by"] = json!({ "login": "maintainer" });
                    main_moved(facts);
                },
                "INCONCLUSIVE V6.6",
            ),
        ],
    );
}

#[test]
fn the_changed_test_has_teeth() {
    check(
        "V6",
        &[
            (
                "it passes on the broken recipe",
                |facts| {
                    says(facts, "teeth", "GREEN", 0);
                    ends(facts, "teeth.verified", 3, 1, "passed");
                    facts.put("teeth.verified", "/stages/3/status", "passed");
                },
                "FAIL V6.7",
            ),
            (
                "it passes, and something else fails",
                |facts| {
                    ends(facts, "teeth.verified", 3, 1, "passed");
                    ends(facts, "teeth.verified", 3, 0, "failed");
                },
                "FAIL V6.7",
            ),
            (
                "it fails, and something else does, too",
                |facts| ends(facts, "teeth.verified", 0, 0, "failed"),
                "INCONCLUSIVE V6.7",
            ),
            (
                "it fails, and the script says green",
                |facts| says(facts, "teeth", "GREEN", 0),
                "FAIL V6.7",
            ),
            (
                "it is gone",
                |facts| {
                    let tests = facts
                        .answer("teeth.verified")
                        .pointer_mut("/stages/3/tests");
                    tests.unwrap().as_array_mut().unwrap().pop();
                },
                "FAIL V6.7",
            ),
            (
                "it was not tried",
                |facts| {
                    facts.put("teeth.verified", "/stages/3/tests", json!([]));
                    ends(facts, "teeth.verified", 0, 0, "failed");
                },
                "INCONCLUSIVE V6.7",
            ),
            (
                "the broken recipe is at the version before",
                |facts| {
                    let compose = facts.answer("broken.compose")["text"].clone();
                    let before = compose.as_str().unwrap().replace("2.0.0", "1.9.0");
                    facts.put("broken.compose", "/text", before);
                },
                "INCONCLUSIVE V6.7",
            ),
            (
                "the broken recipe has no compose file",
                |facts| facts.set("broken.compose", Value::Null),
                "INCONCLUSIVE V6.7",
            ),
            (
                "other tests were run",
                |facts| facts.put("teeth.verified", "/tests", OTHER),
                "INCONCLUSIVE V6.7",
            ),
            (
                "another commit was tested",
                |facts| facts.put("teeth.verified", "/ref", OTHER),
                "INCONCLUSIVE V6.7",
            ),
            (
                "the script says that it tested another commit",
                |facts| {
                    facts.printed("teeth", |text| {
                        text.replace("RECIPE_HEAD=", "RECIPE_HEAD=0")
                    })
                },
                "INCONCLUSIVE V6.7",
            ),
            (
                "the script says green of another commit",
                |facts| {
                    says(facts, "teeth", "GREEN", 0);
                    facts.set("teeth.verified", Value::Null);
                },
                "FAIL V6.7",
            ),
            (
                "it leaves no results",
                |facts| facts.set("teeth.verified", Value::Null),
                "INCONCLUSIVE V6.7",
            ),
            (
                "it comes to no verdict",
                |facts| says(facts, "teeth", "PENDING", 3),
                "INCONCLUSIVE V6.7",
            ),
            (
                "it says nothing",
                |facts| facts.printed("teeth", |_| String::new()),
                "INCONCLUSIVE V6.7",
            ),
            (
                "what is broken is another branch",
                |facts| {
                    let Question::OpenPull { from, .. } = &mut facts.fact("broken").question else {
                        panic!("no pull request")
                    };
                    *from = "main".into();
                },
                "INCONCLUSIVE V6.7",
            ),
            (
                "it was run with other tests",
                |facts| {
                    let Question::Run { command, .. } = &mut facts.fact("teeth").question else {
                        panic!("no run")
                    };
                    *command.last_mut().unwrap() = "main".into();
                },
                "INCONCLUSIVE V6.7",
            ),
            (
                "it passes on the broken recipe, and a person pushed",
                |facts| {
                    says(facts, "teeth", "GREEN", 0);
                    hand(facts, "tests.history");
                },
                "INCONCLUSIVE V6.7",
            ),
        ],
    );
}
