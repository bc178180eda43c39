//! Transform coefficients (7.3.8.11, 9.3.3.11, 9.3.4.2.4 to 9.3.4.2.7).

use super::Stop;
use super::contexts::{
    CODED_SUB_BLOCK, GREATER1, GREATER2, LAST_X, LAST_Y, SIG_COEFF, TRANSFORM_SKIP,
};
use super::intra::Scan;
use super::reader::Reader;

/// Luma and chroma have their own contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    Luma,
    Chroma,
}

/// A transform block with coefficients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// 2 to 5.
    pub(super) log2_size: u32,
    pub(super) component: Component,
    /// Diagonal, unless the block is of 8x8 or less.
    pub(super) scan: Scan,
    pub(super) lossless: bool,
}

/// The greatest magnitude of a coefficient, that of -32768: `CoeffMinY`.
const MAX_LEVEL: u32 = 1 << 15;

/// The longest prefix of `coeff_abs_level_remaining`: behind it stand levels beyond [`MAX_LEVEL`].
const MAX_PREFIX: u32 = 18;

/// A scan (6.5.3 to 6.5.5) of up to 8x8 places, each `y << 3 | x`, and where in it a place comes.
struct Order {
    places: [u8; 64],
    ranks: [u8; 64],
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "for constants: whatever is wrong does not compile"
)]
impl Order {
    const fn diagonal(size: usize) -> Self {
        let mut order = Self::empty();
        let (mut rank, mut x, mut y) = (0, 0, 0);
        while rank < size * size {
            if x < size && y < size {
                order.put(rank, x, y);
                rank += 1;
            }
            if y == 0 {
                y = x + 1;
                x = 0;
            } else {
                y -= 1;
                x += 1;
            }
        }
        order
    }

    const fn lines(size: usize, vertical: bool) -> Self {
        let mut order = Self::empty();
        let mut rank = 0;
        while rank < size * size {
            let (major, minor) = (rank / size, rank % size);
            if vertical {
                order.put(rank, major, minor);
            } else {
                order.put(rank, minor, major);
            }
            rank += 1;
        }
        order
    }

    const fn empty() -> Self {
        Self {
            places: [0; 64],
            ranks: [0; 64],
        }
    }

    const fn put(&mut self, rank: usize, x: usize, y: usize) {
        self.places[rank] = (y << 3 | x) as u8;
        self.ranks[y << 3 | x] = rank as u8;
    }
}

impl Order {
    /// Column and row of a place in this order.
    #[inline]
    fn place(&self, rank: u32) -> (u32, u32) {
        let place = self.places.get(rank as usize).copied().unwrap_or_default();
        (u32::from(place & 7), u32::from(place >> 3))
    }

    #[inline]
    fn rank(&self, x: u32, y: u32) -> u32 {
        let place = (y << 3 | x) as usize;
        self.ranks.get(place).copied().unwrap_or_default().into()
    }

    /// The order of a square of `1 << log2_size` places.
    const fn of(scan: Scan, log2_size: u32) -> &'static Self {
        static SINGLE: Order = Order::diagonal(1);
        static DIAGONAL: [Order; 3] = [Order::diagonal(2), Order::diagonal(4), Order::diagonal(8)];
        static HORIZONTAL: [Order; 2] = [Order::lines(2, false), Order::lines(4, false)];
        static VERTICAL: [Order; 2] = [Order::lines(2, true), Order::lines(4, true)];
        match (scan, log2_size) {
            (_, 0) => &SINGLE,
            (Scan::Diagonal, 1) => &DIAGONAL[0],
            (Scan::Diagonal, 2) => &DIAGONAL[1],
            (Scan::Diagonal, _) => &DIAGONAL[2],
            (Scan::Horizontal, 1) => &HORIZONTAL[0],
            (Scan::Horizontal, _) => &HORIZONTAL[1],
            (Scan::Vertical, 1) => &VERTICAL[0],
            (Scan::Vertical, _) => &VERTICAL[1],
        }
    }
}

/// `ctxIdxMap` (9-50) of 4x4 blocks, by `y << 2 | x`.
const SIG_4X4: [u8; 16] = [0, 1, 4, 5, 2, 3, 4, 5, 6, 6, 8, 8, 7, 7, 8, 8];

/// `sigCtx` within a sub-block (9-51 and on), by `y << 2 | x`, for the neighbours with coefficients: none, right, below, both.
#[rustfmt::skip]
const SIG_PATTERNS: [[u8; 16]; 4] = [
    [2, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    [2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    [2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0],
    [2; 16],
];

/// A transform block being read.
struct Coefficients {
    chroma: bool,
    /// Context of `sig_coeff_flag` to which the pattern's is added, in the first sub-block and in the others.
    sig_base: [u8; 2],
    /// `greater1Ctx` fell to 0 in the sub-block read before.
    had_greater: bool,
}

impl Reader<'_> {
    /// `residual_coding()`.
    pub(super) fn residual_coding(&mut self, block: &Block) -> Result<(), Stop> {
        let &Block {
            log2_size, scan, ..
        } = block;
        let chroma = block.component == Component::Chroma;
        if self.params.transform_skip && !block.lossless && log2_size == 2 {
            self.bin(TRANSFORM_SKIP + u8::from(chroma));
        }
        let (x, y) = self.last_significant(log2_size, chroma);
        let (x, y) = match scan {
            Scan::Vertical => (y, x),
            _ => (x, y),
        };
        let sub_blocks = Order::of(scan, log2_size - 2);
        let places = Order::of(scan, 2);
        let last_block = sub_blocks.rank(x >> 2, y >> 2);
        let last_place = places.rank(x & 3, y & 3);
        let mut coefficients = Coefficients {
            chroma,
            sig_base: match (chroma, log2_size, scan) {
                (false, 3, Scan::Diagonal) => [9, 12],
                (false, 3, _) => [15, 18],
                (false, ..) => [21, 24],
                (true, 3, _) => [27 + 9; 2],
                (true, ..) => [27 + 12; 2],
            },
            had_greater: false,
        };
        // coded_sub_block_flag, by `y << 3 | x`.
        let mut coded = 0u64;
        for index in (0..=last_block).rev() {
            let (x, y) = sub_blocks.place(index);
            let here = y << 3 | x;
            let right = x < 7 && coded >> (here + 1) & 1 == 1;
            let below = y < 7 && coded >> (here + 8) & 1 == 1;
            let given = index == 0 || index == last_block;
            if !given {
                let context = CODED_SUB_BLOCK + u8::from(right || below) + 2 * u8::from(chroma);
                if !self.bin(context) {
                    continue;
                }
            }
            coded |= 1 << here;
            let pattern = u8::from(right) + 2 * u8::from(below);
            let contexts = sig_contexts(&coefficients, log2_size == 2, index, pattern);
            let last = (index == last_block).then_some(last_place);
            let significant = self.significant(places, contexts, last, !given);
            if significant != 0 {
                self.levels(&mut coefficients, significant, index, block.lossless)?;
            }
        }
        Ok(())
    }

    /// `LastSignificantCoeffX` and `Y`, not swapped.
    fn last_significant(&mut self, log2_size: u32, chroma: bool) -> (u32, u32) {
        let (offset, shift) = match chroma {
            true => (15, log2_size - 2),
            false => (
                3 * (log2_size - 2) + (log2_size - 1) / 4,
                (log2_size + 1) / 4,
            ),
        };
        let offset = u8::try_from(offset).unwrap_or_default();
        let most = 2 * log2_size - 1;
        let mut prefix = |first: u8| {
            let mut prefix = 0u8;
            while u32::from(prefix) < most && self.bin(first + offset + (prefix >> shift)) {
                prefix += 1;
            }
            u32::from(prefix)
        };
        let (x, y) = (prefix(LAST_X), prefix(LAST_Y));
        let mut place = |prefix: u32| {
            if prefix < 4 {
                return prefix;
            }
            let length = prefix / 2 - 1;
            ((2 + prefix % 2) << length) + self.engine.bypass_bits(length)
        };
        (place(x), place(y))
    }

    /// `sig_coeff_flag` of a sub-block: a bit for each place of its scan.
    #[inline]
    fn significant(
        &mut self,
        places: &Order,
        contexts: (&[u8; 16], u8, u8),
        last: Option<u32>,
        mut infer_first: bool,
    ) -> u32 {
        let (pattern, base, first) = contexts;
        let mut significant = last.map_or(0, |last| 1 << last);
        for rank in (1..last.unwrap_or(16)).rev() {
            let (x, y) = places.place(rank);
            let context = pattern.get((y << 2 | x) as usize).copied();
            if self.bin(base + context.unwrap_or_default()) {
                significant |= 1 << rank;
                infer_first = false;
            }
        }
        // A sub-block that is coded has a coefficient: if all others are zero, the first.
        if last != Some(0) && (infer_first || self.bin(first)) {
            significant |= 1;
        }
        significant
    }

    /// The levels of a sub-block's coefficients and their signs.
    fn levels(
        &mut self,
        coefficients: &mut Coefficients,
        significant: u32,
        index: u32,
        lossless: bool,
    ) -> Result<(), Stop> {
        let chroma = coefficients.chroma;
        let count = significant.count_ones();
        let set = 2 * u8::from(index > 0 && !chroma) + u8::from(coefficients.had_greater);
        // coeff_abs_level_greater1_flag, by place among the coefficients.
        let mut greater1 = 0u32;
        let mut context = 1;
        for number in 0..count.min(8) {
            if self.bin(GREATER1 + 16 * u8::from(chroma) + 4 * set + context) {
                greater1 |= 1 << number;
                context = 0;
            } else if context > 0 && context < 3 {
                context += 1;
            }
        }
        coefficients.had_greater = context == 0;
        // Levels of 1, 2 and 3 need no more than the flags.
        let mut remaining = greater1 | (u32::MAX << 8 & ((1 << count) - 1));
        let first = greater1.trailing_zeros();
        if greater1 != 0 && !self.bin(GREATER2 + 4 * u8::from(chroma) + set) {
            remaining &= !(1 << first);
        }
        let span = significant.ilog2() - significant.trailing_zeros();
        let hidden = self.params.sign_data_hiding && !lossless && span > 3;
        self.engine.bypass_bits(count - u32::from(hidden));
        let mut rice = 0;
        while remaining != 0 {
            let number = remaining.trailing_zeros();
            remaining &= remaining - 1;
            let base = match number {
                8.. => 1,
                _ if number == first => 3,
                _ => 2,
            };
            let level = base + self.level_remaining(rice)?;
            if level > MAX_LEVEL {
                return Err(Stop::Broken);
            }
            if level > 3 << rice {
                rice = 4.min(rice + 1);
            }
        }
        Ok(())
    }

    /// `coeff_abs_level_remaining` (9.3.3.11).
    #[inline]
    fn level_remaining(&mut self, rice: u32) -> Result<u32, Stop> {
        let mut prefix = 0;
        while self.engine.bypass() {
            prefix += 1;
            if prefix > MAX_PREFIX {
                return Err(Stop::Broken);
            }
        }
        Ok(if prefix < 4 {
            (prefix << rice) + self.engine.bypass_bits(rice)
        } else {
            // An Exp-Golomb code of order rice + 1.
            let length = prefix - 3;
            (((1 << length) + 2) << rice) + self.engine.bypass_bits(length + rice)
        })
    }
}

/// Of `sig_coeff_flag` (9.3.4.2.5): the pattern and what is added to it, and the context of the first place.
fn sig_contexts(
    coefficients: &Coefficients,
    is_4x4: bool,
    index: u32,
    pattern: u8,
) -> (&'static [u8; 16], u8, u8) {
    let component = SIG_COEFF + 27 * u8::from(coefficients.chroma);
    if is_4x4 {
        return (&SIG_4X4, component, component);
    }
    let [none, right, below, both] = &SIG_PATTERNS;
    let pattern = match pattern {
        0 => none,
        1 => right,
        2 => below,
        _ => both,
    };
    let [first, others] = coefficients.sig_base;
    let base = SIG_COEFF + if index > 0 { others } else { first };
    let dc = if index > 0 {
        base + pattern[0]
    } else {
        component
    };
    (pattern, base, dc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(order: &Order, count: u32) -> Vec<(u32, u32)> {
        (0..count).map(|rank| order.place(rank)).collect()
    }

    #[test]
    fn scans() {
        let diagonal = Order::of(Scan::Diagonal, 2);
        let begin = [
            (0, 0),
            (0, 1),
            (1, 0),
            (0, 2),
            (1, 1),
            (2, 0),
            (0, 3),
            (1, 2),
        ];
        assert_eq!(places(diagonal, 8), begin);
        assert_eq!(diagonal.place(15), (3, 3));
        let two = |scan| places(Order::of(scan, 1), 4);
        assert_eq!(two(Scan::Horizontal), [(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(two(Scan::Vertical), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(two(Scan::Diagonal), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        for (log2, count) in [(0, 1), (1, 4), (2, 16), (3, 64)] {
            let order = Order::of(Scan::Diagonal, log2);
            for (rank, (x, y)) in (0..).zip(places(order, count)) {
                assert_eq!(order.rank(x, y), rank);
            }
        }
    }
}
