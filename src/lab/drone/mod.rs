//! Drone in process: the API that is used, a queue with one runner, pages that a person can read.
//!
//! Shapes and answers follow Drone 2.0.4 (`core.Build`, `core.Stage`, `core.Step`, `core.Line`, `handler/api/repos/builds`).

mod api;
mod model;
mod pages;
mod runner;

use super::client::Api;
use super::faults::Faults;
use super::http::{Bound, Serving};
use axum::Router;
use axum::routing::get;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use model::Build;

/// A build that is ended has this long to tear down.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// What a build needs to know about the lab.
pub struct Settings {
    /// The repository in which builds run, as `owner/name`, and its clone address without the forge's own part.
    pub repository: String,
    pub forge_url: String,
    /// Where builds check out; each has a folder of its own in it, removed when it ends.
    pub work: PathBuf,
    /// The environment of every build, and nothing else.
    pub environment: BTreeMap<String, String>,
    pub token: String,
    /// After this long a build is killed.
    pub limit: Duration,
}

/// Everything the API, the pages and the runner share.
struct Shared {
    settings: Settings,
    url: String,
    forge: Api,
    faults: Faults,
    builds: Mutex<Vec<Build>>,
    /// The number of the newest build, whether it is still there or not.
    counter: AtomicI64,
    /// Rung when a build is queued, cancelled or finished.
    changed: Notify,
    /// Set when the server is to end.
    stopping: CancellationToken,
}

impl Shared {
    fn builds(&self) -> MutexGuard<'_, Vec<Build>> {
        // A panic while the list was held can only have come from a bug in a handler; the list itself is still whole.
        self.builds
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes one build, if it exists.
    fn change<T>(&self, number: i64, change: impl FnOnce(&mut Build) -> T) -> Option<T> {
        let mut builds = self.builds();
        let build = builds.iter_mut().find(|build| build.number == number)?;
        let result = change(build);
        build.version += 1;
        build.updated = model::now();
        Some(result)
    }
}

pub struct Drone {
    shared: Arc<Shared>,
    _serving: Serving,
    runner: JoinHandle<()>,
}

impl Drone {
    pub fn start(bound: Bound, settings: Settings, faults: &Faults) -> Drone {
        let shared = Arc::new(Shared {
            url: bound.url(),
            forge: Api::forge(&settings.forge_url),
            settings,
            faults: faults.clone(),
            builds: Mutex::default(),
            counter: AtomicI64::default(),
            changed: Notify::new(),
            stopping: CancellationToken::new(),
        });
        let runner = tokio::spawn(runner::run(shared.clone()));
        let router = Router::new()
            .merge(api::routes(shared.clone()))
            .merge(pages::routes())
            .route("/healthz", get(|| async { "OK" }))
            .with_state(shared.clone());
        Drone {
            shared,
            _serving: bound.serve(router),
            runner,
        }
    }

    /// Ends the running build, which may tear down first, and the server.
    pub async fn stop(mut self) {
        self.shared.stopping.cancel();
        if tokio::time::timeout(STOPS_WITHIN, &mut self.runner)
            .await
            .is_err()
        {
            self.runner.abort();
        }
    }
}

impl Drop for Drone {
    fn drop(&mut self) {
        self.runner.abort();
    }
}
