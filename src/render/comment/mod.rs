//! Gavel's comments, one function each: how far a run is, the verdict on an item, the report.

mod answers;
mod block;
mod filed;
mod history;
mod pausing;
mod report;
#[cfg(test)]
mod tests;
mod words;

pub use answers::{
    Planned, by_hand, cancelled, cleaned, cleanup_later, complaint, dry_run, edited_since,
    elsewhere, help, left_tampered, pull_closed, pull_opened, report_again, restored, status,
    tampered, too_many, turned_away, unlabelled, verified,
};
pub use block::block;
pub use filed::{FiledIssue, Filing, filed, filed_again, filed_title, filings};
pub use pausing::{paused, resumed, waits};
pub use report::{
    LONGEST, report, report_continued, report_continues, report_parts, report_shorter,
};
pub use words::{Heard, adversaries_only, anchored, heard, noted, notes};

use super::again::{self, Line};
use super::text::{capital, cell, code, shell, statements};
use super::{duration, evidence, facts_page, not_attempted};
use crate::evidence::Fact;
use crate::record::{Finding, ItemRecord, Judged, RunRecord, says};
use crate::store::{AttemptState, CutShort, Resource, ResourceKind, RunState};
use crate::verdict::{Clause, Verdict};
use askama::Template;

/// Templates are checked when Gavel is compiled; what is left to fail is writing to memory.
fn text(template: &impl Template) -> String {
    template
        .render()
        .unwrap_or_else(|error| format!("This comment could not be rendered: {error}"))
        .trim()
        .to_owned()
}

/// What ended a run early, as what was done to it.
fn ended_early(why: &CutShort) -> String {
    match why {
        CutShort::Cancelled { by } => format!("cancelled by {}", code(by)),
        CutShort::Overdue => "ended at its deadline (`patience.run`)".into(),
    }
}

#[derive(Template)]
#[template(path = "comment/progress.md", escape = "none")]
struct Progress<'a> {
    record: &'a RunRecord,
    doing: Option<&'a str>,
    trouble: &'a [String],
}

/// How far a run is; edited in place until it has ended.
pub fn progress(record: &RunRecord, doing: Option<&str>, trouble: &[String]) -> String {
    text(&Progress {
        record,
        doing,
        trouble,
    })
}

impl Progress<'_> {
    fn sign(&self) -> &'static str {
        match self.record.run.state {
            RunState::Queued => "🕓",
            RunState::Running | RunState::Cleaning => "⏳",
            RunState::Finished if self.record.run.cut_short.is_some() => "🚫",
            RunState::Finished => self.record.verdict().sign(),
        }
    }

    fn state(&self) -> String {
        let run = &self.record.run;
        match (&run.cut_short, run.state) {
            (Some(why), RunState::Finished) => format!(" was {}", ended_early(why)),
            (None, RunState::Finished) => format!(": {}", self.record.verdict()),
            (Some(CutShort::Cancelled { by }), _) => {
                format!(" is being cancelled, as {} asked", code(by))
            }
            (Some(CutShort::Overdue), _) => " is being ended: its deadline is over".into(),
            (None, state) => format!(" is {}", state.words()),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let items = self.record.items.iter().map(|item| self.row(item));
        items.chain(self.guardrails()).collect()
    }

    /// A run can fail by its guardrails alone: then they are the row that says why.
    fn guardrails(&self) -> Option<Row> {
        let guardrails = self.record.guardrails.as_ref()?;
        let judged = guardrails.latest.as_ref()?;
        Some(Row {
            sign: judged.verdict.sign(),
            item: guardrails.item.title.into(),
            words: format!(
                "[**{}**]({}){}",
                judged.verdict,
                facts_page(self.record, judged),
                disputed(guardrails)
            ),
        })
    }

    fn row(&self, item: &ItemRecord) -> Row {
        let running = item
            .attempts
            .iter()
            .any(|attempt| attempt.state == AttemptState::Running);
        let lost = item
            .attempts
            .iter()
            .filter(|attempt| attempt.state == AttemptState::Lost)
            .count();
        let again = match lost {
            0 => String::new(),
            1 => " (second attempt: the first was interrupted)".into(),
            lost => format!(" (attempt {}: earlier ones were interrupted)", lost + 1),
        };
        let (sign, words) = match &item.latest {
            Some(judged) => (judged.verdict.sign(), verdict_words(item, judged)),
            None if self.record.run.state == RunState::Finished => ("🚫", "not verified".into()),
            None if running => (
                "⏳",
                format!("{}{again}", cell(self.doing.unwrap_or("running"))),
            ),
            None => ("", "waiting".into()),
        };
        Row {
            sign,
            item: format!("**{}** {}", item.item.id, item.item.title),
            words,
        }
    }
}

struct Row {
    sign: &'static str,
    item: String,
    words: String,
}

/// Why a run may be no PASS where all of its items are.
fn disputed(item: &ItemRecord) -> &'static str {
    match item.is_disputed() {
        true => ", disputed",
        false => "",
    }
}

fn verdict_words(item: &ItemRecord, judged: &Judged) -> String {
    let verdict = match &item.verdict_comment {
        Some(url) => format!("[**{}**]({url})", judged.verdict),
        None => format!("**{}**", judged.verdict),
    };
    let disputed = disputed(item);
    match not_attempted(judged) {
        Some(_) => format!("{verdict}{disputed}"),
        None => format!("{verdict} in {}{disputed}", duration(judged.seconds())),
    }
}

#[derive(Template)]
#[template(path = "comment/verdict.md", escape = "none")]
struct VerdictComment<'a> {
    record: &'a RunRecord,
    item: &'a ItemRecord,
    judged: &'a Judged,
    findings: Vec<Finding<'a>>,
}

/// The verdict on one item, clause by clause.
pub fn verdict(record: &RunRecord, item: &ItemRecord) -> String {
    let Some(judged) = &item.latest else {
        return format!("{} has no verdict yet.", item.item.id);
    };
    let mut findings = record.findings();
    findings.retain(|finding| std::ptr::eq(finding.judged, judged));
    text(&VerdictComment {
        record,
        item,
        judged,
        findings,
    })
}

impl VerdictComment<'_> {
    fn said(&self) -> Vec<String> {
        words::said(self.record, self.item)
    }

    fn summary(&self) -> String {
        let of = |verdict: Verdict| -> Vec<&str> {
            let clauses = self.judged.clauses.iter();
            clauses
                .filter(|clause| clause.verdict == verdict)
                .map(|clause| clause.id.as_str())
                .collect()
        };
        let all = self.judged.clauses.len();
        match self.judged.verdict {
            Verdict::Pass => format!("All {all} clauses hold."),
            Verdict::Blocked if let Some(why) = not_attempted(self.judged) => {
                format!("{}. None of its {all} clauses was tried.", sentence(why))
            }
            _ => {
                let parts: Vec<String> = [
                    (Verdict::Fail, "failed"),
                    (Verdict::Inconclusive, "inconclusive"),
                    (Verdict::Blocked, "not attempted"),
                    (Verdict::Pass, "passed"),
                ]
                .into_iter()
                .filter_map(|(verdict, word)| match (verdict, of(verdict)) {
                    (_, ids) if ids.is_empty() => None,
                    (Verdict::Pass, ids) => Some(format!("{} {word}", ids.len())),
                    (_, ids) => Some(format!("{} {word} ({})", ids.len(), ids.join(", "))),
                })
                .collect();
                format!("Of {all} clauses: {}.", parts.join(", "))
            }
        }
    }
}

/// Something that verification made, what for, and how it ended. `page` is where a pull request is looked at.
fn resource(resource: &Resource, page: Option<&str>) -> String {
    let what = match (resource.number, resource.kind) {
        (Some(number), _) => match (format!("{}#{number}", resource.repository), page) {
            (name, Some(page)) => format!("pull request [{name}]({page})"),
            (name, None) => format!("pull request {name}"),
        },
        (None, ResourceKind::Session) => format!("session {}", code(&resource.name)),
        (None, ResourceKind::Deploys) => "deploys of the sandbox's recipes".to_owned(),
        (None, _) => format!(
            "{} {} of {}",
            resource.kind.word(),
            code(&resource.name),
            resource.repository
        ),
    };
    let ended = resource.ended.as_deref().unwrap_or("**still there**");
    format!("{what} ({}): {ended}", cell(&resource.purpose))
}

/// What a clause's row says: what was seen and where that leads, or the finding that says it already.
fn seen(record: &RunRecord, judged: &Judged, findings: &[Finding<'_>], clause: &Clause) -> String {
    let told = findings
        .iter()
        .find(|finding| std::ptr::eq(finding.clause, clause));
    if let Some(finding) = told {
        return format!("see {}", finding.id);
    }
    let links = links(record, judged, clause);
    let seen = statements(&clause.seen);
    if links.is_empty() {
        seen
    } else {
        format!("{seen}<br><sub>{links}</sub>")
    }
}

/// Links to the facts that a clause rests on, named by what they are; to the page where each is shown whole.
fn links(record: &RunRecord, judged: &Judged, clause: &Clause) -> String {
    let page = facts_page(record, judged);
    let cited: Vec<&Fact> = clause
        .evidence
        .iter()
        .filter_map(|number| judged.fact(*number))
        .collect();
    let few = evidence::few(&cited, &judged.facts);
    let mut links: Vec<String> = few
        .iter()
        .map(|fact| {
            // Small print: code in it is hard to read.
            let words = cell(&evidence::words(fact, &judged.facts).replace('`', ""));
            format!("[{words}]({page}#fact-{})", fact.number)
        })
        .collect();
    if few.len() < cited.len() {
        links.push(format!("[all {}]({page}#{})", cited.len(), clause.id));
    }
    links.join(" · ")
}

/// The lines that ask again, by hand, what a finding rests on: of the few facts that say most. What acts stands in comments of the shell, so
/// that whoever pastes all of it changes nothing.
fn commands(finding: &Finding<'_>) -> Vec<String> {
    let judged = finding.judged;
    let cited = finding.clause.evidence.iter();
    let cited: Vec<&Fact> = cited.filter_map(|number| judged.fact(*number)).collect();
    let few = evidence::few(&cited, &judged.facts).into_iter();
    let (mut asks, mut acts) = (Vec::new(), Vec::new());
    for line in few.filter_map(|fact| again::line(fact, &judged.facts)) {
        match line {
            Line::Ask(line) => asks.push(line),
            Line::Act(line) => acts.push(format!("# {line}")),
        }
    }
    if !acts.is_empty() {
        asks.push("# What was run acts again, and wants the flow's environment:".into());
    }
    asks.extend(acts);
    asks.dedup();
    asks
}

/// A text of others as a sentence's beginning.
fn sentence(text: &str) -> String {
    cell(&capital(text))
}
