//! V8a's judge.

use super::{Agent, REMOTE_CONTROL, WITH_TESTS, listed, set};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use crate::host::cron::Schedule;
use crate::host::processes::Process;
use crate::host::tmux::{Screen, Session};
use crate::plan::expect::{Expectations, Launching};
use crate::plan::gate::{asked, cut};
use crate::plan::opened;
use crate::plan::sight::Build;
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};
use regex::Regex;
use serde_json::Value;

const LAUNCHER: &str = "Look at the launcher";
const AGENT: &str = "Look at what the agent does when its work has ended";
const ARGUMENTS: &str = "Look at how the launcher passes arguments on";
/// What the plan says, whatever the configuration does.
const WEEKLY: &str = "0 3 * * 6 weekly";

/// What is expected; BLOCKED where it is not configured, or somebody else's session is in the way.
fn expected(witness: &Witness<'_>) -> Result<Launching, Doubt> {
    let launching = configured(witness)?;
    let before: Vec<Session> = witness.context("before")?;
    if before.iter().any(|known| known.name == launching.session) {
        return blocked(format!(
            "not attempted: a session `{}` was there before, which is somebody else's; stop it and verify again",
            cut(&launching.session)
        ));
    }
    Ok(launching)
}

fn configured(witness: &Witness<'_>) -> Result<Launching, Doubt> {
    let expect: Expectations = witness.context("expectations")?;
    match expect.launching {
        Some(launching) => Ok(launching),
        None => blocked(
            "not attempted: this needs `flow.launcher`, `flow.upgrade_all`, `flow.orchestrator`, `flow.schedule`, `flow.skills`, `sandbox.all` and `host`",
        ),
    }
}

/// The recipe that a call of the launcher was restricted to.
fn recipe(witness: &Witness<'_>, label: &str, launching: &Launching) -> Result<String, Doubt> {
    let Question::Run { environment, .. } = &witness.fact(label)?.question else {
        return unseen(format!("`{label}` is no run of a command"));
    };
    let scope = environment.iter().map(|(_, value)| value);
    match scope.into_iter().find(|it| launching.recipes.contains(it)) {
        Some(recipe) => Ok(recipe.clone()),
        None => unseen(format!("`{label}` was not restricted to a sandbox recipe")),
    }
}

/// A call of the launcher that ended well; otherwise what is wrong with it. BLOCKED where it could not be started at all.
fn called(witness: &Witness<'_>, label: &str) -> Result<Result<Ran, Ruling>, Doubt> {
    if !matches!(witness.fact(label)?.question, Question::Run { .. }) {
        return unseen(format!("`{label}` is no run of a command"));
    }
    let ran: Ran = witness.see(label)?;
    match &ran.end {
        End::Exited(0) => Ok(Ok(ran)),
        End::NotStarted(why) => blocked(format!(
            "the launcher could not be started: {why}. Mend `flow.launcher.command`"
        )),
        _ => {
            let ending = ran.ending();
            let seen = match cut(ran.stderr.trim()) {
                words if words.is_empty() => format!("`{label}`: the launcher failed: {ending}"),
                words => format!("`{label}`: the launcher failed: {ending}, and said `{words}`"),
            };
            broken(seen, LAUNCHER).map(Err)
        }
    }
}

/// The session at a step, where there is one.
fn session(witness: &Witness<'_>, label: &str) -> Result<Option<Agent>, Doubt> {
    let about = &witness.fact(label)?.question;
    if matches!(about, Question::Agent { .. } | Question::Wedge { .. }) {
        witness.see(label)
    } else {
        unseen(format!("`{label}` is about something else"))
    }
}

/// The same; otherwise that there is none.
fn agent(witness: &Witness<'_>, label: &str) -> Result<Result<Agent, Ruling>, Doubt> {
    match session(witness, label)? {
        Some(agent) => Ok(Ok(agent)),
        None => broken(format!("`{label}`: there was no session"), LAUNCHER).map(Err),
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

fn sessions(witness: &Witness<'_>, label: &str) -> Result<Vec<Session>, Doubt> {
    asked(witness, label, &Question::Sessions)?;
    witness.see(label)
}

/// The sessions that a call of the launcher should have left alone, and that were gone after it.
fn gone(before: &[Session], after: &[Session], launching: &Launching) -> Vec<Session> {
    let mut gone = before.to_vec();
    gone.retain(|known| {
        let is_there = |session: &Session| session.is(known) && session.name == known.name;
        known.name != launching.session && !after.iter().any(is_there)
    });
    gone
}

pub fn launched(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    right!(called(witness, "dry"));
    for label in ["dry.agent", "live.busy"] {
        let agent = right!(agent(witness, label));
        if !carries(&agent, &launching.remote_control) {
            return broken(
                format!(
                    "`{label}`: no process of the session carries `{REMOTE_CONTROL} {}`: {}",
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

fn line(process: Option<&Process>) -> String {
    format!("`{}`", cut(&process.map(Process::line).unwrap_or_default()))
}

/// Whether the process that can be viewed is so under this name.
fn carries(agent: &Agent, name: &str) -> bool {
    let joined = format!("{REMOTE_CONTROL}={name}");
    agent.own().is_some_and(|own| {
        own.args
            .windows(2)
            .any(|pair| pair == [REMOTE_CONTROL, name])
            || own.args.contains(&joined)
    })
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

fn screen(witness: &Witness<'_>, label: &str) -> Result<Option<String>, Doubt> {
    if !matches!(witness.fact(label)?.question, Question::Screen { .. }) {
        return unseen(format!("`{label}` is about something else"));
    }
    let screen: Option<Screen> = witness.see(label)?;
    Ok(screen.map(|screen| screen.whole))
}

/// What stands behind the summary's line.
fn summary(screen: &str, launching: &Launching) -> Result<Option<String>, Doubt> {
    let pattern = regex(&launching.summary)?;
    let mut lines = screen.lines().map(str::trim_end);
    let found = lines.by_ref().any(|line| pattern.is_match(line));
    Ok(found.then(|| lines.collect::<Vec<_>>().join("\n")))
}

fn regex(pattern: &str) -> Result<Regex, Doubt> {
    Regex::new(pattern).or_else(|error| unseen(error.to_string()))
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
        return certainly_broken("its work was interrupted by the second `start`", mend);
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
        "session `{}` became `{}`, and nothing of the one before runs",
        before.session.id, after.session.id
    ))
}

/// Which processes of a session still ran.
fn running(witness: &Witness<'_>, label: &str, of: &Agent) -> Result<Vec<Process>, Doubt> {
    let processes = of.identities();
    asked(witness, label, &Question::Running { processes })?;
    witness.see(label)
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

pub fn arguments(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    right!(called(witness, "dry"));
    for label in ["dry.agent", "live.busy", "again.agent"] {
        let agent = session(witness, label)?;
        let mut processes = agent.iter().flat_map(|agent| &agent.processes);
        if let Some(process) = processes.find(|process| is_given(process)) {
            return certainly_broken(
                format!("`{label}`: `{WITH_TESTS}` reached {}", line(Some(process))),
                ARGUMENTS,
            );
        }
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
    if let Some(wrong) = no_dry_run(witness, "dry", &launching)? {
        return broken(wrong, ARGUMENTS);
    }
    holds(
        "`--dry-run` made it a dry run; `--with-tests` was in no process's arguments, and had no effect",
    )
}

/// Whether `--with-tests` is among a process's arguments: as a word, or among the options in a text that tells an agent what to run. That a
/// text forbids it is no such thing.
fn is_given(process: &Process) -> bool {
    process.args.iter().any(|argument| {
        let words: Vec<&str> = argument.split_whitespace().collect();
        let at = words.iter().position(|word| {
            let word = word.trim_end_matches(['.', ',', ';']);
            word == WITH_TESTS || word.starts_with(&format!("{WITH_TESTS}="))
        });
        at.is_some_and(|at| {
            let before = words[..at].iter().rev();
            let command = before.into_iter().find(|word| !word.starts_with("--"));
            command.is_none_or(|command| command.ends_with("upgrade-all"))
        })
    })
}

/// Why a run that was to be a dry one does not look like one; `None` where it does.
fn no_dry_run(
    witness: &Witness<'_>,
    run: &str,
    launching: &Launching,
) -> Result<Option<String>, Doubt> {
    let recipe = recipe(witness, run, launching)?;
    let Some(shown) = screen(witness, &format!("{run}.screen"))? else {
        return unseen(format!(
            "`{run}`: there was no screen any more that shows what it did"
        ));
    };
    if summary(&shown, launching)?.is_some() {
        return Ok(Some(format!(
            "`{run}`: `--dry-run` did not reach the run: it wrote a summary of upgrades"
        )));
    }
    let candidate = regex(&launching.candidate)?;
    let names_it = |line: &str| {
        let found = candidate.captures(line.trim_end());
        let named = found.as_ref().and_then(|found| found.name("recipe"));
        named.is_some_and(|named| named.as_str() == recipe)
    };
    if shown.lines().any(names_it) {
        return Ok(None);
    }
    // A screen that shows nothing of a real run either says nothing about this one.
    let of_the_real = screen(witness, "live.screen")?.unwrap_or_default();
    if summary(&of_the_real, launching)?.is_none() {
        return unseen(format!(
            "`{run}`: the screen shows nothing of what the run did"
        ));
    }
    Ok(Some(format!(
        "`{run}`: the dry run does not list `{}` as a candidate",
        cut(&recipe)
    )))
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
    let schedule = match Schedule::parse(&launching.schedule) {
        Ok(schedule) => schedule,
        Err(error) => return broken(error.to_string(), mend),
    };
    let weekly = Schedule::parse(WEEKLY).or_else(|error| unseen(error.to_string()))?;
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    if schedule.next(epoch, 60) != weekly.next(epoch, 60) {
        return broken(format!("`{}` is not `0 3 * * 6`", schedule.fields), mend);
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
    if let Some(wrong) = no_dry_run(witness, "cron", &launching)? {
        return broken(wrong, "Look at what the run needs of its environment");
    }
    holds(format!(
        "`{}`, and its command does all that by itself with nothing in its environment but what cron sets",
        schedule.fields
    ))
}

/// How far this machine's clock is from UTC, in seconds, now and in the other half of the year.
#[derive(serde::Deserialize)]
struct Clock {
    zone: String,
    offsets: Vec<i32>,
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

pub fn documented(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = configured(witness)?;
    if !matches!(witness.fact("skill")?.question, Question::Text { .. }) {
        return unseen("`skill` is about something else");
    }
    let text: String = witness.see("skill")?;
    let launcher = launching.launcher.first().map_or("", String::as_str);
    let launcher = launcher.rsplit('/').next().unwrap_or(launcher);
    let call = format!("{launcher} start");
    for (what, needle) in [
        ("the agent that it runs as", &launching.session),
        ("what cron calls", &call),
    ] {
        if !text.contains(needle.as_str()) {
            return broken(
                format!("the skill's text does not say {what}: `{needle}` is not in it"),
                TEXT,
            );
        }
    }
    let mut about_cron = paragraphs(&text).filter(|paragraph| paragraph.contains("cron"));
    let Some(paragraph) = about_cron.find(|paragraph| paragraph.contains(&call)) else {
        return broken(
            format!("the skill's text does not say that cron calls `{call}`"),
            TEXT,
        );
    };
    if let Some(wrong) = other_time(paragraph)? {
        return broken(
            format!("the skill's text says that cron calls at `{wrong}`, not at `0 3 * * 6`"),
            TEXT,
        );
    }
    holds("it names the agent, and that and when cron calls it")
}

const TEXT: &str = "Write it into the skill's SKILL.md";

fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
}

/// Another time than the plan's, as the five fields of a crontab or by the name of a day.
fn other_time(text: &str) -> Result<Option<String>, Doubt> {
    const DAYS: [&str; 6] = [
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
    ];
    let fields = regex(r"(?:[\d*/,-]+ +){4}[\w*/,-]+")?;
    let weekly = Schedule::parse(WEEKLY).or_else(|error| unseen(error.to_string()))?;
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    let is_other = |fields: &&str| {
        let schedule = Schedule::parse(&format!("{fields} called"));
        schedule.is_ok_and(|schedule| schedule.next(epoch, 60) != weekly.next(epoch, 60))
    };
    let named = fields.find_iter(text).map(|found| found.as_str());
    let by_name = DAYS.into_iter().find(|day| text.contains(day));
    Ok(named
        .into_iter()
        .find(is_other)
        .or(by_name)
        .map(str::to_owned))
}
