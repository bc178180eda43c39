//! What is told while recording, and in the end.

use crate::retention::Why;
use crate::run::Changes;
use crate::segmenter::{Ended, Summary};
use crate::source::WallClock;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What happens while recording. `camera` is the camera's name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A camera's state changed.
    State {
        /// Which camera.
        camera: String,
        /// Its state now.
        state: State,
    },
    /// About once a second while media comes.
    Progress {
        /// Which camera.
        camera: String,
        /// How it goes.
        progress: Progress,
    },
    /// A file was begun.
    Opened {
        /// Which camera.
        camera: String,
        /// The file.
        path: PathBuf,
    },
    /// A file was closed.
    Closed {
        /// Which camera.
        camera: String,
        /// What is in it.
        segment: RecordedSegment,
    },
    /// A segment that an earlier run left open was finished.
    Leftover {
        /// The file.
        path: PathBuf,
        /// Samples in it, or why it could not be finished.
        result: Result<u64, String>,
    },
    /// A segment was removed, since it was not to be kept any longer.
    Removed {
        /// Which camera.
        camera: String,
        /// The file that was.
        path: PathBuf,
        /// When its first sample was received.
        started: WallClock,
        /// Bytes of the disk that it took.
        bytes: u64,
        /// Why.
        why: Why,
    },
    /// Other options were given; cameras whose own did not change go on.
    Reloaded {
        /// What became of the cameras; or why nothing changed.
        result: Result<Changes, String>,
    },
    /// The status is served.
    Serving {
        /// Where.
        address: SocketAddr,
    },
    /// Little of a disk has become free.
    DiskLow {
        /// A folder on it.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes of which fewer are little.
        limit: u64,
    },
    /// A hook could not be told something.
    HookFailed {
        /// Of which camera; empty where it was about none.
        camera: String,
        /// The program, or the host of the address.
        hook: String,
        /// Why.
        text: String,
    },
    /// Nothing was recorded for a time; now it goes on.
    Gap {
        /// Which camera.
        camera: String,
        /// From the last picture before to the first one after.
        missing: Duration,
    },
    /// Something the user should know.
    Notice {
        /// Which camera.
        camera: String,
        /// In words.
        text: String,
    },
}

/// The state of a camera.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// A connection is being made.
    Connecting,
    /// The camera plays; its first keyframe is waited for.
    Connected,
    /// Media is written.
    Recording,
    /// Media comes, but no file can be written; it is tried again at each keyframe.
    Blocked {
        /// Why.
        reason: String,
    },
    /// There is no connection; another attempt follows.
    Waiting {
        /// Why.
        reason: String,
        /// When.
        retry_in: Duration,
    },
    /// Recording has ended.
    Stopped,
}

impl State {
    /// Its name, in one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Recording => "recording",
            Self::Blocked { .. } => "blocked",
            Self::Waiting { .. } => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// How recording goes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Media recorded, of the leading track.
    pub recorded: Duration,
    /// Media that came and is in no file, since none could be written.
    pub missed: Duration,
    /// Bits a second over the last second.
    pub bit_rate: u64,
    /// Pictures so far (or packets, of sound alone).
    pub frames: u64,
    /// RTP packets lost so far.
    pub lost_packets: u64,
    /// Pictures left out so far, since the disk was too slow.
    pub dropped: u64,
    /// Bytes written so far.
    pub bytes: u64,
    /// The file that is written now.
    pub file: Option<PathBuf>,
}

/// A segment that was written.
#[derive(Clone, Debug)]
pub struct RecordedSegment {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub summary: Summary,
    /// How it was finalized, if it was.
    pub finalized: Option<tapo_finalize::How>,
    /// What went wrong with it. The file holds all that was written before.
    pub problem: Option<String>,
    /// Whether it was removed since: it was not to be kept any longer.
    pub removed: bool,
}

/// Segments that are only counted.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Earlier {
    /// How many.
    pub segments: u64,
    /// How many of them have a [problem](RecordedSegment::problem).
    pub failed: u64,
    /// Media in them, of the leading track.
    pub duration: Duration,
    /// Bytes.
    pub bytes: u64,
    /// RTP packets lost.
    pub lost_packets: u64,
}

impl Earlier {
    /// Counts one.
    pub(crate) fn add(&mut self, segment: &RecordedSegment) {
        self.segments += 1;
        self.failed += u64::from(segment.problem.is_some());
        self.duration += segment.summary.duration;
        self.bytes += segment.summary.bytes;
        self.lost_packets += segment.summary.lost_packets;
    }
}

/// What was recorded of one camera.
#[derive(Clone, Debug, Default)]
pub struct CameraRecording {
    /// The camera's name.
    pub camera: String,
    /// Its newest segments, in order; of a recording of months not all.
    pub segments: Vec<RecordedSegment>,
    /// Those before them.
    pub earlier: Earlier,
    /// RTP packets lost.
    pub lost_packets: u64,
    /// Interruptions of the picture that are longer than a second.
    pub gaps: u32,
    /// Connections that were made.
    pub connections: u32,
    /// What the user should know.
    pub notices: Vec<String>,
    /// Why the disk did not take all that came, where it did not.
    pub problem: Option<String>,
    /// Why the latest connection failed or ended, where one did.
    pub last_failure: Option<String>,
}

/// What was recorded.
#[derive(Debug, Default)]
pub struct Recording {
    /// By camera, in the order of the options.
    pub cameras: Vec<CameraRecording>,
    /// Segments of earlier runs that were finished.
    pub leftovers: Vec<(PathBuf, Result<u64, String>)>,
    /// Whether a camera could not be recorded at all.
    pub failed: bool,
}

impl CameraRecording {
    /// Segments in all.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.earlier.segments + self.segments.len() as u64
    }

    /// Segments that something went wrong with.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let newest = self.segments.iter().filter(|s| s.problem.is_some());
        self.earlier.failed + newest.count() as u64
    }

    /// Media in all segments, of the leading track.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let newest = self.segments.iter().map(|s| s.summary.duration);
        self.earlier.duration + newest.sum::<Duration>()
    }

    /// Bytes in all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let newest = self.segments.iter().map(|s| s.summary.bytes);
        self.earlier.bytes + newest.sum::<u64>()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => f.write_str("the recording or the connection ended"),
            Self::Length => f.write_str("it was long enough"),
            Self::Size => f.write_str("it was large enough"),
            Self::Reserve => f.write_str("the room for its index was used up"),
            Self::Parameters => f.write_str("the camera changed its parameters"),
            Self::Gap(gap) => write!(f, "{:.1} s are missing behind it", gap.as_secs_f64()),
            Self::Clock => f.write_str("the camera's clock jumped"),
            Self::Event => f.write_str("a new one was asked for"),
            Self::Asked => f.write_str("the disk failed"),
        }
    }
}
