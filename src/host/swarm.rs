//! The swarm, asked through docker's own command line, and watched through its stream of events.

use super::process::{self, Exit};
use super::tool::failed;
use super::{HostError, Tool};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a stream of events is listened to before it is begun anew.
const STREAM: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two attempts to listen.
const AGAIN: Duration = Duration::from_millis(500);
/// Events that are kept; with more of them, what was watched counts as not watched.
const EVENTS: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Stack {
    pub name: String,
    /// How many, as docker says it: in a text.
    pub services: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Volume {
    pub name: String,
    pub driver: String,
}

/// Something that happened in the swarm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the epoch, on the engine's clock.
    pub at: i64,
    /// `create`, `update`, `remove`.
    pub action: String,
    /// `service`.
    pub kind: String,
    pub id: String,
    /// Of a service: `<stack>_<service>`.
    pub name: String,
}

/// All that was seen since the beginning, and when nobody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Oldest first.
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
}

/// A time in which events may have been missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub from: Timestamp,
    pub until: Timestamp,
    pub why: String,
}

#[derive(Debug, Clone)]
pub struct Swarm {
    tool: Tool,
}

impl Swarm {
    pub fn new(tool: Tool) -> Swarm {
        Swarm { tool }
    }

    pub async fn stacks(&self) -> Result<Vec<Stack>, HostError> {
        self.list(&["stack", "ls"]).await
    }

    pub async fn volumes(&self) -> Result<Vec<Volume>, HostError> {
        self.list(&["volume", "ls"]).await
    }

    /// Removes a stack; what it had running ends a little later. Its volumes stay.
    pub async fn remove_stack(&self, name: &str) -> Result<(), HostError> {
        match self.tool.ask(&["stack", "rm", name]).await {
            Err(HostError::Failed { words, .. }) if words.contains("Nothing found in stack") => {
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    /// Removes a volume; an error while something uses it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), HostError> {
        match self.tool.ask(&["volume", "rm", name]).await {
            Err(HostError::Failed { words, .. })
                if words.to_lowercase().contains("no such volume") =>
            {
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    /// One JSON object a line.
    async fn list<T: DeserializeOwned>(&self, what: &[&str]) -> Result<Vec<T>, HostError> {
        let arguments = [what, &["--format", "json"]].concat();
        let text = self.tool.ask(&arguments).await?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                serde_json::from_str(line).map_err(|error| HostError::Unreadable {
                    asked: self.tool.asked(&arguments),
                    why: error.to_string(),
                })
            })
            .collect()
    }

    /// Listens to what happens to services from now on, until the answer is dropped.
    pub fn watch(&self) -> Watching {
        self.listen_from(Timestamp::now(), None)
    }

    /// Like [`Swarm::watch`], beginning with what the engine remembers since then. It remembers its last 256 events, of whatever kind, and
    /// none across its own end: unless it still has one from before, what was until now is a gap.
    pub async fn watch_since(&self, from: Timestamp) -> Watching {
        let now = Timestamp::now();
        let until = moment(from);
        let before = [
            "events", "--format", "json", "--since", "1", "--until", &until,
        ];
        let why = match self.tool.ask(&before).await {
            Ok(text) if !text.trim().is_empty() => None,
            Ok(_) => Some("nobody listened, and the engine may have forgotten some of it".into()),
            Err(error) => Some(format!(
                "nobody listened, and what the engine remembers is not known: {error}"
            )),
        };
        let gap = why.map(|why| Gap {
            from,
            until: now,
            why,
        });
        self.listen_from(from, gap)
    }

    fn listen_from(&self, from: Timestamp, gap: Option<Gap>) -> Watching {
        let (seen, stop) = (Arc::new(Mutex::default()), CancellationToken::new());
        tokio::spawn(listen(
            self.tool.clone(),
            from,
            Arc::clone(&seen),
            stop.clone(),
        ));
        Watching {
            swarm: self.clone(),
            from,
            gap,
            seen,
            _ended: stop.drop_guard(),
        }
    }

    /// What happened in a time that is over, as far as the engine remembers it.
    async fn past(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Event>, HostError> {
        let (from, until) = (moment(from), moment(until));
        let arguments = events(&["--since", &from, "--until", &until]);
        let text = self.tool.ask(&arguments).await?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                event(line).ok_or_else(|| HostError::Unreadable {
                    asked: self.tool.asked(&arguments),
                    why: format!("`{line}` is no event"),
                })
            })
            .collect()
    }
}

/// A stream of events that somebody listens to. Dropped, its process ends.
pub struct Watching {
    swarm: Swarm,
    from: Timestamp,
    /// Before somebody really listened.
    gap: Option<Gap>,
    seen: Arc<Mutex<Seen>>,
    _ended: DropGuard,
}

#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    gaps: Vec<Gap>,
}

impl Watching {
    /// All until now: what the stream told, and what the engine remembers, in case the stream is late.
    pub async fn until_now(&self) -> Result<Watched, HostError> {
        let until = Timestamp::now();
        let past = self.swarm.past(self.from, until).await?;
        let seen = lock(&self.seen);
        let mut events = [&seen.events[..], &past].concat();
        let mut gaps: Vec<Gap> = self.gap.iter().chain(&seen.gaps).cloned().collect();
        drop(seen);
        events.sort();
        events.dedup();
        if events.len() >= EVENTS {
            gaps.push(Gap {
                from: self.from,
                until,
                why: format!("more than {EVENTS} events: the rest was not kept"),
            });
        }
        Ok(Watched {
            from: self.from,
            until,
            events,
            gaps,
        })
    }
}

/// Listens until it is told to stop. A stream that ends is begun again where it was, and the time between is a gap.
async fn listen(tool: Tool, from: Timestamp, seen: Arc<Mutex<Seen>>, stop: CancellationToken) {
    let tool = tool.time_limit(STREAM);
    let mut since = from;
    while !stop.is_cancelled() {
        let begin = moment(since);
        let arguments = events(&["--since", &begin]);
        let asked = tool.asked(&arguments);
        let (exit, words) = match tool.command(&arguments) {
            Ok(command) => {
                let (seen, asked) = (Arc::clone(&seen), asked.clone());
                let take = move |line: &str| take(&seen, &asked, line);
                process::lines(command.cancelled_by(stop.clone()), take).await
            }
            Err(error) => (Exit::CouldNotStart(error.to_string()), Default::default()),
        };
        if stop.is_cancelled() {
            return;
        }
        let ended = Timestamp::now();
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
        since = Timestamp::now();
        let words = words.text.trim().chars().take(500).collect();
        let why = failed(asked, exit, words, STREAM).to_string();
        let mut seen = lock(&seen);
        match seen.gaps.last_mut() {
            // An outage is one gap, however often it is tried.
            Some(gap) if gap.why == why => gap.until = since,
            _ => seen.gaps.push(Gap {
                from: ended,
                until: since,
                why,
            }),
        }
    }
}

fn take(seen: &Mutex<Seen>, asked: &str, line: &str) {
    let mut seen = lock(seen);
    match event(line) {
        Some(event) if seen.events.len() < EVENTS => seen.events.push(event),
        Some(_) => {}
        None => {
            let now = Timestamp::now();
            seen.gaps.push(Gap {
                from: now,
                until: now,
                why: format!("`{asked}` said what is no event: {line}"),
            });
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn events<'a>(bounds: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["events", "--format", "json", "--filter", "type=service"];
    arguments.extend(bounds);
    arguments
}

/// As docker takes it: seconds and nanoseconds since the epoch.
fn moment(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

fn event(line: &str) -> Option<Event> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Raw {
        #[serde(rename = "Type")]
        kind: String,
        action: String,
        actor: Actor,
        #[serde(rename = "timeNano")]
        at: i64,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Actor {
        #[serde(rename = "ID")]
        id: String,
        #[serde(default)]
        attributes: BTreeMap<String, String>,
    }
    let mut raw: Raw = serde_json::from_str(line).ok()?;
    Some(Event {
        at: raw.at,
        action: raw.action,
        kind: raw.kind,
        id: raw.actor.id,
        name: raw.actor.attributes.remove("name").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
