//! What the bridge that polls sees: comments that it has not dealt with.

use super::super::client::ApiError;
use super::{Candidate, Shared};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Forges tell whole seconds: what happens within one of them may show in two looks.
const SETTLED: Duration = Duration::from_millis(1500);

/// A forge that has much to do takes the time of a change before it is able to store it.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// What the looks so far have seen.
#[derive(Default)]
pub struct Looked {
    /// When each pull request, by mirror and number, was changed last, as its forge says, and since when it says so.
    pulls: BTreeMap<(String, i64), Seen>,
    /// The newest of these times: what was changed long before is not asked for again.
    newest: Option<Timestamp>,
}

struct Seen {
    updated: String,
    since: Instant,
    /// Its comments were read after the second was over.
    is_settled: bool,
}

impl Looked {
    /// Since when a forge says that a pull request was changed last at this time; none where its comments are known.
    fn unknown_since(&self, of: &(String, i64), updated: &str, now: Instant) -> Option<Instant> {
        match self.pulls.get(of).filter(|seen| seen.updated == updated) {
            Some(seen) if seen.is_settled => None,
            Some(seen) => Some(seen.since),
            None => Some(now),
        }
    }

    fn read(&mut self, of: (String, i64), updated: &str, since: Instant, now: Instant) {
        let seen = Seen {
            updated: updated.to_owned(),
            since,
            is_settled: now.duration_since(since) >= SETTLED,
        };
        self.pulls.insert(of, seen);
        self.newest = self.newest.max(updated.parse().ok());
    }
}

/// Every comment on an open pull request of an enrolled mirror that has not been dealt with, in the order of their ids. Of a pull request
/// to which nothing happened since its comments were read, they are not read again.
pub async fn new_comments(
    shared: &Shared,
    looked: &mut Looked,
) -> Result<Vec<Candidate>, ApiError> {
    // What a look has seen counts once all of it was seen.
    let (mut found, mut read) = (Vec::new(), Vec::new());
    let changed = looked
        .newest
        .map(|newest| format!("&since={}", newest - STORED_WITHIN))
        .unwrap_or_default();
    let enrolled = &shared.settings.enrolled;
    let owners = enrolled
        .iter()
        .filter_map(|mirror| mirror.split('/').next());
    for owner in owners.collect::<BTreeSet<_>>() {
        let pulls = format!("/repos/issues/search?type=pulls&state=open&owner={owner}{changed}");
        for pull in shared.forge.list(&pulls).await? {
            let repository = pull["repository"]["full_name"].as_str();
            let (Some(repository), Some(number)) = (repository, pull["number"].as_i64()) else {
                continue;
            };
            if !enrolled.iter().any(|mirror| mirror == repository) {
                continue;
            }
            let updated = pull["updated_at"].as_str().unwrap_or_default();
            let now = Instant::now();
            let of = (repository.to_owned(), number);
            let Some(since) = looked.unknown_since(&of, updated, now) else {
                continue;
            };
            let comments = shared
                .forge
                .get(&format!("/repos/{repository}/issues/{number}/comments"))
                .await?;
            for comment in comments.as_array().into_iter().flatten() {
                found.extend(candidate(repository, number, comment));
            }
            read.push((of, updated.to_owned(), since, now));
        }
    }
    for (of, updated, since, now) in read {
        looked.read(of, &updated, since, now);
    }
    let memory = shared.memory();
    found.retain(|candidate| !memory.seen.contains(&candidate.comment));
    found.sort_by_key(|candidate| candidate.comment);
    Ok(found)
}

pub fn candidate(repository: &str, pull: i64, comment: &Value) -> Option<Candidate> {
    Some(Candidate {
        repository: repository.to_owned(),
        pull,
        comment: comment["id"].as_i64()?,
        login: comment["user"]["login"].as_str()?.to_owned(),
        body: comment["body"].as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_until_the_second_of_the_last_change_is_over() {
        let pull = ("recipe-maintainers/tiny".to_owned(), 1);
        let begun = Instant::now();
        let mut looked = Looked::default();
        let (one, next) = ("2026-06-01T12:00:00Z", "2026-06-01T12:00:05Z");
        for (milliseconds, updated, is_read) in [
            (0, one, true),
            (200, one, true),
            (1400, one, true),
            // The first look that finds the second over reads once more.
            (1600, one, true),
            (1800, one, false),
            (60_000, one, false),
            (60_200, next, true),
            (60_400, next, true),
            (62_000, next, true),
            (62_200, next, false),
        ] {
            let now = begun + Duration::from_millis(milliseconds);
            let since = looked.unknown_since(&pull, updated, now);
            assert_eq!(since.is_some(), is_read, "at {milliseconds} ms");
            if let Some(since) = since {
                looked.read(pull.clone(), updated, since, now);
            }
        }
        let other = (pull.0, 2);
        assert_eq!(looked.unknown_since(&other, one, begun), Some(begun));
    }
}
