//! What the flow made beside what a scenario looked for, by the forge's own history of its account: put on record, so that cleanup closes
//! it. Looked at above, read by the cleanup's judges below.

use super::bench::{Bench, Made, Stop};
use super::gate::{asked, cut, same_account};
use super::guardrails::{Watched, known_branches, newest_act};
use super::sight::{Activity, Branch, ChangedFile, Pull};
use super::unseen;
use crate::evidence::{Doubt, Question, Witness};
use std::collections::{BTreeMap, BTreeSet};

/// The step that sees what the flow's account did since the first look.
pub const ACTS: &str = "beside.acts";
const PURPOSE: &str = "by the flow, and of no scenario";

/// A branch of a repository.
type Place = (String, String);

/// Looks at what the flow's account did since the first look, and puts on record what is of this run and is not there yet.
pub async fn adopt(bench: &Bench, watched: &Watched) -> Result<(), Stop> {
    let account = watched.flow.clone();
    let newest = newest_act(&account);
    bench.carry(&newest).await?;
    let after = bench.recalled(&newest).await?;
    let question = Question::Activity { account, after };
    let acts: Option<Vec<Activity>> = bench.see(ACTS, question).await?;
    let acts = acts.unwrap_or_default();
    let recorded = bench.recorded("beside.recorded").await?;
    for (repository, number) in opened(watched, &acts, &recorded) {
        adopt_pull(bench, watched, &repository, number).await?;
    }
    for (repository, branch) in pushed(watched, &acts, &recorded) {
        let known = known_branches(bench, &repository).await?;
        if known.is_some_and(|known| is_new(&known, &branch)) {
            bench.expect_branch(&repository, &branch, PURPOSE).await?;
        }
    }
    Ok(())
}

async fn adopt_pull(
    bench: &Bench,
    watched: &Watched,
    repository: &str,
    number: u64,
) -> Result<(), Stop> {
    let (label, question) = pull(repository, number);
    let pull: Pull = bench.see(&label, question).await?;
    if !is_of_the_run(bench, watched, "beside", repository, number).await? {
        return Ok(());
    }
    let known = known_branches(bench, repository).await?;
    bench
        .adopt(repository, &pull, known.as_deref(), PURPOSE)
        .await
}

/// Whether a pull request that the flow's account opened meanwhile is of the run, and so to be closed: in a mirror any is; in the suite,
/// where others use the same account, one that is about nothing but tests of the sandbox.
pub async fn is_of_the_run(
    bench: &Bench,
    watched: &Watched,
    name: &str,
    repository: &str,
    number: u64,
) -> Result<bool, Stop> {
    if !watched.is_suite(repository) {
        return Ok(true);
    }
    let (label, question) = files(name, repository, number);
    let files: Option<Vec<ChangedFile>> = bench.see(&label, question).await?;
    let files = files.unwrap_or_default();
    let of_the_sandbox = |file: &ChangedFile| watched.tests_sandbox(&file.filename);
    Ok(!files.is_empty() && files.iter().all(of_the_sandbox))
}

fn pull(repository: &str, number: u64) -> (String, Question) {
    let label = format!("beside.pull.{repository}.{number}");
    let repository = repository.to_owned();
    (label, Question::Pull { repository, number })
}

/// The look at what a pull request of the suite changes, in a step of this name.
pub fn files(name: &str, repository: &str, number: u64) -> (String, Question) {
    let label = format!("{name}.files.{repository}.{number}");
    let repository = repository.to_owned();
    (label, Question::PullFiles { repository, number })
}

fn is_new(known: &[Branch], branch: &str) -> bool {
    known.iter().all(|known| known.name != branch)
}

/// The pull requests that were opened in mirrors and suite and are not on record.
fn opened(watched: &Watched, acts: &[Activity], recorded: &[Made]) -> BTreeSet<(String, u64)> {
    let opened = acts.iter().filter(|act| act.op == "create_pull_request");
    let opened = opened.filter_map(|act| Some((watched.place(act)?, act.number()?)));
    let is_known = |(repository, number): &(String, u64)| {
        recorded.iter().any(|made| {
            made.kind == "pull"
                && made.number == Some(*number)
                && same_account(&made.repository, repository)
        })
    };
    opened.filter(|one| !is_known(one)).collect()
}

/// The branches of mirrors that were pushed, are no `main`, and are not on record.
fn pushed(watched: &Watched, acts: &[Activity], recorded: &[Made]) -> BTreeSet<Place> {
    let mut pushed = branches(watched, acts);
    pushed.retain(|(repository, branch)| {
        let is_it = |made: &Made| {
            matches!(made.kind.as_str(), "branch" | "moved")
                && made.name == *branch
                && same_account(&made.repository, repository)
        };
        !watched.is_suite(repository) && !recorded.iter().any(is_it)
    });
    pushed
}

/// The branches of mirrors and suite that were pushed and are no `main`.
fn branches(watched: &Watched, acts: &[Activity]) -> BTreeSet<Place> {
    let pushes = acts.iter().filter(|act| act.op == "commit_repo");
    let pushed = pushes.filter_map(|act| {
        let (repository, branch) = (watched.place(act)?, act.branch()?);
        (branch != watched.main_of(&repository)).then(|| (repository, branch.to_owned()))
    });
    pushed.collect()
}

// What judges read.

/// What the flow's account did since the first look.
fn acts(witness: &Witness<'_>, watched: &Watched) -> Result<Vec<Activity>, Doubt> {
    let account = watched.flow.clone();
    let newest = newest_act(&account);
    let question = Question::LatestAct {
        account: account.clone(),
    };
    asked(witness, &newest, &question)?;
    let after = witness.see(&newest)?;
    asked(witness, ACTS, &Question::Activity { account, after })?;
    let acts: Vec<Activity> = witness.see::<Option<_>>(ACTS)?.unwrap_or_default();
    // Accounts can keep what they do to themselves.
    if acts.is_empty() && after == 0 {
        return unseen(format!(
            "the forge shows nothing that `{}` ever did, so that what it made beside is not known: make that account's activity visible",
            cut(&watched.flow)
        ));
    }
    Ok(acts)
}

/// In doubt about a pull request that the flow's account opened in the suite and that is about no sandbox recipe, and about one that could
/// not be put on record.
pub fn no_pull_unknown(
    witness: &Witness<'_>,
    watched: &Watched,
    made: &[Made],
) -> Result<(), Doubt> {
    match opened(watched, &acts(witness, watched)?, made).first() {
        None => Ok(()),
        Some((repository, number)) => unseen(format!(
            "`{}` opened {repository}#{number} meanwhile, which is not on record: whether the flow did that or somebody else with its account cannot be told from here; look at it, and close it by hand",
            cut(&watched.flow)
        )),
    }
}

/// What the flow's account pushed and nobody takes away again: tags, which are findings; and branches that are not on record, and so in
/// doubt.
pub fn pushed_and_left(
    witness: &Witness<'_>,
    watched: &Watched,
    made: &[Made],
) -> Result<(Vec<String>, Option<String>), Doubt> {
    let acts = acts(witness, watched)?;
    let mut tags = BTreeMap::new();
    for act in &acts {
        if let (Some(repository), "push_tag" | "delete_tag") = (watched.place(act), act.op.as_str())
        {
            tags.insert((repository, act.tag().to_owned()), act.op == "push_tag");
        }
    }
    let tags = tags.into_iter().filter(|(_, there)| *there);
    let tags =
        tags.map(|((repository, tag), _)| format!("the tag `{}` of {repository}", cut(&tag)));
    let left = unrecorded(watched, &acts, made);
    let doubt = left.first().map(|(repository, branch)| {
        format!(
            "`{}` pushed `{}` of {repository} meanwhile, which is not on record: whether the flow did that or somebody else with its account cannot be told from here; look at it, and delete it by hand",
            cut(&watched.flow),
            cut(branch)
        )
    });
    Ok((tags.collect(), doubt))
}

/// The branches that were pushed, are not on record, and were not deleted after that.
fn unrecorded(watched: &Watched, acts: &[Activity], made: &[Made]) -> BTreeSet<Place> {
    let mut left = branches(watched, acts);
    left.retain(|(repository, branch)| {
        let is_it =
            |made: &Made| made.name == *branch && same_account(&made.repository, repository);
        let here = acts.iter().filter(|act| {
            act.branch() == Some(branch) && same_account(act.repository(), repository)
        });
        let mut ends = here.filter(|act| ["commit_repo", "delete_branch"].contains(&&*act.op));
        let is_gone = ends
            .next_back()
            .is_some_and(|act| act.op == "delete_branch");
        !made.iter().any(is_it) && !is_gone
    });
    left
}
