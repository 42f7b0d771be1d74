//! Organisations, their members and teams.

use super::Shared;
use super::access::Asker;
use super::accounts::{is_name, person};
use super::answer::{Answer, Body, No, Paging, counted, empty, listed, query, reply, required};
use super::state::{Access, Team, User, UserId, World};
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const ALL_UNITS: [&str; 10] = [
    "repo.code",
    "repo.ext_issues",
    "repo.pulls",
    "repo.wiki",
    "repo.ext_wiki",
    "repo.issues",
    "repo.releases",
    "repo.projects",
    "repo.packages",
    "repo.actions",
];

pub fn organisation(world: &World, name: &str) -> Result<UserId, No> {
    let gone = || {
        No::missing(
            "GetOrgByName",
            format!("user redirect does not exist [name: {name}]"),
        )
    };
    world
        .user_named(name)
        .filter(|u| u.organisation)
        .map(|u| u.id)
        .ok_or_else(gone)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewOrganisation {
    username: String,
    full_name: String,
    description: String,
}

pub async fn create_organisation(State(shared): State<Shared>, asker: Asker, body: Body) -> Answer {
    let mut world = shared.world();
    let founder = asker.signed_in()?;
    let new: NewOrganisation = body.read()?;
    required(&[("UserName", &new.username)])?;
    if !is_name(&new.username) {
        return Err(No::because(422, "[UserName]: Username"));
    }
    if world.user_named(&new.username).is_some() {
        return Err(No::because(
            422,
            format!("user already exists [name: {}]", new.username),
        ));
    }
    let id = world.add_user(&new.username, "", None, false);
    if let Some(org) = world.users.get_mut(&id) {
        (org.full_name, org.description) = (new.full_name, new.description);
    }
    let team = Team {
        id: world.ids.next("team"),
        organisation: id,
        name: "Owners".into(),
        description: String::new(),
        access: Access::Owner,
        units: ALL_UNITS
            .iter()
            .map(|u| (u.to_string(), Access::Owner))
            .collect(),
        all_repositories: true,
        may_create: true,
        members: BTreeSet::from([founder]),
        repositories: BTreeSet::new(),
    };
    world.teams.push(team);
    Ok(reply(
        201,
        &shared.show(&world, Some(founder)).organisation(id),
    ))
}

pub async fn get_organisation(
    State(shared): State<Shared>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer {
    let world = shared.world();
    let id = organisation(&world, &name)?;
    Ok(reply(
        200,
        &shared.show(&world, asker.user).organisation(id),
    ))
}

pub async fn own_organisations(State(shared): State<Shared>, asker: Asker) -> Answer {
    let world = shared.world();
    let user = asker.signed_in()?;
    let mine: Vec<Value> = world
        .users
        .values()
        .filter(|u| u.organisation && world.is_member(u.id, user))
        .map(|u| shared.show(&world, Some(user)).organisation(u.id))
        .collect();
    Ok(counted(mine.len(), &json!(mine)))
}

/// Members and site administrators see all members; others those who let themselves be seen.
pub fn insider(world: &World, org: UserId, user: UserId) -> bool {
    world.user(user).admin || world.is_member(org, user)
}

pub async fn members(
    State(shared): State<Shared>,
    asker: Asker,
    Path(name): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let org = organisation(&world, &name)?;
    let user = asker.signed_in()?;
    let all = insider(&world, org, user);
    let show = shared.show(&world, Some(user));
    let mut members: Vec<&User> = world
        .users
        .values()
        .filter(|u| {
            world.is_member(org, u.id) && (all || world.user(org).public_members.contains(&u.id))
        })
        .collect();
    members.sort_by(|a, b| a.login.cmp(&b.login));
    let paging: Paging = query(&uri);
    let total = members.len();
    let page: Vec<Value> = paging
        .cut(members)
        .into_iter()
        .map(|u| show.user(u.id))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

pub async fn is_member(
    State(shared): State<Shared>,
    asker: Asker,
    Path((name, login)): Path<(String, String)>,
) -> Answer {
    let world = shared.world();
    let org = organisation(&world, &name)?;
    let asking = asker.signed_in()?;
    let user = person(&world, &login)?.id;
    if insider(&world, org, asking) {
        return if world.is_member(org, user) {
            Ok(empty(204))
        } else {
            Err(No::not_found())
        };
    }
    if asking == user {
        return Err(No::not_found());
    }
    // A stranger is sent to the list of those who may be seen.
    let there = format!("/api/v1/orgs/{name}/public_members/{login}");
    let text = format!("<a href=\"{there}\">See Other</a>.\n\n");
    let headers = [
        (header::LOCATION, there),
        (header::CONTENT_TYPE, "text/html; charset=utf-8".into()),
    ];
    Ok((StatusCode::SEE_OTHER, headers, text).into_response())
}

pub async fn is_public_member(
    State(shared): State<Shared>,
    Path((name, login)): Path<(String, String)>,
) -> Answer {
    let world = shared.world();
    let org = organisation(&world, &name)?;
    let user = person(&world, &login)?.id;
    let public = world.is_member(org, user) && world.user(org).public_members.contains(&user);
    if public {
        Ok(empty(204))
    } else {
        Err(No::not_found())
    }
}

pub async fn show_membership(
    state: State<Shared>,
    asker: Asker,
    path: Path<(String, String)>,
) -> Answer {
    set_membership(state, asker, path, true)
}

pub async fn hide_membership(
    state: State<Shared>,
    asker: Asker,
    path: Path<(String, String)>,
) -> Answer {
    set_membership(state, asker, path, false)
}

fn set_membership(
    State(shared): State<Shared>,
    asker: Asker,
    Path((name, login)): Path<(String, String)>,
    public: bool,
) -> Answer {
    let mut world = shared.world();
    let org = organisation(&world, &name)?;
    let asking = asker.signed_in()?;
    let user = person(&world, &login)?.id;
    if user != asking {
        return Err(No::because(403, "Cannot publicize another member"));
    }
    if let Some(org) = world.users.get_mut(&org) {
        if public {
            org.public_members.insert(user)
        } else {
            org.public_members.remove(&user)
        };
    }
    Ok(empty(204))
}
