//! How Gavel itself is, for those who run it: whether a run gets on, whether webhooks arrive, what waits and what is left.
//!
//! Looked at every minute, and told to the log where it is not as it should be; the same as numbers for `/metrics`.

use super::Engine;
use crate::gitea::GiteaError;
use crate::store::Counts;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};

/// A comment of Gavel's own comes back as a delivery within seconds.
const DELIVERED_WITHIN: SignedDuration = SignedDuration::from_secs(120);

/// What is remembered between two looks.
#[derive(Default)]
pub struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// Commands that no webhook brought.
    commands_read: u64,
    /// When the issue was last read.
    caught_up: Option<Timestamp>,
    /// The forge refused Gavel's token, and was not heard to take it since.
    token_refused: bool,
    silent: bool,
    /// The run and the beginning of the step that was told to be stuck.
    stuck: Option<(u64, Timestamp)>,
}

/// What there is to tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signs {
    pub counts: Counts,
    pub last_delivery: Option<Timestamp>,
    pub commands_read: u64,
    /// When reading the issue last succeeded since the start.
    pub caught_up: Option<Timestamp>,
    /// Gavel wrote a comment, and the webhook did not tell of it.
    pub webhook_silent: bool,
    /// The active run has been at one step for longer than any wait may take.
    pub run_stuck: bool,
}

impl Memory {
    fn with<T>(&self, change: impl FnOnce(&mut Remembered) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reading the issue found commands that no webhook had brought.
    pub fn read(&self, commands: u64) {
        self.with(|it| it.commands_read += commands);
    }

    /// What reading the issue came to; tells the log what is new about Gavel's token.
    pub fn caught_up(&self, read: &anyhow::Result<()>) {
        match self.with(|it| it.learn(read, Timestamp::now())) {
            Some(true) => tracing::error!(
                "the forge refuses Gavel's token: nothing is read there, and nothing written. Make a new token, put it into the file that \
                 `forge.token_file` names, and send Gavel SIGHUP; `gavel doctor` says what else is wrong"
            ),
            Some(false) => tracing::info!("the forge takes Gavel's token again"),
            None => {}
        }
    }
}

impl Remembered {
    /// Whether the forge refuses Gavel's token, where that is news. Whatever else fails says nothing of it.
    fn learn(&mut self, read: &anyhow::Result<()>, now: Timestamp) -> Option<bool> {
        let refused = match read {
            Ok(()) => {
                self.caught_up = Some(now);
                false
            }
            Err(error) => {
                let asked = error.downcast_ref::<GiteaError>();
                if !asked.is_some_and(GiteaError::is_unauthorized) {
                    return None;
                }
                true
            }
        };
        (std::mem::replace(&mut self.token_refused, refused) != refused).then_some(refused)
    }
}

/// How it is now.
pub async fn signs(engine: &Engine) -> anyhow::Result<Signs> {
    let tracking = &engine.config.tracking.repository;
    let counts = engine.store.counts(&tracking.to_string()).await?;
    let heard = engine.heard.told();
    let last_delivery = heard.last(tracking);
    let now = Timestamp::now();
    let longest = SignedDuration::try_from(engine.config.longest_wait())?;
    Ok(Signs {
        webhook_silent: is_silent(last_delivery, heard.since, counts.last_written, now),
        run_stuck: is_stuck(counts.step_begun, longest, now),
        counts,
        last_delivery,
        commands_read: engine.memory.with(|it| it.commands_read),
        caught_up: engine.memory.with(|it| it.caught_up),
    })
}

/// Looks, and tells the log what is new about it.
pub async fn look(engine: &Engine) -> anyhow::Result<()> {
    let signs = signs(engine).await?;
    let turned = engine.memory.with(|it| {
        let turned = it.silent != signs.webhook_silent;
        it.silent = signs.webhook_silent;
        turned
    });
    let hooks = format!("{}hooks/gitea", engine.config.server.public_url);
    match (turned, signs.webhook_silent) {
        (true, true) => tracing::error!(
            last_delivery = ?signs.last_delivery,
            "the webhook is silent: Gavel wrote a comment, and the forge did not deliver it to {hooks}. Commands are found within a minute all \
             the same. Look at the webhook's recent deliveries in the settings of {}, or run `gavel doctor`",
            engine.config.tracking.repository
        ),
        (true, false) => tracing::info!("the webhook delivers again"),
        (false, _) => {}
    }
    if signs.run_stuck
        && let (Some(run), Some(begun)) = (signs.counts.run, signs.counts.step_begun)
    {
        let told = Some((run, begun));
        if engine
            .memory
            .with(|it| std::mem::replace(&mut it.stuck, told))
            != told
        {
            tracing::error!(
                run,
                since = %begun,
                "the run is stuck: its step has taken longer than any wait that is configured. `/cancel` ends it; at `patience.run` it ends by itself"
            );
        }
    }
    Ok(())
}

/// Whether a comment that Gavel wrote on the tracking issue, since it started or since the last delivery, was not delivered in time.
fn is_silent(
    last_delivery: Option<Timestamp>,
    started: Timestamp,
    last_written: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    // What was written just before a delivery may be what it told of.
    let heard = last_delivery.unwrap_or(started);
    last_written.is_some_and(|written| {
        written > started
            && written.duration_since(heard) > DELIVERED_WITHIN
            && now.duration_since(written) > DELIVERED_WITHIN
    })
}

fn is_stuck(step_begun: Option<Timestamp>, longest: SignedDuration, now: Timestamp) -> bool {
    step_begun.is_some_and(|begun| now.duration_since(begun) > longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitea::Gitea;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_webhook_is_silent_when_it_does_not_tell_of_gavels_own_comments() {
        for (what, delivery, written, now, silent) in [
            ("nothing was written", None, None, 9000, false),
            ("written before the start", None, Some(-10), 9000, false),
            ("just written", None, Some(500), 590, false),
            ("written, never delivered", None, Some(500), 700, true),
            ("delivered afterwards", Some(503), Some(500), 9000, false),
            (
                "delivered before the store had it",
                Some(499),
                Some(500),
                9000,
                false,
            ),
            ("an old delivery", Some(300), Some(500), 9000, true),
            (
                "an old delivery, just written",
                Some(300),
                Some(500),
                510,
                false,
            ),
        ] {
            let is = is_silent(delivery.map(at), at(0), written.map(at), at(now));
            assert_eq!(is, silent, "{what}");
        }
    }

    #[test]
    fn a_step_is_stuck_when_it_outlasts_every_wait() {
        let hour = SignedDuration::from_hours(1);
        assert!(!is_stuck(None, hour, at(9000)));
        assert!(!is_stuck(Some(at(0)), hour, at(3600)));
        assert!(is_stuck(Some(at(0)), hour, at(3601)));
    }

    #[tokio::test]
    async fn a_refused_token_is_news_once_and_so_is_one_that_is_taken_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let stranger = async || axum::http::StatusCode::UNAUTHORIZED;
        let forge = axum::Router::new().fallback(stranger);
        tokio::spawn(async move { axum::serve(listener, forge).await });
        let limits = crate::gitea::Limits {
            request: std::time::Duration::from_secs(30),
            outage: std::time::Duration::ZERO,
        };
        let forge = Gitea::new(&url.parse().unwrap(), None, limits).unwrap();
        let refused = async || Err(forge.whoami().await.err().unwrap().into());
        let mut remembered = Remembered::default();
        let reads: [(anyhow::Result<()>, _, _); 8] = [
            (Ok(()), None, 1),
            (Err(anyhow::anyhow!("the disk is full")), None, 1),
            (refused().await, Some(true), 1),
            (refused().await, None, 1),
            // Who does not answer takes no token either.
            (Err(anyhow::anyhow!("no answer")), None, 1),
            (refused().await, None, 1),
            (Ok(()), Some(false), 7),
            (Ok(()), None, 8),
        ];
        for ((read, news, read_at), now) in reads.into_iter().zip(1..) {
            assert_eq!(remembered.learn(&read, at(now)), news, "{read:?} at {now}");
            assert_eq!(remembered.caught_up, Some(at(read_at)), "{read:?} at {now}");
        }
    }
}
