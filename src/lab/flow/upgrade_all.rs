//! `/upgrade-all [--dry-run] [--with-tests]`: every recipe that has a newer version, one after another, and a summary.

use super::clone::Clone;
use super::version::{self, Choice};
use super::{Repo, Surroundings};
use crate::lab::faults::Faults;
use crate::lab::process;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// How long what a recipe deployed may take until it is gone.
const TEARDOWN: Duration = Duration::from_secs(60);
/// The repository beside the mirrors that is none.
const SUITE: &str = "cc-ci";

#[derive(Args)]
pub struct UpgradeAll {
    /// Only say which recipes have an upgrade
    #[arg(long)]
    dry_run: bool,
    /// Passed on to each upgrade
    #[arg(long)]
    with_tests: bool,
    /// The recipes, separated by spaces; without it all that have a mirror
    #[arg(long, env = "RECIPES", hide = true)]
    recipes: Option<String>,
    /// `recipe-upgrade`
    #[arg(long, env = "RECIPE_UPGRADE", hide = true)]
    recipe_upgrade: PathBuf,
    /// Where deploys are recorded
    #[arg(long, env = "DEPLOYS_DIR", hide = true)]
    deploys: PathBuf,
    #[command(flatten)]
    around: Surroundings,
}

/// A recipe with a newer version.
struct Candidate {
    recipe: String,
    from: String,
    to: String,
}

/// What became of one candidate, as its upgrade said.
struct Outcome {
    recipe: String,
    pull: Option<String>,
    result: String,
}

impl Outcome {
    fn looks_stale(&self) -> bool {
        self.result == "SUCCESS-PENDING-TESTS"
    }

    fn failed(&self) -> bool {
        !self.result.starts_with("SUCCESS")
    }
}

impl UpgradeAll {
    pub async fn run(&self) -> Result<()> {
        let (candidates, current) = self.survey().await?;
        for Candidate { recipe, from, to } in &candidates {
            println!("CANDIDATE {recipe} {from} -> {to}");
        }
        let faults = &self.around.faults;
        if self.dry_run {
            if faults.has("upgrade-all-lists-current") {
                for recipe in &current {
                    println!("CANDIDATE {recipe} latest -> latest");
                }
            }
            return self.leave_traces(&candidates).await;
        }
        let outcomes = if faults.has("upgrade-all-parallel") {
            let upgrades = candidates.iter().map(|it| self.upgrade(&it.recipe));
            futures_util::future::try_join_all(upgrades).await?
        } else {
            self.in_turn(&candidates).await?
        };
        println!(
            "===== SUMMARY =====\n{}",
            summary(&outcomes, &current, faults)
        );
        Ok(())
    }

    async fn in_turn(&self, candidates: &[Candidate]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let skipped = usize::from(self.around.faults.has("upgrade-all-skips-first"));
        for candidate in candidates.iter().skip(skipped) {
            println!("===== {} =====", candidate.recipe);
            outcomes.push(self.upgrade(&candidate.recipe).await?);
            if self.around.faults.has("upgrade-all-leaves-deploys") {
                self.deploy_to_look_at(&candidate.recipe).await?;
                continue;
            }
            self.torn_down(&candidate.recipe).await?;
        }
        Ok(outcomes)
    }

    /// A dry run leaves none, unless it is broken.
    async fn leave_traces(&self, candidates: &[Candidate]) -> Result<()> {
        let around = &self.around;
        for Candidate { recipe, to, .. } in candidates {
            let repo = Repo::new(around.forge(), &around.mirrors, recipe);
            if around.faults.has("upgrade-all-dry-run-opens") {
                self.upgrade(recipe).await?;
            }
            if around.faults.has("upgrade-all-dry-run-pushes") {
                let branch = json!({ "new_branch_name": format!("candidate-{to}"), "old_branch_name": "main" });
                let path = format!("{}/branches", repo.path);
                let made = repo.api.post(&path, branch).await;
                made.with_context(|| format!("making a branch for {recipe}"))?;
            }
            if around.faults.has("upgrade-all-dry-run-comments") {
                for pull in repo.open_pulls().await? {
                    repo.comment(pull.number, &format!("{to} is there."))
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Deploys the recipe once more, for somebody who might want to look at it.
    async fn deploy_to_look_at(&self, recipe: &str) -> Result<()> {
        let around = &self.around;
        let url = around.git_url(&around.mirrors, recipe);
        let clone = Clone::of(&url, &around.work, "flow", &around.forge_token).await?;
        let (stack, checkout) = (format!("ci-{recipe}-look"), clone.path("."));
        let arguments = ["lab", "abra", "app", "deploy", &stack];
        let line = process::this_program(&arguments)?;
        let deployed = Command::new(&line[0])
            .args(&line[1..])
            .arg(checkout)
            .status();
        deployed.await.context("starting abra")?;
        Ok(())
    }

    /// The candidates, and the recipes that have nothing to upgrade.
    async fn survey(&self) -> Result<(Vec<Candidate>, Vec<String>)> {
        let (mut candidates, mut current) = (Vec::new(), Vec::new());
        for recipe in self.recipes().await? {
            let around = &self.around;
            // An upgrade starts from upstream's `main`, wherever the mirror's is.
            let page = format!("/{}/{recipe}/raw/branch/main/compose.yml", around.upstream);
            let compose = around.pages().text(&page).await;
            let compose = compose.with_context(|| format!("reading {recipe}'s compose.yml"))?;
            let (image, from) = version::image(&compose)?;
            let tags = around.tags(image).await?;
            let choice = if around.faults.has("upgrade-all-lists-lexically") {
                Choice::Lexical
            } else {
                Choice::of(&around.faults)
            };
            match version::newer(&tags, from, choice) {
                Some(to) => candidates.push(Candidate {
                    recipe,
                    from: from.to_owned(),
                    to: to.to_owned(),
                }),
                None => current.push(recipe),
            }
        }
        Ok((candidates, current))
    }

    async fn recipes(&self) -> Result<Vec<String>> {
        if let Some(recipes) = &self.recipes
            && !self.around.faults.has("upgrade-all-ignores-scope")
        {
            return Ok(recipes.split_whitespace().map(str::to_owned).collect());
        }
        let around = &self.around;
        let listed = around
            .forge()
            .list(&format!("/orgs/{}/repos", around.mirrors))
            .await
            .context("listing the mirrors")?;
        let names = listed
            .iter()
            .filter_map(|repository| repository["name"].as_str());
        let mut names: Vec<String> = names
            .filter(|name| *name != SUITE)
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Upgrades one recipe by the program for that, and shows what it prints as it does.
    async fn upgrade(&self, recipe: &str) -> Result<Outcome> {
        let mut command = Command::new(&self.recipe_upgrade);
        command.arg(recipe);
        if self.with_tests || self.around.faults.has("upgrade-all-passes-with-tests") {
            command.arg("--with-tests");
        }
        let shown = self.recipe_upgrade.display();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        let stdout = child.stdout.take().context("its output was asked for")?;
        let mut lines = BufReader::new(stdout).lines();
        let (mut pull, mut result) = (None, None);
        while let Some(line) = lines
            .next_line()
            .await
            .with_context(|| format!("reading what {shown} prints"))?
        {
            println!("{line}");
            if let Some(url) = line.strip_prefix("PR: ") {
                pull = Some(url.trim().to_owned());
            }
            if let Some(said) = line.strip_prefix("RESULT: ") {
                result = Some(said.trim().to_owned());
            }
        }
        let status = child.wait().await;
        let status = status.with_context(|| format!("waiting for {shown}"))?;
        Ok(Outcome {
            recipe: recipe.to_owned(),
            pull,
            result: result.unwrap_or_else(|| format!("FAILED — no result ({status})")),
        })
    }

    /// Waits until nothing of a recipe is deployed any more.
    async fn torn_down(&self, recipe: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let left = self.deployed(recipe)?;
            if left.is_empty() {
                return Ok(());
            }
            if began.elapsed() > TEARDOWN {
                bail!(
                    "{} still stands {TEARDOWN:?} after the upgrade of {recipe}: the next recipe would be deployed beside it",
                    left.join(", ")
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The stacks of a recipe that are deployed.
    fn deployed(&self, recipe: &str) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.deploys)
            .with_context(|| format!("listing {}", self.deploys.display()))?;
        let begins = format!("ci-{recipe}-");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let stacks = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
        Ok(stacks.filter(|stack| stack.starts_with(&begins)).collect())
    }
}

/// Markdown: the pull requests first.
fn summary(outcomes: &[Outcome], current: &[String], faults: &Faults) -> String {
    let line = |outcome: &Outcome| {
        let pull = outcome.pull.as_deref().unwrap_or("no pull request");
        format!("- {}: {pull} — {}", outcome.recipe, outcome.result)
    };
    let opened = outcomes.iter().filter(|outcome| {
        outcome.pull.is_some()
            && (!faults.has("upgrade-all-list-incomplete") || outcome.result == "SUCCESS")
    });
    let mut opened: Vec<String> = opened.map(line).collect();
    if faults.has("upgrade-all-mixes-up-urls")
        && let Some(last) = outcomes
            .iter()
            .rev()
            .find_map(|outcome| outcome.pull.as_ref())
    {
        // The one variable that held the address was set again before it was read.
        let line = |outcome: &Outcome| format!("- {}: {last} — {}", outcome.recipe, outcome.result);
        opened = outcomes.iter().map(line).collect();
    }
    let stale = outcomes
        .iter()
        .filter(|outcome| outcome.looks_stale() || faults.has("upgrade-all-lists-all-as-stale"))
        .filter_map(|outcome| Some(format!("- {}: {}", outcome.recipe, outcome.pull.as_ref()?)));
    let mut stale: Vec<String> = stale.collect();
    if faults.has("upgrade-all-forgets-stale") {
        stale.clear();
    }
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.failed())
        .map(line)
        .collect();
    let current: Vec<String> = current.iter().map(|recipe| format!("- {recipe}")).collect();
    let mut text = String::from("# Upgrade summary\n");
    if opened.is_empty() {
        text.push_str("\n## Pull requests\n\nNone.\n");
    }
    let mut sections = [
        ("Pull requests", opened),
        ("Tests look stale", stale),
        ("Failed", failed),
        ("Nothing to upgrade", current),
    ];
    if faults.has("upgrade-all-summary-late") {
        sections.reverse();
    }
    for (heading, lines) in sections {
        if !lines.is_empty() {
            text.push_str(&format!("\n## {heading}\n\n{}\n", lines.join("\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(recipe: &str, pull: Option<&str>, result: &str) -> Outcome {
        Outcome {
            recipe: recipe.to_owned(),
            pull: pull.map(str::to_owned),
            result: result.to_owned(),
        }
    }

    #[test]
    fn the_summary_leads_with_the_pull_requests() {
        let outcomes = [
            outcome("a", Some("http://f/a/1"), "SUCCESS"),
            outcome("b", Some("http://f/b/1"), "SUCCESS-PENDING-TESTS"),
            outcome("c", Some("http://f/c/1"), "FAILED — no"),
            outcome("d", None, "FAILED — no result (exit status: 1)"),
        ];
        assert_eq!(
            summary(&outcomes, &["e".to_owned()], &Faults::none()),
            "# Upgrade summary\n\
             \n## Pull requests\n\n\
             - a: http://f/a/1 — SUCCESS\n\
             - b: http://f/b/1 — SUCCESS-PENDING-TESTS\n\
             - c: http://f/c/1 — FAILED — no\n\
             \n## Tests look stale\n\n\
             - b: http://f/b/1\n\
             \n## Failed\n\n\
             - c: http://f/c/1 — FAILED — no\n\
             - d: no pull request — FAILED — no result (exit status: 1)\n\
             \n## Nothing to upgrade\n\n\
             - e\n"
        );
        assert_eq!(
            summary(&[], &[], &Faults::none()),
            "# Upgrade summary\n\n## Pull requests\n\nNone.\n"
        );
    }
}
