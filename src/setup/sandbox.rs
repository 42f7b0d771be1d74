//! The sandbox recipes: an upstream repository and a mirror of each, with the branches that scenarios start from.

use super::{Step, left, made, repository, there};
use crate::config::{Config, Recipe, Repository};
use crate::gitea::Gitea;
use crate::host::git::{Credentials, Git, Pushed};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::Path;

/// What the recipe of a scenario deploys, and what the image behind it has to be like.
struct Kind {
    /// As the configuration has it; what `sandbox.all` alone names is `current`.
    key: &'static str,
    image: &'static str,
    tag: &'static str,
    version: &'static str,
    says: &'static str,
    /// What a person has to push into the registry.
    next: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind {
        key: "gate",
        image: "sandbox/plain",
        tag: "1.4.0",
        version: "1.0.2",
        says: "The gate is tried on it.",
        next: "1.4.0",
    },
    Kind {
        key: "upgrade",
        image: "sandbox/plain",
        tag: "1.4.0",
        version: "1.0.2",
        says: "Its next version needs nothing new.",
        next: "1.4.0, and 1.10.0 that does the same",
    },
    Kind {
        key: "repairable",
        image: "sandbox/rooted",
        tag: "1.9.0",
        version: "2.3.1",
        says: "Its next version needs to be told what to serve.",
        next: "1.9.0, and 2.0.0 that says what `sandbox.repairable.red_because` matches and ends, unless the variable SERVER_ROOT is set",
    },
    Kind {
        key: "persistent",
        image: "sandbox/doomed",
        tag: "3.1.0",
        version: "0.4.0",
        says: "Its next version never starts.",
        next: "3.1.0, and 3.2.0 that says what `sandbox.persistent.red_because` matches and ends, whatever it is given",
    },
    Kind {
        key: "stale",
        image: "sandbox/talkative",
        tag: "1.4.0",
        version: "1.2.0",
        says: "One of its tests expects the version that it has today.",
        next: "1.4.0, and 2.0.0 that says another version in its header `Server`: `talkative/` and its tag",
    },
    Kind {
        key: "reconcile",
        image: "sandbox/plain",
        tag: "1.4.0",
        version: "1.0.0",
        says: "Its mirror is brought out of step with upstream.",
        next: "1.4.0, and 1.9.0 and 1.10.0 that do the same",
    },
    Kind {
        key: "current",
        image: "sandbox/current",
        tag: "5.0.0",
        version: "3.0.0",
        says: "It has no newer version.",
        next: "5.0.0, and nothing newer",
    },
];

const README: &str = include_str!("../../templates/sandbox/README.md");
const COMPOSE: &str = include_str!("../../templates/sandbox/compose.yml");
const PAGE: &str = include_str!("../../templates/sandbox/html/index.html");

/// A branch, and the files by which it differs from the one that it is made of.
struct Branch {
    name: String,
    from: Option<&'static str>,
    message: String,
    files: BTreeMap<&'static str, String>,
}

/// Makes what is missing of the recipes that the configuration names, and tells what no forge can hold.
pub async fn make(
    config: &Config,
    forge: &Gitea,
    admin: &Credentials,
) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let Some(upstream) = &config.sandbox.upstream else {
        steps.push(left(
            "the sandbox: `sandbox.upstream` is not configured, which says where its upstream repositories are",
        ));
        return Ok(steps);
    };
    for organisation in [upstream.as_str(), config.gate.organisation.as_str()] {
        match forge.account(organisation).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                forge.create_organisation(organisation).await?;
                steps.push(made(format!("organisation {organisation}")));
            }
            Err(error) => return Err(error.into()),
        }
    }
    for recipe in config.sandbox.all_recipes() {
        let kind = kind(config, recipe);
        steps.extend(one(config, forge, admin, recipe, kind).await?);
    }
    Ok(steps)
}

fn kind(config: &Config, recipe: &Recipe) -> &'static Kind {
    let named = config.sandbox.recipes();
    let key = named.iter().find(|(_, named)| *named == recipe);
    let key = key.map_or("current", |(key, _)| key);
    let last = &KINDS[KINDS.len() - 1];
    KINDS.iter().find(|kind| kind.key == key).unwrap_or(last)
}

async fn one(
    config: &Config,
    forge: &Gitea,
    admin: &Credentials,
    recipe: &Recipe,
    kind: &Kind,
) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let (Some(mirror), Some(upstream)) = (config.mirror(recipe), config.upstream(recipe)) else {
        steps.push(left(format!("{recipe}: it is no name of a repository")));
        return Ok(steps);
    };
    let folder = tempfile::tempdir().context("making a folder for the sandbox's commits failed")?;
    let git = Git::default();
    let branches = branches(config, recipe, kind);
    let mut commits = Vec::new();
    for branch in &branches {
        let made = git.commit(
            folder.path(),
            &branch.name,
            branch.from,
            &branch.message,
            &branch.files,
        );
        commits.push((branch.name.as_str(), made.await?));
    }
    for (name, wanted) in [(&upstream, &commits[..1]), (&mirror, &commits[..])] {
        match forge.about(name).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => match repository(forge, name, false).await {
                Ok(step) => steps.push(step),
                Err(step) => {
                    steps.push(step);
                    continue;
                }
            },
            Err(error) => return Err(error.into()),
        }
        let ours = Ours {
            git: &git,
            folder: folder.path(),
            admin,
            config,
        };
        steps.extend(ours.fill(forge, name, wanted).await?);
    }
    let main = forge.branch(&mirror, "main").await;
    if main.is_ok_and(|main| main.value.commit.sha == commits[0].1) {
        steps.push(left(format!(
            "{recipe}: push the image {} into the registry, as {}",
            kind.image, kind.next
        )));
        steps.push(left(format!(
            "{recipe}: commit its tests to {}, enrol {mirror} with the bridge, and let {} write there",
            config.drone.repository, config.gate.account
        )));
    }
    Ok(steps)
}

/// The recipe's commits, as they are on this machine.
struct Ours<'a> {
    git: &'a Git,
    folder: &'a Path,
    admin: &'a Credentials,
    config: &'a Config,
}

impl Ours<'_> {
    /// Pushes each branch that is not there, onto nothing and onto what this made: never over anything of others.
    async fn fill(
        &self,
        forge: &Gitea,
        name: &Repository,
        commits: &[(&str, String)],
    ) -> anyhow::Result<Vec<Step>> {
        let known: BTreeMap<String, String> = forge
            .branches(name)
            .await?
            .value
            .into_iter()
            .map(|branch| (branch.name, branch.commit.sha))
            .collect();
        let main = known.get("main");
        let is_ours = main.is_none_or(|main| commits.iter().any(|(_, ours)| ours == main));
        let mut steps = Vec::new();
        for (branch, commit) in commits {
            let what = format!("branch {branch} of {name}");
            if known.contains_key(*branch) {
                steps.push(there(what));
                continue;
            }
            if !is_ours {
                steps.push(left(format!(
                    "{what}: {name} is a recipe of its own; the README says what has to be on that branch"
                )));
                continue;
            }
            let base = self.config.forge.url.as_str().trim_end_matches('/');
            let url = format!("{base}/{name}.git");
            let reference = format!("refs/heads/{branch}");
            let pushed = self
                .git
                .push(
                    self.folder,
                    &url,
                    &reference,
                    Some(commit),
                    None,
                    Some(self.admin),
                )
                .await?;
            steps.push(match pushed {
                Pushed::Done => made(what),
                Pushed::Moved(_) => there(what),
            });
        }
        Ok(steps)
    }
}

fn branches(config: &Config, recipe: &Recipe, kind: &Kind) -> Vec<Branch> {
    let fill = |text: &str| {
        text.replace("{recipe}", recipe.as_str())
            .replace("{says}", kind.says)
            .replace("{image}", kind.image)
            .replace("{tag}", kind.tag)
            .replace("{version}", kind.version)
    };
    let (compose, page) = (fill(COMPOSE), fill(PAGE));
    let placeholder = page.replace("<h1>It works</h1>", "<h1>Under construction</h1>");
    let kindly = format!("{page}<!-- Served with care. -->\n");
    let branch = |name: &str, message: &str, files: Vec<(&'static str, String)>| Branch {
        name: name.to_owned(),
        from: Some("main"),
        message: message.to_owned(),
        files: files.into_iter().collect(),
    };
    let mut branches = vec![Branch {
        from: None,
        ..branch(
            "main",
            &format!("chore: publish {}+{} release", kind.version, kind.tag),
            vec![
                ("README.md", fill(README)),
                ("compose.yml", compose.clone()),
                ("html/index.html", page),
            ],
        )
    }];
    let sandbox = &config.sandbox;
    if *recipe == sandbox.gate.recipe {
        let page = |text| vec![("html/index.html", text)];
        branches.push(branch(
            &sandbox.gate.known_green,
            "Say who serves the page, more kindly",
            page(kindly),
        ));
        branches.push(branch(
            &sandbox.gate.known_red,
            "Put up a placeholder page",
            page(placeholder),
        ));
    } else if let Some(stale) = sandbox
        .stale
        .as_ref()
        .filter(|stale| stale.recipe == *recipe)
    {
        let compose = compose
            .replace("sandbox/talkative:1.4.0", "sandbox/talkative:2.0.0")
            .replace("=1.2.0+1.4.0", "=1.3.0+2.0.0");
        let files = vec![("compose.yml", compose), ("html/index.html", placeholder)];
        branches.push(branch(
            &stale.broken,
            "Upgrade, with a placeholder for the page",
            files,
        ));
    }
    branches
}
