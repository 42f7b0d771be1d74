//! A real Drone on loopback, beside a real Gitea: signed in, one repository active, and its runner played by the test.

use super::gitea_server::GiteaServer;
use super::talk::Who::{Password, User};
use super::talk::{Talk, step};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ADMIN: &str = "operator";
const PASSWORD: &str = "operators-own";
pub const TOKEN: &str = "token-of-the-operator-on-drone-0";
const RUNNERS_SECRET: &str = "runners-own";
/// What the one pipeline of the repository looks like.
const PIPELINE: &str = "kind: pipeline\ntype: exec\nname: suite\n\nplatform:\n  os: linux\n  arch: amd64\n\nsteps:\n- name: harness\n  commands:\n  - ./harness/run.sh\n";

pub struct DroneServer {
    pub url: String,
    client: Client,
    process: Child,
}

impl Drop for DroneServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl DroneServer {
    /// Starts Drone, signs the operator in through Gitea's pages, and activates `recipe-maintainers/cc-ci`.
    pub async fn start(binary: &Path, dir: &Path, gitea: &GiteaServer) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url = format!("http://127.0.0.1:{port}");
        let (id, secret) = prepare(&gitea.url(), &url).await;
        let log = std::fs::File::create(dir.join("drone.log")).unwrap();
        let process = Command::new(binary)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir)
            .env("DRONE_SERVER_HOST", format!("127.0.0.1:{port}"))
            .env("DRONE_SERVER_PROTO", "http")
            .env("DRONE_SERVER_PORT", format!("127.0.0.1:{port}"))
            .env("DRONE_DATABASE_DATASOURCE", dir.join("drone.sqlite"))
            .env("DRONE_GITEA_SERVER", gitea.url())
            .env("DRONE_GITEA_CLIENT_ID", id)
            .env("DRONE_GITEA_CLIENT_SECRET", secret)
            .env("DRONE_RPC_SECRET", RUNNERS_SECRET)
            .env(
                "DRONE_USER_CREATE",
                format!("username:{ADMIN},machine:false,admin:true,token:{TOKEN}"),
            )
            .env("DRONE_DATADOG_ENABLED", "false")
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .unwrap();
        let mut drone = Self {
            url,
            client,
            process,
        };
        drone.until_up(dir).await;
        drone.sign_in(&gitea.url()).await;
        drone.activate().await;
        drone
    }

    async fn until_up(&mut self, dir: &Path) {
        let started = Instant::now();
        while self
            .client
            .get(format!("{}/version", self.url))
            .send()
            .await
            .is_err()
        {
            let ended = self.process.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > Duration::from_secs(60) {
                let log = std::fs::read_to_string(dir.join("drone.log")).unwrap_or_default();
                panic!("Drone does not come up ({ended:?}): {log}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a browser does: Drone sends it to Gitea, Gitea asks for the password and sends it back with a code.
    async fn sign_in(&self, gitea: &str) {
        let mut browser = Browser {
            client: self.client.clone(),
            cookies: BTreeMap::new(),
        };
        let page = browser
            .get(&format!("{gitea}/user/login"))
            .await
            .text()
            .await
            .unwrap();
        let form = [
            ("_csrf", hidden_field(&page, "_csrf")),
            ("user_name", ADMIN.into()),
            ("password", PASSWORD.into()),
        ];
        let answer = browser.post(&format!("{gitea}/user/login"), &form).await;
        assert_eq!(answer.status(), 303, "signing in to Gitea");
        let authorize = location(&browser.get(&format!("{}/login", self.url)).await);
        let page = browser.get(&authorize).await.text().await.unwrap();
        let names = [
            "_csrf",
            "client_id",
            "state",
            "scope",
            "nonce",
            "redirect_uri",
        ];
        let mut form = names.map(|name| (name, hidden_field(&page, name))).to_vec();
        form.push(("granted", "true".into()));
        let answer = browser
            .post(&format!("{gitea}/login/oauth/grant"), &form)
            .await;
        let back = location(&answer);
        assert!(back.starts_with(&self.url), "Gitea sent back to {back}");
        let answer = browser.get(&back).await;
        let signed_in = answer.status() == 303 && !location(&answer).contains("error");
        assert!(
            signed_in,
            "signing in to Drone: {} {}",
            answer.status(),
            location(&answer)
        );
    }

    async fn activate(&self) {
        let repositories = self.call(Method::POST, "/api/user/repos", None).await;
        assert!(
            !repositories.as_array().unwrap().is_empty(),
            "Drone sees no repository"
        );
        let repository = self
            .call(Method::POST, "/api/repos/recipe-maintainers/cc-ci", None)
            .await;
        assert_eq!(repository["active"], true);
        let account = json!({"login": "reader", "machine": true, "token": "token-of-the-reader-on-drone-000"});
        self.call(Method::POST, "/api/users", Some(account)).await;
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Runs the next build in the queue as a runner would: takes it, writes a log, ends it with this exit code.
    pub async fn run_next(&self, exit_code: i64) {
        let machine = json!({"kind": "pipeline", "type": "exec", "os": "linux", "arch": "amd64"});
        let mut stage = self.rpc(Method::POST, "/stage", machine).await;
        let id = stage["id"].clone();
        self.rpc(
            Method::POST,
            &format!("/stage/{id}?machine=test"),
            Value::Null,
        )
        .await;
        stage = self
            .rpc(Method::GET, &format!("/stage/{id}"), Value::Null)
            .await["stage"]
            .take();
        let now = stage["created"].clone();
        stage["machine"] = "test".into();
        stage["status"] = "running".into();
        stage["started"] = now.clone();
        let step = |number: u64, name: &str| json!({"step_id": id, "number": number, "name": name, "status": "pending", "exit_code": 0});
        stage["steps"] = json!([step(1, "clone"), step(2, "harness")]);
        stage = self.rpc(Method::PUT, &format!("/stage/{id}"), stage).await;
        for (index, code) in [(0, 0), (1, exit_code)] {
            let step = &mut stage["steps"][index];
            step["status"] = "running".into();
            step["started"] = now.clone();
            let path = format!("/step/{}", step["id"]);
            *step = self.rpc(Method::PUT, &path, step.clone()).await;
            let lines = json!([
                {"pos": 0, "out": "+ ./harness/run.sh\n", "time": 0},
                {"pos": 1, "out": "abra app deploy\n", "time": 1},
            ]);
            self.rpc(Method::POST, &format!("{path}/logs/batch"), lines.clone())
                .await;
            self.rpc(Method::POST, &format!("{path}/logs/upload"), lines)
                .await;
            step["status"] = if code == 0 { "success" } else { "failure" }.into();
            step["exit_code"] = code.into();
            step["stopped"] = now.clone();
            *step = self.rpc(Method::PUT, &path, step.clone()).await;
        }
        stage["status"] = if exit_code == 0 { "success" } else { "failure" }.into();
        stage["exit_code"] = exit_code.into();
        stage["stopped"] = now;
        self.rpc(Method::PUT, &format!("/stage/{id}"), stage).await;
    }

    async fn rpc(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self
            .client
            .request(method, format!("{}/rpc/v2{path}", self.url));
        let answer = request
            .header("X-Drone-Token", RUNNERS_SECRET)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "rpc {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// What Drone needs of Gitea: the repository with a pipeline, and an application to sign in with. Gives its id and secret.
async fn prepare(gitea: &str, drone: &str) -> (String, String) {
    let mut talk = Talk::new(gitea, "/api/v1", "token");
    talk.know(&format!("password-{ADMIN}"), PASSWORD);
    talk.know("redirect", &format!("{drone}/login"));
    let files = "/repos/recipe-maintainers/cc-ci/contents/.drone.yml";
    for asked in [
        step("token", Password(ADMIN), Method::POST, "/users/operator/tokens")
            .body(json!({"name": "drone", "scopes": ["all"]}))
            .keep("token-operator", "/sha1"),
        step("organisation", User(ADMIN), Method::POST, "/orgs").body(json!({"username": "recipe-maintainers"})),
        step("repository", User(ADMIN), Method::POST, "/orgs/recipe-maintainers/repos")
            .body(json!({"name": "cc-ci", "auto_init": true, "default_branch": "main"})),
        step("pipeline", User(ADMIN), Method::POST, files).body(json!({
            "content": base64(PIPELINE), "message": "Add the pipeline", "branch": "main",
        })),
        step("skipped", User(ADMIN), Method::POST, "/repos/recipe-maintainers/cc-ci/contents/notes.md").body(json!({
            "content": base64("notes"), "message": "Notes [CI SKIP]", "branch": "main", "new_branch": "skipped",
        })),
        step("application", User(ADMIN), Method::POST, "/user/applications/oauth2")
            .body(json!({
                "name": "drone", "redirect_uris": ["{redirect}"], "confidential_client": true,
            }))
            .keep("id", "/client_id")
            .keep("secret", "/client_secret"),
    ] {
        let answer = talk.say(asked).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    (
        talk.variables["id"].clone(),
        talk.variables["secret"].clone(),
    )
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Keeps cookies, follows nothing by itself.
struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn get(&mut self, url: &str) -> Response {
        self.send(self.client.get(url)).await
    }

    async fn post(&mut self, url: &str, form: &[(&str, String)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let content_type = "application/x-www-form-urlencoded";
        self.send(
            self.client
                .post(url)
                .header(header::CONTENT_TYPE, content_type)
                .body(body),
        )
        .await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request
            .header(header::COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for set in answer.headers().get_all(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }
}

fn location(answer: &Response) -> String {
    let to = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok())
        .unwrap_or_default();
    answer.url().join(to).unwrap().to_string()
}

fn hidden_field(page: &str, name: &str) -> String {
    let at = page
        .find(&format!("name=\"{name}\""))
        .unwrap_or_else(|| panic!("no field {name} in {page}"));
    let rest = &page[at..];
    let start = rest.find("value=\"").unwrap() + 7;
    rest[start..].split('"').next().unwrap().to_owned()
}
