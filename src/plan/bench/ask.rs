//! Putting a question to whom it belongs: what a fact asked can be asked again, in exactly the same way.

use super::{Bench, to_value};
use crate::config::Repository;
use crate::evidence::{Answer, Digest, Question};
use crate::gitea::{GiteaError, Membership};
use crate::plan::guardrails::Watched;
use backon::{ExponentialBuilder, Retryable};
use serde_json::{Value, json};

impl Bench {
    /// Puts a question; the clients' own patience is over when it stays unanswered.
    pub(super) async fn ask(&self, question: &Question) -> (String, Answer) {
        match self.try_ask(question).await {
            Ok((asked, value)) => (asked, Answer::Seen(value)),
            Err((asked, why)) => (asked, Answer::Unseen(why)),
        }
    }

    async fn try_ask(&self, question: &Question) -> Result<(String, Value), (String, String)> {
        let forge = &self.world.forge;
        let drone = &self.world.drone;
        let on_forge = |error: GiteaError| (error.asked().to_owned(), error.to_string());
        let on_drone = |error: crate::drone::DroneError| (error.url.clone(), error.to_string());
        let place = |repository: &str| {
            repository
                .parse::<Repository>()
                .map_err(|error| (repository.to_owned(), error.to_string()))
        };
        match question {
            Question::Expectations => Ok(("the configuration".into(), to_value(&self.expect))),
            Question::Watched => Ok((
                "the configuration".into(),
                to_value(&Watched::from_config(&self.world.config)),
            )),
            Question::ForgeVersion => {
                let seen = forge.version().await.map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::DroneVersion => {
                let seen = drone.version().await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Digests { paths, .. } => {
                let mut digests = serde_json::Map::new();
                for path in paths {
                    let bytes = tokio::fs::read(path).await.map_err(|error| {
                        (
                            path.clone(),
                            format!(
                                "reading `{path}` failed: {error}. Mend `versions` in gavel.toml"
                            ),
                        )
                    })?;
                    let digest = Digest::of(bytes);
                    digests.insert(path.clone(), Value::String(digest.to_string()));
                }
                Ok(("this machine".into(), Value::Object(digests)))
            }
            Question::Branch { repository, branch } => {
                match forge.branch(&place(repository)?, branch).await {
                    Ok(seen) => Ok((seen.asked, seen.answer)),
                    Err(error) if error.is_not_found() => {
                        Ok((error.asked().to_owned(), Value::Null))
                    }
                    Err(error) => Err(on_forge(error)),
                }
            }
            Question::Branches { repository } => {
                let seen = forge
                    .branches(&place(repository)?)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::File {
                repository,
                path,
                at,
            } => {
                let seen = forge
                    .file(&place(repository)?, path, at)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Tree { repository, commit } => {
                let seen = forge
                    .tree(&place(repository)?, commit)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Repositories { owner } => {
                let seen = forge.repositories_of(owner).await.map_err(on_forge)?;
                let names: Vec<_> = seen.value.into_iter().map(|one| one.full_name).collect();
                Ok((seen.asked, json!(names)))
            }
            Question::Pulls { repository } => {
                let seen = forge.pulls(&place(repository)?).await.map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Pull { repository, number } => {
                let seen = forge
                    .pull(&place(repository)?, *number)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::PullFiles { repository, number } => {
                let seen = forge
                    .pull_files(&place(repository)?, *number)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Timeline { repository, number } => {
                let seen = forge
                    .timeline(&place(repository)?, *number)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Tags { image } => self.tags(image).await,
            Question::Comments { repository, number } => {
                let seen = forge
                    .comments(&place(repository)?, *number, None)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Statuses { repository, commit } => {
                let seen = forge
                    .statuses(&place(repository)?, commit)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Collaborator {
                repository,
                account,
            } => {
                let seen = forge
                    .is_collaborator(&place(repository)?, account)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Member {
                organisation,
                account,
            } => {
                // Put in the account's own name: who is no member is sent to the public list, and told nothing there.
                let asker = if *account == self.expect.outsider {
                    &self.world.outsider
                } else {
                    forge
                };
                let seen = asker
                    .organisation_membership(organisation, account)
                    .await
                    .map_err(on_forge)?;
                Ok((seen.asked, json!(seen.value == Membership::Member)))
            }
            Question::LatestAct { account } => {
                let seen = forge.latest_act(account).await.map_err(on_forge)?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Activity { account, after } => {
                let seen = forge.activity(account, *after).await.map_err(on_forge)?;
                Ok((seen.asked, seen.answer))
            }
            Question::LatestBuild => {
                let seen = drone.latest_number().await.map_err(on_drone)?;
                Ok((seen.asked, json!(seen.value)))
            }
            Question::Builds { after } => {
                let seen = drone.builds_after(*after).await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::Build { number } => {
                let seen = drone.build(*number).await.map_err(on_drone)?;
                Ok((seen.asked, seen.answer))
            }
            Question::BuildLog { number } => {
                let seen = drone.whole_log(*number).await.map_err(on_drone)?;
                Ok((seen.asked, to_value(&seen.value)))
            }
            Question::Calm => {
                let troubles = self
                    .troubles
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .clone();
                Ok(("forge and Drone".into(), json!(troubles)))
            }
            Question::Sessions
            | Question::Agent { .. }
            | Question::Screen { .. }
            | Question::Running { .. }
            | Question::Text { .. }
            | Question::Clock => self.ask_box(question).await,
            Question::Results { build } => {
                let url = self.world.config.suite.results_url(*build);
                self.results(url, "suite.results_url").await
            }
            Question::Verified {
                recipe_head,
                tests_head,
            } => match &self.world.config.flow.verify_pr {
                Some(script) => {
                    let url = script.results_url(recipe_head, tests_head);
                    self.results(url, "flow.verify_pr.results_url").await
                }
                None => Err(("nobody".into(), "`flow.verify_pr` is not configured".into())),
            },
            Question::Clone { .. }
            | Question::Inhabitants { .. }
            | Question::Entries { .. }
            | Question::Users { .. }
            | Question::Stacks
            | Question::Volumes
            | Question::Crontab => match self.ask_machine(question).await {
                Some(answer) => answer,
                None => Err(("nobody".into(), "this is no question to the box".into())),
            },
            Question::Deploys
            | Question::Recorded
            | Question::Cleaned
            | Question::Cleared { .. }
            | Question::Post { .. }
            | Question::OpenPull { .. }
            | Question::Commit { .. }
            | Question::Run { .. }
            | Question::Wedge { .. }
            | Question::Quiet { .. } => Err((
                "nobody".into(),
                "this is an act, and acts are not asked".into(),
            )),
        }
    }

    async fn tags(&self, image: &str) -> Result<(String, Value), (String, String)> {
        let Some(registry) = &self.world.registry else {
            return Err((
                "nobody".into(),
                "no registry is configured (`registry.url`)".into(),
            ));
        };
        let asked = registry.asked(image);
        let policy = ExponentialBuilder::default()
            .with_jitter()
            .without_max_times()
            .with_total_delay(Some(self.world.config.patience.outage));
        (|| registry.tags(image))
            .retry(policy)
            .when(|error| error.is_transient())
            .notify(|error, _| self.note_trouble(error.to_string()))
            .await
            .map(|tags| (asked.clone(), to_value(&tags)))
            .map_err(|error| (asked.clone(), error.to_string()))
    }

    /// The results at an address, which a key of the configuration gives; `null` where there are none, a text where they are no JSON.
    async fn results(&self, url: String, key: &str) -> Result<(String, Value), (String, String)> {
        let asked = format!("GET {url}");
        let patience = self.world.config.patience.outage;
        let policy = ExponentialBuilder::default()
            .with_jitter()
            .without_max_times()
            .with_total_delay(Some(patience));
        let value = (|| self.fetch_results(&url))
            .retry(policy)
            .notify(|error, _| self.note_trouble(format!("{asked}: {error}")))
            .await
            .map_err(|error| {
                (
                    asked.clone(),
                    format!("{asked} failed: {error}. Check `{key}`"),
                )
            })?;
        Ok((asked, value))
    }

    async fn fetch_results(&self, url: &str) -> anyhow::Result<Value> {
        const LIMIT: usize = 4 << 20;
        let mut answer = self.world.web.get(url).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(Value::Null);
        }
        anyhow::ensure!(
            answer.status().is_success(),
            "it answered {}",
            answer.status()
        );
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= LIMIT, "it answered more than {LIMIT} bytes");
        }
        Ok(serde_json::from_slice(&body).unwrap_or_else(|_| {
            Value::String(String::from_utf8_lossy(&body).chars().take(2000).collect())
        }))
    }
}
