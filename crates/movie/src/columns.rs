//! The columns of a sample table, as the encoder reads them: whoever has a
//! million samples in another form need not put them into a [`SampleTable`].

use crate::{Chunk, SampleTable, Sizes, SyncSamples};

/// Values of a column, in order.
pub type Column<'a, T> = Box<dyn Iterator<Item = T> + 'a>;

/// What the tables of a track are to say of its samples. Each column may be
/// read more than once, and says the same each time.
pub trait Columns {
    /// How many samples.
    fn count(&self) -> u32;

    /// Sum of the durations, ticks of the track's timescale.
    fn duration(&self) -> u64;

    /// Durations, ticks, as counts of equal neighbours: of every sample
    /// (`stts`).
    fn durations(&self) -> Column<'_, (u32, u32)>;

    /// Composition time minus decode time, ticks, in the same way (`ctts`);
    /// `None` if that is 0 for all.
    fn composition_offsets(&self) -> Option<Column<'_, (u32, i32)>>;

    /// Numbers of the sync samples, from 1 on, ascending (`stss`); `None` if
    /// all are.
    fn sync(&self) -> Option<Column<'_, u32>>;

    /// Sizes, bytes (`stsz`).
    fn sizes(&self) -> SizeColumn<'_>;

    /// Where the samples stand (`stco`, `stsc`).
    fn chunks(&self) -> Column<'_, Chunk>;
}

/// Sizes of samples, bytes.
pub enum SizeColumn<'a> {
    /// All of one size.
    Constant {
        /// Bytes of each.
        size: u32,
        /// How many.
        count: u32,
    },
    /// Each its own.
    Each(Column<'a, u32>),
}

impl std::fmt::Debug for SizeColumn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant { size, count } => write!(f, "{count} of {size} bytes"),
            Self::Each(_) => f.write_str("each its own"),
        }
    }
}

impl Columns for SampleTable {
    fn count(&self) -> u32 {
        self.len()
    }

    fn duration(&self) -> u64 {
        Self::duration(self)
    }

    fn durations(&self) -> Column<'_, (u32, u32)> {
        Box::new(fitted(self.durations.runs(), self.len(), None))
    }

    fn composition_offsets(&self) -> Option<Column<'_, (u32, i32)>> {
        let runs = self.composition_offsets.runs();
        let runs = (!runs.is_empty()).then(|| fitted(runs, self.len(), Some(0)))?;
        Some(Box::new(runs))
    }

    fn sync(&self) -> Option<Column<'_, u32>> {
        match &self.sync {
            SyncSamples::All => None,
            SyncSamples::Listed(numbers) => Some(Box::new(numbers.iter().copied())),
        }
    }

    fn sizes(&self) -> SizeColumn<'_> {
        match &self.sizes {
            Sizes::Constant { size, count } => SizeColumn::Constant {
                size: *size,
                count: *count,
            },
            Sizes::Each(sizes) => SizeColumn::Each(Box::new(sizes.iter().copied())),
        }
    }

    fn chunks(&self) -> Column<'_, Chunk> {
        Box::new(self.chunks.iter().copied())
    }
}

/// Runs for exactly `samples` samples: cut where they are too many, and where
/// they are too few made longer by `rest`, or by the last value.
fn fitted<T: Copy>(
    runs: &[(u32, T)],
    samples: u32,
    rest: Option<T>,
) -> impl Iterator<Item = (u32, T)> {
    let rest = rest.or(runs.last().map(|(_, v)| *v)).map(|v| (u32::MAX, v));
    let mut left = samples;
    runs.iter()
        .copied()
        .chain(rest)
        .map_while(move |(count, value)| {
            let count = count.min(left);
            left -= count;
            (count > 0).then_some((count, value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_or_continued_to_the_number_of_samples() {
        let fit = |n, rest| fitted(&[(3, 40), (2, 50)], n, rest).collect::<Vec<_>>();
        assert_eq!(fit(4, None), [(3, 40), (1, 50)]);
        assert_eq!(fit(7, None), [(3, 40), (2, 50), (2, 50)]);
        assert_eq!(fit(7, Some(0)), [(3, 40), (2, 50), (2, 0)]);
        assert_eq!(fit(0, None), []);
    }
}
