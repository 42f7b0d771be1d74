//! Labels: of a repository, and on its issues.

use super::Inner;
use super::Shared;
use super::access::Asker;
use super::access::seen;
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply, required};
use super::issues::{enter, seen_issue, tell, unit_of, update};
use super::state::{Access, Entry, Label, RepoId, Unit, UserId, World};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::Value;

type OwnerName = Path<(String, String)>;
type OwnerNameNumber = Path<(String, String, i64)>;

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

pub fn set_labels(
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
