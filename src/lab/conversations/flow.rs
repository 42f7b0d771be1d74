//! The upgrade flow in a running lab: what it says, what it leaves on the pull requests, and that it merges nothing.

use super::*;
use std::collections::BTreeMap;

/// What one of the flow's programs printed.
pub(super) struct Printed {
    pub text: String,
    pub errors: String,
    pub code: Option<i32>,
}

impl Printed {
    /// The value of the last line that begins so.
    pub fn last(&self, begins: &str) -> Option<&str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix(begins))
            .next_back()
    }

    pub fn result(&self) -> &str {
        self.last("RESULT: ")
            .unwrap_or_else(|| panic!("no result: {} {}", self.text, self.errors))
    }
}

/// What is in `[flow] environment` and secrets, as `flow.env` tells it.
fn environment(bench: &Bench) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(bench.world.folder.path("flow.env")).unwrap();
    text.lines()
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        })
        .collect()
}

pub(super) async fn run(
    bench: &Bench,
    program: &str,
    arguments: &[&str],
    more: &[(&str, &str)],
) -> Printed {
    let mut command = Command::new(bench.world.folder.path(&format!("bin/{program}")));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .envs(environment(bench))
        .envs(more.iter().copied())
        .kill_on_drop(true);
    let output = tokio::time::timeout(3 * LIMIT, command.output())
        .await
        .unwrap()
        .unwrap();
    Printed {
        text: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// All pull requests of a repository, oldest first.
pub(super) async fn pulls(bench: &Bench, repository: &str) -> Vec<Value> {
    let path = format!("/repos/{repository}/pulls?state=all");
    let mut all = bench.forge("gavel").list(&path).await.unwrap();
    all.sort_by_key(|pull| pull["number"].as_i64());
    all
}

pub(super) async fn talk(bench: &Bench, repository: &str, number: i64) -> Vec<String> {
    let path = format!("/repos/{repository}/issues/{number}/comments");
    let all = bench.forge("gavel").get(&path).await.unwrap();
    let all = all.as_array().unwrap().iter();
    all.filter(|comment| comment["user"]["login"] == "flow")
        .map(|comment| comment["body"].as_str().unwrap().to_owned())
        .collect()
}

async fn only_pull(bench: &Bench, repository: &str, printed: &Printed) -> Value {
    let mut all = pulls(bench, repository).await;
    assert_eq!(all.len(), 1, "{}", printed.text);
    let pull = all.remove(0);
    assert_eq!(pull["state"], "open");
    assert_eq!(pull["merged"], false);
    assert_eq!(pull["user"]["login"], "flow");
    assert_eq!(pull["base"]["ref"], "main");
    pull
}

fn left(bench: &Bench) -> Vec<String> {
    let entries = std::fs::read_dir(bench.world.folder.path("scratch")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

async fn tests_at(bench: &Bench) -> Value {
    let path = format!("/repos/{SUITE}/branches");
    bench.forge("gavel").get(&path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_needs_nothing_is_a_success() {
    let bench = Bench::healthy().await;
    let said = run(&bench, "recipe-upgrade", &["sandbox-upgrade"], &[]).await;
    assert_eq!(said.result(), "SUCCESS", "{}", said.errors);
    let mirror = format!("{MIRRORS}/sandbox-upgrade");
    let pull = only_pull(&bench, &mirror, &said).await;
    assert_eq!(pull["head"]["ref"], "upgrade-1.1.0+1.10.0");
    assert_eq!(pull["title"], "chore: upgrade to 1.1.0+1.10.0");
    assert_eq!(said.last("PR: "), pull["html_url"].as_str());
    let number = pull["number"].as_i64().unwrap();
    assert_eq!(talk(&bench, &mirror, number).await, ["!testme"]);
    assert_eq!(left(&bench), [""; 0]);
    let files = format!("/repos/{mirror}/pulls/{number}/files");
    let files = bench.forge("gavel").get(&files).await.unwrap();
    assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
    assert_eq!(files[0]["filename"], "compose.yml");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_needs_is_given_to_it_in_the_second_run() {
    let bench = Bench::healthy().await;
    let said = run(&bench, "recipe-upgrade", &["sandbox-repairable"], &[]).await;
    assert_eq!(said.result(), "SUCCESS", "{}", said.errors);
    let mirror = format!("{MIRRORS}/sandbox-repairable");
    let pull = only_pull(&bench, &mirror, &said).await;
    let talk = talk(&bench, &mirror, pull["number"].as_i64().unwrap()).await;
    assert_eq!(talk.len(), 3, "{talk:?}");
    assert!(talk[1].contains("run 1 of 3") && talk[1].contains(&bench.page(1)));
    let status: Vec<Value> = bench
        .builds()
        .await
        .iter()
        .map(|build| build["status"].clone())
        .collect();
    assert_eq!(status, ["success", "failure"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_starts_is_given_up_after_three_runs() {
    let bench = Bench::healthy().await;
    let said = run(&bench, "recipe-upgrade", &["sandbox-persistent"], &[]).await;
    assert_eq!(
        said.result(),
        "FAILED — upgrade not green after 3 !testme runs"
    );
    let mirror = format!("{MIRRORS}/sandbox-persistent");
    let pull = only_pull(&bench, &mirror, &said).await;
    let talk = talk(&bench, &mirror, pull["number"].as_i64().unwrap()).await;
    for run in 1..=3 {
        let noted = |note: &&String| {
            note.contains(&format!("run {run} of 3")) && note.contains(&bench.page(run))
        };
        assert_eq!(talk.iter().filter(noted).count(), 1, "{talk:?}");
    }
    assert_eq!(bench.builds().await.len(), 3);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_test_is_told_of_and_left_alone_and_with_tests_updated_and_verified() {
    let bench = Bench::healthy().await;
    let before = tests_at(&bench).await;
    let said = run(&bench, "recipe-upgrade", &["sandbox-stale"], &[]).await;
    assert_eq!(said.result(), "SUCCESS-PENDING-TESTS", "{}", said.errors);
    let mirror = format!("{MIRRORS}/sandbox-stale");
    let pull = only_pull(&bench, &mirror, &said).await;
    let number = pull["number"].as_i64().unwrap();
    let told = talk(&bench, &mirror, number).await;
    let told = told.last().unwrap();
    for part in [
        "functional/tells-its-version",
        "1.4.0",
        "2.0.0",
        "re-run `--with-tests`",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(tests_at(&bench).await, before);
    assert!(pulls(&bench, SUITE).await.is_empty());

    let arguments = ["sandbox-stale", "--with-tests"];
    let said = run(&bench, "recipe-upgrade", &arguments, &[]).await;
    assert_eq!(said.result(), "SUCCESS+TESTPR", "{}", said.errors);
    let tests = only_pull(&bench, SUITE, &said).await;
    let branch = tests["head"]["ref"].as_str().unwrap();
    assert_eq!(branch, "tests-sandbox-stale-1.3.0+2.0.0");
    assert_eq!(said.last("TESTPR: "), tests["html_url"].as_str());
    let (url, tests_url) = (&pull["html_url"], &tests["html_url"]);
    let about_tests = talk(&bench, &mirror, number).await;
    assert!(
        about_tests
            .last()
            .unwrap()
            .contains(tests_url.as_str().unwrap())
    );
    let about_recipe = talk(&bench, SUITE, tests["number"].as_i64().unwrap()).await;
    assert!(about_recipe.last().unwrap().contains(url.as_str().unwrap()));
    let main = |branches: &Value| {
        let all = branches.as_array().unwrap().clone();
        all.into_iter().find(|branch| branch["name"] == "main")
    };
    assert_eq!(main(&tests_at(&bench).await), main(&before));

    // The changed test still finds what is broken.
    let body = json!({ "title": "broken", "head": "broken", "base": "main" });
    let broken = bench.forge("gavel");
    let broken = broken.post(&format!("/repos/{mirror}/pulls"), body).await;
    let broken = broken.unwrap()["number"].to_string();
    let arguments = ["sandbox-stale", &broken, branch];
    let red = run(&bench, "verify-pr.sh", &arguments, &[]).await;
    assert_eq!(red.last("VERDICT="), Some("RED"), "{}", red.errors);
    assert_eq!(red.code, Some(1));
    assert!(red.text.contains("Under construction"), "{}", red.text);
    let arguments = ["sandbox-stale", &number.to_string(), branch];
    let green = run(&bench, "verify-pr.sh", &arguments, &[]).await;
    assert_eq!(green.last("VERDICT="), Some("GREEN"), "{}", green.errors);
    let url = green.last("RESULTS=").unwrap();
    let results = Api::service(url).get("").await.unwrap();
    assert_eq!(results["ref"].as_str(), green.last("RECIPE_HEAD="));
    assert_eq!(results["tests"].as_str(), green.last("TESTS_HEAD="));
    assert!(results.get("build").is_none(), "{results}");
    assert_eq!(left(&bench), [""; 0]);
    assert_eq!(bench.deployed(), 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_candidates_are_listed_without_a_trace_and_then_upgraded_in_turn() {
    let bench = Bench::healthy().await;
    let recipes = "sandbox-upgrade sandbox-stale sandbox-current";
    let scope = [("RECIPES", recipes)];
    let said = run(&bench, "upgrade-all", &["--dry-run"], &scope).await;
    let candidates =
        "CANDIDATE sandbox-upgrade 1.4.0 -> 1.10.0\nCANDIDATE sandbox-stale 1.4.0 -> 2.0.0\n";
    assert_eq!(said.text, candidates, "{}", said.errors);
    let unrestricted = run(&bench, "upgrade-all", &["--dry-run"], &[]).await;
    assert_eq!(
        unrestricted.text.lines().count(),
        5,
        "{}",
        unrestricted.text
    );
    for recipe in recipes.split(' ') {
        let mirror = format!("{MIRRORS}/{recipe}");
        assert!(pulls(&bench, &mirror).await.is_empty());
    }

    let said = run(&bench, "upgrade-all", &[], &scope).await;
    let (_, summary) = said.text.split_once("===== SUMMARY =====\n").unwrap();
    let url = |recipe| format!("{}/{MIRRORS}/{recipe}/pulls/1", bench.world.places.forge);
    let (upgrade, stale) = (url("sandbox-upgrade"), url("sandbox-stale"));
    let lines: Vec<&str> = summary.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "# Upgrade summary",
            "## Pull requests",
            &format!("- sandbox-upgrade: {upgrade} — SUCCESS"),
            &format!("- sandbox-stale: {stale} — SUCCESS-PENDING-TESTS"),
            "## Tests look stale",
            &format!("- sandbox-stale: {stale}"),
            "## Nothing to upgrade",
            "- sandbox-current",
        ]
    );
    assert!(pulls(&bench, SUITE).await.is_empty());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_reconciled_and_only_what_is_over_is_closed() {
    let bench = Bench::healthy().await;
    let (mirror, upstream) = (
        format!("{MIRRORS}/sandbox-reconcile"),
        "coop-cloud/sandbox-reconcile",
    );
    let gavel = bench.forge("gavel");
    let seed = async |repository: &str, branch: &str, path: &str| {
        let change = json!({ "content": "aGVsbG8K", "branch": "main", "new_branch": branch, "message": path });
        let path = format!("/repos/{repository}/contents/{path}");
        gavel.post(&path, change).await.unwrap();
    };
    for (branch, path) in [
        ("taken", "taken.md"),
        ("upgrade-1.0.1+1.1.0", "old.md"),
        ("else", "else.md"),
    ] {
        seed(&mirror, branch, path).await;
        let body = json!({ "title": branch, "head": branch, "base": "main" });
        gavel
            .post(&format!("/repos/{mirror}/pulls"), body)
            .await
            .unwrap();
    }
    seed(upstream, "main", "taken.md").await;

    let said = run(&bench, "recipe-upgrade", &["sandbox-reconcile"], &[]).await;
    assert_eq!(said.result(), "SUCCESS", "{}", said.errors);
    let main = async |repository: &str| {
        let path = format!("/repos/{repository}/branches/main");
        gavel.get(&path).await.unwrap()["commit"]["id"].clone()
    };
    assert_eq!(main(&mirror).await, main(upstream).await);
    let all = pulls(&bench, &mirror).await;
    let states: Vec<_> = all.iter().map(|pull| pull["state"].as_str()).collect();
    assert_eq!(states, ["closed", "closed", "open", "open"].map(Some));
    assert!(all.iter().all(|pull| pull["merged"] == false), "{all:?}");
    let note = talk(&bench, &mirror, 1).await.join("\n");
    assert!(note.to_lowercase().contains("merged upstream"), "{note}");
    let note = talk(&bench, &mirror, 2).await.join("\n");
    assert!(
        note.contains(all[3]["html_url"].as_str().unwrap()),
        "{note}"
    );
    assert!(talk(&bench, &mirror, 3).await.is_empty());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_newer_nothing_is_opened() {
    let bench = Bench::healthy().await;
    let said = run(&bench, "recipe-upgrade", &["sandbox-current"], &[]).await;
    assert_eq!(said.code, Some(0));
    assert!(said.text.contains("NOTHING TO UPGRADE"), "{}", said.text);
    assert_eq!(said.last("RESULT: "), None);
    let mirror = format!("{MIRRORS}/sandbox-current");
    assert!(pulls(&bench, &mirror).await.is_empty());
    bench.stop().await;
}
