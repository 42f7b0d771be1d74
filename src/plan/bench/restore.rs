//! Putting branches back where they were: only from where the run left them, never over what somebody else did since.

use super::World;
use crate::config::Repository;
use crate::host::git::{Credentials, Git, Pushed};
use crate::plan::run::pushed;
use crate::plan::sight::Activity;
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use std::ops::RangeInclusive;

/// The forge's clock may be off by as much.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// How a branch ended that was on record to be deleted, and is nothing that a run can have made.
pub const PROTECTED: &str = "not deleted, since it is none of a run's own";
/// How a branch ended that was to be put back, where somebody had moved it on.
pub const MOVED_ON: &str = "moved on by somebody";

/// What became of a branch that was to be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    Done,
    /// It is where it was.
    NeverMoved,
    /// It is where neither the run found it nor left it.
    Elsewhere,
    /// It is not where the run found it, and the forge tells of nobody of the run who pushed it to where it is.
    Unknown,
}

impl World {
    /// Makes a branch point to `was` again, if it still points to where the run left it. Where that is not on record, since the run was cut
    /// off, it is the commit that the flow's account pushed meanwhile.
    pub async fn put_back(
        &self,
        repository: &Repository,
        branch: &str,
        was: &str,
        moved_to: Option<&str>,
        meanwhile: RangeInclusive<Timestamp>,
    ) -> anyhow::Result<PutBack> {
        let data = &self.config.server.data;
        let name = format!(
            "put-back-{}-{was}",
            repository.to_string().replace('/', "-")
        );
        let folder = data.join(name);
        // What a crash left behind.
        remove(&folder).await?;
        let now = match self.forge.branch(repository, branch).await {
            Ok(seen) => Some(seen.value.commit.sha),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        if now.as_deref() == Some(was) {
            return Ok(PutBack::NeverMoved);
        }
        let moved_to = match (moved_to, now.as_deref()) {
            (Some(moved_to), now) if now == Some(moved_to) => moved_to,
            (Some(_), _) => return Ok(PutBack::Elsewhere),
            (None, Some(now)) if self.moved(repository, branch, now, meanwhile).await? => now,
            (None, _) => return Ok(PutBack::Unknown),
        };
        let url = format!(
            "{}/{repository}.git",
            self.config.forge.url.as_str().trim_end_matches('/')
        );
        let credentials = Credentials {
            login: self.config.forge.account.to_string(),
            token: self.config.forge.token.now(),
        };
        let git = Git::default();
        let reference = format!("refs/heads/{branch}");
        let pushed = async {
            git.copy(&url, &folder, Some(&credentials)).await?;
            git.push(
                &folder,
                &url,
                &reference,
                Some(was),
                Some(moved_to),
                Some(&credentials),
            )
            .await
        }
        .await;
        remove(&folder).await?;
        Ok(match pushed? {
            Pushed::Done => PutBack::Done,
            Pushed::Moved(_) => PutBack::Elsewhere,
        })
    }

    /// Whether the flow's account or Gavel's own pushed a branch to this commit meanwhile.
    async fn moved(
        &self,
        repository: &Repository,
        branch: &str,
        commit: &str,
        meanwhile: RangeInclusive<Timestamp>,
    ) -> anyhow::Result<bool> {
        let (from, to) = meanwhile.into_inner();
        let from = from.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
        let repository = repository.to_string();
        for account in [&self.config.flow.account, &self.config.forge.account] {
            let seen = self.forge.activity_since(account.as_str(), from).await?;
            let acts: Vec<Activity> = serde_json::from_value(seen.answer)
                .with_context(|| format!("reading {}", seen.asked))?;
            let acts = acts.into_iter().zip(&seen.value);
            let acts = acts.filter_map(|(act, known)| (known.created <= to).then_some(act));
            let acts: Vec<Activity> = acts.collect();
            if pushed(Some(&acts), &repository, branch, commit) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn remove(folder: &std::path::Path) -> anyhow::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}
