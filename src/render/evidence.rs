//! Names for facts, so that a link to one says what is behind it.

use crate::evidence::{Answer, Fact, Question};
use serde_json::Value;
use std::collections::HashSet;
use std::mem::discriminant;

/// As many as stand beside a clause in a comment; the page has all of them.
const SHOWN: usize = 4;

/// As much of a call as its name shows.
const CALLED: usize = 48;

/// What a fact is about, in a few words; to be made harmless by whoever shows them. What is code stands between backticks.
pub fn words(fact: &Fact, facts: &[Fact]) -> String {
    let question = &fact.question;
    match question {
        Question::Expectations => "expectations".into(),
        Question::LatestAct { account } => format!("newest act of {account}"),
        Question::Verified { tests_head, .. } => {
            format!("results with the tests at {}", code(cut(tests_head)))
        }
        Question::Clone { path } => format!("clone {}", code(path)),
        Question::Inhabitants { folder } => format!("who works in {}", code(folder)),
        Question::Stacks => "stacks".into(),
        Question::Volumes => "volumes".into(),
        Question::Crontab => "crontab".into(),
        Question::Entries { folder } => format!("folder {}", code(folder)),
        Question::Users { folder } => format!("who uses {}", code(folder)),
        Question::Deploys => "deploys".into(),
        Question::Recorded => "what is on record".into(),
        Question::Cleaned => "cleanup".into(),
        Question::Cleared { mirror } => format!("{} cleared", short(mirror)),
        Question::Watched => "what is watched".into(),
        Question::ForgeVersion => "forge".into(),
        Question::DroneVersion => "Drone".into(),
        Question::Digests { part, .. } => format!("files of the {part}"),
        Question::Branch { repository, branch } => {
            format!("{} of {}", code(branch), named(repository, question, facts))
        }
        Question::Branches { repository } => {
            format!("branches of {}", named(repository, question, facts))
        }
        Question::File {
            repository,
            path,
            at,
        } => match cut(at) {
            // A commit is in one repository, a branch of this name in many.
            branch if branch == at => {
                let repository = named(repository, question, facts);
                format!("{} at {} of {repository}", code(path), code(branch))
            }
            commit => format!("{} at {}", code(path), code(commit)),
        },
        Question::Tree { commit, .. } => format!("files at {}", code(cut(commit))),
        Question::Repositories { owner } => format!("repositories of {owner}"),
        Question::Pulls { repository } => {
            format!("pull requests of {}", named(repository, question, facts))
        }
        Question::Pull { repository, number } => {
            format!("pull request {}", numbered(repository, *number, facts))
        }
        Question::PullFiles { repository, number } => {
            format!("files of {}", numbered(repository, *number, facts))
        }
        Question::Timeline { repository, number } => {
            format!("history of {}", numbered(repository, *number, facts))
        }
        Question::Commit { branch, path, .. } => {
            format!("commit of {} on {}", code(path), code(branch))
        }
        Question::Tags { image } => format!("tags of {}", code(image)),
        Question::Comments { repository, number } => {
            format!("comments of {}", numbered(repository, *number, facts))
        }
        Question::Statuses { repository, commit } => match opened_for(commit, facts) {
            Some(number) => format!("statuses of {}", numbered(repository, number, facts)),
            None => format!("statuses of {}", code(cut(commit))),
        },
        Question::Collaborator { account, .. } => format!("access of {account}"),
        Question::Member { account, .. } => format!("membership of {account}"),
        Question::Activity { account, .. } => format!("acts of {account}"),
        Question::LatestBuild => "newest build".into(),
        Question::Builds { after: 0 } => "all builds".into(),
        Question::Builds { after } => format!("builds after {after}"),
        Question::Build { number } => format!("build {number}"),
        Question::BuildLog { number } => format!("log of build {number}"),
        Question::Results { build } => format!("results of build {build}"),
        Question::Post {
            repository,
            number,
            account,
            body,
        } => {
            let short = body.chars().count() <= 24 && !body.contains(['\n', '`']);
            let typed = if short { code(body) } else { "comment".into() };
            let on = numbered(repository, *number, facts);
            format!("{typed} by {account} on {on}")
        }
        Question::OpenPull { repository, .. } => match opened(fact) {
            Some(number) => format!("pull request {}", numbered(repository, number, facts)),
            None => "pull request".into(),
        },
        Question::Run {
            command,
            environment,
        } => match environment.iter().find(|(name, _)| name == "POST") {
            Some((_, value)) => format!("helper {}", code(&format!("POST={value}"))),
            None => code(&called(command)),
        },
        Question::Sessions => "tmux sessions".into(),
        Question::Agent { session } => format!("session {} and its processes", code(session)),
        Question::Screen { session } => format!("screen of {}", code(session)),
        Question::Running { .. } => "processes that were there".into(),
        Question::Wedge { session } => format!("work of {} stopped", code(session)),
        Question::Text { path } => code(path.rsplit('/').next().unwrap_or(path)),
        Question::Clock => "time zone".into(),
        Question::Quiet { .. } => "quiet window".into(),
        Question::Calm => "outages".into(),
    }
}

/// The few of a clause's facts that say most, in the order in which they were seen.
pub fn few<'a>(cited: &[&'a Fact], facts: &[Fact]) -> Vec<&'a Fact> {
    let mut known = HashSet::new();
    // Of several looks at the same, the last one decides.
    let mut chosen: Vec<&Fact> = cited
        .iter()
        .rev()
        .filter(|fact| known.insert(words(fact, facts)))
        .copied()
        .collect();
    chosen.sort_by_key(|fact| weight(&fact.question));
    chosen.truncate(SHOWN);
    chosen.sort_by_key(|fact| fact.number);
    chosen
}

/// What was done and what came of it says more than what was asked on the way; least first.
fn weight(question: &Question) -> u8 {
    match question {
        Question::Post { .. }
        | Question::Run { .. }
        | Question::Build { .. }
        | Question::Results { .. }
        | Question::Verified { .. }
        | Question::Screen { .. }
        | Question::Wedge { .. }
        | Question::Quiet { .. } => 0,
        Question::Statuses { .. }
        | Question::Agent { .. }
        | Question::Comments { .. }
        | Question::Activity { .. }
        | Question::Builds { .. }
        | Question::BuildLog { .. }
        | Question::OpenPull { .. } => 1,
        // They only frame what the others show.
        Question::Expectations
        | Question::Watched
        | Question::Calm
        | Question::LatestAct { .. }
        | Question::LatestBuild => 3,
        _ => 2,
    }
}

/// Where what was seen can be looked at by a person, as it is now.
pub fn place(fact: &Fact, facts: &[Fact]) -> Option<String> {
    let place = match &fact.question {
        Question::Post { .. } | Question::OpenPull { .. } => {
            seen(fact)?["html_url"].as_str()?.to_owned()
        }
        Question::Build { number }
        | Question::BuildLog { number }
        | Question::Results { build: number } => {
            let expectations = facts
                .iter()
                .find(|fact| fact.question == Question::Expectations)
                .and_then(seen)?;
            format!("{}/{number}", expectations["build_pages"].as_str()?)
        }
        _ => return None,
    };
    // It is an answer of somebody else: only what a browser fetches becomes a link.
    (place.starts_with("http://") || place.starts_with("https://")).then_some(place)
}

/// The pull request that was opened with this commit as its head.
fn opened_for(commit: &str, facts: &[Fact]) -> Option<u64> {
    facts
        .iter()
        .filter(|fact| matches!(fact.question, Question::OpenPull { .. }))
        .find(|fact| seen(fact).is_some_and(|pull| pull["head"]["sha"] == commit))
        .and_then(opened)
}

/// The number of the pull request that was opened.
fn opened(fact: &Fact) -> Option<u64> {
    seen(fact)?["number"].as_u64()
}

/// A program with its arguments, as far as they tell one call of it from another.
fn called(command: &[String]) -> String {
    let mut called = String::new();
    for (number, word) in command.iter().enumerate() {
        match number {
            0 => called.push_str(short(word)),
            _ if called.len() + word.len() < CALLED => {
                called.push(' ');
                called.push_str(word);
            }
            _ => {
                called.push_str(" …");
                break;
            }
        }
    }
    called
}

/// A pull request as people write it, with its repository where the attempt looked at those of others too.
fn numbered(repository: &str, number: u64, facts: &[Fact]) -> String {
    let others = facts.iter().map(|fact| &fact.question).filter(|question| {
        matches!(
            question,
            Question::Pull { .. }
                | Question::PullFiles { .. }
                | Question::Timeline { .. }
                | Question::Comments { .. }
                | Question::Post { .. }
                | Question::OpenPull { .. }
        )
    });
    let others: Vec<&str> = others
        .filter_map(of)
        .filter(|other| *other != repository)
        .collect();
    let has_namesake = others.iter().any(|other| short(other) == short(repository));
    match others.is_empty() {
        true => format!("#{number}"),
        false if has_namesake => format!("{repository}#{number}"),
        false => format!("{}#{number}", short(repository)),
    }
}

/// A repository's own name, or all of it where the same was asked of another of that name: a mirror has its upstream's.
fn named<'a>(repository: &'a str, question: &Question, facts: &[Fact]) -> &'a str {
    let has_namesake = facts
        .iter()
        .filter(|fact| discriminant(&fact.question) == discriminant(question))
        .filter_map(|fact| of(&fact.question))
        .any(|other| other != repository && short(other) == short(repository));
    match has_namesake {
        true => repository,
        false => short(repository),
    }
}

/// The repository that was looked at.
fn of(question: &Question) -> Option<&str> {
    match question {
        Question::Branch { repository, .. }
        | Question::Branches { repository }
        | Question::File { repository, .. }
        | Question::Tree { repository, .. }
        | Question::Pulls { repository }
        | Question::Pull { repository, .. }
        | Question::PullFiles { repository, .. }
        | Question::Timeline { repository, .. }
        | Question::Comments { repository, .. }
        | Question::Statuses { repository, .. }
        | Question::Collaborator { repository, .. }
        | Question::Post { repository, .. }
        | Question::OpenPull { repository, .. }
        | Question::Commit { repository, .. } => Some(repository),
        _ => None,
    }
}

/// What stands behind the last slash: a repository's own name, a program's.
fn short(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}

/// A commit as people write it; anything else as it is.
fn cut(at: &str) -> &str {
    let is_commit = at.len() == 40 && at.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { &at[..8] } else { at }
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

fn seen(fact: &Fact) -> Option<&Value> {
    match &fact.answer {
        Answer::Seen(value) => Some(value),
        Answer::Unseen(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Sighting;
    use serde_json::json;

    fn named(questions: Vec<Question>) -> Vec<String> {
        let mut facts: Vec<Fact> = Vec::new();
        for question in questions {
            let sighting = Sighting {
                label: "one".into(),
                question,
                asked: "GET http://forge".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
                watch: None,
                answer: Answer::Seen(json!({ "number": 4, "head": { "sha": "c0ffee" } })),
            };
            facts.push(Fact::chain(sighting, facts.last()));
        }
        facts.iter().map(|fact| words(fact, &facts)).collect()
    }

    fn branch(repository: &str) -> Question {
        Question::Branch {
            repository: repository.into(),
            branch: "main".into(),
        }
    }

    fn comments(repository: &str, number: u64) -> Question {
        Question::Comments {
            repository: repository.into(),
            number,
        }
    }

    #[test]
    fn a_mirror_is_told_from_its_upstream() {
        let questions = ["mirrors/tiny", "upstream/tiny", "mirrors/large"].map(branch);
        assert_eq!(
            named(questions.into()),
            [
                "`main` of mirrors/tiny",
                "`main` of upstream/tiny",
                "`main` of large"
            ]
        );
        let pulls = |repository: &str| Question::Pulls {
            repository: repository.into(),
        };
        assert_eq!(
            named(vec![pulls("mirrors/tiny"), branch("upstream/tiny")]),
            ["pull requests of tiny", "`main` of tiny"]
        );
    }

    #[test]
    fn pull_requests_of_several_repositories_are_told_apart() {
        let opened = || Question::OpenPull {
            repository: "m/tiny".into(),
            from: "green".into(),
            branch: "gavel/1".into(),
            base: "main".into(),
        };
        let statuses = |commit: &str| Question::Statuses {
            repository: "m/tiny".into(),
            commit: commit.into(),
        };
        let alone = vec![opened(), statuses("c0ffee"), comments("m/tiny", 2)];
        assert_eq!(
            named(alone),
            ["pull request #4", "statuses of #4", "comments of #2"]
        );
        let several = vec![
            opened(),
            statuses("c0ffee"),
            statuses("0123456789012345678901234567890123456789"),
            comments("m/large", 2),
        ];
        assert_eq!(
            named(several),
            [
                "pull request tiny#4",
                "statuses of tiny#4",
                "statuses of `01234567`",
                "comments of large#2"
            ]
        );
    }

    #[test]
    fn calls_of_a_program_are_told_apart() {
        let run = |words: &[&str]| Question::Run {
            command: words.iter().map(|&word| word.into()).collect(),
            environment: Vec::new(),
        };
        let long = "x".repeat(CALLED);
        assert_eq!(
            named(vec![
                run(&["/bin/upgrade-all"]),
                run(&["/bin/upgrade-all", "--dry-run"]),
                run(&["/bin/upgrade-all", &long, "--dry-run"]),
            ]),
            [
                "`upgrade-all`",
                "`upgrade-all --dry-run`",
                "`upgrade-all …`"
            ]
        );
    }
}
