//! Tells what requests are waiting for while the forge does not answer.

use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};
use tokio::sync::watch;

/// Keeps a note for each request that waits, and shows the oldest.
pub struct Desk {
    notes: Mutex<Notes>,
    shown: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Notes {
    next: u64,
    waiting: BTreeMap<u64, Note>,
}

struct Note {
    since: Timestamp,
    what: String,
}

/// A request that waits. Dropped when it has its answer, or is given up.
pub struct Wait<'a> {
    desk: &'a Desk,
    id: u64,
    since: Timestamp,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            notes: Mutex::default(),
            shown: watch::Sender::new(None),
        }
    }
}

impl Desk {
    pub fn subscribe(&self) -> watch::Receiver<Option<String>> {
        self.shown.subscribe()
    }

    pub fn wait(&self) -> Wait<'_> {
        let mut notes = self.notes();
        notes.next += 1;
        Wait {
            desk: self,
            id: notes.next,
            since: Timestamp::now(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Whoever held it did not leave it half changed: each change is one call.
        self.notes
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn show(&self, notes: &Notes) {
        let text = notes.waiting.values().next().map(|note| {
            format!(
                "waiting for the forge since {:.0}, {}",
                note.since, note.what
            )
        });
        self.shown.send_if_modified(|shown| {
            let changed = *shown != text;
            *shown = text;
            changed
        });
    }
}

impl Wait<'_> {
    pub fn say(&self, what: String) {
        let mut notes = self.desk.notes();
        notes.waiting.insert(
            self.id,
            Note {
                since: self.since,
                what,
            },
        );
        self.desk.show(&notes);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut notes = self.desk.notes();
        notes.waiting.remove(&self.id);
        self.desk.show(&notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_wait_is_shown_until_it_ends() {
        let desk = Desk::default();
        let shown = desk.subscribe();
        let now = || shown.borrow().clone();
        let first = desk.wait();
        first.say("to do one thing: no connection".to_owned());
        let second = desk.wait();
        second.say("to do another: 503".to_owned());
        assert!(now().unwrap().ends_with("to do one thing: no connection"));
        drop(first);
        assert!(now().unwrap().ends_with("to do another: 503"));
        drop(second);
        assert_eq!(now(), None);
    }
}
