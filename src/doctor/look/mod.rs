//! Asks forge, Drone, registry, the box and Gavel itself, each thing once and by a read. Nothing here decides whether what comes back will do.

mod forge;
mod machine;
mod own;
mod places;
mod servers;

pub use forge::{Forge, Person};
pub use machine::{Folder, Machine};
pub use own::{Deliveries, Own};
pub use places::{Place, Role, named};
pub use servers::{Drone, Image};

use crate::config::Config;
use crate::gitea::{self, Gitea, GiteaError};
use std::time::Duration;

/// Nobody waits longer for one answer.
const REQUEST: Duration = Duration::from_secs(10);
/// For how long a server that does not answer is asked again: a hiccup is no finding.
const OUTAGE: Duration = Duration::from_secs(2);

/// Something that was to be seen.
#[derive(Debug, Clone)]
pub struct Look<T> {
    /// What was asked, of whom.
    pub asked: String,
    pub saw: Saw<T>,
}

#[derive(Debug, Clone)]
pub enum Saw<T> {
    This(T),
    Nothing(Unseen),
    /// It was not asked, since this check failed.
    Unasked(&'static str),
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    pub why: String,
    pub because: Because,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// There is no such thing, or it is shown to others only.
    Gone,
    /// The token is nobody's.
    Stranger,
    /// The token lacks a scope.
    Scope,
    /// The account lacks a right.
    Right,
    /// It does not answer.
    Down,
    Other,
}

/// All that was seen of an installation.
#[derive(Clone)]
pub struct Seen {
    pub machine: Machine,
    pub own: Own,
    pub forge: Forge,
    pub places: Vec<Place>,
    pub drone: Drone,
    /// What there is to upgrade to, by the key of the scenario; none where no registry is configured.
    pub images: Vec<(&'static str, Look<Vec<Image>>)>,
}

/// Looks at everything that the configuration names.
pub async fn at(config: &Config, overseer: Option<Gitea>) -> Seen {
    let forge = forge::look(config).await;
    let places = places::look(config, &forge, overseer).await;
    Seen {
        machine: machine::look(config).await,
        own: own::look(config).await,
        drone: servers::drone(config).await,
        images: servers::images(config, &forge, &places).await,
        forge,
        places,
    }
}

impl<T> Look<T> {
    pub fn this(asked: impl Into<String>, value: T) -> Look<T> {
        Look {
            asked: asked.into(),
            saw: Saw::This(value),
        }
    }

    pub fn nothing(asked: impl Into<String>, because: Because, why: impl Into<String>) -> Look<T> {
        let why = why.into();
        Look {
            asked: asked.into(),
            saw: Saw::Nothing(Unseen { why, because }),
        }
    }

    pub fn unasked(asked: impl Into<String>, since: &'static str) -> Look<T> {
        Look {
            asked: asked.into(),
            saw: Saw::Unasked(since),
        }
    }

    pub fn of(result: Result<gitea::Seen<T>, GiteaError>) -> Look<T> {
        match result {
            Ok(seen) => Look::this(seen.asked, seen.value),
            Err(error) => Look::failed(&error),
        }
    }

    fn failed(error: &GiteaError) -> Look<T> {
        let because = match error {
            error if error.is_not_found() => Because::Gone,
            error if error.is_unauthorized() => Because::Stranger,
            error if error.lacking_scope().is_some() => Because::Scope,
            error if error.is_forbidden() => Because::Right,
            error if error.is_transient() => Because::Down,
            _ => Because::Other,
        };
        Look::nothing(error.asked(), because, error.happened())
    }

    pub fn value(&self) -> Option<&T> {
        match &self.saw {
            Saw::This(value) => Some(value),
            _ => None,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Look<U> {
        Look {
            asked: self.asked,
            saw: match self.saw {
                Saw::This(value) => Saw::This(change(value)),
                Saw::Nothing(unseen) => Saw::Nothing(unseen),
                Saw::Unasked(since) => Saw::Unasked(since),
            },
        }
    }

    /// The same where "there is no such thing" is an answer.
    pub fn or_none(self) -> Look<Option<T>> {
        match self.saw {
            Saw::Nothing(Unseen {
                because: Because::Gone,
                ..
            }) => Look::this(self.asked, None),
            _ => self.map(Some),
        }
    }
}

fn limits(config: &Config) -> gitea::Limits {
    gitea::Limits {
        request: config.patience.request.min(REQUEST),
        outage: config.patience.outage.min(OUTAGE),
    }
}
