//! V9: cleanup. Looks what is left when the last build has ended, closes what is on record, and looks whether the world is as it was.

mod judge;

use super::bench::{Bench, Made, Owners, PROTECTED, Stop, Tested};
use super::beside;
use super::guardrails::{Machine, Watched, inventory};
use super::{ClauseSpec, Item};
use crate::evidence::Question;
use futures_util::FutureExt;
use serde_json::Value;
use std::collections::BTreeSet;

pub const ITEM: Item = Item {
    id: super::CLEANUP,
    title: "Cleanup",
    does: "closes everything that the run opened, removes what was left deployed, ends its session, and compares the box with how it was at the start",
    needs: &[],
    lacks: |_| None,
    clauses: &[
        ClauseSpec {
            id: "V9.1",
            says: "Every pull request opened during verification is closed, none merged",
            judge: judge::pulls_closed,
        },
        ClauseSpec {
            id: "V9.2",
            says: "Their branches are gone, and what was moved is back",
            judge: judge::branches_gone,
        },
        ClauseSpec {
            id: "V9.3",
            says: "Every sandbox deploy is torn down",
            judge: judge::torn_down,
        },
        ClauseSpec {
            id: "V9.4",
            says: "The upgrader session of the verification is stopped",
            judge: judge::session_stopped,
        },
        ClauseSpec {
            id: "V9.5",
            says: "The box is as it was",
            judge: judge::box_as_it_was,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let recorded = bench.recorded("recorded").await?;
    let watched: Watched = bench.see("watched", Question::Watched).await?;
    bench.doing("waiting for the last builds to end").await;
    wait_for_builds(bench, &watched, &recorded).boxed().await?;
    let machine = watched.machine.clone();
    if let Some(machine) = &machine {
        bench.doing("looking at what is left").await;
        for (what, _) in inventory(machine) {
            go_on(bench.carry(&format!("open.{what}")).await)?;
        }
        go_on(look(bench, machine, "left").await)?;
    }
    bench.doing("looking for what else the flow opened").await;
    go_on(beside::adopt(bench, &watched).await)?;
    bench.doing("closing what was opened").await;
    let made = bench.clean("cleaned").await?;
    if made.iter().any(|one| question(one).is_some()) {
        // What somebody opens again does not stay closed.
        bench.quiet("quiet").await?;
    }
    let looks = made.iter().filter_map(question);
    go_on(bench.see_all(looks).await)?;
    reopen(bench, &made).await?;
    let Some(machine) = machine else {
        return Ok(());
    };
    bench.doing("looking whether the box is as it was").await;
    go_on(look(bench, &machine, "after").await)?;
    let running = made.iter().filter_map(running);
    go_on(bench.see_all(running).await)?;
    for folder in &machine.scratch {
        users(bench, folder).await?;
    }
    Ok(())
}

/// What could not be seen is its judges' business.
fn go_on(seen: Result<(), Stop>) -> Result<(), Stop> {
    match seen {
        Err(Stop::Unseen(_)) => Ok(()),
        seen => seen,
    }
}

async fn look(bench: &Bench, machine: &Machine, when: &str) -> Result<(), Stop> {
    let looks = inventory(machine).into_iter();
    let looks = looks.map(|(what, question)| (format!("{when}.{what}"), question));
    bench.see_all(looks).await
}

/// Whatever the run had tested tears its deploys down itself until then.
async fn wait_for_builds(bench: &Bench, watched: &Watched, recorded: &[Made]) -> Result<(), Stop> {
    let Some(after) = first_build(recorded) else {
        return Ok(());
    };
    let pulls = pulls(watched, recorded);
    let are_over = |builds: &Option<Vec<Tested>>| {
        let owners = Owners {
            pattern: "",
            sandbox: &[],
            builds: builds.as_deref().unwrap_or_default(),
            pulls: &pulls,
        };
        owners.running().is_none()
    };
    let question = Question::Builds { after };
    let seen = bench
        .watch("builds", question, bench.expect.build, are_over)
        .await;
    go_on(seen.map(drop))
}

/// Every build after this one may be of the run.
fn first_build(made: &[Made]) -> Option<u64> {
    let deploys = made.iter().filter_map(|one| one.deployed.as_ref());
    deploys.filter_map(|deployed| deployed.builds).min()
}

/// The run's pull requests in mirrors, by recipe and number.
fn pulls(watched: &Watched, made: &[Made]) -> BTreeSet<(String, u64)> {
    let pulls = made.iter().filter_map(|one| {
        let mut mirrors = watched.mirrors.keys();
        let mirror = mirrors.find(|mirror| mirror.eq_ignore_ascii_case(&one.repository))?;
        let (_, recipe) = mirror.split_once('/')?;
        Some((recipe.to_owned(), one.number?))
    });
    pulls.collect()
}

/// How something that was closed is looked at again, and under which label.
fn question(made: &Made) -> Option<(String, Question)> {
    let repository = made.repository.clone();
    match (made.kind.as_str(), made.number) {
        ("pull", Some(number)) => {
            let question = Question::Pull { repository, number };
            Some((pull_label(made, number), question))
        }
        ("branch", _) => {
            let branch = made.name.clone();
            let question = Question::Branch { repository, branch };
            Some((branch_label(made), question))
        }
        _ => None,
    }
}

fn pull_label(made: &Made, number: u64) -> String {
    format!("pull.{}.{number}", made.repository)
}

fn branch_label(made: &Made) -> String {
    format!("branch.{}.{}", made.repository, made.name)
}

/// The processes of a session, and the label under which they are looked at.
fn running(made: &Made) -> Option<(String, Question)> {
    let processes = made.launched.as_ref()?.processes.clone();
    let label = format!("after.running.{}", made.name);
    Some((label, Question::Running { processes }))
}

/// Puts on record again what does not stay closed.
async fn reopen(bench: &Bench, made: &[Made]) -> Result<(), Stop> {
    const PURPOSE: &str = "V9, opened again by somebody";
    for one in made.iter().filter(|one| one.kind == "pull") {
        let Some((label, _)) = question(one) else {
            continue;
        };
        let seen = bench.recalled::<Value>(&label).await;
        if let (Ok(pull), Some(number)) = (seen, one.number)
            && pull["state"] == "open"
        {
            bench
                .adopt_pull(&one.repository, &one.name, number, PURPOSE)
                .await?;
        }
    }
    let is_a_branch = |one: &&Made| one.kind == "branch" && one.ended.as_deref() != Some(PROTECTED);
    for one in made.iter().filter(is_a_branch) {
        let seen = bench.recalled::<Value>(&branch_label(one)).await;
        if seen.is_ok_and(|branch| !branch.is_null()) {
            bench
                .expect_branch(&one.repository, &one.name, PURPOSE)
                .await?;
        }
    }
    Ok(())
}

/// Who still works in what is new in a folder.
async fn users(bench: &Bench, folder: &str) -> Result<(), Stop> {
    let names = |label: String| async move { bench.recalled::<BTreeSet<String>>(&label).await };
    let before = names(format!("open.entries.{folder}")).await;
    let after = names(format!("after.entries.{folder}")).await;
    let (Ok(before), Ok(after)) = (before, after) else {
        return Ok(());
    };
    if after.is_subset(&before) {
        return Ok(());
    }
    let folder = folder.to_owned();
    let label = format!("after.users.{folder}");
    bench.note(&label, Question::Users { folder }).await
}
