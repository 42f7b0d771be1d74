//! Texts of others, made harmless where they are shown in Markdown: no table broken, no HTML, nobody pinged, nothing invisible.

/// For one cell of a table or one line of a list. What stands in `code` stays code.
pub fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (part, piece) in text.split('`').enumerate() {
        let code = part % 2 == 1;
        if part > 0 {
            shown.push('`');
        }
        for character in piece.chars() {
            match character {
                '|' => shown.push_str("\\|"),
                '\n' | '\r' | '\t' => shown.push(' '),
                hidden if is_hidden(hidden) => {
                    shown.push_str(&format!("\\u{{{:x}}}", u32::from(hidden)));
                }
                '<' if !code => shown.push_str("&lt;"),
                // A zero-width joiner: looks the same, pings nobody.
                '@' if !code => shown.push_str("@\u{200d}"),
                '[' | ']' | '*' | '_' | '#' if !code => {
                    shown.push('\\');
                    shown.push(character);
                }
                other => shown.push(other),
            }
        }
    }
    if text.matches('`').count() % 2 == 1 {
        shown.push('`');
    }
    shown
}

/// A name in code: nothing in it is Markdown.
pub fn code(text: &str) -> String {
    cell(&format!("`{}`", text.replace('`', "'")))
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
            ("a | b", "a \\| b"),
            ("`a|b` and <b>", "`a\\|b` and &lt;b>"),
            ("@maintainer", "@\u{200d}maintainer"),
            ("`@maintainer <b>`", "`@maintainer <b>`"),
            ("two\nlines", "two lines"),
            ("right\u{202e}left", "right\\u{202e}left"),
            ("open `code", "open `code`"),
            ("[a](http://x) *b*", "\\[a\\](http://x) \\*b\\*"),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
        assert_eq!(code("a`b|c"), "`a'b\\|c`");
    }
}
