//! V9: cleanup. Closes what is on record for the run, and looks whether the world is as it was.

use super::bench::{Bench, Made, Stop};
use super::gate::{asked, cut};
use super::guardrails::machine::machine;
use super::guardrails::{Machine, Watched, inventory};
use super::sight::{Named, Session};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

pub const ITEM: Item = Item {
    id: super::CLEANUP,
    title: "Cleanup",
    does: "closes everything that the run opened, and compares the box with how it was at the start",
    needs: &[],
    clauses: &[
        ClauseSpec {
            id: "V9.1",
            says: "Every pull request opened during verification is closed, none merged",
            judge: pulls_closed,
        },
        ClauseSpec {
            id: "V9.2",
            says: "Their branches are gone, and what was moved is back",
            judge: branches_gone,
        },
        ClauseSpec {
            id: "V9.3",
            says: "Every sandbox deploy is torn down",
            judge: torn_down,
        },
        ClauseSpec {
            id: "V9.4",
            says: "The upgrader session of the verification is stopped",
            judge: session_stopped,
        },
        ClauseSpec {
            id: "V9.5",
            says: "The box is as it was",
            judge: box_as_it_was,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    bench.doing("closing what was opened").await;
    let made = bench.clean("cleaned").await?;
    for one in &made {
        match (one.kind.as_str(), one.number) {
            ("pull", Some(number)) => {
                let question = Question::Pull {
                    repository: one.repository.clone(),
                    number,
                };
                bench
                    .see::<Value>(&pull_label(one, number), question)
                    .await?;
            }
            ("branch", _) => {
                bench
                    .see::<Value>(&branch_label(one), branch_question(one))
                    .await?;
            }
            _ => {}
        }
    }
    bench.doing("looking whether the box is as it was").await;
    let watched: Watched = bench.see("watched", Question::Watched).await?;
    if let Some(machine) = watched.machine {
        for (what, question) in inventory(&machine) {
            bench.carry(&format!("open.{what}")).await?;
            bench
                .see::<Value>(&format!("after.{what}"), question)
                .await?;
        }
    }
    Ok(())
}

fn pull_label(made: &Made, number: u64) -> String {
    format!("pull.{}.{number}", made.repository)
}

fn branch_label(made: &Made) -> String {
    format!("branch.{}.{}", made.repository, made.name)
}

fn branch_question(made: &Made) -> Question {
    Question::Branch {
        repository: made.repository.clone(),
        branch: made.name.clone(),
    }
}

// The judge.

/// What the run made, as its record says after the cleanup.
fn made(witness: &Witness<'_>) -> Result<Vec<Made>, Doubt> {
    asked(witness, "cleaned", &Question::Cleaned)?;
    witness.see("cleaned")
}

/// A pull request's end.
#[derive(Deserialize)]
struct Ended {
    state: String,
    #[serde(default)]
    merged: bool,
}

fn pulls_closed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let made = made(witness)?;
    let mut closed = 0;
    let mut open = Vec::new();
    for one in made.iter().filter(|one| one.kind == "pull") {
        let Some(number) = one.number else {
            if one.ended.as_deref() == Some("never made") {
                continue;
            }
            return unseen(format!(
                "what became of the pull request from `{}` is not known",
                cut(&one.name)
            ));
        };
        let label = pull_label(one, number);
        let question = Question::Pull {
            repository: one.repository.clone(),
            number,
        };
        asked(witness, &label, &question)?;
        let pull: Ended = witness.see(&label)?;
        if pull.merged {
            return certainly_broken(
                format!("{}#{number} is merged", one.repository),
                "undo the merge by hand, and find who was able to do it",
            );
        }
        if pull.state == "open" {
            open.push(format!("{}#{number}", one.repository));
        } else {
            closed += 1;
        }
    }
    if open.is_empty() {
        return holds(format!("{closed} pull requests, all closed, none merged"));
    }
    broken(
        format!("{} could not be closed", open.join(", ")),
        "`/cleanup` tries again; Gavel needs write access to the repository",
    )
}

fn branches_gone(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let made = made(witness)?;
    let mut there = Vec::new();
    let mut gone = 0;
    for one in &made {
        match one.kind.as_str() {
            "branch" => {
                let label = branch_label(one);
                asked(witness, &label, &branch_question(one))?;
                let branch: Value = witness.see(&label)?;
                if branch.is_null() {
                    gone += 1;
                } else {
                    there.push(format!("`{}` of {}", cut(&one.name), one.repository));
                }
            }
            "pull" => {}
            _ if one.ended.is_none() => there.push(format!(
                "`{}` of {}, which was moved",
                cut(&one.name),
                one.repository
            )),
            _ => gone += 1,
        }
    }
    if there.is_empty() {
        return holds(format!("{gone} branches, none of them left as it was made"));
    }
    broken(
        format!("still there: {}", there.join(", ")),
        "`/cleanup` tries again; Gavel needs write access to the repository",
    )
}

/// A look at the start and one after the cleanup, at the same.
fn both<T: serde::de::DeserializeOwned>(
    witness: &Witness<'_>,
    machine: &Machine,
    what: &str,
) -> Result<(T, T), Doubt> {
    let all = inventory(machine);
    let question = all
        .iter()
        .find(|(name, _)| name == what)
        .map(|(_, question)| question);
    let Some(question) = question else {
        return unseen(format!("`{what}` is not looked at"));
    };
    let (before, after) = (format!("open.{what}"), format!("after.{what}"));
    asked(witness, &before, question)?;
    asked(witness, &after, question)?;
    Ok((witness.see(&before)?, witness.see(&after)?))
}

fn torn_down(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let (before, after): (Vec<Named>, Vec<Named>) = both(witness, &machine, "stacks")?;
    let ours = |stack: &&Named| {
        machine
            .stacks
            .iter()
            .any(|prefix| stack.name.starts_with(prefix.as_str()))
    };
    let left: Vec<String> = after
        .iter()
        .filter(ours)
        .filter(|stack| before.iter().all(|known| known.name != stack.name))
        .map(|stack| format!("`{}`", cut(&stack.name)))
        .collect();
    if left.is_empty() {
        return holds(format!(
            "none of {} stacks is of a sandbox recipe of this run",
            after.len()
        ));
    }
    broken(
        format!("still deployed: {}", left.join(", ")),
        "whoever deploys has to tear down, whatever happens; `docker stack rm` removes it now",
    )
}

fn session_stopped(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let Some(name) = &machine.session else {
        return blocked("not attempted: the launcher is not configured (`flow.launcher`)");
    };
    let (before, after): (Vec<Session>, Vec<Session>) = both(witness, &machine, "sessions")?;
    let known = before.iter().find(|session| session.name == *name);
    match (known, after.iter().find(|session| session.name == *name)) {
        (_, None) => holds(format!("no session `{}`", cut(name))),
        (Some(known), Some(there)) if known.id == there.id => holds(format!(
            "the session `{}` is the one that was there before",
            cut(name)
        )),
        (_, Some(_)) => broken(
            format!("the session `{}` is still there", cut(name)),
            "`launch-upgrader.sh stop` ends it",
        ),
    }
}

fn box_as_it_was(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let mut wrong = Vec::new();
    let (before, after): (Vec<Named>, Vec<Named>) = both(witness, &machine, "volumes")?;
    for volume in after.iter().filter(|volume| !before.contains(volume)) {
        if machine
            .stacks
            .iter()
            .any(|prefix| volume.name.starts_with(prefix.as_str()))
        {
            wrong.push(format!("the volume `{}` was left", cut(&volume.name)));
        }
    }
    let (before, after): (Value, Value) = both(witness, &machine, "crontab")?;
    if before != after {
        wrong.push("the crontab has changed".to_owned());
    }
    for folder in &machine.scratch {
        let (before, after): (BTreeSet<String>, BTreeSet<String>) =
            both(witness, &machine, &format!("entries.{folder}"))?;
        for entry in after.difference(&before) {
            wrong.push(format!("`{}` was left in `{}`", cut(entry), cut(folder)));
        }
    }
    let (before, after): (Vec<Session>, Vec<Session>) = both(witness, &machine, "sessions")?;
    let gone: Vec<String> = before
        .iter()
        .filter(|session| after.iter().all(|there| there.id != session.id))
        .map(|session| format!("`{}`", cut(&session.name)))
        .collect();
    if !wrong.is_empty() {
        return broken(wrong.join("; "), "whoever made it has to remove it again");
    }
    if !gone.is_empty() {
        return unseen(format!(
            "gone is the session {}: whether the flow ended it or its owner did, cannot be told from here",
            gone.join(", ")
        ));
    }
    holds(format!(
        "volumes, crontab, {} sessions and {} folders are as they were",
        before.len(),
        machine.scratch.len()
    ))
}
