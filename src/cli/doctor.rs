//! `gavel doctor`: whether an installation has all that it needs.

use super::{print, runtime};
use crate::doctor;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct Doctor {
    /// The configuration; deploy/gavel.example.toml shows every key
    #[arg(long, default_value = "gavel.toml", env = "GAVEL_CONFIG")]
    config: PathBuf,
    /// One JSON object on standard output, for programs; deploy/OPERATIONS.md describes it
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let diagnosis = runtime()?.block_on(doctor::examine(&self.config, None))?;
        match self.json {
            true => print(&format!("{:#}\n", diagnosis.json()))?,
            false => print(&diagnosis.table())?,
        }
        Ok(match diagnosis.has_failed() {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }
}
