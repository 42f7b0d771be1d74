//! What is said of a pause: that it stands, what waits for its end, and that it is over.

use crate::render::text::code;
use crate::store::{Pause, Run, RunState};

/// Who paused, and when.
pub fn since(pause: &Pause) -> String {
    format!(
        "by {} since {}",
        code(&pause.account),
        pause.since.strftime("%Y-%m-%d %H:%M UTC")
    )
}

/// The answer to `/pause`. `open` are the runs that have not ended, oldest first.
pub fn paused(pause: &Pause, open: &[Run]) -> String {
    let under_way = match open.first() {
        Some(run) if run.state != RunState::Queued => {
            format!(" Run {} goes on to its end.", run.id)
        }
        _ => String::new(),
    };
    format!(
        "⏸️ Paused {}: no run starts until `/resume`. Commands are taken meanwhile, and runs wait in line.{under_way}",
        since(pause)
    )
}

/// The answer to `/resume`, with the pause that it ended.
pub fn resumed(ended: Option<&Pause>, open: &[Run]) -> String {
    let Some(pause) = ended else {
        return "I am not paused.".into();
    };
    let next = match open.first() {
        Some(run) if run.state == RunState::Queued => format!("Run {} is next.", run.id),
        Some(run) => format!("Run {} is under way.", run.id),
        None => "Nothing waits.".into(),
    };
    format!("▶️ Going on; I was paused {}. {next}", since(pause))
}

/// The answer to `/verify` while there is a pause.
pub fn waits(run: u64, pause: &Pause) -> String {
    format!(
        "Run {run} is queued, and does not start: I am paused {}. `/resume` goes on.",
        since(pause)
    )
}
