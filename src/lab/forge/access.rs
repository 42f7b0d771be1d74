//! Who is asking, and what they may do.

use super::Shared;
use super::answer::No;
use super::state::{Access, Repo, RepoId, Unit, UserId, World};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The account behind a request, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub user: Option<UserId>,
    /// Signed in with the password itself.
    pub by_password: bool,
}

impl FromRequestParts<Shared> for Asker {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Asker, No> {
        let world = shared.world();
        let Some((asker, scopes)) = identify(&world, &parts.headers)? else {
            return Ok(Asker {
                user: None,
                by_password: false,
            });
        };
        if let (Some(scopes), Some(category)) = (scopes, category(parts.uri.path())) {
            check_scope(
                &scopes,
                category,
                parts.method == Method::GET || parts.method == Method::HEAD,
            )?;
        }
        Ok(asker)
    }
}

/// Who is asking, and what their token is limited to.
pub type Identity = (Asker, Option<Vec<String>>);

/// Reads the Authorization header; `Ok(None)` where there is none.
pub fn identify(world: &World, headers: &HeaderMap) -> Result<Option<Identity>, No> {
    let Some(header) = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
    else {
        return Ok(None);
    };
    let wrong = || No::because(401, "invalid username, password or token");
    let (scheme, rest) = header.split_once(' ').ok_or_else(wrong)?;
    let by_token = |secret: &str| {
        let token = world.tokens.iter().find(|t| t.secret == secret)?;
        Some((
            Asker {
                user: Some(token.user),
                by_password: false,
            },
            Some(token.scopes.clone()),
        ))
    };
    if scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer") {
        return by_token(rest.trim()).map(Some).ok_or_else(wrong);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let pair = BASE64_STANDARD
        .decode(rest.trim())
        .ok()
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(wrong)?;
    let (login, password) = pair.split_once(':').ok_or_else(wrong)?;
    if password.is_empty() || password == "x-oauth-basic" {
        return by_token(login).map(Some).ok_or_else(wrong);
    }
    if let Some(found) = by_token(password) {
        return Ok(Some(found));
    }
    let user = world
        .user_named(login)
        .filter(|u| u.password.as_deref() == Some(password))
        .ok_or_else(wrong)?;
    Ok(Some((
        Asker {
            user: Some(user.id),
            by_password: true,
        },
        None,
    )))
}

/// The kind of scope that a path of the API needs.
fn category(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
    Some(match parts.as_slice() {
        ["user", ..] | ["users", ..] => "user",
        ["orgs", ..] | ["teams", ..] => "organization",
        ["admin", ..] => "admin",
        ["notifications", ..] => "notification",
        ["repos", _, _, "issues" | "labels" | "milestones", ..] => "issue",
        ["repos", ..] => "repository",
        _ => return None,
    })
}

fn check_scope(scopes: &[String], category: &str, reading: bool) -> Result<(), No> {
    let has = |scope: &str| scopes.iter().any(|s| s == scope);
    let needed = format!("{}:{category}", if reading { "read" } else { "write" });
    if has("all") || has(&needed) || has(&format!("write:{category}")) {
        return Ok(());
    }
    let message = format!(
        "token does not have at least one of required scope(s), required=[{needed}], token scope={}",
        scopes.join(",")
    );
    Err(No::because(403, message))
}

impl Asker {
    pub fn signed_in(self) -> Result<UserId, No> {
        self.user
            .ok_or_else(|| No::because(401, "token is required"))
    }

    pub fn site_admin(self, world: &World) -> Result<UserId, No> {
        let user = self.signed_in()?;
        if world.user(user).admin {
            Ok(user)
        } else {
            Err(No::because(403, "user should be the site admin"))
        }
    }
}

/// A repository that the asker can see.
pub fn seen<'a>(world: &'a World, asker: Asker, owner: &str, name: &str) -> Result<&'a Repo, No> {
    let owner = world.user_named(owner).ok_or_else(|| {
        No::missing(
            "GetUserByName",
            format!("user redirect does not exist [name: {owner}]"),
        )
    })?;
    let repo = world
        .repos
        .values()
        .find(|r| r.owner == owner.id && r.name.eq_ignore_ascii_case(name))
        .ok_or_else(No::not_found)?;
    if world.access(repo, asker.user, Unit::Code) < Access::Read {
        return Err(No::not_found());
    }
    Ok(repo)
}

/// A repository that the asker administers.
pub fn administered<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
) -> Result<&'a Repo, No> {
    let repo = seen(world, asker, owner, name)?;
    asker.signed_in()?;
    if world.mode(repo, asker.user) < Access::Admin {
        return Err(No::because(
            403,
            "user should be an owner or a collaborator with admin write of a repository",
        ));
    }
    Ok(repo)
}

/// A repository in which the asker may change one kind of thing.
pub fn written<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    unit: Unit,
) -> Result<&'a Repo, No> {
    let repo = seen(world, asker, owner, name)?;
    asker.signed_in()?;
    if world.access(repo, asker.user, unit) < Access::Write {
        return Err(No::because(
            403,
            "user should have a permission to write to a repo",
        ));
    }
    Ok(repo)
}

impl World {
    pub fn repo_mut(&mut self, id: RepoId) -> Result<&mut Repo, No> {
        self.repos.get_mut(&id).ok_or_else(No::not_found)
    }

    pub fn repo(&self, id: RepoId) -> Result<&Repo, No> {
        self.repos.get(&id).ok_or_else(No::not_found)
    }
}
