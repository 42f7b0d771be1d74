//! What a person sees in a browser: a repository, an issue, a pull request. No scripts, and nobody signs in here but by HTTP.

use super::Shared;
use super::access::{Asker, administered, seen};
use super::answer::No;
use super::contents::raw_file;
use super::git::Git;
use super::markdown;
use super::state::{
    Access, Entry, Issue, Pull, Reaction, Repo, RepoId, Seconds, Unit, UserId, World,
};
use super::statuses::{combined_word, latest};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

/// Longer diffs are cut.
const MOST_LINES: usize = 3000;

type Page = Result<Response, Lost>;

/// A page that is not there, or not for the one who asks.
pub struct Lost(u16);

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

fn html(page: impl Template) -> Page {
    let text = page
        .render()
        .map_err(|error| No::broken(anyhow::anyhow!("rendering a page: {error}")))?;
    // Whatever slips through: nothing on these pages runs or is fetched from elsewhere.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: http: https:; base-uri 'none'; form-action 'none'";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(text)).into_response())
}

struct At {
    iso: String,
    text: String,
}

fn at(seconds: Seconds) -> At {
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

fn state_of(issue: &Issue) -> &'static str {
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

struct LabelTag {
    name: String,
    color: String,
    ink: &'static str,
}

/// A comment or an event; of an event, `html` is plain text.
struct Item {
    comment: bool,
    id: i64,
    poster: String,
    face: String,
    role: &'static str,
    at: At,
    edited: bool,
    html: String,
    reactions: Vec<(&'static str, usize, String)>,
}

struct StatusLine {
    context: String,
    state: String,
    description: String,
    creator: String,
    link: String,
}

struct CommitLine {
    short_sha: String,
    title: String,
    author: String,
}

struct DiffFile {
    name: String,
    lines: Vec<(&'static str, String)>,
}

struct PullPart {
    head: String,
    base: String,
    merged_by: Option<String>,
    short_sha: String,
    combined: &'static str,
    statuses: Vec<StatusLine>,
    mergeable: bool,
    commits: Vec<CommitLine>,
    files: Vec<DiffFile>,
    additions: i64,
    deletions: i64,
    diff_link: String,
}

#[derive(Template)]
#[template(path = "lab/forge/issue.html")]
struct IssuePage {
    repo: String,
    number: i64,
    title: String,
    state: &'static str,
    state_name: &'static str,
    poster: String,
    created: At,
    comments: usize,
    labels: Vec<LabelTag>,
    items: Vec<Item>,
    pull: Option<PullPart>,
}

pub async fn issue(
    state: State<Shared>,
    asker: Asker,
    Path((owner, name, number)): Path<(String, String, i64)>,
) -> Page {
    conversation(state, asker, owner, name, number, false).await
}

/// `N`, or `N.diff` and `N.patch` as the API gives them.
pub async fn pull(
    state: State<Shared>,
    asker: Asker,
    Path((owner, name, which)): Path<(String, String, String)>,
) -> Page {
    match which.parse() {
        Ok(number) => conversation(state, asker, owner, name, number, true).await,
        Err(_) if which.contains('.') => {
            Ok(super::pulls::get(state, asker, Path((owner, name, which))).await?)
        }
        Err(_) => Err(Lost(404)),
    }
}

async fn conversation(
    State(shared): State<Shared>,
    asker: Asker,
    owner: String,
    name: String,
    number: i64,
    as_pull: bool,
) -> Page {
    let (mut page, git, range) = {
        let world = shared.world();
        let repo = seen(&world, asker, &owner, &name)?;
        let issue = repo.issues.get(&number).ok_or(Lost(404))?;
        if issue.pull.is_some() != as_pull {
            return Ok(
                Redirect::to(&shared.show(&world, None).issue_page(repo, issue)).into_response(),
            );
        }
        let range = issue
            .pull
            .as_ref()
            .map(|p| (p.merge_base.clone(), p.head_sha.clone()));
        (
            page_of(&shared, &world, repo, issue),
            shared.git(&world, repo),
            range,
        )
    };
    if let (Some(part), Some((from, to))) = (&mut page.pull, range) {
        let commits = git.log(&format!("{from}..{to}"), 0, 50, "").await?;
        let line = |c: super::history::Commit| CommitLine {
            short_sha: c.sha[..10].to_string(),
            title: c.message.lines().next().unwrap_or_default().to_string(),
            author: c.author.name,
        };
        part.commits = commits.into_iter().rev().map(line).collect();
        part.files = diff(&git, &from, &to).await?;
    }
    html(page)
}

fn page_of(shared: &Shared, world: &World, repo: &Repo, issue: &Issue) -> IssuePage {
    let show = shared.show(world, None);
    let state = state_of(issue);
    let first = Entry {
        id: 0,
        kind: "comment",
        poster: issue.poster,
        body: issue.body.clone(),
        created: issue.created,
        updated: issue.created,
        reactions: issue.reactions.clone(),
    };
    let items = std::iter::once(&first)
        .chain(&issue.timeline)
        .map(|e| item(world, repo, e))
        .collect();
    let labels = repo.labels.iter().filter(|l| issue.labels.contains(&l.id));
    IssuePage {
        repo: show.full_name(repo),
        number: issue.number,
        title: issue.title.clone(),
        state,
        state_name: match state {
            "open" => "Open",
            "merged" => "Merged",
            _ => "Closed",
        },
        poster: world.user(issue.poster).login.clone(),
        created: at(issue.created),
        comments: issue.comments().count(),
        labels: labels
            .map(|l| LabelTag {
                name: l.name.clone(),
                color: l.color.clone(),
                ink: ink(&l.color),
            })
            .collect(),
        items,
        pull: issue
            .pull
            .as_ref()
            .map(|p| pull_part(world, repo, p, &show.issue_page(repo, issue))),
    }
}

/// Black or white, whichever can be read on a colour.
fn ink(color: &str) -> &'static str {
    let part = |i: usize| {
        color
            .get(i..i + 2)
            .and_then(|h| u32::from_str_radix(h, 16).ok())
            .unwrap_or(0)
    };
    if part(0) * 299 + part(2) * 587 + part(4) * 114 > 140_000 {
        "#000"
    } else {
        "#fff"
    }
}

fn item(world: &World, repo: &Repo, entry: &Entry) -> Item {
    let poster = world.user(entry.poster);
    let comment = entry.kind == "comment";
    let role = match world.access(repo, Some(entry.poster), Unit::Code) {
        Access::Owner => "Owner",
        Access::Write | Access::Admin => "Collaborator",
        _ => "",
    };
    Item {
        comment,
        id: entry.id,
        poster: poster.login.clone(),
        face: format!("/avatars/{}", poster.login),
        role,
        at: at(entry.created),
        edited: entry.updated > entry.created,
        html: if comment {
            markdown::render(&entry.body)
        } else {
            event(entry)
        },
        reactions: grouped(world, &entry.reactions),
    }
}

fn event(entry: &Entry) -> String {
    match entry.kind {
        "close" => "closed this".into(),
        "reopen" => "reopened this".into(),
        "label" => "changed the labels".into(),
        "change_title" => "changed the title".into(),
        "merge_pull" => "merged this pull request".into(),
        "delete_branch" => "deleted the branch".into(),
        "pull_push" => {
            let told: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
            let commits = told["commit_ids"].as_array().map_or(0, Vec::len);
            match (told["is_force_push"].as_bool(), commits) {
                (Some(true), _) => "force-pushed the branch".into(),
                (_, 1) => "added 1 commit".into(),
                (_, n) => format!("added {n} commits"),
            }
        }
        other => other.replace('_', " "),
    }
}

const FACES: [(&str, &str); 8] = [
    ("+1", "👍"),
    ("-1", "👎"),
    ("laugh", "😄"),
    ("hooray", "🎉"),
    ("confused", "😕"),
    ("heart", "❤️"),
    ("rocket", "🚀"),
    ("eyes", "👀"),
];

fn grouped(world: &World, reactions: &[Reaction]) -> Vec<(&'static str, usize, String)> {
    let of = |content: &str| {
        reactions
            .iter()
            .filter(|r| r.content == content)
            .map(|r| world.user(r.user).login.as_str())
            .collect::<Vec<_>>()
    };
    FACES
        .iter()
        .map(|(content, face)| (*face, of(content)))
        .filter(|(_, who)| !who.is_empty())
        .map(|(face, who)| (face, who.len(), who.join(", ")))
        .collect()
}

fn pull_part(world: &World, repo: &Repo, pull: &Pull, page: &str) -> PullPart {
    let statuses = latest(repo, &pull.head_sha);
    let web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    let login = |id: UserId| world.user(id).login.clone();
    PullPart {
        head: pull.head.clone(),
        base: pull.base.clone(),
        merged_by: pull.merged.as_ref().map(|m| login(m.by)),
        short_sha: pull.head_sha.chars().take(10).collect(),
        combined: combined_word(&statuses),
        statuses: statuses
            .iter()
            .map(|s| StatusLine {
                context: s.context.clone(),
                state: s.state.clone(),
                description: s.description.clone(),
                creator: login(s.creator),
                link: if web(&s.target_url) {
                    s.target_url.clone()
                } else {
                    String::new()
                },
            })
            .collect(),
        mergeable: pull.mergeable,
        commits: Vec::new(),
        files: Vec::new(),
        additions: pull.additions,
        deletions: pull.deletions,
        diff_link: format!("{page}.diff"),
    }
}

async fn diff(git: &Git, from: &str, to: &str) -> anyhow::Result<Vec<DiffFile>> {
    let output = git
        .must(&["diff", "--no-renames", "-p", from, to], b"")
        .await?;
    let mut files: Vec<DiffFile> = Vec::new();
    let text = output.text();
    for line in text.lines().take(MOST_LINES) {
        if let Some(names) = line.strip_prefix("diff --git ") {
            let name = names.split(" b/").last().unwrap_or(names).to_string();
            files.push(DiffFile {
                name,
                lines: Vec::new(),
            });
            continue;
        }
        let Some(file) = files.last_mut() else {
            continue;
        };
        // Everything before the first hunk is about the file, not in it.
        if file.lines.is_empty() && !line.starts_with("@@") {
            continue;
        }
        let class = match line.as_bytes().first() {
            Some(b'+') => "add",
            Some(b'-') => "cut",
            Some(b'@') => "hunk",
            _ => "",
        };
        file.lines.push((class, line.to_string()));
    }
    if let (true, Some(last)) = (text.lines().count() > MOST_LINES, files.last_mut()) {
        last.lines
            .push(("hunk", format!("… cut after {MOST_LINES} lines")));
    }
    Ok(files)
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
    let hue = name
        .bytes()
        .fold(7u32, |h, b| (h * 31 + u32::from(b)) % 360);
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
    let (_, log) = hook_log(&shared, asker, &owner, &name, id)?;
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
    let (_, log) = hook_log(&shared, asker, &owner, &name, id)?;
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
) -> Result<(RepoId, super::deliver::HookQueue), Lost> {
    let world = shared.world();
    let repo = administered(&world, asker, owner, name)?;
    let hook = repo.hooks.iter().find(|h| h.id == id).ok_or(Lost(404))?;
    Ok((repo.id, hook.queue.clone()))
}
