//! Somebody else works beside the flow: pushes, a pull request, builds, words.

use super::*;
use crate::lab::others::{BUILDER, NOTES, WORK};
use crate::lab::sandbox::OUTSIDE;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_has_a_pull_request_tested_again_and_again() {
    let bench = Bench::with(Mode::Poll, &[], true).await;
    let forge = bench.forge("gavel");
    let mirror = format!("/repos/{MIRRORS}/{}", OUTSIDE.name);
    let theirs = async || {
        let mut builds = bench.builds().await;
        builds.retain(|build| build["params"]["RECIPE"] == OUTSIDE.name);
        builds
    };
    until("two of their builds have passed", async || {
        let builds = theirs().await;
        builds.iter().filter(|it| it["status"] == "success").count() > 1
    })
    .await;

    let pulls = forge.list(&format!("{mirror}/pulls")).await.unwrap();
    let [pull] = &pulls[..] else {
        panic!("not one pull request: {pulls:?}")
    };
    assert_eq!(
        (&pull["user"]["login"], &pull["head"]["ref"]),
        (&json!(BUILDER), &json!(WORK))
    );
    let builds = theirs().await;
    assert_ne!(builds[0]["params"]["REF"], builds[1]["params"]["REF"]);
    for build in &builds {
        assert_eq!(build["params"]["PR"], pull["number"].to_string());
    }
    assert_eq!(builds.len(), bench.builds().await.len());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_pushes_to_the_suite_and_touches_no_test_and_no_harness() {
    let bench = Bench::with(Mode::Poll, &[], true).await;
    let forge = bench.forge("gavel");
    let suite = format!("/repos/{SUITE}");
    let issue = async || {
        let issues = forge.list(&format!("{suite}/issues?state=open")).await;
        let mut issues = issues.unwrap().into_iter();
        issues.find(|issue| issue["user"]["login"] == BUILDER && issue["comments"] != 0)
    };
    until("somebody tells of a push", async || issue().await.is_some()).await;

    let main = forge.get(&format!("{suite}/branches/main")).await.unwrap();
    let main = main["commit"]["id"].as_str().unwrap();
    let path = format!("{suite}/commits?sha={NOTES}&stat=false&verification=false");
    let commits = forge.list(&path).await.unwrap();
    let begins = commits.iter().position(|commit| commit["sha"] == main);
    let pushed = &commits[..begins.expect("it stands on main")];
    assert!(!pushed.is_empty());
    for commit in pushed {
        let files = commit["files"].as_array().unwrap();
        let files: Vec<_> = files.iter().map(|file| &file["filename"]).collect();
        assert_eq!(files, ["docs/notes.md"]);
    }
    assert!(bench.forge(BUILDER).get("/admin/users").await.is_err());
    bench.stop().await;
}
