//! Git over HTTP: `git http-backend` as a CGI child, with the forge's accounts in front of it.

use super::Shared;
use super::access::{Asker, identify};
use super::activity;
use super::answer::{Answer, BODY_LIMIT, No};
use super::git::{Git, Output, ZERO, finish};
use super::pushes::Moved;
use super::state::{Access, RepoId, Unit, UserId};
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What is asked of which repository by whom, once it has been found to be allowed.
struct Call {
    id: RepoId,
    git: Git,
    asker: Asker,
    login: String,
    may_write: bool,
    moving: Arc<Mutex<()>>,
}

fn unauthorized() -> Response {
    let headers = [
        (header::WWW_AUTHENTICATE, "Basic realm=\"Gitea\""),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    ];
    (StatusCode::UNAUTHORIZED, headers, "Unauthorized\n").into_response()
}

fn gone() -> Response {
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "Repository not found\n",
    )
        .into_response()
}

/// Anybody may fetch from a public repository; the rest needs an account. Rights to push are left to the hook, which says why not.
fn admit(
    shared: &Shared,
    headers: &HeaderMap,
    owner: &str,
    name: &str,
    pushing: bool,
) -> Result<Call, Box<Response>> {
    let world = shared.world();
    let asker = match identify(&world, headers) {
        Ok(Some((asker, _))) => asker,
        Ok(None) => Asker {
            user: None,
            by_password: false,
        },
        Err(_) => return Err(Box::new(unauthorized())),
    };
    let repo = world.repo_named(owner, name.strip_suffix(".git").unwrap_or(name));
    let access = repo.map_or(Access::None, |r| world.access(r, asker.user, Unit::Code));
    if asker.user.is_none() && (pushing || access < Access::Read) {
        return Err(Box::new(unauthorized()));
    }
    let repo = repo
        .filter(|_| access >= Access::Read)
        .ok_or_else(|| Box::new(gone()))?;
    Ok(Call {
        id: repo.id,
        git: shared.git(&world, repo),
        asker,
        login: asker
            .user
            .map(|u| world.user(u).login.clone())
            .unwrap_or_default(),
        may_write: access >= Access::Write,
        moving: repo.moving.clone(),
    })
}

pub async fn advertise(
    State(shared): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let query = uri.query().unwrap_or_default();
    let call = match admit(
        &shared,
        &headers,
        &owner,
        &name,
        query.contains("git-receive-pack"),
    ) {
        Ok(call) => call,
        Err(response) => return Ok(*response),
    };
    cgi(&call, "GET", "/info/refs", query, &headers, &[]).await
}

pub async fn fetch(
    State(shared): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (headers, body) = split(request).await?;
    match admit(&shared, &headers, &owner, &name, false) {
        Ok(call) => cgi(&call, "POST", "/git-upload-pack", "", &headers, &body).await,
        Err(response) => Ok(*response),
    }
}

pub async fn push(
    State(shared): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (headers, body) = split(request).await?;
    let call = match admit(&shared, &headers, &owner, &name, true) {
        Ok(call) => call,
        Err(response) => return Ok(*response),
    };
    let asked = commands(&body);
    let _held = call.moving.lock().await;
    let response = cgi(&call, "POST", "/git-receive-pack", "", &headers, &body).await?;
    let Some(pusher) = call.asker.user.filter(|_| call.may_write) else {
        return Ok(response);
    };
    let now = call.git.references("refs/heads/").await?;
    let stands = |name: &str| now.iter().find(|r| r.name == name).map(|r| r.sha.clone());
    let set = |sha: &str| (sha != ZERO).then(|| sha.to_string());
    tags(&shared, &call, pusher, &asked).await?;
    let done: Vec<Moved> = asked
        .into_iter()
        .filter(|c| c.old != c.new && stands(&c.name) == set(&c.new))
        .filter_map(|c| {
            Some(Moved {
                branch: c.name.strip_prefix("refs/heads/")?.into(),
                before: set(&c.old),
                after: set(&c.new),
                made: None,
            })
        })
        .collect();
    shared.follow(call.id, pusher, &done).await?;
    Ok(response)
}

/// Remembers tags that came or went; nothing else follows from them here.
async fn tags(shared: &Shared, call: &Call, pusher: UserId, asked: &[Command]) -> Result<(), No> {
    let tags = call.git.references("refs/tags/").await?;
    for one in asked.iter().filter(|c| c.name.starts_with("refs/tags/")) {
        let stands = tags.iter().any(|tag| tag.name == one.name);
        let gone = one.new == ZERO;
        if stands == gone {
            continue;
        }
        let head = match gone {
            true => None,
            false => Some(call.git.commit(&one.new).await?),
        };
        let mut world = shared.world();
        let name = {
            let show = shared.show(&world, None);
            show.full_name(world.repo(call.id)?)
        };
        let content = activity::tagged(&name, head.as_ref());
        let what = if gone { "delete_tag" } else { "push_tag" };
        world.act_on(call.id, pusher, what, &one.name, content);
    }
    Ok(())
}

async fn split(request: Request) -> Result<(HeaderMap, Bytes), No> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| No::because(413, "http: request body too large"))?;
    Ok((parts.headers, body))
}

struct Command {
    old: String,
    new: String,
    name: String,
}

/// The reference updates at the head of a push: packet lines up to the first empty one.
fn commands(body: &[u8]) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut rest = body;
    while let Some(length) = rest
        .get(..4)
        .and_then(|l| std::str::from_utf8(l).ok())
        .and_then(|l| usize::from_str_radix(l, 16).ok())
    {
        let Some(line) = rest.get(4..length).filter(|_| length > 4) else {
            break;
        };
        rest = &rest[length..];
        // The first line carries the capabilities after a zero byte.
        let text = String::from_utf8_lossy(line.split(|b| *b == 0).next().unwrap_or_default())
            .trim_end()
            .to_string();
        if let [old, new, name] = text.splitn(3, ' ').collect::<Vec<_>>()[..] {
            commands.push(Command {
                old: old.into(),
                new: new.into(),
                name: name.into(),
            });
        }
    }
    commands
}

async fn cgi(
    call: &Call,
    method: &str,
    service: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let header = |name: HeaderName| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_string()
    };
    let mut command = call.git.backend();
    command
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env(
            "PATH_TRANSLATED",
            format!("{}{service}", call.git.dir.display()),
        )
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING))
        .env(
            "GIT_PROTOCOL",
            header(HeaderName::from_static("git-protocol")),
        )
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("FORGE_MAY_WRITE", if call.may_write { "yes" } else { "no" });
    if !call.login.is_empty() {
        command.env("REMOTE_USER", &call.login);
    }
    let output = finish(command, body).await?;
    parse(&output).ok_or_else(|| {
        No::broken(anyhow::anyhow!(
            "git http-backend {service} for {}: {}",
            call.git.dir.display(),
            output.stderr.trim()
        ))
    })
}

/// A CGI answer: headers, an empty line, the body.
fn parse(output: &Output) -> Option<Response> {
    let at = output.stdout.windows(4).position(|w| w == b"\r\n\r\n")?;
    let (head, body) = (&output.stdout[..at], &output.stdout[at + 4..]);
    let mut response = Response::new(axum::body::Body::from(body.to_vec()));
    for line in String::from_utf8_lossy(head).lines() {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("status") {
            *response.status_mut() =
                StatusCode::from_u16(value.split_whitespace().next()?.parse().ok()?).ok()?;
        } else {
            response.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_str(value.trim()).ok()?,
            );
        }
    }
    Some(response)
}
