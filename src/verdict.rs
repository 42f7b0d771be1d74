//! Verdicts: what can be said of a clause, and how clauses add up to an item and items to a run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is said of a clause, an item or a run, from best to worst; the worst one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Observed, and true.
    Pass,
    /// Not attempted: something that it needs has failed, is not configured, or belongs to somebody else.
    Blocked,
    /// Could not be observed. Never counts as a pass.
    Inconclusive,
    /// Observed, and false: a finding.
    Fail,
}

impl Verdict {
    /// The word that stands in comments, reports and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Blocked => "BLOCKED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
        }
    }

    /// The sign by which an eye finds the word in a table.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✅",
            Self::Blocked => "⛔",
            Self::Inconclusive => "❓",
            Self::Fail => "❌",
        }
    }

    /// The word read back from where [`Verdict::word`] wrote it.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pass, Self::Blocked, Self::Inconclusive, Self::Fail]
            .into_iter()
            .find(|verdict| verdict.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The worst of several. Of none, nothing was seen: INCONCLUSIVE.
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().max().unwrap_or(Verdict::Inconclusive)
}

/// One clause of one attempt, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Public id, such as `V2.7`; never changes its meaning.
    pub id: String,
    pub verdict: Verdict,
    /// What was seen, in one sentence or two.
    pub seen: String,
    /// Where a mend would go; for a FAIL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
    /// The facts (by their number in the attempt) that the verdict rests on.
    pub evidence: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_clause_counts_and_nothing_is_no_pass() {
        use Verdict::*;
        for (verdicts, expected) in [
            (vec![], Inconclusive),
            (vec![Pass], Pass),
            (vec![Pass, Blocked], Blocked),
            (vec![Inconclusive, Blocked], Inconclusive),
            (vec![Inconclusive, Fail, Blocked, Pass], Fail),
        ] {
            assert_eq!(worst(verdicts.clone()), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn words_read_back() {
        for verdict in [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Inconclusive,
            Verdict::Blocked,
        ] {
            assert_eq!(Verdict::from_word(verdict.word()), Some(verdict));
        }
        assert_eq!(Verdict::from_word("pass"), None);
    }
}
