//! The lab as a test's world: who says what where, and what Gavel says to it.

use crate::mask::mask;
use crate::process::Process;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const TRACKING: &str = "maintainers/verification";
pub const MIRROR: &str = "recipe-maintainers/custom-html-tiny";

/// Reached, the test has failed; nothing here takes a tenth of it.
const LONG: Duration = Duration::from_secs(90);

/// Between two looks at what has no other way to tell.
const LOOK: Duration = Duration::from_millis(40);

/// Fields are dropped in this order: whoever talks goes before whoever is talked to.
pub struct Lab {
    bot: Option<Process>,
    _lab: Process,
    folder: TempDir,
    client: Client,
    places: Value,
    accounts: Value,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub by: String,
    /// The name of its slot where Gavel wrote it, such as `answer-3`.
    pub slot: String,
    /// Without the marker, and with what changes from run to run masked.
    pub text: String,
}

impl Lab {
    /// Everything, and Gavel.
    pub async fn start() -> Self {
        let mut lab = Self::without_gavel().await;
        lab.start_gavel(&[]).await;
        lab
    }

    /// Everything but Gavel.
    pub async fn without_gavel() -> Self {
        Self::broken(&[]).await
    }

    /// Everything but Gavel, with these faults.
    pub async fn broken(faults: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        command
            .args(["lab", "serve", "--no-bot", "--out"])
            .arg(folder.path())
            .args(faults.iter().flat_map(|fault| ["--fault", fault]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut lab = Process::start(&mut command);
        let stdout = lab.child().stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let places = line.strip_prefix("ready ").expect("the lab did not start");
        let accounts = std::fs::read(folder.path().join("accounts.json")).unwrap();
        Self {
            bot: None,
            _lab: lab,
            client: Client::builder().no_proxy().build().unwrap(),
            places: places.parse().unwrap(),
            accounts: serde_json::from_slice(&accounts).unwrap(),
            folder,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets a key of the configuration that Gavel is started with: its name alone, or behind its section where several have it.
    pub fn configure(&self, key: &str, value: &str) {
        let path = self.path("gavel.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let (wanted, name) = match key.rsplit_once('.') {
            Some((section, name)) => (Some(format!("[{section}]")), name),
            None => (None, key),
        };
        let start = format!("{name} = ");
        let mut section = "";
        let mut set = 0;
        let mut lines = String::new();
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let is_there = wanted.as_ref().is_none_or(|wanted| wanted == section);
            if is_there && line.starts_with(&start) {
                set += 1;
                lines.push_str(&format!("{start}{value}\n"));
            } else {
                lines.push_str(&format!("{line}\n"));
            }
        }
        assert_eq!(set, 1, "{key} in {text}");
        std::fs::write(path, lines).unwrap();
    }

    /// A key of the configuration behind its section, as it is written there.
    pub fn configured(&self, section: &str, key: &str) -> String {
        let text = std::fs::read_to_string(self.path("gavel.toml")).unwrap();
        let (_, rest) = text.split_once(&format!("[{section}]\n")).unwrap();
        let start = format!("{key} = \"");
        let mut lines = rest.lines().take_while(|line| !line.starts_with('['));
        let line = lines.find_map(|line| line.strip_prefix(&start));
        line.unwrap().trim_end_matches('"').to_owned()
    }

    /// The beginning of all addresses of results.
    pub fn results(&self) -> String {
        let address = self.configured("suite", "results_url");
        address.split("{build}").next().unwrap().to_owned()
    }

    /// Gavel's database, as somebody else opens it.
    pub async fn database(&self) -> SqliteConnection {
        let database = self.path("gavel-data/gavel.sqlite");
        let url = format!("sqlite:{}", database.display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    /// Starts `gavel serve`, and waits until it is ready.
    pub async fn start_gavel(&mut self, environment: &[(&str, &str)]) {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.path("logs/gavel.log"))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        command
            .args(["serve", "--config"])
            .arg(self.path("gavel.toml"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("TZ", "UTC")
            .env("GAVEL_LOG", "info,gavel=debug")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.bot = Some(Process::start(&mut command));
        let health = format!("{}/healthz", self.place("gavel_url"));
        self.until("Gavel is ready", async || {
            let answer = self.client.get(&health).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Asks Gavel to read its secrets again, and waits for what its log says of that; the line.
    pub async fn reload(&self, says: &str) -> String {
        let lines = || {
            let log = std::fs::read_to_string(self.path("logs/gavel.log")).unwrap();
            let lines = log.lines().filter(|line| line.contains(says));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = lines().len();
        self.bot.as_ref().unwrap().hang_up();
        let what = format!("{says:?} in the log");
        self.until(&what, async || lines().get(before).cloned())
            .await
    }

    /// Takes Gavel's process away, to be stopped or killed.
    pub fn gavel(&mut self) -> Process {
        self.bot.take().unwrap()
    }

    /// One of `forge_url`, `drone_url`, `gavel_url`.
    pub fn place(&self, name: &str) -> &str {
        self.places[name].as_str().unwrap()
    }

    /// Looks until there is something to see.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        self.until_within(what, LONG, look).await
    }

    async fn until_within<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl AsyncFn() -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if began.elapsed() > limit {
                let log = std::fs::read_to_string(self.path("logs/gavel.log")).unwrap_or_default();
                panic!("not seen: {what}; Gavel's log:\n{log}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks the forge something as somebody; what is not there is `null`.
    pub async fn ask(&self, who: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        let token = self.accounts["accounts"][who]["token"].as_str().unwrap();
        let mut request = self
            .client
            .request(method, format!("{}/api/v1/{path}", self.place("forge_url")))
            .header("authorization", format!("token {token}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(
            status.is_success() || status == 404,
            "{path}: {status} {text}"
        );
        if status == 404 {
            return Value::Null;
        }
        text.parse().unwrap_or_default()
    }

    /// Asks the forge something that it may refuse; answers the status alone.
    pub async fn try_to(&self, who: &str, method: Method, path: &str, body: Value) -> u16 {
        let token = self.accounts["accounts"][who]["token"].as_str().unwrap();
        let url = format!("{}/api/v1/{path}", self.place("forge_url"));
        let request = self.client.request(method, url).json(&body);
        let request = request.header("authorization", format!("token {token}"));
        request.send().await.unwrap().status().as_u16()
    }

    /// Asks something of another part of the lab than the forge, with Drone's token, which the others do not look at.
    pub async fn do_at(&self, method: Method, url: &str) {
        let token = self.accounts["drone_token"].as_str().unwrap();
        let request = self.client.request(method, url).bearer_auth(token);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
    }

    /// Writes a token of somebody into a file, one that may only read.
    pub async fn read_token(&self, who: &str) -> PathBuf {
        let scopes = [
            "read:repository",
            "read:issue",
            "read:user",
            "read:organization",
        ];
        let token = self.new_token(who, "audit", &scopes).await;
        self.write_secret("audit.token", &token)
    }

    /// Writes a file that its owner alone may read.
    pub fn write_secret(&self, name: &str, secret: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Makes one more token of somebody.
    pub async fn new_token(&self, who: &str, name: &str, scopes: &[&str]) -> String {
        let new = json!({ "name": name, "scopes": scopes });
        let made = self.tokens(who, Method::POST, "", new).await;
        let made: Value = made.parse().unwrap();
        made["sha1"].as_str().unwrap().to_owned()
    }

    /// Has the forge forget the token that somebody began with.
    pub async fn forget_first_token(&self, who: &str) {
        self.tokens(who, Method::DELETE, "/lab", Value::Null).await;
    }

    /// Asks something about somebody's tokens, for which the forge wants the password.
    async fn tokens(&self, who: &str, method: Method, path: &str, body: Value) -> String {
        let of = |key: &str| self.accounts["accounts"][who][key].as_str().unwrap();
        let (forge, login) = (self.place("forge_url"), of("login"));
        let url = format!("{forge}/api/v1/users/{login}/tokens{path}");
        let request = self.client.request(method, &url).json(&body);
        let request = request.basic_auth(login, Some(of("password")));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.text().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask("maintainer", Method::GET, path, None).await
    }

    /// Somebody comments on the tracking issue.
    pub async fn say(&self, who: &str, text: &str) -> u64 {
        self.say_in(TRACKING, 1, who, text).await
    }

    pub async fn say_in(&self, repository: &str, number: u64, who: &str, text: &str) -> u64 {
        let path = format!("repos/{repository}/issues/{number}/comments");
        let said = self.ask(who, Method::POST, &path, Some(json!({ "body": text })));
        said.await["id"].as_u64().unwrap()
    }

    /// Somebody changes a comment; answers it.
    pub async fn edit(&self, who: &str, comment: u64, text: &str) -> Value {
        let path = format!("repos/{TRACKING}/issues/comments/{comment}");
        self.ask(who, Method::PATCH, &path, Some(json!({ "body": text })))
            .await
    }

    /// All comments, oldest first.
    pub async fn comments(&self, repository: &str, number: u64) -> Vec<Comment> {
        let path = format!("repos/{repository}/issues/{number}/comments");
        let mut comments: Vec<_> = self
            .get(&path)
            .await
            .as_array()
            .unwrap()
            .iter()
            .map(|comment| self.read(comment))
            .collect();
        comments.sort_by_key(|comment| comment.id);
        comments
    }

    fn read(&self, comment: &Value) -> Comment {
        let body = comment["body"].as_str().unwrap();
        let marked = body
            .strip_prefix("<!-- gavel:")
            .and_then(|rest| rest.split_once(" -->\n"));
        let (slot, text) = marked.unwrap_or(("", body));
        // What stands there for programs, no page shows.
        let text = match text.split_once('\n') {
            Some((first, rest)) if first.starts_with("<!-- gavel-verdicts/1 ") => rest,
            _ => text,
        };
        Comment {
            id: comment["id"].as_u64().unwrap(),
            by: comment["user"]["login"].as_str().unwrap().to_owned(),
            // Behind it stands which installation wrote it.
            slot: slot.split(' ').next().unwrap_or_default().to_owned(),
            text: mask(&self.placed(text)),
        }
    }

    /// The addresses of this lab's parts under their names.
    fn placed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, name) in [
            ("forge_url", "forge"),
            ("drone_url", "drone"),
            ("gavel_url", "gavel"),
        ] {
            text = text.replace(self.place(place), &format!("http://{name}"));
        }
        text.replace(self.folder.path().to_str().unwrap(), "DIR")
    }

    /// What Gavel has written on the tracking issue.
    pub async fn said(&self) -> Vec<Comment> {
        let mut comments = self.comments(TRACKING, 1).await;
        comments.retain(|comment| comment.by == "gavel");
        comments
    }

    /// Gavel's answers to what was said after this comment, once there are so many.
    pub async fn answers(
        &self,
        repository: &str,
        number: u64,
        after: u64,
        count: usize,
    ) -> Vec<String> {
        let what = format!("{count} answers after comment {after} of {repository}#{number}");
        self.until(&what, async || {
            let mut comments = self.comments(repository, number).await;
            comments.retain(|said| said.id > after && said.slot.starts_with("answer-"));
            let texts = comments
                .into_iter()
                .map(|said| said.text)
                .collect::<Vec<_>>();
            (texts.len() >= count).then_some(texts)
        })
        .await
    }

    /// The maintainer says something on the tracking issue; Gavel's answer.
    pub async fn talk(&self, text: &str) -> String {
        let said = self.say("maintainer", text).await;
        let mut answers = self.answers(TRACKING, 1, said, 1).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// The reactions to a comment, as `account: sign`, once there is one.
    pub async fn reactions(&self, comment: u64) -> Vec<String> {
        self.until("a reaction", async || {
            let path = format!("repos/{TRACKING}/issues/comments/{comment}/reactions");
            let reactions = self.get(&path).await;
            let given = reactions.as_array()?.iter().map(|reaction| {
                let of = |value: &Value| value.as_str().unwrap().to_owned();
                format!(
                    "{}: {}",
                    of(&reaction["user"]["login"]),
                    of(&reaction["content"])
                )
            });
            Some(given.collect::<Vec<_>>()).filter(|given| !given.is_empty())
        })
        .await
    }

    /// A file that Gavel serves.
    pub async fn file(&self, path: &str) -> Vec<u8> {
        let url = format!("{}{path}", self.place("gavel_url"));
        let answer = self.client.get(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.bytes().await.unwrap().into()
    }

    /// A run, as Gavel tells programs; `null` while there is none.
    pub async fn run(&self, number: u64) -> Value {
        let url = format!("{}/runs/{number}.json", self.place("gavel_url"));
        match self.client.get(url).send().await {
            Ok(answer) if answer.status().is_success() => answer.json().await.unwrap(),
            _ => Value::Null,
        }
    }

    /// The clauses of an item's judged attempt, as `V2.1 PASS: what was seen`, a line each.
    pub async fn clauses(&self, run: u64, item: &str) -> String {
        let url = format!("{}/runs/{run}/evidence.json", self.place("gavel_url"));
        let answer = self.client.get(url).send().await.unwrap();
        let evidence: Value = answer.json().await.unwrap();
        let attempts = evidence["attempts"].as_array().unwrap();
        let attempt = attempts.iter().find(|attempt| attempt["item"] == item);
        let of = |clause: &Value, key: &str| clause[key].as_str().unwrap().to_owned();
        let lines = attempt.unwrap()["clauses"].as_array().unwrap().iter();
        let lines = lines.map(|clause| {
            let (id, verdict) = (of(clause, "id"), of(clause, "verdict"));
            format!("{id} {verdict}: {}\n", of(clause, "seen"))
        });
        mask(&self.placed(&lines.collect::<String>()))
    }

    /// A run, once it has ended.
    pub async fn ended(&self, number: u64) -> Value {
        self.ended_within(number, LONG).await
    }

    /// The end of a run that takes longer than others.
    pub async fn ended_within(&self, number: u64, limit: Duration) -> Value {
        self.until_within("the end of the run", limit, async || {
            let run = self.run(number).await;
            let state = run["state"].as_str()?;
            ["finished", "cancelled", "overdue"]
                .contains(&state)
                .then(|| run.clone())
        })
        .await
    }

    /// What Gavel says in a slot of the tracking issue, once it says something of the kind. A slot that ends with `-` is any that begins so.
    pub async fn slot(&self, slot: &str, holds: &str) -> String {
        self.until(&format!("{holds:?} in {slot}"), async || {
            let mut said = self.said().await;
            said.retain(|said| {
                (said.slot == slot || slot.ends_with('-') && said.slot.starts_with(slot))
                    && said.text.contains(holds)
            });
            said.pop().map(|comment| comment.text)
        })
        .await
    }

    /// The pull requests that Gavel has opened, by number: open or not.
    pub async fn pulls(&self) -> Vec<(u64, bool)> {
        let all = self
            .get(&format!("repos/{MIRROR}/pulls?state=all&limit=50"))
            .await;
        let mut pulls: Vec<_> = all
            .as_array()
            .unwrap()
            .iter()
            .filter(|pull| pull["user"]["login"] == "gavel")
            .map(|pull| {
                assert_eq!(pull["merged"], false);
                (pull["number"].as_u64().unwrap(), pull["state"] == "open")
            })
            .collect();
        pulls.sort_unstable();
        pulls
    }

    /// The statuses of a pull request's head.
    pub async fn statuses(&self, pull: u64) -> Vec<Value> {
        let pull = self.get(&format!("repos/{MIRROR}/pulls/{pull}")).await;
        let head = pull["head"]["sha"].as_str().unwrap();
        let path = format!("repos/{MIRROR}/commits/{head}/statuses");
        self.get(&path)
            .await
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Nothing that a run has opened is left: no open pull request, no branch, and no comment was written twice.
    pub async fn assert_clean(&self) {
        let branches = self.get(&format!("repos/{MIRROR}/branches")).await;
        let names: Vec<_> = branches
            .as_array()
            .unwrap()
            .iter()
            .map(|branch| branch["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["known-green", "known-red", "main"]);
        let mut comments = self.said().await;
        for (number, open) in self.pulls().await {
            assert!(!open, "pull request {number} is open");
            comments.extend(self.comments(MIRROR, number).await);
        }
        comments.retain(|comment| !comment.slot.is_empty());
        let mut slots: Vec<_> = comments.iter().map(|comment| &comment.slot).collect();
        slots.sort_unstable();
        let all = slots.len();
        slots.dedup();
        assert_eq!(
            slots.len(),
            all,
            "a comment was written twice: {comments:?}"
        );
    }
}
