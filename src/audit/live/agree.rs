//! Whether two values agree, of which the one of then may have lost secrets.

use crate::redact::{REDACTED, Redactor};
use serde_json::Value;

/// How a value of now compares with the one of then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    Same,
    /// Where the two differ, a secret was taken out that this audit does not know: nobody can tell whether it is the same.
    Untold,
    Other,
}

/// Compares a value of now, as it came, with what is on record. What was taken out as a secret agrees with nothing but what is taken out
/// of the answer of now in the same way.
pub fn agree(then: &Value, now: &Value, redactor: &Redactor) -> Agreement {
    if then == now {
        return Agreement::Same;
    }
    let (then, now) = (redactor.json(then), redactor.json(now));
    match then == now {
        true => Agreement::Same,
        false => beside(&then, &now),
    }
}

/// Whether all differences of two values are where a secret was taken out.
fn beside(then: &Value, now: &Value) -> Agreement {
    match (then, now) {
        (then, now) if then == now => Agreement::Same,
        (Value::String(then), Value::String(now)) if has_place(then, now) => Agreement::Untold,
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            let pairs = then.iter().zip(now);
            let worst = pairs.map(|(then, now)| beside(then, now)).max();
            worst.unwrap_or(Agreement::Same)
        }
        (Value::Object(then), Value::Object(now)) if then.len() == now.len() => {
            let of = |(key, then)| {
                now.get(key)
                    .map_or(Agreement::Other, |now| beside(then, now))
            };
            then.iter().map(of).max().unwrap_or(Agreement::Same)
        }
        _ => Agreement::Other,
    }
}

/// Whether a text holds what was left of another one when secrets were taken out, in its order, from its start to its end.
fn has_place(redacted: &str, whole: &str) -> bool {
    let Some((first, rest)) = redacted.split_once(REDACTED) else {
        return false;
    };
    let Some(mut left) = whole.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split(REDACTED).peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_taken_out_agrees_with_what_is_taken_out_now_and_with_nothing_else() {
        let redactor = Redactor::new([]);
        let of = |then: Value, now: Value| agree(&then, &now, &redactor);
        for (then, now, expected) in [
            ("a token=[redacted] b", "a token=s3cret b", Agreement::Same),
            ("a token=[redacted] b", "a token=other b", Agreement::Same),
            ("a token=[redacted] b", "a token=s3cret c", Agreement::Other),
            ("a token=[redacted] b", "x token=s3cret b", Agreement::Other),
            ("[redacted]", "all of it failed", Agreement::Untold),
            (
                "it [redacted] failed",
                "it all passed and failed",
                Agreement::Untold,
            ),
            ("it [redacted] failed", "it all passed", Agreement::Other),
            (
                "[redacted] and [redacted].",
                "one and two and three.",
                Agreement::Untold,
            ),
            (
                "[redacted] and [redacted].",
                "one or two.",
                Agreement::Other,
            ),
            ("plain", "other", Agreement::Other),
        ] {
            assert_eq!(of(then.into(), now.into()), expected, "{then} / {now}");
        }
        let params = |token: &str, head: &str| json!({ "TOKEN": token, "REF": head });
        let kept = params("[redacted]", "a");
        assert_eq!(of(kept.clone(), params("x", "a")), Agreement::Same);
        assert_eq!(of(kept.clone(), params("x", "b")), Agreement::Other);
        assert_eq!(of(kept, json!({ "REF": "a" })), Agreement::Other);
        let list = of(json!(["[redacted]", "b"]), json!(["a", "c"]));
        assert_eq!(list, Agreement::Other);
    }
}
