//! What the lab's `docker` says has the shapes of what docker says. Against a real one where `GAVEL_TEST_DOCKER` names a docker program
//! whose engine is a swarm, on which a stack may be deployed and removed; without it this test has nothing to compare with.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const STACK: &str = "ci-contract-1";
const IMAGE: &str = "gavel/contract:1";
const LONG: Duration = Duration::from_secs(60);

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// One JSON object a line.
fn objects(command: &mut Command) -> Vec<Value> {
    String::from_utf8(run(command).stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The keys at every level, and of which kind each value is.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key, shape(value))).collect();
            json!(sorted)
        }
        Value::Array(list) => json!(list.iter().map(shape).collect::<Vec<_>>()),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        other => other.clone(),
    }
}

/// The lab's docker, over a journal in which this stack came and went as the real one does.
struct Lab {
    _folder: tempfile::TempDir,
    deploys: PathBuf,
}

impl Lab {
    fn new(events: &[&str]) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let deploys = folder.path().join("deploys");
        let lines: String = events
            .iter()
            .map(|action| {
                let event = json!({ "Type": "service", "Action": action,
                    "Actor": { "ID": "b".repeat(25), "Attributes": { "name": format!("{STACK}_app") } },
                    "scope": "swarm", "time": 1_780_000_000, "timeNano": 1_780_000_000_000_000_001_u64,
                    "image of the lab": IMAGE });
                format!("{event}\n")
            })
            .collect();
        std::fs::write(deploys.with_extension("events"), lines).unwrap();
        Lab {
            _folder: folder,
            deploys,
        }
    }

    fn docker(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel"));
        command
            .args(["lab", "docker", "--deploys"])
            .arg(&self.deploys);
        command
    }
}

/// A stack on a real engine, removed at the end.
struct Real {
    docker: String,
    _folder: tempfile::TempDir,
}

impl Real {
    fn deploy(docker: String) -> Real {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let busybox = ["/bin/busybox", "/usr/bin/busybox"];
        let busybox = busybox.iter().find(|path| Path::new(path).exists());
        std::fs::copy(busybox.expect("install busybox-static"), at("busybox")).unwrap();
        let image = "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\"]\nCMD [\"sleep\", \"1000\"]\n";
        std::fs::write(at("Dockerfile"), image).unwrap();
        let stack = format!(
            "version: '3.8'\nservices: {{ app: {{ image: '{IMAGE}', volumes: ['content:/data'] }} }}\nvolumes: {{ content: {{}} }}\nnetworks: {{ default: {{ external: true, name: host }} }}\n"
        );
        std::fs::write(at("stack.yml"), stack).unwrap();
        run(Command::new(&docker)
            .env("DOCKER_BUILDKIT", "0")
            .args(["build", "--quiet", "--tag", IMAGE])
            .arg(folder.path()));
        let real = Real {
            docker,
            _folder: folder,
        };
        run(real
            .docker()
            .args([
                "stack",
                "deploy",
                "--detach=true",
                "--resolve-image",
                "never",
            ])
            .arg("--compose-file")
            .arg(real._folder.path().join("stack.yml"))
            .arg(STACK));
        let began = Instant::now();
        while !real
            .named(&["service", "ls"])
            .iter()
            .any(|service| service["Replicas"] == "1/1")
        {
            assert!(began.elapsed() < LONG, "the service never runs");
        }
        real
    }

    fn docker(&self) -> Command {
        Command::new(&self.docker)
    }

    /// Those of a list that are this stack's.
    fn named(&self, what: &[&str]) -> Vec<Value> {
        let all = objects(self.docker().args(what).args(["--format", "json"]));
        all.into_iter()
            .filter(|entry| {
                entry["Name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with(STACK))
            })
            .collect()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.docker().args(["stack", "rm", STACK]).output();
        let began = Instant::now();
        let volume = format!("{STACK}_content");
        // A volume is in use until the last container is gone.
        while began.elapsed() < LONG {
            let removed = self
                .docker()
                .args(["volume", "rm", "--force", &volume])
                .output();
            if removed.is_ok_and(|output| output.status.success()) {
                break;
            }
        }
        let _ = self
            .docker()
            .args(["image", "rm", "--force", IMAGE])
            .output();
    }
}

#[test]
fn the_labs_docker_has_dockers_shapes() {
    let Ok(docker) = std::env::var("GAVEL_TEST_DOCKER") else {
        eprintln!("skipped: GAVEL_TEST_DOCKER names no docker");
        return;
    };
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let real = Real::deploy(docker);
    let lab = Lab::new(&["create", "update"]);
    for what in [["stack", "ls"], ["service", "ls"], ["volume", "ls"]] {
        let theirs = real.named(&what);
        let ours = objects(lab.docker().args(what).args(["--format", "json"]));
        assert_eq!((theirs.len(), ours.len()), (1, 1), "{what:?}");
        assert_eq!(shape(&theirs[0]), shape(&ours[0]), "{what:?}");
        for key in [
            "Name", "Image", "Mode", "Replicas", "Services", "Driver", "Labels",
        ] {
            assert_eq!(theirs[0][key], ours[0][key], "{key} of {what:?}");
        }
    }
    run(real.docker().args(["stack", "rm", STACK]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let past = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
    let events = |mut docker: Command, since: &str, until: &str| {
        let arguments = ["events", "--format", "json", "--filter", "type=service"];
        objects(
            docker
                .args(arguments)
                .args(["--since", since, "--until", until]),
        )
    };
    let mut theirs = events(real.docker(), &since.to_string(), &past);
    theirs.retain(|event| event["Actor"]["Attributes"]["name"] == format!("{STACK}_app"));
    let actions: Vec<&Value> = theirs.iter().map(|event| &event["Action"]).collect();
    assert_eq!(actions.first(), Some(&&json!("create")));
    assert_eq!(actions.last(), Some(&&json!("remove")));
    let lab = Lab::new(&["create", "remove"]);
    let ours = events(lab.docker(), "1780000000.0", "1780000001");
    assert_eq!(ours.len(), 2);
    let remove = |events: &[Value]| shape(events.last().unwrap());
    assert_eq!(remove(&theirs), remove(&ours));
    assert_eq!(shape(&theirs[0]), shape(&ours[0]));
}
