//! A server whose clock is off: every time that it tells is shifted by the same, and every time that it is told is shifted back. What
//! stands in texts that people wrote stays.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Where Drone tells times as seconds.
const SECONDS: [&str; 5] = ["created", "started", "finished", "stopped", "updated"];

#[derive(Clone, Copy)]
pub struct Clock {
    /// Before Gavel's.
    ahead: SignedDuration,
}

impl Clock {
    pub fn ahead(seconds: i64) -> Clock {
        Clock {
            ahead: SignedDuration::from_secs(seconds),
        }
    }

    pub fn is_right(self) -> bool {
        self.ahead.is_zero()
    }

    pub fn now(self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// As in a header: RFC 9110.
    pub fn date(self, at: Timestamp) -> String {
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Shifts all times in an answer.
    pub fn tell(self, answer: &mut Value) {
        match answer {
            Value::String(text) => {
                if let Some(time) = time(text) {
                    *text = (time + self.ahead)
                        .strftime("%Y-%m-%dT%H:%M:%SZ")
                        .to_string();
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.tell(element)),
            Value::Object(object) => {
                for (key, value) in object {
                    match value.as_i64().filter(|seconds| *seconds > 0) {
                        Some(seconds) if SECONDS.contains(&key.as_str()) => {
                            *value = (seconds + self.ahead.as_secs()).into();
                        }
                        _ => self.tell(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// Shifts a time in a query back to the server's own.
    pub fn hear(self, key: &str, value: &str) -> String {
        match time(value).filter(|_| key == "since") {
            Some(time) => (time - self.ahead)
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            None => value.to_owned(),
        }
    }
}

/// The text is a time and nothing else; the forge's "never" is none.
fn time(text: &str) -> Option<Timestamp> {
    let is_long_enough = text.len() >= "2026-01-01T00:00:00Z".len();
    let time: Timestamp = text.parse().ok().filter(|_| is_long_enough)?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_time_is_shifted_and_nothing_else() {
        let mut answer = json!([{ "id": 1767225600, "body": "at 2026-01-01T00:00:00Z", "created_at": "2026-01-01T01:00:00+01:00",
            "due": "0001-01-01T00:00:00Z", "started": 0, "created": 1767225600, "number": "20260101" }]);
        Clock::ahead(-90).tell(&mut answer);
        let shifted = json!([{ "id": 1767225600, "body": "at 2026-01-01T00:00:00Z", "created_at": "2025-12-31T23:58:30Z",
            "due": "0001-01-01T00:00:00Z", "started": 0, "created": 1767225510, "number": "20260101" }]);
        assert_eq!(answer, shifted);
        let clock = Clock::ahead(-90);
        assert_eq!(
            clock.hear("since", "2025-12-31T23:58:30Z"),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(clock.hear("page", "2"), "2");
    }
}
