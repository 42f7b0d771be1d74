//! Teams of organisations.

use super::Shared;
use super::access::{Asker, administered};
use super::accounts::{is_name, person};
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply, required};
use super::organisations::{ALL_UNITS, insider, organisation};
use super::state::{Access, Team, UserId, World};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewTeam {
    name: String,
    description: String,
    permission: String,
    units: Vec<String>,
    units_map: BTreeMap<String, String>,
    includes_all_repositories: bool,
    can_create_org_repo: bool,
}

pub async fn create_team(
    State(shared): State<Shared>,
    asker: Asker,
    Path(name): Path<String>,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let org = organisation(&world, &name)?;
    let user = org_owner(&world, asker, org)?;
    let new: NewTeam = body.read()?;
    required(&[("Name", &new.name)])?;
    if !is_name(&new.name) {
        return Err(No::because(422, "[Name]: AlphaDashDot"));
    }
    if world
        .teams
        .iter()
        .any(|t| t.organisation == org && t.name.eq_ignore_ascii_case(&new.name))
    {
        return Err(No::because(
            422,
            format!(
                "team already exists [org_id: {}, name: {}]",
                org.0, new.name
            ),
        ));
    }
    let permission = Access::from_word(&new.permission).unwrap_or(Access::None);
    let (access, units) = if permission >= Access::Admin {
        (
            Access::Admin,
            ALL_UNITS
                .iter()
                .map(|u| (u.to_string(), Access::Admin))
                .collect(),
        )
    } else if !new.units_map.is_empty() {
        let units = new
            .units_map
            .iter()
            .map(|(u, a)| (u.clone(), Access::from_word(a).unwrap_or(Access::None)))
            .collect();
        (Access::None, units)
    } else {
        (
            Access::None,
            new.units
                .iter()
                .map(|u| (u.clone(), permission))
                .collect::<Vec<_>>(),
        )
    };
    if units.is_empty() {
        return Err(No::because(500, "units permission should not be empty"));
    }
    let team = Team {
        id: world.ids.next("team"),
        organisation: org,
        name: new.name,
        description: new.description,
        access,
        units,
        all_repositories: new.includes_all_repositories,
        may_create: new.can_create_org_repo,
        members: BTreeSet::new(),
        repositories: BTreeSet::new(),
    };
    let shape = shared.show(&world, Some(user)).team(&team, true);
    world.teams.push(team);
    Ok(reply(201, &shape))
}

fn org_owner(world: &World, asker: Asker, org: UserId) -> Result<UserId, No> {
    let user = asker.signed_in()?;
    if world.user(user).admin || world.is_owner(org, user) {
        return Ok(user);
    }
    let why = if world.is_member(org, user) {
        "Must be an organization owner"
    } else {
        "Must be an organization member"
    };
    Err(No::because(403, why))
}

pub async fn teams(
    State(shared): State<Shared>,
    asker: Asker,
    Path(name): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let org = organisation(&world, &name)?;
    let user = asker.signed_in()?;
    if !insider(&world, org, user) {
        return Err(No::because(403, "Must be an organization member"));
    }
    let show = shared.show(&world, Some(user));
    let mut teams: Vec<&Team> = world
        .teams
        .iter()
        .filter(|t| t.organisation == org)
        .collect();
    teams.sort_by_key(|t| t.name.to_lowercase());
    let paging: Paging = query(&uri);
    let total = teams.len();
    let page: Vec<Value> = paging
        .cut(teams)
        .into_iter()
        .map(|t| show.team(t, false))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

/// A team that the asker can see.
fn seen_team(world: &World, asker: Asker, id: i64) -> Result<(&Team, UserId), No> {
    let user = asker.signed_in()?;
    let team = world
        .teams
        .iter()
        .find(|t| t.id == id)
        .ok_or_else(No::not_found)?;
    if insider(world, team.organisation, user) {
        Ok((team, user))
    } else {
        Err(No::not_found())
    }
}

pub async fn team(State(shared): State<Shared>, asker: Asker, Path(id): Path<i64>) -> Answer {
    let world = shared.world();
    let (team, user) = seen_team(&world, asker, id)?;
    Ok(reply(
        200,
        &shared.show(&world, Some(user)).team(team, true),
    ))
}

pub async fn team_members(
    State(shared): State<Shared>,
    asker: Asker,
    Path(id): Path<i64>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let (team, user) = seen_team(&world, asker, id)?;
    let show = shared.show(&world, Some(user));
    let paging: Paging = query(&uri);
    let page: Vec<Value> = paging
        .cut(team.members.iter().collect())
        .into_iter()
        .map(|u| show.user(*u))
        .collect();
    Ok(listed(
        &shared,
        &uri,
        &paging,
        team.members.len(),
        &json!(page),
    ))
}

pub async fn team_member(
    State(shared): State<Shared>,
    asker: Asker,
    Path((id, login)): Path<(i64, String)>,
) -> Answer {
    let world = shared.world();
    let (team, user) = seen_team(&world, asker, id)?;
    let member = person(&world, &login)?.id;
    if !team.members.contains(&member) {
        return Err(No::not_found());
    }
    Ok(reply(200, &shared.show(&world, Some(user)).user(member)))
}

pub async fn add_member(state: State<Shared>, asker: Asker, path: Path<(i64, String)>) -> Answer {
    change_members(state, asker, path, true)
}

pub async fn remove_member(
    state: State<Shared>,
    asker: Asker,
    path: Path<(i64, String)>,
) -> Answer {
    change_members(state, asker, path, false)
}

fn change_members(
    State(shared): State<Shared>,
    asker: Asker,
    Path((id, login)): Path<(i64, String)>,
    join: bool,
) -> Answer {
    let mut world = shared.world();
    let (team, _) = seen_team(&world, asker, id)?;
    org_owner(&world, asker, team.organisation)?;
    let member = person(&world, &login)?.id;
    if let Some(team) = world.teams.iter_mut().find(|t| t.id == id) {
        if join {
            team.members.insert(member)
        } else {
            team.members.remove(&member)
        };
    }
    Ok(empty(204))
}

pub async fn add_team_repo(
    State(shared): State<Shared>,
    asker: Asker,
    Path((id, owner, name)): Path<(i64, String, String)>,
) -> Answer {
    let mut world = shared.world();
    let (team, _) = seen_team(&world, asker, id)?;
    org_owner(&world, asker, team.organisation)?;
    let repo = administered(&world, asker, &owner, &name)?.id;
    if let Some(team) = world.teams.iter_mut().find(|t| t.id == id) {
        team.repositories.insert(repo);
    }
    Ok(empty(204))
}
