//! V8.5 and V8.7: what the summary says, against what the run has opened and how that was tested.

use super::summary::{Section, names, pages, summary};
use super::{STALE, due, elsewhere, expected, live, live_acts, set};
use crate::evidence::{Doubt, Witness};
use crate::flow::{End, Ran};
use crate::plan::expect::{Expectations, UpgradingAll};
use crate::plan::gate::{asked, cut, misdirected};
use crate::plan::opened::{builds, opened, opened_pull, results, tests_run, undisturbed};
use crate::plan::sight::{Build, Pull};
use crate::plan::v3::known_green;
use crate::plan::{Ruling, blocked, broken, holds, unseen};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

const MEND: &str = "Look at how the skill writes its summary";

/// The pull requests that the run opened, by their pages: each with its recipe, or with none where it is one of the harness.
type Opened = BTreeMap<String, Option<String>>;

fn all_opened(
    witness: &Witness<'_>,
    expect: &Expectations,
    all: &UpgradingAll,
) -> Result<Opened, Doubt> {
    let mut found = Opened::new();
    for recipe in &all.recipes {
        let (name, of) = (set(recipe), expect.of(recipe));
        for (part, of_recipe) in [("mirror", Some(recipe)), ("harness", None)] {
            for pull in opened(witness, &name, part, &of)? {
                found.insert(page(&pull)?, of_recipe.cloned());
            }
        }
    }
    if found.values().all(Option::is_none) {
        return blocked("the live run opened no pull request (V8.3)");
    }
    // What it opened beyond the set is V8.3's; it belongs in the list all the same.
    for act in live_acts(witness, expect)? {
        if let Some((label, question)) = elsewhere(&act, expect, all) {
            if witness.fact(&label).is_err() {
                return blocked("the live run opened pull requests beyond the sandbox (V8.3)");
            }
            asked(witness, &label, &question)?;
            let pull: Pull = witness.see(&label)?;
            found.insert(page(&pull)?, Some(act.repository().to_owned()));
        }
    }
    Ok(found)
}

fn page(pull: &Pull) -> Result<String, Doubt> {
    let page = pull.page.trim_end_matches('/');
    if page.is_empty() {
        return unseen(format!(
            "the forge does not say where pull request {} can be looked at",
            pull.number
        ));
    }
    Ok(page.to_owned())
}

/// The summary; otherwise why there is none.
fn told<'a>(ran: &'a Ran, all: &UpgradingAll) -> Result<Vec<Section<'a>>, String> {
    match ran.end {
        End::Exited(_) => summary(ran, &all.summary),
        _ => Err(ran.ending()),
    }
}

pub fn leads_with_the_list(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    let ran = live(witness, &expect, &all)?;
    let opened = all_opened(witness, &expect, &all)?;
    let sections = match told(&ran, &all) {
        Ok(sections) => sections,
        Err(why) => return broken(why, MEND),
    };
    let Some(lead) = sections.iter().find(|section| section.lists()) else {
        return broken("the summary lists nothing", MEND);
    };
    let mut listed = BTreeSet::new();
    for line in &lead.lines {
        let here: BTreeSet<&str> = pages(line).into_iter().collect();
        let mut named: Vec<&str> = names(line);
        named.retain(|name| all.recipes.iter().any(|recipe| recipe == name));
        for page in here {
            let Some(recipe) = opened.get(page) else {
                return broken(
                    format!(
                        "the list names {}, which is no pull request that this run opened",
                        cut(page)
                    ),
                    MEND,
                );
            };
            if !named.is_empty() && recipe.as_deref().is_some_and(|of| !named.contains(&of)) {
                return broken(
                    format!("the list names {} for `{}`", cut(page), named.join("`, `")),
                    MEND,
                );
            }
            if !listed.insert(page) {
                return broken(format!("the list names {} twice", cut(page)), MEND);
            }
        }
    }
    let missing: Vec<&str> = opened
        .iter()
        .filter(|(page, recipe)| recipe.is_some() && !listed.contains(page.as_str()))
        .map(|(page, _)| page.as_str())
        .collect();
    if !missing.is_empty() {
        return broken(
            format!(
                "the summary begins with {}, and {} is not in it",
                match lead.heading {
                    "" => "a list".to_owned(),
                    heading => format!("`{}`", cut(heading)),
                },
                missing.join(", ")
            ),
            MEND,
        );
    }
    holds(format!("it leads with all of them: {}", joined(&listed)))
}

fn joined(pages: &BTreeSet<&str>) -> String {
    let pages: Vec<&str> = pages.iter().copied().collect();
    pages.join(", ")
}

pub fn stale_section(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let (expect, all) = expected(witness)?;
    let ran = live(witness, &expect, &all)?;
    let stale = stale(witness, &expect, &all)?;
    if stale.is_empty() {
        return unseen(
            "no test of the set's recipes has gone stale, so that the section could not be seen; mend the sandbox",
        );
    }
    let ruling = stale_are_listed(&ran, &stale, &all)?;
    // Somebody who had a hand in one of them may have changed what the flow saw.
    let mut ruling = Ok(ruling);
    for recipe in &all.recipes {
        ruling = undisturbed(witness, &set(recipe), &expect.of(recipe), ruling);
    }
    ruling
}

fn stale_are_listed(
    ran: &Ran,
    stale: &BTreeSet<String>,
    all: &UpgradingAll,
) -> Result<Ruling, Doubt> {
    let sections = match told(ran, all) {
        Ok(sections) => sections,
        Err(why) => return broken(why, MEND),
    };
    let Ok(pattern) = Regex::new(&all.stale_heading) else {
        return unseen("`flow.upgrade_all.stale_heading` is no regular expression");
    };
    let lead = sections.iter().position(Section::lists);
    let mut found = sections
        .iter()
        .enumerate()
        .filter(|(_, section)| pattern.is_match(section.heading));
    let (Some((at, section)), None) = (found.next(), found.next()) else {
        return broken(
            format!(
                "there is not one section of stale tests in the summary, although {} has some",
                joined(&stale.iter().map(String::as_str).collect())
            ),
            MEND,
        );
    };
    let listed: BTreeSet<&str> = section.lines.iter().flat_map(|line| pages(line)).collect();
    let stale: BTreeSet<&str> = stale.iter().map(String::as_str).collect();
    let (missing, added) = (&stale - &listed, &listed - &stale);
    if !missing.is_empty() || !added.is_empty() {
        let or_nothing = |pages: &BTreeSet<&str>| match pages.is_empty() {
            true => "nothing".to_owned(),
            false => joined(pages),
        };
        return broken(
            format!(
                "under `{}`, {} is missing, and {} does not belong there",
                cut(section.heading),
                or_nothing(&missing),
                or_nothing(&added)
            ),
            MEND,
        );
    }
    if lead == Some(at) {
        return broken(
            "the section of stale tests is the list of pull requests itself",
            MEND,
        );
    }
    holds(format!(
        "under `{}` stands {}, and nothing else",
        cut(section.heading),
        joined(&listed)
    ))
}

/// The pages of the pull requests whose tests are stale. Not by the flow's word: by what their builds say, and by the recipe that was made
/// so that one test of it goes stale. That this test is green before the upgrade is tried at the start.
pub fn stale(
    witness: &Witness<'_>,
    expect: &Expectations,
    all: &UpgradingAll,
) -> Result<BTreeSet<String>, Doubt> {
    let mut stale = BTreeSet::new();
    let due = due(witness, expect, all)?;
    for (recipe, _) in due.iter().filter(|(_, steps)| !steps.is_empty()) {
        let (name, of) = (set(recipe), expect.of(recipe));
        if opened(witness, &name, "mirror", &of)?.is_empty() {
            continue;
        }
        let pull = opened_pull(witness, &name, &of, "V8.3")?;
        let builds = builds(witness, &name, &pull, &of)?;
        let mut builds = builds.iter().rev();
        let Some(last) = builds.find(|build| build.parameter("REF") == pull.head.sha) else {
            return unseen(format!(
                "no build of the head of pull request {} of `{recipe}`",
                pull.number
            ));
        };
        if misdirected(last, &pull, &of).is_some() || !last.ended() {
            return unseen(format!(
                "build {} does not tell how the head of pull request {} of `{recipe}` does",
                last.number, pull.number
            ));
        }
        if !last.green() && is_stale(witness, recipe, last, &of)? {
            stale.insert(page(&pull)?);
        }
    }
    Ok(stale)
}

/// Whether a red build is red by a stale test, and by nothing else.
fn is_stale(
    witness: &Witness<'_>,
    recipe: &str,
    build: &Build,
    of: &Expectations,
) -> Result<bool, Doubt> {
    let is = |key: &str| of.upgrading.recipes.get(key).map(String::as_str) == Some(recipe);
    if is("persistent") {
        return Ok(false);
    }
    let failed = results(witness, &set(recipe), build)?.failed();
    let test = &of.upgrading.stale_test;
    if !is(STALE) || failed != [test.clone()] {
        return unseen(format!(
            "build {} of `{recipe}` is red by {}, and whether those are stale is not known; mend the sandbox",
            build.number,
            match &failed[..] {
                [] => "no test".to_owned(),
                failed => format!("`{}`", cut(&failed.join("`, `"))),
            }
        ));
    }
    let before = known_green(witness, of)?;
    if !tests_run(&results(witness, "baseline", &before)?).contains(test) {
        return unseen(format!(
            "control: build {} of `{recipe}` as it is did not run `{test}`; mend the sandbox",
            before.number
        ));
    }
    Ok(true)
}
