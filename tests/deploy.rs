//! Holds what is in `deploy/` to what it deploys.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the stage of the image that builds is given of this folder.
fn copied() -> Vec<PathBuf> {
    let text = read("deploy/Containerfile");
    let stages: Vec<&str> = text.split("\nFROM ").collect();
    let [_, build, _] = stages[..] else {
        panic!("one stage builds, and one is deployed");
    };
    assert!(build.contains("\nRUN cargo build "), "{build}");
    build
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .flat_map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            let to = words.pop().unwrap();
            assert!(
                to == "./" || words == [to],
                "`COPY {line}` puts it elsewhere than here"
            );
            words
        })
        .map(|word| top().join(word))
        .collect()
}

/// Where the targets stand that the manifest declares; cargo refuses it where one of them is not there, whatever is to be built.
fn declared() -> Vec<PathBuf> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let said = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(top())
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let known = said["packages"][0]["targets"].as_array().unwrap();
    let mut found = Vec::new();
    for kind in ["bin", "bench", "example", "test"] {
        let targets = manifest.get(kind).and_then(toml::Value::as_array);
        for target in targets.into_iter().flatten() {
            let name = target["name"].as_str().unwrap();
            let one = known
                .iter()
                .find(|one| one["name"] == name && one["kind"][0] == kind);
            let one = one.unwrap_or_else(|| panic!("cargo does not know the {kind} {name}"));
            found.push(PathBuf::from(one["src_path"].as_str().unwrap()));
        }
    }
    assert!(!found.is_empty(), "the manifest declares nothing");
    found
}

#[test]
fn the_image_is_built_of_all_that_the_manifest_names() {
    let copied = copied();
    for path in declared() {
        assert!(
            copied.iter().any(|folder| path.starts_with(folder)),
            "deploy/Containerfile copies nothing that holds {}",
            path.display()
        );
    }
    for needed in ["Cargo.toml", "Cargo.lock", "templates"] {
        assert!(
            copied.contains(&top().join(needed)),
            "deploy/Containerfile does not copy {needed}"
        );
    }
    for path in &copied {
        assert!(path.exists(), "{} is not there", path.display());
    }
}

/// What the unit says under this key, line by line.
fn unit(key: &str) -> Vec<String> {
    let text = read("deploy/gavel.service");
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let said = lines.filter(|(name, _)| *name == key);
    said.map(|(_, value)| value.to_owned()).collect()
}

#[test]
fn a_command_that_outlives_a_restart_keeps_what_it_works_with() {
    assert_eq!(unit("KillMode"), ["process"]);
    // systemd's own defaults, and said all the same: each is a trap for who hardens the unit.
    assert_eq!(unit("PrivateTmp"), ["no"]);
    assert_eq!(unit("RemoveIPC"), ["no"]);
    // Nothing else makes these writable where the system is read-only.
    assert_eq!(unit("ProtectSystem"), ["strict"]);
    let writable = unit("ReadWritePaths").join(" ");
    for place in ["/tmp", "/var/tmp"] {
        assert!(
            writable.split(' ').any(|path| path == place),
            "{place} is read-only: {writable}"
        );
    }
}

#[test]
fn all_folders_of_the_installation_are_made_before_the_doctor_is_asked() {
    let text = read("deploy/gavel.service");
    let steps: Vec<&str> = text.lines().take_while(|line| *line != "[Unit]").collect();
    let at = |word: &str| steps.iter().position(|line| line.contains(word));
    let doctor = at("gavel doctor").expect("the doctor is a step");
    for folder in ["/etc/gavel", "/var/lib/gavel"] {
        let made = steps.iter().position(|line| {
            let mut words = line.split_whitespace();
            line.contains("install -d -o gavel -g gavel -m 0700")
                && words.any(|word| word == folder)
        });
        assert!(
            made.is_some_and(|made| made < doctor),
            "no step before the doctor makes {folder}"
        );
    }
}
