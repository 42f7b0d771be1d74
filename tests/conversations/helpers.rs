//! Helpers that do what helpers should not: each is bounded, told as what it is, and gone afterwards.

use crate::lab::Lab;
use crate::process::running;
use insta::assert_snapshot;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What Gavel finds about a helper, clause by clause. `make` writes it where it is told to, and is told where the good one is.
async fn found(make: impl Fn(&Path, &Path)) -> String {
    let mut lab = Lab::without_gavel().await;
    let helper = lab.path("bin/helper.sh");
    make(&helper, &lab.path("bin/testme-on-pr.sh"));
    lab.configure("flow.helper.command", &format!("[{helper:?}]"));
    lab.configure("flow.helper.max_wait", "\"5s\"");
    lab.start_gavel(&[]).await;
    lab.say("maintainer", "/verify V2").await;
    let run = lab.ended(1).await;
    assert_eq!(run["items"]["V1"]["verdict"], "PASS", "{run:#}");
    assert_eq!(running(&helper), Vec::<String>::new(), "still running");
    lab.assert_clean().await;
    let clauses = lab.clauses(1, "V2").await;
    regex::Regex::new(r"comment \d+")
        .unwrap()
        .replace_all(&clauses, "comment N")
        .into_owned()
}

/// One that does its work, and then this instead of telling how it went.
async fn one_that_ends_with(lines: &str) -> String {
    found(|helper, good| {
        let good = good.display();
        let script = format!("#!/bin/sh\n{good} \"$@\" > {good}.log 2>&1\n{lines}\n");
        std::fs::write(helper, script).unwrap();
        std::fs::set_permissions(helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    })
    .await
}

#[tokio::test]
async fn one_that_says_nothing() {
    assert_snapshot!(one_that_ends_with("exit 0").await, @"
    V2.1 PASS: one each: comment N, comment N, comment N
    V2.2 PASS: no comment, and no build that nobody asked for, before, while and after a build ran
    V2.3 FAIL: no `VERDICT=` line (it printed nothing and exited with 0)
    V2.4 FAIL: no `VERDICT=` line (it printed nothing and exited with 0)
    V2.5 FAIL: no `VERDICT=` line (it printed nothing and exited with 0)
    V2.6 FAIL: no `BUILD=` line (it printed nothing and exited with 0)
    V2.7 FAIL: on the pull request of the known-green head, commit status and result comment both hold success; and the helper returned no result (it printed nothing and exited with 0)
    ");
}

#[tokio::test]
async fn one_that_says_garbage() {
    let garbage = r"printf 'VERDICT=MAUVE\nBUILD=\377\n<script>alert(1)</script>\n'";
    assert_snapshot!(one_that_ends_with(garbage).await, @"
    V2.1 PASS: one each: comment N, comment N, comment N
    V2.2 PASS: no comment, and no build that nobody asked for, before, while and after a build ran
    V2.3 FAIL: `VERDICT=MAUVE` is no verdict
    V2.4 FAIL: `VERDICT=MAUVE` is no verdict
    V2.5 FAIL: `VERDICT=MAUVE` is no verdict
    V2.6 FAIL: `BUILD=�`, but pull request 3 was built at http://drone/recipe-maintainers/cc-ci/4 and http://drone/recipe-maintainers/cc-ci/5
    V2.7 FAIL: on the pull request of the known-green head, commit status and result comment both hold success; and the helper returned no result (it printed 48 bytes and exited with 0)
    ");
}

#[tokio::test]
async fn one_that_says_far_too_much() {
    let much = "head -c 100000000 /dev/zero; echo VERDICT=GREEN";
    assert_snapshot!(one_that_ends_with(much).await, @"
    V2.1 PASS: one each: comment N, comment N, comment N
    V2.2 PASS: no comment, and no build that nobody asked for, before, while and after a build ran
    V2.3 FAIL: too much output to look for `VERDICT=` in (it printed 100000014 bytes and exited with 0)
    V2.4 FAIL: too much output to look for `VERDICT=` in (it printed 100000014 bytes and exited with 0)
    V2.5 FAIL: too much output to look for `VERDICT=` in (it printed 100000014 bytes and exited with 0)
    V2.6 FAIL: too much output to look for `BUILD=` in (it printed 100000014 bytes and exited with 0)
    V2.7 FAIL: on the pull request of the known-green head, commit status and result comment both hold success; and the helper returned no result (it printed 100000014 bytes and exited with 0)
    ");
}

#[tokio::test]
async fn one_that_is_not_there() {
    assert_snapshot!(found(|_, _| ()).await, @"
    V2.1 BLOCKED: the helper could not be started: DIR/bin/helper.sh could not be started: No such file or directory (os error 2). Mend `flow.helper.command`
    V2.2 BLOCKED: the helper could not be started: DIR/bin/helper.sh could not be started: No such file or directory (os error 2). Mend `flow.helper.command`
    V2.3 BLOCKED: the helper's run with `POST=1` on pull request 3 led to no build (V2.1)
    V2.4 BLOCKED: the helper's run with `POST=1` on pull request 3 led to no build (V2.1)
    V2.5 BLOCKED: the helper could not be started: DIR/bin/helper.sh could not be started: No such file or directory (os error 2). Mend `flow.helper.command`
    V2.6 BLOCKED: the helper's run with `POST=1` on pull request 3 led to no build (V2.1)
    V2.7 BLOCKED: the helper's run with `POST=1` on pull request 3 led to no build (V2.1)
    ");
}
