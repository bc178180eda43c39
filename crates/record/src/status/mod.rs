//! How a recording stands, for those who ask: a board that events are entered on,
//! served over HTTP as JSON and as metrics of Prometheus.

mod ask;
mod board;
mod metrics;
mod server;

pub use ask::{ADDRESS, ask};
pub(crate) use board::Board;
pub(crate) use server::Server;

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Where the status is served.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether it may be one that other machines reach: whoever connects is told,
    /// unasked, the names of cameras and files.
    pub public: bool,
}

impl Listen {
    pub(crate) fn check(self) -> crate::Result<()> {
        if self.public || self.address.ip().is_loopback() {
            return Ok(());
        }
        Err(crate::Error::Usage(format!(
            "{}: other machines could read the status there, without a password: take \
             127.0.0.1, or allow it (--status-public, public = true)",
            self.address
        )))
    }
}

/// How a recording stands; schema `tapo.status/1`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Status {
    /// `tapo.status/1`.
    pub schema: String,
    /// Version of the recorder.
    pub version: String,
    /// When recording began, seconds since 1970.
    pub started: f64,
    /// Seconds since then.
    pub uptime_s: f64,
    /// By name.
    pub cameras: Vec<CameraStatus>,
    /// The disks that are recorded to.
    pub disks: Vec<DiskStatus>,
    /// Times that a hook failed.
    pub hook_failures: u64,
    /// Times that the options changed while recording.
    pub reloads: u64,
}

/// How a camera stands. What is counted is so since recording began.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct CameraStatus {
    /// Its name.
    pub camera: String,
    /// `connecting`, `connected`, `recording`, `blocked` (no file can be written), `waiting` or `stopped`.
    pub state: String,
    /// Seconds in this state.
    pub state_s: f64,
    /// Why it is waiting, or no file can be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Media recorded, seconds.
    pub recorded_s: f64,
    /// Media that came and is in no file, since none could be written, seconds.
    #[serde(default)]
    pub missed_s: f64,
    /// Bytes written.
    pub bytes: u64,
    /// Bits a second, over the last second in which media came.
    pub bits_per_second: u64,
    /// Pictures.
    pub frames: u64,
    /// RTP packets lost.
    pub lost_packets: u64,
    /// Pictures left out, since the disk was too slow.
    pub dropped_frames: u64,
    /// Connections made.
    pub connections: u64,
    /// Segments closed.
    pub segments: u64,
    /// Segments closed that could not be finished.
    pub failed_segments: u64,
    /// Segments removed, since they were not to be kept any longer.
    pub removed_segments: u64,
    /// Bytes of these.
    pub removed_bytes: u64,
    /// The file that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What was noticed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// How a disk stands.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct DiskStatus {
    /// A folder on it.
    pub path: String,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that it has.
    pub size: u64,
}

#[cfg(test)]
mod tests;
