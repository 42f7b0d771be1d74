//! What the configuration says that an item should see. It is the first fact of every attempt, so that a judge needs nothing else.

use crate::config::Config;
use serde::{Deserialize, Serialize};

/// Everything outside the facts that a judge of the gate or the helper compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectations {
    /// Gavel's own account on the forge.
    pub gavel: String,
    /// The account that writes statuses and result comments.
    pub gate: String,
    /// The account that the flow acts as.
    pub flow: String,
    /// The account that has access to nothing.
    pub outsider: String,
    /// Where the recipe mirrors are.
    pub organisation: String,
    pub recipe: String,
    /// The mirror, `organisation/recipe`.
    pub mirror: String,
    pub known_green: String,
    pub known_red: String,
    /// What a comment must be to fire.
    pub trigger: String,
    /// Other comments that fire.
    pub more_triggers: Vec<String>,
    pub bad_triggers: Vec<String>,
    pub status_context: String,
    pub comment_marker: String,
    /// Regular expressions over the visible text of a result comment; empty where such comments are not read.
    pub comment_success: String,
    pub comment_failure: String,
    /// The stages that a build must run.
    pub stages: Vec<String>,
    /// Regular expression that the log of a real run matches; empty where none is configured.
    pub log_pattern: String,
    /// A build's page is this, a slash, and its number.
    pub build_pages: String,
    /// How long nothing must happen before a trigger counts as refused, in milliseconds.
    pub quiet: u64,
    /// How long an effect may take before it counts as absent, in milliseconds.
    pub reaction: u64,
    /// How long a build may take, in milliseconds.
    pub build: u64,
    /// `MAX_WAIT` of a helper that is to wait for the result, in seconds.
    pub helper_wait: u64,
}

impl Expectations {
    pub fn from_config(config: &Config) -> Self {
        let gate = &config.gate;
        let recipe = config.sandbox.gate.recipe.to_string();
        Self {
            gavel: config.forge.account.to_string(),
            gate: gate.account.to_string(),
            flow: config.flow.account.to_string(),
            outsider: gate.outsider.account.to_string(),
            organisation: gate.organisation.to_string(),
            mirror: format!("{}/{recipe}", gate.organisation),
            recipe,
            known_green: config.sandbox.gate.known_green.clone(),
            known_red: config.sandbox.gate.known_red.clone(),
            trigger: gate.trigger.clone(),
            more_triggers: gate.more_triggers.clone(),
            bad_triggers: gate.bad_triggers.clone(),
            status_context: gate.status_context.clone(),
            comment_marker: gate.comment_marker.clone(),
            comment_success: pattern(gate.comment_success.as_ref()),
            comment_failure: pattern(gate.comment_failure.as_ref()),
            stages: config.suite.stages.clone(),
            log_pattern: pattern(config.suite.log_pattern.as_ref()),
            build_pages: format!(
                "{}/{}",
                config.drone.url.as_str().trim_end_matches('/'),
                config.drone.repository
            ),
            quiet: milliseconds(gate.quiet_window()),
            reaction: milliseconds(config.patience.reaction),
            build: milliseconds(config.patience.build),
            helper_wait: config.flow.helper.max_wait.as_secs(),
        }
    }
}

impl Expectations {
    /// Every comment that fires when somebody types it who may.
    pub fn triggers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.trigger)
            .chain(&self.more_triggers)
            .map(String::as_str)
    }
}

fn pattern(regex: Option<&regex::Regex>) -> String {
    regex.map(ToString::to_string).unwrap_or_default()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
