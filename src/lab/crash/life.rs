//! One lab, in which Gavel is killed some times, and what was left of that when all is over.

use crate::lab::client::{Api, ApiError};
use crate::lab::faults::Faults;
use crate::lab::folder::Folder;
use crate::lab::provision::{MIRRORS, TRACKING, recipes};
use crate::lab::settings::Pace;
use crate::lab::world::{Options, World};
use crate::lab::{bridge, left};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

/// A whole life takes no longer, however often it was interrupted.
const LIMIT: Duration = Duration::from_secs(300);
/// Until Gavel has said its last words, and taken back what it said twice.
const LAST_WORDS: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Gavel's branches begin so.
const OURS: &str = "gavel/";

/// When Gavel is killed.
#[derive(Debug, Clone)]
pub enum Kill {
    /// When it reaches this step.
    At(String),
    /// So long after it was started.
    After(Duration),
}

impl Kill {
    pub fn step(&self) -> Option<&str> {
        match self {
            Kill::At(step) => Some(step),
            Kill::After(_) => None,
        }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kill::At(step) => f.write_str(step),
            Kill::After(time) => write!(f, "after {:.2}s", time.as_secs_f64()),
        }
    }
}

/// A run that nobody interrupted.
pub struct Calm {
    /// Each once, in the order in which it was first reached after Gavel had been spoken to.
    pub steps: Vec<String>,
    pub took: Duration,
    verdicts: BTreeMap<String, String>,
    branches: BTreeSet<String>,
}

/// What should be nought.
#[derive(Debug, Default)]
pub struct Left {
    pub lost: usize,
    pub doubled: usize,
    pub comments_doubled: usize,
    pub leaked: usize,
    pub wrong_verdicts: usize,
    /// Lives of which nothing can be told.
    pub failed: usize,
    /// All of it, in words.
    pub words: Vec<String>,
}

impl Left {
    pub fn is_nothing(&self) -> bool {
        let all = [
            self.lost,
            self.doubled,
            self.comments_doubled,
            self.leaked,
            self.wrong_verdicts,
            self.failed,
        ];
        all.iter().sum::<usize>() == 0
    }

    pub fn add(&mut self, other: Left, after: &str) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.comments_doubled += other.comments_doubled;
        self.leaked += other.leaked;
        self.wrong_verdicts += other.wrong_verdicts;
        self.failed += other.failed;
        let words = other.words.into_iter();
        self.words
            .extend(words.map(|what| format!("{what}  (killed: {after})")));
    }
}

pub struct Life {
    pub meant: Vec<Kill>,
    pub unreached: Vec<Kill>,
    pub kills: usize,
    pub left: Left,
    pub took: Duration,
}

/// One run without a kill.
pub async fn calm(items: &str) -> Result<Calm> {
    let mut world = start().await?;
    let names = world.folder.path("instants");
    world.launch_bot(&environment(Some((
        "GAVEL_LAB_INSTANTS",
        names.display().to_string(),
    ))))?;
    first_look(&mut world).await?;
    let before = std::fs::read_to_string(&names)
        .unwrap_or_default()
        .lines()
        .count();
    let began = Instant::now();
    ask(&world, items).await?;
    let run = finished(&mut world).await?;
    let took = began.elapsed();
    settled(&world).await?;
    let mut steps: Vec<String> = Vec::new();
    let text = std::fs::read_to_string(&names).context("reading the instants")?;
    for step in text.lines().skip(before) {
        if !steps.iter().any(|known| known == step) {
            steps.push(step.to_owned());
        }
    }
    let calm = Calm {
        steps,
        took,
        verdicts: verdicts(&run),
        branches: branches(&world).await?,
    };
    world.stop().await;
    Ok(calm)
}

impl Life {
    pub async fn lead(items: &str, kills: Vec<Kill>, calm: &Calm) -> Life {
        let began = Instant::now();
        let mut life = Life {
            meant: kills,
            unreached: Vec::new(),
            kills: 0,
            left: Left::default(),
            took: Duration::ZERO,
        };
        let led = tokio::time::timeout(LIMIT, life.through(items, calm)).await;
        let led = led.unwrap_or_else(|_| Err(anyhow::anyhow!("it was not over after {LIMIT:?}")));
        if let Err(error) = led {
            life.left.failed += 1;
            life.left.words.push(format!("failed: {error:#}"));
        }
        life.took = began.elapsed();
        life
    }

    async fn through(&mut self, items: &str, calm: &Calm) -> Result<()> {
        let mut world = start().await?;
        // What was said before Gavel ever came was not said to it.
        world.launch_bot(&environment(None))?;
        first_look(&mut world).await?;
        world.stop_bot().await;
        let mut asked = false;
        for (at, kill) in self.meant.clone().into_iter().enumerate() {
            let end = kill
                .step()
                .map(|step| ("GAVEL_LAB_ENDS_AT", step.to_owned()));
            world.launch_bot(&environment(end))?;
            if !asked {
                // It is up, or was killed on the way: then the comment waits for the next one.
                answers(&mut world).await?;
                ask(&world, items).await?;
                asked = true;
            }
            if reached(&mut world, &kill).await? {
                self.kills += 1;
            } else {
                self.unreached.extend(self.meant[at..].iter().cloned());
                break;
            }
        }
        world.stop_bot().await;
        world.launch_bot(&environment(None))?;
        let run = match finished(&mut world).await {
            Ok(run) => run,
            Err(error) => {
                self.left.lost += 1;
                self.left.words.push(format!("lost: {error:#}"));
                world.stop().await;
                return Ok(());
            }
        };
        let doubled = settled(&world).await?;
        self.left.comments_doubled = doubled.len();
        for slot in doubled {
            self.left.words.push(format!("comment doubled: {slot}"));
        }
        self.compare(&world, &run, calm).await?;
        world.stop_bot().await;
        let left = left::programs(world.folder.root());
        self.leaked(left.iter().map(|pid| format!("program {pid}")).collect());
        world.stop().await;
        Ok(())
    }

    async fn compare(&mut self, world: &World, run: &Value, calm: &Calm) -> Result<()> {
        let gavel = Api::service(&world.places.gavel);
        if gavel.get("/runs/2.json").await.is_ok() {
            self.left.doubled += 1;
            self.left.words.push("doubled: a second run".into());
        }
        let got = verdicts(run);
        for (clause, verdict) in &calm.verdicts {
            let got = got.get(clause).map_or("nothing", String::as_str);
            if got != verdict {
                self.left.wrong_verdicts += 1;
                self.left
                    .words
                    .push(format!("wrong: {clause} is {got}, not {verdict}"));
            }
        }
        let mut leaked: Vec<String> = open_pulls(world).await?;
        let branches = branches(world).await?;
        leaked.extend(
            branches
                .difference(&calm.branches)
                .map(|branch| format!("branch {branch}")),
        );
        let spool = std::fs::read_dir(world.folder.path("gavel-data/spool"));
        for entry in spool.into_iter().flatten().flatten() {
            leaked.push(format!("spool {}", entry.file_name().to_string_lossy()));
        }
        let running = left::runners(world.folder.root());
        leaked.extend(running.iter().map(|pid| format!("process {pid}")));
        self.leaked(leaked);
        Ok(())
    }

    fn leaked(&mut self, what: Vec<String>) {
        self.left.leaked += what.len();
        let words = what.into_iter().map(|what| format!("leaked: {what}"));
        self.left.words.extend(words);
    }
}

async fn start() -> Result<World> {
    let options = Options {
        faults: Faults::new(&[])?,
        gitea: None,
        mode: bridge::Mode::Poll,
        pace: Pace::lab(),
        others: false,
    };
    World::start(&options, Folder::new(None, false)?).await
}

fn environment(more: Option<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let log = ("GAVEL_LOG", "info,gavel=debug".to_owned());
    [log].into_iter().chain(more).collect()
}

/// Waits until Gavel has read the tracking issue for the first time.
async fn first_look(world: &mut World) -> Result<()> {
    let log = world.folder.path("logs/gavel.log");
    until(
        LIMIT,
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

/// Waits until Gavel answers, or is no more.
async fn answers(world: &mut World) -> Result<()> {
    let gavel = Api::service(&world.places.gavel);
    until(LIMIT, "Gavel's answer", async || {
        if !world.bot_lives()? {
            return Ok(Some(()));
        }
        let answered = gavel.status("/healthz").await;
        Ok(answered
            .is_ok_and(|status| status.is_success())
            .then_some(()))
    })
    .await
}

async fn ask(world: &World, items: &str) -> Result<()> {
    let (owner, repo) = TRACKING;
    let number = world.provisioned.tracking_issue.number;
    let path = format!("/repos/{owner}/{repo}/issues/{number}/comments");
    let body = json!({ "body": format!("/verify {items}") });
    let asked = world.forge_as("maintainer")?.post(&path, body).await;
    asked.context("commenting as the maintainer")?;
    Ok(())
}

/// Waits for the kill. Answers false where the run was over before it came.
async fn reached(world: &mut World, kill: &Kill) -> Result<bool> {
    if let Kill::After(time) = kill {
        tokio::time::sleep(*time).await;
        world.kill_bot().await?;
        return Ok(true);
    }
    let mut over: Option<Instant> = None;
    until(LIMIT, "the kill", async || {
        if !world.bot_lives()? {
            return Ok(Some(true));
        }
        if run(world).await?.is_some_and(|run| is_over(&run)) {
            // The last words come after the end.
            let over = over.get_or_insert_with(Instant::now);
            if over.elapsed() > Duration::from_secs(5) {
                return Ok(Some(false));
            }
        }
        Ok(None)
    })
    .await
}

async fn finished(world: &mut World) -> Result<Value> {
    until(LIMIT, "the end of the run", async || {
        world.check_bot()?;
        Ok(run(world).await?.filter(is_over))
    })
    .await
}

/// Waits until Gavel has said everything, and nothing twice. Answers what stands there twice all the same.
async fn settled(world: &World) -> Result<BTreeSet<String>> {
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
async fn slots(world: &World) -> Result<BTreeMap<String, usize>> {
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

async fn run(world: &World) -> Result<Option<Value>> {
    match Api::service(&world.places.gavel).get("/runs/1.json").await {
        Ok(run) => Ok(Some(run)),
        // Not there yet, or Gavel is just being started.
        Err(ApiError::Refused { .. } | ApiError::Unreachable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_over(run: &Value) -> bool {
    run["state"] == "finished"
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
async fn until<T>(
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
