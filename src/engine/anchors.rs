//! Holds what people said of what was judged to the comments that they said it in: whoever reads them cold has to find the same.

use super::{Engine, inbox};
use crate::config::Repository;
use crate::gitea::Comment;
use crate::render;
use crate::store::{Anchor, AnchoredWord};

/// Looks at the comment of each of these words. One that cannot be seen now is looked at again in an hour, and keeps no other from it.
pub async fn check_each(engine: &Engine, words: &[AnchoredWord]) {
    for word in words {
        if let Err(error) = check(engine, word).await {
            tracing::warn!(
                comment = word.word.said.comment,
                error = format!("{error:#}"),
                "whether a comment says what was said of a verdict could not be seen"
            );
        }
    }
}

/// Looks at the comment that holds a word. That it does not say the word any more, or does again, is told and put on record.
async fn check(engine: &Engine, word: &AnchoredWord) -> anyhow::Result<()> {
    let anchor = look(engine, word).await?;
    if anchor == word.word.anchor {
        return Ok(());
    }
    let account = &word.word.account;
    tracing::warn!(run = word.run, item = %word.item, %account, anchor = anchor.word(), "the comment of a word is another one");
    let said = &word.word.said;
    let text = render::comment::anchored(engine.config.forge.url.as_str(), word, anchor);
    // Each change in a comment of its own, and after an interruption in the same.
    let slot = format!("word-{}-{}", word.id, word.changes + 1);
    engine
        .reporter
        .say(&slot, &said.repository, said.issue, &text)
        .await?;
    Ok(engine.store.anchor_word(word, anchor).await?)
}

async fn look(engine: &Engine, word: &AnchoredWord) -> anyhow::Result<Anchor> {
    let said = &word.word.said;
    let repository: Repository = said.repository.parse()?;
    Ok(
        match engine.world.forge.comment(&repository, said.comment).await {
            Ok(seen) if says(engine, word, &seen.value) => Anchor::Stands,
            Ok(_) => Anchor::Edited,
            Err(error) if error.is_not_found() => Anchor::Deleted,
            Err(error) => return Err(error.into()),
        },
    )
}

/// Whether this is the comment of a word, and still says it.
pub fn says(engine: &Engine, word: &AnchoredWord, comment: &Comment) -> bool {
    if comment.id != word.word.said.comment {
        return false;
    }
    let body = engine.world.redactor.text(&comment.body);
    let mut found = inbox::commands(&body).into_iter();
    found.any(|it| it.line == word.line)
}
