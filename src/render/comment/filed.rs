//! Findings as issues.

use super::super::text::{cell, statements, visible};
use super::{facts_page, text};
use crate::record::{Finding, Judged, RunRecord};
use crate::verdict::{Clause, Verdict};
use askama::Template;

/// As much of what was seen as a title takes.
const TITLE: usize = 100;

/// The title of a finding's issue: plain text, which names nobody and hides nothing.
pub fn filed_title(finding: &Finding<'_>) -> String {
    let seen = finding.clause.seen.replace(['`', '\n'], "");
    let seen = visible(&seen).replace('@', "@\u{200d}");
    let mut title: String = seen.chars().take(TITLE).collect();
    if seen.chars().count() > TITLE {
        title.push('…');
    }
    format!("{}: {title}", finding.clause.id)
}

#[derive(Template)]
#[template(path = "comment/filed.md", escape = "none")]
struct Filed<'a> {
    record: &'a RunRecord,
    finding: &'a Finding<'a>,
    versions: Vec<(String, String)>,
}

/// The text of a finding's issue: all that a maintainer needs who has read nothing else.
pub fn filed(record: &RunRecord, finding: &Finding<'_>) -> String {
    let versions = finding.judged.versions().into_iter();
    text(&Filed {
        record,
        finding,
        versions: versions.collect(),
    })
}

/// The comment on a finding's issue when a later run has judged its clause again.
pub fn filed_again(record: &RunRecord, judged: &Judged, clause: &Clause) -> String {
    let (sign, words) = match clause.verdict {
        Verdict::Pass => ("✅", "holds"),
        _ => ("❌", "does not hold, again"),
    };
    let run = match &record.report_comment {
        Some(url) => format!("[run {}]({url})", record.run.id),
        None => format!("run {}", record.run.id),
    };
    format!(
        "{sign} In {run} [{}]({}#{}) {words}: {}",
        clause.id,
        facts_page(record, judged),
        clause.id,
        statements(&clause.seen)
    )
}

/// What became of a finding that was to be filed.
pub struct Filing {
    /// `F2`.
    pub finding: String,
    /// Its issue, or why there is none.
    pub issue: Result<FiledIssue, String>,
}

/// The issue of a finding.
pub struct FiledIssue {
    /// Its page.
    pub page: String,
    /// Whether it was opened just now.
    pub is_new: bool,
}

/// The answer to `/file`. `None` where no repository is configured.
pub fn filings(filings: Option<&[Filing]>) -> String {
    let Some(filings) = filings else {
        return "Where findings are filed is not configured: `findings.repository` names the repository.".into();
    };
    let lines = filings.iter().map(|filing| {
        let finding = cell(&filing.finding);
        match &filing.issue {
            Ok(FiledIssue { page, is_new: true }) => format!("- {finding}: [filed]({page})"),
            Ok(FiledIssue { page, .. }) => format!("- {finding}: [is on file]({page}), and open"),
            Err(why) => format!("- {finding}: {}", cell(why)),
        }
    });
    let lines: Vec<String> = lines.collect();
    match lines.is_empty() {
        true => "The latest report has no findings.".into(),
        false => lines.join("\n"),
    }
}
