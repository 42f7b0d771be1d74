//! An installation is examined: a healthy one, and many that lack one thing each.

use crate::lab::{Lab, MIRROR, TRACKING};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// Runs `gavel doctor` as Gavel's user would.
fn doctor(lab: &Lab, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gavel"))
        .arg("doctor")
        .args(arguments)
        .arg("--config")
        .arg(lab.path("gavel.toml"))
        .env_clear()
        .env("HOME", lab.path("home"))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TZ", "UTC")
        .env("GAVEL_LOG", "error")
        .output()
        .unwrap()
}

/// What a program reads.
fn examined(lab: &Lab) -> Value {
    let output = doctor(lab, &["--json"]);
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let failed = told["failed"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{told:#}");
    told
}

/// The checks with this outcome, by name and what they are about.
fn with_outcome(told: &Value, outcome: &str) -> BTreeSet<String> {
    let checks = told["checks"].as_array().unwrap().iter();
    let of_it = checks.filter(|check| check["outcome"] == outcome);
    let of = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    of_it
        .map(|check| {
            format!("{} {}", of(check, "name"), of(check, "about"))
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// Something happens in every repository whose webhook leads to Gavel, and Gavel has heard of it.
async fn heard_everywhere(lab: &Lab) {
    let recipes = [
        "custom-html-tiny",
        "sandbox-upgrade",
        "sandbox-repairable",
        "sandbox-persistent",
        "sandbox-stale",
        "sandbox-reconcile",
        "sandbox-current",
        "cc-ci",
    ];
    for recipe in recipes {
        let path = format!("repos/recipe-maintainers/{recipe}/issues");
        lab.ask(
            "admin",
            Method::POST,
            &path,
            Some(json!({ "title": "Hello" })),
        )
        .await;
    }
    lab.say("maintainer", "Hello").await;
    lab.until("a delivery from everywhere", async || {
        let told: Value = serde_json::from_slice(&lab.file("/deliveries.json").await).unwrap();
        (told["taken"].as_object().unwrap().len() == recipes.len() + 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_is_well_in_everything() {
    let lab = Lab::start().await;
    heard_everywhere(&lab).await;
    let before = forge_state(&lab).await;
    let told = examined(&lab);
    let checks = told["checks"].as_array().unwrap();
    let ill: Vec<&Value> = checks
        .iter()
        .filter(|check| check["outcome"] != "ok")
        .collect();
    assert!(ill.is_empty(), "{ill:#?}");
    assert_eq!(told["schema"], "gavel-doctor/1");
    assert!(
        checks
            .iter()
            .all(|check| check["asked"] != "" && check["seen"] != "")
    );
    let names: BTreeSet<&str> = checks
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    assert_snapshot!(names.join(" "), @"account branch clone configuration crontab data-folder database deliveries disk-space drone drone-repository drone-token file flow-rights forge forge-clock forge-token forge-token-scopes forge-version gavel items manual-merges newer-image outsider outsider-membership outsider-token outsider-token-scopes program public-address repository schedule stale-test swarm tmux tracking-independence tracking-issue visible webhook");
    // It only reads.
    assert_eq!(forge_state(&lab).await, before);
    let table = doctor(&lab, &[]);
    assert!(table.status.success());
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.ends_with(" ok, 0 warning, 0 failed, 0 not checked\n"),
        "{table}"
    );
}

/// What the forge has of the repositories that something could be made in.
async fn forge_state(lab: &Lab) -> Vec<Value> {
    let mut state = Vec::new();
    for path in [
        format!("repos/{TRACKING}/hooks"),
        format!("repos/{TRACKING}/labels"),
        format!("repos/{TRACKING}/issues?state=all"),
        format!("repos/{MIRROR}/hooks"),
        format!("repos/{MIRROR}/branches"),
        format!("repos/{MIRROR}/collaborators"),
    ] {
        state.push(lab.ask("admin", Method::GET, &path, None).await);
    }
    state
}

/// One thing that an installation lacks, and the checks that find it: no other fails.
struct Lack {
    what: &'static str,
    how: How,
    found: &'static [&'static str],
}

enum How {
    /// A key of the configuration says this.
    Key(&'static str, &'static str),
    /// Something is asked of the forge as its operator, and something else that mends it.
    Forge(Box<[(Method, String, Value); 2]>),
    /// A file has this mode.
    Mode(&'static str, u32),
}

fn lack(what: &'static str, how: How, found: &'static [&'static str]) -> Lack {
    Lack { what, how, found }
}

/// What can be broken in the configuration, the secrets it names and the box.
fn in_files() -> Vec<Lack> {
    use How::{Key, Mode};
    vec![
        lack(
            "a wrong value",
            Key("tracking.issue", "\"one\""),
            &["configuration tracking.issue"],
        ),
        lack(
            "a secret that others can read",
            Mode("secrets/drone.token", 0o644),
            &[
                "configuration drone.token_file",
                "configuration flow.secrets.DRONE_TOKEN",
            ],
        ),
        lack(
            "a forge that is down",
            Key("forge.url", "\"http://127.0.0.1:1\""),
            &["forge"],
        ),
        lack(
            "a token that nobody has",
            Key("forge.token_file", "\"secrets/drone.token\""),
            &["forge-token"],
        ),
        lack(
            "somebody else's token",
            Key("forge.account", "\"operator\""),
            &["forge-token"],
        ),
        lack(
            "a token with too few scopes",
            Key("forge.token_file", "\"audit.token\""),
            &["forge-token-scopes"],
        ),
        lack(
            "a token that is not the outsider's",
            Key("gate.outsider.token_file", "\"secrets/bridge.token\""),
            &["outsider-token"],
        ),
        lack(
            "an account that is not there",
            Key("flow.account", "\"flwo\""),
            &["account flow.account"],
        ),
        lack(
            "no tracking issue",
            Key("tracking.issue", "999"),
            &["tracking-issue maintainers/verification"],
        ),
        lack(
            "no known-red branch",
            Key("known_red", "\"known-rde\""),
            &["branch recipe-maintainers/custom-html-tiny known-rde"],
        ),
        lack(
            "no stale test",
            Key("sandbox.stale.file", "\"tests/none.sh\""),
            &["stale-test recipe-maintainers/cc-ci"],
        ),
        lack(
            "no such recipe",
            Key("sandbox.reconcile.recipe", "\"sandbox-nowhere\""),
            &[
                "repository coop-cloud/sandbox-nowhere",
                "repository recipe-maintainers/sandbox-nowhere",
            ],
        ),
        lack(
            "a Drone that is down",
            Key("drone.url", "\"http://127.0.0.1:1\""),
            &["drone"],
        ),
        lack(
            "a token that Drone does not know",
            Key("drone.token_file", "\"secrets/flow.token\""),
            &["drone-token"],
        ),
        lack(
            "a helper that cannot be executed",
            Mode("bin/testme-on-pr.sh", 0o644),
            &["program flow.helper"],
        ),
        lack(
            "a skill without a text",
            Key("flow.skills.upgrade_all", "\"skills/none/SKILL.md\""),
            &["file flow.skills.upgrade_all"],
        ),
        lack("no tmux", Key("tmux", "[\"no-such-tmux\"]"), &["tmux"]),
        lack(
            "no swarm",
            Key("docker", "[\"no-such-docker\"]"),
            &["swarm"],
        ),
        lack(
            "no crontab",
            Key("crontab", "[\"no-such-crontab\", \"-l\"]"),
            &["crontab"],
        ),
        lack(
            "a schedule that is none",
            Key("flow.schedule.line", "\"on Saturdays\""),
            &["schedule"],
        ),
        lack(
            "no place for the data",
            Key("server.data", "\"gavel.toml/data\""),
            &["data-folder"],
        ),
        lack(
            "a database that is none",
            Key("server.data", "\"broken\""),
            &["database"],
        ),
    ]
}

/// What can be broken on the forge; `hook` is the tracking repository's.
fn on_forge(hook: u64, team: u64, url: &str) -> Vec<Lack> {
    let asked = |first, mend| How::Forge(Box::new([first, mend]));
    let collaborator =
        |repository: &str, who: &str| format!("repos/{repository}/collaborators/{who}");
    let level = |level: &str| json!({ "permission": level });
    let nothing = || Value::Null;
    let hook = format!("repos/{TRACKING}/hooks/{hook}");
    let events = [
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_comment",
        "push",
        "status",
    ];
    let leads = |url: &str, active: bool, events: &[&str]| json!({ "active": active, "events": events, "config": { "url": url } });
    let right = || (Method::PATCH, hook.clone(), leads(url, true, &events));
    let mirror = format!("repos/{MIRROR}");
    let detects = |yes: bool| json!({ "has_pull_requests": true, "allow_manual_merge": yes, "autodetect_manual_merge": yes });
    let member = format!("teams/{team}/members/outsider");
    vec![
        lack(
            "a webhook that leads elsewhere",
            asked(
                (
                    Method::PATCH,
                    hook.clone(),
                    leads("http://127.0.0.1:1/hooks/gitea", true, &events),
                ),
                right(),
            ),
            &["webhook maintainers/verification"],
        ),
        lack(
            "a webhook that is switched off",
            asked(
                (Method::PATCH, hook.clone(), leads(url, false, &events)),
                right(),
            ),
            &["webhook maintainers/verification"],
        ),
        lack(
            "a webhook without comments",
            asked(
                (
                    Method::PATCH,
                    hook.clone(),
                    leads(url, true, &["push", "status"]),
                ),
                right(),
            ),
            &["webhook maintainers/verification"],
        ),
        lack(
            "an outsider with access",
            asked(
                (Method::PUT, collaborator(MIRROR, "outsider"), level("read")),
                (Method::DELETE, collaborator(MIRROR, "outsider"), nothing()),
            ),
            &["outsider recipe-maintainers/custom-html-tiny"],
        ),
        lack(
            "an outsider within",
            asked(
                (Method::PUT, member.clone(), nothing()),
                (Method::DELETE, member, nothing()),
            ),
            &["outsider-membership"],
        ),
        lack(
            "a flow that can rewrite verdicts",
            asked(
                (Method::PUT, collaborator(TRACKING, "flow"), level("write")),
                (Method::DELETE, collaborator(TRACKING, "flow"), nothing()),
            ),
            &["tracking-independence maintainers/verification"],
        ),
        lack(
            "a Gavel that is not told who can write",
            asked(
                (Method::PUT, collaborator(TRACKING, "gavel"), level("write")),
                (Method::PUT, collaborator(TRACKING, "gavel"), level("admin")),
            ),
            &["repository maintainers/verification"],
        ),
        lack(
            "a Gavel that cannot open pull requests",
            asked(
                (Method::PUT, collaborator(MIRROR, "gavel"), level("read")),
                (Method::PUT, collaborator(MIRROR, "gavel"), level("write")),
            ),
            &["repository recipe-maintainers/custom-html-tiny"],
        ),
        lack(
            "merges that nobody made",
            asked(
                (Method::PATCH, mirror.clone(), detects(true)),
                (Method::PATCH, mirror, detects(false)),
            ),
            &["manual-merges recipe-maintainers/custom-html-tiny"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_installation_lacks_is_found_by_name_and_nothing_else_fails() {
    let lab = Lab::start().await;
    heard_everywhere(&lab).await;
    lab.read_token("gavel").await;
    std::fs::create_dir(lab.path("broken")).unwrap();
    std::fs::write(
        lab.path("broken/gavel.sqlite"),
        "this is no database\n".repeat(50),
    )
    .unwrap();
    let hooks = lab
        .ask(
            "admin",
            Method::GET,
            &format!("repos/{TRACKING}/hooks"),
            None,
        )
        .await;
    let url = hooks[0]["config"]["url"].as_str().unwrap();
    let teams = lab
        .ask("admin", Method::GET, "orgs/recipe-maintainers/teams", None)
        .await;
    let team = teams
        .as_array()
        .unwrap()
        .iter()
        .find(|team| team["name"] == "ci")
        .unwrap();
    let on_forge = on_forge(
        hooks[0]["id"].as_u64().unwrap(),
        team["id"].as_u64().unwrap(),
        url,
    );
    let mut wrong = Vec::new();
    for lack in in_files().into_iter().chain(on_forge) {
        let told = match lack.how {
            How::Key(key, value) => {
                let whole = std::fs::read_to_string(lab.path("gavel.toml")).unwrap();
                lab.configure(key, value);
                let told = examined(&lab);
                std::fs::write(lab.path("gavel.toml"), whole).unwrap();
                told
            }
            How::Mode(file, mode) => {
                let path = lab.path(file);
                let before = std::fs::metadata(&path).unwrap().permissions();
                std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let told = examined(&lab);
                std::fs::set_permissions(&path, before).unwrap();
                told
            }
            How::Forge(asked) => {
                let [(method, path, body), mend] = *asked;
                lab.ask("admin", method, &path, Some(body)).await;
                let told = examined(&lab);
                lab.ask("admin", mend.0, &mend.1, Some(mend.2)).await;
                told
            }
        };
        let found: BTreeSet<String> = lack.found.iter().map(ToString::to_string).collect();
        let failed = with_outcome(&told, "failed");
        if failed != found {
            wrong.push(format!("{}: {failed:?}", lack.what));
        }
        let checks = told["checks"].as_array().unwrap().iter();
        let mut failed = checks.filter(|check| check["outcome"] == "failed");
        assert!(failed.all(|check| check["do"] != ""), "{told:#}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let told = examined(&lab);
    assert!(with_outcome(&told, "failed").is_empty(), "{told:#}");

    // What a stranger sends without a signature says nothing of the webhook.
    let stranger = reqwest::Client::new().post(url).body("{}");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    let told = examined(&lab);
    assert!(with_outcome(&told, "failed").is_empty(), "{told:#}");
    // Nobody tells a webhook's secret, but what is signed with another one is refused.
    let forged = reqwest::Client::new()
        .post(url)
        .header("x-gitea-signature", "00")
        .body("{}");
    assert_eq!(forged.send().await.unwrap().status(), 401);
    assert_eq!(
        with_outcome(&examined(&lab), "failed"),
        BTreeSet::from(["deliveries".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_gavel_is_not_up_it_is_told_to_be_started() {
    let lab = Lab::without_gavel().await;
    let told = examined(&lab);
    assert_eq!(with_outcome(&told, "failed"), BTreeSet::new());
    assert_eq!(
        with_outcome(&told, "warning"),
        BTreeSet::from(["gavel".to_owned()])
    );
    assert!(with_outcome(&told, "not_checked").contains("deliveries"));
    assert!(!lab.path("gavel-data").exists());
    std::fs::remove_file(lab.path("gavel.toml")).unwrap();
    let missing = doctor(&lab, &["--json"]);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert!(missing.stdout.is_empty());
    let said = String::from_utf8(missing.stderr).unwrap();
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
}
