//! V2: `testme-on-pr.sh` reads the verdict correctly.

mod judge;
mod seen;

use super::bench::{Bench, Stop, Who};
use super::drive::{wait_for_builds, watch_announced, watch_surfaces};
use super::gate::ours;
use super::sight::{Build, Comment, Pull};
use super::{ClauseSpec, Item};
use crate::evidence::Question;
use futures_util::FutureExt;
use seen::new_by;
use serde_json::Value;
use std::time::Duration;

pub const ITEM: Item = Item {
    id: "V2",
    title: "`testme-on-pr.sh` reads the verdict correctly",
    does: "opens a known-green and a known-red pull request in the mirror, runs the helper on them with `POST=0` and `POST=1`, and waits for the builds",
    needs: &["V1"],
    lacks: |_| None,
    clauses: &[
        ClauseSpec {
            id: "V2.1",
            says: "`POST=1` posts exactly one `!testme`",
            judge: judge::posts_once,
        },
        ClauseSpec {
            id: "V2.2",
            says: "`POST=0` posts nothing and starts no build",
            judge: judge::only_polls,
        },
        ClauseSpec {
            id: "V2.3",
            says: "`VERDICT=GREEN` on the known-green head",
            judge: judge::tells_green,
        },
        ClauseSpec {
            id: "V2.4",
            says: "`VERDICT=RED` on the known-red head",
            judge: judge::tells_red,
        },
        ClauseSpec {
            id: "V2.5",
            says: "`VERDICT=PENDING` while the build is in flight, and before there is one",
            judge: judge::pending_in_flight,
        },
        ClauseSpec {
            id: "V2.6",
            says: "`BUILD=` names a page on the configured Drone, of a build of this pull request's head",
            judge: judge::names_the_build,
        },
        ClauseSpec {
            id: "V2.7",
            says: "The helper reads where the gate writes",
            judge: judge::reads_where_the_gate_writes,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

/// How often it is tried to ask the helper while a build is in flight.
pub const TRIES: u32 = 3;

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let expect = &bench.expect;
    let mirror = &expect.mirror;
    let patient = Duration::from_secs(expect.helper_wait);

    bench
        .doing("asking the helper before there is anything")
        .await;
    let green: Pull = bench
        .open_pull("green", mirror, &expect.known_green, "V2, known green")
        .await?;
    let before: u64 = bench.see("green.before", Question::LatestBuild).await?;
    see_comments(bench, "idle.before", &green).await?;
    bench
        .helper("idle", green.number, false, Duration::ZERO)
        .await?;
    bench.quiet("idle.quiet").await?;
    // A build that is there was asked for before, by whomever.
    see_builds(bench, "idle.builds", before).await?;
    see_comments(bench, "idle.after", &green).await?;
    let known: Option<Vec<Comment>> = bench.recalled("idle.before").await?;
    let after: Option<Vec<Comment>> = bench.recalled("idle.after").await?;
    let builds: Option<Vec<Build>> = bench.recalled("idle.builds").await?;
    let wrote = new_by(
        &known.unwrap_or_default(),
        after.unwrap_or_default(),
        &expect.flow,
    );
    if !wrote.is_empty() || !ours(builds.unwrap_or_default(), &green, expect).is_empty() {
        // What follows would be mixed up with what this led to.
        return Ok(());
    }

    bench.doing("the helper posts").await;
    bench
        .helper("post", green.number, true, Duration::ZERO)
        .await?;
    see_comments(bench, "post.after", &green).await?;
    let posted = triggers(bench, "idle.after", "post.after").await?;
    for attempt in 1..=TRIES {
        let name = format!("flight.{attempt}");
        let after: u64 = bench
            .see(&format!("{name}.before"), Question::LatestBuild)
            .await?;
        if attempt > 1 {
            bench
                .post(
                    &format!("{name}.posted"),
                    Who::Gavel,
                    mirror,
                    green.number,
                    &expect.trigger,
                )
                .await?;
        }
        // The first try is about the build of the helper's own comment, which may be there already.
        let (after, wanted) = if attempt == 1 {
            (before, posted)
        } else {
            (after, 1)
        };
        let builds = wait_for_builds(bench, &name, &green, after, wanted).await?;
        let Some(build) = newest(builds) else {
            return Ok(());
        };
        bench
            .doing(&format!(
                "asking the helper while build {} is in flight",
                build.number
            ))
            .await;
        bench
            .helper(&name, green.number, false, Duration::ZERO)
            .await?;
        let question = Question::Build {
            number: build.number,
        };
        let then: Build = bench.see(&format!("{name}.build"), question).await?;
        if !then.ended() {
            break;
        }
    }
    bench.doing("the helper waits for the end").await;
    bench
        .helper("green.told", green.number, false, patient)
        .await?;
    // The newest one is what the gate tells of in the end.
    let Some(build) = newest(wait_for_builds(bench, "green", &green, before, 1).await?) else {
        return Ok(());
    };
    see_end(bench, "green", &green, build.number).await?;

    bench
        .doing("the helper posts once more: what stood there before is not the answer")
        .await;
    let before: u64 = bench.see("renew.before", Question::LatestBuild).await?;
    see_comments(bench, "renew.comments.before", &green).await?;
    bench
        .helper("renew", green.number, true, Duration::ZERO)
        .await?;
    see_comments(bench, "renew.comments.after", &green).await?;
    let posted = triggers(bench, "renew.comments.before", "renew.comments.after").await?;
    let Some(build) = newest(wait_for_builds(bench, "renew", &green, before, posted).await?) else {
        return Ok(());
    };
    // Until the gate tells of the new build, nobody who only reads can know of it.
    watch_announced(bench, "renew.announced", &green, &build).await?;
    bench
        .helper("renew.told", green.number, false, patient)
        .await?;
    see_end(bench, "renew", &green, build.number).await?;

    bench
        .doing("the helper posts on the known-red pull request and waits")
        .await;
    let red: Pull = bench
        .open_pull("red", mirror, &expect.known_red, "V2, known red")
        .await?;
    let before: u64 = bench.see("red.before", Question::LatestBuild).await?;
    see_comments(bench, "red.comments.before", &red).await?;
    bench.helper("red.told", red.number, true, patient).await?;
    let Some(build) = newest(wait_for_builds(bench, "red", &red, before, 1).await?) else {
        return Ok(());
    };
    see_end(bench, "red", &red, build.number).await?;

    // The newest build and the newest result are another pull request's now.
    bench
        .doing("asking the helper about the first once more")
        .await;
    bench
        .helper("again.told", green.number, false, Duration::ZERO)
        .await?;

    bench
        .doing("quiet window: nothing more is posted or started")
        .await;
    bench.quiet("end.quiet").await?;
    see_comments(bench, "end.green.comments", &green).await?;
    see_comments(bench, "end.red.comments", &red).await?;
    let first: u64 = bench.recalled("green.before").await?;
    see_builds(bench, "end.builds", first).await
}

/// How many triggers the helper wrote between two looks, each of which leads to a build; one where it wrote none that is known.
async fn triggers(bench: &Bench, before: &str, after: &str) -> Result<usize, Stop> {
    let expect = &bench.expect;
    let known: Option<Vec<Comment>> = bench.recalled(before).await?;
    let after: Option<Vec<Comment>> = bench.recalled(after).await?;
    let (known, after) = (known.unwrap_or_default(), after.unwrap_or_default());
    let mut wrote = new_by(&known, after, &expect.flow);
    wrote.retain(|comment| expect.triggers().any(|body| comment.body.trim() == body));
    Ok(wrote.len().max(1))
}

fn newest(builds: Vec<Build>) -> Option<Build> {
    builds.into_iter().max_by_key(|build| build.number)
}

/// What the gate holds, after the helper has answered.
async fn see_end(bench: &Bench, name: &str, pull: &Pull, number: u64) -> Result<(), Stop> {
    let question = Question::Build { number };
    bench
        .see::<Build>(&format!("{name}.then"), question)
        .await?;
    let build: Build = bench
        .watch(
            &format!("{name}.build"),
            Question::Build { number },
            bench.expect.build,
            Build::ended,
        )
        .await?;
    watch_surfaces(bench, &format!("{name}.end"), pull, &build).await
}

async fn see_comments(bench: &Bench, label: &str, pull: &Pull) -> Result<(), Stop> {
    let question = Question::Comments {
        repository: bench.expect.mirror.clone(),
        number: pull.number,
    };
    bench.see::<Value>(label, question).await.map(drop)
}

async fn see_builds(bench: &Bench, label: &str, after: u64) -> Result<(), Stop> {
    bench
        .see::<Value>(label, Question::Builds { after })
        .await
        .map(drop)
}
