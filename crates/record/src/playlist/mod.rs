//! Playlists: for each camera and day an HLS playlist (RFC 8216) of its recordings,
//! so that a browser can play them from any web server that serves ranges.
//!
//! It names byte ranges of the recordings themselves: the fragments are still
//! there when a file is final. What is in a playlist is read from the files each
//! time, so that one that is lost or out of date is made again.

mod m3u8;
mod opened;
mod parts;

use crate::files::replace;
use crate::names::Namer;
use crate::names::component;
use crate::options::CameraOptions;
use crate::outcome::Event;
use crate::retention::{Folder, Segment, Shelf, stamp_of};
use crate::source::WallClock;
use crate::writer::{Output, Tell};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parts::Parts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use tapo_io::PreadFile;

/// Changes that may wait.
const QUEUE: usize = 1024;
/// Recordings whose parts are remembered.
const REMEMBERED: usize = 4096;

/// The thread that keeps playlists.
#[derive(Debug)]
pub(crate) struct Playlists {
    changes: Mutex<Option<SyncSender<Change>>>,
    done: Mutex<Receiver<()>>,
}

/// What has changed.
#[derive(Debug)]
enum Change {
    /// The cameras whose playlists are kept from now on.
    Cameras(Vec<Kept>),
    /// A recording of this camera that began then.
    At(String, WallClock),
    /// A recording that was finished late.
    Late(PathBuf),
}

/// A camera whose playlists are kept.
#[derive(Clone, Debug)]
struct Kept {
    folder: Folder,
    zone: TimeZone,
}

impl Playlists {
    /// Starts the thread.
    pub(crate) fn start(tell: Tell) -> std::io::Result<Self> {
        let (changes, waiting) = sync_channel(QUEUE);
        let (finished, done) = sync_channel(1);
        let thread = std::thread::Builder::new().name("playlists".to_owned());
        let keep = move || {
            Keeper {
                cameras: Vec::new(),
                known: BTreeMap::new(),
                complained: BTreeSet::new(),
                tell,
            }
            .run(&waiting);
            let _ = finished.send(());
        };
        drop(thread.spawn(keep)?);
        Ok(Self {
            changes: Mutex::new(Some(changes)),
            done: Mutex::new(done),
        })
    }

    /// Keeps the playlists of those cameras that ask for it, from now on.
    pub(crate) fn set<'a>(&self, cameras: impl Iterator<Item = (&'a CameraOptions, &'a Namer)>) {
        let kept = |(options, namer): (&CameraOptions, &Namer)| match &options.output {
            Output::Folder(path) if options.playlist => Some(Kept {
                folder: Folder {
                    path: path.clone(),
                    camera: options.name.clone(),
                    namer: namer.clone(),
                },
                zone: if options.utc {
                    TimeZone::UTC
                } else {
                    TimeZone::system()
                },
            }),
            _ => None,
        };
        self.send(Change::Cameras(cameras.filter_map(kept).collect()));
    }

    /// Takes what happens; never waits. A change that finds no room is made good by
    /// the next one of its day.
    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Closed { camera, segment } => {
                self.send(Change::At(camera.clone(), segment.summary.started));
            }
            Event::Removed {
                camera, started, ..
            } => {
                self.send(Change::At(camera.clone(), *started));
            }
            Event::Leftover {
                path,
                result: Ok(_),
            } => self.send(Change::Late(path.clone())),
            _ => {}
        }
    }

    fn send(&self, change: Change) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changes) = &*changes {
            let _ = changes.try_send(change);
        }
    }

    /// Waits until all playlists are as they should be, for a while.
    pub(crate) fn finish(&self, patience: std::time::Duration) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(patience);
    }
}

/// What the thread knows.
struct Keeper {
    cameras: Vec<Kept>,
    /// Parts of recordings that were read, by path and bytes on the disk.
    known: BTreeMap<(PathBuf, u64), Option<Parts>>,
    /// Cameras of which a failure was told.
    complained: BTreeSet<String>,
    tell: Tell,
}

/// A playlist that is to be made again: the index of its camera, and its day.
type Due = (usize, String);

impl Keeper {
    fn run(mut self, waiting: &Receiver<Change>) {
        while let Ok(first) = waiting.recv() {
            let mut due = BTreeSet::new();
            self.take(first, &mut due);
            // One playlist for many changes.
            while let Ok(next) = waiting.try_recv() {
                self.take(next, &mut due);
            }
            for (camera, day) in due {
                let Some(kept) = self.cameras.get(camera).cloned() else {
                    continue;
                };
                if let Err(why) = self.make(&kept, &day) {
                    self.complain(&kept.folder.camera, &why.to_string());
                }
            }
        }
    }

    fn take(&mut self, change: Change, due: &mut BTreeSet<Due>) {
        match change {
            Change::Cameras(cameras) => {
                self.cameras = cameras;
                due.clear();
                for (index, kept) in self.cameras.iter().enumerate() {
                    due.extend(kept.out_of_date().into_iter().map(|day| (index, day)));
                }
            }
            Change::At(camera, started) => {
                let of = |kept: &Kept| kept.folder.camera == camera;
                if let Some(index) = self.cameras.iter().position(of) {
                    due.extend(self.day(index, started));
                }
            }
            Change::Late(path) => {
                let stamp = PreadFile::open(&path).ok().and_then(|f| stamp_of(&f));
                let Some(stamp) = stamp else {
                    return;
                };
                let of = |kept: &Kept| {
                    kept.folder.camera == stamp.camera && path.starts_with(&kept.folder.path)
                };
                if let Some(index) = self.cameras.iter().position(of) {
                    due.extend(self.day(index, WallClock(stamp.started_ns)));
                }
            }
        }
    }

    fn day(&self, index: usize, started: WallClock) -> Option<Due> {
        Some((index, self.cameras.get(index)?.day(started)?))
    }

    /// Makes the playlist of a day again.
    fn make(&mut self, kept: &Kept, day: &str) -> tapo_io::Result<()> {
        let mut segments = kept.folder.segments();
        segments.retain(|s| kept.day(s.started).as_deref() == Some(day));
        segments.sort_by(|a, b| (a.started, &a.path).cmp(&(b.started, &b.path)));
        let stem = kept.stem(day);
        let mut inits: Vec<Vec<u8>> = Vec::new();
        let mut items = Vec::new();
        for segment in &segments {
            let Some(parts) = self.parts(segment) else {
                continue;
            };
            let init = inits.iter().position(|init| *init == parts.init);
            let init = init.unwrap_or_else(|| {
                inits.push(parts.init.clone());
                inits.len() - 1
            });
            let relative = segment.path.strip_prefix(&kept.folder.path);
            items.push(m3u8::Item {
                path: relative.unwrap_or(&segment.path).to_owned(),
                init: init_name(&stem, init),
                started: segment.started,
                parts: parts.parts.clone(),
            });
        }
        let name = |name: &str| kept.folder.path.join(name);
        // What a playlist names is there before it.
        for (number, init) in inits.iter().enumerate() {
            let path = name(&init_name(&stem, number));
            if std::fs::read(&path).ok().as_ref() != Some(init) {
                replace(&path, init.clone())?;
            }
        }
        let playlist = name(&format!("{stem}.m3u8"));
        if items.is_empty() {
            remove(&playlist);
        } else {
            replace(&playlist, m3u8::encode(&items).into_bytes())?;
        }
        for number in inits.len().. {
            if !remove(&name(&init_name(&stem, number))) {
                break;
            }
        }
        Ok(())
    }

    /// The parts of a recording that is not being written.
    fn parts(&mut self, segment: &Segment) -> Option<Parts> {
        let key = (segment.path.clone(), segment.bytes);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if tapo_io::lock_holder(&segment.path).is_some() {
            return None;
        }
        let parts = Parts::read(&segment.path);
        if self.known.len() >= REMEMBERED {
            self.known.pop_first();
        }
        self.known.insert(key, parts.clone());
        parts
    }

    fn complain(&mut self, camera: &str, why: &str) {
        if self.complained.insert(camera.to_owned()) {
            (self.tell)(Event::Notice {
                camera: camera.to_owned(),
                text: format!("its playlist: {why}"),
            });
        }
    }
}

impl Kept {
    /// The day on which a recording began, by the clock that names files.
    fn day(&self, started: WallClock) -> Option<String> {
        let time = Timestamp::from_nanosecond(started.0.into()).ok()?;
        let zoned = time.to_zoned(self.zone.clone());
        Some(zoned.date().to_string())
    }

    /// The name of a day's playlist, without its end.
    fn stem(&self, day: &str) -> String {
        let camera = component(&self.folder.camera.replace('/', "_"));
        format!("{}-{day}", camera.as_deref().unwrap_or("camera"))
    }

    /// Days without a playlist, and the last two: they may have changed since.
    fn out_of_date(&self) -> BTreeSet<String> {
        let segments = self.folder.segments();
        let days = segments.iter().filter_map(|s| self.day(s.started));
        let days: BTreeSet<String> = days.collect();
        let last: Vec<String> = days.iter().rev().take(2).cloned().collect();
        let path = |day: &str| self.folder.path.join(format!("{}.m3u8", self.stem(day)));
        let due = |day: &String| last.contains(day) || !path(day).exists();
        days.into_iter().filter(due).collect()
    }
}

fn init_name(stem: &str, number: usize) -> String {
    format!("{stem}.init{number}.m4s")
}

/// Removes what is there no longer of use; `false` if it is not there.
fn remove(path: &Path) -> bool {
    std::fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests;
