//! V8a, one change at a time: what is changed in what a healthy box shows, and the clause that then must not pass.

use super::facts::RECORDED;
use crate::evidence::{Answer, Fact, Question, Sighting};
use crate::plan::bench::CALM;
use crate::plan::expect::Launching;
use crate::plan::judge;
use crate::plan::v8a::ITEM;
use crate::verdict::Verdict;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SUMMARY: &str = "CANDIDATE a 1.0.0 -> 1.1.0\n===== SUMMARY =====\n# Upgrade summary\n- a: http://forge/m/a/pulls/3 — SUCCESS";

fn process(pid: i32, state: &str, args: &[&str]) -> Value {
    json!({ "pid": pid, "parent": 1, "group": pid, "state": state, "ticks": 1, "started": pid, "args": args })
}

fn session(name: &str, id: u32) -> Value {
    json!({ "id": format!("${id}"), "name": name, "created": 1_780_000_000 + id, "pane_pid": id * 100, "dead": false })
}

/// The session with this number, with work in this state, or without.
fn agent(id: i32, work: Option<&str>) -> Value {
    let own = ["bash", "/bin/upgrader-agent", "--remote-control", "weekly"];
    let mut processes = vec![process(id * 100, "S", &own)];
    if let Some(state) = work {
        processes.push(process(
            id * 100 + 1,
            state,
            &["gavel", "lab", "upgrade-all"],
        ));
    }
    json!({ "session": session("weekly", id.cast_unsigned()), "processes": processes })
}

fn ran(code: i32) -> Value {
    json!({ "end": { "exited": code }, "stdout": "", "stderr": "", "stdout_bytes": 0, "stderr_bytes": 0, "milliseconds": 9 })
}

fn screen(text: &str) -> Value {
    json!({ "visible": text, "whole": text })
}

/// By label, in the scenario's order.
type Facts = Vec<(&'static str, Value)>;

fn healthy() -> Facts {
    let launching = Launching {
        session: "weekly".into(),
        remote_control: "weekly".into(),
        launcher: vec!["/srv/launch-upgrader.sh".into()],
        schedule: "0 3 * * 6 /srv/launch-upgrader.sh start".into(),
        orchestrator: "claude --remote-control boss".into(),
        recipes: vec!["a".into()],
        candidate: r"^CANDIDATE (?<recipe>\S+) (?<from>\S+) -> (?<to>\S+)$".into(),
        summary: "^===== SUMMARY =====$".into(),
    };
    let recorded = RECORDED.iter().find(|lab| lab.name == "healthy").unwrap();
    let mut expect = recorded.facts("V1").unwrap().answer("expectations").clone();
    expect["launching"] = serde_json::to_value(launching).unwrap();
    let others = json!([session("builder", 1), session("up-notes", 2)]);
    let ours = "300 bash upgrader-agent --remote-control weekly";
    let boss = "1 claude --remote-control boss";
    vec![
        ("expectations", expect),
        (
            "skill",
            json!("It runs as `weekly`; cron calls `launch-upgrader.sh start` at `0 3 * * 6`."),
        ),
        ("before", others.clone()),
        ("dry", ran(0)),
        ("dry.end", agent(3, None)),
        ("dry.screen", screen("CANDIDATE a 1.0.0 -> 1.1.0")),
        ("live", ran(0)),
        ("live.busy", agent(4, Some("S"))),
        ("again", ran(0)),
        ("again.agent", agent(4, Some("R"))),
        ("orchestrator.none.list", json!(ours)),
        ("orchestrator.none", ran(1)),
        ("orchestrator.alone.list", json!(boss)),
        ("orchestrator.alone", ran(0)),
        ("orchestrator.after.list", json!(format!("{ours}\n{boss}"))),
        ("orchestrator.after", ran(0)),
        ("orchestrator.before.list", json!(format!("{boss}\n{ours}"))),
        ("orchestrator.before", ran(0)),
        ("live.end", agent(4, None)),
        ("live.screen", screen(SUMMARY)),
        ("live.quiet", json!(600)),
        ("live.still.screen", screen(SUMMARY)),
        ("live.still", agent(4, None)),
        ("cron", ran(0)),
        ("cron.end", agent(5, None)),
        ("third", ran(0)),
        ("third.busy", agent(6, Some("S"))),
        ("wedged", agent(6, Some("T"))),
        ("rescue", ran(0)),
        ("rescue.busy", agent(7, Some("S"))),
        ("fresh", ran(0)),
        ("fresh.end", agent(8, None)),
        ("stop.before", agent(8, None)),
        ("stop", ran(0)),
        ("stop.running", json!([])),
        ("stop.sessions", others),
        (CALM, json!([])),
    ]
}

fn verdicts(facts: &Facts) -> BTreeMap<String, Verdict> {
    let mut chain: Vec<Fact> = Vec::new();
    for (label, value) in facts {
        let sighting = Sighting {
            label: (*label).to_owned(),
            question: Question::Sessions,
            asked: "this machine".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            watch: None,
            answer: Answer::Seen(value.clone()),
        };
        let fact = Fact::chain(sighting, chain.last());
        chain.push(fact);
    }
    let clauses = judge(&ITEM, &chain);
    clauses
        .into_iter()
        .map(|clause| (clause.id, clause.verdict))
        .collect()
}

#[test]
fn a_healthy_box_passes() {
    for (clause, verdict) in verdicts(&healthy()) {
        assert_eq!(verdict, Verdict::Pass, "{clause}");
    }
}

#[test]
fn without_a_fact_no_more_passes_than_with_it() {
    for at in 0..healthy().len() {
        let mut facts = healthy();
        let (label, _) = facts.remove(at);
        // Only the table of outages, and the screens and times between, are in no clause's way.
        let passing = verdicts(&facts)
            .values()
            .filter(|verdict| **verdict == Verdict::Pass)
            .count();
        assert!(passing < 11 || [CALM, "third"].contains(&label), "{label}");
    }
}

#[test]
fn somebody_elses_session_blocks_everything_but_the_text() {
    let mut facts = healthy();
    facts[2].1 = json!([session("weekly", 2)]);
    for (clause, verdict) in verdicts(&facts) {
        let expected = if clause == "V8a.11" {
            Verdict::Pass
        } else {
            Verdict::Blocked
        };
        assert_eq!(verdict, expected, "{clause}");
    }
}

#[test]
fn one_change_and_the_clause_that_finds_it() {
    let with_tests = json!({ "session": session("weekly", 4), "processes":
        [process(400, "S", &["upgrader-agent", "--remote-control", "weekly"]), process(401, "S", &["upgrade-all", "--with-tests"])] });
    let unnamed = json!({ "session": session("weekly", 4), "processes":
        [process(400, "S", &["upgrader-agent", "--remote-control"]), process(401, "S", &["x"])] });
    let respawned =
        json!({ "session": session("weekly", 7), "processes": agent(6, Some("S"))["processes"] });
    let other_work = json!({ "session": session("weekly", 4), "processes":
        [agent(4, None)["processes"][0], process(402, "S", &["upgrade-all"])] });
    let changed = [
        ("live.still.screen", screen("x")),
        ("live.screen", screen("x")),
    ];
    let [still, gone] = changed;
    let fail = Verdict::Fail;
    let unsure = Verdict::Inconclusive;
    let table: Vec<(&str, &str, Value, Verdict)> = vec![
        ("V8a.1", "dry", ran(3), fail),
        ("V8a.1", "dry.end", Value::Null, fail),
        ("V8a.1", "live.busy", unnamed, fail),
        ("V8a.2", "live.busy", agent(4, None), fail),
        ("V8a.2", "live.end", Value::Null, fail),
        ("V8a.2", "live.end", agent(9, None), fail),
        ("V8a.2", "live.end", agent(4, Some("S")), fail),
        ("V8a.2", "live.still", agent(4, Some("S")), fail),
        ("V8a.2", still.0, still.1, fail),
        ("V8a.2", gone.0, gone.1, fail),
        ("V8a.3", "again", ran(1), fail),
        ("V8a.3", "again.agent", Value::Null, fail),
        ("V8a.3", "again.agent", agent(9, Some("S")), fail),
        ("V8a.3", "again.agent", other_work, fail),
        ("V8a.3", "again.agent", agent(4, None), unsure),
        ("V8a.4", "live.busy", agent(3, Some("S")), fail),
        ("V8a.4", "dry.end", agent(3, Some("S")), unsure),
        ("V8a.5", "wedged", agent(6, Some("S")), unsure),
        ("V8a.5", "wedged", agent(6, None), unsure),
        ("V8a.5", "rescue.busy", agent(6, Some("S")), fail),
        ("V8a.5", "rescue.busy", respawned, fail),
        ("V8a.5", "rescue.busy", Value::Null, fail),
        ("V8a.6", "rescue.busy", agent(7, None), unsure),
        ("V8a.6", "fresh.end", agent(7, Some("S")), fail),
        ("V8a.7", "live.busy", with_tests.clone(), fail),
        ("V8a.7", "again.agent", with_tests, fail),
        ("V8a.7", "dry.screen", screen(SUMMARY), fail),
        ("V8a.7", "dry.screen", screen("nothing"), fail),
        ("V8a.8", "orchestrator.none", ran(0), fail),
        ("V8a.8", "orchestrator.none", ran(3), fail),
        ("V8a.8", "orchestrator.alone", ran(1), fail),
        ("V8a.8", "orchestrator.after", ran(1), fail),
        ("V8a.8", "orchestrator.before", ran(1), fail),
        ("V8a.8", "orchestrator.none.list", json!(""), unsure),
        ("V8a.9", "cron", ran(3), fail),
        ("V8a.9", "cron.end", agent(4, None), fail),
        ("V8a.9", "cron.end", Value::Null, fail),
        ("V8a.10", "stop", ran(1), fail),
        (
            "V8a.10",
            "stop.running",
            json!([process(800, "S", &["x"])]),
            fail,
        ),
        (
            "V8a.10",
            "stop.sessions",
            json!([session("builder", 1), session("up-old", 8)]),
            fail,
        ),
        ("V8a.10", "stop.sessions", json!([]), fail),
        (
            "V8a.10",
            "stop.sessions",
            json!([session("builder", 1)]),
            unsure,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`, `launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`0 3 * * 6`, `launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`, `0 3 * * 6` `/upgrade-all`"),
            fail,
        ),
    ];
    for (clause, label, value, verdict) in table {
        let mut facts = healthy();
        let at = facts.iter().position(|(known, _)| *known == label).unwrap();
        facts[at].1 = value.clone();
        assert_eq!(
            verdicts(&facts)[clause],
            verdict,
            "{clause}: {label} is {value}"
        );
    }
}

#[test]
fn the_schedule_is_the_plans_and_calls_the_launcher() {
    for line in [
        "0 3 * * * /srv/launch-upgrader.sh start",
        "0 3 * * 0 /srv/launch-upgrader.sh start",
        "0 3 * * 6 /srv/upgrade-all",
        "0 3 * * 6 /srv/launch-upgrader.sh fresh",
        "0 3 * * 6 /srv/launch-upgrader.sh start && true",
    ] {
        let mut facts = healthy();
        facts[0].1["launching"]["schedule"] = json!(line);
        assert_eq!(verdicts(&facts)["V8a.9"], Verdict::Fail, "{line}");
    }
}
