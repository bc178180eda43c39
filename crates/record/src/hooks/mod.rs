//! Hooks: programs and web addresses that are told what happens.
//!
//! Each hook has a thread and a short queue of its own: a slow one delays neither
//! recording nor another hook. What does not fit its queue is left out, counted,
//! and told. Nothing that a hook is given holds a password.

mod happening;
mod program;
mod webhook;

pub use happening::{Happening, On};
pub use webhook::Address;

use crate::outcome::{Event, State};
use crate::writer::Tell;
use happening::Kind;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Happenings that may wait for a hook.
const QUEUE: usize = 64;
/// How long hooks may take for what is waiting when the recording has ended.
const CLOSING: Duration = Duration::from_secs(10);
/// How long it may take to end what is still at work then.
const ENDING: Duration = Duration::from_secs(1);

/// What is told of what to whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hook {
    /// What it is told of.
    pub on: Vec<On>,
    /// Of which cameras; all if there is none.
    pub cameras: Vec<String>,
    /// Who is told.
    pub action: Action,
    /// How long it may take, each time.
    pub timeout: Duration,
}

impl Hook {
    /// How long a hook may take where nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
}

/// Who is told, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// This program, with these arguments; no shell has a part in it. The event is
    /// a line of JSON on its standard input, and in `TAPO_...` variables.
    Program(Vec<String>),
    /// An HTTP POST of JSON to this address.
    Webhook(Address),
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Program(argv) => f.write_str(argv.first().map_or("", String::as_str)),
            Self::Webhook(address) => address.fmt(f),
        }
    }
}

/// The hooks of a recording.
pub(crate) struct Hooks {
    lines: Vec<Line>,
    /// Cameras that are not there, or cannot be written, since when, and whether
    /// each was told.
    lost: Mutex<BTreeMap<String, Lost>>,
}

/// Of a camera that is not recorded.
struct Lost {
    since: Instant,
    connection: bool,
    disk: bool,
}

/// One hook, at work.
struct Line {
    hook: Hook,
    queue: Mutex<Option<SyncSender<Arc<Happening>>>>,
    left_out: Arc<AtomicU64>,
    /// How many wait for it, the one at work too.
    waiting: Arc<AtomicU64>,
    /// It is not waited for any longer.
    over: Arc<AtomicBool>,
    done: Mutex<Receiver<()>>,
}

impl Hooks {
    /// Starts a thread for each.
    pub(crate) fn start(hooks: &[Hook], tell: &Tell) -> std::io::Result<Self> {
        let line = |hook: &Hook| {
            let (queue, waiting) = sync_channel::<Arc<Happening>>(QUEUE);
            let (finished, done) = sync_channel(1);
            let left_out = Arc::new(AtomicU64::new(0));
            let (own, tell, lost) = (hook.clone(), Arc::clone(tell), Arc::clone(&left_out));
            let count = Arc::new(AtomicU64::new(0));
            let over = Arc::new(AtomicBool::new(false));
            let (at_work, ended) = (Arc::clone(&count), Arc::clone(&over));
            let thread = std::thread::Builder::new().name("hook".to_owned());
            let work = move || {
                for happening in waiting {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    own.tell(&happening, &tell, &ended);
                    at_work.fetch_sub(1, Ordering::Relaxed);
                    let lost = lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        let why = format!("{lost} events before this were too many for it");
                        own.complain(&happening, &why, &tell);
                    }
                }
                let _ = finished.send(());
            };
            drop(thread.spawn(work)?);
            Ok(Line {
                hook: hook.clone(),
                queue: Mutex::new(Some(queue)),
                left_out,
                waiting: count,
                over,
                done: Mutex::new(done),
            })
        };
        let lines: std::io::Result<Vec<Line>> = hooks.iter().map(line).collect();
        Ok(Self {
            lines: lines?,
            lost: Mutex::default(),
        })
    }

    /// Takes what happens; never waits.
    pub(crate) fn event(&self, event: &Event) {
        let Some(happening) = self.happening(event) else {
            return;
        };
        let happening = Arc::new(happening);
        for line in self.lines.iter().filter(|l| happening.concerns(&l.hook)) {
            let queue = line.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = |q: &SyncSender<_>| q.try_send(Arc::clone(&happening)).is_ok();
            line.waiting.fetch_add(1, Ordering::Relaxed);
            if !queue.as_ref().is_some_and(sent) {
                line.waiting.fetch_sub(1, Ordering::Relaxed);
                line.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn happening(&self, event: &Event) -> Option<Happening> {
        if self.lines.is_empty() {
            return None;
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let (camera, kind) = match event {
            Event::Closed { camera, segment } => (camera, Kind::Segment(Box::new(segment.clone()))),
            Event::State { camera, state } => {
                let lost_one = || Lost {
                    since: Instant::now(),
                    connection: false,
                    disk: false,
                };
                let mut first = |of: fn(&mut Lost) -> &mut bool| {
                    let lost = lost.entry(camera.clone()).or_insert_with(lost_one);
                    !std::mem::replace(of(lost), true)
                };
                match state {
                    State::Waiting { reason, .. } if first(|lost| &mut lost.connection) => {
                        let reason = reason.clone();
                        (camera, Kind::Lost { reason })
                    }
                    State::Blocked { reason } if first(|lost| &mut lost.disk) => {
                        let reason = reason.clone();
                        (camera, Kind::DiskFailed { reason })
                    }
                    State::Recording => {
                        let away = lost.remove(camera)?.since.elapsed();
                        (camera, Kind::Back { away })
                    }
                    _ => return None,
                }
            }
            Event::Leftover {
                path,
                result: Ok(_),
            } => return Happening::late(path),
            Event::DiskLow { path, free, limit } => {
                let (path, free, limit) = (path.clone(), *free, *limit);
                return Some(Happening::new("", Kind::DiskLow { path, free, limit }));
            }
            _ => return None,
        };
        Some(Happening::new(camera, kind))
    }

    /// Waits until all are told, for a while.
    pub(crate) fn finish(&self) {
        self.finish_within(CLOSING);
    }

    fn finish_within(&self, time: Duration) {
        let until = Instant::now() + time;
        for line in &self.lines {
            *line.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        for line in &self.lines {
            let left = until.saturating_duration_since(Instant::now());
            let done = line.done.lock().unwrap_or_else(PoisonError::into_inner);
            if done.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                // What is at work ends with the recording, and the rest is counted.
                line.over.store(true, Ordering::Relaxed);
                let untold = line.waiting.load(Ordering::Relaxed);
                let _ = done.recv_timeout(ENDING);
                tracing::warn!(hook = %line.hook.action, untold, "a hook did not end in time");
            }
        }
    }
}

impl Hook {
    fn tell(&self, happening: &Happening, tell: &Tell, over: &AtomicBool) {
        let told = match &self.action {
            Action::Program(argv) => program::run(argv, happening, self.timeout, over),
            Action::Webhook(address) => webhook::post(address, happening, self.timeout),
        };
        if let Err(why) = told {
            self.complain(happening, &why, tell);
        }
    }

    fn complain(&self, happening: &Happening, why: &str, tell: &Tell) {
        tell(Event::HookFailed {
            camera: happening.camera.clone(),
            hook: self.action.to_string(),
            text: why.to_owned(),
        });
    }
}

/// Seconds since 1970, as RFC 3339 says it.
fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

#[cfg(test)]
mod tests;
