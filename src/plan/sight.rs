//! How a judge reads the answers in its facts: only what it decides by, tolerant of everything else.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// Lists that are empty come as `null` from some servers, and so do texts.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A comment, as `GET /repos/{owner}/{repo}/issues/{index}/comments` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
    pub id: u64,
    pub user: Account,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Account {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
}

/// A pull request, as `POST /repos/{owner}/{repo}/pulls` answers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Pull {
    pub number: u64,
    pub head: End,
    pub base: End,
}

/// One end of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub struct End {
    pub sha: String,
}

/// A commit status, as `GET /repos/{owner}/{repo}/commits/{ref}/statuses` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub id: u64,
    #[serde(default, deserialize_with = "or_default", alias = "state")]
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub context: String,
    #[serde(default, deserialize_with = "or_default")]
    pub target_url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub creator: Login,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Login {
    #[serde(default, deserialize_with = "or_default")]
    pub login: String,
}

/// A build, as Drone's `GET /api/repos/{owner}/{repo}/builds` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Build {
    pub number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub params: BTreeMap<String, String>,
    /// By Drone's clock, in seconds; 0 where it has not happened.
    #[serde(default, deserialize_with = "or_default")]
    created: u64,
    #[serde(default, deserialize_with = "or_default")]
    finished: u64,
}

impl Build {
    /// How long it took at most, from being asked for to its end, in milliseconds.
    pub fn took(&self) -> u64 {
        // Each is cut to whole seconds.
        let seconds = self.finished.saturating_sub(self.created) + 1;
        seconds.saturating_mul(1000)
    }

    /// Whether nothing about it can change any more.
    pub fn ended(&self) -> bool {
        matches!(
            self.status.as_str(),
            "success" | "failure" | "error" | "killed" | "declined" | "skipped"
        )
    }

    pub fn green(&self) -> bool {
        self.status == "success"
    }

    /// The parameter `name`, empty where it is missing.
    pub fn parameter(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// The log of a build, all steps as one text.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    pub text: String,
    /// Steps that have none (yet).
    pub missing: Vec<String>,
    /// Whether its end is missing, since it is too long.
    pub cut: bool,
}

impl Log {
    pub fn shows(&self, pattern: &regex::Regex) -> bool {
        pattern.is_match(&self.text)
    }
}

/// A build's `results.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Results {
    #[serde(default, deserialize_with = "or_default")]
    pub recipe: String,
    #[serde(default, rename = "ref", deserialize_with = "or_default")]
    pub commit: String,
    /// The pull request, where it is told.
    #[serde(default)]
    pub pr: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    pub build: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Stage {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub tests: Vec<Test>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Test {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
}

impl Test {
    fn failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "error")
    }

    /// Whether it was run at all: one that was skipped says nothing.
    fn ran(&self) -> bool {
        self.status == "passed" || self.failed()
    }
}

impl Results {
    /// Whether they are of this build, and of what it was started for.
    pub fn are_of(&self, build: &Build) -> bool {
        let pr = self.pr.map(|pr| pr.to_string());
        self.build == build.number
            && self.commit == build.parameter("REF")
            && self.recipe == build.parameter("RECIPE")
            && pr.is_none_or(|pr| pr == build.parameter("PR"))
    }

    /// How many tests were run.
    pub fn ran(&self) -> usize {
        let tests = self.stages.iter().flat_map(|stage| &stage.tests);
        tests.filter(|test| test.ran()).count()
    }

    /// The names of the tests that failed, with their stage.
    pub fn failed(&self) -> Vec<String> {
        let failed = |stage: &Stage| {
            let of = stage.name.clone();
            stage
                .tests
                .iter()
                .filter(|test| test.failed())
                .map(move |test| format!("{of}/{}", test.name))
                .collect::<Vec<_>>()
        };
        self.stages.iter().flat_map(failed).collect()
    }
}
