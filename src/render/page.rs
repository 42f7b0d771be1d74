//! Gavel's own pages: plain HTML, readable without scripts.

use super::again::{self, Line};
use super::text::{capital, html as marked, html_statements as statements, verbatim};
use super::{duration, evidence, facts_page, not_attempted, pull_page};
use crate::evidence::{Answer, Fact, Lasting, Question};
use crate::plan::Item;
use crate::record::{RunRecord, says};
use crate::store::{Attempt, CutShort, RunState};
use crate::verdict::Clause;
use askama::Template;

/// Where a fix would go, as a sentence.
fn mend(clause: &Clause) -> String {
    marked(&format!("{}.", capital(&clause.mend)))
}

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
        let answer = match &fact.answer {
            Answer::Seen(serde_json::Value::String(text)) => text.clone(),
            Answer::Seen(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Answer::Unseen(why) => format!("Nothing came back: {why}"),
        };
        verbatim(&answer)
    }

    fn question(&self, fact: &Fact) -> String {
        verbatim(&serde_json::to_string(&fact.question).unwrap_or_default())
    }

    /// What a fact is about, as a link or heading says it.
    fn words(&self, fact: &Fact) -> String {
        marked(&evidence::words(fact, self.facts))
    }

    /// The line that asks again, after what it does today.
    fn again(&self, fact: &Fact) -> Option<(&'static str, String)> {
        Some(match (again::line(fact, self.facts)?, fact.lasting) {
            (Line::Act(line), _) => ("run again", line),
            (Line::Ask(line), Lasting::Ephemeral) => ("as it is now", line),
            (Line::Ask(line), _) => ("ask again", line),
        })
    }

    fn place(&self, fact: &Fact) -> Option<String> {
        evidence::place(fact, self.facts)
    }

    /// The facts that a clause rests on, by what they are about: several looks at the same are one of these.
    fn cited(&self, clause: &Clause) -> Vec<(String, Vec<u32>)> {
        let mut cited: Vec<(String, Vec<u32>)> = Vec::new();
        let cites = |fact: &&Fact| clause.evidence.contains(&fact.number);
        for fact in self.facts.iter().filter(cites) {
            let words = self.words(fact);
            match cited.iter_mut().find(|(known, _)| *known == words) {
                Some((_, numbers)) => numbers.push(fact.number),
                None => cited.push((words, vec![fact.number])),
            }
        }
        cited
    }

    fn lasting(&self, fact: &Fact) -> &'static str {
        match fact.lasting {
            Lasting::Immutable => "can be asked again, and cannot change",
            Lasting::Mutable => "can be asked again, and others may change it",
            Lasting::Ephemeral if matches!(fact.question, Question::Run { .. }) => {
                "was done then; to run it again is to act again, with the environment of the flow"
            }
            Lasting::Ephemeral => "was true then, and is kept here only",
        }
    }
}
