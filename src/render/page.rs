//! Gavel's own pages: plain HTML, readable without scripts.

use super::text::html as marked;
use super::{again, duration, evidence};
use crate::evidence::{Answer, Fact, Lasting};
use crate::plan::Item;
use crate::record::{RunRecord, says};
use crate::store::{Attempt, RunState};
use crate::verdict::Clause;
use askama::Template;

fn html(template: &impl Template) -> String {
    template
        .render()
        .unwrap_or_else(|error| format!("This page could not be rendered: {error}"))
}

#[derive(Template)]
#[template(path = "page/index.html")]
struct Index<'a> {
    records: &'a [RunRecord],
}

/// The latest runs.
pub fn index(records: &[RunRecord]) -> String {
    html(&Index { records })
}

#[derive(Template)]
#[template(path = "page/run.html")]
struct RunPage<'a> {
    record: &'a RunRecord,
}

/// One run.
pub fn run(record: &RunRecord) -> String {
    html(&RunPage { record })
}

#[derive(Template)]
#[template(path = "page/attempt.html")]
struct AttemptPage<'a> {
    record: &'a RunRecord,
    item: &'static Item,
    attempt: &'a Attempt,
    clauses: &'a [Clause],
    facts: &'a [Fact],
}

/// Every fact of one attempt, and the clauses that they led to.
pub fn attempt(
    record: &RunRecord,
    item: &'static Item,
    attempt: &Attempt,
    clauses: &[Clause],
    facts: &[Fact],
) -> String {
    html(&AttemptPage {
        record,
        item,
        attempt,
        clauses,
        facts,
    })
}

impl AttemptPage<'_> {
    fn answer(&self, fact: &Fact) -> String {
        match &fact.answer {
            Answer::Seen(serde_json::Value::String(text)) => text.clone(),
            Answer::Seen(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Answer::Unseen(why) => format!("Nothing came back: {why}"),
        }
    }

    fn question(&self, fact: &Fact) -> String {
        serde_json::to_string(&fact.question).unwrap_or_default()
    }

    /// What a fact is about, as a link or heading says it.
    fn words(&self, fact: &Fact) -> String {
        marked(&evidence::words(fact, self.facts))
    }

    fn again(&self, fact: &Fact) -> Option<String> {
        again::command(fact)
    }

    fn place(&self, fact: &Fact) -> Option<String> {
        evidence::place(fact, self.facts)
    }

    fn cited(&self, clause: &Clause) -> Vec<&Fact> {
        let cites = |fact: &&Fact| clause.evidence.contains(&fact.number);
        self.facts.iter().filter(cites).collect()
    }

    fn lasting(&self, fact: &Fact) -> &'static str {
        match fact.lasting {
            Lasting::Immutable => "can be asked again, and cannot change",
            Lasting::Mutable => "can be asked again, and others may change it",
            Lasting::Ephemeral => "was true then, and cannot be asked again",
        }
    }
}
