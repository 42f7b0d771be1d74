//! The sections of `gavel.toml` about the flow, the box and the sandbox; and `flow.env`, what the flow finds where nobody gives it an
//! environment.

use super::{Pace, Places};
use crate::lab::bridge;
use crate::lab::faults::Faults;
use crate::lab::folder::Folder;
use crate::lab::machine::tmux_folder;
use crate::lab::provision::{MIRRORS, Provisioned, RECIPE, UPSTREAM};
use crate::lab::sandbox;
use anyhow::{Context, Result};
use std::fmt::Write as _;

/// The skills, each with its text.
pub const SKILLS: [(&str, &str); 3] = [
    (
        "recipe-upgrade",
        include_str!("../files/skills/recipe-upgrade/SKILL.md"),
    ),
    (
        "upgrade-all",
        include_str!("../files/skills/upgrade-all/SKILL.md"),
    ),
    (
        "ci-test-review",
        include_str!("../files/skills/ci-test-review/SKILL.md"),
    ),
];

/// The tmux session of the weekly run, and the name under which it can be viewed.
const SESSION: &str = "cc-ci-upgrader";

/// What every command of the flow finds in its environment, secrets left out.
pub fn environment(
    folder: &Folder,
    places: &Places,
    faults: &Faults,
) -> Vec<(&'static str, String)> {
    let at = |name: &str| folder.path(name).display().to_string();
    let mut pairs = vec![
        ("HOME", at("home")),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("FORGE_URL", places.forge.clone()),
        ("ORG", MIRRORS.to_owned()),
        ("MIRRORS", MIRRORS.to_owned()),
        ("UPSTREAM", UPSTREAM.to_owned()),
        ("DRONE_URL", places.drone.clone()),
        ("RESULTS_URL", places.results.clone()),
        ("REGISTRY_URL", places.registry.clone()),
        ("GATE_ACCOUNT", "bridge".to_owned()),
        ("STATUS_CONTEXT", bridge::CONTEXT.to_owned()),
        ("RESULTS_DIR", at("results")),
        ("DEPLOYS_DIR", at("deploys")),
        ("WORK", at("scratch")),
        ("HELPER", at("bin/testme-on-pr.sh")),
        ("VERIFY_PR", at("bin/verify-pr.sh")),
        ("RECIPE_UPGRADE", at("bin/recipe-upgrade")),
        (
            "TMUX_TMPDIR",
            tmux_folder(folder.root()).display().to_string(),
        ),
    ];
    if !faults.line().is_empty() {
        pairs.push(("LAB_FAULTS", faults.line()));
    }
    pairs
}

/// How patient the skills are with the helper, as it reads it.
fn patience(pace: &Pace) -> [(&'static str, String); 2] {
    let [max_wait, interval] = pace.flow_helper;
    [
        ("MAX_WAIT", max_wait.to_owned()),
        ("INTERVAL", interval.to_owned()),
    ]
}

/// Writes the skills' texts, and `flow.env`: `NAME='value'` lines for a shell, secrets included.
pub fn write(
    folder: &Folder,
    places: &Places,
    world: &Provisioned,
    pace: &Pace,
    faults: &Faults,
) -> Result<()> {
    for (skill, text) in SKILLS {
        let text = described(text, faults);
        let file = folder.path(&format!("skills/{skill}/SKILL.md"));
        file.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&file, text))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    let secrets = [
        ("FORGE_TOKEN", world.account("flow")?.token.clone()),
        ("DRONE_TOKEN", places.drone_token.clone()),
    ];
    let mut text = String::new();
    let all = environment(folder, places, faults)
        .into_iter()
        .chain(patience(pace))
        .chain(secrets);
    for (name, value) in all {
        writeln!(text, "{name}='{}'", value.replace('\'', r"'\''"))?;
    }
    folder.write_secret("flow.env", &text)?;
    Ok(())
}

/// A skill's text, as somebody wrote it who remembered it wrongly.
fn described(text: &str, faults: &Faults) -> String {
    let mut text = text.to_owned();
    if faults.has("skill-text-names-another-day") {
        text = text.replace("Saturdays", "Sundays");
    }
    if faults.has("skill-text-names-another-hour") {
        text = text.replace("0 3 * * 6", "0 4 * * 6");
    }
    if faults.has("skill-text-calls-it-inline") {
        text = text.replace(
            "cron calls `launch-upgrader.sh start` (`0 3 * * 6`), never `/upgrade-all` inline.",
            "cron calls `/upgrade-all` (`0 3 * * 6`). By hand it is `launch-upgrader.sh start`.",
        );
    }
    text
}

/// The line for the crontab.
fn schedule(faults: &Faults) -> (&'static str, &'static str) {
    let (mut when, mut what) = ("0 3 * * 6", "launch-upgrader.sh start");
    if faults.has("schedule-on-sunday") {
        when = "0 3 * * 7";
    }
    if faults.has("schedule-in-local-time") {
        // What is 03:00 UTC on the clock of who wrote it.
        when = "0 5 * * 6";
    }
    if faults.has("schedule-starts-afresh") {
        what = "launch-upgrader.sh fresh";
    }
    if faults.has("schedule-calls-it-inline") {
        what = "upgrade-all";
    }
    (when, what)
}

/// The skills' texts, as `[versions]` lists them.
pub fn skills() -> String {
    let files = SKILLS.map(|(skill, _)| format!("\"skills/{skill}/SKILL.md\""));
    files.join(", ")
}

/// An inline table of TOML; the values hold nothing that would have to be escaped in it.
fn table(pairs: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let entries: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name} = \"{value}\""))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

pub fn sections(folder: &Folder, places: &Places, pace: &Pace, faults: &Faults) -> String {
    let root = folder.root().display();
    let registry = &places.registry;
    let results = &places.results;
    let environment = table(environment(folder, places, faults));
    let patience = table(patience(pace));
    let (max_wait, interval) = (pace.helper_max_wait, pace.helper_interval);
    let [upgrade, verify, all, launch] = pace.flow_limits;
    let tmux = tmux_folder(folder.root()).display().to_string();
    let broken = sandbox::BROKEN;
    let (when, what) = schedule(faults);
    format!(
        r#"
[flow]
account = "flow"
environment = {environment}
secrets = {{ FORGE_TOKEN = "secrets/flow.token", DRONE_TOKEN = "secrets/drone.token" }}

[flow.helper]
command = ["{root}/bin/testme-on-pr.sh"]
max_wait = "{max_wait}"
interval = "{interval}"

[flow.recipe_upgrade]
command = ["{root}/bin/recipe-upgrade"]
time_limit = "{upgrade}"
branch = "upgrade-{{version}}"
tests_branch = "tests-{{recipe}}-{{version}}"
environment = {patience}

[flow.verify_pr]
command = ["{root}/bin/verify-pr.sh"]
time_limit = "{verify}"
results_url = "{results}/results/verify/{{recipe_head}}-{{tests_head}}.json"

[flow.upgrade_all]
command = ["{root}/bin/upgrade-all"]
time_limit = "{all}"
scope = "RECIPES"
candidate = '^CANDIDATE (?<recipe>\S+) (?<from>\S+) -> (?<to>\S+)$'
summary = '^===== SUMMARY =====$'
stale_heading = '(?i)tests look stale'
environment = {patience}

[flow.launcher]
command = ["{root}/bin/launch-upgrader.sh"]
time_limit = "{launch}"
session = "{SESSION}"
remote_control = "{SESSION}"
arguments = "UPGRADER_ARGS"
environment = {patience}

[flow.orchestrator]
command = ["{root}/bin/launch.sh", "alive"]
processes = "PROCESS_LIST"
sample = "claude --remote-control cc-ci-orchestrator"

[flow.schedule]
line = "{when} {root}/bin/{what}"

[flow.skills]
recipe_upgrade = "skills/recipe-upgrade/SKILL.md"
upgrade_all = "skills/upgrade-all/SKILL.md"
ci_test_review = "skills/ci-test-review/SKILL.md"

[registry]
url = "{registry}"

[host]
tmux = ["tmux"]
docker = ["{root}/bin/docker"]
crontab = ["{root}/bin/crontab", "-l"]
environment = {{ TMUX_TMPDIR = "{tmux}" }}
clones = ["loops/builder", "loops/adversary"]
scratch = ["scratch"]
stacks = "ci-{{recipe}}-"

[verified]
label = "verified"
command = ["{root}/bin/on-verified", "0 3 * * 6 {root}/bin/launch-upgrader.sh start"]

[sandbox]
upstream = "{UPSTREAM}"
allowed_paths = ["compose.yml", "compose.*.yml", ".env.sample", "README.md"]

[sandbox.gate]
recipe = "{RECIPE}"
known_green = "known-green"
known_red = "known-red"

[sandbox.upgrade]
recipe = "sandbox-upgrade"

[sandbox.repairable]
recipe = "sandbox-repairable"
red_because = 'SERVER_ROOT is not set'

[sandbox.persistent]
recipe = "sandbox-persistent"
red_because = 'cannot start anywhere'

[sandbox.stale]
recipe = "sandbox-stale"
test = "functional/tells-its-version"
file = "tests/sandbox-stale/functional/tells-its-version.sh"
broken = "{broken}"

[sandbox.reconcile]
recipe = "sandbox-reconcile"

[sandbox.all]
recipes = ["sandbox-upgrade", "sandbox-stale", "sandbox-current"]
"#
    )
}
