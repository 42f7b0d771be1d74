//! The pages that people read.

use super::{REPO, Visit};
use serde_json::json;

async fn page(visit: &Visit, path: &str) -> (u16, String) {
    let response = visit
        .client
        .get(format!("{}{path}", visit.forge.url()))
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn an_issue_shows_its_comments_and_nothing_that_runs() {
    let visit = Visit::start().await;
    let number = visit.issue("maintainer", "<b>Verify</b>").await;
    let text = "<!-- hidden -->\n**bold** <script>alert(1)</script> <img src=x onerror=alert(2)>\n\n| a |\n|---|\n| 1 |";
    let comment = visit.comment("outsider", number, text).await;
    visit
        .done(
            201,
            "gavel",
            "POST",
            &format!("{REPO}/issues/comments/{}/reactions", comment["id"]),
            json!({"content": "eyes"}),
        )
        .await;
    let (status, html) = page(&visit, &format!("/recipes/tiny/issues/{number}")).await;
    assert_eq!(status, 200);
    let anchor = format!("id=\"issuecomment-{}\"", comment["id"]);
    for part in [
        anchor.as_str(),
        "<strong>bold</strong>",
        "<td>1</td>",
        "&#60;b&#62;Verify",
        "👀 1",
        "Open",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    for part in ["<script", "onerror", "hidden -->", "<b>Verify"] {
        assert!(!html.contains(part), "{part} is in {html}");
    }
}

#[tokio::test]
async fn a_pull_request_shows_its_checks_and_its_diff() {
    let visit = Visit::start().await;
    let made = visit.write("gavel", "up-1", "x.html", "<i>new</i>\n").await;
    visit.open_pull("gavel", "up-1").await;
    let path = format!(
        "{REPO}/statuses/{}",
        made["commit"]["sha"].as_str().unwrap()
    );
    for (context, target) in [
        ("good", "http://127.0.0.1:9/12"),
        ("bad", "javascript:alert(1)"),
    ] {
        visit
            .done(
                201,
                "bridge",
                "POST",
                &path,
                json!({"state": "success", "context": context, "target_url": target}),
            )
            .await;
    }
    let (status, html) = page(&visit, "/recipes/tiny/pulls/1").await;
    assert_eq!(status, 200);
    for part in [
        "href=\"http://127.0.0.1:9/12\"",
        "<code class=\"branch\">up-1</code>",
        "+&#60;i&#62;new&#60;/i&#62;",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("javascript:"));
    assert_eq!(page(&visit, "/recipes/tiny/issues/1").await.0, 303);
    assert!(
        page(&visit, "/recipes/tiny/pulls/1.diff")
            .await
            .1
            .contains("+<i>new</i>")
    );
    visit
        .done(
            200,
            "flow",
            "POST",
            &format!("{REPO}/pulls/1/merge"),
            json!({"Do": "merge"}),
        )
        .await;
    assert!(
        page(&visit, "/recipes/tiny/pulls/1")
            .await
            .1
            .contains("Merged")
    );
    let (_, repo) = page(&visit, "/recipes/tiny").await;
    assert!(
        repo.contains("/recipes/tiny/pulls/1") && repo.contains("<h1>tiny</h1>"),
        "{repo}"
    );
    assert_eq!(
        page(&visit, "/recipes/tiny/raw/branch/main/x.html").await,
        (200, "<i>new</i>\n".into())
    );
    assert_eq!(page(&visit, "/recipes/tiny/issues/99").await.0, 404);
    assert!(page(&visit, "/").await.1.contains("recipes/tiny"));
}
