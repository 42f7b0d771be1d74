//! What is told of a bundle, whatever it holds: nothing that a terminal obeys, and not more than a person reads.

use super::*;
use crate::audit::{quoted, refused};

#[test]
fn what_is_refused_is_told_without_what_a_terminal_obeys() {
    let told = |name: &'static str, old: &str, new: &str| {
        let mut forged = files(&VALID);
        let file = forged.iter().find(|(known, _)| *known == name).unwrap();
        let text = String::from_utf8(file.1.clone()).unwrap();
        put(&mut forged, name, text.replacen(old, new, 1).into_bytes());
        let bundle = Bundle::read(pack(&forged).unwrap().as_slice());
        refused(&anyhow::Error::from(bundle.err().unwrap()).context("the bundle is refused"))
    };
    let mut stranger = files(&VALID);
    stranger.push(("\u{1b}[2Jx", b"x".into()));
    let stranger = Bundle::read(pack(&stranger).unwrap().as_slice());
    let long = format!("\"run\": 7, \"{}\": 1", "x".repeat(1 << 20));
    let rows = [
        told(EVIDENCE, "gavel-bundle/1", "\\u001b]0;x\\u0007"),
        told(EVIDENCE, "\"run\": 7", "\"run\": 7, \"\\u001b[31mx\": 1"),
        told(EVIDENCE, "\"run\": 7", &long),
        refused(&stranger.err().unwrap().into()),
    ];
    for told in &rows {
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.chars().count() < 1100, "{} characters", told.len());
    }
    assert!(rows[0].contains(r"`\u{1b}]0;x\u{7}`"), "{}", rows[0]);
    assert!(
        rows[1].contains(r"unknown field `\u{1b}[31mx`"),
        "{}",
        rows[1]
    );
    assert!(rows[3].contains(r"`\u{1b}[2Jx`"), "{}", rows[3]);
}

type Lengthen = fn(&mut Evidence, String);

#[test]
fn what_is_too_long_to_be_told_is_refused_or_cut() {
    let rows: &[(&str, Lengthen, Option<&str>)] = &[
        (
            "a step",
            |run, long| run.attempts[0].facts[1].label = long,
            Some("a step"),
        ),
        (
            "an item",
            |run, long| run.attempts[0].item = long,
            Some("an item"),
        ),
        (
            "what was to be judged",
            |run, long| run.items[0] = long,
            Some("an item"),
        ),
        (
            "a clause",
            |run, long| run.attempts[0].clauses[0].id = long,
            Some("a clause"),
        ),
        (
            "what was seen",
            |run, long| run.attempts[0].clauses[0].seen = long,
            Some("what a clause says was seen"),
        ),
        (
            "the installation",
            |run, long| run.installation = long,
            None,
        ),
        ("who judged", |run, long| run.judge.version = long, None),
    ];
    for (what, lengthen, expected) in rows {
        let mut long = EVIDENCE_OF_A_RUN.clone();
        lengthen(&mut long, "\u{202e}".repeat(1 << 20));
        match (Bundle::read(clumsily(&long).as_slice()), expected) {
            (Err(Refused::TooLong { what: told, .. }), Some(expected)) => {
                assert_eq!(told, *expected, "{what}");
            }
            (Ok(bundle), None) => {
                let text = table(&bundle.evidence, &cold(&bundle, &anchors()));
                assert!(text.len() < 64 << 10, "{what}: {} bytes", text.len());
            }
            (read, _) => panic!("{what}: {:?}", read.err()),
        }
    }
}

#[test]
fn of_very_many_differences_the_first_are_told_and_the_rest_counted() {
    let mut changed = EVIDENCE_OF_A_RUN.clone();
    let mut fact = changed.attempts[0].facts[0].clone();
    fact.label = "é".repeat(300);
    changed.attempts[0].facts = vec![fact; 150];
    let bundle = Bundle::read(clumsily(&changed).as_slice()).unwrap();
    let audited = cold(&bundle, &anchors());
    let longest = |it: &Difference| it.place.chars().count().max(it.says.chars().count());
    assert!(audited.differences.iter().all(|it| longest(it) <= 1001));
    let text = table(&bundle.evidence, &audited);
    let chain: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("chain: "))
        .collect();
    assert_eq!(chain.len(), 101);
    assert!(chain[100].ends_with(" more"), "{}", chain[100]);
    assert!(chain[0].contains("éé…: "), "{}", chain[0]);
}

#[test]
fn a_head_is_taken_in_every_form_in_which_it_is_quoted() {
    let digest = "0123456789abcdef".repeat(4);
    for typed in [
        format!("V1={digest}"),
        format!("v1={}", digest.to_uppercase()),
        format!("V1=`{digest}`"),
        format!("`V1={digest}`"),
    ] {
        assert_eq!(quoted(&typed), Ok(("V1".into(), digest.clone())), "{typed}");
    }
    for typed in [
        "V1".to_owned(),
        "V1=".to_owned(),
        format!("V1={}", &digest[..63]),
        format!("V1={}…", &digest[..12]),
        format!("V1={}g", &digest[..63]),
        format!("V1={digest}0"),
        format!("X1={digest}"),
        format!("={digest}"),
    ] {
        assert!(quoted(&typed).is_err(), "{typed}");
    }
}

#[test]
fn heads_that_fit_are_named_beside_those_that_nobody_quotes() {
    let mut anchors = anchors();
    anchors.heads.pop();
    let bundle = Bundle::read(VALID.as_slice()).unwrap();
    let said = |anchors: &Anchors| {
        let text = table(&bundle.evidence, &cold(&bundle, anchors));
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with("head"))
            .unwrap()
            .to_owned()
    };
    assert_snapshot!(said(&anchors), @"head           not checked: nobody quotes where the chain of V2 ends; give the heads of all items, as verdict comments or acceptances quote them. Compared, and as quoted: V1");
    anchors.heads.clear();
    assert_snapshot!(said(&anchors), @"head           not checked: nobody quotes where the chain of V1, V2 ends; give the heads of all items, as verdict comments or acceptances quote them");
}
