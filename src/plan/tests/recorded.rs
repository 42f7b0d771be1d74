//! What labs were really judged by, judged again: every one comes to what was declared for it.

use super::facts::{RECORDED, attempts, shown, verdicts};
use crate::evidence::Witness;
use crate::plan::{ITEMS, Ruling, guardrails};
use crate::verdict::{Verdict, worst};
use std::collections::BTreeMap;

#[test]
fn every_lab_comes_to_what_was_declared_for_it() {
    let mut wrong = Vec::new();
    for (lab, item, facts) in attempts() {
        let got = verdicts(item, facts);
        let mut declared = lab.declared.clone();
        declared.retain(|clause, _| got.contains_key(clause));
        assert_eq!(declared.len(), item.clauses.len(), "{}", lab.name);
        if got != declared {
            wrong.push(format!(
                "{}\n  declared  {}\n  got       {}",
                lab.name,
                shown(&declared),
                shown(&got)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A judge that always says PASS is found out by a broken lab, and not only by having looked at nothing.
#[test]
fn no_judge_holds_for_a_lab_that_breaks_its_clause() {
    let mut fooled = Vec::new();
    for (lab, item, facts) in attempts() {
        for clause in item.clauses {
            let ruling = (clause.judge)(&Witness::new(facts));
            if lab.declared[clause.id] != Verdict::Pass && matches!(ruling, Ok(Ruling::Holds(_))) {
                fooled.push(format!("{} holds in the lab {}", clause.id, lab.name));
            }
        }
    }
    assert!(fooled.is_empty(), "{}", fooled.join("\n"));
}

#[test]
fn an_item_is_attempted_where_what_it_needs_has_passed() {
    for lab in RECORDED.iter() {
        for item in ITEMS {
            let of = |item: &str| -> BTreeMap<String, Verdict> {
                let mut declared = lab.declared.clone();
                declared.retain(|clause, _| clause.starts_with(&format!("{item}.")));
                declared
            };
            let passed = |item: &&str| worst(of(item).into_values()) == Verdict::Pass;
            if lab.facts(item.id).is_some() {
                assert!(item.needs.iter().all(&passed), "{}", lab.name);
            } else if !item.needs.iter().all(passed) {
                let blocked = of(item.id).into_values().all(|of| of == Verdict::Blocked);
                assert!(blocked, "{}: {}", lab.name, item.id);
            }
        }
    }
}

#[test]
fn there_are_healthy_labs_and_for_every_clause_broken_ones() {
    for name in ["healthy", "healthy-webhook"] {
        let lab = RECORDED.iter().find(|lab| lab.name == name);
        let lab = lab.unwrap_or_else(|| panic!("{name} is not recorded"));
        assert_eq!(lab.fault, None);
        assert_eq!(shown(&lab.declared), "PASS");
    }
    for item in ITEMS {
        let mut healthy = RECORDED.iter().filter(|lab| lab.fault.is_none());
        assert!(
            healthy.any(|lab| lab.facts(item.id).is_some()),
            "{}",
            item.id
        );
    }
    for clause in ITEMS
        .iter()
        .chain([&guardrails::ITEM])
        .flat_map(|item| item.clauses)
    {
        let failing = attempts()
            .into_iter()
            .filter(|(lab, item, _)| {
                item.clauses.iter().any(|of| of.id == clause.id)
                    && lab.declared.get(clause.id) == Some(&Verdict::Fail)
            })
            .count();
        // Labs of the whole flow take long: of some clauses there is one.
        let is_gate = ["V1.", "V2."]
            .iter()
            .any(|item| clause.id.starts_with(item));
        let least = if is_gate { 2 } else { 1 };
        assert!(
            failing >= least,
            "{} is failed by {failing} labs",
            clause.id
        );
    }
}

#[test]
fn what_is_recorded_is_a_chain() {
    for (lab, _, facts) in attempts() {
        for (fact, before) in facts.iter().skip(1).zip(facts) {
            assert_eq!(fact.previous, before.digest, "{}", lab.name);
        }
        assert!(
            facts
                .iter()
                .all(|fact| fact.digest == fact.digest_of_content())
        );
    }
}
