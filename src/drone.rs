//! The client of the Drone in which builds run: it reads, and starts nothing.
//!
//! Every answer is given typed and as it came. What passes by itself (an outage, a slow answer, a 5xx) is asked again
//! until the patience ends; meanwhile [`Drone::trouble`] says what is being waited for.

mod error;
mod model;

pub use error::{DroneError, Kind};
pub use model::{Account, Build, LogLine, Repository, Version};

use crate::secret::Secret;
use crate::{http, retry};
use backon::Retryable;
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// More than any answer of a sound Drone.
const BODY_LIMIT: usize = 32 << 20;
/// Of all logs of one build together.
const WHOLE_LOG_LIMIT: usize = 16 << 20;
const PER_PAGE: u64 = 25;
/// Builds that can have been started since a run began are far fewer than these pages hold.
const PAGES: u64 = 400;

/// One repository on one Drone.
pub struct Drone {
    client: Client,
    base: Url,
    owner: String,
    name: String,
    token: Option<Secret>,
    limits: Limits,
    trouble: watch::Sender<Option<String>>,
}

/// How long to wait for Drone.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one request, from connecting to the end of the answer.
    pub request: Duration,
    /// For an answer at all, while requests fail in ways that pass.
    pub outage: Duration,
}

/// An answer: what it means, what it was, and which question it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen<T> {
    pub value: T,
    pub answer: Value,
    /// The URL asked, free of secrets; of several pages, the first.
    pub asked: String,
}

/// The logs of all steps of a build, in the order of stages and steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeLog {
    pub text: String,
    /// Steps without a log, as `stage/step`: not run, still running, or its log was removed.
    pub missing: Vec<String>,
    /// Whether the text ends early because it would be too long.
    pub cut: bool,
}

impl Drone {
    /// `repository` is `owner/name`, the one whose pipeline runs the builds. Without a token it is asked as anybody.
    ///
    /// # Errors
    /// When `url` is no http(s) address or `repository` has another form.
    pub fn new(
        url: &Url,
        repository: &str,
        token: Option<Secret>,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            matches!(url.scheme(), "http" | "https") && url.host().is_some(),
            "{url} is no http(s) address of a Drone"
        );
        let (owner, name) = match repository.split('/').collect::<Vec<_>>()[..] {
            [owner, name] if !owner.is_empty() && !name.is_empty() => (owner, name),
            _ => anyhow::bail!("{repository:?} is no repository: expected owner/name"),
        };
        Ok(Self {
            client: Client::builder()
                .timeout(limits.request)
                .redirect(http::within_the_server())
                .user_agent(concat!("gavel/", env!("CARGO_PKG_VERSION")))
                .build()?,
            base: url.clone(),
            owner: owner.into(),
            name: name.into(),
            token,
            limits,
            trouble: watch::Sender::new(None),
        })
    }

    /// What is being waited for while Drone fails, and nothing while it answers.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// The highest number that a build has, 0 where there is none.
    ///
    /// # Errors
    /// See [`DroneError`]; the same holds for the other questions.
    pub async fn latest_number(&self) -> Result<Seen<u64>, DroneError> {
        let seen = self.list(1).await?;
        // Drone lists by its own id; of two builds that were started at once, the first can have the lower number.
        Ok(seen.map(|builds| builds.iter().map(|build| build.number).max().unwrap_or(0)))
    }

    /// Every build with a higher number than `after`, oldest first; the answer holds just those, each as it came.
    pub async fn builds_after(&self, after: u64) -> Result<Seen<Vec<Build>>, DroneError> {
        let (mut builds, mut answers, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut asked = None;
        for page in 1..=PAGES {
            let seen = self.list(page).await?;
            asked.get_or_insert(seen.asked);
            let reached =
                seen.value.is_empty() || seen.value.iter().any(|build| build.number <= after);
            let mut fresh = false;
            for (build, answer) in seen.value.into_iter().zip(elements(seen.answer)) {
                // A build that starts while pages are read moves the others on, and one is seen twice.
                if build.number > after && known.insert(build.number) {
                    fresh = true;
                    builds.push(build);
                    answers.push(answer);
                }
            }
            if reached || !fresh {
                let mut order: Vec<usize> = (0..builds.len()).collect();
                order.sort_by_key(|&at| builds[at].number);
                let answer = order.iter().map(|&at| answers[at].clone()).collect();
                builds.sort_by_key(|build| build.number);
                return Ok(Seen {
                    value: builds,
                    answer: Value::Array(answer),
                    asked: asked.unwrap_or_default(),
                });
            }
        }
        Err(DroneError {
            tried: format!("list the builds after {after}"),
            url: asked.unwrap_or_default(),
            kind: Kind::TooLarge(format!("there are more than {} of them", PAGES * PER_PAGE)),
            retry_after: None,
        })
    }

    /// One build, with its stages and steps.
    pub async fn build(&self, number: u64) -> Result<Seen<Build>, DroneError> {
        self.ask(
            &format!("read build {number}"),
            self.api(&["builds", &number.to_string()]),
        )
        .await
    }

    /// The log of one step. There is none (404) before the step has ended.
    pub async fn log(
        &self,
        number: u64,
        stage: u64,
        step: u64,
    ) -> Result<Seen<Vec<LogLine>>, DroneError> {
        let url = self.api(&[
            "builds",
            &number.to_string(),
            "logs",
            &stage.to_string(),
            &step.to_string(),
        ]);
        let seen = self
            .ask(
                &format!("read the log of step {stage}/{step} of build {number}"),
                url,
            )
            .await?;
        Ok(seen.map(Option::unwrap_or_default))
    }

    /// The logs of all steps; the answer is a list of `{"stage", "step", "name", "log"}`.
    pub async fn whole_log(&self, number: u64) -> Result<Seen<WholeLog>, DroneError> {
        let build = self.build(number).await?;
        let (mut whole, mut answers) = (WholeLog::default(), Vec::new());
        let steps: Vec<_> = build
            .value
            .stages
            .iter()
            .flat_map(|stage| stage.steps.iter().map(move |step| (stage, step)))
            .collect();
        for (stage, step) in steps {
            let seen = match self.log(number, stage.number, step.number).await {
                Ok(seen) => seen,
                Err(error) if error.is_not_found() => {
                    whole
                        .missing
                        .push(format!("{}/{}", stage.number, step.number));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let length: usize = seen.value.iter().map(|line| line.out.len()).sum();
            if whole.text.len() + length > WHOLE_LOG_LIMIT {
                whole.cut = true;
                break;
            }
            whole
                .text
                .extend(seen.value.into_iter().map(|line| line.out));
            answers.push(json!({"stage": stage.number, "step": step.number, "name": step.name, "log": seen.answer}));
        }
        Ok(Seen {
            value: whole,
            answer: Value::Array(answers),
            asked: format!("{}/logs", build.asked),
        })
    }

    pub async fn version(&self) -> Result<Seen<Version>, DroneError> {
        self.ask("read the version", self.at(&["version"])).await
    }

    /// The account of the token; a refusal (401) where it is nobody's. Builds of a public repository are shown to everybody.
    pub async fn account(&self) -> Result<Seen<Account>, DroneError> {
        self.ask("ask whose token this is", self.at(&["api", "user"]))
            .await
    }

    /// The repository, as Drone knows it.
    pub async fn repository(&self) -> Result<Seen<Repository>, DroneError> {
        let tried = format!("read what {}/{} is like", self.owner, self.name);
        self.ask(&tried, self.api(&[])).await
    }

    async fn list(&self, page: u64) -> Result<Seen<Vec<Build>>, DroneError> {
        let mut url = self.api(&["builds"]);
        url.query_pairs_mut()
            .append_pair("page", &page.to_string())
            .append_pair("per_page", &PER_PAGE.to_string());
        let seen = self
            .ask::<Option<Vec<Build>>>("list the builds", url)
            .await?;
        Ok(seen.map(Option::unwrap_or_default))
    }

    fn api(&self, rest: &[&str]) -> Url {
        self.at(&[&["api", "repos", &self.owner, &self.name], rest].concat())
    }

    fn at(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Asks until there is an answer, an error that stays, or no patience left.
    async fn ask<T: DeserializeOwned>(&self, tried: &str, url: Url) -> Result<Seen<T>, DroneError> {
        let started = Instant::now();
        let since = jiff::Timestamp::now().strftime("%H:%M:%S").to_string();
        let mut trouble = Trouble {
            sender: &self.trouble,
            told: false,
        };
        let left = || self.limits.outage.saturating_sub(started.elapsed());
        (|| self.ask_once(tried, &url))
            .retry(retry::pauses(self.limits.outage))
            .when(|error| error.is_transient() && !left().is_zero())
            .adjust(|error, pause| {
                pause.map(|pause| pause.max(error.retry_after.unwrap_or_default()).min(left()))
            })
            .notify(|error, _| {
                trouble.tell(format!(
                    "Drone at {} {}, retrying since {since} UTC",
                    self.base,
                    error.kind.in_short()
                ));
            })
            .await
    }

    async fn ask_once<T: DeserializeOwned>(
        &self,
        tried: &str,
        url: &Url,
    ) -> Result<Seen<T>, DroneError> {
        let failed = |kind, retry_after| DroneError {
            tried: tried.into(),
            url: url.to_string(),
            kind,
            retry_after,
        };
        let mut request = self.client.get(url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.now().expose_secret());
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| failed(self.kind_of(&error), None))?;
        let status = response.status();
        let wait = retry::after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(self.kind_of(&error), None))?
        {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(failed(
                    Kind::TooLarge(format!("the answer is longer than {BODY_LIMIT} bytes")),
                    None,
                ));
            }
            body.extend_from_slice(&chunk);
        }
        if status != StatusCode::OK {
            let kind = Kind::Status(status.as_u16(), error::message_of(status, &body));
            return Err(failed(kind, wait));
        }
        let not_json = |error: serde_json::Error| failed(Kind::NotJson(error.to_string()), None);
        let answer: Value = serde_json::from_slice(&body).map_err(not_json)?;
        let value = T::deserialize(&answer).map_err(not_json)?;
        Ok(Seen {
            value,
            answer,
            asked: url.to_string(),
        })
    }

    fn kind_of(&self, error: &reqwest::Error) -> Kind {
        if error.is_timeout() {
            return Kind::Timeout(self.limits.request);
        }
        let mut root: &dyn std::error::Error = error;
        while let Some(source) = root.source() {
            root = source;
        }
        let text = root.to_string();
        Kind::Unreachable(
            text.split(" (os error")
                .next()
                .unwrap_or(&text)
                .to_lowercase(),
        )
    }
}

impl<T> Seen<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        Seen {
            value: change(self.value),
            answer: self.answer,
            asked: self.asked,
        }
    }
}

/// Tells what is being waited for, and takes it back however the waiting ends.
struct Trouble<'a> {
    sender: &'a watch::Sender<Option<String>>,
    told: bool,
}

impl Trouble<'_> {
    fn tell(&mut self, text: String) {
        self.told = true;
        self.sender.send_replace(Some(text));
    }
}

impl Drop for Trouble<'_> {
    fn drop(&mut self) {
        if self.told {
            self.sender.send_replace(None);
        }
    }
}

fn elements(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(elements) => elements,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
