//! Samples one by one, within a budget.

use tapo_movie::{Sample, SampleTable, Samples};

/// Samples that have no byte in the file, listed of one track.
const BARREN: u64 = 100_000;

/// How often the bytes of a file may be listed over: tables that point to the
/// same bytes again and again would go on for ever.
const OVER: u64 = 8;

/// The samples of a track, up to a limit that no honest file reaches.
#[derive(Debug)]
pub struct Listing<'a> {
    samples: Samples<'a>,
    size: u64,
    barren: u64,
    bytes: u64,
    declared: u32,
    listed: u32,
    stopped: bool,
}

/// Why a listing ended early.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Stopped {
    /// Samples listed.
    pub listed: u32,
    /// Samples declared.
    pub declared: u32,
}

impl<'a> Listing<'a> {
    /// Lists the samples of a track of a file of `size` bytes.
    #[must_use]
    pub fn new(table: &'a SampleTable, size: u64) -> Self {
        Self {
            samples: table.iter(),
            size,
            barren: 0,
            bytes: 0,
            declared: table.len(),
            listed: 0,
            stopped: false,
        }
    }

    /// Where the listing stopped, if it did before the last sample declared:
    /// at the limit, or because the samples behind have no place.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        (self.listed < self.declared).then_some(Stopped {
            listed: self.listed,
            declared: self.declared,
        })
    }
}

impl Iterator for Listing<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        if self.stopped || self.barren >= BARREN || self.bytes > self.size.saturating_mul(OVER) {
            self.stopped = true;
            return None;
        }
        let sample = self.samples.next()?;
        if sample.span.is_empty() || sample.span.end > self.size {
            self.barren += 1;
        } else {
            self.bytes = self.bytes.saturating_add(sample.span.len());
        }
        self.listed = sample.number;
        Some(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_movie::{Chunk, Sizes};

    fn bomb(size: u32, chunks: usize) -> SampleTable {
        let samples = u32::MAX / u32::try_from(chunks).unwrap();
        let chunk = Chunk {
            offset: 8,
            samples,
            description: 1,
        };
        let mut table = SampleTable::default();
        table.sizes = Sizes::Constant {
            size,
            count: u32::MAX,
        };
        table.chunks = vec![chunk; chunks];
        table
    }

    #[test]
    fn tables_that_lie_are_listed_up_to_a_limit_and_it_is_said() {
        for table in [bomb(0, 1), bomb(7, 1), bomb(1, 1000)] {
            let mut listing = Listing::new(&table, 1000);
            let listed = listing.by_ref().count();
            assert!((1..200_000).contains(&listed), "{listed}");
            assert_eq!(listing.stopped().unwrap().declared, u32::MAX);
        }
    }

    #[test]
    fn honest_tables_are_listed_to_the_end() {
        let mut table = SampleTable::default();
        for _ in 0..10 {
            table.push(100, 1, 0, true).unwrap();
        }
        let mut listing = Listing::new(&table, 1000);
        assert_eq!(listing.by_ref().count(), 10);
        assert_eq!(listing.stopped(), None);
    }
}
