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
async fn what_the_engine_has_forgotten_is_a_gap() {
    // Of any kind: it forgets the oldest of all, and looks for services among those that are left.
    let any = |at: i64| format!(r#"{{"Type":"container","Action":"exec_die","timeNano":{at}}}"#);
    let second = |at: i64| Timestamp::from_second(at).unwrap();
    for (events, from, is_gap) in [(255, 5, false), (256, 5, true), (256, 50, false)] {
        let (folder, swarm) = docker("", "exec sleep 1000");
        let all: Vec<String> = (0..events).map(|at| any(10_000_000_000 + at)).collect();
        let past = r#"case "$*" in *type=service*) ;; *) cat any;; esac"#;
        std::fs::write(folder.path().join("any"), all.join("\n")).unwrap();
        let text = std::fs::read_to_string(folder.path().join("docker")).unwrap();
        let text = text.replace("cat past 2>/dev/null", past);
        std::fs::write(folder.path().join("docker"), text).unwrap();
        let watching = swarm.watch_since(second(from)).await;
        let watched = watching.until_now().await.unwrap();
        assert_eq!(!watched.gaps.is_empty(), is_gap, "{events} since {from}");
    }
    // Nor is it known where it does not say.
    let (folder, swarm) = docker("", "exec sleep 1000");
    std::fs::write(folder.path().join("past"), "nonsense\n").unwrap();
    let watching = swarm.watch_since(second(5)).await;
    assert!(watching.gap.as_ref().unwrap().why.contains("is not known"));
}
