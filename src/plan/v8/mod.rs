//! V8: `/upgrade-all` over the sandbox recipes, in default mode: a dry run that leaves nothing, then a real one.

mod dry;
mod live;
mod play;
mod summary;
mod told;

use super::expect::{Expectations, UpgradingAll};
use super::gate::{asked, cut, expectations, same_account};
use super::opened::{compose_before, main};
use super::sight::{Activity, Branch, Tags};
use super::upgrade::newest;
use super::{ClauseSpec, Item, Ruling, blocked, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use futures_util::FutureExt;
use std::collections::BTreeMap;
use summary::{Candidate, candidates};

pub const ITEM: Item = Item {
    id: "V8",
    title: "`/upgrade-all` in default mode",
    does: "opens a pull request of its own in each recipe of the set, runs `/upgrade-all` over the set, dry and then for real, and closes what that opened",
    // It is `/recipe-upgrade`, again and again: where that does not hold, this would tell the same once more. What a stale test is, it
    // finds out by itself.
    needs: &["V3"],
    lacks: |expect| expect.set().err(),
    clauses: &[
        ClauseSpec {
            id: "V8.1",
            says: "`--dry-run` lists exactly the candidates, by the registry and the version policy",
            judge: dry::lists_the_candidates,
        },
        ClauseSpec {
            id: "V8.2",
            says: "It leaves no trace: no branch, pull request, comment, status or build",
            judge: dry::leaves_no_trace,
        },
        ClauseSpec {
            id: "V8.3",
            says: "The live run opens one pull request for each candidate",
            judge: live::one_for_each,
        },
        ClauseSpec {
            id: "V8.4",
            says: "Never `--with-tests`: no cc-ci branch or pull request",
            judge: live::no_tests_touched,
        },
        ClauseSpec {
            id: "V8.5",
            says: "\"Tests look stale\" is a section of its own and lists exactly those pull requests",
            judge: told::stale_section,
        },
        ClauseSpec {
            id: "V8.6",
            says: "Recipes run one after another, torn down in between",
            judge: live::one_after_another,
        },
        ClauseSpec {
            id: "V8.7",
            says: "The summary leads with the list of pull requests, and that list is complete and correct",
            judge: told::leads_with_the_list,
        },
    ],
    scenario: |bench| play::scenario(bench).boxed(),
};

const DRY: &str = "dry";
const DRY_RUN: &str = "--dry-run";
const LIVE: &str = "live";
/// The recipe whose test goes stale, by its key in the sandbox.
const STALE: &str = "stale";

/// What a recipe's looks before and after are called.
fn set(recipe: &str) -> String {
    format!("set.{recipe}")
}

/// What Gavel's own pull request in a recipe's mirror is called: something to leave a trace on. That of the stale recipe is tested, too.
fn own(recipe: &str, expect: &Expectations) -> String {
    match expect.upgrading.recipes.get(STALE) {
        Some(stale) if stale == recipe => "baseline".into(),
        _ => format!("own.{recipe}"),
    }
}

/// The newest act of those that are known, to go on from.
fn newest_act(before: u64, acts: &[Activity]) -> u64 {
    acts.iter().map(|act| act.id).max().unwrap_or(0).max(before)
}

/// The look at a pull request that was opened neither in a mirror of the set nor in the harness.
fn elsewhere(
    act: &Activity,
    expect: &Expectations,
    all: &UpgradingAll,
) -> Option<(String, Question)> {
    let number = act.number().filter(|_| act.op == "create_pull_request")?;
    let repository = act.repository();
    let label = format!("live.elsewhere.{repository}.{number}");
    let repository = repository.to_owned();
    let question = Question::Pull { repository, number };
    (!is_of_the_set(act, expect, all)).then_some((label, question))
}

fn is_of_the_set(act: &Activity, expect: &Expectations, all: &UpgradingAll) -> bool {
    let mut mirrors = all.recipes.iter().map(|recipe| expect.of(recipe).mirror);
    same_account(act.repository(), &expect.upgrading.harness)
        || mirrors.any(|mirror| same_account(act.repository(), &mirror))
}

/// Whether the command keeps to the set, as far as its dry run shows: only then may it run for real. Otherwise why not.
fn restricted(
    dry: &Ran,
    acts: &[Activity],
    expect: &Expectations,
    all: &UpgradingAll,
) -> Result<(), String> {
    if dry.end != End::Exited(0) {
        return Err(format!("the dry run did not end well: {}", dry.ending()));
    }
    let listed = candidates(dry, &all.candidate)?;
    if listed.is_empty() {
        return Err(format!(
            "the dry run lists nothing, so that it is not known whether `{}` restricts the command",
            all.scope
        ));
    }
    if let Some(outside) = listed.iter().find(|it| !all.recipes.contains(&it.recipe)) {
        return Err(format!(
            "`{}` does not restrict the command to the set: the dry run lists `{}`",
            all.scope,
            cut(&outside.recipe)
        ));
    }
    match acts.iter().find(|act| !is_of_the_set(act, expect, all)) {
        Some(act) => Err(format!(
            "`{}` does not restrict the command to the set: the dry run left a `{}` in `{}`",
            all.scope,
            cut(&act.op),
            cut(act.repository())
        )),
        None => Ok(()),
    }
}

// What the judges share.

/// What is expected; BLOCKED where it is not configured.
fn expected(witness: &Witness<'_>) -> Result<(Expectations, UpgradingAll), Doubt> {
    let expect = expectations(witness)?;
    match expect.set().cloned() {
        Ok(all) => Ok((expect, all)),
        Err(why) => blocked(format!("not attempted: {why}")),
    }
}

/// How a run of the command over the set went; BLOCKED where it could not be started at all.
fn ran(witness: &Witness<'_>, name: &str, all: &UpgradingAll) -> Result<Ran, Doubt> {
    let Question::Run {
        command,
        environment,
    } = &witness.fact(name)?.question
    else {
        return unseen(format!("`{name}` is no run of a command"));
    };
    let is_dry = command.iter().any(|word| word == DRY_RUN);
    if is_dry != (name == DRY) || !environment.contains(&all.scoped()) {
        return unseen(format!("`{name}` is another run"));
    }
    let ran: Ran = witness.see(name)?;
    if let End::NotStarted(why) = &ran.end {
        return blocked(format!(
            "`/upgrade-all` could not be started: {why}. Mend `flow.upgrade_all.command`"
        ));
    }
    if ran.stdout_cut {
        return unseen(format!("`{name}`: too much output to be kept"));
    }
    Ok(ran)
}

/// What the flow's account did during the dry run, as the forge remembers it, and the newest act before that.
fn dry_acts(witness: &Witness<'_>, expect: &Expectations) -> Result<(u64, Vec<Activity>), Doubt> {
    let account = expect.flow.clone();
    asked(witness, "before.acts", &Question::LatestAct { account })?;
    let after: u64 = witness.see("before.acts")?;
    let account = expect.flow.clone();
    asked(witness, "dry.acts", &Question::Activity { account, after })?;
    let acts: Option<Vec<Activity>> = witness.see("dry.acts")?;
    Ok((after, acts.unwrap_or_default()))
}

/// The live run; BLOCKED where it was not made, since the command does not keep to the set.
fn live(witness: &Witness<'_>, expect: &Expectations, all: &UpgradingAll) -> Result<Ran, Doubt> {
    let dry = ran(witness, DRY, all)?;
    let (_, acts) = dry_acts(witness, expect)?;
    if let Err(why) = restricted(&dry, &acts, expect, all) {
        return blocked(format!("the live run was not made: {why}"));
    }
    ran(witness, LIVE, all)
}

/// What the flow's account did during the live run. In doubt where the forge shows nothing of it: each run opens something.
fn live_acts(witness: &Witness<'_>, expect: &Expectations) -> Result<Vec<Activity>, Doubt> {
    let (before, dry) = dry_acts(witness, expect)?;
    let question = Question::Activity {
        account: expect.flow.clone(),
        after: newest_act(before, &dry),
    };
    asked(witness, "live.acts", &question)?;
    let acts: Option<Vec<Activity>> = witness.see("live.acts")?;
    match acts.filter(|acts| !acts.is_empty()) {
        Some(acts) => Ok(acts),
        None => unseen(format!(
            "the forge shows nothing that `{}` did during the live run: make that account's activity visible",
            cut(&expect.flow)
        )),
    }
}

/// From which tag to which every recipe of the set can be upgraded, by the registry; the app's image first. Empty for those that cannot.
type Due = BTreeMap<String, Vec<(String, String)>>;

fn due(witness: &Witness<'_>, expect: &Expectations, all: &UpgradingAll) -> Result<Due, Doubt> {
    let mut due = Due::new();
    for recipe in &all.recipes {
        let (name, of) = (set(recipe), expect.of(recipe));
        let compose = compose_before(witness, &name, &of)?;
        let app = compose.app();
        let mut steps = Vec::new();
        for (service, known) in &compose.services {
            let label = format!("{name}.tags.{service}");
            let image = known.image.clone();
            asked(witness, &label, &Question::Tags { image })?;
            let tags: Tags = witness.see(&label)?;
            if let Some(newest) = newest(&known.tag, &tags.tags).filter(|tag| *tag != known.tag) {
                let at = if app == Some(known) { 0 } else { steps.len() };
                steps.insert(at, (known.tag.clone(), newest.to_owned()));
            }
        }
        due.insert(recipe.clone(), steps);
    }
    if due.values().all(Vec::is_empty) {
        return unseen(
            "no recipe of the set has a newer tag in the registry, so there is nothing to upgrade; mend the sandbox",
        );
    }
    Ok(due)
}

/// What is wrong about a recipe is in doubt where its upstream moved meanwhile.
fn unless_upstream_moved(
    witness: &Witness<'_>,
    recipe: &str,
    after: &str,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    if !matches!(ruling, Ok(Ruling::Broken { .. })) {
        return ruling;
    }
    let upstream = expect.of(recipe).upstream();
    let before = format!("{}.before.upstream", set(recipe));
    let sha = |branch: Option<Branch>| branch.map(|branch| branch.commit.sha);
    if sha(main(witness, &before, &upstream)?) == sha(main(witness, after, &upstream)?) {
        return ruling;
    }
    unseen(format!(
        "upstream's `main` of `{recipe}` moved meanwhile; verify again"
    ))
}

fn describe(candidate: &Candidate) -> String {
    let Candidate { recipe, from, to } = candidate;
    format!("`{}` from `{}` to `{}`", cut(recipe), cut(from), cut(to))
}
