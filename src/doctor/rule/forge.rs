//! The forge, the tokens, the accounts.

use super::{check, unseen};
use crate::config::{Account, Config};
use crate::doctor::check::{Check, Ruling};
use crate::doctor::look::{Because, Forge, Person, Unseen};
use crate::gitea::{Scopes, User};
use semver::Version;

/// The oldest release of Gitea whose API Gavel relies on, and the newest that it was tried with.
const OLDEST: (u64, u64) = (1, 22);
const NEWEST: (u64, u64) = (1, 25);

/// How far two clocks may be apart: what comes before what is told by the second.
const APART: u64 = 5;
/// From here on what a run did and what was there before it are taken for each other.
const FAR_APART: u64 = 60;

/// What a token is needed for.
pub(super) struct Need {
    pub scope: &'static str,
    pub why: &'static str,
}

const fn need(scope: &'static str, why: &'static str) -> Need {
    Need { scope, why }
}

pub fn checks(config: &Config, seen: &Forge) -> Vec<Check> {
    let (own, outside) = (&config.forge.account, &config.gate.outsider.account);
    let mut checks = vec![
        check(
            "forge",
            "",
            &seen.version,
            |version| Ruling::ok(format!("{version} answers")),
            |unseen| {
                Ruling::failed(
                    &unseen.why,
                    "Start the forge, or mend `forge.url`: what answers there has to be Gitea's or Forgejo's API",
                )
            },
        ),
        check(
            "forge-version",
            "",
            &since_forge(seen),
            |version| release(version),
            unseen,
        ),
        check(
            "forge-clock",
            "",
            &seen.ahead,
            |ahead| clock(*ahead),
            unseen,
        ),
    ];
    for (names, account, token, needs) in [
        (
            ["forge-token", "forge-token-scopes"],
            own,
            &seen.token,
            gavels(config),
        ),
        (
            ["outsider-token", "outsider-token-scopes"],
            outside,
            &seen.outsider,
            outsiders(),
        ),
    ] {
        let [of, scopes_of] = names;
        let file = match of {
            "forge-token" => "forge.token_file",
            _ => "gate.outsider.token_file",
        };
        checks.push(check(
            of,
            "",
            &token.account,
            |user| whose(account, user),
            |unseen| nobodys(account, file, unseen),
        ));
        checks.push(check(
            scopes_of,
            "",
            &token.scopes,
            |told| scopes(&needs, told),
            unseen,
        ));
    }
    checks.extend(seen.people.iter().map(person));
    checks
}

/// What a version is read from: not looked at where nothing answered.
fn since_forge(seen: &Forge) -> crate::doctor::look::Look<String> {
    use crate::doctor::look::{Look, Saw};
    match &seen.version.saw {
        Saw::Nothing(_) => Look::unasked(&seen.version.asked, "forge"),
        _ => seen.version.clone(),
    }
}

/// The scopes that Gavel's token needs.
fn gavels(config: &Config) -> Vec<Need> {
    let mut needs = vec![
        need("write:repository", "opens and closes pull requests"),
        need("write:issue", "comments and reacts"),
        need("read:user", "reads what accounts did, for the guardrails"),
    ];
    if !config.commanders.teams.is_empty() {
        needs.push(need(
            "read:organization",
            "asks who is in `commanders.teams`",
        ));
    }
    needs
}

fn outsiders() -> Vec<Need> {
    vec![
        need("write:issue", "comments where it may not fire"),
        need("read:organization", "asks whether it is a member"),
        need("read:user", "says whose token it is"),
    ]
}

/// `1.25.4`, `1.26.0+dev-12-g0123456`, and Forgejo's `11.0.1+gitea-1.22.0`, which says what it is compatible with.
pub(super) fn release(text: &str) -> Ruling {
    let read = |text: &str| Version::parse(text).ok();
    let compatible = text
        .split_once("+gitea-")
        .and_then(|(_, gitea)| read(gitea));
    let Some(version) = compatible.or_else(|| read(text)) else {
        return Ruling::warning(
            format!("`{text}` is no version that can be compared"),
            "See that it is Gitea 1.22 or newer, or Forgejo",
        );
    };
    let release = (version.major, version.minor);
    match release {
        _ if release < OLDEST => Ruling::failed(
            format!("{text} is older than Gitea {}.{}", OLDEST.0, OLDEST.1),
            "Update the forge",
        ),
        _ if release > NEWEST => Ruling::warning(
            format!(
                "{text} is newer than Gitea {}.{}, the newest that Gavel was tried with",
                NEWEST.0, NEWEST.1
            ),
            "Look whether there is a newer Gavel",
        ),
        _ => Ruling::ok(format!("{text} is supported")),
    }
}

pub(super) fn clock(ahead: Option<i64>) -> Ruling {
    let Some(ahead) = ahead else {
        return Ruling::warning(
            "it does not say what time it is",
            "Let the proxy before it pass `Date` on",
        );
    };
    let seen = match ahead {
        0 => "it agrees with this machine's".to_owned(),
        _ => format!(
            "it is {} s {} this machine's",
            ahead.unsigned_abs(),
            if ahead > 0 { "before" } else { "behind" }
        ),
    };
    let mend = "Let both set their clocks by NTP";
    match ahead.unsigned_abs() {
        apart if apart > FAR_APART => Ruling::failed(seen, mend),
        apart if apart > APART => Ruling::warning(seen, mend),
        _ => Ruling::ok(seen),
    }
}

fn whose(account: &Account, user: &User) -> Ruling {
    if !account.is(&user.login) {
        return Ruling::failed(
            format!("it is the token of {}, and not of {account}", user.login),
            format!("Put a token of {account} into the file"),
        );
    }
    match user.is_admin {
        true => Ruling::failed(
            format!("{account} is the forge's administrator, who may do everything everywhere"),
            "Use an account of its own, without that right",
        ),
        false => Ruling::ok(format!("it is the token of {account}")),
    }
}

fn nobodys(account: &Account, file: &str, unseen: &Unseen) -> Ruling {
    let mend = match unseen.because {
        Because::Scope => format!("Make a token of {account} with `read:user` too"),
        Because::Stranger => {
            format!("Make a token of {account}, and write it into the file of `{file}`")
        }
        _ => format!("Look at what it says; the token is in the file of `{file}`"),
    };
    Ruling::failed(&unseen.why, mend)
}

/// Whether a token may do all that is needed, and nothing else.
pub(super) fn scopes(needs: &[Need], told: &Scopes) -> Ruling {
    let enough = |needs: &[Need]| {
        let names = needs.iter().map(|need| need.scope);
        names.collect::<Vec<_>>().join(", ")
    };
    let mend = format!("Make a token with {} and nothing else", enough(needs));
    let has = match told {
        Scopes::Wide => {
            return Ruling::warning("it may do more than Gavel ever does", mend);
        }
        Scopes::Untold => {
            return Ruling::warning(
                "the forge does not tell the scopes of a token, and what may be written is known only by writing",
                format!("See that the token has {}", enough(needs)),
            );
        }
        Scopes::Told(scopes) => scopes,
    };
    let covers = |have: &str, want: &str| {
        have == want
            || want.strip_prefix("read:") == have.strip_prefix("write:")
                && have.starts_with("write:")
    };
    let missing: Vec<String> = needs
        .iter()
        .filter(|need| !has.iter().any(|have| covers(have, need.scope)))
        .map(|need| format!("{} ({})", need.scope, need.why))
        .collect();
    if !missing.is_empty() {
        return Ruling::failed(format!("it lacks {}", missing.join(", ")), mend);
    }
    let beyond: Vec<&str> = has
        .iter()
        .map(String::as_str)
        .filter(|have| *have != "public-only" && !needs.iter().any(|need| need.scope == *have))
        .collect();
    match beyond[..] {
        [] => Ruling::ok(format!("{}, as it needs", has.join(", "))),
        _ => Ruling::warning(format!("it need not have {}", beyond.join(", ")), mend),
    }
}

fn person(person: &Person) -> Check {
    let login = &person.login;
    check(
        "account",
        person.key,
        &person.account,
        |account| match account {
            Some(_) => Ruling::ok(format!("{login} is there")),
            None => Ruling::failed(
                format!("the forge has no account {login}"),
                format!("Make it, or mend `{}`", person.key),
            ),
        },
        unseen,
    )
}
