//! G1: whether anything was merged, by what the accounts did and by what the forge shows of each pull request.

use super::acts::{Pushed, Upstreams, acts, acts_label, pulls, told};
use super::{Watched, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::bench::{Bench, Stop};
use crate::plan::gate::{asked, cut, same_account};
use crate::plan::sight::{Activity, Pull};
use crate::plan::{Ruling, certainly_broken, holds, unseen};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the act is that somebody merged.
fn is_merge(act: &Activity) -> bool {
    matches!(
        act.op.as_str(),
        "merge_pull_request" | "auto_merge_pull_request"
    )
}

fn label(repository: &str, number: u64) -> String {
    format!("merged.{repository}.{number}")
}

/// Looks at every pull request that an account is said to have merged where the forge may say so by itself.
pub(super) async fn look(bench: &Bench, watched: &Watched) -> Result<(), Stop> {
    let mut merged = BTreeMap::new();
    for account in watched.accounts() {
        let acts: Option<Vec<Activity>> = bench.recalled(&acts_label(account)).await?;
        let acts = acts.unwrap_or_default().into_iter();
        for act in acts.filter(|act| is_merge(act) && act.detects_merges()) {
            let (repository, number) = (act.repository(), act.number().unwrap_or_default());
            let question = Question::Pull {
                repository: repository.to_owned(),
                number,
            };
            merged.insert(label(repository, number), question);
        }
    }
    bench.see_all(merged).await
}

pub fn nothing_merged(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let mut found = Found {
        upstreams: Upstreams::read(witness, &watched)?,
        pushed: Vec::new(),
        merged: BTreeSet::new(),
        doubts: BTreeSet::new(),
    };
    let mut seen = 0;
    let mut merges = Vec::new();
    for account in watched.accounts() {
        let acts = acts(witness, &watched, account)?;
        seen += acts.len();
        found.pushed.extend(told(account, &acts));
        merges.extend(acts.into_iter().filter(is_merge).map(|act| (account, act)));
    }
    for (account, act) in merges {
        let (repository, number) = (act.repository(), act.number().unwrap_or_default());
        let pull = match act.detects_merges() {
            true => Some(the_pull(witness, repository, number)?),
            false => None,
        };
        found.by(account, repository, number, pull.as_ref());
    }
    let mut looked_at = 0;
    for repository in watched.reviewed() {
        let before = pulls(witness, "open", repository)?;
        let known = |number: u64| {
            before
                .iter()
                .any(|pull| pull.number == number && pull.merged)
        };
        for pull in pulls(witness, "close", repository)? {
            looked_at += 1;
            if pull.merged && !known(pull.number) {
                found.shown(&watched, repository, &pull);
            }
        }
    }
    if !found.merged.is_empty() {
        let merged: Vec<String> = found.merged.into_iter().collect();
        return certainly_broken(
            merged.join("; "),
            "whoever merged must not be able to: take the right to merge from the account, and the call from the program",
        );
    }
    match found.doubts.into_iter().next() {
        Some(doubt) => unseen(doubt),
        None => holds(format!(
            "{seen} acts of {} accounts, no merge among them, and none of theirs among {looked_at} pull requests is merged",
            watched.accounts().count()
        )),
    }
}

fn the_pull(witness: &Witness<'_>, repository: &str, number: u64) -> Result<Pull, Doubt> {
    let label = label(repository, number);
    let question = Question::Pull {
        repository: repository.to_owned(),
        number,
    };
    asked(witness, &label, &question)?;
    witness.see(&label)
}

/// The merges that were found, what may be one, and what tells the two apart.
struct Found {
    upstreams: Upstreams,
    pushed: Vec<Pushed>,
    merged: BTreeSet<String>,
    doubts: BTreeSet<String>,
}

impl Found {
    /// An account merged, by what the forge remembers or shows.
    fn by(&mut self, account: &str, repository: &str, number: u64, pull: Option<&Pull>) {
        let (account, repository) = (cut(account), cut(repository));
        if pull.is_some_and(|pull| self.detected(pull, &repository)) {
            self.doubts.insert(format!(
                "{repository}#{number} is shown as merged by `{account}`, but the forge says so by itself once the commits stand on `main`, which only followed upstream; switch that off for the mirror (`autodetect_manual_merge`)"
            ));
        } else {
            self.merged
                .insert(format!("`{account}` merged {repository}#{number}"));
        }
    }

    /// A pull request is merged, and was not at the first look.
    fn shown(&mut self, watched: &Watched, repository: &str, pull: &Pull) {
        let one_of = |login: &str| {
            watched
                .accounts()
                .find(|account| same_account(account, login))
        };
        if let Some(account) = one_of(&pull.merged_by.login) {
            self.by(account, repository, pull.number, Some(pull));
        } else if let Some(account) = one_of(&pull.user.login) {
            // What others make of their own pull requests is theirs.
            self.doubts.insert(format!(
                "{repository}#{}, which `{}` opened, was merged by `{}`, who has no part in this; verify again",
                pull.number,
                cut(account),
                cut(&pull.merged_by.login)
            ));
        }
    }

    /// Whether the forge itself may have taken a pull request for merged: it finds the commits on a `main` that only followed upstream.
    /// Whoever merges leaves a push of the merge.
    fn detected(&self, pull: &Pull, repository: &str) -> bool {
        let is_the_merge = |push: &Pushed| {
            push.head == pull.merge_commit_sha
                && push.branch == pull.base.branch
                && push.repository.eq_ignore_ascii_case(repository)
                && !self.upstreams.stood(repository, &push.head)
        };
        pull.base.repo.autodetect_manual_merge && !self.pushed.iter().any(is_the_merge)
    }
}
