//! What the repositories hold from the start, and how it gets there: built with `git fast-import`, pushed over HTTP.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// No single git command here may take longer.
const LIMIT: Duration = Duration::from_secs(60);

/// One commit, on a branch of its own name.
pub struct Commit {
    pub branch: &'static str,
    /// The branch that it stands on; none for a first commit.
    pub parent: Option<&'static str>,
    pub message: &'static str,
    pub files: Vec<(&'static str, String)>,
}

const COMPOSE: &str = include_str!("files/custom-html-tiny/compose.yml");
const PAGE: &str = include_str!("files/custom-html-tiny/html/index.html");

/// The sandbox recipe: `main`, and a branch each on top of it that is known to be green and known to be red.
pub fn recipe() -> Vec<Commit> {
    let files = vec![
        (
            "README.md",
            include_str!("files/custom-html-tiny/README.md").to_owned(),
        ),
        ("compose.yml", COMPOSE.to_owned()),
        ("html/index.html", PAGE.to_owned()),
    ];
    let green = PAGE.replace("Served by the recipe", "Served with care by the recipe");
    let red = PAGE.replace("<h1>It works</h1>", "<h1>Under construction</h1>");
    vec![
        Commit {
            branch: "main",
            parent: None,
            message: "chore: publish 1.0.2+2.38.0 release",
            files,
        },
        Commit {
            branch: "known-green",
            parent: Some("main"),
            message: "Say who serves the page, more kindly",
            files: vec![
                ("html/index.html", green),
                (
                    "compose.yml",
                    COMPOSE.replace("1.0.2+2.38.0", "1.0.3+2.38.0"),
                ),
            ],
        },
        Commit {
            branch: "known-red",
            parent: Some("main"),
            message: "Put up a placeholder page",
            files: vec![("html/index.html", red)],
        },
    ]
}

/// cc-ci: the harness and the recipe's tests.
pub fn cc_ci() -> Vec<Commit> {
    macro_rules! held {
        ($($path:literal),* $(,)?) => { vec![$(($path, include_str!(concat!("files/cc-ci/", $path)).to_owned())),*] };
    }
    let files = held![
        ".drone.yml",
        "README.md",
        "harness/run.sh",
        "tests/custom-html-tiny/install/answers.sh",
        "tests/custom-html-tiny/upgrade/serves-the-new-version.sh",
        "tests/custom-html-tiny/backup/restores-what-was-lost.sh",
        "tests/custom-html-tiny/functional/greets.sh",
        "tests/custom-html-tiny/functional/stays-up.sh",
    ];
    vec![Commit {
        branch: "main",
        parent: None,
        message: "Test recipes: install, upgrade, backup, functional",
        files,
    }]
}

/// The repository of the tracking issue.
pub fn verification() -> Vec<Commit> {
    let files = vec![(
        "README.md",
        include_str!("files/verification/README.md").to_owned(),
    )];
    vec![Commit {
        branch: "main",
        parent: None,
        message: "Say what this repository is for",
        files,
    }]
}

/// Builds a bare repository at `path` that holds these commits.
pub async fn build(path: PathBuf, commits: &[Commit], home: &Path) -> Result<PathBuf> {
    let place = path.to_string_lossy().into_owned();
    git(
        &["init", "--quiet", "--bare", "--initial-branch=main", &place],
        home,
        None,
        &[],
    )
    .await?;
    let stream = stream(commits)?;
    git(
        &["-C", &place, "fast-import", "--quiet"],
        home,
        Some(stream),
        &[],
    )
    .await?;
    Ok(path)
}

/// Pushes the branches that `refspec` names out of a bare repository.
pub async fn push(
    repository: &Path,
    url: &str,
    refspec: &str,
    login: &str,
    password: &str,
    home: &Path,
) -> Result<()> {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
    // By environment and not by argument: everybody on the machine can read arguments.
    let credential = [
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "http.extraHeader".to_owned()),
        (
            "GIT_CONFIG_VALUE_0",
            format!("Authorization: Basic {basic}"),
        ),
    ];
    git(
        &[
            "-C",
            &repository.to_string_lossy(),
            "push",
            "--quiet",
            url,
            refspec,
        ],
        home,
        None,
        &credential,
    )
    .await
}

fn stream(commits: &[Commit]) -> Result<String> {
    let now = jiff::Timestamp::now().as_second();
    let mut stream = String::new();
    for commit in commits {
        write!(
            stream,
            "commit refs/heads/{}\ncommitter Lab <lab@example.org> {now} +0000\n",
            commit.branch
        )?;
        write!(
            stream,
            "data {}\n{}\n",
            commit.message.len(),
            commit.message
        )?;
        if let Some(parent) = commit.parent {
            writeln!(stream, "from refs/heads/{parent}")?;
        }
        for (path, content) in &commit.files {
            let program = Path::new(path)
                .extension()
                .is_some_and(|ending| ending == "sh");
            let mode = if program { "100755" } else { "100644" };
            write!(
                stream,
                "M {mode} inline {path}\ndata {}\n{content}\n",
                content.len()
            )?;
        }
        stream.push('\n');
    }
    Ok(stream)
}

async fn git(
    arguments: &[&str],
    home: &Path,
    input: Option<String>,
    environment: &[(&str, String)],
) -> Result<()> {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(environment.iter().map(|(key, value)| (*key, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let shown = format!("git {}", arguments.join(" "));
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {shown}: is git installed?"))?;
    let mut stdin = child
        .stdin
        .take()
        .context("git's input was asked for just now")?;
    stdin
        .write_all(input.unwrap_or_default().as_bytes())
        .await
        .with_context(|| format!("writing to {shown}"))?;
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = output
        .with_context(|| format!("{shown} took longer than {LIMIT:?}"))?
        .with_context(|| format!("waiting for {shown}"))?;
    if !output.status.success() {
        bail!(
            "{shown}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
