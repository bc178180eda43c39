//! Syntax elements of slice data with arithmetic codes (9.3).

use super::bits::Bits;
use super::cabac::{Context, Engine};
use super::contexts::{
    CTX_CHROMA_MODE, CTX_FIELD, CTX_MB_TYPE, CTX_PATTERN_CHROMA, CTX_PATTERN_LUMA,
    CTX_PREVIOUS_MODE, CTX_QP_DELTA, CTX_REMAINING_MODE, CTX_TRANSFORM_8X8, Category, LAST_8X8,
    SIGNIFICANT_8X8_FIELD, SIGNIFICANT_8X8_FRAME, initial,
};
use super::syntax::{Block, Entropy, I_PCM, PatternsAround};
use super::{Read, Violation};

/// Reads with arithmetic codes.
pub(super) struct Cabac<'a> {
    bits: Bits<'a>,
    engine: Engine<'a>,
    contexts: Vec<Context>,
}

impl<'a> Cabac<'a> {
    /// `bits` stand behind the slice header; `planes` is 3 for 4:4:4.
    pub(super) fn new(mut bits: Bits<'a>, qp: i32, planes: usize) -> Read<Self> {
        bits.align(true)?;
        Ok(Self {
            engine: Engine::new(&bits)?,
            contexts: initial(qp, planes),
            bits,
        })
    }

    #[inline]
    fn bin(&mut self, context: usize) -> bool {
        // There is a context for every index that is asked for.
        self.contexts
            .get_mut(context)
            .is_some_and(|context| self.engine.decision(context))
    }

    /// `significant_coeff_flag` and `last_significant_coeff_flag` of a block (7.3.5.3.3): how many coefficients it has.
    fn significant(&mut self, block: &Block, significant: usize, last: usize) -> u8 {
        let (mut count, most) = (0, usize::from(block.most) - 1);
        for index in 0..most {
            let (of_significant, of_last) = match block.category {
                Category::Luma8x8 => {
                    let map = match block.field {
                        true => &SIGNIFICANT_8X8_FIELD,
                        false => &SIGNIFICANT_8X8_FRAME,
                    };
                    let at = |map: &[u8; 63]| map.get(index).copied().map_or(0, usize::from);
                    (at(map), at(&LAST_8X8))
                }
                // 4 or 8 coefficients: NumC8x8 is 1 or 2.
                Category::ChromaDc => {
                    let increment = (index / (usize::from(block.most) / 4)).min(2);
                    (increment, increment)
                }
                _ => (index, index),
            };
            if self.bin(significant + of_significant) {
                count += 1;
                if self.bin(last + of_last) {
                    return count;
                }
            }
        }
        count + 1
    }

    /// `coeff_abs_level_minus1` and signs (9.3.2.3 with prefixes of up to 14 and Exp-Golomb suffixes of order 0).
    fn levels(&mut self, block: &Block, first: usize, count: u8) -> Read<()> {
        let (mut ones, mut greater) = (0usize, 0usize);
        let most_greater = if block.is_chroma_dc() { 3 } else { 4 };
        for _ in 0..count {
            let increment = if greater > 0 { 0 } else { (1 + ones).min(4) };
            if self.bin(first + increment) {
                let rest = first + 5 + greater.min(most_greater);
                let mut level = 1;
                while level < 14 && self.bin(rest) {
                    level += 1;
                }
                if level == 14 {
                    level += self.golomb()?;
                }
                if level >= block.limit {
                    return Err(Violation("coeff_abs_level_minus1"));
                }
                greater += 1;
            } else {
                ones += 1;
            }
            self.engine.bypass();
        }
        Ok(())
    }

    fn golomb(&mut self) -> Read<u32> {
        let (mut order, mut value) = (0, 0);
        while self.engine.bypass() {
            value += 1 << order;
            order += 1;
            if order > 21 {
                return Err(Violation("coeff_abs_level_minus1"));
            }
        }
        for bit in (0..order).rev() {
            value += u32::from(self.engine.bypass()) << bit;
        }
        Ok(value)
    }
}

impl Entropy for Cabac<'_> {
    const ARITHMETIC: bool = true;

    fn field_flag(&mut self, around: usize) -> Read<bool> {
        Ok(self.bin(CTX_FIELD + around))
    }

    fn mb_type(&mut self, around: usize) -> Read<u32> {
        const FIRST: usize = CTX_MB_TYPE;
        if !self.bin(FIRST + around) {
            return Ok(0);
        }
        if self.engine.terminate() {
            return Ok(I_PCM);
        }
        let luma = u32::from(self.bin(FIRST + 3));
        let chroma = if self.bin(FIRST + 4) {
            1 + u32::from(self.bin(FIRST + 5))
        } else {
            0
        };
        let mode = 2 * u32::from(self.bin(FIRST + 6)) + u32::from(self.bin(FIRST + 7));
        Ok(1 + mode + 4 * chroma + 12 * luma)
    }

    fn pcm(&mut self, bits: usize) -> Read<()> {
        self.bits.go_to(self.engine.position());
        self.bits.align(false)?;
        self.bits.skip(bits);
        self.engine = Engine::new(&self.bits)?;
        Ok(())
    }

    fn transform_8x8(&mut self, around: usize) -> Read<bool> {
        Ok(self.bin(CTX_TRANSFORM_8X8 + around))
    }

    fn intra_mode(&mut self) -> Read<Option<u8>> {
        if self.bin(CTX_PREVIOUS_MODE) {
            return Ok(None);
        }
        let mut mode = 0;
        for bit in 0..3 {
            mode |= u8::from(self.bin(CTX_REMAINING_MODE)) << bit;
        }
        Ok(Some(mode))
    }

    fn chroma_mode(&mut self, around: usize) -> Read<u32> {
        let mut mode = u32::from(self.bin(CTX_CHROMA_MODE + around));
        while (1..3).contains(&mode) && self.bin(CTX_CHROMA_MODE + 3) {
            mode += 1;
        }
        Ok(mode)
    }

    fn coded_block_pattern(&mut self, around: &PatternsAround, chroma: bool) -> Read<u8> {
        let mut coded = [false; 4];
        for block in 0..4 {
            let at = |block: usize| coded.get(block).copied().unwrap_or_default();
            let left = match block {
                0 => around.left_uncoded.0,
                2 => around.left_uncoded.1,
                _ => !at(block - 1),
            };
            let above = match block {
                0 => around.above_uncoded.0,
                1 => around.above_uncoded.1,
                _ => !at(block - 2),
            };
            let bin = self.bin(CTX_PATTERN_LUMA + usize::from(left) + 2 * usize::from(above));
            if let Some(flag) = coded.get_mut(block) {
                *flag = bin;
            }
        }
        let mut pattern = (0..)
            .zip(coded)
            .fold(0, |sum, (bit, flag)| sum | u8::from(flag) << bit);
        if chroma {
            let increment = |least: u8| {
                let over = |pattern: u8| usize::from(pattern >= least);
                over(around.left_chroma) + 2 * over(around.above_chroma)
            };
            if self.bin(CTX_PATTERN_CHROMA + increment(1)) {
                let second = self.bin(CTX_PATTERN_CHROMA + 4 + increment(2));
                pattern |= if second { 32 } else { 16 };
            }
        }
        Ok(pattern)
    }

    fn qp_delta(&mut self, after_change: bool, most: u32) -> Read<i32> {
        if !self.bin(CTX_QP_DELTA + usize::from(after_change)) {
            return Ok(0);
        }
        let (mut mapped, mut context) = (1u32, CTX_QP_DELTA + 2);
        while self.bin(context) {
            mapped += 1;
            context = CTX_QP_DELTA + 3;
            if mapped > 2 * most {
                return Err(Violation("mb_qp_delta"));
            }
        }
        let size = mapped.div_ceil(2).cast_signed();
        Ok(if mapped % 2 == 1 { size } else { -size })
    }

    fn block(&mut self, block: Block, a: Option<u8>, b: Option<u8>) -> Read<u8> {
        let contexts = block.category.contexts(block.plane, block.field);
        if block.flagged {
            // The neighbours of intra macroblocks count as coded where they are missing.
            let coded = |count: Option<u8>| usize::from(count.is_none_or(|count| count > 0));
            if !self.bin(contexts.coded + coded(a) + 2 * coded(b)) {
                return Ok(0);
            }
        }
        let count = self.significant(&block, contexts.significant, contexts.last);
        self.levels(&block, contexts.level, count)?;
        Ok(count)
    }

    fn is_past_end(&self) -> bool {
        self.engine.position() > self.bits.stop() + 1
    }

    fn ends(&mut self) -> Read<bool> {
        if !self.engine.terminate() {
            return Ok(false);
        }
        // The last bit that the engine has taken is the stop bit. x264 leaves a mark in the alignment behind it.
        self.bits.go_to(self.engine.position() - 1);
        let in_last_byte = self.bits.position() / 8 == self.bits.stop() / 8;
        if !in_last_byte || !self.bits.flag() {
            return Err(Violation("rbsp_slice_trailing_bits"));
        }
        Ok(true)
    }
}
