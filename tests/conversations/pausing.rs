//! Gavel is told to pause: what was begun ends, what is asked for waits, also over a restart, and goes on in order.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;

#[tokio::test]
async fn what_is_asked_for_during_a_pause_waits_and_then_runs_in_order() {
    let mut lab = Lab::start().await;
    assert_snapshot!(lab.talk("/resume").await, @"I am not paused.");
    let state = async |run| lab.run(run).await["state"].clone();
    lab.say("maintainer", "/verify V1").await;
    lab.until("the first run", async || {
        (state(1).await == "running").then_some(())
    })
    .await;
    assert_snapshot!(lab.talk("/pause").await, @"⏸️ Paused by `maintainer` since YYYY-MM-DD HH:MM UTC: no run starts until `/resume`. Commands are taken meanwhile, and runs wait in line. Run 1 goes on to its end.");
    let asked = lab.say("maintainer", "/verify V1").await;
    assert_snapshot!(lab.answers(TRACKING, 1, asked, 1).await[0], @"Run 2 is queued, and does not start: I am paused by `maintainer` since YYYY-MM-DD HH:MM UTC. `/resume` goes on.");
    assert_eq!(lab.reactions(asked).await, ["gavel: eyes"]);
    lab.talk("/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");

    let log = lab.path("logs/gavel.log");
    let held = async || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.matches("paused: a run waits").count()
    };
    lab.until("a run that waits", async || {
        (held().await > 0).then_some(())
    })
    .await;
    let before = held().await;
    lab.gavel().stop();
    lab.start_gavel(&[]).await;
    lab.until("a run that waits after the restart", async || {
        (held().await > before).then_some(())
    })
    .await;
    assert_snapshot!(lab.talk("/status").await, @"
    ⏸️ Paused by `maintainer` since YYYY-MM-DD HH:MM UTC: no run starts until `/resume`.

    - [Run 2](http://forge/maintainers/verification/issues/1#issuecomment-N) is queued, asked for by `maintainer`: V1
    - [Run 3](http://forge/maintainers/verification/issues/1#issuecomment-N) is queued, asked for by `maintainer`: V1
    ");
    let theirs = lab.say("adversary", "/resume").await;
    let told = lab.answers(TRACKING, 1, theirs, 1).await;
    assert!(told[0].contains("for those who may command"), "{told:?}");
    assert_snapshot!(lab.talk("/cleanup").await, @"Nothing that I opened is left.");

    assert_snapshot!(lab.talk("/resume").await, @"▶️ Going on; I was paused by `maintainer` since YYYY-MM-DD HH:MM UTC. Run 2 is next.");
    for run in [2, 3] {
        lab.until("a run that waited", async || {
            (lab.run(run).await["state"] == "running").then_some(())
        })
        .await;
        lab.talk("/cancel").await;
        if run == 2 {
            assert_ne!(lab.run(3).await["state"], "finished", "out of turn");
        }
        assert_eq!(lab.ended(run).await["state"], "cancelled");
    }
    lab.assert_clean().await;
}
