//! What a pull request of the flow changes in the ways to deploy a recipe: looked at above, read by judges below.

use super::{Texts, Way, matters, wanted, ways};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::bench::{Bench, Stop};
use crate::plan::expect::Expectations;
use crate::plan::gate::asked;
use crate::plan::opened::{changed_files, main};
use crate::plan::sight::{Branch, ChangedFile, File, Pull, Tags};
use crate::plan::unseen;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Both sides of the change: what it is called in labels, the repository, and the commit.
type Sides = [(&'static str, String, String); 2];

fn sides(expect: &Expectations, upstream: Branch, pull: &Pull) -> Sides {
    let mirror = expect.mirror.clone();
    [
        ("before", expect.upstream(), upstream.commit.sha),
        ("after", mirror, pull.head.sha.clone()),
    ]
}

fn question(
    name: &str,
    (side, repository, at): &(&'static str, String, String),
    path: &str,
) -> (String, Question) {
    let question = Question::File {
        repository: repository.clone(),
        path: path.to_owned(),
        at: at.clone(),
    };
    (format!("{name}.{side}.file.{path}"), question)
}

/// The step that sees the tags of an image that `compose.yml` alone does not deploy.
fn tags(name: &str, image: &str) -> (String, Question) {
    let question = Question::Tags {
        image: image.to_owned(),
    };
    (format!("{name}.variants.tags.{image}"), question)
}

fn changed(files: &[ChangedFile]) -> BTreeSet<String> {
    let paths = files
        .iter()
        .flat_map(|file| [&file.filename, &file.previous_filename]);
    paths.filter(|path| matters(path)).cloned().collect()
}

/// Every image that was deployed in one of the ways.
fn images(ways: &[Way]) -> BTreeSet<String> {
    let before = ways.iter().filter_map(|way| way.before.as_ref().ok());
    let services = before.flat_map(|compose| compose.services.values());
    services.map(|service| service.image.clone()).collect()
}

/// Looks at the files of a pull request that say what is deployed, beside `compose.yml`; after those that it changes were seen.
pub async fn look(bench: &Bench, name: &str, pull: &Pull) -> Result<(), Stop> {
    let files: Option<Vec<ChangedFile>> = bench.recalled(&format!("{name}.files")).await?;
    let changed = changed(&files.unwrap_or_default());
    let upstream: Option<Branch> = bench.recalled(&format!("{name}.before.upstream")).await?;
    let Some(upstream) = upstream.filter(|_| !changed.is_empty()) else {
        return Ok(());
    };
    let sides = sides(&bench.expect, upstream, pull);
    let mut paths = changed.clone();
    let mut texts = [Texts::new(), Texts::new()];
    for _ in ["what changed", "what that lists"] {
        for (side, texts) in sides.iter().zip(&mut texts) {
            let asked: Vec<_> = paths
                .iter()
                .map(|path| question(name, side, path))
                .collect();
            bench.see_all(asked.clone()).await?;
            for (path, (label, _)) in paths.iter().zip(asked) {
                let file: Option<File> = bench.recalled(&label).await?;
                texts.extend(file.map(|file| (path.clone(), file.text)));
            }
        }
        paths = wanted(&changed, &texts[0], &texts[1]);
    }
    let ways = ways(&texts[0], &texts[1]);
    for image in images(&ways) {
        let (label, question) = tags(name, &image);
        bench.see::<Value>(&label, question).await?;
    }
    Ok(())
}

/// The ways to deploy the recipe that the pull request changes; none where it changes nothing but `compose.yml`.
pub fn differing(
    witness: &Witness<'_>,
    name: &str,
    pull: &Pull,
    expect: &Expectations,
) -> Result<Vec<Way>, Doubt> {
    let changed = changed(&changed_files(witness, name, pull, expect)?);
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let repository = expect.upstream();
    let upstream = main(witness, &format!("{name}.before.upstream"), &repository)?;
    let Some(upstream) = upstream else {
        return unseen(format!("`{repository}` has no `main`"));
    };
    let sides = sides(expect, upstream, pull);
    let read = |paths: &BTreeSet<String>| {
        let mut read = [Texts::new(), Texts::new()];
        for (side, texts) in sides.iter().zip(&mut read) {
            for path in paths {
                let (label, question) = question(name, side, path);
                asked(witness, &label, &question)?;
                let file: Option<File> = witness.see(&label)?;
                texts.extend(file.map(|file| (path.clone(), file.text)));
            }
        }
        Ok::<_, Doubt>(read)
    };
    let [before, after] = read(&changed)?;
    let [before, after] = read(&wanted(&changed, &before, &after))?;
    Ok(ways(&before, &after))
}

/// All tags of every image that was deployed in these ways.
pub fn known_tags(
    witness: &Witness<'_>,
    name: &str,
    ways: &[Way],
) -> Result<BTreeMap<String, Vec<String>>, Doubt> {
    let known = images(ways).into_iter().map(|image| {
        let (label, question) = tags(name, &image);
        asked(witness, &label, &question)?;
        let tags: Tags = witness.see(&label)?;
        Ok((image, tags.tags))
    });
    known.collect()
}
