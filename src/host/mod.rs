//! The box that Gavel runs on, behind typed interfaces. Nothing here goes through a shell.

// What the items to come ask of the box is here before them.
#![allow(dead_code)]

pub mod cron;
pub mod durable;
pub mod git;
pub mod owned;
pub mod process;
pub mod processes;
pub mod spool;
pub mod swarm;
pub mod tmux;
mod tool;

#[allow(unused_imports)]
pub use tool::{HostError, Tool};
