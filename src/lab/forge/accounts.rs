//! People, their tokens, organisations and teams.

use super::Shared;
use super::access::Asker;
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply, required};
use super::show::Show;
use super::state::{Token, User, UserId, World, now};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn person<'a>(world: &'a World, login: &str) -> Result<&'a User, No> {
    let gone = || {
        No::missing(
            "GetUserByName",
            format!("user does not exist [uid: 0, name: {login}]"),
        )
    };
    world.user_named(login).ok_or_else(gone)
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

/// Nobody here is notified of anything.
pub async fn new_notifications(asker: Asker) -> Answer {
    asker.signed_in()?;
    Ok(reply(200, &json!({ "new": 0 })))
}

pub async fn user(State(shared): State<Shared>, asker: Asker, Path(login): Path<String>) -> Answer {
    let world = shared.world();
    let gone = || No::because(404, format!("user redirect does not exist [name: {login}]"));
    let user = world.user_named(&login).ok_or_else(gone)?;
    Ok(reply(200, &shared.show(&world, asker.user).user(user.id)))
}

/// The kinds of scopes, in the order in which Gitea lists them, whichever order they were asked for in.
const SCOPES: [&str; 9] = [
    "activitypub",
    "admin",
    "misc",
    "notification",
    "organization",
    "package",
    "issue",
    "repository",
    "user",
];

fn in_order(mut scopes: Vec<String>) -> Vec<String> {
    scopes.sort_by_key(|scope| {
        let kind = scope.split_once(':').map_or("", |(_, kind)| kind);
        SCOPES.iter().position(|known| *known == kind)
    });
    scopes
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
    let scopes = in_order(new.scopes);
    let mut shape = token_shape(id, &new.name, &secret, &scopes);
    shape["sha1"] = json!(secret);
    world.tokens.push(Token {
        id,
        user,
        name: new.name,
        secret,
        scopes,
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
