//! Samples, kept in columns and runs as the format keeps them: about four
//! bytes a sample, whatever wrote the file.

use crate::{Error, Result, Runs};
use tapo_io::Span;

/// The samples of a track (§8.6, §8.7).
#[derive(Clone, Debug, Default, Eq)]
pub struct SampleTable {
    /// Sizes, bytes.
    pub sizes: Sizes,
    /// Durations, ticks of the track's timescale. Where it is shorter than
    /// there are samples, the last one goes on.
    pub durations: Runs<u32>,
    /// Composition time minus decode time, ticks. Where it is shorter than
    /// there are samples, the rest is 0.
    pub composition_offsets: Runs<i32>,
    /// Which samples decoding can start at.
    pub sync: SyncSamples,
    /// Where the samples stand.
    pub chunks: Vec<Chunk>,
    /// Chunks behind the last sample, as a damaged index states them: written back, they are left out.
    pub unused: Vec<Chunk>,
    /// Decode time of the first sample, ticks. A `moov` has no place for it: it
    /// is what the first `tfdt` of a fragmented file said.
    pub start: u64,
    /// Bytes of the open chunk: follows from the rest.
    total: u64,
}

impl PartialEq for SampleTable {
    fn eq(&self, other: &Self) -> bool {
        self.sizes == other.sizes
            && self.durations == other.durations
            && self.composition_offsets == other.composition_offsets
            && self.sync == other.sync
            && self.chunks == other.chunks
            && self.unused == other.unused
            && self.start == other.start
    }
}

/// Sizes of samples, bytes (`stsz`, `stz2`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sizes {
    /// All of one size.
    Constant {
        /// Bytes of each.
        size: u32,
        /// How many.
        count: u32,
    },
    /// Each its own.
    Each(Vec<u32>),
}

/// Which samples are sync samples (`stss`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum SyncSamples {
    /// All of them: there is no `stss`.
    #[default]
    All,
    /// These, numbered from 1 on, ascending.
    Listed(Vec<u32>),
}

/// Samples that stand one behind the other (`stco`, `stsc`).
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Chunk {
    /// Offset of its first byte, from the start of the file.
    pub offset: u64,
    /// Samples in it.
    pub samples: u32,
    /// Sample description, from 1 on.
    pub description: u32,
}

/// One sample, put together from the columns.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Sample {
    /// From 1 on, in decode order.
    pub number: u32,
    /// Its bytes in the file.
    pub span: Span,
    /// Decode time, ticks of the track's timescale, before edit lists.
    pub dts: u64,
    /// Composition time minus decode time, ticks.
    pub composition_offset: i32,
    /// Duration, ticks.
    pub duration: u32,
    /// Whether decoding can start here.
    pub sync: bool,
    /// Sample description, from 1 on.
    pub description: u32,
}

impl Sample {
    /// Composition time, ticks of the track's timescale, before edit lists.
    #[must_use]
    pub fn pts(&self) -> i64 {
        i64::try_from(self.dts)
            .unwrap_or(i64::MAX)
            .saturating_add(i64::from(self.composition_offset))
    }
}

/// Samples of different sizes that a track may have: a week of video at 60
/// frames a second. Beyond it, a file means to exhaust memory.
const MOST: u32 = 1 << 25;

impl Default for Sizes {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl Sizes {
    /// How many samples.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::Constant { count, .. } => *count,
            Self::Each(sizes) => u32::try_from(sizes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of sample `number`, from 1 on.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<u32> {
        match self {
            Self::Constant { size, count } => (1..=*count).contains(&number).then_some(*size),
            Self::Each(sizes) => sizes.get(number.checked_sub(1)? as usize).copied(),
        }
    }

    /// Bytes of all samples.
    #[must_use]
    pub fn total(&self) -> u64 {
        match self {
            Self::Constant { size, count } => u64::from(*size) * u64::from(*count),
            Self::Each(sizes) => sizes.iter().map(|s| u64::from(*s)).sum(),
        }
    }

    /// Appends `more` times a size. Sizes stay one number for as long as they are equal.
    fn push(&mut self, size: u32, more: u32) -> Result<()> {
        let count = self.len();
        let sum = count.checked_add(more).ok_or(Error::TooManySamples)?;
        match self {
            _ if count == 0 => *self = Self::Constant { size, count: sum },
            Self::Constant { size: s, count: n } if *s == size => *n = sum,
            _ if sum > MOST => return Err(Error::TooManySamples),
            Self::Constant { size: s, count: n } => {
                let mut sizes = vec![*s; *n as usize];
                sizes.resize(sum as usize, size);
                *self = Self::Each(sizes);
            }
            Self::Each(sizes) => sizes.resize(sum as usize, size),
        }
        Ok(())
    }
}

impl SampleTable {
    /// How many samples.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.sizes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sum of the durations of its samples, ticks. What `stts` says of more samples than there are counts nothing.
    #[must_use]
    pub fn duration(&self) -> u64 {
        let (mut left, mut sum, mut last) = (u64::from(self.len()), 0_u64, 0);
        for (count, duration) in self.durations.runs() {
            let there = left.min(u64::from(*count));
            last = u64::from(*duration);
            sum = sum.saturating_add(there * last);
            left -= there;
        }
        sum.saturating_add(left.saturating_mul(last))
    }

    /// Decode time behind the last sample, ticks.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration())
    }

    /// Opens a chunk at `offset`: samples pushed from now on stand there, one
    /// behind the other. A chunk that goes on where the last one ended is one
    /// with it.
    pub fn start_chunk(&mut self, offset: u64, description: u32) {
        match self.chunks.last_mut() {
            Some(last) if last.samples == 0 => {
                last.offset = offset;
                last.description = description;
                self.total = 0;
            }
            Some(last) if last.description == description && last.offset + self.total == offset => {
            }
            _ => {
                self.chunks.push(Chunk {
                    offset,
                    samples: 0,
                    description,
                });
                self.total = 0;
            }
        }
    }

    /// Appends a sample to the open chunk.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] beyond 2^25, or 2^32 - 1 of one size.
    pub fn push(&mut self, size: u32, duration: u32, offset: i32, sync: bool) -> Result<()> {
        self.push_run(1, size, duration, offset, sync)
    }

    /// Appends `count` samples that are alike to the open chunk: constant-rate data has thousands in a row.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_run(
        &mut self,
        count: u32,
        size: u32,
        duration: u32,
        offset: i32,
        sync: bool,
    ) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let before = self.len();
        self.sizes.push(size, count)?;
        self.durations.push(count, duration);
        let numbers = before + 1..=before + count;
        if offset != 0 || !self.composition_offsets.is_empty() {
            if self.composition_offsets.is_empty() {
                self.composition_offsets.push(before, 0);
            }
            self.composition_offsets.push(count, offset);
        }
        match &mut self.sync {
            SyncSamples::All if sync => {}
            SyncSamples::All => self.sync = SyncSamples::Listed((1..=before).collect()),
            SyncSamples::Listed(listed) if sync => listed.extend(numbers),
            SyncSamples::Listed(_) => {}
        }
        if self.chunks.is_empty() {
            self.start_chunk(0, 1);
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.samples += count;
            self.total += u64::from(size) * u64::from(count);
        }
        Ok(())
    }

    /// The samples in decode order, put together on the way; ends where sizes
    /// or chunks end. Nothing is allocated.
    #[must_use]
    pub fn iter(&self) -> Samples<'_> {
        Samples {
            table: self,
            number: 0,
            dts: self.start,
            chunk: 0,
            left: self.chunks.first().map_or(0, |c| c.samples),
            offset: self.chunks.first().map_or(0, |c| c.offset),
            durations: Cursor::default(),
            offsets: Cursor::default(),
            sync: 0,
        }
    }
}

/// A place in [`Runs`].
#[derive(Clone, Debug, Default)]
struct Cursor {
    run: usize,
    used: u32,
}

impl Cursor {
    /// The next value; `None` behind the last.
    fn next<T: Copy>(&mut self, runs: &[(u32, T)]) -> Option<T> {
        let (count, value) = runs.get(self.run)?;
        self.used += 1;
        if self.used >= *count {
            self.run += 1;
            self.used = 0;
        }
        Some(*value)
    }
}

/// Iterates over the samples of a table.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    table: &'a SampleTable,
    number: u32,
    dts: u64,
    chunk: usize,
    left: u32,
    offset: u64,
    durations: Cursor,
    offsets: Cursor,
    sync: usize,
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let table = self.table;
        let number = self.number.checked_add(1)?;
        let size = table.sizes.get(number)?;
        while self.left == 0 {
            self.chunk += 1;
            let chunk = table.chunks.get(self.chunk)?;
            (self.left, self.offset) = (chunk.samples, chunk.offset);
        }
        let description = table.chunks.get(self.chunk)?.description;
        let runs = table.durations.runs();
        let goes_on = || runs.last().map_or(0, |(_, d)| *d);
        let duration = self.durations.next(runs).unwrap_or_else(goes_on);
        let offsets = table.composition_offsets.runs();
        let composition_offset = self.offsets.next(offsets).unwrap_or(0);
        let sync = match &table.sync {
            SyncSamples::All => true,
            SyncSamples::Listed(numbers) => {
                while numbers.get(self.sync).is_some_and(|n| *n < number) {
                    self.sync += 1;
                }
                numbers.get(self.sync) == Some(&number)
            }
        };
        let sample = Sample {
            number,
            span: Span::at(self.offset, u64::from(size)),
            dts: self.dts,
            composition_offset,
            duration,
            sync,
            description,
        };
        self.number = number;
        self.left -= 1;
        self.offset = sample.span.end;
        self.dts = self.dts.saturating_add(u64::from(duration));
        Some(sample)
    }
}

impl<'a> IntoIterator for &'a SampleTable {
    type Item = Sample;
    type IntoIter = Samples<'a>;

    fn into_iter(self) -> Samples<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_comes_back() {
        let mut table = SampleTable {
            start: 90,
            ..SampleTable::default()
        };
        table.start_chunk(1000, 1);
        table.push(10, 40, 0, true).unwrap();
        table.push(20, 40, 80, false).unwrap();
        table.start_chunk(1030, 1);
        table.push(5, 33, -40, false).unwrap();
        table.start_chunk(5000, 2);
        table.push(7, 40, 0, true).unwrap();
        assert_eq!(table.chunks.len(), 2, "a chunk that goes on is one");
        assert_eq!((table.duration(), table.end()), (153, 243));
        let got: Vec<_> = table
            .iter()
            .map(|s| (s.span.start, s.dts, s.pts(), s.sync, s.description))
            .collect();
        let want = [
            (1000, 90, 90, true, 1),
            (1010, 130, 210, false, 1),
            (1030, 170, 130, false, 1),
            (5000, 203, 203, true, 2),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_run_is_what_as_many_single_samples_are() {
        let (mut run, mut single) = (SampleTable::default(), SampleTable::default());
        for (count, size, offset, sync) in [
            (3, 2, 0, true),
            (1, 2, 5, false),
            (0, 9, 9, true),
            (4, 7, 0, true),
            (2, 7, 0, false),
        ] {
            run.push_run(count, size, 40, offset, sync).unwrap();
            for _ in 0..count {
                single.push(size, 40, offset, sync).unwrap();
            }
        }
        assert_eq!(run, single);
        assert_eq!(run.total, single.total);
        assert_eq!(run.iter().count(), 10);
        let full = run.push_run(u32::MAX, 1, 1, 0, true);
        assert!(matches!(full, Err(Error::TooManySamples)));
    }

    #[test]
    fn short_tables_go_on_or_end_as_players_have_it() {
        let table = SampleTable {
            sizes: Sizes::Constant {
                size: 2,
                count: u32::MAX,
            },
            durations: [(1, 5)].into_iter().collect(),
            composition_offsets: [(1, 9)].into_iter().collect(),
            chunks: vec![Chunk {
                offset: 8,
                samples: 3,
                description: 1,
            }],
            ..SampleTable::default()
        };
        let got: Vec<_> = table
            .iter()
            .map(|s| (s.dts, s.composition_offset))
            .collect();
        assert_eq!(got, [(0, 9), (5, 0), (10, 0)]);
    }

    #[test]
    fn times_of_samples_that_are_not_there_last_nothing() {
        let mut table = SampleTable::default();
        for _ in 0..3 {
            table.push(1, 40, 0, true).unwrap();
        }
        table.durations = [(2, 40), (u32::MAX, 7)].into_iter().collect();
        assert_eq!(table.duration(), 87);
        table.durations = [(1, 40)].into_iter().collect();
        assert_eq!(table.duration(), 120);
    }
}
