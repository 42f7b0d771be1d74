//! What V1's judges read out of the facts: triggers, the builds that they led to, and those builds' results.

use crate::evidence::{Doubt, Question, Witness};
use crate::plan::expect::Expectations;
use crate::plan::gate::{asked, cut, expectations, ours, somebody_else_typed, typed, watched_out};
use crate::plan::sight::{Build, Comment, Pull, Results};
use crate::plan::{Ruling, blocked, broken, unseen};
use serde_json::Value;

/// The builds that a trigger led to, or why they cannot be told.
pub fn started(witness: &Witness<'_>, name: &str, pull: &str) -> Result<Vec<Build>, Doubt> {
    let expect = expectations(witness)?;
    let pull: Pull = witness.context(pull)?;
    let builds: Option<Vec<Build>> = witness.see(&format!("{name}.builds"))?;
    Ok(ours(builds.unwrap_or_default(), &pull, &expect))
}

/// What Gavel typed to start a build.
pub fn triggered(witness: &Witness<'_>, name: &str, pull: &str) -> Result<Comment, Doubt> {
    let expect = expectations(witness)?;
    let label = format!("{name}.posted");
    let pull = witness.context(pull)?;
    typed(
        witness,
        &label,
        &pull,
        &expect.gavel,
        &expect.trigger,
        &expect,
    )
}

/// The build of a drive, as it was when it was last looked at; BLOCKED where the trigger started none.
pub fn build_of(
    witness: &Witness<'_>,
    name: &str,
    pull: &str,
    because: &str,
) -> Result<Build, Doubt> {
    let started = started(witness, name, pull)?;
    if started.is_empty() {
        return blocked(format!("no build was started to look at ({because})"));
    }
    let build: Build = witness.see(&format!("{name}.build"))?;
    if started.iter().any(|started| started.number == build.number) {
        return Ok(build);
    }
    unseen(format!(
        "`{name}.build` is build {}, which the trigger did not start",
        build.number
    ))
}

/// In doubt where somebody who has no part in this typed a trigger on the pull request too.
pub fn told_apart(
    witness: &Witness<'_>,
    label: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let parties = [expect.gavel.as_str(), expect.outsider.as_str()];
    match somebody_else_typed(witness, label, pull, &parties, expect)? {
        Some(who) => unseen(who),
        None => Ok(()),
    }
}

pub fn may_command(witness: &Witness<'_>) -> Result<(), Doubt> {
    if witness.context("gavel.collaborator")? {
        Ok(())
    } else {
        unseen(
            "Gavel's account is no collaborator of the mirror, so its `!testme` need not fire; add it",
        )
    }
}

/// A build that did not end: nobody's fault while the runner is busy with builds that came before it.
pub fn hangs(witness: &Witness<'_>, name: &str, build: &Build) -> Result<Ruling, Doubt> {
    watched_out(witness, &format!("{name}.build"))?;
    if build.status == "pending" {
        let queue: Option<Vec<Build>> = witness.see(&format!("{name}.queue"))?;
        let before = queue
            .unwrap_or_default()
            .into_iter()
            .filter(|other| other.number < build.number && !other.ended())
            .count();
        if before > 0 {
            return unseen(format!(
                "build {} still stands in line: the runner is busy with {before} that came before it; verify again when they are done",
                build.number
            ));
        }
    }
    broken(
        format!(
            "build {} did not end: it is still `{}`",
            build.number,
            cut(&build.status)
        ),
        "Look at the build's page for where it hangs, and at the runner",
    )
}

pub fn results(
    witness: &Witness<'_>,
    name: &str,
    build: &Build,
) -> Result<Result<Results, Ruling>, Doubt> {
    let label = format!("{name}.results");
    let number = build.number;
    asked(witness, &label, &Question::Results { build: number })?;
    let value: Value = witness.see(&label)?;
    let wrong = |seen: &str| Ruling::Broken {
        certain: false,
        seen: seen.into(),
        mend: "Look at how the harness writes results.json, and where it is served".into(),
    };
    if value.is_null() {
        watched_out(witness, &label)?;
        return Ok(Err(wrong("the build left no results.json")));
    }
    Ok(serde_json::from_value(value)
        .map_err(|_| wrong("the build's results.json is not in the form of one")))
}

pub fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
