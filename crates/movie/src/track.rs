//! A track: what it is, its sample descriptions, its samples, its edits.

use crate::{FragmentDefaults, MovieHeader, RawBox, SampleDescription, SampleTable};
use tapo_bmff::FourCc;

/// One track.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Track {
    /// Fields of `tkhd` (§8.3.2).
    pub header: TrackHeader,
    /// What kind of media: `vide`, `soun`, `meta`, ... (§8.4.3).
    pub handler: FourCc,
    /// The payload of `hdlr`, verbatim; empty lets the encoder write one.
    pub handler_box: Vec<u8>,
    /// Ticks a second of the media (`mdhd`, §8.4.2).
    pub timescale: u32,
    /// Seconds since 1904-01-01 UTC.
    pub media_creation_time: u64,
    /// Seconds since 1904-01-01 UTC.
    pub media_modification_time: u64,
    /// The duration that `mdhd` states, ticks of [`Track::timescale`].
    pub declared_media_duration: u64,
    /// Language as `mdhd` packs it: ISO 639-2/T, or a Macintosh code.
    pub language: u16,
    /// `mdhd`'s last field, the quality of QuickTime.
    pub quality: u16,
    /// Sample descriptions (`stsd`, §8.5.2); samples name them from 1 on.
    pub descriptions: Vec<SampleDescription>,
    /// The samples.
    pub samples: SampleTable,
    /// The edit list (§8.6.6); none means: from the first sample on.
    pub edits: Vec<Edit>,
    /// `trex` (§8.8.3), if the movie is fragmented.
    pub defaults: Option<FragmentDefaults>,
    /// Media header (`vmhd`, `smhd`, `gmhd`, ...) verbatim; `None` lets the
    /// encoder write the one that fits the handler.
    pub media_header: Option<RawBox>,
    /// `dinf` verbatim; `None` lets the encoder write a self-contained one.
    pub data_information: Option<RawBox>,
    /// Children of `trak` that are not modelled, verbatim.
    pub other: Vec<RawBox>,
    /// Children of `mdia` that are not modelled, verbatim.
    pub other_mdia: Vec<RawBox>,
    /// Children of `minf` that are not modelled, verbatim.
    pub other_minf: Vec<RawBox>,
    /// Children of `stbl` that are not modelled (`sgpd`, `sbgp`, `sdtp`, ...),
    /// verbatim.
    pub other_stbl: Vec<RawBox>,
}

/// Fields of `tkhd` (§8.3.2). The duration is worked out when it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackHeader {
    /// The track id; never 0 in a sound file.
    pub id: u32,
    /// 1 enabled, 2 in movie, 4 in preview, 8 size is an aspect ratio.
    pub flags: u32,
    /// Seconds since 1904-01-01 UTC.
    pub creation_time: u64,
    /// Seconds since 1904-01-01 UTC.
    pub modification_time: u64,
    /// The duration that was read, ticks of the movie's timescale.
    pub declared_duration: u64,
    /// Front to back.
    pub layer: u16,
    /// Tracks of one group are alternatives.
    pub alternate_group: u16,
    /// Volume, 8.8.
    pub volume: u16,
    /// Transformation, `{a, b, u, c, d, v, x, y, w}`.
    pub matrix: [i32; 9],
    /// Presentation width, pixels 16.16.
    pub width: u32,
    /// Presentation height, pixels 16.16.
    pub height: u32,
}

impl Default for TrackHeader {
    fn default() -> Self {
        Self {
            id: 1,
            flags: 3,
            creation_time: 0,
            modification_time: 0,
            declared_duration: 0,
            layer: 0,
            alternate_group: 0,
            volume: 0,
            matrix: MovieHeader::UNITY,
            width: 0,
            height: 0,
        }
    }
}

/// One entry of an edit list (§8.6.6).
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    /// How long it lasts, ticks of the movie's timescale. 0 in a fragmented
    /// movie means: to the end, however far the fragments go.
    pub duration: u64,
    /// Where in the media it starts, ticks of the track's timescale,
    /// composition time; `None` shows nothing (an empty edit).
    pub media_time: Option<u64>,
    /// Playback rate, 16.16.
    pub rate: u32,
}

impl Edit {
    /// Nothing for `duration` ticks of the movie's timescale.
    #[must_use]
    pub const fn empty(duration: u64) -> Self {
        Self {
            duration,
            media_time: None,
            rate: 0x1_0000,
        }
    }

    /// Media from `media_time` on at normal rate.
    #[must_use]
    pub const fn media(duration: u64, media_time: u64) -> Self {
        Self {
            duration,
            media_time: Some(media_time),
            rate: 0x1_0000,
        }
    }
}

impl Track {
    /// Whether it holds pictures.
    #[must_use]
    pub fn is_video(&self) -> bool {
        self.handler == b"vide"
    }

    /// Whether it holds sound.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.handler == b"soun"
    }

    /// The language code, if it is one of ISO 639-2/T.
    #[must_use]
    pub fn language_code(&self) -> Option<String> {
        let letter = |shift: u16| {
            let five = u8::try_from(self.language >> shift & 0x1f).unwrap_or_default();
            char::from(five + 0x60)
        };
        let code = [letter(10), letter(5), letter(0)];
        let plain = code.iter().all(char::is_ascii_lowercase);
        plain.then(|| code.iter().collect())
    }
}
