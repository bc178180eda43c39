//! Where a track lies on the timeline of its recording.

use crate::prepare::NORMAL;
use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use tapo_movie::{Movie, Track};

/// A moment on a timeline, nanoseconds: all tracks and all recordings can be put
/// on it, and no tick of a timescale below 500 MHz is lost.
pub(super) type Nanos = i128;

pub(super) const SECOND: Nanos = 1_000_000_000;

/// How much of a track may overlap with the recording before: the sound of one
/// ends in the middle of a packet of the other, and encoders begin with packets
/// that nobody is to hear.
pub(super) const OVERLAP: Nanos = SECOND / 4;

/// Where the samples of a track lie, nanoseconds.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Lane {
    /// When its first sample is decoded. Before 0 if the edit list leaves the
    /// beginning of the media out (the priming of an encoder, say).
    pub(super) first: Nanos,
    /// When its last sample has been decoded.
    pub(super) end: Nanos,
    /// When its first picture is shown, in composition order.
    pub(super) begins: Nanos,
    /// When its last picture has been shown, and the next is due.
    pub(super) shown: Nanos,
}

impl Lane {
    /// Reads it off the decode times and the edit list (ISO/IEC 14496-12 §8.6.6)
    /// of a track.
    pub(super) fn of(track: &Track, movie: &Movie, path: &Path) -> Result<Self> {
        let (mut late, mut media_time) = (0, None);
        for edit in &track.edits {
            match (edit.media_time, media_time) {
                (None, None) => late += nanos(edit.duration.into(), movie.header.timescale),
                (Some(time), None) if edit.rate == NORMAL => media_time = Some(time),
                _ => {
                    return Err(Error::Unsupported {
                        path: path.to_owned(),
                        what: "has an edit list of several pieces, which joining would lose",
                    });
                }
            }
        }
        let scale = track.timescale;
        let before = Nanos::from(track.samples.start) - Nanos::from(media_time.unwrap_or(0));
        let first = late + nanos(before, scale);
        let composed = composed(track);
        let length = i64::try_from(track.samples.duration()).unwrap_or(i64::MAX);
        // As many ticks later as the first was. Where pictures of the end are missing, later.
        let due = length.saturating_add(composed.start);
        let count = i64::from(track.samples.len().max(1));
        let shown = if composed.end.saturating_sub(due) < length / count {
            due
        } else {
            composed.end
        };
        Ok(Self {
            first,
            end: first + nanos(length.into(), scale),
            begins: first + nanos(composed.start.into(), scale),
            shown: first + nanos(shown.into(), scale),
        })
    }
}

/// From when to when pictures are shown, in composition order: ticks of the track after its
/// first sample is decoded.
pub(super) fn composed(track: &Track) -> Range<i64> {
    let start = i64::try_from(track.samples.start).unwrap_or(i64::MAX);
    let mut all: Option<Range<i64>> = None;
    for sample in &track.samples {
        let from = sample.pts().saturating_sub(start);
        let to = from.saturating_add(i64::from(sample.duration));
        let known = all.unwrap_or(from..to);
        all = Some(known.start.min(from)..known.end.max(to));
    }
    all.unwrap_or(0..0)
}

/// Ticks in nanoseconds, rounded to the nearest.
pub(super) fn nanos(ticks: i128, scale: u32) -> Nanos {
    let scale = Nanos::from(scale.max(1));
    (ticks * SECOND + scale / 2).div_euclid(scale)
}

/// Nanoseconds in ticks, rounded to the nearest.
pub(super) fn ticks(nanos: Nanos, scale: u32) -> i128 {
    (nanos * i128::from(scale) + SECOND / 2).div_euclid(SECOND)
}

/// As a length of time; nothing for what lies before 0.
pub(super) fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_movie::Edit;

    #[test]
    fn ticks_come_back_and_times_before_zero_round_alike() {
        for scale in [1, 600, 8000, 44_100, 90_000, 10_000_000] {
            for n in [0, 1, -1, 1023, 123_456_789, -987_654_321] {
                assert_eq!(ticks(nanos(n, scale), scale), n, "{n} of {scale}");
            }
        }
        assert_eq!(nanos(5, 0), 5 * SECOND);
    }

    #[test]
    fn a_lane_starts_where_the_edit_list_puts_it() {
        let mut track = Track {
            timescale: 1000,
            ..Track::default()
        };
        for offset in [200, 400, 0] {
            track.samples.push(1, 100, offset, true).unwrap();
        }
        let movie = Movie {
            header: tapo_movie::MovieHeader {
                timescale: 10,
                ..Default::default()
            },
            ..Movie::default()
        };
        let lane = |edits: &[Edit], start| {
            let mut track = track.clone();
            (track.edits, track.samples.start) = (edits.to_vec(), start);
            Lane::of(&track, &movie, Path::new("x")).map(|l| {
                let ms = |n: Nanos| n / 1_000_000;
                (ms(l.first), ms(l.end), ms(l.shown))
            })
        };
        assert_eq!(lane(&[], 0).unwrap(), (0, 300, 600));
        assert_eq!(lane(&[], 50).unwrap(), (50, 350, 650));
        assert_eq!(lane(&[Edit::media(3, 200)], 0).unwrap(), (-200, 100, 400));
        let late = [Edit::empty(20), Edit::media(3, 200)];
        assert_eq!(lane(&late, 0).unwrap(), (1800, 2100, 2400));
        let pieces = [Edit::media(1, 0), Edit::media(2, 200)];
        assert!(matches!(lane(&pieces, 0), Err(Error::Unsupported { .. })));
    }
}
