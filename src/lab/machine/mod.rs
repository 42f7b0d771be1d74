//! The machine that everything runs on: its tmux server, its swarm, its crontab, the loops' clones, and what others do there.

pub mod docker;
pub mod events;
#[cfg(test)]
mod tests;

use super::folder::Folder;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands in `bin/` besides what deploys and tests.
const PROGRAMS: [(&str, &str); 5] = [
    (
        "launch-upgrader.sh",
        include_str!("../files/bin/launch-upgrader.sh"),
    ),
    (
        "upgrader-agent",
        include_str!("../files/bin/upgrader-agent"),
    ),
    ("launch.sh", include_str!("../files/bin/launch.sh")),
    ("crontab", include_str!("../files/bin/crontab")),
    ("on-verified", include_str!("../files/bin/on-verified")),
];

/// Sessions of others: one is named like the upgrader's, and a bit longer.
const OTHERS: [&str; 2] = ["cc-ci-upgrader-notes", "builder"];

/// The agents that work on cc-ci in clones of their own.
const LOOPS: [&str; 2] = ["builder", "adversary"];

/// A path of a socket must be shorter than 108 bytes, and tmux puts `/tmux-<user>/default` behind the folder's.
const SOCKET_FOLDER: usize = 80;

/// Ends its tmux server, and all that runs in it, when it is dropped.
pub struct Machine {
    tmux: Tmux,
}

impl Machine {
    /// Writes the programs, starts what others do, and makes the loops' clones of the repository at `suite`.
    pub async fn start(folder: &Folder, suite: &str) -> Result<Machine> {
        write_programs(folder)?;
        docker::write_program(folder)?;
        events::others(&folder.path("deploys"))?;
        let tmux = Tmux::new(folder)?;
        let others = {
            let tmux = tmux.clone();
            tokio::task::spawn_blocking(move || tmux.start_others())
        };
        let clones = LOOPS.map(|name| {
            let (place, suite) = (folder.path("loops").join(name), suite.to_owned());
            let home = folder.path("home");
            tokio::task::spawn_blocking(move || clone(&suite, &place, &home))
        });
        // From here on the server has an owner.
        let machine = Machine { tmux };
        others.await.context("starting others' sessions")?;
        for clone in clones {
            clone.await.context("cloning for a loop")??;
        }
        Ok(machine)
    }
}

fn write_programs(folder: &Folder) -> Result<()> {
    for (name, text) in PROGRAMS {
        folder.write_program(&format!("bin/{name}"), text)?;
    }
    Ok(())
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.tmux.end();
    }
}

/// Where the tmux server of a lab has its socket.
pub fn tmux_folder(root: &Path) -> PathBuf {
    let inside = root.join("tmux");
    if inside.as_os_str().len() <= SOCKET_FOLDER {
        return inside;
    }
    // Short, and the same for everybody who asks about this lab.
    use sha1::{Digest, Sha1};
    let digest = hex::encode(Sha1::digest(root.as_os_str().as_bytes()));
    std::env::temp_dir().join(format!("gavel-tmux-{}", &digest[..12]))
}

#[derive(Clone)]
struct Tmux {
    folder: PathBuf,
    home: PathBuf,
    is_inside: bool,
}

impl Tmux {
    fn new(folder: &Folder) -> Result<Tmux> {
        use std::os::unix::fs::DirBuilderExt;
        let place = tmux_folder(folder.root());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place)
            .with_context(|| format!("creating {}", place.display()))?;
        Ok(Tmux {
            is_inside: place.starts_with(folder.root()),
            folder: place,
            home: folder.path("home"),
        })
    }

    fn run(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Command::new("tmux")
            .args(["-f", "/dev/null"])
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.home)
            .env("LANG", "C.UTF-8")
            .env("TMUX_TMPDIR", &self.folder)
            .output()
    }

    /// Without tmux the lab goes on: only the upgrader cannot be launched.
    fn start_others(&self) {
        for name in OTHERS {
            let started = self.run(&["new-session", "-d", "-s", name, "cat"]);
            match started {
                Ok(output) if output.status.success() => {}
                Ok(output) => {
                    let words = String::from_utf8_lossy(&output.stderr).into_owned();
                    tracing::warn!("lab: tmux could not start the session {name}: {words}");
                }
                Err(error) => tracing::warn!("lab: tmux could not be started: {error}"),
            }
        }
    }

    /// Ends every session and whoever would not hear of it, since a process that is stopped hears nothing.
    fn end(&self) {
        let panes = self.run(&["list-panes", "-a", "-F", "#{pane_pid}"]);
        let panes = panes.map(|output| output.stdout).unwrap_or_default();
        // An error means that there is no server any more.
        let _ = self.run(&["kill-server"]);
        for pane in String::from_utf8_lossy(&panes).lines() {
            if let Some(group) = pane.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        if !self.is_inside {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn clone(suite: &str, place: &Path, home: &Path) -> Result<()> {
    let output = Command::new("git")
        .args(["clone", "--quiet", "--", suite])
        .arg(place)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .context("starting git")?;
    if !output.status.success() {
        bail!(
            "git clone {suite} into {}: {}",
            place.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
