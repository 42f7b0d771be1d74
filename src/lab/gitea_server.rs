//! A real Gitea or Forgejo on loopback: configured, started, given its administrator, and ended with the lab.
//!
//! Everything it writes stays under the folder it is given; nothing of the user's own configuration is read.

use anyhow::{Context, Result, anyhow, bail};
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// The oldest Gitea whose API the lab's parts rely on, as (major, minor).
const OLDEST: (u32, u32) = (1, 22);
/// Creating the database on a slow disk takes a while; a server that needs longer than this will not come.
const UP_WITHIN: Duration = Duration::from_secs(120);
/// One call of the server's own command line.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to close its database before it is killed.
const DOWN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Another process can take a port between finding it free and listening on it.
const PORTS_TRIED: usize = 3;

/// A running server; it ends, with all that it started, when this is stopped or dropped.
pub struct GiteaServer {
    url: String,
    process: Box<dyn ChildWrapper>,
}

impl GiteaServer {
    /// Starts `binary` in the folder `dir`, which is created where it is missing, and creates its administrator.
    ///
    /// # Errors
    /// When `binary` is no Gitea or Forgejo, is older than Gitea 1.22, or does not answer in time; the last lines of
    /// its log are in the message.
    pub async fn start(
        binary: &Path,
        dir: &Path,
        admin_login: &str,
        admin_password: &str,
    ) -> Result<Self> {
        let place = Place::prepare(binary, dir)?;
        supported(binary, &place.output(&["--version"]).await?)?;
        let server = place.serve().await?;
        let mail = format!("{admin_login}@example.org");
        let create = [
            "admin",
            "user",
            "create",
            "--admin",
            "--must-change-password=false",
            "--username",
            admin_login,
            "--email",
            &mail,
            "--password",
            admin_password,
        ];
        place
            .output(&create)
            .await
            .with_context(|| format!("cannot create the administrator {admin_login:?}"))?;
        Ok(server)
    }

    /// Where it answers: `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Asks it to end, waits for that, and kills it where it does not.
    pub async fn stop(mut self) {
        let _ = self.process.signal(rustix::process::Signal::TERM.as_raw());
        if timeout(DOWN_WITHIN, self.process.wait()).await.is_err() {
            let _ = self.process.start_kill();
            let _ = timeout(DOWN_WITHIN, self.process.wait()).await;
        }
    }
}

impl Drop for GiteaServer {
    fn drop(&mut self) {
        // The group, and not only its leader; not where it has ended, since its number can be another's by now.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.start_kill();
        }
    }
}

/// The binary and the folder it works in.
struct Place {
    binary: PathBuf,
    dir: PathBuf,
}

impl Place {
    fn prepare(binary: &Path, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir.join("home"))
            .with_context(|| format!("cannot create the server's folder {}", dir.display()))?;
        Ok(Self {
            binary: std::path::absolute(binary)?,
            dir: std::path::absolute(dir)?,
        })
    }

    fn config(&self) -> PathBuf {
        self.dir.join("app.ini")
    }

    fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// A command that sees its own HOME and none of the caller's `GITEA_…` variables.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.join("home"))
            .env("LANG", "C.UTF-8")
            // It is there for minutes, and so are the hooks that it starts: memory is spent rather than time on freeing it.
            .env("GOGC", "400")
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// What a call of the server's command line prints.
    async fn output(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command();
        if arguments != ["--version"] {
            command.arg("--config").arg(self.config());
        }
        command.args(arguments).kill_on_drop(true);
        let said = timeout(COMMAND_WITHIN, command.output())
            .await
            .map_err(|_| {
                anyhow!(
                    "{} did not end within {COMMAND_WITHIN:?}",
                    self.called(arguments)
                )
            })?
            .with_context(|| {
                format!(
                    "cannot start {}; name a Gitea or Forgejo binary",
                    self.binary.display()
                )
            })?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        if !said.status.success() {
            let complaint = String::from_utf8_lossy(&said.stderr);
            bail!(
                "{} failed ({}): {}",
                self.called(arguments),
                said.status,
                last_lines(&(text + &complaint))
            );
        }
        Ok(text)
    }

    /// For messages: the first words only, since a password can stand further on.
    fn called(&self, arguments: &[&str]) -> String {
        let words: Vec<_> = arguments.iter().take(3).copied().collect();
        format!("{} {}", self.binary.display(), words.join(" "))
    }

    async fn serve(&self) -> Result<GiteaServer> {
        for _ in 1..PORTS_TRIED {
            match self.serve_on(free_port()?).await {
                Err(error) if format!("{error:#}").contains("address already in use") => {}
                outcome => return outcome,
            }
        }
        self.serve_on(free_port()?).await
    }

    async fn serve_on(&self, port: u16) -> Result<GiteaServer> {
        self.write_config(port)?;
        let console = std::fs::File::create(self.console())?;
        let mut command = self.command();
        command
            .arg("web")
            .arg("--config")
            .arg(self.config())
            .stdout(console.try_clone()?)
            .stderr(console);
        let process = CommandWrap::from(command)
            .wrap(ProcessGroup::leader())
            .wrap(KillOnDrop)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let mut server = GiteaServer {
            url: format!("http://127.0.0.1:{port}"),
            process,
        };
        self.until_up(&mut server).await?;
        Ok(server)
    }

    async fn until_up(&self, server: &mut GiteaServer) -> Result<()> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build()?;
        let version = format!("{}/api/v1/version", server.url);
        let started = Instant::now();
        loop {
            if let Some(status) = server.process.try_wait()? {
                bail!(
                    "{} ended at its start ({status}): {}",
                    self.binary.display(),
                    self.log()
                );
            }
            if let Ok(answer) = client.get(&version).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if started.elapsed() > UP_WITHIN {
                bail!(
                    "{} was started, but {version} does not answer after {UP_WITHIN:?}: {}",
                    self.binary.display(),
                    self.log()
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        for file in [
            self.dir.join("log/gitea.log"),
            self.dir.join("log/forgejo.log"),
            self.console(),
        ] {
            text += &std::fs::read_to_string(file).unwrap_or_default();
        }
        last_lines(&text)
    }

    fn write_config(&self, port: u16) -> Result<()> {
        let path = self.config();
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        std::io::Write::write_all(&mut file, self.settings(port).as_bytes())?;
        Ok(())
    }

    /// Loopback only, nothing that takes time on its own, no access to anything outside.
    fn settings(&self, port: u16) -> String {
        let dir = self.dir.display();
        let root = rustix::process::geteuid().is_root();
        let mut ini = format!(
            "APP_NAME = Forge\nRUN_MODE = prod\nWORK_PATH = {dir}\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = {root}\n"
        );
        let (secret, internal) = (random_hex(), random_hex());
        for (section, lines) in [
            (
                "server",
                &[
                    "PROTOCOL = http",
                    "HTTP_ADDR = 127.0.0.1",
                    &format!("HTTP_PORT = {port}"),
                    &format!("ROOT_URL = http://127.0.0.1:{port}/"),
                    "DOMAIN = 127.0.0.1",
                    "DISABLE_SSH = true",
                    "LFS_START_SERVER = false",
                    "OFFLINE_MODE = true",
                    &format!("APP_DATA_PATH = {dir}/data"),
                ] as &[&str],
            ),
            (
                "database",
                &[
                    "DB_TYPE = sqlite3",
                    &format!("PATH = {dir}/data/gitea.db"),
                    "SQLITE_JOURNAL_MODE = WAL",
                    "SQLITE_TIMEOUT = 20000",
                    "LOG_SQL = false",
                ],
            ),
            (
                "repository",
                &[
                    &format!("ROOT = {dir}/repos"),
                    "DEFAULT_BRANCH = main",
                    "DEFAULT_PRIVATE = public",
                ],
            ),
            (
                "security",
                &[
                    "INSTALL_LOCK = true",
                    &format!("SECRET_KEY = {secret}"),
                    &format!("INTERNAL_TOKEN = {internal}"),
                    "MIN_PASSWORD_LENGTH = 6",
                    "PASSWORD_COMPLEXITY = off",
                    "PASSWORD_HASH_ALGO = pbkdf2$1$50",
                ],
            ),
            (
                "webhook",
                &["ALLOWED_HOST_LIST = loopback", "DELIVER_TIMEOUT = 5"],
            ),
            (
                "service",
                &["DISABLE_REGISTRATION = true", "ENABLE_NOTIFY_MAIL = false"],
            ),
            (
                "log",
                &[
                    "MODE = file",
                    "LEVEL = Info",
                    &format!("ROOT_PATH = {dir}/log"),
                ],
            ),
            ("session", &["PROVIDER = memory"]),
            ("cache", &["ADAPTER = memory"]),
            ("queue", &["TYPE = channel"]),
            (
                "indexer",
                &["ISSUE_INDEXER_TYPE = db", "REPO_INDEXER_ENABLED = false"],
            ),
            (
                "picture",
                &["DISABLE_GRAVATAR = true", "ENABLE_FEDERATED_AVATAR = false"],
            ),
            ("mailer", &["ENABLED = false"]),
            ("actions", &["ENABLED = false"]),
            ("packages", &["ENABLED = false"]),
            ("cron", &["ENABLED = false"]),
            ("cron.update_checker", &["ENABLED = false"]),
        ] {
            // Writing to a String cannot fail.
            let _ = writeln!(ini, "\n[{section}]\n{}", lines.join("\n"));
        }
        ini
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "it wrote no log".into();
    }
    let last = &lines[lines.len().saturating_sub(12)..];
    format!("its last lines were\n  {}", last.join("\n  "))
}

/// Refuses what is no Gitea or Forgejo, and what is too old.
///
/// A Forgejo tells the version of the Gitea that its API follows behind a plus sign: `forgejo version 11.0.1+gitea-1.22.0 …`.
fn supported(binary: &Path, said: &str) -> Result<()> {
    let no_gitea = || {
        let first = said.lines().next().unwrap_or_default();
        anyhow!(
            "{} is no Gitea or Forgejo: asked for its version, it said {first:?}",
            binary.display()
        )
    };
    let mut words = said.split_whitespace();
    let (name, version) = match (words.next(), words.next(), words.next()) {
        (Some(name), Some("version"), Some(version)) => (name.to_ascii_lowercase(), version),
        _ => return Err(no_gitea()),
    };
    let api = match name.as_str() {
        "gitea" => version,
        "forgejo" => version
            .split_once("+gitea-")
            .map_or(version, |(_, gitea)| gitea),
        _ => return Err(no_gitea()),
    };
    let mut numbers = api.split('.').map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return Err(no_gitea());
    };
    if (major, minor) < OLDEST {
        bail!(
            "{} is {name} {version}, which is too old: Gitea {}.{} or newer, or a Forgejo that follows it, is needed",
            binary.display(),
            OLDEST.0,
            OLDEST.1
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(said: &str) -> String {
        match supported(Path::new("gitea"), said) {
            Ok(()) => "ok".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn versions_are_told_apart() {
        assert_eq!(
            verdict("gitea version 1.25.4 built with GNU Make 4.4.1, go1.25.6 : bindata"),
            "ok"
        );
        assert_eq!(verdict("Gitea version 1.22.0 built with go1.22"), "ok");
        assert_eq!(
            verdict("forgejo version 11.0.1+gitea-1.22.0 (release name 11.0.1) built with go1.24"),
            "ok"
        );
        assert_eq!(
            verdict("gitea version 2.0.0+dev-12-gabc built with go1.26"),
            "ok"
        );
        assert!(
            verdict("Gitea version 1.15.11 built with go1.16")
                .contains("too old: Gitea 1.22 or newer")
        );
        assert!(
            verdict("Forgejo version 7.0.9+gitea-1.21.11 built with go1.22").contains("too old")
        );
        assert!(verdict("git version 2.39.5").contains("is no Gitea or Forgejo"));
        assert!(verdict("").contains("is no Gitea or Forgejo"));
        assert!(verdict("gitea version main").contains("is no Gitea or Forgejo"));
    }

    #[tokio::test]
    async fn what_is_no_gitea_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |binary: &'static str| {
            let dir = dir.path().to_owned();
            async move {
                match GiteaServer::start(Path::new(binary), &dir, "operator", "secret").await {
                    Ok(_) => panic!("{binary} started"),
                    Err(error) => format!("{error:#}"),
                }
            }
        };
        assert!(
            refused("/nonexistent/gitea")
                .await
                .contains("cannot start /nonexistent/gitea")
        );
        assert!(
            refused("/bin/sh")
                .await
                .contains("/bin/sh --version failed"),
            "{}",
            refused("/bin/sh").await
        );
        assert!(
            refused("/bin/cat")
                .await
                .contains("/bin/cat is no Gitea or Forgejo")
        );
    }

    #[tokio::test]
    async fn a_server_that_does_not_come_up_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("gitea");
        let text = "#!/bin/sh\n[ \"$1\" = --version ] && echo gitea version 1.25.4 && exit\necho no space left on device\nexit 3\n";
        // By another process: as long as a child that was started meanwhile has it open for writing, too, it could not be started.
        let written = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""])
            .arg(&binary)
            .arg(text)
            .status()
            .unwrap();
        assert!(written.success());
        let error = match GiteaServer::start(
            &binary,
            &dir.path().join("gitea-work"),
            "operator",
            "secret",
        )
        .await
        {
            Ok(_) => panic!("it started"),
            Err(error) => format!("{error:#}"),
        };
        assert!(
            error.contains("ended at its start") && error.contains("no space left on device"),
            "{error}"
        );
    }

    /// Runs where `GAVEL_TEST_GITEA` names a binary.
    #[tokio::test]
    async fn a_real_server_starts_has_its_administrator_and_ends() {
        let Some(binary) = std::env::var_os("GAVEL_TEST_GITEA") else {
            eprintln!("skipped: GAVEL_TEST_GITEA names no Gitea binary");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let server =
            GiteaServer::start(Path::new(&binary), dir.path(), "operator", "operators-own")
                .await
                .unwrap();
        let user = format!("{}/api/v1/user", server.url());
        let client = reqwest::Client::new();
        let me: serde_json::Value = client
            .get(&user)
            .basic_auth("operator", Some("operators-own"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(
            (&me["login"], &me["is_admin"]),
            (&"operator".into(), &true.into())
        );
        server.stop().await;
        assert!(client.get(&user).send().await.is_err(), "it still answers");
    }
}
