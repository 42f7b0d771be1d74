//! Conversations with the forge over real HTTP and real git.

mod code;
mod delivery;
mod people;
mod talk;
mod web;

use super::Forge;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::path::Path;

/// A forge with the lab's accounts and one mirror, `recipes/tiny`: gavel and flow may write, bridge is of the organisation.
struct Visit {
    forge: Forge,
    dir: tempfile::TempDir,
    client: reqwest::Client,
}

const REPO: &str = "/repos/recipes/tiny";

fn password(login: &str) -> String {
    format!("pw-{login}-12345")
}

impl Visit {
    async fn start() -> Visit {
        let dir = tempfile::tempdir().unwrap();
        let forge = Forge::start(
            &dir.path().join("forge"),
            0,
            "operator",
            &password("operator"),
        )
        .await
        .unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let visit = Visit { forge, dir, client };
        for login in ["maintainer", "outsider", "gavel", "flow", "bridge"] {
            let body = json!({"username": login, "email": format!("{login}@lab.invalid"), "password": password(login)});
            visit
                .done(201, "operator", "POST", "/admin/users", body)
                .await;
        }
        let op = "operator";
        visit
            .done(201, op, "POST", "/orgs", json!({"username": "recipes"}))
            .await;
        visit
            .done(
                201,
                op,
                "POST",
                "/orgs/recipes/repos",
                json!({"name": "tiny", "auto_init": true}),
            )
            .await;
        for login in ["gavel", "flow"] {
            let path = format!("{REPO}/collaborators/{login}");
            visit
                .done(204, op, "PUT", &path, json!({"permission": "write"}))
                .await;
        }
        let team = json!({"name": "bots", "permission": "write", "units": ["repo.code", "repo.issues", "repo.pulls"], "includes_all_repositories": true});
        let team = visit
            .done(201, op, "POST", "/orgs/recipes/teams", team)
            .await;
        visit
            .done(
                204,
                op,
                "PUT",
                &format!("/teams/{}/members/bridge", team["id"]),
                Value::Null,
            )
            .await;
        visit
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.forge.url())
    }

    /// Asks as somebody; an empty name asks as nobody.
    async fn send(&self, who: &str, method: &str, path: &str, body: Value) -> Response {
        let request = self.client.request(
            Method::from_bytes(method.as_bytes()).unwrap(),
            self.url(path),
        );
        let request = if who.is_empty() {
            request
        } else {
            request.basic_auth(who, Some(password(who)))
        };
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        request.send().await.unwrap()
    }

    async fn ask(&self, who: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(who, method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, who: &str, path: &str) -> Value {
        self.done(200, who, "GET", path, Value::Null).await
    }

    /// Asks, and insists on a status.
    async fn done(&self, status: u16, who: &str, method: &str, path: &str, body: Value) -> Value {
        let (got, answer) = self.ask(who, method, path, body).await;
        assert_eq!(got, status, "{method} {path} as {who:?}: {answer}");
        answer
    }

    /// Commits one file to a new branch off `main`, or on to it when it is `main`.
    async fn write(&self, who: &str, branch: &str, path: &str, text: &str) -> Value {
        let mut body = json!({"content": BASE64_STANDARD.encode(text), "branch": "main", "message": format!("write {path}")});
        if branch != "main" {
            body["new_branch"] = json!(branch);
        }
        self.done(201, who, "POST", &format!("{REPO}/contents/{path}"), body)
            .await
    }

    async fn open_pull(&self, who: &str, head: &str) -> Value {
        let body = json!({"title": format!("merge {head}"), "head": head, "base": "main"});
        self.done(201, who, "POST", &format!("{REPO}/pulls"), body)
            .await
    }

    async fn comment(&self, who: &str, number: i64, text: &str) -> Value {
        self.done(
            201,
            who,
            "POST",
            &format!("{REPO}/issues/{number}/comments"),
            json!({"body": text}),
        )
        .await
    }

    async fn issue(&self, who: &str, title: &str) -> i64 {
        let issue = self
            .done(
                201,
                who,
                "POST",
                &format!("{REPO}/issues"),
                json!({"title": title, "body": "text"}),
            )
            .await;
        issue["number"].as_i64().unwrap()
    }

    /// Runs git as somebody, in a folder; says whether it succeeded, and what it said.
    async fn git(&self, at: &Path, args: &[&str]) -> (bool, String) {
        let mut command = super::git::Git::command(self.dir.path());
        command.current_dir(at).args(args);
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Some One")
                .env(format!("GIT_{role}_EMAIL"), "gavel@lab.invalid");
        }
        let output = super::git::finish(command, b"").await.unwrap();
        (output.code == 0, output.text() + &output.stderr)
    }

    fn remote(&self, who: &str) -> String {
        let account = if who.is_empty() {
            String::new()
        } else {
            format!("{who}:{}@", password(who))
        };
        format!(
            "{}/recipes/tiny.git",
            self.forge
                .url()
                .replace("http://", &format!("http://{account}"))
        )
    }
}

#[tokio::test]
async fn a_stopped_forge_is_gone() {
    let visit = Visit::start().await;
    let url = visit.url("/version");
    assert_eq!(
        visit.get("", "/version").await,
        json!({"version": "1.25.4"})
    );
    visit.forge.stop().await;
    let after = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(url)
        .send()
        .await;
    assert!(after.unwrap_err().is_connect());
}

#[tokio::test]
async fn what_is_not_there_is_answered_as_gitea_does() {
    let visit = Visit::start().await;
    let unknown = visit.send("gavel", "GET", "/nonsense", Value::Null).await;
    assert_eq!(
        (
            unknown.status().as_u16(),
            unknown.text().await.unwrap().as_str()
        ),
        (404, "404 page not found\n")
    );
    assert_eq!(
        visit.ask("gavel", "PUT", "/version", Value::Null).await.0,
        405
    );
    let docs = format!("{}/api/swagger", visit.forge.url());
    let missing = json!({"errors": null, "message": "not found", "url": docs});
    for path in [
        "/repos/recipes/nope",
        &format!("{REPO}/issues/99"),
        &format!("{REPO}/issues/abc"),
        &format!("{REPO}/branches/no"),
    ] {
        assert_eq!(
            visit.ask("gavel", "GET", path, Value::Null).await,
            (404, missing.clone()),
            "{path}"
        );
    }
    let (status, answer) = visit
        .ask(
            "gavel",
            "POST",
            &format!("{REPO}/issues"),
            json!({"body": "x"}),
        )
        .await;
    assert_eq!(
        (status, &answer["message"]),
        (422, &json!("[Title]: Required"))
    );
    let request = visit
        .client
        .post(visit.url(&format!("{REPO}/issues")))
        .basic_auth("gavel", Some(password("gavel")));
    let answer = request
        .header("content-type", "text/plain")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 422);
    // Rights come before the body.
    let request = visit
        .client
        .post(visit.url(&format!("{REPO}/issues")))
        .header("content-type", "application/json");
    assert_eq!(
        request.body("{bad").send().await.unwrap().status().as_u16(),
        401
    );
}

/// Not a test: a forge to look at by hand. `FORGE_PORT=3000 cargo test serves_by_hand -- --ignored`, ended with Ctrl-C.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until it is interrupted"]
async fn serves_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::env::var("FORGE_PORT")
        .ok()
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    let forge = Forge::start(dir.path(), port, "operator", "operatorpw1")
        .await
        .unwrap();
    println!("{}", forge.url());
    tokio::signal::ctrl_c().await.unwrap();
    forge.stop().await;
}
