//! The repositories: whether they are there, and whether who has to may, and who must not may not.

use super::{check, ruled, unseen};
use crate::config::Config;
use crate::doctor::check::{Check, Ruling};
use crate::doctor::look::{Forge, Look, Place, Role};
use crate::gitea::{About, Issue, Membership, Permission};

pub fn checks(config: &Config, forge: &Forge, places: &[Place]) -> Vec<Check> {
    let mut checks = Vec::new();
    for place in places {
        checks.extend(of(config, place));
    }
    let outsider = &config.gate.outsider.account;
    let organisation = &config.gate.organisation;
    checks.push(check(
        "outsider-membership",
        "",
        &forge.membership,
        |membership| match membership {
            Membership::NotMember => Ruling::ok(format!("{outsider} is no member of {organisation}")),
            Membership::Member => Ruling::failed(
                format!("{outsider} is a member of {organisation}"),
                format!("Take {outsider} out of the organisation"),
            ),
            Membership::Hidden => Ruling::failed(
                "the forge tells others' membership to members only, so this is not the outsider's own token",
                format!("Put a token of {outsider} into the file of `gate.outsider.token_file`"),
            ),
        },
        unseen,
    ));
    checks
}

fn of(config: &Config, place: &Place) -> Vec<Check> {
    let name = place.name.to_string();
    let mut checks = vec![check(
        "repository",
        &name,
        &place.about,
        |about| repository(config, place.role, about),
        |unseen| {
            let mend = format!(
                "Make it, or mend `{}`; Gavel's account has to see it",
                place.role.key()
            );
            Ruling::failed(&unseen.why, mend)
        },
    )];
    if place.about.value().is_none() {
        return checks;
    }
    if let Some(issue) = &place.issue {
        let wrong =
            "Open the issue, and set `tracking.issue` to its number; `gavel setup` opens it";
        checks.push(check(
            "tracking-issue",
            &name,
            issue,
            tracking_issue,
            |unseen| Ruling::failed(&unseen.why, wrong),
        ));
        checks.push(independence(config, place));
    }
    for (branch, look) in &place.branches {
        let about = format!("{name} {branch}");
        checks.push(check("branch", &about, look, |there| match there {
            true => Ruling::ok("it is there"),
            false => Ruling::failed(
                format!("there is no branch {branch}"),
                "Push it; the README says what has to be on it, and `gavel setup --sandbox` makes those of a sandbox that it makes",
            ),
        }, unseen));
    }
    if let Some((file, look)) = &place.file {
        checks.push(check(
            "stale-test",
            &name,
            look,
            |there| match there {
                true => Ruling::ok(format!("{file} is there")),
                false => Ruling::failed(
                    format!("there is no file {file} on {}", config.drone.branch),
                    "Commit the test of the stale sandbox recipe, or mend `sandbox.stale.file`",
                ),
            },
            unseen,
        ));
    }
    if matches!(place.role, Role::Mirror | Role::Harness) {
        let flow = &config.flow.account;
        checks.push(check("flow-rights", &name, &place.flow_listed, |listed| match (listed, place.flow.as_ref().and_then(Look::value)) {
            (_, Some(permission)) if permission.can_write() => Ruling::ok(format!("{flow} may write there")),
            (_, Some(_)) => Ruling::failed(
                format!("{flow} may not write there"),
                format!("Make {flow} a collaborator with write access"),
            ),
            (true, None) => Ruling::ok(format!("{flow} is a collaborator")),
            (false, None) => Ruling::warning(
                format!("{flow} is no collaborator, and whether a team lets it write is told to admins only"),
                format!("Make {flow} a collaborator with write access, or see to the team"),
            ),
        }, unseen));
    }
    if let Some(about) = place.about.value().filter(|_| is_merged_into(place.role)) {
        checks.push(ruled(
            "manual-merges",
            &name,
            &place.about.asked,
            manual_merges(about),
        ));
    }
    if let Some(about) = place.about.value()
        && matches!(place.role, Role::Mirror | Role::Harness)
    {
        checks.push(ruled("visible", &name, &place.about.asked, visible(about)));
    }
    let outsider = &config.gate.outsider.account;
    checks.push(check(
        "outsider",
        &name,
        &place.outsider,
        |listed| match listed {
            false => Ruling::ok(format!("{outsider} is no collaborator")),
            true => Ruling::failed(
                format!("{outsider} is a collaborator, so it is no outsider"),
                format!("Take {outsider} off the list of collaborators"),
            ),
        },
        unseen,
    ));
    checks
}

fn is_merged_into(role: Role) -> bool {
    matches!(role, Role::Mirror | Role::Harness | Role::Upstream)
}

/// What Gavel has to be allowed in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
    Admin,
}

/// What Gavel has to be allowed in a repository of this role, and why.
pub fn needed(config: &Config, role: Role) -> (Right, &'static str) {
    let labels = config
        .verified
        .as_ref()
        .is_some_and(|of| of.label.is_some());
    let tests = config.flow.verify_pr.is_some() && config.sandbox.stale.is_some();
    match role {
        Role::Tracking if config.commanders.write_access => (
            Right::Admin,
            "`commanders.write_access` asks who can write there, which is told to admins only",
        ),
        Role::Tracking if labels => (
            Right::Write,
            "`verified.label` is put on the tracking issue",
        ),
        Role::Harness if tests => (
            Right::Write,
            "Gavel closes what V6 makes the flow open there",
        ),
        Role::Mirror => (Right::Write, "Gavel opens and closes pull requests there"),
        Role::Upstream => (Right::Write, "Gavel seeds it for V7, and puts it back"),
        Role::Tracking | Role::Harness | Role::Findings => (Right::Read, "Gavel reads it"),
    }
}

pub(super) fn repository(config: &Config, role: Role, about: &About) -> Ruling {
    let account = &config.forge.account;
    let (right, why) = needed(config, role);
    let (has, word) = match right {
        Right::Read => (true, "read"),
        Right::Write => (about.permissions.push, "write"),
        Right::Admin => (about.permissions.admin, "admin"),
    };
    if about.archived {
        return Ruling::failed(
            "it is archived",
            "Take it out of the archive, or name another one",
        );
    }
    if !has {
        return Ruling::failed(
            format!("{account} does not have {word} access: {why}"),
            format!("Make {account} a collaborator with {word} access; `gavel setup` does"),
        );
    }
    if about.empty && role != Role::Findings {
        return Ruling::failed("it is empty", "Push what belongs there");
    }
    if is_merged_into(role) && !about.has_pull_requests {
        return Ruling::failed(
            "pull requests are switched off",
            "Switch them on in its settings",
        );
    }
    Ruling::ok(format!("{account} has {word} access"))
}

fn tracking_issue(issue: &Issue) -> Ruling {
    if issue.pull_request.is_some() {
        return Ruling::failed(
            format!("#{} is a pull request", issue.number),
            "Set `tracking.issue` to the number of an issue",
        );
    }
    match issue.is_open() {
        true => Ruling::ok(format!("#{} is open", issue.number)),
        false => Ruling::warning(
            format!("#{} is closed", issue.number),
            "Reopen it: people look for the verdicts there",
        ),
    }
}

/// On Gitea everybody with write access can edit everybody's comments.
fn independence(config: &Config, place: &Place) -> Check {
    let flow = &config.flow.account;
    let name = place.name.to_string();
    let mend = format!(
        "Take {flow} off the collaborators and teams of {name}, or move the tracking issue"
    );
    let broken =
        |what: &str| Ruling::failed(format!("{flow} {what}, and could rewrite verdicts"), &mend);
    match &place.flow {
        Some(look) => check(
            "tracking-independence",
            &name,
            look,
            |permission: &Permission| match permission.can_write() {
                true => broken("may write there"),
                false => Ruling::ok(format!("{flow} may not write there")),
            },
            unseen,
        ),
        None => check(
            "tracking-independence",
            &name,
            &place.flow_listed,
            |listed| match listed {
                true => broken("is a collaborator"),
                false => Ruling::ok(format!(
                    "{flow} is no collaborator; whether a team lets it write is told to admins only"
                )),
            },
            unseen,
        ),
    }
}

pub(super) fn visible(about: &About) -> Ruling {
    match about.private {
        false => Ruling::ok("what the flow does there is shown"),
        true => Ruling::warning(
            "it is private: what the flow does there is shown to the forge's admins only, and without it much is INCONCLUSIVE",
            "Make it public, or Gavel's account an admin of the forge",
        ),
    }
}

pub(super) fn manual_merges(about: &About) -> Ruling {
    match about.autodetect_manual_merge {
        false => Ruling::ok("merges are not detected"),
        true => Ruling::failed(
            "a pull request whose commits reach the branch becomes merged, without anybody merging it",
            "Switch off the automatic detection of manual merges in the repository's settings",
        ),
    }
}
