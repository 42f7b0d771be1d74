//! Makes things once, also where an answer is lost.

use super::{Gitea, GiteaError, Outcome};
use crate::retry;
use backon::BackoffBuilder;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;

/// Requests that can be sent several times.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, GiteaError>>;

/// What may have been tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    Nothing,
    /// Somebody may have made it, long ago.
    Made,
    /// A Gavel that ended before this one began may have sent it: as if its answer was lost.
    Sent,
}

impl Gitea {
    /// How long a request may take: what was sent and not answered may still take effect for as long.
    pub fn longest_request(&self) -> Duration {
        self.transport.limits().request
    }

    /// Makes something once, and tries until the patience for an outage is used up. Where an earlier try may have taken effect, it looks
    /// with `find` before it makes it again. What was sent and not answered may still be under way, and is given as long as a request may
    /// take.
    pub async fn exactly_once<'a, T>(
        &self,
        earlier: Earlier,
        find: impl Fn() -> Asked<'a, Option<T>>,
        make: impl Fn() -> Asked<'a, T>,
    ) -> Result<T, GiteaError> {
        let limits = self.transport.limits();
        let outage = limits.outage;
        let began = Instant::now();
        let mut pauses = retry::pauses(outage).build();
        let mut in_doubt = earlier != Earlier::Nothing;
        let under_way = self.transport.began() + limits.request;
        if earlier == Earlier::Sent && under_way > began {
            if let Some(found) = find().await? {
                return Ok(found);
            }
            tokio::time::sleep_until(under_way).await;
        }
        loop {
            if in_doubt && let Some(found) = find().await? {
                return Ok(found);
            }
            let error = match make().await {
                Ok(made) => return Ok(made),
                Err(error) => error,
            };
            let mut pause = pauses.next().unwrap_or_default();
            match error.outcome() {
                Outcome::Unknown => {
                    in_doubt = true;
                    pause = pause.max(limits.request);
                }
                Outcome::NotDone if error.is_transient() => {}
                // Refused for good, or it is already there (409, 422): a look tells which.
                Outcome::NotDone => {
                    return match find().await {
                        Ok(Some(found)) => Ok(found),
                        _ => Err(error),
                    };
                }
            }
            let left = outage.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(error);
            }
            let pause = pause.max(error.retry_after().unwrap_or_default());
            let _waiting = self.transport.waits(&error);
            tokio::time::sleep(pause.min(left)).await;
        }
    }
}
