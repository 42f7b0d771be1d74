//! Deliveries and visits over real HTTP, to a real server with a real database; the forge is not there.

mod deliveries;
mod fuzz;
mod visits;

use super::*;
use crate::config::Config;
use crate::store::{NewCommand, Store};
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const SECRET: &str = "s3cret";
const TRACKING: &str = "maintainers/verification";
const MIRROR: &str = "recipe-maintainers/custom-html-tiny";

/// A server that is up, and a second handle on its database.
struct Gavel {
    folder: TempDir,
    url: String,
    engine: Arc<Engine>,
    store: Store,
    client: Client,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Gavel {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = configuration(folder.path());
        config.server.data = folder.path().into();
        let database = folder.path().join("gavel.sqlite");
        let shutdown = CancellationToken::new();
        let own = Store::open(&database).await.unwrap();
        let engine = Engine::new(config, own, shutdown.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self {
            store: Store::open(&database).await.unwrap(),
            server: tokio::spawn(serve(listener, engine.clone(), shutdown.clone())),
            engine,
            client: Client::new(),
            folder,
            url,
            shutdown,
        }
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.client
            .post(format!("{}/hooks/gitea", self.url))
            .body(body.into())
    }

    /// Delivers as the forge does; answers the status.
    async fn deliver(&self, event: &str, body: &Value) -> StatusCode {
        let body = body.to_string();
        let delivery = self
            .post(body.clone())
            .header("content-type", "application/json")
            .header("x-gitea-event", event)
            .header("x-gitea-signature", sign(body.as_bytes()));
        delivery.send().await.unwrap().status()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// How often deliveries had this outcome.
    async fn counted(&self, outcome: &str) -> u64 {
        let (_, metrics) = self.get("/metrics").await;
        let name = format!("gavel_deliveries_total{{outcome=\"{outcome}\"}} ");
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(&name))
            .map_or(0, |count| count.parse().unwrap())
    }

    async fn commands(&self) -> Vec<NewCommand> {
        let stored = self.store.waiting_commands(100).await.unwrap();
        stored.into_iter().map(|stored| stored.command).collect()
    }

    /// The lines of all commands on record.
    async fn lines(&self) -> Vec<String> {
        let commands = self.commands().await;
        commands.into_iter().map(|command| command.line).collect()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }
}

/// The example configuration, with secrets beside it and a forge that nobody listens for.
fn configuration(folder: &Path) -> Config {
    let example = include_str!("../../deploy/gavel.example.toml");
    for name in ["forge", "drone", "outsider", "flow"] {
        secret(&folder.join(format!("{name}.token")), "t0ken-of-a-test");
    }
    secret(&folder.join("webhook.secret"), SECRET);
    let path = folder.join("gavel.toml");
    let text = example
        .replace("/etc/gavel/", "")
        .replace("https://git.example.org", "http://127.0.0.1:1");
    std::fs::write(&path, text).unwrap();
    Config::load(&path).unwrap()
}

fn secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// What the forge says when somebody has written a comment.
fn said(id: u64, account: &str, body: &str) -> Value {
    json!({
        "action": "created",
        "issue": { "id": 9, "number": 1 },
        "comment": { "id": id, "body": body, "user": { "id": 3, "login": account } },
        "repository": { "id": 5, "full_name": TRACKING },
        "sender": { "login": account },
        "is_pull": false,
    })
}
