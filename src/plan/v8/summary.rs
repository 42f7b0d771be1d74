//! What `/upgrade-all` prints, as a reader takes it: the candidates of a dry run, and the summary by its sections. Pure.

use crate::flow::{Outcome, Ran, words};
use crate::plan::gate::cut;
use regex::Regex;
use std::sync::LazyLock;

/// A recipe that has an upgrade, as a line says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub recipe: String,
    pub from: String,
    pub to: String,
}

/// A part of the summary: what stands between one heading and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// Empty for what stands before the first one.
    pub heading: &'a str,
    pub lines: Vec<&'a str>,
}

/// The candidates that the output names, in its order.
pub fn candidates(ran: &Ran, pattern: &str) -> Result<Vec<Candidate>, String> {
    let pattern = regex(pattern)?;
    let found = words(&ran.stdout)
        .own
        .into_iter()
        .filter_map(|line| pattern.captures(line));
    let found = found.map(|found| {
        let group = |name| found.name(name).map_or("", |group| group.as_str());
        Candidate {
            recipe: group("recipe").to_owned(),
            from: group("from").to_owned(),
            to: group("to").to_owned(),
        }
    });
    Ok(found.collect())
}

/// The summary, by its sections: what stands behind the line that begins it. Twice the same is once; of two different ones it is not
/// known which is meant.
pub fn summary<'a>(ran: &'a Ran, pattern: &str) -> Result<Vec<Section<'a>>, String> {
    let pattern = regex(pattern)?;
    let mut found: Vec<Vec<&str>> = Vec::new();
    for line in words(&ran.stdout).own {
        if pattern.is_match(line) {
            found.push(Vec::new());
        } else if let Some(last) = found.last_mut() {
            last.push(line);
        }
    }
    let filled = |line: &&&str| !line.is_empty();
    found.dedup_by(|one, other| {
        let (one, other) = (one.iter().filter(filled), other.iter().filter(filled));
        one.eq(other)
    });
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(sections(one)),
        (Some(_), false) => {
            Err("two summaries that differ: which one is meant is not known".into())
        }
        (None, _) => {
            let mut all = ran.stdout.lines().map(str::trim_end);
            let quoted = all.find(|line| pattern.is_match(line.trim_start_matches(['>', ' '])));
            Err(match quoted {
                Some(_) => format!(
                    "the summary stands in a quoted text or in code only ({})",
                    ran.ending()
                ),
                None => format!("there is no summary ({})", ran.ending()),
            })
        }
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|_| format!("`{}` is no regular expression", cut(pattern)))
}

fn sections(lines: Vec<&str>) -> Vec<Section<'_>> {
    let mut sections = vec![Section {
        heading: "",
        lines: Vec::new(),
    }];
    for line in lines {
        if is_heading(line) {
            sections.push(Section {
                heading: line,
                lines: Vec::new(),
            });
        } else if let Some(last) = sections.last_mut() {
            last.lines.push(line);
        }
    }
    sections
}

/// With a sign for it before it, or in bold as a whole, or with a colon at its end; an entry of a list is none, whatever it looks like.
fn is_heading(line: &str) -> bool {
    let line = line.trim();
    let bare = line.trim_start_matches('#');
    let signs = line.len() - bare.len();
    if (1..=6).contains(&signs) {
        return bare.starts_with(' ');
    }
    let is_bold = |mark: &str| {
        let inside = line
            .trim_end_matches(':')
            .strip_prefix(mark)
            .and_then(|line| line.strip_suffix(mark));
        inside.is_some_and(|inside| !inside.is_empty() && !inside.contains(mark))
    };
    let is_bare = !is_item(line) && pages(line).is_empty();
    is_bare && (is_bold("**") || is_bold("__") || line.len() > 1 && line.ends_with(':'))
}

/// An entry of a list or of a table.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let numbered = line.trim_start_matches(|sign: char| sign.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.starts_with("+ ")
        || line.starts_with('|')
        || numbered.len() < line.len() && (numbered.starts_with(". ") || numbered.starts_with(") "))
}

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"https?://[^\s<>()\[\]"'`|]+"#).expect("it is a regex"));
/// What nothing of is no colour.
static NONE_RED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b0 (?:failed|failing|failures?|errors?|red|broken)\b").expect("it is a regex")
});
static PAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^.+?/pulls/[0-9]+").expect("it is a regex"));

/// The pages of pull requests that a line names, each as far as its number.
pub fn pages(line: &str) -> Vec<&str> {
    let addresses = ADDRESS.find_iter(line).map(|found| found.as_str());
    let pages = addresses.filter_map(|address| PAGE.find(address));
    pages.map(|page| page.as_str()).collect()
}

/// The names in a line, its addresses left out.
pub fn names(line: &str) -> Vec<&str> {
    let is_sign = |sign: char| !sign.is_alphanumeric() && !['-', '_', '.'].contains(&sign);
    ADDRESS
        .split(line)
        .flat_map(|words| words.split(is_sign))
        .map(|word| word.trim_matches(['-', '_', '.']))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The results in a line, its addresses left out: as whole words, each once.
pub fn results(line: &str) -> Vec<Outcome> {
    let is_sign = |sign: char| !sign.is_alphanumeric() && !['-', '_', '+'].contains(&sign);
    let words = ADDRESS.split(line).flat_map(|words| words.split(is_sign));
    let found = words.filter_map(|word| Outcome::by_word(word.trim_matches(['-', '_'])));
    let mut results = Vec::new();
    for result in found {
        if !results.contains(&result) {
            results.push(result);
        }
    }
    results
}

/// How a line says in words of its own that a pull request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    pub green: bool,
    /// It ends with that word or sign: any other can be about something else, such as what was repaired.
    pub is_plain: bool,
}

/// What colour a line about a recipe's pull request gives it; `None` where it says neither green nor red, or both, or denies one.
pub fn colour(line: &str, recipe: &str) -> Option<Colour> {
    const GREEN: [&str; 6] = [
        "green",
        "passed",
        "passes",
        "passing",
        "success",
        "succeeded",
    ];
    const RED: [&str; 6] = ["red", "failed", "fails", "failing", "failure", "broken"];
    const DENIED: [&str; 5] = ["not", "no", "never", "nothing", "until"];
    const SIGNS: [[char; 2]; 2] = [['✅', '🟢'], ['❌', '🔴']];
    let is_sign = |sign: char| !sign.is_alphanumeric();
    // A recipe can be called anything.
    let text = ADDRESS.replace_all(line, " ");
    let text: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.trim_matches(is_sign) != recipe)
        .collect();
    let text = NONE_RED.replace_all(&text.join(" "), " ").to_lowercase();
    let words = || text.split(is_sign).filter(|word| !word.is_empty());
    let says = |wanted: &[&str], signs: [char; 2]| {
        words().any(|word| wanted.contains(&word)) || text.contains(signs)
    };
    let is_denied = words().any(|word| DENIED.contains(&word)) || text.contains("n't");
    let green = match (says(&GREEN, SIGNS[0]), says(&RED, SIGNS[1])) {
        _ if is_denied => return None,
        (true, false) => true,
        (false, true) => false,
        _ => return None,
    };
    let (wanted, signs) = match green {
        true => (GREEN, SIGNS[0]),
        false => (RED, SIGNS[1]),
    };
    let ends_so = words()
        .next_back()
        .is_some_and(|word| wanted.contains(&word));
    let is_plain = ends_so || text.trim_end().ends_with(signs);
    Some(Colour { green, is_plain })
}

impl Section<'_> {
    /// Whether it lists anything: text that leads to a list is none.
    pub fn lists(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| is_item(line) || !pages(line).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::End;

    const CANDIDATE: &str = r"^CANDIDATE (?<recipe>\S+) (?<from>\S+) -> (?<to>\S+)$";
    const SUMMARY: &str = "^===== SUMMARY =====$";

    fn ran(stdout: &str) -> Ran {
        Ran {
            end: End::Exited(0),
            stdout: stdout.into(),
            stderr: String::new(),
            stdout_bytes: stdout.len() as u64,
            stderr_bytes: 0,
            stdout_cut: false,
            milliseconds: 1500,
        }
    }

    #[test]
    fn candidates_are_what_the_flow_says_itself() {
        let names = |stdout: &str| -> Vec<String> {
            let found = candidates(&ran(stdout), CANDIDATE).unwrap();
            found.into_iter().map(|it| it.recipe).collect()
        };
        for (stdout, expected) in [
            ("", &[][..]),
            ("CANDIDATE a 1 -> 2\r\nCANDIDATE b 1 -> 2", &["a", "b"]),
            ("CANDIDATE a 1 -> 2\nCANDIDATE a 1 -> 2", &["a", "a"]),
            (
                "CANDIDATE a b 1 -> 2\nCANDIDATE  1 -> 2\nCANDIDATE a 1 2",
                &[],
            ),
            ("CANDIDATE -a/../$(b);'c' 1 -> 2", &["-a/../$(b);'c'"]),
            ("  CANDIDATE a 1 -> 2\nso: CANDIDATE a 1 -> 2", &[]),
            ("> CANDIDATE a 1 -> 2", &[]),
            ("```\nCANDIDATE a 1 -> 2\n```\nCANDIDATE b 1 -> 2", &["b"]),
            ("~~~~ text\nCANDIDATE a 1 -> 2\n~~~\n```", &[]),
            ("```a```\nCANDIDATE a 1 -> 2", &["a"]),
        ] {
            assert_eq!(names(stdout), expected, "{stdout:?}");
        }
        assert!(candidates(&ran(""), "(").unwrap_err().contains("`(`"));
        let bare = candidates(&ran("x"), "x").unwrap();
        assert_eq!((bare.len(), bare[0].recipe.as_str()), (1, ""));
    }

    #[test]
    fn a_summary_is_there_once() {
        let told = |stdout: &str| {
            let ran = ran(stdout);
            let sections = summary(&ran, SUMMARY)?;
            let sections = sections.iter();
            let told: Vec<String> = sections
                .map(|of| format!("{}|{}", of.heading, of.lines.join(";")))
                .collect();
            Ok(told.join(" "))
        };
        let line = "===== SUMMARY =====";
        for (stdout, expected) in [
            (format!("{line}\na\n# B\nc"), Ok("|a # B|c")),
            (format!("x\n{line}\n"), Ok("|")),
            (format!("{line}\na\n\n{line}\na\n"), Ok("|a;")),
            (
                format!("{line}\na\n{line}\nb"),
                Err("two summaries that differ: which one is meant is not known"),
            ),
            (
                format!("{line}\na\n{line}\nb\n{line}\na"),
                Err("two summaries that differ: which one is meant is not known"),
            ),
            (
                format!("> {line}\n> a"),
                Err(
                    "the summary stands in a quoted text or in code only (it printed 25 bytes and exited with 0)",
                ),
            ),
            (
                format!("```\n{line}\na\n```"),
                Err(
                    "the summary stands in a quoted text or in code only (it printed 29 bytes and exited with 0)",
                ),
            ),
            (
                "SUMMARY".to_owned(),
                Err("there is no summary (it printed 7 bytes and exited with 0)"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(told(&stdout), expected, "{stdout:?}");
        }
    }

    #[test]
    fn headings_are_told_from_what_looks_like_one() {
        for (line, expected) in [
            ("# A", true),
            ("  ###### A", true),
            ("#a", false),
            ("####### A", false),
            ("**Tests look stale**", true),
            ("**Tests look stale**:", true),
            ("__Tests look stale__", true),
            ("**Tests** look **stale**", false),
            ("****", false),
            ("Tests look stale:", true),
            (":", false),
            ("Tests look stale", false),
            ("- Tests look stale:", false),
            ("1. Tests look stale:", false),
            ("| Tests look stale:", false),
            ("http://f/o/r/pulls/1:", false),
            ("", false),
        ] {
            assert_eq!(is_heading(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_lists_something_has_entries_or_pages() {
        let lists = |line| {
            let lines = vec!["Two were opened.", line];
            Section { heading: "", lines }.lists()
        };
        for (line, expected) in [
            ("- a", true),
            ("  * a", true),
            ("+ a", true),
            ("12. a", true),
            ("1) a", true),
            ("| a |", true),
            ("see http://f/o/r/pulls/1", true),
            ("-a", false),
            ("12 were opened", false),
            ("see http://f/o/r/issues/1", false),
            (". a", false),
            ("", false),
        ] {
            assert_eq!(lists(line), expected, "{line:?}");
        }
    }

    #[test]
    fn pages_and_names_are_found_in_every_form() {
        for (line, expected, named) in [
            (
                "- a: http://f/o/a/pulls/1 — SUCCESS",
                &["http://f/o/a/pulls/1"][..],
                &["a", "SUCCESS"][..],
            ),
            (
                "[a.b](https://f/o/a/pulls/12), done.",
                &["https://f/o/a/pulls/12"],
                &["a.b", "done"],
            ),
            (
                "| `a_c` | <http://f/o/a/pulls/3> |",
                &["http://f/o/a/pulls/3"],
                &["a_c"],
            ),
            (
                "http://f/o/a/pulls/3/files#x a",
                &["http://f/o/a/pulls/3"],
                &["a"],
            ),
            ("http://f/o/a/pulls/ http://f/pulls", &[], &[]),
            (
                "http://f/a/pulls/1, http://f/b/pulls/2",
                &["http://f/a/pulls/1", "http://f/b/pulls/2"],
                &[],
            ),
            (
                "ftp://f/o/a/pulls/1",
                &[],
                &["ftp", "f", "o", "a", "pulls", "1"],
            ),
        ] {
            assert_eq!(pages(line), expected, "{line:?}");
            assert_eq!(names(line), named, "{line:?}");
        }
    }

    #[test]
    fn colours_are_said_in_many_words() {
        let of = |green, is_plain| Some(Colour { green, is_plain });
        for (line, expected) in [
            (
                "- a: http://f/o/a/pulls/1 — all tests green",
                of(true, true),
            ),
            ("- a: all tests green http://f/o/a/pulls/1", of(true, true)),
            ("- ✅ a: http://f/o/failed/pulls/1", of(true, true)),
            ("- ✅ a opened", of(true, false)),
            ("| a | Success |", of(true, true)),
            ("- a, red after 3 runs", of(false, false)),
            ("- a: repaired the failing health check", of(false, false)),
            ("- a: 12 tests, 0 failed", None),
            ("- a: 12 passed, 0 failed", of(true, true)),
            ("- a: 12 tests, 10 failed", of(false, true)),
            ("- 🔴 a", of(false, true)),
            ("- a: not green", None),
            ("- a: it isn't red any more", None),
            ("- a: red at first, then green", None),
            ("- a: successfully opened", None),
        ] {
            assert_eq!(colour(line, "a"), expected, "{line:?}");
        }
        for line in ["- red: opened", "- [red](http://f/o/red/pulls/1) opened"] {
            assert_eq!(colour(line, "red"), None, "{line:?}");
        }
    }

    #[test]
    fn results_are_whole_words() {
        use Outcome::{NotGreen, PendingTests, Success, TestPr};
        for (line, expected) in [
            ("- a: http://f/o/a/pulls/1 — SUCCESS", &[Success][..]),
            ("| a | **SUCCESS-PENDING-TESTS** |", &[PendingTests]),
            ("a: _SUCCESS+TESTPR_, see b", &[TestPr]),
            (
                "a: FAILED — upgrade not green after 3 !testme runs",
                &[NotGreen],
            ),
            ("a: `FAILED`: no", &[NotGreen]),
            ("a: SUCCESS, not FAILED, SUCCESS", &[Success, NotGreen]),
            (
                "http://f/o/SUCCESS/pulls/1 success SUCCESSES SUCCESS-X",
                &[],
            ),
        ] {
            assert_eq!(results(line), expected, "{line:?}");
        }
    }
}
