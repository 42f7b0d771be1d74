//! People, their tokens, organisations and teams.

use super::Shared;
use super::access::Asker;
use super::answer::{Answer, Body, No, Paging, counted, empty, listed, query, reply, required};
use super::show::Show;
use super::state::{Access, Team, Token, User, UserId, World, now};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const ALL_UNITS: [&str; 10] = [
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

fn person<'a>(world: &'a World, login: &str) -> Result<&'a User, No> {
    let gone = || {
        No::missing(
            "GetUserByName",
            format!("user does not exist [uid: 0, name: {login}]"),
        )
    };
    world.user_named(login).ok_or_else(gone)
}

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

/// What Gitea takes for the name of an account or a repository; it also keeps paths harmless.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name != "."
        && name != ".."
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewUser {
    username: String,
    email: String,
    password: String,
    full_name: String,
}

pub async fn create_user(State(shared): State<Shared>, asker: Asker, body: Body) -> Answer {
    let mut world = shared.world();
    let admin = asker.site_admin(&world)?;
    let new: NewUser = body.read()?;
    required(&[("Username", &new.username), ("Email", &new.email)])?;
    if !is_name(&new.username) {
        return Err(No::because(422, "[Username]: Username"));
    }
    if new.password.len() < 8 {
        return Err(No::because(400, "PasswordIsRequired"));
    }
    if world.user_named(&new.username).is_some() {
        return Err(No::because(
            422,
            format!("user already exists [name: {}]", new.username),
        ));
    }
    if world
        .users
        .values()
        .any(|u| u.email.eq_ignore_ascii_case(&new.email))
    {
        return Err(No::because(
            422,
            format!("e-mail already in use [email: {}]", new.email),
        ));
    }
    let id = world.add_user(&new.username, &new.email, Some(&new.password), false);
    if let Some(user) = world.users.get_mut(&id) {
        user.full_name = new.full_name;
    }
    Ok(reply(201, &shared.show(&world, Some(admin)).user(id)))
}

pub async fn current_user(State(shared): State<Shared>, asker: Asker) -> Answer {
    let user = asker.signed_in()?;
    Ok(reply(
        200,
        &shared.show(&shared.world(), Some(user)).user(user),
    ))
}

pub async fn user(State(shared): State<Shared>, asker: Asker, Path(login): Path<String>) -> Answer {
    let world = shared.world();
    let gone = || No::because(404, format!("user redirect does not exist [name: {login}]"));
    let user = world.user_named(&login).ok_or_else(gone)?;
    Ok(reply(200, &shared.show(&world, asker.user).user(user.id)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewToken {
    name: String,
    scopes: Vec<String>,
}

pub async fn create_token(
    State(shared): State<Shared>,
    asker: Asker,
    Path(login): Path<String>,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let user = own_tokens(&world, asker, &login)?;
    let new: NewToken = body.read()?;
    required(&[("Name", &new.name)])?;
    if new.scopes.is_empty() {
        return Err(No::because(400, "access token must have a scope"));
    }
    if world
        .tokens
        .iter()
        .any(|t| t.user == user && t.name == new.name)
    {
        return Err(No::because(400, "access token name has been used already"));
    }
    let secret = hex::encode(rand::random::<[u8; 20]>());
    let id = world.ids.next("token");
    let mut shape = token_shape(id, &new.name, &secret, &new.scopes);
    shape["sha1"] = json!(secret);
    world.tokens.push(Token {
        id,
        user,
        name: new.name,
        secret,
        scopes: new.scopes,
    });
    Ok(reply(201, &shape))
}

pub async fn list_tokens(
    State(shared): State<Shared>,
    asker: Asker,
    Path(login): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let user = own_tokens(&world, asker, &login)?;
    let all: Vec<Value> = world
        .tokens
        .iter()
        .filter(|t| t.user == user)
        .map(|t| token_shape(t.id, &t.name, &t.secret, &t.scopes))
        .collect();
    let paging: Paging = query(&uri);
    let total = all.len();
    Ok(listed(
        &shared,
        &uri,
        &paging,
        total,
        &json!(paging.cut(all)),
    ))
}

/// By name or by number.
pub async fn delete_token(
    State(shared): State<Shared>,
    asker: Asker,
    Path((login, token)): Path<(String, String)>,
) -> Answer {
    let mut world = shared.world();
    let user = own_tokens(&world, asker, &login)?;
    let before = world.tokens.len();
    world
        .tokens
        .retain(|t| t.user != user || (t.name != token && t.id.to_string() != token));
    if world.tokens.len() == before {
        Err(No::not_found())
    } else {
        Ok(empty(204))
    }
}

/// Tokens are handled with the password: one's own, or any as site administrator.
fn own_tokens(world: &World, asker: Asker, login: &str) -> Result<UserId, No> {
    if !asker.by_password {
        return Err(No::because(401, "auth required"));
    }
    let asking = asker.signed_in()?;
    let user = world.user_named(login).ok_or_else(No::not_found)?.id;
    if user != asking && !world.user(asking).admin {
        return Err(No::because(
            403,
            "doer should be the site admin or be same as the contextUser",
        ));
    }
    Ok(user)
}

fn token_shape(id: i64, name: &str, secret: &str, scopes: &[String]) -> Value {
    let never = super::show::NEVER;
    json!({
        "id": id, "name": name, "sha1": "", "token_last_eight": secret.get(32..).unwrap_or_default(), "scopes": scopes,
        "created_at": never, "last_used_at": never,
    })
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
fn insider(world: &World, org: UserId, user: UserId) -> bool {
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
    let repo = super::access::administered(&world, asker, &owner, &name)?.id;
    if let Some(team) = world.teams.iter_mut().find(|t| t.id == id) {
        team.repositories.insert(repo);
    }
    Ok(empty(204))
}

impl super::Inner {
    pub fn show<'a>(&'a self, world: &'a World, reader: Option<UserId>) -> Show<'a> {
        Show {
            world,
            url: &self.url,
            reader,
        }
    }
}

/// The first account: the site's administrator.
pub fn first(world: &mut World, login: &str, password: &str) {
    let created = now();
    let id = world.add_user(login, &format!("{login}@lab.invalid"), Some(password), true);
    if let Some(user) = world.users.get_mut(&id) {
        user.created = created;
    }
}
