//! What `verify-pr.sh` makes of two pull requests together: run by Gavel above, judged below with what the flow's own run left.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::{asked, cut};
use super::harness::unless_others_moved_main;
use super::opened::{compose_after, tests_run};
use super::sight::{Pull, Results};
use super::stale::{Case, case};
use super::v6::{RUN, expected, tests_pull, untouched};
use super::{Ruling, blocked, broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran, Told};
use crate::host::swarm::{Event, Watched};
use serde_json::Value;

/// Runs `verify-pr.sh` on a pull request of the recipe with the changed test, and looks at what that left.
pub async fn verify(bench: &Bench, name: &str, pull: &Pull, tests: &Pull) -> Result<(), Stop> {
    let Some(script) = &bench.config().flow.verify_pr else {
        return Ok(());
    };
    let arguments = arguments(&bench.expect, pull, tests);
    let watching = bench.watch_deploys(&format!("{name}.before")).await?;
    // From here on after a restart.
    super::drive::latest(bench, &format!("{name}.before")).await?;
    bench.flow(name, &script.command, &arguments, &[]).await?;
    match bench
        .see_deploys(&format!("{name}.deploys"), watching.as_ref())
        .await
    {
        Ok(()) | Err(Stop::Unseen(_)) => {}
        Err(stop) => return Err(stop),
    }
    see_verified(bench, name, pull, tests).await
}

fn arguments(expect: &Expectations, pull: &Pull, tests: &Pull) -> Vec<String> {
    vec![
        expect.recipe.clone(),
        pull.number.to_string(),
        tests.branch().to_owned(),
    ]
}

pub async fn see_verified(
    bench: &Bench,
    name: &str,
    pull: &Pull,
    tests: &Pull,
) -> Result<(), Stop> {
    let question = verified_question(pull, tests);
    bench
        .see::<Value>(&format!("{name}.verified"), question)
        .await
        .map(drop)
}

fn verified_question(pull: &Pull, tests: &Pull) -> Question {
    Question::Verified {
        recipe_head: pull.head.sha.clone(),
        tests_head: tests.head.sha.clone(),
    }
}
// The judge.

/// The results of a run of `verify-pr.sh` on two heads; `None` where there are none. In doubt where they do not say which tests were run.
fn verified(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    tests: &Pull,
) -> Result<Option<Results>, Doubt> {
    let label = format!("{name}.verified");
    asked(witness, &label, &verified_question(pull, tests))?;
    let value: Value = witness.see(&label)?;
    if value.is_null() {
        return Ok(None);
    }
    let results: Results = serde_json::from_value(value)
        .or_else(|_| unseen(format!("`{label}`: what is there is no results.json")))?;
    if results.tests.is_empty() {
        return unseen(format!(
            "`{label}`: the results do not say which commit's tests were run (`tests`)"
        ));
    }
    Ok(Some(results))
}

/// What results are of, where it is not these two heads.
fn misdirected(
    results: &Results,
    pull: &Pull,
    tests: &Pull,
    expect: &Expectations,
) -> Option<String> {
    if results.recipe != expect.recipe || results.commit != pull.head.sha {
        return Some(format!(
            "they are of `{}` at `{}`",
            cut(&results.recipe),
            cut(&results.commit)
        ));
    }
    if results.pr.is_some_and(|pr| pr != pull.number) {
        return Some(format!("they are not of pull request {}", pull.number));
    }
    (results.tests != tests.head.sha)
        .then(|| format!("they are of the tests at `{}`", cut(&results.tests)))
}

/// Why results do not show that the upgrade passes the changed test and all others; `None` where they do.
fn not_green(
    results: Option<&Results>,
    case: &Case,
    tests: &Pull,
    expect: &Expectations,
) -> Option<String> {
    let Some(results) = results else {
        return Some("there are no results of these two heads".into());
    };
    if let Some(other) = misdirected(results, &case.pull, tests, expect) {
        return Some(other);
    }
    let failures = results.failures();
    if !failures.is_empty() {
        return Some(format!("failed: {}", cut(&failures.join(", "))));
    }
    let (wanted, run) = (tests_run(&case.first), tests_run(results));
    let missing: Vec<_> = wanted.difference(&run).map(|name| cut(name)).collect();
    (!missing.is_empty()).then(|| format!("not run: {}", missing.join(", ")))
}

/// How Gavel's own run of `verify-pr.sh` went; BLOCKED where it could not be started.
fn own_run(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    tests: &Pull,
    expect: &Expectations,
) -> Result<Ran, Doubt> {
    let Question::Run { command, .. } = &witness.fact(name)?.question else {
        return unseen(format!("`{name}` is no run of a command"));
    };
    if !command.ends_with(&arguments(expect, pull, tests)) {
        return unseen(format!("`{name}` is a run about something else"));
    }
    let ran: Ran = witness.see(name)?;
    match &ran.end {
        End::NotStarted(why) => blocked(format!(
            "`verify-pr.sh` could not be started: {why}. Mend `flow.verify_pr.command`"
        )),
        _ => Ok(ran),
    }
}

/// The clause "the upgrade was verified with the change applied".
pub fn verified_together(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let case = case(witness, RUN, &expect)?;
    let tests = tests_pull(witness, &expect)?;
    let doubt = |ruling| {
        let ruling = untouched(witness, &expect, &tests, ruling);
        unless_others_moved_main(witness, RUN, &expect, ruling)
    };
    let of_the_flow = verified(witness, RUN, &case.pull, &tests)?;
    if let Some(why) = not_green(of_the_flow.as_ref(), &case, &tests, &expect) {
        return doubt(broken(
            format!("the flow's own run of `verify-pr.sh` does not show it: {why}"),
            "Look at whether the skill runs `verify-pr.sh` at the end, and at what that tests and writes",
        ));
    }
    let ran = own_run(witness, "again", &case.pull, &tests, &expect)?;
    let said = ran.verify_said();
    let mend = "Run `verify-pr.sh` by hand on both pull requests";
    if said.verdict != Ok(Told::Green) || ran.end != End::Exited(0) {
        let verdict = match said.verdict {
            Ok(told) => format!("`VERDICT={}`", told.word()),
            Err(why) => why,
        };
        return doubt(broken(
            format!("run by Gavel it is not green: {verdict} ({})", ran.ending()),
            mend,
        ));
    }
    if !said.is_about(&case.pull.head.sha, &tests.head.sha) {
        return doubt(broken(
            "run by Gavel it says that it tested other heads",
            mend,
        ));
    }
    if let Some(wrong) = nothing_deployed(witness, "again", &expect)? {
        return broken(
            wrong,
            "Look at whether `verify-pr.sh` tests anything when it has tested the same before",
        );
    }
    let again = verified(witness, "again", &case.pull, &tests)?;
    if let Some(why) = not_green(again.as_ref(), &case, &tests, &expect) {
        return doubt(broken(
            format!("run by Gavel it says green, but {why}"),
            mend,
        ));
    }
    holds(format!(
        "both heads together passed {} stages and tests, in the flow's run and in Gavel's",
        tests_run(&case.first).len()
    ))
}

/// What is wrong where a run of `verify-pr.sh` deployed nothing of the recipe: then it tested nothing.
fn nothing_deployed(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Option<String>, Doubt> {
    let label = format!("{name}.deploys");
    asked(witness, &label, &Question::Deploys)?;
    let watched: Watched = witness.see(&label)?;
    let stacks = expect.upgrading.stacks.replace("{recipe}", &expect.recipe);
    let is_deploy = |event: &Event| event.action == "create" && event.name.starts_with(&stacks);
    if watched.events.iter().any(is_deploy) {
        return Ok(None);
    }
    match watched.gaps.first() {
        Some(gap) => unseen(format!(
            "whether `verify-pr.sh` deployed anything is not known: {}",
            cut(&gap.why)
        )),
        None => Ok(Some(format!(
            "run by Gavel it says green, and deployed no stack `{stacks}…`"
        ))),
    }
}

/// The clause "the changed test still has teeth".
pub fn has_teeth(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let case = case(witness, RUN, &expect)?;
    let tests = tests_pull(witness, &expect)?;
    let doubt = |ruling| untouched(witness, &expect, &tests, ruling);
    let Question::OpenPull {
        repository, from, ..
    } = &witness.fact("broken")?.question
    else {
        return unseen("`broken` is no pull request of Gavel's");
    };
    if *repository != expect.mirror || *from != expect.upgrading.broken_branch {
        return unseen("`broken` is a pull request from another branch");
    }
    let broken_pull: Pull = witness.see("broken")?;
    let ran = own_run(witness, "teeth", &broken_pull, &tests, &expect)?;
    let said = ran.verify_said();
    let results = verified(witness, "teeth", &broken_pull, &tests)?;
    let about = match &results {
        None => Err("there are no results of these two heads".to_owned()),
        Some(results) => match misdirected(results, &broken_pull, &tests, &expect) {
            Some(other) => Err(other),
            None if !said.is_about(&broken_pull.head.sha, &tests.head.sha) => {
                Err("it says that it tested other heads".to_owned())
            }
            None => Ok(results),
        },
    };
    let number = tests.number;
    match (said.verdict, about) {
        (Ok(Told::Green), about) => {
            let why = match about {
                Err(why) => format!(", and {why}"),
                Ok(results) => match bite(results, &expect) {
                    Bite::Red => ", although the changed test failed in it".to_owned(),
                    Bite::Passes => format!(": the test of pull request {number} passes there"),
                    Bite::Gone => format!(": with pull request {number} the test is gone"),
                    Bite::NotTried => String::new(),
                },
            };
            doubt(broken(
                format!("on the broken recipe `verify-pr.sh` says `VERDICT=GREEN`{why}"),
                "Update what is stale in the test, and keep what else it checks; look at where `verify-pr.sh` takes its verdict from",
            ))
        }
        (Ok(Told::Red), Ok(results)) => {
            is_new(witness, &case, &broken_pull, &expect)?;
            red(results, &expect, number, doubt)
        }
        (Ok(Told::Red), Err(why)) => unseen(format!(
            "control: on the broken recipe `verify-pr.sh` says `VERDICT=RED`, and {why}: why it is red is not known"
        )),
        (Ok(Told::Pending), _) => unseen("`verify-pr.sh` came to no verdict on the broken recipe"),
        (Err(why), _) => unseen(format!(
            "`verify-pr.sh` came to no verdict on the broken recipe: {why}"
        )),
    }
}

/// Control: what is broken there is not the version, by which alone the changed test would be red. In doubt where it may be.
fn is_new(
    witness: &Witness<'_>,
    case: &Case,
    pull: &Pull,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let found = match compose_after(witness, "broken", pull, expect)? {
        Ok(compose) => compose.app().map(|app| app.tag.clone()),
        Err(why) => return unseen(format!("control: the broken recipe: {why}")),
    };
    match found {
        Some(tag) if tag == case.new => Ok(()),
        found => unseen(format!(
            "control: the broken recipe is at `{}`, not at `{}`, so that the changed test may be red by that alone; bring the branch `{}` to that version",
            cut(&found.unwrap_or_default()),
            cut(&case.new),
            expect.upgrading.broken_branch
        )),
    }
}

/// What the changed test makes of the broken recipe.
enum Bite {
    Red,
    Passes,
    /// Other tests of its stage were run, and it was not.
    Gone,
    /// Nothing of its stage was run.
    NotTried,
}

fn bite(results: &Results, expect: &Expectations) -> Bite {
    let test = &expect.upgrading.stale_test;
    let stage = test.split_once('/').map_or("", |(stage, _)| stage);
    if results.failed().contains(test) {
        return Bite::Red;
    }
    if results.passed().contains(test) {
        return Bite::Passes;
    }
    let mut others = results.failed().into_iter().chain(results.passed());
    if others.any(|other| other.split_once('/').is_some_and(|(of, _)| of == stage)) {
        Bite::Gone
    } else {
        Bite::NotTried
    }
}

/// What a red run on the broken recipe proves: it has to be the changed test, and nothing else.
fn red(
    results: &Results,
    expect: &Expectations,
    number: u64,
    doubt: impl Fn(Result<Ruling, Doubt>) -> Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    let test = &expect.upgrading.stale_test;
    let failures = results.failures();
    let mend = "Update what is stale in the test, and keep what else it checks";
    match bite(results, expect) {
        Bite::Red if failures == [test.as_str()] => holds(format!(
            "the test of pull request {number} fails on the broken recipe, and nothing else does"
        )),
        Bite::Red => unseen(format!(
            "control: on the broken recipe more fails than `{test}`: {}; mend the branch `{}`",
            cut(&failures.join(", ")),
            expect.upgrading.broken_branch
        )),
        Bite::Passes => doubt(broken(
            format!(
                "the test of pull request {number} passes on the broken recipe; red is {}",
                cut(&failures.join(", "))
            ),
            mend,
        )),
        Bite::Gone => doubt(broken(
            format!("with pull request {number} the test `{test}` is gone"),
            mend,
        )),
        Bite::NotTried => unseen(format!(
            "control: on the broken recipe `{test}` was not tried: {} failed before; mend the branch `{}`",
            cut(&failures.join(", ")),
            expect.upgrading.broken_branch
        )),
    }
}
