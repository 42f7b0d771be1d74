//! `abra` of the lab: deploys a recipe as a web server of its own on loopback, after asking the registry for its image.
//!
//! A deploy is `deploys/<stack>.json` (who serves it, and where) and `deploys/<stack>/` (the content, its volume).

use super::client::Api;
use super::machine::events;
use super::{process, registry};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long a fresh deploy may take until it answers, and an ended one until it is gone.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Args)]
pub struct Abra {
    #[command(subcommand)]
    noun: Noun,
    /// Where deploys are recorded
    #[arg(long, env = "DEPLOYS_DIR", hide = true)]
    deploys: PathBuf,
    /// The image registry
    #[arg(long, env = "REGISTRY_URL", hide = true)]
    registry: String,
}

#[derive(Subcommand)]
enum Noun {
    /// Deployed apps
    App {
        #[command(subcommand)]
        verb: Verb,
    },
}

#[derive(Subcommand)]
enum Verb {
    /// Deploy a recipe's checkout as a stack, or redeploy it in another version
    Deploy { stack: String, recipe: PathBuf },
    /// End a stack's deploy and remove its content
    Undeploy {
        stack: String,
        /// Leave its content
        #[arg(long)]
        keep_volume: bool,
    },
    /// Print where a stack is served
    Url { stack: String },
    /// Copy a stack's content out
    Backup {
        #[command(subcommand)]
        verb: BackupVerb,
    },
    /// Put a backup's content back
    Restore { stack: String, backup: PathBuf },
    /// A stack's volumes
    Volume {
        #[command(subcommand)]
        verb: VolumeVerb,
    },
}

#[derive(Subcommand)]
enum BackupVerb {
    /// Make a backup at a path
    Create { stack: String, backup: PathBuf },
}

#[derive(Subcommand)]
enum VolumeVerb {
    /// Remove what the stack's volumes hold
    Remove { stack: String },
}

/// One running deploy, as recorded by the web server itself when it listens.
#[derive(Serialize, Deserialize)]
pub struct Deploy {
    pub stack: String,
    pub pid: i32,
    pub port: u16,
    pub url: String,
}

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    image: String,
    #[serde(default)]
    environment: Environment,
}

/// A service's variables, in either of the forms that a compose file may have them in.
#[derive(Deserialize)]
#[serde(untagged)]
enum Environment {
    List(Vec<String>),
    Map(BTreeMap<String, Option<String>>),
}

impl Default for Environment {
    fn default() -> Environment {
        Environment::List(Vec::new())
    }
}

impl Environment {
    /// Whether a variable is set, and not to nothing.
    fn sets(&self, name: &str) -> bool {
        match self {
            Environment::List(list) => list.iter().any(|entry| {
                let set = entry.split_once('=');
                set.is_some_and(|(known, value)| known == name && !value.is_empty())
            }),
            Environment::Map(map) => map
                .get(name)
                .is_some_and(|value| value.as_ref().is_some_and(|value| !value.is_empty())),
        }
    }
}

/// What an image's configuration says of itself, by label.
type Labels = BTreeMap<String, String>;

impl Abra {
    pub async fn run(self) -> Result<()> {
        let Noun::App { verb } = &self.noun;
        match verb {
            Verb::Deploy { stack, recipe } => self.deploy(stack, recipe).await,
            Verb::Undeploy { stack, keep_volume } => self.undeploy(stack, *keep_volume).await,
            Verb::Url { stack } => {
                println!("{}", self.running(stack)?.url);
                Ok(())
            }
            Verb::Backup {
                verb: BackupVerb::Create { stack, backup },
            } => {
                self.running(stack)?;
                copy(&self.content(stack), backup)?;
                println!("abra app backup create {stack}: {} files", count(backup)?);
                Ok(())
            }
            Verb::Restore { stack, backup } => {
                self.running(stack)?;
                empty(&self.content(stack))?;
                copy(backup, &self.content(stack))?;
                println!(
                    "abra app restore {stack}: {} files",
                    count(&self.content(stack))?
                );
                Ok(())
            }
            Verb::Volume {
                verb: VolumeVerb::Remove { stack },
            } => {
                empty(&self.content(stack))?;
                println!("abra app volume remove {stack}: empty now");
                Ok(())
            }
        }
    }

    async fn deploy(&self, stack: &str, recipe: &Path) -> Result<()> {
        let file = recipe.join("compose.yml");
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let compose: Compose = serde_saphyr::from_str(&text)
            .with_context(|| format!("understanding {}", file.display()))?;
        let mut server = None;
        for (name, service) in &compose.services {
            let labels = self.pull(&service.image).await.with_context(|| {
                format!("abra app deploy {stack}: service {name} cannot be deployed")
            })?;
            if let Some(why) = refusal(service, &labels) {
                println!("{stack}_{name}.1 | error: {why}");
                bail!(
                    "abra app deploy {stack}: service {name} did not start: {} ended with exit code 1",
                    service.image
                );
            }
            server = labels.get(registry::SERVER).cloned().or(server);
        }
        empty(&self.content(stack))?;
        copy(&recipe.join("html"), &self.content(stack))?;
        let mut action = "create";
        if self.record(stack).exists() {
            end(&self.running(stack)?, &self.record(stack)).await?;
            action = "update";
        }
        let image = compose.services.values().next();
        let image = image.map_or("", |service| service.image.as_str());
        events::note(&self.deploys, stack, action, image)?;
        let started = start_site(
            &self.deploys,
            stack,
            &self.content(stack),
            server.as_deref(),
        )
        .await;
        if started.is_err() {
            events::note(&self.deploys, stack, "remove", "")?;
        }
        let deploy = started?;
        println!(
            "abra app deploy {stack}: deployed, answers at {}",
            deploy.url
        );
        Ok(())
    }

    async fn undeploy(&self, stack: &str, keep_volume: bool) -> Result<()> {
        if self.record(stack).exists() {
            end(&self.running(stack)?, &self.record(stack)).await?;
            events::note(&self.deploys, stack, "remove", "")?;
            println!("abra app undeploy {stack}: gone");
        } else {
            println!("abra app undeploy {stack}: was not deployed");
        }
        if self.content(stack).exists() && !keep_volume {
            fs::remove_dir_all(self.content(stack)).context("removing the stack's content")?;
        }
        Ok(())
    }

    /// Asks the registry for the image's configuration, by its tag: what the registry does not list, no machine could pull.
    async fn pull(&self, image: &str) -> Result<Labels> {
        let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        let registry = Api::service(&self.registry);
        let answer = registry
            .get(&format!("/v2/{name}/tags/list"))
            .await
            .with_context(|| format!("asking the registry for {name}"))?;
        let listed = answer["tags"]
            .as_array()
            .is_some_and(|tags| tags.iter().any(|listed| listed.as_str() == Some(tag)));
        if !listed {
            bail!("manifest for {image} not found: the registry lists no tag {tag}");
        }
        let manifest = registry
            .get(&format!("/v2/{name}/manifests/{tag}"))
            .await
            .with_context(|| format!("asking the registry for the manifest of {image}"))?;
        let digest = manifest["config"]["digest"]
            .as_str()
            .with_context(|| format!("the manifest of {image} names no configuration"))?;
        let config = registry
            .get(&format!("/v2/{name}/blobs/{digest}"))
            .await
            .with_context(|| format!("asking the registry for the configuration of {image}"))?;
        println!("pulled {image}");
        let labels = Labels::deserialize(&config["config"]["Labels"]);
        labels.with_context(|| format!("understanding the labels of {image}"))
    }

    fn running(&self, stack: &str) -> Result<Deploy> {
        let text = fs::read_to_string(self.record(stack))
            .with_context(|| format!("the stack {stack} is not deployed"))?;
        serde_json::from_str(&text)
            .with_context(|| format!("understanding the record of the deploy {stack}"))
    }

    fn record(&self, stack: &str) -> PathBuf {
        self.deploys.join(format!("{stack}.json"))
    }

    fn content(&self, stack: &str) -> PathBuf {
        self.deploys.join(stack)
    }
}

/// Why an image does not start as this service, in the words of its own log.
fn refusal(service: &Service, labels: &Labels) -> Option<String> {
    if let Some(why) = labels.get(registry::NEVER_STARTS) {
        return Some(why.clone());
    }
    let (name, value) = labels.get(registry::NEEDS)?.split_once('=')?;
    (!service.environment.sets(name)).then(|| {
        format!(
            "{name} is not set: this version serves nothing unless it is told what, such as {value}"
        )
    })
}

/// Starts a web server that outlives this process, and waits until it answers.
async fn start_site(
    deploys: &Path,
    stack: &str,
    content: &Path,
    server: Option<&str>,
) -> Result<Deploy> {
    use std::os::unix::process::CommandExt;
    let record = deploys.join(format!("{stack}.json"));
    let (content, record_path) = (content.to_string_lossy(), record.to_string_lossy());
    let mut arguments = vec!["lab", "site", "--stack", stack];
    arguments.extend(["--root", &content, "--record", &record_path]);
    if let Some(server) = server {
        arguments.extend(["--server", server]);
    }
    let line = process::this_program(&arguments)?;
    // A process group of its own: the deploy goes on when the build's own group ends.
    let mut server = std::process::Command::new(&line[0]);
    server
        .args(&line[1..])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = server.spawn().context("starting the web server")?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().context("looking after the web server")? {
            bail!("the web server of {stack} ended at once: {status}");
        }
        if let Ok(text) = fs::read_to_string(&record)
            && let Ok(deploy) = serde_json::from_str::<Deploy>(&text)
            && Api::service(&deploy.url).status("/").await.is_ok()
        {
            return Ok(deploy);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _ = child.kill();
    bail!("{stack} did not answer within {PATIENCE:?} after its deploy")
}

/// Ends a deploy's web server, waits until it is gone, and forgets it.
async fn end(deploy: &Deploy, record: &Path) -> Result<()> {
    if is_site(deploy) {
        if let Some(group) = Pid::from_raw(deploy.pid) {
            let _ = kill_process_group(group, Signal::TERM);
        }
        let began = Instant::now();
        while is_site(deploy) {
            if began.elapsed() > PATIENCE {
                bail!(
                    "the web server of {} (process {}) does not end",
                    deploy.stack,
                    deploy.pid
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    fs::remove_file(record).with_context(|| format!("forgetting the deploy {}", deploy.stack))
}

/// Ends a stack as docker does: its volume stays.
pub async fn end_stack(deploys: &Path, stack: &str) -> Result<()> {
    let record = deploys.join(format!("{stack}.json"));
    if let Ok(text) = fs::read_to_string(&record) {
        let deploy = serde_json::from_str(&text)
            .with_context(|| format!("understanding the record of the deploy {stack}"))?;
        end(&deploy, &record).await?;
    }
    events::note(deploys, stack, "remove", "")
}

/// Whether the recorded process still is that web server, and not another that was given its number.
fn is_site(deploy: &Deploy) -> bool {
    let line = fs::read(format!("/proc/{}/cmdline", deploy.pid)).unwrap_or_default();
    let environment = fs::read(format!("/proc/{}/environ", deploy.pid)).unwrap_or_default();
    let needle = deploy.stack.as_bytes();
    [line, environment]
        .iter()
        .any(|text| text.windows(needle.len()).any(|part| part == needle))
}

/// Where deploys are recorded, as the lab's: whatever is still deployed at its end is ended with it.
pub struct Deploys(pub PathBuf);

impl Deploys {
    /// Waits until every deploy is gone; says which stacks those were.
    pub async fn sweep(&self) -> Vec<String> {
        let mut swept = Vec::new();
        for (deploy, path) in self.recorded() {
            if end(&deploy, &path).await.is_ok() {
                let _ = events::note(&self.0, &deploy.stack, "remove", "");
                swept.push(deploy.stack);
            }
        }
        swept
    }

    fn recorded(&self) -> Vec<(Deploy, PathBuf)> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let records = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        records
            .filter_map(|path| {
                Some((
                    serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?,
                    path,
                ))
            })
            .collect()
    }
}

impl Drop for Deploys {
    fn drop(&mut self) {
        for (deploy, _) in self.recorded() {
            if is_site(&deploy)
                && let Some(group) = Pid::from_raw(deploy.pid)
            {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let entry = entry.with_context(|| format!("listing {}", from.display()))?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
}

fn count(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder)
        .with_context(|| format!("listing {}", folder.display()))?
        .count())
}
