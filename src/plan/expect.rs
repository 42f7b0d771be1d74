//! What the configuration says that an item should see. It is the first fact of every attempt, so that a judge needs nothing else.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// What the items that run the flow compare with.
    #[serde(default)]
    pub upgrading: Upgrading,
    /// Upgrading the whole set; `None` where something that it needs is not configured.
    #[serde(default)]
    pub upgrading_all: Option<UpgradingAll>,
    /// The weekly run; `None` where something that it needs is not configured.
    #[serde(default)]
    pub launching: Option<Launching>,
}

/// What launching the weekly run is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launching {
    pub session: String,
    pub remote_control: String,
    /// The launcher with its own first arguments, as words.
    pub launcher: Vec<String>,
    /// The line of the crontab.
    pub schedule: String,
    /// How the orchestrator stands in a process list.
    pub orchestrator: String,
    /// The recipes of the real small set.
    pub recipes: Vec<String>,
    /// Regular expressions: a candidate of a dry run, and the line behind which the summary stands.
    pub candidate: String,
    pub summary: String,
}

impl Launching {
    fn from_config(config: &Config) -> Option<Self> {
        let flow = &config.flow;
        let (launcher, all) = (flow.launcher.as_ref()?, flow.upgrade_all.as_ref()?);
        let recipes = config.sandbox.all.as_ref()?;
        config.host.as_ref()?;
        flow.skills.as_ref()?;
        Some(Self {
            session: launcher.session.clone(),
            remote_control: launcher.remote_control.clone(),
            launcher: launcher.command.line(&[]),
            schedule: flow.schedule.as_ref()?.line.clone(),
            orchestrator: flow.orchestrator.as_ref()?.sample.clone(),
            recipes: recipes.iter().map(ToString::to_string).collect(),
            candidate: all.candidate.to_string(),
            summary: all.summary.to_string(),
        })
    }
}

/// What upgrading the whole set is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradingAll {
    /// The recipes of the set, each once.
    pub recipes: Vec<String>,
    /// The variable that restricts the command to them.
    pub scope: String,
    /// Regular expressions: a candidate of a dry run, the line behind which the summary stands, the heading of its section of stale tests.
    pub candidate: String,
    pub summary: String,
    pub stale_heading: String,
    /// How the names of each recipe's deploys begin; empty where the box is not configured.
    pub stacks: BTreeMap<String, String>,
}

impl UpgradingAll {
    fn from_config(config: &Config) -> Option<Self> {
        let all = config.flow.upgrade_all.as_ref()?;
        let mut recipes: Vec<String> = Vec::new();
        for recipe in config.sandbox.all.as_ref()? {
            if !recipes.iter().any(|known| known == recipe.as_str()) {
                recipes.push(recipe.to_string());
            }
        }
        let stacks = config.host.iter().flat_map(|host| {
            let prefix = |recipe: &String| (recipe.clone(), host.stacks(recipe));
            recipes.iter().map(prefix).collect::<Vec<_>>()
        });
        Some(Self {
            scope: all.scope.clone(),
            candidate: all.candidate.to_string(),
            summary: all.summary.to_string(),
            stale_heading: all.stale_heading.to_string(),
            stacks: stacks.collect(),
            recipes,
        })
    }

    /// What the variable is set to.
    pub fn scoped(&self) -> (String, String) {
        (self.scope.clone(), self.recipes.join(" "))
    }
}

/// What upgrading is about, and the recipes of its scenarios.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrading {
    /// The keys of the configuration that may be left out and were, such as `sandbox.upgrade`.
    pub unconfigured: Vec<String>,
    /// The owner of the upstream repositories.
    pub upstream: String,
    /// The repository of the harness, which has the tests, and the branch that builds run from.
    pub harness: String,
    pub harness_branch: String,
    /// The files of a recipe that an upgrade may change, as globs.
    pub allowed_paths: Vec<String>,
    /// How the flow names a branch, with `{version}` for the new version label.
    pub branch: String,
    /// The same for the branch of the harness on which it updates a stale test, with `{recipe}` for the recipe.
    #[serde(default)]
    pub tests_branch: String,
    /// The recipe of each scenario, by its key: `upgrade`, `repairable`, `persistent`, `stale`, `reconcile`.
    pub recipes: BTreeMap<String, String>,
    /// What the log of the first build shows, by scenario, as regular expressions.
    pub red_because: BTreeMap<String, String>,
    pub stale_test: String,
    pub broken_branch: String,
    /// Where the stale test stands in the harness's repository.
    #[serde(default)]
    pub stale_file: String,
    /// The loops' working clones.
    #[serde(default)]
    pub clones: Vec<String>,
    /// How the names of deploys begin, with `{recipe}` for the recipe.
    #[serde(default)]
    pub stacks: String,
}

impl Expectations {
    /// Whether a file of the harness is a test of a recipe of the sandbox: nobody else has to do with those.
    pub fn tests_sandbox(&self, path: &str) -> bool {
        let rest = path.strip_prefix("tests/");
        let Some(recipe) = rest.and_then(|rest| rest.split('/').next()) else {
            return false;
        };
        let all = self.upgrading_all.iter().flat_map(|all| &all.recipes);
        let mut recipes = self.upgrading.recipes.values().chain(all);
        recipe == self.recipe || recipes.any(|known| known == recipe)
    }

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
            upgrading: Upgrading::from_config(config),
            upgrading_all: UpgradingAll::from_config(config),
            launching: Launching::from_config(config),
        }
    }
}

impl Expectations {
    /// The same for another recipe.
    pub fn of(&self, recipe: &str) -> Self {
        Self {
            mirror: format!("{}/{recipe}", self.organisation),
            recipe: recipe.to_owned(),
            ..self.clone()
        }
    }

    /// The recipe of a scenario; why there is none where the configuration lacks something that the scenario needs.
    pub fn scenario(&self, key: &str) -> Result<Self, String> {
        let upgrading = &self.upgrading;
        let recipe = upgrading.recipes.get(key);
        let needed = [
            "flow.recipe_upgrade".to_owned(),
            "registry".to_owned(),
            "sandbox.upstream".to_owned(),
            format!("sandbox.{key}"),
        ];
        let missing = needed
            .iter()
            .find(|key| upgrading.unconfigured.contains(key));
        match (missing, recipe) {
            (None, Some(recipe)) => Ok(self.of(recipe)),
            (Some(missing), _) => Err(format!("`{missing}` is not configured")),
            (None, None) => Err(format!("`sandbox.{key}` is not configured")),
        }
    }

    /// The whole set; why there is none where the configuration lacks something that upgrading it needs.
    pub fn set(&self) -> Result<&UpgradingAll, String> {
        let unconfigured = &self.upgrading.unconfigured;
        let missing = ["flow.upgrade_all", "registry", "sandbox.upstream"]
            .into_iter()
            .find(|key| unconfigured.iter().any(|missing| missing == key));
        match (missing, &self.upgrading_all) {
            (None, Some(all)) => Ok(all),
            (missing, _) => Err(format!(
                "`{}` is not configured",
                missing.unwrap_or("sandbox.all")
            )),
        }
    }

    /// The repository that a mirror mirrors.
    pub fn upstream(&self) -> String {
        format!("{}/{}", self.upgrading.upstream, self.recipe)
    }

    /// Every comment that fires when somebody types it who may.
    pub fn triggers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.trigger)
            .chain(&self.more_triggers)
            .map(String::as_str)
    }
}

impl Upgrading {
    /// The first of these keys that is not configured.
    pub fn lacks<'a>(&self, keys: &[&'a str]) -> Option<&'a str> {
        let is_missing = |key: &&&str| self.unconfigured.iter().any(|missing| missing == **key);
        keys.iter().find(is_missing).copied()
    }

    fn from_config(config: &Config) -> Self {
        let (sandbox, flow) = (&config.sandbox, &config.flow);
        let (skill, host) = (flow.recipe_upgrade.as_ref(), config.host.as_ref());
        let clones: Vec<String> = host.map_or_else(Vec::new, |host| {
            let clones = host.clones.iter();
            clones.map(|path| path.display().to_string()).collect()
        });
        let optional = [
            ("flow.recipe_upgrade", flow.recipe_upgrade.is_some()),
            ("flow.verify_pr", flow.verify_pr.is_some()),
            ("flow.upgrade_all", flow.upgrade_all.is_some()),
            ("host.clones", !clones.is_empty()),
            ("registry", config.registry.is_some()),
            ("sandbox.upstream", sandbox.upstream.is_some()),
            ("sandbox.upgrade", sandbox.upgrade.is_some()),
            ("sandbox.repairable", sandbox.repairable.is_some()),
            ("sandbox.persistent", sandbox.persistent.is_some()),
            ("sandbox.stale", sandbox.stale.is_some()),
            ("sandbox.reconcile", sandbox.reconcile.is_some()),
        ];
        let left_out = optional.into_iter().filter(|(_, is_there)| !is_there);
        let regressions = [
            ("repairable", &sandbox.repairable),
            ("persistent", &sandbox.persistent),
        ];
        let red_because = regressions.into_iter().filter_map(|(key, of)| {
            let pattern = pattern(of.as_ref().map(|of| &of.red_because));
            of.is_some().then(|| (key.to_owned(), pattern))
        });
        let stale = sandbox.stale.as_ref();
        Self {
            unconfigured: left_out.map(|(key, _)| key.to_owned()).collect(),
            upstream: sandbox
                .upstream
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            harness: config.drone.repository.to_string(),
            harness_branch: config.drone.branch.clone(),
            allowed_paths: sandbox.allowed_paths.clone(),
            branch: skill.map_or_else(String::new, |skill| skill.branch("{version}")),
            tests_branch: skill.map_or_else(String::new, |skill| {
                skill.tests_branch("{recipe}", "{version}")
            }),
            recipes: sandbox
                .recipes()
                .into_iter()
                .map(|(key, recipe)| (key.to_owned(), recipe.to_string()))
                .collect(),
            red_because: red_because.collect(),
            stale_test: stale.map_or_else(String::new, |of| of.test.clone()),
            broken_branch: stale.map_or_else(String::new, |of| of.broken.clone()),
            stale_file: stale.map_or_else(String::new, |of| of.file.clone()),
            stacks: host.map_or_else(String::new, |host| host.stacks("{recipe}")),
            clones,
        }
    }
}

fn pattern(regex: Option<&regex::Regex>) -> String {
    regex.map(ToString::to_string).unwrap_or_default()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
