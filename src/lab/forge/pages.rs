//! What a person sees in a browser: a repository, an issue, a pull request. No scripts, and nobody signs in here but by HTTP.

use super::Shared;
use super::access::{Asker, administered, seen};
use super::answer::No;
use super::contents::raw_file;
use super::markdown;
use super::state::{Access, Issue, Pull, Repo, Seconds, Unit};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

pub type Page = Result<Response, Lost>;

/// A page that is not there, or not for the one who asks.
pub struct Lost(pub u16);

impl From<No> for Lost {
    fn from(no: No) -> Lost {
        Lost(no.status)
    }
}

impl From<anyhow::Error> for Lost {
    fn from(error: anyhow::Error) -> Lost {
        No::broken(error).into()
    }
}

impl IntoResponse for Lost {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let entries = Vec::new();
        let title = status.canonical_reason().unwrap_or("Error").to_string();
        let body = List { title, entries }.render().unwrap_or_default();
        (status, Html(body)).into_response()
    }
}

pub fn html(page: impl Template) -> Page {
    let text = page
        .render()
        .map_err(|error| No::broken(anyhow::anyhow!("rendering a page: {error}")))?;
    // Whatever slips through: nothing on these pages runs or is fetched from elsewhere.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: http: https:; base-uri 'none'; form-action 'none'";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(text)).into_response())
}

pub struct At {
    pub iso: String,
    pub text: String,
}

pub fn at(seconds: Seconds) -> At {
    let iso = super::state::rfc3339(seconds);
    At {
        text: format!("{} UTC", iso.replace('T', " ").trim_end_matches('Z')),
        iso,
    }
}

#[derive(Template)]
#[template(path = "lab/forge/list.html")]
struct List {
    title: String,
    entries: Vec<(String, String, String)>,
}

pub async fn home(State(shared): State<Shared>, asker: Asker) -> Page {
    list(&shared, asker, "Repositories", |_| true)
}

pub async fn owner(State(shared): State<Shared>, asker: Asker, Path(login): Path<String>) -> Page {
    let owner = {
        let world = shared.world();
        world.user_named(&login).ok_or(Lost(404))?.id
    };
    list(&shared, asker, &login, |r| r.owner == owner)
}

fn list(shared: &Shared, asker: Asker, title: &str, which: impl Fn(&Repo) -> bool) -> Page {
    let world = shared.world();
    let show = shared.show(&world, None);
    let readable = |r: &&Repo| which(r) && world.access(r, asker.user, Unit::Code) >= Access::Read;
    let entry = |r: &Repo| {
        (
            format!("/{}", show.full_name(r)),
            show.full_name(r),
            r.description.clone(),
        )
    };
    let entries = world.repos.values().filter(readable).map(entry).collect();
    html(List {
        title: title.to_string(),
        entries,
    })
}

struct Line {
    number: i64,
    title: String,
    state: &'static str,
    poster: String,
}

#[derive(Template)]
#[template(path = "lab/forge/repo.html")]
struct RepoPage {
    repo: String,
    private: bool,
    description: String,
    default_branch: String,
    clone_url: String,
    pulls: Vec<Line>,
    issues: Vec<Line>,
    branches: Vec<(String, String)>,
    readme: String,
}

pub fn state_of(issue: &Issue) -> &'static str {
    match &issue.pull {
        Some(Pull {
            merged: Some(_), ..
        }) => "merged",
        _ if issue.open => "open",
        _ => "closed",
    }
}

pub async fn repo(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
) -> Page {
    let (mut page, git) = {
        let world = shared.world();
        let repo = seen(&world, asker, &owner, &name)?;
        let show = shared.show(&world, None);
        let line = |i: &Issue| Line {
            number: i.number,
            title: i.title.clone(),
            state: state_of(i),
            poster: world.user(i.poster).login.clone(),
        };
        let page = RepoPage {
            repo: show.full_name(repo),
            private: repo.private,
            description: repo.description.clone(),
            default_branch: repo.default_branch.clone(),
            clone_url: format!("{}.git", show.web(repo)),
            pulls: repo
                .issues
                .values()
                .rev()
                .filter(|i| i.pull.is_some())
                .map(line)
                .collect(),
            issues: repo
                .issues
                .values()
                .rev()
                .filter(|i| i.pull.is_none())
                .map(line)
                .collect(),
            branches: Vec::new(),
            readme: String::new(),
        };
        (page, shared.git(&world, repo))
    };
    let short = |name: &str| name.trim_start_matches("refs/heads/").to_string();
    page.branches = git
        .references("refs/heads/")
        .await?
        .into_iter()
        .map(|r| (short(&r.name), r.sha[..10].to_string()))
        .collect();
    if let Some(tip) = git.branch(&page.default_branch).await?
        && let Some(readme) = git.tree(&tip, "README.md", false).await?.first()
    {
        page.readme = markdown::render(&String::from_utf8_lossy(&git.blob(&readme.sha).await?));
    }
    html(page)
}

/// `raw/branch/NAME/path` and `raw/commit/SHA/path`; also what links to `src/…` lead to.
pub async fn raw(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, kind, rest)): Path<(String, String, String, String)>,
) -> Page {
    let (_, git) = super::branches::opened(&shared, asker, &owner, &name)?;
    // A branch's name may hold slashes: the shortest that exists is taken.
    let cuts = rest.match_indices('/').map(|(at, _)| rest.split_at(at));
    for (reference, path) in cuts {
        let found = match kind.as_str() {
            "branch" => git.branch(reference).await?,
            _ => git.commit_named(reference).await?,
        };
        if let Some(sha) = found {
            return Ok(raw_file(&git, &sha, path.trim_start_matches('/')).await?);
        }
    }
    Err(Lost(404))
}

pub async fn commit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Page {
    let (_, git) = super::branches::opened(&shared, asker, &owner, &name)?;
    let sha = git
        .commit_named(sha.split('.').next().unwrap_or_default())
        .await?
        .ok_or(Lost(404))?;
    let text = git.must(&["show", "--no-renames", &sha], b"").await?;
    Ok((
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text.stdout,
    )
        .into_response())
}

/// A coloured square with a letter.
pub async fn avatar(Path(name): Path<String>) -> Response {
    let mix = |h: u32, b: u8| (h ^ u32::from(b)).wrapping_mul(16_777_619);
    let hue = name.bytes().fold(2_166_136_261, mix) % 360;
    let letter = name
        .chars()
        .find(|c| c.is_ascii_alphanumeric())
        .unwrap_or('?')
        .to_ascii_uppercase();
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 40\"><rect width=\"40\" height=\"40\" fill=\"hsl({hue},45%,48%)\"/>\
         <text x=\"20\" y=\"27\" font-family=\"sans-serif\" font-size=\"20\" fill=\"#fff\" text-anchor=\"middle\">{letter}</text></svg>"
    );
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}

/// The deliveries of a webhook, for its administrators.
pub async fn deliveries(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id)): Path<(String, String, i64)>,
) -> Page {
    let log = hook_log(&shared, asker, &owner, &name, id)?;
    let entry = |l: &super::deliver::Logged| {
        let outcome = match &l.outcome {
            Ok(status) => status.to_string(),
            Err(error) => error.clone(),
        };
        (
            String::new(),
            format!("{} {}", l.delivery.event_type, l.delivery.uuid),
            format!("{outcome} · {}", at(l.at).text),
        )
    };
    html(List {
        title: format!("Deliveries of webhook {id}"),
        entries: log.log().iter().map(entry).collect(),
    })
}

/// Sends a delivery again, under its old id.
pub async fn redeliver(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, id, uuid)): Path<(String, String, i64, String)>,
) -> Page {
    let log = hook_log(&shared, asker, &owner, &name, id)?;
    if !log.again(&uuid) {
        return Err(Lost(404));
    }
    Ok(Redirect::to(&format!("/{owner}/{name}/settings/hooks/{id}")).into_response())
}

fn hook_log(
    shared: &Shared,
    asker: Asker,
    owner: &str,
    name: &str,
    id: i64,
) -> Result<super::deliver::HookQueue, Lost> {
    let world = shared.world();
    let repo = administered(&world, asker, owner, name)?;
    let hook = repo.hooks.iter().find(|h| h.id == id).ok_or(Lost(404))?;
    Ok(hook.queue.clone())
}
