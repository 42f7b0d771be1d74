//! What is verified: the table of items, and how an item's facts become its clauses.
//!
//! An item is one file: its scenario (acts and observes) above, its judge (pure) below. The table here is all that the rest of the
//! program knows of them.

pub mod bench;
pub mod beside;
mod drive;
pub mod expect;
mod gate;
pub mod guardrails;
mod harness;
mod note;
mod opened;
mod run;
mod sight;
mod stale;
mod tries;
pub mod upgrade;
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
mod variants;
mod verified;

use crate::evidence::{Doubt, Fact, Witness};
use crate::verdict::{Clause, Verdict};
use bench::{Bench, Stop};
use expect::Expectations;
use futures_util::future::BoxFuture;

/// One item of the plan.
pub struct Item {
    /// `V1` … `V9`, `V8a`.
    pub id: &'static str,
    pub title: &'static str,
    /// What its scenario does to the world, for who asks before it is done.
    pub does: &'static str,
    /// Items that must have passed before this one means anything.
    pub needs: &'static [&'static str],
    /// What the configuration has to have for it and has not: then it is BLOCKED.
    pub lacks: fn(&Expectations) -> Option<String>,
    pub clauses: &'static [ClauseSpec],
    /// Acts on the world and observes it. What it saw is with the bench, even where it stopped early.
    pub scenario: for<'a> fn(&'a Bench) -> BoxFuture<'a, Result<(), Stop>>,
}

/// One sentence that is true or not, and the judge that tells.
pub struct ClauseSpec {
    /// Public: stands in comments, reports, evidence and fault names, and never changes its meaning.
    pub id: &'static str,
    pub says: &'static str,
    /// Pure and total: facts in, ruling out.
    pub judge: fn(&Witness<'_>) -> Result<Ruling, Doubt>,
}

/// What a judge says where it could see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// The sentence is true; what was seen.
    Holds(String),
    /// The sentence is false; what was seen, and where a mend would go.
    Broken {
        seen: String,
        mend: String,
        /// Whether something happened that no outage can bring about. What merely stayed away, or came out wrong, may be due to one.
        certain: bool,
    },
}

/// The item that closes what the run opened: not attempted where that is to be kept.
pub const CLEANUP: &str = "V9";

/// Every item that can be verified, in the plan's order.
pub const ITEMS: &[Item] = &[
    v1::ITEM,
    v2::ITEM,
    v3::ITEM,
    v4::ITEM,
    v5::ITEM,
    v6::ITEM,
    v7::ITEM,
    v8::ITEM,
    v8a::ITEM,
    v9::ITEM,
];

/// The item with this id; the guardrails, which no command names, among them.
pub fn item(id: &str) -> Option<&'static Item> {
    ITEMS
        .iter()
        .chain([&guardrails::ITEM])
        .find(|item| item.id == id)
}

/// The ids of all items, in the plan's order.
pub fn ids() -> Vec<&'static str> {
    ITEMS.iter().map(|item| item.id).collect()
}

/// The named items and all that they need, in the plan's order.
pub fn with_prerequisites(named: &[String]) -> Vec<&'static Item> {
    let mut wanted: Vec<&str> = named.iter().map(String::as_str).collect();
    let mut next = 0;
    while let Some(id) = wanted.get(next) {
        for need in item(id).map_or(&[][..], |item| item.needs) {
            if !wanted.contains(need) {
                wanted.push(need);
            }
        }
        next += 1;
    }
    ITEMS
        .iter()
        .filter(|item| wanted.contains(&item.id))
        .collect()
}

/// The items that would be BLOCKED since the configuration lacks something that they need, and what that is.
pub fn unconfigured(expect: &Expectations) -> Vec<(&'static str, String)> {
    let items = ITEMS.iter();
    items
        .filter_map(|item| Some((item.id, (item.lacks)(expect)?)))
        .collect()
}

/// Decides every clause of an item. The same facts always give the same clauses.
pub fn judge(item: &Item, facts: &[Fact]) -> Vec<Clause> {
    item.clauses
        .iter()
        .map(|clause| decide(clause, facts))
        .collect()
}

/// The clauses of an item that was not attempted, all BLOCKED for the same reason.
pub fn not_attempted(item: &Item, why: &str) -> Vec<Clause> {
    item.clauses
        .iter()
        .map(|clause| Clause {
            id: clause.id.into(),
            verdict: Verdict::Blocked,
            seen: why.into(),
            mend: String::new(),
            evidence: Vec::new(),
        })
        .collect()
}

fn decide(clause: &ClauseSpec, facts: &[Fact]) -> Clause {
    let witness = Witness::new(facts);
    let (verdict, seen, mend) = match (clause.judge)(&witness) {
        // Nothing was looked at: whatever the judge says, nobody saw it.
        Ok(Ruling::Holds(_)) if witness.cited().is_empty() => (
            Verdict::Inconclusive,
            "nothing that was observed bears on this".into(),
            String::new(),
        ),
        Ok(Ruling::Holds(seen)) => (Verdict::Pass, seen, String::new()),
        Ok(Ruling::Broken {
            seen,
            mend,
            certain: true,
        }) => (Verdict::Fail, seen, mend),
        Ok(Ruling::Broken { seen, mend, .. }) => match trouble(&witness) {
            None => (Verdict::Fail, seen, mend),
            Some(trouble) => (
                Verdict::Inconclusive,
                format!("{seen}; but that may be due to an outage: {trouble}"),
                String::new(),
            ),
        },
        Err(Doubt::Unseen(why)) => (Verdict::Inconclusive, why, String::new()),
        Err(Doubt::Blocked(why)) => (Verdict::Blocked, why, String::new()),
    };
    Clause {
        id: clause.id.into(),
        verdict,
        seen,
        mend,
        evidence: witness.cited(),
    }
}

/// Why a flow that seems broken may have been the victim of forge or Drone; `None` where they are known to have answered all the time.
fn trouble(witness: &Witness<'_>) -> Option<String> {
    match witness.see::<Vec<String>>(bench::CALM) {
        Ok(troubles) => troubles.into_iter().next(),
        Err(Doubt::Unseen(why) | Doubt::Blocked(why)) => Some(why),
    }
}

/// A clause that is true, and what was seen.
fn holds(seen: impl Into<String>) -> Result<Ruling, Doubt> {
    Ok(Ruling::Holds(seen.into()))
}

/// A clause that is false: what was seen, and where a mend would go.
fn broken(seen: impl Into<String>, mend: impl Into<String>) -> Result<Ruling, Doubt> {
    Ok(Ruling::Broken {
        seen: seen.into(),
        mend: mend.into(),
        certain: false,
    })
}

/// Like [`broken`], for what happened although it must not: no outage makes it happen.
fn certainly_broken(seen: impl Into<String>, mend: impl Into<String>) -> Result<Ruling, Doubt> {
    Ok(Ruling::Broken {
        seen: seen.into(),
        mend: mend.into(),
        certain: true,
    })
}

fn unseen<T>(why: impl Into<String>) -> Result<T, Doubt> {
    Err(Doubt::Unseen(why.into()))
}

fn blocked<T>(why: impl Into<String>) -> Result<T, Doubt> {
    Err(Doubt::Blocked(why.into()))
}

#[cfg(test)]
pub mod tests;
