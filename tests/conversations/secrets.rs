//! A part of the flow that prints its secrets, in ten shapes: they are nowhere afterwards. Secrets that are exchanged while Gavel works.

use crate::lab::{Lab, MIRROR, TRACKING};
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
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

/// Keeps the token that it was given in a file, and prints it with the one before.
const KEEPS_TOKEN: &str = r#"#!/bin/bash
echo "$FORGE_TOKEN $(<"OLD")"
printf '%s' "$FORGE_TOKEN" >"GIVEN"
echo VERDICT=GREEN
"#;

/// Delivers something signed with this secret; the status.
async fn deliver(lab: &Lab, secret: &str) -> u16 {
    let body =
        json!({ "ref": "refs/heads/main", "after": "00", "repository": { "full_name": MIRROR } });
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let delivery = client
        .post(format!("{}/hooks/gitea", lab.place("gavel_url")))
        .header("content-type", "application/json")
        .header("x-gitea-event", "push")
        .header(
            "x-gitea-signature",
            hex::encode(mac.finalize().into_bytes()),
        )
        .body(body);
    delivery.send().await.unwrap().status().as_u16()
}

/// How many commands came by webhook.
async fn delivered(lab: &Lab) -> u64 {
    let metrics = String::from_utf8(lab.file("/metrics").await).unwrap();
    let start = "gavel_deliveries_total{outcome=\"command\"} ";
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix(start));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn secrets_are_exchanged_while_gavel_works() {
    let mut lab = Lab::without_gavel().await;
    let read = |name: &str| std::fs::read_to_string(lab.path(name)).unwrap();
    let old_secret = read("secrets/webhook.secret").trim().to_owned();
    let old_tokens = ["gavel", "flow"].map(|who| {
        let token = read(&format!("secrets/{who}.token"));
        token.trim().to_owned()
    });
    let (helper, old, given) = (
        lab.path("bin/helper.sh"),
        lab.path("old"),
        lab.path("given"),
    );
    let script = KEEPS_TOKEN.replace("OLD", old.to_str().unwrap());
    std::fs::write(&helper, script.replace("GIVEN", given.to_str().unwrap())).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&old, &old_tokens[1]).unwrap();
    lab.configure("flow.helper.command", &format!("[{helper:?}]"));
    lab.start_gavel(&[]).await;

    // One of the files is bad: the good one beside it is not taken either.
    let secret = lab.write_secret("secrets/webhook.secret", "another-secret-of-the-webhook");
    let token = lab.write_secret("secrets/gavel.token", "");
    let said = lab.reload("no secret was exchanged").await;
    let wrong = format!(
        "the file {} is empty. Write the secret into it, on one line and nothing else",
        token.display()
    );
    assert!(said.contains(" ERROR ") && said.contains(&wrong), "{said}");
    assert_eq!(deliver(&lab, "another-secret-of-the-webhook").await, 401);
    assert_eq!(deliver(&lab, &old_secret).await, 200);

    // All of them are good.
    let scopes = ["write:repository", "write:issue", "read:user"];
    let new_tokens = [
        lab.new_token("gavel", "second", &scopes).await,
        "another-token-of-the-flow".to_owned(),
    ];
    lab.write_secret("secrets/gavel.token", &new_tokens[0]);
    lab.write_secret("secrets/flow.token", &new_tokens[1]);
    let said = lab.reload("secrets were exchanged").await;
    assert!(said.contains(" INFO "), "{said}");
    for (file, is_named) in [
        (&secret, true),
        (&token, true),
        (&lab.path("secrets/flow.token"), true),
        (&lab.path("secrets/drone.token"), false),
    ] {
        assert_eq!(said.contains(file.to_str().unwrap()), is_named, "{said}");
    }
    assert_eq!(deliver(&lab, "another-secret-of-the-webhook").await, 200);
    assert_eq!(deliver(&lab, &old_secret).await, 200);
    assert_eq!(deliver(&lab, "a-secret-of-nobody").await, 401);

    // The forge knows the new ones alone, and Gavel hears and answers.
    lab.forget_first_token("gavel").await;
    let hooks = format!("repos/{TRACKING}/hooks");
    let listed = lab.ask("admin", Method::GET, &hooks, None).await;
    let mut hook = listed[0].clone();
    let path = format!("{hooks}/{}", hook["id"]);
    // Events that are not named would be no more.
    hook["config"]["secret"] = "another-secret-of-the-webhook".into();
    let mended = lab.ask("admin", Method::PATCH, &path, Some(hook)).await;
    assert_ne!(mended, Value::Null);
    let before = delivered(&lab).await;
    lab.talk("/status").await;
    assert_eq!(delivered(&lab).await, before + 1);

    // A command that begins now is given the new one, and neither is anywhere.
    lab.say("maintainer", "/verify V2").await;
    lab.ended(1).await;
    assert_eq!(std::fs::read_to_string(&given).unwrap(), new_tokens[1]);
    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence = String::from_utf8(evidence).unwrap();
    assert!(evidence.contains("[redacted] [redacted]"), "{evidence}");
    for (place, text) in [
        ("the logs", all(&lab.path("logs"))),
        ("the database", all(&lab.path("gavel-data"))),
        ("the evidence", evidence.into_bytes()),
    ] {
        for secret in old_tokens.iter().chain(&new_tokens) {
            let mut parts = text.windows(secret.len());
            let there = parts.any(|part| part == secret.as_bytes());
            assert!(!there, "{secret} is in {place}");
        }
    }
}
