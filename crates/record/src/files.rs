//! The files of one camera: creates them, appends fragments, syncs, closes and
//! finalizes.

use crate::Error;
use crate::durable::{Growing, SyncPolicy};
use crate::names::Namer;
use crate::open_file::{OpenFile, finalize, is_full, remove_empty, replace};
use crate::outcome::{Earlier, Event, RecordedSegment};
use crate::retention::{Beyond, Everyone, Folder, Keep, Made, Room, Whose};
use crate::segmenter::{Command, Fragment, Head, Summary};
use crate::standing::Standing;
use crate::writer::{Job, Output, Shared, Tell, Ways, Wish};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tapo_io::{Disk, Op, RealDisk};

/// Segments that are remembered one by one: a recording goes on for months.
const REMEMBERED: usize = 1000;

/// Segments that were written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) newest: VecDeque<RecordedSegment>,
    pub(crate) earlier: Earlier,
}

impl Written {
    fn push(&mut self, segment: RecordedSegment) {
        self.newest.push_back(segment);
        if self.newest.len() > REMEMBERED
            && let Some(oldest) = self.newest.pop_front()
        {
            self.earlier.add(&oldest);
        }
    }
}

/// The files of one camera.
pub(crate) struct Files {
    camera: String,
    output: Output,
    namer: Namer,
    sync: SyncPolicy,
    tell: Tell,
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Arc<Standing>,
    open: Option<OpenFile>,
    written: Written,
    began: bool,
    /// Whether a first file that cannot be made is tried again, as later ones are.
    patient: bool,
    /// Whether no file can be made.
    blocked: bool,
    /// Media that no file was there for, of the leading track.
    missed: Duration,
    /// What room its files have in a folder.
    room: Option<Room>,
    /// Other ways that are to be taken.
    wish: Wish,
}

impl Files {
    pub(crate) fn new(
        camera: &str,
        output: Output,
        namer: Namer,
        sync: SyncPolicy,
        tell: Tell,
    ) -> Self {
        // One file that was asked for by name is not removed.
        let room = Folder::of(camera, &output, &namer).map(Room::new);
        Self {
            camera: camera.to_owned(),
            output,
            namer,
            sync,
            standing: Arc::new(Standing::new(camera, Arc::clone(&tell))),
            tell,
            shared: Arc::default(),
            open: None,
            written: Written::default(),
            began: false,
            patient: false,
            blocked: false,
            missed: Duration::ZERO,
            room,
            wish: Wish::default(),
        }
    }

    /// Tries again where even the first file cannot be made, which else ends recording.
    pub(crate) const fn patient(mut self, patient: bool) -> Self {
        self.patient = patient;
        self
    }

    /// Takes the ways that are asked for there, when they are.
    pub(crate) fn heeding(mut self, wish: Wish) -> Self {
        self.wish = wish;
        self
    }

    /// Takes other ways, if they were asked for. The file that is open goes on by its own.
    fn heed(&mut self) {
        let wish = self.wish.lock();
        let ways = wish.unwrap_or_else(PoisonError::into_inner).take();
        let Some(Ways { namer, sync, keep }) = ways else {
            return;
        };
        self.namer = namer;
        self.sync = sync;
        let room = self.room.take();
        self.room = room.map(|room| room.named(self.namer.clone()).keeping(keep));
        self.tidy();
    }

    /// Removes old segments by this rule, and by what is common to these.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        self.room = self.room.map(|room| room.keeping(keep));
        self
    }

    /// Shares its disk, and the limit of all, with these.
    pub(crate) fn among(mut self, everyone: Arc<Everyone>) -> Self {
        self.room = self.room.map(|room| room.among(everyone));
        self
    }

    /// Removes what is not kept.
    fn tidy(&mut self) {
        let open = self.open.as_ref().map(OpenFile::path);
        let made = self.room.as_mut().map(|room| room.tidy(0, open));
        self.tell_made(made.unwrap_or_default());
    }

    /// So many bytes are to be written.
    fn keep_free(&mut self, bytes: usize) {
        let ahead = self.open.as_ref().map_or(0, |open| open.file.ahead);
        let open = self.open.as_ref().map(OpenFile::path);
        let room = self.room.as_mut();
        let made = room.map(|room| room.keep_free(bytes as u64 + ahead, open));
        self.tell_made(made.unwrap_or_default());
    }

    /// The disk is full: removes the oldest segment that may go. `false` if none
    /// may.
    fn make_room(&mut self) -> bool {
        let open = self.open.as_ref().map(OpenFile::path);
        let tried = self.room.as_mut().map(|room| room.make(open));
        let tried = tried.unwrap_or_default();
        let room = tried.last().is_some_and(|(_, gone)| gone.result.is_ok());
        tried.into_iter().for_each(|gone| self.tell_gone(gone));
        room
    }

    fn tell_made(&mut self, made: Made) {
        made.gone.into_iter().for_each(|gone| self.tell_gone(gone));
        if let Some(Beyond { wanted, possible }) = made.beyond {
            self.notice(format!(
                "{wanted} bytes of the disk cannot be kept free: other files take so much that \
                 only {possible} would be without recordings; none is removed for it until the \
                 disk is full"
            ));
        }
    }

    fn tell_gone(&mut self, (camera, gone): Whose) {
        let path = gone.segment.path;
        match gone.result {
            Ok(()) => {
                let same = |s: &&mut RecordedSegment| s.path == path;
                if let Some(written) = self.written.newest.iter_mut().find(same) {
                    written.removed = true;
                }
                (self.tell)(Event::Removed {
                    camera,
                    path,
                    started: gone.segment.started,
                    bytes: gone.segment.bytes,
                    why: gone.why,
                });
            }
            Err(error) => self.notice(format!("not removed: {error}")),
        }
    }

    pub(crate) fn apply(&mut self, job: Job) {
        self.heed();
        match job {
            Job::Command(Command::Open(head)) => self.open(&head),
            Job::Command(Command::Fragment(fragment)) => self.append(fragment),
            Job::Command(Command::Close(summary)) => self.close(summary),
            // Where no file could be made, this could not either.
            Job::Profile { .. } if self.open.is_none() => {}
            Job::Profile { path, bytes } => {
                if let Err(error) = replace(&path, bytes) {
                    self.notice(format!("the camera's profile: {error}"));
                }
            }
        }
    }

    fn notice(&self, text: String) {
        (self.tell)(Event::Notice {
            camera: self.camera.clone(),
            text,
        });
    }

    fn set_file(&self, path: Option<PathBuf>) {
        *self
            .shared
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = path;
    }

    fn open(&mut self, head: &Head) {
        self.keep_free(head.bytes.len());
        let mut created = self.create(head);
        while let Err(Error::Io(error)) = &created
            && error.is_disk_full()
            && self.make_room()
        {
            created = self.create(head);
        }
        match created {
            Ok(open) => {
                self.set_file(Some(open.path().to_owned()));
                self.began = true;
                self.open = Some(open);
                self.tidy();
            }
            Err(error) if !self.began && !self.patient => {
                let mut fatal = self.shared.fatal.lock();
                let fatal = fatal.as_deref_mut();
                if let Ok(fatal) = fatal {
                    fatal.get_or_insert(error);
                }
                self.shared.failed.notify_one();
            }
            Err(error) => {
                self.shared.cut.store(true, Ordering::Relaxed);
                self.lost(error.to_string());
                self.miss(Duration::ZERO, head.bytes.len() as u64, 0);
                self.block(&error);
            }
        }
    }

    fn create(&self, head: &Head) -> crate::Result<OpenFile> {
        OpenFile::create(&self.output, &self.namer, self.sync, head, !self.began)
    }

    fn append(&mut self, fragment: Fragment) {
        self.keep_free(fragment.bytes.len());
        let (duration, frames, lost) = (fragment.duration, fragment.frames, fragment.lost);
        let size = fragment.bytes.len() as u64;
        let Some(open) = &mut self.open else {
            // It was said already that media is lost.
            self.miss(duration, size, frames.into());
            self.shared.cut.store(true, Ordering::Relaxed);
            return;
        };
        let empty = open.empty;
        let mut appended = open.file.append(fragment.bytes);
        while let Err(error) = &appended
            && Growing::<RealDisk>::may_pass(error)
            && self.make_room()
            && let Some(open) = &mut self.open
        {
            appended = open.file.retry();
        }
        if let (Ok(()), Some(open)) = (&appended, &mut self.open) {
            open.empty = false;
            open.duration += duration;
            open.frames += u64::from(frames);
            open.lost_packets += u64::from(lost);
            self.standing.written(open.number);
        }
        match appended {
            Ok(()) if empty => self.tell_opened(),
            Ok(()) if self.open.as_ref().is_some_and(OpenFile::is_removed) => self.removed(),
            Ok(()) => {}
            Err(error) => {
                self.miss(duration, size, frames.into());
                self.abandon(&error);
            }
        }
    }

    /// Media that is in no file.
    fn miss(&mut self, duration: Duration, bytes: u64, frames: u64) {
        self.missed += duration;
        let mut missed = self.shared.missed.lock();
        if let Ok(missed) = missed.as_deref_mut() {
            missed.duration += duration;
            missed.bytes += bytes;
            missed.frames += frames;
        }
    }

    /// Somebody has removed the file that is written: what was in it is lost.
    fn removed(&mut self) {
        let Some(open) = &self.open else {
            return;
        };
        let (duration, bytes, frames) = (open.duration, open.file.position, open.frames);
        let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "it was removed");
        let gone = tapo_io::Error::io(open.path(), "go on with the file", gone);
        self.miss(duration, bytes, frames);
        self.abandon(&gone);
    }

    /// Tells of a file as soon as there is media in it.
    fn tell_opened(&mut self) {
        let Some(open) = &self.open else {
            return;
        };
        let path = open.path().to_owned();
        let missed = std::mem::take(&mut self.missed);
        let again = match std::mem::take(&mut self.blocked) {
            true => "files can be written again; ",
            false => "",
        };
        if !missed.is_zero() {
            let seconds = missed.as_secs_f64();
            self.notice(format!("{again}media of {seconds:.1} s is lost"));
        }
        let camera = self.camera.clone();
        (self.tell)(Event::Opened { camera, path });
    }

    /// No file can be written. It is tried again at every keyframe, and told
    /// once.
    fn block(&mut self, error: &dyn std::fmt::Display) {
        self.standing.blocked(&error.to_string());
        if !self.blocked {
            self.blocked = true;
            self.notice(format!(
                "media is lost until a file can be written again: {error}"
            ));
        }
    }

    /// Remembers why media is lost.
    fn lost(&self, why: String) {
        let mut lost = self.shared.lost.lock();
        if let Ok(lost) = lost.as_deref_mut() {
            lost.get_or_insert(why);
        }
    }

    /// The file cannot be written any more. A full disk is no reason not to
    /// finish it, since that needs no room; from any other failure it is left
    /// as it stands.
    pub(crate) fn abandon(&mut self, error: &tapo_io::Error) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        self.shared.cut.store(true, Ordering::Relaxed);
        self.lost(error.to_string());
        let path = open.path().to_owned();
        let full = is_full(error);
        // The blocks ahead may be what others lack; what a full disk tore off
        // is no media.
        let file = &mut open.file;
        if let Ok(meta) = file.disk.file().metadata() {
            let len = if full { file.position } else { meta.len() };
            let _ = file.disk.apply(&Op::SetLen(len));
        }
        let (summary, empty) = (open.summary(), open.empty);
        drop(open);
        if full {
            // A sync may be what found the disk full: the next file needs room.
            self.make_room();
        }
        if empty {
            // The next one will hardly fare better.
            self.block(error);
        }
        if empty && full {
            remove_empty(&path);
            self.set_file(None);
            return;
        }
        self.notice(format!("{error}; a new file follows"));
        let finalized = if full {
            finalize(&path).ok().map(|done| done.how)
        } else {
            None
        };
        self.record(RecordedSegment {
            path,
            summary,
            finalized,
            problem: Some(error.to_string()),
            removed: false,
        });
    }

    fn close(&mut self, summary: Summary) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let path = open.path().to_owned();
        if let Err(error) = open.file.close() {
            self.open = Some(open);
            self.abandon(&error);
            return;
        }
        drop(open);
        let (finalized, problem) = match finalize(&path) {
            Ok(done) => (Some(done.how), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(problem) = &problem {
            self.notice(format!("not finalized: {problem}"));
        }
        self.record(RecordedSegment {
            path,
            summary,
            finalized,
            problem,
            removed: false,
        });
    }

    fn record(&mut self, segment: RecordedSegment) {
        self.set_file(None);
        self.written.push(segment.clone());
        (self.tell)(Event::Closed {
            camera: self.camera.clone(),
            segment,
        });
    }

    /// The queue is closed: so is a file that is still open.
    pub(crate) fn finish(mut self) -> Written {
        if let Some(open) = &self.open {
            let summary = open.summary();
            self.close(summary);
        }
        // Another camera may have made room with some of them.
        for segment in &mut self.written.newest {
            segment.removed |= segment.path.symlink_metadata().is_err();
        }
        self.written
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
