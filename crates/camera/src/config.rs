//! How a camera behaves.

use crate::fault::Fault;
use crate::{Authentication, Clip, Error, InBand, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where in its clip a session starts. Always at a keyframe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the first one, every time.
    #[default]
    Beginning,
    /// At the next one of a broadcast that began with the camera, so that a
    /// client that comes back has missed something.
    Live,
}

/// A camera to be. Start from [`CameraConfig::new`] and change what matters.
#[derive(Clone, Debug)]
pub struct CameraConfig {
    /// What to serve: the first, and what [`Fault::SwitchClip`] may switch to,
    /// which must have the same tracks.
    pub clips: Vec<Clip>,
    /// Where to listen; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Path of the stream, with its slash.
    pub path: String,
    /// What clients must prove.
    pub authentication: Authentication,
    /// Whether to offer RTP over the RTSP connection.
    pub tcp: bool,
    /// Whether to offer RTP over UDP.
    pub udp: bool,
    /// Where sessions start.
    pub start: Start,
    /// Speed of media against real time; 1 is a camera. Between 0.01 and 1000.
    pub speed: f64,
    /// Media time between sender reports of a stream; `None` sends none.
    pub report_interval: Option<Duration>,
    /// Silence after which a client is taken for dead.
    pub session_timeout: Duration,
    /// Parameter sets in the stream, besides those in the SDP.
    pub in_band: InBand,
    /// Whether to offer the third stream of a Tapo, which delivers nothing.
    pub application_track: bool,
    /// Sequence number of the first packet of each stream; random if `None`.
    pub first_sequence: Option<u16>,
    /// RTP timestamp of each stream's first presentation; random if `None`.
    pub first_timestamp: Option<u32>,
    /// Most connections at a time; more are answered with 503.
    pub max_connections: usize,
    /// Bytes that wait for a client to read before it is dropped.
    pub max_backlog: usize,
    /// Samples logged per track and session.
    pub log_capacity: usize,
    /// Faults and when to do them, from the start of the camera.
    pub schedule: Vec<(Duration, Fault)>,
}

impl CameraConfig {
    /// A camera on a free port of 127.0.0.1 without a password, with TCP, UDP
    /// and a report a second.
    #[must_use]
    pub fn new(clip: Clip) -> Self {
        Self {
            clips: vec![clip],
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            path: "/stream1".into(),
            authentication: Authentication::None,
            tcp: true,
            udp: true,
            start: Start::Beginning,
            speed: 1.0,
            report_interval: Some(Duration::from_secs(1)),
            session_timeout: Duration::from_secs(60),
            in_band: InBand::Never,
            application_track: false,
            first_sequence: None,
            first_timestamp: None,
            max_connections: 64,
            max_backlog: 4 << 20,
            log_capacity: 1 << 16,
            schedule: Vec::new(),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let usage = |why: &str| Err(Error::Usage(why.into()));
        let Some(first) = self.clips.first() else {
            return usage("a camera needs a clip");
        };
        if !self.clips.iter().all(|clip| first.can_continue_as(clip)) {
            return usage("all clips of a camera must have the same tracks");
        }
        if !(0.01..=1000.0).contains(&self.speed) {
            return usage("the speed must be between 0.01 and 1000");
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|b| b.is_ascii_graphic()) {
            return usage("the path must begin with / and have no blanks");
        }
        if self.session_timeout < Duration::from_secs(1) {
            return usage("the session timeout must be at least a second");
        }
        if self
            .report_interval
            .is_some_and(|i| i < Duration::from_millis(10))
        {
            return usage("reports must be at least 10 ms apart");
        }
        if !self.tcp && !self.udp {
            return usage("a camera needs TCP or UDP");
        }
        self.schedule
            .iter()
            .try_for_each(|(_, fault)| self.check_fault(fault))
    }

    pub(crate) fn check_fault(&self, fault: &Fault) -> Result<()> {
        let why = match *fault {
            Fault::SwitchClip { clip } if clip >= self.clips.len() => format!("no clip {clip}"),
            Fault::DegradeUdp {
                loss_percent,
                reorder_percent,
                ..
            } if loss_percent.max(reorder_percent) > 100 => "more than 100 percent".into(),
            Fault::JumpClock { milliseconds } if milliseconds.unsigned_abs() > 1 << 40 => {
                "a jump of more than 34 years".into()
            }
            _ => return Ok(()),
        };
        Err(Error::Usage(why))
    }
}
