//! The box.

use super::check;
use crate::config::Config;
use crate::doctor::check::{Check, Ruling};
use crate::doctor::look::{Because, Folder, Look, Machine, Unseen};
use crate::store::Examined;

/// Less than this, and a run's evidence may not fit; less than a tenth of it, and commands may not either.
const ROOM: u64 = 1 << 30;

pub fn checks(config: &Config, seen: &Machine) -> Vec<Check> {
    let mut checks = vec![
        check("data-folder", "", &seen.data, folder, |unseen| {
            let mend = format!(
                "Let Gavel's user own {}, mode 0700, or change `server.data`; run the doctor as that user",
                config.server.data.display()
            );
            Ruling::failed(&unseen.why, mend)
        }),
        // What a start would say holds its own mend.
        check("database", "", &seen.database, database, |unseen| {
            Ruling::failed(
                &unseen.why,
                "deploy/OPERATIONS.md says how a backup is restored",
            )
        }),
        check("disk-space", "", &seen.free, |free| room(*free), other),
    ];
    for (key, look) in &seen.programs {
        let found = |path: &std::path::PathBuf| Ruling::ok(path.display().to_string());
        checks.push(check("program", key, look, found, |unseen| {
            program(key, unseen)
        }));
    }
    for (key, look) in &seen.files {
        let there = |(): &()| Ruling::ok(&look.asked);
        checks.push(check("file", key, look, there, |unseen| file(key, unseen)));
    }
    let number =
        |what: &'static str| move |count: &usize| Ruling::ok(format!("it answers: {count} {what}"));
    if let Some(look) = &seen.tmux {
        checks.push(check("tmux", "", look, number("sessions"), |unseen| {
            Ruling::failed(
                &unseen.why,
                "Install tmux, or mend `host.tmux` and `TMUX_TMPDIR` in `host.environment`",
            )
        }));
    }
    if let Some(look) = &seen.swarm {
        checks.push(check("swarm", "", look, number("stacks"), |unseen| {
            Ruling::failed(
                &unseen.why,
                "Let Gavel's user into the group of docker's socket, run `docker swarm init` where there is no swarm, or mend `host.docker`",
            )
        }));
    }
    checks.extend(crontab(seen));
    for (path, look) in &seen.clones {
        let at = |head: &String| Ruling::ok(format!("it is a clone, at {head}"));
        checks.push(check("clone", path, look, at, |unseen| {
            Ruling::failed(
                &unseen.why,
                "Name a clone of git in `host.clones`, and let Gavel's user read it",
            )
        }));
    }
    checks
}

fn other(unseen: &Unseen) -> Ruling {
    Ruling::failed(&unseen.why, "Look at what it says")
}

fn folder(folder: &Folder) -> Ruling {
    match folder {
        Folder::Writable => Ruling::ok("Gavel's user may write there"),
        Folder::ToBeMade(above) => Ruling::ok(format!(
            "it will be made in {} at the first start",
            above.display()
        )),
    }
}

pub(super) fn database(examined: &Option<Examined>) -> Ruling {
    match examined {
        None => Ruling::ok("there is none yet; the first start makes it"),
        Some(Examined { whole: false, .. }) => Ruling::warning(
            "no damage was found in as much as could be looked at in a while",
            "Run `gavel backup`, which looks at all of it",
        ),
        Some(Examined { form, newest, .. }) if form < newest => Ruling::ok(format!(
            "it is whole, in form {form}; the next start brings it to form {newest}"
        )),
        Some(Examined { form, .. }) => Ruling::ok(format!("it is whole, in form {form}")),
    }
}

pub(super) fn room(free: u64) -> Ruling {
    let seen = format!("{} MiB are free", free >> 20);
    let mend = "Make room, but not in `bundles/`: those are the only evidence of old runs. Copy them elsewhere, or give the data folder a larger disk";
    match free {
        _ if free < ROOM / 10 => Ruling::failed(seen, mend),
        _ if free < ROOM => Ruling::warning(seen, mend),
        _ => Ruling::ok(seen),
    }
}

fn program(key: &str, unseen: &Unseen) -> Ruling {
    let mend = match unseen.because {
        Because::Right => format!("`chmod +x` it, and let Gavel's user reach it, or mend `{key}`"),
        _ => format!("Install it for Gavel's user, or mend `{key}`"),
    };
    Ruling::failed(&unseen.why, mend)
}

fn file(key: &str, unseen: &Unseen) -> Ruling {
    let mend = format!("Put it there, let Gavel's user read it, or mend `{key}`");
    match (key, unseen.because) {
        // The flow makes it when it first works there.
        ("host.scratch", Because::Gone) => Ruling::warning(&unseen.why, mend),
        _ => Ruling::failed(&unseen.why, mend),
    }
}

/// Whether the crontab can be read, and whether the configured line is one, and stands in it at most once.
fn crontab(seen: &Machine) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(look) = &seen.crontab {
        let lines =
            |lines: &Vec<String>| Ruling::ok(format!("it can be read: {} lines", lines.len()));
        checks.push(check("crontab", "", look, lines, |unseen| {
            Ruling::failed(
                &unseen.why,
                "Install cron for Gavel's user, or mend `host.crontab`",
            )
        }));
    }
    if let Some(look) = &seen.schedule {
        let lines = seen.crontab.as_ref().and_then(Look::value);
        let known = lines.map_or(&[][..], Vec::as_slice);
        checks.push(check(
            "schedule",
            "",
            look,
            |command| schedule(command, known),
            |unseen| Ruling::failed(&unseen.why, "Mend `flow.schedule.line`"),
        ));
    }
    checks
}

pub(super) fn schedule(command: &[String], crontab: &[String]) -> Ruling {
    let program = command.first().map_or("", String::as_str);
    let of_it = crontab.iter().filter(|line| {
        let line = line.trim_start();
        !line.starts_with('#') && !program.is_empty() && line.contains(program)
    });
    match of_it.count() {
        0 => Ruling::ok(
            "it can be followed; the crontab does not have it yet, which is to be so until all has passed",
        ),
        1 => Ruling::ok("it can be followed; the crontab has it"),
        more => Ruling::warning(
            format!("{more} lines of the crontab call {program}"),
            "Leave one of them",
        ),
    }
}
