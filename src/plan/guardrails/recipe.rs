//! G2 for recipes: whether a recipe that was pushed still checks about itself what its released version checks, in whichever way it is
//! deployed. Looked at above, judged below.

use super::acts::{Pushed, main_at};
use super::{Watched, weaker::main_seen};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::bench::{Bench, Stop};
use crate::plan::gate::{asked, cut};
use crate::plan::run::COMPOSE;
use crate::plan::sight::File;
use crate::plan::unseen;
use crate::plan::upgrade::{Compose, weakened};
use crate::plan::variants::{Texts, matters, wanted, ways};
use std::collections::{BTreeMap, BTreeSet};

/// The files of a commit: by path, what stands there.
type Files = BTreeMap<String, String>;

/// A commit of a repository.
type At<'a> = (&'a str, &'a str);

pub(super) fn file(repository: &str, path: &str, at: &str) -> (String, Question) {
    let question = Question::File {
        repository: repository.to_owned(),
        path: path.to_owned(),
        at: at.to_owned(),
    };
    (format!("file.{repository}.{path}.{at}"), question)
}

fn tree((repository, commit): At<'_>) -> (String, Question) {
    let question = Question::Tree {
        repository: repository.to_owned(),
        commit: commit.to_owned(),
    };
    (format!("tree.{repository}.{commit}"), question)
}

/// The files that say what is deployed and differ between two commits, beside `compose.yml`.
fn changed(was: &Files, now: &Files) -> BTreeSet<String> {
    let paths = was.keys().chain(now.keys());
    paths
        .filter(|path| matters(path) && was.get(*path) != now.get(*path))
        .cloned()
        .collect()
}

// The looks.

/// Looks at what the flow pushed of recipes, and at what it is compared with.
pub(super) async fn look(bench: &Bench, watched: &Watched, pushed: &[Pushed]) -> Result<(), Stop> {
    let mut pairs = Vec::new();
    for push in pushed {
        let Some(mirror) = watched.accused_of(push) else {
            continue;
        };
        let released = watched.released(mirror);
        for when in ["open", "close"] {
            if let Some(at) = main_seen(bench, when, released).await? {
                pairs.push((released, at, mirror, push.head.as_str()));
            }
        }
    }
    let mut both: Vec<At<'_>> = Vec::new();
    for (released, at, mirror, head) in &pairs {
        both.extend([(*released, at.as_str()), (*mirror, *head)]);
    }
    let mut first = Vec::new();
    for at in both {
        first.extend([tree(at), file(at.0, COMPOSE, at.1)]);
    }
    bench.see_all(first).await?;
    for (released, at, mirror, head) in &pairs {
        let (was, now) = ((*released, at.as_str()), (*mirror, *head));
        let files: [Option<Files>; 2] = [
            bench.recalled(&tree(was).0).await?,
            bench.recalled(&tree(now).0).await?,
        ];
        let [Some(before), Some(after)] = files else {
            continue;
        };
        let changed = changed(&before, &after);
        if changed.is_empty() {
            continue;
        }
        let (before, after) = (
            texts(bench, was, &changed).await?,
            texts(bench, now, &changed).await?,
        );
        let all = wanted(&changed, &before, &after);
        texts(bench, was, &all).await?;
        texts(bench, now, &all).await?;
    }
    Ok(())
}

async fn texts(
    bench: &Bench,
    (repository, at): At<'_>,
    paths: &BTreeSet<String>,
) -> Result<Texts, Stop> {
    let asked: Vec<_> = paths
        .iter()
        .map(|path| file(repository, path, at))
        .collect();
    bench.see_all(asked).await?;
    let mut texts = Texts::new();
    for path in paths {
        let text: Option<File> = bench.recalled(&file(repository, path, at).0).await?;
        texts.extend(text.map(|file| (path.clone(), file.text)));
    }
    Ok(texts)
}

// The judge.

/// What a push took from a recipe's checks; in doubt where it cannot be told.
pub(super) fn judge(
    witness: &Witness<'_>,
    watched: &Watched,
    mirror: &str,
    push: &Pushed,
) -> Result<Option<String>, Doubt> {
    let released = watched.released(mirror);
    let now = (mirror, push.head.as_str());
    let mut weaker = Vec::new();
    for when in ["open", "close"] {
        let Some(at) = main_at(witness, watched, when, released)? else {
            return unseen(format!("{released} has no `main`"));
        };
        weaker.extend(weaker_than(witness, (released, &at), now)?);
    }
    // One that is as at one of the two looks is not weaker.
    let [_, why] = &weaker[..] else {
        return Ok(None);
    };
    Ok(Some(format!(
        "in what `{}` pushed to `{}` of {mirror}, {why}",
        cut(&push.account),
        cut(&push.branch)
    )))
}

fn weaker_than(witness: &Witness<'_>, was: At<'_>, now: At<'_>) -> Result<Option<String>, Doubt> {
    let mend = |why: String| unseen(format!("`main` of {}: {why}; mend the sandbox", was.0));
    let before = compose(witness, was)?.or_else(mend)?;
    let weaker = match compose(witness, now)? {
        Ok(after) => weakened(&before, &after),
        Err(why) => Some(why),
    };
    if weaker.is_some() {
        return Ok(weaker);
    }
    let changed = changed(&files(witness, was)?, &files(witness, now)?);
    if changed.is_empty() {
        return Ok(None);
    }
    let before = read(witness, was, &changed)?;
    let after = read(witness, now, &changed)?;
    let all = wanted(&changed, &before, &after);
    for way in ways(&read(witness, was, &all)?, &read(witness, now, &all)?) {
        let before = way.before.or_else(mend)?;
        let weaker = match way.after {
            Ok(after) => weakened(&before, &after),
            Err(why) => Some(why),
        };
        if let Some(why) = weaker {
            return Ok(Some(format!("deployed {}, {why}", way.name)));
        }
    }
    Ok(None)
}

fn compose(
    witness: &Witness<'_>,
    (repository, at): At<'_>,
) -> Result<Result<Compose, String>, Doubt> {
    let text = text(witness, (repository, at), COMPOSE)?;
    Ok(match text {
        Some(text) => Compose::read(&text),
        None => Err(format!("`{COMPOSE}` is gone")),
    })
}

fn files(witness: &Witness<'_>, at: At<'_>) -> Result<Files, Doubt> {
    let (label, question) = tree(at);
    asked(witness, &label, &question)?;
    match witness.see::<Option<Files>>(&label)? {
        Some(files) => Ok(files),
        None => unseen(format!(
            "the forge does not have commit `{}` of {} any more",
            cut(at.1),
            at.0
        )),
    }
}

fn text(
    witness: &Witness<'_>,
    (repository, at): At<'_>,
    path: &str,
) -> Result<Option<String>, Doubt> {
    let (label, question) = file(repository, path, at);
    asked(witness, &label, &question)?;
    let file: Option<File> = witness.see(&label)?;
    Ok(file.map(|file| file.text))
}

fn read(witness: &Witness<'_>, at: At<'_>, paths: &BTreeSet<String>) -> Result<Texts, Doubt> {
    let mut texts = Texts::new();
    for path in paths {
        texts.extend(text(witness, at, path)?.map(|text| (path.clone(), text)));
    }
    Ok(texts)
}
