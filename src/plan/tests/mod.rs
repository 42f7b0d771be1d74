//! The judges: on what labs were really judged by, on one change to it at a time, and on anything at all.

pub mod facts;
mod fuzz;
mod guardrails;
mod properties;
mod recorded;
mod v1;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;
mod v7;
mod v8;
mod v8a;
mod v9;

use super::*;

/// What a mutation tool puts in the place of a judge: one that is always content. The program itself has no such ruling.
impl Default for Ruling {
    fn default() -> Self {
        Self::Holds("whatever was seen".into())
    }
}

#[test]
fn clause_ids_are_unique_and_begin_with_their_item() {
    let mut seen = std::collections::BTreeSet::new();
    for item in ITEMS {
        for clause in item.clauses {
            assert!(seen.insert(clause.id), "{} twice", clause.id);
            assert!(
                clause.id.starts_with(&format!("{}.", item.id)),
                "{}",
                clause.id
            );
        }
    }
}

/// What the plan asks for, by item: as many clauses, counted from 1. V1.7 was added to it.
#[test]
fn every_clause_of_the_plan_is_judged_in_one_place() {
    let plan = [
        ("V1", 7),
        ("V2", 7),
        ("V3", 6),
        ("V4", 7),
        ("V5", 4),
        ("V6", 7),
        ("V7", 4),
        ("V8", 7),
        ("V8a", 11),
        ("V9", 5),
    ];
    let items: Vec<_> = ITEMS
        .iter()
        .map(|item| (item.id, item.clauses.len()))
        .collect();
    assert_eq!(items, plan);
    for item in ITEMS {
        for (at, clause) in item.clauses.iter().enumerate() {
            assert_eq!(clause.id, format!("{}.{}", item.id, at + 1));
        }
    }
    let guardrails = crate::plan::guardrails::ITEM
        .clauses
        .iter()
        .map(|clause| clause.id);
    let all = ["G1", "G2", "G3", "G4", "G5", "G6", "G7"];
    assert_eq!(guardrails.collect::<Vec<_>>(), all);
}

#[test]
fn prerequisites_come_along_and_first() {
    let ids = |named: &[&str]| -> Vec<&str> {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        with_prerequisites(&named)
            .iter()
            .map(|item| item.id)
            .collect()
    };
    assert_eq!(ids(&["V1"]), ["V1"]);
    assert_eq!(ids(&["V2"]), ["V1", "V2"]);
    assert_eq!(ids(&["V2", "V1"]), ["V1", "V2"]);
    assert_eq!(ids(&["V77"]), Vec::<&str>::new());
}

#[test]
fn without_facts_nothing_passes() {
    for item in ITEMS {
        for clause in judge(item, &[]) {
            assert_eq!(clause.verdict, Verdict::Inconclusive, "{}", clause.id);
        }
    }
}

#[test]
fn a_judge_that_looks_at_nothing_passes_nothing() {
    let blind = ClauseSpec {
        id: "V0.1",
        says: "everything is fine",
        judge: |_| holds("surely"),
    };
    assert_eq!(decide(&blind, &[]).verdict, Verdict::Inconclusive);
}
