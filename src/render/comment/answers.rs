//! Gavel's answers to commands that start nothing, and its two comments in a pull request.

use crate::command::Complaint;
use crate::config::Tracking;
use crate::plan::Item;
use crate::record::RunRecord;
use crate::render::text::{cell, code};
use crate::store::Run;
use url::Url;

/// The answer to `/status`.
pub fn status(open: &[RunRecord]) -> String {
    if open.is_empty() {
        return "Nothing is running. `/verify all` starts a run, `/help` tells what else there is."
            .into();
    }
    let lines: Vec<String> = open
        .iter()
        .map(|record| {
            let items: Vec<String> = record
                .items
                .iter()
                .map(|item| match &item.latest {
                    Some(judged) => format!("{} {}", item.item.id, judged.verdict.sign()),
                    None => item.item.id.to_owned(),
                })
                .collect();
            let run = match &record.progress_comment {
                Some(url) => format!("[Run {}]({url})", record.run.id),
                None => format!("Run {}", record.run.id),
            };
            format!(
                "- {run} is {}, asked for by {}: {}",
                record.run.state.words(),
                code(&record.run.account),
                items.join(", ")
            )
        })
        .collect();
    lines.join("\n")
}

/// The answer to `/cancel`.
pub fn cancelled(cancelled: Option<u64>, open: &[Run]) -> String {
    match (cancelled, open.first()) {
        (Some(run), _) => format!(
            "Run {run} is being cancelled. What it opened is closed; nothing is judged any more."
        ),
        (None, Some(run)) => format!("Run {} is ending already.", run.id),
        (None, None) => "Nothing is running that could be cancelled.".into(),
    }
}

/// The answer to `/report`.
pub fn report_again(latest: Option<&RunRecord>) -> String {
    match latest {
        Some(record) => super::report(record),
        None => "There is no report yet: no run has ended. `/verify all` starts one.".into(),
    }
}

/// The answer to `/verify … dry-run`.
pub fn dry_run(items: &[&Item]) -> String {
    let lines: Vec<String> = items
        .iter()
        .map(|item| {
            format!(
                "- **{}** {}: {} clauses",
                item.id,
                item.title,
                item.clauses.len()
            )
        })
        .collect();
    format!(
        "This would be verified, in this order. Nothing was started.\n\n{}",
        lines.join("\n")
    )
}

/// The answer to `/help`.
pub fn help(items: &[Item]) -> String {
    let known: Vec<String> = items
        .iter()
        .map(|item| format!("| {} | {} |", item.id, item.title))
        .collect();
    let last = items.last().map_or("V2", |item| item.id);
    format!(
        "| Command | What it does |\n|---|---|\n\
         | `/verify V1`, `/verify V1-{last}`, `/verify all` | verifies these items and what they need; `keep` leaves what was opened, `force` goes on after a failed prerequisite, `dry-run` only tells what would be done |\n\
         | `/status` | tells what is running |\n\
         | `/cancel` | ends the run and closes what it opened |\n\
         | `/report` | posts the latest report again |\n\
         | `/help` | this |\n\n\
         | Item | What is verified |\n|---|---|\n{}\n\n\
         <sub>A command stands at the start of a line. An edited comment is not executed: write a new one.</sub>",
        known.join("\n")
    )
}

/// The one answer to somebody who may not command.
pub fn turned_away(account: &str, tracking: &Tracking) -> String {
    format!(
        "Sorry, {}: only those whom this installation names, or who can write to {}, may give me commands. Nothing was started. I will not answer further commands of yours here.",
        code(account),
        tracking.repository
    )
}

/// The answer to a command that means nothing.
pub fn complaint(line: &str, complaint: &Complaint) -> String {
    format!(
        "{}\n\n<sub>You wrote {}.</sub>",
        cell(&complaint.to_string()),
        code(line)
    )
}

/// The answer to a command that belongs on the tracking issue.
pub fn elsewhere(tracking: &Tracking, forge: &Url) -> String {
    format!(
        "That belongs on the [tracking issue]({}/{}/issues/{}). Here I answer `/status` and `/help`.",
        forge.as_str().trim_end_matches('/'),
        tracking.repository,
        tracking.issue
    )
}

/// The first comment in a pull request that verification opened.
pub fn pull_opened(purpose: &str, run: u64, public_url: &Url) -> String {
    format!(
        "🔬 This pull request belongs to [verification run {run}]({}/runs/{run}): {}. It is closed when that is done. Please do not merge it.",
        public_url.as_str().trim_end_matches('/'),
        cell(purpose)
    )
}

/// The last comment in a pull request that verification opened.
pub fn pull_closed(run: u64, public_url: &Url) -> String {
    format!(
        "Done: [verification run {run}]({}/runs/{run}) needs this pull request no more. Closed, not merged; its branch is deleted.",
        public_url.as_str().trim_end_matches('/')
    )
}
