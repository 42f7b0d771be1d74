//! Observing: once, until there is enough to see, or that nothing happens.

use super::{Bench, Enough, Event, Stop, read};
use crate::evidence::{Answer, Question, Watch};
use futures_util::{FutureExt, StreamExt, future, stream};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// As many questions are put at the same time: servers are shared with others.
const AT_ONCE: usize = 8;

impl Bench {
    /// Looks once.
    pub async fn see<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
    ) -> Result<T, Stop> {
        if let Some(fact) = self.recall(label).await? {
            return read(&fact);
        }
        self.begin(label).await?;
        let (asked, answer) = self.unless_cancelled(self.ask(&question)).await?;
        self.record(label, question, asked, None, answer).await
    }

    /// Looks once at several things that do not depend on each other, side by side; what is asked for under the same label twice is
    /// looked at once. What could not be seen is told once all the others are on record.
    pub async fn see_all(
        &self,
        questions: impl IntoIterator<Item = (String, Question)>,
    ) -> Result<(), Stop> {
        let mut open: Vec<(String, Question)> = Vec::new();
        for (label, question) in questions {
            if open.iter().any(|(asked, _)| *asked == label) {
                continue;
            }
            if self.recall(&label).await?.is_none() {
                self.begin(&label).await?;
                open.push((label, question));
            }
        }
        let asks: Vec<_> = open.iter().map(|(_, it)| self.ask(it).boxed()).collect();
        let answers = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>();
        let answers = self.unless_cancelled(answers).await?;
        let mut unseen = None;
        for ((label, question), (asked, answer)) in open.into_iter().zip(answers) {
            let recorded = self
                .record::<Value>(&label, question, asked, None, answer)
                .await;
            match recorded {
                Ok(_) => {}
                Err(Stop::Unseen(why)) => unseen = unseen.or(Some(why)),
                Err(stop) => return Err(stop),
            }
        }
        unseen.map_or(Ok(()), |why| Err(Stop::Unseen(why)))
    }

    /// Looks once, where nothing that follows needs to know: what cannot be seen is its judge's business.
    pub async fn note(&self, label: &str, question: Question) -> Result<(), Stop> {
        match self.see::<Value>(label, question).await {
            Ok(_) | Err(Stop::Unseen(_)) => Ok(()),
            Err(stop) => Err(stop),
        }
    }

    /// Looks until there is enough to see, or the patience ends; the last answer is the fact either way.
    pub async fn watch<T: DeserializeOwned>(
        &self,
        label: &str,
        question: Question,
        patience: u64,
        enough: impl Fn(&T) -> bool,
    ) -> Result<T, Stop> {
        self.watch_all([(label, question)], patience, |[value]| {
            T::deserialize(value)
                .is_ok_and(|value| enough(&value))
                .into()
        })
        .await?;
        self.recalled(label).await
    }

    /// Looks at several things until together they show enough, or the patience (in milliseconds) ends.
    ///
    /// Subscribes first, then reads, then sleeps until something happens on the forge or the poll interval ends. While forge or Drone does
    /// not answer nothing can show, and no patience is used up.
    pub async fn watch_all<const N: usize>(
        &self,
        questions: [(&str, Question); N],
        patience: u64,
        enough: impl Fn([&Value; N]) -> Enough,
    ) -> Result<(), Stop> {
        let mut open = Vec::new();
        for (label, question) in questions {
            if self.recall(label).await?.is_none() {
                self.begin(label).await?;
                open.push((label, question));
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        if open.len() < N {
            return Err(Stop::Lost(
                "the restart came while several things were being recorded together".into(),
            ));
        }
        let mut events = self.ledger.events();
        let (from, began) = (Timestamp::now(), Instant::now());
        let end = Duration::from_millis(patience);
        let mut away = Duration::ZERO;
        let mut troubles = [self.world.forge.trouble(), self.world.drone.trouble()];
        let mut staying: Option<Instant> = None;
        let seen = loop {
            // Before the look: what happens during it must not count as waited for.
            let waited = began.elapsed().saturating_sub(away);
            let look = Instant::now();
            for trouble in &mut troubles {
                trouble.mark_unchanged();
            }
            let asks: Vec<_> = open.iter().map(|(_, it)| self.ask(it).boxed()).collect();
            let answers = self.unless_cancelled(future::join_all(asks)).await?;
            if troubles.iter().any(|it| it.has_changed().unwrap_or(false)) {
                away += look.elapsed();
            }
            let values: Vec<&Value> = answers
                .iter()
                .filter_map(|(_, answer)| match answer {
                    Answer::Seen(value) => Some(value),
                    Answer::Unseen(_) => None,
                })
                .collect();
            let verdict = match <[&Value; N]>::try_from(values) {
                Ok(values) => enough(values),
                // The servers' own patience is over by now: more of it would not help.
                Err(_) => Enough::Yes,
            };
            let settled = match verdict {
                Enough::Yes => true,
                Enough::IfItStays => {
                    staying.get_or_insert_with(Instant::now).elapsed()
                        >= Duration::from_millis(self.expect.quiet)
                }
                Enough::No => {
                    staying = None;
                    false
                }
            };
            if settled || waited >= end {
                break (answers, waited);
            }
            let waited = began.elapsed().saturating_sub(away);
            self.pause(&mut events, end.saturating_sub(waited)).await?;
        };
        let (answers, waited) = seen;
        let watch = Watch {
            from,
            patience,
            waited: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
        };
        let mut why = None;
        for ((label, question), (asked, answer)) in open.into_iter().zip(answers) {
            let recorded = self
                .record::<Value>(label, question, asked, Some(watch), answer)
                .await;
            match recorded {
                Ok(_) => {}
                Err(Stop::Unseen(reason)) => why = Some(reason),
                Err(stop) => return Err(stop),
            }
        }
        why.map_or(Ok(()), |why| Err(Stop::Unseen(why)))
    }

    /// What a step that has ended saw.
    pub async fn recalled<T: DeserializeOwned>(&self, label: &str) -> Result<T, Stop> {
        match self.recall(label).await? {
            Some(fact) => read(&fact),
            None => Err(Stop::Broken(format!("`{label}` has not been observed yet"))),
        }
    }

    /// Does nothing for three of the gate's own intervals, so that what should not happen has time to.
    pub async fn quiet(&self, label: &str) -> Result<(), Stop> {
        if self.recall(label).await?.is_some() {
            return Ok(());
        }
        if self.begin(label).await? {
            return Err(Stop::Lost("the restart fell into a quiet window".into()));
        }
        let began = Instant::now();
        let window = Duration::from_millis(self.expect.quiet);
        let cancelled = self.ledger.cancelled();
        tokio::select! {
            () = tokio::time::sleep(window) => {}
            () = cancelled.cancelled() => return Err(Stop::Cancelled),
        }
        let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let question = Question::Quiet {
            milliseconds: self.expect.quiet,
        };
        let answer = Answer::Seen(json!(passed));
        self.record::<u64>(label, question, "the clock".into(), None, answer)
            .await?;
        Ok(())
    }

    async fn pause(
        &self,
        events: &mut broadcast::Receiver<Event>,
        left: Duration,
    ) -> Result<(), Stop> {
        let poll = self.world.config.patience.poll.min(left);
        tokio::select! {
            () = tokio::time::sleep(poll) => Ok(()),
            // Lagged or closed: look again, at the pace of the poll at most.
            event = events.recv() => {
                if event.is_err() {
                    tokio::time::sleep(poll).await;
                }
                Ok(())
            }
            () = self.ledger.cancelled().cancelled() => Err(Stop::Cancelled),
        }
    }
}
