//! What is said of what was seen. Pure: the same sights always give the same checks.

mod drone;
mod forge;
mod hooks;
mod machine;
mod own;
mod rights;
#[cfg(test)]
mod tests;

pub use hooks::{address, wrong};
pub use rights::{Right, needed};

use super::check::{Check, Outcome, Ruling};
use super::look::{Because, Look, Saw, Seen, Unseen};
use crate::config::{Config, Problem};
use crate::plan::{self, expect::Expectations};
use std::path::Path;

/// The one check that there is where the configuration cannot be used.
pub fn unusable(path: &Path, problems: &[Problem]) -> Vec<Check> {
    let checks = problems.iter().map(|problem| Check {
        name: "configuration",
        about: problem.key.clone(),
        asked: format!("{}, line {}", path.display(), problem.line),
        outcome: Outcome::Failed,
        seen: problem.what.clone(),
        mend: problem.mend.clone(),
    });
    let rest = Check {
        name: "everything-else",
        about: String::new(),
        asked: "nobody".into(),
        outcome: Outcome::NotChecked,
        seen: "not checked, since `configuration` failed".into(),
        mend: String::new(),
    };
    checks.chain([rest]).collect()
}

/// The configuration itself, and the items for which it lacks something.
pub fn configuration(config: &Config, path: &Path) -> Vec<Check> {
    let lacking = plan::unconfigured(&Expectations::from_config(config));
    let items = match &lacking[..] {
        [] => Ruling::ok("every item has what it needs"),
        lacking => {
            let lines = lacking.iter().map(|(item, why)| format!("{item}: {why}"));
            Ruling::warning(
                format!(
                    "these items will be BLOCKED: {}",
                    lines.collect::<Vec<_>>().join("; ")
                ),
                "Configure what is missing, as deploy/gavel.example.toml shows, or verify the other items",
            )
        }
    };
    let asked = path.display().to_string();
    [
        ("configuration", Ruling::ok("it can be used")),
        ("items", items),
    ]
    .map(|(name, ruling)| ruled(name, "", &asked, ruling))
    .into()
}

/// Everything else, in the order in which things are mended.
pub fn all(config: &Config, seen: &Seen) -> Vec<Check> {
    [
        machine::checks(config, &seen.machine),
        own::checks(config, &seen.own),
        forge::checks(config, &seen.forge),
        rights::checks(config, &seen.forge, &seen.places),
        hooks::checks(config, &seen.places, &seen.own),
        drone::checks(config, &seen.drone),
        drone::images(&seen.images),
    ]
    .concat()
}

fn ruled(name: &'static str, about: &str, asked: &str, ruling: Ruling) -> Check {
    Check {
        name,
        about: about.into(),
        asked: asked.into(),
        outcome: ruling.outcome,
        seen: ruling.seen,
        mend: ruling.mend,
    }
}

/// A check of what is there by what it is, and of what is not there by why not.
fn check<T>(
    name: &'static str,
    about: &str,
    look: &Look<T>,
    there: impl FnOnce(&T) -> Ruling,
    not: impl FnOnce(&Unseen) -> Ruling,
) -> Check {
    let ruling = match &look.saw {
        Saw::This(value) => there(value),
        Saw::Nothing(unseen) => not(unseen),
        Saw::Unasked(since) => Ruling {
            outcome: Outcome::NotChecked,
            seen: format!("not checked, since `{since}` failed"),
            mend: String::new(),
        },
    };
    ruled(name, about, &look.asked, ruling)
}

/// What is said where the forge did not answer a question, and nothing is known of it but why.
fn unseen(unseen: &Unseen) -> Ruling {
    let mend = match unseen.because {
        Because::Gone => "Check the name, and that Gavel's account may see it",
        Because::Stranger => "Make a new token, and put it into the token's file",
        Because::Scope => "Make a token with the scopes that the README names",
        Because::Right => "Give the account the right that it lacks",
        Because::Down => "Start it, or mend the address",
        Because::Other => "Look at what it says",
    };
    Ruling::failed(&unseen.why, mend)
}
