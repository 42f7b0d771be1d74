//! Makes the world through the forge's API: people, organisations, repositories, rights, webhooks, the tracking issue.
//!
//! Nothing here knows which forge it is.

use super::client::Api;
use super::folder::Folder;
use super::others::BUILDER;
use super::sandbox;
use super::seed::{self, Seed};
use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const RECIPE: &str = "custom-html-tiny";
pub const MIRRORS: &str = "recipe-maintainers";
pub const UPSTREAM: &str = "coop-cloud";
/// Where builds run.
pub const SUITE: &str = "recipe-maintainers/cc-ci";
const SUITE_NAME: &str = "cc-ci";
pub const TRACKING: (&str, &str) = ("maintainers", "verification");
/// As many requests are under way together: each push is a few processes on either side.
const AT_ONCE: usize = 8;
/// The site's administrator; the name `admin` is reserved on a forge.
pub const OPERATOR: &str = "operator";

#[derive(Clone, Serialize)]
pub struct Account {
    pub login: String,
    pub password: String,
    pub token: String,
}

#[derive(Clone, Serialize)]
pub struct TrackingIssue {
    pub owner: String,
    pub repo: String,
    pub number: i64,
    pub url: String,
}

/// Where the forge delivers to.
pub struct Hooks {
    pub gavel: String,
    pub bridge: Option<String>,
    pub secret: String,
}

pub struct Provisioned {
    pub accounts: BTreeMap<String, Account>,
    pub tracking_issue: TrackingIssue,
}

impl Provisioned {
    pub fn account(&self, name: &str) -> Result<&Account> {
        self.accounts
            .get(name)
            .with_context(|| format!("the lab has no account {name}"))
    }
}

pub fn secret() -> String {
    hex::encode(rand::random::<[u8; 20]>())
}

const PEOPLE: [&str; 7] = [
    "maintainer",
    "outsider",
    "adversary",
    "gavel",
    "flow",
    "bridge",
    BUILDER,
];

pub async fn provision(
    forge_url: &str,
    operator_password: &str,
    hooks: &Hooks,
    folder: &Folder,
) -> Result<Provisioned> {
    let anonymous = Api::forge(forge_url);
    let operator = account(&anonymous, OPERATOR, operator_password)
        .await
        .context("signing in as the forge's administrator")?;
    let admin = anonymous.with_token(&operator.token);

    let people = async {
        try_join_all(PEOPLE.map(|login| person(&anonymous, &admin, login)))
            .await
            .context("creating the accounts")
    };
    let places = places(&admin, forge_url, &operator, folder);
    let (people, ()) = tokio::try_join!(people, places)?;
    let mut accounts: BTreeMap<String, Account> = people
        .into_iter()
        .map(|account| (account.login.clone(), account))
        .collect();

    let maintainer = anonymous.with_token(&accounts["maintainer"].token);
    rights(&admin).await.context("giving rights")?;
    let (tracking_issue, ()) = tokio::try_join!(
        tracking_issue(&maintainer, forge_url),
        webhooks(&admin, hooks)
    )?;
    worked_before(&anonymous, &accounts).await?;
    accounts.insert("admin".to_owned(), operator);
    Ok(Provisioned {
        accounts,
        tracking_issue,
    })
}

async fn person(anonymous: &Api, admin: &Api, login: &str) -> Result<Account> {
    let password = secret();
    let body = json!({ "username": login, "email": format!("{login}@example.org"), "password": password, "must_change_password": false });
    admin.post("/admin/users", body).await?;
    account(anonymous, login, &password).await
}

/// The scopes of a token: what its account needs, and nothing else, where it is Gavel's or the outsider's; the operator may do everything.
fn scopes(login: &str) -> &'static [&'static str] {
    match login {
        OPERATOR => &["all"],
        "gavel" => &["write:repository", "write:issue", "read:user"],
        "outsider" => &["write:issue", "read:user", "read:organization"],
        _ => &[
            "write:repository",
            "write:issue",
            "read:user",
            "read:organization",
        ],
    }
}

/// A token for an account that exists.
async fn account(anonymous: &Api, login: &str, password: &str) -> Result<Account> {
    let scopes = scopes(login);
    let signed_in = anonymous.with_password(login, password);
    let token = signed_in
        .post(
            &format!("/users/{login}/tokens"),
            json!({ "name": "lab", "scopes": scopes }),
        )
        .await?;
    let token = token["sha1"]
        .as_str()
        .with_context(|| format!("the forge's answer holds no token for {login}"))?
        .to_owned();
    Ok(Account {
        login: login.to_owned(),
        password: password.to_owned(),
        token,
    })
}

/// The names of all recipes that have a mirror.
pub fn recipes() -> impl Iterator<Item = &'static str> {
    std::iter::once(RECIPE).chain(sandbox::all().map(|recipe| recipe.name))
}

fn seeds() -> Vec<Seed> {
    let tests = sandbox::all().flat_map(sandbox::Recipe::tests);
    let own = [
        (RECIPE, seed::recipe()),
        (SUITE_NAME, seed::cc_ci(tests)),
        (TRACKING.1, seed::verification()),
    ];
    let others = sandbox::all().map(|recipe| (recipe.name, recipe.commits()));
    let all = own.into_iter().chain(others);
    all.map(|(name, commits)| Seed { name, commits }).collect()
}

/// Organisations and repositories with their content.
async fn places(admin: &Api, forge_url: &str, operator: &Account, folder: &Folder) -> Result<()> {
    let organisations = try_join_all(
        [UPSTREAM, MIRRORS, TRACKING.0]
            .map(|name| admin.post("/orgs", json!({ "username": name }))),
    );
    let home = folder.path("home");
    let seeds = seeds();
    let built = seed::build(folder.path("work/seed.git"), &seeds, &home);
    let organisations = async { organisations.await.context("creating the organisations") };
    let (_, built) = tokio::try_join!(organisations, built)?;

    let repository = async |owner: &str, name: &str, branches: &str| -> Result<()> {
        admin
            .post(
                &format!("/orgs/{owner}/repos"),
                json!({ "name": name, "default_branch": "main", "private": false }),
            )
            .await?;
        let url = format!("{forge_url}/{owner}/{name}.git");
        seed::push(
            &built,
            &url,
            &format!("refs/heads/{name}/{branches}:refs/heads/{branches}"),
            &operator.login,
            &operator.password,
            &home,
        )
        .await
        .with_context(|| format!("filling {owner}/{name}"))
    };
    // Drafts are on the mirror; upstream has its `main` alone.
    let mirrored = recipes().map(|name| (MIRRORS, name, "*"));
    let released = recipes().map(|name| (UPSTREAM, name, "main"));
    let others = [
        (MIRRORS, SUITE_NAME, "main"),
        (TRACKING.0, TRACKING.1, "main"),
    ];
    let repository = &repository;
    let wanted = others.into_iter().chain(mirrored).chain(released);
    let mut filling = futures_util::stream::iter(
        wanted.map(|(owner, name, branches)| repository(owner, name, branches)),
    )
    .buffer_unordered(AT_ONCE);
    while let Some(filled) = filling.next().await {
        filled?;
    }
    drop(filling);
    tokio::fs::remove_dir_all(&built)
        .await
        .with_context(|| format!("removing {}", built.display()))
}

async fn rights(admin: &Api) -> Result<()> {
    let mut given = Vec::new();
    for recipe in recipes() {
        let (mirror, upstream) = (
            format!("{MIRRORS}/{recipe}"),
            format!("{UPSTREAM}/{recipe}"),
        );
        given.extend(["flow", "bridge"].map(|login| (mirror.clone(), login, "write")));
        if recipe == sandbox::OUTSIDE.name {
            given.push((mirror, BUILDER, "write"));
        } else {
            given.push((mirror, "gavel", "write"));
            given.push((upstream, "gavel", "write"));
        }
    }
    let tracking = format!("{}/{}", TRACKING.0, TRACKING.1);
    given.extend(["gavel", "flow", BUILDER].map(|login| (SUITE.to_owned(), login, "write")));
    given.push((tracking.clone(), "maintainer", "write"));
    given.push((tracking, "gavel", "admin"));
    let give = async |(repository, login, permission): (String, &str, &str)| {
        let path = format!("/repos/{repository}/collaborators/{login}");
        let put = admin.put(&path, json!({ "permission": permission })).await;
        put.with_context(|| format!("letting {login} into {repository}"))
    };
    let give = &give;
    let collaborators = async {
        let mut giving =
            futures_util::stream::iter(given.into_iter().map(give)).buffer_unordered(AT_ONCE);
        while let Some(given) = giving.next().await {
            given?;
        }
        anyhow::Ok(())
    };
    let team = async {
        let team = json!({ "name": "ci", "permission": "write", "includes_all_repositories": true, "units": ["repo.code", "repo.issues", "repo.pulls"] });
        let team = admin.post(&format!("/orgs/{MIRRORS}/teams"), team).await?;
        let id = team["id"]
            .as_i64()
            .context("the forge's answer holds no id for the team")?;
        admin
            .put(&format!("/teams/{id}/members/bridge"), Value::Null)
            .await?;
        anyhow::Ok(())
    };
    tokio::try_join!(collaborators, team)?;
    Ok(())
}

/// The flow and the gate have been at work before: a forge that remembers nothing of an account hides what it does.
async fn worked_before(anonymous: &Api, accounts: &BTreeMap<String, Account>) -> Result<()> {
    try_join_all(["flow", "bridge"].map(|login| {
        let api = anonymous.with_token(&accounts[login].token);
        async move {
            let issue = json!({ "title": format!("Hello from {login}") });
            api.post(&format!("/repos/{SUITE}/issues"), issue).await
        }
    }))
    .await
    .context("opening an issue as those who worked here before")?;
    Ok(())
}

async fn tracking_issue(maintainer: &Api, forge_url: &str) -> Result<TrackingIssue> {
    let (owner, repo) = TRACKING;
    let body = "Verification of the upgrade flow is asked for here, and its verdicts are posted here.\n\nComment `/verify V1 V2` to begin, `/help` for more.";
    let issue = maintainer
        .post(
            &format!("/repos/{owner}/{repo}/issues"),
            json!({ "title": "Verify the upgrade flow", "body": body }),
        )
        .await;
    let issue = issue.context("opening the tracking issue")?;
    let number = issue["number"]
        .as_i64()
        .context("the forge's answer holds no number for the tracking issue")?;
    Ok(TrackingIssue {
        owner: owner.to_owned(),
        repo: repo.to_owned(),
        number,
        url: format!("{forge_url}/{owner}/{repo}/issues/{number}"),
    })
}

async fn webhooks(admin: &Api, hooks: &Hooks) -> Result<()> {
    let gavel = ["issue_comment", "issues", "pull_request", "push", "status"].as_slice();
    let tracking = format!("{}/{}", TRACKING.0, TRACKING.1);
    let mirrors: Vec<String> = recipes()
        .map(|recipe| format!("{MIRRORS}/{recipe}"))
        .collect();
    let told = [tracking, SUITE.to_owned()];
    let mut wanted: Vec<(&str, &str, &[&str])> = Vec::new();
    for repository in told.iter().chain(&mirrors) {
        wanted.push((repository, &hooks.gavel, gavel));
    }
    if let Some(bridge) = &hooks.bridge {
        for mirror in &mirrors {
            wanted.push((mirror, bridge, &["issue_comment"]));
        }
    }
    for (repository, url, events) in wanted {
        // On Gitea comments on pull requests are an event of their own in a hook's list.
        let mut events = events.to_vec();
        events.push("pull_request_comment");
        let config = json!({ "url": url, "content_type": "json", "secret": hooks.secret });
        let hook = json!({ "type": "gitea", "active": true, "events": events, "config": config });
        admin
            .post(&format!("/repos/{repository}/hooks"), hook)
            .await
            .with_context(|| format!("adding a webhook to {repository}"))?;
    }
    Ok(())
}
