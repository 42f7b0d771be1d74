//! Why a run was red, and what might mend it. Pure.

use regex::Regex;
use serde_json::Value;

/// What a red run comes down to.
#[derive(Debug, PartialEq, Eq)]
pub enum Cause {
    /// The new version does not start without a variable that the old one did not need.
    Variable { name: String, value: String },
    /// It does not start, for a reason that says nothing of a mend.
    DoesNotStart,
    /// Tests failed, and nothing else: `stage/test` each.
    Tests(Vec<String>),
}

/// Reads the build's results and log.
pub fn cause(results: &Value, log: &str) -> Cause {
    let failed = failed(results);
    if failed.is_empty() || failed.iter().any(|test| test.ends_with("/prepare")) {
        return wanted(log).unwrap_or(Cause::DoesNotStart);
    }
    Cause::Tests(failed)
}

fn failed(results: &Value) -> Vec<String> {
    let stages = results["stages"].as_array().into_iter().flatten();
    let failed = |stage: &Value| {
        let name = stage["name"].as_str().unwrap_or("?").to_owned();
        let tests = stage["tests"].as_array().into_iter().flatten();
        tests
            .filter(|test| test["status"] == "failed")
            .map(|test| format!("{name}/{}", test["name"].as_str().unwrap_or("?")))
            .collect::<Vec<_>>()
    };
    stages.flat_map(failed).collect()
}

/// `NAME is not set …, such as VALUE`: what an image says that needs more than its predecessor.
fn wanted(log: &str) -> Option<Cause> {
    let says = Regex::new(r"\b([A-Z][A-Z0-9_]+) is not set\b.*\bsuch as ([^\s,;]+)").ok()?;
    let found = says.captures(log)?;
    Some(Cause::Variable {
        name: found[1].to_owned(),
        value: found[2].trim_end_matches('.').to_owned(),
    })
}

/// The compose file with a variable more in its service's environment.
pub fn with_variable(compose: &str, name: &str, value: &str) -> String {
    insert_after_image(compose, &format!("environment:\n      - {name}={value}"))
}

/// The compose file in which the service gets more time to start. Nothing that is checked is left out.
pub fn with_more_time(compose: &str, seconds: u32) -> String {
    let Ok(period) = Regex::new(r"(?m)^(\s*)start_period:.*$") else {
        return compose.to_owned();
    };
    if period.is_match(compose) {
        let later = format!("${{1}}start_period: {seconds}s");
        return period.replace(compose, later.as_str()).into_owned();
    }
    let Ok(retries) = Regex::new(r"(?m)^(\s*)retries:(.*)$") else {
        return compose.to_owned();
    };
    let with = format!("${{1}}retries:${{2}}\n${{1}}start_period: {seconds}s");
    retries.replace(compose, with.as_str()).into_owned()
}

fn insert_after_image(compose: &str, lines: &str) -> String {
    let mut text = String::new();
    for line in compose.lines() {
        text.push_str(line);
        text.push('\n');
        if let Some((indent, _)) = line.split_once("image:")
            && indent.trim().is_empty()
        {
            text.push_str(indent);
            text.push_str(lines);
            text.push('\n');
        }
    }
    text
}

/// Whether a test is stale: it expects the version before the upgrade by name, and not the new one.
pub fn is_stale(test: &str, old: &str, new: &str) -> bool {
    test.contains(old) && !test.contains(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn results(stage: &str, test: &str) -> Value {
        json!({ "stages": [{ "name": stage, "tests": [{ "name": test, "status": "failed" }, { "name": "answers", "status": "passed" }] }] })
    }

    #[test]
    fn a_cause_is_read_out_of_results_and_log() {
        let start = results("install", "prepare");
        let log = "x\nerror: SERVER_ROOT is not set: since 2.0.0 it has to be, such as /public\ny";
        assert_eq!(
            cause(&start, log),
            Cause::Variable {
                name: "SERVER_ROOT".into(),
                value: "/public".into()
            }
        );
        assert_eq!(cause(&start, "error: no"), Cause::DoesNotStart);
        assert_eq!(cause(&Value::Null, ""), Cause::DoesNotStart);
        assert_eq!(
            cause(&results("functional", "greets"), log),
            Cause::Tests(vec!["functional/greets".into()])
        );
    }

    #[test]
    fn mends_leave_everything_else_as_it_is() {
        let compose = "services:\n  app:\n    image: a/b:1\n    healthcheck:\n      retries: 5\n";
        assert_eq!(
            with_variable(compose, "A", "/b"),
            "services:\n  app:\n    image: a/b:1\n    environment:\n      - A=/b\n    healthcheck:\n      retries: 5\n"
        );
        let once = with_more_time(compose, 30);
        assert!(
            once.ends_with("      retries: 5\n      start_period: 30s\n"),
            "{once}"
        );
        assert!(with_more_time(&once, 60).ends_with("start_period: 60s\n"));
    }
}
