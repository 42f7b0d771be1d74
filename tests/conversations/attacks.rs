//! The attack table: who tries what, and what comes of it. Every row is done for real, on the forge or at Gavel's own port. That nothing
//! happened is told after something allowed that went the same way in order. `SECURITY.md` refers to it.
//!
//!     cargo test --test conversations attacks -- --nocapture      prints it

use crate::lab::{Lab, MIRROR, TRACKING};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STRANGER: &str = "a stranger on the net";
const SIGNER: &str = "who knows the webhook's secret";
const OUTSIDER: &str = "an outsider with an account";
const FLOW: &str = "the flow's account";
const GATE: &str = "the gate's account";
const OWN: &str = "Gavel's own account";
const STOLEN: &str = "a maintainer's stolen account";
const ASTRAY: &str = "a flow that was led astray";

/// A part of the table.
#[derive(Default)]
struct Table(Vec<String>);

impl Table {
    /// What happened has to be this. The row is named where it is not.
    #[track_caller]
    fn row(&mut self, actor: &str, attempt: &str, happened: &str, expected: &str) {
        assert_eq!(happened, expected, "{actor}: {attempt}");
        let happened = happened.split_whitespace().collect::<Vec<_>>().join(" ");
        self.0.push(format!("{actor} | {attempt} | {happened}"));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            println!("{}", self.0.join("\n"));
        }
    }
}

/// An address at which nobody has to look.
struct Bait(TcpListener);

impl Bait {
    fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    fn happened(&self) -> &'static str {
        match self.0.accept() {
            Ok(_) => "somebody looked there",
            Err(_) => "nobody looked there",
        }
    }
}

/// Sends a request as it is written, and answers status and text; 0 where nothing came back.
async fn send(lab: &Lab, head: &str, body: &[u8]) -> (u16, String) {
    let address = lab.place("gavel_url").strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{head}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or(0), answer)
}

async fn get(lab: &Lab, path: &str, headers: &str) -> (u16, String) {
    send(
        lab,
        &format!("GET {path} HTTP/1.1\r\nhost: gavel{headers}"),
        b"",
    )
    .await
}

fn signature(lab: &Lab, body: &str) -> String {
    let secret = std::fs::read_to_string(lab.path("secrets/webhook.secret")).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.trim().as_bytes()).unwrap();
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Delivers to the webhook. Answers the status, and whether that made a command.
async fn deliver(lab: &Lab, event: &str, signature: &str, body: &str) -> String {
    let before = taken(lab).await;
    let signed = match signature {
        "" => String::new(),
        signature => format!("\r\nx-gitea-signature: {signature}"),
    };
    let head = format!(
        "POST /hooks/gitea HTTP/1.1\r\nhost: gavel\r\ncontent-type: application/json\r\nx-gitea-event: {event}\r\ncontent-length: {}{signed}",
        body.len()
    );
    let (status, _) = send(lab, &head, body.as_bytes()).await;
    match taken(lab).await == before {
        true => format!("{status}, no command"),
        false => format!("{status}, a command is on record"),
    }
}

/// How many deliveries held commands.
async fn taken(lab: &Lab) -> u64 {
    outcomes(lab, "command").await
}

/// How many deliveries had an outcome.
async fn outcomes(lab: &Lab, outcome: &str) -> u64 {
    let metrics = String::from_utf8(lab.file("/metrics").await).unwrap();
    let name = format!("gavel_deliveries_total{{outcome=\"{outcome}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
    count.map_or(0, |count| count.parse().unwrap())
}

/// What the forge delivers when somebody has commented on the tracking issue.
fn said(comment: u64, account: &str, text: &str) -> Value {
    json!({
        "action": "created",
        "issue": { "id": 9, "number": 1 },
        "comment": { "id": comment, "body": text, "user": { "id": 3, "login": account } },
        "repository": { "id": 5, "full_name": TRACKING },
        "sender": { "login": account },
    })
}

/// What has become of a comment: who reacted how, and whether it says what it said.
async fn became(lab: &Lab, comment: u64, text: &str) -> String {
    let path = format!("repos/{TRACKING}/issues/comments/{comment}");
    let reactions = lab.get(&format!("{path}/reactions")).await;
    let reactions = reactions.as_array().cloned().unwrap_or_default();
    let reactions: Vec<&str> = reactions
        .iter()
        .filter_map(|it| it["content"].as_str())
        .collect();
    let heard = match reactions.as_slice() {
        [] => "not heard",
        ["-1"] => "turned away",
        ["eyes"] => "heard",
        ["confused"] => "not understood",
        _ => "something else",
    };
    match lab.get(&path).await["body"] == text {
        true => heard.to_owned(),
        false => format!("{heard}, and the comment is another one"),
    }
}

/// After this, all that was said before has been dealt with.
async fn in_order(lab: &Lab) {
    let status = lab.talk("/status").await;
    assert!(status.starts_with("Nothing is running."), "{status}");
}

async fn answers(lab: &Lab) -> usize {
    let said = lab.said().await;
    let answers = said.iter().filter(|it| it.slot.starts_with("answer-"));
    answers.count()
}

async fn all_dealt_with(lab: &Lab) {
    lab.until("an end of what waits", async || {
        let mut database = lab.database().await;
        let waiting = sqlx::query("select 1 from commands where handled is null");
        let waiting = waiting.fetch_optional(&mut database).await.unwrap();
        waiting.is_none().then_some(())
    })
    .await;
}

async fn nothing_ran(lab: &Lab) {
    assert!(lab.run(1).await.is_null(), "a run was started");
    assert!(lab.pulls().await.is_empty(), "a pull request was opened");
    assert!(!lab.path("pwned").exists(), "something was executed");
}

#[tokio::test]
async fn who_reaches_the_port() {
    let lab = Lab::start().await;
    let mut table = Table::default();
    let body = said(1, "maintainer", "/verify V1").to_string();
    let good = signature(&lab, &body);
    let flipped = good.replace(|c: char| c.is_ascii_digit(), "f");
    let of_another = signature(&lab, &said(1, "maintainer", "/status").to_string());
    for (attempt, event, signature, body, expected) in [
        (
            "a command without a signature",
            "issue_comment",
            "",
            body.as_str(),
            "401, no command",
        ),
        (
            "a wrong signature",
            "issue_comment",
            &flipped,
            &body,
            "401, no command",
        ),
        (
            "half a signature",
            "issue_comment",
            &good[..32],
            &body,
            "401, no command",
        ),
        (
            "a signature with its algorithm before it",
            "issue_comment",
            &format!("sha256={good}"),
            &body,
            "401, no command",
        ),
        (
            "the signature of another body",
            "issue_comment",
            &of_another,
            &body,
            "401, no command",
        ),
        (
            "a signature that is no hex",
            "issue_comment",
            "ZZ",
            &body,
            "401, no command",
        ),
        ("a delivery of no event", "", "", "{}", "401, no command"),
    ] {
        let happened = deliver(&lab, event, signature, body).await;
        table.row(STRANGER, attempt, &happened, expected);
    }

    let post = "POST /hooks/gitea HTTP/1.1\r\nhost: gavel\r\ncontent-type: application/json\r\nx-gitea-event: issue_comment";
    for (attempt, head, expected) in [
        (
            "a body of 10 GB, as it says beforehand",
            format!("{post}\r\ncontent-length: 10000000000"),
            "413",
        ),
        (
            "`GET` at the webhook",
            "GET /hooks/gitea HTTP/1.1\r\nhost: gavel".into(),
            "405",
        ),
        (
            "`DELETE` of a run",
            "DELETE /runs/1 HTTP/1.1\r\nhost: gavel".into(),
            "405",
        ),
        (
            "`POST` to a page",
            "POST /runs/1 HTTP/1.1\r\nhost: gavel\r\ncontent-length: 0".into(),
            "405",
        ),
        ("no HTTP at all", "\u{16}\u{3}\u{1} hello".into(), "400"),
    ] {
        let (status, _) = send(&lab, &head, b"").await;
        table.row(STRANGER, attempt, &status.to_string(), expected);
    }

    // Two lengths, and behind the shorter one a request of its own.
    let chunks = format!("{post}\r\ncontent-length: 5\r\ntransfer-encoding: chunked");
    let hidden = "0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: gavel\r\n\r\n";
    let (status, text) = send(&lab, &chunks, hidden.as_bytes()).await;
    let happened = format!("{status}, {} answer", text.matches("HTTP/1.1 ").count());
    table.row(
        STRANGER,
        "a request within a request",
        &happened,
        "401, 1 answer",
    );
    let before = taken(&lab).await;
    let address = lab.place("gavel_url").strip_prefix("http://").unwrap();
    let mut cut = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{post}\r\ncontent-length: {length}\r\nx-gitea-signature: {good}\r\n\r\n{{");
    cut.write_all(head.as_bytes()).await.unwrap();
    drop(cut);
    let happened = match taken(&lab).await == before {
        true => "no command",
        false => "a command is on record",
    };
    table.row(STRANGER, "a body that breaks off", happened, "no command");

    for (attempt, path) in [
        ("the configuration", "/gavel.toml"),
        ("the database", "/gavel-data/gavel.sqlite"),
        ("the signing key", "/signing.pem"),
        ("dots on the way to a file", "/runs/../../../../etc/passwd"),
        ("escaped dots", "/runs/%2e%2e%2f%2e%2e%2fgavel.toml"),
        ("dots behind a run", "/runs/1/..%2f..%2fgavel.sqlite"),
        ("a run with a NUL", "/runs/1%00.json"),
        ("a run below zero", "/runs/-1"),
        ("the last number there is", "/runs/18446744073709551615"),
        ("a number beyond", "/runs/99999999999999999999.json"),
        ("SQL for a run", "/runs/1%27%20or%201=1"),
        ("an attempt of no item", "/runs/1/%3Cscript%3E/1"),
    ] {
        let (status, text) = get(&lab, path, "").await;
        let quiet = !text.contains("root:") && !text.contains("script>");
        let happened = format!(
            "{status}, {}",
            if quiet {
                "nothing told"
            } else {
                "something told"
            }
        );
        table.row(
            STRANGER,
            &format!("asks for {attempt}"),
            &happened,
            "404, nothing told",
        );
    }

    // What shows an address shows the configured one.
    let (_, page) = get(
        &lab,
        "/",
        "\r\nx-forwarded-host: evil.example\r\nx-original-url: /metrics",
    )
    .await;
    let as_evil = send(&lab, "GET / HTTP/1.1\r\nhost: evil.example", b"")
        .await
        .1;
    let told = |text: &str| text.contains("evil.example") || !text.contains("<h1>Gavel</h1>");
    let happened = if told(&page) || told(&as_evil) {
        "told"
    } else {
        "nobody is told of it"
    };
    table.row(
        STRANGER,
        "another host's name in the headers",
        happened,
        "nobody is told of it",
    );
    let bait = Bait::lay();
    for head in [
        format!("GET {}/ HTTP/1.1\r\nhost: gavel", bait.url()),
        format!(
            "CONNECT {} HTTP/1.1\r\nhost: gavel",
            bait.0.local_addr().unwrap()
        ),
    ] {
        send(&lab, &head, b"").await;
    }
    table.row(
        STRANGER,
        "Gavel as a proxy to another address",
        bait.happened(),
        "nobody looked there",
    );
    let guarded = page.contains("content-security-policy: default-src 'none'")
        && page.contains("x-content-type-options: nosniff");
    let happened = if guarded {
        "allowed to run and fetch nothing"
    } else {
        "allowed to"
    };
    table.row(
        STRANGER,
        "a page that a browser shows",
        happened,
        "allowed to run and fetch nothing",
    );

    in_order(&lab).await;
    assert_eq!(answers(&lab).await, 1);
    nothing_ran(&lab).await;
}

#[tokio::test]
async fn who_can_sign() {
    let mut lab = Lab::without_gavel().await;
    let mut table = Table::default();
    // From before its first start Gavel has heard nothing.
    let old = lab.say("maintainer", "Nothing to do.").await;
    let old_outsiders = lab.say("outsider", "/verify V1").await;
    lab.start_gavel(&[]).await;
    let asked = lab.say("maintainer", "/status").await;
    lab.answers(TRACKING, 1, asked, 1).await;
    let talk = lab.say("maintainer", "Nothing to do today.").await;
    lab.until("a comment that is heard", async || {
        let mut database = lab.database().await;
        let heard = sqlx::query("select 1 from heard where comment = ?");
        let heard = heard.bind(i64::try_from(talk).unwrap());
        let heard = heard.fetch_optional(&mut database).await.unwrap();
        heard.map(|_| ())
    })
    .await;
    let gavels = lab.said().await.remove(0).id;
    let other = open_issue(&lab, "maintainer", "Another", "Hello").await;
    let elsewhere = lab
        .say_in(TRACKING, other, "maintainer", "/verify V1")
        .await;

    let replayed = said(asked, "maintainer", "/status");
    let mut edited = said(talk, "maintainer", "/verify V1");
    edited["action"] = "edited".into();
    let mut of_mirror = said(7, "maintainer", "/verify V1");
    of_mirror["repository"]["full_name"] = MIRROR.into();
    let mut climbing = said(8, "maintainer", "/verify V1");
    climbing["repository"]["full_name"] = "../../etc".into();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let on_record = "200, a command is on record";
    for (attempt, event, body, expected) in [
        (
            "a delivery once more",
            "issue_comment",
            replayed.to_string(),
            "200, no command",
        ),
        (
            "a delivery under another event's header",
            "push",
            replayed.to_string(),
            "400, no command",
        ),
        (
            "a delivery under no known event",
            "repository_dispatch",
            replayed.to_string(),
            "202, no command",
        ),
        (
            "another text of a comment that was heard",
            "issue_comment",
            said(talk, "maintainer", "/verify V1").to_string(),
            "200, no command",
        ),
        (
            "another text of a command that was heard",
            "issue_comment",
            said(asked, "maintainer", "/verify V1").to_string(),
            "200, no command",
        ),
        (
            "an edit",
            "issue_comment",
            edited.to_string(),
            "200, no command",
        ),
        (
            "a command in another repository",
            "issue_comment",
            of_mirror.to_string(),
            "200, no command",
        ),
        (
            "a repository that is a path",
            "issue_comment",
            climbing.to_string(),
            "400, no command",
        ),
        (
            "JSON that is 100 000 deep",
            "issue_comment",
            deep,
            "400, no command",
        ),
        (
            "a command in Gavel's own name",
            "issue_comment",
            said(900, "gavel", "/verify V1").to_string(),
            "200, no command",
        ),
        (
            "a command that nobody typed",
            "issue_comment",
            said(987_654, "maintainer", "/verify V1").to_string(),
            on_record,
        ),
        (
            "a command of no possible comment",
            "issue_comment",
            said(u64::MAX, "maintainer", "/verify V1").to_string(),
            on_record,
        ),
        (
            "Gavel's own comment as a maintainer's",
            "issue_comment",
            said(gavels, "maintainer", "/verify V1").to_string(),
            on_record,
        ),
        (
            "an outsider's comment as a maintainer's",
            "issue_comment",
            said(old_outsiders, "maintainer", "/verify V1").to_string(),
            on_record,
        ),
        (
            "a maintainer's comment on another issue as of this one",
            "issue_comment",
            said(elsewhere, "maintainer", "/verify V1").to_string(),
            on_record,
        ),
    ] {
        let happened = deliver(&lab, event, &signature(&lab, &body), &body).await;
        let happened = format!("{happened}; no run, no answer");
        table.row(
            SIGNER,
            attempt,
            &happened,
            &format!("{expected}; no run, no answer"),
        );
    }
    in_order(&lab).await;
    assert_eq!(answers(&lab).await, 2, "{:?}", lab.said().await);
    for comment in [talk, old_outsiders, elsewhere] {
        let path = format!("repos/{TRACKING}/issues/comments/{comment}/reactions");
        let reactions = lab.get(&path).await;
        assert!(
            reactions.as_array().is_none_or(Vec::is_empty),
            "{reactions}"
        );
    }

    // Its author may have edited it meanwhile, and is told.
    let body = said(old, "maintainer", "/verify V1").to_string();
    deliver(&lab, "issue_comment", &signature(&lab, &body), &body).await;
    let told = lab.slot("answer-", "was edited before I came to it").await;
    let heard = became(&lab, old, "Nothing to do.").await;
    let happened = match told.contains("Write a new one.") {
        true => format!("{heard}, and told so"),
        false => heard,
    };
    table.row(
        SIGNER,
        "another text of a comment that was not heard",
        &happened,
        "not understood, and told so",
    );

    // Of comments to come, with and without a command: they are not taken for heard.
    let newest = lab.said().await.iter().map(|comment| comment.id).max();
    for comment in newest.unwrap() + 1..=newest.unwrap() + 20 {
        for text in ["Nothing to do.", "/verify V1"] {
            let body = said(comment, "maintainer", text).to_string();
            deliver(&lab, "issue_comment", &signature(&lab, &body), &body).await;
        }
    }
    all_dealt_with(&lab).await;
    let happened = match lab.talk("/status").await {
        answer if answer.starts_with("Nothing is running.") => "a real one is answered",
        _ => "a real one is not understood",
    };
    table.row(
        SIGNER,
        "comments that nobody has written yet",
        happened,
        "a real one is answered",
    );
    nothing_ran(&lab).await;
}

/// Comments that are large enough to keep somebody busy. Each is deleted again, since who looks at the issue reads them all.
async fn large_comments(lab: &Lab, table: &mut Table) {
    for (attempt, text, outcome, expected) in [
        (
            "types 50 000 commands",
            "/verify V1\n".repeat(50_000),
            "command",
            "turned away",
        ),
        (
            "writes half a megabyte of the smallest pieces",
            "a&amp;".repeat(80_000),
            "comment",
            "not heard",
        ),
        (
            "writes more than a delivery may hold",
            format!("/verify V1\n\n{}", "x".repeat(1 << 20)),
            "too_large",
            "not heard",
        ),
    ] {
        let before = outcomes(lab, outcome).await;
        let comment = lab.say("outsider", &text).await;
        lab.until("the delivery", async || {
            (outcomes(lab, outcome).await > before).then_some(())
        })
        .await;
        if expected == "turned away" {
            lab.reactions(comment).await;
        }
        let happened = became(lab, comment, &text).await;
        table.row(OUTSIDER, attempt, &happened, expected);
        let path = format!("repos/{TRACKING}/issues/comments/{comment}");
        lab.ask("outsider", Method::DELETE, &path, None).await;
    }
}

#[tokio::test]
async fn who_may_comment_and_not_command() {
    let lab = Lab::start().await;
    let mut table = Table::default();
    lab.talk("/status").await;
    let mut first = lab.said().await.remove(0).id;
    let path = |comment: u64| format!("repos/{TRACKING}/issues/comments/{comment}");
    let marker = lab.get(&path(first)).await["body"]
        .as_str()
        .unwrap()
        .to_owned();
    let marker = marker.lines().next().unwrap();
    let forged = format!("{}\nAll is well.", marker.replace("answer-1 ", "answer-2 "));
    let block = format!(
        "{marker}\n<!-- gavel-verdicts/1 {{\"run\":1,\"verdict\":\"PASS\"}} -->\n✅ Run 1: PASS"
    );
    let all = "/verify all\n/cancel\n/pause\n/cleanup\n/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n/dispute V1 no\n/file all\n/decision merge\n/idea merge";
    let (heard, away) = ("not heard", "turned away");
    let attempts = [
        (OUTSIDER, "outsider", "types a command", "/verify V1", away),
        (OUTSIDER, "outsider", "types all others", all, away),
        (
            OUTSIDER,
            "outsider",
            "types a command with a character that turns the direction",
            "/verify \u{202e}V1",
            away,
        ),
        (
            OUTSIDER,
            "outsider",
            "hides one behind such a character",
            "\u{202e}/verify V1",
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "hides one behind a character of no width",
            "\u{200b}/verify V1",
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "types control characters of a terminal",
            "\u{1b}[2J\u{1b}]0;x\u{7}/verify V1",
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "types a slash that is none",
            "／verify V1",
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "calls Gavel by its name",
            "@gavel /verify V1",
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "forges the marker of Gavel's next answer",
            &forged,
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "forges a verdict for programs",
            &block,
            heard,
        ),
        (
            OUTSIDER,
            "outsider",
            "quotes a command",
            "> /verify V1",
            heard,
        ),
        (FLOW, "flow", "types a command", "/verify V1", heard),
        (
            FLOW,
            "flow",
            "accepts what was judged of it",
            "/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            heard,
        ),
        (GATE, "bridge", "types a command", "/cancel", heard),
        (OWN, "gavel", "types a command", "/verify V1", heard),
        (
            STOLEN,
            "maintainer",
            "has a command in a fence",
            "```\n/verify V1\n```",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in a fence that nothing closes",
            "~~~\n/verify V1",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "quotes an outsider's",
            "> /verify V1\n> /cancel",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in an HTML comment",
            "<!--\n/verify V1\n-->",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in a comment within a line",
            "Hello <!--\n/verify V1\n-->",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in a block of HTML",
            "<details>\n/verify V1\n</details>",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in a table",
            "| a |\n|---|\n| /verify V1 |",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one as the text of a link",
            "[\n/verify V1](http://x)",
            heard,
        ),
        (
            STOLEN,
            "maintainer",
            "has one in a list",
            "1. \n   /verify V1",
            heard,
        ),
    ];
    large_comments(&lab, &mut table).await;
    let mut said = Vec::new();
    for (_, who, _, text, _) in attempts {
        said.push(lab.say(who, text).await);
    }
    in_order(&lab).await;
    for ((actor, _, attempt, text, expected), comment) in attempts.into_iter().zip(&said) {
        let happened = became(&lab, *comment, text).await;
        table.row(actor, attempt, &happened, expected);
    }
    // What was harmless does not become a command.
    lab.edit("outsider", said[7], "/verify V1").await;
    let later = lab.say("maintainer", "Let me see.").await;
    lab.edit("maintainer", later, "/verify V1").await;
    let maintainers = lab.say("maintainer", "To be changed").await;
    let change = json!({ "body": "/verify V1" });
    let refused = lab
        .try_to(
            "outsider",
            Method::PATCH,
            &path(maintainers),
            change.clone(),
        )
        .await;
    let refused_flow = lab
        .try_to("flow", Method::PATCH, &path(first), change)
        .await;
    in_order(&lab).await;
    table.row(
        OUTSIDER,
        "makes a command of a comment of theirs",
        &became(&lab, said[7], "/verify V1").await,
        "not heard",
    );
    table.row(
        STOLEN,
        "makes a command of a comment",
        &became(&lab, later, "/verify V1").await,
        "not heard",
    );
    let happened = format!(
        "{refused} by the forge, {}",
        became(&lab, maintainers, "To be changed").await
    );
    table.row(
        OUTSIDER,
        "makes a command of a maintainer's comment",
        &happened,
        "403 by the forge, not heard",
    );
    table.row(
        FLOW,
        "rewrites Gavel's comment",
        &format!("{refused_flow} by the forge"),
        "403 by the forge",
    );

    // Commands elsewhere than on the tracking issue are none.
    let issue = json!({ "title": "/verify V1", "body": "/verify V1" });
    let issue = lab
        .ask(
            "outsider",
            Method::POST,
            &format!("repos/{TRACKING}/issues"),
            Some(issue),
        )
        .await;
    let number = issue["number"].as_u64().unwrap();
    let there = lab
        .say_in(TRACKING, number, "maintainer", "/verify V1")
        .await;
    in_order(&lab).await;
    let happened = became(&lab, there, "/verify V1").await;
    table.row(
        OUTSIDER,
        "opens an issue for commands, and a maintainer types one there",
        &happened,
        "not heard",
    );

    // One who may not is answered once, and nobody else's comment is taken for Gavel's.
    let answered = lab
        .said()
        .await
        .into_iter()
        .filter(|it| it.slot.starts_with("answer-"));
    let mut answered: Vec<String> = answered.map(|it| it.text).collect();
    answered.retain(|text| !text.starts_with("Nothing is running."));
    assert_eq!(answered.len(), 1, "{answered:?}");
    assert!(
        answered[0].starts_with("Sorry, `outsider`: "),
        "{answered:?}"
    );

    // Who may write may rewrite, and is told of.
    let body = lab.get(&path(first)).await["body"]
        .as_str()
        .unwrap()
        .to_owned();
    lab.edit("maintainer", first, "All is well.").await;
    lab.slot("tampered-answer-1-1", "was changed by somebody")
        .await;
    lab.until("the comment as it was", async || {
        (lab.get(&path(first)).await["body"] == body.as_str()).then_some(())
    })
    .await;
    table.row(
        STOLEN,
        "rewrites Gavel's comment",
        "told of, and put right",
        "told of, and put right",
    );
    lab.ask("maintainer", Method::DELETE, &path(first), None)
        .await;
    lab.slot("tampered-answer-1-2", "was deleted by somebody")
        .await;
    first = lab
        .until("the comment, written anew", async || {
            let said = lab.said().await;
            said.iter().find(|it| it.slot == "answer-1").map(|it| it.id)
        })
        .await;
    let anew = lab.get(&path(first)).await["body"] == body.as_str();
    table.row(
        STOLEN,
        "deletes Gavel's comment",
        if anew {
            "told of, and put right"
        } else {
            "told of"
        },
        "told of, and put right",
    );
    nothing_ran(&lab).await;
}

#[tokio::test]
async fn what_a_maintainers_account_cannot_be_made_to_do() {
    let lab = Lab::start().await;
    let mut table = Table::default();
    let pwned = lab.path("pwned").display().to_string();
    let no_item = |typed: &str| {
        let known = "`V1`, `V2`, `V3`, `V4`, `V5`, `V6`, `V7`, `V8`, `V8a`, `V9`";
        format!("`{typed}` is not an item of the plan. Known are {known}.")
    };
    for (attempt, line, expected) in [
        ("a shell's words for an item", format!("/verify V1;touch {pwned}"), no_item("V1;touch")),
        ("a shell's substitution", "/verify $(reboot)".into(), no_item("$(reboot)")),
        ("a path for an item", "/verify ../../etc/passwd".into(), no_item("../../etc/passwd")),
        ("an option for an item", "/verify --upload-pack=reboot".into(), no_item("--upload-pack=reboot")),
        ("an item in other letters", "/verify V\u{ff11}".into(), no_item("V\u{ff11}")),
        ("HTML for an item", "/verify <img/src=x>".into(), no_item("<img/src=x>")),
        ("a mention for an item", "/verify @flow".into(), no_item("@flow")),
        ("the trigger behind a command", "/status !testme".into(), "`/status` stands alone, `!testme` was not expected.".into()),
        ("a shell's words for a finding", "/file F1;reboot".into(), "`/file` expects findings of the latest report, such as `/file F2`, or `/file all`.".into()),
        ("a finding of no number", "/file F99999999999999999999".into(), "`/file` expects findings of the latest report, such as `/file F2`, or `/file all`.".into()),
        ("a finding, twice", "/file F1 F1".into(), "- F1: the latest report has no such finding\n- F1: the latest report has no such finding".into()),
        ("a path for a digest", "/accept V1 ../../../../../../x".into(), "`/accept` expects an item and the digest that seals it, all 64 digits of it, as in `/accept V4 DIGEST`: copy it from where you checked it.".into()),
        ("a word that others have", "/accept V1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(), "Only those whom this installation names as adversaries (`commanders.adversaries`) accept and dispute. `/decision` and `/idea` are for everybody who may give me commands.".into()),
        ("a slip with everything in it", "/verfy\u{202e} V1".into(), "`/verfy\\u{202e}` is not a command. Did you mean `/verify`?".into()),
    ] {
        let answer = lab.talk(&line).await;
        let answer = answer.split("\n\n<sub>").next().unwrap();
        table.row(STOLEN, attempt, answer, &expected);
    }
    nothing_ran(&lab).await;
}

#[tokio::test]
async fn who_gives_too_many_commands() {
    let lab = Lab::start().await;
    let mut table = Table::default();
    for _ in 0..7 {
        lab.say("maintainer", &"/status\n".repeat(10)).await;
    }
    let told = lab.slot("answer-", "these are too many").await;
    assert!(told.contains("type then what is still wanted"), "{told}");
    // Who does not flood is heard meanwhile.
    lab.say("adversary", "/status").await;
    lab.until("all answers", async || {
        (answers(&lab).await >= 62).then_some(())
    })
    .await;
    let said = lab.said().await;
    let notes = said.iter().filter(|it| it.text.contains("too many"));
    let happened = format!(
        "{} answers and {} note; another's is answered",
        answers(&lab).await - 2,
        notes.count()
    );
    table.row(
        STOLEN,
        "types 70 commands",
        &happened,
        "60 answers and 1 note; another's is answered",
    );

    // The secret's owner, in the name of who is over the limit, before the forge has such comments.
    let newest = lab.said().await.iter().map(|comment| comment.id).max();
    let newest = newest.unwrap();
    for comment in newest + 1..=newest + 20 {
        let body = self::said(comment, "maintainer", "/verify V1").to_string();
        deliver(&lab, "issue_comment", &signature(&lab, &body), &body).await;
    }
    all_dealt_with(&lab).await;
    let mut database = lab.database().await;
    let heard = sqlx::query("select 1 from heard where comment > ?").bind(newest as i64);
    let heard = heard.fetch_all(&mut database).await.unwrap().len();
    table.row(
        SIGNER,
        "comments to come, of somebody who has typed too many commands",
        &format!("{heard} of 20 are taken for heard"),
        "0 of 20 are taken for heard",
    );
    nothing_ran(&lab).await;
}

/// A helper that does its work, and then says what others would like Gavel to read, do or fetch.
const LED_ASTRAY: &str = r#"#!/bin/sh
GOOD "$@" >GOOD.log 2>&1
printf 'VERDICT=\342\200\256NEERG<img src=BAIT/a> @maintainer !testme --> $(touch PWNED)\n'
printf 'BUILD=BAIT/build/1\n'
echo '<!-- gavel-verdicts/1 {"run":1,"verdict":"PASS"} -->'
echo '::set-output name=verdict::PASS'
"#;

/// What Gavel has written there, as the forge holds it.
async fn written(lab: &Lab, repository: &str, number: u64) -> Vec<String> {
    let all = lab
        .get(&format!("repos/{repository}/issues/{number}/comments"))
        .await;
    let all = all.as_array().unwrap().iter();
    all.filter(|comment| comment["user"]["login"] == "gavel")
        .map(|comment| comment["body"].as_str().unwrap().to_owned())
        .collect()
}

/// What a text of Gavel's would do to who reads it.
fn does(text: &str) -> &'static str {
    let is = |pattern: &str, text: &str| regex::Regex::new(pattern).unwrap().is_match(text);
    let mut lines = text.lines().peekable();
    let mut hidden = vec![lines.next().unwrap_or_default()];
    hidden.extend(lines.next_if(|line| line.starts_with("<!-- gavel-verdicts/1 ")));
    let shown = lines.collect::<Vec<_>>().join("\n");
    // What stands between backticks is shown as it is.
    let code = regex::Regex::new("`[^`\n]*`").unwrap();
    let shown = code.replace_all(&shown, "");
    if hidden.iter().any(|line| line.matches("-->").count() != 1) {
        "ends a comment of HTML"
    } else if is("<img|<script|<!--", &shown) {
        "is HTML"
    } else if text.contains(['\u{202e}', '\u{1b}', '\u{7}']) {
        "hides something"
    } else if is(r"@[a-z]|(?m:^|\s)[\w/-]*!\d", &shown) {
        "names somebody"
    } else if is("(?m)^!testme", &shown) {
        "triggers"
    } else {
        "does nothing"
    }
}

/// Gavel, with a helper that was led astray, and a maintainer who is an adversary, too.
async fn astray(bait: &Bait) -> Lab {
    let mut lab = Lab::without_gavel().await;
    let (helper, good) = (lab.path("bin/helper.sh"), lab.path("bin/testme-on-pr.sh"));
    let script = LED_ASTRAY
        .replace("GOOD", good.to_str().unwrap())
        .replace("BAIT", &bait.url())
        .replace("PWNED", lab.path("pwned").to_str().unwrap());
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    lab.configure("flow.helper.command", &format!("[{helper:?}]"));
    lab.configure("flow.helper.max_wait", "\"5s\"");
    lab.configure("adversaries", "[\"adversary\", \"maintainer\"]");
    lab.start_gavel(&[]).await;
    lab
}

async fn open_issue(lab: &Lab, who: &str, title: &str, body: &str) -> u64 {
    let path = format!("repos/{TRACKING}/issues");
    let issue = json!({ "title": title, "body": body });
    let issue = lab.ask(who, Method::POST, &path, Some(issue)).await;
    issue["number"].as_u64().unwrap()
}

#[tokio::test]
async fn what_is_read_in_a_run() {
    let bait = Bait::lay();
    let lab = astray(&bait).await;
    let mut table = Table::default();
    let pwned = lab.path("pwned");
    let other = open_issue(&lab, "maintainer", "Another", "Hello").await;
    let hostile = format!(
        "<script>alert(1)</script> <img src={0}/b> ![x]({0}/c) @outsider !testme !{other} {TRACKING}!{other} --> <!-- gavel:run-1-report --> \u{202e}\u{1b}[2J $(touch {1}) `touch {1}`",
        bait.url(),
        pwned.display()
    );
    lab.talk(&format!("/decision {hostile}")).await;
    let long = "@outsider <b> ".repeat(20_000);
    let long_idea = lab.say("maintainer", &format!("/idea {long}")).await;
    lab.answers(TRACKING, 1, long_idea, 1).await;
    let path = format!("repos/{TRACKING}/issues/comments/{long_idea}");
    lab.ask("maintainer", Method::DELETE, &path, None).await;

    // The flow words its own findings, before there are any: the marker can be read in each of Gavel's comments.
    let known = written(&lab, TRACKING, 1).await.remove(0);
    let marker = known.lines().next().unwrap();
    let mut forged = Vec::new();
    for clause in ["V2.3", "V2.4", "V2.5", "V2.6", "V2.7"] {
        let marker = marker.replace("gavel:answer-1 ", &format!("gavel:finding-{clause} "));
        let body = format!("{marker}\nNothing to see.");
        forged.push(open_issue(&lab, "flow", "All is well", &body).await);
    }

    lab.say("maintainer", "/verify V2").await;
    let pull = lab
        .until("an introduced pull request", async || {
            let (number, _) = *lab.pulls().await.first()?;
            let said = lab.comments(MIRROR, number).await;
            said.iter()
                .any(|it| it.slot.starts_with("opened-"))
                .then_some(number)
        })
        .await;
    let result = "<!-- cc-ci:testme -->\n**cc-ci** failed on build 999";
    lab.say_in(MIRROR, pull, "outsider", result).await;
    let lines = "VERDICT=RED\nBUILD=http://evil.example/1";
    lab.say_in(MIRROR, pull, "outsider", lines).await;
    let order = lab.say_in(MIRROR, pull, "maintainer", "/cancel").await;
    let answer = lab.answers(MIRROR, pull, order, 1).await.remove(0);
    let answer = answer.split(" on the ").next().unwrap();
    table.row(
        STOLEN,
        "ends a run from its pull request",
        answer,
        "That belongs",
    );
    let run = lab.ended(1).await;
    let verdict = |item: &str| run["items"][item]["verdict"].as_str().unwrap();
    table.row(
        OUTSIDER,
        "forges the gate's result in a pull request of the run",
        verdict("V1"),
        "PASS",
    );
    table.row(
        ASTRAY,
        "prints PASS in other words, and a verdict that is none",
        verdict("V2"),
        "FAIL",
    );
    let of_build = run["items"]["V2"]["clauses"]["V2.6"].as_str().unwrap();
    table.row(
        ASTRAY,
        "names a build at an address of its choice",
        of_build,
        "FAIL",
    );

    let evidence = lab.file("/runs/1/evidence.json").await;
    let evidence: Value = serde_json::from_slice(&evidence).unwrap();
    let attempts = evidence["attempts"].as_array().unwrap();
    let of_v1 = attempts.iter().find(|attempt| attempt["item"] == "V1");
    let head = of_v1.unwrap()["chain_head"].as_str().unwrap();
    let answer = lab.talk(&format!("/accept V1 {}", head)).await;
    let refused = "You asked for run 1 yourself, and nobody accepts a run of their own. Somebody else has to check V1.";
    table.row(STOLEN, "accepts a run that it asked for", &answer, refused);
    lab.talk(&format!("/dispute V1 {hostile}")).await;
    lab.slot("run-1-report", "✋").await;

    let first = lab.talk("/file all").await;
    let again = lab.talk("/file all").await;
    let findings = run["findings"].as_array().unwrap().len();
    assert!(findings >= 3, "{run:#}");
    let counts = [first.matches("[filed]"), again.matches("[is on file]")].map(Iterator::count);
    let happened = match counts == [findings; 2] {
        true => "one issue for each",
        false => first.as_str(),
    };
    table.row(
        STOLEN,
        "files all findings, twice",
        happened,
        "one issue for each",
    );
    let issues = lab
        .get(&format!(
            "repos/{TRACKING}/issues?state=all&type=issues&limit=50"
        ))
        .await;
    let issues = issues.as_array().unwrap().iter();
    let filed: Vec<&Value> = issues.filter(|it| it["user"]["login"] == "gavel").collect();
    let happened = match filed.len() == findings {
        true => "Gavel opens its own",
        false => "Gavel takes them for its own",
    };
    table.row(
        FLOW,
        "opens the issues of its findings beforehand, with Gavel's marker",
        happened,
        "Gavel opens its own",
    );
    let mut happened = "does nothing";
    for issue in &filed {
        let title = issue["title"].as_str().unwrap();
        // A title is shown as it is: nothing in it is Markdown.
        if title.contains(['\u{202e}', '\u{1b}']) || title.contains("@maintainer") {
            happened = "hides something, or names somebody";
        }
        match does(issue["body"].as_str().unwrap()) {
            "does nothing" => {}
            other => happened = other,
        }
    }
    table.row(
        ASTRAY,
        "has its words in an issue of Gavel's",
        happened,
        "does nothing",
    );

    let mut told = [0, 0];
    for text in written(&lab, TRACKING, 1).await {
        assert_eq!(does(&text), "does nothing", "{text}");
        told[0] += text.matches("NEERG").count();
        told[1] += text.matches("alert(1)").count();
    }
    assert!(told[0] > 0 && told[1] > 1, "it was not shown: {told:?}");
    let nothing = "does nothing";
    table.row(
        ASTRAY,
        "has its words in verdict and report",
        nothing,
        nothing,
    );
    table.row(
        STOLEN,
        "decides and disputes with HTML, mentions, markers and triggers",
        nothing,
        nothing,
    );
    let timeline = lab
        .get(&format!("repos/{TRACKING}/issues/{other}/timeline"))
        .await;
    let by_gavel = timeline.as_array().unwrap().iter();
    let by_gavel = by_gavel.filter(|entry| entry["user"]["login"] == "gavel");
    let happened = match by_gavel.count() {
        0 => "nothing is told there",
        _ => "it is told there",
    };
    table.row(
        STOLEN,
        "has Gavel name another issue",
        happened,
        "nothing is told there",
    );

    let mut happened = "shown as text";
    for page in ["/", "/runs/1", "/runs/1/V1/1", "/runs/1/V2/1"] {
        let page = String::from_utf8(lab.file(page).await).unwrap();
        if page.contains("<img") || page.contains("<script") || page.contains("\u{202e}") {
            happened = "part of the page";
        }
    }
    table.row(
        ASTRAY,
        "has HTML on a page of Gavel's",
        happened,
        "shown as text",
    );
    let report = lab.file("/runs/1/REVIEW-5.md").await;
    let report = String::from_utf8(report).unwrap();
    let idea = report
        .lines()
        .find(|line| line.contains("<b>") || line.contains("&lt;b>"));
    let answer = lab.answers(TRACKING, 1, long_idea, 1).await.remove(0);
    let happened = match idea {
        None if answer.contains("nothing of it was taken") => "refused",
        None => "lost",
        Some(_) => "taken",
    };
    table.row(
        STOLEN,
        "has an idea of 280 000 characters",
        happened,
        "refused",
    );
    table.row(
        ASTRAY,
        "addresses for Gavel to fetch, in all of it",
        bait.happened(),
        "nobody looked there",
    );
    let happened = if pwned.exists() { "run" } else { "text" };
    table.row(ASTRAY, "a shell's words, in all of it", happened, "text");
    lab.assert_clean().await;
}
