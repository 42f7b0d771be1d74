//! One writer for all of Gavel's comments. Each has a slot; what should stand there is stored first, and found again on the forge by
//! marker and author, so that a lost answer makes no second comment.

use super::marker::marker;
use super::seconds;
use crate::config::{Account, Repository};
use crate::gitea::{self, Gitea, GiteaError, Outcome};
use crate::store::{Slot, Store, StoreError, StoredCommand};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// At most one edit of a comment in this time.
const BETWEEN_EDITS: Duration = Duration::from_secs(1);
/// So long an edit is tried, while other comments wait.
const ONE_COMMENT: Duration = Duration::from_secs(30);
/// Before another try where the forge did not take a comment. Where it refused it, twice as long after each, up to the longest.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub struct Reporter {
    store: Store,
    forge: Gitea,
    account: Account,
    bell: Arc<Notify>,
    /// Counts rounds of writing, for those who wait for one.
    round: Arc<watch::Sender<u64>>,
    /// Slots whose comments somebody had deleted when they were written, and that have another one now.
    replaced: Arc<Mutex<BTreeSet<String>>>,
    replacing: Arc<Notify>,
}

impl Reporter {
    pub fn new(store: Store, forge: Gitea, account: Account) -> Self {
        Self {
            store,
            forge,
            account,
            bell: Arc::default(),
            round: Arc::new(watch::Sender::new(0)),
            replaced: Arc::default(),
            replacing: Arc::default(),
        }
    }

    /// Waits until comments were replaced that somebody had deleted; answers their slots.
    pub async fn replaced(&self) -> BTreeSet<String> {
        loop {
            self.replacing.notified().await;
            let replaced = std::mem::take(&mut *self.lock_replaced());
            if !replaced.is_empty() {
                return replaced;
            }
        }
    }

    /// Says what should stand in a slot. It is written as soon as the forge takes it.
    pub async fn say(
        &self,
        slot: &str,
        repository: &str,
        issue: u64,
        text: &str,
    ) -> Result<(), StoreError> {
        let marker = marker(&self.store.installation().await?, slot);
        let body = format!("{marker}\n{text}");
        if let Some(known) = self.store.slot(slot).await?
            && known.body == body
        {
            return Ok(());
        }
        self.store
            .mean_comment(slot, repository, issue, &body)
            .await?;
        self.bell.notify_one();
        Ok(())
    }

    /// Answers a command where it was typed.
    pub async fn answer(&self, stored: &StoredCommand, text: &str) -> anyhow::Result<()> {
        let typed = &stored.command;
        let slot = format!("answer-{}", stored.id);
        Ok(self
            .say(&slot, &typed.repository, typed.issue, text)
            .await?)
    }

    /// Writes a slot's comment once more, as it was last meant.
    pub async fn write_again(&self, slot: &str) -> Result<(), StoreError> {
        self.store.write_again(slot).await?;
        self.bell.notify_one();
        Ok(())
    }

    /// Waits until a slot's comment stands on the forge as it was last said; at most this long. Answers its address.
    pub async fn written(
        &self,
        slot: &str,
        patience: Duration,
    ) -> Result<Option<String>, StoreError> {
        self.bell.notify_one();
        let mut rounds = self.round.subscribe();
        let until = Instant::now() + patience;
        loop {
            rounds.mark_unchanged();
            match self.store.slot(slot).await? {
                Some(known) if known.written => return Ok(known.url),
                _ => {
                    let next = tokio::time::timeout_at(until, rounds.changed()).await;
                    if !matches!(next, Ok(Ok(()))) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Writes whatever is not written, until the shutdown.
    pub async fn work(self, shutdown: CancellationToken) {
        // What an earlier life meant to create may stand there already.
        let mut in_doubt: HashSet<String> = match self.store.unwritten_slots().await {
            Ok(slots) => slots.into_iter().collect(),
            Err(error) => {
                tracing::error!(%error, "reading what is to be written failed");
                HashSet::new()
            }
        };
        let mut due: HashMap<String, Due> = HashMap::new();
        let mut looks = Vec::new();
        loop {
            let next = tokio::select! {
                next = self.round(&mut in_doubt, &mut due, &mut looks) => next,
                () = shutdown.cancelled() => return,
            };
            self.round.send_modify(|round| *round += 1);
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = self.bell.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Writes what may be written now; answers when the next one may.
    async fn round(
        &self,
        in_doubt: &mut HashSet<String>,
        due: &mut HashMap<String, Due>,
        looks: &mut Vec<Look>,
    ) -> Option<Instant> {
        let slots = match self.store.unwritten_slots().await {
            Ok(slots) => slots,
            Err(error) => {
                tracing::error!(%error, "reading what is to be written failed");
                return Some(Instant::now() + AFTER_FAILURE);
            }
        };
        let mut next: Option<Instant> = None;
        let mut not_before = |at: Instant| next = Some(next.map_or(at, |next| next.min(at)));
        for name in slots {
            let due = due.entry(name.clone()).or_insert_with(Due::now);
            if due.at > Instant::now() {
                not_before(due.at);
                continue;
            }
            let Ok(Some(slot)) = self.store.slot(&name).await else {
                not_before(Instant::now() + AFTER_FAILURE);
                continue;
            };
            // A database that was restored knows nothing of what was written after its backup.
            let Ok(restored) = self.store.in_doubt().await else {
                not_before(Instant::now() + AFTER_FAILURE);
                continue;
            };
            let doubt = restored || in_doubt.contains(&name);
            match self.write(&slot, doubt).await {
                Ok(created) => {
                    due.written();
                    if in_doubt.remove(&name) || created && restored {
                        looks.retain(|look| look.slot != name);
                        looks.push(Look {
                            at: Instant::now() + self.forge.longest_request(),
                            slot: name,
                        });
                    }
                }
                Err(failure) => {
                    due.failed(&failure);
                    tracing::warn!(slot = %name, error = %failure, "a comment could not be written; it is tried again");
                    if failure.unknown {
                        in_doubt.insert(name);
                    }
                    not_before(due.at);
                }
            }
        }
        for look in looks
            .extract_if(.., |look| look.at <= Instant::now())
            .collect::<Vec<_>>()
        {
            if let Err(error) = self.look(&look.slot).await
                && !is_not_found(&error)
            {
                let error = format!("{error:#}");
                tracing::warn!(
                    slot = look.slot,
                    error,
                    "whether a comment stands twice could not be seen; it is looked at again"
                );
                let at = Instant::now() + self.forge.longest_request();
                looks.push(Look { at, ..look });
            }
        }
        looks.iter().for_each(|look| not_before(look.at));
        next
    }

    async fn look(&self, slot: &str) -> anyhow::Result<()> {
        let Some(slot) = self.store.slot(slot).await? else {
            return Ok(());
        };
        let since = self.since(&slot).await?;
        seconds::remove_of(&self.store, &self.forge, &self.account, &slot, since).await
    }

    /// From when on a slot's comment can stand on the forge, in the forge's time. An issue that Gavel lives on for years is larger than one
    /// answer may be.
    async fn since(&self, slot: &Slot) -> Result<Option<Timestamp>, StoreError> {
        let mut since = slot.since;
        if self.store.in_doubt().await? {
            since = since.min(self.store.copied_since().await?);
        }
        Ok(since.map(|since| since.saturating_sub(gitea::MARGIN).unwrap_or(since)))
    }

    /// Answers whether the comment is a new one.
    async fn write(&self, slot: &Slot, in_doubt: bool) -> Result<bool, Failure> {
        let repository: Repository = slot.repository.parse().map_err(Failure::other)?;
        if let Some(id) = slot.comment
            && self.edit(&repository, slot, id).await?
        {
            return Ok(false);
        }
        // There is none yet, or somebody deleted it.
        if in_doubt
            && let Some(id) = self.find(&repository, slot).await?
            && self.edit(&repository, slot, id).await?
        {
            return Ok(false);
        }
        let comment = self
            .forge
            .create_comment(&repository, slot.issue, &slot.body)
            .await?;
        self.remember(slot, &comment).await?;
        if slot.comment.is_some() {
            self.lock_replaced().insert(slot.slot.clone());
            self.replacing.notify_one();
        }
        Ok(true)
    }

    fn lock_replaced(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whether it is there.
    async fn edit(&self, repository: &Repository, slot: &Slot, id: u64) -> Result<bool, Failure> {
        let edited = self.forge.edit_comment(repository, id, &slot.body);
        let edited = tokio::time::timeout(ONE_COMMENT, edited).await;
        match edited.map_err(|_| Failure::other("the forge did not answer in time"))? {
            Ok(comment) => self.remember(slot, &comment).await.map(|()| true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn remember(&self, slot: &Slot, comment: &crate::gitea::Comment) -> Result<(), Failure> {
        self.store
            .comment_written(&slot.slot, comment.id, &comment.html_url, &slot.body)
            .await
            .map_err(Failure::other)
    }

    async fn find(&self, repository: &Repository, slot: &Slot) -> Result<Option<u64>, Failure> {
        let installation = self.store.installation().await.map_err(Failure::other)?;
        let marker = marker(&installation, &slot.slot);
        let since = self.since(slot).await.map_err(Failure::other)?;
        let comments = self.forge.comments(repository, slot.issue, since).await?;
        Ok(comments
            .value
            .iter()
            .find(|comment| {
                self.account.is(&comment.user.login) && comment.body.starts_with(&marker)
            })
            .map(|comment| comment.id))
    }
}

/// When a slot is looked at once more, since its comment was written while an earlier try may have been under way.
struct Look {
    at: Instant,
    slot: String,
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<GiteaError>();
    error.is_some_and(GiteaError::is_not_found)
}

/// When a slot may be written next, and how long it then has to rest where that fails.
struct Due {
    at: Instant,
    pause: Duration,
}

impl Due {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            pause: AFTER_FAILURE,
        }
    }

    fn written(&mut self) {
        *self = Self::now();
        self.at += BETWEEN_EDITS;
    }

    fn failed(&mut self, failure: &Failure) {
        let wanted = failure.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
        self.at = Instant::now() + self.pause.max(wanted);
        self.pause = match failure.refused {
            true => (self.pause * 2).min(LONGEST_PAUSE),
            // What does not answer now may do so any moment.
            false => AFTER_FAILURE,
        };
    }
}

#[derive(Debug)]
struct Failure {
    why: String,
    /// Whether it may have taken effect all the same.
    unknown: bool,
    /// Whether the forge will say the same the next time.
    refused: bool,
    /// How long the forge asks to be left alone.
    retry_after: Option<Duration>,
}

impl Failure {
    fn other(error: impl std::fmt::Display) -> Self {
        Self {
            why: error.to_string(),
            unknown: true,
            refused: false,
            retry_after: None,
        }
    }
}

impl From<GiteaError> for Failure {
    fn from(error: GiteaError) -> Self {
        Self {
            unknown: matches!(error.outcome(), Outcome::Unknown),
            refused: matches!(error.outcome(), Outcome::NotDone) && !error.is_transient(),
            retry_after: error.retry_after(),
            why: error.to_string(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitea::Limits;
    use crate::gitea::tests::scripted::Forge;
    use axum::Json;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;
    use serde_json::json;

    const PLACE: &str = "maintainers/verification";

    /// An issue on which Gavel lives for years is larger than an answer may be: what is in doubt is looked for since it was meant.
    #[tokio::test]
    async fn a_comment_in_doubt_is_looked_for_from_when_it_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gavel.sqlite");
        let store = Store::open(&file).await.unwrap();
        let read = "2026-06-01T12:00:00Z".parse().unwrap();
        store.advance_cursor(PLACE, 1, 31, read).await.unwrap();
        let slot = "answer-7";
        store.mean_comment(slot, PLACE, 1, "text").await.unwrap();
        let body = format!(
            "{}\nold text",
            marker(&store.installation().await.unwrap(), slot)
        );
        let forge = Forge::start(move |request, _| {
            let there = json!({ "id": 33, "user": { "login": "gavel" }, "body": body });
            match request.method.as_str() {
                "GET" => Json(json!([there])).into_response(),
                "PATCH" => Json(there).into_response(),
                _ => StatusCode::FORBIDDEN.into_response(),
            }
        })
        .await;
        let limits = Limits {
            request: Duration::from_secs(10),
            outage: Duration::ZERO,
        };
        let client = Gitea::new(&forge.url, None, limits).unwrap();
        let reporter = Reporter::new(store, client, "gavel".parse().unwrap());
        let shutdown = CancellationToken::new();
        let working = tokio::spawn(reporter.clone().work(shutdown.clone()));
        reporter.written(slot, limits.request).await.unwrap();
        shutdown.cancel();
        working.await.unwrap();
        let requests = forge.requests();
        let asked: Vec<_> = requests
            .iter()
            .map(|request| (request.method.as_str(), request.query("since")))
            .collect();
        let since = "2026-06-01T11:58:00Z".to_owned();
        assert_eq!(asked, [("GET", since), ("PATCH", String::new())]);
    }
}
