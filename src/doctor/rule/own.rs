//! Gavel itself, and what was delivered to it.

use super::check;
use crate::config::Config;
use crate::doctor::check::{Check, Ruling};
use crate::doctor::look::{Deliveries, Own};

pub fn checks(config: &Config, seen: &Own) -> Vec<Check> {
    vec![
        check(
            "gavel",
            "",
            &seen.ready,
            |why| ready(why.as_deref()),
            |unseen| {
                let mend =
                    "Start it: `systemctl start gavel`, or `gavel serve`; then look here again";
                Ruling::warning(format!("it is not up: {}", unseen.why), mend)
            },
        ),
        check(
            "public-address",
            "",
            &seen.public,
            |text| public(text),
            |unseen| {
                let seen = format!("Gavel is up, and is not reached there: {}", unseen.why);
                let mend = format!(
                    "Lead {} to {} in the reverse proxy, or mend `server.public_url`; where this machine cannot reach its own public address, try it from elsewhere",
                    config.server.public_url, config.server.listen
                );
                Ruling::failed(seen, mend)
            },
        ),
        check("deliveries", "", &seen.deliveries, deliveries, |unseen| {
            Ruling::warning(&unseen.why, "Update the Gavel that runs to this version")
        }),
    ]
}

fn ready(trouble: Option<&str>) -> Ruling {
    match trouble {
        None => Ruling::ok("it is up, and stores commands"),
        Some(why) => Ruling::failed(
            format!("it is up, and stores no commands: {why}"),
            "deploy/OPERATIONS.md says what to do on a full or damaged disk",
        ),
    }
}

fn public(answer: &str) -> Ruling {
    match answer {
        "200 ok" => Ruling::ok("Gavel is reached there"),
        other => Ruling::failed(
            format!(
                "something else answers there: {}",
                other.chars().take(80).collect::<String>()
            ),
            "Lead the address to Gavel in the reverse proxy, or mend `server.public_url`",
        ),
    }
}

/// What is signed with another secret is not taken, and nothing else tells which secret a webhook has. What anybody can send without
/// signing it tells nothing of one.
pub(super) fn deliveries(seen: &Deliveries) -> Ruling {
    let newest = seen.taken.values().max();
    match &seen.refused {
        Some(refused) if newest.is_none_or(|taken| *taken <= refused.at) => {
            let mend = match refused.outcome.as_str() {
                "wrong_signature" => {
                    "Write the secret of `forge.webhook_secret_file` into every webhook that leads here. Anybody can sign wrongly: where all have it, comment on the tracking issue and look again, and what is taken then shows that they are well"
                }
                "content_type" => "Set the webhooks' content type to application/json",
                _ => "Gavel's log says why",
            };
            let seen = format!(
                "the latest signed delivery was refused, at {:.0}: {}",
                refused.at, refused.outcome
            );
            Ruling::failed(seen, mend)
        }
        _ => {
            let note = seen.unread.as_ref().map_or(String::new(), |unread| {
                format!(
                    "; something without a signature to look at was refused at {:.0} ({}), which need not be the forge's",
                    unread.at, unread.outcome
                )
            });
            match newest {
                Some(taken) => Ruling::ok(format!("the latest was taken at {taken:.0}{note}")),
                None => Ruling::warning(
                    format!("none since Gavel's start at {:.0}{note}", seen.since),
                    "Comment on the tracking issue, and look again; the forge's page of the webhook shows what became of a delivery",
                ),
            }
        }
    }
}
