//! What `upgrade-all` does only where it is broken on purpose, where that is too long to stand where it acts.

use super::Repo;
use super::clone::Clone;
use super::recipe_upgrade::SUITE;
use super::summary::Outcome;
use super::upgrade_all::{Candidate, UpgradeAll};
use crate::lab::process;
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

fn repo(all: &UpgradeAll, recipe: &str) -> Repo {
    Repo::new(all.around.forge(), &all.around.mirrors, recipe)
}

/// Makes a branch of `main`.
async fn branch(repo: &Repo, name: &str) -> Result<()> {
    let branch = json!({ "new_branch_name": name, "old_branch_name": "main" });
    let path = format!("{}/branches", repo.path);
    let made = repo.api.post(&path, branch).await;
    made.with_context(|| format!("making the branch {name}"))?;
    Ok(())
}

/// A dry run leaves none, unless it is broken.
pub async fn leave_traces(all: &UpgradeAll, candidates: &[Candidate]) -> Result<()> {
    let faults = &all.around.faults;
    if faults.has("upgrade-all-dry-run-acts-later") {
        leave_behind()?;
    }
    for (at, Candidate { recipe, to, .. }) in candidates.iter().enumerate() {
        let repo = repo(all, recipe);
        let is_last = at + 1 == candidates.len();
        if faults.has("upgrade-all-dry-run-opens") {
            all.upgrade(recipe).await?;
        }
        let name = format!("candidate-{to}");
        if faults.has("upgrade-all-dry-run-pushes") {
            branch(&repo, &name).await?;
        }
        if faults.has("upgrade-all-dry-run-tidies-up") {
            branch(&repo, &name).await?;
            let path = format!("{}/branches/{name}", repo.path);
            let gone = repo.api.delete(&path).await;
            gone.with_context(|| format!("deleting the branch {name}"))?;
        }
        if faults.has("upgrade-all-dry-run-comments")
            || is_last && faults.has("upgrade-all-dry-run-comments-on-the-last")
        {
            for pull in repo.open_pulls().await? {
                let note = format!("{to} is there.");
                repo.comment(pull.number, &note).await?;
            }
        }
        if is_last && faults.has("upgrade-all-dry-run-writes-a-status") {
            for pull in repo.open_pulls().await? {
                let status = json!({ "context": "cc-ci/testme", "state": "pending", "description": "outdated" });
                let path = format!("{}/statuses/{}", repo.path, pull.head);
                repo.api
                    .post(&path, status)
                    .await
                    .context("writing a status")?;
            }
        }
    }
    Ok(())
}

/// Set where this program is what a dry run left behind: to that run's process.
pub const LATER: &str = "LAB_LATER";

/// Leaves this program behind, in a session of its own.
fn leave_behind() -> Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut left = std::process::Command::new("setsid");
    left.arg(program).args(std::env::args_os().skip(1));
    left.env(LATER, std::process::id().to_string());
    left.stdin(Stdio::null());
    left.stdout(Stdio::null()).stderr(Stdio::null());
    left.spawn().context("leaving a program behind")?;
    Ok(())
}

/// What is left behind of a dry run makes a branch when the run has ended.
pub async fn act_later(all: &UpgradeAll) -> Result<()> {
    let run = std::env::var(LATER).context("reading which run it was left behind by")?;
    while std::os::unix::process::parent_id().to_string() == run {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let recipes = all.recipes.as_deref().unwrap_or_default();
    let first = recipes.split_whitespace().next();
    branch(&repo(all, first.context("no recipes")?), "later").await
}

/// Deploys a recipe once more, for somebody who might want to look at it. Answers the stack.
pub async fn deploy_to_look_at(all: &UpgradeAll, recipe: &str, why: &str) -> Result<String> {
    let around = &all.around;
    let url = around.git_url(&around.mirrors, recipe);
    let clone = Clone::of(&url, &around.work, "flow", &around.forge_token).await?;
    let stack = format!("ci-{recipe}-{why}");
    let checkout = clone.path(".").display().to_string();
    abra(&["app", "deploy", &stack, &checkout]).await?;
    Ok(stack)
}

pub async fn abra(arguments: &[&str]) -> Result<()> {
    let line = process::this_program(&[&["lab", "abra"], arguments].concat())?;
    let ended = Command::new(&line[0]).args(&line[1..]).status().await;
    let ended = ended.context("starting abra")?;
    if !ended.success() {
        bail!("abra {}: {ended}", arguments.join(" "));
    }
    Ok(())
}

/// Deploys what comes next already, so that its images are there.
pub async fn warm_up(all: &UpgradeAll, next: Option<&Candidate>) -> Result<Option<String>> {
    match next {
        Some(next) if all.around.faults.has("upgrade-all-warms-up-the-next") => {
            deploy_to_look_at(all, &next.recipe, "warm").await.map(Some)
        }
        _ => Ok(None),
    }
}

/// What nobody asked for, once all are upgraded. Answers more pull requests for the list.
pub async fn take_more_along(
    all: &UpgradeAll,
    outcomes: &[Outcome],
    current: &[String],
) -> Result<Vec<String>> {
    let faults = &all.around.faults;
    if faults.has("upgrade-all-opens-one-for-current") {
        for recipe in current {
            let repo = repo(all, recipe);
            let file = json!({ "content": "Y3VycmVudAo=", "message": "chore: it is current", "branch": "main", "new_branch": "current" });
            let path = format!("{}/contents/CURRENT.md", repo.path);
            repo.api.post(&path, file).await.context("writing a note")?;
            let title = "chore: it is current";
            repo.open_pull("current", title, "There is nothing to upgrade.")
                .await?;
        }
    }
    if faults.has("upgrade-all-branches-the-tests") {
        for stale in outcomes.iter().filter(|outcome| outcome.looks_stale()) {
            branch(&repo(all, SUITE), &format!("stale-{}", stale.recipe)).await?;
        }
    }
    let mut earlier = Vec::new();
    if faults.has("upgrade-all-lists-earlier-ones") {
        for outcome in outcomes {
            let repo = repo(all, &outcome.recipe);
            let closed = format!("{}/pulls?state=closed", repo.path);
            let closed = repo.api.list(&closed).await?;
            let pages = closed.iter().filter_map(|pull| pull["html_url"].as_str());
            earlier.extend(pages.map(|page| format!("- {}: {page} — SUCCESS", outcome.recipe)));
        }
    }
    Ok(earlier)
}
