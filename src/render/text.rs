//! Texts of others, made harmless where they are shown: no table broken, no HTML, nobody pinged, nothing invisible.

/// As much of one text as a comment shows; the pages show all of it.
const SHOWN: usize = 600;
/// As much of one name or line in code.
const SHOWN_IN_CODE: usize = 160;

/// A piece of a text, by the backticks in it.
enum Piece<'a> {
    Plain(&'a str),
    Code(&'a str),
}

/// What stands between single backticks is code. A backtick without a partner, and several in a row, are none of ours.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut parts: Vec<&str> = text.split('`').collect();
    let mut pieces = Vec::new();
    // An even number of parts: the last backtick opens what nothing closes.
    let open = (parts.len().is_multiple_of(2))
        .then(|| parts.pop())
        .flatten();
    for (number, part) in parts.into_iter().enumerate() {
        match (number % 2 == 1, part.is_empty()) {
            (_, true) => {}
            (true, false) => pieces.push(Piece::Code(part)),
            (false, false) => pieces.push(Piece::Plain(part)),
        }
    }
    pieces.extend(open.filter(|part| !part.is_empty()).map(Piece::Code));
    pieces
}

/// Markdown for one cell of a table or one line of a list. What stands in `code` stays code.
pub fn cell(text: &str) -> String {
    let text = cut(text, SHOWN);
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(&text) {
        match piece {
            Piece::Plain(part) => part.chars().for_each(|c| plain(&mut shown, c)),
            Piece::Code(part) => {
                // Two spans that touch would read as one with a longer fence.
                if shown.ends_with('`') {
                    shown.push(' ');
                }
                in_code(&mut shown, part);
            }
        }
    }
    shown
}

/// Like [`cell`], with a line of its own for every statement: `a; b` is two.
pub fn statements(text: &str) -> String {
    let text = cut(text, SHOWN);
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(&text) {
        match piece {
            Piece::Plain(part) => {
                for (number, statement) in part.split("; ").enumerate() {
                    if number > 0 {
                        shown.push_str("<br>");
                    }
                    shown.push_str(&cell(statement));
                }
            }
            Piece::Code(part) => {
                if shown.ends_with('`') {
                    shown.push(' ');
                }
                in_code(&mut shown, part);
            }
        }
    }
    shown
}

/// A name in code: nothing in it is Markdown.
pub fn code(text: &str) -> String {
    let text = cut(text, SHOWN_IN_CODE).replace('`', "'");
    if text.trim().is_empty() {
        return "(nothing)".into();
    }
    let mut shown = String::with_capacity(text.len() + 2);
    in_code(&mut shown, &text);
    shown
}

/// A sentence's beginning.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Commands as a block of code in a list. Each stays one line, and none begins with what would end the block: it is a program's name.
pub fn shell(lines: &[String]) -> String {
    let mut shown = String::from("  ```sh");
    for line in lines {
        shown.push_str("\n  ");
        for character in line.chars() {
            match character {
                '\n' | '\r' | '\t' => shown.push(' '),
                hidden if is_hidden(hidden) => shown.push_str(&escaped(hidden)),
                other => shown.push(other),
            }
        }
    }
    shown.push_str("\n  ```");
    shown
}

/// HTML with what stands in `code` as code.
pub fn html(text: &str) -> String {
    html_with(text, "; ")
}

/// Like [`html`], with a line of its own for every statement: `a; b` is two.
pub fn html_statements(text: &str) -> String {
    html_with(text, "<br>")
}

fn html_with(text: &str, between: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(part) => {
                for (number, statement) in part.split("; ").enumerate() {
                    if number > 0 {
                        shown.push_str(between);
                    }
                    in_html(&mut shown, statement);
                }
            }
            Piece::Code(part) => {
                shown.push_str("<code>");
                in_html(&mut shown, part);
                shown.push_str("</code>");
            }
        }
    }
    shown
}

/// Text that is shown as it came, with its lines: HTML that hides nothing.
pub fn verbatim(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    in_html(&mut shown, text);
    shown
}

/// Text for a terminal: one line, and nothing in it that a terminal would obey.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => shown.push(' '),
            hidden if is_hidden(hidden) => shown.push_str(&escaped(hidden)),
            other => shown.push(other),
        }
    }
    shown
}

fn in_html(shown: &mut String, part: &str) {
    for character in part.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\n' | '\t' => shown.push(character),
            hidden if is_hidden(hidden) => shown.push_str(&escaped(hidden)),
            other => shown.push(other),
        }
    }
}

fn plain(shown: &mut String, character: char) {
    match character {
        '\n' | '\r' | '\t' => shown.push(' '),
        hidden if is_hidden(hidden) => {
            shown.push_str(&escaped(hidden).replace('\\', "&#92;"));
        }
        // As entities, since what a backslash does depends on what stands before it.
        '|' => shown.push_str("&#124;"),
        '\\' => shown.push_str("&#92;"),
        '<' => shown.push_str("&lt;"),
        // A zero-width joiner: looks the same, pings nobody.
        '@' => shown.push_str("@\u{200d}"),
        // `#1` and `!1` are an issue and a pull request to the forge, which would tell there who names them.
        '0'..='9' if shown.ends_with(['#', '!']) => {
            shown.push('\u{200d}');
            shown.push(character);
        }
        '[' | ']' | '*' | '_' | '#' | '~' => {
            shown.push('\\');
            shown.push(character);
        }
        other => shown.push(other),
    }
}

fn in_code(shown: &mut String, part: &str) {
    shown.push('`');
    let mut before = ' ';
    for character in part.chars() {
        match character {
            '\n' | '\r' | '\t' => shown.push(' '),
            hidden if is_hidden(hidden) => shown.push_str(&escaped(hidden)),
            // Behind a backslash no escape for it exists that every renderer of tables understands.
            '|' if before == '\\' => shown.push('¦'),
            '|' => shown.push_str("\\|"),
            other => shown.push(other),
        }
        before = character;
    }
    shown.push('`');
}

fn escaped(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Control characters and those that turn the direction of writing.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_leaves_its_cell() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a | b", "a &#124; b"),
            ("a \\| b", "a &#92;&#124; b"),
            ("`a|b` and <b>", "`a\\|b` and &lt;b>"),
            ("`a\\|b`", "`a\\¦b`"),
            ("@maintainer", "@\u{200d}maintainer"),
            ("`@maintainer <b>`", "`@maintainer <b>`"),
            ("see !1 and o/r#2", "see !\u{200d}1 and o/r\\#\u{200d}2"),
            ("two\nlines", "two lines"),
            ("right\u{202e}left", "right&#92;u{202e}left"),
            ("open `code", "open `code`"),
            ("`<b>``", "`<b>`"),
            ("``<b>``", "&lt;b>"),
            ("`a``b`", "`a` `b`"),
            ("[a](http://x) *b*", "\\[a\\](http://x) \\*b\\*"),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
        assert_eq!(code(""), "(nothing)");
    }

    #[test]
    fn every_statement_has_a_line() {
        assert_eq!(
            statements("build 1: `a; b`; build 2: <b>"),
            "build 1: `a; b`<br>build 2: &lt;b>"
        );
    }

    #[test]
    fn commands_stay_one_line_each() {
        let lines = ["curl -fsS x".to_owned(), "cat '\n```\n'\u{202e}".to_owned()];
        assert_eq!(
            shell(&lines),
            "  ```sh\n  curl -fsS x\n  cat ' ``` '\\u{202e}\n  ```"
        );
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cell(&"x".repeat(5000)).chars().count(), SHOWN + 1);
        assert_eq!(code(&"é".repeat(5000)).chars().count(), SHOWN_IN_CODE + 3);
    }

    #[test]
    fn pages_show_code_as_code_and_nothing_else_as_html() {
        let text = "`a<b; c` & \u{202e}<i>; d";
        let shown = "<code>a&lt;b; c</code> &amp; \\u{202e}&lt;i&gt;";
        assert_eq!(html(text), format!("{shown}; d"));
        assert_eq!(html_statements(text), format!("{shown}<br>d"));
        assert_eq!(
            verbatim("`a`\n<b> \u{202e}\u{1b}[2J"),
            "`a`\n&lt;b&gt; \\u{202e}\\u{1b}[2J"
        );
    }

    /// Whatever stands in a cell, a renderer of Markdown finds one row of two cells, no HTML and no link.
    #[cfg(feature = "lab")]
    mod rendered {
        use super::*;
        use proptest::prelude::*;

        fn table(cell: &str) -> String {
            let mut options = comrak::Options::default();
            options.extension.table = true;
            options.extension.strikethrough = true;
            let text = format!("| a | b |\n|---|---|\n| {cell} | end |\n");
            comrak::markdown_to_html(&text, &options)
        }

        proptest! {
            #[test]
            fn a_cell_stays_a_cell(text in "[ab|`\\\\<>\\[\\]()!*_~#@&;/: \n-]{0,24}") {
                for shown in [cell(&text), statements(&text).replace("<br>", " "), code(&text)] {
                    let html = table(&shown);
                    prop_assert_eq!(html.matches("<td>").count(), 2, "{}\n{}", &shown, &html);
                    prop_assert!(html.contains("<td>end</td>"), "{}\n{}", &shown, &html);
                    for forbidden in ["<a ", "<img", "raw HTML", "<em>", "<strong>", "<del>"] {
                        prop_assert!(!html.contains(forbidden), "{}\n{}", &shown, &html);
                    }
                }
            }
        }
    }
}
