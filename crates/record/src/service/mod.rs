//! The recorder as a service: it tells the manager that started it how it is, and
//! watches the disks.

mod notify;
mod pulse;

pub(crate) use pulse::{Pulse, Pulses};

use crate::outcome::Event;
use crate::stop::StopHandle;
use crate::writer::Tell;
use notify::Notifier;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it looks after things.
const TICK: Duration = Duration::from_millis(500);
/// How often it looks at the disks.
const DISKS: Duration = Duration::from_secs(5);
/// A camera whose task did not get its turn for this long hangs.
const HANGS: Duration = Duration::from_secs(15);
/// What is little of a disk where nothing else is said: this many bytes, but not
/// more than this part of it.
const LOW: (u64, u64) = (1_000_000_000, 50);

/// The disks that are watched, in a thread of their own: one that does not answer holds up neither
/// the watchdog nor those who ask for the status.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    watched: Mutex<(Vec<PathBuf>, Option<u64>)>,
    seen: Mutex<BTreeMap<PathBuf, Room>>,
}

/// Bytes that are free on a disk, and that it has.
pub(crate) type Room = (u64, u64);

impl Disks {
    /// Watches the disks of these folders; `low` bytes are little.
    pub(crate) fn set(&self, folders: Vec<PathBuf>, low: Option<u64>) {
        self.seen().retain(|folder, _| folders.contains(folder));
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = (folders, low);
    }

    /// What was seen last, by folder.
    pub(crate) fn seen(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Room>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of disks that have become low since the last time.
    fn look(&self, low: &mut BTreeMap<PathBuf, bool>, tell: &Tell) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let (folders, limit) = watched.clone();
        drop(watched);
        low.retain(|folder, _| folders.contains(folder));
        self.seen().retain(|folder, _| folders.contains(folder));
        for path in folders {
            let Some((free, size)) = tapo_io::free_space(&path).zip(tapo_io::disk_size(&path))
            else {
                continue;
            };
            self.seen().insert(path.clone(), (free, size));
            let limit = limit.unwrap_or_else(|| LOW.0.min(size / LOW.1));
            let was = low.entry(path.clone()).or_default();
            // An eighth more, before it can be told again.
            let is = free < if *was { limit + limit / 8 } else { limit };
            if is && !*was {
                tell(Event::DiskLow { path, free, limit });
            }
            *was = is;
        }
    }
}

/// The threads that look after things; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Nobody waits for the one that looks at the disks.
    _disks: SyncSender<()>,
    end: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Says that all is ready, and goes on watching.
    pub(crate) fn start(
        pulses: Arc<Pulses>,
        disks: Arc<Disks>,
        tell: Tell,
        stop: StopHandle,
    ) -> std::io::Result<Self> {
        let (disks_end, disks_ended) = sync_channel::<()>(0);
        let look = move || {
            let mut low = BTreeMap::new();
            loop {
                disks.look(&mut low, &tell);
                if disks_ended.recv_timeout(DISKS) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let looking = std::thread::Builder::new().name("disks".to_owned());
        drop(looking.spawn(look)?);
        let (end, ended) = sync_channel::<()>(0);
        let notifier = Notifier::from_environment();
        let thread = std::thread::Builder::new().name("watch".to_owned());
        let watch = move || {
            let said = |text: &str| notifier.iter().for_each(|n| n.say(text));
            let watchdog = notifier.as_ref().and_then(Notifier::watchdog);
            said("READY=1\nSTATUS=all cameras have begun");
            let (mut stopping, mut hung, mut alive) = (false, false, Instant::now());
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                if stop.is_stopped() && !stopping {
                    stopping = true;
                    said("STOPPING=1\nSTATUS=finishing files");
                }
                let hangs = pulses.hang(HANGS);
                if hangs && !hung {
                    tracing::error!("a camera's task does not go on");
                }
                hung = hangs;
                // Halfway through the time that the manager allows.
                let due = watchdog.is_some_and(|time| alive.elapsed() + TICK >= time / 2);
                if due && !hangs {
                    said("WATCHDOG=1");
                    alive = Instant::now();
                }
            }
            if !stopping {
                said("STOPPING=1");
            }
        };
        Ok(Self {
            _disks: disks_end,
            end: Some(end),
            thread: Some(thread.spawn(watch)?),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
