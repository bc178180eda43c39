//! Context variables of I slices and how they begin (9.3.2.2, tables 9-5 to 9-37, `initType` 0).

/// One context variable for each of [`INIT`], and room up to what a byte can index.
pub(super) type Contexts = [u8; 256];

/// `sao_merge_left_flag` and `sao_merge_up_flag`.
pub(super) const SAO_MERGE: u8 = 0;
/// `sao_type_idx_luma` and `sao_type_idx_chroma`.
pub(super) const SAO_TYPE: u8 = SAO_MERGE + 1;
/// `split_cu_flag`.
pub(super) const SPLIT_CU: u8 = SAO_TYPE + 1;
/// `cu_transquant_bypass_flag`.
pub(super) const TRANSQUANT_BYPASS: u8 = SPLIT_CU + 3;
/// `part_mode`.
pub(super) const PART_MODE: u8 = TRANSQUANT_BYPASS + 1;
/// `prev_intra_luma_pred_flag`.
pub(super) const PREV_INTRA_LUMA: u8 = PART_MODE + 1;
/// `intra_chroma_pred_mode`.
pub(super) const INTRA_CHROMA: u8 = PREV_INTRA_LUMA + 1;
/// `split_transform_flag`, by 5 - log2 of the size.
pub(super) const SPLIT_TRANSFORM: u8 = INTRA_CHROMA + 1;
/// `cbf_luma`, of the second level and deeper, of the first.
pub(super) const CBF_LUMA: u8 = SPLIT_TRANSFORM + 3;
/// `cbf_cb` and `cbf_cr`, by depth.
pub(super) const CBF_CHROMA: u8 = CBF_LUMA + 2;
/// `transform_skip_flag`, luma and chroma.
pub(super) const TRANSFORM_SKIP: u8 = CBF_CHROMA + 5;
/// `cu_qp_delta_abs`, the first bin and the others.
pub(super) const CU_QP_DELTA: u8 = TRANSFORM_SKIP + 2;
/// `last_sig_coeff_x_prefix`.
pub(super) const LAST_X: u8 = CU_QP_DELTA + 2;
/// `last_sig_coeff_y_prefix`.
pub(super) const LAST_Y: u8 = LAST_X + 18;
/// `coded_sub_block_flag`, two of luma and two of chroma.
pub(super) const CODED_SUB_BLOCK: u8 = LAST_Y + 18;
/// `sig_coeff_flag`, 27 of luma and 15 of chroma.
pub(super) const SIG_COEFF: u8 = CODED_SUB_BLOCK + 4;
/// `coeff_abs_level_greater1_flag`, 16 of luma and 8 of chroma.
pub(super) const GREATER1: u8 = SIG_COEFF + 42;
/// `coeff_abs_level_greater2_flag`, 4 of luma and 2 of chroma.
pub(super) const GREATER2: u8 = GREATER1 + 24;

/// `initValue`, in the order of the constants above.
#[rustfmt::skip]
const INIT: [u8; GREATER2 as usize + 6] = [
    // sao_merge, sao_type_idx
    153, 200,
    // split_cu_flag
    139, 141, 157,
    // cu_transquant_bypass_flag, part_mode, prev_intra_luma_pred_flag, intra_chroma_pred_mode
    154, 184, 184, 63,
    // split_transform_flag
    153, 138, 138,
    // cbf_luma
    111, 141,
    // cbf_cb, cbf_cr
    94, 138, 182, 154, 154,
    // transform_skip_flag
    139, 139,
    // cu_qp_delta_abs
    154, 154,
    // last_sig_coeff_x_prefix
    110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123, 63,
    // last_sig_coeff_y_prefix
    110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123, 63,
    // coded_sub_block_flag
    91, 171, 134, 141,
    // sig_coeff_flag
    111, 111, 125, 110, 110, 94, 124, 108, 124, 107, 125, 141, 179, 153, 125, 107,
    125, 141, 179, 153, 125, 107, 125, 141, 179, 153, 125,
    140, 139, 182, 182, 152, 136, 152, 136, 153, 136, 139, 111, 136, 139, 111,
    // coeff_abs_level_greater1_flag
    140, 92, 137, 138, 140, 152, 138, 139, 153, 74, 149, 92, 139, 107, 122, 152,
    140, 179, 166, 182, 140, 227, 122, 197,
    // coeff_abs_level_greater2_flag
    138, 153, 136, 167, 152, 152,
];

/// The context variables at the beginning of a slice with this `SliceQpY`.
pub(super) fn initial(slice_qp: i32) -> Contexts {
    let qp = slice_qp.clamp(0, 51);
    let mut contexts = [0; 256];
    for (context, &init) in contexts.iter_mut().zip(&INIT) {
        let slope = i32::from(init >> 4) * 5 - 45;
        let offset = (i32::from(init & 15) << 3) - 16;
        let state = (((slope * qp) >> 4) + offset).clamp(1, 126);
        let (index, mps) = match state {
            64.. => (state - 64, 1),
            _ => (63 - state, 0),
        };
        // 62 at most.
        *context = u8::try_from(index << 1 | mps).unwrap_or_default();
    }
    contexts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_contexts() {
        // 154 is one half at any quantiser: state 0, more probable symbol 1.
        for qp in [-20, 0, 26, 51, 60] {
            assert_eq!(initial(qp)[usize::from(TRANSQUANT_BYPASS)], 1);
        }
        // sao_type_idx, 200: slope 15, offset 48.
        let sao = |qp| initial(qp)[usize::from(SAO_TYPE)];
        assert_eq!(
            [sao(0), sao(26), sao(51)],
            [15 << 1, 8 << 1 | 1, 31 << 1 | 1]
        );
        // coeff_abs_level_greater1_flag, 227: slope 25, offset 8.
        let greater = |qp| initial(qp)[usize::from(GREATER1) + 21];
        assert_eq!(
            [greater(-8), greater(0), greater(51)],
            [55 << 1, 55 << 1, 23 << 1 | 1]
        );
        assert!(initial(30).iter().all(|context| context >> 1 <= 62));
    }

    #[test]
    fn every_context_has_its_value() {
        let at = |context: u8| INIT[usize::from(context)];
        assert_eq!(
            [at(SPLIT_CU), at(PART_MODE), at(INTRA_CHROMA)],
            [139, 184, 63]
        );
        assert_eq!(
            [at(CBF_LUMA), at(CBF_CHROMA), at(TRANSFORM_SKIP)],
            [111, 94, 139]
        );
        assert_eq!([at(LAST_X), at(LAST_Y), at(LAST_Y + 17)], [110, 110, 63]);
        assert_eq!(
            [at(SIG_COEFF), at(SIG_COEFF + 27), at(SIG_COEFF + 41)],
            [111, 140, 111]
        );
        assert_eq!(
            [at(GREATER1), at(GREATER1 + 16), at(GREATER2)],
            [140, 140, 138]
        );
    }
}
