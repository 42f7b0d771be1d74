//! What earlier runs came to, as a report tells of it: nothing that was once found is forgotten.

use crate::plan;
use crate::record::{Earlier, RunRecord};
use crate::verdict::Verdict;

/// The section of a report; empty where nothing was judged before.
pub fn history(record: &RunRecord) -> String {
    let lines: Vec<String> = plan::ITEMS
        .iter()
        .filter_map(|item| of_item(record, item.id))
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("### Before this run\n\n{}", lines.join("\n")),
    }
}

fn of_item(record: &RunRecord, id: &str) -> Option<String> {
    let earlier = record.earlier.iter();
    let earlier: Vec<&Earlier> = earlier.filter(|earlier| earlier.item.id == id).collect();
    let newest = earlier.first()?;
    let here = record.item(id).and_then(|item| item.latest.as_ref());
    let Some(here) = here else {
        return Some(format!("- **{id}**, not judged here: {}", told(newest)));
    };
    let all: Vec<String> = earlier.iter().map(|earlier| told(earlier)).collect();
    let was_found = earlier
        .iter()
        .any(|earlier| earlier.verdict == Verdict::Fail);
    let became = match was_found && here.verdict == Verdict::Pass {
        true => ". **A FAIL became PASS**",
        false => "",
    };
    Some(format!("- **{id}**: {}{became}", all.join("; ")))
}

fn told(earlier: &Earlier) -> String {
    let verdict = match &earlier.comment {
        Some(url) => format!("[{}]({url})", earlier.verdict),
        None => earlier.verdict.to_string(),
    };
    let disputed = match earlier.is_disputed {
        true => ", ✋ disputed",
        false => "",
    };
    let outdated = match &earlier.outdated[..] {
        [] => String::new(),
        parts => format!(", outdated: other versions of {}", parts.join(", ")),
    };
    format!(
        "{} {verdict} in run {}{disputed}{outdated}",
        earlier.verdict.sign(),
        earlier.run
    )
}
