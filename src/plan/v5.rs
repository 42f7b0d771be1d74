//! V5: a test that is stale for the new version, in default mode: it is told of, and left alone.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::same_account;
use super::harness::{
    look_after, moved_by_flow, others_changed_tests, others_moved_main, unless_others_moved_main,
    words,
};
use super::note::{Claims, Note, Told};
use super::opened::{
    comments_of, ended_without, green_although, opened_in_harness, ran, results, says,
    scenario as configured, tests_run, undisturbed,
};
use super::run::{Run, upgrade};
use super::sight::{Comment, Results};
use super::stale::{Case, KEY, case, named, see_test};
use super::tries::{look, typed};
use super::v3::{baseline, known_green};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Witness};
use crate::flow::Outcome;
use futures_util::FutureExt;

pub const ITEM: Item = Item {
    id: "V5",
    title: "A stale test is told of, and not edited",
    does: "tests the recipe as it is in a pull request of its own, runs `/recipe-upgrade` on it in default mode, and looks at what that said and left",
    needs: &["V3"],
    lacks: |expect| expect.scenario("stale").err(),
    clauses: &[
        ClauseSpec {
            id: "V5.1",
            says: "A comment on the recipe pull request names the stale test and the new version, says why, and says to re-run `--with-tests`",
            judge: explained,
        },
        ClauseSpec {
            id: "V5.2",
            says: "What the comment claims is true of the run it is about: the test it names is among the failures, and nothing else failed",
            judge: true_of_the_run,
        },
        ClauseSpec {
            id: "V5.3",
            says: "No test is modified: no branch of the harness is new or moved by the flow, and no pull request there is new",
            judge: no_test_modified,
        },
        ClauseSpec {
            id: "V5.4",
            says: "`RESULT: SUCCESS-PENDING-TESTS`",
            judge: |witness| {
                let expect = expected(witness)?;
                stale(witness, &expect)?;
                says(witness, RUN, &expect, Outcome::PendingTests)
            },
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const RUN: &str = "run";
const FLAG: &str = "--with-tests";

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let Ok(expect) = bench.expect.scenario(KEY) else {
        return Ok(());
    };
    let bench = &bench.on(&expect.recipe);
    see_test(bench, "before").await?;
    baseline(bench, "V5").await?;
    let run = Run {
        name: RUN,
        purpose: "V5, by the flow",
        with_tests: false,
    };
    let pull = upgrade(bench, &run).await?;
    see_test(bench, "after").await?;
    if let Some(pull) = pull {
        look(bench, RUN, &pull).await?;
    }
    // Last: what was pushed at the end shows here a little later.
    look_after(bench, RUN).await
}

// The judge.

fn expected(witness: &Witness<'_>) -> Result<Expectations, Doubt> {
    configured(witness, KEY)
}

/// Control: the test passes on the version before the upgrade, and fails on the one after it. In doubt where it does not.
fn stale(witness: &Witness<'_>, expect: &Expectations) -> Result<(Case, Results), Doubt> {
    ran(witness, RUN, expect)?;
    let green = known_green(witness, expect)?;
    let before = results(witness, "baseline", &green)?;
    let test = &expect.upgrading.stale_test;
    if !before.passed().contains(test) {
        return unseen(format!(
            "control: `{test}` did not pass in build {}, which tested the version before the upgrade; mend the sandbox",
            green.number
        ));
    }
    Ok((case(witness, RUN, expect)?, before))
}

/// A comment of the flow's that is no trigger, and how many triggers the flow had typed before it.
struct Said {
    comment: Comment,
    note: Note,
    runs: usize,
}

fn said(witness: &Witness<'_>, case: &Case, expect: &Expectations) -> Result<Vec<Said>, Doubt> {
    let label = format!("{RUN}.talk");
    let mut talk = comments_of(witness, &label, case.pull.number, expect)?;
    talk.sort_by_key(|comment| comment.id);
    talk.retain(|comment| same_account(&comment.user.login, &expect.flow));
    let mut runs = 0;
    let mut said = Vec::new();
    for comment in talk {
        if expect.triggers().any(|body| comment.body.trim() == body) {
            runs += 1;
            continue;
        }
        let note = Note::read(&comment.body);
        said.push(Said {
            comment,
            note,
            runs,
        });
    }
    Ok(said)
}

/// What a comment should say, and does not, or not in words that can be read.
struct Lacks {
    unsaid: Vec<String>,
    unclear: Vec<String>,
}

impl Lacks {
    fn of<const N: usize>(parts: [(Told, String); N]) -> Lacks {
        let are = |wanted: Told| {
            let parts = parts.iter().filter(|(told, _)| *told == wanted);
            parts.map(|(_, what)| what.clone()).collect()
        };
        Lacks {
            unsaid: are(Told::No),
            unclear: are(Told::Unclear),
        }
    }
}

fn explained(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let (case, _) = stale(witness, &expect)?;
    let test = named(&expect);
    let prefixed = format!("v{}", case.new);
    let lacks = |said: &Said| -> Lacks {
        let note = &said.note;
        let versions = [case.new.as_str(), &prefixed, &case.label];
        let is_there = |is_there: bool| if is_there { Told::Yes } else { Told::No };
        Lacks::of([
            (is_there(note.names(&test)), format!("name `{}`", test.test)),
            (
                is_there(note.holds(&versions)),
                format!("name the new version `{}`", case.new),
            ),
            (note.gives_a_reason(&test, &case.old), "say why".to_owned()),
            (
                note.says_rerun(&expect.recipe, FLAG),
                format!("say to re-run `{FLAG}`"),
            ),
        ])
    };
    let number = case.pull.number;
    let mend = "Look at what the skill writes about a stale test";
    let all = said(witness, &case, &expect)?;
    let nearest = all
        .iter()
        .map(|said| (said.comment.id, lacks(said)))
        .min_by_key(|(_, lacks)| (lacks.unsaid.len(), lacks.unclear.len()));
    let ruling = match nearest {
        None => broken(
            format!(
                "besides `{}`, the flow wrote nothing on pull request {number}",
                expect.trigger
            ),
            mend,
        ),
        Some((id, lacks)) if !lacks.unsaid.is_empty() => broken(
            format!(
                "no comment of the flow on pull request {number} says all; comment {id} does not {}",
                lacks.unsaid.join(", nor ")
            ),
            mend,
        ),
        Some((id, lacks)) if !lacks.unclear.is_empty() => unseen(format!(
            "whether comment {id} does {} cannot be told from its words; read it",
            lacks.unclear.join(", and ")
        )),
        Some((id, _)) => holds(format!(
            "comment {id} names `{}` and `{}`, says why, and how to go on",
            test.test, case.new
        )),
    };
    let ruling = undisturbed(witness, RUN, &expect, ruling);
    unless_others_moved_main(witness, RUN, &expect, ruling)
}

fn true_of_the_run(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let (case, before) = stale(witness, &expect)?;
    let doubt = |ruling| undisturbed(witness, RUN, &expect, ruling);
    let (number, test) = (case.pull.number, named(&expect));
    if typed(witness, RUN, &case.pull, &expect)? != case.tries.len() {
        return unseen(format!(
            "on pull request {number} there are not as many builds as triggers, so that it cannot be told which one a comment is about"
        ));
    }
    let mut about: Option<(u64, usize)> = None;
    for said in said(witness, &case, &expect)? {
        let claims = match case.tries.get(said.runs.saturating_sub(1)) {
            Some(run) => match run.results(witness)? {
                Some(results) => said.note.claims(&results, &test),
                None => return unseen(format!("build {} left no results.json", run.build.number)),
            },
            None => Claims::default(),
        };
        if claims.stale.is_empty() && claims.unclear.is_empty() {
            continue;
        }
        let id = said.comment.id;
        if said.runs == 0 {
            return doubt(broken(
                format!("comment {id} calls a test stale before anything was tested"),
                "Say what a run has shown once it has",
            ));
        }
        about = Some((id, said.runs));
        if let Some(ruling) = false_claim(witness, &case, &said, &claims)? {
            return doubt(ruling);
        }
    }
    let Some((comment, runs)) = about else {
        return blocked("no comment of the flow calls a test stale (V5.1)");
    };
    // Whatever was tested after it was said counts too: it is said of what stands there.
    for run in &case.tries[runs - 1..] {
        let build = run.build.number;
        let Some(results) = run.results(witness)? else {
            return unseen(format!("build {build} left no results.json"));
        };
        if !run.build.has_result() {
            return unseen(ended_without(&run.build));
        }
        if let Some(wrong) = green_although(&run.build, &results) {
            return doubt(broken(
                wrong,
                "Look at what the harness makes of a test that fails",
            ));
        }
        let failed = results.failures();
        if failed != [test.test] {
            if others_moved_main(witness, RUN, &expect)? {
                return unseen(others_changed_tests(&expect));
            }
            return doubt(broken(
                format!(
                    "comment {comment} says that a test is stale; what failed in build {build} is: {}",
                    listed(&failed)
                ),
                "Look at whether the skill takes other failures for stale tests, too",
            ));
        }
        if tests_run(&results) != tests_run(&before) {
            return unseen(format!(
                "build {build} did not run the stages and tests that the known-green one ran: it is not known that nothing else fails"
            ));
        }
    }
    match case.tries.last() {
        Some(last) if last.commit() == case.pull.head.sha => holds(format!(
            "comment {comment}: `{}` failed in build {}, and nothing else",
            test.test, last.build.number
        )),
        _ => doubt(broken(
            format!(
                "comment {comment} is about another commit than the head of pull request {number}"
            ),
            "Look at whether the skill changes the branch after it was tested",
        )),
    }
}

/// What one comment says that is not true of its run; `None` where all of it is.
fn false_claim(
    witness: &Witness<'_>,
    case: &Case,
    said: &Said,
    claims: &Claims,
) -> Result<Option<Result<Ruling, Doubt>>, Doubt> {
    let run = &case.tries[said.runs - 1];
    let failed = run
        .results(witness)?
        .map(|results| results.failed())
        .unwrap_or_default();
    let (id, build) = (said.comment.id, run.build.number);
    let wrong = |named: &std::collections::BTreeSet<String>| -> Vec<String> {
        let wrong = named.iter().filter(|test| !failed.contains(test));
        wrong.cloned().collect()
    };
    let stale = wrong(&claims.stale);
    if !stale.is_empty() {
        return Ok(Some(broken(
            format!(
                "comment {id} calls {} stale, which did not fail in build {build}; what failed is: {}",
                listed(&stale),
                listed(&failed)
            ),
            "Look at where the skill takes the names of the stale tests from",
        )));
    }
    let unclear = wrong(&claims.unclear);
    if !unclear.is_empty() {
        return unseen(format!(
            "whether comment {id} calls {} stale, which did not fail in build {build}, cannot be told from its words",
            listed(&unclear)
        ));
    }
    Ok(None)
}

fn listed(tests: &[String]) -> String {
    let quoted: Vec<_> = tests
        .iter()
        .map(|test| format!("`{}`", super::gate::cut(test)))
        .collect();
    if quoted.is_empty() {
        "nothing".to_owned()
    } else {
        quoted.join(", ")
    }
}

fn no_test_modified(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    ran(witness, RUN, &expect)?;
    let harness = &expect.upgrading.harness;
    let mend = "No test is changed in default mode; look at what the skill pushes";
    if let [pull, ..] = &opened_in_harness(witness, RUN, &expect)?[..] {
        return certainly_broken(
            format!(
                "the flow opened pull request {} in `{harness}`",
                pull.number
            ),
            mend,
        );
    }
    if let [act, ..] = &moved_by_flow(witness, RUN, &expect)?[..] {
        return certainly_broken(format!("the flow {} of `{harness}`", words(act)), mend);
    }
    stale(witness, &expect)?;
    holds(format!(
        "the flow pushed nothing to `{harness}`, and opened no pull request there"
    ))
}
