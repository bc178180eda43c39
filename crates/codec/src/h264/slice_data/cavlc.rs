//! Syntax elements of slice data with variable-length codes (9.1, 9.2).

use super::bits::Bits;
use super::syntax::{Block, Entropy, PatternsAround};
use super::vlc::{Expected, coeff_token, run_before, total_zeros};
use super::{Read, Violation};

/// `coded_block_pattern` of intra macroblocks by `codeNum` (table 9-4), 4:2:0 and 4:2:2.
const PATTERNS: [u8; 48] = [
    47, 31, 15, 0, 23, 27, 29, 30, 7, 11, 13, 14, 39, 43, 45, 46, 16, 3, 5, 10, 12, 19, 21, 26, 28,
    35, 37, 42, 44, 1, 2, 4, 8, 17, 18, 20, 24, 6, 9, 22, 25, 32, 33, 34, 36, 40, 38, 41,
];

/// The same, monochrome and 4:4:4.
const LUMA_PATTERNS: [u8; 16] = [15, 0, 7, 11, 13, 14, 3, 5, 10, 12, 1, 2, 4, 8, 6, 9];

/// Reads with variable-length codes.
pub(super) struct Cavlc<'a> {
    bits: Bits<'a>,
    /// The greatest `level_prefix`.
    longest_prefix: u32,
}

impl<'a> Cavlc<'a> {
    /// `extended`: the profile allows `level_prefix` beyond 15.
    pub(super) const fn new(bits: Bits<'a>, extended: bool) -> Self {
        Self {
            bits,
            // Of levels in range, 14 bits a sample.
            longest_prefix: if extended { 25 } else { 15 },
        }
    }

    /// Levels in the order of the syntax, last coefficient first (9.2.2).
    fn levels(&mut self, total: u8, ones: u8, limit: u32) -> Read<()> {
        self.bits.skip(usize::from(ones));
        let mut suffix_length = u32::from(total > 10 && ones < 3);
        for index in ones..total {
            let prefix = self.bits.peek().leading_zeros();
            if prefix > self.longest_prefix {
                return Err(Violation("level_prefix"));
            }
            self.bits.skip(prefix as usize + 1);
            let mut code = prefix.min(15) << suffix_length;
            let size = match prefix {
                14 if suffix_length == 0 => 4,
                15.. => prefix - 3,
                _ => suffix_length,
            };
            if size > 0 {
                code += self.bits.read(size);
            }
            if prefix >= 15 && suffix_length == 0 {
                code += 15;
            }
            if prefix >= 16 {
                code += (1 << (prefix - 3)) - 4096;
            }
            if index == ones && ones < 3 {
                code += 2;
            }
            let level = (code + 2) / 2;
            if level > limit {
                return Err(Violation("level"));
            }
            suffix_length = suffix_length.max(1);
            if level > 3 << (suffix_length - 1) && suffix_length < 6 {
                suffix_length += 1;
            }
        }
        Ok(())
    }
}

impl Entropy for Cavlc<'_> {
    const ARITHMETIC: bool = false;

    fn field_flag(&mut self, _: usize) -> Read<bool> {
        Ok(self.bits.flag())
    }

    fn mb_type(&mut self, _: usize) -> Read<u32> {
        self.bits.ue()
    }

    fn pcm(&mut self, bits: usize) -> Read<()> {
        self.bits.align(false)?;
        self.bits.skip(bits);
        Ok(())
    }

    fn transform_8x8(&mut self, _: usize) -> Read<bool> {
        Ok(self.bits.flag())
    }

    fn intra_mode(&mut self) -> Read<Option<u8>> {
        if self.bits.flag() {
            return Ok(None);
        }
        Ok(u8::try_from(self.bits.read(3)).ok())
    }

    fn chroma_mode(&mut self, _: usize) -> Read<u32> {
        self.bits.ue()
    }

    fn coded_block_pattern(&mut self, _: &PatternsAround, chroma: bool) -> Read<u8> {
        let table: &[u8] = if chroma { &PATTERNS } else { &LUMA_PATTERNS };
        let code = self.bits.ue()? as usize;
        table
            .get(code)
            .copied()
            .ok_or(Violation("coded_block_pattern"))
    }

    fn qp_delta(&mut self, _: bool, _: u32) -> Read<i32> {
        self.bits.se()
    }

    fn block(&mut self, block: Block, a: Option<u8>, b: Option<u8>) -> Read<u8> {
        let most = block.most;
        let expected = match (a, b) {
            _ if block.is_chroma_dc() => Expected::ChromaDc(most),
            (Some(a), Some(b)) => Expected::Coefficients((a + b).div_ceil(2)),
            (one, other) => Expected::Coefficients(one.or(other).unwrap_or_default()),
        };
        let (total, ones) = coeff_token(&mut self.bits, expected)?;
        if total == 0 {
            return Ok(0);
        }
        if total > most {
            return Err(Violation("coeff_token"));
        }
        self.levels(total, ones, block.limit)?;
        if total < most {
            let mut left = total_zeros(&mut self.bits, total, most)?;
            if total + left > most {
                return Err(Violation("total_zeros"));
            }
            for _ in 1..total {
                if left == 0 {
                    break;
                }
                let run = run_before(&mut self.bits, left)?;
                left = left.checked_sub(run).ok_or(Violation("run_before"))?;
            }
        }
        Ok(total)
    }

    fn is_past_end(&self) -> bool {
        self.bits.position() > self.bits.stop()
    }

    fn ends(&mut self) -> Read<bool> {
        Ok(self.bits.position() == self.bits.stop())
    }
}
