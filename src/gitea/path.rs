//! Paths of the API, with every part escaped.

use crate::config::Repository;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{Display, Write};

/// All but the characters that mean themselves everywhere in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One part of a path, or one value of a query.
pub fn part(text: impl Display) -> String {
    utf8_percent_encode(&text.to_string(), ESCAPED).to_string()
}

/// A name that the API takes as the rest of the path, its slashes as they are: a branch, a file.
pub fn rest(text: &str) -> String {
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// `repos/{owner}/{name}`.
pub fn repository(repository: &Repository) -> String {
    format!(
        "repos/{}/{}",
        part(repository.owner()),
        part(repository.name())
    )
}

/// `path` with a query.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut whole = path.to_owned();
    for (i, (name, value)) in query.iter().enumerate() {
        let before = if i == 0 && !path.contains('?') {
            '?'
        } else {
            '&'
        };
        // Writing to a String does not fail.
        let _ = write!(whole, "{before}{name}={}", part(value));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_part() {
        assert_eq!(part("a/b?c#d e%2f"), "a%2Fb%3Fc%23d%20e%252f");
        assert_eq!(
            rest("upgrade/1.1.0+2.39.0 ü"),
            "upgrade/1.1.0%2B2.39.0%20%C3%BC"
        );
        assert_eq!(
            with_query("pulls", &[("state", "all"), ("q", "a&b")]),
            "pulls?state=all&q=a%26b"
        );
        assert_eq!(
            with_query("pulls?state=all", &[("page", "2")]),
            "pulls?state=all&page=2"
        );
    }
}
