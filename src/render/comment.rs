//! Gavel's comments, one function each.

use super::duration;
use super::text::{cell, code};
use crate::command::Complaint;
use crate::config::Tracking;
use crate::engine::record::{Finding, ItemRecord, Judged, RunRecord};
use crate::plan::Item;
use crate::store::{AttemptState, Run, RunState};
use crate::verdict::{Clause, Verdict};
use askama::Template;
use url::Url;

/// Templates are checked when Gavel is compiled; what is left to fail is writing to memory.
fn text(template: &impl Template) -> String {
    template
        .render()
        .unwrap_or_else(|error| format!("This comment could not be rendered: {error}"))
        .trim()
        .to_owned()
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
            RunState::Finished if self.record.run.cancelled_by.is_some() => "🚫",
            RunState::Finished => self.record.verdict().sign(),
        }
    }

    fn state(&self) -> String {
        let run = &self.record.run;
        match (&run.cancelled_by, run.state) {
            (Some(by), RunState::Finished) => format!("cancelled by {}", code(by)),
            (None, RunState::Finished) => format!("**{}**", self.record.verdict()),
            (_, state) => state.words().to_owned(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        self.record
            .items
            .iter()
            .map(|item| self.row(item))
            .collect()
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
            id: item.item.id,
            title: item.item.title,
            words,
        }
    }
}

struct Row {
    sign: &'static str,
    id: &'static str,
    title: &'static str,
    words: String,
}

fn verdict_words(item: &ItemRecord, judged: &Judged) -> String {
    let verdict = match &item.verdict_comment {
        Some(url) => format!("[**{}**]({url})", judged.verdict),
        None => format!("**{}**", judged.verdict),
    };
    format!("{verdict} in {}", duration(judged.seconds()))
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
    fn summary(&self) -> String {
        let count = |verdict: Verdict| {
            self.judged
                .clauses
                .iter()
                .filter(|clause| clause.verdict == verdict)
                .count()
        };
        let all = self.judged.clauses.len();
        match self.judged.verdict {
            Verdict::Pass => format!("All {all} clauses hold."),
            _ => {
                let parts: Vec<String> = [
                    (Verdict::Fail, "failed"),
                    (Verdict::Inconclusive, "inconclusive"),
                    (Verdict::Blocked, "not attempted"),
                    (Verdict::Pass, "passed"),
                ]
                .into_iter()
                .filter(|(verdict, _)| count(*verdict) > 0)
                .map(|(verdict, word)| format!("{} {word}", count(verdict)))
                .collect();
                format!("Of {all} clauses: {}.", parts.join(", "))
            }
        }
    }
}

#[derive(Template)]
#[template(path = "comment/report.md", escape = "none")]
struct Report<'a> {
    record: &'a RunRecord,
    findings: Vec<Finding<'a>>,
}

/// REVIEW-5, as it stands on the tracking issue and as the file of that name.
pub fn report(record: &RunRecord) -> String {
    text(&Report {
        record,
        findings: record.findings(),
    })
}

impl Report<'_> {
    /// What was verified; where items saw different versions, each is named.
    fn versions(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for judged in self
            .record
            .items
            .iter()
            .filter_map(|item| item.latest.as_ref())
        {
            for version in judged.versions() {
                if !all.contains(&version) {
                    all.push(version);
                }
            }
        }
        all.sort();
        all
    }

    fn resources(&self) -> Vec<String> {
        self.record
            .resources
            .iter()
            .filter(|resource| resource.ended.as_deref() != Some("never made"))
            .map(|resource| {
                let what = match resource.number {
                    Some(number) => format!("pull request {}#{number}", resource.repository),
                    None => format!(
                        "{} {} of {}",
                        resource.kind.word(),
                        code(&resource.name),
                        resource.repository
                    ),
                };
                let ended = resource.ended.as_deref().unwrap_or("**still there**");
                format!("{what} ({}): {ended}", cell(&resource.purpose))
            })
            .collect()
    }
}

/// A clause's sentence, as a table shows it.
fn sentence(item: &ItemRecord, clause: &Clause) -> String {
    cell_keep_code(crate::engine::record::says(item.item, &clause.id))
}

fn cell_keep_code(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Links to the facts that a clause rests on: to the page where each is shown whole.
fn evidence(record: &RunRecord, judged: &Judged, clause: &Clause) -> String {
    const SHOWN: usize = 4;
    let page = format!(
        "{}/{}/{}",
        record.page(),
        judged.attempt.item,
        judged.attempt.ordinal
    );
    if clause.evidence.is_empty() {
        return "–".into();
    }
    // The last ones decide: what was seen at the end.
    let mut links: Vec<String> = clause
        .evidence
        .iter()
        .filter_map(|number| judged.fact(*number))
        .map(|fact| format!("[{}]({page}#fact-{})", fact.number, fact.number))
        .collect();
    let more = links.len().saturating_sub(SHOWN);
    if more > 0 {
        links = links.split_off(more);
        links.insert(0, format!("[+{more}]({page}#{})", clause.id));
    }
    links.join(" ")
}

/// The answer to `/status`.
pub fn status(open: &[RunRecord]) -> String {
    if open.is_empty() {
        return "Nothing is running. `/verify all` starts a run, `/help` tells what else there is."
            .into();
    }
    let lines: Vec<String> = open
        .iter()
        .map(|record| {
            let items: Vec<String> = record
                .items
                .iter()
                .map(|item| match &item.latest {
                    Some(judged) => format!("{} {}", item.item.id, judged.verdict.sign()),
                    None => item.item.id.to_owned(),
                })
                .collect();
            let run = match &record.progress_comment {
                Some(url) => format!("[Run {}]({url})", record.run.id),
                None => format!("Run {}", record.run.id),
            };
            format!(
                "- {run} is {}, asked for by {}: {}",
                record.run.state.words(),
                code(&record.run.account),
                items.join(", ")
            )
        })
        .collect();
    lines.join("\n")
}

/// The answer to `/cancel`.
pub fn cancelled(cancelled: Option<u64>, open: &[Run]) -> String {
    match (cancelled, open.first()) {
        (Some(run), _) => format!(
            "Run {run} is being cancelled. What it opened is closed; nothing is judged any more."
        ),
        (None, Some(run)) => format!("Run {} is ending already.", run.id),
        (None, None) => "Nothing is running that could be cancelled.".into(),
    }
}

/// The answer to `/report`.
pub fn report_again(latest: Option<&RunRecord>) -> String {
    match latest {
        Some(record) => report(record),
        None => "There is no report yet: no run has ended. `/verify all` starts one.".into(),
    }
}

/// The answer to `/verify … dry-run`.
pub fn dry_run(items: &[&Item]) -> String {
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            format!(
                "- **{}** {}: {} clauses",
                item.id,
                item.title,
                item.clauses.len()
            )
        })
        .collect();
    format!(
        "This would be verified, in this order. Nothing was started.\n\n{}",
        lines.join("\n")
    )
}

/// The answer to `/help`.
pub fn help(items: &[Item]) -> String {
    let known: Vec<String> = items
        .iter()
        .map(|item| format!("| {} | {} |", item.id, cell_keep_code(item.title)))
        .collect();
    let last = items.last().map_or("V2", |item| item.id);
    format!(
        "| Command | What it does |\n|---|---|\n\
         | `/verify V1`, `/verify V1-{last}`, `/verify all` | verifies these items and what they need; `keep` leaves what was opened, `force` goes on after a failed prerequisite |\n\
         | `/status` | tells what is running |\n\
         | `/cancel` | ends the run and closes what it opened |\n\
         | `/report` | posts the latest report again |\n\
         | `/help` | this |\n\n\
         | Item | What is verified |\n|---|---|\n{}\n\n\
         <sub>A command stands at the start of a line. An edited comment is not executed: write a new one.</sub>",
        known.join("\n")
    )
}

/// The one answer to somebody who may not command.
pub fn turned_away(account: &str, tracking: &Tracking) -> String {
    format!(
        "Sorry, {}: only those whom this installation names, or who can write to {}, may give me commands. Nothing was started. I will not answer further commands of yours here.",
        code(account),
        tracking.repository
    )
}

/// The answer to a command that means nothing.
pub fn complaint(line: &str, complaint: &Complaint) -> String {
    format!(
        "{}\n\n<sub>You wrote {}.</sub>",
        cell(&complaint.to_string()),
        code(line)
    )
}

/// The answer to a command that belongs on the tracking issue.
pub fn elsewhere(tracking: &Tracking, forge: &Url) -> String {
    format!(
        "That belongs on the [tracking issue]({}/{}/issues/{}). Here I answer `/status` and `/help`.",
        forge.as_str().trim_end_matches('/'),
        tracking.repository,
        tracking.issue
    )
}

/// The first comment in a pull request that verification opened.
pub fn pull_opened(purpose: &str, run: u64, public_url: &Url) -> String {
    format!(
        "🔬 This pull request belongs to [verification run {run}]({}/runs/{run}): {}. It is closed when that is done. Please do not merge it.",
        public_url.as_str().trim_end_matches('/'),
        cell(purpose)
    )
}

/// The last comment in a pull request that verification opened.
pub fn pull_closed(run: u64, public_url: &Url) -> String {
    format!(
        "Done: [verification run {run}]({}/runs/{run}) needs this pull request no more. Closed, not merged; its branch is deleted.",
        public_url.as_str().trim_end_matches('/')
    )
}
