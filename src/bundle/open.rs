//! Reading a bundle: what is no bundle is refused by name; whether one can be trusted is the audit's business.

use super::archive::{LONGEST_NAME, LONGEST_TEXT, MOST_ATTEMPTS, MOST_VALUES};
use super::{EVIDENCE, Envelope, Evidence, FORMAT, MANIFEST, Manifest, Refused, STATEMENT, unpack};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::Read;

/// The files of a bundle as they are: nothing that stands in them has been read.
pub struct Sealed {
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl Sealed {
    /// Unpacks an archive.
    ///
    /// # Errors
    /// Where it is no archive of a bundle's files, or holds too much.
    pub fn unpack(from: impl Read) -> Result<Self, Refused> {
        Ok(Self {
            files: unpack(from)?,
        })
    }

    /// Every file, by name, as it is.
    pub fn files(&self) -> &BTreeMap<&'static str, Vec<u8>> {
        &self.files
    }

    /// What is signed.
    ///
    /// # Errors
    /// Where the file is none of this format.
    pub fn envelope(&self) -> Result<Envelope, Refused> {
        parsed(STATEMENT, self.content(STATEMENT)?)
    }

    /// What the bundle says it holds.
    ///
    /// # Errors
    /// Where the file is none of this format.
    pub fn manifest(&self) -> Result<Manifest, Refused> {
        of_this_format(MANIFEST, self.content(MANIFEST)?)
    }

    /// Reads all of it, whoever vouches for it.
    ///
    /// # Errors
    /// Where a file is none of this format, or holds too much.
    pub fn read(self) -> Result<Bundle, Refused> {
        let evidence: Evidence = of_this_format(EVIDENCE, self.content(EVIDENCE)?)?;
        let found = evidence.attempts.len() + evidence.lost.len();
        if found > MOST_ATTEMPTS {
            return Err(Refused::TooManyAttempts { found });
        }
        lengths(&evidence)?;
        Ok(Bundle {
            manifest: self.manifest()?,
            evidence,
            envelope: self.envelope()?,
            files: self.files,
        })
    }

    fn content(&self, name: &'static str) -> Result<&[u8], Refused> {
        let content = self.files.get(name).ok_or(Refused::Missing(name))?;
        Ok(content)
    }
}

/// A bundle as it was read; nothing in it has been checked.
pub struct Bundle {
    pub manifest: Manifest,
    pub evidence: Evidence,
    pub envelope: Envelope,
    /// Every file, by name.
    pub files: BTreeMap<&'static str, Vec<u8>>,
}

#[cfg(test)]
impl Bundle {
    /// Unpacks and reads an archive, whoever vouches for it.
    pub fn read(from: impl Read) -> Result<Self, Refused> {
        Sealed::unpack(from)?.read()
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

/// Whether what is named and said in the evidence is short enough to be told again.
fn lengths(evidence: &Evidence) -> Result<(), Refused> {
    let judged = || evidence.attempts.iter();
    let lost = || evidence.lost.iter();
    let clauses = || judged().flat_map(|judged| &judged.clauses);
    let facts = judged().flat_map(|judged| &judged.facts);
    let facts = facts.chain(lost().flat_map(|lost| &lost.facts));
    let items = evidence.items.iter();
    let items = items.chain(judged().map(|judged| &judged.item));
    let items = items.chain(lost().map(|lost| &lost.item));
    let names = items
        .map(|item| ("an item", item))
        .chain(clauses().map(|clause| ("a clause", &clause.id)))
        .chain(facts.map(|fact| ("a step", &fact.label)))
        .map(|(what, text)| (what, text, LONGEST_NAME));
    let seen = clauses().map(|clause| ("what a clause says was seen", &clause.seen));
    let why = lost().map(|lost| ("why an attempt was given up", &lost.why));
    let texts = seen
        .chain(why)
        .map(|(what, text)| (what, text, LONGEST_TEXT));
    match names
        .chain(texts)
        .find(|(_, text, most)| text.len() > *most)
    {
        Some((what, text, most)) => Err(Refused::TooLong {
            what,
            found: text.len(),
            most,
        }),
        None => Ok(()),
    }
}

fn parsed<T: DeserializeOwned>(file: &'static str, content: &[u8]) -> Result<T, Refused> {
    if values(content) > MOST_VALUES {
        return Err(Refused::TooMany { file });
    }
    serde_json::from_slice(content).map_err(|error| Refused::Form {
        file,
        why: error.to_string(),
    })
}

/// At least as many values as a text of JSON holds, without a look at what they are.
fn values(content: &[u8]) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in content {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_what_stands_in_texts_is_none() {
        for (text, at_least, at_most) in [
            ("7", 1, 1),
            ("[]", 1, 2),
            (r#"[1, [2], {"a": 3}]"#, 6, 6),
            (r#"["a,[{,\", ,b\\"]"#, 2, 2),
        ] {
            let counted = values(text.as_bytes());
            assert!((at_least..=at_most).contains(&counted), "{text}: {counted}");
        }
    }
}
