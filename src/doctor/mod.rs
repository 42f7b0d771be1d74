//! Whether an installation has all that it needs. It asks by reads alone and makes nothing: `look` asks, once each; `rule` says of what came
//! back whether it will do, and what to do where it will not.

mod check;
mod look;
mod rule;
mod table;

pub use check::Diagnosis;
pub use look::{Role, named as places};
pub use rule::{Right, address, needed, wrong};

use crate::config::{Config, ConfigError};
use crate::gitea::Gitea;
use std::path::Path;

/// Everything that a webhook of Gavel's is to deliver, by the forge's names.
pub const EVENTS: [&str; 6] = [
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_comment",
    "push",
    "status",
];

/// The mark by which the marks of a reader of this report are told apart: a change of meaning is a new number.
pub const SCHEMA: &str = "gavel-doctor/1";

/// Examines the installation that a configuration describes. `overseer` is a client of the forge's administrator where there is one: what
/// only administrators are told is asked in that one's name.
///
/// # Errors
/// Where there is no file to read. One that says something wrong is a diagnosis.
pub async fn examine(path: &Path, overseer: Option<Gitea>) -> Result<Diagnosis, ConfigError> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(ConfigError::Wrong { path, problems }) => {
            return Ok(Diagnosis::new(rule::unusable(&path, &problems)));
        }
        Err(unreadable) => return Err(unreadable),
    };
    let seen = look::at(&config, overseer).await;
    let mut checks = rule::configuration(&config, path);
    checks.extend(rule::all(&config, &seen));
    Ok(Diagnosis::new(checks))
}
