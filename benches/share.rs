//! Who took the time of a verification: builds, the flow's commands, quiet windows, or Gavel itself.
//!
//!     cargo bench --bench share -- [--runs N] [--items "V1 V2"] [--gitea BINARY]
//!
//! Every stretch of an attempt, from one fact to the next, belongs to whom it waited for: that is what the fact says of itself. All that is
//! left of the run, its beginning and its report among it, is Gavel's.

use clap::Parser;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The guardrails' attempt lies around all others, and does nothing of its own but look.
const AROUND: &str = "G";

#[derive(Parser)]
struct Options {
    /// How many times everything is verified
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[arg(long, default_value = "all")]
    items: String,
    /// Use this Gitea or Forgejo in place of the lab's own forge
    #[arg(long)]
    gitea: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Builds,
    Flow,
    Windows,
    Gavel,
}

impl Whose {
    const ALL: [Whose; 4] = [Whose::Builds, Whose::Flow, Whose::Windows, Whose::Gavel];
}

type Shares = BTreeMap<Whose, f64>;

fn main() -> ExitCode {
    let options = Options::parse();
    let mut all: Vec<Shares> = Vec::new();
    println!("| run | seconds | builds | flow | windows | Gavel |");
    println!("|---|---|---|---|---|---|");
    for run in 1..=options.runs {
        match verified(&options).and_then(|evidence| shares(&evidence)) {
            Ok(shares) => {
                print_row(&run.to_string(), &shares);
                all.push(shares);
            }
            Err(why) => {
                eprintln!("run {run}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let of = |whose: Whose, pick: fn(&[f64]) -> f64| {
        let mut each: Vec<f64> = all.iter().map(|shares| shares[&whose]).collect();
        each.sort_by(f64::total_cmp);
        pick(&each)
    };
    let median = |each: &[f64]| each[each.len() / 2];
    print_row(
        "median",
        &Whose::ALL.map(|whose| (whose, of(whose, median))).into(),
    );
    println!(
        "\nGavel's own: at most {:.1} s",
        of(Whose::Gavel, |each| each[each.len() - 1])
    );
    ExitCode::SUCCESS
}

fn print_row(name: &str, shares: &Shares) {
    let whole: f64 = shares.values().sum();
    let cells = Whose::ALL.map(|whose| {
        let seconds = shares[&whose];
        format!("{seconds:.1} s ({:.0} %)", 100.0 * seconds / whole)
    });
    println!("| {name} | {whole:.1} | {} |", cells.join(" | "));
}

/// Verifies in a healthy lab, and answers the evidence of it.
fn verified(options: &Options) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("making a folder: {error}"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command
        .args(["lab", "demo", "--json", "--items", &options.items, "--out"])
        .arg(folder.path());
    if let Some(gitea) = &options.gitea {
        command.args(["--gitea", gitea]);
    }
    let output = command
        .output()
        .map_err(|error| format!("starting the lab: {error}"))?;
    if output.status.code() != Some(0) {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!(
            "the healthy lab did not pass ({}): {errors}",
            output.status
        ));
    }
    read(&folder.path().join("evidence/evidence.json"))
}

fn read(file: &Path) -> Result<Value, String> {
    let text = std::fs::read(file).map_err(|error| format!("reading the evidence: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("reading the evidence: {error}"))
}

fn shares(evidence: &Value) -> Result<Shares, String> {
    let mut shares: Shares = Whose::ALL.map(|whose| (whose, 0.0)).into();
    let attempts = evidence["attempts"].as_array().into_iter().flatten();
    for attempt in attempts.filter(|attempt| attempt["item"] != AROUND) {
        let mut before = time(&attempt["started"])?;
        for fact in attempt["facts"].as_array().into_iter().flatten() {
            let at = time(&fact["at"])?;
            // What was taken over from another attempt is from before.
            let passed = (at - before).max(0.0);
            before = before.max(at);
            if let Some((whose, seconds)) = waited(fact) {
                *shares.entry(whose).or_default() += seconds.min(passed);
            }
        }
    }
    let whole = time(&evidence["ended"])? - time(&evidence["started"])?;
    let others: f64 = shares.values().sum();
    shares.insert(Whose::Gavel, whole - others);
    Ok(shares)
}

/// For whom a fact waited, and for how many seconds.
fn waited(fact: &Value) -> Option<(Whose, f64)> {
    let seconds = |milliseconds: &Value| Some(milliseconds.as_f64()? / 1000.0);
    let seen = &fact["answer"]["seen"];
    match fact["question"]["ask"].as_str()? {
        "quiet" => Some((Whose::Windows, seconds(seen)?)),
        "run" => Some((Whose::Flow, seconds(&seen["milliseconds"])?)),
        "agent" => Some((Whose::Flow, seconds(&fact["watch"]["waited"])?)),
        _ => Some((Whose::Builds, seconds(&fact["watch"]["waited"])?)),
    }
}

/// Seconds since 1970.
fn time(value: &Value) -> Result<f64, String> {
    let text = value.as_str().unwrap_or_default();
    let time: Timestamp = text
        .parse()
        .map_err(|error| format!("`{text}` is no time: {error}"))?;
    Ok(time.as_nanosecond() as f64 / 1e9)
}
