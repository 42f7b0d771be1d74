//! V7, one change at a time. Pull request 1 is the change that upstream took, 2 the earlier upgrade, 3 the unrelated one, 4 the flow's.

use super::facts::{Facts, check};
use serde_json::json;

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// A seeded pull request is still open.
fn left_open(facts: &mut Facts, seed: &str) {
    facts.put(&format!("{seed}.after"), "/state", "open");
}

/// Somebody else closed it.
fn closed_by(facts: &mut Facts, seed: &str, who: &str) {
    let history = format!("{seed}.history");
    facts.remove(&history, |event| event["type"] == "close");
    facts.add(
        &history,
        json!({ "id": 9000, "type": "close", "user": { "login": who } }),
    );
}

fn merged_by(facts: &mut Facts, seed: &str, who: &str) {
    let after = format!("{seed}.after");
    facts.put(&after, concat!("/", "merged"), true);
    facts.put(&after, concat!("/", "merged_by"), json!({ "login": who }));
}

/// The only note of the flow on the pull request whose change is upstream.
fn noted(facts: &mut Facts, body: &str) {
    unsaid(facts, "merged");
    facts.add(
        "merged.talk",
        json!({ "id": 9000, "user": { "login": "flow" }, "body": body }),
    );
}

/// What the forge notes on the unrelated pull request.
fn happened(facts: &mut Facts, kind: &str, who: &str) {
    facts.add(
        "unrelated.history",
        json!({ "id": 9000, "type": kind, "user": { "login": who } }),
    );
}

fn unsaid(facts: &mut Facts, seed: &str) {
    facts.remove(&format!("{seed}.talk"), |comment| {
        comment["user"]["login"] == "flow"
    });
}

#[test]
fn main_is_what_upstreams_is() {
    check(
        "V7",
        &[
            (
                "the mirror stays behind",
                |facts| {
                    let before = facts.answer("run.before.mirror").clone();
                    facts.set("run.after.mirror", before);
                },
                "FAIL V7.1",
            ),
            (
                "the mirror is elsewhere",
                |facts| facts.put("run.after.mirror", "/commit/id", OTHER),
                "FAIL V7.1",
            ),
            (
                "the mirror was not behind",
                |facts| {
                    let upstream = facts.answer("run.before.upstream").clone();
                    facts.set("run.before.mirror", upstream);
                },
                "INCONCLUSIVE V7.1 V7.2",
            ),
            (
                "upstream was moved by somebody else, too",
                |facts| facts.put("run.before.upstream", "/commit/id", OTHER),
                "INCONCLUSIVE V7.1 V7.2 V7.3",
            ),
            (
                "upstream could not be seeded",
                |facts| facts.unseen("seed.moved"),
                "INCONCLUSIVE V7.1 V7.2",
            ),
        ],
    );
}

#[test]
fn what_is_upstream_is_closed_with_a_note() {
    check(
        "V7",
        &[
            (
                "it is left open",
                |facts| left_open(facts, "merged"),
                "FAIL V7.2",
            ),
            (
                "it is closed without a word",
                |facts| unsaid(facts, "merged"),
                "FAIL V7.2",
            ),
            (
                "it is closed with a word that says nothing",
                |facts| noted(facts, "Closing."),
                "FAIL V7.2",
            ),
            (
                "why is said where no reader sees it",
                |facts| noted(facts, "<!-- merged-upstream -->\n:broom:"),
                "FAIL V7.2",
            ),
            (
                "why is said in other words",
                |facts| noted(facts, "This landed in upstream main."),
                "PASS",
            ),
            (
                "it is said that upstream holds the same",
                |facts| noted(facts, "Upstream contains the very diff by now."),
                "PASS",
            ),
            (
                "it is said that upstream has it, and that nothing is merged here",
                |facts| noted(facts, "Upstream has this change already, not merging it."),
                "PASS",
            ),
            (
                "it is said that upstream does not have it",
                |facts| noted(facts, "Not merged upstream, closing as superseded."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "it is closed as superseded, since upstream went on",
                |facts| noted(facts, "Superseded by #12: upstream has moved to 2.0.0."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "it is said that upstream cannot take it",
                |facts| noted(facts, "Closing: this cannot be merged upstream."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "it is asked that upstream takes it",
                |facts| noted(facts, "Please get this merged upstream first."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "upstream has gone on otherwise",
                |facts| noted(facts, "Closed, since upstream already moved on."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "it is said that it is merged, and not where",
                |facts| noted(facts, "Already merged in coop-cloud/sandbox@main."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "upstream is named, in words that may say anything",
                |facts| noted(facts, "Closing in favour of upstream."),
                "INCONCLUSIVE V7.2",
            ),
            (
                "somebody else says why",
                |facts| {
                    unsaid(facts, "merged");
                    facts.add("merged.talk", json!({ "id": 9000, "user": { "login": "somebody" }, "body": "merged upstream" }));
                },
                "FAIL V7.2",
            ),
            (
                "it is merged by the flow",
                |facts| merged_by(facts, "merged", "flow"),
                "FAIL V7.2",
            ),
            (
                "it is merged by the forge",
                |facts| merged_by(facts, "merged", "gavel"),
                "INCONCLUSIVE V7.2",
            ),
            (
                "a person closes it",
                |facts| closed_by(facts, "merged", "maintainer"),
                "INCONCLUSIVE V7.2",
            ),
            (
                "another pull request was looked at",
                |facts| facts.put("merged.after", "/number", 9),
                "INCONCLUSIVE V7.2",
            ),
        ],
    );
}

#[test]
fn what_is_superseded_is_replaced() {
    check(
        "V7",
        &[
            (
                "it is left open",
                |facts| left_open(facts, "superseded"),
                "FAIL V7.3",
            ),
            (
                "it is merged by the flow",
                |facts| merged_by(facts, "superseded", "flow"),
                "FAIL V7.3",
            ),
            (
                "a person closes it",
                |facts| closed_by(facts, "superseded", "maintainer"),
                "INCONCLUSIVE V7.3",
            ),
            (
                "nothing replaces it",
                |facts| {
                    facts.remove("run.after.mirror.pulls", |pull| {
                        pull["user"]["login"] == "flow"
                    });
                },
                "FAIL V7.3",
            ),
            (
                "what replaces it is closed, too",
                |facts| facts.put("run.pull", "/state", "closed"),
                "INCONCLUSIVE V7.3",
            ),
            (
                "there is no newer version that could supersede it",
                |facts| facts.put("run.tags.app", "/tags", json!(["1.0.0"])),
                "INCONCLUSIVE V7.3",
            ),
        ],
    );
}

#[test]
fn what_is_unrelated_is_left_alone() {
    check(
        "V7",
        &[
            (
                "the flow closes it",
                |facts| {
                    facts.put("unrelated.after", "/state", "closed");
                    facts.add(
                        "unrelated.history",
                        json!({ "id": 9000, "type": "close", "user": { "login": "flow" } }),
                    );
                },
                "FAIL V7.4",
            ),
            (
                "the flow closes it and opens it again",
                |facts| {
                    facts.add(
                        "unrelated.history",
                        json!({ "id": 9000, "type": "reopen", "user": { "login": "flow" } }),
                    );
                },
                "FAIL V7.4",
            ),
            (
                "the flow gives it another title",
                |facts| happened(facts, "change_title", "flow"),
                "FAIL V7.4",
            ),
            (
                "the flow mentions it in a comment elsewhere",
                |facts| happened(facts, "comment_ref", "flow"),
                "PASS",
            ),
            (
                "the flow mentions it in another pull request's text",
                |facts| happened(facts, "pull_ref", "flow"),
                "PASS",
            ),
            (
                "the flow mentions it in a commit's message",
                |facts| happened(facts, "commit_ref", "flow"),
                "PASS",
            ),
            (
                "the flow gives it another branch to go to",
                |facts| happened(facts, "change_issue_ref", "flow"),
                "FAIL V7.4",
            ),
            (
                "the flow writes on it",
                |facts| {
                    facts.add(
                        "unrelated.talk",
                        json!({ "id": 9000, "user": { "login": "flow" }, "body": "hello" }),
                    );
                },
                "FAIL V7.4",
            ),
            (
                "a person closes it",
                |facts| facts.put("unrelated.after", "/state", "closed"),
                "INCONCLUSIVE V7.4",
            ),
            (
                "a person pushes to it",
                |facts| facts.put("unrelated.after", "/head/sha", OTHER),
                "INCONCLUSIVE V7.4",
            ),
            (
                "a person writes on it",
                |facts| {
                    facts.add(
                        "unrelated.talk",
                        json!({ "id": 9000, "user": { "login": "maintainer" }, "body": "hello" }),
                    );
                },
                "PASS",
            ),
            (
                "the flow cannot be started",
                |facts| facts.put("run", "/end", json!({ "not_started": "no such file" })),
                "BLOCKED V7.1 V7.2 V7.3 V7.4",
            ),
        ],
    );
}
