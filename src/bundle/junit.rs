//! A run's clauses for everything that reads test reports: a suite for each item, a case for each clause.

use super::Evidence;
use crate::verdict::Verdict;
use anyhow::Context;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// `junit.xml`: what does not hold is a failure, what could not be told is an error, what was not attempted is skipped.
pub fn junit(evidence: &Evidence) -> anyhow::Result<String> {
    let mut report = Report::new(format!("gavel run {}", evidence.run));
    for judged in &evidence.attempts {
        let mut suite = TestSuite::new(judged.item.as_str());
        if let Some(ended) = judged.ended {
            let took = ended.duration_since(judged.started);
            suite.set_time(Duration::try_from(took).unwrap_or_default());
        }
        for clause in &judged.clauses {
            let mut status = match clause.verdict {
                Verdict::Pass => TestCaseStatus::success(),
                Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
                Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
                Verdict::Blocked => TestCaseStatus::skipped(),
            };
            if clause.verdict != Verdict::Pass {
                status.set_message(clause.seen.as_str());
                status.set_type(clause.verdict.word());
            }
            let mut case = TestCase::new(clause.id.as_str(), status);
            case.set_classname(judged.item.as_str());
            if clause.verdict == Verdict::Pass {
                case.set_system_out(clause.seen.as_str());
            }
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string().context("writing `junit.xml` failed")
}
