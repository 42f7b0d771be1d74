//! What somebody else does on the forge while the lab runs: a builder pushes, has a pull request tested, and talks about it.
//!
//! None of it is the flow's doing, and nobody may take it for that.

use super::bridge::CONTEXT;
use super::client::{Api, ApiError};
use super::provision::{MIRRORS, SUITE};
use super::sandbox::OUTSIDE;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

pub const BUILDER: &str = "builder";
/// In the mirror, and in the suite.
pub const WORK: &str = "builder/wording";
pub const NOTES: &str = "builder/notes";

/// Between two rounds, at least and at most.
const EVERY: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];
/// So many times what a round took is rested after it: forges on which a push is much work have enough of it with the flow.
const RESTS: u32 = 10;
/// In so many rounds one build: there is one runner for everybody, and more would starve it.
const ROUNDS_A_BUILD: u32 = 4;
/// So many rounds a pull request is worked on, or a build waited for.
const LONG: u32 = 20;

/// Ends with whatever it is at when it is dropped.
pub struct Others {
    work: JoinHandle<()>,
}

impl Others {
    /// `forge` is the builder's.
    pub fn start(forge: Api) -> Others {
        let builder = Builder {
            forge,
            mirror: format!("{MIRRORS}/{}", OUTSIDE.name),
            round: 0,
            pull: None,
            tested: None,
            issue: None,
        };
        Others {
            work: tokio::spawn(builder.work()),
        }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Something, and the round that it is from.
struct Since<T>(T, u32);

struct Builder {
    forge: Api,
    mirror: String,
    round: u32,
    pull: Option<Since<i64>>,
    /// The commit whose build is waited for.
    tested: Option<Since<String>>,
    issue: Option<i64>,
}

impl Builder {
    async fn work(mut self) {
        loop {
            let begun = Instant::now();
            self.round += 1;
            // One does not wait for the other.
            for done in [self.on_the_recipe().await, self.on_the_suite().await] {
                if let Err(error) = done {
                    tracing::warn!("others: {BUILDER}, round {}: {error:#}", self.round);
                }
            }
            let [least, most] = EVERY;
            sleep((begun.elapsed() * RESTS).clamp(least, most)).await;
        }
    }

    /// Pushes to the pull request, and has it tested at times, unless it still is.
    async fn on_the_recipe(&mut self) -> Result<()> {
        let head = self.push(&self.mirror, WORK, "docs/wording.md").await?;
        let pull = self.pull().await?;
        // The first round is one of those that have a build.
        if self.round % ROUNDS_A_BUILD != 1 || self.is_being_tested().await? {
            return Ok(());
        }
        self.comment(&self.mirror, pull, "!testme").await?;
        self.tested = Some(Since(head, self.round));
        Ok(())
    }

    /// Pushes what is neither a test nor the harness, and says so in an issue.
    async fn on_the_suite(&mut self) -> Result<()> {
        let head = self.push(SUITE, NOTES, "docs/notes.md").await?;
        let issue = match self.issue {
            Some(issue) => issue,
            None => {
                let issue = json!({ "title": "Take notes while working" });
                let path = format!("/repos/{SUITE}/issues");
                number(&self.forge.post(&path, issue).await?)?
            }
        };
        self.issue = Some(issue);
        self.comment(SUITE, issue, &format!("The notes are at {head}."))
            .await
    }

    /// Changes one file on a branch, which begins at `main`, and answers the commit.
    async fn push(&self, repository: &str, branch: &str, file: &str) -> Result<String> {
        let path = format!("/repos/{repository}/contents/{file}");
        let there = match self.forge.get(&format!("{path}?ref={branch}")).await {
            Err(ApiError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) => None,
            there => Some(there?),
        };
        let content = STANDARD.encode(format!("Round {}.\n", self.round));
        let message = format!("Write down round {}", self.round);
        let pushed = match there {
            None => {
                let change = json!({ "content": content, "message": message, "branch": "main", "new_branch": branch });
                self.forge.post(&path, change).await
            }
            Some(there) => {
                let change = json!({ "content": content, "message": message, "branch": branch, "sha": there["sha"] });
                self.forge.put(&path, change).await
            }
        };
        let pushed = pushed.with_context(|| format!("pushing to {branch} of {repository}"))?;
        let commit = pushed["commit"]["sha"].as_str().map(str::to_owned);
        commit.with_context(|| format!("the forge names no commit for {branch} of {repository}"))
    }

    /// The open pull request. In its place comes a new one when much has been said on it: the bridge reads all that, each time that something is added.
    async fn pull(&mut self) -> Result<i64> {
        let pulls = format!("/repos/{}/pulls", self.mirror);
        if let Some(Since(pull, opened)) = self.pull {
            if self.round - opened < LONG {
                return Ok(pull);
            }
            let close = json!({ "state": "closed" });
            self.forge.patch(&format!("{pulls}/{pull}"), close).await?;
            self.pull = None;
        }
        let body = json!({ "title": "Choose better words", "head": WORK, "base": "main" });
        let opened = self.forge.post(&pulls, body).await;
        let pull = number(&opened.context("opening a pull request")?)?;
        self.pull = Some(Since(pull, self.round));
        Ok(pull)
    }

    async fn is_being_tested(&self) -> Result<bool> {
        let Some(Since(head, since)) = &self.tested else {
            return Ok(false);
        };
        let path = format!("/repos/{}/commits/{head}/status", self.mirror);
        let told = self.forge.get(&path).await?;
        let statuses = told["statuses"].as_array().into_iter().flatten();
        let ended = statuses
            .filter(|status| status["context"] == CONTEXT)
            .any(|status| status["status"] != "pending");
        Ok(!ended && self.round - since < LONG)
    }

    async fn comment(&self, repository: &str, number: i64, text: &str) -> Result<()> {
        let path = format!("/repos/{repository}/issues/{number}/comments");
        let said = self.forge.post(&path, json!({ "body": text })).await;
        said.with_context(|| format!("commenting on {repository}#{number}"))?;
        Ok(())
    }
}

fn number(opened: &Value) -> Result<i64> {
    let number = opened["number"].as_i64();
    number.context("the forge's answer holds no number")
}
