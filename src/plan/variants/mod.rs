//! What a recipe can be deployed as beside its `compose.yml` alone: abra merges the files that `COMPOSE_FILE` lists, and `.env.sample`
//! says which. What stands in one of them undoes what stands in `compose.yml`, so both sides of a change are merged before they are
//! compared. Pure, but for the look of [`of_pull`].

pub mod of_pull;

use super::run::COMPOSE;
use super::upgrade::Compose;
use std::collections::{BTreeMap, BTreeSet};

/// The settings that an app of the recipe starts with.
pub const SETTINGS: &str = ".env.sample";

const LIST: &str = "COMPOSE_FILE";

/// No list is longer, in bytes. A line that names the one before twice doubles it, and thirty such lines would fill the memory.
const LONGEST_LIST: usize = 64 << 10;

/// What stands in the files of a recipe at one commit, by path; only those that [`matters`] or [`listed`] name.
pub type Texts = BTreeMap<String, String>;

/// Whether a file, other than `compose.yml`, can say what is deployed.
pub fn matters(path: &str) -> bool {
    let is_compose = (path.starts_with("compose") || path.starts_with("docker-compose"))
        && (path.ends_with(".yml") || path.ends_with(".yaml"))
        && !path.contains('/');
    path == SETTINGS || (is_compose && path != COMPOSE)
}

/// The compose files that settings list, in their order; `compose.yml` where they list none. Follows the `.env` files of Docker: the last
/// line counts, quotes are taken off, and a line may name what the lines before it came to, unless that makes the list too long.
pub fn listed(settings: &str) -> Vec<String> {
    let mut list = String::new();
    for line in settings.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if key.trim() != LIST {
            continue;
        }
        let value = unquoted(value.trim());
        let names = [format!("${{{LIST}}}"), format!("${LIST}")];
        let named: usize = names.iter().map(|name| value.matches(name).count()).sum();
        list = match value.len() + named * list.len() <= LONGEST_LIST {
            true => names
                .iter()
                .fold(value.to_owned(), |value, name| value.replace(name, &list)),
            // Such a name is no file's, which is said of it.
            false => value.to_owned(),
        };
    }
    let files: Vec<String> = list
        .split(':')
        .map(str::trim)
        .filter(|file| !file.is_empty())
        .map(str::to_owned)
        .collect();
    if files.is_empty() {
        return vec![COMPOSE.to_owned()];
    }
    files
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or_default();
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end()
}

/// Every file that must be known to tell how a recipe at either of two commits is deployed: those that changed, and those listed.
pub fn wanted(changed: &BTreeSet<String>, before: &Texts, after: &Texts) -> BTreeSet<String> {
    let mut wanted = changed.clone();
    if changed.contains(SETTINGS) {
        for texts in [before, after] {
            wanted.extend(list_of(texts));
        }
    }
    wanted.insert(COMPOSE.to_owned());
    wanted
}

fn list_of(texts: &Texts) -> Vec<String> {
    listed(texts.get(SETTINGS).map_or("", String::as_str))
}

/// One way to deploy a recipe that a change has touched.
#[derive(Debug)]
pub struct Way {
    /// As a sentence begins: "with `compose.smtp.yml`".
    pub name: String,
    /// What was deployed; why that cannot be told.
    pub before: Result<Compose, String>,
    /// What is deployed; why nothing can be.
    pub after: Result<Compose, String>,
}

/// The ways that differ, beside `compose.yml` alone: with each other compose file, and with all that are listed.
pub fn ways(before: &Texts, after: &Texts) -> Vec<Way> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: BTreeSet<&str> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(String::as_str)
        .filter(|path| *path != COMPOSE)
        .collect();
    let mut ways = Vec::new();
    for path in changed
        .iter()
        .filter(|path| matters(path) && **path != SETTINGS)
    {
        let with = |texts: &Texts| {
            let own = texts.contains_key(*path).then(|| (*path).to_owned());
            let list: Vec<String> = [COMPOSE.to_owned()].into_iter().chain(own).collect();
            merged(texts, &list)
        };
        ways.push(Way {
            name: format!("with `{path}`"),
            before: with(before),
            after: with(after),
        });
    }
    let (was, is) = (list_of(before), list_of(after));
    let touched = was != is || is.iter().any(|path| changed.contains(path.as_str()));
    if touched {
        ways.push(Way {
            name: format!("as `{LIST}` has it (`{}`)", is.join(":")),
            before: merged(before, &was),
            after: merged(after, &is),
        });
    }
    ways
}

fn merged(texts: &Texts, list: &[String]) -> Result<Compose, String> {
    let mut all: Option<Compose> = None;
    for path in list {
        let text = texts
            .get(path)
            .ok_or_else(|| format!("there is no `{path}`"))?;
        let part = Compose::read_part(text).map_err(|why| format!("`{path}`: {why}"))?;
        all = Some(match all {
            Some(all) => all.with(part),
            None => part,
        });
    }
    all.ok_or_else(|| "no compose file is listed".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::upgrade::{carried, weakened};

    const OLD: &str = "services:\n  app:\n    image: lab/plain:1.4.0\n    healthcheck:\n      test: [CMD, curl]\n    deploy:\n      labels:\n        - coop-cloud.x.version=1.0.0+1.4.0\n        - backupbot.backup=true\n";

    fn new() -> String {
        OLD.replace("1.4.0", "1.5.0").replace("1.0.0+", "1.1.0+")
    }

    fn texts(files: &[(&str, &str)]) -> Texts {
        let files = files.iter();
        files
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn the_list_is_read_as_docker_reads_it() {
        for (settings, expected) in [
            ("", "compose.yml"),
            ("# COMPOSE_FILE=compose.yml:compose.pin.yml", "compose.yml"),
            ("COMPOSE_FILE=", "compose.yml"),
            (
                "COMPOSE_FILE=compose.yml:compose.pin.yml",
                "compose.yml compose.pin.yml",
            ),
            (
                "COMPOSE_FILE=\"compose.yml:compose.pin.yml\" # both",
                "compose.yml compose.pin.yml",
            ),
            ("COMPOSE_FILE='a.yml'\nCOMPOSE_FILE=b.yml # last", "b.yml"),
            (
                "export COMPOSE_FILE=a.yml\nCOMPOSE_FILE=\"$COMPOSE_FILE:b.yml\"",
                "a.yml b.yml",
            ),
            (
                "COMPOSE_FILE = a.yml\nCOMPOSE_FILE=${COMPOSE_FILE}:b.yml",
                "a.yml b.yml",
            ),
            ("NOT_COMPOSE_FILE=a.yml", "compose.yml"),
        ] {
            assert_eq!(listed(settings).join(" "), expected, "{settings}");
        }
    }

    #[test]
    fn a_list_that_doubles_with_each_line_stays_short() {
        let doubling = "\nCOMPOSE_FILE=$COMPOSE_FILE:${COMPOSE_FILE}".repeat(100);
        let files = listed(&format!("COMPOSE_FILE=compose.yml{doubling}"));
        assert!(files.iter().map(|file| file.len() + 1).sum::<usize>() <= 2 * LONGEST_LIST);
        let after = texts(&[(COMPOSE, OLD), (SETTINGS, "COMPOSE_FILE=$COMPOSE_FILE")]);
        assert_eq!(listed(&after[SETTINGS]), [COMPOSE]);
    }

    #[test]
    fn other_compose_files_matter_and_pages_do_not() {
        for (path, expected) in [
            ("compose.yml", false),
            ("compose.smtp.yml", true),
            ("compose.override.yaml", true),
            ("docker-compose.yml", true),
            (".env.sample", true),
            ("README.md", false),
            ("release/1.0.0", false),
            ("tests/compose.yml", false),
        ] {
            assert_eq!(matters(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_undone_elsewhere_is_found() {
        let (new, env) = (new(), "COMPOSE_FILE=compose.yml:compose.pin.yml\n");
        let pin = "services:\n  app:\n    image: lab/plain:1.4.0\n";
        let unchecked = "services:\n  app:\n    healthcheck:\n      disable: true\n";
        let unsaved = "services:\n  app:\n    deploy:\n      labels: [backupbot.backup=false]\n";
        let smtp =
            "services:\n  app:\n    environment: [A=b]\nsecrets:\n  a:\n    external: true\n";
        let before = texts(&[(COMPOSE, OLD)]);
        let tags = |_: &str| Some(vec!["1.4.0".to_owned(), "1.5.0".to_owned()]);
        for (case, other, upgraded, weaker) in [
            ("a pin", pin, false, false),
            ("no health check", unchecked, true, true),
            ("no backup", unsaved, true, true),
            ("settings", smtp, true, false),
            ("a volume only", "volumes: {}\n", true, false),
            (
                "another image",
                "services: {app: {image: 'lab/other:1.5.0'}}",
                false,
                false,
            ),
            (
                "another service",
                "services: {db: {image: 'lab/db:1'}}",
                false,
                false,
            ),
        ] {
            for listed in [false, true] {
                let mut after = texts(&[(COMPOSE, &new), ("compose.pin.yml", other)]);
                if listed {
                    after.insert(SETTINGS.into(), env.into());
                }
                let ways = ways(&before, &after);
                assert_eq!(ways.len(), 1 + usize::from(listed), "{case}");
                for way in ways {
                    let (old, new) = (way.before.unwrap(), way.after.unwrap());
                    assert_eq!(
                        carried(&old, &new, tags).is_ok(),
                        upgraded,
                        "{case}: {}",
                        way.name
                    );
                    assert_eq!(
                        weakened(&old, &new).is_some(),
                        weaker,
                        "{case}: {}",
                        way.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_tag_that_is_no_version_stays_as_it_is() {
        let with = |said: &str, tag: &str| {
            let other = format!("# {said}\nservices: {{app: {{image: 'lab/plain:{tag}'}}}}\n");
            texts(&[(COMPOSE, OLD), ("compose.edge.yml", &other)])
        };
        let told = |tag: &str| {
            let way = ways(&with("before", "latest"), &with("after", tag)).remove(0);
            let known = |_: &str| Some(vec!["1.4.0".to_owned(), "1.5.0".to_owned()]);
            carried(&way.before.unwrap(), &way.after.unwrap(), known)
        };
        assert!(told("latest").is_ok());
        assert!(told("nightly").unwrap_err().contains("no version"));
    }

    #[test]
    fn a_list_that_drops_what_was_checked_is_weaker() {
        let checks = "services:\n  app:\n    healthcheck:\n      test: [CMD, curl]\n";
        let bare = OLD.replace("    healthcheck:\n      test: [CMD, curl]\n", "");
        let with = |env: &str| {
            texts(&[
                (COMPOSE, &bare),
                ("compose.checks.yml", checks),
                (SETTINGS, env),
            ])
        };
        let before = with("COMPOSE_FILE=compose.yml:compose.checks.yml");
        let [way] = &ways(&before, &with(""))[..] else {
            panic!("one way differs")
        };
        let both = (way.before.as_ref().unwrap(), way.after.as_ref().unwrap());
        assert!(weakened(both.0, both.1).unwrap().contains("health check"));
        assert!(ways(&before, &before).is_empty());
    }

    #[test]
    fn what_cannot_be_deployed_says_so() {
        let before = texts(&[(COMPOSE, OLD)]);
        for (files, expected) in [
            (
                vec![(SETTINGS, "COMPOSE_FILE=compose.yml:gone.yml")],
                "there is no `gone.yml`",
            ),
            (
                vec![("compose.a.yml", "services: [")],
                "`compose.a.yml`: this is no compose file",
            ),
        ] {
            let mut after = texts(&files);
            after.insert(COMPOSE.into(), OLD.into());
            let ways = ways(&before, &after);
            let why = ways[0].after.as_ref().unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
