//! Who vouches for a bundle: an in-toto statement (<https://in-toto.io/Statement/v1>, predicate test-result v0.1) in a DSSE envelope
//! (<https://github.com/secure-systems-lab/dsse>), signed with ed25519.

use super::{Evidence, MANIFEST};
use crate::evidence::Digest;
use crate::verdict::Verdict;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const PAYLOAD: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What is vouched for, in in-toto's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Described>,
    predicate_type: String,
    predicate: Predicate,
}

/// A thing, by name and digest: in-toto's ResourceDescriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    digest: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predicate {
    /// `PASSED`, `FAILED`, or `WARNED` where something could not be told.
    result: String,
    /// What was verified, part by part.
    configuration: Vec<Described>,
    url: String,
    passed_tests: Vec<String>,
    warned_tests: Vec<String>,
    failed_tests: Vec<String>,
}

impl Statement {
    /// That this manifest, and by it every other file of the bundle, is what this evidence came to.
    pub fn about(evidence: &Evidence, manifest: &[u8], page: &str) -> Self {
        let versions: BTreeMap<&String, &String> = evidence
            .attempts
            .iter()
            .flat_map(|judged| &judged.versions)
            .collect();
        let parts = versions.into_iter().map(|(part, version)| Described {
            name: part.clone(),
            digest: BTreeMap::new(),
            annotations: [("version".to_owned(), version.clone())].into(),
        });
        let judge = Described {
            name: format!("gavel {}", evidence.judge.version),
            digest: sha256(&evidence.judge.digest),
            annotations: BTreeMap::new(),
        };
        let tests = |of: &[Verdict]| -> Vec<String> {
            let clauses = evidence.attempts.iter().flat_map(|judged| &judged.clauses);
            let clauses = clauses.filter(|clause| of.contains(&clause.verdict));
            clauses.map(|clause| clause.id.clone()).collect()
        };
        Self {
            kind: STATEMENT.into(),
            subject: vec![Described {
                name: MANIFEST.into(),
                digest: sha256(&Digest::of(manifest)),
                annotations: BTreeMap::new(),
            }],
            predicate_type: PREDICATE.into(),
            predicate: Predicate {
                result: match evidence.verdict {
                    Verdict::Pass => "PASSED",
                    Verdict::Fail => "FAILED",
                    Verdict::Blocked | Verdict::Inconclusive => "WARNED",
                }
                .into(),
                configuration: parts.chain([judge]).collect(),
                url: page.into(),
                passed_tests: tests(&[Verdict::Pass]),
                warned_tests: tests(&[Verdict::Blocked, Verdict::Inconclusive]),
                failed_tests: tests(&[Verdict::Fail]),
            },
        }
    }

    /// Whether it is about a manifest of these bytes, and about nothing else.
    pub fn is_of(&self, manifest: &[u8]) -> bool {
        let subject = self.subject.iter();
        let mut subject = subject.map(|it| (it.name.as_str(), &it.digest));
        subject.next() == Some((MANIFEST, &sha256(&Digest::of(manifest))))
            && subject.next().is_none()
    }

    /// The page of the run, as the statement names it.
    pub fn page(&self) -> &str {
        &self.predicate.url
    }
}

fn sha256(digest: &Digest) -> BTreeMap<String, String> {
    [("sha256".to_owned(), digest.to_string())].into()
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    payload_type: String,
    /// Base64.
    payload: String,
    signatures: Vec<Signed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// A hint; whoever signs may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    /// Base64.
    sig: String,
}

/// As many signatures as one envelope may carry: each is tried.
const MOST_SIGNATURES: usize = 100;

/// Why an envelope vouches for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("it carries no signature by the key {0}")]
    OtherKey(String),
    #[error("the signature does not belong to what it stands under")]
    Wrong,
    #[error("it carries {0} signatures, and no more than {MOST_SIGNATURES} are tried")]
    TooMany(usize),
    #[error("its payload is no in-toto statement: {0}")]
    Payload(String),
}

/// What is signed of a payload: DSSE's pre-authentication encoding.
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    pub fn sign(statement: &Statement, key: &Key) -> anyhow::Result<Self> {
        let payload = serde_json::to_vec(statement)?;
        let signature = key.0.sign(&encoded(PAYLOAD, &payload));
        Ok(Self {
            payload_type: PAYLOAD.into(),
            payload: STANDARD.encode(&payload),
            signatures: vec![Signed {
                keyid: Some(key.public().id()),
                sig: STANDARD.encode(signature.to_bytes()),
            }],
        })
    }

    /// The ids of the keys that it says it is signed with.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let named = self.signatures.iter();
        named.filter_map(|signed| signed.keyid.as_deref())
    }

    /// The statement in it, whoever signed it.
    pub fn statement(&self) -> Result<Statement, Unsigned> {
        if self.payload_type != PAYLOAD {
            return Err(Unsigned::Payload(format!("it is `{}`", self.payload_type)));
        }
        let why = |error: &dyn std::fmt::Display| Unsigned::Payload(error.to_string());
        let payload = STANDARD
            .decode(&self.payload)
            .map_err(|error| why(&error))?;
        serde_json::from_slice(&payload).map_err(|error| why(&error))
    }

    /// Whether this key signed it.
    pub fn check(&self, key: &PublicKey) -> Result<(), Unsigned> {
        let id = key.id();
        let payload = STANDARD.decode(&self.payload);
        let payload = payload.map_err(|error| Unsigned::Payload(error.to_string()))?;
        if self.signatures.len() > MOST_SIGNATURES {
            return Err(Unsigned::TooMany(self.signatures.len()));
        }
        let content = encoded(&self.payload_type, &payload);
        let is_by_key = |signed: &Signed| {
            let bytes = STANDARD.decode(&signed.sig).ok();
            let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
            signature.is_some_and(|it| key.0.verify_strict(&content, &it).is_ok())
        };
        if self.signatures.iter().any(is_by_key) {
            return Ok(());
        }
        // What a signature says of its key is a hint, and decides nothing but what is said here.
        match self.keys().any(|named| named == id) {
            true => Err(Unsigned::Wrong),
            false => Err(Unsigned::OtherKey(id)),
        }
    }
}

/// The key of an installation.
pub struct Key(SigningKey);

impl Key {
    /// A new one.
    pub fn new() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    /// The key in a file, which is made where it is missing and which only its owner may read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::new();
                key.save(path).with_context(|| {
                    format!("writing the signing key {} failed", path.display())
                })?;
                return Ok(key);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("reading the signing key {} failed", path.display()));
            }
        };
        let key = SigningKey::from_pkcs8_pem(&text).map_err(|error| {
            anyhow::anyhow!(
                "the signing key {} is no ed25519 key in PEM ({error}). Restore it from a backup; without it, move it away, and a new one is made",
                path.display()
            )
        })?;
        Ok(Self(key))
    }

    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = self.0.to_pkcs8_pem(LineEnding::LF)?;
        // Never half a key: it is written beside its place first.
        let beside = path.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        Ok(())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

/// The public half of an installation's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From PEM, as [`PublicKey::pem`] writes it.
    pub fn from_pem(text: &str) -> anyhow::Result<Self> {
        let key = VerifyingKey::from_public_key_pem(text);
        let key =
            key.map_err(|error| anyhow::anyhow!("this is no ed25519 public key in PEM: {error}"))?;
        Ok(Self(key))
    }

    pub fn pem(&self) -> anyhow::Result<String> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|error| anyhow::anyhow!("the public key could not be written: {error}"))
    }

    /// SHA-256 of the key in DER, as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    pub fn id(&self) -> String {
        let der = self.0.to_public_key_der();
        der.map_or_else(|_| Digest::of_nothing(), |der| Digest::of(der.as_bytes()))
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is signed, with a key's signature under it that names this key.
    fn signed(key: &Key, named: Option<&str>) -> Envelope {
        let payload = b"{}";
        let signature = key.0.sign(&encoded(PAYLOAD, payload));
        Envelope {
            payload_type: PAYLOAD.into(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signed {
                keyid: named.map(str::to_owned),
                sig: STANDARD.encode(signature.to_bytes()),
            }],
        }
    }

    #[test]
    fn every_signature_is_tried_whichever_key_it_names() {
        let (ours, theirs) = (Key::new(), Key::new());
        let id = ours.public().id();
        let with = |mut envelope: Envelope, more: &Envelope| {
            envelope.signatures.extend(more.signatures.clone());
            envelope
        };
        let unnamed = signed(&ours, None);
        let pretended = signed(&theirs, Some(&id));
        let many = Envelope {
            signatures: vec![pretended.signatures[0].clone(); 101],
            ..unnamed.clone()
        };
        let rows = [
            (signed(&ours, Some(&id)), Ok(())),
            (unnamed.clone(), Ok(())),
            (signed(&ours, Some("")), Ok(())),
            (signed(&ours, Some("theirs")), Ok(())),
            (with(pretended.clone(), &unnamed), Ok(())),
            (pretended, Err(Unsigned::Wrong)),
            (signed(&theirs, None), Err(Unsigned::OtherKey(id))),
            (many, Err(Unsigned::TooMany(101))),
        ];
        for (envelope, expected) in rows {
            let text = serde_json::to_string(&envelope).unwrap();
            let read: Envelope = serde_json::from_str(&text).unwrap();
            assert_eq!(read.check(&ours.public()), expected, "{text}");
        }
        assert!(!serde_json::to_string(&unnamed).unwrap().contains("keyid"));
    }
}
