//! Real repositories, looked at and pushed to.

use super::*;
use std::process::Command;
use tempfile::TempDir;

/// Every ref of a remote, and the object that it names.
fn refs_of(url: &str) -> BTreeMap<String, String> {
    let text = git(Path::new("."), &["ls-remote", "--", url]);
    named(&text, '\t').unwrap()
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with one commit on `main`.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(folder.path().join("a"), "1\n").unwrap();
    git(folder.path(), &["add", "a"]);
    git(folder.path(), &["commit", "--quiet", "-m", "one"]);
    folder
}

#[tokio::test]
async fn a_look_changes_nothing_and_sees_every_change() {
    let folder = clone();
    let at = |name: &str| folder.path().join(name);
    // What a plain `git status` would write down in the index.
    std::fs::write(at("a"), "1\n").unwrap();
    let index = std::fs::read(at(".git/index")).unwrap();
    let seen = Git::default().fingerprint(folder.path()).await.unwrap();
    assert_eq!(seen.head, "ref: refs/heads/main");
    assert_eq!(seen.refs.len(), 1);
    assert!(seen.changed.is_empty());
    assert_eq!(
        seen,
        Git::default().fingerprint(folder.path()).await.unwrap()
    );
    assert_eq!(index, std::fs::read(at(".git/index")).unwrap());

    let mut last = seen;
    std::fs::create_dir_all(at(".git/hooks")).unwrap();
    let acts: [(&str, &dyn Fn()); 9] = [
        ("an edit", &|| std::fs::write(at("a"), "2\n").unwrap()),
        ("another edit of the same file", &|| {
            std::fs::write(at("a"), "3\n").unwrap();
        }),
        ("a new file", &|| std::fs::write(at("ü b"), "1").unwrap()),
        ("an edit of a file that is not tracked", &|| {
            std::fs::write(at("ü b"), "2").unwrap();
        }),
        ("something staged", &|| {
            git(folder.path(), &["add", "a"]);
        }),
        ("a branch", &|| {
            git(folder.path(), &["branch", "other"]);
        }),
        ("another branch", &|| {
            git(folder.path(), &["symbolic-ref", "HEAD", "refs/heads/other"]);
        }),
        ("a hook", &|| {
            std::fs::write(at(".git/hooks/pre-push"), "1").unwrap();
        }),
        ("another hook of the same name", &|| {
            std::fs::write(at(".git/hooks/pre-push"), "2").unwrap();
        }),
    ];
    for (what, act) in acts {
        act();
        let now = Git::default().fingerprint(folder.path()).await.unwrap();
        assert_ne!(last, now, "{what}");
        last = now;
    }
}

#[tokio::test]
async fn what_is_no_clone_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Git::default()
        .fingerprint(folder.path())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a git repository"), "{error}");
}

#[tokio::test]
async fn a_push_wants_the_ref_where_it_was_expected() {
    let there = clone();
    let (url, here) = (
        there.path().to_str().unwrap().to_owned(),
        tempfile::tempdir().unwrap(),
    );
    let copy = here.path().join("copy.git");
    let git_ = Git::default();
    git_.copy(&url, &copy, None).await.unwrap();
    let refs = refs_of(&url);
    let one = refs["refs/heads/main"].clone();
    assert_eq!(refs["HEAD"], one);

    let push = async |commit: Option<&str>, expected: Option<&str>| {
        git_.push(&copy, &url, "refs/heads/x", commit, expected, None)
            .await
            .unwrap()
    };
    assert_eq!(push(Some(&one), None).await, Pushed::Done);
    // Moved to something else than is pushed: what is there already is never pushed at all.
    git(
        there.path(),
        &["commit", "--quiet", "--allow-empty", "-m", "two"],
    );
    let two = git(there.path(), &["rev-parse", "HEAD"]);
    git(there.path(), &["branch", "--force", "x", &two]);
    assert!(matches!(push(Some(&one), None).await, Pushed::Moved(_)));
    assert!(matches!(push(None, Some(&one)).await, Pushed::Moved(_)));
    assert_eq!(push(Some(&one), Some(&two)).await, Pushed::Done);
    assert_eq!(push(None, Some(&one)).await, Pushed::Done);
    let refs = refs_of(&url);
    assert!(!refs.contains_key("refs/heads/x"));
}

#[test]
fn a_token_is_in_no_command_line() {
    let credentials = Credentials {
        login: "flow".into(),
        token: "s3cret".into(),
    };
    let tool = with(&Tool::new(["git"]), Some(&credentials));
    let shown = format!("{tool:?} {}", tool.asked(&["push"]));
    assert!(!shown.contains("s3cret") && !shown.contains(&STANDARD.encode("flow:s3cret")));
}

#[tokio::test]
async fn the_same_files_and_words_make_the_same_commits() {
    let file = |path, text: &str| BTreeMap::from([(path, text.to_owned())]);
    let mut made = Vec::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let own = Git::default();
        let commit = async |branch, from, files| {
            let commit = own.commit(folder.path(), branch, from, "Publish it", &files);
            commit.await.unwrap()
        };
        let main = commit("main", None, file("html/index.html", "1\n")).await;
        let next = commit("next", Some("main"), file("html/index.html", "2\n")).await;
        let beside = commit("beside", Some("main"), file("README.md", "3\n")).await;
        let parents = git(folder.path(), &["log", "--all", "--format=%P"]);
        assert_eq!(parents.matches(&main).count(), 2, "{parents}");
        made.push([main, next, beside]);
    }
    assert_eq!(made[0], made[1]);
}
