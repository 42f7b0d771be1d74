//! What is refused, what is taken, and what of it is on record before it is acknowledged.

use super::*;
use crate::store::{ResourceKind, RunOptions};
use axum::http::HeaderMap;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[test]
fn a_delivery_is_taken_that_one_of_the_secrets_signed() {
    let body = said(1, "maintainer", "/verify V1").to_string();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("x-gitea-event", "issue_comment".parse().unwrap());
    let signature = sign(body.as_bytes()).parse().unwrap();
    headers.insert("x-gitea-signature", signature);
    for (secrets, taken) in [
        (&[SECRET][..], true),
        (&["new", SECRET], true),
        (&[SECRET, "old"], true),
        (&["new", "s3cre", "s3crett", ""], false),
        (&[], false),
    ] {
        let given: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        let refused = delivery::read(&headers, body.as_bytes(), &given).err();
        let expected = (!taken).then_some(delivery::Refusal::WrongSignature);
        assert_eq!(refused, expected, "{secrets:?}");
    }
}

#[tokio::test]
async fn bad_input_gets_what_it_deserves_and_leaves_nothing() {
    let gavel = Gavel::start().await;
    let good = said(1, "maintainer", "/verify V1").to_string();
    let signature = sign(good.as_bytes());
    let flipped = signature.replace(['0', '1', '2', '3'], "f");
    let plain = |event: &str, body: &str| {
        gavel
            .post(body.to_owned())
            .header("content-type", "application/json")
            .header("x-gitea-event", event)
            .header("x-gitea-signature", sign(body.as_bytes()))
    };
    let unsigned = || {
        gavel
            .post(good.clone())
            .header("content-type", "application/json")
            .header("x-gitea-event", "issue_comment")
    };
    let other_body = said(1, "maintainer", "/verify V2").to_string();
    let no_comment =
        json!({"action": "created", "repository": {"full_name": TRACKING}, "issue": {"number": 1}});
    let not_a_name = good.replace(TRACKING, "../../etc");
    let refused = [
        ("no signature", unsigned(), 401, "unsigned"),
        (
            "an empty signature",
            unsigned().header("x-gitea-signature", ""),
            401,
            "wrong_signature",
        ),
        (
            "a signature that is no hex",
            unsigned().header("x-gitea-signature", "sha256=zz"),
            401,
            "wrong_signature",
        ),
        (
            "half a signature",
            unsigned().header("x-gitea-signature", &signature[..32]),
            401,
            "wrong_signature",
        ),
        (
            "a wrong signature",
            unsigned().header("x-gitea-signature", flipped),
            401,
            "wrong_signature",
        ),
        (
            "the signature of another body",
            unsigned().header("x-gitea-signature", sign(other_body.as_bytes())),
            401,
            "wrong_signature",
        ),
        (
            "a form",
            gavel
                .post(good.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-gitea-event", "issue_comment")
                .header("x-gitea-signature", &signature),
            415,
            "content_type",
        ),
        (
            "no content type",
            gavel
                .post(good.clone())
                .header("x-gitea-event", "issue_comment")
                .header("x-gitea-signature", &signature),
            415,
            "content_type",
        ),
        (
            "half of a JSON text",
            plain("issue_comment", &good[..40]),
            400,
            "not_json",
        ),
        ("nothing", plain("issue_comment", ""), 400, "not_json"),
        (
            "no event",
            gavel
                .post(good.clone())
                .header("content-type", "application/json")
                .header("x-gitea-signature", &signature),
            400,
            "no_event",
        ),
        ("a comment as a push", plain("push", &good), 400, "misfit"),
        (
            "a comment as a status",
            plain("status", &good),
            400,
            "misfit",
        ),
        (
            "a comment as a pull request",
            plain("pull_request", &good),
            400,
            "misfit",
        ),
        (
            "an event without its comment",
            plain("issue_comment", &no_comment.to_string()),
            400,
            "misfit",
        ),
        ("a list", plain("issues", "[]"), 400, "misfit"),
        (
            "a repository that is none",
            plain("issue_comment", &not_a_name),
            400,
            "misfit",
        ),
    ];
    let mut expected = std::collections::BTreeMap::<_, u64>::new();
    for (what, delivery, status, outcome) in refused {
        let answer = delivery.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{what}");
        let told = answer.text().await.unwrap();
        assert!(told.ends_with('\n') && told.len() > 10, "{what}: {told:?}");
        *expected.entry(outcome).or_default() += 1;
        assert_eq!(gavel.counted(outcome).await, expected[outcome], "{what}");
    }
    let unknown = plain("repository_dispatch", "{}").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::ACCEPTED);
    assert_eq!(gavel.counted("ignored").await, 1);
    assert!(gavel.commands().await.is_empty());
    gavel.stop().await;
}

/// Sends the beginning of a request; answers the status line of what comes back.
async fn raw(gavel: &Gavel, head: &str, body: &[u8]) -> String {
    let address = gavel.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /hooks/gitea HTTP/1.1\r\nhost: gavel\r\ncontent-type: application/json\r\nx-gitea-event: issue_comment\r\n{head}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let gavel = Gavel::start().await;
    let mut largest = said(1, "maintainer", "/verify V1").to_string();
    largest.push_str(&" ".repeat(BODY_LIMIT - largest.len()));
    let too_large = format!("{largest} ");

    let taken = |body: &str| {
        gavel
            .post(body.to_owned())
            .header("content-type", "application/json")
            .header("x-gitea-event", "issue_comment")
            .header("x-gitea-signature", sign(body.as_bytes()))
            .send()
    };
    assert_eq!(taken(&largest).await.unwrap().status(), 200);
    let refused = taken(&too_large).await.unwrap();
    assert_eq!(refused.status(), 413);
    // Or the next delivery goes where nobody listens any more.
    assert_eq!(refused.headers()["connection"], "close");
    assert_eq!(gavel.counted("too_large").await, 1);

    // It says beforehand how long it is, and is refused before any of it is sent.
    let head = format!("content-length: {}", BODY_LIMIT + 1);
    assert_eq!(raw(&gavel, &head, b"").await, "HTTP/1.1 413");
    assert_eq!(gavel.counted("too_large").await, 2);

    // In chunks, nobody knows how long it will be. The last chunk is still to come when the answer is there.
    let chunk = format!("{:x}\r\n{too_large}\r\n", too_large.len());
    let head = "transfer-encoding: chunked";
    assert_eq!(raw(&gavel, head, chunk.as_bytes()).await, "HTTP/1.1 413");
    assert_eq!(gavel.counted("too_large").await, 3);
    assert_eq!(gavel.lines().await, ["/verify V1"]);
    gavel.stop().await;
}

/// Every delivery that was recorded from a Gitea of this version: file name, headers, body.
fn recorded(version: &str) -> Vec<(String, Value, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings")
        .join(version)
        .join("hooks");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 14);
    let read = |path: std::path::PathBuf| {
        let delivery: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let body = delivery["raw_body"].as_str().unwrap().to_owned();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, delivery["headers"].clone(), body)
    };
    files.into_iter().map(read).collect()
}

#[tokio::test]
async fn what_real_forges_delivered_is_taken() {
    let gavel = Gavel::start().await;
    for version in ["gitea-1.15.11", "gitea-1.25.4"] {
        let mut events = 0;
        for (name, headers, body) in recorded(version) {
            let header = |wanted: &str| {
                let found = headers
                    .as_object()
                    .unwrap()
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.unwrap().1.as_str().unwrap().to_owned()
            };
            // The old one's secret is known, so its own signature must do.
            let signature = match version {
                "gitea-1.15.11" => header("x-gitea-signature"),
                _ => sign(body.as_bytes()),
            };
            let event = header("x-gitea-event");
            let delivery = gavel
                .post(body)
                .header("content-type", header("content-type"))
                .header("x-gitea-event", &event)
                .header("x-gitea-signature", signature);
            let status = delivery.send().await.unwrap().status();
            let known = !["create", "delete"].contains(&event.as_str());
            assert_eq!(status.as_u16(), if known { 200 } else { 202 }, "{name}");
            events += u64::from(known);
        }
        assert!(events >= 12, "{version}");
    }
    // None of them is about the tracking issue of this configuration but by name.
    let about = gavel.commands().await;
    assert!(
        about.iter().all(|command| command.repository == TRACKING),
        "{about:?}"
    );
    gavel.stop().await;
}

#[tokio::test]
async fn a_command_is_on_record_before_it_is_acknowledged_and_only_once() {
    let gavel = Gavel::start().await;
    let comment = said(42, "maintainer", "Now:\n/verify V1 keep\n\n/status");
    let before = jiff::Timestamp::now();
    assert_eq!(gavel.deliver("issue_comment", &comment).await, 200);
    let stored = gavel.store.waiting_commands(10).await.unwrap();
    let expected = |position, line: &str| NewCommand {
        repository: TRACKING.into(),
        issue: 1,
        comment: 42,
        position,
        account: "maintainer".into(),
        line: line.into(),
    };
    let commands: Vec<_> = stored.iter().map(|stored| stored.command.clone()).collect();
    assert_eq!(
        commands,
        [expected(0, "/verify V1 keep"), expected(1, "/status")]
    );
    assert!(stored[0].received >= before);

    // The forge delivers again, and spells the repository as it was typed elsewhere.
    let again = said(42, "maintainer", "Now:\n/verify V1 keep\n\n/status")
        .to_string()
        .replace(TRACKING, "Maintainers/Verification")
        .parse()
        .unwrap();
    for delivery in [&comment, &again] {
        assert_eq!(gavel.deliver("issue_comment", delivery).await, 200);
    }
    assert_eq!(gavel.store.waiting_commands(10).await.unwrap(), stored);
    assert_eq!(gavel.counted("command").await, 1);
    assert_eq!(gavel.counted("comment").await, 2);
    gavel.stop().await;
}

#[tokio::test]
async fn what_is_no_command_is_not_put_on_record() {
    let gavel = Gavel::start().await;
    let with = |id: u64, change: fn(&mut Value)| {
        let mut comment = said(id, "maintainer", "/verify V1");
        change(&mut comment);
        comment
    };
    let comments = [
        ("edited", with(1, |said| said["action"] = "edited".into())),
        ("deleted", with(2, |said| said["action"] = "deleted".into())),
        (
            "on another issue",
            with(3, |said| said["issue"]["number"] = 2.into()),
        ),
        (
            "on an issue of that number elsewhere",
            with(4, |said| said["repository"]["full_name"] = MIRROR.into()),
        ),
        ("by Gavel itself", said(5, "Gavel", "/verify V1")),
        ("by the flow", said(6, "flow", "/verify V1")),
        ("by the gate", said(7, "bridge", "/verify V1")),
        (
            "talk",
            said(8, "maintainer", "I shall type `/verify V1` later"),
        ),
        ("quoted", said(9, "maintainer", "> /verify V1")),
        ("code", said(10, "maintainer", "```\n/verify V1\n```")),
    ];
    for (what, comment) in comments {
        assert_eq!(
            gavel.deliver("issue_comment", &comment).await,
            200,
            "{what}"
        );
        assert!(gavel.commands().await.is_empty(), "{what}");
    }
    // There is no forge here that would have such a comment: what was told of it keeps nobody from being heard.
    let written = said(8, "maintainer", "/verify V1");
    assert_eq!(gavel.deliver("issue_comment", &written).await, 200);
    assert_eq!(gavel.lines().await, ["/verify V1"]);
    // The same way, a command is one.
    let command = said(11, "maintainer", "/verify V2");
    assert_eq!(gavel.deliver("issue_comment", &command).await, 200);
    assert_eq!(gavel.lines().await, ["/verify V1", "/verify V2"]);
    gavel.stop().await;
}

#[tokio::test]
async fn commands_are_heard_on_the_pull_requests_of_a_verification() {
    let gavel = Gavel::start().await;
    let mut comment = said(50, "maintainer", "/status");
    comment["repository"]["full_name"] = MIRROR.into();
    comment["issue"]["number"] = 7.into();
    gavel.deliver("issue_comment", &comment).await;
    assert!(gavel.commands().await.is_empty());

    let store = &gavel.store;
    let options = RunOptions::default();
    let first = said(1, "maintainer", "/verify V1");
    gavel.deliver("issue_comment", &first).await;
    let command = store.waiting_commands(1).await.unwrap().remove(0).id;
    let run = store.queue_run(command, "maintainer", &["V1"], options, "n0nce");
    let run = run.await.unwrap();
    let attempt = store.open_attempt(run, "V1").await.unwrap().id;
    let pull = store.intend(run, attempt, ResourceKind::Pull, MIRROR, "branch", "green");
    store.resource_made(pull.await.unwrap(), 7).await.unwrap();
    gavel.deliver("issue_comment", &comment).await;
    assert_eq!(gavel.lines().await, ["/verify V1", "/status"]);
    gavel.stop().await;
}

#[tokio::test]
async fn a_command_that_cannot_be_stored_is_not_acknowledged() {
    let gavel = Gavel::start().await;
    let database = gavel.folder.path().join("gavel.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&database);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("alter table commands rename to elsewhere")
        .execute(&pool)
        .await
        .unwrap();
    let command = said(1, "maintainer", "/verify V1");
    assert_eq!(gavel.deliver("issue_comment", &command).await, 503);
    assert_eq!(gavel.counted("not_stored").await, 1);
    // What is no command needs no database.
    let push =
        json!({"ref": "refs/heads/main", "after": "abc", "repository": {"full_name": MIRROR}});
    assert_eq!(gavel.deliver("push", &push).await, 200);

    sqlx::query("alter table elsewhere rename to commands")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(gavel.deliver("issue_comment", &command).await, 200);
    assert_eq!(gavel.lines().await, ["/verify V1"]);
    gavel.stop().await;
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let gavel = Gavel::start().await;
    let mut heard = gavel.engine.listen();
    let push =
        json!({"ref": "refs/heads/main", "after": "abc", "repository": {"full_name": MIRROR}});
    gavel.deliver("push", &push).await;
    gavel
        .deliver("issue_comment", &said(1, "stranger", "Hello"))
        .await;
    for (repository, kind) in [(MIRROR, "push"), (TRACKING, "issue_comment")] {
        let event = heard.try_recv().unwrap();
        assert_eq!(
            (event.repository.as_str(), event.kind.as_str()),
            (repository, kind)
        );
    }
    gavel.stop().await;
}

/// A comment with as many and as long commands as are read.
fn longest(id: u64) -> Value {
    said(
        id,
        "maintainer",
        &format!("/idea {}\n", "x".repeat(990)).repeat(10),
    )
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_acknowledged_until_there_is_room() {
    let gavel = Gavel::start().await;
    assert_eq!(
        gavel.get("/readyz").await,
        (StatusCode::OK, "ready\n".into())
    );
    gavel.engine.store.room(false).await;
    let mut taken = 0;
    while gavel.deliver("issue_comment", &longest(taken + 1)).await == StatusCode::OK {
        taken += 1;
        assert!(taken < 100, "the disk is not full");
    }
    let refused = gavel.deliver("issue_comment", &longest(taken + 1)).await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gavel.counted("not_stored").await, 2);
    let (status, why) = gavel.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.starts_with("the disk of the database is full"), "{why}");
    assert_eq!(gavel.get("/healthz").await.0, StatusCode::OK, "it is up");
    let on_record = gavel.store.waiting_commands(5000).await.unwrap();
    assert_eq!(on_record.len() as u64, 10 * taken);
    // What starts nothing is still answered.
    assert_eq!(gavel.get("/").await.0, StatusCode::OK);

    gavel.engine.store.room(true).await;
    let again = gavel.deliver("issue_comment", &longest(taken + 1)).await;
    assert_eq!(again, StatusCode::OK);
    assert_eq!(gavel.get("/readyz").await.0, StatusCode::OK);
    gavel.stop().await;
}

#[tokio::test]
async fn the_latest_deliveries_are_told_by_repository_and_no_others() {
    let gavel = Gavel::start().await;
    let told = async || -> Value { gavel.get("/deliveries.json").await.1.parse().unwrap() };
    let before = told().await;
    assert_eq!(before["taken"], json!({}));
    assert_eq!(before["refused"], Value::Null);
    let comment = said(1, "maintainer", "Hello");
    assert_eq!(
        gavel.deliver("issue_comment", &comment).await,
        StatusCode::OK
    );
    let mut elsewhere = said(2, "maintainer", "Hello");
    elsewhere["repository"]["full_name"] = json!("somebody/else");
    assert_eq!(
        gavel.deliver("issue_comment", &elsewhere).await,
        StatusCode::OK
    );
    let taken = told().await;
    let names: Vec<&String> = taken["taken"].as_object().unwrap().keys().collect();
    assert_eq!(names, [TRACKING]);
    let forged = gavel.post("{}").header("x-gitea-signature", "00");
    assert_eq!(
        forged.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let refused = told().await;
    assert_eq!(refused["refused"]["outcome"], "wrong_signature");
    assert_eq!(refused["taken"], taken["taken"]);
    assert_eq!(refused["unread"], Value::Null);
    // What comes without a signature takes the place of nothing that was signed.
    let unsigned = gavel.post("{}").send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let after = told().await;
    assert_eq!(after["unread"]["outcome"], "unsigned");
    assert_eq!(after["refused"], refused["refused"]);
    gavel.stop().await;
}
