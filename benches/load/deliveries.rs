//! What is delivered: as a real Gitea delivered it, signed with the benchmark's secret; every second one a command on the tracking issue.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::Path;

/// As `webhook.json` has it.
pub const SECRET: &str = "a-secret-of-the-benchmark";
pub const TRACKING: &str = "maintainers/verification";
/// So many people take turns.
pub const PEOPLE: u64 = 1000;
/// What each command of the load says.
pub const LINE: &str = "/verify V1 dry-run";

/// Stands for the comment's id in the body that was recorded.
const ID: &str = "7000000000001";
const LOGIN: &str = "somebody-of-the-benchmark";

/// Who typed a comment.
pub fn account(comment: u64) -> String {
    format!("person-{}", comment % PEOPLE)
}

/// A request, as it goes over the wire.
pub struct Delivery(Vec<u8>);

impl Delivery {
    pub fn request(&self) -> &[u8] {
        &self.0
    }
}

/// Everything that can be delivered.
pub struct Deliveries {
    comment: String,
    others: Vec<Delivery>,
}

impl Deliveries {
    pub fn recorded() -> Result<Self, String> {
        let mut comment = recorded("004-issue_comment-created")?;
        comment["comment"]["id"] = json!(ID.parse::<u64>().unwrap_or_default());
        comment["comment"]["body"] = json!(LINE);
        comment["comment"]["user"]["login"] = json!(LOGIN);
        comment["sender"]["login"] = json!(LOGIN);
        comment["issue"]["number"] = json!(1);
        comment["repository"]["full_name"] = json!(TRACKING);
        let others = [
            ("push", "012-push-main"),
            ("status", "014-status-success"),
            ("pull_request", "007-pull_request-opened"),
            ("issues", "001-issues-opened"),
        ];
        let others = others.map(|(event, name)| Ok(signed(event, recorded(name)?.to_string())));
        Ok(Self {
            comment: comment.to_string(),
            others: others.into_iter().collect::<Result<_, String>>()?,
        })
    }

    /// A comment on the tracking issue that says this.
    pub fn said(&self, comment: u64, line: &str) -> Delivery {
        let body = self.comment.replace(ID, &comment.to_string());
        let body = body.replace(LOGIN, &account(comment));
        signed("issue_comment", body.replace(LINE, line))
    }

    /// Something that is no command.
    pub fn other(&self, number: u64) -> &Delivery {
        &self.others[usize::try_from(number).unwrap_or_default() % self.others.len()]
    }
}

fn recorded(name: &str) -> Result<Value, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings/gitea-1.25.4/hooks")
        .join(format!("{name}.json"));
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text);
    let text =
        std::fs::read(&file).map_err(|error| format!("reading {}: {error}", file.display()))?;
    let delivery = read(&text).map_err(|error| format!("reading {}: {error}", file.display()))?;
    let body = delivery["raw_body"].as_str().unwrap_or_default();
    read(body.as_bytes())
        .map_err(|error| format!("reading the body in {}: {error}", file.display()))
}

fn signed(event: &'static str, body: String) -> Delivery {
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let head = format!(
        "POST /hooks/gitea HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         x-gitea-event: {event}\r\nx-gitea-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Delivery([head.into_bytes(), body.into_bytes()].concat())
}
