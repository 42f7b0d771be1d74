//! `gavel lab chaos`: forge and Drone fail in every way, again and again, and webhooks go astray, while Gavel verifies. It has to come to
//! what it comes to when all is well, and to say everything once.
//!
//! Gavel's own requests take an HTTP proxy, and webhooks to it a relay; the flow, the bridge and people on the forge are not disturbed.

mod clock;
mod dice;
mod hooks;
mod life;
#[cfg(test)]
mod tests;
mod wire;

use anyhow::{Context, Result};
use clap::Args;
use dice::{Dice, HIGHEST_RATE};
use futures_util::StreamExt;
use life::Told;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub struct Chaos {
    /// What to verify, as after `/verify`
    #[arg(long, default_value = "V1 V2")]
    items: String,
    /// How many verifications are disturbed
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: u64,
    /// How probable each kind of disturbance is for each request or webhook, up to 0.15
    #[arg(long, default_value_t = 0.10, value_parser = rate)]
    rate: f64,
    /// The first run's seed; each further run has the next one
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many labs at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Keep Gavel's log of each run that came out differently in this folder, as seed-N.log
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=HIGHEST_RATE).contains(&rate) => Ok(rate),
        _ => Err(format!("it is no number from 0 to {HIGHEST_RATE}")),
    }
}

impl Chaos {
    pub async fn run(self) -> Result<ExitCode> {
        let came_to_the_same = self.count().await?;
        Ok(ExitCode::from(u8::from(!came_to_the_same)))
    }

    async fn count(&self) -> Result<bool> {
        let began = Instant::now();
        let calm = life::calm(&self.items).await.context("the calm run")?;
        eprintln!(
            "calm: {} requests and webhooks in {:.1} s",
            calm.requests,
            calm.took.as_secs_f64()
        );
        let seeds = self.seed..self.seed.saturating_add(self.runs);
        let calm = &calm;
        let lives = seeds.map(|seed| async move {
            let dice = Dice::new(seed, self.rate);
            let (told, took) =
                life::disturbed(&self.items, dice, calm, self.logs.as_deref(), seed).await;
            (seed, told, took)
        });
        let mut lives = futures_util::stream::iter(lives).buffer_unordered(self.jobs.into());
        let mut tally = Told::default();
        let mut wrong = BTreeMap::new();
        let mut over = 0;
        while let Some((seed, told, took)) = lives.next().await {
            over += 1;
            let state = if told.is_as_it_should_be() {
                "ok"
            } else {
                "NOT"
            };
            eprintln!(
                "[{over:>3}/{}] {:>6.1}s  seed {seed}  {} requests and webhooks, {} of them disturbed  {state}",
                self.runs,
                took.as_secs_f64(),
                told.requests,
                told.disturbed()
            );
            if !told.is_as_it_should_be() {
                for what in &told.words {
                    eprintln!("    {what}");
                }
                wrong.insert(seed, told.words.clone());
            }
            tally.add(told);
        }
        self.show(&tally, &wrong, began.elapsed().as_secs_f64().round());
        Ok(wrong.is_empty())
    }

    fn show(&self, tally: &Told, wrong: &BTreeMap<u64, Vec<String>>, seconds: f64) {
        let faults = tally.faults.iter();
        let faults: Map<String, Value> = faults
            .map(|(kind, count)| (kind.word().to_owned(), json!(count)))
            .collect();
        if self.json {
            let wrong: Vec<Value> = wrong
                .iter()
                .map(|(seed, words)| json!({ "seed": seed, "words": words }))
                .collect();
            let object = json!({
                "runs": self.runs, "rate": self.rate, "seed": self.seed, "requests": tally.requests, "faults": faults,
                "verdicts_differ": tally.verdicts_differ, "comments_doubled": tally.comments_doubled, "lost": tally.lost,
                "leaked": tally.leaked, "failed": tally.failed, "wrong": wrong, "seconds": seconds,
            });
            println!("{object}");
            return;
        }
        println!("{:<20}{}", "runs", self.runs);
        println!("{:<20}{}", "requests", tally.requests);
        for (kind, count) in &faults {
            println!("  {kind:<18}{count}");
        }
        let noughts = [
            ("verdicts differ", tally.verdicts_differ),
            ("comments doubled", tally.comments_doubled),
            ("lost", tally.lost),
            ("left", tally.leaked),
            ("failed", tally.failed),
        ];
        for (name, count) in noughts {
            println!("{name:<20}{count}");
        }
        for seed in wrong.keys() {
            println!(
                "again: gavel lab chaos --items \"{}\" --rate {} --seed {seed} --runs 1",
                self.items, self.rate
            );
        }
    }
}
