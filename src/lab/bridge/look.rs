//! What the bridge that polls sees: comments that it has not dealt with.

use super::super::client::ApiError;
use super::{Candidate, Shared};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Forges tell whole seconds: what happens within one of them may show in two looks.
const SETTLED: Duration = Duration::from_millis(1500);

/// When each pull request, by mirror and number, was changed last, as its forge says, and since when it says so.
#[derive(Default)]
pub struct Looked(BTreeMap<(String, i64), Seen>);

struct Seen {
    updated: String,
    since: Instant,
    /// Its comments were read after the second was over.
    is_settled: bool,
}

/// Every comment on an open pull request of an enrolled mirror that has not been dealt with, in the order of their ids. Of a pull request
/// to which nothing happened since its comments were read, they are not read again.
pub async fn new_comments(
    shared: &Shared,
    looked: &mut Looked,
) -> Result<Vec<Candidate>, ApiError> {
    // What a look has seen counts once all of it was seen.
    let (mut found, mut seen_now) = (Vec::new(), Vec::new());
    let enrolled = &shared.settings.enrolled;
    let owners = enrolled
        .iter()
        .filter_map(|mirror| mirror.split('/').next());
    for owner in owners.collect::<BTreeSet<_>>() {
        let pulls = format!("/repos/issues/search?type=pulls&state=open&owner={owner}");
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
            let since = match looked.0.get(&of) {
                Some(seen) if seen.updated == updated && seen.is_settled => continue,
                Some(seen) if seen.updated == updated => seen.since,
                _ => now,
            };
            let comments = shared
                .forge
                .get(&format!("/repos/{repository}/issues/{number}/comments"))
                .await?;
            for comment in comments.as_array().into_iter().flatten() {
                found.extend(candidate(repository, number, comment));
            }
            let seen = Seen {
                updated: updated.to_owned(),
                since,
                is_settled: now.duration_since(since) >= SETTLED,
            };
            seen_now.push((of, seen));
        }
    }
    looked.0.extend(seen_now);
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
