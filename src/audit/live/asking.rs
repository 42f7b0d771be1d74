//! Asks again, of the servers that the auditor has named and of no other: several questions at once, reads only, and with little patience.

use super::compare::{Now, Outcome};
use super::element::{Element, Seen, at_address, missing, shown};
use super::onward::{self, Move};
use super::record::{Ask, Record};
use crate::ask::{Because, Servers, Unanswered};
use crate::drone::{self, Drone};
use crate::evidence::Question;
use crate::gitea::{self, Gitea};
use crate::redact::Redactor;
use crate::registry::Registry;
use anyhow::Context;
use futures_util::{StreamExt, stream};
use reqwest::redirect::Policy;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// As many questions are put at the same time: servers are shared with others.
const AT_ONCE: usize = 8;
/// For one request, its answer included.
const REQUEST: Duration = Duration::from_secs(15);
/// For one question, while its server does not answer.
const OUTAGE: Duration = Duration::from_secs(8);
/// As many are put at all: ten times as many as a run of the whole plan leaves to be asked. A bundle that nobody vouches for may ask for any
/// number.
pub const QUESTIONS: usize = 2000;
/// For all of it.
const WHOLE: Duration = Duration::from_secs(15 * 60);

/// A server, and the token that goes there and nowhere else.
pub struct Place {
    pub url: Url,
    pub token: Option<SecretString>,
}

/// Where may be asked.
#[derive(Default)]
pub struct Places {
    pub forge: Option<Place>,
    pub drone: Option<Place>,
    /// For images without a host of their own.
    pub registry: Option<Url>,
    /// How addresses begin that may be asked for results.
    pub results: Vec<Url>,
}

/// What asking came to.
#[derive(Debug, Default)]
pub struct Asked {
    pub now: Now,
    /// How many questions were put.
    pub put: usize,
    /// How many were not, since nobody was named to whom to put them; by what was not named.
    pub unnamed: BTreeMap<&'static str, usize>,
    /// How many were not, since they are more than are put.
    pub beyond: usize,
    /// Why others have no answer.
    pub failed: BTreeMap<(Server, Because), Failed>,
}

/// Questions without an answer for the same kind of reason, of one server.
#[derive(Debug, Default)]
pub struct Failed {
    pub count: usize,
    /// The reason of one of them, in words.
    pub such_as: String,
}

/// Whom a question belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Forge,
    Drone,
    Registry,
    /// By its origin.
    Results(String),
}

impl Places {
    /// Whether nobody may be asked.
    pub fn is_empty(&self) -> bool {
        self.forge.is_none()
            && self.drone.is_none()
            && self.registry.is_none()
            && self.results.is_empty()
    }

    /// What is not to be shown, whatever a server makes of it.
    pub fn redactor(&self) -> Redactor {
        let places = [&self.forge, &self.drone].into_iter().flatten();
        Redactor::new(places.filter_map(|place| place.token.as_ref()))
    }

    /// Whose question this is, where it may be put; the option that would have to be given, where not.
    fn server(&self, ask: &Ask, registry: Option<&Registry>) -> Result<Server, &'static str> {
        match ask {
            Ask::Address(url) => match url.parse::<Url>() {
                Ok(url) if self.results.iter().any(|begins| is_below(&url, begins)) => {
                    Ok(Server::Results(url.origin().ascii_serialization()))
                }
                _ => Err("--results"),
            },
            Ask::Question(Question::Tags { image }) => match registry {
                Some(registry) if registry.holds(image) => Ok(Server::Registry),
                _ => Err("--registry"),
            },
            Ask::Question(
                Question::DroneVersion | Question::Build { .. } | Question::BuildLog { .. },
            ) => self.drone.as_ref().map(|_| Server::Drone).ok_or("--drone"),
            Ask::Question(_) => self.forge.as_ref().map(|_| Server::Forge).ok_or("--forge"),
        }
    }
}

/// Whether an address is the other one, or below it.
fn is_below(url: &Url, begins: &Url) -> bool {
    let folder = begins.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(folder);
    url.origin() == begins.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Asks for everything that is on record.
pub async fn ask(places: &Places, record: &Record) -> anyhow::Result<Asked> {
    let limits = gitea::Limits {
        request: REQUEST,
        outage: OUTAGE,
    };
    let forge = match &places.forge {
        Some(place) => {
            let token = place.token.clone().map(Into::into);
            Some(Gitea::new(&place.url, token.as_ref(), limits)?)
        }
        None => None,
    };
    let drone = match &places.drone {
        Some(place) => {
            let limits = drone::Limits {
                request: REQUEST,
                outage: OUTAGE,
            };
            // Without builds on record there is only the version, which belongs to no repository.
            let repository = record.built.as_deref().unwrap_or("no/builds");
            let token = place.token.clone().map(Into::into);
            Some(Drone::new(&place.url, repository, token, limits)?)
        }
        None => None,
    };
    let registry = places.registry.as_ref();
    let registry = registry.map(|url| Registry::new(url, REQUEST));
    let web = reqwest::Client::builder()
        .timeout(REQUEST)
        // Where a server sends one on, nobody has named.
        .redirect(Policy::none())
        .build()
        .context("making a client for results failed")?;
    let servers = Servers {
        forge: forge.as_ref(),
        drone: drone.as_ref(),
        registry: registry.as_ref(),
        web: &web,
        patience: OUTAGE,
        notice: &|_| {},
    };
    let round = Round::new(places, record, servers);
    let mut asked = round.go().await;
    let moves = onward::moves(record, &asked.now);
    round.follow(&mut asked, moves).await;
    Ok(asked)
}

/// One round of questions.
struct Round<'a> {
    places: &'a Places,
    servers: Servers<'a>,
    asks: BTreeSet<Ask>,
    /// Of which texts are kept whole.
    redacted: BTreeSet<Element>,
    /// Servers of which nothing more is expected, and why.
    down: Mutex<BTreeMap<Server, Refusal>>,
    ends: Instant,
}

/// Why a server does not answer.
#[derive(Debug, Clone)]
struct Refusal {
    because: Because,
    why: String,
}

impl Refusal {
    fn of(unanswered: Unanswered) -> Self {
        Self {
            because: unanswered.because,
            why: unanswered.why,
        }
    }

    fn late() -> Self {
        let minutes = WHOLE.as_secs() / 60;
        Self {
            because: Because::Other,
            why: format!("all together took longer than {minutes} minutes"),
        }
    }
}

impl Asked {
    fn fail(&mut self, server: Server, refusal: Refusal) {
        let failed = self.failed.entry((server, refusal.because)).or_default();
        failed.count += 1;
        // Whichever came first, the same is told.
        if failed.such_as.is_empty() || refusal.why < failed.such_as {
            failed.such_as = refusal.why;
        }
    }
}

/// What became of a question.
enum Became {
    Answered(Vec<(Element, Seen)>),
    Gone(Option<Element>),
    Unnamed(&'static str),
    Failed(Server, Refusal),
}

impl<'a> Round<'a> {
    fn new(places: &'a Places, record: &Record, servers: Servers<'a>) -> Self {
        Self {
            places,
            servers,
            asks: record.asks(),
            redacted: record.redacted(),
            down: Mutex::default(),
            ends: Instant::now() + WHOLE,
        }
    }

    async fn go(&self) -> Asked {
        self.greet().await;
        let mut asked = Asked::default();
        let (asks, beyond) = self.within();
        asked.beyond = beyond.len();
        let unknown = beyond
            .into_iter()
            .map(|ask| (ask.clone(), Outcome::Unknown));
        asked.now.outcomes.extend(unknown);
        let asks: Vec<_> = asks.into_iter().map(|ask| self.one(ask)).collect();
        let mut became = stream::iter(asks).buffer_unordered(AT_ONCE);
        while let Some((ask, became)) = became.next().await {
            let outcome = match became {
                Became::Answered(shown) => {
                    asked.put += 1;
                    for (element, mut seen) in shown {
                        if !self.redacted.contains(&element) {
                            seen.shorten();
                        }
                        add(&mut asked.now, element, seen);
                    }
                    Outcome::Answered
                }
                Became::Gone(element) => {
                    asked.put += 1;
                    asked.now.gone.extend(element);
                    Outcome::Gone
                }
                Became::Unnamed(option) => {
                    *asked.unnamed.entry(option).or_default() += 1;
                    Outcome::Unknown
                }
                Became::Failed(server, refusal) => {
                    asked.fail(server, refusal);
                    Outcome::Unknown
                }
            };
            asked.now.outcomes.insert(ask.clone(), outcome);
        }
        drop(became);
        asked
    }

    /// Those that are put, with those that nobody is named for, and those that are too many.
    fn within(&self) -> (Vec<&Ask>, Vec<&Ask>) {
        let mut left = QUESTIONS;
        self.asks.iter().partition(|ask| {
            let is_put = self.places.server(ask, self.servers.registry).is_ok();
            let fits = !is_put || left > 0;
            left -= usize::from(is_put && fits);
            fits
        })
    }

    /// Asks of everything that stands elsewhere whether it was moved forward.
    async fn follow(&self, asked: &mut Asked, moves: BTreeSet<Move>) {
        let forge = Server::Forge;
        let one = async |moved: Move| {
            if let Some(refusal) = self.is_down(&forge) {
                return (moved, Err(refusal));
            }
            let stands = self
                .servers
                .stands_on(&moved.repository, &moved.now, &moved.then);
            let told = match tokio::time::timeout_at(self.ends, stands).await {
                Ok(Ok(forward)) => Ok(Some(forward)),
                // It was dropped, for which nothing needs it any more: nothing stands on it.
                Ok(Err(unanswered)) if unanswered.because == Because::Gone => Ok(None),
                Ok(Err(unanswered)) => Err(Refusal::of(unanswered)),
                Err(_) => Err(Refusal::late()),
            };
            (moved, told)
        };
        let left = QUESTIONS.saturating_sub(asked.put);
        asked.beyond += moves.len().saturating_sub(left);
        let moves = moves.into_iter().take(left);
        let mut told = stream::iter(moves.map(one)).buffer_unordered(AT_ONCE);
        while let Some((moved, told)) = told.next().await {
            match told {
                Ok(forward) => {
                    asked.put += 1;
                    asked.now.forward.extend(forward.map(|it| (moved, it)));
                }
                Err(refusal) => asked.fail(forge.clone(), refusal),
            }
        }
    }

    /// Finds out whether forge and Drone answer at all, before everything else waits for them.
    async fn greet(&self) {
        let greet = async |server: Server, question: Question| {
            let is_named = match server {
                Server::Forge => self.servers.forge.is_some(),
                _ => self.servers.drone.is_some(),
            };
            if is_named
                && let Err(unanswered) = self.servers.put(&question).await
                && unanswered.because == Because::Down
            {
                self.note_down(server, unanswered);
            }
        };
        tokio::join!(
            greet(Server::Forge, Question::ForgeVersion),
            greet(Server::Drone, Question::DroneVersion),
        );
    }

    async fn one<'b>(&self, ask: &'b Ask) -> (&'b Ask, Became) {
        let server = match self.places.server(ask, self.servers.registry) {
            Ok(server) => server,
            Err(option) => return (ask, Became::Unnamed(option)),
        };
        if let Some(refusal) = self.is_down(&server) {
            return (ask, Became::Failed(server, refusal));
        }
        let put = tokio::time::timeout_at(self.ends, self.put(ask)).await;
        let Ok(put) = put else {
            return (ask, Became::Failed(server, Refusal::late()));
        };
        let became = match put {
            Ok(answer) => Became::Answered(match ask {
                Ask::Question(question) => shown(question, &answer),
                Ask::Address(url) => vec![at_address(url, &answer)],
            }),
            Err(unanswered) if unanswered.because == Because::Gone => Became::Gone(match ask {
                Ask::Question(question) => missing(question),
                Ask::Address(_) => None,
            }),
            Err(unanswered) => {
                let refusal = Refusal {
                    because: unanswered.because,
                    why: unanswered.why.clone(),
                };
                if unanswered.because == Because::Down {
                    self.note_down(server.clone(), unanswered);
                }
                Became::Failed(server, refusal)
            }
        };
        (ask, became)
    }

    async fn put(&self, ask: &Ask) -> Result<Value, Unanswered> {
        let reply = match ask {
            Ask::Question(question) => self.servers.put(question).await,
            Ask::Address(url) => {
                let mend = "Check that results are kept";
                self.servers.results(url, mend).await
            }
        };
        reply.map(|(_, answer)| answer)
    }

    fn down(&self) -> MutexGuard<'_, BTreeMap<Server, Refusal>> {
        // Whoever held it did not leave it half changed: each change is one call.
        self.down
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note_down(&self, server: Server, unanswered: Unanswered) {
        let refusal = Refusal::of(unanswered);
        self.down().entry(server).or_insert(refusal);
    }

    fn is_down(&self, server: &Server) -> Option<Refusal> {
        self.down().get(server).cloned()
    }
}

/// Several answers may show parts of the same element.
fn add(now: &mut Now, element: Element, seen: Seen) {
    let known = now.shown.entry(element).or_default();
    known.there |= seen.there;
    known.claims.extend(seen.claims);
    known.times.extend(seen.times);
    if !seen.within.is_empty() {
        known.within = seen.within;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_no_more_asked_than_fits() {
        let forge: Url = "http://127.0.0.1:9".parse().unwrap();
        let places = Places {
            forge: Some(Place {
                url: forge,
                token: None,
            }),
            ..Places::default()
        };
        let web = reqwest::Client::new();
        let servers = Servers {
            forge: None,
            drone: None,
            registry: None,
            web: &web,
            patience: OUTAGE,
            notice: &|_| {},
        };
        let mut round = Round::new(&places, &Record::default(), servers);
        let statuses = |at: usize| {
            Ask::Question(Question::Statuses {
                repository: "a/b".into(),
                commit: format!("{at:040x}"),
            })
        };
        // Nobody is named whom to ask for these, and they take no room.
        let builds = (0..9).map(|number| Ask::Question(Question::Build { number }));
        let whole: Vec<Ask> = (0..QUESTIONS).map(statuses).chain(builds).collect();
        round.asks.extend(whole);
        assert_eq!(
            (round.within().0.len(), round.within().1.len()),
            (QUESTIONS + 9, 0)
        );
        round.asks.extend((QUESTIONS..60_000).map(statuses));
        assert_eq!(
            (round.within().0.len(), round.within().1.len()),
            (QUESTIONS + 9, 60_000 - QUESTIONS)
        );
    }

    #[test]
    fn what_is_below_an_address_is_told_from_what_looks_like_it() {
        let begins: Url = "https://ci.example.org/results".parse().unwrap();
        for (url, expected) in [
            ("https://ci.example.org/results/7/results.json", true),
            ("https://ci.example.org/results", true),
            ("https://ci.example.org/results2/7", false),
            ("https://ci.example.org/results/../secret", false),
            ("https://ci.example.org/other", false),
            ("http://ci.example.org/results/7", false),
            ("https://ci.example.org:8443/results/7", false),
            ("https://ci.example.org.evil.org/results/7", false),
            ("https://u:p@ci.example.org/results/7", false),
        ] {
            assert_eq!(is_below(&url.parse().unwrap(), &begins), expected, "{url}");
        }
        let whole: Url = "https://ci.example.org".parse().unwrap();
        assert!(is_below(
            &"https://ci.example.org/x".parse().unwrap(),
            &whole
        ));
    }
}
