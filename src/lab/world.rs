//! One running lab: all its parts, started in order and ended in the opposite one.

use super::abra::Deploys;
use super::bridge::{self, Bridge};
use super::client::Api;
use super::drone::{self, Drone};
use super::faults::Faults;
use super::folder::Folder;
use super::forge::Forge;
use super::gitea_server::GiteaServer;
use super::http::{self, Bound, Serving};
use super::left::Left;
use super::machine::Machine;
use super::others::{BUILDER, Others};
use super::process::{self, Owned};
use super::provision::{self, Hooks, MIRRORS, OPERATOR, Provisioned, SUITE, UPSTREAM};
use super::settings::{self, Pace, Places};
use super::{registry, results, sandbox};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long Gavel may take until it answers, and to end.
const BOT_PATIENCE: Duration = Duration::from_secs(20);

pub struct Options {
    pub faults: Faults,
    /// A real Gitea's program in place of the lab's forge.
    pub gitea: Option<PathBuf>,
    pub mode: bridge::Mode,
    pub pace: Pace,
    /// Whether somebody else works on the forge meanwhile.
    pub others: bool,
    /// Where the forge delivers what is meant for Gavel; to Gavel itself where nothing is said.
    pub hooks: Option<String>,
}

enum ForgeServer {
    Lab(Forge),
    Gitea(GiteaServer),
}

/// Fields are dropped in this order: whoever talks goes before whoever is talked to.
pub struct World {
    bot: Option<Owned>,
    left: Left,
    others: Option<Others>,
    bridge: Bridge,
    drone: Drone,
    machine: Machine,
    deploys: Deploys,
    _services: [Serving; 2],
    forge: ForgeServer,
    /// The machine's time zone, wherever the lab runs.
    zone: &'static str,
    pub places: Places,
    pub provisioned: Provisioned,
    pub folder: Folder,
}

impl World {
    /// Everything but Gavel.
    pub async fn start(options: &Options, folder: Folder) -> Result<World> {
        let faults = &options.faults;
        let operator_password = provision::secret();
        let (forge, forge_url) = start_forge(options, &folder, &operator_password)
            .await
            .context("starting the forge")?;
        let (drone_at, bridge_at, registry_at, results_at) = (
            Bound::new().await?,
            Bound::new().await?,
            Bound::new().await?,
            Bound::new().await?,
        );
        let places = Places {
            forge: forge_url,
            drone: drone_at.url(),
            results: results_at.url(),
            registry: registry_at.url(),
            gavel: format!("http://127.0.0.1:{}", http::free_port()?),
            drone_token: provision::secret(),
            webhook_secret: provision::secret(),
        };
        let by_webhook = options.mode == bridge::Mode::Webhook;
        let hooks = Hooks {
            gavel: format!(
                "{}/hooks/gitea",
                options.hooks.as_ref().unwrap_or(&places.gavel)
            ),
            bridge: by_webhook.then(|| format!("{}/hooks/gitea", bridge_at.url())),
            secret: places.webhook_secret.clone(),
        };
        let provisioned = provision::provision(&places.forge, &operator_password, &hooks, &folder)
            .await
            .context("provisioning the forge")?;
        settings::write(&folder, &places, &provisioned, &options.pace, faults)?;
        write_programs(&folder)?;
        let suite = format!("{}/{SUITE}.git", places.forge);
        let machine = Machine::start(&folder, &suite)
            .await
            .context("starting what else is on the machine")?;

        let services = [
            registry::serve(registry_at, sandbox::images()),
            results::serve(results_at, folder.path("results")),
        ];
        let drone_settings = drone::Settings {
            repository: SUITE.to_owned(),
            forge_url: places.forge.clone(),
            work: folder.path("work"),
            environment: build_environment(&folder, &places, &options.pace, faults),
            token: places.drone_token.clone(),
            limit: options.pace.build_limit,
        };
        let drone = Drone::start(drone_at, drone_settings, faults);
        let bridge_settings = bridge::Settings {
            mode: options.mode,
            interval: options.pace.bridge,
            build_interval: options.pace.build,
            forge_url: places.forge.clone(),
            login: "bridge".to_owned(),
            token: provisioned.account("bridge")?.token.clone(),
            drone_url: places.drone.clone(),
            drone_token: places.drone_token.clone(),
            build_repository: SUITE.to_owned(),
            enrolled: provision::recipes()
                .map(|recipe| format!("{MIRRORS}/{recipe}"))
                .collect(),
            webhook_secret: places.webhook_secret.clone(),
            flow_token: provisioned.account("flow")?.token.clone(),
        };
        let bridge = Bridge::start(bridge_settings, bridge_at, faults);
        let builder = Api::forge(&places.forge).with_token(&provisioned.account(BUILDER)?.token);
        Ok(World {
            bot: None,
            left: Left::of(folder.root()),
            others: options.others.then(|| Others::start(builder)),
            bridge,
            drone,
            machine,
            deploys: Deploys(folder.path("deploys")),
            _services: services,
            forge,
            zone: if faults.has("machine-in-local-time") {
                "CET-1CEST,M3.5.0,M10.5.0/3"
            } else {
                "UTC"
            },
            places,
            provisioned,
            folder,
        })
    }

    /// Starts Gavel with the lab's configuration, and waits until it answers.
    pub async fn start_bot(&mut self) -> Result<()> {
        self.launch_bot(&[])?;
        let log = self.folder.path("logs/gavel.log");
        let gavel = Api::service(&self.places.gavel);
        let began = Instant::now();
        while began.elapsed() < BOT_PATIENCE {
            self.check_bot()?;
            if gavel
                .status("/healthz")
                .await
                .is_ok_and(|status| status.is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "gavel serve did not answer {}/healthz within {BOT_PATIENCE:?}; its log ends with:\n{}",
            self.places.gavel,
            tail(&log)
        )
    }

    /// Starts Gavel with more in its environment, whatever becomes of it. Its log goes on.
    pub fn launch_bot(&mut self, environment: &[(&str, String)]) -> Result<()> {
        let log = self.folder.path("logs/gavel.log");
        let output = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&log)
            .with_context(|| format!("opening {}", log.display()))?;
        let configuration = self.folder.path("gavel.toml");
        let line = process::this_program(&["serve", "--config", &configuration.to_string_lossy()])?;
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .env("HOME", self.folder.path("home"))
            .env("LANG", "C.UTF-8")
            .env("TZ", self.zone)
            .envs(environment.iter().map(|(name, value)| (*name, value)));
        for inherited in ["PATH", "RUST_LOG", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(inherited) {
                command.env(inherited, value);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("sharing Gavel's log")?)
            .stderr(output);
        self.bot = Some(Owned::start(command, "gavel serve")?);
        Ok(())
    }

    /// Whether Gavel runs.
    pub fn bot_lives(&mut self) -> Result<bool> {
        Ok(match &mut self.bot {
            Some(bot) => {
                let ended = bot.child().try_wait();
                ended.context("looking after gavel serve")?.is_none()
            }
            None => false,
        })
    }

    /// Ends Gavel as a crash does.
    pub async fn kill_bot(&mut self) -> Result<()> {
        if let Some(mut bot) = self.bot.take() {
            bot.child().kill().await.context("killing gavel serve")?;
        }
        Ok(())
    }

    /// Ends Gavel in good order.
    pub async fn stop_bot(&mut self) {
        if let Some(mut bot) = self.bot.take() {
            bot.stop(BOT_PATIENCE).await;
        }
    }

    /// An error when Gavel has ended on its own.
    pub fn check_bot(&mut self) -> Result<()> {
        if let Some(bot) = &mut self.bot
            && let Some(status) = bot
                .child()
                .try_wait()
                .context("looking after gavel serve")?
        {
            bail!(
                "gavel serve ended on its own: {status}; its log ends with:\n{}",
                tail(&self.folder.path("logs/gavel.log"))
            );
        }
        Ok(())
    }

    /// Ends everything; the folder is removed with it where it is temporary.
    pub async fn stop(mut self) {
        if let Some(mut bot) = self.bot.take() {
            bot.stop(BOT_PATIENCE).await;
        }
        drop(self.left);
        drop(self.others);
        drop(self.machine);
        drop(self.bridge);
        self.drone.stop().await;
        for stack in self.deploys.sweep().await {
            tracing::warn!("lab: {stack} was still deployed at the end");
        }
        match self.forge {
            ForgeServer::Lab(forge) => forge.stop().await,
            ForgeServer::Gitea(gitea) => gitea.stop().await,
        }
    }

    pub fn forge_as(&self, login: &str) -> Result<Api> {
        Ok(Api::forge(&self.places.forge).with_token(&self.provisioned.account(login)?.token))
    }
}

async fn start_forge(
    options: &Options,
    folder: &Folder,
    password: &str,
) -> Result<(ForgeServer, String)> {
    Ok(match &options.gitea {
        Some(binary) => {
            let gitea =
                GiteaServer::start(binary, &folder.path("gitea"), OPERATOR, password).await?;
            let url = gitea.url();
            (ForgeServer::Gitea(gitea), url)
        }
        None => {
            let forge = Forge::start(&folder.path("forge"), 0, OPERATOR, password).await?;
            let url = forge.url();
            (ForgeServer::Lab(forge), url)
        }
    })
}

/// Everything that a build finds in its environment; nothing of the user's own gets through but PATH.
fn build_environment(
    folder: &Folder,
    places: &Places,
    pace: &Pace,
    faults: &Faults,
) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let shown = |name: &str| folder.path(name).display().to_string();
    let pairs = [
        ("PATH", format!("{}:{path}", shown("bin"))),
        ("HOME", shown("home")),
        ("LANG", "C.UTF-8".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("FORGE_URL", places.forge.clone()),
        ("MIRRORS", MIRRORS.to_owned()),
        ("UPSTREAM", UPSTREAM.to_owned()),
        ("RESULTS_DIR", shown("results")),
        ("DEPLOYS_DIR", shown("deploys")),
        ("REGISTRY_URL", places.registry.clone()),
        ("BETWEEN_LOOKS", pace.between_looks.to_owned()),
        ("LAB_FAULTS", faults.line()),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// What stands in `bin/`: the scripts as they are, and this program under the names of others.
fn write_programs(folder: &Folder) -> Result<()> {
    let scripts = [
        (
            "bin/testme-on-pr.sh",
            include_str!("files/bin/testme-on-pr.sh"),
        ),
        ("bin/verify-pr.sh", include_str!("files/bin/verify-pr.sh")),
    ];
    for (name, text) in scripts {
        folder.write_program(name, text)?;
    }
    let commands = [
        ("abra", "abra"),
        ("static-web-server", "site"),
        ("recipe-upgrade", "recipe-upgrade"),
        ("upgrade-all", "upgrade-all"),
    ];
    for (name, command) in commands {
        let words = process::this_program(&["lab", command])?;
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        folder.write_program(
            &format!("bin/{name}"),
            &format!("#!/usr/bin/env bash\nexec {} \"$@\"\n", words.join(" ")),
        )?;
    }
    Ok(())
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read(path)
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
