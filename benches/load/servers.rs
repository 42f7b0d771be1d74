//! The two servers, each started anew for every load: `gavel serve` as it is built here, and Debian's `webhook`.

use crate::deliveries::{PEOPLE, SECRET, TRACKING};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// So long a server may take to listen.
const START: Duration = Duration::from_secs(30);

/// A server that is up; killed where it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    async fn start(mut command: Command, address: SocketAddr) -> Result<Self, String> {
        let name = command.as_std().get_program().to_owned();
        let child = command.kill_on_drop(true).spawn();
        let mut child = child.map_err(|error| format!("starting {name:?}: {error}"))?;
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                // Who only ever asks would keep it from starting.
                sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            up = timeout(START, listens) => up.map_err(|_| format!("{name:?} does not listen on {address}"))?,
            ended = child.wait() => return Err(format!("{name:?} ended: {ended:?}")),
        }
        Ok(Self { child, address })
    }

    /// The most memory that it ever had resident, in MiB.
    pub fn memory(&self) -> f64 {
        let status = self
            .child
            .id()
            .and_then(|id| std::fs::read_to_string(format!("/proc/{id}/status")).ok());
        let peak = status
            .as_deref()
            .unwrap_or_default()
            .lines()
            .find_map(|line| {
                line.strip_prefix("VmHWM:")?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse::<f64>()
                    .ok()
            });
        peak.unwrap_or(f64::NAN) / 1024.0
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> Result<(), String> {
        self.child
            .kill()
            .await
            .map_err(|error| format!("killing it: {error}"))
    }
}

fn free() -> Result<SocketAddr, String> {
    let listener =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map_err(|error| format!("looking for a free port: {error}"))
}

/// Debian's `webhook`; none where it is not installed.
pub async fn webhook() -> Option<Result<Server, String>> {
    let program = ["/usr/bin/webhook", "/usr/local/bin/webhook"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    Some(
        async {
            let address = free()?;
            let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/load/webhook.json");
            let mut command = Command::new(program);
            command.arg("-hooks").arg(hooks).args([
                "-ip",
                "127.0.0.1",
                "-port",
                &address.port().to_string(),
            ]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            Server::start(command, address).await
        }
        .await,
    )
}

/// An installation of Gavel's: a folder with its configuration and its database.
pub struct Gavel {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Gavel {
    /// One that asks this forge.
    pub fn install(forge: SocketAddr) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("making a folder: {error}"))?;
        let address = free()?;
        for name in [
            "forge.token",
            "drone.token",
            "outsider.token",
            "flow.token",
            "webhook.secret",
        ] {
            let text = if name == "webhook.secret" {
                SECRET
            } else {
                "a-token-of-the-benchmark"
            };
            let file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(folder.path().join(name));
            file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
                .map_err(|error| format!("writing {name}: {error}"))?;
        }
        let people: Vec<String> = (0..PEOPLE)
            .map(|number| format!("\"person-{number}\""))
            .collect();
        let text = include_str!("../../deploy/gavel.example.toml")
            .replace("/etc/gavel/", "")
            .replace("/var/lib/gavel", "data")
            .replace("127.0.0.1:8321", &address.to_string())
            .replace("https://git.example.org", &format!("http://{forge}"))
            .replace(
                "accounts = [\"maintainer\"]",
                &format!("accounts = [{}]", people.join(", ")),
            );
        assert!(
            text.contains(TRACKING),
            "the example names another tracking issue"
        );
        std::fs::write(folder.path().join("gavel.toml"), text)
            .map_err(|error| format!("writing gavel.toml: {error}"))?;
        Ok(Self { folder, address })
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("GAVEL_LOG", "off")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir(self.folder.path());
        command
    }

    pub async fn serve(&self) -> Result<Server, String> {
        let mut command = self.command(env!("CARGO_BIN_EXE_gavel"));
        command.args(["serve", "--config", "gavel.toml"]);
        Server::start(command, self.address).await
    }

    /// The same under `strace`, which writes down what is synced and what is sent; none where there is no strace.
    pub async fn serve_traced(&self) -> Option<Result<Server, String>> {
        Path::new("/usr/bin/strace").exists().then_some(())?;
        let mut command = self.command("/usr/bin/strace");
        // It traces from beside, so that what is killed here is Gavel.
        command.args([
            "-D",
            "-f",
            "-qq",
            "-e",
            "trace=fdatasync,fsync,write,writev,sendto",
            "-s",
            "16",
            "-o",
            "trace",
        ]);
        command
            .arg(env!("CARGO_BIN_EXE_gavel"))
            .args(["serve", "--config", "gavel.toml"]);
        Some(Server::start(command, self.address).await)
    }

    /// What `strace` wrote.
    pub fn trace(&self) -> Result<String, String> {
        std::fs::read_to_string(self.folder.path().join("trace"))
            .map_err(|error| format!("reading the trace: {error}"))
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("data/gavel.sqlite")
    }

    async fn open(&self) -> Result<SqlitePool, String> {
        let options = SqliteConnectOptions::new().filename(self.database());
        SqlitePool::connect_with(options)
            .await
            .map_err(|error| format!("opening the database: {error}"))
    }

    /// The comments whose commands are on record.
    pub async fn on_record(&self) -> Result<BTreeSet<u64>, String> {
        let pool = self.open().await?;
        let rows = sqlx::query("select comment from commands")
            .fetch_all(&pool)
            .await;
        let rows = rows.map_err(|error| format!("reading the commands: {error}"))?;
        pool.close().await;
        Ok(rows
            .iter()
            .map(|row| row.get::<i64, _>(0).unsigned_abs())
            .collect())
    }

    /// Waits until the tracking issue has been read.
    pub async fn has_read(&self) -> Result<(), String> {
        let pool = self.open().await?;
        loop {
            let row = sqlx::query("select count(*) from cursors").fetch_one(&pool);
            let row = row.await;
            let row = row.map_err(|error| format!("reading how far it has read: {error}"))?;
            if row.get::<i64, _>(0) > 0 {
                pool.close().await;
                return Ok(());
            }
            // Who only ever asks would keep it from reading.
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many commands wait to be dealt with.
    pub async fn waiting(&self) -> Result<i64, String> {
        let pool = self.open().await?;
        let row = sqlx::query("select count(*) from commands where handled is null")
            .fetch_one(&pool)
            .await;
        pool.close().await;
        Ok(row
            .map_err(|error| format!("reading the commands: {error}"))?
            .get(0))
    }
}
