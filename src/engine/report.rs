//! Posts REVIEW-5 on the tracking issue: as one comment, or where it is too long as several, in order and linked.

use super::Engine;
use crate::record::{RunRecord, report_slot};
use crate::render;

/// Posts a run's report as it is now, and waits for as long as an outage may last until it stands there.
pub async fn tell(engine: &Engine, run: u64) -> anyhow::Result<()> {
    // One after another, so that nobody writes what was known before over what is known since.
    let _telling = engine.telling.lock().await;
    let record = engine.record(run).await?;
    post(engine, &record).await
}

async fn post(engine: &Engine, record: &RunRecord) -> anyhow::Result<()> {
    let block = render::comment::block(record, record.everything(), &engine.key.public().id());
    let longest = render::comment::LONGEST.saturating_sub(block.len());
    let mut parts = render::comment::report_parts(record, longest);
    if let Some(first) = parts.first_mut()
        && !record.is_empty()
    {
        first.insert_str(0, &format!("{block}\n"));
    }
    let mut urls = Vec::new();
    // One after another, so that they stand there in their order.
    for (number, part) in parts.iter().enumerate() {
        let known = engine.store.slot(&slot(record.run.id, number)).await?;
        urls.push(match known.and_then(|slot| slot.url) {
            Some(url) => Some(url),
            None => say(engine, record.run.id, number, part).await?,
        });
    }
    for (number, part) in parts.iter().enumerate() {
        let text = match (&urls[..], number) {
            ([_], _) => part.clone(),
            ([_, others @ ..], 0) => {
                format!("{part}\n\n{}", render::comment::report_continues(others))
            }
            (all, _) => {
                let first = all.first().and_then(Option::as_deref);
                let links = render::comment::report_continued(first, number + 1, parts.len());
                format!("{links}\n\n{part}")
            }
        };
        say(engine, record.run.id, number, &text).await?;
    }
    // It may have been longer.
    let mut number = parts.len();
    while engine
        .store
        .slot(&slot(record.run.id, number))
        .await?
        .is_some()
    {
        let first = urls.first().and_then(Option::as_deref);
        let text = render::comment::report_shorter(first);
        say(engine, record.run.id, number, &text).await?;
        number += 1;
    }
    Ok(())
}

/// The slot of one part.
fn slot(run: u64, number: usize) -> String {
    match number {
        0 => report_slot(run),
        _ => format!("{}-{}", report_slot(run), number + 1),
    }
}

/// Says one part, and waits for it. Answers its address, where the forge took it in time.
async fn say(
    engine: &Engine,
    run: u64,
    number: usize,
    text: &str,
) -> anyhow::Result<Option<String>> {
    let tracking = &engine.config.tracking;
    let slot = slot(run, number);
    let repository = tracking.repository.to_string();
    engine
        .reporter
        .say(&slot, &repository, tracking.issue, text)
        .await?;
    let patience = engine.config.patience.outage;
    Ok(engine.reporter.written(&slot, patience).await?)
}
