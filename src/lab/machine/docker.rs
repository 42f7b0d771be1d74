//! `docker` of the lab: what the engine of a swarm would say about the deploys, in the engine's own shapes.

use super::events;
use crate::lab::abra;
use crate::lab::folder::Folder;
use crate::lab::process;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks at the journal.
const LOOK: Duration = Duration::from_millis(20);
/// Whoever listens to events for longer than any lab lives has been forgotten.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

#[derive(Args)]
pub struct Docker {
    #[command(subcommand)]
    command: Command,
    /// Where deploys are recorded
    #[arg(long, hide = true)]
    deploys: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Stacks of the swarm
    Stack {
        #[command(subcommand)]
        verb: Verb,
    },
    /// Services of the swarm
    Service {
        #[command(subcommand)]
        verb: Verb,
    },
    /// Volumes of this machine
    Volume {
        #[command(subcommand)]
        verb: Verb,
    },
    /// What happens, as it happens
    Events {
        #[arg(long, value_parser = ["json"])]
        format: String,
        /// Seconds since the epoch, with a fraction
        #[arg(long)]
        since: Option<String>,
        #[arg(long)]
        until: Option<String>,
        #[arg(long)]
        filter: Vec<String>,
    },
}

#[derive(Subcommand)]
enum Verb {
    Ls {
        #[arg(long, value_parser = ["json"])]
        format: String,
    },
    Rm {
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl Docker {
    pub async fn run(self) -> Result<ExitCode> {
        match &self.command {
            Command::Stack {
                verb: Verb::Rm { names },
            } => {
                for name in names {
                    self.remove_stack(name).await?;
                }
            }
            Command::Volume {
                verb: Verb::Rm { names },
            } => {
                for name in names {
                    self.remove_volume(name)?;
                }
            }
            Command::Service {
                verb: Verb::Rm { .. },
            } => bail!("this docker removes no service, only its stack"),
            Command::Stack { .. } => self.list(|stack, _| {
                json!({ "Name": stack, "Services": "1" })
            }),
            Command::Service { .. } => self.list(|stack, image| {
                json!({ "ID": &events::id(stack)[..12], "Image": image, "Mode": "replicated",
                    "Name": format!("{stack}_app"), "Ports": "", "Replicas": "1/1" })
            }),
            Command::Volume { .. } => self.list_volumes(|stack| {
                json!({ "Availability": "N/A", "Driver": "local", "Group": "N/A",
                    "Labels": format!("com.docker.stack.namespace={stack}"), "Links": "N/A",
                    "Mountpoint": format!("/var/lib/docker/volumes/{stack}_content/_data"),
                    "Name": format!("{stack}_content"), "Scope": "local", "Size": "N/A", "Status": "N/A" })
            }),
            Command::Events {
                since,
                until,
                filter,
                ..
            } => {
                if let Some(unknown) = filter.iter().find(|filter| *filter != "type=service") {
                    bail!("this docker knows no filter `{unknown}`, only `type=service`");
                }
                self.follow(nanoseconds(since.as_deref())?, nanoseconds(until.as_deref())?)
                    .await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One line for each stack that stands, by name.
    fn list(&self, shape: impl Fn(&str, &str) -> Value) {
        for (stack, image) in self.stacks() {
            println!("{}", shape(&stack, &image));
        }
    }

    /// One line for each volume: those of the stacks that stand, and those that outlived theirs.
    fn list_volumes(&self, shape: impl Fn(&str) -> Value) {
        let mut stacks: BTreeSet<String> = self.stacks().into_keys().collect();
        let contents = std::fs::read_dir(&self.deploys).into_iter().flatten();
        let contents = contents.flatten().filter(|entry| entry.path().is_dir());
        stacks.extend(contents.filter_map(|entry| entry.file_name().into_string().ok()));
        for stack in stacks {
            println!("{}", shape(&stack));
        }
    }

    async fn remove_stack(&self, stack: &str) -> Result<()> {
        if !self.stacks().contains_key(stack) {
            bail!("Nothing found in stack: {stack}");
        }
        abra::end_stack(&self.deploys, stack).await?;
        println!("Removing service {stack}_app");
        Ok(())
    }

    fn remove_volume(&self, name: &str) -> Result<()> {
        let stack = name.strip_suffix("_content").unwrap_or(name);
        let content = self.deploys.join(stack);
        if self.stacks().contains_key(stack) {
            bail!("Error response from daemon: remove {name}: volume is in use");
        }
        if stack == name || !content.is_dir() {
            bail!("Error response from daemon: get {name}: no such volume");
        }
        std::fs::remove_dir_all(&content).with_context(|| format!("removing {name}"))?;
        println!("{name}");
        Ok(())
    }

    /// The stacks that stand, with the image of each.
    fn stacks(&self) -> BTreeMap<String, String> {
        let mut stacks = BTreeMap::new();
        for event in events::read(&self.deploys, 0).0 {
            let name = event["Actor"]["Attributes"]["name"].as_str();
            let stack = name.unwrap_or_default().trim_end_matches("_app").to_owned();
            let image = event[events::IMAGE].as_str().unwrap_or_default().to_owned();
            match event["Action"].as_str() {
                Some("remove") => drop(stacks.remove(&stack)),
                _ => drop(stacks.insert(stack, image)),
            }
        }
        stacks
    }

    /// Without a beginning: what happens from now on. Without an end: for ever.
    async fn follow(&self, since: Option<i128>, until: Option<i128>) -> Result<()> {
        let since = since.unwrap_or_else(|| Timestamp::now().as_nanosecond());
        let began = std::time::Instant::now();
        let mut at = 0;
        while began.elapsed() < LONGEST {
            // Asked before the look: what is told later is no longer before the end.
            let now = Timestamp::now().as_nanosecond();
            let (events, next) = events::read(&self.deploys, at);
            at = next;
            let mut out = std::io::stdout().lock();
            for mut event in events {
                if let Some(event) = event.as_object_mut() {
                    event.shift_remove(events::IMAGE);
                }
                let told = i128::from(event["timeNano"].as_i64().unwrap_or_default());
                if told >= since && until.is_none_or(|until| told <= until) {
                    writeln!(out, "{event}").context("telling an event")?;
                }
            }
            out.flush().context("telling an event")?;
            drop(out);
            if until.is_some_and(|until| now >= until) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// As docker takes a moment: `1780000000.000000001`.
fn nanoseconds(moment: Option<&str>) -> Result<Option<i128>> {
    let Some(moment) = moment else {
        return Ok(None);
    };
    let (seconds, fraction) = moment.split_once('.').unwrap_or((moment, "0"));
    let fraction = format!("{fraction:0<9}");
    let parsed = seconds
        .parse::<i128>()
        .ok()
        .zip(fraction.parse::<i128>().ok());
    let (seconds, fraction) =
        parsed.with_context(|| format!("`{moment}` is no moment: seconds since the epoch"))?;
    Ok(Some(seconds * 1_000_000_000 + fraction))
}

/// This program under docker's name.
pub fn write_program(folder: &Folder) -> Result<()> {
    let deploys = folder.path("deploys");
    let words = process::this_program(&["lab", "docker", "--deploys", &deploys.to_string_lossy()])?;
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    let text = format!("#!/usr/bin/env bash\nexec {} \"$@\"\n", words.join(" "));
    folder.write_program("bin/docker", &text).map(drop)
}
