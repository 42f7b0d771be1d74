//! Comments and reactions.

use super::access::{Asker, seen};
use super::answer::{Answer, Body, No, Paging, counted, empty, query, reply, required};
use super::issues::{enter, unit_of};
use super::mentions::{self, Mention};
use super::pushes::fire;
use super::state::{Access, Entry, Issue, Repo, RepoId, Seconds, UserId, World, now};
use super::{Inner, Shared, activity};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

type OwnerName = Path<(String, String)>;

type OwnerNameNumber = Path<(String, String, i64)>;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewComment {
    body: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Span {
    since: String,
    before: String,
}

/// Reads a time of a query; empty is none.
pub fn since(text: &str) -> Result<Option<Seconds>, No> {
    if text.is_empty() {
        return Ok(None);
    }
    // A plus sign that was not escaped arrives as a space.
    let bad = |_| {
        No::because(
            422,
            format!(
                "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\""
            ),
        )
    };
    text.replace(' ', "+")
        .parse::<jiff::Timestamp>()
        .map(|t| Some(t.as_second()))
        .map_err(bad)
}

impl Span {
    fn filter(&self) -> Result<impl Fn(&Entry) -> bool + use<>, No> {
        let (after, before) = (since(&self.since)?, since(&self.before)?);
        // Both look at when a comment was last changed.
        Ok(move |e: &Entry| {
            after.is_none_or(|t| e.updated >= t) && before.is_none_or(|t| e.updated <= t)
        })
    }
}

/// Gitea breaks where the issue of a list of comments is missing.
fn commented<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    number: i64,
) -> Result<(&'a Repo, &'a Issue), No> {
    let repo = seen(world, asker, owner, name)?;
    let issue = repo
        .issues
        .get(&number)
        .ok_or_else(|| No::because(500, ""))?;
    Ok((repo, issue))
}

/// A comment, as a place where something is named.
fn place(repo: RepoId, number: i64, comment: i64) -> Mention {
    Mention {
        repo,
        number,
        comment: Some(comment),
    }
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let user = {
        seen(&world, asker, &owner, &name)?;
        asker.signed_in()?
    };
    let new: NewComment = body.read()?;
    required(&[("Body", &new.body)])?;
    let id = commented(&world, asker, &owner, &name, number)?.0.id;
    let comment = enter(&mut world, "comment", user, new.body);
    let comment_id = comment.id;
    let issue = world
        .repo_mut(id)?
        .issues
        .get_mut(&number)
        .ok_or_else(No::not_found)?;
    issue.updated = comment.created;
    let told = activity::beginning(&comment.body);
    issue.timeline.push(comment);
    let names = ["comment_issue", "comment_pull"];
    world.act_in((id, number), user, names, &told, comment_id);
    mentions::note(&mut world, place(id, number, comment_id), user);
    tell(
        &shared,
        &world,
        (id, number),
        comment_id,
        "created",
        user,
        None,
    );
    let repo = world.repo(id)?;
    let (issue, comment) = find(repo, comment_id)?;
    Ok(reply(
        201,
        &shared
            .show(&world, asker.user)
            .comment(repo, issue, comment),
    ))
}

/// Every comment since a time. Pages are not a thing here: `page` and `limit` are ignored.
pub async fn of_issue(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    seen(&world, asker, &owner, &name)?;
    let keeps = query::<Span>(&uri).filter()?;
    let (repo, issue) = commented(&world, asker, &owner, &name, number)?;
    let show = shared.show(&world, asker.user);
    let shown: Vec<Value> = issue
        .comments()
        .filter(|c| keeps(c))
        .map(|c| show.comment(repo, issue, c))
        .collect();
    Ok(counted(shown.len(), &json!(shown)))
}

pub async fn of_repo(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let (keeps, paging): (_, Paging) = (query::<Span>(&uri).filter()?, query(&uri));
    let mut all: Vec<(&Issue, &Entry)> = repo
        .issues
        .values()
        .flat_map(|i| i.comments().map(move |c| (i, c)))
        .filter(|(_, c)| keeps(c))
        .collect();
    all.sort_by_key(|(_, c)| c.id);
    let (total, show) = (all.len(), shared.show(&world, asker.user));
    let page: Vec<Value> = paging
        .cut(all)
        .into_iter()
        .map(|(i, c)| show.comment(repo, i, c))
        .collect();
    Ok(counted(total, &json!(page)))
}

/// A comment by its id, wherever in the repository it stands.
pub fn find(repo: &Repo, id: i64) -> Result<(&Issue, &Entry), No> {
    let found = repo
        .issues
        .values()
        .find_map(|i| i.comments().find(|c| c.id == id).map(|c| (i, c)));
    found.ok_or_else(|| {
        No::missing(
            "not found",
            format!("comment does not exist [id: {id}, issue_id: 0]"),
        )
    })
}

/// A comment that the asker can see. One of another repository is not found either, with less to say.
pub fn seen_comment<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    id: i64,
) -> Result<(&'a Repo, &'a Issue, &'a Entry), No> {
    let repo = seen(world, asker, owner, name)?;
    match find(repo, id) {
        Ok((issue, comment)) => Ok((repo, issue, comment)),
        Err(_) if world.repos.values().any(|r| find(r, id).is_ok()) => Err(No::bare(404)),
        Err(no) => Err(no),
    }
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (repo, issue, comment) = seen_comment(&world, asker, &owner, &name, id)?;
    Ok(reply(
        200,
        &shared
            .show(&world, asker.user)
            .comment(repo, issue, comment),
    ))
}

/// A comment that the asker may change: the author's own, or any for those who may write.
fn own_comment(
    world: &World,
    asker: Asker,
    owner: &str,
    name: &str,
    id: i64,
) -> Result<(RepoId, i64, UserId), No> {
    let user = asker.signed_in();
    let (repo, issue, comment) = seen_comment(world, asker, owner, name, id)?;
    let user = user?;
    if comment.poster != user && world.access(repo, Some(user), unit_of(issue)) < Access::Write {
        return Err(No::bare(403));
    }
    Ok((repo.id, issue.number, user))
}

pub fn entry_mut(world: &mut World, repo: RepoId, number: i64, id: i64) -> Result<&mut Entry, No> {
    let issue = world
        .repo_mut(repo)?
        .issues
        .get_mut(&number)
        .ok_or_else(No::not_found)?;
    issue
        .timeline
        .iter_mut()
        .find(|e| e.id == id)
        .ok_or_else(No::not_found)
}

pub async fn edit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    seen(&world, asker, &owner, &name)?;
    asker.signed_in()?;
    let new: NewComment = body.read()?;
    required(&[("Body", &new.body)])?;
    let (repo, number, user) = own_comment(&world, asker, &owner, &name, id)?;
    let comment = entry_mut(&mut world, repo, number, id)?;
    let old = std::mem::replace(&mut comment.body, new.body);
    let changed = comment.body != old;
    comment.updated = now();
    if changed {
        mentions::note(&mut world, place(repo, number, id), user);
        let changes = json!({"body": {"from": old}, "added_labels": null, "removed_labels": null});
        tell(
            &shared,
            &world,
            (repo, number),
            id,
            "edited",
            user,
            Some(changes),
        );
    }
    let repo = world.repo(repo)?;
    let (issue, comment) = find(repo, id)?;
    Ok(reply(
        200,
        &shared
            .show(&world, asker.user)
            .comment(repo, issue, comment),
    ))
}

/// Tells of a comment that got a file: to Gitea that is an edit, from the text that it had.
pub fn attached(shared: &Inner, world: &World, place: (RepoId, i64), comment: i64, sender: UserId) {
    let Some((_, entry)) = world
        .repos
        .get(&place.0)
        .and_then(|repo| find(repo, comment).ok())
    else {
        return;
    };
    let changes =
        json!({"body": {"from": entry.body}, "added_labels": null, "removed_labels": null});
    tell(
        shared,
        world,
        place,
        comment,
        "edited",
        sender,
        Some(changes),
    );
}

pub async fn delete(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
) -> Answer {
    let mut world = shared.world();
    let (repo, number, user) = own_comment(&world, asker, &owner, &name, id)?;
    // Told as it was, but counted as gone.
    let comment = {
        let issue = world
            .repo_mut(repo)?
            .issues
            .get_mut(&number)
            .ok_or_else(No::not_found)?;
        let at = issue
            .timeline
            .iter()
            .position(|e| e.id == id)
            .ok_or_else(No::not_found)?;
        issue.timeline.remove(at)
    };
    world.forget_comment(id);
    let payload = payload(
        &shared,
        &world,
        (repo, number),
        &comment,
        "deleted",
        user,
        None,
    );
    if let (Some(payload), Ok(repo)) = (payload, world.repo(repo)) {
        fire(repo, event_of(repo, number), &payload);
    }
    Ok(empty(204))
}

fn event_of(repo: &Repo, number: i64) -> &'static str {
    let pull = repo.issues.get(&number).is_some_and(|i| i.pull.is_some());
    if pull {
        "pull_request_comment"
    } else {
        "issue_comment"
    }
}

fn payload(
    shared: &Inner,
    world: &World,
    (id, number): (RepoId, i64),
    comment: &Entry,
    action: &str,
    sender: UserId,
    changes: Option<Value>,
) -> Option<Value> {
    let repo = world.repos.get(&id)?;
    let issue = repo.issues.get(&number)?;
    let show = shared.show(world, None);
    let mut payload = json!({"action": action, "issue": show.issue(repo, issue)});
    if let Some(pull) = &issue.pull {
        payload["pull_request"] = show.pull(
            repo,
            issue,
            pull,
            show.rights(repo, Some(issue.poster)),
            false,
        );
    }
    payload["comment"] = show.comment(repo, issue, comment);
    if let Some(changes) = changes {
        payload["changes"] = changes;
    }
    payload["repository"] = show.repo_for(repo, Some(sender));
    payload["sender"] = show.user(sender);
    payload["is_pull"] = json!(issue.pull.is_some());
    Some(payload)
}

fn tell(
    shared: &Inner,
    world: &World,
    (repo, number): (RepoId, i64),
    comment: i64,
    action: &str,
    sender: UserId,
    changes: Option<Value>,
) {
    let Some(found) = world.repos.get(&repo) else {
        return;
    };
    let Ok((_, entry)) = find(found, comment) else {
        return;
    };
    if let Some(payload) = payload(
        shared,
        world,
        (repo, number),
        entry,
        action,
        sender,
        changes,
    ) {
        fire(found, event_of(found, number), &payload);
    }
}
