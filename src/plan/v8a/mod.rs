//! V8a: the weekly run as an agent: launched, left alone, replaced, seen to its end, and stopped. What runs is asked of tmux and the process
//! table, what a run did of forge and Drone.

mod calls;
mod judge;
mod play;
mod schedule;
mod seen;
mod text;

use super::bench::{Bench, Stop};
use super::expect::Launching;
use super::run::{Run, adopt_upgrade, expect_upgrade};
use super::sight::Build;
use super::{ClauseSpec, Item};
use crate::evidence::Question;
use crate::host::processes::Process;
use crate::host::tmux::Session;
use futures_util::FutureExt;
use play::Play;
use seen::NEEDS;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub const ITEM: Item = Item {
    id: "V8a",
    title: "The `cc-ci-upgrader` agent",
    does: "launches the weekly run in its session several times, over one of the sandbox recipes for real, wedges one, and stops it",
    needs: &["V1", "V2", "V3"],
    lacks: |expect| expect.launching.is_none().then(|| NEEDS.into()),
    clauses: &[
        ClauseSpec {
            id: "V8a.1",
            says: "`start` launches the session; its process carries the remote-control name under which it can be viewed",
            judge: judge::launched,
        },
        ClauseSpec {
            id: "V8a.2",
            says: "It runs to completion on a real small set, stays, idle, with the summary visible",
            judge: judge::stays,
        },
        ClauseSpec {
            id: "V8a.3",
            says: "`start` during a busy run leaves it alone: same session, same process, same work",
            judge: judge::left_alone,
        },
        ClauseSpec {
            id: "V8a.4",
            says: "`start` on a finished session replaces it",
            judge: judge::finished_replaced,
        },
        ClauseSpec {
            id: "V8a.5",
            says: "`start` on a wedged one replaces it",
            judge: judge::wedged_replaced,
        },
        ClauseSpec {
            id: "V8a.6",
            says: "`fresh` replaces even a busy one",
            judge: judge::busy_replaced,
        },
        ClauseSpec {
            id: "V8a.7",
            says: "`UPGRADER_ARGS` reaches the run; `--with-tests` never does, even when it is passed",
            judge: calls::arguments,
        },
        ClauseSpec {
            id: "V8a.8",
            says: "`orchestrator_alive()` is not deceived by it",
            judge: calls::orchestrator,
        },
        ClauseSpec {
            id: "V8a.9",
            says: "The cron-equivalent path works end to end: the schedule's own command, in cron's bare environment, launches it",
            judge: schedule::scheduled,
        },
        ClauseSpec {
            id: "V8a.10",
            says: "`stop` ends it",
            judge: judge::stopped,
        },
        ClauseSpec {
            id: "V8a.11",
            says: "The skill's text says that it runs as this agent and how cron calls it",
            judge: text::documented,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const WITH_TESTS: &str = "--with-tests";
/// The recipe whose test goes stale, by its key in the sandbox.
const STALE: &str = "stale";

/// A session, and the processes in it, the pane's own first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Agent {
    session: Session,
    processes: Vec<Process>,
}

impl Agent {
    /// The process that can be viewed, which a shell may have started; the pane's own where none can.
    fn own(&self) -> Option<&Process> {
        let mut processes = self.processes.iter();
        let viewed = processes.find(|process| process.can_be_viewed());
        viewed.or(self.processes.first())
    }

    /// What it has at work; who has ended and waits to be asked about is none.
    fn work(&self) -> Vec<&Process> {
        let mut under: BTreeSet<i32> = self.own().map(|own| own.pid).into_iter().collect();
        let mut work = Vec::new();
        // Parents come before their children.
        for process in &self.processes {
            if under.contains(&process.parent) && under.insert(process.pid) {
                work.push(process);
            }
        }
        work.retain(|process| process.state != 'Z');
        work
    }

    fn is_busy(&self) -> bool {
        !self.work().is_empty()
    }

    fn is_idle(&self) -> bool {
        !self.session.dead
            && self.own().is_some_and(|own| !"TtZ".contains(own.state))
            && !self.is_busy()
    }

    /// Session and process are the same.
    fn is(&self, other: &Agent) -> bool {
        self.session.is(&other.session)
            && matches!((self.processes.first(), other.processes.first()), (Some(a), Some(b)) if a.is(b))
    }

    fn identities(&self) -> Vec<(i32, u64)> {
        self.processes.iter().map(Process::identity).collect()
    }
}

/// Whether both are there, and are the same.
fn same(one: Option<&Agent>, other: Option<&Agent>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.is(other))
}

/// A process as a line of a list.
fn listed(process: &Process) -> String {
    format!("{} {}", process.pid, process.args.join(" "))
}

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let config = bench.config();
    let (Some(launching), Some(launcher), Some(all), Some(asker), Some(skills)) = (
        bench.expect.launching.clone(),
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
    bench.note("skill", text).await?;
    bench.note("clock", Question::Clock).await?;
    bench.note("crontab", Question::Crontab).await?;
    if is_there(bench, "before", &launching.session).await? {
        // Somebody else's.
        return Ok(());
    }
    bench.doing("looking at the recipes of the set").await;
    let Some(recipe) = choose(bench, &launching).await? else {
        return Ok(());
    };
    if is_there(bench, "dry.before", &launching.session).await? {
        return Ok(());
    }
    let play = Play {
        bench,
        launcher,
        scope: &all.scope,
        launching: &launching,
        recipe: &recipe,
        limit: u64::try_from(all.command.time_limit.as_millis()).unwrap_or(u64::MAX),
    };
    // Boxed: a scenario is as large as all that it waits for, and stands on the stack where it is not.
    let played = play.all(asker).boxed().await;
    if !matches!(played, Ok(()) | Err(Stop::Unseen(_))) {
        return played;
    }
    // Whatever went wrong, what was launched does not stay.
    bench.doing("stopping the session").await;
    let stopped = play.stop("end").boxed().await;
    if !matches!(stopped, Ok(()) | Err(Stop::Unseen(_))) {
        return stopped;
    }
    bench.doing("looking at what the runs left").await;
    let name = set(&recipe);
    adopt_upgrade(&bench.on(&recipe), &upgrade(&name))
        .boxed()
        .await?;
    played.and(stopped)
}

/// Whether a session of this name is there.
async fn is_there(bench: &Bench, label: &str, session: &str) -> Result<bool, Stop> {
    let there: Vec<Session> = bench.see(label, Question::Sessions).await?;
    Ok(there.iter().any(|known| known.name == session))
}

/// The recipe of the runs: one that has an upgrade, so that there is something real to do. Where the set holds it, the one whose test goes
/// stale: on that one a run with `--with-tests` shows.
async fn choose(bench: &Bench, launching: &Launching) -> Result<Option<String>, Stop> {
    let stale = bench.expect.upgrading.recipes.get(STALE);
    let mut recipes: Vec<&String> = launching.recipes.iter().collect();
    recipes.sort_by_key(|recipe| Some(*recipe) != stale);
    for recipe in recipes {
        let bench = bench.on(recipe);
        let name = set(recipe);
        if expect_upgrade(&bench, &upgrade(&name)).boxed().await? {
            return Ok(Some(recipe.clone()));
        }
    }
    Ok(None)
}

/// The last build of a recipe since a run began, of those that have ended.
fn last_built(builds: Option<Vec<Build>>, recipe: &str, after: u64) -> Option<Build> {
    let mut builds = builds.unwrap_or_default();
    builds.retain(|it| it.number > after && it.parameter("RECIPE") == recipe && it.ended());
    builds.into_iter().max_by_key(|build| build.number)
}

/// What the looks at a recipe of the set are called.
fn set(recipe: &str) -> String {
    format!("set.{recipe}")
}

/// The upgrade of one recipe by the runs, as it is on record.
fn upgrade(name: &str) -> Run<'_> {
    Run {
        name,
        purpose: "V8a, by the flow",
        with_tests: false,
    }
}
