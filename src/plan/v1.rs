//! V1: `!testme` on a recipe pull request is the real gate.

use super::bench::{Bench, Stop, Who};
use super::drive::{fire, follow, latest, see_all};
use super::expect::Expectations;
use super::gate::{
    Surfaces, asked, comments, cut, expectations, log_pattern, misdirected, ours, page,
    somebody_else_typed, statuses, typed, watched_out,
};
use super::sight::{Build, Comment, Log, Pull, Results, Status};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use futures_util::FutureExt;
use serde_json::Value;

pub const ITEM: Item = Item {
    id: "V1",
    title: "`!testme` on a recipe pull request is the real gate",
    does: "opens a known-green and a known-red pull request in the mirror, types every good and bad trigger there, also in the outsider's name, and waits for the builds",
    needs: &[],
    clauses: &[
        ClauseSpec {
            id: "V1.1",
            says: "A `!testme` by a collaborator starts exactly one build, for that pull request and that head",
            judge: one_build_each,
        },
        ClauseSpec {
            id: "V1.2",
            says: "That build runs the suite: every stage, at least one test, to its end",
            judge: runs_the_suite,
        },
        ClauseSpec {
            id: "V1.3",
            says: "The result is put back on the pull request, as it was and leading to the build",
            judge: put_back,
        },
        ClauseSpec {
            id: "V1.4",
            says: "A `!testme` by an outsider starts nothing and changes no status",
            judge: outsider_is_rejected,
        },
        ClauseSpec {
            id: "V1.5",
            says: "Bad triggers start nothing",
            judge: bad_triggers_do_not_fire,
        },
        ClauseSpec {
            id: "V1.6",
            says: "Control: after the quiet windows a collaborator's `!testme` still fires",
            judge: control_fires,
        },
        ClauseSpec {
            id: "V1.7",
            says: "The gate can say no: the known-red head ends red, by a failed test",
            judge: can_say_no,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let expect = &bench.expect;
    let mirror = &expect.mirror;
    bench.doing("asking who has access").await;
    for (label, account) in [
        ("gavel.collaborator", &expect.gavel),
        ("outsider.collaborator", &expect.outsider),
    ] {
        let question = Question::Collaborator {
            repository: mirror.clone(),
            account: account.clone(),
        };
        bench.see::<bool>(label, question).await?;
    }
    let question = Question::Member {
        organisation: expect.organisation.clone(),
        account: expect.outsider.clone(),
    };
    bench.see::<bool>("outsider.member", question).await?;

    bench.doing("opening the known-green pull request").await;
    let green: Pull = bench
        .open_pull("green", mirror, &expect.known_green, "V1, known green")
        .await?;
    let Some(first) = fire(bench, "first", &green).await? else {
        return Ok(());
    };
    follow(bench, "first", &green, &first).await?;

    bench.doing("quiet window: one build, not two").await;
    bench.quiet("first.quiet").await?;
    // Asked before the list is: what comes in between is seen twice, not never.
    let before = latest(bench, "outsider.before").await?;
    see_all(bench, "first.after", first.after, &green).await?;

    bench
        .doing("quiet window: the outsider must not fire")
        .await;
    for (number, body) in expect.triggers().enumerate() {
        let label = format!("outsider.posted.{}", number + 1);
        bench
            .post(&label, Who::Outsider, mirror, green.number, body)
            .await?;
    }
    bench.quiet("outsider.quiet").await?;
    let newest = latest(bench, "bad.before").await?;
    see_all(bench, "outsider.after", before, &green).await?;

    bench
        .doing("quiet window: bad triggers must not fire")
        .await;
    for (number, body) in expect.bad_triggers.iter().enumerate() {
        bench
            .post(
                &format!("bad.posted.{}", number + 1),
                Who::Gavel,
                mirror,
                green.number,
                body,
            )
            .await?;
    }
    bench.quiet("bad.quiet").await?;
    latest(bench, "control.before").await?;
    see_all(bench, "bad.after", newest, &green).await?;

    // Both at once: a gate that mixes up what runs at the same time is none.
    let red: Pull = bench
        .open_pull("red", mirror, &expect.known_red, "V1, known red")
        .await?;
    bench.doing("control: a good trigger still fires").await;
    let control = fire(bench, "control", &green).await?;
    let fired = fire(bench, "red", &red).await?;
    if let Some(control) = &control {
        follow(bench, "control", &green, control).await?;
        see_all(bench, "control.after", control.after, &green).await?;
    }
    if let Some(fired) = &fired {
        follow(bench, "red", &red, fired).await?;
        see_all(bench, "red.after", fired.after, &red).await?;
    }
    Ok(())
}

// The judge.

/// The builds that a trigger led to, or why they cannot be told.
fn started(witness: &Witness<'_>, name: &str, pull: &str) -> Result<Vec<Build>, Doubt> {
    let expect = expectations(witness)?;
    let pull: Pull = witness.context(pull)?;
    let builds: Option<Vec<Build>> = witness.see(&format!("{name}.builds"))?;
    Ok(ours(builds.unwrap_or_default(), &pull, &expect))
}

/// What Gavel typed to start a build.
fn triggered(witness: &Witness<'_>, name: &str, pull: &str) -> Result<Comment, Doubt> {
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
fn build_of(witness: &Witness<'_>, name: &str, pull: &str, because: &str) -> Result<Build, Doubt> {
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
fn told_apart(
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

fn may_command(witness: &Witness<'_>) -> Result<(), Doubt> {
    if witness.context("gavel.collaborator")? {
        Ok(())
    } else {
        unseen(
            "Gavel's account is no collaborator of the mirror, so its `!testme` need not fire; add it",
        )
    }
}

fn one_build_each(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn runs_the_suite(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

/// A build that did not end: nobody's fault while the runner is busy with builds that came before it.
fn hangs(witness: &Witness<'_>, name: &str, build: &Build) -> Result<Ruling, Doubt> {
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

fn results(
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

fn put_back(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn outsider_is_rejected(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn bad_triggers_do_not_fire(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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
    // And goes on in this one; but for the first build, which has ended.
    let going_on = if before == "first.after" {
        Vec::new()
    } else {
        earlier
    };
    let of_the_gate = |label: &str| -> Result<Vec<Status>, Doubt> {
        let mut statuses = statuses(witness, &format!("{label}.statuses"), &green, &expect)?;
        statuses.retain(|status| {
            status.context == expect.status_context
                && going_on
                    .iter()
                    .all(|build| status.target_url.trim_end_matches('/') != page(build, &expect))
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

fn control_fires(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn can_say_no(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
