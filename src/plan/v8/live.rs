//! V8.3, V8.4 and V8.6: what the live run opened, that it touched no test, and that it did one recipe after another.

use super::{due, elsewhere, expected, live, live_acts, set, told, unless_upstream_moved};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::swarm;
use crate::plan::expect::{Expectations, UpgradingAll};
use crate::plan::gate::{asked, cut, same_account, somebody_else_typed};
use crate::plan::opened::{
    builds, closed_by, history, is_upgraded, opened, opened_in_harness, opened_pull, pulls,
    unless_one_was_open,
};
use crate::plan::run::new_by;
use crate::plan::sight::{Activity, Build, Named, Pull};
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};
use std::collections::{BTreeMap, BTreeSet};

const MEND_RUN: &str = "Look at what the command does with each candidate";

pub fn one_for_each(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    let ran = live(witness, &expect, &all)?;
    let due = due(witness, &expect, &all)?;
    let acts = live_acts(witness, &expect)?;
    let beyond = acts
        .iter()
        .find(|act| elsewhere(act, &expect, &all).is_some());
    if let Some(act) = beyond {
        return certainly_broken(
            format!(
                "the live run opened pull request {} in `{}`, which is not of the set",
                act.number().unwrap_or_default(),
                cut(act.repository())
            ),
            "Look at whether the command keeps to the recipes that it is given",
        );
    }
    let mut seen = Vec::new();
    for recipe in &all.recipes {
        let (name, of) = (set(recipe), expect.of(recipe));
        let is_due = due.get(recipe).is_some_and(|steps| !steps.is_empty());
        let pulls = opened(witness, &name, "mirror", &of)?;
        let numbers: Vec<String> = pulls.iter().map(|pull| pull.number.to_string()).collect();
        let numbers = numbers.join(", ");
        match (&pulls[..], is_due) {
            ([], false) => {}
            ([], true) => {
                let wrong = broken(
                    format!(
                        "no pull request was opened for `{recipe}` ({})",
                        ran.ending()
                    ),
                    MEND_RUN,
                );
                let wrong = unless_one_was_open(witness, &name, &of, wrong);
                let after = format!("{name}.after.upstream");
                return unless_upstream_moved(witness, recipe, &after, &expect, wrong);
            }
            ([_], true) => match one(witness, recipe, &expect)? {
                Ruling::Holds(told) => seen.push(told),
                broken => return Ok(broken),
            },
            (_, true) => {
                return certainly_broken(
                    format!("several pull requests were opened for `{recipe}`: {numbers}"),
                    MEND_RUN,
                );
            }
            (_, false) => {
                let wrong = certainly_broken(
                    format!(
                        "nothing of `{recipe}` is to be upgraded, and pull request {numbers} was opened"
                    ),
                    MEND_RUN,
                );
                let after = format!("{name}.after.upstream");
                return unless_upstream_moved(witness, recipe, &after, &expect, wrong);
            }
        }
    }
    holds(seen.join("; "))
}

/// The one pull request of a candidate: opened by the live run, still there, and the upgrade.
fn one(witness: &Witness<'_>, recipe: &str, expect: &Expectations) -> Result<Ruling, Doubt> {
    let (name, of) = (set(recipe), expect.of(recipe));
    let pull = opened_pull(witness, &name, &of, "V8.3")?;
    let number = pull.number;
    let before = pulls(witness, &format!("{name}.before.mirror.pulls"), &of.mirror)?;
    let dry = pulls(witness, &format!("dry.{recipe}.pulls"), &of.mirror)?;
    if new_by(&before, dry, &of.flow)
        .iter()
        .any(|known| known.number == number)
    {
        return certainly_broken(
            format!("pull request {number} of `{recipe}` was opened by the dry run"),
            "A dry run opens nothing: look at what it calls",
        );
    }
    if pull.base.branch != "main" || !same_account(&pull.head.repo.full_name, &of.mirror) {
        return broken(
            format!(
                "pull request {number} of `{recipe}` leads from `{}` to `{}`",
                cut(&pull.head.repo.full_name),
                cut(&pull.base.branch)
            ),
            MEND_RUN,
        );
    }
    if !pull.is_open() && !pull.merged {
        let history = history(witness, &format!("{name}.history"), number, &of)?;
        return match closed_by(&history) {
            Some(who) if same_account(who, &of.flow) => broken(
                format!("the flow opened pull request {number} of `{recipe}` and closed it again"),
                MEND_RUN,
            ),
            who => unseen(format!(
                "pull request {number} of `{recipe}` was opened, and `{}` closed it; verify again",
                cut(who.unwrap_or("somebody"))
            )),
        };
    }
    Ok(match is_upgraded(witness, &name, &of, "V8.3")? {
        Ruling::Holds(told) => {
            Ruling::Holds(format!("pull request {number} of `{recipe}`: {told}"))
        }
        broken => broken,
    })
}

pub fn no_tests_touched(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let mend = "Look at what is passed on to each upgrade: `--with-tests` never is";
    let (expect, all) = expected(witness)?;
    live(witness, &expect, &all)?;
    let harness = &expect.upgrading.harness;
    for recipe in &all.recipes {
        if let Some(pull) = opened_in_harness(witness, &set(recipe), &expect.of(recipe))?.first() {
            return certainly_broken(
                format!(
                    "the flow opened pull request {} in `{harness}`",
                    pull.number
                ),
                mend,
            );
        }
    }
    let acts = live_acts(witness, &expect)?;
    let touches = |act: &&Activity| {
        same_account(act.repository(), harness) && (act.branch().is_some() || is_of_pulls(act))
    };
    if let Some(act) = acts.iter().find(touches) {
        return certainly_broken(
            format!(
                "the flow left a `{}` in `{harness}`: `{}`",
                cut(&act.op),
                cut(act.branch().unwrap_or_default())
            ),
            mend,
        );
    }
    // Where no test is stale, `--with-tests` changes nothing.
    if told::stale(witness, &expect, &all)?.is_empty() {
        return unseen(
            "no test of the set's recipes has gone stale, so that `--with-tests` would have shown in nothing; mend the sandbox",
        );
    }
    holds(format!(
        "nothing by the flow in `{harness}`, although a test is stale"
    ))
}

fn is_of_pulls(act: &Activity) -> bool {
    act.op.contains("pull_request")
}

/// A pull request of the run, with its builds since the dry run.
struct Upgraded {
    recipe: String,
    pull: Pull,
    builds: Vec<Build>,
}

pub fn one_after_another(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    live(witness, &expect, &all)?;
    let is_later = since_the_dry_run(witness)?;
    let mut upgraded = Vec::new();
    for recipe in &all.recipes {
        let (name, of) = (set(recipe), expect.of(recipe));
        for pull in opened(witness, &name, "mirror", &of)? {
            let mut builds = builds(witness, &name, &pull, &of)?;
            builds.retain(&is_later);
            if !builds.is_empty() {
                upgraded.push(Upgraded {
                    recipe: recipe.clone(),
                    pull,
                    builds,
                });
            }
        }
    }
    let acts = live_acts(witness, &expect)?;
    if let Some(wrong) = interleaved(&acts, &expect, &all) {
        return certainly_broken(wrong, MEND_TURN);
    }
    if let Some(wrong) = at_once(&upgraded) {
        return not_by_others(
            witness,
            &expect,
            &upgraded,
            certainly_broken(wrong, MEND_TURN),
        );
    }
    let recipes: BTreeSet<&str> = upgraded.iter().map(|of| of.recipe.as_str()).collect();
    if recipes.len() < 2 {
        return unseen(format!(
            "{} of the set's recipes were tested, so that there was no after and no between",
            recipes.len()
        ));
    }
    deployed_in_turn(witness, &expect, &all, &upgraded)
}

const MEND_TURN: &str = "The next recipe begins once the one before has its result and is torn down: the swarm is shared";

/// Tells the builds since the live run began from those before: the dry run's, and whatever else was known by then.
fn since_the_dry_run(witness: &Witness<'_>) -> Result<impl Fn(&Build) -> bool, Doubt> {
    let after: u64 = witness.see("before.builds")?;
    asked(witness, "dry.builds", &Question::Builds { after })?;
    let builds: Option<Vec<Build>> = witness.see("dry.builds")?;
    let builds = builds.unwrap_or_default().into_iter();
    let known: BTreeSet<u64> = builds.map(|build| build.number).collect();
    Ok(move |build: &Build| build.number > after && !known.contains(&build.number))
}

/// What the flow opened and had tested, in the forge's own order: who comes back to a recipe after another has begun does not do them in
/// turn. Other comments may come later, and pushes are noted late.
fn interleaved(acts: &[Activity], expect: &Expectations, all: &UpgradingAll) -> Option<String> {
    let is_test = |act: &Activity| {
        act.op == "comment_pull" && expect.triggers().any(|trigger| act.text() == trigger)
    };
    let mut acts: Vec<&Activity> = acts
        .iter()
        .filter(|act| act.op == "create_pull_request" || is_test(act))
        .collect();
    acts.sort_by_key(|act| act.id);
    let mut over: Vec<&str> = Vec::new();
    let mut now: Option<&str> = None;
    for act in acts {
        let mut recipes = all.recipes.iter();
        let recipe =
            recipes.find(|recipe| same_account(act.repository(), &expect.of(recipe).mirror));
        let Some(recipe) = recipe else { continue };
        if now == Some(recipe) {
            continue;
        }
        if over.contains(&recipe.as_str()) {
            return Some(format!(
                "the flow came back to `{recipe}` (`{}`) after it had begun with `{}`",
                cut(&act.op),
                now.unwrap_or_default()
            ));
        }
        over.extend(now);
        now = Some(recipe);
    }
    None
}

/// Two recipes that were being tested at the same time: the later build was asked for before the earlier one had ended. In Drone's whole
/// seconds, so that the same second is no proof.
fn at_once(upgraded: &[Upgraded]) -> Option<String> {
    let mut all: Vec<(&str, &Build)> = upgraded
        .iter()
        .flat_map(|of| of.builds.iter().map(|build| (of.recipe.as_str(), build)))
        .collect();
    all.sort_by_key(|(_, build)| build.number);
    let pairs = all.iter().zip(all.iter().skip(1));
    pairs
        .filter(|((one, _), (next, _))| one != next)
        .find(|((_, before), (_, next))| !before.ended() || next.created < before.finished)
        .map(|((one, before), (next, build))| {
            format!(
                "build {} of `{next}` was asked for before build {} of `{one}` had ended",
                build.number, before.number
            )
        })
}

/// What is wrong is in doubt where somebody else had one of these recipes tested meanwhile.
fn not_by_others(
    witness: &Witness<'_>,
    expect: &Expectations,
    upgraded: &[Upgraded],
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    let is_later = since_the_dry_run(witness)?;
    let all = expect.set().map(|all| &all.recipes[..]).unwrap_or_default();
    for Upgraded { recipe, pull, .. } in upgraded {
        let label = format!("{}.builds", set(recipe));
        let builds: Option<Vec<Build>> = witness.see(&label)?;
        let is_theirs = |build: &&Build| {
            let mut ours = upgraded.iter().flat_map(|of| &of.builds);
            is_later(build)
                && all.iter().any(|recipe| recipe == build.parameter("RECIPE"))
                && ours.all(|ours| ours.number != build.number)
        };
        if let Some(build) = builds.iter().flatten().find(is_theirs) {
            return unseen(format!(
                "build {} of `{}` is of somebody else's pull request; verify again",
                build.number,
                cut(build.parameter("RECIPE"))
            ));
        }
        let of = expect.of(recipe);
        let label = format!("{}.talk", set(recipe));
        if witness.fact(&label).is_err() {
            // Of several of one recipe nothing more was looked at.
            continue;
        }
        let parties = [of.flow.as_str()];
        if let Some(who) = somebody_else_typed(witness, &label, pull, &parties, &of)? {
            return unseen(who);
        }
    }
    ruling
}

/// That nothing of one recipe still stood when the next was deployed, by the swarm's own events.
fn deployed_in_turn(
    witness: &Witness<'_>,
    expect: &Expectations,
    all: &UpgradingAll,
    upgraded: &[Upgraded],
) -> Result<Ruling, Doubt> {
    if all.stacks.is_empty() {
        return blocked("not attempted: how to ask the box is not configured (`host`)");
    }
    let stood: Vec<Named> = witness.see("live.stacks")?;
    if let Some(stack) = stood
        .iter()
        .find(|stack| recipe_of(&stack.name, all).is_some())
    {
        return unseen(format!(
            "`{}` stood before the run began; tear it down and verify again",
            cut(&stack.name)
        ));
    }
    asked(witness, "live.deploys", &Question::Deploys)?;
    let watched: swarm::Watched = witness.see("live.deploys")?;
    // By stack: the recipe, and how many of its services stand.
    let mut standing: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    let mut turns: Vec<&str> = Vec::new();
    for event in &watched.events {
        let Some((stack, _)) = event.name.rsplit_once('_') else {
            continue;
        };
        let Some(recipe) = recipe_of(stack, all) else {
            continue;
        };
        match event.action.as_str() {
            "create" => {
                let mut others = standing.iter();
                if let Some((other, _)) = others.find(|(_, (of, _))| *of != recipe) {
                    let wrong = certainly_broken(
                        format!(
                            "`{}` was deployed while `{}` still stood",
                            cut(stack),
                            cut(other)
                        ),
                        MEND_TURN,
                    );
                    return not_by_others(witness, expect, upgraded, wrong);
                }
                if turns.last() != Some(&recipe) {
                    turns.push(recipe);
                }
                standing.entry(stack).or_insert((recipe, 0)).1 += 1;
            }
            "remove" => {
                if let Some((_, services)) = standing.get_mut(stack) {
                    *services = services.saturating_sub(1);
                    if *services == 0 {
                        standing.remove(stack);
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(gap) = watched.gaps.first() {
        return unseen(format!(
            "nobody saw what was deployed from {} to {}: {}",
            gap.from.strftime("%H:%M:%S"),
            gap.until.strftime("%H:%M:%S"),
            cut(&gap.why)
        ));
    }
    if let Some(of) = upgraded
        .iter()
        .find(|of| !turns.contains(&of.recipe.as_str()))
    {
        return unseen(format!(
            "no deploy of `{}` was seen, so that the swarm does not show how it was tested",
            of.recipe
        ));
    }
    holds(format!(
        "{}, each torn down before the next was deployed",
        turns.join(", then ")
    ))
}

/// The recipe that a stack is of: the one whose name says most, where one name begins like another.
fn recipe_of<'a>(stack: &str, all: &'a UpgradingAll) -> Option<&'a str> {
    let begins = all
        .stacks
        .iter()
        .filter(|(_, prefix)| stack.starts_with(prefix.as_str()));
    begins
        .max_by_key(|(_, prefix)| prefix.len())
        .map(|(recipe, _)| recipe.as_str())
}
