//! What holds for all facts: less of them proves less, the order and other people's doings prove nothing, and rubbish is no PASS.

use super::facts::{attempts, healthy, verdicts};
use crate::evidence::{Answer, Fact, Question};
use crate::plan::{ITEMS, Item, judge};
use crate::verdict::Verdict;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One attempt of one recorded lab.
#[derive(Clone, Copy)]
struct Attempt {
    lab: &'static str,
    item: &'static Item,
    facts: &'static [Fact],
}

/// Facts by the dozen would hide which lab a property fails for.
impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of the lab {}", self.item.id, self.lab)
    }
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    any::<Index>().prop_map(|index| {
        let (lab, item, facts) = *index.get(&attempts());
        let lab = &lab.name;
        Attempt { lab, item, facts }
    })
}

/// Some of an attempt's facts, by their place: at most this many.
fn some_of(most: usize) -> impl Strategy<Value = (Attempt, Vec<usize>)> {
    any_attempt().prop_flat_map(move |attempt| {
        let places: Vec<usize> = (0..attempt.facts.len()).collect();
        let most = most.min(places.len());
        (Just(attempt), subsequence(places, 1..=most))
    })
}

/// What was not a PASS has not become one, and what was not a FAIL has not become one either.
fn proves_less(
    before: &BTreeMap<String, Verdict>,
    after: &BTreeMap<String, Verdict>,
) -> Result<(), TestCaseError> {
    for (clause, verdict) in after {
        let was = before[clause];
        prop_assert!(
            *verdict != Verdict::Pass || was == Verdict::Pass,
            "{clause} was {was} and is PASS"
        );
        prop_assert!(
            *verdict != Verdict::Fail || was == Verdict::Fail,
            "{clause} was {was} and is FAIL"
        );
    }
    Ok(())
}

fn seen(fact: &mut Fact) -> Option<&mut Value> {
    match &mut fact.answer {
        Answer::Seen(value) => Some(value),
        Answer::Unseen(_) => None,
    }
}

fn is_list(question: &Question) -> bool {
    matches!(
        question,
        Question::Builds { .. } | Question::Comments { .. } | Question::Statuses { .. }
    )
}

/// Anything that is JSON, but not of the kind of what stands there: an empty list of builds is an answer, an object in its place is not.
fn rubbish() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let key = prop_oneof![
            "[a-z]{1,8}",
            prop::sample::select(vec![
                "id", "number", "status", "user", "body", "params", "stages", "tests", "end",
                "stdout"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|entries| { Value::Object(entries.into_iter().collect::<Map<_, _>>()) }),
        ]
    })
}

fn same_kind(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
        || (one.is_array() && other.is_null())
        || (one.is_null() && other.is_array())
}

/// Builds, comments and statuses of people who work on the same machines: none of the gate's for this pull request, none of the flow's.
#[derive(Debug, Clone)]
enum Noise {
    Build {
        recipe: String,
        commit: String,
        pull: u64,
    },
    Comment {
        by: String,
        body: String,
    },
    Status {
        by: String,
        context: String,
        word: String,
    },
}

/// Each with its number, and the step from which on it is there.
fn noise() -> impl Strategy<Value = Vec<(usize, u64, Noise)>> {
    let who = prop::sample::select(vec!["maintainer", "adversary", "renovate"]);
    // Not the flow: it writes no status, whatever it is called.
    let by_all = prop::sample::select(vec!["maintainer", "bridge", "gavel", "renovate"]);
    let bodies = vec![
        "please !testme",
        "LGTM",
        "!testmexyz",
        "<!-- cc-ci:testme --> passed failed",
        "VERDICT=GREEN",
        "❌ **cc-ci** failed",
    ];
    let words = prop::sample::select(vec!["pending", "success", "failure", "error", "green"]);
    let one = prop_oneof![
        // Another recipe's pull request may well have the same number.
        ("other-[a-z]{1,5}", "[0-9a-f]{40}", 1..6u64).prop_map(|(recipe, commit, pull)| {
            Noise::Build {
                recipe,
                commit,
                pull,
            }
        }),
        ("[0-9a-f]{40}", 100..200u64).prop_map(|(commit, pull)| Noise::Build {
            recipe: "custom-html-tiny".into(),
            commit,
            pull
        }),
        (who, prop::sample::select(bodies)).prop_map(|(by, body)| Noise::Comment {
            by: by.into(),
            body: body.into()
        }),
        (by_all, "lint|ci/testme|cc-ci/testme-2|", words).prop_map(|(by, context, word)| {
            Noise::Status {
                by: by.into(),
                context,
                word: word.into(),
            }
        }),
    ];
    prop::collection::vec((0..60usize, 1000..9000u64, one), 1..6)
}

/// Puts what others do into every list where it would stand.
fn disturbed(facts: &[Fact], noise: &[(usize, u64, Noise)]) -> Vec<Fact> {
    let mut facts = facts.to_vec();
    for (step, fact) in facts.iter_mut().enumerate() {
        let question = fact.question.clone();
        let Some(answer) = seen(fact) else { continue };
        for (_, id, noise) in noise.iter().filter(|(since, ..)| *since <= step) {
            let element = match (noise, &question) {
                (
                    Noise::Build {
                        recipe,
                        commit,
                        pull,
                    },
                    Question::Builds { .. },
                ) => {
                    json!({ "number": id, "status": "running", "params": { "RECIPE": recipe, "REF": commit, "PR": pull.to_string() } })
                }
                (Noise::Comment { by, body }, Question::Comments { .. }) => {
                    json!({ "id": id, "user": { "login": by }, "body": body })
                }
                (Noise::Status { by, context, word }, Question::Statuses { .. }) => {
                    json!({ "id": id, "status": word, "context": context, "target_url": "", "creator": { "login": by } })
                }
                _ => continue,
            };
            if answer.is_null() {
                *answer = json!([]);
            }
            if let Value::Array(list) = answer {
                list.insert(list.len() / 2, element);
            }
        }
    }
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_fewer_facts_nothing_more_is_known((Attempt { item, facts, .. }, dropped) in some_of(40)) {
        let mut fewer = facts.to_vec();
        for place in dropped.into_iter().rev() {
            fewer.remove(place);
        }
        proves_less(&verdicts(item, facts), &verdicts(item, &fewer))?;
    }

    #[test]
    fn what_could_not_be_seen_proves_nothing((Attempt { item, facts, .. }, unseen) in some_of(40)) {
        let mut blurred = facts.to_vec();
        for place in unseen {
            blurred[place].answer = Answer::Unseen("connection refused".into());
        }
        proves_less(&verdicts(item, facts), &verdicts(item, &blurred))?;
    }

    #[test]
    fn rubbish_passes_nothing((Attempt { item, facts, .. }, places) in some_of(4), rubbish in prop::collection::vec(rubbish(), 4)) {
        let mut changed = facts.to_vec();
        for (place, rubbish) in places.into_iter().zip(rubbish) {
            if let Some(answer) = seen(&mut changed[place]) && !same_kind(answer, &rubbish) {
                *answer = rubbish;
            }
        }
        let before = verdicts(item, facts);
        for (clause, verdict) in verdicts(item, &changed) {
            prop_assert!(verdict != Verdict::Pass || before[&clause] == Verdict::Pass, "{clause} is PASS");
        }
    }

    #[test]
    fn lists_come_in_any_order(Attempt { item, facts, .. } in any_attempt(), seed: u64) {
        let mut order = StdRng::seed_from_u64(seed);
        let mut shuffled = facts.to_vec();
        for fact in shuffled.iter_mut().filter(|fact| is_list(&fact.question)) {
            if let Some(Value::Array(list)) = seen(fact) {
                list.shuffle(&mut order);
            }
        }
        prop_assert_eq!(verdicts(item, facts), verdicts(item, &shuffled));
    }

    #[test]
    fn what_others_do_changes_nothing(Attempt { item, facts, .. } in any_attempt(), noise in noise()) {
        let by_the_gate = noise.iter().any(|(.., noise)| matches!(noise, Noise::Status { by, .. } if by == "bridge"));
        let judged = |facts: &[Fact]| {
            let mut verdicts = verdicts(item, facts);
            // A comment that it refuses changes no status of the gate's, whatever that is called.
            verdicts.retain(|clause, _| !by_the_gate || !["V1.4", "V1.5"].contains(&clause.as_str()));
            verdicts
        };
        prop_assert_eq!(judged(facts), judged(&disturbed(facts, &noise)));
    }

    #[test]
    fn the_same_facts_give_the_same_clauses(Attempt { item, facts, .. } in any_attempt()) {
        let copy: Vec<Fact> = serde_json::from_str(&serde_json::to_string(facts).unwrap()).unwrap();
        prop_assert_eq!(judge(item, facts), judge(item, &copy));
    }
}

/// One by one, since a subset rarely hits the very fact that matters.
#[test]
fn every_single_fact_can_be_missing() {
    let mut needed = 0;
    for (lab, item, facts) in attempts() {
        let before = verdicts(item, facts);
        let passed = before.values().all(|verdict| *verdict == Verdict::Pass);
        let is_gate = ["V1", "V2"].contains(&item.id);
        if lab.fault.is_some() && (passed || !is_gate) {
            // As in the healthy lab; and in labs of the whole flow the properties above leave out more than one.
            continue;
        }
        for place in 0..facts.len() {
            let mut fewer = facts.to_vec();
            let label = fewer.remove(place).label;
            let after = verdicts(item, &fewer);
            if let Err(error) = proves_less(&before, &after) {
                panic!("{} without `{label}`: {error}", lab.name);
            }
            needed += usize::from(before != after);
        }
    }
    assert!(needed > 500, "only {needed} facts matter");
}

/// Every fact that a clause cites matters to it: without it, the clause does not pass.
#[test]
fn a_clause_passes_by_what_it_cites() {
    for item in ITEMS {
        let facts = healthy(item.id).0;
        for clause in judge(item, &facts) {
            assert!(!clause.evidence.is_empty(), "{}", clause.id);
            for number in &clause.evidence {
                let mut fewer = facts.clone();
                fewer.retain(|fact| fact.number != *number);
                let without = verdicts(item, &fewer);
                assert_ne!(
                    without[&clause.id],
                    Verdict::Pass,
                    "{} without fact {number}",
                    clause.id
                );
            }
        }
    }
}

/// The bridge and the skills may use one account.
#[test]
fn what_the_gate_writes_is_not_taken_for_the_flows() {
    for item in ITEMS {
        let mut facts = healthy(item.id);
        facts.share_an_account();
        let facts = facts.0;
        for (clause, verdict) in verdicts(item, &facts) {
            assert_eq!(verdict, Verdict::Pass, "{clause}");
        }
    }
}
