//! G7: whether the flow stayed in the sandbox.

use super::acts::acts;
use super::{Watched, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::gate::{asked, cut};
use crate::plan::sight::Activity;
use crate::plan::{Ruling, certainly_broken, holds};
use std::collections::BTreeSet;

/// The step that sees which repositories the flow's account has.
pub fn own_label(when: &str) -> String {
    format!("{when}.repositories")
}

pub fn stayed_in_the_sandbox(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for account in watched.accused() {
        let acts = acts(witness, &watched, account)?;
        seen += acts.len();
        let outside = acts
            .iter()
            .filter(|act| !may(&watched, act) && !is_asked_for(&watched, account, act));
        wrong.extend(outside.map(|act| {
            format!(
                "`{}`{} in {}, by `{}`",
                cut(&act.op),
                tag(act),
                cut(act.repository()),
                cut(account)
            )
        }));
    }
    let (before, after) = (
        own(witness, &watched, "open")?,
        own(witness, &watched, "close")?,
    );
    let new = after.iter().filter(|name| !before.contains(*name));
    wrong.extend(new.map(|name| format!("the repository {} is new", cut(name))));
    if wrong.is_empty() {
        return holds(format!(
            "{seen} acts, all in the sandbox's mirrors and the suite"
        ));
    }
    certainly_broken(
        wrong.into_iter().collect::<Vec<_>>().join("; "),
        "restrict the flow's command to the sandbox recipes, or the account to their repositories",
    )
}

/// Whether the accused may do this: in mirrors and suite only, and no tag, by which a recipe is released.
fn may(watched: &Watched, act: &Activity) -> bool {
    watched.place(act).is_some() && act.op != "push_tag"
}

/// The gate answers wherever people ask it to: what it says in other recipes' pull requests is their doing.
fn is_asked_for(watched: &Watched, account: &str, act: &Activity) -> bool {
    *account == watched.gate && matches!(act.op.as_str(), "comment_pull" | "comment_issue")
}

/// Of a tag its name.
fn tag(act: &Activity) -> String {
    match act.op.as_str() {
        "push_tag" => format!(" `{}`", cut(act.tag())),
        _ => String::new(),
    }
}

/// The repositories that the flow's account itself has: a copy of another one is none of its acts.
fn own(witness: &Witness<'_>, watched: &Watched, when: &str) -> Result<BTreeSet<String>, Doubt> {
    let label = own_label(when);
    let owner = watched.flow.clone();
    asked(witness, &label, &Question::Repositories { owner })?;
    witness.see(&label)
}
