//! The samples of a track, as the index is to say them: put together from items
//! and times each time they are asked for.

use crate::Result;
use crate::item::{Found, Place};
use crate::times::Timed;
use std::iter;
use tapo_movie::{Chunk, Column, Columns, Error, SizeColumn};

/// Samples whose sizes differ, at most: as many as
/// [`SampleTable`](tapo_movie::SampleTable) takes.
const MOST: u32 = 1 << 25;

/// Pictures at the end of which one may be shown last.
const LAST: u64 = 64;

/// The samples of one track.
pub(super) struct Samples<'a> {
    found: &'a Found,
    times: &'a [Timed],
    track: u16,
    /// The first track of the same coding.
    group: u16,
    /// How long a sample of a row lasts, ticks.
    usual: u32,
    /// Added to every offset.
    moved: u64,
    all: All,
}

/// What holds for all samples of a track.
#[derive(Copy, Clone, Debug, Default)]
struct All {
    count: u32,
    /// Sum of the durations, ticks.
    duration: u64,
    /// The size that all have.
    size: Option<u32>,
    are_sync: bool,
    /// Whether any is shown at another time than it is decoded.
    reordered: bool,
}

/// Samples that are alike and stand one behind the other.
#[derive(Copy, Clone, Debug)]
struct Run {
    at: u64,
    count: u32,
    size: u32,
    duration: u32,
    offset: i32,
    sync: bool,
}

impl<'a> Samples<'a> {
    /// # Errors
    /// More samples than a track may have.
    pub(super) fn of(
        found: &'a Found,
        (track, group): (usize, usize),
        times: &'a [Timed],
        usual: u32,
        moved: u64,
    ) -> Result<Self> {
        let mut samples = Self {
            found,
            times,
            track: u16::try_from(track).unwrap_or(u16::MAX),
            group: u16::try_from(group).unwrap_or(u16::MAX),
            usual,
            moved,
            all: All::default(),
        };
        let mut all = All {
            size: samples.runs().next().map(|run| run.size),
            are_sync: true,
            ..All::default()
        };
        for run in samples.runs() {
            let count = all.count.checked_add(run.count);
            all.count = count.ok_or(Error::TooManySamples)?;
            all.duration += u64::from(run.count) * u64::from(run.duration);
            all.size = all.size.filter(|size| *size == run.size);
            if all.size.is_none() && all.count > MOST {
                return Err(Error::TooManySamples.into());
            }
            all.are_sync &= run.sync;
            all.reordered |= run.offset != 0;
        }
        samples.all = all;
        Ok(samples)
    }

    /// Composition time at which the last picture ends, ticks.
    pub(super) fn shown_end(&self) -> u64 {
        if !self.all.reordered {
            return self.all.duration;
        }
        let last = u64::from(self.all.count).saturating_sub(LAST);
        let (mut number, mut dts, mut ends) = (0, 0_u64, 0);
        for run in self.runs() {
            number += u64::from(run.count);
            dts += u64::from(run.count) * u64::from(run.duration);
            if number > last {
                ends = ends.max(dts.saturating_add_signed(run.offset.into()));
            }
        }
        ends
    }

    /// The sample entry of the sample at a place of the output.
    fn entry(&self, at: u64) -> u16 {
        let turns = &self.found.turns;
        if turns.is_empty() {
            return 0;
        }
        turns.entry(self.group, at - self.moved)
    }

    fn runs(&self) -> impl Iterator<Item = Run> {
        let mut places = self.found.items.places(self.track);
        let mut times = self.times.iter().peekable();
        let mut last = None;
        iter::from_fn(move || {
            if last.is_some() {
                return last.take();
            }
            let time = times.next()?;
            let end = times.peek().map_or(time.dts + time.duration, |t| t.dts);
            let lasts = u32::try_from(end - time.dts).unwrap_or(0);
            let place = places.of(time.item)?;
            let (first, end) = self.split(place, time, lasts);
            if first.is_none() {
                return Some(end);
            }
            last = Some(end);
            first
        })
    }

    /// A row but for its last sample, and that, or a single one. A gap behind a
    /// row belongs to its last sample.
    fn split(&self, place: Place, time: &Timed, lasts: u32) -> (Option<Run>, Run) {
        let samples = place.samples.max(1);
        let size = place.size / samples;
        let first = Run {
            at: place.at + self.moved,
            count: samples - 1,
            size,
            duration: self.usual,
            offset: time.offset,
            sync: place.sync,
        };
        let before = u64::from(self.usual) * u64::from(first.count);
        let rest = u64::from(lasts).saturating_sub(before);
        let last = Run {
            at: first.at + u64::from(size) * u64::from(first.count),
            count: 1,
            duration: u32::try_from(rest).unwrap_or(self.usual),
            ..first
        };
        ((first.count > 0).then_some(first), last)
    }
}

impl Columns for Samples<'_> {
    fn count(&self) -> u32 {
        self.all.count
    }

    fn duration(&self) -> u64 {
        self.all.duration
    }

    fn durations(&self) -> Column<'_, (u32, u32)> {
        Box::new(counted(self.runs().map(|run| (run.count, run.duration))))
    }

    fn composition_offsets(&self) -> Option<Column<'_, (u32, i32)>> {
        let runs = || counted(self.runs().map(|run| (run.count, run.offset)));
        self.all
            .reordered
            .then(|| Box::new(runs()) as Column<'_, _>)
    }

    fn sync(&self) -> Option<Column<'_, u32>> {
        let mut number = 0;
        let numbers = self.runs().flat_map(move |run| {
            let first = number + 1;
            number += run.count;
            let end = if run.sync { number } else { first - 1 };
            first..=end
        });
        (!self.all.are_sync).then(|| Box::new(numbers) as Column<'_, _>)
    }

    fn sizes(&self) -> SizeColumn<'_> {
        let count = self.all.count;
        if let Some(size) = self.all.size {
            return SizeColumn::Constant { size, count };
        }
        let sizes = self.runs();
        let sizes = sizes.flat_map(|run| iter::repeat_n(run.size, run.count as usize));
        SizeColumn::Each(Box::new(sizes))
    }

    fn chunks(&self) -> Column<'_, Chunk> {
        let mut runs = self.runs().peekable();
        Box::new(iter::from_fn(move || {
            let first = runs.next()?;
            let mut samples = first.count;
            let mut end = first.at + u64::from(first.size) * u64::from(first.count);
            let entry = self.entry(first.at);
            while let Some(run) = runs.next_if(|run| run.at == end && self.entry(run.at) == entry) {
                samples += run.count;
                end += u64::from(run.size) * u64::from(run.count);
            }
            Some(Chunk {
                offset: first.at,
                samples,
                description: u32::from(entry) + 1,
            })
        }))
    }
}

/// Values as counts of equal neighbours.
fn counted<T: Copy + PartialEq>(
    values: impl Iterator<Item = (u32, T)>,
) -> impl Iterator<Item = (u32, T)> {
    let mut values = values.peekable();
    iter::from_fn(move || {
        let (mut count, value) = values.next()?;
        while let Some(sum) = values
            .peek()
            .and_then(|(more, next)| count.checked_add(*more).filter(|_| *next == value))
        {
            count = sum;
            values.next();
        }
        Some((count, value))
    })
}
