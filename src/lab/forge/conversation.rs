//! The page of an issue or a pull request: what was said, what happened, and what would change.

use super::Shared;
use super::access::{Asker, seen};
use super::git::Git;
use super::markdown;
use super::pages::{At, Lost, Page, at, html, state_of};
use super::state::{Access, Entry, Issue, Pull, Reaction, Repo, Unit, UserId, World};
use super::statuses::{combined_word, latest};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};

/// Longer diffs are cut.
const MOST_LINES: usize = 3000;

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
        mention: None,
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
        "issue_ref" | "pull_ref" | "comment_ref" => "named this elsewhere".into(),
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
