//! The code tables of CAVLC (9.2), as the standard prints them, and their lookup.

use super::bits::Bits;
use super::{Read, Violation};

/// Zeros that a code word begins with, at most.
const MOST_ZEROS: usize = 16;

/// A table of code words: all have at most three bits behind their first one.
pub(super) struct Vlc {
    /// Value and length by leading zeros and the three bits behind the first one. Length 0: no code word.
    entries: [(u8, u8); 8 * (MOST_ZEROS + 1)],
}

impl Vlc {
    const fn empty() -> Self {
        Self {
            entries: [(0, 0); 8 * (MOST_ZEROS + 1)],
        }
    }

    /// Puts a code word into the table.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "evaluated by the compiler, which shows what is wrong with a table"
    )]
    const fn put(&mut self, word: &str, value: u8) {
        let word = word.as_bytes();
        let mut zeros = 0;
        while zeros < word.len() && word[zeros] == b'0' {
            zeros += 1;
        }
        let (first, count) = if zeros == word.len() {
            // Zeros only: whatever follows.
            (8 * zeros, 8 * (MOST_ZEROS + 1 - zeros))
        } else {
            let (mut at, mut suffix, mut count) = (zeros + 1, 0, 8);
            while at < word.len() {
                count /= 2;
                suffix = 2 * suffix + (word[at] - b'0') as usize;
                at += 1;
            }
            (8 * zeros + suffix * count, count)
        };
        assert!(
            count > 0,
            "a code word has too many bits behind its first one"
        );
        let mut at = first;
        while at < first + count {
            assert!(
                self.entries[at].1 == 0,
                "a code word is the start of another"
            );
            self.entries[at] = (value, word.len() as u8);
            at += 1;
        }
    }

    /// Code words for the values 0, 1, 2 and so on.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "evaluated by the compiler"
    )]
    const fn values(words: &[&str]) -> Self {
        let mut table = Self::empty();
        let mut value = 0;
        while value < words.len() {
            table.put(words[value], value as u8);
            value += 1;
        }
        table
    }

    /// Code words for `coeff_token`, the values 4 * `TotalCoeff` + `TrailingOnes`.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "evaluated by the compiler"
    )]
    const fn tokens(rows: [&[&str]; 4]) -> Self {
        let mut table = Self::empty();
        let mut ones = 0;
        while ones < rows.len() {
            let mut at = 0;
            while at < rows[ones].len() {
                table.put(rows[ones][at], (4 * (ones + at) + ones) as u8);
                at += 1;
            }
            ones += 1;
        }
        table
    }

    #[inline]
    pub(super) fn read(&self, bits: &mut Bits<'_>) -> Read<u8> {
        let next = bits.peek();
        let zeros = next.leading_zeros().min(16);
        let suffix = next << 1 << zeros >> 29;
        let entry = self.entries.get((8 * zeros + suffix) as usize);
        match entry {
            Some(&(value, length)) if length > 0 => {
                bits.skip(usize::from(length));
                Ok(value)
            }
            _ => Err(Violation("code word")),
        }
    }
}

/// Which table `coeff_token` is read with: `nC` (9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// This many coefficients.
    Coefficients(u8),
    /// Chroma DC coefficients, 4 or 8 of them.
    ChromaDc(u8),
}

/// `TotalCoeff` and `TrailingOnes` of `coeff_token`.
#[inline]
pub(super) fn coeff_token(bits: &mut Bits<'_>, expected: Expected) -> Read<(u8, u8)> {
    let table = match expected {
        Expected::Coefficients(0 | 1) => &TOKEN_0,
        Expected::Coefficients(2 | 3) => &TOKEN_2,
        Expected::Coefficients(4..=7) => &TOKEN_4,
        Expected::Coefficients(_) => {
            let token = u8::try_from(bits.read(6)).unwrap_or_default();
            return match (token / 4 + 1, token % 4) {
                (1, 3) => Ok((0, 0)),
                (total, ones) if ones <= total => Ok((total, ones)),
                _ => Err(Violation("coeff_token")),
            };
        }
        Expected::ChromaDc(4) => &TOKEN_CHROMA_DC_420,
        Expected::ChromaDc(_) => &TOKEN_CHROMA_DC_422,
    };
    let token = table.read(bits)?;
    Ok((token / 4, token % 4))
}

/// `total_zeros` for `total` coefficients of at most `most`, of which there are fewer.
#[inline]
pub(super) fn total_zeros(bits: &mut Bits<'_>, total: u8, most: u8) -> Read<u8> {
    let tables: &[Vlc] = match most {
        4 => &ZEROS_CHROMA_DC_420,
        8 => &ZEROS_CHROMA_DC_422,
        _ => &ZEROS_4X4,
    };
    let table = usize::from(total)
        .checked_sub(1)
        .and_then(|row| tables.get(row));
    table.ok_or(Violation("total_zeros"))?.read(bits)
}

/// `run_before`, where `left` zeros are left.
#[inline]
pub(super) fn run_before(bits: &mut Bits<'_>, left: u8) -> Read<u8> {
    let row = usize::from(left.min(7)).checked_sub(1);
    let table = row.and_then(|row| RUN_BEFORE.get(row));
    table.ok_or(Violation("run_before"))?.read(bits)
}

/// `coeff_token` for 0 <= nC < 2 (table 9-5): a row for each `TrailingOnes`, `TotalCoeff` from there on.
#[rustfmt::skip]
static TOKEN_0: Vlc = Vlc::tokens([
    &[
        "1", "000101", "00000111", "000000111", "0000000111", "00000000111", "0000000001111",
        "0000000001011", "0000000001000", "00000000001111", "00000000001011", "000000000001111",
        "000000000001011", "0000000000001111", "0000000000001011", "0000000000000111",
        "0000000000000100",
    ],
    &[
        "01", "000100", "00000110", "000000110", "0000000110", "00000000110", "0000000001110",
        "0000000001010", "00000000001110", "00000000001010", "000000000001110", "000000000001010",
        "000000000000001", "0000000000001110", "0000000000001010", "0000000000000110",
    ],
    &[
        "001", "0000101", "00000101", "000000101", "0000000101", "00000000101", "0000000001101",
        "0000000001001", "00000000001101", "00000000001001", "000000000001101", "000000000001001",
        "0000000000001101", "0000000000001001", "0000000000000101",
    ],
    &[
        "00011", "000011", "0000100", "00000100", "000000100", "0000000100", "00000000100",
        "0000000001100", "00000000001100", "00000000001000", "000000000001100", "000000000001000",
        "0000000000001100", "0000000000001000",
    ],
]);

/// `coeff_token` for 2 <= nC < 4 (table 9-5): a row for each `TrailingOnes`, `TotalCoeff` from there on.
#[rustfmt::skip]
static TOKEN_2: Vlc = Vlc::tokens([
    &[
        "11", "001011", "000111", "0000111", "00000111", "00000100", "000000111", "00000001111",
        "00000001011", "000000001111", "000000001011", "000000001000", "0000000001111",
        "0000000001011", "0000000000111", "00000000001001", "00000000000111",
    ],
    &[
        "10", "00111", "001010", "000110", "0000110", "00000110", "000000110", "00000001110",
        "00000001010", "000000001110", "000000001010", "0000000001110", "0000000001010",
        "00000000001011", "00000000001000", "00000000000110",
    ],
    &[
        "011", "001001", "000101", "0000101", "00000101", "000000101", "00000001101",
        "00000001001", "000000001101", "000000001001", "0000000001101", "0000000001001",
        "0000000000110", "00000000001010", "00000000000101",
    ],
    &[
        "0101", "0100", "00110", "001000", "000100", "0000100", "000000100", "00000001100",
        "00000001000", "000000001100", "0000000001100", "0000000001000", "0000000000001",
        "00000000000100",
    ],
]);

/// `coeff_token` for 4 <= nC < 8 (table 9-5): a row for each `TrailingOnes`, `TotalCoeff` from there on.
#[rustfmt::skip]
static TOKEN_4: Vlc = Vlc::tokens([
    &[
        "1111", "001111", "001011", "001000", "0001111", "0001011", "0001001", "0001000",
        "00001111", "00001011", "000001111", "000001011", "000001000", "0000001101", "0000001001",
        "0000000101", "0000000001",
    ],
    &[
        "1110", "01111", "01100", "01010", "01000", "001110", "001010", "0001110", "00001110",
        "00001010", "000001110", "000001010", "000000111", "0000001100", "0000001000",
        "0000000100",
    ],
    &[
        "1101", "01110", "01011", "01001", "001101", "001001", "0001101", "0001010", "00001101",
        "00001001", "000001101", "000001001", "0000001011", "0000000111", "0000000011",
    ],
    &[
        "1100", "1011", "1010", "1001", "1000", "01101", "001100", "0001100", "00001100",
        "00001000", "000001100", "0000001010", "0000000110", "0000000010",
    ],
]);

/// For nC = -1.
#[rustfmt::skip]
static TOKEN_CHROMA_DC_420: Vlc = Vlc::tokens([
    &[
        "01", "000111", "000100", "000011", "000010",
    ],
    &[
        "1", "000110", "0000011", "00000011",
    ],
    &[
        "001", "0000010", "00000010",
    ],
    &[
        "000101", "0000000",
    ],
]);

/// For nC = -2.
#[rustfmt::skip]
static TOKEN_CHROMA_DC_422: Vlc = Vlc::tokens([
    &[
        "1", "0001111", "0001110", "000000111", "000000110", "0000000111", "00000000111",
        "000000000111", "0000000000111",
    ],
    &[
        "01", "0001101", "0001100", "000000101", "0000000110", "00000000110", "000000000110",
        "000000000101",
    ],
    &[
        "001", "0001011", "0001010", "000000100", "0000000101", "00000000101", "000000000100",
    ],
    &[
        "00001", "000001", "0001001", "0001000", "0000000100", "00000000100",
    ],
]);

/// `total_zeros` by `TotalCoeff` from 1 on (tables 9-7, 9-8).
#[rustfmt::skip]
static ZEROS_4X4: [Vlc; 15] = [
    Vlc::values(&[
        "1", "011", "010", "0011", "0010", "00011", "00010", "000011", "000010", "0000011",
        "0000010", "00000011", "00000010", "000000011", "000000010", "000000001",
    ]),
    Vlc::values(&[
        "111", "110", "101", "100", "011", "0101", "0100", "0011", "0010", "00011", "00010",
        "000011", "000010", "000001", "000000",
    ]),
    Vlc::values(&[
        "0101", "111", "110", "101", "0100", "0011", "100", "011", "0010", "00011", "00010",
        "000001", "00001", "000000",
    ]),
    Vlc::values(&[
        "00011", "111", "0101", "0100", "110", "101", "100", "0011", "011", "0010", "00010",
        "00001", "00000",
    ]),
    Vlc::values(&[
        "0101", "0100", "0011", "111", "110", "101", "100", "011", "0010", "00001", "0001",
        "00000",
    ]),
    Vlc::values(&[
        "000001", "00001", "111", "110", "101", "100", "011", "010", "0001", "001", "000000",
    ]),
    Vlc::values(&[
        "000001", "00001", "101", "100", "011", "11", "010", "0001", "001", "000000",
    ]),
    Vlc::values(&[
        "000001", "0001", "00001", "011", "11", "10", "010", "001", "000000",
    ]),
    Vlc::values(&[
        "000001", "000000", "0001", "11", "10", "001", "01", "00001",
    ]),
    Vlc::values(&[
        "00001", "00000", "001", "11", "10", "01", "0001",
    ]),
    Vlc::values(&[
        "0000", "0001", "001", "010", "1", "011",
    ]),
    Vlc::values(&[
        "0000", "0001", "01", "1", "001",
    ]),
    Vlc::values(&[
        "000", "001", "1", "01",
    ]),
    Vlc::values(&[
        "00", "01", "1",
    ]),
    Vlc::values(&[
        "0", "1",
    ]),
];

/// The same for chroma DC coefficients of 4:2:0 (table 9-9 a).
#[rustfmt::skip]
static ZEROS_CHROMA_DC_420: [Vlc; 3] = [
    Vlc::values(&[
        "1", "01", "001", "000",
    ]),
    Vlc::values(&[
        "1", "01", "00",
    ]),
    Vlc::values(&[
        "1", "0",
    ]),
];

/// And of 4:2:2 (table 9-9 b).
#[rustfmt::skip]
static ZEROS_CHROMA_DC_422: [Vlc; 7] = [
    Vlc::values(&[
        "1", "010", "011", "0010", "0011", "0001", "00001", "00000",
    ]),
    Vlc::values(&[
        "000", "01", "001", "100", "101", "110", "111",
    ]),
    Vlc::values(&[
        "000", "001", "01", "10", "110", "111",
    ]),
    Vlc::values(&[
        "110", "00", "01", "10", "111",
    ]),
    Vlc::values(&[
        "00", "01", "10", "11",
    ]),
    Vlc::values(&[
        "00", "01", "1",
    ]),
    Vlc::values(&[
        "0", "1",
    ]),
];

/// `run_before` by `zerosLeft` 1 to 6 and above (table 9-10).
#[rustfmt::skip]
static RUN_BEFORE: [Vlc; 7] = [
    Vlc::values(&[
        "1", "0",
    ]),
    Vlc::values(&[
        "1", "01", "00",
    ]),
    Vlc::values(&[
        "11", "10", "01", "00",
    ]),
    Vlc::values(&[
        "11", "10", "01", "001", "000",
    ]),
    Vlc::values(&[
        "11", "10", "011", "010", "001", "000",
    ]),
    Vlc::values(&[
        "11", "000", "001", "011", "010", "101", "100",
    ]),
    Vlc::values(&[
        "111", "110", "101", "100", "011", "010", "001", "0001", "00001", "000001", "0000001",
        "00000001", "000000001", "0000000001", "00000000001",
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Of how many of all 16-bit strings a code word is the start.
    fn covered(table: &Vlc) -> usize {
        let read = |word: &u16| {
            let [high, low] = word.to_be_bytes();
            table
                .read(&mut Bits::new(&[high, low, 1], 0).unwrap())
                .is_ok()
        };
        (0..=u16::MAX).filter(read).count()
    }

    /// Kraft sums; that no word is the start of another is checked by the compiler.
    #[test]
    fn tables_are_complete() {
        // All but the strings of zeros that no word was given.
        let tokens = [
            &TOKEN_0,
            &TOKEN_2,
            &TOKEN_4,
            &TOKEN_CHROMA_DC_420,
            &TOKEN_CHROMA_DC_422,
        ];
        assert_eq!(
            tokens.map(covered),
            [65_534, 65_528, 65_472, 65_536, 65_480]
        );
        let zeros = ZEROS_4X4
            .iter()
            .chain(&ZEROS_CHROMA_DC_420)
            .chain(&ZEROS_CHROMA_DC_422);
        let missing = zeros
            .chain(&RUN_BEFORE)
            .map(|table| 65_536 - covered(table));
        let missing: Vec<_> = missing
            .enumerate()
            .filter(|(_, missing)| *missing > 0)
            .collect();
        // The first table of total_zeros and the last of run_before.
        assert_eq!(missing, [(0, 128), (31, 32)]);
    }

    #[test]
    fn words_and_values() {
        let bits = |bytes: &'static [u8]| Bits::new(bytes, 0).unwrap();
        // Table 9-5, a few of each column.
        let token = |bytes, expected| coeff_token(&mut bits(bytes), expected).ok();
        assert_eq!(
            token(&[0b0000_0000, 0b0000_0010], Expected::Coefficients(0)),
            Some((13, 1))
        );
        assert_eq!(
            token(&[0b0000_0000, 0b0001_0000], Expected::Coefficients(3)),
            Some((16, 3))
        );
        assert_eq!(
            token(&[0b1111_0001], Expected::Coefficients(4)),
            Some((0, 0))
        );
        assert_eq!(
            token(&[0b0000_1101], Expected::Coefficients(8)),
            Some((0, 0))
        );
        assert_eq!(
            token(&[0b1111_1101], Expected::Coefficients(16)),
            Some((16, 3))
        );
        assert_eq!(token(&[0b0000_1001], Expected::Coefficients(16)), None);
        assert_eq!(token(&[0b0000_0001], Expected::ChromaDc(4)), Some((4, 3)));
        assert_eq!(token(&[0b0001_1111], Expected::ChromaDc(8)), Some((1, 0)));
        assert_eq!(total_zeros(&mut bits(&[0b0000_0001]), 15, 16), Ok(0));
        assert_eq!(run_before(&mut bits(&[0b0001_0001]), 9), Ok(7));
        assert!(total_zeros(&mut bits(&[1]), 16, 16).is_err());
        assert!(run_before(&mut bits(&[1]), 0).is_err());
    }
}
