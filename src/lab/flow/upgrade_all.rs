//! `/upgrade-all [--dry-run] [--with-tests]`: every recipe that has a newer version, one after another, and a summary.

use super::child::Child;
use super::summary::{Outcome, summary};
use super::version::{self, Choice};
use super::{Surroundings, broken_all};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};
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
    pub(super) recipes: Option<String>,
    /// `recipe-upgrade`
    #[arg(long, env = "RECIPE_UPGRADE", hide = true)]
    recipe_upgrade: PathBuf,
    /// Where deploys are recorded
    #[arg(long, env = "DEPLOYS_DIR", hide = true)]
    deploys: PathBuf,
    #[command(flatten)]
    pub(super) around: Surroundings,
}

/// A recipe with a newer version.
pub(super) struct Candidate {
    pub recipe: String,
    pub from: String,
    pub to: String,
}

impl UpgradeAll {
    pub async fn run(&self) -> Result<()> {
        if std::env::var_os(broken_all::LATER).is_some() {
            return broken_all::act_later(self).await;
        }
        let (candidates, current) = self.survey().await?;
        let faults = &self.around.faults;
        let forgotten = usize::from(self.dry_run && faults.has("upgrade-all-forgets-the-last"));
        for Candidate { recipe, from, to } in candidates.iter().rev().skip(forgotten).rev() {
            println!("CANDIDATE {recipe} {from} -> {to}");
        }
        if self.dry_run {
            if faults.has("upgrade-all-lists-current") {
                for recipe in &current {
                    println!("CANDIDATE {recipe} latest -> latest");
                }
            }
            return broken_all::leave_traces(self, &candidates).await;
        }
        let outcomes = if faults.has("upgrade-all-parallel") {
            let upgrades = candidates.iter().map(|it| self.upgrade(&it.recipe));
            futures_util::future::try_join_all(upgrades).await?
        } else {
            self.in_turn(&candidates).await?
        };
        let earlier = broken_all::take_more_along(self, &outcomes, &current).await?;
        if faults.has("upgrade-all-drafts-its-summary") {
            self.say(&summary(
                &outcomes[..1.min(outcomes.len())],
                &[],
                &[],
                faults,
            ));
        }
        self.say(&summary(&outcomes, &earlier, &current, faults));
        Ok(())
    }

    fn say(&self, summary: &str) {
        println!("===== SUMMARY =====\n{summary}");
    }

    async fn in_turn(&self, candidates: &[Candidate]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let skipped = usize::from(self.around.faults.has("upgrade-all-skips-first"));
        for (at, candidate) in candidates.iter().enumerate().skip(skipped) {
            println!("===== {} =====", candidate.recipe);
            let warm = broken_all::warm_up(self, candidates.get(at + 1)).await?;
            outcomes.push(self.upgrade(&candidate.recipe).await?);
            if let Some(stack) = warm {
                broken_all::abra(&["app", "undeploy", &stack]).await?;
            }
            if self.around.faults.has("upgrade-all-leaves-deploys") {
                broken_all::deploy_to_look_at(self, &candidate.recipe, "look").await?;
                continue;
            }
            self.torn_down(&candidate.recipe).await?;
        }
        if self.around.faults.has("upgrade-all-takes-another-along") {
            outcomes.push(self.upgrade("sandbox-reconcile").await?);
        }
        Ok(outcomes)
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
    pub(super) async fn upgrade(&self, recipe: &str) -> Result<Outcome> {
        let mut command = Command::new(&self.recipe_upgrade);
        command.arg(recipe);
        if self.with_tests || self.around.faults.has("upgrade-all-passes-with-tests") {
            command.arg("--with-tests");
        }
        let shown = self.recipe_upgrade.display();
        let mut child = Child::start(&mut command)?;
        let mut lines = child.lines()?;
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
        let status = child.wait().await?;
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
