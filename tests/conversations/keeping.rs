//! Nobody rewrites what Gavel said unseen.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

/// Who has write access may edit and delete everybody's comments.
const WHO: &str = "maintainer";

async fn warning(lab: &Lab, slot: &str) -> String {
    lab.slot(slot, "by somebody").await
}

#[tokio::test]
async fn what_somebody_changes_or_deletes_is_told_and_put_right() {
    let mut lab = Lab::start().await;
    lab.talk("/status").await;
    let said = lab.said().await.remove(0);
    let path = format!("repos/{TRACKING}/issues/comments/{}", said.id);
    let body = lab.get(&path).await["body"].as_str().unwrap().to_owned();
    lab.edit(WHO, said.id, &body.replace("Nothing", "Everything"))
        .await;
    assert_snapshot!(warning(&lab, &format!("tampered-{}-1", said.slot)).await, @"⚠️ [A comment of mine](http://forge/maintainers/verification/issues/1#issuecomment-N) was changed by somebody: the SHA-256 of its text was `DIGEST`, and was found as `DIGEST`. It is put right.");
    lab.until("the comment as it was", async || {
        (lab.get(&path).await["body"] == body.as_str()).then_some(())
    })
    .await;

    // Deleted while Gavel is away, of which no webhook tells.
    lab.gavel().stop();
    lab.ask(WHO, Method::DELETE, &path, None).await;
    lab.start_gavel(&[]).await;
    assert_snapshot!(warning(&lab, &format!("tampered-{}-2", said.slot)).await, @"⚠️ [A comment of mine](http://forge/maintainers/verification/issues/1#issuecomment-N) was deleted by somebody: the SHA-256 of its text was `DIGEST`. It is put right.");
    lab.until("the comment, written anew", async || {
        let all = lab.said().await;
        let anew = all.iter().find(|it| it.slot == said.slot);
        anew.filter(|it| it.id != said.id && it.text == said.text)
            .map(|_| ())
    })
    .await;

    // What Gavel itself writes anew is no such change, nor is what others write of theirs.
    let other = lab.say(WHO, "Hello").await;
    lab.edit(WHO, other, "Hello!").await;
    lab.ask(
        WHO,
        Method::DELETE,
        &format!("repos/{TRACKING}/issues/comments/{other}"),
        None,
    )
    .await;
    lab.talk("/status").await;
    let told = lab.said().await;
    let told = told.iter().filter(|it| it.slot.starts_with("tampered-"));
    assert_eq!(told.count(), 2);
}

/// One whose answer was lost may come to stand there after it was written once more: the second goes, and who copied one is left alone.
#[tokio::test]
async fn what_stands_twice_is_removed() {
    let mut lab = Lab::start().await;
    lab.talk("/status").await;
    let said = lab.said().await.remove(0);
    let path = |id: u64| format!("repos/{TRACKING}/issues/comments/{id}");
    let body = lab.get(&path(said.id)).await["body"].clone();
    lab.gavel().stop();
    let issue = format!("repos/{TRACKING}/issues/1/comments");
    let mut copies = Vec::new();
    for who in ["gavel", WHO] {
        let copy = json!({ "body": body });
        let made = lab.ask(who, Method::POST, &issue, Some(copy)).await;
        copies.push(made["id"].as_u64().unwrap());
    }
    lab.start_gavel(&[]).await;
    lab.until("an end of the second one", async || {
        lab.get(&path(copies[0])).await.is_null().then_some(())
    })
    .await;
    assert_eq!(lab.get(&path(said.id)).await["body"], body);
    assert_eq!(lab.get(&path(copies[1])).await["body"], body);
    let told = lab.said().await;
    assert!(told.iter().all(|it| !it.slot.starts_with("tampered-")));
}

/// Two programs that correct each other do not end. What stays as somebody left it is told all the same, in one comment.
#[tokio::test]
async fn what_somebody_goes_on_changing_is_told_and_left() {
    let lab = Lab::start().await;
    lab.talk("/status").await;
    let said = lab.said().await.remove(0);
    let path = format!("repos/{TRACKING}/issues/comments/{}", said.id);
    let body = lab.get(&path).await["body"].as_str().unwrap().to_owned();
    for time in 1..=3 {
        lab.edit(WHO, said.id, &format!("{body} {time}")).await;
        warning(&lab, &format!("tampered-{}-{time}", said.slot)).await;
        lab.until("the comment as it was", async || {
            (lab.get(&path).await["body"] == body.as_str()).then_some(())
        })
        .await;
    }
    let on = format!("tampered-{}-on", said.slot);
    lab.edit(WHO, said.id, &format!("{body} 3")).await;
    assert_snapshot!(lab.slot(&on, "4 times").await, @"⚠️ [A comment of mine](http://forge/maintainers/verification/issues/1#issuecomment-N) was changed 4 times, and **stands as somebody left it**: the SHA-256 of its text was `DIGEST`, and is `DIGEST`. I put it right no more. What I judged is in the signed bundle of the run, and not there.");
    lab.edit(WHO, said.id, &format!("{body} 5")).await;
    lab.slot(&on, "5 times").await;
    lab.ask(WHO, Method::DELETE, &path, None).await;
    assert_snapshot!(lab.slot(&on, "6 times").await, @"⚠️ [A comment of mine](http://forge/maintainers/verification/issues/1#issuecomment-N) was changed 6 times, and is **not there any more**: the SHA-256 of its text was `DIGEST`. I put it right no more. What I judged is in the signed bundle of the run, and not there.");
    let told = lab.said().await;
    let told = told.iter().filter(|it| it.slot.starts_with("tampered-"));
    assert_eq!(told.count(), 4);
}

#[tokio::test]
async fn what_leads_to_a_deleted_report_leads_to_the_new_one() {
    let lab = Lab::start().await;
    lab.say(WHO, "/verify V1").await;
    lab.ended(1).await;
    let files = async || {
        let report = lab
            .said()
            .await
            .into_iter()
            .find(|it| it.slot == "run-1-report")?;
        let path = format!("repos/{TRACKING}/issues/comments/{}/assets", report.id);
        let files = lab.get(&path).await.as_array()?.len();
        (files == 1).then_some(report.id)
    };
    let report = lab.until("the report with its bundle", files).await;
    let path = format!("repos/{TRACKING}/issues/comments/{report}");
    lab.ask(WHO, Method::DELETE, &path, None).await;
    let anew = lab
        .until("the report with its bundle, written anew", async || {
            files().await.filter(|id| *id != report)
        })
        .await;
    lab.until("a progress comment that leads there", async || {
        let said = lab.said().await;
        let progress = said.iter().find(|it| it.slot == "run-1")?;
        let path = format!("repos/{TRACKING}/issues/comments/{}", progress.id);
        let body = lab.get(&path).await["body"].to_string();
        body.contains(&format!("#issuecomment-{anew}"))
            .then_some(())
    })
    .await;
}
