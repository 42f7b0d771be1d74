//! V8a, one change at a time: what is changed in what a healthy box shows, and the clause that then must not pass.

use super::facts::RECORDED;
use crate::evidence::{Answer, Fact, Question, Sighting};
use crate::plan::bench::CALM;
use crate::plan::expect::Launching;
use crate::plan::judge;
use crate::plan::v8a::ITEM;
use crate::verdict::{Clause, Verdict};
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
        let mut work = process(id * 100 + 1, state, &["gavel", "lab", "upgrade-all"]);
        work["parent"] = json!(id * 100);
        processes.push(work);
    }
    json!({ "session": session("weekly", id.cast_unsigned()), "processes": processes })
}

fn ran(code: i32) -> Value {
    json!({ "end": { "exited": code }, "stdout": "", "stderr": "", "stdout_bytes": 0, "stderr_bytes": 0, "milliseconds": 9 })
}

/// What a build of the recipe found: its functional tests that are red.
fn results(build: u64, red: &[&str]) -> Value {
    let tests = ["stays-up", "tells-its-version"].map(|name| {
        let status = if red.contains(&name) {
            "failed"
        } else {
            "passed"
        };
        json!({ "name": name, "status": status })
    });
    json!({ "build": build, "recipe": "a", "ref": "", "pr": 3, "stages": [{ "name": "functional", "status": "failed", "tests": tests }] })
}

/// A crontab with these lines, behind one that is about something else.
fn crontab(lines: &[&str]) -> Value {
    let other = ["17 4 * * * /usr/local/bin/tidy-old-logs"];
    let lines = [&other[..], lines].concat();
    json!({ "lines": lines })
}

fn screen(text: &str) -> Value {
    json!({ "visible": text, "whole": text })
}

/// By label, in the scenario's order.
type Facts = Vec<(&'static str, Question, Value)>;

/// The identities of a session's processes, as they are asked for.
fn of(agent: &Value) -> Vec<(i32, u64)> {
    let processes = agent["processes"].as_array().cloned().unwrap_or_default();
    let pair = |process: &Value| {
        let pid = process["pid"].as_i64().unwrap();
        (
            pid.try_into().unwrap(),
            process["started"].as_u64().unwrap(),
        )
    };
    processes.iter().map(pair).collect()
}

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
    let recorded = RECORDED
        .iter()
        .find(|lab| lab.name == "whole-healthy")
        .unwrap();
    let mut expect = recorded.facts("V1").unwrap().answer("expectations").clone();
    expect["launching"] = serde_json::to_value(launching).unwrap();
    expect["upgrading"]["recipes"]["stale"] = json!("a");
    let harness = expect["upgrading"]["harness"].as_str().unwrap().to_owned();
    let others = json!([session("builder", 1), session("weekly-notes", 2)]);
    let ours = "400 bash /bin/upgrader-agent --remote-control weekly\n401 gavel lab upgrade-all";
    let boss = "1 claude --remote-control boss";
    let build =
        json!([{ "number": 13, "status": "failure", "params": { "RECIPE": "a", "PR": "3" } }]);
    let asked = |label: &'static str, question: Question, answer: Value| (label, question, answer);
    let see = |label, answer| asked(label, Question::Expectations, answer);
    let sessions = |label, answer| asked(label, Question::Sessions, answer);
    let looked = |label, answer| {
        let session = "weekly".into();
        asked(label, Question::Agent { session }, answer)
    };
    let shown = |label, text: &str| {
        let session = "weekly".into();
        asked(label, Question::Screen { session }, screen(text))
    };
    let call = |label| {
        let environment = vec![("RECIPES".into(), "a".into())];
        let command = vec!["/srv/launch-upgrader.sh".into()];
        let question = Question::Run {
            command,
            environment,
        };
        asked(label, question, ran(0))
    };
    let gone = |label, before: &Value| {
        let processes = of(before);
        asked(label, Question::Running { processes }, json!([]))
    };
    let pulls = |label| {
        let repository = harness.clone();
        asked(label, Question::Pulls { repository }, json!([]))
    };
    let text = Question::Text {
        path: "SKILL.md".into(),
    };
    let skill =
        "It runs as `weekly`.\n\nSaturdays cron calls `launch-upgrader.sh start` (`0 3 * * 6`).";
    vec![
        see("expectations", expect),
        asked("skill", text, json!(skill)),
        asked(
            "clock",
            Question::Clock,
            json!({ "zone": "UTC", "offsets": [0, 0] }),
        ),
        asked("crontab", Question::Crontab, crontab(&[])),
        sessions("before", others.clone()),
        see("set.a.before.builds", json!(12)),
        pulls("set.a.before.harness.pulls"),
        sessions("dry.before", others.clone()),
        call("dry"),
        sessions(
            "dry.after",
            json!([
                session("builder", 1),
                session("weekly", 3),
                session("weekly-notes", 2)
            ]),
        ),
        looked("dry.agent", agent(3, None)),
        looked("dry.end", agent(3, None)),
        shown("dry.screen", "CANDIDATE a 1.0.0 -> 1.1.0"),
        call("live"),
        looked("live.agent", agent(4, None)),
        gone("live.gone", &agent(3, None)),
        looked("live.busy", agent(4, Some("S"))),
        call("again"),
        looked("again.agent", agent(4, Some("R"))),
        see("orchestrator.none.list", json!(ours)),
        see("orchestrator.none", ran(1)),
        see("orchestrator.alone.list", json!(boss)),
        see("orchestrator.alone", ran(0)),
        see("orchestrator.after.list", json!(format!("{ours}\n{boss}"))),
        see("orchestrator.after", ran(0)),
        see("orchestrator.before.list", json!(format!("{boss}\n{ours}"))),
        see("orchestrator.before", ran(0)),
        looked("again.later", agent(4, Some("S"))),
        looked("live.end", agent(4, None)),
        shown("live.screen", SUMMARY),
        see("live.quiet", json!(600)),
        shown("live.still.screen", SUMMARY),
        looked("live.still", agent(4, None)),
        asked("live.builds", Question::Builds { after: 12 }, build),
        asked(
            "live.results",
            Question::Results { build: 13 },
            results(13, &["tells-its-version"]),
        ),
        looked("idle.before", agent(4, None)),
        sessions("idle.others", others.clone()),
        call("idle.stop"),
        gone("idle.gone", &agent(4, None)),
        sessions("idle.after", others.clone()),
        call("cron"),
        looked("cron.agent", agent(5, None)),
        shown("cron.screen", "CANDIDATE a 1.0.0 -> 1.1.0"),
        call("third"),
        looked("third.busy", agent(6, Some("S"))),
        looked("wedged", agent(6, Some("T"))),
        call("rescue"),
        looked("rescue.agent", agent(7, None)),
        gone("rescue.gone", &agent(6, Some("T"))),
        looked("rescue.busy", agent(7, Some("S"))),
        call("fresh"),
        looked("fresh.agent", agent(8, None)),
        gone("fresh.gone", &agent(7, Some("S"))),
        looked("fresh.busy", agent(8, Some("S"))),
        looked("end.before", agent(8, Some("S"))),
        sessions("end.others", others.clone()),
        call("end.stop"),
        gone("end.gone", &agent(8, Some("S"))),
        sessions("end.after", others),
        pulls("set.a.after.harness.pulls"),
        asked(CALM, Question::Calm, json!([])),
    ]
}

fn verdicts(facts: &Facts) -> BTreeMap<String, Verdict> {
    let clauses = judged(facts).into_iter();
    clauses.map(|clause| (clause.id, clause.verdict)).collect()
}

fn judged(facts: &Facts) -> Vec<Clause> {
    let mut chain: Vec<Fact> = Vec::new();
    for (label, question, value) in facts {
        let sighting = Sighting {
            label: (*label).to_owned(),
            question: question.clone(),
            asked: "this machine".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            watch: None,
            answer: Answer::Seen(value.clone()),
        };
        let fact = Fact::chain(sighting, chain.last());
        chain.push(fact);
    }
    judge(&ITEM, &chain)
}

#[test]
fn a_healthy_box_passes() {
    for (clause, verdict) in verdicts(&healthy()) {
        assert_eq!(verdict, Verdict::Pass, "{clause}");
    }
}

fn set(facts: &mut Facts, label: &str, value: Value) {
    let known = facts.iter_mut().find(|(known, ..)| *known == label);
    known.unwrap_or_else(|| panic!("{label}")).2 = value;
}

/// What a call of the launcher, with what came of it, is asked anew about: a session with these processes.
fn asks_of(facts: &mut Facts, label: &str, before: &Value) {
    let known = facts.iter_mut().find(|(known, ..)| *known == label);
    known.unwrap_or_else(|| panic!("{label}")).1 = Question::Running {
        processes: of(before),
    };
}

#[test]
fn without_a_fact_no_more_passes_than_with_it() {
    for at in 0..healthy().len() {
        let mut facts = healthy();
        let (label, ..) = facts.remove(at);
        // Only what the scenario alone needs, and the table of outages, are in no clause's way.
        let passing = verdicts(&facts)
            .values()
            .filter(|verdict| **verdict == Verdict::Pass)
            .count();
        let is_needed = ![CALM, "third", "third.busy"].contains(&label);
        assert_eq!(passing < 11, is_needed, "{label}");
    }
}

#[test]
fn what_is_about_something_else_proves_nothing() {
    for at in 0..healthy().len() {
        let mut facts = healthy();
        let (label, question, _) = &mut facts[at];
        let label = *label;
        if *question == Question::Expectations {
            continue;
        }
        *question = Question::LatestBuild;
        for (clause, verdict) in verdicts(&facts) {
            assert_ne!(
                verdict,
                Verdict::Fail,
                "{clause}: {label} is about something else"
            );
        }
        let passing = verdicts(&facts)
            .values()
            .filter(|it| **it == Verdict::Pass)
            .count();
        let is_needed = ![CALM, "before", "clock", "third", "third.busy"].contains(&label);
        assert_eq!(passing < 11, is_needed, "{label}");
    }
}

/// Labels are the scenario's own; who reads a finding is told when something was, and what.
#[test]
fn findings_speak_of_calls_and_not_of_labels() {
    let failed = json!({ "end": { "exited": 1 }, "stdout": "", "stderr": "", "stdout_bytes": 0, "stderr_bytes": 0, "milliseconds": 0 });
    for at in 0..healthy().len() {
        let mut facts = healthy();
        let (label, question, value) = &mut facts[at];
        let label = *label;
        *value = match question {
            // What is called like what it calls cannot be told apart.
            _ if label == "fresh" => continue,
            Question::Run { .. } => failed.clone(),
            Question::Agent { .. } | Question::Screen { .. } => Value::Null,
            _ => continue,
        };
        for clause in judged(&facts) {
            let quoted = [format!("`{label}`"), "`$".to_owned()];
            let speaks = quoted
                .iter()
                .find(|quoted| clause.seen.contains(quoted.as_str()));
            assert_eq!(speaks, None, "{}: {}", clause.id, clause.seen);
        }
    }
}

#[test]
fn somebody_elses_session_blocks_everything_but_the_text() {
    for look in ["before", "dry.before"] {
        let mut facts = healthy();
        set(&mut facts, look, json!([session("weekly", 2)]));
        for (clause, verdict) in verdicts(&facts) {
            let expected = if clause == "V8a.11" {
                Verdict::Pass
            } else {
                Verdict::Blocked
            };
            assert_eq!(verdict, expected, "{look}: {clause}");
        }
    }
}

/// A launcher that cannot be started says nothing about what it would do.
#[test]
fn a_launcher_that_is_not_there_blocks() {
    let mut facts = healthy();
    let missing = json!({ "end": { "not_started": "no such file" }, "stdout": "", "stderr": "", "stdout_bytes": 0, "stderr_bytes": 0, "milliseconds": 0 });
    for (_, question, value) in &mut facts {
        if matches!(question, Question::Run { .. }) {
            *value = missing.clone();
        }
    }
    for (clause, verdict) in verdicts(&facts) {
        let of_launcher = [
            "V8a.1", "V8a.3", "V8a.4", "V8a.5", "V8a.6", "V8a.7", "V8a.9", "V8a.10",
        ];
        if of_launcher.contains(&clause.as_str()) {
            assert_eq!(verdict, Verdict::Blocked, "{clause}");
        }
    }
}

#[test]
fn one_change_and_the_clause_that_finds_it() {
    let own = agent(4, None)["processes"][0].clone();
    let with = |id: u32, processes: Value| json!({ "session": session("weekly", id), "processes": processes });
    let below = |pid: i32, parent: i32, args: &[&str]| {
        let mut process = process(pid, "S", args);
        process["parent"] = json!(parent);
        process
    };
    let with_tests = with(
        4,
        json!([own, below(401, 400, &["upgrade-all", "--with-tests"])]),
    );
    let told = |text: &str| {
        with(
            4,
            json!([
                process(400, "S", &["claude", "--remote-control", "weekly", text]),
                below(401, 400, &["x"])
            ]),
        )
    };
    let unnamed = with(
        4,
        json!([
            process(400, "S", &["agent", "--remote-control"]),
            below(401, 400, &["x"])
        ]),
    );
    // A shell that starts what can be viewed is no agent, and what it starts no work.
    let in_a_shell = with(
        4,
        json!([
            process(399, "S", &["sh", "-c", "agent"]),
            below(400, 399, &["agent", "--remote-control=weekly"])
        ]),
    );
    let other_work = with(4, json!([own, below(402, 400, &["upgrade-all"])]));
    let respawned = with(7, agent(6, Some("S"))["processes"].clone());
    let stopped = with(7, agent(7, Some("T"))["processes"].clone());
    let still_runs = json!([process(300, "S", &["x"])]);
    let only = |names: &[(&str, u32)]| {
        let sessions = names.iter().map(|(name, id)| session(name, *id));
        Value::Array(sessions.collect())
    };
    let built = |status: &str, recipe: &str, pull: &str| json!([{ "number": 13, "status": status, "params": { "RECIPE": recipe, "PR": pull } }]);
    let (mut halted, mut ended) = (agent(4, None), agent(4, None));
    halted["processes"][0]["state"] = json!("T");
    ended["session"]["dead"] = json!(true);
    let mut before_it = built("failure", "a", "3");
    before_it[0]["number"] = json!(12);
    let mut restarted = built("success", "a", "3");
    restarted[0]["trigger"] = json!("maintainer");
    restarted[0]["sender"] = json!("bridge");
    let mut of_two = built("failure", "a", "3");
    let Value::Array(builds) = &mut of_two else {
        panic!("no builds")
    };
    builds
        .push(json!({ "number": 14, "status": "success", "params": { "RECIPE": "b", "PR": "4" } }));
    let types = |line: &str| screen(&format!("{line}\n{SUMMARY}"));
    let zone = |offsets: [i32; 2]| json!({ "zone": "Europe/Berlin", "offsets": offsets });
    let (fail, unsure, blocked, pass) = (
        Verdict::Fail,
        Verdict::Inconclusive,
        Verdict::Blocked,
        Verdict::Pass,
    );
    let table: Vec<(&str, &str, Value, Verdict)> = vec![
        ("V8a.1", "dry", ran(3), fail),
        ("V8a.1", "dry.agent", Value::Null, fail),
        ("V8a.1", "live.busy", unnamed, fail),
        ("V8a.1", "live.busy", in_a_shell.clone(), pass),
        (
            "V8a.1",
            "dry.after",
            only(&[("builder", 1), ("weekly", 3)]),
            fail,
        ),
        (
            "V8a.1",
            "dry.after",
            only(&[("weekly", 3), ("weekly-notes", 2)]),
            pass,
        ),
        ("V8a.2", "live.busy", agent(4, None), fail),
        ("V8a.2", "live.busy", in_a_shell, fail),
        ("V8a.2", "live.end", Value::Null, fail),
        ("V8a.2", "live.end", agent(9, None), fail),
        ("V8a.2", "live.end", agent(4, Some("S")), fail),
        ("V8a.2", "live.end", agent(4, Some("Z")), pass),
        ("V8a.2", "live.end", halted, fail),
        ("V8a.2", "live.end", ended, fail),
        ("V8a.2", "live.still", agent(4, Some("S")), fail),
        ("V8a.2", "live.still.screen", screen("x"), fail),
        ("V8a.2", "live.screen", screen("x"), fail),
        ("V8a.2", "live.screen", Value::Null, fail),
        ("V8a.2", "live.builds", json!([]), fail),
        ("V8a.2", "live.builds", before_it, fail),
        ("V8a.2", "live.builds", built("failure", "b", "3"), fail),
        ("V8a.2", "live.builds", built("failure", "a", "33"), fail),
        ("V8a.2", "live.builds", built("running", "a", "3"), fail),
        ("V8a.2", "live.builds", restarted, fail),
        ("V8a.2", "live.builds", built("success", "a", "3"), pass),
        ("V8a.2", "set.a.before.builds", json!(13), unsure),
        ("V8a.3", "again", ran(1), fail),
        ("V8a.3", "again.agent", Value::Null, fail),
        ("V8a.3", "again.agent", agent(9, Some("S")), fail),
        ("V8a.3", "again.later", Value::Null, fail),
        ("V8a.3", "again.later", agent(9, Some("S")), fail),
        ("V8a.3", "again.later", agent(4, None), unsure),
        ("V8a.3", "again.agent", other_work, unsure),
        ("V8a.4", "live", ran(3), fail),
        ("V8a.4", "live.agent", Value::Null, fail),
        ("V8a.4", "live.agent", agent(3, None), fail),
        ("V8a.4", "live.gone", still_runs.clone(), fail),
        ("V8a.4", "dry.end", agent(3, Some("S")), unsure),
        ("V8a.4", "dry.end", Value::Null, blocked),
        ("V8a.5", "wedged", agent(6, Some("S")), unsure),
        ("V8a.5", "wedged", agent(6, None), unsure),
        ("V8a.5", "rescue.agent", agent(6, Some("T")), fail),
        ("V8a.5", "rescue.agent", respawned, fail),
        ("V8a.5", "rescue.agent", Value::Null, fail),
        ("V8a.5", "rescue.gone", still_runs.clone(), fail),
        ("V8a.5", "rescue.busy", agent(7, None), fail),
        ("V8a.6", "rescue.busy", agent(7, None), unsure),
        ("V8a.6", "rescue.busy", stopped, unsure),
        ("V8a.6", "fresh.agent", agent(7, Some("S")), fail),
        ("V8a.6", "fresh.gone", still_runs.clone(), fail),
        ("V8a.6", "fresh.busy", agent(8, None), fail),
        ("V8a.7", "live.busy", with_tests.clone(), fail),
        ("V8a.7", "again.agent", with_tests, fail),
        (
            "V8a.7",
            "live.busy",
            told("Run /upgrade-all --x --with-tests."),
            fail,
        ),
        ("V8a.7", "live.busy", told("--x --with-tests"), fail),
        (
            "V8a.7",
            "live.busy",
            told("Run /upgrade-all. Never --with-tests."),
            pass,
        ),
        ("V8a.7", "dry.screen", screen(SUMMARY), fail),
        ("V8a.7", "dry.screen", screen("nothing"), fail),
        ("V8a.7", "dry.screen", screen("CANDIDATE b 1 -> 2"), fail),
        ("V8a.7", "dry.screen", Value::Null, unsure),
        (
            "V8a.7",
            "live.screen",
            types("> /upgrade-all --with-tests"),
            fail,
        ),
        (
            "V8a.7",
            "live.screen",
            types("weekly: upgrade-all --quiet --with-tests."),
            fail,
        ),
        (
            "V8a.7",
            "live.screen",
            types("It is never run with --with-tests, such as `upgrade-all --with-tests`."),
            pass,
        ),
        (
            "V8a.7",
            "live.screen",
            screen(&format!("{SUMMARY}\nNext: upgrade-all --with-tests")),
            pass,
        ),
        // Where no test is stale, it would have shown in nothing.
        ("V8a.7", "live.builds", json!([]), unsure),
        ("V8a.7", "live.builds", built("success", "a", "3"), unsure),
        ("V8a.7", "live.builds", built("running", "a", "3"), unsure),
        ("V8a.7", "live.builds", built("failure", "b", "3"), unsure),
        ("V8a.7", "live.builds", of_two, pass),
        ("V8a.7", "live.results", results(13, &[]), unsure),
        ("V8a.7", "live.results", results(13, &["stays-up"]), unsure),
        (
            "V8a.7",
            "live.results",
            results(13, &["stays-up", "tells-its-version"]),
            unsure,
        ),
        (
            "V8a.7",
            "live.results",
            results(12, &["tells-its-version"]),
            unsure,
        ),
        ("V8a.8", "orchestrator.none", ran(0), fail),
        ("V8a.8", "orchestrator.none", ran(3), fail),
        ("V8a.8", "orchestrator.alone", ran(1), fail),
        ("V8a.8", "orchestrator.after", ran(1), fail),
        ("V8a.8", "orchestrator.before", ran(1), fail),
        ("V8a.8", "orchestrator.none.list", json!(""), unsure),
        (
            "V8a.8",
            "orchestrator.before.list",
            json!("1 claude --remote-control boss"),
            unsure,
        ),
        ("V8a.9", "cron", ran(3), fail),
        ("V8a.9", "cron.agent", agent(4, None), fail),
        ("V8a.9", "cron.agent", Value::Null, fail),
        ("V8a.9", "cron.screen", screen("nothing"), fail),
        ("V8a.9", "cron.screen", Value::Null, unsure),
        ("V8a.9", "cron.screen", screen(SUMMARY), pass),
        ("V8a.9", "clock", zone([3600, 7200]), fail),
        ("V8a.9", "clock", zone([0, 3600]), fail),
        ("V8a.10", "idle.stop", ran(1), fail),
        ("V8a.10", "end.stop", ran(1), fail),
        ("V8a.10", "idle.gone", still_runs.clone(), fail),
        ("V8a.10", "end.gone", still_runs, fail),
        (
            "V8a.10",
            "end.after",
            only(&[("builder", 1), ("weekly-notes", 2), ("up-old", 8)]),
            fail,
        ),
        (
            "V8a.10",
            "end.after",
            only(&[("builder", 1), ("weekly-notes", 2), ("weekly", 9)]),
            fail,
        ),
        ("V8a.10", "end.after", json!([]), fail),
        ("V8a.10", "idle.after", only(&[("builder", 1)]), fail),
        ("V8a.10", "end.after", only(&[("weekly-notes", 2)]), unsure),
        (
            "V8a.10",
            "end.after",
            only(&[("builder", 9), ("weekly-notes", 2)]),
            unsure,
        ),
        ("V8a.10", "end.others", only(&[("a", 21), ("b", 22)]), fail),
        ("V8a.10", "end.others", only(&[("a", 21)]), unsure),
        ("V8a.10", "idle.before", Value::Null, pass),
        (
            "V8a.11",
            "skill",
            json!("`weekly`, `launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("cron calls `launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`; cron calls `/upgrade-all`\n\n`launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`; cron calls `launch-upgrader.sh start` (`0 3 * * 0`)"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`; on Sundays cron calls `launch-upgrader.sh start`"),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!("`weekly`; cron calls `launch-upgrader.sh start`"),
            pass,
        ),
        (
            "V8a.11",
            "skill",
            json!(
                "`weekly`; cron calls `/upgrade-all`. By hand it is\n`launch-upgrader.sh start`."
            ),
            fail,
        ),
        (
            "V8a.11",
            "skill",
            json!(
                "`weekly` runs `/upgrade-all`. cron does not call `/upgrade-all`. It calls `launch-upgrader.sh start`."
            ),
            pass,
        ),
    ];
    for (clause, label, value, verdict) in table {
        let mut facts = healthy();
        set(&mut facts, label, value.clone());
        let got = verdicts(&facts)[clause];
        assert_eq!(got, verdict, "{clause}: {label} is {value}");
    }
}

/// Its work had ended after the second `start`, and nothing shows that the run came to its end.
#[test]
fn a_run_that_was_interrupted_is_told_from_one_that_ended() {
    let mut facts = healthy();
    set(&mut facts, "again.later", agent(4, None));
    assert_eq!(verdicts(&facts)["V8a.3"], Verdict::Inconclusive);
    set(&mut facts, "live.screen", screen("^C"));
    assert_eq!(verdicts(&facts)["V8a.3"], Verdict::Fail);
}

/// What replaced a run at work fails the clause about that, and not the one about how a run ends.
#[test]
fn a_run_that_was_replaced_may_still_end_well() {
    let mut facts = healthy();
    set(&mut facts, "live.busy", agent(9, Some("S")));
    let got = verdicts(&facts);
    assert_eq!((got["V8a.2"], got["V8a.3"]), (Verdict::Pass, Verdict::Fail));
}

/// A name that is wrong by hand is wrong from cron too: that is one finding.
#[test]
fn a_name_is_compared_with_what_it_is_by_hand() {
    let mut unnamed = agent(5, None);
    unnamed["processes"][0]["args"] = json!(["agent", "--remote-control", "other"]);
    let mut facts = healthy();
    set(&mut facts, "cron.agent", unnamed.clone());
    assert_eq!(verdicts(&facts)["V8a.9"], Verdict::Fail);
    for label in ["dry.agent", "idle.before"] {
        let mut other = unnamed.clone();
        let known = healthy();
        let agent = known.iter().find(|(label, ..)| *label == "dry.agent");
        other["session"] = agent.unwrap().2["session"].clone();
        set(&mut facts, label, other.clone());
        if label == "idle.before" {
            asks_of(&mut facts, "idle.gone", &other);
        }
    }
    assert_eq!(verdicts(&facts)["V8a.9"], Verdict::Pass);
}

/// A screen that shows nothing of the real run either says nothing about the dry one.
#[test]
fn a_screen_that_is_cleared_says_nothing_of_arguments() {
    let mut facts = healthy();
    for label in [
        "dry.screen",
        "live.screen",
        "live.still.screen",
        "cron.screen",
    ] {
        set(&mut facts, label, screen("it has ended"));
    }
    let got = verdicts(&facts);
    assert_eq!(got["V8a.2"], Verdict::Fail);
    assert_eq!(got["V8a.7"], Verdict::Inconclusive);
    assert_eq!(got["V8a.9"], Verdict::Inconclusive);
}

#[test]
fn the_schedule_is_the_plans_and_calls_the_launcher() {
    for line in [
        "0 3 * * * /srv/launch-upgrader.sh start",
        "0 3 * * 0 /srv/launch-upgrader.sh start",
        "0 5 * * 6 /srv/launch-upgrader.sh start",
        "0 3 1-7 * 6 /srv/launch-upgrader.sh start",
        "0 3 * * 6 /srv/upgrade-all",
        "0 3 * * 6 /srv/launch-upgrader.sh fresh",
        "0 3 * * 6 /srv/launch-upgrader.sh fresh >> /var/log/upgrader.log 2>&1",
        "0 3 * * 6 cd /srv && claude -p /upgrade-all",
        "0 3 * * 6 cd /srv; /srv/launch-upgrader.sh fresh | logger",
        "0 3 * * 0 /srv/launch-upgrader.sh start | logger",
    ] {
        assert_eq!(scheduled(line), Verdict::Fail, "{line}");
    }
    for line in [
        "0 3 * * SAT /srv/launch-upgrader.sh start",
        "0 3 * * 6 /srv/launch-upgrader.sh start >> /var/log/upgrader.log 2>&1",
        "0 3 * * 6 /srv/launch-upgrader.sh start >/dev/null 2>&1",
    ] {
        assert_eq!(scheduled(line), Verdict::Pass, "{line}");
    }
    // What only a shell understands was not tried, whatever it would do.
    for line in [
        "0 3 * * 6 /srv/launch-upgrader.sh start && true",
        "0 3 * * 6 cd /srv && ./launch-upgrader.sh start",
        "0 3 * * 6 /srv/launch-upgrader.sh start | logger",
        "0 3 * * 6 /srv/launch-upgrader.sh start > log-$(date) 2>&1",
    ] {
        assert_eq!(scheduled(line), Verdict::Inconclusive, "{line}");
    }
}

/// A set without the recipe of which a test goes stale shows nothing of `--with-tests`.
#[test]
fn a_set_in_which_no_test_goes_stale_says_nothing_of_with_tests() {
    for stale in [json!("b"), Value::Null] {
        let mut facts = healthy();
        facts[0].2["upgrading"]["recipes"]["stale"] = stale;
        facts[0].2["upgrading"]["recipes"]
            .as_object_mut()
            .unwrap()
            .retain(|_, recipe| !recipe.is_null());
        let clauses = judged(&facts);
        let clause = clauses.iter().find(|clause| clause.id == "V8a.7").unwrap();
        assert_eq!(clause.verdict, Verdict::Inconclusive);
        assert!(clause.seen.contains("`sandbox.all`"), "{}", clause.seen);
    }
}

/// Others open pull requests in the harness with the same account, and none about tests of the sandbox. Where nobody saw what one changes,
/// it cannot be told.
#[test]
fn a_pull_request_in_the_harness_is_the_runs_where_it_is_about_the_sandbox() {
    for (file, verdict) in [
        (Some("tests/a/test_serves.py"), Verdict::Fail),
        (Some("runner/report.py"), Verdict::Inconclusive),
        (None, Verdict::Inconclusive),
    ] {
        let mut facts = healthy();
        let pulls = facts.iter().find(|(label, ..)| *label == PULLS).unwrap();
        let Question::Pulls { repository } = pulls.1.clone() else {
            panic!("{PULLS}")
        };
        let label: &'static str = format!("set.a.files.{repository}.5").leak();
        let question = Question::PullFiles {
            repository,
            number: 5,
        };
        if let Some(file) = file {
            facts.push((label, question, json!([{ "filename": file }])));
        }
        let pull = json!([{ "number": 5, "user": { "login": "flow" }, "state": "open", "head": { "sha": "a" }, "base": { "sha": "b" } }]);
        set(&mut facts, PULLS, pull);
        assert_eq!(verdicts(&facts)["V8a.7"], verdict, "{file:?}");
    }
}

const PULLS: &str = "set.a.after.harness.pulls";

/// Whether cron heeds that, nobody knows.
#[test]
fn a_crontab_that_names_utc_leaves_a_machine_of_another_zone_in_doubt() {
    const LINE: &str = "0 3 * * 6 /srv/launch-upgrader.sh start";
    for (lines, verdict) in [
        (&["CRON_TZ=UTC", LINE][..], Verdict::Inconclusive),
        (&["CRON_TZ=Europe/Berlin", LINE], Verdict::Fail),
        (&["CRON_TZ=", LINE], Verdict::Fail),
        (&["NAME=UTC", LINE], Verdict::Fail),
        (&[LINE], Verdict::Fail),
    ] {
        let mut facts = healthy();
        let clock = json!({ "zone": "Europe/Berlin", "offsets": [3600, 7200] });
        set(&mut facts, "clock", clock);
        set(&mut facts, "crontab", crontab(lines));
        assert_eq!(verdicts(&facts)["V8a.9"], verdict, "{lines:?}");
    }
}

/// What is installed already is what was tried, once, in UTC; where nothing is, that comes once all is verified.
#[test]
fn the_crontab_holds_what_is_configured_or_nothing() {
    const LINE: &str = "0 3 * * 6 /srv/launch-upgrader.sh start";
    let (fail, pass) = (Verdict::Fail, Verdict::Pass);
    let table: &[(&[&str], Verdict)] = &[
        (&[], pass),
        (&[LINE], pass),
        (&["  0  3 * * 6\t/srv/launch-upgrader.sh  start"], pass),
        (
            &["0 3 * * sat /srv/launch-upgrader.sh start >>log 2>&1"],
            pass,
        ),
        (&["# 0 3 * * 0 /srv/launch-upgrader.sh start", LINE], pass),
        (&["MAILTO=upgrade-all@example.org", LINE], pass),
        (&["0 5 * * * /srv/launch-upgrader.sh-backup"], pass),
        (&[LINE, LINE], fail),
        (&[LINE, "0 5 * * 6 /srv/launch-upgrader.sh start"], fail),
        (&["0 3 * * 0 /srv/launch-upgrader.sh start"], fail),
        (&["@weekly /srv/launch-upgrader.sh start"], fail),
        (&["0 3 * * 6 /srv/launch-upgrader.sh fresh"], fail),
        (&["0 3 * * 6 /old/launch-upgrader.sh start"], fail),
        (&["0 3 * * 6 claude -p '/upgrade-all'"], fail),
        (&["CRON_TZ=Europe/Berlin", LINE], fail),
        (&["TZ = \"Europe/Berlin\"", LINE], fail),
        (&["CRON_TZ=Europe/Berlin", "CRON_TZ=UTC", LINE], pass),
        (&["CRON_TZ='Etc/UTC'", LINE], pass),
        (&[LINE, "CRON_TZ=Europe/Berlin"], pass),
    ];
    for (lines, verdict) in table {
        let mut facts = healthy();
        set(&mut facts, "crontab", crontab(lines));
        assert_eq!(verdicts(&facts)["V8a.9"], *verdict, "{lines:?}");
    }
    // A line that only a shell understands is compared as it stands.
    let line = "0 3 * * 6 cd /srv && ./launch-upgrader.sh start";
    let mut facts = healthy();
    facts[0].2["launching"]["schedule"] = json!(line);
    set(&mut facts, "crontab", crontab(&[line]));
    assert_eq!(verdicts(&facts)["V8a.9"], Verdict::Inconclusive);
    set(&mut facts, "crontab", crontab(&[LINE]));
    assert_eq!(verdicts(&facts)["V8a.9"], Verdict::Fail);
}

/// V8a.9, where this line is to stand in the crontab.
fn scheduled(line: &str) -> Verdict {
    let mut facts = healthy();
    facts[0].2["launching"]["schedule"] = json!(line);
    verdicts(&facts)["V8a.9"]
}

/// The skill's text is prose: what it says is told from how it is written, and what could mean either is in doubt.
#[test]
fn the_text_is_read_as_prose() {
    const CALLED: &str = "Saturdays cron calls `launch-upgrader.sh start`.";
    let beside = |other: &str| format!("It is `weekly`. {CALLED}\n\n{other}");
    let (fail, unsure, pass) = (Verdict::Fail, Verdict::Inconclusive, Verdict::Pass);
    let table = [
        // Descriptions and further explanations.
        (
            beside("The weekly cron runs this as the `weekly` agent; by hand: `/upgrade-all [--dry-run]`"),
            pass,
        ),
        (
            beside("Cron starts the `weekly` agent, which runs `/upgrade-all`."),
            pass,
        ),
        (beside("People look at the pull requests on Mondays."), pass),
        (
            "`weekly`; Saturdays cron calls `launch-upgrader.sh start`. People look on Monday.".into(),
            pass,
        ),
        // However it is written.
        ("`WEEKLY`. **Cron**: `launch-upgrader.sh start`".into(), pass),
        (
            "`weekly`; CRON calls `launch-upgrader.sh` `start`".into(),
            pass,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh\n  start`, Saturdays".into(),
            pass,
        ),
        (
            "`weekly`\n\n```\n0 3 * * 6 /srv/launch-upgrader.sh start\n```".into(),
            pass,
        ),
        (
            "`weekly`\n\n```\n0 4 * * 6 /srv/launch-upgrader.sh start\n```".into(),
            fail,
        ),
        // Days.
        (
            "`weekly`; cron calls `launch-upgrader.sh start`. For cron that is Monday".into(),
            fail,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh start` on Saturdays, so the pull requests are there on Monday".into(),
            unsure,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh start` (`0 3 * * 6`), so they are there on Monday".into(),
            unsure,
        ),
        (
            "`weekly`; every Sunday cron calls `launch-upgrader.sh start` (`0 3 * * 6`)".into(),
            fail,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh start` on Monday".into(),
            fail,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh start`. That is on Mondays.".into(),
            unsure,
        ),
        (
            "`weekly`; cron calls `launch-upgrader.sh start` (`0 3 * * 6`, no more `0 4 * * 6`)".into(),
            unsure,
        ),
        // Who calls what.
        (beside("Cron calls `/upgrade-all` itself."), unsure),
        (beside("Cron runs `weekly`, which runs `/upgrade-all`."), pass),
        (beside("`/upgrade-all` comes by cron."), unsure),
        (
            "`weekly`\n\nCron itself as `weekly` calls `/upgrade-all`. By hand: `launch-upgrader.sh start`".into(),
            fail,
        ),
        (
            "`weekly`\n\nCron calls the weekly skill `/upgrade-all`. By hand: `launch-upgrader.sh start`".into(),
            fail,
        ),
        (beside("Cron never calls `/upgrade-all`."), pass),
        (
            "`weekly`\n\n`/upgrade-all` is run by cron. By hand: `launch-upgrader.sh start`".into(),
            fail,
        ),
        (
            "`weekly`\n\n- Cron invokes the skill `/upgrade-all`\n- `launch-upgrader.sh start`".into(),
            fail,
        ),
        (
            "`weekly`\n\n## Cron\n\n`launch-upgrader.sh start`".into(),
            unsure,
        ),
        ("`weekly`\n\n`launch-upgrader.sh start`".into(), fail),
        ("`weekly`; cron calls `launch-upgrader.sh fresh`".into(), fail),
    ];
    for (text, expected) in table {
        let mut facts = healthy();
        set(&mut facts, "skill", json!(text));
        assert_eq!(verdicts(&facts)["V8a.11"], expected, "{text}");
    }
}
