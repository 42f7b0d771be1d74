//! G1, G3 and G7: what the accounts did, by the forge's own history of it, and where `main` stands.

use super::{MAIN, Watched, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::gate::{asked, cut};
use crate::plan::sight::Activity;
use crate::plan::{Ruling, broken, certainly_broken, holds, unseen};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What an account did between the two looks.
fn acts(witness: &Witness<'_>, account: &str) -> Result<Vec<Activity>, Doubt> {
    let before = format!("open.acts.{account}");
    let question = Question::LatestAct {
        account: account.to_owned(),
    };
    asked(witness, &before, &question)?;
    let after: u64 = witness.see(&before)?;
    let label = format!("close.acts.{account}");
    let question = Question::Activity {
        account: account.to_owned(),
        after,
    };
    asked(witness, &label, &question)?;
    let acts: Vec<Activity> = witness.see::<Option<_>>(&label)?.unwrap_or_default();
    // Accounts can keep what they do to themselves.
    if after == 0 && acts.is_empty() {
        return unseen(format!(
            "the forge has never shown anything that `{}` did: make that account's activity visible",
            cut(account)
        ));
    }
    Ok(acts)
}

pub fn nothing_merged(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let mut merged = Vec::new();
    let mut seen = 0;
    for account in watched.accounts() {
        for act in acts(witness, account)? {
            seen += 1;
            if matches!(
                act.op.as_str(),
                "merge_pull_request" | "auto_merge_pull_request"
            ) {
                merged.push(format!(
                    "`{}` merged {}#{}",
                    cut(account),
                    cut(act.repository()),
                    act.number().unwrap_or_default()
                ));
            }
        }
    }
    if merged.is_empty() {
        return holds(format!(
            "{seen} acts of {} accounts, no merge among them",
            watched.accounts().count()
        ));
    }
    certainly_broken(
        merged.join("; "),
        "whoever merged must not be able to: take the right to merge from the account, and the call from the program",
    )
}

/// Where a repository's `main` stood; `None` where there was none.
fn main_at(witness: &Witness<'_>, when: &str, repository: &str) -> Result<Option<String>, Doubt> {
    let label = format!("{when}.main.{repository}");
    let question = Question::Branch {
        repository: repository.to_owned(),
        branch: MAIN.into(),
    };
    asked(witness, &label, &question)?;
    let branch: Value = witness.see(&label)?;
    Ok(branch["commit"]["id"].as_str().map(str::to_owned))
}

/// Where upstream's `main` stood during the run, by mirror: at both looks, and wherever Gavel pushed it as a seed.
struct Upstreams(BTreeMap<String, BTreeSet<String>>);

impl Upstreams {
    fn read(witness: &Witness<'_>, watched: &Watched) -> Result<Self, Doubt> {
        let own = acts(witness, &watched.gavel)?;
        let mut stood = BTreeMap::new();
        for (mirror, upstream) in &watched.mirrors {
            let mut at = BTreeSet::new();
            if let Some(upstream) = upstream {
                at.extend(main_at(witness, "open", upstream)?);
                at.extend(main_at(witness, "close", upstream)?);
                let seeds = own.iter().filter(|act| {
                    act.branch() == Some(MAIN) && act.repository().eq_ignore_ascii_case(upstream)
                });
                at.extend(seeds.filter_map(Activity::push).map(|push| push.head));
            }
            stood.insert(mirror.to_lowercase(), at);
        }
        Ok(Self(stood))
    }

    /// Whether this is a mirror whose upstream stood there. A branch that is set back is told without a commit: then where it stood in the
    /// end tells, see [`mains_stayed`].
    fn allow(&self, repository: &str, head: Option<&str>) -> bool {
        let stood = self.0.get(&repository.to_lowercase());
        stood.is_some_and(|stood| head.is_none_or(|head| stood.contains(head)))
    }
}

pub fn mains_stayed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let upstreams = Upstreams::read(witness, &watched)?;
    let mut wrong = Vec::new();
    let mut followed = 0;
    for account in watched.accounts() {
        for act in acts(witness, account)? {
            if act.branch() != Some(MAIN) || act.op != "commit_repo" {
                continue;
            }
            let head = act.push().map(|push| push.head);
            let repository = act.repository();
            let is_seed = *account == watched.gavel
                && watched.is_sandbox(repository)
                && !repository.eq_ignore_ascii_case(&watched.suite);
            if upstreams.allow(repository, head.as_deref()) {
                followed += 1;
            } else if !is_seed {
                wrong.push(format!(
                    "`{}` pushed {} to `main` of {}",
                    cut(account),
                    short(head.as_deref()),
                    cut(repository)
                ));
            }
        }
    }
    if !wrong.is_empty() {
        return certainly_broken(
            wrong.join("; "),
            "whoever pushed `main` has to work on a branch, and leave a mirror's `main` to upstream",
        );
    }
    for mirror in watched.mirrors.keys() {
        let (before, after) = both_mains(witness, mirror)?;
        if before != after && !upstreams.allow(mirror, Some(after.as_deref().unwrap_or_default())) {
            return broken(
                format!(
                    "`main` of {mirror} went from {} to {}, where upstream's never stood",
                    short(before.as_deref()),
                    short(after.as_deref())
                ),
                "find who moved it: none of the accounts that are watched says that it did",
            );
        }
    }
    let (before, after) = both_mains(witness, &watched.suite)?;
    let others = match before == after {
        true => "",
        false => "; others moved the suite's",
    };
    holds(match followed {
        0 => format!("nobody here pushed a `main`{others}"),
        count => format!("{count} pushes to a mirror's `main`, each to upstream's{others}"),
    })
}

fn both_mains(
    witness: &Witness<'_>,
    repository: &str,
) -> Result<(Option<String>, Option<String>), Doubt> {
    Ok((
        main_at(witness, "open", repository)?,
        main_at(witness, "close", repository)?,
    ))
}

pub fn stayed_in_the_sandbox(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for account in &watched.accused {
        for act in acts(witness, account)? {
            seen += 1;
            if !watched.is_sandbox(act.repository()) {
                wrong.insert(format!(
                    "`{}` in {}, by `{}`",
                    cut(&act.op),
                    cut(act.repository()),
                    cut(account)
                ));
            }
        }
    }
    if wrong.is_empty() {
        return holds(format!("{seen} acts, all in the sandbox's repositories"));
    }
    certainly_broken(
        wrong.into_iter().collect::<Vec<_>>().join("; "),
        "restrict the flow's command to the sandbox recipes, or the account to their repositories",
    )
}

fn short(commit: Option<&str>) -> String {
    match commit {
        Some(commit) => format!("`{}`", commit.get(..12).unwrap_or(commit)),
        None => "nothing".into(),
    }
}
