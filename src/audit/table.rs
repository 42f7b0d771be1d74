//! An audit as a person reads it on a terminal.

use super::{Audited, Check, Difference, PLACE, SAYS, cut};
use crate::bundle::Evidence;
use crate::render::visible;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A bundle for which the key does not vouch, and of which therefore nothing was read: one line a check that was made, then why.
pub fn unread(audited: &Audited) -> String {
    let mut text = String::new();
    for check in [Check::Signature, Check::Statement, Check::Manifest] {
        line(&mut text, audited, check);
        if audited.differences.iter().any(|it| it.check == check) {
            break;
        }
    }
    text.push('\n');
    differences(&mut text, audited);
    text.push_str("\nThe key does not vouch for this bundle, so nothing else of it was read. Without --key it is read, and judged on nobody's word.\n");
    text
}

/// Why nothing was audited, in one line: it may quote the bundle.
pub fn refused(error: &anyhow::Error) -> String {
    visible(&cut(&format!("{error:#}"), SAYS))
}

/// One line a check, then every difference, then what came of asking again, then one line that sums up.
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
        visible(&cut(&evidence.installation, PLACE)),
        evidence.verdict,
        evidence.attempts.len(),
    );
    for check in Check::COLD {
        line(&mut text, audited, check);
    }
    if audited.live.is_some() {
        line(&mut text, audited, Check::Live);
    }
    if !audited.differences.is_empty() {
        text.push('\n');
    }
    differences(&mut text, audited);
    let moved_on = audited.live.iter().flat_map(|live| &live.moved_on);
    let mut first = true;
    for (place, says) in moved_on {
        if std::mem::take(&mut first) {
            text.push('\n');
        }
        let _ = writeln!(text, "moved on: {}: {}", visible(place), visible(says));
    }
    for remark in &audited.remarks {
        let _ = writeln!(text, "\n{}", visible(&cut(remark, SAYS)));
    }
    if let Some(live) = &audited.live {
        text.push('\n');
        for told in &live.told {
            let _ = writeln!(text, "{}", visible(told));
        }
        listed(&mut text, EXCUSED, &live.on_its_word);
        listed(&mut text, "not asked", &live.not_asked);
        listed(&mut text, "could not be asked", &live.failed);
    }
    let _ = writeln!(text, "\n{}", sum(audited));
    text
}

/// So many differences of one check are told; the rest are counted.
const DIFFERENCES: usize = 100;

fn differences(text: &mut String, audited: &Audited) {
    let mut told: BTreeMap<Check, usize> = BTreeMap::new();
    for it in &audited.differences {
        let told = told.entry(it.check).or_default();
        *told += 1;
        if *told <= DIFFERENCES {
            let _ = writeln!(
                text,
                "{}: {}: {}",
                it.check,
                visible(&it.place),
                visible(&it.says)
            );
        }
    }
    for (check, told) in told {
        if told > DIFFERENCES {
            let _ = writeln!(text, "{check}: {} more", told - DIFFERENCES);
        }
    }
}

fn line(text: &mut String, audited: &Audited, check: Check) {
    let differences = audited.differences.iter();
    let differ = differences.filter(|it| it.check == check).count();
    let unchecked = audited.unchecked.iter().find(|(it, _)| *it == check);
    let words = match (differ, unchecked) {
        (0, Some((_, why))) => format!("not checked: {}", visible(&cut(why, SAYS))),
        (0, None) if check == Check::Live && !audited.has_asked_all() => {
            "agrees as far as it could be asked".into()
        }
        (0, None) => "agrees".into(),
        (1, _) => "1 difference".into(),
        (several, _) => format!("{several} differences"),
    };
    let _ = writeln!(text, "{:14} {words}", check.word());
}

/// Said of each thing that would differ, were it not for what a bundle says that nobody vouches for.
const EXCUSED: &str = "excused on the bundle's own word, for which nobody vouches without the key";

/// So many of a list are shown.
const LISTED: usize = 12;

fn listed(text: &mut String, what: &str, list: &[String]) {
    for it in list.iter().take(LISTED) {
        let _ = writeln!(text, "{what}: {}", visible(it));
    }
    if list.len() > LISTED {
        let _ = writeln!(text, "{what}: {} more", list.len() - LISTED);
    }
}

fn sum(audited: &Audited) -> &'static str {
    let is_live = |it: &Difference| it.check == Check::Live;
    let only_since = audited.differences.iter().all(is_live);
    match (audited.agrees(), audited.is_anchored()) {
        (false, _) if only_since => "Something has changed since.",
        (false, _) => "The bundle does not hold what it claims.",
        (true, false) if audited.has_its_heads() => {
            "Facts and clauses stand. For the rest, who asked for it, when, in which attempt, what was lost and what was made, the report and what was decided, nobody but the bundle vouches: that takes the key."
        }
        (true, false) => "The bundle agrees with itself. Nobody but itself vouches for it.",
        (true, true) if !audited.has_asked_all() => {
            "Nothing speaks against the bundle, but not everything was asked again."
        }
        (true, true)
            if audited
                .live
                .as_ref()
                .is_some_and(|it| !it.moved_on.is_empty()) =>
        {
            "Every claim stands on the facts of this bundle, and they stand today. What has only moved on since is listed, and takes nothing from them."
        }
        (true, true) if audited.live.is_some() => {
            "Every claim stands on the facts of this bundle, and they stand today."
        }
        (true, true) => "Every claim stands on the facts of this bundle.",
    }
}
