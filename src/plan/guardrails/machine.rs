//! G4 and G5: what happened on the box.

use super::acts::{Pushed, opened, pushes};
use super::{Machine, Watched, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::swarm;
use crate::plan::bench::{Owners, Tested, Whose};
use crate::plan::gate::{asked, cut};
use crate::plan::sight::{Build, Named};
use crate::plan::{Ruling, blocked, certainly_broken, holds, unseen};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The step that ends the watch over deploys.
pub const DEPLOYS: &str = "close.deploys";
/// The steps that see which builds came meanwhile.
pub(super) const NEWEST: &str = "open.build";
pub(super) const BUILDS: &str = "builds";

/// What is watched on the box; BLOCKED where it is not configured.
pub fn machine(witness: &Witness<'_>) -> Result<Machine, Doubt> {
    match watched(witness)?.machine {
        Some(machine) => Ok(machine),
        None => blocked("not attempted: how to ask the box is not configured (`host`)"),
    }
}

/// What is looked at of the loops' clones.
pub(super) fn looks(machine: &Machine, when: &str) -> Vec<(String, Question)> {
    let clones = machine.clones.iter();
    let looks = clones.flat_map(|path| [clone(when, path), inhabitants(when, path)]);
    looks.collect()
}

fn clone(when: &str, path: &str) -> (String, Question) {
    let question = Question::Clone {
        path: path.to_owned(),
    };
    (format!("{when}.clone.{path}"), question)
}

fn inhabitants(when: &str, path: &str) -> (String, Question) {
    let question = Question::Inhabitants {
        folder: path.to_owned(),
    };
    (format!("{when}.inside.{path}"), question)
}

/// All that can be told of a clone, as [`crate::host::git::Fingerprint`] says it.
#[derive(PartialEq, Deserialize)]
struct Seen {
    head: String,
    refs: BTreeMap<String, String>,
    index: Option<String>,
    config: Option<String>,
    /// Not looked at by earlier versions.
    hooks: Option<BTreeMap<String, String>>,
    changed: BTreeMap<String, String>,
}

impl Seen {
    /// The parts in which two looks differ.
    fn differs(&self, other: &Seen) -> Vec<&'static str> {
        let parts = [
            ("head", self.head == other.head),
            ("refs", self.refs == other.refs),
            ("index", self.index == other.index),
            ("config", self.config == other.config),
            (
                "hooks",
                self.hooks.is_none() || other.hooks.is_none() || self.hooks == other.hooks,
            ),
            ("changed", self.changed == other.changed),
        ];
        let differ = parts.into_iter().filter(|(_, same)| !same);
        differ.map(|(part, _)| part).collect()
    }

    /// Whether all that differs is what `git fetch` writes: where the remote's branches stand, and its tags.
    fn was_only_fetched(&self, before: &Seen) -> bool {
        let own = |seen: &Seen| -> BTreeMap<String, String> {
            let refs = seen.refs.iter().filter(|(name, _)| {
                !name.starts_with("refs/remotes/") && !name.starts_with("refs/tags/")
            });
            refs.map(|(name, at)| (name.clone(), at.clone())).collect()
        };
        self.differs(before) == ["refs"] && own(self) == own(before)
    }

    /// Whether its configuration differs, or a hook, and no branch with it: one that is made or pushed to follow another is noted there.
    fn was_configured(&self, before: &Seen) -> bool {
        let parts = self.differs(before);
        let any = |wanted: [&str; 2]| parts.iter().any(|part| wanted.contains(part));
        any(["config", "hooks"]) && !any(["head", "refs"])
    }

    /// What in it is the accused's own: a branch or commit that they pushed meanwhile, or a test of a sandbox recipe.
    fn bears(&self, before: &Seen, pushed: &[Pushed], watched: &Watched) -> bool {
        // What its owner fetched stands among the remote's refs.
        let refs = self.refs.iter().filter(|(name, at)| {
            name.starts_with("refs/heads/") && before.refs.get(*name) != Some(at)
        });
        let head = self.head.strip_prefix("ref: ").unwrap_or(&self.head);
        let head = (self.head != before.head).then_some((head, head));
        let mut moved = refs
            .map(|(name, at)| (name.as_str(), at.as_str()))
            .chain(head);
        let theirs = moved.any(|(name, at)| {
            let branch = name.strip_prefix("refs/heads/");
            let mut pushed = pushed
                .iter()
                .filter(|push| watched.is_suite(&push.repository));
            pushed.any(|push| branch == Some(&push.branch) || at == push.head)
        });
        let changed = self.changed.iter();
        let mut changed = changed.filter(|(path, how)| before.changed.get(*path) != Some(how));
        theirs || changed.any(|(path, _)| watched.tests_sandbox(path))
    }
}

/// Owners commit, pull and ask for the status by processes that are gone by the next look. So what bears no mark of the flow is a doubt, but
/// for the configuration and the hooks alone, which nobody changes while a clone rests.
pub fn clones_stayed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    if machine.clones.is_empty() {
        return blocked("not attempted: no clone of a loop is configured (`host.clones`)");
    }
    let watched = watched(witness)?;
    let (mut wrong, mut doubt) = (Vec::new(), None);
    for path in &machine.clones {
        // What does not show of one clone hides nothing that is wrong in another.
        match changed(witness, path, &watched) {
            Ok(changed) => wrong.extend(changed),
            Err(of_it) => doubt = doubt.or(Some(of_it)),
        }
    }
    if !wrong.is_empty() {
        return certainly_broken(
            wrong.join("; "),
            "whoever changes tests has to make a clone of its own for it",
        );
    }
    match doubt {
        Some(doubt) => Err(doubt),
        None => holds(format!("{} clones, each as it was", machine.clones.len())),
    }
}

/// What somebody changed in a clone who may not; none where it is as it was.
fn changed(witness: &Witness<'_>, path: &str, watched: &Watched) -> Result<Option<String>, Doubt> {
    let look = |when: &str| {
        let (label, question) = clone(when, path);
        asked(witness, &label, &question)?;
        witness.see::<Seen>(&label)
    };
    let (before, after) = (look("open")?, look("close")?);
    let parts = before.differs(&after).join(", ");
    if parts.is_empty() {
        return Ok(None);
    }
    let changed = format!("`{}`: {parts}", cut(path));
    let pushed = pushes(witness, watched, watched.accused()).unwrap_or_default();
    if after.bears(&before, &pushed, watched) {
        Ok(Some(changed))
    } else if after.was_only_fetched(&before) {
        unseen(format!(
            "{changed}, by a fetch, which its owner may have done; verify again while it rests"
        ))
    } else if lived_in(witness, path)? {
        unseen(format!("{changed}, and its owner is at work there"))
    } else if after.was_configured(&before) {
        Ok(Some(changed))
    } else {
        unseen(format!(
            "{changed}, and nothing of it is the flow's: whether its owner did that in between does not show; verify again while it rests"
        ))
    }
}

/// Whether somebody works in a clone whose doings cannot be told from the flow's; also where that does not show.
fn lived_in(witness: &Witness<'_>, path: &str) -> Result<bool, Doubt> {
    for when in ["open", "close"] {
        let (label, question) = inhabitants(when, path);
        asked(witness, &label, &question)?;
        let inside: Option<Vec<i32>> = witness.see(&label)?;
        if inside.is_none_or(|inside| !inside.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether two names of stacks are one's: what docker tells of is a stack's service, and both names may hold an underscore.
fn same_stack(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    begins(one, other) || begins(other, one)
}

pub fn one_deploy_at_a_time(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let is_ours = |stack: &str| {
        let mut prefixes = machine.stacks.iter();
        prefixes.any(|prefix| stack.starts_with(prefix.as_str()))
    };
    asked(witness, "open.stacks", &Question::Stacks)?;
    let before: Vec<Named> = witness.see("open.stacks")?;
    asked(witness, DEPLOYS, &Question::Deploys)?;
    let seen: swarm::Watched = witness.see(DEPLOYS)?;
    // Services that stand, by the stack under whose name they came.
    let mut standing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // And when it came.
    let mut since: BTreeMap<String, i64> = BTreeMap::new();
    let mut deploys = 0;
    let mut doubt = None;
    for event in &seen.events {
        let name = event.name.as_str();
        let Some((stack, _)) = name.rsplit_once('_').filter(|(stack, _)| is_ours(stack)) else {
            continue;
        };
        let known = standing.keys().find(|known| same_stack(known, stack));
        match event.action.as_str() {
            "create" if known.is_none() => {
                deploys += 1;
                for other in standing.keys() {
                    let both = format!(
                        "`{}` was deployed while `{}` still stood",
                        cut(stack),
                        cut(other)
                    );
                    let came = since.get(other).copied().unwrap_or(i64::MIN);
                    let is_within = |gap: &&swarm::Gap| {
                        gap.from.as_nanosecond() <= event.at.into()
                            && gap.until.as_nanosecond() >= came.into()
                    };
                    if seen.gaps.iter().any(|gap| is_within(&gap)) {
                        doubt.get_or_insert(format!(
                            "{both}, or was torn down while nobody saw; verify again"
                        ));
                        continue;
                    }
                    let Some(foreign) = foreign(witness, &machine, [stack, other])? else {
                        return certainly_broken(
                            both,
                            "one deploy has to be torn down before the next begins: the swarm is shared",
                        );
                    };
                    doubt.get_or_insert(format!(
                        "{both}: `{}` is somebody else's, nobody's that can be told, or of a build that was killed; verify again",
                        cut(foreign)
                    ));
                }
                let mut left = before.iter().map(|stack| stack.name.as_str());
                if let Some(left) = left.find(|left| is_ours(left) && !same_stack(left, stack)) {
                    doubt = Some(format!(
                        "`{}` stood there before, so that `{}` was not alone; tear it down, and verify again",
                        cut(left),
                        cut(stack)
                    ));
                }
                standing.insert(stack.to_owned(), [name.to_owned()].into());
                since.insert(stack.to_owned(), event.at);
            }
            "create" => {
                let known = known.cloned().unwrap_or_default();
                standing.entry(known).or_default().insert(name.to_owned());
            }
            "remove" => {
                if let Some(known) = known.cloned()
                    && let Some(services) = standing.get_mut(&known)
                {
                    services.remove(name);
                    if services.is_empty() {
                        standing.remove(&known);
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(gap) = seen.gaps.first() {
        return unseen(format!(
            "nobody saw what was deployed from {} to {}: {}",
            gap.from.strftime("%H:%M:%S"),
            gap.until.strftime("%H:%M:%S"),
            cut(&gap.why)
        ));
    }
    if let Some(doubt) = doubt {
        return unseen(doubt);
    }
    if deploys == 0
        && let Some(build) = green_build(witness)?
    {
        return unseen(format!(
            "build {build} of a sandbox recipe is green, and nobody saw a deploy: either the swarm tells nothing, or the build deploys elsewhere"
        ));
    }
    holds(format!("{deploys} deploys, one after another"))
}

/// The first of these stacks that does not tell of the flow for sure: by its name no build of the run made it, others had its recipe tested
/// meanwhile, or its build was killed and could not tear it down.
fn foreign<'a>(
    witness: &Witness<'_>,
    machine: &Machine,
    stacks: [&'a str; 2],
) -> Result<Option<&'a str>, Doubt> {
    let watched = super::watched(witness)?;
    let mut pulls = BTreeSet::new();
    for account in watched.accounts() {
        let opened = opened(witness, &watched, account)?.into_iter();
        pulls.extend(opened.filter_map(|(repository, pull)| {
            let recipe = watched.recipe_of(&repository)?;
            Some((recipe.to_owned(), pull.number))
        }));
    }
    let builds = builds::<Tested>(witness)?;
    let owners = Owners {
        pattern: &machine.pattern,
        sandbox: &machine.stacks,
        builds: &builds,
        pulls: &pulls,
    };
    let mut stacks = stacks.into_iter();
    Ok(stacks.find(|stack| owners.whose(stack) != Some(Whose::Ours) || owners.was_killed(stack)))
}

/// The builds that came meanwhile.
fn builds<T: DeserializeOwned>(witness: &Witness<'_>) -> Result<Vec<T>, Doubt> {
    asked(witness, NEWEST, &Question::LatestBuild)?;
    let after: u64 = witness.see(NEWEST)?;
    asked(witness, BUILDS, &Question::Builds { after })?;
    Ok(witness.see::<Option<_>>(BUILDS)?.unwrap_or_default())
}

/// Control: a build of a sandbox recipe that was green meanwhile, and so must have deployed.
fn green_build(witness: &Witness<'_>) -> Result<Option<u64>, Doubt> {
    let watched = super::watched(witness)?;
    let builds = builds::<Build>(witness)?;
    let mut green = builds
        .iter()
        .filter(|build| build.green() && watched.is_recipe(build.parameter("RECIPE")));
    Ok(green.next().map(|build| build.number))
}
