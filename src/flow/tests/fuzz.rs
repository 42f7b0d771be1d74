//! Whatever the flow prints.

use super::*;
use crate::fuzz::{LONGEST, RUNS, text};

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "RESULT: SUCCESS", "RESULT: SUCCESS-PENDING-TESTS", "RESULT: SUCCESS+TESTPR", "RESULT: FAILED — upgrade not green after 3 !testme runs", "RESULT:", "RESULT: GREEN",
    "\nRESULT: SUCCESS\n", "\nVERDICT=GREEN\n", "\nVERDICT=RED\n", "VERDICT=", "GREEN", "RED", "PENDING", "\nBUILD=?\n", "\nBUILD=https://drone.example/o/r/12\n",
    "\nRECIPE_HEAD=aa\n", "TESTS_HEAD=", "\n", "\r\n", "\r", "\n\n", " ", "\t", "> ", "\n> ", "```", "\n```\n", "\n```sh\n", "````", "~~~", "\n~~~\n", "`", "**", "\u{a0}",
    "\u{85}", "\u{2028}", "\0", "\u{1b}[31m", "ü", "—",
];

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

#[test]
fn fuzz() {
    bolero::check!(name = "printed")
        .with_iterations(RUNS)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            let printed = text(input, WORDS);
            let said = ran(&printed).result_said();
            if let Ok(outcome) = said {
                let last = printed
                    .lines()
                    .map(str::trim_end)
                    .rfind(|line| !line.is_empty());
                let result = last.and_then(|line| line.strip_prefix("RESULT:"));
                assert_eq!(result.map(str::trim), Some(outcome.text()));
                for other in Outcome::ALL.into_iter().filter(|other| *other != outcome) {
                    let before = format!("RESULT: {}\n{printed}", other.text());
                    assert!(ran(&before).result_said().is_err(), "{before:?}");
                }
                assert!(ran(&format!("{printed}\nbye")).result_said().is_err());
            }
            // What ends its lines otherwise, or in more of them, says the same.
            assert_eq!(
                ran(&format!("{printed}\n \n\n")).result_said().ok(),
                said.ok()
            );
            for hidden in [
                quoted(&printed),
                format!("{0}\n{printed}\n{0}", "`".repeat(printed.len() + 3)),
                format!("{0}\n{printed}", "~".repeat(printed.len() + 3)),
            ] {
                assert!(ran(&hidden).result_said().is_err(), "{hidden:?}");
            }
            let mut cut = ran(&printed);
            cut.stdout_cut = true;
            assert!(cut.result_said().is_err() && cut.helper_said().verdict.is_err());

            let helper = ran(&printed).helper_said();
            assert_eq!(ran(&printed).verify_said().verdict, helper.verdict);
            if let Ok(told) = helper.verdict {
                let line = format!("VERDICT={}", told.word());
                let verdicts = || printed.lines().filter(|line| line.starts_with("VERDICT="));
                assert!(verdicts().count() > 0 && verdicts().all(|said| said.trim_end() == line));
                for other in [Told::Green, Told::Red, Told::Pending] {
                    let more = format!("{printed}\nVERDICT={}\n", other.word());
                    let both = ran(&more).helper_said().verdict;
                    assert_eq!(both.is_ok(), other == told, "{more:?}");
                }
            }
            if let Ok(Some(page)) = helper.build {
                assert!(!page.is_empty() && printed.contains(&format!("BUILD={page}")));
            }
        });
}
