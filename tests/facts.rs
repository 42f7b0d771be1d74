//! The labs whose facts the judges are tested with are those that there are, declared as they are now.

#![cfg(feature = "lab")]

use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The clauses that do not pass.
type Declared = BTreeMap<String, String>;

fn recorded() -> BTreeMap<String, Declared> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts");
    let mut labs = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = std::fs::File::open(&path).unwrap();
        let lab: Value = serde_json::from_reader(GzDecoder::new(file)).unwrap();
        let declared = lab["declared"].as_object().unwrap().iter();
        let declared = declared
            .map(|(clause, verdict)| (clause.clone(), verdict.as_str().unwrap().to_owned()))
            .filter(|(_, verdict)| verdict != "PASS");
        let name = path.file_name().unwrap().to_str().unwrap();
        labs.insert(
            name.trim_end_matches(".json.gz").to_owned(),
            declared.collect(),
        );
    }
    labs
}

fn declared() -> BTreeMap<String, Declared> {
    let listed = Command::new(env!("CARGO_BIN_EXE_gavel"))
        .args(["lab", "faults", "--json"])
        .output()
        .unwrap();
    let faults: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let of = |fault: &Value| {
        let kinds = [
            ("breaks", "FAIL"),
            ("blocked", "BLOCKED"),
            ("inconclusive", "INCONCLUSIVE"),
        ];
        let clauses = kinds.into_iter().flat_map(|(kind, verdict)| {
            let clauses = fault[kind].as_array().unwrap().iter();
            clauses.map(move |clause| (clause.as_str().unwrap().to_owned(), verdict.to_owned()))
        });
        clauses.collect()
    };
    faults
        .iter()
        .map(|fault| (fault["name"].as_str().unwrap().to_owned(), of(fault)))
        .collect()
}

/// Where this fails: record them again, as the top of `src/plan/tests/facts.rs` says.
#[test]
fn every_fault_is_recorded_as_it_is_declared() {
    let (recorded, declared) = (recorded(), declared());
    for (name, clauses) in &declared {
        let lab = recorded.get(name);
        // Labs of the whole flow take minutes each; of the gate every one is kept.
        let mut items = clauses.keys().map(|clause| clause.split('.').next());
        if lab.is_none() && items.any(|item| !matches!(item, Some("V1" | "V2"))) {
            continue;
        }
        assert!(lab.is_some(), "{name} is not recorded");
        assert_eq!(lab, Some(clauses), "{name}");
    }
    let without_fault: BTreeSet<&str> = recorded
        .keys()
        .map(String::as_str)
        .filter(|name| !declared.contains_key(*name))
        .collect();
    assert_eq!(
        without_fault,
        BTreeSet::from([
            "agent-healthy",
            "flow-healthy",
            "healthy",
            "healthy-webhook",
            "stale-healthy",
            "upgrade-all-healthy",
            "whole-healthy"
        ])
    );
}
