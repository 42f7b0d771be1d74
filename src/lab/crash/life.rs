//! One lab, in which Gavel is killed some times, and what was left of that when all is over.

use super::power::Disk;
use crate::lab::client::Api;
use crate::lab::left;
use crate::lab::settings::Pace;
use crate::lab::verification::{
    Expected, ask, environment, finished, first_look, is_over, left_over, run, settled, start,
    until,
};
use crate::lab::world::World;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt;
use std::time::{Duration, Instant};

/// A whole life takes no longer, however often it was interrupted.
const LIMIT: Duration = Duration::from_secs(300);

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
    expected: Expected,
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
    let mut world = start(Pace::lab(), None).await?;
    let names = world.folder.path("instants");
    world.launch_bot(&environment(Some((
        "GAVEL_LAB_INSTANTS",
        names.display().to_string(),
    ))))?;
    first_look(&mut world, LIMIT).await?;
    let before = std::fs::read_to_string(&names)
        .unwrap_or_default()
        .lines()
        .count();
    let began = Instant::now();
    ask(&world, &format!("/verify {items}")).await?;
    let run = finished(&mut world, LIMIT).await?;
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
        expected: Expected::of(&world, &run).await?,
    };
    world.stop().await;
    Ok(calm)
}

impl Life {
    /// `power`: each kill is a power cut.
    pub async fn lead(items: &str, kills: Vec<Kill>, calm: &Calm, power: bool) -> Life {
        let began = Instant::now();
        let mut life = Life {
            meant: kills,
            unreached: Vec::new(),
            kills: 0,
            left: Left::default(),
            took: Duration::ZERO,
        };
        let led = tokio::time::timeout(LIMIT, life.through(items, calm, power)).await;
        let led = led.unwrap_or_else(|_| Err(anyhow::anyhow!("it was not over after {LIMIT:?}")));
        if let Err(error) = led {
            life.left.failed += 1;
            life.left.words.push(format!("failed: {error:#}"));
        }
        life.took = began.elapsed();
        life
    }

    async fn through(&mut self, items: &str, calm: &Calm, power: bool) -> Result<()> {
        let mut world = start(Pace::lab(), None).await?;
        let root = world.folder.root().to_owned();
        let disk = power.then(|| Disk::mount(&root, world.folder.path("gavel-data")));
        let mut disk = disk.transpose()?;
        // What was said before Gavel ever came was not said to it.
        world.launch_bot(&environment(None))?;
        first_look(&mut world, LIMIT).await?;
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
                ask(&world, &format!("/verify {items}")).await?;
                asked = true;
            }
            if reached(&mut world, &kill).await? {
                self.kills += 1;
                if let Some(disk) = &mut disk {
                    disk.cut()?;
                }
            } else {
                self.unreached.extend(self.meant[at..].iter().cloned());
                break;
            }
        }
        world.stop_bot().await;
        world.launch_bot(&environment(None))?;
        let run = match finished(&mut world, LIMIT).await {
            Ok(run) => run,
            Err(error) => {
                self.left.lost += 1;
                self.left.words.push(format!("lost: {error:#}"));
                world.stop_bot().await;
                drop(disk);
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
        drop(disk);
        world.stop().await;
        Ok(())
    }

    async fn compare(&mut self, world: &World, run: &Value, calm: &Calm) -> Result<()> {
        let gavel = Api::service(&world.places.gavel);
        if gavel.get("/runs/2.json").await.is_ok() {
            self.left.doubled += 1;
            self.left.words.push("doubled: a second run".into());
        }
        for wrong in calm.expected.differs(run) {
            self.left.wrong_verdicts += 1;
            self.left.words.push(format!("wrong: {wrong}"));
        }
        let leaked = left_over(world, &calm.expected).await?;
        self.leaked(leaked);
        Ok(())
    }

    fn leaked(&mut self, what: Vec<String>) {
        self.left.leaked += what.len();
        let words = what.into_iter().map(|what| format!("leaked: {what}"));
        self.left.words.extend(words);
    }
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
