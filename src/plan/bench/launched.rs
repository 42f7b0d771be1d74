//! The session that a run launches, as it is on record: what tells it from others' of the same name, before and after it is there.

use super::inventory::tool;
use super::{Bench, Making, Stop, World, read, to_value};
use crate::config::Command;
use crate::flow::Ran;
use crate::host::processes::{self, Process};
use crate::host::tmux::{Session, Tmux};
use anyhow::{Context, bail};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// A session's id and when it was created: given once in the life of a machine.
pub type SessionId = (String, i64);

/// Between asking processes to end and killing them, and for those that were killed to be gone.
const GRACE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// What is known of a session that a run launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    /// The boot of the machine: after another one nothing of it is left.
    pub boot: String,
    /// When the launcher was called last, and how long that could take, in seconds.
    pub at: Timestamp,
    pub limit: i64,
    /// Whether it is not known yet what came of that call.
    pub open: bool,
    /// What was there just before it.
    pub before: Vec<SessionId>,
    /// What was seen to be of it: sessions, whatever their names are by now, and processes.
    pub sessions: Vec<SessionId>,
    pub processes: Vec<(i32, u64)>,
    /// Whether that call should have stopped it.
    pub stopped: bool,
    /// What cleanup found of it.
    #[serde(default)]
    pub left: Vec<String>,
    /// What was in the scratch folders before the first call; none where that could not be seen.
    #[serde(default)]
    pub known: Option<BTreeSet<PathBuf>>,
    /// What its work used in the scratch folders when a call ended it before its own end: nobody else tidies up there.
    #[serde(default)]
    pub interrupted: BTreeSet<PathBuf>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// There was nothing any more.
    Gone,
    /// By its own launcher.
    Stopped,
    /// The launcher left something of it.
    Forced,
}

/// In a word, as it is on record.
pub const FORCED: &str = "ended by force";

pub fn id(session: &Session) -> SessionId {
    (session.id.clone(), session.created)
}

impl Launched {
    fn new(boot: String, known: Option<BTreeSet<PathBuf>>) -> Self {
        Self {
            boot,
            at: Timestamp::UNIX_EPOCH,
            limit: 0,
            open: false,
            before: Vec::new(),
            sessions: Vec::new(),
            processes: Vec::new(),
            stopped: false,
            left: Vec::new(),
            known,
            interrupted: BTreeSet::new(),
        }
    }

    /// What the work of its sessions uses in the scratch folders and was not there before, each with its session; nothing where it is not
    /// known what was there.
    fn uses(
        &self,
        name: &str,
        all: &[Session],
        scratch: &[PathBuf],
    ) -> anyhow::Result<Vec<(SessionId, PathBuf)>> {
        let mut used = Vec::new();
        let Some(known) = &self.known else {
            return Ok(used);
        };
        for session in all.iter().filter(|session| self.is(name, session)) {
            // Its own place is its own to tidy up; this is about the work below it.
            let all = processes::tree(session.pane_pid)?;
            let Some(own) = all.iter().find(|it| it.can_be_viewed()).or(all.first()) else {
                continue;
            };
            for process in processes::tree(own.pid)?.iter().skip(1) {
                for folder in scratch {
                    let entries = process.entries(folder).into_iter();
                    used.extend(entries.map(|entry| (id(session), folder.join(entry))));
                }
            }
        }
        used.retain(|(_, path)| !known.contains(path));
        Ok(used)
    }

    /// Whether a session is of it: one that was seen to be, or one of its name that came while the launcher was called.
    pub fn is(&self, name: &str, session: &Session) -> bool {
        let id = id(session);
        let since = self.at.as_second();
        let came_with_the_call = self.open
            && session.name == name
            && !self.before.contains(&id)
            // Both are whole seconds of the same clock.
            && (since..=since + self.limit + 1).contains(&session.created);
        self.sessions.contains(&id) || came_with_the_call
    }

    /// Takes over what is there of it now. Answers its sessions.
    fn adopt(&mut self, name: &str, all: &[Session]) -> anyhow::Result<Vec<Session>> {
        let mut ours = all.to_vec();
        ours.retain(|session| self.is(name, session));
        for session in &ours {
            let id = id(session);
            if !self.sessions.contains(&id) {
                self.sessions.push(id);
            }
            for process in processes::tree(session.pane_pid)? {
                if !self.processes.contains(&process.identity()) {
                    self.processes.push(process.identity());
                }
            }
        }
        Ok(ours)
    }
}

impl Bench {
    /// Calls the launcher. What that launches is on record before it is there, and what may be ended by it, too: it is found again even
    /// where the launcher loses it.
    pub async fn launch(
        &self,
        label: &str,
        session: &str,
        limit: Duration,
        stops: bool,
        call: BoxFuture<'_, Result<Ran, Stop>>,
    ) -> Result<Ran, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let resource = self
            .intend(Making::Session {
                name: session,
                purpose: "the weekly run",
            })
            .await?;
        let boot = processes::boot().map_err(|error| Stop::Unseen(error.to_string()))?;
        let known = self.ledger.known(resource).await.map_err(Stop::Broken)?;
        let known = known.and_then(|known| Launched::deserialize(known).ok());
        let mut launched = known
            .filter(|known| known.boot == boot)
            .unwrap_or_else(|| Launched::new(boot, self.world.in_scratch()));
        let before = self.adopt_sessions(session, &mut launched).await?;
        let uses = launched.uses(session, &before, self.world.scratch());
        let uses = uses.map_err(|error| Stop::Unseen(format!("{error:#}")))?;
        launched.at = Timestamp::now();
        launched.limit = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX / 2);
        launched.open = true;
        launched.before = before.iter().map(id).collect();
        launched.stopped = stops;
        self.ledger
            .note(resource, to_value(&launched))
            .await
            .map_err(Stop::Broken)?;
        let ran = call.await?;
        let after = self.adopt_sessions(session, &mut launched).await?;
        let was_ended = |of: &SessionId| after.iter().all(|session| id(session) != *of);
        let ended = uses.into_iter().filter(|(of, _)| was_ended(of));
        launched.interrupted.extend(ended.map(|(_, path)| path));
        launched.open = false;
        self.ledger
            .note(resource, to_value(&launched))
            .await
            .map_err(Stop::Broken)?;
        Ok(ran)
    }

    async fn adopt_sessions(
        &self,
        name: &str,
        launched: &mut Launched,
    ) -> Result<Vec<Session>, Stop> {
        let unseen = |error: anyhow::Error| Stop::Unseen(format!("{error:#}"));
        let all = self.world.sessions().await.map_err(unseen)?;
        launched.adopt(name, &all).map_err(unseen)?;
        Ok(all)
    }
}

impl World {
    fn tmux(&self) -> anyhow::Result<Tmux> {
        let host = self.config.host.as_ref();
        let host = host.context("`host` in gavel.toml does not say how to ask the box")?;
        Ok(Tmux::new(tool(&host.tmux)))
    }

    async fn sessions(&self) -> anyhow::Result<Vec<Session>> {
        Ok(self.tmux()?.sessions().await?)
    }

    /// The folders in which the flow works.
    fn scratch(&self) -> &[PathBuf] {
        let host = self.config.host.as_ref();
        host.map(|host| &host.scratch[..]).unwrap_or_default()
    }

    /// What is in them; none where one of them cannot be read.
    fn in_scratch(&self) -> Option<BTreeSet<PathBuf>> {
        let mut all = BTreeSet::new();
        for folder in self.scratch() {
            for entry in std::fs::read_dir(folder).ok()? {
                all.insert(entry.ok()?.path());
            }
        }
        Some(all)
    }

    /// Removes what was left by work that a call ended on purpose, once nobody uses it any more.
    pub async fn tidy_up(&self, launched: &Launched) -> anyhow::Result<()> {
        for path in &launched.interrupted {
            let folder = self.scratch().iter().find(|it| path.parent() == Some(it));
            let (Some(folder), Some(entry)) = (folder, path.file_name()) else {
                continue;
            };
            let users = processes::users(folder)?;
            if let Some(user) = users.get(&*entry.to_string_lossy()) {
                bail!("`{}` is in use by `{user}`", path.display());
            }
            let removed = match path.symlink_metadata() {
                Ok(there) if there.is_dir() => tokio::fs::remove_dir_all(path).await,
                Ok(_) => tokio::fs::remove_file(path).await,
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("removing {} failed", path.display()))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks what is left of a session that a run launched, and takes over what comes up. Answers it in words.
    pub async fn look_for_session(
        &self,
        name: &str,
        launched: &mut Launched,
    ) -> anyhow::Result<Vec<String>> {
        if processes::boot()? != launched.boot {
            return Ok(Vec::new());
        }
        let sessions = launched.adopt(name, &self.sessions().await?)?;
        let processes = processes::alive(&launched.processes)?;
        let sessions = sessions
            .iter()
            .map(|session| format!("session {}", session.name));
        let processes = processes
            .iter()
            .map(|process| format!("process {}", process.line()));
        Ok(sessions.chain(processes).collect())
    }

    /// Ends a session that a run launched: by its launcher where it still has its name, and by force what that leaves.
    pub async fn end_session(
        &self,
        name: &str,
        launched: &mut Launched,
    ) -> anyhow::Result<SessionEnd> {
        if self.look_for_session(name, launched).await?.is_empty() {
            return Ok(SessionEnd::Gone);
        }
        let all = self.sessions().await?;
        let has_its_name = |session: &Session| session.name == name && launched.is(name, session);
        if all.iter().any(has_its_name) {
            self.ask_launcher_to_stop().await;
            if self.until_gone(name, launched).await? {
                return Ok(SessionEnd::Stopped);
            }
        }
        for signal in [Signal::TERM, Signal::CONT] {
            send(signal, &processes::alive(&launched.processes)?)?;
        }
        self.until_gone(name, launched).await?;
        let tmux = self.tmux()?;
        for session in launched.adopt(name, &self.sessions().await?)? {
            tmux.kill(&session.id).await?;
        }
        send(Signal::KILL, &processes::alive(&launched.processes)?)?;
        if !self.until_gone(name, launched).await? {
            let left = self.look_for_session(name, launched).await?;
            bail!("{} does not end", left.join(", "));
        }
        Ok(SessionEnd::Forced)
    }

    /// What it says and how it ends is not asked: the look after it tells.
    async fn ask_launcher_to_stop(&self) {
        let Some(launcher) = &self.config.flow.launcher else {
            return;
        };
        let Command {
            program,
            arguments,
            environment,
            secrets,
            time_limit,
        } = &launcher.command;
        let mut command = crate::host::process::Command::new(program)
            .args(arguments)
            .args(["stop"])
            .time_limit(*time_limit);
        for (name, value) in environment {
            command = command.env(name, value);
        }
        for (name, value) in secrets {
            command = command.secret_env(name, &value.now());
        }
        let outcome = crate::host::process::run(command).await;
        tracing::info!(exit = ?outcome.exit, "the launcher was asked to stop the session");
    }

    /// Whether nothing of it is there any more, now or within a moment.
    async fn until_gone(&self, name: &str, launched: &mut Launched) -> anyhow::Result<bool> {
        let began = Instant::now();
        loop {
            if self.look_for_session(name, launched).await?.is_empty() {
                return Ok(true);
            }
            if began.elapsed() >= GRACE {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn send(signal: Signal, processes: &[Process]) -> anyhow::Result<()> {
    for process in processes {
        processes::send(signal, process.identity())?;
    }
    Ok(())
}

/// As it stands on record.
pub fn read_launched(known: Option<&Value>) -> Option<Launched> {
    Launched::deserialize(known?).ok()
}
