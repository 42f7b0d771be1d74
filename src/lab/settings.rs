//! What a lab tells about itself in files: `accounts.json` for whoever drives it, `gavel.toml` and its secrets for Gavel.

mod flow;

use super::bridge;
use super::faults::Faults;
use super::folder::Folder;
use super::provision::{MIRRORS, Provisioned, SUITE, TRACKING};
use anyhow::{Context, Result};
use serde_json::json;
use std::time::Duration;

/// How fast everything goes: in the lab a poll interval is a fraction of a second, in the world it is 30 of them.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Between two looks of the bridge.
    pub bridge: Duration,
    /// Between two looks of the bridge at a build that runs.
    pub build: Duration,
    /// So many seconds a test rests between two looks at a site, so that a build lasts.
    pub between_looks: &'static str,
    /// After this a build is killed.
    pub build_limit: Duration,
    /// Gavel's patience: reaction, build, outage, poll, request.
    patience: [&'static str; 5],
    helper_max_wait: &'static str,
    helper_interval: &'static str,
    /// How patient the skills are with the helper, in its own seconds: until a verdict, and between two looks.
    flow_helper: [&'static str; 2],
    /// How long the flow's commands may take: an upgrade, a verification with tests, all upgrades, a launch.
    flow_limits: [&'static str; 4],
}

impl Pace {
    pub fn lab() -> Pace {
        Pace {
            bridge: Duration::from_millis(200),
            build: Duration::from_millis(60),
            between_looks: "0.02",
            build_limit: Duration::from_secs(60),
            patience: ["10s", "20s", "15s", "200ms", "10s"],
            helper_max_wait: "20s",
            helper_interval: "200ms",
            flow_helper: ["120", "0.2"],
            flow_limits: ["5m", "2m", "10m", "1m"],
        }
    }

    /// The lab's, where requests are disturbed: one that nobody answers is given up early, and asked again for long. A machine that is
    /// busy with other things is no disturbance that is meant. A build still runs when somebody has asked after it, as real ones do.
    pub fn disturbed() -> Pace {
        Pace {
            between_looks: "3",
            build_limit: Duration::from_secs(180),
            patience: ["60s", "3m", "5m", "200ms", "1500ms"],
            helper_max_wait: "120s",
            ..Pace::lab()
        }
    }

    pub fn real() -> Pace {
        Pace {
            bridge: Duration::from_secs(30),
            build: Duration::from_secs(2),
            between_looks: "1",
            build_limit: Duration::from_secs(1800),
            patience: ["2m", "10m", "5m", "10s", "30s"],
            helper_max_wait: "5m",
            helper_interval: "10s",
            flow_helper: ["1800", "10"],
            flow_limits: ["2h", "1h", "6h", "5m"],
        }
    }
}

pub struct Places {
    pub forge: String,
    pub drone: String,
    pub results: String,
    pub registry: String,
    pub gavel: String,
    pub drone_token: String,
    pub webhook_secret: String,
}

pub fn write(
    folder: &Folder,
    places: &Places,
    world: &Provisioned,
    pace: &Pace,
    faults: &Faults,
) -> Result<()> {
    for account in world.accounts.values() {
        folder.write_secret(&format!("secrets/{}.token", account.login), &account.token)?;
    }
    folder.write_secret("secrets/webhook.secret", &places.webhook_secret)?;
    folder.write_secret("secrets/drone.token", &places.drone_token)?;
    let accounts = json!({
        "forge_url": places.forge,
        "drone_url": places.drone,
        "drone_token": places.drone_token,
        "webhook_secret": places.webhook_secret,
        "gavel_url": places.gavel,
        "tracking_issue": world.tracking_issue,
        "accounts": world.accounts,
    });
    let accounts = serde_json::to_string_pretty(&accounts).context("writing accounts.json")?;
    folder.write_secret("accounts.json", &accounts)?;
    flow::write(folder, places, world, pace, faults)?;
    let listen = places.gavel.trim_start_matches("http://");
    let text = configuration(folder, places, world, pace, faults, listen)?;
    std::fs::write(folder.path("gavel.toml"), text).context("writing gavel.toml")
}

fn configuration(
    folder: &Folder,
    places: &Places,
    world: &Provisioned,
    pace: &Pace,
    faults: &Faults,
    listen: &str,
) -> Result<String> {
    let Places {
        forge,
        drone,
        results,
        gavel,
        ..
    } = places;
    let (owner, repo) = TRACKING;
    let issue = world.tracking_issue.number;
    let program = std::env::current_exe().context("finding this program's own file")?;
    let (program, root) = (program.display(), folder.root().display());
    let (context, marker) = (bridge::CONTEXT, bridge::MARKER);
    let interval = format!("{}ms", pace.bridge.as_millis());
    let [reaction, build, outage, poll, request] = pace.patience;
    let sections = flow::sections(folder, places, pace, faults);
    let skills = flow::skills();
    Ok(format!(
        r#"# Written by the lab; relative paths are relative to {root}.

[server]
listen = "{listen}"
public_url = "{gavel}"
data = "gavel-data"

[forge]
url = "{forge}"
account = "gavel"
token_file = "secrets/gavel.token"
webhook_secret_file = "secrets/webhook.secret"

[tracking]
repository = "{owner}/{repo}"
issue = {issue}

[commanders]
accounts = ["maintainer"]
teams = []
write_access = true
adversaries = ["adversary"]

[findings]
repository = "maintainers/verification"

[drone]
url = "{drone}"
repository = "{SUITE}"
branch = "main"
token_file = "secrets/drone.token"

[gate]
account = "bridge"
organisation = "{MIRRORS}"
trigger = "!testme"
more_triggers = ["!testme --quick"]
interval = "{interval}"
quiet_intervals = 3
status_context = "{context}"
comment_marker = "{marker}"
comment_success = '\bpassed\b'
comment_failure = '\b(failed|could not be tested)\b'
bad_triggers = ["!testmexyz", "> !testme", "```\n!testme\n```", "please !testme this"]

[gate.outsider]
account = "outsider"
token_file = "secrets/outsider.token"

[suite]
stages = ["install", "upgrade", "backup", "functional"]
results_url = "{results}/results/{{build}}/results.json"
log_pattern = "abra app deploy"
{sections}
[versions]
bridge = ["{program}"]
helper = ["bin/testme-on-pr.sh"]
skills = [{skills}]

[patience]
reaction = "{reaction}"
build = "{build}"
outage = "{outage}"
poll = "{poll}"
request = "{request}"
run = "24h"
"#
    ))
}
