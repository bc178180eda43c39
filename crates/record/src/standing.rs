//! How a camera stands, by what its two sides know: the network whether there is a
//! connection, the writer whether its media gets into files. Told where it changes.

use crate::outcome::{Event, State};
use crate::writer::Tell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of one camera.
pub(crate) struct Standing {
    camera: String,
    tell: Tell,
    known: Mutex<Known>,
}

struct Known {
    /// What the network side said last.
    network: State,
    /// Segments up to this number are of connections before.
    before: u32,
    /// Whether media of this connection is in a file.
    written: bool,
    /// Why nothing can be written.
    blocked: Option<String>,
    told: Option<State>,
}

impl Standing {
    pub(crate) fn new(camera: &str, tell: Tell) -> Self {
        Self {
            camera: camera.to_owned(),
            tell,
            known: Mutex::new(Known {
                network: State::Connecting,
                before: 0,
                written: false,
                blocked: None,
                told: None,
            }),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network side is in this state; `before` segments are of connections before.
    pub(crate) fn enter(&self, state: State, before: u32) {
        let mut known = self.known();
        known.written &= state == State::Connected && known.network == State::Connected;
        known.network = state;
        known.before = before;
        self.tell(known);
    }

    /// Media of the segment of this number is in its file.
    pub(crate) fn written(&self, number: u32) {
        let mut known = self.known();
        // What the queue still held of a connection that is lost makes no new one.
        known.written |= number > known.before;
        known.blocked = None;
        self.tell(known);
    }

    /// Nothing can be written.
    pub(crate) fn blocked(&self, why: &str) {
        let mut known = self.known();
        // The reason names another file each time: the first one stays.
        known.blocked.get_or_insert_with(|| why.to_owned());
        self.tell(known);
    }

    /// Held while it is told, so that the order is right.
    fn tell(&self, mut known: MutexGuard<'_, Known>) {
        let state = match (&known.network, &known.blocked) {
            (State::Connected, Some(reason)) => State::Blocked {
                reason: reason.clone(),
            },
            (State::Connected, None) if known.written => State::Recording,
            (network, _) => network.clone(),
        };
        if known.told.as_ref() == Some(&state) {
            return;
        }
        known.told = Some(state.clone());
        let camera = self.camera.clone();
        (self.tell)(Event::State { camera, state });
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing")
            .field("camera", &self.camera)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn each_state_is_told_once_and_the_disk_counts_while_there_is_a_connection() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let standing = Standing::new(
            "yard",
            Arc::new(move |event| {
                if let Event::State { state, .. } = event {
                    tell.lock().unwrap().push(state.as_str());
                }
            }),
        );
        let waiting = || State::Waiting {
            reason: "away".to_owned(),
            retry_in: Duration::ZERO,
        };
        let said = || std::mem::take(&mut *told.lock().unwrap());
        standing.enter(State::Connecting, 0);
        standing.enter(State::Connected, 0);
        standing.written(1);
        standing.written(1);
        standing.written(2);
        assert_eq!(said(), ["connecting", "connected", "recording"]);
        standing.blocked("/a/1.mp4: read-only");
        standing.blocked("/a/2.mp4: read-only");
        assert_eq!(said(), ["blocked"]);
        standing.enter(waiting(), 2);
        // The writer still has something of before.
        standing.written(2);
        standing.enter(State::Connecting, 2);
        standing.enter(State::Connected, 2);
        standing.written(2);
        assert_eq!(said(), ["waiting", "connecting", "connected"]);
        standing.blocked("/a/3.mp4: read-only");
        standing.written(3);
        assert_eq!(said(), ["blocked", "recording"]);
        // Without a connection the disk is another matter.
        standing.enter(waiting(), 3);
        standing.blocked("gone");
        assert_eq!(said(), ["waiting"]);
        standing.enter(State::Connected, 3);
        assert_eq!(said(), ["blocked"]);
    }
}
