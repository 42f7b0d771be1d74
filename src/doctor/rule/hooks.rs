//! The webhooks: whether each leads to Gavel, with all that it has to bring.

use super::check;
use crate::config::Config;
use crate::doctor::EVENTS;
use crate::doctor::check::{Check, Outcome, Ruling};
use crate::doctor::look::{Own, Place};
use crate::gitea::Hook;

const MEND: &str =
    "`gavel setup` makes and mends it; by hand, the README says what belongs into it";

/// Where webhooks have to lead.
pub fn address(config: &Config) -> String {
    let public = config.server.public_url.as_str().trim_end_matches('/');
    format!("{public}/hooks/gitea")
}

pub fn checks(config: &Config, places: &[Place], own: &Own) -> Vec<Check> {
    let delivering = config.delivering();
    let wanted = address(config);
    let mut checks = Vec::new();
    for place in places {
        if !delivering.contains(&place.name) || place.about.value().is_none() {
            continue;
        }
        let name = place.name.to_string();
        let deliveries = own.deliveries.value();
        let heard = deliveries.and_then(|seen| seen.taken.get(&name));
        checks.push(match &place.hooks {
            Some(look) => check("webhook", &name, look, |hooks| registered(&wanted, hooks), super::unseen),
            // Webhooks are shown to a repository's admins only; what came is seen all the same.
            None => match heard {
                Some(at) => told(&name, own, Ruling::ok(format!("it delivers, last at {at:.0}"))),
                None => told(&name, own, Ruling::warning(
                    "nothing was delivered from here since Gavel's start, and webhooks are shown to the repository's admins only",
                    "Comment there, and look again. `gavel setup`, with an administrator's token, looks at the webhook itself",
                )),
            },
        });
    }
    checks
}

fn told(name: &str, own: &Own, ruling: Ruling) -> Check {
    let ruling = match own.deliveries.value() {
        Some(_) => ruling,
        None => Ruling {
            outcome: Outcome::NotChecked,
            seen: "not checked, since Gavel is not up, and webhooks are shown to the repository's admins only".into(),
            mend: String::new(),
        },
    };
    super::ruled("webhook", name, &own.deliveries.asked, ruling)
}

/// Whether one of a repository's webhooks does all that Gavel needs; what is wrong with it where none does.
pub fn registered(wanted: &str, hooks: &[Hook]) -> Ruling {
    let leading: Vec<&Hook> = hooks
        .iter()
        .filter(|hook| hook.config.url == wanted)
        .collect();
    if let Some(right) = leading.iter().find(|hook| wrong(hook).is_empty()) {
        let twice = leading.len() > 1;
        return match twice {
            false => Ruling::ok(format!(
                "webhook {} leads to {wanted}, with all events",
                right.id
            )),
            true => Ruling::warning(
                format!("{} webhooks lead to {wanted}", leading.len()),
                "Remove all but one, or everything is delivered twice",
            ),
        };
    }
    match leading.first() {
        Some(hook) => Ruling::failed(
            format!("webhook {}: {}", hook.id, wrong(hook).join("; ")),
            MEND,
        ),
        None => {
            let elsewhere: Vec<&str> = hooks
                .iter()
                .map(|hook| hook.config.url.as_str())
                .filter(|url| url.ends_with("/hooks/gitea"))
                .collect();
            let instead = match elsewhere[..] {
                [] => String::new(),
                _ => format!("; there is one to {}", elsewhere.join(", ")),
            };
            Ruling::failed(format!("no webhook leads to {wanted}{instead}"), MEND)
        }
    }
}

/// What a webhook that leads to Gavel lacks.
pub fn wrong(hook: &Hook) -> Vec<String> {
    let mut wrong = Vec::new();
    if !hook.active {
        wrong.push("it is switched off".to_owned());
    }
    if hook.config.content_type != "json" {
        wrong.push(format!(
            "its content type is `{}`, not `json`",
            hook.config.content_type
        ));
    }
    let missing = EVENTS
        .iter()
        .filter(|event| !hook.events.iter().any(|has| has == **event));
    let missing: Vec<&str> = missing.copied().collect();
    if !missing.is_empty() {
        wrong.push(format!("it does not deliver {}", missing.join(", ")));
    }
    wrong
}
