//! `gavel lab matrix`: every fault in a lab of its own, and the healthy lab; each must come out exactly as declared, at the
//! first attempt.

use super::bridge;
use super::faults::{self, CLAUSES, Fault, is_guardrail};
use super::interruption;
use super::process::{self, Owned};
use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

/// One lab with one fault may take no longer.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The lab without a fault, where names of faults are expected.
const HEALTHY: &str = "healthy";

#[derive(Args)]
pub struct Matrix {
    /// Only faults that show in this item; can be given again
    #[arg(long, value_name = "ITEM")]
    item: Vec<String>,
    /// Only this fault, or `healthy` for the lab without any; can be given again
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    /// How many labs at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// A JSON list on standard output
    #[arg(long)]
    json: bool,
    /// How triggers reach the bridge
    #[arg(long, value_enum, default_value = "poll")]
    bridge: bridge::Mode,
    /// Use this Gitea or Forgejo program in place of the lab's own forge
    #[arg(long, value_name = "BINARY")]
    gitea: Option<PathBuf>,
    /// Keep what each lab was judged by in this folder, as NAME.json
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
}

/// One lab of the matrix: a fault, or none.
struct Case {
    fault: Option<&'static Fault>,
    items: Vec<String>,
}

struct Row {
    name: &'static str,
    part: &'static str,
    /// Clauses that are expected not to pass, and those that did not.
    expected: BTreeMap<String, String>,
    got: BTreeMap<String, String>,
    /// Why there is nothing to compare, or what is wrong beside the clauses.
    trouble: Option<String>,
    seconds: f64,
}

impl Row {
    fn ok(&self) -> bool {
        self.trouble.is_none() && self.expected == self.got
    }
}

impl Matrix {
    pub async fn run(self) -> Result<ExitCode> {
        let interruption = interruption()?;
        for name in self.fault.iter().filter(|name| *name != HEALTHY) {
            super::faults::find(name).with_context(|| {
                format!("there is no fault {name}: `gavel lab faults` lists them")
            })?;
        }
        let known = known_items().await?;
        let cases = self.cases(&known);
        if cases.is_empty() {
            bail!(
                "no fault matches: `gavel lab faults` lists them with the clauses that they break, `gavel items` what can be verified"
            );
        }
        let began = Instant::now();
        let total = cases.len();
        let ending = Mutex::new(JoinSet::new());
        let labs = cases.iter().map(|case| self.case(case, &ending));
        let mut running = futures_util::stream::iter(labs).buffer_unordered(self.jobs.into());
        let mut rows = Vec::new();
        loop {
            let next = tokio::select! {
                row = running.next() => row,
                () = interruption.cancelled() => break,
            };
            let Some(row) = next else { break };
            rows.push(row);
            if let Some(row) = rows.last() {
                show(row, rows.len(), total);
            }
        }
        drop(running);
        // A lab that was given up ends its own children before this does.
        let mut ending = ending.into_inner().unwrap_or_else(PoisonError::into_inner);
        while ending.join_next().await.is_some() {}
        if rows.len() < total {
            bail!("interrupted after {} of {total} labs", rows.len());
        }
        let order = |row: &Row| cases.iter().position(|case| case.name() == row.name);
        rows.sort_by_key(order);
        let wrong = rows.iter().filter(|row| !row.ok()).count();
        if self.json {
            let list: Vec<Value> = rows.iter().map(as_json).collect();
            println!(
                "{}",
                serde_json::to_string_pretty(&list).context("writing the matrix")?
            );
        } else {
            print_table(&rows);
        }
        eprintln!(
            "{} of {total} as declared, {wrong} not, in {:.0}s",
            total - wrong,
            began.elapsed().as_secs_f64()
        );
        Ok(if wrong == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }

    /// One for each fault that can be seen in items which are known, and the healthy lab.
    fn cases(&self, known: &BTreeSet<String>) -> Vec<Case> {
        let can_be_seen = |fault: &&Fault| fault.items().iter().all(|item| known.contains(*item));
        let wanted = |fault: &&Fault| {
            (self.fault.is_empty() || self.fault.iter().any(|name| name == fault.name))
                && (self.item.is_empty()
                    || self.item.iter().any(|item| {
                        fault
                            .items()
                            .iter()
                            .any(|shows| shows.eq_ignore_ascii_case(item))
                    }))
        };
        let items = |fault: &Fault| fault.items().into_iter().map(str::to_owned).collect();
        let broken = faults::all()
            .filter(can_be_seen)
            .filter(wanted)
            .map(|fault| Case {
                fault: Some(fault),
                items: items(fault),
            });
        let healthy_items: BTreeSet<String> = if self.item.is_empty() {
            CLAUSES
                .iter()
                .filter_map(|clause| clause.split('.').next())
                .filter(|item| known.contains(*item))
                .map(str::to_owned)
                .collect()
        } else {
            let is_meant =
                |known: &&String| self.item.iter().any(|it| it.eq_ignore_ascii_case(known));
            known.iter().filter(is_meant).cloned().collect()
        };
        let healthy = (self.fault.is_empty() || self.fault.iter().any(|name| name == HEALTHY))
            .then(|| Case {
                fault: None,
                items: healthy_items.into_iter().collect(),
            });
        healthy.into_iter().chain(broken).collect()
    }

    async fn case(&self, case: &Case, ending: &Mutex<JoinSet<()>>) -> Row {
        let began = Instant::now();
        let outcome = tokio::time::timeout(LIMIT, self.lab(case, ending)).await;
        let outcome = outcome
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the lab had not ended after {LIMIT:?}")));
        let mut row = Row {
            name: case.name(),
            part: case.fault.map_or("–", |fault| fault.part),
            expected: BTreeMap::new(),
            got: BTreeMap::new(),
            trouble: None,
            seconds: began.elapsed().as_secs_f64(),
        };
        match outcome.and_then(|outcome| clauses(&outcome)) {
            Ok((mut got, attempts)) => {
                // A clause that was asked for and is not there is no PASS.
                let asked = |clause: &&str| {
                    is_guardrail(clause)
                        || case
                            .items
                            .iter()
                            .any(|item| clause.split('.').next() == Some(item))
                };
                for clause in CLAUSES.iter().copied().filter(asked) {
                    got.entry(clause.to_owned())
                        .or_insert_with(|| "MISSING".to_owned());
                }
                let expected = |clause: &str| {
                    case.fault
                        .map_or("PASS", |fault| fault.expects(clause))
                        .to_owned()
                };
                row.expected = got
                    .keys()
                    .map(|clause| (clause.clone(), expected(clause)))
                    .filter(not_passed)
                    .collect();
                row.got = got.into_iter().filter(not_passed).collect();
                if attempts > 1 {
                    row.trouble = Some(format!("an item needed {attempts} attempts"));
                }
            }
            Err(error) => row.trouble = Some(format!("{error:#}")),
        }
        row
    }

    /// Runs one lab as a process of its own, and reads the object that it prints.
    async fn lab(&self, case: &Case, ending: &Mutex<JoinSet<()>>) -> Result<Value> {
        let items = case.items.join(" ");
        let mut arguments = vec!["lab", "demo", "--json", "--items", &items];
        if let Some(fault) = case.fault {
            arguments.extend(["--fault", fault.name]);
        }
        if self.bridge == bridge::Mode::Webhook {
            arguments.extend(["--bridge", "webhook"]);
        }
        let kept = self.evidence.as_ref().map(|_| tempfile::tempdir());
        let kept = kept.transpose().context("making a folder for the lab")?;
        let out = kept
            .as_ref()
            .map(|folder| folder.path().to_string_lossy().into_owned());
        if let Some(out) = &out {
            arguments.extend(["--out", out]);
        }
        let gitea = self
            .gitea
            .as_ref()
            .map(|binary| binary.to_string_lossy().into_owned());
        if let Some(gitea) = &gitea {
            arguments.extend(["--gitea", gitea]);
        }
        let line = process::this_program(&arguments)?;
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut lab = Lab {
            owned: Some(Owned::start(command, "a lab")?),
            ending,
        };
        let owned = lab
            .owned
            .as_mut()
            .context("the lab has just been started")?;
        let (stdout, stderr) = (owned.child().stdout.take(), owned.child().stderr.take());
        let (mut output, mut errors) = (String::new(), String::new());
        let read = async {
            let (mut stdout, mut stderr) = (
                stdout.context("output was asked for")?,
                stderr.context("errors were asked for")?,
            );
            tokio::try_join!(
                stdout.read_to_string(&mut output),
                stderr.read_to_string(&mut errors)
            )
            .context("reading what the lab prints")
        };
        let (read, status) = tokio::join!(read, owned.wait());
        lab.owned = None;
        read?;
        let status = status?;
        if !matches!(status.code(), Some(0 | 1)) {
            let last: Vec<&str> = errors.lines().rev().take(3).collect();
            bail!(
                "the lab failed ({status}): {}",
                last.into_iter().rev().collect::<Vec<_>>().join(" / ")
            );
        }
        let object = output
            .lines()
            .rev()
            .find(|line| line.starts_with('{'))
            .context("the lab printed no outcome")?;
        if let (Some(kept), Some(folder)) = (kept, &self.evidence) {
            self.keep(case, &kept.path().join("evidence/evidence.json"), folder)?;
        }
        serde_json::from_str(object).context("understanding the lab's outcome")
    }

    /// Puts a lab's evidence into a folder, with what was declared for it.
    fn keep(&self, case: &Case, evidence: &Path, folder: &Path) -> Result<()> {
        let text = std::fs::read(evidence).context("reading the lab's evidence")?;
        let evidence: Value =
            serde_json::from_slice(&text).context("reading the lab's evidence")?;
        let attempts = evidence["attempts"].as_array().into_iter().flatten();
        let items: BTreeSet<&str> = attempts.filter_map(|it| it["item"].as_str()).collect();
        // Of what was not asked for, nothing was declared.
        let declared: BTreeMap<&str, &str> = CLAUSES
            .iter()
            .filter(|clause| {
                let item = clause.split('.').next().unwrap_or(clause);
                items.contains(item) || (items.contains("G") && item.starts_with('G'))
            })
            .map(|clause| {
                (
                    *clause,
                    case.fault.map_or("PASS", |fault| fault.expects(clause)),
                )
            })
            .collect();
        let kept = json!({ "fault": case.fault.map(|fault| fault.name), "declared": declared, "evidence": evidence });
        let webhook = self.bridge == bridge::Mode::Webhook;
        let mode = if webhook { "-webhook" } else { "" };
        let target = folder.join(format!("{}{mode}.json", case.name()));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&target, kept.to_string()))
            .with_context(|| format!("writing {}", target.display()))
    }
}

/// The items that this program can verify, as it says itself.
async fn known_items() -> Result<BTreeSet<String>> {
    let line = process::this_program(&["items"])?;
    let shown = line.join(" ");
    let output = Command::new(&line[0])
        .args(&line[1..])
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("starting {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    Ok(text.lines().filter_map(first).collect())
}

/// A lab that is given up is asked to end, so that it ends its own children; who waits for that finds it in `ending`.
struct Lab<'a> {
    owned: Option<Owned>,
    ending: &'a Mutex<JoinSet<()>>,
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        if let Some(mut owned) = self.owned.take() {
            let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
            ending.spawn(async move { owned.stop(Duration::from_secs(30)).await });
        }
    }
}

impl Case {
    fn name(&self) -> &'static str {
        self.fault.map_or(HEALTHY, |fault| fault.name)
    }
}

fn not_passed(entry: &(String, String)) -> bool {
    entry.1 != "PASS"
}

/// Every clause's verdict, and the most attempts that an item took.
fn clauses(outcome: &Value) -> Result<(BTreeMap<String, String>, i64)> {
    let items = outcome["items"]
        .as_object()
        .context("the outcome holds no items")?;
    let mut all = BTreeMap::new();
    let mut attempts = 0;
    for (item, described) in items {
        attempts = attempts.max(described["attempts"].as_i64().unwrap_or(1));
        let of_item = described["clauses"]
            .as_object()
            .with_context(|| format!("the outcome holds no clauses of {item}"))?;
        for (clause, verdict) in of_item {
            all.insert(
                clause.clone(),
                verdict.as_str().unwrap_or("none").to_owned(),
            );
        }
    }
    if all.is_empty() {
        bail!("the outcome holds no clause");
    }
    for (guardrail, verdict) in outcome["guardrails"].as_object().into_iter().flatten() {
        all.insert(
            guardrail.clone(),
            verdict.as_str().unwrap_or("none").to_owned(),
        );
    }
    Ok((all, attempts))
}

fn shown(clauses: &BTreeMap<String, String>) -> String {
    let mut by_verdict: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (clause, verdict) in clauses {
        by_verdict.entry(verdict).or_default().push(clause);
    }
    // The worst first, as verdicts add up.
    let order = ["FAIL", "INCONCLUSIVE", "BLOCKED"];
    let mut parts: Vec<(&str, Vec<&str>)> = by_verdict.into_iter().collect();
    parts.sort_by_key(|(verdict, _)| {
        order
            .iter()
            .position(|known| known == verdict)
            .unwrap_or(order.len())
    });
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(verdict, clauses)| format!("{verdict} {}", clauses.join(" ")))
        .collect();
    if parts.is_empty() {
        "all PASS".to_owned()
    } else {
        parts.join("; ")
    }
}

fn show(row: &Row, done: usize, total: usize) {
    let word = if row.ok() { "ok" } else { "NOT AS DECLARED" };
    eprintln!(
        "[{done:>3}/{total}] {:>6.1}s  {:32} {word}",
        row.seconds, row.name
    );
    if !row.ok() {
        eprintln!("            expected  {}", shown(&row.expected));
        eprintln!(
            "            got       {}",
            row.trouble.clone().unwrap_or_else(|| shown(&row.got))
        );
    }
}

fn print_table(rows: &[Row]) {
    println!("| fault | part | expected | got | |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let got = row.trouble.clone().unwrap_or_else(|| shown(&row.got));
        let got = if row.ok() {
            "as declared".to_owned()
        } else {
            got
        };
        println!(
            "| {} | {} | {} | {got} | {} |",
            row.name,
            row.part,
            shown(&row.expected),
            if row.ok() { "✅" } else { "❌" }
        );
    }
}

fn as_json(row: &Row) -> Value {
    json!({ "fault": row.name, "part": row.part, "expected": row.expected, "got": row.got, "ok": row.ok(), "trouble": row.trouble,
        "seconds": (row.seconds * 10.0).round() / 10.0 })
}
