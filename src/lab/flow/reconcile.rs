//! Makes a mirror what it should be before anything is built on it: `main` is upstream's, and no pull request is open whose time is over.

use super::clone::Clone;
use super::{Pull, Repo, broken};
use crate::lab::faults::Faults;
use anyhow::{Context, Result};

/// Makes the mirror's `main` equal to upstream's. Answers where it now stands.
pub async fn main(clone: &Clone, upstream_url: &str, faults: &Faults) -> Result<String> {
    clone
        .git(&["fetch", "--quiet", upstream_url, "main"])
        .await
        .context("fetching upstream's main")?;
    let upstream = clone.git(&["rev-parse", "FETCH_HEAD"]).await?;
    let mirror = clone.git(&["rev-parse", "origin/main"]).await?;
    if mirror != upstream && !faults.has("skill-skips-reconcile") {
        println!("main was at {mirror}, upstream's is at {upstream}");
        let lease = format!("--force-with-lease=refs/heads/main:{mirror}");
        let refspec = format!("{upstream}:refs/heads/main");
        clone
            .git(&["push", "--quiet", &lease, "origin", &refspec])
            .await
            .context("pushing upstream's main to the mirror")?;
    }
    clone
        .git(&["checkout", "--quiet", "--detach", &upstream])
        .await?;
    Ok(upstream)
}

/// Closes the open pull requests whose change upstream has already.
pub async fn merged_upstream(
    clone: &Clone,
    repo: &Repo,
    main: &str,
    faults: &Faults,
) -> Result<()> {
    for pull in repo.open_pulls().await? {
        let is_over = if faults.has("skill-sees-merges-only") {
            // The very commits, and not the same change under another.
            let ancestor = ["merge-base", "--is-ancestor", &pull.head, main];
            clone.is(&ancestor).await?
        } else {
            is_upstream(clone, &pull, main).await?
        };
        if !is_over {
            continue;
        }
        if faults.has("skill-merges-upstreamed") {
            broken::merge(repo, pull.number).await?;
            continue;
        }
        println!("pull request {} is merged upstream", pull.number);
        let note = format!(
            "Merged upstream: `main` holds this change already (at {}). Closing.",
            &main[..main.len().min(12)]
        );
        if !faults.has("skill-closes-without-a-note") {
            repo.comment(pull.number, &note).await?;
        }
        repo.close(pull.number).await?;
    }
    Ok(())
}

async fn is_upstream(clone: &Clone, pull: &Pull, main: &str) -> Result<bool> {
    let name = format!("refs/pull/{}/head", pull.number);
    clone.git(&["fetch", "--quiet", "origin", &name]).await?;
    if clone
        .is(&["merge-base", "--is-ancestor", &pull.head, main])
        .await?
    {
        return Ok(true);
    }
    // The same change under another commit: git marks those with a minus.
    let commits = clone.git(&["cherry", main, &pull.head]).await?;
    Ok(commits.lines().all(|line| line.starts_with('-')))
}

/// Closes the open pull requests of earlier upgrades, which the new one replaces, and says on the new one which others it left alone.
pub async fn superseded(repo: &Repo, new: &Pull, prefix: &str, faults: &Faults) -> Result<()> {
    let mut left = Vec::new();
    for old in repo.open_pulls().await? {
        let is_upgrade = old.branch.starts_with(prefix);
        let is_meant = is_upgrade || faults.has("skill-closes-unrelated");
        if faults.has("skill-comments-on-unrelated") && !is_upgrade {
            let note = format!("Is this still needed, after #{}?", new.number);
            repo.comment(old.number, &note).await?;
        }
        if old.number == new.number {
            continue;
        }
        if !is_meant {
            left.push(format!("#{}", old.number));
            continue;
        }
        if faults.has("skill-forgets-superseded") {
            continue;
        }
        println!(
            "pull request {} is superseded by {}",
            old.number, new.number
        );
        let note = format!("Superseded by #{} ({}). Closing.", new.number, new.url);
        repo.comment(old.number, &note).await?;
        repo.close(old.number).await?;
    }
    if !left.is_empty() {
        let note = format!(
            "Left alone, since they are no upgrades: {}.",
            left.join(", ")
        );
        repo.comment(new.number, &note).await?;
    }
    Ok(())
}
