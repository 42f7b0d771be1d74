//! Gavel: a maintainer comments `/verify V4`, Gavel runs the plan's checks against the real thing and answers with evidence.

mod cli;
mod command;
mod config;
mod drone;
mod gitea;
mod host;
#[cfg(feature = "lab")]
mod lab;
mod redact;

fn main() -> std::process::ExitCode {
    cli::main()
}
