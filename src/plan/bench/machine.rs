//! The box: sessions, screens and processes, and what is done to them.

use super::inventory::tool;
use super::{Bench, Stop, read, to_value};
use crate::config::Command;
use crate::evidence::{Answer, Question};
use crate::flow::Ran;
use crate::host::HostError;
use crate::host::processes::{self, Process};
use crate::host::tmux::{Session, Tmux};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long a process may take until it is stopped.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

type Told = Result<(String, Value), (String, String)>;

impl Bench {
    pub(super) async fn ask_box(&self, question: &Question) -> Told {
        let asked = "this machine".to_owned();
        let unseen = |error: HostError| (asked.clone(), error.to_string());
        match question {
            Question::Sessions => {
                let sessions = self.tmux()?.sessions().await.map_err(unseen)?;
                Ok((asked, to_value(&sessions)))
            }
            Question::Agent { session } => {
                let Some(session) = self.session(session).await? else {
                    return Ok((asked, Value::Null));
                };
                let tree = processes::tree(session.pane_pid).map_err(unseen)?;
                Ok((asked, json!({ "session": session, "processes": tree })))
            }
            Question::Screen { session } => {
                if self.session(session).await?.is_none() {
                    return Ok((asked, Value::Null));
                }
                match self.tmux()?.screen(session).await {
                    Ok(screen) => Ok((asked, to_value(&screen))),
                    // It ended between the two questions.
                    Err(_) if self.session(session).await?.is_none() => Ok((asked, Value::Null)),
                    Err(error) => Err(unseen(error)),
                }
            }
            Question::Running { processes: known } => {
                let now = processes::alive(known).map_err(unseen)?;
                Ok((asked, to_value(&now)))
            }
            Question::Text { path } => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok((asked, Value::String(text))),
                Err(error) => Err((asked, format!("reading `{path}` failed: {error}"))),
            },
            Question::Clock => {
                const HALF_A_YEAR: SignedDuration = SignedDuration::from_hours(24 * 182);
                let zone = TimeZone::system();
                let now = Timestamp::now();
                let offsets = [now, now + HALF_A_YEAR].map(|at| zone.to_offset(at).seconds());
                let name = zone.iana_name().unwrap_or("a zone without a name");
                Ok((asked, json!({ "zone": name, "offsets": offsets })))
            }
            _ => Err((asked, "this is nothing that the box is asked".into())),
        }
    }

    fn tmux(&self) -> Result<Tmux, (String, String)> {
        let Some(host) = &self.world.config.host else {
            return Err(("this machine".into(), "`host` is not configured".into()));
        };
        Ok(Tmux::new(tool(&host.tmux)))
    }

    async fn session(&self, name: &str) -> Result<Option<Session>, (String, String)> {
        let sessions = self.tmux()?.sessions().await;
        let sessions = sessions.map_err(|error| ("this machine".to_owned(), error.to_string()))?;
        Ok(sessions.into_iter().find(|session| session.name == name))
    }

    /// Stops all work in a session for real. Its own process is left running: tmux continues that one at once, and all its group with it.
    pub async fn wedge(&self, label: &str, session: &str) -> Result<(), Stop> {
        if self.recall(label).await?.is_some() {
            return Ok(());
        }
        if self.begin(label).await? {
            return Err(Stop::Lost(
                "the restart came while a session was being stopped".into(),
            ));
        }
        let question = Question::Agent {
            session: session.to_owned(),
        };
        let identities = |agent: &Value| -> Vec<(i32, u64)> {
            let works = agent["processes"].as_array().into_iter().flatten().skip(1);
            let identity = |process: &Value| {
                let pid = i32::try_from(process["pid"].as_i64()?).ok()?;
                Some((pid, process["started"].as_u64()?))
            };
            works.filter_map(identity).collect()
        };
        if let (_, Answer::Seen(agent)) = self.ask(&question).await {
            let works = identities(&agent);
            for identity in &works {
                // Who has ended meanwhile cannot be stopped, which the answer shows.
                let _ = processes::send(Signal::STOP, *identity);
            }
            // It takes effect when a process is next looked at by the kernel.
            let began = Instant::now();
            let is_stopped = |process: &Process| "TtZ".contains(process.state);
            while began.elapsed() < STOPS_WITHIN
                && processes::alive(&works).is_ok_and(|now| !now.iter().all(is_stopped))
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let (asked, answer) = self.ask(&question).await;
        let question = Question::Wedge {
            session: session.to_owned(),
        };
        self.record::<Value>(label, question, asked, None, answer)
            .await
            .map(drop)
    }

    /// Runs a command with nothing in its environment but what is given.
    pub async fn bare(
        &self,
        label: &str,
        command: &[String],
        told: &[(&str, String)],
        limit: Duration,
    ) -> Result<Ran, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let Some((program, arguments)) = command.split_first() else {
            return Err(Stop::Broken("the schedule names no command".into()));
        };
        let process = crate::host::process::Command::new(program)
            .args(arguments)
            .bare()
            .time_limit(limit);
        self.run(label, process, command.to_vec(), told).await
    }

    /// Asks for the orchestrator over a process list of our own.
    pub async fn orchestrator(
        &self,
        label: &str,
        command: &Command,
        variable: &str,
        list: &[String],
    ) -> Result<(), Stop> {
        let folder = &self.world.config.server.data;
        let file = folder.join(format!("{}-{label}.txt", self.name));
        let told = [(variable, file.display().to_string())];
        if self.recall(label).await?.is_none() {
            let text = list.join("\n") + "\n";
            std::fs::write(&file, text)
                .map_err(|error| Stop::Broken(format!("writing {}: {error}", file.display())))?;
        }
        let listed = Question::Text {
            path: file.display().to_string(),
        };
        self.see::<Value>(&format!("{label}.list"), listed).await?;
        self.flow(label, command, &[], &told).await?;
        // Gone already after a restart.
        let _ = std::fs::remove_file(&file);
        Ok(())
    }
}
