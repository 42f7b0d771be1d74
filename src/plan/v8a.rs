//! V8a: the weekly run as an agent: launched, left alone, replaced, seen to its end, and stopped. Asked of tmux and the process table.

use super::bench::{Bench, Enough, Stop};
use super::expect::{Expectations, Launching};
use super::run::{Run, adopt_upgrade, expect_upgrade};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::config::{Launcher, Orchestrator};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, Ran};
use crate::host::cron::Schedule;
use crate::host::processes::Process;
use crate::host::tmux::{Screen, Session};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

pub const ITEM: Item = Item {
    id: "V8a",
    title: "The `cc-ci-upgrader` agent",
    does: "launches the weekly run in its session several times, twice over the sandbox recipes for real, wedges one, and stops it",
    needs: &["V1", "V2", "V3"],
    clauses: &[
        ClauseSpec {
            id: "V8a.1",
            says: "`start` launches the session; its process carries the remote-control name under which it can be viewed",
            judge: launched,
        },
        ClauseSpec {
            id: "V8a.2",
            says: "It runs to completion on a real small set, stays, idle, with the summary visible",
            judge: stays,
        },
        ClauseSpec {
            id: "V8a.3",
            says: "`start` during a busy run leaves it alone: same session, same process, same work",
            judge: left_alone,
        },
        ClauseSpec {
            id: "V8a.4",
            says: "`start` on a finished session replaces it",
            judge: finished_replaced,
        },
        ClauseSpec {
            id: "V8a.5",
            says: "`start` on a wedged one replaces it",
            judge: wedged_replaced,
        },
        ClauseSpec {
            id: "V8a.6",
            says: "`fresh` replaces even a busy one",
            judge: busy_replaced,
        },
        ClauseSpec {
            id: "V8a.7",
            says: "`UPGRADER_ARGS` reaches the run; `--with-tests` never does, even when it is passed",
            judge: arguments,
        },
        ClauseSpec {
            id: "V8a.8",
            says: "`orchestrator_alive()` is not deceived by it",
            judge: orchestrator,
        },
        ClauseSpec {
            id: "V8a.9",
            says: "The cron-equivalent path works end to end: the schedule's own command, in cron's bare environment, launches it",
            judge: scheduled,
        },
        ClauseSpec {
            id: "V8a.10",
            says: "`stop` ends it",
            judge: stopped,
        },
        ClauseSpec {
            id: "V8a.11",
            says: "The skill's text says that it runs as this agent and how cron calls it",
            judge: documented,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const WITH_TESTS: &str = "--with-tests";
/// What the plan says, whatever the configuration does.
const WEEKLY: &str = "0 3 * * 6 weekly";

/// A session, and the processes in it, the pane's own first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Agent {
    session: Session,
    processes: Vec<Process>,
}

impl Agent {
    fn own(&self) -> Option<&Process> {
        self.processes.first()
    }

    /// What it has at work; who has ended and waits to be asked about is none.
    fn work(&self) -> impl Iterator<Item = &Process> {
        let works = self.processes.iter().skip(1);
        works.filter(|process| process.state != 'Z')
    }

    fn is_busy(&self) -> bool {
        self.work().next().is_some()
    }

    fn is_idle(&self) -> bool {
        !self.session.dead
            && self.own().is_some_and(|own| !"TtZ".contains(own.state))
            && !self.is_busy()
    }

    /// Session and process are the same.
    fn is(&self, other: &Agent) -> bool {
        self.session.id == other.session.id
            && self.session.created == other.session.created
            && matches!((self.own(), other.own()), (Some(a), Some(b)) if a.is(b))
    }

    fn identities(&self) -> Vec<(i32, u64)> {
        self.processes.iter().map(Process::identity).collect()
    }
}

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let Some(launching) = bench.expect.launching.clone() else {
        return Ok(());
    };
    let config = bench.config();
    let (Some(launcher), Some(all), Some(asker), Some(skills)) = (
        &config.flow.launcher,
        &config.flow.upgrade_all,
        &config.flow.orchestrator,
        &config.flow.skills,
    ) else {
        return Ok(());
    };
    let text = Question::Text {
        path: skills.upgrade_all.display().to_string(),
    };
    bench.see::<Value>("skill", text).await?;
    let before: Vec<Session> = bench.see("before", Question::Sessions).await?;
    if before.iter().any(|known| known.name == launching.session) {
        // Somebody else's.
        return Ok(());
    }
    let play = Play {
        bench,
        launcher,
        scope: &all.scope,
        launching: &launching,
        patience: u64::try_from(all.command.time_limit.as_millis()).unwrap_or(u64::MAX),
    };
    bench.doing("looking at the recipes of the set").await;
    for recipe in &launching.recipes {
        expect_upgrade(&bench.on(recipe), &set(&format!("set.{recipe}"))).await?;
    }
    let played = play.all(asker).await;
    match played {
        // Whatever went wrong, what was launched does not stay.
        Ok(()) | Err(Stop::Unseen(_)) => play.stop().await?,
        Err(stop) => return Err(stop),
    }
    bench.doing("looking at what the runs left").await;
    for recipe in &launching.recipes {
        adopt_upgrade(&bench.on(recipe), &set(&format!("set.{recipe}"))).await?;
    }
    played
}

/// The upgrade of one recipe by the runs, as it is on record.
fn set(name: &str) -> Run<'_> {
    Run {
        name,
        purpose: "V8a, by the flow",
        with_tests: false,
    }
}

struct Play<'a> {
    bench: &'a Bench,
    launcher: &'a Launcher,
    scope: &'a str,
    launching: &'a Launching,
    /// How long a run may take, in milliseconds.
    patience: u64,
}

impl Play<'_> {
    async fn all(&self, asker: &Orchestrator) -> Result<(), Stop> {
        let bench = self.bench;
        bench.doing("launching a dry run").await;
        self.launch("dry", "start", "--dry-run --with-tests")
            .await?;
        self.at_rest("dry.end").await?;
        self.screen("dry.screen").await?;

        bench.doing("launching a real run").await;
        self.launch("live", "start", WITH_TESTS).await?;
        let live = self.at_work("live.busy").await?;
        self.launch("again", "start", WITH_TESTS).await?;
        let again = self.look("again.agent").await?;
        self.ask_for_orchestrator(asker, again.or(live)).await?;
        bench.doing("waiting for the end of the real run").await;
        self.at_rest("live.end").await?;
        self.screen("live.screen").await?;
        bench.quiet("live.quiet").await?;
        self.screen("live.still.screen").await?;
        self.look("live.still").await?;

        bench.doing("launching it as cron does").await;
        self.cron().await?;
        self.at_rest("cron.end").await?;

        bench.doing("wedging a run").await;
        self.launch("third", "start", "").await?;
        self.at_work("third.busy").await?;
        bench.wedge("wedged", &self.launching.session).await?;
        self.launch("rescue", "start", "").await?;
        self.at_work("rescue.busy").await?;
        self.launch("fresh", "fresh", "--dry-run").await?;
        self.at_rest("fresh.end").await?;
        Ok(())
    }

    async fn launch(&self, label: &str, verb: &str, arguments: &str) -> Result<Ran, Stop> {
        let told = [
            (self.scope, self.launching.recipes.join(" ")),
            (self.launcher.arguments.as_str(), arguments.to_owned()),
        ];
        let command = &self.launcher.command;
        self.bench
            .flow(label, command, &[verb.to_owned()], &told)
            .await
    }

    /// Nothing in the environment but what cron sets (its SHELL left out, since none is asked), and what keeps the run small and within the
    /// sandbox.
    async fn cron(&self) -> Result<(), Stop> {
        let Ok(schedule) = Schedule::parse(&self.launching.schedule) else {
            return Ok(());
        };
        let home = std::env::var("HOME").unwrap_or_else(|_| "/".into());
        let told = [
            ("HOME", home),
            ("LOGNAME", "gavel".into()),
            ("PATH", "/usr/bin:/bin".into()),
            (self.scope, self.launching.recipes.join(" ")),
            (self.launcher.arguments.as_str(), "--dry-run".into()),
        ];
        let limit = self.launcher.command.time_limit;
        self.bench
            .bare("cron", &schedule.command, &told, limit)
            .await
            .map(drop)
    }

    async fn look(&self, label: &str) -> Result<Option<Agent>, Stop> {
        self.bench.see(label, self.agent()).await
    }

    /// Until it is idle, and stays so: one that has only just been launched has no work yet.
    async fn at_rest(&self, label: &str) -> Result<(), Stop> {
        let enough = |[seen]: [&Value; 1]| match Option::<Agent>::deserialize(seen) {
            Ok(Some(agent)) if !agent.is_idle() => Enough::No,
            _ => Enough::IfItStays,
        };
        self.bench
            .watch_all([(label, self.agent())], self.patience, enough)
            .await
    }

    /// Until it is at work: what is there at two looks in a row is no helper of its own start.
    async fn at_work(&self, label: &str) -> Result<Option<Agent>, Stop> {
        let last: Mutex<Vec<(i32, u64)>> = Mutex::default();
        let enough = |seen: &Option<Agent>| {
            let Some(agent) = seen else { return true };
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let stays = agent.work().any(|work| last.contains(&work.identity()));
            *last = agent.work().map(Process::identity).collect();
            stays
        };
        let reaction = self.bench.expect.reaction;
        self.bench
            .watch(label, self.agent(), reaction, enough)
            .await
    }

    async fn screen(&self, label: &str) -> Result<Option<Screen>, Stop> {
        let session = self.launching.session.clone();
        self.bench.see(label, Question::Screen { session }).await
    }

    fn agent(&self) -> Question {
        Question::Agent {
            session: self.launching.session.clone(),
        }
    }

    async fn ask_for_orchestrator(
        &self,
        asker: &Orchestrator,
        agent: Option<Agent>,
    ) -> Result<(), Stop> {
        let processes = agent.map(|agent| agent.processes).unwrap_or_default();
        let ours: Vec<String> = processes
            .iter()
            .map(|process| format!("{} {}", process.pid, process.args.join(" ")))
            .collect();
        let sample = vec![format!("1 {}", self.launching.orchestrator)];
        for (label, list) in [
            ("orchestrator.none", ours.clone()),
            ("orchestrator.alone", sample.clone()),
            ("orchestrator.after", [&ours[..], &sample].concat()),
            ("orchestrator.before", [&sample[..], &ours].concat()),
        ] {
            self.bench
                .orchestrator(label, &asker.command, &asker.processes, &list)
                .await?;
        }
        Ok(())
    }

    async fn stop(&self) -> Result<(), Stop> {
        self.bench.doing("stopping the session").await;
        let last = self.look("stop.before").await?;
        self.launch("stop", "stop", "").await?;
        let processes = last.map(|last| last.identities()).unwrap_or_default();
        self.bench
            .see::<Value>("stop.running", Question::Running { processes })
            .await?;
        self.bench
            .see::<Value>("stop.sessions", Question::Sessions)
            .await
            .map(drop)
    }
}

// The judge.

const LAUNCHER: &str = "Look at the launcher";

/// What is expected; BLOCKED where it is not configured, or somebody else's session is in the way.
fn expected(witness: &Witness<'_>) -> Result<Launching, Doubt> {
    let expect: Expectations = witness.context("expectations")?;
    let Some(launching) = expect.launching else {
        return blocked(
            "not configured: this needs `flow.launcher`, `flow.upgrade_all`, `flow.orchestrator`, `flow.schedule`, `flow.skills`, `sandbox.all` and `host`",
        );
    };
    let before: Vec<Session> = witness.context("before")?;
    if before.iter().any(|known| known.name == launching.session) {
        return blocked(format!(
            "a session `{}` was there before, which is somebody else's; stop it and verify again",
            launching.session
        ));
    }
    Ok(launching)
}

/// A call of the launcher that ended well; otherwise what is wrong with it.
fn called(witness: &Witness<'_>, label: &str) -> Result<Result<Ran, Ruling>, Doubt> {
    let ran: Ran = witness.see(label)?;
    if ran.end == End::Exited(0) {
        return Ok(Ok(ran));
    }
    let words = ran.stderr.trim().chars().take(200).collect::<String>();
    let seen = format!("`{label}`: the launcher ended as {:?}: {words}", ran.end);
    broken(seen, LAUNCHER).map(Err)
}

/// The session at a step, where there is one; otherwise that there is none.
fn agent(witness: &Witness<'_>, label: &str) -> Result<Result<Agent, Ruling>, Doubt> {
    match witness.see::<Option<Agent>>(label)? {
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

fn launched(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    witness.see::<Vec<Session>>("before")?;
    for label in ["dry", "live"] {
        right!(called(witness, label));
    }
    for label in ["dry.end", "live.busy"] {
        let agent = right!(agent(witness, label));
        if !carries(&agent, &launching.remote_control) {
            return broken(
                format!(
                    "no process of the session carries `--remote-control {}`: {}",
                    launching.remote_control,
                    agent.own().map(Process::line).unwrap_or_default()
                ),
                LAUNCHER,
            );
        }
    }
    holds(format!(
        "session `{}`, remote control `{}`",
        launching.session, launching.remote_control
    ))
}

fn carries(agent: &Agent, name: &str) -> bool {
    const FLAG: &str = "--remote-control";
    let joined = format!("{FLAG}={name}");
    // The session's own process: one that it starts for a moment cannot be viewed.
    agent.own().is_some_and(|own| {
        own.args.windows(2).any(|pair| pair == [FLAG, name]) || own.args.contains(&joined)
    })
}

fn stays(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let busy = right!(agent(witness, "live.busy"));
    if !busy.is_busy() {
        return broken("the real run was never seen at work", LAUNCHER);
    }
    let end = right!(agent(witness, "live.end"));
    let still = right!(agent(witness, "live.still"));
    if !end.is(&busy) || !still.is(&busy) {
        return broken("the session at the end is another one", LAUNCHER);
    }
    witness.see::<u64>("live.quiet")?;
    if !end.is_idle() || !still.is_idle() {
        return broken(
            "the session did not become and stay idle",
            "Look at what the agent does when its work has ended",
        );
    }
    let screens: [Option<Screen>; 2] = [
        witness.see("live.screen")?,
        witness.see("live.still.screen")?,
    ];
    let [Some(screen), Some(later)] = screens else {
        return broken("the session shows no screen", LAUNCHER);
    };
    if screen != later {
        return broken(
            "its screen goes on changing although its work has ended",
            "Look at what the agent does when its work has ended",
        );
    }
    let Some(summary) = summary(&screen.whole, &launching.summary)? else {
        return broken(
            "no summary is on its screen",
            "Look at what the agent does with the screen when its work has ended",
        );
    };
    if !summary.contains("/pulls/") {
        return broken(
            "the summary on its screen names no pull request: the run did nothing real",
            "Look at what the agent runs",
        );
    }
    holds("idle, with the summary on its screen, and still so after the quiet window")
}

/// What stands behind the summary's line.
fn summary(screen: &str, pattern: &str) -> Result<Option<String>, Doubt> {
    let pattern = regex(pattern)?;
    let mut lines = screen.lines().map(str::trim_end);
    let found = lines.by_ref().any(|line| pattern.is_match(line));
    Ok(found.then(|| lines.collect::<Vec<_>>().join("\n")))
}

fn regex(pattern: &str) -> Result<regex::Regex, Doubt> {
    regex::Regex::new(pattern).or_else(|error| unseen(error.to_string()))
}

fn left_alone(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let busy = right!(agent(witness, "live.busy"));
    if !busy.is_busy() {
        return unseen("the run was not at work when it was started again");
    }
    right!(called(witness, "again"));
    let mend = "Look at how the launcher tells that a run is at work";
    let again = match witness.see::<Option<Agent>>("again.agent")? {
        Some(again) => again,
        None => return certainly_broken("the session at work was ended", mend),
    };
    if !again.is(&busy) {
        return certainly_broken("the session at work was replaced", mend);
    }
    if busy
        .work()
        .any(|work| again.work().any(|other| other.is(work)))
    {
        return holds("same session, same process, same work");
    }
    if again.is_busy() {
        return certainly_broken("its work was replaced by other work", mend);
    }
    // It may have ended by itself in that moment, or been interrupted: what came of the run tells.
    unseen("its work had ended by the time the second `start` was over")
}

/// That a call replaced the session before by another one.
fn replaced(
    witness: &Witness<'_>,
    before: Result<Agent, Ruling>,
    call: &str,
    after: &str,
) -> Result<Ruling, Doubt> {
    let before = right!(Ok::<_, Doubt>(before));
    right!(called(witness, call));
    let after = right!(agent(witness, after));
    if after.session.id == before.session.id {
        return broken("the session before is still there", LAUNCHER);
    }
    if after
        .own()
        .is_none_or(|own| before.processes.iter().any(|known| known.is(own)))
    {
        return broken("the process in the new session is the one before", LAUNCHER);
    }
    holds(format!(
        "session `{}` became `{}`",
        before.session.id, after.session.id
    ))
}

fn finished_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let before = agent(witness, "dry.end")?;
    if before.as_ref().is_ok_and(|before| !before.is_idle()) {
        return unseen("the dry run had not finished");
    }
    replaced(witness, before, "live", "live.busy")
}

fn wedged_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let wedged = agent(witness, "wedged")?;
    if let Ok(wedged) = &wedged
        && !wedged.work().any(|work| work.state == 'T')
    {
        return unseen("the run could not be wedged: its work had ended, or went on");
    }
    replaced(witness, wedged, "rescue", "rescue.busy")
}

fn busy_replaced(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    expected(witness)?;
    let busy = agent(witness, "rescue.busy")?;
    if busy.as_ref().is_ok_and(|busy| !busy.is_busy()) {
        return unseen("the run was not at work when it was replaced");
    }
    replaced(witness, busy, "fresh", "fresh.end")
}

fn arguments(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    right!(called(witness, "dry"));
    for label in ["live.busy", "again.agent", "third.busy", "rescue.busy"] {
        let agent = right!(agent(witness, label));
        let given = |process: &Process| process.args.iter().any(|word| word.contains(WITH_TESTS));
        if let Some(process) = agent.processes.iter().find(|process| given(process)) {
            return certainly_broken(
                format!("`{label}`: `{WITH_TESTS}` reached `{}`", process.line()),
                "Look at how the launcher passes arguments on",
            );
        }
    }
    if !right!(agent(witness, "live.busy")).is_busy() {
        return unseen("the run that was passed `--with-tests` was not seen at work");
    }
    let Some(screen): Option<Screen> = witness.see("dry.screen")? else {
        return broken("the dry run's session shows no screen", LAUNCHER);
    };
    if summary(&screen.whole, &launching.summary)?.is_some() {
        return broken(
            "`--dry-run` did not reach the run: it wrote a summary of upgrades",
            "Look at how the launcher passes arguments on",
        );
    }
    let candidate = regex(&launching.candidate)?;
    if !screen
        .whole
        .lines()
        .any(|line| candidate.is_match(line.trim_end()))
    {
        return broken(
            "the dry run lists no candidate",
            "Look at how the launcher passes arguments on",
        );
    }
    holds("`--dry-run` made it a dry run; `--with-tests` was in no process's arguments")
}

fn orchestrator(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    for (label, alive) in [
        ("orchestrator.none", false),
        ("orchestrator.alone", true),
        ("orchestrator.after", true),
        ("orchestrator.before", true),
    ] {
        let list: String = witness.see(&format!("{label}.list"))?;
        let has_session = list.contains(&launching.remote_control);
        if label != "orchestrator.alone" && !has_session {
            return unseen("the process list that was asked over does not hold the session");
        }
        let ran: Ran = witness.see(label)?;
        if ran.end != End::Exited(i32::from(!alive)) {
            let list = if alive {
                "the orchestrator"
            } else {
                "this session and no orchestrator"
            };
            return broken(
                format!(
                    "`{label}`: over a list with {list} it ended as {:?}",
                    ran.end
                ),
                "Look at which names `orchestrator_alive()` skips",
            );
        }
    }
    holds("alive only where the orchestrator is in the list, before or behind this session")
}

fn scheduled(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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
    let before = agent(witness, "live.still")?;
    let after = right!(agent(witness, "cron.end"));
    if !carries(&after, &launching.remote_control) {
        return broken(
            "what it launches carries another remote-control name",
            LAUNCHER,
        );
    }
    replaced(witness, before, "cron", "cron.end")
}

fn stopped(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let before = right!(agent(witness, "stop.before"));
    right!(called(witness, "stop"));
    let mend = "Look at how the launcher ends the session";
    let after: Vec<Session> = witness.see("stop.sessions")?;
    let same = |known: &&Session| known.name == launching.session || known.id == before.session.id;
    if let Some(left) = after.iter().find(same) {
        return broken(format!("session `{}` is still there", left.name), mend);
    }
    let running: Vec<Process> = witness.see("stop.running")?;
    if let Some(process) = running.first() {
        return broken(format!("`{}` still runs", process.line()), mend);
    }
    let others: Vec<Session> = witness.see("before")?;
    let gone = |other: &&Session| !after.iter().any(|session| session.id == other.id);
    if let Some(other) = others.iter().find(gone) {
        // Its owner may have ended it; but not by accident all of them at once.
        let seen = format!("session `{}` of somebody else is gone as well", other.name);
        return if others.iter().all(|other| gone(&other)) {
            certainly_broken(seen, mend)
        } else {
            unseen(format!("{seen}: by whom is not known"))
        };
    }
    holds("the session and all its processes are gone, the others are there")
}

fn documented(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect: Expectations = witness.context("expectations")?;
    let Some(launching) = expect.launching else {
        return expected(witness).map(|_| Ruling::Holds(String::new()));
    };
    let text: String = witness.see("skill")?;
    let launcher = launching.launcher.first().map_or("", String::as_str);
    let launcher = launcher.rsplit('/').next().unwrap_or(launcher);
    for (what, needle) in [
        ("the agent that it runs as", launching.session.clone()),
        ("what cron calls", format!("{launcher} start")),
        ("when cron calls it", "0 3 * * 6".to_owned()),
    ] {
        if !text.contains(&needle) {
            return broken(
                format!("the skill's text does not say {what}: `{needle}` is not in it"),
                "Write it into the skill's SKILL.md",
            );
        }
    }
    holds("it names the agent, what cron calls, and when")
}
