//! The repositories that verification uses, and who may do what in them.

use super::{Because, Forge, Look, Saw};
use crate::config::{Config, Recipe, Repository};
use crate::gitea::{About, Gitea, Hook, Issue, Permission};

/// A repository, by what it is there for.
#[derive(Debug, Clone)]
pub struct Place {
    pub role: Role,
    pub name: Repository,
    pub about: Look<About>,
    /// Whether the branches that verification needs are there, each by its name.
    pub branches: Vec<(String, Look<bool>)>,
    /// The file of the stale test, where this is the repository that has it.
    pub file: Option<(String, Look<bool>)>,
    /// Of the tracking issue's repository.
    pub issue: Option<Look<Issue>>,
    /// Its webhooks; none where nobody is asked who may know them.
    pub hooks: Option<Look<Vec<Hook>>>,
    /// Whether the outsider stands in its list of collaborators.
    pub outsider: Look<bool>,
    /// What the flow's account may do, by whoever may tell; none where nobody may.
    pub flow: Option<Look<Permission>>,
    /// Whether the flow's account stands in its list of collaborators.
    pub flow_listed: Look<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Tracking,
    Harness,
    Findings,
    Mirror,
    Upstream,
}

impl Role {
    /// The key of the configuration that names it.
    pub fn key(self) -> &'static str {
        match self {
            Role::Tracking => "tracking.repository",
            Role::Harness => "drone.repository",
            Role::Findings => "findings.repository",
            Role::Mirror => "sandbox and gate.organisation",
            Role::Upstream => "sandbox and sandbox.upstream",
        }
    }
}

pub async fn look(config: &Config, forge: &Forge, overseer: Option<Gitea>) -> Vec<Place> {
    let mut places = Vec::new();
    for (role, name) in named(config) {
        places.push(match &forge.clients {
            None => unasked(role, name, "forge"),
            Some(_) if forge.is_unknown() => unasked(role, name, "forge-token"),
            Some([own, _]) => {
                let overseer = overseer.as_ref().unwrap_or(own);
                let place = place(config, own, overseer, role, name).await;
                forge.without_strangers(place)
            }
        });
    }
    places
}

impl Forge {
    /// What the forge says of an account that it does not have is no finding about a repository.
    fn without_strangers(&self, place: Place) -> Place {
        let is_missing = |key: &str| {
            let mut people = self.people.iter();
            people.any(|person| person.key == key && matches!(person.account.saw, Saw::This(None)))
        };
        let unasked = |look: &Look<bool>| Look::unasked(&look.asked, "account");
        let (outsider, flow) = (
            is_missing("gate.outsider.account"),
            is_missing("flow.account"),
        );
        Place {
            outsider: match outsider {
                true => unasked(&place.outsider),
                false => place.outsider,
            },
            flow_listed: match flow {
                true => unasked(&place.flow_listed),
                false => place.flow_listed,
            },
            flow: place.flow.filter(|_| !flow),
            ..place
        }
    }

    /// Whether the forge does not know Gavel's token.
    fn is_unknown(&self) -> bool {
        matches!(&self.token.account.saw, Saw::Nothing(unseen) if unseen.because == Because::Stranger)
    }
}

/// Each repository that verification uses once, by the first role that it has.
pub fn named(config: &Config) -> Vec<(Role, Repository)> {
    let recipes = config.sandbox.all_recipes();
    let mirrors = recipes.iter().filter_map(|recipe| config.mirror(recipe));
    let upstreams = recipes.iter().filter_map(|recipe| config.upstream(recipe));
    let findings = config.findings.iter().map(|of| of.repository.clone());
    let all = [
        (Role::Tracking, config.tracking.repository.clone()),
        (Role::Harness, config.drone.repository.clone()),
    ];
    let all = all
        .into_iter()
        .chain(findings.map(|name| (Role::Findings, name)))
        .chain(mirrors.map(|name| (Role::Mirror, name)))
        .chain(upstreams.map(|name| (Role::Upstream, name)));
    let mut each: Vec<(Role, Repository)> = Vec::new();
    for (role, name) in all {
        if each.iter().all(|(_, known)| *known != name) {
            each.push((role, name));
        }
    }
    each
}

/// The branches of this repository that scenarios start from.
fn branches(config: &Config, role: Role, name: &Repository) -> Vec<String> {
    let is = |recipe: &Recipe| name.name().eq_ignore_ascii_case(recipe.as_str());
    let sandbox = &config.sandbox;
    match role {
        Role::Harness => vec![config.drone.branch.clone()],
        Role::Mirror if is(&sandbox.gate.recipe) => {
            vec![
                sandbox.gate.known_green.clone(),
                sandbox.gate.known_red.clone(),
            ]
        }
        Role::Mirror => {
            let stale = sandbox.stale.iter().filter(|stale| is(&stale.recipe));
            stale.map(|stale| stale.broken.clone()).collect()
        }
        _ => Vec::new(),
    }
}

async fn place(
    config: &Config,
    own: &Gitea,
    overseer: &Gitea,
    role: Role,
    name: Repository,
) -> Place {
    let about = Look::of(own.about(&name).await);
    if about.value().is_none() {
        return Place {
            about,
            ..unasked(role, name, "repository")
        };
    }
    let mut there = Vec::new();
    for branch in branches(config, role, &name) {
        let look = Look::of(own.branch(&name, &branch).await);
        there.push((branch, look.or_none().map(|branch| branch.is_some())));
    }
    let stale = config.sandbox.stale.as_ref();
    let file = match stale.filter(|_| role == Role::Harness) {
        Some(stale) => {
            let file = own.file(&name, &stale.file, &config.drone.branch).await;
            let look = Look::of(file).map(|text| text.is_some());
            Some((stale.file.clone(), look))
        }
        None => None,
    };
    let issue = match role {
        Role::Tracking => Some(Look::of(own.issue(&name, config.tracking.issue).await)),
        _ => None,
    };
    let administered = overseer.about(&name).await;
    let administered = administered.is_ok_and(|about| about.value.permissions.admin);
    let hooks = match administered && config.delivering().contains(&name) {
        true => Some(Look::of(overseer.hooks(&name).await)),
        false => None,
    };
    let flow = config.flow.account.as_str();
    let outsider = config.gate.outsider.account.as_str();
    Place {
        outsider: Look::of(own.is_collaborator(&name, outsider).await),
        flow: match administered {
            true => Some(Look::of(overseer.permission(&name, flow).await)),
            false => None,
        },
        flow_listed: Look::of(own.is_collaborator(&name, flow).await),
        branches: there,
        role,
        name,
        about,
        file,
        issue,
        hooks,
    }
}

fn unasked(role: Role, name: Repository, since: &'static str) -> Place {
    Place {
        about: Look::unasked(name.to_string(), since),
        branches: Vec::new(),
        file: None,
        issue: None,
        hooks: None,
        outsider: Look::unasked(name.to_string(), since),
        flow: None,
        flow_listed: Look::unasked(name.to_string(), since),
        role,
        name,
    }
}
