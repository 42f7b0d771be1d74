//! Acting: comments, branches, pull requests. What is created is created once, also where an answer was lost.

use super::{Bench, Making, Stop, Who, read};
use crate::config::Repository;
use crate::evidence::{Answer, Question};
use crate::gitea::{Asked, Earlier, NewFile, State};
use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where every pull request leads to.
const BASE: &str = "main";

/// One file of one commit that a scenario makes.
#[derive(Debug, Clone, Copy)]
pub struct Seed<'a> {
    pub repository: &'a str,
    pub from: &'a str,
    pub branch: &'a str,
    pub path: &'a str,
    pub text: &'a str,
    pub purpose: &'a str,
}

impl Bench {
    /// Posts a comment on a pull request. Interrupted, it looks whether the comment is there before it posts again.
    pub async fn post(
        &self,
        label: &str,
        who: Who,
        repository: &str,
        number: u64,
        body: &str,
    ) -> Result<(), Stop> {
        let facts = self.facts().await?;
        if facts.iter().any(|fact| fact.label == label) {
            return Ok(());
        }
        let known: Vec<u64> = facts
            .iter()
            .filter(|fact| matches!(fact.question, Question::Post { .. }))
            .filter_map(|fact| match &fact.answer {
                Answer::Seen(value) => value.get("id")?.as_u64(),
                Answer::Unseen(_) => None,
            })
            .collect();
        let (client, account) = match who {
            Who::Gavel => (&self.world.forge, self.expect.gavel.clone()),
            Who::Outsider => (&self.world.outsider, self.expect.outsider.clone()),
        };
        let place = self.repository(repository)?;
        let find = || {
            async {
                let comments = self.world.forge.comments(&place, number, None).await?;
                let found = comments.value.iter().find(|comment| {
                    comment.user.login.eq_ignore_ascii_case(&account)
                        && comment.body == body
                        && !known.contains(&comment.id)
                });
                let Some(found) = found else { return Ok(None) };
                let seen = client.comment(&place, found.id).await?;
                Ok(Some((seen.asked, seen.answer)))
            }
            .boxed()
        };
        let make = || {
            async {
                let made = client.create_comment(&place, number, body).await?;
                // Read back: the answer is then one that can be asked for again.
                let seen = client.comment(&place, made.id).await?;
                Ok((seen.asked, seen.answer))
            }
            .boxed()
        };
        self.expect_deploys().boxed().await?;
        let interrupted = self.begin(label).await?;
        let done = self.once(interrupted, find, make).await?;
        let question = Question::Post {
            repository: repository.into(),
            number,
            account: account.clone(),
            body: body.into(),
        };
        self.record_done::<Value>(label, question, done).await?;
        Ok(())
    }

    /// Opens a pull request: a branch with one commit of its own on top of `from`, to `base`. Its head is new, so that nothing
    /// that is found about it can be from another run.
    pub async fn open_pull<T: DeserializeOwned>(
        &self,
        label: &str,
        repository: &str,
        from: &str,
        purpose: &str,
    ) -> Result<T, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let interrupted = self.begin(label).await?;
        let branch = self.own_branch(label);
        let place = self.repository(repository)?;
        self.intend(Making::Branch {
            repository,
            name: &branch,
            purpose,
        })
        .await?;
        let resource = self
            .intend(Making::Pull {
                repository,
                head: &branch,
                purpose,
            })
            .await?;
        let forge = &self.world.forge;
        let question = Question::OpenPull {
            repository: repository.into(),
            from: from.into(),
            branch: branch.clone(),
            base: BASE.into(),
        };

        let path = format!(".gavel/{}-{}", self.name, label.replace('.', "-"));
        let text =
            format!("Gavel verifies the upgrade flow here: {purpose}. Never to be merged.\n");
        let title = format!("Gavel: {purpose} ({})", self.name);
        let find = || {
            async {
                match forge.branch(&place, &branch).await {
                    Ok(found) => Ok(Some((found.asked, found.answer))),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            }
            .boxed()
        };
        let make = || {
            async {
                let file = NewFile {
                    path: &path,
                    content: text.as_bytes(),
                    message: &title,
                    branch: from,
                    new_branch: &branch,
                };
                let commit = forge.create_file(&place, file).await?;
                Ok((String::new(), Value::String(commit)))
            }
            .boxed()
        };
        let branched = self.once(interrupted, find, make).await?;
        if let Err(why) = branched {
            return self.record_done(label, question, Err(why)).await;
        }

        let done = self
            .pull_once(interrupted, &place, &branch, &title, purpose)
            .await?;
        self.pull_made(resource, repository, purpose, &done).await?;
        self.record_done(label, question, done).await
    }

    /// Opens a pull request from a branch that the attempt has made already.
    pub async fn open_pull_from<T: DeserializeOwned>(
        &self,
        label: &str,
        repository: &str,
        branch: &str,
        purpose: &str,
    ) -> Result<T, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let interrupted = self.begin(label).await?;
        let place = self.repository(repository)?;
        let resource = self
            .intend(Making::Pull {
                repository,
                head: branch,
                purpose,
            })
            .await?;
        let title = format!("Gavel: {purpose} ({})", self.name);
        let done = self
            .pull_once(interrupted, &place, branch, &title, purpose)
            .await?;
        self.pull_made(resource, repository, purpose, &done).await?;
        let question = Question::OpenPull {
            repository: repository.into(),
            from: branch.into(),
            branch: branch.into(),
            base: BASE.into(),
        };
        self.record_done(label, question, done).await
    }

    /// Writes one file in a commit: on a new branch made of `from`, or, where both are the same, on a branch that is put back afterwards.
    /// Answers the commit.
    pub async fn commit(&self, label: &str, seed: &Seed<'_>) -> Result<String, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        let interrupted = self.begin(label).await?;
        let Seed {
            repository,
            from,
            branch,
            path,
            text,
            purpose,
        } = *seed;
        let place = self.repository(repository)?;
        let forge = &self.world.forge;
        let is_new = from != branch;
        let before = self
            .unless_cancelled(forge.branch(&place, from))
            .await?
            .map_err(|error| Stop::Unseen(error.to_string()))?
            .value;
        let message = format!("{purpose} ({}, {label})", self.name);
        let making = if is_new {
            Making::Branch {
                repository,
                name: branch,
                purpose,
            }
        } else {
            Making::Moved {
                repository,
                name: branch,
                was: &before.commit.sha,
                purpose,
            }
        };
        let resource = self.intend(making).await?;
        let find = || {
            async {
                match forge.branch(&place, branch).await {
                    Ok(found) if found.value.commit.message.trim() == message => {
                        Ok(Some((found.asked, Value::String(found.value.commit.sha))))
                    }
                    Ok(_) => Ok(None),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            }
            .boxed()
        };
        let make = || {
            async {
                let old = forge.file(&place, path, from).await?;
                let blob = old.answer.get("sha").and_then(Value::as_str);
                let file = NewFile {
                    path,
                    content: text.as_bytes(),
                    message: &message,
                    branch: from,
                    new_branch: branch,
                };
                let commit = forge.write_file(&place, file, blob).await?;
                Ok(("the forge".into(), Value::String(commit)))
            }
            .boxed()
        };
        let done = self.once(interrupted, find, make).await?;
        if !is_new && let Ok((_, Value::String(commit))) = &done {
            self.ledger
                .moved(resource, commit)
                .await
                .map_err(Stop::Broken)?;
        }
        let question = Question::Commit {
            repository: repository.into(),
            from: from.into(),
            branch: branch.into(),
            path: path.into(),
            text: text.into(),
        };
        self.record_done(label, question, done).await
    }

    /// Puts on record that the flow moves a branch, which is put back afterwards; `to` once it has.
    pub async fn expect_move(
        &self,
        repository: &str,
        branch: &str,
        was: &str,
        to: Option<&str>,
        purpose: &str,
    ) -> Result<(), Stop> {
        let making = Making::Moved {
            repository,
            name: branch,
            was,
            purpose,
        };
        let resource = self.intend(making).await?;
        match to {
            None => Ok(()),
            Some(to) => self.ledger.moved(resource, to).await.map_err(Stop::Broken),
        }
    }

    /// The name of a branch of this attempt's own.
    pub fn own_branch(&self, label: &str) -> String {
        format!("gavel/{}-{}", self.name, label.replace('.', "-"))
    }

    async fn pull_once(
        &self,
        interrupted: bool,
        place: &Repository,
        branch: &str,
        title: &str,
        purpose: &str,
    ) -> Result<Result<(String, Value), String>, Stop> {
        let forge = &self.world.forge;
        let body = format!(
            "Opened to verify the upgrade flow: {purpose}. It is closed when that is done, and never to be merged."
        );
        let find = || {
            async {
                let found = forge.pulls_from(place, branch).await?;
                // An earlier run's may be from a branch of the same name.
                let mut open = found.value.iter();
                let Some(found) = open.find(|pull| pull.state == State::Open) else {
                    return Ok(None);
                };
                let seen = forge.pull(place, found.number).await?;
                Ok(Some((seen.asked, seen.answer)))
            }
            .boxed()
        };
        let make = || {
            async {
                let made = forge.create_pull(place, branch, BASE, title, &body).await?;
                let seen = forge.pull(place, made.number).await?;
                Ok((seen.asked, seen.answer))
            }
            .boxed()
        };
        self.once(interrupted, find, make).await
    }

    async fn pull_made(
        &self,
        resource: u64,
        repository: &str,
        purpose: &str,
        done: &Result<(String, Value), String>,
    ) -> Result<(), Stop> {
        if let Ok((_, answer)) = done
            && let Some(number) = answer.get("number").and_then(Value::as_u64)
        {
            self.ledger
                .made(resource, number)
                .await
                .map_err(Stop::Broken)?;
            self.ledger
                .introduce(repository, number, purpose)
                .await
                .map_err(Stop::Broken)?;
        }
        Ok(())
    }

    async fn once<'a>(
        &self,
        interrupted: bool,
        find: impl Fn() -> Asked<'a, Option<(String, Value)>>,
        make: impl Fn() -> Asked<'a, (String, Value)>,
    ) -> Result<Result<(String, Value), String>, Stop> {
        let forge = &self.world.forge;
        let earlier = match interrupted {
            true => Earlier::Sent,
            false => Earlier::Nothing,
        };
        let making = forge.exactly_once(earlier, find, make);
        let is_leaving = || self.ledger.is_leaving();
        let longest = forge.longest_request();
        let done = made_or_cancelled(making, self.ledger.cancelled(), is_leaving, longest).await?;
        Ok(done.map_err(|error| error.to_string()))
    }

    pub(super) async fn record_done<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
        done: Result<(String, Value), String>,
    ) -> Result<T, Stop> {
        let (asked, answer) = match done {
            Ok((asked, value)) => (asked, Answer::Seen(value)),
            Err(why) => ("the forge".into(), Answer::Unseen(why)),
        };
        self.record(label, question, asked, None, answer).await
    }
}

/// Something that is being made, for which a cancelled run waits so long: what was sent may take effect until then, and cleanup is to find it.
/// Where Gavel ends, the next one looks for it.
async fn made_or_cancelled<T>(
    making: impl Future<Output = T>,
    cancelled: &CancellationToken,
    is_leaving: impl Fn() -> bool,
    longest: Duration,
) -> Result<T, Stop> {
    if cancelled.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let mut making = std::pin::pin!(making);
    tokio::select! {
        biased;
        () = cancelled.cancelled() => {}
        made = &mut making => return Ok(made),
    }
    if is_leaving() {
        return Err(Stop::Cancelled);
    }
    let made = tokio::time::timeout(longest, making).await;
    made.map_err(|_| Stop::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    /// Made while the run is cancelled, by somebody who waits for so long.
    async fn made(leaves: bool, answers: bool, longest: Duration) -> Result<u64, Stop> {
        let cancelled = CancellationToken::new();
        let (answer, answered) = oneshot::channel();
        let cancels = cancelled.clone();
        let making = async move {
            cancels.cancel();
            tokio::task::yield_now().await;
            if answers {
                answer.send(7).unwrap();
            }
            match answered.await {
                Ok(made) => made,
                Err(_) => std::future::pending().await,
            }
        };
        made_or_cancelled(making, &cancelled, || leaves, longest).await
    }

    #[tokio::test]
    async fn a_cancelled_run_waits_for_what_was_sent() {
        let hour = Duration::from_secs(3600);
        assert!(matches!(made(false, true, hour).await, Ok(7)));
        let never = made(false, false, Duration::from_millis(1)).await;
        assert!(matches!(never, Err(Stop::Cancelled)));
        assert!(matches!(made(true, true, hour).await, Err(Stop::Cancelled)));
    }

    #[tokio::test]
    async fn a_cancelled_run_makes_nothing_more() {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let making = async { panic!("it was sent") };
        let done: Result<(), Stop> =
            made_or_cancelled(making, &cancelled, || false, Duration::MAX).await;
        assert!(matches!(done, Err(Stop::Cancelled)));
    }
}
