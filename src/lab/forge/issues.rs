//! Issues and labels. A pull request is an issue too, so its title, body, state and labels are handled here as well.

use super::access::{Asker, seen};
use super::answer::{Answer, Body, No, Paging, counted, empty, listed, query, reply, required};
use super::pushes::{fire, pull_payload};
use super::state::{Access, Entry, Issue, Label, Repo, RepoId, Unit, UserId, World, now};
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
    let at = now();
    (issue.open, issue.closed, issue.updated) = (open, (!open).then_some(at), at);
    issue.timeline.push(entry);
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
    let number = add(&mut world, id, poster, new.title, new.body, labels)?;
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
    let names: Vec<&str> = filter.labels.split(',').filter(|l| !l.is_empty()).collect();
    let has = |i: &Issue, name: &str| {
        repo.labels
            .iter()
            .any(|l| l.name == name && i.labels.contains(&l.id))
    };
    let picked: Vec<&Issue> = repo
        .issues
        .values()
        .rev()
        .filter(|i| match filter.state.as_str() {
            "closed" => !i.open,
            "all" => true,
            _ => i.open,
        })
        .filter(|i| match filter.kind.as_str() {
            "issues" => i.pull.is_none(),
            "pulls" => i.pull.is_some(),
            _ => true,
        })
        .filter(|i| names.iter().all(|name| has(i, name)))
        .filter(|i| {
            filter.created_by.is_empty()
                || world
                    .user(i.poster)
                    .login
                    .eq_ignore_ascii_case(&filter.created_by)
        })
        .filter(|i| i.title.contains(&filter.q) || i.body.contains(&filter.q))
        .filter(|i| since.is_none_or(|since| i.updated >= since))
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

fn update(
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

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewLabel {
    name: String,
    color: String,
    description: String,
}

pub async fn create_label(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    body: Body,
) -> Answer {
    let mut world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let (id, _) = (repo.id, asker.signed_in()?);
    if world.access(repo, asker.user, Unit::Issues) < Access::Write {
        return Err(No::because(
            403,
            "user should have a permission to write to a repo",
        ));
    }
    let new: NewLabel = body.read()?;
    required(&[("Name", &new.name), ("Color", &new.color)])?;
    let color =
        colour(&new.color).ok_or_else(|| No::because(422, format!("bad color: {}", new.color)))?;
    let label = Label {
        id: world.ids.next("label"),
        name: new.name,
        color,
        description: new.description,
    };
    let repo = world.repo_mut(id)?;
    repo.labels.push(label.clone());
    Ok(reply(
        201,
        &shared
            .show(&world, asker.user)
            .label(world.repo(id)?, &label),
    ))
}

/// Six hexadecimal digits, from three or six with or without `#`.
fn colour(text: &str) -> Option<String> {
    let digits = text.trim_start_matches('#').to_lowercase();
    let digits = if digits.len() == 3 {
        digits.chars().flat_map(|c| [c, c]).collect()
    } else {
        digits
    };
    (digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit())).then_some(digits)
}

pub async fn list_labels(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): OwnerName,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    let mut labels: Vec<&Label> = repo.labels.iter().collect();
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    let (paging, total, show): (Paging, _, _) =
        (query(&uri), labels.len(), shared.show(&world, asker.user));
    Ok(listed(
        &shared,
        &uri,
        &paging,
        total,
        &paging
            .cut(labels)
            .into_iter()
            .map(|l| show.label(repo, l))
            .collect(),
    ))
}

pub async fn issue_labels(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
) -> Answer {
    let world = shared.world();
    let (repo, issue) = seen_issue(&world, asker, &owner, &name, number)?;
    Ok(reply(
        200,
        &shared.show(&world, asker.user).labels(repo, &issue.labels),
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Labels {
    /// Ids or names.
    labels: Vec<Value>,
}

pub async fn add_labels(
    state: State<Shared>,
    asker: Asker,
    path: OwnerNameNumber,
    body: Body,
) -> Answer {
    let labels: Labels = body.read()?;
    relabel(
        state,
        asker,
        path,
        |has, named| has.iter().chain(named).copied().collect(),
        labels.labels,
    )
}

pub async fn replace_labels(
    state: State<Shared>,
    asker: Asker,
    path: OwnerNameNumber,
    body: Body,
) -> Answer {
    let labels: Labels = body.read()?;
    relabel(state, asker, path, |_, named| named.to_vec(), labels.labels)
}

pub async fn clear_labels(state: State<Shared>, asker: Asker, path: OwnerNameNumber) -> Answer {
    relabel(state, asker, path, |_, _| Vec::new(), Vec::new()).map(|_| empty(204))
}

pub async fn remove_label(
    state: State<Shared>,
    asker: Asker,
    Path((owner, name, number, label)): Path<(String, String, i64, i64)>,
) -> Answer {
    {
        let world = state.world();
        let (repo, _) = seen_issue(&world, asker, &owner, &name, number)?;
        if !repo.labels.iter().any(|l| l.id == label) {
            return Err(No::because(422, "label does not exist [label_id: 0]"));
        }
    }
    let without = |has: &[i64], _: &[i64]| has.iter().copied().filter(|l| *l != label).collect();
    relabel(
        state,
        asker,
        Path((owner, name, number)),
        without,
        Vec::new(),
    )
    .map(|_| empty(204))
}

fn relabel(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name, number)): OwnerNameNumber,
    pick: impl FnOnce(&[i64], &[i64]) -> Vec<i64>,
    named: Vec<Value>,
) -> Answer {
    let mut world = shared.world();
    let (repo, issue) = seen_issue(&world, asker, &owner, &name, number)?;
    let (id, user) = (repo.id, asker.signed_in()?);
    if world.access(repo, asker.user, unit_of(issue)) < Access::Write {
        return Err(No::because(403, "write permission is required"));
    }
    // Labels that do not exist are left out.
    let is =
        |l: &Label, named: &Value| named.as_i64() == Some(l.id) || named.as_str() == Some(&l.name);
    let named: Vec<i64> = repo
        .labels
        .iter()
        .filter(|l| named.iter().any(|n| is(l, n)))
        .map(|l| l.id)
        .collect();
    let wanted = pick(&issue.labels, &named);
    set_labels(&shared, &mut world, id, number, user, &wanted)?;
    let repo = world.repo(id)?;
    Ok(reply(
        200,
        &shared
            .show(&world, asker.user)
            .labels(repo, &repo.issues[&number].labels),
    ))
}

fn set_labels(
    shared: &Inner,
    world: &mut World,
    id: RepoId,
    number: i64,
    user: UserId,
    wanted: &[i64],
) -> Result<(), No> {
    let mut wanted: Vec<i64> = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let before = world
        .repo(id)?
        .issues
        .get(&number)
        .ok_or_else(No::not_found)?
        .labels
        .clone();
    let differing = wanted.iter().filter(|l| !before.contains(l)).count()
        + before.iter().filter(|l| !wanted.contains(l)).count();
    let entries: Vec<Entry> = (0..differing)
        .map(|_| enter(world, "label", user, "1".into()))
        .collect();
    if differing > 0 {
        update(world, id, number, |i| {
            i.labels = wanted;
            i.timeline.extend(entries);
        })?;
    }
    tell(
        shared,
        world,
        (id, number),
        "label",
        "label_updated",
        user,
        None,
    );
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
