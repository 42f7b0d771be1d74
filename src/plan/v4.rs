//! V4: the loop of at most three runs, once with a regression that can be repaired, once with one that stays.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::{cut, names_page, page, same_account};
use super::harness::{look_after, moved_by_flow, others_changed_tests, others_moved_main, words};
use super::opened::{
    comments_of, compose_after, compose_before, ended_without, green_although, is_the_upgrade,
    results, says, scenario as configured, tests_run, undisturbed,
};
use super::run::{Run, upgrade};
use super::sight::{Pull, Status};
use super::tries::{Try, head_statuses, look, look_at_head, typed, upgraded_tries};
use super::upgrade::{Compose, weakened};
use super::v3::{baseline, known_green};
use super::variants::of_pull;
use super::{ClauseSpec, Item, Ruling, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Witness};
use crate::flow::Outcome;
use futures_util::FutureExt;
use regex::Regex;

pub const ITEM: Item = Item {
    id: "V4",
    title: "A regression gets three runs",
    does: "runs `/recipe-upgrade` on a sandbox recipe whose upgrade needs a repair, and on one whose upgrade never starts, and closes what that opened",
    needs: &["V3"],
    lacks: |expect| {
        let lacks = |key| expect.scenario(key).err();
        lacks("repairable").or_else(|| lacks("persistent"))
    },
    clauses: &[
        ClauseSpec {
            id: "V4.1",
            says: "Repairable: the first run is red, then the head of the same branch changes, and the last run is green",
            judge: repaired,
        },
        ClauseSpec {
            id: "V4.2",
            says: "At most three `!testme` runs, each recorded on the pull request with its build",
            judge: recorded,
        },
        ClauseSpec {
            id: "V4.3",
            says: "Repairable: `RESULT: SUCCESS`, and the final head still is the upgrade",
            judge: still_the_upgrade,
        },
        ClauseSpec {
            id: "V4.4",
            says: "Persistent: exactly three runs, all red",
            judge: three_red,
        },
        ClauseSpec {
            id: "V4.5",
            says: "Persistent: the pull request is left open and unmerged",
            judge: left_open,
        },
        ClauseSpec {
            id: "V4.6",
            says: "Persistent: `RESULT: FAILED — upgrade not green after 3 !testme runs`",
            judge: |witness| {
                let expect = expected(witness, PERSISTENT)?;
                seeded(witness, PERSISTENT, &expect)?;
                says(witness, PERSISTENT, &expect, Outcome::NotGreen)
            },
        },
        ClauseSpec {
            id: "V4.7",
            says: "Nothing was weakened to force green",
            judge: nothing_weakened,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const REPAIRABLE: &str = "repairable";
const PERSISTENT: &str = "persistent";
const RUNS: usize = 3;

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let both = [REPAIRABLE, PERSISTENT].map(|key| bench.expect.scenario(key));
    let [Ok(repairable), Ok(persistent)] = both else {
        return Ok(());
    };
    let on = bench.on(&repairable.recipe);
    baseline(&on, "V4").await?;
    for (key, expect) in [(REPAIRABLE, repairable), (PERSISTENT, persistent)] {
        let on = bench.on(&expect.recipe);
        let run = Run {
            name: key,
            purpose: "V4, by the flow",
            with_tests: false,
        };
        if let Some(pull) = upgrade(&on, &run).await? {
            look(&on, key, &pull).await?;
            look_at_head(&on, key, &pull).await?;
        }
        look_after(&on, key).await?;
    }
    Ok(())
}

// The judge.

fn expected(witness: &Witness<'_>, key: &str) -> Result<Expectations, Doubt> {
    // Both, so that half of the item is not taken for the whole.
    configured(witness, REPAIRABLE)?;
    configured(witness, PERSISTENT)?;
    configured(witness, key)
}

/// Control: the first head is the upgrade, and red for the reason that was seeded. In doubt where it is not.
fn seeded(
    witness: &Witness<'_>,
    key: &str,
    expect: &Expectations,
) -> Result<(Pull, Vec<Try>), Doubt> {
    let (pull, tries, _) = upgraded_tries(witness, key, expect)?;
    let Some(first) = tries.first() else {
        return unseen("control: nothing was tested");
    };
    if first.build.green() {
        return unseen(format!(
            "control: the first build {} is green, so there was no regression to repair; mend the sandbox",
            first.build.number
        ));
    }
    let pattern = expect.upgrading.red_because.get(key);
    let pattern = pattern.and_then(|pattern| Regex::new(pattern).ok());
    let Some(pattern) = pattern else {
        return unseen(format!(
            "`sandbox.{key}.red_because` is no regular expression"
        ));
    };
    if !first.log(witness)?.shows(&pattern) {
        return unseen(format!(
            "control: build {} is red, but its log does not show `{pattern}`: it is red for another reason",
            first.build.number
        ));
    }
    Ok((pull, tries))
}

fn repaired(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness, REPAIRABLE)?;
    let (pull, tries) = seeded(witness, REPAIRABLE, &expect)?;
    let mend = "Look at what the skill makes of a red build's log";
    let doubt = |ruling| undisturbed(witness, REPAIRABLE, &expect, ruling);
    let (Some(first), Some(last)) = (tries.first(), tries.last()) else {
        return unseen("there are no runs");
    };
    if !last.build.has_result() {
        return unseen(ended_without(&last.build));
    }
    if !last.build.green() {
        if others_moved_main(witness, REPAIRABLE, &expect)? {
            return unseen(others_changed_tests(&expect));
        }
        return doubt(broken(
            format!(
                "the last of {} runs, build {}, is red",
                tries.len(),
                last.build.number
            ),
            mend,
        ));
    }
    if first.commit() == last.commit() {
        return doubt(broken(
            format!(
                "builds {} and {} tested the same commit: nothing was repaired, and the gate changed its mind",
                first.build.number, last.build.number
            ),
            mend,
        ));
    }
    if last.commit() != pull.head.sha {
        return doubt(broken(
            format!(
                "the last run, build {}, tested another commit than the head of pull request {}",
                last.build.number, pull.number
            ),
            "Look at whether the skill changes the branch after it was tested",
        ));
    }
    holds(format!(
        "pull request {}: build {} red, build {} green",
        pull.number, first.build.number, last.build.number
    ))
}

fn recorded(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let mut seen = Vec::new();
    for key in [REPAIRABLE, PERSISTENT] {
        let expect = expected(witness, key)?;
        let (pull, tries) = seeded(witness, key, &expect)?;
        let typed = typed(witness, key, &pull, &expect)?;
        let number = pull.number;
        if typed > RUNS || tries.len() > RUNS {
            return certainly_broken(
                format!(
                    "on pull request {number} of `{}`, {typed} `{}` were typed and {} builds started",
                    expect.mirror,
                    expect.trigger,
                    tries.len()
                ),
                "Look at where the skill counts its runs",
            );
        }
        let doubt = |ruling| undisturbed(witness, key, &expect, ruling);
        if typed != tries.len() {
            return doubt(broken(
                format!(
                    "on pull request {number} of `{}`, {typed} `{}` stand, and there are {} builds",
                    expect.mirror,
                    expect.trigger,
                    tries.len()
                ),
                "Look at how the skill asks for a run",
            ));
        }
        let talk = comments_of(witness, &format!("{key}.talk"), number, &expect)?;
        for run in &tries {
            let page = page(&run.build, &expect);
            let in_talk = talk.iter().any(|comment| {
                let ours = [&expect.flow, &expect.gate];
                ours.iter()
                    .any(|ours| same_account(&comment.user.login, ours))
                    && names_page(&comment.body, &page)
            });
            let in_status = run.statuses.iter().any(|status| {
                same_account(&status.creator.login, &expect.gate)
                    && status.target_url.trim_end_matches('/') == page
            });
            if !in_talk && !in_status {
                return doubt(broken(
                    format!(
                        "build {} is not recorded on pull request {number}",
                        run.build.number
                    ),
                    "Write every run on the pull request, with its build",
                ));
            }
        }
        seen.push(format!(
            "{} runs on pull request {number} of `{}`",
            tries.len(),
            expect.mirror
        ));
    }
    holds(seen.join(", "))
}

fn still_the_upgrade(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness, REPAIRABLE)?;
    seeded(witness, REPAIRABLE, &expect)?;
    match says(witness, REPAIRABLE, &expect, Outcome::Success)? {
        Ruling::Holds(_) => is_the_upgrade(witness, REPAIRABLE, &expect),
        broken => Ok(broken),
    }
}

fn three_red(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness, PERSISTENT)?;
    let (pull, tries) = seeded(witness, PERSISTENT, &expect)?;
    let numbers: Vec<_> = tries
        .iter()
        .map(|run| run.build.number.to_string())
        .collect();
    let numbers = numbers.join(", ");
    if let Some(green) = tries.iter().find(|run| run.build.green()) {
        return undisturbed(
            witness,
            PERSISTENT,
            &expect,
            broken(
                format!(
                    "build {} of pull request {} is green, although this upgrade never starts",
                    green.build.number, pull.number
                ),
                "Look at what the head of that build holds, and at the gate",
            ),
        );
    }
    if tries.len() != RUNS {
        return undisturbed(
            witness,
            PERSISTENT,
            &expect,
            broken(
                format!("{} runs, not {RUNS}: builds {numbers}", tries.len()),
                "Look at where the skill counts its runs",
            ),
        );
    }
    if let Some(run) = tries.iter().find(|run| !run.build.has_result()) {
        return unseen(ended_without(&run.build));
    }
    holds(format!("builds {numbers}, all red"))
}

fn left_open(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness, PERSISTENT)?;
    let (pull, _) = seeded(witness, PERSISTENT, &expect)?;
    let number = pull.number;
    let mend = "Leave it open, for somebody to look at";
    if pull.merged && same_account(&pull.merged_by.login, &expect.flow) {
        return certainly_broken(
            format!("pull request {number} was merged by the flow"),
            mend,
        );
    }
    if pull.merged {
        return unseen(format!(
            "pull request {number} was merged, by `{}` and not by the flow",
            cut(&pull.merged_by.login)
        ));
    }
    if !pull.is_open() {
        return undisturbed(
            witness,
            PERSISTENT,
            &expect,
            broken(format!("pull request {number} is closed"), mend),
        );
    }
    holds(format!("pull request {number} is open"))
}

fn nothing_weakened(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let mend = "Nothing that tests an upgrade may be changed by it";
    let mut seen = Vec::new();
    for key in [REPAIRABLE, PERSISTENT] {
        let expect = expected(witness, key)?;
        let (pull, tries) = seeded(witness, key, &expect)?;
        if let Some(ruling) = harness_changed(witness, key, &expect)? {
            return Ok(ruling);
        }
        let before = compose_before(witness, key, &expect)?;
        let number = pull.number;
        for (commit, compose, statuses) in looks(witness, key, &pull, &tries, &expect)? {
            let weaker = match compose {
                Ok(after) => weakened(&before, &after),
                Err(why) => Some(why),
            };
            let doubt = |ruling| undisturbed(witness, key, &expect, ruling);
            if let Some(why) = weaker {
                let what = format!("in {commit} of pull request {number}, {why}");
                return doubt(broken(what, mend));
            }
            if let Some(status) = forged(&statuses, &expect) {
                let what = format!(
                    "the status `{}: {}` of {commit} of pull request {number} is by `{}`, not by the gate",
                    cut(&status.context),
                    cut(&status.status),
                    cut(&status.creator.login)
                );
                if same_account(&status.creator.login, &expect.flow) {
                    return certainly_broken(what, "Only the gate writes statuses");
                }
                return unseen(what);
            }
        }
        for way in of_pull::differing(witness, key, &pull, &expect)? {
            let before = way.before.or_else(|why| {
                unseen(format!(
                    "{}, {}: {why}; mend the sandbox",
                    expect.upstream(),
                    way.name
                ))
            })?;
            let weaker = match way.after {
                Ok(after) => weakened(&before, &after),
                Err(why) => Some(why),
            };
            if let Some(why) = weaker {
                let what = format!("pull request {}, deployed {}: {why}", pull.number, way.name);
                return undisturbed(witness, key, &expect, broken(what, mend));
            }
        }
        seen.push(format!(
            "{} runs of pull request {}",
            tries.len(),
            pull.number
        ));
        if key == PERSISTENT {
            continue;
        }
        let green = known_green(witness, &expect)?;
        let measure = tests_run(&results(witness, "baseline", &green)?);
        let last = tries.last().filter(|run| run.build.green());
        if let Some(last) = last {
            let Some(run) = last.results(witness)? else {
                return unseen(format!("build {} left no results.json", last.build.number));
            };
            if let Some(wrong) = green_although(&last.build, &run) {
                return undisturbed(witness, key, &expect, broken(wrong, mend));
            }
            if tests_run(&run) != measure {
                if others_moved_main(witness, key, &expect)? {
                    return unseen(others_changed_tests(&expect));
                }
                return undisturbed(
                    witness,
                    key,
                    &expect,
                    broken(
                        format!(
                            "build {} did not run the stages and tests that build {} ran",
                            last.build.number, green.number
                        ),
                        mend,
                    ),
                );
            }
        }
    }
    holds(format!(
        "harness, health checks, backup labels, statuses and tests as they were, in {}",
        seen.join(" and ")
    ))
}

/// A commit of the pull request in words, what its compose file said, or why it said nothing, and the statuses that it has.
type Look = (String, Result<Compose, String>, Vec<Status>);

/// What was tested, and the head where that was not: somebody who looks at the pull request sees the head.
fn looks(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    tries: &[Try],
    expect: &Expectations,
) -> Result<Vec<Look>, Doubt> {
    let mut looks = Vec::new();
    for run in tries {
        let commit = format!("the commit that build {} tested", run.build.number);
        let compose = run.compose(witness, expect)?;
        looks.push((commit, compose, run.statuses.clone()));
    }
    if tries.iter().all(|run| run.commit() != pull.head.sha) {
        let compose = compose_after(witness, name, pull, expect)?;
        let statuses = head_statuses(witness, name, pull, expect)?;
        looks.push(("the head, which no build tested,".into(), compose, statuses));
    }
    Ok(looks)
}

/// A status that is not the gate's. Whatever it is called, who looks at the pull request sees its colour.
fn forged<'a>(statuses: &'a [Status], expect: &Expectations) -> Option<&'a Status> {
    let mut statuses = statuses.iter();
    statuses.find(|status| {
        let by = &status.creator.login;
        let counts = status.context == expect.status_context || same_account(by, &expect.flow);
        counts && !same_account(by, &expect.gate)
    })
}

/// What the flow did to the harness's branches, what it put back among it. Others may work there meanwhile.
fn harness_changed(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Option<Ruling>, Doubt> {
    let acts = moved_by_flow(witness, name, expect)?;
    Ok(acts.first().map(|act| Ruling::Broken {
        seen: format!("the flow {} of `{}`", words(act), expect.upgrading.harness),
        mend: "No test is changed in default mode; look at what the skill pushes".into(),
        certain: true,
    }))
}
