//! The names that a forge gives: accounts, teams, repositories. What is one of these types is safe in a path and in a comparison.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a text is not a name; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(String);

/// A login on the forge. Forges compare logins without regard to case, and so does this.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account(String);

/// A repository of the forge: `owner/name`. Compared without regard to case, as the forge does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    owner: String,
    name: String,
}

/// The name of a recipe, which is handed to commands as an argument: nothing in it can be an option, a path or a word of a shell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipe(String);

/// A team of an organisation: `organisation/team`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Team {
    pub organisation: Account,
    /// Team names may hold spaces and capitals; the forge gives them as they were typed.
    pub name: String,
}

impl Account {
    /// Whether `login`, as it stands in an answer of the forge, is this account.
    pub fn is(&self, login: &str) -> bool {
        self.0.eq_ignore_ascii_case(login)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Recipe {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Repository {
    pub fn new(owner: &str, name: &str) -> Result<Repository, BadName> {
        Ok(Repository {
            owner: part(owner, "the owner of a repository")?,
            name: part(name, "the name of a repository")?,
        })
    }

    pub fn owner(&self) -> &str {
        &self.owner
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What may stand in the names of accounts and repositories; refuses all that means something else in a path.
fn part(text: &str, what: &str) -> Result<String, BadName> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 100 {
        return Err(BadName(format!(
            "{what} has 1 to 100 characters, {text:?} has not"
        )));
    }
    if !text.chars().all(legal) || text == "." || text == ".." {
        return Err(BadName(format!(
            "{what} is made of letters, digits, `-`, `_` and `.`, {text:?} is not"
        )));
    }
    Ok(text.to_owned())
}

impl FromStr for Account {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Account, BadName> {
        part(text, "an account").map(Account)
    }
}

impl FromStr for Recipe {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Recipe, BadName> {
        let name = part(text, "a recipe")?;
        if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.ends_with(".git") {
            return Ok(Recipe(name));
        }
        Err(BadName(format!(
            "a recipe begins with a letter or a digit and does not end with `.git`, {text:?} is not so"
        )))
    }
}

impl FromStr for Repository {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Repository, BadName> {
        match text.split_once('/') {
            Some((owner, name)) => Repository::new(owner, name),
            None => Err(BadName(format!(
                "a repository is named `owner/name`, {text:?} is not"
            ))),
        }
    }
}

impl FromStr for Team {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Team, BadName> {
        match text.split_once('/') {
            Some((organisation, name)) if !name.trim().is_empty() => Ok(Team {
                organisation: Account(part(organisation, "an organisation")?),
                name: name.trim().to_owned(),
            }),
            _ => Err(BadName(format!(
                "a team is named `organisation/team`, {text:?} is not"
            ))),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl fmt::Display for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.organisation, self.name)
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Account) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Account {}

impl PartialEq for Repository {
    fn eq(&self, other: &Repository) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Eq for Repository {}

macro_rules! through_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<$name, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    )*};
}

through_text!(Account, Recipe, Repository, Team);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name() {
        let repository: Repository = "recipe-maintainers/custom-html-tiny".parse().unwrap();
        assert_eq!(repository.owner(), "recipe-maintainers");
        assert_eq!(repository.name(), "custom-html-tiny");
        assert_eq!(
            repository.to_string(),
            "recipe-maintainers/custom-html-tiny"
        );
        assert_eq!(
            serde_json::to_string(&repository).unwrap(),
            "\"recipe-maintainers/custom-html-tiny\""
        );
        assert_eq!(
            repository,
            "Recipe-Maintainers/custom-html-tiny".parse().unwrap()
        );
    }

    #[test]
    fn what_means_something_else_in_a_path_is_no_name() {
        for text in [
            "", "a", "/", "a/", "/b", "a/b/c", "a/..", "./b", "a/b c", "a/b?x", "a/b#c", "a/%2e",
            "ä/b",
        ] {
            assert!(
                text.parse::<Repository>().is_err(),
                "{text:?} is taken for a repository"
            );
        }
    }

    #[test]
    fn a_recipe_is_a_word_that_means_nothing_else() {
        for text in ["custom-html-tiny", "n8n", "a.b_c", "Nextcloud"] {
            assert_eq!(text.parse::<Recipe>().unwrap().as_str(), text);
        }
        for text in [
            "",
            " ",
            "a b",
            "a/b",
            "../a",
            ".",
            "..",
            "-a",
            "--with-tests",
            "_a",
            ".a",
            "a;b",
            "a$b",
            "$(a)",
            "`a`",
            "a|b",
            "a&b",
            "a>b",
            "a'b",
            "a\"b",
            "a\\b",
            "a*",
            "a\nb",
            "ä",
            "a.git",
            "~a",
            "a=b",
        ] {
            let refused = text.parse::<Recipe>();
            assert!(refused.is_err(), "{text:?} is taken for a recipe");
        }
    }

    #[test]
    fn accounts_are_the_same_in_capitals() {
        assert_eq!(
            "Gavel".parse::<Account>().unwrap(),
            "gavel".parse().unwrap()
        );
        assert!("gavel".parse::<Account>().unwrap().is("GAVEL"));
    }

    #[test]
    fn a_team_may_have_spaces() {
        let team: Team = "coop-cloud/Recipe maintainers".parse().unwrap();
        assert_eq!(team.name, "Recipe maintainers");
        assert!("coop-cloud/ ".parse::<Team>().is_err());
        assert!("coop-cloud".parse::<Team>().is_err());
    }
}
