//! What becomes of a test that expects the version before the upgrade: it is told of, or updated by a pull request of its own.

use super::clone::Clone;
use super::recipe_upgrade::{SUITE, Upgrade, push, run};
use super::{Pull, Repo, broken, repair};
use anyhow::{Context, Result};

impl Upgrade<'_> {
    /// The failed tests, where every one of them is stale.
    pub(super) async fn stale(&self, failed: &[String]) -> Result<Option<Vec<String>>> {
        let around = &self.command.around;
        let mut paths = Vec::new();
        for test in failed {
            let path = format!("tests/{}/{test}.sh", self.command.recipe);
            let page = format!("/{}/{SUITE}/raw/branch/main/{path}", around.mirrors);
            let text = around.pages().text(&page).await;
            let text = text.with_context(|| format!("reading {path}"))?;
            if !repair::is_stale(&text, &self.old, &self.new) {
                return Ok(None);
            }
            paths.push(path);
        }
        Ok(Some(paths))
    }

    pub(super) async fn stale_tests(&self, paths: &[String]) -> Result<String> {
        let (old, new) = (&self.old, &self.new);
        let why = format!("it expects `{old}`, the version before this one, and is told `{new}`");
        if self.command.with_tests {
            return self.update_tests(paths, &listed(paths), &why).await;
        }
        let faults = self.faults();
        let mut named = paths.to_vec();
        if faults.has("skill-comment-names-wrong-test") {
            // The first of the folder, and not the one that failed.
            named = vec![broken::other_test(&self.command.recipe)];
        }
        if faults.has("skill-comment-names-a-passing-test-too") {
            named.push(broken::other_test(&self.command.recipe));
        }
        let list = listed(&named);
        let because = match faults.has("skill-comment-gives-no-reason") {
            true => String::new(),
            false => format!(", because {why}"),
        };
        let mut note = format!(
            "The upgrade to `{new}` looks right: it deploys, and everything else passes.\n\n\
             The test {list} is stale{because}. No test was changed."
        );
        if !faults.has("skill-comment-forgets-the-way-on") {
            note.push_str(&format!(
                "\n\nTo update it too, re-run `--with-tests`: `/recipe-upgrade {} --with-tests`.",
                self.command.recipe
            ));
        }
        if faults.has("skill-comment-forgets-the-version") {
            note = note.replace(&format!("`{new}`"), "the new version");
        }
        self.repo.comment(self.pull.number, &note).await?;
        if faults.has("skill-edits-tests-on-main") {
            self.updated(paths, "main").await?;
        }
        if faults.has("skill-edits-test-in-default-mode") {
            self.updated(paths, &self.tests_branch()).await?;
        }
        if faults.has("skill-tries-its-test-on-a-branch") {
            // It is gone before anybody looks.
            let branch = self.tests_branch();
            self.updated(paths, &branch).await?;
            self.verify(&branch).await?;
            broken::take_away(self, &branch).await?;
        }
        if faults.has("skill-promises-a-test-pr") {
            return Ok("SUCCESS+TESTPR".into());
        }
        if faults.has("skill-says-success-on-stale") {
            return Ok("SUCCESS".into());
        }
        Ok("SUCCESS-PENDING-TESTS".into())
    }

    fn tests_branch(&self) -> String {
        format!("tests-{}-{}", self.command.recipe, self.label)
    }

    /// Pushes the updated tests to a branch of the harness's repository, from a clone of its own.
    async fn updated(&self, paths: &[String], branch: &str) -> Result<()> {
        let around = &self.command.around;
        let recipe = &self.command.recipe;
        let suite = around.git_url(&around.mirrors, SUITE);
        let clone = Clone::of(&suite, &around.work, &self.account, &around.forge_token).await?;
        clone.git(&["checkout", "--quiet", "-B", branch]).await?;
        let message = format!("test: {recipe} is at {}", self.new);
        for path in paths {
            let updated = clone.read(path)?.replace(&self.old, &self.new);
            let updated = broken::updated_test(self.faults(), updated);
            clone.commit(path, &updated, &message).await?;
            if self.faults().has("skill-deletes-the-test") {
                clone.git(&["rm", "--quiet", "--", path]).await?;
                clone
                    .git(&["commit", "--quiet", "--amend", "-m", &message])
                    .await?;
            }
        }
        if self.faults().has("skill-updates-another-test-too") {
            let other = broken::other_test(recipe);
            let text = clone.read(&other)? + "# Still right.\n";
            clone.commit(&other, &text, &message).await?;
        }
        if self.faults().has("skill-touches-the-harness") {
            let harness = clone.read("harness/run.sh")? + "# Reviewed.\n";
            clone.commit("harness/run.sh", &harness, &message).await?;
        }
        push(&clone, branch).await
    }

    /// Opens a pull request that updates the tests, and verifies both together.
    async fn update_tests(&self, paths: &[String], list: &str, why: &str) -> Result<String> {
        let around = &self.command.around;
        let recipe = &self.command.recipe;
        let faults = self.faults();
        let branch = self.tests_branch();
        if faults.has("skill-works-in-loop-clone") {
            broken::use_loop_clone(&around.work, &branch).await?;
        }
        self.updated(paths, &branch).await?;
        let tests = Repo::new(around.forge(), &around.mirrors, SUITE);
        let body = format!(
            "{list} is stale, because {why}.\n\nBelongs to {}.",
            self.pull.url
        );
        let title = format!("test: {recipe} {}", self.label);
        let known = tests.open_pulls().await?;
        let pull = match known.into_iter().find(|pull| pull.branch == branch) {
            Some(pull) => pull,
            None => tests.open_pull(&branch, &title, &body).await?,
        };
        println!("TESTPR: {}", pull.url);
        if faults.has("skill-opens-two-test-prs") {
            self.updated(paths, &format!("{branch}-2")).await?;
            tests
                .open_pull(&format!("{branch}-2"), &title, &body)
                .await?;
        }

        if !faults.has("skill-never-verifies") && !self.verify(&branch).await? {
            return Ok("FAILED — the updated test does not pass".into());
        }
        if faults.has("skill-changes-the-test-after-verifying") {
            broken::polish(self, &branch, paths).await?;
        }
        self.cross_notes(&tests, &pull, list, why).await?;
        if faults.has("skill-merges-the-pair") {
            broken::merge(&self.repo, self.pull.number).await?;
        }
        if faults.has("skill-merges-the-test-pr") {
            broken::merge(&tests, pull.number).await?;
        }
        if faults.has("skill-forgets-testpr-in-its-result") {
            return Ok("SUCCESS".into());
        }
        Ok("SUCCESS+TESTPR".into())
    }

    /// Whether recipe and tests are green together.
    async fn verify(&self, branch: &str) -> Result<bool> {
        let number = self.pull.number.to_string();
        let arguments = [self.command.recipe.as_str(), &number, branch];
        let said = run(&self.command.around.verify_pr, &arguments, &[]).await?;
        Ok(said
            .get("VERDICT")
            .is_some_and(|verdict| verdict == "GREEN"))
    }

    async fn cross_notes(&self, tests: &Repo, pull: &Pull, list: &str, why: &str) -> Result<()> {
        if !self.faults().has("skill-names-one-way-only") {
            let page = match self.faults().has("skill-names-the-test-pr-by-number") {
                // Which on this page is a pull request of the recipe's.
                true => format!("#{}", pull.number),
                false => pull.url.clone(),
            };
            let note = format!(
                "The test {list} is stale, because {why}. {page} updates it; both were verified together."
            );
            self.repo.comment(self.pull.number, &note).await?;
        }
        let note = format!("Verified together with {}.", self.pull.url);
        tests.comment(pull.number, &note).await
    }
}

fn listed(paths: &[String]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    quoted.join(", ")
}
