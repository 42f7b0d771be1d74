//! The lab's Drone against a real Drone: one conversation, held with both, compared in shape.
//!
//! What the real one said is recorded under `recordings/`. Where `GAVEL_TEST_DRONE` and `GAVEL_TEST_GITEA` name binaries
//! (Drone keeps no repositories of its own), the conversation is held with them too; `GAVEL_RECORD=1` records anew.

mod contract;

use contract::drone_server::{DroneServer, TOKEN};
use contract::gitea_server::GiteaServer;
use contract::lab::Lab;
use contract::recording;
use contract::shape::{Allowed, differences};
use contract::talk::Who::{Impostor, Nobody, User};
use contract::talk::{Exchange, Step, Talk, step};
use reqwest::Method;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RECORDED: &str = "drone-2.0.4";
const OPERATOR: contract::talk::Who = User("operator");
const READER: contract::talk::Who = User("reader");
const BUILDS: &str = "/api/repos/recipe-maintainers/cc-ci/builds";
const PARAMETERS: &str = "RECIPE=custom-html-tiny&REF={ref}&PR=1";

fn get(name: &'static str, who: contract::talk::Who, path: &str) -> Step {
    step(name, who, Method::GET, path)
}

fn builds(rest: &str) -> String {
    format!("{BUILDS}{rest}")
}

/// Before anything has run.
fn asking() -> Vec<Step> {
    let create = |name, who, query: &str| step(name, who, Method::POST, &builds(query));
    vec![
        get("version", Nobody, "/version"),
        get("list-builds-none", OPERATOR, BUILDS),
        get("list-builds-as-nobody", Nobody, BUILDS),
        get("list-builds-with-wrong-token", Impostor, BUILDS),
        get(
            "list-builds-unknown-repository",
            OPERATOR,
            "/api/repos/recipe-maintainers/none/builds",
        ),
        get(
            "list-builds-unknown-repository-as-nobody",
            Nobody,
            "/api/repos/recipe-maintainers/none/builds",
        ),
        create(
            "create-build",
            OPERATOR,
            &format!("?branch=main&{PARAMETERS}"),
        )
        .keep("first", "/number"),
        create(
            "create-build-as-nobody",
            Nobody,
            &format!("?branch=main&{PARAMETERS}"),
        ),
        create(
            "create-build-with-wrong-token",
            Impostor,
            &format!("?branch=main&{PARAMETERS}"),
        ),
        create(
            "create-build-unknown-branch",
            OPERATOR,
            &format!("?branch=none&{PARAMETERS}"),
        ),
        step(
            "create-build-unknown-repository",
            OPERATOR,
            Method::POST,
            "/api/repos/recipe-maintainers/none/builds?branch=main",
        ),
        create(
            "create-second-build",
            OPERATOR,
            &format!("?branch=main&{PARAMETERS}"),
        )
        .keep("second", "/number"),
    ]
}

/// Only a real Drone can be asked these at a moment that is certain.
fn asking_while_pending() -> Vec<Step> {
    vec![
        step(
            "create-build-as-reader",
            READER,
            Method::POST,
            &builds("?branch=main"),
        ),
        get("get-build-pending", OPERATOR, &builds("/{first}")),
        get(
            "log-of-pending-build",
            OPERATOR,
            &builds("/{first}/logs/1/1"),
        ),
    ]
}

/// When both builds have ended.
fn looking_back() -> Vec<Step> {
    vec![
        get("get-build-first", OPERATOR, &builds("/{first}")),
        get("get-build-second", OPERATOR, &builds("/{second}")),
        get("list-builds", OPERATOR, &builds("?page=1&per_page=25")),
        get(
            "list-builds-one-to-a-page",
            OPERATOR,
            &builds("?page=2&per_page=1"),
        ),
        get(
            "list-builds-after-the-last-page",
            OPERATOR,
            &builds("?page=9&per_page=25"),
        ),
        get("log-of-step", OPERATOR, &builds("/{first}/logs/1/1")),
        get(
            "log-of-unknown-step",
            OPERATOR,
            &builds("/{first}/logs/1/99"),
        ),
        get(
            "log-of-unknown-stage",
            OPERATOR,
            &builds("/{first}/logs/99/1"),
        ),
        get("log-of-unknown-build", OPERATOR, &builds("/999/logs/1/1")),
        get("log-as-nobody", Nobody, &builds("/{first}/logs/1/1")),
        get("get-build-as-nobody", Nobody, &builds("/{first}")),
        get("get-build-unknown", OPERATOR, &builds("/999")),
        get("get-build-no-number", OPERATOR, &builds("/last")),
        get("account", OPERATOR, "/api/user"),
        get("account-as-nobody", Nobody, "/api/user"),
    ]
}

fn agree(recorded: &[(String, Exchange)], heard: &[(String, Exchange)], allowed: &Allowed) {
    let mut lines = Vec::new();
    for (name, heard) in heard {
        let Some((_, recorded)) = recorded.iter().find(|(known, _)| known == name) else {
            panic!("{name} was never recorded: record anew");
        };
        for found in differences(&recorded.response, &heard.response, true) {
            if !allowed.allows(name, &found) {
                lines.push(format!("{name}: {}: {}", found.at, found.what));
            }
        }
    }
    assert!(
        lines.is_empty(),
        "{} differences\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[tokio::test]
async fn a_real_drone_answers_as_recorded() {
    let binary = |variable| std::env::var_os(variable).map(PathBuf::from);
    let (Some(drone), Some(gitea)) = (binary("GAVEL_TEST_DRONE"), binary("GAVEL_TEST_GITEA"))
    else {
        eprintln!("skipped: GAVEL_TEST_DRONE and GAVEL_TEST_GITEA do not both name a binary");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let gitea = GiteaServer::start(
        &gitea,
        &dir.path().join("gitea"),
        "operator",
        "operators-own",
    )
    .await
    .unwrap();
    let drone = DroneServer::start(&drone, dir.path(), &gitea).await;
    let mut talk = Talk::new(&drone.url, "", "Bearer");
    talk.mask(&drone.url, "http://drone.example");
    talk.mask(&gitea.url(), "http://forge.example");
    talk.know("token-operator", TOKEN);
    talk.know("token-reader", "token-of-the-reader-on-drone-000");
    talk.know("ref", "83554c7abb11d1c76527273819664a57a6ff0968");
    talk.hold(asking()).await;
    talk.hold(asking_while_pending()).await;
    drone.run_next(0).await;
    drone.run_next(1).await;
    talk.hold(looking_back()).await;
    let skip = "?branch=skipped";
    talk.hold(vec![step(
        "create-build-of-ci-skip-commit",
        OPERATOR,
        Method::POST,
        &builds(skip),
    )])
    .await;
    drop(drone);
    gitea.stop().await;
    let folder = recording::folder(RECORDED).join("api");
    if std::env::var_os("GAVEL_RECORD").is_some() {
        recording::write(&folder, &talk.exchanges);
    }
    agree(
        &recording::read(&folder),
        &talk.exchanges,
        &Allowed::default(),
    );
}

#[tokio::test]
async fn the_labs_drone_answers_as_a_real_drone() {
    let lab = Lab::start().await;
    let (forge, drone) = (lab.account("/forge_url"), lab.account("/drone_url"));
    let mut talk = Talk::new(&drone, "", "Bearer");
    talk.know("token-operator", &lab.account("/drone_token"));
    let branch = format!(
        "{}/api/v1/repos/recipe-maintainers/custom-html-tiny/branches/known-green",
        forge.trim_end_matches('/')
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let branch: serde_json::Value = client
        .get(branch)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    talk.know("ref", branch["commit"]["id"].as_str().unwrap());
    talk.hold(asking()).await;
    for build in ["first", "second"] {
        wait_until_ended(
            &client,
            &drone,
            &lab.account("/drone_token"),
            &talk.variables[build],
        )
        .await;
    }
    talk.hold(looking_back()).await;
    let recorded = recording::folder(RECORDED);
    let allowed = Allowed::read(&recorded.join("lab-differs.txt"));
    agree(
        &recording::read(&recorded.join("api")),
        &talk.exchanges,
        &allowed,
    );
}

async fn wait_until_ended(client: &reqwest::Client, drone: &str, token: &str, number: &str) {
    let url = format!("{}{BUILDS}/{number}", drone.trim_end_matches('/'));
    let started = Instant::now();
    loop {
        let answer = client.get(&url).bearer_auth(token).send().await.unwrap();
        let build: serde_json::Value = answer.json().await.unwrap();
        if !matches!(build["status"].as_str(), Some("pending" | "running")) {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "build {number} does not end: {build}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
