//! Closes what a run made: pull requests closed, never merged; branches deleted. What is on record is found again by its name.

use super::Engine;
use crate::config::Repository;
use crate::gitea::State;
use crate::plan::bench::PutBack;
use crate::render;
use crate::store::{Resource, ResourceKind, Run};

/// Closes everything that is on record for a run and not gone. What could not be closed is told, and stays on record.
pub async fn clean(engine: &Engine, run: &Run) -> anyhow::Result<()> {
    let mut resources: Vec<_> = of_run(engine, run).await?.collect();
    // Pull requests first: a branch without its pull request is easier to explain than the reverse.
    resources.sort_by_key(|resource| match resource.kind {
        ResourceKind::Pull => 0,
        ResourceKind::Branch => 1,
        ResourceKind::Moved => 2,
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
        None => forge
            .pulls_from(&repository, &resource.name)
            .await?
            .value
            .into_iter()
            // An earlier run's may be from a branch of the same name.
            .max_by_key(|pull| (pull.state == State::Open, pull.number)),
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
