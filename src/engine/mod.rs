//! What makes commands into runs, and runs into comments. It knows items by their table only, never a clause.

mod anchors;
mod bundles;
pub mod by_hand;
mod catch_up;
mod cleanup;
mod filing;
mod guards;
mod heard;
mod inbox;
mod journal;
mod keeping;
mod limits;
mod marker;
mod obeying;
mod progress;
mod putting_away;
mod renewal;
mod report;
mod reporter;
mod restored;
mod rights;
mod runner;
mod seconds;
mod too_many;
mod turns;
mod verdicts;
mod verified;
pub mod vitals;
mod words;

pub use inbox::{Comment, Inbox};

use crate::bundle::{Evidence, Judge, Key};
use crate::config::{Account, Config};
use crate::drone::Drone;
use crate::evidence::Fact;
use crate::gitea::Gitea;
use crate::host::spool::Spools;
use crate::plan::bench::{Event, World};
use crate::record::{self, RunRecord};
use crate::redact::Redactor;
use crate::registry::Registry;
use crate::store::{Attempt, Store, StoreError};
use heard::Heard;
use limits::Limits;
use reporter::Reporter;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Everything that the parts of the engine share.
pub struct Engine {
    pub config: Config,
    pub store: Store,
    /// What signs this installation's bundles.
    pub key: Key,
    /// This program, as bundles name it.
    pub judge: Judge,
    world: Arc<World>,
    reporter: Reporter,
    events: broadcast::Sender<Event>,
    /// Rung when a command was stored.
    commands: Notify,
    /// Who gave how many of them lately.
    limits: Mutex<Limits>,
    /// Rung when a run was queued or cancelled.
    runs: Notify,
    /// Comments that somebody else than Gavel edited or deleted.
    touched: Touched,
    /// Held by who writes a report.
    telling: tokio::sync::Mutex<()>,
    /// Held by who has comments say what became of words.
    telling_words: tokio::sync::Mutex<()>,
    /// The newest run of which all has been said.
    parted: watch::Sender<u64>,
    shutdown: CancellationToken,
    /// When the webhooks were last heard.
    pub heard: Heard,
    /// What the vital signs are told from.
    memory: vitals::Memory,
    /// What which run is doing now.
    doing: Mutex<(u64, Option<String>)>,
}

/// As many wait at most: who knows the webhook's secret can tell of any number.
const MOST_TOUCHED: usize = 10_000;

/// Comments that are to be looked at.
#[derive(Default)]
struct Touched {
    comments: Mutex<BTreeSet<u64>>,
    bell: Notify,
}

impl Touched {
    fn take(&self) -> BTreeSet<u64> {
        let mut comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *comments)
    }
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("making the clients failed: {0}")]
    Client(String),
    #[error("{0:#}")]
    Seal(anyhow::Error),
}

impl Engine {
    pub fn new(
        config: Config,
        store: Store,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, EngineError> {
        let key = Key::open(&config.server.signing_key()).map_err(EngineError::Seal)?;
        let judge = Judge::this().map_err(EngineError::Seal)?;
        let client = |error: &dyn std::fmt::Display| EngineError::Client(error.to_string());
        let patience = &config.patience;
        let limits = crate::gitea::Limits {
            request: patience.request,
            outage: patience.outage,
        };
        let forge = Gitea::new(&config.forge.url, Some(&config.forge.token), limits)
            .map_err(|error| client(&error))?;
        let outsider = Gitea::new(&config.forge.url, Some(&config.gate.outsider.token), limits)
            .map_err(|error| client(&error))?;
        let drone = Drone::new(
            &config.drone.url,
            &config.drone.repository.to_string(),
            Some(config.drone.token.clone()),
            crate::drone::Limits {
                request: patience.request,
                outage: patience.outage,
            },
        )
        .map_err(|error| client(&error))?;
        let web = reqwest::Client::builder()
            .timeout(patience.request)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| client(&error))?;
        let registry = config
            .registry
            .as_ref()
            .map(|registry| Registry::new(&registry.url, patience.request));
        let world = World {
            registry,
            redactor: Redactor::new(&config.secrets.known()),
            spools: Spools::new(
                config.server.data.join("spool"),
                config.secrets.all(),
                config.flow.memory,
            ),
            config: config.clone(),
            forge,
            outsider,
            drone,
            web,
        };
        let reporter = Reporter::new(
            store.clone(),
            world.forge.clone(),
            config.forge.account.clone(),
        );
        Ok(Arc::new(Self {
            heard: Heard::new(&config),
            config,
            store,
            key,
            judge,
            world: Arc::new(world),
            reporter,
            events: broadcast::channel(256).0,
            commands: Notify::new(),
            limits: Mutex::default(),
            runs: Notify::new(),
            touched: Touched::default(),
            telling: tokio::sync::Mutex::default(),
            telling_words: tokio::sync::Mutex::default(),
            parted: watch::Sender::new(0),
            shutdown,
            memory: vitals::Memory::default(),
            doing: Mutex::default(),
        }))
    }

    /// Works until the shutdown: deals with commands, drives the active run, writes comments, reads what webhooks missed.
    ///
    /// # Errors
    /// Where a part of it ended otherwise. Then it ends, for whoever started Gavel to start it anew.
    pub async fn work(self: &Arc<Self>) -> anyhow::Result<()> {
        let mut worked = Ok(());
        let mut parts = JoinSet::new();
        parts.spawn(self.reporter.clone().work(self.shutdown.clone()));
        parts.spawn(turns::work(self.clone()));
        parts.spawn(catch_up::work(self.clone()));
        parts.spawn(cleanup::work(self.clone()));
        parts.spawn(keeping::work(self.clone()));
        parts.spawn(putting_away::work(self.clone()));
        parts.spawn(runner::work(self.clone()));
        parts.spawn(progress::show_trouble(self.clone()));
        while let Some(ended) = parts.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the engine ended unexpectedly; Gavel stops, to be started anew");
                self.shutdown.cancel();
                worked = Err(anyhow::anyhow!(
                    "a part of the engine ended unexpectedly: {error}"
                ));
            }
        }
        worked
    }

    /// Waits until it is told to end.
    pub async fn until_shutdown(&self) {
        self.shutdown.cancelled().await;
    }

    /// Waits before another try; answers whether there is to be one.
    async fn rest(&self) -> bool {
        const PAUSE: Duration = Duration::from_secs(5);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => true,
            () = self.shutdown.cancelled() => false,
        }
    }

    /// Everything about one run.
    pub async fn record(&self, run: u64) -> anyhow::Result<RunRecord> {
        record::run(&self.store, &self.config, run).await
    }

    /// The newest runs as a list shows them, without their facts; at most `most`.
    pub async fn outlines(&self, most: u32) -> anyhow::Result<Vec<RunRecord>> {
        let mut outlines = Vec::new();
        for run in self.store.latest_runs(most).await? {
            outlines.push(record::outline(&self.store, &self.config, run.id).await?);
        }
        Ok(outlines)
    }

    /// Every fact of an attempt, in the order of the chain.
    pub async fn facts(&self, attempt: &Attempt) -> anyhow::Result<Vec<Fact>> {
        record::facts_of(&self.store, &self.config, attempt).await
    }

    /// `evidence.json` of a run.
    pub async fn evidence(&self, record: &RunRecord) -> anyhow::Result<Evidence> {
        record::evidence(&self.store, &self.config, record, &self.judge).await
    }

    /// The evidence bundle of a run, sealed.
    pub async fn bundle(&self, record: &RunRecord) -> anyhow::Result<Vec<u8>> {
        bundles::of(self, record).await
    }

    /// What happens on the forge from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Something happened on the forge: whoever waits looks again.
    pub fn wake(&self, event: Event) {
        // Nobody is waiting: nothing to wake.
        let _ = self.events.send(event);
    }

    /// Somebody else than Gavel edited or deleted a comment: it may be one of Gavel's, or hold what somebody said of what was judged.
    pub fn touch(&self, comment: u64) {
        let comments = &self.touched.comments;
        let mut comments = comments.lock().unwrap_or_else(PoisonError::into_inner);
        if comments.len() < MOST_TOUCHED {
            comments.insert(comment);
        }
        self.touched.bell.notify_one();
    }

    fn troubles(&self) -> [watch::Receiver<Option<String>>; 3] {
        let world = &self.world;
        [
            world.forge.trouble(),
            world.outsider.trouble(),
            world.drone.trouble(),
        ]
    }

    /// What is being waited for, where a server does not answer.
    fn trouble(&self) -> Vec<String> {
        self.troubles()
            .iter()
            .filter_map(|trouble| trouble.borrow().clone())
            .collect()
    }

    /// Remembers what a run is doing, for its progress comment.
    fn now_doing(&self, run: u64, what: Option<String>) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = (run, what);
    }

    fn doing_in(&self, run: u64) -> Option<String> {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        let (doing_run, what) = &*doing;
        what.clone().filter(|_| *doing_run == run)
    }

    /// Who gave how many commands lately.
    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accounts that never command: Gavel itself, the flow, the gate.
    fn is_ours(&self, account: &str) -> bool {
        let config = &self.config;
        let ours: [&Account; 3] = [
            &config.forge.account,
            &config.flow.account,
            &config.gate.account,
        ];
        ours.iter().any(|ours| ours.is(account))
    }
}
