//! Instants at which Gavel can be killed: before and after whatever it stores, makes or starts. The lab asks for their names, and then for the
//! end at one of them; without the lab there is nothing here.

#[cfg(feature = "lab")]
use std::io::Write;
#[cfg(feature = "lab")]
use std::sync::{LazyLock, Mutex, PoisonError};

/// The file to which the names of all instants are appended as they are reached, a line each.
#[cfg(feature = "lab")]
const NAMES: &str = "GAVEL_LAB_INSTANTS";

/// The instant at which the process is killed.
#[cfg(feature = "lab")]
const END: &str = "GAVEL_LAB_ENDS_AT";

/// What the lab asked for.
#[cfg(feature = "lab")]
struct Wanted {
    names: Option<Mutex<std::fs::File>>,
    end: Option<String>,
}

#[cfg(feature = "lab")]
static WANTED: LazyLock<Wanted> = LazyLock::new(|| {
    let names = std::env::var_os(NAMES).and_then(|path| {
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true).open(path).ok()
    });
    Wanted {
        names: names.map(Mutex::new),
        end: std::env::var(END).ok(),
    }
});

/// Whether somebody wants to know of instants.
#[cfg(feature = "lab")]
pub fn are_wanted() -> bool {
    WANTED.names.is_some() || WANTED.end.is_some()
}

/// Something happens before or after this instant, which has this name in every run: no ids, no times.
#[cfg(feature = "lab")]
pub fn reach(name: impl FnOnce() -> String) {
    if !are_wanted() {
        return;
    }
    let name = name();
    if let Some(names) = &WANTED.names {
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        // Who listens is the lab, and counts what it got.
        let _ = writeln!(names, "{name}");
    }
    if WANTED.end.as_ref() == Some(&name) {
        // As a crash does: nothing is flushed, closed or said.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(not(feature = "lab"))]
pub fn reach(_: impl FnOnce() -> String) {}

/// A path or a label without what differs from run to run: every part with a digit in it, and the folders of a file.
pub fn shape(name: &str) -> String {
    let name = name.split('?').next().unwrap_or_default();
    let name = match (name.find("./"), name.rfind('/')) {
        (Some(from), Some(to)) if from + 1 < to => format!("{}{}", &name[..=from], &name[to..]),
        _ => name.to_owned(),
    };
    let parts = name.split_inclusive(['/', '.']).map(|part| {
        let end = part.trim_start_matches(|sign| sign != '/' && sign != '.');
        if part.contains(|sign: char| sign.is_ascii_digit()) {
            format!("#{end}")
        } else {
            part.to_owned()
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn a_shape_holds_no_ids() {
        for (path, expected) in [
            (
                "repos/a/b/issues/12/comments",
                "repos/a/b/issues/#/comments",
            ),
            (
                "repos/a/b/branches/gavel%2Frun1-V1-1-00ff",
                "repos/a/b/branches/#",
            ),
            ("repos/a/b/pulls?state=all&page=2", "repos/a/b/pulls"),
            ("try.1.build", "try.#.build"),
            (
                "open.inside./tmp/lab-xy/loops/builder",
                "open.inside./builder",
            ),
            ("file.a/b.compose.yml.00ff11", "file.a/b.compose.yml.#"),
        ] {
            assert_eq!(shape(path), expected);
        }
    }
}
