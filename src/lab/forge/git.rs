//! A bare repository on disk, by git's own commands: bounded, without a shell, deaf to the user's configuration.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// No command on the small repositories of a lab takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Git by its whole path. An environment of its own and a name to look up in it take a fork, and a server's memory is much to copy.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join("git"));
    places
        .find(|place| place.is_file())
        .unwrap_or_else(|| "git".into())
});

pub const ZERO: &str = "0000000000000000000000000000000000000000";

/// The branches that can be pushed are the account's business; the heads of pull requests belong to the forge.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\thooksPath = hooks\n\
    [http]\n\treceivepack = true\n\
    [receive]\n\thideRefs = refs/pull/\n\
    [uploadpack]\n\tallowTipSHA1InWant = true\n\tallowReachableSHA1InWant = true\n\tallowFilter = true\n\
    [gc]\n\tauto = 0\n";

/// Whether an account may push is known before; git tells it to the person in git's own way.
const PRE_RECEIVE: &str = "#!/bin/sh\n\
    [ \"$FORGE_MAY_WRITE\" = yes ] && exit 0\n\
    printf '\\nerror:\\nerror: User permission denied for writing.\\nerror:\\n' >&2\n\
    exit 1\n";

#[derive(Clone)]
pub struct Git {
    pub dir: PathBuf,
    home: PathBuf,
}

pub struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Ends a child and all that it started, unless it was waited for.
pub struct Group(Option<rustix::process::Pid>);

impl Group {
    pub fn of(child: &Child) -> Group {
        Group(
            child
                .id()
                .and_then(|id| rustix::process::Pid::from_raw(id as i32)),
        )
    }

    pub fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

#[derive(Clone, Debug)]
pub struct Reference {
    pub name: String,
    pub kind: String,
    pub sha: String,
}

#[derive(Clone, Debug)]
pub struct TreeEntry {
    pub mode: String,
    pub kind: String,
    pub sha: String,
    pub size: i64,
    pub path: String,
}

impl Git {
    pub fn new(dir: PathBuf, home: PathBuf) -> Git {
        Git { dir, home }
    }

    /// Lays out an empty bare repository. Done by hand: it is six small files, and `git init` takes longer than all of them.
    pub fn init(&self, default_branch: &str) -> anyhow::Result<()> {
        let lay = || -> std::io::Result<()> {
            for sub in [
                "objects/info",
                "objects/pack",
                "refs/heads",
                "refs/tags",
                "hooks",
            ] {
                std::fs::create_dir_all(self.dir.join(sub))?;
            }
            std::fs::write(
                self.dir.join("HEAD"),
                format!("ref: refs/heads/{default_branch}\n"),
            )?;
            std::fs::write(self.dir.join("config"), CONFIG)?;
            let hook = self.dir.join("hooks/pre-receive");
            std::fs::write(&hook, PRE_RECEIVE)?;
            std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        };
        lay().with_context(|| format!("creating the repository {}", self.dir.display()))
    }

    pub fn command(home: &Path) -> Command {
        let mut command = Command::new(&*PROGRAM);
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    pub async fn run(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Output> {
        self.run_with(args, input, &[]).await
    }

    pub async fn run_with(
        &self,
        args: &[&str],
        input: &[u8],
        env: &[(&str, &str)],
    ) -> anyhow::Result<Output> {
        let mut command = Git::command(&self.home);
        command
            .arg("--git-dir")
            .arg(&self.dir)
            .args(args)
            .envs(env.iter().copied());
        finish(command, input)
            .await
            .with_context(|| format!("git {} in {}", args.join(" "), self.dir.display()))
    }

    /// Runs a command that has to succeed.
    pub async fn must(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Output> {
        let output = self.run(args, input).await?;
        if output.code != 0 {
            bail!(
                "git {} in {} ended with {}: {}",
                args.join(" "),
                self.dir.display(),
                output.code,
                output.stderr.trim()
            );
        }
        Ok(output)
    }

    /// What a name means as a commit.
    pub async fn commit_named(&self, name: &str) -> anyhow::Result<Option<String>> {
        if name.is_empty() || name.starts_with('-') {
            return Ok(None);
        }
        let branch = format!("refs/heads/{name}^{{commit}}");
        let other = format!("{name}^{{commit}}");
        let output = self
            .must(
                &["cat-file", "--batch-check=%(objectname) %(objecttype)"],
                format!("{branch}\n{other}\n").as_bytes(),
            )
            .await?;
        let found = output
            .text()
            .lines()
            .find_map(|line| line.strip_suffix(" commit").map(str::to_string));
        Ok(found.filter(|sha| is_sha(sha)))
    }

    pub async fn branch(&self, name: &str) -> anyhow::Result<Option<String>> {
        let full = format!("refs/heads/{name}");
        Ok(self
            .references(&full)
            .await?
            .into_iter()
            .find(|r| r.name == full)
            .map(|r| r.sha))
    }

    /// The references whose names are `prefix` or lie under it (`for-each-ref`'s rules), by name.
    pub async fn references(&self, prefix: &str) -> anyhow::Result<Vec<Reference>> {
        self.references_by("refname", prefix).await
    }

    /// The same in another order.
    pub async fn references_by(&self, order: &str, prefix: &str) -> anyhow::Result<Vec<Reference>> {
        let sort = format!("--sort={order}");
        let format = "--format=%(objectname) %(objecttype) %(refname)";
        let output = self
            .must(
                &["for-each-ref", format, "--sort=refname", &sort, prefix],
                b"",
            )
            .await?;
        let parse = |line: &str| {
            let mut parts = line.splitn(3, ' ').map(str::to_string);
            Some(Reference {
                sha: parts.next()?,
                kind: parts.next()?,
                name: parts.next()?,
            })
        };
        Ok(output.text().lines().filter_map(parse).collect())
    }

    /// Points a reference somewhere, if it still is where `old` says (`ZERO`: not there). False where it is not.
    pub async fn move_reference(&self, name: &str, new: &str, old: &str) -> anyhow::Result<bool> {
        let output = self
            .run(&["update-ref", "--no-deref", name, new, old], b"")
            .await?;
        if output.code != 0 {
            tracing::debug!("{name} was not moved: {}", output.stderr.trim());
        }
        Ok(output.code == 0)
    }

    pub async fn set_reference(&self, name: &str, new: &str) -> anyhow::Result<()> {
        self.must(&["update-ref", "--no-deref", name, new], b"")
            .await
            .map(drop)
    }

    pub async fn delete_reference(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self
            .run(&["update-ref", "--no-deref", "-d", name], b"")
            .await?
            .code
            == 0)
    }

    pub async fn blob(&self, sha: &str) -> anyhow::Result<Vec<u8>> {
        Ok(self.must(&["cat-file", "blob", sha], b"").await?.stdout)
    }

    /// The entries at `path` (of a directory: what is in it when `path` ends in a slash or is empty).
    pub async fn tree(
        &self,
        commit: &str,
        path: &str,
        recursive: bool,
    ) -> anyhow::Result<Vec<TreeEntry>> {
        let mut args = vec!["ls-tree", "-z", "-l", "--full-tree"];
        if recursive {
            args.extend(["-r", "-t"]);
        }
        args.push(commit);
        if !path.is_empty() {
            args.extend(["--", path]);
        }
        let output = self.run(&args, b"").await?;
        let parse = |entry: &str| {
            let (meta, path) = entry.split_once('\t')?;
            let mut meta = meta.split_whitespace().map(str::to_string);
            let (mode, kind, sha, size) = (meta.next()?, meta.next()?, meta.next()?, meta.next()?);
            Some(TreeEntry {
                mode,
                kind,
                sha,
                size: size.parse().unwrap_or(0),
                path: path.to_string(),
            })
        };
        Ok(output.text().split('\0').filter_map(parse).collect())
    }

    pub async fn count(&self, range: &str) -> anyhow::Result<usize> {
        let output = self.run(&["rev-list", "--count", range, "--"], b"").await?;
        Ok(output.text().trim().parse().unwrap_or(0))
    }

    pub async fn merge_base(&self, a: &str, b: &str) -> anyhow::Result<Option<String>> {
        let output = self.run(&["merge-base", a, b], b"").await?;
        Ok(output
            .text()
            .lines()
            .next()
            .map(str::to_string)
            .filter(|sha| is_sha(sha)))
    }

    /// The tree of a merge, or nothing where the two do not merge by themselves.
    pub async fn merged_tree(
        &self,
        base: &str,
        ours: &str,
        theirs: &str,
    ) -> anyhow::Result<Option<String>> {
        let output = self
            .run(&["merge-tree", "--write-tree", ours, theirs], b"")
            .await?;
        if output.code <= 1 {
            let tree = output
                .text()
                .lines()
                .next()
                .map(str::to_string)
                .filter(|sha| is_sha(sha));
            return Ok(tree.filter(|_| output.code == 0));
        }
        // A git older than 2.38 cannot merge without a work tree; file by file it can.
        let index = self
            .dir
            .join(format!("merge-{}.index", rand::random::<u64>()));
        let file = index.to_string_lossy().into_owned();
        let env = [("GIT_INDEX_FILE", file.as_str())];
        let read = self
            .run_with(
                &["read-tree", "-i", "-m", "--aggressive", base, ours, theirs],
                b"",
                &env,
            )
            .await?;
        let tree = match read.code {
            0 => self
                .run_with(&["write-tree"], b"", &env)
                .await?
                .text()
                .trim()
                .to_string(),
            _ => String::new(),
        };
        let _ = std::fs::remove_file(&index);
        Ok(Some(tree).filter(|t| is_sha(t)))
    }
}

pub fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Feeds a command and waits for its end.
pub async fn finish(mut command: Command, input: &[u8]) -> anyhow::Result<Output> {
    let mut child = command.spawn().context("starting git; is it installed?")?;
    let group = Group::of(&child);
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read its input closes it: not our failure.
            let _ = stdin.write_all(input).await;
        }
    };
    let work = async { tokio::join!(feed, child.wait_with_output()).1 };
    let output = tokio::time::timeout(PATIENCE, work)
        .await
        .with_context(|| format!("no end after {PATIENCE:?}"))?
        .context("waiting for git")?;
    group.over();
    Ok(Output {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Git {
    /// The CGI program that serves git over HTTP, not yet told what for.
    pub fn backend(&self) -> Command {
        let mut command = Git::command(&self.home);
        command.arg("http-backend");
        command
    }
}
