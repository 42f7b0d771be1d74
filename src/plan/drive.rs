//! What a scenario does with the gate: types the trigger, and follows what it leads to.

use super::bench::{Bench, Enough, Stop, Who};
use super::expect::Expectations;
use super::gate::{Settled, Surfaces, log_pattern, ours};
use super::sight::{Build, Comment, Log, Pull, Status};
use crate::evidence::Question;
use serde_json::Value;

/// As many builds before one are looked at for whether they keep it waiting.
const QUEUE: u64 = 100;

/// A trigger that was typed, and what it led to.
pub struct Fired {
    /// The newest build before the trigger.
    pub after: u64,
    pub build: u64,
}

/// Types the trigger and waits for a build; `None` where none was started.
pub async fn fire(bench: &Bench, name: &str, pull: &Pull) -> Result<Option<Fired>, Stop> {
    let expect = &bench.expect;
    let after = latest(bench, &format!("{name}.before")).await?;
    bench
        .doing(&format!("`{}` typed, waiting for a build", expect.trigger))
        .await;
    bench
        .post(
            &format!("{name}.posted"),
            Who::Gavel,
            &expect.mirror,
            pull.number,
            &expect.trigger,
        )
        .await?;
    let builds = wait_for_builds(bench, name, pull, after, 1).await?;
    let build = builds.iter().map(|build| build.number).min();
    Ok(build.map(|build| Fired { after, build }))
}

/// Follows the build that a trigger led to: to its end, to what the pull request tells of it, to its results and its log.
pub async fn follow(bench: &Bench, name: &str, pull: &Pull, fired: &Fired) -> Result<(), Stop> {
    let expect = &bench.expect;
    let number = fired.build;
    bench.doing(&format!("build {number} is running")).await;
    let build: Build = bench
        .watch(
            &format!("{name}.build"),
            Question::Build { number },
            expect.build,
            Build::ended,
        )
        .await?;
    if !build.ended() {
        // Whether it stands in line behind others' work.
        let after = number.saturating_sub(QUEUE);
        bench
            .see::<Value>(&format!("{name}.queue"), Question::Builds { after })
            .await?;
        return Ok(());
    }
    bench
        .doing(&format!(
            "build {number} has ended, waiting for its result on the pull request"
        ))
        .await;
    watch_surfaces(bench, name, pull, &build).await?;
    bench
        .watch::<Value>(
            &format!("{name}.results"),
            Question::Results { build: number },
            expect.reaction,
            |results| !results.is_null(),
        )
        .await?;
    // A step's log arrives after its end.
    bench
        .watch::<Log>(
            &format!("{name}.log"),
            Question::BuildLog { number },
            expect.reaction,
            |log| {
                log.missing.is_empty()
                    || log_pattern(expect).is_ok_and(|pattern| log.shows(&pattern))
            },
        )
        .await?;
    Ok(())
}

/// Waits for so many builds of a pull request among those above `after`; answers those that there are, also where the patience ended.
pub async fn wait_for_builds(
    bench: &Bench,
    name: &str,
    pull: &Pull,
    after: u64,
    wanted: usize,
) -> Result<Vec<Build>, Stop> {
    let expect = &bench.expect;
    let builds: Vec<Build> = bench
        .watch(
            &format!("{name}.builds"),
            Question::Builds { after },
            expect.reaction,
            |builds: &Vec<Build>| ours(builds.clone(), pull, expect).len() >= wanted,
        )
        .await?;
    Ok(ours(builds, pull, expect))
}

/// Waits until a surface tells of this build at all, however it goes.
pub async fn watch_announced(
    bench: &Bench,
    name: &str,
    pull: &Pull,
    build: &Build,
) -> Result<(), Stop> {
    watch_told(bench, name, pull, |statuses, comments, expect| {
        Surfaces::read(statuses, comments, build, pull, expect)
            .tells_of_the_build()
            .into()
    })
    .await
}

/// Waits until both surfaces tell how a build ended, or one does and the other does not exist.
pub async fn watch_surfaces(
    bench: &Bench,
    name: &str,
    pull: &Pull,
    build: &Build,
) -> Result<(), Stop> {
    watch_told(bench, name, pull, |statuses, comments, expect| {
        let surfaces = Surfaces::read(statuses, comments, build, pull, expect);
        match surfaces.settled(build.green()) {
            Settled::Yes => Enough::Yes,
            Settled::OneIsMissing => Enough::IfItStays,
            Settled::No => Enough::No,
        }
    })
    .await
}

/// Watches both surfaces of a pull request together.
async fn watch_told(
    bench: &Bench,
    name: &str,
    pull: &Pull,
    enough: impl Fn(&[Status], &[Comment], &Expectations) -> Enough,
) -> Result<(), Stop> {
    let expect = &bench.expect;
    let statuses = Question::Statuses {
        repository: expect.mirror.clone(),
        commit: pull.head.sha.clone(),
    };
    let comments = Question::Comments {
        repository: expect.mirror.clone(),
        number: pull.number,
    };
    bench
        .watch_all(
            [
                (&format!("{name}.statuses"), statuses),
                (&format!("{name}.comments"), comments),
            ],
            expect.reaction,
            |[statuses, comments]| match (list(statuses), list(comments)) {
                (Some(statuses), Some(comments)) => enough(&statuses, &comments, expect),
                _ => Enough::No,
            },
        )
        .await
}

/// A list as the forge gives it: `null` is an empty one.
fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Option<Vec<T>> {
    let list: Option<Vec<T>> = serde::Deserialize::deserialize(value).ok()?;
    Some(list.unwrap_or_default())
}

pub async fn see_all(bench: &Bench, name: &str, after: u64, pull: &Pull) -> Result<(), Stop> {
    bench
        .see::<Value>(&format!("{name}.builds"), Question::Builds { after })
        .await?;
    let question = Question::Statuses {
        repository: bench.expect.mirror.clone(),
        commit: pull.head.sha.clone(),
    };
    bench
        .see::<Value>(&format!("{name}.statuses"), question)
        .await?;
    let question = Question::Comments {
        repository: bench.expect.mirror.clone(),
        number: pull.number,
    };
    bench
        .see::<Value>(&format!("{name}.typed"), question)
        .await?;
    Ok(())
}

pub async fn latest(bench: &Bench, label: &str) -> Result<u64, Stop> {
    bench.see(label, Question::LatestBuild).await
}
