//! Where samples stand and when, worked out by chunks and runs: a table that
//! declares four thousand million samples in twenty bytes costs nothing.

use tapo_io::Span;
use tapo_movie::{Runs, SampleTable, Sizes};

/// A chunk, its samples and all of their bytes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Placed {
    /// Number of its first sample, from 1 on.
    pub(crate) first: u32,
    pub(crate) samples: u32,
    pub(crate) span: Span,
}

/// The chunks of a table, for no more samples than have a size.
pub(crate) fn chunks(table: &SampleTable) -> impl Iterator<Item = Placed> {
    let mut next = 1_u32;
    let count = table.sizes.len();
    table.chunks.iter().map_while(move |chunk| {
        let left = count.checked_sub(next - 1).filter(|n| *n > 0)?;
        let samples = chunk.samples.min(left);
        let first = next;
        next = next.saturating_add(samples);
        let span = Span::at(chunk.offset, bytes(&table.sizes, first, samples));
        Some(Placed {
            first,
            samples,
            span,
        })
    })
}

/// Bytes of `samples` samples from number `first` on.
fn bytes(sizes: &Sizes, first: u32, samples: u32) -> u64 {
    match sizes {
        Sizes::Constant { size, .. } => u64::from(*size) * u64::from(samples),
        Sizes::Each(_) => each(sizes, first, samples).map(u64::from).sum(),
    }
}

fn each(sizes: &Sizes, first: u32, samples: u32) -> impl Iterator<Item = u32> {
    let all = match sizes {
        Sizes::Each(all) => all.as_slice(),
        Sizes::Constant { .. } => &[],
    };
    let from = all
        .get(first.saturating_sub(1) as usize..)
        .unwrap_or_default();
    from.iter().copied().take(samples as usize)
}

/// How many samples of a chunk end at or before `end`; samples without bytes
/// stand nowhere and always do.
pub(crate) fn fitting(sizes: &Sizes, chunk: Placed, end: u64) -> u32 {
    if chunk.span.end <= end {
        return chunk.samples;
    }
    let room = end.saturating_sub(chunk.span.start);
    match sizes {
        Sizes::Constant { size, .. } => {
            let fit = room.checked_div(u64::from(*size)).unwrap_or(u64::MAX);
            u32::try_from(fit).unwrap_or(u32::MAX).min(chunk.samples)
        }
        Sizes::Each(_) => {
            let mut at = 0_u64;
            let fits = |size: u32| {
                at += u64::from(size);
                size == 0 || at <= room
            };
            let n = each(sizes, chunk.first, chunk.samples)
                .map(fits)
                .filter(|f| *f)
                .count();
            u32::try_from(n).unwrap_or(u32::MAX)
        }
    }
}

/// Decode times of ascending sample numbers, ticks.
#[derive(Clone)]
pub(crate) struct Clock<'a> {
    runs: &'a [(u32, u32)],
    run: usize,
    /// Number of the first sample of the run.
    number: u64,
    /// And its time.
    time: u64,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(table: &'a SampleTable) -> Self {
        Self {
            runs: table.durations.runs(),
            run: 0,
            number: 1,
            time: table.start,
        }
    }

    /// The decode time of sample `number`, which is not below the last asked.
    pub(crate) fn at(&mut self, number: u64) -> u64 {
        while let Some((count, duration)) = self.runs.get(self.run).copied() {
            let last = self.run + 1 == self.runs.len();
            if last || number < self.number + u64::from(count) {
                let ahead = number.saturating_sub(self.number);
                return self
                    .time
                    .saturating_add(ahead.saturating_mul(u64::from(duration)));
            }
            self.run += 1;
            self.number += u64::from(count);
            self.time = self
                .time
                .saturating_add(u64::from(count) * u64::from(duration));
        }
        self.time
    }
}

/// Shortest and longest of the durations; a last one that differs does not
/// count, it is often made up.
pub(crate) fn extremes(durations: &Runs<u32>) -> Option<(u32, u32)> {
    let runs = durations.runs();
    let runs = match runs {
        [rest @ .., (1, _)] if !rest.is_empty() => rest,
        _ => runs,
    };
    let values = || runs.iter().map(|(_, d)| *d);
    Some((values().min()?, values().max()?))
}

/// When the first sample is shown and when the last one ends, ticks before edit
/// lists, worked out by runs.
pub(crate) fn composition(table: &SampleTable) -> Option<(i64, i64)> {
    let count = u64::from(table.len());
    let mut durations = table.durations.runs().iter().copied().peekable();
    let mut offsets = table.composition_offsets.runs().iter().copied().peekable();
    let (mut left, mut each) = (0_u64, 0_i64);
    let (mut behind, mut offset) = (0_u64, 0_i64);
    let (mut first, mut end) = (i64::MAX, i64::MIN);
    let mut at = i64::try_from(table.start).ok()?;
    let mut number = 0;
    while number < count {
        if left == 0 {
            match durations.next() {
                Some((n, d)) => (left, each) = (u64::from(n), i64::from(d)),
                None => left = count - number,
            }
        }
        if behind == 0 {
            match offsets.next() {
                Some((n, o)) => (behind, offset) = (u64::from(n), i64::from(o)),
                None => (behind, offset) = (count - number, 0),
            }
        }
        let run = left.min(behind).min(count - number);
        if run > 0 {
            let length = each.checked_mul(i64::try_from(run).ok()?)?;
            first = first.min(at.checked_add(offset)?);
            at = at.checked_add(length)?;
            end = end.max(at.checked_add(offset)?);
        }
        number += run;
        left -= run.min(left);
        behind -= run.min(behind);
    }
    (first <= end).then_some((first, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SampleTable {
        let mut table = SampleTable::default();
        table.start = 7;
        table.start_chunk(100, 1);
        for (size, duration) in [(10, 5), (20, 5), (0, 5)] {
            table.push(size, duration, 0, true).unwrap();
        }
        table.start_chunk(500, 1);
        table.push(30, 6, 0, true).unwrap();
        table
    }

    #[test]
    fn chunks_and_clock_agree_with_the_samples_one_by_one() {
        let table = table();
        let placed: Vec<_> = chunks(&table).collect();
        assert_eq!(placed[0].span, Span::new(100, 130));
        assert_eq!((placed[1].first, placed[1].span), (4, Span::new(500, 530)));
        let mut clock = Clock::new(&table);
        for sample in &table {
            assert_eq!(clock.at(u64::from(sample.number)), sample.dts);
        }
        assert_eq!(extremes(&table.durations), Some((5, 5)));
    }

    #[test]
    fn composition_times_by_runs_are_those_of_the_samples() {
        let mut table = SampleTable::default();
        table.start = 100;
        for (duration, offset) in [(10, 20), (10, 50), (10, 20), (30, -5), (10, 20), (10, 0)] {
            table.push(1, duration, offset, true).unwrap();
        }
        let first = table.iter().map(|s| s.pts()).min();
        let end = table.iter().map(|s| s.pts() + i64::from(s.duration)).max();
        assert_eq!(composition(&table), first.zip(end));
        assert_eq!(composition(&SampleTable::default()), None);
        table.durations = [(u32::MAX, u32::MAX)].into_iter().collect();
        table.sizes = Sizes::Constant {
            size: 1,
            count: u32::MAX,
        };
        assert_eq!(composition(&table), None, "more than can be");
    }

    #[test]
    fn a_cut_takes_the_samples_that_cross_it() {
        let table = table();
        let first = chunks(&table).next().unwrap();
        let fit = |end| fitting(&table.sizes, first, end);
        assert_eq!((fit(130), fit(129), fit(110), fit(50)), (3, 2, 2, 1));
        let bomb = Sizes::Constant {
            size: 4,
            count: u32::MAX,
        };
        let chunk = Placed {
            first: 1,
            samples: u32::MAX,
            span: Span::at(8, 4 * u64::from(u32::MAX)),
        };
        assert_eq!(fitting(&bomb, chunk, 20), 3);
    }
}
