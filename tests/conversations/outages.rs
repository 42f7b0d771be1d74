//! Servers that are not there for a while, or for too long: Gavel says what it waits for, and never takes silence for an answer.

use crate::lab::{Lab, TRACKING};
use crate::proxy::Proxy;

/// The lab, with Gavel behind a proxy that can close the way to one of the servers.
async fn behind_a_proxy(server: &str, patience: &str) -> (Lab, Proxy) {
    let mut lab = Lab::without_gavel().await;
    let proxy = Proxy::start(lab.place(server)).await;
    lab.configure("outage", &format!("{patience:?}"));
    lab.start_gavel(&[("http_proxy", &proxy.url)]).await;
    (lab, proxy)
}

async fn a_pull_request(lab: &Lab) {
    lab.until("a pull request", async || {
        lab.pulls().await.first().copied()
    })
    .await;
}

#[tokio::test]
async fn while_drone_is_away_gavel_says_so_and_then_goes_on() {
    let (lab, proxy) = behind_a_proxy("drone_url", "60s").await;
    lab.say("maintainer", "/verify V1").await;
    a_pull_request(&lab).await;
    proxy.close();
    let waiting = lab.slot("run-1", "Waiting").await;
    let line = waiting.lines().find(|line| line.contains("Waiting"));
    assert!(line.unwrap().contains("Waiting: Drone at"), "{waiting}");
    // Commands are answered as ever.
    assert!(lab.talk("/status").await.contains("is running"));
    assert_eq!(lab.run(1).await["state"], "running");

    proxy.open();
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    let progress = lab.slot("run-1", "✅ Run 1").await;
    assert!(!progress.contains("Waiting"), "{progress}");
    lab.assert_clean().await;
}

/// When the issue was last read.
async fn caught_up(lab: &Lab) -> Option<u64> {
    let metrics = String::from_utf8(lab.file("/metrics").await).unwrap();
    let mut lines = metrics.lines();
    let number = lines.find_map(|line| line.strip_prefix("gavel_catch_up_timestamp_seconds "));
    Some(number.unwrap().parse().unwrap()).filter(|read| *read > 0)
}

#[tokio::test]
async fn a_token_that_the_forge_refuses_is_told_from_a_calm_issue() {
    let mut lab = Lab::without_gavel().await;
    let token = lab.path(&lab.configured("forge", "token_file"));
    let good = std::fs::read(&token).unwrap();
    std::fs::write(&token, "0123456789abcdef0123456789abcdef01234567").unwrap();
    lab.start_gavel(&[]).await;
    lab.until("the log says it", async || {
        let log = std::fs::read_to_string(lab.path("logs/gavel.log")).unwrap();
        let mut lines = log.lines();
        let error = lines.find(|line| line.contains("the forge refuses Gavel's token"));
        error.map(|error| assert!(error.contains("ERROR"), "{error}"))
    })
    .await;
    assert_eq!(caught_up(&lab).await, None);
    lab.gavel().stop();
    std::fs::write(&token, good).unwrap();
    lab.start_gavel(&[]).await;
    lab.until("the issue was read", async || caught_up(&lab).await)
        .await;
}

#[tokio::test]
async fn a_drone_that_stays_away_leaves_the_verdict_open() {
    let (lab, proxy) = behind_a_proxy("drone_url", "1s").await;
    proxy.close();
    lab.say("maintainer", "/verify V1 V2").await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "INCONCLUSIVE", "{run:#}");
    assert_eq!(run["items"]["V1"]["verdict"], "INCONCLUSIVE", "{run:#}");
    assert_eq!(run["items"]["V2"]["verdict"], "BLOCKED", "{run:#}");
    let clauses = run["items"]["V1"]["clauses"].as_object().unwrap();
    assert!(
        clauses.values().all(|verdict| verdict == "INCONCLUSIVE"),
        "{run:#}"
    );
    let verdict = lab.slot("run-1-V1-1", "INCONCLUSIVE").await;
    assert!(verdict.contains("Drone"), "{verdict}");
    lab.assert_clean().await;
}

/// What stays away while Drone does is nobody's fault, also where Gavel was away meanwhile, too.
#[tokio::test]
async fn an_outage_before_a_restart_is_not_forgotten() {
    let mut lab = Lab::broken(&["bridge-not-enrolled"]).await;
    let proxy = Proxy::start(lab.place("drone_url")).await;
    lab.configure("outage", "\"60s\"");
    let environment = [("http_proxy", &*proxy.url)];
    lab.start_gavel(&environment).await;
    lab.say("maintainer", "/verify V1").await;
    a_pull_request(&lab).await;
    proxy.close();
    lab.slot("run-1", "Waiting").await;
    lab.gavel().kill();
    proxy.open();
    lab.start_gavel(&environment).await;
    let run = lab.ended(1).await;
    let verdict = &run["items"]["V1"]["clauses"]["V1.1"];
    assert_eq!(verdict, "INCONCLUSIVE", "{run:#}");
    let told = lab.slot("run-1-V1-1", "that may be due to an outage").await;
    assert!(told.contains("Drone"), "{told}");
    lab.assert_clean().await;
}

#[tokio::test]
async fn a_forge_that_is_away_for_a_while_costs_a_while() {
    let (lab, proxy) = behind_a_proxy("forge_url", "60s").await;
    lab.say("maintainer", "/verify V1").await;
    a_pull_request(&lab).await;
    proxy.close();
    proxy.refuses(3).await;
    // Webhooks still come: a command is on record, and answered when the forge is back.
    let asked = lab.say("maintainer", "/status").await;
    proxy.refuses(3).await;
    proxy.open();
    let answers = lab.answers(TRACKING, 1, asked, 1).await;
    assert!(answers[0].contains("Run 1"), "{answers:?}");
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    lab.slot("run-1", "✅ Run 1").await;
    lab.assert_clean().await;
}
