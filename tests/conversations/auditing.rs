//! The Adversary's way: the comments name what seals a run, and the bundle stands without Gavel.

use crate::lab::{Lab, TRACKING};
use std::process::{Command, Output};

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn succeeded(output: &Output) -> String {
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    said
}

/// What a program of another author makes of a comment.
fn read_verdicts(lab: &Lab, comment: u64) -> Output {
    Command::new("python3")
        .arg("tests/programs/read_verdicts.py")
        .args([lab.place("forge_url"), TRACKING])
        .args([&comment.to_string(), "gavel"])
        .output()
        .expect("python3")
}

fn audit(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command.arg("audit").args(arguments).output().unwrap()
}

#[tokio::test]
async fn a_run_can_be_checked_without_gavels_word() {
    let lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    let run = lab.ended(1).await;
    assert_eq!(run["verdict"], "PASS", "{run:#}");
    for (name, page) in [
        ("bundle.tar.gz", "/runs/1/bundle.tar.gz"),
        ("again.tar.gz", "/runs/latest/bundle.tar.gz"),
        ("signing.pub", "/signing.pub"),
    ] {
        std::fs::write(lab.path(name), lab.file(page).await).unwrap();
    }
    let path = |name: &str| lab.path(name).display().to_string();
    let (bundle, key) = (path("bundle.tar.gz"), path("signing.pub"));
    let same = std::fs::read(lab.path("again.tar.gz")).unwrap();
    assert_eq!(std::fs::read(&bundle).unwrap(), same);

    // A verdict comment says what seals it; so does the report.
    let said = lab.said().await;
    let of = |slot: &str| said.iter().find(|it| it.slot == slot).unwrap().id;
    // The forge holds it too, once.
    let files = format!(
        "repos/{TRACKING}/issues/comments/{}/assets",
        of("run-1-report")
    );
    let attached = lab
        .until("the bundle is attached", async || {
            let files = lab.get(&files).await;
            Some(files.as_array()?.clone()).filter(|files| !files.is_empty())
        })
        .await;
    assert_eq!(attached.len(), 1, "{attached:?}");
    let name = attached[0]["name"].as_str().unwrap();
    let digits = name.strip_prefix("evidence-bundle-").unwrap();
    assert_eq!(digits.strip_suffix(".tar.gz").unwrap().len(), 12, "{name}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = attached[0]["browser_download_url"].as_str().unwrap();
    let there = client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(there, same);
    let verdict = succeeded(&read_verdicts(&lab, of("run-1-V1-1")));
    let lines: Vec<&str> = verdict.lines().collect();
    assert!(lines[0].starts_with("run 1: "), "{verdict}");
    assert!(lines[0].ends_with("/runs/1/bundle.tar.gz"), "{verdict}");
    let head = lines[1].strip_prefix("V1 PASS, sealed by ").unwrap();
    let clauses: Vec<&str> = lines[2..].iter().map(|line| &line[2..11]).collect();
    let expected: Vec<String> = (1..=7).map(|number| format!("V1.{number} PASS")).collect();
    assert_eq!(clauses, expected, "{verdict}");
    assert!(lines[2].contains("/runs/1/V1/1#fact-"), "{verdict}");
    let report = succeeded(&read_verdicts(&lab, of("run-1-report")));
    assert!(report.contains(&format!("sealed by {head}")), "{report}");
    // Nobody else's comment passes for one.
    let forged = lab
        .say("maintainer", "<!-- x -->\n<!-- gavel-verdicts/1 {} -->")
        .await;
    let refused = read_verdicts(&lab, forged);
    assert!(!refused.status.success() && refused.stdout.is_empty());

    let quoted = format!("V1={}", head);
    let audited = audit(&[&bundle, "--key", &key, "--head", &quoted]);
    let said = succeeded(&audited);
    assert!(
        said.ends_with("Every claim stands on the facts of this bundle.\n"),
        "{said}"
    );
    let alone = audit(&[&bundle]);
    assert_eq!(alone.status.code(), Some(3), "{}", text(&alone.stdout));
    let other = audit(&[&bundle, "--key", &key, "--head", &format!("V1={:064}", 0)]);
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stdout));
    let none = audit(&[&key]);
    assert_eq!(none.status.code(), Some(2));
    assert!(
        text(&none.stderr).contains("no gzipped tar archive"),
        "{none:?}"
    );

    verify_the_statement(&bundle, &key);
}

/// By a tool that has nothing to do with this project.
fn verify_the_statement(bundle: &str, key: &str) {
    let python = std::env::var("GAVEL_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = "import securesystemslib.dsse, cryptography";
    let there = Command::new(&python).args(["-c", import]).output();
    if !there.is_ok_and(|there| there.status.success()) {
        eprintln!(
            "skipped: no statement is verified, since {python} has no securesystemslib (GAVEL_TEST_PYTHON names another)"
        );
        return;
    }
    let verify = |bundle: &str, key: &str| {
        let mut python = Command::new(&python);
        python.arg("tests/programs/verify_statement.py");
        python.args([bundle, key]).output().unwrap()
    };
    let said = succeeded(&verify(bundle, key));
    assert!(said.starts_with("PASSED, signed by "), "{said}");
    // Another key does not.
    let other = format!("{key}.other");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(format!("{other}.pem"))
        .output();
    assert!(made.unwrap().status.success());
    let public = Command::new("openssl")
        .args([
            "pkey",
            "-pubout",
            "-in",
            &format!("{other}.pem"),
            "-out",
            &other,
        ])
        .output();
    assert!(public.unwrap().status.success());
    assert!(!verify(bundle, &other).status.success());
}
