//! Where the facts of a run's attempts are read: in the database, or of an old run in its bundle.

use crate::bundle::{Evidence, Sealed};
use crate::config::Config;
use crate::evidence::{Digest, Fact};
use crate::store::{Attempt, Store};
use anyhow::Context;
use std::path::{Path, PathBuf};

pub enum Facts {
    Stored,
    Sealed {
        bundle: PathBuf,
        evidence: Box<Evidence>,
    },
    /// Nowhere: who asks needs none.
    Unread,
}

impl Facts {
    /// Those of a run with these attempts.
    ///
    /// # Errors
    /// Where they stand in the run's bundle alone, and that cannot be read.
    pub async fn of(config: &Config, run: u64, attempts: &[Attempt]) -> anyhow::Result<Self> {
        if attempts.iter().all(|attempt| attempt.sealed.is_none()) {
            return Ok(Self::Stored);
        }
        let bundle = config.server.bundle(run);
        let path = bundle.clone();
        let evidence = tokio::task::spawn_blocking(move || sealed(&path)).await?;
        let evidence = evidence.with_context(|| lost(&bundle))?;
        Ok(Self::Sealed {
            bundle,
            evidence: Box::new(evidence),
        })
    }

    /// Every fact of an attempt, in the order of the chain.
    ///
    /// # Errors
    /// Where what stands in the bundle is not what was put there.
    pub async fn read(&self, store: &Store, attempt: &Attempt) -> anyhow::Result<Vec<Fact>> {
        let (bundle, evidence) = match self {
            Self::Unread => return Ok(Vec::new()),
            Self::Stored => return Ok(store.facts(attempt.id).await?),
            Self::Sealed { bundle, evidence } => (bundle, evidence),
        };
        let Some(head) = &attempt.sealed else {
            return Ok(store.facts(attempt.id).await?);
        };
        let facts = in_bundle(evidence, &attempt.item, attempt.ordinal);
        let facts = facts.filter(|facts| ends_at(facts, head)).with_context(|| {
            format!(
                "what it holds of attempt {} at {} is not what was put there",
                attempt.ordinal, attempt.item
            )
        });
        Ok(facts.with_context(|| lost(bundle))?.to_vec())
    }
}

/// What a bundle holds of an attempt.
pub fn in_bundle<'a>(evidence: &'a Evidence, item: &str, ordinal: u32) -> Option<&'a [Fact]> {
    let judged = evidence.attempts.iter();
    let judged = judged.map(|judged| (&judged.item, judged.attempt, &judged.facts));
    let lost = evidence.lost.iter();
    let lost = lost.map(|lost| (&lost.item, lost.attempt, &lost.facts));
    let (.., facts) = judged
        .chain(lost)
        .find(|of| *of.0 == item && of.1 == ordinal)?;
    Some(facts)
}

/// The evidence in a bundle file.
pub fn sealed(path: &Path) -> anyhow::Result<Evidence> {
    Ok(Sealed::unpack(std::fs::File::open(path)?)?.read()?.evidence)
}

/// Whether this is the chain that ends there: each fact says what it was, and which one it follows.
fn ends_at(facts: &[Fact], head: &Digest) -> bool {
    let mut previous = Digest::of_nothing();
    let follow = facts.iter().all(|fact| {
        let follows = fact.previous == previous && fact.digest == fact.digest_of_content();
        previous.clone_from(&fact.digest);
        follows
    });
    follow && previous == *head
}

fn lost(bundle: &Path) -> String {
    format!(
        "the facts of this run stand in {} alone: put the file there again as it was, from a backup or from the report's comment",
        bundle.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Answer, Question, Sighting};
    use jiff::Timestamp;

    fn chain(answers: [u64; 3]) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        for (step, answer) in ["one", "two", "three"].iter().zip(answers) {
            let sighting = Sighting {
                label: (*step).to_owned(),
                question: Question::LatestBuild,
                asked: String::new(),
                at: Timestamp::UNIX_EPOCH,
                watch: None,
                answer: Answer::Seen(answer.into()),
            };
            facts.push(Fact::chain(sighting, facts.last()));
        }
        facts
    }

    /// Bundles are a form of the database: what was put away once, every later Gavel has to read, and find unchanged.
    #[test]
    fn what_an_earlier_gavel_sealed_is_read() {
        let evidence = sealed(Path::new("tests/recordings/bundle-1/V1.tar.gz")).unwrap();
        assert_eq!(evidence.attempts.len(), 2);
        for judged in &evidence.attempts {
            let facts = in_bundle(&evidence, &judged.item, judged.attempt).unwrap();
            assert!(!facts.is_empty());
            assert!(ends_at(facts, &judged.chain_head), "{}", judged.item);
        }
    }

    #[test]
    fn what_is_read_again_is_what_was_put_there() {
        let kept = chain([1, 2, 3]);
        let head = kept.last().unwrap().digest.clone();
        let changed = |change: fn(&mut Vec<Fact>)| {
            let mut facts = kept.clone();
            change(&mut facts);
            facts
        };
        for (what, facts, holds) in [
            ("as it was", kept.clone(), true),
            (
                "another answer",
                changed(|facts| facts[0].answer = Answer::Seen(7.into())),
                false,
            ),
            ("made anew", chain([7, 2, 3]), false),
            (
                "the last is gone",
                changed(|facts| drop(facts.pop())),
                false,
            ),
            (
                "the first is gone",
                changed(|facts| drop(facts.remove(0))),
                false,
            ),
            (
                "two in another order",
                changed(|facts| facts.swap(0, 1)),
                false,
            ),
            ("nothing", Vec::new(), false),
        ] {
            assert_eq!(ends_at(&facts, &head), holds, "{what}");
        }
        assert!(ends_at(&[], &Digest::of_nothing()));
    }
}
