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
        pattern: "ci-{recipe}-".into(),
        programs: vec!["launch-upgrader.sh".into()],
        scratch: vec!["/work".into()],
        session: Some("upgrader".into()),
    }
}

/// A session of this name, with this number.
fn session(name: &str, id: u32) -> Value {
    json!({ "id": format!("${id}"), "name": name, "created": 1_780_000_000 + id, "pane_pid": id * 100, "dead": false })
}

/// What is on record of the session that was launched.
fn launched() -> Value {
    json!({ "boot": "b", "at": "2026-06-01T00:00:00Z", "limit": 60, "open": false, "before": [], "sessions": [["$7", 1_780_000_007]],
        "processes": [[700, 70]], "stopped": true, "left": [] })
}

/// The run's pull request in this state.
fn pull(state: &str) -> Value {
    json!({ "number": 7, "state": state, "merged": false, "head": { "sha": "a", "ref": "gavel/a", "label": "gavel/a" },
        "base": { "sha": "b", "ref": "main", "label": "main" } })
}

/// The run's pull request, merged by this account in a repository that may detect merges.
fn merged(by: &str, detects: bool) -> Value {
    let mut pull = pull("closed");
    pull["merged"] = json!(true);
    pull["merged_by"] = json!({ "login": by });
    pull["base"]["repo"] = json!({ "full_name": "m/tiny", "autodetect_manual_merge": detects });
    pull
}

/// Something that the flow's account did.
fn act(op: &str, repository: &str, reference: &str, content: &str) -> Value {
    json!({ "id": 6, "op_type": op, "repo": { "full_name": repository }, "ref_name": reference, "content": content })
}

fn built(number: u64, recipe: &str, pull: u64, status: &str) -> Value {
    json!({ "number": number, "status": status, "params": { "RECIPE": recipe, "PR": pull.to_string() } })
}

impl Seen {
    fn healthy() -> Self {
        let mut seen = Self(Vec::new());
        let made = json!([
            { "kind": "branch", "repository": "m/tiny", "name": "gavel/a", "number": null, "ended": "deleted" },
            { "kind": "pull", "repository": "m/tiny", "name": "gavel/a", "number": 7, "ended": "closed" },
            { "kind": "pull", "repository": "m/tiny", "name": "gavel/b", "number": null, "ended": "never made" },
            { "kind": "moved", "repository": "u/tiny", "name": "main", "number": null, "ended": "put back" },
            { "kind": "session", "repository": "", "name": "upgrader", "number": null, "ended": "ended", "launched": launched() },
            { "kind": "deploys", "repository": "", "name": "sandbox", "number": null, "ended": "never made", "deployed":
                { "before": { "stacks": ["traefik"], "volumes": [] }, "builds": 40, "left": { "stacks": [], "volumes": [] } } },
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
        seen.put("pull.m/tiny.7", question, pull("closed"));
        seen.put("quiet", Question::Quiet { milliseconds: 600 }, json!(600));
        let watched = Watched {
            mirrors: [("m/tiny".into(), None)].into(),
            suite: "m/cc-ci".into(),
            gavel: "gavel".into(),
            flow: "flow".into(),
            machine: Some(machine()),
            ..Watched::default()
        };
        seen.put("watched", Question::Watched, json!(watched));
        let builds = json!([built(41, "tiny", 7, "success")]);
        seen.put("builds", Question::Builds { after: 40 }, builds);
        let account = "flow".to_owned();
        let question = Question::LatestAct {
            account: account.clone(),
        };
        seen.put("open.newest.flow", question, json!(5));
        let question = Question::Activity { account, after: 5 };
        let acts = json!([
            act("commit_repo", "m/tiny", "refs/heads/gavel/a", ""),
            act("create_pull_request", "m/tiny", "", "7|Upgrade"),
            act("commit_repo", "m/tiny", "refs/heads/main", ""),
        ]);
        seen.put("beside.acts", question, acts);
        for (what, question) in inventory(&machine()) {
            for when in ["open", "left", "after"] {
                let answer = match what.as_str() {
                    "stacks" => json!([{ "name": "traefik" }]),
                    "volumes" => json!([{ "name": "traefik_certificates" }]),
                    "sessions" => json!([session("builder", 1)]),
                    "crontab" => json!({ "lines": ["0 1 * * * backup"] }),
                    _ => json!(["kept"]),
                };
                seen.put(&format!("{when}.{what}"), question.clone(), answer);
            }
        }
        let processes = vec![(700, 70)];
        seen.put(
            "after.running.upgrader",
            Question::Running { processes },
            json!([]),
        );
        let folder = "/work".into();
        seen.put(
            "after.users./work",
            Question::Users { folder },
            json!({ "clone-2": "git clone" }),
        );
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

    fn unseen(&mut self, label: &str) {
        let fact = self.0.iter_mut().find(|fact| fact.label == label);
        fact.unwrap_or_else(|| panic!("{label}")).answer = Answer::Unseen("gone".into());
    }

    /// Cleanup found a deploy of the run's build and its volume, of an attempt that Gavel interrupted.
    fn interrupted(&mut self) {
        self.made(|made| {
            made[5]["deployed"]["left"] =
                json!({ "stacks": ["ci-tiny-41"], "volumes": ["ci-tiny-41_content"] });
            made[5]["interrupted"] = json!(true);
        });
    }

    fn did(&mut self, act: Value) {
        let fact = self.0.iter_mut().find(|fact| fact.label == "beside.acts");
        let Answer::Seen(Value::Array(acts)) = &mut fact.unwrap().answer else {
            panic!("beside.acts")
        };
        acts.push(act);
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
            |seen| seen.set("pull.m/tiny.7", pull("open")),
            "FAIL V9.1",
        ),
        (
            "the flow merged a pull request",
            |seen| seen.set("pull.m/tiny.7", merged("flow", false)),
            "FAIL V9.1",
        ),
        (
            "a person merged a pull request",
            |seen| seen.set("pull.m/tiny.7", merged("maintainer", false)),
            "INCONCLUSIVE V9.1",
        ),
        (
            "the flow's push made the forge take a pull request for merged",
            |seen| seen.set("pull.m/tiny.7", merged("flow", true)),
            "INCONCLUSIVE V9.1",
        ),
        (
            "a person merged a pull request, and another is still open",
            |seen| {
                seen.set("pull.m/tiny.7", merged("maintainer", false));
                seen.made(|made| {
                    let mut other = made[1].clone();
                    other["number"] = json!(8);
                    made.push(other);
                });
                let question = Question::Pull {
                    repository: "m/tiny".into(),
                    number: 8,
                };
                seen.put("pull.m/tiny.8", question, pull("open"));
            },
            "FAIL V9.1",
        ),
        (
            "what became of a pull request is not known",
            |seen| seen.made(|made| made[1]["number"] = Value::Null),
            "INCONCLUSIVE V9.1",
        ),
        (
            "whether anything was opened again is not known",
            |seen| seen.unseen("quiet"),
            "INCONCLUSIVE V9.1 V9.2",
        ),
        (
            "nothing was opened, so that nothing could be opened again",
            |seen| {
                seen.made(|made| {
                    made.retain(|one| one["ended"] != "deleted" && one["kind"] != "pull")
                });
                seen.set("beside.acts", json!([]));
                seen.0.retain(|fact| fact.label != "quiet");
            },
            "PASS",
        ),
        (
            "a branch is still there",
            |seen| seen.set("branch.m/tiny.gavel/a", json!({ "name": "gavel/a" })),
            "FAIL V9.2",
        ),
        (
            "what was moved is not back",
            |seen| {
                seen.made(|made| {
                    made[3]["ended"] = Value::Null;
                    made[3]["moved_to"] = json!("c0ffee");
                })
            },
            "FAIL V9.2",
        ),
        (
            "what was moved is not back, since somebody moved it on",
            |seen| {
                seen.made(|made| {
                    made[3]["ended"] = json!("moved on by somebody");
                    made[3]["moved_to"] = json!("c0ffee");
                })
            },
            "INCONCLUSIVE V9.2",
        ),
        (
            "where the run left what it moved is not known",
            |seen| seen.made(|made| made[3]["ended"] = Value::Null),
            "INCONCLUSIVE V9.2",
        ),
        (
            "what was moved is not back, and a branch is still there",
            |seen| {
                seen.made(|made| made[3]["ended"] = json!("moved on by somebody"));
                seen.set("branch.m/tiny.gavel/a", json!({ "name": "gavel/a" }));
            },
            "FAIL V9.2",
        ),
        (
            "a pull request by the flow's account is not on record",
            |seen| seen.did(act("create_pull_request", "m/cc-ci", "", "9|Wording")),
            "INCONCLUSIVE V9.1",
        ),
        (
            "a pull request of a mirror by the flow's account is not on record",
            |seen| seen.did(act("create_pull_request", "m/tiny", "", "9|Upgrade")),
            "INCONCLUSIVE V9.1",
        ),
        (
            "the flow's account opened a pull request elsewhere",
            |seen| seen.did(act("create_pull_request", "m/other", "", "9|Wording")),
            "PASS",
        ),
        (
            "the forge shows nothing of what the flow does",
            |seen| {
                seen.set("open.newest.flow", json!(0));
                seen.set("beside.acts", Value::Null);
                let fact = seen.0.iter_mut().find(|fact| fact.label == "beside.acts");
                let account = "flow".into();
                fact.unwrap().question = Question::Activity { account, after: 0 };
            },
            "INCONCLUSIVE V9.1 V9.2",
        ),
        (
            "a branch by the flow's account is not on record",
            |seen| seen.did(act("commit_repo", "m/cc-ci", "refs/heads/wording", "")),
            "INCONCLUSIVE V9.2",
        ),
        (
            "a branch of a mirror by the flow's account is not on record",
            |seen| seen.did(act("commit_repo", "m/tiny", "refs/heads/wording", "")),
            "INCONCLUSIVE V9.2",
        ),
        (
            "a branch by the flow's account is not on record, and is gone again",
            |seen| {
                seen.did(act("commit_repo", "m/cc-ci", "refs/heads/wording", ""));
                seen.did(act("delete_branch", "m/cc-ci", "refs/heads/wording", ""));
            },
            "PASS",
        ),
        (
            "a branch by the flow's account is not on record, and others are gone: one beside it, and one of its name elsewhere",
            |seen| {
                seen.did(act("commit_repo", "m/cc-ci", "refs/heads/wording", ""));
                seen.did(act("delete_branch", "m/cc-ci", "refs/heads/other", ""));
                seen.did(act("delete_branch", "m/tiny", "refs/heads/wording", ""));
            },
            "INCONCLUSIVE V9.2",
        ),
        (
            "a branch by the flow's account is not on record, was taken away, and came again",
            |seen| {
                seen.did(act("commit_repo", "m/cc-ci", "refs/heads/wording", ""));
                seen.did(act("delete_branch", "m/cc-ci", "refs/heads/wording", ""));
                seen.did(act("commit_repo", "m/cc-ci", "refs/heads/wording", ""));
            },
            "INCONCLUSIVE V9.2",
        ),
        (
            "the flow pushed a tag",
            |seen| seen.did(act("push_tag", "m/tiny", "refs/tags/9.9.9+9.9.9", "")),
            "FAIL V9.2",
        ),
        (
            "the flow pushed a tag, and took it away again",
            |seen| {
                seen.did(act("push_tag", "m/tiny", "refs/tags/9.9.9+9.9.9", ""));
                seen.did(act("delete_tag", "m/tiny", "refs/tags/9.9.9+9.9.9", ""));
            },
            "PASS",
        ),
        (
            "the flow pushed a tag, and took another away",
            |seen| {
                seen.did(act("push_tag", "m/tiny", "refs/tags/9.9.9+9.9.9", ""));
                seen.did(act("delete_tag", "m/tiny", "refs/tags/1.0.0+1.0.0", ""));
            },
            "FAIL V9.2",
        ),
        (
            "a branch that verification needs is on record to be deleted",
            |seen| {
                seen.made(|made| {
                    made[0]["ended"] = json!("not deleted, since it is none of a run's own")
                });
                seen.set("branch.m/tiny.gavel/a", json!({ "name": "gavel/a" }));
            },
            "INCONCLUSIVE V9.2",
        ),
        (
            "another pull request was made and not looked at",
            |seen| seen.made(|made| made[2]["number"] = json!(8)),
            "INCONCLUSIVE V9.1",
        ),
        (
            "a deploy was left, and removed",
            |seen| seen.set("left.stacks", json!([{ "name": "ci-tiny-41" }])),
            "FAIL V9.3",
        ),
        (
            "a deploy was left by a build that somebody killed",
            |seen| {
                seen.set("builds", json!([built(41, "tiny", 7, "killed")]));
                seen.set("left.stacks", json!([{ "name": "ci-tiny-41" }]));
            },
            "INCONCLUSIVE V9.3",
        ),
        (
            "a deploy was left with its volume, and both were removed",
            |seen| {
                seen.set("left.stacks", json!([{ "name": "ci-tiny-41" }]));
                seen.set("left.volumes", json!([{ "name": "ci-tiny-41_content" }]));
            },
            "FAIL V9.3",
        ),
        (
            "a deploy was found and removed before anybody looked",
            |seen| seen.made(|made| made[5]["deployed"]["left"]["stacks"] = json!(["ci-tiny-41"])),
            "FAIL V9.3",
        ),
        (
            "a deploy was left by what Gavel interrupted",
            |seen| {
                seen.made(|made| {
                    made[5]["deployed"]["left"]["stacks"] = json!(["ci-tiny-verify-1"]);
                    made[5]["interrupted"] = json!(true);
                });
            },
            "INCONCLUSIVE V9.3",
        ),
        (
            "a deploy was seen that what Gavel interrupted had left",
            |seen| {
                seen.interrupted();
                seen.set("left.stacks", json!([{ "name": "ci-tiny-41" }]));
            },
            "INCONCLUSIVE V9.3 V9.5",
        ),
        (
            "a deploy that what Gavel interrupted had left still stands",
            |seen| {
                seen.interrupted();
                seen.set("after.stacks", json!([{ "name": "ci-tiny-41" }]));
            },
            "FAIL V9.3; INCONCLUSIVE V9.5",
        ),
        (
            "a deploy still stands",
            |seen| seen.set("after.stacks", json!([{ "name": "ci-tiny-41" }])),
            "FAIL V9.3",
        ),
        (
            "a deploy of the recipe is there that no build of the run made",
            |seen| seen.set("after.stacks", json!([{ "name": "ci-tiny-4" }])),
            "INCONCLUSIVE V9.3",
        ),
        (
            "somebody deployed by hand a recipe that was not tested",
            |seen| {
                seen.set("builds", json!([]));
                let all = json!([{ "name": "ci-tiny-byhand" }]);
                seen.set("left.stacks", all.clone());
                seen.set("after.stacks", all);
            },
            "INCONCLUSIVE V9.3",
        ),
        (
            "a build of the run still runs",
            |seen| seen.set("builds", json!([built(41, "tiny", 7, "running")])),
            "INCONCLUSIVE V9.3 V9.5",
        ),
        (
            "deploys could not be looked at yet",
            |seen| seen.made(|made| made[5]["ended"] = Value::Null),
            "INCONCLUSIVE V9.3 V9.5",
        ),
        (
            "somebody deploys, or the flow under a name of its own",
            |seen| {
                let all = json!([{ "name": "traefik" }, { "name": "try-tiny" }]);
                seen.set("left.stacks", all.clone());
                seen.set("after.stacks", all);
                let volumes =
                    json!([{ "name": "traefik_certificates" }, { "name": "try-tiny_content" }]);
                seen.set("after.volumes", volumes);
            },
            "INCONCLUSIVE V9.5",
        ),
        (
            "what somebody deployed is gone again",
            |seen| {
                seen.set(
                    "left.stacks",
                    json!([{ "name": "traefik" }, { "name": "wiki" }]),
                )
            },
            "PASS",
        ),
        (
            "somebody has another recipe tested",
            |seen| {
                let builds = json!([
                    built(41, "tiny", 7, "success"),
                    built(42, "page", 3, "running")
                ]);
                seen.set("builds", builds);
                seen.set("left.stacks", json!([{ "name": "ci-page-42" }]));
                seen.set(
                    "after.stacks",
                    json!([{ "name": "ci-page-42" }, { "name": "ci-wiki-43" }]),
                );
                seen.set("after.volumes", json!([{ "name": "ci-page-42_content" }]));
            },
            "PASS",
        ),
        (
            "somebody else has the same recipe tested",
            |seen| {
                let builds = json!([
                    built(41, "tiny", 7, "success"),
                    built(42, "tiny", 99, "running")
                ]);
                seen.set("builds", builds);
                seen.set("left.stacks", json!([{ "name": "ci-tiny-42" }]));
                seen.set("after.stacks", json!([{ "name": "ci-tiny-42" }]));
                seen.set("after.volumes", json!([{ "name": "ci-tiny-42_content" }]));
            },
            "PASS",
        ),
        (
            "whose a deploy is cannot be told",
            |seen| {
                let builds = json!([
                    built(41, "tiny", 7, "success"),
                    built(42, "tiny", 99, "running")
                ]);
                seen.set("builds", builds);
                seen.set("left.stacks", json!([{ "name": "ci-tiny-verify-3" }]));
            },
            "INCONCLUSIVE V9.3",
        ),
        (
            "the session is still there",
            |seen| {
                seen.set(
                    "after.sessions",
                    json!([session("builder", 1), session("upgrader", 7)]),
                )
            },
            "FAIL V9.4",
        ),
        (
            "the session is still there, under another name",
            |seen| {
                let all = json!([session("builder", 1), session("old", 7)]);
                seen.set("left.sessions", all.clone());
                seen.set("after.sessions", all);
            },
            "FAIL V9.4 V9.5",
        ),
        (
            "the session was there although it had been stopped",
            |seen| seen.made(|made| made[4]["launched"]["left"] = json!(["session upgrader"])),
            "FAIL V9.4",
        ),
        (
            "the session was there since nobody had stopped it",
            |seen| {
                seen.made(|made| {
                    made[4]["launched"]["left"] = json!(["session upgrader"]);
                    made[4]["launched"]["stopped"] = json!(false);
                    made[4]["ended"] = json!("stopped");
                });
            },
            "PASS",
        ),
        (
            "the session was there since Gavel was interrupted",
            |seen| {
                seen.made(|made| {
                    made[4]["launched"]["left"] = json!(["session upgrader"]);
                    made[4]["interrupted"] = json!(true);
                });
            },
            "PASS",
        ),
        (
            "the session could not be stopped by its launcher",
            |seen| seen.made(|made| made[4]["ended"] = json!("ended by force")),
            "FAIL V9.4",
        ),
        (
            "the session could not be ended at all",
            |seen| seen.made(|made| made[4]["ended"] = Value::Null),
            "INCONCLUSIVE V9.4",
        ),
        (
            "what a session on record was is not known",
            |seen| {
                seen.made(|made| {
                    made[4]["launched"] = Value::Null;
                    made[4]["ended"] = Value::Null;
                })
            },
            "INCONCLUSIVE V9.4",
        ),
        (
            "something of the session still runs",
            |seen| {
                let left = json!([{ "pid": 700, "parent": 1, "group": 700, "state": "S", "ticks": 1, "started": 70, "args": ["x"] }]);
                seen.set("after.running.upgrader", left);
            },
            "FAIL V9.4",
        ),
        (
            "nothing was launched",
            |seen| seen.made(|made| drop(made.remove(4))),
            "PASS",
        ),
        (
            "somebody else has launched one",
            |seen| {
                seen.set(
                    "after.sessions",
                    json!([session("builder", 1), session("upgrader", 9)]),
                )
            },
            "INCONCLUSIVE V9.4",
        ),
        (
            "the session was there before",
            |seen| {
                for when in ["open", "left", "after"] {
                    seen.set(&format!("{when}.sessions"), json!([session("upgrader", 1)]));
                }
            },
            "PASS",
        ),
        (
            "the session that was there before is another now",
            |seen| {
                seen.set("open.sessions", json!([session("upgrader", 1)]));
                seen.set("after.sessions", json!([session("upgrader", 2)]));
            },
            "INCONCLUSIVE V9.4 V9.5",
        ),
        (
            "somebody's session is gone",
            |seen| seen.set("after.sessions", json!([])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "somebody's session is another by now",
            |seen| seen.set("after.sessions", json!([session("builder", 2)])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "somebody has a new session",
            |seen| {
                seen.set(
                    "after.sessions",
                    json!([session("builder", 1), session("notes", 2)]),
                )
            },
            "INCONCLUSIVE V9.5",
        ),
        (
            "a volume was left, and removed",
            |seen| seen.set("left.volumes", json!([{ "name": "ci-tiny-41_content" }])),
            "FAIL V9.5",
        ),
        (
            "a volume was found and removed before anybody looked",
            |seen| {
                seen.made(|made| {
                    made[5]["deployed"]["left"]["volumes"] = json!(["ci-tiny-41_content"])
                })
            },
            "FAIL V9.5",
        ),
        (
            "a volume is there",
            |seen| {
                seen.set(
                    "after.volumes",
                    json!([{ "name": "traefik_certificates" }, { "name": "ci-tiny-41_content" }]),
                )
            },
            "FAIL V9.5",
        ),
        (
            "a volume was seen that what Gavel interrupted had left",
            |seen| {
                seen.interrupted();
                seen.set("left.volumes", json!([{ "name": "ci-tiny-41_content" }]));
            },
            "INCONCLUSIVE V9.3 V9.5",
        ),
        (
            "a volume that what Gavel interrupted had left is there",
            |seen| {
                seen.interrupted();
                seen.set("after.volumes", json!([{ "name": "ci-tiny-41_content" }]));
            },
            "FAIL V9.5; INCONCLUSIVE V9.3",
        ),
        (
            "somebody has a new volume",
            |seen| seen.set("after.volumes", json!([{ "name": "wiki_content" }])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "the flow is in the crontab",
            |seen| {
                let lines = json!({ "lines": ["0 1 * * * backup", "0 3 * * 6 /srv/launch-upgrader.sh start"] });
                seen.set("after.crontab", lines);
            },
            "FAIL V9.5",
        ),
        (
            "the flow is in the crontab no more",
            |seen| {
                let lines = json!({ "lines": ["0 1 * * * backup", "0 3 * * 6 /srv/launch-upgrader.sh start"] });
                seen.set("open.crontab", lines);
            },
            "FAIL V9.5",
        ),
        (
            "the flow is in the crontab as it was before",
            |seen| {
                let lines = json!({ "lines": ["0 1 * * * backup", "0 3 * * 6 /srv/launch-upgrader.sh start"] });
                seen.set("open.crontab", lines.clone());
                seen.set("after.crontab", lines);
            },
            "PASS",
        ),
        (
            "somebody has changed the crontab",
            |seen| seen.set("after.crontab", json!({ "lines": [] })),
            "INCONCLUSIVE V9.5",
        ),
        (
            "a clone was left",
            |seen| seen.set("after.entries./work", json!(["kept", "clone-1"])),
            "FAIL V9.5",
        ),
        (
            "a clone was left, and Gavel was interrupted",
            |seen| {
                seen.made(|made| made[5]["interrupted"] = json!(true));
                seen.set("after.entries./work", json!(["kept", "clone-1"]));
            },
            "INCONCLUSIVE V9.5",
        ),
        (
            "a clone was left, and a session was replaced",
            |seen| {
                seen.made(|made| {
                    made[4]["launched"]["sessions"] =
                        json!([["$7", 1_780_000_007], ["$8", 1_780_000_008]])
                });
                seen.set("after.entries./work", json!(["kept", "clone-1"]));
            },
            "INCONCLUSIVE V9.5",
        ),
        (
            "something is gone from the flow's folder",
            |seen| seen.set("after.entries./work", json!([])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "something is gone from the flow's folder, and something was left",
            |seen| seen.set("after.entries./work", json!(["clone-1"])),
            "FAIL V9.5",
        ),
        (
            "somebody works in a clone",
            |seen| seen.set("after.entries./work", json!(["kept", "clone-2"])),
            "INCONCLUSIVE V9.5",
        ),
        (
            "a clone was left while somebody works in another",
            |seen| seen.set("after.entries./work", json!(["kept", "clone-1", "clone-2"])),
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

/// A crontab that cannot be read hides nothing else that is wrong, and is said.
#[test]
fn what_cannot_be_read_is_in_doubt_and_hides_nothing() {
    let mut seen = Seen::healthy();
    seen.unseen("after.crontab");
    assert_eq!(seen.judged(), "INCONCLUSIVE V9.5");
    let mut seen = Seen::healthy();
    seen.unseen("after.crontab");
    seen.set("after.entries./work", json!(["kept", "clone-1"]));
    assert_eq!(seen.judged(), "FAIL V9.5");
}

#[test]
fn a_fact_less_is_no_pass_more() {
    let whole = Seen::healthy().0.len();
    for dropped in 0..whole {
        let mut seen = Seen::healthy();
        let label = seen.0.remove(dropped).label;
        // Who uses a folder is asked only where something new is in it.
        let is_needed = !["calm", "after.users./work"].contains(&label.as_str());
        let unread = ["left.crontab", "left.entries./work"].contains(&label.as_str());
        assert_eq!(
            seen.judged() != "PASS",
            is_needed && !unread,
            "without {label}"
        );
    }
}
