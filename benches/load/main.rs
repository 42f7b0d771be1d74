//! How many signed deliveries Gavel takes, each command on the disk before it is acknowledged, beside Debian's `webhook`, which checks the same
//! signature and starts `/bin/true`; and what a long tracking issue and many queued commands cost.
//!
//!     cargo bench --bench load -- [--seconds N] [--rounds N] [--only intake|sync|issue|queue]
//!
//! Both servers get the same deliveries, as a real Gitea sent them, from the same client on the same machine, in turn, each started anew. Half
//! of them are commands on the tracking issue. Client and server share the machine's cores: ratios say more than numbers.

mod client;
mod deliveries;
mod forge;
mod growth;
mod servers;

use clap::{Parser, ValueEnum};
use client::{Connection, Outcome, load};
use deliveries::{Deliveries, LINE};
use forge::Forge;
use servers::{Gavel, webhook};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

const CONNECTIONS: [usize; 3] = [1, 16, 64];

#[derive(Parser)]
struct Options {
    /// How long each load lasts
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times each server is loaded with each number of connections
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long)]
    only: Option<Part>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Deliveries per second, beside `webhook`
    Intake,
    /// What is acknowledged is on the disk
    Sync,
    /// A tracking issue with 10,000 comments
    Issue,
    /// 1,000 queued commands
    Queue,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match measured(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn measured(options: &Options) -> Result<bool, String> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let deliveries = Arc::new(Deliveries::recorded()?);
    let mut held = true;
    if wanted(Part::Intake) {
        held &= intake(options, &deliveries).await?;
    }
    if wanted(Part::Sync) {
        held &= killed(options, &deliveries).await? & synced(&deliveries).await?;
    }
    if wanted(Part::Issue) {
        growth::issue(&deliveries).await?;
    }
    if wanted(Part::Queue) {
        growth::queue(&deliveries).await?;
    }
    Ok(held)
}

/// What one server did in all rounds with as many connections.
#[derive(Default)]
struct Row {
    outcome: Outcome,
    /// The most of all rounds, in MiB.
    memory: f64,
}

impl Row {
    fn print(&self, connections: usize, name: &str) {
        let outcome = &self.outcome;
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|part| outcome.percentile(part));
        println!(
            "| {connections} | {name} | {:.0} | {p50:.2} | {p90:.2} | {p99:.2} | {max:.1} | {:.0} | {} |",
            outcome.per_second(),
            self.memory,
            outcome.refused + outcome.broken
        );
    }
}

/// Both servers in turn, with each number of connections; whether the targets were met.
async fn intake(options: &Options, deliveries: &Arc<Deliveries>) -> Result<bool, String> {
    let lasts = Duration::from_secs(options.seconds);
    let mut held = true;
    println!(
        "| connections | server | deliveries/s | p50 ms | p90 ms | p99 ms | max ms | MiB | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut told = Vec::new();
    for connections in CONNECTIONS {
        let (mut own, mut other) = (Row::default(), None::<Row>);
        for _ in 0..options.rounds {
            let next = Arc::new(AtomicU64::new(2));
            let forge = Forge::start().await?;
            let gavel = Gavel::install(forge.address)?;
            let mut server = gavel.serve().await?;
            let outcome = load(server.address, connections, lasts, deliveries, &next).await;
            own.memory = own.memory.max(server.memory());
            server.kill().await?;
            held &= all_there(&outcome, &gavel).await?;
            own.outcome.add(outcome);
            if let Some(server) = webhook().await {
                let mut server = server?;
                let row = other.get_or_insert_default();
                row.outcome
                    .add(load(server.address, connections, lasts, deliveries, &next).await);
                row.memory = row.memory.max(server.memory());
                server.kill().await?;
            }
        }
        own.print(connections, "gavel");
        let ratio = other.map(|other| {
            other.print(connections, "webhook");
            own.outcome.per_second() / other.outcome.per_second()
        });
        told.push((connections, own, ratio));
    }
    println!();
    for (connections, own, ratio) in &told {
        match ratio {
            Some(ratio) => {
                held &= target(
                    &format!("{connections} connections: times the throughput of `webhook`"),
                    *ratio,
                    5.0,
                    *ratio >= 5.0,
                )
            }
            None => println!(
                "{connections} connections: `webhook` is not installed (apt-get install webhook), so nothing stands beside Gavel"
            ),
        }
        if *connections == 16 {
            let p99 = own.outcome.percentile(0.99);
            held &= target("p99 at 16 connections, ms", p99, 20.0, p99 < 20.0);
        }
    }
    let memory = told
        .iter()
        .map(|(_, own, _)| own.memory)
        .fold(0.0, f64::max);
    Ok(held & target("resident memory, MiB", memory, 80.0, memory < 80.0))
}

fn target(what: &str, value: f64, target: f64, met: bool) -> bool {
    println!(
        "{what}: {value:.1} (target {target}) {}",
        if met { "met" } else { "NOT MET" }
    );
    met
}

/// Whether each command that was acknowledged is on record.
async fn all_there(outcome: &Outcome, gavel: &Gavel) -> Result<bool, String> {
    let there = gavel.on_record().await?;
    let lost = outcome
        .acknowledged
        .iter()
        .filter(|comment| !there.contains(comment))
        .count();
    if lost > 0 {
        println!("{lost} acknowledged commands are NOT on record");
    }
    Ok(lost == 0)
}

/// Kills Gavel in the middle of a load, and starts it again.
async fn killed(options: &Options, deliveries: &Arc<Deliveries>) -> Result<bool, String> {
    let forge = Forge::start().await?;
    let gavel = Gavel::install(forge.address)?;
    let mut server = gavel.serve().await?;
    let next = Arc::new(AtomicU64::new(2));
    let lasts = Duration::from_secs(options.seconds);
    let loaded = load(server.address, 16, lasts, deliveries, &next);
    let kill = async {
        tokio::time::sleep(lasts / 2).await;
        server.kill().await
    };
    let (outcome, killed) = tokio::join!(loaded, kill);
    killed?;
    let held = all_there(&outcome, &gavel).await?;
    let mut again = gavel.serve().await?;
    let after = load(
        again.address,
        1,
        Duration::from_millis(500),
        deliveries,
        &next,
    )
    .await;
    again.kill().await?;
    println!(
        "\nkill -9 under load: {} commands were acknowledged, {}; started again, it acknowledged {} deliveries more",
        outcome.acknowledged.len(),
        if held {
            "all of them are on record"
        } else {
            "NOT all of them are on record"
        },
        after.took.len()
    );
    Ok(held && outcome.broken > 0 && !after.took.is_empty())
}

/// A process that is killed loses nothing that the kernel has. That each command is synced before its acknowledgement, a trace of Gavel's calls shows.
async fn synced(deliveries: &Arc<Deliveries>) -> Result<bool, String> {
    const COMMANDS: u64 = 200;
    // Nobody listens there: what is taken is not dealt with, and every sync is the intake's, but for the start's.
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let gavel = Gavel::install(nobody.map_err(|error| error.to_string())?)?;
    let Some(server) = gavel.serve_traced().await else {
        println!(
            "`strace` is not installed (apt-get install strace): whether each command is synced was not looked at"
        );
        return Ok(true);
    };
    let mut server = server?;
    let mut connection = Connection::open(server.address).await?;
    for number in 0..COMMANDS {
        let status = connection.deliver(&deliveries.said(2 + number, LINE)).await;
        if status.as_ref().ok() != Some(&200) {
            return Err(format!("delivering a command under strace: {status:?}"));
        }
    }
    server.kill().await?;
    let trace = gavel.trace()?;
    let (mut since, mut unsynced, mut acknowledged) = (0, 0, 0);
    for line in trace.lines() {
        // `resumed` is the end of a call during which others ran.
        if line.contains("sync") && line.ends_with("= 0") {
            since += 1;
        } else if line.contains("HTTP/1.1 200") && !line.contains("resumed") {
            acknowledged += 1;
            unsynced += u64::from(since == 0);
            since = 0;
        }
    }
    println!(
        "\nstrace: {acknowledged} commands were acknowledged one after another, {unsynced} of them without a sync since the one before"
    );
    Ok(acknowledged == COMMANDS && unsynced == 0)
}
