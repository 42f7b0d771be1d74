//! Every sandbox recipe comes out of the real gate as its scenario needs it.

use super::*;
use crate::lab::sandbox::BROKEN;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A change of one recipe's `compose.yml`, and what its build must come to.
struct Case {
    recipe: &'static str,
    /// Replacements; none changes a comment only.
    changes: &'static [(&'static str, &'static str)],
    /// A branch that is there already, in place of a change.
    branch: Option<&'static str>,
    failed: &'static [&'static str],
    log: &'static str,
}

const fn case(
    recipe: &'static str,
    changes: &'static [(&'static str, &'static str)],
    failed: &'static [&'static str],
    log: &'static str,
) -> Case {
    Case {
        recipe,
        changes,
        branch: None,
        failed,
        log,
    }
}

const CASES: &[Case] = &[
    case("sandbox-upgrade", &[("1.4.0", "1.10.0")], &[], "answers at"),
    case(
        "sandbox-repairable",
        &[("1.9.0", "2.0.0")],
        &["install/prepare"],
        "SERVER_ROOT is not set",
    ),
    case(
        "sandbox-repairable",
        &[(
            "lab/rooted:1.9.0",
            "lab/rooted:2.0.0\n    environment:\n      - SERVER_ROOT=/public",
        )],
        &[],
        "answers at",
    ),
    case(
        "sandbox-persistent",
        &[("3.1.0", "3.2.0")],
        &["install/prepare"],
        "cannot start anywhere",
    ),
    case(
        "sandbox-stale",
        &[("1.4.0", "2.0.0")],
        &["functional/tells-its-version"],
        "expected the server talkative/1.4.0, got: talkative/2.0.0",
    ),
    case("sandbox-stale", &[], &[], "answers at"),
    Case {
        branch: Some(BROKEN),
        ..case(
            "sandbox-stale",
            &[],
            &["functional/tells-its-version"],
            "talkative/2.0.0",
        )
    },
    case(
        "sandbox-reconcile",
        &[("1.0.0", "1.2.0")],
        &[],
        "answers at",
    ),
    case("sandbox-current", &[], &[], "answers at"),
];

impl Case {
    /// Opens its pull request, and answers its number.
    async fn open(&self, bench: &Bench, position: usize) -> i64 {
        let gavel = bench.forge("gavel");
        let repo = format!("/repos/{MIRRORS}/{}", self.recipe);
        let branch = self
            .branch
            .map_or(format!("case-{position}"), str::to_owned);
        if self.branch.is_none() {
            let path = format!("{repo}/contents/compose.yml");
            let file = gavel.get(&path).await.unwrap();
            let text = file["content"].as_str().unwrap().replace('\n', "");
            let mut text = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
            for (old, new) in self.changes {
                assert!(text.contains(old), "{}: no {old} in {text}", self.recipe);
                text = text.replace(old, new);
            }
            text.push_str("# changed\n");
            let change = json!({ "content": STANDARD.encode(text), "sha": file["sha"], "branch": "main",
                "new_branch": branch, "message": "Change" });
            gavel.put(&path, change).await.unwrap();
        }
        let body = json!({ "title": branch, "head": branch, "base": "main" });
        let pull = gavel.post(&format!("{repo}/pulls"), body).await.unwrap();
        let number = pull["number"].as_i64().unwrap();
        let comments = format!("{repo}/issues/{number}/comments");
        let trigger = json!({ "body": "!testme" });
        gavel.post(&comments, trigger).await.unwrap();
        number
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recipe_comes_out_as_its_scenario_needs_it() {
    let bench = Bench::healthy().await;
    let results = Api::service(&bench.world.places.results);
    for (number, case) in (1..).zip(CASES) {
        let position = usize::try_from(number).unwrap();
        let pull = case.open(&bench, position).await;
        let expected = if case.failed.is_empty() {
            "success"
        } else {
            "failure"
        };
        let name = format!("{} {:?}", case.recipe, case.changes);
        until(&format!("{name}: the build has ended"), async || {
            let builds = bench.builds().await;
            let build = builds.iter().find(|build| build["number"] == number);
            build.is_some_and(|build| build["finished"].as_i64() > Some(0))
        })
        .await;
        let build = bench.build(number).await;
        let log = bench.log(number).await;
        assert_eq!(build["status"], expected, "{name}: {log}");
        assert_eq!(build["params"]["PR"], pull.to_string(), "{name}");
        let told = results
            .get(&format!("/results/{number}/results.json"))
            .await
            .unwrap();
        assert_eq!(failed(&told), case.failed, "{name}: {log}");
        assert!(log.contains(case.log), "{name}: {log}");
        assert_eq!(bench.deployed(), 0, "{name}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mirror_is_what_upstream_is() {
    let bench = Bench::healthy().await;
    let forge = bench.forge("flow");
    for recipe in crate::lab::provision::recipes() {
        let main = async |owner: &str| {
            let path = format!("/repos/{owner}/{recipe}/branches/main");
            forge.get(&path).await.unwrap()["commit"]["id"].clone()
        };
        assert_eq!(main(MIRRORS).await, main("coop-cloud").await, "{recipe}");
    }
    bench.stop().await;
}
