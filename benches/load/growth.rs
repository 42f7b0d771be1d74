//! What grows: a tracking issue with many comments, and a queue of many commands; each against a short one.

use crate::client::Connection;
use crate::deliveries::Deliveries;
use crate::forge::Forge;
use crate::servers::Gavel;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// So long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);

async fn within<T>(what: &str, work: impl Future<Output = T>) -> Result<T, String> {
    timeout(PATIENCE, work)
        .await
        .map_err(|_| format!("{what} did not come within {} s", PATIENCE.as_secs()))
}

/// From the start until a command is answered that was typed while Gavel was down, on a short issue and on a long one.
pub async fn issue(deliveries: &Deliveries) -> Result<(), String> {
    println!("\n| comments on the issue | answered after a start, ms | MiB |\n|---|---|---|");
    let mut took = Vec::new();
    for comments in [10, 10_000] {
        let forge = Forge::start().await?;
        for comment in 0..comments {
            forge.say(2 + comment, "Somebody says something here, at the length of a comment as people write them, and not a command.", false);
        }
        let gavel = Gavel::install(forge.address)?;
        let mut server = gavel.serve().await?;
        // Afterwards a comment of Gavel's own stands there, as on every issue that is in use.
        let mut connection = Connection::open(server.address).await?;
        let typed = 2 + comments;
        forge.say(typed, "/status", true);
        let sent = connection.deliver(&deliveries.said(typed, "/status")).await;
        sent.map_err(|error| format!("delivering a command: {error}"))?;
        within("an answer", forge.answer(0, "Nothing is running")).await?;
        // What stands there before the first read ever was not typed to this Gavel.
        within("the first read", gavel.has_read()).await??;
        server.kill().await?;

        let before = forge.answers();
        forge.say(typed + 1, "/status", true);
        let begun = Instant::now();
        let mut server = gavel.serve().await?;
        within(
            "an answer after a start",
            forge.answer(before, "Nothing is running"),
        )
        .await?;
        took.push(begun.elapsed().as_secs_f64());
        println!(
            "| {comments} | {:.0} | {:.0} |",
            took[took.len() - 1] * 1000.0,
            server.memory()
        );
        server.kill().await?;
    }
    println!(
        "\n10,000 comments against 10: {:.1} times as long",
        took[1] / took[0]
    );
    Ok(())
}

/// How long an answer takes with nothing queued, and with a thousand runs in line.
pub async fn queue(deliveries: &Arc<Deliveries>) -> Result<(), String> {
    const QUEUED: u64 = 1000;
    let forge = Forge::start().await?;
    let gavel = Gavel::install(forge.address)?;
    let mut server = gavel.serve().await?;
    let mut connection = Connection::open(server.address).await?;
    let mut number = 2;
    let mut type_in = async |text: &'static str| {
        number += 1;
        forge.say(number, text, true);
        let sent = Instant::now();
        let status = connection.deliver(&deliveries.said(number, text)).await;
        match status {
            Ok(200) => Ok(sent.elapsed().as_secs_f64() * 1000.0),
            other => Err(format!("delivering `{text}`: {other:?}")),
        }
    };
    let first = forge.answers();
    type_in("/pause").await?;
    within("an answer to `/pause`", forge.answer(first, "aused")).await?;
    println!(
        "\n| runs in line | /status answered, ms | a command acknowledged, ms |\n|---|---|---|"
    );
    let mut rows = Vec::new();
    for queued in [0, QUEUED] {
        if queued > 0 {
            let begun = Instant::now();
            for _ in 0..queued {
                type_in("/verify V1").await?;
            }
            let taken = begun.elapsed();
            within("the end of the queue", async {
                while gavel.waiting().await.is_ok_and(|waiting| waiting > 0) {
                    sleep(Duration::from_millis(100)).await;
                }
            })
            .await?;
            println!(
                "| | {queued} commands: taken in {:.1} s, dealt with in {:.1} s | |",
                taken.as_secs_f64(),
                begun.elapsed().as_secs_f64()
            );
        }
        let before = forge.answers();
        let begun = Instant::now();
        let acknowledged = type_in("/status").await?;
        within("an answer to `/status`", forge.answer(before, "answer")).await?;
        let answered = begun.elapsed().as_secs_f64() * 1000.0;
        println!("| {queued} | {answered:.0} | {acknowledged:.1} |");
        rows.push((answered, acknowledged));
    }
    println!(
        "\n1,000 in line against none: /status takes {:.1} times as long, an acknowledgement {:.1} times; {:.0} MiB",
        rows[1].0 / rows[0].0,
        rows[1].1 / rows[0].1,
        server.memory()
    );
    server.kill().await
}
