//! Names for facts, so that a link to one says what is behind it.

use crate::evidence::{Answer, Fact, Question};
use serde_json::Value;
use std::collections::HashSet;

/// As many as stand beside a clause in a comment; the page has all of them.
const SHOWN: usize = 4;

/// What a fact is about, in a few words; to be made harmless by whoever shows them. What is code stands between backticks.
pub fn words(fact: &Fact, facts: &[Fact]) -> String {
    match &fact.question {
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
        Question::Branch { branch, .. } => format!("branch {}", code(branch)),
        Question::Branches { repository } => format!("branches of {}", short(repository)),
        Question::File { path, at, .. } => format!("{} at {}", code(path), code(cut(at))),
        Question::Tree { commit, .. } => format!("files at {}", code(cut(commit))),
        Question::Repositories { owner } => format!("repositories of {owner}"),
        Question::Pulls { repository } => format!("pull requests of {}", short(repository)),
        Question::Pull { number, .. } => format!("pull request #{number}"),
        Question::PullFiles { number, .. } => format!("files of #{number}"),
        Question::Timeline { number, .. } => format!("history of #{number}"),
        Question::Commit { branch, path, .. } => {
            format!("commit of {} on {}", code(path), code(branch))
        }
        Question::Tags { image } => format!("tags of {}", code(image)),
        Question::Comments { number, .. } => format!("comments of #{number}"),
        Question::Statuses { commit, .. } => match opened_for(commit, facts) {
            Some(number) => format!("statuses of #{number}"),
            None => "statuses".into(),
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
            number,
            account,
            body,
            ..
        } => {
            let short = body.chars().count() <= 24 && !body.contains(['\n', '`']);
            let typed = if short { code(body) } else { "comment".into() };
            format!("{typed} by {account} on #{number}")
        }
        Question::OpenPull { .. } => match seen(fact).and_then(|pull| pull["number"].as_u64()) {
            Some(number) => format!("pull request #{number}"),
            None => "pull request".into(),
        },
        Question::Run {
            command,
            environment,
        } => match environment.iter().find(|(name, _)| name == "POST") {
            Some((_, value)) => format!("helper {}", code(&format!("POST={value}"))),
            None => {
                let program = command.first().map_or("", String::as_str);
                code(program.rsplit('/').next().unwrap_or(program))
            }
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
        .filter_map(seen)
        .find(|pull| pull["head"]["sha"] == commit)
        .and_then(|pull| pull["number"].as_u64())
}

/// A repository's own name.
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
