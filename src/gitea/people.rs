//! Users, organisations and teams.

use super::{Gitea, GiteaError, Seen, Team, User, path};
use crate::config;
use serde_json::{Value, json};

/// Whether somebody is a member of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    Member,
    NotMember,
    /// The forge tells only its members who is one, and Gavel is none.
    Hidden,
}

impl Gitea {
    /// An account of this name; a refusal (404) where there is none.
    pub async fn account(&self, login: &str) -> Result<Seen<User>, GiteaError> {
        let path = format!("users/{}", path::part(login));
        self.read(format!("look for the account {login}"), path)
            .await
    }

    /// Makes a public organisation. Sent once: see [`GiteaError::outcome`].
    pub async fn create_organisation(&self, name: &str) -> Result<(), GiteaError> {
        let doing = format!("make the organisation {name}");
        let wanted = json!({ "username": name, "visibility": "public" });
        self.create::<Value>(doing, "orgs".into(), wanted)
            .await
            .map(drop)
    }

    pub async fn organisation_membership(
        &self,
        organisation: &str,
        login: &str,
    ) -> Result<Seen<Membership>, GiteaError> {
        let path = format!(
            "orgs/{}/members/{}",
            path::part(organisation),
            path::part(login)
        );
        let (seen, answer) = self
            .ask(
                format!("ask whether {login} is a member of {organisation}"),
                path,
            )
            .await?;
        Ok(seen.map(|yes| match yes {
            true => Membership::Member,
            // Whoever is no member is sent on to the list of public members, which proves nothing about the others.
            false if answer.redirected => Membership::Hidden,
            false => Membership::NotMember,
        }))
    }

    /// Whether the account is in the team. A team that the organisation does not have has no members.
    pub async fn team_membership(
        &self,
        team: &config::Team,
        login: &str,
    ) -> Result<Seen<Membership>, GiteaError> {
        let path = format!("orgs/{}/teams", path::part(&team.organisation));
        let teams: Seen<Vec<Team>> = match self
            .paged_list(format!("list the teams of {}", team.organisation), path)
            .await
        {
            Ok(teams) => teams,
            Err(error) if error.is_forbidden() => {
                let asked = error.asked().to_owned();
                return Ok(Seen {
                    value: Membership::Hidden,
                    answer: json!({ "message": error.to_string() }),
                    asked,
                });
            }
            Err(error) => return Err(error),
        };
        let Some(id) = teams
            .value
            .iter()
            .find(|found| found.name.eq_ignore_ascii_case(&team.name))
            .map(|found| found.id)
        else {
            return Ok(teams.map(|_| Membership::NotMember));
        };
        let path = format!("teams/{id}/members/{}", path::part(login));
        match self
            .read::<User>(format!("ask whether {login} is in team {team}"), path)
            .await
        {
            Ok(seen) => Ok(seen.map(|_| Membership::Member)),
            Err(error) => match error.not_found_answer() {
                Some(answer) => Ok(Seen {
                    value: Membership::NotMember,
                    answer: answer.body,
                    asked: error.asked().to_owned(),
                }),
                None => Err(error),
            },
        }
    }
}
