//! A diagnosis as a person reads it on a terminal, and as programs do.

use super::SCHEMA;
use super::check::{Check, Diagnosis, Outcome};
use serde_json::{Value, json};
use std::fmt::Write;

impl Diagnosis {
    /// A line for what is well, and one for all that are well alike; for the rest what was asked, what was seen and what to do below it.
    /// The counts stand last.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or_default();
        for (at, check) in self.checks.iter().enumerate() {
            let (outcome, name) = (check.outcome, check.name);
            if self.checks[..at].iter().any(|before| alike(before, check)) {
                continue;
            }
            let more = &self.checks[at + 1..];
            let more = more.iter().filter(|later| alike(check, later)).count();
            let about = match (check.about.as_str(), more) {
                ("", _) => String::new(),
                (about, 0) => format!("{about}: "),
                (about, more) => format!("{about} and {more} more: "),
            };
            // Writing to a String does not fail.
            let _ = writeln!(text, "{outcome:<11}  {name:<width$}  {about}{}", check.seen);
            if outcome != Outcome::Ok {
                let below = " ".repeat(11 + 2);
                let _ = writeln!(text, "{below}asked  {}", check.asked);
                if !check.mend.is_empty() {
                    let _ = writeln!(text, "{below}do     {}.", check.mend);
                }
            }
        }
        let _ = writeln!(
            text,
            "\n{} ok, {} warning, {} failed, {} not checked",
            self.count(Outcome::Ok),
            self.count(Outcome::Warning),
            self.count(Outcome::Failed),
            self.count(Outcome::NotChecked),
        );
        text
    }

    /// `{"schema", "failed", "counts", "checks": [{"name", "about", "asked", "outcome", "seen", "do"}]}`; `outcome` is one of `ok`,
    /// `warning`, `failed`, `not_checked`.
    pub fn json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "failed": self.has_failed(),
            "counts": {
                "ok": self.count(Outcome::Ok),
                "warning": self.count(Outcome::Warning),
                "failed": self.count(Outcome::Failed),
                "not_checked": self.count(Outcome::NotChecked),
            },
            "checks": self.checks,
        })
    }
}

/// Whether both are well, in the same words, and only what they are about differs.
fn alike(one: &Check, other: &Check) -> bool {
    let well = one.outcome == Outcome::Ok && other.outcome == Outcome::Ok;
    well && !one.about.is_empty() && one.name == other.name && one.seen == other.seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, about: &str, outcome: Outcome, seen: &str) -> Check {
        Check {
            name,
            about: about.into(),
            asked: "GET /".into(),
            outcome,
            seen: seen.into(),
            mend: match outcome {
                Outcome::Ok => String::new(),
                _ => "Mend it".into(),
            },
        }
    }

    #[test]
    fn what_is_well_alike_is_one_line_and_the_rest_stands_alone() {
        use Outcome::{Failed, Ok};
        let diagnosis = Diagnosis {
            checks: vec![
                check("forge", "", Ok, "1.25.4 answers"),
                check("repository", "org/one", Ok, "it is there"),
                check("manual-merges", "org/one", Ok, "not detected"),
                check("repository", "org/two", Ok, "it is there"),
                check("manual-merges", "org/two", Failed, "detected"),
                check("repository", "org/three", Ok, "it is there, and empty"),
                check("manual-merges", "org/three", Failed, "detected"),
                check("repository", "org/four", Ok, "it is there"),
            ],
        };
        insta::assert_snapshot!(diagnosis.table(), @"
        ok           forge          1.25.4 answers
        ok           repository     org/one and 2 more: it is there
        ok           manual-merges  org/one: not detected
        failed       manual-merges  org/two: detected
                     asked  GET /
                     do     Mend it.
        ok           repository     org/three: it is there, and empty
        failed       manual-merges  org/three: detected
                     asked  GET /
                     do     Mend it.

        6 ok, 0 warning, 2 failed, 0 not checked
        ");
    }
}
