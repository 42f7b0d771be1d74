//! Re-checks a bundle: cold, from what it holds alone, and live, by asking again what can still be asked.

mod cold;
mod live;
mod seals;
mod table;

pub use cold::cold;
pub use live::{Live, Place, Places, live};
pub use seals::{Opened, open};
pub use table::{table, unread};

use std::fmt;

/// What was checked, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The key's signature under the statement.
    Signature,
    /// The statement says what the evidence says.
    Statement,
    /// The manifest's sizes and digests are those of the files, and its words those of the evidence.
    Manifest,
    /// Each fact carries its own digest and that of the fact before it.
    Chain,
    /// The chains end where they are said to: in the evidence, and where somebody quoted it.
    Head,
    /// The facts, judged again, give the same clauses.
    Judged,
    /// The clauses add up to the verdicts.
    Verdict,
    /// `junit.xml` says what the evidence says.
    Junit,
    /// What can be asked again is answered as it was.
    Live,
}

impl Check {
    /// Those that a bundle is enough for.
    pub const COLD: [Self; 8] = [
        Self::Signature,
        Self::Statement,
        Self::Manifest,
        Self::Chain,
        Self::Head,
        Self::Judged,
        Self::Verdict,
        Self::Junit,
    ];

    /// Its name, as the table and the documentation say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Statement => "statement",
            Self::Manifest => "manifest",
            Self::Chain => "chain",
            Self::Head => "head",
            Self::Judged => "judged again",
            Self::Verdict => "verdict",
            Self::Junit => "junit",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that is not as the bundle claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub check: Check,
    /// What it is about: a file, an attempt, a fact, a clause.
    pub place: String,
    pub says: String,
}

/// What an audit came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    pub differences: Vec<Difference>,
    /// Checks that were not made, and why.
    pub unchecked: Vec<(Check, String)>,
    /// What is worth knowing, and is no difference.
    pub remarks: Vec<String>,
    /// What came of asking again, where that was done.
    pub live: Option<Live>,
}

impl Audited {
    fn differs(&mut self, check: Check, place: impl Into<String>, says: impl Into<String>) {
        self.differences.push(Difference {
            check,
            place: place.into(),
            says: says.into(),
        });
    }

    /// Adds what came of asking again.
    pub fn take(&mut self, mut live: Live) {
        self.differences.append(&mut live.differences);
        self.live = Some(live);
    }

    /// Whether everything that was to be asked again could be, and was.
    pub fn has_asked_all(&self) -> bool {
        let all = |live: &Live| live.failed.is_empty() && live.not_asked.is_empty();
        self.live.as_ref().is_none_or(all)
    }

    /// Whether nothing speaks against the bundle.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether somebody vouches for all of it beside itself: a forger can make a bundle that agrees with itself.
    pub fn is_anchored(&self) -> bool {
        self.is_checked(Check::Signature)
    }

    /// Whether somebody vouches for its facts, and so for its clauses; not for who asked, when, what was made, and the report.
    pub fn has_its_heads(&self) -> bool {
        self.is_checked(Check::Head)
    }

    fn is_checked(&self, check: Check) -> bool {
        self.unchecked.iter().all(|(other, _)| *other != check)
    }
}

/// What the auditor knows from elsewhere.
#[derive(Debug, Default)]
pub struct Anchors {
    /// The installation's key.
    pub key: Option<crate::bundle::PublicKey>,
    /// Where the chain of an item's attempt ends, as a comment quotes it: at least twelve digits.
    pub heads: Vec<(String, String)>,
}

#[cfg(test)]
mod tests;
