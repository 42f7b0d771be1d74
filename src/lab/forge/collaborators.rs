//! Collaborators of a repository, and what somebody may do there.

use super::Shared;
use super::access::Asker;
use super::access::{administered, seen};
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply};
use super::state::{Access, UserId, World};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

pub async fn collaborators(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let user = asker.signed_in()?;
    let show = shared.show(&world, Some(user));
    let paging: Paging = query(&uri);
    let page: Vec<Value> = paging
        .cut(repo.collaborators.iter().collect())
        .into_iter()
        .map(|(u, _)| show.user(*u))
        .collect();
    Ok(listed(
        &shared,
        &uri,
        &paging,
        repo.collaborators.len(),
        &json!(page),
    ))
}

fn named(world: &World, login: &str, status: u16) -> Result<UserId, No> {
    let gone = || {
        No::because(
            status,
            format!("user does not exist [uid: 0, name: {login}]"),
        )
    };
    world.user_named(login).map(|u| u.id).ok_or_else(gone)
}

/// Looks at the list of collaborators only, at any level, and not at teams.
pub async fn is_collaborator(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, login)): Path<(String, String, String)>,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    asker.signed_in()?;
    let user = named(&world, &login, 422)?;
    if repo.collaborators.iter().any(|(u, _)| *u == user) {
        Ok(empty(204))
    } else {
        Err(No::not_found())
    }
}

pub async fn permission(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, login)): Path<(String, String, String)>,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let asking = asker.signed_in()?;
    let own = world.user(asking).login.eq_ignore_ascii_case(&login);
    if !own && world.mode(repo, Some(asking)) < Access::Admin {
        let why = "Only admins can query all permissions, repo admins can query all repo permissions, collaborators can query only their own";
        return Err(No::because(403, why));
    }
    let user = named(&world, &login, 404)?;
    let mode = world.mode(repo, Some(user)).word();
    let shape = json!({"permission": mode, "role_name": mode, "user": shared.show(&world, Some(asking)).user(user)});
    Ok(reply(200, &shape))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Level {
    permission: Option<String>,
}

pub async fn add_collaborator(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, login)): Path<(String, String, String)>,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let id = administered(&world, asker, &owner, &name)?.id;
    let level: Level = body.read()?;
    let user = named(&world, &login, 422)?;
    let access = level
        .permission
        .as_deref()
        .and_then(Access::from_word)
        .unwrap_or(Access::Write)
        .clamp(Access::Read, Access::Admin);
    let repo = world.repo_mut(id)?;
    match repo.collaborators.iter_mut().find(|(u, _)| *u == user) {
        Some(known) => known.1 = access,
        None => repo.collaborators.push((user, access)),
    }
    Ok(empty(204))
}

pub async fn remove_collaborator(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, login)): Path<(String, String, String)>,
) -> Answer {
    let mut world = shared.world();
    let id = administered(&world, asker, &owner, &name)?.id;
    let user = named(&world, &login, 422)?;
    world
        .repo_mut(id)?
        .collaborators
        .retain(|(u, _)| *u != user);
    Ok(empty(204))
}
