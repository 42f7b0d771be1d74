//! The one set of tools that a scenario is given. Every act and every observation is a named step: it is journaled before it begins
//! and its result, a fact, ends it, so that a scenario that is run again goes on where it was interrupted.

use super::Item;
use super::expect::Expectations;
use crate::config::{Config, Repository};
use crate::drone::Drone;
use crate::evidence::{Answer, Fact, Question, Sighting, Watch};
use crate::flow::{End, Ran};
use crate::gitea::{Gitea, GiteaError, Membership, NewFile, Outcome};
use crate::host::process;
use crate::redact::Redactor;
use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
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
    /// Marks a step as begun; answers whether it had been begun before.
    async fn begin(&self, label: &str) -> Result<bool, String>;
    /// Ends a step with its fact.
    async fn record(&self, sighting: Sighting) -> Result<Fact, String>;
    /// Puts on record that something is about to be made, under a name by which it can be found again.
    async fn intend(&self, made: Making<'_>) -> Result<u64, String>;
    /// The number of a pull request that was made.
    async fn made(&self, resource: u64, number: u64) -> Result<(), String>;
    /// Says in a pull request what it is for.
    async fn introduce(&self, repository: &str, number: u64, purpose: &str) -> Result<(), String>;
    /// What the attempt is doing now, for the progress comment.
    async fn doing(&self, what: &str);
    fn events(&self) -> broadcast::Receiver<Event>;
    fn cancelled(&self) -> &CancellationToken;
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
}

/// The servers and commands that scenarios act on and look at.
pub struct World {
    pub config: Config,
    pub forge: Gitea,
    pub outsider: Gitea,
    pub drone: Drone,
    /// For `results.json`.
    pub web: reqwest::Client,
    pub redactor: Redactor,
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

/// A request that can be sent several times.
type Asked<'a, T> = BoxFuture<'a, Result<T, GiteaError>>;

/// The tools of one attempt.
pub struct Bench {
    world: Arc<World>,
    ledger: Arc<dyn Ledger>,
    /// Part of every name that the attempt gives: unique, and found again after a crash.
    name: String,
    pub expect: Expectations,
    /// When and how forge and Drone did not answer.
    troubles: Mutex<Vec<String>>,
}

impl Bench {
    pub fn new(world: Arc<World>, ledger: Arc<dyn Ledger>, name: String) -> Self {
        let expect = Expectations::from_config(&world.config);
        Self {
            world,
            ledger,
            name,
            expect,
            troubles: Mutex::default(),
        }
    }

    /// Plays an item's scenario, and looks meanwhile whether forge and Drone answer: what stays away while they do not is nobody's
    /// fault.
    pub async fn play(&self, item: &Item) -> Result<(), Stop> {
        let scenario = async {
            self.prepare().await?;
            (item.scenario)(self).await
        };
        let ended = tokio::select! {
            ended = scenario => ended,
            never = self.look_for_trouble() => match never {},
        };
        match &ended {
            Ok(()) | Err(Stop::Unseen(_)) => {
                self.see::<Value>(CALM, Question::Calm).await?;
            }
            Err(_) => {}
        }
        ended
    }

    async fn look_for_trouble(&self) -> Infallible {
        let world = &self.world;
        let poll = world.config.patience.poll.max(Duration::from_secs(1));
        let mut told = [world.forge.trouble(), world.drone.trouble()];
        let note = |trouble: &mut watch::Receiver<Option<String>>| {
            if let Some(what) = trouble.borrow_and_update().clone() {
                self.note_trouble(what);
            }
        };
        told.iter_mut().for_each(note);
        let [forge, drone] = &mut told;
        let listen = async |trouble: &mut watch::Receiver<Option<String>>| {
            while trouble.changed().await.is_ok() {
                note(trouble);
            }
            std::future::pending::<Infallible>().await
        };
        let ask = async {
            loop {
                // An answer is enough; what it says is known, and failures come by the channels above.
                let (forge, drone) = tokio::join!(world.forge.version(), world.drone.version());
                if let Err(error) = forge {
                    self.note_trouble(error.to_string());
                }
                if let Err(error) = drone {
                    self.note_trouble(error.to_string());
                }
                tokio::time::sleep(poll).await;
            }
        };
        tokio::select! {
            never = listen(forge) => never,
            never = listen(drone) => never,
            never = ask => never,
        }
    }

    fn note_trouble(&self, what: String) {
        let mut troubles = self
            .troubles
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // One outage is told once, however often it is noticed; and no outage fills the memory.
        if troubles.len() < 100 && troubles.last() != Some(&what) {
            troubles.push(what);
        }
    }

    /// Says what the attempt is doing now.
    pub async fn doing(&self, what: &str) {
        self.ledger.doing(what).await;
    }

    /// The first steps of every attempt: what is expected, and against which versions it is verified.
    async fn prepare(&self) -> Result<(), Stop> {
        self.doing("noting the versions").await;
        self.see::<Value>("expectations", Question::Expectations)
            .await?;
        self.see::<Value>("version.forge", Question::ForgeVersion)
            .await?;
        self.see::<Value>("version.drone", Question::DroneVersion)
            .await?;
        let drone = &self.world.config.drone;
        self.see::<Value>(
            "version.harness",
            Question::Branch {
                repository: drone.repository.to_string(),
                branch: drone.branch.clone(),
            },
        )
        .await?;
        let versions = &self.world.config.versions;
        for (part, files) in [
            ("bridge", &versions.bridge),
            ("helper", &versions.helper),
            ("skills", &versions.skills),
        ] {
            self.see::<Value>(
                &format!("version.{part}"),
                Question::Digests {
                    part: part.into(),
                    paths: files
                        .iter()
                        .map(|path| path.display().to_string())
                        .collect(),
                },
            )
            .await?;
        }
        Ok(())
    }

    /// Looks once.
    pub async fn see<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
    ) -> Result<T, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        self.begin(label).await?;
        let (asked, answer) = self.unless_cancelled(self.ask(&question)).await?;
        self.record(label, question, asked, None, answer).await
    }

    /// Looks until there is enough to see, or the patience ends; the last answer is the fact either way.
    pub async fn watch<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
        patience: u64,
        enough: impl Fn(&T) -> bool,
    ) -> Result<T, Stop> {
        self.watch_all([(label, question)], patience, |[value]| {
            T::deserialize(value)
                .is_ok_and(|value| enough(&value))
                .into()
        })
        .await?;
        self.recalled(label).await
    }

    /// Looks at several things until together they show enough, or the patience (in milliseconds) ends.
    ///
    /// Subscribes first, then reads, then sleeps until something happens on the forge or the poll interval ends.
    pub async fn watch_all<const N: usize>(
        &self,
        questions: [(&str, Question); N],
        patience: u64,
        enough: impl Fn([&Value; N]) -> Enough,
    ) -> Result<(), Stop> {
        let mut open = Vec::new();
        for (label, question) in questions {
            if self.recall(label).await?.is_none() {
                self.begin(label).await?;
                open.push((label, question));
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        if open.len() < N {
            return Err(Stop::Lost(
                "the restart came while several things were being recorded together".into(),
            ));
        }
        let mut events = self.ledger.events();
        let (from, began) = (Timestamp::now(), Instant::now());
        let end = Duration::from_millis(patience);
        let mut staying: Option<Instant> = None;
        let seen = loop {
            // Before the look: what happens during it must not count as waited for.
            let waited = began.elapsed();
            let mut answers = Vec::with_capacity(N);
            for (_, question) in &open {
                answers.push(self.unless_cancelled(self.ask(question)).await?);
            }
            let values: Vec<&Value> = answers
                .iter()
                .filter_map(|(_, answer)| match answer {
                    Answer::Seen(value) => Some(value),
                    Answer::Unseen(_) => None,
                })
                .collect();
            let verdict = match <[&Value; N]>::try_from(values) {
                Ok(values) => enough(values),
                // The servers' own patience is over by now: more of it would not help.
                Err(_) => Enough::Yes,
            };
            let settled = match verdict {
                Enough::Yes => true,
                Enough::IfItStays => {
                    staying.get_or_insert_with(Instant::now).elapsed()
                        >= Duration::from_millis(self.expect.quiet)
                }
                Enough::No => {
                    staying = None;
                    false
                }
            };
            if settled || waited >= end {
                break (answers, waited);
            }
            self.pause(&mut events, end.saturating_sub(began.elapsed()))
                .await?;
        };
        let (answers, waited) = seen;
        let watch = Watch {
            from,
            patience,
            waited: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
        };
        let mut why = None;
        for ((label, question), (asked, answer)) in open.into_iter().zip(answers) {
            let recorded = self
                .record::<Value>(label, question, asked, Some(watch), answer)
                .await;
            match recorded {
                Ok(_) => {}
                Err(Stop::Unseen(reason)) => why = Some(reason),
                Err(stop) => return Err(stop),
            }
        }
        why.map_or(Ok(()), |why| Err(Stop::Unseen(why)))
    }

    /// What a step that has ended saw.
    pub async fn recalled<T: DeserializeOwned>(&self, label: &str) -> Result<T, Stop> {
        match self.recall(label).await? {
            Some(fact) => read(&fact),
            None => Err(Stop::Broken(format!("`{label}` has not been observed yet"))),
        }
    }

    /// Does nothing for three of the gate's own intervals, so that what should not happen has time to.
    pub async fn quiet(&self, label: &str) -> Result<(), Stop> {
        if self.recall(label).await?.is_some() {
            return Ok(());
        }
        if self.begin(label).await? {
            return Err(Stop::Lost("the restart fell into a quiet window".into()));
        }
        let began = Instant::now();
        let window = Duration::from_millis(self.expect.quiet);
        let cancelled = self.ledger.cancelled();
        tokio::select! {
            () = tokio::time::sleep(window) => {}
            () = cancelled.cancelled() => return Err(Stop::Cancelled),
        }
        let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let question = Question::Quiet {
            milliseconds: self.expect.quiet,
        };
        let answer = Answer::Seen(json!(passed));
        self.record::<u64>(label, question, "the clock".into(), None, answer)
            .await?;
        Ok(())
    }

    /// Posts a comment on a pull request. Interrupted, it looks whether the comment is there before it posts again.
    pub async fn post(
        &self,
        label: &str,
        who: Who,
        repository: &str,
        number: u64,
        body: &str,
    ) -> Result<(), Stop> {
        let facts = self.facts().await?;
        if facts.iter().any(|fact| fact.label == label) {
            return Ok(());
        }
        let known: Vec<u64> = facts
            .iter()
            .filter(|fact| matches!(fact.question, Question::Post { .. }))
            .filter_map(|fact| match &fact.answer {
                Answer::Seen(value) => value.get("id")?.as_u64(),
                Answer::Unseen(_) => None,
            })
            .collect();
        let (client, account) = match who {
            Who::Gavel => (&self.world.forge, self.expect.gavel.clone()),
            Who::Outsider => (&self.world.outsider, self.expect.outsider.clone()),
        };
        let place = self.repository(repository)?;
        let find = || {
            async {
                let comments = self.world.forge.comments(&place, number, None).await?;
                let found = comments.value.iter().find(|comment| {
                    comment.user.login.eq_ignore_ascii_case(&account)
                        && comment.body == body
                        && !known.contains(&comment.id)
                });
                let Some(found) = found else { return Ok(None) };
                let seen = client.comment(&place, found.id).await?;
                Ok(Some((seen.asked, seen.answer)))
            }
            .boxed()
        };
        let make = || {
            async {
                let made = client.create_comment(&place, number, body).await?;
                // Read back: the answer is then one that can be asked for again.
                let seen = client.comment(&place, made.id).await?;
                Ok((seen.asked, seen.answer))
            }
            .boxed()
        };
        let interrupted = self.begin(label).await?;
        let done = self
            .unless_cancelled(self.exactly_once(interrupted, find, make))
            .await?;
        let question = Question::Post {
            repository: repository.into(),
            number,
            account: account.clone(),
            body: body.into(),
        };
        self.record_done::<Value>(label, question, done).await?;
        Ok(())
    }

    /// Opens a pull request: a branch with one commit of its own on top of `from`, to `base`. Its head is new, so that nothing
    /// that is found about it can be from another run.
    pub async fn open_pull<T: DeserializeOwned>(
        &self,
        label: &str,
        repository: &str,
        from: &str,
        purpose: &str,
    ) -> Result<T, Stop> {
        const BASE: &str = "main";
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let interrupted = self.begin(label).await?;
        let branch = format!("gavel/{}-{}", self.name, label.replace('.', "-"));
        let place = self.repository(repository)?;
        self.intend(Making::Branch {
            repository,
            name: &branch,
            purpose,
        })
        .await?;
        let resource = self
            .intend(Making::Pull {
                repository,
                head: &branch,
                purpose,
            })
            .await?;
        let forge = &self.world.forge;
        let question = Question::OpenPull {
            repository: repository.into(),
            from: from.into(),
            branch: branch.clone(),
            base: BASE.into(),
        };

        let path = format!(".gavel/{}-{}", self.name, label.replace('.', "-"));
        let text =
            format!("Gavel verifies the upgrade flow here: {purpose}. Never to be merged.\n");
        let title = format!("Gavel: {purpose} ({})", self.name);
        let find = || {
            async {
                match forge.branch(&place, &branch).await {
                    Ok(found) => Ok(Some((found.asked, found.answer))),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            }
            .boxed()
        };
        let make = || {
            async {
                let file = NewFile {
                    path: &path,
                    content: text.as_bytes(),
                    message: &title,
                    branch: from,
                    new_branch: &branch,
                };
                let commit = forge.create_file(&place, file).await?;
                Ok((String::new(), Value::String(commit)))
            }
            .boxed()
        };
        let branched = self
            .unless_cancelled(self.exactly_once(interrupted, find, make))
            .await?;
        if let Err(why) = branched {
            return self.record_done(label, question, Err(why)).await;
        }

        let body = format!(
            "Opened to verify the upgrade flow: {purpose}. It is closed when that is done, and never to be merged."
        );
        let find = || {
            async {
                let found = forge.pulls_from(&place, &branch).await?;
                let Some(found) = found.value.first() else {
                    return Ok(None);
                };
                let seen = forge.pull(&place, found.number).await?;
                Ok(Some((seen.asked, seen.answer)))
            }
            .boxed()
        };
        let make = || {
            async {
                let made = forge
                    .create_pull(&place, &branch, BASE, &title, &body)
                    .await?;
                let seen = forge.pull(&place, made.number).await?;
                Ok((seen.asked, seen.answer))
            }
            .boxed()
        };
        let done = self
            .unless_cancelled(self.exactly_once(interrupted, find, make))
            .await?;
        if let Ok((_, answer)) = &done
            && let Some(number) = answer.get("number").and_then(Value::as_u64)
        {
            self.ledger
                .made(resource, number)
                .await
                .map_err(Stop::Broken)?;
            self.ledger
                .introduce(repository, number, purpose)
                .await
                .map_err(Stop::Broken)?;
        }
        self.record_done(label, question, done).await
    }

    /// Runs the helper on a pull request. It cannot be resumed: whether it posted is not known from outside.
    pub async fn helper(
        &self,
        label: &str,
        number: u64,
        post: bool,
        wait: Duration,
    ) -> Result<Ran, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        if self.begin(label).await? {
            return Err(Stop::Lost(
                "the restart came while the helper was running".into(),
            ));
        }
        let helper = &self.world.config.flow.helper;
        let told = [
            ("POST", if post { "1" } else { "0" }.to_owned()),
            ("MAX_WAIT", wait.as_secs().to_string()),
            ("INTERVAL", helper.interval.as_secs_f64().to_string()),
        ];
        let arguments = [
            helper.arguments.clone(),
            vec![self.expect.recipe.clone(), number.to_string()],
        ]
        .concat();
        let mut command = process::Command::new(&helper.program)
            .args(&arguments)
            // What it needs beyond its own waiting: a request or two that hang.
            .time_limit(wait + self.world.config.patience.request * 2)
            .cancelled_by(self.ledger.cancelled().clone());
        for (name, value) in &helper.environment {
            command = command.env(name, value);
        }
        for (name, value) in &helper.secrets {
            command = command.secret_env(name, value);
        }
        for (name, value) in &told {
            command = command.env(*name, value);
        }
        let ran = process::run(command).await;
        let clean = |output: &process::Bounded| {
            if output.truncated {
                self.world.redactor.cut_text(&output.text)
            } else {
                self.world.redactor.text(&output.text).into_owned()
            }
        };
        let ran = Ran {
            end: match ran.exit {
                process::Exit::Exited(code) => End::Exited(code),
                process::Exit::Signalled(signal) => End::Signalled(signal),
                process::Exit::TimedOut => End::TimedOut,
                process::Exit::CouldNotStart(why) => End::NotStarted(why),
                process::Exit::Cancelled => return Err(Stop::Cancelled),
            },
            stdout: clean(&ran.stdout),
            stderr: clean(&ran.stderr),
            stdout_bytes: ran.stdout.bytes_total,
            stderr_bytes: ran.stderr.bytes_total,
            milliseconds: u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX),
        };
        let question = Question::Run {
            command: [vec![helper.program.display().to_string()], arguments].concat(),
            environment: told.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        };
        let answer = Answer::Seen(to_value(&ran));
        self.record(label, question, "this machine".into(), None, answer)
            .await
    }

    /// Does something in the world once, also where an earlier try may have taken effect: then it looks before it repeats.
    async fn exactly_once<'a>(
        &self,
        mut in_doubt: bool,
        find: impl Fn() -> Asked<'a, Option<(String, Value)>>,
        make: impl Fn() -> Asked<'a, (String, Value)>,
    ) -> Result<(String, Value), String> {
        let began = Instant::now();
        let mut wait = Duration::from_millis(200);
        loop {
            let failed = if in_doubt {
                match find().await {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) => None,
                    Err(error) => return Err(error.to_string()),
                }
            } else {
                None
            };
            let error: GiteaError = match failed {
                Some(error) => error,
                None => match make().await {
                    Ok(made) => return Ok(made),
                    Err(error) => error,
                },
            };
            match error.outcome() {
                Outcome::Unknown => in_doubt = true,
                // Refused for good, or it is already there (409, 422): a look tells which.
                Outcome::NotDone if error.is_transient() => {}
                Outcome::NotDone => {
                    return match find().await {
                        Ok(Some(found)) => Ok(found),
                        _ => Err(error.to_string()),
                    };
                }
            }
            if began.elapsed() >= self.world.config.patience.outage {
                return Err(error.to_string());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(30));
        }
    }

    /// Puts a question; the clients' own patience is over when it stays unanswered.
    async fn ask(&self, question: &Question) -> (String, Answer) {
        match self.try_ask(question).await {
            Ok((asked, value)) => (asked, Answer::Seen(value)),
            Err((asked, why)) => (asked, Answer::Unseen(why)),
        }
    }

    async fn try_ask(&self, question: &Question) -> Result<(String, Value), (String, String)> {
        let forge = &self.world.forge;
        let drone = &self.world.drone;
        let on_forge = |error: GiteaError| (error.asked().to_owned(), error.to_string());
        let on_drone = |error: crate::drone::DroneError| (error.url.clone(), error.to_string());
        let place = |repository: &str| {
            repository
                .parse::<Repository>()
                .map_err(|error| (repository.to_owned(), error.to_string()))
        };
        match question {
            Question::Expectations => Ok(("the configuration".into(), to_value(&self.expect))),
            Question::ForgeVersion => {
                let seen = forge.version().await.map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::DroneVersion => {
                let seen = drone.version().await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Digests { paths, .. } => {
                let mut digests = serde_json::Map::new();
                for path in paths {
                    let bytes = tokio::fs::read(path).await.map_err(|error| {
                        (
                            path.clone(),
                            format!(
                                "reading `{path}` failed: {error}. Mend `versions` in gavel.toml"
                            ),
                        )
                    })?;
                    let digest = crate::evidence::Digest::of(bytes);
                    digests.insert(path.clone(), Value::String(digest.to_string()));
                }
                Ok(("this machine".into(), Value::Object(digests)))
            }
            Question::Branch { repository, branch } => {
                match forge.branch(&place(repository)?, branch).await {
                    Ok(seen) => Ok((seen.asked, seen.answer)),
                    Err(error) if error.is_not_found() => {
                        Ok((error.asked().to_owned(), Value::Null))
                    }
                    Err(error) => Err(on_forge(error)),
                }
            }
            Question::Comments { repository, number } => {
                let seen = forge
                    .comments(&place(repository)?, *number, None)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Statuses { repository, commit } => {
                let seen = forge
                    .statuses(&place(repository)?, commit)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Collaborator {
                repository,
                account,
            } => {
                let seen = forge
                    .is_collaborator(&place(repository)?, account)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Member {
                organisation,
                account,
            } => {
                // Put in the account's own name: who is no member is sent to the public list, and told nothing there.
                let asker = if *account == self.expect.outsider {
                    &self.world.outsider
                } else {
                    forge
                };
                let seen = asker
                    .organisation_membership(organisation, account)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, json!(seen.value == Membership::Member)))
            }
            Question::LatestBuild => {
                let seen = drone.latest_number().await.map_err(on_drone)?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Builds { after } => {
                let seen = drone.builds_after(*after).await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Build { number } => {
                let seen = drone.build(*number).await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::BuildLog { number } => {
                let seen = drone.whole_log(*number).await.map_err(on_drone)?;
                Ok((seen.asked, to_value(&seen.value)))
            }
            Question::Calm => {
                let troubles = self
                    .troubles
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .clone();
                Ok(("forge and Drone".into(), json!(troubles)))
            }
            Question::Results { build } => self.results(*build).await,
            Question::Post { .. }
            | Question::OpenPull { .. }
            | Question::Run { .. }
            | Question::Quiet { .. } => Err((
                "nobody".into(),
                "this is an act, and acts are not asked".into(),
            )),
        }
    }

    /// A build's results; `null` where there are none, a text where they are no JSON.
    async fn results(&self, build: u64) -> Result<(String, Value), (String, String)> {
        let url = self.world.config.suite.results_url(build);
        let asked = format!("GET {url}");
        let patience = self.world.config.patience.outage;
        let policy = ExponentialBuilder::default()
            .with_jitter()
            .without_max_times()
            .with_total_delay(Some(patience));
        let value = (|| self.fetch_results(&url))
            .retry(policy)
            .notify(|error, _| self.note_trouble(format!("{asked}: {error}")))
            .await
            .map_err(|error| {
                (
                    asked.clone(),
                    format!("{asked} failed: {error}. Check `suite.results_url`"),
                )
            })?;
        Ok((asked, value))
    }

    async fn fetch_results(&self, url: &str) -> anyhow::Result<Value> {
        const LIMIT: usize = 4 << 20;
        let mut answer = self.world.web.get(url).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(Value::Null);
        }
        anyhow::ensure!(
            answer.status().is_success(),
            "it answered {}",
            answer.status()
        );
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= LIMIT, "it answered more than {LIMIT} bytes");
        }
        Ok(serde_json::from_slice(&body).unwrap_or_else(|_| {
            Value::String(String::from_utf8_lossy(&body).chars().take(2000).collect())
        }))
    }

    async fn pause(
        &self,
        events: &mut broadcast::Receiver<Event>,
        left: Duration,
    ) -> Result<(), Stop> {
        let poll = self.world.config.patience.poll.min(left);
        tokio::select! {
            () = tokio::time::sleep(poll) => Ok(()),
            // Lagged or closed: look again, at the pace of the poll at most.
            event = events.recv() => {
                if event.is_err() {
                    tokio::time::sleep(poll).await;
                }
                Ok(())
            }
            () = self.ledger.cancelled().cancelled() => Err(Stop::Cancelled),
        }
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
        let facts = self.facts().await?;
        Ok(facts.into_iter().find(|fact| fact.label == label))
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

    async fn record_done<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
        done: Result<(String, Value), String>,
    ) -> Result<T, Stop> {
        let (asked, answer) = match done {
            Ok((asked, value)) => (asked, Answer::Seen(value)),
            Err(why) => ("the forge".into(), Answer::Unseen(why)),
        };
        self.record(label, question, asked, None, answer).await
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
