//! REVIEW-5: as one text, and as comments of a length that the forge takes.

use super::super::text::{capital, cell, code, shell};
use super::super::{duration, facts_page, not_attempted, pull_page};
use super::{commands, ended_early, links, resource, seen, sentence, text, words::words};
use crate::plan::guardrails;
use crate::record::{Finding, ItemRecord, Judged, RunRecord, says};
use crate::verdict::{Clause, Verdict};
use askama::Template;

/// Bytes of one comment. Forges and their databases differ in what they take; people do not read more at once.
pub const LONGEST: usize = 60_000;

#[derive(Template)]
#[template(path = "comment/report.md", escape = "none")]
struct Head<'a> {
    record: &'a RunRecord,
    findings: &'a [Finding<'a>],
}

#[derive(Template)]
#[template(path = "comment/report_item.md", escape = "none")]
struct OfItem<'a> {
    record: &'a RunRecord,
    item: &'a ItemRecord,
    judged: &'a Judged,
    findings: &'a [Finding<'a>],
}

#[derive(Template)]
#[template(path = "comment/report_versions.md", escape = "none")]
struct Versions {
    versions: Vec<Version>,
}

/// What answers or files of one part gave, and the fact that shows it.
struct Version {
    part: String,
    version: String,
    seen: String,
}

#[derive(Template)]
#[template(path = "comment/report_resources.md", escape = "none")]
struct Resources {
    resources: Vec<String>,
}

#[derive(Template)]
#[template(path = "comment/report_cold.md", escape = "none")]
struct Cold<'a> {
    page: &'a str,
    /// What seals each attempt, as `gavel audit` takes it.
    heads: Vec<String>,
}

/// REVIEW-5, as the file of that name.
pub fn report(record: &RunRecord) -> String {
    blocks(record, usize::MAX).join("\n\n")
}

/// REVIEW-5 as it stands on the tracking issue: in as many comments as it takes where none may be longer than `longest` bytes. What
/// belongs together stays together.
pub fn report_parts(record: &RunRecord, longest: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for block in blocks(record, longest) {
        match parts.last_mut() {
            Some(part) if part.len() + 2 + block.len() <= longest => {
                part.push_str("\n\n");
                part.push_str(&block);
            }
            _ => parts.push(block),
        }
    }
    parts
}

/// The end of a report's first comment: where the others are.
pub fn report_continues(others: &[Option<String>]) -> String {
    let links: Vec<String> = others
        .iter()
        .enumerate()
        .map(|(number, url)| link(number + 2, url.as_deref()))
        .collect();
    format!("*Continues in {}.*", links.join(", "))
}

/// The beginning of a report's other comments.
pub fn report_continued(first: Option<&str>, number: usize, all: usize) -> String {
    format!(
        "*REVIEW-5, part {number} of {all}; it begins in {}.*",
        link(1, first)
    )
}

/// What stands in a comment that a report does not need any more.
pub fn report_shorter(first: Option<&str>) -> String {
    format!(
        "*REVIEW-5 is shorter now, and needs this comment no more; it begins in {}.*",
        link(1, first)
    )
}

fn link(number: usize, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("[part {number}]({url})"),
        None => format!("part {number}"),
    }
}

/// The report's parts that stay whole. One that is longer than `longest` bytes says where it can be read instead.
fn blocks(record: &RunRecord, longest: usize) -> Vec<String> {
    if let (true, Some(why)) = (record.is_empty(), &record.run.cut_short) {
        return vec![format!(
            "🚫 Run {} was {} before anything was judged. What it had opened is closed.",
            record.run.id,
            ended_early(why)
        )];
    }
    let findings = record.findings();
    let mut blocks = vec![text(&Head {
        record,
        findings: &findings,
    })];
    let before = super::history::history(record);
    if !before.is_empty() {
        blocks.push(before);
    }
    for item in record.everything() {
        if let Some(judged) = &item.latest {
            blocks.push(text(&OfItem {
                record,
                item,
                judged,
                findings: &findings,
            }));
        }
    }
    let noted = super::words::noted_in_report(record);
    if !noted.is_empty() {
        blocks.push(noted);
    }
    blocks.push(text(&Versions {
        versions: versions(record),
    }));
    blocks.push(text(&Resources {
        resources: resources(record),
    }));
    let page = record.page();
    blocks.push(text(&Cold {
        page: &page,
        heads: heads(record),
    }));
    for block in &mut blocks {
        if block.len() > longest {
            *block = format!(
                "A part of the report is too long for a comment: it is in [REVIEW-5.md]({page}/REVIEW-5.md)."
            );
        }
    }
    blocks
}

fn heads(record: &RunRecord) -> Vec<String> {
    let judged = record.everything().filter_map(|item| item.latest.as_ref());
    judged
        .filter(|judged| !judged.facts.is_empty())
        .map(|judged| format!("{}={}", judged.attempt.item, judged.head()))
        .collect()
}

impl OfItem<'_> {
    /// As the report's table calls it.
    fn name(&self) -> &'static str {
        match self.item.item.id {
            id if id == guardrails::ITEM.id => "Guardrails",
            id => id,
        }
    }
}

impl Head<'_> {
    /// What could not be told, and why.
    fn undecided(&self) -> Vec<&Clause> {
        let judged = self.record.everything().filter_map(|i| i.latest.as_ref());
        judged
            .flat_map(|judged| &judged.clauses)
            .filter(|clause| clause.verdict == Verdict::Inconclusive)
            .collect()
    }
}

/// What was verified; where items saw different versions, each is named.
fn versions(record: &RunRecord) -> Vec<Version> {
    let mut all: Vec<Version> = Vec::new();
    for judged in record.everything().filter_map(|item| item.latest.as_ref()) {
        for (part, version) in judged.versions() {
            let is_known = |one: &Version| one.part == part && one.version == version;
            if all.iter().any(is_known) {
                continue;
            }
            let label = format!("version.{part}");
            let fact = judged.facts.iter().rfind(|fact| fact.label == label);
            let page = facts_page(record, judged);
            all.push(Version {
                seen: fact.map_or(page.clone(), |fact| format!("{page}#fact-{}", fact.number)),
                part,
                version,
            });
        }
    }
    all.sort_by(|one, other| (&one.part, &one.version).cmp(&(&other.part, &other.version)));
    all
}

fn resources(record: &RunRecord) -> Vec<String> {
    record
        .resources
        .iter()
        .filter(|one| one.ended.as_deref() != Some("never made"))
        .map(|one| resource(one, pull_page(record, one).as_deref()))
        .collect()
}
