//! Reactions, on comments and on issues.

use super::Shared;
use super::access::Asker;
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply};
use super::comments::{entry_mut, seen_comment};
use super::issues::seen_issue;
use super::state::{Reaction, UserId, now};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;

type OwnerNameNumber = Path<(String, String, i64)>;

/// What Gitea allows by default.
const REACTIONS: [&str; 8] = [
    "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes",
];

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewReaction {
    content: String,
}

/// Adds a reaction: true where it is new.
fn react(reactions: &mut Vec<Reaction>, user: UserId, content: &str) -> (bool, Reaction) {
    if let Some(old) = reactions
        .iter()
        .find(|r| r.user == user && r.content == content)
    {
        return (false, old.clone());
    }
    let new = Reaction {
        user,
        content: content.into(),
        created: now(),
    };
    reactions.push(new.clone());
    (true, new)
}

fn allowed(body: &Body) -> Result<String, No> {
    let new: NewReaction = body.read()?;
    if REACTIONS.contains(&new.content.as_str()) {
        return Ok(new.content);
    }
    Err(No::because(
        403,
        format!("'{}' is not an allowed reaction", new.content),
    ))
}

pub async fn reactions(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (_, _, comment) = seen_comment(&world, asker, &owner, &name, id)?;
    Ok(reply(
        200,
        &shared
            .show(&world, asker.user)
            .reactions(&comment.reactions),
    ))
}

pub async fn add_reaction(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let (repo, number) = {
        let user = asker.signed_in();
        let (repo, issue, _) = seen_comment(&world, asker, &owner, &name, id)?;
        user?;
        (repo.id, issue.number)
    };
    let (user, content) = (asker.signed_in()?, allowed(&body)?);
    let (new, reaction) = react(
        &mut entry_mut(&mut world, repo, number, id)?.reactions,
        user,
        &content,
    );
    Ok(reply(
        if new { 201 } else { 200 },
        &shared.show(&world, asker.user).reaction(&reaction),
    ))
}

pub async fn remove_reaction(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let (repo, number) = {
        let (repo, issue, _) = seen_comment(&world, asker, &owner, &name, id)?;
        (repo.id, issue.number)
    };
    let user = asker.signed_in()?;
    let gone: NewReaction = body.read()?;
    entry_mut(&mut world, repo, number, id)?
        .reactions
        .retain(|r| r.user != user || r.content != gone.content);
    Ok(empty(200))
}

pub async fn issue_reactions(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let (_, issue) = seen_issue(&world, asker, &owner, &name, number)?;
    let paging: Paging = query(&uri);
    let page = paging.cut(issue.reactions.clone());
    Ok(listed(
        &shared,
        &uri,
        &paging,
        issue.reactions.len(),
        &shared.show(&world, asker.user).reactions(&page),
    ))
}

pub async fn add_issue_reaction(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let id = seen_issue(&world, asker, &owner, &name, number)?.0.id;
    let (user, content) = (asker.signed_in()?, allowed(&body)?);
    let issue = world
        .repo_mut(id)?
        .issues
        .get_mut(&number)
        .ok_or_else(No::not_found)?;
    let (new, reaction) = react(&mut issue.reactions, user, &content);
    Ok(reply(
        if new { 201 } else { 200 },
        &shared.show(&world, asker.user).reaction(&reaction),
    ))
}

pub async fn remove_issue_reaction(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let id = seen_issue(&world, asker, &owner, &name, number)?.0.id;
    let user = asker.signed_in()?;
    let gone: NewReaction = body.read()?;
    let issue = world
        .repo_mut(id)?
        .issues
        .get_mut(&number)
        .ok_or_else(No::not_found)?;
    issue
        .reactions
        .retain(|r| r.user != user || r.content != gone.content);
    Ok(empty(200))
}
