//! Child processes with an owner: each leads a process group of its own, and the whole group ends with it.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::{Child, Command};

pub struct Owned {
    child: Child,
    group: Option<Pid>,
    name: String,
}

impl Owned {
    /// Starts `command` as the leader of a new process group. `name` is for messages.
    pub fn start(mut command: Command, name: &str) -> Result<Owned> {
        let child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name} ({:?})", command.as_std().get_program()))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Owned {
            child,
            group,
            name: name.to_owned(),
        })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the leader, then ends whatever it left behind in its group.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .await
            .with_context(|| format!("waiting for {}", self.name))?;
        self.signal(Signal::KILL);
        self.group = None;
        Ok(status)
    }

    /// Asks the group to end, leader and all others, and ends it when `grace` is over.
    pub async fn stop(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        let all_gone = async {
            let _ = self.child.wait().await;
            // Nothing tells when a group of which only grandchildren are left has ended.
            while self
                .group
                .is_some_and(|group| test_kill_process_group(group).is_ok())
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(grace, all_gone).await.is_err() {
            tracing::warn!("{} did not end within {grace:?}: killed", self.name);
        }
        self.signal(Signal::KILL);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        self.group = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that the group is gone already, which is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// This program with other arguments: `abra` and the web server that it deploys are commands of the lab itself.
pub fn this_program(arguments: &[&str]) -> Result<Vec<String>> {
    let program = std::env::current_exe()
        .context("finding this program's own file")?
        .to_string_lossy()
        .into_owned();
    #[cfg(not(test))]
    let mut line = vec![program];
    #[cfg(test)]
    let mut line = super::stand_in::command(program);
    line.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, BufReader};

    async fn parent_with_child() -> (Owned, i32) {
        let mut command = Command::new("bash");
        command
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(std::process::Stdio::piped());
        let mut owned = Owned::start(command, "a parent").unwrap();
        let stdout = owned.child().stdout.take().unwrap();
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await
            .unwrap()
            .unwrap();
        (owned, line.parse().unwrap())
    }

    /// Whether the process has ended (a zombie that nobody has waited for yet counts).
    async fn ends(pid: i32) -> bool {
        for _ in 0..500 {
            match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) if !stat.contains(") Z ") => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                _ => return true,
            }
        }
        false
    }

    #[tokio::test]
    async fn dropping_the_owner_ends_the_grandchildren_too() {
        let (owned, grandchild) = parent_with_child().await;
        drop(owned);
        assert!(ends(grandchild).await);
    }

    #[tokio::test]
    async fn stop_leaves_a_grandchild_the_time_to_tidy_up() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("tidied");
        let inner = format!(
            "trap 'sleep 0.2; touch {}; exit' TERM; echo ready; while :; do sleep 0.05; done",
            mark.display()
        );
        let mut command = Command::new("bash");
        command
            .args(["-c", "bash -c \"$0\"; :", &inner])
            .stdout(std::process::Stdio::piped());
        let mut owned = Owned::start(command, "a parent").unwrap();
        let stdout = owned.child().stdout.take().unwrap();
        BufReader::new(stdout)
            .lines()
            .next_line()
            .await
            .unwrap()
            .unwrap();
        owned.stop(Duration::from_secs(20)).await;
        assert!(mark.exists());
    }

    #[tokio::test]
    async fn stop_ends_the_grandchildren_too() {
        let (mut owned, grandchild) = parent_with_child().await;
        owned.stop(Duration::from_secs(5)).await;
        assert!(ends(grandchild).await);
    }
}
