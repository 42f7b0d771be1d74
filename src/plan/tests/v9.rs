//! V9, one change at a time.

use super::facts::{shown, verdicts};
use crate::evidence::{Answer, Fact, Question, Sighting};
use crate::plan::guardrails::{Machine, Watched, inventory};
use crate::plan::v9::ITEM;
use serde_json::{Value, json};

/// What V9 saw.
struct Seen(Vec<Sighting>);

fn machine() -> Machine {
    Machine {
        clones: Vec::new(),
        stacks: vec!["ci-tiny-".into()],
        scratch: vec!["/work".into()],
        session: Some("upgrader".into()),
    }
}

impl Seen {
    fn healthy() -> Self {
        let mut seen = Self(Vec::new());
        let made = json!([
            { "kind": "branch", "repository": "m/tiny", "name": "gavel/a", "number": null, "ended": "deleted" },
            { "kind": "pull", "repository": "m/tiny", "name": "gavel/a", "number": 7, "ended": "closed" },
            { "kind": "pull", "repository": "m/tiny", "name": "gavel/b", "number": null, "ended": "never made" },
            { "kind": "moved", "repository": "u/tiny", "name": "main", "number": null, "ended": "put back" },
        ]);
        seen.put("cleaned", Question::Cleaned, made);
        let question = Question::Branch {
            repository: "m/tiny".into(),
            branch: "gavel/a".into(),
        };
        seen.put("branch.m/tiny.gavel/a", question, Value::Null);
        let question = Question::Pull {
            repository: "m/tiny".into(),
            number: 7,
        };
        seen.put(
            "pull.m/tiny.7",
            question,
            json!({ "state": "closed", "merged": false }),
        );
        let watched = Watched {
            mirrors: [("m/tiny".into(), None)].into(),
            suite: "m/cc-ci".into(),
            gavel: "gavel".into(),
            flow: "flow".into(),
            machine: Some(machine()),
            ..Watched::default()
        };
        seen.put("watched", Question::Watched, json!(watched));
        for (what, question) in inventory(&machine()) {
            for when in ["open", "after"] {
                let answer = match what.as_str() {
                    "stacks" => json!([{ "name": "traefik" }]),
                    "volumes" => json!([{ "name": "traefik_certificates" }]),
                    "sessions" => json!([{ "id": "$1", "name": "builder" }]),
                    "crontab" => json!({ "lines": ["0 1 * * * backup"] }),
                    _ => json!(["kept"]),
                };
                seen.put(&format!("{when}.{what}"), question.clone(), answer);
            }
        }
        seen.put("calm", Question::Calm, json!([]));
        seen
    }

    fn put(&mut self, label: &str, question: Question, answer: Value) {
        self.0.push(Sighting {
            label: label.into(),
            question,
            asked: "somebody".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            watch: None,
            answer: Answer::Seen(answer),
        });
    }

    fn set(&mut self, label: &str, answer: Value) {
        let fact = self.0.iter_mut().find(|fact| fact.label == label);
        fact.unwrap_or_else(|| panic!("{label}")).answer = Answer::Seen(answer);
    }

    fn made(&mut self, change: impl Fn(&mut Vec<Value>)) {
        let Answer::Seen(Value::Array(made)) = &mut self.0[0].answer else {
            panic!("cleaned")
        };
        change(made);
    }

    fn judged(self) -> String {
        let mut facts: Vec<Fact> = Vec::new();
        for sighting in self.0 {
            let fact = Fact::chain(sighting, facts.last());
            facts.push(fact);
        }
        shown(&verdicts(&ITEM, &facts))
    }
}

#[test]
fn one_change_at_a_time() {
    type Change = fn(&mut Seen);
    let rows: &[(&str, Change, &str)] = &[
        ("nothing", |_| {}, "PASS"),
        (
            "a pull request is still open",
            |seen| seen.set("pull.m/tiny.7", json!({ "state": "open", "merged": false })),
            "FAIL V9.1",
        ),
        (
            "a pull request is merged",
            |seen| {
                seen.set(
                    "pull.m/tiny.7",
                    json!({ "state": "closed", "merged": true }),
                )
            },
            "FAIL V9.1",
        ),
        (
            "what became of a pull request is not known",
            |seen| seen.made(|made| made[1]["number"] = Value::Null),
            "INCONCLUSIVE V9.1",
        ),
        (
            "a branch is still there",
            |seen| seen.set("branch.m/tiny.gavel/a", json!({ "name": "gavel/a" })),
            "FAIL V9.2",
        ),
        (
            "what was moved is not back",
            |seen| seen.made(|made| made[3]["ended"] = Value::Null),
            "FAIL V9.2",
        ),
        (
            "another pull request was made and not looked at",
            |seen| seen.made(|made| made[2]["number"] = json!(8)),
            "INCONCLUSIVE V9.1",
        ),
        (
            "a deploy still stands",
            |seen| seen.set("after.stacks", json!([{ "name": "ci-tiny-4" }])),
            "FAIL V9.3",
        ),
        (
            "somebody else deploys",
            |seen| {
                seen.set(
                    "after.stacks",
                    json!([{ "name": "traefik" }, { "name": "wiki" }]),
                )
            },
            "PASS",
        ),
        (
            "the session is still there",
            |seen| {
                seen.set(
                    "after.sessions",
                    json!([{ "id": "$1", "name": "builder" }, { "id": "$2", "name": "upgrader" }]),
                )
            },
            "FAIL V9.4",
        ),
        (
            "the session was there before",
            |seen| {
                let sessions = json!([{ "id": "$1", "name": "upgrader" }]);
                seen.set("open.sessions", sessions.clone());
                seen.set("after.sessions", sessions);
            },
            "PASS",
        ),
        (
            "the session that was there before is another now",
            |seen| {
                seen.set("open.sessions", json!([{ "id": "$1", "name": "upgrader" }]));
                seen.set(
                    "after.sessions",
                    json!([{ "id": "$2", "name": "upgrader" }]),
                );
            },
            "FAIL V9.4; INCONCLUSIVE V9.5",
        ),
        (
            "somebody's session is gone",
            |seen| seen.set("after.sessions", json!([])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "a volume was left",
            |seen| {
                seen.set(
                    "after.volumes",
                    json!([{ "name": "traefik_certificates" }, { "name": "ci-tiny-4_content" }]),
                )
            },
            "FAIL V9.5",
        ),
        (
            "the crontab has changed",
            |seen| seen.set("after.crontab", json!({ "lines": [] })),
            "FAIL V9.5",
        ),
        (
            "a clone was left",
            |seen| seen.set("after.entries./work", json!(["kept", "clone-1"])),
            "FAIL V9.5",
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
        assert!(
            label == "calm" || seen.judged() != "PASS",
            "without {label}"
        );
    }
}
