//! The thread that makes segments last, one for each camera, and the queue in front
//! of it.

use crate::files::{Files, Written};
use crate::outcome::Event;
use crate::relief::Queue;
use crate::segmenter::Command;
use crate::standing::Standing;
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Commands that may wait for the disk.
const QUEUE: usize = 256;
/// Bytes that may wait for the disk, if nothing else is said.
pub(crate) const QUEUE_BYTES: u64 = 64 << 20;

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
    /// Which connection stands.
    pub(crate) standing: Standing,
    /// Why media could not be written, the first time.
    pub(crate) lost: Mutex<Option<String>>,
}

/// What the writer has to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// What follows is of this connection.
    Connection(u32),
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
