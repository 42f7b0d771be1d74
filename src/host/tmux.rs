//! tmux's sessions: who is there, which process they run, what is on their screen. Targets are exact, since a bare name matches prefixes.

use super::{HostError, Tool};
use serde::{Deserialize, Serialize};

/// One session, and the process in its first pane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// tmux's own id (`$3`), given once in the life of a server: a session of the same name with another id is another session.
    pub id: String,
    pub name: String,
    /// Seconds since the epoch.
    pub created: i64,
    pub pane_pid: i32,
    /// The pane's process has ended, and the pane stayed.
    pub dead: bool,
}

impl Session {
    /// Whether both are the same session, whatever its name is by now. A new server gives its ids anew.
    pub fn is(&self, other: &Session) -> bool {
        self.id == other.id && self.created == other.created
    }
}

/// What a session shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// The lines that are on the screen now; lines that were wrapped are whole.
    pub visible: String,
    /// The same with all that has scrolled away and can still be scrolled back to.
    pub whole: String,
}

#[derive(Debug, Clone)]
pub struct Tmux {
    tool: Tool,
}

/// The name comes last, since it may hold spaces.
const FIELDS: &str = "#{session_id} #{session_created} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_name}";

impl Tmux {
    pub fn new(tool: Tool) -> Tmux {
        Tmux { tool }
    }

    /// All sessions of the server, by name. Without a server there are none.
    pub async fn sessions(&self) -> Result<Vec<Session>, HostError> {
        let arguments = ["-u", "list-panes", "-a", "-F", FIELDS];
        let text = match self.tool.ask(&arguments).await {
            Ok(text) => text,
            Err(HostError::Failed { words, .. }) if no_server(&words) => String::new(),
            Err(error) => return Err(error),
        };
        let mut sessions: Vec<Session> = Vec::new();
        for line in text.lines() {
            let session = session(line).ok_or_else(|| HostError::Unreadable {
                asked: self.tool.asked(&arguments),
                why: format!("`{line}` is no pane"),
            })?;
            // Panes come in order: the first of a session stands for it.
            if sessions.iter().all(|known| known.id != session.id) {
                sessions.push(session);
            }
        }
        sessions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(sessions)
    }

    /// What the session with exactly this name shows.
    pub async fn screen(&self, name: &str) -> Result<Screen, HostError> {
        let target = format!("={name}:");
        let capture = ["-u", "capture-pane", "-p", "-J", "-t", &target];
        let visible = self.tool.ask(&capture).await?;
        let whole = [&capture[..], &["-S", "-"]].concat();
        let whole = self.tool.ask(&whole).await?;
        let trimmed = |text: String| text.trim_end().to_owned();
        Ok(Screen {
            visible: trimmed(visible),
            whole: trimmed(whole),
        })
    }

    /// Ends the session with this id; `false` where there is none any more.
    pub async fn kill(&self, id: &str) -> Result<bool, HostError> {
        match self.tool.ask(&["kill-session", "-t", id]).await {
            Ok(_) => Ok(true),
            Err(HostError::Failed { words, .. })
                if no_server(&words) || words.contains("can't find session") =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn no_server(words: &str) -> bool {
    words.contains("no server running on")
        || words.contains("error connecting to") && words.contains("No such file or directory")
}

fn session(line: &str) -> Option<Session> {
    let mut fields = line.splitn(7, ' ');
    let session = Session {
        id: fields.next()?.to_owned(),
        created: fields.next()?.parse().ok()?,
        pane_pid: fields.next()?.parse().ok()?,
        dead: fields.next()? == "1",
        name: fields.nth(2)?.to_owned(),
    };
    session.id.starts_with('$').then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::processes;
    use std::time::Duration;
    use tempfile::TempDir;

    /// A server of its own, ended with it.
    struct Server {
        folder: TempDir,
        tool: Tool,
    }

    impl Server {
        fn new() -> Server {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().to_str().unwrap().to_owned();
            let tool = Tool::new(["tmux", "-f", "/dev/null"])
                .env("TMUX_TMPDIR", place)
                .time_limit(Duration::from_secs(20));
            Server { folder, tool }
        }

        async fn start(&self, name: &str, line: &[&str]) {
            let arguments = [&["new-session", "-d", "-s", name, "-x", "60"], line].concat();
            self.tool.ask(&arguments).await.unwrap();
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = std::process::Command::new("tmux")
                .arg("kill-server")
                .env("TMUX_TMPDIR", self.folder.path())
                .status();
        }
    }

    #[tokio::test]
    async fn names_are_exact_and_ids_are_given_once() {
        let server = Server::new();
        let tmux = Tmux::new(server.tool.clone());
        assert_eq!(tmux.sessions().await.unwrap(), []);
        assert!(!tmux.kill("$0").await.unwrap());

        server.start("upgrader-notes", &["sleep", "1000"]).await;
        assert!(tmux.screen("upgrader").await.is_err());
        server.start("upgrader", &["sleep", "1001"]).await;
        let seen = tmux.sessions().await.unwrap();
        let names: Vec<&str> = seen.iter().map(|session| session.name.as_str()).collect();
        assert_eq!(names, ["upgrader", "upgrader-notes"]);
        let tree = processes::tree(seen[0].pane_pid).unwrap();
        assert_eq!(tree[0].args, ["sleep", "1001"]);

        assert!(tmux.kill(&seen[0].id).await.unwrap());
        assert!(!tmux.kill(&seen[0].id).await.unwrap());
        server.start("upgrader", &["sleep", "1001"]).await;
        let again = tmux.sessions().await.unwrap();
        assert_ne!(again[0].id, seen[0].id);
        assert_eq!(again[1], seen[1]);
    }

    #[tokio::test]
    async fn what_scrolled_away_is_part_of_the_whole() {
        let server = Server::new();
        let tmux = Tmux::new(server.tool.clone());
        let script = "seq 100; printf 'ä%.0s' $(seq 70); tmux wait-for -S told; exec sleep 1000";
        server.start("talker", &["sh", "-c", script]).await;
        server.tool.ask(&["wait-for", "told"]).await.unwrap();
        let seen = tmux.screen("talker").await.unwrap();
        assert!(seen.whole.starts_with("1\n2\n3\n"), "{}", seen.whole);
        assert!(!seen.visible.contains("\n3\n"));
        assert!(seen.visible.ends_with(&"ä".repeat(70)), "{}", seen.visible);
    }

    #[tokio::test]
    async fn no_tmux_is_no_empty_list() {
        let tmux = Tmux::new(Tool::new(["no-such-tmux"]));
        assert!(tmux.sessions().await.is_err());
    }
}
