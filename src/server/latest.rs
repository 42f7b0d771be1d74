//! `GET /deliveries.json`: when each repository's webhook was last heard since the start, and what was refused last.

use super::Shared;
use crate::config::{Config, Repository};
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latest deliveries.
pub struct Latest(Mutex<Told>);

#[derive(Serialize)]
struct Told {
    since: Timestamp,
    /// When something was taken last from each repository that the configuration names, as `owner/name`.
    taken: BTreeMap<String, Timestamp>,
    refused: Option<Refused>,
}

/// A delivery that was not taken.
#[derive(Serialize)]
struct Refused {
    at: Timestamp,
    /// As in the metrics, such as `wrong_signature`.
    outcome: &'static str,
}

impl Default for Latest {
    fn default() -> Self {
        Self(Mutex::new(Told {
            since: Timestamp::now(),
            taken: BTreeMap::new(),
            refused: None,
        }))
    }
}

impl Latest {
    /// Something authentic came from a repository. Of others than the configuration's nothing is kept: whoever knows the secret can
    /// name any number of them.
    pub fn taken(&self, config: &Config, repository: &str) {
        let Ok(from) = repository.parse::<Repository>() else {
            return;
        };
        if let Some(known) = config.delivering().iter().find(|known| **known == from) {
            self.told()
                .taken
                .insert(known.to_string(), Timestamp::now());
        }
    }

    pub fn refused(&self, outcome: &'static str) {
        self.told().refused = Some(Refused {
            at: Timestamp::now(),
            outcome,
        });
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Each change is one call: whoever held it did not leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub async fn latest(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    Json(json!(*shared.latest.told()))
}
