//! What V2's judges read out of the facts: what the helper said, and what the gate held when it was asked.

use super::TRIES;
use crate::evidence::{Doubt, Witness};
use crate::flow::{End, HelperSaid, Ran};
use crate::plan::expect::Expectations;
use crate::plan::gate::{
    Surfaces, comments, expectations, is_the_gates, misdirected, ours, same_account,
    somebody_else_typed, statuses, watched_out,
};
use crate::plan::sight::{Build, Comment, Pull};
use crate::plan::{blocked, unseen};

/// What the helper did; BLOCKED where it cannot be started at all.
pub fn ran(witness: &Witness<'_>, label: &str) -> Result<Ran, Doubt> {
    let ran: Ran = witness.see(label)?;
    match &ran.end {
        End::NotStarted(why) => blocked(format!(
            "the helper could not be started: {why}. Mend `flow.helper.command`"
        )),
        _ => Ok(ran),
    }
}

/// What a run that came to its own end says. What one had printed when it was killed is no answer: it might have said more.
pub fn said(ran: &Ran) -> HelperSaid {
    match ran.end {
        End::Exited(_) => ran.helper_said(),
        _ => HelperSaid {
            verdict: Err(ran.ending()),
            build: Err(ran.ending()),
        },
    }
}

/// The comments by one account that are new.
pub fn new_by(known: &[Comment], mut after: Vec<Comment>, account: &str) -> Vec<Comment> {
    after.retain(|comment| {
        same_account(&comment.user.login, account)
            && known.iter().all(|known| known.id != comment.id)
    });
    after
}

/// The comments in `after` that are not in `before`, by the flow's account.
pub fn flow_wrote(
    witness: &Witness<'_>,
    pull: &str,
    before: &str,
    after: &str,
    expect: &Expectations,
) -> Result<Vec<Comment>, Doubt> {
    let pull = witness.context(pull)?;
    let known = comments(witness, before, &pull, expect)?;
    let mut after = comments(witness, after, &pull, expect)?;
    after.retain(|comment| !is_the_gates(comment, expect));
    Ok(new_by(&known, after, &expect.flow))
}

/// The builds of the green pull request before anybody typed anything.
pub fn idle_builds(witness: &Witness<'_>, expect: &Expectations) -> Result<Vec<Build>, Doubt> {
    let green: Pull = witness.context("green")?;
    let builds: Option<Vec<Build>> = witness.see("idle.builds")?;
    Ok(ours(builds.unwrap_or_default(), &green, expect))
}

/// Where the helper acts when it is only to look, nothing that follows can be told apart from that: it is not attempted.
pub fn looks_only(witness: &Witness<'_>, expect: &Expectations) -> Result<(), Doubt> {
    let wrote = flow_wrote(witness, "green", "idle.before", "idle.after", expect)?;
    if wrote.is_empty() {
        if idle_builds(witness, expect)?.is_empty() {
            return Ok(());
        }
        nobody_typed(witness, "idle.after", "green", expect)?;
    }
    blocked("not attempted, since the helper acts even with `POST=0` (V2.2)")
}

/// In doubt where somebody who has no part in this typed the trigger on a pull request.
pub fn nobody_typed(
    witness: &Witness<'_>,
    label: &str,
    pull: &str,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let pull: Pull = witness.context(pull)?;
    let ours = [&expect.flow, &expect.gavel, &expect.outsider].map(String::as_str);
    match somebody_else_typed(witness, label, &pull, &ours, expect)? {
        Some(who) => unseen(who),
        None => Ok(()),
    }
}

/// A quiet window was as long as it was to be.
pub fn was_quiet(witness: &Witness<'_>, label: &str, expect: &Expectations) -> Result<(), Doubt> {
    let window: u64 = witness.see(label)?;
    if window < expect.quiet {
        return unseen(format!(
            "the quiet window was {window} ms, not {} ms",
            expect.quiet
        ));
    }
    Ok(())
}

/// One try to ask while a build was in flight.
pub struct Flight {
    pub name: String,
    pub ran: Ran,
    /// As it was when the helper had answered.
    pub build: Build,
}

/// The tries to ask while a build was in flight: all but the last one came too late.
pub fn flights(witness: &Witness<'_>) -> Result<Vec<Flight>, Doubt> {
    let mut flights = Vec::new();
    for attempt in 1..=TRIES {
        let name = format!("flight.{attempt}");
        let flight = Flight {
            ran: ran(witness, &name)?,
            build: build(witness, &format!("{name}.build"), "green")?,
            name,
        };
        let in_flight = !flight.build.ended();
        flights.push(flight);
        if in_flight {
            break;
        }
    }
    Ok(flights)
}

/// A build as a step saw it; in doubt where it is not of that pull request.
pub fn build(witness: &Witness<'_>, label: &str, pull: &str) -> Result<Build, Doubt> {
    let expect = expectations(witness)?;
    let pull: Pull = witness.context(pull)?;
    let build: Build = witness.see(label)?;
    match misdirected(&build, &pull, &expect) {
        None => Ok(build),
        Some(wrong) => unseen(format!("`{label}` is of something else: {wrong}")),
    }
}

/// The pull request that a build of the scenario belongs to.
pub fn pull_of(name: &str) -> &'static str {
    if name == "red" { "red" } else { "green" }
}

/// The build that the helper's trigger led to; BLOCKED where it led to none.
pub fn built(witness: &Witness<'_>, name: &str) -> Result<Build, Doubt> {
    let expect = expectations(witness)?;
    looks_only(witness, &expect)?;
    for (builds, pull, last) in [
        ("flight.1.builds", "green", "green"),
        ("renew.builds", "green", "renew"),
        ("red.builds", "red", "red"),
    ] {
        let pull: Pull = witness.context(pull)?;
        let started: Option<Vec<Build>> = witness.context(builds)?;
        if ours(started.unwrap_or_default(), &pull, &expect).is_empty() {
            watched_out(witness, builds)?;
            return blocked(format!(
                "the helper's run with `POST=1` on pull request {} led to no build (V2.1)",
                pull.number
            ));
        }
        if name == last {
            break;
        }
    }
    build(witness, &format!("{name}.build"), pull_of(name))
}

/// The build as it was when the helper, which was to wait for its end, had answered.
pub fn then(witness: &Witness<'_>, name: &str) -> Result<Build, Doubt> {
    build(witness, &format!("{name}.then"), pull_of(name))
}

/// The gate had told of this build, in any way, before the helper was asked: who only reads can know of it.
pub fn announced(
    witness: &Witness<'_>,
    step: &str,
    build: &Build,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let pull: Pull = witness.context(pull_of(step))?;
    let surfaces = Surfaces::read(
        &statuses(witness, &format!("{step}.statuses"), &pull, expect)?,
        &comments(witness, &format!("{step}.comments"), &pull, expect)?,
        build,
        &pull,
        expect,
    );
    if surfaces.tells_of_the_build() {
        return Ok(());
    }
    unseen(format!(
        "when the helper was asked, the gate had not told of build {} ({})",
        build.number,
        surfaces.words()
    ))
}

/// PENDING is a wrong answer to who was to wait for the end only where the result stood there for a while before the helper gave up:
/// the build ended in time, and so did the gate, which may take a quiet window to react and to report.
pub fn gave_up_too_early(
    witness: &Witness<'_>,
    name: &str,
    ran: &Ran,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let then = then(witness, name)?;
    if then.ended() && ran.milliseconds >= then.took().saturating_add(expect.quiet) {
        return Ok(());
    }
    unseen(format!(
        "the helper said PENDING after {} ms, and build {} took about as long; give it more by `flow.helper.max_wait`",
        ran.milliseconds, then.number
    ))
}
