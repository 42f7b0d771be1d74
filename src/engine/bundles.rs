//! Keeps each run's evidence bundle: made once, when the run has ended, so that all copies of it are the same.

use super::Engine;
use crate::bundle::{self, Content};
use crate::evidence::Digest;
use crate::gitea::Earlier;
use crate::host::durable;
use crate::instants::reach;
use crate::record::{RunRecord, report_slot};
use crate::render;
use crate::store::NoteKind;
use anyhow::Context;
use futures_util::FutureExt;
use std::path::Path;

/// The bundle of a run, as it was sealed; one that has not ended is sealed as far as it has come.
pub async fn of(engine: &Engine, record: &RunRecord) -> anyhow::Result<Vec<u8>> {
    let path = engine.config.server.bundle(record.run.id);
    match tokio::fs::read(&path).await {
        Ok(bundle) => Ok(bundle),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(engine, record).await,
        Err(error) => {
            Err(error).with_context(|| format!("reading the bundle {} failed", path.display()))
        }
    }
}

/// Seals a run that has ended. Again, it changes nothing.
pub async fn keep(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    let path = engine.config.server.bundle(record.run.id);
    if tokio::fs::try_exists(&path).await? {
        return Ok(());
    }
    let bundle = make(engine, record).await?;
    let writing = path.clone();
    let written = tokio::task::spawn_blocking(move || write(&writing, &bundle)).await?;
    written.with_context(|| format!("writing the bundle {} failed", path.display()))
}

/// What the file at a report's comment is called: a run that began anew after a restore has another. Forges hold files of this ending by
/// default.
fn attached(bundle: &[u8]) -> String {
    let digest = Digest::of(bundle);
    format!("evidence-bundle-{}.tar.gz", digest.short())
}

/// Puts the bundle at the report's first comment, so that it can be had where Gavel itself cannot be reached. Once; and not at all where
/// the forge holds no files.
pub async fn attach(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    let slot = engine.store.slot(&report_slot(record.run.id)).await?;
    let Some(comment) = slot.and_then(|slot| slot.comment) else {
        return Ok(());
    };
    let bundle = of(engine, record).await?;
    let name = attached(&bundle);
    let name = name.as_str();
    let (forge, repository) = (&engine.world.forge, &engine.config.tracking.repository);
    let is_there = async || {
        let there = forge.attachments(repository, comment).await?.value;
        Ok(there.iter().any(|file| file.name == name).then_some(()))
    };
    let find = || is_there().boxed();
    let make = || {
        async {
            let bundle = bundle.clone();
            forge.attach(repository, comment, name, bundle).await?;
            Ok(())
        }
        .boxed()
    };
    match forge.exactly_once(Earlier::Made, find, make).await {
        // Older forges know no files at comments.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_forbidden() => {
            tracing::info!(%error, "the report goes without its bundle: files need write access to the tracking repository");
            Ok(())
        }
        attached => Ok(attached?),
    }
}

/// The run whose bundle has this name.
pub fn run_of(name: &str) -> Option<u64> {
    let run = name.strip_prefix("run-")?.strip_suffix(".tar.gz")?;
    run.parse().ok()
}

async fn make(engine: &Engine, record: &RunRecord) -> anyhow::Result<Vec<u8>> {
    let content = Content {
        evidence: engine.evidence(record).await?,
        report: render::comment::report(record) + "\n",
        decisions: render::comment::notes(record, NoteKind::Decision),
        ideas: render::comment::notes(record, NoteKind::Idea),
        page: record.page(),
    };
    bundle::make(&content, &engine.key)
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    reach(|| "before writing a bundle".into());
    durable::write(path, content)?;
    reach(|| "after writing a bundle".into());
    Ok(())
}
