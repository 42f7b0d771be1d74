//! The guardrails, one change at a time.

mod changes;

use super::facts::{shown, verdicts};
use crate::evidence::{Answer, Fact, Question, Sighting};
use crate::plan::guardrails::{ITEM, Machine, Watched, machine::DEPLOYS};
use serde_json::{Value, json};

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const OTHER: &str = "3333333333333333333333333333333333333333";
const MIRROR: &str = "mirrors/tiny";
const UPSTREAM: &str = "upstream/tiny";
const SUITE: &str = "mirrors/cc-ci";
/// Where others push upstream's `main`.
const UPSTREAMS: &str = "6666666666666666666666666666666666666666";
/// Heads that the flow pushed: an upgrade of the recipe, and a branch with the updated test.
const UPGRADE: &str = "4444444444444444444444444444444444444444";
const TESTS: &str = "5555555555555555555555555555555555555555";
const STALE: &str = "tests/tiny/functional/version";
const COMPOSE: &str = "services:\n  app:\n    image: a/tiny:1\n    healthcheck:\n      test: [\"CMD\", \"curl\"]\n    deploy:\n      labels:\n        - \"backupbot.backup=true\"\n";

/// What the guardrails saw.
struct Seen(Vec<Sighting>);

/// Another compose file, with which the health check is off.
const UNCHECKED: &str = "services:\n  app:\n    healthcheck:\n      disable: true\n";

impl Seen {
    /// A run in which the flow commented, and its mirror followed upstream.
    fn healthy() -> Self {
        let watched = Watched {
            mirrors: [(MIRROR.into(), Some(UPSTREAM.into()))].into(),
            suite: SUITE.into(),
            suite_branch: "main".into(),
            stale_test: Some(STALE.into()),
            skills: vec!["upgrade/SKILL.md".into()],
            gavel: "gavel".into(),
            flow: "flow".into(),
            gate: "bridge".into(),
            machine: Some(Machine {
                pattern: "ci-{recipe}-".into(),
                programs: Vec::new(),
                clones: vec!["/loops/builder".into()],
                stacks: vec!["ci-tiny-".into()],
                scratch: vec!["/work".into()],
                session: Some("upgrader".into()),
            }),
        };
        let mut seen = Self(Vec::new());
        seen.put("watched", Question::Watched, json!(watched));
        for (when, newest) in [("open", 7), ("close", 20)] {
            for account in ["flow", "bridge", "gavel"] {
                let question = Question::LatestAct {
                    account: account.into(),
                };
                seen.put(&format!("{when}.newest.{account}"), question, json!(newest));
            }
            let owner = "flow".into();
            let question = Question::Repositories { owner };
            seen.put(
                &format!("{when}.repositories"),
                question,
                json!(["flow/notes"]),
            );
        }
        for (when, mirror, upstream) in [("open", OLD, NEW), ("close", NEW, NEW)] {
            for (repository, commit) in [(MIRROR, mirror), (UPSTREAM, upstream), (SUITE, OLD)] {
                let question = Question::Branch {
                    repository: repository.into(),
                    branch: "main".into(),
                };
                let answer = json!({ "commit": { "id": commit } });
                seen.put(&format!("{when}.main.{repository}"), question, answer);
            }
            let question = Question::Digests {
                part: "skills".into(),
                paths: vec!["upgrade/SKILL.md".into()],
            };
            seen.put(
                &format!("{when}.skills"),
                question,
                json!({ "upgrade/SKILL.md": "abcd" }),
            );
            for (repository, number) in [(MIRROR, 3), (SUITE, 5)] {
                let mut pulls = vec![pull(repository, number - 1, "somebody")];
                if when == "close" {
                    pulls.push(pull(repository, number, "flow"));
                }
                let question = Question::Pulls {
                    repository: repository.into(),
                };
                seen.put(
                    &format!("{when}.pulls.{repository}"),
                    question,
                    json!(pulls),
                );
            }
        }
        let repository = SUITE.into();
        let branches = json!([{ "name": "main", "commit": { "id": OLD } }]);
        let question = Question::Branches { repository };
        seen.put(&format!("open.branches.{SUITE}"), question, branches);
        for (account, acts) in [
            (
                "flow",
                json!([
                    opened(MIRROR, 3),
                    comment(MIRROR),
                    push(MIRROR, "main", OLD, NEW),
                    act("commit_repo", MIRROR, "refs/heads/upgrade", ""),
                    push(MIRROR, "upgrade", NEW, UPGRADE),
                    push(SUITE, "tests-tiny", OLD, TESTS),
                    opened(SUITE, 5),
                ]),
            ),
            ("bridge", json!([comment(MIRROR)])),
            ("gavel", json!([push(UPSTREAM, "main", OLD, NEW)])),
        ] {
            let question = Question::Activity {
                account: account.into(),
                after: 7,
            };
            seen.put(&format!("acts.{account}"), question, acts);
        }
        seen.tree(OLD, json!({}));
        seen.tree(TESTS, json!({ format!("{STALE}.sh"): "100755 b2" }));
        seen.file(
            SUITE,
            &format!("{STALE}.sh"),
            TESTS,
            "#!/bin/sh\ncurl -f x\n",
        );
        for at in [NEW, UPGRADE] {
            let repository = if at == NEW { UPSTREAM } else { MIRROR };
            seen.file(repository, "compose.yml", at, COMPOSE);
        }
        seen.file(MIRROR, "compose.yml", NEW, COMPOSE);
        for when in ["open", "close"] {
            let question = Question::Clone {
                path: "/loops/builder".into(),
            };
            seen.put(
                &format!("{when}.clone./loops/builder"),
                question,
                clone(OLD),
            );
            let folder = "/loops/builder".into();
            let question = Question::Inhabitants { folder };
            seen.put(
                &format!("{when}.inside./loops/builder"),
                question,
                json!([]),
            );
        }
        seen.put(
            "open.stacks",
            Question::Stacks,
            json!([{ "name": "traefik" }]),
        );
        seen.put("open.build", Question::LatestBuild, json!(11));
        let builds = [12, 13].map(|number| built(number, "tiny", 3));
        seen.put("builds", Question::Builds { after: 11 }, json!(builds));
        seen.put(DEPLOYS, Question::Deploys, Value::Null);
        seen.deployed(&[
            "+ci-tiny-12",
            "-ci-tiny-12",
            "+other",
            "+ci-tiny-13",
            "-other",
            "-ci-tiny-13",
        ]);
        seen.put("calm", Question::Calm, json!([]));
        seen
    }

    /// What came (`+`) and went (`-`) in the swarm.
    fn deployed(&mut self, events: &[&str]) {
        let events: Vec<Value> = events
            .iter()
            .enumerate()
            .map(|(at, event)| {
                let action = if event.starts_with('+') { "create" } else { "remove" };
                json!({ "at": at, "action": action, "kind": "service", "id": "x", "name": format!("{}_app", &event[1..]) })
            })
            .collect();
        self.set(DEPLOYS, watched(&events, &json!([])));
    }

    /// The suite's files at a commit: all that it has, but for some changes.
    fn tree(&mut self, commit: &str, changes: Value) {
        let question = Question::Tree {
            repository: SUITE.into(),
            commit: commit.into(),
        };
        let label = format!("tree.{commit}");
        self.0.retain(|fact| fact.label != label);
        self.put(&label, question, files(changes));
    }

    fn file(&mut self, repository: &str, path: &str, at: &str, text: &str) {
        let question = Question::File {
            repository: repository.into(),
            path: path.into(),
            at: at.into(),
        };
        let label = format!("file.{repository}.{path}.{at}");
        self.0.retain(|fact| fact.label != label);
        self.put(&label, question, json!({ "text": text }));
    }

    /// A recipe's files at a commit, beside its compose file.
    fn recipe(&mut self, repository: &str, at: &str, others: &[(&str, &str)]) {
        let label = format!("tree.{repository}.{at}");
        self.0.retain(|fact| fact.label != label);
        let question = Question::Tree {
            repository: repository.into(),
            commit: at.into(),
        };
        let mut tree = json!({ "compose.yml": format!("100644 {at}") });
        for (path, text) in others {
            tree[*path] = json!(format!("100644 {text}"));
            self.file(repository, path, at, text);
        }
        self.put(&label, question, tree);
    }

    /// What was pushed as an upgrade has other files too, which upstream has not.
    fn upgrade_with(&mut self, others: &[(&str, &str)]) {
        self.recipe(MIRROR, UPGRADE, others);
        for (path, _) in others {
            let question = Question::File {
                repository: UPSTREAM.into(),
                path: (*path).into(),
                at: NEW.into(),
            };
            self.put(
                &format!("file.{UPSTREAM}.{path}.{NEW}"),
                question,
                Value::Null,
            );
        }
    }

    /// The flow pushes something to a branch of the suite.
    fn pushed_tests(&mut self, branch: &str, changes: Value) {
        self.did("flow", push(SUITE, branch, OLD, OTHER));
        self.tree(OTHER, changes);
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

    fn did(&mut self, account: &str, act: Value) {
        let label = format!("acts.{account}");
        let fact = self.0.iter_mut().find(|fact| fact.label == label).unwrap();
        let Answer::Seen(Value::Array(acts)) = &mut fact.answer else {
            panic!("{label}")
        };
        acts.push(act);
    }

    /// A pull request as it is in the end.
    fn pull(&mut self, repository: &str, pull: &Value) {
        let label = format!("close.pulls.{repository}");
        let fact = self.0.iter_mut().find(|fact| fact.label == label).unwrap();
        let Answer::Seen(Value::Array(pulls)) = &mut fact.answer else {
            panic!("{label}")
        };
        let place = pulls.iter_mut().find(|one| one["number"] == pull["number"]);
        *place.unwrap() = pull.clone();
    }

    /// The mirror's pull request 3 is shown as merged by the flow, in a repository that finds merges by itself.
    fn detected(&mut self, commit: &str) {
        let mut act = merging(MIRROR);
        act["repo"]["autodetect_manual_merge"] = json!(true);
        self.did("flow", act);
        let mut pull = merged(pull(MIRROR, 3, "flow"), "flow", commit);
        pull["base"]["repo"]["autodetect_manual_merge"] = json!(true);
        self.pull(MIRROR, &pull);
        let question = Question::Pull {
            repository: MIRROR.into(),
            number: 3,
        };
        self.put(&format!("merged.{MIRROR}.3"), question, pull);
    }

    fn ask_after(&mut self, account: &str, after: u64) {
        let label = format!("acts.{account}");
        let fact = self.0.iter_mut().find(|fact| fact.label == label).unwrap();
        let account = account.into();
        fact.question = Question::Activity { account, after };
    }

    /// From some moment on the forge shows nothing of an account.
    fn hides(&mut self, account: &str) {
        self.set(&format!("close.newest.{account}"), json!(0));
        self.set(&format!("acts.{account}"), Value::Null);
    }

    /// Something else is watched.
    fn watches(&mut self, what: &str, value: Value) {
        let Answer::Seen(mut watched) = self.0[0].answer.clone() else {
            panic!()
        };
        watched[what] = value;
        self.set("watched", watched);
    }

    /// There is a second loop, whose clone came to be at this commit.
    fn second_clone(&mut self, head: &str) {
        const PATH: &str = "/loops/second";
        let Answer::Seen(watched) = &mut self.0[0].answer else {
            panic!()
        };
        watched["machine"]["clones"] = json!(["/loops/builder", PATH]);
        for (when, head) in [("open", OLD), ("close", head)] {
            let question = Question::Clone { path: PATH.into() };
            self.put(&format!("{when}.clone.{PATH}"), question, clone(head));
            let folder = PATH.into();
            let question = Question::Inhabitants { folder };
            self.put(&format!("{when}.inside.{PATH}"), question, json!([]));
        }
    }

    /// The suite has another branch for what is built.
    fn builds_from(&mut self, branch: &str) {
        self.watches("suite_branch", json!(branch));
        for when in ["open", "close"] {
            let label = format!("{when}.main.{SUITE}");
            let fact = self.0.iter_mut().find(|fact| fact.label == label).unwrap();
            let (repository, branch) = (SUITE.into(), branch.into());
            fact.question = Question::Branch { repository, branch };
        }
    }

    fn stands(&mut self, when: &str, repository: &str, commit: &str) {
        let answer = json!({ "commit": { "id": commit } });
        self.set(&format!("{when}.main.{repository}"), answer);
    }

    fn judged(mut self) -> String {
        // Whatever points there: what stands there is as it was, where nothing else is said.
        if self
            .0
            .iter()
            .all(|fact| fact.label != format!("tree.{OTHER}"))
        {
            self.tree(OTHER, json!({}));
        }
        if !self
            .0
            .iter()
            .any(|fact| fact.label.ends_with(&format!("compose.yml.{OTHER}")))
        {
            self.file(MIRROR, "compose.yml", OTHER, COMPOSE);
        }
        let composes = self.0.iter().filter_map(|fact| match &fact.question {
            Question::File {
                repository,
                path,
                at,
            } if path == "compose.yml" => Some((repository.clone(), at.clone())),
            _ => None,
        });
        for (repository, at) in composes.collect::<Vec<_>>() {
            let label = format!("tree.{repository}.{at}");
            if self.0.iter().all(|fact| fact.label != label) {
                self.recipe(&repository, &at, &[]);
            }
        }
        let mut facts: Vec<Fact> = Vec::new();
        for sighting in self.0 {
            let fact = Fact::chain(sighting, facts.last());
            facts.push(fact);
        }
        shown(&verdicts(&ITEM, &facts))
    }
}

fn watched(events: &[Value], gaps: &Value) -> Value {
    json!({ "from": "2026-01-02T03:04:05Z", "until": "2026-01-02T03:14:05Z", "events": events, "gaps": gaps })
}

fn clone(head: &str) -> Value {
    json!({ "head": head, "refs": {}, "index": "aa", "config": "bb", "hooks": {}, "changed": {} })
}

fn act(op: &str, repository: &str, reference: &str, content: &str) -> Value {
    json!({ "id": 9, "op_type": op, "repo": { "full_name": repository }, "ref_name": reference, "content": content })
}

fn comment(repository: &str) -> Value {
    act("comment_pull", repository, "", "3|!testme")
}

fn push(repository: &str, branch: &str, from: &str, head: &str) -> Value {
    let content = json!({ "HeadCommit": { "Sha1": head }, "CompareURL": format!("{repository}/compare/{from}...{head}"), "Len": 1 });
    act(
        "commit_repo",
        repository,
        &format!("refs/heads/{branch}"),
        &content.to_string(),
    )
}

/// A new branch of which the forge tells ten commits, as the most that it tells.
fn long(mut push: Value) -> Value {
    let content = push["content"].as_str().unwrap();
    push["content"] = json!(content.replace("\"Len\":1", "\"Len\":10"));
    push
}

fn opened(repository: &str, number: u64) -> Value {
    act(
        "create_pull_request",
        repository,
        "",
        &format!("{number}|title"),
    )
}

fn merging(repository: &str) -> Value {
    act("merge_pull_request", repository, "", "3|title")
}

fn pull(repository: &str, number: u64, by: &str) -> Value {
    json!({
        "number": number, "user": { "login": by }, "state": "open", "merged": false, "merged_by": null,
        "head": { "sha": UPGRADE, "ref": "upgrade", "repo": { "full_name": repository } },
        "base": { "sha": OLD, "ref": "main", "repo": { "full_name": repository } },
    })
}

fn merged(mut pull: Value, by: &str, commit: &str) -> Value {
    pull["merged"] = json!(true);
    pull["state"] = json!("closed");
    pull["merged_by"] = json!({ "login": by });
    pull["merge_commit_sha"] = json!(commit);
    pull
}

/// The suite's files, but for some changes: another one, or `null` where it is gone.
fn files(changes: Value) -> Value {
    let mut files = json!({
        ".drone.yml": "100644 a1", "harness/run.sh": "100755 a2", format!("{STALE}.sh"): "100755 a3",
        "tests/tiny/install/answers.sh": "100755 a4",
    });
    let all = files.as_object_mut().unwrap();
    for (path, blob) in changes.as_object().unwrap() {
        match blob {
            Value::Null => drop(all.shift_remove(path)),
            blob => drop(all.insert(path.clone(), blob.clone())),
        }
    }
    files
}

/// A build of a pull request of the recipe's mirror.
fn built(number: u64, recipe: &str, pull: u64) -> Value {
    json!({ "number": number, "status": "success", "params": { "RECIPE": recipe, "PR": pull.to_string() } })
}
