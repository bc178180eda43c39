//! What the segmenter says and the writer does.

use crate::source::WallClock;
use std::time::Duration;
use tapo_bmff::FourCc;

/// What is to be written.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin a file with these bytes.
    Open(Head),
    /// Append these.
    Fragment(Fragment),
    /// Nothing more comes into this file.
    Close(Summary),
}

/// The beginning of a file.
#[derive(Clone, Debug)]
pub struct Head {
    /// Number of the segment, from 1 on.
    pub number: u32,
    /// When its first sample was received.
    pub started: WallClock,
    /// How long nothing was recorded before it: from the last picture of the
    /// file before to its first.
    pub missing: Duration,
    /// `ftyp`, reserve, `moov`.
    pub bytes: Vec<u8>,
}

/// A fragment.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// `prft`, `uuid`, `moof`, `mdat`.
    pub bytes: Vec<u8>,
    /// Samples of the leading track in it.
    pub frames: u32,
    /// RTP packets lost in it.
    pub lost: u32,
    /// Media of the leading track in it.
    pub duration: Duration,
}

/// A segment as it was closed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Number of the segment, from 1 on.
    pub number: u32,
    /// When its first sample was received.
    pub started: WallClock,
    /// How long the leading track lasts.
    pub duration: Duration,
    /// Bytes.
    pub bytes: u64,
    /// Sample entry type and samples of each track.
    pub tracks: Vec<(FourCc, u32)>,
    /// RTP packets lost.
    pub lost_packets: u64,
    /// Why it ended.
    pub ended: Ended,
}

/// Why a segment ended.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Ended {
    /// Recording, or the connection, did.
    #[default]
    Stopped,
    /// It was long enough.
    Length,
    /// It was large enough.
    Size,
    /// The reserve for the final index is nearly full.
    Reserve,
    /// The camera changed its parameters.
    Parameters,
    /// Something is missing behind it: this long.
    Gap(Duration),
    /// The camera's clock jumped, or its reordering changed.
    Clock,
    /// A new one was asked for.
    Event,
    /// The writer asked for it.
    Asked,
}
