//! What each change of the world is told as, and that it is told once; and which changes are none.

use super::compare::{Now, Outcome, compare};
use super::element::{Element, Seen, at_address, shown};
use super::grounds::{Excuse, Grounds};
use super::record::{Ask, Record};
use super::{clauses, say, touched};
use crate::bundle::{Evidence, FORMAT, Judge, JudgedAttempt, Made};
use crate::evidence::{Answer, Digest, Fact, Question, Sighting};
use crate::redact::Redactor;
use crate::verdict::{Clause, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const R: &str = "recipes/tiny";
const RUN: &str = "gavel/run1";
const URL: &str = "https://ci.example.org/results/2/results.json";

fn commit(letter: &str) -> String {
    letter.repeat(40)
}

fn at(second: i64) -> Timestamp {
    let began: Timestamp = "2026-11-26T01:00:00Z".parse().unwrap();
    began + SignedDuration::from_secs(second)
}

fn pull(number: u64, state: &str, head: &str, branch: &str) -> Value {
    let label = if branch.starts_with("refs/pull/") {
        RUN
    } else {
        branch
    };
    json!({
        "number": number, "title": "Known green", "body": null, "state": state, "user": { "login": "gavel" }, "merged": false,
        "updated_at": at(50).to_string(), "closed_at": (state == "closed").then(|| at(50).to_string()),
        "head": { "sha": head, "ref": branch, "label": label },
        "base": { "sha": commit("b"), "ref": "main", "repo": { "full_name": R } },
    })
}

fn comment(id: u64, by: &str, text: &str) -> Value {
    json!({ "id": id, "type": "comment", "user": { "login": by }, "body": text, "updated_at": at(20).to_string() })
}

fn status(id: u64, state: &str, by: &str, made: i64) -> Value {
    json!({ "id": id, "status": state, "context": "cc-ci/testme", "description": null, "target_url": "https://drone/2",
        "creator": { "login": by }, "created_at": at(made).to_string() })
}

fn branches(all: &[(&str, &str)]) -> Value {
    let branch =
        |(name, letter): &(&str, &str)| json!({ "name": name, "commit": { "id": commit(letter) } });
    all.iter().map(branch).collect()
}

fn build(number: u64, status: &str) -> Value {
    json!({ "number": number, "status": status, "event": "custom", "trigger": "bridge", "after": commit("e"), "created": 7, "finished": 9,
        "params": { "REF": commit("a") } })
}

fn repository() -> String {
    R.into()
}

/// One run: when each fact was seen, in which attempt, what was asked and what came back.
fn seen() -> Vec<(i64, &'static str, Question, Value)> {
    let repository = repository();
    let in_pull = |number| (repository.clone(), number);
    let ((of, one), (talk, _)) = (in_pull(1), in_pull(1));
    let branch = |branch: &str| Question::Branch {
        repository: R.into(),
        branch: branch.into(),
    };
    let all = || Question::Branches {
        repository: R.into(),
    };
    vec![
        (
            1,
            "G",
            branch("main"),
            json!({ "commit": { "id": commit("b") } }),
        ),
        (
            2,
            "G",
            all(),
            branches(&[("main", "b"), ("known-green", "c"), ("builder/notes", "1")]),
        ),
        (
            3,
            "V1",
            Question::ForgeVersion,
            json!({ "version": "1.25.4" }),
        ),
        (
            4,
            "V1",
            Question::DroneVersion,
            json!({ "version": "2.0.4" }),
        ),
        (
            5,
            "V1",
            Question::Collaborator {
                repository: repository.clone(),
                account: "gavel".into(),
            },
            json!(true),
        ),
        (
            6,
            "V1",
            Question::OpenPull {
                repository: repository.clone(),
                from: "known-green".into(),
                branch: RUN.into(),
                base: "main".into(),
            },
            pull(1, "open", &commit("a"), RUN),
        ),
        (
            7,
            "V1",
            Question::Post {
                repository: repository.clone(),
                number: 1,
                account: "gavel".into(),
                body: "!testme".into(),
            },
            comment(9, "gavel", "!testme"),
        ),
        (
            8,
            "V1",
            Question::Builds { after: 1 },
            json!([build(2, "running"), build(3, "pending")]),
        ),
        (
            9,
            "V1",
            Question::Comments {
                repository: talk,
                number: 1,
            },
            json!([
                comment(9, "gavel", "!testme"),
                comment(10, "bridge", "build 2 is running")
            ]),
        ),
        (20, "V1", Question::Build { number: 2 }, build(2, "success")),
        (
            21,
            "V1",
            Question::Statuses {
                repository: repository.clone(),
                commit: commit("a"),
            },
            json!([
                status(4, "success", "bridge", 20),
                status(2, "pending", "bridge", 8)
            ]),
        ),
        (
            22,
            "V1",
            Question::Results { build: 2 },
            json!({ "build": 2, "stages": [{ "name": "install", "status": "passed" }] }),
        ),
        (
            23,
            "V1",
            Question::BuildLog { number: 2 },
            json!({ "text": "+ deploy\ntoken=[redacted] done\n", "missing": [], "cut": false }),
        ),
        (
            24,
            "V1",
            Question::Timeline {
                repository: of.clone(),
                number: one,
            },
            json!([comment(9, "gavel", "!testme"), comment(10, "bridge", "build 2 passed"),
                { "id": 11, "type": "pull_push", "user": { "login": "gavel" }, "body": "{}" },
                { "id": 12, "type": "comment_ref", "user": { "login": "somebody" }, "body": "" }]),
        ),
        (
            25,
            "V1",
            Question::PullFiles {
                repository: of,
                number: one,
            },
            json!([{ "filename": "compose.yml", "status": "changed" }]),
        ),
        (
            26,
            "V1",
            Question::File {
                repository: repository.clone(),
                path: "compose.yml".into(),
                at: commit("a"),
            },
            json!({ "sha": "f1", "text": "x" }),
        ),
        (
            27,
            "V1",
            Question::File {
                repository: repository.clone(),
                path: "compose.yml".into(),
                at: "main".into(),
            },
            json!({ "sha": "f0", "text": "x" }),
        ),
        (
            28,
            "V1",
            Question::Tags {
                image: "lab/plain".into(),
            },
            json!({ "name": "lab/plain", "tags": ["1.0", "1.1"] }),
        ),
        (29, "V1", Question::Quiet { milliseconds: 600 }, json!(600)),
        (
            51,
            "G",
            Question::Activity {
                account: "bridge".into(),
                after: 5,
            },
            json!([
                { "id": 7, "op_type": "comment_pull", "content": "1|build 2 is running", "ref_name": "", "comment_id": 10, "repo": { "full_name": R } },
                { "id": 8, "op_type": "commit_repo", "content": "{}", "ref_name": "refs/heads/x", "comment_id": 0, "repo": { "full_name": R } },
            ]),
        ),
        (
            52,
            "G",
            Question::Tree {
                repository: repository.clone(),
                commit: commit("b"),
            },
            json!({ "README.md": "100644 aa" }),
        ),
        (
            53,
            "G",
            Question::Pulls {
                repository: repository.clone(),
            },
            json!([
                pull(1, "closed", &commit("a"), "refs/pull/1/head"),
                pull(2, "open", &commit("d"), "somebodys")
            ]),
        ),
        (
            54,
            "G",
            all(),
            branches(&[
                ("main", "b"),
                ("known-green", "c"),
                ("builder/notes", "2"),
                ("somebodys", "d"),
            ]),
        ),
    ]
}

fn evidence() -> Evidence {
    let mut attempts: Vec<JudgedAttempt> = ["V1", "G"].map(attempt).into();
    for (second, item, question, answer) in seen() {
        let judged = attempts
            .iter_mut()
            .find(|judged| judged.item == item)
            .unwrap();
        let asked = match &question {
            Question::Results { .. } => format!("GET {URL}"),
            _ => "https://drone/api/repos/recipes/cc-ci/builds?page=1".into(),
        };
        let sighting = Sighting {
            label: format!("step.{second}"),
            question,
            asked,
            at: at(second),
            watch: None,
            answer: Answer::Seen(answer),
        };
        let fact = Fact::chain(sighting, judged.facts.last());
        // A clause for each fact, so that what is touched shows.
        judged.clauses.push(Clause {
            id: format!("{item}.{second}"),
            verdict: Verdict::Pass,
            seen: String::new(),
            mend: String::new(),
            evidence: vec![fact.number],
        });
        judged.facts.push(fact);
    }
    let made = |kind: &str, number, ended: &str| Made {
        kind: kind.into(),
        repository: R.into(),
        name: RUN.into(),
        number,
        purpose: "V1".into(),
        ended: Some(ended.into()),
    };
    Evidence {
        format: FORMAT.into(),
        judge: Judge {
            version: "0".into(),
            digest: Digest::of("gavel"),
        },
        installation: "0a1b2c3d4e5f".into(),
        run: 1,
        asked_for_by: "maintainer".into(),
        tracking_issue: String::new(),
        forge: "https://git.example.org".into(),
        drone: "https://drone".into(),
        started: Some(at(0)),
        ended: Some(at(60)),
        verdict: Verdict::Pass,
        attempts,
        lost: Vec::new(),
        made: vec![
            made("branch", None, "deleted"),
            made("pull", Some(1), "closed"),
        ],
    }
}

fn attempt(item: &str) -> JudgedAttempt {
    JudgedAttempt {
        item: item.into(),
        attempt: 1,
        started: at(0),
        ended: Some(at(if item == "G" { 59 } else { 40 })),
        verdict: Verdict::Pass,
        chain_head: Digest::of_nothing(),
        versions: [].into(),
        clauses: Vec::new(),
        facts: Vec::new(),
    }
}

/// The world as the run left it, and as it answers.
struct World(Vec<(Question, Value)>);

impl World {
    fn after_the_run() -> Self {
        let repository = repository();
        let statuses = json!([
            status(4, "success", "bridge", 20),
            status(2, "pending", "bridge", 8)
        ]);
        let talk = json!([comment(9, "gavel", "!testme"), comment(10, "bridge", "build 2 passed"),
            { "id": 11, "type": "pull_push", "user": { "login": "gavel" }, "body": "{}" }, comment(13, "gavel", "Done")]);
        let one = pull(1, "closed", &commit("a"), "refs/pull/1/head");
        let mut world = vec![
            (Question::Build { number: 3 }, build(3, "failure")),
            (
                Question::Branches {
                    repository: repository.clone(),
                },
                branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("builder/notes", "3"),
                    ("somebodys", "d"),
                ]),
            ),
            (
                Question::Pulls {
                    repository: repository.clone(),
                },
                json!([one, pull(2, "open", &commit("d"), "somebodys")]),
            ),
            (
                Question::Statuses {
                    repository: repository.clone(),
                    commit: commit("a"),
                },
                statuses,
            ),
            (
                Question::Timeline {
                    repository,
                    number: 1,
                },
                talk,
            ),
            (
                Question::BuildLog { number: 2 },
                json!({ "text": "+ deploy\ntoken=s3cret done\n", "missing": [], "cut": false }),
            ),
        ];
        for (_, _, question, answer) in seen() {
            if world.iter().all(|(known, _)| *known != question) {
                world.push((question, answer));
            }
        }
        Self(world)
    }

    fn answer(&mut self, asked: &Question) -> &mut Value {
        let of = self.0.iter_mut().find(|(question, _)| question == asked);
        &mut of.unwrap_or_else(|| panic!("{asked:?}")).1
    }

    fn forget(&mut self, which: impl Fn(&Question) -> bool) {
        self.0.retain(|(question, _)| !which(question));
    }

    fn now(&self, record: &Record) -> Now {
        let mut now = Now::default();
        for ask in record.asks() {
            let answer = match &ask {
                Ask::Address(_) => self
                    .0
                    .iter()
                    .find(|(known, _)| *known == Question::Results { build: 2 }),
                Ask::Question(question) => self.0.iter().find(|(known, _)| known == question),
            };
            let pairs = match (&ask, answer) {
                (Ask::Question(question), Some((_, answer))) => shown(question, answer),
                (Ask::Address(url), answer) => {
                    vec![at_address(
                        url,
                        answer.map_or(&Value::Null, |(_, answer)| answer),
                    )]
                }
                (Ask::Question(question), None) => {
                    now.gone.extend(super::element::missing(question));
                    now.outcomes.insert(ask, Outcome::Gone);
                    continue;
                }
            };
            now.shown.extend(pairs);
            now.outcomes.insert(ask, Outcome::Answered);
        }
        now
    }

    /// Every difference, a line each.
    fn told(&self, evidence: &Evidence) -> Vec<String> {
        let record = Record::of(evidence);
        let compared = compare(&record, &Grounds::of(evidence, &record), &self.now(&record));
        let (redactor, clauses) = (Redactor::new([]), clauses(evidence));
        let lines = compared.changes.iter().map(|change| {
            let (place, says) = (say::place(change), say::says(change, &redactor));
            let touched = touched(change, &clauses).unwrap_or_default();
            format!("{place}: {says} ({touched})")
        });
        lines.collect()
    }
}

fn branches_of() -> Question {
    Question::Branches {
        repository: repository(),
    }
}

fn pulls_of() -> Question {
    Question::Pulls {
        repository: repository(),
    }
}

fn statuses_of() -> Question {
    Question::Statuses {
        repository: repository(),
        commit: commit("a"),
    }
}

fn talk_of() -> Question {
    Question::Timeline {
        repository: repository(),
        number: 1,
    }
}

fn files_of() -> Question {
    Question::PullFiles {
        repository: repository(),
        number: 1,
    }
}

fn is_in(question: &Question, repository: &str) -> bool {
    serde_json::to_value(question).unwrap()["repository"] == repository
}

#[test]
fn a_world_that_is_as_it_was_left_agrees() {
    let evidence = evidence();
    assert_eq!(World::after_the_run().told(&evidence), [""; 0]);
    let record = Record::of(&evidence);
    let now = World::after_the_run().now(&record);
    let compared = compare(&record, &Grounds::of(&evidence, &record), &now);
    // What others kept pushing to.
    assert_eq!(compared.excused, [(Excuse::Others, 1)].into());
    assert_eq!((compared.unknown, record.not_again.len()), (0, 1));
}

type Change = fn(&mut World);

#[test]
fn each_change_is_told_once_and_nothing_else() {
    let changes: [(&str, Change, &[&str]); 27] = [
        (
            "a new status",
            |world| {
                let more = status(9, "failure", "maintainer", 70);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[
                "status 9 of recipes/tiny at aaaaaaaaaaaa: cc-ci/testme says failure by maintainer, over success by bridge (V1.21)",
            ],
        ),
        (
            "a status of the run's last moments",
            |world| {
                let more = status(9, "success", "bridge", 59);
                world
                    .answer(&statuses_of())
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            &[],
        ),
        (
            "a comment edited",
            |world| {
                let edited = &mut world.answer(&talk_of())[1];
                edited["body"] = "build 2 failed".into();
                edited["updated_at"] = at(70).to_string().into();
            },
            &[
                "comment 10 of recipes/tiny#1: text: \"build 2 passed\" → \"build 2 failed\" (V1.9, V1.24)",
            ],
        ),
        (
            "a comment edited while the run went on",
            |world| {
                let edited = &mut world.answer(&talk_of())[1];
                edited["body"] = "build 2 failed".into();
                edited["updated_at"] = at(55).to_string().into();
            },
            &[],
        ),
        (
            "a comment deleted, and the act with it",
            |world| {
                world.answer(&talk_of()).as_array_mut().unwrap().remove(1);
                world
                    .answer(&Question::Activity {
                        account: "bridge".into(),
                        after: 5,
                    })
                    .as_array_mut()
                    .unwrap()
                    .remove(0);
            },
            &[
                "comment 10 of recipes/tiny#1: it is gone; with it act 7 of bridge (V1.9, V1.24, G.51)",
            ],
        ),
        (
            "a push taken out of the history",
            |world| {
                world.answer(&talk_of()).as_array_mut().unwrap().remove(2);
            },
            &["event 11 of recipes/tiny#1: it is gone (V1.24)"],
        ),
        (
            "a branch moved, and the file on it",
            |world| {
                *world.answer(&branches_of()) =
                    branches(&[("main", "9"), ("known-green", "c"), ("somebodys", "d")]);
            },
            &["branch main of recipes/tiny: commit: bbbbbbbbbbbb → 999999999999 (G.1, G.2, G.54)"],
        ),
        (
            "a branch deleted",
            |world| {
                *world.answer(&branches_of()) = branches(&[("main", "b"), ("somebodys", "d")]);
            },
            &["branch known-green of recipes/tiny: it is gone (G.2, G.54)"],
        ),
        (
            "a deleted branch back",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "a"),
                ]);
            },
            &[
                "branch gavel/run1 of recipes/tiny: it was gone, and stands there again, at aaaaaaaaaaaa (G.54)",
            ],
        ),
        (
            "a deleted branch back elsewhere, with its closed pull request's head",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "8"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["head"]["sha"]) = (RUN.into(), commit("8").into());
            },
            &[
                "branch gavel/run1 of recipes/tiny: it was gone, and stands there again, at 888888888888; with it pull request recipes/tiny#1 (V1.6, G.53, G.54)",
            ],
        ),
        (
            "a pull request reopened, for which its branch must be back",
            |world| {
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "a"),
                ]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["state"], one["closed_at"]) =
                    (RUN.into(), "open".into(), Value::Null);
            },
            &[
                "pull request recipes/tiny#1: state: \"closed\" → \"open\"; with it branch gavel/run1 of recipes/tiny (G.53, G.54)",
            ],
        ),
        (
            "a pull request merged",
            |world| {
                *world.answer(&branches_of()) =
                    branches(&[("main", "7"), ("known-green", "c"), ("somebodys", "d")]);
                let one = &mut world.answer(&pulls_of())[0];
                (one["merged"], one["merged_by"], one["merge_commit_sha"]) = (
                    true.into(),
                    json!({ "login": "maintainer" }),
                    commit("7").into(),
                );
            },
            &[
                "pull request recipes/tiny#1: IT WAS MERGED, by maintainer, as 777777777777; with it branch main of recipes/tiny (V1.6, G.1, G.2, G.53, G.54)",
            ],
        ),
        (
            "a title changed",
            |world| {
                let one = &mut world.answer(&pulls_of())[0];
                (one["title"], one["updated_at"]) = ("Known red".into(), at(70).to_string().into());
            },
            &["pull request recipes/tiny#1: title: \"Known green\" → \"Known red\" (V1.6, G.53)"],
        ),
        (
            "a head moved, with branch and files",
            |world| {
                let one = &mut world.answer(&pulls_of())[0];
                (one["head"]["ref"], one["head"]["sha"], one["state"]) =
                    (RUN.into(), commit("8").into(), "open".into());
                *world.answer(&branches_of()) = branches(&[
                    ("main", "b"),
                    ("known-green", "c"),
                    ("somebodys", "d"),
                    (RUN, "8"),
                ]);
                *world.answer(&files_of()) =
                    json!([{ "filename": "other.yml", "status": "added" }]);
            },
            &[
                "pull request recipes/tiny#1: head: aaaaaaaaaaaa → 888888888888; state: \"closed\" → \"open\"; with it 2 other things (V1.6, V1.25, G.53, G.54)",
            ],
        ),
        (
            "others go on with their own pull request",
            |world| {
                let two = &mut world.answer(&pulls_of())[1];
                two["head"]["sha"] = commit("6").into();
                *world.answer(&branches_of()) =
                    branches(&[("main", "b"), ("known-green", "c"), ("somebodys", "6")]);
            },
            &["pull request recipes/tiny#2: head: dddddddddddd → 666666666666 (G.53)"],
        ),
        (
            "a build deleted, and its log",
            |world| {
                world.forget(|question| {
                    matches!(
                        question,
                        Question::Build { number: 2 } | Question::BuildLog { .. }
                    )
                });
            },
            &["build 2: it is gone; with it log of build 2 (V1.8, V1.20, V1.23)"],
        ),
        (
            "a build that says something else",
            |world| {
                world.answer(&Question::Build { number: 2 })["status"] = "failure".into();
            },
            &["build 2: status: \"success\" → \"failure\" (V1.20)"],
        ),
        (
            "a log removed",
            |world| {
                *world.answer(&Question::BuildLog { number: 2 }) =
                    json!({ "text": "", "missing": ["1/1"], "cut": false });
            },
            &["log of build 2: missing: [] → [\"1/1\"] (V1.23)"],
        ),
        (
            "results changed",
            |world| {
                world.answer(&Question::Results { build: 2 })["stages"][0]["status"] =
                    "failed".into();
            },
            &[
                "https://ci.example.org/results/2/results.json: content.stages.0.status: \"passed\" → \"failed\" (V1.22)",
            ],
        ),
        (
            "results gone",
            |world| {
                world.forget(|question| matches!(question, Question::Results { .. }));
            },
            &["https://ci.example.org/results/2/results.json: it is gone (V1.22)"],
        ),
        (
            "tags removed, and one added",
            |world| {
                world.answer(&Question::Tags {
                    image: "lab/plain".into(),
                })["tags"] = json!(["1.1", "2.0"]);
            },
            &["tags of lab/plain: gone: 1.0 (V1.28)"],
        ),
        (
            "a collaborator removed",
            |world| {
                *world.answer(&Question::Collaborator {
                    repository: repository(),
                    account: "gavel".into(),
                }) = false.into();
            },
            &["collaborator gavel of recipes/tiny: is one: true → false (V1.5)"],
        ),
        (
            "a commit's file gone",
            |world| {
                let file = Question::File {
                    repository: repository(),
                    path: "compose.yml".into(),
                    at: commit("a"),
                };
                *world.answer(&file) = Value::Null;
            },
            &[],
        ),
        (
            "a commit of main gone",
            |world| {
                *world.answer(&Question::Tree {
                    repository: repository(),
                    commit: commit("b"),
                }) = Value::Null;
            },
            &["files of recipes/tiny at bbbbbbbbbbbb: it is gone (G.52)"],
        ),
        (
            "a version changed",
            |world| {
                world.answer(&Question::ForgeVersion)["version"] = "1.26.0".into();
            },
            &["the forge: version: \"1.25.4\" → \"1.26.0\" (V1.3)"],
        ),
        (
            "a repository renamed",
            |world| {
                for pull in world.answer(&pulls_of()).as_array_mut().unwrap() {
                    pull["base"]["repo"]["full_name"] = "recipes/small".into();
                }
            },
            &["repository recipes/tiny: name: \"recipes/tiny\" → \"recipes/small\" (V1.6, G.53)"],
        ),
        (
            "a repository deleted, with all that was in it",
            |world| {
                world.forget(|question| is_in(question, R));
                *world.answer(&Question::Activity {
                    account: "bridge".into(),
                    after: 5,
                }) = json!([
                    { "id": 9, "op_type": "commit_repo", "content": "{}", "ref_name": "refs/heads/x", "repo": { "full_name": "recipes/other" } },
                ]);
            },
            &[
                "repository recipes/tiny: the forge knows no such repository any more, or does not show it to this account; with it 18 other things (V1.5, V1.6, V1.7, V1.9, V1.21, V1.24, V1.25, V1.26, G.1, G.2, G.51, G.52, G.53, G.54)",
            ],
        ),
    ];
    let evidence = evidence();
    let mut wrong = Vec::new();
    for (what, change, expected) in changes {
        let mut world = World::after_the_run();
        change(&mut world);
        let told = world.told(&evidence);
        if told != expected {
            wrong.push(format!("{what}: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_secret_is_compared_around_and_never_shown() {
    let mut world = World::after_the_run();
    let log = Question::BuildLog { number: 2 };
    world.answer(&log)["text"] = "+ deploy\ntoken=s3cret-of-now failed\n".into();
    let told = world.told(&evidence());
    assert_eq!(told.len(), 1);
    assert!(!told[0].contains("s3cret"), "{told:?}");
}

#[test]
fn what_is_kept_may_be_closed_later_but_not_merged() {
    let mut evidence = evidence();
    for made in &mut evidence.made {
        made.ended = None;
    }
    // As it was left: open, its branch there.
    for judged in &mut evidence.attempts {
        for fact in &mut judged.facts {
            if let Answer::Seen(answer) = &mut fact.answer {
                if fact.question == pulls_of() {
                    let one = &mut answer[0];
                    (one["state"], one["closed_at"]) = ("open".into(), Value::Null);
                    one["head"]["ref"] = RUN.into();
                } else if fact.question == branches_of() {
                    let kept = branches(&[(RUN, "a")])[0].clone();
                    answer.as_array_mut().unwrap().push(kept);
                }
            }
        }
    }
    assert_eq!(World::after_the_run().told(&evidence), [""; 0]);
    let mut merged = World::after_the_run();
    merged.answer(&pulls_of())[0]["merged"] = true.into();
    let told = merged.told(&evidence);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("IT WAS MERGED"), "{told:?}");
}

#[test]
fn a_branch_that_is_put_back_after_the_last_look_is_expected_where_it_was() {
    let mut evidence = evidence();
    // Without a look after the cleanup, as it was moved by the run.
    evidence.attempts[1].facts.retain(|fact| fact.at < at(40));
    let moved = Fact {
        at: at(30),
        question: Question::Branch {
            repository: repository(),
            branch: "main".into(),
        },
        answer: Answer::Seen(json!({ "commit": { "id": commit("5") } })),
        ..evidence.attempts[0].facts[0].clone()
    };
    evidence.attempts[0].facts.push(moved);
    evidence.made.push(Made {
        kind: "moved".into(),
        repository: R.into(),
        name: "main".into(),
        number: None,
        purpose: "V7".into(),
        ended: Some("put back".into()),
    });
    let mut world = World::after_the_run();
    *world.answer(&branches_of()) =
        branches(&[("main", "b"), ("known-green", "c"), ("builder/notes", "1")]);
    // There is no list of pull requests on record any more.
    let one = world.answer(&pulls_of())[0].clone();
    world.0.push((
        Question::Pull {
            repository: repository(),
            number: 1,
        },
        one,
    ));
    assert_eq!(world.told(&evidence), [""; 0]);
    *world.answer(&branches_of()) =
        branches(&[("main", "4"), ("known-green", "c"), ("builder/notes", "1")]);
    assert_eq!(world.told(&evidence).len(), 1);
}

#[test]
fn an_account_that_hides_what_it_does_is_no_difference() {
    let evidence = evidence();
    let mut world = World::after_the_run();
    *world.answer(&Question::Activity {
        account: "bridge".into(),
        after: 5,
    }) = json!([]);
    let record = Record::of(&evidence);
    let compared = compare(
        &record,
        &Grounds::of(&evidence, &record),
        &world.now(&record),
    );
    assert!(compared.changes.is_empty());
    assert_eq!(
        (compared.hidden, compared.unknown),
        (vec!["bridge".to_owned()], 2)
    );
}

#[test]
fn what_could_not_be_asked_is_no_difference() {
    let evidence = evidence();
    let record = Record::of(&evidence);
    let now = Now::default();
    let compared = compare(&record, &Grounds::of(&evidence, &record), &now);
    assert!(compared.changes.is_empty());
    assert_eq!(compared.unknown, record.elements.len());
}

#[test]
fn each_element_is_asked_for_once() {
    let record = Record::of(&evidence());
    let asks: Vec<Ask> = record.asks().into_iter().collect();
    // Not one by one what a list shows, nor comments where the whole history is asked for.
    let single = |ask: &Ask| {
        matches!(
            ask,
            Ask::Question(
                Question::Branch { .. }
                    | Question::Pull { .. }
                    | Question::Comments { .. }
                    | Question::Builds { .. }
            )
        )
    };
    assert!(!asks.iter().any(single), "{asks:?}");
    assert_eq!(asks.len(), 16, "{asks:?}");
    assert_eq!(record.built.as_deref(), Some("recipes/cc-ci"));
    assert!(record.elements.contains_key(&Element::Address(URL.into())));
}

#[test]
fn a_long_text_is_kept_as_what_tells_it_apart() {
    let mut one = Seen::there([("text", "x".repeat(100_000).into())]);
    let mut other = Seen::there([("text", format!("{}y", "x".repeat(99_999)).into())]);
    one.shorten();
    other.shorten();
    assert!(one.claims["text"].to_string().len() < 1000);
    assert_ne!(one, other);
}
