//! Times for samples that were found without an index.

mod gap;
mod order;
mod pictures;
mod rate;

use crate::Gaps;
use crate::item::{Found, When};
use crate::profile::Profile;
pub(crate) use gap::Missing;
pub(crate) use order::begins_sequence;

/// A sample, or a row of constant-rate data, with its time.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Timed {
    /// Index of the item.
    pub(crate) item: usize,
    /// Decode time, ticks of the track; the recording began at 0.
    pub(crate) dts: i64,
    /// Composition time less decode time, ticks.
    pub(crate) offset: i32,
    /// How long it lasts by itself, ticks; a gap behind it comes on top.
    pub(crate) duration: i64,
}

/// All samples of a movie with their times, by track.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) tracks: Vec<Vec<Timed>>,
    /// Composition offset of a sample whose place in presentation order is its
    /// place in decode order, ticks: by track.
    pub(crate) delays: Vec<i64>,
    /// What is missing in front of each stretch.
    pub(crate) missing: Vec<Missing>,
}

/// Where the items of one track in one stretch stand in its timeline.
pub(crate) struct Part {
    /// Range in the track's vector.
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) stretch: usize,
}

impl Timeline {
    /// Gives every item its time.
    pub(crate) fn of(found: &Found, profile: &Profile, gaps: Gaps) -> Self {
        let count = profile.tracks.len();
        let mut line = Self {
            tracks: vec![Vec::new(); count],
            delays: vec![0; count],
            missing: Vec::new(),
        };
        let mut parts: Vec<Vec<Part>> = (0..count).map(|_| Vec::new()).collect();
        line.place(found, profile, gaps, &mut parts);
        for (track, parts) in parts.iter().enumerate() {
            let leads = found.stretches.iter().map(|s| begins_sequence(s, track));
            let leads: Vec<bool> = leads.collect();
            if let Some(times) = line.tracks.get_mut(track) {
                let delay = order::compose(found, profile, track, times, parts, &leads);
                if let Some(slot) = line.delays.get_mut(track) {
                    *slot = delay;
                }
            }
        }
        line
    }

    /// How long the leading track's samples last just now, if that changes.
    fn pace(&self, profile: &Profile) -> Option<i64> {
        let leader = profile.leader();
        let of = profile.tracks.get(leader)?;
        if of.durations.known.len() < 2 {
            return None;
        }
        let [.., before, _] = self.tracks.get(leader)?.as_slice() else {
            return None;
        };
        Some(before.duration)
    }

    /// Decode times: stretch by stretch, each from where the gap in front of it
    /// ends.
    fn place(&mut self, found: &Found, profile: &Profile, gaps: Gaps, parts: &mut [Vec<Part>]) {
        let mut ends = vec![0_i64; profile.tracks.len()];
        for (number, (_, range)) in found.rows().enumerate() {
            let mut missing = gap::solve(
                found,
                profile,
                number,
                range.clone(),
                &ends,
                self.pace(profile),
            );
            if gaps == Gaps::Close && number > 0 {
                missing.close(profile, &ends);
            }
            let mut next: Vec<i64> = missing.starts.clone();
            let items = found.items.range(range.clone());
            let firsts: Vec<usize> = self.tracks.iter().map(Vec::len).collect();
            for (index, item) in range.clone().zip(items) {
                let track = usize::from(item.track);
                let (Some(of), Some(next), Some(times)) = (
                    profile.tracks.get(track),
                    next.get_mut(track),
                    self.tracks.get_mut(track),
                ) else {
                    continue;
                };
                let mut duration = of.row_ticks(u64::from(item.size), item.samples);
                let mut offset = 0;
                if let When::Known {
                    dts,
                    composition_offset,
                    duration: lasts,
                } = item.when
                {
                    *next = dts;
                    offset = composition_offset;
                    duration = i64::from(lasts);
                }
                times.push(Timed {
                    item: index,
                    dts: *next,
                    offset,
                    duration,
                });
                *next += duration;
            }
            for (track, first) in firsts.into_iter().enumerate() {
                let len = self.tracks.get(track).map_or(0, Vec::len);
                if let (true, Some(parts)) = (len > first, parts.get_mut(track)) {
                    parts.push(Part {
                        range: first..len,
                        stretch: number,
                    });
                }
            }
            rate::adjust(found, profile, range, self);
            for (track, end) in ends.iter_mut().enumerate() {
                if let Some(last) = self.tracks.get(track).and_then(|t| t.last()) {
                    *end = (*end).max(last.dts + last.duration);
                }
            }
            self.missing.push(missing);
        }
    }
}
