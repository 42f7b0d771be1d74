//! The dry run: what it lists, and that it leaves no trace.

use super::*;

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
                "Gavel's own pull request was tested, as somebody had asked before",
                |facts| {
                    let number = facts.answer("own.sandbox-upgrade")["number"].clone();
                    built(facts, "sandbox-upgrade", &number);
                    for when in ["before", "dry"] {
                        let label = format!("{when}.sandbox-upgrade.talk.{number}");
                        let asked = json!({ "id": 9000, "user": { "login": "maintainer" }, "body": "!testme" });
                        facts.set(&label, json!([asked]));
                    }
                },
                "INCONCLUSIVE V8.2",
            ),
            (
                "the one that Gavel had tested was tested once more",
                |facts| {
                    let number = facts.answer("baseline")["number"].clone();
                    built(facts, "sandbox-stale", &number);
                },
                "FAIL V8.2",
            ),
            (
                "the gate tells a result meanwhile, by the flow's account",
                |facts| {
                    facts.share_an_account();
                    in_dry(
                        facts,
                        "comment_pull",
                        "recipe-maintainers/sandbox-upgrade",
                        "",
                    );
                    noted(
                        facts,
                        "sandbox-upgrade",
                        "flow",
                        "<!-- cc-ci:testme --> green",
                    );
                },
                "PASS",
            ),
            (
                "the flow says something, by the account that the gate uses too",
                |facts| {
                    facts.share_an_account();
                    in_dry(
                        facts,
                        "comment_pull",
                        "recipe-maintainers/sandbox-upgrade",
                        "",
                    );
                    noted(facts, "sandbox-upgrade", "flow", "2.0.0 is there.");
                },
                "FAIL V8.2",
            ),
            (
                "somebody started its build once more, in Drone's page",
                |facts| {
                    let number = facts.answer("baseline")["number"].clone();
                    built(facts, "sandbox-stale", &number);
                    let Value::Array(builds) = facts.answer("dry.builds") else {
                        panic!("no list")
                    };
                    let again = builds.last_mut().unwrap();
                    again["trigger"] = json!("maintainer");
                    again["sender"] = json!("bridge");
                },
                "PASS",
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
                "Gavel's own pull request was tested, and somebody said something else there",
                |facts| {
                    let number = facts.answer("own.sandbox-upgrade")["number"].clone();
                    built(facts, "sandbox-upgrade", &number);
                    noted(facts, "sandbox-upgrade", "maintainer", "good luck");
                },
                "FAIL V8.2",
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
                "what it may do later was not waited for",
                |facts| facts.set("dry.quiet", 5),
                "INCONCLUSIVE V8.2",
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
