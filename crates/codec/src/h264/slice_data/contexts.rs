//! Context variables of I slices: their initial values and where each syntax element has its own (9.3.1.1, tables 9-12 to 9-33, 9-34).
//!
//! Of 4:4:4 pictures, Cb and Cr have contexts of their own (`ctxIdx` 460 to 1023). They start with the values of luma, and each plane's
//! are kept at luma's indices here.

use super::cabac::Context;

/// `ctxIdx` 3 to 10: `mb_type`.
#[rustfmt::skip]
const MB_TYPE: [(i8, i8); 8] = [
    (20, -15), (2, 54), (3, 74), (-28, 127), (-23, 104), (-6, 53), (-1, 54), (7, 51),
];

/// 60 to 69: `mb_qp_delta`, `intra_chroma_pred_mode`, `prev_intra4x4_pred_mode_flag`, `rem_intra4x4_pred_mode`.
#[rustfmt::skip]
const MB_LEVEL: [(i8, i8); 10] = [
    (0, 41), (0, 63), (0, 63), (0, 63), (-9, 83), (4, 86), (0, 97), (-7, 72), (13, 41), (3, 62),
];

/// 70 to 84: `mb_field_decoding_flag`, `coded_block_pattern`.
#[rustfmt::skip]
const FIELD_AND_PATTERN: [(i8, i8); 15] = [
    (0, 11), (1, 55), (0, 69), (-17, 127), (-13, 102), (0, 82), (-7, 74), (-21, 107), (-27, 127),
    (-31, 127), (-24, 127), (-18, 95), (-27, 127), (-21, 114), (-30, 127),
];

/// 85 to 104: `coded_block_flag`.
#[rustfmt::skip]
const CODED_BLOCK: [(i8, i8); 20] = [
    (-17, 123), (-12, 115), (-16, 122), (-11, 115), (-12, 63), (-2, 68), (-15, 84), (-13, 104),
    (-3, 70), (-8, 93), (-10, 90), (-30, 127), (-1, 74), (-6, 97), (-7, 91), (-20, 127), (-4, 56),
    (-5, 82), (-7, 76), (-22, 125),
];

/// 105 to 165: `significant_coeff_flag` of frames.
#[rustfmt::skip]
const SIGNIFICANT_FRAME: [(i8, i8); 61] = [
    (-7, 93), (-11, 87), (-3, 77), (-5, 71), (-4, 63), (-4, 68), (-12, 84), (-7, 62), (-7, 65),
    (8, 61), (5, 56), (-2, 66), (1, 64), (0, 61), (-2, 78), (1, 50), (7, 52), (10, 35), (0, 44),
    (11, 38), (1, 45), (0, 46), (5, 44), (31, 17), (1, 51), (7, 50), (28, 19), (16, 33), (14, 62),
    (-13, 108), (-15, 100), (-13, 101), (-13, 91), (-12, 94), (-10, 88), (-16, 84), (-10, 86),
    (-7, 83), (-13, 87), (-19, 94), (1, 70), (0, 72), (-5, 74), (18, 59), (-8, 102), (-15, 100),
    (0, 95), (-4, 75), (2, 72), (-11, 75), (-3, 71), (15, 46), (-13, 69), (0, 62), (0, 65),
    (21, 37), (-15, 72), (9, 57), (16, 54), (0, 62), (12, 72),
];

/// 166 to 226: `last_significant_coeff_flag` of frames.
#[rustfmt::skip]
const LAST_FRAME: [(i8, i8); 61] = [
    (24, 0), (15, 9), (8, 25), (13, 18), (15, 9), (13, 19), (10, 37), (12, 18), (6, 29), (20, 33),
    (15, 30), (4, 45), (1, 58), (0, 62), (7, 61), (12, 38), (11, 45), (15, 39), (11, 42),
    (13, 44), (16, 45), (12, 41), (10, 49), (30, 34), (18, 42), (10, 55), (17, 51), (17, 46),
    (0, 89), (26, -19), (22, -17), (26, -17), (30, -25), (28, -20), (33, -23), (37, -27),
    (33, -23), (40, -28), (38, -17), (33, -11), (40, -15), (41, -6), (38, 1), (41, 17), (30, -6),
    (27, 3), (26, 22), (37, -16), (35, -4), (38, -8), (38, -3), (37, 3), (38, 5), (42, 0),
    (35, 16), (39, 22), (14, 48), (27, 37), (21, 60), (12, 68), (2, 97),
];

/// 227 to 275: `coeff_abs_level_minus1`.
#[rustfmt::skip]
const LEVEL: [(i8, i8); 49] = [
    (-3, 71), (-6, 42), (-5, 50), (-3, 54), (-2, 62), (0, 58), (1, 63), (-2, 72), (-1, 74),
    (-9, 91), (-5, 67), (-5, 27), (-3, 39), (-2, 44), (0, 46), (-16, 64), (-8, 68), (-10, 78),
    (-6, 77), (-10, 86), (-12, 92), (-15, 55), (-10, 60), (-6, 62), (-4, 65), (-12, 73), (-8, 76),
    (-7, 80), (-9, 88), (-17, 110), (-11, 97), (-20, 84), (-11, 79), (-6, 73), (-4, 74),
    (-13, 86), (-13, 96), (-11, 97), (-19, 117), (-8, 78), (-5, 33), (-4, 48), (-2, 53), (-3, 62),
    (-13, 71), (-10, 79), (-12, 86), (-13, 90), (-14, 97),
];

/// 277 to 337: `significant_coeff_flag` of fields.
#[rustfmt::skip]
const SIGNIFICANT_FIELD: [(i8, i8); 61] = [
    (-6, 93), (-6, 84), (-8, 79), (0, 66), (-1, 71), (0, 62), (-2, 60), (-2, 59), (-5, 75),
    (-3, 62), (-4, 58), (-9, 66), (-1, 79), (0, 71), (3, 68), (10, 44), (-7, 62), (15, 36),
    (14, 40), (16, 27), (12, 29), (1, 44), (20, 36), (18, 32), (5, 42), (1, 48), (10, 62),
    (17, 46), (9, 64), (-12, 104), (-11, 97), (-16, 96), (-7, 88), (-8, 85), (-7, 85), (-9, 85),
    (-13, 88), (4, 66), (-3, 77), (-3, 76), (-6, 76), (10, 58), (-1, 76), (-1, 83), (-7, 99),
    (-14, 95), (2, 95), (0, 76), (-5, 74), (0, 70), (-11, 75), (1, 68), (0, 65), (-14, 73),
    (3, 62), (4, 62), (-1, 68), (-13, 75), (11, 55), (5, 64), (12, 70),
];

/// 338 to 398: `last_significant_coeff_flag` of fields.
#[rustfmt::skip]
const LAST_FIELD: [(i8, i8); 61] = [
    (15, 6), (6, 19), (7, 16), (12, 14), (18, 13), (13, 11), (13, 15), (15, 16), (12, 23),
    (13, 23), (15, 20), (14, 26), (14, 44), (17, 40), (17, 47), (24, 17), (21, 21), (25, 22),
    (31, 27), (22, 29), (19, 35), (14, 50), (10, 57), (7, 63), (-2, 77), (-4, 82), (-3, 94),
    (9, 69), (-12, 109), (36, -35), (36, -34), (32, -26), (37, -30), (44, -32), (34, -18),
    (34, -15), (40, -15), (33, -7), (35, -5), (33, 0), (38, 2), (33, 13), (23, 35), (13, 58),
    (29, -3), (26, 0), (22, 30), (31, -7), (35, -15), (34, -3), (34, 3), (36, -1), (34, 5),
    (32, 11), (35, 5), (34, 12), (39, 11), (30, 29), (34, 26), (29, 39), (19, 66),
];

/// 399 to 435: `transform_size_8x8_flag`, then the flags of 8x8 blocks of frames, and their levels.
#[rustfmt::skip]
const TRANSFORM_8X8: [(i8, i8); 37] = [
    (31, 21), (31, 31), (25, 50), (-17, 120), (-20, 112), (-18, 114), (-11, 85), (-15, 92),
    (-14, 89), (-26, 71), (-15, 81), (-14, 80), (0, 68), (-14, 70), (-24, 56), (-23, 68),
    (-24, 50), (-11, 74), (23, -13), (26, -13), (40, -15), (49, -14), (44, 3), (45, 6), (44, 34),
    (33, 54), (19, 82), (-3, 75), (-1, 23), (1, 34), (1, 43), (0, 54), (-2, 55), (0, 61), (1, 64),
    (0, 68), (-9, 92),
];

/// 436 to 459: the flags of 8x8 blocks of fields.
#[rustfmt::skip]
const TRANSFORM_8X8_FIELD: [(i8, i8); 24] = [
    (-14, 106), (-13, 97), (-15, 90), (-12, 90), (-18, 88), (-10, 73), (-9, 79), (-14, 86),
    (-10, 73), (-10, 70), (-10, 69), (-5, 66), (-9, 64), (-5, 58), (2, 59), (21, -10), (24, -11),
    (28, -8), (28, -1), (29, 3), (29, 9), (35, 20), (29, 36), (14, 67),
];

/// 1012 to 1015: `coded_block_flag` of 8x8 blocks.
#[rustfmt::skip]
const CODED_BLOCK_8X8: [(i8, i8); 4] = [
    (-3, 70), (-8, 93), (-10, 90), (-30, 127),
];

/// The tables with their first `ctxIdx` (1012 put at 460).
const TABLES: [(usize, &[(i8, i8)]); 12] = [
    (3, &MB_TYPE),
    (60, &MB_LEVEL),
    (70, &FIELD_AND_PATTERN),
    (85, &CODED_BLOCK),
    (105, &SIGNIFICANT_FRAME),
    (166, &LAST_FRAME),
    (227, &LEVEL),
    (277, &SIGNIFICANT_FIELD),
    (338, &LAST_FIELD),
    (399, &TRANSFORM_8X8),
    (436, &TRANSFORM_8X8_FIELD),
    (460, &CODED_BLOCK_8X8),
];

/// Contexts of one plane: `ctxIdx` 0 to 459 and 1012 to 1015.
const PLANE: usize = 464;

/// `mb_type` (I slices).
pub(super) const CTX_MB_TYPE: usize = 3;
/// `mb_qp_delta`.
pub(super) const CTX_QP_DELTA: usize = 60;
/// `intra_chroma_pred_mode`.
pub(super) const CTX_CHROMA_MODE: usize = 64;
/// `prev_intra4x4_pred_mode_flag`, `prev_intra8x8_pred_mode_flag`.
pub(super) const CTX_PREVIOUS_MODE: usize = 68;
/// `rem_intra4x4_pred_mode`, `rem_intra8x8_pred_mode`.
pub(super) const CTX_REMAINING_MODE: usize = 69;
/// `mb_field_decoding_flag`.
pub(super) const CTX_FIELD: usize = 70;
/// `coded_block_pattern`, luma.
pub(super) const CTX_PATTERN_LUMA: usize = 73;
/// `coded_block_pattern`, chroma.
pub(super) const CTX_PATTERN_CHROMA: usize = 77;
/// `transform_size_8x8_flag`.
pub(super) const CTX_TRANSFORM_8X8: usize = 399;

/// Which coefficients a block holds: `ctxBlockCat` 0 to 5 (table 9-42), and the same of Cb and Cr in 4:4:4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// `Intra16x16DCLevel`.
    LumaDc,
    /// `Intra16x16ACLevel`.
    LumaAc,
    /// `LumaLevel4x4`.
    Luma4x4,
    /// `ChromaDCLevel`.
    ChromaDc,
    /// `ChromaACLevel`.
    ChromaAc,
    /// `LumaLevel8x8`.
    Luma8x8,
}

/// The first contexts of a block's syntax elements (table 9-34, 9-40).
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockContexts {
    pub(super) coded: usize,
    pub(super) significant: usize,
    pub(super) last: usize,
    pub(super) level: usize,
}

impl Category {
    /// The contexts of a block of plane 0, 1 or 2; chroma blocks of 4:2:0 and 4:2:2 are of plane 0.
    pub(super) const fn contexts(self, plane: usize, field: bool) -> BlockContexts {
        let (coded, offset, level) = match self {
            Self::LumaDc => (85, 0, 227),
            Self::LumaAc => (89, 15, 237),
            Self::Luma4x4 => (93, 29, 247),
            Self::ChromaDc => (97, 44, 257),
            Self::ChromaAc => (101, 47, 266),
            Self::Luma8x8 => (460, 0, 426),
        };
        let (significant, last) = match (self, field) {
            (Self::Luma8x8, false) => (402, 417),
            (Self::Luma8x8, true) => (436, 451),
            (_, false) => (105, 166),
            (_, true) => (277, 338),
        };
        let plane = plane * PLANE;
        BlockContexts {
            coded: plane + coded,
            significant: plane + significant + offset,
            last: plane + last + offset,
            level: plane + level,
        }
    }
}

/// `ctxIdxInc` of `significant_coeff_flag` in 8x8 blocks of frames (table 9-43).
pub(super) const SIGNIFICANT_8X8_FRAME: [u8; 63] = [
    0, 1, 2, 3, 4, 5, 5, 4, 4, 3, 3, 4, 4, 4, 5, 5, 4, 4, 4, 4, 3, 3, 6, 7, 7, 7, 8, 9, 10, 9, 8,
    7, 7, 6, 11, 12, 13, 11, 6, 7, 8, 9, 14, 10, 9, 8, 6, 11, 12, 13, 11, 6, 9, 14, 10, 9, 11, 12,
    13, 11, 14, 10, 12,
];

/// The same in fields.
pub(super) const SIGNIFICANT_8X8_FIELD: [u8; 63] = [
    0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 7, 7, 8, 4, 5, 6, 9, 10, 10, 8, 11, 12, 11, 9, 9, 10, 10, 8,
    11, 12, 11, 9, 9, 10, 10, 8, 11, 12, 11, 9, 9, 10, 10, 8, 13, 13, 9, 9, 10, 10, 8, 13, 13, 9,
    9, 10, 10, 14, 14, 14, 14, 14,
];

/// `ctxIdxInc` of `last_significant_coeff_flag` in 8x8 blocks (table 9-43).
pub(super) const LAST_8X8: [u8; 63] = [
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8,
];

/// All contexts at the start of an I slice of this `SliceQPY`.
pub(super) fn initial(qp: i32, planes: usize) -> Vec<Context> {
    let mut plane = vec![Context::new((0, 0), qp); PLANE];
    for (start, table) in TABLES {
        for (context, &pair) in plane.iter_mut().skip(start).zip(table) {
            *context = Context::new(pair, qp);
        }
    }
    plane.repeat(planes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_lie_side_by_side() {
        let mut next = 60;
        for (start, table) in &TABLES[1..] {
            // 276 is the terminating bin, which has no context.
            assert!(*start == next || (*start, next) == (277, 276));
            next = start + table.len();
        }
        assert_eq!(next, PLANE);
        assert_eq!((TABLES[0].0, TABLES[0].1.len()), (3, 8));
    }

    #[test]
    fn blocks_use_what_is_theirs() {
        let all = [
            (Category::LumaDc, 16),
            (Category::LumaAc, 15),
            (Category::Luma4x4, 16),
            (Category::ChromaDc, 4),
            (Category::ChromaAc, 15),
        ];
        for field in [false, true] {
            for pair in all.windows(2) {
                let [(of, most), (next, _)] = pair else {
                    unreachable!()
                };
                let (of, next) = (of.contexts(0, field), next.contexts(0, field));
                assert_eq!(next.coded - of.coded, 4);
                assert_eq!(next.significant - of.significant, most - 1);
                assert_eq!(next.last - of.last, most - 1);
                assert_eq!(next.level - of.level, if *most == 4 { 9 } else { 10 });
            }
            let last = Category::ChromaAc.contexts(0, field);
            assert_eq!(last.last + 14, if field { 399 } else { 227 });
            let eight = Category::Luma8x8.contexts(1, field);
            assert_eq!(eight.last - eight.significant, 15);
            assert_eq!(eight.coded, PLANE + 460);
        }
        let greatest = |map: [u8; 63]| map.into_iter().max().unwrap();
        let maps = [SIGNIFICANT_8X8_FRAME, SIGNIFICANT_8X8_FIELD, LAST_8X8];
        assert_eq!(maps.map(greatest), [14, 14, 8]);
    }
}
