//! `gavel lab crash`: Gavel is killed at every step of a verification, and at random instants, is started again, and has to come to what
//! it comes to when nobody kills it.
//!
//! The steps are what a calm run reached: Gavel names each instant before and after it stores, makes or starts something.

mod life;
mod power;

use anyhow::{Context, Result};
use clap::Args;
use futures_util::StreamExt;
use life::{Kill, Left, Life};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// As often is one Gavel killed in the course of one run: an item is given up after a few attempts.
const KILLS_OF_A_RUN: usize = 4;

#[derive(Args)]
pub struct Crash {
    /// What to verify, as after `/verify`
    #[arg(long, default_value = "V1 V2")]
    items: String,
    /// How often Gavel is killed in all: at every step once, and then at random instants (default: at every step)
    #[arg(long, value_name = "N")]
    kills: Option<usize>,
    /// Of all steps only so many, far from each other
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Each kill is a power cut: what was not yet synced to Gavel's disk is lost, and its programs end with it. Needs root
    #[arg(long)]
    power: bool,
    /// Where the random instants come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many labs at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

impl Crash {
    pub async fn run(self) -> Result<ExitCode> {
        let came_to_the_same = self.count().await?;
        Ok(ExitCode::from(u8::from(!came_to_the_same)))
    }

    async fn count(&self) -> Result<bool> {
        let began = Instant::now();
        let mut calm = life::calm(&self.items).await.context("the calm run")?;
        if let Some(sample) = self.sample {
            let all = calm.steps.len();
            let every = all.div_ceil(sample.max(1)).max(1);
            calm.steps = calm.steps.into_iter().step_by(every).collect();
        }
        let steps = calm.steps.len();
        eprintln!("calm: {} steps in {:.1} s", steps, calm.took.as_secs_f64());
        let mut tally = Left::default();
        let mut kills = 0;
        // Steps that a killed Gavel did not come by are tried again, each by itself.
        let mut unreached = self
            .rounds(&calm, spread(&calm.steps), &mut tally, &mut kills)
            .await;
        let alone = std::mem::take(&mut unreached)
            .into_iter()
            .map(|kill| vec![kill]);
        let unreached = self
            .rounds(&calm, alone.collect(), &mut tally, &mut kills)
            .await;
        let wanted = self.kills.unwrap_or_default().saturating_sub(kills);
        let random = self.random(wanted, calm.took);
        self.rounds(&calm, random, &mut tally, &mut kills).await;

        let reached = steps - unreached.len();
        let object = json!({
            "kills": kills, "steps": reached, "lost": tally.lost, "doubled": tally.doubled,
            "comments_doubled": tally.comments_doubled, "leaked": tally.leaked, "wrong_verdicts": tally.wrong_verdicts,
            "failed": tally.failed, "unreached": unreached.iter().filter_map(Kill::step).collect::<Vec<_>>(),
            "power": self.power, "seed": self.seed, "seconds": began.elapsed().as_secs_f64().round(),
        });
        if self.json {
            println!("{object}");
        } else {
            for (name, value) in object.as_object().into_iter().flatten() {
                println!("{name:<18}{value}");
            }
        }
        for what in &tally.words {
            eprintln!("{what}");
        }
        Ok(tally.is_nothing())
    }

    /// Every round in a lab of its own. Answers the kills that did not come about.
    async fn rounds(
        &self,
        calm: &life::Calm,
        rounds: Vec<Vec<Kill>>,
        tally: &mut Left,
        kills: &mut usize,
    ) -> Vec<Kill> {
        let total = rounds.len();
        let lives = rounds
            .into_iter()
            .map(|kills| Life::lead(&self.items, kills, calm, self.power));
        let mut lives = futures_util::stream::iter(lives).buffer_unordered(self.jobs.into());
        let mut unreached = Vec::new();
        let mut over = 0;
        while let Some(life) = lives.next().await {
            over += 1;
            *kills += life.kills;
            let names: Vec<String> = life.meant.iter().map(Kill::to_string).collect();
            let state = if life.left.is_nothing() { "ok" } else { "NOT" };
            eprintln!(
                "[{over:>3}/{total}] {:>6.1}s  {} kills  {state}  {}",
                life.took.as_secs_f64(),
                life.kills,
                names.join(" | ")
            );
            unreached.extend(life.unreached);
            tally.add(life.left, &names.join(" | "));
        }
        unreached
    }

    fn random(&self, kills: usize, calm: Duration) -> Vec<Vec<Kill>> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let kills: Vec<Kill> = (0..kills)
            .map(|_| Kill::After(calm.mul_f64(random.random_range(0.0..0.5))))
            .collect();
        kills.chunks(KILLS_OF_A_RUN).map(<[Kill]>::to_vec).collect()
    }
}

/// Rounds whose kills are far from each other.
fn spread(steps: &[String]) -> Vec<Vec<Kill>> {
    let rounds = steps.len().div_ceil(KILLS_OF_A_RUN);
    let mut left: VecDeque<Vec<Kill>> = (0..rounds).map(|_| Vec::new()).collect();
    for (at, step) in steps.iter().enumerate() {
        left[at % rounds].push(Kill::At(step.clone()));
    }
    left.into()
}
