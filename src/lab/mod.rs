//! cc-ci in a box: forge, Drone, bridge, harness, registry and the flow, on loopback, healthy or broken on purpose.

mod abra;
mod bridge;
mod chaos;
mod client;
#[cfg(test)]
mod conversations;
mod crash;
mod demo;
mod drone;
mod faults;
mod flow;
mod folder;
pub mod forge;
pub mod gitea_server;
mod http;
mod left;
mod machine;
mod matrix;
mod others;
mod process;
mod provision;
mod registry;
mod results;
mod sandbox;
mod screen;
mod seed;
mod serve;
mod settings;
mod site;
#[cfg(test)]
mod stand_in;
mod verification;
mod world;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use faults::Faults;
use folder::Folder;
use settings::Pace;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[derive(Args)]
pub struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything and the bot, ask for a verification, show how it goes, leave its report
    Demo(Options),
    /// Start everything, comment nothing, stay until interrupted
    Serve {
        #[command(flatten)]
        options: Options,
        /// Without Gavel: it can then be started by hand, with the configuration that the lab has written
        #[arg(long)]
        no_bot: bool,
    },
    /// List what can be broken on purpose
    Faults {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Break everything in turn and compare what verification makes of it with what it should
    Matrix(matrix::Matrix),
    /// Kill Gavel at every step of a verification and start it again, and count what that lost, doubled, left or changed
    Crash(crash::Crash),
    /// Disturb all that goes between Gavel and the servers, and compare what verification comes to with an undisturbed one
    Chaos(chaos::Chaos),
    #[command(hide = true)]
    Abra(abra::Abra),
    #[command(hide = true)]
    Docker(machine::docker::Docker),
    #[command(hide = true)]
    Site(site::Site),
    #[command(hide = true)]
    RecipeUpgrade(Box<flow::RecipeUpgrade>),
    #[command(hide = true)]
    UpgradeAll(Box<flow::UpgradeAll>),
}

/// What a lab can be told.
#[derive(Args, Clone)]
pub struct Options {
    /// What to verify, as after `/verify`
    #[arg(long, default_value = "V1 V2")]
    items: String,
    /// Break one part on purpose (see `gavel lab faults`); can be given again
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    /// Use this Gitea or Forgejo program in place of the lab's own forge
    #[arg(long, value_name = "BINARY")]
    gitea: Option<PathBuf>,
    /// Put everything into this folder, and leave it there (default: a temporary one that is removed)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Stay up afterwards until interrupted, and keep the folder
    #[arg(long)]
    keep: bool,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
    /// How triggers reach the bridge
    #[arg(long, value_enum, default_value = "poll")]
    bridge: bridge::Mode,
    /// The bridge polls every 30 seconds, as in the world
    #[arg(long)]
    realtime: bool,
}

impl Options {
    fn world(&self) -> Result<world::Options> {
        Ok(world::Options {
            faults: Faults::new(&self.fault)?,
            gitea: self.gitea.clone(),
            mode: self.bridge,
            hooks: None,
            // In a broken lab whatever goes wrong is the broken part's doing, each time alike.
            others: self.fault.is_empty(),
            pace: if self.realtime {
                Pace::real()
            } else {
                Pace::lab()
            },
        })
    }

    /// The folder, and with it the lab's own log.
    fn folder(&self) -> Result<Folder> {
        let folder = Folder::new(self.out.as_deref(), self.keep)?;
        let log = folder.path("logs/lab.log");
        let file =
            std::fs::File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let filter =
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
        // One process is one lab; where somebody else keeps a log already, that one serves.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(file)
            .with_ansi(false)
            .try_init();
        Ok(folder)
    }
}

/// The exit code for a lab that could not do its work, as opposed to a verification that found something.
const LAB_FAILED: u8 = 2;

impl Lab {
    pub fn run(self) -> ExitCode {
        let small = matches!(
            self.command,
            Command::Abra(_)
                | Command::Docker(_)
                | Command::Site(_)
                | Command::RecipeUpgrade(_)
                | Command::UpgradeAll(_)
        );
        let mut builder = if small {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        let outcome = match builder.enable_all().build() {
            Ok(runtime) => runtime.block_on(self.command.run()),
            Err(error) => Err(anyhow::Error::new(error).context("starting the runtime")),
        };
        outcome.unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::from(if small { 1 } else { LAB_FAILED })
        })
    }
}

impl Command {
    async fn run(self) -> Result<ExitCode> {
        match self {
            Command::Demo(options) => demo::run(options).await,
            Command::Serve { options, no_bot } => serve::run(options, no_bot).await,
            Command::Faults { json } => list_faults(json),
            Command::Matrix(matrix) => matrix.run().await,
            Command::Crash(crash) => tidily(crash.run()).await,
            Command::Chaos(chaos) => tidily(chaos.run()).await,
            Command::Abra(abra) => abra.run().await.map(|()| ExitCode::SUCCESS),
            Command::Docker(docker) => docker.run().await,
            Command::Site(site) => site.run().await.map(|()| ExitCode::SUCCESS),
            Command::RecipeUpgrade(upgrade) => {
                tidily(upgrade.run()).await.map(|()| ExitCode::SUCCESS)
            }
            Command::UpgradeAll(all) => tidily(all.run()).await.map(|()| ExitCode::SUCCESS),
        }
    }
}

fn list_faults(json: bool) -> Result<ExitCode> {
    let text = if json {
        let list: Vec<_> = faults::all()
            .map(|fault| {
                serde_json::json!({ "name": fault.name, "part": fault.part, "breaks": fault.fails, "says": fault.says,
                    "blocked": fault.blocked, "inconclusive": fault.inconclusive, "shows_in": fault.items(), "subtle": fault.subtle })
            })
            .collect();
        serde_json::to_string_pretty(&list).context("writing the list of faults")? + "\n"
    } else {
        let width = faults::all().map(|fault| fault.name.len()).max();
        let width = width.unwrap_or_default();
        faults::all()
            .map(|fault| {
                let subtle = if fault.subtle { " (subtle)" } else { "" };
                format!(
                    "{:width$}  {}\n{:width$}  breaks {}{subtle}\n",
                    fault.name,
                    fault.says,
                    "",
                    fault.fails.join(", ")
                )
            })
            .collect()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("writing the list of faults")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What was begun is dropped when somebody wants this to end, and tidies up after itself.
async fn tidily<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interruption = interruption()?;
    tokio::select! {
        done = work => done,
        () = interruption.cancelled() => bail!("told to end"),
    }
}

/// Cancelled when somebody wants this to end: by Ctrl-C, SIGTERM or a terminal that goes away. It listens from the call on, so that
/// no signal is lost between two waits.
fn interruption() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let interruption = CancellationToken::new();
    let cancelled = interruption.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(interruption)
}
