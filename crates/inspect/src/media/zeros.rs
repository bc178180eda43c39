//! Runs of zeros in sound of which any bytes are good: in G.711 they cannot be; nor can long ones of 0xFF in A-law.
//!
//! Silence is 0x55 or 0xD5 in A-law and 0x7F or 0xFF in µ-law (ITU-T G.711);
//! 0x00 is far out in one and the very end in the other, and 0xFF far out in the first.

use super::runs::in_chunks;
use super::{Harm, Harmed};
use crate::Result;
use tapo_io::{ByteSource, Span};
use tapo_movie::Track;

/// Zeros one behind the other that are no sound: 4 ms at 8 kHz.
const RUN: u64 = 32;

/// Bytes of 0xFF one behind the other that are none in A-law: 32 ms at 8 kHz.
const ONES: u64 = 256;

/// Bytes that are read in one go.
const PIECE: u64 = 256 << 10;

/// Adds the runs of zeros, and of ones, in a track of G.711.
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
    let a_law = track.descriptions.iter().all(|d| d.kind() == b"alaw");
    in_chunks(source, (index, &track.samples), all, |here, tell| {
        runs(source, here, a_law, tell)
    })
}

/// The runs of zeros in a span, and of ones if those are none of its sound.
fn runs(
    source: &dyn ByteSource,
    span: Span,
    ones: bool,
    mut found: impl FnMut(Span, Harm),
) -> Result<()> {
    let mut tell = |run: Span, byte: u8| match byte {
        0 if run.len() >= RUN => found(run, Harm::Zeroed),
        0xff if ones && run.len() >= ONES => found(run, Harm::Erased),
        _ => {}
    };
    let (mut open, mut last) = (Span::at(span.start, 0), 0);
    let mut at = span.start;
    while at < span.end {
        let bytes = source.read_span(Span::at(at, PIECE).intersect(span))?;
        if bytes.is_empty() {
            break;
        }
        for byte in &bytes {
            if *byte != last {
                tell(open, last);
                (open, last) = (Span::at(at, 0), *byte);
            }
            at += 1;
            open.end = at;
        }
    }
    tell(open, last);
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
        runs(&bytes, all, false, |s, _| seen.push(s)).unwrap();
        assert_eq!(seen, holes);
        bytes[2000..2255].fill(0xff);
        bytes[3000..3256].fill(0xff);
        for (ones, count) in [(false, 0), (true, 1)] {
            let mut erased = Vec::new();
            let tell = |s, harm| erased.extend((harm == Harm::Erased).then_some(s));
            runs(&bytes, all, ones, tell).unwrap();
            assert_eq!(erased, vec![Span::new(3000, 3256); count]);
        }
    }
}
