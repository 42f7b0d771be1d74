//! The flow under verification, as commands of the configuration, and what they print. Interprets no verdict: it says what was said.

use serde::{Deserialize, Serialize};

/// How one run of the helper ended, and what it printed. Secrets are removed, long output is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub end: End,
    pub stdout: String,
    pub stderr: String,
    /// How many bytes were printed in all, also where not all of them were kept.
    pub stdout_bytes: u64,
    pub stderr_bytes: u64,
    /// Whether `stdout` is only the beginning of what was printed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdout_cut: bool,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Exited(i32),
    Signalled(i32),
    /// It was killed with its whole process group when its time was over.
    TimedOut,
    /// It could not be started; why.
    NotStarted(String),
}

/// What the helper says of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Green,
    Red,
    Pending,
}

impl Told {
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Red => "RED",
            Self::Pending => "PENDING",
        }
    }
}

/// What `/recipe-upgrade` says that came of it, in its last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Green.
    Success,
    /// The upgrade looks right, a test is stale, and the mode forbids touching tests.
    PendingTests,
    /// A pull request of the harness updates the stale test, and both were verified together.
    TestPr,
    /// It gave up; the pull request stays open.
    NotGreen,
}

impl Outcome {
    const ALL: [Self; 4] = [
        Self::Success,
        Self::PendingTests,
        Self::TestPr,
        Self::NotGreen,
    ];

    /// The one of this text, whatever blanks are around it.
    fn named(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|outcome| outcome.text() == text.trim())
    }

    /// The one whose text begins with this word.
    pub fn by_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|outcome| outcome.word() == word)
    }

    /// The first word of its text, by which a summary names it.
    pub fn word(self) -> &'static str {
        let text = self.text();
        text.split_once(' ').map_or(text, |(word, _)| word)
    }

    /// What stands behind `RESULT: `.
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::PendingTests => "SUCCESS-PENDING-TESTS",
            Self::TestPr => "SUCCESS+TESTPR",
            Self::NotGreen => "FAILED — upgrade not green after 3 !testme runs",
        }
    }
}

/// Why the output tells no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoResult {
    /// It has none at its end, or none that is known.
    Missing(String),
    /// It ends with one of which nobody can tell whether it is the run's own word.
    Unclear(String),
}

/// The lines of a text, by whose words they are. What is quoted or in a block of code, and so somebody else's, is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words<'a> {
    pub own: Vec<&'a str>,
    /// What stands in a block of code that never ends: all of it may be code, or the block a slip.
    pub unended: Vec<&'a str>,
}

/// Tells a text's own words from others'. A block of code ends with the sign that it began with, at least as many of it, alone on a line;
/// three of them around a word are no block.
pub fn words(text: &str) -> Words<'_> {
    let mut fence: Option<(char, usize)> = None;
    let mut words = Words::default();
    for line in text.lines().map(str::trim_end) {
        let bare = line.trim_start();
        let sign = bare.chars().next().unwrap_or(' ');
        let rest = bare.trim_start_matches(sign);
        let length = bare.len() - rest.len();
        match fence {
            Some((open, least)) if sign == open && length >= least && rest.is_empty() => {
                fence = None;
                words.unended.clear();
            }
            Some(_) => words.unended.push(line),
            None if length >= 3 && (sign == '~' || sign == '`' && !rest.contains('`')) => {
                fence = Some((sign, length));
            }
            None if sign == '>' => {}
            None => words.own.push(line),
        }
    }
    words
}

/// The helper's answer, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperSaid {
    pub verdict: Result<Told, String>,
    /// The page behind `BUILD=`; `None` for `BUILD=?`.
    pub build: Result<Option<String>, String>,
}

/// The answer of `verify-pr.sh`, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifySaid {
    pub verdict: Result<Told, String>,
    /// The commits that it says it tested, of the recipe and of the tests; none where it does not say.
    heads: [Option<String>; 2],
}

impl VerifySaid {
    /// Whether it says nothing else than that it tested these two.
    pub fn is_about(&self, recipe_head: &str, tests_head: &str) -> bool {
        let both = self.heads.iter().zip([recipe_head, tests_head]);
        both.into_iter()
            .all(|(said, head)| said.as_ref().is_none_or(|said| said == head))
    }
}

impl Ran {
    /// Reads what `verify-pr.sh` printed: `VERDICT=`, and `RECIPE_HEAD=` and `TESTS_HEAD=` where it says them.
    pub fn verify_said(&self) -> VerifySaid {
        let head = |name: &str| self.one_value(name).ok().map(str::to_owned);
        VerifySaid {
            verdict: self.helper_said().verdict,
            heads: [head("RECIPE_HEAD"), head("TESTS_HEAD")],
        }
    }

    /// Reads `VERDICT=` and `BUILD=`, each at the start of a line. Twice the same is once; two different ones are none.
    pub fn helper_said(&self) -> HelperSaid {
        HelperSaid {
            verdict: self.one_value("VERDICT").and_then(|word| match word {
                "GREEN" => Ok(Told::Green),
                "RED" => Ok(Told::Red),
                "PENDING" => Ok(Told::Pending),
                other => Err(format!("`VERDICT={}` is no verdict", clip(other))),
            }),
            build: self.one_value("BUILD").and_then(|page| match page {
                "?" => Ok(None),
                "" => Err("`BUILD=` names nothing".into()),
                page => Ok(Some(page.to_owned())),
            }),
        }
    }

    /// Reads the result: the last line that is not empty, `RESULT: ` and one of the known texts. In a quoted text or a block of code it
    /// is somebody else's word; and where another one stands before it, it is not known which one is meant.
    pub fn result_said(&self) -> Result<Outcome, NoResult> {
        const NAME: &str = "RESULT:";
        let missing = |why| Err(NoResult::Missing(why));
        let named = |line: &str| line.strip_prefix(NAME).and_then(Outcome::named);
        if self.stdout_cut {
            return missing(format!(
                "too much output to look for `{NAME}` in ({})",
                self.ending()
            ));
        }
        let Words {
            own: mut said,
            mut unended,
        } = words(&self.stdout);
        for lines in [&mut said, &mut unended] {
            lines.retain(|line| line.starts_with(NAME));
            lines.dedup();
        }
        let all = self.stdout.lines().map(str::trim_end);
        let mut filled = all.filter(|line| !line.is_empty());
        let quoted = filled.clone().map(str::trim_start).rfind(|line| {
            line.trim_start_matches(['>', ' ', '`', '*'])
                .starts_with(NAME)
        });
        let last = filled.next_back().unwrap_or_default();
        match (&said[..], &unended[..], quoted) {
            ([one], ..) if *one != last => missing(format!(
                "`{}` is not the last line, behind it stands `{}`",
                clip(one),
                clip(last)
            )),
            ([one], ..) => {
                named(one).ok_or_else(|| NoResult::Missing(format!("`{}` is no result", clip(one))))
            }
            ([], [one], _) if *one == last && named(one).is_some() => {
                Err(NoResult::Unclear(format!(
                    "`{}` is the last line, in a block of code that begins and never ends: whether it is the run's own word cannot be told",
                    clip(one)
                )))
            }
            ([], _, None) => missing(format!("no `{NAME}` line ({})", self.ending())),
            ([], _, Some(quoted)) => missing(format!(
                "`{}` stands in a quoted text or in code only ({})",
                clip(quoted),
                self.ending()
            )),
            ([first, .., last], ..) => missing(format!(
                "two results: first `{}`, last `{}`",
                clip(first),
                clip(last)
            )),
        }
    }

    fn one_value(&self, name: &str) -> Result<&str, String> {
        if self.stdout_cut {
            return Err(format!(
                "too much output to look for `{name}=` in ({})",
                self.ending()
            ));
        }
        let mut values = self
            .stdout
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix('='))
            .collect::<Vec<_>>();
        values.dedup();
        match values[..] {
            [one] => Ok(one),
            [] => Err(format!("no `{name}=` line ({})", self.ending())),
            [first, .., last] => Err(format!(
                "`{name}=` was printed with different values, first `{}`, last `{}`",
                clip(first),
                clip(last)
            )),
        }
    }

    /// How it ended, in words.
    pub fn ending(&self) -> String {
        let printed = match self.stdout_bytes {
            0 => "printed nothing".to_owned(),
            bytes => format!("printed {bytes} bytes"),
        };
        match &self.end {
            End::Exited(code) => format!("it {printed} and exited with {code}"),
            End::Signalled(signal) => format!("it {printed} and was ended by signal {signal}"),
            End::TimedOut => format!(
                "it {printed} and was killed after {:.1} s, since it did not end",
                self.milliseconds as f64 / 1000.0
            ),
            End::NotStarted(why) => format!("it could not be started: {why}"),
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect::<String>().replace('`', "'")
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

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
    fn what_the_helper_says_is_read_and_nothing_else() {
        let green = ran("VERDICT=GREEN\nBUILD=https://drone.example/o/r/12\n").helper_said();
        assert_eq!(green.verdict, Ok(Told::Green));
        assert_eq!(
            green.build,
            Ok(Some("https://drone.example/o/r/12".to_owned()))
        );

        let pending = ran("waiting\r\nVERDICT=PENDING\r\nBUILD=?\r\n").helper_said();
        assert_eq!(pending.verdict, Ok(Told::Pending));
        assert_eq!(pending.build, Ok(None));

        assert_eq!(
            ran("VERDICT=RED\nVERDICT=RED").helper_said().verdict,
            Ok(Told::Red)
        );
    }

    #[test]
    fn what_verify_pr_says_is_read_with_what_it_says_it_tested() {
        let said = ran("testing\nRECIPE_HEAD=aa\nTESTS_HEAD=bb\nVERDICT=RED\n").verify_said();
        assert_eq!(said.verdict, Ok(Told::Red));
        assert!(said.is_about("aa", "bb"));
        assert!(!said.is_about("aa", "aa") && !said.is_about("bb", "bb"));
        let silent = ran("VERDICT=GREEN\n").verify_said();
        assert!(silent.is_about("aa", "bb"));
        assert!(ran("RECIPE_HEAD=aa").verify_said().verdict.is_err());
    }

    #[test]
    fn what_is_no_answer_is_told_as_what_it_is() {
        for (stdout, expected) in [
            (
                "",
                "no `VERDICT=` line (it printed nothing and exited with 0)",
            ),
            (
                "  VERDICT=GREEN",
                "no `VERDICT=` line (it printed 15 bytes and exited with 0)",
            ),
            ("VERDICT=green", "`VERDICT=green` is no verdict"),
            (
                "VERDICT=GREEN\nVERDICT=RED",
                "`VERDICT=` was printed with different values, first `GREEN`, last `RED`",
            ),
            (
                "VERDICT=GREEN\nVERDICT=RED\nVERDICT=GREEN",
                "`VERDICT=` was printed with different values, first `GREEN`, last `GREEN`",
            ),
        ] {
            assert_eq!(
                ran(stdout).helper_said().verdict,
                Err(expected.to_owned()),
                "{stdout:?}"
            );
        }
    }

    #[test]
    fn a_result_is_the_last_line_and_nothing_else() {
        let said = |text: &str| ran(text).result_said();
        for outcome in Outcome::ALL {
            let text = format!("working\nRESULT: {}\n\n", outcome.text());
            assert_eq!(said(&text), Ok(outcome));
        }
        assert_eq!(
            said("RESULT: SUCCESS\nRESULT: SUCCESS\r\n"),
            Ok(Outcome::Success)
        );
        assert_eq!(
            said("> RESULT: SUCCESS+TESTPR\n```\nRESULT: SUCCESS+TESTPR\n```\nRESULT: SUCCESS"),
            Ok(Outcome::Success)
        );
        for (stdout, expected) in [
            (
                "",
                "no `RESULT:` line (it printed nothing and exited with 0)",
            ),
            (
                "RESULT: SUCCESS\ndone",
                "`RESULT: SUCCESS` is not the last line, behind it stands `done`",
            ),
            (
                "RESULT: SUCCESS\nRESULT: SUCCESS-PENDING-TESTS",
                "two results: first `RESULT: SUCCESS`, last `RESULT: SUCCESS-PENDING-TESTS`",
            ),
            (
                "> RESULT: SUCCESS",
                "`> RESULT: SUCCESS` stands in a quoted text or in code only (it printed 17 bytes and exited with 0)",
            ),
            (
                "```\nRESULT: SUCCESS\n```",
                "`RESULT: SUCCESS` stands in a quoted text or in code only (it printed 23 bytes and exited with 0)",
            ),
            (
                "  RESULT: SUCCESS",
                "`RESULT: SUCCESS` stands in a quoted text or in code only (it printed 17 bytes and exited with 0)",
            ),
            ("RESULT: GREEN", "`RESULT: GREEN` is no result"),
            (
                "RESULT:RESULT: SUCCESS",
                "`RESULT:RESULT: SUCCESS` is no result",
            ),
            (
                "RESULT: FAILED - upgrade not green after 3 !testme runs",
                "`RESULT: FAILED - upgrade not green after 3 !testme runs` is no result",
            ),
        ] {
            let expected = NoResult::Missing(expected.to_owned());
            assert_eq!(said(stdout), Err(expected), "{stdout:?}");
        }
        let mut cut = ran("RESULT: SUCCESS");
        cut.stdout_cut = true;
        assert!(
            matches!(cut.result_said(), Err(NoResult::Missing(why)) if why.starts_with("too much"))
        );
    }

    #[test]
    fn what_only_looks_like_a_block_of_code_hides_no_result() {
        let said = |text: &str| ran(text).result_said();
        for before in [
            "```x```",
            "```one``` and ```two```",
            "~~~~\n~~~\n```\n~~~~",
            "````\n```\n````",
            "```sh\nmake\n```",
        ] {
            let text = format!("{before}\nRESULT: SUCCESS\n");
            assert_eq!(said(&text), Ok(Outcome::Success), "{before:?}");
        }
        // Of a block that never ends nobody knows where it was to end.
        for text in [
            "```\nRESULT: SUCCESS",
            "```sh\nmake\n```` x\nRESULT: SUCCESS\n\n",
            "```\nmake\n```\n~~~\nRESULT: SUCCESS\nRESULT: SUCCESS",
        ] {
            assert!(matches!(said(text), Err(NoResult::Unclear(_))), "{text:?}");
        }
        // Neither reading makes a result of these.
        for text in [
            "```\nRESULT: GREEN",
            "```\nRESULT: SUCCESS\nbye",
            "```\n  RESULT: SUCCESS",
            "```\nRESULT: SUCCESS+TESTPR\nRESULT: SUCCESS",
            "RESULT: SUCCESS+TESTPR\n```\nRESULT: SUCCESS",
        ] {
            assert!(matches!(said(text), Err(NoResult::Missing(_))), "{text:?}");
        }
    }

    #[test]
    fn endings_have_words() {
        let mut hung = ran("");
        hung.end = End::TimedOut;
        assert_eq!(
            hung.ending(),
            "it printed nothing and was killed after 1.5 s, since it did not end"
        );
        hung.end = End::NotStarted("no such file".into());
        assert_eq!(hung.ending(), "it could not be started: no such file");
    }
}
