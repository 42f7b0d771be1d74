//! V2's judge: what the helper posts, and what it says of each head.

use super::TRIES;
use super::seen::*;
use crate::evidence::{Doubt, Witness};
use crate::flow::{Ran, Told};
use crate::plan::gate::{
    Surfaces, comments, cut, expectations, misdirected, ours, page, same_account, statuses,
    watched_out,
};
use crate::plan::opened::ended_without;
use crate::plan::sight::{Build, Comment, Pull};
use crate::plan::{Ruling, broken, holds, unseen};

pub fn posts_once(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    looks_only(witness, &expect)?;
    let mut seen = Vec::new();
    for (run, pull, before, after) in [
        ("post", "green", "idle.after", "post.after"),
        (
            "renew",
            "green",
            "renew.comments.before",
            "renew.comments.after",
        ),
        ("red.told", "red", "red.comments.before", "end.red.comments"),
    ] {
        let ran = ran(witness, run)?;
        let wrote = flow_wrote(witness, pull, before, after, &expect)?;
        let is_trigger = |comment: &&Comment| comment.body.trim() == expect.trigger;
        let triggers = wrote.iter().filter(is_trigger).count();
        // A second one in another legal form is a second one.
        let alike = wrote
            .iter()
            .filter(|comment| comment.body.trim().starts_with(&expect.trigger))
            .count();
        if triggers != 1 || alike != 1 {
            let others: Vec<_> = wrote
                .iter()
                .map(|comment| format!("`{}`", cut(&comment.body)))
                .collect();
            return broken(
                format!(
                    "with `POST=1` the helper posted {triggers} times `{}` ({}{})",
                    expect.trigger,
                    ran.ending(),
                    if others.is_empty() {
                        String::new()
                    } else {
                        format!("; {} wrote {}", expect.flow, others.join(", "))
                    }
                ),
                "Look at where the helper posts",
            );
        }
        if let Some(comment) = wrote.iter().find(is_trigger) {
            seen.push(format!("comment {}", comment.id));
        }
    }
    was_quiet(witness, "end.quiet", &expect)?;
    holds(format!("one each: {}", seen.join(", ")))
}

pub fn only_polls(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let green: Pull = witness.context("green")?;
    let posted = |before: &str, after: &str| -> Result<Option<Ruling>, Doubt> {
        let wrote = flow_wrote(witness, "green", before, after, &expect)?;
        Ok(wrote.first().map(|comment| Ruling::Broken {
            certain: true,
            seen: format!(
                "with `POST=0` the helper posted comment {}: `{}`",
                comment.id,
                cut(&comment.body)
            ),
            mend: "Look at what the helper does before it looks at `POST`".into(),
        }))
    };
    ran(witness, "idle")?;
    if let Some(ruling) = posted("idle.before", "idle.after")? {
        return Ok(ruling);
    }
    was_quiet(witness, "idle.quiet", &expect)?;
    if let Some(build) = idle_builds(witness, &expect)?.first() {
        nobody_typed(witness, "idle.after", "green", &expect)?;
        return broken(
            format!(
                "with `POST=0`, and nobody having typed anything, build {} was started",
                build.number
            ),
            "Look at whether the helper talks to Drone by itself",
        );
    }
    built(witness, "red")?;
    // Every run but the two with `POST=1` was one with `POST=0`.
    for run in ["flight.1", "green.told", "renew.told", "again.told"] {
        ran(witness, run)?;
    }
    for (before, after) in [
        ("post.after", "renew.comments.before"),
        ("renew.comments.after", "end.green.comments"),
    ] {
        if let Some(ruling) = posted(before, after)? {
            return Ok(ruling);
        }
    }
    let all: Option<Vec<Build>> = witness.see("end.builds")?;
    let builds = ours(all.unwrap_or_default(), &green, &expect).len();
    was_quiet(witness, "end.quiet", &expect)?;
    let mut typed = comments(witness, "end.green.comments", &green, &expect)?;
    typed.retain(|comment| expect.triggers().any(|body| comment.body.trim() == body));
    let triggers = typed.len();
    typed.retain(|comment| {
        same_account(&comment.user.login, &expect.flow)
            || same_account(&comment.user.login, &expect.gavel)
    });
    if builds > typed.len() && builds <= triggers {
        return unseen(format!(
            "somebody else typed `{}` on the pull request, so that not every build can be told apart",
            expect.trigger
        ));
    }
    if builds > triggers {
        return broken(
            format!(
                "{triggers} `{}` stand on the pull request, and {builds} builds were started",
                expect.trigger
            ),
            "Look at whether the helper talks to Drone by itself",
        );
    }
    if builds == 0 {
        return unseen(
            "no trigger on this pull request started a build, so silence proves nothing",
        );
    }
    holds("no comment, and no build that nobody asked for, before, while and after a build ran")
}

/// At once; when the same head was tested again; and when another pull request's build has ended red since.
pub fn tells_green(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let mut seen = Vec::new();
    for (run, name) in [
        ("green.told", "green"),
        ("renew.told", "renew"),
        ("again.told", "renew"),
    ] {
        if run == "again.told" {
            built(witness, "red")?;
        }
        match tells(witness, run, name, Told::Green)? {
            Ruling::Holds(what) => seen.push(what),
            broken => return Ok(broken),
        }
    }
    seen.dedup();
    holds(seen.join("; "))
}

pub fn tells_red(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    tells(witness, "red.told", "red", Told::Red)
}

pub fn tells(
    witness: &Witness<'_>,
    run: &str,
    name: &str,
    expected: Told,
) -> Result<Ruling, Doubt> {
    let build = built(witness, name)?;
    let ran = ran(witness, run)?;
    if build.ended() && !build.has_result() {
        return unseen(ended_without(&build));
    }
    if build.ended() && build.green() != (expected == Told::Green) {
        return unseen(format!(
            "the known-{} head ended `{}` in build {}, so the right answer is not `{}`",
            pull_of(name),
            cut(&build.status),
            build.number,
            expected.word()
        ));
    }
    match run {
        "renew.told" => announced(witness, "renew.announced", &build, &expectations(witness)?)?,
        "again.told" => announced(witness, "renew.end", &build, &expectations(witness)?)?,
        _ => {}
    }
    let mend = "Look at where the helper reads the result, and how it maps it";
    let told = match said(&ran).verdict {
        Ok(told) => told,
        Err(why) => return broken(why, mend),
    };
    // When it was asked again, the result had been seen.
    let waited = run != "again.told";
    // Of a build that somebody else asked for meanwhile, it speaks rightly, too.
    let alone = || {
        let end = match waited {
            true => format!("{name}.end.comments"),
            false => "end.green.comments".to_owned(),
        };
        match witness.has(&end) {
            true => nobody_typed(witness, &end, pull_of(name), &expectations(witness)?),
            false => Ok(()),
        }
    };
    if waited && told == Told::Pending {
        gave_up_too_early(witness, name, &ran, &expectations(witness)?)?;
    } else if waited && !then(witness, name)?.ended() {
        alone()?;
        return broken(
            format!(
                "`VERDICT={}` although build {} had not ended",
                told.word(),
                build.number
            ),
            mend,
        );
    }
    let seen = format!(
        "`VERDICT={}` for build {}, which ended `{}`",
        told.word(),
        build.number,
        cut(&build.status)
    );
    if told == expected {
        return holds(seen);
    }
    alone()?;
    broken(seen, mend)
}

pub fn pending_in_flight(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let mend = "Look at how the helper tells a result that is there from one that is not";
    let not_pending = |ran: &Ran, when: &str| match said(ran).verdict {
        Ok(Told::Pending) => None,
        Ok(told) => Some(Ruling::Broken {
            certain: false,
            seen: format!("`VERDICT={}` {when}", told.word()),
            mend: mend.into(),
        }),
        Err(why) => Some(Ruling::Broken {
            certain: false,
            seen: why,
            mend: mend.into(),
        }),
    };
    let idle = ran(witness, "idle")?;
    if let Some(ruling) = not_pending(&idle, "on a pull request that nothing has been built for") {
        return Ok(ruling);
    }
    built(witness, "green")?;
    let flights = flights(witness)?;
    let Some(last) = flights.last().filter(|last| !last.build.ended()) else {
        return unseen(format!(
            "{TRIES} builds were too fast: each had ended when the helper had answered"
        ));
    };
    let (number, status) = (last.build.number, cut(&last.build.status));
    let when = format!("while build {number} was still `{status}`");
    if let Some(ruling) = not_pending(&last.ran, &when) {
        return Ok(ruling);
    }
    // Then it had not ended either when the helper had posted.
    if flights.len() == 1
        && let Some(ruling) = not_pending(
            &ran(witness, "post")?,
            &format!("as soon as it had posted, and build {number} had not ended"),
        )
    {
        return Ok(ruling);
    }
    let renewed = built(witness, "renew")?;
    let renew = ran(witness, "renew")?;
    let names_the_new_one = matches!(said(&renew).build, Ok(Some(named)) if named.trim_end_matches('/') == page(&renewed, &expectations(witness)?));
    if !names_the_new_one
        && let Some(ruling) = not_pending(
            &renew,
            "for the result before, as soon as it had asked for a new one",
        )
    {
        return Ok(ruling);
    }
    holds(format!(
        "`VERDICT=PENDING` while build {number} was `{status}`"
    ))
}

pub fn names_the_build(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let mend = "Look at where the helper takes the build's address from";
    built(witness, "red")?;
    let mut asked = vec![
        ("idle".to_owned(), "green", true),
        ("post".to_owned(), "green", true),
    ];
    asked.extend(
        flights(witness)?
            .into_iter()
            .map(|flight| (flight.name, "green", true)),
    );
    asked.push(("green.told".into(), "green", false));
    asked.push(("renew".into(), "green", true));
    asked.push(("renew.told".into(), "green", false));
    asked.push(("red.told".into(), "red", false));
    asked.push(("again.told".into(), "green", false));
    let renewed = built(witness, "renew")?;
    let mut seen = Vec::new();
    for (run, name, may_be_unknown) in asked {
        let ran = ran(witness, &run)?;
        let pull: Pull = witness.context(name)?;
        let all: Option<Vec<Build>> = witness.see("end.builds")?;
        let mut builds = ours(all.unwrap_or_default(), &pull, &expect);
        builds.retain(|build| misdirected(build, &pull, &expect).is_none());
        if ["renew.told", "again.told"].contains(&run.as_str()) {
            announced(witness, "renew.announced", &renewed, &expect)?;
            // What was started since, by whomever, is of the same head.
            builds.retain(|build| build.number >= renewed.number);
        }
        if builds.is_empty() {
            return unseen("a build that was there has vanished from Drone");
        }
        let named = match said(&ran).build {
            Ok(Some(page)) => page,
            Ok(None) if may_be_unknown => continue,
            Ok(None) => {
                return broken(
                    format!(
                        "`BUILD=?` at the end, although pull request {} was built",
                        pull.number
                    ),
                    mend,
                );
            }
            Err(why) => return broken(why, mend),
        };
        let pages: Vec<_> = builds.iter().map(|build| page(build, &expect)).collect();
        if !pages.iter().any(|page| page == named.trim_end_matches('/')) {
            return broken(
                format!(
                    "`BUILD={}`, but pull request {} was built at {}",
                    cut(&named),
                    pull.number,
                    pages.join(" and ")
                ),
                mend,
            );
        }
        seen.push(format!("`{}`", cut(&named)));
    }
    seen.sort();
    seen.dedup();
    holds(seen.join(", "))
}

pub fn reads_where_the_gate_writes(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expectations(witness)?;
    let mut seen = Vec::new();
    for name in ["green", "red"] {
        let build = built(witness, name)?;
        let ran = ran(witness, &format!("{name}.told"))?;
        let pull: Pull = witness.context(name)?;
        let surfaces = Surfaces::read(
            &statuses(witness, &format!("{name}.end.statuses"), &pull, &expect)?,
            &comments(witness, &format!("{name}.end.comments"), &pull, &expect)?,
            &build,
            &pull,
            &expect,
        );
        if !surfaces.status.is_terminal() && !surfaces.comment.is_terminal() {
            watched_out(witness, &format!("{name}.end.statuses"))?;
            return unseen(format!(
                "the gate told no result of build {} ({})",
                build.number,
                surfaces.words()
            ));
        }
        match said(&ran).verdict {
            Ok(Told::Green | Told::Red) => seen.push(surfaces.words()),
            told @ (Ok(Told::Pending) | Err(_)) => {
                if told.is_ok() {
                    gave_up_too_early(witness, name, &ran, &expect)?;
                }
                return broken(
                    format!(
                        "on the pull request of the known-{name} head, {}; and the helper returned no result ({})",
                        surfaces.words(),
                        ran.ending()
                    ),
                    "Reconcile them: let the helper read what the gate writes (the surface named above that holds the result), or let the gate write what the helper reads; record which in DECISIONS.md",
                );
            }
        }
    }
    seen.dedup();
    holds(seen.join("; "))
}
