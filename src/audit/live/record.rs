//! What a bundle has on record of the world: every element that its facts show, as they showed it one after another, and what is to be
//! asked to see all of them again.

use super::element::{Claims, Element, Seen, at_address, is_commit, shown};
use crate::bundle::Evidence;
use crate::evidence::{Answer, Fact, Question};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    Question(Question),
    /// What stands at an address where results were.
    Address(String),
}

/// A fact of a judged attempt: the attempt's place among them, and the fact's number.
pub type Cite = (usize, u32);

/// How something was at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub there: bool,
    pub claims: Claims,
    /// The facts that showed it so.
    pub cites: Vec<Cite>,
}

/// Something on record.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Each once, in the order in which they were seen first.
    pub states: Vec<State>,
    /// As it was seen last, claim by claim.
    pub last: Seen,
    /// When it was looked at last.
    pub at: Timestamp,
    /// It came to be on a list that was there without it before.
    pub came_late: bool,
}

/// Why a fact's question is not put again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotAgain {
    /// Windows, commands, configuration, numbers of what was the newest, what is on Gavel's own record.
    Ephemeral,
    /// Of the machine on which Gavel runs.
    Box,
    /// Asked in another account's name.
    Member,
    /// It had no answer then.
    Unseen,
}

/// Lists that show all there is of something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Branches(String),
    Pulls(String),
    Talk(String, u64),
    Acts(String),
    Builds,
}

#[derive(Debug, Default)]
pub struct Record {
    pub elements: BTreeMap<Element, Recorded>,
    /// What a question, an act or the run's own record is about by name, beside what only stands in lists.
    pub named: BTreeSet<Element>,
    /// How many facts are asked again, and how many are not.
    pub again: usize,
    pub not_again: BTreeMap<NotAgain, usize>,
    /// The repository that the builds are of, as the requests to Drone name it.
    pub built: Option<String>,
    /// What is there, of each list.
    lists: BTreeMap<List, BTreeSet<Element>>,
    /// When each list was seen first.
    since: BTreeMap<List, Timestamp>,
    /// Repositories of which all pull requests are on record, and discussions of which the timeline is.
    pulls: BTreeSet<String>,
    timelines: BTreeSet<(String, u64)>,
    /// Beyond which act what an account did is on record.
    acts: BTreeMap<String, u64>,
    repositories: BTreeSet<String>,
}

impl Record {
    pub fn of(evidence: &Evidence) -> Self {
        let judged = evidence.attempts.iter().enumerate();
        let judged =
            judged.flat_map(|(at, judged)| judged.facts.iter().map(move |it| (Some(at), it)));
        let lost = evidence.lost.iter();
        let lost = lost.flat_map(|lost| lost.facts.iter().map(|fact| (None, fact)));
        let mut facts: Vec<(Option<usize>, &Fact)> = judged.chain(lost).collect();
        facts.sort_by_key(|(attempt, fact)| (fact.at, *attempt, fact.number));
        let mut record = Self::default();
        for (attempt, fact) in facts {
            record.take(fact, attempt.map(|attempt| (attempt, fact.number)));
        }
        for made in &evidence.made {
            if made.kind == "branch" || made.kind == "moved" {
                let branch = Element::branch(&made.repository, &made.name);
                record.named.insert(branch);
            }
            if let Some(number) = made.number {
                record.named.insert(Element::pull(&made.repository, number));
            }
        }
        record
    }

    fn take(&mut self, fact: &Fact, cite: Option<Cite>) {
        let Answer::Seen(answer) = &fact.answer else {
            *self.not_again.entry(NotAgain::Unseen).or_default() += 1;
            return;
        };
        match again(&fact.question) {
            None => self.again += 1,
            Some(why) => *self.not_again.entry(why).or_default() += 1,
        }
        self.name(&fact.question);
        if self.built.is_none() {
            self.built = built(fact);
        }
        let shown = match &fact.question {
            Question::Results { .. } | Question::Verified { .. } => {
                let url = fact.asked.strip_prefix("GET ").unwrap_or(&fact.asked);
                vec![at_address(url, answer)]
            }
            Question::Recorded | Question::Cleaned | Question::Cleared { .. } => closed(answer),
            question => shown(question, answer),
        };
        let list = list(&fact.question);
        if let Some(list) = &list {
            self.since.entry(list.clone()).or_insert(fact.at);
        }
        let mut there = BTreeSet::new();
        for (element, seen) in shown {
            if list.is_some() {
                there.insert(element.clone());
            }
            self.add(element, seen, fact.at, cite);
        }
        if let Some(list) = list {
            self.leave_out(list, &there, fact, cite);
        }
    }

    fn add(&mut self, element: Element, mut seen: Seen, at: Timestamp, cite: Option<Cite>) {
        if !seen.is_redacted() {
            seen.shorten();
        }
        if let Some(repository) = element.repository() {
            self.repositories.insert(repository.to_owned());
        }
        let mut came_late = false;
        if let Some(list) = list_with(&element, &seen) {
            came_late = self.since.get(&list).is_some_and(|since| *since < at);
            let there = self.lists.entry(list).or_default();
            match seen.there {
                true => there.insert(element.clone()),
                false => there.remove(&element),
            };
        }
        let state = State {
            there: seen.there,
            claims: seen.claims.clone(),
            cites: cite.into_iter().collect(),
        };
        match self.elements.get_mut(&element) {
            Some(recorded) => recorded.add(seen, state, at),
            None => {
                let recorded = Recorded {
                    states: vec![state],
                    last: seen,
                    at,
                    came_late,
                };
                self.elements.insert(element, recorded);
            }
        }
    }

    /// What a list shows no more is gone.
    fn leave_out(
        &mut self,
        list: List,
        there: &BTreeSet<Element>,
        fact: &Fact,
        cite: Option<Cite>,
    ) {
        let known = self.lists.get(&list).into_iter().flatten();
        let gone: Vec<Element> = known
            .filter(|element| !there.contains(*element) && holds(&fact.question, element))
            .cloned()
            .collect();
        for element in gone {
            self.add(element, Seen::gone(), fact.at, cite);
        }
    }

    /// What a question names, and what it says about how all of it is asked again.
    fn name(&mut self, question: &Question) {
        let branches = |repository: &str, names: &[&String]| {
            let names = names.iter().filter(|name| !is_commit(name));
            let branches = names.map(|name| Element::branch(repository, name));
            branches.collect::<Vec<_>>()
        };
        self.named.extend(match question {
            Question::Branch { repository, branch } => branches(repository, &[branch]),
            Question::File { repository, at, .. } => branches(repository, &[at]),
            Question::Commit {
                repository,
                from,
                branch,
                ..
            } => branches(repository, &[from, branch]),
            Question::OpenPull {
                repository,
                from,
                branch,
                base,
            } => branches(repository, &[from, branch, base]),
            Question::Pull { repository, number }
            | Question::PullFiles { repository, number }
            | Question::Comments { repository, number }
            | Question::Timeline { repository, number }
            | Question::Post {
                repository, number, ..
            } => vec![Element::pull(repository, *number)],
            _ => Vec::new(),
        });
        match question {
            Question::Pulls { repository } => {
                self.pulls.insert(repository.clone());
                self.repositories.insert(repository.clone());
            }
            Question::Branches { repository } | Question::File { repository, .. } => {
                self.repositories.insert(repository.clone());
            }
            Question::Timeline { repository, number } => {
                self.timelines.insert((repository.clone(), *number));
            }
            Question::Activity { account, after } => {
                let known = self.acts.entry(account.clone()).or_insert(*after);
                *known = (*known).min(*after);
            }
            _ => {}
        }
    }

    /// All that is to be asked.
    pub fn asks(&self) -> BTreeSet<Ask> {
        let probes = self.repositories.iter().map(|repository| {
            Ask::Question(Question::Branches {
                repository: repository.clone(),
            })
        });
        let elements = self.elements.iter();
        let elements = elements.map(|(element, recorded)| self.shown_by(element, &recorded.last));
        probes.chain(elements).collect()
    }

    /// What shows an element again.
    pub fn shown_by(&self, element: &Element, last: &Seen) -> Ask {
        let talk = || {
            let mut within = last.within.iter();
            within.find_map(|within| match within {
                Element::Pull { repository, number } => Some((repository.clone(), *number)),
                _ => None,
            })
        };
        Ask::Question(match element.clone() {
            Element::ForgeVersion => Question::ForgeVersion,
            Element::DroneVersion => Question::DroneVersion,
            Element::Account(account) | Element::Act { account, .. } => Question::Activity {
                after: self.acts.get(&account).copied().unwrap_or_default(),
                account,
            },
            Element::Repository(repository) | Element::Branch { repository, .. } => {
                Question::Branches { repository }
            }
            Element::Collaborator {
                repository,
                account,
            } => Question::Collaborator {
                repository,
                account,
            },
            Element::Repositories(owner) => Question::Repositories { owner },
            Element::Commit { repository, commit }
            | Element::Status {
                repository, commit, ..
            } => Question::Statuses { repository, commit },
            Element::File {
                repository,
                path,
                at,
            } => Question::File {
                repository,
                path,
                at,
            },
            Element::Tree { repository, commit } => Question::Tree { repository, commit },
            Element::Pull { repository, number } => match self.pulls.contains(&repository) {
                true => Question::Pulls { repository },
                false => Question::Pull { repository, number },
            },
            Element::PullFiles { repository, number } => Question::PullFiles { repository, number },
            Element::Comment { repository, .. } | Element::Event { repository, .. } => {
                let (repository, number) = talk().unwrap_or((repository, 0));
                match self.timelines.contains(&(repository.clone(), number)) {
                    true => Question::Timeline { repository, number },
                    false => Question::Comments { repository, number },
                }
            }
            Element::Build(number) => Question::Build { number },
            Element::Log(number) => Question::BuildLog { number },
            Element::Tags(image) => Question::Tags { image },
            Element::Address(url) => return Ask::Address(url),
        })
    }

    /// Those of which a secret was taken out: only the whole text of now can be compared with what is left of them.
    pub fn redacted(&self) -> BTreeSet<Element> {
        let elements = self.elements.iter();
        let redacted = elements.filter(|(_, recorded)| recorded.last.is_redacted());
        redacted.map(|(element, _)| element.clone()).collect()
    }
}

impl Recorded {
    fn add(&mut self, seen: Seen, state: State, at: Timestamp) {
        let same = |known: &&mut State| known.there == state.there && known.claims == state.claims;
        match self.states.iter_mut().find(same) {
            Some(known) => known.cites.extend(state.cites),
            None => self.states.push(state),
        }
        self.at = at;
        self.last.there = seen.there;
        self.last.claims.extend(seen.claims);
        self.last.times.extend(seen.times);
        if !seen.within.is_empty() {
            self.last.within = seen.within;
        }
    }

    /// Whether it changed, came or went between two looks.
    pub fn is_restless(&self) -> bool {
        self.came_late || self.states.len() > 1
    }
}

/// Why a question is not put again; nothing where it is, or where what an act made is looked at again.
fn again(question: &Question) -> Option<NotAgain> {
    match question {
        Question::ForgeVersion
        | Question::DroneVersion
        | Question::Branch { .. }
        | Question::Branches { .. }
        | Question::File { .. }
        | Question::Tree { .. }
        | Question::Repositories { .. }
        | Question::Pulls { .. }
        | Question::Pull { .. }
        | Question::PullFiles { .. }
        | Question::Timeline { .. }
        | Question::Tags { .. }
        | Question::Comments { .. }
        | Question::Statuses { .. }
        | Question::Collaborator { .. }
        | Question::Activity { .. }
        | Question::Builds { .. }
        | Question::Build { .. }
        | Question::BuildLog { .. }
        | Question::Results { .. }
        | Question::Verified { .. }
        | Question::Post { .. }
        | Question::OpenPull { .. }
        | Question::Commit { .. } => None,
        Question::Member { .. } => Some(NotAgain::Member),
        Question::Digests { .. }
        | Question::Clone { .. }
        | Question::Inhabitants { .. }
        | Question::Stacks
        | Question::Volumes
        | Question::Crontab
        | Question::Entries { .. }
        | Question::Users { .. }
        | Question::Sessions
        | Question::Agent { .. }
        | Question::Screen { .. }
        | Question::Running { .. }
        | Question::Text { .. }
        | Question::Clock => Some(NotAgain::Box),
        Question::Expectations
        | Question::Watched
        | Question::LatestAct { .. }
        | Question::LatestBuild
        | Question::Deploys
        | Question::Recorded
        | Question::Cleaned
        | Question::Cleared { .. }
        | Question::Run { .. }
        | Question::Wedge { .. }
        | Question::Calm
        | Question::Quiet { .. } => Some(NotAgain::Ephemeral),
    }
}

/// The list that a question shows, of some of it at least.
fn list(question: &Question) -> Option<List> {
    Some(match question {
        Question::Branches { repository } => List::Branches(repository.clone()),
        Question::Pulls { repository } => List::Pulls(repository.clone()),
        Question::Comments { repository, number } | Question::Timeline { repository, number } => {
            List::Talk(repository.clone(), *number)
        }
        Question::Activity { account, .. } => List::Acts(account.clone()),
        Question::Builds { .. } => List::Builds,
        _ => return None,
    })
}

/// Whether a list question shows an element of its list, where that is there.
fn holds(question: &Question, element: &Element) -> bool {
    match (question, element) {
        (Question::Comments { .. }, element) => matches!(element, Element::Comment { .. }),
        (Question::Activity { after, .. }, Element::Act { id, .. }) => id > after,
        (Question::Builds { after }, Element::Build(number)) => number > after,
        _ => true,
    }
}

/// The list that an element is on.
fn list_with(element: &Element, seen: &Seen) -> Option<List> {
    Some(match element {
        Element::Branch { repository, .. } => List::Branches(repository.clone()),
        Element::Pull { repository, .. } => List::Pulls(repository.clone()),
        Element::Comment { .. } | Element::Event { .. } => match seen.within.first()? {
            Element::Pull { repository, number } => List::Talk(repository.clone(), *number),
            _ => return None,
        },
        Element::Act { account, .. } => List::Acts(account.clone()),
        Element::Build(_) => List::Builds,
        _ => return None,
    })
}

/// What Gavel says that it closed.
fn closed(answer: &Value) -> Vec<(Element, Seen)> {
    let entries = answer.as_array().into_iter().flatten();
    let closed = entries.filter_map(|entry| {
        let of = |key: &str| entry[key].as_str();
        let repository = of("repository")?;
        match (of("kind")?, of("ended")?) {
            ("branch", "deleted") => Some((Element::branch(repository, of("name")?), Seen::gone())),
            ("pull", "closed" | "closed by somebody") => {
                let pull = Element::pull(repository, entry["number"].as_u64()?);
                Some((pull, Seen::there([("state", json!("closed"))])))
            }
            _ => None,
        }
    });
    closed.collect()
}

/// The repository that a request to Drone names.
fn built(fact: &Fact) -> Option<String> {
    let is_of_builds = matches!(
        fact.question,
        Question::Builds { .. } | Question::Build { .. } | Question::BuildLog { .. }
    );
    let (_, path) = fact
        .asked
        .split_once("/api/repos/")
        .filter(|_| is_of_builds)?;
    let mut parts = path.split('/');
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}
