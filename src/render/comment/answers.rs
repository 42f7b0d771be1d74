//! Gavel's answers to commands that start nothing, and its two comments in a pull request.

use super::LONGEST;
use super::pausing::since;
use super::sentence;
use crate::command::Complaint;
use crate::config::Tracking;
use crate::evidence::Digest;
use crate::plan::Item;
use crate::record::RunRecord;
use crate::render::duration;
use crate::render::text::{cell, code, statements};
use crate::store::{Pause, Resource, Run, Slot};
use crate::verdict::Verdict;
use jiff::Timestamp;
use std::time::Duration;
use url::Url;

/// The answer to `/status`: these runs, and how many more are in line.
pub fn status(open: &[RunRecord], more: usize, pause: Option<&Pause>) -> String {
    let runs = runs(open, more);
    match pause {
        Some(pause) => format!(
            "⏸️ Paused {}: no run starts until `/resume`.\n\n{runs}",
            since(pause)
        ),
        None => runs,
    }
}

fn runs(open: &[RunRecord], more: usize) -> String {
    if open.is_empty() {
        return "Nothing is running. `/verify all` starts a run, `/help` tells what else there is."
            .into();
    }
    let mut lines: Vec<String> = open
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
    if more > 0 {
        lines.push(format!("- {more} more wait in line"));
    }
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

/// The answer to `/cleanup` while something is running.
pub fn cleanup_later(run: u64) -> String {
    format!(
        "Run {run} is still at work, and closes what it opened at its end. `/cancel` ends it now."
    )
}

/// The answer to `/cleanup`: what was still there, and how it ended.
pub fn cleaned(touched: &[Resource]) -> String {
    if touched.is_empty() {
        return "Nothing that I opened is left.".into();
    }
    let lines: Vec<String> = touched
        .iter()
        .map(|one| format!("- {}", super::resource(one, None)))
        .collect();
    let left = touched.iter().filter(|one| one.ended.is_none()).count();
    let first = match left {
        0 => "Everything that was left is closed now:".to_owned(),
        _ => format!(
            "Of {} things that were left, {left} could not be closed; I go on trying:",
            touched.len()
        ),
    };
    format!("{first}\n\n{}", lines.join("\n"))
}

/// The answer to `/report`.
pub fn report_again(latest: Option<&RunRecord>) -> String {
    match latest {
        Some(record) => {
            let parts = super::report_parts(record, LONGEST);
            match (&parts[..], &record.report_comment) {
                ([first, _, ..], Some(url)) => {
                    format!("{first}\n\n*The rest is in [the report]({url}).*")
                }
                _ => parts.into_iter().next().unwrap_or_default(),
            }
        }
        None => "There is no report yet: no run has ended. `/verify all` starts one.".into(),
    }
}

/// An item that would be verified, and how long it took before: seconds, where it is known.
pub struct Planned {
    pub item: &'static Item,
    pub seconds: Option<f64>,
}

/// The answer to `/verify … dry-run`: what would be done, to what, and for about how long. `sandbox` are the repositories that it would touch.
pub fn dry_run(planned: &[Planned], sandbox: &[String]) -> String {
    let lines: Vec<String> = planned
        .iter()
        .map(|planned| {
            let Planned { item, seconds } = planned;
            let time = match seconds {
                Some(seconds) => format!("about {}", duration(*seconds)),
                None => "not timed yet".into(),
            };
            format!(
                "| **{}** {} | {} | {time} |",
                item.id,
                item.title,
                sentence(item.does)
            )
        })
        .collect();
    let known: f64 = planned.iter().filter_map(|planned| planned.seconds).sum();
    let all = match planned
        .iter()
        .filter(|planned| planned.seconds.is_none())
        .count()
    {
        0 => format!("In all about {}.", duration(known)),
        count if count == planned.len() => {
            "How long it takes is not known: nothing of it has been run here.".into()
        }
        _ => format!(
            "What has been run here before takes about {}.",
            duration(known)
        ),
    };
    format!(
        "This would be verified, in this order. Nothing was started.\n\n\
         | Item | What it does | Time |\n|---|---|---|\n{}\n\n{all} It would touch {}, close what it opens, and merge nothing.",
        lines.join("\n"),
        sandbox
            .iter()
            .map(|one| code(one))
            .collect::<Vec<_>>()
            .join(", ")
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
         | `/pause`, `/resume` | lets no run start until then; what is asked for meanwhile waits in line, what is running goes on to its end |\n\
         | `/report` | posts the latest report again |\n\
         | `/cleanup` | closes what earlier runs left, also what they were asked to keep |\n\
         | `/accept V4 DIGEST`, `/dispute V4 why`, `/withdraw V4` | for adversaries: says of the latest attempt that you checked it, quoting the digest that seals it, or that you do not believe it; takes that back |\n\
         | `/file F2`, `/file all` | opens issues for findings of the latest report |\n\
         | `/decision text`, `/idea text` | records it, for reports and bundles |\n\
         | `/help` | this |\n\n\
         | Item | What is verified |\n|---|---|\n{}\n\n\
         <sub>A command stands at the start of a line. An edited comment is not executed: write a new one.</sub>",
        known.join("\n")
    )
}

/// What follows a run in which everything passed.
pub fn verified(record: &RunRecord, done: &[String]) -> String {
    let done: Vec<String> = done
        .iter()
        .map(|one| format!("- {}", statements(one)))
        .collect();
    let run = run(record);
    format!(
        "🎉 **Verified.** In {run} everything passed, against one set of versions.\n\n{}",
        done.join("\n")
    )
}

/// What stands on the issue for a command that was given on the machine itself, in an account's name.
pub fn by_hand(line: &str, account: &str) -> String {
    format!(
        "⌨️ {} was given on Gavel's own machine, by `gavel verify`, for {}: who asks for a run does not accept it.",
        code(line),
        code(account)
    )
}

/// That the label is off the issue, and why.
pub fn unlabelled(record: &RunRecord, label: &str) -> String {
    let why = match record.verdict() {
        Verdict::Fail => "found what does not hold",
        _ => "is disputed, so that it verifies nothing while that stands",
    };
    format!(
        "🏷️ The label {} is off this issue: {} {why}.",
        code(label),
        run(record)
    )
}

/// A run, linked to its report where that stands.
fn run(record: &RunRecord) -> String {
    match &record.report_comment {
        Some(url) => format!("[run {}]({url})", record.run.id),
        None => format!("run {}", record.run.id),
    }
}

/// The one answer to somebody who may not command.
pub fn turned_away(account: &str, tracking: &Tracking) -> String {
    format!(
        "Sorry, {}: only those whom this installation names, or who can write to {}, may give me commands. Nothing was started. I will not answer further commands of yours here.",
        code(account),
        tracking.repository
    )
}

/// The answer to the first of too many commands of one account; `wait` is how long the next one has to.
pub fn too_many(account: &str, most: usize, within: Duration, wait: Duration) -> String {
    format!(
        "{}, these are too many: {most} commands of one account are dealt with in {}. This one and those that follow are not. I hear you again in {}; type then what is still wanted.",
        code(account),
        duration(within.as_secs_f64()),
        duration(wait.as_secs_f64())
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

/// The answer to a command whose comment was edited before Gavel came to it.
pub fn edited_since(line: &str) -> String {
    format!(
        "The comment with {} was edited before I came to it, and an edited comment is not executed: nobody knows who typed what it says. Write a new one.",
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
        "Done: [verification run {run}]({}/runs/{run}) no longer needs this pull request. Closed, not merged; its branch is deleted.",
        public_url.as_str().trim_end_matches('/')
    )
}

/// What is said by a Gavel that goes on from a backup: what begins anew, and branches of runs that it does not know.
pub fn restored(made: Timestamp, begun: &[u64], strangers: &[String]) -> String {
    let begun = match begun {
        [] => "No run was under way then.".to_owned(),
        begun => {
            let runs: Vec<String> = begun.iter().map(ToString::to_string).collect();
            format!(
                "Run {} was under way then: what was not judged yet begins anew.",
                runs.join(", ")
            )
        }
    };
    let mut text = format!(
        "♻️ I was restored from a backup of {}. What happened after it I do not remember; commands that were typed here since are read again. {begun}",
        made.strftime("%Y-%m-%d %H:%M UTC")
    );
    if !strangers.is_empty() {
        let strangers: Vec<String> = strangers.iter().map(|one| code(one)).collect();
        text.push_str(&format!(
            " These branches are of runs that I do not know, and stay: {}. Delete them, unless another Gavel works under my account.",
            strangers.join(", ")
        ));
    }
    text
}

/// What is said when a comment does not stand as Gavel wrote it. `found` is none where it was deleted.
pub fn tampered(slot: &Slot, was: &Digest, found: Option<&Digest>, is_last: bool) -> String {
    let which = a_comment_of_mine(slot);
    let what = match found {
        Some(found) => format!(
            "was changed by somebody: the SHA-256 of its text was `{was}`, and was found as `{found}`"
        ),
        None => format!("was deleted by somebody: the SHA-256 of its text was `{was}`"),
    };
    let then = match is_last {
        true => "It is put right for the last time: whoever goes on changing it should say why.",
        false => "It is put right.",
    };
    format!("⚠️ {which} {what}. {then}")
}

fn a_comment_of_mine(slot: &Slot) -> String {
    match &slot.url {
        Some(url) => format!("[A comment of mine]({url})"),
        None => "A comment of mine".into(),
    }
}

/// A comment that was put right too often stands as somebody left it.
pub fn left_tampered(slot: &Slot, was: &Digest, found: Option<&Digest>, times: u64) -> String {
    let which = a_comment_of_mine(slot);
    let what = match found {
        Some(found) => format!(
            "and **stands as somebody left it**: the SHA-256 of its text was `{was}`, and is `{found}`"
        ),
        None => format!("and is **not there any more**: the SHA-256 of its text was `{was}`"),
    };
    format!(
        "⚠️ {which} was changed {times} times, {what}. I put it right no more. What I judged is in the signed bundle of the run, and not there."
    )
}
