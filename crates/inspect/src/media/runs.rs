//! Runs of bytes that are no sound, as samples of their track. Worked out by chunks: a sample may be a single byte.

use super::{Harm, Harmed, KEPT};
use crate::Result;
use crate::places::{Clock, Placed, chunks, fitting};
use tapo_io::{ByteSource, Span};
use tapo_movie::SampleTable;

/// How often the bytes of a file are read over: tables may point to the same
/// ones again and again.
const OVER: u64 = 2;

/// Adds what `look` tells of in each chunk of a track to what is harmed.
pub(super) fn in_chunks(
    source: &dyn ByteSource,
    (track, table): (usize, &SampleTable),
    all: &mut Vec<Harmed>,
    mut look: impl FnMut(Span, &mut dyn FnMut(Span, Harm)) -> Result<()>,
) -> Result<()> {
    let mut clock = Clock::new(table);
    let mut budget = source.len().saturating_mul(OVER);
    let mut kept = 0;
    for chunk in chunks(table) {
        let here = Span::new(chunk.span.start, chunk.span.end.min(source.len()));
        if here.is_empty() {
            continue;
        }
        budget = budget.saturating_sub(here.len());
        if budget == 0 || kept >= KEPT {
            break;
        }
        look(here, &mut |run, harm| {
            if kept < KEPT {
                kept += 1;
                Harmed::within(track, table, chunk, run, harm, &mut clock).join(all);
            }
        })?;
    }
    Ok(())
}

impl Harmed {
    /// The samples of a chunk that hold bytes of `run`, which lies in it. `clock` was asked of none behind them.
    pub(super) fn within(
        track: usize,
        table: &SampleTable,
        chunk: Placed,
        run: Span,
        harm: Harm,
        clock: &mut Clock<'_>,
    ) -> Self {
        let ended = |end| fitting(&table.sizes, chunk, end);
        let skipped = ended(run.start);
        let count = ended(run.end.saturating_sub(1)).saturating_sub(skipped) + 1;
        let first = chunk.first.saturating_add(skipped);
        // The one behind the last may be the first of the next run.
        let start = clock.at(u64::from(first));
        let end = clock.clone().at(u64::from(first) + u64::from(count));
        Self {
            track,
            first,
            count,
            span: run,
            start,
            end,
            harm,
        }
    }

    /// Adds it to the others; one with the last, if they share a sample.
    fn join(self, all: &mut Vec<Self>) {
        let last = all.last_mut().filter(|last| {
            let shared = last.first <= self.first && self.first < last.first + last.count;
            last.track == self.track && shared
        });
        let Some(last) = last else {
            return all.push(self);
        };
        let behind = (self.first + self.count).max(last.first + last.count);
        last.count = behind - last.first;
        last.span.end = last.span.end.max(self.span.end);
        last.end = last.end.max(self.end);
        last.harm = last.harm.min(self.harm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_in_one_sample_are_one_harm_and_no_more_are_kept_than_allowed() {
        let mut table = SampleTable::default();
        table.start_chunk(0, 1);
        for _ in 0..4000 {
            table.push(100, 5, 0, true).unwrap();
        }
        let bytes = vec![0; 400_000];
        let mut all = Vec::new();
        in_chunks(&bytes, (0, &table), &mut all, |_, tell| {
            for at in [10, 60, 190, 350] {
                tell(Span::at(at, 20), Harm::Zeroed);
            }
            Ok(())
        })
        .unwrap();
        let told: Vec<_> = all
            .iter()
            .map(|h| (h.first, h.count, h.start, h.end))
            .collect();
        assert_eq!(told, [(1, 1, 0, 5), (2, 2, 5, 15), (4, 1, 15, 20)]);
        assert_eq!(all[0].span, Span::new(10, 80));
        let mut all = Vec::new();
        in_chunks(&bytes, (0, &table), &mut all, |_, tell| {
            (0..4000).for_each(|n| tell(Span::at(n * 100, 1), Harm::Zeroed));
            Ok(())
        })
        .unwrap();
        assert_eq!(all.len(), KEPT);
    }
}
