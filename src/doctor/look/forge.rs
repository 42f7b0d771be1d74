//! The forge itself, the tokens, and the accounts that the configuration names.

use super::{Because, Look, limits};
use crate::config::{Account, Config};
use crate::gitea::{Gitea, Membership, Scopes, User};
use jiff::Timestamp;

/// What was seen of the forge as a whole.
#[derive(Clone)]
pub struct Forge {
    pub version: Look<String>,
    /// How many seconds its clock is before this machine's; `None` where it does not tell the time.
    pub ahead: Look<Option<i64>>,
    pub token: Token,
    pub outsider: Token,
    /// Whether the outsider is a member of the organisation, asked in the outsider's own name, as V1 asks it.
    pub membership: Look<Membership>,
    /// The accounts that the configuration names, by the key that does.
    pub people: Vec<Person>,
    /// Clients of Gavel and of the outsider, where the forge answers.
    pub clients: Option<[Gitea; 2]>,
}

/// A token, by what it answers.
#[derive(Debug, Clone)]
pub struct Token {
    pub account: Look<User>,
    pub scopes: Look<Scopes>,
}

/// Somebody whom the configuration names.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: &'static str,
    pub login: String,
    pub account: Look<Option<User>>,
}

pub async fn look(config: &Config) -> Forge {
    let url = &config.forge.url;
    let client = |token| Gitea::new(url, token, limits(config));
    let anybody = match client(None) {
        Ok(client) => client,
        Err(error) => return absent(Look::failed(&error)),
    };
    let version = Look::of(anybody.version().await).map(|version| version.version);
    if version.value().is_none() {
        return absent(version);
    }
    let asked = version.asked.clone();
    let ahead = match anybody.clock().await {
        Ok(theirs) => {
            let ours = Timestamp::now().as_second();
            Look::this(asked, theirs.map(|theirs| theirs.as_second() - ours))
        }
        Err(error) => Look::failed(&error),
    };
    let own = client(Some(&config.forge.token));
    let outside = client(Some(&config.gate.outsider.token));
    let (own, outside) = match (own, outside) {
        (Ok(own), Ok(outside)) => (own, outside),
        (Err(error), _) | (_, Err(error)) => return absent(Look::failed(&error)),
    };
    let token = tried(&own, "forge-token").await;
    let outsider = tried(&outside, "outsider-token").await;
    let login = config.gate.outsider.account.as_str();
    let organisation = config.gate.organisation.as_str();
    let membership = match is_unknown(&outsider) {
        true => Look::unasked(format!("the members of {organisation}"), "outsider-token"),
        false => Look::of(outside.organisation_membership(organisation, login).await),
    };
    let mut people = Vec::new();
    for (key, login) in named(config) {
        let account = match is_unknown(&token) {
            true => Look::unasked(format!("{url} for {login}"), "forge-token"),
            false => Look::of(own.account(login.as_str()).await).or_none(),
        };
        people.push(Person {
            key,
            login: login.to_string(),
            account,
        });
    }
    Forge {
        version,
        ahead,
        token,
        outsider,
        membership,
        people,
        clients: Some([own, outside]),
    }
}

async fn tried(client: &Gitea, name: &'static str) -> Token {
    let account = Look::of(client.whoami().await);
    let scopes = match &account.saw {
        super::Saw::Nothing(unseen) if unseen.because == Because::Stranger => {
            Look::unasked("the forge, for the token's scopes", name)
        }
        _ => Look::of(client.scopes().await),
    };
    Token { account, scopes }
}

/// Whether the forge does not know the token at all, so that it is no use to ask more in its name.
fn is_unknown(token: &Token) -> bool {
    matches!(&token.account.saw, super::Saw::Nothing(unseen) if unseen.because == Because::Stranger)
}

fn named(config: &Config) -> Vec<(&'static str, &Account)> {
    let commanders = &config.commanders;
    let one = [
        ("gate.account", &config.gate.account),
        ("gate.outsider.account", &config.gate.outsider.account),
        ("gate.organisation", &config.gate.organisation),
        ("flow.account", &config.flow.account),
    ];
    let accounts = commanders.accounts.iter();
    let accounts = accounts.map(|account| ("commanders.accounts", account));
    let adversaries = commanders.adversaries.iter();
    let adversaries = adversaries.map(|account| ("commanders.adversaries", account));
    let upstream = config.sandbox.upstream.iter();
    let upstream = upstream.map(|account| ("sandbox.upstream", account));
    one.into_iter()
        .chain(accounts)
        .chain(adversaries)
        .chain(upstream)
        .collect()
}

/// A forge that does not answer: nothing more is asked.
fn absent(version: Look<String>) -> Forge {
    fn nothing<T>() -> Look<T> {
        Look::unasked("the forge", "forge")
    }
    let token = || Token {
        account: nothing(),
        scopes: nothing(),
    };
    Forge {
        version,
        ahead: nothing(),
        token: token(),
        outsider: token(),
        membership: nothing(),
        people: Vec::new(),
        clients: None,
    }
}
