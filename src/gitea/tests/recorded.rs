//! What a real, old Gitea answered is read, word for word as it was recorded.

use super::super::*;
use super::{client, hasty, scripted::Forge};
use crate::config::Repository;
use axum::{http::StatusCode, response::IntoResponse};
use std::path::Path;

/// The answer of a recorded exchange.
fn recorded(name: &str) -> (StatusCode, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings/gitea-1.15.11/api")
        .join(format!("{name}.json"));
    let exchange: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let status = exchange["response"]["status"].as_u64().unwrap();
    (
        StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap(),
        exchange["response"]["body"].clone(),
    )
}

/// A client of a forge that answers everything with one recorded answer.
async fn replaying(name: &str) -> (Gitea, Forge) {
    let (status, body) = recorded(name);
    let forge = Forge::start(move |_, _| match &body {
        Value::Null => status.into_response(),
        Value::String(text) => (status, text.clone()).into_response(),
        body => (status, axum::Json(body)).into_response(),
    })
    .await;
    (client(&forge, hasty()), forge)
}

fn mirror() -> Repository {
    "recipe-maintainers/custom-html-tiny".parse().unwrap()
}

#[tokio::test]
async fn comments_and_reactions() {
    let (gitea, _forge) = replaying("018-create-comment").await;
    let comment = gitea
        .create_comment(&mirror(), 1, "/verify V4")
        .await
        .unwrap();
    assert_eq!(
        (
            comment.id,
            comment.user.login.as_str(),
            comment.body.as_str()
        ),
        (1, "maintainer", "/verify V4")
    );
    assert!(comment.created_at.is_some() && comment.issue_url.ends_with("/issues/1"));

    let (gitea, _forge) = replaying("025-list-comments").await;
    assert_eq!(
        gitea
            .comments(&mirror(), 1, None)
            .await
            .unwrap()
            .value
            .len(),
        3
    );

    for name in ["023-react", "024-react-again"] {
        let (gitea, _forge) = replaying(name).await;
        assert_eq!(
            gitea.react(&mirror(), 1, "eyes").await.unwrap().content,
            "eyes"
        );
    }
}

#[tokio::test]
async fn pull_requests() {
    let (gitea, _forge) = replaying("031-create-pull").await;
    let pull = gitea
        .create_pull(&mirror(), "upgrade-1.1.0+2.39.0", "main", "t", "b")
        .await
        .unwrap();
    assert_eq!(pull.head_branch(), "upgrade-1.1.0+2.39.0");
    assert_eq!(pull.head.sha, "83554c7abb11d1c76527273819664a57a6ff0968");
    assert!(pull.is_from(&mirror()) && !pull.merged && pull.state == State::Open);

    let (gitea, _forge) = replaying("032-create-pull-duplicate").await;
    let error = gitea
        .create_pull(&mirror(), "upgrade-1.1.0+2.39.0", "main", "t", "b")
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotDone);
    assert!(error.to_string().contains("409"), "{error}");

    let (gitea, _forge) = replaying("044-list-pulls-paged").await;
    assert_eq!(
        gitea
            .pulls_from(&mirror(), "upgrade-1.1.0+2.39.0")
            .await
            .unwrap()
            .value
            .len(),
        1
    );
    let (gitea, _forge) = replaying("045-get-pull").await;
    assert_eq!(gitea.pull(&mirror(), 1).await.unwrap().value.number, 1);
    let (gitea, _forge) = replaying("047-close-pull").await;
    assert_eq!(
        gitea.close_pull(&mirror(), 1).await.unwrap().state,
        State::Closed
    );
}

#[tokio::test]
async fn statuses() {
    let sha = "83554c7abb11d1c76527273819664a57a6ff0968";
    let (gitea, _forge) = replaying("038-list-statuses").await;
    let states: Vec<_> = gitea
        .statuses(&mirror(), sha)
        .await
        .unwrap()
        .value
        .into_iter()
        .map(|status| (status.id, status.state))
        .collect();
    assert_eq!(
        states,
        [
            (1, StatusState::Pending),
            (2, StatusState::Failure),
            (3, StatusState::Success)
        ]
    );
}

#[tokio::test]
async fn repositories() {
    let (gitea, _forge) = replaying("041-get-branch").await;
    assert_eq!(
        gitea
            .branch(&mirror(), "main")
            .await
            .unwrap()
            .value
            .commit
            .sha,
        "25bf81802064fba901f7fc5436578052b210a156"
    );

    let (gitea, _forge) = replaying("030-update-file-new-branch").await;
    let file = NewFile {
        path: "x",
        content: b"x",
        message: "m",
        branch: "main",
        new_branch: "n",
    };
    assert_eq!(
        gitea.create_file(&mirror(), file).await.unwrap(),
        "83554c7abb11d1c76527273819664a57a6ff0968"
    );

    let (gitea, _forge) = replaying("010-is-collaborator-yes").await;
    assert!(
        gitea
            .is_collaborator(&mirror(), "maintainer")
            .await
            .unwrap()
            .value
    );
    let (gitea, _forge) = replaying("011-is-collaborator-no").await;
    assert!(
        !gitea
            .is_collaborator(&mirror(), "outsider")
            .await
            .unwrap()
            .value
    );

    // Gitea got this path only later, and says so in plain text: that is no answer to the question.
    let (gitea, _forge) = replaying("012-permission-writer").await;
    let error = gitea.permission(&mirror(), "maintainer").await.unwrap_err();
    assert!(!error.is_not_found(), "{error}");
}

#[tokio::test]
async fn people() {
    let (gitea, _forge) = replaying("014-org-member-no").await;
    assert_eq!(
        gitea
            .organisation_membership("recipe-maintainers", "outsider")
            .await
            .unwrap()
            .value,
        Membership::NotMember
    );
}

#[test]
fn what_newer_servers_add_or_leave_out_does_no_harm() {
    let pull: Pull = serde_json::from_value(serde_json::json!({
        "number": 3, "state": "open", "body": null, "merge_commit_sha": null, "user": null, "draft": true, "additions": 1,
        "head": { "ref": "a", "sha": "b", "repo": null }, "base": { "ref": "main", "sha": "c" },
    }))
    .unwrap();
    assert!(pull.user.login.is_empty() && pull.head.repo.is_none() && !pull.is_from(&mirror()));

    let status: Status =
        serde_json::from_value(serde_json::json!({ "id": 1, "state": "skipped", "creator": null }))
            .unwrap();
    assert_eq!(status.state, StatusState::Other("skipped".to_owned()));
    let permission: Permission = serde_json::from_value("owner".into()).unwrap();
    assert!(permission.can_write());
    let permission: Permission = serde_json::from_value("emperor".into()).unwrap();
    assert!(!permission.can_write());
}
