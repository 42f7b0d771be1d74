//! The box that Gavel runs on, behind typed interfaces. Nothing here goes through a shell.

pub mod process;
