//! What a person sees of a demonstration: one line for each thing that happened, on standard error.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Instant;

pub struct Screen {
    began: Instant,
    colour: bool,
    /// What has been said already: clauses, items, findings.
    said: BTreeSet<String>,
}

impl Screen {
    pub fn new() -> Screen {
        Screen {
            began: Instant::now(),
            colour: std::io::stderr().is_terminal(),
            said: BTreeSet::new(),
        }
    }

    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn started(&self, what: &str, detail: &str) {
        self.note("Started", &format!("{what}: {detail}"));
    }

    pub fn note(&self, word: &str, rest: &str) {
        eprintln!(
            "{} [{:>7.2}s] {rest}",
            self.paint(word, &format!("{word:>12}")),
            self.seconds()
        );
    }

    /// Says what a look at the run shows for the first time.
    pub fn progress(&mut self, run: &Value) {
        for (item, described) in run["items"].as_object().into_iter().flatten() {
            for (clause, verdict) in described["clauses"].as_object().into_iter().flatten() {
                if let Some(verdict) = verdict.as_str()
                    && self.said.insert(format!("{clause}={verdict}"))
                {
                    self.note(verdict, clause);
                }
            }
            if let Some(verdict) = described["verdict"].as_str()
                && self.said.insert(format!("{item}={verdict}"))
            {
                self.note(verdict, &format!("{item} as a whole"));
            }
        }
        for finding in run["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap_or("?").to_owned();
            if self.said.insert(format!("finding {}", text("id"))) {
                self.note(
                    "Finding",
                    &format!("{} {}: {}", text("id"), text("clause"), text("title")),
                );
            }
        }
        if let Some(state) = run["state"].as_str()
            && self.said.insert(format!("state {state}"))
        {
            self.note("Run", state);
        }
    }

    /// The verdict table, once everything is over.
    pub fn table(&self, run: &Value, seconds: f64) {
        eprintln!("{}", "─".repeat(60));
        for (item, described) in run["items"].as_object().into_iter().flatten() {
            let verdict = described["verdict"].as_str().unwrap_or("–");
            let clauses: Vec<&str> = described["clauses"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, verdict)| verdict.as_str())
                .collect();
            let passed = clauses.iter().filter(|verdict| **verdict == "PASS").count();
            let time = described["seconds"].as_f64().unwrap_or(0.0);
            let shown = self.paint(verdict, &format!("{verdict:>12}"));
            eprintln!(
                "{shown} [{time:>7.2}s] {item}: {passed} of {} clauses passed",
                clauses.len()
            );
        }
        for (guardrail, verdict) in run["guardrails"].as_object().into_iter().flatten() {
            let verdict = verdict.as_str().unwrap_or("–");
            if verdict != "PASS" {
                let shown = self.paint(verdict, &format!("{verdict:>12}"));
                eprintln!("{shown}            {guardrail}");
            }
        }
        let verdict = run["verdict"].as_str().unwrap_or("no verdict");
        let shown = self.paint(verdict, verdict);
        eprintln!(
            "{} [{seconds:>7.2}s] {shown}",
            self.paint("Summary", &format!("{:>12}", "Summary"))
        );
        if let Some(url) = run["report_comment"].as_str() {
            eprintln!("{:>12}            {url}", "Verdict at");
        }
    }

    fn paint(&self, word: &str, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match word {
            "FAIL" | "Finding" | "Broken" | "Failed" => "1;31",
            "INCONCLUSIVE" | "BLOCKED" => "1;33",
            _ => "1;32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
