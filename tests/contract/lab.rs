//! The lab, started as a person starts it.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A lab without the bot, in a folder of its own; ends with the test.
pub struct Lab {
    process: std::process::Child,
    accounts: serde_json::Value,
    _dir: tempfile::TempDir,
}

impl Lab {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("lab");
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_gavel"))
            .args(["lab", "serve", "--no-bot", "--out"])
            .arg(&out)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let accounts = out.join("accounts.json");
        let started = Instant::now();
        loop {
            let read = std::fs::read(&accounts).ok();
            if let Some(accounts) = read.and_then(|text| serde_json::from_slice(&text).ok()) {
                return Self {
                    process,
                    accounts,
                    _dir: dir,
                };
            }
            if let Some(status) = process.try_wait().unwrap() {
                panic!("`gavel lab serve` ended ({status}) before it wrote accounts.json");
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "`gavel lab serve` wrote no accounts.json"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Lab {
    /// A text of accounts.json, by its JSON pointer.
    pub fn account(&self, pointer: &str) -> String {
        let found = self
            .accounts
            .pointer(pointer)
            .and_then(|value| value.as_str());
        found
            .unwrap_or_else(|| panic!("no {pointer} in accounts.json"))
            .to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let asked = Instant::now();
        while let Ok(None) = self.process.try_wait() {
            if asked.elapsed() > Duration::from_secs(15) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
