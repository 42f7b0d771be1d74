//! Holds the rooms of the house to what each may use (CONTRIBUTING.md has the map): reads every path to another room in `src/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every room, and the rooms that its code may name. Tests inside a room may use what they like.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cli", &["config", "engine", "lab", "server", "store"]),
    (
        "server",
        &[
            "config", "engine", "plan", "record", "render", "store", "verdict",
        ],
    ),
    (
        "engine",
        &[
            "command", "config", "drone", "evidence", "gitea", "plan", "record", "redact",
            "render", "store", "verdict",
        ],
    ),
    (
        "render",
        &[
            "command", "config", "evidence", "plan", "record", "store", "verdict",
        ],
    ),
    (
        "plan",
        &[
            "config", "drone", "evidence", "flow", "gitea", "host", "redact", "verdict",
        ],
    ),
    (
        "record",
        &["config", "evidence", "plan", "store", "verdict"],
    ),
    ("store", &["evidence", "verdict"]),
    ("gitea", &["config"]),
    ("flow", &["host"]),
    ("drone", &[]),
    ("host", &[]),
    ("config", &[]),
    ("command", &[]),
    ("evidence", &[]),
    ("verdict", &[]),
    ("redact", &[]),
    // The accused shares nothing with the judge.
    ("lab", &[]),
];

#[test]
fn no_room_uses_what_it_may_not() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 50, "the sources were not found");
    let rooms: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap();
        let room = room.trim_end_matches(".rs");
        if room == "main" {
            continue;
        }
        let Some(may) = rooms.get(room) else {
            wrong.push(format!("{}: a room that the map lacks", inside.display()));
            continue;
        };
        seen.insert(room.to_owned());
        for path in paths(&std::fs::read_to_string(&file).unwrap()) {
            let other = path.split("::").next().unwrap();
            let allowed = may
                .iter()
                .any(|may| path == *may || path.starts_with(&format!("{may}::")));
            if other != room && rooms.contains_key(other) && !allowed {
                wrong.push(format!("{}: uses {path}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mapped: BTreeSet<String> = rooms.keys().map(ToString::to_string).collect();
    assert_eq!(seen, mapped, "the map has rooms that the house lacks");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            collect(&path, files);
        } else if name.ends_with(".rs")
            && !matches!(name, "tests.rs" | "conversations.rs" | "stand_in.rs")
        {
            files.push(path);
        }
    }
}

/// Everything behind `crate::` outside of tests, groups in braces taken apart.
fn paths(text: &str) -> Vec<String> {
    let code = text.split("\nmod tests {").next().unwrap_or(text);
    let mut paths = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => paths.extend(
                group[..group.find('}').unwrap_or(0)]
                    .split(',')
                    .map(|path| path.trim().to_owned())
                    .filter(|path| !path.is_empty()),
            ),
            None => paths.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
                    .collect::<String>()
                    .trim_end_matches(':')
                    .to_owned(),
            ),
        }
    }
    paths
}

#[test]
fn paths_are_found_in_all_their_forms() {
    let text = "use crate::engine::record::{self, Run};\nuse crate::{config, store::Slot};\nlet x = crate::drone::y();\n\
                #[cfg(test)]\nmod tests {\n    use crate::lab;\n}";
    assert_eq!(
        paths(text),
        ["engine::record", "config", "store::Slot", "drone::y"]
    );
}
