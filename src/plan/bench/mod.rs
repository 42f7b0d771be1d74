//! The one set of tools that a scenario is given. Every act and every observation is a named step: it is journaled before it begins
//! and its result, a fact, ends it, so that a scenario that is run again goes on where it was interrupted.

mod act;
mod adopt;
mod ask;
mod calm;
mod command;
mod deployed;
mod inventory;
mod launched;
mod look;
mod machine;
mod restore;

pub use act::Seed;
pub use deployed::{Deployed, Owners, Standing, Tested, Whose, read_deployed};
pub use inventory::tool;
pub use launched::{FORCED, Launched, SessionEnd, read_launched};
pub use restore::{MOVED_ON, PROTECTED, PutBack};

use super::Item;
use super::expect::Expectations;
use crate::config::{Config, Repository};
use crate::drone::Drone;
use crate::evidence::{Answer, Fact, Question, Sighting, Watch};
use crate::gitea::Gitea;
use crate::host::spool::Spools;
use crate::redact::Redactor;
use crate::registry::Registry;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{OnceCell, broadcast, watch};
use tokio_util::sync::CancellationToken;

/// The last fact of every attempt: whether forge and Drone answered all the time.
pub const CALM: &str = "calm";

/// Why a scenario does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Something could not be seen or done; the reason is with the facts, and the judge says what follows.
    Unseen(String),
    /// Somebody asked for the end.
    Cancelled,
    /// The attempt was interrupted where it cannot be resumed: a new one must begin.
    Lost(String),
    /// Gavel's own memory failed.
    Broken(String),
}

/// What happened in the world, told by a webhook. Only wakes who waits; reads decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `owner/name`.
    pub repository: String,
    pub kind: String,
}

/// The memory that the engine lends to one attempt.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// All facts so far.
    async fn facts(&self) -> Result<Vec<Fact>, String>;
    /// The fact that ended a step, if it has ended.
    async fn fact(&self, label: &str) -> Result<Option<Fact>, String>;
    /// Marks a step as begun; answers whether it had been begun before.
    async fn begin(&self, label: &str) -> Result<bool, String>;
    /// Ends a step with its fact.
    async fn record(&self, sighting: Sighting) -> Result<Fact, String>;
    /// Puts on record that something is about to be made, under a name by which it can be found again.
    async fn intend(&self, made: Making<'_>) -> Result<u64, String>;
    /// The number of a pull request that was made.
    async fn made(&self, resource: u64, number: u64) -> Result<(), String>;
    /// Where a branch that was on record to be moved was moved to.
    async fn moved(&self, resource: u64, to: &str) -> Result<(), String>;
    /// What is known of something on record.
    async fn known(&self, resource: u64) -> Result<Option<Value>, String>;
    /// Remembers what is known of it.
    async fn note(&self, resource: u64, known: Value) -> Result<(), String>;
    /// When and how forge and Drone did not answer so far, as it was last kept.
    async fn troubles(&self) -> Result<Vec<String>, String>;
    /// Puts that on record.
    async fn keep_troubles(&self, told: &[String]) -> Result<(), String>;
    /// Says in a pull request what it is for.
    async fn introduce(&self, repository: &str, number: u64, purpose: &str) -> Result<(), String>;
    /// Everything that is on record for the run, as it is before it is closed.
    async fn recorded(&self) -> Result<Vec<Made>, String>;
    /// Closes everything that is on record for the run. Answers all that it made, and how each ended.
    async fn clean(&self) -> Result<Vec<Made>, String>;
    /// Closes what other attempts of the run made in a mirror, and what the same attempts made in the repositories `beside` it. Answers
    /// what that was, and how each ended.
    async fn clear(&self, mirror: &str, beside: &[&str]) -> Result<Vec<Made>, String>;
    /// What the guardrails' first look saw at a step, if they looked.
    async fn first_look(&self, label: &str) -> Result<Option<Fact>, String>;
    /// What the attempt is doing now, for the progress comment.
    async fn doing(&self, what: &str);
    fn events(&self) -> broadcast::Receiver<Event>;
    fn cancelled(&self) -> &CancellationToken;
    /// Whether it is cancelled because Gavel ends: what runs is then left to run, and taken up at the next start.
    fn is_leaving(&self) -> bool;
}

/// Something that is about to be made.
#[derive(Debug, Clone, Copy)]
pub enum Making<'a> {
    Branch {
        repository: &'a str,
        name: &'a str,
        purpose: &'a str,
    },
    Pull {
        repository: &'a str,
        head: &'a str,
        purpose: &'a str,
    },
    /// A branch that was there before is moved, and put back afterwards.
    Moved {
        repository: &'a str,
        name: &'a str,
        /// The commit that it is put back to.
        was: &'a str,
        purpose: &'a str,
    },
    /// A tmux session of this name.
    Session { name: &'a str, purpose: &'a str },
    /// Deploys of the sandbox's recipes.
    Deploys { purpose: &'a str },
}

/// Something that the run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// `pull`, `branch`, `moved`, …
    pub kind: String,
    pub repository: String,
    pub name: String,
    /// Of a pull request, where it is known.
    pub number: Option<u64>,
    /// How it ended, in a word; none where it could not be closed.
    pub ended: Option<String>,
    /// Whether the attempt was interrupted: what it left then is not the flow's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Of a branch that was moved: the commit that the run left it at, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Launched>,
    /// Of deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
}

/// The servers and commands that scenarios act on and look at.
pub struct World {
    pub config: Config,
    pub forge: Gitea,
    pub outsider: Gitea,
    pub drone: Drone,
    /// For images without a host of their own; none where it is not configured.
    pub registry: Option<Registry>,
    /// For `results.json`.
    pub web: reqwest::Client,
    pub redactor: Redactor,
    /// For commands of the flow.
    pub spools: Spools,
}

/// In whose name a comment is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Gavel,
    Outsider,
}

/// Whether a watch has seen enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    Yes,
    /// Enough, unless something changes within the quiet window.
    IfItStays,
    No,
}

impl From<bool> for Enough {
    fn from(enough: bool) -> Self {
        if enough { Self::Yes } else { Self::No }
    }
}

/// The tools of one attempt.
pub struct Bench {
    world: Arc<World>,
    ledger: Arc<dyn Ledger>,
    /// Part of every name that the attempt gives: unique, and found again after a crash.
    name: String,
    pub expect: Expectations,
    /// When and how forge and Drone did not answer.
    troubles: Arc<watch::Sender<Vec<String>>>,
    /// Whether what stood before the first deploy is on record.
    deploys: Arc<OnceCell<()>>,
}

impl Bench {
    pub fn new(world: Arc<World>, ledger: Arc<dyn Ledger>, name: String) -> Self {
        let expect = Expectations::from_config(&world.config);
        Self {
            world,
            ledger,
            name,
            expect,
            troubles: Arc::default(),
            deploys: Arc::default(),
        }
    }

    /// The same tools, for another recipe than the one of the attempt's expectations.
    pub fn on(&self, recipe: &str) -> Bench {
        Bench {
            world: self.world.clone(),
            ledger: self.ledger.clone(),
            name: self.name.clone(),
            expect: self.expect.of(recipe),
            troubles: self.troubles.clone(),
            deploys: self.deploys.clone(),
        }
    }

    /// The configuration, for what is to be run.
    pub fn config(&self) -> &Config {
        &self.world.config
    }

    /// Plays an item's scenario, and looks meanwhile whether forge and Drone answer: what stays away while they do not is nobody's
    /// fault.
    pub async fn play(&self, item: &Item) -> Result<(), Stop> {
        self.remember_troubles().await?;
        let ended = self
            .play_part(async {
                self.prepare().await?;
                (item.scenario)(self).await
            })
            .await;
        match &ended {
            Ok(()) | Err(Stop::Unseen(_)) => {
                self.see::<Value>(CALM, Question::Calm).await?;
            }
            Err(_) => {}
        }
        ended
    }

    /// Plays a part of an attempt that others follow.
    pub async fn play_part(
        &self,
        part: impl Future<Output = Result<(), Stop>>,
    ) -> Result<(), Stop> {
        tokio::select! {
            ended = part => ended,
            never = self.look_for_trouble() => match never {},
        }
    }

    /// Says what the attempt is doing now.
    pub async fn doing(&self, what: &str) {
        self.ledger.doing(what).await;
    }

    /// The first steps of every attempt: what is expected, and against which versions it is verified.
    async fn prepare(&self) -> Result<(), Stop> {
        self.doing("noting the versions").await;
        let drone = &self.world.config.drone;
        let harness = Question::Branch {
            repository: drone.repository.to_string(),
            branch: drone.branch.clone(),
        };
        let versions = &self.world.config.versions;
        let files = [
            ("bridge", &versions.bridge),
            ("helper", &versions.helper),
            ("skills", &versions.skills),
        ];
        let files = files.map(|(part, files)| {
            let paths = files.iter().map(|path| path.display().to_string());
            let question = Question::Digests {
                part: part.into(),
                paths: paths.collect(),
            };
            (format!("version.{part}"), question)
        });
        let answered = [
            ("expectations".to_owned(), Question::Expectations),
            ("version.forge".to_owned(), Question::ForgeVersion),
            ("version.drone".to_owned(), Question::DroneVersion),
            ("version.harness".to_owned(), harness),
        ];
        self.see_all(answered.into_iter().chain(files)).await
    }

    /// What is on record for the run, as a step.
    pub async fn recorded(&self, label: &str) -> Result<Vec<Made>, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        self.begin(label).await?;
        let made = self.ledger.recorded().await.map_err(Stop::Broken)?;
        let answer = Answer::Seen(to_value(&made));
        self.record(
            label,
            Question::Recorded,
            "Gavel's record".into(),
            None,
            answer,
        )
        .await
    }

    /// Closes everything that is on record for the run, as a step.
    pub async fn clean(&self, label: &str) -> Result<Vec<Made>, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        // Interrupted, it is done again: what is closed stays closed.
        self.begin(label).await?;
        let made = self.ledger.clean().await.map_err(Stop::Broken)?;
        let answer = Answer::Seen(to_value(&made));
        self.record(
            label,
            Question::Cleaned,
            "Gavel's record".into(),
            None,
            answer,
        )
        .await
    }

    /// Closes what earlier attempts of the run left open in the recipe's repositories, as a step, once for each recipe: the flow would go
    /// on with it, and what it then made would not be of this attempt. What this attempt made stays, and what is somebody else's.
    pub async fn clear(&self) -> Result<(), Stop> {
        let expect = &self.expect;
        let label = format!("cleared.{}", expect.recipe);
        if let Some(fact) = self.recall(&label).await? {
            return read::<Value>(&fact).map(drop);
        }
        // Interrupted, it is done again: what is closed stays closed.
        self.begin(&label).await?;
        let (mirror, upstream) = (&expect.mirror, expect.upstream());
        let beside = [upstream.as_str(), expect.upgrading.harness.as_str()];
        let made = self.ledger.clear(mirror, &beside).await;
        let made = made.map_err(Stop::Broken)?;
        let answer = match made.iter().find(|one| one.ended.is_none()) {
            None => Answer::Seen(to_value(&made)),
            Some(left) => Answer::Unseen(format!(
                "the {} `{}` of `{}`, which an earlier item's attempt left, could not be closed; `/cleanup` tries it again",
                left.kind, left.name, left.repository
            )),
        };
        let question = Question::Cleared {
            mirror: mirror.clone(),
        };
        self.record::<Value>(&label, question, "Gavel's record".into(), None, answer)
            .await
            .map(drop)
    }

    /// Takes over what the guardrails' first look saw, as it was asked then.
    pub async fn carry(&self, label: &str) -> Result<(), Stop> {
        if self.recall(label).await?.is_some() {
            return Ok(());
        }
        self.begin(label).await?;
        let first = self.ledger.first_look(label).await.map_err(Stop::Broken)?;
        let Some(first) = first else {
            return Err(Stop::Unseen(format!(
                "`{label}` was not looked at at the start"
            )));
        };
        let sighting = Sighting {
            label: first.label,
            question: first.question,
            asked: first.asked,
            at: first.at,
            watch: first.watch,
            answer: first.answer,
        };
        self.ledger.record(sighting).await.map_err(Stop::Broken)?;
        Ok(())
    }

    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.ledger.cancelled().cancelled() => Err(Stop::Cancelled),
            done = work => Ok(done),
        }
    }

    async fn facts(&self) -> Result<Vec<Fact>, Stop> {
        self.ledger.facts().await.map_err(Stop::Broken)
    }

    async fn recall(&self, label: &str) -> Result<Option<Fact>, Stop> {
        self.ledger.fact(label).await.map_err(Stop::Broken)
    }

    async fn begin(&self, label: &str) -> Result<bool, Stop> {
        self.ledger.begin(label).await.map_err(Stop::Broken)
    }

    async fn intend(&self, making: Making<'_>) -> Result<u64, Stop> {
        self.ledger.intend(making).await.map_err(Stop::Broken)
    }

    fn repository(&self, name: &str) -> Result<Repository, Stop> {
        name.parse()
            .map_err(|error| Stop::Broken(format!("`{name}`: {error}")))
    }

    async fn record<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
        asked: String,
        watch: Option<Watch>,
        answer: Answer,
    ) -> Result<T, Stop> {
        let answer = match answer {
            Answer::Seen(value) => Answer::Seen(self.world.redactor.json(&value)),
            Answer::Unseen(why) => Answer::Unseen(self.world.redactor.text(&why).into_owned()),
        };
        let fact = self
            .ledger
            .record(Sighting {
                label: label.into(),
                question,
                asked,
                at: Timestamp::now(),
                watch,
                answer,
            })
            .await
            .map_err(Stop::Broken)?;
        read(&fact)
    }
}

/// What a fact saw, in the scenario's own terms.
fn read<T: DeserializeOwned>(fact: &Fact) -> Result<T, Stop> {
    match &fact.answer {
        Answer::Seen(value) => T::deserialize(value).map_err(|error| {
            Stop::Unseen(format!(
                "`{}` was answered in a form that cannot be read: {error}",
                fact.label
            ))
        }),
        Answer::Unseen(why) => Err(Stop::Unseen(why.clone())),
    }
}

/// Plain data with string keys: serialising it cannot fail.
fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
