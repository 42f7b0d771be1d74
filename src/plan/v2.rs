//! V2: `testme-on-pr.sh` reads the verdict correctly.

use super::bench::{Bench, Stop, Who};
use super::drive::{wait_for_build, watch_announced, watch_surfaces};
use super::expect::Expectations;
use super::gate::{
    Surfaces, comments, cut, expectations, misdirected, ours, page, same_account, statuses,
    watched_out,
};
use super::sight::{Build, Comment, Pull};
use super::{ClauseSpec, Item, Ruling, blocked, broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use crate::flow::{End, HelperSaid, Ran, Told};
use futures_util::FutureExt;
use serde_json::Value;
use std::time::Duration;

pub const ITEM: Item = Item {
    id: "V2",
    title: "`testme-on-pr.sh` reads the verdict correctly",
    does: "opens a known-green and a known-red pull request in the mirror, runs the helper on them with `POST=0` and `POST=1`, and waits for the builds",
    needs: &["V1"],
    clauses: &[
        ClauseSpec {
            id: "V2.1",
            says: "`POST=1` posts exactly one `!testme`",
            judge: posts_once,
        },
        ClauseSpec {
            id: "V2.2",
            says: "`POST=0` posts nothing and starts no build",
            judge: only_polls,
        },
        ClauseSpec {
            id: "V2.3",
            says: "`VERDICT=GREEN` on the known-green head",
            judge: tells_green,
        },
        ClauseSpec {
            id: "V2.4",
            says: "`VERDICT=RED` on the known-red head",
            judge: tells_red,
        },
        ClauseSpec {
            id: "V2.5",
            says: "`VERDICT=PENDING` while the build is in flight, and before there is one",
            judge: pending_in_flight,
        },
        ClauseSpec {
            id: "V2.6",
            says: "`BUILD=` names a page on the configured Drone, of a build of this pull request's head",
            judge: names_the_build,
        },
        ClauseSpec {
            id: "V2.7",
            says: "The helper reads where the gate writes",
            judge: reads_where_the_gate_writes,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

/// How often it is tried to ask the helper while a build is in flight.
const TRIES: u32 = 3;

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let expect = &bench.expect;
    let mirror = &expect.mirror;
    let patient = Duration::from_secs(expect.helper_wait);

    bench
        .doing("asking the helper before there is anything")
        .await;
    let green: Pull = bench
        .open_pull("green", mirror, &expect.known_green, "V2, known green")
        .await?;
    let before: u64 = bench.see("green.before", Question::LatestBuild).await?;
    see_comments(bench, "idle.before", &green).await?;
    bench
        .helper("idle", green.number, false, Duration::ZERO)
        .await?;
    bench.quiet("idle.quiet").await?;
    see_comments(bench, "idle.after", &green).await?;
    see_builds(bench, "idle.builds", before).await?;
    let known: Option<Vec<Comment>> = bench.recalled("idle.before").await?;
    let after: Option<Vec<Comment>> = bench.recalled("idle.after").await?;
    let builds: Option<Vec<Build>> = bench.recalled("idle.builds").await?;
    let wrote = new_by(
        &known.unwrap_or_default(),
        after.unwrap_or_default(),
        &expect.flow,
    );
    if !wrote.is_empty() || !ours(builds.unwrap_or_default(), &green, expect).is_empty() {
        // What follows would be mixed up with what this led to.
        return Ok(());
    }

    bench.doing("the helper posts").await;
    bench
        .helper("post", green.number, true, Duration::ZERO)
        .await?;
    see_comments(bench, "post.after", &green).await?;
    for attempt in 1..=TRIES {
        let name = format!("flight.{attempt}");
        let after: u64 = bench
            .see(&format!("{name}.before"), Question::LatestBuild)
            .await?;
        if attempt > 1 {
            bench
                .post(
                    &format!("{name}.posted"),
                    Who::Gavel,
                    mirror,
                    green.number,
                    &expect.trigger,
                )
                .await?;
        }
        // The first try is about the build of the helper's own comment, which may be there already.
        let after = if attempt == 1 { before } else { after };
        let Some(build) = newest(wait_for_build(bench, &name, &green, after).await?) else {
            return Ok(());
        };
        bench
            .doing(&format!(
                "asking the helper while build {} is in flight",
                build.number
            ))
            .await;
        bench
            .helper(&name, green.number, false, Duration::ZERO)
            .await?;
        let question = Question::Build {
            number: build.number,
        };
        let then: Build = bench.see(&format!("{name}.build"), question).await?;
        if !then.ended() {
            break;
        }
    }
    bench.doing("the helper waits for the end").await;
    bench
        .helper("green.told", green.number, false, patient)
        .await?;
    // The newest one is what the gate tells of in the end.
    let Some(build) = newest(wait_for_build(bench, "green", &green, before).await?) else {
        return Ok(());
    };
    see_end(bench, "green", &green, build.number).await?;

    bench
        .doing("the helper posts once more: what stood there before is not the answer")
        .await;
    let before: u64 = bench.see("renew.before", Question::LatestBuild).await?;
    see_comments(bench, "renew.comments.before", &green).await?;
    bench
        .helper("renew", green.number, true, Duration::ZERO)
        .await?;
    see_comments(bench, "renew.comments.after", &green).await?;
    let Some(build) = newest(wait_for_build(bench, "renew", &green, before).await?) else {
        return Ok(());
    };
    // Until the gate tells of the new build, nobody who only reads can know of it.
    watch_announced(bench, "renew.announced", &green, &build).await?;
    bench
        .helper("renew.told", green.number, false, patient)
        .await?;
    see_end(bench, "renew", &green, build.number).await?;

    bench
        .doing("the helper posts on the known-red pull request and waits")
        .await;
    let red: Pull = bench
        .open_pull("red", mirror, &expect.known_red, "V2, known red")
        .await?;
    let before: u64 = bench.see("red.before", Question::LatestBuild).await?;
    see_comments(bench, "red.comments.before", &red).await?;
    bench.helper("red.told", red.number, true, patient).await?;
    let Some(build) = newest(wait_for_build(bench, "red", &red, before).await?) else {
        return Ok(());
    };
    see_end(bench, "red", &red, build.number).await?;

    // The newest build and the newest result are another pull request's now.
    bench
        .doing("asking the helper about the first once more")
        .await;
    bench
        .helper("again.told", green.number, false, Duration::ZERO)
        .await?;

    bench
        .doing("quiet window: nothing more is posted or started")
        .await;
    bench.quiet("end.quiet").await?;
    see_comments(bench, "end.green.comments", &green).await?;
    see_comments(bench, "end.red.comments", &red).await?;
    let first: u64 = bench.recalled("green.before").await?;
    see_builds(bench, "end.builds", first).await
}

fn newest(builds: Vec<Build>) -> Option<Build> {
    builds.into_iter().max_by_key(|build| build.number)
}

/// What the gate holds, after the helper has answered.
async fn see_end(bench: &Bench, name: &str, pull: &Pull, number: u64) -> Result<(), Stop> {
    let question = Question::Build { number };
    bench
        .see::<Build>(&format!("{name}.then"), question)
        .await?;
    let build: Build = bench
        .watch(
            &format!("{name}.build"),
            Question::Build { number },
            bench.expect.build,
            Build::ended,
        )
        .await?;
    watch_surfaces(bench, &format!("{name}.end"), pull, &build).await
}

async fn see_comments(bench: &Bench, label: &str, pull: &Pull) -> Result<(), Stop> {
    let question = Question::Comments {
        repository: bench.expect.mirror.clone(),
        number: pull.number,
    };
    bench.see::<Value>(label, question).await.map(drop)
}

async fn see_builds(bench: &Bench, label: &str, after: u64) -> Result<(), Stop> {
    bench
        .see::<Value>(label, Question::Builds { after })
        .await
        .map(drop)
}

// The judge.

/// What the helper did; BLOCKED where it cannot be started at all.
fn ran(witness: &Witness<'_>, label: &str) -> Result<Ran, Doubt> {
    let ran: Ran = witness.see(label)?;
    match &ran.end {
        End::NotStarted(why) => blocked(format!(
            "the helper could not be started: {why}. Mend `flow.helper.command`"
        )),
        _ => Ok(ran),
    }
}

/// What a run that came to its own end says. What one had printed when it was killed is no answer: it might have said more.
fn said(ran: &Ran) -> HelperSaid {
    match ran.end {
        End::Exited(_) => ran.helper_said(),
        _ => HelperSaid {
            verdict: Err(ran.ending()),
            build: Err(ran.ending()),
        },
    }
}

/// The comments by one account that are new.
fn new_by(known: &[Comment], mut after: Vec<Comment>, account: &str) -> Vec<Comment> {
    after.retain(|comment| {
        same_account(&comment.user.login, account)
            && known.iter().all(|known| known.id != comment.id)
    });
    after
}

/// The comments in `after` that are not in `before`, by the flow's account.
fn flow_wrote(
    witness: &Witness<'_>,
    pull: &str,
    before: &str,
    after: &str,
    expect: &Expectations,
) -> Result<Vec<Comment>, Doubt> {
    let pull = witness.context(pull)?;
    let known = comments(witness, before, &pull, expect)?;
    let after = comments(witness, after, &pull, expect)?;
    Ok(new_by(&known, after, &expect.flow))
}

/// The builds of the green pull request before anybody typed anything.
fn idle_builds(witness: &Witness<'_>, expect: &Expectations) -> Result<Vec<Build>, Doubt> {
    let green: Pull = witness.context("green")?;
    let builds: Option<Vec<Build>> = witness.see("idle.builds")?;
    Ok(ours(builds.unwrap_or_default(), &green, expect))
}

/// Where the helper acts when it is only to look, nothing that follows can be told apart from that: it is not attempted.
fn looks_only(witness: &Witness<'_>, expect: &Expectations) -> Result<(), Doubt> {
    let wrote = flow_wrote(witness, "green", "idle.before", "idle.after", expect)?;
    if wrote.is_empty() && idle_builds(witness, expect)?.is_empty() {
        Ok(())
    } else {
        blocked("not attempted, since the helper acts even with `POST=0` (V2.2)")
    }
}

/// A quiet window was as long as it was to be.
fn was_quiet(witness: &Witness<'_>, label: &str, expect: &Expectations) -> Result<(), Doubt> {
    let window: u64 = witness.see(label)?;
    if window < expect.quiet {
        return unseen(format!(
            "the quiet window was {window} ms, not {} ms",
            expect.quiet
        ));
    }
    Ok(())
}

/// One try to ask while a build was in flight.
struct Flight {
    name: String,
    ran: Ran,
    /// As it was when the helper had answered.
    build: Build,
}

/// The tries to ask while a build was in flight: all but the last one came too late.
fn flights(witness: &Witness<'_>) -> Result<Vec<Flight>, Doubt> {
    let mut flights = Vec::new();
    for attempt in 1..=TRIES {
        let name = format!("flight.{attempt}");
        let flight = Flight {
            ran: ran(witness, &name)?,
            build: build(witness, &format!("{name}.build"), "green")?,
            name,
        };
        let in_flight = !flight.build.ended();
        flights.push(flight);
        if in_flight {
            break;
        }
    }
    Ok(flights)
}

/// A build as a step saw it; in doubt where it is not of that pull request.
fn build(witness: &Witness<'_>, label: &str, pull: &str) -> Result<Build, Doubt> {
    let expect = expectations(witness)?;
    let pull: Pull = witness.context(pull)?;
    let build: Build = witness.see(label)?;
    match misdirected(&build, &pull, &expect) {
        None => Ok(build),
        Some(wrong) => unseen(format!("`{label}` is of something else: {wrong}")),
    }
}

/// The pull request that a build of the scenario belongs to.
fn pull_of(name: &str) -> &'static str {
    if name == "red" { "red" } else { "green" }
}

/// The build that the helper's trigger led to; BLOCKED where it led to none.
fn built(witness: &Witness<'_>, name: &str) -> Result<Build, Doubt> {
    let expect = expectations(witness)?;
    looks_only(witness, &expect)?;
    for (builds, pull, last) in [
        ("flight.1.builds", "green", "green"),
        ("renew.builds", "green", "renew"),
        ("red.builds", "red", "red"),
    ] {
        let pull: Pull = witness.context(pull)?;
        let started: Option<Vec<Build>> = witness.context(builds)?;
        if ours(started.unwrap_or_default(), &pull, &expect).is_empty() {
            watched_out(witness, builds)?;
            return blocked(format!(
                "the helper's run with `POST=1` on pull request {} led to no build (V2.1)",
                pull.number
            ));
        }
        if name == last {
            break;
        }
    }
    build(witness, &format!("{name}.build"), pull_of(name))
}

/// The build as it was when the helper, which was to wait for its end, had answered.
fn then(witness: &Witness<'_>, name: &str) -> Result<Build, Doubt> {
    build(witness, &format!("{name}.then"), pull_of(name))
}

/// The gate had told of this build, in any way, before the helper was asked: who only reads can know of it.
fn announced(
    witness: &Witness<'_>,
    step: &str,
    build: &Build,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let pull: Pull = witness.context(pull_of(step))?;
    let surfaces = Surfaces::read(
        &statuses(witness, &format!("{step}.statuses"), &pull, expect)?,
        &comments(witness, &format!("{step}.comments"), &pull, expect)?,
        build,
        &pull,
        expect,
    );
    if surfaces.tells_of_the_build() {
        return Ok(());
    }
    unseen(format!(
        "when the helper was asked, the gate had not told of build {} ({})",
        build.number,
        surfaces.words()
    ))
}

/// PENDING is a wrong answer to who was to wait for the end only where the result stood there for a while before the helper gave up:
/// the build ended in time, and so did the gate, which may take a quiet window to react and to report.
fn gave_up_too_early(
    witness: &Witness<'_>,
    name: &str,
    ran: &Ran,
    expect: &Expectations,
) -> Result<(), Doubt> {
    let then = then(witness, name)?;
    if then.ended() && ran.milliseconds >= then.took().saturating_add(expect.quiet) {
        return Ok(());
    }
    unseen(format!(
        "the helper said PENDING after {} ms, and build {} took about as long; give it more by `flow.helper.max_wait`",
        ran.milliseconds, then.number
    ))
}

fn posts_once(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn only_polls(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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
fn tells_green(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn tells_red(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    tells(witness, "red.told", "red", Told::Red)
}

fn tells(witness: &Witness<'_>, run: &str, name: &str, expected: Told) -> Result<Ruling, Doubt> {
    let build = built(witness, name)?;
    let ran = ran(witness, run)?;
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
    if waited && told == Told::Pending {
        gave_up_too_early(witness, name, &ran, &expectations(witness)?)?;
    } else if waited && !then(witness, name)?.ended() {
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
        holds(seen)
    } else {
        broken(seen, mend)
    }
}

fn pending_in_flight(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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

fn names_the_build(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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
            builds.retain(|build| build.number == renewed.number);
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

fn reads_where_the_gate_writes(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
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
