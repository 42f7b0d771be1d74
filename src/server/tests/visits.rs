//! Pages for people and JSON for programs: what is there, what is not, and that nobody's words become markup.

use super::*;
use crate::evidence::{Answer, Question, Sighting};
use crate::store::{RunOptions, RunState};
use crate::verdict::{Clause, Verdict};
use jiff::Timestamp;
use std::collections::BTreeMap;

const EVIL: &str = "<script>alert('x')</script>";

/// A run with one judged attempt, in which everything that others can have written is evil.
async fn evil_run(gavel: &Gavel) -> u64 {
    let store = &gavel.store;
    gavel
        .deliver("issue_comment", &said(1, "maintainer", "/verify V1"))
        .await;
    let command = store.waiting_commands(1).await.unwrap().remove(0).id;
    let options = RunOptions::default();
    let run = store.queue_run(command, EVIL, &["V1"], options, "n0nce");
    let run = run.await.unwrap();
    store.run_state(run, RunState::Running).await.unwrap();
    let attempt = store.open_attempt(run, "V1").await.unwrap().id;
    let sighting = Sighting {
        label: format!("green.{EVIL}"),
        question: Question::Post {
            repository: MIRROR.into(),
            number: 1,
            account: "outsider".into(),
            body: EVIL.into(),
        },
        asked: format!("POST {EVIL}"),
        at: Timestamp::now(),
        watch: None,
        answer: Answer::Seen(json!({ "body": EVIL })),
    };
    store.record_fact(attempt, sighting).await.unwrap();
    let clause = Clause {
        id: "V1.1".into(),
        verdict: Verdict::Fail,
        seen: format!("somebody wrote {EVIL}"),
        mend: EVIL.into(),
        evidence: vec![1],
    };
    store.attempt_judged(attempt, &[clause]).await.unwrap();
    run
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let gavel = Gavel::start().await;
    let nowhere = [
        "/runs/1",
        "/runs/latest",
        "/runs/latest.json",
        "/runs/1.json",
        "/runs/-1",
        "/runs/99999999999999999999",
        "/runs/x'%20or%20'1",
        "/runs/1/REVIEW-5.md",
        "/runs/latest/evidence.json",
        "/runs/1/V1/1",
        "/elsewhere",
    ];
    for path in nowhere {
        assert_eq!(gavel.get(path).await.0, 404, "{path}");
    }
    assert_eq!(gavel.get("/").await.0, 200);
    assert_eq!(gavel.get("/healthz").await, (StatusCode::OK, "ok\n".into()));

    let run = evil_run(&gavel).await;
    for path in ["secret", "V2/1", "V1/2", "V1/x", "../../gavel.toml"] {
        let path = format!("/runs/{run}/{path}");
        assert_eq!(gavel.get(&path).await.0, 404, "{path}");
    }
    let (status, _) = gavel.get("/hooks/gitea").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    gavel.stop().await;
}

#[tokio::test]
async fn nobodys_words_become_markup() {
    let gavel = Gavel::start().await;
    let run = evil_run(&gavel).await;
    for path in [
        "/".into(),
        format!("/runs/{run}"),
        format!("/runs/{run}/V1/1"),
    ] {
        let (status, page) = gavel.get(&path).await;
        assert_eq!(status, 200, "{path}");
        assert!(!page.contains("<script"), "{path}: {page}");
    }
    let (_, page) = gavel.get(&format!("/runs/{run}/V1/1")).await;
    // Its label, its question, whom it was put to, its answer, and twice in the clause.
    let page = page.replace("&#60;", "&lt;").replace("&#62;", "&gt;");
    assert_eq!(page.matches("&lt;script&gt;").count(), 6, "{page}");
    gavel.stop().await;
}

#[tokio::test]
async fn programs_are_told_the_run_in_short_and_in_full() {
    let gavel = Gavel::start().await;
    let run = evil_run(&gavel).await;
    let json = async |path: &str| -> Value { gavel.get(path).await.1.parse().unwrap() };
    let mut short = json("/runs/latest.json").await;
    for place in ["/seconds", "/items/V1/seconds"] {
        assert!(short.pointer_mut(place).unwrap().take().is_f64(), "{place}");
    }
    assert_eq!(
        short,
        json!({
            "run": run,
            "state": "running",
            "verdict": null,
            "items": {"V1": {"verdict": "FAIL", "seconds": null, "attempts": 1, "clauses": {"V1.1": "FAIL"}}},
            "guardrails": {},
            "findings": [{"id": "F1", "clause": "V1.1", "title": format!("somebody wrote {EVIL}")}],
            "tracking_issue": "http://127.0.0.1:1/maintainers/verification/issues/1",
            "progress_comment": null,
            "report_comment": null,
            "seconds": null,
        })
    );
    let full = json(&format!("/runs/{run}/evidence.json")).await;
    let fact = &full["attempts"][0]["facts"][0];
    assert_eq!(fact["answer"]["seen"]["body"], EVIL);
    assert_eq!(fact["digest"], full["attempts"][0]["chain_head"]);
    let (status, report) = gavel.get("/runs/latest/REVIEW-5.md").await;
    assert!(status == 200 && report.contains("V1.1"), "{report}");
    gavel.stop().await;
}

/// The metrics' numbers, by name.
async fn numbers(gavel: &Gavel) -> BTreeMap<String, i64> {
    let (status, text) = gavel.get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn metrics_tell_how_it_is() {
    let gavel = Gavel::start().await;
    let before = numbers(&gavel).await;
    assert_eq!(before["gavel_storable"], 1);
    assert_eq!(before["gavel_commands_waiting"], 0);
    assert_eq!(before["gavel_webhook_last_delivery_timestamp_seconds"], 0);
    assert_eq!(before["gavel_catch_up_timestamp_seconds"], 0);

    let command = said(31, "maintainer", "/verify V1");
    gavel.deliver("issue_comment", &command).await;
    let run = evil_run(&gavel).await;
    gavel.store.run_state(run, RunState::Running).await.unwrap();
    let attempt = gavel.store.open_attempt(run, "V1").await.unwrap();
    gavel.store.begin_step(attempt.id, "green").await.unwrap();
    let after = numbers(&gavel).await;
    for (name, value) in [
        ("gavel_deliveries_total{outcome=\"command\"}", 2),
        ("gavel_run", i64::try_from(run).unwrap()),
        ("gavel_run_stuck", 0),
        ("gavel_webhook_silent", 0),
        ("gavel_comments_unwritten", 0),
        ("gavel_resources_open", 0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name} in {after:#?}");
    }
    assert!(after["gavel_commands_waiting"] >= 1, "{after:#?}");
    // Between two attempts, and while all is closed, it is the last step that counts.
    gavel.store.attempt_judged(attempt.id, &[]).await.unwrap();
    let step = "gavel_run_step_timestamp_seconds";
    assert_eq!(numbers(&gavel).await[step], after[step]);
    for name in [
        "gavel_run_started_timestamp_seconds",
        "gavel_run_step_timestamp_seconds",
        "gavel_webhook_last_delivery_timestamp_seconds",
    ] {
        assert!(after[name] > 1_700_000_000, "{name} in {after:#?}");
    }
    gavel.stop().await;
}
