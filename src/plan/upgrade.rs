//! What an upgrade is: which version there is to go to, and whether one compose file is another one upgraded. Pure.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The service by whose image a recipe is versioned.
const APP: &str = "app";
/// What the version label ends with; its beginning is the stack's name.
const VERSION: &str = ".version";
const LABELS: &str = "coop-cloud.";

/// What of a compose file an upgrade is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    pub services: BTreeMap<String, Service>,
}

/// One service of a compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The image without its tag.
    pub image: String,
    /// Empty where none is named.
    pub tag: String,
    /// What is deployed, whatever the tag says; empty where none is named.
    pub digest: String,
    /// Of its deploy, where abra and the backup look.
    pub labels: BTreeMap<String, String>,
    /// Of its containers.
    pub container_labels: BTreeMap<String, String>,
    /// As it stands there, but for the time that the service gets to start; empty where there is none.
    pub healthcheck: String,
}

/// The version label of a recipe: its own version, and that of its app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub recipe: Vec<u64>,
    pub app: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    services: BTreeMap<String, RawService>,
}

#[derive(Deserialize)]
struct RawService {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    deploy: Option<Deploy>,
    #[serde(default)]
    healthcheck: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Deploy {
    #[serde(default)]
    labels: Option<Labels>,
}

/// Both forms are legal.
#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    List(Vec<String>),
    Map(BTreeMap<String, serde_json::Value>),
}

impl Compose {
    /// Reads what `compose.yml` says.
    pub fn read(text: &str) -> Result<Compose, String> {
        let compose = Compose::read_part(text)?;
        if compose.services.is_empty() {
            return Err("this is no compose file: it names no services".into());
        }
        Ok(compose)
    }

    /// Reads a file that is merged with others, and need not name a service itself.
    pub fn read_part(text: &str) -> Result<Compose, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| {
            let error = error.to_string();
            let line = error.lines().next().unwrap_or_default();
            format!("this is no compose file: {line}")
        })?;
        let services = file.services.into_iter().map(|(name, raw)| {
            let (image, tag, digest) = split(raw.image.as_deref().unwrap_or_default());
            let read = |labels: Option<Labels>| labels.into_iter().flat_map(entries).collect();
            let service = Service {
                image,
                tag,
                digest,
                labels: read(raw.deploy.and_then(|deploy| deploy.labels)),
                container_labels: read(raw.labels),
                healthcheck: raw.healthcheck.map_or_else(String::new, checked),
            };
            (name, service)
        });
        Ok(Compose {
            services: services.collect(),
        })
    }

    /// This one with another merged over it, as Docker merges them: what the other one says counts, label by label.
    pub fn with(mut self, over: Compose) -> Compose {
        for (name, said) in over.services {
            match self.services.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(said);
                }
                Entry::Occupied(mut place) => place.get_mut().take_over(said),
            }
        }
        self
    }

    /// The service that the recipe is versioned by: `app`, or the only one.
    pub fn app(&self) -> Option<&Service> {
        let only = self
            .services
            .values()
            .next()
            .filter(|_| self.services.len() == 1);
        self.services.get(APP).or(only)
    }

    /// The recipe's version label: a deploy's, or a container's where no deploy has one.
    pub fn label(&self) -> Result<Label, String> {
        let mut found = versions(self.services.values().map(|service| &service.labels));
        if found.is_empty() {
            found = versions(
                self.services
                    .values()
                    .map(|service| &service.container_labels),
            );
        }
        found.dedup();
        match found[..] {
            [one] => one.parse(),
            [] => Err(format!("no label `{LABELS}…{VERSION}`")),
            _ => Err(format!("several labels `{LABELS}…{VERSION}`")),
        }
    }

    /// Whether the version label stands where abra looks for it.
    fn is_label_a_deploys(&self) -> bool {
        let labels = self.services.values().map(|service| &service.labels);
        !versions(labels).is_empty()
    }
}

impl Service {
    /// What another file says of it counts.
    fn take_over(&mut self, said: Service) {
        if !said.image.is_empty() {
            (self.image, self.tag, self.digest) = (said.image, said.tag, said.digest);
        }
        self.labels.extend(said.labels);
        self.container_labels.extend(said.container_labels);
        if !said.healthcheck.is_empty() {
            self.healthcheck = said.healthcheck;
        }
    }
}

/// What the version labels among these say.
fn versions<'a>(all: impl Iterator<Item = &'a BTreeMap<String, String>>) -> Vec<&'a str> {
    all.flatten()
        .filter(|(key, _)| key.starts_with(LABELS) && key.ends_with(VERSION))
        .map(|(_, value)| value.as_str())
        .collect()
}

impl std::str::FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Label, String> {
        let wrong = || format!("the version label `{text}` is not `<recipe's>+<app's>`");
        let (recipe, app) = text.split_once('+').ok_or_else(wrong)?;
        // The next version of one that is as high as a number goes could not be said.
        let part = |part: &str| part.parse::<u32>().ok().map(u64::from);
        let parts: Option<Vec<u64>> = recipe.split('.').map(part).collect();
        let recipe = parts.filter(|parts| parts.len() == 3).ok_or_else(wrong)?;
        Ok(Label {
            recipe,
            app: app.to_owned(),
        })
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.recipe.iter().map(ToString::to_string).collect();
        write!(f, "{}+{}", parts.join("."), self.app)
    }
}

/// More time to start takes nothing from what is checked.
fn checked(mut healthcheck: serde_json::Value) -> String {
    if let Some(entries) = healthcheck.as_object_mut() {
        entries.shift_remove("start_period");
    }
    healthcheck.to_string()
}

/// Image, tag and digest.
fn split(image: &str) -> (String, String, String) {
    let (image, digest) = image.split_once('@').unwrap_or((image, ""));
    let (name, tag) = match image.rsplit_once(':') {
        // A colon before a slash is a port's.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    };
    (name.to_owned(), tag.to_owned(), digest.to_owned())
}

fn entries(labels: Labels) -> Vec<(String, String)> {
    match labels {
        Labels::List(list) => list
            .iter()
            .map(|label| {
                let (key, value) = label.split_once('=').unwrap_or((label, ""));
                (key.to_owned(), value.to_owned())
            })
            .collect(),
        Labels::Map(map) => map
            .into_iter()
            .map(|(key, value)| match value {
                serde_json::Value::String(text) => (key, text),
                other => (key, other.to_string()),
            })
            .collect(),
    }
}

/// A tag that is a version: numbers between dots, with something before and after them.
#[derive(Debug, PartialEq, Eq)]
struct Version<'a> {
    before: &'a str,
    numbers: Vec<u64>,
    after: &'a str,
}

impl Version<'_> {
    fn read(tag: &str) -> Option<Version<'_>> {
        let start = tag.find(|c: char| c.is_ascii_digit())?;
        let (before, rest) = tag.split_at(start);
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let end = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
        let (numbers, after) = rest.split_at(end);
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        // `alpine3` is a name with a number in it.
        let is_version = before.is_empty() || before == "v";
        Some(Version {
            before,
            numbers: numbers.filter(|_| is_version)?,
            after,
        })
    }

    /// Whether both have as many numbers, and the same around them.
    fn has_shape_of(&self, other: &Version<'_>) -> bool {
        self.before == other.before
            && self.after == other.after
            && self.numbers.len() == other.numbers.len()
    }
}

/// The newest tag of the shape of the one in use; that one itself where nothing is newer. `None` where it is no version.
pub fn newest<'a>(in_use: &'a str, tags: &'a [String]) -> Option<&'a str> {
    let current = Version::read(in_use)?;
    tags.iter()
        .map(String::as_str)
        .chain([in_use])
        .filter_map(|tag| Some((Version::read(tag)?, tag)))
        .filter(|(version, _)| version.has_shape_of(&current))
        .max_by(|(one, _), (other, _)| one.numbers.cmp(&other.numbers))
        .map(|(_, tag)| tag)
}

/// The newest tag of the same shape that is older than the newest, and newer than the one in use.
pub fn between<'a>(in_use: &str, tags: &'a [String]) -> Option<&'a str> {
    let current = Version::read(in_use)?;
    let mut newer: Vec<_> = tags
        .iter()
        .filter_map(|tag| Some((Version::read(tag)?, tag.as_str())))
        .filter(|(version, _)| version.has_shape_of(&current) && version.numbers > current.numbers)
        .collect();
    newer.sort_by(|(one, _), (other, _)| one.numbers.cmp(&other.numbers));
    newer.pop();
    newer.pop().map(|(_, tag)| tag)
}

/// The label that an upgrade should carry: the recipe's minor part goes up.
pub fn next_label(label: &Label, tag: &str) -> Label {
    let minor = label.recipe.get(1).copied().unwrap_or_default() + 1;
    let major = label.recipe.first().copied().unwrap_or_default();
    Label {
        recipe: vec![major, minor, 0],
        app: tag.to_owned(),
    }
}

/// Whether `after` is `before` upgraded: every image to its newest tag, the label following. What was seen, or why it is not;
/// `tags` are all tags of an image.
pub fn upgraded(
    before: &Compose,
    after: &Compose,
    tags: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<String, String> {
    let bumped = carried(before, after, tags)?;
    if bumped.is_empty() {
        return Err("no image is newer than before".into());
    }
    let (old, new) = (before.label()?, after.label()?);
    if before.is_label_a_deploys() && !after.is_label_a_deploys() {
        return Err(
            "the version label is no longer among `deploy.labels`, where abra looks for it".into(),
        );
    }
    let app = after.app().map_or("", |service| service.tag.as_str());
    if new.app != app {
        return Err(format!(
            "the version label is `{new}`, but the app is at `{app}`"
        ));
    }
    if new.recipe <= old.recipe {
        return Err(format!(
            "the version label is `{new}`, and was `{old}`: the recipe's own version did not go up"
        ));
    }
    Ok(format!("{}, label {old} → {new}", bumped.join(", ")))
}

/// Whether the same services run in `after`, each image at its newest tag; which of them went up.
pub fn carried(
    before: &Compose,
    after: &Compose,
    tags: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<Vec<String>, String> {
    if !before.services.keys().eq(after.services.keys()) {
        return Err("the compose file has other services than before".into());
    }
    let mut bumped = Vec::new();
    for (name, (old, new)) in pairs(before, after) {
        if old.image != new.image {
            return Err(format!(
                "the image of `{name}` is `{}`, and was `{}`",
                new.image, old.image
            ));
        }
        let known = tags(&old.image).unwrap_or_default();
        let Some(newest) = newest(&old.tag, &known) else {
            if old.tag != new.tag {
                return Err(format!(
                    "the tag of `{name}` is `{}`, and was `{}`, which is no version",
                    new.tag, old.tag
                ));
            }
            continue;
        };
        if new.tag != newest {
            return Err(format!(
                "`{}` is at `{}`; it was at `{}`, and the newest of that shape is `{newest}`",
                new.image, new.tag, old.tag
            ));
        }
        if old.tag != new.tag && !new.digest.is_empty() && old.digest == new.digest {
            return Err(format!(
                "`{}:{}` is pinned to the digest that `{}` was pinned to, so that the image before is deployed",
                new.image, new.tag, old.tag
            ));
        }
        if old.tag != new.tag {
            bumped.push(format!("`{}` {} → {newest}", new.image, old.tag));
        }
    }
    Ok(bumped)
}

/// Why it cannot be told which image is deployed: one is pinned to a digest that was not there before. `None` where it can.
pub fn pinned_anew(before: &Compose, after: &Compose) -> Option<String> {
    let mut pinned = pairs(before, after)
        .filter(|(_, (old, new))| !new.digest.is_empty() && old.digest != new.digest);
    pinned.next().map(|(_, (_, new))| {
        format!(
            "`{}:{}` is pinned to `{}`: whether that is the digest of this tag is not known here; compare it with the registry's",
            new.image, new.tag, new.digest
        )
    })
}

fn pairs<'a>(
    before: &'a Compose,
    after: &'a Compose,
) -> impl Iterator<Item = (&'a String, (&'a Service, &'a Service))> {
    let both = before.services.iter().zip(after.services.values());
    both.map(|((name, old), new)| (name, (old, new)))
}

/// What must stand in `after` as it stood in `before`, whatever is repaired: health checks, and the labels of backups. What is weaker.
pub fn weakened(before: &Compose, after: &Compose) -> Option<String> {
    for (name, old) in &before.services {
        let Some(new) = after.services.get(name) else {
            return Some(format!("the service `{name}` is gone"));
        };
        if old.healthcheck != new.healthcheck {
            return Some(format!("the health check of `{name}` is not what it was"));
        }
        // Those of the deploy stay there: a container's are not looked at.
        let (deploys, was) = (backup(&new.labels), backup(&old.labels));
        if was
            .iter()
            .any(|(key, value)| deploys.get(key) != Some(value))
            || backup_of(old) != backup_of(new)
        {
            return Some(format!(
                "the backup labels of `{name}` are not what they were"
            ));
        }
    }
    None
}

/// The labels that a backup goes by.
fn backup(labels: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let labels = labels.iter().filter(|(key, _)| key.contains("backup"));
    labels
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// All of a service, wherever they stand.
fn backup_of(service: &Service) -> BTreeMap<&str, &str> {
    let mut all = backup(&service.container_labels);
    all.append(&mut backup(&service.labels));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
version: "3.8"
services:
  app:
    image: lab/plain:1.4.0
    healthcheck:
      test: ["CMD", "true"]
    deploy:
      labels:
        - "coop-cloud.${STACK_NAME}.version=1.0.2+1.4.0"
        - "backupbot.backup=true"
"#;

    fn after(from: &str, to: &str) -> String {
        assert!(BEFORE.contains(from));
        let text = BEFORE.replace(from, to);
        text.replace("plain:1.4.0", "plain:1.5.0")
            .replace("1.0.2+1.4.0", "1.1.0+1.5.0")
    }

    fn tags() -> Vec<String> {
        [
            "1.4.0",
            "1.5.0",
            "2",
            "1.6",
            "latest",
            "1.6.0-rc1",
            "1.5.0-alpine",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn judged(after: &str) -> Result<String, String> {
        let before = Compose::read(BEFORE).unwrap();
        upgraded(&before, &Compose::read(after)?, |_| Some(tags()))
    }

    #[test]
    fn the_newest_is_the_highest_of_the_same_shape() {
        for (in_use, expected) in [
            ("1.4.0", Some("1.5.0")),
            ("1.5.0", Some("1.5.0")),
            ("1.10.0", Some("1.10.0")),
            ("1.4.0-alpine", Some("1.5.0-alpine")),
            ("1.5", Some("1.6")),
            ("1", Some("2")),
            ("v1.4.0", Some("v1.4.0")),
            ("latest", None),
            ("alpine3", None),
            ("1..2", None),
            ("", None),
        ] {
            assert_eq!(newest(in_use, &tags()), expected, "{in_use}");
        }
        let many = ["1.0.0", "1.1.0", "1.2.0", "2"].map(str::to_owned);
        assert_eq!(between("1.0.0", &many), Some("1.1.0"));
        assert_eq!(between("1.1.0", &many), None);
        assert_eq!(between("latest", &many), None);
        let wide = ["1.9.0", "1.10.0"].map(str::to_owned);
        assert_eq!(newest("1.2.0", &wide), Some("1.10.0"));
    }

    #[test]
    fn an_upgrade_is_told_from_what_looks_like_one() {
        assert_eq!(
            judged(&after("CMD", "CMD")),
            Ok("`lab/plain` 1.4.0 → 1.5.0, label 1.0.2+1.4.0 → 1.1.0+1.5.0".into())
        );
        for (from, to, expected) in [
            ("plain:1.4.0", "plain:1.4.0 ", "`lab/plain` is at `1.4.0`"),
            ("lab/plain:1.4.0", "lab/other:1.5.0", "was `lab/plain`"),
            ("plain:1.4.0", "plain:1.6.0-rc1", "the newest of that shape"),
            ("plain:1.4.0", "plain:latest", "the newest of that shape"),
            ("1.0.2+1.4.0", "1.1.0+1.4.0", "but the app is at"),
            ("1.0.2+1.4.0", "1.0.2+1.5.0", "did not go up"),
            ("1.0.2+1.4.0", "1.0.1+1.5.0", "did not go up"),
            ("1.0.2+1.4.0", "next", "is not `<recipe's>+<app's>`"),
            ("coop-cloud.", "coop.", "no label"),
            ("  app:", "  web:", "other services"),
            ("services:", "services: [", "no compose file"),
        ] {
            let text = if to.ends_with(' ') {
                BEFORE.to_owned()
            } else {
                after(from, to)
            };
            let why = judged(&text).expect_err(to);
            assert!(why.contains(expected), "{to}: {why}");
        }
    }

    #[test]
    fn what_is_no_compose_file_says_so() {
        for text in ["", "[", "- a\n- b", "services: {}", "services: 7", "\0"] {
            let why = Compose::read(text).expect_err(text);
            assert!(why.contains("no compose file"), "{text:?}: {why}");
        }
    }

    #[test]
    fn images_are_read_in_every_form() {
        for (image, name, tag, digest) in [
            ("nginx", "nginx", "", ""),
            ("nginx:1.2", "nginx", "1.2", ""),
            ("localhost:5000/a/b", "localhost:5000/a/b", "", ""),
            ("ghcr.io/a/b:v1@sha256:00", "ghcr.io/a/b", "v1", "sha256:00"),
            ("a/b@sha256:00", "a/b", "", "sha256:00"),
        ] {
            let expected = (name.to_owned(), tag.to_owned(), digest.to_owned());
            assert_eq!(split(image), expected);
        }
    }

    #[test]
    fn a_digest_says_what_is_deployed() {
        let pinned = |digest: &str| {
            let text = BEFORE.replace("plain:1.4.0", &format!("plain:1.4.0@{digest}"));
            Compose::read(&text).unwrap()
        };
        let bumped = |digest: &str| {
            let text = after("CMD", "CMD");
            Compose::read(&text.replace("plain:1.5.0", &format!("plain:1.5.0{digest}"))).unwrap()
        };
        let of_all = |_: &str| Some(tags());
        let why = upgraded(&pinned("sha256:aa"), &bumped("@sha256:aa"), of_all).unwrap_err();
        assert!(why.contains("the image before is deployed"), "{why}");
        let plain = Compose::read(BEFORE).unwrap();
        for (before, after, is_clear) in [
            (&plain, bumped("@sha256:aa"), false),
            (&pinned("sha256:aa"), bumped("@sha256:bb"), false),
            (&pinned("sha256:aa"), bumped(""), true),
            (&plain, bumped(""), true),
        ] {
            assert!(upgraded(before, &after, of_all).is_ok());
            assert_eq!(pinned_anew(before, &after).is_none(), is_clear, "{after:?}");
        }
    }

    #[test]
    fn labels_stay_where_they_are_looked_for() {
        let moved = |label: &str| {
            let line = format!("        - \"{label}\"\n");
            assert!(BEFORE.contains(&line));
            let text = BEFORE.replace(&line, "");
            let text = text.replace(
                "    deploy:\n",
                &format!("    labels:\n{line}    deploy:\n"),
            );
            let text = text.replace("plain:1.4.0", "plain:1.5.0");
            text.replace("1.0.2+1.4.0", "1.1.0+1.5.0")
        };
        let before = Compose::read(BEFORE).unwrap();
        let version = moved("coop-cloud.${STACK_NAME}.version=1.0.2+1.4.0");
        let why = judged(&version).unwrap_err();
        assert!(why.contains("where abra looks"), "{why}");
        let backup = Compose::read(&moved("backupbot.backup=true")).unwrap();
        assert!(weakened(&before, &backup).unwrap().contains("backup"));
        // The other way round nothing is lost.
        assert_eq!(weakened(&backup, &before), None);
        // A container's own is lost where it stands nowhere any more.
        let line = "        - \"backupbot.backup=true\"\n";
        let nowhere = Compose::read(&BEFORE.replace(line, "")).unwrap();
        assert!(weakened(&backup, &nowhere).unwrap().contains("backup"));
    }

    #[test]
    fn the_label_is_found_in_both_forms() {
        let map = BEFORE.replace(
            "- \"coop-cloud.${STACK_NAME}.version=1.0.2+1.4.0\"\n        - \"backupbot.backup=true\"",
            "coop-cloud.${STACK_NAME}.version: 1.0.2+1.4.0\n        backupbot.backup: true",
        );
        let label = Compose::read(&map).unwrap().label().unwrap();
        assert_eq!(label.to_string(), "1.0.2+1.4.0");
        assert_eq!(next_label(&label, "1.5.0").to_string(), "1.1.0+1.5.0");
    }

    #[test]
    fn a_recipe_is_versioned_by_its_app_or_its_only_service() {
        let app = |services: &[&str]| {
            let lines = services.iter();
            let lines = lines.map(|name| format!("  {name}:\n    image: lab/{name}:1\n"));
            let compose = format!("services:\n{}", lines.collect::<String>());
            let compose = Compose::read(&compose).unwrap();
            compose.app().map(|service| service.image.clone())
        };
        assert_eq!(app(&["web"]).as_deref(), Some("lab/web"));
        assert_eq!(app(&["app", "db"]).as_deref(), Some("lab/app"));
        assert_eq!(app(&["db", "web"]), None);
    }

    #[test]
    fn a_version_that_has_no_next_one_is_none() {
        let highest = "1.4294967295.0+1.4.0".parse::<Label>().unwrap();
        assert!(next_label(&highest, "1.5.0").recipe > highest.recipe);
        let why = "1.18446744073709551615.0+1.4.0"
            .parse::<Label>()
            .unwrap_err();
        assert!(why.contains("is not `<recipe's>+<app's>`"), "{why}");
    }

    #[test]
    fn what_is_weaker_is_told() {
        let before = Compose::read(BEFORE).unwrap();
        let weaker = |from: &str, to: &str| {
            weakened(&before, &Compose::read(&BEFORE.replace(from, to)).unwrap())
        };
        assert_eq!(weaker("lab/plain:1.4.0", "lab/plain:1.5.0"), None);
        assert_eq!(
            weaker(
                "    healthcheck:\n",
                "    healthcheck:\n      start_period: 90s\n"
            ),
            None
        );
        assert!(weaker("CMD", "NONE").unwrap().contains("health check"));
        assert!(
            weaker("backup=true", "backup=false")
                .unwrap()
                .contains("backup")
        );
        assert!(weaker("  app:", "  web:").unwrap().contains("gone"));
    }
}
