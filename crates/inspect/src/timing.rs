//! Every clock of a file: what its headers, edit lists, fragments and stamps say
//! about when, side by side.

use crate::{Inspection, Result};
use tapo_bmff::{FourCc, be_u32, be_u64};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Edit, FragmentStamp, Track, TrackFragment, rescale};

/// When a movie, a track or its media was made and changed: seconds since 1904,
/// 0 where it is not set.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Dates {
    /// `creation_time`.
    pub created: u64,
    /// `modification_time`.
    pub modified: u64,
}

/// The clocks of one track.
#[derive(Clone, Debug)]
pub struct TrackTiming<'a> {
    /// The track.
    pub track: &'a Track,
    /// Of `tkhd`.
    pub header: Dates,
    /// Of `mdhd`.
    pub media: Dates,
    /// How long its samples last, ticks of the track's timescale.
    pub samples: u64,
    /// Composition time of the first sample, ticks.
    pub first_composition: i64,
    /// When its first sample is shown, ticks of the track's timescale from the
    /// beginning of the movie, edits considered.
    pub shown_from: i64,
    /// The first `tfdt` and the last.
    pub decode_times: Option<(u64, u64)>,
    /// Where its time code starts, if it is a time code.
    pub timecode: Option<Timecode>,
}

/// A time code (QuickTime `tmcd`): a count of frames, told as a clock.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Timecode {
    /// Frames from midnight, or a plain number.
    pub counter: u32,
    /// Frames a second, rounded up.
    pub rate: u8,
    /// Whether numbers are dropped to keep up with the clock.
    pub drop_frame: bool,
}

/// A time of day written beside a fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Where its box stands.
    pub offset: u64,
    /// What it says.
    pub said: StampKind,
}

/// What a stamp says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StampKind {
    /// `prft` (§8.16.5).
    Reference {
        /// The track that it is of.
        track: u32,
        /// Flags: 24 is the time of capture, 8 a time that is only consistent.
        flags: u32,
        /// Nanoseconds since 1970.
        wall_ns: i64,
        /// Time on the track that this was at, ticks.
        media_time: u64,
    },
    /// That of our recorder.
    Own(FragmentStamp),
}

/// The first stamp of a kind, the last, and how many.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StampSpan {
    /// How many.
    pub count: u64,
    /// The first and the last in the file.
    pub ends: Option<(Stamp, Stamp)>,
}

impl Inspection {
    /// The clocks of all tracks of this file, which `source` must be.
    ///
    /// # Errors
    /// The source fails.
    pub fn timing(&self, source: &dyn ByteSource) -> Result<Vec<TrackTiming<'_>>> {
        let Some(movie) = &self.read.movie else {
            return Ok(Vec::new());
        };
        let tracks = movie.tracks.iter().map(|track| {
            Ok(TrackTiming {
                track,
                header: Dates {
                    created: track.header.creation_time,
                    modified: track.header.modification_time,
                },
                media: Dates {
                    created: track.media_creation_time,
                    modified: track.media_modification_time,
                },
                samples: track.samples.duration(),
                first_composition: first_composition(track),
                shown_from: shown_from(track, movie.header.timescale),
                decode_times: self.decode_times(track.header.id),
                timecode: Timecode::of(source, track)?,
            })
        });
        tracks.collect()
    }

    fn decode_times(&self, track: u32) -> Option<(u64, u64)> {
        let parts = self.read.fragments.iter().flat_map(|f| &f.tracks);
        let of = |p: &TrackFragment| p.base_media_decode_time.filter(|_| p.track_id == track);
        let mut times = parts.filter_map(of);
        let first = times.next()?;
        Some((first, times.next_back().unwrap_or(first)))
    }

    /// The times of day that stand beside fragments, in file order. `source`
    /// must be this file.
    pub fn stamps<'a>(
        &'a self,
        source: &'a dyn ByteSource,
    ) -> impl Iterator<Item = Result<Stamp>> + 'a {
        let boxes = self.read.top.iter().filter(|b| b.whole);
        boxes.filter_map(move |b| {
            let own = b.user_type == Some(FragmentStamp::USER_TYPE);
            if !own && b.kind != b"prft" {
                return None;
            }
            // Later versions may be longer; what we know stands in front.
            let payload = b.payload();
            let span = Span::at(payload.start, payload.len().min(128));
            let bytes = match source.read_span(span) {
                Ok(bytes) => bytes,
                Err(error) => return Some(Err(error.into())),
            };
            let said = if own {
                FragmentStamp::parse(&bytes).map(StampKind::Own)
            } else {
                reference(&bytes)
            };
            let offset = b.span.start;
            said.map(|said| Ok(Stamp { offset, said }))
        })
    }
}

impl StampSpan {
    /// Takes the next stamp.
    pub fn add(&mut self, stamp: Stamp) {
        self.count += 1;
        match &mut self.ends {
            Some((_, last)) => *last = stamp,
            none => *none = Some((stamp.clone(), stamp)),
        }
    }
}

fn first_composition(track: &Track) -> i64 {
    track.samples.iter().next().map_or(0, |s| s.pts())
}

/// The empty edits in front, then what the first edit with media begins with.
fn shown_from(track: &Track, movie_timescale: u32) -> i64 {
    let first = first_composition(track);
    let empty = |e: &&Edit| e.media_time.is_none();
    let late = track.edits.iter().take_while(empty).map(|e| e.duration);
    let late = late.fold(0, u64::saturating_add);
    let late = rescale(late, movie_timescale, track.timescale);
    let late = i64::try_from(late).unwrap_or(i64::MAX);
    let skipped = track.edits.iter().find_map(|e| e.media_time);
    let skipped = i64::try_from(skipped.unwrap_or(0)).unwrap_or(i64::MAX);
    // What is skipped is not shown; what begins later than the edit is late.
    late.saturating_add(first.saturating_sub(skipped).max(0))
}

/// Reads `prft`; `None` if it is too short. Its NTP time counts from 1900.
pub(crate) fn reference(payload: &[u8]) -> Option<StampKind> {
    const NTP_1970: i64 = 2_208_988_800;
    let head = be_u32(payload, 0)?;
    let track = be_u32(payload, 4)?;
    let (seconds, fraction) = (be_u32(payload, 8)?, be_u32(payload, 12)?);
    let media_time = match head >> 24 {
        0 => u64::from(be_u32(payload, 16)?),
        _ => be_u64(payload, 16)?,
    };
    let ns = (u64::from(fraction) * 1_000_000_000 + (1 << 31)) >> 32;
    let seconds = i64::from(seconds) - NTP_1970;
    Some(StampKind::Reference {
        track,
        flags: head & 0x00ff_ffff,
        wall_ns: seconds * 1_000_000_000 + i64::try_from(ns).unwrap_or(0),
        media_time,
    })
}

impl Timecode {
    /// The first time code of a track of them.
    fn of(source: &dyn ByteSource, track: &Track) -> Result<Option<Self>> {
        let Some(entry) = track.descriptions.first().map(|d| d.entry.raw()) else {
            return Ok(None);
        };
        let Some(first) = track.samples.iter().next() else {
            return Ok(None);
        };
        let is_timecode = entry.get(4..8) == Some(&FourCc(*b"tmcd").0);
        if !is_timecode || first.span.len() != 4 || first.span.end > source.len() {
            return Ok(None);
        }
        // QuickTime: behind the 16 bytes that all entries share come 4 reserved
        // bytes, flags, timescale, frame duration and the frames of a second.
        let (Some(flags), Some(rate)) = (be_u32(entry, 20), entry.get(32)) else {
            return Ok(None);
        };
        let counter = source.read_span(first.span)?;
        Ok(be_u32(&counter, 0).map(|counter| Self {
            counter,
            rate: *rate,
            drop_frame: flags & 1 != 0,
        }))
    }

    /// Hours, minutes, seconds and frames; `None` where a second has no frames.
    ///
    /// Where numbers are dropped, each minute but every tenth begins with frame
    /// 2 of 30 or 4 of 60 (SMPTE ST 12-1).
    #[must_use]
    pub fn clock(self) -> Option<[u32; 4]> {
        let rate = u32::from(self.rate);
        let dropped = if self.drop_frame { rate / 15 } else { 0 };
        let minute = (rate * 60).checked_sub(dropped)?;
        let ten_minutes = (rate * 600).checked_sub(dropped * 9)?;
        let tens = self.counter.checked_div(ten_minutes)?;
        let rest = self.counter % ten_minutes;
        // The first minute of ten is whole.
        let minutes = rest.saturating_sub(dropped).checked_div(minute)?;
        let frames = u64::from(self.counter) + u64::from(dropped) * u64::from(tens * 9 + minutes);
        let seconds = u32::try_from(frames / u64::from(rate)).ok()?;
        let frame = u32::try_from(frames % u64::from(rate)).ok()?;
        Some([seconds / 3600, seconds / 60 % 60, seconds % 60, frame])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    fn track(edits: &[Edit], first: i32) -> Track {
        let mut track = Track {
            timescale: 90_000,
            edits: edits.to_vec(),
            ..Track::default()
        };
        track.samples.push(1, 3600, first, true).unwrap();
        track
    }

    #[test]
    fn edits_move_what_is_shown() {
        let shown = |edits: &[Edit], first| shown_from(&track(edits, first), 1000);
        assert_eq!(shown(&[], 0), 0);
        assert_eq!(shown(&[], 7200), 7200);
        // An edit from the first picture on takes the offset away.
        assert_eq!(shown(&[Edit::media(1000, 7200)], 7200), 0);
        assert_eq!(shown(&[Edit::media(1000, 9000)], 7200), 0);
        assert_eq!(shown(&[Edit::empty(500), Edit::media(1000, 0)], 0), 45_000);
        assert_eq!(shown(&[Edit::empty(500)], 3600), 48_600);
        let far = [Edit::empty(u64::MAX / 2), Edit::media(0, u64::MAX)];
        assert_eq!(shown(&far, i32::MIN), i64::MAX);
    }

    #[test]
    fn time_codes_drop_numbers_as_smpte_says() {
        let clock = |counter, rate, drop_frame| {
            Timecode {
                counter,
                rate,
                drop_frame,
            }
            .clock()
        };
        assert_eq!(clock(90_000, 25, false), Some([1, 0, 0, 0]));
        assert_eq!(clock(1799, 30, true), Some([0, 0, 59, 29]));
        assert_eq!(clock(1800, 30, true), Some([0, 1, 0, 2]));
        assert_eq!(clock(17_982, 30, true), Some([0, 10, 0, 0]));
        assert_eq!(clock(107_892, 30, true), Some([1, 0, 0, 0]));
        assert_eq!(clock(3600, 60, true), Some([0, 1, 0, 4]));
        assert_eq!(clock(7, 0, false), None);
        assert!(clock(u32::MAX, 1, true).is_some());
    }

    #[test]
    fn reference_times_are_of_both_versions() {
        let mut w = BoxWriter::new();
        w.u32(24).u32(7);
        // 1970-01-01 00:00:01.5 as NTP time.
        w.u32(2_208_988_801).u32(1 << 31).u32(9);
        let bytes = w.into_bytes();
        let want = |media_time| StampKind::Reference {
            track: 7,
            flags: 24,
            wall_ns: 1_500_000_000,
            media_time,
        };
        assert_eq!(reference(&bytes), Some(want(9)));
        let mut later = bytes.clone();
        later[0] = 1;
        assert_eq!(reference(&later), None);
        later.extend([0, 0, 0, 1]);
        assert_eq!(reference(&later), Some(want((9 << 32) + 1)));
        assert!((0..20).all(|n| reference(&bytes[..n]).is_none()));
    }

    #[test]
    fn stamps_are_found_beside_fragments() {
        let mut file = Vec::new();
        for sequence in 1..=3 {
            let stamp = FragmentStamp {
                sequence,
                wall_ns: 5,
                ..FragmentStamp::default()
            };
            let mut w = BoxWriter::new();
            w.boxed(b"free", |_| {});
            w.uuid(&FragmentStamp::USER_TYPE, |w| {
                w.raw(&stamp.encode());
            });
            w.boxed(b"prft", |w| {
                w.zeros(3);
            });
            file.extend(w.into_bytes());
        }
        let inspection = crate::inspect(&file).unwrap();
        let mut span = StampSpan::default();
        for stamp in inspection.stamps(&file) {
            span.add(stamp.unwrap());
        }
        assert_eq!(span.count, 3);
        let (first, last) = span.ends.unwrap();
        let sequence = |stamp: &Stamp| match &stamp.said {
            StampKind::Own(own) => own.sequence,
            StampKind::Reference { .. } => 0,
        };
        assert_eq!((sequence(&first), sequence(&last)), (1, 3));
    }
}
