//! Running commands of the flow, and putting on record how they went.

use super::{Bench, Stop, read, to_value};
use crate::config::Command;
use crate::evidence::{Answer, Question};
use crate::flow::{End, Ran};
use crate::host::process;
use crate::host::spool::Waited;
use crate::instants::{reach, shape};
use futures_util::FutureExt;
use std::time::Duration;

impl Bench {
    /// Runs the helper on a pull request.
    pub async fn helper(
        &self,
        label: &str,
        number: u64,
        post: bool,
        wait: Duration,
    ) -> Result<Ran, Stop> {
        let helper = &self.world.config.flow.helper;
        let told = [
            ("POST", if post { "1" } else { "0" }.to_owned()),
            ("MAX_WAIT", wait.as_secs().to_string()),
            ("INTERVAL", helper.interval.as_secs_f64().to_string()),
        ];
        let command = Command {
            // What it needs beyond its own waiting: a request or two that hang.
            time_limit: wait + self.world.config.patience.request * 2,
            ..helper.command.clone()
        };
        let arguments = [self.expect.recipe.clone(), number.to_string()];
        self.flow(label, &command, &arguments, &told).await
    }

    /// Runs a command of the flow to its end, with more arguments and variables of its own.
    pub async fn flow(
        &self,
        label: &str,
        command: &Command,
        arguments: &[String],
        told: &[(&str, String)],
    ) -> Result<Ran, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let mut process = process::Command::new(&command.program)
            .args(&command.arguments)
            .args(arguments)
            .time_limit(command.time_limit);
        for (name, value) in &command.environment {
            process = process.env(name, value);
        }
        for (name, value) in &command.secrets {
            process = process.secret_env(name, &value.now());
        }
        self.run(label, process, command.line(arguments), told)
            .await
    }

    /// Runs a process with more variables, and records how it went under the line that a person would type. It outlives Gavel: after a
    /// restart it is waited for again. Only where it was ended from outside meanwhile nobody knows what it has done.
    pub(super) async fn run(
        &self,
        label: &str,
        mut process: process::Command,
        line: Vec<String>,
        told: &[(&str, String)],
    ) -> Result<Ran, Stop> {
        self.expect_deploys().boxed().await?;
        let spool = self.world.spools.of(&self.name, label);
        let broken = |error: std::io::Error| {
            Stop::Broken(format!(
                "running `{}`: {error}. Check disk space and permissions of `server.data`",
                shell_words::join(&line)
            ))
        };
        if !self.begin(label).await? || !spool.was_begun() {
            for (name, value) in told {
                process = process.env(*name, value);
            }
            reach(|| format!("before starting the command of {}", shape(label)));
            spool.start(&process).await.map_err(broken)?;
            reach(|| format!("after starting the command of {}", shape(label)));
        }
        let cancelled = self.ledger.cancelled();
        let outcome = match spool.wait(cancelled).await.map_err(broken)? {
            Waited::Ended(outcome) => outcome,
            // It is taken up again.
            Waited::Cancelled if self.ledger.is_leaving() => return Err(Stop::Cancelled),
            Waited::Cancelled => {
                spool.end().await.map_err(broken)?;
                return Err(Stop::Cancelled);
            }
            Waited::Gone => {
                return Err(Stop::Lost(
                    "a command of the flow was ended from outside, or the machine was restarted"
                        .into(),
                ));
            }
        };
        let ran = Ran {
            end: match outcome.exit {
                process::Exit::Exited(code) => End::Exited(code),
                process::Exit::Signalled(signal) => End::Signalled(signal),
                process::Exit::TimedOut => End::TimedOut,
                process::Exit::CouldNotStart(why) => End::NotStarted(why),
                process::Exit::Cancelled => {
                    return Err(Stop::Lost(
                        "a command of the flow was told to end, and not by Gavel".into(),
                    ));
                }
            },
            stdout: outcome.stdout.text,
            stderr: outcome.stderr.text,
            stdout_cut: outcome.stdout.truncated,
            stdout_bytes: outcome.stdout.bytes_total,
            stderr_bytes: outcome.stderr.bytes_total,
            milliseconds: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        };
        let question = Question::Run {
            command: line.clone(),
            environment: told
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        };
        let answer = Answer::Seen(to_value(&ran));
        let ran = self
            .record(label, question, "this machine".into(), None, answer)
            .await?;
        spool.remove().map_err(broken)?;
        Ok(ran)
    }
}
