//! Whose token this is, and what it may be used for.

use super::{Gitea, GiteaError, Seen, User};
use serde_json::{Value, json};

/// What is known of a token's scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    /// All of them, as the forge names them: `write:issue`, `all`.
    Told(Vec<String>),
    /// The forge refuses for want of a scope, and does not say which ones there are: Forgejo, and older Gitea.
    Untold,
    /// They reach further than anything that Gavel asks for.
    Wide,
}

/// Nothing that Gavel does needs this one.
const UNNEEDED: &str = "read:notification";

impl Gitea {
    /// The account of the token. Needs the scope `read:user`.
    pub async fn whoami(&self) -> Result<Seen<User>, GiteaError> {
        self.read("ask whose token this is", "user".into()).await
    }

    /// The scopes of the token, by a read that needs one which Gavel does not: the forge's refusal lists what there is, as in
    /// `tokenRequiresScopes` of Gitea's `routers/api/v1/api.go`. No other way shows them to a token.
    pub async fn scopes(&self) -> Result<Seen<Scopes>, GiteaError> {
        let doing = format!("ask for what needs the scope {UNNEEDED}");
        match self.read::<Value>(doing, "notifications/new".into()).await {
            Ok(seen) => Ok(seen.map(|_| Scopes::Wide)),
            Err(error) => match error.lacking_scope() {
                Some(words) => Ok(Seen {
                    value: told(words),
                    answer: json!({ "message": words }),
                    asked: error.asked().to_owned(),
                }),
                None => Err(error),
            },
        }
    }
}

/// What a refusal tells of the token's scopes.
fn told(words: &str) -> Scopes {
    match words.split_once("token scope=") {
        Some((_, scopes)) => {
            let scopes = scopes.split(',').map(str::trim);
            let scopes = scopes.filter(|scope| !scope.is_empty());
            Scopes::Told(scopes.map(str::to_owned).collect())
        }
        None => Scopes::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_scopes_where_the_forge_lists_them() {
        let listed = "token does not have at least one of required scope(s), required=[read:notification], token scope=read:user,write:issue";
        let scopes = ["read:user", "write:issue"].map(str::to_owned).to_vec();
        assert_eq!(told(listed), Scopes::Told(scopes));
        let short = "token does not have at least one of required scope(s): [read:notification]";
        assert_eq!(told(short), Scopes::Untold);
    }
}
