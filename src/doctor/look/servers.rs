//! Drone, and the registry of images.

use super::{Because, Forge, Look, Place, Saw, limits};
use crate::config::{Config, Recipe};
use crate::drone::{self, DroneError};
use crate::plan::upgrade::{self, Compose};
use crate::registry::Registry;

/// The file that says which images a recipe deploys.
const COMPOSE: &str = "compose.yml";

/// What was seen of Drone.
#[derive(Debug, Clone)]
pub struct Drone {
    pub version: Look<String>,
    pub account: Look<drone::Account>,
    pub repository: Look<drone::Repository>,
}

/// An image that a recipe deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub name: String,
    pub tag: String,
    /// The newest tag of the same shape; the one in use where there is no newer one.
    pub newest: Option<String>,
}

pub async fn drone(config: &Config) -> Drone {
    let url = &config.drone.url;
    let repository = config.drone.repository.to_string();
    let limits = limits(config);
    let limits = drone::Limits {
        request: limits.request,
        outage: limits.outage,
    };
    let token = Some(config.drone.token.clone());
    let client = match drone::Drone::new(url, &repository, token, limits) {
        Ok(client) => client,
        Err(error) => {
            return absent(Look::nothing(
                url.as_str(),
                Because::Other,
                format!("{error:#}"),
            ));
        }
    };
    let version = of(client.version().await).map(|version| version.version);
    if version.value().is_none() {
        return absent(version);
    }
    let account = of(client.account().await);
    let known = account.value().is_some();
    let repository = match known {
        true => of(client.repository().await),
        false => Look::unasked(format!("{repository} on Drone"), "drone-token"),
    };
    Drone {
        version,
        account,
        repository,
    }
}

fn absent(version: Look<String>) -> Drone {
    Drone {
        version,
        account: Look::unasked("Drone", "drone"),
        repository: Look::unasked("Drone", "drone"),
    }
}

fn of<T>(result: Result<drone::Seen<T>, DroneError>) -> Look<T> {
    match result {
        Ok(seen) => Look::this(format!("GET {}", seen.asked), seen.value),
        Err(error) => {
            let because = match &error {
                error if error.is_not_found() => Because::Gone,
                error if error.is_refused() => Because::Stranger,
                error if error.is_transient() => Because::Down,
                _ => Because::Other,
            };
            let asked = format!("GET {}", error.url);
            Look::nothing(asked, because, error.kind.to_string())
        }
    }
}

/// For each scenario that upgrades a recipe, its images and the newest tag of each.
pub async fn images(
    config: &Config,
    forge: &Forge,
    places: &[Place],
) -> Vec<(&'static str, Look<Vec<Image>>)> {
    let Some(configured) = &config.registry else {
        return Vec::new();
    };
    let registry = Registry::new(&configured.url, limits(config).request);
    let mut looks = Vec::new();
    for (key, recipe) in config.sandbox.recipes() {
        if key != "gate" && config.sandbox.upstream.is_some() {
            looks.push((
                key,
                images_of(config, forge, places, &registry, recipe).await,
            ));
        }
    }
    looks
}

async fn images_of(
    config: &Config,
    forge: &Forge,
    places: &[Place],
    registry: &Registry,
    recipe: &Recipe,
) -> Look<Vec<Image>> {
    let (Some([own, _]), Some(upstream)) = (&forge.clients, config.upstream(recipe)) else {
        return Look::unasked(format!("the images of {recipe}"), "forge");
    };
    let mut there = places.iter().filter(|place| place.about.value().is_some());
    if !there.any(|place| place.name == upstream) {
        return Look::unasked(format!("the images of {recipe}"), "repository");
    }
    let file = Look::of(own.file(&upstream, COMPOSE, "main").await);
    let asked = file.asked;
    let text = match file.saw {
        Saw::This(Some(text)) => text,
        Saw::This(None) => {
            let why = format!("{upstream} has no `{COMPOSE}` on `main`");
            return Look::nothing(asked, Because::Gone, why);
        }
        Saw::Nothing(_) | Saw::Unasked(_) => return Look::unasked(asked, "repository"),
    };
    let compose = match Compose::read(&text) {
        Ok(compose) => compose,
        Err(why) => {
            let why = format!("`{COMPOSE}` of {upstream}: {why}");
            return Look::nothing(asked, Because::Other, why);
        }
    };
    let (mut images, mut questions) = (Vec::new(), Vec::new());
    for service in compose.services.values() {
        let asked = registry.asked(&service.image);
        match registry.tags(&service.image).await {
            Ok(tags) => images.push(Image {
                newest: upgrade::newest(&service.tag, &tags.tags).map(str::to_owned),
                name: service.image.clone(),
                tag: service.tag.clone(),
            }),
            Err(error) => {
                let because = match error.is_transient() {
                    true => Because::Down,
                    false => Because::Gone,
                };
                return Look::nothing(asked, because, error.to_string());
            }
        }
        questions.push(asked);
    }
    Look::this(questions.join(", "), images)
}
