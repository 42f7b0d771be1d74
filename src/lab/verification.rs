//! One verification in a lab, as anybody can see it from outside: asked for, waited for, what it came to, what was said of it, and what
//! it left.

use super::client::{Api, ApiError};
use super::faults::Faults;
use super::folder::Folder;
use super::provision::{MIRRORS, TRACKING, recipes};
use super::settings::Pace;
use super::world::{Options, World};
use super::{bridge, left};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Until Gavel has said its last words, and taken back what it said twice.
const LAST_WORDS: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Gavel's branches begin so.
const OURS: &str = "gavel/";

/// What another verification of the same is to come to.
pub struct Expected {
    verdicts: BTreeMap<String, String>,
    branches: BTreeSet<String>,
}

impl Expected {
    /// As this one came out.
    pub async fn of(world: &World, run: &Value) -> Result<Expected> {
        Ok(Expected {
            verdicts: verdicts(run),
            branches: branches(world).await?,
        })
    }

    /// Each clause and guardrail that came out differently, in words.
    pub fn differs(&self, run: &Value) -> Vec<String> {
        let got = verdicts(run);
        let verdict = |clause: &String| got.get(clause).map_or("nothing", String::as_str);
        let differs = self
            .verdicts
            .iter()
            .filter(|(clause, expected)| verdict(clause) != *expected);
        differs
            .map(|(clause, expected)| format!("{clause} is {}, not {expected}", verdict(clause)))
            .collect()
    }
}

/// A healthy lab in which nobody else is at work. The forge delivers to Gavel, or to the address `hooks`.
pub async fn start(pace: Pace, hooks: Option<String>) -> Result<World> {
    let options = Options {
        faults: Faults::new(&[])?,
        gitea: None,
        mode: bridge::Mode::Poll,
        pace,
        others: false,
        hooks,
    };
    World::start(&options, Folder::new(None, false)?).await
}

/// Gavel's, with more in it.
pub fn environment(
    more: impl IntoIterator<Item = (&'static str, String)>,
) -> Vec<(&'static str, String)> {
    let log = ("GAVEL_LOG", "info,gavel=debug".to_owned());
    [log].into_iter().chain(more).collect()
}

/// Waits until Gavel has read the tracking issue for the first time.
pub async fn first_look(world: &mut World, limit: Duration) -> Result<()> {
    let log = world.folder.path("logs/gavel.log");
    until(
        limit,
        "Gavel's first look at the tracking issue",
        async || {
            world.check_bot()?;
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            Ok(text
                .contains("caught up with the tracking issue")
                .then_some(()))
        },
    )
    .await
}

/// Comments on the tracking issue as the maintainer. Answers the comment's id.
pub async fn ask(world: &World, text: &str) -> Result<u64> {
    let (owner, repo) = TRACKING;
    let number = world.provisioned.tracking_issue.number;
    let path = format!("/repos/{owner}/{repo}/issues/{number}/comments");
    let body = json!({ "body": text });
    let asked = world.forge_as("maintainer")?.post(&path, body).await;
    let comment = asked.context("commenting as the maintainer")?;
    let id = comment["id"].as_u64();
    id.context("the forge's answer holds no id for the comment")
}

/// The first run, as Gavel's own page tells it; none where it is not there yet.
pub async fn run(world: &World) -> Result<Option<Value>> {
    match Api::service(&world.places.gavel).get("/runs/1.json").await {
        Ok(run) => Ok(Some(run)),
        // Not there yet, or Gavel is just being started.
        Err(ApiError::Refused { .. } | ApiError::Unreachable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub fn is_over(run: &Value) -> bool {
    run["state"] == "finished"
}

/// Waits for the end of the run.
pub async fn finished(world: &mut World, limit: Duration) -> Result<Value> {
    until(limit, "the end of the run", async || {
        world.check_bot()?;
        Ok(run(world).await?.filter(is_over))
    })
    .await
}

/// Waits until Gavel has said everything, and nothing twice. Answers what stands there twice all the same.
pub async fn settled(world: &World) -> Result<BTreeSet<String>> {
    let mut doubled = BTreeSet::new();
    let said = until(LAST_WORDS, "Gavel's last words", async || {
        let slots = slots(world).await?;
        doubled = slots
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(slot, _)| slot.clone())
            .collect();
        let is_told = |end: &str| slots.keys().any(|slot| slot.ends_with(end));
        let all = is_told(" run-1-report") && is_told(" run-1");
        Ok((all && doubled.is_empty()).then_some(()))
    })
    .await;
    match said {
        Err(error) if doubled.is_empty() => Err(error),
        _ => Ok(doubled),
    }
}

/// How often a slot of Gavel's stands in an issue or a pull request.
pub async fn slots(world: &World) -> Result<BTreeMap<String, usize>> {
    let forge = world.forge_as("maintainer")?;
    let (owner, repo) = TRACKING;
    let mut places = vec![format!("/repos/{owner}/{repo}")];
    places.extend(recipes().map(|recipe| format!("/repos/{MIRRORS}/{recipe}")));
    let mut slots = BTreeMap::new();
    for place in places {
        for comment in forge.list(&format!("{place}/issues/comments")).await? {
            let body = comment["body"].as_str().unwrap_or_default();
            let slot = body
                .strip_prefix("<!-- gavel:")
                .and_then(|rest| rest.split([' ', '\n']).next());
            if let Some(slot) = slot
                && comment["user"]["login"] == "gavel"
            {
                *slots.entry(format!("{place} {slot}")).or_default() += 1;
            }
        }
    }
    Ok(slots)
}

/// What is there that should not be, in words: open pull requests, branches, spools, processes.
pub async fn left_over(world: &World, expected: &Expected) -> Result<Vec<String>> {
    let mut left: Vec<String> = open_pulls(world).await?;
    let branches = branches(world).await?;
    let new = branches.difference(&expected.branches);
    left.extend(new.map(|branch| format!("branch {branch}")));
    let spool = std::fs::read_dir(world.folder.path("gavel-data/spool"));
    for entry in spool.into_iter().flatten().flatten() {
        left.push(format!("spool {}", entry.file_name().to_string_lossy()));
    }
    let running = left::runners(world.folder.root());
    left.extend(running.iter().map(|pid| format!("process {pid}")));
    Ok(left)
}

/// Every clause and guardrail.
fn verdicts(run: &Value) -> BTreeMap<String, String> {
    let items = run["items"].as_object().into_iter().flatten();
    let clauses = items
        .filter_map(|(_, item)| item["clauses"].as_object())
        .flatten();
    let all = clauses.chain(run["guardrails"].as_object().into_iter().flatten());
    all.map(|(id, verdict)| (id.clone(), verdict.as_str().unwrap_or_default().to_owned()))
        .collect()
}

async fn open_pulls(world: &World) -> Result<Vec<String>> {
    let forge = world.forge_as("maintainer")?;
    let mut open = Vec::new();
    for recipe in recipes() {
        let pulls = forge
            .list(&format!("/repos/{MIRRORS}/{recipe}/pulls?state=open"))
            .await?;
        let numbers = pulls
            .iter()
            .map(|pull| format!("pull request {recipe}#{}", pull["number"]));
        open.extend(numbers);
    }
    Ok(open)
}

async fn branches(world: &World) -> Result<BTreeSet<String>> {
    let forge = world.forge_as("maintainer")?;
    let mut names = BTreeSet::new();
    for recipe in recipes() {
        let branches = forge
            .list(&format!("/repos/{MIRRORS}/{recipe}/branches"))
            .await?;
        let of_recipe = branches.iter().filter_map(|branch| branch["name"].as_str());
        names.extend(of_recipe.map(|name| {
            // Each run has names of its own.
            let name = name.strip_prefix(OURS).map_or(name, |_| OURS);
            format!("{recipe} {name}")
        }));
    }
    Ok(names)
}

/// Looks until there is something to see.
pub async fn until<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if began.elapsed() > limit {
            bail!("{what} had not come after {limit:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
