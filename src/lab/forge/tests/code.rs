//! Files, branches, git itself, pull requests and merging.

use super::{REPO, Visit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

#[tokio::test]
async fn files_are_made_changed_and_deleted_by_their_digest() {
    let visit = Visit::start().await;
    let made = visit
        .write("gavel", "main", "dir/compose.yml", "a: 1\n")
        .await;
    assert_eq!(made["commit"]["author"]["name"], "gavel");
    assert_eq!(made["commit"]["message"], "write dir/compose.yml\n");
    let path = format!("{REPO}/contents/dir/compose.yml");
    let file = visit.get("", &path).await;
    assert_eq!(
        (&file["content"], &file["sha"]),
        (
            &json!(BASE64_STANDARD.encode("a: 1\n")),
            &made["content"]["sha"]
        )
    );
    let change = |sha: &Value| json!({"content": BASE64_STANDARD.encode("a: 2\n"), "sha": sha, "branch": "main"});
    let (status, answer) = visit
        .ask("gavel", "PUT", &path, change(&json!("0".repeat(40))))
        .await;
    assert_eq!(status, 422);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .starts_with("sha does not match"),
        "{answer}"
    );
    assert_eq!(
        visit
            .ask("outsider", "PUT", &path, change(&file["sha"]))
            .await
            .0,
        403
    );
    let again = json!({"content": "YQ==", "branch": "main"});
    assert_eq!(
        visit.ask("gavel", "POST", &path, again).await.1["message"],
        "repository file already exists [path: dir/compose.yml]"
    );
    let changed = visit
        .done(200, "gavel", "PUT", &path, change(&file["sha"]))
        .await;
    assert_eq!(
        changed["commit"]["parents"][0]["sha"],
        made["commit"]["sha"]
    );
    let raw = visit
        .send(
            "",
            "GET",
            &format!("{REPO}/raw/dir/compose.yml?ref=main"),
            Value::Null,
        )
        .await;
    assert_eq!(raw.text().await.unwrap(), "a: 2\n");
    visit
        .done(
            200,
            "gavel",
            "DELETE",
            &path,
            json!({"sha": changed["content"]["sha"], "branch": "main"}),
        )
        .await;
    assert_eq!(visit.ask("", "GET", &path, Value::Null).await.0, 404);
    for bad in ["..", ".git/config", "a//b"] {
        let answer = visit
            .ask(
                "gavel",
                "POST",
                &format!("{REPO}/contents/{bad}"),
                json!({"content": "YQ=="}),
            )
            .await;
        assert!((400..500).contains(&answer.0), "{bad}: {answer:?}");
    }
}

#[tokio::test]
async fn branches_are_listed_in_pages_with_links() {
    let visit = Visit::start().await;
    for name in ["a", "b"] {
        visit
            .done(
                201,
                "gavel",
                "POST",
                &format!("{REPO}/branches"),
                json!({"new_branch_name": name, "old_ref_name": "main"}),
            )
            .await;
    }
    let again = json!({"new_branch_name": "a"});
    assert_eq!(
        visit
            .ask("gavel", "POST", &format!("{REPO}/branches"), again)
            .await
            .0,
        409
    );
    let page = visit
        .send(
            "",
            "GET",
            &format!("{REPO}/branches?limit=1&page=2"),
            Value::Null,
        )
        .await;
    assert_eq!(page.headers()["x-total-count"], "3");
    let link = |page: i64, rel: &str| {
        format!(
            "<{}/api/v1{REPO}/branches?limit=1&page={page}>; rel=\"{rel}\"",
            visit.forge.url()
        )
    };
    let links = [
        link(3, "next"),
        link(3, "last"),
        link(1, "first"),
        link(1, "prev"),
    ]
    .join(",");
    assert_eq!(page.headers()["link"], links.as_str());
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
                "gavel",
                "DELETE",
                &format!("{REPO}/branches/main"),
                Value::Null
            )
            .await
            .0,
        403
    );
    visit
        .done(
            204,
            "gavel",
            "DELETE",
            &format!("{REPO}/branches/a"),
            Value::Null,
        )
        .await;
    assert_eq!(
        visit
            .ask("gavel", "GET", &format!("{REPO}/branches/a"), Value::Null)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn a_pull_request_lives_from_opening_to_closing() {
    let visit = Visit::start().await;
    let made = visit.write("gavel", "up-1", "compose.yml", "a: 1\n").await;
    let pull = visit.open_pull("gavel", "up-1").await;
    assert_eq!(
        (&pull["number"], &pull["head"]["sha"], &pull["head"]["ref"]),
        (&json!(1), &made["commit"]["sha"], &json!("up-1"))
    );
    assert_eq!(
        (&pull["mergeable"], &pull["merged"], &pull["changed_files"]),
        (&json!(true), &json!(false), &json!(1))
    );
    let again = json!({"title": "x", "head": "up-1", "base": "main"});
    assert_eq!(
        visit
            .ask("gavel", "POST", &format!("{REPO}/pulls"), again.clone())
            .await
            .0,
        409
    );
    assert_eq!(
        visit
            .ask("outsider", "POST", &format!("{REPO}/pulls"), again)
            .await
            .0,
        403
    );
    let missing = json!({"title": "x", "head": "nope", "base": "main"});
    assert_eq!(
        visit
            .ask("gavel", "POST", &format!("{REPO}/pulls"), missing)
            .await
            .0,
        404
    );
    let diff = visit
        .send("", "GET", &format!("{REPO}/pulls/1.diff"), Value::Null)
        .await
        .text()
        .await
        .unwrap();
    assert!(diff.contains("+a: 1\n"), "{diff}");
    assert_eq!(
        visit.get("", &format!("{REPO}/pulls/1/files")).await[0]["status"],
        "added"
    );
    assert_eq!(
        visit
            .get("", &format!("{REPO}/pulls/1/commits"))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        visit
            .ask("", "GET", &format!("{REPO}/pulls/1/merge"), Value::Null)
            .await
            .0,
        404
    );
    // In a list less is told of each.
    let listed = visit.get("", &format!("{REPO}/pulls?state=open")).await;
    assert_eq!(
        (&listed[0]["assignees"], &listed[0].get("additions")),
        (&Value::Null, &None)
    );
    assert_eq!(
        visit
            .ask(
                "outsider",
                "PATCH",
                &format!("{REPO}/pulls/1"),
                json!({"state": "closed"})
            )
            .await
            .0,
        403
    );
    let closed = visit
        .done(
            201,
            "gavel",
            "PATCH",
            &format!("{REPO}/pulls/1"),
            json!({"state": "closed"}),
        )
        .await;
    assert_eq!(
        (&closed["state"], closed["closed_at"].is_string()),
        (&json!("closed"), true)
    );
    visit
        .done(
            204,
            "gavel",
            "DELETE",
            &format!("{REPO}/branches/up-1"),
            Value::Null,
        )
        .await;
    let gone = visit.get("", &format!("{REPO}/pulls/1")).await;
    assert_eq!(
        (&gone["head"]["ref"], &gone["head"]["sha"]),
        (&json!("refs/pull/1/head"), &made["commit"]["sha"])
    );
    assert_eq!(
        visit.get("", &format!("{REPO}/pulls?state=open")).await,
        json!([])
    );
}

#[tokio::test]
async fn an_open_pull_request_closes_with_its_branch() {
    let visit = Visit::start().await;
    visit.write("gavel", "up-1", "x", "1").await;
    visit.open_pull("gavel", "up-1").await;
    visit
        .done(
            204,
            "gavel",
            "DELETE",
            &format!("{REPO}/branches/up-1"),
            Value::Null,
        )
        .await;
    assert_eq!(
        visit.get("", &format!("{REPO}/pulls/1")).await["state"],
        "closed"
    );
}

#[tokio::test]
async fn merging_moves_the_base_and_says_who() {
    let visit = Visit::start().await;
    let made = visit.write("gavel", "up-1", "x", "1").await;
    visit.write("gavel", "main", "y", "1").await;
    visit.open_pull("gavel", "up-1").await;
    let merge = async |who: &str, body: Value| {
        visit
            .ask(who, "POST", &format!("{REPO}/pulls/1/merge"), body)
            .await
    };
    assert_eq!(merge("outsider", json!({"Do": "merge"})).await.0, 405);
    assert_eq!(merge("flow", json!({"Do": "what"})).await.0, 422);
    assert_eq!(merge("flow", json!({"Do": "merge"})).await.0, 200);
    assert_eq!(
        visit
            .ask("", "GET", &format!("{REPO}/pulls/1/merge"), Value::Null)
            .await
            .0,
        204
    );
    let pull = visit.get("", &format!("{REPO}/pulls/1")).await;
    assert_eq!(
        (&pull["merged"], &pull["merged_by"]["login"], &pull["state"]),
        (&json!(true), &json!("flow"), &json!("closed"))
    );
    let tip = visit
        .get("", &format!("{REPO}/commits?sha=main&limit=1"))
        .await;
    assert_eq!(
        (&tip[0]["sha"], &tip[0]["parents"][1]["sha"]),
        (&pull["merge_commit_sha"], &made["commit"]["sha"])
    );
    assert_eq!(
        merge("flow", json!({"Do": "merge"})).await.1["message"],
        "The PR is already merged"
    );
    let reopen = visit
        .ask(
            "gavel",
            "PATCH",
            &format!("{REPO}/pulls/1"),
            json!({"state": "open"}),
        )
        .await;
    assert_eq!(reopen.0, 412);
}

#[tokio::test]
async fn what_conflicts_is_not_merged() {
    let visit = Visit::start().await;
    visit.write("gavel", "up-1", "x", "1\n").await;
    visit.open_pull("gavel", "up-1").await;
    visit.write("gavel", "main", "x", "2\n").await;
    assert_eq!(
        visit.get("", &format!("{REPO}/pulls/1")).await["mergeable"],
        false
    );
    assert_eq!(
        visit
            .ask(
                "flow",
                "POST",
                &format!("{REPO}/pulls/1/merge"),
                json!({"Do": "merge"})
            )
            .await
            .0,
        405
    );
}

#[tokio::test]
async fn commits_that_reach_the_base_merge_only_where_that_is_watched_for() {
    let visit = Visit::start().await;
    for (number, watched) in [(1, false), (2, true)] {
        visit
            .done(
                200,
                "operator",
                "PATCH",
                REPO,
                json!({"has_pull_requests": true, "autodetect_manual_merge": watched}),
            )
            .await;
        let branch = format!("up-{number}");
        visit.write("gavel", &branch, &branch, "1").await;
        visit.open_pull("gavel", &branch).await;
        let work = visit.dir.path().join(&branch);
        let (cloned, said) = visit
            .git(
                visit.dir.path(),
                &["clone", "-q", &visit.remote("flow"), &branch],
            )
            .await;
        assert!(cloned, "{said}");
        let (pushed, said) = visit
            .git(
                &work,
                &["push", "-q", "origin", &format!("origin/{branch}:main")],
            )
            .await;
        assert!(pushed, "{said}");
        let pull = visit.get("", &format!("{REPO}/pulls/{number}")).await;
        assert_eq!(pull["merged"], watched, "{pull}");
    }
}

#[tokio::test]
async fn git_clones_and_pushes_with_the_rights_of_the_account() {
    let visit = Visit::start().await;
    visit.write("gavel", "up-1", "x", "1\n").await;
    visit.open_pull("gavel", "up-1").await;
    let (cloned, said) = visit
        .git(
            visit.dir.path(),
            &["clone", "-q", "-b", "up-1", &visit.remote(""), "work"],
        )
        .await;
    assert!(cloned, "{said}");
    let work = visit.dir.path().join("work");
    std::fs::write(work.join("y"), "2\n").unwrap();
    visit.git(&work, &["add", "-A"]).await;
    let (committed, said) = visit.git(&work, &["commit", "-qm", "second"]).await;
    assert!(committed, "{said}");
    assert!(
        !visit
            .git(&work, &["push", "-q", &visit.remote(""), "up-1"])
            .await
            .0
    );
    let (pushed, said) = visit
        .git(&work, &["push", "-q", &visit.remote("outsider"), "up-1"])
        .await;
    assert!(
        !pushed && said.contains("User permission denied for writing"),
        "{said}"
    );
    let before = visit.get("", &format!("{REPO}/pulls/1")).await["head"]["sha"].clone();
    let (pushed, said) = visit
        .git(&work, &["push", "-q", &visit.remote("gavel"), "up-1"])
        .await;
    assert!(pushed, "{said}");
    let head = visit
        .git(&work, &["rev-parse", "HEAD"])
        .await
        .1
        .trim()
        .to_string();
    let pull = visit.get("", &format!("{REPO}/pulls/1")).await;
    assert_ne!(json!(head), before);
    assert_eq!(
        (&pull["head"]["sha"], &pull["changed_files"]),
        (&json!(head), &json!(2))
    );
    let listed = visit.git(&work, &["ls-remote", &visit.remote("")]).await.1;
    assert!(
        listed.contains(&format!("{head}\trefs/pull/1/head")),
        "{listed}"
    );
    // The heads of pull requests are the forge's own.
    assert!(
        !visit
            .git(
                &work,
                &[
                    "push",
                    "-q",
                    &visit.remote("gavel"),
                    "HEAD:refs/pull/1/head"
                ]
            )
            .await
            .0
    );
    let (missing, said) = visit
        .git(
            &work,
            &["ls-remote", &visit.remote("gavel").replace("tiny", "nope")],
        )
        .await;
    assert!(!missing && said.contains("not found"), "{said}");
}

#[tokio::test]
async fn an_empty_repository_takes_a_first_push() {
    let visit = Visit::start().await;
    visit
        .done(201, "flow", "POST", "/user/repos", json!({"name": "new"}))
        .await;
    assert_eq!(visit.get("flow", "/repos/flow/new").await["empty"], true);
    assert_eq!(
        visit.get("flow", "/repos/flow/new/branches").await,
        Value::Null
    );
    assert_eq!(
        visit
            .ask("flow", "GET", "/repos/flow/new/commits", Value::Null)
            .await
            .0,
        409
    );
    let (cloned, said) = visit
        .git(
            visit.dir.path(),
            &[
                "clone",
                "-q",
                &visit.remote("flow").replace("recipes/tiny", "flow/new"),
                "new",
            ],
        )
        .await;
    assert!(cloned, "{said}");
    let work = visit.dir.path().join("new");
    visit.git(&work, &["checkout", "-qb", "main"]).await;
    visit
        .git(&work, &["commit", "-qm", "first", "--allow-empty"])
        .await;
    let (pushed, said) = visit.git(&work, &["push", "-q", "origin", "main"]).await;
    assert!(pushed, "{said}");
    assert_eq!(visit.get("flow", "/repos/flow/new").await["empty"], false);
}

#[tokio::test]
async fn pushes_are_remembered_as_they_were() {
    let visit = Visit::start().await;
    let work = visit.dir.path().join("work");
    let git = async |args: &[&str]| {
        let at = if work.exists() {
            &work
        } else {
            visit.dir.path()
        };
        let (done, said) = visit.git(at, args).await;
        assert!(done, "{args:?}: {said}");
        said.trim().to_owned()
    };
    git(&["clone", "-q", &visit.remote("flow"), "work"]).await;
    let old = git(&["rev-parse", "HEAD"]).await;
    for number in 1..=7 {
        git(&["commit", "-q", "--allow-empty", "-m", &format!("{number}")]).await;
    }
    let new = git(&["rev-parse", "HEAD"]).await;
    git(&["push", "-q", "origin", "HEAD:up"]).await;
    // Nothing moves, and nothing is remembered.
    git(&["push", "-q", "origin", "HEAD:up"]).await;
    git(&["push", "-qf", "origin", &format!("{old}:up")]).await;
    git(&["push", "-q", "origin", &format!("{new}:up")]).await;
    git(&["push", "-q", "origin", ":up"]).await;
    let feed = "/users/flow/activities/feeds?only-performed-by=true";
    let acts = visit.get("", feed).await;
    let told: Vec<(String, Value)> = acts
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|act| {
            assert_eq!(act["ref_name"], "refs/heads/up");
            let content = serde_json::from_str(act["content"].as_str().unwrap());
            let what = act["op_type"].as_str().unwrap().to_owned();
            (what, content.unwrap_or_default())
        })
        .collect();
    let whats: Vec<&str> = told.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "commit_repo",
            "commit_repo",
            "commit_repo",
            "commit_repo",
            "delete_branch"
        ]
    );
    let expected = [
        (1, &old, &new, 7, 5),
        (2, &new, &old, 0, 0),
        (3, &old, &new, 7, 5),
    ];
    assert_eq!((&told[0].1, &told[4].1), (&Value::Null, &Value::Null));
    for (at, from, to, all, listed) in expected {
        let push = &told[at].1;
        assert_eq!(push["HeadCommit"]["Sha1"], **to);
        assert_eq!(
            push["CompareURL"],
            format!("recipes/tiny/compare/{from}...{to}")
        );
        assert_eq!(push["Len"], all);
        assert_eq!(push["Commits"].as_array().unwrap().len(), listed);
    }
    let whole = "/users/recipes/activities/feeds";
    assert!(visit.get("", whole).await.as_array().unwrap().len() >= 5);
}
