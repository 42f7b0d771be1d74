//! Commands of the flow that Gavel was running when it was ended: they are made to outlive it, but not the lab.

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between asking and killing.
const GRACE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What runs in the name of one lab. Dropped, all of it is ended.
pub struct Left {
    root: PathBuf,
}

impl Left {
    pub fn of(root: &Path) -> Left {
        Left {
            root: root.to_owned(),
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let began = Instant::now();
        send(&runners(&self.root), Signal::TERM);
        while began.elapsed() < GRACE && !runners(&self.root).is_empty() {
            std::thread::sleep(LOOK_EVERY);
        }
        // Also programs of a Gavel that was killed with its lab, when somebody interrupted that.
        end(&self.root);
    }
}

/// Stops all that Gavel started in this folder, where it stands.
pub fn freeze(root: &Path) {
    for pids in [runners(root), marked(root), programs(root)] {
        send(&pids, Signal::STOP);
    }
}

/// Ends all that Gavel started in this folder, at once.
pub fn end(root: &Path) {
    for pids in [runners(root), marked(root), programs(root)] {
        send(&pids, Signal::KILL);
    }
}

/// The `gavel exec` of spools in this folder.
pub fn runners(root: &Path) -> Vec<i32> {
    let is_one = |process: &Process| {
        let line = process.cmdline().unwrap_or_default();
        line.get(1).is_some_and(|word| word == "exec")
            && line
                .get(2)
                .is_some_and(|path| Path::new(path).starts_with(root))
    };
    pids(is_one)
}

/// The programs of a Gavel of this lab. They end with it, or are left.
pub fn programs(root: &Path) -> Vec<i32> {
    let is_one = |process: &Process| {
        let environment = process.environ().unwrap_or_default();
        let of = |name: &str| environment.get(std::ffi::OsStr::new(name));
        of("GAVEL_OWNER").is_some()
            && of("HOME").is_some_and(|home| Path::new(home).starts_with(root))
    };
    pids(is_one)
}

/// What they started, and what that started.
fn marked(root: &Path) -> Vec<i32> {
    let is_one = |process: &Process| {
        let environment = process.environ().unwrap_or_default();
        let spool = environment.get(std::ffi::OsStr::new("GAVEL_SPOOL"));
        spool.is_some_and(|spool| Path::new(spool).starts_with(root))
    };
    pids(is_one)
}

fn pids(is_one: impl Fn(&Process) -> bool) -> Vec<i32> {
    let processes = all_processes().into_iter().flatten().flatten();
    processes
        .filter(is_one)
        .map(|process| process.pid)
        .collect()
}

fn send(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // Ended meanwhile is as good.
        let _ = kill_process(pid, signal);
    }
}
