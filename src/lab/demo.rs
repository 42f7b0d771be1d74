//! `gavel lab demo`: the whole conversation, from the maintainer's comment to the report.

use super::client::{Api, ApiError};
use super::provision::TRACKING;
use super::screen::Screen;
use super::world::World;
use super::{Options, interruption};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the bot may take to begin, and the verification in all.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(20 * 60);
const ENDS_WITHIN_REALTIME: Duration = Duration::from_secs(3 * 60 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A run as Gavel tells about it, and how long the whole demonstration took.
struct Outcome {
    run: Value,
    seconds: f64,
}

pub async fn run(options: Options) -> Result<ExitCode> {
    let interruption = interruption()?;
    let mut screen = Screen::new();
    let folder = options.folder()?;
    let described = options.world()?;
    let mut world = tokio::select! {
        world = World::start(&described, folder) => world?,
        () = interruption.cancelled() => bail!("interrupted while the lab was starting"),
    };
    screen.started(
        "lab",
        &format!("forge {}, Drone {}", world.places.forge, world.places.drone),
    );
    for fault in &options.fault {
        screen.note("Broken", fault);
    }
    let outcome = tokio::select! {
        outcome = verify(&mut world, &options, &mut screen) => outcome,
        () = interruption.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    if let Ok(outcome) = &outcome {
        conclude(outcome, &world, &options, &screen)?;
    }
    if options.keep {
        if let Err(error) = &outcome {
            screen.note("Failed", &format!("{error:#}"));
        }
        screen.note(
            "Staying",
            &format!("{} until Ctrl-C", world.provisioned.tracking_issue.url),
        );
        interruption.cancelled().await;
    }
    world.stop().await;
    let passed = outcome?.run["verdict"].as_str() == Some("PASS");
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

async fn verify(world: &mut World, options: &Options, screen: &mut Screen) -> Result<Outcome> {
    let starting = Instant::now();
    world.start_bot().await?;
    screen.started(
        "gavel",
        &format!(
            "{} after {:.2}s",
            world.places.gavel,
            starting.elapsed().as_secs_f64()
        ),
    );
    let (owner, repo) = TRACKING;
    let issue = &world.provisioned.tracking_issue;
    let command = format!("/verify {}", options.items);
    let comments = format!("/repos/{owner}/{repo}/issues/{}/comments", issue.number);
    world
        .forge_as("maintainer")?
        .post(&comments, json!({ "body": command }))
        .await
        .context("commenting as the maintainer")?;
    screen.note("Commented", &format!("{command} on {}", issue.url));

    let gavel = Api::service(&world.places.gavel);
    let run = follow(world, &gavel, options, screen).await?;
    let seconds = screen.seconds();
    leave_report(world, &gavel, &run).await?;
    Ok(Outcome { run, seconds })
}

/// Looks at the run until it has ended, and shows what is new.
async fn follow(
    world: &mut World,
    gavel: &Api,
    options: &Options,
    screen: &mut Screen,
) -> Result<Value> {
    let limit = if options.realtime {
        ENDS_WITHIN_REALTIME
    } else {
        ENDS_WITHIN
    };
    let began = Instant::now();
    let mut seen = false;
    loop {
        world.check_bot()?;
        match gavel.get("/runs/latest.json").await {
            Ok(run) => {
                seen = true;
                screen.progress(&run);
                if matches!(run["state"].as_str(), Some("finished" | "cancelled")) {
                    return Ok(run);
                }
            }
            Err(ApiError::Refused { status, .. }) if status == reqwest::StatusCode::NOT_FOUND => {}
            Err(error) => tracing::warn!("demo: {error}"),
        }
        if !seen && began.elapsed() > BEGINS_WITHIN {
            bail!(
                "no run had begun {BEGINS_WITHIN:?} after the comment; see logs/gavel.log in {}",
                world.folder.root().display()
            );
        }
        if began.elapsed() > limit {
            bail!(
                "the verification had not ended after {limit:?}; see logs/gavel.log in {}",
                world.folder.root().display()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn leave_report(world: &World, gavel: &Api, run: &Value) -> Result<()> {
    let number = run["run"]
        .as_i64()
        .context("Gavel's answer holds no number for the run")?;
    for (path, file) in [
        ("REVIEW-5.md", "REVIEW-5.md"),
        ("evidence.json", "evidence/evidence.json"),
        ("bundle.tar.gz", "evidence/bundle.tar.gz"),
    ] {
        let content = gavel
            .bytes(&format!("/runs/{number}/{path}"))
            .await
            .with_context(|| format!("fetching {path}"))?;
        let target = world.folder.path(file);
        std::fs::write(&target, content)
            .with_context(|| format!("writing {}", target.display()))?;
    }
    let key = gavel.bytes("/signing.pub").await;
    let target = world.folder.path("evidence/signing.pub");
    std::fs::write(&target, key.context("fetching the public key")?)
        .with_context(|| format!("writing {}", target.display()))?;
    Ok(())
}

/// The last word: a table for people, or one object for programs.
fn conclude(outcome: &Outcome, world: &World, options: &Options, screen: &Screen) -> Result<()> {
    let Outcome { run, seconds } = outcome;
    if options.json {
        let object = json!({
            "verdict": run["verdict"],
            "items": run["items"],
            "guardrails": run["guardrails"],
            "findings": run["findings"],
            "tracking_issue": run["tracking_issue"].as_str().unwrap_or(&world.provisioned.tracking_issue.url),
            "report_comment": run["report_comment"],
            "seconds": (seconds * 100.0).round() / 100.0,
        });
        println!(
            "{}",
            serde_json::to_string(&object).context("writing the outcome")?
        );
    }
    screen.table(run, *seconds);
    let root = world.folder.root().display();
    if world.folder.is_temporary() {
        screen.note(
            "Removing",
            &format!("{root} (--out DIR or --keep leave report, evidence and logs)"),
        );
    } else {
        screen.note("Report", &format!("{root}/REVIEW-5.md"));
        screen.note(
            "Evidence",
            &format!("{root}/evidence/evidence.json, logs in {root}/logs"),
        );
    }
    Ok(())
}
