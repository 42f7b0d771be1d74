//! Asks a bundle's questions again, of the servers that the auditor names, and tells what has changed since: what a claim no longer stands
//! on. Only reads, and whatever the bundle says, it is asked nowhere else.

mod agree;
mod asking;
mod compare;
mod element;
mod grounds;
mod late;
mod onward;
mod record;
mod say;

pub use asking::{Place, Places};

use super::{Check, Difference};
use crate::bundle::Evidence;
use compare::{Change, Compared};
use grounds::{Excuse, Grounds};
use record::{Cite, NotAgain, Record};
use std::collections::{BTreeMap, BTreeSet};

/// What asking again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    pub differences: Vec<Difference>,
    /// What others went on with since, by what it is about: it takes nothing from any claim.
    pub moved_on: Vec<(String, String)>,
    /// Without anybody who vouches for all of the bundle: what is no difference on its own word alone.
    pub on_its_word: Vec<String>,
    /// What stands in the table below them.
    pub told: Vec<String>,
    /// Why something could not be asked although its server was named.
    pub failed: Vec<String>,
    /// What was not asked: its server was not named, or there was too much to ask.
    pub not_asked: Vec<String>,
}

/// Asks again everything that can be asked. When the run ended and what it closed, no chain of facts holds: unless the bundle is
/// `vouched` for as a whole, what is excused by that is listed.
///
/// # Errors
/// Where a client cannot be made, such as for an address that is none.
pub async fn live(evidence: &Evidence, places: &Places, vouched: bool) -> anyhow::Result<Live> {
    let record = Record::of(evidence);
    let asked = asking::ask(places, &record).await?;
    let grounds = Grounds::of(evidence, &record);
    let redactor = places.redactor();
    let compared = compare::compare(&record, &grounds, &asked.now, &redactor);
    let clauses = clauses(evidence);
    let differences = compared.changes.iter().map(|change| {
        let says = say::says(change, &redactor);
        Difference {
            check: Check::Live,
            place: say::place(change),
            says: match touched(change, &clauses) {
                Some(clauses) => format!("{says}. No longer supports {clauses}"),
                None => says,
            },
        }
    });
    let moved_on = compared.moved_on.iter();
    let moved_on = moved_on.map(|change| (say::place(change), say::says(change, &redactor)));
    let mut live = Live {
        differences: differences.collect(),
        moved_on: moved_on.collect(),
        on_its_word: match vouched {
            true => Vec::new(),
            false => compared.on_its_word.iter().map(say::place).collect(),
        },
        told: told(&record, &asked, &compared),
        ..Live::default()
    };
    for failed in asked.failed.values() {
        let such_as = redactor.text(&failed.such_as);
        live.failed.push(match failed.count {
            1 => such_as.into_owned(),
            count => format!("{count} questions, such as: {such_as}"),
        });
    }
    if let Some(veiled) = compared.veiled.first() {
        let such_as = say::place(veiled);
        live.failed.push(match compared.veiled.len() {
            1 => format!("whether {such_as} is as it was: a secret that this audit does not know was taken out of it then"),
            count => format!("whether {count} things are as they were, such as {such_as}: secrets that this audit does not know were taken out of them then"),
        });
    }
    live.failed.extend(compared.hidden.iter().map(|account| {
        format!("what {account} did: the forge shows nothing of it to this account")
    }));
    for (option, count) in &asked.unnamed {
        let noun = if *count == 1 { "question" } else { "questions" };
        live.not_asked
            .push(format!("{count} {noun} without {option}"));
    }
    if asked.beyond > 0 {
        live.not_asked.push(format!(
            "{} questions beyond the {} that an audit puts: more than a run leaves to be asked",
            asked.beyond,
            asking::QUESTIONS
        ));
    }
    let named = [
        ("the forge", &evidence.forge, &places.forge),
        ("Drone", &evidence.drone, &places.drone),
    ];
    for (what, then, place) in named {
        let Some(place) = place else { continue };
        let now = place.url.as_str().trim_end_matches('/');
        if now != then {
            live.told.push(format!(
                "{what} answered at {then} then, and was asked at {now}"
            ));
        }
    }
    Ok(live)
}

/// A clause by its place in the plan, and its id.
type Named<'a> = ((usize, usize), &'a str);

/// Which clauses rest on each fact.
fn clauses(evidence: &Evidence) -> BTreeMap<Cite, Vec<Named<'_>>> {
    let mut clauses: BTreeMap<Cite, Vec<Named<'_>>> = BTreeMap::new();
    for (attempt, judged) in evidence.attempts.iter().enumerate() {
        for (place, clause) in judged.clauses.iter().enumerate() {
            for fact in &clause.evidence {
                let of = clauses.entry((attempt, *fact)).or_default();
                of.push(((attempt, place), &clause.id));
            }
        }
    }
    clauses
}

/// The clauses that a change takes something from, in the plan's order.
fn touched(change: &Change, clauses: &BTreeMap<Cite, Vec<Named<'_>>>) -> Option<String> {
    let touched = change.touches.iter().filter_map(|cite| clauses.get(cite));
    let touched: BTreeSet<Named<'_>> = touched.flatten().copied().collect();
    let ids: Vec<&str> = touched.into_iter().map(|(_, id)| id).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}

fn told(record: &Record, asked: &asking::Asked, compared: &Compared) -> Vec<String> {
    let differ = match compared.changes.len() {
        0 => String::new(),
        1 => ", 1 differs".into(),
        several => format!(", {several} differ"),
    };
    let moved_on = match compared.moved_on.len() {
        0 => String::new(),
        moved_on => format!(", {moved_on} moved on since"),
    };
    let unknown = match compared.unknown {
        0 => String::new(),
        unknown => format!(", {unknown} could not be seen"),
    };
    let things = record.elements.len();
    let mut told = vec![format!(
        "asked again: {} facts in {} questions; of {things} things {} are as the run left them{differ}{moved_on}{unknown}",
        record.again, asked.put, compared.unchanged,
    )];
    if compared.closed > 0 {
        told.push(format!(
            "expected: {} of them closed or deleted by Gavel, as the bundle says",
            compared.closed
        ));
    }
    let excuses = compared.excused.iter().map(|(excuse, count)| {
        let why = match excuse {
            Excuse::Cleanup => "closed, deleted or put back by Gavel after the last look",
            Excuse::Meanwhile => "went on in the run after the last look",
        };
        format!("{count} {why}")
    });
    let excuses: Vec<String> = excuses.collect();
    if !excuses.is_empty() {
        told.push(format!("expected since: {}", excuses.join("; ")));
    }
    let not_again = record.not_again.iter().map(|(why, count)| {
        let why = match why {
            NotAgain::Ephemeral => "ephemeral",
            NotAgain::Box => "of the box",
            NotAgain::Member => "in another account's name",
            NotAgain::Unseen => "without an answer then",
        };
        format!("{count} {why}")
    });
    let not_again: Vec<String> = not_again.collect();
    if !not_again.is_empty() {
        told.push(format!("facts not asked again: {}", not_again.join(", ")));
    }
    told
}

#[cfg(test)]
mod tests;
