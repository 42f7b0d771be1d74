//! The case that V5 and V6 are about: an upgrade that is right, and a test that expects the version before. Looked at above, read by
//! judges below.

use super::bench::{Bench, Stop};
use super::expect::Expectations;
use super::gate::asked;
use super::harness::moved_by_flow;
use super::note::Named;
use super::opened::compose_before;
use super::sight::{File, Pull, Results};
use super::tries::{Try, upgraded_tries};
use super::unseen;
use crate::evidence::{Doubt, Question, Witness};
use serde_json::Value;

/// The scenario's key in the configuration.
pub const KEY: &str = "stale";

/// The stale test as it stands on the harness's own branch.
pub async fn see_test(bench: &Bench, when: &str) -> Result<(), Stop> {
    bench
        .see::<Value>(&format!("test.{when}"), question(&bench.expect))
        .await
        .map(drop)
}

fn question(expect: &Expectations) -> Question {
    Question::File {
        repository: expect.upgrading.harness.clone(),
        path: expect.upgrading.stale_file.clone(),
        at: expect.upgrading.harness_branch.clone(),
    }
}

/// The stale test, as texts may name it.
pub fn named(expect: &Expectations) -> Named<'_> {
    Named {
        recipe: &expect.recipe,
        test: &expect.upgrading.stale_test,
        file: &expect.upgrading.stale_file,
    }
}

/// An upgrade that failed the stale test.
pub struct Case {
    /// The flow's.
    pub pull: Pull,
    /// Its runs, in order; at least one.
    pub tries: Vec<Try>,
    /// What the first of them came to.
    pub first: Results,
    /// The version before, the new one, and the new version label.
    pub old: String,
    pub new: String,
    pub label: String,
}

/// Control: the upgrade was made and tested, the stale test failed on it, and nobody else changed that test meanwhile. In doubt where that
/// is not so.
pub fn case(witness: &Witness<'_>, name: &str, expect: &Expectations) -> Result<Case, Doubt> {
    let (pull, tries, after) = upgraded_tries(witness, name, expect)?;
    let Some(first) = tries.first() else {
        return unseen("control: nothing was tested");
    };
    let number = first.build.number;
    let Some(results) = first.results(witness)? else {
        return unseen(format!("control: build {number} left no results.json"));
    };
    let stale = &expect.upgrading.stale_test;
    if !results.failed().contains(stale) {
        return unseen(format!(
            "control: `{stale}` is not among what failed in build {number}, so it is not stale; mend the sandbox"
        ));
    }
    test_stayed(witness, name, expect)?;
    let before = compose_before(witness, name, expect)?;
    let tag = |compose: &super::upgrade::Compose| {
        let app = compose.app().map(|app| app.tag.clone());
        app.unwrap_or_default()
    };
    let label = after
        .label()
        .or_else(|why| unseen(format!("control: {why}")))?;
    Ok(Case {
        old: tag(&before),
        new: tag(&after),
        label: label.to_string(),
        first: results,
        pull,
        tries,
    })
}

/// In doubt where the stale test is not there, or was changed by somebody else than the flow.
fn test_stayed(witness: &Witness<'_>, name: &str, expect: &Expectations) -> Result<(), Doubt> {
    let text = |when: &str| -> Result<Option<String>, Doubt> {
        let label = format!("test.{when}");
        asked(witness, &label, &question(expect))?;
        let file: Option<File> = witness.see(&label)?;
        Ok(file.map(|file| file.text))
    };
    let (before, after) = (text("before")?, text("after")?);
    if before.is_none() {
        return unseen(format!(
            "control: `{}` has no `{}`; mend `sandbox.stale.file`",
            expect.upgrading.harness, expect.upgrading.stale_file
        ));
    }
    if before != after && moved_by_flow(witness, name, expect)?.is_empty() {
        return unseen(format!(
            "control: somebody changed `{}` while the flow ran; verify again",
            expect.upgrading.stale_file
        ));
    }
    Ok(())
}
