//! The movie as a whole.

use crate::Track;
use tapo_bmff::FourCc;

/// A presentation: its header, its tracks, and what else stands in `moov`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Movie {
    /// Fields of `mvhd` (§8.2.2).
    pub header: MovieHeader,
    /// The tracks, in file order.
    pub tracks: Vec<Track>,
    /// Children of `moov` that are not modelled (`udta`, `meta`, `iods`,
    /// `uuid`, ...), verbatim and in file order. `mvex` is not among them.
    pub other: Vec<RawBox>,
}

/// Fields of `mvhd` (§8.2.2). The duration is worked out when it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MovieHeader {
    /// Ticks a second of edit lists and track durations.
    pub timescale: u32,
    /// Seconds since 1904-01-01 UTC.
    pub creation_time: u64,
    /// Seconds since 1904-01-01 UTC.
    pub modification_time: u64,
    /// The duration that was read, ticks of [`MovieHeader::timescale`].
    pub declared_duration: u64,
    /// Playback rate, 16.16.
    pub rate: u32,
    /// Volume, 8.8.
    pub volume: u16,
    /// Transformation, `{a, b, u, c, d, v, x, y, w}`.
    pub matrix: [i32; 9],
    /// A track id that is not in use.
    pub next_track_id: u32,
}

impl MovieHeader {
    /// The unity matrix (§8.2.2.2).
    pub const UNITY: [i32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
}

impl Default for MovieHeader {
    fn default() -> Self {
        Self {
            timescale: 1000,
            creation_time: 0,
            modification_time: 0,
            declared_duration: 0,
            rate: 0x1_0000,
            volume: 0x100,
            matrix: Self::UNITY,
            next_track_id: 1,
        }
    }
}

impl Movie {
    /// The track with this id.
    #[must_use]
    pub fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|t| t.header.id == id)
    }

    /// Samples of all tracks.
    #[must_use]
    pub fn sample_count(&self) -> u64 {
        self.tracks.iter().map(|t| u64::from(t.samples.len())).sum()
    }
}

/// A box that is kept as it is, header included.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawBox {
    /// Its type.
    pub kind: FourCc,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

impl RawBox {
    /// The extended type of a `uuid` box, and the bytes behind it.
    #[must_use]
    pub fn user_data(&self) -> Option<(&[u8; 16], &[u8])> {
        let header = tapo_bmff::BoxHeader::read(0, &self.bytes)?;
        header.user_type?;
        let at = usize::try_from(header.len()).ok()?;
        let (head, rest) = self.bytes.split_at_checked(at)?;
        Some((head.last_chunk()?, rest))
    }
}

/// The `ftyp` box (§4.3): what the file claims to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileType {
    /// Best use.
    pub major_brand: FourCc,
    /// Informative only.
    pub minor_version: u32,
    /// Specifications it conforms to.
    pub compatible_brands: Vec<FourCc>,
}

impl FileType {
    /// Reads the payload of `ftyp` or `styp`; `None` if it is too short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (major, rest) = payload.split_first_chunk::<4>()?;
        let (minor, brands) = rest.split_first_chunk::<4>()?;
        let (brands, _) = brands.as_chunks::<4>();
        Some(Self {
            major_brand: FourCc(*major),
            minor_version: u32::from_be_bytes(*minor),
            compatible_brands: brands.iter().map(FourCc::from).collect(),
        })
    }
}
