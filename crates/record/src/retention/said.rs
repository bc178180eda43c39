//! What recordings said of themselves, as long as they do not change: to open each of them
//! for every file that begins takes longer than all the rest. Lost, it is read again.

use crate::source::WallClock;
use std::collections::HashMap;
use std::fs::Metadata;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tapo_movie::SegmentStamp;

/// Files that are remembered; about 40 bytes each.
const FILES: usize = 1 << 20;
/// A file that was written to so lately may be written to again.
const RESTS: Duration = Duration::from_secs(10);

/// What a file says of itself.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Said {
    /// When its first sample was received.
    started: WallClock,
    /// The name of its camera, hashed; `None` if it is no recording of ours.
    camera: Option<u64>,
}

#[derive(Default)]
struct Known {
    /// By a hash of the path, the file behind it, and its state.
    files: HashMap<u64, Said>,
    hasher: RandomState,
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn key(&self, path: &Path, meta: &Metadata) -> u64 {
        let state = (
            meta.dev(),
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec(),
        );
        self.hasher.hash_one((path, state))
    }

    fn camera(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }
}

impl Said {
    /// When the file began, if it is one of this camera.
    pub(super) fn of_camera(self, name: &str) -> Option<WallClock> {
        let camera = known().camera(name);
        (self.camera == Some(camera)).then_some(self.started)
    }
}

/// What the file said when it was as it is.
pub(super) fn of(path: &Path, meta: &Metadata) -> Option<Said> {
    let known = known();
    known.files.get(&known.key(path, meta)).copied()
}

/// Remembers what a file says.
pub(super) fn keep(path: &Path, meta: &Metadata, stamp: Option<&SegmentStamp>) -> Said {
    let mut known = known();
    let said = Said {
        started: WallClock(stamp.map_or(0, |stamp| stamp.started_ns)),
        camera: stamp.map(|stamp| known.camera(&stamp.camera)),
    };
    let rests = meta.modified().ok().and_then(|at| at.elapsed().ok());
    if rests.is_some_and(|rests| rests >= RESTS) {
        if known.files.len() >= FILES {
            known.files.clear();
        }
        let key = known.key(path, meta);
        known.files.insert(key, said);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_a_file_said_counts_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"one").unwrap();
        let meta = || path.symlink_metadata().unwrap();
        let stamp = SegmentStamp {
            camera: "yard".to_owned(),
            started_ns: 7,
            ..SegmentStamp::default()
        };
        // It may still be written to.
        let said = keep(&path, &meta(), Some(&stamp));
        assert_eq!(said.of_camera("yard"), Some(WallClock(7)));
        assert_eq!((said.of_camera("gate"), of(&path, &meta())), (None, None));
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let old = |seconds| SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(old(60)).unwrap();
        keep(&path, &meta(), Some(&stamp));
        assert_eq!(of(&path, &meta()), Some(said));
        file.set_modified(old(50)).unwrap();
        assert_eq!(of(&path, &meta()), None);
        assert_eq!(keep(&path, &meta(), None).of_camera("yard"), None);
        assert!(of(&path, &meta()).is_some());
    }
}
