//! Putting on record what the flow makes, before it does or as soon as it is seen, so that cleanup finds it.

use super::{Bench, Making, Stop};
use crate::plan::sight::{Branch, Pull};

impl Bench {
    /// Puts a branch on record that is to be deleted. One that was there before is never put there.
    pub async fn expect_branch(
        &self,
        repository: &str,
        name: &str,
        purpose: &str,
    ) -> Result<(), Stop> {
        let making = Making::Branch {
            repository,
            name,
            purpose,
        };
        self.intend(making).await.map(drop)
    }

    /// Puts on record what the flow is about to make: a branch, and a pull request from it.
    pub async fn expect_pull(
        &self,
        repository: &str,
        branch: &str,
        purpose: &str,
    ) -> Result<u64, Stop> {
        self.intend(Making::Branch {
            repository,
            name: branch,
            purpose,
        })
        .await?;
        self.intend(Making::Pull {
            repository,
            head: branch,
            purpose,
        })
        .await
    }

    /// Puts a pull request on record that the flow has opened in this attempt, so that cleanup closes it; and its branch, to be deleted,
    /// where that came with it. `known` are the branches that were there before, none where that was not seen.
    pub async fn adopt(
        &self,
        repository: &str,
        pull: &Pull,
        known: Option<&[Branch]>,
        purpose: &str,
    ) -> Result<(), Stop> {
        if known.is_some_and(|known| pull.brought_its_branch(repository, known)) {
            self.expect_branch(repository, pull.branch(), purpose)
                .await?;
        }
        self.adopt_pull(repository, pull.branch(), pull.number, purpose)
            .await
    }

    /// Puts a pull request on record, to be closed, whatever becomes of the branch that it is from.
    pub async fn adopt_pull(
        &self,
        repository: &str,
        branch: &str,
        number: u64,
        purpose: &str,
    ) -> Result<(), Stop> {
        let resource = self
            .intend(Making::Pull {
                repository,
                head: branch,
                purpose,
            })
            .await?;
        self.ledger
            .made(resource, number)
            .await
            .map_err(Stop::Broken)
    }
}
