//! How the samples of one recording go on behind those of another in one track.
//!
//! Where a recording begins is a presentation time, and that is what goes on at a seam: decode
//! times follow from it. Recordings whose pictures are composed later after they are decoded than
//! those of others (more of them are reordered) would need a gap or an overlap of decode times at
//! each seam. Instead all pictures of a track are composed as late as the latest of them need.
//!
//! Sound comes in packets of a fixed length that end where no picture does. Each keeps its length:
//! at a seam they go on packet by packet, less than one away from where they should be, and what
//! this leaves is not carried on to the next seam. Packets that overlap by more are left out, first
//! those that nobody is to hear (priming).

use super::lane::{Lane, Nanos, OVERLAP, SECOND, composed, duration, nanos, ticks};
use crate::{Error, Result};
use std::path::Path;
use tapo_movie::{Columns, Track};

/// Rounding in the edit lists of most files, ticks a second.
const ROUNDING: i128 = 1000;

/// How far sound may be from where it should be, parts of a second: nobody sees that.
pub(super) const LATE: i128 = 40;

/// What times in nanoseconds may differ by without meaning it.
const EQUAL: Nanos = 1000;

/// A track of a part that is to go on in a track of the whole.
#[derive(Copy, Clone, Debug)]
pub(super) struct Source<'a> {
    pub(super) part: usize,
    pub(super) track: &'a Track,
    pub(super) lane: &'a Lane,
    /// When the part begins on the common timeline.
    pub(super) at: Nanos,
    /// Its file.
    pub(super) path: &'a Path,
}

/// The samples of a source that are taken.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    /// Samples that are left out at its beginning.
    pub(super) skip: u32,
    /// Samples behind them that are taken.
    pub(super) take: u32,
    /// How much longer the sample before it lasts, ticks of the whole.
    pub(super) gap: i64,
    /// How much later its samples are composed, ticks of the whole.
    pub(super) shift: i64,
    /// Samples left out at the seam, of this and of the one before it.
    pub(super) left_out: u32,
}

/// How the sources make up a track.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Splice {
    /// When the first sample is decoded, ticks of the common timeline.
    pub(super) first: i128,
    /// As many as there are sources.
    pub(super) pieces: Vec<Piece>,
}

impl Splice {
    pub(super) fn of(sources: &[Source<'_>], timescale: u32) -> Result<Self> {
        let delays = sources.iter().map(|s| s.delay(timescale));
        let latest = delays.max().unwrap_or(0);
        let mut splice = Self::default();
        let mut before: Option<(&Source<'_>, i128)> = None;
        for source in sources {
            let track = source.track;
            let mut piece = Piece {
                skip: 0,
                take: track.samples.len(),
                gap: 0,
                shift: i64::try_from(latest - source.delay(timescale)).unwrap_or(i64::MAX),
                left_out: 0,
            };
            // When its first sample should be decoded.
            let mut begins = ticks(source.at + source.lane.begins, timescale) - latest;
            match (before, splice.pieces.last_mut()) {
                (Some((last, begun)), Some(last_piece)) => {
                    let gap = seam(
                        source,
                        &mut piece,
                        last,
                        last_piece,
                        begins - begun,
                        timescale,
                    )?;
                    piece.gap = i64::try_from(gap).unwrap_or(i64::MAX);
                    begins = begun + last.length(last_piece, timescale) + gap;
                }
                _ => splice.first = begins,
            }
            splice.pieces.push(piece);
            before = Some((source, begins));
        }
        Ok(splice)
    }
}

/// How much longer the last sample before a seam lasts, ticks. `after` is how long after the
/// first sample of `last` that of `source` should be.
fn seam(
    source: &Source<'_>,
    piece: &mut Piece,
    last: &Source<'_>,
    last_piece: &mut Piece,
    after: i128,
    timescale: u32,
) -> Result<i128> {
    let mut gap = after - last.length(last_piece, timescale);
    let time = |gap: i128| nanos(gap, timescale);
    let overlap = |gap: i128| Err(overlap(source, time(-gap)));
    if time(gap.abs()) <= EQUAL {
        return Ok(0);
    }
    if time(-gap) > OVERLAP {
        return overlap(gap);
    }
    if !source.track.is_audio() {
        return Ok(gap);
    }
    let tolerance = source.tolerance(timescale);
    while gap < -tolerance {
        let at = piece.skip;
        if source.is_unheard(at) && piece.take > 1 {
            // What stands behind it begins later.
            gap += source.lasts(at, 1, timescale);
            piece.skip += 1;
            piece.take -= 1;
        } else if last_piece.take > 1 {
            last_piece.take -= 1;
            gap += last.lasts(last_piece.skip + last_piece.take, 1, timescale);
        } else {
            return overlap(gap);
        }
        piece.left_out += 1;
    }
    Ok(if gap <= tolerance { 0 } else { gap })
}

impl Source<'_> {
    /// Ticks of the whole in one of its own.
    fn times(&self, timescale: u32) -> i128 {
        i128::from(timescale / self.track.timescale.max(1))
    }

    /// How long after the first sample is decoded the first picture is shown.
    fn delay(&self, timescale: u32) -> i128 {
        i128::from(composed(self.track).start) * self.times(timescale)
    }

    /// How long `count` samples behind the first `skip` last.
    fn lasts(&self, skip: u32, count: u32, timescale: u32) -> i128 {
        let (mut skip, mut left, mut sum) = (skip, count, 0);
        for (count, duration) in Columns::durations(&self.track.samples) {
            let skipped = skip.min(count);
            let taken = left.min(count - skipped);
            sum += i128::from(taken) * i128::from(duration);
            (skip, left) = (skip - skipped, left - taken);
        }
        sum * self.times(timescale)
    }

    fn length(&self, piece: &Piece, timescale: u32) -> i128 {
        self.lasts(piece.skip, piece.take, timescale)
    }

    /// Whether a packet ends before the presentation begins: the edit list leaves it out.
    fn is_unheard(&self, index: u32) -> bool {
        let scale = self.track.timescale.max(1);
        ticks(self.lane.first, scale) + self.lasts(0, index + 1, scale) <= 0
    }

    /// How far its packets may be from where they should be: less than one, and not long.
    fn tolerance(&self, timescale: u32) -> i128 {
        let scale = i128::from(timescale);
        let packet = packet(self.track) * self.times(timescale) - 1;
        packet.min(scale / LATE).max(scale / ROUNDING)
    }
}

/// How long most packets last, ticks of the track. The first and the last may be others.
fn packet(track: &Track) -> i128 {
    let runs = Columns::durations(&track.samples).max_by_key(|(count, _)| *count);
    runs.map_or(0, |(_, each)| i128::from(each))
}

/// How far packets of sound may be from where they should be, and are taken as they are.
pub(super) fn tolerance(track: &Track) -> Nanos {
    let packet = nanos(packet(track), track.timescale) - EQUAL;
    packet.clamp(SECOND / ROUNDING, SECOND / LATE) - EQUAL
}

/// When the first of its packets that an edit list does not hide begins.
pub(super) fn heard(track: &Track, lane: &Lane) -> Nanos {
    let packet = nanos(packet(track), track.timescale);
    if !track.is_audio() || packet <= 0 || lane.first >= 0 {
        return lane.begins;
    }
    let hidden = (-lane.first + EQUAL) / packet;
    let others = i128::from(track.samples.len()) - 1;
    lane.begins + hidden.min(others) * packet
}

fn overlap(source: &Source<'_>, by: Nanos) -> Error {
    let by = duration(by).as_secs_f64();
    let is_video = source.track.is_video();
    let kind = if is_video { "picture" } else { "sound" };
    Error::DoesNotFit {
        path: source.path.to_owned(),
        why: format!("its {kind} begins {by:.3} s before that of the recording before it ends"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;
    use tapo_movie::Movie;

    /// Samples of `duration` at 48 kHz with these composition offsets.
    fn track(kind: &[u8; 4], duration: u32, offsets: &[i32]) -> Track {
        let mut track = Track {
            handler: FourCc(*kind),
            timescale: 48_000,
            ..Track::default()
        };
        for offset in offsets {
            track.samples.push(1, duration, *offset, true).unwrap();
        }
        track
    }

    /// Spliced; the part of each begins where the pictures of the one before end, after so
    /// many ticks.
    fn spliced(tracks: &[Track], each: i128) -> Splice {
        let lane = |t| Lane::of(t, &Movie::default(), Path::new("x")).unwrap();
        let lanes: Vec<Lane> = tracks.iter().map(lane).collect();
        let source = |(part, (track, lane)): (usize, (_, _))| Source {
            part,
            track,
            lane,
            at: nanos(each * i128::try_from(part).unwrap(), 48_000),
            path: Path::new("x"),
        };
        let all = tracks.iter().zip(&lanes).enumerate().map(source);
        Splice::of(&all.collect::<Vec<_>>(), 48_000).unwrap()
    }

    #[test]
    fn pictures_are_composed_as_late_as_the_latest_need() {
        let late = track(b"vide", 1920, &[3840, 7680, 1920, 1920]);
        let plain = track(b"vide", 1920, &[0; 4]);
        let middle = track(b"vide", 1920, &[1920, 3840, 0, 1920]);
        let all = [late.clone(), plain.clone(), middle, plain, late];
        let lane = Lane::of(&all[0], &Movie::default(), Path::new("x")).unwrap();
        let each = ticks(lane.shown - lane.begins, 48_000);
        assert_eq!(each, 7680);
        let mut all = all;
        for track in &mut all {
            // Each begins at 0 on its own timeline.
            let begins = u64::try_from(composed(track).start).unwrap();
            track.edits = vec![tapo_movie::Edit::media(0, begins)];
        }
        let splice = spliced(&all, each);
        assert_eq!(splice.first, -3840);
        let told: Vec<_> = splice.pieces.iter().map(|p| (p.gap, p.shift)).collect();
        assert_eq!(told, [(0, 0), (0, 3840), (0, 1920), (0, 3840), (0, 0)]);
    }

    #[test]
    fn sound_stays_less_than_a_packet_from_where_it_should_be() {
        // Pictures of 96,000 ticks; sound of 95 packets is longer, of 93 shorter.
        for (packets, priming) in [(95, 1024), (95, 0), (94, 2048), (93, 0), (93, 1024)] {
            let mut one = track(b"soun", 1024, &vec![0; packets]);
            if priming > 0 {
                one.edits = vec![tapo_movie::Edit::media(0, priming)];
            }
            let splice = spliced(&vec![one.clone(); 20], 96_000);
            let mut end = splice.first;
            let mut lost = 0;
            for (n, piece) in (0..).zip(&splice.pieces) {
                assert!(piece.gap == 0 || piece.gap > 1023, "{piece:?}");
                end += i128::from(piece.gap);
                let skipped = i128::from(piece.skip) * 1024;
                let ideal = n * 96_000 - i128::from(priming) + skipped;
                assert!(
                    (end - ideal).abs() < 1024,
                    "{packets} {priming}: {n}: {piece:?}"
                );
                end += i128::from(piece.take) * 1024;
                lost += piece.left_out;
            }
            let taken: u32 = splice.pieces.iter().map(|p| p.take).sum();
            assert_eq!(taken + lost, u32::try_from(packets).unwrap() * 20);
            assert_eq!(lost == 0, packets == 93, "{packets} {priming}: {lost}");
        }
    }
}
