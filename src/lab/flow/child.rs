//! A program that the flow starts. Who is told to end asks it to end, and waits for it, so that it can tidy up.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

/// Between asking one to end and killing it.
const GRACE: Duration = Duration::from_secs(20);

pub struct Child {
    child: tokio::process::Child,
    shown: String,
}

impl Child {
    /// Its errors go where this program's go.
    pub fn start(command: &mut Command) -> Result<Child> {
        let shown = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        Ok(Child { child, shown })
    }

    /// What it prints, line by line; once.
    pub fn lines(&mut self) -> Result<Lines<BufReader<ChildStdout>>> {
        let stdout = self.child.stdout.take();
        let stdout = stdout.with_context(|| format!("{} is read already", self.shown))?;
        Ok(BufReader::new(stdout).lines())
    }

    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await;
        status.with_context(|| format!("waiting for {}", self.shown))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let is_over = |child: &mut tokio::process::Child| !matches!(child.try_wait(), Ok(None));
        if is_over(&mut self.child) {
            return;
        }
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It may have ended since it was looked at.
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while !is_over(&mut self.child) && began.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.start_kill();
    }
}
