//! The memory of one attempt: each step of its scenario, and what ended it.

use super::Engine;
use crate::evidence::{Fact, Sighting};
use crate::instants::{reach, shape};
use crate::plan::bench::{Event, Ledger, Made, Making, read_deployed, read_launched};
use crate::plan::{self, guardrails};
use crate::render;
use crate::store::{Attempt, AttemptState, Resource, ResourceKind, Run};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub struct Journal {
    pub engine: Arc<Engine>,
    pub run: Run,
    pub attempt: Attempt,
    /// Ends when the run is cancelled or Gavel stops.
    pub cancelled: CancellationToken,
}

#[async_trait]
impl Ledger for Journal {
    async fn facts(&self) -> Result<Vec<Fact>, String> {
        said(self.engine.store.facts(self.attempt.id).await)
    }

    async fn fact(&self, label: &str) -> Result<Option<Fact>, String> {
        said(self.engine.store.fact(self.attempt.id, label).await)
    }

    async fn begin(&self, label: &str) -> Result<bool, String> {
        let item = &self.attempt.item;
        reach(|| format!("before beginning {item} {}", shape(label)));
        let begun = said(self.engine.store.begin_step(self.attempt.id, label).await);
        reach(|| format!("after beginning {item} {}", shape(label)));
        begun
    }

    async fn record(&self, sighting: Sighting) -> Result<Fact, String> {
        tracing::debug!(run = self.run.id, item = %self.attempt.item, label = %sighting.label, "seen");
        let (item, label) = (&self.attempt.item, &sighting.label.clone());
        reach(|| format!("before recording {item} {}", shape(label)));
        let recorded = said(
            self.engine
                .store
                .record_fact(self.attempt.id, sighting)
                .await,
        );
        reach(|| format!("after recording {item} {}", shape(label)));
        recorded
    }

    async fn intend(&self, making: Making<'_>) -> Result<u64, String> {
        let was = match making {
            Making::Moved { was, .. } => Some(was),
            _ => None,
        };
        let (kind, repository, name, purpose) = match making {
            Making::Branch {
                repository,
                name,
                purpose,
            } => (ResourceKind::Branch, repository, name, purpose),
            Making::Pull {
                repository,
                head,
                purpose,
            } => (ResourceKind::Pull, repository, head, purpose),
            Making::Moved {
                repository,
                name,
                purpose,
                ..
            } => (ResourceKind::Moved, repository, name, purpose),
            // Neither is anything of a repository.
            Making::Session { name, purpose } => (ResourceKind::Session, "", name, purpose),
            Making::Deploys { purpose } => (ResourceKind::Deploys, "", "sandbox", purpose),
        };
        let store = &self.engine.store;
        let resource = said(
            store
                .intend(
                    self.run.id,
                    self.attempt.id,
                    kind,
                    repository,
                    name,
                    purpose,
                )
                .await,
        )?;
        if let Some(was) = was {
            said(store.branch_was(resource, was).await)?;
        }
        Ok(resource)
    }

    async fn moved(&self, resource: u64, to: &str) -> Result<(), String> {
        said(self.engine.store.branch_moved(resource, to).await)
    }

    async fn made(&self, resource: u64, number: u64) -> Result<(), String> {
        said(self.engine.store.resource_made(resource, number).await)
    }

    async fn known(&self, resource: u64) -> Result<Option<Value>, String> {
        said(self.engine.store.resource_known(resource).await)
    }

    async fn note(&self, resource: u64, known: Value) -> Result<(), String> {
        said(self.engine.store.know_resource(resource, &known).await)
    }

    async fn introduce(&self, repository: &str, number: u64, purpose: &str) -> Result<(), String> {
        let text = render::comment::pull_opened(
            purpose,
            self.run.id,
            &self.engine.config.server.public_url,
        );
        let slot = format!("opened-{repository}-{number}");
        said(
            self.engine
                .reporter
                .say(&slot, repository, number, &text)
                .await,
        )
    }

    async fn recorded(&self) -> Result<Vec<Made>, String> {
        let resources = async {
            if self.is_alone() {
                return super::cleanup::litter(&self.engine).await;
            }
            anyhow::Ok(self.engine.store.resources(self.run.id).await?)
        };
        let resources = resources.await.map_err(|error| format!("{error:#}"))?;
        self.made_of(resources).await
    }

    async fn clean(&self) -> Result<Vec<Made>, String> {
        let resources = async {
            if self.is_alone() {
                return super::cleanup::everything(&self.engine).await;
            }
            super::cleanup::clean(&self.engine, &self.run).await?;
            anyhow::Ok(self.engine.store.resources(self.run.id).await?)
        };
        let resources = resources.await.map_err(|error| format!("{error:#}"))?;
        self.made_of(resources).await
    }

    async fn clear(&self, mirror: &str, beside: &[&str]) -> Result<Vec<Made>, String> {
        let (engine, attempt) = (&self.engine, self.attempt.id);
        let cleared = super::cleanup::clear(engine, &self.run, attempt, mirror, beside).await;
        let cleared = cleared.map_err(|error| format!("{error:#}"))?;
        self.made_of(cleared).await
    }

    async fn first_look(&self, label: &str) -> Result<Option<Fact>, String> {
        let attempts = said(self.engine.store.attempts(self.run.id).await)?;
        let mut looks = attempts
            .iter()
            .filter(|attempt| attempt.item == guardrails::ITEM.id);
        let Some(attempt) = looks.next() else {
            return Ok(None);
        };
        said(self.engine.store.fact(attempt.id, label).await)
    }

    async fn troubles(&self) -> Result<Vec<String>, String> {
        said(self.engine.store.troubles(self.attempt.id).await)
    }

    async fn keep_troubles(&self, told: &[String]) -> Result<(), String> {
        let store = &self.engine.store;
        said(store.keep_troubles(self.attempt.id, told).await)
    }

    async fn doing(&self, what: &str) {
        let shown = super::progress::show(&self.engine, self.run.id, Some(what)).await;
        if let Err(error) = shown {
            tracing::warn!(%error, "the progress could not be shown");
        }
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.engine.listen()
    }

    fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    fn is_leaving(&self) -> bool {
        self.engine.shutdown.is_cancelled()
    }
}

impl Journal {
    /// Whether nothing but the cleanup was asked for: then it is about what earlier runs left.
    fn is_alone(&self) -> bool {
        self.run.items == [plan::CLEANUP]
    }

    async fn made_of(&self, resources: Vec<Resource>) -> Result<Vec<Made>, String> {
        let runs: BTreeSet<u64> = resources.iter().map(|resource| resource.run).collect();
        let mut interrupted = BTreeSet::new();
        for run in runs {
            let attempts = said(self.engine.store.attempts(run).await)?;
            let lost = attempts.iter().filter(|it| it.state == AttemptState::Lost);
            interrupted.extend(lost.map(|attempt| attempt.id));
        }
        let made = resources.into_iter().map(|resource| Made {
            kind: resource.kind.word().into(),
            interrupted: interrupted.contains(&resource.attempt),
            launched: match resource.kind {
                ResourceKind::Session => read_launched(resource.known.as_ref()),
                _ => None,
            },
            deployed: match resource.kind {
                ResourceKind::Deploys => read_deployed(resource.known.as_ref()),
                _ => None,
            },
            repository: resource.repository,
            name: resource.name,
            number: resource.number,
            ended: resource.ended,
            moved_to: resource.moved_to,
        });
        Ok(made.collect())
    }
}

fn said<T>(result: Result<T, crate::store::StoreError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
