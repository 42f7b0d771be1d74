//! V8a's judge of the session: what is launched, left alone, replaced and stopped, and how a run ends.

use super::seen::{
    LAUNCHER, agent, called, carries, expected, gone, line, recipe, right, running, screen,
    session, sessions, summary, when,
};
use super::{Agent, set};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::processes::{Process, REMOTE_CONTROL};
use crate::host::tmux::Session;
use crate::plan::expect::Launching;
use crate::plan::gate::{asked, cut};
use crate::plan::sight::Build;
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};

const AGENT: &str = "Look at what the agent does when its work has ended";
pub fn launched(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    right!(called(witness, "dry"));
    for label in ["dry.agent", "live.busy"] {
        let agent = right!(agent(witness, label));
        if !carries(&agent, &launching.remote_control) {
            return broken(
                format!(
                    "{}, no process of the session carries `{REMOTE_CONTROL} {}`: {}",
                    when(label),
                    cut(&launching.remote_control),
                    line(agent.own())
                ),
                LAUNCHER,
            );
        }
    }
    let (before, after) = (
        sessions(witness, "dry.before")?,
        sessions(witness, "dry.after")?,
    );
    let alike = |other: &&Session| other.name.starts_with(&launching.session);
    if let Some(other) = gone(&before, &after, &launching).iter().find(alike) {
        return certainly_broken(
            format!(
                "the session `{}`, whose name only begins alike, was there before the call and gone after it",
                cut(&other.name)
            ),
            "name the session exactly where tmux is asked for it: `=NAME`",
        );
    }
    holds(format!(
        "session `{}`, remote control `{}`",
        launching.session, launching.remote_control
    ))
}

pub fn stays(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let busy = right!(agent(witness, "live.busy"));
    if !busy.is_busy() {
        return broken("the real run was never seen at work", LAUNCHER);
    }
    // A run that was replaced while it was at work is V8a.3's business; this is about what came of the one that stood then.
    let standing = session(witness, "again.agent")?.unwrap_or(busy);
    let end = right!(agent(witness, "live.end"));
    let still = right!(agent(witness, "live.still"));
    if !end.is(&standing) || !still.is(&standing) {
        return broken("the session at the end is another one", LAUNCHER);
    }
    witness.see::<u64>("live.quiet")?;
    if !end.is_idle() || !still.is_idle() {
        let work = still.work().first().map(|work| work.line());
        let work = work.map_or_else(String::new, |work| format!(": `{}`", cut(&work)));
        return broken(
            format!("the session did not become and stay idle{work}"),
            AGENT,
        );
    }
    let screens = (
        screen(witness, "live.screen")?,
        screen(witness, "live.still.screen")?,
    );
    let (Some(screen), Some(later)) = screens else {
        return broken("the session shows no screen", LAUNCHER);
    };
    if screen != later {
        return broken(
            "its screen goes on changing although its work has ended",
            AGENT,
        );
    }
    let Some(summary) = summary(&screen, &launching)? else {
        return broken("no summary is on its screen", AGENT);
    };
    did_something(witness, &launching, &summary)
}

/// Whether Drone tells the same as the summary: a build of the recipe since, of a pull request that the summary names.
fn did_something(
    witness: &Witness<'_>,
    launching: &Launching,
    summary: &str,
) -> Result<Ruling, Doubt> {
    let recipe = recipe(witness, "live", launching)?;
    let after: u64 = witness.see(&format!("{}.before.builds", set(&recipe)))?;
    asked(witness, "live.builds", &Question::Builds { after })?;
    let builds: Option<Vec<Build>> = witness.see("live.builds")?;
    let mut builds = builds.unwrap_or_default();
    builds.retain(|build| build.number > after && build.parameter("RECIPE") == recipe);
    builds.retain(|build| !build.restarted_by_another());
    let names = |build: &&Build| {
        let page = format!("/{recipe}/pulls/{}", build.parameter("PR"));
        let mut found = summary.match_indices(&page);
        found.any(|(at, _)| {
            !summary[at + page.len()..].starts_with(|next: char| next.is_ascii_digit())
        })
    };
    let mend = "Look at what the agent runs";
    let ended = |build: &&Build| build.ended();
    match builds.iter().filter(ended).find(names) {
        Some(build) => holds(format!(
            "idle, with the summary on its screen, and still so after the quiet window; it names the pull request of build {}",
            build.number
        )),
        None if builds.is_empty() => broken(
            format!("the run did nothing real: since it began, no build of `{recipe}` was started"),
            mend,
        ),
        None => broken(
            format!(
                "the summary on its screen does not name the pull request that build {} is of",
                builds[0].number
            ),
            mend,
        ),
    }
}

pub fn left_alone(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let busy = right!(agent(witness, "live.busy"));
    if !busy.is_busy() {
        return unseen("the run was not at work when it was started again");
    }
    right!(called(witness, "again"));
    let mend = "Look at how the launcher tells that a run is at work";
    for label in ["again.agent", "again.later"] {
        let Some(again) = session(witness, label)? else {
            return certainly_broken("the session at work was ended", mend);
        };
        if !again.is(&busy) {
            return certainly_broken("the session at work was replaced", mend);
        }
        let work = busy.work();
        if again
            .work()
            .iter()
            .any(|other| work.iter().any(|work| work.is(other)))
        {
            continue;
        }
        // Work may have ended by itself in that moment; then the run came to its end.
        let came_to_its_end = match screen(witness, "live.screen")? {
            Some(screen) => summary(&screen, &launching)?.is_some(),
            None => false,
        };
        if came_to_its_end {
            return unseen("its work had ended by the time the second `start` was over");
        }
        // A run that fails by itself, such as where a server is gone for a while, looks the same.
        return broken("its work was interrupted by the second `start`", mend);
    }
    holds("same session, same process, same work")
}

/// That a call replaced the session before by another one, and that nothing of the one before runs any more.
fn replaced(
    witness: &Witness<'_>,
    before: &Agent,
    call: &str,
    after: &str,
) -> Result<Ruling, Doubt> {
    right!(called(witness, call));
    let after = right!(agent(witness, after));
    let ids = before.identities();
    let is_old = |own: &Process| ids.contains(&own.identity());
    if after.is(before) || after.own().is_none_or(is_old) {
        return broken("what was there before is still there", LAUNCHER);
    }
    if let Some(left) = running(witness, &format!("{call}.gone"), before)?.first() {
        return broken(
            format!(
                "the session before was not ended: {} still runs",
                line(Some(left))
            ),
            LAUNCHER,
        );
    }
    holds(format!(
        "{}, another session stands in its place (process {} became {}), and nothing of the one before runs",
        when(call),
        number(before),
        number(&after)
    ))
}

/// The number of the process that can be viewed.
fn number(agent: &Agent) -> String {
    let own = agent.own().map(|own| own.pid.to_string());
    own.unwrap_or_else(|| "unknown".into())
}

pub fn finished_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let Some(before) = session(witness, "dry.end")? else {
        return blocked("not attempted: the session had ended by itself when its work had");
    };
    if !before.is_idle() {
        return unseen("the dry run had not finished");
    }
    replaced(witness, &before, "live", "live.agent")
}

pub fn wedged_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let wedged = right!(agent(witness, "wedged"));
    if !wedged.work().iter().any(|work| work.state == 'T') {
        return unseen("the run could not be wedged: its work had ended, or went on");
    }
    let ruling = replaced(witness, &wedged, "rescue", "rescue.agent")?;
    at_work(witness, ruling, "rescue.busy")
}

pub fn busy_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let busy = right!(agent(witness, "rescue.busy"));
    if !busy.work().iter().any(|work| work.state != 'T') {
        return unseen("the run was not at work when it was replaced");
    }
    let ruling = replaced(witness, &busy, "fresh", "fresh.agent")?;
    at_work(witness, ruling, "fresh.busy")
}

/// A session in another's place is a run only if it works.
fn at_work(witness: &Witness<'_>, ruling: Ruling, label: &str) -> Result<Ruling, Doubt> {
    match ruling {
        Ruling::Holds(_) if !right!(agent(witness, label)).is_busy() => {
            broken("the new session was never seen at work", LAUNCHER)
        }
        ruling => Ok(ruling),
    }
}

pub fn stopped(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let mut stopped = Vec::new();
    for name in ["idle", "end"] {
        let before = session(witness, &format!("{name}.before"))?;
        right!(called(witness, &format!("{name}.stop")));
        let Some(before) = before else { continue };
        if let Some(wrong) = not_stopped(witness, name, &before, &launching)? {
            return Ok(wrong);
        }
        stopped.push(match before.is_busy() {
            true => "one at work",
            false => "an idle one",
        });
    }
    if stopped.is_empty() {
        return blocked("not attempted: there was no session to stop");
    }
    holds(format!(
        "{}: session and processes are gone, the others are there",
        stopped.join(" and ")
    ))
}

/// What is wrong with a `stop`; `None` where nothing is.
fn not_stopped(
    witness: &Witness<'_>,
    name: &str,
    before: &Agent,
    launching: &Launching,
) -> Result<Option<Ruling>, Doubt> {
    let mend = "Look at how the launcher ends the session";
    let others = sessions(witness, &format!("{name}.others"))?;
    let after = sessions(witness, &format!("{name}.after"))?;
    let is_it = |known: &&Session| known.name == launching.session || known.is(&before.session);
    if let Some(left) = after.iter().find(is_it) {
        let left = cut(&left.name);
        return broken(format!("the session is still there, as `{left}`"), mend).map(Some);
    }
    if let Some(process) = running(witness, &format!("{name}.gone"), before)?.first() {
        return broken(format!("{} still runs", line(Some(process))), mend).map(Some);
    }
    let gone = gone(&others, &after, launching);
    let Some(other) = gone.first() else {
        return Ok(None);
    };
    // Its owner may have ended it; but not by accident all of them at once.
    let seen = format!(
        "the session `{}` of somebody else is gone as well",
        cut(&other.name)
    );
    let count = others
        .iter()
        .filter(|other| other.name != launching.session);
    let all_at_once = gone.len() > 1 && gone.len() == count.count();
    if all_at_once
        || gone
            .iter()
            .any(|other| other.name.starts_with(&launching.session))
    {
        certainly_broken(seen, mend).map(Some)
    } else {
        unseen(format!("{seen}: by whom is not known"))
    }
}
