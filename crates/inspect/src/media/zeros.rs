//! Runs of zeros in sound of which any bytes are good: in G.711 they cannot be.
//!
//! Silence is 0x55 or 0xD5 in A-law and 0x7F or 0xFF in µ-law (ITU-T G.711);
//! 0x00 is far out in one and the very end in the other. Worked out by chunks:
//! a sample may be a single byte.

use super::{Harm, Harmed, KEPT};
use crate::Result;
use crate::places::{Clock, chunks, fitting};
use tapo_io::{ByteSource, Span};
use tapo_movie::Track;

/// Zeros one behind the other that are no sound: 4 ms at 8 kHz.
const RUN: u64 = 32;

/// Bytes that are read in one go.
const PIECE: u64 = 256 << 10;

/// How often the bytes of a file are read over: tables may point to the same
/// ones again and again.
const OVER: u64 = 2;

/// Adds the runs of zeros in a track of G.711.
pub(super) fn find(
    source: &dyn ByteSource,
    index: usize,
    track: &Track,
    all: &mut Vec<Harmed>,
) -> Result<()> {
    let is_g711 = |k: [u8; 4]| matches!(&k, b"alaw" | b"ulaw");
    if !track.descriptions.iter().all(|d| is_g711(d.kind().0)) {
        return Ok(());
    }
    let table = &track.samples;
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
        runs(source, here, |run| {
            let before = |end| fitting(&table.sizes, chunk, end);
            let skipped = before(run.start);
            let count = before(run.end.saturating_sub(1)).saturating_sub(skipped) + 1;
            let first = chunk.first.saturating_add(skipped);
            let start = clock.at(u64::from(first));
            all.push(Harmed {
                track: index,
                first,
                count,
                span: run,
                start,
                end: clock.at(u64::from(first) + u64::from(count)),
                harm: Harm::Zeroed,
            });
            kept += 1;
        })?;
    }
    Ok(())
}

/// The runs of zeros in a span.
fn runs(source: &dyn ByteSource, span: Span, mut found: impl FnMut(Span)) -> Result<()> {
    let mut open = Span::at(span.start, 0);
    let mut at = span.start;
    while at < span.end {
        let bytes = source.read_span(Span::at(at, PIECE).intersect(span))?;
        if bytes.is_empty() {
            break;
        }
        for byte in &bytes {
            if *byte == 0 {
                open.end = at + 1;
            } else {
                if open.len() >= RUN {
                    found(open);
                }
                open = Span::at(at + 1, 0);
            }
            at += 1;
        }
    }
    if open.len() >= RUN {
        found(open);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_wherever_pieces_end() {
        let piece = usize::try_from(PIECE).unwrap();
        let mut bytes = vec![0x55_u8; 3 * piece];
        let holes = [
            (0, 32),
            (piece - 20, piece + 20),
            (3 * piece - 40, 3 * piece),
        ];
        for (start, end) in holes {
            bytes[start..end].fill(0);
        }
        bytes[1000..1031].fill(0);
        let holes = holes.map(|(start, end)| Span::new(start as u64, end as u64));
        let mut seen = Vec::new();
        let all = Span::new(0, bytes.len() as u64);
        runs(&bytes, all, |s| seen.push(s)).unwrap();
        assert_eq!(seen, holes);
    }
}
