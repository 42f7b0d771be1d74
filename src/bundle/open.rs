//! Reading a bundle: what is no bundle is refused by name; whether one can be trusted is the audit's business.

use super::{EVIDENCE, Envelope, Evidence, FORMAT, MANIFEST, Manifest, Refused, STATEMENT, unpack};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::Read;

/// A bundle as it was read; nothing in it has been checked.
pub struct Bundle {
    pub manifest: Manifest,
    pub evidence: Evidence,
    pub envelope: Envelope,
    /// Every file, by name.
    pub files: BTreeMap<&'static str, Vec<u8>>,
}

impl Bundle {
    pub fn read(from: impl Read) -> Result<Self, Refused> {
        let files = unpack(from)?;
        let content = |name: &'static str| files.get(name).ok_or(Refused::Missing(name));
        Ok(Self {
            manifest: of_this_format(MANIFEST, content(MANIFEST)?)?,
            evidence: of_this_format(EVIDENCE, content(EVIDENCE)?)?,
            envelope: parsed(STATEMENT, content(STATEMENT)?)?,
            files,
        })
    }
}

/// A file that carries the format's version: that is looked at first, since another one may say anything else.
fn of_this_format<T: DeserializeOwned>(file: &'static str, content: &[u8]) -> Result<T, Refused> {
    #[derive(Deserialize)]
    struct Versioned {
        format: String,
    }
    let Versioned { format } = parsed(file, content)?;
    if format != FORMAT {
        return Err(Refused::Format {
            file,
            found: format.chars().take(80).collect(),
            known: FORMAT,
        });
    }
    parsed(file, content)
}

fn parsed<T: DeserializeOwned>(file: &'static str, content: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(content).map_err(|error| Refused::Form {
        file,
        why: error.to_string(),
    })
}
