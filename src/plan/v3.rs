//! V3: `/recipe-upgrade` of a recipe with a real upgrade, in default mode, is green end to end.

use super::bench::{Bench, Stop};
use super::drive::{fire, follow};
use super::expect::Expectations;
use super::gate::{
    Surfaces, comments, cut, misdirected, ours, same_account, somebody_else_typed, statuses,
};
use super::harness::{look_after, opened_elsewhere, others_moved_main};
use super::opened::{
    branches, builds, closed_by, ended_without, green_although, history, is_the_upgrade, main,
    nothing_merged, opened, opened_in_harness, ran, results, says, scenario as configured,
    tests_run, the_pull, undisturbed, unless_one_was_open,
};
use super::run::{MAIN, Run, moved_by, pushed, upgrade};
use super::sight::{Activity, Branch, Build, Pull};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{Outcome, Ran};
use futures_util::FutureExt;

pub const ITEM: Item = Item {
    id: "V3",
    title: "`/recipe-upgrade` is green end to end",
    does: "tests the recipe as it is in a pull request of its own, then runs `/recipe-upgrade` on it and follows what it opens",
    needs: &["V1", "V2"],
    lacks: |expect| expect.scenario("upgrade").err(),
    clauses: &[
        ClauseSpec {
            id: "V3.1",
            says: "The mirror is reconciled: its `main` equals upstream's",
            judge: reconciled,
        },
        ClauseSpec {
            id: "V3.2",
            says: "Exactly one pull request is opened, from a branch of its own to `main`",
            judge: one_pull,
        },
        ClauseSpec {
            id: "V3.3",
            says: "The bump is real: the newest tag of the same shape, the version label following, nothing else touched",
            judge: |witness| is_the_upgrade(witness, RUN, &expected(witness)?),
        },
        ClauseSpec {
            id: "V3.4",
            says: "`!testme` ran on its head, with the same stages and tests as the known-green one, and is green on the pull request",
            judge: tested,
        },
        ClauseSpec {
            id: "V3.5",
            says: "The last result line is `RESULT: SUCCESS`",
            judge: |witness| says(witness, RUN, &expected(witness)?, Outcome::Success),
        },
        ClauseSpec {
            id: "V3.6",
            says: "Nothing was merged",
            judge: |witness| nothing_merged(witness, RUN, &expected(witness)?),
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const RUN: &str = "run";

const MOVED: &str =
    "the tests on the harness's `main` changed while this was verified; verify again";

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let Ok(expect) = bench.expect.scenario("upgrade") else {
        return Ok(());
    };
    let bench = &bench.on(&expect.recipe);
    baseline(bench, "V3").await?;
    let run = Run {
        name: RUN,
        purpose: "V3, by the flow",
        with_tests: false,
    };
    upgrade(bench, &run).await?;
    look_after(bench, RUN).await
}

/// A build of the recipe as it is: what an upgrade of it must still pass. Answers whether there was one.
pub async fn baseline(bench: &Bench, item: &str) -> Result<bool, Stop> {
    bench.clear().await?;
    bench.doing("testing the recipe as it is").await;
    let purpose = format!("{item}, the recipe before the upgrade");
    let mirror = &bench.expect.mirror;
    let pull: Pull = bench
        .open_pull("baseline", mirror, "main", &purpose)
        .await?;
    let Some(fired) = fire(bench, "baseline", &pull).await? else {
        return Ok(false);
    };
    follow(bench, "baseline", &pull, &fired).await?;
    Ok(true)
}

// The judge.

fn expected(witness: &Witness<'_>) -> Result<Expectations, Doubt> {
    configured(witness, "upgrade")
}

/// The build of the recipe before the upgrade; in doubt where it is not green, since then it is no measure.
pub fn known_green(witness: &Witness<'_>, expect: &Expectations) -> Result<Build, Doubt> {
    let pull: Pull = witness.see("baseline")?;
    let question = Question::Post {
        repository: expect.mirror.clone(),
        number: pull.number,
        account: expect.gavel.clone(),
        body: expect.trigger.clone(),
    };
    super::gate::asked(witness, "baseline.posted", &question)?;
    let started: Option<Vec<Build>> = witness.see("baseline.builds")?;
    if ours(started.unwrap_or_default(), &pull, expect).is_empty() {
        return unseen("control: the recipe as it is could not be tested, no build was started");
    }
    let build: Build = witness.see("baseline.build")?;
    if let Some(wrong) = misdirected(&build, &pull, expect) {
        return unseen(format!("control: {wrong}"));
    }
    if !build.green() {
        return unseen(format!(
            "control: the recipe as it is ended `{}` in build {}, so that an upgrade of it proves nothing; mend the sandbox",
            cut(&build.status),
            build.number
        ));
    }
    if let Some(wrong) = green_although(&build, &results(witness, "baseline", &build)?) {
        return unseen(format!("control: {wrong}"));
    }
    Ok(build)
}

/// The mirror's `main` is upstream's; shared with V7.
pub fn is_reconciled(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Ruling, Doubt> {
    ran(witness, name, expect)?;
    let upstream = expect.upstream();
    let before = main(witness, &format!("{name}.before.upstream"), &upstream)?;
    let after = main(witness, &format!("{name}.after.upstream"), &upstream)?;
    let mirror = main(witness, &format!("{name}.after.mirror"), &expect.mirror)?;
    let sha = |branch: &Option<Branch>| branch.as_ref().map(|branch| branch.commit.sha.clone());
    let (Some(before), Some(after)) = (sha(&before), sha(&after)) else {
        return unseen(format!("`{upstream}` has no `main`"));
    };
    let Some(mirror) = sha(&mirror) else {
        return broken(
            format!("`{}` has no `main` any more", expect.mirror),
            MEND_MIRROR,
        );
    };
    if mirror == after {
        return holds(format!("both at `{}`", short(&mirror)));
    }
    if before != after {
        return unseen(format!(
            "upstream's `main` moved while the flow ran, from `{}` to `{}`; verify again",
            short(&before),
            short(&after)
        ));
    }
    let acts = moved_by(name);
    if witness.has(&acts) {
        let acts: Option<Vec<Activity>> = witness.see(&acts)?;
        if !pushed(acts.as_deref(), &expect.mirror, MAIN, &mirror) {
            return unseen(format!(
                "the mirror's `main` is at `{}`, and not by a push of `{}`: somebody else moved it while the flow ran; verify again",
                short(&mirror),
                cut(&expect.flow)
            ));
        }
    }
    undisturbed(
        witness,
        name,
        expect,
        broken(
            format!(
                "the mirror's `main` is at `{}`, upstream's at `{}`",
                short(&mirror),
                short(&after)
            ),
            MEND_MIRROR,
        ),
    )
}

const MEND_MIRROR: &str =
    "Look at how the skill reconciles the mirror, before it upgrades anything";

fn reconciled(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    is_reconciled(witness, RUN, &expected(witness)?)
}

fn one_pull(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let ran = ran(witness, RUN, &expect)?;
    if let [elsewhere, ..] = &opened_in_harness(witness, RUN, &expect)?[..] {
        return certainly_broken(
            format!(
                "in default mode pull request {} was opened in `{}`",
                elsewhere.number, expect.upgrading.harness
            ),
            "Look at whether the skill takes the default mode for `--with-tests`",
        );
    }
    let elsewhere = opened_elsewhere(witness, RUN, &expect);
    if let Ok(Some(beyond)) = &elsewhere {
        return certainly_broken(
            format!(
                "pull request {} was opened in `{}`, which is not the recipe's mirror",
                beyond.number().unwrap_or_default(),
                cut(beyond.repository())
            ),
            "Look at whether the skill keeps to the recipe that it is given",
        );
    }
    match one_in_the_mirror(witness, &expect, &ran)? {
        Ruling::Holds(told) => elsewhere.map(|_| Ruling::Holds(told)),
        wrong => Ok(wrong),
    }
}

fn one_in_the_mirror(
    witness: &Witness<'_>,
    expect: &Expectations,
    ran: &Ran,
) -> Result<Ruling, Doubt> {
    let mend = "Look at where the skill pushes, and at how it opens the pull request";
    let known = branches(
        witness,
        &format!("{RUN}.before.mirror.branches"),
        &expect.mirror,
    )?;
    match &opened(witness, RUN, "mirror", expect)?[..] {
        [] => unless_one_was_open(
            witness,
            RUN,
            expect,
            broken(
                format!("the flow opened no pull request ({})", ran.ending()),
                mend,
            ),
        ),
        [_] => {
            let pull = the_pull(witness, RUN, expect, "V3.2")?;
            let number = pull.number;
            let branch = pull.branch();
            let wrong = if pull.base.branch != "main" {
                Some(format!(
                    "leads to `{}`, not to `main`",
                    cut(&pull.base.branch)
                ))
            } else if !same_account(&pull.head.repo.full_name, &expect.mirror) {
                Some(format!(
                    "is from `{}`, not from the mirror",
                    cut(&pull.head.repo.full_name)
                ))
            } else if known.iter().any(|known| known.name == branch) {
                Some(format!("is from `{}`, which was there before", cut(branch)))
            } else {
                None
            };
            if let Some(wrong) = wrong {
                let wrong = broken(format!("pull request {number} {wrong}"), mend);
                return unless_one_was_open(witness, RUN, expect, wrong);
            }
            if pull.is_open() || pull.merged {
                // That it must not be merged is V3.6.
                return holds(format!("pull request {number} from `{}`", cut(branch)));
            }
            closed(witness, &pull, expect)
        }
        many => {
            let many: Vec<_> = many.iter().map(|pull| pull.number.to_string()).collect();
            certainly_broken(
                format!(
                    "the flow opened {} pull requests: {}",
                    many.len(),
                    many.join(", ")
                ),
                mend,
            )
        }
    }
}

/// A pull request that does not stand open at the end.
fn closed(witness: &Witness<'_>, pull: &Pull, expect: &Expectations) -> Result<Ruling, Doubt> {
    let history = history(witness, &format!("{RUN}.history"), pull.number, expect)?;
    match closed_by(&history) {
        Some(who) if same_account(who, &expect.flow) => broken(
            format!(
                "the flow opened pull request {} and closed it again",
                pull.number
            ),
            "Look at what the skill closes: the new pull request is none of the superseded ones",
        ),
        who => unseen(format!(
            "pull request {} was opened, and `{}` closed it while it was watched; verify again",
            pull.number,
            cut(who.unwrap_or("somebody"))
        )),
    }
}

fn tested(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let green = known_green(witness, &expect)?;
    let measure = tests_run(&results(witness, "baseline", &green)?);
    let pull = the_pull(witness, RUN, &expect, "V3.2")?;
    let doubt = |ruling| undisturbed(witness, RUN, &expect, ruling);
    let talk = comments(witness, &format!("{RUN}.talk"), &pull, &expect)?;
    let typed = talk
        .iter()
        .filter(|comment| {
            same_account(&comment.user.login, &expect.flow)
                && expect.triggers().any(|body| comment.body.trim() == body)
        })
        .count();
    if typed == 0 {
        return doubt(broken(
            format!(
                "no `{}` by the flow stands on pull request {}",
                expect.trigger, pull.number
            ),
            "Look at whether the skill calls the helper with `POST=1`",
        ));
    }
    let builds = builds(witness, RUN, &pull, &expect)?;
    let of_head = |build: &&Build| build.parameter("REF") == pull.head.sha;
    let Some(newest) = builds.iter().rfind(of_head) else {
        return doubt(broken(
            format!(
                "no build of the head `{}` of pull request {}",
                short(&pull.head.sha),
                pull.number
            ),
            "Look at whether the skill changes the branch after it was tested",
        ));
    };
    let parties = [expect.flow.as_str(), expect.gavel.as_str()];
    if let Some(who) =
        somebody_else_typed(witness, &format!("{RUN}.talk"), &pull, &parties, &expect)?
    {
        return unseen(who);
    }
    let build: Build = witness.see(&format!("{RUN}.build"))?;
    if build.number != newest.number {
        return unseen(format!("`{RUN}.build` is build {}", build.number));
    }
    if let Some(wrong) = misdirected(&build, &pull, &expect) {
        return blocked(format!("the gate did not test this pull request: {wrong}"));
    }
    if !build.ended() {
        return unseen(format!(
            "build {} of the head has not ended: it is `{}`",
            build.number,
            cut(&build.status)
        ));
    }
    if !build.has_result() {
        return unseen(ended_without(&build));
    }
    if !build.green() {
        if others_moved_main(witness, RUN, &expect)? {
            return unseen(MOVED);
        }
        return doubt(broken(
            format!("build {} of the head is red", build.number),
            "Look at the build's log for what the upgrade breaks",
        ));
    }
    let surfaces = Surfaces::read(
        &statuses(witness, &format!("{RUN}.statuses"), &pull, &expect)?,
        &comments(witness, &format!("{RUN}.comments"), &pull, &expect)?,
        &build,
        &pull,
        &expect,
    );
    if !surfaces.tell(true) {
        return doubt(broken(
            format!(
                "build {} is green, and on its pull request {}",
                build.number,
                surfaces.words()
            ),
            "Look at who writes the result on the pull request, and what",
        ));
    }
    let run = results(witness, RUN, &build)?;
    if let Some(wrong) = green_although(&build, &run) {
        return doubt(broken(
            wrong,
            "Look at what the harness makes of a test that fails",
        ));
    }
    let run = tests_run(&run);
    if run != measure {
        let of = |one: &std::collections::BTreeSet<String>, other| {
            let names: Vec<_> = one.difference(other).map(|name| cut(name)).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        if others_moved_main(witness, RUN, &expect)? {
            return unseen(MOVED);
        }
        return doubt(broken(
            format!(
                "build {} did not run what the known-green one ran (missing: {}; added: {})",
                build.number,
                of(&measure, &run),
                of(&run, &measure)
            ),
            "Look at what keeps the harness from running all tests on the upgrade",
        ));
    }
    holds(format!(
        "build {}: {} stages and tests as in build {}; {}",
        build.number,
        run.len(),
        green.number,
        surfaces.words()
    ))
}

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
