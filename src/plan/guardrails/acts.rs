//! What the accounts did between the two looks, by the forge's own history of it.

use super::{MAIN, Watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::gate::{asked, cut, same_account};
use crate::plan::harness::hidden;
use crate::plan::sight::{Activity, Branch, Pull};
use crate::plan::unseen;
use std::collections::{BTreeMap, BTreeSet};

/// The step that sees the newest act of an account.
pub fn newest_label(when: &str, account: &str) -> String {
    format!("{when}.newest.{account}")
}

/// The step that sees what an account did between the two looks.
pub fn acts_label(account: &str) -> String {
    format!("acts.{account}")
}

/// What an account did between the two looks; in doubt where the forge does not show all of it.
pub fn acts(
    witness: &Witness<'_>,
    watched: &Watched,
    account: &str,
) -> Result<Vec<Activity>, Doubt> {
    let newest = |when: &str| {
        let label = newest_label(when, account);
        let account = account.to_owned();
        asked(witness, &label, &Question::LatestAct { account })?;
        witness.see::<u64>(&label)
    };
    let (after, latest) = (newest("open")?, newest("close")?);
    let label = acts_label(account);
    let question = Question::Activity {
        account: account.to_owned(),
        after,
    };
    asked(witness, &label, &question)?;
    let acts: Vec<Activity> = witness.see::<Option<_>>(&label)?.unwrap_or_default();
    // Accounts can keep what they do to themselves, from any moment on.
    if acts.is_empty() && latest == 0 {
        return unseen(format!(
            "the forge shows nothing that `{}` ever did: make that account's activity visible",
            cut(account)
        ));
    }
    // The gate has no part in what happens to repositories.
    if same_account(account, &watched.flow) {
        for repository in watched.reviewed() {
            if let Some(pull) = pulls(witness, "close", repository)?.first()
                && pull.may_hide_from(&acts)
            {
                return unseen(hidden(account, repository));
            }
        }
    }
    for (repository, pull) in opened(witness, watched, account)? {
        let told = acts.iter().any(|act| {
            act.op == "create_pull_request"
                && act.number() == Some(pull.number)
                && act.repository().eq_ignore_ascii_case(&repository)
        });
        if !told {
            return unseen(format!(
                "the forge does not show all that `{}` did: not that it opened {repository}#{}",
                cut(account),
                pull.number
            ));
        }
    }
    Ok(acts)
}

/// Every pull request of the repositories that are watched, as a look saw them.
pub fn pulls(witness: &Witness<'_>, when: &str, repository: &str) -> Result<Vec<Pull>, Doubt> {
    let label = format!("{when}.pulls.{repository}");
    let repository = repository.to_owned();
    asked(witness, &label, &Question::Pulls { repository })?;
    Ok(witness.see::<Option<_>>(&label)?.unwrap_or_default())
}

/// The pull requests that an account opened between the two looks: a control of what the forge remembers of the account.
pub fn opened(
    witness: &Witness<'_>,
    watched: &Watched,
    account: &str,
) -> Result<Vec<(String, Pull)>, Doubt> {
    let mut opened = Vec::new();
    for repository in watched.reviewed() {
        let known = pulls(witness, "open", repository)?;
        let last = known.iter().map(|pull| pull.number).max().unwrap_or(0);
        let now = pulls(witness, "close", repository)?.into_iter();
        let ours = now.filter(|pull| pull.number > last && same_account(&pull.user.login, account));
        opened.extend(ours.map(|pull| (repository.clone(), pull)));
    }
    Ok(opened)
}

/// Something that an account pushed to a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    pub account: String,
    pub repository: String,
    pub branch: String,
    /// Where the branch pointed to afterwards.
    pub head: String,
    /// What that is compared with: where the branch pointed to before, or where a new branch leaves what was there.
    pub from: Option<String>,
    /// How many commits the forge tells of.
    pub commits: u64,
}

impl Pushed {
    /// Whether the forge may have left out the oldest commits: of a new branch it goes back this far at most.
    pub fn may_be_cut(&self) -> bool {
        const TOLD: u64 = 10;
        self.commits >= TOLD
    }
}

/// What the accounts pushed, oldest first of each; in doubt where the forge does not tell what.
pub fn pushes<'a>(
    witness: &Witness<'_>,
    watched: &Watched,
    accounts: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Pushed>, Doubt> {
    let mut all = Vec::new();
    for account in accounts {
        let acts = acts(witness, watched, account)?;
        let told = told(account, &acts);
        for act in acts.iter().filter(|act| act.op == "commit_repo") {
            let Some(branch) = act.branch() else { continue };
            // A new branch is told twice, once without what it points to.
            let is_told = told.iter().any(|push| {
                push.branch == branch && push.repository.eq_ignore_ascii_case(act.repository())
            });
            if !is_told {
                return unseen(format!(
                    "the forge does not tell what `{}` pushed to `{}` of {}",
                    cut(account),
                    cut(branch),
                    cut(act.repository())
                ));
            }
        }
        all.extend(told);
    }
    Ok(all)
}

/// The pushes among the acts of an account that tell what was pushed.
pub fn told(account: &str, acts: &[Activity]) -> Vec<Pushed> {
    let pushes = acts.iter().filter(|act| act.op == "commit_repo");
    let pushes = pushes.filter_map(|act| {
        let (branch, push) = (act.branch()?, act.push()?);
        let from = push.range.map(|(from, _)| from);
        Some(Pushed {
            account: account.to_owned(),
            repository: act.repository().to_owned(),
            branch: branch.to_owned(),
            head: push.head,
            from: from.filter(|from| is_commit(from)),
            commits: push.commits,
        })
    });
    pushes.collect()
}

/// Whether it is a commit's full name, and not the one that stands for none.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0')
}

/// Where a repository's `main` stood; `None` where there was none.
pub fn main_at(
    witness: &Witness<'_>,
    watched: &Watched,
    when: &str,
    repository: &str,
) -> Result<Option<String>, Doubt> {
    let label = format!("{when}.main.{repository}");
    let question = Question::Branch {
        repository: repository.to_owned(),
        branch: watched.main_of(repository).to_owned(),
    };
    asked(witness, &label, &question)?;
    let branch: Option<Branch> = witness.see(&label)?;
    Ok(branch.map(|branch| branch.commit.sha))
}

/// Where upstream's `main` stood during the run, by mirror: at both looks, and wherever Gavel pushed it as a seed.
pub struct Upstreams {
    stood: BTreeMap<String, Vec<String>>,
    /// The mirrors whose upstream others pushed meanwhile: it may have stood elsewhere in between.
    moved_by_others: BTreeSet<String>,
}

impl Upstreams {
    pub fn read(witness: &Witness<'_>, watched: &Watched) -> Result<Self, Doubt> {
        let own = acts(witness, watched, &watched.gavel)?;
        let own = told(&watched.gavel, &own);
        let (mut stood, mut moved_by_others) = (BTreeMap::new(), BTreeSet::new());
        for (mirror, upstream) in &watched.mirrors {
            let mut at = Vec::new();
            if let Some(upstream) = upstream {
                at.extend(main_at(witness, watched, "open", upstream)?);
                let seeds = own.iter().filter(|push| {
                    push.branch == MAIN && push.repository.eq_ignore_ascii_case(upstream)
                });
                at.extend(seeds.map(|push| push.head.clone()));
                let close = main_at(witness, watched, "close", upstream)?;
                if close.as_ref().is_some_and(|close| !at.contains(close)) {
                    moved_by_others.insert(mirror.to_lowercase());
                }
                at.extend(close);
            }
            stood.insert(mirror.to_lowercase(), at);
        }
        Ok(Self {
            stood,
            moved_by_others,
        })
    }

    /// Whether this is a mirror whose upstream stood there.
    pub fn stood(&self, repository: &str, head: &str) -> bool {
        let stood = self.stood.get(&repository.to_lowercase());
        stood.is_some_and(|stood| stood.iter().any(|known| known == head))
    }

    /// Whether this is a mirror whose upstream others pushed meanwhile, perhaps more than once.
    pub fn were_moved_by_others(&self, repository: &str) -> bool {
        self.moved_by_others.contains(&repository.to_lowercase())
    }
}

pub fn short(commit: Option<&str>) -> String {
    match commit {
        Some(commit) => format!("`{}`", commit.get(..12).unwrap_or(commit)),
        None => "nothing".into(),
    }
}
