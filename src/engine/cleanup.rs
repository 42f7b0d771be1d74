//! Closes what a run made: pull requests closed, never merged; branches deleted. What is on record is found again by its name.

use super::Engine;
use crate::config::Repository;
use crate::gitea::{Pull, State};
use crate::plan::bench::PutBack;
use crate::render;
use crate::store::{Resource, ResourceKind, Run};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Closes everything that is on record for a run and not gone. What could not be closed is told, and stays on record.
pub async fn clean(engine: &Engine, run: &Run) -> anyhow::Result<()> {
    let resources = of_run(engine, run).await?.collect();
    close_each(engine, run, resources).await
}

/// Closes what other attempts of the run than this one made in a mirror, and what the same attempts made in the repositories `beside` it.
/// Answers what it was about, and how it ended; `None` where it could not be closed.
pub async fn clear(
    engine: &Engine,
    run: &Run,
    attempt: u64,
    mirror: &str,
    beside: &[&str],
) -> anyhow::Result<Vec<Resource>> {
    let all = engine.store.resources(run.id).await?;
    let left = left_by_others(all, attempt, mirror, beside);
    let about: Vec<u64> = left.iter().map(|resource| resource.id).collect();
    close_each(engine, run, left).await?;
    let all = engine.store.resources(run.id).await?;
    Ok(all
        .into_iter()
        .filter(|resource| about.contains(&resource.id))
        .collect())
}

fn left_by_others(
    mut resources: Vec<Resource>,
    attempt: u64,
    mirror: &str,
    beside: &[&str],
) -> Vec<Resource> {
    let is = |resource: &Resource, repository: &str| {
        resource.repository.eq_ignore_ascii_case(repository)
    };
    resources.retain(|resource| resource.attempt != attempt);
    let met = resources.iter().filter(|resource| is(resource, mirror));
    let met: BTreeSet<u64> = met.map(|resource| resource.attempt).collect();
    resources.retain(|resource| {
        let there = is(resource, mirror) || beside.iter().any(|beside| is(resource, beside));
        resource.ended.is_none() && there && met.contains(&resource.attempt)
    });
    resources
}

async fn close_each(
    engine: &Engine,
    run: &Run,
    mut resources: Vec<Resource>,
) -> anyhow::Result<()> {
    // Pull requests first: a branch without its pull request is easier to explain than the reverse. And the newest first: a branch that
    // was moved twice goes back the way it came.
    resources.sort_by_key(|resource| {
        let rank = match resource.kind {
            ResourceKind::Pull => 0,
            ResourceKind::Branch => 1,
            ResourceKind::Moved => 2,
        };
        (rank, Reverse(resource.id))
    });
    for resource in &resources {
        let ended = match resource.kind {
            ResourceKind::Pull => close(engine, run, resource).await,
            ResourceKind::Branch => delete(engine, resource).await,
            ResourceKind::Moved => put_back(engine, resource).await,
        };
        match ended {
            Ok(ended) => engine.store.resource_gone(resource.id, ended).await?,
            Err(error) => {
                tracing::warn!(run = run.id, name = %resource.name, %error, "could not be closed");
            }
        }
    }
    Ok(())
}

/// Closes what earlier runs could not close, and were not asked to keep.
pub async fn sweep(engine: &Engine) -> anyhow::Result<()> {
    close_all(engine, engine.store.littering_runs(false).await?).await
}

/// Closes what earlier runs were asked to keep: it is kept until the next run, which is to find the sandbox as it was.
pub async fn close_kept(engine: &Engine) -> anyhow::Result<()> {
    close_all(engine, engine.store.littering_runs(true).await?).await
}

/// Closes everything that ended runs left, also what they were asked to keep. Answers what it was about, and how it ended.
pub async fn everything(engine: &Engine) -> anyhow::Result<Vec<Resource>> {
    let mut runs = engine.store.littering_runs(true).await?;
    runs.extend(engine.store.littering_runs(false).await?);
    let mut touched = Vec::new();
    for run in &runs {
        let left: Vec<u64> = of_run(engine, run).await?.map(|left| left.id).collect();
        // What cannot be closed now is then tried again like any other litter.
        engine.store.keep_no_longer(run.id).await?;
        clean(engine, run).await?;
        let all = engine.store.resources(run.id).await?;
        touched.extend(
            all.into_iter()
                .filter(|resource| left.contains(&resource.id)),
        );
    }
    Ok(touched)
}

async fn of_run(engine: &Engine, run: &Run) -> anyhow::Result<impl Iterator<Item = Resource>> {
    let resources = engine.store.resources(run.id).await?;
    Ok(resources
        .into_iter()
        .filter(|resource| resource.ended.is_none()))
}

async fn close_all(engine: &Engine, runs: Vec<Run>) -> anyhow::Result<()> {
    for run in runs {
        clean(engine, &run).await?;
    }
    Ok(())
}

async fn close(engine: &Engine, run: &Run, resource: &Resource) -> anyhow::Result<&'static str> {
    let forge = &engine.world.forge;
    let repository: Repository = resource.repository.parse()?;
    let pull = match resource.number {
        Some(number) => Some(forge.pull(&repository, number).await?.value),
        None => {
            let mut found = forge.pulls_from(&repository, &resource.name).await?.value;
            found.sort_by_key(|pull| Reverse((pull.state == State::Open, pull.number)));
            unknown(engine, resource, found).await?
        }
    };
    let Some(pull) = pull else {
        return Ok("never made");
    };
    engine.store.resource_made(resource.id, pull.number).await?;
    if pull.merged {
        return Ok("merged by somebody");
    }
    if pull.state == State::Closed {
        return Ok("closed by somebody");
    }
    let text = render::comment::pull_closed(run.id, &engine.config.server.public_url);
    let slot = format!("closed-{}-{}", resource.repository, pull.number);
    engine
        .reporter
        .say(&slot, &resource.repository, pull.number, &text)
        .await?;
    forge.close_pull(&repository, pull.number).await?;
    Ok("closed")
}

/// The first that is not on record already: an earlier attempt's may be from a branch of the same name.
async fn unknown(
    engine: &Engine,
    resource: &Resource,
    found: Vec<Pull>,
) -> anyhow::Result<Option<Pull>> {
    for pull in found {
        let known = engine.store.run_of_pull(&resource.repository, pull.number);
        if known.await?.is_none() {
            return Ok(Some(pull));
        }
    }
    Ok(None)
}

async fn put_back(engine: &Engine, resource: &Resource) -> anyhow::Result<&'static str> {
    let repository: Repository = resource.repository.parse()?;
    let Some(was) = &resource.was else {
        return Ok("never made");
    };
    let world = &engine.world;
    let moved_to = resource.moved_to.as_deref();
    Ok(
        match world
            .put_back(&repository, &resource.name, was, moved_to)
            .await?
        {
            PutBack::Done => "put back",
            PutBack::NeverMoved => "never made",
            PutBack::Elsewhere => "moved on by somebody",
        },
    )
}

async fn delete(engine: &Engine, resource: &Resource) -> anyhow::Result<&'static str> {
    let repository: Repository = resource.repository.parse()?;
    match engine
        .world
        .forge
        .delete_branch(&repository, &resource.name)
        .await?
    {
        true => Ok("deleted"),
        false => Ok("never made"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_attempts_left_in_a_mirror_and_beside_it_is_told_from_the_rest() {
        let (mirror, suite, other) = ("recipes/stale", "recipes/cc-ci", "recipes/plain");
        let mut resources = Vec::new();
        for (attempt, repository, ended) in [
            // What was closed stays closed; the name of a repository is one in any case.
            (1, "Recipes/Stale", None),
            (1, mirror, Some("closed")),
            (1, suite, None),
            (1, other, None),
            // Another recipe's, whose tests are nobody's business here.
            (2, other, None),
            (2, suite, None),
            // The attempt's own.
            (3, mirror, None),
            (3, suite, None),
        ] {
            resources.push(Resource {
                id: resources.len() as u64,
                run: 1,
                attempt,
                kind: ResourceKind::Branch,
                repository: repository.into(),
                name: "upgrade".into(),
                number: None,
                purpose: String::new(),
                was: None,
                moved_to: None,
                ended: ended.map(Into::into),
            });
        }
        let left = |attempt, mirror| -> Vec<u64> {
            let left = left_by_others(resources.clone(), attempt, mirror, &[suite]);
            left.iter().map(|resource| resource.id).collect()
        };
        assert_eq!(left(3, mirror), [0, 2]);
        assert_eq!(left(1, mirror), [6, 7]);
        assert_eq!(left(1, other), [4, 5]);
        assert_eq!(left(1, "recipes/new"), [0; 0]);
    }
}
