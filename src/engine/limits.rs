//! How many commands an account may give in a while. Only those count that the forge knows as its own, so that nobody uses up another's.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// So many commands of one account are dealt with in so long. A comment holds ten at most.
pub const MOST: usize = 60;
pub const WITHIN: Duration = Duration::from_secs(600);

/// A command is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Until its account is heard again.
    pub wait: Duration,
    /// Whether its account knows.
    pub is_told: bool,
}

/// Who gave how many commands lately.
#[derive(Debug, Default)]
pub struct Limits {
    accounts: HashMap<String, Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    /// Which commands, by their ids in the store: one that is dealt with again is no other.
    given: VecDeque<(Instant, u64)>,
    is_told: bool,
}

impl Limits {
    /// Whether a command of this account is one too many now. It is to be asked before the forge is asked about that command.
    pub fn over(&mut self, account: &str, command: u64, now: Instant) -> Option<Over> {
        let lately = self.accounts.get_mut(&account.to_lowercase())?;
        lately.forget(now);
        if lately.given.len() < MOST || lately.knows(command) {
            return None;
        }
        let (oldest, _) = *lately.given.front()?;
        Some(Over {
            wait: (oldest + WITHIN).saturating_duration_since(now),
            is_told: lately.is_told,
        })
    }

    /// The account knows that it gives too many.
    pub fn told(&mut self, account: &str) {
        if let Some(lately) = self.accounts.get_mut(&account.to_lowercase()) {
            lately.is_told = true;
        }
    }

    /// Counts a command that the account really gave.
    pub fn count(&mut self, account: &str, command: u64, now: Instant) {
        self.accounts.retain(|_, lately| {
            lately.forget(now);
            !lately.given.is_empty()
        });
        let lately = self.accounts.entry(account.to_lowercase()).or_default();
        if !lately.knows(command) {
            lately.given.push_back((now, command));
        }
    }
}

impl Lately {
    fn knows(&self, command: u64) -> bool {
        self.given.iter().any(|(_, known)| *known == command)
    }

    fn forget(&mut self, now: Instant) {
        while let Some((oldest, _)) = self.given.front()
            && now.saturating_duration_since(*oldest) >= WITHIN
        {
            self.given.pop_front();
        }
        self.is_told &= self.given.len() >= MOST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_is_told_once_and_others_are_heard() {
        let mut limits = Limits::default();
        let begun = Instant::now();
        for second in 0..60 {
            let now = begun + Duration::from_secs(second);
            assert_eq!(limits.over("flood", second, now), None, "{second}");
            limits.count("flood", second, now);
        }
        let now = begun + Duration::from_secs(100);
        let over = |seconds, is_told| {
            let wait = Duration::from_secs(seconds);
            Some(Over { wait, is_told })
        };
        assert_eq!(limits.over("Flood", 60, now), over(500, false));
        limits.told("flood");
        assert_eq!(limits.over("flood", 61, now), over(500, true));
        assert_eq!(limits.over("maintainer", 62, now), None);
        // Each makes room for another one when it is old enough.
        let later = begun + WITHIN;
        assert_eq!(limits.over("flood", 63, later), None);
        limits.count("flood", 63, later);
        assert_eq!(limits.over("flood", 64, later), over(1, false));
    }

    #[test]
    fn a_command_that_is_dealt_with_again_and_again_is_one() {
        let mut limits = Limits::default();
        let begun = Instant::now();
        for _ in 0..2 * MOST {
            assert_eq!(limits.over("maintainer", 7, begun), None);
            limits.count("maintainer", 7, begun);
        }
        for command in 8..(7 + MOST as u64) {
            assert_eq!(limits.over("maintainer", command, begun), None);
            limits.count("maintainer", command, begun);
        }
        assert_eq!(limits.over("maintainer", 7, begun), None);
        assert!(limits.over("maintainer", 99, begun).is_some());
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut limits = Limits::default();
        let begun = Instant::now();
        for account in 0..100 {
            limits.count(&account.to_string(), account, begun);
        }
        limits.count("maintainer", 100, begun + WITHIN);
        assert_eq!(limits.accounts.len(), 1);
    }
}
