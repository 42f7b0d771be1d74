//! What the run tells in the end: its list, what came of each recipe, and which tests went stale.

use super::*;

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
                "the recipe that should be green is so, although a test failed in it",
                |facts| test(facts, "set.sandbox-upgrade.results", "greets", "failed"),
                "INCONCLUSIVE V8.4 V8.5 V8.7",
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
                "a stale one is called green",
                |facts| says_of(facts, "sandbox-stale", " — ✅ all tests passed"),
                "FAIL V8.7",
            ),
            (
                "each is called what it is, in other words",
                |facts| {
                    says_of(facts, "sandbox-stale", ", red by a stale test");
                    says_of(facts, "sandbox-upgrade", ", green");
                },
                "PASS",
            ),
            (
                "it says of one what may be about something else",
                |facts| {
                    says_of(
                        facts,
                        "sandbox-upgrade",
                        ", repaired the failing health check",
                    )
                },
                "INCONCLUSIVE V8.7",
            ),
            (
                "it says of a green one that no test failed",
                |facts| says_of(facts, "sandbox-upgrade", " — 12 tests, 0 failed"),
                "PASS",
            ),
            (
                "one is red by a stage in which no test failed, too",
                |facts| {
                    let stage = json!({ "name": "backup", "status": "failed", "tests": [] });
                    let stages = &mut facts.answer("set.sandbox-stale.results")["stages"];
                    stages.as_array_mut().unwrap().push(stage);
                },
                "INCONCLUSIVE V8.4 V8.5 V8.7",
            ),
            (
                "the build of one was killed",
                |facts| {
                    let build = build(facts, "sandbox-stale");
                    facts.build(build, |build| build["status"] = "killed".into());
                },
                "INCONCLUSIVE V8.4 V8.5 V8.7",
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
    let mut with = crate::plan::tests::facts::healthy("V8");
    beyond(&mut with);
    let item = crate::plan::item("V8").unwrap();
    let shown = |facts: &Facts| {
        crate::plan::tests::facts::shown(&crate::plan::tests::facts::verdicts(item, &facts.0))
    };
    assert_eq!(shown(&with), "FAIL V8.3 V8.7");
    summary(&mut with, |text| {
        let more = "- sandbox-reconcile: http://forge/m/sandbox-reconcile/pulls/7\n\n## Tests";
        text.replace("\n## Tests", more)
    });
    assert_eq!(shown(&with), "FAIL V8.3");
}
