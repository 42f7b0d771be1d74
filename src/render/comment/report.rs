//! REVIEW-5: as one text, and as comments of a length that the forge takes.

use super::super::duration;
use super::super::text::{cell, code, shell};
use super::{commands, links, not_attempted, page, resource, seen, sentence, text};
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
    versions: Vec<(String, String)>,
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

fn link(number: usize, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("[part {number}]({url})"),
        None => format!("part {number}"),
    }
}

/// The report's parts that stay whole. One that is longer than `longest` bytes says where it can be read instead.
fn blocks(record: &RunRecord, longest: usize) -> Vec<String> {
    if let (true, Some(by)) = (record.is_empty(), &record.run.cancelled_by) {
        return vec![format!(
            "🚫 Run {} was cancelled by {} before anything was judged. What it had opened is closed.",
            record.run.id,
            code(by)
        )];
    }
    let findings = record.findings();
    let mut blocks = vec![text(&Head {
        record,
        findings: &findings,
    })];
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
    blocks.push(text(&Versions {
        versions: versions(record),
    }));
    blocks.push(text(&Resources {
        resources: resources(record),
    }));
    let page = record.page();
    blocks.push(text(&Cold { page: &page }));
    for block in &mut blocks {
        if block.len() > longest {
            *block = format!(
                "A part of the report is too long for a comment: it is in [REVIEW-5.md]({page}/REVIEW-5.md)."
            );
        }
    }
    blocks
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
fn versions(record: &RunRecord) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for judged in record.everything().filter_map(|item| item.latest.as_ref()) {
        for version in judged.versions() {
            if !all.contains(&version) {
                all.push(version);
            }
        }
    }
    all.sort();
    all
}

fn resources(record: &RunRecord) -> Vec<String> {
    record
        .resources
        .iter()
        .filter(|one| one.ended.as_deref() != Some("never made"))
        .map(resource)
        .collect()
}
