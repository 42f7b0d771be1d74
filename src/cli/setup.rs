//! `gavel setup`: makes what an installation lacks and the forge can hold, then says what the doctor says.

use super::{print, runtime};
use crate::config::{Config, secrets};
use crate::doctor;
use crate::gitea::{Gitea, Limits};
use crate::host::git::Credentials;
use crate::setup;
use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Far more than any token.
const LIMIT: u64 = 64 * 1024;

#[derive(Args)]
pub struct Setup {
    /// The configuration; deploy/gavel.example.toml shows every key
    #[arg(long, default_value = "gavel.toml", env = "GAVEL_CONFIG")]
    config: PathBuf,
    /// Also make the repositories of the sandbox recipes that the configuration names
    #[arg(long)]
    sandbox: bool,
    /// A file with a token of the forge's administrator, that its owner alone may read; without it the token is read from standard input
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

impl Setup {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.config)?;
        let token = self.token()?;
        let diagnosis = runtime()?.block_on(async {
            let limits = Limits {
                request: config.patience.request,
                outage: Duration::from_secs(5),
            };
            let forge = Gitea::new(&config.forge.url, Some(&token.clone().into()), limits)?;
            let admin = forge.whoami().await?.value;
            print(&format!("as {} on {}\n", admin.login, config.forge.url))?;
            let credentials = Credentials {
                login: admin.login,
                token: token.clone(),
            };
            let mut tell = |step: &setup::Step| {
                // Whoever reads has read enough; what was begun is done all the same.
                let _ = print(&format!("{step}\n"));
            };
            setup::run(&config, &credentials, &forge, self.sandbox, &mut tell).await?;
            anyhow::Ok(doctor::examine(&self.config, Some(forge)).await?)
        })?;
        print(&format!("\n{}", diagnosis.table()))?;
        Ok(match diagnosis.has_failed() {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }

    /// The administrator's token; kept in memory only.
    fn token(&self) -> anyhow::Result<SecretString> {
        if let Some(path) = &self.admin_token_file {
            return secrets::read(path).map_err(|error| {
                anyhow::anyhow!("reading the token failed: {error}. {}", error.mend())
            });
        }
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            eprintln!(
                "Token of the forge's administrator (it will be seen here; --admin-token-file keeps it off the screen):"
            );
        }
        let mut line = String::new();
        let read = stdin.lock().take(LIMIT).read_line(&mut line);
        read.context("reading the token from standard input failed")?;
        let token = line.trim();
        anyhow::ensure!(
            !token.is_empty(),
            "standard input holds no token. Pipe one in, or name a file with --admin-token-file"
        );
        Ok(SecretString::from(token))
    }
}
