//! V8a's judge of what reaches the agent: its arguments; and of what the orchestrator's eye makes of it.

use super::seen::{
    agent, called, expected, line, recipe, regex, right, screen, session, summary, when,
};
use super::{STALE, WITH_TESTS, last_built, listed, set};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use crate::host::processes::Process;
use crate::plan::expect::{Expectations, Launching};
use crate::plan::gate::{asked, cut};
use crate::plan::opened;
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};

const ARGUMENTS: &str = "Look at how the launcher passes arguments on";

pub fn arguments(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    right!(called(witness, "dry"));
    for label in ["dry.agent", "live.busy", "again.agent"] {
        let agent = session(witness, label)?;
        let mut processes = agent.iter().flat_map(|agent| &agent.processes);
        if let Some(process) = processes.find(|process| is_given(process)) {
            return certainly_broken(
                format!(
                    "{}, `{WITH_TESTS}` reached {}",
                    when(label),
                    line(Some(process))
                ),
                ARGUMENTS,
            );
        }
    }
    let shows = screen(witness, "live.screen")?.unwrap_or_default();
    if let Some(typed) = typed(&shows, &launching)? {
        return certainly_broken(
            format!(
                "{}, `{WITH_TESTS}` was typed to it: its screen shows `{}`",
                when("live.screen"),
                cut(typed)
            ),
            ARGUMENTS,
        );
    }
    if !right!(agent(witness, "live.busy")).is_busy() {
        return unseen("the run that was passed `--with-tests` was not seen at work");
    }
    let recipe = recipe(witness, "live", &launching)?;
    let expect: Expectations = witness.context("expectations")?;
    let opened = opened::opened_in_harness(witness, &set(&recipe), &expect.of(&recipe))?;
    if let Some(pull) = opened.first() {
        return certainly_broken(
            format!(
                "a run opened pull request #{} of {}, as only `{WITH_TESTS}` does",
                pull.number, expect.upgrading.harness
            ),
            ARGUMENTS,
        );
    }
    let wrong = match shown(witness, "dry", &launching)? {
        Shown::Candidate => None,
        Shown::Summary => Some("`--dry-run` did not reach the run: it wrote a summary of upgrades"),
        Shown::Neither => Some("the dry run does not list the recipe as a candidate"),
    };
    if let Some(wrong) = wrong {
        return broken(wrong, ARGUMENTS);
    }
    control(witness, &recipe, &expect)?;
    holds(
        "`--dry-run` made it a dry run; `--with-tests` was in no process's arguments, and had no effect",
    )
}

/// Where no test is stale, `--with-tests` changes nothing: the real run upgraded the recipe of which one goes stale, and its build was red
/// by that alone. That it is green before the upgrade is tried by V5 and V8.
fn control(witness: &Witness<'_>, recipe: &str, expect: &Expectations) -> Result<(), Doubt> {
    let shows_in_nothing = |why: String| {
        unseen(format!(
            "control: {why}, so that `{WITH_TESTS}` would have shown in nothing"
        ))
    };
    let stale = expect.upgrading.recipes.get(STALE);
    if stale.map(String::as_str) != Some(recipe) {
        let stale = stale.map_or("the recipe of which a test goes stale", String::as_str);
        return shows_in_nothing(format!(
            "no test of `{recipe}` goes stale (add `{stale}` to `sandbox.all`)"
        ));
    }
    let after: u64 = witness.see(&format!("{}.before.builds", set(recipe)))?;
    asked(witness, "live.builds", &Question::Builds { after })?;
    let Some(build) = last_built(witness.see("live.builds")?, recipe, after) else {
        return shows_in_nothing(format!("no build of `{recipe}` has ended"));
    };
    if build.green() {
        return shows_in_nothing(format!("build {} of `{recipe}` is green", build.number));
    }
    let failed = opened::results(witness, "live", &build)?.failed();
    if failed != [expect.upgrading.stale_test.clone()] {
        return shows_in_nothing(format!(
            "build {} of `{recipe}` is not red by `{}` alone",
            build.number,
            cut(&expect.upgrading.stale_test)
        ));
    }
    Ok(())
}

/// The line of the screen, before the summary, by which the agent was told `--with-tests`: behind the command and its other options. In
/// marks of code it is what a text says of it.
fn typed<'a>(screen: &'a str, launching: &Launching) -> Result<Option<&'a str>, Doubt> {
    let summary = regex(&launching.summary)?;
    let lines = screen.lines().map(str::trim_end);
    let mut lines = lines.take_while(|line| !summary.is_match(line));
    let is_typed = |command: Option<&str>| {
        command.is_some_and(|command| is_command(command) && !command.starts_with('`'))
    };
    Ok(lines.find(|line| tells(line, is_typed)))
}

fn is_command(word: &str) -> bool {
    word.ends_with("upgrade-all")
}

/// Whether `--with-tests` is among the words of a text, behind such a one, other options left out.
fn tells(text: &str, behind: impl Fn(Option<&str>) -> bool) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (0..words.len()).any(|at| {
        let word = words[at].trim_end_matches(['.', ',', ';']);
        let is_it = word == WITH_TESTS || word.starts_with(&format!("{WITH_TESTS}="));
        let mut before = words[..at].iter().rev();
        is_it && behind(before.find(|word| !word.starts_with("--")).copied())
    })
}

/// Whether `--with-tests` is among a process's arguments: as a word, or among the options in a text that tells an agent what to run. That a
/// text forbids it is no such thing.
fn is_given(process: &Process) -> bool {
    let mut arguments = process.args.iter();
    arguments.any(|argument| tells(argument, |command| command.is_none_or(is_command)))
}

/// What the screen shows of what a run did.
#[derive(PartialEq, Eq)]
pub enum Shown {
    Candidate,
    Summary,
    Neither,
}

pub fn shown(witness: &Witness<'_>, run: &str, launching: &Launching) -> Result<Shown, Doubt> {
    let recipe = recipe(witness, run, launching)?;
    let Some(shown) = screen(witness, &format!("{run}.screen"))? else {
        return unseen(format!(
            "{}, there was no screen any more that shows what the run did",
            when(run)
        ));
    };
    if summary(&shown, launching)?.is_some() {
        return Ok(Shown::Summary);
    }
    let candidate = regex(&launching.candidate)?;
    let names_it = |line: &str| {
        let found = candidate.captures(line.trim_end());
        let named = found.as_ref().and_then(|found| found.name("recipe"));
        named.is_some_and(|named| named.as_str() == recipe)
    };
    if shown.lines().any(names_it) {
        return Ok(Shown::Candidate);
    }
    // A screen that shows nothing of a real run either says nothing about this one.
    let of_the_real = screen(witness, "live.screen")?.unwrap_or_default();
    if summary(&of_the_real, launching)?.is_none() {
        return unseen(format!(
            "{}, the screen shows nothing of what the run did",
            when(run)
        ));
    }
    Ok(Shown::Neither)
}

pub fn orchestrator(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let busy = right!(agent(witness, "live.busy"));
    let again = session(witness, "again.agent")?;
    let ours = again.unwrap_or(busy).own().map(listed).unwrap_or_default();
    for (label, alive) in [
        ("orchestrator.none", false),
        ("orchestrator.alone", true),
        ("orchestrator.after", true),
        ("orchestrator.before", true),
    ] {
        let list: String = witness.see(&format!("{label}.list"))?;
        if label != "orchestrator.alone" && !list.lines().any(|line| line == ours) {
            return unseen("the process list that was asked over does not hold the session");
        }
        let ran: Ran = witness.see(label)?;
        if let End::NotStarted(why) = &ran.end {
            return blocked(format!(
                "what asks for the orchestrator could not be started: {why}. Mend `flow.orchestrator.command`"
            ));
        }
        if ran.end != End::Exited(i32::from(!alive)) {
            let list = match (alive, label == "orchestrator.alone") {
                (false, _) => "this session and no orchestrator",
                (true, true) => "the orchestrator alone",
                (true, false) => "this session and the orchestrator",
            };
            return broken(
                format!("asked over a list with {list}, {}", ran.ending()),
                "Look at which names `orchestrator_alive()` skips",
            );
        }
    }
    holds("alive only where the orchestrator is in the list, before or behind this session")
}
