//! Issues, comments, reactions, labels and statuses.

use super::{REPO, Visit};
use serde_json::{Value, json};

#[tokio::test]
async fn everybody_may_comment_and_few_may_edit() {
    let visit = Visit::start().await;
    let number = visit.issue("maintainer", "Verify").await;
    let comment = visit.comment("outsider", number, "/verify V1").await;
    let path = format!("{REPO}/issues/comments/{}", comment["id"]);
    assert_eq!(
        comment["html_url"],
        format!(
            "{}/recipes/tiny/issues/{number}#issuecomment-{}",
            visit.forge.url(),
            comment["id"]
        )
    );
    assert_eq!(
        visit
            .ask(
                "",
                "POST",
                &format!("{REPO}/issues/{number}/comments"),
                json!({"body": "x"})
            )
            .await
            .0,
        401
    );
    assert_eq!(
        visit
            .ask("maintainer", "PATCH", &path, json!({"body": "x"}))
            .await
            .0,
        403
    );
    assert_eq!(
        visit
            .ask("outsider", "PATCH", &path, json!({"body": ""}))
            .await
            .0,
        422
    );
    visit
        .done(200, "outsider", "PATCH", &path, json!({"body": "mine"}))
        .await;
    // Who writes in the repository edits anybody's words, and the author stays.
    let edited = visit
        .done(200, "flow", "PATCH", &path, json!({"body": "theirs"}))
        .await;
    assert_eq!(
        (&edited["body"], &edited["user"]["login"]),
        (&json!("theirs"), &json!("outsider"))
    );
    assert_eq!(
        visit.get("", &format!("{REPO}/issues/{number}")).await["comments"],
        1
    );
    assert_eq!(
        visit
            .ask("maintainer", "DELETE", &path, Value::Null)
            .await
            .0,
        403
    );
    visit
        .done(204, "outsider", "DELETE", &path, Value::Null)
        .await;
    assert_eq!(visit.ask("", "GET", &path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_comments_of_an_issue_have_no_pages_and_those_of_a_repository_do() {
    let visit = Visit::start().await;
    let number = visit.issue("maintainer", "Verify").await;
    for text in ["one", "two", "three"] {
        visit.comment("maintainer", number, text).await;
    }
    let all = visit
        .get(
            "",
            &format!("{REPO}/issues/{number}/comments?limit=1&page=2"),
        )
        .await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let page = visit
        .get("", &format!("{REPO}/issues/comments?limit=2&page=2"))
        .await;
    assert_eq!(
        (page.as_array().unwrap().len(), &page[0]["body"]),
        (1, &json!("three"))
    );
    let since = async |time: &str| {
        visit
            .ask(
                "",
                "GET",
                &format!("{REPO}/issues/{number}/comments?since={time}"),
                Value::Null,
            )
            .await
    };
    assert_eq!(since("2100-01-01T00:00:00Z").await, (200, json!([])));
    assert_eq!(
        since("2000-01-01T00:00:00Z")
            .await
            .1
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        since("2000-01-01T02:00:00%2B02:00")
            .await
            .1
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(since("yesterday").await.0, 422);
    assert!(
        all[0]["created_at"]
            .as_str()
            .is_some_and(|t| t.len() == 20 && t.ends_with('Z')),
        "{all}"
    );
}

#[tokio::test]
async fn a_reaction_is_created_once() {
    let visit = Visit::start().await;
    let number = visit.issue("maintainer", "Verify").await;
    let comment = visit.comment("maintainer", number, "/verify").await;
    for path in [
        format!("{REPO}/issues/comments/{}/reactions", comment["id"]),
        format!("{REPO}/issues/{number}/reactions"),
    ] {
        assert_eq!(visit.get("", &path).await, Value::Null);
        let eyes = json!({"content": "eyes"});
        visit.done(201, "gavel", "POST", &path, eyes.clone()).await;
        visit.done(200, "gavel", "POST", &path, eyes.clone()).await;
        visit
            .done(201, "outsider", "POST", &path, eyes.clone())
            .await;
        assert_eq!(
            visit
                .ask("gavel", "POST", &path, json!({"content": "nope"}))
                .await
                .0,
            403
        );
        assert_eq!(visit.get("", &path).await.as_array().unwrap().len(), 2);
        visit.done(200, "gavel", "DELETE", &path, eyes).await;
        let left = visit.get("", &path).await;
        assert_eq!(
            (left.as_array().unwrap().len(), &left[0]["user"]["login"]),
            (1, &json!("outsider"))
        );
    }
}

#[tokio::test]
async fn issues_are_edited_labelled_closed_and_found() {
    let visit = Visit::start().await;
    let number = visit.issue("maintainer", "Verify").await;
    let path = format!("{REPO}/issues/{number}");
    let label = visit
        .done(
            201,
            "gavel",
            "POST",
            &format!("{REPO}/labels"),
            json!({"name": "verifying", "color": "#0ab"}),
        )
        .await;
    assert_eq!(label["color"], "00aabb");
    assert_eq!(
        visit
            .ask(
                "maintainer",
                "POST",
                &format!("{REPO}/labels"),
                json!({"name": "x", "color": "#00aabb"})
            )
            .await
            .0,
        403
    );
    assert_eq!(
        visit
            .ask(
                "maintainer",
                "POST",
                &format!("{path}/labels"),
                json!({"labels": [label["id"]]})
            )
            .await
            .0,
        403
    );
    visit
        .done(
            200,
            "gavel",
            "POST",
            &format!("{path}/labels"),
            json!({"labels": ["verifying"]}),
        )
        .await;
    assert_eq!(visit.get("", &path).await["labels"][0]["name"], "verifying");
    let found = async |query: &str| {
        visit
            .get("", &format!("{REPO}/issues?{query}"))
            .await
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        (found("labels=verifying").await, found("labels=other").await),
        (1, 0)
    );
    visit
        .done(
            204,
            "gavel",
            "DELETE",
            &format!("{path}/labels/{}", label["id"]),
            Value::Null,
        )
        .await;
    assert_eq!(visit.get("", &path).await["labels"], json!([]));
    assert_eq!(
        visit
            .ask("outsider", "PATCH", &path, json!({"state": "closed"}))
            .await
            .0,
        403
    );
    assert_eq!(
        visit
            .ask("gavel", "PATCH", &path, json!({"state": "weird"}))
            .await
            .0,
        412
    );
    let closed = visit
        .done(
            201,
            "maintainer",
            "PATCH",
            &path,
            json!({"state": "closed", "title": "Done"}),
        )
        .await;
    assert_eq!(
        (&closed["state"], &closed["title"]),
        (&json!("closed"), &json!("Done"))
    );
    assert_eq!(
        (
            found("state=open").await,
            found("state=closed").await,
            found("state=all&type=pulls").await
        ),
        (0, 1, 0)
    );
    let kinds: Vec<Value> = visit
        .get("", &format!("{path}/timeline"))
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["type"].clone())
        .collect();
    assert_eq!(kinds, ["label", "label", "change_title", "close"]);
}

#[tokio::test]
async fn what_is_named_elsewhere_is_told_where_it_stands() {
    let visit = Visit::start().await;
    let one = visit.issue("maintainer", "One").await;
    let other = visit.issue("flow", &format!("Other, after #{one}")).await;
    let comments = format!("{REPO}/issues/{other}/comments");
    for body in [
        format!("Left alone: #{one}, not `#{one}`, and #{other}."),
        format!("As in recipes/tiny#{one}: #99"),
        "nothing".to_owned(),
    ] {
        let body = json!({ "body": body });
        visit.done(201, "flow", "POST", &comments, body).await;
    }
    let timeline = |number: i64| format!("{REPO}/issues/{number}/timeline");
    let told = visit.get("", &timeline(one)).await;
    let told: Vec<Value> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            json!([
                e["type"],
                e["user"]["login"],
                e["ref_issue"]["number"],
                e["ref_comment"]["body"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["issue_ref", "flow", other, null]),
            json!([
                "comment_ref",
                "flow",
                other,
                format!("Left alone: #{one}, not `#{one}`, and #{other}.")
            ]),
            json!([
                "comment_ref",
                "flow",
                other,
                format!("As in recipes/tiny#{one}: #99")
            ]),
        ]
    );
    let own = visit.get("", &timeline(other)).await;
    let own: Vec<_> = own.as_array().unwrap().iter().map(|e| &e["type"]).collect();
    assert_eq!(own, ["comment"; 3]);
}

#[tokio::test]
async fn statuses_are_kept_all_and_combined_by_context() {
    let visit = Visit::start().await;
    let sha = visit.write("gavel", "up-1", "x", "1").await["commit"]["sha"]
        .as_str()
        .unwrap()
        .to_string();
    let combined = async || visit.get("", &format!("{REPO}/commits/{sha}/status")).await;
    let none = combined().await;
    assert_eq!(
        (&none["state"], &none["statuses"], &none["total_count"]),
        (&json!(""), &Value::Null, &json!(0))
    );
    assert_eq!(
        visit
            .get("", &format!("{REPO}/commits/{sha}/statuses"))
            .await,
        json!([])
    );
    let path = format!("{REPO}/statuses/{sha}");
    let status = |state: &str, context: &str| json!({"state": state, "context": context, "target_url": "http://127.0.0.1:9/12"});
    assert_eq!(
        visit
            .ask("outsider", "POST", &path, status("success", "x"))
            .await
            .0,
        403
    );
    for state in ["pending", "success"] {
        let made = visit
            .done(201, "bridge", "POST", &path, status(state, "cc-ci/testme"))
            .await;
        assert_eq!(made["creator"]["login"], "bridge");
    }
    assert_eq!(
        (
            combined().await["state"].clone(),
            combined().await["total_count"].clone()
        ),
        (json!("success"), json!(1))
    );
    visit
        .done(201, "bridge", "POST", &path, status("failure", "other"))
        .await;
    assert_eq!(
        (
            combined().await["state"].clone(),
            combined().await["total_count"].clone()
        ),
        (json!("failure"), json!(2))
    );
    let all = visit
        .get("", &format!("{REPO}/commits/up-1/statuses"))
        .await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let page = visit
        .send(
            "",
            "GET",
            &format!("{REPO}/statuses/{sha}?limit=2&page=2"),
            Value::Null,
        )
        .await;
    assert_eq!(page.headers()["x-total-count"], "3");
    assert_eq!(
        page.json::<Value>()
            .await
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        visit
            .ask(
                "",
                "GET",
                &format!("{REPO}/commits/nope/status"),
                Value::Null
            )
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn statuses_of_one_second_come_oldest_first() {
    let visit = Visit::start().await;
    let sha = visit.write("gavel", "up-1", "x", "1").await["commit"]["sha"]
        .as_str()
        .unwrap()
        .to_string();
    for state in ["pending", "success"] {
        visit
            .done(
                201,
                "bridge",
                "POST",
                &format!("{REPO}/statuses/{sha}"),
                json!({"state": state, "context": "c"}),
            )
            .await;
    }
    let all = visit
        .get("", &format!("{REPO}/commits/{sha}/statuses"))
        .await;
    let (first, second) = (&all[0], &all[1]);
    let of = async |query: &str| {
        let path = format!("{REPO}/commits/{sha}/statuses?{query}");
        let found = visit.get("", &path).await;
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["status"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("state=success").await, ["success"]);
    // Named the other way round than it sorts, and no filter where the word is no state.
    assert_eq!(
        of("sort=leastindex&state=weird").await,
        ["success", "pending"]
    );
    assert_eq!(of("sort=highestindex").await, ["pending", "success"]);
    if first["created_at"] == second["created_at"] {
        assert!(first["id"].as_i64() < second["id"].as_i64(), "{all}");
    } else {
        assert!(first["id"].as_i64() > second["id"].as_i64(), "{all}");
    }
}
