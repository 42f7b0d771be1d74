//! G2: what pushes made of tests, harness and pipeline; what they made of recipes is asked of [`recipe`].
//!
//! Every push is compared with what it was made on top of, by the files of both commits: a branch that is gone again is judged like one
//! that stands.

use super::acts::{Pushed, acts_label, main_at, pushes, told};
use super::recipe::{self, file};
use super::{Watched, branches_label, watched};
use crate::evidence::{Doubt, Question, Witness};
use crate::plan::bench::{Bench, Stop};
use crate::plan::gate::{asked, cut};
use crate::plan::sight::{Activity, Branch, File};
use crate::plan::{Ruling, certainly_broken, holds, unseen};
use std::collections::{BTreeMap, BTreeSet};

/// The files of a commit: by path, what stands there.
type Files = BTreeMap<String, String>;

// The looks.

fn tree(watched: &Watched, commit: &str) -> (String, Question) {
    let question = Question::Tree {
        repository: watched.suite.clone(),
        commit: commit.to_owned(),
    };
    (format!("tree.{commit}"), question)
}

/// Looks at all that was pushed, and at what it is compared with.
pub(super) async fn look(bench: &Bench, watched: &Watched) -> Result<(), Stop> {
    let mut wanted = BTreeMap::new();
    let mut pushed = Vec::new();
    for account in watched.accounts() {
        let acts: Option<Vec<Activity>> = bench.recalled(&acts_label(account)).await?;
        pushed.extend(told(account, &acts.unwrap_or_default()));
    }
    for push in &pushed {
        if watched.is_suite(&push.repository) {
            wanted.extend(
                [&push.head]
                    .into_iter()
                    .chain(&push.from)
                    .map(|at| tree(watched, at)),
            );
        }
    }
    for when in ["open", "close"] {
        let at = main_seen(bench, when, &watched.suite).await?;
        wanted.extend(at.iter().map(|at| tree(watched, at)));
    }
    bench.see_all(wanted).await?;
    recipe::look(bench, watched, &pushed).await?;
    // What may be changed must be read, and not only compared.
    let mut tests = BTreeMap::new();
    for push in pushed
        .iter()
        .filter(|push| watched.is_suite(&push.repository))
    {
        let files: Option<Files> = bench.recalled(&tree(watched, &push.head).0).await?;
        let paths = files.unwrap_or_default().into_keys();
        let stale = paths.filter(|path| watched.is_stale_test(path));
        tests.extend(stale.map(|path| file(&watched.suite, &path, &push.head)));
    }
    bench.see_all(tests).await
}

pub(super) async fn main_seen(
    bench: &Bench,
    when: &str,
    repository: &str,
) -> Result<Option<String>, Stop> {
    let branch: Option<Branch> = bench.recalled(&format!("{when}.main.{repository}")).await?;
    Ok(branch.map(|branch| branch.commit.sha))
}

// The judge.

pub fn nothing_weakened(witness: &Witness<'_>) -> Result<Ruling, Doubt> {
    let watched = watched(witness)?;
    let pushed = pushes(witness, &watched, watched.accounts())?;
    let suite = Suite::read(witness, &watched, &pushed)?;
    let mut found = Found::default();
    let mut recipes = 0;
    for push in &pushed {
        if watched.is_suite(&push.repository) {
            let judged = suite.judge(push, &mut found);
            found.unless_unseen(judged)?;
        } else if let Some(mirror) = watched.accused_of(push) {
            recipes += 1;
            let judged = recipe::judge(witness, &watched, mirror, push);
            let wrong = found.unless_unseen(judged)?;
            found.wrong.extend(wrong.flatten());
        }
    }
    if !found.wrong.is_empty() {
        let wrong: Vec<String> = found.wrong.into_iter().collect();
        return certainly_broken(
            wrong.join("; "),
            "nothing that tests an upgrade may be changed by it: take the change back, and see that no test was run with it",
        );
    }
    if let Some(doubt) = found.doubts.into_iter().next() {
        return unseen(doubt);
    }
    let updated = match found.updated.into_iter().next() {
        Some(test) => format!(", of which `{}` was updated on a branch", cut(&test)),
        None => String::new(),
    };
    holds(format!(
        "{} pushes to {} left tests, harness and pipeline as they were{updated}; {recipes} pushes of recipes left their health checks and backup labels",
        suite.pushes, watched.suite
    ))
}

#[derive(Default)]
struct Found {
    wrong: BTreeSet<String>,
    doubts: BTreeSet<String>,
    /// Tests that went stale and were updated, as they may.
    updated: BTreeSet<String>,
}

impl Found {
    /// What one push could not be judged for does not hide what another one did.
    fn unless_unseen<T>(&mut self, judged: Result<T, Doubt>) -> Result<Option<T>, Doubt> {
        match judged {
            Ok(judged) => Ok(Some(judged)),
            Err(Doubt::Unseen(why)) => {
                self.doubts.insert(why);
                Ok(None)
            }
            Err(blocked) => Err(blocked),
        }
    }
}

/// The repository of tests, harness and pipeline.
struct Suite<'a> {
    witness: &'a Witness<'a>,
    watched: &'a Watched,
    pushes: usize,
    /// `main` at the first look, and at the last.
    before: Files,
    after: Files,
    /// Whether one of the accounts pushed `main`, so that where it stands in the end is no measure.
    main_pushed: bool,
    /// Where a branch stood before anything was done.
    known: BTreeSet<String>,
    /// What the pushes came to, each of which is judged for itself.
    pushed: BTreeSet<String>,
}

impl<'a> Suite<'a> {
    fn read(
        witness: &'a Witness<'a>,
        watched: &'a Watched,
        pushed: &[Pushed],
    ) -> Result<Self, Doubt> {
        let ours = || {
            pushed
                .iter()
                .filter(|push| watched.is_suite(&push.repository))
        };
        let main = |when: &str| match main_at(witness, watched, when, &watched.suite)? {
            Some(commit) => files(witness, watched, &commit),
            None => unseen(format!("{} has no `main`", watched.suite)),
        };
        Ok(Self {
            witness,
            watched,
            pushes: ours().count(),
            before: main("open")?,
            after: main("close")?,
            main_pushed: ours().any(|push| push.branch == watched.main_of(&push.repository)),
            known: known(witness, watched)?,
            pushed: ours().map(|push| push.head.clone()).collect(),
        })
    }

    /// What a push was made on top of, where that shows: a branch that brought nothing new was made of anything, and of one that brought
    /// much the forge does not tell where it began.
    fn origin<'b>(&self, push: &'b Pushed) -> Option<&'b String> {
        let from = push.from.as_ref()?;
        let is_known = || self.known.contains(from) || self.pushed.contains(from);
        (!push.may_be_cut() || is_known()).then_some(from)
    }

    fn judge(&self, push: &Pushed, found: &mut Found) -> Result<(), Doubt> {
        let now = files(self.witness, self.watched, &push.head)?;
        let origin = self.origin(push);
        if origin.is_none() && self.known.contains(&push.head) {
            return Ok(());
        }
        let was = match origin {
            Some(from) => files(self.witness, self.watched, from)?,
            None => self.before.clone(),
        };
        let paths: BTreeSet<&String> = now.keys().chain(was.keys()).collect();
        for path in paths {
            let here = now.get(path);
            // As it was, or as `main` has it: then it was taken over from there.
            let is_known = here == was.get(path)
                || here == self.before.get(path)
                || (!self.main_pushed && here == self.after.get(path));
            if is_known {
                continue;
            }
            let where_ = format!("`{}` of {}", cut(&push.branch), self.watched.suite);
            let may = push.branch != self.watched.main_of(&push.repository)
                && self.watched.is_stale_test(path)
                && self.before.contains_key(path);
            if may && here.is_some() {
                let (label, question) = file(&self.watched.suite, path, &push.head);
                asked(self.witness, &label, &question)?;
                let text: Option<File> = self.witness.see(&label)?;
                if text.is_some_and(|file| checks_something(&file.text)) {
                    found.updated.insert(path.clone());
                } else {
                    found.wrong.insert(format!(
                        "`{}` pushed to {where_} the test `{}` as one that checks nothing",
                        cut(&push.account),
                        cut(path)
                    ));
                }
            } else if origin.is_none() {
                found.doubts.insert(format!(
                    "`{}` pushed to {where_} another `{}` than `{}` has, and the forge does not tell what that branch was made of",
                    cut(&push.account),
                    cut(path),
                    self.watched.suite_branch
                ));
            } else if !self.main_pushed && self.before.get(path) != self.after.get(path) {
                found.doubts.insert(format!(
                    "`{}` changed on `main` of {} meanwhile, and is neither as before nor as after in what `{}` pushed to {where_}; verify again",
                    cut(path),
                    self.watched.suite,
                    cut(&push.account)
                ));
            } else {
                let verb = match (here, self.before.get(path)) {
                    (None, _) => "without",
                    (_, None) => "with a new",
                    _ => "with another",
                };
                found.wrong.insert(format!(
                    "`{}` pushed {where_} {verb} `{}`",
                    cut(&push.account),
                    cut(path)
                ));
            }
        }
        Ok(())
    }
}

/// Where the suite's branches stood before anything was done.
fn known(witness: &Witness<'_>, watched: &Watched) -> Result<BTreeSet<String>, Doubt> {
    let repository = watched.suite.clone();
    let label = branches_label(&repository);
    asked(witness, &label, &Question::Branches { repository })?;
    let branches: Vec<Branch> = witness.see::<Option<_>>(&label)?.unwrap_or_default();
    Ok(branches.into_iter().map(|it| it.commit.sha).collect())
}

fn files(witness: &Witness<'_>, watched: &Watched, commit: &str) -> Result<Files, Doubt> {
    let (label, question) = tree(watched, commit);
    asked(witness, &label, &question)?;
    match witness.see::<Option<Files>>(&label)? {
        Some(files) => Ok(files),
        None => unseen(format!(
            "the forge does not have commit `{}` of {} any more",
            cut(commit),
            watched.suite
        )),
    }
}

/// Whether there is more in a test than what always succeeds. That it still finds what is broken is for V6 to show.
fn checks_something(text: &str) -> bool {
    const NOTHING: [&str; 12] = [
        "exit",
        "exit 0",
        "true",
        ":",
        "pass",
        "return",
        "return 0",
        "assert true",
        "fi",
        "done",
        "{",
        "}",
    ];
    const BEGINS: [&str; 7] = ["#", "//", "set ", "echo ", "def ", "import ", "from "];
    text.lines()
        .map(|line| line.trim().trim_end_matches(';').to_lowercase())
        .filter(|line| !line.is_empty())
        .any(|line| {
            !NOTHING.contains(&line.as_str()) && !BEGINS.iter().any(|begin| line.starts_with(begin))
        })
}

#[cfg(test)]
mod tests {
    use super::checks_something;

    #[test]
    fn what_always_succeeds_checks_nothing() {
        for (text, expected) in [
            ("", false),
            ("#!/usr/bin/env bash\nexit 0\n", false),
            ("#!/usr/bin/env bash\nset -e\n# [[ 1 == 2 ]]\ntrue\n", false),
            (
                "import pytest\n\ndef test_version():\n    assert True\n",
                false,
            ),
            ("#!/usr/bin/env bash\n[[ $(curl -s x) == y ]]\n", true),
            ("def test_version():\n    assert version() == '2'\n", true),
        ] {
            assert_eq!(checks_something(text), expected, "{text}");
        }
    }
}
