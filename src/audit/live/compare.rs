//! What has changed between what is on record and what is seen now: element by element, each change once, with what follows from it folded
//! under it.

use super::agree::{Agreement, agree};
use super::element::{Element, Seen};
use super::grounds::{Excuse, Grounds};
use super::onward::{self, Move};
use super::record::{Ask, Cite, Record, Recorded};
use crate::redact::Redactor;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How asking again went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// The server knows nothing of what was asked for.
    Gone,
    /// It was not asked, or not answered.
    Unknown,
}

/// What is seen now.
#[derive(Debug, Default)]
pub struct Now {
    pub outcomes: BTreeMap<Ask, Outcome>,
    pub shown: BTreeMap<Element, Seen>,
    /// What servers know nothing of.
    pub gone: BTreeSet<Element>,
    /// Whether what stands elsewhere was moved forward, as far as the forge told.
    pub forward: BTreeMap<Move, bool>,
}

/// How something differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    Vanished,
    /// It was gone, and is there.
    Back,
    /// It came after the last look, and matters: what it takes the place of, where it does.
    Added(Option<Seen>),
    Claim {
        name: &'static str,
        then: Value,
        now: Value,
    },
}

/// One change, and what follows from it.
#[derive(Debug, Clone)]
pub struct Change {
    pub element: Element,
    pub deltas: Vec<Delta>,
    /// As it is now.
    pub now: Seen,
    /// What it stands and falls with.
    pub within: Vec<Element>,
    /// The facts that show it otherwise than it is.
    pub touches: BTreeSet<Cite>,
    /// What differs in consequence.
    pub follows: Vec<Element>,
    /// It is the ordinary work of others, and takes nothing from what the run showed.
    pub moved_on: bool,
    /// Of a commit that is another: whether that stands on the one of then, as far as the forge told.
    pub forward: Option<bool>,
}

#[derive(Debug, Default)]
pub struct Compared {
    /// What no longer is as it was shown.
    pub changes: Vec<Change>,
    /// What moved on since.
    pub moved_on: Vec<Change>,
    pub unchanged: usize,
    /// How many of those the run closed or deleted itself.
    pub closed: usize,
    pub excused: BTreeMap<Excuse, usize>,
    /// What is excused, or taken for closed, since the bundle says when the run ended and what it made: no fact shows that.
    pub on_its_word: Vec<Change>,
    /// Elements that could not be looked at.
    pub unknown: usize,
    /// What may be as it was, and may not: where it differs, a secret was taken out of it then.
    pub veiled: Vec<Change>,
    /// Accounts of which nothing is shown any more: they may hide from this one what they do.
    pub hidden: Vec<String>,
}

impl Change {
    fn has(&self, claim: &str) -> bool {
        self.deltas
            .iter()
            .any(|delta| matches!(delta, Delta::Claim { name, .. } if *name == claim))
    }

    fn has_vanished(&self) -> bool {
        self.deltas.contains(&Delta::Vanished)
    }

    fn is_now(&self, claim: &str, value: &str) -> bool {
        self.now.claims.get(claim).is_some_and(|now| now == value)
    }
}

/// Compares all of it. The redactor takes out of what is seen now what it would have taken out then.
pub fn compare(record: &Record, grounds: &Grounds, now: &Now, redactor: &Redactor) -> Compared {
    let mut compared = Compared::default();
    let hidden = hidden(record, now);
    let mut changes = BTreeMap::new();
    // What is gone, and may be: what stood in it may be, too.
    let mut may_be_gone = BTreeMap::new();
    for (element, recorded) in &record.elements {
        let ask = record.shown_by(element, &recorded.last);
        let is_known = !matches!(now.outcomes.get(&ask), None | Some(Outcome::Unknown));
        let is_hidden = matches!(element, Element::Act { account, .. } if hidden.contains(account));
        if !is_known || is_hidden {
            compared.unknown += 1;
            continue;
        }
        let gone = Seen::gone();
        let seen = now.shown.get(element).unwrap_or(&gone);
        let mut excuses = BTreeSet::new();
        let mut change = Change {
            element: element.clone(),
            deltas: Vec::new(),
            now: seen.clone(),
            within: recorded.last.within.clone(),
            touches: BTreeSet::new(),
            follows: Vec::new(),
            moved_on: false,
            forward: None,
        };
        let (deltas, is_veiled) = deltas(element, recorded, seen, grounds, redactor);
        for delta in deltas {
            let excuse = match &delta {
                // What stands in a repository goes with it, whatever else would have become of it.
                Delta::Vanished if has_no_repository(element, now) => None,
                Delta::Vanished => {
                    let mut within = recorded.last.within.iter();
                    within
                        .find_map(|within| may_be_gone.get(within).copied())
                        .or_else(|| grounds.may_be_gone(element))
                }
                Delta::Claim { name, .. } => grounds.may_differ(element, recorded, name, seen),
                Delta::Back | Delta::Added(_) => None,
            };
            match excuse {
                Some(excuse) => {
                    excuses.insert(excuse);
                    if delta == Delta::Vanished {
                        may_be_gone.insert(element.clone(), excuse);
                    }
                }
                None => {
                    change.touches.extend(touched(recorded, &delta, redactor));
                    change.deltas.push(delta);
                }
            }
        }
        if !change.deltas.is_empty() {
            change.forward = onward::forward(&change, now);
            change.moved_on = onward::has_moved_on(&change, record, grounds, now);
            changes.insert(element.clone(), change);
        } else if is_veiled {
            compared.unknown += 1;
            compared.veiled.push(change);
        } else if let Some(excuse) = excuses.first() {
            *compared.excused.entry(*excuse).or_default() += 1;
            compared.on_its_word.push(change);
        } else {
            compared.unchanged += 1;
            if grounds.is_closed(element) {
                compared.closed += 1;
                compared.on_its_word.push(change);
            }
        }
    }
    for change in added(record, grounds, now, redactor) {
        changes.insert(change.element.clone(), change);
    }
    compared.hidden = hidden.into_iter().collect();
    let changes = fold(changes, now);
    (compared.moved_on, compared.changes) = changes.into_iter().partition(|it| it.moved_on);
    compared
}

fn has_no_repository(element: &Element, now: &Now) -> bool {
    let repository = element.repository();
    repository.is_some_and(|it| now.gone.contains(&Element::Repository(it.into())))
}

/// How an element differs, and whether there is more of which nobody can tell.
fn deltas(
    element: &Element,
    recorded: &Recorded,
    now: &Seen,
    grounds: &Grounds,
    redactor: &Redactor,
) -> (Vec<Delta>, bool) {
    let closed = grounds.is_closed(element);
    let is_branch = matches!(element, Element::Branch { .. });
    let there = recorded.last.there && !(is_branch && closed);
    match (there, now.there) {
        (true, false) => return (vec![Delta::Vanished], false),
        (false, true) => return (vec![Delta::Back], false),
        (false, false) => return (Vec::new(), false),
        (true, true) => {}
    }
    let (mut deltas, mut is_veiled) = (Vec::new(), false);
    for (name, then) in &recorded.last.claims {
        let now = match now.claims.get(name) {
            Some(now) => now,
            // Its pull requests tell its name, and are compared by themselves.
            None if matches!(element, Element::Repository(_)) => continue,
            None => &Value::Null,
        };
        // What was open when it was seen last was closed after that.
        let closed = Value::from("closed");
        let then = match *name {
            "state" if grounds.is_closed(element) => &closed,
            _ => then,
        };
        let agreement = match *name {
            // More may come.
            "tags" | "repositories" if all_in(then, now) => Agreement::Same,
            "tags" | "repositories" => Agreement::Other,
            _ => agree(then, now, redactor),
        };
        is_veiled |= agreement == Agreement::Untold;
        if agreement == Agreement::Other {
            deltas.push(Delta::Claim {
                name,
                then: then.clone(),
                now: now.clone(),
            });
        }
    }
    let is_missing =
        |delta: &Delta| matches!(delta, Delta::Claim { name, .. } if *name == "missing");
    if matches!(element, Element::Log(_)) && deltas.iter().any(is_missing) {
        // Of what is not there the text says nothing more.
        deltas.retain(is_missing);
    }
    let is_unsaid = |delta: &Delta| matches!(delta, Delta::Claim { now, .. } if now.is_null());
    let is_status = |delta: &Delta| matches!(delta, Delta::Claim { name, .. } if *name == "status");
    if deltas
        .iter()
        .any(|delta| is_status(delta) && is_unsaid(delta))
    {
        // What a build came to goes with its status.
        deltas.retain(|delta| is_status(delta) || !is_unsaid(delta));
    }
    (deltas, is_veiled)
}

/// The facts that a change takes something from: those that show it as it is not any more.
fn touched(recorded: &Recorded, delta: &Delta, redactor: &Redactor) -> BTreeSet<Cite> {
    let states = recorded.states.iter();
    let touched = states.filter(|state| match delta {
        Delta::Vanished => state.there,
        Delta::Back => !state.there,
        Delta::Added(_) => true,
        Delta::Claim { name, now, .. } => {
            let then = state.claims.get(name);
            then.is_some_and(|then| agree(then, now, redactor) == Agreement::Other)
        }
    });
    touched.flat_map(|state| state.cites.clone()).collect()
}

fn all_in(then: &Value, now: &Value) -> bool {
    let now: BTreeSet<&str> = names(now).collect();
    names(then).all(|name| now.contains(name))
}

pub fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Accounts of which acts are on record, and not a single act is shown now.
fn hidden(record: &Record, now: &Now) -> BTreeSet<String> {
    let account = |element: &Element| match element {
        Element::Act { account, .. } => Some(account.clone()),
        _ => None,
    };
    let shown: BTreeSet<String> = now.shown.keys().filter_map(account).collect();
    let there = record
        .elements
        .iter()
        .filter(|(_, recorded)| recorded.last.there);
    let acted = there.filter_map(|(element, _)| account(element));
    let is_answered = |account: &String| now.shown.contains_key(&Element::Account(account.clone()));
    acted
        .filter(|account| !shown.contains(account) && is_answered(account))
        .collect()
}

/// Statuses that the last look at their commit did not show, since they came after it: the newest of a context is the one that counts.
fn added(record: &Record, grounds: &Grounds, now: &Now, redactor: &Redactor) -> Vec<Change> {
    let mut added = Vec::new();
    for (element, seen) in &now.shown {
        let Element::Status {
            repository, commit, ..
        } = element
        else {
            continue;
        };
        let on = Element::commit(repository, commit);
        let Some(recorded) = record.elements.get(&on) else {
            continue;
        };
        if record.elements.contains_key(element) || grounds.is_of_the_gate(now, &on, seen) {
            continue;
        }
        // In the order of their numbers: the last one is the newest.
        let before = record.elements.iter().rfind(|(known, recorded)| {
            matches!(known, Element::Status { repository: of, commit: at, .. } if of == repository && at == commit)
                && recorded.last.claims.get("context") == seen.claims.get("context")
        });
        let before = before.map(|(_, recorded)| recorded.last.clone());
        let delta = Delta::Added(before);
        added.push(Change {
            element: element.clone(),
            touches: touched(recorded, &delta, redactor),
            deltas: vec![delta],
            now: seen.clone(),
            within: seen.within.clone(),
            follows: Vec::new(),
            moved_on: false,
            forward: None,
        });
    }
    added
}

/// Puts each change that follows from another one under it.
fn fold(mut changes: BTreeMap<Element, Change>, now: &Now) -> Vec<Change> {
    let causes: BTreeMap<Element, Element> = changes
        .values()
        .filter_map(|change| {
            let cause = cause(change, &changes, now)?;
            let moved_on = changes.get(&cause).is_some_and(|cause| cause.moved_on);
            follows(change, moved_on).then(|| (change.element.clone(), cause))
        })
        .collect();
    let root = |element: &Element| {
        let mut root = element;
        // Nothing follows from what follows from it; and if it did, this would end all the same.
        for _ in 0..causes.len() {
            match causes.get(root) {
                Some(cause) => root = cause,
                None => break,
            }
        }
        root.clone()
    };
    for element in causes.keys() {
        let Some(follows) = changes.remove(element) else {
            continue;
        };
        let root = root(element);
        let cause = changes.entry(root.clone()).or_insert_with(|| Change {
            element: root,
            deltas: vec![Delta::Vanished],
            now: Seen::gone(),
            within: Vec::new(),
            touches: BTreeSet::new(),
            follows: Vec::new(),
            moved_on: false,
            forward: None,
        });
        cause.touches.extend(follows.touches);
        cause.follows.extend(follows.follows);
        cause.follows.push(follows.element);
    }
    changes.into_values().collect()
}

/// Whether a change may be told under another one. What is wrong by itself is not hidden under what has only moved on; but what a pull
/// request changes of its base is told against that, wherever it goes.
fn follows(change: &Change, moved_on: bool) -> bool {
    !moved_on || change.moved_on || matches!(change.element, Element::PullFiles { .. })
}

/// Another change that brings this one with it.
fn cause(change: &Change, changes: &BTreeMap<Element, Change>, now: &Now) -> Option<Element> {
    if has_no_repository(&change.element, now) {
        let repository = change.element.repository()?;
        return Some(Element::Repository(repository.into()));
    }
    if let Element::Branch { repository, name } = &change.element
        && change.has_vanished()
    {
        let ended = |pull: &&Change| {
            matches!(&pull.element, Element::Pull { repository: of, .. } if of == repository)
                && pull.is_now("branch", name)
                && (pull.has("merged") || pull.has("state") && pull.is_now("state", "closed"))
        };
        return changes.values().find(ended).map(|it| it.element.clone());
    }
    if change.has_vanished() {
        let gone = |within: &&Element| {
            now.gone.contains(*within) || changes.get(*within).is_some_and(Change::has_vanished)
        };
        return change.within.iter().find(gone).cloned();
    }
    match &change.element {
        Element::PullFiles { repository, number } => {
            let pull = Element::pull(repository, *number);
            let moves = |of: &Change| of.has("head") || of.has("base") || of.has("merged");
            if changes.get(&pull).is_some_and(moves) {
                return Some(pull);
            }
            let base = now.shown.get(&pull)?.claims.get("base")?.as_str()?;
            let base = Element::branch(repository, base);
            changes.contains_key(&base).then_some(base)
        }
        Element::Branch { repository, name } => {
            let pulls = changes.values();
            let mut pulls = pulls.filter(|pull| matches!(&pull.element, Element::Pull { repository: of, .. } if of == repository));
            let brings = |pull: &&Change| {
                let is_merged = pull.has("merged");
                let is_open = pull.is_now("state", "open");
                let is_moved = is_open && (pull.has("head") || pull.has("state"));
                (is_moved || is_merged) && pull.is_now("branch", name)
                    || is_merged && pull.is_now("base", name)
            };
            pulls.find(brings).map(|pull| pull.element.clone())
        }
        // The head of a closed one is where its branch is, once that is back.
        Element::Pull { repository, .. } if change.deltas.len() == 1 && change.has("head") => {
            let name = change.now.claims.get("branch")?.as_str()?;
            let branch = Element::branch(repository, name);
            let is_open = change.is_now("state", "open");
            (changes.contains_key(&branch) && !is_open).then_some(branch)
        }
        Element::Repositories(_) => {
            let lost = change.deltas.iter().find_map(|delta| match delta {
                Delta::Claim { then, now, .. } => {
                    let now: BTreeSet<&str> = names(now).collect();
                    names(then).find(|name| !now.contains(name))
                }
                _ => None,
            })?;
            let repository = Element::Repository(lost.into());
            changes.contains_key(&repository).then_some(repository)
        }
        _ => None,
    }
}
