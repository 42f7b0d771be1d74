//! What each change of the world is told as, and that it is told once; and which changes are none.

mod changes;
mod world;

use super::compare::{Now, compare};
use super::element::{Element, Seen};
use super::grounds::Grounds;
use super::record::{Ask, Record};
use super::say;
use crate::bundle::Made;
use crate::evidence::{Answer, Fact, Question};
use crate::redact::Redactor;
use serde_json::{Value, json};
use world::*;

#[test]
fn a_world_that_is_as_it_was_left_agrees() {
    let evidence = evidence();
    assert_eq!(World::after_the_run().told(&evidence), [""; 0]);
    let record = Record::of(&evidence);
    let now = World::after_the_run().now(&record);
    let compared = compare(
        &record,
        &Grounds::of(&evidence, &record),
        &now,
        &Redactor::new([]),
    );
    assert_eq!(compared.excused, [].into());
    assert_eq!((compared.unknown, record.not_again.len()), (0, 1));
    // That its branch was deleted and its pull request closed, the bundle says.
    let places: Vec<String> = compared.on_its_word.iter().map(say::place).collect();
    assert_eq!(
        places,
        [
            "branch gavel/run1 of recipes/tiny",
            "pull request recipes/tiny#1"
        ]
    );
}

#[test]
fn a_secret_is_compared_around_and_never_shown() {
    let mut world = World::after_the_run();
    let log = Question::BuildLog { number: 2 };
    world.answer(&log)["text"] = "+ deploy\ntoken=s3cret-of-now failed\n".into();
    let told = world.told(&evidence());
    assert_eq!(told.len(), 1);
    assert!(!told[0].contains("s3cret"), "{told:?}");
}

#[test]
fn what_was_taken_out_as_a_secret_does_not_agree_with_anything_at_all() {
    let mut evidence = evidence();
    for fact in &mut evidence.attempts[0].facts {
        if let Answer::Seen(answer) = &mut fact.answer
            && fact.question == talk_of()
        {
            answer[1]["body"] = "[redacted]".into();
        }
    }
    let record = Record::of(&evidence);
    let world = World::after_the_run();
    let (grounds, redactor) = (Grounds::of(&evidence, &record), Redactor::new([]));
    let compared = compare(&record, &grounds, &world.now(&record), &redactor);
    assert!(compared.changes.is_empty());
    let places: Vec<String> = compared.veiled.iter().map(say::place).collect();
    assert_eq!(places, ["comment 10 of recipes/tiny#1"]);
    assert_eq!(compared.unknown, 1);
}

#[test]
fn a_secret_that_only_the_run_knew_is_not_shown_beside_a_change() {
    let mut world = World::after_the_run();
    let log = Question::BuildLog { number: 2 };
    world.answer(&log)["text"] = "+ deploy\nhunter22 failed\n".into();
    let told = world.told(&evidence());
    assert_eq!(told.len(), 1);
    assert!(!told[0].contains("hunter22"), "{told:?}");
}

#[test]
fn what_is_kept_may_be_closed_later_but_not_merged() {
    let mut evidence = evidence();
    for made in &mut evidence.made {
        made.ended = None;
    }
    // As it was left: open, its branch there.
    for judged in &mut evidence.attempts {
        for fact in &mut judged.facts {
            if let Answer::Seen(answer) = &mut fact.answer {
                if fact.question == pulls_of() {
                    let one = &mut answer[0];
                    (one["state"], one["closed_at"]) = ("open".into(), Value::Null);
                    one["head"]["ref"] = RUN.into();
                } else if fact.question == branches_of() {
                    let kept = branches(&[(RUN, "a")])[0].clone();
                    answer.as_array_mut().unwrap().push(kept);
                }
            }
        }
    }
    assert_eq!(World::after_the_run().told(&evidence), [""; 0]);
    let mut merged = World::after_the_run();
    merged.answer(&pulls_of())[0]["merged"] = true.into();
    let told = merged.told(&evidence);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("IT WAS MERGED"), "{told:?}");
}

#[test]
fn a_branch_that_is_put_back_after_the_last_look_is_expected_where_it_was() {
    let mut evidence = evidence();
    // Without a look after the cleanup, as it was moved by the run.
    evidence.attempts[1].facts.retain(|fact| fact.at < at(3));
    let moved = Fact {
        at: at(30),
        question: Question::Branch {
            repository: repository(),
            branch: "main".into(),
        },
        answer: Answer::Seen(json!({ "commit": { "id": commit("5") } })),
        ..evidence.attempts[0].facts[0].clone()
    };
    evidence.attempts[0].facts.push(moved);
    evidence.made.push(Made {
        kind: "moved".into(),
        repository: R.into(),
        name: "main".into(),
        number: None,
        purpose: "V7".into(),
        ended: Some("put back".into()),
    });
    let mut world = World::after_the_run();
    *world.answer(&branches_of()) = branches(&[
        ("main", "b"),
        ("known-green", "c"),
        ("builder/notes", "1"),
        ("somebodys", "d"),
    ]);
    // There is no list of pull requests on record any more.
    let one = world.answer(&pulls_of())[0].clone();
    world.answers.push((
        Question::Pull {
            repository: repository(),
            number: 1,
        },
        one,
    ));
    // What was read while it stood elsewhere is told otherwise now.
    *world.answer(&files_of()) = json!([]);
    assert_eq!(world.told(&evidence), [""; 0]);
    // Nor did anybody look at what was closed; the run says that it is.
    world.answers.last_mut().unwrap().1["state"] = "open".into();
    let told = world.told(&evidence);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r#"state: "closed" → "open""#), "{told:?}");
    world.answers.last_mut().unwrap().1["state"] = "closed".into();
    *world.answer(&branches_of()) = branches(&[
        ("main", "b"),
        ("known-green", "c"),
        ("builder/notes", "1"),
        ("somebodys", "d"),
        (RUN, "a"),
    ]);
    let told = world.told(&evidence);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("it was gone, and stands there again"),
        "{told:?}"
    );
    *world.answer(&branches_of()) = branches(&[
        ("main", "4"),
        ("known-green", "c"),
        ("builder/notes", "1"),
        ("somebodys", "d"),
    ]);
    assert_eq!(world.told(&evidence).len(), 1);
}

#[test]
fn an_account_that_hides_what_it_does_is_no_difference() {
    let evidence = evidence();
    let mut world = World::after_the_run();
    *world.answer(&Question::Activity {
        account: "bridge".into(),
        after: 5,
    }) = json!([]);
    let record = Record::of(&evidence);
    let compared = compare(
        &record,
        &Grounds::of(&evidence, &record),
        &world.now(&record),
        &Redactor::new([]),
    );
    assert!(compared.changes.is_empty());
    assert_eq!(
        (compared.hidden, compared.unknown),
        (vec!["bridge".to_owned()], 3)
    );
}

#[test]
fn what_could_not_be_asked_is_no_difference() {
    let evidence = evidence();
    let record = Record::of(&evidence);
    let now = Now::default();
    let compared = compare(
        &record,
        &Grounds::of(&evidence, &record),
        &now,
        &Redactor::new([]),
    );
    assert!(compared.changes.is_empty());
    assert_eq!(compared.unknown, record.elements.len());
}

#[test]
fn each_element_is_asked_for_once() {
    let record = Record::of(&evidence());
    let asks: Vec<Ask> = record.asks().into_iter().collect();
    // Not one by one what a list shows, nor comments where the whole history is asked for.
    let single = |ask: &Ask| {
        matches!(
            ask,
            Ask::Question(
                Question::Branch { .. }
                    | Question::Pull { .. }
                    | Question::Comments { .. }
                    | Question::Builds { .. }
            )
        )
    };
    assert!(!asks.iter().any(single), "{asks:?}");
    assert_eq!(asks.len(), 16, "{asks:?}");
    assert_eq!(record.built.as_deref(), Some("recipes/cc-ci"));
    assert!(record.elements.contains_key(&Element::Address(URL.into())));
}

#[test]
fn a_long_text_is_kept_as_what_tells_it_apart() {
    let mut one = Seen::there([("text", "x".repeat(100_000).into())]);
    let mut other = Seen::there([("text", format!("{}y", "x".repeat(99_999)).into())]);
    one.shorten();
    other.shorten();
    assert!(one.claims["text"].to_string().len() < 1000);
    assert_ne!(one, other);
}

#[test]
fn a_result_that_comes_after_the_last_look_at_its_comment_is_the_runs() {
    let mut evidence = evidence();
    let running = "[build 2](https://drone/recipes/cc-ci/2) is running";
    for fact in &mut evidence.attempts[0].facts {
        let Answer::Seen(answer) = &mut fact.answer else {
            continue;
        };
        if fact.question == talk_of() {
            answer[1]["body"] = running.into();
        } else if fact.question == (Question::Build { number: 2 }) {
            answer["finished"] = at(30).as_second().into();
        }
    }
    let world_of = |edited: i64| {
        let mut world = World::after_the_run();
        world.answer(&Question::Build { number: 2 })["finished"] = at(30).as_second().into();
        let comment = &mut world.answer(&talk_of())[1];
        comment["updated_at"] = at(edited).to_string().into();
        world
    };
    assert_eq!(world_of(31).told(&evidence), [""; 0]);
    // Before the look it said something else, and after the run it is not the run's.
    assert_eq!(world_of(20).told(&evidence).len(), 1);
    assert_eq!(world_of(61).told(&evidence).len(), 1);
}
