//! Conversations with a forge that misbehaves in every way that forges, proxies and networks do.

mod outage;
mod recorded;
pub mod scripted;

use super::activity::Activity;
use super::*;
use crate::config::Repository;
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use scripted::{Forge, Request};
use serde_json::json;

fn mirror() -> Repository {
    "recipes/tiny".parse().unwrap()
}

fn limits() -> Limits {
    Limits {
        request: Duration::from_secs(10),
        outage: Duration::from_secs(20),
    }
}

/// No patience at all: what fails once has failed.
fn hasty() -> Limits {
    Limits {
        outage: Duration::ZERO,
        ..limits()
    }
}

fn client(forge: &Forge, limits: Limits) -> Gitea {
    Gitea::new(&forge.url, Some(&"t0ken".into()), limits).unwrap()
}

fn ok(value: Value) -> Response {
    (StatusCode::OK, axum::Json(value)).into_response()
}

/// An answer whose body breaks off.
fn cut(status: StatusCode) -> Response {
    let pieces = [Ok("[{\"id\":"), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn comment(id: u64) -> Value {
    json!({ "id": id, "user": { "login": "maintainer" }, "body": "/verify V1" })
}

#[tokio::test]
async fn a_read_is_repeated_until_the_forge_is_itself_again() {
    let forge = Forge::start(|_, n| match n {
        1 => (StatusCode::SERVICE_UNAVAILABLE, "busy").into_response(),
        // What a proxy says while the forge behind it restarts: it proves no absence.
        2 => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        3 => (StatusCode::OK, "<html>please wait</html>").into_response(),
        4 => cut(StatusCode::OK),
        _ => ok(json!([comment(2), comment(1)])),
    })
    .await;
    let gitea = client(&forge, limits());
    let mut trouble = gitea.trouble();
    let told = tokio::spawn(async move {
        trouble
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap()
    });
    let seen = gitea.comments(&mirror(), 1, None).await.unwrap();
    assert_eq!(
        seen.value
            .iter()
            .map(|comment| comment.id)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(seen.answer[0]["id"], 2, "the answer is kept as it came");
    assert_eq!(forge.requests().len(), 5);
    assert!(told.await.unwrap().ends_with(
        "to list the comments of recipes/tiny#1: the forge answered 503 Service Unavailable: busy"
    ));
    assert_eq!(*gitea.trouble().borrow(), None);
    assert_eq!(forge.requests()[0].authorization, "token t0ken");
}

#[tokio::test]
async fn a_token_that_is_exchanged_is_sent_from_then_on() {
    let token = Secret::from("t0ken");
    let exchanged = token.clone();
    let forge = Forge::start(move |_, n| match n {
        1 => {
            exchanged.exchange("an0ther".into(), std::time::Instant::now());
            (StatusCode::SERVICE_UNAVAILABLE, "busy").into_response()
        }
        _ => ok(json!({ "version": "1.25.4" })),
    })
    .await;
    let gitea = Gitea::new(&forge.url, Some(&token), limits()).unwrap();
    gitea.version().await.unwrap();
    let sent = forge.requests();
    let sent: Vec<_> = sent.iter().map(|sent| &sent.authorization[..]).collect();
    assert_eq!(sent, ["token t0ken", "token an0ther"]);
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let forge = Forge::start(|_, n| match n {
        1 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response(),
        _ => ok(json!({ "version": "1.25.4" })),
    })
    .await;
    let started = std::time::Instant::now();
    assert_eq!(
        client(&forge, limits())
            .version()
            .await
            .unwrap()
            .value
            .version,
        "1.25.4"
    );
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn when_the_patience_is_used_up_the_error_says_what_was_tried() {
    let forge =
        Forge::start(|_, _| (StatusCode::BAD_GATEWAY, "<h1>Bad\n gateway</h1>").into_response())
            .await;
    let error = client(&forge, hasty())
        .comment(&mirror(), 7)
        .await
        .unwrap_err();
    assert!(error.is_transient());
    insta::assert_snapshot!(error.to_string().replace(forge.url.as_str(), "http://forge/"), @"cannot read comment 7 of recipes/tiny: GET http://forge/api/v1/repos/recipes/tiny/issues/comments/7: the forge answered 502 Bad Gateway: <h1>Bad gateway</h1>. Check that the forge is up, and its log.");
}

#[tokio::test]
async fn a_forge_that_is_not_there_was_asked_nothing() {
    let gitea = Gitea::new(&"http://127.0.0.1:1".parse().unwrap(), None, hasty()).unwrap();
    let error = gitea.create_comment(&mirror(), 1, "x").await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.outcome(), Outcome::NotDone);
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_not_repeated() {
    for lost in [cut as fn(StatusCode) -> Response, |_| {
        (StatusCode::INTERNAL_SERVER_ERROR, "").into_response()
    }] {
        let forge = Forge::start(move |_, _| lost(StatusCode::CREATED)).await;
        let error = client(&forge, limits())
            .create_comment(&mirror(), 1, "!testme")
            .await
            .unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
        assert_eq!(forge.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_forge_that_does_not_answer_in_time() {
    let forge = Forge::start(|_, _| Forge::never()).await;
    let gitea = client(
        &forge,
        Limits {
            request: Duration::from_millis(500),
            ..hasty()
        },
    );
    let error = gitea
        .create_comment(&mirror(), 1, "!testme")
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(
        error.to_string().contains("no answer within 500ms"),
        "{error}"
    );
    assert!(
        gitea
            .comment(&mirror(), 1)
            .await
            .unwrap_err()
            .is_transient()
    );
    assert_eq!(forge.requests().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_no_outage() {
    for (status, check) in [
        (
            StatusCode::NOT_FOUND,
            GiteaError::is_not_found as fn(&GiteaError) -> bool,
        ),
        (StatusCode::FORBIDDEN, GiteaError::is_forbidden),
    ] {
        let forge = Forge::start(move |_, _| {
            (status, axum::Json(json!({ "message": "no" }))).into_response()
        })
        .await;
        let error = client(&forge, limits())
            .create_pull(&mirror(), "a", "main", "t", "b")
            .await
            .unwrap_err();
        assert!(check(&error) && !error.is_transient());
        assert_eq!(error.outcome(), Outcome::NotDone);
        let error = client(&forge, limits())
            .pull(&mirror(), 1)
            .await
            .unwrap_err();
        assert!(check(&error) && !error.is_transient());
        assert_eq!(forge.requests().len(), 2, "nothing is repeated");
    }
}

#[tokio::test]
async fn what_may_be_done_twice_is_repeated() {
    let forge = Forge::start(|request, n| match n {
        1 | 3 => StatusCode::BAD_GATEWAY.into_response(),
        2 => ok(comment(5)),
        // The first attempt had removed it.
        _ => {
            assert_eq!(request.method, "DELETE");
            (
                StatusCode::NOT_FOUND,
                axum::Json(json!({ "message": "Not Found" })),
            )
                .into_response()
        }
    })
    .await;
    let gitea = client(&forge, limits());
    assert_eq!(gitea.edit_comment(&mirror(), 5, "x").await.unwrap().id, 5);
    assert!(!gitea.delete_branch(&mirror(), "b").await.unwrap());
    assert_eq!(forge.requests().len(), 4);
}

/// Statuses `first..=last`, as one page.
fn page(first: u64, last: u64) -> Value {
    (first..=last)
        .rev()
        .map(|id| json!({ "id": id, "status": "success", "context": "c" }))
        .collect()
}

#[tokio::test]
async fn a_list_is_read_to_its_end_though_the_server_caps_its_pages() {
    let pages = |request: &Request| match request.query("page").as_str() {
        "1" => page(6, 7),
        "2" => page(4, 5),
        // One was added meanwhile, and pushed another to this page.
        "3" => page(3, 4),
        "4" => page(1, 2),
        _ => Value::Null,
    };
    let counted = Forge::start(move |request, _| {
        ([("X-Total-Count", "7")], ok(pages(request))).into_response()
    })
    .await;
    let uncounted = Forge::start(move |request, _| ok(pages(request))).await;
    for (forge, requests) in [(counted, 4), (uncounted, 5)] {
        let seen = client(&forge, limits())
            .statuses(&mirror(), "abc")
            .await
            .unwrap();
        assert_eq!(
            seen.value
                .iter()
                .map(|status| status.id)
                .collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(seen.answer.as_array().unwrap().len(), 8);
        assert_eq!(forge.requests().len(), requests);
        assert!(
            seen.asked
                .ends_with("/api/v1/repos/recipes/tiny/commits/abc/statuses")
        );
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_page_is_not_asked_for_ever() {
    let forge = Forge::start(|_, _| ok(page(1, 3))).await;
    let seen = client(&forge, limits())
        .statuses(&mirror(), "abc")
        .await
        .unwrap();
    assert_eq!(seen.value.len(), 3);
    assert_eq!(forge.requests().len(), 2);
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let forge = Forge::start(|_, n| ok(page(n as u64, n as u64))).await;
    let error = client(&forge, limits())
        .statuses(&mirror(), "abc")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("does not end after 400 pages"),
        "{error}"
    );
}

fn acts(acts: &[(u64, u32)]) -> Value {
    let act = |(id, second): &(u64, u32)| json!({"id": id, "op_type": "commit_repo", "created": format!("2026-01-02T03:04:{second:02}Z")});
    acts.iter().map(act).collect()
}

#[tokio::test]
async fn what_an_account_did_is_read_back_to_where_it_was_known() {
    let forge = Forge::start(|request, _| {
        assert_eq!(request.path, "/api/v1/users/flow/activities/feeds");
        assert_eq!(request.query("only-performed-by"), "true");
        ok(match request.query("page").as_str() {
            // In no order within a second; and one comes again, since the list grew.
            "1" => acts(&[(9, 9), (6, 8)]),
            // Old throughout, but of one second only: something newer may still hide in it.
            "2" => acts(&[(6, 8), (5, 8)]),
            "3" => acts(&[(4, 8), (4, 8)]),
            "4" => acts(&[(8, 8), (3, 7)]),
            "5" => acts(&[(2, 7), (1, 6)]),
            _ => acts(&[]),
        })
    })
    .await;
    let gitea = client(&forge, limits());
    let seen = gitea.activity("flow", 5).await.unwrap();
    let ids = |seen: &Seen<Vec<Activity>>| seen.value.iter().map(|act| act.id).collect::<Vec<_>>();
    assert_eq!(ids(&seen), [6, 8, 9]);
    assert_eq!(seen.answer[2]["op_type"], "commit_repo");
    assert_eq!(forge.requests().len(), 5, "the rest is not asked for");
    assert!(seen.asked.ends_with("only-performed-by=true"));
    let all = gitea.activity("flow", 0).await.unwrap();
    assert_eq!(ids(&all), [1, 2, 3, 4, 5, 6, 8, 9]);
    let since = "2026-01-02T03:04:08Z".parse().unwrap();
    let seen = gitea.activity_since("flow", since).await.unwrap();
    assert_eq!(ids(&seen), [4, 5, 6, 8, 9]);
    assert_eq!(
        forge.requests().len(),
        5 + 6 + 4,
        "the rest is not asked for"
    );
}

#[tokio::test]
async fn an_answer_beyond_all_measure_is_not_read() {
    let forge = Forge::start(|_, _| {
        let block = "x".repeat(1024 * 1024);
        let endless =
            futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(block.clone()));
        Body::from_stream(endless).into_response()
    })
    .await;
    let error = client(&forge, limits())
        .comment(&mirror(), 1)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("larger than 33554432 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn odd_names_stay_in_their_place() {
    let branch = |name: &str| json!({ "name": name, "commit": { "id": "25bf8180" } });
    let forge = Forge::start(move |_, _| ok(branch("x"))).await;
    let gitea = client(&forge, limits());
    gitea
        .branch(&mirror(), "upgrade/1.1.0+2.39.0 #1?ü")
        .await
        .unwrap();
    let path = &forge.requests()[0].path;
    assert_eq!(
        path,
        "/api/v1/repos/recipes/tiny/branches/upgrade/1.1.0%2B2.39.0%20%231%3F%C3%BC"
    );

    let error = gitea.branch(&mirror(), "a/../../tiny").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotDone);
    assert!(error.to_string().contains("would be read as"), "{error}");
    assert_eq!(forge.requests().len(), 1);
}

#[tokio::test]
async fn a_request_is_not_carried_elsewhere() {
    // A client that went there once would be sent on from there, with all that it has.
    let elsewhere = Forge::start(|_, n| match n {
        1 => (StatusCode::FOUND, [(header::LOCATION, "/api/v1/y")]).into_response(),
        _ => ok(comment(1)),
    })
    .await;
    let to = elsewhere.url.join("api/v1/x").unwrap();
    let forge = Forge::start(move |_, _| {
        (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response()
    })
    .await;
    let gitea = client(&forge, limits());
    assert!(
        gitea
            .comment(&mirror(), 1)
            .await
            .unwrap_err()
            .to_string()
            .contains("sent the request on to")
    );
    let error = gitea.create_comment(&mirror(), 1, "x").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn the_forge_tells_strangers_nothing_about_members() {
    let hidden = Forge::start(|request, _| match request.path.as_str() {
        "/api/v1/orgs/recipes/members/mary" => (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, "/api/v1/orgs/recipes/public_members/mary")],
        )
            .into_response(),
        _ => (
            StatusCode::NOT_FOUND,
            axum::Json(json!({ "message": "not found" })),
        )
            .into_response(),
    })
    .await;
    let gitea = client(&hidden, limits());
    assert_eq!(
        gitea
            .organisation_membership("recipes", "mary")
            .await
            .unwrap()
            .value,
        Membership::Hidden
    );
    assert_eq!(
        gitea
            .organisation_membership("recipes", "john")
            .await
            .unwrap()
            .value,
        Membership::NotMember
    );

    let open = Forge::start(|_, _| StatusCode::NO_CONTENT.into_response()).await;
    assert_eq!(
        client(&open, limits())
            .organisation_membership("recipes", "mary")
            .await
            .unwrap()
            .value,
        Membership::Member
    );

    let proxy = Forge::start(|_, _| (StatusCode::OK, "<html>log in</html>").into_response()).await;
    assert!(
        client(&proxy, hasty())
            .organisation_membership("recipes", "mary")
            .await
            .unwrap_err()
            .is_transient()
    );
}

#[tokio::test]
async fn a_team_is_found_by_its_name() {
    let forge = Forge::start(|request, _| match request.path.as_str() {
        "/api/v1/orgs/recipes/teams" => (
            [("X-Total-Count", "2")],
            ok(json!([{ "id": 3, "name": "Owners" }, { "id": 4, "name": "Recipe maintainers" }])),
        )
            .into_response(),
        "/api/v1/teams/4/members/mary" => ok(json!({ "id": 9, "login": "mary" })),
        _ => (
            StatusCode::NOT_FOUND,
            axum::Json(json!({ "message": "not found" })),
        )
            .into_response(),
    })
    .await;
    let gitea = client(&forge, limits());
    let team = "recipes/recipe maintainers".parse().unwrap();
    assert_eq!(
        gitea.team_membership(&team, "mary").await.unwrap().value,
        Membership::Member
    );
    assert_eq!(
        gitea.team_membership(&team, "john").await.unwrap().value,
        Membership::NotMember
    );
    assert_eq!(
        gitea
            .team_membership(&"recipes/none".parse().unwrap(), "mary")
            .await
            .unwrap()
            .value,
        Membership::NotMember
    );
}

#[tokio::test]
async fn pull_requests_are_found_by_their_branch_when_it_is_gone_and_not_in_forks() {
    let pull = |number: u64, label: &str, reference: &str, repository: &str| {
        json!({
            "number": number, "state": "closed", "merged": false, "base": { "ref": "main" },
            "head": { "label": label, "ref": reference, "sha": "abc", "repo": { "full_name": repository } },
        })
    };
    let list = json!([
        pull(4, "gavel/green", "gavel/green", "recipes/tiny"),
        pull(3, "gavel/green", "refs/pull/3/head", "recipes/tiny"),
        pull(2, "gavel/green", "gavel/green", "stranger/tiny"),
        pull(1, "other", "other", "recipes/tiny"),
    ]);
    let forge =
        Forge::start(move |_, _| ([("X-Total-Count", "4")], ok(list.clone())).into_response())
            .await;
    let found = client(&forge, limits())
        .pulls_from(&mirror(), "gavel/green")
        .await
        .unwrap();
    assert_eq!(
        found
            .value
            .iter()
            .map(|pull| pull.number)
            .collect::<Vec<_>>(),
        [4, 3]
    );
    assert_eq!(forge.requests()[0].query("state"), "all");
}
