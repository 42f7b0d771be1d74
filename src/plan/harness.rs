//! What the flow did to the repository of the harness, which others work on too: looked at above, read by judges below.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::{asked, cut, same_account};
use super::opened::{branches, main, pulls};
use super::sight::{Activity, Branch};
use super::{Ruling, unseen};
use crate::evidence::{Doubt, Question, Witness};

/// What an act that moves a branch or a tag is called in the forge's history.
const MOVES: [&str; 4] = ["commit_repo", "push_tag", "delete_branch", "delete_tag"];
const MERGES: [&str; 2] = ["merge_pull_request", "auto_merge_pull_request"];

/// Where the history of the flow's account stands before it runs.
pub async fn look_before(bench: &Bench, name: &str) -> Result<(), Stop> {
    let question = Question::LatestAct {
        account: bench.expect.flow.clone(),
    };
    bench
        .see::<u64>(&format!("{name}.before.acts"), question)
        .await
        .map(drop)
}

/// What the flow's account did since. The forge may notice a push a little later than it shows the branch.
pub async fn look_after(bench: &Bench, name: &str) -> Result<(), Stop> {
    let expect = &bench.expect;
    let list = async |when: &str| -> Result<Vec<Branch>, Stop> {
        let label = format!("{name}.{when}.harness.branches");
        let list: Option<Vec<Branch>> = bench.recalled(&label).await?;
        Ok(list.unwrap_or_default())
    };
    let moved = moved(&list("before").await?, &list("after").await?);
    let question = Question::Activity {
        account: expect.flow.clone(),
        after: bench.recalled(&format!("{name}.before.acts")).await?,
    };
    let patience = if moved.is_empty() { 0 } else { expect.quiet };
    bench
        .watch::<Option<Vec<Activity>>>(&format!("{name}.acts"), question, patience, |acts| {
            let acts = in_harness(acts.clone().unwrap_or_default(), expect);
            let told = |branch: &String| acts.iter().any(|act| act.branch() == Some(branch));
            moved.iter().all(told)
        })
        .await
        .map(drop)
}

/// The branches that are new, gone or elsewhere.
pub fn moved(before: &[Branch], after: &[Branch]) -> Vec<String> {
    let at = |list: &[Branch], name: &str| {
        let mut list = list.iter();
        list.find(|branch| branch.name == name)
            .map(|branch| branch.commit.sha.clone())
    };
    let all = before.iter().chain(after);
    let mut names: Vec<_> = all.map(|branch| &branch.name).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| at(before, name) != at(after, name))
        .cloned()
        .collect()
}

fn in_harness(mut acts: Vec<Activity>, expect: &Expectations) -> Vec<Activity> {
    acts.retain(|act| {
        (MOVES.contains(&act.op.as_str()) || is_merge(act))
            && same_account(act.repository(), &expect.upgrading.harness)
    });
    acts
}

// What judges read.

/// Whether `main` of the harness is another one than when the attempt began, by whomever: what builds ran in between need not be the same.
fn main_moved(witness: &Witness<'_>, name: &str, expect: &Expectations) -> Result<bool, Doubt> {
    let at = |label: &str| -> Result<Option<String>, Doubt> {
        let branch = main(witness, label, &expect.upgrading.harness)?;
        Ok(branch.map(|branch| branch.commit.sha))
    };
    Ok(at("version.harness")? != at(&format!("{name}.after.harness"))?)
}

/// Whether the tests may have changed by somebody else's hand since the attempt began: then what failed need not be the upgrade's doing.
pub fn others_moved_main(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<bool, Doubt> {
    if !main_moved(witness, name, expect)? {
        return Ok(false);
    }
    let main = expect.upgrading.harness_branch.as_str();
    let by_flow = moved_by_flow(witness, name, expect)?;
    let mut by_flow = by_flow.iter();
    Ok(!by_flow.any(|act| act.branch() == Some(main) || is_merge(act)))
}

/// A clause that is broken is in doubt where others may have changed the tests meanwhile.
pub fn unless_others_moved_main(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    match ruling? {
        Ruling::Broken { certain: false, .. } if others_moved_main(witness, name, expect)? => {
            unseen(others_changed_tests(expect))
        }
        ruling => Ok(ruling),
    }
}

/// What [`others_moved_main`] means for what builds came to.
pub fn others_changed_tests(expect: &Expectations) -> String {
    format!(
        "others changed `{}` of `{}` while this was verified, and with it the tests; verify again",
        expect.upgrading.harness_branch, expect.upgrading.harness
    )
}

/// The branches of the harness that are not where they were, by whomever.
pub fn branches_moved(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Vec<String>, Doubt> {
    let harness = &expect.upgrading.harness;
    let before = branches(witness, &format!("{name}.before.harness.branches"), harness)?;
    let after = branches(witness, &format!("{name}.after.harness.branches"), harness)?;
    Ok(moved(&before, &after))
}

/// What the flow did to branches and tags of the harness while it ran, by the forge's own history: also what it has put back since. In
/// doubt where the forge shows nothing of what the flow did.
pub fn moved_by_flow(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Vec<Activity>, Doubt> {
    Ok(in_harness(acts_of_flow(witness, name, expect)?, expect))
}

/// The first pull request that the flow opened neither in the recipe's mirror nor in the harness.
pub fn opened_elsewhere(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Option<Activity>, Doubt> {
    let places = [&expect.mirror, &expect.upgrading.harness];
    let is_elsewhere = |act: &Activity| {
        act.op == "create_pull_request"
            && !places
                .iter()
                .any(|place| same_account(act.repository(), place))
    };
    let acts = acts_of_flow(witness, name, expect)?;
    Ok(acts.into_iter().find(is_elsewhere))
}

/// What the flow did while it ran. In doubt where the forge shows nothing of it.
fn acts_of_flow(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Vec<Activity>, Doubt> {
    let label = format!("{name}.before.acts");
    let account = expect.flow.clone();
    let question = Question::LatestAct {
        account: account.clone(),
    };
    asked(witness, &label, &question)?;
    let after: u64 = witness.see(&label)?;
    let label = format!("{name}.acts");
    asked(witness, &label, &Question::Activity { account, after })?;
    let acts: Vec<Activity> = witness.see::<Option<_>>(&label)?.unwrap_or_default();
    // It opened a pull request at least. Accounts can keep what they do to themselves.
    if acts.is_empty() {
        return unseen(format!(
            "the forge shows nothing that `{}` did meanwhile: make that account's activity visible",
            cut(&expect.flow)
        ));
    }
    for (part, repository) in [
        ("mirror", &expect.mirror),
        ("harness", &expect.upgrading.harness),
    ] {
        let label = format!("{name}.after.{part}.pulls");
        if let Some(pull) = pulls(witness, &label, repository)?.first()
            && pull.may_hide_from(&acts)
        {
            return unseen(hidden(&expect.flow, repository));
        }
    }
    Ok(acts)
}

/// Why nothing follows from no act in a private repository.
pub fn hidden(account: &str, repository: &str) -> String {
    format!(
        "`{repository}` is private, and the forge shows what `{}` does there to its admins only: make it public",
        cut(account)
    )
}

/// Whether an act moved `main` by way of a pull request.
pub fn is_merge(act: &Activity) -> bool {
    MERGES.contains(&act.op.as_str())
}

/// An act in words, such as "pushed `main`".
pub fn words(act: &Activity) -> String {
    let what = match act.op.as_str() {
        "commit_repo" => "pushed",
        "push_tag" => "pushed a tag",
        "delete_branch" | "delete_tag" => "deleted",
        _ => "merged a pull request",
    };
    match act.branch() {
        Some(branch) => format!("{what} `{}`", cut(branch)),
        None => what.to_owned(),
    }
}
