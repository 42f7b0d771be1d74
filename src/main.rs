//! Gavel: a maintainer comments `/verify V4`, Gavel runs the plan's checks against the real thing and answers with evidence.

mod ask;
mod audit;
mod bundle;
mod cli;
mod command;
mod config;
mod doctor;
mod drone;
mod engine;
mod evidence;
mod flow;
#[cfg(test)]
mod fuzz;
mod gitea;
mod host;
mod http;
mod instants;
#[cfg(feature = "lab")]
mod lab;
mod plan;
mod record;
mod redact;
mod registry;
mod render;
mod retry;
mod secret;
mod server;
mod setup;
mod store;
mod verdict;

fn main() -> std::process::ExitCode {
    cli::main()
}
