//! G1 … G7: what has to hold over the whole run, whichever items it verifies. They are watched in an attempt of their own, which opens
//! before the first item and is judged after the cleanup.

mod acts;
pub mod machine;

use super::bench::{Bench, Stop};
use super::gate::{asked, cut};
use super::{ClauseSpec, Item, Ruling, blocked, broken, holds, unseen};
use crate::config::Config;
use crate::evidence::{Doubt, Question, Witness};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub const ITEM: Item = Item {
    id: "G",
    title: "Guardrails, held over the whole run",
    does: "looks at everything that must not change, before and after",
    needs: &[],
    clauses: &[
        ClauseSpec {
            id: "G1",
            says: "Nothing was ever merged",
            judge: acts::nothing_merged,
        },
        ClauseSpec {
            id: "G3",
            says: "No `main` was pushed except a mirror's, to upstream's commit, and the sandbox's own seeds",
            judge: acts::mains_stayed,
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
            judge: acts::stayed_in_the_sandbox,
        },
    ],
    scenario: |bench| close(bench).boxed(),
};

const MAIN: &str = "main";

/// What is watched: read from the configuration once, so that both looks and the judges mean the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The sandbox's mirrors and where each comes from, both as `owner/name`; no upstream where none is configured.
    pub mirrors: BTreeMap<String, Option<String>>,
    /// The repository with harness and tests.
    pub suite: String,
    /// The skills' texts.
    pub skills: Vec<String>,
    /// The accounts that act here: Gavel's own, and those under verification.
    pub gavel: String,
    pub accused: Vec<String>,
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
    /// Folders whose entries belong to the flow.
    pub scratch: Vec<String>,
    /// The session that the launcher starts; none where it is not configured.
    pub session: Option<String>,
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
            scratch: host.scratch.iter().map(path).collect(),
            session: config
                .flow
                .launcher
                .as_ref()
                .map(|launcher| launcher.session.clone()),
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
            gavel: config.forge.account.to_string(),
            accused: [&config.flow.account, &config.gate.account]
                .map(ToString::to_string)
                .into(),
            machine,
            skills: config
                .versions
                .skills
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }
    }

    fn accounts(&self) -> impl Iterator<Item = &String> {
        self.accused.iter().chain([&self.gavel])
    }

    /// Whether what happens there belongs to the verification.
    fn is_sandbox(&self, repository: &str) -> bool {
        self.repositories()
            .any(|ours| ours.eq_ignore_ascii_case(repository))
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
    for account in watched.accounts() {
        let question = Question::LatestAct {
            account: account.clone(),
        };
        bench
            .see::<u64>(&format!("open.acts.{account}"), question)
            .await?;
    }
    look(bench, "open").await
}

/// The last look, after everything was closed.
async fn close(bench: &Bench) -> Result<(), Stop> {
    look(bench, "close").await?;
    let watched: Watched = bench.recalled("watched").await?;
    for account in watched.accounts() {
        let question = Question::Activity {
            account: account.clone(),
            after: bench.recalled(&format!("open.acts.{account}")).await?,
        };
        bench
            .see::<Value>(&format!("close.acts.{account}"), question)
            .await?;
    }
    Ok(())
}

async fn look(bench: &Bench, when: &str) -> Result<(), Stop> {
    let watched: Watched = bench.recalled("watched").await?;
    for repository in watched.repositories() {
        let question = Question::Branch {
            repository: repository.clone(),
            branch: MAIN.into(),
        };
        bench
            .see::<Value>(&format!("{when}.main.{repository}"), question)
            .await?;
    }
    let question = Question::Digests {
        part: "skills".into(),
        paths: watched.skills,
    };
    bench
        .see::<Value>(&format!("{when}.skills"), question)
        .await?;
    if let Some(machine) = watched.machine {
        for path in &machine.clones {
            let question = Question::Clone { path: path.clone() };
            bench
                .see::<Value>(&format!("{when}.clone.{path}"), question)
                .await?;
        }
        for (what, question) in inventory(&machine) {
            bench
                .see::<Value>(&format!("{when}.{what}"), question)
                .await?;
        }
    }
    Ok(())
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
    if watched.suite.is_empty() || watched.mirrors.is_empty() || watched.accused.is_empty() {
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
