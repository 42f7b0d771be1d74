//! How a fact's question is put again by hand: the line that whoever trusts nobody types into a shell.

use crate::evidence::{Fact, Question};

/// The line; `None` for what was done and cannot be asked, for what was true only then, and for Gavel's own word. Private repositories want
/// a token beside it.
pub fn command(fact: &Fact) -> Option<String> {
    let url = fact.asked.strip_prefix("GET ").unwrap_or(&fact.asked);
    match &fact.question {
        // Of several addresses, one for each step.
        Question::BuildLog { .. } => None,
        _ if url.starts_with("http") => Some(words(&["curl", "-fsS", url])),
        Question::Run {
            command,
            environment,
        } => {
            // A name is quoted with its `=` only, and then is no assignment any more.
            let told = environment.iter().map(|(name, value)| {
                let value = shell_words::quote(value);
                format!("{name}={value}")
            });
            let line = shell_words::join(command);
            Some(told.chain([line]).collect::<Vec<_>>().join(" "))
        }
        Question::Digests { paths, .. } if !paths.is_empty() => {
            let paths = paths.iter().map(String::as_str);
            let line: Vec<&str> = ["sha256sum", "--"].into_iter().chain(paths).collect();
            Some(words(&line))
        }
        Question::Clone { path } => Some(words(&[
            "git",
            "--no-optional-locks",
            "-C",
            path,
            "status",
            "--branch",
            "--short",
        ])),
        Question::Entries { folder } => Some(words(&["ls", "-A", "--", folder])),
        Question::Text { path } => Some(words(&["cat", "--", path])),
        Question::Stacks => Some("docker stack ls".into()),
        Question::Volumes => Some("docker volume ls".into()),
        Question::Crontab => Some("crontab -l".into()),
        Question::Sessions => Some("tmux list-sessions".into()),
        Question::Agent { session } => Some(words(&[
            "tmux",
            "list-panes",
            "-t",
            &format!("={session}:"),
            "-F",
            "#{session_id} #{pane_pid}",
        ])),
        Question::Screen { session } => Some(words(&[
            "tmux",
            "capture-pane",
            "-p",
            "-S",
            "-",
            "-t",
            &format!("={session}:"),
        ])),
        _ => None,
    }
}

fn words(line: &[&str]) -> String {
    shell_words::join(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Answer, Sighting};

    fn line(question: Question, asked: &str) -> Option<String> {
        let sighting = Sighting {
            label: "one".into(),
            question,
            asked: asked.into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            watch: None,
            answer: Answer::Seen(1.into()),
        };
        command(&Fact::chain(sighting, None))
    }

    #[test]
    fn what_can_be_asked_again_has_a_line_that_a_shell_takes_as_it_is_meant() {
        let list = "GET http://forge/api/v1/repos/a/b/pulls?state=all&page=1";
        for (question, asked, expected) in [
            (
                Question::Pulls {
                    repository: "a/b".into(),
                },
                list,
                Some("curl -fsS 'http://forge/api/v1/repos/a/b/pulls?state=all&page=1'"),
            ),
            (
                Question::Run {
                    command: vec!["/bin/recipe-upgrade".into(), "a; rm -rf /".into()],
                    environment: vec![("POST".into(), "0".into()), ("ARGS".into(), "a b".into())],
                },
                "this machine",
                Some("POST=0 ARGS='a b' /bin/recipe-upgrade 'a; rm -rf /'"),
            ),
            (
                Question::Screen {
                    session: "weekly".into(),
                },
                "this machine",
                Some("tmux capture-pane -p -S - -t '=weekly:'"),
            ),
            (
                Question::Digests {
                    part: "skills".into(),
                    paths: vec!["-a".into()],
                },
                "this machine",
                Some("sha256sum -- -a"),
            ),
            (
                Question::Digests {
                    part: "skills".into(),
                    paths: Vec::new(),
                },
                "this machine",
                None,
            ),
            (
                Question::Build { number: 3 },
                "http://drone/api/repos/a/b/builds/3",
                Some("curl -fsS http://drone/api/repos/a/b/builds/3"),
            ),
            (
                Question::BuildLog { number: 3 },
                "http://drone/api/repos/a/b/builds/3/logs",
                None,
            ),
            (Question::Quiet { milliseconds: 3 }, "the clock", None),
            (Question::Expectations, "the configuration", None),
        ] {
            assert_eq!(line(question, asked).as_deref(), expected);
        }
    }
}
