//! One lab in which one verification goes on while all that goes between Gavel and the servers is disturbed, and what came of it.

use super::clock::Clock;
use super::dice::{Dice, Kind};
use super::hooks::Hooks;
use super::wire::Wire;
use crate::lab::client::Api;
use crate::lab::left;
use crate::lab::provision::TRACKING;
use crate::lab::settings::Pace;
use crate::lab::verification::{
    Expected, ask, environment, finished, first_look, left_over, settled, slots, start, until,
};
use crate::lab::world::World;
use anyhow::{Context, Result};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A whole verification takes no longer, however much is disturbed.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// Until all is said that is to be said: webhooks that are lost cost a minute each time.
const LAST_WORDS: Duration = Duration::from_secs(180);
/// What is said to Gavel while it verifies: none may be lost.
const ASIDES: [&str; 3] = ["/status", "/idea let it rain", "/help"];

/// A verification that nothing disturbed.
pub struct Calm {
    pub took: Duration,
    pub requests: usize,
    expected: Expected,
    /// All that was said, but for answers.
    said: BTreeSet<String>,
    reactions: BTreeSet<String>,
}

/// What should be nought, and what happened.
#[derive(Debug, Default)]
pub struct Told {
    pub verdicts_differ: usize,
    pub comments_doubled: usize,
    pub lost: usize,
    pub leaked: usize,
    /// Runs of which nothing can be told.
    pub failed: usize,
    /// All of it, in words.
    pub words: Vec<String>,
    pub requests: usize,
    pub faults: BTreeMap<Kind, usize>,
}

impl Told {
    pub fn is_as_it_should_be(&self) -> bool {
        self.verdicts_differ + self.comments_doubled + self.lost + self.leaked + self.failed == 0
    }

    pub fn add(&mut self, other: Told) {
        self.verdicts_differ += other.verdicts_differ;
        self.comments_doubled += other.comments_doubled;
        self.lost += other.lost;
        self.leaked += other.leaked;
        self.failed += other.failed;
        self.requests += other.requests;
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }

    /// How many requests and webhooks met something else than a clock that is off.
    pub fn disturbed(&self) -> usize {
        let met = self
            .faults
            .iter()
            .filter(|(kind, _)| **kind != Kind::ClockOff);
        met.map(|(_, count)| count).sum()
    }

    fn say(&mut self, what: &str, of: impl IntoIterator<Item = String>) -> usize {
        let before = self.words.len();
        self.words
            .extend(of.into_iter().map(|one| format!("{what}: {one}")));
        self.words.len() - before
    }
}

/// A lab with all that disturbs it.
struct Storm {
    world: World,
    dice: Arc<Dice>,
    _wire: Wire,
    _hooks: Hooks,
}

/// One verification that nothing disturbs; its traffic takes the same way.
pub async fn calm(items: &str) -> Result<Calm> {
    let mut storm = Storm::begin(Dice::new(0, 0.0)).await?;
    let asked = storm.ask(items).await?;
    let began = Instant::now();
    let run = finished(&mut storm.world, LIMIT).await?;
    let took = began.elapsed();
    anyhow::ensure!(
        run["verdict"] == "PASS",
        "a healthy lab that nothing disturbed came to {}: there is nothing to compare with, and the machine may be too busy: {run}",
        run["verdict"]
    );
    settled(&storm.world).await?;
    let world = &storm.world;
    // The answers to what was said beside may come last.
    let said = until(
        LAST_WORDS,
        "the answers to what was said beside",
        async || {
            let said: BTreeSet<String> = slots(world).await?.into_keys().collect();
            let answers = said.iter().filter(|slot| is_answer(slot)).count();
            Ok((answers == ASIDES.len()).then_some(said))
        },
    );
    let calm = Calm {
        said: said
            .await?
            .into_iter()
            .filter(|slot| !is_answer(slot))
            .collect(),
        took,
        requests: storm.dice.counted().0,
        expected: Expected::of(world, &run).await?,
        reactions: reactions(world, asked).await?,
    };
    storm.world.stop().await;
    Ok(calm)
}

/// One verification with everything disturbed, compared with the calm one. What went wrong leaves Gavel's log in the folder `logs`.
pub async fn disturbed(
    items: &str,
    dice: Dice,
    calm: &Calm,
    logs: Option<&Path>,
    seed: u64,
) -> (Told, Duration) {
    let began = Instant::now();
    let mut told = Told::default();
    let through = through(items, dice, calm, &mut told, logs, seed);
    let led = tokio::time::timeout(LIMIT, through).await;
    let led = led.unwrap_or_else(|_| Err(anyhow::anyhow!("it was not over after {LIMIT:?}")));
    if let Err(error) = led {
        told.failed += 1;
        told.words.push(format!("failed: {error:#}"));
    }
    (told, began.elapsed())
}

async fn through(
    items: &str,
    dice: Dice,
    calm: &Calm,
    told: &mut Told,
    logs: Option<&Path>,
    seed: u64,
) -> Result<()> {
    let mut storm = Storm::begin(dice).await?;
    let compared = storm.compare(items, calm, told).await;
    (told.requests, told.faults) = storm.dice.counted();
    if let Some(logs) = logs
        && (compared.is_err() || !told.is_as_it_should_be())
    {
        let from = storm.world.folder.path("logs/gavel.log");
        let to = logs.join(format!("seed-{seed}.log"));
        std::fs::create_dir_all(logs)
            .and_then(|()| std::fs::copy(&from, &to))
            .with_context(|| format!("keeping Gavel's log as {}", to.display()))?;
    }
    storm.world.stop().await;
    compared
}

impl Storm {
    /// Everything up, Gavel too, which has looked at the tracking issue once.
    async fn begin(dice: Dice) -> Result<Storm> {
        let dice = Arc::new(dice);
        let mut hooks = Hooks::start(dice.clone()).await?;
        let mut world = start(Pace::disturbed(), Some(hooks.url.clone())).await?;
        hooks.lead_to(&world.places.gavel);
        let places = &world.places;
        let servers = [("forge", &places.forge), ("drone", &places.drone)];
        let clocks = servers.map(|(name, url)| {
            let server = url.trim_start_matches("http://").trim_end_matches('/');
            (server.to_owned(), Clock::ahead(dice.clock(name)))
        });
        let wire = Wire::start(dice.clone(), clocks.into()).await?;
        world.launch_bot(&environment([("http_proxy", wire.url.clone())]))?;
        first_look(&mut world, LIMIT).await?;
        Ok(Storm {
            world,
            dice,
            _wire: wire,
            _hooks: hooks,
        })
    }

    /// Asks for the verification, and says what is said beside. Answers the first comment.
    async fn ask(&self, items: &str) -> Result<u64> {
        let asked = ask(&self.world, &format!("/verify {items}")).await?;
        for aside in ASIDES {
            ask(&self.world, aside).await?;
        }
        Ok(asked)
    }

    async fn compare(&mut self, items: &str, calm: &Calm, told: &mut Told) -> Result<()> {
        let asked = self.ask(items).await?;
        let run = match finished(&mut self.world, LIMIT).await {
            Ok(run) => run,
            Err(error) => {
                told.lost += told.say("lost", [format!("{error:#}")]);
                return Ok(());
            }
        };
        told.verdicts_differ = told.say("verdict", calm.expected.differs(&run));
        let (mut said, mut reacted) = (BTreeMap::new(), BTreeSet::new());
        let world = &self.world;
        let whole = until(LAST_WORDS, "Gavel's last words", async || {
            said = slots(world).await?;
            reacted = reactions(world, asked).await?;
            let once = said.values().all(|count| *count == 1);
            let answers = said.keys().filter(|slot| is_answer(slot)).count();
            let all =
                answers >= ASIDES.len() && calm.said.iter().all(|slot| said.contains_key(slot));
            Ok((once && all && reacted == calm.reactions).then_some(()))
        });
        // What is missing is told below.
        let _ = whole.await;
        let doubled = said.iter().filter(|(_, count)| **count > 1);
        let doubled = doubled.map(|(slot, count)| format!("{slot}, {count} times"));
        let new = said
            .keys()
            .filter(|slot| !calm.said.contains(*slot) && !is_answer(slot));
        let new = new.map(|slot| format!("{slot}, which is one too many"));
        told.comments_doubled = told.say("comment", doubled.chain(new));
        let missing = calm.said.iter().filter(|slot| !said.contains_key(*slot));
        let missing = missing.map(|slot| format!("{slot} was not said"));
        told.lost = told.say("lost", missing);
        let answers = said.keys().filter(|slot| is_answer(slot)).count();
        let words = format!("{answers} answers to {} commands", ASIDES.len());
        match answers.cmp(&ASIDES.len()) {
            Ordering::Less => told.lost += told.say("lost", [words]),
            Ordering::Equal => {}
            Ordering::Greater => told.comments_doubled += told.say("comment", [words]),
        }
        if reacted != calm.reactions {
            let words = format!("reactions {reacted:?}, not {:?}", calm.reactions);
            told.lost += told.say("lost", [words]);
        }
        let gavel = Api::service(&world.places.gavel);
        if gavel.get("/runs/2.json").await.is_ok() {
            told.comments_doubled += told.say("doubled", ["a second run".to_owned()]);
        }
        let left = left_over(world, &calm.expected).await?;
        told.leaked = told.say("left", left);
        self.world.stop_bot().await;
        let programs = left::programs(self.world.folder.root());
        let programs = programs.iter().map(|pid| format!("program {pid}"));
        told.leaked += told.say("left", programs);
        Ok(())
    }
}

/// Which command an answer is to is told by a number that depends on when that came in, and webhooks come in any order.
fn is_answer(slot: &str) -> bool {
    slot.contains(" answer-")
}

/// What Gavel reacted with to a comment on the tracking issue.
async fn reactions(world: &World, comment: u64) -> Result<BTreeSet<String>> {
    let (owner, repo) = TRACKING;
    let path = format!("/repos/{owner}/{repo}/issues/comments/{comment}/reactions");
    let all = world.forge_as("maintainer")?.get(&path).await?;
    let of_gavel = |reaction: &&Value| reaction["user"]["login"] == "gavel";
    let all = all.as_array().into_iter().flatten().filter(of_gavel);
    Ok(all
        .filter_map(|reaction| reaction["content"].as_str().map(str::to_owned))
        .collect())
}
