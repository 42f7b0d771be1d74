//! Loopback HTTP servers with an owner: each ends when its handle is dropped.

use anyhow::{Context, Result};
use axum::Router;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A bound port that does not answer yet: its address can be told to others before the server behind it exists.
pub struct Bound {
    listener: TcpListener,
    port: u16,
}

pub struct Serving {
    task: JoinHandle<()>,
}

impl Bound {
    pub async fn new() -> Result<Bound> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("binding a port on loopback")?;
        let port = listener
            .local_addr()
            .context("asking for the bound port")?
            .port();
        Ok(Bound { listener, port })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn serve(self, router: Router) -> Serving {
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(self.listener, router).await {
                tracing::error!("a loopback server ended: {error}");
            }
        });
        Serving { task }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A loopback port for a server that another process will bind. Below the range from which the system picks ports for
/// outgoing connections, so that none of those takes it meanwhile.
pub fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let port = rand::random_range(20_000..32_000);
        if std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free loopback port between 20000 and 32000 in 200 tries")
}
