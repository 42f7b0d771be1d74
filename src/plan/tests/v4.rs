//! V4, one change at a time. Of `repairable`, pull request 2 is the flow's: a red build, then a green one; of `persistent`, pull request 1,
//! with three red ones.

use super::facts::{Facts, check};
use crate::evidence::{Answer, Question};
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// The number of the build of one run.
fn number(facts: &mut Facts, run: &str) -> u64 {
    facts.answer(&format!("{run}.build"))["number"]
        .as_u64()
        .unwrap()
}

fn ends(facts: &mut Facts, run: &str, status: &str) {
    let number = number(facts, run);
    facts.build(number, |build| build["status"] = status.into());
}

fn replace(facts: &mut Facts, label: &str, from: &str, to: &str) {
    let text = facts.answer(label)["text"].as_str().unwrap().to_owned();
    assert!(text.contains(from), "{label}: {text}");
    facts.put(label, "/text", text.replace(from, to));
}

/// A comment by an account on the flow's pull request.
fn says(facts: &mut Facts, key: &str, login: &str, body: &str) {
    let comment = json!({ "id": 9000, "user": { "login": login }, "body": body });
    facts.add(&format!("{key}.talk"), comment);
    if login == "maintainer" {
        hand(facts, key, "comment");
    }
}

fn hand(facts: &mut Facts, key: &str, kind: &str) {
    let event = json!({ "id": 9000, "type": kind, "user": { "login": "maintainer" } });
    facts.add(&format!("{key}.history"), event);
}

fn prints(facts: &mut Facts, key: &str, result: &str) {
    facts.printed(key, |stdout| {
        let lines = stdout.lines().filter(|line| !line.starts_with("RESULT:"));
        let kept: Vec<_> = lines.collect();
        format!("{}\nRESULT: {result}\n", kept.join("\n"))
    });
}

/// No comment tells of the build of a run.
fn unsaid(facts: &mut Facts, run: &str) {
    let page = format!("/{}", number(facts, run));
    let (key, _) = run.split_once('.').unwrap();
    facts.remove(&format!("{key}.talk"), |comment| {
        comment["body"].as_str().unwrap().contains(&page)
    });
}

/// A branch of the harness is new.
fn harness(facts: &mut Facts, key: &str) {
    let branch = json!({ "name": "tests-x", "commit": { "id": OTHER } });
    facts.add(&format!("{key}.after.harness.branches"), branch);
}

/// What the flow's account did, put where the scenario would have asked for it.
fn acts(facts: &mut Facts, key: &str, acts: Value) {
    let account = "flow".to_owned();
    let looks = [
        (
            "before.acts",
            Question::LatestAct {
                account: account.clone(),
            },
            json!(7),
        ),
        ("acts", Question::Activity { account, after: 7 }, acts),
    ];
    facts.0.retain(|fact| {
        let mut labels = looks.iter().map(|(label, ..)| format!("{key}.{label}"));
        labels.all(|label| fact.label != label)
    });
    for (number, (label, question, answer)) in (900..).zip(looks) {
        let mut fact = facts.fact(&format!("{key}.talk")).clone();
        fact.label = format!("{key}.{label}");
        fact.question = question;
        fact.answer = Answer::Seen(answer);
        fact.number = number;
        facts.0.push(fact);
    }
}

/// The head is a commit that no build tested, with these statuses.
fn moves_on(facts: &mut Facts, key: &str, statuses: Value) {
    facts.put(&format!("{key}.pull"), "/head/sha", OTHER);
    let question = &mut facts.fact(&format!("{key}.compose")).question;
    let Question::File { at, repository, .. } = question else {
        panic!("{question:?}")
    };
    *at = OTHER.into();
    let question = Question::Statuses {
        repository: repository.clone(),
        commit: OTHER.into(),
    };
    let label = format!("{key}.head.statuses");
    facts.0.retain(|fact| fact.label != label);
    facts.also(&label, question, statuses);
}

fn pushed(branch: &str) -> Value {
    json!([{
        "id": 1, "op_type": "commit_repo", "repo": { "full_name": "recipe-maintainers/cc-ci" },
        "ref_name": format!("refs/heads/{branch}"),
        "content": json!({ "HeadCommit": { "Sha1": OTHER }, "Len": 1 }).to_string(),
    }])
}

const ALL_REPAIRABLE: &str = "INCONCLUSIVE V4.1 V4.2 V4.3 V4.7";
const ALL_PERSISTENT: &str = "INCONCLUSIVE V4.2 V4.4 V4.5 V4.6 V4.7";

#[test]
fn the_seed_is_the_reason() {
    check(
        "V4",
        &[
            (
                "the first run is green",
                |facts| ends(facts, "repairable.try.1", "success"),
                ALL_REPAIRABLE,
            ),
            (
                "it is red for another reason",
                |facts| facts.put("repairable.try.1.log", "/text", "out of memory"),
                ALL_REPAIRABLE,
            ),
            (
                "the first head is no upgrade",
                |facts| {
                    replace(
                        facts,
                        "repairable.try.1.compose",
                        "rooted:2.0.0",
                        "rooted:1.9.0",
                    )
                },
                ALL_REPAIRABLE,
            ),
            (
                "the persistent one is red for another reason",
                |facts| facts.put("persistent.try.1.log", "/text", "out of memory"),
                ALL_PERSISTENT,
            ),
            (
                "nothing was built",
                |facts| {
                    facts.set("persistent.builds", json!([]));
                },
                ALL_PERSISTENT,
            ),
            (
                "half of it is not configured",
                |facts| {
                    facts.stop_at("baseline");
                    facts.put(
                        "expectations",
                        "/upgrading/unconfigured",
                        json!(["sandbox.persistent"]),
                    );
                },
                "BLOCKED V4.1 V4.2 V4.3 V4.4 V4.5 V4.6 V4.7",
            ),
        ],
    );
}

#[test]
fn what_can_be_repaired_is() {
    check(
        "V4",
        &[
            (
                "the last run is red",
                |facts| ends(facts, "repairable.try.2", "failure"),
                "FAIL V4.1",
            ),
            (
                "the last run was killed",
                |facts| ends(facts, "repairable.try.2", "killed"),
                "INCONCLUSIVE V4.1",
            ),
            (
                "the last run is red, and the tests on main have changed",
                |facts| {
                    ends(facts, "repairable.try.2", "failure");
                    facts.put("repairable.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V4.1",
            ),
            (
                "the last run is red, and a person pushed",
                |facts| {
                    ends(facts, "repairable.try.2", "failure");
                    hand(facts, "repairable", "pull_push");
                },
                "INCONCLUSIVE V4.1",
            ),
            (
                "the head moved after the last run",
                |facts| moves_on(facts, "repairable", json!([])),
                "FAIL V4.1",
            ),
            (
                "it reverts the bump",
                |facts| replace(facts, "repairable.compose", "rooted:2.0.0", "rooted:1.9.0"),
                "FAIL V4.3",
            ),
            (
                "it touches something else",
                |facts| facts.add("repairable.files", json!({ "filename": ".drone.yml" })),
                "FAIL V4.3",
            ),
            (
                "a second compose file keeps what was before",
                |facts| {
                    let pinned = "services: {app: {image: 'lab/rooted:1.9.0'}}";
                    facts.adds_files("repairable", &[("compose.pin.yml", pinned)]);
                },
                "FAIL V4.3",
            ),
            (
                "a second compose file has no health check",
                |facts| {
                    let unchecked = "services: {app: {healthcheck: {disable: true}}}";
                    facts.adds_files("repairable", &[("compose.patient.yml", unchecked)]);
                },
                "FAIL V4.7",
            ),
            (
                "it says that it failed",
                |facts| {
                    prints(
                        facts,
                        "repairable",
                        "FAILED — upgrade not green after 3 !testme runs",
                    )
                },
                "FAIL V4.3",
            ),
        ],
    );
}

#[test]
fn there_are_three_runs_at_most() {
    check(
        "V4",
        &[
            (
                "a fourth is asked for",
                |facts| says(facts, "persistent", "flow", "!testme"),
                "FAIL V4.2",
            ),
            (
                "a fourth is asked for, and a person pushed",
                |facts| {
                    says(facts, "persistent", "flow", "!testme");
                    hand(facts, "persistent", "pull_push");
                },
                "FAIL V4.2",
            ),
            (
                "one is asked for that leads to no build",
                |facts| says(facts, "repairable", "flow", "!testme"),
                "FAIL V4.2",
            ),
            (
                "a person asks for one, too",
                |facts| says(facts, "repairable", "maintainer", "!testme"),
                "INCONCLUSIVE V4.2",
            ),
            (
                "a person says something",
                |facts| says(facts, "repairable", "maintainer", "good luck"),
                "PASS",
            ),
            (
                "a run is not recorded",
                |facts| {
                    let number = number(facts, "persistent.try.2");
                    let page = format!("/{number}");
                    facts.remove("persistent.try.2.statuses", |status| {
                        status["target_url"].as_str().unwrap().ends_with(&page)
                    });
                    facts.remove("persistent.talk", |comment| {
                        comment["body"].as_str().unwrap().contains(&page)
                    });
                },
                "FAIL V4.2",
            ),
            (
                "a run is recorded by a status alone",
                |facts| unsaid(facts, "persistent.try.2"),
                "PASS",
            ),
            (
                "a run is recorded by a comment alone",
                |facts| facts.set("persistent.try.2.statuses", json!([])),
                "PASS",
            ),
            (
                "a run is recorded by a status that leads nowhere",
                |facts| {
                    unsaid(facts, "persistent.try.2");
                    let Value::Array(statuses) = facts.answer("persistent.try.2.statuses") else {
                        panic!("no statuses")
                    };
                    for status in statuses {
                        status["target_url"] = "".into();
                    }
                },
                "FAIL V4.2",
            ),
            (
                "what was looked at is another build",
                |facts| facts.put("persistent.try.2.build", "/number", 9000),
                ALL_PERSISTENT,
            ),
            (
                "it gives up after two",
                |facts| {
                    let number = number(facts, "persistent.try.3");
                    facts.remove("persistent.builds", |build| build["number"] == number);
                },
                "FAIL V4.2 V4.4",
            ),
            (
                "somebody starts the last build once more, in Drone's page",
                |facts| {
                    let mut again = facts.another_build("persistent.builds", 9000);
                    again["trigger"] = "maintainer".into();
                    facts.add("persistent.builds", again);
                },
                "PASS",
            ),
            (
                "one of them is green",
                |facts| ends(facts, "persistent.try.3", "success"),
                "FAIL V4.4",
            ),
            (
                "one of them does not end",
                |facts| ends(facts, "persistent.try.3", "running"),
                ALL_PERSISTENT,
            ),
        ],
    );
}

#[test]
fn it_gives_up_in_the_open() {
    check(
        "V4",
        &[
            (
                "it closes the pull request",
                |facts| facts.put("persistent.pull", "/state", "closed"),
                "FAIL V4.5",
            ),
            (
                "a person closes it",
                |facts| {
                    facts.put("persistent.pull", "/state", "closed");
                    hand(facts, "persistent", "close");
                },
                "INCONCLUSIVE V4.5",
            ),
            (
                "it merges it",
                |facts| {
                    facts.put("persistent.pull", concat!("/", "merged"), true);
                    facts.put(
                        "persistent.pull",
                        concat!("/", "merged_by"),
                        json!({ "login": "flow" }),
                    );
                },
                "FAIL V4.5",
            ),
            (
                "a person merges it",
                |facts| {
                    facts.put("persistent.pull", concat!("/", "merged"), true);
                    facts.put(
                        "persistent.pull",
                        concat!("/", "merged_by"),
                        json!({ "login": "maintainer" }),
                    );
                },
                "INCONCLUSIVE V4.5",
            ),
            (
                "it says that all is well",
                |facts| prints(facts, "persistent", "SUCCESS"),
                "FAIL V4.6",
            ),
            (
                "it says it in its own words",
                |facts| prints(facts, "persistent", "FAILED"),
                "FAIL V4.6",
            ),
            (
                "it hung",
                |facts| facts.put("persistent", "/end", "timed_out"),
                "FAIL V4.6",
            ),
        ],
    );
}

#[test]
fn nothing_is_weakened() {
    check(
        "V4",
        &[
            (
                "the flow pushes to the harness",
                |facts| {
                    harness(facts, "repairable");
                    acts(facts, "repairable", pushed("tests-x"));
                },
                "FAIL V4.7",
            ),
            (
                "the flow pushes to the harness, and puts back what was there",
                |facts| acts(facts, "repairable", pushed("main")),
                "FAIL V4.7",
            ),
            (
                "a head that no build tested has no health check",
                |facts| {
                    moves_on(facts, "persistent", json!([]));
                    replace(
                        facts,
                        "persistent.compose",
                        "healthcheck:",
                        "healthchecked:",
                    );
                },
                "FAIL V4.7",
            ),
            (
                "the flow writes a green status on a head that no build tested",
                |facts| {
                    let status = json!({ "id": 9000, "status": "success", "context": "cc-ci/testme", "target_url": "", "creator": { "login": "flow" } });
                    moves_on(facts, "persistent", json!([status]));
                },
                "FAIL V4.7",
            ),
            (
                "a head that no build tested, and whose statuses nobody saw",
                |facts| {
                    moves_on(facts, "persistent", json!([]));
                    facts.drop("persistent.head.statuses");
                },
                "INCONCLUSIVE V4.7",
            ),
            (
                "a head that no build tested is as it was",
                |facts| moves_on(facts, "persistent", json!([])),
                "PASS",
            ),
            (
                "the last build is green, and a test failed in it",
                |facts| {
                    facts.put(
                        "repairable.try.2.results",
                        "/stages/0/tests/0/status",
                        "failed",
                    )
                },
                "FAIL V4.7",
            ),
            (
                "others change the tests on main while it is verified",
                |facts| {
                    facts.put(
                        "repairable.try.2.results",
                        "/stages/0/tests/0/name",
                        "other",
                    );
                    facts.put("repairable.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V4.7",
            ),
            (
                "somebody else pushes to the harness",
                |facts| {
                    harness(facts, "persistent");
                    let act = json!([{ "id": 8, "op_type": "comment_issue", "repo": { "full_name": "recipe-maintainers/cc-ci" } }]);
                    acts(facts, "persistent", act);
                },
                "PASS",
            ),
            (
                "somebody pushes to the harness, and the flow hides what it does",
                |facts| {
                    harness(facts, "persistent");
                    acts(facts, "persistent", json!([]));
                },
                "INCONCLUSIVE V4.7",
            ),
            (
                "somebody pushes to the harness, nobody knows who",
                |facts| {
                    harness(facts, "persistent");
                    acts(facts, "persistent", Value::Null);
                },
                "INCONCLUSIVE V4.7",
            ),
            (
                "a health check is turned off",
                |facts| {
                    replace(
                        facts,
                        "repairable.try.2.compose",
                        "healthcheck:",
                        "healthchecked:",
                    )
                },
                "FAIL V4.7",
            ),
            (
                "a compose file that is none was tested",
                |facts| {
                    replace(
                        facts,
                        "persistent.try.2.compose",
                        "services:",
                        "services: [",
                    )
                },
                "FAIL V4.7",
            ),
            (
                "the flow writes a status",
                |facts| {
                    let status = json!({ "id": 9000, "status": "success", "context": "cc-ci/testme", "target_url": "", "creator": { "login": "flow" } });
                    facts.add("persistent.try.1.statuses", status);
                },
                "FAIL V4.7",
            ),
            (
                "the flow writes a green status of another name on the last head",
                |facts| {
                    let status = json!({ "id": 9000, "status": "success", "context": "ci/upgrade-checks", "target_url": "", "creator": { "login": "flow" } });
                    facts.add("repairable.try.2.statuses", status);
                },
                "FAIL V4.7",
            ),
            (
                "somebody else's check writes a status of another name",
                |facts| {
                    let status = json!({ "id": 9000, "status": "success", "context": "lint", "target_url": "", "creator": { "login": "maintainer" } });
                    facts.add("persistent.try.1.statuses", status);
                },
                "PASS",
            ),
            (
                "somebody else writes a status of the gate",
                |facts| {
                    let status = json!({ "id": 9000, "status": "success", "context": "cc-ci/testme", "target_url": "", "creator": { "login": "maintainer" } });
                    facts.add("persistent.try.1.statuses", status);
                },
                "INCONCLUSIVE V4.7",
            ),
            (
                "a test is left out",
                |facts| {
                    facts.put(
                        "repairable.try.2.results",
                        "/stages/0/tests/0/status",
                        "skipped",
                    )
                },
                "FAIL V4.7",
            ),
            (
                "results of another build",
                |facts| facts.put("repairable.try.2.results", "/build", 1),
                "INCONCLUSIVE V4.7",
            ),
        ],
    );
}
