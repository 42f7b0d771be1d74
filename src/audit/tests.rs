//! What a forger can do to a bundle, and what finds it.
//!
//! Each change is made three times: to the file alone; by a forger who makes chain, manifest and `junit.xml` anew and leaves the old
//! signature; and by one who signs all of that with a key of their own. The auditor has the installation's key and the heads that verdict
//! comments quote.

mod fuzz;
mod told;
mod written;

use super::{Anchors, Audited, Check, Difference, Opened, cold, open, table, unread};
use crate::bundle::{
    Bundle, Content, EVIDENCE, Evidence, FORMAT, JUNIT, Judge, JudgedAttempt, Key, LostAttempt,
    MANIFEST, Made, Manifest, REPORT, Refused, STATEMENT, Sealed, make, pack, unpack,
};
use crate::evidence::{Answer, Digest, Fact, Lasting, Sighting, versions};
use crate::plan::{self, tests::facts::healthy};
use crate::verdict::{Verdict, worst};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A run of two items, as a healthy lab was judged.
static EVIDENCE_OF_A_RUN: LazyLock<Evidence> = LazyLock::new(|| {
    let attempts = ["V1", "V2"].map(|item| {
        let facts = healthy(item).0;
        let clauses = plan::judge(plan::item(item).unwrap(), &facts);
        JudgedAttempt {
            item: item.into(),
            attempt: 1,
            started: facts[0].at,
            ended: facts.last().map(|fact| fact.at),
            verdict: worst(clauses.iter().map(|clause| clause.verdict)),
            chain_head: JudgedAttempt::head(&facts),
            versions: versions(&facts),
            clauses,
            facts,
        }
    });
    Evidence {
        format: FORMAT.into(),
        judge: Judge {
            version: env!("CARGO_PKG_VERSION").into(),
            digest: Digest::of("gavel"),
        },
        installation: "0a1b2c3d4e5f".into(),
        run: 7,
        asked_for_by: "maintainer".into(),
        tracking_issue: "https://git.example.org/m/verification/issues/1".into(),
        forge: "https://git.example.org".into(),
        drone: "https://drone.example.org".into(),
        started: Some(attempts[0].started),
        ended: attempts[1].ended,
        verdict: Verdict::Pass,
        items: vec!["V1".into(), "V2".into()],
        attempts: attempts.into(),
        lost: Vec::new(),
        made: vec![Made {
            kind: "pull".into(),
            repository: "m/tiny".into(),
            name: "gavel/run7".into(),
            number: Some(3),
            purpose: "V1".into(),
            ended: Some("closed".into()),
        }],
    }
});

static KEY: LazyLock<Key> = LazyLock::new(Key::new);

fn sealed(evidence: &Evidence, key: &Key) -> Vec<u8> {
    let content = Content {
        evidence: evidence.clone(),
        report: "## REVIEW-5 · PASS\n".into(),
        decisions: None,
        ideas: None,
        page: "https://gavel.example.org/runs/7".into(),
    };
    make(&content, key).unwrap()
}

/// The valid bundle.
static VALID: LazyLock<Vec<u8>> = LazyLock::new(|| sealed(&EVIDENCE_OF_A_RUN, &KEY));

fn anchors() -> Anchors {
    let heads = EVIDENCE_OF_A_RUN.attempts.iter();
    Anchors {
        key: Some(KEY.public()),
        heads: heads
            .map(|judged| (judged.item.clone(), judged.chain_head.to_string()))
            .collect(),
        judge: None,
    }
}

#[test]
fn another_judge_is_named_and_is_no_difference() {
    let bundle = Bundle::read(VALID.as_slice()).unwrap();
    let judged = &bundle.evidence.judge;
    let other = |version: &str, digest: &Digest| Judge {
        version: version.into(),
        digest: digest.clone(),
    };
    let another = Digest::of("another program");
    for (ours, told) in [
        (judged.clone(), false),
        (other(&judged.version, &another), true),
        (other("99.0.0", &judged.digest), true),
    ] {
        let anchors = Anchors {
            judge: Some(ours),
            ..anchors()
        };
        let audited = cold(&bundle, &anchors);
        assert!(audited.agrees());
        assert_eq!(
            audited.remarks.len(),
            usize::from(told),
            "{:?}",
            audited.remarks
        );
    }
}

fn audited(bundle: &[u8]) -> Audited {
    cold(&Bundle::read(bundle).unwrap(), &anchors())
}

/// Files by name, in the archive's order.
type Files = Vec<(&'static str, Vec<u8>)>;

fn files(bundle: &[u8]) -> Files {
    let mut files = unpack(bundle).unwrap();
    let order = crate::bundle::FILES.into_iter();
    order
        .filter_map(|name| Some((name, files.remove(name)?)))
        .collect()
}

fn put(files: &mut Files, name: &'static str, content: Vec<u8>) {
    let file = files.iter_mut().find(|(known, _)| *known == name);
    file.unwrap().1 = content;
}

/// The evidence changed in its file, and nothing else.
fn clumsily(evidence: &Evidence) -> Vec<u8> {
    let mut files = files(&VALID);
    let content = serde_json::to_vec_pretty(evidence).unwrap();
    put(&mut files, EVIDENCE, content);
    pack(&files).unwrap()
}

/// Chains made anew around changed facts.
fn chained(evidence: &Evidence) -> Evidence {
    let mut evidence = evidence.clone();
    for judged in &mut evidence.attempts {
        let mut facts: Vec<Fact> = Vec::new();
        for fact in judged.facts.drain(..) {
            let sighting = Sighting {
                label: fact.label,
                question: fact.question,
                asked: fact.asked,
                at: fact.at,
                watch: fact.watch,
                answer: fact.answer,
            };
            facts.push(Fact::chain(sighting, facts.last()));
        }
        judged.chain_head = JudgedAttempt::head(&facts);
        judged.versions = versions(&facts);
        judged.facts = facts;
    }
    evidence
}

/// Everything made anew but the signature.
fn carefully(evidence: &Evidence) -> Vec<u8> {
    let mut forged = files(&forged(evidence));
    let valid = files(&VALID);
    let statement = valid.into_iter().find(|(name, _)| *name == STATEMENT);
    put(&mut forged, STATEMENT, statement.unwrap().1);
    pack(&forged).unwrap()
}

/// Everything made anew, and signed with another key.
fn forged(evidence: &Evidence) -> Vec<u8> {
    sealed(&chained(evidence), &Key::new())
}

/// The checks that found something, in their order.
fn found(audited: &Audited) -> String {
    let checks: BTreeSet<Check> = audited.differences.iter().map(|it| it.check).collect();
    let checks: Vec<&str> = checks.into_iter().map(Check::word).collect();
    checks.join(", ")
}

/// The same without who signed it: for whoever has the key, that alone is enough.
fn found_beside_the_signature(audited: &Audited) -> String {
    let mut rest = audited.clone();
    rest.differences.retain(|it| it.check != Check::Signature);
    found(&rest)
}

fn answer<'a>(evidence: &'a mut Evidence, item: usize, label: &str) -> &'a mut Value {
    let mut facts = evidence.attempts[item].facts.iter_mut();
    match &mut facts.find(|fact| fact.label == label).unwrap().answer {
        Answer::Seen(value) => value,
        Answer::Unseen(why) => panic!("{why}"),
    }
}

type Change = fn(&mut Evidence);

/// Changes to the evidence: what finds them in the file alone, and what does, beside the signature, where all else was made anew.
#[rustfmt::skip]
const CHANGES: &[(&str, Change, &str, &str)] = &[
    ("a build's status", |run| answer(run, 0, "first.build")["status"] = json!("failure"), "manifest, chain, judged again", "head, judged again"),
    ("a build's page in an answer", |run| answer(run, 0, "first.build")["message"] = json!("x"), "manifest, chain", "head"),
    ("whom a question was put to", |run| run.attempts[0].facts[1].asked = "nobody".into(), "manifest, chain", "head"),
    ("when a question was put", |run| run.attempts[0].facts[3].at = jiff::Timestamp::UNIX_EPOCH, "manifest, chain", "head"),
    ("a question", |run| run.attempts[0].facts[1].question = crate::evidence::Question::LatestBuild, "manifest, chain", "head"),
    ("a step's name", |run| run.attempts[0].facts[9].label = "other".into(), "manifest, chain, judged again", "head, judged again"),
    ("what was seen becomes what was not", |run| run.attempts[1].facts[12].answer = Answer::Unseen("no answer".into()), "manifest, chain, judged again", "head, judged again"),
    ("how long an answer lasts", |run| run.attempts[0].facts[0].lasting = Lasting::Immutable, "manifest, chain", ""),
    ("a fact's number", |run| run.attempts[0].facts[4].number = 50, "manifest, chain", ""),
    ("a fact's digest", |run| run.attempts[0].facts[4].digest = Digest::of("x"), "manifest, chain", ""),
    ("the digest of the fact before", |run| run.attempts[0].facts[4].previous = Digest::of("x"), "manifest, chain", ""),
    ("the first fact is dropped", |run| drop(run.attempts[0].facts.remove(0)), "manifest, chain, judged again", "head, judged again"),
    ("a fact in the middle is dropped", |run| drop(run.attempts[0].facts.remove(14)), "manifest, chain, judged again", "head, judged again"),
    ("the last fact is dropped", |run| drop(run.attempts[0].facts.pop()), "manifest, head", "head"),
    ("all facts of an item are dropped", |run| run.attempts[1].facts.clear(), "manifest, head, judged again", "head, judged again"),
    ("a fact is added at the end", |run| { let last = run.attempts[0].facts.last().unwrap().clone(); run.attempts[0].facts.push(last) }, "manifest, chain", "chain, head"),
    ("two facts change places", |run| run.attempts[0].facts.swap(10, 11), "manifest, chain", "head, judged again"),
    ("facts of one item under another", |run| { let facts = run.attempts[0].facts.clone(); run.attempts[1].facts = facts }, "manifest, head, judged again", "head, judged again"),
    ("the end of a chain", |run| run.attempts[0].chain_head = Digest::of("x"), "manifest, head", ""),
    ("a clause's verdict", |run| run.attempts[0].clauses[2].verdict = Verdict::Fail, "manifest, judged again, verdict", "judged again, verdict"),
    ("a clause's verdict, and what it adds up to", |run| { run.attempts[0].clauses[2].verdict = Verdict::Fail; run.attempts[0].verdict = Verdict::Fail; run.verdict = Verdict::Fail }, "manifest, judged again", "judged again"),
    ("what a clause says was seen", |run| run.attempts[0].clauses[2].seen = "all well".into(), "manifest, judged again", "judged again"),
    ("what a clause rests on", |run| run.attempts[0].clauses[2].evidence.truncate(1), "manifest, judged again", "judged again"),
    ("where a mend would go", |run| run.attempts[0].clauses[2].mend = "here".into(), "manifest, judged again", "judged again"),
    ("a clause is dropped", |run| drop(run.attempts[0].clauses.remove(2)), "manifest, judged again", "judged again"),
    ("a clause is there twice", |run| { let clause = run.attempts[0].clauses[2].clone(); run.attempts[0].clauses.push(clause) }, "manifest, judged again", "judged again"),
    ("a clause that no item has", |run| run.attempts[0].clauses[2].id = "V1.99".into(), "manifest, judged again", "judged again"),
    ("an item's verdict", |run| run.attempts[1].verdict = Verdict::Inconclusive, "manifest, verdict", "verdict"),
    ("the run's verdict", |run| run.verdict = Verdict::Fail, "manifest, verdict", "verdict"),
    ("the run's verdict, as of one that never ended", |run| run.verdict = Verdict::Inconclusive, "manifest, verdict", "verdict"),
    ("what was to be judged", |run| drop(run.items.pop()), "manifest, verdict", "verdict"),
    ("an item is dropped", |run| drop(run.attempts.remove(1)), "manifest, head, verdict", "head, verdict"),
    ("an item is there twice", |run| { let judged = run.attempts[0].clone(); run.attempts.push(judged) }, "manifest, verdict", "verdict"),
    ("an item that the plan does not have", |run| run.attempts[1].item = "V77".into(), "manifest, head, judged again, verdict", "head, judged again, verdict"),
    ("the number of an attempt", |run| run.attempts[0].attempt = 2, "manifest, verdict", "verdict"),
    ("an attempt more that was lost", |run| run.lost.push(lost("V1", 1)), "manifest, verdict", "verdict"),
    ("an attempt that was lost, of another item", |run| run.lost.push(lost("V77", 1)), "manifest, verdict", "verdict"),
    ("the versions that were verified", |run| drop(run.attempts[0].versions.insert("forge".into(), "9".into())), "manifest, judged again", ""),
    ("the number of the run", |run| run.run = 8, "manifest", ""),
    ("the installation", |run| run.installation = "ffffffffffff".into(), "manifest", ""),
    ("who asked for it", |run| run.asked_for_by = "adversary".into(), "manifest", ""),
    ("the issue on which it was asked for", |run| run.tracking_issue = "https://git.example.org/m/other/issues/1".into(), "manifest", ""),
    ("when it began", |run| run.started = None, "manifest", ""),
    ("who judged", |run| run.judge.digest = Digest::of("another"), "manifest", ""),
    ("what it made", |run| run.made.clear(), "manifest", ""),
];

#[test]
fn the_valid_bundle_agrees_and_somebody_vouches_for_it() {
    let audited = audited(&VALID);
    assert_eq!(audited.differences, []);
    assert!(audited.is_anchored());
    let alone = cold(
        &Bundle::read(VALID.as_slice()).unwrap(),
        &Anchors::default(),
    );
    assert!(alone.agrees() && !alone.is_anchored());
}

fn lost(item: &str, attempt: u32) -> LostAttempt {
    LostAttempt {
        item: item.into(),
        attempt,
        started: jiff::Timestamp::UNIX_EPOCH,
        why: "Gavel was ended".into(),
        facts: Vec::new(),
    }
}

#[test]
fn every_change_to_the_evidence_is_found_by_name() {
    let mut wrong = Vec::new();
    for (what, change, in_the_file, made_anew) in CHANGES {
        let mut changed = EVIDENCE_OF_A_RUN.clone();
        change(&mut changed);
        assert_ne!(changed, *EVIDENCE_OF_A_RUN, "{what}: changes nothing");
        let clumsy = audited(&clumsily(&changed));
        // `junit.xml` follows from the clauses: it differs where they do, and is made anew with the rest.
        let got = found(&clumsy)
            .replace(", junit", "")
            .replace(", statement", "");
        let got = got.replace("statement, ", "");
        if got != *in_the_file {
            wrong.push(format!(
                "{what}, in the file\n  expected  {in_the_file}\n  got       {got}"
            ));
        }
        // What a forger puts right in making it anew is no change any more.
        let is_undone = chained(&changed) == *EVIDENCE_OF_A_RUN;
        let careful = audited(&carefully(&changed));
        let signed = audited(&forged(&changed));
        for (how, audited) in [("made anew", &careful), ("signed anew", &signed)] {
            let got = found_beside_the_signature(audited).replace("statement, ", "");
            let got = if got == "statement" {
                String::new()
            } else {
                got
            };
            if got != *made_anew {
                wrong.push(format!(
                    "{what}, {how}\n  expected  {made_anew}\n  got       {got}"
                ));
            }
        }
        if !signed
            .differences
            .iter()
            .any(|it| it.check == Check::Signature)
        {
            wrong.push(format!("{what}: another key is not noticed"));
        }
        if careful.agrees() != is_undone {
            wrong.push(format!(
                "{what}: the old signature is taken for one under it"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a forger does to the files, and what is said of it.
#[test]
fn every_change_to_a_file_is_found_by_name() {
    type Forge = fn(&mut Files);
    let rows: &[(&str, Forge, &str)] = &[
        (
            "another report",
            |files| put(files, REPORT, b"PASS".into()),
            "manifest",
        ),
        (
            "another `junit.xml`",
            |files| put(files, JUNIT, b"<testsuites/>".into()),
            "manifest, junit",
        ),
        (
            "a file that the manifest does not name",
            |files| files.insert(3, (crate::bundle::IDEAS, b"- one\n".into())),
            "manifest",
        ),
        (
            "a manifest of another run",
            |files| {
                let other = Evidence {
                    run: 8,
                    ..EVIDENCE_OF_A_RUN.clone()
                };
                let other = Manifest::of(&other, &files[1..4]);
                put(files, MANIFEST, serde_json::to_vec_pretty(&other).unwrap());
            },
            "statement, manifest",
        ),
        (
            "a signature that is somebody else's",
            |files| {
                let theirs = self::files(&sealed(&EVIDENCE_OF_A_RUN, &Key::new()));
                put(files, STATEMENT, theirs.last().unwrap().1.clone());
            },
            "signature",
        ),
        (
            "no signature",
            |files| statement(files, |it| it["signatures"] = json!([])),
            "signature",
        ),
        (
            "a signature with a bit turned",
            |files| {
                statement(files, |it| {
                    let sig = it["signatures"][0]["sig"].as_str().unwrap().to_owned();
                    let other = if sig.starts_with('A') { "B" } else { "A" };
                    it["signatures"][0]["sig"] = json!(format!("{other}{}", &sig[1..]));
                })
            },
            "signature",
        ),
        (
            "a signature that is none",
            |files| statement(files, |it| it["signatures"][0]["sig"] = json!("!")),
            "signature",
        ),
        (
            "a payload that is none",
            |files| statement(files, |it| it["payload"] = json!("e30=")),
            "signature, statement",
        ),
        (
            "a payload of another kind",
            |files| statement(files, |it| it["payloadType"] = json!("text/plain")),
            "signature, statement",
        ),
    ];
    for (what, forge, expected) in rows {
        let mut forged = files(&VALID);
        forge(&mut forged);
        let audited = audited(&pack(&forged).unwrap());
        assert_eq!(
            found(&audited),
            *expected,
            "{what}: {:#?}",
            audited.differences
        );
    }
}

/// Changes the envelope.
fn statement(files: &mut Files, change: fn(&mut Value)) {
    let content = &files.last().unwrap().1;
    let mut envelope: Value = serde_json::from_slice(content).unwrap();
    change(&mut envelope);
    put(files, STATEMENT, serde_json::to_vec(&envelope).unwrap());
}

#[test]
fn what_is_no_bundle_is_refused_by_name() {
    let refused = |bundle: &[u8]| Bundle::read(bundle).err().map(|why| why.to_string());
    let said = |why: Option<String>| why.unwrap_or_else(|| "it was read".into());
    let with = |forge: &dyn Fn(&mut Files)| {
        let mut forged = files(&VALID);
        forge(&mut forged);
        said(refused(&pack(&forged).unwrap()))
    };
    let replaced = |name: &'static str, old: &str, new: &str| {
        with(&|files| {
            let file = files.iter().find(|(known, _)| *known == name).unwrap();
            let text = String::from_utf8(file.1.clone())
                .unwrap()
                .replacen(old, new, 1);
            put(files, name, text.into_bytes());
        })
    };
    let rows = [
        said(refused(b"")),
        said(refused(b"no archive")),
        said(refused(&VALID[..VALID.len() / 2])),
        said(refused(&VALID[..VALID.len() - 4])),
        with(&|files| files.retain(|(name, _)| *name != REPORT)),
        with(&|files| files.insert(1, (MANIFEST, b"{}".into()))),
        with(&|files| files.push(("etc/passwd", b"x".into()))),
        replaced(EVIDENCE, "gavel-bundle/1", "gavel-bundle/2"),
        replaced(MANIFEST, "gavel-bundle/1", "gavel-bundle/9"),
        replaced(EVIDENCE, "\"run\": 7", "\"run\": 7, \"also\": 1"),
        replaced(EVIDENCE, "\"run\": 7", "\"run\": \"seven\""),
        replaced(EVIDENCE, "{", "["),
    ];
    assert_snapshot!(rows.join("\n"), @r#"
    this is no gzipped tar archive, or it is cut off: unexpected end of file
    this is no gzipped tar archive, or it is cut off: invalid gzip header
    this is no gzipped tar archive, or it is cut off: incomplete deflate stream
    this is no gzipped tar archive, or it is cut off: unexpected end of file
    the archive does not hold `REVIEW-5.md`
    the archive holds `manifest.json` twice
    the archive holds `etc/passwd`, which is no file of a bundle
    `evidence.json` is written in format `gavel-bundle/2`, and this program reads `gavel-bundle/1`: use a Gavel that knows it
    `manifest.json` is written in format `gavel-bundle/9`, and this program reads `gavel-bundle/1`: use a Gavel that knows it
    `evidence.json` cannot be read: unknown field `also`, expected one of `format`, `judge`, `installation`, `run`, `asked_for_by`, `tracking_issue`, `forge`, `drone`, `started`, `ended`, `verdict`, `items`, `attempts`, `lost`, `made` at line 8 column 18
    `evidence.json` cannot be read: invalid type: string "seven", expected u64 at line 8 column 16
    `evidence.json` cannot be read: trailing characters at line 2 column 11
    "#);
}

#[test]
fn more_than_a_bundle_may_hold_is_refused_in_bounded_memory() {
    // A gigabyte of nothing is small when it is packed.
    let zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(zipped);
    let mut header = tar::Header::new_ustar();
    header.set_size(1 << 30);
    header.set_mode(0o644);
    let nothing = std::io::Read::take(std::io::repeat(b' '), 1 << 30);
    archive.append_data(&mut header, EVIDENCE, nothing).unwrap();
    let bundle = archive.into_inner().unwrap().finish().unwrap();
    assert!(bundle.len() < 16 << 20);
    assert!(matches!(
        Bundle::read(bundle.as_slice()),
        Err(Refused::TooLarge)
    ));
}

#[test]
fn what_would_grow_in_memory_is_refused_before_it_does() {
    let mut files = files(&VALID);
    let many = format!("[{}[0]]", "[0],".repeat(3_000_000));
    put(&mut files, EVIDENCE, many.into_bytes());
    let bundle = pack(&files).unwrap();
    assert!(matches!(
        Bundle::read(bundle.as_slice()),
        Err(Refused::TooMany { file: EVIDENCE })
    ));
}

/// Evidence that cannot be read shows whether it was.
#[test]
fn nothing_is_read_that_the_key_does_not_vouch_for() {
    let opened = |files: &Files, with_key: bool| {
        let key = with_key.then(|| KEY.public());
        let sealed = Sealed::unpack(pack(files).unwrap().as_slice()).unwrap();
        match open(sealed, key.as_ref()) {
            Ok(Opened::Read(_)) => "it is read".to_owned(),
            Ok(Opened::Unvouched(audited)) => unread(&audited).replace(&KEY.public().id(), "KEY"),
            Err(refused) => refused.to_string(),
        }
    };
    assert_eq!(opened(&files(&VALID), true), "it is read");
    let mut changed = files(&VALID);
    let size = changed[1].1.len().to_string();
    put(&mut changed, EVIDENCE, b"no evidence".into());
    assert!(opened(&changed, false).contains("`evidence.json` cannot be read"));
    assert_snapshot!(opened(&changed, true).replace(&size, "SIZE"), @"
    signature      agrees
    statement      agrees
    manifest       1 difference

    manifest: evidence.json: it has 11 bytes, and the manifest says SIZE

    The key does not vouch for this bundle, so nothing else of it was read. Without --key it is read, and judged on nobody's word.
    ");
    // By somebody who makes the manifest anew, and then the statement.
    put(&mut changed, MANIFEST, b"no manifest".into());
    assert!(
        opened(&changed, true).contains("statement: statement.json: it is about another manifest")
    );
    let theirs = files(&sealed(&EVIDENCE_OF_A_RUN, &Key::new()));
    put(&mut changed, STATEMENT, theirs.last().unwrap().1.clone());
    assert_snapshot!(opened(&changed, true), @"
    signature      1 difference

    signature: statement.json: it carries no signature by the key KEY

    The key does not vouch for this bundle, so nothing else of it was read. Without --key it is read, and judged on nobody's word.
    ");
}

#[test]
fn more_attempts_than_a_run_can_have_are_refused() {
    let mut many = EVIDENCE_OF_A_RUN.clone();
    let empty = JudgedAttempt {
        facts: Vec::new(),
        clauses: Vec::new(),
        ..many.attempts[0].clone()
    };
    many.attempts = vec![empty; 1001];
    let refused = Bundle::read(sealed(&many, &KEY).as_slice()).err().unwrap();
    assert_snapshot!(refused, @"`evidence.json` holds 1001 attempts, and no more than 1000 are audited: no run has so many. Take the bundle from the run's page");
    many.attempts.pop();
    assert!(Bundle::read(sealed(&many, &KEY).as_slice()).is_ok());
}

#[test]
fn a_table_says_what_was_checked_and_what_differs() {
    let mut changed = EVIDENCE_OF_A_RUN.clone();
    changed.attempts[0].clauses[2].verdict = Verdict::Fail;
    let bundle = Bundle::read(forged(&changed).as_slice()).unwrap();
    let text = table(&bundle.evidence, &cold(&bundle, &anchors()));
    let text = text.replace(&KEY.public().id(), "KEY");
    assert_snapshot!(text, @"
    run 7 of 0a1b2c3d4e5f: PASS claimed, 2 items, 14 clauses, 116 facts

    signature      1 difference
    statement      agrees
    manifest       agrees
    evidence       agrees
    chain          agrees
    head           agrees
    judged again   1 difference
    verdict        1 difference
    junit          agrees

    signature: statement.json: it carries no signature by the key KEY
    judged again: V1.3: FAIL is claimed, and the facts give PASS: build 1: commit status and result comment both hold success; build 2: commit status and result comment both hold success; build 3: commit status and result comment both hold failure
    verdict: V1 attempt 1: PASS is claimed, and its clauses give FAIL

    The bundle does not hold what it claims.
    ");
    let bundle = Bundle::read(VALID.as_slice()).unwrap();
    let text = table(&bundle.evidence, &cold(&bundle, &Anchors::default()));
    let text = text.replace(&KEY.public().id(), "KEY");
    assert_snapshot!(text, @"
    run 7 of 0a1b2c3d4e5f: PASS claimed, 2 items, 14 clauses, 116 facts

    signature      not checked: it names the key KEY; give the installation's key to have it checked
    statement      agrees
    manifest       agrees
    evidence       agrees
    chain          agrees
    head           not checked: nobody quotes where the chain of V1, V2 ends; give the heads of all items, as verdict comments or acceptances quote them
    judged again   agrees
    verdict        agrees
    junit          agrees

    The bundle agrees with itself. Nobody but itself vouches for it.
    ");
}

#[test]
fn the_quotation_of_one_chain_vouches_for_no_other() {
    let mut anchors = anchors();
    anchors.key = None;
    let bundle = Bundle::read(VALID.as_slice()).unwrap();
    // Of who asked, when, what was made, and the report no chain tells.
    let all = cold(&bundle, &anchors);
    assert!(all.agrees() && all.has_its_heads() && !all.is_anchored());
    anchors.heads.pop();
    let audited = cold(&bundle, &anchors);
    assert!(audited.agrees() && !audited.has_its_heads(), "{audited:?}");
    let nothing = Evidence {
        items: Vec::new(),
        attempts: Vec::new(),
        verdict: worst([]),
        ..EVIDENCE_OF_A_RUN.clone()
    };
    let nothing = sealed(&nothing, &KEY);
    let audited = cold(&Bundle::read(nothing.as_slice()).unwrap(), &anchors);
    assert!(!audited.has_its_heads());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Any byte of any file changed to any other: refused, or found. What a signature says of its key is a hint, which vouches for nothing
    /// and is not vouched for.
    #[test]
    fn a_byte_changed_anywhere_is_never_valid(file in 0_usize..5, at in any::<prop::sample::Index>(), by in 1_u8..=255) {
        let mut forged = files(&VALID);
        let content = &mut forged[file].1;
        let at = at.index(content.len());
        let id = KEY.public().id();
        let hint = content.windows(id.len()).position(|part| part == id.as_bytes());
        prop_assume!(!hint.is_some_and(|hint| (hint..hint + id.len()).contains(&at)));
        content[at] = content[at].wrapping_add(by);
        if let Ok(bundle) = Bundle::read(pack(&forged).unwrap().as_slice()) {
            prop_assert!(!cold(&bundle, &anchors()).agrees(), "{} at {at}", forged[file].0);
        }
    }

    /// Any byte of the archive: refused, found, or without effect on what it holds.
    #[test]
    fn a_byte_changed_in_the_archive_is_never_another_bundle(at in any::<prop::sample::Index>(), by in 1_u8..=255) {
        let mut forged = VALID.clone();
        let at = at.index(forged.len());
        forged[at] = forged[at].wrapping_add(by);
        if let Ok(bundle) = Bundle::read(forged.as_slice()) {
            let same = bundle.evidence == *EVIDENCE_OF_A_RUN;
            prop_assert!(same || !cold(&bundle, &anchors()).agrees());
        }
    }

    /// Whatever somebody sends instead.
    #[test]
    fn anything_at_all_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Bundle::read(bytes.as_slice()).is_err());
    }
}
