//! Drone, and what there is to upgrade to.

use super::{check, unseen};
use crate::config::Config;
use crate::doctor::check::{Check, Ruling};
use crate::doctor::look::{Drone, Image, Look};
use crate::drone::{Account, Repository};

pub fn checks(config: &Config, seen: &Drone) -> Vec<Check> {
    let name = config.drone.repository.to_string();
    vec![
        check(
            "drone",
            "",
            &seen.version,
            |version| match version.split('.').next() {
                Some("1" | "2") => Ruling::ok(format!("{version} answers")),
                _ => Ruling::warning(
                    format!("{version} answers, which Gavel was not tried with"),
                    "See that it is Drone 2",
                ),
            },
            |unseen| Ruling::failed(&unseen.why, "Start Drone, or mend `drone.url`"),
        ),
        check("drone-token", "", &seen.account, account, |unseen| {
            Ruling::failed(
                &unseen.why,
                "Take the token from Drone's page of the account, and write it into the file of `drone.token_file`",
            )
        }),
        check(
            "drone-repository",
            &name,
            &seen.repository,
            active,
            |unseen| {
                Ruling::failed(
                    &unseen.why,
                    format!("Activate {name} in Drone, and let the token's account see it"),
                )
            },
        ),
    ]
}

fn account(account: &Account) -> Ruling {
    let login = &account.login;
    match account.admin {
        false => Ruling::ok(format!("it is the token of {login}")),
        true => Ruling::ok(format!(
            "it is the token of {login}, who may do everything on Drone; Gavel only reads"
        )),
    }
}

fn active(repository: &Repository) -> Ruling {
    match repository.active {
        true => Ruling::ok("it is active"),
        false => Ruling::failed(
            "it is not active: no build can be started in it",
            "Activate it in Drone",
        ),
    }
}

/// Without a newer image there is no upgrade.
pub fn images(seen: &[(&'static str, Look<Vec<Image>>)]) -> Vec<Check> {
    let of = |(key, look): &(&'static str, Look<Vec<Image>>)| {
        check(
            "newer-image",
            key,
            look,
            |images| newer(images),
            |unseen_here| {
                let ruling = unseen(unseen_here);
                Ruling::failed(
                    ruling.seen,
                    "Mend `registry.url` or the recipe: a scenario needs an image with a newer tag",
                )
            },
        )
    };
    seen.iter().map(of).collect()
}

pub(super) fn newer(images: &[Image]) -> Ruling {
    let newer = images.iter().find_map(|image| {
        let newest = image
            .newest
            .as_ref()
            .filter(|newest| **newest != image.tag)?;
        Some(format!("{}: {} to {newest}", image.name, image.tag))
    });
    match newer {
        Some(upgrade) => Ruling::ok(upgrade),
        None => {
            let images: Vec<String> = images
                .iter()
                .map(|image| format!("{}:{}", image.name, image.tag))
                .collect();
            Ruling::failed(
                format!("nothing is newer than {}", images.join(", ")),
                "Push an image with a newer tag of the same shape, or an older one into the recipe",
            )
        }
    }
}
