//! Holds the house to its floors: a room uses only the rooms below it that its row names, and some things stand in no room at all.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every room, from the roof down, and the rooms that it may use, all of them below.
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &[]),
    (
        "cli",
        &[
            "server", "engine", "audit", "setup", "doctor", "bundle", "plan", "store", "host",
            "gitea", "config", "lab",
        ],
    ),
    (
        "server",
        &[
            "engine", "render", "record", "plan", "store", "evidence", "verdict", "config",
        ],
    ),
    (
        "engine",
        &[
            "render", "record", "bundle", "command", "plan", "store", "evidence", "verdict",
            "redact", "host", "gitea", "drone", "registry", "config", "instants",
        ],
    ),
    (
        "audit",
        &[
            "render", "bundle", "command", "plan", "ask", "evidence", "verdict", "redact", "gitea",
            "drone", "registry",
        ],
    ),
    ("setup", &["doctor", "host", "gitea", "config"]),
    (
        "doctor",
        &[
            "plan", "store", "host", "gitea", "drone", "registry", "config",
        ],
    ),
    (
        "render",
        &[
            "record", "command", "plan", "store", "evidence", "verdict", "config",
        ],
    ),
    (
        "record",
        &["bundle", "plan", "store", "evidence", "verdict", "config"],
    ),
    ("bundle", &["evidence", "verdict"]),
    ("command", &[]),
    (
        "plan",
        &[
            "flow", "host", "ask", "evidence", "verdict", "redact", "gitea", "drone", "registry",
            "config", "instants",
        ],
    ),
    ("flow", &[]),
    ("store", &["evidence", "verdict", "instants"]),
    ("host", &["redact", "secret"]),
    (
        "ask",
        &["evidence", "gitea", "drone", "registry", "retry", "config"],
    ),
    ("evidence", &[]),
    ("verdict", &[]),
    ("redact", &[]),
    ("gitea", &["retry", "http", "config", "secret", "instants"]),
    ("drone", &["retry", "http", "secret"]),
    ("registry", &[]),
    ("retry", &[]),
    ("http", &[]),
    ("config", &["secret"]),
    ("secret", &[]),
    ("instants", &[]),
    // Of the tests only.
    ("fuzz", &[]),
    // Shares nothing with the judge.
    ("lab", &[]),
];

/// Programs that read a command from their arguments.
const SHELLS: &[&str] = &["sh", "bash", "dash", "/bin/sh", "/bin/bash", "/usr/bin/env"];

/// A file of the house.
struct File {
    /// From the package's folder.
    path: String,
    tokens: TokenStream,
    /// Its place among the modules, such as `["gitea", "paging"]`.
    module: Vec<String>,
    is_test: bool,
}

impl File {
    fn room(&self) -> &str {
        &self.module[0]
    }
}

fn files() -> Vec<File> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![top.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(top, &path));
            }
        }
    }
    assert!(found.len() > 100, "the house is somewhere else");
    found
}

fn read(top: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(top).unwrap();
    let tokens = text
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let stem: PathBuf = path.strip_prefix("src").unwrap().with_extension("");
    let mut module: Vec<String> = stem
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.len() > 1 {
        module.retain(|part| part != "mod");
    }
    File {
        is_test: module
            .iter()
            .any(|part| part == "tests" || part == "conversations"),
        path: path.to_str().unwrap().to_owned(),
        tokens,
        module,
    }
}

/// All tokens, groups opened, with the groups' bounds left out. What stands in a module for tests is left out too, where asked.
fn flat(tokens: &TokenStream, with_tests: bool) -> Vec<TokenTree> {
    let mut out = Vec::new();
    for token in tokens.clone() {
        match &token {
            TokenTree::Group(group) => {
                let is_tests = out.len() > 1
                    && matches!(&out[out.len() - 2..], [TokenTree::Ident(keyword), TokenTree::Ident(name)] if keyword == "mod" && name == "tests");
                if with_tests || !is_tests {
                    // A group's beginning ends whatever path stands before it.
                    out.push(token.clone());
                    out.extend(flat(&group.stream(), with_tests));
                }
            }
            _ => out.push(token),
        }
    }
    out
}

fn ident(token: Option<&TokenTree>) -> Option<&Ident> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident),
        _ => None,
    }
}

/// Whether `::` stands here.
fn joined(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// The rooms that a file's paths lead into from the top of the crate, as `crate::room`, `crate::{room, …}` or up through `super`.
fn rooms_used(file: &File) -> BTreeSet<String> {
    let tokens = flat(&file.tokens, true);
    let mut used = BTreeSet::new();
    for at in 0..tokens.len() {
        let Some(first) = ident(tokens.get(at)) else {
            continue;
        };
        let mut next = at;
        if first == "crate" {
            next += 1;
        } else if first == "super" && !(at > 1 && joined(&tokens, at - 2)) {
            let mut up = 0;
            while ident(tokens.get(next)).is_some_and(|ident| ident == "super") {
                up += 1;
                next += 1;
                if joined(&tokens, next)
                    && ident(tokens.get(next + 2)).is_some_and(|ident| ident == "super")
                {
                    next += 2;
                }
            }
            // Below the top of the crate it stays in its room. A module inside the file is a level more, which a room's name tells.
            if up < file.module.len() {
                continue;
            }
        } else {
            continue;
        }
        if !joined(&tokens, next) {
            continue;
        }
        match tokens.get(next + 2) {
            Some(TokenTree::Ident(room)) => {
                used.insert(room.to_string());
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                used.extend(first_of_each(&group.stream()));
            }
            _ => {}
        }
    }
    used.retain(|room| room != file.room() && ROOMS.iter().any(|(name, _)| name == room));
    used
}

/// The first names between the commas.
fn first_of_each(tokens: &TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_first = true;
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) if is_first => {
                names.push(ident.to_string());
                is_first = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => is_first = true,
            _ => {}
        }
    }
    names
}

/// The text of a literal, its quotes and marks left out.
fn text(token: Option<&TokenTree>) -> Option<String> {
    let Some(TokenTree::Literal(literal)) = token else {
        return None;
    };
    let written = literal.to_string();
    let from = written.find('"')? + 1;
    let to = written.rfind('"')?;
    written.get(from..to).map(str::to_owned)
}

#[test]
fn the_table_names_every_room_and_no_other() {
    let files = files();
    let built: BTreeSet<&str> = files.iter().map(File::room).collect();
    let named: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(built, named);
    for (floor, (room, may_use)) in ROOMS.iter().enumerate() {
        for used in *may_use {
            let below = ROOMS.iter().position(|(name, _)| name == used);
            assert!(
                below > Some(floor),
                "{room} uses {used}, which is not below it"
            );
        }
    }
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut idle: BTreeSet<(&str, &str)> = ROOMS
        .iter()
        .flat_map(|(room, may_use)| may_use.iter().map(|used| (*room, *used)))
        .collect();
    for file in files() {
        let (room, may_use) = ROOMS.iter().find(|(room, _)| *room == file.room()).unwrap();
        // The roof names every room in order to build it.
        if *room == "main" {
            continue;
        }
        for used in rooms_used(&file) {
            // Tests set the stage with whatever they need, but the lab's share nothing with the judge either.
            assert!(
                may_use.contains(&used.as_str()) || file.is_test && *room != "lab" && used != "lab",
                "{} uses {used}, but {room} may use only {may_use:?}",
                file.path
            );
            idle.retain(|entry| *entry != (*room, used.as_str()));
        }
    }
    assert!(idle.is_empty(), "allowed and not used: {idle:?}");
}

#[test]
fn nothing_is_said_to_a_shell() {
    for file in files() {
        if file.is_test || file.room() == "lab" {
            continue;
        }
        let tokens = flat(&file.tokens, false);
        for token in &tokens {
            let shell = text(Some(token)).filter(|text| SHELLS.contains(&text.as_str()));
            assert_eq!(shell, None, "{} names a shell", file.path);
        }
    }
}

/// A field of that name is the error's source as well: who prints an error with its sources would say it twice.
#[test]
fn no_error_says_its_source_in_its_own_words() {
    for file in files() {
        for token in flat(&file.tokens, true) {
            let twice = text(Some(&token)).filter(|text| text.contains("{source"));
            assert_eq!(twice, None, "{} says its source", file.path);
        }
    }
}

#[test]
fn no_call_that_merges_exists() {
    for file in files() {
        // The forge offers it; and one part of the lab is there to do what must not be done.
        if file.path.starts_with("src/lab/forge/") || file.path == "src/lab/flow/broken.rs" {
            continue;
        }
        let tokens = flat(&file.tokens, false);
        for (at, token) in tokens.iter().enumerate() {
            if let Some(text) = text(Some(token)) {
                assert!(
                    !text.contains("/merge") && text != "merge",
                    "{} holds {text:?}",
                    file.path
                );
            }
            // In the lab, routers are merged.
            let is_call = file.room() != "lab"
                && matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
            if let Some(name) = ident(Some(token)).map(Ident::to_string) {
                assert!(
                    !(is_call && (name == "merge" || name.starts_with("merge_"))),
                    "{} calls {name}",
                    file.path
                );
            }
        }
    }
}

/// What the tests above would say of a file at this place with this content.
fn used_in(path: &str, content: &str) -> Vec<String> {
    let module = path.split('/').map(str::to_owned).collect();
    let file = File {
        path: path.into(),
        tokens: content.parse().unwrap(),
        module,
        is_test: false,
    };
    rooms_used(&file).into_iter().collect()
}

#[test]
fn every_way_into_another_room_is_seen() {
    for (path, content, used) in [
        ("plan/v1", "use crate::engine::Engine;", vec!["engine"]),
        (
            "plan/v1",
            "use crate::{engine::Engine, store, verdict::{self, Clause}};",
            vec!["engine", "store", "verdict"],
        ),
        (
            "plan/v1",
            "fn f() { let x = vec![crate::server::BODY_LIMIT]; }",
            vec!["server"],
        ),
        ("plan/v1", "use super::super::store::Store;", vec!["store"]),
        ("plan/v1", "use super::store;", vec![]),
        ("flow", "use super::store::Store;", vec!["store"]),
        ("flow", "mod tests { use super::*; }", vec![]),
        (
            "plan/v1",
            "// use crate::engine;\nconst X: &str = \"crate::engine\";",
            vec![],
        ),
        (
            "plan/v1",
            "use crate::plan::bench; use std::store::x;",
            vec![],
        ),
    ] {
        assert_eq!(used_in(path, content), used, "{content}");
    }
}
