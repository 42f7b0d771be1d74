//! `/recipe-upgrade RECIPE [--with-tests]`: one recipe to its newest version, by pull request, tested by the gate. Never merges.

use super::clone::Clone;
use super::repair::{self, Cause};
use super::{Pull, Repo, Surroundings, reconcile, version};
use crate::lab::client::Api;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::process::Command;

/// As many `!testme` runs an upgrade gets.
const RUNS: u32 = 3;
/// The repository with harness and tests.
const SUITE: &str = "cc-ci";
/// How the branches of upgrades begin.
const PREFIX: &str = "upgrade-";

#[derive(Args)]
pub struct RecipeUpgrade {
    /// The recipe, as its mirror is called
    recipe: String,
    /// Also open a pull request that updates a stale test
    #[arg(long)]
    with_tests: bool,
    #[command(flatten)]
    around: Surroundings,
}

/// An upgrade on its way.
struct Upgrade<'a> {
    command: &'a RecipeUpgrade,
    account: String,
    repo: Repo,
    clone: Clone,
    pull: Pull,
    old: String,
    new: String,
    label: String,
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
        let main = reconcile::main(&clone, &around.git_url(&around.upstream, &self.recipe)).await?;
        reconcile::merged_upstream(&clone, &repo, &main).await?;

        let compose = clone.read("compose.yml")?;
        let (image, old) = version::image(&compose)?;
        let tags = around.tags(image).await?;
        let Some(new) = version::newer(&tags, old) else {
            println!("NOTHING TO UPGRADE: {image} {old} is the newest");
            return Ok(());
        };
        println!("upgrading {image} from {old} to {new}");
        let (bumped, label) = version::bump(&compose, new)?;
        let branch = format!("{PREFIX}{label}");
        clone.git(&["checkout", "--quiet", "-B", &branch]).await?;
        let title = format!("chore: upgrade to {label}");
        clone.commit("compose.yml", &bumped, &title).await?;
        push(&clone, &branch).await?;
        let body = format!("Upgrades `{image}` from `{old}` to `{new}`.");
        let known = repo.open_pulls().await?;
        let pull = match known.into_iter().find(|pull| pull.branch == branch) {
            Some(pull) => pull,
            None => repo.open_pull(&branch, &title, &body).await?,
        };
        println!("PR: {}", pull.url);
        reconcile::superseded(&repo, &pull, PREFIX).await?;

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
        println!("RESULT: {}", upgrade.test().await?);
        Ok(())
    }
}

impl Upgrade<'_> {
    /// Tests, mends and tests again. Answers the result.
    async fn test(&self) -> Result<String> {
        for run in 1..=RUNS {
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
            if run < RUNS {
                self.mend(&cause, run).await?;
            }
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
        self.clone.commit("compose.yml", &mended, &message).await?;
        push(&self.clone, &format!("{PREFIX}{}", self.label)).await
    }

    /// The failed tests, where every one of them is stale.
    async fn stale(&self, failed: &[String]) -> Result<Option<Vec<String>>> {
        let mut paths = Vec::new();
        for test in failed {
            let path = format!("tests/{}/{test}.sh", self.command.recipe);
            let around = &self.command.around;
            let text = Api::service(&around.forge_url)
                .text(&format!(
                    "/{}/{SUITE}/raw/branch/main/{path}",
                    around.mirrors
                ))
                .await
                .with_context(|| format!("reading {path}"))?;
            if !repair::is_stale(&text, &self.old, &self.new) {
                return Ok(None);
            }
            paths.push(path);
        }
        Ok(Some(paths))
    }

    async fn stale_tests(&self, paths: &[String]) -> Result<String> {
        let list = paths
            .iter()
            .map(|path| format!("`{path}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let (old, new) = (&self.old, &self.new);
        let why = format!("it expects `{old}`, the version before this one, and is told `{new}`");
        if self.command.with_tests {
            return self.update_tests(paths, &list, &why).await;
        }
        let note = format!(
            "The upgrade to `{new}` looks right: it deploys, and everything else passes.\n\n\
             The test {list} is stale, because {why}. No test was changed.\n\n\
             To update it too, re-run `--with-tests`: `/recipe-upgrade {} --with-tests`.",
            self.command.recipe
        );
        self.repo.comment(self.pull.number, &note).await?;
        Ok("SUCCESS-PENDING-TESTS".into())
    }

    /// Opens a pull request that updates the tests, and verifies both together.
    async fn update_tests(&self, paths: &[String], list: &str, why: &str) -> Result<String> {
        let around = &self.command.around;
        let recipe = &self.command.recipe;
        let suite = around.git_url(&around.mirrors, SUITE);
        let clone = Clone::of(&suite, &around.work, &self.account, &around.forge_token).await?;
        let branch = format!("tests-{recipe}-{}", self.label);
        clone.git(&["checkout", "--quiet", "-B", &branch]).await?;
        for path in paths {
            let updated = clone.read(path)?.replace(&self.old, &self.new);
            clone
                .commit(
                    path,
                    &updated,
                    &format!("test: {recipe} is at {}", self.new),
                )
                .await?;
        }
        push(&clone, &branch).await?;
        let tests = Repo::new(around.forge(), &around.mirrors, SUITE);
        let body = format!(
            "{list} is stale, because {why}.\n\nBelongs to {}.",
            self.pull.url
        );
        let pull = tests
            .open_pull(&branch, &format!("test: {recipe} {}", self.label), &body)
            .await?;
        println!("TESTPR: {}", pull.url);

        let number = self.pull.number.to_string();
        let said = run(&around.verify_pr, &[recipe, &number, &branch], &[]).await?;
        if said.get("VERDICT").is_none_or(|verdict| verdict != "GREEN") {
            return Ok("FAILED — the updated test does not pass".into());
        }
        let note = format!(
            "The test {list} is stale, because {why}. {} updates it; both were verified together.",
            pull.url
        );
        self.repo.comment(self.pull.number, &note).await?;
        let note = format!("Verified together with {}.", self.pull.url);
        tests.comment(pull.number, &note).await?;
        Ok("SUCCESS+TESTPR".into())
    }
}

async fn push(clone: &Clone, branch: &str) -> Result<()> {
    let refspec = format!("HEAD:refs/heads/{branch}");
    clone
        .git(&["push", "--quiet", "--force", "origin", &refspec])
        .await
        .with_context(|| format!("pushing {branch}"))?;
    Ok(())
}

/// Runs a program of the flow, shows what it prints, and reads its `NAME=value` lines.
async fn run(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<BTreeMap<String, String>> {
    let output = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("starting {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
