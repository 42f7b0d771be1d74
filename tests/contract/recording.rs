//! Recorded exchanges and deliveries, one file each, numbered in the order of the conversation.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The folder of one server's recordings, such as `gitea-1.25.4`.
pub fn folder(server: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings")
        .join(server)
}

/// Name and content of each file of a folder, in order.
pub fn read<T: DeserializeOwned>(folder: &Path) -> Vec<(String, T)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| {
            panic!(
                "cannot read the recordings in {}: {error}",
                folder.display()
            )
        })
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let (_, name) = stem.split_once('-').expect("a number, a dash and a name");
            let text = std::fs::read_to_string(&path).unwrap();
            let content = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name.to_owned(), content)
        })
        .collect()
}

/// Replaces the recordings of a folder.
pub fn write<T: Serialize>(folder: &Path, recordings: &[(String, T)]) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    for (number, (name, content)) in recordings.iter().enumerate() {
        let path = folder.join(format!("{:03}-{name}.json", number + 1));
        let text = serde_json::to_string_pretty(content).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
}
