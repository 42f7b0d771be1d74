//! What V8a's judges look at: calls of the launcher, sessions, screens.

use super::Agent;
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use crate::host::processes::{Process, REMOTE_CONTROL};
use crate::host::tmux::{Screen, Session};
use crate::plan::expect::{Expectations, Launching};
use crate::plan::gate::{asked, cut};
use crate::plan::{Ruling, blocked, broken, unseen};
use regex::Regex;

/// What is said where one of these is not configured.
pub const NEEDS: &str = "this needs `flow.launcher`, `flow.upgrade_all`, `flow.orchestrator`, `flow.schedule`, `flow.skills`, `sandbox.all` and `host`";

pub const LAUNCHER: &str = "Look at the launcher";

/// What is expected; BLOCKED where it is not configured, or somebody else's session is in the way.
pub fn expected(witness: &Witness<'_>) -> Result<Launching, Doubt> {
    let launching = configured(witness)?;
    // Once more just before the first call: anybody can have launched one meanwhile.
    for look in ["before", "dry.before"] {
        let there: Vec<Session> = witness.context(look)?;
        if there.iter().any(|known| known.name == launching.session) {
            return blocked(format!(
                "not attempted: a session `{}` was there before, which is somebody else's; stop it and verify again",
                cut(&launching.session)
            ));
        }
    }
    Ok(launching)
}

pub fn configured(witness: &Witness<'_>) -> Result<Launching, Doubt> {
    let expect: Expectations = witness.context("expectations")?;
    match expect.launching {
        Some(launching) => Ok(launching),
        None => blocked(format!("not attempted: {NEEDS}")),
    }
}

/// The recipe that a call of the launcher was restricted to.
pub fn recipe(witness: &Witness<'_>, label: &str, launching: &Launching) -> Result<String, Doubt> {
    let Question::Run { environment, .. } = &witness.fact(label)?.question else {
        return unseen(format!(
            "{}: what is on record is no run of a command",
            when(label)
        ));
    };
    let scope = environment.iter().map(|(_, value)| value);
    match scope.into_iter().find(|it| launching.recipes.contains(it)) {
        Some(recipe) => Ok(recipe.clone()),
        None => unseen(format!(
            "{}: the call was not restricted to a sandbox recipe",
            when(label)
        )),
    }
}

/// A call of the launcher that ended well; otherwise what is wrong with it. BLOCKED where it could not be started at all.
pub fn called(witness: &Witness<'_>, label: &str) -> Result<Result<Ran, Ruling>, Doubt> {
    if !matches!(witness.fact(label)?.question, Question::Run { .. }) {
        return unseen(format!(
            "{}: what is on record is no run of a command",
            when(label)
        ));
    }
    let ran: Ran = witness.see(label)?;
    match &ran.end {
        End::Exited(0) => Ok(Ok(ran)),
        End::NotStarted(why) => blocked(format!(
            "the launcher could not be started: {why}. Mend `flow.launcher.command`"
        )),
        _ => {
            let (when, ending) = (when(label), ran.ending());
            let seen = match cut(ran.stderr.trim()) {
                words if words.is_empty() => format!("{when}, the launcher failed: {ending}"),
                words => format!("{when}, the launcher failed: {ending}, and said `{words}`"),
            };
            broken(seen, LAUNCHER).map(Err)
        }
    }
}

/// When in the scenario a step is, for people: what had just been called, and how.
pub fn when(label: &str) -> &'static str {
    let (call, look) = label.split_once('.').unwrap_or((label, ""));
    match (call, look) {
        ("dry", _) => "after the first `start`, of a dry run",
        ("live", "end" | "still") => "when the real run had ended",
        ("live", _) => "after `start` where the dry run had ended, of the real run",
        ("again", _) => "after the second `start`, during the real run",
        ("idle" | "end", "before") => "before `stop`",
        ("idle", _) => "after `stop` of the idle session",
        ("end", _) => "after the last `stop`",
        ("cron", _) => "after the schedule's own command",
        ("third", _) => "after `fresh`, for the run to be wedged",
        ("wedged", _) => "when the run was wedged",
        ("rescue", _) => "after `start` on the wedged run",
        ("fresh", _) => "after `fresh` on a run at work",
        _ => "at one of the looks",
    }
}

/// The session at a step, where there is one.
pub fn session(witness: &Witness<'_>, label: &str) -> Result<Option<Agent>, Doubt> {
    let about = &witness.fact(label)?.question;
    if matches!(about, Question::Agent { .. } | Question::Wedge { .. }) {
        witness.see(label)
    } else {
        unseen(format!(
            "{}: what is on record is about something else",
            when(label)
        ))
    }
}

/// The same; otherwise that there is none.
pub fn agent(witness: &Witness<'_>, label: &str) -> Result<Result<Agent, Ruling>, Doubt> {
    match session(witness, label)? {
        Some(agent) => Ok(Ok(agent)),
        None => broken(format!("{}, there was no session", when(label)), LAUNCHER).map(Err),
    }
}

/// Goes on with what is right, and answers with what is wrong.
macro_rules! right {
    ($told:expr) => {
        match $told? {
            Ok(right) => right,
            Err(wrong) => return Ok(wrong),
        }
    };
}
pub(super) use right;

pub fn sessions(witness: &Witness<'_>, label: &str) -> Result<Vec<Session>, Doubt> {
    asked(witness, label, &Question::Sessions)?;
    witness.see(label)
}

/// The sessions that a call of the launcher should have left alone, and that were gone after it.
pub fn gone(before: &[Session], after: &[Session], launching: &Launching) -> Vec<Session> {
    let mut gone = before.to_vec();
    gone.retain(|known| {
        let is_there = |session: &Session| session.is(known) && session.name == known.name;
        known.name != launching.session && !after.iter().any(is_there)
    });
    gone
}

pub fn line(process: Option<&Process>) -> String {
    format!("`{}`", cut(&process.map(Process::line).unwrap_or_default()))
}

/// Whether the process that can be viewed is so under this name.
pub fn carries(agent: &Agent, name: &str) -> bool {
    let joined = format!("{REMOTE_CONTROL}={name}");
    agent.own().is_some_and(|own| {
        own.args
            .windows(2)
            .any(|pair| pair == [REMOTE_CONTROL, name])
            || own.args.contains(&joined)
    })
}

pub fn screen(witness: &Witness<'_>, label: &str) -> Result<Option<String>, Doubt> {
    if !matches!(witness.fact(label)?.question, Question::Screen { .. }) {
        return unseen(format!(
            "{}: what is on record is about something else",
            when(label)
        ));
    }
    let screen: Option<Screen> = witness.see(label)?;
    Ok(screen.map(|screen| screen.whole))
}

/// What stands behind the summary's line.
pub fn summary(screen: &str, launching: &Launching) -> Result<Option<String>, Doubt> {
    let pattern = regex(&launching.summary)?;
    let mut lines = screen.lines().map(str::trim_end);
    let found = lines.by_ref().any(|line| pattern.is_match(line));
    Ok(found.then(|| lines.collect::<Vec<_>>().join("\n")))
}

pub fn regex(pattern: &str) -> Result<Regex, Doubt> {
    Regex::new(pattern).or_else(|error| unseen(error.to_string()))
}

/// Which processes of a session still ran.
pub fn running(witness: &Witness<'_>, label: &str, of: &Agent) -> Result<Vec<Process>, Doubt> {
    let processes = of.identities();
    asked(witness, label, &Question::Running { processes })?;
    witness.see(label)
}
