//! The facts of healthy and broken labs, as they were recorded, and ways to change them.
//!
//! Each file of `tests/facts/` is one lab: what it was declared to come to, and the facts of its attempts. To record them again:
//!
//!     cargo run -- lab matrix --evidence target/evidence
//!     cargo run -- lab matrix --evidence target/evidence --bridge webhook --fault healthy
//!     GAVEL_EVIDENCE=target/evidence cargo test keep_the_recorded_facts -- --ignored

use crate::evidence::{Answer, Fact, Question, Sighting};
use crate::plan::{Item, item, judge};
use crate::verdict::Verdict;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One lab.
#[derive(Serialize, Deserialize)]
pub struct Recorded {
    /// The fault that was switched on; none in a healthy lab.
    pub fault: Option<String>,
    /// What every clause was declared to come to.
    pub declared: BTreeMap<String, Verdict>,
    pub attempts: Vec<Attempt>,
    #[serde(skip)]
    pub name: String,
}

#[derive(Serialize, Deserialize)]
pub struct Attempt {
    pub item: String,
    pub facts: Vec<Fact>,
}

impl Recorded {
    /// The facts of an item; none where it was not attempted.
    pub fn facts(&self, item: &str) -> Option<Facts> {
        let attempt = self.attempts.iter().find(|attempt| attempt.item == item)?;
        Some(Facts(attempt.facts.clone()))
    }
}

/// Every lab that was recorded, by name.
pub static RECORDED: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    assert!(!files.is_empty(), "nothing is recorded");
    files.sort();
    files.iter().map(|path| read(path)).collect()
});

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts")
}

fn read(path: &Path) -> Recorded {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut recorded: Recorded = serde_json::from_str(&text).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    recorded.name = name.trim_end_matches(".json.gz").to_owned();
    recorded
}

/// What the healthy lab saw of an item.
pub fn healthy(item: &str) -> Facts {
    let healthy = RECORDED.iter().filter(|lab| lab.fault.is_none());
    let mut facts = healthy.filter_map(|lab| lab.facts(item));
    facts
        .next()
        .unwrap_or_else(|| panic!("no healthy lab was judged by {item}"))
}

/// The verdict of every clause.
pub fn verdicts(item: &Item, facts: &[Fact]) -> BTreeMap<String, Verdict> {
    let clauses = judge(item, facts);
    clauses
        .into_iter()
        .map(|clause| (clause.id, clause.verdict))
        .collect()
}

/// The clauses that did not pass, worst first, such as `FAIL V1.1; INCONCLUSIVE V1.4 V1.5`; `PASS` where all did.
pub fn shown(verdicts: &BTreeMap<String, Verdict>) -> String {
    let parts: Vec<String> = [Verdict::Fail, Verdict::Inconclusive, Verdict::Blocked]
        .into_iter()
        .filter_map(|verdict| {
            let clauses = verdicts.iter().filter(|(_, of)| **of == verdict);
            let ids: Vec<&str> = clauses.map(|(id, _)| id.as_str()).collect();
            (!ids.is_empty()).then(|| format!("{verdict} {}", ids.join(" ")))
        })
        .collect();
    if parts.is_empty() {
        "PASS".into()
    } else {
        parts.join("; ")
    }
}

/// One change to the facts of a healthy lab.
pub type Change = fn(&mut Facts);

/// Makes each change to the healthy facts of an item by itself, and compares what the clauses come to.
pub fn check(id: &str, rows: &[(&str, Change, &str)]) {
    let item = item(id).unwrap();
    let mut wrong = Vec::new();
    for (what, change, expected) in rows {
        let mut facts = healthy(id);
        change(&mut facts);
        assert!(facts.0 != healthy(id).0, "{what}: changes nothing");
        let got = shown(&verdicts(item, &facts.0));
        if got != *expected {
            wrong.push(format!("{what}\n  expected  {expected}\n  got       {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The facts of one attempt, to be changed.
#[derive(Clone)]
pub struct Facts(pub Vec<Fact>);

impl Facts {
    pub fn fact(&mut self, label: &str) -> &mut Fact {
        let found = self.0.iter_mut().find(|fact| fact.label == label);
        found.unwrap_or_else(|| panic!("no fact `{label}`"))
    }

    /// The answer of a fact.
    pub fn answer(&mut self, label: &str) -> &mut Value {
        match &mut self.fact(label).answer {
            Answer::Seen(value) => value,
            Answer::Unseen(why) => panic!("`{label}` was not seen: {why}"),
        }
    }

    pub fn set(&mut self, label: &str, value: impl Into<Value>) {
        *self.answer(label) = value.into();
    }

    /// Sets what stands at a JSON pointer of an answer.
    pub fn put(&mut self, label: &str, pointer: &str, value: impl Into<Value>) {
        let place = self.answer(label).pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("`{label}` has no {pointer}")) = value.into();
    }

    /// Adds an element to an answer that is a list.
    pub fn add(&mut self, label: &str, value: Value) {
        let Value::Array(list) = self.answer(label) else {
            panic!("`{label}` is no list")
        };
        list.push(value);
    }

    /// Adds a step that the recorded lab did not come to.
    pub fn also(&mut self, label: &str, question: Question, answer: Value) {
        let mut fact = self.0.last().unwrap().clone();
        fact.number += 1;
        fact.label = label.into();
        fact.watch = None;
        fact.question = question;
        fact.answer = Answer::Seen(answer);
        self.0.push(fact);
    }

    /// What a pull request of the harness changes was looked at in a step of this name: one file.
    pub fn harness_pull_changes(&mut self, name: &str, number: u64, file: &str) {
        let harness = self.answer("expectations")["upgrading"]["harness"].clone();
        let repository = harness.as_str().unwrap().to_owned();
        let label = format!("{name}.files.{repository}.{number}");
        let question = Question::PullFiles { repository, number };
        let changed = json!([{ "filename": file, "status": "changed" }]);
        self.also(&label, question, changed);
    }

    /// The pull request of a run adds files, each a path and a text, that upstream does not have.
    pub fn adds_files(&mut self, name: &str, files: &[(&str, &str)]) {
        let sides = [("before", "before.compose"), ("after", "compose")];
        for (side, of) in sides {
            let known = self.fact(&format!("{name}.{of}")).clone();
            let Question::File { repository, at, .. } = known.question else {
                panic!("`{name}.{of}` is about no file")
            };
            let Answer::Seen(compose) = known.answer else {
                panic!("`{name}.{of}` was not seen")
            };
            let added = files.iter().map(|(path, text)| {
                let is_there = side == "after";
                let answer = if is_there {
                    json!({ "text": text })
                } else {
                    Value::Null
                };
                (*path, answer)
            });
            for (path, answer) in added.chain([("compose.yml", compose)]) {
                let question = Question::File {
                    repository: repository.clone(),
                    path: path.into(),
                    at: at.clone(),
                };
                self.also(&format!("{name}.{side}.file.{path}"), question, answer);
            }
        }
        let allowed = ["compose.yml", "compose.*.yml", ".env.sample"];
        self.put("expectations", "/upgrading/allowed_paths", json!(allowed));
        for (path, _) in files {
            self.add(&format!("{name}.files"), json!({ "filename": path }));
        }
        let known = self.fact(&format!("{name}.tags.app")).clone();
        let (Question::Tags { image }, Answer::Seen(tags)) = (known.question, known.answer) else {
            panic!("`{name}.tags.app` shows no tags")
        };
        let label = format!("{name}.variants.tags.{image}");
        self.also(&label, Question::Tags { image }, tags);
    }

    pub fn unseen(&mut self, label: &str) {
        self.fact(label).answer = Answer::Unseen("connection refused".into());
    }

    pub fn drop(&mut self, label: &str) {
        self.fact(label);
        self.0.retain(|fact| fact.label != label);
    }

    /// Drops a step and all that came after it, but for the look at outages.
    pub fn stop_at(&mut self, label: &str) {
        let from = self.fact(label).number;
        self.0
            .retain(|fact| fact.number < from || fact.question == Question::Calm);
    }

    /// A watch that went on for all of its patience.
    pub fn in_vain(&mut self, label: &str) {
        let watch = self.fact(label).watch.as_mut().unwrap();
        watch.waited = watch.patience;
    }

    /// A watch that was broken off.
    pub fn broken_off(&mut self, label: &str) {
        let watch = self.fact(label).watch.as_mut().unwrap();
        watch.waited = watch.patience - 1;
    }

    /// Changes a build wherever it is seen.
    pub fn build(&mut self, number: u64, change: impl Fn(&mut Value)) {
        self.each(
            |question| matches!(question, Question::Builds { .. } | Question::Build { .. }),
            |value| value["number"] == number,
            change,
        );
    }

    /// Changes the statuses that tell how a build ended, wherever they are seen.
    pub fn end_status(&mut self, build: u64, change: impl Fn(&mut Value)) {
        self.each(
            |question| matches!(question, Question::Statuses { .. }),
            |value| {
                let page = value["target_url"].as_str().unwrap_or_default();
                page.ends_with(&format!("/{build}")) && value["status"] != "pending"
            },
            change,
        );
    }

    /// Changes the gate's result comment as one step saw it.
    pub fn result_comment(&mut self, label: &str, change: impl Fn(&str) -> String) {
        let Value::Array(list) = self.answer(label) else {
            panic!("`{label}` is no list")
        };
        for comment in list {
            let body = comment["body"].as_str().unwrap();
            if body.starts_with("<!-- cc-ci:testme -->") {
                comment["body"] = change(body).into();
            }
        }
    }

    /// Removes elements from an answer that is a list.
    pub fn remove(&mut self, label: &str, which: impl Fn(&Value) -> bool) {
        let Value::Array(list) = self.answer(label) else {
            panic!("`{label}` is no list")
        };
        let before = list.len();
        list.retain(|one| !which(one));
        assert!(list.len() < before, "`{label}` has no such element");
    }

    /// The bridge writes by the flow's account.
    pub fn share_an_account(&mut self) {
        let text = serde_json::to_string(&self.0).unwrap();
        let text = text.replace("\"bridge\"", "\"flow\"");
        self.0 = serde_json::from_str(&text).unwrap();
    }

    /// A build like another, with its own number.
    pub fn another_build(&mut self, label: &str, number: u64) -> Value {
        let mut build = match self.answer(label) {
            Value::Array(list) => list[0].clone(),
            one => one.clone(),
        };
        build["number"] = number.into();
        build
    }

    /// What the helper printed, in another way.
    pub fn printed(&mut self, label: &str, change: impl Fn(&str) -> String) {
        let stdout = change(self.answer(label)["stdout"].as_str().unwrap());
        self.put(label, "/stdout_bytes", stdout.len());
        self.put(label, "/stdout", stdout);
    }

    /// Changes some of what is seen by questions of one kind.
    fn each(
        &mut self,
        asked: impl Fn(&Question) -> bool,
        which: impl Fn(&Value) -> bool,
        change: impl Fn(&mut Value),
    ) {
        for fact in self.0.iter_mut().filter(|fact| asked(&fact.question)) {
            let Answer::Seen(value) = &mut fact.answer else {
                continue;
            };
            match value {
                Value::Array(list) => list.iter_mut().filter(|one| which(one)).for_each(&change),
                one if which(one) => change(one),
                _ => {}
            }
        }
    }
}

/// Takes what `lab matrix --evidence` left, and keeps what judges and tests need of it.
#[test]
#[ignore = "records the facts again; needs GAVEL_EVIDENCE"]
fn keep_the_recorded_facts() {
    let from = std::env::var_os("GAVEL_EVIDENCE").expect("GAVEL_EVIDENCE names the folder");
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let evidence = &value["evidence"];
        // An item that was not attempted has an attempt without facts.
        let attempts = evidence["attempts"].as_array().unwrap().iter();
        let attempts = attempts.filter(|attempt| attempt["facts"] != json!([]));
        // Of a broken lab what shows it: that nothing else turns is what the matrix is for, and healthy labs are kept whole.
        let declared: BTreeMap<String, Verdict> =
            serde_json::from_value(value["declared"].clone()).unwrap();
        let attempts = attempts.filter(|attempt| {
            let clauses = item(attempt["item"].as_str().unwrap()).unwrap().clauses;
            value["fault"].is_null()
                || clauses
                    .iter()
                    .any(|clause| declared[clause.id] != Verdict::Pass)
        });
        let attempts = attempts.map(|attempt| Attempt {
            item: attempt["item"].as_str().unwrap().to_owned(),
            facts: kept(&attempt["facts"]),
        });
        let recorded = Recorded {
            fault: serde_json::from_value(value["fault"].clone()).unwrap(),
            attempts: attempts.collect(),
            declared,
            name: String::new(),
        };
        let name = path.file_stem().unwrap().to_str().unwrap();
        let file = std::fs::File::create(folder().join(format!("{name}.json.gz"))).unwrap();
        let mut file = GzEncoder::new(file, Compression::best());
        file.write_all(&serde_json::to_vec(&recorded).unwrap())
            .unwrap();
        file.finish().unwrap();
    }
}

/// Facts without the greater part of what no judge reads, and without the names of the machine that they were recorded on.
fn kept(facts: &Value) -> Vec<Fact> {
    let path = |label: &str| {
        let mut facts = facts.as_array().unwrap().iter();
        let fact = facts.find(|fact| fact["label"] == label).unwrap();
        let path = fact["question"]["paths"][0].as_str().unwrap();
        Path::new(path).to_owned()
    };
    let (bridge, helper) = (path("version.bridge"), path("version.helper"));
    let lab = helper.ancestors().nth(2).unwrap().to_str().unwrap();
    let text = facts
        .to_string()
        .replace(lab, "/lab")
        .replace(bridge.to_str().unwrap(), "/usr/local/bin/gavel");
    let facts: Vec<Fact> = serde_json::from_str(&text).unwrap();
    let mut chain: Vec<Fact> = Vec::new();
    for fact in facts {
        let sighting = Sighting {
            label: fact.label,
            question: fact.question,
            asked: fact.asked,
            at: fact.at,
            watch: fact.watch,
            answer: match fact.answer {
                Answer::Seen(value) => Answer::Seen(thin(value)),
                unseen @ Answer::Unseen(_) => unseen,
            },
        };
        let fact = Fact::chain(sighting, chain.last());
        chain.push(fact);
    }
    chain
}

/// Accounts and repositories stand in every answer, at length.
fn thin(value: Value) -> Value {
    match value {
        Value::Object(entries) if entries.contains_key("login") => {
            json!({ "id": entries.get("id"), "login": entries.get("login") })
        }
        Value::Object(entries) if entries.contains_key("full_name") => {
            json!({ "id": entries.get("id"), "full_name": entries.get("full_name") })
        }
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, thin(value)));
            Value::Object(entries.collect())
        }
        Value::Array(list) => list.into_iter().map(thin).collect(),
        other => other,
    }
}

/// Every item that has facts, of every lab; the guardrails too.
pub fn attempts() -> Vec<(&'static Recorded, &'static Item, &'static [Fact])> {
    let of = |lab: &'static Recorded| {
        let attempts = lab.attempts.iter();
        attempts.filter_map(move |attempt| Some((lab, item(&attempt.item)?, &attempt.facts[..])))
    };
    RECORDED.iter().flat_map(of).collect()
}
