//! A part of the flow that prints its secrets, in ten shapes: they are nowhere afterwards.

use crate::lab::{Lab, TRACKING};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Prints the token that it was given in every shape, and all processes there are.
const HELPER: &str = r#"#!/bin/bash
t=$FORGE_TOKEN
{
  echo "the token is $t"
  echo "https://flow:$t@git.example.org/o/r.git"
  echo "https://git.example.org/api/v1/user?access_token=$t&page=1"
  echo "Authorization: token $t"
  printf 'flow:%s' "$t" | base64
  printf '%s' "$t" | od -An -tx1
  printf '{"password": "%s"}\n' "$t"
  echo "${t:0:17}"; echo "    ${t:17}"
  printf '\033[31m%s\033[0m%s\n' "${t:0:20}" "${t:20}"
  printf '%s ' $(echo "$t" | sed 's/./& /g'); echo
  echo "$t" | sed 's/./%&/g' | while read -rn1 c; do [[ $c == % ]] || printf '%%%02x' "'$c"; done; echo
} | tee /dev/stderr
ps -eo args >"PROCESSES"
echo VERDICT=GREEN
"#;

/// Everything in a folder, as one text.
fn all(folder: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            text.extend(std::fs::read(path).unwrap());
        }
    }
    text
}

#[tokio::test]
async fn what_the_flow_gives_away_gavel_keeps_to_itself() {
    let mut lab = Lab::without_gavel().await;
    let helper = lab.path("bin/helper.sh");
    let processes = lab.path("processes");
    let script = HELPER.replace("PROCESSES", processes.to_str().unwrap());
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    lab.configure("flow.helper.command", &format!("[{helper:?}]"));
    lab.start_gavel(&[]).await;
    // Who pastes one by mistake finds it in their own comment, and can delete that.
    let pasted = std::fs::read_to_string(lab.path("secrets/flow.token")).unwrap();
    lab.say("maintainer", &format!("/idea Log in with {pasted}"))
        .await;
    lab.say("maintainer", "/verify V2").await;
    let run = lab.ended(1).await;
    assert_eq!(run["items"]["V2"]["verdict"], "FAIL", "{run:#}");
    lab.slot("run-1-report", "REVIEW-5").await;

    let mut places = vec![
        (
            "the arguments of processes",
            std::fs::read(&processes).unwrap(),
        ),
        ("the logs", all(&lab.path("logs"))),
        ("the database", all(&lab.path("gavel-data"))),
    ];
    for page in [
        "/",
        "/runs/1",
        "/runs/1/V2/1",
        "/runs/1/evidence.json",
        "/runs/1/REVIEW-5.md",
    ] {
        places.push((page, lab.file(page).await));
    }
    let bundle = lab.file("/runs/1/bundle.tar.gz").await;
    let mut unpacked = Vec::new();
    std::io::copy(
        &mut flate2::read::GzDecoder::new(bundle.as_slice()),
        &mut unpacked,
    )
    .unwrap();
    places.push(("the bundle", unpacked));
    let comments = lab.comments(TRACKING, 1).await.into_iter();
    for comment in comments.filter(|comment| comment.by == "gavel") {
        places.push(("a comment", comment.text.into_bytes()));
    }
    let report = String::from_utf8(lab.file("/runs/1/REVIEW-5.md").await).unwrap();
    assert!(report.contains(r"Log in with \[redacted\]"), "{report}");
    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence = String::from_utf8(evidence).unwrap();
    assert!(
        evidence.matches("[redacted]").count() >= 10,
        "nothing was given away"
    );

    for account in ["flow", "gavel", "operator"] {
        let token = std::fs::read_to_string(lab.path(&format!("secrets/{account}.token"))).unwrap();
        let token = token.trim();
        let hex: Vec<String> = token.bytes().map(|byte| format!("{byte:02x}")).collect();
        let basic = BASE64_STANDARD.encode(format!("flow:{token}"));
        let spread: Vec<String> = token.chars().map(String::from).collect();
        for shape in [
            token[..17].to_owned(),
            token[20..].to_owned(),
            hex[..12].join(" "),
            hex[..12].concat(),
            format!("%{}", hex[..12].join("%")),
            basic[8..30].to_owned(),
            spread[..12].join(" "),
        ] {
            for (place, text) in &places {
                let there = text
                    .windows(shape.len())
                    .any(|part| part == shape.as_bytes());
                assert!(!there, "{account}'s token is in {place}, as {shape:?}");
            }
        }
    }
}
