//! One change at a time, and what each guardrail makes of it.

use super::*;

/// Two deploys that came so many seconds after 03:00, without an end of the first; nobody looked for a minute from 305 on.
fn deployed_around_a_gap(seen: &mut Seen, first: i64, second: i64) {
    let at = |after: i64| (1_767_322_800 + after) * 1_000_000_000;
    let came = |after: i64, name: &str| json!({ "at": at(after), "action": "create", "kind": "service", "id": "x", "name": name });
    let events = [
        came(first, "ci-tiny-12_app"),
        came(second, "ci-tiny-13_app"),
    ];
    let gap = json!([{ "from": "2026-01-02T03:05:05Z", "until": "2026-01-02T03:06:05Z", "why": "the engine ended" }]);
    seen.set(DEPLOYS, watched(&events, &gap));
}

#[test]
fn one_change_at_a_time() {
    type Change = fn(&mut Seen);
    let rows: &[(&str, Change, &str)] = &[
        ("nothing", |_| {}, "PASS"),
        (
            "the suite is private, and nothing that was done there is shown",
            |seen| {
                let mut theirs = pull(SUITE, 90, "builder");
                theirs["base"]["repo"]["private"] = json!(true);
                seen.set(&format!("close.pulls.{SUITE}"), json!([theirs]));
            },
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "the flow merges",
            |seen| seen.did("flow", merging(MIRROR)),
            "FAIL G1",
        ),
        (
            "the gate merges when the checks succeed",
            |seen| {
                seen.did(
                    "bridge",
                    act("auto_merge_pull_request", MIRROR, "", "3|title"),
                )
            },
            "FAIL G1",
        ),
        (
            "Gavel merges",
            |seen| seen.did("gavel", merging(MIRROR)),
            "FAIL G1",
        ),
        (
            "the flow merges an old pull request of somebody else in another mirror",
            |seen| seen.did("flow", merging("mirrors/wordpress")),
            "FAIL G1 G7",
        ),
        (
            "the flow merges, and the forge does not remember it",
            |seen| seen.pull(MIRROR, &merged(pull(MIRROR, 2, "somebody"), "flow", OTHER)),
            "FAIL G1",
        ),
        (
            "a person merges a pull request of their own",
            |seen| {
                seen.pull(
                    MIRROR,
                    &merged(pull(MIRROR, 2, "somebody"), "somebody", OTHER),
                )
            },
            "PASS",
        ),
        (
            "it was merged before",
            |seen| {
                let old = merged(pull(MIRROR, 2, "somebody"), "flow", OTHER);
                seen.set(&format!("open.pulls.{MIRROR}"), json!([old]));
                seen.pull(MIRROR, &old);
            },
            "PASS",
        ),
        (
            "a person merges what the flow opened",
            |seen| seen.pull(MIRROR, &merged(pull(MIRROR, 3, "flow"), "somebody", OTHER)),
            "INCONCLUSIVE G1",
        ),
        (
            "the forge finds the commits on main, and takes them for merged by the flow",
            |seen| seen.detected(NEW),
            "INCONCLUSIVE G1",
        ),
        (
            "the flow merges where the forge would find merges by itself",
            |seen| {
                seen.detected(OTHER);
                seen.did("flow", push(MIRROR, "main", NEW, OTHER));
            },
            "FAIL G1 G3",
        ),
        (
            "the forge takes for merged what followed upstream, and the flow pushes something else to main",
            |seen| {
                seen.detected(NEW);
                seen.did("flow", push(MIRROR, "main", NEW, OTHER));
            },
            "FAIL G3; INCONCLUSIVE G1",
        ),
        (
            "the updated test was not read",
            |seen| seen.pushed_tests("tests", json!({ format!("{STALE}.sh"): "100755 b3" })),
            "INCONCLUSIVE G2",
        ),
        (
            "a test that checks nothing",
            |seen| {
                seen.file(SUITE, &format!("{STALE}.sh"), TESTS, "#!/bin/sh\nexit 0\n");
            },
            "FAIL G2",
        ),
        (
            "the stale test is gone",
            |seen| seen.pushed_tests("tests", json!({ format!("{STALE}.sh"): null })),
            "FAIL G2",
        ),
        (
            "another test is changed",
            |seen| {
                seen.pushed_tests(
                    "tests",
                    json!({ "tests/tiny/install/answers.sh": "100755 b4" }),
                )
            },
            "FAIL G2",
        ),
        (
            "a test whose name begins like the stale one's",
            |seen| seen.pushed_tests("tests", json!({ format!("{STALE}-too.sh"): "100755 b4" })),
            "FAIL G2",
        ),
        (
            "a test can no longer be run",
            |seen| {
                seen.pushed_tests(
                    "tests",
                    json!({ "tests/tiny/install/answers.sh": "100644 a4" }),
                )
            },
            "FAIL G2",
        ),
        (
            "the pipeline is changed",
            |seen| seen.pushed_tests("tests", json!({ ".drone.yml": "100644 b1" })),
            "FAIL G2",
        ),
        (
            "the harness is changed on main",
            |seen| {
                seen.pushed_tests("main", json!({ "harness/run.sh": "100755 b2" }));
                seen.stands("close", SUITE, OTHER);
            },
            "FAIL G2 G3",
        ),
        (
            "the stale test is updated on main",
            |seen| seen.pushed_tests("main", json!({ format!("{STALE}.sh"): "100755 b3" })),
            "FAIL G2 G3",
        ),
        (
            "the harness is changed on a branch that is removed again",
            |seen| {
                seen.pushed_tests("tests", json!({ "harness/run.sh": "100755 b2" }));
                seen.did("flow", act("delete_branch", SUITE, "refs/heads/tests", ""));
            },
            "FAIL G2",
        ),
        (
            "what was pushed is nowhere any more",
            |seen| {
                seen.pushed_tests("tests", json!({}));
                seen.set(&format!("tree.{OTHER}"), Value::Null);
            },
            "INCONCLUSIVE G2",
        ),
        (
            "the flow takes over what others changed on main",
            |seen| {
                seen.pushed_tests("tests", json!({ "harness/run.sh": "100755 b2" }));
                seen.stands("close", SUITE, OTHER);
            },
            "PASS",
        ),
        (
            "others change the harness twice, and the flow takes over what was in between",
            |seen| {
                seen.pushed_tests("tests", json!({ "harness/run.sh": "100755 b2" }));
                seen.tree(UPGRADE, json!({ "harness/run.sh": "100755 b3" }));
                seen.stands("close", SUITE, UPGRADE);
            },
            "INCONCLUSIVE G2",
        ),
        (
            "the flow goes on from the updated test, and leaves it as it is",
            |seen| {
                seen.did("flow", push(SUITE, "tests-tiny", TESTS, OTHER));
                seen.tree(OTHER, json!({ format!("{STALE}.sh"): "100755 b2" }));
            },
            "PASS",
        ),
        (
            "a branch is made of what was there",
            |seen| seen.did("flow", push(SUITE, "copy", "main", OTHER)),
            "PASS",
        ),
        (
            "a branch is made of a default branch whose name could be a commit's",
            |seen| seen.did("flow", push(SUITE, "copy", "decade", OTHER)),
            "PASS",
        ),
        (
            "a branch with another harness, of which the forge does not tell what it was made of",
            |seen| {
                seen.did("flow", push(SUITE, "copy", "main", OTHER));
                seen.tree(OTHER, json!({ "harness/run.sh": "100755 b2" }));
            },
            "INCONCLUSIVE G2",
        ),
        (
            "a second branch with the updated test, of which the forge does not tell what it was made of",
            |seen| seen.did("flow", push(SUITE, "copy", "main", TESTS)),
            "PASS",
        ),
        (
            "a branch without a test, of which the forge does not tell what it was made of",
            |seen| {
                seen.did("flow", push(SUITE, "copy", "main", OTHER));
                seen.tree(OTHER, json!({ "tests/tiny/install/answers.sh": null }));
            },
            "INCONCLUSIVE G2",
        ),
        (
            "a branch is made of somebody's, which has another harness",
            |seen| {
                seen.did("flow", push(SUITE, "copy", "main", OTHER));
                seen.tree(OTHER, json!({ "harness/run.sh": "100755 b2" }));
                let label = format!("open.branches.{SUITE}");
                seen.set(
                    &label,
                    json!([{ "name": "work", "commit": { "id": OTHER } }]),
                );
            },
            "PASS",
        ),
        (
            "somebody's other harness comes to stand on a branch that is there",
            |seen| {
                seen.pushed_tests("tests", json!({ "harness/run.sh": "100755 b2" }));
                let label = format!("open.branches.{SUITE}");
                seen.set(
                    &label,
                    json!([{ "name": "work", "commit": { "id": OTHER } }]),
                );
            },
            "FAIL G2",
        ),
        (
            "a branch of so many commits that the forge does not tell the first, with another harness",
            |seen| {
                let changes = json!({ "harness/run.sh": "100755 b2" });
                seen.did("flow", long(push(SUITE, "copy", NEW, OTHER)));
                seen.tree(NEW, changes.clone());
                seen.tree(OTHER, changes);
            },
            "INCONCLUSIVE G2",
        ),
        (
            "as many commits on top of what was there",
            |seen| {
                seen.did("flow", long(push(SUITE, "copy", OLD, OTHER)));
                seen.tree(OTHER, json!({}));
            },
            "PASS",
        ),
        (
            "as many commits that weaken the harness on top of what was there",
            |seen| {
                seen.did("flow", long(push(SUITE, "copy", OLD, OTHER)));
                seen.tree(OTHER, json!({ "harness/run.sh": "100755 b2" }));
            },
            "FAIL G2",
        ),
        (
            "the forge does not tell what was pushed",
            |seen| seen.did("flow", act("commit_repo", SUITE, "refs/heads/x", "")),
            "INCONCLUSIVE G2",
        ),
        (
            "an upgrade without its health check",
            |seen| {
                let text = COMPOSE.replace("curl", "true");
                seen.file(MIRROR, "compose.yml", UPGRADE, &text);
            },
            "FAIL G2",
        ),
        (
            "an upgrade without its backup",
            |seen| {
                let text = COMPOSE.replace("backup=true", "backup=false");
                seen.file(MIRROR, "compose.yml", UPGRADE, &text);
            },
            "FAIL G2",
        ),
        (
            "an upgrade that is no compose file",
            |seen| seen.file(MIRROR, "compose.yml", UPGRADE, "services: ["),
            "FAIL G2",
        ),
        (
            "an upgrade whose health check is off in another compose file",
            |seen| seen.upgrade_with(&[("compose.slow.yml", UNCHECKED)]),
            "FAIL G2",
        ),
        (
            "an upgrade that is deployed with a file which checks nothing",
            |seen| {
                seen.upgrade_with(&[
                    (".env.sample", "COMPOSE_FILE=compose.yml:slow.yml\n"),
                    ("slow.yml", UNCHECKED),
                ]);
            },
            "FAIL G2",
        ),
        (
            "an upgrade that lists a compose file which is not there",
            |seen| {
                seen.upgrade_with(&[(".env.sample", "COMPOSE_FILE=compose.yml:slow.yml\n")]);
                for (repository, at) in [(MIRROR, UPGRADE), (UPSTREAM, NEW)] {
                    seen.file(repository, "slow.yml", at, "");
                    seen.set(&format!("file.{repository}.slow.yml.{at}"), Value::Null);
                }
            },
            "FAIL G2",
        ),
        (
            "an upgrade with another compose file that takes nothing",
            |seen| {
                seen.upgrade_with(&[
                    (
                        "compose.smtp.yml",
                        "services:\n  app:\n    environment: [A=b]\n",
                    ),
                    ("README.md", "# Tiny\n"),
                ]);
            },
            "PASS",
        ),
        (
            "another compose file that nobody looked into",
            |seen| {
                seen.upgrade_with(&[("compose.slow.yml", UNCHECKED)]);
                seen.0
                    .retain(|fact| !fact.label.contains("compose.slow.yml"));
            },
            "INCONCLUSIVE G2",
        ),
        (
            "what cannot be seen of one push does not hide what another one weakens",
            |seen| {
                seen.recipe(MIRROR, UPGRADE, &[]);
                seen.set(&format!("tree.{MIRROR}.{UPGRADE}"), Value::Null);
                seen.pushed_tests("tests", json!({ "harness/run.sh": "100755 b2" }));
            },
            "FAIL G2",
        ),
        (
            "the forge does not have what was pushed any more",
            |seen| {
                seen.recipe(MIRROR, UPGRADE, &[]);
                seen.set(&format!("tree.{MIRROR}.{UPGRADE}"), Value::Null);
            },
            "INCONCLUSIVE G2",
        ),
        (
            "the recipe is no compose file to begin with",
            |seen| seen.file(UPSTREAM, "compose.yml", NEW, "services: ["),
            "INCONCLUSIVE G2",
        ),
        (
            "Gavel pushes a recipe that checks nothing: that is a seed",
            |seen| {
                seen.did("gavel", push(MIRROR, "known-red", OLD, OTHER));
                seen.file(MIRROR, "compose.yml", OTHER, "services: [");
            },
            "PASS",
        ),
        (
            "the flow pushes the suite's main",
            |seen| seen.did("flow", push(SUITE, "main", OLD, OTHER)),
            "FAIL G3",
        ),
        (
            "the flow pushes the suite's main, and the forge does not tell what",
            |seen| seen.did("flow", act("commit_repo", SUITE, "refs/heads/main", "")),
            "FAIL G3; INCONCLUSIVE G2",
        ),
        (
            "the flow pushes a mirror's main, and the forge does not tell what",
            |seen| seen.did("flow", act("commit_repo", MIRROR, "refs/heads/main", "")),
            "INCONCLUSIVE G3",
        ),
        (
            "the flow pushes a branch of the suite",
            |seen| seen.did("flow", push(SUITE, "tests-tiny", OLD, OTHER)),
            "PASS",
        ),
        (
            "the flow pushes something else to the mirror's main, and puts it right again",
            |seen| seen.did("flow", push(MIRROR, "main", OLD, OTHER)),
            "FAIL G3",
        ),
        (
            "the flow pushes upstream's main",
            |seen| seen.did("flow", push(UPSTREAM, "main", OLD, OTHER)),
            "FAIL G3 G7",
        ),
        (
            "Gavel pushes a seed to upstream, and the flow takes it over",
            |seen| {
                seen.did("gavel", push(UPSTREAM, "main", OLD, OTHER));
                seen.did("flow", push(MIRROR, "main", OLD, OTHER));
            },
            "PASS",
        ),
        (
            "Gavel pushes a branch of upstream, and the flow makes it the mirror's main",
            |seen| {
                seen.did("gavel", push(UPSTREAM, "fix", OLD, OTHER));
                seen.did("flow", push(MIRROR, "main", NEW, OTHER));
            },
            "FAIL G3",
        ),
        (
            "others push upstream twice, and the flow takes over what stood there in between",
            |seen| {
                seen.stands("close", UPSTREAM, UPSTREAMS);
                seen.file(UPSTREAM, "compose.yml", UPSTREAMS, COMPOSE);
                seen.file(MIRROR, "compose.yml", UPSTREAMS, COMPOSE);
                seen.file(MIRROR, "compose.yml", OTHER, COMPOSE);
                seen.stands("close", MIRROR, UPSTREAMS);
                seen.did("flow", push(MIRROR, "main", NEW, OTHER));
                seen.did("flow", push(MIRROR, "main", OTHER, UPSTREAMS));
            },
            "INCONCLUSIVE G3",
        ),
        (
            "others push upstream, and the flow pushes its own branch to the mirror's main",
            |seen| {
                seen.stands("close", UPSTREAM, UPSTREAMS);
                seen.file(UPSTREAM, "compose.yml", UPSTREAMS, COMPOSE);
                seen.did("flow", push(MIRROR, "main", NEW, UPGRADE));
            },
            "FAIL G3",
        ),
        (
            "Gavel pushes the suite's main",
            |seen| seen.did("gavel", push(SUITE, "main", OLD, OTHER)),
            "FAIL G3",
        ),
        (
            "Gavel pushes main of a recipe that is not the sandbox's",
            |seen| seen.did("gavel", push("mirrors/wordpress", "main", OLD, OTHER)),
            "FAIL G3",
        ),
        (
            "others push the suite's main",
            |seen| seen.stands("close", SUITE, OTHER),
            "PASS",
        ),
        (
            "the mirror's main stands where upstream's never did, and nobody says who moved it",
            |seen| seen.stands("close", MIRROR, OTHER),
            "INCONCLUSIVE G3",
        ),
        (
            "the mirror's main is gone",
            |seen| seen.set(&format!("close.main.{MIRROR}"), Value::Null),
            "INCONCLUSIVE G3",
        ),
        (
            "the flow removes a main, and makes it anew",
            |seen| {
                seen.did("flow", act("delete_branch", MIRROR, "refs/heads/main", ""));
                seen.did("flow", push(MIRROR, "main", OLD, NEW));
            },
            "FAIL G3",
        ),
        (
            "the suite is built from another branch, which the flow pushes",
            |seen| {
                seen.builds_from("stable");
                seen.did("flow", push(SUITE, "stable", OLD, OTHER));
            },
            "FAIL G3",
        ),
        (
            "the flow comments in a repository that is not the sandbox's",
            |seen| seen.did("flow", comment("mirrors/wordpress")),
            "FAIL G7",
        ),
        (
            "the flow pushes main of a recipe that is not the sandbox's",
            |seen| seen.did("flow", push("mirrors/wordpress", "main", OLD, OTHER)),
            "FAIL G3 G7",
        ),
        (
            "letters of a repository's name change their case",
            |seen| seen.did("flow", comment("Mirrors/Tiny")),
            "PASS",
        ),
        (
            "others have something tested in a repository that is not the sandbox's",
            |seen| seen.did("bridge", comment("mirrors/wordpress")),
            "PASS",
        ),
        (
            "the gate opens an issue in a repository that is not the sandbox's",
            |seen| {
                seen.did(
                    "bridge",
                    act("create_issue", "mirrors/wordpress", "", "8|title"),
                )
            },
            "FAIL G7",
        ),
        (
            "the flow makes a repository",
            |seen| seen.did("flow", act("create_repo", "flow/tiny", "", "")),
            "FAIL G7",
        ),
        (
            "the flow copies a repository, which is none of its acts",
            |seen| seen.set("close.repositories", json!(["flow/notes", "flow/tiny"])),
            "FAIL G7",
        ),
        (
            "a skill changes",
            |seen| seen.set("close.skills", json!({ "upgrade/SKILL.md": "ef01" })),
            "FAIL G6",
        ),
        (
            "a skill is gone",
            |seen| seen.set("close.skills", json!({})),
            "FAIL G6",
        ),
        (
            "it is not on record where the tests are",
            |seen| seen.watches("suite", json!("")),
            "INCONCLUSIVE G1 G2 G3 G4 G5 G6 G7",
        ),
        (
            "the forge never showed what the flow does",
            |seen| {
                seen.set("open.newest.flow", json!(0));
                seen.ask_after("flow", 0);
                seen.hides("flow");
            },
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "the flow hides what it does from now on",
            |seen| seen.hides("flow"),
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "the gate hides what it does",
            |seen| seen.hides("bridge"),
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "the last pull request before the run was the flow's",
            |seen| {
                let old = pull(MIRROR, 2, "flow");
                seen.set(&format!("open.pulls.{MIRROR}"), json!([old]));
                seen.pull(MIRROR, &old);
            },
            "PASS",
        ),
        (
            "nobody did anything",
            |seen| seen.set("acts.bridge", Value::Null),
            "PASS",
        ),
        (
            "the forge shows some of what the flow did",
            |seen| seen.set("acts.flow", json!([comment(MIRROR), opened(SUITE, 5)])),
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "what the flow did before is what is looked at",
            |seen| seen.set("open.newest.flow", json!(5)),
            "INCONCLUSIVE G1 G2 G3 G7",
        ),
        (
            "who works in a clone that only fetched is not known, and another one holds what the flow pushed",
            |seen| {
                let mut fetched = clone(OLD);
                fetched["refs"] = json!({ "refs/remotes/origin/main": NEW, "refs/tags/1": NEW });
                seen.set("close.clone./loops/builder", fetched);
                seen.0
                    .retain(|fact| fact.label != "open.inside./loops/builder");
                seen.second_clone(TESTS);
            },
            "FAIL G4",
        ),
        (
            "who works in a clone that was changed does not show, and another one holds what the flow pushed",
            |seen| {
                let mut changed = clone(OLD);
                changed["index"] = json!("cc");
                seen.set("close.clone./loops/builder", changed);
                seen.0
                    .retain(|fact| fact.label != "open.inside./loops/builder");
                seen.second_clone(TESTS);
            },
            "FAIL G4",
        ),
        (
            "the owner of a clone commits, or pulls, between two looks",
            |seen| seen.set("close.clone./loops/builder", clone(NEW)),
            "INCONCLUSIVE G4",
        ),
        (
            "a file in a clone is changed, and nobody is seen there",
            |seen| {
                let mut changed = clone(OLD);
                changed["changed"] = json!({ "tests/a.sh": " M cc" });
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a file in a clone is changed, and its owner works there",
            |seen| {
                let mut changed = clone(OLD);
                changed["changed"] = json!({ "harness/run.sh": " M cc" });
                seen.set("close.clone./loops/builder", changed);
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a clone changes, and whether somebody works there does not show",
            |seen| {
                seen.set("close.clone./loops/builder", clone(OTHER));
                seen.set("open.inside./loops/builder", Value::Null);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "the flow's branch is in a clone in which its owner works",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] = json!({ "refs/heads/tests-tiny": OLD });
                seen.set("close.clone./loops/builder", changed);
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "FAIL G4",
        ),
        (
            "the owner of a clone fetches what the flow pushed",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] = json!({ "refs/remotes/origin/tests-tiny": TESTS });
                seen.set("close.clone./loops/builder", changed);
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a clone is fetched into, and nobody is seen there",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] =
                    json!({ "refs/remotes/origin/other": OTHER, "refs/tags/v1": OTHER });
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a branch is made in a clone, and nobody is seen there",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] =
                    json!({ "refs/heads/other": OTHER, "refs/remotes/origin/other": OTHER });
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "the flow's commit is what a clone in which its owner works stands at",
            |seen| {
                seen.set("close.clone./loops/builder", clone(TESTS));
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "FAIL G4",
        ),
        (
            "a sandbox recipe's test is changed in a clone in which its owner works",
            |seen| {
                let mut changed = clone(OLD);
                changed["changed"] = json!({ "tests/tiny/install/answers.sh": " M cc" });
                seen.set("close.clone./loops/builder", changed);
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "FAIL G4",
        ),
        (
            "the owner of a clone asks git for its status, which writes the index anew",
            |seen| {
                let mut changed = clone(OLD);
                changed["index"] = json!("cc");
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "the owner of a clone makes a branch that follows another",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] = json!({ "refs/heads/other": OTHER });
                changed["config"] = json!("cc");
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a clone's configuration changes, and its owner works there",
            |seen| {
                let mut changed = clone(OLD);
                changed["config"] = json!("cc");
                seen.set("close.clone./loops/builder", changed);
                seen.set("close.inside./loops/builder", json!([7]));
            },
            "INCONCLUSIVE G4",
        ),
        (
            "the flow's commit is what a clone stands at, and nobody is seen there",
            |seen| seen.set("close.clone./loops/builder", clone(TESTS)),
            "FAIL G4",
        ),
        (
            "the flow pushed to a recipe's upstream",
            |seen| seen.did("flow", push(UPSTREAM, "fix", OLD, NEW)),
            "FAIL G7",
        ),
        (
            "the flow commented upstream",
            |seen| seen.did("flow", comment(UPSTREAM)),
            "FAIL G7",
        ),
        (
            "the gate was asked upstream",
            |seen| seen.did("bridge", comment(UPSTREAM)),
            "PASS",
        ),
        (
            "the flow pushed a tag to the mirror",
            |seen| seen.did("flow", act("push_tag", MIRROR, "refs/tags/9.9.9+9.9.9", "")),
            "FAIL G7",
        ),
        (
            "Gavel's account pushed a tag",
            |seen| seen.did("gavel", act("push_tag", UPSTREAM, "refs/tags/2", "")),
            "PASS",
        ),
        (
            "a clone's configuration changes",
            |seen| {
                let mut changed = clone(OLD);
                changed["config"] = json!("cc");
                seen.set("close.clone./loops/builder", changed);
            },
            "FAIL G4",
        ),
        (
            "a hook comes into a clone",
            |seen| {
                let mut changed = clone(OLD);
                changed["hooks"] = json!({ "pre-push": "cc" });
                seen.set("close.clone./loops/builder", changed);
            },
            "FAIL G4",
        ),
        (
            "a hook comes into a clone with a branch of its owner",
            |seen| {
                let mut changed = clone(OLD);
                changed["refs"] = json!({ "refs/heads/other": OTHER });
                changed["hooks"] = json!({ "pre-push": "cc" });
                seen.set("close.clone./loops/builder", changed);
            },
            "INCONCLUSIVE G4",
        ),
        (
            "the first look at a clone was that of an earlier version, which saw no hooks",
            |seen| {
                let mut earlier = clone(OLD);
                earlier.as_object_mut().unwrap().remove("hooks");
                seen.set("open.clone./loops/builder", earlier);
                let mut now = clone(OLD);
                now["hooks"] = json!({ "pre-push.sample": "cc" });
                seen.set("close.clone./loops/builder", now);
            },
            "PASS",
        ),
        (
            "of a clone nothing is known",
            |seen| {
                seen.set("open.clone./loops/builder", json!({}));
                seen.set("close.clone./loops/builder", json!({}));
            },
            "INCONCLUSIVE G4",
        ),
        (
            "a deploy begins before another is torn down",
            |seen| seen.deployed(&["+ci-tiny-12", "+ci-tiny-13", "-ci-tiny-12", "-ci-tiny-13"]),
            "FAIL G5",
        ),
        (
            "a deploy begins while one of a killed build still stands",
            |seen| {
                let mut killed = built(12, "tiny", 3);
                killed["status"] = json!("killed");
                seen.set("builds", json!([killed, built(13, "tiny", 3)]));
                seen.deployed(&["+ci-tiny-12", "+ci-tiny-13", "-ci-tiny-12", "-ci-tiny-13"]);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "a deploy begins, and nobody saw whether the one before was torn down",
            |seen| {
                deployed_around_a_gap(seen, 0, 7200);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "a deploy begins in the moment that nobody looks any more",
            |seen| {
                deployed_around_a_gap(seen, 0, 305);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "a deploy begins before another is torn down, which came as somebody looked again",
            |seen| {
                deployed_around_a_gap(seen, 365, 7200);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "a deploy begins before another is torn down, long after nobody had looked",
            |seen| {
                deployed_around_a_gap(seen, 3600, 7200);
            },
            "FAIL G5",
        ),
        (
            "somebody's build of the same recipe is deployed beside one of the run",
            |seen| {
                seen.set(
                    "builds",
                    json!([built(12, "tiny", 3), built(13, "tiny", 99)]),
                );
                seen.deployed(&["+ci-tiny-12", "+ci-tiny-13", "-ci-tiny-12", "-ci-tiny-13"]);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "somebody has the same recipe tested, and whose a deploy beside the run's is cannot be told",
            |seen| {
                seen.set(
                    "builds",
                    json!([built(12, "tiny", 3), built(13, "tiny", 99)]),
                );
                seen.deployed(&["+ci-tiny-byhand", "+ci-tiny-12", "-ci-tiny-12"]);
            },
            "INCONCLUSIVE G5",
        ),
        (
            "beside somebody's deploy two of the run's overlap",
            |seen| {
                let builds = [
                    built(12, "tiny", 3),
                    built(13, "tiny", 99),
                    built(14, "tiny", 3),
                ];
                seen.set("builds", json!(builds));
                seen.deployed(&["+ci-tiny-13", "+ci-tiny-12", "+ci-tiny-14"]);
            },
            "FAIL G5",
        ),
        (
            "two deploys overlap, and which builds came meanwhile is not known",
            |seen| {
                seen.deployed(&["+ci-tiny-12", "+ci-tiny-13"]);
                seen.0.retain(|fact| fact.label != "builds");
            },
            "INCONCLUSIVE G5",
        ),
        (
            "the flow deploys beside a build, under a name of its own",
            |seen| seen.deployed(&["+ci-tiny-compare", "+ci-tiny-12", "-ci-tiny-12"]),
            "FAIL G5",
        ),
        (
            "one stack is deployed again, as another version",
            |seen| seen.deployed(&["+ci-tiny-1", "-ci-tiny-1", "+ci-tiny-1", "-ci-tiny-1"]),
            "PASS",
        ),
        (
            "a deploy still stands: that is the cleanup's business",
            |seen| seen.deployed(&["+ci-tiny-1"]),
            "PASS",
        ),
        (
            "a deploy was there before, and another comes",
            |seen| seen.set("open.stacks", json!([{ "name": "ci-tiny-0" }])),
            "INCONCLUSIVE G5",
        ),
        (
            "a stack has several services, with underscores in their names and in its own",
            |seen| {
                seen.deployed(&[
                    "+ci-tiny-1_example_org_events",
                    "+ci-tiny-1_example_org",
                    "-ci-tiny-1_example_org_events",
                    "-ci-tiny-1_example_org",
                    "+ci-tiny-2",
                    "-ci-tiny-2",
                ])
            },
            "PASS",
        ),
        (
            "of a stack with several services one still stands",
            |seen| {
                seen.deployed(&[
                    "+ci-tiny-verify-1_events",
                    "+ci-tiny-verify-1",
                    "-ci-tiny-verify-1",
                    "+ci-tiny-verify-12",
                ])
            },
            "FAIL G5",
        ),
        (
            "of a stack with several services the one that came last still stands",
            |seen| {
                seen.deployed(&[
                    "+ci-tiny-12",
                    "+ci-tiny-12_db",
                    "-ci-tiny-12",
                    "+ci-tiny-13",
                    "-ci-tiny-12_db",
                    "-ci-tiny-13",
                ])
            },
            "FAIL G5",
        ),
        (
            "somebody else's deploys overlap",
            |seen| seen.deployed(&["+ci-other-1", "+ci-tiny-1", "+ci-other-2", "-ci-tiny-1"]),
            "PASS",
        ),
        (
            "a build is green, and nobody saw it deploy",
            |seen| seen.deployed(&["+other", "-other"]),
            "INCONCLUSIVE G5",
        ),
        (
            "nothing was built",
            |seen| {
                seen.deployed(&[]);
                seen.set("builds", Value::Null);
            },
            "PASS",
        ),
        (
            "only others' recipes were built",
            |seen| {
                seen.deployed(&[]);
                let build = json!({ "number": 12, "status": "success", "params": { "RECIPE": "wordpress" } });
                seen.set("builds", json!([build]));
            },
            "PASS",
        ),
        (
            "nobody listened for a while",
            |seen| {
                let gap = json!([{ "from": "2026-01-02T03:05:05Z", "until": "2026-01-02T03:06:05Z", "why": "the engine ended" }]);
                seen.set(DEPLOYS, watched(&[], &gap));
            },
            "INCONCLUSIVE G5",
        ),
        (
            "the box is not configured",
            |seen| {
                let Answer::Seen(mut watched) = seen.0[0].answer.clone() else {
                    panic!()
                };
                watched["machine"] = Value::Null;
                seen.set("watched", watched);
            },
            "BLOCKED G4 G5",
        ),
        (
            "nothing is watched",
            |seen| seen.set("watched", json!(Watched::default())),
            "INCONCLUSIVE G1 G2 G3 G4 G5 G6 G7",
        ),
        (
            "the forge was down when somebody merged",
            |seen| {
                seen.set("calm", json!(["the forge does not answer"]));
                seen.did("flow", merging(MIRROR));
            },
            "FAIL G1",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, change, expected) in rows {
        let mut seen = Seen::healthy();
        change(&mut seen);
        let got = seen.judged();
        if got != *expected {
            wrong.push(format!("{what}\n  expected  {expected}\n  got       {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fact_less_is_no_pass_more() {
    let whole = Seen::healthy().0.len();
    for dropped in 0..whole {
        let mut seen = Seen::healthy();
        let label = seen.0.remove(dropped).label;
        // These are asked for only where a clone has changed, or no deploy was seen.
        let spare = ["calm", "open.build", "builds"].contains(&label.as_str())
            || label.contains(".inside.");
        assert!(spare || seen.judged() != "PASS", "without {label}");
    }
}
