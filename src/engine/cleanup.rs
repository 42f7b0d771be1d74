//! Closes what a run made: pull requests closed, never merged; branches deleted. What is on record is found again by its name.

use super::Engine;
use crate::config::Repository;
use crate::gitea::{Pull, State};
use crate::plan::bench::{
    FORCED, MOVED_ON, PROTECTED, PutBack, SessionEnd, read_deployed, read_launched,
};
use crate::render;
use crate::store::{Resource, ResourceKind, Run};
use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// In as many repositories is something closed at once.
const AT_ONCE: usize = 4;

/// So often is tried again what could not be closed.
const EVERY: Duration = Duration::from_secs(60);

/// A `/cleanup` takes no longer than this.
const AT_MOST: Duration = Duration::from_secs(60);

/// What the forge does not tell of so long after a run, it does not tell.
const TOLD_BY: SignedDuration = SignedDuration::from_hours(1);

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
    // The session first: whatever works in it may open more. What it deploys is gone when its builds have ended.
    // Then pull requests: a branch without its pull request is easier to explain than the reverse. And the newest first: a branch that
    // was moved twice goes back the way it came.
    resources.sort_by_key(|resource| {
        let rank = match resource.kind {
            ResourceKind::Session => 0,
            ResourceKind::Pull => 1,
            ResourceKind::Branch => 2,
            ResourceKind::Moved => 3,
            ResourceKind::Deploys => 4,
        };
        (rank, Reverse(resource.id))
    });
    for alike in resources.chunk_by(|one, next| one.kind == next.kind) {
        // In one repository one after another: git locks it. What is no repository's comes in order too.
        let mut places: BTreeMap<String, Vec<&Resource>> = BTreeMap::new();
        for resource in alike {
            let place = resource.repository.to_lowercase();
            places.entry(place).or_default().push(resource);
        }
        let closing: Vec<_> = places
            .into_values()
            .map(|there| close_in_order(engine, run, there).boxed())
            .collect();
        // What is under way elsewhere comes to its end where one of them fails.
        let closed = stream::iter(closing).buffer_unordered(AT_ONCE);
        let closed = closed.collect::<Vec<anyhow::Result<()>>>().await;
        closed.into_iter().collect::<anyhow::Result<()>>()?;
    }
    Ok(())
}

async fn close_in_order(
    engine: &Engine,
    run: &Run,
    resources: Vec<&Resource>,
) -> anyhow::Result<()> {
    for resource in resources {
        close_one(engine, run, resource).await?;
    }
    Ok(())
}

async fn close_one(engine: &Engine, run: &Run, resource: &Resource) -> anyhow::Result<()> {
    let ended = match resource.kind {
        ResourceKind::Pull => close(engine, run, resource).await,
        ResourceKind::Branch => delete(engine, resource).await,
        ResourceKind::Moved => put_back(engine, resource).await,
        ResourceKind::Session => end_session(engine, resource).await,
        ResourceKind::Deploys => tear_down(engine, resource).await,
    };
    match ended {
        Ok(ended) => engine.store.resource_gone(resource.id, ended).await?,
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(run = run.id, kind = resource.kind.word(), name = %resource.name, error, "could not be closed");
        }
    }
    Ok(())
}

/// Closes what earlier runs could not close, at the start and every minute. It waits where Drone or the forge does not answer: nothing else
/// waits for it.
pub async fn work(engine: Arc<Engine>) {
    loop {
        let swept = tokio::select! {
            swept = sweep(&engine) => swept,
            () = engine.shutdown.cancelled() => return,
        };
        if let Err(error) = swept {
            tracing::warn!(%error, "what earlier runs left behind could not be closed yet");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = engine.shutdown.cancelled() => return,
        }
    }
}

/// Closes what earlier runs could not close, and were not asked to keep.
pub async fn sweep(engine: &Engine) -> anyhow::Result<()> {
    close_all(engine, &engine.store.littering_runs(false).await?).await
}

/// Closes what earlier runs were asked to keep: it is kept until the next run, which is to find the sandbox as it was.
pub async fn close_kept(engine: &Engine) -> anyhow::Result<()> {
    close_all(engine, &engine.store.littering_runs(true).await?).await
}

/// What ended runs left, also what they were asked to keep.
pub async fn litter(engine: &Engine) -> anyhow::Result<Vec<Resource>> {
    let mut left = Vec::new();
    for kept in [true, false] {
        for run in engine.store.littering_runs(kept).await? {
            left.extend(of_run(engine, &run).await?);
        }
    }
    Ok(left)
}

/// Closes everything that ended runs left, also what they were asked to keep. Answers what it was about, and how it ended. Where Drone or the
/// forge does not answer it does not wait for long: others' commands wait for this one.
pub async fn everything(engine: &Engine) -> anyhow::Result<Vec<Resource>> {
    let mut runs = engine.store.littering_runs(true).await?;
    runs.extend(engine.store.littering_runs(false).await?);
    let mut left = Vec::new();
    for run in &runs {
        left.extend(of_run(engine, run).await?.map(|left| left.id));
        // What cannot be closed now is then tried again like any other litter.
        engine.store.keep_no_longer(run.id).await?;
    }
    match tokio::time::timeout(AT_MOST, close_all(engine, &runs)).await {
        Ok(closed) => closed?,
        Err(_) => tracing::warn!("not everything could be closed at once; it is tried again"),
    }
    let mut touched = Vec::new();
    for run in &runs {
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

async fn close_all(engine: &Engine, runs: &[Run]) -> anyhow::Result<()> {
    for run in runs {
        clean(engine, run).await?;
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
    // What the flow does after the run is not the run's.
    let run = engine.store.run(resource.run).await?;
    let ended = run.and_then(|run| run.ended);
    let meanwhile = resource.intended..=ended.unwrap_or(Timestamp::MAX);
    let put_back = world.put_back(&repository, &resource.name, was, moved_to, meanwhile);
    Ok(match put_back.await? {
        PutBack::Done => "put back",
        PutBack::NeverMoved => "never made",
        PutBack::Elsewhere => MOVED_ON,
        PutBack::Unknown if ended.is_some_and(|ended| ended + TOLD_BY < Timestamp::now()) => {
            tracing::error!(%repository, branch = %resource.name, was, "moved on, and not by the run as far as the forge tells: it stays where it is");
            MOVED_ON
        }
        PutBack::Unknown => anyhow::bail!(
            "`{}` of {repository} is not at {was} any more, and the forge tells of no push of the run's to where it is: put it back by hand",
            resource.name
        ),
    })
}

async fn delete(engine: &Engine, resource: &Resource) -> anyhow::Result<&'static str> {
    let repository: Repository = resource.repository.parse()?;
    let forge = &engine.world.forge;
    if let Some(why) = needed(engine, &repository, &resource.name).await? {
        tracing::error!(%repository, branch = %resource.name, why, "is on record to be deleted, and stays");
        return Ok(PROTECTED);
    }
    // Asked before: of a deletion whose answer was lost, the next one says that there is nothing.
    match forge.branch(&repository, &resource.name).await {
        Err(error) if error.is_not_found() => return Ok("never made"),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    forge.delete_branch(&repository, &resource.name).await?;
    Ok("deleted")
}

/// Why a branch is nothing that a run can have made, whatever is on record; none where it may be deleted.
async fn needed(
    engine: &Engine,
    repository: &Repository,
    branch: &str,
) -> anyhow::Result<Option<&'static str>> {
    if engine.config.needs_branch(branch) {
        return Ok(Some("the configuration names it"));
    }
    Ok(match engine.world.forge.about(repository).await {
        Ok(about) if about.value.default_branch == branch => {
            Some("it is the repository's default branch")
        }
        Ok(_) => None,
        // Then there is no branch either.
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    })
}

/// Ends a session that the run launched. What is found of it is on record before it is ended.
async fn end_session(engine: &Engine, resource: &Resource) -> anyhow::Result<&'static str> {
    let Some(mut launched) = read_launched(resource.known.as_ref()) else {
        return Ok("never made");
    };
    let name = &resource.name;
    let left = engine.world.look_for_session(name, &mut launched).await?;
    launched.left.extend(left);
    launched.left.dedup();
    let known = serde_json::to_value(&launched)?;
    engine.store.know_resource(resource.id, &known).await?;
    let was_there = !launched.sessions.is_empty();
    let end = engine.world.end_session(name, &mut launched).await?;
    engine.world.tidy_up(&launched).await?;
    Ok(match end {
        SessionEnd::Gone if was_there => "ended",
        SessionEnd::Gone => "never made",
        SessionEnd::Stopped => "stopped",
        SessionEnd::Forced => FORCED,
    })
}

/// Removes what builds and commands of an attempt deployed and left. What is found is on record before it is removed.
async fn tear_down(engine: &Engine, resource: &Resource) -> anyhow::Result<&'static str> {
    let Some(mut deployed) = read_deployed(resource.known.as_ref()) else {
        return Ok("never made");
    };
    let organisation = &engine.config.gate.organisation;
    let resources = engine.store.resources(resource.run).await?;
    let pulls = resources.iter().filter_map(|resource| {
        let (owner, recipe) = resource.repository.split_once('/')?;
        let is_mirror = owner.eq_ignore_ascii_case(organisation.as_str());
        Some((recipe.to_owned(), resource.number.filter(|_| is_mirror)?))
    });
    let pulls = pulls.collect();
    let Some(left) = engine.world.look_for_deploys(&deployed, &pulls).await? else {
        return Ok("not looked for, since nobody saw what stood before");
    };
    if left.is_empty() && deployed.left.is_empty() {
        return Ok("never made");
    }
    deployed.left.stacks.extend(left.stacks.clone());
    deployed.left.volumes.extend(left.volumes.clone());
    let known = serde_json::to_value(&deployed)?;
    engine.store.know_resource(resource.id, &known).await?;
    engine.world.remove_deploys(&left).await?;
    Ok("removed")
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
                intended: Timestamp::UNIX_EPOCH,
                known: None,
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
