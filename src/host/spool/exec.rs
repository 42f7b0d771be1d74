//! `gavel exec SPOOL`: the small process that runs one command to its end and writes down how that went.

use super::{END, MARK, Order, PID};
use crate::host::durable;
use crate::host::process::{self, Bounded, Command};
use crate::redact::Redactor;
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use secrecy::SecretString;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A full disk may have room again; for as long as this the end is tried to be written.
const TRIES: u32 = 60;

/// Runs what standard input says, in the spool's folder's name, until it ends or SIGTERM comes. Its standard output is the spool's FIFO:
/// one byte there says that it is on record, and nothing else is written to it.
pub fn exec(folder: &Path) -> anyhow::Result<()> {
    let mut order = Vec::new();
    std::io::stdin()
        .read_to_end(&mut order)
        .context("reading what is to be run failed")?;
    // Half of it is what a Gavel that was killed on the way has left: then nothing was begun.
    let order: Order = serde_json::from_slice(&order)
        .context("standard input does not say what is to be run; Gavel starts `exec` by itself")?;
    limit_memory(order.memory)?;
    // Synced before anything is run: after a power cut a command that was begun must not look like one that was not.
    durable::write(&folder.join(PID), std::process::id().to_string().as_bytes())
        .with_context(|| format!("writing into {} failed", folder.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    runtime.block_on(run(folder, order))
}

/// Limits what this process and each that it starts may take, for good. It is the memory that can be written and is its own which counts
/// (`RLIMIT_DATA`), and not its addresses (`RLIMIT_AS`): the runtimes of Go, Java and JavaScript set addresses aside by the terabyte.
fn limit_memory(bytes: u64) -> anyhow::Result<()> {
    let now = getrlimit(Resource::Data);
    // A limit that is narrower already stays, and none can be widened.
    let at_most = |limit: Option<u64>| Some(limit.map_or(bytes, |limit| limit.min(bytes)));
    let limit = Rlimit {
        current: at_most(now.current),
        maximum: at_most(now.maximum),
    };
    setrlimit(Resource::Data, limit).with_context(|| {
        format!("limiting the command's memory to {bytes} bytes (`flow.memory`) failed")
    })
}

async fn run(folder: &Path, order: Order) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    let told = cancel.clone();
    let mut term = signal(SignalKind::terminate()).context("listening for SIGTERM failed")?;
    tokio::spawn(async move {
        term.recv().await;
        told.cancel();
    });
    // From here on it can be told to end.
    let mut said = std::io::stdout();
    said.write_all(b"!")
        .and_then(|()| said.flush())
        .context("saying that it has begun failed")?;
    let mut command = Command::new(order.program)
        .bare()
        .args(order.arguments)
        .time_limit(order.time_limit)
        .cancelled_by(cancel);
    for (name, value) in order.environment {
        command = command.env(name, value);
    }
    command = command.env(MARK, folder);
    let mut outcome = process::run(command).await;
    let secrets: Vec<SecretString> = order.secrets.into_iter().map(Into::into).collect();
    let redactor = Redactor::new(&secrets);
    outcome.stdout = clean(&redactor, outcome.stdout);
    outcome.stderr = clean(&redactor, outcome.stderr);
    let end = serde_json::to_vec(&outcome).context("putting the end into words failed")?;
    let path = folder.join(END);
    for _ in 1..TRIES {
        match durable::write(&path, &end) {
            Ok(()) => return Ok(()),
            // Forgotten meanwhile: nobody waits for it.
            Err(_) if !folder.exists() => return Ok(()),
            Err(error) => eprintln!("gavel exec: writing {}: {error}", path.display()),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    durable::write(&path, &end).with_context(|| {
        format!(
            "the end of the command cannot be kept in {}",
            path.display()
        )
    })
}

fn clean(redactor: &Redactor, output: Bounded) -> Bounded {
    let text = if output.truncated {
        redactor.cut_text(&output.text)
    } else {
        redactor.text(&output.text).into_owned()
    };
    Bounded { text, ..output }
}
