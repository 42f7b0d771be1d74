//! `gavel backup`: a copy of the database, and what else a restore needs.

use super::{print, runtime};
use crate::config::Config;
use crate::store;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Backup {
    /// The file to write; one that is there already is not overwritten
    file: PathBuf,
    /// The configuration; deploy/gavel.example.toml shows every key
    #[arg(long, default_value = "gavel.toml", env = "GAVEL_CONFIG")]
    config: PathBuf,
}

impl Backup {
    pub fn run(&self) -> anyhow::Result<()> {
        let config = Config::load(&self.config)?;
        let server = &config.server;
        let made = runtime()?.block_on(store::backup(&server.database(), &self.file))?;
        let shown = self.file.display();
        print(&format!(
            "{shown} is on the disk, and was looked at whole: {} bytes, commands: {}, runs: {}.\n\
             A restore needs these as well, which are not in it:\n  \
             {}   the key that signs bundles, by which this installation is known\n  \
             {}   the bundles as they were sealed, which alone hold the facts of old runs\n  \
             {}   the configuration, and the files with tokens that it names\n",
            made.bytes,
            made.commands,
            made.runs,
            server.signing_key().display(),
            server.bundles().display(),
            self.config.display(),
        ))
    }
}
