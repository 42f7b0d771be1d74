//! Secrets of which something stands between the letters: dashes, quotes, line ends, line numbers, the columns of a dump. They are looked
//! for among the letters and digits alone.

use aho_corasick::{AhoCorasick, MatchKind};
use std::fmt::Write;
use std::ops::Range;

/// Fewer letters and digits than this stand in a row by chance.
const SHORTEST: usize = 16;

/// Finds the secrets of an installation.
pub struct Scattered(Option<AhoCorasick>);

/// What of a line is looked at. The bytes of a dump stand between the place at its beginning and the characters at its end.
const VIEWS: [fn(&str) -> Range<usize>; 4] = [
    |line| 0..line.len(),
    |line| margin(line)..line.len(),
    |line| margin(line)..column(line).max(margin(line)),
    |line| column(line)..line.len(),
];

impl Scattered {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Scattered {
        let mut forms: Vec<String> = secrets.into_iter().flat_map(forms).collect();
        forms.retain(|form| form.len() >= SHORTEST);
        if forms.is_empty() {
            return Scattered(None);
        }
        let any = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(forms)
            .expect("the forms of a handful of secrets are not too many");
        Scattered(Some(any))
    }

    /// From where to where they stand, in order and apart from each other.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let Some(any) = self.0.as_ref().filter(|_| text.len() >= SHORTEST) else {
            return Vec::new();
        };
        let mut views: Vec<(Vec<u8>, Vec<usize>)> = Vec::new();
        for view in VIEWS {
            let seen = letters(text, view);
            // Most texts are the same in all of them.
            if !views.contains(&seen) {
                views.push(seen);
            }
        }
        let mut places: Vec<Range<usize>> = Vec::new();
        for (letters, at) in &views {
            let found = any.find_iter(letters);
            places.extend(found.map(|found| at[found.start()]..at[found.end() - 1] + 1));
        }
        places.sort_by_key(|place| place.start);
        places.dedup_by(|next, before| {
            let overlaps = next.start <= before.end;
            if overlaps {
                before.end = before.end.max(next.end);
            }
            overlaps
        });
        places
    }
}

/// The letters and digits of what is looked at, and where each stands.
fn letters(text: &str, view: impl Fn(&str) -> Range<usize>) -> (Vec<u8>, Vec<usize>) {
    let mut begin = 0;
    let mut all = (Vec::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        let seen = view(line.trim_end());
        for at in seen {
            let byte = line.as_bytes()[at];
            if byte.is_ascii_alphanumeric() {
                all.0.push(byte);
                all.1.push(begin + at);
            }
        }
        begin += line.len();
    }
    all
}

/// Where a line begins behind its number or place: digits, in whatever base, and what ends them.
fn margin(line: &str) -> usize {
    let word = line.trim_start();
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_hexdigit());
    let digits = word.len() - rest.len();
    let ended = rest.starts_with([' ', '\t', ':', '|']);
    match (1..=16).contains(&digits) && ended {
        true => line.len() - rest.len(),
        false => 0,
    }
}

/// Where the last column of a line begins: behind its last gap.
fn column(line: &str) -> usize {
    line.rfind("  ").map_or(0, |gap| gap + 2)
}

/// The letters and digits of a secret, and of what it is when its bytes are written in some other way.
fn forms(secret: &str) -> Vec<String> {
    let bytes = |write: fn(&mut String, u8)| {
        let mut form = String::new();
        secret.bytes().for_each(|byte| write(&mut form, byte));
        form
    };
    // Writing to a String does not fail.
    let mut forms = vec![
        secret.to_owned(),
        secret.chars().rev().collect(),
        bytes(|form, byte| _ = write!(form, "{byte:02x}")),
        bytes(|form, byte| _ = write!(form, "x{byte:02x}")),
        bytes(|form, byte| _ = write!(form, "{byte}")),
        bytes(|form, byte| _ = write!(form, "{byte:03o}")),
        base32(secret),
    ];
    for form in &mut forms {
        form.retain(|letter| letter.is_ascii_alphanumeric());
    }
    forms
}

/// As in RFC 4648, without padding, up to the last letter that holds nothing of what follows.
fn base32(secret: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = secret
        .bytes()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let groups = bits.chunks_exact(5);
    groups
        .map(|group| {
            group
                .iter()
                .fold(0, |number, bit| number << 1 | usize::from(*bit))
        })
        .map(|number| char::from(ALPHABET[number]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "5f1c9a7be04d4a3f9e7d2c1b0a99887766554433";

    fn rows(row: impl Fn(usize, &[u8]) -> String) -> String {
        let text = format!("flow:{TOKEN}\n");
        let rows = text.as_bytes().chunks(16).enumerate();
        rows.map(|(at, bytes)| row(at * 16, bytes) + "\n").collect()
    }

    fn joined(bytes: &[u8], write: impl Fn(&u8) -> String, by: &str) -> String {
        bytes.iter().map(write).collect::<Vec<_>>().join(by)
    }

    fn shown(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace('\n', ".")
    }

    #[test]
    fn a_token_is_found_whatever_stands_between_its_letters() {
        let hex = |byte: &u8| format!("{byte:02x}");
        let all = TOKEN.as_bytes();
        for (what, text) in [
            (
                "hexdump -C",
                rows(|at, it| format!("{at:08x}  {}  |{}|", joined(it, hex, " "), shown(it))),
            ),
            (
                "xxd",
                rows(|at, it| format!("{at:08x}: {}  {}", joined(it, hex, " "), shown(it))),
            ),
            (
                "od -c",
                rows(|at, it| {
                    format!(
                        "{at:07o}   {}",
                        joined(it, |byte| char::from(*byte).to_string(), "   ")
                    )
                }),
            ),
            (
                "od -tx1",
                rows(|at, it| format!("{at:07o} {}", joined(it, hex, " "))),
            ),
            (
                "od -to1",
                rows(|at, it| {
                    format!("{at:07o} {}", joined(it, |byte| format!("{byte:03o}"), " "))
                }),
            ),
            ("numbers", format!("[{}]", joined(all, u8::to_string, ", "))),
            ("entities", joined(all, |byte| format!("&#{byte};"), "")),
            (
                "hexadecimal entities",
                joined(all, |byte| format!("&#x{byte:x};"), ""),
            ),
            ("reversed", TOKEN.chars().rev().collect()),
            (
                "quoted lines",
                rows(|_, it| format!("> {}", shown(it).trim_end_matches('.'))),
            ),
            (
                "numbered lines",
                rows(|at, it| format!("{:>6}\t{}", at / 16 + 1, shown(it).trim_end_matches('.'))),
            ),
            (
                "groups",
                joined(all, |byte| char::from(*byte).to_string(), "-"),
            ),
            ("halves", format!("'{}'\"{}\"", &TOKEN[..17], &TOKEN[17..])),
            (
                "a list of letters",
                format!(
                    "['{}']",
                    joined(all, |byte| char::from(*byte).to_string(), "', '")
                ),
            ),
            ("capitals", TOKEN.to_uppercase()),
            ("base32", base32(TOKEN)),
        ] {
            let scattered = Scattered::new([TOKEN]);
            let text = format!("it is\n{text}\nsee");
            let mut clean = text.clone();
            for place in scattered.places(&text).into_iter().rev() {
                clean.replace_range(place, "");
            }
            let left = clean.bytes().filter(u8::is_ascii_alphanumeric).count();
            // What stands before it, the place of the first row, and its neighbours.
            assert!(left < 36, "{what}: {clean}");
            assert!(
                clean.starts_with("it is") && clean.ends_with("see"),
                "{what}: {clean}"
            );
        }
    }

    #[test]
    fn nothing_else_is() {
        let scattered = Scattered::new([TOKEN, "s3cret"]);
        for text in [
            "s-3-c-r-e-t",
            "head 83554c7abb11d1c76527273819664a57a6ff0968 is green",
            &TOKEN[1..],
            "",
        ] {
            assert!(scattered.places(text).is_empty(), "{text}");
        }
        assert!(Scattered::new([]).places(TOKEN).is_empty());
    }
}
