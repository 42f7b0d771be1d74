//! V7: mirror reconciliation.
//!
//! Seeded: a pull request whose change upstream then takes, as a commit of its own; one of an earlier upgrade, which is superseded; an
//! unrelated one; and an upstream that has moved on.

use super::bench::{Bench, Seed, Stop};
use super::expect::Expectations;
use super::gate::{asked, cut, same_account, visible};
use super::opened::{
    closed_by, comments_of, compose_before, history, main, ran, scenario as configured, tags,
    the_pull, undisturbed,
};
use super::run::{COMPOSE, Run, upgrade};
use super::sight::{Branch, Comment, Event, File, Pull, Tags};
use super::upgrade::{Compose, between, next_label};
use super::v3::is_reconciled;
use super::{ClauseSpec, Item, Ruling, broken, certainly_broken, holds, unseen};
use crate::evidence::{Doubt, Question, Witness};
use futures_util::FutureExt;
use futures_util::future::join_all;
use regex::Regex;
use serde_json::Value;

pub const ITEM: Item = Item {
    id: "V7",
    title: "The mirror is reconciled",
    does: "moves upstream on, opens three pull requests in the mirror, runs `/recipe-upgrade` and looks at what becomes of them; upstream is put back",
    needs: &["V3"],
    lacks: |expect| expect.scenario("reconcile").err(),
    clauses: &[
        ClauseSpec {
            id: "V7.1",
            says: "After the run the mirror's `main` is identical to upstream's, which had moved on",
            judge: main_is_upstreams,
        },
        ClauseSpec {
            id: "V7.2",
            says: "A pull request whose change is already upstream is closed, with a note, not merged",
            judge: merged_upstream,
        },
        ClauseSpec {
            id: "V7.3",
            says: "A superseded pull request is closed and replaced by the new one",
            judge: superseded,
        },
        ClauseSpec {
            id: "V7.4",
            says: "Control: an unrelated pull request is left alone",
            judge: unrelated,
        },
    ],
    scenario: |bench| scenario(bench).boxed(),
};

const RUN: &str = "run";
/// The pull requests that are seeded, as their labels begin.
const SEEDS: [&str; 3] = ["merged", "superseded", "unrelated"];

// The scenario.

async fn scenario(bench: &Bench) -> Result<(), Stop> {
    let Ok(expect) = bench.expect.scenario("reconcile") else {
        return Ok(());
    };
    let bench = &bench.on(&expect.recipe);
    bench
        .doing("seeding pull requests and a newer upstream")
        .await;
    if !seed(bench).await? {
        return Ok(());
    }
    let run = Run {
        name: RUN,
        purpose: "V7, by the flow",
        with_tests: false,
    };
    upgrade(bench, &run).await?;
    for seed in SEEDS {
        let pull: Pull = bench.recalled(&format!("{seed}.pull")).await?;
        look_again(bench, seed, pull.number).await?;
    }
    Ok(())
}

/// Answers whether all could be seeded: a recipe that says nothing of its version cannot be superseded.
async fn seed(bench: &Bench) -> Result<bool, Stop> {
    let expect = &bench.expect;
    let (mirror, upstream) = (&expect.mirror, &expect.upstream());
    bench.clear().await?;
    for (label, repository) in [("seed.mirror", mirror), ("seed.upstream", upstream)] {
        let question = Question::Branch {
            repository: repository.clone(),
            branch: "main".into(),
        };
        bench.see::<Value>(label, question).await?;
    }

    let Some((branch, compose)) = earlier_upgrade(bench).await? else {
        return Ok(false);
    };
    let merged = bench.own_branch("merged");
    let path = file_of(&merged);
    let text = format!("A note by Gavel, for {}.\n", bench.own_branch("v7"));
    let taken = Seed {
        repository: mirror,
        from: "main",
        branch: &merged,
        path: &path,
        text: &text,
        purpose: "V7, a change that upstream takes",
    };
    let earlier = Seed {
        branch: &branch,
        path: COMPOSE,
        text: &compose,
        purpose: "V7, an earlier upgrade",
        ..taken
    };
    let unrelated = bench.own_branch("unrelated");
    let other = Seed {
        branch: &unrelated,
        path: &file_of(&unrelated),
        text: "Something else, of which nobody here is to take any notice.\n",
        purpose: "V7, unrelated",
        ..taken
    };
    let changes = SEEDS.into_iter().zip([&taken, &earlier, &other]);
    let pulls = join_all(changes.map(|(seed, change)| seeded_pull(bench, seed, change))).await;
    pulls.into_iter().collect::<Result<Vec<Pull>, Stop>>()?;

    // The same change, as another commit: no two repositories need to share the one that took it.
    let change = Seed {
        repository: upstream,
        from: "main",
        branch: "main",
        path: &path,
        text: &text,
        purpose: "V7, upstream takes the change",
    };
    bench.commit("seed.moved", &change).await?;
    Ok(true)
}

/// A file that only this branch has.
fn file_of(branch: &str) -> String {
    format!("{}.md", branch.replace('/', "-"))
}

async fn seeded_pull(bench: &Bench, label: &str, change: &Seed<'_>) -> Result<Pull, Stop> {
    bench.commit(&format!("{label}.commit"), change).await?;
    bench
        .open_pull_from(
            &format!("{label}.pull"),
            change.repository,
            change.branch,
            change.purpose,
        )
        .await
}

/// What the flow would have made of an earlier version: the branch, and the compose file. `None` where there is none in between.
async fn earlier_upgrade(bench: &Bench) -> Result<Option<(String, String)>, Stop> {
    let expect = &bench.expect;
    let question = Question::File {
        repository: expect.mirror.clone(),
        path: COMPOSE.into(),
        at: "main".into(),
    };
    let file: Option<File> = bench.see("seed.compose", question).await?;
    let text = file.map(|file| file.text).unwrap_or_default();
    let Ok(compose) = Compose::read(&text) else {
        return Ok(None);
    };
    let (Some(app), Ok(label)) = (compose.app(), compose.label()) else {
        return Ok(None);
    };
    let question = Question::Tags {
        image: app.image.clone(),
    };
    let tags: Tags = bench.see("seed.tags", question).await?;
    let Some(earlier) = between(&app.tag, &tags.tags) else {
        return Ok(None);
    };
    let next = next_label(&label, earlier).to_string();
    let upgraded = text
        .replace(
            &format!("{}:{}", app.image, app.tag),
            &format!("{}:{earlier}", app.image),
        )
        .replace(&label.to_string(), &next);
    let branch = expect.upgrading.branch.replace("{version}", &next);
    Ok(Some((branch, upgraded)))
}

async fn look_again(bench: &Bench, seed: &str, number: u64) -> Result<(), Stop> {
    let repository = bench.expect.mirror.clone();
    let question = Question::Pull {
        repository: repository.clone(),
        number,
    };
    bench
        .see::<Value>(&format!("{seed}.after"), question)
        .await?;
    let question = Question::Comments {
        repository: repository.clone(),
        number,
    };
    bench
        .see::<Value>(&format!("{seed}.talk"), question)
        .await?;
    let question = Question::Timeline { repository, number };
    bench
        .see::<Value>(&format!("{seed}.history"), question)
        .await
        .map(drop)
}

// The judge.

fn expected(witness: &Witness<'_>) -> Result<Expectations, Doubt> {
    configured(witness, "reconcile")
}

/// What became of a seeded pull request.
struct Seeded {
    before: Pull,
    after: Pull,
    /// Of the flow's account.
    notes: Vec<Comment>,
    history: Vec<Event>,
}

impl Seeded {
    /// Whether the flow closed it, as far as its history tells who did.
    fn closed_by_flow(&self, expect: &Expectations) -> bool {
        closed_by(&self.history).is_some_and(|who| same_account(who, &expect.flow))
    }
}

fn seeded(witness: &Witness<'_>, seed: &str, expect: &Expectations) -> Result<Seeded, Doubt> {
    let before: Pull = witness.see(&format!("{seed}.pull"))?;
    let question = Question::Pull {
        repository: expect.mirror.clone(),
        number: before.number,
    };
    let label = format!("{seed}.after");
    asked(witness, &label, &question)?;
    let after: Pull = witness.see(&label)?;
    let mut notes = comments_of(witness, &format!("{seed}.talk"), before.number, expect)?;
    notes.retain(|comment| same_account(&comment.user.login, &expect.flow));
    let history = history(witness, &format!("{seed}.history"), before.number, expect)?;
    if before.number != after.number {
        return unseen(format!("`{label}` is another pull request"));
    }
    Ok(Seeded {
        before,
        after,
        notes,
        history,
    })
}

fn regex(pattern: &str) -> Result<Regex, Doubt> {
    Regex::new(pattern).or_else(|_| unseen("Gavel cannot read notes"))
}

/// Control: upstream had what the mirror had not when the flow began. In doubt where it had not.
fn was_behind(witness: &Witness<'_>, expect: &Expectations) -> Result<(), Doubt> {
    let moved: String = witness.see("seed.moved")?;
    let upstream = main(
        witness,
        &format!("{RUN}.before.upstream"),
        &expect.upstream(),
    )?;
    let mirror = main(witness, &format!("{RUN}.before.mirror"), &expect.mirror)?;
    let at = |branch: &Option<Branch>| branch.as_ref().map(|branch| branch.commit.sha.clone());
    if at(&upstream).as_ref() != Some(&moved) {
        return unseen("control: upstream was moved on by somebody else, too; verify again");
    }
    if at(&upstream) == at(&mirror) {
        return unseen("control: the mirror was not behind upstream when the flow began");
    }
    Ok(())
}

fn main_is_upstreams(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    was_behind(witness, &expect)?;
    is_reconciled(witness, RUN, &expect)
}

/// What holds of every pull request that is to be closed: closed by the flow, and not merged. `None` where it does.
fn closed(
    what: &str,
    seeded: &Seeded,
    expect: &Expectations,
) -> Result<Option<Result<Ruling, Doubt>>, Doubt> {
    let number = seeded.before.number;
    if seeded.after.merged {
        if same_account(&seeded.after.merged_by.login, &expect.flow) {
            return Ok(Some(certainly_broken(
                format!("{what} (pull request {number}) was merged by the flow"),
                "Close it with a note; the forge is not to merge it",
            )));
        }
        return unseen(format!(
            "the forge shows {what} (pull request {number}) as merged, by `{}`: it may detect manual merges by itself; switch that off for the mirror",
            cut(&seeded.after.merged_by.login)
        ));
    }
    if seeded.after.is_open() {
        return Ok(Some(broken(
            format!("{what} (pull request {number}) is still open"),
            "Look at how the skill goes through the open pull requests of the mirror",
        )));
    }
    if !seeded.closed_by_flow(expect) {
        return unseen(format!(
            "{what} (pull request {number}) was closed by `{}`, not by the flow; verify again",
            cut(closed_by(&seeded.history).unwrap_or("somebody"))
        ));
    }
    Ok(None)
}

fn merged_upstream(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    was_behind(witness, &expect)?;
    ran(witness, RUN, &expect)?;
    let seeded = seeded(witness, "merged", &expect)?;
    let what = "the pull request whose change is upstream";
    if let Some(ruling) = closed(what, &seeded, &expect)? {
        return undisturbed(witness, RUN, &expect, ruling);
    }
    let upstream = regex(r"(?i)\bupstream\b")?;
    let is_there = regex(
        r"(?i)\b(merged|already|taken|landed|included|includes|contained|contains|same change|has (?:this|it|that|the same))\b",
    )?;
    // Of a clause alone: what is denied before a comma is not what stands behind it.
    let denied = regex(
        r"(?i)\b(not|cannot|never|no|none|nothing|without|until|unless|please|should|must|superseded|supersedes|moved on)\b|n['’]t\b",
    )?;
    let ends = regex(r"[.!?;,:](?:\s|$)|\n|\s[-–—]\s")?;
    let says = |text: &str| {
        ends.split(text).any(|clause| {
            upstream.is_match(clause) && is_there.is_match(clause) && !denied.is_match(clause)
        })
    };
    let number = seeded.before.number;
    // What no reader of the page sees tells nobody anything.
    let notes = seeded
        .notes
        .iter()
        .map(|note| (note.id, visible(&note.body)));
    let notes: Vec<(u64, String)> = notes.collect();
    let first = |wanted: &dyn Fn(&str) -> bool| notes.iter().find(|(_, text)| wanted(text));
    let may_say = |text: &str| upstream.is_match(text) || is_there.is_match(text);
    match (first(&says), first(&may_say)) {
        (Some((id, text)), _) => holds(format!(
            "pull request {number} closed, not merged, with comment {id}: `{}`",
            cut(text.trim())
        )),
        (None, Some((id, text))) => unseen(format!(
            "whether comment {id} says that the change of pull request {number} is upstream cannot be told from its words: `{}`",
            cut(text.trim())
        )),
        (None, None) => undisturbed(
            witness,
            RUN,
            &expect,
            broken(
                format!(
                    "pull request {number} was closed, and no comment of the flow says that its change is upstream"
                ),
                "Say why before closing: whoever opened it will ask",
            ),
        ),
    }
}

fn superseded(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    ran(witness, RUN, &expect)?;
    // Only a newer version supersedes one.
    let before = compose_before(witness, RUN, &expect)?;
    tags(witness, RUN, &before)?;
    let seeded = seeded(witness, "superseded", &expect)?;
    if let Some(ruling) = closed("the superseded pull request", &seeded, &expect)? {
        return undisturbed(witness, RUN, &expect, ruling);
    }
    let new = match the_pull(witness, RUN, &expect, "V7.3") {
        Ok(new) => new,
        Err(Doubt::Blocked(why)) => {
            return undisturbed(
                witness,
                RUN,
                &expect,
                broken(
                    format!(
                        "pull request {} was closed, and not replaced by one: {why}",
                        seeded.before.number
                    ),
                    "Close what is superseded once the new pull request is open",
                ),
            );
        }
        Err(doubt) => return Err(doubt),
    };
    if !new.is_open() {
        return unseen(format!(
            "the new pull request {} does not stand open at the end",
            new.number
        ));
    }
    holds(format!(
        "pull request {} closed, replaced by {} from `{}`",
        seeded.before.number,
        new.number,
        cut(new.branch())
    ))
}

fn unrelated(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let expect = expected(witness)?;
    ran(witness, RUN, &expect)?;
    let seeded = seeded(witness, "unrelated", &expect)?;
    let number = seeded.before.number;
    let mend = "Look at which pull requests the skill takes for its own";
    if let Some(note) = seeded.notes.first() {
        return certainly_broken(
            format!(
                "the flow wrote on the unrelated pull request {number}: `{}`",
                cut(&note.body)
            ),
            mend,
        );
    }
    let hand = seeded
        .history
        .iter()
        .find(|event| !event.is_mention() && same_account(&event.user.login, &expect.flow));
    if let Some(event) = hand {
        return certainly_broken(
            format!(
                "the flow had a hand in the unrelated pull request {number}: {}",
                cut(&event.kind)
            ),
            mend,
        );
    }
    if !seeded.after.is_open() || seeded.after.head.sha != seeded.before.head.sha {
        return unseen(format!(
            "somebody had a hand in the unrelated pull request {number}, not the flow; verify again"
        ));
    }
    holds(format!("pull request {number} is open, as it was"))
}
