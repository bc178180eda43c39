//! Sectors of 0xFF inside of pictures. Headers and lengths around them may be sound, and entropy-coded data that goes
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
    let mut unit = 0;
    while let Some(head) = sample.get(unit..unit + size.bytes() + 1) {
        let (field, first) = head.split_at(size.bytes());
        let len = field.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let end = unit + size.bytes() + len;
        if at < end {
            // Table 7-1 of each: slices, and partitions of them.
            let is_slice = first.first().is_some_and(|first| match h265 {
                true => first >> 1 & 0x3f < 32,
                false => matches!(first & 0x1f, 1..=5),
            });
            return is_slice && at > unit && at + SECTOR <= end;
        }
        unit = end;
    }
    false
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
}
