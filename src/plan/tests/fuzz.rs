//! Whatever stands in a recipe's compose files and settings: the flow writes them, and so may anybody whose text it followed.

use crate::fuzz::{LONGEST, RUNS, text};
use crate::plan::run::COMPOSE;
use crate::plan::upgrade::{
    Compose, Label, between, carried, newest, next_label, pinned_anew, upgraded, weakened,
};
use crate::plan::variants::{SETTINGS, Texts, listed, ways};

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "\n", "\nservices:\n", "  app:\n", "  db:\n", "    image: ", "lab/plain:1.4.0", "lab:5000/plain@sha256:00", "\n    healthcheck:\n      test: [CMD, curl]\n",
    "    healthcheck: {disable: true}\n", "    deploy:\n", "      labels:\n", "        - ", "    labels: {", "coop-cloud.x.version", "=1.0.0+1.4.0", ": ", "backupbot.backup=true",
    "18446744073709551615", "1.18446744073709551615.0", "&a ", "*a", "<<: *a", "[*a, *a, *a, *a]", "[", "]", "{", "}", ", ", "- ", "? ", "!!str ", "!!binary ", "|\n", ">-\n", "\"", "'", "#", "---\n", "...\n", "~",
    "%YAML 1.1\n", "\t", "    ", "  ", "\u{a0}", "ü", "\u{85}", "1.0.0", "v1.5.0-alpine", ".", "0", "9", "+",
];

#[test]
fn fuzz_compose() {
    bolero::check!(name = "compose")
        .with_iterations(RUNS)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            // Two files: what is deployed, and what is merged over it.
            let text = text(input, WORDS);
            let (one, other) = text.split_once("\n---\n").unwrap_or((&text, ""));
            if let Ok(one) = Compose::read(one) {
                assert!(!one.services.is_empty());
                holds_of_each(&one);
                if let Ok(other) = Compose::read_part(other) {
                    let merged = one.clone().with(other.clone());
                    assert_eq!(merged.clone().with(other.clone()), merged, "merging twice");
                    assert!(
                        one.services
                            .keys()
                            .all(|name| merged.services.contains_key(name))
                    );
                    holds_of_each(&merged);
                }
            }
        });
}

fn holds_of_each(compose: &Compose) {
    let tags =
        |image: &str| (!image.is_empty()).then(|| vec!["1.4.0".to_owned(), "1.10.0".to_owned()]);
    assert_eq!(compose.clone().with(compose.clone()), *compose);
    assert_eq!(
        (weakened(compose, compose), pinned_anew(compose, compose)),
        (None, None)
    );
    assert_eq!(carried(compose, compose, |_| None), Ok(Vec::new()));
    assert!(
        upgraded(compose, compose, tags).is_err(),
        "nothing was upgraded"
    );
    if let Ok(label) = compose.label() {
        assert_eq!(label.to_string().parse::<Label>(), Ok(label.clone()));
        assert!(next_label(&label, "x").recipe > label.recipe, "{label}");
    }
    let in_use: Vec<String> = compose
        .services
        .values()
        .map(|service| service.tag.clone())
        .collect();
    for tag in &in_use {
        if let Some(newest) = newest(tag, &in_use) {
            assert!(in_use.iter().any(|known| known == newest));
            assert_ne!(between(tag, &in_use), Some(newest));
        }
    }
}

#[rustfmt::skip]
const SETTING_WORDS: &[&str] = &[
    "COMPOSE_FILE=", "\nCOMPOSE_FILE=", "export ", "$COMPOSE_FILE", "${COMPOSE_FILE}", "$COMPOSE_FILE$COMPOSE_FILE", "compose.yml", "compose.smtp.yml", ":", "\"", "'", " #", "#", "\n", "\r\n",
    " ", "=", "DOMAIN=x", "\\", "$", "{", "}", "ü", "\u{a0}",
];

#[test]
fn fuzz_settings() {
    bolero::check!(name = "settings")
        .with_iterations(RUNS)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            let settings = text(input, SETTING_WORDS);
            let files = listed(&settings);
            assert!(!files.is_empty());
            assert!(
                files
                    .iter()
                    .all(|file| !file.is_empty() && !file.contains(':'))
            );
            // What is done to settings alone shows as one way at most, and the same settings as none.
            let with = |settings: &str| {
                let files = [
                    (COMPOSE, "services: {app: {image: 'a:1'}}"),
                    (SETTINGS, settings),
                ];
                Texts::from(files.map(|(path, text)| (path.to_owned(), text.to_owned())))
            };
            assert!(ways(&with(&settings), &with(&settings)).is_empty());
            assert!(ways(&with(""), &with(&settings)).len() <= 1);
        });
}
