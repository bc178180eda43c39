//! What became of every byte of the broken file.

use crate::item::{Found, Item};
use crate::layout::{Content, Layout};
use crate::{LedgerEntry, Result, Use};
use tapo_io::{ByteSource, Span};

/// Zeros amid bytes that belong to no sample are told from them if they are at
/// least this many, bytes.
const ZEROS: u64 = 512;

/// Every byte once: what samples hold, what structure is, and the rest.
///
/// # Errors
/// The source fails.
pub(super) fn ledger(
    source: &dyn ByteSource,
    layout: &Layout,
    found: &Found,
) -> Result<Vec<LedgerEntry>> {
    let mut told = Vec::new();
    for entry in spans(source.len(), layout, found) {
        if entry.what == Use::Unusable {
            unusable(source, entry.span, &mut told)?;
        } else {
            put(&mut told, entry.span, entry.what);
        }
    }
    Ok(told)
}

fn spans(len: u64, layout: &Layout, found: &Found) -> Vec<LedgerEntry> {
    let mut ledger = Ledger {
        entries: Vec::new(),
        at: 0,
    };
    let mut items = found.items.iter().peekable();
    let mut boxes = found.boxes.iter().peekable();
    for piece in &layout.pieces {
        if piece.what == Content::LostHead {
            ledger.add(Span::new(piece.span.end, piece.span.end), Use::Unusable);
            continue;
        }
        if !matches!(piece.what, Content::Media { .. }) {
            // Samples within a box are of a fragment's own media data.
            ledger.add(piece.span, Use::Structure);
            continue;
        }
        loop {
            let item = items
                .peek()
                .filter(|i| i.at < piece.span.end)
                .map(Item::span);
            let own = boxes.peek().filter(|b| b.start < piece.span.end).copied();
            match (item, own) {
                (Some(item), own) if own.is_none_or(|b| item.start <= b.start) => {
                    ledger.add(item, Use::Samples);
                    items.next();
                }
                (_, Some(own)) => {
                    ledger.add(*own, Use::Structure);
                    boxes.next();
                }
                _ => break,
            }
        }
        if let Some(cut) = found.cut.filter(|c| piece.span.contains(*c)) {
            ledger.add(cut, Use::CutOff);
        }
        ledger.add(Span::new(piece.span.end, piece.span.end), Use::Unusable);
    }
    ledger.add(Span::new(len, len), Use::Unusable);
    ledger.entries
}

struct Ledger {
    entries: Vec<LedgerEntry>,
    at: u64,
}

impl Ledger {
    /// Adds a range; what lies in front of it and was not named is unusable.
    fn add(&mut self, span: Span, what: Use) {
        self.put(Span::new(self.at, span.start), Use::Unusable);
        self.put(Span::new(span.start.max(self.at), span.end), what);
    }

    fn put(&mut self, span: Span, what: Use) {
        put(&mut self.entries, span, what);
        self.at = self.at.max(span.end);
    }
}

/// Adds a range behind those that are there.
fn put(entries: &mut Vec<LedgerEntry>, span: Span, what: Use) {
    if span.is_empty() {
        return;
    }
    match entries.last_mut() {
        Some(last) if last.what == what && last.span.end == span.start => {
            last.span.end = span.end;
        }
        _ => entries.push(LedgerEntry { span, what }),
    }
}

/// Tells zeros from other bytes that belong to no sample.
fn unusable(source: &dyn ByteSource, span: Span, told: &mut Vec<LedgerEntry>) -> Result<()> {
    const BLOCK: u64 = 1 << 20;
    // The zeros that were met last.
    let mut zeros = Span::new(span.start, span.start);
    let mut other = span.start;
    let mut close = |other: &mut u64, zeros: Span| {
        // All of a range that is nothing but zeros is told, however short.
        if zeros.len() >= ZEROS || zeros == span {
            put(told, Span::new(*other, zeros.start), Use::Unusable);
            put(told, zeros, Use::Zeros);
            *other = zeros.end;
        }
    };
    let mut at = span.start;
    while at < span.end {
        let data = source.next_data(at).clamp(at, span.end);
        if data > at {
            zeros.end = data;
            at = data;
            continue;
        }
        let block = source.read_span(Span::at(at, BLOCK).intersect(span))?;
        if block.is_empty() {
            break;
        }
        let mut rest = &block[..];
        while !rest.is_empty() {
            let n = rest.iter().take_while(|b| **b == 0).count();
            zeros.end += n as u64;
            let (_, behind) = rest.split_at(n);
            let n = up_to_zeros(behind);
            if n > 0 {
                close(&mut other, zeros);
                let next = zeros.end + n as u64;
                zeros = Span::new(next, next);
            }
            (_, rest) = behind.split_at(n);
        }
        at += block.len() as u64;
    }
    close(&mut other, zeros);
    put(told, Span::new(other, span.end), Use::Unusable);
    Ok(())
}

/// Of `ZEROS` zeros one stands last in a piece of so many bytes.
const PIECE: usize = 256;

/// Bytes of `bytes`, which begin with another one, in front of the next zeros:
/// none of `ZEROS` zeros are skipped, and none at the end.
fn up_to_zeros(bytes: &[u8]) -> usize {
    let other = |piece: &[u8]| {
        piece
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |last| last + 1)
    };
    let mut at = 0;
    while let Some(piece) = bytes.get(at..at + PIECE) {
        if piece.last() == Some(&0) {
            return at + other(piece);
        }
        at += PIECE;
    }
    at + other(bytes.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &Vec<u8>, span: Span) -> Vec<(u64, u64, Use)> {
        let mut told = Vec::new();
        unusable(bytes, span, &mut told).unwrap();
        told.iter()
            .map(|e| (e.span.start, e.span.end, e.what))
            .collect()
    }

    #[test]
    fn long_zeros_are_told_and_short_ones_are_not() {
        let mut bytes = vec![1; 4000];
        bytes[10..500].fill(0);
        bytes[600..1112].fill(0);
        bytes[3000..].fill(0);
        let all = Span::new(0, 4000);
        assert_eq!(
            told(&bytes, all),
            [
                (0, 600, Use::Unusable),
                (600, 1112, Use::Zeros),
                (1112, 3000, Use::Unusable),
                (3000, 4000, Use::Zeros)
            ]
        );
        assert_eq!(told(&bytes, Span::new(700, 703)), [(700, 703, Use::Zeros)]);
        assert_eq!(told(&bytes, Span::new(5, 20)), [(5, 20, Use::Unusable)]);
    }

    #[test]
    fn zeros_are_found_wherever_they_begin_and_over_blocks() {
        for start in (0..1200).step_by(7).chain((1 << 20) - 700..(1 << 20) + 3) {
            let mut bytes = vec![7; (1 << 20) + 2000];
            bytes[start..start + 512].fill(0);
            let all = Span::new(0, bytes.len() as u64);
            let zeros: Vec<_> = told(&bytes, all)
                .into_iter()
                .filter(|(.., what)| *what == Use::Zeros)
                .collect();
            let start = start as u64;
            assert_eq!(zeros, [(start, start + 512, Use::Zeros)]);
        }
    }
}
