//! The box: Gavel's own folder and database, the programs and files that the configuration names, tmux, swarm, crontab, clones.

use super::{Because, Look};
use crate::config::{Command, Config};
use crate::host::cron::{self, Schedule};
use crate::host::git::Git;
use crate::host::swarm::Swarm;
use crate::host::tmux::Tmux;
use crate::host::{HostError, Tool};
use crate::plan::bench::tool;
use crate::store::{self, Examined};
use rustix::fs::{Access, access, statvfs};
use std::io;
use std::path::{Path, PathBuf};

/// What was seen of the box.
#[derive(Debug, Clone)]
pub struct Machine {
    pub data: Look<Folder>,
    /// None where there is none yet.
    pub database: Look<Option<Examined>>,
    /// Bytes that are free for Gavel's user where the data folder is.
    pub free: Look<u64>,
    /// Each program that the configuration names, by the key that does.
    pub programs: Vec<(&'static str, Look<PathBuf>)>,
    /// Each file and folder that is to be read, by the key that names it.
    pub files: Vec<(&'static str, Look<()>)>,
    /// These three are none where `host` is not configured: how many sessions and stacks there are, and the crontab's lines.
    pub tmux: Option<Look<usize>>,
    pub swarm: Option<Look<usize>>,
    pub crontab: Option<Look<Vec<String>>>,
    /// The loops' clones, by their path: at what each stands.
    pub clones: Vec<(String, Look<String>)>,
    /// What the line of the crontab calls; none where it is not configured.
    pub schedule: Option<Look<Vec<String>>>,
}

/// Gavel's data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    Writable,
    /// It is to be made in this one at the first start.
    ToBeMade(PathBuf),
}

pub async fn look(config: &Config) -> Machine {
    let host = config.host.as_ref();
    let (mut tmux, mut swarm, mut crontab) = (None, None, None);
    if let Some(host) = host {
        let sessions = Tmux::new(tool(&host.tmux)).sessions().await;
        tmux = Some(of(words(&host.tmux, &["list-panes"]), sessions).map(|found| found.len()));
        let stacks = Swarm::new(tool(&host.docker)).stacks().await;
        swarm = Some(of(words(&host.docker, &["stack", "ls"]), stacks).map(|found| found.len()));
        let lines = cron::crontab(&tool(&host.crontab)).await;
        crontab = Some(of(words(&host.crontab, &[]), lines).map(|crontab| crontab.lines));
    }
    let mut clones = Vec::new();
    for path in host.iter().flat_map(|host| &host.clones) {
        let looked = Git::default().fingerprint(path).await;
        let asked = format!("git, in {}", path.display());
        let look = of(asked, looked).map(|seen| seen.head);
        clones.push((path.display().to_string(), look));
    }
    let schedule = config.flow.schedule.as_ref().map(|schedule| {
        let asked = "`flow.schedule.line`";
        match Schedule::parse(&schedule.line) {
            Ok(parsed) => Look::this(asked, parsed.command),
            Err(error) => Look::nothing(asked, Because::Other, error.to_string()),
        }
    });
    let database = config.server.database();
    let left = config.server.made_after_the_database();
    let examined = match store::is_not_lost(&database, &left) {
        Ok(()) => store::examine(&database).await,
        Err(lost) => Err(lost),
    };
    let asked = format!("{}, by reads alone", database.display());
    Machine {
        data: folder(&config.server.data),
        database: match examined {
            Ok(examined) => Look::this(asked, examined),
            Err(error) => Look::nothing(asked, Because::Other, error.to_string()),
        },
        free: free(&config.server.data),
        programs: commands(config)
            .into_iter()
            .map(|(key, command)| (key, program(&command.program)))
            .collect(),
        files: files(config),
        tmux,
        swarm,
        crontab,
        clones,
        schedule,
    }
}

fn words(command: &Command, more: &[&str]) -> String {
    Tool::new(command.line(&[])).asked(more)
}

fn of<T>(asked: String, result: Result<T, HostError>) -> Look<T> {
    match result {
        Ok(value) => Look::this(asked, value),
        Err(error) => {
            let because = match error {
                HostError::CouldNotStart { .. } => Because::Gone,
                HostError::TimedOut { .. } => Because::Down,
                HostError::Failed { .. } | HostError::Unreadable { .. } => Because::Other,
            };
            Look::nothing(asked, because, error.to_string())
        }
    }
}

fn failed<T>(asked: String, error: &io::Error) -> Look<T> {
    let because = match error.kind() {
        io::ErrorKind::NotFound => Because::Gone,
        io::ErrorKind::PermissionDenied => Because::Right,
        _ => Because::Other,
    };
    Look::nothing(asked, because, error.to_string())
}

/// The folder itself, or the nearest one above it.
fn nearest(path: &Path) -> &Path {
    let mut above = path.ancestors();
    above.find(|path| path.exists()).unwrap_or(Path::new("/"))
}

fn folder(path: &Path) -> Look<Folder> {
    let asked = format!("the folder {}", path.display());
    let there = nearest(path);
    if !there.is_dir() {
        let why = format!("{} is no folder", there.display());
        return Look::nothing(asked, Because::Other, why);
    }
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if there == path => Look::this(asked, Folder::Writable),
        Ok(()) => Look::this(asked, Folder::ToBeMade(there.to_owned())),
        Err(error) => {
            let why = format!("{} may not be written: {error}", there.display());
            Look::nothing(asked, Because::Right, why)
        }
    }
}

fn free(path: &Path) -> Look<u64> {
    let there = nearest(path);
    let asked = format!("the disk of {}", there.display());
    match statvfs(there) {
        Ok(disk) => Look::this(asked, disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => failed(asked, &error.into()),
    }
}

fn commands(config: &Config) -> Vec<(&'static str, &Command)> {
    let flow = &config.flow;
    let verified = config.verified.as_ref();
    [
        ("flow.helper", Some(&flow.helper.command)),
        (
            "flow.recipe_upgrade",
            flow.recipe_upgrade.as_ref().map(|of| &of.command),
        ),
        (
            "flow.verify_pr",
            flow.verify_pr.as_ref().map(|of| &of.command),
        ),
        (
            "flow.upgrade_all",
            flow.upgrade_all.as_ref().map(|of| &of.command),
        ),
        (
            "flow.launcher",
            flow.launcher.as_ref().map(|of| &of.command),
        ),
        (
            "flow.orchestrator",
            flow.orchestrator.as_ref().map(|of| &of.command),
        ),
        (
            "verified.command",
            verified.and_then(|of| of.command.as_ref()),
        ),
    ]
    .into_iter()
    .filter_map(|(key, command)| Some((key, command?)))
    .collect()
}

/// Where a program is: its own path, or the first in PATH of that name, as whoever starts it looks for it.
fn program(named: &Path) -> Look<PathBuf> {
    let asked = format!("the program {}", named.display());
    let is_program = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if named.components().count() > 1 {
        return match named.metadata() {
            Ok(_) if is_program(named) => Look::this(asked, named.to_owned()),
            Ok(_) => Look::nothing(asked, Because::Right, "it may not be executed"),
            Err(error) => failed(asked, &error),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(named));
    match found.find(|path| is_program(path)) {
        Some(path) => Look::this(asked, path),
        None => Look::nothing(asked, Because::Gone, "it is nowhere in PATH"),
    }
}

fn files(config: &Config) -> Vec<(&'static str, Look<()>)> {
    let skills = config.flow.skills.iter().flat_map(|skills| {
        [
            ("flow.skills.recipe_upgrade", &skills.recipe_upgrade),
            ("flow.skills.upgrade_all", &skills.upgrade_all),
            ("flow.skills.ci_test_review", &skills.ci_test_review),
        ]
    });
    let versions = &config.versions;
    let bridge = versions.bridge.iter().map(|path| ("versions.bridge", path));
    let helper = versions.helper.iter().map(|path| ("versions.helper", path));
    let texts = versions.skills.iter().map(|path| ("versions.skills", path));
    let scratch = config.host.iter().flat_map(|host| &host.scratch);
    let scratch = scratch.map(|path| ("host.scratch", path));
    let all = skills.chain(bridge).chain(helper).chain(texts);
    all.map(|(key, path)| (key, readable(path)))
        .chain(scratch.map(|(key, path)| (key, listed(path))))
        .collect()
}

fn readable(path: &Path) -> Look<()> {
    let asked = format!("the file {}", path.display());
    match path.metadata() {
        Ok(file) if !file.is_file() => Look::nothing(asked, Because::Other, "it is no file"),
        Ok(file) if file.len() == 0 => Look::nothing(asked, Because::Other, "it is empty"),
        Ok(_) => match std::fs::File::open(path) {
            Ok(_) => Look::this(asked, ()),
            Err(error) => failed(asked, &error),
        },
        Err(error) => failed(asked, &error),
    }
}

fn listed(path: &Path) -> Look<()> {
    let asked = format!("the folder {}", path.display());
    match std::fs::read_dir(path) {
        Ok(_) => Look::this(asked, ()),
        Err(error) => failed(asked, &error),
    }
}
