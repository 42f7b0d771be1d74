//! What a comment says of tests and versions: which tests it calls stale, whether it gives a reason, how it says to go on. Pure.

use super::gate::visible;
use super::sight::Results;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// One test, as texts may name it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub recipe: &'a str,
    /// `stage/name`.
    pub test: &'a str,
    /// Where it stands in the harness's repository; empty where that is not known.
    pub file: &'a str,
}

/// What a reader sees of a comment, sentence by sentence. What is quoted is somebody else's word.
#[derive(Debug)]
pub struct Note(Vec<Sentence>);

#[derive(Debug)]
struct Sentence {
    /// The heading, or the line that ends with a colon, under which it stands.
    lead: String,
    text: String,
    words: Vec<Word>,
}

/// A word, without what stands around it.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    text: String,
    is_code: bool,
}

/// What a comment calls stale.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// As `stage/name` where it is a test that was run, and as it is written where it is none.
    pub stale: BTreeSet<String>,
    /// Tests of which a sentence may say that they are stale, or that they are not.
    pub unclear: BTreeSet<String>,
}

/// Whether a text says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Yes,
    /// There are words of which it cannot be told whether they say it.
    Unclear,
    No,
}

/// For the constants below, each of which the tests try.
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a regex")
}

static STALE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(stale|outdated|obsolete|out[- ]of[- ]date|no longer (?:valid|right|correct|true|applies))\b",
    )
});
static OTHERWISE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(pass(?:es|ed|ing)?|green|succeed(?:s|ed)?|fine|ok|not|no|never|nor|neither|isn't|aren't)\b",
    )
});
/// Where one statement ends within a sentence, and another may begin.
static PARTS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i),\s|\s(?:and|but|while|whereas|because|since)\s|\s[–—-]\s"));
static REASON: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(because|since|due to|expects?|asserts?|hard-?coded|pinned|written for|compares|looks for|(?:old|previous|earlier|former) version|version before)\b",
    )
});
static ABOUT_A_TEST: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(tests?|it|they|assertion|check)\b"));
static AGAIN: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\bre-?run\b|\brun\s+(?:\S+\s+){0,3}(?:again|once more)\b"));
static NEVER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(not|never|don['’]t|cannot|without)\b"));
/// A negation of what follows at once.
static NEVER_THAT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:not|never|don['’]t|cannot)\s+(?:\S+\s+)?(?:re-?run|run)\b"));
/// A negation that the next parts of the sentence are about.
static ENDS_IN_NEVER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:not|never|don['’]t|cannot)$"));
/// What stands before or behind a version that a sentence names only as the one that was left.
const LEFT_BEHIND: [&str; 2] = ["from", "between"];
const GONE_TO: [&str; 2] = ["to", ARROW];
const ARROW: &str = "→";
/// Words of a sentence that calls a test stale and says no more. With this many others there may be a reason among them.
const CLAIM: [&str; 34] = [
    "a", "after", "and", "appears", "are", "at", "be", "being", "by", "failed", "fails", "for",
    "from", "in", "is", "it", "its", "looks", "new", "newer", "now", "of", "on", "one", "only",
    "seems", "test", "tests", "the", "this", "to", "upgrade", "version", "with",
];
const OTHER_WORDS: usize = 3;

impl Note {
    pub fn read(body: &str) -> Note {
        let mut note = Note(Vec::new());
        let (mut heading, mut lead) = (String::new(), String::new());
        let mut block = String::new();
        let mut is_fenced = false;
        let body = alike(&visible(body));
        for line in body.lines().map(str::trim).chain([""]) {
            let is_fence = line.starts_with("```") || line.starts_with("~~~");
            let is_heading = !is_fenced && line.starts_with('#');
            let is_item = is_fenced || begins_item(line);
            let is_quoted = !is_fenced && line.starts_with('>');
            if line.is_empty() || is_fence || is_heading || is_item || is_quoted {
                note.add(&block, &heading, &mut lead);
                block.clear();
            }
            if is_fence {
                is_fenced = !is_fenced;
            } else if is_heading {
                line.trim_matches(['#', ' ']).clone_into(&mut heading);
                lead.clear();
            } else if is_quoted {
                lead.clear();
            } else if is_fenced {
                block = format!("- `{line}`");
            } else {
                block.push(' ');
                block.push_str(line);
            }
        }
        note
    }

    /// Adds what stands together. A line that ends with a colon leads the list that follows it.
    fn add(&mut self, block: &str, heading: &str, lead: &mut String) {
        let block = block.trim();
        if block.is_empty() {
            return;
        }
        let is_item = begins_item(block);
        let under = if is_item { lead.as_str() } else { "" };
        for text in sentences(block) {
            self.0.push(Sentence {
                lead: format!("{heading} {under}"),
                words: words(text),
                text: text.to_owned(),
            });
        }
        if !is_item {
            let leads = block.trim_end_matches(['*', '_', ' ']).ends_with(':');
            *lead = if leads {
                block.to_owned()
            } else {
                String::new()
            };
        }
    }

    /// Whether a test is named, by its path or its name.
    pub fn names(&self, test: &Named<'_>) -> bool {
        let mut words = self.words();
        words.any(|word| word.names(test))
    }

    /// Whether one of these stands there as a word.
    pub fn holds(&self, wanted: &[&str]) -> bool {
        let mut words = self.words();
        words.any(|word| wanted.contains(&word.text.as_str()))
    }

    /// Whether it says why a test is stale: what it expects, or the version that it is about, in a sentence about the test.
    pub fn gives_a_reason(&self, test: &Named<'_>, old: &str) -> Told {
        let told = self
            .0
            .iter()
            .map(|sentence| sentence.gives_a_reason(test, old));
        told.min().unwrap_or(Told::No)
    }

    /// Whether it says that the way on is to run the skill on this recipe again, with `flag`.
    pub fn says_rerun(&self, recipe: &str, flag: &str) -> Told {
        let told = self
            .0
            .iter()
            .map(|sentence| sentence.says_rerun(recipe, flag));
        told.min().unwrap_or(Told::No)
    }

    /// Which tests it calls stale, of those that were run and of others.
    pub fn claims(&self, results: &Results, stale: &Named<'_>) -> Claims {
        let mut claims = Claims::default();
        let says_stale = |text: &str| says_stale(text, stale);
        for sentence in &self.0 {
            let names = |text: &str| -> Vec<String> {
                let words = words(text).into_iter();
                words.filter_map(|word| word.test(results, stale)).collect()
            };
            // `Stale tests: one, two` is a list under a line of its own.
            let (lead, text) = match sentence.text.split_once(": ") {
                Some((lead, rest)) if says_stale(lead) && names(lead).is_empty() => {
                    (format!("{} {lead}", sentence.lead), rest)
                }
                _ => (sentence.lead.clone(), &sentence.text[..]),
            };
            let under_stale = says_stale(&lead);
            if !under_stale && !says_stale(text) {
                continue;
            }
            // Tests that were named, and of which nothing was said yet.
            let mut named = BTreeSet::new();
            for part in PARTS.split(text) {
                named.extend(names(part));
                let is_stale = says_stale(part);
                let is_other = OTHERWISE.is_match(part);
                match (is_stale, is_other) {
                    (true, false) => claims.stale.append(&mut named),
                    (true, true) => claims.unclear.append(&mut named),
                    (false, true) if under_stale => claims.unclear.append(&mut named),
                    (false, true) => named.clear(),
                    (false, false) => {}
                }
            }
            let of_the_lead = if under_stale && !OTHERWISE.is_match(&lead) {
                &mut claims.stale
            } else {
                &mut claims.unclear
            };
            of_the_lead.append(&mut named);
        }
        claims
    }

    fn words(&self) -> impl Iterator<Item = &Word> {
        self.0.iter().flat_map(|sentence| &sentence.words)
    }
}

/// Whether a text calls something stale. A recipe may be named like that, and says nothing by its name.
fn says_stale(text: &str, about: &Named<'_>) -> bool {
    match about.recipe {
        "" => STALE.is_match(text),
        recipe => STALE.is_match(&text.replace(recipe, "recipe")),
    }
}

impl Sentence {
    fn has(&self, wanted: &str) -> bool {
        self.words.iter().any(|word| word.text == wanted)
    }

    fn gives_a_reason(&self, test: &Named<'_>, old: &str) -> Told {
        let text = &self.text;
        let is_named = self.words.iter().any(|word| word.names(test));
        let is_about_it = is_named || says_stale(text, test) || ABOUT_A_TEST.is_match(text);
        if is_about_it && (REASON.is_match(text) || self.tells_of(old)) {
            return Told::Yes;
        }
        match (is_named || self.calls_stale()) && !AGAIN.is_match(text) && self.says_more(test) {
            true => Told::Unclear,
            false => Told::No,
        }
    }

    /// Whether it calls something stale; a recipe may be named like that, too.
    fn calls_stale(&self) -> bool {
        let mut plain = self.words.iter().filter(|word| !word.is_code);
        plain.any(|word| {
            let found = STALE.find(&word.text);
            found.is_some_and(|found| found.len() == word.text.len())
        })
    }

    /// Whether there is more in it than that a test is stale.
    fn says_more(&self, test: &Named<'_>) -> bool {
        let is_more = |word: &&Word| {
            let text = word.text.to_lowercase();
            let is_claim = CLAIM.contains(&&text[..]) || STALE.is_match(&text);
            let is_word = text.contains(char::is_alphabetic) && !word.is_code;
            is_word && !is_claim && !word.names(test)
        };
        self.words.iter().filter(is_more).count() >= OTHER_WORDS
    }

    /// Whether it says something of a version, and not only that it was left for another.
    fn tells_of(&self, version: &str) -> bool {
        let word = |at: Option<usize>| {
            let word = at.and_then(|at| self.words.get(at));
            word.map_or("", |word| word.text.as_str())
        };
        let mut named = self.words.iter().enumerate();
        named.any(|(at, named)| {
            let (before, behind) = (word(at.checked_sub(1)), word(Some(at + 1)));
            let was_left = LEFT_BEHIND.iter().any(|it| it.eq_ignore_ascii_case(before))
                || GONE_TO.contains(&behind);
            named.text == version && !was_left
        })
    }

    fn says_rerun(&self, recipe: &str, flag: &str) -> Told {
        let is_command = |word: &Word| word.text.ends_with("recipe-upgrade");
        let is_any_command = self.words.iter().any(is_command);
        let is_command = is_any_command && self.has(recipe);
        let is_said = is_command || AGAIN.is_match(&self.text);
        if !self.has(flag) || is_any_command && !is_command || NEVER_THAT.is_match(&self.text) {
            return Told::No;
        }
        match (is_said, self.denies(flag)) {
            (true, false) => Told::Yes,
            (false, true) => Told::No,
            (true, true) | (false, false) => Told::Unclear,
        }
    }

    /// Whether a negation stands where the flag or the running again does, or leads there.
    fn denies(&self, flag: &str) -> bool {
        let mut is_led = false;
        let mut parts = PARTS.split(&self.text);
        parts.any(|part| {
            let is_it = part.contains(flag) || AGAIN.is_match(part);
            let is_denied = is_it && (is_led || NEVER.is_match(part));
            is_led |= ENDS_IN_NEVER.is_match(part.trim());
            is_denied
        })
    }
}

impl Word {
    /// A name alone counts where it cannot be an ordinary word; a path, where it leads to this test and no other.
    fn names(&self, test: &Named<'_>) -> bool {
        let Some((stage, name)) = test.test.split_once('/') else {
            return false;
        };
        let (folders, last) = self.path();
        let (file_folders, file) = split(test.file);
        let is_file = !file.is_empty() && last == file;
        let is_name = last == name || is_with_ending(last, name);
        if folders.is_empty() {
            let ordinary = last.chars().all(char::is_alphabetic);
            return (is_file || is_name) && (self.is_code || !ordinary);
        }
        is_file && ends_alike(&folders, &file_folders)
            || is_name
                && (ends_alike(&folders, &[test.recipe, stage])
                    || ends_alike(&folders, &file_folders))
    }

    /// The test that this word names: one that was run, or a path that looks like one.
    fn test(&self, results: &Results, stale: &Named<'_>) -> Option<String> {
        if self.names(stale) {
            return Some(stale.test.to_owned());
        }
        let known = results.stages.iter().flat_map(|stage| {
            let of = |test: &super::sight::Test| format!("{}/{}", stage.name, test.name);
            stage.tests.iter().map(of)
        });
        let mut known = known.filter(|test| {
            self.names(&Named {
                test,
                file: "",
                ..*stale
            })
        });
        if let Some(known) = known.next() {
            return Some(known);
        }
        let (folders, last) = self.path();
        let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned());
        let is_like_it = ending(last).is_some_and(|of| Some(of) == ending(stale.file));
        (is_like_it && !folders.is_empty()).then(|| self.text.clone())
    }

    fn path(&self) -> (Vec<&str>, &str) {
        split(&self.text)
    }
}

/// The folders of a path, and what is in the last of them.
fn split(path: &str) -> (Vec<&str>, &str) {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let last = parts.pop().unwrap_or_default();
    (parts, last)
}

/// Whether the shorter of two paths is the end of the longer.
fn ends_alike(one: &[&str], other: &[&str]) -> bool {
    let both = one.iter().rev().zip(other.iter().rev());
    !one.is_empty() && !other.is_empty() && both.into_iter().all(|(one, other)| one == other)
}

fn is_with_ending(file: &str, name: &str) -> bool {
    let ending = file
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('.'));
    ending.is_some_and(|ending| ending.chars().all(char::is_alphanumeric))
}

fn begins_item(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* ", "+ ", "|"]
        .iter()
        .any(|sign| line.starts_with(sign))
        || numbered.len() < line.len() && (numbered.starts_with(". ") || numbered.starts_with(") "))
}

/// Cuts behind every stop that is followed by a space, outside of code.
fn sentences(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut is_code) = (0, false);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '`' {
            is_code = !is_code;
        }
        if c.is_whitespace() && !is_code && matches!(before, '.' | '!' | '?' | ';') {
            parts.push(text[from..at].trim());
            from = at;
        }
        before = c;
    }
    parts.push(text[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Hyphens and arrows, which there are several of, each as one.
fn alike(text: &str) -> String {
    let text = text.replace(['\u{2010}', '\u{2011}'], "-");
    let text = text.replace("->", ARROW).replace("=>", ARROW);
    text.replace(['⟶', '⇒', '→'], " → ")
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    // What stands between two of these is code, every second time.
    for (at, part) in text.split('`').enumerate() {
        let apart = |c: char| c.is_whitespace() || "()[]{}<>\"'*,;:|!?=".contains(c);
        for word in part.split(apart) {
            let word = word.trim_start_matches("./");
            let word = word.trim_end_matches('.').trim_matches('_');
            if !word.is_empty() {
                words.push(Word {
                    text: word.to_owned(),
                    is_code: at % 2 == 1,
                });
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &str = "tests/sandbox-stale/functional/tells-its-version.sh";
    const STALE_TEST: Named<'static> = Named {
        recipe: "sandbox-stale",
        test: "functional/tells-its-version",
        file: FILE,
    };

    fn results() -> Results {
        let test = |name: &str| json!({ "name": name, "status": "passed" });
        let stages = json!([
            { "name": "install", "tests": [test("answers")] },
            { "name": "functional", "tests": [test("stays-up"), test("tells-its-version")] },
        ]);
        serde_json::from_value(json!({ "stages": stages })).unwrap()
    }

    #[test]
    fn a_test_is_named_by_its_path_or_its_name_and_not_by_a_path_to_another() {
        for named in [
            "tells-its-version is stale",
            "the test **tells-its-version**",
            "`tests/sandbox-stale/functional/tells-its-version.sh`",
            "functional/tells-its-version",
            "functional/tells-its-version.sh.",
            "sandbox-stale/functional/tells-its-version",
            "tells-its-version.sh:4",
            "https://forge/org/cc-ci/src/branch/main/tests/sandbox-stale/functional/tells-its-version.sh",
            "[it](cc-ci/tests/sandbox-stale/functional/tells-its-version.sh)",
            "```\nfunctional/tells-its-version\n```",
        ] {
            assert!(Note::read(named).names(&STALE_TEST), "{named}");
        }
        for other in [
            "",
            "the test that tells its version",
            "install/tells-its-version",
            "tests/custom-html-tiny/functional/tells-its-version.sh",
            "other/functional/tells-its-version",
            "functional/tells-its-version-too",
            "functional/tells-its-version.old.sh",
            "<!-- functional/tells-its-version -->",
            "> functional/tells-its-version",
            "functional",
        ] {
            assert!(!Note::read(other).names(&STALE_TEST), "{other}");
        }
        let answers = Named {
            test: "install/answers",
            file: "",
            ..STALE_TEST
        };
        assert!(!Note::read("the site answers").names(&answers));
        assert!(Note::read("`answers` and others").names(&answers));
        let elsewhere = Named {
            file: "checks/version_test.py",
            ..STALE_TEST
        };
        assert!(Note::read("checks/version_test.py::test_it").names(&elsewhere));
        assert!(!Note::read("other/version_test.py").names(&elsewhere));
    }

    #[test]
    fn versions_are_whole_words() {
        let note = Note::read("To `lab/talkative:2.0.0`, from 1.4.0; label=1.3.0+2.0.0.");
        for word in ["2.0.0", "1.4.0", "1.3.0+2.0.0"] {
            assert!(note.holds(&[word]), "{word}");
        }
        assert!(!Note::read("2.0.0-rc2 and 12.0.0").holds(&["2.0.0"]));
    }

    #[test]
    fn a_reason_is_about_the_test() {
        let gives = |text: &str| Note::read(text).gives_a_reason(&STALE_TEST, "1.4.0");
        for text in [
            "It is stale, because it expects the version before.",
            "`tells-its-version` wants 1.4.0",
            "The test is hard-coded to one version.",
            "Stale tests:\n- functional/tells-its-version: asserts the server's name",
            "`tells-its-version` is stale: 1.4.0 is all that it knows, and not 2.0.0",
        ] {
            assert_eq!(gives(text), Told::Yes, "{text}");
        }
        for text in [
            "`tells-its-version` is stale: the greeting it wants changed its wording.",
            "The stale one looks at a line that upstream dropped.",
        ] {
            assert_eq!(gives(text), Told::Unclear, "{text}");
        }
        for text in [
            "The test is stale.",
            "Upgraded from 1.4.0 to 2.0.0, because there is a newer version.",
            "`tells-its-version` is stale after the upgrade from 1.4.0 to 2.0.0",
            "`tells-its-version` is stale after the upgrade `1.4.0` -> `2.0.0`",
            "`tells-its-version` is stale (1.4.0→2.0.0)",
            "> the test is stale because it expects 1.4.0",
            "sandbox-stale was upgraded, because there is a newer version.",
        ] {
            assert_eq!(gives(text), Told::No, "{text}");
        }
    }

    #[test]
    fn the_way_on_is_said_and_not_only_named() {
        let says = |text: &str| Note::read(text).says_rerun("sandbox-stale", "--with-tests");
        for text in [
            "re-run `--with-tests`",
            "Please rerun with `--with-tests`.",
            "re\u{2011}run `--with\u{2011}tests`",
            "Run the skill again with --with-tests",
            "To update it: `/recipe-upgrade sandbox-stale --with-tests`",
            "To update it → `/recipe-upgrade sandbox-stale --with-tests`",
            "Since tests are not edited in default mode, re-run `/recipe-upgrade sandbox-stale --with-tests` to have it updated.",
        ] {
            assert_eq!(says(text), Told::Yes, "{text}");
        }
        for text in [
            "The flag for it is `--with-tests`.",
            "Use `--with-tests` to have it updated.",
            "Nothing is updated unless you do not forget to re-run with `--with-tests`.",
        ] {
            assert_eq!(says(text), Told::Unclear, "{text}");
        }
        for text in [
            "This run was without `--with-tests`.",
            "Do not re-run it with `--with-tests`.",
            "`/recipe-upgrade other --with-tests`",
            "re-run `--with-test`",
            "Re-run it.",
        ] {
            assert_eq!(says(text), Told::No, "{text}");
        }
        let led = "Do not, whatever happens, re-run it with `--with-tests`.";
        assert_ne!(says(led), Told::Yes);
    }

    #[test]
    fn what_is_called_stale_is_told_from_what_is_named_beside_it() {
        let claims = |text: &str| {
            let claims = Note::read(text).claims(&results(), &STALE_TEST);
            let shown = |of: BTreeSet<String>| of.into_iter().collect::<Vec<_>>().join(" ");
            (shown(claims.stale), shown(claims.unclear))
        };
        let version = "functional/tells-its-version";
        let both = "functional/stays-up functional/tells-its-version";
        for (text, stale, unclear) in [
            (
                "`tells-its-version` is stale. stays-up passes.",
                version,
                "",
            ),
            ("stays-up passes; tells-its-version is stale", version, ""),
            ("stays-up passes, tells-its-version is stale", version, ""),
            ("tells-its-version is stale, not stays-up", version, ""),
            (
                "stays-up and `tells-its-version` are stale, since they do not know 2.0.0",
                both,
                "",
            ),
            (
                "tells-its-version, which is stale, but stays-up",
                version,
                "functional/stays-up",
            ),
            ("Stale tests:\n- stays-up passes", "", "functional/stays-up"),
            ("Not stale:\n- stays-up", "", "functional/stays-up"),
            (
                "- tells-its-version is stale: it expects 1.4.0",
                version,
                "",
            ),
            ("Stale tests: tells-its-version, stays-up", both, ""),
            ("stays-up is not stale", "", "functional/stays-up"),
            ("`tells-its-version`, `stays-up` are outdated.", both, ""),
            ("The tests are stale.\n- stays-up", "", ""),
            (
                "These tests are stale:\n\n- stays-up\n- tells-its-version",
                both,
                "",
            ),
            (
                "These are stale:\n- stays-up\n\nAnd tells-its-version",
                "functional/stays-up",
                "",
            ),
            (
                "## Stale tests\n\nstays-up\n\n## Others\n\ntells-its-version",
                "functional/stays-up",
                "",
            ),
            (
                "Stale:\n```\nfunctional/stays-up\n```",
                "functional/stays-up",
                "",
            ),
            (
                "The stale one is\ntests/sandbox-stale/functional/stays-up.sh",
                "functional/stays-up",
                "",
            ),
            (
                "Stale: tests/sandbox-stale/functional/gone.sh and other/functional/tells-its-version.sh",
                "other/functional/tells-its-version.sh tests/sandbox-stale/functional/gone.sh",
                "",
            ),
            (
                "It is stale; backup/restore was run, and the site answers",
                "",
                "",
            ),
            ("```\n# the stale one\n./verify.sh\n```\nstays-up", "", ""),
            (
                "* stays-up passes\n* tells-its-version is stale",
                version,
                "",
            ),
            (
                "1) stays-up passes\n2) tells-its-version is stale",
                version,
                "",
            ),
            (
                "The test that is stale with\n2.0.0 is tells-its-version",
                version,
                "",
            ),
            ("The stale one (of two\n) is tells-its-version", version, ""),
            ("`tells-its-version; echo $?` is stale", version, ""),
            (
                "tells-its-version is stale, as docs/upgrade has it",
                version,
                "",
            ),
            (
                "tests/sandbox-stale/functional/answers.sh is stale",
                "tests/sandbox-stale/functional/answers.sh",
                "",
            ),
            (
                "## sandbox-stale 1.4.0 to 2.0.0\n\n- stays-up ok\n- tells-its-version is stale",
                version,
                "",
            ),
            (
                "Results of sandbox-stale: stays-up ok, tells-its-version stale",
                version,
                "",
            ),
            (
                "tests/sandbox-stale/functional/stays-up.sh went well",
                "",
                "",
            ),
            ("Nothing is said", "", ""),
        ] {
            assert_eq!(
                claims(text),
                (stale.to_owned(), unclear.to_owned()),
                "{text}"
            );
        }
    }
}
