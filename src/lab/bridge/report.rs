//! What the bridge says about a build: a commit status on the head, and one comment that it edits in place.

use super::super::client::{Api, ApiError};
use super::super::faults::Faults;
use serde_json::{Value, json};

pub const CONTEXT: &str = "cc-ci/testme";
pub const MARKER: &str = "<!-- cc-ci:testme -->";

/// One build, as the pull request is to see it.
#[derive(Clone)]
pub struct Report {
    pub repository: String,
    pub pull: i64,
    /// The commit that status and result are about.
    pub sha: String,
    pub build: i64,
    pub page: String,
    /// `pending`, `success`, `failure` or `error`, as a commit status has it.
    pub state: &'static str,
}

impl Report {
    /// A status for each change; the newest counts.
    pub async fn write_status(&self, forge: &Api, faults: &Faults) -> Result<(), ApiError> {
        let ended = self.state != "pending";
        if faults.has("bridge-writes-nothing")
            || faults.has("gate-comments-helper-statuses")
            || (ended
                && (faults.has("bridge-status-stays-pending")
                    || faults.has("bridge-never-reports-the-end")))
        {
            return Ok(());
        }
        let description = match self.state {
            "pending" => format!("build {} is running", self.build),
            "success" => format!("build {} passed", self.build),
            "failure" => format!("build {} failed", self.build),
            _ => format!("build {} could not run to its end", self.build),
        };
        let state = match self.state {
            "pending" if faults.has("bridge-guesses-green") => "success",
            state => state,
        };
        let status = json!({ "context": CONTEXT, "state": state, "target_url": self.page, "description": description });
        forge
            .post(
                &format!("/repos/{}/statuses/{}", self.repository, self.sha),
                status,
            )
            .await
            .map(drop)
    }

    /// Edits the comment that stands there already, or writes the first one.
    pub async fn write_comment(
        &self,
        forge: &Api,
        login: &str,
        faults: &Faults,
    ) -> Result<(), ApiError> {
        let ended = self.state != "pending";
        if faults.has("bridge-writes-nothing")
            || faults.has("gate-statuses-helper-comments")
            || (ended
                && (faults.has("bridge-comment-stays-running")
                    || faults.has("bridge-never-reports-the-end")))
        {
            return Ok(());
        }
        let body = json!({ "body": self.body(faults) });
        let comments = forge
            .get(&format!(
                "/repos/{}/issues/{}/comments",
                self.repository, self.pull
            ))
            .await?;
        match find_own(&comments, login) {
            Some(id) => forge
                .patch(
                    &format!("/repos/{}/issues/comments/{id}", self.repository),
                    body,
                )
                .await
                .map(drop),
            None => forge
                .post(
                    &format!("/repos/{}/issues/{}/comments", self.repository, self.pull),
                    body,
                )
                .await
                .map(drop),
        }
    }

    fn body(&self, faults: &Faults) -> String {
        let short = self.sha.get(..8).unwrap_or(&self.sha);
        let link = format!("[build {}]({})", self.build, self.page);
        let mut state = self.state;
        if faults.has("bridge-comment-contradicts-status") && state != "pending" {
            // `passed` is how the page words it, and not a state that Drone knows.
            state = if state == "passed" {
                "success"
            } else {
                "failure"
            };
        }
        let sentence = match state {
            "pending" => format!("⏳ **cc-ci** testing `{short}`: {link} is running"),
            "success" => format!("✅ **cc-ci** `{short}` passed: {link}"),
            "failure" => format!("❌ **cc-ci** `{short}` failed: {link}"),
            _ => format!("⛔ **cc-ci** `{short}` could not be tested to the end: {link}"),
        };
        let trailer = format!(
            "<!-- cc-ci:result state={state} build={} sha={} -->",
            self.build, self.sha
        );
        format!("{MARKER}\n{sentence}\n\n{trailer}")
    }
}

fn find_own(comments: &Value, login: &str) -> Option<i64> {
    let own = |comment: &&Value| {
        comment["user"]["login"].as_str() == Some(login)
            && comment["body"]
                .as_str()
                .is_some_and(|body| body.starts_with(MARKER))
    };
    comments.as_array()?.iter().find(own)?["id"].as_i64()
}
