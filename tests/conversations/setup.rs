//! An installation is set up with an administrator's token, and set up again.

use crate::lab::{Lab, TRACKING};
use reqwest::Method;
use serde_json::json;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `gavel setup`, with the operator's token by file or on standard input.
fn setup(lab: &Lab, arguments: &[&str], token: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command
        .arg("setup")
        .args(arguments)
        .arg("--config")
        .arg(lab.path("gavel.toml"))
        .env_clear()
        .env("HOME", lab.path("home"))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that has its token from a file reads nothing here.
    let _ = stdin.write_all(token.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What became of what, without what the doctor says behind it.
fn steps(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn with(steps: &[String], became: &str) -> Vec<String> {
    let of_it = steps.iter().filter_map(|step| step.strip_prefix(became));
    of_it.map(|what| what.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_made_once() {
    let lab = Lab::without_gavel().await;
    let of_tracking = |rest: &str| format!("repos/{TRACKING}{rest}");
    let hooks = lab
        .ask("admin", Method::GET, &of_tracking("/hooks"), None)
        .await;
    let hook = hooks[0]["id"].as_u64().unwrap();
    lab.ask(
        "admin",
        Method::DELETE,
        &of_tracking(&format!("/hooks/{hook}")),
        None,
    )
    .await;
    lab.ask(
        "admin",
        Method::PUT,
        &of_tracking("/collaborators/gavel"),
        Some(json!({ "permission": "read" })),
    )
    .await;
    let mirror = "repos/recipe-maintainers/sandbox-upgrade";
    let hooks = lab
        .ask("admin", Method::GET, &format!("{mirror}/hooks"), None)
        .await;
    let hook = hooks[0]["id"].as_u64().unwrap();
    lab.ask(
        "admin",
        Method::PATCH,
        &format!("{mirror}/hooks/{hook}"),
        Some(json!({ "active": false, "events": ["push"] })),
    )
    .await;
    lab.configure("sandbox.reconcile.recipe", "\"sandbox-new\"");

    let file = lab.path("secrets/operator.token");
    let by_file = ["--sandbox", "--admin-token-file", file.to_str().unwrap()];
    let first = setup(&lab, &by_file, "");
    let made = with(&steps(&first), "made");
    for what in [
        "repository coop-cloud/sandbox-new",
        "branch main of coop-cloud/sandbox-new",
        "repository recipe-maintainers/sandbox-new",
        "branch main of recipe-maintainers/sandbox-new",
        "gavel has admin access to maintainers/verification",
        "webhook of maintainers/verification",
        "label `verified` of maintainers/verification",
        "webhook of recipe-maintainers/sandbox-new",
        "gavel has write access to recipe-maintainers/sandbox-new",
        "flow has write access to recipe-maintainers/sandbox-new",
        "gavel has write access to coop-cloud/sandbox-new",
    ] {
        assert!(made.iter().any(|made| made == what), "{what} in {first:?}");
    }
    let mended = made.iter().any(|made| {
        made.contains("of recipe-maintainers/sandbox-upgrade is mended: it is switched off")
    });
    assert!(mended, "{made:?}");
    assert_eq!(made.len(), 12, "{made:#?}");
    let left = with(&steps(&first), "left");
    assert!(
        left.iter()
            .any(|left| left.contains("push the image sandbox/plain")),
        "{left:?}"
    );

    // Upstream and mirror begin with the same commit.
    let head = async |owner: &str| {
        let branch = lab
            .get(&format!("repos/{owner}/sandbox-new/branches/main"))
            .await;
        branch["commit"]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(head("coop-cloud").await, head("recipe-maintainers").await);
    let hooks = lab
        .ask("admin", Method::GET, &of_tracking("/hooks"), None)
        .await;
    assert_eq!(hooks.as_array().unwrap().len(), 1);

    // Again, everything is there, by whichever way the token comes.
    let token = std::fs::read_to_string(&file).unwrap();
    for (arguments, token) in [(&by_file[..], ""), (&by_file[..1], token.as_str())] {
        let again = setup(&lab, arguments, token);
        let made = with(&steps(&again), "made");
        assert!(made.is_empty(), "{made:?} {again:?}");
        let told = String::from_utf8(again.stdout).unwrap();
        // It ends with what the doctor says: an administrator is shown all webhooks.
        assert!(
            told.contains("webhook                recipe-maintainers/sandbox-new: webhook"),
            "{told}"
        );
        assert!(told.contains("1 failed"), "{told}");
        assert!(told.contains("failed       newer-image"), "{told}");
        assert_eq!(again.status.code(), Some(1));
    }
    // The token is nowhere but in the file that it came from.
    let found = Command::new("grep")
        .arg("-rl")
        .arg(token.trim())
        .arg(lab.path(""))
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let mut found: Vec<&str> = found
        .lines()
        .filter_map(|line| line.rsplit('/').next())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["accounts.json", "operator.token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tracking_issue_is_opened_where_its_number_is_the_next() {
    let lab = Lab::without_gavel().await;
    let token = std::fs::read_to_string(lab.path("secrets/operator.token")).unwrap();
    lab.configure("tracking.issue", "2");
    let made = with(&steps(&setup(&lab, &[], &token)), "made");
    assert!(
        made.contains(&"tracking issue maintainers/verification#2".to_owned()),
        "{made:?}"
    );
    // A stranger's is not taken for it, whatever mark it bears.
    let marked = json!({ "title": "Verify here", "body": "<!-- gavel:tracking -->\nWelcome" });
    let issues = format!("repos/{TRACKING}/issues");
    lab.ask("outsider", Method::POST, &issues, Some(marked))
        .await;
    // Another number than the next one is nobody's to choose, and one issue is enough.
    lab.configure("tracking.issue", "7");
    for _ in 0..2 {
        let left = with(&steps(&setup(&lab, &[], &token)), "left");
        let says =
            "tracking issue: it is maintainers/verification#2; set `tracking.issue = 2`".to_owned();
        assert_eq!(left, [says]);
    }
    let issues = lab.get(&format!("repos/{TRACKING}/issues?state=all")).await;
    assert_eq!(issues.as_array().map(Vec::len), Some(3), "{issues:#}");

    // Where there is nothing at all, the repository comes first.
    lab.configure("tracking.repository", "\"maintainers/fresh\"");
    lab.configure("tracking.issue", "1");
    let made = with(&steps(&setup(&lab, &[], &token)), "made");
    assert_eq!(
        made,
        [
            "repository maintainers/fresh",
            "gavel has admin access to maintainers/fresh",
            "webhook of maintainers/fresh",
            "label `verified` of maintainers/fresh",
            "tracking issue maintainers/fresh#1",
        ]
    );

    for token in ["", "nobodys"] {
        let refused = setup(&lab, &[], token);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
}
