//! V9's judge.

use super::{first_build, pulls, question, running};
use crate::evidence::{Doubt, Question, Witness};
use crate::host::cron::Crontab;
use crate::host::processes::Process;
use crate::host::tmux::Session;
use crate::plan::bench::{FORCED, Launched, MOVED_ON, Made, Owners, PROTECTED, Tested, Whose};
use crate::plan::beside;
use crate::plan::gate::{asked, cut, same_account};
use crate::plan::guardrails::machine::machine;
use crate::plan::guardrails::{Machine, Watched, inventory};
use crate::plan::sight::{Named, Pull};
use crate::plan::{Ruling, blocked, broken, certainly_broken, holds, unseen};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ACCESS: &str = "`/cleanup` tries again; Gavel needs write access to the repository";
const TEARDOWN: &str = "whoever deploys has to tear down, whatever happens";
const STOP: &str = "`launch-upgrader.sh stop` has to end the session and all that runs in it";

/// What the run made, as its record says after the cleanup.
fn made(witness: &Witness<'_>) -> Result<Vec<Made>, Doubt> {
    asked(witness, "cleaned", &Question::Cleaned)?;
    witness.see("cleaned")
}

pub fn pulls_closed(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let made = made(witness)?;
    let watched: Watched = witness.context("watched")?;
    let mut closed = 0;
    let (mut open, mut doubt) = (Vec::new(), None);
    for one in made.iter().filter(|one| one.kind == "pull") {
        let (Some(number), Some((label, question))) = (one.number, question(one)) else {
            if one.ended.as_deref() == Some("never made") {
                continue;
            }
            return unseen(format!(
                "what became of the pull request from `{}` is not known",
                cut(&one.name)
            ));
        };
        asked(witness, &label, &question)?;
        let pull: Pull = witness.see(&label)?;
        if pull.merged {
            let by = &pull.merged_by.login;
            let merged = format!("{}#{number} is merged by `{}`", one.repository, cut(by));
            // The forge names whoever pushed where it takes a pull request for merged by itself; G1 tells the two apart.
            let is_theirs = watched.accounts().any(|account| same_account(account, by));
            if is_theirs && !pull.base.repo.autodetect_manual_merge {
                return certainly_broken(
                    merged,
                    "undo the merge by hand, and find who was able to do it",
                );
            }
            doubt.get_or_insert(match is_theirs {
                true => format!("{merged}, or the forge says so by itself: see G1"),
                false => format!("{merged}, who has no part in this; verify again"),
            });
        } else if pull.is_open() {
            let again = match one.ended.as_deref() {
                Some(ended) => format!(", which was {ended}"),
                None => String::new(),
            };
            open.push(format!("{}#{number}{again}", one.repository));
        } else {
            closed += 1;
        }
    }
    if !open.is_empty() {
        return broken(format!("still open: {}", open.join("; ")), ACCESS);
    }
    if let Some(doubt) = doubt {
        return unseen(doubt);
    }
    beside::no_pull_unknown(witness, &watched, &made)?;
    if closed > 0 {
        witness.see::<u64>("quiet")?;
    }
    holds(format!("{closed} pull requests, all closed, none merged"))
}

pub fn branches_gone(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let made = made(witness)?;
    let (mut there, mut doubts) = (Vec::new(), Vec::new());
    let (mut gone, mut looked) = (0, 0);
    for one in &made {
        let which = || format!("`{}` of {}", cut(&one.name), one.repository);
        match (one.kind.as_str(), question(one)) {
            ("branch", Some((label, question))) => {
                asked(witness, &label, &question)?;
                looked += 1;
                let branch: Value = witness.see(&label)?;
                if branch.is_null() {
                    gone += 1;
                } else if one.ended.as_deref() == Some(PROTECTED) {
                    doubts.push(format!(
                        "{} was on record to be deleted and was not, since it is none of a run's own: find out what put it there",
                        which()
                    ));
                } else {
                    there.push(which());
                }
            }
            ("moved", _) => match moved(one) {
                Moved::Back => gone += 1,
                Moved::There => there.push(format!("{}, which was moved", which())),
                Moved::Doubtful(why) => doubts.push(format!("{} is not back: {why}", which())),
            },
            _ => {}
        }
    }
    if !there.is_empty() {
        return broken(format!("still there: {}", there.join(", ")), ACCESS);
    }
    let watched: Watched = witness.context("watched")?;
    let (tags, left) = beside::pushed_and_left(witness, &watched, &made)?;
    if !tags.is_empty() {
        return broken(
            format!(
                "the flow pushed {}, and Gavel deletes no tags",
                tags.join(", ")
            ),
            "A recipe is released by a person: delete the tag by hand, and look at what pushes it",
        );
    }
    if let Some(doubt) = doubts.into_iter().chain(left).next() {
        return unseen(doubt);
    }
    if looked > 0 {
        witness.see::<u64>("quiet")?;
    }
    holds(format!("{gone} branches, none of them left as it was made"))
}

/// What became of a branch that was moved.
enum Moved {
    Back,
    There,
    Doubtful(String),
}

fn moved(one: &Made) -> Moved {
    let left = one.moved_to.as_deref();
    match one.ended.as_deref() {
        Some(MOVED_ON) => Moved::Doubtful(match left {
            Some(left) => format!(
                "somebody moved it on, and it may still hold commit `{}`, which the run left there; put it back by hand",
                cut(left)
            ),
            None => "somebody moved it on; put it back by hand".to_owned(),
        }),
        Some(_) => Moved::Back,
        None if left.is_none() => {
            Moved::Doubtful("where the run left it is not known; put it back by hand".to_owned())
        }
        None => Moved::There,
    }
}

/// A look at the box at some time.
fn at<T: serde::de::DeserializeOwned>(
    witness: &Witness<'_>,
    machine: &Machine,
    when: &str,
    what: &str,
) -> Result<T, Doubt> {
    let all = inventory(machine);
    let Some((_, question)) = all.iter().find(|(name, _)| name == what) else {
        return unseen(format!("`{what}` is not looked at"));
    };
    let label = format!("{when}.{what}");
    asked(witness, &label, question)?;
    witness.see(&label)
}

/// What is new since the start, and whose it is: what was left when all builds had ended, and what is there after the cleanup.
#[derive(Default)]
struct Left {
    ours: BTreeSet<String>,
    /// What was left of a build of ours that was killed, and could not tear it down.
    killed: BTreeSet<String>,
    unknown: BTreeSet<String>,
    still: BTreeSet<String>,
    /// What is there after the cleanup, of no sandbox recipe and of no build.
    foreign: BTreeSet<String>,
}

fn left(
    witness: &Witness<'_>,
    machine: &Machine,
    made: &[Made],
    what: &str,
) -> Result<Left, Doubt> {
    let watched: Watched = witness.context("watched")?;
    let builds = builds(witness, made)?;
    let pulls = pulls(&watched, made);
    let owners = Owners {
        pattern: &machine.pattern,
        sandbox: &machine.stacks,
        builds: &builds,
        pulls: &pulls,
    };
    if let Some(build) = owners.running() {
        return unseen(format!(
            "build {build} had not ended: what it deployed it may still have torn down"
        ));
    }
    let before: Vec<Named> = at(witness, machine, "open", what)?;
    let mut left = Left::default();
    for when in ["left", "after"] {
        let now: Vec<Named> = at(witness, machine, when, what)?;
        for one in now.iter().filter(|one| !before.contains(one)) {
            match owners.whose(&one.name) {
                Some(Whose::Ours) if when == "after" => drop(left.still.insert(one.name.clone())),
                Some(Whose::Ours) if owners.was_killed(&one.name) => {
                    left.killed.insert(one.name.clone());
                }
                Some(Whose::Ours) => drop(left.ours.insert(one.name.clone())),
                Some(Whose::Unknown) => drop(left.unknown.insert(one.name.clone())),
                None if when == "after" => drop(left.foreign.insert(one.name.clone())),
                Some(Whose::Others) | None => {}
            }
        }
    }
    Ok(left)
}

/// The builds that ran since something of the run could be deployed; none where nothing could.
fn builds(witness: &Witness<'_>, made: &[Made]) -> Result<Vec<Tested>, Doubt> {
    let Some(after) = first_build(made) else {
        return Ok(Vec::new());
    };
    asked(witness, "builds", &Question::Builds { after })?;
    Ok(witness.see::<Option<_>>("builds")?.unwrap_or_default())
}

fn quoted(names: &BTreeSet<String>) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", cut(name)))
        .collect();
    names.join(", ")
}

pub fn torn_down(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let made = made(witness)?;
    let (found, interrupted) = found(&made, |left| &left.stacks);
    let left = left(witness, &machine, &made, "stacks")?;
    if !left.still.is_empty() {
        return broken(
            format!("still deployed: {}", quoted(&left.still)),
            format!("{TEARDOWN}; `docker stack rm` removes it now"),
        );
    }
    let mut removed = &found | &left.ours;
    removed.retain(|stack| !interrupted.contains(stack) && !left.killed.contains(stack));
    if !removed.is_empty() {
        return broken(
            format!(
                "left deployed when all builds had ended, and removed by Gavel: {}",
                quoted(&removed)
            ),
            TEARDOWN,
        );
    }
    told(&made, &left, &interrupted)?;
    let deploys = made.iter().filter(|one| one.kind == "deploys").count();
    holds(match deploys {
        0 => "nothing was tested, and nothing is deployed".to_owned(),
        _ => "nothing of a sandbox recipe was left deployed".to_owned(),
    })
}

/// What cleanup found of deploys, and what it found where an attempt was interrupted.
fn found(
    made: &[Made],
    part: fn(&crate::plan::bench::Standing) -> &BTreeSet<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut found, mut interrupted) = (BTreeSet::new(), BTreeSet::new());
    for one in made {
        let Some(deployed) = &one.deployed else {
            continue;
        };
        let names = part(&deployed.left).iter().cloned();
        if one.interrupted {
            interrupted.extend(names);
        } else {
            found.extend(names);
        }
    }
    (found, interrupted)
}

/// In doubt about what was left where it is not known whose it is, or whose fault.
fn told(made: &[Made], left: &Left, interrupted: &BTreeSet<String>) -> Result<(), Doubt> {
    let unknown = &left.unknown;
    if !unknown.is_empty() {
        return unseen(format!(
            "{} is there, and whose it is cannot be told: it is named after no build of the run, and others had the recipe tested meanwhile, or nobody had; Gavel leaves it alone",
            quoted(unknown)
        ));
    }
    if !left.killed.is_empty() {
        return unseen(format!(
            "{} was left by a build that ended without a result, and is removed: what is killed tears nothing down",
            quoted(&left.killed)
        ));
    }
    if !interrupted.is_empty() {
        return unseen(format!(
            "{} was left by what Gavel itself interrupted, and is removed",
            quoted(interrupted)
        ));
    }
    let mut deploys = made.iter().filter(|one| one.kind == "deploys");
    if deploys.any(|one| one.ended.is_none() || one.deployed.is_none()) {
        return unseen("what was deployed could not be looked at yet; `/cleanup` tries again");
    }
    Ok(())
}

/// The sessions that were launched, as they are on record.
fn launched(made: &[Made]) -> impl Iterator<Item = (&Made, &Launched)> {
    made.iter()
        .filter_map(|one| Some((one, one.launched.as_ref()?)))
}

pub fn session_stopped(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let Some(name) = &machine.session else {
        return blocked("not attempted: the launcher is not configured (`flow.launcher`)");
    };
    let made = made(witness)?;
    let before: Vec<Session> = at(witness, &machine, "open", "sessions")?;
    let after: Vec<Session> = at(witness, &machine, "after", "sessions")?;
    let mut count = 0;
    for (one, launched) in launched(&made) {
        count += 1;
        if let Some(session) = after.iter().find(|session| launched.is(name, session)) {
            let session = cut(&session.name);
            return broken(format!("the session `{session}` is still there"), STOP);
        }
        if let Some((label, question)) = running(one) {
            asked(witness, &label, &question)?;
            let running: Vec<Process> = witness.see(&label)?;
            if let Some(process) = running.first() {
                let line = cut(&process.line());
                return broken(format!("`{line}` of the session still runs"), STOP);
            }
        }
        let was_stopped = launched.stopped && !launched.open && !one.interrupted;
        if let Some(left) = launched.left.first().filter(|_| was_stopped) {
            let left = cut(left);
            return broken(
                format!("`stop` had been called, and `{left}` was there: Gavel ended it"),
                STOP,
            );
        }
        match one.ended.as_deref() {
            None => return unseen("the session is still on record; `/cleanup` tries again"),
            Some(FORCED) => {
                return broken(
                    format!(
                        "`stop` did not end all of it, and Gavel ended the rest by force: `{}`",
                        cut(launched.left.first().map_or("the session", String::as_str))
                    ),
                    STOP,
                );
            }
            Some(_) => {}
        }
    }
    if made
        .iter()
        .any(|one| one.kind == "session" && one.launched.is_none() && one.ended.is_none())
    {
        return unseen("of a session on record it is not known what it was");
    }
    let of_its_name = |sessions: &[Session]| {
        let mut named = sessions.iter().filter(|session| session.name == *name);
        named.next().cloned()
    };
    match (of_its_name(&before), of_its_name(&after)) {
        (_, None) => holds(match count {
            0 => format!("no session `{}` was launched, and none is there", cut(name)),
            _ => format!("no session `{}`, and nothing of it runs", cut(name)),
        }),
        (Some(known), Some(there)) if known.is(&there) => holds(format!(
            "the session `{}` is the one that was there before",
            cut(name)
        )),
        (_, Some(_)) => unseen(format!(
            "a session `{}` is there that verification did not launch: whose it is, is not known",
            cut(name)
        )),
    }
}

pub fn box_as_it_was(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let machine = machine(witness)?;
    let made = made(witness)?;
    let (mut wrong, mut doubts) = (Vec::new(), Vec::new());
    for part in [stacks, volumes, crontab, entries, sessions] {
        match part(witness, &machine, &made, &mut wrong) {
            Ok(None) => {}
            Ok(Some(doubt)) => doubts.push(Doubt::Unseen(doubt)),
            Err(doubt) => doubts.push(doubt),
        }
    }
    if !wrong.is_empty() {
        return broken(wrong.join("; "), "whoever made it has to remove it again");
    }
    match doubts.into_iter().next() {
        Some(doubt) => Err(doubt),
        None => holds(format!(
            "stacks, volumes, crontab, sessions and {} are as they were",
            match machine.scratch.len() {
                1 => "one folder".to_owned(),
                folders => format!("{folders} folders"),
            }
        )),
    }
}

/// What is wrong goes to `wrong`; what cannot be told comes back.
type Part = Result<Option<String>, Doubt>;

/// What of the sandbox's recipes still stands is V9.3's business.
fn stacks(witness: &Witness<'_>, machine: &Machine, made: &[Made], _: &mut Vec<String>) -> Part {
    Ok(new_is(
        "deploy",
        &left(witness, machine, made, "stacks")?.foreign,
    ))
}

/// In doubt about what came meanwhile and bears nobody's mark.
fn new_is(what: &str, names: &BTreeSet<String>) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "new is the {what} {}: whose it is cannot be told from here",
            quoted(names)
        )
    })
}

fn volumes(
    witness: &Witness<'_>,
    machine: &Machine,
    made: &[Made],
    wrong: &mut Vec<String>,
) -> Part {
    let (found, interrupted) = found(made, |left| &left.volumes);
    let (stacks, _) = self::found(made, |left| &left.stacks);
    let left = left(witness, machine, made, "volumes")?;
    let deployed = self::left(witness, machine, made, "stacks")?;
    // The volume of a stack that still stands belongs to it.
    let of_a_stack = |volume: &String| {
        let deployed = deployed.ours.iter().chain(&deployed.still);
        let mut stacks = stacks.iter().chain(deployed);
        stacks.any(|stack| volume.starts_with(&format!("{stack}_")))
    };
    let mut removed = &found | &left.ours;
    removed.retain(|volume| {
        let is_excused = interrupted.contains(volume) || left.killed.contains(volume);
        !is_excused && !of_a_stack(volume)
    });
    if !removed.is_empty() {
        wrong.push(format!("the volume {} was left", quoted(&removed)));
    }
    let mut still = left.still.clone();
    still.retain(|volume| !removed.contains(volume));
    if !still.is_empty() {
        wrong.push(format!("the volume {} is there", quoted(&still)));
    }
    told(made, &left, &interrupted)?;
    let mut foreign = left.foreign;
    foreign.retain(|volume| {
        let mut stacks = deployed.foreign.iter();
        !stacks.any(|stack| volume.starts_with(&format!("{stack}_")))
    });
    Ok(new_is("volume", &foreign))
}

/// Whoever has access to the account may change its crontab; but what the flow is called by is the flow's.
fn crontab(witness: &Witness<'_>, machine: &Machine, _: &[Made], wrong: &mut Vec<String>) -> Part {
    let before: Crontab = at(witness, machine, "open", "crontab")?;
    let after: Crontab = at(witness, machine, "after", "crontab")?;
    let new = after
        .lines
        .iter()
        .filter(|line| !before.lines.contains(line));
    let gone = before
        .lines
        .iter()
        .filter(|line| !after.lines.contains(line));
    let changed: Vec<&String> = new.chain(gone).collect();
    let is_the_flows = |line: &&&String| {
        let mut programs = machine.programs.iter();
        programs.any(|program| line.contains(program.as_str()))
    };
    if let Some(line) = changed.iter().find(is_the_flows) {
        wrong.push(format!("in the crontab `{}` has changed", cut(line)));
    }
    Ok((before != after).then(|| {
        "the crontab has changed: whether the flow did that or somebody else, cannot be told from here".to_owned()
    }))
}

fn entries(
    witness: &Witness<'_>,
    machine: &Machine,
    made: &[Made],
    wrong: &mut Vec<String>,
) -> Part {
    let cut_off = was_cut_off(made);
    let mut doubts = Vec::new();
    for folder in &machine.scratch {
        let what = format!("entries.{folder}");
        let before: BTreeSet<String> = at(witness, machine, "open", &what)?;
        let after: BTreeSet<String> = at(witness, machine, "after", &what)?;
        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        if !gone.is_empty() {
            doubts.push(format!(
                "gone from `{}` is {}: whether the flow removed it or its owner did, cannot be told from here",
                cut(folder),
                quoted(&gone)
            ));
        }
        let new: Vec<&String> = after.difference(&before).collect();
        if new.is_empty() {
            continue;
        }
        let label = format!("after.users.{folder}");
        let question = Question::Users {
            folder: folder.clone(),
        };
        asked(witness, &label, &question)?;
        let users: BTreeMap<String, String> = witness.see(&label)?;
        for entry in new {
            match users.get(entry) {
                Some(user) => doubts.push(format!("`{}` is in use by `{}`", cut(entry), cut(user))),
                None if cut_off => doubts.push(format!(
                    "`{}` was left in `{}`, and may be of a run that was interrupted or replaced on purpose; remove it by hand",
                    cut(entry),
                    cut(folder)
                )),
                None => wrong.push(format!("`{}` was left in `{}`", cut(entry), cut(folder))),
            }
        }
    }
    Ok((!doubts.is_empty()).then(|| doubts.join("; ")))
}

/// Whether a run of the flow did not come to its own end and could not tidy up: Gavel was interrupted, or had the launcher replace a session
/// that was busy.
fn was_cut_off(made: &[Made]) -> bool {
    made.iter().any(|one| one.interrupted)
        || launched(made).any(|(_, launched)| launched.sessions.len() > 1)
}

fn sessions(
    witness: &Witness<'_>,
    machine: &Machine,
    made: &[Made],
    wrong: &mut Vec<String>,
) -> Part {
    let before: Vec<Session> = at(witness, machine, "open", "sessions")?;
    let left: Vec<Session> = at(witness, machine, "left", "sessions")?;
    let after: Vec<Session> = at(witness, machine, "after", "sessions")?;
    for session in left.iter().chain(&after) {
        let name = machine.session.as_deref().unwrap_or_default();
        let is_ours = launched(made).any(|(_, launched)| launched.is(name, session));
        let seen = format!("a session was left as `{}`", cut(&session.name));
        if is_ours && session.name != name && !wrong.contains(&seen) {
            wrong.push(seen);
        }
    }
    let without = |sessions: &[Session], others: &[Session]| -> BTreeSet<String> {
        let is_in = |session: &&Session| others.iter().any(|other| other.is(session));
        let rest = sessions.iter().filter(|session| !is_in(session));
        rest.map(|session| session.name.clone()).collect()
    };
    let gone = without(&before, &after);
    if !gone.is_empty() {
        return Ok(Some(format!(
            "gone is the session {}: whether the flow ended it or its owner did, cannot be told from here",
            quoted(&gone)
        )));
    }
    // What was launched, and what bears the launcher's name, is V9.4's business.
    let name = machine.session.as_deref().unwrap_or_default();
    let is_known = |session: &Session| {
        session.name == name || launched(made).any(|(_, launched)| launched.is(name, session))
    };
    let mut new = after;
    new.retain(|session| !is_known(session));
    Ok(new_is("session", &without(&new, &before)))
}
