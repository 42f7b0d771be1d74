//! The `!testme` runs that one pull request of the flow went through: looked at above, read by judges below.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::{asked, ours, same_account};
use super::opened::{builds, comments_of, compose_before, ran, tags, the_pull};
use super::run::COMPOSE;
use super::sight::{Build, File, Log, Pull, Results, Status};
use super::unseen;
use super::upgrade::{Compose, upgraded};
use crate::evidence::{Doubt, Question, Witness};
use serde_json::Value;

/// More runs than this are not looked at one by one; that there are too many shows in their number.
const MOST: usize = 5;

/// Looks at every build of the pull request: how it ended, why, and what the head was then.
pub async fn look(bench: &Bench, name: &str, pull: &Pull) -> Result<(), Stop> {
    let expect = &bench.expect;
    let all: Option<Vec<Build>> = bench.recalled(&format!("{name}.builds")).await?;
    let mut builds = ours(all.unwrap_or_default(), pull, expect);
    builds.sort_by_key(|build| build.number);
    for (at, build) in builds.iter().take(MOST).enumerate() {
        let (label, number) = (format!("{name}.try.{}", at + 1), build.number);
        bench
            .watch::<Build>(
                &format!("{label}.build"),
                Question::Build { number },
                expect.build,
                Build::ended,
            )
            .await?;
        bench
            .see::<Value>(
                &format!("{label}.results"),
                Question::Results { build: number },
            )
            .await?;
        bench
            .watch::<Log>(
                &format!("{label}.log"),
                Question::BuildLog { number },
                expect.reaction,
                |log| log.missing.is_empty(),
            )
            .await?;
        let commit = build.parameter("REF").to_owned();
        let repository = expect.mirror.clone();
        let question = Question::Statuses {
            repository: repository.clone(),
            commit: commit.clone(),
        };
        bench
            .see::<Value>(&format!("{label}.statuses"), question)
            .await?;
        let question = Question::File {
            repository,
            path: COMPOSE.into(),
            at: commit,
        };
        bench
            .see::<Value>(&format!("{label}.compose"), question)
            .await?;
    }
    Ok(())
}

/// Looks at the statuses of the head, whether it was tested or not.
pub async fn look_at_head(bench: &Bench, name: &str, pull: &Pull) -> Result<(), Stop> {
    let question = statuses(pull, &bench.expect);
    bench.note(&format!("{name}.head.statuses"), question).await
}

fn statuses(pull: &Pull, expect: &Expectations) -> Question {
    Question::Statuses {
        repository: expect.mirror.clone(),
        commit: pull.head.sha.clone(),
    }
}

/// One run.
pub struct Try {
    /// As it ended.
    pub build: Build,
    pub statuses: Vec<Status>,
    label: String,
}

impl Try {
    /// The commit that was tested.
    pub fn commit(&self) -> &str {
        self.build.parameter("REF")
    }

    pub fn results(&self, witness: &Witness<'_>) -> Result<Option<Results>, Doubt> {
        let label = format!("{}.results", self.label);
        let build = self.build.number;
        asked(witness, &label, &Question::Results { build })?;
        let value: Value = witness.see(&label)?;
        let results: Option<Results> = serde_json::from_value(value).ok();
        Ok(results.filter(|results| results.are_of(&self.build)))
    }

    pub fn log(&self, witness: &Witness<'_>) -> Result<Log, Doubt> {
        let label = format!("{}.log", self.label);
        let number = self.build.number;
        asked(witness, &label, &Question::BuildLog { number })?;
        witness.see(&label)
    }

    /// What the compose file said on the commit that was tested.
    pub fn compose(
        &self,
        witness: &Witness<'_>,
        expect: &Expectations,
    ) -> Result<Result<Compose, String>, Doubt> {
        let label = format!("{}.compose", self.label);
        let question = Question::File {
            repository: expect.mirror.clone(),
            path: COMPOSE.into(),
            at: self.commit().to_owned(),
        };
        asked(witness, &label, &question)?;
        let file: Option<File> = witness.see(&label)?;
        Ok(match file {
            Some(file) => Compose::read(&file.text),
            None => Err(format!("`{COMPOSE}` is gone")),
        })
    }
}

/// Every run of a pull request, in order; in doubt where one has not ended, or where there are more than were looked at.
pub fn tries(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Try>, Doubt> {
    let mut tries = Vec::new();
    for (at, started) in builds(witness, name, pull, expect)?.iter().enumerate() {
        let label = format!("{name}.try.{}", at + 1);
        let step = format!("{label}.build");
        let number = started.number;
        asked(witness, &step, &Question::Build { number })?;
        let build: Build = witness.see(&step)?;
        if build.number != number || build.parameter("REF") != started.parameter("REF") {
            return unseen(format!("`{step}` is of another build"));
        }
        if !build.ended() {
            return unseen(format!("build {number} has not ended"));
        }
        let step = format!("{label}.statuses");
        let question = Question::Statuses {
            repository: expect.mirror.clone(),
            commit: build.parameter("REF").to_owned(),
        };
        asked(witness, &step, &question)?;
        tries.push(Try {
            build,
            statuses: witness.see::<Option<_>>(&step)?.unwrap_or_default(),
            label,
        });
    }
    Ok(tries)
}

/// Control: the flow opened one pull request and had it tested, and what was tested first is the upgrade. In doubt where not; answers what
/// the compose file said then, too.
pub fn upgraded_tries(
    witness: &Witness<'_>,
    name: &str,
    expect: &Expectations,
) -> Result<(Pull, Vec<Try>, Compose), Doubt> {
    ran(witness, name, expect)?;
    let pull = the_pull(witness, name, expect, "V3.2")?;
    let tries = tries(witness, name, &pull, expect)?;
    let Some(first) = tries.first() else {
        return unseen(format!(
            "control: no build of pull request {} was started",
            pull.number
        ));
    };
    let before = compose_before(witness, name, expect)?;
    let tags = tags(witness, name, &before)?;
    let known = |image: &str| {
        let mut all = tags.iter();
        all.find(|(of, _)| of == image)
            .map(|(_, tags)| tags.clone())
    };
    let bumped = first.compose(witness, expect)?.and_then(|after| {
        upgraded(&before, &after, known)?;
        Ok(after)
    });
    match bumped {
        Ok(after) => Ok((pull, tries, after)),
        Err(why) => unseen(format!(
            "control: the head that build {} tested does not hold the seed: {why}",
            first.build.number
        )),
    }
}

/// The statuses of the pull request's head, whether it was tested or not.
pub fn head_statuses(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Status>, Doubt> {
    let label = format!("{name}.head.statuses");
    asked(witness, &label, &statuses(pull, expect))?;
    Ok(witness.see::<Option<_>>(&label)?.unwrap_or_default())
}

/// How many triggers the flow typed on its pull request.
pub fn typed(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<usize, Doubt> {
    let talk = comments_of(witness, &format!("{name}.talk"), pull.number, expect)?;
    let is_trigger = |body: &str| expect.triggers().any(|trigger| body.trim() == trigger);
    let mut by_others = talk.iter().filter(|comment| {
        is_trigger(&comment.body) && !same_account(&comment.user.login, &expect.flow)
    });
    if let Some(other) = by_others.next() {
        return unseen(format!(
            "`{}` typed `{}` on pull request {} too (comment {}), so that runs cannot be told apart; verify again",
            super::gate::cut(&other.user.login),
            super::gate::cut(other.body.trim()),
            pull.number,
            other.id
        ));
    }
    let by_flow = talk.iter().filter(|comment| {
        is_trigger(&comment.body) && same_account(&comment.user.login, &expect.flow)
    });
    Ok(by_flow.count())
}
