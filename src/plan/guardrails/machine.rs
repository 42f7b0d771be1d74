//! G4 and G5: what happened on the box.

use super::{Machine, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::swarm;
use crate::plan::gate::{asked, cut};
use crate::plan::sight::Named;
use crate::plan::{Ruling, blocked, certainly_broken, holds, unseen};
use serde_json::Value;
use std::collections::BTreeMap;

/// The step that ends the watch over deploys.
pub const DEPLOYS: &str = "close.deploys";

/// What is watched on the box; BLOCKED where it is not configured.
pub fn machine(witness: &Witness<'_>) -> Result<Machine, Doubt> {
    match watched(witness)?.machine {
        Some(machine) => Ok(machine),
        None => blocked("not attempted: how to ask the box is not configured (`host`)"),
    }
}

pub fn clones_stayed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    if machine.clones.is_empty() {
        return blocked("not attempted: no clone of a loop is configured (`host.clones`)");
    }
    let mut changed = Vec::new();
    for path in &machine.clones {
        let look = |when: &str| {
            let label = format!("{when}.clone.{path}");
            asked(witness, &label, &Question::Clone { path: path.clone() })?;
            witness.see::<Value>(&label)
        };
        let (before, after) = (look("open")?, look("close")?);
        let parts: Vec<&str> = ["head", "refs", "index", "config", "changed"]
            .into_iter()
            .filter(|part| before[*part] != after[*part])
            .collect();
        if before.get("head").is_none() || after.get("head").is_none() {
            return unseen(format!(
                "of `{}` it is not known where its HEAD stands",
                cut(path)
            ));
        }
        if !parts.is_empty() {
            changed.push(format!("`{}`: {}", cut(path), parts.join(", ")));
        }
    }
    if changed.is_empty() {
        return holds(format!("{} clones, each as it was", machine.clones.len()));
    }
    certainly_broken(
        changed.join("; "),
        "whoever changes tests has to make a clone of its own for it",
    )
}

pub fn one_deploy_at_a_time(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let is_ours = |stack: &str| {
        machine
            .stacks
            .iter()
            .any(|prefix| stack.starts_with(prefix.as_str()))
    };
    let before: Vec<Named> = witness.see("open.stacks")?;
    asked(witness, DEPLOYS, &Question::Deploys)?;
    let watched: swarm::Watched = witness.see(DEPLOYS)?;
    // Stacks that stand, by the services that were seen to come and not to go.
    let mut standing: BTreeMap<String, usize> = before
        .into_iter()
        .filter(|stack| is_ours(&stack.name))
        .map(|stack| (stack.name, usize::MAX / 2))
        .collect();
    let mut deploys = 0;
    for event in &watched.events {
        let Some((stack, _)) = event
            .name
            .rsplit_once('_')
            .filter(|(stack, _)| is_ours(stack))
        else {
            continue;
        };
        match event.action.as_str() {
            "create" => {
                if !standing.contains_key(stack) {
                    deploys += 1;
                    if let Some(other) = standing.keys().next() {
                        return certainly_broken(
                            format!(
                                "`{}` was deployed while `{}` still stood",
                                cut(stack),
                                cut(other)
                            ),
                            "one deploy has to be torn down before the next begins: the swarm is shared",
                        );
                    }
                }
                *standing.entry(stack.to_owned()).or_default() += 1;
            }
            "remove" => {
                if let Some(services) = standing.get_mut(stack) {
                    *services = services.saturating_sub(1);
                    if *services == 0 {
                        standing.remove(stack);
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(gap) = watched.gaps.first() {
        return unseen(format!(
            "nobody saw what was deployed from {} to {}: {}",
            gap.from.strftime("%H:%M:%S"),
            gap.until.strftime("%H:%M:%S"),
            cut(&gap.why)
        ));
    }
    holds(format!("{deploys} deploys, one after another"))
}
