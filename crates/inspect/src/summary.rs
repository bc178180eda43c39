//! A track in numbers.

use crate::places::{Clock, chunks, extremes, fitting};
use tapo_bmff::FourCc;
use tapo_codec::MediaKind;
use tapo_movie::{SampleDescription, SyncSamples, Track};

/// A track in numbers. Times are ticks of [`TrackSummary::timescale`].
#[derive(Clone, Debug)]
pub struct TrackSummary {
    /// Its id by `tkhd`.
    pub id: u32,
    /// What kind of media.
    pub kind: MediaKind,
    /// The handler type: `vide`, `soun`, ...
    pub handler: FourCc,
    /// The handler's name, bytes as they stand in the file.
    pub handler_name: Vec<u8>,
    /// Its sample descriptions.
    pub codecs: Vec<CodecSummary>,
    /// Ticks a second.
    pub timescale: u32,
    /// Sum of the samples' durations.
    pub duration: u64,
    /// Decode time of the first sample.
    pub start: u64,
    /// Composition time of the first sample.
    pub first_composition: i64,
    /// Samples declared.
    pub samples: u64,
    /// Of these, samples all of whose bytes are in the file.
    pub reachable: u64,
    /// Bytes of all samples.
    pub bytes: u64,
    /// Whether the samples come at a steady pace.
    pub cadence: Option<Cadence>,
    /// How many samples decoding can start at; `None`: at any.
    pub sync_samples: Option<u64>,
    /// How far those are apart.
    pub keyframes: Option<KeyframeInterval>,
    /// ISO 639-2/T language, unless undetermined or a Macintosh code.
    pub language: Option<String>,
    /// Clockwise rotation, degrees, if it is one of 90, 180, 270.
    pub rotation: Option<u16>,
}

/// What a sample description says.
#[derive(Clone, Debug)]
pub struct CodecSummary {
    /// The sample entry type.
    pub entry: FourCc,
    /// RFC 6381 codec string.
    pub codec_string: String,
    /// Its name for people.
    pub name: String,
    /// Width and height of the picture, pixels.
    pub size: Option<(u32, u32)>,
    /// Sound samples a second.
    pub sample_rate: Option<u32>,
    /// Sound channels.
    pub channels: Option<u32>,
    /// Why its configuration could not be read in full.
    pub defect: Option<String>,
}

/// The pace of samples.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Cadence {
    /// All durations are alike, within a tick or one part in fifty.
    Constant,
    /// They differ: the shortest and the longest, the last sample left out.
    Variable {
        /// Ticks.
        shortest: u32,
        /// Ticks.
        longest: u32,
    },
}

/// How far sync samples are apart, ticks.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct KeyframeInterval {
    /// On average, from the first to the last; with only one, to the end.
    pub mean: u64,
    /// At most, from the last one to the end included.
    pub longest: u64,
}

impl TrackSummary {
    /// Sums up a track of a file of `size` bytes.
    pub(crate) fn of(track: &Track, size: u64) -> Self {
        let table = &track.samples;
        let codecs: Vec<_> = track.descriptions.iter().map(codec).collect();
        let (sync_samples, keyframes) = keyframes(track);
        Self {
            id: track.header.id,
            kind: kind(track.handler),
            handler: track.handler,
            handler_name: handler_name(track.handler_box.get(24..).unwrap_or_default()).to_vec(),
            codecs,
            timescale: track.timescale,
            duration: table.duration(),
            start: table.start,
            first_composition: table.iter().next().map_or(0, |s| s.pts()),
            samples: u64::from(table.len()),
            reachable: chunks(table)
                .map(|c| u64::from(fitting(&table.sizes, c, size)))
                .sum(),
            bytes: table.sizes.total(),
            cadence: cadence(track),
            sync_samples,
            keyframes,
            language: track.language_code().filter(|l| l != "und"),
            rotation: rotation(&track.header.matrix),
        }
    }
}

fn codec(description: &SampleDescription) -> CodecSummary {
    let entry = &description.entry;
    let boxes: Vec<_> = entry.children().map(|(kind, b)| (kind.0, b)).collect();
    let said = tapo_codec::describe(entry.kind().0, &boxes);
    let stated = description
        .size()
        .map(|(w, h)| (u32::from(w), u32::from(h)));
    CodecSummary {
        entry: entry.kind(),
        codec_string: said.codec_string,
        name: said.name,
        size: said.size.or(stated).filter(|(w, h)| *w != 0 && *h != 0),
        sample_rate: said.sample_rate.or(description.sample_rate()),
        channels: said.channels.map(u32::from).or(description.channels()),
        defect: said.defect.map(|d| d.to_string()),
    }
}

pub(crate) fn kind(handler: FourCc) -> MediaKind {
    match &handler.0 {
        b"vide" | b"auxv" | b"pict" => MediaKind::Video,
        b"soun" => MediaKind::Audio,
        b"text" | b"sbtl" | b"subt" | b"clcp" => MediaKind::Text,
        b"tmcd" => MediaKind::Timecode,
        b"hint" => MediaKind::Hint,
        b"meta" => MediaKind::Metadata,
        _ => MediaKind::Unknown,
    }
}

/// The name in `hdlr`: ended by a zero (§8.4.3), or behind its length as in
/// QuickTime.
pub(crate) fn handler_name(name: &[u8]) -> &[u8] {
    if let Some((len, rest)) = name.split_first()
        && usize::from(*len) == rest.len()
    {
        return rest;
    }
    name.split(|b| *b == 0).next().unwrap_or_default()
}

fn cadence(track: &Track) -> Option<Cadence> {
    let (shortest, longest) = extremes(&track.samples.durations)?;
    let steady = longest - shortest <= (longest / 50).max(1);
    Some(if steady {
        Cadence::Constant
    } else {
        Cadence::Variable { shortest, longest }
    })
}

fn keyframes(track: &Track) -> (Option<u64>, Option<KeyframeInterval>) {
    let table = &track.samples;
    let SyncSamples::Listed(numbers) = &table.sync else {
        return (None, None);
    };
    let mut clock = Clock::new(table);
    let (mut first, mut last, mut longest, mut count) = (None, None::<u64>, 0, 0_u64);
    for number in numbers.iter().filter(|n| (1..=table.len()).contains(n)) {
        let time = clock.at(u64::from(*number));
        longest = longest.max(last.map_or(0, |l| time.saturating_sub(l)));
        first = first.or(last);
        last = Some(time);
        count += 1;
    }
    let (Some(last), end) = (last, table.end()) else {
        return (Some(0), None);
    };
    longest = longest.max(end.saturating_sub(last));
    let span = last.saturating_sub(first.unwrap_or(last));
    let mean = span.checked_div(count - 1).unwrap_or(longest);
    (Some(count), Some(KeyframeInterval { mean, longest }))
}

/// Rotation by the transformation matrix (§6.2.2, §8.3.2).
const fn rotation(matrix: &[i32; 9]) -> Option<u16> {
    const ONE: i32 = 0x1_0000;
    const MINUS: i32 = -0x1_0000;
    let [a, b, _, c, d, ..] = *matrix;
    match (a, b, c, d) {
        (0, ONE, MINUS, 0) => Some(90),
        (MINUS, 0, 0, MINUS) => Some(180),
        (0, MINUS, ONE, 0) => Some(270),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(durations: &[u32], sync: &[u32]) -> Track {
        let mut track = Track {
            handler: FourCc(*b"vide"),
            timescale: 1000,
            ..Track::default()
        };
        for duration in durations {
            track.samples.push(100, *duration, 0, true).unwrap();
        }
        track.samples.sync = SyncSamples::Listed(sync.to_vec());
        track
    }

    #[test]
    fn keyframe_intervals_reach_to_the_end() {
        let track = video(&[40; 100], &[1, 26, 51]);
        let summary = TrackSummary::of(&track, 1 << 20);
        let want = KeyframeInterval {
            mean: 1000,
            longest: 2000,
        };
        assert_eq!(summary.keyframes, Some(want));
        assert_eq!(summary.sync_samples, Some(3));
        assert_eq!(summary.cadence, Some(Cadence::Constant));
    }

    #[test]
    fn a_long_last_sample_is_no_variable_rate_and_rounding_is_none() {
        let rounded = video(&[33, 34, 33, 33, 900], &[1]);
        assert_eq!(cadence(&rounded), Some(Cadence::Constant));
        let jitter = video(&[33, 60, 12, 33], &[1]);
        let variable = Cadence::Variable {
            shortest: 12,
            longest: 60,
        };
        assert_eq!(cadence(&jitter), Some(variable));
    }

    #[test]
    fn handlers_are_named_as_iso_or_as_quicktime_does() {
        assert_eq!(handler_name(b"VideoHandler\0"), b"VideoHandler");
        assert_eq!(handler_name(b"\x04Core"), b"Core");
        assert_eq!(handler_name(b""), b"");
    }
}
