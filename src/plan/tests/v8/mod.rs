//! V8, one change at a time. Of the set, `sandbox-upgrade` is upgraded first, then `sandbox-stale`, whose test is stale then;
//! `sandbox-current` has nothing newer.

mod dry;
mod live;
mod told;

use super::facts::{Facts, check};
use crate::evidence::{Answer, Fact, Question};
use serde_json::{Value, json};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";
const UPGRADE: &str = "recipe-maintainers/sandbox-upgrade";
const STALE: &str = "recipe-maintainers/sandbox-stale";
const HARNESS: &str = "recipe-maintainers/cc-ci";
const LIVE: &str = "V8.3 V8.4 V8.5 V8.6 V8.7";

fn prints(facts: &mut Facts, from: &str, to: &str) {
    says(facts, "dry", from, to);
}

fn says(facts: &mut Facts, run: &str, from: &str, to: &str) {
    facts.printed(run, |stdout| {
        assert!(stdout.contains(from), "{from:?} is not in {stdout}");
        stdout.replace(from, to)
    });
}

/// What stands behind the summary's line, changed.
fn summary(facts: &mut Facts, change: impl Fn(&str) -> String) {
    facts.printed("live", |stdout| {
        let (before, summary) = stdout.split_once("===== SUMMARY =====\n").unwrap();
        format!("{before}===== SUMMARY =====\n{}", change(summary))
    });
}

fn ends(facts: &mut Facts, run: &str, end: Value) {
    facts.put(run, "/end", end);
}

fn pull(facts: &mut Facts, recipe: &str) -> Value {
    facts.answer(&format!("set.{recipe}.pull")).clone()
}

fn page(facts: &mut Facts, recipe: &str) -> String {
    pull(facts, recipe)["html_url"].as_str().unwrap().to_owned()
}

/// The flow's pull request in the lists after the run, changed.
fn listed(facts: &mut Facts, recipe: &str, change: impl Fn(&mut Vec<Value>, usize)) {
    let number = pull(facts, recipe)["number"].clone();
    let label = format!("set.{recipe}.after.mirror.pulls");
    let Value::Array(list) = facts.answer(&label) else {
        panic!("{label}")
    };
    let at = list.iter().position(|pull| pull["number"] == number);
    change(list, at.unwrap());
}

/// A pull request that was not there before.
fn opened(facts: &mut Facts, label: &str, by: &str) {
    let mut pull = pull(facts, "sandbox-upgrade");
    pull["number"] = 900.into();
    pull["head"]["sha"] = OTHER.into();
    pull["user"]["login"] = by.into();
    pull["html_url"] = "http://forge/o/r/pulls/900".into();
    if facts.answer(label).is_null() {
        facts.set(label, json!([]));
    }
    facts.add(label, pull);
}

fn act(id: u64, op: &str, repository: &str, branch: &str, content: &str) -> Value {
    let branch = match branch {
        "" => String::new(),
        branch => format!("refs/heads/{branch}"),
    };
    json!({ "id": id, "op_type": op, "repo": { "full_name": repository }, "ref_name": branch, "content": content })
}

/// An act of the flow's account during the dry run. Its number is low, so that what is asked about the live run stays the same.
fn in_dry(facts: &mut Facts, op: &str, repository: &str, branch: &str) {
    if facts.answer("dry.acts").is_null() {
        facts.set("dry.acts", json!([]));
    }
    facts.add("dry.acts", act(1, op, repository, branch, "3|note"));
}

fn in_live(facts: &mut Facts, op: &str, repository: &str, branch: &str, content: &str) {
    facts.add("live.acts", act(90_000, op, repository, branch, content));
}

/// A comment on the pull request that Gavel opened in a mirror, seen after the dry run.
fn noted(facts: &mut Facts, recipe: &str, by: &str, body: &str) {
    let label = own(facts, recipe);
    let number = facts.answer(&label)["number"].clone();
    let comment = json!({ "id": 90_000, "user": { "login": by }, "body": body });
    facts.add(&format!("dry.{recipe}.talk.{number}"), comment);
}

fn own(facts: &mut Facts, recipe: &str) -> String {
    let labels = ["baseline".to_owned(), format!("own.{recipe}")];
    let is = |fact: &Fact| {
        labels.contains(&fact.label)
            && matches!(&fact.question, Question::OpenPull { repository, .. } if repository.ends_with(recipe))
    };
    facts.0.iter().find(|fact| is(fact)).unwrap().label.clone()
}

fn status(facts: &mut Facts, by: &str, context: &str) {
    let status = json!({ "id": 90_000, "status": "pending", "context": context, "creator": { "login": by } });
    if facts.answer("dry.sandbox-upgrade.statuses").is_null() {
        facts.set("dry.sandbox-upgrade.statuses", json!([]));
    }
    facts.add("dry.sandbox-upgrade.statuses", status);
}

/// A build that was started during the dry run. With the number of the last one before it, what is asked later stays the same.
fn built(facts: &mut Facts, recipe: &str, number: &Value) {
    let newest = facts.answer("before.builds").clone();
    if facts.answer("dry.builds").is_null() {
        facts.set("dry.builds", json!([]));
    }
    let params = json!({ "RECIPE": recipe, "REF": OTHER, "PR": number.to_string() });
    facts.add(
        "dry.builds",
        json!({ "number": newest, "status": "running", "params": params }),
    );
}

/// The build of the flow's pull request.
fn build(facts: &mut Facts, recipe: &str) -> u64 {
    let build = facts.answer(&format!("set.{recipe}.build"));
    build["number"].as_u64().unwrap()
}

fn test(facts: &mut Facts, label: &str, name: &str, status: &str) {
    let Value::Array(stages) = &mut facts.answer(label)["stages"] else {
        panic!("{label}")
    };
    let tests = stages
        .iter_mut()
        .flat_map(|stage| stage["tests"].as_array_mut().unwrap());
    let mut found = tests.filter(|test| test["name"] == name);
    found.next().unwrap()["status"] = status.into();
}

fn hand(facts: &mut Facts, recipe: &str, kind: &str) {
    let event = json!({ "id": 90_000, "type": kind, "user": { "login": "maintainer" } });
    facts.add(&format!("set.{recipe}.history"), event);
}

fn triggers(facts: &mut Facts, recipe: &str) {
    let comment = json!({ "id": 90_000, "user": { "login": "maintainer" }, "body": "!testme" });
    facts.add(&format!("set.{recipe}.talk"), comment);
    hand(facts, recipe, "comment");
}

/// What happened in the swarm.
fn events(facts: &mut Facts, change: impl Fn(&mut Vec<Value>)) {
    let Value::Array(events) = &mut facts.answer("live.deploys")["events"] else {
        panic!("live.deploys")
    };
    change(events);
}

fn event(action: &str, name: &str) -> Value {
    json!({ "at": 1, "action": action, "kind": "service", "id": "x", "name": name })
}

fn upstream_moves(facts: &mut Facts, recipe: &str) {
    for label in [
        format!("dry.{recipe}.upstream"),
        format!("set.{recipe}.after.upstream"),
    ] {
        facts.put(&label, "/commit/id", OTHER);
    }
}

/// All lines of the dry run in another form.
fn list(facts: &mut Facts, change: impl Fn(&str) -> String) {
    facts.printed("dry", change);
}
