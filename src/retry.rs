//! How a server that does not answer is asked again: the same way by every client.

use backon::ExponentialBuilder;
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName};
use std::time::Duration;

/// Tests wait for events, and not for this.
const FIRST: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 200 });
const LONGEST: Duration = Duration::from_secs(30);
/// As often at least is one asked who does not answer, however short the patience.
const TRIES: u32 = 60;

/// The pauses between tries, without end: whoever is patient for `outage` counts the time.
pub fn pauses(outage: Duration) -> ExponentialBuilder {
    let longest = LONGEST.min(outage / TRIES);
    ExponentialBuilder::default()
        .with_min_delay(FIRST.min(longest))
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
}

/// How long a server asks to be left alone: `Retry-After`, in seconds or as a date, as in RFC 9110. A date is by the server's own clock,
/// which `Date` tells.
pub fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = date(headers, header::RETRY_AFTER)?;
    let now = date(headers, header::DATE).unwrap_or_else(Timestamp::now);
    Duration::try_from(until.duration_since(now)).ok()
}

/// A date as in RFC 9110.
pub fn date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use backon::BackoffBuilder;
    use reqwest::header::HeaderValue;
    use std::sync::mpsc;

    /// A clock that stands still, but for what a test lets pass by `tokio::time::advance`. For tests on one thread.
    pub struct StandingClock {
        /// While something blocks, the runtime does not let time pass by itself.
        _blocks: mpsc::Sender<()>,
    }

    impl StandingClock {
        pub fn new() -> StandingClock {
            tokio::time::pause();
            let (_blocks, ended) = mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || ended.recv());
            StandingClock { _blocks }
        }
    }

    #[test]
    fn a_short_patience_is_not_slept_through() {
        for (outage, longest) in [(7200, 30_000), (300, 5_000), (15, 250), (0, 0)] {
            let pauses = pauses(Duration::from_secs(outage)).build();
            // Jitter adds as much again at most.
            let most = pauses.take(50).max().unwrap();
            assert!(most <= 2 * Duration::from_millis(longest), "{most:?}");
        }
    }

    #[test]
    fn a_date_is_by_the_clock_of_the_server_that_tells_it() {
        for (after_, date_, seconds) in [
            ("7", None, Some(7)),
            (
                "Thu, 01 Jan 2026 00:00:09 GMT",
                Some("Thu, 01 Jan 2026 00:00:05 GMT"),
                Some(4),
            ),
            ("Thu, 01 Jan 2099 00:00:00 GMT", None, None),
            // It is over.
            ("Thu, 01 Jan 2026 00:00:09 GMT", None, None),
            ("soon", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(after_));
            if let Some(date) = date_ {
                headers.insert(header::DATE, HeaderValue::from_static(date));
            }
            let told = after(&headers).map(|it| it.as_secs());
            match after_.contains("2099") {
                true => assert!(told > Some(1_000_000_000)),
                false => assert_eq!(told, seconds, "{after_}"),
            }
        }
    }
}
