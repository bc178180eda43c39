//! What finalize is asked, and what it answers.

use crate::{Hole, LeftOut};
use std::path::PathBuf;
use std::time::Duration;
use tapo_io::WritePlan;

/// How to finalize.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Write a new file and leave the source as it is.
    pub output: Option<PathBuf>,
    /// Whether an output that exists may be replaced.
    pub replace: bool,
}

/// How a file became final.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum How {
    /// The `moov` went into the reserve of our segment, before the media.
    Reveal,
    /// The `moov` was appended.
    Tail,
    /// It was final already.
    AlreadyFinal,
}

/// What finalize did, or would do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finalization {
    /// The file that is final now.
    pub path: PathBuf,
    /// How it became so.
    pub how: How,
    /// Tracks.
    pub tracks: usize,
    /// Sample entries of each track, with its id: more than one where parameters change
    /// on the way.
    pub entries: Vec<(u32, usize)>,
    /// Samples of all tracks.
    pub samples: u64,
    /// How long the longest track shows.
    pub duration: Duration,
    /// Whole seconds of nothing before the first sample of any track that are left
    /// out: the stream had been running that long before.
    pub lead_left_out: Duration,
    /// Fragments all of whose samples are in the final index.
    pub fragments: usize,
    /// Of a last fragment that is torn: how many of its samples are there, and in the
    /// final index, and how many are not.
    pub torn_samples: Option<(u64, u64)>,
    /// What of the file is not in the final index.
    pub left_out: LeftOut,
    /// Time that no fragment is of, in order.
    pub holes: Vec<Hole>,
    /// Length of the final `moov`, bytes; 0 if it was final already.
    pub moov_len: u64,
    /// Whether chunk offsets need 64 bits (`co64`).
    pub large_offsets: bool,
    /// Bytes written, not counting the copy that `output` asks for.
    pub bytes_written: u64,
    /// Size of the file now, bytes.
    pub size: u64,
    /// Whether an earlier run had been interrupted.
    pub resumed: bool,
}

/// What was taken back.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Undone {
    /// How the file had been made final.
    pub how: How,
    /// Size of the file now, bytes: what it was before, but for what was cut off or
    /// added since.
    pub size: u64,
    /// Bytes of the original that were cut off its end since it was finalized.
    pub missing: u64,
    /// Bytes that were added at its end since, and stay.
    pub added: u64,
    /// Whether the record of how to go back was cut off too: the header of the first box
    /// behind `ftyp`, 8 or 16 bytes, was worked out from what the box holds.
    pub worked_out: bool,
    /// Bytes written.
    pub bytes_written: u64,
}

impl Undone {
    /// All of the original bytes are back.
    pub(crate) fn exact(how: How, size: u64, writes: &WritePlan) -> Self {
        Self {
            how,
            size,
            missing: 0,
            added: 0,
            worked_out: false,
            bytes_written: writes.bytes_written(),
        }
    }
}
