//! A working clone of the flow's own: made for one run, removed with it.

use anyhow::{Context, Result, bail};
use base64::Engine;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// No single git command may take longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A git that was given up may still be writing for so long.
const DYING: Duration = Duration::from_secs(2);

pub struct Clone {
    folder: tempfile::TempDir,
    is_kept: bool,
    account: String,
    credential: String,
}

impl Drop for Clone {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // Removing a folder fails where somebody puts a file into it meanwhile; it would then stay, without a word.
        let began = Instant::now();
        while std::fs::remove_dir_all(self.folder.path()).is_err()
            && self.folder.path().exists()
            && began.elapsed() < DYING
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Clone {
    /// Clones a repository into a new folder below `work`.
    pub async fn of(url: &str, work: &Path, account: &str, token: &str) -> Result<Clone> {
        std::fs::create_dir_all(work).with_context(|| format!("creating {}", work.display()))?;
        let folder = tempfile::Builder::new()
            .prefix("clone-")
            .tempdir_in(work)
            .context("making a folder for a clone")?;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{account}:{token}"));
        let clone = Clone {
            folder,
            is_kept: false,
            account: account.to_owned(),
            credential: format!("Authorization: Basic {basic}"),
        };
        clone.git(&["clone", "--quiet", url, "."]).await?;
        Ok(clone)
    }

    /// Leaves it where it is.
    pub fn keep(mut self) {
        self.is_kept = true;
        self.folder.disable_cleanup(true);
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.path(file);
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes one file and commits it.
    pub async fn commit(&self, file: &str, text: &str, message: &str) -> Result<()> {
        let path = self.path(file);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        self.git(&["add", "--", file]).await?;
        self.git(&["commit", "--quiet", "-m", message]).await?;
        Ok(())
    }

    /// What a git command prints, trimmed.
    pub async fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments).await?;
        if !output.status.success() {
            bail!(
                "git {}: {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether a git command that answers by its status says yes.
    pub async fn is(&self, arguments: &[&str]) -> Result<bool> {
        Ok(self.run(arguments).await?.status.success())
    }

    async fn run(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let mail = format!("{}@example.org", self.account);
        let run = Command::new("git")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            // By environment and not by argument: everybody on the machine can read arguments.
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraHeader")
            .env("GIT_CONFIG_VALUE_0", &self.credential)
            .env("GIT_AUTHOR_NAME", &self.account)
            .env("GIT_AUTHOR_EMAIL", &mail)
            .env("GIT_COMMITTER_NAME", &self.account)
            .env("GIT_COMMITTER_EMAIL", &mail)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let shown = arguments.join(" ");
        tokio::time::timeout(LIMIT, run)
            .await
            .with_context(|| format!("git {shown} took longer than {LIMIT:?}"))?
            .with_context(|| format!("starting git {shown}: is git installed?"))
    }
}
