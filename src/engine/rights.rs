//! What an account may do here.

use super::Engine;
use crate::gitea::Membership;

pub struct Rights {
    /// Start, end and clean up runs.
    pub commands: bool,
    /// Say what they think of what was judged.
    pub judges: bool,
}

impl Rights {
    pub fn any(&self) -> bool {
        self.commands || self.judges
    }
}

pub async fn rights(engine: &Engine, account: &str) -> anyhow::Result<Rights> {
    let adversaries = &engine.config.commanders.adversaries;
    Ok(Rights {
        commands: may_command(engine, account).await?,
        judges: adversaries.iter().any(|named| named.is(account)),
    })
}

/// Whether an account may command: by name, by team, or by write access to the tracking repository. None of the flow's accounts and
/// Gavel's own may, whatever they can write: they are never heard.
pub async fn may_command(engine: &Engine, account: &str) -> anyhow::Result<bool> {
    if engine.is_ours(account) {
        return Ok(false);
    }
    let commanders = &engine.config.commanders;
    if commanders.accounts.iter().any(|named| named.is(account)) {
        return Ok(true);
    }
    let forge = &engine.world.forge;
    for team in &commanders.teams {
        if forge.team_membership(team, account).await?.value == Membership::Member {
            return Ok(true);
        }
    }
    if !commanders.write_access {
        return Ok(false);
    }
    match forge
        .permission(&engine.config.tracking.repository, account)
        .await
    {
        Ok(permission) => Ok(permission.value.can_write()),
        Err(error) if error.is_forbidden() => {
            tracing::warn!(%account, %error, "who can write to the tracking repository is told to its admins only: make Gavel one, or name commanders");
            Ok(false)
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
