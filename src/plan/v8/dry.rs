//! V8.1 and V8.2: what the dry run says, and that it leaves nothing.

use super::summary::candidates;
use super::{DRY, Due, describe, dry_acts, due, expected, own, ran, set, unless_upstream_moved};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::End;
use crate::plan::expect::{Expectations, UpgradingAll};
use crate::plan::gate::{asked, cut, is_the_gates, same_account, statuses};
use crate::plan::harness::moved;
use crate::plan::opened::{branches, pulls};
use crate::plan::run::new_by;
use crate::plan::sight::{Build, Comment, Pull};
use crate::plan::{Ruling, broken, certainly_broken, holds, unseen};
use std::collections::BTreeSet;

pub fn lists_the_candidates(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    let ran = ran(witness, DRY, &all)?;
    let due = due(witness, &expect, &all)?;
    if ran.end != End::Exited(0) {
        return broken(ran.ending(), MEND_SURVEY);
    }
    let listed = match candidates(&ran, &all.candidate) {
        Ok(listed) => listed,
        Err(why) => return unseen(why),
    };
    let mut seen = BTreeSet::new();
    for candidate in &listed {
        let said = describe(candidate);
        let wrong = match due.get(&candidate.recipe) {
            None => {
                return broken(
                    format!("it lists {said}, which is not of the set"),
                    MEND_SCOPE,
                );
            }
            Some(_) if !seen.insert(candidate.recipe.as_str()) => {
                format!("it lists `{}` twice", candidate.recipe)
            }
            Some(steps) => match &steps[..] {
                [] => format!("it lists {said}, for which the registry has nothing newer"),
                steps if steps.contains(&(candidate.from.clone(), candidate.to.clone())) => {
                    continue;
                }
                [(from, to), ..] => {
                    format!("it lists {said}, but the upgrade is from `{from}` to `{to}`")
                }
            },
        };
        return in_doubt(
            witness,
            &candidate.recipe,
            &expect,
            broken(wrong, MEND_SURVEY),
        );
    }
    if let Some(missing) = missing(&due, &seen) {
        let wrong = format!(
            "it does not list `{missing}`, for which the registry has something newer ({} candidates listed)",
            listed.len()
        );
        return in_doubt(witness, missing, &expect, broken(wrong, MEND_SURVEY));
    }
    let all: Vec<String> = listed.iter().map(describe).collect();
    holds(format!("{}; and nothing else", all.join(", ")))
}

const MEND_SURVEY: &str =
    "Look at how the skill finds the candidates, and at how it prints them in a dry run";
const MEND_SCOPE: &str = "Look at whether the command keeps to the recipes that it is given";

fn missing<'a>(due: &'a Due, seen: &BTreeSet<&str>) -> Option<&'a str> {
    let mut due = due.iter().filter(|(_, steps)| !steps.is_empty());
    due.find(|(recipe, _)| !seen.contains(recipe.as_str()))
        .map(|(recipe, _)| recipe.as_str())
}

fn in_doubt(
    witness: &Witness<'_>,
    recipe: &str,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    let after = format!("dry.{recipe}.upstream");
    unless_upstream_moved(witness, recipe, &after, expect, ruling)
}

const MEND_TRACE: &str = "A dry run reads, and does nothing else: look at what it calls";

pub fn leaves_no_trace(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    ran(witness, DRY, &all)?;
    let (before, acts) = dry_acts(witness, &expect)?;
    if before == 0 && acts.is_empty() {
        return unseen(format!(
            "the forge has never shown anything that `{}` did: make that account's activity visible",
            cut(&expect.flow)
        ));
    }
    // What the gate writes meanwhile on a pull request is told below, by what it wrote.
    let is_shared = same_account(&expect.flow, &expect.gate);
    let mut acts_of_its_own = acts
        .iter()
        .filter(|act| !is_shared || act.op != "comment_pull");
    if let Some(act) = acts_of_its_own.next() {
        return certainly_broken(
            format!(
                "during the dry run `{}` left {} acts, the first a `{}` in `{}`",
                cut(&expect.flow),
                acts.len(),
                cut(&act.op),
                cut(act.repository())
            ),
            MEND_TRACE,
        );
    }
    let mut looked_at = 0;
    let harness = &expect.upgrading.harness;
    let first = all.recipes.first().map(|recipe| set(recipe));
    let first = first.unwrap_or_default();
    let mut places: Vec<_> = all
        .recipes
        .iter()
        .map(|recipe| {
            let before = format!("{}.before.mirror", set(recipe));
            (recipe.as_str(), before, expect.of(recipe).mirror)
        })
        .collect();
    places.push((
        "harness",
        format!("{first}.before.harness"),
        harness.clone(),
    ));
    for (place, before, repository) in &places {
        let known = pulls(witness, &format!("{before}.pulls"), repository)?;
        let now = pulls(witness, &format!("dry.{place}.pulls"), repository)?;
        if let Some(new) = new_by(&known, now, &expect.flow).first() {
            return certainly_broken(
                format!(
                    "the dry run opened pull request {} of `{repository}`",
                    new.number
                ),
                MEND_TRACE,
            );
        }
        for pull in known.iter().filter(|pull| pull.is_open()) {
            looked_at += 1;
            let new = new_comments(witness, &expect, place, repository, pull.number)?;
            if let Some(comment) = new
                .iter()
                .find(|comment| same_account(&comment.user.login, &expect.flow))
            {
                return certainly_broken(
                    format!(
                        "the dry run wrote on pull request {} of `{repository}`: `{}`",
                        pull.number,
                        cut(&comment.body)
                    ),
                    MEND_TRACE,
                );
            }
        }
    }
    for recipe in &all.recipes {
        let of = expect.of(recipe);
        let ours: Pull = witness.see(&own(recipe, &expect))?;
        let statuses = statuses(witness, &format!("dry.{recipe}.statuses"), &ours, &of)?;
        let by_flow = |status: &&crate::plan::sight::Status| {
            same_account(&status.creator.login, &expect.flow)
                && !same_account(&status.creator.login, &expect.gate)
        };
        if let Some(status) = statuses.iter().find(by_flow) {
            return certainly_broken(
                format!(
                    "the dry run wrote the status `{}: {}` on the head of pull request {} of `{}`",
                    cut(&status.context),
                    cut(&status.status),
                    ours.number,
                    of.mirror
                ),
                MEND_TRACE,
            );
        }
        let label = format!("{}.before.mirror.branches", set(recipe));
        let known = branches(witness, &label, &of.mirror)?;
        let now = branches(witness, &format!("dry.{recipe}.branches"), &of.mirror)?;
        if let Some(branch) = moved(&known, &now).first() {
            return unseen(format!(
                "during the dry run the branch `{}` of `{}` was made, moved or deleted, and the forge does not say by whom; verify again",
                cut(branch),
                of.mirror
            ));
        }
    }
    if let Some(ruling) = started(witness, &expect, &all)? {
        return ruling;
    }
    let quiet: u64 = witness.see("dry.quiet")?;
    if quiet < expect.quiet {
        return unseen(format!(
            "the quiet window was {quiet} ms, not {} ms",
            expect.quiet
        ));
    }
    holds(format!(
        "no act of `{}`, {:.1} s long; {} repositories and {looked_at} pull requests as they were; no build",
        expect.flow,
        quiet as f64 / 1000.0,
        places.len()
    ))
}

/// The comments that stand on a pull request after the dry run, and did not before it.
fn new_comments(
    witness: &Witness<'_>,
    expect: &Expectations,
    place: &str,
    repository: &str,
    number: u64,
) -> Result<Vec<Comment>, Doubt> {
    let before = talk(witness, "before", place, repository, number)?;
    let known: BTreeSet<u64> = before.iter().map(|comment| comment.id).collect();
    let mut now = talk(witness, DRY, place, repository, number)?;
    now.retain(|comment| !known.contains(&comment.id));
    now.retain(|comment| !is_the_gates(comment, expect));
    Ok(now)
}

/// What stood on a pull request then.
fn talk(
    witness: &Witness<'_>,
    when: &str,
    place: &str,
    repository: &str,
    number: u64,
) -> Result<Vec<Comment>, Doubt> {
    let label = format!("{when}.{place}.talk.{number}");
    let repository = repository.to_owned();
    asked(witness, &label, &Question::Comments { repository, number })?;
    Ok(witness.see::<Option<_>>(&label)?.unwrap_or_default())
}

/// Whether somebody else than the flow had asked for a test of a pull request before the dry run, and no build of it was there by then.
fn asked_before(
    witness: &Witness<'_>,
    recipe: &str,
    pull: &Pull,
    of: &Expectations,
) -> Result<bool, Doubt> {
    let number = pull.number;
    let asked_for = talk(witness, "before", recipe, &of.mirror, number)?;
    let asked_for = asked_for.iter().any(|comment| {
        let by_flow = same_account(&comment.user.login, &of.flow);
        !by_flow && of.triggers().any(|trigger| comment.body.trim() == trigger)
    });
    let label = format!("{}.builds", own(recipe, of));
    if !asked_for || !witness.has(&label) {
        return Ok(asked_for);
    }
    let builds: Option<Vec<Build>> = witness.see(&label)?;
    let mut builds = builds.unwrap_or_default().into_iter();
    Ok(!builds.any(|build| build.parameter("PR") == number.to_string()))
}

/// The builds of the set's recipes that were started during the dry run; those that somebody asked for by a comment are theirs.
fn started(
    witness: &Witness<'_>,
    expect: &Expectations,
    all: &UpgradingAll,
) -> Result<Option<Result<Ruling, Doubt>>, Doubt> {
    let after: u64 = witness.see("before.builds")?;
    asked(witness, "dry.builds", &Question::Builds { after })?;
    let builds: Option<Vec<Build>> = witness.see("dry.builds")?;
    for build in builds.unwrap_or_default() {
        let recipe = build.parameter("RECIPE");
        if !all.recipes.iter().any(|known| known == recipe) || build.restarted_by_another() {
            continue;
        }
        let of = expect.of(recipe);
        let label = format!("{}.before.mirror.pulls", set(recipe));
        let known = pulls(witness, &label, &of.mirror)?;
        let number = build.parameter("PR");
        let pull = known
            .iter()
            .find(|pull| pull.is_open() && pull.number.to_string() == number);
        let asked_for = match pull {
            Some(pull) => new_comments(witness, expect, recipe, &of.mirror, pull.number)?
                .iter()
                .any(|comment| of.triggers().any(|trigger| comment.body.trim() == trigger)),
            None => false,
        };
        if asked_for {
            continue;
        }
        let what = format!(
            "during the dry run build {} of `{recipe}` was started, for pull request {}",
            build.number,
            cut(number)
        );
        if let Some(pull) = pull
            && asked_before(witness, recipe, pull, &of)?
        {
            return unseen(format!(
                "{what}, which had been asked for before it, and was not answered by then: the gate is slower than `patience.reaction`"
            ));
        }
        // Nobody else has anything to do with Gavel's own.
        let is_ours = pull.is_some_and(|pull| same_account(&pull.user.login, &expect.gavel));
        return Ok(Some(match is_ours {
            true => certainly_broken(what, MEND_TRACE),
            false => unseen(format!("{what}, and it is not known by whom; verify again")),
        }));
    }
    Ok(None)
}
