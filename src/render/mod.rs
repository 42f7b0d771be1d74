//! What people read: comments, the report, pages. Queries nothing.

mod again;
pub mod comment;
mod evidence;
pub mod page;
mod terminal;
mod text;

pub use terminal::terminal;
pub use text::visible;

use crate::record::{Judged, RunRecord};
use crate::store::Resource;
use crate::verdict::Verdict;

/// Where all facts of an attempt are shown.
fn facts_page(record: &RunRecord, judged: &Judged) -> String {
    let attempt = &judged.attempt;
    format!("{}/{}/{}", record.page(), attempt.item, attempt.ordinal)
}

/// Where a pull request that verification made is looked at: on the forge of the tracking issue.
fn pull_page(record: &RunRecord, resource: &Resource) -> Option<String> {
    // Before owner, repository, `issues` and number.
    let forge = record.tracking_issue.rsplitn(5, '/').nth(4)?;
    let number = resource.number?;
    Some(format!("{forge}/{}/pulls/{number}", resource.repository))
}

/// What is said once for a whole item where no clause of it was attempted.
fn not_attempted(judged: &Judged) -> Option<&str> {
    let first = judged.clauses.first()?;
    judged
        .clauses
        .iter()
        .all(|clause| {
            clause.verdict == Verdict::Blocked
                && clause.seen == first.seen
                && clause.evidence.is_empty()
        })
        .then_some(first.seen.as_str())
}

/// A time in seconds as a person says it: `0.8 s`, `42 s`, `3 min 20 s`, `1 h 5 min`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_do() {
        for (seconds, words) in [
            (0.84, "0.8 s"),
            (9.94, "9.9 s"),
            (42.2, "42 s"),
            (200.0, "3 min 20 s"),
            (3900.0, "1 h 5 min"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
