//! Whatever is delivered, by whoever knows the secret and whoever does not.

use super::*;
use crate::fuzz::{LONGEST, RUNS, text};
use crate::server::delivery::{Delivery, Refusal, read};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "issue_comment\n", "issues\n", "pull_request\n", "push\n", "status\n", "create\n", "{\"action\":\"created\",", "\"action\":\"edited\",", "\"action\":", "\"issue\":{\"number\":1},",
    "\"comment\":{\"id\":42,\"body\":\"/verify V1\",\"user\":{\"login\":\"maintainer\"}},", "\"repository\":{\"full_name\":\"maintainers/verification\"},",
    "\"sender\":{\"login\":\"outsider\"}}", "\"pull_request\":{\"number\":3},", "\"ref\":\"refs/heads/main\",", "\"after\":\"00\",", "\"sha\":\"00\",", "\"context\":\"cc-ci/testme\",", "\"state\":\"success\",",
    "\"id\":", "\"body\":", "\"login\":", "\"full_name\":", "\"number\":", "18446744073709551615", "-1", "1e400", "null", "true", "[", "]", "{", "}", ",", ":", "\"", "\\u0000", "\\ud800", "\\\"",
    "../..", "a/b", "/", "\n/status\n", "\u{feff}", "ü", " ",
];

fn headers(event: &str, signature: Option<&str>, content_type: &str) -> HeaderMap {
    let all = [
        ("x-gitea-event", Some(event)),
        ("x-gitea-signature", signature),
        ("content-type", Some(content_type)),
    ];
    let all = all.into_iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_str(value?).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    all.collect()
}

#[test]
fn fuzz() {
    const JSON: &str = "application/json";
    let secrets = [SECRET.into()];
    bolero::check!(name = "deliveries")
        .with_iterations(RUNS)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            // The event stands in the first line, the body behind it.
            let input = text(input, WORDS);
            let (event, body) = input.split_once('\n').unwrap_or((&input, ""));
            let (event, body) = (event.trim(), body.as_bytes());
            let right = sign(body);

            // Who does not know the secret has the signature of something else, a part of one, or what they make up.
            let longer = format!("{right}00");
            let turned: String = right.chars().rev().collect();
            let of_more = sign(&[body, b" "].concat());
            for wrong in [
                None,
                Some(""),
                Some(event),
                Some(&right[..62]),
                Some(&longer),
                Some(&turned),
                Some(&of_more),
            ] {
                // In capitals it is the same one; who is guided by what is compared makes it up.
                if wrong.is_some_and(|wrong| wrong.eq_ignore_ascii_case(&right)) {
                    continue;
                }
                let refused = read(&headers(event, wrong, JSON), body, &secrets)
                    .expect_err("it is not signed");
                assert!(matches!(
                    refused,
                    Refusal::Unsigned | Refusal::WrongSignature
                ));
            }
            let plain = read(&headers(event, Some(&right), "text/plain"), body, &secrets);
            assert!(matches!(plain, Err(Refusal::ContentType)));

            let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
            let json: Option<Value> = serde_json::from_slice(body).ok();
            match read(&headers(event, Some(&right), JSON), body, &secrets) {
                Err(refusal) => {
                    assert!(!matches!(
                        refusal,
                        Refusal::Unsigned | Refusal::WrongSignature | Refusal::ContentType
                    ));
                    assert_eq!(refusal == Refusal::NotJson, !is_json);
                }
                Ok(delivery) => {
                    assert!(is_json);
                    // What nobody reads may be too deep or too large for a tree.
                    if let Some(json) = json {
                        says_what_stands_there(delivery, event, &json);
                    }
                }
            }
        });
}

/// Nothing is made up: a comment is one that was just written, and every word of it stands in the body.
fn says_what_stands_there(delivery: Delivery, event: &str, json: &Value) {
    let at = |path: &str| json.pointer(path).cloned().unwrap_or_default();
    let repository = match delivery {
        Delivery::Comment(comment) => {
            assert_eq!((event, at("/action")), ("issue_comment", json!("created")));
            assert_eq!(at("/issue/number"), json!(comment.issue));
            assert_eq!(at("/comment/id"), json!(comment.id));
            assert_eq!(at("/comment/body"), json!(comment.body));
            assert_eq!(at("/comment/user/login"), json!(comment.account));
            comment.repository
        }
        Delivery::Touched {
            event: touched,
            comment,
            by,
        } => {
            assert_eq!((event, touched.kind.as_str()), ("issue_comment", event));
            assert_ne!(at("/action"), json!("created"));
            assert_eq!(at("/comment/id"), json!(comment));
            assert_eq!(at("/sender/login"), json!(by));
            touched.repository
        }
        Delivery::Event(known) => {
            assert_eq!(known.kind, event);
            known.repository
        }
        Delivery::Unknown => {
            assert!(
                !["issue_comment", "issues", "pull_request", "push", "status"].contains(&event)
            );
            return;
        }
    };
    assert_eq!(at("/repository/full_name"), json!(repository));
    let mut parts = repository.split('/');
    assert!(parts.clone().count() == 2 && parts.all(|part| !part.is_empty() && part != ".."));
}
