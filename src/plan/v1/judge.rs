//! V1's judge of what a trigger leads to: one build that runs the suite and is told of where people look, and that can say no.

use super::seen::*;
use super::silence::control_fires;
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::gate::{
    Surfaces, asked, comments, cut, expectations, log_pattern, misdirected, statuses, watched_out,
};
use crate::plan::opened::ended_without;
use crate::plan::sight::{Log, Pull};
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};

pub fn one_build_each(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    may_command(witness)?;
    let mut numbers = Vec::new();
    for (name, pull_label) in [("first", "green"), ("control", "green"), ("red", "red")] {
        let pull: Pull = witness.see(pull_label)?;
        triggered(witness, name, pull_label)?;
        if started(witness, name, pull_label)?.is_empty() {
            if name != "first" {
                // That nothing fires any more is V1.6's and V1.7's to tell.
                continue;
            }
            watched_out(witness, &format!("{name}.builds"))?;
            return broken(
                format!(
                    "`{}` was typed on pull request {} and no build was started for it",
                    expect.trigger, pull.number
                ),
                format!(
                    "Look whether the bridge runs and has `{}` enrolled; a mirror that is not enrolled is not watched at all",
                    expect.mirror
                ),
            );
        }
        let builds = started(witness, &format!("{name}.after"), pull_label)?;
        for build in &builds {
            if let Some(wrong) = misdirected(build, &pull, &expect) {
                return certainly_broken(
                    wrong,
                    "Look at how the bridge fills the parameters of the build",
                );
            }
        }
        match &builds[..] {
            [one] => numbers.push(format!(
                "build {} for pull request {} at `{}`",
                one.number,
                pull.number,
                short(&pull.head.sha)
            )),
            [] => return unseen("a build that was there has vanished from Drone"),
            many => {
                let many: Vec<_> = many.iter().map(|build| build.number.to_string()).collect();
                told_apart(witness, &format!("{name}.after.typed"), &pull, &expect)?;
                return certainly_broken(
                    format!(
                        "one `{}` started {} builds: {}",
                        expect.trigger,
                        many.len(),
                        many.join(", ")
                    ),
                    "Look at how the bridge remembers which comments it has dealt with",
                );
            }
        }
    }
    holds(numbers.join("; "))
}

pub fn runs_the_suite(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let mut seen = Vec::new();
    for name in ["first", "control"] {
        if name == "control" && started(witness, name, "green")?.is_empty() {
            break;
        }
        let build = build_of(witness, name, "green", "V1.1")?;
        if !build.ended() {
            return hangs(witness, name, &build);
        }
        if !build.has_result() {
            return unseen(ended_without(&build));
        }
        let results = match results(witness, name, &build)? {
            Ok(results) => results,
            Err(ruling) => return Ok(ruling),
        };
        if !results.are_of(&build) {
            return broken(
                format!(
                    "the results of build {} are of another one: build {}, `{}` at `{}`",
                    build.number,
                    results.build,
                    cut(&results.recipe),
                    cut(short(&results.commit))
                ),
                "Look at how the harness writes results.json, and what it checks out",
            );
        }
        for expected in &expect.stages {
            let stage = results.stages.iter().find(|stage| &stage.name == expected);
            match stage.map(|stage| stage.status.as_str()) {
                Some("passed") => {}
                // Why it failed is told below, where it is not a lie.
                Some("failed") if !build.green() => {}
                Some("failed") => {
                    return broken(
                        format!(
                            "build {} is green although its stage {expected} failed",
                            build.number
                        ),
                        "Look at how the harness turns failed stages into its exit status",
                    );
                }
                Some(other) => {
                    return broken(
                        format!(
                            "in build {} the stage {expected} is `{}`",
                            build.number,
                            cut(other)
                        ),
                        "Look at the stages that the harness runs",
                    );
                }
                None => {
                    return broken(
                        format!("build {} has no stage {expected}", build.number),
                        "Look at the stages that the harness runs",
                    );
                }
            }
        }
        let tests = results.ran();
        if tests == 0 {
            return broken(
                format!("build {} ran no test", build.number),
                format!(
                    "Look for the test files of `{}` in the harness's repository",
                    expect.recipe
                ),
            );
        }
        let failed = results.failed();
        if !build.green() {
            return broken(
                format!(
                    "the known-green head ended `{}` in build {} ({})",
                    cut(&build.status),
                    build.number,
                    if failed.is_empty() {
                        "no test failed".to_owned()
                    } else {
                        format!("failed: {}", failed.join(", "))
                    }
                ),
                "Look at the log; if the recipe is at fault, mend the known-green branch",
            );
        }
        if !failed.is_empty() {
            return broken(
                format!(
                    "build {} is green although tests failed: {}",
                    build.number,
                    failed.join(", ")
                ),
                "Look at how the harness turns failed tests into its exit status",
            );
        }
        if !expect.log_pattern.is_empty() {
            let label = format!("{name}.log");
            let number = build.number;
            asked(witness, &label, &Question::BuildLog { number })?;
            let log: Log = witness.see(&label)?;
            if !log.shows(&log_pattern(&expect)?) {
                if log.cut || !log.missing.is_empty() {
                    return unseen(format!(
                        "the log of build {} is not complete, and what there is does not show `{}`",
                        build.number, expect.log_pattern
                    ));
                }
                return broken(
                    format!(
                        "the log of build {} does not show `{}`",
                        build.number, expect.log_pattern
                    ),
                    "Look whether the harness deploys for real",
                );
            }
        }
        seen.push(format!(
            "build {}: {} stages, {tests} tests",
            build.number,
            expect.stages.len()
        ));
    }
    holds(seen.join("; "))
}

pub fn put_back(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let mut seen = Vec::new();
    for (name, pull) in [("first", "green"), ("control", "green"), ("red", "red")] {
        if name != "first" && started(witness, name, pull)?.is_empty() {
            // Told by V1.6 and V1.7.
            continue;
        }
        let build = build_of(witness, name, pull, "V1.1")?;
        if !build.ended() {
            return blocked(format!("build {} did not end (V1.2)", build.number));
        }
        let pull: Pull = witness.context(pull)?;
        let surfaces = Surfaces::read(
            &statuses(witness, &format!("{name}.statuses"), &pull, &expect)?,
            &comments(witness, &format!("{name}.comments"), &pull, &expect)?,
            &build,
            &pull,
            &expect,
        );
        if !surfaces.tell(build.green()) {
            watched_out(witness, &format!("{name}.statuses"))?;
            told_apart(witness, &format!("{name}.comments"), &pull, &expect)?;
            return broken(
                format!(
                    "build {} ended `{}`, and on its pull request {}",
                    build.number,
                    cut(&build.status),
                    surfaces.words()
                ),
                format!(
                    "Look at how the bridge reports: the status `{}` and its comment should both be of this build",
                    expect.status_context
                ),
            );
        }
        seen.push(format!("build {}: {}", build.number, surfaces.words()));
    }
    holds(seen.join("; "))
}

pub fn can_say_no(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    if started(witness, "first", "green")?.is_empty() {
        return blocked("not attempted, since a good trigger starts nothing (V1.1)");
    }
    may_command(witness)?;
    let expect = expectations(witness)?;
    let pull: Pull = witness.see("red")?;
    triggered(witness, "red", "red")?;
    let builds = started(witness, "red", "red")?;
    if builds.is_empty() {
        watched_out(witness, "red.builds")?;
        if let Ruling::Broken { .. } = control_fires(witness)? {
            return blocked("not attempted, since the control started nothing either (V1.6)");
        }
        return broken(
            format!(
                "`{}` was typed on pull request {} and no build was started for it, although one was for the known-green one",
                expect.trigger, pull.number
            ),
            "Look at the bridge's log for what it did with that comment",
        );
    }
    if let Some(wrong) = builds
        .iter()
        .find_map(|build| misdirected(build, &pull, &expect))
    {
        return blocked(format!("the known-red head was not built (V1.1): {wrong}"));
    }
    let build = build_of(witness, "red", "red", "V1.1")?;
    if !build.ended() {
        return hangs(witness, "red", &build);
    }
    if !build.has_result() {
        return unseen(ended_without(&build));
    }
    let results = match results(witness, "red", &build)? {
        Ok(results) => results,
        Err(ruling) => return Ok(ruling),
    };
    let failed = results.failed();
    if !results.are_of(&build) {
        return blocked(format!(
            "the results of build {} are of another one (V1.2)",
            build.number
        ));
    }
    if build.green() {
        return broken(
            format!(
                "the known-red head ended green in build {} ({})",
                build.number,
                if failed.is_empty() {
                    "no test failed".to_owned()
                } else {
                    format!("although these failed: {}", failed.join(", "))
                }
            ),
            "Look at how the harness runs the tests and turns them into its exit status; if the recipe is at fault, mend the known-red branch",
        );
    }
    if failed.is_empty() {
        return broken(
            format!("build {} is red, but no test of it failed", build.number),
            "Look at the log for why it is red: a gate that fails everything proves nothing",
        );
    }
    holds(format!(
        "build {} is red: {}",
        build.number,
        failed.join(", ")
    ))
}
