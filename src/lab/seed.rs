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
    pub message: String,
    pub files: Vec<(String, String)>,
}

/// What one repository holds, under a name that tells it apart from the others that are built with it.
pub struct Seed {
    pub name: &'static str,
    pub commits: Vec<Commit>,
}

const COMPOSE: &str = include_str!("files/custom-html-tiny/compose.yml");
const PAGE: &str = include_str!("files/custom-html-tiny/html/index.html");

/// Files of this repository, by their path in the seeded one.
macro_rules! held {
    ($folder:literal: $($path:literal),* $(,)?) => {
        vec![$(($path.to_owned(), include_str!(concat!("files/", $folder, "/", $path)).to_owned())),*]
    };
}

/// The gate's recipe: `main`, and a branch each on top of it that is known to be green and known to be red.
pub fn recipe() -> Vec<Commit> {
    let green = PAGE.replace("Served by the recipe", "Served with care by the recipe");
    let red = PAGE.replace("<h1>It works</h1>", "<h1>Under construction</h1>");
    vec![
        Commit {
            branch: "main",
            parent: None,
            message: "chore: publish 1.0.2+2.38.0 release".to_owned(),
            files: held!["custom-html-tiny": "README.md", "compose.yml", "html/index.html"],
        },
        Commit {
            branch: "known-green",
            parent: Some("main"),
            message: "Say who serves the page, more kindly".to_owned(),
            files: vec![
                ("html/index.html".to_owned(), green),
                (
                    "compose.yml".to_owned(),
                    COMPOSE.replace("1.0.2+2.38.0", "1.0.3+2.38.0"),
                ),
            ],
        },
        Commit {
            branch: "known-red",
            parent: Some("main"),
            message: "Put up a placeholder page".to_owned(),
            files: vec![("html/index.html".to_owned(), red)],
        },
    ]
}

/// cc-ci: the harness, the gate's recipe's tests, and these others.
pub fn cc_ci(tests: impl IntoIterator<Item = (String, String)>) -> Vec<Commit> {
    let mut files = held![
        "cc-ci":
        ".drone.yml",
        "README.md",
        "harness/run.sh",
        "tests/custom-html-tiny/install/answers.sh",
        "tests/custom-html-tiny/upgrade/serves-the-new-version.sh",
        "tests/custom-html-tiny/backup/restores-what-was-lost.sh",
        "tests/custom-html-tiny/functional/greets.sh",
        "tests/custom-html-tiny/functional/stays-up.sh",
    ];
    files.extend(tests);
    vec![Commit {
        branch: "main",
        parent: None,
        message: "Test recipes: install, upgrade, backup, functional".to_owned(),
        files,
    }]
}

/// The repository of the tracking issue.
pub fn verification() -> Vec<Commit> {
    vec![Commit {
        branch: "main",
        parent: None,
        message: "Say what this repository is for".to_owned(),
        files: held!["verification": "README.md"],
    }]
}

/// Builds one bare repository at `path` that holds all seeds, the branches of each below its name: one program more is started for
/// all of them together, not for each.
pub async fn build(path: PathBuf, seeds: &[Seed], home: &Path) -> Result<PathBuf> {
    let place = path.to_string_lossy().into_owned();
    git(
        &["init", "--quiet", "--bare", "--initial-branch=main", &place],
        home,
        None,
        &[],
    )
    .await?;
    let mut all = String::new();
    for seed in seeds {
        stream(&mut all, seed)?;
    }
    git(
        &["-C", &place, "fast-import", "--quiet"],
        home,
        Some(all),
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

/// Appends a seed's commits as `git fast-import` reads them.
fn stream(stream: &mut String, seed: &Seed) -> Result<()> {
    let now = jiff::Timestamp::now().as_second();
    let name = seed.name;
    for commit in &seed.commits {
        write!(
            stream,
            "commit refs/heads/{name}/{}\ncommitter Lab <lab@example.org> {now} +0000\n",
            commit.branch
        )?;
        write!(
            stream,
            "data {}\n{}\n",
            commit.message.len(),
            commit.message
        )?;
        if let Some(parent) = commit.parent {
            writeln!(stream, "from refs/heads/{name}/{parent}")?;
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
    Ok(())
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
