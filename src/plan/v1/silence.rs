//! V1's judge of what must not fire: strangers and bad triggers; and of the control that proves that something could have.

use super::seen::*;
use crate::evidence::{Doubt, Witness};
use crate::plan::expect::Expectations;
use crate::plan::gate::{expectations, page, same_account, statuses, typed, watched_out};
use crate::plan::sight::{Build, Pull, Status};
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};

pub fn outsider_is_rejected(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let good = expect.triggers().enumerate();
    if witness.see("outsider.collaborator")? || witness.see("outsider.member")? {
        return unseen(
            "the outsider has access to the mirror, so it proves nothing; take its access away",
        );
    }
    silence(
        witness,
        &Window {
            name: "outsider",
            before: "first.after",
            typed: good
                .map(|(at, body)| {
                    (
                        format!("outsider.posted.{}", at + 1),
                        &expect.outsider[..],
                        body,
                    )
                })
                .collect(),
            after_what: "the outsider's comment",
            mend: "Look at how the bridge asks whether the commenter may trigger",
        },
    )
}

pub fn bad_triggers_do_not_fire(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let bad = expect.bad_triggers.iter().enumerate();
    if expect.bad_triggers.is_empty() {
        return blocked("`gate.bad_triggers` names none");
    }
    silence(
        witness,
        &Window {
            name: "bad",
            before: "outsider.after",
            typed: bad
                .map(|(at, body)| {
                    (
                        format!("bad.posted.{}", at + 1),
                        &expect.gavel[..],
                        &body[..],
                    )
                })
                .collect(),
            after_what: &format!("one of {} bad triggers", expect.bad_triggers.len()),
            mend: "Look at how the bridge compares a comment with its trigger: trimmed, exactly it",
        },
    )
}

/// A quiet window on the green pull request, after something was typed that must not fire.
struct Window<'a> {
    name: &'a str,
    /// What was seen last before it.
    before: &'a str,
    /// What was typed: the step, the account and the text.
    typed: Vec<(String, &'a str, &'a str)>,
    after_what: &'a str,
    mend: &'a str,
}

/// Nothing was started and no status changed in a quiet window, and the control proves that something could have.
fn silence(witness: &Witness<'_>, window: &Window<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let Window {
        name,
        before,
        after_what,
        mend,
        ..
    } = *window;
    let first = started(witness, "first", "green")?;
    if first.is_empty() {
        return blocked("not attempted, since a good trigger starts nothing either (V1.1)");
    }
    let green: Pull = witness.context("green")?;
    let mut last = 0;
    for (label, account, body) in &window.typed {
        let comment = typed(witness, label, &green, account, body, &expect)?;
        last = comment.id.max(last);
    }
    let quiet: u64 = witness.see(&format!("{name}.quiet"))?;
    // What was started in the window before is told there.
    let earlier = started(witness, before, "green")?;
    let mut builds = started(witness, &format!("{name}.after"), "green")?;
    builds.retain(|build| earlier.iter().all(|earlier| earlier.number != build.number));
    if let Some(build) = builds.first() {
        told_apart(witness, &format!("{name}.after.typed"), &green, &expect)?;
        return certainly_broken(
            format!("after {after_what}, build {} was started", build.number),
            mend,
        );
    }
    // And goes on in this one, unless it has come to its end.
    let is_over = |build: &Build, statuses: &[Status]| {
        let mut told = statuses.iter().filter(|it| is_about(it, build, &expect));
        told.any(|status| status.status != "pending")
    };
    let known = statuses(witness, &format!("{before}.statuses"), &green, &expect)?;
    let going_on: Vec<Build> = earlier
        .into_iter()
        .filter(|build| before != "first.after" || !is_over(build, &known))
        .collect();
    let of_the_gate = |label: &str| -> Result<Vec<Status>, Doubt> {
        let mut statuses = statuses(witness, &format!("{label}.statuses"), &green, &expect)?;
        statuses.retain(|status| {
            // Whatever it is called, who looks at the pull request sees its colour.
            let by = &status.creator.login;
            let accused = [&expect.gate, &expect.flow];
            (status.context == expect.status_context
                || accused.iter().any(|account| same_account(by, account)))
                && going_on
                    .iter()
                    .all(|build| !is_about(status, build, &expect))
        });
        // The forge lists statuses of the same second in any order.
        statuses.sort_by_key(|status| status.id);
        Ok(statuses)
    };
    if of_the_gate(before)? != of_the_gate(&format!("{name}.after"))? {
        return broken(
            format!("after {after_what}, the statuses of the head are not what they were"),
            mend,
        );
    }
    if quiet < expect.quiet {
        return unseen(format!(
            "the quiet window was {quiet} ms, not {} ms",
            expect.quiet
        ));
    }
    if let Ruling::Broken { .. } = control_fires(witness)? {
        return unseen(
            "nothing happened, but the control did not fire either (V1.6): a dead bridge refuses everything",
        );
    }
    if triggered(witness, "control", "green")?.id <= last {
        return unseen("the control was typed before, and not after");
    }
    let usual = started(witness, "first.after", "green")?.len();
    let control = started(witness, "control.after", "green")?.len();
    if control > usual {
        return unseen(format!(
            "nothing happened at first, but {control} builds were started after the control, where {usual} was due: one may be of {after_what}"
        ));
    }
    holds(format!(
        "no build and no change of status in {:.1} s, and a good trigger fired afterwards",
        quiet as f64 / 1000.0
    ))
}

fn is_about(status: &Status, build: &Build, expect: &Expectations) -> bool {
    status.target_url.trim_end_matches('/') == page(build, expect)
}

pub fn control_fires(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    if started(witness, "first", "green")?.is_empty() {
        return blocked("not attempted, since the first trigger started nothing (V1.1)");
    }
    may_command(witness)?;
    triggered(witness, "control", "green")?;
    match started(witness, "control", "green")?.first() {
        Some(build) => holds(format!("build {}", build.number)),
        None => {
            watched_out(witness, "control.builds")?;
            broken(
                "after the outsider's and the bad triggers, a good one starts nothing any more",
                "Look at the bridge's log for what it did with those comments",
            )
        }
    }
}
