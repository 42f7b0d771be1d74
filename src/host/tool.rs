//! A program of the box that answers in a moment: what it printed, or why it cannot be believed.

use super::owned;
use super::process::{self, Command, Exit};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

/// A program, the arguments that come before Gavel's own, and what it finds in its environment.
#[derive(Debug, Clone)]
pub struct Tool {
    line: Vec<String>,
    environment: BTreeMap<String, String>,
    secrets: BTreeMap<String, SecretString>,
    time_limit: Duration,
}

/// Why a program of the box gave no answer. Every one says what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("`{asked}` could not be run: {why}. Install it, or name it under `host` in gavel.toml")]
    CouldNotStart { asked: String, why: String },
    #[error("`{asked}` had not answered after {seconds} s")]
    TimedOut { asked: String, seconds: u64 },
    /// It ran, and ended with a failure.
    #[error("`{asked}` failed ({how}): {words}")]
    Failed {
        asked: String,
        how: String,
        words: String,
    },
    /// It answered in a form that is not its own.
    #[error("`{asked}` answered what cannot be read: {why}")]
    Unreadable { asked: String, why: String },
}

impl Tool {
    /// `line` is the program and the arguments that always come first; ten seconds.
    pub fn new<S: Into<String>>(line: impl IntoIterator<Item = S>) -> Tool {
        Tool {
            line: line.into_iter().map(Into::into).collect(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            time_limit: Duration::from_secs(10),
        }
    }

    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Tool {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub fn envs(mut self, pairs: &BTreeMap<String, String>) -> Tool {
        self.environment.extend(pairs.clone());
        self
    }

    pub fn secret_env(mut self, name: impl Into<String>, value: SecretString) -> Tool {
        self.secrets.insert(name.into(), value);
        self
    }

    pub fn time_limit(mut self, limit: Duration) -> Tool {
        self.time_limit = limit;
        self
    }

    /// The command line as a person would type it. Holds no value of the environment.
    pub fn asked<A: AsRef<OsStr>>(&self, arguments: &[A]) -> String {
        let words = self.line.iter().map(String::as_str).map(str::to_owned);
        let arguments = arguments
            .iter()
            .map(|argument| argument.as_ref().to_string_lossy().into_owned());
        let words: Vec<String> = words.chain(arguments).collect();
        shell_words::join(words)
    }

    /// What it prints when it ends well.
    pub async fn ask<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String, HostError> {
        let asked = self.asked(arguments);
        let outcome = process::run(self.command(arguments)?).await;
        let words = || {
            let words = [&outcome.stderr.text, &outcome.stdout.text]
                .into_iter()
                .map(|text| text.trim())
                .find(|text| !text.is_empty())
                .unwrap_or("it said nothing");
            words.chars().take(2000).collect::<String>()
        };
        match outcome.exit {
            Exit::Exited(0) if outcome.stdout.truncated => Err(HostError::Unreadable {
                asked,
                why: format!(
                    "it printed {} bytes, of which only the beginning was kept",
                    outcome.stdout.bytes_total
                ),
            }),
            Exit::Exited(0) => Ok(outcome.stdout.text),
            exit => Err(failed(asked, exit, words(), self.time_limit)),
        }
    }

    /// As [`process::lines`] takes it, for programs that go on and on.
    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Command, HostError> {
        let Some((program, first)) = self.line.split_first() else {
            return Err(HostError::CouldNotStart {
                asked: self.asked(arguments),
                why: "no program is named".into(),
            });
        };
        let mut command = Command::new(program)
            .args(first)
            .args(arguments.iter().map(AsRef::as_ref))
            .env(owned::OWNER, owned::owner())
            .time_limit(self.time_limit);
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        for (name, value) in &self.secrets {
            command = command.secret_env(name, value);
        }
        Ok(command)
    }
}

/// How an end that is no good one is told.
pub(super) fn failed(asked: String, exit: Exit, words: String, limit: Duration) -> HostError {
    match exit {
        Exit::CouldNotStart(why) => HostError::CouldNotStart { asked, why },
        Exit::TimedOut => HostError::TimedOut {
            asked,
            seconds: limit.as_secs(),
        },
        Exit::Exited(code) => HostError::Failed {
            asked,
            how: format!("exit code {code}"),
            words,
        },
        Exit::Signalled(signal) => HostError::Failed {
            asked,
            how: format!("ended by signal {signal}"),
            words,
        },
        Exit::Cancelled => HostError::Failed {
            asked,
            how: "cancelled".into(),
            words,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_printed_or_why_not() {
        let echo = Tool::new(["echo", "a"]);
        assert_eq!(echo.ask(&["b c"]).await.unwrap(), "a b c\n");
        assert_eq!(echo.asked(&["b c"]), "echo a 'b c'");
        let error = Tool::new(["ls"]).ask(&["/no/such"]).await.unwrap_err();
        assert!(matches!(&error, HostError::Failed { words, .. } if words.contains("/no/such")));
        let error = Tool::new(["no-such-program"]).ask::<&str>(&[]).await;
        assert!(matches!(error, Err(HostError::CouldNotStart { .. })));
        let error = Tool::new(["sleep"])
            .time_limit(Duration::from_millis(20))
            .ask(&["1000"])
            .await;
        assert!(matches!(error, Err(HostError::TimedOut { .. })));
    }
}
