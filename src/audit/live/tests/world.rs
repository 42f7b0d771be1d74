//! A small world, what a run saw of it, and how it answers later.

use super::super::compare::{Now, Outcome, compare};
use super::super::element::{at_address, missing, shown};
use super::super::grounds::Grounds;
use super::super::onward::moves;
use super::super::record::{Ask, Record};
use super::super::{clauses, say, touched};
use crate::bundle::{Evidence, FORMAT, Judge, JudgedAttempt, Made};
use crate::evidence::{Answer, Digest, Fact, Question, Sighting};
use crate::redact::Redactor;
use crate::verdict::{Clause, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub const R: &str = "recipes/tiny";
pub const RUN: &str = "gavel/run1";
pub const URL: &str = "https://ci.example.org/results/2/results.json";

pub fn commit(letter: &str) -> String {
    letter.repeat(40)
}

pub fn at(second: i64) -> Timestamp {
    let began: Timestamp = "2026-11-26T01:00:00Z".parse().unwrap();
    began + SignedDuration::from_secs(second)
}

pub fn pull(number: u64, state: &str, head: &str, branch: &str) -> Value {
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

pub fn comment(id: u64, by: &str, text: &str) -> Value {
    json!({ "id": id, "type": "comment", "user": { "login": by }, "body": text, "updated_at": at(20).to_string() })
}

pub fn status(id: u64, state: &str, by: &str, made: i64) -> Value {
    json!({ "id": id, "status": state, "context": "cc-ci/testme", "description": null, "target_url": "https://drone/recipes/cc-ci/2",
        "creator": { "login": by }, "created_at": at(made).to_string() })
}

pub fn branches(all: &[(&str, &str)]) -> Value {
    let branch =
        |(name, letter): &(&str, &str)| json!({ "name": name, "commit": { "id": commit(letter) } });
    all.iter().map(branch).collect()
}

pub fn build(number: u64, status: &str) -> Value {
    let mut build = json!({ "number": number, "status": status, "event": "custom", "trigger": "bridge", "sender": "bridge", "ref": "refs/heads/main",
        "after": commit("e"), "created": 7, "started": 0, "finished": 0, "params": { "REF": commit("a") } });
    if status != "pending" {
        build["started"] = 8.into();
    }
    if !["pending", "running"].contains(&status) {
        build["finished"] = 9.into();
        build["stages"] = json!([]);
    }
    build
}

pub fn repository() -> String {
    R.into()
}

/// One run: when each fact was seen, in which attempt, what was asked and what came back.
pub fn seen() -> Vec<(i64, &'static str, Question, Value)> {
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
            branches(&[
                ("main", "b"),
                ("known-green", "c"),
                ("builder/notes", "1"),
                ("somebodys", "d"),
            ]),
        ),
        (
            3,
            "G",
            Question::Pulls {
                repository: repository.clone(),
            },
            json!([
                pull(2, "open", &commit("d"), "somebodys"),
                pull(3, "open", &commit("3"), "others")
            ]),
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
                { "id": 10, "op_type": "comment_issue", "content": "4|Done", "ref_name": "", "comment_id": 77, "repo": { "full_name": R } },
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
                pull(2, "open", &commit("d"), "somebodys"),
                pull(3, "open", &commit("4"), "others"),
                pull(3, "open", &commit("4"), "others")
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

pub fn evidence() -> Evidence {
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
        items: Vec::new(),
        attempts,
        lost: Vec::new(),
        made: vec![
            made("branch", None, "deleted"),
            made("pull", Some(1), "closed"),
        ],
    }
}

pub fn attempt(item: &str) -> JudgedAttempt {
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
pub struct World {
    pub answers: Vec<(Question, Value)>,
    /// The letters of commits, and of those that they stand on, beyond themselves.
    pub standing: Vec<(&'static str, &'static str)>,
}

impl World {
    pub fn after_the_run() -> Self {
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
                    ("builder/notes", "2"),
                    ("somebodys", "d"),
                ]),
            ),
            (
                Question::Pulls {
                    repository: repository.clone(),
                },
                json!([
                    one,
                    pull(2, "open", &commit("d"), "somebodys"),
                    pull(3, "open", &commit("4"), "others")
                ]),
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
        Self {
            answers: world,
            standing: Vec::new(),
        }
    }

    pub fn answer(&mut self, asked: &Question) -> &mut Value {
        let of = self
            .answers
            .iter_mut()
            .find(|(question, _)| question == asked);
        &mut of.unwrap_or_else(|| panic!("{asked:?}")).1
    }

    pub fn forget(&mut self, which: impl Fn(&Question) -> bool) {
        self.answers.retain(|(question, _)| !which(question));
    }

    pub fn now(&self, record: &Record) -> Now {
        let mut now = Now::default();
        for ask in record.asks() {
            let answer = match &ask {
                Ask::Address(_) => self
                    .answers
                    .iter()
                    .find(|(known, _)| *known == Question::Results { build: 2 }),
                Ask::Question(question) => self.answers.iter().find(|(known, _)| known == question),
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
                    now.gone.extend(missing(question));
                    now.outcomes.insert(ask, Outcome::Gone);
                    continue;
                }
            };
            now.shown.extend(pairs);
            now.outcomes.insert(ask, Outcome::Answered);
        }
        for moved in moves(record, &now) {
            let mut standing = self.standing.iter();
            let forward = standing.any(|(newer, older)| {
                (&moved.now, &moved.then) == (&commit(newer), &commit(older))
            });
            now.forward.insert(moved, forward);
        }
        now
    }

    /// Every difference, a line each, and then what moved on.
    pub fn told(&self, evidence: &Evidence) -> Vec<String> {
        let record = Record::of(evidence);
        let compared = compare(
            &record,
            &Grounds::of(evidence, &record),
            &self.now(&record),
            &Redactor::new([]),
        );
        let (redactor, clauses) = (Redactor::new([]), clauses(evidence));
        let lines = compared.changes.iter().map(|change| {
            let (place, says) = (say::place(change), say::says(change, &redactor));
            let touched = touched(change, &clauses).unwrap_or_default();
            format!("{place}: {says} ({touched})")
        });
        let moved_on = compared.moved_on.iter().map(|change| {
            let (place, says) = (say::place(change), say::says(change, &redactor));
            format!("moved on: {place}: {says}")
        });
        lines.chain(moved_on).collect()
    }
}

pub fn branches_of() -> Question {
    Question::Branches {
        repository: repository(),
    }
}

pub fn pulls_of() -> Question {
    Question::Pulls {
        repository: repository(),
    }
}

pub fn statuses_of() -> Question {
    Question::Statuses {
        repository: repository(),
        commit: commit("a"),
    }
}

pub fn talk_of() -> Question {
    Question::Timeline {
        repository: repository(),
        number: 1,
    }
}

pub fn files_of() -> Question {
    Question::PullFiles {
        repository: repository(),
        number: 1,
    }
}

pub fn is_in(question: &Question, repository: &str) -> bool {
    serde_json::to_value(question).unwrap()["repository"] == repository
}
