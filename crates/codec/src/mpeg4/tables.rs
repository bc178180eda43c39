//! Variable length codes of intra macroblocks (ISO/IEC 14496-2, annex B).

use super::Bits;

/// A code, and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    bits: &'static str,
    pub(super) value: u8,
}

impl Code {
    pub(super) const fn len(&self) -> usize {
        self.bits.len()
    }
}

const fn to(bits: &'static str, value: u8) -> Code {
    Code { bits, value }
}

/// The code that comes next.
pub(super) fn code(bits: &Bits<'_>, table: &[Code]) -> Option<Code> {
    let next = bits.peek();
    table.iter().copied().find(|code| starts(next, code.bits))
}

/// Whether these bits, the highest first, begin with a code.
fn starts(next: u32, code: &str) -> bool {
    let mut place = 31;
    code.bytes().all(|bit| {
        let same = (next >> place & 1 == 1) == (bit == b'1');
        place -= 1;
        same
    })
}

/// Of [`KINDS`]: no macroblock.
pub(super) const STUFFING: u8 = 8;

/// `mcbpc` of intra pictures (table B.6): `cbpc`, and 4 where the quantiser changes.
pub(super) const KINDS: &[Code] = &[
    to("1", 0),
    to("001", 1),
    to("010", 2),
    to("011", 3),
    to("0001", 4),
    to("000001", 5),
    to("000010", 6),
    to("000011", 7),
    to("000000001", STUFFING),
];

/// `cbpy` of intra macroblocks (table B.8), the first block highest.
pub(super) const LUMA_PATTERNS: &[Code] = &[
    to("11", 15),
    to("0011", 0),
    to("1001", 3),
    to("0111", 5),
    to("1011", 7),
    to("0101", 10),
    to("1010", 11),
    to("0100", 12),
    to("1000", 13),
    to("0110", 14),
    to("00101", 1),
    to("00100", 2),
    to("00011", 4),
    to("00010", 8),
    to("000010", 6),
    to("000011", 9),
];

/// `dct_dc_size_luminance` (table B.13).
pub(super) const LUMA_DC: &[Code] = &[
    to("11", 1),
    to("10", 2),
    to("011", 0),
    to("010", 3),
    to("001", 4),
    to("0001", 5),
    to("00001", 6),
    to("000001", 7),
    to("0000001", 8),
    to("00000001", 9),
    to("000000001", 10),
    to("0000000001", 11),
    to("00000000001", 12),
];

/// `dct_dc_size_chrominance` (table B.14).
pub(super) const CHROMA_DC: &[Code] = &[
    to("11", 0),
    to("10", 1),
    to("01", 2),
    to("001", 3),
    to("0001", 4),
    to("00001", 5),
    to("000001", 6),
    to("0000001", 7),
    to("00000001", 8),
    to("000000001", 9),
    to("0000000001", 10),
    to("00000000001", 11),
    to("000000000001", 12),
];

/// Zeros in front of a coefficient, and whether it is the last of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) is_last: bool,
    pub(super) run: u32,
}

/// Codes of as many zeros in front, of levels from 1 on: value and length.
type Levels = &'static [(u16, u8)];

/// Coefficients of intra blocks (table B.16) that others follow, by the zeros in front of them; a sign follows each.
const INNER: [Levels; 15] = [
    &[
        (0x02, 2),
        (0x06, 3),
        (0x0F, 4),
        (0x0D, 5),
        (0x0C, 5),
        (0x15, 6),
        (0x13, 6),
        (0x12, 6),
        (0x17, 7),
        (0x1F, 8),
        (0x1E, 8),
        (0x1D, 8),
        (0x25, 9),
        (0x24, 9),
        (0x23, 9),
        (0x21, 9),
        (0x21, 10),
        (0x20, 10),
        (0x0F, 10),
        (0x0E, 10),
        (0x07, 11),
        (0x06, 11),
        (0x20, 11),
        (0x21, 11),
        (0x50, 12),
        (0x51, 12),
        (0x52, 12),
    ],
    &[
        (0x0E, 4),
        (0x14, 6),
        (0x16, 7),
        (0x1C, 8),
        (0x20, 9),
        (0x1F, 9),
        (0x0D, 10),
        (0x22, 11),
        (0x53, 12),
        (0x55, 12),
    ],
    &[(0x0B, 5), (0x15, 7), (0x1E, 9), (0x0C, 10), (0x56, 12)],
    &[(0x11, 6), (0x1B, 8), (0x1D, 9), (0x0B, 10)],
    &[(0x10, 6), (0x22, 9), (0x0A, 10)],
    &[(0x0D, 6), (0x1C, 9), (0x08, 10)],
    &[(0x12, 7), (0x1B, 9), (0x54, 12)],
    &[(0x14, 7), (0x1A, 9), (0x57, 12)],
    &[(0x19, 8), (0x09, 10)],
    &[(0x18, 8), (0x23, 11)],
    &[(0x17, 8)],
    &[(0x19, 9)],
    &[(0x18, 9)],
    &[(0x07, 10)],
    &[(0x58, 12)],
];

/// The same of the last ones.
const LAST: [Levels; 21] = [
    &[
        (0x07, 4),
        (0x0C, 6),
        (0x16, 8),
        (0x17, 9),
        (0x06, 10),
        (0x05, 11),
        (0x04, 11),
        (0x59, 12),
    ],
    &[(0x0F, 6), (0x16, 9), (0x05, 10)],
    &[(0x0E, 6), (0x04, 10)],
    &[(0x11, 7), (0x24, 11)],
    &[(0x10, 7), (0x25, 11)],
    &[(0x13, 7), (0x5A, 12)],
    &[(0x15, 8), (0x5B, 12)],
    &[(0x14, 8)],
    &[(0x13, 8)],
    &[(0x1A, 8)],
    &[(0x15, 9)],
    &[(0x14, 9)],
    &[(0x13, 9)],
    &[(0x12, 9)],
    &[(0x11, 9)],
    &[(0x26, 11)],
    &[(0x27, 11)],
    &[(0x5C, 12)],
    &[(0x5D, 12)],
    &[(0x5E, 12)],
    &[(0x5F, 12)],
];

/// `ESCAPE` of the same table.
const ESCAPE: (u16, u8) = (0b000_0011, 7);

/// The longest code.
const LONGEST: u8 = 12;

/// Finds a code in both tables: zeros in front of the coefficient, its level, whether it is the last.
fn coefficient(bits: &mut Bits<'_>) -> Option<(u32, usize, bool)> {
    let next = bits.next(u32::from(LONGEST));
    let is = |(value, len): &(u16, u8)| next >> (LONGEST - len) == u32::from(*value);
    let within = |table: &[Levels]| {
        let mut rows = table.iter().enumerate();
        rows.find_map(|(run, levels)| {
            let at = levels.iter().position(is)?;
            let (_, len) = levels.get(at)?;
            Some((u32::try_from(run).ok()?, at + 1, *len))
        })
    };
    let (run, level, len, is_last) = match within(&INNER) {
        Some((run, level, len)) => (run, level, len, false),
        None => within(&LAST).map(|(run, level, len)| (run, level, len, true))?,
    };
    // The sign.
    bits.skip(usize::from(len) + 1)?;
    Some((run, level, is_last))
}

/// Reads one coefficient, escaped or not (7.4.1.3).
pub(super) fn event(bits: &mut Bits<'_>) -> Option<Event> {
    let (escape, len) = ESCAPE;
    if bits.next(u32::from(len)) != u32::from(escape) {
        let (run, _, is_last) = coefficient(bits)?;
        return Some(Event { is_last, run });
    }
    bits.skip(usize::from(len))?;
    // The level is beyond those of the table.
    if !bits.flag()? {
        let (run, _, is_last) = coefficient(bits)?;
        return Some(Event { is_last, run });
    }
    // The run is.
    if !bits.flag()? {
        let (run, level, is_last) = coefficient(bits)?;
        let table: &[Levels] = if is_last { &LAST } else { &INNER };
        let longest = table.iter().rposition(|levels| levels.len() >= level)?;
        let run = run + u32::try_from(longest).ok()? + 1;
        return Some(Event { is_last, run });
    }
    let is_last = bits.flag()?;
    let run = bits.read(6)?;
    bits.marker()?;
    let level = bits.read(12)?;
    bits.marker()?;
    (level != 0 && level != 0x800).then_some(Event { is_last, run })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All codes of the coefficients: value and length.
    fn coefficients() -> Vec<(u16, u8)> {
        let all = INNER.iter().chain(&LAST).flat_map(|levels| levels.iter());
        all.copied().chain([ESCAPE]).collect()
    }

    #[test]
    fn no_code_begins_with_another() {
        let all = coefficients();
        assert_eq!(all.len(), 103);
        let begins = |a: (u16, u8), b: (u16, u8)| a.1 >= b.1 && a.0 >> (a.1 - b.1) == b.0;
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert!(i == j || !begins(*a, *b), "{a:?} {b:?}");
            }
        }
        for table in [KINDS, LUMA_PATTERNS, LUMA_DC, CHROMA_DC] {
            for (i, a) in table.iter().enumerate() {
                let others = table.iter().enumerate().filter(|(j, _)| i != *j);
                for (_, b) in others {
                    assert!(!a.bits.starts_with(b.bits), "{a:?} {b:?}");
                }
            }
        }
    }

    /// What is left over: the codes of the coefficients leave out those that begin with seven zeros or more, but for one.
    #[test]
    fn codes_leave_no_room_for_others() {
        let room: u32 = coefficients().iter().map(|(_, len)| 1 << (12 - len)).sum();
        let left = (1 << 12) - room;
        let zeros = |next: &u32| {
            let is = |(value, len): &(u16, u8)| next >> (12 - len) == u32::from(*value);
            !coefficients().iter().any(is)
        };
        let unused: Vec<u32> = (0..1 << 12).filter(zeros).collect();
        assert_eq!(u32::try_from(unused.len()), Ok(left));
        assert!(
            unused.iter().all(|next| *next < 0b0000_0100_0000),
            "{unused:?}"
        );
        let patterns: u32 = LUMA_PATTERNS.iter().map(|c| 1 << (6 - c.len())).sum();
        assert!(patterns <= 64);
    }
}
