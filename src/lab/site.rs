//! The web server that a deploy is: serves a folder on loopback until it is ended, or has run longer than any build may.

use super::abra::Deploy;
use super::http::Bound;
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clap::Args;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A deploy whose lab was killed before it could tear down ends by itself.
const LONGEST: Duration = Duration::from_secs(30 * 60);

#[derive(Args)]
pub struct Site {
    #[arg(long)]
    stack: String,
    #[arg(long)]
    root: PathBuf,
    /// Written when the server listens; tells its address and process
    #[arg(long)]
    record: PathBuf,
    /// What it calls itself in the header `Server`
    #[arg(long)]
    server: Option<String>,
}

#[derive(Clone)]
struct Served {
    root: PathBuf,
    server: Option<HeaderValue>,
}

impl Site {
    pub async fn run(self) -> Result<()> {
        let mut ended =
            signal(SignalKind::terminate()).context("listening for the signal to end")?;
        let bound = Bound::new().await?;
        let url = bound.url();
        let port = url
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .context("reading the port back from the address")?;
        let server = self.server.as_deref().map(HeaderValue::from_str);
        let served = Served {
            root: self.root.clone(),
            server: server
                .transpose()
                .context("the server's name cannot stand in a header")?,
        };
        let router = Router::new().fallback(serve).with_state(served);
        let _serving = bound.serve(router);
        let pid = std::process::id().cast_signed();
        let deploy = serde_json::to_string(&Deploy {
            stack: self.stack,
            pid,
            port,
            url,
        })
        .context("describing the deploy")?;
        let fresh = self.record.with_extension("new");
        std::fs::write(&fresh, deploy).with_context(|| format!("writing {}", fresh.display()))?;
        std::fs::rename(&fresh, &self.record)
            .with_context(|| format!("writing {}", self.record.display()))?;
        let _ = tokio::time::timeout(LONGEST, ended.recv()).await;
        Ok(())
    }
}

async fn serve(State(served): State<Served>, request: Request) -> Response {
    let mut response = answer(&served.root, request.uri().path()).await;
    if let Some(server) = served.server {
        response.headers_mut().insert(header::SERVER, server);
    }
    response
}

async fn answer(root: &Path, path: &str) -> Response {
    let asked = Path::new(path.trim_start_matches('/'));
    if asked
        .components()
        .any(|part| !matches!(part, Component::Normal(_)))
    {
        return (StatusCode::BAD_REQUEST, "no such path").into_response();
    }
    let mut path = root.join(asked);
    if path.is_dir() {
        path.push("index.html");
    }
    match tokio::fs::read(&path).await {
        Ok(content) => {
            let html = path.extension().is_some_and(|ending| ending == "html");
            let kind = if html {
                "text/html; charset=utf-8"
            } else {
                "application/octet-stream"
            };
            ([(header::CONTENT_TYPE, kind)], content).into_response()
        }
        Err(_) => (StatusCode::NOT_FOUND, "not found").into_response(),
    }
}
