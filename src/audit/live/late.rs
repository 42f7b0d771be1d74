//! What the run itself still brought about after something was looked at last: the gate goes on to tell of the run's builds, in a status
//! and in its comment. Whatever else came between the last look and the run's end is somebody else's.

use super::compare::Now;
use super::element::{Element, MADE, Seen};
use super::record::{Record, Recorded};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// Whether the run's own gate set a status that no look saw any more: in the name of whoever set those of this context that were seen,
/// before the run had ended (`ended`), about a build of the run, and what that build says; by what is seen of it now where nobody saw its
/// end.
pub fn is_of_the_gate(
    record: &Record,
    now: &Now,
    on: &Element,
    status: &Seen,
    ended: Timestamp,
) -> bool {
    let claims = &status.claims;
    let seen = record.elements.iter().filter(|(known, recorded)| {
        matches!(known, Element::Status { .. })
            && recorded.last.claims.get("context") == claims.get("context")
    });
    let gates: BTreeSet<&str> = seen
        .filter_map(|(_, recorded)| recorded.last.claims.get("author")?.as_str())
        .collect();
    let is_the_gate = |author: &str| gates.len() == 1 && gates.contains(author);
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    status.times.get(MADE).is_some_and(|made| *made < ended)
        && text("author").is_some_and(is_the_gate)
        && text("state")
            .zip(text("address").and_then(|address| build_at(record, address)))
            .is_some_and(|(state, (number, build))| {
                let came_to = |seen: &Seen| Some(seen.claims.get("status")?.as_str()?.to_owned());
                let came_to = came_to(&build.last)
                    .or_else(|| came_to(now.shown.get(&Element::Build(number))?));
                is_of(build, on) && says(came_to.as_deref(), state)
            })
}

/// Whether the gate was to edit a comment after it was looked at last: it tells of a build of the run that had not ended then.
pub fn is_to_be_edited(record: &Record, comment: &Recorded) -> bool {
    let text = comment.last.claims.get("text").and_then(Value::as_str);
    let looked = comment.at.as_second();
    let goes_on = |build: &Recorded| {
        let finished = build.last.claims.get("finished").and_then(Value::as_i64);
        finished.is_none_or(|finished| finished >= looked)
    };
    let words = text.unwrap_or_default().split(|it: char| {
        it.is_whitespace() || matches!(it, '(' | ')' | '[' | ']' | '<' | '>' | '"')
    });
    words
        .filter_map(|word| build_at(record, word))
        .any(|(_, build)| goes_on(build))
}

/// The build on record that an address leads to, by the number at its end.
fn build_at<'a>(record: &'a Record, address: &str) -> Option<(u64, &'a Recorded)> {
    let (before, number) = address.trim_end_matches('/').rsplit_once('/')?;
    let repository = record.built.as_deref();
    let of_the_builds = repository.is_none_or(|repository| before.ends_with(repository));
    let number = number.parse().ok()?;
    let build = record.elements.get(&Element::Build(number))?;
    (of_the_builds && build.last.there).then_some((number, build))
}

/// Whether a build tested this commit, as far as it says what it tested.
fn is_of(build: &Recorded, on: &Element) -> bool {
    let parameters = build.last.claims.get("parameters");
    let tested = parameters.and_then(|it| it["REF"].as_str());
    matches!(on, Element::Commit { commit, .. } if tested.is_none_or(|tested| tested == commit))
}

/// Whether a commit's status says what a build came to, or that it goes on.
fn says(came_to: Option<&str>, state: &str) -> bool {
    match state {
        "pending" => true,
        "success" => came_to == Some("success"),
        _ => came_to.is_some_and(|it| it != "success"),
    }
}
