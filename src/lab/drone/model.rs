//! Builds as Drone's API shows them.

use serde::Serialize;
use std::collections::BTreeMap;

pub const PENDING: &str = "pending";
pub const RUNNING: &str = "running";
pub const SUCCESS: &str = "success";
pub const FAILURE: &str = "failure";
pub const KILLED: &str = "killed";
pub const ERROR: &str = "error";
pub const SKIPPED: &str = "skipped";

/// Drone's clock: whole seconds.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[derive(Clone, Serialize, Default)]
pub struct Build {
    /// Unique in the whole server, and not the number.
    pub id: i64,
    pub repo_id: i64,
    pub trigger: String,
    pub number: i64,
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    pub event: String,
    pub action: String,
    pub link: String,
    pub timestamp: i64,
    pub message: String,
    pub before: String,
    pub after: String,
    #[serde(rename = "ref")]
    pub git_ref: String,
    pub source_repo: String,
    pub source: String,
    pub target: String,
    pub author_login: String,
    pub author_name: String,
    pub author_email: String,
    pub author_avatar: String,
    pub sender: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    pub started: i64,
    pub finished: i64,
    pub created: i64,
    pub updated: i64,
    pub version: i64,
    /// In the answer for one build only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
}

impl Build {
    pub fn is_done(&self) -> bool {
        self.status != PENDING && self.status != RUNNING
    }

    /// As lists show it: without its stages.
    pub fn summary(&self) -> Build {
        Build {
            stages: Vec::new(),
            ..self.clone()
        }
    }
}

#[derive(Clone, Serialize, Default)]
pub struct Stage {
    pub id: i64,
    pub repo_id: i64,
    pub build_id: i64,
    pub number: i64,
    pub name: String,
    pub kind: String,
    #[serde(rename = "type")]
    pub stage_type: String,
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    pub errignore: bool,
    pub exit_code: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub machine: String,
    pub os: String,
    pub arch: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    pub started: i64,
    pub stopped: i64,
    pub created: i64,
    pub updated: i64,
    pub version: i64,
    pub on_success: bool,
    pub on_failure: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

impl Stage {
    /// The one stage of a build that has just been queued.
    pub fn queued(build: &Build) -> Stage {
        Stage {
            id: build.id,
            repo_id: build.repo_id,
            build_id: build.id,
            number: 1,
            name: "default".to_owned(),
            kind: "pipeline".to_owned(),
            stage_type: "exec".to_owned(),
            status: PENDING.to_owned(),
            os: "linux".to_owned(),
            arch: "amd64".to_owned(),
            created: build.created,
            updated: build.created,
            version: 1,
            on_success: true,
            ..Stage::default()
        }
    }
}

#[derive(Clone, Serialize, Default)]
pub struct Step {
    pub id: i64,
    /// The stage's id: Drone names it so.
    pub step_id: i64,
    pub number: i64,
    pub name: String,
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    pub exit_code: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub started: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub stopped: i64,
    pub version: i64,
    /// Shown by the log's own address only.
    #[serde(skip)]
    pub log: Vec<Line>,
    /// Somebody removed its log.
    #[serde(skip)]
    pub is_forgotten: bool,
}

/// serde hands a reference to what it asks about.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[derive(Clone, Serialize)]
pub struct Line {
    pub pos: usize,
    /// With its line break.
    pub out: String,
    /// Seconds since the step began.
    pub time: i64,
}
