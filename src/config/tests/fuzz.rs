//! Whatever stands in `gavel.toml`.

use super::*;
use crate::fuzz::{LONGEST, RUNS, text};

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "\n[server]\n", "\n[forge]\n", "\n[tracking]\n", "\n[commanders]\n", "\n[drone]\n", "\n[gate]\n", "\n[gate.outsider]\n", "\n[suite]\n", "\n[flow]\n", "\n[flow.helper]\n",
    "\n[flow.environment]\n", "\n[sandbox]\n", "\n[sandbox.gate]\n", "\n[sandbox.stale]\n", "\n[versions]\n", "\n[patience]\n", "\n[host]\n",
    "\nlisten = ", "\nurl = ", "\naccount = ", "\naccounts = ", "\nrepository = ", "\nissue = ", "\ntoken_file = ", "\ncommand = ", "\nsecrets = ", "\nenvironment = ",
    "\nlimit = ", "\nbad_triggers = ", "\nlog_pattern = ", "\nresults_url = ", "\ninterval = ", "\nquiet_intervals = ", "\npoll = ",
    "\"", "'", "\"\"\"", "'''", "[", "]", "[[", "]]", "{", "}", " = ", ",", "#", "\n", "\r\n", "\\n", "\\u0000", "\\\"", ".",
    "\"127.0.0.1:8321\"", "\"https://git.example.org\"", "\"https://u:p@[::1]/\"", "\"owner/name\"", "\"../..\"", "\"5m\"", "\"18446744073709551615h\"", "\"0s\"", "true",
    "18446744073709551616", "-1", "1e999", "nan", "0x7f", "1979-05-27", "\"(a{1000}){1000}\"", "\"$\"", "ü", "\u{202e}",
];

const SECRET: &str = "s3cret-of-a-file";

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(text, Path::new("/etc/gavel"), &|_| Ok(SECRET.into()))
}

/// All problems of a configuration, as they are told; none where it is taken.
fn problems(text: &str) -> Vec<String> {
    let problems = read(text).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// What holds of every configuration that is taken.
fn is_sound(config: &Config) {
    let shown = format!("{config:?}");
    assert!(!shown.contains(SECRET), "a secret is shown");
    for ours in [
        &config.forge.account,
        &config.flow.account,
        &config.gate.account,
    ] {
        assert!(
            !config.commanders.accounts.contains(ours),
            "{ours:?} may command"
        );
    }
    assert_ne!(config.forge.account, config.flow.account);
    assert!(config.tracking.issue > 0);
    assert!(config.gate.quiet_intervals >= 3 && config.gate.quiet_window() >= config.gate.interval);
    assert!(config.patience.poll > Duration::ZERO && config.patience.request > Duration::ZERO);
}

#[test]
fn fuzz() {
    bolero::check!(name = "configuration")
        .with_iterations(RUNS / 4)
        .with_max_len(LONGEST)
        .for_each(|input: &[u8]| {
            // Behind the first line stands what takes the place of a line of the example, or the whole file where that names none.
            let input = text(input, WORDS);
            let (place, rest) = input.split_once('\n').unwrap_or(("", &input));
            let whole = match place.trim().parse::<usize>() {
                Ok(place) => {
                    let mut lines: Vec<&str> = EXAMPLE.lines().collect();
                    let place = place % lines.len();
                    lines[place] = rest;
                    lines.join("\n")
                }
                Err(_) => rest.to_owned(),
            };
            let last = whole.split('\n').count();
            match read(&whole) {
                Ok(config) => is_sound(&config),
                Err(problems) => {
                    assert!(!problems.is_empty());
                    for problem in problems {
                        assert!((1..=last).contains(&problem.line), "{problem} of {last}");
                        assert!(!problem.what.is_empty() && !problem.mend.is_empty());
                        let told = problem.to_string();
                        assert!(!told.contains(SECRET), "{told}");
                        assert!(!told.chars().any(|c| c.is_control()), "{told:?}");
                    }
                }
            }
            assert_eq!(problems(&whole), problems(&whole));
        });
}
