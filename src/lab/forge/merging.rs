//! Merging pull requests: the lab needs somebody who can, to see it noticed.

use super::Shared;
use super::access::Asker;
use super::access::seen;
use super::answer::{Answer, Body, No, empty, required};
use super::git::Git;
use super::pulls::seen_pull;
use super::pushes::Moved;
use super::show::is_draft;
use super::state::{Access, Pull, Unit, UserId};
use axum::extract::{Path, State};
use serde::Deserialize;

type OwnerNameNumber = Path<(String, String, i64)>;

pub async fn is_merged(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (_, _, pull) = seen_pull(&world, asker, &owner, &name, number)?;
    if pull.merged.is_some() {
        Ok(empty(204))
    } else {
        Err(No::not_found())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Merge {
    #[serde(rename = "Do")]
    style: String,
    #[serde(rename = "MergeTitleField")]
    title: String,
    #[serde(rename = "MergeMessageField")]
    message: String,
    head_commit_id: String,
    delete_branch_after_merge: bool,
}

const STYLES: [&str; 6] = [
    "merge",
    "rebase",
    "rebase-merge",
    "squash",
    "fast-forward-only",
    "manually-merged",
];

pub async fn merge(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let user = {
        let world = shared.world();
        seen(&world, asker, &owner, &name)?;
        asker.signed_in()?
    };
    let merge: Merge = body.read()?;
    required(&[("Do", &merge.style)])?;
    if !STYLES.contains(&merge.style.as_str()) {
        return Err(No::because(422, "[Do]: In"));
    }
    let (id, git, pull, title, moving) = {
        let world = shared.world();
        let (repo, issue, pull) = seen_pull(&world, asker, &owner, &name, number)?;
        if pull.merged.is_some() {
            return Err(No::because(405, "The PR is already merged"));
        }
        if !issue.open {
            return Err(No::because(405, "Please try again later"));
        }
        if world.access(repo, Some(user), Unit::Code) < Access::Write {
            return Err(No::because(405, "User not allowed to merge PR"));
        }
        if is_draft(&issue.title) {
            return Err(No::because(405, "Work in progress PRs cannot be merged"));
        }
        (
            repo.id,
            shared.git(&world, repo),
            pull.clone(),
            issue.title.clone(),
            repo.moving.clone(),
        )
    };
    let _held = moving.lock().await;
    if !pull.mergeable || pull.head_gone {
        return Err(No::because(405, "Please try again later"));
    }
    if !merge.head_commit_id.is_empty() && merge.head_commit_id != pull.head_sha {
        return Err(No::because(409, "head out of date"));
    }
    let message = if merge.title.is_empty() {
        format!(
            "Merge pull request '{title}' (#{number}) from {} into {}",
            pull.head, pull.base
        )
    } else {
        format!("{}\n\n{}", merge.title, merge.message)
    };
    let made = combine(&shared, &git, &pull, user, &merge.style, &message).await?;
    let base = format!("refs/heads/{}", pull.base);
    if !git.move_reference(&base, &made, &pull.base_sha).await? {
        return Err(No::because(409, "The base branch has moved"));
    }
    shared.become_merged(id, number, user, &made)?;
    let mut moves = vec![Moved {
        branch: pull.base.clone(),
        before: Some(pull.base_sha.clone()),
        after: Some(made),
        made: None,
    }];
    if merge.delete_branch_after_merge
        && git
            .delete_reference(&format!("refs/heads/{}", pull.head))
            .await?
    {
        moves.push(Moved {
            branch: pull.head.clone(),
            before: Some(pull.head_sha.clone()),
            after: None,
            made: None,
        });
    }
    shared.follow(id, user, &moves).await?;
    Ok(empty(200))
}

/// The commit that the base branch will point at.
async fn combine(
    shared: &Shared,
    git: &Git,
    pull: &Pull,
    user: UserId,
    style: &str,
    message: &str,
) -> Result<String, No> {
    let straight = pull.merge_base == pull.base_sha;
    if style == "fast-forward-only" || (style == "rebase" && straight) {
        return if straight {
            Ok(pull.head_sha.clone())
        } else {
            Err(No::because(409, "diverging fast forward-only merge"))
        };
    }
    if matches!(style, "rebase" | "manually-merged") {
        return Err(No::because(405, "Wrong merge style"));
    }
    let tree = if straight {
        git.commit(&pull.head_sha).await?.tree
    } else {
        let merged = git
            .merged_tree(&pull.merge_base, &pull.base_sha, &pull.head_sha)
            .await?;
        merged.ok_or_else(|| No::because(409, "merge conflict"))?
    };
    let (login, email) = {
        let world = shared.world();
        let user = world.user(user);
        (user.login.clone(), user.email.clone())
    };
    let both = [pull.base_sha.as_str(), pull.head_sha.as_str()];
    let parents = if style == "squash" {
        &both[..1]
    } else {
        &both[..]
    };
    Ok(git
        .commit_tree(&tree, parents, (&login, &email), message)
        .await?)
}
