//! The room that one camera's files have: what goes by its own rule, by what all
//! cameras share, and where the disk lacks space.

use super::{Beyond, Everyone, Folder, Keep, Retention, Whose};
use crate::names::Namer;
use crate::source::WallClock;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapo_io::{disk_size, free_space};

/// How soon it is looked again for recordings that may go, after there was none.
const PAUSE: Duration = Duration::from_secs(30);
/// Where room is made between two segments, it is this much at most, bytes, and this
/// part of the disk: all recordings are looked through for it.
const ROOM: (u64, u64) = (256 << 20, 512);

/// Of one camera that records into a folder.
#[derive(Debug)]
pub(crate) struct Room {
    folder: Folder,
    /// Its own rule, if it has any.
    own: Option<Retention<Folder>>,
    /// All cameras, where it is one of several.
    everyone: Option<Arc<Everyone>>,
    /// Whether more is to be free than can be.
    beyond: bool,
    /// When nothing could be removed for want of free space.
    vain: Option<Instant>,
}

/// What was done for room.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Segments that went or could not, and whose they are.
    pub(crate) gone: Vec<Whose>,
    /// More is to be free than can be, from now on.
    pub(crate) beyond: Option<Beyond>,
}

impl Room {
    pub(crate) fn new(folder: Folder) -> Self {
        Self {
            folder,
            own: None,
            everyone: None,
            beyond: false,
            vain: None,
        }
    }

    /// Its segments have other names from now on; those that were made before stay.
    pub(crate) fn named(mut self, namer: Namer) -> Self {
        self.folder.namer = namer;
        self.vain = None;
        self
    }

    /// Removes old segments by this rule.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        let own = || Retention::new(keep, self.folder.clone());
        self.own = keep.is_limited().then(own);
        self
    }

    /// Shares its disk, and the limit of all, with these.
    pub(crate) fn among(mut self, everyone: Arc<Everyone>) -> Self {
        self.everyone = Some(everyone);
        self
    }

    fn keep(&self) -> Keep {
        self.own.as_ref().map(Retention::keep).unwrap_or_default()
    }

    /// Removes what is not kept, with room for what is written `soon`, bytes. `open` is
    /// the file that is written.
    pub(crate) fn tidy(&mut self, soon: u64, open: Option<&Path>) -> Made {
        let now = WallClock::now();
        let (mut gone, mut beyond) = (Vec::new(), None);
        let free = self.keep().free;
        if let Some(own) = &mut self.own {
            let of_own = match self.everyone {
                // What is to be free is a matter of all on the disk.
                Some(_) => own.tidy_own(now, open),
                None => own.tidy(now, open),
            };
            let named = |gone| (self.folder.camera.clone(), gone);
            gone = of_own.into_iter().map(named).collect();
            if self.everyone.is_none() {
                beyond = own.beyond_now(open);
            }
        }
        if let Some(everyone) = &self.everyone {
            let (more, not) = everyone.tidy(free, soon, &self.folder.path, open);
            gone.extend(more);
            beyond = not;
        }
        let before = std::mem::replace(&mut self.beyond, beyond.is_some());
        Made {
            gone,
            beyond: beyond.filter(|_| !before),
        }
    }

    /// Files grow between two segments, those of others too: where less than is to be
    /// would be free if every camera wrote so many bytes more, removes what is not kept.
    pub(crate) fn keep_free(&mut self, bytes: u64, open: Option<&Path>) -> Made {
        // With 0 a write that fails is what makes room.
        let Some(wanted) = self.keep().free.filter(|wanted| *wanted > 0) else {
            return Made::default();
        };
        let cameras = self.everyone.as_ref().map_or(1, |all| all.count());
        let bytes = bytes.saturating_mul(cameras);
        let enough = wanted.saturating_add(bytes);
        let vain = self.vain.is_some_and(|at| at.elapsed() < PAUSE);
        if vain || free_space(&self.folder.path).is_none_or(|free| free >= enough) {
            return Made::default();
        }
        // Enough for a while.
        let lasting = disk_size(&self.folder.path).map_or(0, |size| ROOM.0.min(size / ROOM.1));
        let made = self.tidy(bytes.max(lasting), open);
        // Where it is free now, another camera made room in this moment.
        let lacks = || free_space(&self.folder.path).is_none_or(|free| free < wanted);
        self.vain = (made.gone.is_empty() && lacks()).then(Instant::now);
        made
    }

    /// The disk is full: removes the oldest segment that may go.
    pub(crate) fn make(&mut self, open: Option<&Path>) -> Vec<Whose> {
        let gives_way = self.keep().gives_way();
        match (&self.everyone, &mut self.own) {
            (Some(all), _) if gives_way || all.is_limited() => {
                all.make_room(&self.folder.path, open)
            }
            (_, Some(own)) => {
                let tried = own.make_room(WallClock::now(), open).into_iter();
                tried
                    .map(|gone| (self.folder.camera.clone(), gone))
                    .collect()
            }
            (_, None) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cameras that found, all at once, that one of them had made the room they wanted
    /// went below the floor for half a minute.
    #[test]
    fn room_that_another_camera_made_stops_no_search() {
        let dir = tempfile::tempdir().unwrap();
        let room = |free| {
            let folder = Folder {
                path: dir.path().to_owned(),
                camera: "yard".to_owned(),
                namer: Namer::new("%s", true).unwrap(),
            };
            let keep = Keep {
                free: Some(free),
                ..Keep::default()
            };
            Room::new(folder).keeping(keep)
        };
        // Less than what is to be written, but what is to be free is.
        let mut enough = room(1);
        assert!(enough.keep_free(u64::MAX, None).gone.is_empty());
        assert_eq!(enough.vain, None);
        let mut lacking = room(u64::MAX);
        assert!(lacking.keep_free(0, None).gone.is_empty());
        assert!(lacking.vain.is_some());
    }
}
