//! What a scenario does with `/recipe-upgrade`: looks at everything before, runs it, puts on record what it opened, and looks again.

use super::bench::{Bench, Stop};
use super::beside::is_of_the_run;
use super::drive::{Fired, follow, latest};
use super::gate::same_account;
use super::guardrails::Watched;
use super::harness::look_before as look_before_acts;
use super::sight::{Activity, Branch, Build, Comment, File, Pull, Tags};
use super::upgrade::{Compose, newest, next_label};
use super::variants::of_pull;
use crate::evidence::Question;
use serde_json::Value;

/// Where a recipe says what it deploys.
pub const COMPOSE: &str = "compose.yml";
pub const MAIN: &str = "main";

/// One run of the skill, and what it is called in labels.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub name: &'a str,
    /// What the run is for; stands beside what it makes.
    pub purpose: &'a str,
    pub with_tests: bool,
}

/// Looks, runs, and looks again; answers the pull request that the flow opened, where it opened exactly one.
pub async fn upgrade(bench: &Bench, run: &Run<'_>) -> Result<Option<Pull>, Stop> {
    bench
        .doing("looking at recipe, registry and branches")
        .await;
    expect_upgrade(bench, run).await?;
    let Some(skill) = &bench.config().flow.recipe_upgrade else {
        return Ok(None);
    };
    let mut arguments = vec![bench.expect.recipe.clone()];
    if run.with_tests {
        arguments.push("--with-tests".into());
    }
    bench
        .doing(&format!(
            "`/recipe-upgrade {}` is running",
            arguments.join(" ")
        ))
        .await;
    bench
        .flow(run.name, &skill.command, &arguments, &[])
        .await?;
    bench.doing("looking at what it left").await;
    adopt_upgrade(bench, run).await
}

/// Looks at everything before, and puts on record what an upgrade of the recipe will make; answers whether there is an upgrade.
pub async fn expect_upgrade(bench: &Bench, run: &Run<'_>) -> Result<bool, Stop> {
    bench.clear().await?;
    let before = look_before(bench, run).await?;
    announce(bench, run, &before).await?;
    look_before_acts(bench, run.name).await?;
    main_moves(bench, run, false).await?;
    Ok(before.label.is_some())
}

/// Looks again, and puts on record what was made; answers the pull request that the flow opened, where it opened exactly one.
pub async fn adopt_upgrade(bench: &Bench, run: &Run<'_>) -> Result<Option<Pull>, Stop> {
    look_after(bench, run).await
}

/// What stood there before, as far as the scenario needs it.
struct Before {
    branches: Vec<Branch>,
    /// The version label that the upgrade will carry, by the stated policy.
    label: Option<String>,
}

async fn look_before(bench: &Bench, run: &Run<'_>) -> Result<Before, Stop> {
    let expect = &bench.expect;
    let name = run.name;
    let upstream: Option<Branch> = see_main(bench, name, "before", "upstream").await?;
    see_main(bench, name, "before", "mirror").await?;
    see_main(bench, name, "before", "harness").await?;
    let mut compose = None;
    if let Some(upstream) = upstream {
        let question = Question::File {
            repository: expect.upstream(),
            path: COMPOSE.into(),
            at: upstream.commit.sha,
        };
        let file: Option<File> = bench
            .see(&format!("{name}.before.compose"), question)
            .await?;
        compose = file.and_then(|file| Compose::read(&file.text).ok());
    }
    let mut next = None;
    for (service, known) in compose.iter().flat_map(|compose| &compose.services) {
        let question = Question::Tags {
            image: known.image.clone(),
        };
        let tags: Tags = bench
            .see(&format!("{name}.tags.{service}"), question)
            .await?;
        let app = compose.as_ref().and_then(Compose::app);
        if app == Some(known)
            && let Some(newest) = newest(&known.tag, &tags.tags)
            && newest != known.tag
            && let Some(Ok(label)) = compose.as_ref().map(Compose::label)
        {
            next = Some(next_label(&label, newest).to_string());
        }
    }
    let branches = see_lists(bench, name, "before").await?;
    latest(bench, &format!("{name}.before.builds")).await?;
    Ok(Before {
        branches,
        label: next,
    })
}

/// Puts on record that the flow may move the mirror's `main`, and where it has moved it to.
async fn main_moves(bench: &Bench, run: &Run<'_>, after: bool) -> Result<(), Stop> {
    let before = format!("{}.before.mirror", run.name);
    let Some(before) = bench.recalled::<Option<Branch>>(&before).await? else {
        return Ok(());
    };
    let was = before.commit.sha;
    let to = match after {
        true => moved_to(bench, run, &was).await?,
        false => None,
    };
    bench
        .expect_move(&bench.expect.mirror, MAIN, &was, to.as_deref(), run.purpose)
        .await
}

/// Where the mirror's `main` points to, if it was the run that moved it there: to upstream's commit, or to one that the flow's account
/// pushed. What somebody else has pushed stays.
async fn moved_to(bench: &Bench, run: &Run<'_>, was: &str) -> Result<Option<String>, Stop> {
    let name = run.name;
    let expect = &bench.expect;
    let now: Option<Branch> = bench.recalled(&format!("{name}.after.mirror")).await?;
    let upstream: Option<Branch> = bench.recalled(&format!("{name}.after.upstream")).await?;
    let Some(now) = now.map(|now| now.commit.sha) else {
        return Ok(None);
    };
    if now == was || upstream.is_some_and(|upstream| upstream.commit.sha == now) {
        return Ok(Some(now));
    }
    let question = Question::Activity {
        account: expect.flow.clone(),
        after: bench.recalled(&format!("{name}.before.acts")).await?,
    };
    let is_told =
        |acts: &Option<Vec<Activity>>| pushed(acts.as_deref(), &expect.mirror, MAIN, &now);
    // The forge may notice a push a little later than it shows the branch.
    let acts = bench
        .watch(&moved_by(name), question, expect.quiet, is_told)
        .await?;
    Ok(is_told(&acts).then_some(now))
}

/// The step that sees what the flow's account did, where `main` of the mirror is neither where it was nor at upstream's.
pub fn moved_by(name: &str) -> String {
    format!("{name}.moved.acts")
}

/// Whether these acts hold a push of a repository's branch to this commit.
pub fn pushed(acts: Option<&[Activity]>, repository: &str, branch: &str, commit: &str) -> bool {
    acts.unwrap_or_default().iter().any(|act| {
        act.op == "commit_repo"
            && same_account(act.repository(), repository)
            && act.branch() == Some(branch)
            && act.push().is_some_and(|push| push.head == commit)
    })
}

/// Puts on record what the flow should make, so that it is found after a crash too. What had that name before is not the run's.
async fn announce(bench: &Bench, run: &Run<'_>, before: &Before) -> Result<(), Stop> {
    let Some(label) = &before.label else {
        return Ok(());
    };
    let expect = &bench.expect;
    let upgrading = &expect.upgrading;
    let expect_pull = async |known: &[Branch], repository: &str, pattern: &str| {
        let branch = pattern
            .replace("{version}", label)
            .replace("{recipe}", &expect.recipe);
        if known.iter().any(|known| known.name == branch) {
            return Ok(());
        }
        let resource = bench.expect_pull(repository, &branch, run.purpose).await;
        resource.map(drop)
    };
    expect_pull(&before.branches, &expect.mirror, &upgrading.branch).await?;
    if !run.with_tests {
        return Ok(());
    }
    let label = format!("{}.before.harness.branches", run.name);
    let known: Option<Vec<Branch>> = bench.recalled(&label).await?;
    let (harness, pattern) = (&upgrading.harness, &upgrading.tests_branch);
    expect_pull(&known.unwrap_or_default(), harness, pattern).await
}

async fn look_after(bench: &Bench, run: &Run<'_>) -> Result<Option<Pull>, Stop> {
    let expect = &bench.expect;
    let name = run.name;
    for part in ["upstream", "mirror", "harness"] {
        see_main(bench, name, "after", part).await?;
    }
    main_moves(bench, run, true).await?;
    see_lists(bench, name, "after").await?;
    let watched = Watched::from_config(bench.config());
    let mut opened = Vec::new();
    for (part, repository) in [
        ("mirror", &expect.mirror),
        ("harness", &expect.upgrading.harness),
    ] {
        let before: Option<Vec<Pull>> = bench
            .recalled(&format!("{name}.before.{part}.pulls"))
            .await?;
        let after: Option<Vec<Pull>> = bench
            .recalled(&format!("{name}.after.{part}.pulls"))
            .await?;
        let new = new_by(
            &before.unwrap_or_default(),
            after.unwrap_or_default(),
            &expect.flow,
        );
        let known: Option<Vec<Branch>> = bench
            .recalled(&format!("{name}.before.{part}.branches"))
            .await?;
        let known = known.as_deref().unwrap_or_default();
        for pull in &new {
            if is_of_the_run(bench, &watched, name, repository, pull.number).await? {
                bench
                    .adopt(repository, pull, Some(known), run.purpose)
                    .await?;
            }
        }
        if part == "mirror" {
            opened = new;
        }
    }
    let [listed] = &opened[..] else {
        return Ok(None);
    };
    let repository = expect.mirror.clone();
    let number = listed.number;
    let question = Question::Pull {
        repository: repository.clone(),
        number,
    };
    let pull: Pull = bench.see(&format!("{name}.pull"), question).await?;
    let question = Question::PullFiles {
        repository: repository.clone(),
        number,
    };
    bench
        .see::<Value>(&format!("{name}.files"), question)
        .await?;
    let question = Question::File {
        repository: repository.clone(),
        path: COMPOSE.into(),
        at: pull.head.sha.clone(),
    };
    bench
        .see::<Value>(&format!("{name}.compose"), question)
        .await?;
    of_pull::look(bench, name, &pull).await?;
    let question = Question::Comments {
        repository: repository.clone(),
        number,
    };
    bench
        .see::<Option<Vec<Comment>>>(&format!("{name}.talk"), question)
        .await?;
    let question = Question::Timeline { repository, number };
    bench
        .see::<Value>(&format!("{name}.history"), question)
        .await?;
    let after: u64 = bench.recalled(&format!("{name}.before.builds")).await?;
    let builds: Option<Vec<Build>> = bench
        .see(&format!("{name}.builds"), Question::Builds { after })
        .await?;
    let newest = builds
        .unwrap_or_default()
        .into_iter()
        .filter(|build| build.parameter("REF") == pull.head.sha)
        .map(|build| build.number)
        .max();
    if let Some(build) = newest {
        follow(bench, name, &pull, &Fired { after, build }).await?;
    }
    Ok(Some(pull))
}

/// Where `main` of a repository points to: of the recipe's `upstream`, of its `mirror`, or of the `harness`.
async fn see_main(
    bench: &Bench,
    name: &str,
    when: &str,
    part: &str,
) -> Result<Option<Branch>, Stop> {
    let expect = &bench.expect;
    let (repository, branch) = match part {
        "upstream" => (expect.upstream(), MAIN.to_owned()),
        "mirror" => (expect.mirror.clone(), MAIN.to_owned()),
        _ => (
            expect.upgrading.harness.clone(),
            expect.upgrading.harness_branch.clone(),
        ),
    };
    let question = Question::Branch { repository, branch };
    bench.see(&format!("{name}.{when}.{part}"), question).await
}

/// Branches and pull requests of mirror and harness; answers the mirror's branches.
async fn see_lists(bench: &Bench, name: &str, when: &str) -> Result<Vec<Branch>, Stop> {
    let expect = &bench.expect;
    let mut questions = Vec::new();
    for (part, repository) in [
        ("harness", &expect.upgrading.harness),
        ("mirror", &expect.mirror),
    ] {
        let name = format!("{name}.{when}.{part}");
        let repository = repository.clone();
        let pulls = Question::Pulls {
            repository: repository.clone(),
        };
        questions.push((format!("{name}.pulls"), pulls));
        questions.push((
            format!("{name}.branches"),
            Question::Branches { repository },
        ));
    }
    bench.see_all(questions).await?;
    let branches: Option<Vec<Branch>> = bench
        .recalled(&format!("{name}.{when}.mirror.branches"))
        .await?;
    Ok(branches.unwrap_or_default())
}

/// The pull requests that an account has opened since: the forge counts upwards.
pub fn new_by(before: &[Pull], mut after: Vec<Pull>, account: &str) -> Vec<Pull> {
    let last = before.iter().map(|pull| pull.number).max().unwrap_or(0);
    after.retain(|pull| pull.number > last && pull.user.login.eq_ignore_ascii_case(account));
    after
}
