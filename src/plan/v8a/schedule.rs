//! V8a.9: the schedule, as it is configured and as it stands in the crontab, and what its command launches in cron's own environment.

use super::Agent;
use super::calls::{Shown, shown};
use super::seen::{LAUNCHER, agent, called, carries, expected, right, session};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::cron::{Crontab, Schedule, ScheduleError};
use crate::plan::expect::Launching;
use crate::plan::gate::{asked, cut};
use crate::plan::{Ruling, broken, holds, unseen};
use serde_json::Value;

/// What the plan says, whatever the configuration does.
const WEEKLY: &str = "0 3 * * 6 weekly";

pub fn scheduled(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let launching = expected(witness)?;
    let mend = "Look at the line that is installed in the crontab";
    witness.see::<Value>("expectations")?;
    let parsed = Schedule::parse(&launching.schedule);
    let fields = match &parsed {
        Ok(Schedule { fields, .. }) | Err(ScheduleError::NeedsShell { fields, .. }) => fields,
        Err(error) => return broken(error.to_string(), mend),
    };
    if !is_weekly(fields)? {
        return broken(format!("`{fields}` is not `0 3 * * 6`"), mend);
    }
    let clock: Clock = witness.see("clock")?;
    if clock.offsets.iter().any(|offset| *offset != 0) {
        if names_utc(witness)? {
            return unseen(format!(
                "this machine's clock goes by {}, and the crontab names UTC: whether this machine's cron heeds that cannot be told from here",
                cut(&clock.zone)
            ));
        }
        return broken(
            format!(
                "this machine's clock goes by {}: cron would call at 03:00 there, not at 03:00 UTC",
                cut(&clock.zone)
            ),
            "Set the machine's time zone, or cron's, to UTC",
        );
    }
    let installed = match installed(witness, &launching)? {
        Ok(installed) => installed,
        Err(wrong) => return broken(wrong, mend),
    };
    let wanted = [&launching.launcher[..], &["start".to_owned()]].concat();
    let schedule = match parsed {
        Ok(schedule) => schedule,
        Err(ScheduleError::NeedsShell { command, why, .. }) => {
            if let Some(other) = runs_another(&command, &wanted) {
                return broken(
                    format!("it runs `{}`, not the launcher's `start`", cut(other)),
                    mend,
                );
            }
            return unseen(format!(
                "Gavel does not run shells: {why}, so that what `{}` launches was not tried; put it into a script, and name that",
                cut(&command)
            ));
        }
        Err(error) => return broken(error.to_string(), mend),
    };
    if schedule.command != wanted {
        return broken(
            format!(
                "it runs `{}`, not the launcher's `start`",
                schedule.command.join(" ")
            ),
            mend,
        );
    }
    right!(called(witness, "cron"));
    let launched = right!(agent(witness, "cron.agent"));
    let known: Vec<Agent> = [
        session(witness, "idle.before")?,
        session(witness, "dry.agent")?,
    ]
    .into_iter()
    .flatten()
    .collect();
    if known.iter().any(|known| known.is(&launched)) {
        return broken(
            "it launched nothing: the session is the one from before",
            LAUNCHER,
        );
    }
    let as_ever = |agent: &Agent| carries(agent, &launching.remote_control);
    if !as_ever(&launched) && known.iter().any(as_ever) {
        return broken(
            "what it launches carries another remote-control name",
            LAUNCHER,
        );
    }
    // Whether its arguments reached it is V8a.7's business.
    if shown(witness, "cron", &launching)? == Shown::Neither {
        return broken(
            "what it launches shows neither a candidate nor a summary",
            "Look at what the run needs of its environment",
        );
    }
    holds(format!(
        "`{}`{installed}, and its command does all that by itself with nothing in its environment but what cron sets",
        schedule.fields
    ))
}

/// What the crontab itself holds: the line that was tried, or none of the flow's, since it is installed once all is verified. Otherwise what
/// is wrong with it. A crontab that cannot be read is in doubt, since it may hold another line beside the one that was tried.
fn installed(
    witness: &Witness<'_>,
    launching: &Launching,
) -> Result<Result<&'static str, String>, Doubt> {
    asked(witness, "crontab", &Question::Crontab)?;
    let crontab: Crontab = witness.see("crontab")?;
    let program = launching.launcher.last().map_or("", String::as_str);
    let program = program.rsplit('/').next().unwrap_or(program);
    let is_the_flows = |line: &str| {
        let is_sign = |sign: char| !sign.is_alphanumeric() && !['-', '_', '.'].contains(&sign);
        let mut words = line.split(is_sign);
        words.any(|word| word == program || word == "upgrade-all")
    };
    let mut zone = None;
    let mut found = Vec::new();
    for line in crontab.lines.iter().map(|line| line.trim()) {
        if line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = assignment(line) {
            if ["CRON_TZ", "TZ"].contains(&name) {
                zone = Some(value).filter(|zone| !is_utc(zone));
            }
        } else if is_the_flows(line) {
            if !calls_the_same(line, &launching.schedule) {
                return Ok(Err(format!(
                    "`{}` stands in the crontab, not `{}`",
                    cut(line),
                    cut(&launching.schedule)
                )));
            }
            if let Some(zone) = zone {
                return Ok(Err(format!(
                    "`{}` stands in the crontab where times are those of `{}`, not of UTC",
                    cut(line),
                    cut(zone)
                )));
            }
            found.push(line);
        }
    }
    Ok(match found[..] {
        [] => Ok(", not in the crontab yet"),
        [_] => Ok(", as it stands in the crontab"),
        [first, ..] => Err(format!(
            "`{}` stands in the crontab {} times",
            cut(first),
            found.len()
        )),
    })
}

/// A line that sets something for those below it: its name, and to what.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.contains(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    is_name.then(|| (name, value.trim().trim_matches(['"', '\''])))
}

/// Whether the crontab says that its times are those of UTC. Some crons pass over it.
fn names_utc(witness: &Witness<'_>) -> Result<bool, Doubt> {
    asked(witness, "crontab", &Question::Crontab)?;
    let crontab: Crontab = witness.see("crontab")?;
    let mut lines = crontab.lines.iter().map(|line| line.trim());
    Ok(lines.any(|line| {
        assignment(line)
            .is_some_and(|(name, zone)| name == "CRON_TZ" && !zone.is_empty() && is_utc(zone))
    }))
}

fn is_utc(zone: &str) -> bool {
    let zone = zone.trim_start_matches(':');
    let zone = zone.strip_prefix("Etc/").unwrap_or(zone);
    let names = ["", "UTC", "UTC0", "UCT", "GMT", "GMT0", "Universal", "Zulu"];
    names.contains(&zone)
}

/// Whether two lines call the same at the same time, however they are written and wherever their output goes.
fn calls_the_same(line: &str, other: &str) -> bool {
    match (Schedule::parse(line), Schedule::parse(other)) {
        (Ok(line), Ok(other)) => {
            let epoch = jiff::Timestamp::UNIX_EPOCH;
            line.command == other.command && line.next(epoch, 60) == other.next(epoch, 60)
        }
        _ => line.split_whitespace().eq(other.split_whitespace()),
    }
}

/// Whether five fields mean the plan's time, however they are written.
pub fn is_weekly(fields: &str) -> Result<bool, Doubt> {
    let weekly = Schedule::parse(WEEKLY).or_else(|error| unseen(error.to_string()))?;
    let schedule = Schedule::parse(&format!("{fields} called"));
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    Ok(schedule.is_ok_and(|schedule| schedule.next(epoch, 60) == weekly.next(epoch, 60)))
}

/// What a line that only a shell understands clearly runs in place of what is wanted: all of it where it names the launcher nowhere, or
/// the part that tells the launcher something else.
fn runs_another<'a>(command: &'a str, wanted: &[String]) -> Option<&'a str> {
    let program = wanted.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or(program);
    if !command.contains(name) {
        return Some(command);
    }
    let mut parts = command.split(['&', ';', '|', '\n']).map(str::trim);
    parts.find(|part| {
        let words = shell_words::split(part).unwrap_or_default();
        words.first() == wanted.first() && words.get(1..wanted.len()) != wanted.get(1..)
    })
}

/// How far this machine's clock is from UTC, in seconds, now and in the other half of the year.
#[derive(serde::Deserialize)]
struct Clock {
    zone: String,
    offsets: Vec<i32>,
}
