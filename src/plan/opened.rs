//! What a run of `/recipe-upgrade` did, as judges read it: its word, what it opened, and what others did to that meanwhile. Pure.

use super::beside::files;
use super::expect::Expectations;
use super::gate::{asked, cut, expectations, same_account};
use super::harness::{others_changed_tests, others_moved_main};
use super::run::{COMPOSE, new_by};
use super::sight::{Branch, Build, ChangedFile, Comment, Event, File, Pull, Results, Tags};
use super::upgrade::{Compose, carried, newest, pinned_anew, upgraded};
use super::variants::{Way, of_pull};
use super::{Ruling, blocked, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, NoResult, Outcome, Ran};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is expected in a scenario; BLOCKED where it is not configured.
pub fn scenario(witness: &Witness<'_>, key: &str) -> Result<Expectations, Doubt> {
    expectations(witness)?
        .scenario(key)
        .or_else(|why| blocked(format!("not attempted: {why}")))
}

/// How a run went; BLOCKED where it could not be started at all.
pub fn ran(witness: &Witness<'_>, name: &str, expect: &Expectations) -> Result<Ran, Doubt> {
    let Question::Run { command, .. } = &witness.fact(name)?.question else {
        return unseen(format!("`{name}` is no run of a command"));
    };
    if !command.contains(&expect.recipe) {
        return unseen(format!("`{name}` is a run for another recipe"));
    }
    let ran: Ran = witness.see(name)?;
    match &ran.end {
        End::NotStarted(why) => blocked(format!(
            "`/recipe-upgrade` could not be started: {why}. Mend `flow.recipe_upgrade.command`"
        )),
        _ => Ok(ran),
    }
}

/// What stands behind the run's last word; why there is none where there is none.
fn result(ran: &Ran) -> Result<Outcome, NoResult> {
    match ran.end {
        End::Exited(_) => ran.result_said(),
        _ => Err(NoResult::Missing(ran.ending())),
    }
}

/// The clause "the last result line is …".
pub fn says(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    expected: Outcome,
) -> Result<Ruling, Doubt> {
    let mend = "Look at the end of the run's output, and at what the skill says of it";
    let ran = ran(witness, name, expect)?;
    match result(&ran) {
        Ok(outcome) if outcome == expected => holds(format!("`RESULT: {}`", outcome.text())),
        // Of other tests than those of the known-green build it is honest.
        Ok(_) if others_moved_main(witness, name, expect)? => unseen(others_changed_tests(expect)),
        Ok(outcome) => undisturbed(
            witness,
            name,
            expect,
            broken(
                format!(
                    "`RESULT: {}`, not `RESULT: {}`",
                    outcome.text(),
                    expected.text()
                ),
                mend,
            ),
        ),
        Err(NoResult::Missing(why)) => undisturbed(witness, name, expect, broken(why, mend)),
        Err(NoResult::Unclear(why)) => unseen(why),
    }
}

/// The `main` that a step saw.
pub fn main(witness: &Witness<'_>, label: &str, repository: &str) -> Result<Option<Branch>, Doubt> {
    let question = &witness.fact(label)?.question;
    if !matches!(question, Question::Branch { repository: of, .. } if of == repository) {
        return unseen(format!("`{label}` is about something else"));
    }
    witness.see(label)
}

/// A list of pull requests.
pub fn pulls(witness: &Witness<'_>, label: &str, repository: &str) -> Result<Vec<Pull>, Doubt> {
    let repository = repository.to_owned();
    asked(witness, label, &Question::Pulls { repository })?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// A list of branches.
pub fn branches(
    witness: &Witness<'_>,
    label: &str,
    repository: &str,
) -> Result<Vec<Branch>, Doubt> {
    let repository = repository.to_owned();
    asked(witness, label, &Question::Branches { repository })?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// What the flow opened in the `mirror` or in the `harness`.
pub fn opened(
    witness: &Witness<'_>,
    name: &str,
    part: &str,
    expect: &Expectations,
) -> Result<Vec<Pull>, Doubt> {
    let repository = match part {
        "mirror" => &expect.mirror,
        _ => &expect.upgrading.harness,
    };
    let before = pulls(witness, &format!("{name}.before.{part}.pulls"), repository)?;
    let after = pulls(witness, &format!("{name}.after.{part}.pulls"), repository)?;
    Ok(new_by(&before, after, &expect.flow))
}

/// What the flow opened in the harness. In doubt where its account opened one there that has nothing to do with the sandbox's tests: others
/// work there with the same account.
pub fn opened_in_harness(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Vec<Pull>, Doubt> {
    let harness = &expect.upgrading.harness;
    let opened = opened(witness, name, "harness", expect)?;
    for pull in &opened {
        let (label, question) = files(name, harness, pull.number);
        asked(witness, &label, &question)?;
        let files: Option<Vec<ChangedFile>> = witness.see(&label)?;
        let mut files = files.unwrap_or_default().into_iter();
        if !files.any(|file| expect.tests_sandbox(&file.filename)) {
            return unseen(format!(
                "`{}` opened {harness}#{} meanwhile, which touches no test of the sandbox: whether the flow did that or somebody else with its account cannot be told from here",
                cut(&expect.flow),
                pull.number
            ));
        }
    }
    Ok(opened)
}

/// The pull request that the flow opened in the mirror, as it was after the run; BLOCKED where it is not exactly one.
pub fn the_pull(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    because: &str,
) -> Result<Pull, Doubt> {
    ran(witness, name, expect)?;
    opened_pull(witness, name, expect, because)
}

/// Like [`the_pull`], where another command than `/recipe-upgrade` opened it.
pub fn opened_pull(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    because: &str,
) -> Result<Pull, Doubt> {
    match &opened(witness, name, "mirror", expect)?[..] {
        [one] => {
            let question = Question::Pull {
                repository: expect.mirror.clone(),
                number: one.number,
            };
            let label = format!("{name}.pull");
            asked(witness, &label, &question)?;
            let pull: Pull = witness.see(&label)?;
            if pull.number == one.number && same_account(&pull.user.login, &expect.flow) {
                return Ok(pull);
            }
            unseen(format!("`{label}` is not the pull request that was opened"))
        }
        [] => blocked(format!("the flow opened no pull request ({because})")),
        _ => blocked(format!(
            "the flow opened more than one pull request ({because})"
        )),
    }
}

/// A clause that is broken is in doubt where a person had a hand in it meanwhile: then the flow need not be the one who did it.
pub fn undisturbed(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    if !matches!(ruling, Ok(Ruling::Broken { .. })) {
        return ruling;
    }
    let [one] = &opened(witness, name, "mirror", expect)?[..] else {
        return ruling;
    };
    let label = format!("{name}.history");
    unless_somebody(witness, &label, &expect.mirror, one.number, expect, ruling)
}

/// The same for one pull request of any repository, whose history a step saw.
pub fn unless_somebody(
    witness: &Witness<'_>,
    label: &str,
    repository: &str,
    number: u64,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    if !matches!(ruling, Ok(Ruling::Broken { .. })) {
        return ruling;
    }
    let history = history_in(witness, label, repository, number)?;
    match somebody(&history, expect) {
        Some(what) => unseen(format!(
            "`{}` had a hand in pull request {number} while it was watched ({}), and the flow may have met that; verify again",
            cut(&what.user.login),
            cut(&what.kind)
        )),
        None => ruling,
    }
}

/// What happened to a pull request of the mirror.
pub fn history(
    witness: &Witness<'_>,
    label: &str,
    number: u64,
    expect: &Expectations,
) -> Result<Vec<Event>, Doubt> {
    history_in(witness, label, &expect.mirror, number)
}

/// What happened to a pull request.
pub fn history_in(
    witness: &Witness<'_>,
    label: &str,
    repository: &str,
    number: u64,
) -> Result<Vec<Event>, Doubt> {
    let repository = repository.to_owned();
    asked(witness, label, &Question::Timeline { repository, number })?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// What was written on a pull request of the mirror.
pub fn comments_of(
    witness: &Witness<'_>,
    label: &str,
    number: u64,
    expect: &Expectations,
) -> Result<Vec<Comment>, Doubt> {
    comments_in(witness, label, &expect.mirror, number)
}

/// What was written on a pull request.
pub fn comments_in(
    witness: &Witness<'_>,
    label: &str,
    repository: &str,
    number: u64,
) -> Result<Vec<Comment>, Doubt> {
    let repository = repository.to_owned();
    asked(witness, label, &Question::Comments { repository, number })?;
    Ok(witness.see::<Option<_>>(label)?.unwrap_or_default())
}

/// What somebody with no part in this did: wrote, closed, reopened, merged or pushed.
fn somebody<'a>(history: &'a [Event], expect: &Expectations) -> Option<&'a Event> {
    const HANDS: [&str; 5] = ["comment", "close", "reopen", "merge_pull", "pull_push"];
    let parties = [&expect.flow, &expect.gate, &expect.gavel];
    history.iter().find(|event| {
        HANDS.contains(&event.kind.as_str())
            && !parties
                .iter()
                .any(|party| same_account(&event.user.login, party))
    })
}

/// Who closed a pull request last, by its history.
pub fn closed_by(history: &[Event]) -> Option<&str> {
    let mut closed = history.iter().filter(|event| event.kind == "close");
    closed.next_back().map(|event| event.user.login.as_str())
}

/// What a compose file said before the run, on upstream's `main`.
pub fn compose_before(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Compose, Doubt> {
    let repository = expect.upstream();
    let upstream = main(witness, &format!("{name}.before.upstream"), &repository)?;
    let Some(upstream) = upstream else {
        return unseen(format!("`{repository}` has no `main`"));
    };
    let text = compose(
        witness,
        &format!("{name}.before.compose"),
        &repository,
        &upstream.commit.sha,
    )?;
    let text = text.ok_or_else(|| Doubt::Unseen(format!("`{repository}` has no `{COMPOSE}`")))?;
    Compose::read(&text).or_else(|why| {
        unseen(format!(
            "`{COMPOSE}` of `{repository}`: {why}; mend the sandbox"
        ))
    })
}

fn compose(
    witness: &Witness<'_>,
    label: &str,
    repository: &str,
    at: &str,
) -> Result<Option<String>, Doubt> {
    let question = Question::File {
        repository: repository.to_owned(),
        path: COMPOSE.into(),
        at: at.to_owned(),
    };
    asked(witness, label, &question)?;
    let file: Option<File> = witness.see(label)?;
    Ok(file.map(|file| file.text))
}

/// What the compose file says on the pull request's head; a ruling where it is none.
pub fn compose_after(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Result<Compose, String>, Doubt> {
    let label = format!("{name}.compose");
    let text = compose(witness, &label, &expect.mirror, &pull.head.sha)?;
    Ok(match text {
        Some(text) => Compose::read(&text).map_err(|why| format!("`{COMPOSE}`: {why}")),
        None => Err(format!("`{COMPOSE}` is gone")),
    })
}

/// Every tag of the images in use before, by the registry's own word; in doubt where nothing is newer, since then there is no upgrade.
pub fn tags(
    witness: &Witness<'_>,
    name: &str,
    before: &Compose,
) -> Result<Vec<(String, Vec<String>)>, Doubt> {
    let mut known = Vec::new();
    let mut is_newer = false;
    for (service, of) in &before.services {
        let label = format!("{name}.tags.{service}");
        let image = of.image.clone();
        asked(witness, &label, &Question::Tags { image })?;
        let tags: Tags = witness.see(&label)?;
        is_newer |= newest(&of.tag, &tags.tags).is_some_and(|newest| newest != of.tag);
        known.push((of.image.clone(), tags.tags));
    }
    if is_newer {
        Ok(known)
    } else {
        unseen(
            "there is no newer tag in the registry, so there is no upgrade to see; mend the sandbox",
        )
    }
}

/// The clause "the bump is real": V3.3, which holds for whatever a run leaves in the end.
pub fn is_the_upgrade(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Ruling, Doubt> {
    ran(witness, name, expect)?;
    is_upgraded(witness, name, expect, "V3.2")
}

/// Like [`is_the_upgrade`], where another command than `/recipe-upgrade` opened the pull request.
pub fn is_upgraded(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    because: &str,
) -> Result<Ruling, Doubt> {
    let mend = "Look at how the skill finds the newest tag, and at what it changes";
    let before = compose_before(witness, name, expect)?;
    let tags = tags(witness, name, &before)?;
    let pull = opened_pull(witness, name, expect, because)?;
    let files = changed_files(witness, name, &pull, expect)?;
    let allowed = globs(&expect.upgrading.allowed_paths)?;
    let outside: Vec<_> = files
        .iter()
        .flat_map(|file| [&file.filename, &file.previous_filename])
        .filter(|path| !path.is_empty() && !allowed.is_match(path))
        .map(|path| format!("`{}`", cut(path)))
        .collect();
    if !outside.is_empty() {
        return undisturbed(
            witness,
            name,
            expect,
            broken(
                format!(
                    "pull request {} changes {}, which is not of an upgrade",
                    pull.number,
                    outside.join(", ")
                ),
                "Look at what the skill commits, or widen `sandbox.allowed_paths`",
            ),
        );
    }
    let after = match compose_after(witness, name, &pull, expect)? {
        Ok(after) => after,
        Err(why) => return undisturbed(witness, name, expect, broken(why, mend)),
    };
    let known = |image: &str| {
        let mut all = tags.iter();
        all.find(|(of, _)| of == image)
            .map(|(_, tags)| tags.clone())
    };
    let seen = match upgraded(&before, &after, known) {
        Ok(seen) => seen,
        Err(why) => return undisturbed(witness, name, expect, broken(why, mend)),
    };
    if let Some(doubt) = pinned_anew(&before, &after) {
        return unseen(doubt);
    }
    match undone(witness, name, &pull, expect)? {
        Some(why) => undisturbed(
            witness,
            name,
            expect,
            broken(
                why,
                "Look at what the skill changes beside `compose.yml`: abra merges what `COMPOSE_FILE` lists",
            ),
        ),
        None => holds(seen),
    }
}

/// What a pull request of the mirror changes.
pub fn changed_files(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<ChangedFile>, Doubt> {
    let label = format!("{name}.files");
    let question = Question::PullFiles {
        repository: expect.mirror.clone(),
        number: pull.number,
    };
    asked(witness, &label, &question)?;
    Ok(witness.see::<Option<_>>(&label)?.unwrap_or_default())
}

/// How another file of the pull request undoes what `compose.yml` says.
fn undone(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Option<String>, Doubt> {
    let ways = of_pull::differing(witness, name, pull, expect)?;
    let tags = of_pull::known_tags(witness, name, &ways)?;
    for Way {
        name: way,
        before,
        after,
    } in ways
    {
        let before = before.or_else(|why| {
            unseen(format!(
                "{}, {way}: {why}; mend the sandbox",
                expect.upstream()
            ))
        })?;
        let result = after.and_then(|after| {
            carried(&before, &after, |image| tags.get(image).cloned())?;
            Ok(pinned_anew(&before, &after))
        });
        match result {
            Err(why) => return Ok(Some(format!("deployed {way}: {why}"))),
            Ok(Some(doubt)) => return unseen(format!("deployed {way}: {doubt}")),
            Ok(None) => {}
        }
    }
    Ok(None)
}

fn globs(patterns: &[String]) -> Result<GlobSet, Doubt> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob.or_else(|_| unseen("`sandbox.allowed_paths` holds what is no pattern"))?;
        set.add(glob);
    }
    set.build()
        .or_else(|_| unseen("`sandbox.allowed_paths` holds what is no pattern"))
}

/// The clause "nothing was merged": none of the flow's pull requests, none of others' by the flow, and no `main` is at a head of the flow's.
pub fn nothing_merged(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<Ruling, Doubt> {
    let mend =
        "No skill may merge: take the flow's account the right to, and look at what it calls";
    ran(witness, name, expect)?;
    let mut looked_at = 0;
    let mut doubt = None;
    for (part, repository) in [
        ("mirror", &expect.mirror),
        ("harness", &expect.upgrading.harness),
    ] {
        let before = pulls(witness, &format!("{name}.before.{part}.pulls"), repository)?;
        let after = pulls(witness, &format!("{name}.after.{part}.pulls"), repository)?;
        let main = main(witness, &format!("{name}.after.{part}"), repository)?;
        let was_merged = |pull: &Pull| {
            let mut known = before.iter();
            known.any(|known| known.number == pull.number && known.merged)
        };
        for pull in after.iter().filter(|pull| !was_merged(pull)) {
            looked_at += 1;
            let flows = same_account(&pull.user.login, &expect.flow);
            let by_flow = same_account(&pull.merged_by.login, &expect.flow);
            let what = format!("pull request {} of `{repository}`", pull.number);
            if pull.merged && by_flow && pull.base.repo.autodetect_manual_merge {
                // It names whoever pushed the commit that it found on `main`; who merged is told by G1.
                doubt.get_or_insert(format!(
                    "{what} is merged by the flow's account, or the forge says so by itself: see G1"
                ));
                continue;
            }
            if pull.merged && by_flow {
                return certainly_broken(format!("{what} was merged by the flow's account"), mend);
            }
            if pull.merged && flows {
                return unseen(format!(
                    "{what} was merged, by `{}` and not by the flow",
                    cut(&pull.merged_by.login)
                ));
            }
            let heads_main = main
                .as_ref()
                .is_some_and(|main| main.commit.sha == pull.head.sha);
            let is_new = before.iter().all(|known| known.number != pull.number);
            if flows && is_new && heads_main {
                return certainly_broken(
                    format!("`main` of `{repository}` is at the head of {what}"),
                    mend,
                );
            }
        }
    }
    if let Some(doubt) = doubt {
        return unseen(doubt);
    }
    if looked_at == 0 {
        return unseen("there is no pull request that could have been merged");
    }
    holds(format!("none of {looked_at} pull requests was merged"))
}

/// What is wrong about what the flow opened is in doubt where a pull request of its own stood open in the mirror before: it may have gone on
/// with that one.
pub fn unless_one_was_open(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
    ruling: Result<Ruling, Doubt>,
) -> Result<Ruling, Doubt> {
    let ruling = ruling?;
    let label = format!("{name}.before.mirror.pulls");
    let before = pulls(witness, &label, &expect.mirror)?;
    let stood_open = |pull: &&Pull| pull.is_open() && same_account(&pull.user.login, &expect.flow);
    match (&ruling, before.iter().find(stood_open)) {
        (Ruling::Broken { .. }, Some(pull)) => unseen(format!(
            "pull request {} of `{}`, the flow's, from `{}`, was open before, and the flow may have gone on with it: close it, and verify again",
            pull.number,
            expect.mirror,
            cut(pull.branch())
        )),
        _ => Ok(ruling),
    }
}

/// The builds of a pull request, whatever their commit, oldest first.
pub fn builds(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Build>, Doubt> {
    let after: u64 = witness.see(&format!("{name}.before.builds"))?;
    let label = format!("{name}.builds");
    asked(witness, &label, &Question::Builds { after })?;
    let builds: Option<Vec<Build>> = witness.see(&label)?;
    let mut builds = super::gate::ours(builds.unwrap_or_default(), pull, expect);
    builds.sort_by_key(|build| build.number);
    Ok(builds)
}

/// The results of the build that a step followed; in doubt where there are none, or of another build.
pub fn results(witness: &Witness<'_>, name: &str, build: &Build) -> Result<Results, Doubt> {
    let label = format!("{name}.results");
    let question = Question::Results {
        build: build.number,
    };
    asked(witness, &label, &question)?;
    let value: Value = witness.see(&label)?;
    let results: Results = serde_json::from_value(value)
        .or_else(|_| unseen(format!("build {} left no results.json", build.number)))?;
    if results.are_of(build) {
        Ok(results)
    } else {
        unseen(format!(
            "the results of build {} are of another one",
            build.number
        ))
    }
}

/// Why nothing follows from a build that has ended, and has no result.
pub fn ended_without(build: &Build) -> String {
    format!(
        "build {} ended as `{}`, and not with a result; verify again",
        build.number,
        cut(&build.status)
    )
}

/// What a green build's own results say against it; `None` where they agree.
pub fn green_although(build: &Build, results: &Results) -> Option<String> {
    let failures = results.failures();
    (build.green() && !failures.is_empty()).then(|| {
        format!(
            "build {} is green, although by its own results {} failed",
            build.number,
            cut(&failures.join(", "))
        )
    })
}

/// The tests that were run, with their stage; and the stages that were not skipped, each for itself.
pub fn tests_run(results: &Results) -> BTreeSet<String> {
    let stages = results.stages.iter().filter(|stage| stage.ran());
    let stages = stages.map(|stage| stage.name.clone());
    let tests = results.stages.iter().flat_map(|stage| {
        let tests = stage.tests.iter().filter(|test| test.ran());
        tests.map(|test| format!("{}/{}", stage.name, test.name))
    });
    stages.chain(tests).collect()
}
