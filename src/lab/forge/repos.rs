//! Repositories and their collaborators.

use super::Shared;
use super::access::{Asker, administered, seen};
use super::accounts::is_name;
use super::answer::{Answer, Body, No, Paging, empty, listed, query, reply, required};
use super::git::Git;
use super::history::{Change, NewCommit};
use super::organisations::organisation;
use super::state::{Access, Repo, RepoId, Unit, UserId, World, now};
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The switches of a repository that PATCH understands and the lab's parts may look at.
const SWITCHES: [&str; 9] = [
    "allow_merge_commits",
    "allow_rebase",
    "allow_rebase_explicit",
    "allow_squash_merge",
    "allow_fast_forward_only_merge",
    "allow_manual_merge",
    "autodetect_manual_merge",
    "default_delete_branch_after_merge",
    "archived",
];

impl super::Inner {
    pub fn git(&self, world: &World, repo: &Repo) -> Git {
        let owner = &world.user(repo.owner).login;
        Git::new(
            self.dir
                .join("repos")
                .join(owner)
                .join(format!("{}.git", repo.name)),
            self.dir.join("home"),
        )
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewRepo {
    name: String,
    description: String,
    private: bool,
    auto_init: bool,
    default_branch: String,
}

pub async fn create_for_org(
    State(shared): State<Shared>,
    asker: Asker,
    Path(org): Path<String>,
    body: Body,
) -> Answer {
    let (owner, user) = {
        let world = shared.world();
        let owner = organisation(&world, &org)?;
        let user = asker.signed_in()?;
        let creators = world.teams_of(owner, user).any(|t| t.may_create);
        if !creators && !world.user(user).admin {
            return Err(No::because(
                403,
                "Given user is not allowed to create repository in organization.",
            ));
        }
        (owner, user)
    };
    create(shared, owner, user, body).await
}

pub async fn create_for_user(State(shared): State<Shared>, asker: Asker, body: Body) -> Answer {
    let user = asker.signed_in()?;
    create(shared, user, user, body).await
}

async fn create(shared: Shared, owner: UserId, user: UserId, body: Body) -> Answer {
    let new: NewRepo = body.read()?;
    required(&[("Name", &new.name)])?;
    if !is_name(&new.name) {
        return Err(No::because(422, "[Name]: AlphaDashDot"));
    }
    let branch = if new.default_branch.is_empty() {
        "main".to_string()
    } else {
        new.default_branch.clone()
    };
    let (id, git, email, login) = {
        let mut world = shared.world();
        if world
            .repos
            .values()
            .any(|r| r.owner == owner && r.name.eq_ignore_ascii_case(&new.name))
        {
            return Err(No::because(
                409,
                "The repository with the same name already exists.",
            ));
        }
        let id = RepoId(world.ids.next("repo"));
        let at = now();
        let repo = Repo {
            id,
            owner,
            creator: Some(user),
            name: new.name.clone(),
            description: new.description.clone(),
            private: new.private,
            empty: !new.auto_init,
            default_branch: branch.clone(),
            created: at,
            updated: at,
            switches: BTreeMap::new(),
            collaborators: Vec::new(),
            labels: Vec::new(),
            issues: BTreeMap::new(),
            statuses: Vec::new(),
            hooks: Vec::new(),
            moving: Default::default(),
        };
        let git = shared.git(&world, &repo);
        git.init(&branch)?;
        world.repos.insert(id, repo);
        let creator = world.user(user);
        (id, git, creator.email.clone(), creator.login.clone())
    };
    if new.auto_init {
        let readme = Change {
            path: "README.md".into(),
            content: Some(format!("# {}\n\n{}", new.name, new.description).into()),
            executable: false,
        };
        let who = (login.as_str(), email.as_str());
        let reference = format!("refs/heads/{branch}");
        git.make(&NewCommit {
            reference: &reference,
            parents: &[],
            author: who,
            committer: who,
            at: now(),
            message: "Initial commit",
            changes: &[readme],
        })
        .await?;
    }
    let mut world = shared.world();
    world.act_on(id, user, "create_repo", "", String::new());
    Ok(reply(
        201,
        &shared
            .show(&world, Some(user))
            .repo_for(world.repo(id)?, Some(user)),
    ))
}

pub async fn get(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
) -> Answer {
    let world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    Ok(reply(
        200,
        &shared.show(&world, asker.user).repo_for(repo, asker.user),
    ))
}

pub async fn edit(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Answer {
    let (id, git) = {
        let world = shared.world();
        let repo = administered(&world, asker, &owner, &name)?;
        (repo.id, shared.git(&world, repo))
    };
    let change: Map<String, Value> = body.read()?;
    let branch = change
        .get("default_branch")
        .and_then(Value::as_str)
        .filter(|b| !b.is_empty());
    if let Some(branch) = branch
        && git.branch(branch).await?.is_none()
    {
        return Err(No::because(
            422,
            format!("branch does not exist [repo_id: {} name: {branch}]", id.0),
        ));
    }
    if let Some(branch) = branch {
        git.must(
            &["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")],
            b"",
        )
        .await?;
    }
    let mut world = shared.world();
    let repo = world.repo_mut(id)?;
    if let Some(branch) = branch {
        repo.default_branch = branch.into();
    }
    if let Some(text) = change.get("description").and_then(Value::as_str) {
        repo.description = text.into();
    }
    if let Some(private) = change.get("private").and_then(Value::as_bool) {
        repo.private = private;
    }
    // Gitea takes the switches of merging only together with this one.
    let merging = change.get("has_pull_requests") == Some(&json!(true));
    for name in SWITCHES
        .into_iter()
        .filter(|name| merging || *name == "archived")
    {
        if let Some(value) = change.get(name).filter(|v| v.is_boolean()) {
            repo.switches.insert(name.into(), value.clone());
        }
    }
    if let Some(style) = change
        .get("default_merge_style")
        .filter(|v| merging && v.is_string())
    {
        repo.switches
            .insert("default_merge_style".into(), style.clone());
    }
    repo.updated = now();
    Ok(reply(
        200,
        &shared
            .show(&world, asker.user)
            .repo_for(world.repo(id)?, asker.user),
    ))
}

pub async fn delete(
    State(shared): State<Shared>,
    asker: Asker,
    Path((owner, name)): Path<(String, String)>,
) -> Answer {
    let mut world = shared.world();
    let repo = seen(&world, asker, &owner, &name)?;
    asker.signed_in()?;
    if world.mode(repo, asker.user) < Access::Owner {
        return Err(No::because(403, "user should be the owner of the repo"));
    }
    let (id, git) = (repo.id, shared.git(&world, repo));
    world.repos.remove(&id);
    drop(world);
    std::fs::remove_dir_all(&git.dir)
        .map_err(|error| No::broken(anyhow::anyhow!("deleting {}: {error}", git.dir.display())))?;
    Ok(empty(204))
}

fn page_of(
    shared: &Shared,
    world: &World,
    asker: Asker,
    uri: &Uri,
    which: impl Fn(&Repo) -> bool,
) -> (usize, Vec<Value>, Paging) {
    let show = shared.show(world, asker.user);
    let repos: Vec<&Repo> = world
        .repos
        .values()
        .filter(|r| which(r) && world.access(r, asker.user, Unit::Code) >= Access::Read)
        .collect();
    let paging: Paging = query(uri);
    let total = repos.len();
    (
        total,
        paging
            .cut(repos)
            .into_iter()
            .map(|r| show.repo_for(r, asker.user))
            .collect(),
        paging,
    )
}

pub async fn of_org(
    State(shared): State<Shared>,
    asker: Asker,
    Path(org): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let org = organisation(&world, &org)?;
    let (total, page, paging) = page_of(&shared, &world, asker, &uri, |r| r.owner == org);
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

/// Those that an account itself has.
pub async fn of_user(
    State(shared): State<Shared>,
    asker: Asker,
    Path(login): Path<String>,
    uri: Uri,
) -> Answer {
    let world = shared.world();
    let gone = || No::because(404, format!("user redirect does not exist [name: {login}]"));
    let owner = world.user_named(&login).ok_or_else(gone)?.id;
    let (total, page, paging) = page_of(&shared, &world, asker, &uri, |r| r.owner == owner);
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

/// One's own, those one collaborates in, and those of one's organisations.
pub async fn own(State(shared): State<Shared>, asker: Asker, uri: Uri) -> Answer {
    let world = shared.world();
    let user = asker.signed_in()?;
    let mine = |r: &Repo| {
        r.owner == user
            || r.collaborators.iter().any(|(u, _)| *u == user)
            || world.is_member(r.owner, user)
    };
    let (total, page, paging) = page_of(&shared, &world, asker, &uri, mine);
    Ok(listed(&shared, &uri, &paging, total, &json!(page)))
}

#[derive(Deserialize, Default)]
pub struct Search {
    #[serde(default)]
    q: String,
}

pub async fn search(State(shared): State<Shared>, asker: Asker, uri: Uri) -> Answer {
    let world = shared.world();
    let search: Search = query(&uri);
    let wanted = search.q.to_lowercase();
    let (total, page, paging) = page_of(&shared, &world, asker, &uri, |r| {
        r.name.to_lowercase().contains(&wanted)
    });
    Ok(listed(
        &shared,
        &uri,
        &paging,
        total,
        &json!({"ok": true, "data": page}),
    ))
}
