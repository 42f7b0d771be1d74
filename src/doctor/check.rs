//! What a check came to, and what all of them together do.

use serde::Serialize;
use std::fmt;

/// One thing that an installation needs, and whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked, by a name that stays: `forge-token`.
    pub name: &'static str,
    /// Which one, where there are several of its kind: a repository, a key of the configuration. Empty where there is one.
    pub about: String,
    /// What was asked, of whom.
    pub asked: String,
    pub outcome: Outcome,
    pub seen: String,
    /// What to do; empty where nothing has to be done.
    #[serde(rename = "do")]
    pub mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    /// Gavel works, and something is worse than it could be, or could not be seen.
    Warning,
    Failed,
    /// Since a check before it failed.
    NotChecked,
}

/// What a rule says of what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    pub outcome: Outcome,
    pub seen: String,
    pub mend: String,
}

/// All checks of an installation, in the order in which things are mended.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    pub checks: Vec<Check>,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "failed",
            Outcome::NotChecked => "not checked",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Ruling {
    pub fn ok(seen: impl Into<String>) -> Ruling {
        Ruling {
            outcome: Outcome::Ok,
            seen: seen.into(),
            mend: String::new(),
        }
    }

    pub fn warning(seen: impl Into<String>, mend: impl Into<String>) -> Ruling {
        Ruling {
            outcome: Outcome::Warning,
            seen: seen.into(),
            mend: mend.into(),
        }
    }

    pub fn failed(seen: impl Into<String>, mend: impl Into<String>) -> Ruling {
        Ruling {
            outcome: Outcome::Failed,
            seen: seen.into(),
            mend: mend.into(),
        }
    }
}

impl Diagnosis {
    pub fn new(checks: Vec<Check>) -> Diagnosis {
        Diagnosis { checks }
    }

    pub fn has_failed(&self) -> bool {
        self.count(Outcome::Failed) > 0
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        let of_it = self.checks.iter().filter(|check| check.outcome == outcome);
        of_it.count()
    }
}
