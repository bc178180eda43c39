//! Makes segments last: one thread per camera that creates files, appends
//! fragments, syncs, closes and finalizes.

use crate::durable::{AHEAD, Growing, SyncPolicy};
use crate::names::{ATTEMPTS, Namer, numbered};
use crate::outcome::{Earlier, Event, RecordedSegment, State};
use crate::relief::Queue;
use crate::retention::{Beyond, Everyone, Folder, Gone, Keep, Retention};
use crate::segmenter::{Command, Fragment, Head, Summary};
use crate::source::WallClock;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tapo_io::{Disk, Lock, NewFile, Op, RealDisk, disk_size, free_space};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Commands that may wait for the disk.
const QUEUE: usize = 256;
/// Bytes that may wait for the disk, if nothing else is said.
pub(crate) const QUEUE_BYTES: u64 = 64 << 20;

/// Segments that are remembered one by one: a recording goes on for months.
const REMEMBERED: usize = 1000;
/// How soon it is looked again for recordings that may go, after there was none.
const PAUSE: Duration = Duration::from_secs(30);
/// Of a small disk no more than this part is asked for ahead of need, for a file.
const SHARE: u64 = 512;
/// Where room is made between two segments, it is this much at most, bytes.
const ROOM: u64 = 256 << 20;

/// Where segments go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Named by time, into this folder.
    Folder(PathBuf),
    /// Into this one file. Where it has to be cut (the connection was lost, the
    /// camera changed its parameters) the rest goes into `name-1.mp4`, ...
    File {
        /// The file.
        path: PathBuf,
        /// Whether it may be replaced if it exists.
        replace: bool,
    },
}

/// What the writer tells without being asked.
pub(crate) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// What the writer and the network side share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The writer lost its file: a new one, please.
    pub(crate) cut: AtomicBool,
    /// The first file could not be made.
    pub(crate) fatal: Mutex<Option<Error>>,
    pub(crate) failed: Notify,
    pub(crate) file: Mutex<Option<PathBuf>>,
    /// Why media could not be written, the first time.
    pub(crate) lost: Mutex<Option<String>>,
}

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

/// What the writer has to do.
#[derive(Debug)]
pub(crate) enum Job {
    Command(Command),
    /// Replace this small file.
    Profile {
        path: PathBuf,
        bytes: Vec<u8>,
    },
}

/// The network side's end of the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<(Job, OwnedSemaphorePermit)>,
    budget: Arc<Semaphore>,
    /// All of the budget, in units of 1024 bytes.
    kib: usize,
    done: oneshot::Receiver<Written>,
    pub(crate) shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread; so many bytes may wait for it.
    pub(crate) fn start(files: Files, bytes: u64) -> Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<(Job, OwnedSemaphorePermit)>(QUEUE);
        let (finished, done) = oneshot::channel();
        let shared = Arc::clone(&files.shared);
        let thread = std::thread::Builder::new().name("writer".to_owned());
        let run = move || {
            let mut files = files;
            while let Some((job, _permit)) = queue.blocking_recv() {
                files.apply(job);
            }
            let _ = finished.send(files.finish());
        };
        thread.spawn(run).map_err(Error::System)?;
        let kib = usize::try_from(bytes / 1024).unwrap_or(Semaphore::MAX_PERMITS);
        let kib = kib.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            jobs,
            budget: Arc::new(Semaphore::new(kib)),
            kib,
            done,
            shared,
        })
    }

    /// What waits. Many small things count as if they were large.
    pub(crate) fn queue(&self) -> Queue {
        let bytes = self.kib - self.budget.available_permits().min(self.kib);
        let jobs = QUEUE - self.jobs.capacity().min(QUEUE);
        Queue {
            waiting: bytes.max(jobs * self.kib / QUEUE) as u64 * 1024,
            room: self.kib as u64 * 1024,
        }
    }

    /// Hands a job over; waits while too much is waiting.
    pub(crate) async fn send(&self, job: Job) {
        let bytes = match &job {
            Job::Command(Command::Open(head)) => head.bytes.len(),
            Job::Command(Command::Fragment(fragment)) => fragment.bytes.len(),
            _ => 0,
        };
        let kib = u32::try_from((bytes / 1024 + 1).min(self.kib)).unwrap_or(1);
        let budget = Arc::clone(&self.budget);
        if let Ok(permit) = budget.acquire_many_owned(kib).await {
            // It fails only if the thread has panicked, which `finish` tells.
            let _ = self.jobs.send((job, permit)).await;
        }
    }

    /// Waits until all is written, but not longer than `patience`; `None` if the
    /// disk took longer.
    pub(crate) async fn finish(self, patience: Duration) -> Option<Written> {
        drop(self.jobs);
        tokio::time::timeout(patience, self.done).await.ok()?.ok()
    }
}

/// The files of one camera.
pub(crate) struct Files {
    camera: String,
    output: Output,
    namer: Namer,
    sync: SyncPolicy,
    tell: Tell,
    shared: Arc<Shared>,
    open: Option<OpenFile>,
    written: Written,
    began: bool,
    /// Since when no file can be made.
    blocked: Option<Instant>,
    retention: Option<Retention<Folder>>,
    everyone: Option<Arc<Everyone>>,
    /// Whether more is to be free than can be.
    beyond: bool,
    /// When nothing could be removed for want of free space.
    vain: Option<Instant>,
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
        Self {
            camera: camera.to_owned(),
            output,
            namer,
            sync,
            tell,
            shared: Arc::default(),
            open: None,
            written: Written::default(),
            began: false,
            blocked: None,
            retention: None,
            everyone: None,
            beyond: false,
            vain: None,
        }
    }

    /// Removes old segments by this rule. One file that was asked for by name is
    /// none of them.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        if let (true, Output::Folder(path)) = (keep.is_limited(), &self.output) {
            let folder = Folder {
                path: path.clone(),
                camera: self.camera.clone(),
                namer: self.namer.clone(),
            };
            self.retention = Some(Retention::new(keep, folder));
        }
        self
    }

    /// Shares its disk, and the limit of all, with these.
    pub(crate) fn among(mut self, everyone: Arc<Everyone>) -> Self {
        self.everyone = matches!(self.output, Output::Folder(_)).then_some(everyone);
        self
    }

    /// Removes what is not kept, with room for what is written `soon`, bytes; says
    /// whether anything went.
    fn tidy(&mut self, soon: u64) -> bool {
        let open = self.open.as_ref().map(|open| open.file.disk.path());
        let now = WallClock::now();
        let (mut gone, mut beyond) = (Vec::new(), None);
        let free = self.retention.as_ref().and_then(|r| r.keep().free);
        if let Some(own) = &mut self.retention {
            let gone_of_own = match self.everyone {
                // What is to be free is a matter of all on the disk.
                Some(_) => own.tidy_own(now, open),
                None => own.tidy(now, open),
            };
            let named = |gone| (self.camera.clone(), gone);
            gone = gone_of_own.into_iter().map(named).collect();
            if self.everyone.is_none() {
                beyond = own.beyond_now(open);
            }
        }
        if let (Some(everyone), Output::Folder(folder)) = (&self.everyone, &self.output) {
            let (more, not) = everyone.tidy(free, soon, folder, open);
            gone.extend(more);
            beyond = not;
        }
        let any = !gone.is_empty();
        gone.into_iter().for_each(|gone| self.tell_gone(gone));
        let begins = !std::mem::replace(&mut self.beyond, beyond.is_some());
        if let (Some(Beyond { wanted, possible }), true) = (beyond, begins) {
            self.notice(format!(
                "{wanted} bytes of the disk cannot be kept free: other files take so much that \
                 only {possible} would be without recordings; none is removed for it until the \
                 disk is full"
            ));
        }
        any
    }

    /// Files grow between two segments, those of others too: where less than is to be would be
    /// free if every camera wrote so many bytes more, removes what is not kept.
    fn keep_free(&mut self, bytes: usize) {
        let wanted = self.retention.as_ref().and_then(|r| r.keep().free);
        // With 0 a write that fails is what makes room.
        let wanted = wanted.filter(|wanted| *wanted > 0);
        let (Some(wanted), Output::Folder(folder)) = (wanted, &self.output) else {
            return;
        };
        let bytes = bytes as u64 + self.open.as_ref().map_or(0, |open| open.file.ahead);
        let cameras = self
            .everyone
            .as_ref()
            .map_or(1, |everyone| everyone.count());
        let bytes = bytes.saturating_mul(cameras);
        let enough = wanted.saturating_add(bytes);
        let is_enough = |free: u64| free >= enough;
        let vain = self.vain.is_some_and(|at| at.elapsed() < PAUSE);
        if vain || free_space(folder).is_none_or(is_enough) {
            return;
        }
        // Enough for a while: all recordings are looked through for it.
        let lasting = disk_size(folder).map_or(0, |size| ROOM.min(size / SHARE));
        self.vain = (!self.tidy(bytes.max(lasting))).then(Instant::now);
    }

    /// The disk is full: removes the oldest segment that may go. `false` if none
    /// may.
    fn make_room(&mut self) -> bool {
        let open = self.open.as_ref().map(|open| open.file.disk.path());
        let Some(own) = &mut self.retention else {
            return false;
        };
        let tried = match (&self.everyone, &self.output) {
            (Some(everyone), Output::Folder(folder)) if own.keep().gives_way() => {
                everyone.make_room(folder, open)
            }
            _ => {
                let tried = own.make_room(WallClock::now(), open).into_iter();
                tried.map(|gone| (self.camera.clone(), gone)).collect()
            }
        };
        let room = tried.last().is_some_and(|(_, gone)| gone.result.is_ok());
        tried.into_iter().for_each(|gone| self.tell_gone(gone));
        room
    }

    fn tell_gone(&mut self, (camera, gone): (String, Gone)) {
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
                self.tidy(0);
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
            Err(error) => self.abandon(&error),
        }
    }

    /// Tells of a file as soon as there is media in it.
    fn tell_opened(&mut self) {
        let Some(open) = &self.open else {
            return;
        };
        let path = open.file.disk.path().to_owned();
        if let Some(since) = self.blocked.take() {
            let seconds = since.elapsed().as_secs_f64();
            self.notice(format!(
                "files can be written again; media of {seconds:.0} s is lost"
            ));
        }
        let camera = self.camera.clone();
        (self.tell)(Event::State {
            camera: camera.clone(),
            state: State::Recording,
        });
        (self.tell)(Event::Opened { camera, path });
    }

    /// No file can be written. It is tried again at every keyframe, and told
    /// once.
    fn block(&mut self, error: &dyn std::fmt::Display) {
        if self.blocked.is_none() {
            self.blocked = Some(Instant::now());
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
#[path = "writer_tests.rs"]
mod tests;
