//! The commands that a person types.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// cc-ci in a box: everything that Gavel talks to, on loopback
    #[cfg(feature = "lab")]
    Lab(crate::lab::Lab),
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        #[cfg(feature = "lab")]
        Command::Lab(lab) => lab.run(),
    }
}
