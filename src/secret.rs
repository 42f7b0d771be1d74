//! A secret that is exchanged while it is in use. Whoever needs it holds the [`Secret`], and asks it each time what it says.

use secrecy::SecretString;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// So many values from before are known at most: what they could still open is long closed, and each costs time wherever secrets are taken out.
const MOST_EARLIER: usize = 4;

/// Clones are the same one: what is exchanged in one is exchanged in all.
#[derive(Clone)]
pub struct Secret(Arc<RwLock<Values>>);

struct Values {
    now: SecretString,
    /// The newest first.
    earlier: VecDeque<Earlier>,
}

struct Earlier {
    value: SecretString,
    until: Instant,
}

impl Secret {
    /// What it says now.
    pub fn now(&self) -> SecretString {
        self.read(|values| values.now.clone())
    }

    /// What it says, and what it said at any time within `grace` before `at`.
    pub fn within(&self, grace: Duration, at: Instant) -> Vec<SecretString> {
        self.read(|values| {
            let mut valid = vec![values.now.clone()];
            let since = |earlier: &&Earlier| at.saturating_duration_since(earlier.until) < grace;
            let earlier = values.earlier.iter().filter(since);
            valid.extend(earlier.map(|earlier| earlier.value.clone()));
            valid
        })
    }

    /// What it says, and what it said before: nothing of that may stand in any text.
    pub fn known(&self) -> Vec<SecretString> {
        self.read(|values| {
            let mut known = vec![values.now.clone()];
            known.extend(values.earlier.iter().map(|earlier| earlier.value.clone()));
            known
        })
    }

    /// Has it say something else from now on.
    pub fn exchange(&self, value: SecretString, at: Instant) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let value = std::mem::replace(&mut values.now, value);
        values.earlier.push_front(Earlier { value, until: at });
        values.earlier.truncate(MOST_EARLIER);
    }

    fn read<T>(&self, look: impl FnOnce(&Values) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<SecretString> for Secret {
    fn from(now: SecretString) -> Secret {
        Secret(Arc::new(RwLock::new(Values {
            now,
            earlier: VecDeque::new(),
        })))
    }
}

impl From<&str> for Secret {
    fn from(now: &str) -> Secret {
        SecretString::from(now).into()
    }
}

/// That there is one is all that it tells.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const GRACE: Duration = Duration::from_secs(600);

    fn exposed(values: Vec<SecretString>) -> Vec<String> {
        let values = values.iter().map(|value| value.expose_secret().to_owned());
        values.collect()
    }

    #[test]
    fn an_earlier_value_is_valid_until_its_grace_is_over_and_known_after_that() {
        let secret = Secret::from("first");
        let other = secret.clone();
        let exchanged = Instant::now();
        let again = exchanged + GRACE / 2;
        secret.exchange("second".into(), exchanged);
        secret.exchange("third".into(), again);
        assert_eq!(other.now().expose_secret(), "third");
        let just_before = Duration::from_millis(1);
        for (at, valid) in [
            (again, &["third", "second", "first"][..]),
            (
                exchanged + GRACE - just_before,
                &["third", "second", "first"],
            ),
            (exchanged + GRACE, &["third", "second"]),
            (again + GRACE - just_before, &["third", "second"]),
            (again + GRACE, &["third"]),
        ] {
            assert_eq!(exposed(other.within(GRACE, at)), valid);
        }
        assert_eq!(exposed(other.known()), ["third", "second", "first"]);
    }

    #[test]
    fn only_so_many_earlier_ones_are_known() {
        let secret = Secret::from("0");
        for next in 1..=9 {
            secret.exchange(next.to_string().into(), Instant::now());
        }
        assert_eq!(exposed(secret.known()), ["9", "8", "7", "6", "5"]);
    }

    #[test]
    fn it_does_not_tell_what_it_says() {
        assert_eq!(format!("{:?}", Secret::from("s3cret")), "Secret");
    }
}
