//! Asking the box: clones, stacks, volumes, the crontab, folders; and watching what is deployed while others work.

use super::{Bench, Stop, to_value};
use crate::config::Command;
use crate::evidence::{Answer, Question};
use crate::host::{HostError, Tool, cron, git::Git, processes, swarm::Swarm, swarm::Watching};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

const NOT_CONFIGURED: &str = "`host` in gavel.toml does not say how to ask the box";

/// A program of the configuration, to be asked.
pub fn tool(command: &Command) -> Tool {
    let line = command.line(&[]);
    let tool = Tool::new(line)
        .envs(&command.environment)
        .time_limit(command.time_limit);
    command.secrets.iter().fold(tool, |tool, (name, value)| {
        tool.secret_env(name, value.now())
    })
}

impl Bench {
    /// Puts a question to the box. `None` where it is no question to the box.
    pub(super) async fn ask_machine(
        &self,
        question: &Question,
    ) -> Option<Result<(String, Value), (String, String)>> {
        let host = self.world.config.host.as_ref();
        let (asked, answer) = match question {
            Question::Clone { path } => (
                format!("git, in {path}"),
                value(Git::default().fingerprint(Path::new(path)).await),
            ),
            Question::Inhabitants { folder } => (
                "this machine".into(),
                value(processes::inside(Path::new(folder))),
            ),
            Question::Entries { folder } => (format!("the folder {folder}"), entries(folder).await),
            Question::Users { folder } => (
                "this machine's processes".into(),
                value(processes::users(Path::new(folder))),
            ),
            Question::Stacks | Question::Volumes | Question::Crontab => {
                let Some(host) = host else {
                    return Some(Err(("this machine".into(), NOT_CONFIGURED.into())));
                };
                match question {
                    Question::Stacks => (
                        "docker stack ls".into(),
                        value(Swarm::new(tool(&host.docker)).stacks().await),
                    ),
                    Question::Volumes => (
                        "docker volume ls".into(),
                        value(Swarm::new(tool(&host.docker)).volumes().await),
                    ),
                    _ => (
                        "crontab -l".into(),
                        value(cron::crontab(&tool(&host.crontab)).await),
                    ),
                }
            }
            _ => return None,
        };
        Some(match answer {
            Ok(value) => Ok((asked, value)),
            Err(why) => Err((asked, why)),
        })
    }

    /// Listens to what is deployed and torn down from now on; after a restart, since the step `first`, as far as the engine remembers it.
    /// `None` where the box is not configured.
    pub async fn watch_deploys(&self, first: &str) -> Result<Option<Watching>, Stop> {
        let Some(host) = &self.world.config.host else {
            return Ok(None);
        };
        let swarm = Swarm::new(tool(&host.docker));
        Ok(Some(match self.recall(first).await? {
            Some(fact) => swarm.watch_since(fact.at).await,
            None => swarm.watch(),
        }))
    }

    /// Ends the watch over deploys with its fact.
    pub async fn see_deploys(&self, label: &str, watching: Option<&Watching>) -> Result<(), Stop> {
        if self.recall(label).await?.is_some() {
            return Ok(());
        }
        self.begin(label).await?;
        let answer = match (watching, &self.world.config.host) {
            (Some(watching), _) => watching
                .until_now()
                .await
                .map_err(|error| error.to_string()),
            (None, None) => Err(NOT_CONFIGURED.into()),
            (None, Some(_)) => Err("nobody listened".into()),
        };
        let answer = match answer {
            Ok(watched) => Answer::Seen(to_value(&watched)),
            Err(why) => Answer::Unseen(why),
        };
        self.record::<Value>(
            label,
            Question::Deploys,
            "docker events".into(),
            None,
            answer,
        )
        .await?;
        Ok(())
    }
}

fn value(answer: Result<impl Serialize, HostError>) -> Result<Value, String> {
    answer
        .map(|answer| to_value(&answer))
        .map_err(|error| error.to_string())
}

/// The names in a folder, sorted; none where it is not there.
async fn entries(folder: &str) -> Result<Value, String> {
    let mut names = Vec::new();
    let mut listed = match tokio::fs::read_dir(folder).await {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(to_value(&names)),
        Err(error) => return Err(format!("listing {folder} failed: {error}")),
    };
    loop {
        match listed.next_entry().await {
            Ok(Some(entry)) => names.push(entry.file_name().to_string_lossy().into_owned()),
            Ok(None) => break,
            Err(error) => return Err(format!("listing {folder} failed: {error}")),
        }
    }
    names.sort();
    Ok(to_value(&names))
}
