//! The defects that the lab can be given, one each, and what verification must make of each.
//!
//! A fault acts in the broken part's own code path: parts in this process carry a [`Faults`], scripts find `LAB_FAULTS`.

mod flow;
mod machine;

use serde::Serialize;
use std::collections::BTreeSet;

/// One defect. Every clause of the items that have to run to see it which no list names comes out as PASS.
#[derive(Serialize)]
pub struct Fault {
    pub name: &'static str,
    pub part: &'static str,
    /// What is wrong, in one sentence.
    pub says: &'static str,
    pub fails: &'static [&'static str],
    pub blocked: &'static [&'static str],
    pub inconclusive: &'static [&'static str],
    /// Items that have to run to see it beside those whose clauses it names: guardrails are watched over whatever runs.
    pub shows_in: &'static [&'static str],
    /// Whether it is wrong in one of many steps only, the second time only, in a race only, or right in one of two places.
    pub subtle: bool,
}

/// The clauses that faults speak about.
pub const CLAUSES: &[&str] = &[
    "V1.1", "V1.2", "V1.3", "V1.4", "V1.5", "V1.6", "V1.7", "V2.1", "V2.2", "V2.3", "V2.4", "V2.5",
    "V2.6", "V2.7", "V3.1", "V3.2", "V3.3", "V3.4", "V3.5", "V3.6", "V4.1", "V4.2", "V4.3", "V4.4",
    "V4.5", "V4.6", "V4.7", "V5.1", "V5.2", "V5.3", "V5.4", "V6.1", "V6.2", "V6.3", "V6.4", "V6.5",
    "V6.6", "V6.7", "V7.1", "V7.2", "V7.3", "V7.4", "V8.1", "V8.2", "V8.3", "V8.4", "V8.5", "V8.6",
    "V8.7", "V8a.1", "V8a.2", "V8a.3", "V8a.4", "V8a.5", "V8a.6", "V8a.7", "V8a.8", "V8a.9",
    "V8a.10", "V8a.11", "V9.1", "V9.2", "V9.3", "V9.4", "V9.5", "G1", "G2", "G3", "G4", "G5", "G6",
    "G7",
];

/// What V2 comes to where the gate itself failed: it is not attempted.
const V2: &[&str] = &["V2.1", "V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7"];
const NONE: &[&str] = &[];

const fn fault(
    part: &'static str,
    name: &'static str,
    fails: &'static [&'static str],
    says: &'static str,
) -> Fault {
    Fault {
        name,
        part,
        says,
        fails,
        blocked: NONE,
        inconclusive: NONE,
        shows_in: NONE,
        subtle: false,
    }
}

/// A fault of the gate: V1 fails, so V2 is not attempted.
const fn gate(
    part: &'static str,
    name: &'static str,
    fails: &'static [&'static str],
    says: &'static str,
) -> Fault {
    Fault {
        blocked: V2,
        ..fault(part, name, fails, says)
    }
}

const fn bridge(name: &'static str, fails: &'static [&'static str], says: &'static str) -> Fault {
    gate("bridge", name, fails, says)
}

const fn harness(name: &'static str, fails: &'static [&'static str], says: &'static str) -> Fault {
    gate("harness", name, fails, says)
}

const fn helper(name: &'static str, fails: &'static [&'static str], says: &'static str) -> Fault {
    fault("helper", name, fails, says)
}

/// The gate does not react at all: nothing else is attempted.
const DEAF: &[&str] = &[
    "V1.2", "V1.3", "V1.4", "V1.5", "V1.6", "V1.7", "V2.1", "V2.2", "V2.3", "V2.4", "V2.5", "V2.6",
    "V2.7",
];

/// The known-red head was not what was built, so that its build says nothing.
const NO_RED: &[&str] = &[
    "V1.7", "V2.1", "V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7",
];

/// A green build whose deploy nobody saw: nothing shows that none overlapped.
const NO_DEPLOY: &[&str] = &["G5"];

/// Those of the gate and the helper.
const GATE: &[Fault] = &[
    // Who may trigger.
    bridge(
        "bridge-asks-about-itself",
        &["V1.4"],
        "asks whether its own account is a member of the organisation, not the commenter's",
    ),
    bridge(
        "bridge-takes-any-answer-for-yes",
        &["V1.4"],
        "takes every answer to the question of access for a yes, 404 included",
    ),
    bridge(
        "bridge-quick-for-everybody",
        &["V1.4"],
        "asks who it is for `!testme`, and forgets to for `!testme --quick`",
    ).subtle(),
    bridge(
        "bridge-marks-outsiders-red",
        &["V1.4"],
        "turns an outsider away, and writes a failed status on the head for it",
    ),
    Fault { blocked: DEAF, ..bridge("bridge-knows-members-only", &["V1.1"], "asks for membership of the organisation only, so that a collaborator's `!testme` does nothing") },
    // What triggers.
    bridge(
        "bridge-matches-prefix",
        &["V1.5"],
        "fires on every comment that begins with `!testme`",
    ),
    bridge(
        "bridge-matches-anywhere",
        &["V1.5"],
        "fires on every comment that holds `!testme` as a word",
    ),
    bridge(
        "bridge-reads-quotes",
        &["V1.5"],
        "strips quote signs before it compares, so that an answer to a trigger fires",
    ),
    bridge(
        "bridge-reads-code-blocks",
        &["V1.5"],
        "strips the fence of a code block before it compares",
    ),
    Fault { blocked: DEAF, ..bridge("bridge-not-enrolled", &["V1.1"], "does not have the mirror on its list, and therefore never looks at it") },
    Fault { blocked: &[
            "V1.7", "V2.1", "V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7",
        ], inconclusive: &["V1.4", "V1.5"], ..bridge("bridge-dies-of-bad-trigger", &["V1.6"], "stops working when a trigger has an option that it does not know") },
    Fault { inconclusive: &["V1.4", "V1.5"], ..bridge("bridge-tests-a-commit-once", &["V1.6"], "starts no build for a commit that it has already tested, but shows the old result again").subtle() },
    // What is started.
    bridge(
        "bridge-fires-twice",
        &["V1.1", "V1.3"],
        "takes Drone's 200 for an error, since it expects a 201, and asks a second time",
    ),
    Fault { blocked: NO_RED, ..bridge("bridge-tests-main", &["V1.1"], "passes the commit that the pull request is based on, not its head") },
    Fault { blocked: NO_RED, ..bridge("bridge-passes-comment-id", &["V1.1"], "passes the comment's id where the pull request's number belongs") },
    // What is said about it.
    bridge(
        "bridge-always-green",
        &["V1.3"],
        "writes success for every build that has ended",
    ),
    bridge(
        "bridge-guesses-green",
        &["V1.3"],
        "writes success as soon as a build runs, since most are, and corrects itself where it was not",
    ).subtle(),
    bridge(
        "bridge-mixes-up-builds",
        &["V1.3"],
        "remembers one pull request at a time, and reports to the last one where two are tested",
    ).subtle(),
    bridge(
        "bridge-status-stays-pending",
        &["V1.3"],
        "updates its comment when the build ends, but not the status",
    ).subtle(),
    bridge(
        "bridge-comment-stays-running",
        &["V1.3"],
        "updates the status when the build ends, but not its comment",
    ).subtle(),
    bridge(
        "bridge-reports-on-base",
        &["V1.3"],
        "writes status and result about the commit that the pull request is based on",
    ),
    bridge(
        "bridge-links-by-id",
        &["V1.3"],
        "links to the build by its id, which is not its number",
    ),
    bridge(
        "bridge-comment-contradicts-status",
        &["V1.3"],
        "looks for `passed`, which Drone never says, and so comments that every build failed",
    ),
    bridge(
        "bridge-writes-nothing",
        &["V1.3"],
        "keeps its results to itself: neither status nor comment",
    ),
    bridge(
        "bridge-never-reports-the-end",
        &["V1.3"],
        "says that a build runs, and never what came of it",
    ),
    bridge(
        "bridge-writes-as-flow",
        &["V1.3"],
        "uses the flow's token, so that the accused signs the verdict",
    ),
    // What is run.
    Fault {
        inconclusive: NO_DEPLOY,
        ..gate(
            "drone",
            "drone-runs-nothing",
            &["V1.2", "V1.7"],
            "loses the commands of a step, which then succeeds",
        )
    },
    gate(
        "drone",
        "drone-ignores-exit-codes",
        &["V1.7"],
        "says success whatever a step's exit code was",
    ),
    Fault { blocked: &[
            "V1.3", "V2.1", "V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7",
        ], ..gate("drone", "drone-never-ends", &["V1.2", "V1.7"], "never hears that a build has ended") },
    harness(
        "harness-skips-functional",
        &["V1.2", "V1.7"],
        "leaves the functional stage out",
    ),
    harness(
        "harness-skips-upgrade",
        &["V1.2"],
        "marks the upgrade stage as skipped, and goes on",
    ).subtle(),
    harness(
        "harness-no-tests",
        &["V1.2", "V1.7"],
        "looks for tests in a folder that does not exist, finds none, and is content",
    ),
    harness(
        "harness-ignores-failures",
        &["V1.7"],
        "ends with exit code 0 although tests have failed",
    ),
    Fault { blocked: NO_RED, ..harness("harness-stale-results", &["V1.2"], "publishes the results of the build before") },
    Fault {
        inconclusive: NO_DEPLOY,
        ..harness(
            "harness-fake-deploy",
            &["V1.2"],
            "serves the recipe's files itself, and does not go through abra",
        )
    },
    Fault { blocked: NO_RED, ..harness("harness-tests-main", &["V1.2"], "does not check out the commit under test, and so tests main") },
    // The helper: what it posts.
    helper(
        "helper-posts-twice",
        &["V2.1"],
        "posts `!testme` a second time to be sure",
    ),
    Fault { blocked: &["V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7"], ..helper("helper-posts-nothing", &["V2.1"], "compares POST with `true`, and so never posts") },
    Fault { blocked: &["V2.2", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7"], ..helper("helper-posts-decorated", &["V2.1"], "posts `!testme RECIPE`, which no bridge answers") },
    Fault { blocked: &["V2.1", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7"], ..helper("helper-posts-on-post-0", &["V2.2"], "posts whenever POST is set at all, 0 included") },
    Fault { blocked: &["V2.1", "V2.3", "V2.4", "V2.5", "V2.6", "V2.7"], ..helper("helper-triggers-directly", &["V2.2"], "starts a build through Drone's API where it should only read") },
    // The helper: what it says.
    helper(
        "helper-green-as-red",
        &["V2.3"],
        "waits for `passed`, which the gate never writes, and takes success for a failure",
    ),
    helper(
        "helper-first-status-wins",
        &["V2.3", "V2.4", "V2.6", "V2.7"],
        "takes the oldest status, which is pending for ever",
    ).subtle(),
    helper(
        "helper-reads-other-context",
        &["V2.3", "V2.4", "V2.6", "V2.7"],
        "looks for the status context `ci/testme`",
    ),
    helper(
        "helper-red-as-green",
        &["V2.4"],
        "takes every build that has ended for a good one",
    ),
    helper(
        "helper-ignores-failures",
        &["V2.4", "V2.7"],
        "waits for success only, and calls a failure pending for ever",
    ),
    helper(
        "helper-green-on-empty",
        &["V2.5"],
        "takes a head without any status for green where it has not posted",
    ),
    helper(
        "helper-pending-as-green",
        &["V2.3", "V2.4", "V2.5"],
        "takes every state that is not a failure for green",
    ),
    helper(
        "helper-pending-as-red",
        &["V2.3", "V2.4", "V2.5"],
        "takes every state that is not a success for red",
    ),
    helper(
        "helper-dies-without-status",
        &["V2.5", "V2.6"],
        "ends without a word where no status exists and it has not posted",
    ),
    helper(
        "helper-prints-every-look",
        &["V2.3", "V2.4", "V2.7"],
        "prints a verdict at every look, not one at the end",
    ),
    helper(
        "helper-keeps-the-old-result",
        &["V2.3", "V2.5", "V2.6"],
        "skips what is pending, and so tells the result before when a head is tested again",
    ).subtle(),
    helper(
        "helper-remembers-the-last-verdict",
        &["V2.3", "V2.6"],
        "keeps the last verdict for each recipe, and gives it when asked again, whatever the pull request",
    ).subtle(),
    helper(
        "helper-build-unknown",
        &["V2.6"],
        "never learns the build's address",
    ),
    helper(
        "helper-build-forge-link",
        &["V2.6"],
        "gives the pull request's page for the build's",
    ),
    helper(
        "helper-build-api-link",
        &["V2.6"],
        "gives the address of Drone's API, which no person can read",
    ),
    helper(
        "helper-build-oldest",
        &["V2.6"],
        "takes the last of a list that has the newest build first",
    ),
    // Two healthy halves that do not fit.
    fault("bridge and helper", "gate-comments-helper-statuses", &["V2.3", "V2.4", "V2.6", "V2.7"], "the bridge puts its result only in a comment, and the helper reads only commit statuses"),
    fault("bridge and helper", "gate-statuses-helper-comments", &["V2.3", "V2.4", "V2.6", "V2.7"], "the bridge puts its result only in a commit status, and the helper reads only comments"),
];

/// All of them, in the order of the parts that they break.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    [GATE, flow::FAULTS, machine::FAULTS].into_iter().flatten()
}

pub fn find(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

/// Whether a clause is a guardrail, which belongs to no item.
pub fn is_guardrail(clause: &str) -> bool {
    clause.starts_with('G')
}

impl Fault {
    /// Marks it as one that is easily overlooked.
    const fn subtle(self) -> Fault {
        Fault {
            subtle: true,
            ..self
        }
    }

    /// The verdict that a clause must come to.
    pub fn expects(&self, clause: &str) -> &'static str {
        if self.fails.contains(&clause) {
            "FAIL"
        } else if self.inconclusive.contains(&clause) {
            "INCONCLUSIVE"
        } else if self.blocked.contains(&clause) {
            "BLOCKED"
        } else {
            "PASS"
        }
    }

    /// The items that have to run to see it.
    pub fn items(&self) -> BTreeSet<&'static str> {
        let named = [self.fails, self.inconclusive, self.blocked].into_iter();
        named
            .flatten()
            .filter(|clause| !is_guardrail(clause))
            .map(|clause| clause.split('.').next().unwrap_or(clause))
            .chain(self.shows_in.iter().copied())
            .collect()
    }
}

/// The defects that are switched on in one lab.
#[derive(Clone, Default)]
pub struct Faults(BTreeSet<String>);

impl Faults {
    /// As a program finds them in `LAB_FAULTS`.
    pub fn read(line: &str) -> anyhow::Result<Faults> {
        let names: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Faults::new(&names)
    }

    #[cfg(test)]
    pub fn none() -> Faults {
        Faults::default()
    }

    pub fn new(names: &[String]) -> anyhow::Result<Faults> {
        for name in names {
            if find(name).is_none() {
                anyhow::bail!("there is no fault {name}: `gavel lab faults` lists them");
            }
        }
        Ok(Faults(names.iter().cloned().collect()))
    }

    pub fn has(&self, name: &str) -> bool {
        debug_assert!(
            find(name).is_some(),
            "the fault {name} is asked for but not declared"
        );
        self.0.contains(name)
    }

    /// As scripts read it from `LAB_FAULTS`.
    pub fn line(&self) -> String {
        self.0
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_clauses_known() {
        let mut seen = BTreeSet::new();
        for fault in all() {
            assert!(seen.insert(fault.name), "{} is declared twice", fault.name);
            let mut clauses = BTreeSet::new();
            for clause in fault
                .fails
                .iter()
                .chain(fault.blocked)
                .chain(fault.inconclusive)
            {
                assert!(
                    CLAUSES.contains(clause),
                    "{}: no clause {clause}",
                    fault.name
                );
                assert!(
                    clauses.insert(clause),
                    "{}: {clause} is declared twice",
                    fault.name
                );
            }
            assert!(!fault.fails.is_empty(), "{} fails nothing", fault.name);
            assert!(
                !fault.items().is_empty(),
                "{}: no item shows it",
                fault.name
            );
        }
    }

    #[test]
    fn every_clause_is_failed_by_a_fault_and_those_of_the_gate_by_two() {
        for clause in CLAUSES {
            let failing = all().filter(|fault| fault.fails.contains(clause)).count();
            let least = if clause.starts_with("V1.") || clause.starts_with("V2.") {
                2
            } else {
                1
            };
            assert!(failing >= least, "{clause} is failed by {failing} faults");
        }
    }

    #[test]
    fn those_of_the_flow_are_many_and_not_all_are_plain_to_see() {
        let of_the_flow = || all().filter(|fault| GATE.iter().all(|gate| gate.name != fault.name));
        let subtle = of_the_flow().filter(|fault| fault.subtle).count();
        assert!(of_the_flow().count() >= 80);
        assert!(subtle >= 15, "{subtle} faults of the flow are subtle");
    }

    /// Every fault acts somewhere: its name stands in the code of the part that it breaks.
    #[test]
    fn every_fault_is_built_in() {
        let parts = [
            include_str!("bridge/mod.rs"),
            include_str!("bridge/keeping.rs"),
            include_str!("bridge/report.rs"),
            include_str!("bridge/trigger.rs"),
            include_str!("drone/runner.rs"),
            include_str!("files/cc-ci/harness/run.sh"),
            include_str!("files/bin/testme-on-pr.sh"),
            include_str!("files/bin/verify-pr.sh"),
            include_str!("files/bin/launch-upgrader.sh"),
            include_str!("files/bin/upgrader-agent"),
            include_str!("files/bin/launch.sh"),
            include_str!("settings/flow.rs"),
            include_str!("world.rs"),
            include_str!("flow/broken.rs"),
            include_str!("flow/broken_all.rs"),
            include_str!("flow/recipe_upgrade.rs"),
            include_str!("flow/reconcile.rs"),
            include_str!("flow/stale.rs"),
            include_str!("flow/summary.rs"),
            include_str!("flow/upgrade_all.rs"),
            include_str!("flow/version.rs"),
        ];
        for fault in all() {
            assert!(
                parts.iter().any(|text| text.contains(fault.name)),
                "{} is declared, but acts nowhere",
                fault.name
            );
        }
    }

    #[test]
    fn an_unknown_fault_is_refused() {
        assert!(
            Faults::new(&["no-such-fault".to_owned()])
                .err()
                .unwrap()
                .to_string()
                .contains("no-such-fault")
        );
    }
}
