//! What a bridge does that wants its results to stay where people see them: it brings back what was closed. Only where it is broken on
//! purpose.

use super::Shared;
use super::report::Report;
use anyhow::{Context, Result};
use serde_json::json;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(50);

/// Waits until a pull request's branch is gone, and makes it anew; then opens the pull request again, where it does that too.
pub async fn keep(shared: &Shared, report: &Report) {
    let reopens = shared.faults.has("bridge-reopens-pulls");
    if !reopens && !shared.faults.has("bridge-keeps-heads") {
        return;
    }
    if let Err(error) = bring_back(shared, report, reopens).await {
        tracing::warn!("bridge: {}#{}: {error:#}", report.repository, report.pull);
    }
}

async fn bring_back(shared: &Shared, report: &Report, reopens: bool) -> Result<()> {
    let (repository, pull) = (&report.repository, report.pull);
    let page = format!("/repos/{repository}/pulls/{pull}");
    let described = shared.forge.get(&page).await?;
    let branch = described["head"]["ref"].as_str();
    let branch = branch.context("the pull request has no branch")?.to_owned();
    let path = format!("/repos/{repository}/branches");
    loop {
        tokio::time::sleep(LOOK).await;
        let branches = shared.forge.list(&path).await?;
        if branches
            .iter()
            .all(|known| known["name"] != branch.as_str())
        {
            break;
        }
    }
    let again = json!({ "new_branch_name": branch, "old_ref_name": report.sha });
    shared.forge.post(&path, again).await?;
    if reopens {
        let open = json!({ "state": "open" });
        shared.forge.patch(&page, open).await?;
    }
    Ok(())
}
