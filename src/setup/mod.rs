//! Makes what an installation lacks and the forge can hold, with an administrator's token that is forgotten afterwards. It looks before it
//! makes anything: run again, it finds everything there and changes nothing.

mod sandbox;

use crate::config::{Config, Repository};
use crate::doctor::{EVENTS, Right, Role, address, needed, places, wrong};
use crate::gitea::{Gitea, GiteaError, WantedHook};
use std::fmt;
use url::Url;

/// The hidden mark of the tracking issue that this opened, by which it is found again.
const MARK: &str = "<!-- gavel:tracking -->";
const TITLE: &str = "Verify the upgrade flow";
const INVITATION: &str = "Verification of the upgrade flow is asked for here, and its verdicts are posted here.\n\nComment `/verify V1 V2` to begin, `/help` for more.";

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub became: Became,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    Made,
    /// Nothing was changed.
    There,
    /// Somebody has to do it.
    Left,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.became {
            Became::Made => "made",
            Became::There => "there",
            Became::Left => "left",
        };
        write!(f, "{word:<5}  {}", self.what)
    }
}

fn made(what: impl Into<String>) -> Step {
    let (became, what) = (Became::Made, what.into());
    Step { became, what }
}

fn there(what: impl Into<String>) -> Step {
    let (became, what) = (Became::There, what.into());
    Step { became, what }
}

fn left(what: impl Into<String>) -> Step {
    let (became, what) = (Became::Left, what.into());
    Step { became, what }
}

/// Makes what is missing, and tells each step as it is done.
///
/// # Errors
/// Where the token is nobody's, or the forge does not answer. What was made until then stays, and is found by the next run.
pub async fn run(
    config: &Config,
    admin: &crate::host::git::Credentials,
    forge: &Gitea,
    with_sandbox: bool,
    tell: &mut dyn FnMut(&Step),
) -> anyhow::Result<()> {
    if with_sandbox {
        for step in sandbox::make(config, forge, admin).await? {
            tell(&step);
        }
    }
    for (role, name) in places(config) {
        let about = match forge.about(&name).await {
            Ok(about) => about.value,
            Err(error) if error.is_not_found() => {
                let step = match role {
                    Role::Tracking => repository(forge, &name, true).await,
                    _ => Err(missing(&name, role)),
                };
                tell(&step.unwrap_or_else(|left| left));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if !about.permissions.admin {
            let why = "the token's account is not its administrator";
            tell(&left(format!(
                "{name}: {why}, so nothing was looked at there"
            )));
        }
    }
    for (role, name) in places(config) {
        let about = forge.about(&name).await;
        if !about.is_ok_and(|about| about.value.permissions.admin) {
            continue;
        }
        tell(&rights(config, forge, role, &name).await?);
        if role == Role::Mirror {
            tell(&let_in(forge, &name, config.flow.account.as_str(), "write").await?);
        }
        if config.delivering().contains(&name) {
            tell(&webhook(config, forge, &name).await?);
        }
        if role == Role::Tracking {
            if let Some(label) = config.verified.as_ref().and_then(|of| of.label.as_ref()) {
                tell(&match forge.make_label(&name, label).await? {
                    true => made(format!("label `{label}` of {name}")),
                    false => there(format!("label `{label}` of {name}")),
                });
            }
            tell(&issue(config, forge, &admin.login).await?);
        }
    }
    Ok(())
}

fn missing(name: &Repository, role: Role) -> Step {
    left(format!(
        "{name} is not there, or is not shown to this account: make it, or mend `{}`{}",
        role.key(),
        match role {
            Role::Mirror | Role::Upstream => "; `--sandbox` makes it",
            _ => "",
        }
    ))
}

/// Makes a repository in an organisation.
async fn repository(forge: &Gitea, name: &Repository, filled: bool) -> Result<Step, Step> {
    match forge.create_repository(name, filled).await {
        Ok(()) => Ok(made(format!("repository {name}"))),
        Err(error) => Err(left(format!("repository {name}: {error}"))),
    }
}

/// Lets Gavel in as far as it has to.
async fn rights(
    config: &Config,
    forge: &Gitea,
    role: Role,
    name: &Repository,
) -> anyhow::Result<Step> {
    let gavel = config.forge.account.as_str();
    let level = match needed(config, role).0 {
        Right::Read => return Ok(there(format!("{gavel} reads {name}"))),
        Right::Write => "write",
        Right::Admin => "admin",
    };
    Ok(let_in(forge, name, gavel, level).await?)
}

async fn let_in(
    forge: &Gitea,
    name: &Repository,
    login: &str,
    level: &'static str,
) -> Result<Step, GiteaError> {
    let has = match forge.permission(name, login).await {
        Ok(seen) => seen.value,
        Err(error) if error.is_not_found() => {
            return Ok(left(format!("the forge has no account {login}: make it")));
        }
        Err(error) => return Err(error),
    };
    let enough = match level {
        "admin" => has.is_admin(),
        _ => has.can_write(),
    };
    if enough {
        return Ok(there(format!("{login} has {level} access to {name}")));
    }
    forge.let_in(name, login, level).await?;
    Ok(made(format!("{login} has {level} access to {name}")))
}

async fn webhook(config: &Config, forge: &Gitea, name: &Repository) -> anyhow::Result<Step> {
    let url: Url = address(config).parse()?;
    let wanted = WantedHook {
        url: &url,
        secret: &config.forge.webhook_secret.now(),
        events: &EVENTS,
    };
    let hooks = forge.hooks(name).await?.value;
    let mut leading = hooks.iter().filter(|hook| hook.config.url == url.as_str());
    let Some(first) = leading.next() else {
        forge.create_hook(name, wanted).await?;
        return Ok(made(format!("webhook of {name}")));
    };
    let all = std::iter::once(first).chain(leading);
    if all.into_iter().any(|hook| wrong(hook).is_empty()) {
        return Ok(there(format!("webhook of {name}")));
    }
    forge.mend_hook(name, first.id, wanted).await?;
    Ok(made(format!(
        "webhook {} of {name} is mended: {}",
        first.id,
        wrong(first).join("; ")
    )))
}

/// Opens the tracking issue where the next number of its repository is the one that the configuration names.
///
/// One that somebody else marked so is not taken for it: its author could close it, and word it anew.
async fn issue(config: &Config, forge: &Gitea, admin: &str) -> anyhow::Result<Step> {
    let tracking = &config.tracking;
    let (name, number) = (&tracking.repository, tracking.issue);
    match forge.issue(name, number).await {
        Ok(_) => return Ok(there(format!("tracking issue {name}#{number}"))),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    let open = forge.open_issues(name).await?.value;
    let is_own = |login: &str| login.eq_ignore_ascii_case(admin);
    let mut marked = open.iter().filter(|issue| issue.body.starts_with(MARK));
    let own = marked.find(|issue| is_own(&issue.user.login));
    let instead = |number: u64| {
        format!("tracking issue: it is {name}#{number}; set `tracking.issue = {number}`")
    };
    if let Some(own) = own {
        return Ok(left(instead(own.number)));
    }
    let opened = forge
        .create_issue(name, TITLE, &format!("{MARK}\n{INVITATION}"))
        .await?;
    Ok(match opened.number == number {
        true => made(format!("tracking issue {name}#{number}")),
        false => left(instead(opened.number)),
    })
}
