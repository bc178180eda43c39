//! Playlists: for each camera and day an HLS playlist (RFC 8216) of its recordings,
//! so that a browser can play them from any web server that serves ranges.
//!
//! It names byte ranges of the recordings themselves: the fragments are still
//! there when a file is final. What is in a playlist is read from the files each
//! time, so that one that is lost or out of date is made again.

mod m3u8;
mod opened;
mod parts;
mod waiting;

use crate::names::{Namer, component, zone};
use crate::open_file::replace;
use crate::options::CameraOptions;
use crate::outcome::Event;
use crate::retention::{Folder, Segment, Shelf, stamp_of};
use crate::source::WallClock;
use crate::writer::Tell;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parts::Parts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tapo_io::PreadFile;
use waiting::{Changes, Waiting};

/// Recordings whose parts are remembered.
const REMEMBERED: usize = 4096;

/// The thread that keeps playlists.
#[derive(Debug)]
pub(crate) struct Playlists {
    waiting: Arc<Waiting>,
    done: Mutex<Receiver<()>>,
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
        let waiting = Arc::new(Waiting::default());
        let (finished, done) = sync_channel(1);
        let thread = std::thread::Builder::new().name("playlists".to_owned());
        let changes = Arc::clone(&waiting);
        let keep = move || {
            let mut keeper = Keeper {
                cameras: Vec::new(),
                known: BTreeMap::new(),
                complained: BTreeSet::new(),
                tell,
            };
            while let Some(changes) = changes.next() {
                keeper.keep(changes);
            }
            let _ = finished.send(());
        };
        drop(thread.spawn(keep)?);
        Ok(Self {
            waiting,
            done: Mutex::new(done),
        })
    }

    /// Keeps the playlists of those cameras that ask for it, from now on.
    pub(crate) fn set<'a>(&self, cameras: impl Iterator<Item = (&'a CameraOptions, &'a Namer)>) {
        let kept = |(options, namer): (&CameraOptions, &Namer)| {
            let folder = Folder::of(&options.name, &options.output, namer);
            let folder = folder.filter(|_| options.playlist)?;
            let zone = zone(options.utc);
            Some(Kept { folder, zone })
        };
        self.waiting.cameras(cameras.filter_map(kept).collect());
    }

    /// Takes what happens; never waits.
    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Closed { camera, segment } => self.waiting.at(camera, segment.summary.started),
            Event::Removed {
                camera, started, ..
            } => self.waiting.at(camera, *started),
            Event::Leftover {
                path,
                result: Ok(_),
            } => self.waiting.late(path),
            _ => {}
        }
    }

    /// Waits until all playlists are as they should be, for a while.
    pub(crate) fn finish(&self, patience: std::time::Duration) {
        self.waiting.end();
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
    /// Makes all that has changed again, each playlist once for many changes.
    fn keep(&mut self, changes: Changes) {
        let mut due = BTreeSet::new();
        self.changed(&changes, &mut due);
        if let Some(cameras) = changes.cameras.clone() {
            self.make_all(std::mem::take(&mut due));
            self.cameras = cameras;
            self.changed(&changes, &mut due);
            for (index, kept) in self.cameras.iter().enumerate() {
                due.extend(kept.out_of_date().into_iter().map(|day| (index, day)));
            }
        }
        self.make_all(due);
    }

    /// The playlists that are to be made again for these changes, of the cameras that are known.
    fn changed(&self, changes: &Changes, due: &mut BTreeSet<Due>) {
        for (camera, started) in &changes.at {
            for (index, kept) in self.of(camera) {
                due.extend(kept.day(*started).map(|day| (index, day)));
            }
        }
        for path in &changes.late {
            let Some(stamp) = PreadFile::open(path).ok().and_then(|f| stamp_of(&f)) else {
                continue;
            };
            let inside = |kept: &Kept| path.starts_with(&kept.folder.path);
            for (index, kept) in self.of(&stamp.camera).filter(|(_, kept)| inside(kept)) {
                let day = kept.day(WallClock(stamp.started_ns));
                due.extend(day.map(|day| (index, day)));
            }
        }
        if changes.too_many {
            for (index, kept) in self.cameras.iter().enumerate() {
                let days = kept.days().into_iter().chain(kept.listed());
                due.extend(days.map(|day| (index, day)));
            }
        }
    }

    /// The cameras of this name, with their indices.
    fn of(&self, camera: &str) -> impl Iterator<Item = (usize, &Kept)> {
        let is_it = move |(_, kept): &(usize, &Kept)| kept.folder.camera == camera;
        self.cameras.iter().enumerate().filter(is_it)
    }

    fn make_all(&mut self, due: BTreeSet<Due>) {
        for (camera, day) in due {
            let Some(kept) = self.cameras.get(camera).cloned() else {
                continue;
            };
            if let Err(why) = self.make(&kept, &day) {
                self.complain(&kept.folder.camera, &why.to_string());
            }
        }
    }

    /// Makes the playlist of a day again.
    fn make(&mut self, kept: &Kept, day: &str) -> tapo_io::Result<()> {
        let mut segments = Vec::new();
        kept.folder.each(&mut |segment| {
            if kept.day(segment.started).as_deref() == Some(day) {
                segments.push(segment);
            }
        });
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

    /// The days of which there are recordings.
    fn days(&self) -> BTreeSet<String> {
        let mut days = BTreeSet::new();
        self.folder
            .each(&mut |segment| days.extend(self.day(segment.started)));
        days
    }

    /// The days of which there are playlists.
    fn listed(&self) -> BTreeSet<String> {
        let stem = self.stem("");
        let day = |entry: std::fs::DirEntry| {
            let name = entry.file_name();
            let day = name.to_str()?.strip_prefix(&stem)?.strip_suffix(".m3u8")?;
            day.parse::<jiff::civil::Date>().ok()?;
            Some(day.to_owned())
        };
        let listing = std::fs::read_dir(&self.folder.path).into_iter().flatten();
        listing.flatten().filter_map(day).collect()
    }

    /// Days without a playlist, and the last two: they may have changed since. And
    /// playlists of days of which no recording is left.
    fn out_of_date(&self) -> BTreeSet<String> {
        let (days, listed) = (self.days(), self.listed());
        let last: Vec<String> = days.iter().rev().take(2).cloned().collect();
        let different = days.symmetric_difference(&listed).cloned();
        different.chain(last).collect()
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
