//! The progress comment of a run: how far it is, and what is being waited for.

use super::Engine;
use crate::record;
use crate::render;
use futures_util::FutureExt;
use std::sync::Arc;

/// Says in the run's progress comment how far it is.
pub async fn show(engine: &Engine, run: u64, doing: Option<&str>) -> anyhow::Result<()> {
    engine.now_doing(run, doing.map(str::to_owned));
    show_again(engine, run).await
}

/// Says it again, with what has changed around it.
pub async fn show_again(engine: &Engine, run: u64) -> anyhow::Result<()> {
    let record = engine.record(run).await?;
    let doing = engine.doing_in(run);
    let tracking = &engine.config.tracking;
    engine
        .reporter
        .say(
            &record::progress_slot(run),
            &tracking.repository.to_string(),
            tracking.issue,
            &render::comment::progress(&record, doing.as_deref(), &engine.trouble()),
        )
        .await?;
    Ok(())
}

/// Shows in the active run's progress comment what is being waited for, where a server does not answer, until the shutdown.
pub async fn show_trouble(engine: Arc<Engine>) {
    let mut troubles = engine.troubles();
    loop {
        let changed = futures_util::future::select_all(
            troubles.iter_mut().map(|trouble| trouble.changed().boxed()),
        );
        tokio::select! {
            _ = changed => {}
            () = engine.shutdown.cancelled() => return,
        }
        for trouble in &mut troubles {
            trouble.mark_unchanged();
        }
        if let Ok(open) = engine.store.open_runs().await
            && let Some(run) = open.first()
            && let Err(error) = show_again(&engine, run.id).await
        {
            tracing::warn!(%error, "the progress could not be shown");
        }
    }
}
