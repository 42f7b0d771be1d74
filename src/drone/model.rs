//! What Drone answers: builds, stages, steps and log lines, read tolerantly.
//!
//! Only what Gavel judges by is typed; a field that is missing or null reads as empty. Times are Unix seconds, 0 while
//! there is none. Follows the JSON of Drone 1 and 2 (`core.Build`, `core.Stage`, `core.Step`, `core.Line`).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// One build. A list of builds leaves `stages` out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Counts from 1 in each repository; a later build has a higher one.
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    /// Why Drone itself could not run it, such as a missing pipeline.
    #[serde(default, deserialize_with = "or_default")]
    pub error: String,
    /// `custom` for a build that was asked for through the API.
    #[serde(default, deserialize_with = "or_default")]
    pub event: String,
    /// The commit of the repository that holds the pipeline: for cc-ci, not the commit under test.
    #[serde(default, deserialize_with = "or_default")]
    pub after: String,
    #[serde(default, deserialize_with = "or_default", rename = "ref")]
    pub reference: String,
    #[serde(default, deserialize_with = "or_default")]
    pub target: String,
    /// The Drone account that asked for it.
    #[serde(default, deserialize_with = "or_default")]
    pub trigger: String,
    #[serde(default, deserialize_with = "texts")]
    pub params: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub created: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub started: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub finished: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub stages: Vec<Stage>,
}

/// One pipeline of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    #[serde(default, deserialize_with = "or_default")]
    pub error: String,
    #[serde(default, deserialize_with = "or_default")]
    pub steps: Vec<Step>,
}

/// One step of a stage: what has a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    #[serde(default, deserialize_with = "or_default")]
    pub exit_code: i64,
}

/// One line of a step's log; `out` ends with the line's own newline, where it had one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    #[serde(default, deserialize_with = "or_default", rename = "pos")]
    pub position: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub out: String,
    /// Seconds since the step began.
    #[serde(default, deserialize_with = "or_default", rename = "time")]
    pub seconds: i64,
}

/// Which Drone answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
}

/// Whose token it is (`core.User`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
    /// May do everything on this Drone.
    #[serde(default, deserialize_with = "or_default")]
    pub admin: bool,
}

/// A repository on Drone (`core.Repository`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    #[serde(default, deserialize_with = "or_default")]
    pub slug: String,
    /// Builds can be started in it.
    #[serde(default, deserialize_with = "or_default")]
    pub active: bool,
}

/// The state of a build, a stage or a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Status {
    #[default]
    Pending,
    Running,
    Success,
    Failure,
    /// Cancelled by somebody.
    Killed,
    /// Drone could not run it.
    Error,
    Skipped,
    /// Waits for an approval.
    Blocked,
    Declined,
    Waiting,
    /// A word this client does not know.
    Other(String),
}

impl Status {
    /// Whether nothing can follow. A status that is not known does not count as an end.
    pub fn is_terminal(&self) -> bool {
        use Status::*;
        matches!(
            self,
            Success | Failure | Killed | Error | Skipped | Declined
        )
    }

    pub fn as_str(&self) -> &str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Killed => "killed",
            Status::Error => "error",
            Status::Skipped => "skipped",
            Status::Blocked => "blocked",
            Status::Declined => "declined",
            Status::Waiting => "waiting_on_dependencies",
            Status::Other(word) => word,
        }
    }
}

impl From<String> for Status {
    fn from(word: String) -> Self {
        match word.as_str() {
            "pending" => Status::Pending,
            "running" => Status::Running,
            "success" => Status::Success,
            "failure" => Status::Failure,
            "killed" => Status::Killed,
            "error" => Status::Error,
            "skipped" => Status::Skipped,
            "blocked" => Status::Blocked,
            "declined" => Status::Declined,
            "waiting_on_dependencies" => Status::Waiting,
            _ => Status::Other(word),
        }
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.as_str().to_owned()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list that may also be `null`, which is how some servers say that it is empty.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Parameters are texts; a number or a truth value is read as it is written.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: Option<BTreeMap<String, Value>> = Option::deserialize(from)?;
    Ok(values
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => (key, text),
            Value::Null => (key, String::new()),
            other => (key, other.to_string()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_or_null_reads_as_empty() {
        let bare: Build = serde_json::from_value(json!({"number": 7})).unwrap();
        let nulls: Build = serde_json::from_value(json!({
            "number": 7, "status": null, "error": null, "event": null, "after": null, "ref": null, "target": null,
            "trigger": null, "params": null, "created": null, "started": null, "finished": null, "stages": null,
            "a field of tomorrow": {}
        }))
        .unwrap();
        assert_eq!(bare, nulls);
        assert!(serde_json::from_value::<Build>(json!({"status": "success"})).is_err());
    }

    #[test]
    fn a_status_survives_the_way_there_and_back() {
        for word in [
            "pending", "running", "success", "failure", "killed", "error", "skipped", "blocked",
            "declined",
        ] {
            let status: Status = serde_json::from_value(json!(word)).unwrap();
            assert!(!matches!(status, Status::Other(_)), "{word}");
            assert_eq!(serde_json::to_value(&status).unwrap(), json!(word));
        }
        let unknown: Status = serde_json::from_value(json!("paused")).unwrap();
        assert_eq!(unknown, Status::Other("paused".into()));
        assert!(!unknown.is_terminal());
    }

    #[test]
    fn parameters_are_texts() {
        let build: Build = serde_json::from_value(
            json!({"number": 1, "params": {"PR": 3, "REF": "abc", "X": null}}),
        )
        .unwrap();
        assert_eq!(build.params["PR"], "3");
        assert_eq!(build.params["REF"], "abc");
        assert_eq!(build.params["X"], "");
    }
}
