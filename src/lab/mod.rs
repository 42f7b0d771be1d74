//! cc-ci in a box: forge, Drone, bridge, harness, registry and the flow, on loopback, healthy or broken on purpose.

use clap::Args;
use std::process::ExitCode;

pub mod forge;
pub mod gitea_server;

#[derive(Args)]
pub struct Lab {}

impl Lab {
    pub fn run(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
