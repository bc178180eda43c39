//! What both kinds of entropy coding read: the syntax elements of `macroblock_layer` in I slices (7.3.5).

use super::Read;
use super::contexts::Category;

/// `mb_type` of macroblocks with samples instead of codes (table 7-11).
pub(super) const I_PCM: u32 = 25;

/// A block of coefficients to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) category: Category,
    /// 1 and 2 are Cb and Cr of 4:4:4, coded like luma.
    pub(super) plane: usize,
    /// Of a field macroblock.
    pub(super) field: bool,
    /// It has a `coded_block_flag`, if it is coded arithmetically.
    pub(super) flagged: bool,
    /// `maxNumCoeff`, not 0.
    pub(super) most: u8,
    /// The greatest magnitude of a level.
    pub(super) limit: u32,
}

impl Block {
    pub(super) fn is_chroma_dc(&self) -> bool {
        self.category == Category::ChromaDc
    }
}

/// What `coded_block_pattern` of the neighbours says (9.3.3.1.1.4).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PatternsAround {
    /// The neighbours to the left of the two rows of 8x8 blocks are there, and not coded.
    pub(super) left_uncoded: (bool, bool),
    /// The same above the two columns.
    pub(super) above_uncoded: (bool, bool),
    /// `CodedBlockPatternChroma`, 0 where there is no neighbour.
    pub(super) left_chroma: u8,
    /// The same above.
    pub(super) above_chroma: u8,
}

/// Reads syntax elements. `around` is what the neighbours say, summed up for the `ctxIdxInc` of the element.
pub(super) trait Entropy {
    /// CABAC, not CAVLC.
    const ARITHMETIC: bool;

    /// `mb_field_decoding_flag`.
    fn field_flag(&mut self, around: usize) -> Read<bool>;

    /// `mb_type`.
    fn mb_type(&mut self, around: usize) -> Read<u32>;

    /// Samples of this many bits, and the alignment before them.
    fn pcm(&mut self, bits: usize) -> Read<()>;

    /// `transform_size_8x8_flag`.
    fn transform_8x8(&mut self, around: usize) -> Read<bool>;

    /// `rem_intra4x4_pred_mode`, or `None` where the predicted mode is used.
    fn intra_mode(&mut self) -> Read<Option<u8>>;

    /// `intra_chroma_pred_mode`.
    fn chroma_mode(&mut self, around: usize) -> Read<u32>;

    /// `coded_block_pattern`; with `chroma`, bits 4 and 5 are `CodedBlockPatternChroma`.
    fn coded_block_pattern(&mut self, around: &PatternsAround, chroma: bool) -> Read<u8>;

    /// `mb_qp_delta`. `after_change`: the macroblock before has one that is not 0. `most` is the greatest magnitude.
    fn qp_delta(&mut self, after_change: bool, most: u32) -> Read<i32>;

    /// A block: how many coefficients it has. `a` and `b` are how many those to the left and above have, where they are available.
    fn block(&mut self, block: Block, a: Option<u8>, b: Option<u8>) -> Read<u8>;

    /// More was read than there is.
    fn is_past_end(&self) -> bool;

    /// Whether the slice ends here.
    fn ends(&mut self) -> Read<bool>;
}
