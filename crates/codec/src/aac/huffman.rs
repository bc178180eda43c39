//! Codewords by table look-up: how long each is with what follows it, which is all that finding the end of a frame takes.

use super::tables::{SCALE_FACTORS, SPECTRAL, Table};
use crate::reservoir::Reader;
use std::sync::LazyLock;

/// All codebooks, made ready once.
pub(super) static CODEBOOKS: LazyLock<Codebooks> = LazyLock::new(|| Codebooks {
    scale_factors: Codebook::new(&SCALE_FACTORS, |index| Meaning {
        value: index,
        signs: 0,
        escapes: 0,
    }),
    spectral: SPECTRAL
        .iter()
        .zip(1..)
        .map(|(table, number)| Codebook::new(table, |index| spectral_meaning(number, index)))
        .collect(),
});

/// The codebooks of AAC.
#[derive(Debug)]
pub(super) struct Codebooks {
    /// The value is the difference plus 60.
    pub(super) scale_factors: Codebook,
    /// Codebooks 1 to 11.
    spectral: Vec<Codebook>,
}

impl Codebooks {
    /// Spectral codebook 1 to 11.
    pub(super) fn spectral(&self, number: u8) -> Option<&Codebook> {
        self.spectral.get(usize::from(number).checked_sub(1)?)
    }
}

/// What a codeword stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meaning {
    value: u16,
    /// Sign bits that follow.
    signs: u8,
    /// Escape sequences that follow the signs.
    escapes: u8,
}

/// Codebooks 1, 2, 5 and 6 hold signed values, the others a sign bit for each line that is not 0 (4.6.3.3, table 4.151).
fn spectral_meaning(number: u8, index: u16) -> Meaning {
    let digits = |base: u16, count: u32| (0..count).map(move |n| index / base.pow(n) % base);
    let (signs, escapes) = match number {
        3 | 4 => (digits(3, 4).filter(|&d| d != 0).count(), 0),
        7 | 8 => (digits(8, 2).filter(|&d| d != 0).count(), 0),
        9 | 10 => (digits(13, 2).filter(|&d| d != 0).count(), 0),
        11 => (
            digits(17, 2).filter(|&d| d != 0).count(),
            digits(17, 2).filter(|&d| d == 16).count(),
        ),
        _ => (0, 0),
    };
    let small = |n: usize| u8::try_from(n).unwrap_or_default();
    Meaning {
        value: index,
        signs: small(signs),
        escapes: small(escapes),
    }
}

/// Codewords up to this length are found at once.
const ROOT_BITS: u32 = 9;

/// Codewords are passed over as many at a time as fit into this.
const RUN_BITS: u32 = 12;

/// The longest codeword.
const MAX_BITS: u32 = 19;

/// One codebook, ready for use.
#[derive(Debug)]
pub(super) struct Codebook {
    /// By the next [`ROOT_BITS`] bits; a length of 0 stands for a longer codeword.
    root: Vec<Entry>,
    /// For each length above: the end of its codewords as [`MAX_BITS`] bits, and what to add to the codeword for its place in `sorted`.
    longer: Vec<Longer>,
    sorted: Vec<Entry>,
    /// By the next [`RUN_BITS`] bits: the codewords without escapes that lie whole in them.
    runs: Box<[Run; 1 << RUN_BITS]>,
}

/// Codewords that follow each other, with their signs.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    words: u8,
    bits: u8,
}

#[derive(Debug, Clone, Copy, Default)]
struct Longer {
    bits: u32,
    end: u32,
    /// Codeword minus place.
    base: u32,
}

/// A codeword with what follows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// Bits of the codeword and its sign bits.
    pub(super) bits: u8,
    /// Escape sequences behind them.
    pub(super) escapes: u8,
    /// The index in the standard's table.
    pub(super) value: u16,
}

impl Codebook {
    fn new(table: &Table, meaning: impl Fn(u16) -> Meaning) -> Self {
        let mut book = Self {
            root: vec![Entry::default(); 1 << ROOT_BITS],
            longer: Vec::new(),
            sorted: Vec::with_capacity(table.symbols.len()),
            runs: Box::new([Run::default(); 1 << RUN_BITS]),
        };
        let mut symbols = table.symbols.iter();
        let mut code = 0u32;
        for (bits, &count) in (1u32..).zip(table.counts) {
            code <<= 1;
            let base = code.wrapping_sub(u32::try_from(book.sorted.len()).unwrap_or_default());
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let Meaning {
                    value,
                    signs,
                    escapes,
                } = meaning(symbol);
                let entry = Entry {
                    bits: u8::try_from(bits).unwrap_or_default() + signs,
                    escapes,
                    value,
                };
                book.sorted.push(entry);
                if bits <= ROOT_BITS {
                    let spare = ROOT_BITS - bits;
                    let from = (code << spare) as usize;
                    let slots = book.root.get_mut(from..from + (1 << spare));
                    slots.unwrap_or_default().fill(entry);
                }
                code += 1;
            }
            if bits > ROOT_BITS {
                let end = code << (MAX_BITS - bits);
                book.longer.push(Longer { bits, end, base });
            }
        }
        book.runs = Box::new(std::array::from_fn(|ahead| {
            book.run(u32::try_from(ahead).unwrap_or_default())
        }));
        book
    }

    /// The codewords that lie whole in these [`RUN_BITS`] bits.
    fn run(&self, ahead: u32) -> Run {
        let mut run = Run::default();
        loop {
            let rest = ahead << (32 - RUN_BITS) << run.bits;
            let root = self.root.get((rest >> (32 - ROOT_BITS)) as usize);
            let entry = root.copied().unwrap_or_default();
            let bits = run.bits + entry.bits;
            if entry.bits == 0 || entry.escapes > 0 || u32::from(bits) > RUN_BITS {
                return run;
            }
            run.bits = bits;
            run.words += 1;
        }
    }

    /// Passes over codewords without escapes, several at a look, and says how many of `left` are left: all are passed, or it
    /// takes [`next`](Self::next) to read the one that stands next.
    #[inline]
    pub(super) fn pass(&self, reader: &mut Reader<'_>, mut left: u32) -> u32 {
        while left > 0 {
            let mut ahead = reader.ahead();
            let mut used = 0;
            while used <= Reader::AHEAD - RUN_BITS {
                let Some(run) = self.runs.get((ahead >> (64 - RUN_BITS)) as usize) else {
                    return left;
                };
                let words = u32::from(run.words);
                if words == 0 || words > left {
                    reader.skip(used);
                    return left;
                }
                ahead <<= run.bits;
                used += u32::from(run.bits);
                left -= words;
            }
            reader.skip(used);
        }
        left
    }

    /// The codeword that stands next. Codebooks are complete, so there always is one; behind the end of the data zeros are read.
    #[inline]
    pub(super) fn next(&self, reader: &mut Reader<'_>) -> Entry {
        let ahead = reader.peek(MAX_BITS);
        let root = (ahead >> (MAX_BITS - ROOT_BITS)) as usize;
        let mut entry = self.root.get(root).copied().unwrap_or_default();
        if entry.bits == 0 {
            for longer in &self.longer {
                if ahead < longer.end {
                    let place = (ahead >> (MAX_BITS - longer.bits)).wrapping_sub(longer.base);
                    entry = self.sorted.get(place as usize).copied().unwrap_or_default();
                    break;
                }
            }
        }
        reader.skip(u32::from(entry.bits));
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads all codewords of a book one behind the other, and says how many bits they took.
    #[test]
    fn each_codeword_is_found_with_its_length() {
        for (table, number) in SPECTRAL.iter().zip(1..) {
            let book = CODEBOOKS.spectral(number).unwrap();
            let mut symbols = table.symbols.iter();
            let mut code = 0u32;
            for (bits, &count) in (1u32..).zip(table.counts) {
                code <<= 1;
                for &symbol in symbols.by_ref().take(usize::from(count)) {
                    let bytes = (code << (32 - bits)).to_be_bytes();
                    let mut reader = Reader::new(&bytes);
                    let entry = book.next(&mut reader);
                    let meaning = spectral_meaning(number, symbol);
                    assert_eq!(entry.value, symbol, "codebook {number}");
                    assert_eq!(u32::from(entry.bits - meaning.signs), bits);
                    assert_eq!(reader.position(), usize::from(entry.bits));
                    code += 1;
                }
            }
        }
    }

    #[test]
    fn passing_over_codewords_ends_where_reading_them_does() {
        let mut bytes = [0; 64];
        for seed in 0..200_u32 {
            let mut state = seed.wrapping_mul(2_654_435_761) | 1;
            for byte in &mut bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = state.to_be_bytes()[0];
            }
            let book = CODEBOOKS
                .spectral(u8::try_from(seed % 11 + 1).unwrap())
                .unwrap();
            let (mut passing, mut reading) = (Reader::new(&bytes), Reader::new(&bytes));
            for most in [1, 2, 3, 20, 100] {
                let words = most - book.pass(&mut passing, most);
                for _ in 0..words {
                    assert_eq!(book.next(&mut reading).escapes, 0);
                }
                assert_eq!(passing.position(), reading.position());
                // What it stops at is read one by one.
                if words < most {
                    assert_eq!(book.next(&mut passing).bits, book.next(&mut reading).bits);
                }
            }
        }
    }

    #[test]
    fn signs_and_escapes() {
        let of = |number, index| {
            let meaning = spectral_meaning(number, index);
            (meaning.signs, meaning.escapes)
        };
        assert_eq!(of(1, 80), (0, 0));
        assert_eq!(of(3, 27 + 2), (2, 0));
        assert_eq!(of(8, 7), (1, 0));
        assert_eq!(of(11, 16 * 17 + 16), (2, 2));
        assert_eq!(of(11, 16), (1, 1));
    }
}
