//! The launcher, with a real tmux and a run that works until it is told to end.

use super::*;
use std::io::Write;
use std::process::Output;
use std::time::{Duration, Instant};

/// Far more than any of these need; reached, the test has failed.
const LONG: Duration = Duration::from_secs(30);

/// A machine with programs and a tmux server, whose `upgrade-all` writes down what it was given and waits for a line in `go`.
struct Stage {
    machine: Machine,
    folder: Folder,
}

impl Stage {
    fn new(faults: &str) -> Stage {
        let folder = Folder::new(None, false).unwrap();
        write_programs(&folder).unwrap();
        let tmux = Tmux::new(&folder).unwrap();
        let root = folder.root().display();
        let environment = format!(
            "TMUX_TMPDIR='{}'\nHOME='{root}/home'\nFORGE_URL='http://127.0.0.1:1'\nUPGRADE_ALL='{root}/bin/run'\nLAB_FAULTS='{faults}'\n",
            tmux.folder.display()
        );
        folder.write_secret("flow.env", &environment).unwrap();
        let run = format!(
            "#!/bin/bash\necho \"$$ RECIPES=${{RECIPES-none}} $*\" >>{root}/runs\nread -r line <{root}/go\necho '===== SUMMARY ====='\necho \"all $line\"\n"
        );
        folder.write_program("bin/run", &run).unwrap();
        let made = Command::new("mkfifo").arg(folder.path("go")).status();
        assert!(made.unwrap().success());
        tmux.start_others();
        let machine = Machine { tmux };
        Stage { machine, folder }
    }

    /// As cron would: nothing in the environment but what cron sets, and what is given.
    fn launcher(&self, verb: &str, environment: &[(&str, &str)]) -> Output {
        Command::new(self.folder.path("bin/launch-upgrader.sh"))
            .arg(verb)
            .env_clear()
            .envs([("HOME", "/"), ("LOGNAME", "x"), ("SHELL", "/bin/sh")])
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().copied())
            .current_dir("/")
            .output()
            .unwrap()
    }

    fn call(&self, verb: &str) -> String {
        let output = self.launcher(verb, &[]);
        assert!(output.status.success(), "{verb}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn until(&self, what: &str, there: impl Fn() -> bool) {
        let began = Instant::now();
        while !there() {
            assert!(began.elapsed() < LONG, "{what} never came");
            std::thread::yield_now();
        }
    }

    /// What the runs so far were given, once there are so many.
    fn runs(&self, count: usize) -> Vec<String> {
        let read = || std::fs::read_to_string(self.folder.path("runs")).unwrap_or_default();
        self.until("the run", || read().lines().count() >= count);
        read().lines().map(str::to_owned).collect()
    }

    fn pid(&self, run: usize) -> i32 {
        let line = self.runs(run).swap_remove(run - 1);
        line.split(' ').next().unwrap().parse().unwrap()
    }

    fn finish(&self) {
        let mut go = std::fs::OpenOptions::new()
            .write(true)
            .open(self.folder.path("go"))
            .unwrap();
        go.write_all(b"is well\n").unwrap();
        drop(go);
        self.until("the end", || self.call("status") == "STATUS=idle");
    }

    fn sessions(&self) -> Vec<String> {
        let fields = ["list-sessions", "-F", "#{session_name} #{session_id}"];
        let output = self.machine.tmux.run(&fields).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn session(&self) -> Option<String> {
        let mut sessions = self.sessions();
        sessions.retain(|session| session.starts_with("cc-ci-upgrader "));
        sessions.pop()
    }

    fn screen(&self) -> String {
        let arguments = ["capture-pane", "-p", "-t", "=cc-ci-upgrader:"];
        String::from_utf8(self.machine.tmux.run(&arguments).unwrap().stdout).unwrap()
    }
}

fn lives(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(pid: i32, signal: Signal) {
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn it_runs_to_the_end_and_stays_with_its_summary() {
    let stage = Stage::new("");
    assert_eq!(stage.call("status"), "STATUS=absent");
    let others = stage.sessions();
    assert_eq!(others.len(), 2);
    stage.call("start");
    assert!(stage.runs(1)[0].ends_with(" RECIPES=none "));
    assert_eq!(stage.call("status"), "STATUS=busy");
    stage.finish();
    assert!(
        stage.screen().contains("===== SUMMARY =====\nall is well"),
        "{}",
        stage.screen()
    );
    let before = stage.session().unwrap();
    stage.call("start");
    stage.runs(2);
    assert_ne!(stage.session().unwrap(), before);
    assert!(stage.call("stop").contains("is ended"));
    assert!(stage.call("stop").contains("no session"));
    assert_eq!(stage.sessions(), others);
}

#[test]
fn a_run_at_work_is_left_alone_by_start_and_replaced_by_fresh() {
    let stage = Stage::new("");
    stage.call("start");
    let (session, work) = (stage.session(), stage.pid(1));
    assert!(stage.call("start").contains("left alone"));
    assert!(stage.session() == session && lives(work) && stage.runs(1).len() == 1);
    stage.call("fresh");
    stage.runs(2);
    assert!(stage.session() != session && !lives(work));
    stage.call("stop");
    assert!(!lives(stage.pid(2)));
}

#[test]
fn a_wedged_run_is_replaced() {
    let stage = Stage::new("");
    stage.call("start");
    let (session, work) = (stage.session(), stage.pid(1));
    signal(work, Signal::STOP);
    stage.until("the stop", || stage.call("status") == "STATUS=wedged");
    stage.call("start");
    stage.runs(2);
    assert!(stage.session() != session && !lives(work));
}

#[test]
fn arguments_reach_the_run_and_with_tests_never_does() {
    let stage = Stage::new("");
    let environment = [
        ("UPGRADER_ARGS", "--dry-run --with-tests"),
        ("RECIPES", "a b"),
    ];
    let output = stage.launcher("start", &environment);
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains("--with-tests is left out"), "{words}");
    assert!(stage.runs(1)[0].ends_with(" RECIPES=a b --dry-run"));
    // What one run was given is not the next one's.
    stage.call("fresh");
    assert!(stage.runs(2)[1].ends_with(" RECIPES=none "));
}

#[test]
fn what_is_stopped_ends_with_the_machine_too() {
    let stage = Stage::new("");
    stage.call("start");
    let work = stage.pid(1);
    signal(work, Signal::STOP);
    drop(stage);
    let began = Instant::now();
    while lives(work) {
        assert!(began.elapsed() < LONG, "it lives on");
        std::thread::yield_now();
    }
}

#[test]
fn the_defects_of_the_launcher_are_what_they_say() {
    let stage = Stage::new("launcher-replaces-busy launcher-matches-prefix");
    // The session of the longer name is taken for it.
    assert_eq!(stage.call("status"), "STATUS=idle");
    let stage = Stage::new("launcher-needs-login-environment");
    assert!(!stage.launcher("start", &[]).status.success());
    let stage = Stage::new("stop-leaves-agent");
    stage.call("start");
    let session = stage.session().unwrap();
    stage.call("stop");
    assert!(stage.session().is_none());
    let id = session.split(' ').nth(1).unwrap();
    assert!(stage.sessions().iter().any(|line| line.ends_with(id)));
}

#[test]
fn the_orchestrator_is_known_from_the_agents() {
    let stage = Stage::new("");
    let alive = |faults: &str, list: &str| {
        let file = stage.folder.path("processes");
        std::fs::write(&file, list).unwrap();
        let status = Command::new(stage.folder.path("bin/launch.sh"))
            .arg("alive")
            .env("PROCESS_LIST", &file)
            .env("LAB_FAULTS", faults)
            .status();
        status.unwrap().success()
    };
    let upgrader = "7 bash /x/bin/upgrader-agent --remote-control cc-ci-upgrader --dry-run\n";
    let orchestrator = "8 claude --remote-control cc-ci-orchestrator\n";
    assert!(!alive("", ""));
    assert!(!alive("", upgrader));
    assert!(alive("", orchestrator));
    assert!(alive("", &format!("{upgrader}{orchestrator}")));
    assert!(alive("orchestrator-deceived", upgrader));
    assert!(!alive("orchestrator-never-alive", orchestrator));
    let both = format!("{upgrader}{orchestrator}");
    assert!(!alive("orchestrator-looks-at-one", &both));
}

#[test]
fn a_long_folder_has_its_socket_elsewhere() {
    let short = tmux_folder(Path::new("/tmp/lab"));
    assert_eq!(short, Path::new("/tmp/lab/tmux"));
    let long = tmux_folder(Path::new(&format!("/tmp/{}", "x".repeat(90))));
    assert!(long.as_os_str().len() < SOCKET_FOLDER);
}
