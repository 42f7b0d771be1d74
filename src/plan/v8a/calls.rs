//! V8a's judge of how the agent is called: its arguments, the schedule, and the orchestrator's eye for it.

use super::seen::{
    LAUNCHER, agent, called, carries, expected, line, recipe, regex, right, screen, session,
    summary, when,
};
use super::{Agent, STALE, WITH_TESTS, last_built, listed, set};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use crate::host::cron::{Schedule, ScheduleError};
use crate::host::processes::Process;
use crate::plan::expect::{Expectations, Launching};
use crate::plan::gate::{asked, cut};
use crate::plan::opened;
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};
use serde_json::Value;

const ARGUMENTS: &str = "Look at how the launcher passes arguments on";

/// What the plan says, whatever the configuration does.
const WEEKLY: &str = "0 3 * * 6 weekly";

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
    let opened = opened::opened(witness, &set(&recipe), "harness", &expect.of(&recipe))?;
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
    if launching.closely {
        control(witness, &recipe, &expect)?;
    }
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
enum Shown {
    Candidate,
    Summary,
    Neither,
}

fn shown(witness: &Witness<'_>, run: &str, launching: &Launching) -> Result<Shown, Doubt> {
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

pub fn scheduled(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let mend = "Look at the line that is installed in the crontab";
    witness.see::<Value>("expectations")?;
    let parsed = Schedule::parse(&launching.schedule);
    let fields = match &parsed {
        Ok(Schedule { fields, .. }) | Err(ScheduleError::NeedsShell { fields, .. }) => fields,
        Err(error) => return broken(error.to_string(), mend),
    };
    if !is_weekly(fields)? {
        return broken(format!("`{fields}` is not `0 3 * * 6`"), mend);
    }
    let clock: Clock = witness.see("clock")?;
    if clock.offsets.iter().any(|offset| *offset != 0) {
        return broken(
            format!(
                "this machine's clock goes by {}: cron would call at 03:00 there, not at 03:00 UTC",
                cut(&clock.zone)
            ),
            "Set the machine's time zone, or cron's, to UTC",
        );
    }
    let wanted = [&launching.launcher[..], &["start".to_owned()]].concat();
    let schedule = match parsed {
        Ok(schedule) => schedule,
        Err(ScheduleError::NeedsShell { command, why, .. }) => {
            if let Some(other) = runs_another(&command, &wanted) {
                return broken(
                    format!("it runs `{}`, not the launcher's `start`", cut(other)),
                    mend,
                );
            }
            return unseen(format!(
                "Gavel does not run shells: {why}, so that what `{}` launches was not tried; put it into a script, and name that",
                cut(&command)
            ));
        }
        Err(error) => return broken(error.to_string(), mend),
    };
    if schedule.command != wanted {
        return broken(
            format!(
                "it runs `{}`, not the launcher's `start`",
                schedule.command.join(" ")
            ),
            mend,
        );
    }
    right!(called(witness, "cron"));
    let launched = right!(agent(witness, "cron.agent"));
    let known: Vec<Agent> = [
        session(witness, "idle.before")?,
        session(witness, "dry.agent")?,
    ]
    .into_iter()
    .flatten()
    .collect();
    if known.iter().any(|known| known.is(&launched)) {
        return broken(
            "it launched nothing: the session is the one from before",
            LAUNCHER,
        );
    }
    let as_ever = |agent: &Agent| carries(agent, &launching.remote_control);
    if !as_ever(&launched) && known.iter().any(as_ever) {
        return broken(
            "what it launches carries another remote-control name",
            LAUNCHER,
        );
    }
    // Whether its arguments reached it is V8a.7's business.
    if shown(witness, "cron", &launching)? == Shown::Neither {
        return broken(
            "what it launches shows neither a candidate nor a summary",
            "Look at what the run needs of its environment",
        );
    }
    holds(format!(
        "`{}`, and its command does all that by itself with nothing in its environment but what cron sets",
        schedule.fields
    ))
}

/// Whether five fields mean the plan's time, however they are written.
pub(super) fn is_weekly(fields: &str) -> Result<bool, Doubt> {
    let weekly = Schedule::parse(WEEKLY).or_else(|error| unseen(error.to_string()))?;
    let schedule = Schedule::parse(&format!("{fields} called"));
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    Ok(schedule.is_ok_and(|schedule| schedule.next(epoch, 60) == weekly.next(epoch, 60)))
}

/// What a line that only a shell understands clearly runs in place of what is wanted: all of it where it names the launcher nowhere, or
/// the part that tells the launcher something else.
fn runs_another<'a>(command: &'a str, wanted: &[String]) -> Option<&'a str> {
    let program = wanted.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or(program);
    if !command.contains(name) {
        return Some(command);
    }
    let mut parts = command.split(['&', ';', '|', '\n']).map(str::trim);
    parts.find(|part| {
        let words = shell_words::split(part).unwrap_or_default();
        words.first() == wanted.first() && words.get(1..wanted.len()) != wanted.get(1..)
    })
}

/// How far this machine's clock is from UTC, in seconds, now and in the other half of the year.
#[derive(serde::Deserialize)]
struct Clock {
    zone: String,
    offsets: Vec<i32>,
}
