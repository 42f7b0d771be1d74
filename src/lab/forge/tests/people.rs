//! Accounts, tokens, organisations, and who may do what.

use super::{REPO, Visit, password};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_is_shown_once_and_stands_for_its_account() {
    let visit = Visit::start().await;
    let body = json!({"name": "lab", "scopes": ["all"]});
    let made = visit
        .done(201, "flow", "POST", "/users/flow/tokens", body.clone())
        .await;
    let secret = made["sha1"].as_str().unwrap();
    assert_eq!(secret.len(), 40);
    assert!(secret.ends_with(made["token_last_eight"].as_str().unwrap()));
    for header in [format!("token {secret}"), format!("Bearer {secret}")] {
        let request = visit
            .client
            .get(visit.url("/user"))
            .header("authorization", header);
        let me: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(me["login"], "flow");
    }
    for (name, key) in [("flow", secret), (secret, "x-oauth-basic"), (secret, "")] {
        let request = visit
            .client
            .get(visit.url("/user"))
            .basic_auth(name, Some(key));
        assert_eq!(
            request.send().await.unwrap().status().as_u16(),
            200,
            "{name}:{key}"
        );
    }
    let listed = visit.get("flow", "/users/flow/tokens").await;
    assert_eq!(
        (&listed[0]["name"], &listed[0]["sha1"]),
        (&json!("lab"), &json!(""))
    );
    let (status, answer) = visit.ask("flow", "POST", "/users/flow/tokens", body).await;
    assert_eq!(
        (status, &answer["message"]),
        (400, &json!("access token name has been used already"))
    );
    let unscoped = visit
        .ask("flow", "POST", "/users/flow/tokens", json!({"name": "x"}))
        .await;
    assert_eq!(
        (unscoped.0, &unscoped.1["message"]),
        (400, &json!("access token must have a scope"))
    );
    // A token does not make tokens.
    let request = visit
        .client
        .post(visit.url("/users/flow/tokens"))
        .bearer_auth(secret)
        .json(&json!({"name": "y", "scopes": ["all"]}));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_scopes() {
    let visit = Visit::start().await;
    let made = visit
        .done(
            201,
            "flow",
            "POST",
            "/users/flow/tokens",
            json!({"name": "ro", "scopes": ["read:repository"]}),
        )
        .await;
    let secret = made["sha1"].as_str().unwrap();
    let get = async |path: &str| {
        visit
            .client
            .get(visit.url(path))
            .bearer_auth(secret)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(get(REPO).await.status().as_u16(), 200);
    let refused = get("/user").await;
    assert_eq!(refused.status().as_u16(), 403);
    let told: Value = refused.json().await.unwrap();
    assert_eq!(
        told["message"],
        "token does not have at least one of required scope(s), required=[read:user], token scope=read:repository"
    );
    let request = visit
        .client
        .post(visit.url(&format!("{REPO}/branches")))
        .bearer_auth(secret);
    assert_eq!(
        request
            .json(&json!({"new_branch_name": "x"}))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        403
    );
}

#[tokio::test]
async fn nobody_and_the_wrong_password_are_told_apart() {
    let visit = Visit::start().await;
    let (status, answer) = visit.ask("", "GET", "/user", Value::Null).await;
    assert_eq!(
        (status, &answer["message"]),
        (401, &json!("token is required"))
    );
    let wrong = visit
        .client
        .get(visit.url(REPO))
        .basic_auth("flow", Some("no"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status().as_u16(), 401);
    assert_eq!(
        wrong.json::<Value>().await.unwrap()["message"],
        "invalid username, password or token"
    );
    assert_eq!(
        visit.ask("flow", "POST", "/admin/users", json!({})).await.0,
        403
    );
}

#[tokio::test]
async fn others_see_less_of_an_account() {
    let visit = Visit::start().await;
    let seen = async |who: &str| {
        let user = visit.get(who, "/users/gavel").await;
        (user["email"].clone(), user["active"].clone())
    };
    assert_eq!(
        seen("").await,
        (json!("gavel@noreply.localhost"), json!(false))
    );
    assert_eq!(
        seen("flow").await,
        (json!("gavel@lab.invalid"), json!(false))
    );
    assert_eq!(
        seen("gavel").await,
        (json!("gavel@lab.invalid"), json!(true))
    );
    assert_eq!(
        seen("operator").await,
        (json!("gavel@lab.invalid"), json!(true))
    );
}

#[tokio::test]
async fn membership_is_answered_by_who_asks() {
    let visit = Visit::start().await;
    let ask = async |who: &str, login: &str| {
        visit
            .ask(
                who,
                "GET",
                &format!("/orgs/recipes/members/{login}"),
                Value::Null,
            )
            .await
            .0
    };
    assert_eq!(
        (
            ask("bridge", "bridge").await,
            ask("bridge", "outsider").await
        ),
        (204, 404)
    );
    assert_eq!(
        (
            ask("operator", "bridge").await,
            ask("operator", "nobody").await
        ),
        (204, 404)
    );
    // A stranger is sent to the list of those who show themselves.
    assert_eq!(
        (
            ask("outsider", "bridge").await,
            ask("outsider", "outsider").await,
            ask("", "bridge").await
        ),
        (303, 404, 401)
    );
    let public = async || {
        visit
            .ask(
                "outsider",
                "GET",
                "/orgs/recipes/public_members/bridge",
                Value::Null,
            )
            .await
            .0
    };
    assert_eq!(public().await, 404);
    visit
        .done(
            204,
            "bridge",
            "PUT",
            "/orgs/recipes/public_members/bridge",
            Value::Null,
        )
        .await;
    assert_eq!(public().await, 204);
}

#[tokio::test]
async fn rights_are_unequal() {
    let visit = Visit::start().await;
    let collaborator = async |login: &str| {
        visit
            .ask(
                "outsider",
                "GET",
                &format!("{REPO}/collaborators/{login}"),
                Value::Null,
            )
            .await
            .0
    };
    // The list of collaborators only: bridge writes by its team.
    assert_eq!(
        (
            collaborator("gavel").await,
            collaborator("bridge").await,
            collaborator("outsider").await
        ),
        (204, 404, 404)
    );
    assert_eq!(
        visit.get("bridge", REPO).await["permissions"],
        json!({"admin": false, "push": true, "pull": true})
    );
    assert_eq!(
        visit.get("outsider", REPO).await["permissions"],
        json!({"admin": false, "push": false, "pull": true})
    );
    let permission = async |who: &str, login: &str| {
        visit
            .ask(
                who,
                "GET",
                &format!("{REPO}/collaborators/{login}/permission"),
                Value::Null,
            )
            .await
    };
    assert_eq!(permission("gavel", "flow").await.0, 403);
    assert_eq!(permission("gavel", "gavel").await.1["permission"], "write");
    assert_eq!(
        permission("operator", "bridge").await.1["permission"],
        "read"
    );
    assert_eq!(
        permission("operator", "outsider").await.1["permission"],
        "read"
    );
    assert_eq!(
        permission("operator", "operator").await.1["permission"],
        "owner"
    );
    for who in ["gavel", "outsider"] {
        let (status, answer) = visit
            .ask(who, "GET", &format!("{REPO}/hooks"), Value::Null)
            .await;
        assert_eq!(status, 403);
        assert_eq!(
            answer["message"],
            "user should be an owner or a collaborator with admin write of a repository"
        );
    }
    visit
        .done(
            204,
            "operator",
            "DELETE",
            &format!("{REPO}/collaborators/gavel"),
            Value::Null,
        )
        .await;
    assert_eq!(collaborator("gavel").await, 404);
}

#[tokio::test]
async fn a_private_repository_is_not_there_for_others() {
    let visit = Visit::start().await;
    visit
        .done(
            201,
            "flow",
            "POST",
            "/user/repos",
            json!({"name": "secret", "private": true, "auto_init": true}),
        )
        .await;
    for who in ["", "gavel"] {
        assert_eq!(
            visit
                .ask(who, "GET", "/repos/flow/secret", Value::Null)
                .await
                .0,
            404
        );
        assert_eq!(
            visit
                .ask(who, "GET", "/repos/flow/secret/issues", Value::Null)
                .await
                .0,
            404
        );
    }
    assert_eq!(
        visit.get("flow", "/repos/flow/secret").await["private"],
        true
    );
    let page = visit
        .client
        .get(format!("{}/flow/secret", visit.forge.url()));
    assert_eq!(page.send().await.unwrap().status().as_u16(), 404);
    let page = visit
        .client
        .get(format!("{}/flow/secret", visit.forge.url()))
        .basic_auth("flow", Some(password("flow")));
    assert_eq!(page.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(visit.ask("gavel", "DELETE", REPO, Value::Null).await.0, 403);
    visit
        .done(204, "flow", "DELETE", "/repos/flow/secret", Value::Null)
        .await;
    assert_eq!(
        visit
            .ask("flow", "GET", "/repos/flow/secret", Value::Null)
            .await
            .0,
        404
    );
}
