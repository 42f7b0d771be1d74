//! What fires, and for whom.

use super::super::client::{Api, ApiError};
use super::super::faults::Faults;
use super::Candidate;
use reqwest::StatusCode;

/// Whether a comment asks for a build: trimmed, it is exactly `!testme` or `!testme --quick`.
pub fn fires(body: &str, faults: &Faults) -> bool {
    let mut text = body.trim();
    if faults.has("bridge-reads-quotes") {
        text = text.trim_start_matches(['>', ' ']);
    }
    if faults.has("bridge-reads-code-blocks") {
        text = text.trim_matches(['`', '\n', '\r', ' ']);
    }
    if faults.has("bridge-matches-prefix") {
        return text.starts_with("!testme");
    }
    if faults.has("bridge-matches-anywhere") && text.split(' ').any(|word| word == "!testme") {
        return true;
    }
    text == "!testme" || text == "!testme --quick"
}

/// Whether an account may trigger: a collaborator of the mirror, or a member of the organisation.
pub async fn may_trigger(
    forge: &Api,
    own_login: &str,
    candidate: &Candidate,
    faults: &Faults,
) -> Result<bool, ApiError> {
    let (repository, login) = (&candidate.repository, &candidate.login);
    if faults.has("bridge-quick-for-everybody") && candidate.body.trim() == "!testme --quick" {
        return Ok(true);
    }
    let organisation = repository.split('/').next().unwrap_or(repository);
    let asked_about = if faults.has("bridge-asks-about-itself") {
        own_login
    } else {
        login
    };
    let mut questions = vec![
        format!("/repos/{repository}/collaborators/{asked_about}"),
        format!("/orgs/{organisation}/members/{asked_about}"),
    ];
    if faults.has("bridge-knows-members-only") {
        questions.remove(0);
    }
    for question in questions {
        let status = forge.status(&question).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(true);
        }
        if faults.has("bridge-takes-any-answer-for-yes") && !status.is_server_error() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_legal_forms_fire() {
        for legal in ["!testme", "  !testme\n", "!testme --quick", "!testme\r\n"] {
            assert!(fires(legal, &Faults::none()), "{legal:?}");
        }
        for other in [
            "!testmexyz",
            "> !testme",
            "```\n!testme\n```",
            "please !testme this",
            "!testme --slow",
            "!TESTME",
            "",
            "`!testme`",
        ] {
            assert!(!fires(other, &Faults::none()), "{other:?}");
        }
    }

    #[test]
    fn each_broken_comparison_lets_its_own_kind_through() {
        let broken = |name: &str| Faults::new(&[name.to_owned()]).unwrap();
        for (fault, text) in [
            ("bridge-matches-prefix", "!testmexyz"),
            ("bridge-matches-anywhere", "please !testme this"),
            ("bridge-reads-quotes", "> !testme"),
            ("bridge-reads-code-blocks", "```\n!testme\n```"),
        ] {
            assert!(fires(text, &broken(fault)), "{fault}");
            assert!(fires("!testme", &broken(fault)), "{fault}");
            assert!(!fires("looks good", &broken(fault)), "{fault}");
        }
    }
}
