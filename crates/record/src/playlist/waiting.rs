//! What has changed since playlists were made last.

use super::Kept;
use crate::source::WallClock;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Changes that are told one from another; if there are more, all may have changed.
const CHANGES: usize = 1024;

/// Changes that wait for the thread. Whoever tells of one never waits, and none is forgotten.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    changes: Mutex<Changes>,
    told: Condvar,
}

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The cameras whose playlists are kept from now on.
    pub(super) cameras: Option<Vec<Kept>>,
    /// Recordings of cameras, by when they began.
    pub(super) at: BTreeSet<(String, WallClock)>,
    /// Recordings that were finished late.
    pub(super) late: BTreeSet<PathBuf>,
    /// There were more than are named here.
    pub(super) too_many: bool,
    ended: bool,
}

impl Changes {
    fn is_none(&self) -> bool {
        let named = !self.at.is_empty() || !self.late.is_empty();
        self.cameras.is_none() && !named && !self.too_many
    }

    fn bound(&mut self) {
        if self.at.len() + self.late.len() > CHANGES {
            self.at.clear();
            self.late.clear();
            self.too_many = true;
        }
    }
}

impl Waiting {
    fn change(&self, how: impl FnOnce(&mut Changes)) {
        let mut changes = self.lock();
        how(&mut changes);
        changes.bound();
        self.told.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The playlists of these cameras are kept.
    pub(super) fn cameras(&self, cameras: Vec<Kept>) {
        self.change(|changes| changes.cameras = Some(cameras));
    }

    /// A recording of this camera that began then has changed.
    pub(super) fn at(&self, camera: &str, started: WallClock) {
        self.change(|changes| {
            changes.at.insert((camera.to_owned(), started));
        });
    }

    /// A recording was finished late.
    pub(super) fn late(&self, path: &Path) {
        self.change(|changes| {
            changes.late.insert(path.to_owned());
        });
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        self.change(|changes| changes.ended = true);
    }

    /// Waits for changes; `None` in the end.
    pub(super) fn next(&self) -> Option<Changes> {
        let waits = |changes: &mut Changes| changes.is_none() && !changes.ended;
        let changes = self.told.wait_while(self.lock(), waits);
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        if changes.is_none() {
            return None;
        }
        let ended = changes.ended;
        let taken = std::mem::take(&mut *changes);
        changes.ended = ended;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_forgotten_and_too_many_are_all() {
        let waiting = Waiting::default();
        for n in 0..CHANGES {
            waiting.at("yard", WallClock(i64::try_from(n).unwrap()));
        }
        waiting.cameras(Vec::new());
        let taken = waiting.next().unwrap();
        assert_eq!((taken.at.len(), taken.too_many), (CHANGES, false));
        assert!(taken.cameras.is_some());
        for n in 0..=CHANGES {
            waiting.at("yard", WallClock(i64::try_from(n).unwrap()));
        }
        waiting.late(Path::new("a"));
        waiting.end();
        let taken = waiting.next().unwrap();
        assert!(taken.too_many && taken.at.is_empty() && taken.late.len() == 1);
        assert!(waiting.next().is_none());
    }
}
