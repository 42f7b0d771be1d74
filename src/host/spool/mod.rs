//! Commands that may take an hour and must not end with Gavel: each runs under `gavel exec`, a small process in a session of its own,
//! which the restarted Gavel takes up again.
//!
//! A spool is a folder with
//!
//! - `alive`: a FIFO that the small process holds open as long as it lives, so that whoever reads it is told of its end, child or not;
//! - `pid`: its process number, synced before it runs anything; what has none has not begun;
//! - `end.json`: how the command ended, with what it printed, secrets taken out. Written, synced and renamed before the process ends.
//!
//! What is to be run comes by its standard input and is never on disk: there are secrets in it.

mod exec;

pub use exec::exec;

use super::process::{Command, Outcome};
use super::{durable, owned};
use crate::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use process_wrap::tokio::{CommandWrap, ProcessSession};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const ALIVE: &str = "alive";
const PID: &str = "pid";
const END: &str = "end.json";

/// By this variable what a command left is known for its own.
const MARK: &str = "GAVEL_SPOOL";

/// For a small process to begin.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);

/// For a small process that was told to end its command, beyond the command's own grace.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// What the small process is told.
#[derive(Serialize, Deserialize)]
struct Order {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<String, OsString>,
    time_limit: Duration,
    /// Bytes that each of its processes may have.
    memory: u64,
    /// What must not stand in what is kept of the output.
    secrets: Vec<String>,
}

/// All spools of an installation.
pub struct Spools {
    folder: PathBuf,
    /// The program whose `exec` is run: this one.
    program: PathBuf,
    secrets: Vec<Secret>,
    memory: u64,
}

/// One command's.
pub struct Spool<'a> {
    of: &'a Spools,
    folder: PathBuf,
}

/// How waiting for a command ended.
pub enum Waited {
    Ended(Outcome),
    /// It was not waited for any longer. It runs on.
    Cancelled,
    /// The small process was ended from outside, and nobody knows how the command ended. What was left of it is ended.
    Gone,
}

impl Spools {
    /// In a folder that is made when it is needed; `secrets` are taken out of what commands print, and none of their processes has more than
    /// `memory` bytes.
    pub fn new<'a>(
        folder: PathBuf,
        secrets: impl IntoIterator<Item = &'a Secret>,
        memory: u64,
    ) -> Self {
        let secrets = secrets.into_iter();
        Self {
            folder,
            // The file that was started, also where another one has taken its place since.
            program: "/proc/self/exe".into(),
            secrets: secrets.cloned().collect(),
            memory,
        }
    }

    /// The one for a step of an attempt.
    pub fn of(&self, attempt: &str, step: &str) -> Spool<'_> {
        let name = format!("{attempt}.{}", utf8_percent_encode(step, NON_ALPHANUMERIC));
        Spool {
            of: self,
            folder: self.folder.join(name),
        }
    }

    /// Ends every command of the attempts whose names begin so, and forgets them.
    pub async fn clear(&self, attempts: &str) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(attempts) {
                let spool = Spool {
                    of: self,
                    folder: entry.path(),
                };
                spool.end().await?;
                spool.remove()?;
            }
        }
        Ok(())
    }
}

impl Spool<'_> {
    /// Whether the command was begun, whatever became of it.
    pub fn was_begun(&self) -> bool {
        self.folder.join(PID).exists() || self.is_alive()
    }

    /// Starts the command, and waits until its small process is on record. What a start that did not come this far left is removed first.
    pub async fn start(&self, command: &Command) -> io::Result<()> {
        self.remove()?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let alive = self.folder.join(ALIVE);
        mknodat(CWD, &alive, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
        // Both ends in one: opening one alone would wait for the other.
        let held: File = OpenOptions::new().read(true).write(true).open(&alive)?;
        let reader = pipe::OpenOptions::new().open_receiver(&alive)?;
        for path in [&self.folder, &self.of.folder] {
            durable::sync_folder_of(path)?;
        }
        let mut wrap = CommandWrap::with_new(&self.of.program, |inner| {
            inner.arg("exec").arg(&self.folder).env_clear();
            inner
                .stdin(Stdio::piped())
                .stdout(held)
                .stderr(Stdio::inherit());
        });
        wrap.wrap(ProcessSession);
        let mut child = wrap.spawn()?;
        let order = Order {
            program: command.program.clone(),
            arguments: command.arguments.clone(),
            environment: command.environment.clone(),
            time_limit: command.time_limit,
            memory: self.of.memory,
            secrets: self.of.secrets.iter().flat_map(exposed).collect(),
        };
        let mut stdin = child
            .stdin()
            .take()
            .ok_or_else(|| io::Error::other("the small process has no standard input"))?;
        stdin.write_all(&serde_json::to_vec(&order)?).await?;
        stdin.shutdown().await?;
        drop((stdin, wrap));
        // Tokio takes up what is left of a child that nobody waits for.
        match timeout(BEGINS_WITHIN, begun(&reader)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(io::Error::other(
                "its small process ended before it began; the log has its words",
            )),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other(format!(
                "its small process had not begun after {BEGINS_WITHIN:?}"
            ))),
        }
    }

    /// Waits until the command has ended, or until `cancel`.
    pub async fn wait(&self, cancel: &CancellationToken) -> io::Result<Waited> {
        let over = tokio::select! {
            over = self.over() => over,
            () = cancel.cancelled() => return Ok(Waited::Cancelled),
        };
        over?;
        match self.outcome()? {
            Some(outcome) => Ok(Waited::Ended(outcome)),
            None => {
                self.kill_the_rest();
                Ok(Waited::Gone)
            }
        }
    }

    /// Ends the command, if it still runs, with all that it started and that did not leave its session.
    pub async fn end(&self) -> io::Result<()> {
        if let Some(process) = self.process()? {
            // Gone meanwhile is as good.
            let _ = pidfd_send_signal(&process, Signal::TERM);
            if timeout(ENDS_WITHIN, self.over()).await.is_err() {
                tracing::warn!(spool = %self.folder.display(), "a command of the flow did not end when it was told to, and is killed");
                let _ = pidfd_send_signal(&process, Signal::KILL);
                self.over().await?;
            }
        }
        self.kill_the_rest();
        Ok(())
    }

    /// Forgets it.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Until the small process is no more.
    async fn over(&self) -> io::Result<()> {
        let alive = self.folder.join(ALIVE);
        let reader = match pipe::OpenOptions::new().open_receiver(&alive) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            reader => reader?,
        };
        // Of an end before the FIFO was opened nothing is told: that is looked for after it was.
        while self.is_alive() {
            reader.readable().await?;
            match reader.try_read(&mut [0; 16]) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether somebody holds the FIFO open: then there is nothing to read yet, and otherwise never.
    fn is_alive(&self) -> bool {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(self.folder.join(ALIVE));
        opened.is_ok_and(|mut file| !matches!(file.read(&mut [0; 16]), Ok(0)))
    }

    fn pid(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.folder.join(PID)).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    /// A handle on the small process, if it lives: its number is its own for as long as it does.
    fn process(&self) -> io::Result<Option<std::os::fd::OwnedFd>> {
        let Some(pid) = self.pid() else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) if self.is_alive() => Ok(Some(process)),
            Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn outcome(&self) -> io::Result<Option<Outcome>> {
        match std::fs::read(self.folder.join(END)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is still in the small process's session after its end, and bears its mark.
    fn kill_the_rest(&self) {
        if let Some(pid) = self.pid() {
            let folder = self.folder.display().to_string();
            owned::end_session(pid.as_raw_nonzero().get(), MARK, &folder);
        }
    }
}

/// What it says, and what it said before: a command that was begun earlier may have left that somewhere.
fn exposed(secret: &Secret) -> Vec<String> {
    let known = secret.known();
    let known = known.iter().map(|value| value.expose_secret().to_owned());
    known.collect()
}

/// Whether a small process says that it is on record, before it ends.
async fn begun(reader: &pipe::Receiver) -> io::Result<bool> {
    loop {
        reader.readable().await?;
        match reader.try_read(&mut [0; 1]) {
            Ok(read) => return Ok(read > 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
