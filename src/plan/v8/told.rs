//! V8.5 and V8.7: what the summary says, against what the run has opened and how that was tested.

use super::summary::{self, Colour, Section, names, pages, summary};
use super::{STALE, due, elsewhere, expected, live, live_acts, set};
use crate::evidence::{Doubt, Witness};
use crate::flow::{End, Outcome, Ran};
use crate::plan::expect::{Expectations, UpgradingAll};
use crate::plan::gate::{asked, cut, misdirected};
use crate::plan::opened::{
    builds, ended_without, green_although, opened, opened_pull, results, tests_run, undisturbed,
};
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
    let mut said = Vec::new();
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
            // Of what is beyond the set nobody looked how it does; that it was opened is V8.3's.
            if let Some(recipe) = recipe.as_ref().filter(|of| all.recipes.contains(of)) {
                said.push((recipe, page, line));
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
    for (recipe, page, line) in said {
        let of = expect.of(recipe);
        let results = summary::results(line);
        let ruling = match (summary::colour(line, recipe), &results[..]) {
            (None, []) => continue,
            (Some(colour), []) => is_coloured(witness, recipe, page, colour, &of),
            _ => is_so(witness, recipe, page, &results, &opened, &of),
        };
        let ruling = undisturbed(witness, &set(recipe), &of, ruling)?;
        if !matches!(ruling, Ruling::Holds(_)) {
            return Ok(ruling);
        }
    }
    holds(format!("it leads with all of them: {}", joined(&listed)))
}

/// Whether a pull request is as green, or as red, as the list says in words of its own.
fn is_coloured(
    witness: &Witness<'_>,
    recipe: &str,
    page: &str,
    Colour { green, is_plain }: Colour,
    of: &Expectations,
) -> Result<Ruling, Doubt> {
    let (_, head) = head(witness, recipe, of)?;
    let does = match head {
        Head::Green if green => return holds("it is green"),
        Head::Red { .. } if !green => return holds("it is red"),
        Head::Green => "it is green".to_owned(),
        Head::Red { build, .. } => format!("build {build} of it is red"),
    };
    let said = if green { "green" } else { "red" };
    if !is_plain {
        return unseen(format!(
            "whether the list calls {} {said} cannot be told from its words, and {does}",
            cut(page)
        ));
    }
    broken(
        format!("the list calls {} {said}, but {does}", cut(page)),
        MEND,
    )
}

/// Whether a pull request does as the list says, by the last build of its head.
fn is_so(
    witness: &Witness<'_>,
    recipe: &str,
    page: &str,
    results: &[Outcome],
    opened: &Opened,
    of: &Expectations,
) -> Result<Ruling, Doubt> {
    let [said] = results else {
        let words: Vec<&str> = results.iter().map(|result| result.word()).collect();
        return unseen(format!(
            "the list says `{}` of {}: which of them is meant is not known",
            words.join("` and `"),
            cut(page)
        ));
    };
    let (_, head) = head(witness, recipe, of)?;
    let does = match (head, said) {
        (Head::Green, Outcome::Success) => return holds("it is green"),
        (Head::Green, _) => "it is green".to_owned(),
        (Head::Red { build, .. }, Outcome::Success) => format!("build {build} of it is red"),
        (Head::Red { build, stale }, _) => match (stale?, said) {
            (true, Outcome::PendingTests) => return holds("its test is stale"),
            // Then there is a pull request that updates the test. That none should be is V8.4's.
            (true, Outcome::TestPr) if opened.values().any(Option::is_none) => {
                return holds("its test is stale");
            }
            (true, _) => format!("build {build} of it is red by a stale test alone"),
            (false, Outcome::NotGreen) => return holds("it is red"),
            (false, _) => format!("build {build} of it is red, and not by a stale test"),
        },
    };
    broken(
        format!(
            "the list says `{}` of {}, but {does}",
            said.word(),
            cut(page)
        ),
        MEND,
    )
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
        let of = expect.of(recipe);
        if opened(witness, &set(recipe), "mirror", &of)?.is_empty() {
            continue;
        }
        let (pull, head) = head(witness, recipe, &of)?;
        if let Head::Red { stale: is, .. } = head
            && is?
        {
            stale.insert(page(&pull)?);
        }
    }
    Ok(stale)
}

/// How the head of a pull request does.
enum Head {
    Green,
    Red {
        build: u64,
        /// Whether by a stale test alone; where nobody knows, why.
        stale: Result<bool, Doubt>,
    },
}

/// The pull request that was opened for a recipe, and how its head does by its last build.
fn head(witness: &Witness<'_>, recipe: &str, of: &Expectations) -> Result<(Pull, Head), Doubt> {
    let name = set(recipe);
    let pull = opened_pull(witness, &name, of, "V8.3")?;
    let builds = builds(witness, &name, &pull, of)?;
    let mut builds = builds.iter().rev();
    let Some(last) = builds.find(|build| build.parameter("REF") == pull.head.sha) else {
        return unseen(format!(
            "no build of the head of pull request {} of `{recipe}`",
            pull.number
        ));
    };
    if misdirected(last, &pull, of).is_some() || !last.ended() {
        return unseen(format!(
            "build {} does not tell how the head of pull request {} of `{recipe}` does",
            last.number, pull.number
        ));
    }
    if last.green()
        && let Some(wrong) = green_although(last, &results(witness, &name, last)?)
    {
        return unseen(format!("{wrong}: how the head does is not known"));
    }
    if !last.has_result() {
        return unseen(ended_without(last));
    }
    let head = match last.green() {
        true => Head::Green,
        false => Head::Red {
            build: last.number,
            stale: is_stale(witness, recipe, last, of),
        },
    };
    Ok((pull, head))
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
    let failed = results(witness, &set(recipe), build)?.failures();
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
