//! Movie fragments (§8.8), as they were read.

use tapo_io::Span;

/// `trex` (§8.8.3): what a fragment leaves out.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct FragmentDefaults {
    /// Sample description, from 1 on.
    pub description: u32,
    /// Duration of a sample, ticks of the track's timescale.
    pub duration: u32,
    /// Size of a sample, bytes.
    pub size: u32,
    /// Flags of a sample (§8.8.3.1).
    pub flags: u32,
}

/// Bit of the sample flags (§8.8.3.1) that says: not a sync sample.
pub(crate) const NON_SYNC: u32 = 0x0001_0000;

/// One movie fragment: a `moof` and the data it describes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fragment {
    /// Its number by its own word (`mfhd`).
    pub sequence_number: Option<u32>,
    /// The `moof` box.
    pub moof: Span,
    /// Whether all the samples it describes are in the file. Only then are they
    /// in the tracks' sample tables.
    pub whole: bool,
    /// What it holds of each track.
    pub tracks: Vec<TrackFragment>,
}

/// What a fragment holds of one track (`traf`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackFragment {
    /// The track's id, which need not exist.
    pub track_id: u32,
    /// `tfdt`, ticks of the track's timescale.
    pub base_media_decode_time: Option<u64>,
    /// Number of its first sample in the track, from 1 on.
    pub first_sample: u32,
    /// How many samples.
    pub samples: u32,
    /// How long they last, ticks of the track's timescale.
    pub duration: u64,
    /// How large they are, bytes.
    pub bytes: u64,
}
