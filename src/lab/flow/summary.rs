//! What `upgrade-all` says in the end: the pull requests first, then what somebody has to look at.

use crate::lab::faults::Faults;

/// What became of one candidate, as its upgrade said.
pub struct Outcome {
    pub recipe: String,
    pub pull: Option<String>,
    pub result: String,
}

impl Outcome {
    pub fn looks_stale(&self) -> bool {
        self.result == "SUCCESS-PENDING-TESTS"
    }

    fn failed(&self) -> bool {
        !self.result.starts_with("SUCCESS")
    }
}

/// Markdown: the pull requests first, with `more` of them at the list's end.
pub fn summary(
    outcomes: &[Outcome],
    more: &[String],
    current: &[String],
    faults: &Faults,
) -> String {
    let marks = faults.has("upgrade-all-marks-stale-in-the-list");
    let line = |outcome: &Outcome| {
        let pull = outcome.pull.as_deref().unwrap_or("no pull request");
        let mark = match marks && outcome.looks_stale() {
            true => " (tests look stale)",
            false => "",
        };
        format!("- {}: {pull} — {}{mark}", outcome.recipe, outcome.result)
    };
    let opened = outcomes.iter().filter(|outcome| {
        outcome.pull.is_some()
            && (!faults.has("upgrade-all-list-incomplete") || outcome.result == "SUCCESS")
    });
    // Whether a test is stale is looked up for its section only.
    let calls_success = faults.has("upgrade-all-calls-stale-a-success");
    let entry = |outcome: &Outcome| match calls_success && outcome.looks_stale() {
        true => line(outcome).replace("SUCCESS-PENDING-TESTS", "SUCCESS"),
        false => line(outcome),
    };
    let mut opened: Vec<String> = opened.map(entry).collect();
    if faults.has("upgrade-all-mixes-up-urls")
        && let Some(last) = outcomes
            .iter()
            .rev()
            .find_map(|outcome| outcome.pull.as_ref())
    {
        // The one variable that held the address was set again before it was read.
        let line = |outcome: &Outcome| format!("- {}: {last} — {}", outcome.recipe, outcome.result);
        opened = outcomes.iter().map(line).collect();
    }
    opened.extend_from_slice(more);
    let stale = outcomes
        .iter()
        .filter(|outcome| outcome.looks_stale() || faults.has("upgrade-all-lists-all-as-stale"))
        .filter_map(|outcome| Some(format!("- {}: {}", outcome.recipe, outcome.pull.as_ref()?)));
    let mut stale: Vec<String> = stale.collect();
    if faults.has("upgrade-all-forgets-stale") || marks {
        stale.clear();
    }
    if faults.has("upgrade-all-counts-stale") {
        stale = vec![format!("{} of them.", stale.len())];
    }
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.failed())
        .map(line)
        .collect();
    let current: Vec<String> = current.iter().map(|recipe| format!("- {recipe}")).collect();
    let mut text = String::from("# Upgrade summary\n");
    if opened.is_empty() {
        text.push_str("\n## Pull requests\n\nNone.\n");
    }
    let mut sections = [
        ("Pull requests", opened),
        ("Tests look stale", stale),
        ("Failed", failed),
        ("Nothing to upgrade", current),
    ];
    if faults.has("upgrade-all-summary-late") {
        sections.reverse();
    }
    for (heading, lines) in sections {
        if !lines.is_empty() {
            text.push_str(&format!("\n## {heading}\n\n{}\n", lines.join("\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(recipe: &str, pull: Option<&str>, result: &str) -> Outcome {
        Outcome {
            recipe: recipe.to_owned(),
            pull: pull.map(str::to_owned),
            result: result.to_owned(),
        }
    }

    #[test]
    fn the_summary_leads_with_the_pull_requests() {
        let outcomes = [
            outcome("a", Some("http://f/a/1"), "SUCCESS"),
            outcome("b", Some("http://f/b/1"), "SUCCESS-PENDING-TESTS"),
            outcome("c", Some("http://f/c/1"), "FAILED — no"),
            outcome("d", None, "FAILED — no result (exit status: 1)"),
        ];
        assert_eq!(
            summary(&outcomes, &[], &["e".to_owned()], &Faults::none()),
            "# Upgrade summary\n\
             \n## Pull requests\n\n\
             - a: http://f/a/1 — SUCCESS\n\
             - b: http://f/b/1 — SUCCESS-PENDING-TESTS\n\
             - c: http://f/c/1 — FAILED — no\n\
             \n## Tests look stale\n\n\
             - b: http://f/b/1\n\
             \n## Failed\n\n\
             - c: http://f/c/1 — FAILED — no\n\
             - d: no pull request — FAILED — no result (exit status: 1)\n\
             \n## Nothing to upgrade\n\n\
             - e\n"
        );
        assert_eq!(
            summary(&[], &[], &[], &Faults::none()),
            "# Upgrade summary\n\n## Pull requests\n\nNone.\n"
        );
    }
}
