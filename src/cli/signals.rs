//! What signals mean to a Gavel that answers.

use crate::engine::Engine;
use anyhow::Context;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// From its making on none of them ends the process by itself; what comes before they are obeyed is kept.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub fn hear() -> anyhow::Result<Signals> {
        let hear = |kind| signal(kind).context("listening to signals failed");
        Ok(Signals {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
            hangup: hear(SignalKind::hangup())?,
        })
    }

    /// SIGTERM and Ctrl-C end Gavel, and what is under way goes on at the next start; at SIGHUP it reads its secrets again.
    pub fn obey(mut self, engine: Arc<Engine>, shutdown: CancellationToken) {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => break,
                    _ = self.interrupt.recv() => break,
                    _ = self.hangup.recv() => engine.renew_secrets(),
                }
            }
            shutdown.cancel();
        });
    }
}
