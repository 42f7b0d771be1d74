//! A forge that is away for an hour, by a clock that the test moves on.

use super::*;
use crate::retry::tests::StandingClock;
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets time pass whenever the client has failed once more and waits, until the outage is over; then the forge answers.
async fn an_hour_passes(
    trouble: &mut tokio::sync::watch::Receiver<Option<String>>,
    is_back: &AtomicBool,
) {
    const STEP: Duration = Duration::from_secs(61);
    let began = tokio::time::Instant::now();
    let mut last = None;
    while began.elapsed() < Duration::from_secs(3600) {
        let told = trouble.wait_for(|told| told.is_some() && *told != last);
        last = told.await.unwrap().clone();
        let told = last.as_deref().unwrap();
        assert!(told.contains("waiting for the forge since"), "{told}");
        is_back.store(
            began.elapsed() + STEP >= Duration::from_secs(3600),
            Ordering::SeqCst,
        );
        tokio::time::advance(STEP).await;
    }
}

#[tokio::test]
async fn an_hour_without_the_forge_is_waited_for_and_told() {
    let _clock = StandingClock::new();
    let is_back = Arc::new(AtomicBool::new(false));
    let back = is_back.clone();
    let forge = Forge::start(move |_, n| match back.load(Ordering::SeqCst) {
        true => ok(comment(5)),
        false => {
            let message = json!({ "message": format!("away for the {n}th time") });
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(message)).into_response()
        }
    })
    .await;
    let limits = Limits {
        request: Duration::from_secs(30),
        outage: Duration::from_secs(2 * 3600),
    };
    let gitea = client(&forge, limits);
    let mut trouble = gitea.trouble();
    let asking = {
        let gitea = gitea.clone();
        tokio::spawn(async move { gitea.comment(&mirror(), 5).await })
    };
    an_hour_passes(&mut trouble, &is_back).await;
    assert_eq!(asking.await.unwrap().unwrap().value.id, 5);
    assert_eq!(*trouble.borrow(), None);
    assert!(forge.requests().len() > 50);
}

#[tokio::test]
async fn what_is_to_be_made_once_is_made_once_after_an_hour_without_the_forge() {
    let _clock = StandingClock::new();
    let is_back = Arc::new(AtomicBool::new(false));
    let back = is_back.clone();
    let forge = Forge::start(move |request, n| {
        match (request.method.as_str(), back.load(Ordering::SeqCst)) {
            // The first took effect, and its answer was lost on the way.
            ("POST", _) if n == 1 => {
                let message = json!({ "message": "away" });
                (StatusCode::BAD_GATEWAY, axum::Json(message)).into_response()
            }
            ("GET", true) => ok(json!([comment(5)])),
            (_, true) => ok(comment(6)),
            (_, false) => {
                let message = json!({ "message": format!("away for the {n}th time") });
                (StatusCode::SERVICE_UNAVAILABLE, axum::Json(message)).into_response()
            }
        }
    })
    .await;
    let limits = Limits {
        request: Duration::from_secs(30),
        outage: Duration::from_secs(2 * 3600),
    };
    let gitea = client(&forge, limits);
    let mut trouble = gitea.trouble();
    let making = {
        let gitea = gitea.clone();
        tokio::spawn(async move {
            let find = || {
                async {
                    let there = gitea.comments(&mirror(), 1, None).await?.value;
                    Ok(there.first().map(|comment| comment.id))
                }
                .boxed()
            };
            let make = || {
                async {
                    let made = gitea.create_comment(&mirror(), 1, "!testme").await?;
                    Ok(made.id)
                }
                .boxed()
            };
            gitea.exactly_once(Earlier::Nothing, find, make).await
        })
    };
    an_hour_passes(&mut trouble, &is_back).await;
    assert_eq!(making.await.unwrap().unwrap(), 5);
    let requests = forge.requests();
    let made = requests.iter().filter(|request| request.method == "POST");
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn a_creation_is_not_tried_again_before_the_forge_wants_it() {
    let _clock = StandingClock::new();
    let forge = Forge::start(|_, n| match n {
        1 => (
            StatusCode::TOO_MANY_REQUESTS,
            [
                (header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT"),
                (header::RETRY_AFTER, "Thu, 01 Jan 2026 00:01:30 GMT"),
            ],
        )
            .into_response(),
        _ => ok(comment(5)),
    })
    .await;
    let gitea = client(
        &forge,
        Limits {
            outage: Duration::from_secs(3600),
            ..limits()
        },
    );
    let mut trouble = gitea.trouble();
    let making = {
        let gitea = gitea.clone();
        tokio::spawn(async move {
            let find = || async { Ok(None) }.boxed();
            let place = mirror();
            let make = || gitea.create_comment(&place, 1, "x").boxed();
            gitea.exactly_once(Earlier::Nothing, find, make).await
        })
    };
    trouble.wait_for(Option::is_some).await.unwrap();
    tokio::time::advance(Duration::from_secs(89)).await;
    assert_eq!(forge.requests().len(), 1);
    assert!(!making.is_finished());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(making.await.unwrap().unwrap().id, 5);
    assert_eq!(forge.requests().len(), 2);
}

#[tokio::test]
async fn what_an_earlier_life_sent_is_given_the_time_that_a_request_may_take() {
    let _clock = StandingClock::new();
    let looked = Arc::new(tokio::sync::Notify::new());
    let looks = looked.clone();
    // It comes to stand there after the first look.
    let forge = Forge::start(move |request, n| match (request.method.as_str(), n) {
        ("GET", 1) => {
            looks.notify_one();
            ok(json!([]))
        }
        ("GET", _) => ok(json!([comment(5)])),
        _ => ok(comment(6)),
    })
    .await;
    let request = Duration::from_secs(30);
    let gitea = client(
        &forge,
        Limits {
            request,
            ..limits()
        },
    );
    let making = {
        let gitea = gitea.clone();
        tokio::spawn(async move {
            let place = mirror();
            let find = || {
                async {
                    let there = gitea.comments(&mirror(), 1, None).await?.value;
                    Ok(there.first().map(|comment| comment.id))
                }
                .boxed()
            };
            let make =
                || async { Ok(gitea.create_comment(&place, 1, "!testme").await?.id) }.boxed();
            gitea.exactly_once(Earlier::Sent, find, make).await
        })
    };
    looked.notified().await;
    tokio::time::advance(request - Duration::from_secs(1)).await;
    assert!(!making.is_finished());
    assert_eq!(forge.requests().len(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(making.await.unwrap().unwrap(), 5);
    assert!(
        forge
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}
