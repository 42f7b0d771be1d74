//! What happens to services: a journal beside the deploys, one line for each event, as docker tells it.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A stack that has nothing to do with cc-ci.
pub const OTHER: &str = "traefik";

/// Of the journal alone: docker's events do not tell it.
pub const IMAGE: &str = "image of the lab";

pub fn journal(deploys: &Path) -> PathBuf {
    deploys.with_extension("events")
}

/// Docker's id for a service, as long as the stack stands.
pub fn id(stack: &str) -> String {
    hex::encode(Sha1::digest(stack))[..25].to_owned()
}

/// Writes down that a stack's service was created, updated or removed.
pub fn note(deploys: &Path, stack: &str, action: &str, image: &str) -> Result<()> {
    let now = Timestamp::now();
    let event = json!({
        "Type": "service",
        "Action": action,
        "Actor": { "ID": id(stack), "Attributes": { "name": format!("{stack}_app") } },
        "scope": "swarm",
        "time": now.as_second(),
        "timeNano": i64::try_from(now.as_nanosecond()).unwrap_or_default(),
        IMAGE: image,
    });
    let path = journal(deploys);
    // One write: several processes tell their events here.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{event}\n").as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

/// What somebody else deployed before.
pub fn others(deploys: &Path) -> Result<()> {
    note(deploys, OTHER, "create", "traefik:v3.4.1")
}

/// The whole lines of the journal from a byte on, and where the next one begins.
pub fn read(deploys: &Path, from: usize) -> (Vec<Value>, usize) {
    let text = std::fs::read(journal(deploys)).unwrap_or_default();
    let new = text.get(from..).unwrap_or_default();
    let whole = new
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let events = String::from_utf8_lossy(&new[..whole])
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    (events, from + whole)
}
