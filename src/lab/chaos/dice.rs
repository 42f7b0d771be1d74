//! What happens to which request: kinds of disturbance, each at the same rate, thrown from a seed, so that it can be had again.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One way in which what goes between Gavel and the servers is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// 500, 502, 503 or 504, as a proxy says it; half of them after the request took effect.
    ServerError,
    /// 429 with `Retry-After`, in seconds or as a date by the server's clock. The request is not passed on.
    TooManyRequests,
    /// The request takes effect, and nobody answers.
    AnswerLost,
    /// The connection breaks before the request is passed on.
    CutBefore,
    /// The request takes effect, and the connection breaks within its answer.
    CutAnswer,
    /// The answer comes late, and in two pieces.
    Slow,
    /// A webhook that is taken and not passed on.
    HookLost,
    /// A webhook that comes twice.
    HookDoubled,
    /// A webhook that comes some seconds later.
    HookLate,
    /// A webhook that comes after the next one.
    HookReordered,
    /// An answer whose times are by another clock than Gavel's.
    ClockOff,
}

/// What can happen to a request.
pub const REQUESTS: [Kind; 6] = [
    Kind::ServerError,
    Kind::TooManyRequests,
    Kind::AnswerLost,
    Kind::CutBefore,
    Kind::CutAnswer,
    Kind::Slow,
];

/// What can happen to a webhook.
pub const HOOKS: [Kind; 4] = [
    Kind::HookLost,
    Kind::HookDoubled,
    Kind::HookLate,
    Kind::HookReordered,
];

/// As often can each kind happen at most: a request meets one at a time, and some must get through.
pub const HIGHEST_RATE: f64 = 0.15;

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::ServerError => "server-error",
            Kind::TooManyRequests => "too-many-requests",
            Kind::AnswerLost => "answer-lost",
            Kind::CutBefore => "cut-before",
            Kind::CutAnswer => "cut-answer",
            Kind::Slow => "slow",
            Kind::HookLost => "hook-lost",
            Kind::HookDoubled => "hook-doubled",
            Kind::HookLate => "hook-late",
            Kind::HookReordered => "hook-reordered",
            Kind::ClockOff => "clock-off",
        }
    }
}

pub struct Dice {
    seed: u64,
    /// How probable each kind is.
    rate: f64,
    thrown: Mutex<Thrown>,
}

#[derive(Default)]
struct Thrown {
    /// How often the same was asked.
    asked: BTreeMap<String, u64>,
    counts: BTreeMap<Kind, usize>,
    /// Requests and webhooks, disturbed or not.
    all: usize,
}

impl Dice {
    pub fn new(seed: u64, rate: f64) -> Dice {
        Dice {
            seed,
            rate,
            thrown: Mutex::default(),
        }
    }

    /// What happens to this one, which `name` names, with what chance there is left to decide about it. The n-th of a name meets the
    /// same with the same seed, whatever comes in between.
    pub fn throw(&self, name: &str, kinds: &[Kind]) -> (Option<Kind>, StdRng) {
        let mut thrown = self.thrown();
        thrown.all += 1;
        let asked = thrown.asked.entry(name.to_owned()).or_default();
        *asked += 1;
        let mut chance = self.chance(&format!("{name} {asked}"));
        let at = chance.random_range(0.0..1.0) / self.rate;
        // The first kind is below 1, the second below 2, and so on; what is beyond all of them passes.
        let kind = kinds
            .iter()
            .zip(1..)
            .find(|(_, below)| at < f64::from(*below));
        let kind = kind.map(|(kind, _)| *kind);
        if let Some(kind) = kind {
            *thrown.counts.entry(kind).or_default() += 1;
        }
        (kind, chance)
    }

    /// By how many seconds the clock of a server is off: between two and fifteen minutes to either side. None where nothing is disturbed.
    pub fn clock(&self, server: &str) -> i64 {
        if self.rate == 0.0 {
            return 0;
        }
        let mut chance = self.chance(&format!("the clock of {server}"));
        let seconds = chance.random_range(120..900);
        if chance.random_bool(0.5) {
            seconds
        } else {
            -seconds
        }
    }

    /// Counts something that was not thrown for.
    pub fn count(&self, kind: Kind) {
        *self.thrown().counts.entry(kind).or_default() += 1;
    }

    /// How many requests and webhooks there were, and how often what happened to them.
    pub fn counted(&self) -> (usize, BTreeMap<Kind, usize>) {
        let thrown = self.thrown();
        (thrown.all, thrown.counts.clone())
    }

    fn chance(&self, of: &str) -> StdRng {
        StdRng::from_seed(Sha256::digest(format!("{} {of}", self.seed)).into())
    }

    fn thrown(&self) -> MutexGuard<'_, Thrown> {
        self.thrown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's name: method and path, with what is different in every run left out.
pub fn name_of(method: &str, path: &str) -> String {
    let part = |part: &str| match part.contains(|c: char| c.is_ascii_digit()) {
        true => "#".to_owned(),
        false => part.to_owned(),
    };
    let parts: Vec<String> = path.split('/').map(part).collect();
    format!("{method} {}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thrown(dice: &Dice, times: usize) -> Vec<Option<Kind>> {
        (0..times)
            .map(|_| dice.throw("GET /version", &REQUESTS).0)
            .collect()
    }

    #[test]
    fn a_seed_throws_the_same_again_whatever_comes_in_between() {
        let (one, again, other) = (Dice::new(7, 0.1), Dice::new(7, 0.1), Dice::new(8, 0.1));
        let first = thrown(&one, 50);
        let mut second = Vec::new();
        for _ in 0..50 {
            again.throw("POST /elsewhere", &REQUESTS);
            second.extend(thrown(&again, 1));
        }
        assert_eq!(first, second);
        assert_ne!(first, thrown(&other, 50));
        assert_eq!(one.clock("forge"), again.clock("forge"));
    }

    #[test]
    fn each_kind_comes_at_the_rate() {
        let dice = Dice::new(1, 0.1);
        thrown(&dice, 10_000);
        let (all, counts) = dice.counted();
        assert_eq!(all, 10_000);
        for kind in REQUESTS {
            let count = counts[&kind];
            assert!((850..1150).contains(&count), "{kind:?}: {count}");
        }
    }

    #[test]
    fn at_no_rate_nothing_happens() {
        let dice = Dice::new(1, 0.0);
        assert!(thrown(&dice, 1000).iter().all(Option::is_none));
        assert_eq!(dice.clock("forge"), 0);
    }

    #[test]
    fn a_name_is_the_same_in_every_run() {
        assert_eq!(
            name_of(
                "GET",
                "/api/v1/repos/m/tiny/branches/gavel%2Frun1-V1-1-ab12"
            ),
            "GET /api/#/repos/m/tiny/branches/#"
        );
    }
}
