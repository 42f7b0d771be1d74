//! `[sandbox]`: the throwaway recipes, one for each scenario, so that items do not disturb each other.

use super::{
    names::{Account, Recipe},
    reader::Section,
    values,
};
use regex::Regex;

/// What an upgrade may change in a recipe, where nothing else is configured.
const ALLOWED: [&str; 5] = [
    "compose.yml",
    "compose.*.yml",
    ".env.sample",
    "README.md",
    "release/**",
];

/// The throwaway recipes, the only ones that verification touches.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// Who has the upstream repositories; Gavel may push to them.
    pub upstream: Option<Account>,
    /// The files of a recipe that an upgrade may change, as globs.
    pub allowed_paths: Vec<String>,
    pub gate: SandboxGate,
    /// An upgrade of it is green at once.
    pub upgrade: Option<Recipe>,
    /// An upgrade of it is red, and can be repaired.
    pub repairable: Option<SandboxRegression>,
    /// An upgrade of it is red for ever.
    pub persistent: Option<SandboxRegression>,
    pub stale: Option<SandboxStale>,
    /// Its mirror is brought out of step with upstream.
    pub reconcile: Option<Recipe>,
    /// Those that are upgraded together.
    pub all: Option<Vec<Recipe>>,
}

/// The recipe for V1 and V2.
#[derive(Debug, Clone)]
pub struct SandboxGate {
    pub recipe: Recipe,
    /// Branches of the mirror.
    pub known_green: String,
    pub known_red: String,
}

/// A recipe whose upgrade brings a regression.
#[derive(Debug, Clone)]
pub struct SandboxRegression {
    pub recipe: Recipe,
    /// What the log of the first build shows when it is red for the reason that was seeded.
    pub red_because: Regex,
}

/// A recipe with a test that is right about the version before the upgrade, and wrong about the one after.
#[derive(Debug, Clone)]
pub struct SandboxStale {
    pub recipe: Recipe,
    /// The test, as `stage/name`.
    pub test: String,
    /// The file of the harness's repository that it stands in.
    pub file: String,
    /// A branch of the mirror on which only a test without teeth is green.
    pub broken: String,
}

impl Sandbox {
    /// Every recipe that stands for a scenario, with the key that names it.
    pub fn recipes(&self) -> Vec<(&'static str, &Recipe)> {
        [
            ("gate", Some(&self.gate.recipe)),
            ("upgrade", self.upgrade.as_ref()),
            ("repairable", self.repairable.as_ref().map(|of| &of.recipe)),
            ("persistent", self.persistent.as_ref().map(|of| &of.recipe)),
            ("stale", self.stale.as_ref().map(|of| &of.recipe)),
            ("reconcile", self.reconcile.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, recipe)| Some((key, recipe?)))
        .collect()
    }
}

impl Sandbox {
    /// Every recipe that verification touches, each once: those of scenarios, and those that are upgraded together.
    pub fn all_recipes(&self) -> Vec<&Recipe> {
        let scenarios = self.recipes().into_iter().map(|(_, recipe)| recipe);
        let mut each: Vec<&Recipe> = Vec::new();
        for recipe in scenarios.chain(self.all.iter().flatten()) {
            if !each.contains(&recipe) {
                each.push(recipe);
            }
        }
        each
    }
}

pub fn read(section: Section) -> Option<Sandbox> {
    let upstream = section.may("upstream", "\"coop-cloud\"", values::parsed);
    let allowed_paths = section.may("allowed_paths", "[\"compose.yml\"]", |place| {
        place.filled_list(values::glob)
    });
    let gate = section.section("gate").and_then(gate);
    let upgrade = section.optional("upgrade", |section| recipe(&section, "\"sandbox-upgrade\""));
    let repairable = section.optional("repairable", regression);
    let persistent = section.optional("persistent", regression);
    let stale = section.optional("stale", stale);
    let reconcile = section.optional("reconcile", |section| {
        recipe(&section, "\"sandbox-reconcile\"")
    });
    let all = section.optional("all", |section| {
        section.need(
            "recipes",
            "[\"sandbox-upgrade\", \"sandbox-stale\"]",
            |place| place.filled_list(values::parsed),
        )
    });
    let sandbox = Sandbox {
        upstream: upstream?,
        allowed_paths: allowed_paths?
            .unwrap_or_else(|| ALLOWED.iter().map(ToString::to_string).collect()),
        gate: gate?,
        upgrade: upgrade?,
        repairable: repairable?,
        persistent: persistent?,
        stale: stale?,
        reconcile: reconcile?,
        all: all?,
    };
    let recipes = sandbox.recipes();
    for (at, (key, recipe)) in recipes.iter().enumerate() {
        if let Some((other, _)) = recipes[..at].iter().find(|(_, known)| known == recipe) {
            section.refuse(
                key,
                format!("`{recipe}` is the recipe of `sandbox.{other}`, too, and they would disturb each other"),
                "Name a recipe of its own",
            );
        }
    }
    Some(sandbox)
}

fn recipe(section: &Section, example: &'static str) -> Option<Recipe> {
    section.need("recipe", example, values::parsed)
}

fn gate(section: Section) -> Option<SandboxGate> {
    let recipe = recipe(&section, "\"custom-html-tiny\"");
    let known_green = section.need("known_green", "\"known-green\"", values::branch);
    let known_red = section.need("known_red", "\"known-red\"", values::branch);
    let gate = SandboxGate {
        recipe: recipe?,
        known_green: known_green?,
        known_red: known_red?,
    };
    if gate.known_green == gate.known_red {
        section.refuse(
            "known_red",
            "the same branch cannot be green and red",
            "Name a branch on which a test fails",
        );
    }
    Some(gate)
}

fn regression(section: Section) -> Option<SandboxRegression> {
    let recipe = recipe(&section, "\"sandbox-repairable\"");
    let red_because = section.need("red_because", "'SERVER_ROOT is not set'", values::regex);
    Some(SandboxRegression {
        recipe: recipe?,
        red_because: red_because?,
    })
}

fn stale(section: Section) -> Option<SandboxStale> {
    let recipe = recipe(&section, "\"sandbox-stale\"");
    let test = section.need("test", "\"functional/tells-its-version\"", |place| {
        let text = values::line(place)?;
        match text.split_once('/') {
            Some((stage, name)) if !stage.is_empty() && !name.is_empty() => Some(text),
            _ => place.wrong(format!("{text:?} is not a stage and a test (`stage/name`)")),
        }
    });
    let file = section.need(
        "file",
        "\"tests/sandbox-stale/functional/tells-its-version.sh\"",
        values::path_within,
    );
    let broken = section.need("broken", "\"broken\"", values::branch);
    Some(SandboxStale {
        recipe: recipe?,
        test: test?,
        file: file?,
        broken: broken?,
    })
}
