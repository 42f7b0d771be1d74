//! Takes secrets out of every text that is stored or shown: those that Gavel knows, in whatever form,
//! and whatever looks like one. Rather a word too many is lost than a secret kept.

mod scattered;

use base64::{
    Engine,
    alphabet::{self, Alphabet},
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};
use scattered::Scattered;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Shorter ones would be found in words, and are no secrets.
const SHORTEST: usize = 4;

/// Forms of a secret that are shorter than this are found in other texts by chance.
const SHORTEST_FORM: usize = 10;

/// So many forms are looked for at once. With three times as many the search takes sixteen times as long: it can no longer remember where it is.
const AT_ONCE: usize = 64;

/// Knows the secrets of this installation. Clones are the same one.
#[derive(Clone)]
pub struct Redactor(Arc<RwLock<Arc<Known>>>);

/// The secrets, as they are looked for.
struct Known {
    forms: BTreeSet<String>,
    /// All forms, the longest first.
    any: Vec<Regex>,
    scattered: Scattered,
}

impl Known {
    fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Known {
        let secrets: Vec<&str> = secrets
            .into_iter()
            .map(ExposeSecret::expose_secret)
            .collect();
        let forms: BTreeSet<String> = secrets.iter().copied().flat_map(forms).collect();
        let mut longest_first: Vec<&String> = forms.iter().collect();
        longest_first.sort_by_key(|form| std::cmp::Reverse(form.len()));
        // Escaped texts are a good expression; only their number could be too much, and it is a handful.
        let any = longest_first.chunks(AT_ONCE).map(|forms| {
            let any: Vec<String> = forms.iter().map(|form| scattered(form)).collect();
            regex::RegexBuilder::new(&any.join("|"))
                .size_limit(64 << 20)
                .build()
                .expect("escaped texts are an expression")
        });
        let any = any.collect();
        Known {
            forms,
            any,
            scattered: Scattered::new(secrets),
        }
    }
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Redactor {
        Redactor(Arc::new(RwLock::new(Arc::new(Known::new(secrets)))))
    }

    /// Takes these out from now on, and no others.
    pub fn know<'a>(&self, secrets: impl IntoIterator<Item = &'a SecretString>) {
        let known = Arc::new(Known::new(secrets));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn known(&self) -> Arc<Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }

    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        let known = self.known();
        for any in &known.any {
            replace(&mut clean, any, |_| REDACTED.to_owned());
        }
        for place in known.scattered.places(&clean).into_iter().rev() {
            clean.to_mut().replace_range(place, REDACTED);
        }
        for (pattern, kept) in PATTERNS.iter() {
            replace(&mut clean, pattern, kept);
        }
        clean
    }

    /// A text that was cut off at its end, where half a secret may stand.
    pub fn cut_text(&self, text: &str) -> String {
        let known = self.known();
        let half = known.forms.iter().filter_map(|form| {
            let most = (SHORTEST..form.len())
                .rev()
                .filter(|end| form.is_char_boundary(*end));
            most.map(|end| &form[..end])
                .find(|half| text.ends_with(half))
                .map(str::len)
        });
        match half.max() {
            Some(half) => format!("{}{REDACTED}", self.text(&text[..text.len() - half])),
            None => self.text(text).into_owned(),
        }
    }

    /// Every text in it, keys too; and whole values whose key says that they are secret.
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text).into_owned()),
            Value::Array(elements) => elements.iter().map(|element| self.json(element)).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| {
                    let value = match value {
                        Value::String(text) if !text.is_empty() && SECRET_KEY.is_match(key) => {
                            REDACTED.into()
                        }
                        value => self.json(value),
                    };
                    (self.text(key).into_owned(), value)
                })
                .collect(),
            other => other.clone(),
        }
    }
}

/// How many secrets it knows is all that it tells.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.known().forms.len())
    }
}

fn replace(text: &mut Cow<'_, str>, pattern: &Regex, by: impl Fn(&Captures) -> String) {
    if let Cow::Owned(replaced) = pattern.replace_all(text, |captures: &Captures| by(captures)) {
        *text = Cow::Owned(replaced);
    }
}

/// The secret, and what it becomes in URLs, in JSON, in hex and in base64.
fn forms(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let mut encoded = vec![
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        // As in a JSON text, without the quotes around it.
        Value::from(secret).to_string().trim_matches('"').to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
    ];
    // Every byte escaped, though none needs to be.
    for escape in ["%", "\\x", "\\u00"] {
        for digits in [hex::encode(secret), hex::encode_upper(secret)] {
            let bytes = digits.as_bytes().chunks(2);
            let escaped = bytes.map(|byte| format!("{escape}{}", String::from_utf8_lossy(byte)));
            encoded.push(escaped.collect());
        }
    }
    for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        encoded.extend((0..3).map(|offset| inside_base64(secret, alphabet, offset)));
    }
    encoded.retain(|form| form.len() >= SHORTEST_FORM);
    encoded.push(secret.to_owned());
    encoded
}

/// A form as an expression. What a terminal or a tool puts into a long word, line ends, margins and colours, hides nothing.
fn scattered(form: &str) -> String {
    const BETWEEN: &str = r"(?:[ \t\r\n\\]|\x1b\[[0-9;]*[A-Za-z])*";
    if form.len() < SHORTEST_FORM {
        return regex::escape(form);
    }
    let letters: Vec<String> = form
        .chars()
        .map(|letter| regex::escape(letter.encode_utf8(&mut [0; 4])))
        .collect();
    letters.join(BETWEEN)
}

/// What of the secret's base64 does not depend on its neighbours, when `offset` bytes (modulo three) stand before it.
fn inside_base64(secret: &str, alphabet: &Alphabet, offset: usize) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret.as_bytes());
    let whole = GeneralPurpose::new(alphabet, NO_PAD).encode(&bytes);
    // The first character that holds no bit of what stands before; the last that holds none of what follows.
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    whole[first..last].to_owned()
}

/// Keys whose values are secret.
static SECRET_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:authorization|.*(?:token|secret|password|passwd|api_?key))$")
});

type Kept = fn(&Captures) -> String;

/// What looks like a secret, and what is put in its place.
static PATTERNS: LazyLock<[(Regex, Kept); 7]> = LazyLock::new(|| {
    [
        // A private key; one that is cut off goes to the end.
        (
            pattern(
                r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
            ),
            |_| REDACTED.to_owned(),
        ),
        // https://user:password@host, up to the last @ before the path.
        (
            pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"'<>]*:)[^\s/"'<>]+@"#),
            |found| format!("{}{REDACTED}@", &found[1]),
        ),
        // https://token@host
        (pattern(r#"(?i)(\bhttps?://)[^\s/@:"'<>]+@"#), |found| {
            format!("{}{REDACTED}@", &found[1])
        }),
        // Authorization: token …, in headers, in commands and in JSON.
        (
            pattern(
                r#"(?i)\b((?:proxy-)?authorization|cookie|set-cookie|x-api-key|private-token|x-[a-z-]*token)(["']?\s*[:=]\s*["']?)[^\r\n"']+"#,
            ),
            |found| format!("{}{}{REDACTED}", &found[1], &found[2]),
        ),
        // ?access_token=…, FORGE_TOKEN=…
        (
            pattern(
                r#"(?i)\b([a-z0-9_.-]*(?:token|secret|password|passwd|api_?key)=)("[^"]*"|'[^']*'|[^\s&"'<>#;,]+)"#,
            ),
            |found| format!("{}{REDACTED}", &found[1]),
        ),
        // "password": "…"
        (
            pattern(
                r#"(?i)("[a-z0-9_.-]*(?:token|secret|password|passwd|api_?key)"\s*:\s*")(?:[^"\\]|\\.)+""#,
            ),
            |found| format!("{}{REDACTED}\"", &found[1]),
        ),
        // Bearer …
        (
            pattern(r"(?i)\b(token|bearer|basic)(\s+)([a-z0-9._~+/=-]{16,})"),
            |found| {
                // A long word is no token.
                match found[3].contains(|c: char| c.is_ascii_digit()) {
                    true => format!("{}{}{REDACTED}", &found[1], &found[2]),
                    false => found[0].to_owned(),
                }
            },
        ),
    ]
});

fn pattern(expression: &str) -> Regex {
    Regex::new(expression).expect("the expression is a constant, and compiled by the tests")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::json;

    const TOKEN: &str = "5f1c9a7be04d4a3f9e7d2c1b0a99887766554433";
    const ODD: &str = "p@ss/w\"ord+100%?";

    fn redactor() -> &'static Redactor {
        static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
            Redactor::new(&[
                SecretString::from(TOKEN),
                SecretString::from(ODD),
                SecretString::from("s3cret"),
                SecretString::from(""),
            ])
        });
        &REDACTOR
    }

    #[test]
    fn known_secrets_go_in_whatever_form() {
        for secret in [TOKEN, ODD] {
            for form in [
                secret.to_owned(),
                utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
                url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
                json!(secret).to_string(),
                hex::encode(secret),
                hex::encode_upper(secret),
            ] {
                let form = form.trim_matches('"');
                assert_eq!(
                    redactor().text(&format!("it is {form}, see")),
                    "it is [redacted], see"
                );
            }
        }
        assert_eq!(redactor().text("its s3cret!"), "its [redacted]!");
    }

    #[test]
    fn known_secrets_go_out_of_base64_wherever_they_stand_in_it() {
        for before in ["", "a", "ab", "flow:", "{\"password\":\""] {
            let whole = format!("{before}{TOKEN}\"}}");
            for encoded in [
                BASE64_STANDARD.encode(&whole),
                BASE64_URL_SAFE_NO_PAD.encode(&whole),
            ] {
                let clean = redactor().text(&encoded).into_owned();
                assert!(clean.contains(REDACTED), "{encoded}");
                // What is left is the neighbours', and at most a character of the secret.
                assert!(clean.len() < encoded.len() - TOKEN.len(), "{clean}");
            }
        }
    }

    #[test]
    fn known_secrets_go_however_they_are_split() {
        let (first, rest) = TOKEN.split_at(17);
        for split in [
            format!("{first}\n{rest}"),
            format!("{first}\r\n    {rest}"),
            format!("{first}\\\n{rest}"),
            format!("\x1b[31m{first}\x1b[0m\x1b[1;32m{rest}\x1b[0m"),
            TOKEN.chars().map(|letter| format!("{letter} ")).collect(),
            format!("{}\n{}", hex::encode(first), hex::encode(rest)),
        ] {
            let clean = redactor().text(&format!("it is {split}")).into_owned();
            assert!(clean.contains(REDACTED), "{clean:?}");
            assert!(!clean.contains(&rest[5..]), "{clean:?}");
        }
        let wrapped = BASE64_STANDARD.encode(format!("flow:{TOKEN}"));
        let (first, rest) = wrapped.split_at(29);
        let clean = redactor().text(&format!("{first}\n{rest}")).into_owned();
        assert!(clean.contains(REDACTED) && clean.len() < 30, "{clean:?}");
        // A short one is found in words if it may be split.
        assert_eq!(redactor().text("s3 cret"), "s3 cret");
    }

    #[test]
    fn what_looks_like_a_secret_goes() {
        let clean: String = [
            "git clone https://flow:hunter2@git.example.org/o/r.git",
            "git clone https://flow:p@ss@git.example.org/o/r.git",
            "git clone https://0123456789abcdef@git.example.org/o/r.git",
            "git clone ssh://git@git.example.org/o/r.git",
            "> Authorization: token abcdef",
            "curl -H 'Authorization: Bearer abc.def' https://example.org",
            "{\"Authorization\": \"Basic dXNlcjpwYXNz\", \"x\": 1}",
            "GET /api/v1/user?access_token=abc&page=2",
            "GET /api/v1/user?token=abc#top",
            "FORGE_TOKEN=abc POST=1 ./testme-on-pr.sh",
            "PASSWORD='two words' x",
            "{\"password\":\"a\\\"b\",\"login\":\"flow\"}",
            "using token 0123456789abcdef0123456789abcdef01234567 now",
            "token authentication-required-here",
            "Set-Cookie: i_like_gitea=0123",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\nNzaC1r\n-----END OPENSSH PRIVATE KEY-----\nafter",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQ",
            "-----BEGIN PUBLIC KEY-----\nMIIBIj\n-----END PUBLIC KEY-----",
            "head 83554c7abb11d1c76527273819664a57a6ff0968 is green",
            "[forge]\ntoken_file = \"/etc/gavel/forge.token\"",
            "VERDICT=GREEN\nBUILD=https://drone.example.org/o/r/12",
        ]
        .map(|text| format!("{}\n", redactor().text(text)))
        .concat();
        insta::assert_snapshot!(clean, @r#"
        git clone https://flow:[redacted]@git.example.org/o/r.git
        git clone https://flow:[redacted]@git.example.org/o/r.git
        git clone https://[redacted]@git.example.org/o/r.git
        git clone ssh://git@git.example.org/o/r.git
        > Authorization: [redacted]
        curl -H 'Authorization: [redacted]' https://example.org
        {"Authorization": "[redacted]", "x": 1}
        GET /api/v1/user?access_token=[redacted]&page=2
        GET /api/v1/user?token=[redacted]#top
        FORGE_TOKEN=[redacted] POST=1 ./testme-on-pr.sh
        PASSWORD=[redacted] x
        {"password":"[redacted]","login":"flow"}
        using token [redacted] now
        token authentication-required-here
        Set-Cookie: [redacted]
        [redacted]
        after
        [redacted]
        -----BEGIN PUBLIC KEY-----
        MIIBIj
        -----END PUBLIC KEY-----
        head 83554c7abb11d1c76527273819664a57a6ff0968 is green
        [forge]
        token_file = "/etc/gavel/forge.token"
        VERDICT=GREEN
        BUILD=https://drone.example.org/o/r/12
        "#);
    }

    #[test]
    fn values_are_searched_through() {
        let value = json!({
            "config": { "secret": "x", "url": "https://u:p@example.org/" },
            "list": [TOKEN, 1, null, { TOKEN: true }],
            "token": "", "tokens": 3, "authorization": "x",
        });
        assert_eq!(
            redactor().json(&value),
            json!({
                "config": { "secret": "[redacted]", "url": "https://u:[redacted]@example.org/" },
                "list": ["[redacted]", 1, null, { "[redacted]": true }],
                "token": "", "tokens": 3, "authorization": "[redacted]",
            })
        );
    }

    #[test]
    fn half_a_secret_at_the_end_goes_too() {
        assert_eq!(
            redactor().cut_text(&format!("it is {}", &TOKEN[..17])),
            "it is [redacted]"
        );
        assert_eq!(
            redactor().cut_text(&format!("it is {TOKEN}")),
            "it is [redacted]"
        );
        assert_eq!(redactor().cut_text("it is over"), "it is over");
    }

    #[test]
    fn what_it_is_told_later_every_clone_knows() {
        let (redactor, text) = (Redactor::new([]), format!("{TOKEN} {ODD}"));
        let clone = redactor.clone();
        assert_eq!(clone.text(&text), text);
        redactor.know(&[SecretString::from(TOKEN), SecretString::from(ODD)]);
        assert_eq!(clone.text(&text), "[redacted] [redacted]");
        redactor.know(&[SecretString::from(ODD)]);
        assert_eq!(clone.text(&text), format!("{TOKEN} [redacted]"));
    }

    #[test]
    fn it_does_not_tell_what_it_knows() {
        assert!(!format!("{:?}", redactor()).contains("s3cret"));
        assert_eq!(Redactor::new([]).text("nothing"), "nothing");
    }

    proptest! {
        #[test]
        fn no_secret_is_left(before in "\\PC{0,30}", after in "\\PC{0,30}") {
            let clean = redactor().text(&format!("{before}{TOKEN}{after}")).into_owned();
            prop_assert!(!clean.contains(TOKEN));
            prop_assert_eq!(redactor().text(&clean), clean.as_str());
        }
    }
}
