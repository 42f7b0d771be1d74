//! The evidence bundle of a run: everything that was seen, what it led to, and what seals it, in one archive that stands without Gavel.
//!
//! The archive is one gzip member, and in it a tar of plain entries that ends with two blocks of zeros; nothing but zeros stands behind
//! these, and nothing behind the gzip stream. It holds these files, each once, written in this order:
//!
//! | file | what it is |
//! |---|---|
//! | `manifest.json` | [`Manifest`]: the format's version, the run, the head of each chain of facts, size and SHA-256 of every other file |
//! | `evidence.json` | [`Evidence`]: all facts and the clauses that they led to; byte for byte what is written of what is read of it |
//! | `junit.xml` | the clauses as JUnit's test cases |
//! | `REVIEW-5.md` | the report |
//! | `DECISIONS.md`, `IDEAS.md` | what people recorded on the way, where they did |
//! | `statement.json` | a DSSE envelope around an in-toto statement about `manifest.json`, signed by the installation's ed25519 key |
//!
//! Each signature of the envelope is tried, whatever its `keyid` says. The name of an item, a clause, or a step has at most 1000 bytes, and
//! what a clause says was seen at most a MiB.

mod archive;
mod junit;
mod manifest;
mod open;
mod statement;

pub use archive::{Refused, pack, unpack};
pub use junit::junit;
pub use manifest::{FileDigest, Manifest};
pub use open::{Bundle, Sealed};
pub use statement::{Envelope, Key, PublicKey, Statement};

use crate::evidence::{Digest, Fact};
use crate::verdict::{Clause, Verdict};
use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of everything described here. Whoever reads a bundle refuses any other.
pub const FORMAT: &str = "gavel-bundle/1";

pub const MANIFEST: &str = "manifest.json";
pub const EVIDENCE: &str = "evidence.json";
pub const JUNIT: &str = "junit.xml";
pub const REPORT: &str = "REVIEW-5.md";
pub const DECISIONS: &str = "DECISIONS.md";
pub const IDEAS: &str = "IDEAS.md";
pub const STATEMENT: &str = "statement.json";

/// Every file that a bundle may hold, in the order in which it holds them.
pub const FILES: [&str; 7] = [
    MANIFEST, EVIDENCE, JUNIT, REPORT, DECISIONS, IDEAS, STATEMENT,
];

/// Those that no bundle goes without.
pub const NEEDED: [&str; 5] = [MANIFEST, EVIDENCE, JUNIT, REPORT, STATEMENT];

/// `evidence.json`: what was seen in a run, and what it led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: String,
    /// Who judged.
    pub judge: Judge,
    /// Which installation of Gavel; its comments carry it too.
    pub installation: String,
    pub run: u64,
    /// The account that asked for it.
    pub asked_for_by: String,
    /// The page of the issue on which it was asked for.
    pub tracking_issue: String,
    /// Where the forge and Drone answer.
    pub forge: String,
    pub drone: String,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub verdict: Verdict,
    /// What was to be judged, by id: what was asked for and what that needs, and the guardrails where they were watched.
    pub items: Vec<String>,
    /// The judged attempt of each item, in the plan's order, then that of the guardrails.
    pub attempts: Vec<JudgedAttempt>,
    /// Attempts that were given up without a verdict.
    #[serde(default)]
    pub lost: Vec<LostAttempt>,
    /// What the run made in the world, and how it ended: what Gavel itself changed after it had looked.
    #[serde(default)]
    pub made: Vec<Made>,
}

/// The program that judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    pub version: String,
    /// SHA-256 of the program.
    pub digest: Digest,
}

/// One execution of one item, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedAttempt {
    pub item: String,
    /// 1, 2 … of its item in its run.
    pub attempt: u32,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub verdict: Verdict,
    /// The digest of the last fact; of none, the digest of nothing.
    pub chain_head: Digest,
    /// What was verified, part by part.
    pub versions: BTreeMap<String, String>,
    pub clauses: Vec<Clause>,
    pub facts: Vec<Fact>,
}

/// One execution of one item that came to no verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostAttempt {
    pub item: String,
    pub attempt: u32,
    pub started: Timestamp,
    pub why: String,
    pub facts: Vec<Fact>,
}

/// Something that the run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// `branch`, `pull`, `moved`, `session`, `deploys`.
    pub kind: String,
    /// `owner/name`; empty where it is in none.
    pub repository: String,
    /// The branch, of a pull request its head branch; the session.
    pub name: String,
    /// Of a pull request.
    pub number: Option<u64>,
    pub purpose: String,
    /// `closed`, `deleted`, `put back` …; none while it stands.
    pub ended: Option<String>,
}

impl Judge {
    /// This program.
    pub fn this() -> anyhow::Result<Self> {
        let digest = std::fs::File::open("/proc/self/exe").and_then(Digest::of_all);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            digest: digest.context("reading this program failed")?,
        })
    }
}

impl JudgedAttempt {
    /// Where its chain of facts ends.
    pub fn head(facts: &[Fact]) -> Digest {
        facts
            .last()
            .map_or_else(Digest::of_nothing, |fact| fact.digest.clone())
    }
}

/// The files of a bundle, but for what seals them.
pub struct Content {
    pub evidence: Evidence,
    /// REVIEW-5, in Markdown.
    pub report: String,
    pub decisions: Option<String>,
    pub ideas: Option<String>,
    /// The page on which all of it is shown.
    pub page: String,
}

/// Puts a bundle together, and seals it.
pub fn make(content: &Content, key: &Key) -> anyhow::Result<Vec<u8>> {
    let mut files = vec![
        (EVIDENCE, serde_json::to_vec_pretty(&content.evidence)?),
        (JUNIT, junit(&content.evidence)?.into_bytes()),
        (REPORT, content.report.clone().into_bytes()),
    ];
    let texts = [(DECISIONS, &content.decisions), (IDEAS, &content.ideas)];
    for (name, text) in texts {
        files.extend(text.iter().map(|text| (name, text.clone().into_bytes())));
    }
    let manifest = Manifest::of(&content.evidence, &files);
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let statement = Statement::about(&content.evidence, &manifest, &content.page);
    let envelope = serde_json::to_vec_pretty(&Envelope::sign(&statement, key)?)?;
    files.insert(0, (MANIFEST, manifest));
    files.push((STATEMENT, envelope));
    pack(&files)
}
