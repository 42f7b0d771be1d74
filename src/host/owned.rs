//! Whose a program is: known by what stands in its environment, since a process number alone comes round again. So programs are found that
//! were started by a process which was killed, and had no chance to end them.

use super::processes::{self, send};
use procfs::process::{Process as Entry, all_processes};
use rustix::process::Signal;
use std::sync::LazyLock;

/// The variable that says whose a program is, as `pid:started:namespace`: in another container the same number is somebody else.
pub const OWNER: &str = "GAVEL_OWNER";

/// The value by which this process's programs are known for its own; empty where the process table does not show it, and then for nobody's.
pub fn owner() -> &'static str {
    static OWNER: LazyLock<String> = LazyLock::new(|| {
        let own = Entry::myself().and_then(|entry| entry.stat());
        match (own, namespace()) {
            (Ok(own), Some(namespace)) => format!("{}:{}:{namespace}", own.pid, own.starttime),
            _ => String::new(),
        }
    });
    &OWNER
}

/// In which process numbers are counted.
fn namespace() -> Option<String> {
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(namespace.to_str()?.to_owned())
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
            let mut parts = std::str::from_utf8(value).ok()?.splitn(3, ':');
            let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            (parts.next() == namespace().as_deref()).then_some(owner)
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
        let namespace = namespace().unwrap();
        let mut orphan = sleeping(OWNER, &format!("{}:0:{namespace}", std::process::id()));
        let mut elsewhere = sleeping(OWNER, &format!("{}:0:pid:[1]", std::process::id()));
        let mut owned = sleeping(OWNER, owner());
        let mut others = sleeping(OWNER, "somebody");
        assert!(end() >= 1);
        assert_eq!(orphan.wait().unwrap().signal(), Some(9));
        assert!(is_own(owned.id().cast_signed()));
        assert!(!is_own(others.id().cast_signed()));
        for child in [&mut owned, &mut others, &mut elsewhere] {
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
