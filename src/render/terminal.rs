//! What a run came to, as a person reads it on a terminal.

use super::visible;
use crate::record::RunRecord;
use crate::verdict::Verdict;
use std::fmt::Write;

/// A line for each item and one for each clause that is no PASS, then where the report stands.
pub fn terminal(record: &RunRecord) -> String {
    let mut text = String::new();
    for item in record.everything() {
        let verdict = match &item.latest {
            Some(judged) => judged.verdict.word(),
            None => "not verified",
        };
        let _ = writeln!(
            text,
            "{:4} {verdict:13} {}",
            item.item.id,
            item.item.title.replace('`', "")
        );
        let clauses = item.latest.iter().flat_map(|judged| &judged.clauses);
        for clause in clauses.filter(|clause| clause.verdict != Verdict::Pass) {
            let _ = writeln!(
                text,
                "     {} {}: {}",
                clause.id,
                clause.verdict,
                visible(&clause.seen)
            );
        }
    }
    let _ = writeln!(text, "\nrun {}: {}", record.run.id, record.verdict());
    if let Some(report) = &record.report_comment {
        let _ = writeln!(text, "{report}");
    }
    text
}
