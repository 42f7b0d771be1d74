//! The commands that a person types.

mod backup;
mod doctor;
mod setup;
mod signals;

use crate::audit;
use crate::bundle::{self, Judge, PublicKey, Sealed};
use crate::config::{Config, secrets};
use crate::engine::Engine;
use crate::engine::by_hand::{self, Verified};
use crate::host::owned;
use crate::plan;
use crate::server;
use crate::store::{self, Store};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use signals::Signals;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use url::Url;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer on the tracking issue until stopped
    Serve {
        /// The configuration; deploy/gavel.example.toml shows every key
        #[arg(long, default_value = "gavel.toml", env = "GAVEL_CONFIG")]
        config: PathBuf,
    },
    /// Verify once, here and now: what `/verify` on the tracking issue does, without the bot being up. 0 when everything passes, 1 when
    /// something does not, 2 when it could not be verified
    Verify(Verify),
    /// Re-check an evidence bundle without Gavel's word: 0 when every claim stands, 1 when something differs, 2 when it is no bundle, 3
    /// when nothing but the bundle itself vouches for all of it, which takes the key, 4 when with --live something was not asked. What has
    /// only moved on since, such as a branch that others took forward, is listed and changes none of these
    Audit(Box<Audit>),
    /// Copy the database into a new file, also while Gavel works; says what else a restore needs
    Backup(backup::Backup),
    /// Check everything that this installation needs, by reads alone, and say what to do about what is missing: 0 when nothing failed, 1
    /// when something did, 2 when there is nothing to check
    Doctor(doctor::Doctor),
    /// Make what the doctor finds missing and the forge can hold, with an administrator's token: rights, webhooks, label, tracking issue, and
    /// the sandbox's repositories. Changes nothing that is there. Ends as the doctor does
    Setup(setup::Setup),
    /// List what can be verified
    Items,
    /// Run one command of the flow to its end; Gavel starts it by itself, and finds it again after a restart
    #[command(hide = true)]
    Exec { spool: PathBuf },
    /// cc-ci in a box: everything that Gavel talks to, on loopback
    #[cfg(feature = "lab")]
    Lab(crate::lab::Lab),
}

#[derive(Args)]
struct Verify {
    /// What to verify, as after `/verify`: items such as V4 or V1-V3, or all; keep and force too
    #[arg(required = true)]
    items: Vec<String>,
    /// Whose run this is: an account that may give commands on the tracking issue. It stands there as who asked for it, and cannot
    /// accept what comes of it
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: String,
    /// Leave report and evidence bundle in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The configuration; deploy/gavel.example.toml shows every key
    #[arg(long, default_value = "gavel.toml", env = "GAVEL_CONFIG")]
    config: PathBuf,
}

#[derive(Args)]
struct Audit {
    /// The bundle, as a run's page offers it
    bundle: PathBuf,
    /// The installation's public key in PEM, as it was given to you: not as it was sent along
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where an item's chain of facts ends, as a verdict comment or an acceptance quotes it; can be given again
    #[arg(long, value_name = "ITEM=DIGEST", value_parser = audit::quoted)]
    head: Vec<(String, String)>,
    /// Ask again what can be asked, by reads alone, and tell what has changed since; only of the servers that are named here
    #[arg(long)]
    live: bool,
    /// Where the forge is
    #[arg(long, value_name = "URL", requires = "live", value_parser = address)]
    forge: Option<Url>,
    /// A file with a token that may read there; without one the forge is asked as anybody
    #[arg(long, value_name = "FILE", requires = "forge")]
    forge_token_file: Option<PathBuf>,
    /// Where Drone is
    #[arg(long, value_name = "URL", requires = "live", value_parser = address)]
    drone: Option<Url>,
    /// A file with a token that may read there; without one Drone is asked as anybody
    #[arg(long, value_name = "FILE", requires = "drone")]
    drone_token_file: Option<PathBuf>,
    /// The registry of images without a host of their own
    #[arg(long, value_name = "URL", requires = "live", value_parser = address)]
    registry: Option<Url>,
    /// How the addresses of results begin; can be given again
    #[arg(long, value_name = "URL", requires = "live", value_parser = address)]
    results: Vec<Url>,
}

/// `https://git.example.org`.
fn address(typed: &str) -> Result<Url, String> {
    let url: Url = typed.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it is no address of http or https".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or a password belongs into a token file".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("nothing may stand behind the path".into());
    }
    Ok(url)
}

pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve { config } => finish(serve(&config)),
        Command::Verify(asked) => verify(&asked).unwrap_or_else(|error| {
            eprintln!("gavel: {error:#}");
            ExitCode::from(2)
        }),
        Command::Audit(asked) => audit(&asked).unwrap_or_else(|error| {
            eprintln!("gavel: {}", audit::refused(&error));
            ExitCode::from(2)
        }),
        Command::Backup(asked) => finish(asked.run()),
        Command::Doctor(asked) => asked.run().unwrap_or_else(|error| {
            eprintln!("gavel: {error:#}");
            ExitCode::from(2)
        }),
        Command::Setup(asked) => asked.run().unwrap_or_else(|error| {
            eprintln!("gavel: {error:#}");
            ExitCode::from(2)
        }),
        Command::Items => finish(items()),
        Command::Exec { spool } => finish(crate::host::spool::exec(&spool)),
        #[cfg(feature = "lab")]
        Command::Lab(lab) => lab.run(),
    }
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gavel: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Bytes of a file with a public key; no more of it are read.
const LONGEST_KEY: u64 = 1 << 16;

fn audit(asked: &Audit) -> anyhow::Result<ExitCode> {
    let key = match &asked.key {
        Some(path) => {
            let text = std::fs::File::open(path).and_then(|file| {
                let mut text = String::new();
                file.take(LONGEST_KEY).read_to_string(&mut text)?;
                Ok(text)
            });
            let text =
                text.with_context(|| format!("reading the key {} failed", path.display()))?;
            let key = PublicKey::from_pem(&text);
            Some(key.with_context(|| format!("reading the key {} failed", path.display()))?)
        }
        None => None,
    };
    let shown = asked.bundle.display();
    let file = std::fs::File::open(&asked.bundle);
    let file = file.with_context(|| format!("opening the bundle {shown} failed"))?;
    let sealed = Sealed::unpack(std::io::BufReader::new(file));
    let opened = sealed.and_then(|sealed| audit::open(sealed, key.as_ref()));
    let bundle = match opened.with_context(|| format!("the bundle {shown} is refused"))? {
        audit::Opened::Read(bundle) => bundle,
        audit::Opened::Unvouched(audited) => {
            print(&audit::unread(&audited))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let anchors = audit::Anchors {
        key,
        heads: asked.head.clone(),
        judge: Some(Judge::this()?),
    };
    let mut audited = audit::cold(&bundle, &anchors);
    if asked.live {
        let places = places(asked)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime failed")?;
        let live = runtime.block_on(audit::live(
            &bundle.evidence,
            &places,
            audited.is_anchored(),
        ));
        audited.take(live.context("nothing could be asked again")?);
    }
    print(&audit::table(&bundle.evidence, &audited))?;
    Ok(match audited.agrees() {
        false => ExitCode::FAILURE,
        true if !audited.is_anchored() => ExitCode::from(3),
        true if !audited.has_asked_all() => ExitCode::from(4),
        true => ExitCode::SUCCESS,
    })
}

/// The servers that are named, each with its own token.
fn places(asked: &Audit) -> anyhow::Result<audit::Places> {
    let place = |url: &Option<Url>, token: &Option<PathBuf>| -> anyhow::Result<_> {
        let Some(url) = url.clone() else {
            return Ok(None);
        };
        let token = match token {
            Some(path) => Some(secrets::read(path).map_err(|error| {
                anyhow::anyhow!("reading a token failed: {error}. {}", error.mend())
            })?),
            None => None,
        };
        Ok(Some(audit::Place { url, token }))
    };
    let places = audit::Places {
        forge: place(&asked.forge, &asked.forge_token_file)?,
        drone: place(&asked.drone, &asked.drone_token_file)?,
        registry: asked.registry.clone(),
        results: asked.results.clone(),
    };
    anyhow::ensure!(
        !places.is_empty(),
        "--live asks only the servers that are named: give --forge, --drone, --registry or --results"
    );
    Ok(places)
}

fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output failed"),
    }
}

fn items() -> anyhow::Result<()> {
    let lines = plan::ITEMS.iter();
    let text: String = lines
        .map(|item| format!("{:4} {}\n", item.id, item.title))
        .collect();
    print(&text)
}

fn serve(path: &Path) -> anyhow::Result<()> {
    runtime()?.block_on(answer(path, async |engine: &Arc<Engine>| {
        engine.until_shutdown().await;
        Ok(())
    }))
}

fn verify(asked: &Verify) -> anyhow::Result<ExitCode> {
    let line = format!("/verify {}", asked.items.join(" "));
    let once = async |engine: &Arc<Engine>| {
        let Some(verified) = by_hand::verify(engine, &line, &asked.account).await? else {
            anyhow::bail!("it was told to end before the verification had; the next start goes on");
        };
        if let Some(folder) = &asked.out {
            leave(&verified, folder)?;
        }
        print(&verified.text)?;
        Ok(verified.passed)
    };
    let passed = runtime()?.block_on(answer(&asked.config, once))?;
    Ok(match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Report and bundle of a run, as its page offers them.
fn leave(verified: &Verified, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("making {} failed", folder.display()))?;
    for (name, content) in [
        ("bundle.tar.gz", &verified.bundle[..]),
        (bundle::REPORT, verified.report.as_bytes()),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content)
            .with_context(|| format!("writing {} failed", path.display()))?;
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let filter = EnvFilter::try_from_env("GAVEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let form = std::env::var_os("GAVEL_LOG_FORMAT").unwrap_or_else(|| "text".into());
    match form.to_str() {
        Some("text") => log.with_ansi(std::io::stderr().is_terminal()).init(),
        Some("json") => log.json().init(),
        _ => anyhow::bail!(
            "the environment asks for a log in the form {form:?}, which is not known; set GAVEL_LOG_FORMAT to text or json, or remove it"
        ),
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime failed")
}

/// Requests that are under way at the end have so long.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Answers on the tracking issue, as the configuration at `path` says, for as long as `until` takes.
async fn answer<T>(
    path: &Path,
    until: impl AsyncFnOnce(&Arc<Engine>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let signals = Signals::hear()?;
    let config = Config::load(path)?;
    let shutdown = CancellationToken::new();
    let data = &config.server.data;
    // For Gavel's user alone; one that is there has the mode that somebody gave it.
    let mut folder = std::fs::DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(data);
    made.with_context(|| format!("making the data folder {} failed", data.display()))?;
    let _only = alone(data)?;
    let database = config.server.database();
    store::is_not_lost(&database, &config.server.made_after_the_database())?;
    let store = Store::open(&database).await?;
    let listen = config.server.listen;
    let engine = Engine::new(config, store.clone(), shutdown.clone())?;
    signals.obey(engine.clone(), shutdown.clone());
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen} failed; change `server.listen`"))?;
    tracing::info!(%listen, "ready");
    let working = Arc::clone(&engine);
    let work = tokio::spawn(async move { working.work().await });
    let (serving, ended) = (engine.clone(), shutdown.clone());
    let serving = tokio::spawn(async move {
        let served = server::serve(listener, serving, ended.clone()).await;
        ended.cancel();
        served
    });
    let done = until(&engine).await;
    shutdown.cancel();
    let worked = work.await.context("the engine ended unexpectedly")?;
    // Who has not sent or read all of a request by then has had as long as everybody.
    let served = match tokio::time::timeout(LAST_REQUESTS, serving).await {
        Ok(served) => served.context("the server ended unexpectedly")?,
        Err(_) => {
            tracing::warn!("a connection that does not end is cut");
            Ok(())
        }
    };
    store.close().await;
    tracing::info!("stopped");
    worked.and(served).and(done)
}

/// Holds the data folder for this process: two that drive the same run would undo each other's work.
fn alone(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join("gavel.lock");
    let lock = std::fs::File::create(&path)
        .with_context(|| format!("making {} failed", path.display()))?;
    lock.try_lock().map_err(|error| {
        anyhow::anyhow!(
            "another Gavel works on the data folder {} ({error}); stop it first, or give this one a folder of its own by `server.data`",
            data.display()
        )
    })?;
    let left = owned::end();
    if left > 0 {
        tracing::warn!(left, "what a Gavel that was killed left running is ended");
    }
    Ok(lock)
}
