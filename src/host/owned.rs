//! Whose a program is: known by what stands in its environment, since a process number alone comes round again. So programs are found that
//! were started by a process which was killed, and had no chance to end them.

use super::processes::{self, send};
use procfs::process::{Process as Entry, all_processes};
use rustix::process::Signal;
use std::sync::LazyLock;

/// The variable that says whose a program is, as `pid:started`.
pub const OWNER: &str = "GAVEL_OWNER";

/// The value by which this process's programs are known for its own; empty where the process table does not show it, and then for nobody's.
pub fn owner() -> &'static str {
    static OWNER: LazyLock<String> = LazyLock::new(|| {
        let own = Entry::myself().and_then(|entry| entry.stat());
        own.map_or_else(
            |_| String::new(),
            |stat| format!("{}:{}", stat.pid, stat.starttime),
        )
    });
    &OWNER
}

/// Whether this process has started it, or something that it has started.
pub fn is_own(pid: i32) -> bool {
    let mark = format!("{OWNER}={}", owner());
    let environment = environment(pid);
    let mut variables = environment.split(|byte| *byte == 0);
    !owner().is_empty() && variables.any(|variable| variable == mark.as_bytes())
}

/// Of another account's process it is not shown, and so empty.
fn environment(pid: i32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// Ends every program whose owner is no more. Answers how many.
pub fn end() -> usize {
    kill(|environment| {
        let owner = environment.iter().find_map(|variable| {
            let value = variable
                .strip_prefix(OWNER.as_bytes())?
                .strip_prefix(b"=")?;
            let (pid, started) = std::str::from_utf8(value).ok()?.split_once(':')?;
            Some((pid.parse().ok()?, started.parse().ok()?))
        });
        // A table that cannot be read shows nobody's end.
        owner.is_some_and(|owner| processes::alive(&[owner]).is_ok_and(|alive| alive.is_empty()))
    })
}

/// Ends what is left of a session whose first process has ended, and has this variable in its environment.
pub fn end_session(session: i32, name: &str, value: &str) {
    let wanted = format!("{name}={value}");
    kill_in(
        |entry| entry.stat().is_ok_and(|stat| stat.session == session),
        |environment| {
            let mut variables = environment.iter();
            variables.any(|variable| *variable == wanted.as_bytes())
        },
    );
}

fn kill(is_one: impl Fn(&[&[u8]]) -> bool) -> usize {
    kill_in(|_| true, is_one)
}

/// Whose environment cannot be read is somebody else's.
fn kill_in(is_meant: impl Fn(&Entry) -> bool, is_one: impl Fn(&[&[u8]]) -> bool) -> usize {
    let mut killed = 0;
    for entry in all_processes().into_iter().flatten().flatten() {
        if !is_meant(&entry) {
            continue;
        }
        let environment = environment(entry.pid);
        let variables: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
        let Ok(stat) = entry.stat() else { continue };
        if is_one(&variables) {
            match send(Signal::KILL, (stat.pid, stat.starttime)) {
                Ok(()) => killed += 1,
                Err(error) => {
                    tracing::warn!(%error, "a program that was left running could not be ended");
                }
            }
        }
    }
    killed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};

    fn sleeping(name: &str, value: &str) -> Child {
        Command::new("sleep")
            .arg("1000")
            .env(name, value)
            .process_group(0)
            .spawn()
            .unwrap()
    }

    #[test]
    fn only_what_has_lost_its_owner_is_ended() {
        // Nobody has begun before the machine did.
        let mut orphan = sleeping(OWNER, &format!("{}:0", std::process::id()));
        let mut owned = sleeping(OWNER, owner());
        let mut others = sleeping(OWNER, "somebody");
        assert!(end() >= 1);
        assert_eq!(orphan.wait().unwrap().signal(), Some(9));
        assert!(is_own(owned.id().cast_signed()));
        assert!(!is_own(others.id().cast_signed()));
        for child in [&mut owned, &mut others] {
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn of_a_session_only_what_bears_the_mark_is_ended() {
        let session = Entry::myself().unwrap().stat().unwrap().session;
        let mark = format!("owned-{}", std::process::id());
        let mut marked = sleeping("MARK", &mark);
        let mut other = sleeping("MARK", "another");
        end_session(session + 1, "MARK", &mark);
        assert!(marked.try_wait().unwrap().is_none(), "of another session");
        end_session(session, "MARK", &mark);
        assert_eq!(marked.wait().unwrap().signal(), Some(9));
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
