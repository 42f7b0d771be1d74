//! Against programs that speak as docker does; `tests/docker_contract.rs` holds that against docker itself.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const EVENT: &str = r#"{"Type":"service","Action":"create","Actor":{"ID":"x1","Attributes":{"name":"ci-a-1_app"}},"scope":"swarm","time":1780000000,"timeNano":1780000000000000001}"#;

/// A docker that answers what stands in the files `list` and `stream` of its folder.
fn docker(list: &str, stream: &str) -> (TempDir, Swarm) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("list", list);
    write(
        "docker",
        &format!(
            "cd {}\ncase \"$*\" in *--until*) cat past 2>/dev/null; exit 0;; events*) {stream};; *) exec cat list;; esac\n",
            folder.path().display()
        ),
    );
    let program = folder.path().join("docker");
    let swarm = Swarm::new(Tool::new(["sh", program.to_str().unwrap()]));
    (folder, swarm)
}

async fn until(watching: &Watching, enough: impl Fn(&Watched) -> bool) -> Watched {
    let look = async {
        loop {
            let watched = watching.until_now().await.unwrap();
            if enough(&watched) {
                return watched;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look)
        .await
        .expect("it never came")
}

#[tokio::test]
async fn lists_are_read_line_by_line() {
    let (_folder, swarm) = docker(
        "{\"Name\":\"traefik\",\"Namespace\":\"\",\"Orchestrator\":\"Swarm\",\"Services\":\"1\"}\n\n",
        ":",
    );
    let stacks = swarm.stacks().await.unwrap();
    assert_eq!(stacks.len(), 1);
    assert_eq!(stacks[0].name, "traefik");
    let error = swarm.volumes().await.unwrap_err().to_string();
    assert!(error.contains("volume ls --format json"), "{error}");
}

#[tokio::test]
async fn events_come_once_from_stream_and_memory() {
    let (folder, swarm) = docker("", &format!("echo '{EVENT}'; exec sleep 1000"));
    std::fs::write(folder.path().join("past"), format!("{EVENT}\n")).unwrap();
    let watching = swarm.watch();
    until(&watching, |_| !lock(&watching.seen).events.is_empty()).await;
    let watched = watching.until_now().await.unwrap();
    assert_eq!(watched.events.len(), 1);
    assert_eq!(watched.events[0].name, "ci-a-1_app");
    assert_eq!(watched.gaps, []);
}

#[tokio::test]
async fn a_stream_that_ends_is_a_gap_and_begun_again() {
    let (_folder, swarm) = docker(
        "",
        &format!(
            "if test -e told; then exec sleep 1000; fi; : >told; echo '{EVENT}'; echo 'lost it' >&2; exit 1"
        ),
    );
    let watching = swarm.watch();
    let watched = until(&watching, |watched| !watched.gaps.is_empty()).await;
    assert_eq!(watched.events.len(), 1);
    assert!(watched.gaps[0].why.contains("lost it"));
}

#[tokio::test]
async fn what_is_no_event_is_a_gap() {
    let (_folder, swarm) = docker("", "echo nonsense; exec sleep 1000");
    let watching = swarm.watch();
    let watched = until(&watching, |watched| !watched.gaps.is_empty()).await;
    assert!(watched.gaps[0].why.contains("nonsense"));
}

#[tokio::test]
async fn dropping_it_ends_the_process() {
    let (folder, swarm) = docker("", "echo $$ >pid; exec sleep 1000");
    let watching = swarm.watch();
    let pid = async |path: &Path| loop {
        if let Some(pid) = std::fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse::<i32>().ok())
        {
            return pid;
        }
        tokio::task::yield_now().await;
    };
    let pid = pid(&folder.path().join("pid")).await;
    drop(watching);
    let gone = async {
        while crate::host::processes::tree(pid)
            .unwrap()
            .iter()
            .any(|process| process.state != 'Z')
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("it lives on");
}

#[tokio::test]
async fn what_the_engine_may_have_forgotten_is_a_gap() {
    let from = Timestamp::from_second(5).unwrap();
    // Of any kind: it forgets the oldest of all.
    let known = r#"echo '{"Type":"container","Action":"exec_die","timeNano":4000000000}'"#;
    for (remembers, gap) in [
        (known, None),
        (":", Some("may have forgotten")),
        ("exit 1", Some("is not known")),
    ] {
        let (folder, swarm) = docker("", "exec sleep 1000");
        let program = folder.path().join("docker");
        let text = std::fs::read_to_string(&program).unwrap();
        let asked = format!(
            "case \"$*\" in *type=service*) ;; *'--since 1 --until 5.000000000') {remembers};; esac"
        );
        std::fs::write(&program, text.replace("cat past 2>/dev/null", &asked)).unwrap();
        let watching = swarm.watch_since(from).await;
        let watched = watching.until_now().await.unwrap();
        let why = watched.gaps.first().map_or("", |gap| gap.why.as_str());
        assert_eq!(
            watched.gaps.len(),
            usize::from(gap.is_some()),
            "{remembers}"
        );
        assert!(why.contains(gap.unwrap_or_default()), "{why}");
    }
}
