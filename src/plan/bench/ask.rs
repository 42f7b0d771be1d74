//! Whom a scenario's questions are put to: the servers, the box, the configuration, or this attempt's own memory.

use super::{Bench, to_value};
use crate::ask::{Servers, Unanswered};
use crate::evidence::{Answer, Digest, Question};
use crate::plan::guardrails::Watched;
use serde_json::{Value, json};

/// What was asked, in words, with what came back or why nothing did.
type Told = Result<(String, Value), (String, String)>;

impl Bench {
    /// Puts a question; the clients' own patience is over when it stays unanswered.
    pub(super) async fn ask(&self, question: &Question) -> (String, Answer) {
        match self.try_ask(question).await {
            Ok((asked, value)) => (asked, Answer::Seen(value)),
            Err((asked, why)) => (asked, Answer::Unseen(why)),
        }
    }

    async fn try_ask(&self, question: &Question) -> Told {
        let world = &self.world;
        let notice = |what: String| self.note_trouble(what);
        let servers = Servers {
            forge: Some(&world.forge),
            drone: Some(&world.drone),
            registry: world.registry.as_ref(),
            web: &world.web,
            patience: world.config.patience.outage,
            notice: &notice,
        };
        let unseen = |unanswered: Unanswered| (unanswered.asked, unanswered.why);
        match question {
            Question::Expectations => Ok(("the configuration".into(), to_value(&self.expect))),
            Question::Watched => Ok((
                "the configuration".into(),
                to_value(&Watched::from_config(&world.config)),
            )),
            Question::Calm => {
                let troubles = self.troubles.borrow().clone();
                Ok(("forge and Drone".into(), json!(troubles)))
            }
            Question::Digests { paths, .. } => digests(paths).await,
            Question::Member { account, .. } if *account == self.expect.outsider => {
                // Put in the account's own name: who is no member is sent to the public list, and told nothing there.
                let servers = Servers {
                    forge: Some(&world.outsider),
                    ..servers
                };
                servers.put(question).await.map_err(unseen)
            }
            Question::Results { build } => {
                let url = world.config.suite.results_url(*build);
                let results = servers.results(&url, "Check `suite.results_url`").await;
                results.map_err(unseen)
            }
            Question::Verified {
                recipe_head,
                tests_head,
            } => match &world.config.flow.verify_pr {
                Some(script) => {
                    let url = script.results_url(recipe_head, tests_head);
                    let mend = "Check `flow.verify_pr.results_url`";
                    servers.results(&url, mend).await.map_err(unseen)
                }
                None => Err(("nobody".into(), "`flow.verify_pr` is not configured".into())),
            },
            Question::Sessions
            | Question::Agent { .. }
            | Question::Screen { .. }
            | Question::Running { .. }
            | Question::Text { .. }
            | Question::Clock => self.ask_box(question).await,
            Question::Clone { .. }
            | Question::Inhabitants { .. }
            | Question::Entries { .. }
            | Question::Users { .. }
            | Question::Stacks
            | Question::Volumes
            | Question::Crontab => match self.ask_machine(question).await {
                Some(answer) => answer,
                None => Err(("nobody".into(), "this is no question to the box".into())),
            },
            _ => servers.put(question).await.map_err(unseen),
        }
    }
}

async fn digests(paths: &[String]) -> Told {
    let mut digests = serde_json::Map::new();
    for path in paths {
        let bytes = tokio::fs::read(path).await.map_err(|error| {
            (
                path.clone(),
                format!("reading `{path}` failed: {error}. Mend `versions` in gavel.toml"),
            )
        })?;
        digests.insert(path.clone(), Value::String(Digest::of(bytes).to_string()));
    }
    Ok(("this machine".into(), Value::Object(digests)))
}
