//! What is named elsewhere: `#3` and `owner/name#3` in a title, a text or a comment leave an entry in the timeline of what they name, by whoever
//! wrote them, as in Gitea 1.25. What is in code, or hidden, names nothing. A name that an edit takes out stays on record.

use super::issues::{enter, unit_of};
use super::state::{Access, Issue, Repo, RepoId, UserId, World, now};
use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use regex::Regex;
use std::sync::LazyLock;

/// Where something is named: in a comment, or in title and text of the issue or pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    pub repo: RepoId,
    pub number: i64,
    pub comment: Option<i64>,
}

static HERE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|[(\['"])[#!](?P<number>[0-9]+)(?:$|[)\]'"]|[:;,.?!]$)"#));
static ELSEWHERE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:^|[(\[])(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)[#!](?P<number>[0-9]+)(?:$|[)\]]|[:;,.?!]$)",
    )
});

/// For the constants above, both of which the tests try.
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a regex")
}

/// Leaves an entry with all that a title and a text name, or that a comment does, where it is not there yet.
pub fn note(world: &mut World, from: Mention, by: UserId) {
    for (repo, number) in named(world, from, by) {
        let is_known = world.repos.get(&repo).is_none_or(|repo| {
            let issue = repo.issues.get(&number);
            issue.is_none_or(|issue| issue.timeline.iter().any(|e| e.mention == Some(from)))
        });
        if is_known {
            continue;
        }
        let mut entry = enter(world, kind(world, from), by, String::new());
        entry.mention = Some(from);
        let issue = world.repos.get_mut(&repo);
        if let Some(issue) = issue.and_then(|repo| repo.issues.get_mut(&number)) {
            issue.updated = now();
            issue.timeline.push(entry);
        }
    }
}

fn kind(world: &World, from: Mention) -> &'static str {
    let issue = find(world, from).map(|(_, issue)| issue);
    match (
        from.comment,
        issue.is_some_and(|issue| issue.pull.is_some()),
    ) {
        (Some(_), _) => "comment_ref",
        (None, true) => "pull_ref",
        (None, false) => "issue_ref",
    }
}

/// The issue in which something is named.
pub fn find(world: &World, from: Mention) -> Option<(&Repo, &Issue)> {
    let repo = world.repos.get(&from.repo)?;
    Some((repo, repo.issues.get(&from.number)?))
}

/// What is named there, of what there is and its author may see, but for itself.
fn named(world: &World, from: Mention, by: UserId) -> Vec<(RepoId, i64)> {
    let Some((repo, issue)) = find(world, from) else {
        return Vec::new();
    };
    let text = match from.comment {
        None => format!("{}\n{}", issue.title, in_plain_text(&issue.body)),
        Some(id) => {
            let comment = issue.comments().find(|comment| comment.id == id);
            comment.map_or_else(String::new, |comment| in_plain_text(&comment.body))
        }
    };
    let mut found = Vec::new();
    for (place, number) in names(&text) {
        let of = match place {
            None => Some(repo),
            Some((owner, name)) => world.repo_named(&owner, &name),
        };
        let seen = of.and_then(|of| {
            let named = of.issues.get(&number)?;
            let may_see = world.access(of, Some(by), unit_of(named)) >= Access::Read;
            (of.id == from.repo || may_see).then_some((of.id, number))
        });
        let itself = (from.repo, from.number);
        found.extend(seen.filter(|seen| *seen != itself && !found.contains(seen)));
    }
    found
}

/// What of a Markdown text is neither code nor link nor hidden.
fn in_plain_text(markdown: &str) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &Options::default());
    let mut text = String::new();
    for node in root.descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(part) => text.push_str(part),
            _ => text.push('\n'),
        }
    }
    text
}

type Place = Option<(String, String)>;

fn names(text: &str) -> Vec<(Place, i64)> {
    let mut found = Vec::new();
    for word in text.split_whitespace() {
        let number = |found: &regex::Captures<'_>| found["number"].parse::<i64>().ok();
        if let Some(of) = ELSEWHERE.captures(word) {
            let place = (of["owner"].to_owned(), of["name"].to_owned());
            found.extend(number(&of).map(|number| (Some(place), number)));
        } else if let Some(of) = HERE.captures(word) {
            found.extend(number(&of).map(|number| (None, number)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_names_in_plain_text_only() {
        let here = |number: i64| (None, number);
        for (text, expected) in [
            ("left alone: #3", vec![here(3)]),
            ("#3, #4 and (!5).", vec![here(3), here(4), here(5)]),
            (
                "see org/mirror#3.",
                vec![(Some(("org".to_owned(), "mirror".to_owned())), 3)],
            ),
            ("`#3`", vec![]),
            ("```\n#3\n```", vec![]),
            ("<!-- #3 -->", vec![]),
            ("a#3, #3a and # 3", vec![]),
        ] {
            assert_eq!(names(&in_plain_text(text)), expected, "{text}");
        }
    }
}
