//! V6: a stale test is updated by a pull request of its own, which is verified together with the upgrade.
//!
//! It needs V3 and not V5: what a comment says in default mode bears on nothing here. That the test is stale is its own control.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::{asked, cut, names_page, same_account, visible};
use super::harness::{
    branches_moved, is_merge, look_after, moved_by_flow, unless_others_moved_main, words,
};
use super::opened::{
    branches, closed_by, comments_in, history_in, nothing_merged, opened_in_harness, ran, says,
    scenario as configured, undisturbed, unless_somebody,
};
use super::run::{COMPOSE, Run, upgrade};
use super::sight::{ChangedFile, Comment, Pull};
use super::stale::{KEY, case, see_test};
use super::tries::look;
use super::verified::{has_teeth, see_verified, verified_together, verify};
use super::{ClauseSpec, Item, Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::Outcome;
use futures_util::FutureExt;
use serde_json::Value;

pub const ITEM: Item = Item {
    id: "V6",
    title: "`--with-tests` updates a stale test by pull request",
    does: "runs `/recipe-upgrade --with-tests` on the recipe with the stale test, runs `verify-pr.sh` on what it opened and on a broken recipe in a pull request of its own, and closes all of it",
    needs: &["V3"],
    lacks: |expect| expect.scenario("stale").err().or_else(|| lacking(expect)),
    clauses: &[
        ClauseSpec {
            id: "V6.1",
            says: "One pull request of the harness is opened, from a dedicated branch, to `main`, touching only the stale test",
            judge: one_test_pull,
        },
        ClauseSpec {
            id: "V6.2",
            says: "It was made in a clone of its own: `main` was not pushed, and the loops' clones are as they were",
            judge: own_clone,
        },
        ClauseSpec {
            id: "V6.3",
            says: "The upgrade was verified with the change applied, on these two heads, and is green again when Gavel runs `verify-pr.sh`",
            judge: verified_together,
        },
        ClauseSpec {
            id: "V6.4",
            says: "The two pull requests name each other",
            judge: name_each_other,
        },
        ClauseSpec {
            id: "V6.5",
            says: "`RESULT: SUCCESS+TESTPR`",
            judge: |witness| {
                let expect = expected(witness)?;
                case(witness, RUN, &expect)?;
                says(witness, RUN, &expect, Outcome::TestPr)
            },
        },
        ClauseSpec {
            id: "V6.6",
            says: "Nothing was merged",
            judge: |witness| nothing_merged(witness, RUN, &expected(witness)?),
        },
        ClauseSpec {
            id: "V6.7",
            says: "The changed test still has teeth: run against the broken recipe it is red",
            judge: has_teeth,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

/// What the flow's run is called in labels.
pub const RUN: &str = "run";
/// What this item needs beside what every upgrade does.
const NEEDS: [&str; 2] = ["flow.verify_pr", "host.clones"];

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let Ok(expect) = bench.expect.scenario(KEY) else {
        return Ok(());
    };
    if expect.upgrading.lacks(&NEEDS).is_some() {
        return Ok(());
    }
    let bench = &bench.on(&expect.recipe);
    bench.clear().await?;
    see_test(bench, "before").await?;
    see_clones(bench, "before").await?;
    let run = Run {
        name: RUN,
        purpose: "V6, by the flow",
        with_tests: true,
    };
    let pull = upgrade(bench, &run).await?;
    see_clones(bench, "after").await?;
    see_test(bench, "after").await?;
    let tests = see_tests_pull(bench).await?;
    if let Some(pull) = &pull {
        look(bench, RUN, pull).await?;
    }
    look_after(bench, RUN).await?;
    let Some(tests) = tests else {
        return Ok(());
    };
    if let Some(pull) = pull {
        // Before Gavel runs it, too: what is there now is the flow's.
        see_verified(bench, RUN, &pull, &tests).await?;
        bench
            .doing("`verify-pr.sh` runs on both pull requests")
            .await;
        verify(bench, "again", &pull, &tests).await?;
    }
    bench.doing("`verify-pr.sh` runs on a broken recipe").await;
    let (mirror, broken) = (&bench.expect.mirror, &bench.expect.upgrading.broken_branch);
    let purpose = "V6, what the changed test must find";
    let broken: Pull = bench.open_pull("broken", mirror, broken, purpose).await?;
    let question = Question::File {
        repository: mirror.clone(),
        path: COMPOSE.into(),
        at: broken.head.sha.clone(),
    };
    bench.note("broken.compose", question).await?;
    verify(bench, "teeth", &broken, &tests).await
}

async fn see_clones(bench: &Bench, when: &str) -> Result<(), Stop> {
    let clones = bench.expect.upgrading.clones.iter();
    let questions: Vec<_> = clones.map(|path| clone_question(when, path)).collect();
    match bench.see_all(questions).await {
        // One of them that cannot be looked at does not keep anybody from the rest.
        Err(Stop::Unseen(_)) => Ok(()),
        seen => seen,
    }
}

fn clone_question(when: &str, path: &str) -> (String, Question) {
    let path = path.to_owned();
    (format!("{when}.clone.{path}"), Question::Clone { path })
}

/// Looks at the pull request that the flow opened in the harness's repository, where it is exactly one.
async fn see_tests_pull(bench: &Bench) -> Result<Option<Pull>, Stop> {
    let expect = &bench.expect;
    let list = async |when: &str| -> Result<Vec<Pull>, Stop> {
        let list: Option<Vec<Pull>> = bench
            .recalled(&format!("{RUN}.{when}.harness.pulls"))
            .await?;
        Ok(list.unwrap_or_default())
    };
    let (before, after) = (list("before").await?, list("after").await?);
    let [listed] = &super::run::new_by(&before, after, &expect.flow)[..] else {
        return Ok(None);
    };
    bench
        .see_all(about_tests_pull(expect, listed.number))
        .await?;
    bench.recalled("tests.pull").await.map(Some)
}

/// What is asked about it.
fn about_tests_pull(expect: &Expectations, number: u64) -> [(String, Question); 4] {
    let repository = expect.upgrading.harness.clone();
    let pull = Question::Pull {
        repository: repository.clone(),
        number,
    };
    let files = Question::PullFiles {
        repository: repository.clone(),
        number,
    };
    let talk = Question::Comments {
        repository: repository.clone(),
        number,
    };
    let history = Question::Timeline { repository, number };
    [
        ("tests.pull".to_owned(), pull),
        ("tests.files".to_owned(), files),
        ("tests.talk".to_owned(), talk),
        ("tests.history".to_owned(), history),
    ]
}

// The judge.

/// What is expected; BLOCKED where something that it needs is not configured.
pub fn expected(witness: &Witness<'_>) -> Result<Expectations, Doubt> {
    let expect = configured(witness, KEY)?;
    match lacking(&expect) {
        None => Ok(expect),
        Some(why) => blocked(format!("not attempted: {why}")),
    }
}

/// What else it needs than the recipe, and is not configured.
fn lacking(expect: &Expectations) -> Option<String> {
    let key = expect.upgrading.lacks(&NEEDS)?;
    Some(format!("`{key}` is not configured"))
}

/// The pull request that the flow opened in the harness's repository, as it was after the run; BLOCKED where it is not exactly one.
pub fn tests_pull(witness: &Witness<'_>, expect: &Expectations) -> Result<Pull, Doubt> {
    ran(witness, RUN, expect)?;
    match &opened_in_harness(witness, RUN, expect)?[..] {
        [one] => {
            let [(label, question), ..] = about_tests_pull(expect, one.number);
            asked(witness, &label, &question)?;
            let pull: Pull = witness.see(&label)?;
            if pull.number == one.number && same_account(&pull.user.login, &expect.flow) {
                return Ok(pull);
            }
            unseen(format!("`{label}` is not the pull request that was opened"))
        }
        [] => blocked("the flow opened no pull request that updates the test (V6.1)"),
        _ => blocked("the flow opened more than one pull request that updates the test (V6.1)"),
    }
}

/// A clause that is broken is in doubt where a person had a hand in one of the two pull requests meanwhile.
pub fn untouched(
    witness: &Witness<'_>,
    expect: &Expectations,
    tests: &Pull,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    let ruling = undisturbed(witness, RUN, expect, ruling);
    let harness = &expect.upgrading.harness;
    unless_somebody(
        witness,
        "tests.history",
        harness,
        tests.number,
        expect,
        ruling,
    )
}

fn one_test_pull(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let ran = ran(witness, RUN, &expect)?;
    let harness = &expect.upgrading.harness;
    let opened = opened_in_harness(witness, RUN, &expect)?;
    if opened.len() > 1 {
        let many: Vec<_> = opened.iter().map(|pull| pull.number.to_string()).collect();
        return certainly_broken(
            format!(
                "the flow opened {} pull requests in `{harness}`: {}",
                many.len(),
                many.join(", ")
            ),
            "Look at how the skill opens the pull request that updates a test",
        );
    }
    case(witness, RUN, &expect)?;
    if opened.is_empty() {
        let ruling = broken(
            format!(
                "the flow opened no pull request in `{harness}` ({})",
                ran.ending()
            ),
            "Look at what the skill makes of `--with-tests`",
        );
        // A flow that met another failing test had nothing to open.
        let ruling = undisturbed(witness, RUN, &expect, ruling);
        return unless_others_moved_main(witness, RUN, &expect, ruling);
    }
    let pull = tests_pull(witness, &expect)?;
    let number = pull.number;
    if let Some(wrong) = not_dedicated(witness, &pull, &expect)? {
        return broken(
            format!("pull request {number} of `{harness}` {wrong}"),
            "Look at where the skill pushes the changed test",
        );
    }
    let main = &expect.upgrading.harness_branch;
    let acts = moved_by_flow(witness, RUN, &expect)?;
    let mut elsewhere = acts.iter().filter(|act| {
        // What is done to `main` is V6.2, and a merge V6.6.
        !is_merge(act) && act.branch() != Some(pull.branch()) && act.branch() != Some(main)
    });
    if let Some(act) = elsewhere.next() {
        return certainly_broken(
            format!(
                "besides pull request {number}, the flow {} of `{harness}`",
                words(act)
            ),
            "Push one branch, with the changed test, and nothing else",
        );
    }
    let [_, (label, question), ..] = about_tests_pull(&expect, number);
    asked(witness, &label, &question)?;
    let files: Option<Vec<ChangedFile>> = witness.see(&label)?;
    let file = &expect.upgrading.stale_file;
    let files = files.unwrap_or_default();
    let others: Vec<_> = files
        .iter()
        .flat_map(|changed| [&changed.filename, &changed.previous_filename])
        .filter(|path| !path.is_empty() && *path != file)
        .map(|path| format!("`{}`", cut(path)))
        .collect();
    if !others.is_empty() || files.is_empty() {
        let what = if files.is_empty() {
            "nothing".to_owned()
        } else {
            others.join(", ")
        };
        let ruling = broken(
            format!(
                "pull request {number} of `{harness}` changes {what}; the stale test is `{file}`"
            ),
            "Change that test, and nothing else",
        );
        return untouched(witness, &expect, &pull, ruling);
    }
    if pull.is_open() || pull.merged {
        return holds(format!(
            "pull request {number} of `{harness}` from `{}` changes `{file}`",
            cut(pull.branch())
        ));
    }
    closed(witness, &pull, &expect)
}

/// What is wrong about where a pull request comes from and leads to; `None` where nothing is.
fn not_dedicated(
    witness: &Witness<'_>,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Option<String>, Doubt> {
    let (harness, main) = (&expect.upgrading.harness, &expect.upgrading.harness_branch);
    let known = branches(witness, &format!("{RUN}.before.harness.branches"), harness)?;
    let branch = pull.branch();
    Ok(if pull.base.branch != *main {
        Some(format!(
            "leads to `{}`, not to `{main}`",
            cut(&pull.base.branch)
        ))
    } else if !same_account(&pull.head.repo.full_name, harness) {
        Some(format!("is from `{}`", cut(&pull.head.repo.full_name)))
    } else if known.iter().any(|known| known.name == branch) {
        Some(format!("is from `{}`, which was there before", cut(branch)))
    } else {
        None
    })
}

/// A pull request that does not stand open at the end.
fn closed(witness: &Witness<'_>, pull: &Pull, expect: &Expectations) -> Result<Ruling, Doubt> {
    let harness = &expect.upgrading.harness;
    let history = history_in(witness, "tests.history", harness, pull.number)?;
    match closed_by(&history) {
        Some(who) if same_account(who, &expect.flow) => broken(
            format!(
                "the flow opened pull request {} of `{harness}` and closed it again",
                pull.number
            ),
            "Leave it open, for somebody to look at",
        ),
        who => unseen(format!(
            "pull request {} of `{harness}` was opened, and `{}` closed it while it was watched; verify again",
            pull.number,
            cut(who.unwrap_or("somebody"))
        )),
    }
}

fn own_clone(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    ran(witness, RUN, &expect)?;
    let (harness, main) = (&expect.upgrading.harness, &expect.upgrading.harness_branch);
    let mend = "Change tests on a branch, in a clone that is made for it and removed again";
    let acts = moved_by_flow(witness, RUN, &expect)?;
    let mut on_main = acts
        .iter()
        .filter(|act| act.branch() == Some(main) || is_merge(act));
    if let Some(act) = on_main.next() {
        return certainly_broken(
            format!(
                "the flow {} of `{harness}`, which moves `{main}`",
                words(act)
            ),
            mend,
        );
    }
    let mut others = "";
    if branches_moved(witness, RUN, &expect)?.contains(main) {
        let pull = tests_pull(witness, &expect)?;
        if pull.merged && same_account(&pull.merged_by.login, &expect.flow) {
            return certainly_broken(
                format!("the flow merged pull request {} into `{main}`", pull.number),
                mend,
            );
        }
        others = "; others moved it";
    }
    for path in &expect.upgrading.clones {
        let changed = changed_parts(witness, path)?;
        if changed.is_empty() {
            continue;
        }
        let what = format!("`{}` is not as it was: {}", cut(path), changed.join(", "));
        let pull = tests_pull(witness, &expect)?;
        return match bears_the_mark(witness, path, &pull, &expect)? {
            true => certainly_broken(
                format!(
                    "{what}; it now holds what pull request {} is made of",
                    pull.number
                ),
                mend,
            ),
            false => unseen(format!(
                "{what}; whether the flow did that or its owner cannot be told from here; verify again while it rests"
            )),
        };
    }
    holds(format!(
        "the flow did not push `{main}` of `{harness}`{others}; {} clones are as they were",
        expect.upgrading.clones.len()
    ))
}

/// What a clone's fingerprint holds, before the run and after it.
fn both(witness: &Witness<'_>, path: &str) -> Result<(Value, Value), Doubt> {
    let look = |when: &str| {
        let (label, question) = clone_question(when, path);
        asked(witness, &label, &question)?;
        witness.see::<Value>(&label)
    };
    let (before, after) = (look("before")?, look("after")?);
    if before.get("head").is_none() || after.get("head").is_none() {
        return unseen(format!(
            "of `{}` it is not known where its HEAD stands",
            cut(path)
        ));
    }
    Ok((before, after))
}

fn changed_parts(witness: &Witness<'_>, path: &str) -> Result<Vec<&'static str>, Doubt> {
    let (before, after) = both(witness, path)?;
    let parts = ["head", "refs", "index", "config", "hooks", "changed"];
    let changed = parts
        .into_iter()
        .filter(|part| before[*part] != after[*part]);
    Ok(changed.collect())
}

/// Whether a clone that has changed holds the flow's branch, its commit, or a change to the stale test. What it has only fetched, its
/// owner may have.
fn bears_the_mark(
    witness: &Witness<'_>,
    path: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<bool, Doubt> {
    let (before, after) = both(witness, path)?;
    let branch = format!("refs/heads/{}", pull.branch());
    let head = after["head"].as_str().unwrap_or_default();
    let is_at = head.ends_with(&branch) || head == pull.head.sha;
    let mut refs = after["refs"].as_object().into_iter().flatten();
    let has_ref = refs.any(|(name, at)| {
        let is_own = !name.starts_with("refs/remotes/");
        is_own && before["refs"][name] != *at && (*name == branch || *at == pull.head.sha)
    });
    let file = &expect.upgrading.stale_file;
    let has_change = before["changed"][file] != after["changed"][file];
    Ok(is_at || has_ref || has_change)
}

fn name_each_other(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    let recipe = case(witness, RUN, &expect)?.pull;
    let tests = tests_pull(witness, &expect)?;
    let harness = &expect.upgrading.harness;
    let [.., (talk, _), _] = about_tests_pull(&expect, tests.number);
    let on_tests = comments_in(witness, &talk, harness, tests.number)?;
    let on_recipe = comments_in(
        witness,
        &format!("{RUN}.talk"),
        &expect.mirror,
        recipe.number,
    )?;
    let ways = [
        (&recipe, &on_recipe, &tests, harness),
        (&tests, &on_tests, &recipe, &expect.mirror),
    ];
    let missing = ways.into_iter().find(|(from, talk, to, repository)| {
        let by_flow = talk
            .iter()
            .filter(|comment| same_account(&comment.user.login, &expect.flow));
        let mut texts = by_flow
            .map(|comment: &Comment| &comment.body)
            .chain([&from.body]);
        !texts.any(|text| mentions(&visible(text), to, repository))
    });
    let Some((from, _, to, repository)) = missing else {
        return holds(format!(
            "pull request {} of `{}` and {} of `{harness}` name each other",
            recipe.number, expect.mirror, tests.number
        ));
    };
    let ruling = broken(
        format!(
            "on pull request {} the flow does not name `{repository}#{}`",
            cut(&from.page),
            to.number
        ),
        "Comment on each of the two which other one belongs to it, by its address",
    );
    untouched(witness, &expect, &tests, ruling)
}

/// Whether a text leads to a pull request: by its address, or as `owner/name#number`. A number alone is one of the same repository.
fn mentions(text: &str, pull: &Pull, repository: &str) -> bool {
    let short = format!("{repository}#{}", pull.number);
    let mut found = text.match_indices(&short);
    let is_short = found.any(|(at, _)| {
        let part_of_a_name = |c: char| c.is_alphanumeric() || "-_./".contains(c);
        !text[..at].ends_with(part_of_a_name)
            && !text[at + short.len()..].starts_with(|c: char| c.is_ascii_digit())
    });
    is_short || !pull.page.is_empty() && names_page(text, pull.page.trim_end_matches('/'))
}
