//! A change in words.

use super::compare::{Change, Delta, names};
use super::element::{Element, Seen};
use crate::redact::{REDACTED, Redactor};
use serde_json::Value;
use std::collections::BTreeSet;

/// So much of a text is shown on each side.
const SHOWN: usize = 60;
/// So much stands before where two texts part.
const BEFORE: usize = 12;

/// What a change is about.
pub fn place(change: &Change) -> String {
    let in_pull = |what: &str, repository: &str| {
        let mut within = change.within.iter();
        let number = within.find_map(|within| match within {
            Element::Pull { number, .. } => Some(format!("#{number}")),
            _ => None,
        });
        format!("{what} of {repository}{}", number.unwrap_or_default())
    };
    match &change.element {
        Element::ForgeVersion => "the forge".into(),
        Element::DroneVersion => "Drone".into(),
        Element::Account(account) => format!("account {account}"),
        Element::Repository(repository) => format!("repository {repository}"),
        Element::Collaborator {
            repository,
            account,
        } => format!("collaborator {account} of {repository}"),
        Element::Repositories(owner) => format!("repositories of {owner}"),
        Element::Branch { repository, name } => format!("branch {name} of {repository}"),
        Element::Commit { repository, commit } => {
            format!("commit {} of {repository}", short(commit))
        }
        Element::File {
            repository,
            path,
            at,
        } => format!("{path} of {repository} at {}", short(at)),
        Element::Tree { repository, commit } => {
            format!("files of {repository} at {}", short(commit))
        }
        Element::Pull { repository, number } => format!("pull request {repository}#{number}"),
        Element::PullFiles { repository, number } => {
            format!("files of pull request {repository}#{number}")
        }
        Element::Comment { repository, id } => in_pull(&format!("comment {id}"), repository),
        Element::Event { repository, id } => in_pull(&format!("event {id}"), repository),
        Element::Status {
            repository,
            commit,
            id,
        } => format!("status {id} of {repository} at {}", short(commit)),
        Element::Act { account, id } => act(change, account, *id),
        Element::Build(number) => format!("build {number}"),
        Element::Log(number) => format!("log of build {number}"),
        Element::Tags(image) => format!("tags of {image}"),
        Element::Address(url) => url.clone(),
    }
}

/// An act, by the comment that it wrote, where it did: nobody but the forge knows its number.
fn act(change: &Change, account: &str, id: u64) -> String {
    let (mut comment, mut of, mut number) = (None, None, None);
    for within in &change.within {
        match within {
            Element::Comment { id, .. } => comment = Some(id),
            Element::Repository(repository) => of = Some(repository),
            Element::Pull { number: at, .. } => number = Some(at),
            _ => {}
        }
    }
    let number = number.map(|number| format!("#{number}"));
    let number = number.unwrap_or_default();
    match (comment, of) {
        (Some(comment), Some(of)) => {
            format!("comment {comment} of {of}{number}, among the acts of {account}")
        }
        (_, Some(of)) => format!("act {id} of {account} in {of}"),
        _ => format!("act {id} of {account}"),
    }
}

/// How it has changed. Texts of now are as little to be shown with a secret in them as those of then.
pub fn says(change: &Change, redactor: &Redactor) -> String {
    let deltas = change.deltas.iter();
    // What is merged is closed.
    let deltas = deltas.filter(|delta| {
        !matches!(delta, Delta::Claim { name, .. } if *name == "state") || !is_merged(change)
    });
    let mut said: Vec<String> = deltas.map(|delta| of(delta, change, redactor)).collect();
    if let Some(follows) = follows(change) {
        said.push(follows);
    }
    said.join("; ")
}

fn is_merged(change: &Change) -> bool {
    let merged = |delta: &Delta| matches!(delta, Delta::Claim { name, now, .. } if *name == "merged" && *now == Value::Bool(true));
    change.deltas.iter().any(merged)
}

fn of(delta: &Delta, change: &Change, redactor: &Redactor) -> String {
    let now = |claim: &str| match change.now.claims.get(claim) {
        Some(Value::String(text)) => short(text).to_owned(),
        _ => "somebody".to_owned(),
    };
    match delta {
        Delta::Vanished if matches!(change.element, Element::Repository(_)) => {
            "the forge knows no such repository any more, or does not show it to this account"
                .into()
        }
        Delta::Vanished => "it is gone".into(),
        Delta::Back if matches!(change.element, Element::Branch { .. }) => {
            format!("it was gone, and stands there again, at {}", now("commit"))
        }
        Delta::Back => "it was gone, and is there again".into(),
        Delta::Added(before) => added(before.as_ref(), &change.now, redactor),
        Delta::Claim { name, now: is, .. } if *name == "merged" && *is == Value::Bool(true) => {
            format!("IT WAS MERGED, by {}", now("merged by"))
        }
        Delta::Claim {
            name: "status",
            then,
            now: Value::Null,
        } => format!("status: {} → it has not ended", value(then, redactor)),
        Delta::Claim { name, then, now } => {
            if matches!(*name, "tags" | "repositories") {
                let now: BTreeSet<&str> = names(now).collect();
                let gone: Vec<&str> = names(then).filter(|name| !now.contains(name)).collect();
                return format!("gone: {}", cut(&gone.join(", "), 0, redactor));
            }
            let (path, then, now) = apart(name, then, &redactor.json(now));
            if took_out(&then) != took_out(&now) {
                return format!(
                    "{path}: it is another one, and is not shown, since secrets were taken out of what it was"
                );
            }
            match (&then, &now) {
                (Value::String(then), Value::String(now)) if is_long(then) || is_long(now) => {
                    let at = parting(then, now);
                    let (then, now) = (cut(then, at, redactor), cut(now, at, redactor));
                    format!("{path}: {then:?} → {now:?}")
                }
                _ => format!(
                    "{path}: {} → {}{}",
                    value(&then, redactor),
                    value(&now, redactor),
                    course(name, change)
                ),
            }
        }
    }
}

fn added(before: Option<&Seen>, now: &Seen, redactor: &Redactor) -> String {
    let of = |seen: &Seen, claim: &str| {
        let text = seen.claims.get(claim).and_then(Value::as_str);
        cut(text.unwrap_or("?"), 0, redactor)
    };
    let new = format!(
        "{} says {} by {}",
        of(now, "context"),
        of(now, "state"),
        of(now, "author")
    );
    match before {
        Some(before) => format!(
            "{new}, over {} by {}",
            of(before, "state"),
            of(before, "author")
        ),
        None => format!("{new}, and is new"),
    }
}

/// What differs in consequence, counted.
fn follows(change: &Change) -> Option<String> {
    match change.follows.as_slice() {
        [] => None,
        [one] => Some(format!(
            "with it {}",
            place(&Change {
                element: one.clone(),
                within: Vec::new(),
                ..change.clone()
            })
        )),
        several => Some(format!("with it {} other things", several.len())),
    }
}

/// Where a commit lies, seen from the one that was in its place.
fn course(claim: &str, change: &Change) -> &'static str {
    match (claim, change.forward) {
        ("commit" | "head", Some(false)) => ", which does not stand on it",
        ("commit" | "head", Some(true)) => ", forward",
        _ => "",
    }
}

/// How many secrets were taken out of a value. Where fewer are of now, one may stand there that this audit does not know.
fn took_out(value: &Value) -> usize {
    value.to_string().matches(REDACTED).count()
}

/// As much of a commit's name as a person reads.
fn short(text: &str) -> &str {
    match super::element::is_commit(text) {
        true => &text[..12],
        false => text,
    }
}

fn is_long(text: &str) -> bool {
    text.chars().count() > SHOWN
}

fn value(value: &Value, redactor: &Redactor) -> String {
    match value {
        Value::String(text) if super::element::is_commit(text) => short(text).to_owned(),
        Value::String(text) => format!("{:?}", cut(text, 0, redactor)),
        Value::Null => "nothing".into(),
        other => cut(&other.to_string(), 0, redactor),
    }
}

/// Where two values part: inside lists and objects, the first place that differs.
fn apart(path: &str, then: &Value, now: &Value) -> (String, Value, Value) {
    match (then, now) {
        (Value::Object(before), Value::Object(after)) => {
            let keys = before.keys().chain(after.keys());
            let mut keys = keys.filter(|key| before.get(*key) != after.get(*key));
            match keys.next() {
                Some(key) => apart(&format!("{path}.{key}"), &then[key], &now[key]),
                None => (path.into(), then.clone(), now.clone()),
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let mut pairs = before.iter().zip(after).enumerate();
            match pairs.find(|(_, (then, now))| then != now) {
                Some((at, (then, now))) => apart(&format!("{path}.{at}"), then, now),
                None => (path.into(), then.clone(), now.clone()),
            }
        }
        _ => (path.into(), then.clone(), now.clone()),
    }
}

/// How many characters two texts begin with in common.
fn parting(then: &str, now: &str) -> usize {
    let pairs = then.chars().zip(now.chars());
    pairs.take_while(|(then, now)| then == now).count()
}

/// A text around a place in it, as much as is shown.
fn cut(text: &str, at: usize, redactor: &Redactor) -> String {
    // Before it is cut: of half a secret nobody can tell that it is one.
    let clean = redactor.text(text);
    let from = at.saturating_sub(BEFORE);
    let mut shown: String = clean.chars().skip(from).take(SHOWN).collect();
    if from > 0 {
        shown.insert(0, '…');
    }
    if clean.chars().count() > from + SHOWN {
        shown.push('…');
    }
    shown
}
