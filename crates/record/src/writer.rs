//! The thread that makes segments last, one for each camera, and the queue in front
//! of it.

use crate::durable::SyncPolicy;
use crate::files::{Files, Written};
use crate::names::Namer;
use crate::outcome::Event;
use crate::relief::Queue;
use crate::retention::Keep;
use crate::segmenter::Command;
use crate::standing::Standing;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Commands that may wait for the disk.
const QUEUE: usize = 256;
/// Bytes that may wait for the disk, if nothing else is said.
pub(crate) const QUEUE_BYTES: u64 = 64 << 20;
/// A disk that takes longer for one thing does not answer.
const HANGS: Duration = Duration::from_secs(10);

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

impl Output {
    /// The folder; `None` if it is one file.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::File { .. } => None,
        }
    }

    /// The folder, also that of one file.
    pub(crate) fn place(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::File { path, .. } => match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            },
        }
    }
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
    /// Media that is in no file, although it was handed over.
    pub(crate) missed: Mutex<Missed>,
    /// Since when the writer is at work on one thing.
    busy: Mutex<Option<Instant>>,
}

/// Media that could not be written.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Missed {
    pub(crate) duration: Duration,
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
}

impl Shared {
    fn set_busy(&self, since: Option<Instant>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// How files are named, made to last and kept.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) namer: Namer,
    pub(crate) sync: SyncPolicy,
    pub(crate) keep: Keep,
}

/// Other ways from now on, for a writer that is at work.
pub(crate) type Wish = Arc<Mutex<Option<Ways>>>;

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
    pub(crate) standing: Arc<Standing>,
}

impl Writer {
    /// Starts the thread; so many bytes may wait for it.
    pub(crate) fn start(files: Files, bytes: u64) -> Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<(Job, OwnedSemaphorePermit)>(QUEUE);
        let (finished, done) = oneshot::channel();
        let shared = Arc::clone(&files.shared);
        let standing = Arc::clone(&files.standing);
        let thread = std::thread::Builder::new().name("writer".to_owned());
        let run = move || {
            let mut files = files;
            while let Some((job, _permit)) = queue.blocking_recv() {
                files.shared.set_busy(Some(Instant::now()));
                files.apply(job);
                files.shared.set_busy(None);
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
            standing,
        })
    }

    /// Says so if the disk does not answer.
    pub(crate) fn look(&self) {
        let busy = *self
            .shared
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if busy.is_some_and(|since| since.elapsed() >= HANGS) {
            let seconds = HANGS.as_secs();
            self.standing
                .blocked(&format!("the disk has not answered for {seconds} s"));
        }
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
