//! What a bundle itself shows, without a look at the world: whether it is whole, who vouches for it, and whether the same judges come to
//! the same clauses.

use super::{Anchors, Audited, Check, cut, seals};
use crate::bundle::{
    Bundle, EVIDENCE, Evidence, JUNIT, JudgedAttempt, MANIFEST, Manifest, STATEMENT, Statement,
    junit,
};
use crate::evidence::{Digest, Fact};
use crate::plan;
use crate::verdict::{Clause, worst};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Checks all of a bundle but the world behind it.
pub fn cold(bundle: &Bundle, anchors: &Anchors) -> Audited {
    let mut audited = Audited::default();
    signature(bundle, anchors, &mut audited);
    statement(bundle, &mut audited);
    manifest(bundle, &mut audited);
    written(bundle, &mut audited);
    let evidence = &bundle.evidence;
    for judged in &evidence.attempts {
        chain(&place(judged), &judged.facts, &mut audited);
        if judged.chain_head != JudgedAttempt::head(&judged.facts) {
            audited.differs(
                Check::Head,
                place(judged),
                "the chain does not end where the evidence says",
            );
        }
        judge(judged, &mut audited);
    }
    for lost in &evidence.lost {
        let place = format!("{} attempt {}", lost.item, lost.attempt);
        chain(&place, &lost.facts, &mut audited);
    }
    heads(evidence, anchors, &mut audited);
    verdicts(evidence, &mut audited);
    judges(evidence, anchors, &mut audited);
    unfinished(evidence, &mut audited);
    if !junit(evidence).is_ok_and(|text| bundle.files.get(JUNIT) == Some(&text.into_bytes())) {
        audited.differs(Check::Junit, JUNIT, "it is not what the evidence gives");
    }
    audited
}

fn place(judged: &JudgedAttempt) -> String {
    format!("{} attempt {}", judged.item, judged.attempt)
}

fn signature(bundle: &Bundle, anchors: &Anchors, audited: &mut Audited) {
    match &anchors.key {
        Some(key) => {
            if let Err(unsigned) = bundle.envelope.check(key) {
                audited.differs(Check::Signature, STATEMENT, unsigned.to_string());
            }
        }
        None => {
            let keys: Vec<&str> = bundle.envelope.keys().collect();
            let keys = match keys.is_empty() {
                true => "no key".to_owned(),
                false => format!("the key {}", keys.join(", ")),
            };
            audited.unchecked.push((
                Check::Signature,
                format!("it names {keys}; give the installation's key to have it checked"),
            ));
        }
    }
}

fn statement(bundle: &Bundle, audited: &mut Audited) {
    let Some(content) = bundle.files.get(MANIFEST) else {
        return;
    };
    match bundle.envelope.statement() {
        Ok(stated) => {
            if stated != Statement::about(&bundle.evidence, content, stated.page()) {
                audited.differs(
                    Check::Statement,
                    STATEMENT,
                    "it is about another manifest, or says another result",
                );
            }
        }
        Err(unsigned) => audited.differs(Check::Statement, STATEMENT, unsigned.to_string()),
    }
}

fn manifest(bundle: &Bundle, audited: &mut Audited) {
    let Bundle {
        manifest, evidence, ..
    } = bundle;
    seals::digests(&bundle.files, manifest, audited);
    let of_evidence = Manifest {
        files: manifest.files.clone(),
        ..Manifest::of(evidence, &[])
    };
    if manifest.run != evidence.run || manifest.installation != evidence.installation {
        audited.differs(
            Check::Manifest,
            MANIFEST,
            format!(
                "it is the manifest of run {} of {}, and the evidence is of run {} of {}",
                manifest.run, manifest.installation, evidence.run, evidence.installation
            ),
        );
    } else if *manifest != of_evidence {
        audited.differs(
            Check::Manifest,
            MANIFEST,
            "what it says of the attempts is not what the evidence says",
        );
    }
}

/// Whether the evidence says nothing but what is read of it: facts are digested as they are read, and whoever digests them as they stand
/// there has to find the same.
fn written(bundle: &Bundle, audited: &mut Audited) {
    let Some(content) = bundle.files.get(EVIDENCE) else {
        return;
    };
    let mut same = Same { left: content };
    let is_written = serde_json::to_writer_pretty(&mut same, &bundle.evidence).is_ok();
    if is_written && same.left.is_empty() {
        return;
    }
    let read = &content[..content.len() - same.left.len()];
    let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
    audited.differs(
        Check::Evidence,
        format!("{EVIDENCE}, line {line}"),
        "it is not written as what is read there is written: there is more than is read, the same key twice, or a value in another form",
    );
}

/// Takes what is written as long as just this stands there.
struct Same<'a> {
    left: &'a [u8],
}

impl Write for Same<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let left = self.left.strip_prefix(piece);
        self.left = left.ok_or(io::ErrorKind::InvalidData)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether every fact is as it was sealed, and stands where it stood.
fn chain(place: &str, facts: &[Fact], audited: &mut Audited) {
    let mut previous = Digest::of_nothing();
    let mut labels = BTreeSet::new();
    for (at, fact) in facts.iter().enumerate() {
        let mut differs = |says: &str| {
            audited.differs(
                Check::Chain,
                format!("{place}, fact {} (`{}`)", fact.number, fact.label),
                says,
            );
        };
        if usize::try_from(fact.number) != Ok(at + 1) {
            differs(&format!("it stands in place {}", at + 1));
        }
        if fact.previous != previous {
            differs("it does not follow the fact before it");
        }
        if fact.digest != fact.digest_of_content() {
            differs("it is not what its digest was made of");
        }
        if fact.lasting != fact.question.lasting() {
            differs("how long its answer lasts is not what its question says");
        }
        if !labels.insert(&fact.label) {
            differs("a step of this name was seen before");
        }
        previous = fact.digest.clone();
    }
}

/// So many items are named in one line.
const NAMED: usize = 20;

/// `V1, V2 and 3 more`.
fn listed(items: &[&str]) -> String {
    let named = items[..items.len().min(NAMED)].join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn heads(evidence: &Evidence, anchors: &Anchors, audited: &mut Audited) {
    let is_quoted = |judged: &&JudgedAttempt| {
        let mut heads = anchors.heads.iter();
        heads.any(|(item, _)| *item == judged.item)
    };
    if evidence.attempts.is_empty() {
        let nothing = "there is no chain in it".to_owned();
        audited.unchecked.push((Check::Head, nothing));
    }
    let mut fit = BTreeSet::new();
    for (item, quoted) in &anchors.heads {
        let mut judged = evidence
            .attempts
            .iter()
            .filter(|judged| judged.item == *item);
        match judged.next() {
            None => audited.differs(Check::Head, item, "the bundle does not hold this item"),
            Some(judged) if judged.chain_head.as_str().starts_with(quoted.as_str()) => {
                fit.insert(item.as_str());
            }
            Some(judged) => audited.differs(
                Check::Head,
                place(judged),
                format!(
                    "its chain ends at {}, and not at {quoted}",
                    judged.chain_head.short()
                ),
            ),
        }
    }
    // One end that is known vouches for its own chain, and for no other.
    let unquoted: Vec<&str> = evidence
        .attempts
        .iter()
        .filter(|judged| !is_quoted(judged))
        .map(|judged| judged.item.as_str())
        .collect();
    if !unquoted.is_empty() {
        let fit: Vec<&str> = fit.into_iter().collect();
        let fits = match fit.is_empty() {
            true => String::new(),
            false => format!(". Compared, and as quoted: {}", listed(&fit)),
        };
        audited.unchecked.push((
            Check::Head,
            format!(
                "nobody quotes where the chain of {} ends; give the heads of all items, as verdict comments or acceptances quote them{fits}",
                listed(&unquoted)
            ),
        ));
    }
}

/// As many characters are told of what a clause says was seen.
const SEEN: usize = 400;

/// Judges the facts of an attempt once more.
fn judge(judged: &JudgedAttempt, audited: &mut Audited) {
    let place = place(judged);
    let Some(item) = plan::item(&judged.item) else {
        audited.differs(Check::Judged, place, "there is no such item");
        return;
    };
    // An item that was not attempted has no facts, and one reason for all of its clauses.
    let again = match (judged.facts.is_empty(), judged.clauses.first()) {
        (true, Some(first)) => plan::not_attempted(item, &first.seen),
        _ => plan::judge(item, &judged.facts),
    };
    let again: BTreeMap<&str, &Clause> = again.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut claimed = BTreeMap::new();
    for clause in &judged.clauses {
        if claimed.insert(clause.id.as_str(), clause).is_some() {
            audited.differs(Check::Judged, &clause.id, "it is claimed twice");
        }
    }
    let ids: BTreeSet<&str> = again.keys().chain(claimed.keys()).copied().collect();
    for id in ids {
        let says = match (claimed.get(id), again.get(id)) {
            (Some(claimed), Some(again)) if claimed == again => continue,
            (Some(claimed), Some(again)) if claimed.verdict != again.verdict => format!(
                "{} is claimed, and the facts give {}: {}",
                claimed.verdict,
                again.verdict,
                cut(&again.seen, SEEN)
            ),
            (Some(claimed), Some(again)) if claimed.seen != again.seen => format!(
                "it is said that {:?}, and the facts give {:?}",
                cut(&claimed.seen, SEEN),
                cut(&again.seen, SEEN)
            ),
            (Some(_), Some(_)) => {
                "what it rests on, or where a mend would go, is not what the facts give".into()
            }
            (Some(_), None) => "there is no such clause".into(),
            (None, _) => "nothing is claimed of it".into(),
        };
        audited.differs(Check::Judged, id, says);
    }
    let versions = crate::evidence::versions(&judged.facts);
    if versions != judged.versions {
        audited.differs(
            Check::Judged,
            place,
            "the versions are not those of the facts",
        );
    }
}

fn verdicts(evidence: &Evidence, audited: &mut Audited) {
    let mut items = BTreeSet::new();
    for judged in &evidence.attempts {
        let adds_up = worst(judged.clauses.iter().map(|clause| clause.verdict));
        if judged.verdict != adds_up {
            audited.differs(
                Check::Verdict,
                place(judged),
                format!(
                    "{} is claimed, and its clauses give {adds_up}",
                    judged.verdict
                ),
            );
        }
        if !items.insert(&judged.item) {
            audited.differs(Check::Verdict, place(judged), "the item is there twice");
        }
    }
    let known: BTreeSet<&String> = evidence.items.iter().collect();
    if known.len() != evidence.items.len() || known.len() > plan::ITEMS.len() + 1 {
        audited.differs(
            Check::Verdict,
            format!("run {}", evidence.run),
            "what was to be judged is named twice, or is more than the plan has",
        );
        return;
    }
    for judged in &evidence.attempts {
        if !known.contains(&judged.item) {
            audited.differs(
                Check::Verdict,
                place(judged),
                "it was not among what was to be judged",
            );
        }
    }
    attempts(evidence, &known, audited);
    // What came to no verdict leaves its run without a PASS.
    let of = |item: &String| {
        let mut attempts = evidence.attempts.iter();
        let judged = attempts.find(|judged| judged.item == *item);
        judged.map_or(worst([]), |judged| judged.verdict)
    };
    let adds_up = worst(evidence.items.iter().map(of));
    if evidence.verdict != adds_up {
        audited.differs(
            Check::Verdict,
            format!("run {}", evidence.run),
            format!(
                "{} is claimed, and its items give {adds_up}",
                evidence.verdict
            ),
        );
    }
}

/// Whether it was made before everything was judged.
fn unfinished(evidence: &Evidence, audited: &mut Audited) {
    if evidence.ended.is_none() {
        let words =
            "The run had not ended when this bundle was made: its own last bundle says more";
        audited.remarks.push(words.into());
    }
    let is_judged = |item: &str| evidence.attempts.iter().any(|judged| judged.item == item);
    let items = evidence.items.iter().map(String::as_str);
    let not: Vec<&str> = items.filter(|item| !is_judged(item)).collect();
    if !not.is_empty() {
        let not = listed(&not);
        audited
            .remarks
            .push(format!("It holds no verdict on {not}"));
    }
}

/// Whether the attempts of each item, those that were lost among them, are of what was to be judged, and numbered from 1 in their order: the
/// judged one is the last.
fn attempts(evidence: &Evidence, known: &BTreeSet<&String>, audited: &mut Audited) {
    let mut numbers: BTreeMap<&String, Vec<u32>> = BTreeMap::new();
    for lost in &evidence.lost {
        numbers.entry(&lost.item).or_default().push(lost.attempt);
        if !known.contains(&lost.item) {
            let says = "an attempt of it was lost, and it was not among what was to be judged";
            audited.differs(Check::Verdict, &lost.item, says);
        }
    }
    for judged in &evidence.attempts {
        numbers
            .entry(&judged.item)
            .or_default()
            .push(judged.attempt);
    }
    for (item, numbers) in numbers {
        if !(1..).zip(&numbers).all(|(number, of)| number == *of) {
            let says = "its attempts are not numbered from 1 in their order";
            audited.differs(Check::Verdict, item, says);
        }
    }
}

/// Whether another program judged than judges again. That is no difference: who trusts nobody builds their own.
fn judges(evidence: &Evidence, anchors: &Anchors, audited: &mut Audited) {
    let (theirs, Some(ours)) = (&evidence.judge, &anchors.judge) else {
        return;
    };
    if theirs.version != ours.version {
        audited.remarks.push(format!(
            "Gavel {} judged, and Gavel {} judges again",
            theirs.version, ours.version
        ));
    } else if theirs.digest != ours.digest {
        audited.remarks.push(format!(
            "Another build of Gavel {} judged (SHA-256 {}) than judges again (SHA-256 {})",
            ours.version,
            theirs.digest.short(),
            ours.digest.short()
        ));
    }
}
