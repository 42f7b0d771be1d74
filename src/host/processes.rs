//! The process table of this machine.

use super::{HostError, owned};
use procfs::process::{Process as Entry, all_processes};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One process as it was at that moment. Its environment is not looked at: secrets are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    /// As in `ps`: `R` runs, `S` and `D` wait, `T` is stopped, `Z` has ended and nobody asked how.
    pub state: char,
    /// What it used of a processor so far, in ticks, its children that have ended included.
    pub ticks: u64,
    /// When it began, in ticks since the machine's start: with the pid, this is who it is.
    pub started: u64,
    pub args: Vec<String>,
}

impl Process {
    /// Who it is, for as long as the machine runs.
    pub fn identity(&self) -> (i32, u64) {
        (self.pid, self.started)
    }

    /// Whether both are the same process, at different moments.
    pub fn is(&self, other: &Process) -> bool {
        self.identity() == other.identity()
    }

    /// Its arguments as one line.
    pub fn line(&self) -> String {
        shell_words::join(&self.args)
    }
}

/// Every process that can be seen.
pub fn all() -> Result<Vec<Process>, HostError> {
    let entries = all_processes().map_err(|error| HostError::Unreadable {
        asked: "reading /proc".into(),
        why: error.to_string(),
    })?;
    // Who has ended since the folder was listed is no error.
    Ok(entries.flatten().filter_map(|entry| see(&entry)).collect())
}

/// Which boot of the machine this is: who a process is, is known until the next one.
pub fn boot() -> Result<String, HostError> {
    const FILE: &str = "/proc/sys/kernel/random/boot_id";
    let id = std::fs::read_to_string(FILE).map_err(|error| HostError::Unreadable {
        asked: format!("reading {FILE}"),
        why: error.to_string(),
    })?;
    Ok(id.trim().to_owned())
}

/// Those of the known processes that still run; who has ended and was not asked about yet is none.
pub fn alive(known: &[(i32, u64)]) -> Result<Vec<Process>, HostError> {
    let mut now = all()?;
    now.retain(|process| process.state != 'Z' && known.contains(&process.identity()));
    Ok(now)
}

/// Which entries of a folder some process works in, or names among its arguments; and one such process of each, as a line.
pub fn users(folder: &Path) -> Result<BTreeMap<String, String>, HostError> {
    let mut users = BTreeMap::new();
    for process in all()?.into_iter().filter(|process| process.state != 'Z') {
        for entry in process.entries(folder) {
            users.entry(entry).or_insert_with(|| process.line());
        }
    }
    Ok(users)
}

/// The argument that makes an agent one that can be viewed from elsewhere.
pub const REMOTE_CONTROL: &str = "--remote-control";

impl Process {
    /// Whether it is an agent that can be viewed from elsewhere.
    pub fn can_be_viewed(&self) -> bool {
        let mut words = self.args.iter();
        words.any(|word| word.split('=').next() == Some(REMOTE_CONTROL))
    }

    /// The entries of a folder that it uses: it works there, or names it among its arguments.
    pub fn entries(&self, folder: &Path) -> BTreeSet<String> {
        let works_in = Entry::new(self.pid).and_then(|entry| entry.cwd());
        let named = self.args.iter().map(PathBuf::from);
        let used = works_in.into_iter().chain(named);
        let below = used.filter_map(|path| {
            let below = path.strip_prefix(folder).ok()?;
            let first = below.components().next()?;
            Some(first.as_os_str().to_string_lossy().into_owned())
        });
        below.collect()
    }
}

/// Sends a signal to exactly this process. That it has ended is no error.
pub fn send(signal: Signal, (pid, started): (i32, u64)) -> Result<(), HostError> {
    let entry = Entry::new(pid).ok().and_then(|entry| see(&entry));
    let is_it = entry.is_some_and(|entry| entry.started == started);
    let Some(pid) = Pid::from_raw(pid).filter(|_| is_it) else {
        return Ok(());
    };
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(HostError::Failed {
            asked: format!(
                "signal {} to process {}",
                signal.as_raw(),
                pid.as_raw_nonzero()
            ),
            how: error.to_string(),
            words: "Gavel and the flow need to run as the same user".into(),
        }),
    }
}

/// A process, first, and all that it has started and still stand under it; empty where there is none of that number.
pub fn tree(root: i32) -> Result<Vec<Process>, HostError> {
    let mut others = all()?;
    let mut tree: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    if let Some(at) = others.iter().position(|process| process.pid == root) {
        tree.push(others.swap_remove(at));
    }
    while let Some(parent) = parents.pop() {
        let (mut children, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|process| process.parent == parent && !tree.is_empty());
        children.sort_by_key(|process| process.pid);
        parents.extend(children.iter().map(|process| process.pid));
        tree.extend(children);
        others = rest;
    }
    Ok(tree)
}

/// The processes that work in a folder: their working directory is there, or below. `None` where it cannot be told, since the folder belongs
/// to an account whose processes do not show it.
pub fn inside(folder: &Path) -> Result<Option<Vec<i32>>, HostError> {
    let unreadable = |asked: String| {
        move |error: std::io::Error| HostError::Unreadable {
            asked,
            why: error.to_string(),
        }
    };
    let asked = || format!("looking at {}", folder.display());
    let folder_now = folder.canonicalize().map_err(unreadable(asked()))?;
    let owner = folder_now.metadata().map_err(unreadable(asked()))?.uid();
    let entries = all_processes().map_err(|error| HostError::Unreadable {
        asked: "reading /proc".into(),
        why: error.to_string(),
    })?;
    let mut found = Vec::new();
    // It has a working directory a little longer than its memory, with which it loses its environment.
    let has_ended = |entry: &Entry| entry.cmdline().map_or(true, |words| words.is_empty());
    for entry in entries.flatten() {
        match entry.cwd() {
            // What Gavel itself looks at the folder with is nobody's work there. One that has ended meanwhile shows no more whose it was.
            Ok(place)
                if place.starts_with(&folder_now)
                    && !owned::is_own(entry.pid)
                    && !has_ended(&entry) =>
            {
                found.push(entry.pid);
            }
            // The machine's first process is nobody's work.
            Err(procfs::ProcError::PermissionDenied(_))
                if entry.pid != 1 && entry.uid().is_ok_and(|uid| uid == owner) =>
            {
                return Ok(None);
            }
            _ => {}
        }
    }
    found.sort_unstable();
    Ok(Some(found))
}

fn see(entry: &Entry) -> Option<Process> {
    let stat = entry.stat().ok()?;
    let ended = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
    Some(Process {
        pid: stat.pid,
        parent: stat.ppid,
        group: stat.pgrp,
        state: stat.state,
        ticks: stat.utime + stat.stime + ended,
        started: stat.starttime,
        // Of one that has ended there are none any more.
        args: entry.cmdline().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn a_tree_with_states() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & echo $!; kill -STOP $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (root, leaf) = (
            i32::try_from(child.id()).unwrap(),
            line.trim().parse::<i32>().unwrap(),
        );
        let stopped = loop {
            let tree = tree(root).unwrap();
            assert_eq!(tree[0].pid, root);
            if let Some(leaf) = tree.iter().find(|process| process.pid == leaf)
                && leaf.state == 'T'
            {
                break leaf.clone();
            }
            std::thread::yield_now();
        };
        assert_eq!(stopped.parent, root);
        assert!(stopped.is(&stopped.clone()));
        let leaf = rustix::process::Pid::from_raw(leaf).unwrap();
        rustix::process::kill_process(leaf, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        assert_eq!(tree(root).unwrap(), []);
    }

    #[test]
    fn who_works_in_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        assert_eq!(inside(folder.path()).unwrap(), Some(Vec::new()));
        let mut child = Command::new("cat")
            .current_dir(&below)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut own = Command::new("cat")
            .current_dir(&below)
            .env(owned::OWNER, owned::owner())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert_eq!(inside(folder.path()).unwrap(), Some(vec![pid]));
        drop(own.stdin.take());
        own.wait().unwrap();
        let entries = tree(pid).unwrap()[0].entries(folder.path());
        assert_eq!(entries, ["below".to_owned()].into());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(inside(folder.path()).unwrap(), Some(Vec::new()));
        assert!(inside(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn what_gavel_looks_with_is_nobodys_work_while_it_ends_either() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..100 {
            // It goes there by itself, as git does: before that it is not known whose it is.
            let mut own = Command::new("sh")
                .args(["-c", "cd \"$0\""])
                .arg(folder.path())
                .env(owned::OWNER, owned::owner())
                .spawn()
                .unwrap();
            assert_eq!(inside(folder.path()).unwrap(), Some(Vec::new()));
            own.wait().unwrap();
        }
    }

    #[test]
    fn this_process_is_among_all() {
        let here = i32::try_from(std::process::id()).unwrap();
        assert!(all().unwrap().iter().any(|process| process.pid == here));
    }
}
