//! What `gavel.toml` says, read and checked as a whole: every error names its key, its line and the mend.
//! `deploy/gavel.example.toml` shows every key.

mod between;
mod command;
mod flow;
mod host;
mod names;
mod reader;
mod sandbox;
pub mod secrets;
mod sections;
mod values;

pub use command::Command;
pub use flow::{Flow, Launcher, Orchestrator};
pub use host::{Host, Registry, Verified};
pub use names::{Account, Recipe, Repository, Team};
pub use reader::Problem;
pub use sandbox::Sandbox;

use crate::secret::Secret;
use secrecy::SecretString;
use secrets::{SecretError, Secrets};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub forge: Forge,
    pub tracking: Tracking,
    pub commanders: Commanders,
    pub drone: Drone,
    pub gate: Gate,
    pub suite: Suite,
    pub flow: Flow,
    pub registry: Option<Registry>,
    pub host: Option<Host>,
    pub sandbox: Sandbox,
    pub verified: Option<Verified>,
    pub findings: Option<Findings>,
    pub versions: Versions,
    pub patience: Patience,
    /// Those of all sections.
    pub secrets: Secrets,
}

/// Gavel's own server.
#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Where people and the forge reach it; links to evidence lead here.
    pub public_url: Url,
    pub data: PathBuf,
    /// How long the facts of a run that has ended stay in the database; after that they stand in its bundle alone.
    pub keep: Duration,
}

/// What an installation keeps in its folder.
impl Server {
    pub fn database(&self) -> PathBuf {
        self.data.join("gavel.sqlite")
    }

    /// What signs the bundles.
    pub fn signing_key(&self) -> PathBuf {
        self.data.join("signing.pem")
    }

    /// The evidence bundles, as they were sealed.
    pub fn bundles(&self) -> PathBuf {
        self.data.join("bundles")
    }

    /// What is made only where there is a database.
    pub fn made_after_the_database(&self) -> [PathBuf; 2] {
        [self.signing_key(), self.bundles()]
    }

    /// The evidence bundle of a run.
    pub fn bundle(&self, run: u64) -> PathBuf {
        self.bundles().join(format!("run-{run}.tar.gz"))
    }
}

#[derive(Debug, Clone)]
pub struct Forge {
    pub url: Url,
    /// Gavel's own.
    pub account: Account,
    pub token: Secret,
    pub webhook_secret: Secret,
}

/// The issue on which commands are typed and verdicts posted.
#[derive(Debug, Clone)]
pub struct Tracking {
    pub repository: Repository,
    pub issue: u64,
}

/// Who may type commands.
#[derive(Debug, Clone)]
pub struct Commanders {
    pub accounts: Vec<Account>,
    pub teams: Vec<Team>,
    /// Also everybody who can write to the tracking repository.
    pub write_access: bool,
    /// Those who accept and dispute what was judged.
    pub adversaries: Vec<Account>,
}

#[derive(Debug, Clone)]
pub struct Drone {
    pub url: Url,
    /// In which builds run.
    pub repository: Repository,
    pub branch: String,
    pub token: Secret,
}

/// The bridge: what turns the trigger into a build.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Who writes statuses and result comments.
    pub account: Account,
    /// Where the mirrors are.
    pub organisation: Account,
    pub trigger: String,
    /// Other comments that fire; none may do so for the outsider.
    pub more_triggers: Vec<String>,
    /// Between two polls of the bridge.
    pub interval: Duration,
    /// How many of its intervals it must stay quiet before silence counts.
    pub quiet_intervals: u32,
    pub status_context: String,
    pub comment_marker: String,
    /// What the visible text of a result comment says when the build was green.
    pub comment_success: Option<regex::Regex>,
    /// What it says when the build was red.
    pub comment_failure: Option<regex::Regex>,
    pub bad_triggers: Vec<String>,
    pub outsider: Outsider,
}

/// An account with no access to anything.
#[derive(Debug, Clone)]
pub struct Outsider {
    pub account: Account,
    pub token: Secret,
}

/// What a build must run.
#[derive(Debug, Clone)]
pub struct Suite {
    pub stages: Vec<String>,
    results_url: String,
    /// What the log of a build that took the real path holds.
    pub log_pattern: Option<regex::Regex>,
}

/// Where findings are filed.
#[derive(Debug, Clone)]
pub struct Findings {
    /// In which issues are opened.
    pub repository: Repository,
}

/// Files whose digests belong to what was verified.
#[derive(Debug, Clone)]
pub struct Versions {
    pub bridge: Vec<PathBuf>,
    pub helper: Vec<PathBuf>,
    pub skills: Vec<PathBuf>,
}

/// How long Gavel waits for what.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Until an effect that should follow counts as absent.
    pub reaction: Duration,
    /// Until a build that started must have ended.
    pub build: Duration,
    /// How long forge or Drone may be unreachable.
    pub outage: Duration,
    /// Between two looks while waiting, when no event comes.
    pub poll: Duration,
    /// For one request.
    pub request: Duration,
    /// From a run's start until it is ended, wherever it is, and what it opened is closed.
    pub run: Duration,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "cannot read the configuration {path}: {cause}. Name the right file, or copy gavel.example.toml to it."
    )]
    Unreadable {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("{}", list(path, problems))]
    Wrong {
        path: PathBuf,
        problems: Vec<Problem>,
    },
}

impl Config {
    /// Whether verification itself needs a branch of this name, so that it is nothing that a run made, wherever it stands.
    pub fn needs_branch(&self, branch: &str) -> bool {
        let (gate, stale) = (&self.sandbox.gate, &self.sandbox.stale);
        let broken = stale.as_ref().map(|stale| &stale.broken);
        let named = [&gate.known_green, &gate.known_red, &self.drone.branch];
        named.into_iter().chain(broken).any(|named| named == branch)
    }

    /// The mirror of a recipe.
    pub fn mirror(&self, recipe: &Recipe) -> Option<Repository> {
        Repository::new(self.gate.organisation.as_str(), recipe.as_str()).ok()
    }

    /// What a recipe's mirror mirrors; none where `sandbox.upstream` is not configured.
    pub fn upstream(&self, recipe: &Recipe) -> Option<Repository> {
        Repository::new(self.sandbox.upstream.as_ref()?.as_str(), recipe.as_str()).ok()
    }

    /// Every repository whose webhook leads here: that of the tracking issue, the harness's, the mirrors of the sandbox; each once.
    pub fn delivering(&self) -> Vec<Repository> {
        let mirrors = self.sandbox.all_recipes();
        let mirrors = mirrors.into_iter().filter_map(|recipe| self.mirror(recipe));
        let named = [&self.tracking.repository, &self.drone.repository];
        let mut each: Vec<Repository> = Vec::new();
        for repository in named.into_iter().cloned().chain(mirrors) {
            if !each.contains(&repository) {
                each.push(repository);
            }
        }
        each
    }

    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let whole = std::path::absolute(path).map_err(unreadable)?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        Config::parse(&text, folder, &secrets::read).map_err(|problems| ConfigError::Wrong {
            path: path.to_owned(),
            problems,
        })
    }

    /// Reads `text` as the file of that name in `folder`; `secret` gives what stands in a secret's file.
    pub fn parse(
        text: &str,
        folder: &Path,
        secret: &dyn Fn(&Path) -> Result<SecretString, SecretError>,
    ) -> Result<Config, Vec<Problem>> {
        sections::read(text, folder, secret)
    }

    /// No single wait of a run may take longer: for a command of the flow, a build, an effect or its absence, and for servers that are down.
    pub fn longest_wait(&self) -> Duration {
        let patience = &self.patience;
        let commands = self.flow.commands().map(|command| command.time_limit);
        let waits = [patience.reaction, patience.build, self.gate.quiet_window()];
        commands.chain(waits).max().unwrap_or_default() + patience.outage
    }
}

impl Gate {
    /// How long nothing may happen before it counts as "nothing happens".
    pub fn quiet_window(&self) -> Duration {
        self.interval * self.quiet_intervals
    }
}

impl Suite {
    /// Where the results of a build are found.
    pub fn results_url(&self, build: u64) -> String {
        self.results_url.replace("{build}", &build.to_string())
    }
}

/// Every problem on a line of its own.
fn list(path: &Path, problems: &[Problem]) -> impl fmt::Display {
    let mut text = format!("the configuration {} cannot be used:", path.display());
    for problem in problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}

#[cfg(test)]
mod tests;
