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
