//! Posts the verdict comments on the tracking issue: one for each attempt that was judged.

use super::Engine;
use crate::plan::guardrails;
use crate::record::{self, ItemRecord, RunRecord};
use crate::render;

/// Says what an item's latest attempt came to, and what people say of that. The guardrails have no comment of their own: the report tells.
pub async fn tell(engine: &Engine, record: &RunRecord, item: &ItemRecord) -> anyhow::Result<()> {
    let Some(latest) = &item.latest else {
        return Ok(());
    };
    if item.item.id == guardrails::ITEM.id {
        return Ok(());
    }
    let tracking = &engine.config.tracking;
    let block = render::comment::block(record, [item], &engine.key.public().id());
    let attempt = &latest.attempt;
    engine
        .reporter
        .say(
            &record::verdict_slot(attempt.run, &attempt.item, attempt.ordinal),
            &tracking.repository.to_string(),
            tracking.issue,
            &format!("{block}\n{}", render::comment::verdict(record, item)),
        )
        .await?;
    Ok(())
}
