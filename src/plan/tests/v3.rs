//! V3, one change at a time. Pull request 1 is Gavel's, of the recipe as it is (build 7); pull request 2 is the flow's (build 8).

use super::facts::{Facts, check};
use crate::evidence::Question;
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// The flow's own pull request, wherever it is seen.
fn pull(facts: &mut Facts, pointer: &str, value: impl Into<Value>) {
    let value = value.into();
    facts.put("run.pull", pointer, value.clone());
    facts.put("run.after.mirror.pulls", &format!("/0{pointer}"), value);
}

fn prints(facts: &mut Facts, last: &str) {
    facts.printed("run", |stdout| {
        let lines = stdout.lines().filter(|line| !line.starts_with("RESULT:"));
        let kept: Vec<_> = lines.collect();
        format!("{}\n{last}\n", kept.join("\n"))
    });
}

/// A compose file that keeps the version before.
const PINNED: &str = "services:\n  app:\n    image: lab/plain:1.4.0\n";

fn compose(facts: &mut Facts, from: &str, to: &str) {
    let text = facts.answer("run.compose")["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(text.contains(from), "{text}");
    facts.put("run.compose", "/text", text.replace(from, to));
}

/// Drops a step and all that came after it, but for the look at what the flow did.
fn stop_at(facts: &mut Facts, label: &str) {
    let acts = facts.fact("run.acts").clone();
    facts.stop_at(label);
    facts.0.push(acts);
}

/// Nothing was opened, and so nothing of it was looked at.
fn nothing_opened(facts: &mut Facts) {
    facts.stop_at("run.pull");
    facts.remove("run.after.mirror.pulls", |pull| {
        pull["user"]["login"] == "flow"
    });
}

/// The flow opened a pull request here, too, by the forge's history of its account.
fn told(facts: &mut Facts, repository: &str) {
    let act = json!({ "id": 9000, "op_type": "create_pull_request", "repo": { "full_name": repository }, "content": "9|More" });
    facts.add("run.acts", act);
}

/// Somebody with no part in this did something to the flow's pull request.
fn hand(facts: &mut Facts, kind: &str) {
    facts.add(
        "run.history",
        json!({ "id": 9000, "type": kind, "user": { "login": "maintainer" } }),
    );
}

/// The flow opened another pull request, too, in the `mirror` or the `harness`.
fn another(facts: &mut Facts, part: &str) {
    let mut pull = facts.answer("run.pull").clone();
    pull["number"] = 3.into();
    facts.add(&format!("run.after.{part}.pulls"), pull);
}

/// The forge was asked for a push of the mirror's `main` by the flow, and has one to this commit.
fn moved(facts: &mut Facts, commit: &str) {
    let mirror = facts.answer("run.acts")[0]["repo"].clone();
    let question = facts.fact("run.acts").question.clone();
    let content = json!({ "HeadCommit": { "Sha1": commit }, "CompareURL": "", "Len": 1 });
    let act = json!({ "id": 9001, "op_type": "commit_repo", "repo": mirror, "ref_name": "refs/heads/main", "content": content.to_string() });
    facts.also("run.moved.acts", question, json!([act]));
}

/// The builds of the recipe as it was and of its upgrade, in what is recorded.
const BASELINE: u64 = 9;
const UPGRADE: u64 = 10;

#[test]
fn the_mirror_is_reconciled() {
    check(
        "V3",
        &[
            (
                "a pull request was opened in another recipe, too",
                |facts| told(facts, "recipe-maintainers/sandbox-current"),
                "FAIL V3.2",
            ),
            (
                "what the flow did is not shown",
                |facts| facts.set("run.acts", json!([])),
                "INCONCLUSIVE V3.2",
            ),
            (
                "what the flow did is not known",
                |facts| facts.unseen("run.acts"),
                "INCONCLUSIVE V3.2",
            ),
            (
                "the mirror is elsewhere",
                |facts| facts.put("run.after.mirror", "/commit/id", OTHER),
                "FAIL V3.1",
            ),
            (
                "the mirror is elsewhere, by a push of the flow",
                |facts| {
                    facts.put("run.after.mirror", "/commit/id", OTHER);
                    moved(facts, OTHER);
                },
                "FAIL V3.1",
            ),
            (
                "the mirror is elsewhere, and the flow pushed something else",
                |facts| {
                    facts.put("run.after.mirror", "/commit/id", OTHER);
                    moved(facts, "1111111111111111111111111111111111111111");
                },
                "INCONCLUSIVE V3.1",
            ),
            (
                "the mirror is elsewhere, and the flow pushed another branch there",
                |facts| {
                    facts.put("run.after.mirror", "/commit/id", OTHER);
                    moved(facts, OTHER);
                    facts.put("run.moved.acts", "/0/ref_name", "refs/heads/x");
                },
                "INCONCLUSIVE V3.1",
            ),
            (
                "the flow's account opened a pull request in the suite that is about no recipe of the sandbox",
                |facts| {
                    another(facts, "harness");
                    facts.harness_pull_changes("run", 3, "runner/report.py");
                },
                "INCONCLUSIVE V3.2",
            ),
            (
                "the flow opened a pull request in the suite that is about a recipe of the sandbox",
                |facts| {
                    another(facts, "harness");
                    facts.harness_pull_changes("run", 3, "tests/sandbox-upgrade/test_serves.py");
                },
                "FAIL V3.2",
            ),
            (
                "the mirror is elsewhere, and so was a person",
                |facts| {
                    facts.put("run.after.mirror", "/commit/id", OTHER);
                    hand(facts, "pull_push");
                },
                "INCONCLUSIVE V3.1",
            ),
            (
                "the mirror is gone",
                |facts| facts.set("run.after.mirror", Value::Null),
                "FAIL V3.1",
            ),
            (
                "upstream moved meanwhile",
                |facts| facts.put("run.after.upstream", "/commit/id", OTHER),
                "INCONCLUSIVE V3.1",
            ),
            (
                "upstream is gone",
                |facts| facts.set("run.after.upstream", Value::Null),
                "INCONCLUSIVE V3.1",
            ),
            (
                "the forge was down",
                |facts| {
                    facts.put("run.after.mirror", "/commit/id", OTHER);
                    facts.set("calm", json!(["GET /: 502"]));
                },
                "INCONCLUSIVE V3.1",
            ),
        ],
    );
}

#[test]
fn one_pull_request_is_opened() {
    check(
        "V3",
        &[
            ("none", nothing_opened, "FAIL V3.2; BLOCKED V3.3 V3.4"),
            (
                "none, while one of its own is open since before",
                |facts| {
                    nothing_opened(facts);
                    facts.put("run.before.mirror.pulls", "/0/user/login", "flow");
                },
                "INCONCLUSIVE V3.2; BLOCKED V3.3 V3.4",
            ),
            (
                "one by somebody else",
                |facts| {
                    facts.stop_at("run.pull");
                    facts.put("run.after.mirror.pulls", "/0/user/login", "somebody");
                },
                "FAIL V3.2; BLOCKED V3.3 V3.4",
            ),
            (
                "two",
                |facts| another(facts, "mirror"),
                "FAIL V3.2; BLOCKED V3.3 V3.4",
            ),
            (
                "one for the harness, too",
                |facts| {
                    another(facts, "harness");
                    facts.harness_pull_changes("run", 3, "tests/sandbox-upgrade/test_upgrade.py");
                },
                "FAIL V3.2",
            ),
            (
                "one for the harness, too, of which nobody saw what it changes",
                |facts| another(facts, "harness"),
                "INCONCLUSIVE V3.2",
            ),
            (
                "to another branch",
                |facts| pull(facts, "/base/ref", "stable"),
                "FAIL V3.2",
            ),
            (
                "from another repository",
                |facts| pull(facts, "/head/repo/full_name", "flow/sandbox-upgrade"),
                "FAIL V3.2",
            ),
            (
                "from a branch that was there",
                |facts| {
                    facts.add(
                        "run.before.mirror.branches",
                        json!({ "name": "upgrade-1.1.0+1.10.0", "commit": { "id": OTHER } }),
                    );
                },
                "FAIL V3.2",
            ),
            (
                "closed by a person",
                |facts| {
                    pull(facts, "/state", "closed");
                    hand(facts, "close");
                },
                "INCONCLUSIVE V3.2",
            ),
            (
                "closed by the flow",
                |facts| {
                    pull(facts, "/state", "closed");
                    facts.add(
                        "run.history",
                        json!({ "id": 9, "type": "close", "user": { "login": "flow" } }),
                    );
                },
                "FAIL V3.2",
            ),
            (
                "closed, nobody knows by whom",
                |facts| pull(facts, "/state", "closed"),
                "INCONCLUSIVE V3.2",
            ),
            (
                "another pull request was looked at",
                |facts| facts.put("run.pull", "/number", 7),
                "INCONCLUSIVE V3.2 V3.3 V3.4",
            ),
        ],
    );
}

#[test]
fn the_bump_is_real() {
    check(
        "V3",
        &[
            (
                "not the newest",
                |facts| compose(facts, "lab/plain:1.10.0", "lab/plain:1.9.0"),
                "FAIL V3.3",
            ),
            (
                "a person pushed",
                |facts| {
                    compose(facts, "lab/plain:1.10.0", "lab/plain:1.9.0");
                    hand(facts, "pull_push");
                },
                "INCONCLUSIVE V3.3",
            ),
            (
                "the label stays behind",
                |facts| compose(facts, "1.1.0+1.10.0", "1.0.2+1.10.0"),
                "FAIL V3.3",
            ),
            (
                "the label says another version",
                |facts| compose(facts, "1.1.0+1.10.0", "1.1.0+1.4.0"),
                "FAIL V3.3",
            ),
            (
                "it is pinned to a digest, which may be another tag's",
                |facts| {
                    compose(facts, "lab/plain:1.10.0", "lab/plain:1.10.0@sha256:aa");
                },
                "INCONCLUSIVE V3.3",
            ),
            (
                "it is pinned to the digest from before",
                |facts| {
                    compose(facts, "lab/plain:1.10.0", "lab/plain:1.10.0@sha256:aa");
                    let before = facts.answer("run.before.compose")["text"].as_str().unwrap();
                    let before = before.replace("lab/plain:1.4.0", "lab/plain:1.4.0@sha256:aa");
                    facts.put("run.before.compose", "/text", before);
                },
                "FAIL V3.3",
            ),
            (
                "another image",
                |facts| compose(facts, "lab/plain:1.10.0", "lab/plain2:1.10.0"),
                "FAIL V3.3",
            ),
            (
                "no YAML",
                |facts| compose(facts, "services:", "services: ["),
                "FAIL V3.3",
            ),
            (
                "no compose file",
                |facts| facts.set("run.compose", Value::Null),
                "FAIL V3.3",
            ),
            (
                "something else is touched",
                |facts| facts.add("run.files", json!({ "filename": ".drone.yml" })),
                "FAIL V3.3",
            ),
            (
                "something else is moved away",
                |facts| {
                    facts.add(
                        "run.files",
                        json!({ "filename": "README.md", "previous_filename": "tests/a.sh" }),
                    );
                },
                "FAIL V3.3",
            ),
            (
                "what may be touched is touched, too",
                |facts| facts.add("run.files", json!({ "filename": "README.md" })),
                "PASS",
            ),
            (
                "a second compose file keeps what was before",
                |facts| facts.adds_files("run", &[("compose.pin.yml", PINNED)]),
                "FAIL V3.3",
            ),
            (
                "the settings list a file that keeps what was before",
                |facts| {
                    let listed = (".env.sample", "COMPOSE_FILE=compose.yml:compose.pin.yml\n");
                    facts.adds_files("run", &[listed, ("compose.pin.yml", PINNED)]);
                },
                "FAIL V3.3",
            ),
            (
                "the settings list a file that is not there",
                |facts| {
                    facts.adds_files("run", &[(".env.sample", "COMPOSE_FILE=compose.pin.yml")]);
                    for side in ["before", "after"] {
                        let label = format!("run.{side}.file..env.sample");
                        let mut question = facts.fact(&label).question.clone();
                        if let Question::File { path, .. } = &mut question {
                            *path = "compose.pin.yml".into();
                        }
                        let label = format!("run.{side}.file.compose.pin.yml");
                        facts.also(&label, question, Value::Null);
                    }
                },
                "FAIL V3.3",
            ),
            (
                "a second compose file pins the new version to a digest",
                |facts| {
                    let pinned = PINNED.replace("1.4.0", "1.10.0@sha256:aa");
                    facts.adds_files("run", &[("compose.pin.yml", &pinned)]);
                },
                "INCONCLUSIVE V3.3",
            ),
            (
                "a second compose file that nobody looked into",
                |facts| {
                    facts.adds_files("run", &[("compose.pin.yml", PINNED)]);
                    facts.drop("run.after.file.compose.pin.yml");
                },
                "INCONCLUSIVE V3.3",
            ),
            (
                "a second compose file takes nothing back, and a setting is new",
                |facts| {
                    let smtp = "services:\n  app:\n    environment: [A=b]\n";
                    facts.adds_files(
                        "run",
                        &[("compose.smtp.yml", smtp), (".env.sample", "A=b\n")],
                    );
                },
                "PASS",
            ),
            (
                "there is no newer tag",
                |facts| facts.put("run.tags.app", "/tags", json!(["1.4.0", "1.11.0-rc1", "2"])),
                "INCONCLUSIVE V3.3",
            ),
            (
                "the registry did not answer",
                |facts| facts.unseen("run.tags.app"),
                "INCONCLUSIVE V3.3",
            ),
            (
                "what it was is no YAML",
                |facts| facts.put("run.before.compose", "/text", "services: ["),
                "INCONCLUSIVE V3.3",
            ),
        ],
    );
}

#[test]
fn it_is_tested() {
    check(
        "V3",
        &[
            (
                "the recipe as it is is red",
                |facts| facts.build(BASELINE, |build| build["status"] = "failure".into()),
                "INCONCLUSIVE V3.4",
            ),
            (
                "the recipe as it is is not built",
                |facts| facts.set("baseline.builds", json!([])),
                "INCONCLUSIVE V3.4",
            ),
            (
                "no trigger by the flow",
                |facts| facts.remove("run.talk", |comment| comment["body"] == "!testme"),
                "FAIL V3.4",
            ),
            (
                "a person typed the trigger, too",
                |facts| {
                    facts.add(
                        "run.talk",
                        json!({ "id": 9000, "user": { "login": "maintainer" }, "body": "!testme" }),
                    );
                },
                "INCONCLUSIVE V3.4",
            ),
            (
                "a person said something",
                |facts| {
                    facts.add(
                        "run.talk",
                        json!({ "id": 9000, "user": { "login": "maintainer" }, "body": "thanks" }),
                    );
                },
                "PASS",
            ),
            (
                "no build",
                |facts| {
                    facts.set("run.builds", json!([]));
                    stop_at(facts, "run.build");
                },
                "FAIL V3.4",
            ),
            (
                "the build is of another commit",
                |facts| facts.build(UPGRADE, |build| build["params"]["REF"] = OTHER.into()),
                "FAIL V3.4",
            ),
            (
                "the build is of another recipe at this commit",
                |facts| facts.build(UPGRADE, |build| build["params"]["RECIPE"] = "other".into()),
                "BLOCKED V3.4",
            ),
            (
                "red",
                |facts| facts.build(UPGRADE, |build| build["status"] = "failure".into()),
                "FAIL V3.4",
            ),
            (
                "killed",
                |facts| facts.build(UPGRADE, |build| build["status"] = "killed".into()),
                "INCONCLUSIVE V3.4",
            ),
            (
                "still running",
                |facts| facts.build(UPGRADE, |build| build["status"] = "running".into()),
                "INCONCLUSIVE V3.4",
            ),
            (
                "the status says red",
                |facts| facts.end_status(UPGRADE, |status| status["status"] = "failure".into()),
                "FAIL V3.4",
            ),
            (
                "the comment says red",
                |facts| {
                    facts.result_comment("run.comments", |body| body.replace("passed", "failed"))
                },
                "FAIL V3.4",
            ),
            (
                "a test was skipped",
                |facts| facts.put("run.results", "/stages/0/tests/0/status", "skipped"),
                "FAIL V3.4",
            ),
            (
                "a stage was skipped",
                |facts| {
                    facts.put("run.results", "/stages/1/status", "skipped");
                    facts.put("run.results", "/stages/1/tests", json!([]));
                },
                "FAIL V3.4",
            ),
            (
                "a stage was skipped that lists no tests",
                |facts| {
                    for results in ["run.results", "baseline.results"] {
                        facts.put(results, "/stages/1/tests", json!([]));
                    }
                    facts.put("run.results", "/stages/1/status", "skipped");
                },
                "FAIL V3.4",
            ),
            (
                "a stage is missing that lists no tests",
                |facts| {
                    facts.put("baseline.results", "/stages/0/tests", json!([]));
                    let Value::Array(stages) = &mut facts.answer("run.results")["stages"] else {
                        panic!("no stages")
                    };
                    stages.remove(0);
                },
                "FAIL V3.4",
            ),
            (
                "a stage is missing",
                |facts| {
                    let stages = facts.answer("run.results")["stages"]
                        .as_array()
                        .unwrap()
                        .clone();
                    facts.put("run.results", "/stages", stages[1..].to_vec());
                },
                "FAIL V3.4",
            ),
            (
                "a test is missing, and the tests on main have changed",
                |facts| {
                    facts.put("run.results", "/stages/0/tests/0/name", "other");
                    facts.put("run.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V3.4",
            ),
            (
                "the build is green, and a test failed in it",
                |facts| facts.put("run.results", "/stages/0/tests/0/status", "failed"),
                "FAIL V3.4",
            ),
            (
                "the build of the recipe as it is is green, and a test failed in it",
                |facts| facts.put("baseline.results", "/stages/0/tests/0/status", "failed"),
                "INCONCLUSIVE V3.4",
            ),
            (
                "the build is red, and the tests on main have changed",
                |facts| {
                    facts.put("run.build", "/status", "failure");
                    facts.put("run.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V3.4",
            ),
            (
                "results of another build",
                |facts| facts.put("run.results", "/build", 7),
                "INCONCLUSIVE V3.4",
            ),
            (
                "no results",
                |facts| facts.set("run.results", Value::Null),
                "INCONCLUSIVE V3.4",
            ),
        ],
    );
}

#[test]
fn its_last_word_is_success() {
    check(
        "V3",
        &[
            ("none", |facts| prints(facts, ""), "FAIL V3.5"),
            (
                "another",
                |facts| prints(facts, "RESULT: SUCCESS-PENDING-TESTS"),
                "FAIL V3.5",
            ),
            (
                "another, and the tests on main have changed",
                |facts| {
                    prints(
                        facts,
                        "RESULT: FAILED — upgrade not green after 3 !testme runs",
                    );
                    facts.put("run.after.harness", "/commit/id", OTHER);
                },
                "INCONCLUSIVE V3.5",
            ),
            (
                "another, and a person wrote",
                |facts| {
                    prints(facts, "RESULT: SUCCESS-PENDING-TESTS");
                    hand(facts, "comment");
                },
                "INCONCLUSIVE V3.5",
            ),
            (
                "two",
                |facts| prints(facts, "RESULT: FAILED\nRESULT: SUCCESS"),
                "FAIL V3.5",
            ),
            (
                "in a quote",
                |facts| prints(facts, "> RESULT: SUCCESS"),
                "FAIL V3.5",
            ),
            (
                "in code",
                |facts| prints(facts, "```\nRESULT: SUCCESS\n```"),
                "FAIL V3.5",
            ),
            (
                "in code that never ends",
                |facts| prints(facts, "```\nRESULT: SUCCESS"),
                "INCONCLUSIVE V3.5",
            ),
            (
                "another, in code that never ends",
                |facts| prints(facts, "```\nRESULT: GREEN"),
                "FAIL V3.5",
            ),
            (
                "behind what only looks like code",
                |facts| prints(facts, "```x```\nRESULT: SUCCESS"),
                "PASS",
            ),
            (
                "not the last line",
                |facts| prints(facts, "RESULT: SUCCESS\nbye"),
                "FAIL V3.5",
            ),
            (
                "unknown",
                |facts| prints(facts, "RESULT: GREEN"),
                "FAIL V3.5",
            ),
            (
                "it hung",
                |facts| facts.put("run", "/end", "timed_out"),
                "FAIL V3.5",
            ),
            (
                "it could not be started",
                |facts| facts.put("run", "/end", json!({ "not_started": "no such file" })),
                "BLOCKED V3.1 V3.2 V3.3 V3.4 V3.5 V3.6",
            ),
            (
                "it is not configured",
                |facts| {
                    facts.stop_at("baseline");
                    facts.put(
                        "expectations",
                        "/upgrading/unconfigured",
                        json!(["flow.recipe_upgrade"]),
                    );
                },
                "BLOCKED V3.1 V3.2 V3.3 V3.4 V3.5 V3.6",
            ),
        ],
    );
}

#[test]
fn nothing_is_merged() {
    check(
        "V3",
        &[
            (
                "by the flow",
                |facts| {
                    pull(facts, concat!("/", "merged"), true);
                    facts.put(
                        "run.after.mirror.pulls",
                        concat!("/0/", "merged_by"),
                        json!({ "login": "flow" }),
                    );
                },
                "FAIL V3.6",
            ),
            (
                "by a person",
                |facts| {
                    pull(facts, concat!("/", "merged"), true);
                    facts.put(
                        "run.after.mirror.pulls",
                        concat!("/0/", "merged_by"),
                        json!({ "login": "maintainer" }),
                    );
                },
                "INCONCLUSIVE V3.6",
            ),
            (
                "by the forge, nobody knows why",
                |facts| pull(facts, concat!("/", "merged"), true),
                "INCONCLUSIVE V3.6",
            ),
            (
                "another's, by the flow",
                |facts| {
                    facts.put("run.after.mirror.pulls", concat!("/1/", "merged"), true);
                    facts.put(
                        "run.after.mirror.pulls",
                        concat!("/1/", "merged_by"),
                        json!({ "login": "flow" }),
                    );
                },
                "FAIL V3.6",
            ),
            (
                "another's, by its owner",
                |facts| {
                    facts.put("run.after.mirror.pulls", concat!("/1/", "merged"), true);
                    facts.put(
                        "run.after.mirror.pulls",
                        concat!("/1/", "merged_by"),
                        json!({ "login": "gavel" }),
                    );
                },
                "PASS",
            ),
            (
                "another's, by its owner, where the forge detects merges by itself",
                |facts| {
                    facts.put("run.after.mirror.pulls", concat!("/1/", "merged"), true);
                    facts.put(
                        "run.after.mirror.pulls",
                        concat!("/1/", "merged_by"),
                        json!({ "login": "gavel" }),
                    );
                    let Value::Array(pulls) = facts.answer("run.after.mirror.pulls") else {
                        panic!("no list")
                    };
                    pulls[1]["base"]["repo"]["autodetect_manual_merge"] = json!(true);
                },
                "PASS",
            ),
            (
                "another's, by the flow, before",
                |facts| {
                    for pull in ["run.before.mirror.pulls /0", "run.after.mirror.pulls /1"] {
                        let (label, at) = pull.split_once(' ').unwrap();
                        facts.put(label, &format!("{at}/{}", "merged"), true);
                        let by = json!({ "login": "flow" });
                        facts.put(label, &format!("{at}/{}", "merged_by"), by);
                    }
                },
                "PASS",
            ),
            (
                "an earlier one of the flow's is where main is",
                |facts| {
                    let main = facts.answer("run.after.mirror")["commit"]["id"].clone();
                    facts.put("run.before.mirror.pulls", "/0/user/login", "flow");
                    facts.put("run.after.mirror.pulls", "/1/user/login", "flow");
                    facts.put("run.after.mirror.pulls", "/1/head/sha", main);
                },
                "PASS",
            ),
            (
                "by a push to main",
                |facts| {
                    let head = facts.answer("run.pull")["head"]["sha"].clone();
                    facts.put("run.after.mirror", "/commit/id", head);
                },
                "FAIL V3.1 V3.6",
            ),
        ],
    );
}
