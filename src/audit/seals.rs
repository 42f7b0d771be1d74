//! What seals a bundle, checked over its files as they are: whoever has the installation's key reads nothing that it does not vouch for.

use super::{Audited, Check};
use crate::bundle::{
    Bundle, FileDigest, MANIFEST, Manifest, PublicKey, Refused, STATEMENT, Sealed,
};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a bundle before its evidence was read.
pub enum Opened {
    /// Read; without a key, on nobody's word.
    Read(Box<Bundle>),
    /// The key does not vouch for it, for these reasons. Nothing else of it was read.
    Unvouched(Box<Audited>),
}

/// Opens a bundle: with a key, once that vouches for each of its files.
///
/// # Errors
/// Where what is read is none of this format, or too much.
pub fn open(sealed: Sealed, key: Option<&PublicKey>) -> Result<Opened, Refused> {
    if let Some(key) = key {
        let audited = seals(&sealed, key)?;
        if !audited.agrees() {
            return Ok(Opened::Unvouched(Box::new(audited)));
        }
    }
    Ok(Opened::Read(Box::new(sealed.read()?)))
}

/// The key's signature under the statement, the statement's digest of the manifest, the manifest's digests of everything else; each is
/// read once the one before it holds.
fn seals(sealed: &Sealed, key: &PublicKey) -> Result<Audited, Refused> {
    let mut audited = Audited::default();
    let envelope = sealed.envelope()?;
    if let Err(unsigned) = envelope.check(key) {
        audited.differs(Check::Signature, STATEMENT, unsigned.to_string());
        return Ok(audited);
    }
    let manifest = sealed.files().get(MANIFEST);
    let manifest = manifest.ok_or(Refused::Missing(MANIFEST))?;
    match envelope.statement() {
        Ok(stated) if stated.is_of(manifest) => {
            digests(sealed.files(), &sealed.manifest()?, &mut audited);
        }
        Ok(_) => audited.differs(Check::Statement, STATEMENT, "it is about another manifest"),
        Err(unsigned) => audited.differs(Check::Statement, STATEMENT, unsigned.to_string()),
    }
    Ok(audited)
}

/// Whether each file is the one that the manifest names.
pub fn digests(
    files: &BTreeMap<&'static str, Vec<u8>>,
    manifest: &Manifest,
    audited: &mut Audited,
) {
    let sealed = |name: &&str| ![MANIFEST, STATEMENT].contains(name);
    let there: BTreeSet<&str> = files.keys().copied().filter(sealed).collect();
    let named: BTreeSet<&str> = manifest.files.keys().map(String::as_str).collect();
    for name in there.union(&named) {
        let is = files.get(name).map(|content| FileDigest::of(content));
        let says = match (manifest.files.get(*name), is) {
            (Some(said), Some(is)) if *said == is => continue,
            (Some(said), Some(is)) if said.size != is.size => {
                format!(
                    "it has {} bytes, and the manifest says {}",
                    is.size, said.size
                )
            }
            (Some(_), Some(_)) => "its digest is not the manifest's".into(),
            (None, _) => "the manifest does not name it".into(),
            (Some(_), None) => "the manifest names it, and it is not there".into(),
        };
        audited.differs(Check::Manifest, *name, says);
    }
}
