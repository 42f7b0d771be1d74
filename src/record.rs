//! What is known of a run, put together from the store for those who show it.

pub mod facts;

use crate::bundle::{Evidence, FORMAT, Judge, JudgedAttempt, LostAttempt, Made};
use crate::config::Config;
use crate::evidence::{self, Digest, Fact};
use crate::plan::{self, Item, guardrails};
use crate::store::{
    Anchor, Attempt, AttemptState, Note, Resource, Run, RunState, Store, StoreError, Word, WordKind,
};
use crate::verdict::{Clause, Verdict, worst};
use anyhow::Context;
use facts::Facts;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// A run with all that belongs to it.
pub struct RunRecord {
    pub run: Run,
    pub items: Vec<ItemRecord>,
    /// What had to hold over the whole run; none where it ended before it began.
    pub guardrails: Option<ItemRecord>,
    pub resources: Vec<Resource>,
    pub tracking_issue: String,
    pub public_url: Url,
    /// Which installation of Gavel.
    pub installation: String,
    pub forge: Url,
    /// What was decided, and thought of, until now.
    pub notes: Vec<Note>,
    /// What earlier runs came to, newest first; of a run whose items are still verified it is not known.
    pub earlier: Vec<Earlier>,
    /// The page of the comment that asked for it.
    pub asked_in: Option<String>,
    pub progress_comment: Option<String>,
    pub report_comment: Option<String>,
}

/// One item of a run: every attempt, and the judged one.
pub struct ItemRecord {
    pub item: &'static Item,
    pub attempts: Vec<Attempt>,
    pub latest: Option<Judged>,
    pub verdict_comment: Option<String>,
    /// What people say of the judged attempt.
    pub words: Vec<Word>,
}

impl ItemRecord {
    /// What it counts for: what was judged, and no PASS while somebody disputes that or before anything is judged.
    pub fn verdict(&self) -> Verdict {
        let judged = self.latest.as_ref().map(|judged| judged.verdict);
        let judged = judged.unwrap_or(Verdict::Inconclusive);
        match self.is_disputed() {
            true => judged.max(Verdict::Inconclusive),
            false => judged,
        }
    }

    pub fn is_disputed(&self) -> bool {
        self.words
            .iter()
            .any(|word| word.kind == WordKind::Disputed)
    }

    /// Whether somebody accepts it whose comment still says so: the quotation there is the anchor. A dispute counts without one, so that
    /// deleting it helps nobody.
    pub fn is_accepted(&self) -> bool {
        let accepted =
            |word: &Word| word.kind == WordKind::Accepted && word.anchor == Anchor::Stands;
        !self.is_disputed() && self.words.iter().any(accepted)
    }
}

/// What an earlier run came to in one item.
pub struct Earlier {
    pub item: &'static Item,
    pub run: u64,
    pub verdict: Verdict,
    pub comment: Option<String>,
    pub is_disputed: bool,
    /// The parts of what was verified that this run saw another version of, by name.
    pub outdated: Vec<String>,
}

/// A judged attempt.
pub struct Judged {
    pub attempt: Attempt,
    pub verdict: Verdict,
    pub clauses: Vec<Clause>,
    pub facts: Vec<Fact>,
}

/// Something that does not hold, with its number in the report.
pub struct Finding<'a> {
    /// `F1`, `F2` …
    pub id: String,
    pub clause: &'a Clause,
    pub says: &'static str,
    pub judged: &'a Judged,
}

impl RunRecord {
    /// The worst of its items and guardrails. A run that has not judged all of them has no PASS.
    pub fn verdict(&self) -> Verdict {
        worst(self.everything().map(ItemRecord::verdict))
    }

    /// Whether all of the plan has passed, and every guardrail held, against one set of versions.
    pub fn is_verified(&self) -> bool {
        let whole = plan::ITEMS
            .iter()
            .all(|item| self.items.iter().any(|of| of.item.id == item.id));
        let mut versions = self
            .everything()
            .filter_map(|item| item.latest.as_ref())
            .map(Judged::versions);
        let first = versions.next();
        whole
            && self.guardrails.is_some()
            && self.run.cut_short.is_none()
            && self.verdict() == Verdict::Pass
            && first.is_some_and(|first| versions.all(|other| other == first))
    }

    /// A clause of an item or guardrail that was judged, by id.
    pub fn clause(&self, id: &str) -> Option<(&Judged, &Clause)> {
        let judged = self.everything().filter_map(|item| item.latest.as_ref());
        let mut clauses =
            judged.flat_map(|judged| judged.clauses.iter().map(move |clause| (judged, clause)));
        clauses.find(|(_, clause)| clause.id == id)
    }

    /// Whether every item, and the guardrails, were accepted by somebody who checked them.
    pub fn is_cold_verified(&self) -> bool {
        !self.items.is_empty()
            && self.guardrails.is_some()
            && self.everything().all(ItemRecord::is_accepted)
    }

    /// The items in the plan's order, then the guardrails.
    pub fn everything(&self) -> impl Iterator<Item = &ItemRecord> {
        self.items.iter().chain(&self.guardrails)
    }

    /// Whether it was ended early, before anything was judged.
    pub fn is_empty(&self) -> bool {
        self.run.cut_short.is_some() && self.items.iter().all(|item| item.latest.is_none())
    }

    /// An item, or the guardrails, by id.
    pub fn item(&self, id: &str) -> Option<&ItemRecord> {
        self.everything().find(|item| item.item.id == id)
    }

    /// Every FAIL, in the plan's order.
    pub fn findings(&self) -> Vec<Finding<'_>> {
        self.everything()
            .filter_map(|item| Some((item.item, item.latest.as_ref()?)))
            .flat_map(|(item, judged)| {
                judged
                    .clauses
                    .iter()
                    .filter(|clause| clause.verdict == Verdict::Fail)
                    .map(move |clause| (item, judged, clause))
            })
            .enumerate()
            .map(|(number, (item, judged, clause))| Finding {
                id: format!("F{}", number + 1),
                clause,
                says: says(item, &clause.id),
                judged,
            })
            .collect()
    }

    /// What to type to see a finding again: its item, or for a guardrail all that was asked for.
    pub fn again(&self, finding: &Finding<'_>) -> String {
        let item = &finding.judged.attempt.item;
        if *item == guardrails::ITEM.id {
            format!("/verify {}", self.run.items.join(" "))
        } else {
            format!("/verify {item}")
        }
    }

    /// Where the pages of this run are.
    pub fn page(&self) -> String {
        format!(
            "{}/runs/{}",
            self.public_url.as_str().trim_end_matches('/'),
            self.run.id
        )
    }

    /// Whole seconds that passed from its start to its end, or until now.
    pub fn seconds(&self) -> f64 {
        let from = self.run.started.unwrap_or(self.run.queued);
        let to = self.run.ended.unwrap_or_else(jiff::Timestamp::now);
        to.duration_since(from).as_secs_f64()
    }
}

/// The sentence of a clause.
pub fn says(item: &Item, clause: &str) -> &'static str {
    item.clauses
        .iter()
        .find(|spec| spec.id == clause)
        .map_or("", |spec| spec.says)
}

impl Judged {
    /// The head of the attempt's chain of facts.
    pub fn head(&self) -> Digest {
        JudgedAttempt::head(&self.facts)
    }

    pub fn fact(&self, number: u32) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.number == number)
    }

    pub fn seconds(&self) -> f64 {
        let to = self.attempt.ended.unwrap_or_else(jiff::Timestamp::now);
        to.duration_since(self.attempt.started).as_secs_f64()
    }

    /// What was verified, part by part.
    pub fn versions(&self) -> BTreeMap<String, String> {
        evidence::versions(&self.facts)
    }
}

pub fn progress_slot(run: u64) -> String {
    format!("run-{run}")
}

pub fn verdict_slot(run: u64, item: &str, attempt: u32) -> String {
    format!("run-{run}-{item}-{attempt}")
}

pub fn report_slot(run: u64) -> String {
    format!("run-{run}-report")
}

/// The run that a slot is about; none for other answers.
pub fn run_of_slot(slot: &str) -> Option<u64> {
    slot.strip_prefix("run-")?.split('-').next()?.parse().ok()
}

/// Everything about one run.
pub async fn run(store: &Store, config: &Config, id: u64) -> anyhow::Result<RunRecord> {
    match read(store, config, id).await {
        // Between two looks its facts were put into its bundle.
        Err(error) if is_put_away(&error) => read(store, config, id).await,
        read => read,
    }
}

fn is_put_away(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::PutAway(_)))
}

async fn read(store: &Store, config: &Config, id: u64) -> anyhow::Result<RunRecord> {
    let attempts = store.attempts(id).await?;
    let facts = Facts::of(config, id, &attempts).await?;
    with(store, config, id, attempts, &facts).await
}

/// A run as a list shows it: without its facts.
pub async fn outline(store: &Store, config: &Config, id: u64) -> anyhow::Result<RunRecord> {
    let attempts = store.attempts(id).await?;
    with(store, config, id, attempts, &Facts::Unread).await
}

async fn with(
    store: &Store,
    config: &Config,
    id: u64,
    attempts: Vec<Attempt>,
    facts: &Facts,
) -> anyhow::Result<RunRecord> {
    let run = store
        .run(id)
        .await?
        .with_context(|| format!("there is no run {id}"))?;
    let mut items = Vec::new();
    for item in run.items.iter().filter_map(|id| plan::item(id)) {
        items.push(item_record(store, facts, item, &attempts).await?);
    }
    let watched = attempts
        .iter()
        .any(|attempt| attempt.item == guardrails::ITEM.id);
    let guardrails = match watched {
        true => Some(item_record(store, facts, &guardrails::ITEM, &attempts).await?),
        false => None,
    };
    let tracking = &config.tracking;
    // Only reports tell of them, and a run that is under way is looked at very often.
    let earlier = match run.state {
        RunState::Queued | RunState::Running => Vec::new(),
        RunState::Cleaning | RunState::Finished => earlier(store, id, &items).await?,
    };
    Ok(RunRecord {
        items,
        guardrails,
        earlier,
        resources: store.resources(id).await?,
        tracking_issue: format!(
            "{}/{}/issues/{}",
            config.forge.url.as_str().trim_end_matches('/'),
            tracking.repository,
            tracking.issue
        ),
        public_url: config.server.public_url.clone(),
        installation: store.installation().await?,
        forge: config.forge.url.clone(),
        notes: store.notes().await?,
        asked_in: store
            .command(run.command)
            .await?
            .map(|command| command.said().page(config.forge.url.as_str())),
        progress_comment: address(store, &progress_slot(id)).await?,
        report_comment: address(store, &report_slot(id)).await?,
        run,
    })
}

/// All that a run's bundle says of what was seen, and what it led to.
pub async fn evidence(
    store: &Store,
    config: &Config,
    record: &RunRecord,
    judge: &Judge,
) -> anyhow::Result<Evidence> {
    let run = &record.run;
    let judged = record.everything().filter_map(|item| item.latest.as_ref());
    let attempts = judged.map(|judged| JudgedAttempt {
        item: judged.attempt.item.clone(),
        attempt: judged.attempt.ordinal,
        started: judged.attempt.started,
        ended: judged.attempt.ended,
        verdict: judged.verdict,
        chain_head: judged.head(),
        versions: judged.versions(),
        clauses: judged.clauses.clone(),
        facts: judged.facts.clone(),
    });
    let mut lost = Vec::new();
    let of_all: Vec<Attempt> = record
        .everything()
        .flat_map(|item| item.attempts.clone())
        .collect();
    let facts = Facts::of(config, run.id, &of_all).await?;
    for attempt in &of_all {
        if attempt.state == AttemptState::Lost {
            lost.push(LostAttempt {
                item: attempt.item.clone(),
                attempt: attempt.ordinal,
                started: attempt.started,
                why: attempt.why.clone().unwrap_or_default(),
                facts: facts.read(store, attempt).await?,
            });
        }
    }
    let made = record.resources.iter().map(|resource| Made {
        kind: resource.kind.word().into(),
        repository: resource.repository.clone(),
        name: resource.name.clone(),
        number: resource.number,
        purpose: resource.purpose.clone(),
        ended: resource.ended.clone(),
    });
    let address = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    Ok(Evidence {
        format: FORMAT.into(),
        judge: judge.clone(),
        installation: record.installation.clone(),
        run: run.id,
        asked_for_by: run.account.clone(),
        tracking_issue: record.tracking_issue.clone(),
        forge: address(&config.forge.url),
        drone: address(&config.drone.url),
        started: run.started,
        ended: run.ended,
        // What was judged: what people say of it is not Gavel's to seal.
        verdict: worst(record.everything().map(|item| {
            let judged = item.latest.as_ref().map(|judged| judged.verdict);
            judged.unwrap_or(Verdict::Inconclusive)
        })),
        items: record.everything().map(|of| of.item.id.into()).collect(),
        attempts: attempts.collect(),
        lost,
        made: made.collect(),
    })
}

async fn item_record(
    store: &Store,
    facts: &Facts,
    item: &'static Item,
    attempts: &[Attempt],
) -> anyhow::Result<ItemRecord> {
    let attempts: Vec<Attempt> = attempts
        .iter()
        .filter(|attempt| attempt.item == item.id)
        .cloned()
        .collect();
    let latest = match attempts
        .iter()
        .rev()
        .find(|attempt| attempt.state == AttemptState::Judged)
    {
        Some(attempt) => Some(judged(store, facts, attempt).await?),
        None => None,
    };
    let words = match &latest {
        Some(judged) => store.words(judged.attempt.id).await?,
        None => Vec::new(),
    };
    let verdict_comment = match &latest {
        Some(judged) => {
            let slot = verdict_slot(judged.attempt.run, item.id, judged.attempt.ordinal);
            address(store, &slot).await?
        }
        None => None,
    };
    Ok(ItemRecord {
        item,
        attempts,
        latest,
        verdict_comment,
        words,
    })
}

/// As many earlier verdicts of each item as are told of.
const EARLIER: u32 = 5;

async fn earlier(store: &Store, run: u64, items: &[ItemRecord]) -> anyhow::Result<Vec<Earlier>> {
    let mut now: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for judged in items.iter().filter_map(|item| item.latest.as_ref()) {
        for (part, version) in judged.versions() {
            now.entry(part).or_default().insert(version);
        }
    }
    let mut earlier = Vec::new();
    for attempt in store.judged_between(0, run, EARLIER).await? {
        let (Some(item), Some(verdict)) = (plan::item(&attempt.item), attempt.verdict) else {
            continue;
        };
        let then = evidence::versions(&store.facts_of(attempt.id, "version.").await?);
        let words = store.words(attempt.id).await?;
        let slot = verdict_slot(attempt.run, item.id, attempt.ordinal);
        earlier.push(Earlier {
            item,
            run: attempt.run,
            verdict,
            comment: address(store, &slot).await?,
            is_disputed: words.iter().any(|word| word.kind == WordKind::Disputed),
            outdated: other_parts(&now, &then),
        });
    }
    Ok(earlier)
}

/// The parts that are of another version now; of what is not known now, nothing is said.
fn other_parts(
    now: &BTreeMap<String, BTreeSet<String>>,
    then: &BTreeMap<String, String>,
) -> Vec<String> {
    let is_other =
        |(part, then): &(&String, &String)| now.get(*part).is_some_and(|now| !now.contains(*then));
    let other = then.iter().filter(is_other);
    other.map(|(part, _)| part.clone()).collect()
}

/// Where an attempt's chain of facts ends.
pub async fn head(store: &Store, attempt: &Attempt) -> anyhow::Result<Digest> {
    Ok(match &attempt.sealed {
        Some(head) => head.clone(),
        None => JudgedAttempt::head(&store.facts(attempt.id).await?),
    })
}

/// Every fact of an attempt, in the order of the chain.
pub async fn facts_of(
    store: &Store,
    config: &Config,
    attempt: &Attempt,
) -> anyhow::Result<Vec<Fact>> {
    let facts = Facts::of(config, attempt.run, std::slice::from_ref(attempt)).await?;
    facts.read(store, attempt).await
}

async fn judged(store: &Store, facts: &Facts, attempt: &Attempt) -> anyhow::Result<Judged> {
    let clauses = store.clauses(attempt.id).await?;
    Ok(Judged {
        attempt: attempt.clone(),
        verdict: worst(clauses.iter().map(|clause| clause.verdict)),
        clauses,
        facts: facts.read(store, attempt).await?,
    })
}

async fn address(store: &Store, slot: &str) -> anyhow::Result<Option<String>> {
    Ok(store.slot(slot).await?.and_then(|slot| slot.url))
}

/// The oldest runs that have not ended, at most so many, and how many more there are.
pub async fn open_runs(
    store: &Store,
    config: &Config,
    most: usize,
) -> anyhow::Result<(Vec<RunRecord>, usize)> {
    let open = store.open_runs().await?;
    let mut records = Vec::new();
    for open in open.iter().take(most) {
        records.push(run(store, config, open.id).await?);
    }
    Ok((records, open.len().saturating_sub(most)))
}

/// The newest run that has ended.
///
/// One that was ended early, before it had judged anything, has no report.
pub async fn latest_finished(store: &Store, config: &Config) -> anyhow::Result<Option<RunRecord>> {
    match latest_finished_id(store, config).await? {
        Some(id) => Ok(Some(run(store, config, id).await?)),
        None => Ok(None),
    }
}

/// The number of that run.
pub async fn latest_finished_id(store: &Store, config: &Config) -> anyhow::Result<Option<u64>> {
    for candidate in store.latest_runs(50).await? {
        if candidate.state == RunState::Finished
            && !outline(store, config, candidate.id).await?.is_empty()
        {
            return Ok(Some(candidate.id));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Said;

    #[test]
    fn an_acceptance_counts_by_its_comment_and_a_dispute_without_one() {
        use {Anchor::*, WordKind::*};
        let word = |(kind, anchor)| Word {
            kind,
            account: "adversary".into(),
            head: String::new(),
            reason: String::new(),
            said: Said {
                repository: "maintainers/verification".into(),
                issue: 1,
                comment: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
            },
            anchor,
        };
        for (words, is_accepted, is_disputed) in [
            (&[][..], false, false),
            (&[(Accepted, Stands)], true, false),
            (&[(Accepted, Edited)], false, false),
            (&[(Accepted, Deleted)], false, false),
            (&[(Accepted, Deleted), (Accepted, Stands)], true, false),
            (&[(Accepted, Stands), (Disputed, Stands)], false, true),
            (&[(Accepted, Stands), (Disputed, Edited)], false, true),
            (&[(Disputed, Deleted)], false, true),
        ] {
            let item = ItemRecord {
                item: &plan::ITEMS[0],
                attempts: Vec::new(),
                latest: None,
                verdict_comment: None,
                words: words.iter().copied().map(word).collect(),
            };
            assert_eq!(
                (item.is_accepted(), item.is_disputed()),
                (is_accepted, is_disputed),
                "{words:?}"
            );
        }
    }

    #[test]
    fn a_part_is_outdated_where_another_version_of_it_is_seen_now() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs.map(|(a, b)| ((*a).into(), (*b).into())).collect()
        };
        let now: BTreeMap<String, BTreeSet<String>> = map(&[("bridge", "2"), ("forge", "1.25")])
            .into_iter()
            .map(|(part, version)| (part, [version].into()))
            .collect();
        let then = map(&[("bridge", "1"), ("forge", "1.25"), ("skills", "7")]);
        assert_eq!(other_parts(&now, &then), ["bridge"]);
        assert_eq!(other_parts(&BTreeMap::new(), &then), [""; 0]);
    }
}
