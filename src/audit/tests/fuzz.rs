//! Whatever somebody makes of a bundle that was produced.

use super::*;
use crate::fuzz::{LONGEST, RUNS};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// A run of which not much was seen: what is short is changed more often.
static SMALL: LazyLock<Evidence> = LazyLock::new(|| {
    let mut evidence = EVIDENCE_OF_A_RUN.clone();
    evidence.items.truncate(1);
    evidence.attempts.truncate(1);
    let attempt = &mut evidence.attempts[0];
    attempt.facts.truncate(4);
    attempt.clauses = plan::judge(plan::item(&attempt.item).unwrap(), &attempt.facts);
    attempt.verdict = worst(attempt.clauses.iter().map(|clause| clause.verdict));
    evidence.verdict = attempt.verdict;
    chained(&evidence)
});

static PRODUCED: LazyLock<Vec<u8>> = LazyLock::new(|| sealed(&SMALL, &KEY));

/// Takes the numbers of an input from its beginning.
struct Numbers<'a>(std::slice::Iter<'a, u8>);

impl Numbers<'_> {
    fn next(&mut self, below: usize) -> Option<usize> {
        let (high, low) = (*self.0.next()?, *self.0.next()?);
        Some(usize::from(u16::from_be_bytes([high, low])) % below.max(1))
    }
}

/// Replaces pieces of a file, by what the input says or by another piece of it.
fn changed(content: &mut Vec<u8>, input: &[u8]) {
    let mut numbers = Numbers(input.iter());
    while let (Some(at), Some(long), Some(from)) = (
        numbers.next(content.len()),
        numbers.next(64),
        numbers.next(content.len()),
    ) {
        let end = (at + long).min(content.len());
        let piece: Vec<u8> = match from % 2 {
            0 => content[from..(from + long).min(content.len())].to_vec(),
            _ => numbers.0.by_ref().take(long).copied().collect(),
        };
        content.splice(at..end, piece);
    }
}

/// Nobody may take a bundle for the one that was produced, and nobody with the key may read another one.
fn is_no_other(bundle: &[u8]) {
    let key = KEY.public();
    let Ok(sealed) = Sealed::unpack(bundle) else {
        return;
    };
    if let Ok(Opened::Read(read)) = open(sealed, Some(&key)) {
        assert_eq!(
            read.evidence, *SMALL,
            "the key vouches for what it did not sign"
        );
    }
    if let Ok(read) = Bundle::read(bundle) {
        let anchors = Anchors {
            key: Some(key),
            ..Anchors::default()
        };
        let same = files(&PRODUCED)
            .iter()
            .all(|(name, content)| *name == STATEMENT || read.files.get(name) == Some(content));
        assert_eq!(
            cold(&read, &anchors).agrees(),
            same && read.envelope.check(&KEY.public()).is_ok()
        );
        // Without the key it may agree with itself; that must be told apart.
        assert!(!cold(&read, &Anchors::default()).is_anchored());
    }
}

#[test]
fn fuzz_files() {
    assert!(
        cold(
            &Bundle::read(PRODUCED.as_slice()).unwrap(),
            &Anchors {
                key: Some(KEY.public()),
                ..Anchors::default()
            }
        )
        .agrees()
    );
    bolero::check!(name = "files_of_a_bundle")
        .with_iterations(RUNS / 8)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            let [file, changes @ ..] = input else {
                return;
            };
            let mut forged = files(&PRODUCED);
            let file = usize::from(*file) % forged.len();
            changed(&mut forged[file].1, changes);
            is_no_other(&pack(&forged).unwrap());
        });
}

#[test]
fn fuzz_archive() {
    bolero::check!(name = "archive")
        .with_iterations(RUNS / 8)
        .with_max_len(16 * LONGEST)
        .for_each(|input: &[u8]| {
            let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
            zipped.write_all(input).unwrap();
            let bundle = zipped.finish().unwrap();
            if let Ok(files) = unpack(bundle.as_slice()) {
                assert!(files.values().map(Vec::len).sum::<usize>() <= input.len());
            }
            is_no_other(&bundle);
            assert!(Bundle::read(input).is_err(), "without gzip it is none");
        });
}
