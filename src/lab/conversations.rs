//! What people and programs say to the lab, and what it answers: the gate and the helper, healthy and broken.
//!
//! Where `GAVEL_TEST_GITEA` names a Gitea program, every conversation is held on that server instead of the lab's forge.

mod faults;
mod flow;
mod others;
mod sandbox;

use super::bridge::Mode;
use super::client::Api;
use super::faults::Faults;
use super::folder::Folder;
use super::provision::{MIRRORS, RECIPE, SUITE};
use super::settings::Pace;
use super::world::{Options, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Nothing here takes this long on a machine that works.
const LIMIT: Duration = Duration::from_secs(60);

struct Bench {
    world: World,
    drone: Api,
    /// As the helper gets them in its environment.
    faults: String,
}

struct Pull {
    number: i64,
    head: String,
}

struct Said {
    verdict: String,
    build: String,
    code: i32,
}

impl Bench {
    async fn start(mode: Mode, faults: &[&str]) -> Bench {
        Bench::with(mode, faults, false).await
    }

    async fn with(mode: Mode, faults: &[&str], others: bool) -> Bench {
        let faults: Vec<String> = faults.iter().map(|name| (*name).to_owned()).collect();
        let gitea = std::env::var_os("GAVEL_TEST_GITEA").map(Into::into);
        let options = Options {
            faults: Faults::new(&faults).unwrap(),
            gitea,
            mode,
            pace: Pace::lab(),
            others,
            hooks: None,
        };
        let world = World::start(&options, Folder::new(None, false).unwrap())
            .await
            .unwrap();
        let drone = Api::service(&world.places.drone).with_token(&world.places.drone_token);
        Bench {
            world,
            drone,
            faults: options.faults.line(),
        }
    }

    async fn healthy() -> Bench {
        Bench::start(Mode::Poll, &[]).await
    }

    fn forge(&self, login: &str) -> Api {
        self.world.forge_as(login).unwrap()
    }

    fn mirror(path: &str) -> String {
        format!("/repos/{MIRRORS}/{RECIPE}{path}")
    }

    async fn open(&self, branch: &str) -> Pull {
        let body = json!({ "title": branch, "head": branch, "base": "main" });
        let pull = self
            .forge("gavel")
            .post(&Bench::mirror("/pulls"), body)
            .await
            .unwrap();
        Pull {
            number: pull["number"].as_i64().unwrap(),
            head: pull["head"]["sha"].as_str().unwrap().to_owned(),
        }
    }

    async fn comment(&self, pull: &Pull, login: &str, text: &str) {
        let path = Bench::mirror(&format!("/issues/{}/comments", pull.number));
        self.forge(login)
            .post(&path, json!({ "body": text }))
            .await
            .unwrap();
    }

    async fn comments(&self, pull: &Pull) -> Vec<(String, String)> {
        let path = Bench::mirror(&format!("/issues/{}/comments", pull.number));
        let all = self.forge("gavel").get(&path).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let comments = all.as_array().unwrap();
        comments
            .iter()
            .map(|one| (text(&one["user"]["login"]), text(&one["body"])))
            .collect()
    }

    /// The states of the gate's statuses on a head, oldest first, each with its address.
    async fn statuses(&self, pull: &Pull) -> Vec<(String, String)> {
        let path = Bench::mirror(&format!("/commits/{}/statuses", pull.head));
        let mut all = self.forge("gavel").list(&path).await.unwrap();
        all.sort_by_key(|status| status["id"].as_i64());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.iter()
            .map(|status| (text(&status["status"]), text(&status["target_url"])))
            .collect()
    }

    /// Newest first.
    async fn builds(&self) -> Vec<Value> {
        let path = format!("/api/repos/{SUITE}/builds?per_page=100");
        self.drone
            .get(&path)
            .await
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }

    async fn build(&self, number: i64) -> Value {
        self.drone
            .get(&format!("/api/repos/{SUITE}/builds/{number}"))
            .await
            .unwrap()
    }

    /// What the suite printed.
    async fn log(&self, number: i64) -> String {
        let path = format!("/api/repos/{SUITE}/builds/{number}/logs/1/2");
        let lines = self.drone.get(&path).await.unwrap();
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["out"].as_str().unwrap()).collect()
    }

    async fn until_build_is(&self, number: i64, status: &str) {
        until(&format!("build {number} is {status}"), async || {
            self.builds()
                .await
                .iter()
                .any(|build| build["number"] == number && build["status"] == status)
        })
        .await;
    }

    async fn until_status_is(&self, pull: &Pull, state: &str) {
        until(&format!("the status is {state}"), async || {
            self.statuses(pull)
                .await
                .last()
                .is_some_and(|status| status.0 == state)
        })
        .await;
    }

    /// The bridge's comment, once its trailer says this state.
    async fn result_comment(&self, pull: &Pull, state: &str) -> String {
        let wanted = format!("state={state} ");
        let said = async || {
            let comments = self.comments(pull).await;
            comments
                .into_iter()
                .find(|(who, text)| who == "bridge" && text.contains(&wanted))
        };
        until(&format!("the bridge's comment says {state}"), async || {
            said().await.is_some()
        })
        .await;
        said().await.unwrap().1
    }

    async fn helper(&self, pull: &Pull, post: u8, max_wait: u32) -> Said {
        let mut command = Command::new(self.world.folder.path("bin/testme-on-pr.sh"));
        command
            .args([RECIPE, &pull.number.to_string()])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("FORGE_URL", &self.world.places.forge)
            .env(
                "FORGE_TOKEN",
                &self.world.provisioned.account("flow").unwrap().token,
            )
            .env("DRONE_URL", &self.world.places.drone)
            .env("DRONE_TOKEN", &self.world.places.drone_token)
            .env("LAB_FAULTS", &self.faults)
            .env("POST", post.to_string())
            .env("MAX_WAIT", max_wait.to_string())
            .env("INTERVAL", "0.1")
            .kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output())
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |key: &str| {
            let found: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix(key))
                .collect();
            assert_eq!(
                found.len(),
                1,
                "{text:?} {:?}",
                String::from_utf8_lossy(&output.stderr)
            );
            found[0].to_owned()
        };
        Said {
            verdict: value("VERDICT="),
            build: value("BUILD="),
            code: output.status.code().unwrap(),
        }
    }

    fn page(&self, build: i64) -> String {
        format!("{}/{SUITE}/{build}", self.world.places.drone)
    }

    fn deployed(&self) -> usize {
        std::fs::read_dir(self.world.folder.path("deploys"))
            .unwrap()
            .count()
    }

    async fn stop(self) {
        self.world.stop().await;
    }
}

/// The failed tests of a build's results, as stage and name.
fn failed(results: &Value) -> Vec<String> {
    let mut failed = Vec::new();
    for stage in results["stages"].as_array().unwrap() {
        let tests = stage["tests"].as_array().unwrap().iter();
        for test in tests.filter(|test| test["status"] == "failed") {
            failed.push(format!("{}/{}", stage["name"], test["name"]).replace('"', ""));
        }
    }
    failed
}

async fn until(what: &str, happened: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !happened().await {
        assert!(began.elapsed() < LIMIT, "waited {LIMIT:?} until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_collaborators_trigger_is_built_and_reported(mode: Mode) {
    let bench = Bench::start(mode, &[]).await;
    let pull = bench.open("known-green").await;
    bench.comment(&pull, "gavel", "!testme").await;
    bench.until_build_is(1, "success").await;
    bench.until_status_is(&pull, "success").await;

    let build = bench.build(1).await;
    assert_eq!(build["event"], "custom");
    assert_eq!(
        build["params"],
        json!({ "PR": pull.number.to_string(), "RECIPE": RECIPE, "REF": pull.head })
    );
    let page = bench.page(1);
    let expected = ["pending", "success"].map(|state| (state.to_owned(), page.clone()));
    assert_eq!(bench.statuses(&pull).await, expected);

    let comment = bench.result_comment(&pull, "success").await;
    assert!(comment.starts_with("<!-- cc-ci:testme -->"), "{comment}");
    assert!(
        comment.contains(&format!("passed: [build 1]({page})")),
        "{comment}"
    );
    assert_eq!(bench.comments(&pull).await.len(), 2);

    let results = Api::service(&bench.world.places.results);
    let results = results.get("/results/1/results.json").await.unwrap();
    assert_eq!(
        (&results["ref"], &results["build"]),
        (&json!(pull.head), &json!(1))
    );
    let stages: Vec<&str> = results["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["install", "upgrade", "backup", "functional"]);
    assert_eq!(bench.deployed(), 0);

    let log = bench
        .drone
        .get(&format!("/api/repos/{SUITE}/builds/1/logs/1/2"))
        .await
        .unwrap();
    let lines: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["out"].as_str().unwrap())
        .collect();
    assert!(
        lines.iter().any(|line| line.contains("abra app deploy")),
        "{lines:?}"
    );
    let page = Api::service(&bench.world.places.drone)
        .text(&format!("/{SUITE}/1"))
        .await
        .unwrap();
    assert!(page.contains("Build 1: success"), "{page}");
    assert_eq!(bench.builds().await.len(), 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_built_and_reported_when_the_bridge_polls() {
    a_collaborators_trigger_is_built_and_reported(Mode::Poll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_built_and_reported_when_the_forge_tells_the_bridge() {
    a_collaborators_trigger_is_built_and_reported(Mode::Webhook).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_red_is_red_because_of_a_test() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-red").await;
    bench.comment(&pull, "gavel", "!testme").await;
    bench.until_build_is(1, "failure").await;
    bench.until_status_is(&pull, "failure").await;
    bench.result_comment(&pull, "failure").await;

    let results = Api::service(&bench.world.places.results);
    let results = results.get("/results/1/results.json").await.unwrap();
    assert_eq!(failed(&results), ["functional/greets"]);
    assert_eq!(bench.deployed(), 0);
    bench.stop().await;
}

/// The bridge deals with comments in their order: once the control has its build, everything before it has been dealt with.
async fn outsiders_and_bad_triggers_start_nothing(mode: Mode) {
    let bench = Bench::start(mode, &[]).await;
    let pull = bench.open("known-green").await;
    bench.comment(&pull, "outsider", "!testme").await;
    for bad in [
        "!testmexyz",
        "> !testme",
        "```\n!testme\n```",
        "please !testme this",
    ] {
        bench.comment(&pull, "gavel", bad).await;
    }
    bench.comment(&pull, "flow", " !testme --quick\n").await;
    bench.until_build_is(1, "success").await;
    bench.until_status_is(&pull, "success").await;
    assert_eq!(bench.builds().await.len(), 1);
    assert_eq!(bench.statuses(&pull).await.len(), 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outsiders_and_bad_triggers_start_nothing_when_the_bridge_polls() {
    outsiders_and_bad_triggers_start_nothing(Mode::Poll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outsiders_and_bad_triggers_start_nothing_when_the_forge_tells_the_bridge() {
    outsiders_and_bad_triggers_start_nothing(Mode::Webhook).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_trigger_edits_the_same_comment() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-green").await;
    for build in 1..=2 {
        bench.comment(&pull, "gavel", "!testme").await;
        bench.until_build_is(build, "success").await;
        until("the comment is about this build", async || {
            bench
                .result_comment(&pull, "success")
                .await
                .contains(&format!("build={build} "))
        })
        .await;
    }
    let own = bench
        .comments(&pull)
        .await
        .into_iter()
        .filter(|(who, _)| who == "bridge")
        .count();
    assert_eq!(own, 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_tells_pending_then_green_and_never_posts_unasked() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-green").await;
    let nothing = bench.helper(&pull, 0, 0).await;
    assert_eq!(
        (
            nothing.verdict.as_str(),
            nothing.build.as_str(),
            nothing.code
        ),
        ("PENDING", "?", 2)
    );
    assert!(bench.comments(&pull).await.is_empty());

    let asked = bench.helper(&pull, 1, 0).await;
    assert_eq!((asked.verdict.as_str(), asked.code), ("PENDING", 2));
    bench.until_status_is(&pull, "pending").await;
    let in_flight = bench.helper(&pull, 0, 0).await;
    assert_eq!(
        (in_flight.verdict.as_str(), in_flight.build),
        ("PENDING", bench.page(1))
    );

    let green = bench.helper(&pull, 0, 60).await;
    assert_eq!(
        (green.verdict.as_str(), green.build, green.code),
        ("GREEN", bench.page(1), 0)
    );
    let posted = bench
        .comments(&pull)
        .await
        .into_iter()
        .filter(|(_, text)| text == "!testme");
    assert_eq!(posted.map(|(who, _)| who).collect::<Vec<_>>(), ["flow"]);

    // The result that is there is older than the new request.
    let again = bench.helper(&pull, 1, 0).await;
    assert_eq!(again.verdict, "PENDING");
    let green = bench.helper(&pull, 1, 60).await;
    assert_eq!(
        (green.verdict.as_str(), green.build),
        ("GREEN", bench.page(3))
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_tells_red() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-red").await;
    let red = bench.helper(&pull, 1, 60).await;
    assert_eq!(
        (red.verdict.as_str(), red.build, red.code),
        ("RED", bench.page(1), 1)
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_reads_either_place_and_only_a_mismatch_leaves_it_blind() {
    for bridge_writes in [
        "gate-comments-helper-statuses",
        "gate-statuses-helper-comments",
    ] {
        let bench = Bench::start(Mode::Poll, &[bridge_writes]).await;
        let pull = bench.open("known-green").await;
        bench.comment(&pull, "flow", "!testme").await;
        bench.until_build_is(1, "success").await;
        if bridge_writes.starts_with("gate-comments") {
            bench.result_comment(&pull, "success").await;
            assert!(bench.statuses(&pull).await.is_empty());
        } else {
            bench.until_status_is(&pull, "success").await;
            assert_eq!(bench.comments(&pull).await.len(), 1);
        }
        let said = bench.helper(&pull, 0, 0).await;
        assert_eq!(said.verdict, "PENDING", "{bridge_writes}");
        let mut healthy = bench;
        healthy.faults.clear();
        assert_eq!(
            healthy.helper(&pull, 0, 0).await.verdict,
            "GREEN",
            "{bridge_writes}"
        );
        healthy.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_build_is_an_error_and_leaves_no_deploy() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-green").await;
    bench.comment(&pull, "gavel", "!testme").await;
    // Recorded: from then on whoever tears down knows of it.
    let record = bench
        .world
        .folder
        .path("deploys")
        .join(format!("ci-{RECIPE}-1.json"));
    until("the recipe is deployed", async || record.exists()).await;
    bench
        .drone
        .delete(&format!("/api/repos/{SUITE}/builds/1"))
        .await
        .unwrap();
    bench.until_build_is(1, "killed").await;
    bench.until_status_is(&pull, "error").await;
    until("the deploy is torn down", async || bench.deployed() == 0).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_is_dropped_leaves_no_site_behind() {
    let bench = Bench::healthy().await;
    let pull = bench.open("known-green").await;
    bench.comment(&pull, "gavel", "!testme").await;
    let record = bench
        .world
        .folder
        .path("deploys")
        .join(format!("ci-{RECIPE}-1.json"));
    until("the recipe is deployed", async || record.exists()).await;
    let site: Value = serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    let site = Api::service(site["url"].as_str().unwrap());
    drop(bench);
    until("the site is gone", async || site.status("/").await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_does_not_list_cannot_be_deployed() {
    let bench = Bench::healthy().await;
    let gavel = bench.forge("gavel");
    let file = gavel
        .get(&Bench::mirror("/contents/compose.yml"))
        .await
        .unwrap();
    let compose = include_str!("files/custom-html-tiny/compose.yml").replace(":2.38.0", ":2.99.0");
    let content = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(compose)
    };
    let change = json!({ "content": content, "sha": file["sha"], "branch": "main", "new_branch": "no-such-image", "message": "Bump" });
    gavel
        .put(&Bench::mirror("/contents/compose.yml"), change)
        .await
        .unwrap();
    let pull = bench.open("no-such-image").await;
    bench.comment(&pull, "gavel", "!testme").await;
    bench.until_build_is(1, "failure").await;
    let text = bench.log(1).await;
    assert!(text.contains("the registry lists no tag 2.99.0"), "{text}");
    assert_eq!(bench.deployed(), 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_wait_for_the_one_runner() {
    let bench = Bench::start(Mode::Poll, &["bridge-fires-twice"]).await;
    let pull = bench.open("known-green").await;
    bench.comment(&pull, "gavel", "!testme").await;
    bench.until_build_is(1, "running").await;
    bench.until_build_is(2, "pending").await;
    bench.until_build_is(2, "success").await;
    let (first, second) = (bench.build(1).await, bench.build(2).await);
    assert!(
        second["started"].as_i64() >= first["finished"].as_i64(),
        "{first} {second}"
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_not_enrolled_is_not_watched() {
    let broken = Bench::start(Mode::Poll, &["bridge-not-enrolled"]).await;
    let pull = broken.open("known-green").await;
    let said = broken.helper(&pull, 1, 2).await;
    assert_eq!(
        (said.verdict.as_str(), said.build.as_str()),
        ("PENDING", "?")
    );
    assert!(broken.builds().await.is_empty());
    broken.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_lab_tells_about_itself_is_true() {
    let bench = Bench::healthy().await;
    let text = std::fs::read_to_string(bench.world.folder.path("accounts.json")).unwrap();
    let accounts: Value = serde_json::from_str(&text).unwrap();
    let forge = Api::forge(accounts["forge_url"].as_str().unwrap());
    for name in [
        "admin",
        "maintainer",
        "outsider",
        "adversary",
        "gavel",
        "flow",
        "bridge",
        "builder",
    ] {
        let account = &accounts["accounts"][name];
        let (login, token) = (
            account["login"].as_str().unwrap(),
            account["token"].as_str().unwrap(),
        );
        let who = forge.with_token(token).get("/user").await.unwrap();
        assert_eq!(who["login"].as_str(), Some(login));
        let password = account["password"].as_str().unwrap();
        let who = forge
            .with_password(login, password)
            .get("/user")
            .await
            .unwrap();
        assert_eq!(who["login"].as_str(), Some(login));
    }
    let upstream = forge
        .get("/repos/coop-cloud/custom-html-tiny/branches/main")
        .await
        .unwrap();
    let mirror = forge.get(&Bench::mirror("/branches/main")).await.unwrap();
    assert_eq!(upstream["commit"]["id"], mirror["commit"]["id"]);
    let configuration = std::fs::read_to_string(bench.world.folder.path("gavel.toml")).unwrap();
    let configuration: toml::Table = configuration.parse().unwrap();
    assert_eq!(
        configuration["drone"]["url"].as_str(),
        accounts["drone_url"].as_str()
    );
    bench.stop().await;
}
