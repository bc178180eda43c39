//! What was sent to whom: counters, and a log that lets a test compare a
//! recording with it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Sessions whose log is kept.
const MAX_SESSIONS: usize = 64;

/// One sample sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Index of the clip among those of the camera.
    pub clip: usize,
    /// Index of the sample in its track, from 0, in decoding order.
    pub sample: usize,
    /// Its RTP timestamp: presentation time modulo 2^32 ticks.
    pub timestamp: u32,
    /// RTP sequence number of its first packet.
    pub sequence: u16,
    /// Packets it was sent in.
    pub packets: u32,
    /// Packets of those that were lost on purpose, or by a full socket.
    pub lost: u32,
}

/// What was sent of one track in one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackLog {
    /// Whether the client has set it up.
    pub set_up: bool,
    /// In sending order.
    pub sent: Vec<Sent>,
    /// Samples that were sent, but not logged, since the log was full.
    pub unlogged: u64,
}

/// One session, from SETUP to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLog {
    /// As in the `Session` header.
    pub id: String,
    /// The client.
    pub peer: SocketAddr,
    /// The wall clock at session time zero of the reports, once it plays.
    pub started: Option<SystemTime>,
    /// Whether it is over.
    pub ended: bool,
    /// Per track of the clip.
    pub tracks: Vec<TrackLog>,
    number: u64,
}

/// What was sent of one track in all sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounters {
    /// Access units or audio frames.
    pub samples: u64,
    /// RTP packets, lost ones included.
    pub packets: u64,
    /// RTP payload bytes, lost ones included.
    pub octets: u64,
    /// Samples that were damaged in the clip or could not be read.
    pub damaged: u64,
}

/// What the camera has done since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted, refused ones included.
    pub connections: u64,
    /// Connections closed at once: scripted, or too many.
    pub refused: u64,
    /// Connections that stand.
    pub clients: usize,
    /// Requests answered.
    pub requests: u64,
    /// Requests answered with 401.
    pub unauthorized: u64,
    /// Connections closed because the client did not read.
    pub too_slow: u64,
    /// Connections closed because the client was silent for too long.
    pub timed_out: u64,
    /// Per track of the clip.
    pub tracks: Vec<TrackCounters>,
}

/// Sums and logs of one camera.
pub(crate) struct Journal {
    pub(crate) counters: Counters,
    sessions: VecDeque<SessionLog>,
    next_number: u64,
    /// Samples logged per track and session.
    capacity: usize,
}

impl Journal {
    pub(crate) fn new(tracks: usize, capacity: usize) -> Self {
        Self {
            counters: Counters {
                tracks: vec![TrackCounters::default(); tracks],
                ..Counters::default()
            },
            sessions: VecDeque::new(),
            next_number: 0,
            capacity,
        }
    }

    pub(crate) fn sessions(&self) -> Vec<SessionLog> {
        self.sessions.iter().cloned().collect()
    }

    /// Opens the log of a session and returns its number.
    pub(crate) fn open(&mut self, id: &str, peer: SocketAddr) -> u64 {
        if self.sessions.len() == MAX_SESSIONS {
            // Rather forget one that is over.
            let over = self.sessions.iter().position(|session| session.ended);
            self.sessions.remove(over.unwrap_or(0));
        }
        let number = self.next_number;
        self.next_number += 1;
        self.sessions.push_back(SessionLog {
            id: id.to_owned(),
            peer,
            started: None,
            ended: false,
            tracks: vec![TrackLog::default(); self.counters.tracks.len()],
            number,
        });
        number
    }

    /// The log of a session, unless it was forgotten.
    pub(crate) fn session(&mut self, number: u64) -> Option<&mut SessionLog> {
        self.sessions.iter_mut().find(|s| s.number == number)
    }

    pub(crate) fn sent(&mut self, session: u64, track: usize, sent: Sent, octets: u64) {
        if let Some(counters) = self.counters.tracks.get_mut(track) {
            counters.samples += 1;
            counters.packets += u64::from(sent.packets);
            counters.octets += octets;
        }
        let capacity = self.capacity;
        let log = self.session(session).and_then(|s| s.tracks.get_mut(track));
        if let Some(log) = log {
            if log.sent.len() < capacity {
                log.sent.push(sent);
            } else {
                log.unlogged += 1;
            }
        }
    }

    pub(crate) fn damaged(&mut self, track: usize) {
        if let Some(counters) = self.counters.tracks.get_mut(track) {
            counters.damaged += 1;
        }
    }
}
