//! The files of one camera: creates them, appends fragments, syncs, closes and
//! finalizes.

use crate::durable::{AHEAD, Growing, SyncPolicy};
use crate::names::{ATTEMPTS, Namer, numbered};
use crate::outcome::{Earlier, Event, RecordedSegment, State};
use crate::retention::{Beyond, Everyone, Folder, Keep, Made, Room, Whose};
use crate::segmenter::{Command, Fragment, Head, Summary};
use crate::source::WallClock;
use crate::writer::{Job, Output, Shared, Tell};
use crate::{Error, Result};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tapo_io::{Disk, Lock, NewFile, Op, RealDisk, disk_size};

/// Segments that are remembered one by one: a recording goes on for months.
const REMEMBERED: usize = 1000;
/// Of a small disk no more than this part is asked for ahead of need, for a file.
const SHARE: u64 = 512;

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
    /// The connection that what comes is of.
    connection: u32,
    open: Option<OpenFile>,
    written: Written,
    began: bool,
    /// Whether no file can be made.
    blocked: bool,
    /// Media that no file was there for, of the leading track.
    missed: Duration,
    /// What room its files have in a folder.
    room: Option<Room>,
}

struct OpenFile {
    file: Growing<RealDisk>,
    _lock: Lock,
    number: u32,
    started: WallClock,
    /// Whether it holds no media yet.
    empty: bool,
    /// Media of the leading track that was written.
    duration: Duration,
    lost_packets: u64,
}

impl Files {
    pub(crate) fn new(
        camera: &str,
        output: Output,
        namer: Namer,
        sync: SyncPolicy,
        tell: Tell,
    ) -> Self {
        let room = match &output {
            Output::Folder(path) => Some(Room::new(Folder {
                path: path.clone(),
                camera: camera.to_owned(),
                namer: namer.clone(),
            })),
            // One file that was asked for by name is not removed.
            Output::File { .. } => None,
        };
        Self {
            camera: camera.to_owned(),
            output,
            namer,
            sync,
            tell,
            shared: Arc::default(),
            connection: 0,
            open: None,
            written: Written::default(),
            began: false,
            blocked: false,
            missed: Duration::ZERO,
            room,
        }
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
        let open = self.open.as_ref().map(|open| open.file.disk.path());
        let made = self.room.as_mut().map(|room| room.tidy(0, open));
        self.tell_made(made.unwrap_or_default());
    }

    /// So many bytes are to be written.
    fn keep_free(&mut self, bytes: usize) {
        let ahead = self.open.as_ref().map_or(0, |open| open.file.ahead);
        let open = self.open.as_ref().map(|open| open.file.disk.path());
        let room = self.room.as_mut();
        let made = room.map(|room| room.keep_free(bytes as u64 + ahead, open));
        self.tell_made(made.unwrap_or_default());
    }

    /// The disk is full: removes the oldest segment that may go. `false` if none
    /// may.
    fn make_room(&mut self) -> bool {
        let open = self.open.as_ref().map(|open| open.file.disk.path());
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
        match job {
            Job::Connection(number) => self.connection = number,
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
                self.set_file(Some(open.file.disk.path().to_owned()));
                self.began = true;
                self.open = Some(open);
                self.tidy();
            }
            Err(error) if !self.began => {
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
                self.block(&error);
            }
        }
    }

    /// Creates the file of a segment under a name that is free.
    fn create(&self, head: &Head) -> Result<OpenFile> {
        let mut taken = None;
        for attempt in 0..ATTEMPTS {
            let path = match &self.output {
                Output::Folder(folder) => folder.join(self.namer.path(head.started, attempt)?),
                Output::File { path, replace } => {
                    if *replace && attempt == 0 && !self.began {
                        remove(path)?;
                    }
                    numbered(path, attempt)
                }
            };
            if let Some(folder) = path.parent() {
                tapo_io::create_dirs(folder)?;
            }
            match RealDisk::create_new(&path) {
                Ok(disk) => return self.begin(disk, head),
                Err(exists @ tapo_io::Error::Exists { .. }) => {
                    // One file was asked for, and it is there.
                    if matches!(self.output, Output::File { .. }) && !self.began {
                        return Err(exists.into());
                    }
                    taken = Some(exists);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(taken.map_or_else(|| Error::Usage("no name is free".to_owned()), Error::Io))
    }

    fn begin(&self, disk: RealDisk, head: &Head) -> Result<OpenFile> {
        let path = disk.path().to_owned();
        let begun = Lock::exclusive(disk.file(), &path).and_then(|lock| {
            let ahead = disk_size(&path).map_or(AHEAD, |size| AHEAD.min(size / SHARE));
            let file = Growing::begin(disk, head.bytes.clone(), self.sync, ahead)?;
            Ok((lock, file))
        });
        match begun {
            Ok((lock, file)) => Ok(OpenFile {
                file,
                _lock: lock,
                number: head.number,
                started: head.started,
                empty: true,
                duration: Duration::ZERO,
                lost_packets: 0,
            }),
            Err(error) => {
                remove_empty(&path);
                Err(error.into())
            }
        }
    }

    fn append(&mut self, fragment: Fragment) {
        self.keep_free(fragment.bytes.len());
        let Some(open) = &mut self.open else {
            // It was said already that media is lost.
            self.missed += fragment.duration;
            self.shared.cut.store(true, Ordering::Relaxed);
            return;
        };
        let empty = open.empty;
        let (duration, lost) = (fragment.duration, fragment.lost);
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
            open.lost_packets += u64::from(lost);
        }
        match appended {
            Ok(()) if empty => self.tell_opened(),
            Ok(()) => {}
            Err(error) => {
                self.missed += duration;
                self.abandon(&error);
            }
        }
    }

    /// Tells of a file as soon as there is media in it.
    fn tell_opened(&mut self) {
        let Some(open) = &self.open else {
            return;
        };
        let path = open.file.disk.path().to_owned();
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
        self.shared.standing.tell(self.connection, || {
            (self.tell)(Event::State {
                camera: camera.clone(),
                state: State::Recording,
            });
        });
        (self.tell)(Event::Opened { camera, path });
    }

    /// No file can be written. It is tried again at every keyframe, and told
    /// once.
    fn block(&mut self, error: &dyn std::fmt::Display) {
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
        let path = open.file.disk.path().to_owned();
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
        if empty && full {
            remove_empty(&path);
            self.set_file(None);
            self.block(error);
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
        let path = open.file.disk.path().to_owned();
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

impl OpenFile {
    /// What is in the file, as far as the writer knows.
    fn summary(&self) -> Summary {
        Summary {
            number: self.number,
            started: self.started,
            duration: self.duration,
            bytes: self.file.position,
            lost_packets: self.lost_packets,
            ..Summary::default()
        }
    }
}

/// Finalizes a segment that was just closed. Whoever looks for unfinished ones
/// may have taken it in this moment: then it is final soon.
fn finalize(path: &Path) -> tapo_finalize::Result<tapo_finalize::Finalization> {
    let options = tapo_finalize::Options::default();
    for _ in 0..20 {
        match tapo_finalize::finalize(path, &options) {
            Err(tapo_finalize::Error::Io(tapo_io::Error::InUse { .. })) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            done => return done,
        }
    }
    tapo_finalize::finalize(path, &options)
}

/// Whether there is no room for more: on the disk, or in a file of a file system
/// such as FAT.
fn is_full(error: &tapo_io::Error) -> bool {
    use std::io::ErrorKind::FileTooLarge;
    let large = matches!(error, tapo_io::Error::Io { source, .. } if source.kind() == FileTooLarge);
    large || error.is_disk_full()
}

/// Removes a file without media. What fails here failed already.
fn remove_empty(path: &Path) {
    let _ = RealDisk::open(path).and_then(|mut disk| disk.apply(&Op::Remove));
}

/// Removes a file that may be replaced, if it is there.
fn remove(path: &Path) -> Result<()> {
    tapo_io::may_replace(path)?;
    match path.symlink_metadata() {
        Ok(_) => Ok(RealDisk::open(path)?.apply(&Op::Remove)?),
        Err(_) => Ok(()),
    }
}

/// Replaces a small file, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: Vec<u8>) -> tapo_io::Result<()> {
    if let Some(folder) = path.parent() {
        tapo_io::create_dirs(folder)?;
    }
    let mut file = NewFile::create(path, true)?;
    file.apply(&Op::Write { at: 0, bytes })?;
    file.commit(true)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
