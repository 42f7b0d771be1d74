//! Puts questions to the servers that they belong to: forge, Drone, an image registry, addresses of results. Whoever asks again asks in
//! exactly the same way.

use crate::config::Repository;
use crate::drone::{Drone, DroneError};
use crate::evidence::Question;
use crate::gitea::{Gitea, GiteaError, Membership, Seen};
use crate::registry::{Registry, RegistryError};
use crate::retry;
use backon::Retryable;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// No results that are looked at come near this.
const RESULTS_LIMIT: usize = 4 << 20;

/// Whom questions are put to; what is missing is not configured.
#[derive(Clone, Copy)]
pub struct Servers<'a> {
    pub forge: Option<&'a Gitea>,
    pub drone: Option<&'a Drone>,
    /// For images without a host of their own.
    pub registry: Option<&'a Registry>,
    /// For results.
    pub web: &'a reqwest::Client,
    /// For how long a registry and an address of results are asked again while they fail. Forge and Drone have their own patience.
    pub patience: Duration,
    /// Is told how a registry or an address of results fails meanwhile.
    pub notice: &'a (dyn Fn(String) + Sync),
}

/// What was asked, in words, and what came back.
pub type Reply = (String, Value);

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// What was asked, in words.
    pub asked: String,
    pub why: String,
    pub because: Because,
}

/// What kind of reason that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// The server knows no such thing, or shows it to others only.
    Gone,
    /// The account's rights do not suffice.
    Refused,
    /// The server does not answer.
    Down,
    /// The question cannot be put, or its answer cannot be read.
    Other,
}

impl Unanswered {
    fn nobody(why: impl Into<String>) -> Self {
        Self {
            asked: "nobody".into(),
            why: why.into(),
            because: Because::Other,
        }
    }
}

impl From<GiteaError> for Unanswered {
    fn from(error: GiteaError) -> Self {
        let because = match &error {
            error if error.is_not_found() => Because::Gone,
            error if error.is_unauthorized() || error.is_forbidden() => Because::Refused,
            error if error.is_transient() => Because::Down,
            _ => Because::Other,
        };
        Self {
            asked: error.asked().to_owned(),
            why: error.to_string(),
            because,
        }
    }
}

impl From<DroneError> for Unanswered {
    fn from(error: DroneError) -> Self {
        let because = match &error {
            error if error.is_not_found() => Because::Gone,
            error if error.is_refused() => Because::Refused,
            error if error.is_transient() => Because::Down,
            _ => Because::Other,
        };
        Self {
            asked: error.url.clone(),
            why: error.to_string(),
            because,
        }
    }
}

impl Servers<'_> {
    /// Puts a question; the servers' patience is over when it stays unanswered.
    pub async fn put(&self, question: &Question) -> Result<Reply, Unanswered> {
        match question {
            Question::ForgeVersion => raw(self.forge()?.version().await),
            Question::Branch { repository, branch } => {
                let place = place(repository)?;
                match self.forge()?.branch(&place, branch).await {
                    Ok(seen) => Ok((seen.asked, seen.answer)),
                    Err(error) if error.is_not_found() => {
                        Ok((error.asked().to_owned(), Value::Null))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Question::Branches { repository } => {
                raw(self.forge()?.branches(&place(repository)?).await)
            }
            Question::File {
                repository,
                path,
                at,
            } => raw(self.forge()?.file(&place(repository)?, path, at).await),
            Question::Tree { repository, commit } => {
                raw(self.forge()?.tree(&place(repository)?, commit).await)
            }
            Question::Repositories { owner } => {
                let seen = self.forge()?.repositories_of(owner).await?;
                let names: Vec<_> = seen.value.into_iter().map(|one| one.full_name).collect();
                Ok((seen.asked, json!(names)))
            }
            Question::Pulls { repository } => raw(self.forge()?.pulls(&place(repository)?).await),
            Question::Pull { repository, number } => {
                raw(self.forge()?.pull(&place(repository)?, *number).await)
            }
            Question::PullFiles { repository, number } => {
                raw(self.forge()?.pull_files(&place(repository)?, *number).await)
            }
            Question::Timeline { repository, number } => {
                raw(self.forge()?.timeline(&place(repository)?, *number).await)
            }
            Question::Comments { repository, number } => {
                let place = place(repository)?;
                raw(self.forge()?.comments(&place, *number, None).await)
            }
            Question::Statuses { repository, commit } => {
                raw(self.forge()?.statuses(&place(repository)?, commit).await)
            }
            Question::Collaborator {
                repository,
                account,
            } => {
                let place = place(repository)?;
                let seen = self.forge()?.is_collaborator(&place, account).await?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Member {
                organisation,
                account,
            } => {
                let membership = self.forge()?.organisation_membership(organisation, account);
                let seen = membership.await?;
                Ok((seen.asked, json!(seen.value == Membership::Member)))
            }
            Question::LatestAct { account } => {
                let seen = self.forge()?.latest_act(account).await?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Activity { account, after } => {
                raw(self.forge()?.activity(account, *after).await)
            }
            Question::DroneVersion => {
                let seen = self.drone()?.version().await?;
                Ok((seen.asked, seen.answer))
            }
            Question::LatestBuild => {
                let seen = self.drone()?.latest_number().await?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Builds { after } => {
                let seen = self.drone()?.builds_after(*after).await?;
                Ok((seen.asked, seen.answer))
            }
            Question::Build { number } => {
                let seen = self.drone()?.build(*number).await?;
                Ok((seen.asked, seen.answer))
            }
            Question::BuildLog { number } => {
                let seen = self.drone()?.whole_log(*number).await?;
                Ok((seen.asked, to_value(&seen.value)))
            }
            Question::Tags { image } => self.tags(image).await,
            Question::Results { .. } | Question::Verified { .. } => Err(Unanswered::nobody(
                "where its results are, the question does not say",
            )),
            Question::Expectations
            | Question::Watched
            | Question::Digests { .. }
            | Question::Calm
            | Question::Sessions
            | Question::Agent { .. }
            | Question::Screen { .. }
            | Question::Running { .. }
            | Question::Text { .. }
            | Question::Clock
            | Question::Clone { .. }
            | Question::Inhabitants { .. }
            | Question::Entries { .. }
            | Question::Users { .. }
            | Question::Stacks
            | Question::Volumes
            | Question::Crontab => Err(Unanswered::nobody("this is no question to a server")),
            Question::Deploys
            | Question::Recorded
            | Question::Cleaned
            | Question::Cleared { .. }
            | Question::Post { .. }
            | Question::OpenPull { .. }
            | Question::Commit { .. }
            | Question::Run { .. }
            | Question::Wedge { .. }
            | Question::Quiet { .. } => {
                Err(Unanswered::nobody("this is an act, and acts are not asked"))
            }
        }
    }

    /// Whether a commit of a repository stands on another one.
    pub async fn stands_on(
        &self,
        repository: &str,
        newer: &str,
        older: &str,
    ) -> Result<bool, Unanswered> {
        let place = place(repository)?;
        Ok(self.forge()?.stands_on(&place, newer, older).await?)
    }

    /// The results at an address; `null` where there are none, a text where they are no JSON. `mend` says what to look at when they
    /// cannot be had.
    pub async fn results(&self, url: &str, mend: &str) -> Result<Reply, Unanswered> {
        let asked = format!("GET {url}");
        let policy = retry::pauses(self.patience).with_total_delay(Some(self.patience));
        let value = (|| self.fetch(url))
            .retry(policy)
            .notify(|(why, _), _| (self.notice)(format!("{asked}: {why}")))
            .await;
        match value {
            Ok(value) => Ok((asked, value)),
            Err((why, because)) => Err(Unanswered {
                why: format!("{asked} failed: {why}. {mend}"),
                asked,
                because,
            }),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Value, (String, Because)> {
        let broken = |error: reqwest::Error| (error.to_string(), Because::Down);
        let mut answer = self.web.get(url).send().await.map_err(broken)?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(Value::Null);
        }
        if !status.is_success() {
            let because = match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Because::Refused,
                _ => Because::Down,
            };
            return Err((format!("it answered {status}"), because));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            body.extend_from_slice(&chunk);
            if body.len() > RESULTS_LIMIT {
                let why = format!("it answered more than {RESULTS_LIMIT} bytes");
                return Err((why, Because::Other));
            }
        }
        Ok(serde_json::from_slice(&body).unwrap_or_else(|_| {
            Value::String(String::from_utf8_lossy(&body).chars().take(2000).collect())
        }))
    }

    async fn tags(&self, image: &str) -> Result<Reply, Unanswered> {
        let Some(registry) = self.registry else {
            return Err(Unanswered::nobody(
                "no registry is configured (`registry.url`)",
            ));
        };
        let asked = registry.asked(image);
        let policy = retry::pauses(self.patience).with_total_delay(Some(self.patience));
        let tags = (|| registry.tags(image))
            .retry(policy)
            .when(|error| error.is_transient())
            .notify(|error, _| (self.notice)(error.to_string()))
            .await;
        match tags {
            Ok(tags) => Ok((asked, to_value(&tags))),
            Err(error) => Err(Unanswered {
                asked,
                why: error.to_string(),
                because: match &error {
                    error if error.is_transient() => Because::Down,
                    RegistryError::Refused { .. } => Because::Gone,
                    RegistryError::Image(_) | RegistryError::Endless { .. } => Because::Other,
                },
            }),
        }
    }

    fn forge(&self) -> Result<&Gitea, Unanswered> {
        self.forge
            .ok_or_else(|| Unanswered::nobody("no forge is named"))
    }

    fn drone(&self) -> Result<&Drone, Unanswered> {
        self.drone
            .ok_or_else(|| Unanswered::nobody("no Drone is named"))
    }
}

/// The forge's answer as it came.
fn raw<T>(seen: Result<Seen<T>, GiteaError>) -> Result<Reply, Unanswered> {
    let seen = seen?;
    Ok((seen.asked, seen.answer))
}

fn place(repository: &str) -> Result<Repository, Unanswered> {
    repository.parse().map_err(|error| Unanswered {
        asked: repository.to_owned(),
        why: format!("{error}"),
        because: Because::Other,
    })
}

/// Plain data with string keys: serialising it cannot fail.
fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
