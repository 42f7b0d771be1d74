//! Pull requests: opening, reading, merging. What they share with issues is in `issues`.

use super::Shared;
use super::access::{Asker, seen};
use super::answer::{Answer, Body, No, Paging, listed, paged_headers, query, reply, required};
use super::git::Git;
use super::issues::{self, Filter, enter, tell};
use super::mentions;
use super::pushes::measure;
use super::state::{Access, Issue, Pull, Repo, RepoId, Unit, World};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

type OwnerName = Path<(String, String)>;

type OwnerNameNumber = Path<(String, String, i64)>;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewPull {
    title: String,
    head: String,
    base: String,
    body: String,
    labels: Vec<i64>,
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    body: Body,
) -> Answer {
    let (id, git, user, may_write, moving) = {
        let world = shared.world();
        let repo = seen(&world, asker, &owner, &name)?;
        let user = asker.signed_in()?;
        // Without forks the head is always a branch of the same repository.
        (
            repo.id,
            shared.git(&world, repo),
            user,
            world.access(repo, Some(user), Unit::Code) >= Access::Write,
            repo.moving.clone(),
        )
    };
    let new: NewPull = body.read()?;
    required(&[
        ("Head", &new.head),
        ("Base", &new.base),
        ("Title", &new.title),
    ])?;
    if new.head == new.base {
        return Err(No::because(
            422,
            "Invalid PullRequest: There are no changes between the head and the base",
        ));
    }
    let _held = moving.lock().await;
    let head = new
        .head
        .strip_prefix(&format!("{owner}:"))
        .unwrap_or(&new.head)
        .to_string();
    let (Some(base_sha), Some(head_sha)) = (git.branch(&new.base).await?, git.branch(&head).await?)
    else {
        return Err(No::not_found());
    };
    if !may_write {
        return Err(No::because(403, "user must be a collaborator"));
    }
    refuse_duplicate(&shared.world(), id, &head, &new.base)?;
    let measured = measure(&git, &base_sha, &head_sha).await?;
    let commits = git
        .log(&format!("{base_sha}..{head_sha}"), 0, 50, "")
        .await?;
    let shas: Vec<&str> = commits.iter().rev().map(|c| c.sha.as_str()).collect();
    let title = new.title.clone();
    let number = {
        let mut world = shared.world();
        let number = issues::add(&mut world, id, user, new.title, new.body, new.labels)?;
        let mut pull = Pull {
            id: world.ids.next("pull"),
            head,
            base: new.base,
            ref_sha: head_sha.clone(),
            head_sha: head_sha.clone(),
            base_sha,
            merge_base: String::new(),
            head_gone: false,
            mergeable: false,
            additions: 0,
            deletions: 0,
            changed_files: 0,
            merged: None,
        };
        pull.take(measured);
        let told = json!({"is_force_push": false, "commit_ids": shas}).to_string();
        let entry = (!shas.is_empty()).then(|| enter(&mut world, "pull_push", user, told));
        let issue = world
            .repo_mut(id)?
            .issues
            .get_mut(&number)
            .ok_or_else(No::not_found)?;
        issue.pull = Some(pull);
        issue.timeline.extend(entry);
        number
    };
    git.set_reference(&format!("refs/pull/{number}/head"), &head_sha)
        .await?;
    let mut world = shared.world();
    world.act_in((id, number), user, ["create_pull_request"; 2], &title, 0);
    mentions::note(&mut world, issues::opening(id, number), user);
    tell(&shared, &world, (id, number), "state", "opened", user, None);
    Ok(reply(201, &shape(&shared, &world, asker, id, number)?))
}

fn refuse_duplicate(world: &World, id: RepoId, head: &str, base: &str) -> Result<(), No> {
    let repo = world.repo(id)?;
    let same = |i: &&Issue| {
        i.open
            && i.pull
                .as_ref()
                .is_some_and(|p| p.head == head && p.base == base)
    };
    let Some((issue, pull)) = repo
        .issues
        .values()
        .find(same)
        .and_then(|i| Some((i, i.pull.as_ref()?)))
    else {
        return Ok(());
    };
    Err(No::because(
        409,
        format!(
            "pull request already exists for these targets [id: {}, issue_id: {}, head_repo_id: {}, base_repo_id: {}, head_branch: {head}, base_branch: {base}]",
            pull.id, issue.number, id.0, id.0
        ),
    ))
}

fn shape(
    shared: &Shared,
    world: &World,
    asker: Asker,
    id: RepoId,
    number: i64,
) -> Result<Value, No> {
    let repo = world.repo(id)?;
    let issue = repo.issues.get(&number).ok_or_else(No::not_found)?;
    let pull = issue.pull.as_ref().ok_or_else(No::not_found)?;
    let show = shared.show(world, asker.user);
    Ok(show.pull(repo, issue, pull, show.rights(repo, asker.user), false))
}

/// A pull request that the asker can see.
pub fn seen_pull<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    number: i64,
) -> Result<(&'a Repo, &'a Issue, &'a Pull), No> {
    let repo = seen(world, asker, owner, name)?;
    let issue = repo.issues.get(&number).ok_or_else(No::not_found)?;
    Ok((repo, issue, issue.pull.as_ref().ok_or_else(No::not_found)?))
}

pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let (filter, paging): (Filter, Paging) = (query(&uri), query(&uri));
    let fits = |i: &&Issue| match filter.state.as_str() {
        "closed" => !i.open,
        "all" => true,
        _ => i.open,
    };
    let picked: Vec<(&Issue, &Pull)> = repo
        .issues
        .values()
        .rev()
        .filter(fits)
        .filter_map(|i| Some((i, i.pull.as_ref()?)))
        .collect();
    let (total, show) = (picked.len(), shared.show(&world, asker.user));
    let rights = show.rights(repo, asker.user);
    let page: Vec<Value> = paging
        .cut(picked)
        .into_iter()
        .map(|(i, p)| show.pull(repo, i, p, rights, true))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

/// `N`, `N.diff` or `N.patch`.
pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, which)): Path<(String, String, String)>,
) -> Answer {
    let (number, kind) = which.split_once('.').unwrap_or((&which, ""));
    let number: i64 = number.parse().map_err(|_| No::not_found())?;
    let (git, from, to) = {
        let world = shared.world();
        let (repo, _, pull) = seen_pull(&world, asker, &owner, &name, number)?;
        if kind.is_empty() {
            return Ok(reply(200, &shape(&shared, &world, asker, repo.id, number)?));
        }
        (
            shared.git(&world, repo),
            pull.merge_base.clone(),
            pull.head_sha.clone(),
        )
    };
    let output = match kind {
        "diff" => git.must(&["diff", "-p", &from, &to], b"").await?,
        "patch" => {
            git.must(
                &[
                    "format-patch",
                    "--binary",
                    "--stdout",
                    &format!("{from}...{to}"),
                ],
                b"",
            )
            .await?
        }
        _ => return Err(No::not_found()),
    };
    Ok((
        StatusCode::OK,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        output.stdout,
    )
        .into_response())
}

pub async fn by_branches(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, base, head)): Path<(String, String, String, String)>,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let head = head.strip_prefix(&format!("{owner}:")).unwrap_or(&head);
    let same = |i: &&Issue| {
        i.pull
            .as_ref()
            .is_some_and(|p| p.head == head && p.base == base)
    };
    let issue = repo
        .issues
        .values()
        .rev()
        .find(same)
        .ok_or_else(No::not_found)?;
    Ok(reply(
        200,
        &shape(&shared, &world, asker, repo.id, issue.number)?,
    ))
}

pub async fn edit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): Path<(String, String, i64)>,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    seen_pull(&world, asker, &owner, &name, number)?;
    let id = issues::change(&shared, &mut world, asker, &owner, &name, number, &body)?;
    Ok(reply(201, &shape(&shared, &world, asker, id, number)?))
}

fn range(
    shared: &Shared,
    asker: Asker,
    owner: &str,
    name: &str,
    number: i64,
) -> Result<(RepoId, Git, String, String), No> {
    let world = shared.world();
    let (repo, _, pull) = seen_pull(&world, asker, owner, name, number)?;
    Ok((
        repo.id,
        shared.git(&world, repo),
        pull.merge_base.clone(),
        pull.head_sha.clone(),
    ))
}

pub async fn files(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    uri: Uri,
) -> Answer {
    let (id, git, from, to) = range(&shared, asker, &owner, &name, number)?;
    let all = git.changed(&from, &to).await?;
    let (paging, total): (Paging, _) = (query(&uri), all.len());
    let world = shared.world();
    let (repo, show) = (world.repo(id)?, shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(all)
        .iter()
        .map(|f| show.changed_file(repo, f, &to))
        .collect();
    let mut response = listed(&shared, &uri, &paging, total, &json!(page));
    paged_headers(&paging, total, response.headers_mut());
    Ok(response)
}

pub async fn commits(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    uri: Uri,
) -> Answer {
    let (id, git, from, to) = range(&shared, asker, &owner, &name, number)?;
    let all = git
        .log(&format!("{from}..{to}"), 0, i64::from(i32::MAX), "")
        .await?;
    let (paging, total): (Paging, _) = (query(&uri), all.len());
    let world = shared.world();
    let (repo, show) = (world.repo(id)?, shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(all)
        .iter()
        .map(|c| show.commit(repo, c, true, true, true))
        .collect();
    let mut response = listed(&shared, &uri, &paging, total, &json!(page));
    paged_headers(&paging, total, response.headers_mut());
    Ok(response)
}
