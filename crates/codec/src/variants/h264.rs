//! Picture parameter sets of H.264 (7.3.2.2).

use super::writer::BitWriter;
use super::{Changes, Variant, by_distance, differences};
use crate::bits::rbsp_bits;
use crate::h264::NalType;
use crate::nal::trim_trailing_zeros;
use h264_reader::rbsp::BitRead as _;
use std::num::NonZeroUsize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pps {
    header: u8,
    id: u32,
    sps_id: u32,
    entropy_coding_mode: bool,
    bottom_field_pic_order_in_frame_present: bool,
    num_ref_idx_default_active_minus1: [u32; 2],
    weighted_pred: bool,
    weighted_bipred_idc: u8,
    pic_init_qp_minus26: i32,
    pic_init_qs_minus26: i32,
    chroma_qp_index_offset: i32,
    deblocking_filter_control_present: bool,
    constrained_intra_pred: bool,
    redundant_pic_cnt_present: bool,
    transform_8x8_mode: bool,
    second_chroma_qp_index_offset: i32,
}

impl Pps {
    fn read(nal: &[u8]) -> Option<Self> {
        let nal = trim_trailing_zeros(nal);
        let header = *nal.first()?;
        if NalType::of(nal) != Some(NalType::PPS) || nal.len() > crate::bits::MAX_PARAMETER_SET {
            return None;
        }
        let mut bits = rbsp_bits(nal, NonZeroUsize::MIN);
        let mut r = &mut bits;
        let (id, sps_id) = (r.read_ue("").ok()?, r.read_ue("").ok()?);
        let (entropy, bottom) = (r.read_bit("").ok()?, r.read_bit("").ok()?);
        // Slice groups are for the Baseline and Extended profiles, and no camera's.
        if r.read_ue("num_slice_groups_minus1").ok()? != 0 {
            return None;
        }
        let mut pps = Self {
            header,
            id,
            sps_id,
            entropy_coding_mode: entropy,
            bottom_field_pic_order_in_frame_present: bottom,
            num_ref_idx_default_active_minus1: [r.read_ue("").ok()?, r.read_ue("").ok()?],
            weighted_pred: r.read_bit("").ok()?,
            weighted_bipred_idc: r.read::<2, u8>("").ok()?,
            pic_init_qp_minus26: r.read_se("").ok()?,
            pic_init_qs_minus26: r.read_se("").ok()?,
            chroma_qp_index_offset: r.read_se("").ok()?,
            deblocking_filter_control_present: r.read_bit("").ok()?,
            constrained_intra_pred: r.read_bit("").ok()?,
            redundant_pic_cnt_present: r.read_bit("").ok()?,
            transform_8x8_mode: false,
            second_chroma_qp_index_offset: 0,
        };
        pps.second_chroma_qp_index_offset = pps.chroma_qp_index_offset;
        if r.has_more_rbsp_data("").ok()? {
            pps.transform_8x8_mode = r.read_bit("").ok()?;
            if r.read_bit("pic_scaling_matrix_present_flag").ok()? {
                return None;
            }
            pps.second_chroma_qp_index_offset = r.read_se("").ok()?;
        }
        Some(pps)
    }

    fn write(&self) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(self.id);
        w.ue(self.sps_id);
        w.bit(self.entropy_coding_mode);
        w.bit(self.bottom_field_pic_order_in_frame_present);
        w.ue(0);
        for count in self.num_ref_idx_default_active_minus1 {
            w.ue(count);
        }
        w.bit(self.weighted_pred);
        w.bits(u32::from(self.weighted_bipred_idc), 2);
        w.se(self.pic_init_qp_minus26);
        w.se(self.pic_init_qs_minus26);
        w.se(self.chroma_qp_index_offset);
        w.bit(self.deblocking_filter_control_present);
        w.bit(self.constrained_intra_pred);
        w.bit(self.redundant_pic_cnt_present);
        // Decoders of the older profiles know nothing behind this.
        if self.transform_8x8_mode
            || self.second_chroma_qp_index_offset != self.chroma_qp_index_offset
        {
            w.bit(self.transform_8x8_mode);
            w.bit(false);
            w.se(self.second_chroma_qp_index_offset);
        }
        w.nal(&[self.header])
    }

    /// Whether a profile has the tools that are varied (A.2).
    const fn is_allowed(&self, profile_idc: u8) -> bool {
        let weighted = self.weighted_pred || self.weighted_bipred_idc != 0;
        match profile_idc {
            66 => !self.entropy_coding_mode && !self.transform_8x8_mode && !weighted,
            77 => !self.transform_8x8_mode,
            88 => !self.entropy_coding_mode && !self.transform_8x8_mode,
            _ => true,
        }
    }

    fn differences(&self, from: &Self) -> String {
        differences(&[
            (
                "entropy_coding_mode_flag",
                from.entropy_coding_mode.into(),
                self.entropy_coding_mode.into(),
            ),
            (
                "bottom_field_pic_order_in_frame_present_flag",
                from.bottom_field_pic_order_in_frame_present.into(),
                self.bottom_field_pic_order_in_frame_present.into(),
            ),
            (
                "weighted_pred_flag",
                from.weighted_pred.into(),
                self.weighted_pred.into(),
            ),
            (
                "weighted_bipred_idc",
                from.weighted_bipred_idc.into(),
                self.weighted_bipred_idc.into(),
            ),
            (
                "pic_init_qp_minus26",
                from.pic_init_qp_minus26.into(),
                self.pic_init_qp_minus26.into(),
            ),
            (
                "deblocking_filter_control_present_flag",
                from.deblocking_filter_control_present.into(),
                self.deblocking_filter_control_present.into(),
            ),
            (
                "transform_8x8_mode_flag",
                from.transform_8x8_mode.into(),
                self.transform_8x8_mode.into(),
            ),
        ])
    }
}

/// See [`super::variants`].
pub(super) fn variants(sps: &[u8], nal: &[u8], changes: Changes) -> Vec<Variant> {
    let Some(given) = Pps::read(nal) else {
        return Vec::new();
    };
    let mut all = match changes {
        Changes::Headers => of_headers(given),
        Changes::Data => of_data(given),
    };
    // `profile_idc`; where it cannot be told, the High profile allows all.
    let profile = sps.get(1).copied().unwrap_or(100);
    all.retain(|pps| *pps != given && pps.is_allowed(profile));
    let variant = |pps: Pps| Variant {
        nal: pps.write(),
        differs: pps.differences(&given),
    };
    all.into_iter().map(variant).collect()
}

fn of_headers(given: Pps) -> Vec<Pps> {
    let mut all = Vec::new();
    for bipred in [0, 1, 2] {
        for flips in 0..16_u8 {
            let flip = |bit: u8| flips >> bit & 1 != 0;
            all.push(Pps {
                entropy_coding_mode: given.entropy_coding_mode ^ flip(0),
                weighted_pred: given.weighted_pred ^ flip(1),
                deblocking_filter_control_present: given.deblocking_filter_control_present
                    ^ flip(2),
                bottom_field_pic_order_in_frame_present: given
                    .bottom_field_pic_order_in_frame_present
                    ^ flip(3),
                weighted_bipred_idc: (given.weighted_bipred_idc + bipred) % 3,
                ..given
            });
        }
    }
    // Few changes first.
    all.sort_by_key(|pps| pps.differences(&given).matches(',').count());
    all
}

fn of_data(given: Pps) -> Vec<Pps> {
    let qps = match given.entropy_coding_mode {
        true => by_distance(given.pic_init_qp_minus26, -26, 25),
        // No code of CAVLC depends on it.
        false => vec![given.pic_init_qp_minus26],
    };
    let mut all = Vec::new();
    for transform in [given.transform_8x8_mode, !given.transform_8x8_mode] {
        for qp in &qps {
            all.push(Pps {
                pic_init_qp_minus26: *qp,
                transform_8x8_mode: transform,
                ..given
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x264, High: CABAC, weighted prediction, 8x8 transform, as at a constant rate factor of 26.
    const X264: [u8; 4] = [0x68, 0xEF, 0x3C, 0xB0];

    #[test]
    fn what_is_read_is_written_back() {
        for nal in [
            &X264[..],
            &[0x68, 0xEE, 0x3C, 0x80],
            &[0x68, 0xCE, 0x38, 0x80],
        ] {
            assert_eq!(Pps::read(nal).unwrap().write(), nal);
        }
        assert!(Pps::read(&[0x67, 0xEE]).is_none());
        assert!(Pps::read(&[0x68, 0xEE]).is_none());
    }

    #[test]
    fn variants_differ_in_what_they_say() {
        let data = variants(&[0x67, 100], &X264, Changes::Data);
        assert_eq!(data.len(), 103);
        let near = data.first().unwrap();
        assert!(near.differs.starts_with("pic_init_qp_minus26 "), "{near:?}");
        let headers = variants(&[0x67, 100], &X264, Changes::Headers);
        assert_eq!(headers.len(), 47);
        let main = variants(&[0x67, 77], &X264, Changes::Data);
        assert_eq!(main.len(), 52, "without the 8x8 transform");
        for variant in data.iter().chain(&headers) {
            assert_ne!(variant.nal, X264);
            assert!(!variant.differs.is_empty());
            assert_eq!(Pps::read(&variant.nal).unwrap().write(), variant.nal);
        }
    }
}
