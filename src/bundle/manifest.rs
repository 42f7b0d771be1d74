//! What a bundle says it holds.

use super::{Evidence, FORMAT, Judge};
use crate::evidence::Digest;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    pub judge: Judge,
    pub installation: String,
    pub run: u64,
    pub verdict: Verdict,
    pub attempts: Vec<AttemptHead>,
    /// Every other file but the statement, by name.
    pub files: BTreeMap<String, FileDigest>,
}

/// What an attempt came to, and what seals it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptHead {
    pub item: String,
    pub attempt: u32,
    pub verdict: Verdict,
    pub facts: usize,
    pub chain_head: Digest,
}

/// A file, as it is by size (in bytes) and SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    pub size: usize,
    pub sha256: Digest,
}

impl FileDigest {
    pub fn of(content: &[u8]) -> Self {
        Self {
            size: content.len(),
            sha256: Digest::of(content),
        }
    }
}

impl Manifest {
    /// The manifest that belongs to this evidence and these files.
    pub fn of(evidence: &Evidence, files: &[(&str, Vec<u8>)]) -> Self {
        let files = files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), FileDigest::of(content)));
        Self {
            format: FORMAT.into(),
            judge: evidence.judge.clone(),
            installation: evidence.installation.clone(),
            run: evidence.run,
            verdict: evidence.verdict,
            attempts: Self::heads(evidence),
            files: files.collect(),
        }
    }

    /// What the evidence says of each attempt.
    pub fn heads(evidence: &Evidence) -> Vec<AttemptHead> {
        let heads = evidence.attempts.iter().map(|judged| AttemptHead {
            item: judged.item.clone(),
            attempt: judged.attempt,
            verdict: judged.verdict,
            facts: judged.facts.len(),
            chain_head: judged.chain_head.clone(),
        });
        heads.collect()
    }
}
