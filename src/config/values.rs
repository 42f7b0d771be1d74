//! What a single value of the configuration may be.

use super::reader::Place;
use std::{str::FromStr, time::Duration};
use url::Url;

/// Longer than anything that is waited for.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A span of time such as `"30s"`, greater than zero.
pub fn duration(place: &Place) -> Option<Duration> {
    let text = place.text()?;
    let Ok(parsed) = text.parse::<jiff::SignedDuration>() else {
        return place.wrong(format!(
            "{text:?} is not a duration: a number and `ms`, `s`, `m` or `h` are expected"
        ));
    };
    match Duration::try_from(parsed) {
        Ok(duration) if duration.is_zero() => {
            place.wrong("a duration greater than zero is expected")
        }
        Ok(duration) if duration > LONGEST => {
            place.wrong(format!("{text:?} is longer than 30 days"))
        }
        Ok(duration) => Some(duration),
        Err(_) => place.wrong(format!("{text:?} is negative")),
    }
}

/// A number of bytes such as `"8GiB"`, at least as many as `least`.
pub fn bytes(place: &Place, least: u64) -> Option<u64> {
    let text = place.text()?;
    let units = [("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let counted = units.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes)
    });
    match counted {
        None => place.wrong(format!(
            "{text:?} is no amount of memory: a whole number and `MiB`, `GiB` or `TiB` are expected"
        )),
        Some(bytes) if bytes < least => {
            place.wrong(format!("{text:?} is less than {} MiB", least >> 20))
        }
        bytes => bytes,
    }
}

/// An address on the web: http or https, with a host, and nothing secret in it.
pub fn web_address(place: &Place) -> Option<Url> {
    let text = place.text()?;
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return place.wrong(format!("{text:?} is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return place.wrong(format!("{text:?} is not a URL of http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return place.wrong("this URL holds a user or a password, which belong into a token file");
    }
    if url.fragment().is_some() {
        return place.wrong(format!("{text:?} has a fragment (`#`)"));
    }
    Some(url)
}

/// The address under which a server's paths begin: without a query.
pub fn base(place: &Place) -> Option<Url> {
    let url = web_address(place)?;
    if url.query().is_some() {
        return place.wrong(format!("{url} has a query (`?`)"));
    }
    Some(url)
}

/// An address with places in it, such as `{build}`, for what is known only when it is used.
pub fn address_with(place: &Place, parts: &[&str]) -> Option<String> {
    let text = place.text()?;
    if let Some(part) = parts.iter().find(|part| !text.contains(**part)) {
        return place.wrong(format!("`{part}` is missing in it"));
    }
    web_address(place)?;
    Some(text.to_owned())
}

pub fn regex(place: &Place) -> Option<regex::Regex> {
    let text = place.text()?;
    match regex::Regex::new(text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            // The last line says what is wrong, those above draw it.
            let why = error
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            place.wrong(format!("{text:?} is not a regular expression: {why}"))
        }
    }
}

/// A regular expression with these groups, by name.
pub fn regex_with(place: &Place, groups: &[&str]) -> Option<regex::Regex> {
    let regex = regex(place)?;
    let has = |group: &&&str| regex.capture_names().flatten().any(|name| name == **group);
    match groups.iter().find(|group| !has(group)) {
        None => Some(regex),
        Some(group) => place.wrong(format!("it has no group `(?<{group}>…)`")),
    }
}

/// A path within a repository.
pub fn path_within(place: &Place) -> Option<String> {
    let text = line(place)?;
    if text.is_empty() || text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return place.wrong(format!("{text:?} leads out of the repository"));
    }
    Some(text)
}

/// A pattern of paths: `*` within a folder, `**` through all below.
pub fn glob(place: &Place) -> Option<String> {
    let text = path_within(place)?;
    match globset::Glob::new(&text) {
        Ok(_) => Some(text),
        Err(error) => place.wrong(format!(
            "{text:?} is not a pattern of paths: {}",
            error.kind()
        )),
    }
}

/// A name of one of the types of [`super::names`], or anything else that says itself what is wrong.
pub fn parsed<T: FromStr<Err: std::fmt::Display>>(place: &Place) -> Option<T> {
    let text = place.text()?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => place.wrong(error.to_string()),
    }
}

/// A text of one line with nothing around it.
pub fn line(place: &Place) -> Option<String> {
    let text = place.text()?;
    if text.trim() != text || text.chars().any(char::is_control) {
        return place.wrong("a text of one line is expected, without space around it");
    }
    Some(text.to_owned())
}

/// The name of a branch, by the rules of git that matter here.
pub fn branch(place: &Place) -> Option<String> {
    let text = line(place)?;
    let illegal =
        |c: char| c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    if text.contains(illegal)
        || text.contains("..")
        || text.starts_with(['-', '/'])
        || text.ends_with(['/', '.'])
    {
        return place.wrong(format!("{text:?} cannot be the name of a branch"));
    }
    Some(text)
}

/// The name of a branch with a place in it, which stands for `what`.
pub fn branch_with(place: &Place, part: &str, what: &str) -> Option<String> {
    let text = branch(place)?;
    if text.contains(part) {
        return Some(text);
    }
    place.wrong(format!(
        "`{part}` is missing in it, which stands for {what}"
    ))
}

/// The name of a tmux session: tmux gives `:` and `.` another meaning, and a target another to what is around it.
pub fn session(place: &Place) -> Option<String> {
    let text = line(place)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.starts_with('-') || !text.chars().all(legal) {
        return place.wrong(format!(
            "{text:?} is not a name of letters, digits, `-` and `_`"
        ));
    }
    Some(text)
}

/// The name of an environment variable, as a value.
pub fn variable(place: &Place) -> Option<String> {
    let text = place.text()?;
    if is_variable(text) {
        return Some(text.to_owned());
    }
    place.wrong(format!(
        "{text:?} is not the name of an environment variable"
    ))
}

/// The name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
