//! A process of a test: in a group of its own, and gone with the test.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Far more than an end takes.
const LONG: Duration = Duration::from_secs(30);

pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) {
        self.end();
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Ends it and its group as a crash or a power cut does.
    pub fn kill(mut self) {
        kill_process_group(self.pid(), Signal::KILL).unwrap();
        self.0.wait().unwrap();
    }

    fn end(&mut self) {
        if self.0.try_wait().unwrap().is_some() {
            return;
        }
        // It may end between the question above and this.
        let _ = kill_process(self.pid(), Signal::TERM);
        let asked = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if asked.elapsed() > LONG {
                let _ = kill_process_group(self.pid(), Signal::KILL);
                self.0.wait().unwrap();
                assert!(
                    std::thread::panicking(),
                    "it did not end when it was asked to"
                );
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The command lines of all processes that run a program below this path.
pub fn running(program: &Path) -> Vec<String> {
    let program = program.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        // Those that end meanwhile have nothing to read.
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(program) {
            found.push(line);
        }
    }
    found
}
