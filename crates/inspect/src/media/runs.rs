//! Runs of bytes that are no sound, as samples of their track. Worked out by chunks: a sample may be a single byte.

use super::{Harm, Harmed, KEPT};
use crate::Result;
use crate::places::{Clock, chunks, fitting};
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
            let before = |end| fitting(&table.sizes, chunk, end);
            let skipped = before(run.start);
            let count = before(run.end.saturating_sub(1)).saturating_sub(skipped) + 1;
            let first = chunk.first.saturating_add(skipped);
            all.push(Harmed {
                track,
                first,
                count,
                span: run,
                start: clock.at(u64::from(first)),
                end: clock.at(u64::from(first) + u64::from(count)),
                harm,
            });
            kept += 1;
        })?;
    }
    Ok(())
}
