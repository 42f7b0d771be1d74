//! A diagnosis as a person reads it on a terminal, and as programs do.

use super::SCHEMA;
use super::check::{Diagnosis, Outcome};
use serde_json::{Value, json};
use std::fmt::Write;

impl Diagnosis {
    /// A line for what is well; for the rest what was asked, what was seen and what to do below it. The counts stand last.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let width = self.checks.iter().map(|check| check.name.len()).max();
        let width = width.unwrap_or_default();
        for check in &self.checks {
            let (outcome, name) = (check.outcome, check.name);
            let about = match check.about.as_str() {
                "" => String::new(),
                about => format!("{about}: "),
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
