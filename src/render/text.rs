//! Texts of others, made harmless where they are shown: no table broken, no HTML, nobody pinged, nothing invisible.

use regex::Regex;
use std::sync::LazyLock;

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
            Piece::Plain(part) => characters(part).for_each(|c| plain(&mut shown, c)),
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
        for character in characters(line) {
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
    for character in characters(text) {
        match character {
            '\n' | '\r' | '\t' => shown.push(' '),
            hidden if is_hidden(hidden) => shown.push_str(&escaped(hidden)),
            other => shown.push(other),
        }
    }
    shown
}

fn in_html(shown: &mut String, part: &str) {
    for character in characters(part) {
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
        // Else `&commat;` would be a mention, and `&rlm;` would hide.
        '&' => shown.push_str("&amp;"),
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
    for character in characters(part) {
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

/// The characters of a text as they are told apart. The selector that only has an emoji drawn in colour is left out: the emoji stays, and a
/// second selector, or one behind anything else, is hidden like all others.
fn characters(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut before = ' ';
    text.chars().filter(move |character| {
        let is_colour = *character == '\u{fe0f}' && is_one(&EMOJI, before);
        before = *character;
        !is_colour
    })
}

/// Those that show nothing by themselves, by Unicode's own account: what a font leaves out, what formats, what ends lines, and what controls.
static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Zl}\p{Zp}\p{Cc}]")
        .expect("it is a regex")
});
static EMOJI: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{Emoji}").expect("it is a regex"));

fn is_hidden(character: char) -> bool {
    match character.is_ascii() {
        true => character.is_ascii_control(),
        false => is_one(&HIDDEN, character),
    }
}

fn is_one(of: &Regex, character: char) -> bool {
    of.is_match(character.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unicode 16's own lists, joined: `Default_Ignorable_Code_Point` of DerivedCoreProperties.txt; Cf, Zl, Zp and Cc of UnicodeData.txt.
    const SHOWING_NOTHING: &[std::ops::RangeInclusive<char>] = &[
        '\0'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{600}'..='\u{605}',
        '\u{61c}'..='\u{61c}',
        '\u{6dd}'..='\u{6dd}',
        '\u{70f}'..='\u{70f}',
        '\u{890}'..='\u{891}',
        '\u{8e2}'..='\u{8e2}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fffb}',
        '\u{110bd}'..='\u{110bd}',
        '\u{110cd}'..='\u{110cd}',
        '\u{13430}'..='\u{1343f}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        '\u{e0000}'..='\u{e0fff}',
    ];

    fn shows_nothing(character: char) -> bool {
        SHOWING_NOTHING.iter().any(|it| it.contains(&character))
    }

    #[test]
    fn hidden_is_what_unicode_says_shows_nothing() {
        for character in '\0'..=char::MAX {
            let listed = shows_nothing(character);
            assert_eq!(is_hidden(character), listed, "{}", escaped(character));
        }
    }

    #[test]
    fn an_emoji_stays_one_and_no_selector_hides() {
        for (text, shown) in [
            ("\u{26a0}\u{fe0f} late", "\u{26a0} late"),
            ("1\u{fe0f}", "1"),
            ("\u{26a0}\u{fe0f}\u{fe0f}", "\u{26a0}\\u{fe0f}"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("\u{26a0}\u{fe0e}", "\u{26a0}\\u{fe0e}"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
            assert_eq!(verbatim(text), shown, "{text:?}");
            assert_eq!(cell(text), shown.replace('\\', "&#92;"), "{text:?}");
            assert_eq!(code(text), format!("`{shown}`"), "{text:?}");
        }
    }

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
            ("&commat;maintainer", "&amp;commat;maintainer"),
            ("&num;1 &rlm; a & b", "&amp;num;1 &amp;rlm; a &amp; b"),
            ("`&commat;maintainer`", "`&commat;maintainer`"),
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

        /// What one attempt to reach out of a text, or to hide in it, is made of.
        const PIECES: &[&str] = &[
            "@",
            "maintainer",
            "#",
            "!",
            "1",
            "a",
            " ",
            "`",
            "|",
            "\\",
            "<",
            "; ",
            "&",
            ";",
            "&amp;",
            "&commat;",
            "&#64;",
            "&#x40",
            "&num;",
            "&#35;",
            "&excl;",
            "&rlm;",
            "&lrm;",
            "&shy;",
            "&zwj;",
            "&ZeroWidthSpace;",
            "&#xe0041;",
            "&#8238;",
            "\u{26a0}",
            "\u{fe0f}",
        ];

        fn pieces() -> impl Strategy<Value = String> {
            let hidden = prop::char::ranges(SHOWING_NOTHING.into());
            let piece = prop_oneof![
                4 => prop::sample::select(PIECES).prop_map(str::to_owned),
                1 => hidden.prop_map(String::from),
            ];
            prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
        }

        /// What a reader sees of HTML, with a sign in place of each tag and each piece of code: in code the forge looks for nobody.
        fn read(html: &str) -> String {
            let code = Regex::new("(?s)<code[^>]*>.*?</code>|<[^>]*>").unwrap();
            let text = code.replace_all(html, "¤");
            let text = text.replace("&lt;", "<").replace("&gt;", ">");
            text.replace("&quot;", "\"").replace("&amp;", "&")
        }

        /// What is hidden in it, but line ends of HTML's own and the joiners that Gavel puts where a name or a number would begin.
        fn hidden(html: &str) -> Option<char> {
            let own = Regex::new("@\u{200d}|([#!])\u{200d}([0-9])").unwrap();
            let others = own.replace_all(html, "$1$2");
            others.chars().find(|it| shows_nothing(*it) && *it != '\n')
        }

        proptest! {
            #[test]
            fn nobody_is_named_and_nothing_is_hidden(text in pieces()) {
                let reaches = Regex::new("@[-0-9A-Za-z_]|[#!][0-9]").unwrap();
                for shown in [cell(&text), statements(&text), code(&text)] {
                    let html = table(&shown);
                    let found = reaches.find(&read(&html)).map(|it| it.as_str().to_owned());
                    prop_assert_eq!(found, None, "{}\n{}", &shown, &html);
                    prop_assert_eq!(hidden(&html), None, "{}\n{}", &shown, &html);
                }
                let block = comrak::markdown_to_html(&shell(&[format!("say {text}")]), &comrak::Options::default());
                prop_assert_eq!(hidden(&block), None, "{}", &block);
                prop_assert_eq!(hidden(&visible(&text)), None, "{}", visible(&text));
                // Columns of a page stay.
                for shown in [html(&text), html_statements(&text), verbatim(&text)] {
                    prop_assert_eq!(hidden(&shown.replace('\t', " ")), None, "{}", &shown);
                }
            }

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
