//! git, asked of remotes and of other people's clones: a look at a clone leaves it byte for byte as it was.

use super::{HostError, Tool};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a clone or a push may take.
const TRANSFER: Duration = Duration::from_secs(120);

/// When every commit that is made here was made: no clock is to tell two of them apart.
const MADE: &str = "2026-01-01T00:00:00Z";

/// In whose name a remote is asked.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub login: String,
    pub token: SecretString,
}

/// All that can be told of a working clone from outside. Two that are equal are of a clone that was not touched in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// What `HEAD` says: a branch, or a commit.
    pub head: String,
    /// Every ref and the object that it names, remote-tracking ones and the stash included.
    pub refs: BTreeMap<String, String>,
    /// SHA-256 of the index, byte for byte; `None` where there is none.
    pub index: Option<String>,
    /// SHA-256 of the clone's own configuration.
    pub config: Option<String>,
    /// SHA-256 of each program that git runs there by itself, by its name.
    #[serde(default)]
    pub hooks: BTreeMap<String, String>,
    /// What is not as in `HEAD`: path, its two letters as `git status` says them, and SHA-256 of what is in the file now.
    pub changed: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Git {
    tool: Tool,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    Done,
    /// The ref was not where it was expected to be; nothing was changed.
    Moved(String),
}

impl Default for Git {
    fn default() -> Git {
        Git::new(Tool::new(["git"]))
    }
}

impl Git {
    pub fn new(tool: Tool) -> Git {
        // Nobody is there to be asked, nothing of this machine's own settings gets in, and no lock file is made for a mere look.
        let tool = tool
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        Git { tool }
    }

    /// A bare copy of everything in a remote, in a folder that does not exist yet.
    pub async fn copy(
        &self,
        url: &str,
        folder: &Path,
        credentials: Option<&Credentials>,
    ) -> Result<(), HostError> {
        let folder = folder.to_string_lossy();
        let arguments = ["clone", "--quiet", "--mirror", "--", url, &folder];
        let tool = with(&self.tool, credentials).time_limit(TRANSFER);
        tool.ask(&arguments).await.map(drop)
    }

    /// Makes a remote's ref name `commit` (of the copy in `folder`), or removes it where there is none; only if it names `expected`
    /// now (`None`: does not exist).
    pub async fn push(
        &self,
        folder: &Path,
        url: &str,
        reference: &str,
        commit: Option<&str>,
        expected: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<Pushed, HostError> {
        let lease = format!(
            "--force-with-lease={reference}:{}",
            expected.unwrap_or_default()
        );
        let refspec = format!("{}:{reference}", commit.unwrap_or_default());
        let folder = folder.to_string_lossy();
        let arguments = ["-C", &folder, "push", &lease, "--", url, &refspec];
        let tool = with(&self.tool, credentials).time_limit(TRANSFER);
        match tool.ask(&arguments).await {
            Ok(_) => Ok(Pushed::Done),
            Err(HostError::Failed { words, .. })
                if words.contains("stale info") || words.contains("fetch first") =>
            {
                Ok(Pushed::Moved(words))
            }
            Err(error) => Err(error),
        }
    }

    /// Commits files to a new branch, made of another one or of nothing, of the repository in `folder`, which is made with its first
    /// commit. The same files and words always give the same commit, whoever makes it when. Answers its hash.
    pub async fn commit(
        &self,
        folder: &Path,
        branch: &str,
        from: Option<&str>,
        message: &str,
        files: &BTreeMap<&str, String>,
    ) -> Result<String, HostError> {
        let place = folder.to_string_lossy();
        let own = self
            .tool
            .clone()
            .env("GIT_AUTHOR_NAME", "Gavel")
            .env("GIT_AUTHOR_EMAIL", "gavel@localhost")
            .env("GIT_AUTHOR_DATE", MADE)
            .env("GIT_COMMITTER_NAME", "Gavel")
            .env("GIT_COMMITTER_EMAIL", "gavel@localhost")
            .env("GIT_COMMITTER_DATE", MADE);
        let git = async |arguments: &[&str]| {
            let arguments = [&["-C", &place], arguments].concat();
            own.ask(&arguments).await
        };
        match from {
            None => git(&["init", "--quiet", "--initial-branch", branch]).await?,
            Some(from) => git(&["checkout", "--quiet", "-b", branch, from]).await?,
        };
        for (path, text) in files {
            let file = folder.join(path);
            let written = file
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&file, text));
            written.map_err(|error| HostError::Failed {
                asked: format!("writing {}", file.display()),
                how: "the disk refused".into(),
                words: error.to_string(),
            })?;
        }
        git(&["add", "--all"]).await?;
        git(&["commit", "--quiet", "--message", message]).await?;
        Ok(git(&["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    /// Looks at a clone without touching it.
    pub async fn fingerprint(&self, clone: &Path) -> Result<Fingerprint, HostError> {
        let place = clone.to_string_lossy();
        let safe = format!("safe.directory={place}");
        // No program that the clone's own configuration names is run.
        let look = |arguments: &[&str]| {
            let first = ["-C", &place, "-c", &safe, "-c", "core.fsmonitor=false"];
            let arguments = [&first, arguments].concat();
            let tool = self.tool.clone();
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            async move { tool.ask(&arguments).await }
        };
        let folder = PathBuf::from(
            look(&["rev-parse", "--absolute-git-dir"])
                .await?
                .trim_end_matches('\n'),
        );
        let hooks = look(&["rev-parse", "--path-format=absolute", "--git-path", "hooks"]).await?;
        let head = std::fs::read_to_string(folder.join("HEAD"));
        let head = head.map_err(|error| HostError::Unreadable {
            asked: format!("reading HEAD in {}", folder.display()),
            why: error.to_string(),
        })?;
        let refs = look(&["for-each-ref", "--format=%(objectname) %(refname)"]).await?;
        let status = look(&[
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=none",
            "--no-renames",
        ])
        .await?;
        let changed = status
            .split_terminator('\0')
            .filter_map(|entry| Some((entry.get(..2)?, entry.get(3..)?)))
            .map(|(letters, path)| {
                let content = digest(&clone.join(path)).unwrap_or_else(|| "not a file".into());
                (path.to_owned(), format!("{letters} {content}"))
            });
        Ok(Fingerprint {
            head: head.trim_end().to_owned(),
            refs: named(&refs, ' ').unwrap_or_default(),
            index: digest(&folder.join("index")),
            config: digest(&folder.join("config")),
            hooks: digests(Path::new(hooks.trim_end_matches('\n'))),
            changed: changed.collect(),
        })
    }
}

/// The token goes through the environment, where other users cannot see it, and is sent to this remote only.
fn with(tool: &Tool, credentials: Option<&Credentials>) -> Tool {
    let Some(Credentials { login, token }) = credentials else {
        return tool.clone();
    };
    let basic = STANDARD.encode(format!("{login}:{}", token.expose_secret()));
    tool.clone()
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "http.extraHeader")
        .secret_env(
            "GIT_CONFIG_VALUE_0",
            format!("Authorization: Basic {basic}").into(),
        )
}

/// Lines `object separator name`, by name.
fn named(text: &str, separator: char) -> Option<BTreeMap<String, String>> {
    text.lines()
        .map(|line| {
            let (object, name) = line.split_once(separator)?;
            Some((name.to_owned(), object.to_owned()))
        })
        .collect()
}

/// Of what is in a folder; nothing where it does not exist.
fn digests(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let digests = entries.map(|entry| {
        let content = digest(&entry.path()).unwrap_or_else(|| "not a file".into());
        (entry.file_name().to_string_lossy().into_owned(), content)
    });
    digests.collect()
}

fn digest(path: &Path) -> Option<String> {
    let bytes = if path.is_symlink() {
        std::fs::read_link(path)
            .ok()?
            .into_os_string()
            .into_encoded_bytes()
    } else {
        std::fs::read(path).ok()?
    };
    Some(hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests;
