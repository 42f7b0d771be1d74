//! What an answer shows: things that have an identity of their own, such as a comment or a build, and what is claimed of each. Answers of
//! then and of now are taken apart in the same way, so that lists can grow without differing.

use crate::evidence::{Digest, Question};
use crate::redact::REDACTED;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Something that can be looked at again. Repositories are `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    ForgeVersion,
    DroneVersion,
    /// An account of the forge, as far as its acts are shown.
    Account(String),
    Repository(String),
    Collaborator {
        repository: String,
        account: String,
    },
    /// The repositories that an account itself has.
    Repositories(String),
    Branch {
        repository: String,
        name: String,
    },
    Commit {
        repository: String,
        commit: String,
    },
    File {
        repository: String,
        path: String,
        at: String,
    },
    Tree {
        repository: String,
        commit: String,
    },
    /// A pull request, or an issue that is talked on.
    Pull {
        repository: String,
        number: u64,
    },
    PullFiles {
        repository: String,
        number: u64,
    },
    Comment {
        repository: String,
        id: u64,
    },
    /// What happened to a pull request, but for comments.
    Event {
        repository: String,
        id: u64,
    },
    Status {
        repository: String,
        commit: String,
        id: u64,
    },
    Act {
        account: String,
        id: u64,
    },
    Build(u64),
    Log(u64),
    Tags(String),
    /// What stands at an address.
    Address(String),
}

/// What is claimed of something, by name.
pub type Claims = BTreeMap<&'static str, Value>;

/// Something as one answer shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    pub there: bool,
    pub claims: Claims,
    /// When its source says that it came to be, or when claims of it last changed.
    pub times: BTreeMap<&'static str, Timestamp>,
    /// What it stands and falls with.
    pub within: Vec<Element>,
}

/// The time at which something came to be, among its times.
pub const MADE: &str = "made";

impl Seen {
    pub fn there(claims: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self {
            there: true,
            claims: claims.into_iter().collect(),
            ..Self::default()
        }
    }

    pub fn gone() -> Self {
        Self::default()
    }

    fn within(mut self, within: impl IntoIterator<Item = Element>) -> Self {
        self.within.extend(within);
        self
    }

    /// Claims of these names last changed at the time that an answer gives under this key, where it gives one.
    fn changed(mut self, names: &[&'static str], answer: &Value, key: &str) -> Self {
        let at = answer[key].as_str().and_then(|text| text.parse().ok());
        self.times
            .extend(names.iter().filter_map(|name| Some((*name, at?))));
        self
    }

    /// Whether a secret was taken out of it.
    pub fn is_redacted(&self) -> bool {
        self.claims.values().any(is_redacted)
    }

    /// Keeps of long texts no more than tells them apart.
    pub fn shorten(&mut self) {
        const LONG: usize = 16 << 10;
        for value in self.claims.values_mut() {
            if let Value::String(text) = value
                && text.len() > LONG
            {
                let start: String = text.chars().take(200).collect();
                let digest = Digest::of(text.as_bytes()).to_string();
                *value = json!({ "bytes": text.len(), "sha256": digest, "begins": start });
            }
        }
    }
}

fn is_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REDACTED),
        Value::Array(elements) => elements.iter().any(is_redacted),
        Value::Object(entries) => entries.values().any(is_redacted),
        _ => false,
    }
}

impl Element {
    pub fn pull(repository: &str, number: u64) -> Self {
        Self::Pull {
            repository: repository.into(),
            number,
        }
    }

    pub fn branch(repository: &str, name: &str) -> Self {
        Self::Branch {
            repository: repository.into(),
            name: name.into(),
        }
    }

    pub fn commit(repository: &str, commit: &str) -> Self {
        Self::Commit {
            repository: repository.into(),
            commit: commit.into(),
        }
    }

    /// The repository that it is in, and goes with.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Collaborator { repository, .. }
            | Self::Branch { repository, .. }
            | Self::Commit { repository, .. }
            | Self::File { repository, .. }
            | Self::Tree { repository, .. }
            | Self::Pull { repository, .. }
            | Self::PullFiles { repository, .. }
            | Self::Comment { repository, .. }
            | Self::Event { repository, .. }
            | Self::Status { repository, .. } => Some(repository),
            _ => None,
        }
    }
}

/// Whether a name is that of a commit, and cannot come to mean another.
pub fn is_commit(at: &str) -> bool {
    matches!(at.len(), 40 | 64) && at.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Everything that an answer to a question shows.
pub fn shown(question: &Question, answer: &Value) -> Vec<(Element, Seen)> {
    match question {
        Question::ForgeVersion => vec![(Element::ForgeVersion, version(answer))],
        Question::DroneVersion => vec![(Element::DroneVersion, version(answer))],
        Question::Branch { repository, branch } => {
            vec![branch_of(repository, branch, &answer["commit"]["id"])]
        }
        Question::Branches { repository } => {
            let there = (Element::Repository(repository.clone()), Seen::there([]));
            let branches = each(answer).filter_map(|branch| {
                let name = branch["name"].as_str()?;
                Some(branch_of(repository, name, &branch["commit"]["id"]))
            });
            std::iter::once(there).chain(branches).collect()
        }
        Question::Commit {
            repository, branch, ..
        } => vec![branch_of(repository, branch, answer)],
        // On a branch it goes with the branch.
        Question::File { at, .. } if !is_commit(at) => Vec::new(),
        Question::File {
            repository,
            path,
            at,
        } => {
            let file = Element::File {
                repository: repository.clone(),
                path: path.clone(),
                at: at.clone(),
            };
            vec![(file, unless_null(answer, "blob", &answer["sha"]))]
        }
        Question::Tree { repository, commit } => {
            let tree = Element::Tree {
                repository: repository.clone(),
                commit: commit.clone(),
            };
            vec![(tree, unless_null(answer, "files", answer))]
        }
        Question::Repositories { owner } => {
            let owned = Seen::there([("repositories", answer.clone())]);
            vec![(Element::Repositories(owner.clone()), owned)]
        }
        Question::Pulls { repository } => each(answer)
            .flat_map(|answer| pull(repository, answer))
            .collect(),
        Question::Pull { repository, .. } => pull(repository, answer),
        Question::OpenPull {
            repository, branch, ..
        } => {
            let mut shown = pull(repository, answer);
            shown.push(branch_of(repository, branch, &answer["head"]["sha"]));
            shown
        }
        Question::PullFiles { repository, number } => {
            let files = Element::PullFiles {
                repository: repository.clone(),
                number: *number,
            };
            let seen = Seen::there([("files", files_of(answer))]);
            let pull = Element::pull(repository, *number);
            vec![(files, seen.within([pull]))]
        }
        Question::Comments { repository, number } => each(answer)
            .filter_map(|answer| comment(repository, *number, answer))
            .collect(),
        Question::Post {
            repository, number, ..
        } => comment(repository, *number, answer).into_iter().collect(),
        Question::Timeline { repository, number } => each(answer)
            .filter_map(|answer| event(repository, *number, answer))
            .collect(),
        Question::Statuses { repository, commit } => {
            let there = (Element::commit(repository, commit), Seen::there([]));
            let statuses = each(answer).filter_map(|answer| status(repository, commit, answer));
            std::iter::once(there).chain(statuses).collect()
        }
        Question::Collaborator {
            repository,
            account,
        } => {
            let collaborator = Element::Collaborator {
                repository: repository.clone(),
                account: account.clone(),
            };
            vec![(collaborator, Seen::there([("is one", answer.clone())]))]
        }
        Question::Activity { account, .. } => {
            let there = (Element::Account(account.clone()), Seen::there([]));
            let acts = each(answer).filter_map(|answer| act(account, answer));
            std::iter::once(there).chain(acts).collect()
        }
        Question::Builds { .. } => each(answer).filter_map(build).collect(),
        Question::Build { .. } => build(answer).into_iter().collect(),
        Question::BuildLog { number } => {
            let names = ["text", "missing", "cut"];
            let claims = names.map(|name| (name, answer[name].clone()));
            let log = Seen::there(claims).within([Element::Build(*number)]);
            vec![(Element::Log(*number), log)]
        }
        Question::Tags { image } => {
            let tags = Seen::there([("tags", answer["tags"].clone())]);
            vec![(Element::Tags(image.clone()), tags)]
        }
        _ => Vec::new(),
    }
}

/// What stands at an address; nothing where that is `null`.
pub fn at_address(url: &str, answer: &Value) -> (Element, Seen) {
    let seen = unless_null(answer, "content", answer);
    (Element::Address(url.into()), seen)
}

/// What is gone where the server knows nothing of what a question is about.
pub fn missing(question: &Question) -> Option<Element> {
    Some(match question {
        Question::Branches { repository } => Element::Repository(repository.clone()),
        Question::Pull { repository, number }
        | Question::PullFiles { repository, number }
        | Question::Comments { repository, number }
        | Question::Timeline { repository, number } => Element::pull(repository, *number),
        Question::Statuses { repository, commit } => Element::commit(repository, commit),
        Question::Activity { account, .. } => Element::Account(account.clone()),
        Question::Repositories { owner } => Element::Repositories(owner.clone()),
        Question::Build { number } => Element::Build(*number),
        Question::BuildLog { number } => Element::Log(*number),
        Question::Tags { image } => Element::Tags(image.clone()),
        _ => return None,
    })
}

fn each(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.as_array().into_iter().flatten()
}

fn login(answer: &Value) -> Value {
    answer["login"].clone()
}

fn unless_null(answer: &Value, name: &'static str, claim: &Value) -> Seen {
    match answer {
        Value::Null => Seen::gone(),
        _ => Seen::there([(name, claim.clone())]),
    }
}

fn version(answer: &Value) -> Seen {
    Seen::there([("version", answer["version"].clone())])
}

fn branch_of(repository: &str, name: &str, commit: &Value) -> (Element, Seen) {
    let seen = unless_null(commit, "commit", commit);
    (Element::branch(repository, name), seen)
}

/// A pull request, and what it says of the repository that it is in.
fn pull(repository: &str, answer: &Value) -> Vec<(Element, Seen)> {
    let Some(number) = answer["number"].as_u64() else {
        return Vec::new();
    };
    let (head, base) = (&answer["head"], &answer["base"]);
    // Once the branch is gone, its name stands in the label alone.
    let branch = match head["ref"].as_str() {
        Some(name) if !name.starts_with("refs/pull/") => &head["ref"],
        _ => &head["label"],
    };
    let merged = answer["merged"].as_bool().unwrap_or_default();
    let mut claims = Claims::from([
        ("title", answer["title"].clone()),
        ("text", text(&answer["body"])),
        ("state", answer["state"].clone()),
        ("author", login(&answer["user"])),
        ("merged", merged.into()),
        ("head", head["sha"].clone()),
        ("branch", branch.clone()),
        ("base", base["ref"].clone()),
    ]);
    if merged {
        claims.insert("merged by", login(&answer["merged_by"]));
        claims.insert("merge commit", answer["merge_commit_sha"].clone());
    }
    let mut shown = vec![(
        Element::pull(repository, number),
        Seen::there(claims)
            .changed(&["title", "text", "state"], answer, "updated_at")
            .changed(&["state"], answer, "closed_at")
            .changed(&["merged"], answer, "merged_at"),
    )];
    if let Some(name) = base["repo"]["full_name"].as_str() {
        let named = Seen::there([("name", name.into())]);
        shown.push((Element::Repository(repository.into()), named));
    }
    shown
}

/// A text; none is an empty one.
fn text(value: &Value) -> Value {
    match value {
        Value::Null => "".into(),
        text => text.clone(),
    }
}

fn files_of(answer: &Value) -> Value {
    let file = |file: &Value| {
        let name = file["filename"].as_str().unwrap_or_default().to_owned();
        let keys = ["status", "previous_filename", "additions", "deletions"];
        let claims: BTreeMap<&str, Value> = keys
            .into_iter()
            .map(|key| (key, file[key].clone()))
            .filter(|(_, value)| !value.is_null() && value != "")
            .collect();
        (name, json!(claims))
    };
    let files: BTreeMap<String, Value> = each(answer).map(file).collect();
    json!(files)
}

fn comment(repository: &str, number: u64, answer: &Value) -> Option<(Element, Seen)> {
    let id = answer["id"].as_u64()?;
    let comment = Element::Comment {
        repository: repository.into(),
        id,
    };
    let claims = [
        ("text", text(&answer["body"])),
        ("author", login(&answer["user"])),
    ];
    let seen = Seen::there(claims)
        .changed(&["text", "author"], answer, "updated_at")
        .within([Element::pull(repository, number)]);
    Some((comment, seen))
}

/// An entry of a timeline. Who names a pull request elsewhere has no hand in it, and may take it back.
fn event(repository: &str, number: u64, answer: &Value) -> Option<(Element, Seen)> {
    const MENTIONS: [&str; 4] = ["issue_ref", "commit_ref", "comment_ref", "pull_ref"];
    let kind = answer["type"].as_str().unwrap_or_default();
    if MENTIONS.contains(&kind) {
        return None;
    }
    if kind == "comment" {
        return comment(repository, number, answer);
    }
    let event = Element::Event {
        repository: repository.into(),
        id: answer["id"].as_u64()?,
    };
    let claims = [
        ("kind", kind.into()),
        ("author", login(&answer["user"])),
        ("text", text(&answer["body"])),
        ("old title", answer["old_title"].clone()),
        ("new title", answer["new_title"].clone()),
        ("old ref", answer["old_ref"].clone()),
        ("new ref", answer["new_ref"].clone()),
    ];
    let seen = Seen::there(claims)
        .changed(&["kind", "author", "text"], answer, "updated_at")
        .within([Element::pull(repository, number)]);
    Some((event, seen))
}

fn status(repository: &str, commit: &str, answer: &Value) -> Option<(Element, Seen)> {
    let status = Element::Status {
        repository: repository.into(),
        commit: commit.into(),
        id: answer["id"].as_u64()?,
    };
    // Gitea calls it `status` here, and `state` elsewhere.
    let state = match &answer["status"] {
        Value::Null => &answer["state"],
        state => state,
    };
    let claims = [
        ("state", state.clone()),
        ("context", answer["context"].clone()),
        ("description", text(&answer["description"])),
        ("address", text(&answer["target_url"])),
        ("author", login(&answer["creator"])),
    ];
    let seen = Seen::there(claims)
        .changed(&[MADE], answer, "created_at")
        .within([Element::commit(repository, commit)]);
    Some((status, seen))
}

/// An act. The comment that comes along is looked at by itself.
fn act(account: &str, answer: &Value) -> Option<(Element, Seen)> {
    let act = Element::Act {
        account: account.into(),
        id: answer["id"].as_u64()?,
    };
    let claims = [
        ("kind", answer["op_type"].clone()),
        ("ref", answer["ref_name"].clone()),
        ("content", answer["content"].clone()),
    ];
    let mut within = vec![Element::Account(account.into())];
    if let Some(repository) = answer["repo"]["full_name"].as_str() {
        within.push(Element::Repository(repository.into()));
        let id = answer["comment_id"].as_u64().filter(|id| *id > 0);
        within.extend(id.map(|id| Element::Comment {
            repository: repository.into(),
            id,
        }));
        // What is said of a comment begins with the number that it stands under.
        let content = id.and_then(|_| answer["content"].as_str()?.split_once('|'));
        let number = content.and_then(|(number, _)| number.parse().ok());
        within.extend(number.map(|number| Element::pull(repository, number)));
    }
    Some((act, Seen::there(claims).within(within)))
}

/// A build. What it came to is claimed of one that has ended only, and when it started of one that has: any other goes on.
fn build(answer: &Value) -> Option<(Element, Seen)> {
    const ENDED: [&str; 6] = [
        "success", "failure", "error", "killed", "declined", "skipped",
    ];
    let number = answer["number"].as_u64()?;
    let mut claims = Claims::from([
        ("event", answer["event"].clone()),
        ("trigger", answer["trigger"].clone()),
        ("commit", answer["after"].clone()),
        ("parameters", answer["params"].clone()),
        ("created", answer["created"].clone()),
    ]);
    let told = ["ref", "sender"].map(|name| (name, &answer[name]));
    let told = told.into_iter().filter(|(_, value)| !value.is_null());
    claims.extend(told.map(|(name, value)| (name, value.clone())));
    if answer["started"].as_i64().is_some_and(|at| at > 0) {
        claims.insert("started", answer["started"].clone());
    }
    if answer["status"]
        .as_str()
        .is_some_and(|it| ENDED.contains(&it))
    {
        claims.insert("status", answer["status"].clone());
        claims.insert("error", text(&answer["error"]));
        claims.insert("finished", answer["finished"].clone());
        if answer["stages"].is_array() {
            claims.insert("stages", stages(&answer["stages"]));
        }
    }
    Some((Element::Build(number), Seen::there(claims)))
}

fn stages(answer: &Value) -> Value {
    let step = |step: &Value| {
        let keys = ["number", "name", "status", "exit_code"];
        let claims: BTreeMap<&str, &Value> = keys.map(|key| (key, &step[key])).into();
        json!(claims)
    };
    let stage = |stage: &Value| {
        let steps: Vec<Value> = each(&stage["steps"]).map(step).collect();
        json!({ "number": stage["number"], "name": stage["name"], "status": stage["status"], "steps": steps })
    };
    each(answer).map(stage).collect()
}
