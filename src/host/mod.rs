//! The box that Gavel runs on, behind typed interfaces. Nothing here goes through a shell.

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

pub use tool::{HostError, Tool};
