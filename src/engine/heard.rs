//! When each repository's webhook was last heard since the start, and what was refused last.

use crate::config::{Config, Repository};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The latest deliveries.
pub struct Heard {
    /// Those whose webhooks lead here.
    delivering: Vec<Repository>,
    told: Mutex<Told>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// When this Gavel was started.
    pub since: Timestamp,
    /// When something was taken last from each repository that the configuration names, as `owner/name`.
    taken: BTreeMap<String, Timestamp>,
    /// What was refused for what its signature, or what it vouches for, is.
    refused: Option<Refused>,
    /// What was refused before a signature was looked at: anybody sends that, and it tells nothing of a webhook.
    unread: Option<Refused>,
}

/// A delivery that was not taken.
#[derive(Debug, Clone, Serialize)]
struct Refused {
    at: Timestamp,
    /// As in the metrics, such as `wrong_signature`.
    outcome: &'static str,
}

impl Heard {
    pub fn new(config: &Config) -> Heard {
        Heard {
            delivering: config.delivering(),
            told: Mutex::new(Told {
                since: Timestamp::now(),
                taken: BTreeMap::new(),
                refused: None,
                unread: None,
            }),
        }
    }

    /// Something authentic came from a repository. Of others than the configuration's nothing is kept: whoever knows the secret can
    /// name any number of them.
    pub fn taken(&self, repository: &str) {
        let Ok(from) = repository.parse::<Repository>() else {
            return;
        };
        if let Some(known) = self.delivering.iter().find(|known| **known == from) {
            self.change()
                .taken
                .insert(known.to_string(), Timestamp::now());
        }
    }

    /// Something was refused for what its signature, or what it vouches for, is.
    pub fn refused(&self, outcome: &'static str) {
        self.change().refused = Some(Refused::now(outcome));
    }

    /// Something was refused before a signature was looked at.
    pub fn unread(&self, outcome: &'static str) {
        self.change().unread = Some(Refused::now(outcome));
    }

    /// As it is now.
    pub fn told(&self) -> Told {
        self.change().clone()
    }

    fn change(&self) -> MutexGuard<'_, Told> {
        // Each change is one call: whoever held it did not leave it half changed.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn now(outcome: &'static str) -> Refused {
        Refused {
            at: Timestamp::now(),
            outcome,
        }
    }
}

impl Told {
    /// When this repository's webhook was last heard.
    pub fn last(&self, repository: &Repository) -> Option<Timestamp> {
        self.taken.get(&repository.to_string()).copied()
    }
}
