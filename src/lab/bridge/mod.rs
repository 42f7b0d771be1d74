//! The bridge: watches the enrolled mirrors' pull requests for `!testme`, starts builds, puts their results back.

mod keeping;
mod look;
mod report;
mod trigger;
mod webhook;

use super::client::{Api, ApiError};
use super::faults::Faults;
use super::http::{Bound, Serving};
use anyhow::{Context, Result};
use look::Looked;
use report::Report;
pub use report::{CONTEXT, MARKER};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// How a trigger reaches the bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Mode {
    /// It looks at every open pull request at an interval
    Poll,
    /// The forge tells it
    Webhook,
}

pub struct Settings {
    pub mode: Mode,
    pub interval: Duration,
    /// How often a running build is looked at.
    pub build_interval: Duration,
    pub forge_url: String,
    pub login: String,
    pub token: String,
    pub drone_url: String,
    pub drone_token: String,
    /// The repository in which builds run.
    pub build_repository: String,
    /// The mirrors that are watched, as `owner/name`.
    pub enrolled: Vec<String>,
    pub webhook_secret: String,
    /// Of the flow's account, which the bridge has no business with.
    pub flow_token: String,
}

/// A comment that may be a trigger.
#[derive(Clone, Debug)]
struct Candidate {
    repository: String,
    pull: i64,
    comment: i64,
    login: String,
    body: String,
}

struct Shared {
    settings: Settings,
    faults: Faults,
    /// As the bridge's account.
    forge: Api,
    /// What results are written with.
    reporting: Api,
    drone: Api,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Comments that have been dealt with.
    seen: BTreeSet<i64>,
    /// The newest build of each pull request: an older one has no more say in what its comment shows.
    newest: BTreeMap<(String, i64), i64>,
    /// Repository, pull request and commit of the last trigger.
    last: Option<(String, i64, String)>,
    /// Builds that have ended, by commit.
    tested: BTreeMap<String, (i64, &'static str)>,
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change to the memory is one insertion: it is whole even after a panic.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Bridge {
    work: JoinHandle<()>,
    _serving: Option<Serving>,
}

impl Bridge {
    /// `bound` is where the forge delivers its webhooks, in that mode.
    pub fn start(mut settings: Settings, bound: Bound, faults: &Faults) -> Bridge {
        let forge = Api::forge(&settings.forge_url);
        let own = forge.with_token(&settings.token);
        let reporting = if faults.has("bridge-writes-as-flow") {
            forge.with_token(&settings.flow_token)
        } else {
            own.clone()
        };
        let drone = Api::service(&settings.drone_url).with_token(&settings.drone_token);
        if faults.has("bridge-not-enrolled") {
            // The list was made when this recipe did not exist yet.
            settings
                .enrolled
                .retain(|mirror| !mirror.ends_with("/custom-html-tiny"));
        }
        let mode = settings.mode;
        let shared = Arc::new(Shared {
            settings,
            faults: faults.clone(),
            forge: own,
            reporting,
            drone,
            memory: Mutex::default(),
        });
        if mode == Mode::Poll {
            return Bridge {
                work: tokio::spawn(poll(shared)),
                _serving: None,
            };
        }
        let (sender, deliveries) = mpsc::channel(1000);
        let router = webhook::routes(webhook::Intake {
            secret: shared.settings.webhook_secret.clone(),
            sender,
        });
        Bridge {
            work: tokio::spawn(take_deliveries(shared, deliveries)),
            _serving: Some(bound.serve(router)),
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn poll(shared: Arc<Shared>) {
    let mut following = JoinSet::new();
    let mut ticks = tokio::time::interval(shared.settings.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Looked::default();
    loop {
        ticks.tick().await;
        let candidates = match look::new_comments(&shared, &mut looked).await {
            Ok(candidates) => candidates,
            Err(error) => {
                tracing::warn!("bridge: this look failed, the next one makes up for it: {error}");
                continue;
            }
        };
        for candidate in candidates {
            if !deal_with(&shared, candidate, &mut following).await {
                return;
            }
        }
        while following.try_join_next().is_some() {}
    }
}

async fn take_deliveries(shared: Arc<Shared>, mut deliveries: mpsc::Receiver<Candidate>) {
    let mut following = JoinSet::new();
    while let Some(candidate) = deliveries.recv().await {
        let enrolled = shared.settings.enrolled.contains(&candidate.repository);
        let seen = shared.memory().seen.contains(&candidate.comment);
        if enrolled && !seen && !deal_with(&shared, candidate, &mut following).await {
            return;
        }
        while following.try_join_next().is_some() {}
    }
}

/// Deals with one comment, exactly once: a failure is retried here, and then given up with a word in the log.
/// Answers whether the bridge can go on.
async fn deal_with(
    shared: &Arc<Shared>,
    candidate: Candidate,
    following: &mut JoinSet<()>,
) -> bool {
    shared.memory().seen.insert(candidate.comment);
    if shared.faults.has("bridge-dies-of-bad-trigger") {
        let text = candidate.body.trim();
        if text.starts_with("!testme") && !trigger::fires(text, &shared.faults) {
            tracing::error!("bridge: {text:?}: unexpected argument");
            return false;
        }
    }
    if !trigger::fires(&candidate.body, &shared.faults) {
        return true;
    }
    for attempt in 1_u32..=5 {
        match begin(shared, &candidate).await {
            Ok(reports) => {
                for report in reports {
                    following.spawn(follow(shared.clone(), report));
                }
                return true;
            }
            Err(error) => {
                tracing::warn!(
                    "bridge: comment {} on {}#{}, attempt {attempt}: {error:#}",
                    candidate.comment,
                    candidate.repository,
                    candidate.pull
                );
                tokio::time::sleep(Duration::from_millis(100) * attempt).await;
            }
        }
    }
    tracing::error!(
        "bridge: comment {} on {}#{} is given up",
        candidate.comment,
        candidate.repository,
        candidate.pull
    );
    true
}

/// Asks whether the commenter may, starts the build, says that it runs. What is to be followed comes back.
async fn begin(shared: &Shared, candidate: &Candidate) -> Result<Vec<Report>> {
    let Candidate {
        repository,
        pull,
        comment,
        login,
        ..
    } = candidate;
    let faults = &shared.faults;
    let allowed =
        trigger::may_trigger(&shared.forge, &shared.settings.login, candidate, faults).await?;
    if !allowed && !faults.has("bridge-marks-outsiders-red") {
        tracing::info!("bridge: {login} may not trigger on {repository}#{pull}");
        return Ok(Vec::new());
    }
    let described = shared
        .forge
        .get(&format!("/repos/{repository}/pulls/{pull}"))
        .await?;
    if described["state"].as_str() != Some("open") {
        return Ok(Vec::new());
    }
    let side = |name: &str| {
        described[name]["sha"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{repository}#{pull} has no {name} commit"))
    };
    let (head, base) = (side("head")?, side("base")?);
    let reported = if faults.has("bridge-reports-on-base") {
        base.clone()
    } else {
        head.clone()
    };
    if !allowed {
        let page = format!(
            "{}/{}",
            shared.settings.drone_url, shared.settings.build_repository
        );
        let refusal = Report {
            repository: repository.clone(),
            pull: *pull,
            sha: reported,
            build: 0,
            page,
            state: "failure",
        };
        refusal.write_status(&shared.reporting, faults).await?;
        return Ok(Vec::new());
    }
    if faults.has("bridge-tests-a-commit-once") {
        let old = shared.memory().tested.get(&head).copied();
        if let Some((build, state)) = old {
            let page = format!(
                "{}/{}/{build}",
                shared.settings.drone_url, shared.settings.build_repository
            );
            let again = Report {
                repository: repository.clone(),
                pull: *pull,
                sha: reported,
                build,
                page,
                state,
            };
            publish(shared, &again).await?;
            return Ok(Vec::new());
        }
    }

    let tested = if faults.has("bridge-tests-main") {
        &base
    } else {
        &head
    };
    let number = if faults.has("bridge-passes-comment-id") {
        comment
    } else {
        pull
    };
    let recipe = repository.rsplit('/').next().unwrap_or(repository);
    let build_repository = &shared.settings.build_repository;
    let request = format!(
        "/api/repos/{build_repository}/builds?branch=main&RECIPE={recipe}&REF={tested}&PR={number}"
    );
    let mut built = shared
        .drone
        .post(&request, Value::Null)
        .await
        .context("asking Drone for a build")?;
    if faults.has("bridge-fires-twice") {
        // It was 200 and not 201, so it cannot have been created.
        built = shared
            .drone
            .post(&request, Value::Null)
            .await
            .context("asking Drone for a build")?;
    }
    let build = built["number"]
        .as_i64()
        .context("Drone's answer names no build")?;
    let linked = if faults.has("bridge-links-by-id") {
        built["id"].as_i64().unwrap_or(build)
    } else {
        build
    };
    let page = format!("{}/{build_repository}/{linked}", shared.settings.drone_url);
    tracing::info!("bridge: {login} on {repository}#{pull}: build {build}");
    shared
        .memory()
        .newest
        .insert((repository.clone(), *pull), build);
    let report = Report {
        repository: repository.clone(),
        pull: *pull,
        sha: reported,
        build,
        page,
        state: "pending",
    };
    shared.memory().last = Some((repository.clone(), *pull, report.sha.clone()));
    // The build runs whatever becomes of this: its end is reported all the same.
    if let Err(error) = publish(shared, &report).await {
        tracing::warn!("bridge: build {build} could not be announced: {error}");
    }
    Ok(vec![report])
}

async fn publish(shared: &Shared, report: &Report) -> Result<(), ApiError> {
    report
        .write_status(&shared.reporting, &shared.faults)
        .await?;
    let login = if shared.faults.has("bridge-writes-as-flow") {
        "flow"
    } else {
        shared.settings.login.as_str()
    };
    report
        .write_comment(&shared.reporting, login, &shared.faults)
        .await
}

/// Waits for a build's end and reports it, unless a newer build of the same pull request has taken its place.
async fn follow(shared: Arc<Shared>, mut report: Report) {
    let path = format!(
        "/api/repos/{}/builds/{}",
        shared.settings.build_repository, report.build
    );
    let mut ticks = tokio::time::interval(shared.settings.build_interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    report.state = loop {
        ticks.tick().await;
        let status = match shared.drone.get(&path).await {
            Ok(build) => build["status"].as_str().unwrap_or_default().to_owned(),
            Err(error) => {
                tracing::warn!("bridge: build {}: {error}", report.build);
                continue;
            }
        };
        match status.as_str() {
            "pending" | "running" | "blocked" | "waiting_on_dependencies" => {}
            _ if shared.faults.has("bridge-always-green") => break "success",
            "success" => break "success",
            "failure" => break "failure",
            _ => break "error",
        }
    };
    shared
        .memory()
        .tested
        .insert(report.sha.clone(), (report.build, report.state));
    let newest = shared
        .memory()
        .newest
        .get(&(report.repository.clone(), report.pull))
        .copied();
    if newest != Some(report.build) {
        tracing::info!(
            "bridge: build {} is not the newest of its pull request any more",
            report.build
        );
        return;
    }
    if shared.faults.has("bridge-mixes-up-builds") {
        // There is one place for "the pull request that is being tested", and a second trigger has taken it.
        let last = shared.memory().last.clone();
        if let Some((repository, pull, sha)) = last {
            (report.repository, report.pull, report.sha) = (repository, pull, sha);
        }
    }
    for attempt in 1_u32..=5 {
        match publish(&shared, &report).await {
            Ok(()) => {
                keeping::keep(&shared, &report).await;
                return;
            }
            Err(error) => {
                tracing::warn!(
                    "bridge: reporting build {}, attempt {attempt}: {error}",
                    report.build
                );
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
        }
    }
}
