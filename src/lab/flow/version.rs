//! Which version is newer, and what of a recipe says its version. Pure.

use crate::lab::faults::Faults;
use anyhow::{Context, Result};
use regex::Regex;
use std::sync::LazyLock;

/// A tag that is a version: its numbers, and what stands around them. Only tags of one shape can be compared.
#[derive(PartialEq, Eq)]
struct Version<'a> {
    before: &'a str,
    numbers: Vec<u64>,
    after: &'a str,
}

impl Version<'_> {
    fn parse(tag: &str) -> Option<Version<'_>> {
        let start = tag.find(|c: char| c.is_ascii_digit())?;
        let (before, rest) = tag.split_at(start);
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (numbers, after) = rest.split_at(end);
        let numbers = numbers
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        Some(Version {
            before,
            numbers,
            after,
        })
    }

    fn has_shape_of(&self, other: &Version<'_>) -> bool {
        self.before == other.before
            && self.after == other.after
            && self.numbers.len() == other.numbers.len()
    }
}

/// How a version is chosen among those that are newer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// As it is meant.
    Newest,
    /// As strings are sorted.
    Lexical,
    /// One step after another.
    Next,
    /// Whatever stands behind the numbers.
    AnySuffix,
}

impl Choice {
    pub fn of(faults: &Faults) -> Choice {
        if faults.has("skill-picks-lexically-newest") {
            Choice::Lexical
        } else if faults.has("skill-picks-the-next") {
            Choice::Next
        } else if faults.has("skill-picks-prerelease") {
            Choice::AnySuffix
        } else {
            Choice::Newest
        }
    }
}

/// The newest of the tags that have the shape of the one in use; `None` where that is the newest itself.
pub fn newer<'a>(tags: &'a [String], current: &str, choice: Choice) -> Option<&'a str> {
    let used = Version::parse(current)?;
    let may = |version: &Version<'_>| {
        version.has_shape_of(&used)
            || choice == Choice::AnySuffix && version.numbers.len() == used.numbers.len()
    };
    let newer = tags
        .iter()
        .filter_map(|tag| Some((tag, Version::parse(tag)?)))
        .filter(|(_, version)| may(version) && version.numbers > used.numbers);
    let chosen = match choice {
        Choice::Newest | Choice::AnySuffix => {
            newer.max_by(|(_, one), (_, other)| one.numbers.cmp(&other.numbers))
        }
        Choice::Next => newer.min_by(|(_, one), (_, other)| one.numbers.cmp(&other.numbers)),
        Choice::Lexical => newer.max_by_key(|(tag, _)| *tag),
    };
    chosen.map(|(tag, _)| tag.as_str())
}

static IMAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^(\s*image:\s*)(\S+):([^\s:]+)\s*$").expect("it is a regex"));
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(coop-cloud\.\$\{STACK_NAME\}\.version=)(\d+)\.(\d+)\.(\d+)\+([^\s\x22]+)")
        .expect("it is a regex")
});

/// The image that a compose file deploys, and its tag.
pub fn image(compose: &str) -> Result<(&str, &str)> {
    let found = IMAGE
        .captures(compose)
        .context("compose.yml names no image with a tag")?;
    let part = |i: usize| found.get(i).map_or("", |part| part.as_str());
    Ok((part(2), part(3)))
}

/// The compose file with another tag of its image, and the version label that goes with it.
pub fn bump(compose: &str, tag: &str) -> Result<(String, String)> {
    let found = LABEL
        .captures(compose)
        .context("compose.yml has no version label")?;
    let minor: u64 = found[3]
        .parse()
        .context("the version label's minor part is no number")?;
    let label = format!("{}.{}.0+{tag}", &found[2], minor + 1);
    let imaged = IMAGE.replace(compose, |found: &regex::Captures<'_>| {
        format!("{}{}:{tag}", &found[1], &found[2])
    });
    let labelled = LABEL.replace(&imaged, |found: &regex::Captures<'_>| {
        format!("{}{label}", &found[1])
    });
    Ok((labelled.into_owned(), label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_newest_is_of_the_same_shape() {
        let listed = tags(&[
            "1.4.0",
            "1.10.0",
            "1.9.0",
            "2",
            "1.11",
            "latest",
            "1.12.0-rc1",
            "1.12.0-alpine",
        ]);
        assert_eq!(newer(&listed, "1.4.0", Choice::Newest), Some("1.10.0"));
        assert_eq!(newer(&listed, "1.10.0", Choice::Newest), None);
        for (choice, chosen) in [
            (Choice::Lexical, "1.9.0"),
            (Choice::Next, "1.9.0"),
            (Choice::AnySuffix, "1.12.0-alpine"),
        ] {
            assert_eq!(newer(&listed, "1.4.0", choice), Some(chosen));
        }
        assert_eq!(
            newer(&listed, "1.0.0-alpine", Choice::Newest),
            Some("1.12.0-alpine")
        );
        assert_eq!(newer(&listed, "latest", Choice::Newest), None);
        assert_eq!(
            newer(&tags(&["v2", "v10"]), "v1", Choice::Newest),
            Some("v10")
        );
    }

    #[test]
    fn image_and_label_go_up_together() {
        let compose = "services:\n  app:\n    image: lab/plain:1.4.0\n    deploy:\n      labels:\n        - \"coop-cloud.${STACK_NAME}.version=1.0.2+1.4.0\"\n";
        assert_eq!(image(compose).unwrap(), ("lab/plain", "1.4.0"));
        let (bumped, label) = bump(compose, "1.5.0").unwrap();
        assert_eq!(label, "1.1.0+1.5.0");
        assert_eq!(image(&bumped).unwrap(), ("lab/plain", "1.5.0"));
        assert!(bumped.contains("version=1.1.0+1.5.0\""), "{bumped}");
    }
}
