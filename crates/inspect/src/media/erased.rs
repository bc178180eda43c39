//! Sectors of 0xFF, and text, inside of pictures. Headers and lengths around them may be sound, and entropy-coded data that goes
//! wrong is still entropy-coded data; but no coder writes half a kilobyte of ones, just where a sector begins and ends.

use super::{SECTOR, SECTOR_BYTES};
use tapo_codec::nal::NalLengthSize;

/// Whether a sector of the file is nothing but 0xFF that lies within the slices of a picture, which stands at `start`.
/// Filler, and messages, may be so.
pub(super) fn in_slices(sample: &[u8], start: u64, size: NalLengthSize, h265: bool) -> bool {
    let ahead = usize::try_from(start.next_multiple_of(SECTOR_BYTES) - start).unwrap_or(0);
    let sectors = sample.get(ahead..).unwrap_or_default().chunks_exact(SECTOR);
    let erased = (0..)
        .zip(sectors)
        .find(|(_, s)| s.iter().all(|b| *b == 0xff));
    let Some((number, _)) = erased else {
        return false;
    };
    let at: usize = ahead + number * SECTOR;
    slices(sample, size, h265).any(|slice| slice.start <= at && at + SECTOR <= slice.end)
}

/// Characters of text that coded data never has in a row, and how many different ones are in them.
const TEXT: usize = 128;
const DIFFERENT: usize = 16;

/// Whether text stands in the slices of a picture: what was written over it keeps to no sectors.
pub(super) fn text_in_slices(sample: &[u8], size: NalLengthSize, h265: bool) -> bool {
    let is_text = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    slices(sample, size, h265).any(|slice| {
        let slice = sample.get(slice).unwrap_or_default();
        // A run that is so long has a byte at each of these places.
        let mut places = (TEXT - 1..slice.len()).step_by(TEXT);
        places.any(|at| {
            let (before, behind) = slice.split_at_checked(at).unwrap_or_default();
            if !behind.first().is_some_and(is_text) {
                return false;
            }
            let ahead = before.iter().rev().take_while(|b| is_text(b)).count();
            let rest = behind.iter().take(TEXT).take_while(|b| is_text(b)).count();
            let run = slice.get(at - ahead..at + rest).unwrap_or_default();
            let mut seen = [false; 256];
            let values = run.iter().filter(|b| {
                let seen = seen.get_mut(usize::from(**b));
                seen.is_some_and(|seen| !std::mem::replace(seen, true))
            });
            run.len() >= TEXT && values.count() >= DIFFERENT
        })
    })
}

/// Where the slices of a picture stand in it, their headers left out.
fn slices(
    sample: &[u8],
    size: NalLengthSize,
    h265: bool,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut unit = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let head = sample.get(unit..unit.checked_add(size.bytes() + 1)?)?;
            let (field, first) = head.split_at_checked(size.bytes())?;
            let len = field.iter().fold(0, |n, b| n << 8 | usize::from(*b));
            let body = unit + size.bytes() + 1;
            unit = (unit + size.bytes()).checked_add(len)?;
            // Table 7-1 of each: slices, and partitions of them.
            let is_slice = first.first().is_some_and(|first| match h265 {
                true => first >> 1 & 0x3f < 32,
                false => matches!(first & 0x1f, 1..=5),
            });
            if is_slice {
                return Some(body..unit);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of one unit of this type, of three sectors of 0xFF and other bytes around them.
    fn sample(kind: u8) -> Vec<u8> {
        let mut unit = vec![0x55; 4 * SECTOR];
        unit[0] = kind;
        unit[SECTOR / 2..7 * SECTOR / 2].fill(0xff);
        let len = u32::try_from(unit.len()).unwrap();
        [&len.to_be_bytes()[..], &unit].concat()
    }

    #[test]
    fn sectors_of_ones_are_found_in_slices_alone() {
        let four = NalLengthSize::FOUR;
        for start in [0, 100, 511, 512, 5000] {
            for (kind, slice) in [(0x65, true), (0x41, true), (0x0c, false), (0x06, false)] {
                assert_eq!(
                    in_slices(&sample(kind), start, four, false),
                    slice,
                    "{kind} {start}"
                );
            }
            // A trailing picture, and filler, of H.265.
            assert!(in_slices(&sample(1 << 1), start, four, true));
            assert!(!in_slices(&sample(38 << 1), start, four, true));
        }
    }

    #[test]
    fn what_is_shorter_than_a_sector_or_crosses_its_ends_is_none() {
        let four = NalLengthSize::FOUR;
        let mut short = vec![0x55; 4 * SECTOR];
        short[..5].copy_from_slice(&[0, 0, 7, 0xfc, 0x65]);
        short[600..600 + SECTOR].fill(0xff);
        assert!(!in_slices(&short, 0, four, false));
        assert!(in_slices(&short, 1024 - 600, four, false));
    }

    #[test]
    fn text_is_found_in_slices_alone() {
        let text = b"GET /index.html HTTP/1.1\r\nHost: camera\r\nAccept: */*\r\n".repeat(4);
        let coded = |i: u32| (i.wrapping_mul(0x9e37_79b1) >> 11).to_le_bytes()[0];
        for (kind, slice) in [(0x65, true), (0x06, false)] {
            for (at, len) in [(10, 128), (137, 128), (300, 200), (300, 127)] {
                let mut unit: Vec<u8> = (0..3000).map(coded).collect();
                unit[0] = kind;
                unit[at - 1] = 0;
                unit[at..at + len].copy_from_slice(&text[..len]);
                unit[at + len] = 0;
                let size = u32::try_from(unit.len()).unwrap();
                let sample = [&size.to_be_bytes()[..], &unit].concat();
                let found = text_in_slices(&sample, NalLengthSize::FOUR, false);
                assert_eq!(found, slice && len >= 128, "{kind} {at} {len}");
                // The same character again and again is a pattern of the coding.
                let mut flat = sample.clone();
                flat[at + 4..at + 4 + len].fill(b'U');
                assert!(!text_in_slices(&flat, NalLengthSize::FOUR, false));
            }
        }
    }
}
