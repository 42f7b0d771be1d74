//! What an attempt's builds and commands deploy, as it is on record: what stood before, and whose a deploy is that stands afterwards.

use super::inventory::tool;
use super::{Bench, Making, Stop, World, to_value};
use crate::host::swarm::Swarm;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// As many builds before the newest are looked at for whether they still run.
const QUEUE: u64 = 50;
/// How long what was removed may take until it is gone.
const GRACE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// What is known of the deploys of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Stacks and volumes that were there before; none of both where that could not be seen.
    pub before: Option<Standing>,
    /// Every build after this one may have been asked for by the attempt, or have run beside it; none where that could not be seen.
    pub builds: Option<u64>,
    /// What cleanup found of it.
    #[serde(default)]
    pub left: Standing,
}

/// What stands on the box, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub stacks: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
}

impl Standing {
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty() && self.volumes.is_empty()
    }

    /// What is there and was not before.
    fn since(mut self, before: &Standing) -> Standing {
        self.stacks.retain(|stack| !before.stacks.contains(stack));
        self.volumes
            .retain(|volume| !before.volumes.contains(volume));
        self
    }
}

/// Whose something is that was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Others,
    /// Others had the same recipe tested meanwhile, or nobody had, and the name does not tell by whom.
    Unknown,
}

/// What tells whose a deploy is: names and builds.
#[derive(Debug, Clone, Copy)]
pub struct Owners<'a> {
    /// How the name of a recipe's deploys begins, with `{recipe}` for the recipe.
    pub pattern: &'a str,
    /// The same of each sandbox recipe.
    pub sandbox: &'a [String],
    /// The builds that ran meanwhile.
    pub builds: &'a [Tested],
    /// The run's pull requests, by recipe and number.
    pub pulls: &'a BTreeSet<(String, u64)>,
}

/// What a build is about, as Drone lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tested {
    pub number: u64,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub params: Option<BTreeMap<String, String>>,
}

impl Tested {
    fn parameter(&self, name: &str) -> &str {
        let params = self.params.as_ref();
        params
            .and_then(|it| it.get(name))
            .map_or("", String::as_str)
    }

    fn pull(&self) -> Option<u64> {
        self.parameter("PR").parse().ok()
    }

    pub fn has_ended(&self) -> bool {
        let status = self.status.as_deref().unwrap_or_default();
        !matches!(
            status,
            "" | "pending" | "running" | "blocked" | "waiting_on_dependencies"
        )
    }
}

impl Owners<'_> {
    /// Whether a build that a stack or volume is named after came to no result: what is killed tears nothing down.
    pub fn was_killed(&self, name: &str) -> bool {
        let mut named = self.builds.iter().filter(|build| {
            let begins = self.pattern.replace("{recipe}", build.parameter("RECIPE"));
            let rest = name.strip_prefix(&begins).unwrap_or_default();
            let number = rest.split('_').next().unwrap_or_default().parse::<u64>();
            number.is_ok_and(|number| build.number == number || build.pull() == Some(number))
        });
        named.any(|build| {
            let status = build.status.as_deref().unwrap_or_default();
            build.has_ended() && !["success", "failure"].contains(&status)
        })
    }

    pub fn asked_for(&self, build: &Tested) -> bool {
        let recipe = build.parameter("RECIPE").to_owned();
        let pull = build.pull();
        pull.is_some_and(|pull| self.pulls.contains(&(recipe, pull)))
    }

    /// The first build of the run that has not ended.
    pub fn running(&self) -> Option<u64> {
        let mut builds = self.builds.iter();
        let running = builds.find(|build| !build.has_ended() && self.asked_for(build));
        running.map(|build| build.number)
    }

    /// Whose a stack is, or a volume of one. `None` where it is neither of a sandbox recipe nor of a build.
    pub fn whose(&self, name: &str) -> Option<Whose> {
        let of_sandbox = self.sandbox.iter().map(String::as_str);
        let of_sandbox = of_sandbox.filter(|prefix| name.starts_with(prefix));
        let Some(prefix) = of_sandbox.max_by_key(|prefix| prefix.len()) else {
            return self.is_of_a_build(name).then_some(Whose::Others);
        };
        let mut builds = Vec::new();
        for build in self.builds {
            let begins = self.pattern.replace("{recipe}", build.parameter("RECIPE"));
            if begins.len() > prefix.len() && name.starts_with(&begins) {
                // Of a recipe whose name is longer, and none of the sandbox's.
                return Some(Whose::Others);
            }
            if begins == prefix {
                builds.push(build);
            }
        }
        let rest = name[prefix.len()..].split('_').next().unwrap_or_default();
        let Ok(number) = rest.parse::<u64>() else {
            // No build's name: whoever had the recipe tested may have deployed it beside that, and who did not has no part in it.
            return Some(match self.of(&builds) {
                Whose::Ours => Whose::Ours,
                Whose::Others | Whose::Unknown => Whose::Unknown,
            });
        };
        builds.retain(|build| build.number == number || build.pull() == Some(number));
        let is_ours = |(recipe, pull): &(String, u64)| {
            *pull == number && self.pattern.replace("{recipe}", recipe) == *prefix
        };
        if builds.is_empty() && self.pulls.iter().any(is_ours) {
            return Some(Whose::Ours);
        }
        Some(self.of(&builds))
    }

    /// Whether a deploy of no sandbox recipe is of a build: of a recipe that was built meanwhile, or of one that came since.
    fn is_of_a_build(&self, name: &str) -> bool {
        let newest = self.builds.iter().map(|build| build.number).max();
        let stack = name.split('_').next().unwrap_or_default();
        let number = stack.rsplit('-').next().unwrap_or_default().parse().ok();
        let (head, _) = self.pattern.split_once('{').unwrap_or_default();
        let is_later = !head.is_empty() && name.starts_with(head) && number > newest;
        let mut builds = self.builds.iter();
        is_later
            || builds.any(|build| {
                let begins = self.pattern.replace("{recipe}", build.parameter("RECIPE"));
                name.starts_with(&begins)
            })
    }

    /// Whose builds these are. Of none nothing can be told.
    fn of(&self, builds: &[&Tested]) -> Whose {
        let ours = builds.iter().filter(|build| self.asked_for(build)).count();
        match (builds.len(), ours) {
            (0, _) => Whose::Unknown,
            (all, ours) if all == ours => Whose::Ours,
            (_, 0) => Whose::Others,
            _ => Whose::Unknown,
        }
    }
}

impl Bench {
    /// Puts on record, once for each attempt and before anything can come of it, what stands on the box: what is deployed from now on is
    /// told from it.
    pub(super) async fn expect_deploys(&self) -> Result<(), Stop> {
        if self.world.config.host.is_none() {
            return Ok(());
        }
        let once = async {
            let resource = self
                .intend(Making::Deploys {
                    purpose: "what is tested",
                })
                .await?;
            let known = self.ledger.known(resource).await.map_err(Stop::Broken)?;
            if known.is_some() {
                return Ok(());
            }
            let (before, builds) = tokio::join!(self.world.standing(), self.world.first_build());
            let deployed = Deployed {
                before: before.ok(),
                builds: builds.ok(),
                left: Standing::default(),
            };
            let deployed = to_value(&deployed);
            self.ledger
                .note(resource, deployed)
                .await
                .map_err(Stop::Broken)
        };
        self.deploys.get_or_try_init(|| once).await.map(drop)
    }
}

impl World {
    fn swarm(&self) -> anyhow::Result<Swarm> {
        let host = self.config.host.as_ref();
        let host = host.context("`host` in gavel.toml does not say how to ask the box")?;
        Ok(Swarm::new(tool(&host.docker)))
    }

    async fn standing(&self) -> anyhow::Result<Standing> {
        let swarm = self.swarm()?;
        let (stacks, volumes) = tokio::try_join!(swarm.stacks(), swarm.volumes())?;
        Ok(Standing {
            stacks: stacks.into_iter().map(|stack| stack.name).collect(),
            volumes: volumes.into_iter().map(|volume| volume.name).collect(),
        })
    }

    /// The newest build, or the one before the first that still runs.
    async fn first_build(&self) -> anyhow::Result<u64> {
        let newest = self.drone.latest_number().await?.value;
        let builds = self.builds(newest.saturating_sub(QUEUE)).await?;
        let running = builds.iter().filter(|build| !build.has_ended());
        let first = running.map(|build| build.number).min();
        Ok(first.map_or(newest, |first| first - 1))
    }

    async fn builds(&self, after: u64) -> anyhow::Result<Vec<Tested>> {
        let seen = self.drone.builds_after(after).await?;
        serde_json::from_value(seen.answer).context("reading Drone's list of builds")
    }

    /// What an attempt deployed and nobody tore down. An error while one of its builds still runs; `None` where it can never be told.
    pub async fn look_for_deploys(
        &self,
        deployed: &Deployed,
        pulls: &BTreeSet<(String, u64)>,
    ) -> anyhow::Result<Option<Standing>> {
        let (Some(before), Some(builds)) = (&deployed.before, deployed.builds) else {
            return Ok(None);
        };
        let host = self.config.host.as_ref();
        let host = host.context("`host` in gavel.toml does not say how to ask the box")?;
        let sandbox = self.config.sandbox.recipes().into_iter();
        let sandbox = sandbox.map(|(_, recipe)| recipe);
        let sandbox = sandbox.chain(self.config.sandbox.all.iter().flatten());
        let sandbox: Vec<String> = sandbox.map(|it| host.stacks(it.as_str())).collect();
        let builds = self.builds(builds).await?;
        let owners = Owners {
            pattern: &host.stacks("{recipe}"),
            sandbox: &sandbox,
            builds: &builds,
            pulls,
        };
        if let Some(build) = owners.running() {
            bail!("build {build} still runs: what it deploys it tears down itself");
        }
        let mut standing = self.standing().await?.since(before);
        let is_ours = |name: &String| owners.whose(name) == Some(Whose::Ours);
        standing.stacks.retain(is_ours);
        standing.volumes.retain(is_ours);
        Ok(Some(standing))
    }

    /// Removes stacks, and volumes once nothing uses them any more.
    pub async fn remove_deploys(&self, left: &Standing) -> anyhow::Result<()> {
        let swarm = self.swarm()?;
        for stack in &left.stacks {
            swarm.remove_stack(stack).await?;
        }
        let began = Instant::now();
        for volume in &left.volumes {
            while let Err(error) = swarm.remove_volume(volume).await {
                if began.elapsed() >= GRACE {
                    return Err(error.into());
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        loop {
            let there = self.standing().await?;
            let Some(stack) = left.stacks.intersection(&there.stacks).next() else {
                return Ok(());
            };
            if began.elapsed() >= GRACE {
                bail!("the stack {stack} was removed, and still is there {GRACE:?} later");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// As it stands on record.
pub fn read_deployed(known: Option<&Value>) -> Option<Deployed> {
    Deployed::deserialize(known?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn build(number: u64, recipe: &str, pull: u64) -> Tested {
        let params = json!({ "RECIPE": recipe, "PR": pull.to_string() });
        let build = json!({ "number": number, "status": "success", "params": params });
        serde_json::from_value(build).unwrap()
    }

    #[test]
    fn a_deploy_is_ours_where_nobody_else_can_have_made_it() {
        let sandbox = ["ci-tiny-".to_owned(), "ci-tiny-stale-".to_owned()];
        let pulls = BTreeSet::from([("tiny".to_owned(), 7)]);
        let (none, mine) = (Vec::new(), vec![build(41, "tiny", 7)]);
        let theirs = vec![build(42, "tiny", 9)];
        let others = vec![build(42, "other", 9)];
        let both = vec![build(41, "tiny", 7), build(42, "tiny", 9)];
        let longer = vec![build(41, "tiny", 7), build(42, "tiny-web", 9)];
        for (builds, name, whose) in [
            (&mine, "ci-tiny-41", Some(Whose::Ours)),
            (&mine, "ci-tiny-41_content", Some(Whose::Ours)),
            (&mine, "ci-tiny-verify-3", Some(Whose::Ours)),
            // By pull request, by no build of the run, and of a recipe that the run had not tested.
            (&mine, "ci-tiny-7", Some(Whose::Ours)),
            (&mine, "ci-tiny-40", Some(Whose::Unknown)),
            (&mine, "ci-tiny-40_content", Some(Whose::Unknown)),
            (&mine, "ci-tiny-stale-1", Some(Whose::Unknown)),
            (&mine, "ci-tiny-stale-7", Some(Whose::Unknown)),
            (&mine, "ci-tiny-stale-byhand", Some(Whose::Unknown)),
            (&theirs, "ci-tiny-42", Some(Whose::Others)),
            (&theirs, "ci-tiny-verify-3", Some(Whose::Unknown)),
            (&none, "ci-tiny-41", Some(Whose::Unknown)),
            (&none, "ci-tiny-byhand", Some(Whose::Unknown)),
            (&mine, "ci-other-41", None),
            (&mine, "ci-other-42", Some(Whose::Others)),
            (&mine, "ci-other-42_content", Some(Whose::Others)),
            (&mine, "try-other-42", None),
            (&others, "ci-other-41", Some(Whose::Others)),
            (&others, "ci-other-compare", Some(Whose::Others)),
            (&mine, "traefik", None),
            (&both, "ci-tiny-41", Some(Whose::Ours)),
            (&both, "ci-tiny-7", Some(Whose::Ours)),
            (&both, "ci-tiny-42", Some(Whose::Others)),
            (&both, "ci-tiny-42_content", Some(Whose::Others)),
            (&both, "ci-tiny-43", Some(Whose::Unknown)),
            (&both, "ci-tiny-verify-3", Some(Whose::Unknown)),
            (&both, "ci-tiny-stale-1", Some(Whose::Unknown)),
            (&longer, "ci-tiny-web-42", Some(Whose::Others)),
            (&longer, "ci-tiny-41", Some(Whose::Ours)),
        ] {
            let owners = Owners {
                pattern: "ci-{recipe}-",
                sandbox: &sandbox,
                builds,
                pulls: &pulls,
            };
            assert_eq!(owners.whose(name), whose, "{name}");
        }
    }

    #[test]
    fn a_build_of_the_run_is_waited_for_and_no_other() {
        let pulls = BTreeSet::from([("tiny".to_owned(), 7)]);
        let mut builds = vec![build(41, "tiny", 7), build(42, "tiny", 9)];
        builds[1].status = Some("running".into());
        let running = |builds: &[Tested]| {
            let owners = Owners {
                pattern: "ci-{recipe}-",
                sandbox: &[],
                builds,
                pulls: &pulls,
            };
            owners.running()
        };
        assert_eq!(running(&builds), None);
        builds[0].status = Some("pending".into());
        assert_eq!(running(&builds), Some(41));
    }
}
