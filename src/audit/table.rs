//! An audit as a person reads it on a terminal.

use super::{Audited, Check};
use crate::bundle::Evidence;
use crate::render::visible;
use std::fmt::Write;

/// One line a check, then every difference, then one line that sums up.
pub fn table(evidence: &Evidence, audited: &Audited) -> String {
    let mut text = String::new();
    let facts: usize = evidence
        .attempts
        .iter()
        .map(|judged| judged.facts.len())
        .sum();
    let clauses: usize = evidence
        .attempts
        .iter()
        .map(|judged| judged.clauses.len())
        .sum();
    let _ = writeln!(
        text,
        "run {} of {}: {} claimed, {} items, {clauses} clauses, {facts} facts\n",
        evidence.run,
        visible(&evidence.installation),
        evidence.verdict,
        evidence.attempts.len(),
    );
    for check in Check::ALL {
        let differ = audited
            .differences
            .iter()
            .filter(|it| it.check == check)
            .count();
        let unchecked = audited.unchecked.iter().find(|(it, _)| *it == check);
        let words = match (differ, unchecked) {
            (0, Some((_, why))) => format!("not checked: {}", visible(why)),
            (0, None) => "agrees".into(),
            (1, _) => "1 difference".into(),
            (several, _) => format!("{several} differences"),
        };
        let _ = writeln!(text, "{:14} {words}", check.word());
    }
    if !audited.differences.is_empty() {
        text.push('\n');
    }
    for it in &audited.differences {
        let _ = writeln!(
            text,
            "{}: {}: {}",
            it.check,
            visible(&it.place),
            visible(&it.says)
        );
    }
    for remark in &audited.remarks {
        let _ = writeln!(text, "\n{}", visible(remark));
    }
    let sum = match (audited.agrees(), audited.is_anchored()) {
        (false, _) => "The bundle does not hold what it claims.",
        (true, false) => "The bundle agrees with itself. Nobody but itself vouches for it.",
        (true, true) => "Every claim stands on the facts of this bundle.",
    };
    let _ = writeln!(text, "\n{sum}");
    text
}
