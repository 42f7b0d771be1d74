//! In tests this program is the test binary: one ignored test stands in for `gavel`, so that `abra` and the sites that it
//! deploys run from exactly the code under test.

use clap::Parser;

#[derive(Parser)]
struct StandIn {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Lab(super::Lab),
}

/// The command line that runs the test below; arguments that follow are collected in an environment variable. What the
/// test runner itself prints is left out; a site replaces its shell, because its own process id is what is recorded.
pub fn command(program: String) -> Vec<String> {
    let collect = r#"
        IFS=$'\037'; export GAVEL_STAND_IN="$*"; IFS=' '
        if [[ $2 == site ]]; then exec "$0" --exact lab::stand_in::gavel --ignored --nocapture; fi
        "$0" --exact lab::stand_in::gavel --ignored --nocapture | sed -u -e '/^running 1 test$/d' -e '/^$/d'
        exit "${PIPESTATUS[0]}""#;
    vec![
        "bash".to_owned(),
        "-c".to_owned(),
        collect.to_owned(),
        program,
    ]
}

#[test]
#[ignore = "not a test: stands in for the program"]
fn gavel() {
    let Ok(arguments) = std::env::var("GAVEL_STAND_IN") else {
        return;
    };
    let arguments = std::iter::once("gavel").chain(arguments.split('\u{1f}'));
    let Command::Lab(lab) = StandIn::parse_from(arguments).command;
    std::process::exit(i32::from(lab.run() != std::process::ExitCode::SUCCESS));
}
