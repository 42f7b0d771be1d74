//! `gavel audit --live`: right after a run every claim stands; later, each change that somebody makes by hand is named, and nothing else.

use crate::lab::{Lab, MIRROR};
use crate::mask::mask;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What an audit of a bundle of the lab says, asked of all of the lab or of some parts of it.
pub struct Auditor<'a> {
    lab: &'a Lab,
    bundle: PathBuf,
    key: PathBuf,
    token: PathBuf,
    /// Differences that have been told.
    known: BTreeSet<String>,
}

impl<'a> Auditor<'a> {
    /// Has the bundle of a run, the installation's key, and a token that may only read.
    pub async fn of(lab: &'a Lab, run: u64) -> Self {
        let (bundle, key) = (lab.path("live.tar.gz"), lab.path("live.pub"));
        let page = format!("/runs/{run}/bundle.tar.gz");
        std::fs::write(&bundle, lab.file(&page).await).unwrap();
        std::fs::write(&key, lab.file("/signing.pub").await).unwrap();
        Self {
            lab,
            bundle,
            key,
            token: lab.read_token("outsider").await,
            known: BTreeSet::new(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        command.arg("audit").arg(&self.bundle).arg("--live");
        command.arg("--key").arg(&self.key);
        command
    }

    /// Asks everything again.
    pub fn audit(&self) -> Output {
        let lab = self.lab;
        let mut command = self.command();
        command.args(["--forge", lab.place("forge_url"), "--forge-token-file"]);
        command.arg(&self.token);
        command.args(["--drone", lab.place("drone_url")]);
        command.args(["--registry", &lab.configured("registry", "url")]);
        command.args(["--results", &lab.results()]);
        command.output().unwrap()
    }

    /// Everything stands.
    pub fn agrees(&self) -> String {
        let output = self.audit();
        let said = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{said}{}",
            text(&output.stderr)
        );
        said
    }

    /// All differences, masked; a line each.
    pub fn all(&mut self) -> String {
        self.known.clear();
        self.news()
    }

    /// Those differences that were not there the last time, and what has moved on since then.
    pub fn news(&mut self) -> String {
        let output = self.audit();
        let said = text(&output.stdout);
        let lines = said.lines().filter_map(|line| {
            let moved_on = line.starts_with("moved on: ").then_some(line);
            moved_on.or_else(|| line.strip_prefix("live: "))
        });
        let lines: BTreeSet<String> = lines.map(str::to_owned).collect();
        let differs = lines.iter().any(|line| !line.starts_with("moved on: "));
        assert_eq!(
            output.status.code(),
            Some(i32::from(differs)),
            "{said}{}",
            text(&output.stderr)
        );
        assert!(!lines.is_empty(), "{said}");
        let news: Vec<&str> = lines.difference(&self.known).map(String::as_str).collect();
        let news = masked(self.lab, &news.join("\n"));
        self.known = lines;
        news
    }
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn masked(lab: &Lab, text: &str) -> String {
    let text = text.replace(&lab.results(), "RESULTS/");
    let text = text.replace(lab.place("drone_url"), "http://drone");
    let number = regex::Regex::new(r"\b(comment|status|event|act) \d+").unwrap();
    let name = regex::Regex::new(r"run1-V1-1-[0-9a-f]{8}").unwrap();
    let text = number.replace_all(&text, "$1 N");
    let commit = regex::Regex::new("`[0-9a-f]{8}`").unwrap();
    let text = commit.replace_all(&text, "`COMMIT`");
    let many = regex::Regex::new(r"with it \d\d+ other").unwrap();
    let text = many.replace_all(&text, "with it NN other");
    mask(&name.replace_all(&text, "run1-V1-1-NONCE"))
}

/// A pull request of the run, by how its branch ends.
async fn pull(lab: &Lab, ends: &str) -> Value {
    let all = lab.get(&format!("repos/{MIRROR}/pulls?state=all")).await;
    let mut pulls = all.as_array().unwrap().iter();
    let is = |pull: &&Value| pull["head"]["label"].as_str().unwrap().ends_with(ends);
    pulls.find(is).unwrap().clone()
}

/// Does something to the mirror as its maintainer.
async fn change(lab: &Lab, method: Method, path: &str, body: Option<Value>) -> Value {
    let path = format!("repos/{MIRROR}/{path}");
    lab.ask("admin", method, &path, body).await
}

async fn write(lab: &Lab, branch: &str, path: &str, text: &str) {
    use base64::Engine;
    let content = base64::engine::general_purpose::STANDARD.encode(text);
    let there = format!("repos/{MIRROR}/contents/{path}?ref={branch}");
    let blob = lab.get(&there).await["sha"].clone();
    let method = match &blob {
        Value::Null => Method::POST,
        _ => Method::PUT,
    };
    let mut body = json!({ "content": content, "message": "By hand", "branch": branch });
    if !blob.is_null() {
        body["sha"] = blob;
    }
    change(lab, method, &format!("contents/{path}"), Some(body)).await;
}

async fn make_branch(lab: &Lab, name: &Value, at: &Value) {
    let body = json!({ "new_branch_name": name, "old_ref_name": at });
    change(lab, Method::POST, "branches", Some(body)).await;
}

async fn delete_branch(lab: &Lab, name: &Value) {
    let path = format!("branches/{}", name.as_str().unwrap());
    change(lab, Method::DELETE, &path, None).await;
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn each_later_change_is_named_and_nothing_else() {
    let lab = Lab::start().await;
    lab.say("maintainer", "/verify V1").await;
    assert_eq!(lab.ended(1).await["verdict"], "PASS");
    let mut auditor = Auditor::of(&lab, 1).await;
    let said = auditor.agrees();
    assert!(said.contains("\nlive           agrees\n"), "{said}");
    assert!(
        said.ends_with("Every claim stands on the facts of this bundle, and they stand today.\n"),
        "{said}"
    );
    asked_of_some(&auditor);

    let (green, red) = (pull(&lab, "-green").await, pull(&lab, "-red").await);
    let (one, two) = (
        green["number"].as_u64().unwrap(),
        red["number"].as_u64().unwrap(),
    );
    let (head, branch) = (&red["head"]["sha"], &red["head"]["label"]);

    let mut told = Vec::new();

    // What can be undone is, and then everything stands again.
    let comments = lab.comments(MIRROR, one).await;
    let result = comments
        .iter()
        .find(|comment| comment.by == "bridge")
        .unwrap();
    let path = format!("issues/comments/{}", result.id);
    let was = lab.get(&format!("repos/{MIRROR}/{path}")).await["body"].clone();
    let edited = was.as_str().unwrap().replace("passed", "failed");
    change(&lab, Method::PATCH, &path, Some(json!({ "body": edited }))).await;
    told.push(auditor.all());
    change(&lab, Method::PATCH, &path, Some(json!({ "body": was }))).await;

    change(
        &lab,
        Method::PATCH,
        &format!("pulls/{one}"),
        Some(json!({ "title": "Green" })),
    )
    .await;
    told.push(auditor.all());
    change(
        &lab,
        Method::PATCH,
        &format!("pulls/{one}"),
        Some(json!({ "title": green["title"] })),
    )
    .await;

    let known = json!("known-green");
    let stood = lab
        .get(&format!("repos/{MIRROR}/branches/known-green"))
        .await["commit"]["id"]
        .clone();
    write(&lab, "known-green", "docs/by-hand.md", "By hand.\n").await;
    told.push(auditor.all());
    delete_branch(&lab, &known).await;
    told.push(auditor.all());
    make_branch(&lab, &known, head).await;
    told.push(auditor.all());
    delete_branch(&lab, &known).await;
    make_branch(&lab, &known, &stood).await;

    make_branch(&lab, branch, head).await;
    told.push(auditor.all());
    delete_branch(&lab, branch).await;

    let results = lab.path("results/2/results.json");
    let was = read(&results);
    std::fs::write(&results, was.replacen("passed", "failed", 1)).unwrap();
    told.push(auditor.all());
    std::fs::write(&results, was).unwrap();

    change(&lab, Method::DELETE, "collaborators/gavel", None).await;
    told.push(auditor.all());
    let write_access = json!({ "permission": "write" });
    change(&lab, Method::PUT, "collaborators/gavel", Some(write_access)).await;
    auditor.agrees();

    // What follows stays, and what was told before is told again.
    let typed = comments
        .iter()
        .find(|comment| comment.text == "!testme")
        .unwrap();
    change(
        &lab,
        Method::DELETE,
        &format!("issues/comments/{}", typed.id),
        None,
    )
    .await;
    told.push(auditor.news());

    let status = json!({ "state": "failure", "context": "cc-ci/testme", "description": "by hand" });
    let path = format!("statuses/{}", green["head"]["sha"].as_str().unwrap());
    change(&lab, Method::POST, &path, Some(status)).await;
    told.push(auditor.news());

    let builds = format!(
        "{}/api/repos/recipe-maintainers/cc-ci/builds",
        lab.place("drone_url")
    );
    lab.do_at(Method::DELETE, &format!("{builds}/2/logs/1/2"))
        .await;
    told.push(auditor.news());
    lab.do_at(Method::DELETE, &format!("{builds}?before=2"))
        .await;
    told.push(auditor.news());

    write(&lab, "main", "compose.yml", "services: {}\n").await;
    told.push(auditor.news());

    make_branch(&lab, branch, head).await;
    change(
        &lab,
        Method::PATCH,
        &format!("pulls/{two}"),
        Some(json!({ "state": "open" })),
    )
    .await;
    told.push(auditor.news());
    write(&lab, branch.as_str().unwrap(), "docs/more.md", "More.\n").await;
    told.push(auditor.news());
    let merge = json!({ "Do": "merge" });
    change(
        &lab,
        Method::POST,
        &format!("pulls/{two}/merge"),
        Some(merge),
    )
    .await;
    told.push(auditor.news());

    lab.ask("admin", Method::DELETE, &format!("repos/{MIRROR}"), None)
        .await;
    told.push(auditor.news());
    assert_snapshot!(told.join("\n"), @r#"
    comment N of recipe-maintainers/custom-html-tiny#1: text: "… `COMMIT` passed: [build 2](http://drone/recipe-…" → "… `COMMIT` failed: [build 2](http://drone/recipe-…". No longer supports V1.3
    pull request recipe-maintainers/custom-html-tiny#1: title: "Gavel: V1, known green (run1-V1-1-NONCE)" → "Green". No longer supports V1.1, G1, G2, G3, G7
    moved on: branch known-green of recipe-maintainers/custom-html-tiny: commit: DIGEST → DIGEST, forward
    branch known-green of recipe-maintainers/custom-html-tiny: it is gone
    branch known-green of recipe-maintainers/custom-html-tiny: commit: DIGEST → DIGEST, which does not stand on it
    branch gavel/run1-V1-1-NONCE-red of recipe-maintainers/custom-html-tiny: it was gone, and stands there again, at DIGEST
    RESULTS/2/results.json: content.stages.0.status: "passed" → "failed". No longer supports V1.2
    collaborator gavel of recipe-maintainers/custom-html-tiny: is one: true → false
    comment N of recipe-maintainers/custom-html-tiny#1: it is gone; with it act N of gavel. No longer supports V1.1, V1.3, G1, G2, G3
    status N of recipe-maintainers/custom-html-tiny at DIGEST: cc-ci/testme says failure by operator, over success by bridge. No longer supports V1.3, V1.4, V1.5
    log of build 2: missing: [] → ["1/2"]. No longer supports V1.2
    build 1: it is gone; with it log of build 1. No longer supports V1.1, V1.2, V1.3, V1.4, V1.5, V1.6, V1.7
    moved on: branch main of recipe-maintainers/custom-html-tiny: commit: DIGEST → DIGEST, forward
    pull request recipe-maintainers/custom-html-tiny#2: state: "closed" → "open"; with it branch gavel/run1-V1-1-NONCE-red of recipe-maintainers/custom-html-tiny. No longer supports G1, G2, G3, G7
    pull request recipe-maintainers/custom-html-tiny#2: head: DIGEST → DIGEST, forward; state: "closed" → "open"; with it branch gavel/run1-V1-1-NONCE-red of recipe-maintainers/custom-html-tiny. No longer supports V1.1, V1.7, G1, G2, G3, G7
    pull request recipe-maintainers/custom-html-tiny#2: head: DIGEST → DIGEST, forward; IT WAS MERGED, by operator; with it 2 other things. No longer supports V1.1, V1.7, G1, G2, G3, G7
    repository recipe-maintainers/custom-html-tiny: the forge knows no such repository any more, or does not show it to this account; with it NN other things. No longer supports V1.1, V1.3, V1.4, V1.5, V1.6, V1.7, G1, G2, G3, G7
    "#);
}

/// Who is not named is not asked, and who does not answer is told of, soon.
fn asked_of_some(auditor: &Auditor) {
    let forge = auditor.lab.place("forge_url");
    let run = |arguments: &[&str]| {
        let output = auditor.command().args(arguments).output().unwrap();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, _, complained) = run(&[]);
    assert_eq!(code, Some(2), "{complained}");
    assert!(
        complained.contains("only the servers that are named"),
        "{complained}"
    );

    // As anybody: who is a collaborator is told to those who sign in.
    let (code, said, _) = run(&["--forge", forge]);
    assert_eq!(code, Some(4), "{said}");
    for line in [
        "not asked: ",
        "without --drone",
        "without --results",
        "could not be asked: 2 questions, such as: cannot ask whether gavel is a collaborator",
        "Nothing speaks against the bundle, but not everything was asked again.",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("\nlive: "), "{said}");

    // Nobody vouches for what the bundle says it closed, where no key is given.
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
    command.arg("audit").arg(&auditor.bundle);
    let output = command.args(["--live", "--forge", forge]).output().unwrap();
    let alone = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{alone}");
    let excused =
        "excused on the bundle's own word, for which nobody vouches without the key: pull request ";
    assert!(
        alone.contains(excused) && !said.contains(excused),
        "{alone}"
    );

    let began = Instant::now();
    let (code, said, _) = run(&[
        "--forge",
        "http://127.0.0.1:9",
        "--drone",
        auditor.lab.place("drone_url"),
    ]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no connection"), "{said}");
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
}
