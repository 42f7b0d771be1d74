//! Tells how an answer differs in shape from a recorded one.
//!
//! Compared are status, kind of content, the keys and types of the body at every depth, lengths of lists, the form of
//! times, and the few values that the conversation itself determines. Ids, hashes, times and addresses differ freely.

use super::talk::Response;
use serde_json::{Map, Value};
use std::path::Path;

/// Values that follow from what the conversation did, and therefore must be equal.
const DETERMINED: [&str; 30] = [
    "Len",
    "Message",
    "action",
    "body",
    "color",
    "content",
    "context",
    "description",
    "draft",
    "encoding",
    "event",
    "full_name",
    "has_merged",
    "is_pull",
    "label",
    "login",
    "merged",
    "message",
    "number",
    "name",
    "op_type",
    "path",
    "permission",
    "protected",
    "ref",
    "ref_name",
    "state",
    "status",
    "title",
    "total_count",
];

/// One difference: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Keys from the top, joined by dots; an element of a list is `[]`.
    pub at: String,
    pub what: String,
}

/// Differences that are meant, each with its reason.
#[derive(Default)]
pub struct Allowed(Vec<(Option<String>, String)>);

impl Allowed {
    /// One difference a line, `KEYS  REASON`: the last keys of the place, joined by dots, and behind two spaces why it
    /// does not matter. `STEP:KEYS` allows it in one step only. Lines with a `#` in front are remarks.
    pub fn read(file: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(file) else {
            return Self::default();
        };
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        Self(
            lines
                .map(|line| {
                    let (place, reason) = line.split_once("  ").unwrap_or((line, ""));
                    assert!(
                        !reason.trim().is_empty(),
                        "{}: no reason in {line:?}",
                        file.display()
                    );
                    match place.split_once(':') {
                        Some((step, keys)) => (Some(step.to_owned()), keys.to_owned()),
                        None => (None, place.to_owned()),
                    }
                })
                .collect(),
        )
    }

    pub fn allows(&self, name: &str, difference: &Difference) -> bool {
        self.0.iter().any(|(step, keys)| {
            step.as_ref().is_none_or(|step| step == name)
                && (difference.at == *keys || difference.at.ends_with(&format!(".{keys}")))
        })
    }
}

/// How `found` differs from `recorded`. Where the server promises no order, lists are sorted first.
pub fn differences(recorded: &Response, found: &Response, ordered: bool) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut note = |at: &str, what: String| {
        all.push(Difference {
            at: at.into(),
            what,
        })
    };
    if recorded.status != found.status {
        note(
            "status",
            format!(
                "{} instead of {}: {}",
                found.status, recorded.status, found.body
            ),
        );
        return all;
    }
    let (kind, other) = (content_kind(recorded), content_kind(found));
    if kind != other {
        note("headers.content-type", format!("{other} instead of {kind}"));
    }
    for header in ["location", "x-total-count", "allow", "www-authenticate"] {
        match (recorded.headers.get(header), found.headers.get(header)) {
            (Some(_), None) => note(&format!("headers.{header}"), "missing".into()),
            (None, Some(_)) => note(
                &format!("headers.{header}"),
                "there, and should not be".into(),
            ),
            _ => {}
        }
    }
    let (mut recorded, mut found) = (recorded.body.clone(), found.body.clone());
    if !ordered {
        sort_lists(&mut recorded);
        sort_lists(&mut found);
    }
    compare("body", &recorded, &found, &mut all);
    all
}

/// Sorts lists of objects by what names their elements.
fn sort_lists(value: &mut Value) {
    match value {
        Value::Array(elements) => {
            elements.iter_mut().for_each(sort_lists);
            elements.sort_by_key(|element| {
                let name = element["name"].as_str().unwrap_or_default().to_owned();
                (element["id"].as_u64(), name)
            });
            // What was done later may be noted earlier, but not of its own kind.
            elements.sort_by_key(|element| {
                ["op_type", "ref_name"]
                    .map(|key| element[key].as_str().unwrap_or_default().to_owned())
            });
        }
        Value::Object(fields) => fields.values_mut().for_each(sort_lists),
        _ => {}
    }
}

/// How one JSON value differs from another.
pub fn body_differences(recorded: &Value, found: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    compare("body", recorded, found, &mut all);
    all
}

fn compare(at: &str, recorded: &Value, found: &Value, all: &mut Vec<Difference>) {
    let mut note = |what: String| {
        all.push(Difference {
            at: at.into(),
            what,
        })
    };
    match (recorded, found) {
        (Value::Object(recorded), Value::Object(found)) => compare_keys(at, recorded, found, all),
        (Value::Array(recorded), Value::Array(found)) => {
            if recorded.len() != found.len() {
                note(format!(
                    "{} elements instead of {}",
                    found.len(),
                    recorded.len()
                ));
            }
            for (recorded, found) in recorded.iter().zip(found) {
                compare(&format!("{at}.[]"), recorded, found, all);
            }
        }
        (Value::Null, Value::Null) => {}
        // JSON within a text.
        (Value::String(a), Value::String(b)) if object(a).is_some() && object(b).is_some() => {
            compare(at, &object(a).into(), &object(b).into(), all);
        }
        _ => {
            let (kind, other) = (kind_of(recorded), kind_of(found));
            if kind != other {
                note(format!(
                    "{other} {} instead of {kind} {}",
                    short(found),
                    short(recorded)
                ));
            } else if at
                .rsplit('.')
                .next()
                .is_some_and(|key| DETERMINED.contains(&key))
                && recorded != found
            {
                note(format!("{} instead of {}", short(found), short(recorded)));
            }
        }
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn compare_keys(
    at: &str,
    recorded: &Map<String, Value>,
    found: &Map<String, Value>,
    all: &mut Vec<Difference>,
) {
    for (key, value) in recorded {
        let at = format!("{at}.{key}");
        match found.get(key) {
            Some(other) => compare(&at, value, other, all),
            None => all.push(Difference {
                at,
                what: format!("missing, was {}", short(value)),
            }),
        }
    }
    for (key, value) in found.iter().filter(|(key, _)| !recorded.contains_key(*key)) {
        all.push(Difference {
            at: format!("{at}.{key}"),
            what: format!("{} there, and should not be", short(value)),
        });
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "truth value",
        Value::Number(number) if number.is_f64() => "fraction",
        Value::Number(_) => "integer",
        Value::String(text) if is_time(text) => "time",
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
            "address"
        }
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// RFC 3339 in whole seconds, with `Z` or an offset.
fn is_time(text: &str) -> bool {
    let Some(zone) = text.get(19..) else {
        return false;
    };
    let digits = |mask: &str| {
        text.bytes().zip(mask.bytes()).all(|(byte, form)| {
            if form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        })
    };
    let zoned = zone == "Z"
        || (zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':');
    digits("0000-00-00T00:00:00") && zoned
}

fn content_kind(response: &Response) -> &'static str {
    let kind = response
        .headers
        .get("content-type")
        .map_or("", String::as_str);
    match kind.split(';').next().unwrap_or_default().trim() {
        _ if response.body.is_null() => "nothing",
        "application/json" => "JSON",
        "text/plain" => "plain text",
        "text/html" => "a page",
        _ => "something else",
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 120 {
        text.chars().take(120).chain(['…']).collect()
    } else {
        text
    }
}
