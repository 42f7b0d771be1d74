//! Nobody rewrites what Gavel said unseen.

use crate::lab::{Lab, TRACKING};
use insta::assert_snapshot;
use reqwest::Method;

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
