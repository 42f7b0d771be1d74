//! What people say of what was judged, and what they decided on the way.

use super::super::text::{cell, code};
use crate::record::{ItemRecord, RunRecord};
use crate::store::{Anchor, AnchoredWord, Note, NoteKind, WordKind};

/// What became of somebody's word.
pub enum Heard {
    /// It stands, on the attempt of this run, which may not be over yet.
    Said {
        run: u64,
        is_over: bool,
    },
    /// It does not stand any more.
    TakenBack {
        run: u64,
        is_over: bool,
    },
    NoAdversary,
    NotJudged,
    OwnRun {
        run: u64,
    },
    /// Who asked for it is not on record.
    NobodysRun {
        run: u64,
    },
    /// Another digest seals it.
    OtherHead {
        run: u64,
        seals: String,
    },
    NothingSaid,
}

/// The answer to a word on an item.
pub fn heard(item: &str, done: &str, heard: &Heard) -> String {
    match heard {
        Heard::Said { run, is_over } => format!(
            "**{item}** of run {run} is {done}. {}",
            said_where(*is_over)
        ),
        Heard::TakenBack { run, is_over } => format!(
            "What you said of **{item}** of run {run} is taken back. {}",
            said_where(*is_over)
        ),
        Heard::NoAdversary => "Only those whom this installation names as adversaries (`commanders.adversaries`) accept and dispute. `/decision` and `/idea` are for everybody who may give me commands.".into(),
        Heard::NotJudged => format!("{item} has not been judged yet: there is nothing to say of it."),
        Heard::OwnRun { run } => format!("You asked for run {run} yourself, and nobody accepts a run of their own. Somebody else has to check {item}."),
        Heard::NobodysRun { run } => format!("Who asked for run {run} is not on record: it was started on my own machine, in nobody's name. Nobody accepts a run of their own, so have {item} verified once more."),
        Heard::OtherHead { run, seals } => format!("The latest attempt of {item}, in run {run}, is sealed by `{seals}…`, and not by what you quote. Nothing is accepted: check that one."),
        Heard::NothingSaid => format!("Nothing that you said of the latest attempt of {item} stands."),
    }
}

fn said_where(is_over: bool) -> &'static str {
    match is_over {
        true => "The report says so.",
        false => "Its comment says so, and the report will when the run is over.",
    }
}

/// The answer to an adversary who types what commanders may.
pub fn adversaries_only() -> String {
    "You may `/accept`, `/dispute` and `/withdraw`, record a `/decision` or an `/idea`, and ask for `/status`, `/report` and `/help`. Runs are for those who may command.".into()
}

/// The answer to `/decision` and `/idea`.
pub fn noted(kind: NoteKind) -> String {
    format!(
        "The {} is on record: the latest report shows it, and so will the bundle of each run that is still to end.",
        kind.word()
    )
}

/// What is said of an item, for the report's table: by whom, and where it stands.
pub fn words(record: &RunRecord, item: &ItemRecord) -> String {
    let said = said(record, item);
    match said.is_empty() {
        true if item.latest.is_some() => "silent".into(),
        _ => said.join("<br>"),
    }
}

/// What is said of an item, one sentence for each who says something.
pub fn said(record: &RunRecord, item: &ItemRecord) -> Vec<String> {
    let said = item.words.iter().map(|word| {
        let place = word.said.page(record.forge.as_str());
        let by = code(&word.account);
        let since = match (word.kind, word.anchor) {
            (_, Anchor::Stands) => "",
            (WordKind::Accepted, Anchor::Edited) => {
                ", in a comment that was edited since: it does not count"
            }
            (WordKind::Accepted, Anchor::Deleted) => {
                ", in a comment that was deleted since: it does not count"
            }
            (WordKind::Disputed, Anchor::Edited) => {
                ", in a comment that was edited since: it counts all the same"
            }
            (WordKind::Disputed, Anchor::Deleted) => {
                ", in a comment that was deleted since: it counts all the same"
            }
        };
        match word.kind {
            WordKind::Accepted => format!(
                "🤝 [accepted]({place}) by {by}, quoting `{:.12}…`{since}",
                word.head
            ),
            WordKind::Disputed => format!(
                "✋ [disputed]({place}) by {by}: {}{since}",
                cell(&word.reason)
            ),
        }
    });
    said.collect()
}

/// Told when the comment of a word says it no more, or says it again.
pub fn anchored(forge: &str, word: &AnchoredWord, anchor: Anchor) -> String {
    let AnchoredWord {
        item, run, word, ..
    } = word;
    let by = code(&word.account);
    let place = word.said.page(forge);
    let was = match anchor {
        Anchor::Deleted => "was deleted",
        Anchor::Edited => "was edited, and does not say so any more",
        Anchor::Stands => {
            return format!(
                "[The comment]({place}) in which {by} {} **{item}** of run {run} says so again.",
                word.kind.word()
            );
        }
    };
    match word.kind {
        WordKind::Accepted => format!(
            "⚠️ [The comment]({place}) in which {by} accepted **{item}** of run {run} {was}. The acceptance does not count: whoever checked it accepts it anew."
        ),
        WordKind::Disputed => format!(
            "⚠️ [The comment]({place}) in which {by} disputed **{item}** of run {run} {was}. The dispute counts all the same, until {item} is verified again or {by} takes it back by `/withdraw {item}`. Its reason was: {}",
            cell(&word.reason)
        ),
    }
}

/// `DECISIONS.md` or `IDEAS.md`; none where there are none.
pub fn notes(record: &RunRecord, kind: NoteKind) -> Option<String> {
    let lines: Vec<String> = record
        .notes
        .iter()
        .filter(|note| note.kind == kind)
        .map(|note| line(record, note))
        .collect();
    (!lines.is_empty()).then(|| {
        let title = match kind {
            NoteKind::Decision => "Decisions",
            NoteKind::Idea => "Ideas",
        };
        format!("# {title}\n\n{}\n", lines.join("\n"))
    })
}

fn line(record: &RunRecord, note: &Note) -> String {
    format!(
        "- {} ({}, [{}]({}))",
        cell(&note.text),
        code(&note.account),
        note.said.at.strftime("%Y-%m-%d %H:%M UTC"),
        note.said.page(record.forge.as_str())
    )
}

/// What was decided and thought of, as the report shows it; empty where there is nothing.
pub fn noted_in_report(record: &RunRecord) -> String {
    let kinds = [NoteKind::Decision, NoteKind::Idea].into_iter();
    let parts = kinds.filter_map(|kind| notes(record, kind));
    let parts: Vec<String> = parts.map(|part| format!("##{}", part.trim_end())).collect();
    parts.join("\n\n")
}
