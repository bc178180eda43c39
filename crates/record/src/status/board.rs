//! The board: what every camera last told.

use super::{CameraStatus, DiskStatus, Status};
use crate::outcome::{Event, State};
use crate::run::Changes;
use crate::service::{Disks, Room};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest text of a camera that is kept, characters.
const TEXT: usize = 300;

/// What is known of all cameras.
#[derive(Debug)]
pub(crate) struct Board {
    began: (Instant, SystemTime),
    known: Mutex<Known>,
    disks: Arc<Disks>,
}

#[derive(Debug, Default)]
struct Known {
    cameras: BTreeMap<String, Camera>,
    /// Those that a reload has taken out.
    ended: BTreeSet<String>,
    hook_failures: u64,
    reloads: u64,
}

#[derive(Debug)]
struct Camera {
    status: CameraStatus,
    since: Instant,
    /// What is counted anew when a camera begins again.
    before: Counts,
}

/// What progress counts.
#[derive(Copy, Clone, Debug, Default)]
struct Counts {
    recorded: Duration,
    missed: Duration,
    bytes: u64,
    frames: u64,
    lost_packets: u64,
    dropped: u64,
}

impl Board {
    pub(crate) fn new(disks: Arc<Disks>) -> Self {
        Self {
            disks,
            began: (Instant::now(), SystemTime::now()),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what happens.
    pub(crate) fn event(&self, event: &Event) {
        let mut known = self.known();
        match event {
            Event::HookFailed { .. } => known.hook_failures += 1,
            Event::Reloaded { result: Ok(done) } => known.reload(done),
            Event::State { camera, .. }
            | Event::Progress { camera, .. }
            | Event::Opened { camera, .. }
            | Event::Closed { camera, .. }
            | Event::Removed { camera, .. }
            | Event::Notice { camera, .. } => {
                if let Some(camera) = known.camera(camera) {
                    camera.event(event);
                }
            }
            _ => {}
        }
    }

    /// How all of it stands now.
    pub(crate) fn status(&self) -> Status {
        let known = self.known();
        let (began, started) = self.began;
        let started = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let camera = |camera: &Camera| CameraStatus {
            state_s: camera.since.elapsed().as_secs_f64(),
            ..camera.status.clone()
        };
        let disk = |(folder, (free, size)): (&PathBuf, &Room)| DiskStatus {
            path: folder.to_string_lossy().into_owned(),
            free: *free,
            size: *size,
        };
        Status {
            schema: "tapo.status/1".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: started.as_secs_f64(),
            uptime_s: began.elapsed().as_secs_f64(),
            cameras: known.cameras.values().map(camera).collect(),
            disks: self.disks.seen().iter().map(disk).collect(),
            hook_failures: known.hook_failures,
            reloads: known.reloads,
        }
    }
}

impl Known {
    /// The camera of this name, unless it has been taken out: what it says while it ends is no news.
    fn camera(&mut self, name: &str) -> Option<&mut Camera> {
        if self.ended.contains(name) {
            return None;
        }
        let camera = self.cameras.entry(name.to_owned());
        Some(camera.or_insert_with(|| Camera {
            status: CameraStatus {
                camera: name.to_owned(),
                state: "connecting".to_owned(),
                ..CameraStatus::default()
            },
            since: Instant::now(),
            before: Counts::default(),
        }))
    }

    fn reload(&mut self, done: &Changes) {
        self.reloads += 1;
        for camera in [&done.begun, &done.changed, &done.adjusted, &done.unchanged]
            .into_iter()
            .flatten()
        {
            self.ended.remove(camera);
        }
        for camera in &done.ended {
            self.cameras.remove(camera);
            self.ended.insert(camera.clone());
        }
    }
}

impl Camera {
    fn event(&mut self, event: &Event) {
        let (before, status) = (self.before, &mut self.status);
        match event {
            Event::State { state, .. } => self.enter(state),
            Event::Progress { progress, .. } => {
                status.recorded_s = (before.recorded + progress.recorded).as_secs_f64();
                status.missed_s = (before.missed + progress.missed).as_secs_f64();
                status.bytes = before.bytes + progress.bytes;
                status.frames = before.frames + progress.frames;
                status.lost_packets = before.lost_packets + progress.lost_packets;
                status.dropped_frames = before.dropped + progress.dropped;
                status.bits_per_second = progress.bit_rate;
                if let Some(file) = &progress.file {
                    status.file = Some(file.to_string_lossy().into_owned());
                }
            }
            Event::Opened { path, .. } => {
                status.file = Some(path.to_string_lossy().into_owned());
            }
            Event::Closed { segment, .. } => {
                status.segments += 1;
                status.failed_segments += u64::from(segment.problem.is_some());
                if status.file.as_deref() == Some(&*segment.path.to_string_lossy()) {
                    status.file = None;
                }
            }
            Event::Removed { bytes, .. } => {
                status.removed_segments += 1;
                status.removed_bytes += bytes;
            }
            Event::Notice { text, .. } => {
                status.notice = Some(text.chars().take(TEXT).collect());
            }
            _ => {}
        }
    }

    fn enter(&mut self, state: &State) {
        let status = &mut self.status;
        if status.state == "stopped" && *state != State::Stopped {
            // It begins again: what it counted so far stays.
            self.before = Counts {
                recorded: Duration::try_from_secs_f64(status.recorded_s).unwrap_or_default(),
                missed: Duration::try_from_secs_f64(status.missed_s).unwrap_or_default(),
                bytes: status.bytes,
                frames: status.frames,
                lost_packets: status.lost_packets,
                dropped: status.dropped_frames,
            };
        }
        if status.state != state.as_str() {
            self.since = Instant::now();
            state.as_str().clone_into(&mut status.state);
        }
        status.reason = match state {
            State::Waiting { reason, .. } | State::Blocked { reason } => {
                Some(reason.chars().take(TEXT).collect())
            }
            _ => None,
        };
        match state {
            State::Connected => status.connections += 1,
            State::Waiting { .. } | State::Blocked { .. } | State::Stopped => {
                status.bits_per_second = 0;
            }
            _ => {}
        }
    }
}
