//! The one runner: takes the oldest queued build, clones the repository, runs its pipeline's steps, keeps their log.

use super::Shared;
use super::model::{self, Line, Stage, Step};
use crate::lab::process::Owned;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

/// What a log holds at most; the rest is dropped, and the log says so.
const MOST_LINES: usize = 20_000;
/// How long a step that is to end may take for its own clean-up.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Pipeline {
    name: String,
    steps: Vec<PipelineStep>,
}

#[derive(Deserialize)]
struct PipelineStep {
    name: String,
    #[serde(default)]
    commands: Vec<String>,
}

/// Runs queued builds one after another, oldest first, until the server stops.
pub async fn run(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let next = shared
            .builds()
            .iter()
            .find(|build| build.status == model::PENDING)
            .map(|build| build.number);
        match next {
            Some(number) => build(&shared, number).await,
            None => {
                tokio::select! { () = changed => {}, () = shared.stopping.cancelled() => {} }
            }
        }
    }
}

async fn build(shared: &Arc<Shared>, number: i64) {
    shared.change(number, |build| {
        build.status = model::RUNNING.to_owned();
        build.started = model::now();
    });
    tracing::info!("drone: build {number} runs");
    let folder = shared.settings.work.join(format!("build-{number}"));
    let outcome = pipeline(shared, number, &folder).await;
    let _ = tokio::fs::remove_dir_all(&folder).await;
    if shared.faults.has("drone-never-ends")
        && matches!(outcome, Ok(model::SUCCESS | model::FAILURE))
    {
        // The runner's last word is lost on its way to the server, which goes on to believe that the build runs.
        return;
    }
    shared.change(number, |build| {
        let (status, error) = match outcome {
            Ok(status) => (status, String::new()),
            Err(error) => (model::ERROR, format!("{error:#}")),
        };
        for stage in &mut build.stages {
            end_stage(stage, status);
        }
        build.status = status.to_owned();
        build.error = error;
        build.finished = model::now();
        tracing::info!("drone: build {number} ended: {status} {}", build.error);
    });
    shared.changed.notify_waiters();
}

fn end_stage(stage: &mut Stage, status: &str) {
    stage.status = status.to_owned();
    stage.stopped = model::now();
    for step in &mut stage.steps {
        match step.status.as_str() {
            model::RUNNING => {
                step.status = status.to_owned();
                step.stopped = model::now();
            }
            model::PENDING => step.status = model::SKIPPED.to_owned(),
            _ => {}
        }
    }
}

/// Returns when the build is to end before its time: somebody has cancelled it, or the server stops.
async fn cancelled(shared: &Shared, number: i64) {
    let by_request = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if shared
                .builds()
                .iter()
                .any(|build| build.number == number && build.status == model::KILLED)
            {
                return;
            }
            changed.await;
        }
    };
    tokio::select! { () = by_request => {}, () = shared.stopping.cancelled() => {} }
}

/// How a step came to its end.
enum End {
    Exited(i32),
    Killed,
}

/// Clones, reads `.drone.yml`, runs its steps in order until one fails. The build's final status comes back.
async fn pipeline(shared: &Arc<Shared>, number: i64, folder: &Path) -> Result<&'static str> {
    begin_stage(shared, number);
    let clone = format!(
        "git clone --quiet --depth 1 --branch main {}/{}.git . && git log -1 --format='cc-ci is at %H'",
        shared.settings.forge_url, shared.settings.repository
    );
    tokio::fs::create_dir_all(folder)
        .await
        .with_context(|| format!("creating the build's folder {}", folder.display()))?;
    add_step(shared, number, "clone");
    let began = Instant::now();
    match step(shared, number, 1, &[clone], folder, began).await? {
        End::Exited(0) => {}
        End::Killed => return Ok(model::KILLED),
        End::Exited(_) => anyhow::bail!(
            "the repository {} could not be cloned: see the log of the step clone",
            shared.settings.repository
        ),
    }
    let text = tokio::fs::read_to_string(folder.join(".drone.yml"))
        .await
        .context("reading .drone.yml in the clone")?;
    let pipeline: Pipeline = serde_saphyr::from_str(&text).context("understanding .drone.yml")?;
    shared.change(number, |build| {
        build.stages[0].name.clone_from(&pipeline.name)
    });
    for step in &pipeline.steps {
        add_step(shared, number, &step.name);
    }
    for (position, described) in (2..).zip(&pipeline.steps) {
        let mut commands = described.commands.as_slice();
        if shared.faults.has("drone-runs-nothing") {
            // Reads the pipeline, finds the step, and loses its commands.
            commands = &[];
        }
        match step(shared, number, position, commands, folder, began).await? {
            End::Exited(0) => {}
            End::Killed => return Ok(model::KILLED),
            End::Exited(_) if shared.faults.has("drone-ignores-exit-codes") => {}
            End::Exited(_) => return Ok(model::FAILURE),
        }
    }
    Ok(model::SUCCESS)
}

fn begin_stage(shared: &Shared, number: i64) {
    shared.change(number, |build| {
        for stage in &mut build.stages {
            stage.status = model::RUNNING.to_owned();
            stage.machine = "lab".to_owned();
            stage.started = model::now();
            stage.updated = stage.started;
            stage.version += 1;
        }
    });
}

fn add_step(shared: &Shared, number: i64, name: &str) {
    shared.change(number, |build| {
        let stage = &mut build.stages[0];
        let position = i64::try_from(stage.steps.len()).unwrap_or(0) + 1;
        let id = stage.id * 100 + position;
        let status = model::PENDING.to_owned();
        stage.steps.push(Step {
            id,
            step_id: stage.id,
            number: position,
            name: name.to_owned(),
            status,
            version: 1,
            ..Step::default()
        });
    });
}

fn change_step(shared: &Shared, number: i64, position: i64, change: impl FnOnce(&mut Step)) {
    shared.change(number, |build| {
        if let Some(step) = build
            .stages
            .iter_mut()
            .flat_map(|stage| &mut stage.steps)
            .find(|step| step.number == position)
        {
            step.version += 1;
            change(step);
        }
    });
}

/// Runs one step's commands in one shell, as its own process group, and keeps what it prints, line by line.
async fn step(
    shared: &Arc<Shared>,
    number: i64,
    position: i64,
    commands: &[String],
    folder: &Path,
    began: Instant,
) -> Result<End> {
    change_step(shared, number, position, |step| {
        step.status = model::RUNNING.to_owned();
        step.started = model::now();
    });
    let parameters = shared
        .builds()
        .iter()
        .find(|build| build.number == number)
        .map(|build| build.params.clone())
        .unwrap_or_default();
    let mut shell = Command::new("bash");
    shell
        .args(["-e", "-c", &commands.join("\n")])
        .current_dir(folder)
        .env_clear()
        .envs(&shared.settings.environment)
        .env("CI", "true")
        .env("DRONE", "true")
        .env("DRONE_REPO", &shared.settings.repository)
        .env("DRONE_BRANCH", "main")
        .env("DRONE_BUILD_EVENT", "custom")
        .env("DRONE_BUILD_NUMBER", number.to_string())
        .env(
            "DRONE_BUILD_LINK",
            format!("{}/{}/{number}", shared.url, shared.settings.repository),
        )
        .envs(&parameters)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Owned::start(shell, &format!("step {position} of build {number}"))?;
    let (stdout, stderr) = (process.child().stdout.take(), process.child().stderr.take());
    let started = Instant::now();
    let left = shared.settings.limit.saturating_sub(began.elapsed());
    let reading = async {
        tokio::join!(
            keep(shared, number, position, started, stdout),
            keep(shared, number, position, started, stderr)
        )
    };
    // A step that is given up is asked to end first, so that it can tear its deploy down.
    let waiting = async {
        tokio::select! {
            status = process.wait() => status.map(|status| End::Exited(status.code().unwrap_or(255))),
            () = cancelled(shared, number) => { process.stop(GRACE).await; Ok(End::Killed) }
            () = tokio::time::sleep(left) => { process.stop(GRACE).await; Ok(End::Killed) }
        }
    };
    let (_, end) = tokio::join!(tokio::time::timeout(left + GRACE, reading), waiting);
    let end = end?;
    change_step(shared, number, position, |step| {
        let (code, status) = match end {
            End::Exited(0) => (0, model::SUCCESS),
            End::Exited(code) => (code, model::FAILURE),
            End::Killed => (130, model::KILLED),
        };
        step.exit_code = code;
        step.status = status.to_owned();
        step.stopped = model::now();
    });
    Ok(end)
}

async fn keep(
    shared: &Shared,
    number: i64,
    position: i64,
    started: Instant,
    stream: Option<impl AsyncRead + Unpin>,
) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let mut out = String::from_utf8_lossy(&line).into_owned();
        out.push('\n');
        let time = i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX);
        change_step(shared, number, position, |step| {
            let pos = step.log.len();
            match pos {
                ..MOST_LINES => step.log.push(Line { pos, out, time }),
                MOST_LINES => step.log.push(Line {
                    pos,
                    out: "(the log is longer than is kept here)\n".to_owned(),
                    time,
                }),
                _ => {}
            }
        });
    }
}
