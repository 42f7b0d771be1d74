//! `[flow]`: the commands of the flow under verification. What is not configured makes its items BLOCKED, and is no error.

use super::{
    command::{self, Command, Shared},
    names::Account,
    reader::Section,
    sections::Around,
    values,
};
use regex::Regex;
use std::{path::PathBuf, time::Duration};

/// Variables that Gavel sets for each call of the helper.
const SET_FOR_HELPER: [&str; 3] = ["POST", "MAX_WAIT", "INTERVAL"];

/// Bytes that a process of the flow may have, unless the configuration says otherwise. Some runtimes take some gigabytes beforehand and use
/// few of them.
const MEMORY: u64 = 8 << 30;

/// With fewer no agent's runtime starts.
const LEAST_MEMORY: u64 = 256 << 20;

/// The flow under verification.
#[derive(Debug, Clone)]
pub struct Flow {
    pub account: Account,
    /// Bytes of memory that each process of its commands may have.
    pub memory: u64,
    pub helper: Helper,
    pub recipe_upgrade: Option<RecipeUpgrade>,
    pub verify_pr: Option<VerifyPr>,
    pub upgrade_all: Option<UpgradeAll>,
    pub launcher: Option<Launcher>,
    pub orchestrator: Option<Orchestrator>,
    pub schedule: Option<Schedule>,
    pub skills: Option<Skills>,
}

/// `testme-on-pr.sh`.
#[derive(Debug, Clone)]
pub struct Helper {
    /// Recipe and pull request come behind it.
    pub command: Command,
    pub max_wait: Duration,
    pub interval: Duration,
}

/// `/recipe-upgrade`.
#[derive(Debug, Clone)]
pub struct RecipeUpgrade {
    /// The recipe, and perhaps `--with-tests`, come behind it.
    pub command: Command,
    branch: String,
    tests_branch: String,
}

/// `verify-pr.sh`.
#[derive(Debug, Clone)]
pub struct VerifyPr {
    /// Recipe, pull request and branch of the harness's repository come behind it.
    pub command: Command,
    results_url: String,
}

/// `/upgrade-all`.
#[derive(Debug, Clone)]
pub struct UpgradeAll {
    pub command: Command,
    /// The variable that restricts it to certain recipes, separated by spaces.
    pub scope: String,
    /// A line of `--dry-run` that names a candidate, with the groups `recipe`, `from` and `to`.
    pub candidate: Regex,
    /// The line behind which the summary stands.
    pub summary: Regex,
    /// The heading of the section of pull requests whose tests look stale.
    pub stale_heading: Regex,
}

/// `launch-upgrader.sh`.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// `start`, `fresh`, `stop` or `status` comes behind it.
    pub command: Command,
    /// The tmux session that it starts.
    pub session: String,
    /// The name under which the session's process can be viewed.
    pub remote_control: String,
    /// The variable whose words reach the run.
    pub arguments: String,
}

/// What asks `orchestrator_alive()`.
#[derive(Debug, Clone)]
pub struct Orchestrator {
    /// Exits with 0 where the orchestrator is alive, with 1 where it is not.
    pub command: Command,
    /// The variable that names a file with the process list to look at.
    pub processes: String,
    /// How the orchestrator stands in a process list.
    pub sample: String,
}

/// What cron runs.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The line of the crontab, as it is installed or will be.
    pub line: String,
}

/// The skills' texts.
#[derive(Debug, Clone)]
pub struct Skills {
    pub recipe_upgrade: PathBuf,
    pub upgrade_all: PathBuf,
    pub ci_test_review: PathBuf,
}

impl Flow {
    /// Every command of the flow that is configured.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        [
            Some(&self.helper.command),
            self.recipe_upgrade.as_ref().map(|skill| &skill.command),
            self.verify_pr.as_ref().map(|script| &script.command),
            self.upgrade_all.as_ref().map(|skill| &skill.command),
            self.launcher.as_ref().map(|script| &script.command),
            self.orchestrator.as_ref().map(|script| &script.command),
        ]
        .into_iter()
        .flatten()
    }
}

impl RecipeUpgrade {
    /// The branch that an upgrade to this version label is made on.
    pub fn branch(&self, version: &str) -> String {
        self.branch.replace("{version}", version)
    }

    /// The branch of the harness's repository on which a test that this version of a recipe makes stale is updated.
    pub fn tests_branch(&self, recipe: &str, version: &str) -> String {
        self.tests_branch
            .replace("{recipe}", recipe)
            .replace("{version}", version)
    }
}

impl VerifyPr {
    /// Where the results of a run on these two commits are found.
    pub fn results_url(&self, recipe_head: &str, tests_head: &str) -> String {
        self.results_url
            .replace("{recipe_head}", recipe_head)
            .replace("{tests_head}", tests_head)
    }
}

pub fn read(section: Section, around: &Around) -> Option<Flow> {
    let account = section.need("account", "\"flow\"", values::parsed);
    let memory = section.may("memory", "\"8GiB\"", |place| {
        values::bytes(place, LEAST_MEMORY)
    });
    let shared = command::variables(&section, &[], around).unwrap_or_default();
    let helper = section
        .section("helper")
        .and_then(|section| helper(section, &shared, around));
    let recipe_upgrade = section.optional("recipe_upgrade", |section| {
        recipe_upgrade(section, &shared, around)
    });
    let verify_pr = section.optional("verify_pr", |section| verify_pr(section, &shared, around));
    let upgrade_all = section.optional("upgrade_all", |section| {
        upgrade_all(section, &shared, around)
    });
    let launcher = section.optional("launcher", |section| launcher(section, &shared, around));
    let orchestrator = section.optional("orchestrator", |section| {
        orchestrator(section, &shared, around)
    });
    let schedule = section.optional("schedule", schedule);
    let skills = section.optional("skills", |section| skills(section, around));
    Some(Flow {
        account: account?,
        memory: memory?.unwrap_or(MEMORY),
        helper: helper?,
        recipe_upgrade: recipe_upgrade?,
        verify_pr: verify_pr?,
        upgrade_all: upgrade_all?,
        launcher: launcher?,
        orchestrator: orchestrator?,
        schedule: schedule?,
        skills: skills?,
    })
}

fn helper(section: Section, shared: &Shared, around: &Around) -> Option<Helper> {
    let max_wait = section.need("max_wait", "\"20m\"", values::duration);
    let interval = section.need("interval", "\"10s\"", values::duration);
    let command = command::read(
        &section,
        "[\"/srv/cc-ci/bin/testme-on-pr.sh\"]",
        max_wait,
        shared,
        &SET_FOR_HELPER,
        around,
    );
    let (max_wait, interval) = (max_wait?, interval?);
    if interval > max_wait {
        section.refuse(
            "interval",
            "the helper would look less often than once",
            "Make it shorter than `max_wait`",
        );
    }
    Some(Helper {
        command: command?,
        max_wait,
        interval,
    })
}

fn recipe_upgrade(section: Section, shared: &Shared, around: &Around) -> Option<RecipeUpgrade> {
    let time_limit = section.need("time_limit", "\"2h\"", values::duration);
    let example = "[\"/srv/cc-ci/bin/recipe-upgrade\"]";
    let command = command::read(&section, example, time_limit, shared, &[], around);
    let branch = section.may("branch", "\"upgrade-{version}\"", |place| {
        values::branch_with(place, "{version}", "the new version label")
    });
    let tests_branch = section.may("tests_branch", "\"tests-{recipe}-{version}\"", |place| {
        values::branch_with(place, "{version}", "the new version label")
    });
    Some(RecipeUpgrade {
        command: command?,
        branch: branch?.unwrap_or_else(|| "upgrade-{version}".into()),
        tests_branch: tests_branch?.unwrap_or_else(|| "tests-{recipe}-{version}".into()),
    })
}

fn verify_pr(section: Section, shared: &Shared, around: &Around) -> Option<VerifyPr> {
    let time_limit = section.need("time_limit", "\"1h\"", values::duration);
    let example = "[\"/srv/cc-ci/bin/verify-pr.sh\"]";
    let command = command::read(&section, example, time_limit, shared, &[], around);
    let results_url = section.need(
        "results_url",
        "\"https://ci.example.org/results/verify/{recipe_head}-{tests_head}.json\"",
        |place| values::address_with(place, &["{recipe_head}", "{tests_head}"]),
    );
    Some(VerifyPr {
        command: command?,
        results_url: results_url?,
    })
}

fn upgrade_all(section: Section, shared: &Shared, around: &Around) -> Option<UpgradeAll> {
    let time_limit = section.need("time_limit", "\"6h\"", values::duration);
    let scope = section.need("scope", "\"RECIPES\"", values::variable);
    let reserved = scope.iter().map(String::as_str).collect::<Vec<_>>();
    let example = "[\"/srv/cc-ci/bin/upgrade-all\"]";
    let command = command::read(&section, example, time_limit, shared, &reserved, around);
    let candidate = section.need(
        "candidate",
        r"'^CANDIDATE (?<recipe>\S+) (?<from>\S+) -> (?<to>\S+)$'",
        |place| values::regex_with(place, &["recipe", "from", "to"]),
    );
    let summary = section.need("summary", "'^===== SUMMARY =====$'", values::regex);
    let stale_heading = section.need("stale_heading", "'(?i)tests look stale'", values::regex);
    Some(UpgradeAll {
        command: command?,
        scope: scope?,
        candidate: candidate?,
        summary: summary?,
        stale_heading: stale_heading?,
    })
}

fn launcher(section: Section, shared: &Shared, around: &Around) -> Option<Launcher> {
    let time_limit = section.need("time_limit", "\"5m\"", values::duration);
    let arguments = section.need("arguments", "\"UPGRADER_ARGS\"", values::variable);
    let reserved = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let example = "[\"/srv/cc-ci/cc-ci-plan/launch-upgrader.sh\"]";
    let command = command::read(&section, example, time_limit, shared, &reserved, around);
    let session = section.need("session", "\"cc-ci-upgrader\"", values::session);
    let remote_control = section.need("remote_control", "\"cc-ci-upgrader\"", values::line);
    Some(Launcher {
        command: command?,
        session: session?,
        remote_control: remote_control?,
        arguments: arguments?,
    })
}

fn orchestrator(section: Section, shared: &Shared, around: &Around) -> Option<Orchestrator> {
    const LIMIT: Duration = Duration::from_secs(30);
    let time_limit = section.may("time_limit", "\"30s\"", values::duration);
    let processes = section.need("processes", "\"PROCESS_LIST\"", values::variable);
    let reserved = processes.iter().map(String::as_str).collect::<Vec<_>>();
    let example = "[\"/srv/cc-ci/cc-ci-plan/launch.sh\", \"alive\"]";
    let limit = time_limit.map(|limit| limit.unwrap_or(LIMIT));
    let command = command::read(&section, example, limit, shared, &reserved, around);
    let sample = section.need(
        "sample",
        "\"claude --remote-control cc-ci-orchestrator\"",
        values::line,
    );
    Some(Orchestrator {
        command: command?,
        processes: processes?,
        sample: sample?,
    })
}

fn schedule(section: Section) -> Option<Schedule> {
    let line = section.need(
        "line",
        "\"0 3 * * 6 /srv/cc-ci/cc-ci-plan/launch-upgrader.sh start\"",
        values::line,
    );
    Some(Schedule { line: line? })
}

fn skills(section: Section, around: &Around) -> Option<Skills> {
    let file = |key, example| section.need(key, example, |place| around.path(place));
    let recipe_upgrade = file(
        "recipe_upgrade",
        "\"/srv/cc-ci/.claude/skills/recipe-upgrade/SKILL.md\"",
    );
    let upgrade_all = file(
        "upgrade_all",
        "\"/srv/cc-ci/.claude/skills/upgrade-all/SKILL.md\"",
    );
    let ci_test_review = file(
        "ci_test_review",
        "\"/srv/cc-ci/.claude/skills/ci-test-review/SKILL.md\"",
    );
    Some(Skills {
        recipe_upgrade: recipe_upgrade?,
        upgrade_all: upgrade_all?,
        ci_test_review: ci_test_review?,
    })
}
