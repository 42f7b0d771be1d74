//! What is done when: crontabs, and the line that is to stand in one.

use super::{HostError, Tool};
use chrono::{DateTime, Utc};
use croner::Cron;
use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::LazyLock;

/// One line of a crontab: when, and which command. The command is known as words, since no shell is asked; where its output goes at the
/// line's end is left out, since the same is called.
#[derive(Debug, Clone)]
pub struct Schedule {
    when: Cron,
    /// The five fields as they were written.
    pub fields: String,
    pub command: Vec<String>,
}

/// Why a line is no schedule that Gavel can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("`{0}` is no line of a crontab: five fields that say when, and a command")]
    NotALine(String),
    #[error("`{fields}` does not say when: {why}")]
    UnknownTime { fields: String, why: String },
    #[error("`{command}` is no plain command: {why}. Put it into a script, and name that")]
    NeedsShell {
        fields: String,
        command: String,
        why: String,
    },
}

/// A redirection that stands last: into or from a file, or one output into another. A number before it belongs to it where it stands alone.
static REDIRECTION: LazyLock<Regex> = LazyLock::new(|| {
    let file = r#"'[^']*'|"[^"`(]*"|[^\s'"`|&;<>()]+"#;
    let pattern = format!(r"(?:\s+\d+|\s+&|\s*)(?:>>?\s*(?:&\d|{file})|<\s*(?:{file}))$");
    Regex::new(&pattern).expect("it is a regex")
});

/// A command without the redirections at its end.
fn plain(mut command: &str) -> &str {
    while let Some(found) = REDIRECTION.find(command.trim_end()) {
        command = &command[..found.start()];
    }
    command.trim_end()
}

/// What only a shell, or cron itself (`%`), would understand outside quotes.
const SHELL: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '[', '#', '~', '%', '\n',
];

impl Schedule {
    pub fn parse(line: &str) -> Result<Schedule, ScheduleError> {
        let line = line.trim();
        let mut rest = line;
        for _ in 0..5 {
            rest = rest
                .trim_start()
                .trim_start_matches(|letter: char| !letter.is_whitespace());
        }
        let fields = line[..line.len() - rest.len()].trim();
        let command = rest.trim();
        if command.is_empty() || line.starts_with('#') {
            return Err(ScheduleError::NotALine(line.to_owned()));
        }
        let fields = fields.split_whitespace().collect::<Vec<_>>().join(" ");
        let when = Cron::from_str(&fields).map_err(|error| ScheduleError::UnknownTime {
            fields: fields.clone(),
            why: error.to_string(),
        })?;
        let command = plain(command);
        let refuse = |why: String| ScheduleError::NeedsShell {
            fields: fields.clone(),
            command: command.to_owned(),
            why,
        };
        if let Some(sign) = command.chars().find(|letter| SHELL.contains(letter)) {
            return Err(refuse(format!("`{sign}` means something to a shell")));
        }
        let words = shell_words::split(command).map_err(|error| refuse(error.to_string()))?;
        if words.is_empty() {
            return Err(ScheduleError::NotALine(line.to_owned()));
        }
        Ok(Schedule {
            when,
            fields,
            command: words,
        })
    }

    /// The next times after `from`, in UTC.
    pub fn next(&self, from: Timestamp, count: usize) -> Vec<Timestamp> {
        let Some(from) = DateTime::<Utc>::from_timestamp(from.as_second(), 0) else {
            return Vec::new();
        };
        self.when
            .iter_after(from)
            .take(count)
            .filter_map(|time| Timestamp::from_second(time.timestamp()).ok())
            .collect()
    }
}

/// An account's crontab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crontab {
    /// Its lines as they are; none where the account has no crontab.
    pub lines: Vec<String>,
}

/// Asks for the crontab with a command such as `crontab -l`.
pub async fn crontab(tool: &Tool) -> Result<Crontab, HostError> {
    let text = match tool.ask::<&str>(&[]).await {
        Ok(text) => text,
        // That is how it says that there is none.
        Err(HostError::Failed { words, .. }) if words.starts_with("no crontab for") => {
            String::new()
        }
        Err(error) => return Err(error),
    };
    Ok(Crontab {
        lines: text.lines().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_and_what() {
        let weekly = Schedule::parse("0 3 * * 6  /srv/launch-upgrader.sh start 'a b'").unwrap();
        assert_eq!(weekly.fields, "0 3 * * 6");
        assert_eq!(weekly.command, ["/srv/launch-upgrader.sh", "start", "a b"]);
        let from = "2026-05-31T13:30:00Z".parse().unwrap();
        let next: Vec<String> = weekly
            .next(from, 2)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(next, ["2026-06-06T03:00:00Z", "2026-06-13T03:00:00Z"]);
        let named = Schedule::parse("0 3 * * sat /srv/launch-upgrader.sh start").unwrap();
        assert_eq!(named.next(from, 9), weekly.next(from, 9));
    }

    #[test]
    fn where_the_output_goes_is_no_part_of_what_is_called() {
        for end in [
            " >> /var/log/upgrader.log 2>&1",
            " >/dev/null 2>&1",
            ">>log",
            " > log",
            " 2> 'a b'",
            " 1>>log 2>>\"$HOME/log\"",
            " &> log",
            " </dev/null >log",
        ] {
            let schedule = Schedule::parse(&format!("0 3 * * 6 /srv/launch start{end} ")).unwrap();
            assert_eq!(schedule.command, ["/srv/launch", "start"], "{end}");
        }
        for (line, why) in [
            ("0 3 * * 6 >log", "no line of a crontab"),
            ("0 3 * * 6 a | b > log", "means something to a shell"),
            ("0 3 * * 6 a > log b", "means something to a shell"),
            ("0 3 * * 6 a > $(date) 2>&1", "means something to a shell"),
            ("0 3 * * 6 sh -c 'a > b'", "means something to a shell"),
            ("0 3 * * 6 sh -c 'a > ''b'", "means something to a shell"),
            ("0 3 * * 6 a >", "means something to a shell"),
        ] {
            let error = Schedule::parse(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
        // What stands at a word is no number of an output.
        let words = Schedule::parse("0 3 * * 6 start2>&1").unwrap().command;
        assert_eq!(words, ["start2"]);
    }

    #[test]
    fn what_cannot_be_followed_says_why() {
        for (line, why) in [
            ("", "no line of a crontab"),
            ("0 3 * * 6", "no line of a crontab"),
            ("# 0 3 * * 6 true", "no line of a crontab"),
            ("0 25 * * 6 true", "does not say when"),
            ("0 3 * * 6 a && b", "means something to a shell"),
            ("0 3 * * 6 a $HOME", "means something to a shell"),
            ("0 3 * * 6 'a", "no plain command"),
        ] {
            let error = Schedule::parse(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[tokio::test]
    async fn a_crontab_none_and_one_that_cannot_be_read() {
        let printed = crontab(&Tool::new(["printf", "a\nb\n"])).await.unwrap();
        assert_eq!(printed.lines, ["a", "b"]);
        let none = ["sh", "-c", "echo no crontab for root >&2; exit 1"];
        assert!(crontab(&Tool::new(none)).await.unwrap().lines.is_empty());
        let barred = ["sh", "-c", "echo must be privileged >&2; exit 1"];
        let error = crontab(&Tool::new(barred)).await.unwrap_err().to_string();
        assert!(error.contains("must be privileged"), "{error}");
    }
}
