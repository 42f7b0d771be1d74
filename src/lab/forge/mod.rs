//! The lab's forge: the part of Gitea's API, of its webhooks and pages that cc-ci and Gavel use, over real git repositories.
//! One process, on loopback; accounts and issues live in memory, repositories on disk.

mod access;
mod accounts;
mod activity;
mod answer;
mod attachments;
mod branches;
mod collaborators;
mod comments;
mod contents;
mod conversation;
mod deliver;
mod edits;
mod git;
mod history;
mod hooks;
mod issues;
mod labels;
mod markdown;
mod mentions;
mod merging;
mod objects;
mod organisations;
mod pages;
mod pulls;
mod pushes;
mod reactions;
mod repos;
mod routes;
mod show;
mod smart;
mod state;
mod statuses;
mod teams;
#[cfg(test)]
mod tests;

use anyhow::Context;
use state::World;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long requests that are being answered are waited for when the forge stops.
const GRACE: Duration = Duration::from_secs(2);

/// A running forge.
pub struct Forge {
    shared: Shared,
    server: JoinHandle<()>,
}

pub(crate) struct Inner {
    world: Mutex<World>,
    url: String,
    dir: PathBuf,
    http: reqwest::Client,
    stop: CancellationToken,
}

pub(crate) type Shared = Arc<Inner>;

impl Inner {
    fn world(&self) -> MutexGuard<'_, World> {
        // A handler that panicked leaves at worst half of its own change.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forge {
    /// Starts on 127.0.0.1:port (0: any free one) with its repositories under `dir`, and one site administrator.
    pub async fn start(
        dir: &Path,
        port: u16,
        admin_login: &str,
        admin_password: &str,
    ) -> anyhow::Result<Forge> {
        let dir = std::path::absolute(dir)
            .with_context(|| format!("finding the forge's folder {}", dir.display()))?;
        for sub in ["repos", "home"] {
            std::fs::create_dir_all(dir.join(sub)).with_context(|| {
                format!("creating {sub} in the forge's folder {}", dir.display())
            })?;
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| {
                format!("listening on 127.0.0.1:{port} for the forge; is the port taken?")
            })?;
        let url = format!(
            "http://{}",
            listener
                .local_addr()
                .context("asking for the forge's own address")?
        );
        let mut world = World::default();
        accounts::first(&mut world, admin_login, admin_password);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let http = http
            .build()
            .context("making the client that delivers webhooks")?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Inner {
            world: Mutex::new(world),
            url,
            dir,
            http,
            stop: stop.clone(),
        });
        let routes = routes::all(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
            {
                tracing::error!("the lab's forge stopped serving: {error}");
            }
        });
        Ok(Forge { shared, server })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// Ends the server. Its children are in groups of their own and end with what started them.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.server.abort();
    }
}
