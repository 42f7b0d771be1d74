//! V1: `!testme` on a recipe pull request is the real gate.

mod judge;
mod seen;
mod silence;

use super::bench::{Bench, Stop, Who};
use super::drive::{fire, follow, latest, see_all};
use super::sight::Pull;
use super::{ClauseSpec, Item};
use crate::evidence::Question;
use futures_util::FutureExt;

pub const ITEM: Item = Item {
    id: "V1",
    title: "`!testme` on a recipe pull request is the real gate",
    does: "opens a known-green and a known-red pull request in the mirror, types every good and bad trigger there, also in the outsider's name, and waits for the builds",
    needs: &[],
    lacks: |_| None,
    clauses: &[
        ClauseSpec {
            id: "V1.1",
            says: "A `!testme` by a collaborator starts exactly one build, for that pull request and that head",
            judge: judge::one_build_each,
        },
        ClauseSpec {
            id: "V1.2",
            says: "That build runs the suite: every stage, at least one test, to its end",
            judge: judge::runs_the_suite,
        },
        ClauseSpec {
            id: "V1.3",
            says: "The result is put back on the pull request, as it was and leading to the build",
            judge: judge::put_back,
        },
        ClauseSpec {
            id: "V1.4",
            says: "A `!testme` by an outsider starts nothing and changes no status",
            judge: silence::outsider_is_rejected,
        },
        ClauseSpec {
            id: "V1.5",
            says: "Bad triggers start nothing",
            judge: silence::bad_triggers_do_not_fire,
        },
        ClauseSpec {
            id: "V1.6",
            says: "Control: after the quiet windows a collaborator's `!testme` still fires",
            judge: silence::control_fires,
        },
        ClauseSpec {
            id: "V1.7",
            says: "The gate can say no: the known-red head ends red, by a failed test",
            judge: judge::can_say_no,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let expect = &bench.expect;
    let mirror = &expect.mirror;
    bench.doing("asking who has access").await;
    for (label, account) in [
        ("gavel.collaborator", &expect.gavel),
        ("outsider.collaborator", &expect.outsider),
    ] {
        let question = Question::Collaborator {
            repository: mirror.clone(),
            account: account.clone(),
        };
        bench.see::<bool>(label, question).await?;
    }
    let question = Question::Member {
        organisation: expect.organisation.clone(),
        account: expect.outsider.clone(),
    };
    bench.see::<bool>("outsider.member", question).await?;

    bench.doing("opening the known-green pull request").await;
    let green: Pull = bench
        .open_pull("green", mirror, &expect.known_green, "V1, known green")
        .await?;
    let Some(first) = fire(bench, "first", &green).await? else {
        return Ok(());
    };
    follow(bench, "first", &green, &first).await?;

    bench.doing("quiet window: one build, not two").await;
    bench.quiet("first.quiet").await?;
    // Asked before the list is: what comes in between is seen twice, not never.
    let before = latest(bench, "outsider.before").await?;
    see_all(bench, "first.after", first.after, &green).await?;

    bench
        .doing("quiet window: the outsider must not fire")
        .await;
    for (number, body) in expect.triggers().enumerate() {
        let label = format!("outsider.posted.{}", number + 1);
        bench
            .post(&label, Who::Outsider, mirror, green.number, body)
            .await?;
    }
    bench.quiet("outsider.quiet").await?;
    let newest = latest(bench, "bad.before").await?;
    see_all(bench, "outsider.after", before, &green).await?;

    bench
        .doing("quiet window: bad triggers must not fire")
        .await;
    for (number, body) in expect.bad_triggers.iter().enumerate() {
        bench
            .post(
                &format!("bad.posted.{}", number + 1),
                Who::Gavel,
                mirror,
                green.number,
                body,
            )
            .await?;
    }
    bench.quiet("bad.quiet").await?;
    latest(bench, "control.before").await?;
    see_all(bench, "bad.after", newest, &green).await?;

    // Both at once: a gate that mixes up what runs at the same time is none.
    let red: Pull = bench
        .open_pull("red", mirror, &expect.known_red, "V1, known red")
        .await?;
    bench.doing("control: a good trigger still fires").await;
    let control = fire(bench, "control", &green).await?;
    let fired = fire(bench, "red", &red).await?;
    if let Some(control) = &control {
        follow(bench, "control", &green, control).await?;
        see_all(bench, "control.after", control.after, &green).await?;
    }
    if let Some(fired) = &fired {
        follow(bench, "red", &red, fired).await?;
        see_all(bench, "red.after", fired.after, &red).await?;
    }
    Ok(())
}
