//! How a fact's question is put again by hand: the line that whoever trusts nobody types into a shell.

use crate::evidence::{Answer, Fact, Question};

/// A line for a shell.
pub enum Line {
    /// It only asks.
    Ask(String),
    /// It does once more what was done then. It wants the environment of the flow, with its tokens.
    Act(String),
}

/// The line; `None` for what cannot be asked by one, and for Gavel's own word. `facts` are those of the attempt. Private repositories want a
/// token beside it.
pub fn line(fact: &Fact, facts: &[Fact]) -> Option<Line> {
    match &fact.question {
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
            Some(Line::Act(told.chain([line]).collect::<Vec<_>>().join(" ")))
        }
        _ => ask(fact, facts).map(Line::Ask),
    }
}

fn ask(fact: &Fact, facts: &[Fact]) -> Option<String> {
    let url = fact.asked.strip_prefix("GET ").unwrap_or(&fact.asked);
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    match &fact.question {
        Question::BuildLog { number } if is_web => logs(url, *number, facts),
        // Told to those who sign in only, and by the answer's number alone.
        Question::Collaborator { .. } if is_web => Some(yes_or_no(url, "a collaborator's")),
        Question::Member { account, .. } if is_web => {
            Some(yes_or_no(url, &format!("{account}'s own")))
        }
        _ if is_web => Some(words(&["curl", "-fsS", url])),
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

/// Drone has an address for the log of each step; which steps there are is what the build itself said.
fn logs(url: &str, build: u64, facts: &[Fact]) -> Option<String> {
    let said = facts
        .iter()
        .rev()
        .filter(|fact| fact.question == Question::Build { number: build })
        .find_map(|fact| match &fact.answer {
            Answer::Seen(said) => said["stages"].as_array(),
            Answer::Unseen(_) => None,
        })?;
    let steps = said.iter().flat_map(|stage| {
        let steps = stage["steps"].as_array().into_iter().flatten();
        steps.filter_map(|step| Some((stage["number"].as_u64()?, step["number"].as_u64()?)))
    });
    let urls: Vec<String> = steps
        .map(|(stage, step)| format!("{url}/{stage}/{step}"))
        .collect();
    let line = ["curl", "-fsS"].into_iter();
    (!urls.is_empty()).then(|| shell_words::join(line.chain(urls.iter().map(String::as_str))))
}

fn yes_or_no(url: &str, whose: &str) -> String {
    let line = words(&[
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}\\n",
        url,
    ]);
    // Whose it is stands in a comment, where a name is only read.
    let whose = whose.replace(char::is_control, " ");
    format!("{line} -H \"Authorization: token $TOKEN\" # 204 is yes; the token is {whose}")
}

fn words(line: &[&str]) -> String {
    shell_words::join(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Sighting;
    use serde_json::{Value, json};

    fn fact(question: Question, asked: &str, answer: Value) -> Fact {
        let sighting = Sighting {
            label: "one".into(),
            question,
            asked: asked.into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            watch: None,
            answer: Answer::Seen(answer),
        };
        Fact::chain(sighting, None)
    }

    fn asks(question: Question, asked: &str, facts: &[Fact]) -> Option<String> {
        match line(&fact(question, asked, Value::Null), facts)? {
            Line::Ask(line) => Some(line),
            Line::Act(line) => panic!("{line} acts"),
        }
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
            (
                Question::Member {
                    organisation: "a".into(),
                    account: "some body\n".into(),
                },
                "GET http://forge/api/v1/orgs/a/members/x",
                Some(
                    "curl -sS -o /dev/null -w '%{http_code}\\n' http://forge/api/v1/orgs/a/members/x -H \"Authorization: token $TOKEN\" # 204 is yes; the token is some body 's own",
                ),
            ),
            (Question::Quiet { milliseconds: 3 }, "the clock", None),
            (Question::Expectations, "the configuration", None),
        ] {
            assert_eq!(asks(question, asked, &[]).as_deref(), expected);
        }
    }

    #[test]
    fn a_log_is_asked_step_by_step() {
        let url = "http://drone/api/repos/a/b/builds/3";
        let steps = json!([{ "number": 1 }, { "number": 2 }]);
        let said = json!({ "stages": [{ "number": 1, "steps": steps }, { "number": 2 }] });
        let facts = [fact(Question::Build { number: 3 }, url, said)];
        let logs = |number| {
            asks(
                Question::BuildLog { number },
                &format!("{url}/logs"),
                &facts,
            )
        };
        assert_eq!(
            logs(3).unwrap(),
            format!("curl -fsS {url}/logs/1/1 {url}/logs/1/2")
        );
        assert_eq!(logs(4), None);
    }

    #[test]
    fn what_acts_is_told_from_what_asks() {
        let question = Question::Run {
            command: vec!["/bin/recipe-upgrade".into(), "a; rm -rf /".into()],
            environment: vec![("POST".into(), "0".into()), ("ARGS".into(), "a b".into())],
        };
        let Some(Line::Act(line)) = line(&fact(question, "this machine", Value::Null), &[]) else {
            panic!("a command of the flow only asks");
        };
        assert_eq!(line, "POST=0 ARGS='a b' /bin/recipe-upgrade 'a; rm -rf /'");
    }
}
