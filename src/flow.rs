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

/// The helper's answer, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperSaid {
    pub verdict: Result<Told, String>,
    /// The page behind `BUILD=`; `None` for `BUILD=?`.
    pub build: Result<Option<String>, String>,
}

impl Ran {
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
