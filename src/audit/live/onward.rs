//! What has moved on since a run: the ordinary work of others, which takes nothing from what the run showed. Branches moved forward, pull
//! requests that are none of the run's went their way, servers were updated.

use super::compare::{Change, Delta, Now};
use super::element::{Element, is_commit};
use super::grounds::Grounds;
use super::record::Record;
use serde_json::Value;
use std::collections::BTreeSet;

/// Something that stood at one commit and stands at another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    pub repository: String,
    pub then: String,
    pub now: String,
}

impl Move {
    fn of(repository: &str, then: &Value, now: &Value) -> Option<Self> {
        let (then, now) = (then.as_str()?, now.as_str()?);
        (then != now && is_commit(then) && is_commit(now)).then(|| Self {
            repository: repository.into(),
            then: then.into(),
            now: now.into(),
        })
    }
}

/// Everything of which the forge is to tell whether it moved forward.
pub fn moves(record: &Record, now: &Now) -> BTreeSet<Move> {
    let there = record.elements.iter();
    let there = there.filter(|(_, recorded)| recorded.last.there);
    let moves = there.filter_map(|(element, recorded)| {
        let claim = match element {
            Element::Branch { .. } => "commit",
            Element::Pull { .. } => "head",
            _ => return None,
        };
        let is = now.shown.get(element)?.claims.get(claim)?;
        Move::of(element.repository()?, recorded.last.claims.get(claim)?, is)
    });
    moves.collect()
}

/// Of a commit that is another: whether that stands on the one of then; nothing where the forge did not tell.
pub fn forward(change: &Change, now: &Now) -> Option<bool> {
    change.deltas.iter().find_map(|delta| match delta {
        Delta::Claim {
            name: "commit" | "head",
            then,
            now: is,
        } => {
            let moved = Move::of(change.element.repository()?, then, is)?;
            now.forward.get(&moved).copied()
        }
        _ => None,
    })
}

/// Whether a change is that something moved on, and nothing more. What others were seen to change while the run went on may go on
/// changing in any way.
pub fn has_moved_on(change: &Change, record: &Record, grounds: &Grounds, now: &Now) -> bool {
    let recorded = record.elements.get(&change.element);
    let is_restless =
        recorded.is_some_and(|recorded| grounds.is_of_others(&change.element, recorded));
    change.deltas.iter().all(|delta| match delta {
        Delta::Claim { name, now: is, .. } => {
            let forward = || is_restless || change.forward == Some(true);
            match &change.element {
                Element::ForgeVersion | Element::DroneVersion => true,
                Element::Branch { .. } => !grounds.is_made(&change.element) && forward(),
                Element::Pull { .. } if !grounds.is_of_the_run(&change.element) => match *name {
                    "title" | "text" | "state" => true,
                    "head" => forward(),
                    // Also of others' nobody may have merged one while the run went on.
                    "merged" => {
                        let merged = change.now.times.get("merged");
                        *is == Value::Bool(true) && merged.is_some_and(|at| grounds.is_later(at))
                    }
                    "merged by" | "merge commit" => false,
                    _ => is_restless,
                },
                _ => false,
            }
        }
        Delta::Vanished => match &change.element {
            element if grounds.is_of_the_run(element) => false,
            Element::Branch { .. } if is_restless => true,
            element => has_served(element, record, now),
        },
        Delta::Back => is_restless && matches!(change.element, Element::Branch { .. }),
        Delta::Added(_) => false,
    })
}

/// Whether a branch was that of a pull request which has come to its end since.
fn has_served(element: &Element, record: &Record, now: &Now) -> bool {
    let Element::Branch { repository, name } = element else {
        return false;
    };
    record.elements.iter().any(|(pull, recorded)| {
        let says = |claim: &str, what: &str| {
            let then = recorded.last.claims.get(claim);
            then.and_then(Value::as_str) == Some(what)
        };
        let is_closed = || {
            let now = now.shown.get(pull);
            now.is_some_and(|now| now.claims.get("state") == Some(&Value::from("closed")))
        };
        matches!(pull, Element::Pull { repository: of, .. } if of == repository)
            && says("branch", name)
            && says("state", "open")
            && is_closed()
    })
}
