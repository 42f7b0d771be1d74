//! What may have changed since something was looked at last: what the run closed itself, and what changed while it still went on.

use super::compare::Now;
use super::element::{Claims, Element, Seen};
use super::late;
use super::record::{Record, Recorded};
use crate::bundle::Evidence;
use crate::plan::bench::PROTECTED;
use crate::plan::guardrails;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Why a change is no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excuse {
    /// Gavel closed, deleted or put back what the run had made.
    Cleanup,
    /// The run went on with it after the last look, and by its own time had not ended then.
    Meanwhile,
}

/// What a run knows of its own end.
pub struct Grounds<'a> {
    record: &'a Record,
    /// The second in which the run ended: servers tell whole seconds.
    ended: Timestamp,
    /// When the last item had ended. The cleanup came after it.
    played: Timestamp,
    /// How each thing that was made ended; more than once where a name was used again.
    branches: BTreeMap<Element, Vec<Option<String>>>,
    pulls: BTreeMap<Element, Option<String>>,
    moved: BTreeSet<Element>,
    /// Commits that stood on a branch that the run deleted: nothing has to keep them.
    dropped: BTreeSet<String>,
}

impl<'a> Grounds<'a> {
    pub fn of(evidence: &Evidence, record: &'a Record) -> Self {
        let facts = evidence.attempts.iter().flat_map(|judged| &judged.facts);
        let newest = facts.map(|fact| fact.at).max().unwrap_or_default();
        let ended = evidence.ended.unwrap_or(newest);
        let items = evidence.attempts.iter();
        let items = items.filter(|judged| judged.item != guardrails::ITEM.id);
        let mut grounds = Self {
            record,
            ended: Timestamp::from_second(ended.as_second()).unwrap_or(ended),
            played: items
                .filter_map(|judged| judged.ended)
                .max()
                .unwrap_or(ended),
            branches: BTreeMap::new(),
            pulls: BTreeMap::new(),
            moved: BTreeSet::new(),
            dropped: BTreeSet::new(),
        };
        for made in &evidence.made {
            let branch = || Element::branch(&made.repository, &made.name);
            match (made.kind.as_str(), made.number) {
                ("branch", _) => {
                    let ends = grounds.branches.entry(branch()).or_default();
                    ends.push(made.ended.clone());
                }
                ("moved", _) => {
                    grounds.moved.insert(branch());
                }
                ("pull", Some(number)) => {
                    let pull = Element::pull(&made.repository, number);
                    grounds.pulls.insert(pull, made.ended.clone());
                }
                _ => {}
            }
        }
        grounds.dropped = grounds.dropped();
        grounds
    }

    /// Whether the run's own gate set a status on a commit after the last look at that.
    pub fn is_of_the_gate(&self, now: &Now, on: &Element, status: &Seen) -> bool {
        late::is_of_the_gate(self.record, now, on, status, self.ended)
    }

    /// Whether the run says that something is closed or deleted, whatever the facts saw before that.
    pub fn is_closed(&self, element: &Element) -> bool {
        let ended = |ended: &Option<String>| {
            let closed = [
                "closed",
                "closed by somebody",
                "merged by somebody",
                "deleted",
            ];
            ended
                .as_deref()
                .is_some_and(|ended| closed.contains(&ended))
        };
        let branch = self.branches.get(element);
        branch.is_some_and(|ends| ends.iter().all(ended))
            || self.pulls.get(element).is_some_and(ended)
    }

    /// Whether a time is later than the run, in whole seconds.
    pub fn is_later(&self, time: &Timestamp) -> bool {
        *time >= self.ended
    }

    /// Whether it came with the run, or the run looked at it by its name.
    pub fn is_of_the_run(&self, element: &Element) -> bool {
        let branch_or_pull =
            self.branches.contains_key(element) || self.pulls.contains_key(element);
        branch_or_pull || self.record.named.contains(element)
    }

    /// Whether the run made it, and Gavel may close it at any time.
    pub fn is_made(&self, element: &Element) -> bool {
        let protected = |ends: &Vec<Option<String>>| {
            ends.iter().any(|ended| ended.as_deref() == Some(PROTECTED))
        };
        let branch = self.branches.get(element);
        branch.is_some_and(|ends| !protected(ends)) || self.pulls.contains_key(element)
    }

    /// Whether it is none of the run's, and others were at it while the run went on.
    pub fn is_of_others(&self, element: &Element, recorded: &Recorded) -> bool {
        let in_lists = matches!(element, Element::Branch { .. } | Element::Pull { .. });
        in_lists && !self.record.named.contains(element) && recorded.is_restless()
    }

    /// Why something may be gone.
    pub fn may_be_gone(&self, element: &Element) -> Option<Excuse> {
        match element {
            Element::Branch { .. } if self.is_made(element) => Some(Excuse::Cleanup),
            Element::Tree { commit, .. } | Element::Commit { commit, .. }
                if self.dropped.contains(commit) =>
            {
                Some(Excuse::Cleanup)
            }
            Element::File { at, .. } if self.dropped.contains(at) => Some(Excuse::Cleanup),
            _ => None,
        }
    }

    /// Why a claim may be another now.
    pub fn may_differ(
        &self,
        element: &Element,
        recorded: &Recorded,
        claim: &str,
        now: &Seen,
    ) -> Option<Excuse> {
        let is_merge = matches!(claim, "merged" | "merged by" | "merge commit");
        match (element, claim) {
            // Nobody may.
            (Element::Pull { .. }, _) if is_merge => None,
            (Element::Pull { .. }, "state") => {
                let closed = now
                    .claims
                    .get("state")
                    .is_some_and(|state| state == "closed");
                (self.is_made(element) && closed).then_some(Excuse::Cleanup)
            }
            (Element::Branch { .. }, "commit") => {
                // Where nobody looked after the cleanup, it may have been put back to where it was before.
                let before = |commit: &Value| {
                    let mut states = recorded.states.iter();
                    states.any(|state| state.claims.get("commit") == Some(commit))
                };
                let was_moved = self.moved.contains(element) && recorded.at <= self.played;
                let is_back = now.claims.get("commit").is_some_and(before);
                (was_moved && is_back).then_some(Excuse::Cleanup)
            }
            // They are told against the base, and that stood elsewhere for a while.
            (Element::PullFiles { repository, number }, _) => {
                let base = self.base_of(&Element::pull(repository, *number), repository)?;
                let base = self.record.elements.get(&base)?;
                (base.states.len() > 1).then_some(Excuse::Cleanup)
            }
            (Element::Log(_), _) => {
                let goes_on = recorded.last.claims.get("missing").is_some_and(has_some);
                (goes_on && continues(&recorded.last.claims, &now.claims))
                    .then_some(Excuse::Meanwhile)
            }
            (Element::Comment { .. }, "text") => {
                let edited = now.times.get(claim);
                let goes_on = late::is_to_be_edited(self.record, recorded);
                let is_since = |time: &Timestamp| time.as_second() >= recorded.at.as_second();
                let is_late = edited.is_some_and(|time| is_since(time) && *time < self.ended);
                (goes_on && is_late).then_some(Excuse::Meanwhile)
            }
            _ => None,
        }
    }

    /// The branch that a pull request leads to.
    fn base_of(&self, pull: &Element, repository: &str) -> Option<Element> {
        let pull = self.record.elements.get(pull)?;
        let base = pull.last.claims.get("base")?.as_str()?;
        Some(Element::branch(repository, base))
    }

    fn dropped(&self) -> BTreeSet<String> {
        let deleted = |repository: &str, name: &str| {
            let branch = Element::branch(repository, name);
            self.branches.contains_key(&branch)
        };
        let mut dropped = BTreeSet::new();
        for (element, recorded) in &self.record.elements {
            match element {
                Element::Branch { repository, name } if deleted(repository, name) => {
                    let commits = recorded.states.iter();
                    let commits = commits.filter_map(|state| state.claims.get("commit")?.as_str());
                    dropped.extend(commits.map(str::to_owned));
                }
                Element::Act { .. } => {
                    let pushed = pushed(&recorded.last);
                    let pushed = pushed.filter(|(repository, name, _)| deleted(repository, name));
                    dropped.extend(pushed.map(|(_, _, commit)| commit));
                }
                _ => {}
            }
        }
        dropped
    }
}

/// Repository, branch and commit of an act that is a push.
fn pushed(act: &Seen) -> Option<(String, String, String)> {
    let repository = act.within.iter().find_map(|within| match within {
        Element::Repository(repository) => Some(repository.clone()),
        _ => None,
    })?;
    let branch = act.claims.get("ref")?.as_str()?;
    let branch = branch.strip_prefix("refs/heads/")?;
    let content = act.claims.get("content")?.as_str()?;
    let content: Value = serde_json::from_str(content).ok()?;
    let commit = content["HeadCommit"]["Sha1"].as_str()?;
    Some((repository, branch.to_owned(), commit.to_owned()))
}

fn has_some(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

/// Whether a log of now begins with all of the log of then.
fn continues(then: &Claims, now: &Claims) -> bool {
    let text = |claims: &Claims| {
        claims
            .get("text")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match (text(then), text(now)) {
        (Some(then), Some(now)) => now.starts_with(&then),
        _ => false,
    }
}
