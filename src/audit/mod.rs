//! Re-checks a bundle: cold, from what it holds alone, and live, by asking again what can still be asked.

mod cold;
mod live;
mod seals;
mod table;

pub use cold::cold;
pub use live::{Live, Place, Places, live};
pub use seals::{Opened, open};
pub use table::{refused, table, unread};

use crate::{command, plan};
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
    /// `evidence.json` is, byte for byte, what is written of what is read of it.
    Evidence,
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
    pub const COLD: [Self; 9] = [
        Self::Signature,
        Self::Statement,
        Self::Manifest,
        Self::Evidence,
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
            Self::Evidence => "evidence",
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

/// As many characters are told of what a difference is about, and of a text out of a bundle that stands in a line.
const PLACE: usize = 200;

/// As many characters are told of what differs.
const SAYS: usize = 1000;

/// The beginning of a text that may be of any length.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
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
    fn differs(&mut self, check: Check, place: impl AsRef<str>, says: impl AsRef<str>) {
        self.differences.push(Difference {
            check,
            place: cut(place.as_ref(), PLACE),
            says: cut(says.as_ref(), SAYS),
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
    /// Where the chain of an item's attempt ends, as [`quoted`] reads it.
    pub heads: Vec<(String, String)>,
    /// The program that judges again.
    pub judge: Option<crate::bundle::Judge>,
}

/// The end of an item's chain, as somebody quotes it in the forms that `/accept` takes: `V4=` and its digest.
///
/// # Errors
/// Where it is none, in words for whoever typed it.
pub fn quoted(typed: &str) -> Result<(String, String), String> {
    let (item, head) = typed
        .split_once('=')
        .ok_or("write it as ITEM=DIGEST, with all digits")?;
    let item = item.trim_matches('`');
    let known = plan::ITEMS.iter().map(|item| item.id).chain(["G"]);
    let mut known = known.filter(|known| known.eq_ignore_ascii_case(item));
    let item = known.next().ok_or_else(|| {
        format!("`{item}` is no item; `gavel items` lists them, and G stands for the guardrails")
    })?;
    let head = command::head(head).ok_or_else(|| {
        format!(
            "`{head}` is no digest of {} digits: copy all of it from where it is quoted",
            command::DIGITS
        )
    })?;
    Ok((item.into(), head))
}

#[cfg(test)]
mod tests;
