//! G1 … G7: what has to hold over the whole run, whichever items it verifies. They are watched in an attempt of their own, which opens
//! before the first item and is judged after the cleanup.

mod acts;
pub mod machine;
mod mains;
mod merges;
mod recipe;
mod scope;
mod weaker;

use super::bench::{Bench, Stop};
use super::gate::{asked, cut};
use super::sight::{Activity, Branch};
use super::{ClauseSpec, Item, Ruling, blocked, broken, holds, unseen};
use crate::config::Config;
use crate::evidence::{Doubt, Question, Witness};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub const ITEM: Item = Item {
    id: "G",
    title: "Guardrails, held over the whole run",
    does: "looks at everything that must not change, before and after",
    needs: &[],
    lacks: |_| None,
    clauses: &[
        ClauseSpec {
            id: "G1",
            says: "Nothing was ever merged",
            judge: merges::nothing_merged,
        },
        ClauseSpec {
            id: "G2",
            says: "No test was weakened",
            judge: weaker::nothing_weakened,
        },
        ClauseSpec {
            id: "G3",
            says: "No `main` was pushed except a mirror's, to upstream's commit, and the sandbox's own seeds",
            judge: mains::mains_stayed,
        },
        ClauseSpec {
            id: "G4",
            says: "The loops' clones were not touched",
            judge: machine::clones_stayed,
        },
        ClauseSpec {
            id: "G5",
            says: "Deploys never overlapped",
            judge: machine::one_deploy_at_a_time,
        },
        ClauseSpec {
            id: "G6",
            says: "The skills' own texts did not change",
            judge: skills_stayed,
        },
        ClauseSpec {
            id: "G7",
            says: "Nothing was created outside the sandbox recipes",
            judge: scope::stayed_in_the_sandbox,
        },
    ],
    scenario: |bench| close(bench).boxed(),
};

const MAIN: &str = "main";

/// What is watched: read from the configuration once, so that both looks and the judges mean the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// The sandbox's mirrors and where each comes from, both as `owner/name`; no upstream where none is configured.
    pub mirrors: BTreeMap<String, Option<String>>,
    /// The repository with harness and tests, and the branch that builds run from.
    pub suite: String,
    pub suite_branch: String,
    /// The test that may be updated on a branch, as the beginning of its path; none where it is not configured.
    pub stale_test: Option<String>,
    /// The skills' texts.
    pub skills: Vec<String>,
    /// The accounts that act here: Gavel's own, and those under verification.
    pub gavel: String,
    pub flow: String,
    pub gate: String,
    /// The box, where it is configured.
    pub machine: Option<Machine>,
}

/// What is watched on the box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The loops' working clones.
    pub clones: Vec<String>,
    /// How the names of the sandbox recipes' deploys begin.
    pub stacks: Vec<String>,
    /// The same for any recipe, with `{recipe}` for it.
    #[serde(default)]
    pub pattern: String,
    /// Folders whose entries belong to the flow.
    pub scratch: Vec<String>,
    /// The session that the launcher starts; none where it is not configured.
    pub session: Option<String>,
    /// The flow's programs, by which a line of the crontab is known to be the flow's.
    #[serde(default)]
    pub programs: Vec<String>,
}

/// The repositories that verification may touch.
pub fn sandbox(config: &Config) -> Vec<String> {
    Watched::from_config(config)
        .repositories()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

impl Watched {
    pub fn from_config(config: &Config) -> Self {
        let sandbox = &config.sandbox;
        let named = sandbox.recipes().into_iter().map(|(_, recipe)| recipe);
        let recipes = named.chain(sandbox.all.iter().flatten());
        let recipes: Vec<_> = recipes.collect();
        let path = |path: &std::path::PathBuf| path.display().to_string();
        let machine = config.host.as_ref().map(|host| Machine {
            clones: host.clones.iter().map(path).collect(),
            stacks: recipes
                .iter()
                .map(|recipe| host.stacks(recipe.as_str()))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            pattern: host.stacks("{recipe}"),
            scratch: host.scratch.iter().map(path).collect(),
            session: config
                .flow
                .launcher
                .as_ref()
                .map(|launcher| launcher.session.clone()),
            programs: config
                .flow
                .launcher
                .iter()
                .filter_map(|launcher| launcher.command.program.file_name())
                .map(|program| program.to_string_lossy().into_owned())
                .collect(),
        });
        let mirrors = recipes.iter().map(|recipe| {
            let upstream = sandbox.upstream.as_ref();
            (
                format!("{}/{recipe}", config.gate.organisation),
                upstream.map(|upstream| format!("{upstream}/{recipe}")),
            )
        });
        Self {
            mirrors: mirrors.collect(),
            suite: config.drone.repository.to_string(),
            suite_branch: config.drone.branch.clone(),
            stale_test: sandbox
                .stale
                .as_ref()
                .map(|stale| format!("tests/{}/{}", stale.recipe, stale.test)),
            gavel: config.forge.account.to_string(),
            flow: config.flow.account.to_string(),
            gate: config.gate.account.to_string(),
            machine,
            skills: config
                .versions
                .skills
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }
    }

    /// Those under verification.
    fn accused(&self) -> [&String; 2] {
        [&self.flow, &self.gate]
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &String> {
        self.accused().into_iter().chain([&self.gavel])
    }

    /// Whether what happens there belongs to the verification.
    fn is_sandbox(&self, repository: &str) -> bool {
        self.repositories()
            .any(|ours| ours.eq_ignore_ascii_case(repository))
    }

    pub(super) fn is_suite(&self, repository: &str) -> bool {
        self.suite.eq_ignore_ascii_case(repository)
    }

    /// The branch of a repository that nobody pushes but whoever it belongs to.
    pub(super) fn main_of(&self, repository: &str) -> &str {
        match self.is_suite(repository) {
            true => &self.suite_branch,
            false => MAIN,
        }
    }

    /// Whether a file of the suite is the test that may be updated.
    fn is_stale_test(&self, path: &str) -> bool {
        let rest = |test: &String| path.strip_prefix(test.as_str()).map(str::to_owned);
        self.stale_test
            .as_ref()
            .and_then(rest)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn is_recipe(&self, recipe: &str) -> bool {
        let mut mirrors = self.mirrors.keys();
        mirrors.any(|mirror| mirror.rsplit('/').next() == Some(recipe))
    }

    /// The recipe that a repository is the mirror of.
    fn recipe_of(&self, repository: &str) -> Option<&str> {
        let mut mirrors = self.mirrors.keys();
        let mirror = mirrors.find(|mirror| mirror.eq_ignore_ascii_case(repository))?;
        mirror.rsplit('/').next()
    }

    /// Whether a file of the suite is a test of a sandbox recipe: nobody else has to do with those.
    pub(super) fn tests_sandbox(&self, path: &str) -> bool {
        let rest = path.strip_prefix("tests/");
        let recipe = rest.and_then(|rest| rest.split('/').next());
        recipe.is_some_and(|recipe| self.is_recipe(recipe))
    }

    /// The mirror that one of the accused pushed to.
    fn accused_of(&self, push: &acts::Pushed) -> Option<&str> {
        let mirrors = self.mirrors.keys().map(String::as_str);
        let mut pushed = mirrors.filter(|mirror| {
            self.accused().contains(&&push.account) && mirror.eq_ignore_ascii_case(&push.repository)
        });
        pushed.next()
    }

    /// Where a mirror's recipe is released: upstream, where one is configured.
    fn released<'a>(&'a self, mirror: &'a str) -> &'a str {
        let upstream = self.mirrors.get(mirror).and_then(Option::as_deref);
        upstream.unwrap_or(mirror)
    }

    /// The mirror in which something was done, or the suite, by its name here; none where it was done elsewhere.
    pub(super) fn place(&self, act: &Activity) -> Option<String> {
        let mut places = self.reviewed();
        places
            .find(|place| place.eq_ignore_ascii_case(act.repository()))
            .cloned()
    }

    /// Every repository in which pull requests are opened.
    fn reviewed(&self) -> impl Iterator<Item = &String> {
        self.mirrors.keys().chain([&self.suite])
    }

    /// Every repository whose `main` is looked at.
    fn repositories(&self) -> impl Iterator<Item = &String> {
        self.mirrors
            .iter()
            .flat_map(|(mirror, upstream)| std::iter::once(mirror).chain(upstream))
            .chain([&self.suite])
    }
}

/// The first look, before anything is done.
pub async fn open(bench: &Bench) -> Result<(), Stop> {
    let watched: Watched = bench.see("watched", Question::Watched).await?;
    let forge = bench.see_all(forge(&watched, "open")).await;
    both(forge, bench.see_all(here(&watched, "open")).await)
}

/// The last look, after everything was closed. What cannot be seen of the forge says nothing of the box, and the reverse.
async fn close(bench: &Bench) -> Result<(), Stop> {
    let watched: Watched = bench.recalled("watched").await?;
    let forge = close_forge(bench, &watched).await;
    let ended = both(forge, bench.see_all(here(&watched, "close")).await);
    both(ended, leave(bench, &watched).await)
}

/// Looks where every branch stands now that all is closed. No judge needs it: branches tell no times, and by this whoever asks again later
/// knows what moved since.
async fn leave(bench: &Bench, watched: &Watched) -> Result<(), Stop> {
    let branches = watched.reviewed().map(|repository| {
        let label = format!("close.branches.{repository}");
        let repository = repository.clone();
        (label, Question::Branches { repository })
    });
    match bench.see_all(branches.collect::<Vec<_>>()).await {
        Err(Stop::Unseen(_)) => Ok(()),
        ended => ended,
    }
}

/// The outcome of two looks: what ends the attempt goes before what could not be seen.
fn both(one: Result<(), Stop>, other: Result<(), Stop>) -> Result<(), Stop> {
    match (one, other) {
        (Err(Stop::Unseen(why)), Ok(())) => Err(Stop::Unseen(why)),
        (Err(Stop::Unseen(_)) | Ok(()), other) => other,
        (one, _) => one,
    }
}

async fn close_forge(bench: &Bench, watched: &Watched) -> Result<(), Stop> {
    bench.see_all(forge(watched, "close")).await?;
    let after = bench.recalled(machine::NEWEST).await?;
    let mut acts = vec![(machine::BUILDS.to_owned(), Question::Builds { after })];
    for account in watched.accounts() {
        let newest = acts::newest_label("open", account);
        let question = Question::Activity {
            account: account.clone(),
            after: bench.recalled(&newest).await?,
        };
        acts.push((acts::acts_label(account), question));
    }
    bench.see_all(acts).await?;
    merges::look(bench, watched).await?;
    weaker::look(bench, watched).await
}

/// What is looked at on the forge, at the first look and at the last.
fn forge(watched: &Watched, when: &str) -> Vec<(String, Question)> {
    let builds = (when == "open").then(|| (machine::NEWEST.to_owned(), Question::LatestBuild));
    let accounts = watched.accounts().map(|account| {
        let newest = acts::newest_label(when, account);
        let account = account.clone();
        (newest, Question::LatestAct { account })
    });
    let mains = watched.repositories().map(|repository| {
        let question = Question::Branch {
            repository: repository.clone(),
            branch: watched.main_of(repository).to_owned(),
        };
        (format!("{when}.main.{repository}"), question)
    });
    let pulls = watched.reviewed().map(|repository| {
        let label = format!("{when}.pulls.{repository}");
        let repository = repository.clone();
        (label, Question::Pulls { repository })
    });
    let owner = watched.flow.clone();
    let own = (scope::own_label(when), Question::Repositories { owner });
    let branches = watched.reviewed().filter(|_| when == "open");
    let branches = branches.map(|repository| {
        let repository = repository.clone();
        (
            branches_label(&repository),
            Question::Branches { repository },
        )
    });
    let accounts = accounts.chain(mains).chain(pulls).chain(branches);
    accounts.chain([own]).chain(builds).collect()
}

/// The step of the first look that sees the newest act of an account.
pub fn newest_act(account: &str) -> String {
    acts::newest_label("open", account)
}

/// The step that sees which branches were there before anything was done.
fn branches_label(repository: &str) -> String {
    format!("open.branches.{repository}")
}

/// The branches that were there before anything was done, by the first look; none where it did not see them.
pub async fn known_branches(bench: &Bench, repository: &str) -> Result<Option<Vec<Branch>>, Stop> {
    let label = branches_label(repository);
    let carried = async {
        bench.carry(&label).await?;
        bench.recalled::<Option<Vec<Branch>>>(&label).await
    };
    match carried.await {
        Ok(known) => Ok(Some(known.unwrap_or_default())),
        Err(Stop::Unseen(_)) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// What is looked at on the box.
fn here(watched: &Watched, when: &str) -> Vec<(String, Question)> {
    let question = Question::Digests {
        part: "skills".into(),
        paths: watched.skills.clone(),
    };
    let mut all = vec![(format!("{when}.skills"), question)];
    if let Some(machine) = &watched.machine {
        all.extend(machine::looks(machine, when));
        let inventory = inventory(machine).into_iter();
        all.extend(inventory.map(|(what, question)| (format!("{when}.{what}"), question)));
    }
    all
}

/// What the box holds, by name of the look.
pub fn inventory(machine: &Machine) -> Vec<(String, Question)> {
    let mut all = vec![
        ("stacks".to_owned(), Question::Stacks),
        ("volumes".to_owned(), Question::Volumes),
        ("sessions".to_owned(), Question::Sessions),
        ("crontab".to_owned(), Question::Crontab),
    ];
    all.extend(machine.scratch.iter().map(|folder| {
        let question = Question::Entries {
            folder: folder.clone(),
        };
        (format!("entries.{folder}"), question)
    }));
    all
}

// The judges.

/// What is watched; in doubt where that is nothing.
fn watched(witness: &Witness<'_>) -> Result<Watched, Doubt> {
    let watched: Watched = witness.context("watched")?;
    if watched.suite.is_empty() || watched.mirrors.is_empty() {
        return unseen("it is not on record what is watched");
    }
    Ok(watched)
}

fn skills_stayed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    if watched.skills.is_empty() {
        return blocked("not attempted: no skill's text is configured (`versions.skills`)");
    }
    let mut looks = Vec::new();
    for when in ["open", "close"] {
        let label = format!("{when}.skills");
        let question = Question::Digests {
            part: "skills".into(),
            paths: watched.skills.clone(),
        };
        asked(witness, &label, &question)?;
        looks.push(witness.see::<BTreeMap<String, String>>(&label)?);
    }
    let (before, after) = (&looks[0], &looks[1]);
    let changed: Vec<String> = watched
        .skills
        .iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("`{}`", cut(path)))
        .collect();
    if changed.is_empty() {
        return holds(format!("{} texts, each as it was", watched.skills.len()));
    }
    broken(
        format!("{} changed while it was followed", changed.join(", ")),
        "a skill is read, not written: find what wrote it while it ran",
    )
}
