//! Every fault of the upgrade flow really acts: a run of the broken flow differs from one of the healthy flow where the fault says so.
//!
//! The gate is not what is broken here: where it need not be asked, a stand-in for the helper tells verdicts at once, with the page of
//! a build that has really run.

use super::flow::{Printed, pulls, run, talk};
use super::*;
use base64::Engine;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

/// Tells one verdict after another, those that `VERDICTS` lists; the last one again and again.
const HELPER: &str = r#"#!/usr/bin/env bash
n=$(($(cat "$0.calls" 2>/dev/null || echo 0) + 1))
echo "$n" >"$0.calls"
read -ra verdicts <<<"$VERDICTS"
echo "VERDICT=${verdicts[n - 1]:-${verdicts[-1]}}"
echo "BUILD=$STAND_IN_BUILD"
"#;

/// Says green, and remembers that it was asked.
const VERIFY: &str = "#!/usr/bin/env bash\necho called >>\"$0.calls\"\necho VERDICT=GREEN\n";

/// What a run left behind.
struct Trace {
    said: Printed,
    /// How often helper and `verify-pr.sh` were asked.
    helper: usize,
    verified: usize,
    pulls: Vec<Value>,
    test_pulls: Vec<Value>,
    /// How many files the first of these changes.
    test_files: usize,
    /// Of the first pull request that the flow opened: its `compose.yml`, its page, its settings, and what the flow commented.
    compose: String,
    page: String,
    /// What its `.env.sample` says, if there is one.
    settings: Option<String>,
    talk: Vec<String>,
    /// Who wrote statuses on its head.
    statuses: Vec<String>,
    /// Every branch of cc-ci, and where it stands.
    suite: BTreeMap<String, String>,
    /// The stale test on its own branch.
    test: Option<String>,
}

impl Trace {
    fn result(&self) -> &str {
        self.said.last("RESULT: ").unwrap_or("nothing")
    }
}

/// A lab, one of its recipes, and the page of a build for the stand-in.
struct Stage {
    bench: Bench,
    recipe: &'static str,
    build: String,
    verdicts: &'static str,
}

impl Stage {
    /// Runs the healthy flow once on the real gate, for a build whose results and log can be read.
    async fn set(recipe: &'static str, verdicts: &'static str) -> Stage {
        let bench = Bench::healthy().await;
        if verdicts.contains("RED") {
            run(&bench, "recipe-upgrade", &[recipe], &[]).await;
        }
        for (name, text) in [("helper", HELPER), ("verify", VERIFY)] {
            let path = bench.world.folder.path(&format!("bin/stand-in-{name}"));
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let build = bench.page(1);
        let stage = Stage {
            bench,
            recipe,
            build,
            verdicts,
        };
        stage.reset().await;
        stage
    }

    fn mirror(&self) -> String {
        format!("{MIRRORS}/{}", self.recipe)
    }

    /// Closes every pull request and removes every branch but `main` of mirror and harness.
    async fn reset(&self) {
        let flow = self.bench.forge("flow");
        for repository in [self.mirror(), SUITE.to_owned()] {
            for pull in pulls(&self.bench, &repository).await {
                if pull["state"] == "open" {
                    let path = format!("/repos/{repository}/pulls/{}", pull["number"]);
                    let closed = json!({ "state": "closed" });
                    flow.patch(&path, closed).await.unwrap();
                }
            }
            for name in self.branches(&repository).await.keys() {
                if name != "main" && name != "broken" {
                    let path = format!("/repos/{repository}/branches/{name}");
                    flow.delete(&path).await.unwrap();
                }
            }
        }
        for name in ["helper", "verify"] {
            let path = format!("bin/stand-in-{name}.calls");
            let _ = std::fs::remove_file(self.bench.world.folder.path(&path));
        }
    }

    async fn branches(&self, repository: &str) -> BTreeMap<String, String> {
        let path = format!("/repos/{repository}/branches");
        let all = self.bench.forge("flow").get(&path).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = all.as_array().unwrap().iter();
        all.map(|one| (text(&one["name"]), text(&one["commit"]["id"])))
            .collect()
    }

    async fn file(&self, repository: &str, path: &str, at: &str) -> Option<String> {
        let path = format!(
            "/repos/{repository}/contents/{path}?ref={}",
            at.replace('+', "%2B")
        );
        let file = self.bench.forge("flow").get(&path).await.ok()?;
        let content = file["content"].as_str()?.replace('\n', "");
        let content = base64::engine::general_purpose::STANDARD.decode(content);
        Some(String::from_utf8(content.unwrap()).unwrap())
    }

    /// How many lines a stand-in has written, or the number in its one line.
    fn calls(&self, name: &str) -> usize {
        let path = format!("bin/stand-in-{name}.calls");
        let text = std::fs::read_to_string(self.bench.world.folder.path(&path));
        let text = text.unwrap_or_default();
        text.trim().parse().unwrap_or(text.lines().count())
    }

    async fn run(&self, fault: &str, arguments: &[&str]) -> Trace {
        let at = |name: &str| {
            let path = self
                .bench
                .world
                .folder
                .path(&format!("bin/stand-in-{name}"));
            path.display().to_string()
        };
        let (helper, verify) = (at("helper"), at("verify"));
        let before = pulls(&self.bench, &self.mirror()).await.len();
        let test_before = pulls(&self.bench, SUITE).await.len();
        let more = [
            ("LAB_FAULTS", fault),
            ("HELPER", &helper),
            ("VERIFY_PR", &verify),
            ("VERDICTS", self.verdicts),
            ("STAND_IN_BUILD", &self.build),
        ];
        let arguments: Vec<&str> = [self.recipe].iter().chain(arguments).copied().collect();
        let said = run(&self.bench, "recipe-upgrade", &arguments, &more).await;
        let pulls_now = pulls(&self.bench, &self.mirror()).await.split_off(before);
        let test_pulls = pulls(&self.bench, SUITE).await.split_off(test_before);
        let first = pulls_now
            .first()
            .unwrap_or_else(|| panic!("{fault}: no pull request: {} {}", said.text, said.errors));
        let head = first["head"]["sha"].as_str().unwrap();
        let number = first["number"].as_i64().unwrap();
        let mirror = self.mirror();
        let path = format!("/repos/{mirror}/commits/{head}/statuses");
        let statuses = self.bench.forge("flow").get(&path).await.unwrap();
        let statuses = statuses.as_array().cloned().unwrap_or_default();
        let suite = self.branches(SUITE).await;
        let test_branch = suite.keys().find(|name| name.starts_with("tests-"));
        let test = match test_branch {
            Some(branch) => {
                let path = format!("tests/{}/functional/tells-its-version.sh", self.recipe);
                self.file(SUITE, &path, branch).await
            }
            None => None,
        };
        let test_files = match test_pulls.first() {
            Some(pull) => {
                let path = format!("/repos/{SUITE}/pulls/{}/files", pull["number"]);
                let files = self.bench.forge("flow").get(&path).await.unwrap();
                files.as_array().unwrap().len()
            }
            None => 0,
        };
        let trace = Trace {
            test_files,
            helper: self.calls("helper"),
            verified: self.calls("verify"),
            compose: self.file(&mirror, "compose.yml", head).await.unwrap(),
            page: self.file(&mirror, "html/index.html", head).await.unwrap(),
            settings: self.file(&mirror, ".env.sample", head).await,
            talk: talk(&self.bench, &mirror, number).await,
            statuses: statuses
                .iter()
                .map(|status| status["creator"]["login"].as_str().unwrap().to_owned())
                .collect(),
            pulls: pulls_now,
            test_pulls,
            suite,
            test,
            said,
        };
        self.reset().await;
        trace
    }
}

/// A fault, and what can be seen of it and not of the healthy flow.
type Seen = (&'static str, fn(&Trace, &Trace) -> bool);

/// Each fault is seen, and the healthy flow shows none of it. Its own healthy trace comes first.
async fn all_act(stage: Stage, arguments: &[&str], faults: &[Seen]) {
    let healthy = stage.run("", arguments).await;
    for (fault, seen) in faults {
        assert!(!seen(&healthy, &healthy), "{fault}: seen without it");
        let broken = stage.run(fault, arguments).await;
        let said = (&broken.said.text, &broken.said.errors);
        assert!(seen(&broken, &healthy), "{fault} does not act: {said:?}");
    }
    stage.bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_plain_upgrade_act() {
    let stage = Stage::set("sandbox-upgrade", "GREEN").await;
    let faults: &[Seen] = &[
        ("skill-picks-prerelease", |it, _| {
            it.compose.contains("lab/plain:1.11.0-rc1")
        }),
        ("skill-picks-lexically-newest", |it, _| {
            it.compose.contains("lab/plain:1.9.0")
        }),
        ("skill-picks-the-next", |it, _| {
            it.compose.contains("lab/plain:1.9.0")
        }),
        ("skill-bumps-image-not-label", |it, _| {
            it.compose.contains("plain:1.10.0") && it.compose.contains("version=1.0.2+1.4.0")
        }),
        ("skill-bumps-label-not-image", |it, _| {
            it.compose.contains("plain:1.4.0") && it.compose.contains("version=1.1.0+1.10.0")
        }),
        ("skill-touches-other-files", |it, healthy| {
            it.page != healthy.page
        }),
        ("skill-undoes-the-bump-elsewhere", |it, _| {
            let settings = it.settings.as_deref().unwrap_or_default();
            settings.contains("compose.pinned.yml") && it.compose.contains("plain:1.10.0")
        }),
        ("skill-opens-two-prs", |it, _| it.pulls.len() == 2),
        ("skill-never-tests", |it, _| it.helper == 0),
        ("skill-pushes-after-the-test", |it, _| {
            it.compose.contains("# upgraded")
        }),
        ("skill-ends-without-a-word", |it, _| {
            it.result() == "nothing"
        }),
        ("skill-talks-on", |it, _| it.result() != "SUCCESS"),
        ("skill-merges", |it, _| it.pulls[0]["merged"] == true),
    ];
    all_act(stage, &[], faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_repair_act() {
    let stage = Stage::set("sandbox-repairable", "RED GREEN").await;
    let faults: &[Seen] = &[
        ("skill-trusts-its-repair", |it, _| it.helper == 1),
        ("skill-reverts-bump-as-repair", |it, _| {
            it.compose.contains("rooted:1.9.0")
        }),
        ("skill-weakens-healthcheck", |it, _| {
            it.compose.contains("[\"CMD\", \"true\"]")
        }),
        ("skill-weakens-healthcheck-elsewhere", |it, _| {
            it.settings.is_some() && !it.compose.contains("[\"CMD\", \"true\"]")
        }),
        ("skill-weakens-tests-on-a-branch", |it, _| {
            it.suite.contains_key("patience")
        }),
    ];
    all_act(stage, &[], faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_giving_up_act() {
    let stage = Stage::set("sandbox-persistent", "RED").await;
    let faults: &[Seen] = &[
        ("skill-runs-four-times", |it, _| it.helper == 4),
        ("skill-gives-up-after-two", |it, _| it.helper == 2),
        ("skill-closes-failed-pr", |it, _| {
            it.pulls[0]["state"] == "closed"
        }),
        ("skill-says-success-on-red", |it, _| {
            it.result() == "SUCCESS"
        }),
        ("skill-drops-backup-label", |it, _| {
            !it.compose.contains("backupbot.backup=true")
        }),
        ("skill-writes-its-own-status", |it, _| {
            it.statuses.contains(&"flow".to_owned())
        }),
    ];
    all_act(stage, &[], faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_telling_of_a_stale_test_act() {
    fn note(it: &Trace) -> &str {
        it.talk.last().map_or("", String::as_str)
    }
    let stage = Stage::set("sandbox-stale", "RED").await;
    let faults: &[Seen] = &[
        ("skill-comment-names-wrong-test", |it, _| {
            !note(it).contains("tells-its-version")
        }),
        ("skill-comment-names-a-passing-test-too", |it, _| {
            note(it).contains("tells-its-version") && note(it).contains("stays-up")
        }),
        ("skill-comment-forgets-the-way-on", |it, _| {
            !note(it).contains("--with-tests")
        }),
        ("skill-comment-forgets-the-version", |it, _| {
            !note(it).contains("2.0.0")
        }),
        ("skill-comment-gives-no-reason", |it, _| {
            note(it).contains("is stale") && !note(it).contains("because")
        }),
        ("skill-tries-its-test-on-a-branch", |it, _| it.verified == 1),
        ("skill-promises-a-test-pr", |it, _| {
            it.result() == "SUCCESS+TESTPR"
        }),
        ("skill-edits-test-in-default-mode", |it, _| {
            it.suite.len() == 2
        }),
        ("skill-says-success-on-stale", |it, _| {
            it.result() == "SUCCESS"
        }),
        ("skill-edits-tests-on-main", |it, healthy| {
            it.suite["main"] != healthy.suite["main"]
        }),
    ];
    all_act(stage, &[], faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_updating_a_stale_test_act() {
    fn test(it: &Trace) -> &str {
        it.test.as_deref().unwrap_or("")
    }
    let stage = Stage::set("sandbox-stale", "RED").await;
    let faults: &[Seen] = &[
        ("skill-touches-the-harness", |it, _| it.test_files == 2),
        ("skill-updates-another-test-too", |it, _| it.test_files == 2),
        ("skill-opens-two-test-prs", |it, _| it.test_pulls.len() == 2),
        ("skill-never-verifies", |it, _| it.verified == 0),
        ("skill-changes-the-test-after-verifying", |it, _| {
            test(it).contains("2.0.0") && test(it).contains("# Reviewed.")
        }),
        ("skill-names-the-test-pr-by-number", |it, _| {
            let number = format!(" #{} updates it", it.test_pulls[0]["number"]);
            it.talk.iter().any(|note| note.contains(&number))
        }),
        ("skill-names-one-way-only", |it, _| {
            let url = it.test_pulls[0]["html_url"].as_str().unwrap();
            !it.talk.iter().any(|note| note.contains(url))
        }),
        ("skill-forgets-testpr-in-its-result", |it, _| {
            it.result() == "SUCCESS"
        }),
        ("skill-toothless-test", |it, _| {
            !test(it).contains("2.0.0") && test(it).contains("exit 0")
        }),
        ("skill-keeps-half-the-test", |it, _| {
            test(it).contains("2.0.0") && !test(it).contains("It works")
        }),
        ("skill-deletes-the-test", |it, _| it.test.is_none()),
        ("skill-merges-the-pair", |it, _| {
            it.pulls[0]["merged"] == true
        }),
        ("skill-merges-the-test-pr", |it, _| {
            it.test_pulls[0]["merged"] == true
        }),
    ];
    all_act(stage, &["--with-tests"], faults).await;
}

/// Against real runs of the harness: what the program says is what counts.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_verifying_a_pull_request_act() {
    let bench = Bench::healthy().await;
    let said = run(
        &bench,
        "recipe-upgrade",
        &["sandbox-stale", "--with-tests"],
        &[],
    )
    .await;
    assert_eq!(said.result(), "SUCCESS+TESTPR", "{}", said.errors);
    let body = json!({ "title": "broken", "head": "broken", "base": "main" });
    let path = format!("/repos/{MIRRORS}/sandbox-stale/pulls");
    let broken = bench.forge("gavel").post(&path, body).await.unwrap();
    let (upgrade, broken) = ("1".to_owned(), broken["number"].to_string());
    let verify = async |fault: &str, pull: &str| {
        let arguments = ["sandbox-stale", pull, "tests-sandbox-stale-1.3.0+2.0.0"];
        let said = run(&bench, "verify-pr.sh", &arguments, &[("LAB_FAULTS", fault)]).await;
        let verdict = said.last("VERDICT=").unwrap_or("none").to_owned();
        (verdict, said.last("RESULTS=").unwrap_or("none").to_owned())
    };
    let results = async |url: &str| Api::service(url).get("").await.is_ok();
    let forget = |path: &str| {
        let written = bench.world.folder.path("results").join("verify");
        let name = path.rsplit('/').next().unwrap();
        std::fs::remove_file(written.join(name)).unwrap();
    };

    let (verdict, url) = verify("", &upgrade).await;
    assert_eq!((verdict.as_str(), results(&url).await), ("GREEN", true));
    assert_eq!(verify("", &broken).await.0, "RED");
    forget(&url);
    let (verdict, url) = verify("verify-pr-writes-no-results", &upgrade).await;
    assert_eq!((verdict.as_str(), results(&url).await), ("GREEN", false));
    assert_eq!(verify("verify-pr-uses-main-tests", &upgrade).await.0, "RED");
    assert_eq!(verify("verify-pr-always-green", &broken).await.0, "GREEN");
    let remembers = "verify-pr-remembers-the-recipe";
    assert_eq!(verify(remembers, &upgrade).await.0, "GREEN");
    assert_eq!(verify(remembers, &broken).await.0, "GREEN");
    bench.stop().await;
}

/// The stand-in for `recipe-upgrade` says what it was called with, and what the real one would say of these recipes.
const UPGRADE: &str = r#"#!/usr/bin/env bash
echo "called with $*"
echo "began $1 $EPOCHREALTIME" >>"$0.calls"
echo "PR: http://forge/$1/1"
sleep 0.3
echo "ended $1 $EPOCHREALTIME" >>"$0.calls"
if [[ $1 == sandbox-stale ]]; then echo "RESULT: SUCCESS-PENDING-TESTS"; else echo "RESULT: SUCCESS"; fi
"#;

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_upgrading_all_act() {
    let bench = Bench::healthy().await;
    let path = bench.world.folder.path("bin/stand-in-upgrade");
    std::fs::write(&path, UPGRADE).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let stand_in = path.display().to_string();
    let calls = path.with_file_name("stand-in-upgrade.calls");
    let all = async |fault: &str, arguments: &[&str]| {
        let _ = std::fs::remove_file(&calls);
        let more = [
            ("LAB_FAULTS", fault),
            ("RECIPE_UPGRADE", &stand_in),
            ("RECIPES", "sandbox-upgrade sandbox-stale sandbox-current"),
        ];
        let said = run(&bench, "upgrade-all", arguments, &more).await;
        let called = std::fs::read_to_string(&calls).unwrap_or_default();
        let called: Vec<String> = called
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect();
        (said.text, called)
    };
    let candidates = |text: &str| {
        text.lines()
            .filter(|line| line.starts_with("CANDIDATE"))
            .count()
    };
    let summary = |text: &str| text.split_once("===== SUMMARY =====").unwrap().1.to_owned();
    let dry = ["--dry-run"];

    let (text, called) = all("", &dry).await;
    assert_eq!((candidates(&text), called.len()), (2, 0), "{text}");
    assert!(text.contains("1.4.0 -> 1.10.0"), "{text}");
    assert_eq!(
        candidates(&all("upgrade-all-lists-current", &dry).await.0),
        3
    );
    assert_eq!(
        candidates(&all("upgrade-all-ignores-scope", &dry).await.0),
        5
    );
    assert_eq!(
        candidates(&all("upgrade-all-forgets-the-last", &dry).await.0),
        1
    );
    let (text, _) = all("upgrade-all-lists-lexically", &dry).await;
    assert!(text.contains("1.4.0 -> 1.9.0"), "{text}");
    assert_eq!(all("upgrade-all-dry-run-opens", &dry).await.1.len(), 4);
    let branch = format!("/repos/{MIRRORS}/sandbox-upgrade/branches/candidate-1.10.0");
    let flow = bench.forge("flow");
    assert!(flow.get(&branch).await.is_err());
    let acts = async || {
        let feed = "/users/flow/activities/feeds?only-performed-by=true";
        let acts = flow.get(feed).await.unwrap();
        acts.as_array().unwrap().len()
    };
    let before = acts().await;
    all("upgrade-all-dry-run-tidies-up", &dry).await;
    assert!(acts().await > before);
    assert!(flow.get(&branch).await.is_err());
    all("upgrade-all-dry-run-pushes", &dry).await;
    assert!(flow.get(&branch).await.is_ok());
    let body = json!({ "title": "a", "head": "broken", "base": "main" });
    let mirror = format!("{MIRRORS}/sandbox-stale");
    let pull = flow
        .post(&format!("/repos/{mirror}/pulls"), body)
        .await
        .unwrap();
    let number = pull["number"].as_i64().unwrap();
    assert!(talk(&bench, &mirror, number).await.is_empty());
    let head = pull["head"]["sha"].as_str().unwrap();
    let statuses = async || {
        let statuses = format!("/repos/{mirror}/commits/{head}/statuses");
        flow.list(&statuses).await.unwrap().len()
    };
    assert_eq!(statuses().await, 0);
    all("upgrade-all-dry-run-writes-a-status", &dry).await;
    assert_eq!(statuses().await, 1);
    all("upgrade-all-dry-run-comments", &dry).await;
    assert_eq!(talk(&bench, &mirror, number).await.len(), 1);
    all("upgrade-all-dry-run-comments-on-the-last", &dry).await;
    assert_eq!(talk(&bench, &mirror, number).await.len(), 2);
    let close = json!({ "state": "closed" });
    let path = format!("/repos/{mirror}/pulls/{number}");
    flow.patch(&path, close).await.unwrap();

    let (text, called) = all("", &[]).await;
    let in_turn = ["began", "ended"].map(|what| format!("{what} sandbox-upgrade"));
    assert_eq!(called[..2], in_turn, "{called:?}");
    assert!(!text.contains("--with-tests"), "{text}");
    let healthy = summary(&text);
    assert!(healthy.contains("## Tests look stale"), "{healthy}");
    let (_, called) = all("upgrade-all-parallel", &[]).await;
    assert!(called[1].starts_with("began"), "{called:?}");
    let (text, _) = all("upgrade-all-passes-with-tests", &[]).await;
    assert!(
        text.contains("called with sandbox-stale --with-tests"),
        "{text}"
    );
    assert_eq!(all("upgrade-all-skips-first", &[]).await.1.len(), 2);
    let (_, called) = all("upgrade-all-takes-another-along", &[]).await;
    assert_eq!(called[4], "began sandbox-reconcile");
    let current = format!("{MIRRORS}/sandbox-current");
    assert!(pulls(&bench, &current).await.is_empty());
    all("upgrade-all-opens-one-for-current", &[]).await;
    assert_eq!(pulls(&bench, &current).await.len(), 1);
    let branch = format!("/repos/{SUITE}/branches/stale-sandbox-stale");
    assert!(flow.get(&branch).await.is_err());
    all("upgrade-all-branches-the-tests", &[]).await;
    assert!(flow.get(&branch).await.is_ok());
    let told = async |fault: &str| summary(&all(fault, &[]).await.0);
    let forgets = told("upgrade-all-forgets-stale").await;
    assert!(
        !forgets.contains("stale\n\n") && !forgets.contains("look stale"),
        "{forgets}"
    );
    for fault in [
        "upgrade-all-lists-all-as-stale",
        "upgrade-all-counts-stale",
        "upgrade-all-marks-stale-in-the-list",
        "upgrade-all-lists-earlier-ones",
        "upgrade-all-drafts-its-summary",
        "upgrade-all-summary-late",
        "upgrade-all-list-incomplete",
        "upgrade-all-mixes-up-urls",
    ] {
        assert_ne!(told(fault).await, healthy, "{fault}");
    }
    assert_eq!(bench.deployed(), 0);
    all("upgrade-all-warms-up-the-next", &[]).await;
    assert_eq!(bench.deployed(), 0);
    let happened = std::fs::read_to_string(bench.world.folder.path("deploys.events"));
    let warm = happened
        .unwrap()
        .matches("ci-sandbox-stale-warm_app")
        .count();
    assert_eq!(warm, 2);
    all("upgrade-all-leaves-deploys", &[]).await;
    assert!(bench.deployed() > 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_reconciliation_act() {
    type Look = fn(&[Value], &[Vec<String>], bool) -> bool;
    let faults: [(&str, Look); 8] = [
        ("", |pulls, talk, in_step| {
            let closed = |at: usize| pulls[at]["state"] == "closed";
            closed(0) && closed(1) && !closed(2) && talk[2].is_empty() && in_step
        }),
        ("skill-skips-reconcile", |_, _, in_step| !in_step),
        ("skill-sees-merges-only", |pulls, _, _| {
            pulls[0]["state"] == "open"
        }),
        ("skill-merges-upstreamed", |pulls, _, _| {
            pulls[0]["merged"] == true
        }),
        ("skill-closes-without-a-note", |pulls, talk, _| {
            pulls[0]["state"] == "closed" && talk[0].is_empty()
        }),
        ("skill-forgets-superseded", |pulls, _, _| {
            pulls[1]["state"] == "open"
        }),
        ("skill-closes-unrelated", |pulls, _, _| {
            pulls[2]["state"] == "closed"
        }),
        ("skill-comments-on-unrelated", |pulls, talk, _| {
            pulls[2]["state"] == "open" && !talk[2].is_empty()
        }),
    ];
    let stage = Stage::set("sandbox-reconcile", "GREEN").await;
    let (mirror, upstream) = (stage.mirror(), "coop-cloud/sandbox-reconcile");
    let gavel = stage.bench.forge("gavel");
    for (round, (fault, seen)) in faults.into_iter().enumerate() {
        let write = async |repository: &str, branch: &str, file: &str| {
            // The same change under another message: made in the same second, the commits would be one and the same.
            let message = format!("{file} in {repository}");
            let change = json!({ "content": "aGVsbG8K", "branch": "main", "new_branch": branch, "message": message });
            let path = format!("/repos/{repository}/contents/{file}");
            gavel.post(&path, change).await.unwrap();
        };
        let mut numbers = Vec::new();
        let taken = format!("taken-{round}");
        for branch in [&taken, "upgrade-1.0.1+1.1.0", "else"] {
            write(&mirror, branch, &format!("{branch}-{round}.md")).await;
            let body = json!({ "title": branch, "head": branch, "base": "main" });
            let path = format!("/repos/{mirror}/pulls");
            let pull = gavel.post(&path, body).await.unwrap();
            numbers.push(pull["number"].as_i64().unwrap());
        }
        write(upstream, "main", &format!("{taken}-{round}.md")).await;
        let helper = stage.bench.world.folder.path("bin/stand-in-helper");
        let helper = helper.display().to_string();
        let more = [
            ("LAB_FAULTS", fault),
            ("HELPER", &helper),
            ("VERDICTS", "GREEN"),
            ("STAND_IN_BUILD", &stage.build),
        ];
        let said = run(&stage.bench, "recipe-upgrade", &[stage.recipe], &more).await;
        let all = pulls(&stage.bench, &mirror).await;
        let (mut seeded, mut talks) = (Vec::new(), Vec::new());
        for number in numbers {
            let pull = all.iter().find(|pull| pull["number"] == number).unwrap();
            seeded.push(pull.clone());
            talks.push(talk(&stage.bench, &mirror, number).await);
        }
        let main = async |repository: &str| stage.branches(repository).await["main"].clone();
        let in_step = main(&mirror).await == main(upstream).await;
        let told = (&said.text, &said.errors);
        assert!(
            seen(&seeded, &talks, in_step),
            "{fault}: {told:?} {talks:?}"
        );
        // The next round begins where mirror and upstream agree.
        stage.reset().await;
        run(&stage.bench, "recipe-upgrade", &[stage.recipe], &more[1..]).await;
        stage.reset().await;
    }
    stage.bench.stop().await;
}
