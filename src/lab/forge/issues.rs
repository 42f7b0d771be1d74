//! Issues and labels. A pull request is an issue too, so its title, body, state and labels are handled here as well.

use super::access::{Asker, seen};
use super::answer::{Answer, Body, No, Paging, counted, listed, query, reply, required};
use super::labels::set_labels;
use super::mentions::{self, Mention};
use super::pushes::{fire, pull_payload};
use super::state::{Access, Entry, Issue, Repo, RepoId, Seconds, Unit, UserId, World, now};
use super::{Inner, Shared};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

type OwnerName = Path<(String, String)>;

type OwnerNameNumber = Path<(String, String, i64)>;

/// A new entry for a timeline, with its id.
pub fn enter(world: &mut World, kind: &'static str, poster: UserId, body: String) -> Entry {
    let at = now();
    Entry {
        id: world.ids.next("comment"),
        kind,
        poster,
        body,
        created: at,
        updated: at,
        reactions: Vec::new(),
        mention: None,
    }
}

pub fn unit_of(issue: &Issue) -> Unit {
    if issue.pull.is_some() {
        Unit::Pulls
    } else {
        Unit::Issues
    }
}

/// Tells hooks about an issue, under the name that fits its kind.
pub fn tell(
    shared: &Inner,
    world: &World,
    (id, number): (RepoId, i64),
    what: &str,
    action: &str,
    sender: UserId,
    changes: Option<Value>,
) {
    let Some((repo, issue)) = world
        .repos
        .get(&id)
        .and_then(|r| Some((r, r.issues.get(&number)?)))
    else {
        return;
    };
    let show = shared.show(world, None);
    if issue.pull.is_some() {
        let event = if what == "label" {
            "pull_request_label"
        } else {
            "pull_request"
        };
        return fire(
            repo,
            event,
            &pull_payload(&show, repo, issue, action, sender, changes),
        );
    }
    let mut payload = json!({"action": action, "number": number});
    if let Some(changes) = changes {
        payload["changes"] = changes;
    }
    payload["issue"] = show.issue(repo, issue);
    payload["repository"] = show.repo_for(repo, Some(issue.poster));
    payload["sender"] = show.user(sender);
    payload["commit_id"] = json!("");
    fire(
        repo,
        if what == "label" {
            "issue_label"
        } else {
            "issues"
        },
        &payload,
    );
}

/// Title and text of an issue or a pull request, as a place where something is named.
pub fn opening(repo: RepoId, number: i64) -> Mention {
    Mention {
        repo,
        number,
        comment: None,
    }
}

/// Closes an open issue or pull request, and says so.
pub fn close_issue(shared: &Inner, world: &mut World, id: RepoId, number: i64, by: UserId) {
    set_state(shared, world, id, number, by, false);
}

fn set_state(shared: &Inner, world: &mut World, id: RepoId, number: i64, by: UserId, open: bool) {
    let entry = enter(
        world,
        if open { "reopen" } else { "close" },
        by,
        String::new(),
    );
    let Some(issue) = world
        .repos
        .get_mut(&id)
        .and_then(|r| r.issues.get_mut(&number))
    else {
        return;
    };
    if issue.open == open {
        return;
    }
    let (at, entry_id) = (now(), entry.id);
    (issue.open, issue.closed, issue.updated) = (open, (!open).then_some(at), at);
    issue.timeline.push(entry);
    let names = if open {
        ["reopen_issue", "reopen_pull_request"]
    } else {
        ["close_issue", "close_pull_request"]
    };
    world.act_in((id, number), by, names, "", entry_id);
    tell(
        shared,
        world,
        (id, number),
        "state",
        if open { "reopened" } else { "closed" },
        by,
        None,
    );
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewIssue {
    title: String,
    body: String,
    labels: Vec<i64>,
    closed: bool,
}

pub async fn create(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let (id, poster) = (repo.id, asker.signed_in()?);
    let writer = world.access(repo, asker.user, Unit::Issues) >= Access::Write;
    let new: NewIssue = body.read()?;
    required(&[("Title", &new.title)])?;
    // Labels of those who may not set any are left out without a word.
    let labels = if writer {
        new.labels
            .into_iter()
            .filter(|l| repo.labels.iter().any(|x| x.id == *l))
            .collect()
    } else {
        Vec::new()
    };
    let title = new.title.clone();
    let number = add(&mut world, id, poster, new.title, new.body, labels)?;
    world.act_in((id, number), poster, ["create_issue"; 2], &title, 0);
    mentions::note(&mut world, opening(id, number), poster);
    tell(
        &shared,
        &world,
        (id, number),
        "state",
        "opened",
        poster,
        None,
    );
    if new.closed && writer {
        close_issue(&shared, &mut world, id, number, poster);
    }
    let repo = world.repo(id)?;
    Ok(reply(
        201,
        &shared
            .show(&world, asker.user)
            .issue(repo, &repo.issues[&number]),
    ))
}

/// Puts an issue into its repository and returns its number.
pub fn add(
    world: &mut World,
    repo: RepoId,
    poster: UserId,
    title: String,
    body: String,
    labels: Vec<i64>,
) -> Result<i64, No> {
    let id = world.ids.next("issue");
    let issues = &mut world.repo_mut(repo)?.issues;
    let number = issues.keys().next_back().map_or(1, |last| last + 1);
    let at = now();
    let issue = Issue {
        id,
        number,
        poster,
        title,
        body,
        open: true,
        created: at,
        updated: at,
        closed: None,
        labels,
        reactions: Vec::new(),
        timeline: Vec::new(),
        pull: None,
    };
    issues.insert(number, issue);
    Ok(number)
}

/// An issue that the asker can see.
pub fn seen_issue<'a>(
    world: &'a World,
    asker: Asker,
    owner: &str,
    name: &str,
    number: i64,
) -> Result<(&'a Repo, &'a Issue), No> {
    let repo = seen(world, asker, owner, name)?;
    let issue = repo.issues.get(&number).ok_or_else(No::not_found)?;
    Ok((repo, issue))
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (repo, issue) = seen_issue(&world, asker, &owner, &name, number)?;
    Ok(reply(
        200,
        &shared.show(&world, asker.user).issue(repo, issue),
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Filter {
    pub state: String,
    #[serde(rename = "type")]
    kind: String,
    labels: String,
    created_by: String,
    q: String,
    since: String,
}

pub async fn list(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let (filter, paging): (Filter, Paging) = (query(&uri), query(&uri));
    let since = super::comments::since(&filter.since)?;
    let picked: Vec<&Issue> = repo
        .issues
        .values()
        .rev()
        .filter(|issue| filter.fits(&world, repo, issue, since))
        .collect();
    let total = picked.len();
    let show = shared.show(&world, asker.user);
    let page: Vec<Value> = paging
        .cut(picked)
        .into_iter()
        .map(|i| show.issue(repo, i))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

impl Filter {
    fn fits(&self, world: &World, repo: &Repo, issue: &Issue, since: Option<Seconds>) -> bool {
        let mut names = self.labels.split(',').filter(|name| !name.is_empty());
        let has = |name: &str| {
            let mut labels = repo.labels.iter();
            labels.any(|label| label.name == name && issue.labels.contains(&label.id))
        };
        let state = match self.state.as_str() {
            "closed" => !issue.open,
            "all" => true,
            _ => issue.open,
        };
        let kind = match self.kind.as_str() {
            "issues" => issue.pull.is_none(),
            "pulls" => issue.pull.is_some(),
            _ => true,
        };
        let poster = &world.user(issue.poster).login;
        state
            && kind
            && names.all(has)
            && (self.created_by.is_empty() || poster.eq_ignore_ascii_case(&self.created_by))
            && (issue.title.contains(&self.q) || issue.body.contains(&self.q))
            && since.is_none_or(|since| issue.updated >= since)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Owner {
    owner: String,
}

/// Issues of all repositories that the asker sees, newest first.
pub async fn search(State(shared): State<Shared>, asker: Asker, uri: Uri) -> Answer {
    let world = shared.world();
    let (filter, paging, of): (Filter, Paging, Owner) = (query(&uri), query(&uri), query(&uri));
    let since = super::comments::since(&filter.since)?;
    let owner = match of.owner.as_str() {
        "" => None,
        name => {
            let unknown =
                || No::because(400, format!("user does not exist [uid: 0, name: {name}]"));
            Some(world.user_named(name).ok_or_else(unknown)?.id)
        }
    };
    let is_of = |repo: &Repo| owner.is_none_or(|owner| repo.owner == owner);
    let mut picked: Vec<(&Repo, &Issue)> = world
        .repos
        .values()
        .filter(|repo| is_of(repo) && world.access(repo, asker.user, Unit::Code) >= Access::Read)
        .flat_map(|repo| repo.issues.values().map(move |issue| (repo, issue)))
        .filter(|(repo, issue)| filter.fits(&world, repo, issue, since))
        .collect();
    picked.sort_by_key(|(_, issue)| std::cmp::Reverse((issue.created, issue.id)));
    let total = picked.len();
    let show = shared.show(&world, asker.user);
    let page: Vec<Value> = paging
        .cut(picked)
        .into_iter()
        .map(|(repo, issue)| show.issue(repo, issue))
        .collect();
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Edit {
    title: String,
    body: Option<String>,
    state: Option<String>,
    labels: Option<Vec<i64>>,
}

pub async fn edit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let id = change(&shared, &mut world, asker, &owner, &name, number, &body)?;
    let repo = world.repo(id)?;
    Ok(reply(
        201,
        &shared
            .show(&world, asker.user)
            .issue(repo, &repo.issues[&number]),
    ))
}

/// Edits an issue or a pull request, as its poster or as somebody who may write.
pub fn change(
    shared: &Inner,
    world: &mut World,
    asker: Asker,
    owner: &str,
    name: &str,
    number: i64,
    body: &Body,
) -> Result<RepoId, No> {
    let (repo, issue) = seen_issue(world, asker, owner, name, number)?;
    let (id, user) = (repo.id, asker.signed_in()?);
    let edit: Edit = body.read()?;
    let writer = world.access(repo, asker.user, unit_of(issue)) >= Access::Write;
    if issue.poster != user && !writer {
        return Err(No::bare(403));
    }
    if let Some(state) = edit.state.as_deref() {
        if issue.pull.as_ref().is_some_and(|p| p.merged.is_some()) {
            return Err(No::because(
                412,
                "cannot change state of this pull request, it was already merged",
            ));
        }
        if state != "open" && state != "closed" {
            return Err(No::because(412, format!("unknown state: {state}")));
        }
    }
    let (was_title, was_body, is_open) = (issue.title.clone(), issue.body.clone(), issue.open);
    let changed = |field: &str, from: &str| {
        let mut changes = json!({});
        changes[field] = json!({"from": from});
        changes["added_labels"] = Value::Null;
        changes["removed_labels"] = Value::Null;
        Some(changes)
    };
    if !edit.title.is_empty() && edit.title != was_title {
        let entry = enter(world, "change_title", user, String::new());
        update(world, id, number, |i| {
            i.title = edit.title.clone();
            i.timeline.push(entry);
        })?;
        tell(
            shared,
            world,
            (id, number),
            "text",
            "edited",
            user,
            changed("title", &was_title),
        );
    }
    if let Some(text) = edit.body.filter(|text| *text != was_body) {
        update(world, id, number, |i| i.body = text)?;
        tell(
            shared,
            world,
            (id, number),
            "text",
            "edited",
            user,
            changed("body", &was_body),
        );
    }
    mentions::note(world, opening(id, number), user);
    if let Some(labels) = edit.labels.filter(|_| writer) {
        set_labels(shared, world, id, number, user, &labels)?;
    }
    if let Some(open) = edit
        .state
        .map(|s| s == "open")
        .filter(|open| *open != is_open)
    {
        set_state(shared, world, id, number, user, open);
    }
    Ok(id)
}

pub fn update(
    world: &mut World,
    id: RepoId,
    number: i64,
    change: impl FnOnce(&mut Issue),
) -> Result<(), No> {
    let issue = world
        .repo_mut(id)?
        .issues
        .get_mut(&number)
        .ok_or_else(No::not_found)?;
    change(issue);
    issue.updated = now();
    Ok(())
}

pub async fn timeline(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (repo, issue) = seen_issue(&world, asker, &owner, &name, number)?;
    let show = shared.show(&world, None);
    let shown: Vec<Value> = issue
        .timeline
        .iter()
        .map(|e| show.timeline_entry(repo, issue, e))
        .collect();
    Ok(counted(shown.len(), &json!(shown)))
}
