//! What a hook is told.

use super::{Hook, rfc3339};
use crate::hex::hex;
use crate::outcome::RecordedSegment;
use crate::retention::stamp_of;
use crate::source::WallClock;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// What a hook can be told of.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum On {
    /// A segment was closed.
    Segment,
    /// The connection to a camera was lost, or could not be made.
    Lost,
    /// A camera that was lost, or could not be written, is recorded again.
    Back,
    /// Little of a disk is free.
    DiskLow,
    /// No file of a camera can be written.
    DiskFailed,
}

impl On {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Segment,
        Self::Lost,
        Self::Back,
        Self::DiskLow,
        Self::DiskFailed,
    ];

    /// Its name in configuration files and in what hooks are given.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Lost => "lost",
            Self::Back => "back",
            Self::DiskLow => "disk-low",
            Self::DiskFailed => "disk-failed",
        }
    }
}

impl FromStr for On {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        let found = Self::ALL.into_iter().find(|on| on.as_str() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            crate::Error::Usage(format!("{text:?} is none of {all}"))
        })
    }
}

/// Something that happened.
#[derive(Debug)]
pub struct Happening {
    /// The camera; empty where it is about none.
    pub(crate) camera: String,
    kind: Kind,
    time: SystemTime,
    /// Of the segment's file; worked out when the first hook wants it.
    sha256: OnceLock<Option<String>>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Segment(Box<RecordedSegment>),
    /// A segment that an earlier run left open, finished now.
    Late {
        path: PathBuf,
        started: WallClock,
    },
    Lost {
        reason: String,
    },
    Back {
        away: Duration,
    },
    DiskFailed {
        reason: String,
    },
    DiskLow {
        path: PathBuf,
        free: u64,
        limit: u64,
    },
}

/// One object; fields that an event does not have are left out.
#[derive(Default, Serialize)]
struct Payload<'a> {
    schema: &'static str,
    event: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    camera: &'a str,
    /// When it happened, RFC 3339.
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finalized: Option<bool>,
    /// An earlier run left it open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    away_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_bytes: Option<u64>,
}

impl Happening {
    pub(super) fn new(camera: &str, kind: Kind) -> Self {
        Self {
            camera: camera.to_owned(),
            kind,
            time: SystemTime::now(),
            sha256: OnceLock::new(),
        }
    }

    /// Of a segment that was finished late; `None` if it is none of ours.
    pub(super) fn late(path: &Path) -> Option<Self> {
        let stamp = stamp_of(&tapo_io::PreadFile::open(path).ok()?)?;
        let path = path.to_owned();
        let started = WallClock(stamp.started_ns);
        Some(Self::new(&stamp.camera, Kind::Late { path, started }))
    }

    pub(super) const fn on(&self) -> On {
        match self.kind {
            Kind::Segment(_) | Kind::Late { .. } => On::Segment,
            Kind::Lost { .. } => On::Lost,
            Kind::Back { .. } => On::Back,
            Kind::DiskLow { .. } => On::DiskLow,
            Kind::DiskFailed { .. } => On::DiskFailed,
        }
    }

    /// Whether a hook wants to know.
    pub(super) fn concerns(&self, hook: &Hook) -> bool {
        let of = |camera: &String| *camera == self.camera;
        let camera =
            self.camera.is_empty() || hook.cameras.is_empty() || hook.cameras.iter().any(of);
        camera && hook.on.contains(&self.on())
    }

    /// As JSON, one object without the end of a line.
    pub(super) fn json(&self) -> Vec<u8> {
        // Strings and numbers: this cannot fail.
        serde_json::to_vec(&self.payload()).unwrap_or_default()
    }

    /// As variables of the environment: the event's, and of a segment the path as it is.
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let payload = self.payload();
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("TAPO_EVENT", payload.event.into()),
            ("TAPO_TIME", payload.time.into()),
        ];
        if !self.camera.is_empty() {
            variables.push(("TAPO_CAMERA", self.camera.replace('\0', "").into()));
        }
        let path = match &self.kind {
            Kind::Segment(segment) => Some(absolute(&segment.path)),
            Kind::Late { path, .. } => Some(absolute(path)),
            Kind::DiskLow { path, .. } => Some(absolute(path)),
            _ => None,
        };
        let texts = [
            ("TAPO_STARTED", payload.started),
            ("TAPO_ENDED", payload.ended),
            ("TAPO_SHA256", payload.sha256.map(str::to_owned)),
        ];
        variables.extend(path.map(|path| ("TAPO_PATH", path.into_os_string())));
        let texts = texts.into_iter();
        variables.extend(texts.filter_map(|(name, text)| Some((name, text?.into()))));
        variables
    }

    fn payload(&self) -> Payload<'_> {
        let common = Payload {
            schema: "tapo.hook/1",
            event: self.on().as_str(),
            camera: &self.camera,
            time: rfc3339(self.time),
            ..Payload::default()
        };
        let shown = |path: &Path| Some(absolute(path).to_string_lossy().into_owned());
        match &self.kind {
            Kind::Segment(segment) => Payload {
                path: shown(&segment.path),
                started: Some(wall(segment.summary.started, Duration::ZERO)),
                ended: Some(wall(segment.summary.started, segment.summary.duration)),
                duration_s: Some(segment.summary.duration.as_secs_f64()),
                bytes: Some(segment.summary.bytes),
                lost_packets: Some(segment.summary.lost_packets),
                finalized: Some(segment.finalized.is_some()),
                sha256: self.sha256(&segment.path),
                ..common
            },
            Kind::Late { path, started } => Payload {
                path: shown(path),
                started: Some(wall(*started, Duration::ZERO)),
                finalized: Some(true),
                late: true,
                sha256: self.sha256(path),
                ..common
            },
            Kind::Lost { reason } | Kind::DiskFailed { reason } => Payload {
                reason: Some(reason),
                ..common
            },
            Kind::Back { away } => Payload {
                away_s: Some(away.as_secs_f64()),
                ..common
            },
            Kind::DiskLow { path, free, limit } => Payload {
                path: shown(path),
                free_bytes: Some(*free),
                limit_bytes: Some(*limit),
                ..common
            },
        }
    }

    fn sha256(&self, path: &Path) -> Option<&str> {
        self.sha256.get_or_init(|| hash(path).ok()).as_deref()
    }
}

fn wall(time: WallClock, later: Duration) -> String {
    let nanos = u64::try_from(time.0).unwrap_or(0);
    rfc3339(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos) + later)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// SHA-256 of a file, hexadecimal.
fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..read).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
    }
    Ok(hex(&hash.finalize()))
}
