//! `/recipe-upgrade RECIPE [--with-tests]`: one recipe to its newest version, by pull request, tested by the gate. Never merges.

use super::child::Child;
use super::clone::Clone;
use super::repair::{self, Cause};
use super::version::Choice;
use super::{Pull, Repo, Surroundings, broken, reconcile, version};
use crate::lab::client::Api;
use crate::lab::faults::Faults;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::process::Command;

/// As many `!testme` runs an upgrade gets.
const RUNS: u32 = 3;
/// The repository with harness and tests.
pub(super) const SUITE: &str = "cc-ci";
/// What the gate calls its statuses.
const GATES: &str = "cc-ci/testme";
/// How the branches of upgrades begin.
const PREFIX: &str = "upgrade-";

#[derive(Args)]
pub struct RecipeUpgrade {
    /// The recipe, as its mirror is called
    pub(super) recipe: String,
    /// Also open a pull request that updates a stale test
    #[arg(long)]
    pub(super) with_tests: bool,
    #[command(flatten)]
    pub(super) around: Surroundings,
}

/// An upgrade on its way.
pub(super) struct Upgrade<'a> {
    pub command: &'a RecipeUpgrade,
    pub account: String,
    pub repo: Repo,
    pub clone: Clone,
    pub pull: Pull,
    pub old: String,
    pub new: String,
    pub label: String,
}

/// What the helper said.
struct Told {
    green: bool,
    build: String,
}

impl RecipeUpgrade {
    pub async fn run(&self) -> Result<()> {
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !self.recipe.chars().all(name)
            || !self.recipe.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            bail!("{:?} is not a recipe's name", self.recipe);
        }
        let around = &self.around;
        let forge = around.forge();
        let me = forge
            .get("/user")
            .await
            .context("asking the forge who I am")?;
        let account = me["login"]
            .as_str()
            .context("the forge does not say who I am")?
            .to_owned();
        let mirror = around.git_url(&around.mirrors, &self.recipe);
        println!("cloning {mirror}");
        let clone = Clone::of(&mirror, &around.work, &account, &around.forge_token).await?;
        let repo = Repo::new(forge, &around.mirrors, &self.recipe);

        println!("reconciling the mirror with upstream");
        let faults = &around.faults;
        let upstream = around.git_url(&around.upstream, &self.recipe);
        let main = reconcile::main(&clone, &upstream, faults).await?;
        reconcile::merged_upstream(&clone, &repo, &main, faults).await?;

        let compose = clone.read("compose.yml")?;
        let (image, old) = version::image(&compose)?;
        let tags = around.tags(image).await?;
        let Some(new) = version::newer(&tags, old, Choice::of(faults)) else {
            println!("NOTHING TO UPGRADE: {image} {old} is the newest");
            return Ok(());
        };
        println!("upgrading {image} from {old} to {new}");
        let (mut bumped, label) = version::bump(&compose, new)?;
        if faults.has("skill-bumps-image-not-label") {
            bumped = compose.replace(&format!("{image}:{old}"), &format!("{image}:{new}"));
        }
        if faults.has("skill-bumps-label-not-image") {
            bumped = bumped.replace(&format!("{image}:{new}"), &format!("{image}:{old}"));
        }
        let branch = format!("{PREFIX}{label}");
        clone.git(&["checkout", "--quiet", "-B", &branch]).await?;
        let title = format!("chore: upgrade to {label}");
        clone.commit("compose.yml", &bumped, &title).await?;
        if faults.has("skill-touches-other-files") {
            // An editor that strips what it takes for noise.
            let page = clone.read("html/index.html")?;
            let page = page.replace("<html lang=\"en\">", "<html>");
            clone.commit("html/index.html", &page, "style").await?;
        }
        if faults.has("skill-undoes-the-bump-elsewhere") {
            let pinned = format!("services:\n  app:\n    image: {image}:{old}\n");
            broken::deploy_with(&clone, "compose.pinned.yml", &pinned).await?;
        }
        if faults.has("skill-pushes-main-by-mistake") {
            broken::push_main_and_back(&clone, &main).await?;
        }
        if faults.has("skill-starts-without-a-healthcheck") {
            broken::push_unchecked(&clone, &branch, &bumped).await?;
        }
        push(&clone, &branch).await?;
        let body = format!("Upgrades `{image}` from `{old}` to `{new}`.");
        let known = repo.open_pulls().await?;
        let pull = match known.into_iter().find(|pull| pull.branch == branch) {
            Some(pull) => pull,
            None => repo.open_pull(&branch, &title, &body).await?,
        };
        println!("PR: {}", pull.url);
        if faults.has("skill-opens-two-prs") {
            let again = format!("{branch}-retry");
            push(&clone, &again).await?;
            repo.open_pull(&again, &title, &body).await?;
        }
        reconcile::superseded(&repo, &pull, PREFIX, faults).await?;

        let upgrade = Upgrade {
            command: self,
            account,
            repo,
            old: old.to_owned(),
            new: new.to_owned(),
            label,
            clone,
            pull,
        };
        let result = upgrade.test().await?;
        upgrade.finish(&result).await?;
        if faults.has("skill-leaves-its-clone") {
            upgrade.clone.keep();
        }
        Ok(())
    }
}

impl Upgrade<'_> {
    /// Says the result, which nothing follows.
    async fn finish(&self, result: &str) -> Result<()> {
        let faults = self.faults();
        if faults.has("skill-pushes-after-the-test") && result == "SUCCESS" {
            // A last touch that is too small to be tested.
            let compose = self.clone.read("compose.yml")? + "# upgraded\n";
            self.commit(&compose, "style: say that it was upgraded")
                .await?;
        }
        if faults.has("skill-merges") && result == "SUCCESS" {
            broken::merge(&self.repo, self.pull.number).await?;
        }
        if faults.has("skill-closes-failed-pr") && result.starts_with("FAILED") {
            self.repo.close(self.pull.number).await?;
        }
        if faults.has("skill-deploys-to-compare") {
            broken::undeploy_compared(self).await?;
        }
        if faults.has("skill-writes-a-status-of-another-name") {
            let (repo, context) = (&self.repo, "ci/upgrade-checks");
            broken::write_status(repo, &self.pull, context, &self.pull.url).await?;
        }
        broken::reach_out(self, result).await?;
        if faults.has("skill-upgrades-a-neighbour") {
            broken::upgrade_neighbour(self).await?;
        }
        if faults.has("skill-tags-what-is-green") && result == "SUCCESS" {
            broken::release(self).await?;
        }
        if faults.has("skill-asks-for-a-review") {
            broken::ask_elsewhere(self).await?;
        }
        if faults.has("skill-learns-from-experience") {
            broken::edit_own_text(&self.command.around.work, &self.new)?;
        }
        if faults.has("skill-ends-without-a-word") {
            println!("done");
            return Ok(());
        }
        println!("RESULT: {result}");
        if faults.has("skill-talks-on") {
            println!("RESULT: {result}, and nobody had to do anything");
        }
        Ok(())
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.command.around.faults
    }

    /// One more commit on the upgrade's branch.
    async fn commit(&self, compose: &str, message: &str) -> Result<()> {
        self.clone.commit("compose.yml", compose, message).await?;
        push(&self.clone, &format!("{PREFIX}{}", self.label)).await
    }

    /// Tests, mends and tests again. Answers the result.
    async fn test(&self) -> Result<String> {
        let faults = self.faults();
        if faults.has("skill-never-tests") {
            return Ok("SUCCESS".into());
        }
        let mut runs = RUNS;
        if faults.has("skill-runs-four-times") {
            runs = RUNS + 1;
        }
        if faults.has("skill-gives-up-after-two") {
            runs = RUNS - 1;
        }
        for run in 1..=runs {
            println!("!testme, run {run} of {RUNS}");
            let told = self.testme().await?;
            if told.green {
                return Ok("SUCCESS".into());
            }
            let note = format!("`!testme` run {run} of {RUNS} was red: {}", told.build);
            self.repo.comment(self.pull.number, &note).await?;
            let (results, log) = self.read_build(&told.build).await?;
            let cause = repair::cause(&results, &log);
            println!("red: {cause:?}");
            if let Cause::Tests(failed) = &cause
                && let Some(stale) = self.stale(failed).await?
            {
                return self.stale_tests(&stale).await;
            }
            if faults.has("skill-writes-its-own-status") {
                broken::write_status(&self.repo, &self.pull, GATES, &told.build).await?;
            }
            if faults.has("skill-deploys-to-compare") && run == 1 {
                broken::deploy_to_compare(self).await?;
            }
            if run < runs {
                self.mend(&cause, run).await?;
            }
            let mended = matches!(cause, Cause::Variable { .. });
            if faults.has("skill-trusts-its-repair") && mended {
                return Ok("SUCCESS".into());
            }
        }
        if faults.has("skill-says-success-on-red") {
            return Ok("SUCCESS".into());
        }
        Ok(format!(
            "FAILED — upgrade not green after {RUNS} !testme runs"
        ))
    }

    /// Posts `!testme` and waits for the verdict, by the helper.
    async fn testme(&self) -> Result<Told> {
        let number = self.pull.number.to_string();
        let said = run(
            &self.command.around.helper,
            &[&self.command.recipe, &number],
            &[("POST", "1")],
        )
        .await?;
        let verdict = said.get("VERDICT").map(String::as_str).unwrap_or_default();
        if !matches!(verdict, "GREEN" | "RED") {
            bail!("the helper came to no verdict on pull request {number}: {said:?}");
        }
        Ok(Told {
            green: verdict == "GREEN",
            build: said.get("BUILD").cloned().unwrap_or_default(),
        })
    }

    /// Results and log of the build behind a page.
    async fn read_build(&self, page: &str) -> Result<(Value, String)> {
        let around = &self.command.around;
        let number = page.rsplit('/').next().unwrap_or_default();
        let results = Api::service(&around.results_url)
            .get(&format!("/results/{number}/results.json"))
            .await
            .unwrap_or(Value::Null);
        let lines = Api::service(&around.drone_url)
            .get(&format!(
                "/api/repos/{}/{SUITE}/builds/{number}/logs/1/2",
                around.mirrors
            ))
            .await
            .with_context(|| format!("reading the log of build {number}"))?;
        let log = lines.as_array().into_iter().flatten();
        Ok((
            results,
            log.filter_map(|line| line["out"].as_str()).collect(),
        ))
    }

    /// One more commit on the same branch that may mend it. The upgrade itself stays.
    async fn mend(&self, cause: &Cause, run: u32) -> Result<()> {
        let compose = self.clone.read("compose.yml")?;
        let (mended, message) = match cause {
            Cause::Variable { name, value } => (
                repair::with_variable(&compose, name, value),
                format!("fix: set {name}, which {} needs", self.new),
            ),
            Cause::DoesNotStart | Cause::Tests(_) => (
                repair::with_more_time(&compose, 30 * run),
                format!("fix: give {} more time to start", self.new),
            ),
        };
        let mended = broken::mend(self, cause, run, mended).await?;
        self.commit(&mended, &message).await
    }
}

pub(super) async fn push(clone: &Clone, branch: &str) -> Result<()> {
    let refspec = format!("HEAD:refs/heads/{branch}");
    clone
        .git(&["push", "--quiet", "--force", "origin", &refspec])
        .await
        .with_context(|| format!("pushing {branch}"))?;
    Ok(())
}

/// Runs a program of the flow, shows what it prints, and reads its `NAME=value` lines.
pub(super) async fn run(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<BTreeMap<String, String>> {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    let mut child = Child::start(&mut command)?;
    let mut lines = child.lines()?;
    let mut said = BTreeMap::new();
    while let Some(line) = lines
        .next_line()
        .await
        .with_context(|| format!("reading what {} prints", program.display()))?
    {
        println!("{line}");
        if let Some((name, value)) = line.split_once('=') {
            said.insert(name.to_owned(), value.to_owned());
        }
    }
    child.wait().await?;
    Ok(said)
}
