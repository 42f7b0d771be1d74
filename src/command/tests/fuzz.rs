//! Whatever somebody writes into a comment.

use super::*;
use crate::fuzz::{LONGEST, RUNS, text};

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "/verify ", "/status", "/cancel", "/pause", "/accept V4 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "/dispute V4 ", "/withdraw V4", "/file F2", "/file all", "/decision ",
    "/idea ", "/help", "/verfy V1", "V1", "V8a", "V1-V4", "all", "keep", "dry-run", "--force", "–", "…",
    "\n", "\n\n", "\r\n", "\r", "    ", "\t", "\n    ", "> ", "- ", "1. ", "# ", "\n===\n", "\n---\n", "```", "\n```\n", "~~~", "`", "``", "<!--", "-->", "<div>", "</div>", "<pre>",
    "](", "[a]: b", "[^1]: ", "| a |\n|---|\n", "|", "\\", "&#47;", "**", "\u{a0}", "\u{85}", "\u{2028}", "\u{3000}", "\u{feff}", "\u{200b}", "ü", "İ", "$$",
];

/// Lines, wherever Markdown ends one.
fn each_line(text: &str, before: &str) -> String {
    let lines = text.split(['\n', '\r']);
    lines.map(|line| format!("{before}{line}\n")).collect()
}

#[test]
fn fuzz() {
    bolero::check!(name = "commands")
        .with_iterations(RUNS)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            let markdown = text(input, WORDS);
            let found = parse(&markdown, KNOWN);
            assert!(found.len() <= MOST_COMMANDS + 1);
            for (place, found) in found.iter().enumerate() {
                assert_eq!(found.position, place);
                let begins = |line: &str| line.trim().starts_with(found.line.trim_end_matches('…'));
                assert!(
                    found.line.starts_with('/') && markdown.split(['\n', '\r']).any(begins),
                    "{found:?} does not stand there"
                );
                if place == MOST_COMMANDS {
                    assert_eq!(found.what, Err(Complaint::TooMany));
                    continue;
                }
                // The line is what is kept, and read again before it is obeyed.
                let again = parse(&found.line, KNOWN);
                assert_eq!(again.len(), 1, "{found:?}");
                assert_eq!(again[0].what, found.what, "{found:?}");
                match &found.what {
                    Ok(command) => {
                        let printed = parse(&command.to_string(), KNOWN);
                        assert_eq!(printed.len(), 1, "{found:?}");
                        assert_eq!(printed[0].what, found.what, "{found:?}");
                    }
                    Err(complaint) => {
                        let told = complaint.to_string();
                        assert!(
                            told.matches('`').count() % 2 == 0 && !told.contains('\n'),
                            "{told}"
                        );
                    }
                }
            }
            let longest = markdown.split(|c| c != '`').map(str::len).max();
            let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
            for hidden in [
                format!("{fence}\n{markdown}\n{fence}"),
                each_line(&markdown, "    "),
                each_line(&markdown, "> "),
                format!("- a\n{}", each_line(&markdown, "  ")),
            ] {
                assert_eq!(parse(&hidden, KNOWN), [], "{hidden:?}");
            }
        });
}
