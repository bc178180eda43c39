//! The order in which a muxer has written the samples of its tracks.

use super::{Finding, TrackProfile};
use crate::clock::Clock;
use crate::interleave::Write;
use tapo_movie::Movie;

/// Writes that the interleaving is learnt from.
const WRITES: usize = 40_000;

/// Samples of one track that stand side by side: one where samples are found by
/// their syntax, else all of the run.
#[derive(Copy, Clone, Debug)]
pub(super) struct Stand {
    pub(super) at: u64,
    pub(super) track: u16,
    pub(super) samples: u32,
    pub(super) bytes: u64,
    dts: i64,
    duration: u64,
}

impl Stand {
    pub(super) fn write(&self, clock: &Clock, tracks: &[TrackProfile]) -> Write {
        let track = usize::from(self.track);
        let shift = tracks.get(track).map_or(0, |t| t.shift);
        Write {
            track: self.track,
            time: clock.common(track, self.dts.saturating_sub(shift)),
            duration: clock.common(track, i64::try_from(self.duration).unwrap_or(i64::MAX)),
        }
    }
}

/// Largest multiple that chunks are put at, bytes.
const LARGEST_ALIGNMENT: u64 = 32 << 10;

/// Paddings that show that it is no accident.
const PADDINGS: usize = 8;

/// What the offset of each sample behind a little room is a multiple of; 0 if
/// there is no such room.
pub(super) fn alignment(order: &[Stand]) -> u64 {
    let pairs = order.windows(2).filter_map(|w| match w {
        [a, b] => Some((a.at.checked_add(a.bytes)?, b.at)),
        _ => None,
    });
    let padded = pairs.filter(|(end, next)| end < next);
    let (mut bits, mut most, mut count) = (0, 0, 0);
    for (end, next) in padded {
        bits |= next;
        most = most.max(next - end);
        count += 1;
    }
    let alignment = 1_u64.checked_shl(bits.trailing_zeros()).unwrap_or(0);
    let fits = count >= PADDINGS && alignment > 1 && most < alignment;
    if fits && alignment <= LARGEST_ALIGNMENT {
        alignment
    } else {
        0
    }
}

/// The samples of all tracks in the order in which they stand in the file, the
/// first [`WRITES`] of each track.
pub(super) fn file_order(movie: &Movie, tracks: &[TrackProfile]) -> Vec<Stand> {
    let mut order: Vec<Stand> = Vec::new();
    for (index, (track, profile)) in movie.tracks.iter().zip(tracks).enumerate() {
        let whole_runs = matches!(profile.finding, Finding::Frames { .. });
        let Ok(number) = u16::try_from(index) else {
            break;
        };
        let first = order.len();
        for sample in &track.samples {
            let stand = Stand {
                at: sample.span.start,
                track: number,
                samples: 1,
                bytes: sample.span.len(),
                dts: i64::try_from(sample.dts).unwrap_or(i64::MAX),
                duration: u64::from(sample.duration),
            };
            let own = order.len() - first;
            match order.last_mut() {
                Some(run) if whole_runs && own > 0 && run.at + run.bytes == stand.at => {
                    run.samples += 1;
                    run.bytes += stand.bytes;
                    run.duration += stand.duration;
                }
                _ if own >= WRITES => break,
                _ => order.push(stand),
            }
        }
    }
    order.sort_by_key(|s| (s.at, s.track));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_at_multiples_show_their_alignment() {
        let at = |multiple: u64| {
            let mut at = 48_u64;
            let stands = (0..40).map(|i| {
                at = at.next_multiple_of(multiple);
                let stand = Stand {
                    at,
                    track: 0,
                    samples: 1,
                    bytes: 100 + i * 7 % 23,
                    dts: 0,
                    duration: 1,
                };
                at += stand.bytes;
                stand
            });
            alignment(&stands.collect::<Vec<_>>())
        };
        assert_eq!([1, 4, 16, 4096].map(at), [0, 4, 16, 4096]);
    }
}
