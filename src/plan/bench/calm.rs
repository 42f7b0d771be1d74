//! Looking, while a scenario plays, whether forge and Drone answer: what stays away while they do not is nobody's fault.

use super::{Bench, Stop};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

impl Bench {
    pub(super) async fn look_for_trouble(&self) -> Infallible {
        let world = &self.world;
        let poll = world.config.patience.poll.max(Duration::from_secs(1));
        let mut told = [world.forge.trouble(), world.drone.trouble()];
        let note = |trouble: &mut watch::Receiver<Option<String>>| {
            if let Some(what) = trouble.borrow_and_update().clone() {
                self.note_trouble(what);
            }
        };
        told.iter_mut().for_each(note);
        let [forge, drone] = &mut told;
        let listen = async |trouble: &mut watch::Receiver<Option<String>>| {
            while trouble.changed().await.is_ok() {
                note(trouble);
            }
            std::future::pending::<Infallible>().await
        };
        let ask = async {
            loop {
                // An answer is enough; what it says is known, and failures come by the channels above.
                let (forge, drone) = tokio::join!(world.forge.version(), world.drone.version());
                if let Err(error) = forge {
                    self.note_trouble(error.to_string());
                }
                if let Err(error) = drone {
                    self.note_trouble(error.to_string());
                }
                tokio::time::sleep(poll).await;
            }
        };
        tokio::select! {
            never = self.keep_troubles() => never,
            never = listen(forge) => never,
            never = listen(drone) => never,
            never = ask => never,
        }
    }

    /// What an earlier life of Gavel noted while this attempt was under way.
    pub(super) async fn remember_troubles(&self) -> Result<(), Stop> {
        let known = self.ledger.troubles().await.map_err(Stop::Broken)?;
        self.troubles.send_replace(known);
        Ok(())
    }

    /// Puts on record what is noted, as it is.
    async fn keep_troubles(&self) -> Infallible {
        let mut troubles = self.troubles.subscribe();
        loop {
            let told = troubles.borrow_and_update().clone();
            if !told.is_empty()
                && let Err(error) = self.ledger.keep_troubles(&told).await
            {
                tracing::warn!(
                    error,
                    "that forge or Drone did not answer could not be put on record: a restart would forget it"
                );
            }
            // The sender is this bench's.
            let _ = troubles.changed().await;
        }
    }

    pub(super) fn note_trouble(&self, what: String) {
        self.troubles.send_if_modified(|troubles| {
            // One outage is told once, however often it is noticed; and no outage fills the memory.
            let is_new = troubles.len() < 100 && troubles.last() != Some(&what);
            if is_new {
                troubles.push(what);
            }
            is_new
        });
    }
}
