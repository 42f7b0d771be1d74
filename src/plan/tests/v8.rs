//! V8, one change at a time. Of the set, `sandbox-upgrade` is upgraded first, then `sandbox-stale`, whose test is stale then;
//! `sandbox-current` has nothing newer.

use super::facts::{Facts, check};
use crate::evidence::{Answer, Fact, Question};
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";
const UPGRADE: &str = "recipe-maintainers/sandbox-upgrade";
const STALE: &str = "recipe-maintainers/sandbox-stale";
const HARNESS: &str = "recipe-maintainers/cc-ci";
const LIVE: &str = "V8.3 V8.4 V8.5 V8.6 V8.7";

fn prints(facts: &mut Facts, from: &str, to: &str) {
    says(facts, "dry", from, to);
}

fn says(facts: &mut Facts, run: &str, from: &str, to: &str) {
    facts.printed(run, |stdout| {
        assert!(stdout.contains(from), "{from:?} is not in {stdout}");
        stdout.replace(from, to)
    });
}

/// What stands behind the summary's line, changed.
fn summary(facts: &mut Facts, change: impl Fn(&str) -> String) {
    facts.printed("live", |stdout| {
        let (before, summary) = stdout.split_once("===== SUMMARY =====\n").unwrap();
        format!("{before}===== SUMMARY =====\n{}", change(summary))
    });
}

fn ends(facts: &mut Facts, run: &str, end: Value) {
    facts.put(run, "/end", end);
}

fn pull(facts: &mut Facts, recipe: &str) -> Value {
    facts.answer(&format!("set.{recipe}.pull")).clone()
}

fn page(facts: &mut Facts, recipe: &str) -> String {
    pull(facts, recipe)["html_url"].as_str().unwrap().to_owned()
}

/// The flow's pull request in the lists after the run, changed.
fn listed(facts: &mut Facts, recipe: &str, change: impl Fn(&mut Vec<Value>, usize)) {
    let number = pull(facts, recipe)["number"].clone();
    let label = format!("set.{recipe}.after.mirror.pulls");
    let Value::Array(list) = facts.answer(&label) else {
        panic!("{label}")
    };
    let at = list.iter().position(|pull| pull["number"] == number);
    change(list, at.unwrap());
}

/// A pull request that was not there before.
fn opened(facts: &mut Facts, label: &str, by: &str) {
    let mut pull = pull(facts, "sandbox-upgrade");
    pull["number"] = 900.into();
    pull["head"]["sha"] = OTHER.into();
    pull["user"]["login"] = by.into();
    pull["html_url"] = "http://forge/o/r/pulls/900".into();
    if facts.answer(label).is_null() {
        facts.set(label, json!([]));
    }
    facts.add(label, pull);
}

fn act(id: u64, op: &str, repository: &str, branch: &str, content: &str) -> Value {
    let branch = match branch {
        "" => String::new(),
        branch => format!("refs/heads/{branch}"),
    };
    json!({ "id": id, "op_type": op, "repo": { "full_name": repository }, "ref_name": branch, "content": content })
}

/// An act of the flow's account during the dry run. Its number is low, so that what is asked about the live run stays the same.
fn in_dry(facts: &mut Facts, op: &str, repository: &str, branch: &str) {
    if facts.answer("dry.acts").is_null() {
        facts.set("dry.acts", json!([]));
    }
    facts.add("dry.acts", act(1, op, repository, branch, "3|note"));
}

fn in_live(facts: &mut Facts, op: &str, repository: &str, branch: &str, content: &str) {
    facts.add("live.acts", act(90_000, op, repository, branch, content));
}

/// A comment on the pull request that Gavel opened in a mirror, seen after the dry run.
fn noted(facts: &mut Facts, recipe: &str, by: &str, body: &str) {
    let label = own(facts, recipe);
    let number = facts.answer(&label)["number"].clone();
    let comment = json!({ "id": 90_000, "user": { "login": by }, "body": body });
    facts.add(&format!("dry.{recipe}.talk.{number}"), comment);
}

fn own(facts: &mut Facts, recipe: &str) -> String {
    let labels = ["baseline".to_owned(), format!("own.{recipe}")];
    let is = |fact: &Fact| {
        labels.contains(&fact.label)
            && matches!(&fact.question, Question::OpenPull { repository, .. } if repository.ends_with(recipe))
    };
    facts.0.iter().find(|fact| is(fact)).unwrap().label.clone()
}

fn status(facts: &mut Facts, by: &str, context: &str) {
    let status = json!({ "id": 90_000, "status": "pending", "context": context, "creator": { "login": by } });
    if facts.answer("dry.sandbox-upgrade.statuses").is_null() {
        facts.set("dry.sandbox-upgrade.statuses", json!([]));
    }
    facts.add("dry.sandbox-upgrade.statuses", status);
}

/// A build that was started during the dry run. With the number of the last one before it, what is asked later stays the same.
fn built(facts: &mut Facts, recipe: &str, number: &Value) {
    let newest = facts.answer("before.builds").clone();
    if facts.answer("dry.builds").is_null() {
        facts.set("dry.builds", json!([]));
    }
    let params = json!({ "RECIPE": recipe, "REF": OTHER, "PR": number.to_string() });
    facts.add(
        "dry.builds",
        json!({ "number": newest, "status": "running", "params": params }),
    );
}

/// The build of the flow's pull request.
fn build(facts: &mut Facts, recipe: &str) -> u64 {
    let build = facts.answer(&format!("set.{recipe}.build"));
    build["number"].as_u64().unwrap()
}

fn test(facts: &mut Facts, label: &str, name: &str, status: &str) {
    let Value::Array(stages) = &mut facts.answer(label)["stages"] else {
        panic!("{label}")
    };
    let tests = stages
        .iter_mut()
        .flat_map(|stage| stage["tests"].as_array_mut().unwrap());
    let mut found = tests.filter(|test| test["name"] == name);
    found.next().unwrap()["status"] = status.into();
}

fn hand(facts: &mut Facts, recipe: &str, kind: &str) {
    let event = json!({ "id": 90_000, "type": kind, "user": { "login": "maintainer" } });
    facts.add(&format!("set.{recipe}.history"), event);
}

fn triggers(facts: &mut Facts, recipe: &str) {
    let comment = json!({ "id": 90_000, "user": { "login": "maintainer" }, "body": "!testme" });
    facts.add(&format!("set.{recipe}.talk"), comment);
    hand(facts, recipe, "comment");
}

/// What happened in the swarm.
fn events(facts: &mut Facts, change: impl Fn(&mut Vec<Value>)) {
    let Value::Array(events) = &mut facts.answer("live.deploys")["events"] else {
        panic!("live.deploys")
    };
    change(events);
}

fn event(action: &str, name: &str) -> Value {
    json!({ "at": 1, "action": action, "kind": "service", "id": "x", "name": name })
}

fn upstream_moves(facts: &mut Facts, recipe: &str) {
    for label in [
        format!("dry.{recipe}.upstream"),
        format!("set.{recipe}.after.upstream"),
    ] {
        facts.put(&label, "/commit/id", OTHER);
    }
}

/// All lines of the dry run in another form.
fn list(facts: &mut Facts, change: impl Fn(&str) -> String) {
    facts.printed("dry", change);
}

#[test]
fn the_dry_run_lists_the_candidates() {
    let blocked = format!("FAIL V8.1; BLOCKED {LIVE}");
    let all = format!("V8.1 V8.2 {LIVE}");
    let (none, inconclusive) = (format!("BLOCKED {all}"), format!("INCONCLUSIVE {all}"));
    check(
        "V8",
        &[
            (
                "one is missing",
                |facts| prints(facts, "CANDIDATE sandbox-stale 1.4.0 -> 2.0.0\n", ""),
                "FAIL V8.1",
            ),
            (
                "one is missing, and upstream moved",
                |facts| {
                    prints(facts, "CANDIDATE sandbox-stale 1.4.0 -> 2.0.0\n", "");
                    upstream_moves(facts, "sandbox-stale");
                },
                "INCONCLUSIVE V8.1",
            ),
            (
                "one is there twice",
                |facts| list(facts, |stdout| format!("{stdout}{stdout}")),
                "FAIL V8.1",
            ),
            (
                "another version to go to",
                |facts| prints(facts, "-> 2.0.0", "-> 2.0.0-rc2"),
                "FAIL V8.1",
            ),
            (
                "another version to go to, and upstream moved",
                |facts| {
                    prints(facts, "-> 2.0.0", "-> 2.0.0-rc2");
                    upstream_moves(facts, "sandbox-stale");
                },
                "INCONCLUSIVE V8.1",
            ),
            (
                "another version to come from",
                |facts| prints(facts, "1.4.0 -> 1.10.0", "1.3.0 -> 1.10.0"),
                "FAIL V8.1",
            ),
            (
                "one with nothing newer",
                |facts| {
                    list(facts, |stdout| {
                        format!("{stdout}CANDIDATE sandbox-current 5.0.0 -> 6\n")
                    })
                },
                "FAIL V8.1",
            ),
            (
                "the registry has something newer, of which it does not know",
                |facts| {
                    facts.set(
                        "set.sandbox-current.tags.app",
                        json!({ "name": "lab/current", "tags": ["5.0.0", "5.0.1"] }),
                    )
                },
                "FAIL V8.1 V8.3",
            ),
            (
                "the registry has nothing newer for any",
                |facts| {
                    for recipe in ["sandbox-upgrade", "sandbox-stale"] {
                        facts.set(
                            &format!("set.{recipe}.tags.app"),
                            json!({ "name": "x", "tags": ["1.4.0"] }),
                        );
                    }
                },
                "INCONCLUSIVE V8.1 V8.3 V8.4 V8.5",
            ),
            (
                "one outside of the set",
                |facts| {
                    list(facts, |stdout| {
                        format!("{stdout}CANDIDATE custom-html-tiny 1 -> 2\n")
                    })
                },
                &blocked,
            ),
            (
                "one with a path for its name",
                |facts| prints(facts, "sandbox-stale", "../cc-ci"),
                &blocked,
            ),
            (
                "one with an option for its name",
                |facts| prints(facts, "sandbox-stale", "--with-tests"),
                &blocked,
            ),
            (
                "one with a shell's signs in its name",
                |facts| prints(facts, "sandbox-stale", "sandbox-stale;$(reboot)`id`"),
                &blocked,
            ),
            (
                "one with a space in its name",
                |facts| prints(facts, "sandbox-stale", "sandbox stale"),
                "FAIL V8.1",
            ),
            (
                "one in other letters",
                |facts| prints(facts, "sandbox-stale", "Sandbox-Stale"),
                &blocked,
            ),
            (
                "all are quoted",
                |facts| list(facts, |stdout| stdout.replace("CANDIDATE", "> CANDIDATE")),
                &blocked,
            ),
            (
                "all are in a block of code",
                |facts| list(facts, |stdout| format!("```\n{stdout}```\n")),
                &blocked,
            ),
            (
                "it says nothing",
                |facts| list(facts, |_| String::new()),
                &blocked,
            ),
            (
                "others are quoted, too",
                |facts| {
                    list(facts, |stdout| {
                        format!("> CANDIDATE a 1 -> 2\n{stdout}```\nCANDIDATE b 1 -> 2\n```\n")
                    })
                },
                "PASS",
            ),
            (
                "it fails in the end",
                |facts| ends(facts, "dry", json!({ "exited": 1 })),
                &blocked,
            ),
            (
                "it does not end",
                |facts| ends(facts, "dry", json!("timed_out")),
                &blocked,
            ),
            (
                "it is not there",
                |facts| ends(facts, "dry", json!({ "not_started": "no such file" })),
                &none,
            ),
            (
                "it says too much",
                |facts| facts.answer("dry")["stdout_cut"] = true.into(),
                &inconclusive,
            ),
            (
                "it was another run",
                |facts| {
                    let Question::Run { environment, .. } = &mut facts.fact("dry").question else {
                        panic!("dry")
                    };
                    environment.clear();
                },
                &inconclusive,
            ),
            (
                "it was no dry run",
                |facts| {
                    let Question::Run { command, .. } = &mut facts.fact("dry").question else {
                        panic!("dry")
                    };
                    command.pop();
                },
                &inconclusive,
            ),
            (
                "it is not configured",
                |facts| {
                    facts.stop_at("cleared.sandbox-upgrade");
                    facts.put(
                        "expectations",
                        "/upgrading/unconfigured",
                        json!(["flow.upgrade_all"]),
                    );
                },
                &none,
            ),
            (
                "the set is not configured",
                |facts| {
                    facts.stop_at("cleared.sandbox-upgrade");
                    facts.put("expectations", "/upgrading_all", Value::Null);
                },
                &none,
            ),
        ],
    );
}

#[test]
fn the_dry_run_leaves_no_trace() {
    let beyond = format!("FAIL V8.2; BLOCKED {LIVE}");
    check(
        "V8",
        &[
            (
                "the flow left an act",
                |facts| in_dry(facts, "comment_pull", UPGRADE, ""),
                "FAIL V8.2",
            ),
            (
                "the flow left an act in the harness",
                |facts| in_dry(facts, "commit_repo", HARNESS, "x"),
                "FAIL V8.2",
            ),
            (
                "the flow left an act in another repository",
                |facts| in_dry(facts, "commit_repo", "recipe-maintainers/nextcloud", "x"),
                &beyond,
            ),
            (
                "the flow opened a pull request, which the forge does not tell of",
                |facts| opened(facts, "dry.sandbox-current.pulls", "flow"),
                "FAIL V8.2",
            ),
            (
                "the flow opened one in the harness",
                |facts| opened(facts, "dry.harness.pulls", "Flow"),
                "FAIL V8.2",
            ),
            (
                "somebody else opened one",
                |facts| opened(facts, "dry.harness.pulls", "maintainer"),
                "PASS",
            ),
            (
                "the flow wrote a comment, of one recipe only",
                |facts| noted(facts, "sandbox-current", "flow", "5.0.0 it is."),
                "FAIL V8.2",
            ),
            (
                "somebody else wrote one",
                |facts| noted(facts, "sandbox-stale", "maintainer", "what is this?"),
                "PASS",
            ),
            (
                "the flow wrote a status",
                |facts| status(facts, "flow", "cc-ci/testme"),
                "FAIL V8.2",
            ),
            (
                "the flow wrote another status",
                |facts| status(facts, "flow", "lint"),
                "FAIL V8.2",
            ),
            (
                "somebody else wrote a status",
                |facts| status(facts, "maintainer", "cc-ci/testme"),
                "PASS",
            ),
            (
                "a branch is new, and nobody knows by whom",
                |facts| {
                    facts.add(
                        "dry.sandbox-stale.branches",
                        json!({ "name": "new", "commit": { "id": OTHER } }),
                    )
                },
                "INCONCLUSIVE V8.2",
            ),
            (
                "a branch is elsewhere, and nobody knows by whom",
                |facts| facts.put("dry.sandbox-stale.branches", "/0/commit/id", OTHER),
                "INCONCLUSIVE V8.2",
            ),
            (
                "others work on the harness",
                |facts| {
                    facts.add(
                        "dry.harness.branches",
                        json!({ "name": "new", "commit": { "id": OTHER } }),
                    )
                },
                "PASS",
            ),
            (
                "Gavel's own pull request was tested",
                |facts| {
                    let number = facts.answer("own.sandbox-upgrade")["number"].clone();
                    built(facts, "sandbox-upgrade", &number);
                },
                "FAIL V8.2",
            ),
            (
                "somebody had it tested",
                |facts| {
                    let number = facts.answer("own.sandbox-upgrade")["number"].clone();
                    built(facts, "sandbox-upgrade", &number);
                    noted(facts, "sandbox-upgrade", "maintainer", "!testme");
                },
                "PASS",
            ),
            (
                "something was tested that nobody knows of",
                |facts| built(facts, "sandbox-upgrade", &json!(899)),
                "INCONCLUSIVE V8.2",
            ),
            (
                "another recipe was tested",
                |facts| built(facts, "nextcloud", &json!(899)),
                "PASS",
            ),
            (
                "the forge has never shown anything of the flow",
                |facts| {
                    facts.set("before.acts", 0);
                    for label in ["dry.acts", "live.acts"] {
                        if let Question::Activity { after, .. } = &mut facts.fact(label).question {
                            *after = 0;
                        }
                    }
                },
                "INCONCLUSIVE V8.2",
            ),
            (
                "the registry could not be asked",
                |facts| facts.unseen("set.sandbox-current.tags.app"),
                "INCONCLUSIVE V8.1 V8.3 V8.4 V8.5",
            ),
        ],
    );
}

#[test]
fn each_candidate_gets_one() {
    check(
        "V8",
        &[
            (
                "one gets none",
                |facts| listed(facts, "sandbox-upgrade", |list, at| drop(list.remove(at))),
                "FAIL V8.3 V8.7; INCONCLUSIVE V8.6",
            ),
            (
                "one gets none, and upstream moved",
                |facts| {
                    listed(facts, "sandbox-upgrade", |list, at| drop(list.remove(at)));
                    upstream_moves(facts, "sandbox-upgrade");
                },
                "FAIL V8.7; INCONCLUSIVE V8.3 V8.6",
            ),
            (
                "somebody else opened it",
                |facts| {
                    listed(facts, "sandbox-upgrade", |list, at| {
                        list[at]["user"]["login"] = "maintainer".into()
                    })
                },
                "FAIL V8.3 V8.7; INCONCLUSIVE V8.6",
            ),
            (
                "one gets two",
                |facts| opened(facts, "set.sandbox-stale.after.mirror.pulls", "flow"),
                "FAIL V8.3 V8.7; BLOCKED V8.4 V8.5",
            ),
            (
                "one gets another by somebody else",
                |facts| opened(facts, "set.sandbox-stale.after.mirror.pulls", "maintainer"),
                "PASS",
            ),
            (
                "what has nothing newer gets one",
                |facts| opened(facts, "set.sandbox-current.after.mirror.pulls", "flow"),
                // Its builds were not asked for.
                "FAIL V8.3 V8.7; INCONCLUSIVE V8.6",
            ),
            (
                "the dry run had opened it",
                |facts| {
                    let pull = pull(facts, "sandbox-stale");
                    facts.add("dry.sandbox-stale.pulls", pull);
                },
                "FAIL V8.2 V8.3",
            ),
            (
                "it leads elsewhere",
                |facts| facts.put("set.sandbox-stale.pull", "/base/ref", "next"),
                "FAIL V8.3",
            ),
            (
                "it comes from elsewhere",
                |facts| {
                    facts.put(
                        "set.sandbox-stale.pull",
                        "/head/repo/full_name",
                        "flow/sandbox-stale",
                    )
                },
                "FAIL V8.3",
            ),
            (
                "the flow closed it again",
                |facts| {
                    facts.put("set.sandbox-stale.pull", "/state", "closed");
                    let event =
                        json!({ "id": 90_000, "type": "close", "user": { "login": "flow" } });
                    facts.add("set.sandbox-stale.history", event);
                },
                "FAIL V8.3",
            ),
            (
                "a person closed it",
                |facts| {
                    facts.put("set.sandbox-stale.pull", "/state", "closed");
                    hand(facts, "sandbox-stale", "close");
                },
                "INCONCLUSIVE V8.3",
            ),
            (
                "it is no upgrade",
                |facts| {
                    let label = "set.sandbox-upgrade.compose";
                    let text = facts.answer(label)["text"]
                        .as_str()
                        .unwrap()
                        .replace("1.10.0", "1.9.0");
                    facts.put(label, "/text", text);
                },
                "FAIL V8.3",
            ),
            (
                "one is opened beyond the set",
                |facts| {
                    in_live(
                        facts,
                        "create_pull_request",
                        "recipe-maintainers/nextcloud",
                        "",
                        "7|up",
                    )
                },
                "FAIL V8.3; BLOCKED V8.7",
            ),
            (
                "something is written beyond the set",
                |facts| {
                    in_live(
                        facts,
                        "comment_pull",
                        "recipe-maintainers/nextcloud",
                        "",
                        "7|up",
                    )
                },
                "PASS",
            ),
            (
                "the forge shows nothing of the flow",
                |facts| facts.set("live.acts", Value::Null),
                "INCONCLUSIVE V8.3 V8.4 V8.6 V8.7",
            ),
            (
                "it is not there any more",
                |facts| ends(facts, "live", json!({ "not_started": "no such file" })),
                &format!("BLOCKED {LIVE}"),
            ),
            (
                "it was a dry run, too",
                |facts| {
                    let Question::Run { command, .. } = &mut facts.fact("live").question else {
                        panic!("live")
                    };
                    command.push("--dry-run".into());
                },
                &format!("INCONCLUSIVE {LIVE}"),
            ),
        ],
    );
}

#[test]
fn no_test_is_touched() {
    check(
        "V8",
        &[
            (
                "the flow opened a pull request in the harness",
                |facts| {
                    for recipe in ["sandbox-upgrade", "sandbox-stale", "sandbox-current"] {
                        opened(facts, &format!("set.{recipe}.after.harness.pulls"), "flow");
                    }
                },
                "FAIL V8.4",
            ),
            (
                "somebody else did",
                |facts| opened(facts, "set.sandbox-stale.after.harness.pulls", "maintainer"),
                "PASS",
            ),
            (
                "the flow pushed a branch there",
                |facts| in_live(facts, "commit_repo", HARNESS, "tests-x", ""),
                "FAIL V8.4",
            ),
            (
                "the flow deleted one",
                |facts| in_live(facts, "delete_branch", HARNESS, "tests-x", ""),
                "FAIL V8.4",
            ),
            (
                "the flow reopened a pull request there",
                |facts| in_live(facts, "reopen_pull_request", HARNESS, "", "3|"),
                "FAIL V8.4",
            ),
            (
                "the flow wrote on an issue there",
                |facts| in_live(facts, "comment_issue", HARNESS, "", "3|hello"),
                "PASS",
            ),
            (
                "no test is stale",
                |facts| {
                    let number = build(facts, "sandbox-stale");
                    facts.build(number, |build| build["status"] = "success".into());
                },
                "FAIL V8.7; INCONCLUSIVE V8.4 V8.5",
            ),
        ],
    );
}

#[test]
fn stale_tests_have_a_section() {
    const UNKNOWN: &str = "INCONCLUSIVE V8.4 V8.5 V8.7";
    check(
        "V8",
        &[
            (
                "there is none",
                |facts| summary(facts, |text| text.replace("## Tests look stale", "## More")),
                "FAIL V8.5",
            ),
            (
                "there is none, and a person had a hand in it",
                |facts| {
                    summary(facts, |text| text.replace("## Tests look stale", "## More"));
                    hand(facts, "sandbox-stale", "pull_push");
                },
                "INCONCLUSIVE V8.5",
            ),
            (
                "it has another heading's form",
                |facts| {
                    summary(facts, |text| {
                        text.replace("## Tests look stale", "**Tests look stale:**")
                    })
                },
                "PASS",
            ),
            (
                "it is in other letters",
                |facts| {
                    summary(facts, |text| {
                        text.replace("## Tests look stale", "## 🕰 TESTS LOOK STALE (1)")
                    })
                },
                "PASS",
            ),
            (
                "its heading is an entry of the list",
                |facts| {
                    summary(facts, |text| {
                        text.replace("\n## Tests look stale\n\n", "\n- tests look stale:\n")
                    })
                },
                "FAIL V8.5 V8.7",
            ),
            (
                "the words stand in the list only",
                |facts| {
                    summary(facts, |text| {
                        let (list, _) = text.split_once("\n## Tests look stale").unwrap();
                        list.replace("SUCCESS-PENDING-TESTS", "tests look stale")
                    })
                },
                "FAIL V8.5",
            ),
            (
                "it is empty",
                |facts| {
                    let line = format!(
                        "- sandbox-stale: {}\n\n## Nothing",
                        page(facts, "sandbox-stale")
                    );
                    summary(facts, |text| {
                        text.replace(&line, "One of them.\n\n## Nothing")
                    });
                },
                "FAIL V8.5",
            ),
            (
                "it lists one that is not",
                |facts| {
                    let more = format!("- sandbox-upgrade: {}", page(facts, "sandbox-upgrade"));
                    summary(facts, |text| {
                        text.replace("\n## Nothing", &format!("{more}\n\n## Nothing"))
                    });
                },
                "FAIL V8.5",
            ),
            (
                "it lists the other one",
                |facts| {
                    let (one, other) =
                        (page(facts, "sandbox-stale"), page(facts, "sandbox-upgrade"));
                    summary(facts, |text| {
                        let (list, stale) = text.split_once("## Tests look stale").unwrap();
                        format!("{list}## Tests look stale{}", stale.replace(&one, &other))
                    });
                },
                "FAIL V8.5",
            ),
            (
                "there are two",
                |facts| {
                    summary(facts, |text| {
                        format!("{text}\n## Tests look stale, too\n\nNone.\n")
                    })
                },
                "FAIL V8.5",
            ),
            (
                "it is the list itself",
                |facts| {
                    summary(facts, |text| {
                        text.replace(
                            "## Pull requests",
                            "## Pull requests whose tests look stale",
                        )
                        .replace("## Tests look stale", "## More")
                    });
                },
                "FAIL V8.5",
            ),
            (
                "another test is red, too",
                |facts| test(facts, "set.sandbox-stale.results", "answers", "failed"),
                UNKNOWN,
            ),
            (
                "another test is red",
                |facts| {
                    test(
                        facts,
                        "set.sandbox-stale.results",
                        "tells-its-version",
                        "passed",
                    );
                    test(facts, "set.sandbox-stale.results", "stays-up", "failed");
                },
                UNKNOWN,
            ),
            (
                "the recipe that should be green is red",
                |facts| {
                    let number = build(facts, "sandbox-upgrade");
                    facts.build(number, |build| build["status"] = "failure".into());
                    test(facts, "set.sandbox-upgrade.results", "greets", "failed");
                },
                "FAIL V8.7; INCONCLUSIVE V8.4 V8.5",
            ),
            (
                "a recipe that never starts is red",
                |facts| {
                    facts.put(
                        "expectations",
                        "/upgrading/recipes/persistent",
                        "sandbox-upgrade",
                    );
                    let number = build(facts, "sandbox-upgrade");
                    facts.build(number, |build| build["status"] = "failure".into());
                    says_of(facts, "sandbox-upgrade", " — FAILED");
                },
                "PASS",
            ),
            (
                "it was not built",
                |facts| {
                    let number = build(facts, "sandbox-stale");
                    for recipe in ["sandbox-stale", "sandbox-upgrade"] {
                        facts.remove(&format!("set.{recipe}.builds"), |build| {
                            build["number"] == number
                        });
                    }
                },
                "INCONCLUSIVE V8.4 V8.5 V8.6 V8.7",
            ),
            (
                "it was built elsewhere",
                |facts| {
                    let number = build(facts, "sandbox-stale");
                    facts.build(number, |build| build["params"]["PR"] = "900".into());
                },
                UNKNOWN,
            ),
            (
                "its build has not ended",
                |facts| {
                    let number = build(facts, "sandbox-stale");
                    facts.build(number, |build| build["status"] = "running".into());
                },
                UNKNOWN,
            ),
            (
                "the results are of another build",
                |facts| facts.put("set.sandbox-stale.results", "/build", 1),
                UNKNOWN,
            ),
            (
                "the test is red before, too",
                |facts| {
                    let number = facts.answer("baseline.build")["number"].as_u64().unwrap();
                    facts.build(number, |build| build["status"] = "failure".into());
                },
                UNKNOWN,
            ),
            (
                "the test was not there before",
                |facts| test(facts, "baseline.results", "tells-its-version", "skipped"),
                UNKNOWN,
            ),
        ],
    );
}

#[test]
fn recipes_are_upgraded_one_after_another() {
    check(
        "V8",
        &[
            (
                "the flow came back to the first",
                |facts| in_live(facts, "comment_pull", UPGRADE, "", "4|!testme"),
                "FAIL V8.6",
            ),
            (
                "the flow said something about the first",
                |facts| in_live(facts, "comment_pull", UPGRADE, "", "4|See the summary."),
                "PASS",
            ),
            (
                "the flow went on with the second",
                |facts| in_live(facts, "comment_pull", STALE, "", "2|!testme"),
                "PASS",
            ),
            (
                "the second was to be tested before the first had been",
                |facts| earlier(facts, 1),
                "FAIL V8.6",
            ),
            (
                "that was in the same second",
                |facts| earlier(facts, 0),
                "PASS",
            ),
            (
                "a person asked for one of the tests",
                |facts| {
                    earlier(facts, 1);
                    triggers(facts, "sandbox-upgrade");
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "a person had a pull request of their own tested",
                |facts| {
                    earlier(facts, 1);
                    let mut theirs = facts.another_build("set.sandbox-upgrade.builds", 90_000);
                    theirs["params"] =
                        json!({ "RECIPE": "sandbox-stale", "REF": OTHER, "PR": "900" });
                    facts.add("set.sandbox-upgrade.builds", theirs);
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "a person had another recipe tested",
                |facts| {
                    earlier(facts, 1);
                    let mut theirs = facts.another_build("set.sandbox-upgrade.builds", 90_000);
                    theirs["params"] = json!({ "RECIPE": "nextcloud", "REF": OTHER, "PR": "900" });
                    facts.add("set.sandbox-upgrade.builds", theirs);
                },
                "FAIL V8.6",
            ),
            (
                "the first was never done",
                |facts| {
                    let number = build(facts, "sandbox-upgrade");
                    facts.build(number, |build| build["status"] = "running".into());
                },
                "FAIL V8.6; INCONCLUSIVE V8.4 V8.5 V8.7",
            ),
            (
                "the first stood when the second was deployed",
                |facts| {
                    events(facts, |events| {
                        let at = last(events, "remove", "ci-sandbox-upgrade-");
                        events.remove(at);
                    })
                },
                "FAIL V8.6",
            ),
            (
                "that was while a person had it tested",
                |facts| {
                    events(facts, |events| {
                        let at = last(events, "remove", "ci-sandbox-upgrade-");
                        events.remove(at);
                    });
                    triggers(facts, "sandbox-stale");
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "the second was deployed for a moment before",
                |facts| {
                    events(facts, |events| {
                        events.insert(0, event("create", "ci-sandbox-stale-warm_app"));
                        let at = last(events, "remove", "ci-sandbox-upgrade-");
                        events.insert(at + 1, event("remove", "ci-sandbox-stale-warm_app"));
                    })
                },
                "FAIL V8.6",
            ),
            (
                "one of two services stayed",
                |facts| {
                    events(facts, |events| {
                        let at = last(events, "create", "ci-sandbox-upgrade-");
                        let name = events[at]["name"].as_str().unwrap().replace("_app", "_db");
                        events.insert(at + 1, event("create", &name));
                    })
                },
                "FAIL V8.6",
            ),
            (
                "the last one stayed",
                |facts| {
                    events(facts, |events| {
                        let at = last(events, "remove", "ci-sandbox-stale-");
                        events.remove(at);
                    })
                },
                "PASS",
            ),
            (
                "others deploy meanwhile",
                |facts| {
                    events(facts, |events| {
                        events.insert(1, event("create", "ci-nextcloud-9_app"));
                        events.insert(2, event("create", "traefik"));
                    })
                },
                "PASS",
            ),
            (
                "the second was never deployed",
                |facts| {
                    events(facts, |events| {
                        events.retain(|event| {
                            !event["name"]
                                .as_str()
                                .unwrap()
                                .starts_with("ci-sandbox-stale-")
                        });
                    })
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "nobody listened for a while",
                |facts| {
                    let gap = json!([{ "from": "2026-06-01T10:00:00Z", "until": "2026-06-01T10:00:09Z", "why": "gone" }]);
                    facts.put("live.deploys", "/gaps", gap);
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "something stood before",
                |facts| {
                    facts.add(
                        "live.stacks",
                        json!({ "name": "ci-sandbox-upgrade-1", "services": "1" }),
                    )
                },
                "INCONCLUSIVE V8.6",
            ),
            (
                "the box is not configured",
                |facts| {
                    facts.put("expectations", "/upgrading_all/stacks", json!({}));
                    facts.drop("live.stacks");
                    facts.drop("live.deploys");
                },
                "BLOCKED V8.6",
            ),
            (
                "docker could not be asked",
                |facts| facts.unseen("live.deploys"),
                "INCONCLUSIVE V8.6",
            ),
        ],
    );
}

/// The second recipe's build is asked for in the second in which the first one's ends, or before.
fn earlier(facts: &mut Facts, seconds: u64) {
    let first = build(facts, "sandbox-upgrade");
    let second = build(facts, "sandbox-stale");
    let label = "set.sandbox-stale.builds";
    let list = facts.answer(label).as_array().unwrap().clone();
    let first = list.iter().find(|build| build["number"] == first).unwrap();
    let ended = first["finished"].as_u64().unwrap();
    facts.build(second, |build| build["created"] = (ended - seconds).into());
}

fn last(events: &[Value], action: &str, name: &str) -> usize {
    let is = |event: &Value| {
        event["action"] == action && event["name"].as_str().unwrap().starts_with(name)
    };
    events.iter().rposition(is).unwrap()
}

#[test]
fn the_summary_leads_with_the_list() {
    check(
        "V8",
        &[
            (
                "there is no summary",
                |facts| says(facts, "live", "===== SUMMARY =====", "# Summary"),
                "FAIL V8.5 V8.7",
            ),
            (
                "it is quoted",
                |facts| {
                    facts.printed("live", |stdout| {
                        let (before, summary) = stdout.split_once("===== SUMMARY").unwrap();
                        format!("{before}```\n===== SUMMARY{summary}```\n")
                    })
                },
                "FAIL V8.5 V8.7",
            ),
            (
                "it is there twice",
                |facts| twice(facts, |summary| summary.to_owned()),
                "PASS",
            ),
            (
                "there are two of them",
                |facts| {
                    twice(facts, |summary| {
                        summary.replace("SUCCESS-PENDING-TESTS", "SUCCESS")
                    })
                },
                "FAIL V8.5 V8.7",
            ),
            (
                "another is quoted, too",
                |facts| {
                    facts.printed("live", |stdout| {
                        format!("> ===== SUMMARY =====\n> - a\n{stdout}")
                    });
                },
                "PASS",
            ),
            (
                "the run did not end",
                |facts| ends(facts, "live", json!("timed_out")),
                "FAIL V8.5 V8.7",
            ),
            (
                "it fails in the end, and says all",
                |facts| ends(facts, "live", json!({ "exited": 1 })),
                "PASS",
            ),
            (
                "it is empty",
                |facts| summary(facts, |_| "Done.\n".to_owned()),
                "FAIL V8.5 V8.7",
            ),
            (
                "what has nothing to upgrade comes first",
                |facts| {
                    summary(facts, |text| {
                        let (list, current) = text.split_once("## Nothing to upgrade").unwrap();
                        format!("## Nothing to upgrade{current}\n{list}")
                    })
                },
                "FAIL V8.7",
            ),
            (
                "some words come first",
                |facts| {
                    summary(facts, |text| {
                        format!("## Hello\n\nTwo were opened.\n\n{text}")
                    })
                },
                "PASS",
            ),
            (
                "it is a table",
                |facts| {
                    summary(facts, |text| {
                        text.lines()
                            .map(|line| {
                                match line
                                    .strip_prefix("- ")
                                    .and_then(|line| line.split_once(": "))
                                {
                                    Some((recipe, page)) => format!(
                                        "| {recipe} | <{}> |\n",
                                        page.split(' ').next().unwrap()
                                    ),
                                    None => format!("{line}\n"),
                                }
                            })
                            .collect()
                    })
                },
                "PASS",
            ),
            (
                "one is missing",
                |facts| {
                    let line = format!(
                        "- sandbox-upgrade: {} — SUCCESS\n",
                        page(facts, "sandbox-upgrade")
                    );
                    summary(facts, |text| text.replace(&line, ""));
                },
                "FAIL V8.7",
            ),
            (
                "one is in another section",
                |facts| {
                    let line = format!(
                        "- sandbox-upgrade: {} — SUCCESS\n",
                        page(facts, "sandbox-upgrade")
                    );
                    summary(facts, |text| {
                        format!("{}## Green\n{line}", text.replace(&line, ""))
                    });
                },
                "FAIL V8.7",
            ),
            (
                "one is there twice",
                |facts| {
                    let page = page(facts, "sandbox-upgrade");
                    summary(facts, |text| {
                        text.replace(
                            "\n## Tests",
                            &format!("- sandbox-upgrade: {page}\n\n## Tests"),
                        )
                    });
                },
                "FAIL V8.7",
            ),
            (
                "an earlier one is there",
                |facts| {
                    let page = facts.answer("own.sandbox-upgrade")["html_url"]
                        .as_str()
                        .unwrap()
                        .to_owned();
                    summary(facts, |text| {
                        text.replace(
                            "\n## Tests",
                            &format!("- sandbox-upgrade: {page}\n\n## Tests"),
                        )
                    });
                },
                "FAIL V8.7",
            ),
            (
                "one is only begun like another",
                |facts| {
                    let page = page(facts, "sandbox-upgrade");
                    let line = format!("{page} — SUCCESS\n");
                    summary(facts, |text| {
                        text.replace(&line, &format!("{page}0 — SUCCESS\n"))
                    });
                },
                "FAIL V8.7",
            ),
            (
                "one has the other's address",
                |facts| {
                    let (one, other) =
                        (page(facts, "sandbox-stale"), page(facts, "sandbox-upgrade"));
                    summary(facts, |text| text.replacen(&other, &one, 1));
                },
                "FAIL V8.7",
            ),
            (
                "both have the other's address",
                |facts| {
                    let (one, other) =
                        (page(facts, "sandbox-stale"), page(facts, "sandbox-upgrade"));
                    summary(facts, |text| {
                        let (list, rest) = text.split_once("\n## Tests").unwrap();
                        let list = list
                            .replace(&one, "X")
                            .replace(&other, &one)
                            .replace('X', &other);
                        format!("{list}\n## Tests{rest}")
                    });
                },
                "FAIL V8.7",
            ),
            (
                "the names stand behind",
                |facts| {
                    summary(facts, |text| {
                        let (list, rest) = text.split_once("\n## Tests").unwrap();
                        let list = list
                            .replace("- sandbox-upgrade:", "-")
                            .replace("- sandbox-stale:", "-");
                        format!("{list}\n## Tests{rest}")
                    })
                },
                "PASS",
            ),
            (
                "the forge does not say where they are",
                |facts| {
                    listed(facts, "sandbox-stale", |list, at| {
                        list[at]["html_url"] = Value::Null
                    })
                },
                "INCONCLUSIVE V8.7",
            ),
            (
                "nothing was opened",
                |facts| {
                    for recipe in ["sandbox-upgrade", "sandbox-stale"] {
                        listed(facts, recipe, |list, at| drop(list.remove(at)));
                    }
                },
                "FAIL V8.3; INCONCLUSIVE V8.4 V8.5 V8.6; BLOCKED V8.7",
            ),
        ],
    );
}

/// What the list says came of a recipe, in other words.
fn says_of(facts: &mut Facts, recipe: &str, result: &str) {
    let entry = format!("- {recipe}: {}", page(facts, recipe));
    summary(facts, |text| {
        let (list, rest) = text.split_once("\n## Tests").unwrap();
        let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
        let line = lines.iter_mut().find(|line| line.starts_with(&entry));
        *line.unwrap() = format!("{entry}{result}");
        format!("{}\n\n## Tests{rest}", lines.join("\n"))
    });
}

#[test]
fn the_list_says_how_each_does() {
    check(
        "V8",
        &[
            (
                "a stale one is called a success",
                |facts| says_of(facts, "sandbox-stale", " — SUCCESS"),
                "FAIL V8.7",
            ),
            (
                "a stale one is called a success, and a person wrote",
                |facts| {
                    says_of(facts, "sandbox-stale", " — SUCCESS");
                    hand(facts, "sandbox-stale", "comment");
                },
                "INCONCLUSIVE V8.7",
            ),
            (
                "a stale one is called failed",
                |facts| {
                    let failed = " — FAILED — upgrade not green after 3 !testme runs";
                    says_of(facts, "sandbox-stale", failed);
                },
                "FAIL V8.7",
            ),
            (
                "a test is said to be updated",
                |facts| says_of(facts, "sandbox-stale", " — SUCCESS+TESTPR"),
                "FAIL V8.7",
            ),
            (
                "a green one is called stale",
                |facts| says_of(facts, "sandbox-upgrade", " — **SUCCESS-PENDING-TESTS**"),
                "FAIL V8.7",
            ),
            (
                "a green one is called failed",
                |facts| says_of(facts, "sandbox-upgrade", " (FAILED)"),
                "FAIL V8.7",
            ),
            (
                "it says nothing of how they do",
                |facts| {
                    says_of(facts, "sandbox-stale", "");
                    says_of(facts, "sandbox-upgrade", " successfully opened");
                },
                "PASS",
            ),
            (
                "it says two things of one",
                |facts| says_of(facts, "sandbox-upgrade", " — SUCCESS, not FAILED"),
                "INCONCLUSIVE V8.7",
            ),
            (
                "one is red by another test, and is called a success",
                |facts| {
                    let results = "set.sandbox-stale.results";
                    test(facts, results, "tells-its-version", "passed");
                    test(facts, results, "answers", "failed");
                    says_of(facts, "sandbox-stale", " — SUCCESS");
                },
                "FAIL V8.7; INCONCLUSIVE V8.4 V8.5",
            ),
            (
                "one is red by another test, and nothing is said of it",
                |facts| {
                    let results = "set.sandbox-stale.results";
                    test(facts, results, "tells-its-version", "passed");
                    test(facts, results, "answers", "failed");
                    says_of(facts, "sandbox-stale", "");
                },
                "INCONCLUSIVE V8.4 V8.5",
            ),
        ],
    );
}

fn twice(facts: &mut Facts, again: fn(&str) -> String) {
    facts.printed("live", |stdout| {
        let (_, summary) = stdout.split_once("===== SUMMARY").unwrap();
        format!("{stdout}===== SUMMARY{}", again(summary))
    });
}

/// What a run opened beyond the set, in another recipe of the sandbox, belongs in the list.
#[test]
fn what_is_beyond_the_set_belongs_in_the_list() {
    let beyond = |facts: &mut Facts| {
        let repository = "recipe-maintainers/sandbox-reconcile";
        in_live(facts, "create_pull_request", repository, "", "7|up");
        let mut fact = facts.fact("set.sandbox-stale.pull").clone();
        fact.label = format!("live.elsewhere.{repository}.7");
        fact.question = Question::Pull {
            repository: repository.into(),
            number: 7,
        };
        if let Answer::Seen(pull) = &mut fact.answer {
            pull["number"] = 7.into();
            pull["html_url"] = "http://forge/m/sandbox-reconcile/pulls/7".into();
        }
        fact.number = 900;
        facts.0.push(fact);
    };
    let mut with = super::facts::healthy("V8");
    beyond(&mut with);
    let item = crate::plan::item("V8").unwrap();
    let shown = |facts: &Facts| super::facts::shown(&super::facts::verdicts(item, &facts.0));
    assert_eq!(shown(&with), "FAIL V8.3 V8.7");
    summary(&mut with, |text| {
        let more = "- sandbox-reconcile: http://forge/m/sandbox-reconcile/pulls/7\n\n## Tests";
        text.replace("\n## Tests", more)
    });
    assert_eq!(shown(&with), "FAIL V8.3");
}
