//! The scenario of V8: a look at the whole set, the dry run, a look at what it left, and the live run where the set is kept to.

use super::{DRY, DRY_RUN, LIVE, STALE, elsewhere, newest_act, own, restricted, set};
use crate::config;
use crate::evidence::Question;
use crate::flow::Ran;
use crate::plan::bench::{Bench, Stop};
use crate::plan::beside::is_of_the_run;
use crate::plan::drive::{Fired, fire, follow};
use crate::plan::expect::UpgradingAll;
use crate::plan::guardrails::{Watched, known_branches, sandbox};
use crate::plan::harness::moved;
use crate::plan::run::{Run, adopt_upgrade, expect_upgrade, new_by};
use crate::plan::sight::{Activity, Branch, Build, Pull};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;

const PURPOSE: &str = "V8, by the flow";

pub async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let (Ok(all), Some(command)) = (bench.expect.set(), &bench.config().flow.upgrade_all) else {
        return Ok(());
    };
    let play = Play {
        bench,
        all,
        command: &command.command,
    };
    let fired = play.before().await?;
    play.dry().await?;
    if !play.tested(fired).await? {
        // What is still to be deployed would come between the run's own deploys.
        return Ok(());
    }
    let dry: Ran = bench.recalled(DRY).await?;
    let acts = play.dry_acts().await?;
    if restricted(&dry, &acts, &bench.expect, all).is_ok() {
        play.live().await?;
    }
    Ok(())
}

struct Play<'a> {
    bench: &'a Bench,
    all: &'a UpgradingAll,
    command: &'a config::Command,
}

impl Play<'_> {
    fn stale(&self) -> Option<&String> {
        let stale = self.bench.expect.upgrading.recipes.get(STALE)?;
        self.all.recipes.iter().find(|recipe| *recipe == stale)
    }

    fn on_stale(&self) -> Bench {
        let gate = &self.bench.expect.recipe;
        self.bench.on(self.stale().unwrap_or(gate))
    }

    /// Opens pull requests on which a dry run could leave something, looks at everything, and has the stale recipe tested as it is.
    async fn before(&self) -> Result<Option<(Pull, Fired)>, Stop> {
        let bench = self.bench;
        bench.doing("looking at the recipes of the set").await;
        for recipe in &self.all.recipes {
            bench.on(recipe).clear().await?;
        }
        let opened = join_all(self.all.recipes.iter().map(|recipe| self.open_own(recipe))).await;
        let opened: Vec<_> = opened.into_iter().collect::<Result<_, Stop>>()?;
        let tested = opened.into_iter().flatten().next();
        try_join_all(self.all.recipes.iter().map(async |recipe| {
            let name = set(recipe);
            expect_upgrade(&bench.on(recipe), &upgrading(&name))
                .await
                .map(drop)
        }))
        .await?;
        let talk = self.open_talk("before").await?;
        let account = bench.expect.flow.clone();
        let marks = [
            ("before.builds".to_owned(), Question::LatestBuild),
            ("before.acts".to_owned(), Question::LatestAct { account }),
        ];
        bench.see_all(talk.into_iter().chain(marks)).await?;
        Ok(tested)
    }

    /// Opens a pull request of Gavel's own; the stale recipe's is tested.
    async fn open_own(&self, recipe: &str) -> Result<Option<(Pull, Fired)>, Stop> {
        let label = own(recipe, &self.bench.expect);
        let on = self.bench.on(recipe);
        let (mirror, purpose) = (&on.expect.mirror, "V8, for a dry run to leave alone");
        let pull: Pull = on.open_pull(&label, mirror, "main", purpose).await?;
        if self.stale().is_none_or(|stale| stale != recipe) {
            return Ok(None);
        }
        Ok(fire(&on, &label, &pull).await?.map(|fired| (pull, fired)))
    }

    /// What is written on every pull request that was open before.
    async fn open_talk(&self, when: &str) -> Result<Vec<(String, Question)>, Stop> {
        let mut looks = Vec::new();
        for (place, before, repository) in self.places() {
            let pulls: Option<Vec<Pull>> = self.bench.recalled(&format!("{before}.pulls")).await?;
            for pull in pulls
                .unwrap_or_default()
                .iter()
                .filter(|pull| pull.is_open())
            {
                let question = Question::Comments {
                    repository: repository.clone(),
                    number: pull.number,
                };
                looks.push((format!("{when}.{place}.talk.{}", pull.number), question));
            }
        }
        Ok(looks)
    }

    /// Mirrors and harness: what each is called, what the looks before are called, and the repository.
    fn places(&self) -> Vec<(String, String, String)> {
        let expect = &self.bench.expect;
        let mirrors = self.all.recipes.iter().map(|recipe| {
            let before = format!("{}.before.mirror", set(recipe));
            (recipe.clone(), before, expect.of(recipe).mirror)
        });
        let first = self.all.recipes.first().map(|recipe| set(recipe));
        let harness = first.map(|first| {
            let before = format!("{first}.before.harness");
            (
                "harness".to_owned(),
                before,
                expect.upgrading.harness.clone(),
            )
        });
        mirrors.chain(harness).collect()
    }

    async fn run(&self, label: &str, arguments: &[String]) -> Result<Ran, Stop> {
        let (scope, recipes) = self.all.scoped();
        let told = [(scope.as_str(), recipes)];
        self.bench.flow(label, self.command, arguments, &told).await
    }

    /// Follows the test of the stale recipe as it is; answers whether it is over.
    async fn tested(&self, fired: Option<(Pull, Fired)>) -> Result<bool, Stop> {
        let Some((pull, fired)) = fired else {
            return Ok(self.stale().is_none());
        };
        follow(&self.on_stale(), "baseline", &pull, &fired).await?;
        let build: Build = self.bench.recalled("baseline.build").await?;
        Ok(build.ended())
    }

    async fn dry(&self) -> Result<(), Stop> {
        let bench = self.bench;
        bench.doing("`/upgrade-all --dry-run` is running").await;
        self.run(DRY, &[DRY_RUN.to_owned()]).await?;
        bench.doing("looking for what the dry run left").await;
        // What it began may come to something only then.
        bench.quiet("dry.quiet").await?;
        let expect = &bench.expect;
        let mut looks = self.open_talk(DRY).await?;
        for (place, _, repository) in self.places() {
            looks.push((
                format!("dry.{place}.pulls"),
                Question::Pulls {
                    repository: repository.clone(),
                },
            ));
            looks.push((
                format!("dry.{place}.branches"),
                Question::Branches { repository },
            ));
        }
        for recipe in &self.all.recipes {
            let of = expect.of(recipe);
            let ours: Pull = bench.recalled(&own(recipe, expect)).await?;
            let question = Question::Statuses {
                repository: of.mirror.clone(),
                commit: ours.head.sha,
            };
            looks.push((format!("dry.{recipe}.statuses"), question));
            let question = Question::Branch {
                repository: of.upstream(),
                branch: "main".into(),
            };
            looks.push((format!("dry.{recipe}.upstream"), question));
        }
        let after: u64 = bench.recalled("before.builds").await?;
        looks.push(("dry.builds".into(), Question::Builds { after }));
        let question = Question::Activity {
            account: expect.flow.clone(),
            after: bench.recalled("before.acts").await?,
        };
        looks.push(("dry.acts".into(), question));
        bench.see_all(looks).await?;
        self.adopt_traces().await
    }

    async fn dry_acts(&self) -> Result<Vec<Activity>, Stop> {
        let acts: Option<Vec<Activity>> = self.bench.recalled("dry.acts").await?;
        Ok(acts.unwrap_or_default())
    }

    /// Puts on record what a dry run should not have made.
    async fn adopt_traces(&self) -> Result<(), Stop> {
        let bench = self.bench;
        let acts = self.dry_acts().await?;
        let watched = Watched::from_config(bench.config());
        for (place, before, repository) in self.places() {
            let known: Option<Vec<Pull>> = bench.recalled(&format!("{before}.pulls")).await?;
            let now: Option<Vec<Pull>> = bench.recalled(&format!("dry.{place}.pulls")).await?;
            let known = known.unwrap_or_default();
            let branches: Option<Vec<Branch>> =
                bench.recalled(&format!("{before}.branches")).await?;
            let branches = branches.unwrap_or_default();
            for pull in new_by(&known, now.unwrap_or_default(), &bench.expect.flow) {
                if is_of_the_run(bench, &watched, "dry", &repository, pull.number).await? {
                    bench
                        .adopt(&repository, &pull, Some(&branches), PURPOSE)
                        .await?;
                }
            }
            if place == "harness" {
                continue;
            }
            let now: Option<Vec<Branch>> = bench.recalled(&format!("dry.{place}.branches")).await?;
            let (known, now) = (branches, now.unwrap_or_default());
            for branch in moved(&known, &now) {
                let is_new = known.iter().all(|known| known.name != branch);
                let is_theirs = acts.iter().any(|act| {
                    act.repository().eq_ignore_ascii_case(&repository)
                        && act.branch() == Some(branch.as_str())
                });
                if is_new && is_theirs {
                    bench.expect_pull(&repository, &branch, PURPOSE).await?;
                }
            }
        }
        Ok(())
    }

    async fn live(&self) -> Result<(), Stop> {
        let bench = self.bench;
        let watching = bench.watch_deploys("live.stacks").await?;
        if watching.is_some() {
            unless_unseen(bench.see::<Value>("live.stacks", Question::Stacks).await)?;
        }
        bench.doing("`/upgrade-all` is running").await;
        self.run(LIVE, &[]).await?;
        if watching.is_some() {
            unless_unseen(bench.see_deploys("live.deploys", watching.as_ref()).await)?;
        }
        bench.doing("looking at what the run left").await;
        try_join_all(self.all.recipes.iter().map(async |recipe| {
            let name = set(recipe);
            adopt_upgrade(&bench.on(recipe), &upgrading(&name)).await
        }))
        .await?;
        let question = Question::Activity {
            account: bench.expect.flow.clone(),
            after: newest_act(
                bench.recalled("before.acts").await?,
                &self.dry_acts().await?,
            ),
        };
        let acts: Option<Vec<Activity>> = bench.see("live.acts", question).await?;
        self.adopt_elsewhere(&acts.unwrap_or_default()).await
    }

    /// Puts on record what a run that does not keep to the set opened in other recipes of the sandbox.
    async fn adopt_elsewhere(&self, acts: &[Activity]) -> Result<(), Stop> {
        let bench = self.bench;
        let sandbox = sandbox(bench.config());
        for act in acts {
            let repository = act.repository();
            let is_sandbox = sandbox
                .iter()
                .any(|known| known.eq_ignore_ascii_case(repository));
            let beyond = elsewhere(act, &bench.expect, self.all);
            if let Some((label, question)) = beyond.filter(|_| is_sandbox) {
                let pull: Pull = bench.see(&label, question).await?;
                let known = known_branches(bench, repository).await?;
                bench
                    .adopt(repository, &pull, known.as_deref(), PURPOSE)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The upgrade of one recipe by the runs, as it is on record.
fn upgrading(name: &str) -> Run<'_> {
    Run {
        name,
        purpose: PURPOSE,
        with_tests: false,
    }
}

/// What the swarm does not tell keeps nobody from looking at the rest.
fn unless_unseen<T>(seen: Result<T, Stop>) -> Result<(), Stop> {
    match seen {
        Ok(_) | Err(Stop::Unseen(_)) => Ok(()),
        Err(stop) => Err(stop),
    }
}
