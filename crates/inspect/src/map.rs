//! Damage over time: each track's timeline in cells.

use crate::{Finding, Inspection, Listing, Problem};
use std::ops::Range;

/// What became of the samples that last into one cell.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    /// Samples that are there, and not known to be damaged.
    pub sound: u32,
    /// Samples that are there and damaged.
    pub harmed: u32,
    /// Samples that are not in the file.
    pub missing: u32,
}

/// A track's timeline, in cells of equal length.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackMap {
    /// The track's id.
    pub track: u32,
    /// Where the first cell begins, ticks of the track's timescale.
    pub start: u64,
    /// Where the last cell ends.
    pub end: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// The cells; one without samples is a gap.
    pub cells: Vec<Cell>,
}

impl Inspection {
    /// The timelines of all tracks in `cells` cells each, 1 at least.
    #[must_use]
    pub fn map(&self, cells: usize) -> Vec<TrackMap> {
        let tracks = self.read.movie.iter().flat_map(|m| &m.tracks).enumerate();
        let all = tracks.filter(|(_, t)| !t.samples.is_empty());
        all.map(|(index, track)| {
            let (start, end) = (track.samples.start, track.samples.end());
            let mut map = TrackMap {
                track: track.header.id,
                start,
                end,
                timescale: track.timescale,
                cells: vec![Cell::default(); cells.max(1)],
            };
            let mut harmed = self.harmed.iter().filter(|h| h.track == index).peekable();
            let mut gaps = self.gaps(track.header.id).into_iter().peekable();
            for sample in Listing::new(&track.samples, self.read.size) {
                while harmed
                    .next_if(|h| h.first.saturating_add(h.count) <= sample.number)
                    .is_some()
                {}
                let is_harmed = harmed.peek().is_some_and(|h| h.first <= sample.number);
                let mut end = sample.dts.saturating_add(u64::from(sample.duration).max(1));
                while gaps.next_if(|gap| gap.end <= sample.dts).is_some() {}
                // In front of fragments that are gone, it lasts until they would begin.
                if let Some(gap) = gaps.peek().filter(|gap| gap.start < end) {
                    end = gap.start.max(sample.dts + 1);
                    let inner = map.place(end - 1) + 1..=map.place(gap.end - 1);
                    for cell in map.cells.get_mut(inner).unwrap_or_default() {
                        cell.missing = cell.missing.saturating_add(1);
                    }
                }
                let cells = map.place(sample.dts)..=map.place(end - 1);
                for cell in map.cells.get_mut(cells).unwrap_or_default() {
                    let count = match (sample.span.end > self.read.size, is_harmed) {
                        (true, _) => &mut cell.missing,
                        (false, true) => &mut cell.harmed,
                        (false, false) => &mut cell.sound,
                    };
                    *count = count.saturating_add(1);
                }
            }
            map
        })
        .collect()
    }

    /// Where fragments are gone: the times of a track, in their order.
    fn gaps(&self, track: u32) -> Vec<Range<u64>> {
        let gone = |f: &&Finding| matches!(f.problem, Problem::FragmentsMissing { .. });
        let own = self.findings.iter().filter(gone);
        let times = own
            .filter(|f| f.track == Some(track))
            .filter_map(|f| f.time);
        let mut gaps: Vec<_> = times.map(|t| t.start..t.end).collect();
        gaps.retain(|gap| !gap.is_empty());
        gaps.sort_unstable_by_key(|gap| gap.start);
        gaps
    }
}

impl TrackMap {
    /// The cell of a time.
    fn place(&self, time: u64) -> usize {
        let length = u128::from(self.end.saturating_sub(self.start)).max(1);
        let ahead = u128::from(time.saturating_sub(self.start));
        let cell = ahead * self.cells.len() as u128 / length;
        usize::try_from(cell)
            .unwrap_or(usize::MAX)
            .min(self.cells.len() - 1)
    }
}
