//! `gavel lab serve`: everything is up, somebody else does the talking.

use super::world::World;
use super::{Options, interruption};
use anyhow::{Context, Result};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

pub async fn run(options: Options, no_bot: bool) -> Result<ExitCode> {
    let interruption = interruption()?;
    let folder = options.folder()?;
    let mut described = options.world()?;
    // Whoever brings a judge of their own wants a place where nothing happens yet.
    described.others &= !no_bot;
    let mut world = tokio::select! {
        world = World::start(&described, folder) => world?,
        () = interruption.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    if !no_bot && let Err(error) = world.start_bot().await {
        world.stop().await;
        return Err(error);
    }
    announce(&world, &options, no_bot)?;
    // Everything else goes on without the bot: it may have been ended on purpose, to be started again.
    let mut bot_ended = false;
    loop {
        tokio::select! {
            () = interruption.cancelled() => break,
            () = tokio::time::sleep(std::time::Duration::from_millis(500)), if !bot_ended => {
                if let Err(error) = world.check_bot() {
                    bot_ended = true;
                    let root = world.folder.root().display();
                    eprintln!("{error:#}\nThe rest stays up. To start it again: gavel serve --config {root}/gavel.toml");
                }
            }
        }
    }
    world.stop().await;
    Ok(if bot_ended {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// For people on standard error; for programs one line on standard output, once everything is up.
fn announce(world: &World, options: &Options, no_bot: bool) -> Result<()> {
    let places = &world.places;
    let root = world.folder.root().display();
    eprintln!("    forge  {}", places.forge);
    eprintln!("    drone  {}/{}", places.drone, super::provision::SUITE);
    if no_bot {
        eprintln!("    gavel  not started: gavel serve --config {root}/gavel.toml");
    } else {
        eprintln!("    gavel  {}", places.gavel);
    }
    eprintln!(
        "   folder  {root}{}",
        if world.folder.is_temporary() {
            " (removed at the end)"
        } else {
            ""
        }
    );
    eprintln!(" accounts  {root}/accounts.json (sign in as maintainer)");
    eprintln!(
        "\ntype /verify {} on {}",
        options.items, world.provisioned.tracking_issue.url
    );
    eprintln!("Ctrl-C ends everything");
    let ready = json!({
        "dir": world.folder.root(),
        "forge_url": places.forge,
        "drone_url": places.drone,
        "gavel_url": places.gavel,
        "tracking_issue": world.provisioned.tracking_issue.url,
    });
    println!("ready {ready}");
    std::io::stdout()
        .flush()
        .context("saying that the lab is ready")
}
