//! The real run: one pull request for each candidate, no test touched, one recipe after another.

use super::*;

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
                        let set = format!("set.{recipe}");
                        opened(facts, &format!("{set}.after.harness.pulls"), "flow");
                        facts.harness_pull_changes(&set, 900, "tests/sandbox-stale/test_serves.py");
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
                    let results = "set.sandbox-stale.results";
                    test(facts, results, "tells-its-version", "passed");
                    for stage in facts.answer(results)["stages"].as_array_mut().unwrap() {
                        stage["status"] = "passed".into();
                    }
                },
                "FAIL V8.7; INCONCLUSIVE V8.4 V8.5",
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
                "a person had a pull request of their own tested during the dry run",
                |facts| {
                    earlier(facts, 1);
                    let mut theirs = facts.another_build("set.sandbox-upgrade.builds", 90_000);
                    theirs["params"] =
                        json!({ "RECIPE": "sandbox-stale", "REF": OTHER, "PR": "900" });
                    facts.add("set.sandbox-upgrade.builds", theirs.clone());
                    facts.set("dry.builds", json!([theirs]));
                },
                "FAIL V8.6; INCONCLUSIVE V8.2",
            ),
            (
                "a person had a pull request of their own tested just before the dry run",
                |facts| {
                    earlier(facts, 1);
                    let newest = facts.answer("before.builds").as_u64().unwrap();
                    let mut theirs = facts.another_build("set.sandbox-upgrade.builds", newest);
                    theirs["params"] =
                        json!({ "RECIPE": "sandbox-stale", "REF": OTHER, "PR": "900" });
                    facts.add("set.sandbox-upgrade.builds", theirs);
                },
                "FAIL V8.6",
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
