//! The recordings of all cameras: what they may take together, and whose are the
//! oldest on a disk that all of them share.

use super::{Beyond, Folder, Gone, Keep, Retention, Segment, Shelf};
use crate::names::Namer;
use crate::options::CameraOptions;
use crate::source::WallClock;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of all cameras that record into folders.
#[derive(Debug, Default)]
pub(crate) struct Everyone {
    known: Mutex<Known>,
    /// How many cameras are known.
    count: AtomicU64,
    /// Whether there is a limit for all of them.
    limited: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    total: Option<u64>,
    cameras: Vec<(Keep, Folder)>,
}

/// A segment that went or could not, and its camera.
pub(crate) type Whose = (String, Gone);

impl Everyone {
    /// Takes the cameras that are recorded from now on.
    pub(crate) fn set<'a>(
        &self,
        total: Option<u64>,
        cameras: impl Iterator<Item = (&'a CameraOptions, &'a Namer)>,
    ) {
        let folder = |(options, namer): (&CameraOptions, &Namer)| {
            let folder = Folder::of(&options.name, &options.output, namer)?;
            Some((options.keep, folder))
        };
        let mut known = self.known();
        known.total = total;
        known.cameras = cameras.filter_map(folder).collect();
        let count = known.cameras.len() as u64;
        self.count.store(count, Ordering::Relaxed);
        self.limited.store(total.is_some(), Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there is a limit for all of them: then each gives way on a full disk.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the oldest of those that share the disk of `folder` and are not to
    /// fill it until so many bytes are free, and as many more as will be written `soon`;
    /// and the oldest of all while they take more than they may. Also says how far the
    /// first is out of reach.
    pub(crate) fn tidy(
        &self,
        free: Option<u64>,
        soon: u64,
        folder: &Path,
        open: Option<&Path>,
    ) -> (Vec<Whose>, Option<Beyond>) {
        // One at a time: else two would both remove for the same lack.
        let known = self.known();
        let now = WallClock::now();
        let (mut gone, mut beyond) = (Vec::new(), None);
        // Another may have made the room meanwhile.
        let enough = free.map(|free| free.saturating_add(soon));
        let lacks = |enough: u64| tapo_io::free_space(folder).is_none_or(|free| free < enough);
        if enough.is_some_and(lacks) {
            let keep = Keep {
                free,
                ..Keep::default()
            };
            let on_disk = known.several(folder, |keep| keep.free.is_some());
            let mut shared = Retention::new(keep, on_disk);
            shared.soon = soon;
            let removed = shared.tidy(now, open);
            beyond = shared.beyond_now(open);
            gone = shared.shelf.named(removed);
        }
        if known.total.is_some() {
            let keep = Keep {
                size: known.total,
                ..Keep::default()
            };
            let cameras = known.cameras.iter().map(|(_, folder)| folder.clone());
            let mut all = Retention::new(keep, Several(cameras.collect()));
            let removed = all.tidy(now, open);
            gone.extend(all.shelf.named(removed));
        }
        (gone, beyond)
    }

    /// The disk of `folder` is full: removes the oldest on it of those that give way.
    pub(crate) fn make_room(&self, folder: &Path, open: Option<&Path>) -> Vec<Whose> {
        let known = self.known();
        let keep = Keep {
            free: Some(0),
            ..Keep::default()
        };
        let all = known.total.is_some();
        let on_disk = known.several(folder, |keep| all || keep.gives_way());
        let mut shared = Retention::new(keep, on_disk);
        let tried = shared.make_room(WallClock::now(), open);
        shared.shelf.named(tried)
    }
}

impl Known {
    /// The cameras on the disk of `folder` whose rule is such.
    fn several(&self, folder: &Path, rule: impl Fn(&Keep) -> bool) -> Several {
        let disk = tapo_io::device_of(folder);
        let there = |(keep, other): &&(Keep, Folder)| {
            rule(keep)
                && (other.path == folder
                    || disk.is_some() && tapo_io::device_of(&other.path) == disk)
        };
        let cameras = self.cameras.iter().filter(there);
        let mut folders: Vec<Folder> = cameras.map(|(_, folder)| folder.clone()).collect();
        // The disk is asked for by the first.
        folders.sort_by_key(|other| other.path != folder);
        Several(folders)
    }
}

/// The folders of several cameras.
#[derive(Debug)]
struct Several(Vec<Folder>);

impl Several {
    fn named(&self, gone: Vec<Gone>) -> Vec<Whose> {
        let name = |camera: usize| self.0.get(camera).map(|f| f.camera.clone());
        let named = gone
            .into_iter()
            .filter_map(|gone| Some((name(gone.segment.camera)?, gone)));
        named.collect()
    }
}

impl Shelf for Several {
    fn each(&self, take: &mut dyn FnMut(Segment)) {
        for (camera, folder) in self.0.iter().enumerate() {
            folder.each(&mut |segment| take(Segment { camera, ..segment }));
        }
    }

    fn free(&self) -> Option<u64> {
        self.0.first()?.free()
    }

    fn remove(&mut self, segment: &Segment) -> tapo_io::Result<bool> {
        match self.0.get_mut(segment.camera) {
            Some(folder) => folder.remove(segment),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
#[path = "everyone_tests.rs"]
mod tests;
